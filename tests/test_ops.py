"""The table of derivatives: NumPy's values however an op is called, and slow references."""

import itertools
import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import tinygrad_edu as tg

Tensor = tg.Tensor
FLOATS = (np.float16, np.float32, np.float64)
X = np.array([[0.3, -0.7, 0.5], [0.9, 0.2, -0.1]])
LAYOUTS = {
    "plain": X,
    "0-d": np.array(0.4),
    "one entry": np.array([[0.4]]),
    "empty": np.zeros((2, 0, 3)),
    "Fortran": np.asfortranarray(X),
    "strided": np.repeat(X, 2, axis=1)[:, ::2],
    "backwards": X[::-1, ::-1],
    "stretched": np.broadcast_to(X[:1], (4, 3)),
}
UNARY = """abs arcsin arccos arctan arcsinh arctanh cbrt ceil cos cosh exp exp2 expm1 floor negative
positive rint sign sin sinh square tan tanh""".split()
POSITIVE = "log log10 log1p log2 reciprocal sqrt".split()
BINARY = "add subtract multiply divide power maximum minimum arctan2 hypot logaddexp".split()
COMPARISONS = "greater greater_equal less less_equal equal not_equal".split()


def leaf(data, dtype=float):
    return Tensor(data, requires_grad=True, dtype=dtype)


def same(y, expected):
    """Assert that `y` is a Tensor that equals NumPy's answer in value, shape and dtype."""
    expected = np.asarray(expected)
    assert type(y) is Tensor
    assert (y.shape, y.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(y.numpy(), expected)


def read_only(array):
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view


# -- entry by entry --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", UNARY + POSITIVE)
def test_method_function_and_numpy_s_own_give_numpy_s_value(name):
    for layout in LAYOUTS.values():
        array = layout if name in UNARY else np.abs(layout)
        t = Tensor(read_only(array), requires_grad=True, copy=False)
        for y in (getattr(t, name)(), getattr(tg, name)(t), getattr(np, name)(t)):
            same(y, getattr(np, name)(array))
        y.sum().backward()
        assert t.grad.shape == t.shape
        assert np.isfinite(t.grad).all()


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", BINARY + COMPARISONS)
def test_two_operands_broadcast_as_in_numpy(name, dtype):
    a, b = np.abs(X).astype(dtype), np.abs(X[:1, :1]).astype(dtype)
    ta, tb, f = leaf(a, dtype), leaf(b, dtype), getattr(np, name)
    for y in (getattr(ta, name)(b), getattr(tg, name)(a, tb), f(ta, tb), f(a, Tensor(b))):
        same(y, f(a, b))


NOT_NUMPY_S = ["sigmoid", "softplus", "relu", "safe_log"]


@pytest.mark.parametrize("name", UNARY + POSITIVE + NOT_NUMPY_S)
def test_float_dtypes_are_kept_forward_and_backward(name):
    for dtype in (*FLOATS, np.longdouble):
        t = leaf(np.abs(X), dtype)
        y = getattr(tg, name)(t)
        y.sum().backward()
        assert y.dtype == t.grad.dtype == dtype


@pytest.mark.parametrize("name", [*NOT_NUMPY_S, "sum", "max", "logsumexp", "var", "cumsum"])
@pytest.mark.parametrize("number", [2.0, 2, np.float32(2.0), [1, 2], np.array([1, 2])])
def test_functions_take_numbers_lists_and_integers(name, number):
    same(getattr(tg, name)(number), getattr(tg, name)(np.asarray(number)).numpy())


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (tg.sigmoid, lambda x: 1 / (1 + np.exp(-x))),
        (tg.softplus, lambda x: np.log(1 + np.exp(x))),
        (tg.relu, lambda x: np.where(x > 0, x, 0.0)),
        (tg.logsumexp, lambda x: np.log(np.exp(x).sum())),
        (tg.log_sigmoid, lambda x: -np.log(1 + np.exp(-x))),
        (tg.softmax, lambda x: np.exp(x) / np.exp(x).sum(-1, keepdims=True)),
    ],
)
def test_what_numpy_lacks_equals_its_formula(f, expected):
    np.testing.assert_allclose(f(X).numpy(), expected(X), rtol=1e-14)


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (operator.neg, -X),
        (operator.pos, X),
        (abs, np.abs(X)),
        (lambda t: ~(t > 0), X <= 0),
        (lambda t: 2**t, 2**X),
    ],
)
def test_operators_with_one_tensor(write, expected):
    same(write(leaf(X)), expected)


