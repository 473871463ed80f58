"""The decisions that users of NumPy and PyTorch may ask about: each has its test, under its own heading."""

import copy
import gc
import operator
import pickle
import threading
import weakref

import matplotlib.figure
import numpy as np
import pytest

import tinygrad_edu as tg

Tensor = tg.Tensor
FLOATS = (np.float16, np.float32, np.float64)


def leaf(data, dtype=float):
    return Tensor(data, requires_grad=True, dtype=dtype)


def gradients(f, *values, dtype=float):
    """The gradients of sum(f(values)) with respect to each value."""
    leaves = [leaf(v, dtype) for v in values]
    f(*leaves).sum().backward()
    return [t.grad for t in leaves]


def curvature(f, x):
    """The diagonal of the matrix of second derivatives of sum(f(x))."""
    return tg.hvp(lambda t: f(t).sum(), (np.array(x, float),), (np.ones(len(x)),)).tolist()


# -- data --------------------------------------------------------------------------------------------------------------------------


def test_a_tensor_copies_its_array_and_shares_it_only_when_told():
    a = np.array([1.0, 2.0])
    copied, shared = Tensor(a), Tensor(a, copy=False)
    a[0] = 5.0
    assert copied.tolist() == [1.0, 2.0]
    assert shared.tolist() == [5.0, 2.0]
    assert shared.data is a


def test_python_floats_make_float64_and_a_given_float_dtype_is_kept():
    assert Tensor(1.0).dtype == Tensor([1.0]).dtype == np.float64
    assert all(Tensor(np.ones(2, d)).dtype == Tensor([1.0], dtype=d).dtype == d for d in (*FLOATS, np.longdouble))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("f", [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow])
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


# -- integers and booleans ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [[1, 2], [True, False], np.arange(2, dtype=np.uint8)])
def test_integers_and_booleans_are_data_but_get_no_gradient(data):
    n, x = Tensor(data), leaf([1.0, 2.0])
    (x * n).sum().backward()
    np.testing.assert_array_equal(x.grad, np.asarray(data, float))
    assert n.grad is None
    with pytest.raises(TypeError, match=r"requires_grad=True needs floats, n has dtype .* write \[.*\], or dtype=float"):
        n.requires_grad = True


def test_what_becomes_an_integer_has_no_gradient():
    x = leaf([1.5, 2.5])
    assert not x.astype(int).requires_grad
    assert not (x > 2).requires_grad
    (x * x.astype(int)).sum().backward()
    assert x.grad.tolist() == [1.0, 2.0]


# -- .grad -------------------------------------------------------------------------------------------------------------------------


def test_leaves_accumulate_and_intermediates_keep_the_latest():
    x = leaf([1.0, 2.0])
    y = x * 3.0
    loss = y.sum()
    assert x.grad is y.grad is loss.grad is None
    for times in (1.0, 2.0, 3.0):
        loss.backward()
        assert x.grad.tolist() == [3.0 * times] * 2
        assert y.grad.tolist() == [1.0, 1.0]
        assert loss.grad == 1.0
    x.zero_grad()
    assert x.grad is None


def test_a_gradient_that_was_kept_does_not_change_later():
    x = leaf(2.0)
    y = x * x
    y.backward()
    before = x.grad
    y.backward()
    assert (before, x.grad) == (4.0, 8.0)


