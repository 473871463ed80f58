"""The articles: their figures to every digit given, and their formulas against the engine."""

import sys
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_edu as tg
from tinygrad_edu import datasets
from tinygrad_edu.graph import value_of
from tinygrad_edu.testing import GradientMismatch, check_formula, gradcheck

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))  # what is shown is what is tested
EXAMPLES = "ann or_gate or_step two_layer virus xor check_articles".split()
ann, or_gate, or_step, two_layer, virus, xor, articles = map(import_module, EXAMPLES)
one_weight, without_bias = map(import_module, ["one_weight_perceptron", "or_gate_without_bias"])

OR_START = np.array([[0.1], [0.2]]), np.array([0.3])
OR_POINTS = np.array([[1, 0], [1, 1], [0, 0]])


def equal_to_8_digits(found, *expected):
    assert_allclose(value_of(found).ravel(), expected, rtol=0, atol=1e-8)


# -- the figures -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained_or():
    return or_gate.train()


@pytest.fixture(scope="module")
def trained_ann():
    return ann.train()


@pytest.fixture(scope="module")
def trained_virus():
    return virus.train()


def test_or_gate(trained_or):
    W, b, costs = trained_or
    equal_to_8_digits(W, 5.36546322, 5.36551912)
    equal_to_8_digits(b, -2.42759823)
    equal_to_8_digits(or_gate.predict(OR_POINTS, W, b), 0.94968681, 0.99975238, 0.08109226)
    assert len(costs) == 10_000
    assert np.all(np.diff(costs) < 0)


def test_or_gate_as_printed():
    X, target = datasets.or_gate()
    W, b = articles.train_printed(X, target, *OR_START, epochs=10_000)
    equal_to_8_digits(W, 7.00922425, 7.00953281)
    equal_to_8_digits(b, -3.14905135)
    equal_to_8_digits(articles.sigmoid(OR_POINTS @ W + b), 0.9793702, 0.99998097, 0.04112867)


def test_ann(trained_ann):
    W, b, costs = trained_ann
    equal_to_8_digits(W, 5.13587816, 11.12454896, -5.73726977)
    equal_to_8_digits(b, -7.89983014)
    equal_to_8_digits(ann.predict(np.eye(3)[:2], W, b), 0.05930351, 0.96175397)
    assert len(costs) == 25_000


def test_ann_as_printed_and_the_epoch_of_the_published_predictions():
    X, target = datasets.ann()
    W, b = articles.train_printed(X, target, *ann.first_weights(), epochs=25_000)
    equal_to_8_digits(W, 6.5760963, 14.73465467, -7.69323689)
    equal_to_8_digits(b, -10.34170351)
    equal_to_8_digits(articles.sigmoid(np.eye(3)[:2] @ W + b), 0.02262959, 0.98778682)

    published = list(articles.PUBLISHED.values())
    assert published == [0.01031463, 0.99440207]
    W, b = articles.train_printed(X, target, W, b, epochs=29_999)
    matches = []
    for epoch in (54_999, 55_000, 55_001):
        if np.round(articles.sigmoid(np.eye(3)[:2] @ W + b), 8).ravel().tolist() == published:
            matches.append(epoch)
        W, b = articles.train_printed(X, target, W, b, epochs=1)
    assert matches == [55_000]


def test_the_anns_first_weights_are_those_of_the_articles_seed():
    state = np.random.get_state()
    np.random.seed(42)
    W, b = np.random.rand(3, 1), np.random.rand(1)
    np.random.set_state(state)
    assert_array_equal(ann.first_weights()[0], W)
    assert_array_equal(ann.first_weights()[1], b)


def test_worked_or_step():
    t = or_step.step()
    assert t["in"].item() == pytest.approx(0.8, abs=1e-15)
    assert round(t["out"].item(), 5) == 0.68997
    assert round(t["out"].grad.item(), 5) == -0.31003
    assert round((t["in"].grad / t["out"].grad).item(), 5) == 0.21391
    assert_array_equal(t["w2"].grad, t["in"].grad)  # din/dw2 = x2 = 1
    o = 1 / (1 + np.exp(-0.8))
    assert_allclose(t["w2"].grad, (o - 1) * o * (1 - o), rtol=1e-14)
    assert round(t["w2"].grad.item(), 5) == -0.06632
    assert or_step.lr * t["w2"].grad < 0  # hence w2 rises


