"""The chain rule as told: the engine's own numbers, the user's own names, in every output."""

from __future__ import annotations

import importlib
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from counting import growth
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.engine.registry import registry
from tinygrad_edu.explanation.chain import Chain, Link
from tinygrad_edu.explanation.folding import Fold, folded


def or_step():
    x1, x2, t = tg.Tensor(1.0), tg.Tensor(1.0), tg.Tensor(1.0)
    w1, w2, b = (tg.Tensor(value, requires_grad=True) for value in (0.2, 0.3, 0.3))
    z = x1 * w1 + x2 * w2 + b
    o = z.sigmoid()
    E = 0.5 * (o - t) ** 2
    return tg.explain(E, wrt=w2), E, w2


def test_the_or_step_reads_like_the_article():
    found, E, w2 = or_step()
    assert str(found).split("\n") == [
        "∂E/∂w₂ = ∂E/∂o · ∂o/∂z · ∂z/∂w₂",
        "",
        "  ∂E/∂o  = o − t       = −0.31003   from E = 0.5·(o − t)² = 0.04806",
        "  ∂o/∂z  = o · (1 − o) = 0.21391    from o = σ(z) = 0.68997",
        "  ∂z/∂w₂ = x₂          = 1          from z = x₁ · w₁ + x₂ · w₂ + b = 0.8",
        "",
        "∂E/∂w₂ = −0.31003 · 0.21391 · 1 = −0.06632",
    ]
    assert (
        r"\frac{\partial E}{\partial o} &= o - t = -0.31003 && \text{from } E = 0.5\, "
        r"(o - t)^{2} = 0.04806" in found.latex
    )
    assert found.markdown == f"$$\n{found.latex}\n$$" == found._repr_markdown_()
    assert "<td>∂o/∂z</td><td>= o · (1 − o)</td><td>= 0.21391</td>" in found.html
    E.backward()
    link_values = [link.value for path in found.chains[0].paths() for link in path]
    assert np.isclose(np.prod(link_values), w2.grad, rtol=1e-15)


def test_the_worked_example_of_the_examples_folder(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "examples")
    step = importlib.import_module("or_step").step()
    text = str(tg.explain(step["E"], wrt=step["w2"]))
    assert all(number in text for number in ("0.68997", "−0.31003", "0.21391", "= −0.06632"))
    sys.modules.pop("or_step")
    sys.modules.pop("_common", None)


def test_what_is_used_more_than_once_adds_up():
    x = tg.Tensor(1.0, requires_grad=True)
    y = x**2 + 4 * x + x
    text = str(tg.explain(y, wrt=x))
    assert "∂y/∂x = 2·x + 5 = 7   from y = x² + 4·x + x = 6" in text
    assert "x stands there 3 times: 2·x + 4 + 1 = 2 + 4 + 1" in text
    a, c = x * x, 3 * x
    d = a * c + x
    assert str(tg.explain(d, wrt=x)).split("\n")[-4:] == [
        "through a: 3 · 2 = 6",
        "through c: 1 · 3 = 3",
        "directly: 1",
        "∂d/∂x = 6 + 3 + 1 = 10",
    ]


def perceptron():
    X, t = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0.0], [1], [1], [1]])
    W, b = tg.Tensor([[0.1], [0.2]], requires_grad=True), tg.Tensor([0.3], requires_grad=True)
    o = (X @ W + b).sigmoid()
    E = 0.5 * ((o - t) ** 2).sum()
    return tg.explain(E, wrt=[W, b])


def test_steps_of_arrays_say_their_shapes_and_reasons():
    found = perceptron()
    text = str(found)
    assert "∂E/∂o = o − t\n" in text
    assert "∂E/∂z = ∂E/∂o ⊙ o ⊙ (1 − o)\n" in text
    assert "∂E/∂W = Xᵀ ∂E/∂z\n      = [[−0.17749], [−0.16979]], of shape (2, 1)\n" in text
    assert (
        "Xᵀ makes (2, 4) @ (4, 1) = (2, 1), the shape of W: each entry met all 4 rows, "
        "and collects from them" in text
    )
    assert "∂E/∂b = Σ_rows ∂E/∂z" in text
    assert "b of shape (1,) was stretched over 4 rows: sum over axis 0" in text
    assert r"\frac{\partial E}{\partial W} &= X^{\top} \frac{\partial E}{\partial z}" in found.latex
    assert r"3. from $z = X W + b$" in found.markdown
    assert '<li value="3">from z = X W + b<br>' in found.html
    W2, a1 = (tg.Tensor(np.ones(shape), requires_grad=True) for shape in ((5, 2), (8, 5)))
    loss = ((a1 @ W2) * 0.5).mean()
    assert (
        "W₂ᵀ makes (8, 2) @ (2, 5) = (8, 5), the shape of a₁: each entry went into all 2 outputs "
        "of its row" in str(tg.explain(loss, a1))
    )


def test_gradients_from_several_equations_are_added():
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    a = x * 2.0
    c = x.exp()
    loss = (a * c).sum()
    text = str(tg.explain(loss, wrt=x))
    assert "∂loss/∂x (from c) = ∂loss/∂c ⊙ c" in text
    assert "∂loss/∂x (from a) = ∂loss/∂a ⊙ 2" in text or "∂loss/∂x (from a) = 2·∂loss/∂a" in text
    assert "all that comes to x, added up" in text