PROGRAMS = {
    "sum": lambda a, b: (a + b).sum(),
    "views": lambda a, b: (a.reshape(4).reshape(2, 2).T + b.T[::-1]).sum(),
    "copies": lambda a, b: (a.copy() + +b + a).sum(),
    "one entry": lambda a, b: a[0, 0] + b[1, 1],
    "pieces": lambda a, b: tg.concatenate([a, b, a])[1:5].sum() + tg.stack([a, b]).sum(),
    "stretched": lambda a, b: (np.broadcast_to(a, (3, 2, 2)) + b.mean(0)).mean(),
    "kept": lambda a, b: (a.sum(0, keepdims=True) + b.squeeze()).max(),
    "no op": lambda a, b: a.sum() + b.astype(float).sum(),
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_no_two_tensors_share_a_gradient_and_each_is_a_full_writable_array(program):
    leaves = [leaf([[1.0, 2.0], [3.0, 4.0]]), leaf([[5.0, 6.0], [7.0, 8.0]])]
    loss = program(*leaves)
    loss.backward()
    loss.backward()  # once more, since 0-d results of + are scalars to NumPy
    tensors = [loss, *leaves]
    for t in tensors:
        tensors += [a for a in t.args if isinstance(a, Tensor) and a.requires_grad and a not in set(tensors)]
    for t in tensors:
        assert type(t.grad) is np.ndarray
        assert t.grad.shape == t.shape
        assert t.grad.flags.writeable
        assert t.grad.size < 2 or 0 not in t.grad.strides
    arrays = [t.grad for t in tensors] + [t.numpy() for t in tensors]
    shared = [(i, j) for i in range(len(tensors)) for j in range(len(arrays)) if i != j and np.shares_memory(arrays[i], arrays[j])]
    assert shared == []


def test_the_gradient_of_a_single_number_is_an_array_too():
    x = leaf(3.0)
    y = x * 2.0
    z = y * y + y
    for _ in range(2):
        z.backward()
        for t in (x, y, z):
            assert type(t.grad) is np.ndarray
            t.grad[...] = t.grad
    assert (x.grad, y.grad, z.grad) == (52.0, 13.0, 1.0)


# -- backward() --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(2,), (1, 2), (0,)])
def test_backward_on_many_entries_shows_what_to_write(shape):
    x = leaf(np.ones(shape))
    with pytest.raises(ValueError, match=r"starts at a scalar, .* has shape .*t\.sum\(\)\.backward\(\), t\.mean.*t\.backward\(seed\)"):
        (x * 2).backward()


def test_the_graph_stays_usable_after_backward_and_after_an_error():
    x = leaf([1.0, 2.0])
    y = x * x
    with pytest.raises(ValueError, match="scalar"):
        y.backward()
    y.backward([1.0, 0.0])
    y.backward([0.0, 1.0])
    assert x.grad.tolist() == [2.0, 4.0]
    assert y.op.name == "multiply"


# -- constants ---------------------------------------------------------------------------------------------------------------------


def test_the_rule_of_a_constant_is_never_called(monkeypatch):
    def never(g, y, a, b):
        raise AssertionError

    scaled = tg.multiply
    monkeypatch.setattr(scaled, "rules", (scaled.rules[0], never))
    x = leaf([1.0, 2.0])
    for constant in (3.0, np.array([3.0, 4.0]), Tensor([3.0, 4.0]), Tensor([3.0, 4.0]) * 2, x.detach(), x > 1):
        scaled(x, constant).sum().backward()
        tg.grad(lambda t, c=constant: scaled(t, c).sum())(x)
    assert x.grad is not None
    with pytest.raises(AssertionError):
        scaled(3.0, x).sum().backward()


# -- upstream gradients ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1.0, [1.0], [[1.0, 1.0]], [1.0, 1.0, 1.0], Tensor(1.0)])
def test_a_seed_of_the_wrong_shape_is_refused(seed):
    with pytest.raises(ValueError, match="the seed has shape .*, y has shape"):
        y = leaf([1.0, 2.0]) * 1.0
        y.backward(seed)


def test_the_caller_s_seed_is_neither_kept_nor_changed():
    x, seed = leaf([1.0, 2.0]), np.array([3.0, 4.0])
    y = x + 0.0
    y.backward(seed)
    seed[:] = 9.0
    assert x.grad.tolist() == y.grad.tolist() == [3.0, 4.0]
    x.grad[:] = y.grad[:] = 7.0
    assert seed.tolist() == [9.0, 9.0]


def test_a_read_only_seed_gives_writable_gradients():
    x = leaf([1.0, 2.0])
    x.backward(np.broadcast_to(1.0, (2,)))
    x.grad[0] = 5.0
    assert x.grad.tolist() == [5.0, 1.0]


# -- uses --------------------------------------------------------------------------------------------------------------------------


def test_x_times_x_is_two_edges():
    x = leaf(3.0)
    y = x * x
    assert [a is x for a in y.args] == [True, True]
    y.backward()
    assert x.grad == 6.0


# -- copies ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_leaves_are_copied_with_all_they_hold(copied):
    x = leaf([1.0, 2.0], np.float32).named("x")
    (x * x).sum().backward()
    twin = copied(x)
    assert (twin.tolist(), twin.dtype, twin.name, twin.requires_grad, twin.is_leaf) == ([1.0, 2.0], np.float32, "x", True, True)
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


# -- at kinks and poles ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [
        (tg.relu, [-1.0, 0.0, 2.0], [0.0, 0.0, 1.0]),
        (abs, [-1.0, 0.0, 2.0], [-1.0, 0.0, 1.0]),
        (np.sign, [-1.0, 0.0, 2.0], [0.0, 0.0, 0.0]),
        (np.floor, [-1.0, 0.5], [0.0, 0.0]),
        (lambda x: np.clip(x, 0.0, 1.0), [-1.0, 0.0, 0.5, 1.0, 2.0], [0.0, 1.0, 1.0, 1.0, 0.0]),
        (lambda x: x**0, [0.0, 2.0, -3.0], [0.0, 0.0, 0.0]),
        (lambda x: x**1, [0.0, 2.0, -3.0], [1.0, 1.0, 1.0]),
        (lambda x: x**3, [0.0, 2.0, -3.0], [0.0, 12.0, 27.0]),
        (lambda x: x**-2, [2.0, -1.0], [-0.25, 2.0]),
        (lambda x: x ** np.array([0, 1, 2, 3]), [0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]),
        (lambda x: x ** np.array([0.0, 1.0, 2.0, 3.0]), [-2.0, -2.0, -2.0, -2.0], [0.0, 1.0, -4.0, 12.0]),
        (lambda x: x ** Tensor([0.0, 1.0, 2.0]), [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]),
        (lambda y: 0.0**y, [0.0, 1.0, 2.0], [0.0, 0.0, 0.0]),
        (lambda y: np.zeros(3) ** y, [0.0, 1.0, 2.0], [0.0, 0.0, 0.0]),
        (lambda x: x.max(), [1.0, 3.0, 3.0, 2.0], [0.0, 0.5, 0.5, 0.0]),
        (lambda x: x.min(), [1.0, 1.0, 3.0, 1.0, 1.0], [0.25, 0.25, 0.0, 0.25, 0.25]),
        (lambda x: np.maximum(x, 1.0), [0.0, 1.0, 2.0], [0.0, 0.5, 1.0]),
        (lambda x: np.minimum(1.0, x), [0.0, 1.0, 2.0], [1.0, 0.5, 0.0]),
        (lambda x: x.prod(), [2.0, 3.0, 4.0], [12.0, 8.0, 6.0]),
        (lambda x: x.prod(), [0.0, 3.0, 4.0], [12.0, 0.0, 0.0]),
        (lambda x: x.prod(), [0.0, 0.0, 4.0], [0.0, 0.0, 0.0]),
    ],
)
def test_the_slope_at_a_kink_or_pole(f, x, slope):
    np.testing.assert_allclose(gradients(f, x)[0], slope, rtol=1e-12)


