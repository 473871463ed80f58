"""Values and slopes at scores of 1000 and at probabilities of 0 and 1."""

import numpy as np
import pytest
from derivatives import curvature, gradients, leaf

import tinygrad_edu as tg

FAR = [1000.0, -1000.0, 0.0]


LN2 = np.log(2.0)


def wrong_twice(z):
    return tg.binary_cross_entropy_with_logits(z, [0.0, 1.0, 1.0])


def right_twice(z):
    return tg.binary_cross_entropy_with_logits(z, [1.0, 0.0, 0.0])


AT_FAR = [
    (tg.sigmoid, [1.0, 0.0, 0.5], [0.0, 0.0, 0.25]),
    (tg.log_sigmoid, [0.0, -1000.0, -LN2], [0.0, 1.0, 0.5]),
    (tg.softplus, [1000.0, 0.0, LN2], [1.0, 0.0, 0.5]),
    (np.tanh, [1.0, -1.0, 0.0], [0.0, 0.0, 1.0]),
    (tg.logsumexp, 1000.0, [1.0, 0.0, 0.0]),
    (lambda z: tg.log_softmax(z)[1], -2000.0, [-1.0, 1.0, 0.0]),
    (lambda z: tg.softmax(z)[0], 1.0, [0.0, 0.0, 0.0]),
    (lambda z: np.logaddexp(z, -z), [1000.0, 1000.0, LN2], [1.0, -1.0, 0.0]),
    (wrong_twice, (2000.0 + LN2) / 3, [1 / 3, -1 / 3, -1 / 6]),
    (right_twice, LN2 / 3, [0.0, 0.0, 1 / 6]),
    (lambda z: tg.cross_entropy(z, 1), 2000.0, [1.0, -1.0, 0.0]),
    (lambda z: tg.cross_entropy(z, [1.0, 0.0, 0.0]), 0.0, [0.0, 0.0, 0.0]),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("f", "value", "slope"), AT_FAR)
def test_values_and_slopes_are_right_at_plus_and_minus_1000(f, value, slope, dtype):
    z = leaf(FAR, dtype)
    y = f(z)
    y.sum().backward()
    np.testing.assert_allclose(y.numpy(), value, rtol=1e-6, atol=1e-30)
    np.testing.assert_allclose(z.grad, slope, rtol=1e-6, atol=1e-30)


TWICE = [tg.sigmoid, tg.softplus, tg.log_sigmoid, tg.logsumexp, lambda z: tg.softmax(z) ** 2]


@pytest.mark.parametrize("f", TWICE)
def test_second_derivatives_are_finite_at_plus_and_minus_1000(f):
    assert np.isfinite(curvature(f, FAR)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_binary_cross_entropy_is_finite_at_probabilities_0_and_1(dtype):
    p, y = [0.0, 1.0, 0.0, 1.0], np.array([0.0, 1.0, 1.0, 0.0], dtype)
    (slope,) = gradients(lambda p: tg.binary_cross_entropy(p, y), p, dtype=dtype)
    assert np.isfinite(tg.binary_cross_entropy(leaf(p, dtype), y).numpy())
    assert np.isfinite(slope).all()
    assert np.sign(slope).tolist() == [1.0, -1.0, -1.0, 1.0]
