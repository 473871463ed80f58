"""NumPy's functions as a stranger tried them: what was wrong, and what must be refused."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.testing import gradcheck

T = tg.Tensor
gap, far = np.array([1.0, np.nan, 2.0, 3.0]), np.array([1.0, np.inf, np.inf])
row, m = np.array([1.0, 2.0, 3.0]), np.arange(6.0).reshape(3, 2)

EQUAL = {  # a call on an array, whose Tensor gives the same
    "insert out of order": (lambda x: np.insert(x, [3, 1], [10.0, 20.0]), np.arange(4.0)),
    "insert twice at one": (lambda x: np.insert(x, [1, 3, 1], [10.0, 20.0, 30.0]), np.arange(4.0)),
    "insert several at one": (lambda x: np.insert(x, [1], [10.0, 20.0]), row),
    "insert columns": (lambda x: np.insert(x, [1], np.ones((3, 2)), axis=1), m),
    "insert a column": (lambda x: np.insert(x, 1, row, axis=1), m),
    "insert by a mask": (lambda x: np.insert(x, np.array([True, False, True]), 9.0), row),
    "insert by a slice": (lambda x: np.insert(x, slice(0, 3, 2), [8.0, 9.0]), row),
    "insert from the end": (lambda x: np.insert(x, -1, [8.0, 9.0]), row),
    "median of a gap": (np.median, gap),
    "quantile of a gap": (lambda x: np.quantile(x, [0.25, 0.5]), gap),
    "quantile of gaps": (
        lambda x: np.quantile(x, 0.3, axis=1, keepdims=True), np.stack([gap, np.arange(4.0)])),
    "percentile of a gap": (lambda x: np.percentile(x, 10), gap),
    "median of integers": (np.median, np.array([1, 2])),
    "quantile of integers": (lambda x: np.quantile(x, 0.5), np.array([1, 2])),
    "nanmedian of integers": (np.nanmedian, np.array([1, 2])),
    "percentile of integers": (lambda x: np.percentile(x, 25), np.array([0, 10])),
    "median along no axis": (lambda x: np.median(x, axis=()), row),
    "nanmean of booleans": (np.nanmean, np.array([True, False, True])),
    "nanstd of booleans": (np.nanstd, np.array([True, False, True])),
    "nanmax of integers": (np.nanmax, np.array([1, 2])),
    "nanmin of integers": (np.nanmin, np.array([1, 2])),
    "nanmax of gaps": (np.nanmax, np.array([np.nan, np.nan])),
    "nanvar of too few": (lambda x: np.nanvar(x, ddof=3), row),
    "median of infinities": (np.median, far),
    "modf of infinity": (lambda x: np.modf(x)[0], far),
    "modf of a whole number": (lambda x: np.modf(x)[1], np.array([3])),
    "angles": (np.angle, np.array([-1.0, 1.0, 0.0, -0.0, np.inf, -np.inf])),
    "angles of integers": (np.angle, np.array([-1, 1])),
    "interp of one place": (lambda x: np.interp(x, [2.0], [5.0]), row),
    "polymul of leading zeros": (lambda x: np.polymul(x, [0.0, 0.0, 1.0]), row),
    "piecewise of integers": (lambda x: np.piecewise(x, [x < 2], [1.5, 0.5]), np.array([2, 1])),
    "bytes with a sign": (lambda x: np.copysign(x, -1.0), np.array([3], np.uint8)),
    "slopes of integers": (np.gradient, np.array([3, 1])),
    "fabs of integers": (np.fabs, np.array([-1])),
    "differences of booleans": (np.diff, np.array([True, False, False])),
    "a running product of a number": (lambda x: np.cumprod(x, axis=0), np.float64(2.0)),
    "a running sum of a number": (np.cumulative_sum, np.float64(2.0)),
    "average over two axes": (
        lambda x: np.average(x, axis=(2, 0), weights=np.arange(8.0).reshape(4, 2)),
        np.arange(24.0).reshape(2, 3, 4)),
    "Fortran's order": (lambda x: x.ravel("F"), m),
    "its conjugate": (lambda x: x.conj(), m),
    "a covariance of too few": (lambda x: np.cov(x, ddof=5), row),
}  # fmt: skip
EQUAL |= {
    f"quantile, {method}": (lambda x, method=method: np.quantile(x, 0.4, method=method), far)
    for method in ("lower", "nearest", "higher", "inverted_cdf")
}


@pytest.mark.parametrize("name", EQUAL)
@pytest.mark.filterwarnings("ignore")
def test_the_value_is_numpys(name):
    f, x = EQUAL[name]
    found, expected = f(T(x)), f(x)
    found = found.numpy() if isinstance(found, T) else found
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    if np.asarray(x).dtype.kind != "u":  # NumPy's own narrow ones stay narrow
        assert found.dtype == np.asarray(expected).dtype


def test_inserted_values_get_their_own_gradients():
    places = [3, 1, 1]
    assert gradcheck(
        lambda x, v: np.insert(x, places, v), np.arange(4.0), np.array([5.0, 7.0, 9.0])
    )
    assert gradcheck(lambda x, v: np.insert(x, 1, v, axis=1), m, row)


REFUSED = {
    "bincount of -1": lambda x: np.bincount([-1, 0, 1], weights=x),
    "bincount of less than nothing": lambda x: np.bincount([0, 1, 1], weights=x, minlength=-1),
    "interp of unequal rows": lambda x: np.interp(x, [1, 2], [1, 2, 3]),
    "a choice that is not there": lambda x: np.choose([0, 1, 5], [x, x]),
    "bins that fall": lambda x: np.histogram(x, bins=[3, 1, 2]),
    "a range that falls": lambda x: np.histogram(x, range=(3, 1), bins=2),
    "no bins": lambda x: np.histogram(x, bins=0),
    "a histogram of NaN": lambda x: np.histogram(x * np.nan, bins=2),
    "a diagonal of unequal axes": lambda x: np.einsum("ii->i", np.reshape(x, (3, 1))),
    "an ellipsis that is lost": lambda x: np.einsum("i...->i", np.reshape(x, (3, 1))),
    "reduceat before the start": lambda x: np.add.reduceat(x, [-1]),
    "differences of order -1": lambda x: np.diff(x, n=-1),
    "half a point": lambda x: np.linspace(x[0], 1.0, 2.5),
    "less than no points": lambda x: np.linspace(x[0], 1.0, -1),
    "a matrix norm of a vector": lambda x: np.linalg.norm(x, "fro"),
    "a sorted number": lambda x: np.sort(x[0]),
    "a sort of no kind": lambda x: np.sort(x, kind="foo"),
    "powers of a matrix": lambda x: np.vander(np.reshape(x, (3, 1))),
    "a fold of two axes": lambda x: np.divide.reduce(np.reshape(x, (3, 1)), axis=(0, 1)),
    "numbers as conditions": lambda x: np.select([np.array([1, 0, 1])], [x]),
    "a polynomial of degree -1": lambda x: np.polyfit(x, x, -1),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore")
def test_what_numpy_refuses_is_refused(name):
    for x in (row, T(row), T(row, requires_grad=True)):
        with pytest.raises((ValueError, TypeError, IndexError)):
            REFUSED[name](x)


def test_activations_have_the_slope_of_their_smooth_side_at_0():
    slopes = [tg.grad(f)(0.0).item() for f in (tg.elu, tg.celu, tg.selu)]
    np.testing.assert_allclose(slopes, [1.0, 1.0, 1.7580993408473766], rtol=1e-15)
    assert tg.grad(tg.grad(tg.elu))(0.0).item() == 1.0


BYTES = np.array([3, 200], np.uint8), np.array([5, 7], np.uint8)
OF_BYTES = (tg.mae, tg.huber, tg.mse, tg.distance, tg.hinge, tg.elu, tg.log_sigmoid, tg.softsign)


@pytest.mark.parametrize("f", OF_BYTES, ids=lambda f: f.__name__)
def test_pixels_do_not_wrap_around(f):
    two = f not in (tg.elu, tg.log_sigmoid, tg.softsign)
    given = (BYTES[0], np.ones(2, np.uint8)) if f is tg.hinge else BYTES[: 1 + two]
    found = f(*given)
    np.testing.assert_array_equal(found.numpy(), f(*[a.astype(float) for a in given]).numpy())


def test_matrix_functions_of_whole_numbers_are_no_whole_numbers():
    one = np.eye(2, dtype=int)
    np.testing.assert_allclose(tg.expm(one).numpy(), np.e * np.eye(2))
    np.testing.assert_allclose(tg.sqrtm(2 * one).numpy(), 2**0.5 * np.eye(2))
    np.testing.assert_allclose(tg.solve_sylvester(one, one, one).numpy(), 0.5 * np.eye(2))


def test_class_weights_and_smoothing_count_for_probabilities_too():
    z, w = np.array([[1.0, 2, 0.5], [0, -1, 2]]), np.array([1, 2, 0.5])
    labels, rows = [0, 2], np.eye(3)[[0, 2]]
    how = {"weight": w, "label_smoothing": 0.2}
    of_labels = tg.cross_entropy(z, labels, "none", **how)
    of_rows = tg.cross_entropy(z, rows, "none", **how)
    np.testing.assert_allclose(of_rows.numpy(), of_labels.numpy(), rtol=1e-14)
    assert gradcheck(lambda z: tg.cross_entropy(z, rows, **how), z)
    with pytest.raises(TypeError, match="ignore_index is one of the class numbers"):
        tg.cross_entropy(z, rows, ignore_index=1)


def test_a_users_function_cannot_write_into_the_data_of_the_graph():
    square = tg.op(lambda x: np.square(x, out=x), lambda g, y, x: 2 * g * x, name="test_in_place")
    p = T([3.0, 2.0], requires_grad=True)
    with pytest.raises(ValueError, match="read-only"):
        square(p)
    assert p.tolist() == [3.0, 2.0]


def test_windows_and_filters_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="at most half a window"):
        tg.max_pool(np.ones((1, 1, 4)), 2, padding=2)
    with pytest.raises(ValueError, match="a number for each of 2 filters"):
        tg.conv(np.ones((1, 1, 3)), np.ones((2, 1, 2)), np.array([5.0]))
    none = tg.grad(lambda w: tg.conv(np.zeros((0, 3, 5)), w).sum())(np.ones((2, 3, 4)))
    assert not none.numpy().any()
    assert tg.conv_transpose(np.zeros((0, 3, 5)), np.ones((3, 3, 4))).shape == (0, 3, 8)


def test_messages_show_what_to_write():
    x = T([0.3, 0.7], requires_grad=True)
    with pytest.raises(TypeError, match=r"write np\.unique\(t\.numpy\(\), \.\.\.\)"):
        np.unique(x, equal_nan=False)
    with pytest.raises(TypeError, match="so y would be static, and g and y have a meaning"):
        tg.op(lambda x, y: x * y, lambda g, y, a, b: g * b, name="test_clash")
    with pytest.raises(ValueError, match="three shapes|where cannot take .* broadcast"):
        np.select([np.array([True, False, True])], [x])
    with pytest.raises(TypeError) as raised:
        tg.compile(lambda x: np.partition(x, 1)[:2].sum())(np.array([3.0, 1.0, 2.0]))
    assert "np.partition goes by the values" in "".join(raised.value.__notes__)
