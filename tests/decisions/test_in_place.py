"""What may change in place, and what notices that it changed."""

import operator

import numpy as np
import pytest
from derivatives import Tensor, gradients, leaf

import tinygrad_edu as tg

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


VIEWS = [lambda t: t[:1], lambda t: t[None], lambda t: t.T, lambda t: t.reshape(2, 1)]
VIEWS += [lambda t: np.broadcast_to(t, (3, 2))]


@pytest.mark.parametrize("f", VIEWS)
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


CHANGES = [update_in_place, update_data, assign_data, write_into_data, write_one_entry]


@pytest.mark.parametrize("change", CHANGES)
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
