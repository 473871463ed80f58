"""Ops that go entry by entry, with two derivatives, in mpmath; how far numbers are from them."""

import mpmath
import numpy as np
from mpmath import mp, mpc, mpf


def sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def slope(x):
    return 1 / (mp.exp(x) + 2 + mp.exp(-x))


def bend(x):
    return -slope(x) * mp.tanh(x / 2)


def cbrt(x):
    return mp.sign(x) * mp.cbrt(abs(x))


def bell(x):
    return 2 / mp.sqrt(mp.pi) * mp.exp(-x * x)


def erfc(x):
    return mp.erfc(x) if abs(x) < 10**4 else 1 - mp.sign(x)


def sinc(x):
    return mp.sinc(mp.pi * x) if abs(x) < 100 else mp.nan


def sinc_slope(x):
    if abs(x) < mpf(10) ** -12:  # where the difference cancels
        return -(mp.pi**2) * x / 3
    return (mp.cos(mp.pi * x) - sinc(x)) / x if abs(x) < 100 else mp.nan


def sinc_bend(x):
    if abs(x) < mpf(10) ** -12:
        return -(mp.pi**2) / 3
    return -(mp.pi**2) * sinc(x) - 2 * sinc_slope(x) / x


# what it is called, in mpmath, and its first two derivatives
# fmt: off
EXACT = {
    "sigmoid": (sigmoid, slope, bend),
    "tanh": (mp.tanh, lambda x: mp.sech(x) ** 2, lambda x: -2 * mp.tanh(x) * mp.sech(x) ** 2),
    "softplus": (lambda x: mp.log1p(mp.exp(x)), sigmoid, slope),
    "log_sigmoid": (lambda x: -mp.log1p(mp.exp(-x)), lambda x: sigmoid(-x), lambda x: -slope(x)),
    "expm1": (mp.expm1, mp.exp, mp.exp),
    "exp": (mp.exp, mp.exp, mp.exp),
    "exp2": (lambda x: mpf(2)**x, lambda x: mpf(2)**x * mp.ln2, lambda x: mpf(2)**x * mp.ln2**2),
    "sinh": (mp.sinh, mp.cosh, mp.sinh),
    "cosh": (mp.cosh, mp.sinh, mp.cosh),
    "arcsinh": (mp.asinh, lambda x: 1 / mp.sqrt(1 + x * x), lambda x: -x / mp.sqrt(1 + x * x) ** 3),
    "arctan": (mp.atan, lambda x: 1 / (1 + x * x), lambda x: -2 * x / (1 + x * x) ** 2),
    "cbrt": (cbrt, lambda x: 1 / (3 * cbrt(x) ** 2), lambda x: -2 / (9 * cbrt(x) ** 5)),
    "sqrt": (mp.sqrt, lambda x: 1 / (2 * mp.sqrt(x)), lambda x: -1 / (4 * x * mp.sqrt(x))),
    "log": (mp.log, lambda x: 1 / x, lambda x: -1 / x**2),
    "log2": (lambda x: mp.log(x, 2), lambda x: 1 / (x * mp.ln2), lambda x: -1 / (x**2 * mp.ln2)),
    "log10": (mp.log10, lambda x: 1 / (x * mp.ln10), lambda x: -1 / (x**2 * mp.ln10)),
    "log1p": (mp.log1p, lambda x: 1 / (1 + x), lambda x: -1 / (1 + x) ** 2),
    "reciprocal": (lambda x: 1 / x, lambda x: -1 / x**2, lambda x: 2 / x**3),
    "arcsin": (mp.asin, lambda x: 1 / mp.sqrt(1 - x * x), lambda x: x / mp.sqrt(1 - x * x) ** 3),
    "arccos": (mp.acos, lambda x: -1 / mp.sqrt(1 - x * x), lambda x: -x / mp.sqrt(1 - x * x) ** 3),
    "arccosh": (
        *(mp.acosh, lambda x: 1 / (mp.sqrt(x - 1) * mp.sqrt(x + 1))),
        lambda x: -x / (mp.sqrt(x - 1) * mp.sqrt(x + 1)) ** 3,
    ),
    "arctanh": (mp.atanh, lambda x: 1 / (1 - x * x), lambda x: 2 * x / (1 - x * x) ** 2),
}
# fmt: on

FLAT = (lambda *x: mpf(0),) * 3


def hypot(a, b):
    return mp.sqrt(a * a + b * b)


def share(a, b):
    return sigmoid(a - b)