@pytest.mark.parametrize("epochs", [0, 1, 100, 10_000])
def test_without_bias_zero_zero_stays_at_one_half(epochs):
    W, costs = without_bias.train(epochs)
    o = without_bias.predict(without_bias.X, W).numpy().ravel()
    assert o[0] == 0.5
    assert min(costs, default=1) > 0.125
    if epochs == 10_000:
        equal_to_8_digits(o[1:], 0.96649935, 0.96645421, 0.99879833)


def test_virus_counts_loss_of_smell_most_and_weight_loss_least(trained_virus):
    W, b, costs = trained_virus
    weights = dict(zip(datasets.VIRUS_SYMPTOMS, W.numpy().ravel(), strict=True))
    assert max(weights, key=weights.get) == "loss of smell"
    assert min(weights, key=weights.get) == "weight loss"
    equal_to_8_digits(W, 7.54803841, 0.51360866, 2.27524757, 2.27832381)
    equal_to_8_digits(b, -4.62022258)
    # two persons of equal symptoms and different results: at best one half for both
    assert costs[-1] > 0.25
    persons = np.array([[1, 0, 0, 1], [0, 0, 1, 0], [1, 0, 1, 0]])
    positive = virus.predict(persons, W, b).numpy().ravel() > 0.5
    assert positive.tolist() == [True, False, True]


@pytest.mark.parametrize(("w", "wrong"), [(3.0, 3), (4.0, 3), (2.0, 0)])
def test_one_weight_counts_wrong_predictions(w, wrong):
    assert one_weight.wrong(w) == wrong


def test_one_weight_descends_to_two():
    four, three, two = (one_weight.error(w).item() for w in (4.0, 3.0, 2.0))
    assert four > three > two == 0
    assert one_weight.train(epochs=100)[0].item() == pytest.approx(2, abs=1e-12)


def test_two_layers_learn_the_synthetic_table():
    parameters, costs = two_layer.train()
    assert len(costs) == 1_500
    assert np.all(np.diff(costs) < 0)
    assert costs[0] > 0.69 > 0.21 > costs[800] > costs[-1]  # ln 2 at first: it knows nothing
    assert two_layer.accuracy(parameters, *datasets.diabetes(seed=1)) > 0.9


def test_xor_defeats_a_perceptron_and_not_a_hidden_layer():
    W_b, _ = xor.train(xor.perceptron, (2, 1), (1,))
    assert_allclose(xor.perceptron(xor.X, *W_b), 0.5, atol=1e-6)
    parameters, _ = xor.train(xor.hidden_layer, (2, 2), (2,), (2, 1), (1,))
    assert_allclose(xor.hidden_layer(xor.X, *parameters), xor.target, atol=0.01)


# -- the formulas ----------------------------------------------------------------------------------


def test_the_printed_gradient_is_caught_where_the_formula_passes():
    formula = partial(articles.perceptron_gradient, *datasets.or_gate())
    printed = partial(articles.printed_gradient, *datasets.or_gate())
    check_formula(or_gate.error, formula, *OR_START)
    with pytest.raises(GradientMismatch):
        check_formula(or_gate.error, printed, *OR_START)


def test_gradcheck_passes_on_the_trained_networks(trained_or, trained_virus):
    def virus_error(W, b):
        return ((virus.predict(virus.X, W, b) - virus.target) ** 2).sum()

    gradcheck(or_gate.error, *trained_or[:2])
    gradcheck(virus_error, *trained_virus[:2])


def slopes(f, *inputs):
    """The derivative of f by every entry of its inputs, up to rounding: Im f(x + ih) / h."""
    found = [np.empty_like(x) for x in inputs]
    for i, x in enumerate(inputs):
        for index in np.ndindex(x.shape):
            moved = [v.astype(complex) for v in inputs]
            moved[i][index] += 1e-30j
            found[i][index] = f(*moved).imag / 1e-30
    return found


def gradients(f, *inputs):
    """By the engine."""
    leaves = [tg.Tensor(x, requires_grad=True) for x in inputs]
    f(*leaves).backward()
    return [t.grad for t in leaves]


