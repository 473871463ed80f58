"""Numbers that engines get wrong: poles, NaN, masks, long sums, constant rows, few digits."""

import warnings
from itertools import product

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine.registry import in_table

INF, NAN = np.inf, np.nan
FLOATS = [np.float16, np.float32, np.float64]


def leaf(data, dtype=float):
    return tg.Tensor(np.asarray(data, dtype), requires_grad=True)


def slopes(f, *points, dtype=float):
    """The gradients of f's sum at the points."""
    leaves = [leaf(x, dtype) for x in points]
    with np.errstate(all="ignore"):
        f(*leaves).sum().backward()
    return [x.grad.tolist() for x in leaves]


# -- poles, kinks and NaN --------------------------------------------------------------------------


def unmasked(x):
    return tg.where(np.isinf(x), 0.0, tg.logsumexp(x.reshape(2, 1), axis=1))


# What is computed, where, and its gradients there. Where a comment names nobody, PyTorch and JAX
# give the same.
AT_POLES = [
    (np.logaddexp, (INF, 1.0), [1.0, 0.0]),  # PyTorch
    (np.logaddexp, (-INF, 1.0), [0.0, 1.0]),
    (np.logaddexp, (-INF, -INF), [0.0, 0.0]),  # they: NaN
    (np.logaddexp, (INF, INF), [0.5, 0.5]),  # they: NaN, and 1 each
    (np.logaddexp, (NAN, 1.0), [NAN, NAN]),
    (np.arctan2, (0.0, 0.0), [0.0, 0.0]),  # PyTorch
    (np.arctan2, (1e200, 1e200), [0.5e-200, -0.5e-200]),  # they: 0
    (np.arctan2, (1e-200, 1e-200), [0.5e200, -0.5e200]),
    (np.hypot, (0.0, 0.0), [0.0, 0.0]),  # they: NaN, and a half each
    (np.hypot, (INF, 1.0), [1.0, 0.0]),  # they: NaN, and 0
    (np.hypot, (-INF, INF), [-(0.5**0.5), 0.5**0.5]),  # they: NaN
    (np.arctan2, (1.0, -INF), [0.0, 0.0]),  # they too
    (np.arctan2, (INF, INF), [0.0, 0.0]),  # they: NaN
    (np.hypot, (3e200, 4e200), [0.6, 0.8]),
    (np.hypot, (3e-200, 4e-200), [0.6, 0.8]),
    (np.power, (0.0, -1.0), [-INF, -INF]),  # PyTorch
    (np.power, (0.0, 0.0), [0.0, 0.0]),
    (np.power, (0.0, 2.0), [0.0, 0.0]),
    (np.power, (0.0, 0.5), [INF, 0.0]),
    (np.power, (INF, -2.0), [0.0, 0.0]),  # they: NaN by the exponent
    (lambda x: x**0, (INF,), [0.0]),
    # constant beside x, whatever is made of it
    (lambda x: (x**0 - 1.0) ** 0.5, (2.0,), [0.0]),
    (lambda x: (x ** np.array(0.0) - 1.0) ** 0.5, (2.0,), [0.0]),  # JAX: NaN
    (lambda x: (1.0**x - 1.0) ** 0.5, (2.0,), [0.0]),  # they: NaN
    (lambda x: (np.array([1.0, 0.0]) ** x) ** 0.5, ([2.0, 2.0],), [[0.0, 0.0]]),  # they: NaN
    (lambda x: (x * 0.0) ** 0.5, (2.0,), [NAN]),  # a product, as theirs
    (np.maximum, (NAN, 1.0), [1.0, 1.0]),  # PyTorch
    (np.minimum, (1.0, NAN), [1.0, 1.0]),  # PyTorch
    (np.maximum, (1.0, 1.0), [0.5, 0.5]),
    (np.divide, (1.0, 0.0), [INF, -INF]),
    (tg.relu, (NAN,), [1.0]),  # PyTorch
    (tg.relu, (-0.0,), [0.0]),
    (np.abs, (NAN,), [NAN]),
    (np.abs, (-0.0,), [0.0]),
    (np.sqrt, (0.0,), [INF]),
    (lambda x: x**0.5, (0.0,), [INF]),
    (np.cbrt, (0.0,), [INF]),
    (np.log, (0.0,), [INF]),
    (np.log1p, (-1.0,), [INF]),
    (np.arcsin, (1.0,), [INF]),
    (np.arctanh, (1.0,), [INF]),
    (np.reciprocal, (-0.0,), [-INF]),
    (lambda x: x.clip(0.0, 1.0), (NAN,), [0.0]),
    (lambda x: x.clip(1.0, 0.0), (0.5,), [0.0]),
    (tg.softplus, (INF,), [1.0]),
    (tg.softplus, (-INF,), [0.0]),
    (tg.log_sigmoid, (-INF,), [1.0]),
    (tg.sigmoid, (INF,), [0.0]),
    (tg.sigmoid, (-INF,), [0.0]),
    (tg.sigmoid, (NAN,), [NAN]),
    (np.tanh, (INF,), [0.0]),
    (np.expm1, (-INF,), [0.0]),
    (np.arctan, (-INF,), [0.0]),
    (np.arctan, (1e200,), [0.0]),
    (np.arcsinh, (1e200,), [1e-200]),
    (tg.max, ([NAN, 1.0],), [[1.0, 0.0]]),  # PyTorch
    (tg.min, ([NAN, NAN],), [[0.5, 0.5]]),  # PyTorch
    (tg.max, ([INF, INF],), [[0.5, 0.5]]),
    (tg.prod, ([0.0, NAN, 2.0],), [[NAN, 0.0, NAN]]),
    (tg.prod, ([0.0, 0.0, 3.0],), [[0.0, 0.0, 0.0]]),
    (tg.logsumexp, ([-INF, -INF],), [[0.0, 0.0]]),  # they: NaN
    (tg.logsumexp, ([-INF, 2.0],), [[0.0, 1.0]]),
    (tg.logsumexp, ([INF, 0.0],), [[1.0, 0.0]]),  # they: NaN
    (tg.logsumexp, ([NAN, 0.0],), [[NAN, NAN]]),
    (lambda z: tg.softmax(z)[1], ([-INF, 1.0, 1.0],), [[0.0, 0.25, -0.25]]),
    (lambda z: tg.log_softmax(z)[1], ([-INF, 1.0, 1.0],), [[0.0, 0.5, -0.5]]),
    (tg.softmax, ([-INF, -INF],), [[NAN, NAN]]),
    (tg.log_softmax, ([-INF, -INF],), [[NAN, NAN]]),
    (lambda z: tg.cross_entropy(z, 1), ([-INF, 1.0, 1.0],), [[0.0, -0.5, 0.5]]),
    (lambda z: tg.cross_entropy(z, [0.0, 1.0, 0.0]), ([-INF, 1.0, 1.0],), [[0.0, -0.5, 0.5]]),
    (lambda z: tg.binary_cross_entropy_with_logits(z, [0.0, 1.0]), ([-INF, INF],), [[0.0, 0.0]]),
    (lambda x: tg.where(x > 0, np.logaddexp(x, x), 0.0), ([-INF, 1.0],), [[0.0, 1.0]]),
    (unmasked, ([-INF, 1.0],), [[0.0, 1.0]]),
]
AT_POLES_32 = [
    (np.arctan2, (1e25, 1e25), [0.5e-25, -0.5e-25]),
    (np.arctan2, (1e-25, 1e-25), [0.5e25, -0.5e25]),
    (np.hypot, (3e25, 4e25), [0.6, 0.8]),
    (np.hypot, (3e-25, 4e-25), [0.6, 0.8]),
    (np.arcsinh, (1e25,), [1e-25]),
]


