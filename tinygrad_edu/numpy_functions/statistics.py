"""Sums, differences and averages; order statistics; what leaves out NaN."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..engine.overrides import implements, values_only
from ..engine.recording import check
from ..engine.tensor import Tensor
from ..functions import as_floats, as_tensor
from ..ops.elementwise import isnan, maximum, multiply, rint, where
from ..ops.linalg import matmul
from ..ops.reductions import cumsum, max, mean, min, prod, sum
from ..ops.shape import concatenate, expand_dims, moveaxis, stack
from .joining import pieces
from .shaping import upright

_numpy: Any = np  # whose stubs know no Tensors
Axis = int | tuple[int, ...] | None
MANY = 128  # factors, for all of whose products there is no table


def _cumulative(name: str, scan: Any, x: Any, axis: int | None, start: float, **more: Any) -> Any:
    """A running sum or product, where asked for with what it starts from."""
    t, is_whole = as_tensor(x), more.pop("include_initial", False)
    if more.keys() - {"dtype"}:
        raise TypeError(
            f"np.{name} of a Tensor takes axis, dtype and include_initial, not {[*more]}: "
            "write y = ..., a new tensor"
        )
    if not t.ndim:
        t, axis = t.reshape(1), 0
    if axis is None and t.ndim > 1:
        raise ValueError(
            f"{name} of {t.label()} of shape {t.shape} needs an axis: write np.{name}(t, axis=0)"
        )
    axis = -1 if axis is None else axis
    y = scan(t, axis, **more)
    return concatenate([np.full(_slice(t, axis), start, t.dtype), y], axis) if is_whole else y


def _slice(t: Tensor, axis: int) -> tuple[int, ...]:
    """The shape of one entry along an axis."""
    i = normalize_axis_index(axis, t.ndim)
    return (*t.shape[:i], 1, *t.shape[i + 1 :])


@implements(*[getattr(np, name) for name in ("cumulative_sum",) if hasattr(np, name)])
def _cumulative_sum(x: Any, /, *, axis: int | None = None, **more: Any) -> Any:
    return _cumulative("cumulative_sum", cumsum, x, axis, 0.0, **more)


@implements(*[getattr(np, name) for name in ("cumulative_prod",) if hasattr(np, name)])
def _cumulative_prod(x: Any, /, *, axis: int | None = None, **more: Any) -> Any:
    return _cumulative("cumulative_prod", _cumprod, x, axis, 1.0, **more)


@implements(np.cumprod)
def _cumprod(a: Any, axis: int | None = None, dtype: Any = None) -> Tensor:
    t = as_tensor(a) if dtype is None else as_tensor(a).astype(dtype)
    if axis is None:
        t, axis = t.reshape(-1), 0
    t = t if t.ndim else t.reshape(1)
    axis = normalize_axis_index(axis, t.ndim)
    n, rest = t.shape[axis], t.ndim - 1 - axis
    if n > MANY:  # of which a table of all factors would be large
        return stack(list(accumulate(moveaxis(t, axis, 0), multiply)), axis)
    upto = np.tri(n, dtype=bool).reshape(n, n, *[1] * rest)  # of each result the factors
    one = np.ones((), t.dtype)
    return prod(where(upto, expand_dims(t, axis), one), axis + 1)


@implements(np.round, np.around)
def _round(a: Any, decimals: int = 0, out: None = None) -> Tensor:
    if not decimals:
        return rint(a)
    scale = 10.0 ** abs(decimals)
    return rint(a * scale) / scale if decimals > 0 else rint(a / scale) * scale


@implements(np.ptp)
def _ptp(a: Any, axis: Axis = None, out: None = None, keepdims: bool = False) -> Tensor:
    t = as_tensor(a)
    return max(t, axis, keepdims=keepdims) - min(t, axis, keepdims=keepdims)


@implements(np.diff)
def _diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Tensor:
    t = as_tensor(a)
    if n < 0:
        raise ValueError(f"diff takes an order of at least 0, not {n}")
    if not n:
        return t
    ends = [
        np.broadcast_to(as_tensor(end), _slice(t, axis)) if np.ndim(end) == 0 else end
        for end in (prepend, append)
        if end is not None
    ]
    if ends:
        t = concatenate([*ends[: prepend is not None], t, *ends[prepend is not None :]], axis)
    for _ in range(n):
        later, earlier = pieces(t, axis, slice(1, None), slice(None, -1))
        t = later != earlier if t.dtype.kind == "b" else later - earlier
    return t


@implements(np.ediff1d)
def _ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Tensor:
    steps = _diff(as_tensor(ary).reshape(-1))
    parts = [as_tensor(part).reshape(-1).astype(steps.dtype)
             for part in (to_begin, steps, to_end) if part is not None]  # fmt: skip
    return concatenate(parts) if len(parts) > 1 else steps


@implements(np.trapezoid)
def _trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Tensor:
    t = as_tensor(y)
    if x is not None:
        dx = _diff(x, axis=axis if np.ndim(x) > 1 else -1)
        if dx.ndim == 1:
            dx = upright(dx, axis, t.ndim)
    later, earlier = pieces(t, axis, slice(1, None), slice(None, -1))
    areas: Tensor = dx * (later + earlier) / 2.0
    return areas.sum(axis)


@implements(np.average)
def _average(
    a: Any, axis: Axis = None, weights: Any = None, returned: bool = False, keepdims: bool = False
) -> Any:
    t = as_tensor(a)
    if weights is None:
        y = mean(t, axis, keepdims=keepdims)
        total: Any = np.full(y.shape, t.size / (y.size or 1))
    else:
        w = as_tensor(weights)
        if w.shape != t.shape:
            if isinstance(axis, tuple) and w.shape == tuple([t.shape[i] for i in axis]):
                over = [normalize_axis_index(i, t.ndim) for i in axis]
                w = w.transpose(tuple(np.argsort(over).tolist()))
                w = w.reshape([n if i in over else 1 for i, n in enumerate(t.shape)])
            elif w.ndim != 1 or not isinstance(axis, int):
                raise ValueError(
                    f"average weighs entries of shape {t.shape} by weights of that shape, or, "
                    f"along an axis, by a vector: the weights have shape {w.shape}"
                )
            else:
                w = upright(w, axis, t.ndim)
            w = _numpy.broadcast_to(w, t.shape)
        total = sum(w, axis, keepdims=keepdims)
        check(total, _refuse_none)
        y = sum(t * w, axis, keepdims=keepdims) / total
    return (y, total) if returned else y


def _refuse_none(total: Any) -> None:
    if (total == 0).any():
        raise ZeroDivisionError("average: the weights add up to 0, and divide by nothing")


def root(t: Tensor) -> Tensor:
    """The square root, whose gradient is 0 where it is 0."""
    is_zero = t == 0
    safe = where(is_zero, np.ones((), t.dtype), t)
    return where(is_zero, np.zeros((), t.dtype), np.sqrt(safe))


# -- what leaves out NaN ---------------------------------------------------------------------------


def _filled(a: Any, value: float) -> tuple[Tensor, Any]:
    """The numbers, with a value in place of each NaN; and where numbers are."""
    t = as_floats(a) if as_tensor(a).dtype.kind == "b" else as_tensor(a)
    live = ~isnan(t)
    return where(live, t, np.asarray(value, t.dtype)), live


def _number_of(live: Any, axis: Axis, keepdims: bool) -> Any:
    return np.count_nonzero(live.numpy(), axis=axis, keepdims=keepdims)


@implements(np.nansum)
def _nansum(a: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    return sum(_filled(a, 0.0)[0], axis, keepdims=keepdims)


@implements(np.nanprod)
def _nanprod(a: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    return prod(_filled(a, 1.0)[0], axis, keepdims=keepdims)


@implements(np.nanmean)
def _nanmean(a: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    t, live = _filled(as_floats(a), 0.0)
    return sum(t, axis, keepdims=keepdims) / _number_of(live, axis, keepdims).astype(t.dtype)


@implements(np.nanvar)
def _nanvar(a: Any, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Any:
    t, live = _filled(as_floats(a), 0.0)
    count = _number_of(live, axis, True).astype(t.dtype)
    away = where(live, t - sum(t, axis, keepdims=True) / count, np.zeros((), t.dtype))
    rest = _number_of(live, axis, keepdims) - ddof
    rest = np.where(rest > 0, rest, np.nan).astype(t.dtype)  # where too few are left
    return sum(away * away, axis, keepdims=keepdims) / rest


@implements(np.nanstd)
def _nanstd(a: Any, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
    return root(_nanvar(a, axis, ddof, keepdims))


def _of_live(y: Tensor, live: Any, axis: Axis, keepdims: bool) -> Tensor:
    """NaN where no entry is left, as NumPy has it."""
    return where(_number_of(live, axis, keepdims) > 0, y, np.full((), np.nan, y.dtype))


@implements(np.nanmax)
def _nanmax(a: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    if as_tensor(a).dtype.kind != "f":
        return max(as_tensor(a), axis, keepdims=keepdims)
    t, live = _filled(a, -np.inf)
    return _of_live(max(t, axis, keepdims=keepdims), live, axis, keepdims)


@implements(np.nanmin)
def _nanmin(a: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    if as_tensor(a).dtype.kind != "f":
        return min(as_tensor(a), axis, keepdims=keepdims)
    t, live = _filled(a, np.inf)
    return _of_live(min(t, axis, keepdims=keepdims), live, axis, keepdims)


@implements(np.nancumsum)
def _nancumsum(a: Any, axis: int | None = None) -> Tensor:
    return cumsum(_filled(a, 0.0)[0], axis)


@implements(np.nancumprod)
def _nancumprod(a: Any, axis: int | None = None) -> Any:
    return _cumprod(_filled(a, 1.0)[0], axis)


values_only(np.nanargmax, np.nanargmin)


# -- of several variables --------------------------------------------------------------------------


@implements(np.cov)
def _cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
) -> Any:
    """The covariances of rows, of which fweights says how often, aweights how much each counts."""
    t = as_tensor(m)
    t = t.reshape(1, -1) if t.ndim < 2 else t if rowvar else t.T
    if y is not None:
        other = as_tensor(y)
        other = other.reshape(1, -1) if other.ndim < 2 else other if rowvar else other.T
        t = concatenate([t, other])
    lost = int(not bias) if ddof is None else ddof
    if fweights is None and aweights is None:
        away = t - mean(t, 1, keepdims=True)
        found: Any = matmul(away, away.T) / float(np.maximum(t.shape[1] - lost, 0))
    else:
        often = as_tensor(1.0 if fweights is None else fweights)
        w: Any = often * (1.0 if aweights is None else as_tensor(aweights))
        whole = w.sum()
        heavy = whole if aweights is None else (w * aweights).sum() / whole
        away = t - (t * w).sum(1, keepdims=True) / whole
        found = matmul(away * w, away.T) / maximum(
            whole - lost * (1.0 if aweights is None else heavy), 0
        )
    return found.reshape(()) if found.size == 1 else found


@implements(np.corrcoef)
def _corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Any:
    covariance = _cov(x, y, rowvar)
    if covariance.ndim == 0:
        return covariance / covariance
    i = np.arange(covariance.shape[0])
    spread = np.sqrt(covariance[i, i])
    return covariance / spread[:, None] / spread


@implements(np.interp)
def _interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None) -> Tensor:
    t, places, values = as_tensor(x), as_tensor(xp), as_tensor(fp)
    if not (np.diff(places.numpy()) > 0).all():
        raise ValueError(
            "interp takes places that increase: "
            "write i = np.argsort(xp) and np.interp(x, xp[i], fp[i])"
        )
    if places.shape != values.shape or places.ndim != 1 or not places.size:
        raise ValueError(
            f"interp takes places and values in rows of one length, not shapes {places.shape} and "
            f"{values.shape}"
        )
    if places.size == 1:  # the same everywhere
        y = _numpy.broadcast_to(values[0], t.shape)
        y = where(t < places[0], values[0] if left is None else left, y)
        return where(t > places[0], values[0] if right is None else right, y)
    low = np.searchsorted(places.numpy(), t.numpy(), side="right") - 1
    low = np.clip(low, 0, places.size - 2)
    part = (t - places[low]) / (places[low + 1] - places[low])
    y = values[low] + part * (values[low + 1] - values[low])
    y = where(t < places[0], values[0] if left is None else left, y)
    return where(t > places[-1], values[-1] if right is None else right, y)
