"""How many digits are right: values and two derivatives beside mpmath's, of numbers of all sizes.

The unit is the last place of the exact value in the dtype: half a unit is as near as a number can
be.
"""

import os

import numpy as np
import pytest
from exact import EXACT, limit, sigmoid, slope, units
from mpmath import mp, mpf

import tinygrad_edu as tg

# of each kind; with 1,000 four second derivatives reach 4.9 units
POINTS = int(os.environ.get("POINTS", "16"))
UNITS = 4  # the aim: what the public reports of other engines exceed by any number of digits


POSITIVE = {"sqrt", "log", "log2", "log10"}
WITHIN_ONE = {"arcsin", "arccos", "arctanh"}


def points(name, dtype, n=POINTS):
    """Numbers of all sizes and both signs, the infinities, and those around interesting places."""
    info = np.finfo(dtype)
    with np.errstate(all="ignore"):
        sizes = np.exp(np.linspace(np.log(info.tiny), np.log(info.max) * (1 - 1e-6), n))
        top = 800.0 if dtype is np.float64 else 110.0
        common = np.exp(np.linspace(np.log(1e-3), np.log(top), 2 * n))
        worst = [2.80656, 44.46]  # where exp in float32 errs most
        x = np.concatenate([sizes, common, np.linspace(0.1, 40, n), worst]).astype(dtype)
    if name in POSITIVE:
        return np.append(x, dtype(np.inf))
    if name == "log1p":
        return np.concatenate([x, -x[x < 1], [info.epsneg - 1, 0, np.inf]]).astype(dtype)
    if name in WITHIN_ONE:
        ends = [1 - info.epsneg, 1 - 3 * info.epsneg]
        x = np.concatenate([x[x < 1], 1 - x[x < 0.5], ends]).astype(dtype)
        x = x[x < 1]
        return np.concatenate([x, -x, [0.0, -0.0]]).astype(dtype)
    if name == "arccosh":
        return np.concatenate([x[x > 1], 1 + x[(x < 1) & (x > info.eps)], [np.inf]]).astype(dtype)
    zero = [] if name in ("reciprocal", "cbrt") else [0.0, -0.0]
    return np.concatenate([x, -x, zero, [np.inf, -np.inf]]).astype(dtype)


def derivatives(f, x):
    """Value, first and second derivative, entry by entry."""
    with np.errstate(all="ignore"):
        first = tg.grad(lambda x: f(x).sum())
        second = tg.grad(lambda x: first(x).sum())
        return [y.numpy() for y in (f(tg.Tensor(x)), first(x), second(x))]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", EXACT)
def test_values_and_two_derivatives_are_right_to_the_last_places(name, dtype):
    x = points(name, dtype)
    found = derivatives(getattr(tg, name), x)
    with mp.workdps(60):
        for order, (got, exact) in enumerate(zip(found, EXACT[name], strict=False)):
            far = units(
                got, [limit(exact, v) if np.isinf(v) else exact(mpf(float(v))) for v in x], dtype
            )
            i = int(np.argmax(far))
            where = f"order {order} at {x[i]!r}"
            assert far[i] <= UNITS, f"{where}: {got[i]!r} is {far[i]:.3g} units off"


def rows(dtype):
    """Scores whose differences are exact numbers, near and far from each other and from 0."""
    rng = np.random.default_rng(0)
    far = 700 if dtype is np.float64 else 80
    found = [[0, t, -t / 2] for t in (2.0**-20, 0.25, 1, 3, 10, 17, 30, 40, far / 2, far)]
    found += [[t, t] for t in (0.5, 1e3)] + [[0, far, far]]
    found += [(rng.integers(-far * 8, far * 8, 4) / 16).tolist() for _ in range(10)]
    offset = 2.0**50 if dtype is np.float64 else 2.0**20
    found += [[offset, offset + 1, offset - 2], [-offset, -offset - 2]]
    return [np.array(row, dtype) for row in found]


