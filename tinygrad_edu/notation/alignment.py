"""How operands of several shapes line up, and where mathematics has to say so.

It writes v[:, None] beside a matrix, and u vᵀ for an outer product.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..engine.op import Op
from ..engine.tensor import Tensor
from .templates import template_of


def outer_product(args: Sequence[Any], names: Container[int]) -> int:
    """Whether a product is an outer one.

    It is 1 for every entry of a column with every entry of a row, -1 for a row with a column,
    otherwise 0.
    """
    for of, (a, b) in ((1, args), (-1, args[::-1])):
        column, row = np.shape(a), place(b, names)
        if (
            len(column) == 2
            and column[1] == 1 < column[0]
            and len(row.shape) == 1 < row.shape[0]
            and row.axes == [-1]
        ):
            return of
    return 0


def is_unwritten(op: Op, args: Sequence[Any], static: Mapping[str, Any]) -> bool:
    """Whether mathematics shows the operand of an op in its place."""
    if op.unwritten is not None and op.unwritten(args, static):
        return True
    return template_of(op.latex, static) == "{}"


class Place(NamedTuple):
    """An operand as it is written, and where its axes come to lie beside another.

    Axes are counted from the last, as NumPy lines arrays up.
    """

    shape: tuple[int, ...]
    axes: list[int]
    is_column: bool  # it reads Σ over the columns, which stands beside the rows
    beside: tuple[int, ...]  # its shape there

    def upright(self, ndim: int) -> tuple[Any, ...]:
        """What puts the axes there: v[:, None]."""
        if 1 not in self.shape:
            found: list[Any] = [None] * ndim
            for i in self.axes:
                found[i] = slice(None)
        else:  # an axis of length 1 that it has is no new one
            own, found = list(self.shape), []
            for n in self.beside:
                is_own = own[:1] == [n]
                found.append(slice(None) if is_own else None)
                own = own[is_own:]
        while found[-1] is not None and len(found) > 1:
            found.pop()
        return tuple(found)


def place(a: Any, names: Container[int]) -> Place:
    """The place of an operand whose new axes, of length 1, are left to the reader."""
    chain: list[Tensor] = []
    while (
        type(a) is Tensor
        and a.op is not None
        and id(a) not in names
        and is_unwritten(a.op, a.args, a.static)
        and np.ndim(a) > np.ndim(a.args[0]) > 0
    ):
        chain.append(a)
        a = a.args[0]
    shape = np.shape(a)
    beside = shape
    for t in reversed(chain):
        if t.op is not None and t.op.kind != "broadcast":  # which lines axes up as any op does
            beside = t.shape
    axes = [i - len(beside) for i, n in enumerate(beside) if n != 1]
    is_sum = (
        type(a) is Tensor
        and a.op is not None
        and id(a) not in names
        and a.ndim == 1 == np.ndim(a.args[0]) - 1
    )
    is_column = is_sum and a.static.get("axis") in (1, -1) and a.op.shapes == "axes"
    return Place(shape, axes, is_column, beside)


def is_misread(places: Sequence[Place]) -> bool:
    """Whether a reader would line up the operands otherwise than they are.

    One lines arrays up as NumPy does, and a vector also beside the columns of a matrix as long.
    """
    read = [[i - len(p.shape) for i, n in enumerate(p.shape) if n != 1] for p in places]
    found = [p.axes for p in places]
    deep = max(len(p.shape) for p in places)
    if deep == 2:
        lengths = [
            max((p.shape[i] for p in places if len(p.shape) == 2 and p.shape[i] != 1), default=0)
            for i in (0, 1)
        ]
        for k, p in enumerate(places):
            if (
                len(p.shape) == 1 < p.shape[0]
                and (p.shape[0] != lengths[1] or p.is_column)
                and lengths[0] in (p.shape[0], 0)
            ):
                read[k] = [-2]
    return read != found
