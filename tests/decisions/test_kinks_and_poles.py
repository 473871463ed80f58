"""The slope where a function has none, or an infinite one, and where NaN goes."""

import numpy as np
import pytest
from derivatives import Tensor, curvature, gradients, leaf

import tinygrad_edu as tg

SLOPES = [
    (tg.relu, [-1.0, 0.0, 2.0], [0.0, 0.0, 1.0]),
    (abs, [-1.0, 0.0, 2.0], [-1.0, 0.0, 1.0]),
    (np.sign, [-1.0, 0.0, 2.0], [0.0, 0.0, 0.0]),
    (np.floor, [-1.0, 0.5], [0.0, 0.0]),
    (lambda x: np.clip(x, 0.0, 1.0), [-1.0, 0.0, 0.5, 1.0, 2.0], [0.0, 1.0, 1.0, 1.0, 0.0]),
    (lambda x: x**0, [0.0, 2.0, -3.0], [0.0, 0.0, 0.0]),
    (lambda x: x**1, [0.0, 2.0, -3.0], [1.0, 1.0, 1.0]),
    (lambda x: x**3, [0.0, 2.0, -3.0], [0.0, 12.0, 27.0]),
    (lambda x: x**-2, [2.0, -1.0], [-0.25, 2.0]),
    (lambda x: x ** np.arange(4), [0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]),
    (lambda x: x ** np.arange(4.0), [-2.0, -2.0, -2.0, -2.0], [0.0, 1.0, -4.0, 12.0]),
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
]


@pytest.mark.parametrize(("f", "x", "slope"), SLOPES)
def test_the_slope_at_a_kink_or_pole(f, x, slope):
    np.testing.assert_allclose(gradients(f, x)[0], slope, rtol=1e-12)


SECOND = [
    (lambda x: x**0, [0.0, 2.0, -3.0], [0.0, 0.0, 0.0]),
    (lambda x: x**1, [0.0, 2.0, -3.0], [0.0, 0.0, 0.0]),
    (lambda x: x**2, [0.0, 2.0, -3.0], [2.0, 2.0, 2.0]),
    (lambda x: x**3, [0.0, 2.0, -3.0], [0.0, 12.0, -18.0]),
    (lambda x: x ** np.arange(3.0), [0.0, 0.0, 0.0], [0.0, 0.0, 2.0]),
    (lambda y: 0.0**y, [1.0, 2.0], [0.0, 0.0]),
    (tg.relu, [-1.0, 0.0, 2.0], [0.0, 0.0, 0.0]),
]


@pytest.mark.parametrize(("f", "x", "second"), SECOND)
def test_the_second_derivative_at_a_kink_or_pole(f, x, second):
    assert curvature(f, x) == second


def test_prod_with_zeros_is_right_at_the_second_order():
    hessian = tg.hessian(lambda x: x.prod())
    one_zero, two_zeros = hessian(np.array([0.0, 2.0, 3.0])), hessian(np.array([0.0, 0.0, 3.0]))
    assert one_zero.tolist() == [[0.0, 3.0, 2.0], [3.0, 0.0, 0.0], [2.0, 0.0, 0.0]]
    assert two_zeros.tolist() == [[0.0, 3.0, 0.0], [3.0, 0.0, 0.0], [0.0, 0.0, 0.0]]


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


THROUGH = [abs, np.exp, np.log, np.sin, np.tanh, np.sqrt, tg.relu, tg.sigmoid, tg.softplus]
THROUGH += [tg.logsumexp, tg.softmax, tg.log_softmax, np.maximum.reduce]
THROUGH += [np.sum, np.mean, np.max, np.min, np.prod, np.var, np.std]
THROUGH += [lambda x: np.clip(x, 0.0, 1.0), lambda x: np.maximum(x, 1.0)]
THROUGH += [lambda x: np.minimum(1.0, x), lambda x: x**2, lambda x: x @ x, lambda x: x * 0.0]


@pytest.mark.parametrize("f", THROUGH)
def test_nan_propagates(f):
    with np.errstate(invalid="ignore"):  # NumPy warns where it meets a NaN in logaddexp
        assert np.isnan(f(Tensor([1.0, np.nan, 2.0])).numpy()).any()


def test_a_nan_gradient_reaches_what_is_selected_and_nothing_else():
    x = leaf([-1.0, 2.0, 3.0])
    tg.relu(x).backward([np.nan, np.nan, 1.0])
    np.testing.assert_array_equal(x.grad, [0.0, np.nan, 1.0])
