"""NumPy's arguments of reductions that the ops have not: where=, initial=, dtype=, mean=.

And the methods of ufuncs: `np.maximum.accumulate`, `np.add.reduceat`, `np.multiply.outer`.
"""

from __future__ import annotations

from functools import reduce
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..engine.keywords import says_nothing
from ..engine.op import Op
from ..engine.registry import ufunc_methods
from ..engine.tensor import Tensor
from ..functions import as_tensor
from ..ops.elementwise import add, bitwise_and, bitwise_or, maximum, minimum, multiply, sqrt, where
from ..ops.reductions import (
    all,
    any,
    cumsum,
    euclidean_norm,
    logsumexp,
    max,
    mean,
    min,
    prod,
    std,
    sum,
    var,
)
from ..ops.shape import moveaxis, stack

_numpy: Any = np  # whose stubs know no Tensors
Static = dict[str, Any]


def _said(static: Static, key: str) -> Any:
    """An argument, taken out; None where it says nothing."""
    value = static.pop(key, None)
    return None if says_nothing(key, value) else value


def _of_dtype(x: Any, static: Static) -> Tensor:
    """The operand in the dtype that is asked for."""
    dtype = _said(static, "dtype")
    return as_tensor(x) if dtype is None else as_tensor(x).astype(dtype)


def _mask(t: Tensor, static: Static) -> Any:
    """The condition of which entries count; None if all do."""
    if (mask := _said(static, "where")) is None:
        return None
    condition = as_tensor(mask)
    if condition.dtype.kind != "b":
        raise TypeError(f"where= takes conditions, not {condition.dtype}: write where=mask != 0")
    if np.broadcast_shapes(condition.shape, t.shape) != t.shape:
        raise ValueError(
            f"where= of shape {condition.shape} does not broadcast to the tensor's {t.shape}"
        )
    return condition


def _of_some(t: Tensor, mask: Any, otherwise: Any) -> Tensor:
    """The entries that count, and a number for all others."""
    return t if mask is None else where(mask, t, t.dtype.type(otherwise))


def _counted(t: Tensor, mask: Any, static: Static) -> Any:
    """How many entries count in each of the results, as numbers of the dtype."""
    return sum(_of_some(as_tensor(np.ones(t.shape, t.dtype)), mask, 0), **static)


def _repeating(reduction: Any, repeated: Any, neutral: Any) -> None:
    """A reduction that repeats an op of two operands, in which a number changes nothing."""

    def composed(x: Any, **static: Any) -> Any:
        t = _of_dtype(x, static)
        mask, initial = _mask(t, static), _said(static, "initial")
        if np.ndim(initial) == 0 and initial == neutral:
            initial = None
        if mask is not None and initial is None and neutral is None:
            raise ValueError(
                f"the {reduction.name} of no entries has no value: give initial= beside where="
            )
        if not t.size and initial is not None:
            shape = sum(t, **static).shape
            return as_tensor(np.full(shape, initial, t.dtype))
        t = _of_some(t, mask, initial if neutral is None else neutral)
        y = reduction(t, **static)
        return y if initial is None else repeated(y, initial)

    _takes(reduction, composed, "dtype", "where", "initial")


def _takes(op: Op, function: Any, *more: str) -> None:
    """Let a function of x run where the op is given one of these arguments; all by name."""

    def composed(x: Any, *rest: Any, **static: Any) -> Any:
        return function(x, **dict(zip(op.static, rest, strict=False)), **static)

    op.composed, op.more = composed, frozenset(more)


_repeating(sum, add, 0)
_repeating(prod, multiply, 1)
_repeating(max, maximum, None)
_repeating(min, minimum, None)
_repeating(any, bitwise_or, False)
_repeating(all, bitwise_and, True)


def _mean(x: Any, **static: Any) -> Any:
    t = _of_dtype(x, static)
    if t.dtype.kind != "f" and t is not as_tensor(x):
        raise TypeError(f"a mean in {t.dtype} would be cut off: write np.mean(t)")
    mask = _mask(t, static)
    if mask is None:
        return mean(t, **static)
    return sum(_of_some(t, mask, 0), **static) / _counted(t, mask, static)


def _deviations(x: Any, static: Static) -> tuple[Tensor, Any]:
    """How far the entries that count are from their mean, and how many of them there are."""
    t = _of_dtype(x, static)
    mask, center = _mask(t, static), _said(static, "mean")
    ddof = static.pop("correction", static.pop("ddof", 0))
    if center is None:
        kept = {**static, "keepdims": True}
        center = mean(t, **kept) if mask is None else _mean(t, where=mask, **kept)
    n = _counted(t, mask, static)
    return _of_some(t - center, mask, 0), maximum(n - ddof, 0)