@pytest.mark.parametrize("f", [operator.and_, operator.or_])
def test_booleans_combine(f):
    a, b = X > 0, X > 0.4
    for y in (f(Tensor(a), Tensor(b)), f(Tensor(a), b), f(a, Tensor(b))):
        same(y, f(a, b))


@pytest.mark.parametrize(
    ("low", "high"),
    [(0.0, 0.5), (None, 0.5), (0.0, None), (None, None), (X[0], 1.0), (-1, X.max())],
)
def test_clip_takes_bounds_as_numpy_does(low, high):
    expected = X if low is high is None else np.clip(X, low, high)  # NumPy 2.0 refuses two None
    same(leaf(X).clip(low, high), expected)
    same(tg.clip(X, min=low, max=high), expected)
    same(np.clip(leaf(X), low, high), expected)
    same(np.clip(leaf(X), a_min=low, a_max=high), expected)


# -- reductions ------------------------------------------------------------------------------------

CUBE = np.arange(24.0).reshape(2, 3, 4) % 7 + np.linspace(0, 1, 24).reshape(2, 3, 4)
AXES = [None, 0, 1, -1, -3, (0, 2), (-1, 0), (0, 1, 2), ()]


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "prod", "var", "std", "any", "all"])
def test_reductions_equal_numpy_s(name):
    for axis, keepdims in itertools.product(AXES, [False, True]):
        reduction_equals_numpy_s(name, axis, keepdims)


def reduction_equals_numpy_s(name, axis, keepdims):
    expected = np.asarray(getattr(np, name)(CUBE, axis=axis, keepdims=keepdims))
    t = leaf(CUBE)
    same(getattr(t, name)(axis, keepdims=keepdims), expected)
    same(getattr(tg, name)(CUBE, axis=axis, keepdims=keepdims), expected)
    y = getattr(np, name)(t, axis=axis, keepdims=keepdims)
    same(y, expected)
    if name not in ("any", "all", "std"):  # no gradient; with the axis () each spread is 0, a pole
        y.sum().backward()
        assert (t.grad.shape, np.isfinite(t.grad).all()) == (t.shape, True)


