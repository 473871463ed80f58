"""The same text for JAX: `jnp` in place of `np`, and dtypes said where the two would promote differently."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ..languages import ATOM, Written, index_literal, literal
from ..operation import Op
from ..ops.indexing import _is_basic
from .helpers import from_run
from .lower import is_numpys, is_plain
from .program import Node
from .readable import METHODS, Writer

ALONG = frozenset("sum prod mean max min any all argmax argmin argsort cumsum logsumexp var std".split())
REDUCING = frozenset("sum prod mean cumsum".split())
SCATTERS = {
    "scatter": "jnp.zeros({shape}, {x}.dtype).at[{index}].add({x})",
    "index_add": "{x}.astype({dtype}).at[{index}].add({value})",
    "index_set": "{x}.astype({dtype}).at[{index}].set({value})",
}


class JaxWriter(Writer):
    """Writes a program for JAX."""

    modules: set[str]

    @property
    def imports(self) -> str:  # type: ignore[override]
        """The modules that the text calls."""
        more = "".join(f"import {module}\n" for module in sorted(self.modules))
        return f"{more}import jax.numpy as jnp\nimport numpy as np\n"

    def write(self) -> None:
        self.modules = set()
        super().write()

    def operands(self, node: Node) -> list[Written]:
        """The operands, in the dtype that NumPy computes in."""
        written = super().operands(node)
        wanted = computed_in(node)
        for i, a in enumerate(node.args):
            if isinstance(a, Node) and wanted is not None and a.dtype != wanted[i]:
                text, level = written[i]
                written[i] = Written(f"{text if level == ATOM else f'({text})'}.astype(np.{wanted[i].name})")
        return written

    def text(self, node: Node) -> Written:
        if node.op is not None and node.op.name in ALONG and node.args[0].ndim == 0:  # to NumPy, a number has an axis 0
            node = Node(node.shape, node.dtype, node.op, node.args, {**node.static, "axis": None})
        return super().text(node)

    def has_literal(self, part: Any) -> bool:
        """JAX takes no list for an index."""
        return not isinstance(part, np.ndarray) and super().has_literal(part)

    def call_of_helper(self, op: Op, node: Node) -> Written:
        """What NumPy needs statements for is an expression in JAX; what is not made of NumPy's functions has no counterpart."""
        if op.jax:
            return self._counterpart(op, node)
        if op.name in SCATTERS and is_plain(op):
            return self._scattered(op, node)
        if from_run(op, node, self) is None:
            raise TypeError(
                f"{op.name} has no counterpart in JAX: its function looks at values, or calls what is not NumPy. Define it by NumPy "
                f"functions that Tensors know, tg.op(..., name={op.name!r}, plain=lambda x: ...), or use target='numpy'"
            )
        return super().call_of_helper(op, node)

    def _counterpart(self, op: Op, node: Node) -> Written:
        """A call of the function of JAX that the op's definition names."""
        module, _, _ = op.jax.rpartition(".")
        self.modules.add(module)
        self.hold_parts(node)
        statics = [f"{key}={literal(value, self.statics)}" for key, value in node.static.items()]
        return Written(f"{op.jax}({', '.join([*(text for text, _ in self.operands(node)), *statics])})")

    def _scattered(self, op: Op, node: Node) -> Written:
        self.hold_parts(node)
        x, *value = [text if level == ATOM else f"({text})" for text, level in super().operands(node)]
        index = node.static["index"]
        if op.name == "index_set" and not _is_basic(index):  # where an index repeats, the last one counts: JAX leaves that open
            ticket, place = last_written(index, node.shape)
            names = []
            for array in (ticket, place):
                names.append(self.names.numbered("c"))
                self.constants[names[-1]] = array
            given = f"jnp.broadcast_to({value[0]}, {place.shape}).reshape(-1)"
            return Written(f"np.where({names[0]} >= 0, {given}[{names[0]}], {x}).astype(np.{node.dtype.name})")
        text = SCATTERS[op.name].format(
            x=x, value=value[0] if value else "", index=index_literal(index, self.statics), shape=node.shape, dtype=f"np.{node.dtype.name}"
        )
        return Written(text)

    def spelled(self, text: str) -> str:
        return re.sub(r"\bnp\.", "jnp.", text)


def last_written(index: Any, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """For each entry of an array, the number of the value that is written there last, -1 for none; and an array of the values' shape."""
    ticket = np.full(shape, -1, np.intp)
    place = np.zeros(ticket[index].shape, np.bool)
    ticket[index] = np.arange(place.size).reshape(place.shape)
    return ticket, place


def computed_in(node: Node) -> list[Any] | None:
    """The dtypes that NumPy converts the operands to; None if it leaves them."""
    op = node.op
    assert op is not None
    if is_numpys(op):
        given = [a.dtype if isinstance(a, Node) else type(a) for a in node.args]
        ufunc: Any = op.run
        return list(ufunc.resolve_dtypes((*given, None)))[: len(given)]
    if op.jax and node.dtype.kind == "f":
        return [node.dtype] * len(node.args)
    if op.name in REDUCING | METHODS or op.name in ("where", "concatenate", "stack"):
        return [node.args[0].dtype if i == 0 and op.name == "where" else node.dtype for i in range(len(node.args))]
    return None
