"""Entry by entry. Read it like the back cover of a calculus book.

g: gradient at the output y; then the op's own arguments. The framework sums a gradient where its
argument was broadcast. `stable`, below a rule of the books, is the one that runs in its place.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ..engine.define import op
from ..engine.domains import (
    LOGICAL,
    NORMAL,
    OVER_MINUS_ONE,
    OVER_ONE,
    POSITIVE,
    QUARTER_TURN,
    REAL,
    WITHIN_ONE,
)
from ..engine.op import Usual
from ..engine.overrides import implements
from ..engine.primitive import Primitive
from ..engine.tensor import Tensor
from .cases import case

LN2, LN10, ROOT_OF_HALF = float(np.log(2.0)), float(np.log(10.0)), 0.5**0.5


def _plain_sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), and exp(x) / (1 + exp(x)) below 0: no overflow, and an exact tail."""
    return np.exp(np.minimum(x, 0)) / (np.exp(-np.abs(x)) + 1)


# bound here, and not looked up in np: 0.4 µs less in a sigmoid forward and backward
_add, _copysign, _divide, _exp, _maximum, _minimum, _multiply, _negative = (
    np.add, np.copysign, np.divide, np.exp, np.maximum, np.minimum, np.multiply, np.negative,
)  # fmt: skip


def _sigmoid(x: Any) -> Any:
    """The same, up to the last bit below 0, in as little memory as will do."""
    zero, one, minus, lowest = _numbers(x.dtype)
    if x.size > MANY and x.dtype.kind == "f" and x.min() >= lowest:
        y = _negative(x)
        _exp(y, y)
        _add(y, one, y)
        return _divide(one, y, y)  # np.reciprocal takes twice as long
    if not x.ndim:
        return _plain_sigmoid(x)
    y, e = _minimum(x, zero), _copysign(x, minus)  # -|x|
    _exp(y, y)
    _exp(e, e)
    _add(e, one, e)
    return _divide(y, e, y)


