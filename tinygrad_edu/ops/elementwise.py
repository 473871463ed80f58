"""Entry by entry. Read it like the back cover of a calculus book.

g: gradient at the output y; then the op's own arguments. The framework sums a gradient where its argument was broadcast.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ..core import Tensor
from ..define import LOGICAL, OVER_MINUS_ONE, POSITIVE, QUARTER_TURN, REAL, WITHIN_ONE, implements, op

LN2, LN10 = float(np.log(2.0)), float(np.log(10.0))


def _plain_sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), where exp may not overflow: its largest argument depends on the dtype."""
    return np.reciprocal(np.exp(-np.maximum(x, float(_lowest(getattr(x, "dtype", _DOUBLE))[0]))) + 1)


def _sigmoid(x: Any) -> Any:
    """The same, to the last bit, in one buffer: half the time where arrays are small, a quarter where they are large."""
    lowest, one = _lowest(x.dtype)
    y = np.maximum(x, lowest)
    if not y.ndim:
        return np.reciprocal(np.exp(-y) + one)
    np.negative(y, y)
    np.exp(y, y)
    np.add(y, one, y)
    return np.divide(one, y, y)  # np.reciprocal takes twice as long


@cache
def _lowest(dtype: Any) -> tuple[Any, Any]:
    """The lowest number whose negative exp still takes, and 1, as arrays of a float dtype, which are quicker than numbers."""
    dtype = dtype if dtype.kind == "f" else _DOUBLE
    return np.array(0.5 - np.log(np.finfo(dtype).max), dtype), np.array(1, dtype)


_DOUBLE = np.dtype(float)  # what a Python number counts as


def _off_zero(x: Any) -> Any:
    """x, no closer to 0 than the smallest normal number of its dtype."""
    dtype = getattr(x, "dtype", _DOUBLE)
    return np.maximum(x, np.finfo(dtype if dtype.kind == "f" else _DOUBLE).tiny)


def _ahead(a: Any, b: Any) -> Any:
    """The share of the gradient that `a` gets where the larger of a and b counts: 1, 0, and a half at a tie."""
    return (a > b) + 0.5 * (a == b)


def _slope(a: Any, b: Any) -> Any:
    """The derivative of a ** b by a, with 0 ** 0 read as a constant."""
    if type(b) is int or type(b) is float:
        return a + a if b == 2 else b * a ** (b - 1) if b else 0.0 * a
    return b * np.where((a == 0) & (b == 0), 1.0, a) ** (b - 1)


def _log_of_base(a: Any) -> Any:
    """log a, with 0 in place of log 0: 0 ** b is 0 for all b > 0."""
    return np.log(np.where(a == 0, 1.0, a))


def _inside(x: Any, min: Any, max: Any) -> Any:
    """Whether clip lets x through; its bounds belong to the inside."""
    over = x >= (-np.inf if min is None else min)
    return over & (x <= (np.inf if max is None else max))


def _apart(a: Any, b: Any) -> Any:
    """How far a comparison is from changing its answer."""
    return np.subtract(a, b, dtype=np.float64)


def _clip(x: Any, min: Any = None, max: Any = None) -> Any:
    return np.clip(x, min, max)


def _plain_clip(x: Any, min: Any = None, max: Any = None) -> Any:
    x = x if min is None else np.maximum(x, min)
    return x if max is None else np.minimum(x, max)


