"""Constants, and how one is written with another: as 1 - c, c.mT or a view c[i]."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import Any

import numpy as np

from ..engine.tensor import Tensor
from ..ops.elementwise import subtract
from ..ops.indexing import getitem
from ..ops.shape import swapaxes
from .python import Call


def recognized(constant: Any, known: Sequence[Any], names: Container[int] = ()) -> Iterator[Call]:
    """The call that gives the constant, if it is a simple one on what is known.

    Or if it is a view of an array whose id is among the names.
    """
    value = data_of(constant)
    if isinstance(value.base, np.ndarray) and id(value.base) in names:
        index = index_of_view(value, value.base)
        if index is not None:
            yield Call(getitem, (value.base,), {"index": index}, value.ndim)
            return
    for a in known:
        if (
            not is_variable(a)
            and value.shape == np.shape(a)
            and "b" not in (value.dtype.kind, data_of(a).dtype.kind)
            and np.array_equal(value, 1 - data_of(a))
        ):
            yield Call(subtract, (1, a), {}, value.ndim)
            return
        if (
            not is_variable(a)
            and value.ndim == np.ndim(a) > 1
            and value.shape == data_of(a).mT.shape
            and np.array_equal(value, data_of(a).mT)
        ):
            yield Call(swapaxes, (a,), {"axis1": -1, "axis2": -2}, value.ndim)
            return


def index_of_view(view: Any, base: Any) -> tuple[Any, ...] | None:
    """Integers and slices that give an equal view of the array.

    None if it is another kind of view, such as a transpose.
    """
    offset = view.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    if (
        offset < 0
        or view.size == 0
        or any(stride <= 0 for stride in (*view.strides, *base.strides))
    ):
        return None
    index: list[Any] = []
    axis = 0
    for n, stride in zip(base.shape, base.strides, strict=True):
        start, offset = divmod(offset, stride)
        m, step = (
            (view.shape[axis], view.strides[axis] // stride)
            if axis < view.ndim and view.strides[axis] >= stride
            else (0, 0)
        )
        if not step or start + (m - 1) * step >= n:
            index.append(int(start))
            continue
        axis += 1
        is_whole = m == n and step == 1
        index.append(
            slice(None)
            if is_whole
            else slice(
                int(start), int(start + (m - 1) * step + 1), None if step == 1 else int(step)
            )
        )
    if any(isinstance(i, int) and not 0 <= i < n for i, n in zip(index, base.shape, strict=True)):
        return None
    found = base[tuple(index)]
    is_equal = (
        found.shape == view.shape and found.strides == view.strides and found.dtype == view.dtype
    )
    is_same = is_equal and found.__array_interface__["data"] == view.__array_interface__["data"]
    while index and index[-1] == slice(None):
        index.pop()
    return tuple(index) if is_same and index else None


def is_variable(a: Any) -> bool:
    """Whether a value was computed, or asks for a gradient: not a constant."""
    return type(a) is Tensor and (a.requires_grad or not a.is_leaf)


def is_same(a: Any, b: Any) -> bool:
    """Whether two constants hold the same numbers."""
    x, y = data_of(a), data_of(b)
    return x is y or (not is_variable(b) and np.shape(x) == np.shape(y) and np.array_equal(x, y))


def data_of(a: Any) -> Any:
    """The array of a tensor; any other operand as it is."""
    return a._array if type(a) is Tensor else a