@settings(max_examples=10, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 4),
    st.integers(1, 4),
    st.sampled_from(["sigmoid", "tanh", "softplus", "relu", "exp"]),
)
def test_every_step_ends_in_the_engines_own_gradient(seed, n, k, activation):
    rng = np.random.default_rng(seed)
    x, W, b = (
        tg.Tensor(rng.normal(size=shape), requires_grad=True) for shape in ((n, k), (k, 2), 2)
    )
    h = getattr(x @ W + b, activation)()
    loss = (h * h + x.sum()).mean()
    loss.backward()
    for t in (x, W, b):
        chain = Chain(loss, t)
        sums = {}
        for link in (step for step in chain.steps() if isinstance(step, Link)):
            sums[link.of] = sums.get(link.of, 0) + link.value
            shown, _ = chain.pull(link.by, link.of)  # the simplified formula, computed
            assert np.allclose(shown.numpy(), link.value, rtol=1e-10, atol=1e-14)
        for u, total in sums.items():
            assert np.allclose(total, u.grad, rtol=1e-12, atol=1e-300)
        assert str(tg.explain(loss, wrt=t))


def test_long_chains_fold():
    x = h = tg.Tensor(0.3, requires_grad=True)
    for _ in range(50):
        h = h.sin()
    text = str(tg.explain(h, wrt=x))
    assert "... 46 equal steps, their product is 0.28112 ..." in text
    assert len(text.split("\n")) < 12
    w = tg.Tensor(0.5, requires_grad=True)
    h = x
    for _ in range(40):
        h = (h * w).tanh()
    text = str(tg.explain(h, wrt=w))
    assert re.search(r"\.\.\. \d+ equal steps \.\.\.", text)
    assert len(text.split("\n")) < 60
    chain = Chain(h, w)
    steps = folded(chain.steps())
    assert sum(len(s.links) if isinstance(s, Fold) else 1 for s in steps) == len(chain.steps())


def test_a_long_chain_takes_linear_time():
    def explained(n):
        x = h = tg.Tensor(0.3, requires_grad=True)
        for _ in range(n):
            h = h.sin()
        return str(tg.explain(h, wrt=x))

    assert "2996 equal steps" in explained(3000)
    assert growth(explained, 200) < 2.5


class Tags(HTMLParser):
    """The tags of a piece of HTML, which must close in order."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


HOSTILE = [
    '__import__("os")',
    r"\input{x}",
    "<script>alert(1)</script>",
    "x\n\x00y",
    '"""',
    "[x](javascript:a)",
    "`a`",
    "$x$",
    "}",
    "∂a/∂b",
    "&lt;",
    "# h",
]


@pytest.mark.parametrize("label", HOSTILE)
def test_names_cannot_inject_code_or_markup(label):
    w, X = (
        tg.Tensor(0.5, requires_grad=True, name=label),
        tg.Tensor(np.ones((3, 2)), requires_grad=True, name=label),
    )
    z = (w * 2.0).named(label)
    V = (X @ np.ones((2, 2))).named(label)
    for loss, wrt in ((z.sigmoid().named(label), w), ((V * V).sum().named(label), X)):
        found = tg.explain(loss, wrt=wrt)
        page = Tags()
        page.feed(found.html)
        assert not page.open
        assert page.seen <= {"div", "p", "table", "tr", "td", "ol", "li", "br"}
        for text in (found.latex, found.markdown):
            assert "\\input{" not in text
            assert "<script" not in text
            assert "](javascript" not in text
            assert "\x00" not in text
            math = re.sub(r"\\[\\{}$&#%_]", "", text)
            assert math.count("{") == math.count("}")
        assert "`" not in found.latex
        assert "\x00" not in str(found)
    math = re.sub(r"\\[\\$]", "", tg.explain(z.sigmoid(), wrt=w).latex)
    assert "$" not in math


def test_without_sympy_the_formulas_are_only_longer(monkeypatch):
    monkeypatch.setitem(sys.modules, "sympy", None)
    found, _, _ = or_step()
    assert "∂E/∂w₂ = −0.31003 · 0.21391 · 1 = −0.06632" in str(found)
    assert "∂o/∂z  = 1 · o · (1 − o)" in str(found)
    assert "∂E/∂W = Xᵀ ∂E/∂z" in str(perceptron())


def test_a_users_own_op_is_explained():
    cube = tg.op(lambda x: x**3, lambda g, y, x: g * 3 * x**2, name="cube")
    try:
        x = tg.Tensor(2.0, requires_grad=True)
        y = cube(x)
        assert "∂y/∂x = 3·x² = 12   from y = cube(x) = 8" in str(tg.explain(y, wrt=x))
    finally:
        del registry["cube"], tg.Tensor.cube


def test_what_cannot_be_explained_says_so():
    w, v = tg.Tensor(1.0, requires_grad=True), tg.Tensor(1.0, requires_grad=True)
    y = w * 2
    with pytest.raises(ValueError, match="does not depend on v"):
        tg.explain(y, wrt=v)
    with pytest.raises(ValueError, match="does not depend on"):
        tg.explain(y, wrt=tg.Tensor(1.0))
    with pytest.raises(TypeError, match="recorded scalar"):
        tg.explain(tg.Tensor([1.0, 2.0], requires_grad=True) * 2, wrt=w)
    with pytest.raises(TypeError, match="recorded scalar"):
        tg.explain(3.0, wrt=w)


@pytest.mark.parametrize("read", [tg.derive, tg.explain])
@pytest.mark.parametrize("wrt", [5, 2.5, None, "w", ["w"], [None]])
def test_what_is_no_tensor_is_refused_in_the_reader_s_words(read, wrt):
    w = tg.Tensor([1.0, 2.0], requires_grad=True)
    what = repr(wrt[0] if isinstance(wrt, list) else wrt)
    with pytest.raises(
        ValueError, match=f"the loss does not depend on {re.escape(what)} by recorded ops: wrt"
    ):
        read((w * w).sum(), wrt)
