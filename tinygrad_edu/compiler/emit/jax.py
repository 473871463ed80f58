"""The same text for JAX.

`jnp` in place of `np`, and dtypes said where the two would promote differently.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import numpy as np

from ...engine.domains import LOGICAL
from ...engine.op import Op
from ...notation.literals import index_literal, literal
from ...notation.templates import Written
from ...ops.indexing import _is_basic
from ..ir import Node
from ..passes.lower import is_numpys, is_plain
from .accumulation import Sums
from .helpers import from_library, from_run
from .pretty import Writer
from .spelling import has_statements, in_brackets
from .text import renamed

MANY = 1 << 14  # entries of a matrix


class JaxWriter(Writer):
    """Writes a program for JAX."""

    def imports(self) -> list[str]:
        return ["import jax.numpy as jnp", "import numpy as np"]

    def write(self) -> None:
        self.sums = Sums({}, set())
        super().write()
        self.lines = [(part, renamed(line, {"np": "jnp"})) for part, line in self.lines]

    def operands(self, node: Node) -> list[Written]:
        """The operands, in the dtype that NumPy computes in."""
        written = super().operands(node)
        wanted = computed_in(node)
        for i, a in enumerate(node.args):
            if isinstance(a, Node) and wanted is not None and a.dtype != wanted[i]:
                written[i] = Written(f"{in_brackets(written[i])}.astype(np.{wanted[i].name})")
        return written

    def text(self, node: Node) -> Written:
        op = node.op
        assert op is not None
        if op.write_jax and not op.is_primitive and node.args[0].is_constant:
            return self.call_of_helper(op, node)
        # to NumPy, a number has an axis 0
        if op.kind in ("reduction", "along an axis") and node.args[0].ndim == 0:
            node = Node(node.shape, node.dtype, op, node.args, {**node.static, "axis": None})
        turned = self._turned(node)
        if turned is not None:
            return turned
        if "index" in node.static and is_plain(op):
            index = fixed(node.static["index"])
            self.kept.append(index)
            node = Node(node.shape, node.dtype, op, node.args, {**node.static, "index": index})
            if has_statements(op):
                return self._scattered(op, node)
        return super().text(node)

    def _turned(self, node: Node) -> Written | None:
        """X.T @ v as v @ X, and with one column as (v.T @ X).T.

        XLA takes 2 to 20 times as long for the first, of many rows.
        """
        if not is_of_kind(node, "contraction") or not is_of_kind(node.args[0], "permutation"):
            return None
        x, v = node.args[0].args[0], node.args[1]
        if x.ndim != 2 or not x.dtype == v.dtype == node.dtype:
            return None
        if v.ndim == 1:
            return self.spelled(Node(node.shape, node.dtype, node.op, (v, x)))
        is_large = v.shape[1:] == (1,) and x.size >= MANY
        return (
            Written(f"({in_brackets(self.operand(v))}.T @ {in_brackets(self.operand(x))}).T")
            if is_large
            else None
        )

    def has_statements(self, node: Node) -> bool:
        """JAX has expressions for what NumPy needs statements for."""
        return False

    def has_literal(self, part: Any) -> bool:
        """JAX takes no list for an index."""
        return not isinstance(part, np.ndarray) and super().has_literal(part)

    def call_of_helper(self, op: Op, node: Node) -> Written:
        """What is not made of NumPy's functions, or JAX's, has no counterpart."""
        if op.write_jax:
            texts = [self.operand(a).text for a in node.args]
            if "jax." in op.write_jax:
                self.module.imports["import jax"] = None
            return Written(op.write_jax.format(*texts, **node.static))
        if op.jax:
            return self._counterpart(op, node)
        if from_run(op, node, self) is not None:
            return super().call_of_helper(op, node)
        called = from_library(op, self.module)
        if called.startswith("np.") and _is_jax_s(called.removeprefix("np.")):
            return super().call_of_helper(op, node)
        raise TypeError(
            f"{op.name} has no counterpart in JAX: its function looks at values, or calls what is "
            "not NumPy. Define it by NumPy "
            f"functions that Tensors know, tg.op(..., name={op.name!r}, plain=lambda x: ...), or "
            "use target='numpy'"
        )

    def _counterpart(self, op: Op, node: Node) -> Written:
        """A call of the function of JAX that the op's definition names."""
        module, _, name = op.jax.rpartition(".")
        try:
            known = hasattr(import_module(module), name)
        except (ImportError, ValueError):
            known = False
        if not known:
            raise TypeError(
                f"{op.name} was defined with jax={op.jax!r}, which JAX has not: name an equal "
                "function, jax='jax.nn.relu', or leave it out"
            )
        self.module.imports[f"import {module}"] = None
        self.hold(node)
        statics = [f"{key}={literal(value, self.statics)}" for key, value in node.static.items()]
        return Written(
            f"{op.jax}({', '.join([*(text for text, _ in self.operands(node)), *statics])})"
        )

    def _scattered(self, op: Op, node: Node) -> Written:
        self.hold(node)
        x, *_ = [in_brackets(self.operand(a)) for a in node.args]
        index, value = node.static["index"], self.value_put(node)
        # where an index repeats, the last one counts: JAX leaves that open
        if op.replaces and not _is_basic(index):
            ticket, place = last_written(index, node.shape)
            names = []
            for array in (ticket, place):
                names.append(self.names.numbered("c"))
                self.module.constants[names[-1]] = array
            given = f"jnp.broadcast_to({value}, {place.shape}).reshape(-1)"
            return Written(
                f"np.where({names[0]} >= 0, {given}[{names[0]}], {x}).astype(np.{node.dtype.name})"
            )
        place = index_literal(index, self.statics)
        return Written(
            op.write_jax.format(
                x=x, value=value, index=place, shape=node.shape, dtype=f"np.{node.dtype.name}"
            )
        )


