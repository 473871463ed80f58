"""Closed formulas are the articles' own, agree with backward, and run without this package."""

from __future__ import annotations

import subprocess
import sys
from itertools import product

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.engine.registry import registry


def equal(formula: str, expected: str) -> bool:
    """Whether two elementwise formulas are equal for all values of what they mention."""
    names = {name: sympy.Symbol(name) for name in "o y t n a z delta P a1 S N E I O Q C".split()}
    functions = {"np": type("np", (), {"exp": sympy.exp, "sqrt": sympy.sqrt})}
    return sympy.simplify(eval(formula, functions | names) - eval(expected, functions | names)) == 0


def lines(found):
    return {line.name: line.formula.python for line in found.lines}


def agree(a, b, tolerance=1e-12):
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and np.abs(a - b).max(initial=0) <= tolerance * max(
        np.abs(a).max(initial=0), np.abs(b).max(initial=0), 1e-300
    )


# -- the articles' own -----------------------------------------------------------------------------


def two_layers(rng, n=8, inputs=4, hidden=5):
    x, y = rng.integers(0, 2, (n, inputs)) * 1.0, rng.integers(0, 2, (n, 1)) * 1.0
    W1, b1, W2, b2 = (
        tg.Tensor(rng.normal(size=shape), requires_grad=True)
        for shape in ((inputs, hidden), hidden, (hidden, 1), 1)
    )
    z1 = x @ W1 + b1
    a1 = z1.sigmoid()
    z2 = a1 @ W2 + b2
    o = z2.sigmoid()
    return (
        x,
        y,
        (W1, b1, W2, b2),
        (a1, o),
        {
            "x": x,
            "y": y,
            "W1": W1,
            "b1": b1,
            "W2": W2,
            "b2": b2,
            "z1": z1,
            "a1": a1,
            "z2": z2,
            "o": o,
        },
    )


LOSSES = {
    "as the article writes it": lambda o, y: -(y * np.log(o) + (1 - y) * np.log(1 - o)).mean(),
    "the library's own": lambda o, y: tg.binary_cross_entropy(o, y),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_the_two_layer_network_of_article_000(loss):
    _, y, parameters, (_, o), names = two_layers(np.random.default_rng(0))
    J = LOSSES[loss](o, y)
    found = tg.derive(J, parameters, names=names)
    assert str(found).split("\n") == [
        "δ₂ = ∂J/∂z₂ = (o − y) / n",
        "δ₁ = ∂J/∂z₁ = δ₂ W₂ᵀ ⊙ a₁ ⊙ (1 − a₁)",
        "∂J/∂W₁      = xᵀ δ₁",
        "∂J/∂b₁      = Σ_rows δ₁",
        "∂J/∂W₂      = a₁ᵀ δ₂",
        "∂J/∂b₂      = Σ_rows δ₂",
        "(n = 8, the entries of o)",
    ]
    text = lines(found)
    assert equal(text["delta2"], "(o - y) / n")
    assert equal(text["delta1"].replace("delta2 @ W2.mT", "P"), "P * a1 * (1 - a1)")
    assert [text[f"d_{name}"] for name in ("W1", "b1", "W2", "b2")] == [
        "x.mT @ delta1", "delta1.sum(axis=0)", "a1.mT @ delta2", "delta2.sum(axis=0)"
    ]  # fmt: skip
    assert r"\delta_{2} = \frac{\partial J}{\partial z_{2}} &= \frac{o - y}{n}" in found.latex


sizes = st.integers(1, 6)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), sizes, sizes, sizes, st.sampled_from(list(LOSSES)))
def test_the_two_layer_network_by_hand(seed, n, inputs, hidden, loss):
    x, y, parameters, (a1, o), names = two_layers(np.random.default_rng(seed), n, inputs, hidden)
    J = LOSSES[loss](o, y)
    J.backward()
    W2, a1, o = parameters[2].numpy(), a1.numpy(), o.numpy()
    delta2 = (o - y) / n
    delta1 = delta2 @ W2.T * a1 * (1 - a1)
    by_hand = x.T @ delta1, delta1.sum(0), a1.T @ delta2, delta2.sum(0)
    derived = tg.derive(J, parameters, names=names).function(
        *[p.numpy() for p in parameters], **inputs_of(x, y, J, parameters, names)
    )
    for hand, formula, p in zip(by_hand, derived, parameters, strict=True):
        # where terms cancel, no order of adding them is right to more than their own rounding
        np.testing.assert_allclose(formula, hand, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(formula, p.grad, rtol=1e-12, atol=1e-15)


def inputs_of(x, y, J, parameters, names):
    """The inputs beside the parameters that the function takes."""
    wanted = tg.derive(J, parameters, names=names).inputs
    return {name: value for name, value in {"x": x, "y": y}.items() if name in wanted}


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), sizes, sizes)
def test_the_perceptron_of_article_001(seed, n, inputs):
    rng = np.random.default_rng(seed)
    X, t = rng.normal(size=(n, inputs)), rng.uniform(size=(n, 1))
    W, b = (
        tg.Tensor(rng.normal(size=(inputs, 1)), requires_grad=True),
        tg.Tensor(rng.normal(size=1), requires_grad=True),
    )
    z = X @ W + b
    o = z.sigmoid()
    E = 0.5 * ((o - t) ** 2).sum()
    found = tg.derive(E, wrt=[W, b])
    E.backward()
    delta = (o.numpy() - t) * o.numpy() * (1 - o.numpy())
    derived = found.function(**found.inputs)
    assert agree(derived[0], X.T @ delta)
    assert agree(derived[0], W.grad)
    assert agree(derived[1], delta.sum(0))
    if n > 1 and inputs > 1:  # one row needs no sum, and one column no transpose
        text = lines(found)
        assert equal(text["delta"], "(o - t) * o * (1 - o)")
        assert (text["d_W"], text["d_b"]) == ("X.mT @ delta", "delta.sum(axis=0)")


