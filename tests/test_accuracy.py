"""How many digits are right: values, first and second derivatives beside mpmath's, from the smallest number to the largest.

The unit is the last place of the exact value in the dtype: half a unit is as near as a number can be.
"""

import os

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf

import tinygrad_edu as tg

POINTS = int(os.environ.get("POINTS", "24"))  # of each kind; with 1,000 four second derivatives reach 4.9 units
UNITS = 4  # the aim: what the public reports of other engines exceed by any number of digits


def sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def slope(x):
    return 1 / (mp.exp(x) + 2 + mp.exp(-x))


def bend(x):
    return -slope(x) * mp.tanh(x / 2)


# what it is called, in mpmath, and its first two derivatives
EXACT = {
    "sigmoid": (sigmoid, slope, bend),
    "tanh": (mp.tanh, lambda x: mp.sech(x) ** 2, lambda x: -2 * mp.tanh(x) * mp.sech(x) ** 2),
    "softplus": (lambda x: mp.log1p(mp.exp(x)), sigmoid, slope),
    "log_sigmoid": (lambda x: -mp.log1p(mp.exp(-x)), lambda x: sigmoid(-x), lambda x: -slope(x)),
    "expm1": (mp.expm1, mp.exp, mp.exp),
    "exp": (mp.exp, mp.exp, mp.exp),
    "exp2": (lambda x: mpf(2) ** x, lambda x: mpf(2) ** x * mp.ln2, lambda x: mpf(2) ** x * mp.ln2**2),
    "sinh": (mp.sinh, mp.cosh, mp.sinh),
    "cosh": (mp.cosh, mp.sinh, mp.cosh),
    "arcsinh": (mp.asinh, lambda x: 1 / mp.sqrt(1 + x * x), lambda x: -x / mp.sqrt(1 + x * x) ** 3),
    "arctan": (mp.atan, lambda x: 1 / (1 + x * x), lambda x: -2 * x / (1 + x * x) ** 2),
    "cbrt": (lambda x: mp.sign(x) * mp.cbrt(abs(x)), lambda x: 1 / (3 * mp.cbrt(x * x))),
    "sqrt": (mp.sqrt, lambda x: 1 / (2 * mp.sqrt(x)), lambda x: -1 / (4 * x * mp.sqrt(x))),
    "log": (mp.log, lambda x: 1 / x, lambda x: -1 / x**2),
    "log2": (lambda x: mp.log(x) / mp.ln2, lambda x: 1 / (x * mp.ln2), lambda x: -1 / (x**2 * mp.ln2)),
    "log10": (mp.log10, lambda x: 1 / (x * mp.ln10), lambda x: -1 / (x**2 * mp.ln10)),
    "log1p": (mp.log1p, lambda x: 1 / (1 + x), lambda x: -1 / (1 + x) ** 2),
    "reciprocal": (lambda x: 1 / x, lambda x: -1 / x**2, lambda x: 2 / x**3),
    "arcsin": (mp.asin, lambda x: 1 / mp.sqrt(1 - x * x), lambda x: x / mp.sqrt(1 - x * x) ** 3),
    "arccos": (mp.acos, lambda x: -1 / mp.sqrt(1 - x * x), lambda x: -x / mp.sqrt(1 - x * x) ** 3),
    "arctanh": (mp.atanh, lambda x: 1 / (1 - x * x), lambda x: 2 * x / (1 - x * x) ** 2),
}
POSITIVE = {"sqrt", "log", "log2", "log10"}
WITHIN_ONE = {"arcsin", "arccos", "arctanh"}


def points(name, dtype, n=POINTS):
    """Numbers of all sizes and both signs, ends of the range and those around the interesting places."""
    info = np.finfo(dtype)
    with np.errstate(all="ignore"):
        sizes = np.exp(np.linspace(np.log(info.tiny), np.log(info.max) * (1 - 1e-6), n))
        common = np.exp(np.linspace(np.log(1e-3), np.log(800.0 if dtype is np.float64 else 110.0), 2 * n))
        x = np.concatenate([sizes, common, np.linspace(0.1, 40, n)]).astype(dtype)
    if name in POSITIVE:
        return x
    if name == "log1p":
        return np.concatenate([x, -x[x < 1], [info.epsneg - 1, 0]]).astype(dtype)
    if name in WITHIN_ONE:
        x = np.concatenate([x[x < 1], 1 - x[x < 0.5], [1 - info.epsneg, 1 - 3 * info.epsneg]]).astype(dtype)
        x = x[x < 1]
    zero = [] if name in ("reciprocal", "cbrt") else [0.0, -0.0]
    return np.concatenate([x, -x, zero]).astype(dtype)


def units(got, exact, dtype):
    """How far numbers are from exact ones, in units of the last place of these; beyond the range inf is exact."""
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


def derivatives(f, x):
    """Value, first and second derivative, entry by entry."""
    with np.errstate(all="ignore"):
        first = tg.grad(lambda x: f(x).sum())
        return [f(tg.Tensor(x)).numpy(), first(x).numpy(), tg.grad(lambda x: first(x).sum())(x).numpy()]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", EXACT)
def test_values_and_two_derivatives_are_right_to_the_last_places(name, dtype):
    x = points(name, dtype)
    with mp.workdps(60):
        for order, (got, exact) in enumerate(zip(derivatives(getattr(tg, name), x), EXACT[name], strict=False)):
            far = units(got, [exact(mpf(float(v))) for v in x], dtype)
            worst = int(np.argmax(far))
            assert far[worst] <= UNITS, f"order {order} at {x[worst]!r}: {got[worst]!r} is {far[worst]:.3g} units off"