@pytest.mark.parametrize("axis", AXES[:-1], ids=str)
@pytest.mark.parametrize("ddof", [0, 1, 0.5])
@pytest.mark.parametrize("name", ["var", "std"])
def test_ddof_is_numpy_s(name, ddof, axis):
    def spread(x):
        return getattr(x, name)(axis, ddof=ddof)

    np.testing.assert_allclose(spread(leaf(CUBE)).numpy(), spread(CUBE), rtol=1e-12)
    g = tg.grad(lambda x: spread(x).sum())(CUBE)
    n = CUBE.size / np.mean(CUBE, axis).size - ddof
    per_entry = (CUBE - CUBE.mean(axis, keepdims=True)) / n
    std = CUBE.std(axis, ddof=ddof, keepdims=True)
    expected = 2 * per_entry if name == "var" else per_entry / std
    np.testing.assert_allclose(g.numpy(), expected, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("axis", [None, 0, -1])
@pytest.mark.parametrize("name", ["sum", "max", "min", "prod", "cumsum"])
def test_an_axis_of_a_single_number_is_numpy_s(name, axis):
    same(getattr(leaf(3.0), name)(axis), getattr(np, name)(np.array(3.0), axis))
    assert tg.grad(lambda x: getattr(x, name)(axis).sum())(3.0).item() == 1.0


@pytest.mark.parametrize("name", ["sum", "mean", "max", "prod", "std"])
@pytest.mark.parametrize("axis", [2, -3, (0, 5), (0, 0)])
def test_a_wrong_axis_is_an_error_when_it_is_given(name, axis):
    with pytest.raises(ValueError, match=rf"{name} cannot take X of shape \(2, 3\), axis="):
        getattr(tg, name)(X, axis=axis)


def test_over_nothing_sums_and_products_are_neutral():
    t = leaf(np.zeros((2, 0)))
    same(t.sum(1), [0.0, 0.0])
    same(t.prod(1), [1.0, 1.0])
    (t.sum() + t.prod() + t.sum(1).sum() + t.prod(0).sum()).backward()
    assert t.grad.shape == (2, 0)
    with pytest.raises(ValueError, match="max cannot take t of shape"):
        t.max()


@pytest.mark.parametrize("name", ["argmax", "argmin", "argsort"])
def test_positions_are_numpy_s_and_integers(name):
    for axis in (0, 1, -1):
        same(getattr(leaf(X), name)(axis), getattr(np, name)(X, axis))
        same(getattr(np, name)(leaf(X), axis=axis), getattr(np, name)(X, axis))


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_running_sums(axis):
    t = leaf(X)
    same(t.cumsum(axis), np.cumsum(X, axis))
    np.cumsum(t, axis=axis).sum().backward()
    from_the_end = np.flip(np.cumsum(np.ones_like(X), axis).reshape(X.shape), axis)
    np.testing.assert_array_equal(t.grad, from_the_end)


# -- matrix products -------------------------------------------------------------------------------


def by_einsum(a, b, g):
    """The product of two stacks of matrices and its two gradients, summed over stretched axes."""

    def summed(x, shape):
        lead = x.ndim - len(shape)
        x = x.sum(tuple(range(lead)))
        return x.sum(tuple(i for i, n in enumerate(shape) if n == 1 != x.shape[i]), keepdims=True)

    ga, gb = np.einsum("...ij,...kj->...ik", g, b), np.einsum("...ik,...ij->...kj", a, g)
    return np.einsum("...ik,...kj->...ij", a, b), summed(ga, a.shape), summed(gb, b.shape)


LEFT = [(3,), (2, 3), (1, 3), (4, 2, 3), (1, 2, 3), (5, 1, 2, 3), (0, 3), (0, 2, 3)]
RIGHT = [(3,), (3, 2), (3, 1), (4, 3, 2), (1, 3, 2), (5, 4, 3, 2), (3, 0)]


def fit(left, right):
    """Whether NumPy multiplies arrays of these shapes."""
    try:
        return np.matmul(np.zeros(left), np.zeros(right)) is not None
    except ValueError:
        return False


PRODUCTS = [shapes for shapes in itertools.product(LEFT, RIGHT) if fit(*shapes)]


@pytest.mark.parametrize(("left", "right"), PRODUCTS, ids=str)
def test_a_matrix_product_and_its_gradients_equal_the_sums_of_products(left, right):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=left), rng.normal(size=right)
    ta, tb = leaf(a), leaf(b)
    y = ta @ tb
    g = rng.normal(size=y.shape)
    y.backward(g)
    # a vector on the left is a row, a vector on the right a column
    g = g if b.ndim > 1 else g[..., None]
    g = g if a.ndim > 1 else g[..., None, :]
    expected, ga, gb = by_einsum(a if a.ndim > 1 else a[None], b if b.ndim > 1 else b[:, None], g)
    np.testing.assert_allclose(y.numpy(), expected.reshape(y.shape), atol=1e-12)
    np.testing.assert_allclose(ta.grad, ga.reshape(a.shape), atol=1e-12)
    np.testing.assert_allclose(tb.grad, gb.reshape(b.shape), atol=1e-12)