def test_the_or_step():
    x1, x2, t = tg.Tensor(1.0), tg.Tensor(1.0), tg.Tensor(1.0)
    w1, w2, b = (tg.Tensor(value, requires_grad=True) for value in (0.2, 0.3, 0.3))
    o = (x1 * w1 + x2 * w2 + b).sigmoid()
    E = 0.5 * (o - t) ** 2
    assert str(tg.derive(E, wrt=w2)) == "∂E/∂w₂ = (o − t) · o · (1 − o) · x₂"


def test_the_sigmoids_own_derivative():
    z = tg.Tensor(0.8, requires_grad=True)
    s = 1 / (1 + np.exp(-z))
    found = tg.derive(s, wrt=z)
    assert str(found) == "∂s/∂z = σ(z) · (1 − σ(z))"
    assert agree(found.function(0.8), tg.sigmoid(0.8).item() * (1 - tg.sigmoid(0.8).item()))


def test_softmax_with_cross_entropy_collapses_and_says_why():
    rng = np.random.default_rng(0)
    x, Y = rng.normal(size=(6, 3)), np.eye(4)[[0, 1, 2, 3, 0, 1]]
    W = tg.Tensor(rng.normal(size=(3, 4)), requires_grad=True)
    z = x @ W
    L = -(Y * tg.log_softmax(z)).sum(axis=1).mean()
    assert str(tg.derive(L, wrt=W)).split("\n") == [
        "p         = softmax(z)",
        "δ = ∂L/∂z = (p − Y) / n",
        "∂L/∂W     = xᵀ δ",
        "(for the entries of Y add up to 1)",
        "(n = 6, the rows of z)",
    ]
    Y2 = (
        Y * np.arange(1.0, 7.0)[:, None]
    )  # rows that do not add up to 1: the simplification does not hold, and is not made
    L2 = -(Y2 * tg.log_softmax(z)).sum(axis=1).mean()
    found = tg.derive(L2, wrt=W)
    assert not found.remarks
    L2.backward()
    assert agree(found.function(**found.inputs), W.grad)


# -- networks of every kind ------------------------------------------------------------------------

ACTIVATIONS = ("sigmoid", "tanh", "relu")
HEADS = ("mse", "binary cross-entropy", "cross-entropy", "softmax and log")
NETWORKS = [*product((1, 2, 3, 4), ACTIVATIONS, HEADS)]


def network(depth, activation, head, seed=1):
    """The loss and the parameters of a network."""
    rng = np.random.default_rng(seed)
    classes = 3 if head in ("cross-entropy", "softmax and log") else 1
    widths = [4, *([5, 3, 4][: depth - 1]), classes]
    x = rng.normal(size=(7, 4))
    params = {}
    a = x
    for k in range(1, depth + 1):
        W = params[f"W{k}"] = tg.Tensor(
            rng.normal(size=(widths[k - 1], widths[k])), requires_grad=True, name=f"W{k}"
        )
        b = params[f"b{k}"] = tg.Tensor(
            rng.normal(size=widths[k]), requires_grad=True, name=f"b{k}"
        )
        z = (a @ W + b).named(f"z{k}")
        a = getattr(z, activation)().named(f"a{k}") if k < depth else z
    y = (
        rng.integers(0, 2, (7, 1)) * 1.0
        if head == "binary cross-entropy"
        else rng.normal(size=(7, 1))
    )
    Y = np.eye(3)[rng.integers(0, 3, 7)]
    loss = {
        "mse": lambda: tg.mse(z, y),
        "binary cross-entropy": lambda: tg.binary_cross_entropy(z.sigmoid(), y),
        "cross-entropy": lambda: tg.cross_entropy(z, Y),
        "softmax and log": lambda: -(Y * tg.softmax(z).log()).sum(axis=1).mean(),
    }[head]()
    return loss, list(params.values()), {"x": x, "y": y, "Y": Y}


CLEAN = """
import sys, types
import numpy as np
sources, given = np.load(sys.argv[1], allow_pickle=False), np.load(sys.argv[2], allow_pickle=False)
found = {}
for key in sources.files:
    names = {}
    exec(str(sources[key]), names)
    inputs = {k.split("|", 1)[1]: given[k] for k in given.files if k.startswith(key + "|")}
    gradients = names["gradients"](**inputs)
    for i, g in enumerate(gradients if type(gradients) is tuple else (gradients,)):
        found[f"{key}|{i}"] = g
assert "tinygrad_edu" not in sys.modules
np.savez(sys.argv[3], **found)
"""