def fits_float32(numbers):
    return all(x == 0 or 1e-30 < abs(x) < 1e30 or not np.isfinite(x) for x in np.ravel(numbers))


CASES = [(*case, np.float64) for case in AT_POLES]
CASES += [(*c, np.float32) for c in AT_POLES_32 + AT_POLES if fits_float32(np.hstack(c[1]))]


@pytest.mark.parametrize(("f", "at", "expected", "dtype"), CASES)
def test_at_poles_nan_and_masks(f, at, expected, dtype):
    for got, right in zip(slopes(f, *at, dtype=dtype), expected, strict=True):
        np.testing.assert_allclose(got, right, rtol=1e-6)


def test_values_of_masked_scores():
    with np.errstate(all="ignore"):
        assert tg.logsumexp([-INF, -INF]).item() == -INF
        assert np.isnan(tg.softmax([-INF, -INF]).numpy()).all()
        assert tg.softmax([INF, 0.0]).tolist() == [1.0, 0.0]
        assert tg.cross_entropy([-INF, 1.0, 1.0], [0.0, 1.0, 0.0]).item() == np.log(2.0)
        assert tg.cross_entropy([-INF, 1.0, 1.0], 0).item() == INF
        assert tg.binary_cross_entropy_with_logits([-INF, INF], [0.0, 1.0]).item() == 0.0


