"""Order: sorting, quantiles, what is equal."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..engine.overrides import implements, values_only
from ..engine.tensor import Tensor
from ..functions import as_floats, as_tensor
from ..ops.elementwise import isnan, where
from ..ops.reductions import mean, ordered
from ..ops.shape import concatenate, stack
from .picking import take_along_axis
from .shaping import along

_numpy: Any = np  # whose stubs know no Tensors
Axis = int | tuple[int, ...] | None

values_only(np.searchsorted, np.digitize, np.lexsort, np.argpartition)


@implements(np.sort)
def _sort(a: Any, axis: int | None = -1, **how: Any) -> Any:
    t = as_tensor(a)
    if (kind := how.get("kind")) not in (None, "stable", "mergesort", "quicksort", "heapsort"):
        raise ValueError(f"sort takes kind='stable' or 'quicksort', not {kind!r}")
    if axis is None:
        t, axis = t.reshape(-1), -1
    return ordered(t, axis=axis)


@implements(np.partition)
def _partition(a: Any, kth: Any, axis: int | None = -1) -> Any:
    t = as_tensor(a)
    if axis is None:
        t, axis = t.reshape(-1), -1
    return take_along_axis(t, np.argpartition(t.numpy(), kth, axis), axis)


@implements(np.quantile)
def _quantile(
    a: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False
) -> Tensor:
    t = as_floats(a)
    shape, over = t.shape, _axes(t, axis)
    if not over:  # of each entry alone
        return stack([t] * np.size(q)).reshape((*np.shape(q), *shape))
    rest = [i for i in range(t.ndim) if i not in over]
    if len(over) > 1 or not t.ndim:  # as one axis, the last
        t = t.transpose((*rest, *over)).reshape((*[shape[i] for i in rest], -1))
    along_axis = over[0] if len(over) == 1 else len(rest)
    # where the quantiles of 0, 1, ..., n - 1 lie, those of any n sorted numbers do
    share = as_tensor(q).numpy()
    place: Any = _numpy.quantile(np.arange(float(t.shape[along_axis])), share, method=method)
    low = np.asarray(np.floor(place), int)
    if type(q) is Tensor and q.requires_grad:
        if method != "linear":
            raise TypeError(
                f"a quantile by method={method!r} gives no gradient to q: write q.detach()"
            )
        place = q * (t.shape[along_axis] - 1.0)
    part: Any = as_tensor(place - low).astype(t.dtype)
    ordered = _sort(t, along_axis)
    high = np.minimum(low + 1, t.shape[along_axis] - 1)
    part = part.reshape((*low.shape, *[1] * (t.ndim - 1 - along_axis)))
    y: Any = _between(along(ordered, along_axis, low), along(ordered, along_axis, high), part)
    if t.shape[along_axis]:  # NaN comes last, and makes the quantile NaN
        last = along(ordered, along_axis, -1)
        last = _numpy.expand_dims(last, tuple(range(along_axis, along_axis + low.ndim)))
        y = where(isnan(last), np.asarray(np.nan, t.dtype), y)
    if low.ndim:
        y = _numpy.moveaxis(y, range(along_axis, along_axis + low.ndim), range(low.ndim))
    if keepdims:
        y = y.reshape((*low.shape, *[1 if i in over else n for i, n in enumerate(shape)]))
    found: Tensor = y
    return found


def _between(low: Any, high: Any, part: Any) -> Any:
    """low + part · (high - low), and low itself where part is 0: infinity times 0 is NaN."""
    return low * (1 - part) + where(part == 0, np.zeros((), low.dtype), high) * part


def _axes(t: Tensor, axis: Axis) -> tuple[int, ...]:
    """The axes that are meant, all of them for None, counted from the first."""
    if axis is None:
        return tuple(range(t.ndim))
    return tuple(
        [
            normalize_axis_index(i, t.ndim)
            for i in ([axis] if isinstance(axis, (int, np.integer)) else axis)
        ]
    )


@implements(np.nanquantile)
def _nanquantile(a: Any, q: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    t = as_floats(a)
    if not t.size:
        y = mean(t, axis, keepdims)
        return stack([y] * np.size(q)).reshape((*np.shape(q), *y.shape))
    over = _axes(t, axis)
    rest = [i for i in range(t.ndim) if i not in over]
    lines = t.transpose((*rest, *over)).reshape((*[t.shape[i] for i in rest], -1))
    ordered = _sort(lines, -1)  # NaN comes last
    last = np.count_nonzero(~np.isnan(lines.numpy()), axis=-1, keepdims=True) - 1
    found = [_of_lines(ordered, last, share) for share in np.ravel(q)]
    if keepdims:
        shape = [1 if i in over else n for i, n in enumerate(t.shape)]
        found = [y.reshape(shape) for y in found]
    return stack(found).reshape((*np.shape(q), *found[0].shape))


def _of_lines(ordered: Tensor, last: Any, share: float) -> Any:
    """The quantile of each sorted line, of which the entries up to `last` count."""
    place = np.maximum(last, 0) * share
    low = np.asarray(np.floor(place), int)
    part = np.asarray(place - low, ordered.dtype)
    high = np.minimum(low + 1, np.maximum(last, 0))
    ends = [take_along_axis(ordered, index, -1) for index in (low, high)]
    return _between(ends[0], ends[1], as_tensor(part))[..., 0]


@implements(np.nanpercentile)
def _nanpercentile(a: Any, q: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    return _nanquantile(a, np.asarray(q) / 100.0, axis, keepdims)


@implements(np.nanmedian)
def _nanmedian(a: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    return _nanquantile(a, 0.5, axis, keepdims)


@implements(np.percentile)
def _percentile(a: Any, q: Any, *args: Any, **kwargs: Any) -> Any:
    return _quantile(a, np.asarray(q) / 100.0, *args, **kwargs)


@implements(np.median)
def _median(a: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    t = as_floats(a)
    # of no entries NaN, and a warning, as of their mean
    return _quantile(t, 0.5, axis, keepdims=keepdims) if t.size else mean(t, axis, keepdims)


@implements(np.unique)
def _unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
) -> Any:
    t = as_tensor(ar)
    _, first, inverse, counts = np.unique(
        t.numpy(), return_index=True, return_inverse=True, return_counts=True, axis=axis
    )
    y = t.reshape(-1)[first] if axis is None else along(t, axis, first)
    asked = ((return_index, first), (return_inverse, inverse), (return_counts, counts))
    more = [found for is_asked, found in asked if is_asked]
    return (y, *more) if more else y


# -- sets ------------------------------------------------------------------------------------------


@implements(np.union1d)
def _union1d(ar1: Any, ar2: Any) -> Any:
    return _unique(concatenate([as_tensor(ar1).reshape(-1), as_tensor(ar2).reshape(-1)]))


@implements(np.intersect1d)
def _intersect1d(
    ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False
) -> Any:
    t = as_tensor(ar1)
    _, first, second = np.intersect1d(
        t.numpy(), as_tensor(ar2).numpy(), assume_unique, return_indices=True
    )
    y = t.reshape(-1)[first]
    return (y, first, second) if return_indices else y


@implements(np.setdiff1d)
def _setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    t = as_tensor(ar1).reshape(-1)
    t = t if assume_unique else _unique(t)
    return t[~np.isin(t.numpy(), as_tensor(ar2).numpy())]


@implements(np.setxor1d)
def _setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    parts = [_setdiff1d(ar1, ar2, assume_unique), _setdiff1d(ar2, ar1, assume_unique)]
    return _sort(concatenate(parts))


@implements(np.trim_zeros)
def _trim_zeros(filt: Any, trim: str = "fb") -> Any:
    t = as_tensor(filt)
    places = np.flatnonzero(t.numpy())
    if t.ndim != 1 or trim.lower().strip("fb"):
        raise ValueError(
            "trim_zeros of a Tensor takes a row, and trim='f', 'b' or 'fb', "
            f"not shape {t.shape} and {trim!r}: write t[start:stop]"
        )
    if not places.size:
        return t[:0]
    start = places[0] if "f" in trim.lower() else 0
    return t[start : places[-1] + 1 if "b" in trim.lower() else None]


_AllResult: Any = type(np.unique_all([1]))
_CountsResult: Any = type(np.unique_counts([1]))
_InverseResult: Any = type(np.unique_inverse([1]))


@implements(np.unique_values)
def _unique_values(x: Any) -> Any:
    return _unique(x)


@implements(np.unique_counts)
def _unique_counts(x: Any) -> Any:
    return _CountsResult(*_unique(x, return_counts=True))


@implements(np.unique_inverse)
def _unique_inverse(x: Any) -> Any:
    y, inverse = _unique(x, return_inverse=True)
    return _InverseResult(y, inverse.reshape(np.shape(x)))


@implements(np.unique_all)
def _unique_all(x: Any) -> Any:
    y, first, inverse, counts = _unique(x, True, True, True)
    return _AllResult(y, first, inverse.reshape(np.shape(x)), counts)
