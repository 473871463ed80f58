"""Ops decomposed into those that NumPy and JAX have.

Each by running its own function on placeholders.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...engine.op import Op
from ...engine.tensor import Tensor
from ...graph import ancestors
from ..capture import Recording
from ..ir import Builder, Node, Program
from .strength import NUMPY_RULES


def is_plain(op: Op) -> bool:
    """Whether NumPy and JAX have an op, so that it is not decomposed."""
    return is_numpys(op) or op.is_primitive


def is_numpys(op: Op) -> bool:
    """Whether an op is a ufunc of NumPy's own."""
    return isinstance(op.run, np.ufunc) and getattr(np, op.run.__name__, None) is op.run


def decomposed(
    op: Op, args: Sequence[Any], static: Mapping[str, Any]
) -> tuple[Recording, Tensor] | None:
    """An op's function, run on placeholders of its operands' shapes.

    None if it cannot be, since it looks at values, say.
    """
    recording = Recording(op.name)
    # one number, stretched: any shape takes no memory
    operands = [
        recording.placeholder(np.broadcast_to(np.ones((), a.dtype), a.shape), None)
        if isinstance(a, Node)
        else a
        for a in args
    ]
    try:
        y = recording.run(op.plain, *operands, **static)
    except Exception:  # the op's author need not have thought of Tensors
        return None
    if type(y) is not Tensor or not recording.depends(y):
        return None
    # NumPy's own function, which Tensors take to the op
    is_itself = any([t.op is op for t in ancestors(y, until=recording.inputs)])
    return None if is_itself else (recording, y)


def lower(program: Program) -> Program:
    """The program of plain ops, whatever is known in advance computed."""
    return Lowering().program(program)


class Lowering:
    """Makes the nodes of a program again, from plain ops alone."""

    def __init__(self) -> None:
        self.builder = Builder(NUMPY_RULES, fold_arrays=True)

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

    def call(
        self,
        op: Any,
        args: Sequence[Any],
        static: Mapping[str, Any],
        shape: tuple[int, ...],
        dtype: Any,
    ) -> Node:
        """The node of an op, decomposed if need be."""
        if is_plain(op) or not any(isinstance(a, Node) and not a.is_constant for a in args):
            return self.builder.make(op, args, static, shape, dtype)
        found = decomposed(op, args, static)
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
                        of[a]
                        if type(a) is Tensor
                        else self.builder.constant(a)
                        if isinstance(a, np.ndarray)
                        else a
                        for a in t.args
                    ]
                    of[t] = (
                        operands[0]
                        if t.op.kind == "copy"
                        else self.call(t.op, operands, t.static, t.shape, t.dtype)
                    )
                self.builder.uses[of[t]] += uses[t]
        return of[y]
