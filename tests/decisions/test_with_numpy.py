"""Tensors beside arrays, lists and numbers, and in NumPy's own functions."""

import operator

import matplotlib.figure
import numpy as np
import pytest
from derivatives import Tensor, leaf

import tinygrad_edu as tg

ARRAY = np.array([2.0, 3.0])


ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]
OTHERS = {"array": ARRAY, "list": ARRAY.tolist(), "tuple": tuple(ARRAY), "ints": ARRAY.astype(int)}


@pytest.mark.parametrize("f", [*ARITHMETIC, operator.matmul])
@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_arrays_and_lists_stand_on_either_side(f, other):
    t, a, b = leaf([4.0, 5.0]), np.array([4.0, 5.0]), np.array(other)
    for y, expected in ((f(t, other), f(a, b)), (f(other, t), f(b, a))):
        assert type(y) is Tensor
        assert y.requires_grad
        np.testing.assert_array_equal(y.numpy(), expected)


@pytest.mark.parametrize("f", COMPARISONS)
def test_comparisons_with_arrays_give_boolean_tensors(f):
    t = leaf([2.0, 5.0])
    for y, expected in ((f(t, ARRAY), f(t.numpy(), ARRAY)), (f(ARRAY, t), f(ARRAY, t.numpy()))):
        assert type(y) is Tensor
        assert (y.dtype, y.tolist()) == (bool, expected.tolist())


@pytest.mark.parametrize("scalar", [np.float32(2.0), np.float64(2.0), np.int8(2), np.array(2.0)])
def test_numpy_scalars_stand_on_either_side_and_follow_numpy_s_dtypes(scalar):
    t = leaf([4.0, 5.0], np.float32)
    for y in (t * scalar, scalar * t):
        assert type(y) is Tensor
        assert y.dtype == np.result_type(np.float32, scalar)
    assert (scalar**t).tolist() == [16.0, 32.0]


FUNCTIONS = [np.exp, np.sum, np.abs, np.transpose, np.add.reduce, np.maximum.reduce]
FUNCTIONS += [
    lambda x: np.sum(x, axis=0),
    lambda x: np.sum(x, -1, keepdims=True),
    lambda x: np.add.reduce(x, axis=None),
    lambda x: np.multiply.reduce(x, 1),
    lambda x: np.mean(x, axis=(0, 1)),
    lambda x: np.var(x, 0, ddof=1),
    lambda x: np.dot(x, x.T),
    lambda x: np.dot(np.ones(2), x),
    lambda x: np.outer(x, [1.0, 2.0]),
    lambda x: np.concatenate([x, np.ones((1, 2))]),
    lambda x: np.stack([x, np.ones((2, 2))], axis=-1),
    lambda x: np.where(x > 2, x, 0.0),
    lambda x: np.clip(x, 1.5, 2.5),
    lambda x: np.clip(x, a_min=1.5, a_max=None),
    lambda x: np.reshape(x, -1),
    lambda x: np.cumsum(x),
    lambda x: np.ravel(x),
    lambda x: np.vstack([x, [5.0, 6.0]]),
    lambda x: np.hstack([x, x]),
    lambda x: np.hstack([x[0], 5.0]),
    lambda x: np.atleast_1d(x[0, 0]),
    lambda x: np.broadcast_arrays(x, np.ones(3)[:, None, None])[0],
]


@pytest.mark.parametrize("f", FUNCTIONS)
def test_numpy_s_functions_give_tensors_with_numpy_s_values(f):
    array = np.array([[1.0, 2.0], [3.0, 4.0]])
    t = Tensor(array, requires_grad=True)
    y = f(t)
    assert type(y) is Tensor
    assert y.requires_grad
    np.testing.assert_allclose(y.numpy(), f(array), rtol=1e-14)


QUESTIONS = [np.shape, np.ndim, np.size, np.zeros_like, np.ones_like, np.argwhere, np.result_type]
QUESTIONS += [np.any, np.all]


@pytest.mark.parametrize("f", QUESTIONS)
def test_questions_about_values_are_answered(f):
    array = np.array([[1.0, 0.0], [3.0, 4.0]])
    np.testing.assert_array_equal(f(leaf(array)), f(array))