def test_networks_of_every_kind_agree_with_backward(tmp_path):
    sources, given, expected = {}, {}, {}
    for key in NETWORKS:
        loss, params, names = network(*key)
        found = tg.derive(loss, wrt=params, names=names)
        loss.backward()
        gradients = found.function(**found.inputs)
        gradients = gradients if type(gradients) is tuple else (gradients,)
        assert all(agree(g, p.grad) for g, p in zip(gradients, params, strict=True)), (
            f"{key}\n{found}"
        )
        name = "-".join(map(str, key))
        sources[name] = np.array(found.numpy_source)
        given |= {f"{name}|{k}": v for k, v in found.inputs.items()}
        expected |= {f"{name}|{i}": p.grad for i, p in enumerate(params)}
    np.savez(tmp_path / "sources.npz", **sources)
    np.savez(tmp_path / "given.npz", **given)
    paths = [tmp_path / name for name in ("sources.npz", "given.npz", "found.npz")]
    run = subprocess.run(
        [sys.executable, "-I", "-c", CLEAN, *paths], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    found = np.load(paths[-1])
    assert set(found.files) == set(expected)
    assert all(agree(found[k], expected[k]) for k in expected)


def test_the_function_is_right_at_other_values_too():
    loss, params, names = network(3, "tanh", "cross-entropy")
    found = tg.derive(loss, wrt=params, names=names)
    rng = np.random.default_rng(5)
    for p in params:
        p.data = rng.normal(size=p.shape)
    x, Y = names["x"], names["Y"]
    a = x
    for k in range(0, 6, 2):
        z = a @ params[k] + params[k + 1]
        a = z.tanh()
    again = tg.cross_entropy(z, Y)
    again.backward()
    inputs = found.inputs | {p.name: p.numpy() for p in params}
    assert all(agree(g, p.grad) for g, p in zip(found.function(**inputs), params, strict=True))


# -- what is the user's ----------------------------------------------------------------------------


@pytest.fixture
def swish():
    """An op that its user defined in two lines."""
    yield tg.op(
        lambda x: x / (1 + np.exp(-x)),
        lambda g, y, x: g * (y + (1 - y) / (1 + np.exp(-x))),
        name="swish",
    )
    del registry["swish"], tg.Tensor.swish


def test_a_users_own_op_is_derived_and_explained(swish, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 2))
    W = tg.Tensor(rng.normal(size=(2, 3)), requires_grad=True)
    z = x @ W
    s = swish(z)
    L = (s * s).sum()
    found = tg.derive(L, wrt=W)
    L.backward()
    assert agree(found.function(**found.inputs), W.grad)
    clean: dict = {}
    exec(found.numpy_source, clean)
    assert agree(clean["gradients"](**found.inputs), W.grad)
    assert "s = swish(z)" in str(tg.explain(L, wrt=W))


HOSTILE = [
    '__import__("os").abort()',
    r"\input{x}",
    "<script>alert(1)</script>",
    "x\n\x00y",
    '"""',
    "lambda",
    "np",
    "gradients",
    "`a`",
    "$x$",
    "}",
    "δ",
]


@pytest.mark.parametrize("label", HOSTILE)
def test_names_are_labels_only(label):
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    W = tg.Tensor([[0.1], [0.2]], requires_grad=True, name=label)
    z = (x @ W).named(label)
    o = z.sigmoid()
    L = (o * o).sum()
    found = tg.derive(L, wrt=W, names={label: x})
    L.backward()
    clean: dict = {}
    exec(found.numpy_source, clean)
    assert agree(clean["gradients"](**found.inputs), W.grad)
    assert len(str(found).split("\n")) == 2
    assert "\\input{" not in found.latex
    assert "<script" not in found.latex + found.html
    assert "import os" not in found.numpy_source
    assert "__import__(" not in found.numpy_source


def test_what_cannot_be_derived_says_so():
    w, v = tg.Tensor(1.0, requires_grad=True), tg.Tensor(1.0, requires_grad=True)
    with pytest.raises(ValueError, match="does not depend on v"):
        tg.derive(w * 2, wrt=v)
    with pytest.raises(TypeError, match="recorded scalar"):
        tg.derive(tg.Tensor([1.0, 2.0], requires_grad=True) * 2, wrt=w)


@pytest.mark.parametrize(
    "top",
    ["tg.maximum(x, 0.0)", "x.relu()", "x.clip(0.0, 5.0)", "tg.minimum(5.0, tg.maximum(x, 0.0))"],
)
def test_what_is_not_selected_gets_0_of_an_infinite_gradient_in_the_text_too(top):
    x = tg.Tensor([-1.0, 2.0], requires_grad=True, name="x")
    with np.errstate(divide="ignore"):
        loss = eval(top).sqrt().sum()
        gradient = tg.derive(loss, wrt=[x]).function(x.numpy())
    np.testing.assert_array_equal(gradient, [0.0, 1 / np.sqrt(8.0)])