def test_every_pair_of_dimensions_is_multiplied():
    pairs = set(itertools.product((1, 2, 3), (1, 2, 3, 4)))
    assert {(len(a), len(b)) for a, b in PRODUCTS} >= pairs


def counted(shape):
    """The numbers from 1 on."""
    return np.arange(1.0, 1 + np.prod(shape, dtype=int)).reshape(shape)


VECTORS = [((), ()), ((2,), ()), ((), (2,)), ((2,), (2,))]
DOTS = [*VECTORS, ((3, 2), (2,)), ((2,), (2, 3)), ((4, 2), (2, 3))]


@pytest.mark.parametrize(("a", "b"), DOTS)
def test_dot_is_numpy_s_for_numbers_vectors_and_matrices(a, b):
    a, b = counted(a), counted(b)
    for y in (tg.dot(a, b), np.dot(leaf(a), b), np.dot(a, leaf(b))):
        np.testing.assert_array_equal(y.numpy(), np.dot(a, b))


# -- shape -----------------------------------------------------------------------------------------


REARRANGED = [
    lambda x: x.reshape(4, 6),
    lambda x: x.reshape((4, -1)),
    lambda x: x.reshape([24]),
    lambda x: x.T,
    lambda x: x.mT,
    lambda x: x.transpose(),
    lambda x: x.transpose(1, -1, 0),
    lambda x: x.transpose((2, 0, 1)),
    lambda x: x.swapaxes(0, -1),
    lambda x: x[None].squeeze(),
    lambda x: x[None, :, None].squeeze((0, 2)),
    lambda x: np.expand_dims(x, (0, -1)),
    lambda x: np.broadcast_to(x, (2, 2, 3, 4)),
    lambda x: np.moveaxis(x, (0, 1), (-1, 0)),
    lambda x: np.flip(x),
    lambda x: np.flip(x, (0, -1)),
    lambda x: np.concatenate([x, x[:1], x]),
    lambda x: np.concatenate([x, x[..., :2]], axis=-1),
    lambda x: np.concatenate([x, x[0]], axis=None),
    lambda x: np.stack([x, x + 1], 1),
    lambda x: np.stack([x, x + 1], axis=-1),
    lambda x: np.copy(x),
    lambda x: x.astype(np.float32),
]


@pytest.mark.parametrize("f", REARRANGED)
def test_rearranging_is_numpy_s_and_sends_each_entry_s_gradient_back(f):
    t = leaf(CUBE)
    y, expected = f(t), f(CUBE)
    same(y, expected)
    weights = np.random.default_rng(0).normal(size=y.shape).astype(y.dtype)
    y.backward(weights)
    unit = np.zeros((24, 2, 3, 4))
    unit.reshape(24, 24)[np.diag_indices(24)] = 1.0
    # all of them are affine in x
    moved = [np.asarray(f(u)) - np.asarray(f(np.zeros_like(u))) for u in unit]
    slopes = [(weights * m).sum() for m in moved]
    np.testing.assert_allclose(t.grad.ravel(), slopes, rtol=1e-6, atol=1e-6)


# -- parts -----------------------------------------------------------------------------------------


@given(st.data())
def test_any_basic_or_advanced_index(data):
    shape = data.draw(npst.array_shapes(max_dims=3, max_side=4))
    basic = npst.basic_indices(shape, allow_newaxis=True)
    advanced = npst.integer_array_indices(shape), npst.arrays(bool, shape)
    index = data.draw(st.one_of(basic, *advanced))
    array = np.arange(1.0, 1 + np.prod(shape)).reshape(shape)
    t = leaf(array)
    y = t[index]
    same(y, array[index])
    g = np.arange(1.0, 1 + y.size).reshape(y.shape)
    y.backward(g)
    expected = np.zeros(shape)
    np.add.at(expected, index, g)
    np.testing.assert_array_equal(t.grad, expected)