@pytest.mark.parametrize("f", [tg.softmax, tg.log_softmax])
def test_scores_of_no_classes_have_no_probabilities(f):
    assert f(np.zeros((5, 0, 0))).shape == (5, 0, 0)
    assert tg.logsumexp(np.zeros((2, 0)), axis=1).tolist() == [-INF, -INF]
    assert slopes(f, np.zeros((2, 0))) == [[[], []]]


# -- digits of scores ------------------------------------------------------------------------------


OFFSETS = [(np.float32, 2.0**14), (np.float32, 2.0**20), (np.float64, 2.0**50), (np.float64, 1e15)]


@pytest.mark.parametrize(("dtype", "offset"), OFFSETS)
def test_scores_far_from_0_are_shifted_before_anything_is_rounded(dtype, offset):
    steps, onehot = np.array([[0.0, 1.0, 3.0, 2.0]], dtype), np.eye(4, dtype=dtype)[[1]]
    z = (steps + offset).astype(dtype)
    assert (z - z[:, :1] == steps).all()

    def by_label(x):
        return tg.cross_entropy(x, np.array([1]))

    def by_probabilities(x):
        return tg.cross_entropy(x, onehot)

    for f in (tg.softmax, tg.log_softmax, by_label, by_probabilities):

        def first(x, f=f):
            return f(x)[..., 0] if f(x).ndim else f(x)

        np.testing.assert_array_equal(f(z).numpy(), f(steps).numpy())
        far, near = slopes(first, z, dtype=dtype), slopes(first, steps, dtype=dtype)
        np.testing.assert_array_equal(far, near)
    far = slopes(np.logaddexp, z, z[:, ::-1], dtype=dtype)
    near = slopes(np.logaddexp, steps, steps[:, ::-1], dtype=dtype)
    np.testing.assert_array_equal(far, near)
    np.testing.assert_allclose(tg.softmax(z).numpy().sum(), 1, rtol=3 * np.finfo(dtype).eps)


# -- long sums, and few digits ---------------------------------------------------------------------


def test_sums_of_float16_go_on_beyond_2048():
    ones = np.ones((4096, 2), np.float16)

    def repeated(w):
        total = w * 0
        for _ in range(4096):
            total = total + w
        return total

    assert slopes(lambda b: ones + b, np.zeros(2), dtype=np.float16) == [[4096, 4096]]
    assert slopes(lambda w: w[np.zeros(4096, int)], np.ones(2), dtype=np.float16) == [[4096, 0]]
    assert slopes(repeated, np.ones(1), dtype=np.float16) == [[4096]]
    assert slopes(lambda W: ones @ W, np.ones((2, 1)), dtype=np.float16) == [[[4096], [4096]]]
    assert slopes(lambda x: x.cumsum(0)[-1], np.ones(4096), dtype=np.float16) == [[1] * 4096]
    assert slopes(lambda x: x.cumsum(0), np.ones(4096), dtype=np.float16)[0][0] == 4096
    assert tg.Tensor(ones).sum(axis=0).tolist() == [4096, 4096]
    assert tg.Tensor(ones).cumsum(0).numpy()[-1].tolist() == [4096, 4096]
    assert tg.Tensor(np.zeros(2, np.float16)).at[np.zeros(4096, int)].add(1.0).tolist() == [4096, 0]