@pytest.mark.parametrize(
    ("f", "x", "second"),
    [
        (lambda x: x**0, [0.0, 2.0, -3.0], [0.0, 0.0, 0.0]),
        (lambda x: x**1, [0.0, 2.0, -3.0], [0.0, 0.0, 0.0]),
        (lambda x: x**2, [0.0, 2.0, -3.0], [2.0, 2.0, 2.0]),
        (lambda x: x**3, [0.0, 2.0, -3.0], [0.0, 12.0, -18.0]),
        (lambda x: x ** np.array([0.0, 1.0, 2.0]), [0.0, 0.0, 0.0], [0.0, 0.0, 2.0]),
        (lambda y: 0.0**y, [1.0, 2.0], [0.0, 0.0]),
        (tg.relu, [-1.0, 0.0, 2.0], [0.0, 0.0, 0.0]),
    ],
)
def test_the_second_derivative_at_a_kink_or_pole(f, x, second):
    assert curvature(f, x) == second


def test_prod_with_zeros_is_right_at_the_second_order():
    hessian = tg.hessian(lambda x: x.prod())
    assert hessian(np.array([0.0, 2.0, 3.0])).tolist() == [[0.0, 3.0, 2.0], [3.0, 0.0, 0.0], [2.0, 0.0, 0.0]]
    assert hessian(np.array([0.0, 0.0, 3.0])).tolist() == [[0.0, 3.0, 0.0], [3.0, 0.0, 0.0], [0.0, 0.0, 0.0]]