INDICES = [[0, 0, 1], (0, [1, 1]), ([[0], [1]], [0, 1]), X > 0, (X > 0).any(1)]
INDICES += [np.s_[..., None, ::-1], True, np.uint8(1), Tensor([1, 0]), Tensor(1)]
INDICES += [(Tensor(1), [Tensor(0), Tensor(0)]), slice(Tensor(0), Tensor(1))]


@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_indices_of_all_kinds(index):
    plain = _without_tensors(index)
    t = leaf(X)
    y = t[index]
    same(y, X[plain])
    y.sum().backward()
    counts = np.zeros_like(X)
    np.add.at(counts, plain, 1.0)
    np.testing.assert_array_equal(t.grad, counts)


def _without_tensors(index):
    if isinstance(index, tuple):
        return tuple(_without_tensors(i) for i in index)
    if isinstance(index, slice):
        return slice(int(index.start), int(index.stop)) if index.start is not None else index
    return np.asarray(index) if isinstance(index, (Tensor, list)) else index


def test_setting_keeps_the_last_of_repeated_entries_and_adding_adds_all():
    t, v = leaf([1.0, 2.0, 3.0]), leaf([10.0, 20.0, 30.0])
    y, z = t.at[[0, 0, 1]].set(v), t.at[[0, 0, 1]].add(v)
    assert y.tolist() == [20.0, 30.0, 3.0]
    assert z.tolist() == [31.0, 32.0, 3.0]
    assert t.tolist() == [1.0, 2.0, 3.0]
    y.backward([1.0, 2.0, 3.0])
    assert (t.grad.tolist(), v.grad.tolist()) == ([0.0, 0.0, 3.0], [0.0, 1.0, 2.0])
    t.zero_grad(), v.zero_grad()
    z.backward([1.0, 2.0, 3.0])
    assert (t.grad.tolist(), v.grad.tolist()) == ([1.0, 2.0, 3.0], [1.0, 1.0, 2.0])


PLACES = [0, -1, np.s_[:, 1], [0, 0], (slice(None), [2, 0]), X > 0, np.s_[::-1, 1:], ...]


@pytest.mark.parametrize("index", PLACES)
def test_the_functional_update_equals_numpy_s_assignment(index):
    expected = X.copy()
    expected[index] = 5.0
    same(leaf(X).at[index].set(5.0), expected)
    expected = X.copy()
    np.add.at(expected, index, 5.0)
    same(leaf(X).at[index].add(5.0), expected)
    v, t = leaf(5.0), leaf(X)
    t.at[index].set(v).sum().backward()
    written = np.zeros(X.shape, bool)
    written[index] = True
    assert v.grad == written.sum()
    np.testing.assert_array_equal(t.grad, ~written)


def test_an_update_keeps_a_float_dtype_and_widens_integers():
    assert Tensor([1.0, 2.0], dtype="f4").at[0].set(np.float64(5.0)).dtype == np.float32
    same(Tensor([1, 2]).at[0].set(0.5), [0.5, 2.0])
    same(Tensor([1, 2]).at[0].add(3), [4, 2])


# -- dtypes of mixed operands ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["add", "multiply", "divide", "maximum", "power", "matmul"])
def test_mixed_dtypes_follow_numpy(name):
    for a, b in itertools.product([*FLOATS, np.int32, bool], repeat=2):
        mixed_dtypes_follow_numpy(name, a, b)


def mixed_dtypes_follow_numpy(name, a, b):
    left, right = np.ones(2, a), np.ones(2, b)
    try:
        expected = getattr(np, name)(left, right)
    except TypeError:
        with pytest.raises(TypeError, match=f"{name} cannot take"):
            getattr(tg, name)(left, right)
    else:
        same(getattr(tg, name)(left, right), expected)


@pytest.mark.parametrize("order", "<>")
def test_both_byte_orders(order):
    t = Tensor(np.array([1.0, 2.0], f"{order}f8"), requires_grad=True)
    y = t + 1.0
    (y * y).sum().backward()
    assert t.grad.tolist() == [4.0, 6.0]
    assert not np.shares_memory(t.grad, y.grad)
