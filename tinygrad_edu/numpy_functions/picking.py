"""Entries picked, repeated, moved, put in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..engine.overrides import implements
from ..engine.tensor import Tensor
from ..functions import as_floats, as_tensor
from ..ops.elementwise import where
from ..ops.indexing import scatter
from ..ops.shape import concatenate, moveaxis
from .joining import pieces
from .shaping import along, length

_numpy: Any = np  # whose stubs know no Tensors


@implements(np.take)
def _take(a: Any, indices: Any, axis: int | None = None, mode: str = "raise") -> Tensor:
    t = as_tensor(a)
    if axis is None:
        t, axis = t.reshape(-1), 0
    if mode != "raise":
        n = length(t, axis)
        indices = np.asarray(indices)
        indices = indices % n if mode == "wrap" else np.clip(indices, 0, n - 1)
    return along(t, axis, indices if type(indices) is Tensor else np.asarray(indices))


@implements(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Tensor:
    """The entries at one index per line along an axis, as argsort gives them."""
    t = as_tensor(arr)
    if axis is None:
        t, axis = t.reshape(-1), 0
    if np.ndim(indices) != t.ndim:
        raise ValueError(
            f"take_along_axis takes indices of as many axes as the tensor has, {t.ndim}, and not "
            f"{np.ndim(indices)}: write np.take(t, indices, axis) for the same ones on each line"
        )
    grid: list[Any] = list(np.indices(t.shape, sparse=True))
    grid[normalize_axis_index(axis, t.ndim)] = indices
    return t[tuple(grid)]


@implements(np.repeat)
def _repeat(a: Any, repeats: Any, axis: int | None = None) -> Tensor:
    t = as_tensor(a)
    if axis is None:
        t, axis = t.reshape(-1), 0
    return along(t, axis, np.repeat(np.arange(length(t, axis)), np.asarray(repeats)))


@implements(np.roll)
def _roll(a: Any, shift: Any, axis: Any = None) -> Any:
    t = as_tensor(a)
    if axis is None:
        return _roll(t.reshape(-1), shift, 0).reshape(t.shape)
    for by, along_axis in np.broadcast(shift, axis):
        n = length(t, along_axis)
        if by != int(by):
            raise TypeError(f"roll shifts by whole numbers, not by {by}: write int(shift)")
        by = int(by)
        if n and by % n:
            cut = n - by % n
            t = concatenate(pieces(t, along_axis, slice(cut, None), slice(cut)), along_axis)
    return t


@implements(np.compress)
def _compress(condition: Any, a: Any, axis: int | None = None) -> Tensor:
    t = as_tensor(a)
    if axis is None:
        t, axis = t.reshape(-1), 0
    return along(t, axis, np.flatnonzero(np.asarray(condition)))


@implements(np.extract)
def _extract(condition: Any, arr: Any) -> Tensor:
    return as_tensor(arr).reshape(-1)[np.flatnonzero(np.asarray(condition))]


@implements(np.select)
def _select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Tensor:
    if len(condlist) != len(choicelist):
        raise ValueError(
            f"select pairs each condition with a choice: {len(condlist)} conditions, "
            f"{len(choicelist)} choices"
        )
    for condition in condlist:
        if as_tensor(condition).dtype.kind != "b":
            raise TypeError(
                f"select takes conditions, not {as_tensor(condition).dtype}: write condition != 0"
            )
    y = default
    for condition, choice in zip(condlist[::-1], choicelist[::-1], strict=True):
        y = where(condition, choice, y)
    return as_tensor(y)


@implements(np.piecewise)
def _piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kwargs: Any) -> Any:
    t = as_tensor(x)
    several = condlist if np.ndim(condlist) > t.ndim else [condlist]
    conditions = [np.asarray(c, bool) for c in several]
    if t.dtype.kind != "f" and not any(type(f) is Tensor for f in funclist):
        return as_tensor(np.piecewise(t.numpy(), conditions, [*funclist], *args, **kwargs))
    if not t.ndim:
        as_rows = [c.reshape(1) for c in conditions]
        return _piecewise(t.reshape(1), as_rows, funclist, *args, **kwargs).reshape(())
    if len(funclist) == len(conditions) + 1:  # the last one for where none of them holds
        conditions.append(~np.logical_or.reduce(conditions))
    if len(funclist) != len(conditions):
        raise ValueError(
            f"piecewise pairs each condition with a function, and one more may follow: "
            f"{len(condlist)} conditions, {len(funclist)} functions"
        )
    y: Any = as_tensor(np.zeros_like(t._array))
    for where_, function in zip(conditions, funclist, strict=True):
        part = function(t[where_], *args, **kwargs) if callable(function) else function
        y = y.at[where_].set(part)
    return y


@implements(np.choose)
def _choose(a: Any, choices: Any) -> Any:
    which = np.asarray(a)
    if which.size and not (0 <= which.min() and which.max() < len(choices)):
        raise ValueError(
            f"choose takes numbers of choices, 0 to {len(choices) - 1}, and here they reach from "
            f"{which.min()} to {which.max()}"
        )
    return _select([which == k for k in range(len(choices))], [*choices], default=np.nan)


@implements(np.diagonal)
def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The entries of a diagonal, on a new last axis."""
    t = moveaxis(as_tensor(a), (axis1, axis2), (-2, -1))
    rows, columns = t.shape[-2:]
    i = np.arange(max(0, min(rows + min(offset, 0), columns - max(offset, 0))))
    return t[..., i - min(offset, 0), i + max(offset, 0)]