MY_FFT = "tg.op(lambda x: np.abs(np.fft.fft(x)), lambda g, y, x: ..., name='my_fft')"
UNKNOWN = [
    (np.fft.hfft, "tg.op(np.fft.hfft, lambda g, y, x, n, axis, norm: ...)"),
    (np.fft.fft, f"my_fft = {MY_FFT}"),
]


@pytest.mark.parametrize(("f", "definition"), UNKNOWN)
def test_an_unknown_numpy_function_says_how_to_add_it(f, definition):
    with pytest.raises(TypeError, match="is not an op on Tensors yet") as raised:
        f(leaf([1.0, 2.0]))
    assert f"`{definition}`" in str(raised.value)
    assert "t.numpy()" in str(raised.value)


def test_an_unknown_numpy_function_shows_those_of_like_names():
    with pytest.raises(TypeError, match=r"; of like names there are np\.poly"):
        np.polydiv(leaf([1.0, 2.0, 1.0]), [1.0, 1.0])


METHODS = [np.add.accumulate, lambda t: np.add.reduceat(t, [0, 1]), np.logaddexp.reduce]


@pytest.mark.parametrize("run", METHODS)
def test_the_methods_of_ufuncs_have_gradients(run):
    a = np.array([1.0, 2.0])
    np.testing.assert_allclose(run(leaf(a)).numpy(), run(a))
    assert run(leaf(a)).requires_grad


def test_questions_may_be_asked_by_keyword():
    t = leaf([1.0, 2.0])
    assert np.isclose(a=t, b=t).all()
    assert np.allclose(t, b=t)


def test_a_gradient_is_not_lost_in_a_filled_array():
    t = leaf([1.0, 2.0])
    np.full_like(t, t[0]).sum().backward()
    assert t.grad.tolist() == [2.0, 0.0]


PLOTS = "plot bar step scatter fill_between hist boxplot contourf".split()


@pytest.mark.parametrize("kind", PLOTS)
def test_plots_just_work(kind):
    x = leaf([1.0, 2.0, 3.0])
    axes = matplotlib.figure.Figure().subplots()
    given = {"hist": [x * 2.0], "boxplot": [x * 2.0], "contourf": [x * np.ones((3, 1))]}
    getattr(axes, kind)(*given.get(kind, [x, x * 2.0]))
    axes.figure.canvas.draw()
    assert axes.has_data()


def test_asarray_gives_the_data_of_a_constant():
    t = Tensor([1.0, 2.0])
    assert np.shares_memory(np.asarray(t), t.numpy())
    assert not np.shares_memory(np.array(t), t.numpy())
    assert np.asarray(t, dtype=np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="copy"):
        np.array(t, dtype=np.float32, copy=False)


@pytest.mark.parametrize("update", [operator.iadd, operator.imul, operator.isub])
def test_an_array_is_changed_by_a_constant_alone(update):
    a = np.ones(2)
    with pytest.raises(TypeError, match="`a = a \\+ t`"):
        update(a, leaf([1.0, 2.0]))
    assert a.tolist() == [1.0, 1.0]
    assert update(a, Tensor([1.0, 2.0])) is a
    assert a.tolist() == update(np.ones(2), np.array([1.0, 2.0])).tolist()


NO_NUMBERS = [np.array([1, "a"], object), np.array([None]), [None], [{}], object(), len, {1: 2}]


@pytest.mark.parametrize("other", NO_NUMBERS)
@pytest.mark.parametrize("f", [operator.add, operator.mul, operator.matmul, operator.pow])
def test_no_object_array_ever(f, other):
    t = leaf([1.0])
    for run in (lambda: f(t, other), lambda: f(other, t)):
        with pytest.raises(TypeError):
            run()


TAKERS = [Tensor, tg.exp, tg.sum, lambda v: np.maximum(leaf(1.0), v), lambda v: leaf(1.0) + v]


@pytest.mark.parametrize("f", TAKERS)
def test_lists_of_tensors_are_refused(f):
    w = leaf(1.0)
    for values in ([w, w], (w, 1.0), [[w], [2.0]]):
        with pytest.raises(TypeError, match=r"list of Tensors .* tg\.stack"):
            f(values)