def agree(found, expected, scales, precision):
    """Each gradient equals the other, relative to its scale: the sum of the sizes of its terms."""
    for a, b, scale in zip(found, expected, scales, strict=True):
        assert a.shape == b.shape
        assert np.all(np.abs(a - b) <= precision * scale + 1e-290), (a, b)


sizes = st.integers(1, 6)


def numbers(*shape, largest=10.0):
    return arrays(float, shape, elements=st.floats(-largest, largest))


@st.composite
def perceptrons(draw):
    n, k = draw(sizes), draw(sizes)
    return [draw(numbers(*shape)) for shape in ((n, k), (n, 1), (k, 1), (1,))]


@st.composite
def two_layers(draw, largest):
    n, k, hidden = draw(sizes), draw(sizes), draw(sizes)
    y = draw(arrays(float, (n, 1), elements=st.floats(0, 1)))
    last = [draw(numbers(*shape, largest=largest)) for shape in ((hidden, 1), (1,))]
    return [draw(numbers(n, k)), y, draw(numbers(k, hidden)), draw(numbers(hidden)), *last]


def two_layer_scales(x, y, W1, b1, W2, b2):
    """The sizes of the terms that the formulas of 000 add up."""
    delta2 = (1 + y) / len(x)
    delta1 = delta2 @ np.abs(W2).T
    of_layer_1 = np.abs(x).T @ delta1, delta1.sum(axis=0)
    return *of_layer_1, np.full_like(W2, delta2.sum()), delta2.sum(axis=0)


@settings(deadline=None)
@given(perceptrons())
def test_perceptron_formula_engine_and_numerical_slopes_agree(case):
    X, target, *parameters = case

    def cost(sigmoid, W, b):
        return 0.5 * ((sigmoid(X @ W + b) - target) ** 2).sum()

    by_formula = articles.perceptron_gradient(X, target, *parameters)
    by_engine = gradients(partial(cost, tg.sigmoid), *parameters)
    by_steps = slopes(partial(cost, articles.sigmoid), *parameters)
    terms = 1 + np.abs(target)
    scales = np.abs(X).T @ terms, terms.sum(axis=0)
    agree(by_engine, by_formula, scales, 1e-14)
    agree(by_engine, by_steps, scales, 1e-14)


@settings(deadline=None)
@given(two_layers(largest=1.0))  # the output stays off 0 and 1, where 1 - o has no digits left
def test_two_layer_formula_engine_and_numerical_slopes_agree(case):
    x, y, *parameters = case

    def cost(W1, b1, W2, b2):
        return tg.binary_cross_entropy(((x @ W1 + b1).sigmoid() @ W2 + b2).sigmoid(), y)

    def cost_in_numpy(W1, b1, W2, b2):
        o = articles.sigmoid(articles.sigmoid(x @ W1 + b1) @ W2 + b2)
        return -np.mean(y * np.log(o) + (1 - y) * np.log(1 - o))

    by_engine = gradients(cost, *parameters)
    scales = two_layer_scales(x, y, *parameters)
    agree(by_engine, articles.two_layer_gradient(x, y, *parameters), scales, 1e-12)
    agree(by_engine, slopes(cost_in_numpy, *parameters), scales, 1e-12)


@settings(deadline=None)
@given(two_layers(largest=100.0))
def test_two_layer_formula_and_engine_agree_from_scores_however_large(case):
    x, y, *parameters = case

    def cost(W1, b1, W2, b2):
        return tg.binary_cross_entropy_with_logits((x @ W1 + b1).sigmoid() @ W2 + b2, y)

    by_formula = articles.two_layer_gradient(x, y, *parameters)
    scales = two_layer_scales(x, y, *parameters)
    agree(gradients(cost, *parameters), by_formula, scales, 1e-13)


@settings(deadline=None)
@given(st.floats(-1000, 1000))
def test_the_slope_of_the_sigmoid_is_s_times_one_minus_s(z):
    (slope,) = gradients(tg.sigmoid, np.array(z))
    s = tg.sigmoid(z).item()
    assert slope == pytest.approx(s * (1 - s), rel=1e-15)
    shrunk = np.exp(-abs(z))
    assert slope == pytest.approx(shrunk / (1 + shrunk) ** 2, rel=1e-12, abs=1e-15)