@implements(np.linalg.diagonal)
def _diagonal_of_matrices(x: Any, /, *, offset: int = 0) -> Any:
    return diagonal(x, offset, -2, -1)


@implements(np.diag)
def _diag(v: Any, k: int = 0) -> Any:
    t = as_tensor(v)
    if t.ndim == 2:
        return diagonal(t, k)
    if t.ndim != 1:
        raise ValueError(
            f"diag takes a vector or a matrix, {t.label()} has shape {t.shape}: "
            "np.diagflat(t) takes the entries of any shape, np.linalg.diagonal(t) a stack"
        )
    i, n = np.arange(t.size), t.size + abs(k)
    return scatter(t, index=(i - min(k, 0), i + max(k, 0)), shape=(n, n))


@implements(np.diagflat)
def _diagflat(v: Any, k: int = 0) -> Any:
    return _diag(as_tensor(v).reshape(-1), k)


@implements(np.pad)
def _pad(array: Any, pad_width: Any, mode: str = "constant", **how: Any) -> Tensor:
    t = as_tensor(array)
    moves = ("edge", "wrap", "reflect", "symmetric")
    if mode in moves and how.get("reflect_type", "even") == "even":
        places = _numpy.pad(np.arange(t.size).reshape(t.shape), pad_width, mode, **how)
        return t.reshape(-1)[places]
    if mode != "constant":
        raise ValueError(
            f"pad of a Tensor takes mode='constant' and {', '.join(map(repr, moves))} with "
            f"reflect_type='even', not {mode!r}{how or ''}: join the parts with np.concatenate"
        )
    if any(type(v) is Tensor for v in how.values()):
        raise TypeError("pad of a Tensor takes numbers as constant_values")
    if not t.size:
        return as_tensor(_numpy.pad(np.zeros(t.shape, t.dtype), pad_width, mode, **how))
    ones = np.pad(np.ones(t.shape, bool), pad_width)
    around = _numpy.pad(np.zeros(t.shape, t.dtype), pad_width, mode, **how)
    inside = tuple(
        slice(int(np.argmax(line)), int(np.argmax(line)) + n)
        for n, line in zip(t.shape, _sides(ones), strict=True)
    )
    return as_tensor(around).at[inside].set(t)


def _sides(inside: Any) -> list[Any]:
    """Where along each axis there is something inside."""
    axes = range(inside.ndim)
    return [inside.any(axis=tuple(j for j in axes if j != i)) for i in axes]


@implements(np.lib.stride_tricks.sliding_window_view)
def _sliding_window_view(x: Any, window_shape: Any, axis: Any = None, **how: Any) -> Tensor:
    t = as_tensor(x)
    places = np.arange(t.size).reshape(t.shape)
    windows = np.lib.stride_tricks.sliding_window_view(places, window_shape, axis)
    return t.reshape(-1)[np.ascontiguousarray(windows)]


@implements(np.bincount)
def _bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    places = np.asarray(x).astype(np.intp, casting="safe")
    if places.size and places.min() < 0:
        raise ValueError("bincount counts whole numbers from 0 on, and here is a negative one")
    if minlength < 0:
        raise ValueError(f"minlength is at least 0, not {minlength}")
    if type(weights) is not Tensor:
        return np.bincount(places, weights, minlength)
    heavy = as_floats(weights)
    bins = np.zeros(max(minlength, places.max(initial=-1) + 1), heavy.dtype)
    return as_tensor(bins).at[places].add(heavy)


@implements(np.histogram_bin_edges)
def _edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    """The edges of bins: from the smallest entry to the largest, if nothing else is said."""
    if isinstance(bins, str):
        raise TypeError(f"bins of a Tensor are a number or edges, not {bins!r}: write bins=10")
    if np.ndim(bins):
        edges = as_tensor(bins)
        if (np.diff(edges.numpy()) < 0).any():
            raise ValueError("bins are edges that increase: write np.sort(bins)")
        return edges
    if bins < 1 or bins != int(bins):
        raise ValueError(f"bins are a number, from 1 on, or edges: not {bins!r}")
    t = as_floats(a)
    values = t.numpy() if range is None else np.asarray([as_tensor(end).item() for end in range])
    if not np.isfinite(values).all() or (range is not None and values[0] > values[1]):
        raise ValueError(
            "bins reach from the smallest number to the largest, both finite: "
            "leave out NaN and infinities, or write range=(low, high)"
        )
    if range is None:
        range = (t.min(), t.max()) if t.size else (0.0, 1.0)
    low, high = (as_tensor(end) for end in range)
    if low.item() == high.item():
        low, high = low - 0.5, high + 0.5
    return _numpy.linspace(low, high, bins + 1)


@implements(np.histogram)
def _histogram(
    a: Any, bins: Any = 10, range: Any = None, density: bool = False, weights: Any = None
) -> Any:
    """Counts, which have no gradient, or sums of weights, which have one; and the edges."""
    values, edges = as_tensor(a).numpy().ravel(), _edges(a, bins, range)
    at = edges.numpy()
    places = np.searchsorted(at, values, "right") - 1
    places[values == at[-1]] -= 1  # the last bin has both its ends
    inside = (places >= 0) & (places < len(at) - 1)
    if weights is None:
        sums: Any = np.bincount(places[inside], minlength=len(at) - 1)
    else:
        heavy = as_tensor(weights).reshape(-1)[inside]
        sums = scatter(heavy, index=places[inside], shape=(len(at) - 1,))
    return (sums / (sums.sum() * _numpy.diff(edges)) if density else sums), edges
