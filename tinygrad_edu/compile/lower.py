"""Ops taken apart into those that NumPy and JAX have: each by running its own function on placeholders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core import Tensor
from ..define import in_table
from ..graph import ancestors
from ..operation import Op
from ..registry import registry
from .program import Builder, Maker, Node, Program
from .simplify import RULES, is_number
from .trace import Recording

# ops that stay: what both NumPy and JAX have under this name
PLAIN = frozenset(
    "sum mean max min prod any all argmax argmin argsort cumsum reshape transpose swapaxes squeeze expand_dims broadcast_to flip moveaxis "
    "astype concatenate stack where getitem scatter index_set index_add".split()
)


def is_plain(op: Op) -> bool:
    """Whether NumPy and JAX have an op, so that it is not taken apart."""
    return is_numpys(op) or (op.name in PLAIN and in_table(op))


def is_numpys(op: Op) -> bool:
    """Whether an op is a ufunc of NumPy's own."""
    return isinstance(op.run, np.ufunc) and getattr(np, op.run.__name__, None) is op.run


def taken_apart(op: Op, args: Sequence[Any], static: Mapping[str, Any]) -> tuple[Recording, Tensor] | None:
    """An op's function, run on placeholders of its operands' shapes; None if it cannot be, since it looks at values, say."""
    recording = Recording(op.name)
    # one number, stretched: any shape takes no memory
    operands = [recording.placeholder(np.broadcast_to(np.ones((), a.dtype), a.shape), None) if isinstance(a, Node) else a for a in args]
    try:
        y = recording.run(op.plain, *operands, **static)
    except Exception:  # the op's author need not have thought of Tensors
        return None
    if type(y) is not Tensor or not recording.depends(y):
        return None
    is_itself = any([t.op is op for t in ancestors(y, until=recording.inputs)])  # NumPy's own function, which Tensors take to the op
    return None if is_itself else (recording, y)


class Lowering:
    """Makes the nodes of a program again, from plain ops alone."""

    def __init__(self, rules: Mapping[str, Maker]) -> None:
        self.builder = Builder(rules, fold_arrays=True)

    def program(self, program: Program) -> Program:
        """The program of plain ops, whatever is known in advance computed."""
        of: dict[Node, Node] = {node: node for node in program.inputs}
        for node in program.constants:
            of[node] = self.builder.constant(node.value, node.label)
        for node in program.nodes:
            self.builder.part = node.part
            args = [of[a] if isinstance(a, Node) else a for a in node.args]
            made = of[node] = self.call(node.op, args, node.static, node.shape, node.dtype)
            if not made.is_constant:
                made.label = made.label or node.label
                made.hint = node.hint
                if node.after is not None and made.after is None:
                    prefix, at = node.after
                    made.after = prefix, of.get(at, at)
            self.builder.uses[made] += program.uses[node]
        return Program(program.inputs, [of[node] for node in program.outputs])

    def call(self, op: Any, args: Sequence[Any], static: Mapping[str, Any], shape: tuple[int, ...], dtype: Any) -> Node:
        """The node of an op, taken apart if need be."""
        if is_plain(op) or not any(isinstance(a, Node) and not a.is_constant for a in args):
            return self.builder.make(op, args, static, shape, dtype)
        found = taken_apart(op, args, static)
        if found is None or (found[1].shape, found[1].dtype) != (shape, dtype):
            return self.builder.plain(op, tuple(args), static, shape, dtype)
        recording, y = found
        nodes = [a for a in args if isinstance(a, Node)]
        of: dict[Tensor, Node] = dict(zip(recording.inputs, nodes, strict=True))
        order = ancestors(y, until=recording.inputs)
        uses = Counter(a for t in order for a in t.args if type(a) is Tensor)
        for t in order:
            if t not in of:
                if t.op is None:
                    of[t] = self.builder.constant(t._array)
                else:
                    operands = [
                        of[a] if type(a) is Tensor else self.builder.constant(a) if isinstance(a, np.ndarray) else a for a in t.args
                    ]
                    of[t] = operands[0] if t.op.name == "copy" else self.call(t.op, operands, t.static, t.shape, t.dtype)
                self.builder.uses[of[t]] += uses[t]
        return of[y]


def mean(b: Builder, args: tuple[Any, ...], static: Mapping[str, Any], shape: tuple[int, ...], dtype: Any) -> Node | None:
    """A mean is a sum, divided as np.mean does."""
    x = args[0]
    if x.dtype != dtype or dtype == np.float16 or 0 in x.shape:
        return None
    total = b.make(registry["sum"], args, static, shape, dtype)
    return b.make(registry["divide"], (total, float(x.size // max(total.size, 1))), {}, shape, dtype)


def power(b: Builder, args: tuple[Any, ...], static: Mapping[str, Any], shape: tuple[int, ...], dtype: Any) -> Node | None:
    """A small power is a product, several times faster than np.power, and a power of 2 a square, which `**` takes it for too."""
    x, n = args
    if not is_number(n) or not isinstance(x, Node) or x.dtype != dtype:
        return RULES["power"](b, args, static, shape, dtype)  # type: ignore[no-any-return]
    if n in (2, 3, 4) and (n == 2 or dtype != np.float16):
        square = b.make(registry["square"], (x,), {}, shape, dtype)
        if n == 2:
            return square
        return b.make(registry["multiply"], (square, x if n == 3 else square), {}, shape, dtype)
    if n == -1 and dtype.kind == "f":
        return b.make(registry["divide"], (1.0, x), {}, shape, dtype)
    return RULES["power"](b, args, static, shape, dtype)  # type: ignore[no-any-return]


def multiply(b: Builder, args: tuple[Any, ...], static: Mapping[str, Any], shape: tuple[int, ...], dtype: Any) -> Node | None:
    """A product with itself is a square."""
    if args[0] is args[1] and isinstance(args[0], Node) and dtype.kind != "b":  # np.square of booleans is of int8
        return b.make(registry["square"], args[:1], {}, shape, dtype)
    return RULES["multiply"](b, args, static, shape, dtype)  # type: ignore[no-any-return]


NUMPY_RULES: dict[str, Maker] = {**RULES, "mean": mean, "power": power, "multiply": multiply}