def _plain_sigmoid_slope(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return e / np.square(e + 1)


def _sigmoid_slope(x: Any, g: Any = None) -> Any:
    """The same, to the last bit, in two buffers; times g."""
    if not x.ndim:
        return _plain_sigmoid_slope(x) if g is None else g * _plain_sigmoid_slope(x)
    _, one, minus, _ = _numbers(x.dtype)
    e = _copysign(x, minus)
    _exp(e, e)
    d = _add(e, one)
    _multiply(d, d, d)
    _divide(e, d, e)
    return e if g is None else _multiply(g, e, e)


def _plain_tanh_slope(x: Any) -> Any:
    # the exp of float32 errs by 2.5 units in the last place, and by more below its normal numbers
    if x.dtype == np.float32:
        return _plain_tanh_slope(x.astype(float)).astype(np.float32)
    e = np.exp(-2 * np.minimum(np.abs(x), 1e4))  # from there on 0, and 2 * x is no overflow yet
    return e / np.square(0.5 * (e + 1))


def _tanh_slope(x: Any, g: Any = None) -> Any:
    """The same, to the last bit, in two buffers; times g."""
    if not x.ndim:
        return _plain_tanh_slope(x) if g is None else g * _plain_tanh_slope(x)
    if x.dtype == np.float32:
        e = _tanh_slope(x.astype(float)).astype(np.float32)
        return e if g is None else _multiply(g, e, e)
    _, one, minus, lowest = _numbers(x.dtype)
    e = _copysign(x, minus)
    _maximum(e, lowest, out=e)
    _add(e, e, e)
    _exp(e, e)
    d = _add(e, one)
    _multiply(d, d, d)
    _multiply(e, 4, e)
    _divide(e, d, e)
    return e if g is None else _multiply(g, e, e)


def _cbrt_slope(x: Any) -> Any:
    """cbrt(x) / (3 x), of a root that one step of Newton's brings nearer.

    A machine's own cbrt may err by 4 units in the last place.
    """
    if x.dtype == np.float32:
        return _cbrt_slope(x.astype(float)).astype(np.float32)
    y = np.cbrt(x)
    ends = (y == 0) | np.isinf(y)
    inner, root = np.where(ends, 1, x), np.where(ends, 1, y)
    root = root - (root - inner / (root * root)) / 3
    return np.where(ends, 1 / (3 * y * y), root / inner / 3)


MANY = 1 << 12  # entries, from where on a pass over an array takes longer than a call


@cache
def _numbers(dtype: Any) -> tuple[Any, Any, Any, Any]:
    """0, 1, -1, and the lowest number of whose negative there is an exp.

    As arrays of a float dtype, which are quicker than numbers.
    """
    dtype = dtype if dtype.kind == "f" else _DOUBLE
    return (
        np.array(0, dtype),
        np.array(1, dtype),
        np.array(-1, dtype),
        np.array(1 - np.log(np.finfo(dtype).max), dtype),
    )


_DOUBLE = np.dtype(float)  # what a Python number counts as


def _off_zero(x: Any) -> Any:
    """x, no closer to 0 than the smallest normal number of its dtype."""
    dtype = getattr(x, "dtype", _DOUBLE)
    return np.maximum(x, np.finfo(dtype if dtype.kind == "f" else _DOUBLE).tiny)


def only(mask: Any, g: Any) -> Any:
    """`g` where the mask holds, and exactly 0 elsewhere, also where `g` is infinite or NaN."""
    is_large = type(g) is np.ndarray and g.size > MANY
    return only_of_many(mask, g) if is_large else np.where(mask, g, 0)


def only_of_many(mask: Any, g: Any, out: Any = None) -> Any:
    """The same: np.where takes 3 to 8 times as long as a product where true and false are mixed."""
    if np.isfinite(g).all():
        return _multiply(g, mask, out)
    if out is None:
        return np.where(mask, g, 0)
    out[...] = np.where(mask, g, 0)
    return out


def _all_finite(g: Any) -> bool:
    """Whether it is known that no entry is infinite or NaN, as it is of arrays."""
    return type(g) is np.ndarray and bool(np.isfinite(g).all())


def _nowhere(g: Any) -> Any:
    """The gradient of what is constant beside each point: exactly 0, whatever `g` is."""
    return Tensor(np.zeros_like(g), copy=False) if type(g) is Tensor else np.zeros_like(g)


def _to_larger(g: Any, a: Any, b: Any) -> Any:
    """What `a` gets of the gradient at the larger of a and b.

    All or nothing, half of it at a tie, and all beside NaN.
    """
    return only(~(a < b), g) * (1.0 - 0.5 * (a == b))


def _ahead(a: Any, b: Any) -> Any:
    """The share that this is, as a number."""
    return 1.0 - (a < b) - 0.5 * (a == b)


def _differ(a: Any, b: Any) -> Any:
    """Whether there is no tie; NaN counts as one."""
    return ((a < b) | (a > b)).all()


def _slope(a: Any, b: Any) -> Any:
    """The derivative of a ** b by a, with 0 ** 0 read as a constant."""
    if type(b) is int or type(b) is float:
        return a + a if b == 2 else b * a ** (b - 1) if b else 0.0 * a
    return b * np.where((a == 0) & (b == 0), 1.0, a) ** (b - 1)


def _to_base(g: Any, a: Any, b: Any) -> Any:
    """The gradient of a ** b at a: exactly 0 where b is 0, whatever `g` is."""
    if type(b) is int or type(b) is float:
        return g * (a + a if b == 2 else b * a ** (b - 1)) if b else _nowhere(g)
    g = g if _all_finite(g) else only((b != 0) | np.isfinite(g), g)
    return g * (b * np.where((a == 0) & (b == 0), 1.0, a) ** (b - 1))


def _log_of_base(a: Any, b: Any) -> Any:
    """log a, with 0 in place of log 0 where b is no pole: 0 ** b is 0 for all b > 0."""
    if (type(a) is int or type(a) is float) and 0 < a < np.inf:
        return float(np.log(a))
    return np.log(np.where((a == 0) & (b >= 0), 1.0, a))


def _to_exponent(g: Any, y: Any, a: Any, b: Any) -> Any:
    """The gradient of a ** b at b: exactly 0 where it is 0 or a is 1, whatever `g` is."""
    log: Any
    if (type(a) is int or type(a) is float) and 0 < a < np.inf:
        g, log = _nowhere(g) if a == 1 else g, float(np.log(a))
    else:
        is_zero = (y == 0) | ((a == 0) & (b == 0))  # for 0 ** 0 is read as a constant
        g = g if _all_finite(g) else only(~is_zero & (a != 1) | np.isfinite(g), g)
        log = np.log(np.where(is_zero, 1.0, a))
    return g * y * log


def _one_minus_square(x: Any) -> Any:
    a = np.abs(x)
    return np.where(a < 0.5, 1 - a * a, (1 - a) * (1 + a))


def _share(a: Any, b: Any) -> Any:
    """exp(a) / (exp(a) + exp(b)), from the distance of a and b.

    A half where both are inf, and nothing where both are -inf.
    """
    same = (a == b) & np.isinf(a)
    return sigmoid.apply(np.where(same, 0.0, a) - np.where(same, 0.0, b)) * ~(same & (a == -np.inf))


def _length(a: Any, b: Any) -> Any:
    """The length of (a, b), and 1 in place of 0."""
    length = np.hypot(a, b)
    return np.where(length == 0, 1.0, length)


def _plain_direction_cosine(a: Any, b: Any) -> Any:
    """a / hypot(a, b); beside what is infinite the rest counts as 0, and infinities are equal."""
    y = a / _length(a, b)
    if type(a) is int or type(a) is float:
        return y
    sign = np.sign(a)
    return np.where(np.isinf(a), np.where(np.isinf(b), sign * ROOT_OF_HALF, sign), y)


def _direction_cosine(a: Any, b: Any) -> Any:
    """The same, also where the length is beyond the range of numbers, or below it."""
    length = np.hypot(a, b)
    is_normal = (length >= np.finfo(length.dtype).tiny) & (length < np.inf)
    if is_normal.all():
        return a / length
    with np.errstate(invalid="ignore"):
        _, size = np.frexp(np.maximum(np.abs(a), np.abs(b)))
        unit = np.where(is_normal, 0, -size)
        y = _plain_direction_cosine(np.ldexp(a, unit), np.ldexp(b, unit))
    return y.astype(length.dtype)


def _slope_of_inversion(g: Any, a: Any, b: Any) -> Any:
    """g * (b * b - a * a) / (a * a + b * b) ** 2, from the sine and the cosine of an angle."""
    sine, cosine = direction_cosine.apply(a, b), direction_cosine.apply(b, a)
    length = _length(a, b)
    return g * (cosine - sine) * (cosine + sine) / length / length


def _inside(x: Any, min: Any, max: Any) -> Any:
    """Whether clip lets x through; its bounds belong to the inside."""
    over = x >= (-np.inf if min is None else min)
    return over & (x <= (np.inf if max is None else max))


def _apart(a: Any, b: Any) -> Any:
    """How far a comparison is from changing its answer."""
    return np.subtract(a, b, dtype=np.float64)


def _off_whole(a: Any, b: Any) -> Any:
    """How far a / b is from a whole number, where remainder and floor_divide jump."""
    return a / b - np.rint(a / b)


def _off_bounds(x: Any, min: Any, max: Any) -> Any:
    """How far x is from the bounds of clip."""
    return tuple(x - bound for bound in (min, max) if bound is not None)


def _clip(x: Any, min: Any = None, max: Any = None) -> Any:
    if min is None and max is None:
        return x.copy()  # np.clip of NumPy 2.0 refuses that
    return np.clip(x, min, max)


def _plain_clip(x: Any, min: Any = None, max: Any = None) -> Any:
    x = x if min is None else np.maximum(x, min)
    return x if max is None else np.minimum(x, max)


def _by_entry(name: str) -> Any:
    """A function of SciPy's, where it is installed, else of Python's own library, one by one."""

    def run(x: Any) -> Any:
        try:
            import scipy.special
        except ImportError:
            import math

            one = np.frompyfunc(getattr(math, name), 1, 1)
            found = one(x)
        else:
            found = getattr(scipy.special, name)(x)
        return np.asarray(found, getattr(x, "dtype", float))

    return run


_erf, _erfc = _by_entry("erf"), _by_entry("erfc")


def _near_0(x: Any) -> Any:
    """x, as far as a square of it changes exp(-x * x)."""
    return np.clip(x, -200.0, 200.0)


def _off_0(x: Any) -> Any:
    return np.where(x == 0, 1.0, x)


def _sinc_slope(x: Any) -> Any:
    """(cos(πx) - sinc(x)) / x; up to 1/2, where that cancels, from its series."""
    t = (np.pi * np.minimum(np.abs(x), 0.5)) ** 2
    series = np.ones_like(t)
    for k in range(9, 0, -1):
        series = 1 - series * t / (2 * k * (2 * k + 3))
    usual = (np.cos(np.pi * x) - np.sinc(x)) / _off_0(x)
    return np.where(np.abs(x) < 0.5, -(np.pi**2) / 3 * x * series, usual)


def _sinc_bend(y: Any, x: Any) -> Any:
    """The second derivative of sinc, from the first."""
    is_0 = np.abs(x) < 1e-20  # to the last place
    usual = -(np.pi**2) * np.sinc(x) - 2 * y / np.where(is_0, 1.0, x)
    return np.where(is_0, -(np.pi**2) / 3, usual)


def _sigmoid_cross_entropy(z: Any, t: Any) -> Any:
    """What a score costs whose label is 1 with probability t; 0 times an infinite loss is 0."""
    if_one = np.where(t == 0, 0.0, t * np.logaddexp(0, -z))
    return if_one + np.where(t == 1, 0.0, (1 - t) * np.logaddexp(0, z))


_FLAT = (lambda g, y, x: _nowhere(g),)

# fmt: off
add        = op(np.add,        lambda g, y, a, b: g,     lambda g, y, a, b: g,     write="{} + {}")
subtract   = op(np.subtract,   lambda g, y, a, b: g,     lambda g, y, a, b: -g,    write="{} - {}")
multiply   = op(np.multiply,   lambda g, y, a, b: g * b, lambda g, y, a, b: g * a, write="{} * {}")
divide     = op(np.divide,     lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b,
                write="{} / {}", latex=r"\frac{{{}}}{{{}}}", domain=(REAL, POSITIVE))
power      = op(np.power,      lambda g, y, a, b: g * _slope(a, b),
                               lambda g, y, a, b: g * y * _log_of_base(a, b),
                       stable=(lambda g, y, a, b: _to_base(g, a, b),
                               lambda g, y, a, b: _to_exponent(g, y, a, b)),
                write="{} ** {}", latex="{}^{{{}}}", domain=(POSITIVE, REAL))
remainder  = op(np.remainder,  lambda g, y, a, b: g,     lambda g, y, a, b: -g * (a // b),
                       stable=(lambda g, y, a, b: g,
                               lambda g, y, a, b: -only(a // b != 0, g) * (a // b)),
                write="{} % {}", latex=r"{} \bmod {}", domain=(REAL, POSITIVE), kinks=_off_whole)
maximum    = op(np.maximum,    lambda g, y, a, b: g * _ahead(a, b),
                               lambda g, y, a, b: g * _ahead(b, a),
                       stable=(lambda g, y, a, b: _to_larger(g, a, b),
                               lambda g, y, a, b: _to_larger(g, b, a)),
                latex=r"\max({}, {})", kinks=lambda a, b: a - b)
minimum    = op(np.minimum,    lambda g, y, a, b: g * _ahead(b, a),
                               lambda g, y, a, b: g * _ahead(a, b),
                       stable=(lambda g, y, a, b: _to_larger(g, b, a),
                               lambda g, y, a, b: _to_larger(g, a, b)),
                latex=r"\min({}, {})", kinks=lambda a, b: a - b)
arctan2    = op(np.arctan2,    lambda g, y, a, b: g * b / (a * a + b * b),
                               lambda g, y, a, b: -g * a / (a * a + b * b),
                       stable=(lambda g, y, a, b: g * inversion.apply(b, a),
                               lambda g, y, a, b: -g * inversion.apply(a, b)),
                domain=(REAL, POSITIVE))
hypot      = op(np.hypot,      lambda g, y, a, b: g * a / y,
                               lambda g, y, a, b: g * b / y,
                       stable=(lambda g, y, a, b: g * direction_cosine.apply(a, b),
                               lambda g, y, a, b: g * direction_cosine.apply(b, a)),
                domain=(REAL, POSITIVE))
logaddexp  = op(np.logaddexp,  lambda g, y, a, b: g * sigmoid.apply(a - b),
                               lambda g, y, a, b: g * sigmoid.apply(b - a),
                       stable=(lambda g, y, a, b: g * _share(a, b),
                               lambda g, y, a, b: g * _share(b, a)))
logaddexp2 = op(np.logaddexp2, lambda g, y, a, b: g * sigmoid.apply((a - b) * LN2),
                               lambda g, y, a, b: g * sigmoid.apply((b - a) * LN2),
                       stable=(lambda g, y, a, b: g * _share(a * LN2, b * LN2),
                               lambda g, y, a, b: g * _share(b * LN2, a * LN2)))

negative   = op(np.negative,   lambda g, y, x: -g,               write="-{}")
positive   = op(np.positive,   lambda g, y, x: g,                write="+{}")
abs        = op(np.absolute,   lambda g, y, x: g * np.sign(x),   write="abs({})", latex="|{}|",
                name="abs", kinks=lambda x: x)
sign       = op(np.sign,       lambda g, y, x: g * 0.0,          stable=_FLAT, kinks=lambda x: x)
square     = op(np.square,     lambda g, y, x: g * 2 * x,        latex="{}^{{2}}")
reciprocal = op(np.reciprocal, lambda g, y, x: -g * y * y,       latex=r"\frac{{1}}{{{}}}",
                domain=(POSITIVE,))
sqrt       = op(np.sqrt,       lambda g, y, x: g / (2 * y),      latex=r"\sqrt{{{}}}",
                domain=(POSITIVE,))
cbrt       = op(np.cbrt,       lambda g, y, x: g / (3 * y * y),  latex=r"\sqrt[3]{{{}}}",
                       stable=(lambda g, y, x: g * cbrt_slope.apply(x),),
                domain=(POSITIVE,))
exp        = op(np.exp,        lambda g, y, x: g * y,            latex="e^{{{}}}")
exp2       = op(np.exp2,       lambda g, y, x: g * y * LN2,      latex="2^{{{}}}")
expm1      = op(np.expm1,      lambda g, y, x: g * np.exp(x))
log        = op(np.log,        lambda g, y, x: g / x,            latex=r"\ln({})",
                domain=(POSITIVE,))
log1p      = op(np.log1p,      lambda g, y, x: g / (1 + x),      domain=(OVER_MINUS_ONE,))
log2       = op(np.log2,       lambda g, y, x: g / (x * LN2),    domain=(POSITIVE,),
                       stable=(lambda g, y, x: g / x / LN2,))
log10      = op(np.log10,      lambda g, y, x: g / (x * LN10),   domain=(POSITIVE,),
                       stable=(lambda g, y, x: g / x / LN10,))

sin        = op(np.sin,        lambda g, y, x: g * np.cos(x))
cos        = op(np.cos,        lambda g, y, x: -g * np.sin(x))
tan        = op(np.tan,        lambda g, y, x: g * (1 + y * y),  domain=(QUARTER_TURN,))
arcsin     = op(np.arcsin,     lambda g, y, x: g / np.sqrt(1 - x * x),
                       stable=(lambda g, y, x: g * one_minus_square.apply(x) ** -0.5,),
                domain=(WITHIN_ONE,))
arccos     = op(np.arccos,     lambda g, y, x: -g / np.sqrt(1 - x * x),
                       stable=(lambda g, y, x: -g * one_minus_square.apply(x) ** -0.5,),
                domain=(WITHIN_ONE,))
arctan     = op(np.arctan,     lambda g, y, x: g / (1 + x * x),
                       stable=(lambda g, y, x: g * np.hypot(x, 1.0) ** -2,))
sinh       = op(np.sinh,       lambda g, y, x: g * np.cosh(x))
cosh       = op(np.cosh,       lambda g, y, x: g * np.sinh(x))
tanh       = op(np.tanh,       lambda g, y, x: g * (1 - y * y),  brief=True,
                       stable=(lambda g, y, x: g * tanh_slope(x) if type(x) is Tensor
                                               else _tanh_slope(x, g),))
arcsinh    = op(np.arcsinh,    lambda g, y, x: g / np.sqrt(x * x + 1),
                       stable=(lambda g, y, x: g * np.hypot(x, 1.0) ** -1,))
arccosh    = op(np.arccosh,    lambda g, y, x: g / np.sqrt(x * x - 1),
                       stable=(lambda g, y, x: g * (x - 1) ** -0.5 * (x + 1) ** -0.5,),
                domain=(OVER_ONE,))
arctanh    = op(np.arctanh,    lambda g, y, x: g / (1 - x * x),
                       stable=(lambda g, y, x: g / one_minus_square.apply(x),),
                domain=(WITHIN_ONE,))

# what NumPy has not
sigmoid: Primitive = op(_sigmoid,
                               lambda g, y, x: g * y * (1 - y),  brief=True,
                       stable=(lambda g, y, x: g * sigmoid_slope(x) if type(x) is Tensor
                                               else _sigmoid_slope(x, g),),
                name="sigmoid", latex=r"\sigma({})", range=(0.0, 1.0), plain=_plain_sigmoid,
                source="x: np.exp(-np.logaddexp(0, -x))", jax="jax.nn.sigmoid",
                doc="1 / (1 + exp(-x)), without overflow.")
softplus   = op(lambda x: np.logaddexp(x, 0),
                               lambda g, y, x: g * sigmoid.apply(x),
                name="softplus", source="x: np.logaddexp(x, 0)",
                doc="log(1 + exp(x)), without overflow.")
sigmoid_slope: Primitive = op(lambda x: _sigmoid_slope(x),
                               lambda g, y, x: -g * y * np.tanh(x / 2),
                name="sigmoid_slope", latex=r"\sigma'({})", plain=_plain_sigmoid_slope,
                source="x: np.exp(-np.logaddexp(0, -x) - np.logaddexp(0, x))",
                doc="The derivative of sigmoid, sigmoid(x) * (1 - sigmoid(x)): "
                    "exact in both tails, where 1 - sigmoid(x) rounds to 0.")
sigmoid_cross_entropy = op(_sigmoid_cross_entropy,
                               lambda g, y, z, t: g * (sigmoid.apply(z) - t),
                               lambda g, y, z, t: -g * z,        brief=True,
                       stable=(lambda g, y, z, t: g * ((1 - t) * sigmoid.apply(z)
                                                       - t * sigmoid.apply(-z)),
                               lambda g, y, z, t: -g * z),
                name="sigmoid_cross_entropy", plain=lambda z, t: softplus.apply(z) - t * z,
                source="z, t: np.logaddexp(0, z) - t * z",
                doc="-(t log(sigmoid(z)) + (1 - t) log(1 - sigmoid(z))), exact for any score z.")
tanh_slope: Primitive = op(lambda x: _tanh_slope(x),
                               lambda g, y, x: -2 * g * y * np.tanh(x),
                name="tanh_slope", latex=r"\tanh'({})", plain=_plain_tanh_slope,
                source="x: 1 / np.square(np.cosh(np.minimum(abs(x), 350)))",
                doc="The derivative of tanh, 1 - tanh(x) ** 2: "
                    "exact in both tails, where that rounds to 0.")
cbrt_slope: Primitive = op(_cbrt_slope,
                               lambda g, y, x: -2 * g * y / (3 * x),
                name="cbrt_slope", domain=(POSITIVE,),
                source="x: 1 / (3 * np.square(np.cbrt(x)))",
                doc="The derivative of cbrt, x ** (-2 / 3) / 3.")
direction_cosine: Primitive = op(_direction_cosine,
                               lambda g, y, a, b: g * b * b / np.hypot(a, b) ** 3,
                               lambda g, y, a, b: -g * a * b / np.hypot(a, b) ** 3,
                       stable=(lambda g, y, a, b: g * np.square(direction_cosine.apply(b, a))
                                                  / _length(a, b),
                               lambda g, y, a, b: -g * y * direction_cosine.apply(b, a)
                                                  / _length(a, b)),
                name="direction_cosine", plain=_plain_direction_cosine, domain=(REAL, POSITIVE),
                source="a, b: a / np.where((a == 0) & (b == 0), 1, np.hypot(a, b))",
                doc="a / hypot(a, b), the cosine of an angle; 0 at the origin.")
inversion: Primitive = op(lambda a, b: _direction_cosine(a, b) / _length(a, b),
                               lambda g, y, a, b: g * (b * b - a * a) / (a * a + b * b) ** 2,
                               lambda g, y, a, b: -2 * g * a * b / (a * a + b * b) ** 2,
                       stable=(lambda g, y, a, b: _slope_of_inversion(g, a, b),
                               lambda g, y, a, b: -2 * g * y * direction_cosine.apply(b, a)
                                                  / _length(a, b)),
                name="inversion", domain=(REAL, POSITIVE),
                plain=lambda a, b: _plain_direction_cosine(a, b) / _length(a, b),
                source="a, b: a / np.where((a == 0) & (b == 0), 1, np.hypot(a, b)) ** 2",
                doc="a / (a * a + b * b), the inversion in the unit circle; 0 at the origin.")
sinc       = op(np.sinc,       lambda g, y, x:
                                   g * (np.cos(np.pi * x) - y) / np.where(x == 0, 1.0, x),
                       stable=(lambda g, y, x: g * sinc_slope.apply(x),),
                kinks=lambda x: x, doc="sin(πx) / (πx), and 1 at 0.")
sinc_slope: Primitive = op(_sinc_slope,
                               lambda g, y, x: g * _sinc_bend(y, x),
                name="sinc_slope", plain=lambda x: (np.cos(np.pi * x) - np.sinc(x)) / _off_0(x),
                doc="The derivative of sinc, (cos(πx) - sinc(x)) / x: exact beside 0.")
one_minus_square: Primitive = op(_one_minus_square,
                               lambda g, y, x: -2 * g * x,
                name="one_minus_square", source="x: (1 - x) * (1 + x)",
                doc="1 - x * x: exact close to 1, where x * x rounds.")
erf: Primitive = op(lambda x: _erf(x),
                               lambda g, y, x: g * (2 / np.pi**0.5) * np.exp(-x * x),
                       stable=(lambda g, y, x: g * (2 / np.pi**0.5) * bell.apply(x),),
                name="erf", jax="jax.scipy.special.erf",
                doc="The error function: twice the normal distribution's share from 0 to x√2.")
erfc: Primitive = op(lambda x: _erfc(x),
                               lambda g, y, x: -g * (2 / np.pi**0.5) * np.exp(-x * x),
                       stable=(lambda g, y, x: -g * (2 / np.pi**0.5) * bell.apply(x),),
                name="erfc", jax="jax.scipy.special.erfc",
                doc="1 - erf(x): exact where that rounds to 0.")
bell: Primitive = op(lambda x: np.exp(-np.square(_near_0(x))),
                               lambda g, y, x: -2 * g * x * y,
                       stable=(lambda g, y, x: -2 * g * y * _near_0(x),),
                name="bell", latex=r"e^{{-{}^2}}", source="x: np.exp(-np.square(x))",
                doc="exp(-x * x), the normal distribution's curve.")
relu       = op(lambda x: np.maximum(x, 0),
                               lambda g, y, x: g * (x > 0),
                       stable=(lambda g, y, x: only(y != 0, g),),
                name="relu", source="x: np.maximum(x, 0)", kinks=lambda x: x,
                doc="max(x, 0); its derivative at 0 is 0.")
safe_log   = op(lambda x: np.log(_off_zero(x)),
                               lambda g, y, x: g / _off_zero(x),
                name="safe_log", latex=r"\ln({})", domain=(NORMAL,),
                source="x: np.log(np.maximum(x, np.finfo(x.dtype).tiny))",
                doc="log x, finite at 0: "
                    "there x counts as the smallest normal number of its dtype.")
clip       = op(_clip,         lambda g, y, x, min, max: g * _inside(x, min, max),
                       stable=(lambda g, y, x, min, max: only(_inside(x, min, max), g),),
                name="clip", plain=_plain_clip, kinks=_off_bounds,
                cases=(case((3,), min=-0.5, max=1.0), case((2, 3), min=None, max=0.5),
                       case((), min=0.0, max=None)),
                doc="x, no less than min and no more than max; the bounds let gradients through.")
where      = op(lambda condition, a, b: np.where(condition, a, b),
                               None,
                               lambda g, y, c, a, b: np.where(c, g, 0.0),
                               lambda g, y, c, a, b: np.where(c, 0.0, g),
                name="where", domain=(LOGICAL, REAL, REAL),
                doc="a where the condition holds, else b; "
                    "the one not taken gets a gradient of exactly 0.")

# steps: flat wherever they have a derivative
floor      = op(np.floor,      lambda g, y, x: g * 0.0,          stable=_FLAT,
                latex=r"\lfloor {} \rfloor", kinks=lambda x: x - np.rint(x))
ceil       = op(np.ceil,       lambda g, y, x: g * 0.0,          stable=_FLAT,
                latex=r"\lceil {} \rceil", kinks=lambda x: x - np.rint(x))
floor_divide = op(np.floor_divide,
                               lambda g, y, a, b: g * 0.0,
                               lambda g, y, a, b: g * 0.0,
                       stable=(lambda g, y, a, b: _nowhere(g),) * 2,
                write="{} // {}", latex=r"\lfloor {} / {} \rfloor", domain=(REAL, POSITIVE),
                kinks=_off_whole)
trunc      = op(np.trunc,      lambda g, y, x: g * 0.0,          stable=_FLAT,
                kinks=lambda x: x - np.rint(x))
rint       = op(np.rint,       lambda g, y, x: g * 0.0,          stable=_FLAT,
                kinks=lambda x: x - np.floor(x) - 0.5)

# no gradient: they give booleans
greater       = op(np.greater,       write="{} > {}", kinks=_apart)
greater_equal = op(np.greater_equal, write="{} >= {}", kinks=_apart)
less          = op(np.less,          write="{} < {}", kinks=_apart)
less_equal    = op(np.less_equal,    write="{} <= {}", kinks=_apart)
equal         = op(np.equal,         write="{} == {}", kinks=_apart)
not_equal     = op(np.not_equal,     write="{} != {}", kinks=_apart)
logical_and   = op(np.logical_and)
logical_or    = op(np.logical_or)
logical_not   = op(np.logical_not)
logical_xor   = op(np.logical_xor)
bitwise_and   = op(np.bitwise_and,   write="{} & {}", domain=(LOGICAL, LOGICAL))
bitwise_or    = op(np.bitwise_or,    write="{} | {}", domain=(LOGICAL, LOGICAL))
invert        = op(np.invert,        write="~{}", domain=(LOGICAL,))
isnan         = op(np.isnan)
isfinite      = op(np.isfinite)
isinf         = op(np.isinf)
signbit       = op(np.signbit)
# fmt: on

# what rules and losses are made of
for _op in (
    *(sigmoid_slope, tanh_slope, cbrt_slope, sinc_slope, one_minus_square),
    *(direction_cosine, inversion, bell),
    sigmoid_cross_entropy,
):
    _op.is_public = False

_to_greater = (lambda g, y, a, b: g * (a > b), lambda g, y, a, b: g * (b > a))
_to_lesser = (lambda g, y, a, b: g * (a < b), lambda g, y, a, b: g * (b < a))
maximum.usual = Usual(_differ, _to_greater, "{} and {} never tie")
minimum.usual = Usual(_differ, _to_lesser, "{} and {} never tie")


class _Asks:
    """What finds out which ufunc a method of arrays calls."""

    def __array_ufunc__(self, ufunc: Any, *_: Any, **__: Any) -> Any:
        return ufunc


_asks: Any = _Asks()
_clip_of_arrays: Any = np.zeros(1).clip(_asks, 1)


@implements(np.clip, _clip_of_arrays)
def _numpy_clip(
    a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None, **more: Any
) -> Tensor:
    """np.clip, which has two names for each bound; a bound that is a Tensor gets its gradient."""
    low, high = a_min if min is None else min, a_max if max is None else max
    if type(low) is not Tensor and type(high) is not Tensor:
        return clip(a, low, high, **more)
    least = a if low is None else maximum(a, low)
    return least if high is None else minimum(least, high)


def _numpy_where(condition: Any, *branches: Any) -> Any:
    """np.where, which with a condition alone is np.nonzero."""
    return where(condition, *branches) if branches else np.nonzero(condition)


_numpy_where.__name__ = where.name  # by which readers know that np.where is the op
implements(np.where)(_numpy_where)
