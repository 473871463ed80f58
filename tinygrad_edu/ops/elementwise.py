"""Entry by entry. Read it like the back cover of a calculus book.

g: gradient at the output y; then the op's own arguments. The framework sums a gradient where its argument was broadcast.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ..core import Tensor
from ..define import LOGICAL, NORMAL, OVER_MINUS_ONE, POSITIVE, QUARTER_TURN, REAL, WITHIN_ONE, implements, op
from ..operation import Op, Usual

LN2, LN10 = float(np.log(2.0)), float(np.log(10.0))


def _plain_sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), and exp(x) / (1 + exp(x)) below 0: exp cannot overflow, and the tail keeps its digits."""
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
    e = np.exp(-2 * np.minimum(np.abs(x), 1e4))  # from there on 0, and 2 * x is no overflow yet
    return e / np.square(0.5 * (e + 1))


def _tanh_slope(x: Any, g: Any = None) -> Any:
    """The same, to the last bit, in two buffers; times g."""
    if not x.ndim:
        return _plain_tanh_slope(x) if g is None else g * _plain_tanh_slope(x)
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


MANY = 1 << 12  # entries, from where on a pass over an array takes longer than a call


@cache
def _numbers(dtype: Any) -> tuple[Any, Any, Any, Any]:
    """0, 1, -1 and the lowest number whose negative exp still takes, as arrays of a float dtype, which are quicker than numbers."""
    dtype = dtype if dtype.kind == "f" else _DOUBLE
    return np.array(0, dtype), np.array(1, dtype), np.array(-1, dtype), np.array(1 - np.log(np.finfo(dtype).max), dtype)


_DOUBLE = np.dtype(float)  # what a Python number counts as


def _off_zero(x: Any) -> Any:
    """x, no closer to 0 than the smallest normal number of its dtype."""
    dtype = getattr(x, "dtype", _DOUBLE)
    return np.maximum(x, np.finfo(dtype if dtype.kind == "f" else _DOUBLE).tiny)


def _ahead(a: Any, b: Any) -> Any:
    """The share of the gradient that `a` gets where the larger of a and b counts: 1, 0, a half at a tie, and 1 beside NaN."""
    return 1.0 - (a < b) - 0.5 * (a == b)


def _differ(a: Any, b: Any) -> Any:
    """Whether there is no tie; NaN counts as one."""
    return ((a < b) | (a > b)).all()


def _slope(a: Any, b: Any) -> Any:
    """The derivative of a ** b by a, with 0 ** 0 read as a constant."""
    if type(b) is int or type(b) is float:
        return a + a if b == 2 else b * a ** (b - 1) if b else 0.0 * a
    return b * np.where((a == 0) & (b == 0), 1.0, a) ** (b - 1)


def _log_of_base(a: Any, b: Any) -> Any:
    """log a, with 0 in place of log 0 where b is no pole: 0 ** b is 0 for all b > 0."""
    if (type(a) is int or type(a) is float) and 0 < a < np.inf:
        return float(np.log(a))
    return np.log(np.where((a == 0) & (b >= 0), 1.0, a))


def _one_minus_square(x: Any) -> Any:
    a = np.abs(x)
    return np.where(a < 0.5, 1 - a * a, (1 - a) * (1 + a))


def _share(a: Any, b: Any) -> Any:
    """exp(a) / (exp(a) + exp(b)), from what lies between a and b: a half where both are inf, and nothing where both are -inf."""
    same = (a == b) & np.isinf(a)
    return sigmoid.apply(np.where(same, 0.0, a) - np.where(same, 0.0, b)) * ~(same & (a == -np.inf))


def _length(a: Any, b: Any) -> Any:
    """The length of (a, b), and 1 in place of 0."""
    length = np.hypot(a, b)
    return np.where(length == 0, 1.0, length)


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


def _clip(x: Any, min: Any = None, max: Any = None) -> Any:
    return x.copy() if min is None and max is None else np.clip(x, min, max)  # which NumPy 2.0 refuses


def _plain_clip(x: Any, min: Any = None, max: Any = None) -> Any:
    x = x if min is None else np.maximum(x, min)
    return x if max is None else np.minimum(x, max)