def _is_jax_s(path: str) -> bool:
    """Whether jax.numpy has a function: "exp", "linalg.inv"."""
    found: Any = sys.modules.get("jax.numpy")
    for name in path.split("."):
        found = getattr(found, name, None)
    return found is not None


def fixed(index: Any) -> Any:
    """An index as JAX takes it.

    It has arrays in place of lists, and of a mask the places where it is true.
    """
    found: list[Any] = []
    for part in index if type(index) is tuple else (index,):
        part = np.asarray(part, None if len(part) else np.intp) if isinstance(part, list) else part
        is_mask = isinstance(part, np.ndarray) and part.dtype.kind == "b" and part.ndim > 0
        found += np.nonzero(part) if is_mask else (part,)
    return tuple(found) if type(index) is tuple or len(found) != 1 else found[0]


def is_of_kind(a: Any, kind: str) -> bool:
    """Whether a node is the result of an op of a kind."""
    return isinstance(a, Node) and a.op is not None and a.op.kind == kind


def last_written(index: Any, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """For each entry of an array, the number of the value that is written there last, or -1.

    And an array of the values' shape.
    """
    ticket = np.full(shape, -1, np.intp)
    place = np.zeros(ticket[index].shape, np.bool)
    ticket[index] = np.arange(place.size).reshape(place.shape)
    return ticket, place


def computed_in(node: Node) -> list[Any] | None:
    """The dtypes that NumPy converts the operands to; None if it leaves them."""
    op = node.op
    assert op is not None
    if is_numpys(op):
        given = [
            a.dtype if isinstance(a, Node) else np.dtype(bool) if type(a) is bool else type(a)
            for a in node.args
        ]
        ufunc: Any = op.run
        return list(ufunc.resolve_dtypes((*given, None)))[: len(given)]
    if op.jax and node.dtype.kind == "f":
        return [node.dtype] * len(node.args)
    if op.converts:  # but conditions, which stay booleans
        is_condition = [domain == LOGICAL for domain in op.domain] or [False] * len(node.args)
        return [
            a.dtype if isinstance(a, Node) and stays else node.dtype
            for a, stays in zip(node.args, is_condition, strict=True)
        ]
    return None