def _var(x: Any, **static: Any) -> Any:
    apart, n = _deviations(x, static)
    return sum(apart * apart, **static) / n


def _std(x: Any, **static: Any) -> Any:
    apart, n = _deviations(x, static)
    return euclidean_norm(apart, **static) / sqrt(n)


def _cumsum(x: Any, **static: Any) -> Any:
    return cumsum(_of_dtype(x, static), **static)


_takes(mean, _mean, "dtype", "where")
_takes(var, _var, "dtype", "where", "mean")
_takes(std, _std, "dtype", "where", "mean")
_takes(cumsum, _cumsum, "dtype")

# -- the methods of ufuncs -------------------------------------------------------------------------

_REDUCES: dict[Any, Any] = {
    np.add: sum,
    np.multiply: prod,
    np.maximum: max,
    np.minimum: min,
    np.logaddexp: logsumexp,
    np.hypot: euclidean_norm,
    np.logical_and: all,
    np.logical_or: any,
}
_IN_ANY_ORDER = (*_REDUCES, np.fmax, np.fmin, np.logaddexp2, np.gcd, np.lcm, np.bitwise_and)
_ACCUMULATES: dict[Any, Any] = {np.add: np.cumsum, np.multiply: np.cumprod}


def _reduce(ufunc: np.ufunc, array: Any, axis: Any = 0, **static: Any) -> Any:
    if ufunc in _REDUCES:
        return _REDUCES[ufunc](array, axis=axis, **static)
    keepdims, initial = static.pop("keepdims", False), _said(static, "initial")
    _only(ufunc, "reduce", "axis, keepdims and initial", static)
    t = _with_axes(ufunc, "reduce", as_tensor(array))
    axes = range(t.ndim) if axis is None else [axis] if isinstance(axis, int) else axis
    if len(axes) > 1 and ufunc not in _IN_ANY_ORDER:
        raise ValueError(
            f"np.{ufunc.__name__}.reduce over several axes depends on their order: "
            "write one after the other"
        )
    for i in sorted((normalize_axis_index(i, t.ndim) for i in axes), reverse=True):
        parts = list(moveaxis(t, i, 0))
        t = reduce(ufunc, parts if initial is None else [initial, *parts])
        initial = None
        t = _numpy.expand_dims(t, i) if keepdims else t
    return t


def _accumulate(ufunc: np.ufunc, array: Any, axis: int = 0, dtype: Any = None) -> Any:
    t = _with_axes(ufunc, "accumulate", as_tensor(array))
    t = t if dtype is None else t.astype(dtype)
    axis = normalize_axis_index(axis, t.ndim)
    if ufunc in _ACCUMULATES:
        return _ACCUMULATES[ufunc](t, axis)
    return stack(list(accumulate(moveaxis(t, axis, 0), ufunc)), axis) if t.shape[axis] else t


def _reduceat(ufunc: np.ufunc, array: Any, indices: Any, axis: int = 0, dtype: Any = None) -> Any:
    t = _with_axes(ufunc, "reduceat", as_tensor(array))
    t = t if dtype is None else t.astype(dtype)
    t, starts = moveaxis(t, axis, 0), [int(i) for i in np.asarray(indices)]
    if [i for i in starts if not 0 <= i < len(t)]:
        raise IndexError(
            f"np.{ufunc.__name__}.reduceat takes places from 0 to {len(t) - 1}, not {starts}"
        )
    ends = [*starts[1:], len(t)]
    parts = [t[i] if i >= j else _reduce(ufunc, t[i:j]) for i, j in zip(starts, ends, strict=True)]
    return stack(parts, axis)


def _outer(ufunc: np.ufunc, a: Any, b: Any, **kwargs: Any) -> Any:
    return ufunc(_numpy.reshape(a, np.shape(a) + (1,) * np.ndim(b)), b, **kwargs)


def _with_axes(ufunc: np.ufunc, method: str, t: Tensor) -> Tensor:
    """The tensor; an error if it is a single number."""
    if not t.ndim:
        raise ValueError(
            f"np.{ufunc.__name__}.{method} goes along an axis, and a number has none: "
            "write t.reshape(1)"
        )
    return t.astype(bool) if "dd->?" in ufunc.types else t


def _only(ufunc: np.ufunc, method: str, takes: str, more: Static) -> None:
    if more := {key: value for key, value in more.items() if not says_nothing(key, value)}:
        raise TypeError(
            f"np.{ufunc.__name__}.{method} of a Tensor takes {takes}, not {', '.join(more)}: "
            "write tg.where(mask, t, ...) first, or t.astype(dtype)"
        )


ufunc_methods.update(reduce=_reduce, accumulate=_accumulate, reduceat=_reduceat, outer=_outer)