# of all other ops that go entry by entry
ALSO = {
    "negative": (lambda x: -x, lambda x: mpf(-1), FLAT[0]),
    "positive": (lambda x: x, lambda x: mpf(1), FLAT[0]),
    "abs": (abs, mp.sign, FLAT[0]),
    "sign": (mp.sign, *FLAT[:2]),
    "floor": (mp.floor, *FLAT[:2]),
    "ceil": (mp.ceil, *FLAT[:2]),
    "rint": (mp.nint, *FLAT[:2]),
    "trunc": (lambda x: mp.floor(abs(x)) * mp.sign(x), *FLAT[:2]),
    # whose values at infinities are those of sine, NaN
    "sinc": (sinc, sinc_slope, sinc_bend),
    "sinc_slope": (sinc_slope, sinc_bend, None),
    "relu": (lambda x: max(x, mpf(0)), lambda x: mpf(x > 0), FLAT[0]),
    "clip": (lambda x: min(max(x, mpf(-1)), mpf(1)), lambda x: mpf(abs(x) < 1), FLAT[0]),
    "erf": (mp.erf, lambda x: bell(x), lambda x: -2 * x * bell(x)),
    "erfc": (erfc, lambda x: -bell(x), lambda x: 2 * x * bell(x)),
    "bell": (lambda x: mp.exp(-x * x), lambda x: -2 * x * mp.exp(-x * x), None),
    "square": (lambda x: x * x, lambda x: 2 * x, lambda x: mpf(2)),
    "one_minus_square": (lambda x: 1 - x * x, lambda x: -2 * x, lambda x: mpf(-2)),
    "sin": (mp.sin, mp.cos, lambda x: -mp.sin(x)),
    "cos": (mp.cos, lambda x: -mp.sin(x), lambda x: -mp.cos(x)),
    "tan": (mp.tan, lambda x: mp.sec(x) ** 2, lambda x: 2 * mp.sec(x) ** 2 * mp.tan(x)),
    "sigmoid_slope": (slope, bend, lambda x: slope(x) * (1 - 6 * slope(x))),
    "tanh_slope": (
        lambda x: mp.sech(x) ** 2,
        lambda x: -2 * mp.tanh(x) * mp.sech(x) ** 2,
        lambda x: (4 - 6 * mp.sech(x) ** 2) * mp.sech(x) ** 2,
    ),
    "cbrt_slope": (EXACT["cbrt"][1], EXACT["cbrt"][2], lambda x: 10 / (27 * cbrt(x) ** 8)),
}
# of two numbers: the function, its first derivatives, and its second ones by a a, a b and b b
OF_TWO = {
    "add": (lambda a, b: a + b, lambda a, b: mpf(1), lambda a, b: mpf(1), *FLAT),
    "subtract": (lambda a, b: a - b, lambda a, b: mpf(1), lambda a, b: mpf(-1), *FLAT),
    "multiply": (
        *(lambda a, b: a * b, lambda a, b: b, lambda a, b: a),
        *(FLAT[0], lambda a, b: mpf(1), FLAT[0]),
    ),
    "divide": (
        *(lambda a, b: a / b, lambda a, b: 1 / b, lambda a, b: -a / b**2),
        *(FLAT[0], lambda a, b: -1 / b**2, lambda a, b: 2 * a / b**3),
    ),
    "power": (
        *(mp.power, lambda a, b: b * a ** (b - 1), lambda a, b: a**b * mp.log(a)),
        lambda a, b: b * (b - 1) * a ** (b - 2),
        # from 0 on, where it is the sum of an infinity and a larger one, it is not asked for
        lambda a, b: a ** (b - 1) * (1 + b * mp.log(a)) if a > 1 else mp.nan,
        lambda a, b: a**b * mp.log(a) ** 2,
    ),
    "maximum": (max, lambda a, b: mpf(a > b), lambda a, b: mpf(b > a), *FLAT),
    "minimum": (min, lambda a, b: mpf(a < b), lambda a, b: mpf(b < a), *FLAT),
    # whose values at infinities are Python's, NaN
    "remainder": (None, lambda a, b: mpf(1), None, *FLAT),
    "floor_divide": (None, *FLAT[:2], *FLAT),
    "hypot": (
        *(hypot, lambda a, b: a / hypot(a, b), lambda a, b: b / hypot(a, b)),
        lambda a, b: b * b / hypot(a, b) ** 3,
        lambda a, b: -a * b / hypot(a, b) ** 3,
        lambda a, b: a * a / hypot(a, b) ** 3,
    ),
    "arctan2": (
        *(mp.atan2, lambda a, b: b / hypot(a, b) ** 2, lambda a, b: -a / hypot(a, b) ** 2),
        lambda a, b: -2 * a * b / hypot(a, b) ** 4,
        lambda a, b: (a * a - b * b) / hypot(a, b) ** 4,
        lambda a, b: 2 * a * b / hypot(a, b) ** 4,
    ),
    "logaddexp": (
        lambda a, b: max(a, b) + mp.log1p(mp.exp(-abs(a - b))),
        *(share, lambda a, b: share(b, a)),
        *(lambda a, b: slope(a - b), lambda a, b: -slope(a - b), lambda a, b: slope(a - b)),
    ),
    "logaddexp2": (
        lambda a, b: max(a, b) + mp.log1p(mpf(2) ** -abs(a - b)) / mp.ln2,
        lambda a, b: share(a * mp.ln2, b * mp.ln2),
        lambda a, b: share(b * mp.ln2, a * mp.ln2),
        *(lambda a, b, k=k: k * mp.ln2 * slope((a - b) * mp.ln2) for k in (1, -1, 1)),
    ),
    # of which the second derivatives of hypot and arctan2 are made
    "direction_cosine": (
        lambda a, b: a / hypot(a, b),
        lambda a, b: b * b / hypot(a, b) ** 3,
        lambda a, b: -a * b / hypot(a, b) ** 3,
    ),
    "inversion": (
        lambda a, b: a / hypot(a, b) ** 2,
        lambda a, b: (b * b - a * a) / hypot(a, b) ** 4,
        lambda a, b: -2 * a * b / hypot(a, b) ** 4,
    ),
    "sigmoid_cross_entropy": (
        lambda z, t: t * mp.log1p(mp.exp(-z)) + (1 - t) * mp.log1p(mp.exp(z)),
        *(lambda z, t: sigmoid(z) - t, lambda z, t: -z),
        *(lambda z, t: slope(z), lambda z, t: mpf(-1), FLAT[0]),
    ),
}


