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


def rows(dtype):
    """Scores whose differences are exact numbers, near and far from each other and from 0."""
    rng = np.random.default_rng(0)
    far = 700 if dtype is np.float64 else 80
    found = [[0, t, -t / 2] for t in (2.0**-20, 0.25, 1, 3, 10, 17, 30, 40, far / 2, far)]
    found += [[t, t] for t in (0.5, 1e3)] + [[0, far, far]]
    found += [(rng.integers(-far * 8, far * 8, 4) / 16).tolist() for _ in range(10)]
    offset = 2.0**50 if dtype is np.float64 else 2.0**20
    return [np.array(row, dtype) for row in [*found, [offset, offset + 1, offset - 2], [-offset, -offset - 2]]]


def exactly(name, z):
    """Value, Jacobian and the second derivatives of a function of a row, of mpmath's numbers."""
    x = [mpf(float(v)) for v in z]
    top, n = max(x), range(len(x))
    e = [mp.exp(v - top) for v in x]
    total = mp.fsum(e)
    p = [v / total for v in e]
    rest = [mp.fsum(e[j] for j in n if j != i) / total for i in n]  # 1 - p, which 60 digits would not hold
    jacobian = [[p[i] * rest[i] if i == j else -p[i] * p[j] for j in n] for i in n]
    if name == "softmax":
        return p, jacobian
    if name == "log_softmax":
        return [x[i] - top - mp.log(total) for i in n], [[rest[i] if i == j else -p[j] for j in n] for i in n]
    return [top + mp.log(total)], [p]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
def test_scores_have_right_probabilities_to_the_last_places(name, dtype):
    f = getattr(tg, name)
    twice = UNITS + (dtype is np.float32)  # a product of two of NumPy's exp, each of them up to 2.5 units off in float32
    with mp.workdps(700), np.errstate(all="ignore"):
        for z in rows(dtype):
            value, jacobian = exactly(name, z)
            assert units(np.atleast_1d(f(z).numpy()), value, dtype).max() <= UNITS, z
            got = np.reshape(tg.jacobian(f)(z).numpy(), (-1, len(z)))
            for row, exact in zip(got, jacobian, strict=True):
                assert units(row, exact, dtype).max() <= twice, (z, row)
            if name == "logsumexp":  # whose second derivative is the first one of softmax
                for row, exact in zip(tg.hessian(f)(z).numpy(), exactly("softmax", z)[1], strict=True):
                    assert units(row, exact, dtype).max() <= twice, (z, row)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_two_scores_have_right_second_derivatives_to_the_last_places(dtype):
    d = np.concatenate([[2.0**-k for k in (30, 20, 10, 4, 2)], np.arange(0.5, 700 if dtype is np.float64 else 80, 6.25)]).astype(dtype)

    def loss(z):
        return tg.cross_entropy(z, np.ones(len(z), int)) * len(z)

    z = np.stack([np.zeros_like(d), d], axis=1)
    with mp.workdps(700):
        exact = [mpf(float(v)) for v in d]
        first, second = [-sigmoid(-v) for v in exact], [slope(v) for v in exact]
        near = tg.grad(loss)(z).numpy()[:, 1]
        assert units(near, first, dtype).max() <= UNITS
        bends = tg.grad(lambda z: tg.grad(loss)(z)[:, 1].sum())(z).numpy()[:, 1]
        assert units(bends, second, dtype).max() <= UNITS
        two = [tg.grad(lambda a, b: np.logaddexp(a, b).sum(), i)(z[:, 0], d) for i in (0, 1)]
        assert units(two[0].numpy(), [sigmoid(-v) for v in exact], dtype).max() <= UNITS
        assert units(two[1].numpy(), [sigmoid(v) for v in exact], dtype).max() <= UNITS
        bends = tg.hessian(lambda a, b: np.logaddexp(a, b).sum(), (0, 1))(z[:, 0], d)[1][1].numpy().diagonal()
        assert units(bends, second, dtype).max() <= UNITS
        assert tg.hessian(np.logaddexp)(dtype(3), dtype(3)).item() == 0.25
        losses = [tg.binary_cross_entropy_with_logits(v, dtype(1)) for v in d]
        assert units(np.array([y.numpy() for y in losses]), [mp.log1p(mp.exp(-v)) for v in exact], dtype).max() <= UNITS
        slopes = tg.grad(lambda z: tg.binary_cross_entropy_with_logits(z, np.ones_like(d)) * len(d))(d).numpy()
        assert units(slopes, first, dtype).max() <= UNITS + 1  # 1 / n is no binary fraction
