"""What a tensor holds, and what of it is copied."""

import copy
import operator
import pickle

import numpy as np
import pytest
from derivatives import FLOATS, Tensor, leaf

# -- data ------------------------------------------------------------------------------------------


def test_a_tensor_copies_its_array_and_shares_it_only_when_told():
    a = np.array([1.0, 2.0])
    copied, shared = Tensor(a), Tensor(a, copy=False)
    a[0] = 5.0
    assert copied.tolist() == [1.0, 2.0]
    assert shared.tolist() == [5.0, 2.0]
    assert shared.data is a


def test_python_floats_make_float64_and_a_given_float_dtype_is_kept():
    assert Tensor(1.0).dtype == Tensor([1.0]).dtype == np.float64
    for dtype in (*FLOATS, np.longdouble):
        assert Tensor(np.ones(2, dtype)).dtype == Tensor([1.0], dtype=dtype).dtype == dtype


OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("f", OPERATORS)
@pytest.mark.parametrize("number", [2.0, 2, True])
def test_a_python_number_changes_no_dtype(f, number, dtype):
    x = leaf([1.0, 2.0], dtype)
    y = f(x, number) + f(number, x)
    y.sum().backward()
    assert y.dtype == y.grad.dtype == x.grad.dtype == dtype


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("other", [*FLOATS, np.int64, bool])
def test_a_gradient_has_its_tensor_s_shape_and_dtype(dtype, other):
    x, column = leaf([1.0, 2.0], dtype), np.ones((3, 1), other)
    y = x * column
    y.sum().backward()
    assert (x.grad.shape, x.grad.dtype) == (x.shape, dtype)
    assert (y.grad.shape, y.grad.dtype) == (y.shape, np.result_type(dtype, other))


def test_an_array_operand_is_kept_by_reference():
    a = np.array([2.0, 3.0])
    y = leaf([1.0, 1.0]) * a
    assert y.args[1] is a


# -- integers and booleans -------------------------------------------------------------------------


@pytest.mark.parametrize("data", [[1, 2], [True, False], np.arange(2, dtype=np.uint8)])
def test_integers_and_booleans_are_data_but_get_no_gradient(data):
    n, x = Tensor(data), leaf([1.0, 2.0])
    (x * n).sum().backward()
    np.testing.assert_array_equal(x.grad, np.asarray(data, float))
    assert n.grad is None
    refused = r"requires_grad=True needs floats, n has dtype .* write \[.*\], or dtype=float"
    with pytest.raises(TypeError, match=refused):
        n.requires_grad = True


def test_what_becomes_an_integer_has_no_gradient():
    x = leaf([1.5, 2.5])
    assert not x.astype(int).requires_grad
    assert not (x > 2).requires_grad
    (x * x.astype(int)).sum().backward()
    assert x.grad.tolist() == [1.0, 2.0]


# -- copies ----------------------------------------------------------------------------------------


def pickled(t):
    return pickle.loads(pickle.dumps(t))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled])
def test_leaves_are_copied_with_all_they_hold(copied):
    x = leaf([1.0, 2.0], np.float32).named("x")
    (x * x).sum().backward()
    twin = copied(x)
    assert (twin.tolist(), twin.dtype, twin.name) == ([1.0, 2.0], np.float32, "x")
    assert twin.requires_grad and twin.is_leaf
    assert not np.shares_memory(twin.numpy(), x.numpy())
    assert not np.shares_memory(twin.grad, x.grad)
    assert twin.grad.tolist() == x.grad.tolist()
    assert copied(leaf(1.0)).grad is None


def test_a_shared_leaf_stays_shared_in_a_deep_copy():
    x = leaf(1.0)
    a, b = copy.deepcopy([x, x])
    assert a is b


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_tensor_with_history_says_why_it_is_not_copied(copied):
    loss = leaf(1.0) * 2.0
    with pytest.raises(TypeError, match="loss has a history.*detach"):
        copied(loss)


# -- names -----------------------------------------------------------------------------------------


def test_names_are_labels_and_never_meaning():
    a, b = leaf(2.0).named("same"), leaf(3.0).named("same")
    (a * b).backward()
    assert (a.grad, b.grad) == (3.0, 2.0)
