"""Over one axis, several, or all: sums, means, extremes, products, spreads."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np

from ..core import Tensor, ndarray
from ..define import op, shapes_only, values_only
from .shape import broadcast_to, expand_dims

_total: Any = np.add.reduce  # what x.sum comes to, 0.1 µs sooner


def _kept(g: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """`g` with the reduced axes put back as 1, so that it broadcasts against `x`."""
    if keepdims or axis is None or x.ndim == 0:
        return g
    if type(g) is Tensor:
        return expand_dims(g, axis)  # equal, and reads better in a formula; on arrays it is three times slower
    axes = {a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,))}
    return g.reshape(tuple([1 if i in axes else n for i, n in enumerate(x.shape)]))


def _spread(g: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """`g` put back over the axes that were reduced: a value for every entry of `x`."""
    if axis is None and not keepdims and type(g) is not Tensor:
        return ndarray(x.shape, g.dtype, g, 0, (0,) * x.ndim)  # np.broadcast_to of a scalar, ten times faster
    return broadcast_to.apply(_kept(g, x, axis, keepdims), x.shape)


def _count(x: Any, y: Any) -> float:
    """How many entries went into each one of the output."""
    return float(x.size / (y.size or 1))


def _mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """np.mean to the last bit, without its Python overhead of 2 µs."""
    if x.dtype.char not in "fd" or not x.size or not x.ndim:
        return x.mean(axis, keepdims=keepdims)
    total = _total(x, axis, None, None, keepdims)
    return total / (x.size // total.size)


def _deviation(x: Any, axis: Any) -> Any:
    """How far each entry is from the mean."""
    return x - x.mean(axis=axis, keepdims=True)


def _shared(g: Any, y: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """The gradient of an extreme: to the entries that reach it, in equal shares."""
    reached = x == _kept(y, x, axis, keepdims)
    return _kept(g, x, axis, keepdims) * reached / reached.sum(axis=axis, keepdims=True)


def _others(x: Any, axis: Any) -> Any:
    """For each entry the product of all others along the axis: no division, hence right beside zeros, at every order."""
    axes = tuple(range(x.ndim)) if axis is None or x.ndim == 0 else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(a % x.ndim for a in axes)
    order = (*(i for i in range(x.ndim) if i not in axes), *axes)
    moved = x.transpose(order)
    rows = moved.reshape((*moved.shape[: x.ndim - len(axes)], -1 if x.size else 0))
    product = _before(rows) * _before(rows[..., ::-1])[..., ::-1]
    others = product.reshape(moved.shape).transpose(tuple(int(i) for i in np.argsort(order)))
    return others.named("others") if type(others) is Tensor else others


def _before(rows: Any) -> Any:
    """The product of all entries before each one in its row, by doubling."""
    one = np.ones((*rows.shape[:-1], 1), rows.dtype)
    product = np.concatenate([one, rows[..., :-1]], axis=-1) if rows.shape[-1] else rows
    step = 1
    while step < rows.shape[-1]:
        product = product * np.concatenate([one.repeat(step, axis=-1), product[..., :-step]], axis=-1)
        step *= 2
    return product


def _logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """log(sum(exp(x))), taken from the largest entry on, so that exp cannot overflow."""
    top = x.max(axis, None, True)
    if not isfinite(top.sum()):  # NaN, or an infinite entry
        top = np.where(np.isfinite(top), top, x.dtype.type(0))
    y = np.log(np.exp(x - top).sum(axis, None, None, True)) + top
    return y if keepdims else y.squeeze(axis)


def _plain_logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    top = x.max(axis, keepdims=True)
    top = np.where(np.isfinite(top), top, x.dtype.type(0))
    y = np.log(np.exp(x - top).sum(axis, keepdims=True)) + top
    return y if keepdims else y.squeeze(axis)


def _plain_var(x: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
    total = np.square(_deviation(x, axis)).sum(axis, keepdims=keepdims)
    return total / float(np.maximum(_count(x, total) - ddof, 0))


def _lead(sign: int) -> Any:
    """By how much each entry is ahead of all others: positive for the extreme alone, and zero at a tie, where there is a kink."""

    def lead(x: Any, axis: Any, keepdims: bool) -> Any:
        axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        rows = np.moveaxis(sign * x, axes, range(-len(axes), 0))
        rows = rows.reshape((*rows.shape[: x.ndim - len(axes)], -1))
        if rows.shape[-1] < 2:
            return np.ones(rows.shape)
        best = np.sort(rows, axis=-1)
        return rows - np.where(rows == best[..., -1:], best[..., -2:-1], best[..., -1:])

    return lead


# x: what is reduced, over `axis` (an int, a tuple, or None for all); _kept puts the lost axes back
# fmt: off
sum  = op(lambda x, axis=None, keepdims=False: _total(x, axis, None, None, keepdims),
          lambda g, y, x, axis, keepdims: _spread(g, x, axis, keepdims),
          name="sum", latex=r"\sum{over} {}", numpy=(np.sum,), shapes="axes", doc="The sum over the axis.")
mean = op(_mean,
          lambda g, y, x, axis, keepdims: _spread(g / _count(x, y), x, axis, keepdims),
          name="mean", latex=r"\operatorname{{mean}}{over}({})", numpy=(np.mean,), shapes="axes", doc="The mean over the axis.")
max  = op(lambda x, axis=None, keepdims=False: x.max(axis, None, keepdims),
          lambda g, y, x, axis, keepdims: _shared(g, y, x, axis, keepdims),
          name="max", latex=r"\max{over}({})", numpy=(np.max, np.amax), shapes="axes", kinks=_lead(1), doc="The largest entry; equal ones share the gradient.")
min  = op(lambda x, axis=None, keepdims=False: x.min(axis, None, keepdims),
          lambda g, y, x, axis, keepdims: _shared(g, y, x, axis, keepdims),
          name="min", latex=r"\min{over}({})", numpy=(np.min, np.amin), shapes="axes", kinks=_lead(-1), doc="The smallest entry; equal ones share the gradient.")
prod = op(lambda x, axis=None, keepdims=False: x.prod(axis, None, None, keepdims),
          lambda g, y, x, axis, keepdims: _kept(g, x, axis, keepdims) * _others(x, axis),
          name="prod", latex=r"\prod{over} {}", numpy=(np.prod,), shapes="axes", doc="The product over the axis; zeros are no exception.")
var  = op(lambda x, axis=None, ddof=0, keepdims=False: x.var(axis, ddof=ddof, keepdims=keepdims),
          lambda g, y, x, axis, ddof, keepdims: _kept(g, x, axis, keepdims) * 2 * _deviation(x, axis) / (_count(x, y) - ddof),
          name="var", numpy=(np.var,), shapes="axes", plain=_plain_var, doc="The variance over the axis: the sum of squared deviations over n - ddof.")
std  = op(lambda x, axis=None, ddof=0, keepdims=False: x.std(axis, ddof=ddof, keepdims=keepdims),
          lambda g, y, x, axis, ddof, keepdims: _kept(g / np.where(y == 0, 1.0, y), x, axis, keepdims) * _deviation(x, axis) / (_count(x, y) - ddof),
          name="std", numpy=(np.std,), shapes="axes", plain=lambda x, axis=None, ddof=0, keepdims=False: np.sqrt(_plain_var(x, axis, ddof, keepdims)),
          kinks=lambda x, axis, ddof, keepdims: x.std(axis) if x.size > x.std(axis).size else np.ones(()),
          doc="The standard deviation over the axis, the root of var; where all entries are equal its derivative is 0.")
logsumexp = op(_logsumexp, lambda g, y, x, axis, keepdims: _kept(g, x, axis, keepdims) * np.exp(x - _kept(y, x, axis, keepdims)),
          name="logsumexp", shapes="axes", plain=_plain_logsumexp, jax="jax.nn.logsumexp", doc="log of the sum of exp(x) over the axis, without overflow; its gradient is softmax.")
cumsum = op(lambda x, axis=None: np.cumsum(x, axis), lambda g, y, x, axis: np.flip(np.cumsum(np.flip(g, axis), axis), axis).reshape(x.shape),
            name="cumsum", numpy=(np.cumsum,), cases=({"shapes": ((4,),), "axis": 0}, {"shapes": ((2, 3),), "axis": -1}, {"shapes": ((2, 3),)}),
            doc="The running sum along the axis, or over all entries in order.")
# fmt: on

_ONE_AXIS = ({"shapes": ((2, 3),), "axis": 1}, {"shapes": ((4,),), "axis": None})
argmax = op(
    lambda x, axis=None, keepdims=False: x.argmax(axis, keepdims=keepdims),
    name="argmax",
    numpy=(np.argmax,),
    cases=_ONE_AXIS,
    doc="Where the largest entry is.",
)
argmin = op(
    lambda x, axis=None, keepdims=False: x.argmin(axis, keepdims=keepdims),
    name="argmin",
    numpy=(np.argmin,),
    cases=_ONE_AXIS,
    doc="Where the smallest entry is.",
)
argsort = op(
    lambda x, axis=-1, stable=False: x.argsort(axis, stable=stable),
    name="argsort",
    numpy=(np.argsort,),
    doc="The indices that sort along the axis.",
)
any = op(lambda x, axis=None, keepdims=False: x.any(axis, keepdims=keepdims), name="any", numpy=(np.any,), doc="Whether an entry is true.")
all = op(
    lambda x, axis=None, keepdims=False: x.all(axis, keepdims=keepdims), name="all", numpy=(np.all,), doc="Whether all entries are true."
)
values_only(
    np.allclose, np.array_equal, np.isclose, np.count_nonzero, np.nonzero, np.argwhere, np.array2string, np.array_repr, np.array_str
)
shapes_only(np.shape, np.ndim, np.size, np.zeros_like, np.ones_like, np.empty_like, np.result_type, np.can_cast)
values_only(np.save, np.savetxt, np.savez, np.savez_compressed, np.isin)
values_only(np.array_equiv, np.flatnonzero, np.isposinf, np.isneginf, np.isreal, np.iscomplex)
shapes_only(np.shares_memory, np.may_share_memory, np.iscomplexobj, np.isrealobj)