@pytest.mark.parametrize("f", [np.maximum, np.minimum])
def test_both_sides_of_a_tie_get_a_half(f):
    a, b = gradients(f, [1.0, 2.0], [1.0, 2.0])
    assert a.tolist() == b.tolist() == [0.5, 0.5]


@pytest.mark.parametrize("axis", [0, 1, -1, (0, 1)])
def test_shares_of_a_tie_add_up_to_one(axis):
    (g,) = gradients(lambda x: x.max(axis), [[2.0, 2.0, 1.0], [2.0, 0.0, 1.0]])
    np.testing.assert_allclose(g.sum(axis), 1.0)


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_the_branch_that_where_does_not_select_gets_exactly_zero(bad):
    a, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    np.where([True, False], a, b).backward([bad, 5.0])
    np.testing.assert_array_equal(a.grad, [bad, 0.0])
    np.testing.assert_array_equal(b.grad, [0.0, 5.0])


def test_a_pole_behind_where_does_no_harm_when_its_input_is_guarded():
    def safe_root(x):
        return np.where(x > 0, np.sqrt(np.where(x > 0, x, 1.0)), 0.0)

    assert gradients(safe_root, [-1.0, 0.0, 4.0])[0].tolist() == [0.0, 0.0, 0.25]


@pytest.mark.parametrize(
    "f",
    [abs, np.exp, np.log, np.sin, np.tanh, np.sqrt, tg.relu, tg.sigmoid, tg.softplus, tg.logsumexp, tg.softmax, tg.log_softmax]
    + [np.sum, np.mean, np.max, np.min, np.prod, np.var, np.std, np.maximum.reduce, lambda x: np.clip(x, 0.0, 1.0)]
    + [lambda x: np.maximum(x, 1.0), lambda x: np.minimum(1.0, x), lambda x: x**2, lambda x: x @ x, lambda x: x * 0.0],
)
def test_nan_propagates(f):
    with np.errstate(invalid="ignore"):  # NumPy warns where it meets a NaN in logaddexp
        assert np.isnan(f(Tensor([1.0, np.nan, 2.0])).numpy()).any()


def test_a_nan_gradient_is_not_hidden_by_a_flat_part():
    x = leaf([-1.0, 2.0])
    tg.relu(x).backward([np.nan, 1.0])
    np.testing.assert_array_equal(x.grad, [np.nan, 1.0])


# -- in place ----------------------------------------------------------------------------------------------------------------------

UPDATES = {
    "+": (operator.iadd, operator.add),
    "-": (operator.isub, operator.sub),
    "*": (operator.imul, operator.mul),
    "/": (operator.itruediv, operator.truediv),
    "**": (operator.ipow, operator.pow),
}


@pytest.mark.parametrize("sign", UPDATES)
def test_a_leaf_changes_in_place_under_no_grad_only(sign):
    update, compute = UPDATES[sign]
    w = leaf([1.0, 2.0], np.float32)
    with pytest.raises(TypeError) as raised:
        update(w, 2.0)
    assert f"with tg.no_grad(): w {sign}= ..." in str(raised.value)
    assert f"new = w {sign} ..." in str(raised.value)
    data = w.data
    with tg.no_grad():
        assert update(w, 2.0) is w
    assert w.data is data
    assert w.dtype == np.float32
    assert w.tolist() == compute(np.array([1.0, 2.0]), 2.0).tolist()