def test_the_mean_of_more_entries_than_float16_counts():
    x = leaf(np.ones(70_000), np.float16)
    x.mean().backward()
    np.testing.assert_allclose(x.grad, 1 / 70_000, rtol=2e-3)
    assert x.mean().item() == 1
    (slope,) = slopes(tg.var, np.arange(70_000) % 2, dtype=np.float16)
    assert slope[0] == pytest.approx(-1 / 70_000, rel=5e-3)


@pytest.mark.parametrize("f", [tg.sum, tg.mean, tg.var, tg.std])
@pytest.mark.parametrize("axis", [0, 1, None, (0, 1)])
def test_long_sums_of_float32_keep_their_digits(f, axis):
    x = (np.random.default_rng(0).normal(size=(300_000, 2)) + 3).astype(np.float32)
    for array in (x, x.T, np.asfortranarray(x)):
        if axis is not None and np.size(array) // np.size(array.sum(axis)) < 3:
            continue  # a mean of two is rounded like them
        exact = getattr(array.astype(float), f.name)(axis)
        y = f(array, axis).numpy()
        assert y.dtype == np.float32
        np.testing.assert_allclose(y, exact, rtol=3e-7)


def test_the_gradient_of_a_bias_keeps_its_digits_over_many_rows():
    g = np.random.default_rng(0).random((300_000, 2)).astype(np.float32)
    (slope,) = slopes(lambda b: (b + np.zeros_like(g)) * g, np.zeros(2), dtype=np.float32)
    np.testing.assert_allclose(slope, g.sum(axis=0, dtype=float), rtol=1e-7)


# -- constant rows ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [*FLOATS, np.longdouble])
def test_the_spread_of_equal_entries_is_0_and_so_is_its_gradient(dtype):
    constants = [0.1, 0.3, 1 / 3, 1e-3, 7.7, 1e4, -2.3, 1e-8, 0.0]
    constants += [1e30, 1e-30] if dtype is not np.float16 else [6e4]

    def of_a_row(x):
        return x.reshape(1, -1).std(axis=1)

    def of_columns(x):
        return (x.reshape(-1, 1) + np.zeros(3, x.dtype)).var(axis=0)

    sizes = 1, 2, 3, 5, 7, 10, 100, 1000
    for n, c, f in product(sizes, constants, (tg.std, tg.var, of_a_row, of_columns)):
        x = leaf(np.full(n, c), dtype)
        y = f(x)
        y.sum().backward()
        assert (y.numpy() == 0).all(), (n, c)
        assert (x.grad == 0).all(), (n, c)


# -- dtypes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
def test_every_op_keeps_the_dtype_in_value_and_gradient(dtype):
    for op in tg.engine.registry.registry.values():
        if not (op.rules or op.variadic) or not in_table(op) or op.rules[:1] == (None,):
            continue
        # LAPACK has no float16, and says so
        if op.is_optional or (dtype == np.float16 and op.fits is not None):
            continue
        from tinygrad_edu.notation.derivatives import sample

        args, static, _ = sample(op)
        if any(a.dtype.kind != "f" for a in args) or "dtype" in static:
            continue
        leaves = [leaf(a, dtype) for a in args]
        y = op.on(leaves, static)
        assert y.dtype == dtype, op.name
        y.sum().backward()
        assert all(x.grad.dtype == dtype for x in leaves if x.grad is not None), op.name


def test_python_numbers_are_weak_and_integers_become_floats_beside_floats():
    x, n = leaf([2.0, 3.0], np.float32), np.array([2, 3], np.int8)
    with_numbers = [x * 2.0, 2 - x, x / 3, 2.0**x, x**2, np.maximum(x, 0), np.hypot(x, 1.0)]
    with_numbers += [np.arctan2(1.0, x)]
    for y in (*with_numbers, x + n, n - x, x**n, n / x):
        assert y.dtype == np.float32
        y.sum().backward()
        assert x.grad.dtype == np.float32
    assert (leaf([200.0]) - np.array([250], np.uint8)).tolist() == [-50.0]
    assert tg.Tensor([1, 2]).mean().item() == 1.5
    assert tg.Tensor([True, True]).sum().item() == 2
    assert tg.Tensor(np.array([100, 100], np.int8)).sum().item() == 200
    assert tg.softmax([1, 1]).tolist() == [0.5, 0.5]
    for n in (2, 10_000):  # in two ways of computing it
        assert (tg.sigmoid(tg.Tensor(np.zeros(n, int))).numpy() == 0.5).all()