# fmt: off
add        = op(np.add,        lambda g, y, a, b: g,              lambda g, y, a, b: g,                      write="{} + {}")
subtract   = op(np.subtract,   lambda g, y, a, b: g,              lambda g, y, a, b: -g,                     write="{} - {}")
multiply   = op(np.multiply,   lambda g, y, a, b: g * b,          lambda g, y, a, b: g * a,                  write="{} * {}")
divide     = op(np.divide,     lambda g, y, a, b: g / b,          lambda g, y, a, b: -g * y / b,             write="{} / {}", latex=r"\frac{{{}}}{{{}}}", domain=(REAL, POSITIVE))
power      = op(np.power,      lambda g, y, a, b: g * _slope(a, b), lambda g, y, a, b: g * y * _log_of_base(a), write="{} ** {}", latex="{}^{{{}}}", domain=(POSITIVE, REAL))
maximum    = op(np.maximum,    lambda g, y, a, b: g * _ahead(a, b), lambda g, y, a, b: g * _ahead(b, a),     latex=r"\max({}, {})", kinks=lambda a, b: a - b)
minimum    = op(np.minimum,    lambda g, y, a, b: g * _ahead(b, a), lambda g, y, a, b: g * _ahead(a, b),     latex=r"\min({}, {})", kinks=lambda a, b: a - b)
arctan2    = op(np.arctan2,    lambda g, y, a, b: g * b / (a * a + b * b), lambda g, y, a, b: -g * a / (a * a + b * b), domain=(REAL, POSITIVE))
hypot      = op(np.hypot,      lambda g, y, a, b: g * a / y,      lambda g, y, a, b: g * b / y,              domain=(REAL, POSITIVE))
logaddexp  = op(np.logaddexp,  lambda g, y, a, b: g * np.exp(a - y), lambda g, y, a, b: g * np.exp(b - y))

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
expm1      = op(np.expm1,      lambda g, y, x: g * (y + 1))
log        = op(np.log,        lambda g, y, x: g / x,                  latex=r"\ln({})", domain=(POSITIVE,))
log1p      = op(np.log1p,      lambda g, y, x: g / (1 + x),            domain=(OVER_MINUS_ONE,))
log2       = op(np.log2,       lambda g, y, x: g / (x * LN2),          domain=(POSITIVE,))
log10      = op(np.log10,      lambda g, y, x: g / (x * LN10),         domain=(POSITIVE,))
sin        = op(np.sin,        lambda g, y, x: g * np.cos(x))
cos        = op(np.cos,        lambda g, y, x: -g * np.sin(x))
tan        = op(np.tan,        lambda g, y, x: g * (1 + y * y),        domain=(QUARTER_TURN,))
arcsin     = op(np.arcsin,     lambda g, y, x: g / np.sqrt(1 - x * x), domain=(WITHIN_ONE,))
arccos     = op(np.arccos,     lambda g, y, x: -g / np.sqrt(1 - x * x), domain=(WITHIN_ONE,))
arctan     = op(np.arctan,     lambda g, y, x: g / (1 + x * x))
sinh       = op(np.sinh,       lambda g, y, x: g * np.cosh(x))
cosh       = op(np.cosh,       lambda g, y, x: g * np.sinh(x))
tanh       = op(np.tanh,       lambda g, y, x: g * (1 - y * y))
arcsinh    = op(np.arcsinh,    lambda g, y, x: g / np.sqrt(x * x + 1))
arctanh    = op(np.arctanh,    lambda g, y, x: g / (1 - x * x),        domain=(WITHIN_ONE,))
sigmoid    = op(_sigmoid,      lambda g, y, x: g * y * (1 - y),        latex=r"\sigma({})", name="sigmoid", plain=_plain_sigmoid, jax="jax.nn.sigmoid", doc="1 / (1 + exp(-x)), without overflow.")
softplus   = op(lambda x: np.logaddexp(x, 0), lambda g, y, x: g * np.exp(x - y), name="softplus", doc="log(1 + exp(x)), without overflow.")
relu       = op(lambda x: np.maximum(x, 0), lambda g, y, x: g * (x > 0), name="relu", kinks=lambda x: x, doc="max(x, 0); its derivative at 0 is 0.")
safe_log   = op(lambda x: np.log(_off_zero(x)), lambda g, y, x: g / _off_zero(x), name="safe_log", latex=r"\ln({})", domain=(POSITIVE,),
                doc="log x, finite at 0: there x counts as the smallest normal number of its dtype.")
clip       = op(_clip,         lambda g, y, x, min, max: g * _inside(x, min, max), name="clip", plain=_plain_clip,
                kinks=lambda x, min, max: tuple(x - bound for bound in (min, max) if bound is not None),
                cases=({"shapes": ((3,),), "min": -0.5, "max": 1.0}, {"shapes": ((2, 3),), "min": None, "max": 0.5}, {"shapes": ((),), "min": 0.0, "max": None}),
                doc="x, no less than min and no more than max; the bounds let gradients through.")
where      = op(lambda condition, a, b: np.where(condition, a, b), None,
                lambda g, y, c, a, b: np.where(c, g, 0.0), lambda g, y, c, a, b: np.where(c, 0.0, g), name="where", numpy=(np.where,), domain=(LOGICAL, REAL, REAL),
                doc="a where the condition holds, else b; the one not taken gets a gradient of exactly 0.")

# steps: flat wherever they have a derivative
floor      = op(np.floor,      lambda g, y, x: g * 0.0,                latex=r"\lfloor {} \rfloor", kinks=lambda x: x - np.rint(x))
ceil       = op(np.ceil,       lambda g, y, x: g * 0.0,                latex=r"\lceil {} \rceil", kinks=lambda x: x - np.rint(x))
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


@implements(np.clip)
def _numpy_clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None, **more: Any) -> Tensor:
    """np.clip, which has two names for each bound."""
    return clip(a, a_min if min is None else min, a_max if max is None else max, **more)
