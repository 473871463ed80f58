"""Over one axis, several, or all: sums, means, extremes, products, spreads."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np

from ..engine.broadcasting import double, total, wider
from ..engine.define import op
from ..engine.op import Usual
from ..engine.overrides import shapes_only, values_only
from ..engine.primitive import Primitive
from ..engine.tensor import Tensor
from .cases import case
from .elementwise import only
from .shape import astype, broadcast_to, expand_dims

_total: Any = np.add.reduce  # what x.sum comes to, 0.1 µs sooner
_WIDER = {"e": np.float32, "f": np.float64}  # for sums that NumPy does not take pairwise


def _kept(g: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """`g` with the reduced axes put back as 1, so that it broadcasts against `x`."""
    if keepdims or axis is None or x.ndim == 0:
        return g
    if type(g) is Tensor:  # equal, and reads better in a formula; on arrays it is 3 times slower
        return expand_dims(g, axis)
    axes = {a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,))}
    return g.reshape(tuple([1 if i in axes else n for i, n in enumerate(x.shape)]))


def _spread(g: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """`g` put back over the axes that were reduced: a value for every entry of `x`."""
    if axis is None and not keepdims and type(g) is not Tensor:
        # np.broadcast_to of a scalar, ten times faster
        return np.ndarray(x.shape, g.dtype, g, 0, (0,) * x.ndim)
    return broadcast_to.apply(_kept(g, x, axis, keepdims), x.shape)


def _count(x: Any, y: Any) -> float:
    """How many entries went into each one of the output."""
    return float(x.size / (y.size or 1))


def _divided(g: Any, n: float) -> Any:
    """g / n, also where n is beyond the range of float16."""
    if g.dtype.char == "e":
        return astype.apply(astype.apply(g, dtype=np.float32) / n, dtype=g.dtype)
    return g / n


def _sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    if x.dtype is double or x.dtype.kind != "f":
        return _total(x, axis, None, None, keepdims)
    return total(x, axis, keepdims)


def _mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """np.mean without its Python overhead of 2 µs, in a dtype that is wide enough."""
    if x.dtype.char not in "fd" or not x.size or not x.ndim:
        return x.mean(axis, keepdims=keepdims)
    whole = _total(x, axis, wider(x, axis), None, keepdims)
    return (whole / (x.size // whole.size)).astype(x.dtype, copy=False)


def _deviation(x: Any, axis: Any = None) -> Any:
    """How far each entry is from the mean: exactly 0 where all are equal, whose mean is rounded."""
    if not x.size:
        return x - x
    mean = _mean(x, axis, True)
    mean = np.minimum(np.maximum(mean, x.min(axis, None, True)), x.max(axis, None, True))
    return x - mean


def _from_mean(x: Any, axis: Any) -> Any:
    """The same, as books have it."""
    return x - x.mean(axis=axis, keepdims=True)


def _plain_deviation(x: Any, axis: Any = None) -> Any:
    if not x.size:
        return x - x
    mean = np.maximum(x.mean(axis, keepdims=True), x.min(axis, keepdims=True))
    return x - np.minimum(mean, x.max(axis, keepdims=True))


def _at_least_0(n: int) -> int:
    return n if n > 0 else 0


def _var(x: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
    """np.var, and exactly 0 where all entries are equal."""
    if x.dtype.kind != "f" or not x.size:
        return x.var(axis, ddof=ddof, keepdims=keepdims)
    squares = _deviation(x.astype(np.float32) if x.dtype.char == "e" else x, axis)
    squares = squares * squares
    whole = _total(squares, axis, wider(squares, axis), None, keepdims)
    y = np.true_divide(whole, _at_least_0(x.size // np.size(whole) - ddof))
    return y.astype(x.dtype, copy=False)


def _reached(y: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Which entries reach an extreme; where there is NaN, those that are."""
    return (x == _kept(y, x, axis, keepdims)) | (x != x)