FLAT = [tg.sigmoid, np.tanh, tg.softplus, tg.log_sigmoid, np.arctan, np.arcsinh]
FLAT += [tg.relu, tg.logsumexp]
OF_ALL_SIZES = [-INF, -6e4, -1000.0, -20.0, 0.0, 20.0, 1000.0, 6e4, INF]


def test_no_warning_where_a_value_and_its_gradient_are_finite():
    scores = product((tg.softmax, tg.log_softmax), FLOATS, [[-INF, 6e4, 5.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for f, dtype, points in (*product(FLAT, FLOATS, [OF_ALL_SIZES]), *scores):
            x = leaf(points, dtype)
            f(x).backward(np.ones(f(x).shape))
            assert np.isfinite(x.grad).all(), f


@pytest.mark.parametrize(("dtype", "largest"), [(np.float64, 1e200), (np.float32, 1e30)])
def test_the_spread_of_tiny_and_huge_entries(dtype, largest):
    for size in (1 / largest, 1.0, largest):
        x = leaf(np.array([1.0, 2.0, 4.0]) * size, dtype)
        y = x.std()
        y.backward()
        np.testing.assert_allclose(y.numpy() / dtype(size), np.std([1.0, 2.0, 4.0]), rtol=1e-5)
        np.testing.assert_allclose(x.grad, slopes(tg.std, [1.0, 2.0, 4.0])[0], rtol=1e-5)


def test_labels_do_not_widen_float32():
    z = leaf([0.5, 0.25, 0.75], np.float32)
    integers, floats = [0, 1, 0], [0.0, 1.0, 0.0]
    targets = integers, floats, np.array(integers), np.array(integers, bool), 1, 1.0
    for loss in (tg.mse, tg.binary_cross_entropy, tg.binary_cross_entropy_with_logits):
        for target in targets:
            assert loss(z, target).dtype == np.float32
    assert tg.cross_entropy(z, 1).dtype == np.float32


@pytest.mark.parametrize("f", [tg.sigmoid, tg.tanh, tg.softplus, tg.relu])
def test_large_arrays_get_what_small_ones_get(f):
    x = np.random.default_rng(0).normal(size=(200, 50)) * 300
    x[0, :4] = INF, -INF, NAN, -720.0
    for array in (x, np.abs(x), x.T):
        with np.errstate(invalid="ignore"):  # NumPy's logaddexp of NaN
            rows, whole = np.stack([f(row).numpy() for row in array]), f(array).numpy()
        np.testing.assert_allclose(whole, rows, rtol=4e-16)
        (whole,), rows = slopes(f, array), [slopes(f, row)[0] for row in array]
        np.testing.assert_allclose(whole, rows, rtol=4e-16)


def test_a_constant_row_is_a_kink_at_which_the_second_derivative_of_std_is_0():
    assert (tg.hessian(tg.std)(np.full(3, 0.1)).numpy() == 0).all()


def test_compiled_code_sums_and_spreads_alike():
    summed, two = tg.compile(lambda x: x.sum(axis=0)), np.ones((4096, 2), np.float16)
    assert summed(two).tolist() == [4096, 4096]
    scope = {}
    exec(summed.source, scope)
    shown = next(f for name, f in scope.items() if name not in ("np", "__builtins__"))
    assert shown(two).tolist() == [4096, 4096]
    ones = np.ones((4096, 1), np.float16)
    of_bias = tg.compile(lambda b: tg.grad(lambda b: (ones + b).sum())(b))
    assert of_bias(np.zeros(1, np.float16)).tolist() == [4096]
    for f in (tg.std, tg.var):
        assert tg.compile(lambda x, f=f: tg.grad(f)(x))(np.full(3, 0.1)).tolist() == [0, 0, 0]
    masked = np.array([-INF, 1.0, 1.0])
    assert tg.compile(lambda z: tg.grad(tg.logsumexp)(z))(masked).tolist() == [0, 0.5, 0.5]
    far = tg.compile(lambda z: tg.softmax(z))(np.float32([2.0**20, 2.0**20 + 1]))
    np.testing.assert_array_equal(far, tg.softmax(np.float32([0, 1])))