# how two numbers go to their ends: alike, one of them three times the other, one of them faster
WAYS = ((1, 1, 1), (1, 1, 3), (1, 5, 1), (5, 1, 1))


def value(f, x):
    """A real number, or None where there is none."""
    try:
        y = f(*x)
    except ZeroDivisionError:
        return None
    return None if isinstance(y, mpc) or mp.isnan(y) else y


def near(v, power, factor):
    """A number close to v, on its side."""
    if np.isinf(v):
        return mpf(10) ** power * factor * mp.sign(v)
    return mpf(float(v)) if v else mpf(10) ** -power * factor * mpf(float(np.copysign(1, v)))


def ending(first, second, third):
    """What numbers go to that get closer and closer to an end; None if that is nothing."""
    if None in (first, second, third):
        return None
    if abs(first - third) <= abs(third) * mpf(10) ** -50:
        return third
    if 2.25 * abs(first) < 1.5 * abs(second) < abs(third):
        return mp.sign(third) * mp.inf
    return mpf(0) if abs(first) > 1.5 * abs(second) > 2.25 * abs(third) else None


def limit(f, *x):
    """What f goes to as its operands go to x; None if that is no number, or depends on the way."""
    if all(np.isfinite(v) and v for v in x):
        return value(f, [mpf(float(v)) for v in x])
    found = set()
    for fast, slow, factor in WAYS if len(x) == 2 else WAYS[:1]:
        way = list(zip(x, (fast, slow), (factor, 1), strict=False))
        steps = [
            [near(v, 400 * speed << k, by) for v, speed, by in way]
            for k in range(3)  # 10 ** 400 is beyond all floats
        ]
        found.add(ending(*[value(f, step) for step in steps]))
    return found.pop() if len(found) == 1 else None


def units(got, exact, dtype):
    """How many units of the last place numbers are off; beyond the range inf is exact."""
    got = np.asarray(got)
    assert got.dtype == dtype
    far = np.zeros(len(exact))
    for i, (y, e) in enumerate(zip(got.tolist(), exact, strict=True)):
        with np.errstate(over="ignore"):
            near = dtype(float(e)) if dtype is np.float64 else dtype(np.float64(float(e)))
        if np.isnan(y) or mpmath.isnan(e) or np.isinf(near) or np.isinf(y):
            far[i] = 0.0 if y == near or (np.isnan(y) and mpmath.isnan(e)) else np.inf
            continue
        far[i] = abs((mpf(y) - e) / mpf(float(np.spacing(np.abs(near)))))
    return far