def _shared(g: Any, y: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """The gradient of an extreme: to the entries that reach it, in equal shares."""
    reached = _reached(y, x, axis, keepdims)
    return _kept(g, x, axis, keepdims) * reached / reached.sum(axis=axis, keepdims=True)


def _only_shared(g: Any, y: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """The same, and exactly 0 to all others, whatever `g` is."""
    reached = _reached(y, x, axis, keepdims)
    return only(reached, _kept(g, x, axis, keepdims) / reached.sum(axis=axis, keepdims=True))


def _to_extreme(g: Any, y: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """The gradient of an extreme that a single entry reaches."""
    return _kept(g, x, axis, keepdims) * (x == _kept(y, x, axis, keepdims))


def _over_factor(g: Any, y: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """The gradient of a product to its factors, of which none is 0."""
    return _kept(g * y, x, axis, keepdims) / x


def _axes(x: Any, axis: Any) -> tuple[int, ...]:
    """The axes that are meant, counted from the first."""
    if axis is None or x.ndim == 0:
        return tuple(range(x.ndim))
    return tuple(a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,)))


def others(x: Any, axis: Any) -> Any:
    """For each entry the product of all others along the axis.

    Without a division, hence right beside zeros, at every order of derivative.
    """
    axes = _axes(x, axis)
    order = (*(i for i in range(x.ndim) if i not in axes), *axes)
    moved = x.transpose(order)
    rows = moved.reshape((*moved.shape[: x.ndim - len(axes)], -1 if x.size else 0))
    product = _before(rows) * _before(rows[..., ::-1])[..., ::-1]
    return product.reshape(moved.shape).transpose(tuple(int(i) for i in np.argsort(order)))


def _named_others(x: Any, axis: Any) -> Any:
    found = others(x, axis)
    return found.named("others") if type(found) is Tensor else found


def _before(rows: Any) -> Any:
    """The product of all entries before each one in its row, by doubling."""
    one = np.ones((*rows.shape[:-1], 1), rows.dtype)
    product = np.concatenate([one, rows[..., :-1]], axis=-1) if rows.shape[-1] else rows
    step = 1
    while step < rows.shape[-1]:
        ones = one.repeat(step, axis=-1)
        product = product * np.concatenate([ones, product[..., :-step]], axis=-1)
        step *= 2
    return product


def _below_top(x: Any, axis: Any) -> tuple[Any, Any]:
    """x less its largest entry along the axis, and that entry.

    What is as large as the largest is 0, infinite or not.
    """
    top = x.max(axis, None, True, -np.inf) if not x.size else x.max(axis, None, True)
    if isfinite(top.sum()):
        return x - top, top
    with np.errstate(invalid="ignore"):
        return np.where(x == top, x.dtype.type(0), x - top), top


def _log_of_sum(s: Any, axis: Any) -> Any:
    """log(sum(exp(s))) where the largest entry of s is 0.

    That one's 1 does not swallow what the others add.
    """
    is_top = s == 0
    rest = _sum(np.exp(s) * ~is_top, axis, True)
    if not s.size:
        return np.full(rest.shape, -np.inf, rest.dtype)
    return np.log1p(rest + (_total(is_top, axis, rest.dtype, None, True) - 1))


def _masked_rows(s: Any, top: Any) -> Any:
    """s, with NaN in rows that hold -inf alone.

    There no probability is larger than another, and their sum is not 1.
    """
    return s if isfinite(top.sum()) else np.where(top == -np.inf, s.dtype.type(np.nan), s)


def _logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """log(sum(exp(x))), taken from the largest entry on, so that exp cannot overflow."""
    x = x if x.dtype.kind == "f" else x.astype(float)
    s, top = _below_top(x, axis)
    y = _log_of_sum(s, axis) + top
    return y if keepdims else y.squeeze(axis)


def _log_softmax(x: Any, axis: Any = -1) -> Any:
    x = x if x.dtype.kind == "f" else x.astype(float)
    s, top = _below_top(x, axis)
    return _masked_rows(s, top) - _log_of_sum(s, axis)


def _softmax(x: Any, axis: Any = -1) -> Any:
    x = x if x.dtype.kind == "f" else x.astype(float)
    e = np.exp(_masked_rows(*_below_top(x, axis)))
    return e / _sum(e, axis, True)


def _plain_logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    top = x.max(axis, keepdims=True)
    top = np.where(np.isfinite(top), top, x.dtype.type(0))
    y = np.log(np.exp(x - top).sum(axis, keepdims=True)) + top
    return y if keepdims else y.squeeze(axis)


def _plain_log_softmax(x: Any, axis: Any = -1) -> Any:
    s = x - x.max(axis, keepdims=True)
    return s - np.log(np.exp(s).sum(axis, keepdims=True))


def _plain_softmax(x: Any, axis: Any = -1) -> Any:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def _shares(y: Any, x: Any, axis: Any) -> Any:
    """The softmax of x, whose logsumexp is y: each entry's share of the sum.

    Nothing, where there is nothing but -inf.
    """
    live = y != -np.inf
    if type(live) is not Tensor and live.all():
        return _softmax(x, axis)
    return softmax.apply(np.where(live, x, 0.0), axis=axis) * live


def _against_others(g: Any, y: Any, axis: Any) -> Any:
    """y * (g - sum(g * y)), from how far g is from that of the entry that outweighs all others.

    For that one 1 - y would round.
    """
    h = g - (g * (y > 0.5)).sum(axis=axis, keepdims=True)
    return y * (h - (h * y).sum(axis=axis, keepdims=True))


def _less_shares(g: Any, x: Any, axis: Any) -> Any:
    """g - softmax(x) * sum(g); for the entry that outweighs all others from what these have.

    For that one 1 - softmax(x) would round.
    """
    p = softmax.apply(x, axis=axis)
    outweighs = p > 0.5
    others = [np.where(outweighs, 0.0, v).sum(axis=axis, keepdims=True) for v in (p, g)]
    usual = g - p * g.sum(axis=axis, keepdims=True)
    return np.where(outweighs, g * others[0] - p * others[1], usual)


def _plain_var(x: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
    whole = np.square(_plain_deviation(x, axis)).sum(axis, keepdims=keepdims)
    return whole / float(np.maximum(_count(x, whole) - ddof, 0))


def _plain_std(x: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
    return np.sqrt(_plain_var(x, axis, ddof, keepdims))


def _spread_of_several(x: Any, axis: Any, ddof: int, keepdims: bool) -> Any:
    """What is 0 at the kinks of std: the spread of entries, where there are several."""
    y = x.std(axis)
    return y if x.size > y.size else np.ones(())


def _length(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The root of the sum of squares; where those overflow or vanish, in another unit."""
    if x.dtype.char not in "fd":
        wide = _length(x.astype(np.float32 if x.dtype.char == "e" else float), axis, keepdims)
        return wide.astype(x.dtype) if x.dtype.char == "e" else wide
    with np.errstate(over="ignore"):
        y = np.asarray(np.sqrt(_total(x * x, axis, wider(x, axis), None, keepdims)), x.dtype)
    if not x.size or not y.size or _SAFE[x.dtype.char] < y.min() <= y.max() < np.inf:
        return y
    size = np.abs(x)
    unit = size.max(axis, None, True)
    unit = np.where((unit > 0) & (unit < np.inf), unit, x.dtype.type(1))
    size = size / unit
    whole = _total(size * size, axis, wider(x, axis), None, keepdims)
    return np.asarray(np.sqrt(whole) * unit.reshape(y.shape), x.dtype)


def _length_off_0(y: Any) -> Any:
    return np.where(y == 0, np.inf, y)


def _std(x: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False) -> Any:
    """The root of var; where squares overflow or vanish, of that of x in another unit."""
    if x.dtype.char == "e":
        return _std(x.astype(np.float32), axis, ddof, keepdims).astype(x.dtype)
    with np.errstate(over="ignore"):
        y = np.sqrt(_var(x, axis, ddof, keepdims))
    if x.dtype.kind != "f" or not x.size or _SAFE[x.dtype.char] < y.min() <= y.max() < np.inf:
        return y
    away = _deviation(x, axis)
    unit = np.abs(away).max(axis, None, True)
    unit = np.where((unit > 0) & (unit < np.inf), unit, x.dtype.type(1))
    return np.sqrt(_var(away / unit, axis, ddof, keepdims)) * unit.reshape(y.shape)


# the smallest numbers whose squares have all their digits
_SAFE = {char: np.sqrt(np.finfo(char).tiny / np.finfo(char).eps) for char in "fdg"}


def _lead(sign: int) -> Any:
    """By how much each entry is ahead of all others.

    Positive for the extreme alone, and zero at a tie, where there is a kink.
    """

    def lead(x: Any, axis: Any, keepdims: bool) -> Any:
        axes = _axes(x, axis)
        rows = np.moveaxis(sign * x, axes, range(-len(axes), 0))
        rows = rows.reshape((*rows.shape[: x.ndim - len(axes)], -1))
        if rows.shape[-1] < 2:
            return np.ones(rows.shape)
        best = np.sort(rows, axis=-1)
        return rows - np.where(rows == best[..., -1:], best[..., -2:-1], best[..., -1:])

    return lead


def _has_no_tie(sign: int) -> Any:
    """Whether one entry is the extreme, alone."""
    lead = _lead(sign)
    return lambda x, axis, keepdims: x.ndim and (np.abs(lead(x, axis, keepdims)) > 0).all()


def _ordered(x: Any, axis: Any = -1) -> Any:
    return np.sort(x, axis)


def _order(x: Any, axis: Any) -> Any:
    """The places of the sorted entries; equal ones, if there are any, in their order."""
    y = np.moveaxis(np.sort(x, axis), axis, -1)
    has_ties = (y[..., 1:] == y[..., :-1]).any()
    return x.argsort(axis, stable=bool(has_ties))  # which takes five times as long if it is


def _of_one_shape(v: Any, x: Any) -> None:
    if v.shape != x.shape:
        raise ValueError(f"entries of shape {v.shape} are not in the order of some of {x.shape}")


def _in_order(v: Any, x: Any, axis: Any = -1) -> Any:
    _of_one_shape(v, x)
    return np.take_along_axis(v, _order(x, axis), axis)


def _back_from_order(v: Any, x: Any, axis: Any = -1) -> Any:
    _of_one_shape(v, x)
    y = np.empty_like(v)
    np.put_along_axis(y, _order(x, axis), v, axis)
    return y


def _apart(x: Any, axis: Any) -> Any:
    """How far each entry is from the next one in order: 0 where the order is no one's choice."""
    return np.diff(np.sort(x, axis), axis=axis)


def _cumsum(x: Any, axis: Any) -> Any:
    """np.cumsum; of few digits in more, given back in those of x."""
    y = np.cumsum(x, axis, _WIDER.get(x.dtype.char))
    return y.astype(x.dtype, copy=False) if x.dtype.kind == "f" else y


def _from_the_end(g: Any, axis: Any) -> Any:
    """The running sum from the last entry to the first."""
    if type(g) is Tensor or g.dtype is not double:
        return np.flip(cumsum.apply(np.flip(g, axis), axis=axis), axis)
    y = np.empty(g.shape)
    np.cumsum(np.flip(g, axis), axis, out=np.flip(y, axis))
    return y


# what printed programs have in place of an op
_DEVIATION = (
    "x, axis=None: x - np.clip(x.mean(axis=axis, keepdims=True), "
    "x.min(axis=axis, keepdims=True), x.max(axis=axis, keepdims=True))"
)
_LOGSUMEXP = (
    "x, axis=None, keepdims=False: "
    "(np.log(np.exp(x - x.max(axis=axis, keepdims=True)).sum(axis=axis, keepdims=True))"
    " + x.max(axis=axis, keepdims=True)).sum(axis=axis, keepdims=keepdims)"
)
_SOFTMAX = (
    "x, axis=-1: np.exp(x - x.max(axis=axis, keepdims=True)) / "
    "np.exp(x - x.max(axis=axis, keepdims=True)).sum(axis=axis, keepdims=True)"
)
_LOG_SOFTMAX = (
    "x, axis=-1: x - x.max(axis=axis, keepdims=True) - "
    "np.log(np.exp(x - x.max(axis=axis, keepdims=True)).sum(axis=axis, keepdims=True))"
)
_ALONG_AN_AXIS = (case((3,)), case((2, 3), axis=0), case((2, 3), axis=None))


# x: what is reduced, over `axis` (an int, a tuple, or None for all); _kept puts the lost axes back
# fmt: off
sum  = op(_sum,
                 lambda g, y, x, axis, keepdims: _spread(g, x, axis, keepdims),
          name="sum", latex=r"\sum{over} {}", numpy=(np.sum,), shapes="axes",
          doc="The sum over the axis.")
mean = op(_mean,
                 lambda g, y, x, axis, keepdims:
                     _spread(_divided(g, _count(x, y)), x, axis, keepdims),
          name="mean", latex=r"\operatorname{{mean}}{over}({})", numpy=(np.mean,), shapes="axes",
          doc="The mean over the axis.")
max  = op(lambda x, axis=None, keepdims=False: x.max(axis, None, keepdims),
                 lambda g, y, x, axis, keepdims: _shared(g, y, x, axis, keepdims),
         stable=(lambda g, y, x, axis, keepdims: _only_shared(g, y, x, axis, keepdims),),
          name="max", latex=r"\max{over}({})", numpy=(np.max, np.amax), shapes="axes",
          kinks=_lead(1), doc="The largest entry; equal ones share the gradient.")
min  = op(lambda x, axis=None, keepdims=False: x.min(axis, None, keepdims),
                 lambda g, y, x, axis, keepdims: _shared(g, y, x, axis, keepdims),
         stable=(lambda g, y, x, axis, keepdims: _only_shared(g, y, x, axis, keepdims),),
          name="min", latex=r"\min{over}({})", numpy=(np.min, np.amin), shapes="axes",
          kinks=_lead(-1), doc="The smallest entry; equal ones share the gradient.")
prod = op(lambda x, axis=None, keepdims=False: x.prod(axis, None, None, keepdims),
                 lambda g, y, x, axis, keepdims:
                     _kept(g, x, axis, keepdims) * _named_others(x, axis),
          name="prod", latex=r"\prod{over} {}", numpy=(np.prod,), shapes="axes",
          doc="The product over the axis; zeros are no exception.")
deviation: Primitive = op(_deviation,
                 lambda g, y, x, axis: deviation.apply(g, axis=axis),
          name="deviation", source=_DEVIATION, plain=_plain_deviation,
          cases=(case((4,)), case((2, 3), axis=1)),
          doc="How far each entry is from the mean over the axis: exactly 0 where all are equal.")
var  = op(_var,
                 lambda g, y, x, axis, ddof, keepdims:
                     _kept(g, x, axis, keepdims) * 2 * _from_mean(x, axis) / (_count(x, y) - ddof),
         stable=(lambda g, y, x, axis, ddof, keepdims:
                     _kept(g, x, axis, keepdims) * 2
                     * _divided(deviation.apply(x, axis=axis), _count(x, y) - ddof),),
          name="var", numpy=(np.var,), shapes="axes", plain=_plain_var,
          doc="The variance over the axis: the sum of squared deviations over n - ddof.")
euclidean_norm = op(_length,
                 lambda g, y, x, axis, keepdims:
                     _kept(g / np.where(y == 0, 1.0, y), x, axis, keepdims) * x,
         stable=(lambda g, y, x, axis, keepdims:
                     _kept(g, x, axis, keepdims)
                     * (x / _kept(_length_off_0(y), x, axis, keepdims)),),
          name="euclidean_norm", latex=r"\lVert{{{}}}\rVert{over}", shapes="axes",
          plain=lambda x, axis, keepdims: np.sqrt((x * x).sum(axis, keepdims=keepdims)),
          source="x, axis=None, keepdims=False: np.sqrt((x * x).sum(axis, keepdims=keepdims))",
          kinks=lambda x, axis, keepdims: _length(x, axis),
          doc="The root of the sum of squares over the axis; where that is 0 its derivative is 0.")
std  = op(_std,
                 lambda g, y, x, axis, ddof, keepdims:
                     _kept(g / np.where(y == 0, 1.0, y), x, axis, keepdims)
                     * _from_mean(x, axis) / (_count(x, y) - ddof),
         stable=(lambda g, y, x, axis, ddof, keepdims:
                     _kept(g / np.where(y == 0, np.inf, y), x, axis, keepdims)
                     * _divided(deviation.apply(x, axis=axis), _count(x, y) - ddof),),
          name="std", numpy=(np.std,), shapes="axes", plain=_plain_std, kinks=_spread_of_several,
          doc="The standard deviation over the axis, the root of var; "
              "where all entries are equal its derivative is 0.")

logsumexp = op(_logsumexp,
                 lambda g, y, x, axis, keepdims:
                     _kept(g, x, axis, keepdims) * softmax.apply(x, axis=axis),
         stable=(lambda g, y, x, axis, keepdims:
                     _kept(g, x, axis, keepdims) * _shares(_kept(y, x, axis, keepdims), x, axis),),
          name="logsumexp", shapes="axes", brief=True, source=_LOGSUMEXP, plain=_plain_logsumexp,
          jax="jax.nn.logsumexp",
          doc="log of the sum of exp(x) over the axis, without overflow; its gradient is softmax.")
softmax: Primitive = op(_softmax,
                 lambda g, y, x, axis: y * (g - (g * y).sum(axis=axis, keepdims=True)),
         stable=(lambda g, y, x, axis: _against_others(g, y, axis),),
          name="softmax", range=(0.0, 1.0), brief=True, source=_SOFTMAX, plain=_plain_softmax,
          jax="jax.nn.softmax", cases=_ALONG_AN_AXIS,
          doc="exp(x) divided by its sum along the axis: positive numbers that add up to 1.")
log_softmax = op(_log_softmax,
                 lambda g, y, x, axis:
                     g - softmax.apply(x, axis=axis) * g.sum(axis=axis, keepdims=True),
         stable=(lambda g, y, x, axis: _less_shares(g, x, axis),),
          name="log_softmax", brief=True, source=_LOG_SOFTMAX, plain=_plain_log_softmax,
          jax="jax.nn.log_softmax", cases=_ALONG_AN_AXIS,
          doc="log(softmax(x)) along the axis: right even where softmax itself would be 0.")
cumsum: Primitive = op(lambda x, axis=None: _cumsum(x, axis),
                 lambda g, y, x, axis: _from_the_end(g, axis).reshape(x.shape),
          name="cumsum", numpy=(np.cumsum,),
          cases=(case((4,), axis=0), case((2, 3), axis=-1), case((2, 3))),
          doc="The running sum along the axis, or over all entries in order.")
# fmt: on

deviation.is_public = euclidean_norm.is_public = False
for _op, _sign, _end in ((max, 1, "maximum"), (min, -1, "minimum")):
    _op.usual = Usual(_has_no_tie(_sign), (_to_extreme,), f"no two entries of {{}} tie at a {_end}")
prod.usual = Usual(lambda x, axis, keepdims: x.all(), (_over_factor,), "no factor of {} is 0")

# fmt: off
_SORTED = case((4,)), case((2, 3), axis=0), case((4,), (4,)), case((2, 3), (2, 3), axis=0)
_ORDER = "np.argsort(x, axis=axis, stable=True)"
_TAKEN = "np.take_along_axis(v, {}, axis)"
_ONE_AXIS = (case((2, 3), axis=1), case((4,), axis=None))
argmax  = op(lambda x, axis=None, keepdims=False: x.argmax(axis, keepdims=keepdims),
             name="argmax", numpy=(np.argmax,), cases=_ONE_AXIS, doc="Where the largest entry is.")
argmin  = op(lambda x, axis=None, keepdims=False: x.argmin(axis, keepdims=keepdims),
             name="argmin", numpy=(np.argmin,), cases=_ONE_AXIS, doc="Where the smallest entry is.")
argsort = op(lambda x, axis=-1, stable=False: x.argsort(axis, stable=stable),
             name="argsort", numpy=(np.argsort,), doc="The indices that sort along the axis.")
ordered = op(_ordered,
             lambda g, y, x, axis: back_from_order.apply(g, x, axis=axis),
             name="ordered", kinks=_apart, cases=_SORTED[:2],
             source="x, axis=-1: np.sort(x, axis=axis)", jax="jax.numpy.sort",
             doc="The entries in order along the axis; equal ones keep their order.")
in_order: Primitive = op(_in_order,
             lambda g, y, v, x, axis: back_from_order.apply(g, x, axis=axis), None,
             name="in_order", cases=_SORTED[2:], source=f"v, x, axis=-1: {_TAKEN.format(_ORDER)}",
             doc="The entries of v in the order of those of x, along the axis.")
back_from_order: Primitive = op(_back_from_order,
             lambda g, y, v, x, axis: in_order.apply(g, x, axis=axis), None,
             name="back_from_order", cases=_SORTED[2:],
             source=f"v, x, axis=-1: {_TAKEN.format(f'np.argsort({_ORDER}, axis=axis)')}",
             doc="The entries of v, which were in the order of those of x, at their places.")
any     = op(lambda x, axis=None, keepdims=False: x.any(axis, keepdims=keepdims),
             name="any", numpy=(np.any,), doc="Whether an entry is true.")
all     = op(lambda x, axis=None, keepdims=False: x.all(axis, keepdims=keepdims),
             name="all", numpy=(np.all,), doc="Whether all entries are true.")

# np.sort; an array's method of that name sorts it in place
ordered.is_public = in_order.is_public = back_from_order.is_public = False
in_order.write_jax = (
    "jnp.take_along_axis({0}, jnp.argsort({1}, axis={axis}, stable=True), axis={axis})"
)
back_from_order.write_jax = (
    "jnp.take_along_axis({0}, jnp.argsort(jnp.argsort({1}, axis={axis}, stable=True), "
    "axis={axis}), axis={axis})"
)

values_only(np.allclose, np.array_equal, np.array_equiv, np.isclose, np.isin)
values_only(np.count_nonzero, np.nonzero, np.flatnonzero, np.argwhere)
values_only(np.isposinf, np.isneginf, np.isreal, np.iscomplex)
values_only(np.array2string, np.array_repr, np.array_str)
values_only(np.save, np.savetxt, np.savez, np.savez_compressed)
shapes_only(np.shape, np.ndim, np.size, np.zeros_like, np.ones_like, np.empty_like)
shapes_only(np.result_type, np.can_cast, np.shares_memory, np.may_share_memory)
shapes_only(np.iscomplexobj, np.isrealobj)
# fmt: on
