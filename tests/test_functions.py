"""Softmax, the losses and the products: against their formulas, with gradients in closed form."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import tinygrad_edu as tg

scores = npst.arrays(
    float, st.tuples(st.integers(1, 4), st.integers(1, 4)), elements=st.floats(-9, 9)
)
CUBE = np.random.default_rng(0).normal(size=(2, 3, 4))


def close(y, expected):
    np.testing.assert_allclose(np.asarray(y), expected, rtol=1e-9, atol=1e-12)


def softmax(z, axis=-1):
    e = np.exp(z)
    return e / e.sum(axis, keepdims=True)


@pytest.mark.parametrize("axis", [0, 1, -1, (0, 2), None])
def test_softmax_and_log_softmax_along_any_axis(axis):
    close(tg.softmax(CUBE, axis), softmax(CUBE, axis))
    close(tg.log_softmax(CUBE, axis), np.log(softmax(CUBE, axis)))


@given(scores, st.floats(-1000, 1000))
def test_softmax_adds_up_to_one_and_does_not_see_a_shift(z, shift):
    close(tg.softmax(z).sum(-1), np.ones(len(z)))
    np.testing.assert_allclose(tg.softmax(z + shift).numpy(), softmax(z), rtol=1e-9)


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), ()])
@pytest.mark.parametrize("keepdims", [False, True])
def test_logsumexp_over_any_axes(axis, keepdims):
    close(tg.logsumexp(CUBE, axis, keepdims), np.log(np.exp(CUBE).sum(axis, keepdims=keepdims)))
    close(tg.grad(lambda z: tg.logsumexp(z, axis, keepdims).sum())(CUBE), softmax(CUBE, axis))


def test_logsumexp_of_minus_infinity_counts_nothing():
    close(tg.logsumexp([-np.inf, 2.0]), 2.0)
    close(tg.grad(tg.logsumexp)(np.array([-np.inf, 2.0])), [0.0, 1.0])


@given(scores)
def test_mse_and_its_gradient(p):
    t = np.sin(p)
    close(tg.mse(p, t), ((p - t) ** 2).mean())
    for g, sign in zip(tg.grad(tg.mse, (0, 1))(p, t), (1, -1), strict=True):
        close(g, sign * 2 * (p - t) / p.size)


@given(scores)
def test_the_binary_cross_entropies_agree(z):
    y, p = (np.sin(z) > 0).astype(float), 1 / (1 + np.exp(-z))
    close(tg.binary_cross_entropy(p, y), -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean())
    np.testing.assert_allclose(
        tg.binary_cross_entropy_with_logits(z, y).numpy(),
        tg.binary_cross_entropy(p, y).numpy(),
        rtol=1e-9,
    )
    close(tg.grad(tg.binary_cross_entropy_with_logits)(z, y), (p - y) / z.size)
    np.testing.assert_allclose(
        tg.grad(lambda z: tg.binary_cross_entropy(z.sigmoid(), y))(z).numpy(),
        (p - y) / z.size,
        atol=1e-9,
    )


@given(scores)
def test_cross_entropy_takes_classes_or_probabilities(z):
    labels = np.arange(len(z)) % z.shape[1]
    one_hot = np.eye(z.shape[1])[labels]
    expected = -np.log(softmax(z))[np.arange(len(z)), labels].mean()
    for target in (labels, labels.tolist(), tg.Tensor(labels), one_hot):
        close(tg.cross_entropy(z, target), expected)
        close(tg.grad(tg.cross_entropy)(z, target), (softmax(z) - one_hot) / len(z))


def test_cross_entropy_of_a_stack_is_the_mean_over_all_its_rows():
    labels = np.arange(6).reshape(2, 3) % 4
    close(
        tg.cross_entropy(CUBE, labels),
        tg.cross_entropy(CUBE.reshape(6, 4), labels.reshape(6)).numpy(),
    )


def test_a_target_of_one_entry_is_compared_with_all():
    close(tg.mse([1.0, 3.0], 0.0), 5.0)
    close(tg.mse([[1.0], [3.0]], [0.0]), 5.0)


def test_integer_probabilities_are_fine():
    close(tg.binary_cross_entropy([0, 1], [0, 1]), 0.0)


@pytest.mark.parametrize(
    "loss",
    [
        tg.mse,
        tg.binary_cross_entropy,
        tg.binary_cross_entropy_with_logits,
        lambda p, y: tg.cross_entropy(p, [0]),
        lambda p, y: tg.softmax(p),
    ],
)
def test_float32_stays_float32(loss):
    p = np.array([[0.25, 0.75]], np.float32)
    assert loss(p, np.array([[0.0, 1.0]], np.float32)).dtype == np.float32


def test_a_column_against_a_row_is_refused_and_not_broadcast():
    for loss in (tg.mse, tg.binary_cross_entropy, tg.binary_cross_entropy_with_logits):
        text = (
            r"prediction has shape \(4, 1\) and the target \(4,\): "
            r"write target\.reshape\(\(4, 1\)\)"
        )
        with pytest.raises(ValueError, match=text):
            loss(tg.Tensor(np.full((4, 1), 0.5), name="prediction"), np.ones(4))


@pytest.mark.parametrize(("a", "b"), [((3,), (2,)), ((), (2,)), ((2, 2), (3,))])
def test_outer_is_numpy_s(a, b):
    a, b = (
        np.arange(1.0, 1 + np.prod(a, dtype=int)).reshape(a),
        np.arange(1.0, 1 + np.prod(b, dtype=int)).reshape(b),
    )
    close(tg.outer(a, b), np.outer(a, b))
    close(np.outer(tg.Tensor(a), b), np.outer(a, b))
    ga, gb = tg.grad(lambda a, b: tg.outer(a, b).sum(), (0, 1))(a, b)
    close(ga, np.full(a.shape, b.sum()))
    close(gb, np.full(b.shape, a.sum()))