@pytest.mark.parametrize("sign", UPDATES)
def test_on_an_intermediate_the_name_is_bound_to_a_new_tensor(sign):
    update, compute = UPDATES[sign]
    w = leaf([1.0, 2.0])
    y = before = w * 3.0
    y = update(y, 2.0)
    assert y is not before
    assert before.tolist() == [3.0, 6.0]
    y.sum().backward()
    np.testing.assert_allclose(w.grad, gradients(lambda x: compute(x * 3.0, 2.0), [1.0, 2.0])[0])


def test_adding_a_gradient_carrier_to_a_constant_loses_no_gradient():
    w, total = leaf(2.0), Tensor(0.0)
    for _ in range(3):
        total += w * w
    total.backward()
    assert w.grad == 12.0


def test_a_constant_changes_in_place_and_alone():
    c = Tensor([1.0, 2.0, 3.0])
    row, part, flipped = c.reshape(1, 3), c[1:], c[::-1]
    c += 1.0
    part *= 10.0
    assert c.tolist() == [2.0, 3.0, 4.0]
    assert row.tolist() == [[1.0, 2.0, 3.0]]
    assert part.tolist() == [20.0, 30.0]
    assert flipped.tolist() == [3.0, 2.0, 1.0]


@pytest.mark.parametrize(
    "f", [lambda t: t[:1], lambda t: t[None], lambda t: t.T, lambda t: t.reshape(2, 1), lambda t: np.broadcast_to(t, (3, 2))]
)
def test_a_result_keeps_its_value_when_the_leaf_changes(f):
    w = leaf([1.0, 2.0])
    y = f(w)
    before = y.tolist()
    with tg.no_grad():
        w += 1.0
    w.data[:] = 7.0
    assert y.tolist() == before


def test_a_view_made_under_no_grad_does_not_change_its_parameter():
    w = leaf([1.0, 2.0])
    loss = (w * w).sum()
    with tg.no_grad():
        part = w[1:]
        part += 100.0
    loss.backward()
    assert w.grad.tolist() == [2.0, 4.0]


def test_item_assignment_shows_the_functional_update():
    t = leaf([1.0, 2.0, 3.0])
    with pytest.raises(TypeError, match=r"t = t\.at\[1\]\.set\(v\)"):
        t[1] = 5.0
    with pytest.raises(TypeError, match=r"t = t\.at\[0\]\.set\(v\)"):
        t[0] += 5.0
    y = t.at[1].set(5.0)
    assert (t.tolist(), y.tolist()) == ([1.0, 2.0, 3.0], [1.0, 5.0, 3.0])


def update_in_place(w):
    with tg.no_grad():
        w += 1.0


def update_data(w):
    w.data += 1.0


def assign_data(w):
    w.data = w.numpy() + 1.0


def write_into_data(w):
    w.data[...] = 5.0


def write_one_entry(w):
    w.data[0] = 5.0


@pytest.mark.parametrize("change", [update_in_place, update_data, assign_data, write_into_data, write_one_entry])
def test_changing_data_that_a_later_backward_needs_is_detected_and_named(change):
    w = leaf([1.0, 2.0])
    y = (w * w).sum()
    change(w)
    with pytest.raises(RuntimeError, match="w was changed in place after the result of multiply"):
        y.backward()
    with pytest.raises(RuntimeError, match="w was changed in place"):
        tg.grad(lambda a: a * y)(1.0).backward()
    (w * w).sum().backward()
    assert w.grad.tolist() == [2.0 * v for v in w.tolist()]


def test_looking_at_changed_data_does_not_make_it_unchanged():
    w = leaf([1.0, 2.0])
    y = (w * w).sum()
    update_in_place(w)
    assert w.data.sum() == 5.0
    with pytest.raises(RuntimeError, match="w was changed in place"):
        y.backward()


def test_reading_data_is_no_change():
    w = leaf([1.0, 2.0])
    y = (w * w).sum()
    assert w.data.sum() == w.numpy().sum() == np.array(w.numpy()).sum() == sum(w.tolist()) == 3.0
    y.backward()
    assert w.data.max() == 2.0
    y.backward()
    assert w.grad.tolist() == [4.0, 8.0]


def test_an_alias_of_the_data_that_changes_after_use_is_detected():
    w = leaf([1.0, 2.0])
    y = (w * w).sum()
    alias = w.data
    y.backward()
    alias += 1.0
    with pytest.raises(RuntimeError, match="w was changed in place"):
        y.backward()