# fmt: off
add        = op(np.add,        lambda g, y, a, b: g,              lambda g, y, a, b: g,                      write="{} + {}")
subtract   = op(np.subtract,   lambda g, y, a, b: g,              lambda g, y, a, b: -g,                     write="{} - {}")
multiply   = op(np.multiply,   lambda g, y, a, b: g * b,          lambda g, y, a, b: g * a,                  write="{} * {}")
divide     = op(np.divide,     lambda g, y, a, b: g / b,          lambda g, y, a, b: -g * y / b,             write="{} / {}", latex=r"\frac{{{}}}{{{}}}", domain=(REAL, POSITIVE))
power      = op(np.power,      lambda g, y, a, b: g * _slope(a, b), lambda g, y, a, b: g * y * _log_of_base(a, b), write="{} ** {}", latex="{}^{{{}}}", domain=(POSITIVE, REAL))
remainder  = op(np.remainder,  lambda g, y, a, b: g,              lambda g, y, a, b: -g * (a // b),          write="{} % {}", latex=r"{} \bmod {}", domain=(REAL, POSITIVE), kinks=_off_whole)
maximum    = op(np.maximum,    lambda g, y, a, b: g * _ahead(a, b), lambda g, y, a, b: g * _ahead(b, a),     latex=r"\max({}, {})", kinks=lambda a, b: a - b)
minimum    = op(np.minimum,    lambda g, y, a, b: g * _ahead(b, a), lambda g, y, a, b: g * _ahead(a, b),     latex=r"\min({}, {})", kinks=lambda a, b: a - b)
arctan2    = op(np.arctan2,    lambda g, y, a, b: g * b / (a * a + b * b), lambda g, y, a, b: -g * a / (a * a + b * b), domain=(REAL, POSITIVE),
                stable=(lambda g, y, a, b: g / _length(a, b) * (b / _length(a, b)), lambda g, y, a, b: -g / _length(a, b) * (a / _length(a, b))))
hypot      = op(np.hypot,      lambda g, y, a, b: g * a / y,      lambda g, y, a, b: g * b / y,              domain=(REAL, POSITIVE),
                stable=(lambda g, y, a, b: g * (a / _length(a, b)), lambda g, y, a, b: g * (b / _length(a, b))))
logaddexp  = op(np.logaddexp,  lambda g, y, a, b: g * sigmoid.apply(a - b), lambda g, y, a, b: g * sigmoid.apply(b - a),
                stable=(lambda g, y, a, b: g * _share(a, b), lambda g, y, a, b: g * _share(b, a)))

negative   = op(np.negative,   lambda g, y, x: -g,                     write="-{}")
positive   = op(np.positive,   lambda g, y, x: g,                      write="+{}")
abs        = op(np.absolute,   lambda g, y, x: g * np.sign(x),         write="abs({})", latex="|{}|", name="abs", kinks=lambda x: x)
sign       = op(np.sign,       lambda g, y, x: g * 0.0,                kinks=lambda x: x)
square     = op(np.square,     lambda g, y, x: g * 2 * x,              latex="{}^{{2}}")
reciprocal = op(np.reciprocal, lambda g, y, x: -g * y * y,             latex=r"\frac{{1}}{{{}}}", domain=(POSITIVE,))
sqrt       = op(np.sqrt,       lambda g, y, x: g / (2 * y),            latex=r"\sqrt{{{}}}", domain=(POSITIVE,))
cbrt       = op(np.cbrt,       lambda g, y, x: g / (3 * y * y),        latex=r"\sqrt[3]{{{}}}", domain=(POSITIVE,))
exp        = op(np.exp,        lambda g, y, x: g * y,                  latex="e^{{{}}}")
exp2       = op(np.exp2,       lambda g, y, x: g * y * LN2,            latex="2^{{{}}}")
expm1      = op(np.expm1,      lambda g, y, x: g * np.exp(x))
log        = op(np.log,        lambda g, y, x: g / x,                  latex=r"\ln({})", domain=(POSITIVE,))
log1p      = op(np.log1p,      lambda g, y, x: g / (1 + x),            domain=(OVER_MINUS_ONE,))
log2       = op(np.log2,       lambda g, y, x: g / (x * LN2),          domain=(POSITIVE,), stable=(lambda g, y, x: g / x / LN2,))
log10      = op(np.log10,      lambda g, y, x: g / (x * LN10),         domain=(POSITIVE,), stable=(lambda g, y, x: g / x / LN10,))
sin        = op(np.sin,        lambda g, y, x: g * np.cos(x))
cos        = op(np.cos,        lambda g, y, x: -g * np.sin(x))
tan        = op(np.tan,        lambda g, y, x: g * (1 + y * y),        domain=(QUARTER_TURN,))
arcsin     = op(np.arcsin,     lambda g, y, x: g / np.sqrt(1 - x * x), domain=(WITHIN_ONE,), stable=(lambda g, y, x: g * one_minus_square.apply(x) ** -0.5,))
arccos     = op(np.arccos,     lambda g, y, x: -g / np.sqrt(1 - x * x), domain=(WITHIN_ONE,), stable=(lambda g, y, x: -g * one_minus_square.apply(x) ** -0.5,))
arctan     = op(np.arctan,     lambda g, y, x: g / (1 + x * x),        stable=(lambda g, y, x: g * np.hypot(x, 1.0) ** -2,))
sinh       = op(np.sinh,       lambda g, y, x: g * np.cosh(x))
cosh       = op(np.cosh,       lambda g, y, x: g * np.sinh(x))
tanh       = op(np.tanh,       lambda g, y, x: g * (1 - y * y),        brief=True, stable=(lambda g, y, x: g * tanh_slope(x) if type(x) is Tensor else _tanh_slope(x, g),))
arcsinh    = op(np.arcsinh,    lambda g, y, x: g / np.sqrt(x * x + 1), stable=(lambda g, y, x: g * np.hypot(x, 1.0) ** -1,))
arctanh    = op(np.arctanh,    lambda g, y, x: g / (1 - x * x),        domain=(WITHIN_ONE,), stable=(lambda g, y, x: g / one_minus_square.apply(x),))
sigmoid: Op = op(_sigmoid,      lambda g, y, x: g * y * (1 - y),        latex=r"\sigma({})", name="sigmoid", range=(0.0, 1.0), plain=_plain_sigmoid, jax="jax.nn.sigmoid", source="x: np.exp(-np.logaddexp(0, -x))", brief=True,
                stable=(lambda g, y, x: g * sigmoid_slope(x) if type(x) is Tensor else _sigmoid_slope(x, g),), doc="1 / (1 + exp(-x)), without overflow.")
softplus   = op(lambda x: np.logaddexp(x, 0), lambda g, y, x: g * sigmoid.apply(x), name="softplus", source="x: np.logaddexp(x, 0)", doc="log(1 + exp(x)), without overflow.")
sigmoid_slope: Op = op(lambda x: _sigmoid_slope(x), lambda g, y, x: -g * y * np.tanh(x / 2), name="sigmoid_slope", source="x: np.exp(-np.logaddexp(0, -x) - np.logaddexp(0, x))", plain=_plain_sigmoid_slope, latex=r"\sigma'({})",
                doc="The derivative of sigmoid, sigmoid(x) * (1 - sigmoid(x)): exact in both tails, where 1 - sigmoid(x) rounds to 0.")
sigmoid_cross_entropy = op(lambda z, t: np.where(t == 0, 0.0, t * np.logaddexp(0, -z)) + np.where(t == 1, 0.0, (1 - t) * np.logaddexp(0, z)),
                lambda g, y, z, t: g * (sigmoid.apply(z) - t), lambda g, y, z, t: -g * z, name="sigmoid_cross_entropy", source="z, t: np.logaddexp(0, z) - t * z", brief=True, plain=lambda z, t: softplus.apply(z) - t * z,
                stable=(lambda g, y, z, t: g * ((1 - t) * sigmoid.apply(z) - t * sigmoid.apply(-z)), lambda g, y, z, t: -g * z),
                doc="-(t log(sigmoid(z)) + (1 - t) log(1 - sigmoid(z))), exact for any score z.")
tanh_slope: Op = op(lambda x: _tanh_slope(x), lambda g, y, x: -2 * g * y * np.tanh(x), name="tanh_slope", source="x: 1 / np.square(np.cosh(np.minimum(abs(x), 350)))", plain=_plain_tanh_slope, latex=r"\tanh'({})",
                doc="The derivative of tanh, 1 - tanh(x) ** 2: exact in both tails, where that rounds to 0.")
one_minus_square: Op = op(_one_minus_square, lambda g, y, x: -2 * g * x, name="one_minus_square", source="x: (1 - x) * (1 + x)", doc="1 - x * x: exact close to 1, where x * x rounds.")
relu       = op(lambda x: np.maximum(x, 0), lambda g, y, x: g * (x > 0), name="relu", source="x: np.maximum(x, 0)", brief=True, stable=(lambda g, y, x: g * (y != 0),), kinks=lambda x: x, doc="max(x, 0); its derivative at 0 is 0.")
safe_log   = op(lambda x: np.log(_off_zero(x)), lambda g, y, x: g / _off_zero(x), name="safe_log", source="x: np.log(np.maximum(x, np.finfo(x.dtype).tiny))", latex=r"\ln({})", domain=(NORMAL,),
                doc="log x, finite at 0: there x counts as the smallest normal number of its dtype.")
clip       = op(_clip,         lambda g, y, x, min, max: g * _inside(x, min, max), name="clip", plain=_plain_clip,
                kinks=lambda x, min, max: tuple(x - bound for bound in (min, max) if bound is not None),
                cases=({"shapes": ((3,),), "min": -0.5, "max": 1.0}, {"shapes": ((2, 3),), "min": None, "max": 0.5}, {"shapes": ((),), "min": 0.0, "max": None}),
                doc="x, no less than min and no more than max; the bounds let gradients through.")
where      = op(lambda condition, a, b: np.where(condition, a, b), None,
                lambda g, y, c, a, b: np.where(c, g, 0.0), lambda g, y, c, a, b: np.where(c, 0.0, g), name="where", domain=(LOGICAL, REAL, REAL),
                doc="a where the condition holds, else b; the one not taken gets a gradient of exactly 0.")

# steps: flat wherever they have a derivative
floor      = op(np.floor,      lambda g, y, x: g * 0.0,                latex=r"\lfloor {} \rfloor", kinks=lambda x: x - np.rint(x))
ceil       = op(np.ceil,       lambda g, y, x: g * 0.0,                latex=r"\lceil {} \rceil", kinks=lambda x: x - np.rint(x))
floor_divide = op(np.floor_divide, lambda g, y, a, b: g * 0.0, lambda g, y, a, b: g * 0.0, write="{} // {}", latex=r"\lfloor {} / {} \rfloor", domain=(REAL, POSITIVE), kinks=_off_whole)
rint       = op(np.rint,       lambda g, y, x: g * 0.0,                kinks=lambda x: x - np.floor(x) - 0.5)

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
bitwise_and   = op(np.bitwise_and,   write="{} & {}", domain=(LOGICAL, LOGICAL))
bitwise_or    = op(np.bitwise_or,    write="{} | {}", domain=(LOGICAL, LOGICAL))
invert        = op(np.invert,        write="~{}", domain=(LOGICAL,))
isnan         = op(np.isnan)
isfinite      = op(np.isfinite)
isinf         = op(np.isinf)
# fmt: on

NO_TIE = "no two entries tie at a max or min"
maximum.usual = Usual(_differ, (lambda g, y, a, b: g * (a > b), lambda g, y, a, b: g * (b > a)), NO_TIE)
minimum.usual = Usual(_differ, (lambda g, y, a, b: g * (a < b), lambda g, y, a, b: g * (b < a)), NO_TIE)


class _Asks:
    """What finds out which ufunc a method of arrays calls."""

    def __array_ufunc__(self, ufunc: Any, *_: Any, **__: Any) -> Any:
        return ufunc


_asks: Any = _Asks()
_clip_of_arrays: Any = np.zeros(1).clip(_asks, 1)


@implements(np.clip, _clip_of_arrays)
def _numpy_clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None, **more: Any) -> Tensor:
    """np.clip, which has two names for each bound; a bound that is a Tensor gets its gradient."""
    low, high = (first if second is None else second for first, second in ((a_min, min), (a_max, max)))
    if type(low) is not Tensor and type(high) is not Tensor:
        return clip(a, low, high, **more)
    least = a if low is None else maximum(a, low)
    return least if high is None else minimum(least, high)


def _numpy_where(condition: Any, *branches: Any) -> Any:
    """np.where, which with a condition alone is np.nonzero."""
    return where(condition, *branches) if branches else np.nonzero(condition)


_numpy_where.__name__ = where.name  # by which readers know that np.where is the op
implements(np.where)(_numpy_where)