def exactly(name, z):
    """Value, Jacobian and the second derivatives of a function of a row, of mpmath's numbers."""
    x = [mpf(float(v)) for v in z]
    top, n = max(x), range(len(x))
    e = [mp.exp(v - top) for v in x]
    total = mp.fsum(e)
    p = [v / total for v in e]
    # 1 - p, which 60 digits would not hold
    rest = [mp.fsum(e[j] for j in n if j != i) / total for i in n]
    if name == "softmax":
        return p, [[p[i] * rest[i] if i == j else -p[i] * p[j] for j in n] for i in n]
    if name == "log_softmax":
        jacobian = [[rest[i] if i == j else -p[j] for j in n] for i in n]
        return [x[i] - top - mp.log(total) for i in n], jacobian
    return [top + mp.log(total)], [p]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
def test_scores_have_right_probabilities_to_the_last_places(name, dtype):
    f = getattr(tg, name)
    # a product of two of NumPy's exp, each of them up to 2.5 units off in float32
    twice = UNITS + (dtype is np.float32)
    with mp.workdps(700), np.errstate(all="ignore"):
        for z in rows(dtype):
            value, jacobian = exactly(name, z)
            assert units(np.atleast_1d(f(z).numpy()), value, dtype).max() <= UNITS, z
            got = np.reshape(tg.jacobian(f)(z).numpy(), (-1, len(z)))
            for row, exact in zip(got, jacobian, strict=True):
                assert units(row, exact, dtype).max() <= twice, (z, row)
            if name == "logsumexp":  # whose second derivative is the first one of softmax
                hessian, (_, jacobian) = tg.hessian(f)(z).numpy(), exactly("softmax", z)
                for row, exact in zip(hessian, jacobian, strict=True):
                    assert units(row, exact, dtype).max() <= twice, (z, row)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_two_scores_have_right_second_derivatives_to_the_last_places(dtype):
    small = [2.0**-k for k in (30, 20, 10, 4, 2)]
    large = np.arange(0.5, 700 if dtype is np.float64 else 80, 6.25)
    d = np.concatenate([small, large]).astype(dtype)

    def loss(z):
        return tg.cross_entropy(z, np.ones(len(z), int)) * len(z)

    def binary_loss(z):
        return tg.binary_cross_entropy_with_logits(z, np.ones_like(d)) * len(d)

    def added(a, b):
        return np.logaddexp(a, b).sum()

    z = np.stack([np.zeros_like(d), d], axis=1)
    with mp.workdps(700):
        exact = [mpf(float(v)) for v in d]
        first, second = [-sigmoid(-v) for v in exact], [slope(v) for v in exact]
        near = tg.grad(loss)(z).numpy()[:, 1]
        assert units(near, first, dtype).max() <= UNITS
        bends = tg.grad(lambda z: tg.grad(loss)(z)[:, 1].sum())(z).numpy()[:, 1]
        assert units(bends, second, dtype).max() <= UNITS
        two = [tg.grad(added, i)(z[:, 0], d) for i in (0, 1)]
        assert units(two[0].numpy(), [sigmoid(-v) for v in exact], dtype).max() <= UNITS
        assert units(two[1].numpy(), [sigmoid(v) for v in exact], dtype).max() <= UNITS
        bends = tg.hessian(added, (0, 1))(z[:, 0], d)[1][1].numpy().diagonal()
        assert units(bends, second, dtype).max() <= UNITS
        assert tg.hessian(np.logaddexp)(dtype(3), dtype(3)).item() == 0.25
        losses = [tg.binary_cross_entropy_with_logits(v, dtype(1)).numpy() for v in d]
        right = [mp.log1p(mp.exp(-v)) for v in exact]
        assert units(np.array(losses), right, dtype).max() <= UNITS
        slopes = tg.grad(binary_loss)(d).numpy()
        assert units(slopes, first, dtype).max() <= UNITS + 1  # 1 / n is no binary fraction