def test_changing_data_before_use_is_fine():
    w = leaf([1.0, 2.0])
    w.data[0] = 7.0
    update_in_place(w)
    (w * w).sum().backward()
    assert w.grad.tolist() == [16.0, 6.0]


def test_what_a_graph_remembers_is_read_only():
    w = leaf([1.0, 2.0])
    for array in ((w * 2).data, w.numpy(), np.asarray(Tensor([1.0, 2.0]))):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 5.0
    assert np.array(w.numpy()).flags.writeable


# -- NumPy interplay ---------------------------------------------------------------------------------------------------------------

ARRAY = np.array([2.0, 3.0])


@pytest.mark.parametrize("f", [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.matmul])
@pytest.mark.parametrize("other", [ARRAY, ARRAY.tolist(), tuple(ARRAY), ARRAY.astype(int)], ids=["array", "list", "tuple", "ints"])
def test_arrays_and_lists_stand_on_either_side(f, other):
    t = leaf([4.0, 5.0])
    for y, expected in ((f(t, other), f(t.numpy(), np.array(other))), (f(other, t), f(np.array(other), t.numpy()))):
        assert type(y) is Tensor
        assert y.requires_grad
        np.testing.assert_array_equal(y.numpy(), expected)


@pytest.mark.parametrize("f", [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne])
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


@pytest.mark.parametrize(
    "f",
    [
        np.exp,
        np.sum,
        np.abs,
        np.transpose,
        np.add.reduce,
        np.maximum.reduce,
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
    ],
)
def test_numpy_s_functions_give_tensors_with_numpy_s_values(f):
    array = np.array([[1.0, 2.0], [3.0, 4.0]])
    t = Tensor(array, requires_grad=True)
    y = f(t)
    assert type(y) is Tensor
    assert y.requires_grad
    np.testing.assert_allclose(y.numpy(), f(array), rtol=1e-14)


@pytest.mark.parametrize("f", [np.shape, np.ndim, np.size, np.zeros_like, np.ones_like, np.argwhere, np.result_type, np.any, np.all])
def test_questions_about_values_are_answered(f):
    array = np.array([[1.0, 0.0], [3.0, 4.0]])
    np.testing.assert_array_equal(f(leaf(array)), f(array))


@pytest.mark.parametrize(
    ("f", "definition"),
    [
        (np.sinc, "tg.op(np.sinc, lambda g, y, x: ...)"),
        (lambda t: np.fmod(t, 2.0), "tg.op(np.fmod, lambda g, y, a, b: ..., lambda g, y, a, b: ...)"),
        (lambda t: np.einsum("i->", t), """my_einsum = tg.op(lambda x: np.einsum('i->', x), lambda g, y, x: ..., name='my_einsum')"""),
        (np.linalg.norm, "tg.op(np.linalg.norm, lambda g, y, x, ord, axis, keepdims: ...)"),
        (np.fft.fft, "my_fft = tg.op(lambda x: np.abs(np.fft.fft(x)), lambda g, y, x: ..., name='my_fft')"),
    ],
)
def test_an_unknown_numpy_function_says_how_to_add_it(f, definition):
    with pytest.raises(TypeError, match="is not an op on Tensors yet") as raised:
        f(leaf([1.0, 2.0]))
    assert f"`{definition}`" in str(raised.value)
    assert "t.numpy()" in str(raised.value)


@pytest.mark.parametrize("run", [lambda t: np.add.accumulate(t), lambda t: np.add.outer(t, t), lambda t: np.logaddexp.reduce(t)])
def test_an_unknown_ufunc_method_shows_the_way_out(run):
    with pytest.raises(TypeError, match=r"np\.\w+\.\w+ of a Tensor is not an op: use t\.numpy\(\)"):
        run(leaf([1.0, 2.0]))


def test_questions_may_be_asked_by_keyword():
    t = leaf([1.0, 2.0])
    assert np.isclose(a=t, b=t).all()
    assert np.allclose(t, b=t)


def test_a_gradient_is_not_lost_in_a_filled_array():
    t = leaf([1.0, 2.0])
    with pytest.raises(TypeError, match="np.full_like is not an op on Tensors yet"):
        np.full_like(t, t[0])


@pytest.mark.parametrize("kind", ["plot", "bar", "step", "scatter", "fill_between", "hist", "boxplot", "contourf"])
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


@pytest.mark.parametrize("other", [np.array([1, "a"], object), np.array([None]), [None], [{}], object(), len, {1: 2}])
@pytest.mark.parametrize("f", [operator.add, operator.mul, operator.matmul, operator.pow])
def test_no_object_array_ever(f, other):
    t = leaf([1.0])
    for run in (lambda: f(t, other), lambda: f(other, t)):
        with pytest.raises(TypeError):
            run()


@pytest.mark.parametrize("f", [Tensor, tg.exp, tg.sum, lambda v: np.maximum(leaf(1.0), v), lambda v: leaf(1.0) + v])
def test_lists_of_tensors_are_refused(f):
    w = leaf(1.0)
    for values in ([w, w], (w, 1.0), [[w], [2.0]]):
        with pytest.raises(TypeError, match=r"list of Tensors .* tg\.stack"):
            f(values)


# -- stability ---------------------------------------------------------------------------------------------------------------------

FAR = [1000.0, -1000.0, 0.0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("f", "value", "slope"),
    [
        (tg.sigmoid, [1.0, 0.0, 0.5], [0.0, 0.0, 0.25]),
        (tg.log_sigmoid, [0.0, -1000.0, -np.log(2.0)], [0.0, 1.0, 0.5]),
        (tg.softplus, [1000.0, 0.0, np.log(2.0)], [1.0, 0.0, 0.5]),
        (np.tanh, [1.0, -1.0, 0.0], [0.0, 0.0, 1.0]),
        (tg.logsumexp, 1000.0, [1.0, 0.0, 0.0]),
        (lambda z: tg.log_softmax(z)[1], -2000.0, [-1.0, 1.0, 0.0]),
        (lambda z: tg.softmax(z)[0], 1.0, [0.0, 0.0, 0.0]),
        (lambda z: np.logaddexp(z, -z), [1000.0, 1000.0, np.log(2.0)], [1.0, -1.0, 0.0]),
        (lambda z: tg.binary_cross_entropy_with_logits(z, [0.0, 1.0, 1.0]), (2000.0 + np.log(2.0)) / 3, [1 / 3, -1 / 3, -1 / 6]),
        (lambda z: tg.binary_cross_entropy_with_logits(z, [1.0, 0.0, 0.0]), np.log(2.0) / 3, [0.0, 0.0, 1 / 6]),
        (lambda z: tg.cross_entropy(z, 1), 2000.0, [1.0, -1.0, 0.0]),
        (lambda z: tg.cross_entropy(z, [1.0, 0.0, 0.0]), 0.0, [0.0, 0.0, 0.0]),
    ],
)
def test_values_and_slopes_are_right_at_plus_and_minus_1000(f, value, slope, dtype):
    z = leaf(FAR, dtype)
    y = f(z)
    y.sum().backward()
    np.testing.assert_allclose(y.numpy(), value, rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(z.grad, slope, rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize("f", [tg.sigmoid, tg.softplus, tg.log_sigmoid, tg.logsumexp, lambda z: tg.softmax(z) ** 2])
def test_second_derivatives_are_finite_at_plus_and_minus_1000(f):
    assert np.isfinite(curvature(f, FAR)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_binary_cross_entropy_is_finite_at_probabilities_0_and_1(dtype):
    p, y = [0.0, 1.0, 0.0, 1.0], np.array([0.0, 1.0, 1.0, 0.0], dtype)
    (slope,) = gradients(lambda p: tg.binary_cross_entropy(p, y), p, dtype=dtype)
    assert np.isfinite(tg.binary_cross_entropy(leaf(p, dtype), y).numpy())
    assert np.isfinite(slope).all()
    assert np.sign(slope).tolist() == [1.0, -1.0, -1.0, 1.0]


# -- depth -------------------------------------------------------------------------------------------------------------------------


def test_a_million_ops_run_forward_backward_and_are_freed_without_the_collector():
    gc.collect()
    gc.disable()
    try:
        x = leaf(1.0)
        y, witnesses = x, []
        for i in range(1_000_000):
            y = y + 1.0
            if i % 100_000 == 0:
                witnesses.append(weakref.ref(y))
        y.backward()
        assert x.grad == 1.0
        assert y.item() == 1_000_001.0
        assert all(witness() is not None for witness in witnesses)
        del y
        assert [witness() for witness in witnesses] == [None] * 10
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_long_chain_is_differentiated_twice():
    def chain(x):
        for _ in range(20_000):
            x = x * 1.0001
        return x * x

    assert tg.grad(tg.grad(chain))(1.0).item() == pytest.approx(2 * 1.0001**40_000)


def test_forty_doublings_are_instant():
    x = leaf(1.0)
    y = x
    for _ in range(40):
        y = y + y
    y.backward()
    assert x.grad == 2.0**40


def fails(run):
    try:
        run()
    except ValueError:
        return
    raise AssertionError("no error was raised")


@pytest.mark.parametrize(
    "run",
    [
        lambda: (leaf([1.0, 2.0]) ** 2).sum().backward(),
        lambda: tg.grad(lambda x: (x * x).sum())(np.ones(3)),
        lambda: tg.hessian(lambda x: (x**3).sum())(np.ones(2)),
        lambda: tg.jvp(lambda x: x * x, (2.0,), (1.0,)),
        lambda: fails(lambda: leaf([1.0, 2.0]) + np.ones(3)),
        lambda: fails(lambda: (leaf([1.0, 2.0]) * 2).backward()),
    ],
)
def test_nothing_makes_reference_cycles(run):
    run()
    gc.collect()
    gc.disable()
    try:
        run()
        assert not [o for o in _unreachable() if isinstance(o, Tensor)]
    finally:
        gc.enable()


def _unreachable():
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    gc.set_debug(0)
    found = list(gc.garbage)
    gc.garbage.clear()
    return found


# -- threads -----------------------------------------------------------------------------------------------------------------------


def in_threads(*runs):
    """What each function gives when all run at once."""
    results = [None] * len(runs)

    def work(i):
        results[i] = runs[i]()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(runs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_grad_mode_is_per_thread():
    w = leaf(1.0)
    with tg.no_grad():
        assert in_threads(lambda: (w * 2).requires_grad) == [True]
        assert not (w * 2).requires_grad


def test_threads_record_at_once():
    def train(k):
        x = leaf(np.full(3, k))
        for _ in range(300):
            y = x
            for _ in range(5):
                y = y * 1.01
            x.zero_grad()
            y.sum().backward()
        return x.grad.tolist()

    expected = train(1.0)
    assert in_threads(*[lambda k=k: train(float(k)) for k in range(4)]) == [expected] * 4


def test_threads_share_a_parameter():
    w = leaf([1.0, 2.0])

    def slope(k):
        return [tg.grad(lambda a: (a * w * k).sum())(np.ones(2)).tolist() for _ in range(100)]

    assert in_threads(*[lambda k=k: slope(k) for k in (1.0, 3.0)]) == [[[1.0, 2.0]] * 100, [[3.0, 6.0]] * 100]


# -- names -------------------------------------------------------------------------------------------------------------------------


def test_names_are_labels_and_never_meaning():
    a, b = leaf(2.0).named("same"), leaf(3.0).named("same")
    (a * b).backward()
    assert (a.grad, b.grad) == (3.0, 2.0)


# -- determinism -------------------------------------------------------------------------------------------------------------------


def test_the_same_program_gives_the_same_bits():
    def run():
        x = leaf(np.random.default_rng(0).normal(size=(5, 5)))
        ((x @ x.T).sigmoid() / (x.exp().sum(0) + x.std())).mean().backward()
        return x.grad.tobytes()

    assert len({run() for _ in range(5)}) == 1


def test_adjoints_come_newest_first_and_then_the_leaves():
    a, b = leaf(2.0), leaf(3.0)
    y = a * b
    z = y.exp()
    assert [t for t, _ in z.adjoints()] == [z, y, a, b]
