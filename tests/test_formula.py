"""Formulas say what was computed.

Their Python text gives the tensor's value back, to the last bit.
"""

from functools import partial

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.engine.backward import unbroadcast
from tinygrad_edu.engine.registry import registry
from tinygrad_edu.graph import ancestors, value_of
from tinygrad_edu.notation.derivatives import local_derivative, sample
from tinygrad_edu.notation.formula import expression, program
from tinygrad_edu.notation.names import identifier, latex_name, unicode_name

OPS = [(name, case) for name, op in registry.items() for case in range(len(op.cases) or 1)]
RULES = [
    (name, i)
    for name, op in registry.items()
    for i in range(2 if op.variadic else len(op.rules))
    if op.rule(i)
]


def value(formula):
    """What the Python text of a formula evaluates to, in its namespace and with no builtins."""
    (
        np.ones(1).mean(),
        np.ones(1).sum(),
        np.ones(1).std(),
        np.ones(1).var(),
    )  # NumPy imports its own Python at the first call, which an expression without builtins cannot
    namespace = {"__builtins__": {"abs": abs, "slice": slice}, **formula.namespace}
    *before, last = formula.python.split("\n")
    exec("\n".join(before), namespace)
    return eval(last, namespace)


def same(a, b):
    a, b = value_of(a), value_of(b)
    return (
        a.shape == b.shape
        and a.dtype == b.dtype
        and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    )


def made(name, case):
    args, static, _ = sample(registry[name], case)
    tensors = [tg.Tensor(a, a.dtype.kind == "f") if isinstance(a, np.ndarray) else a for a in args]
    op = registry[name]
    return op(tensors, **static) if op.variadic else op(*tensors, **static)


@pytest.mark.parametrize(("name", "case"), OPS)
def test_every_op_is_written_as_what_it_computes(name, case):
    try:
        t = made(name, case)
    except TypeError:  # the ops on booleans take no floats
        t = registry[name](
            *[tg.Tensor(1.0, requires_grad=True) > k for k in range(registry[name].arity)]
        )
    formula = expression(t)
    assert same(value(formula), t)
    assert formula.unicode
    assert formula.latex.count("{") == formula.latex.count("}")


@pytest.mark.parametrize(("name", "i"), RULES)
def test_a_local_derivative_is_what_the_rule_computes(name, i):
    for case in range(len(registry[name].cases) or 1):
        t = made(name, case)
        formula = local_derivative(t, i)
        held = {
            key: np.asarray(v) for key, v in formula.namespace.items() if isinstance(v, np.ndarray)
        }
        g = held.get("g", t.numpy())
        values = [a.numpy() if type(a) is tg.Tensor else a for a in t.args]
        shown, run = (
            np.asarray(rule(g, t.numpy(), *values, **t.static))
            for rule in (t.op.textbook(i, t), t.op.rule(i))
        )
        if t.op.fits is None:
            assert same(value(formula), unbroadcast(shown, t.args[i], t))
        # else the last bits of a factorisation go by the layout in memory
        np.testing.assert_allclose(
            unbroadcast(run, t.args[i], t), value(formula), rtol=1e-13, atol=1e-15
        )
        assert "swapaxes(-1" not in formula.python


@pytest.mark.parametrize(
    ("name", "i", "python", "unicode", "latex"),
    [
        ("sigmoid", 0, "g * y * (1 - y)", "g · y · (1 − y)", r"g \cdot y \cdot (1 - y)"),
        ("tanh", 0, "g * (1 - y * y)", "g · (1 − y²)", r"g \cdot (1 - y^{2})"),
        ("matmul", 0, "g @ b.mT", "g bᵀ", r"g b^{\top}"),
        ("matmul", 1, "a.mT @ g", "aᵀ g", r"a^{\top} g"),
        ("divide", 1, "-g * y / b", "−g · y / b", r"\frac{-g \cdot y}{b}"),
        ("log2", 0, "g / (x * 0.6931471805599453)", "g / (x · ln 2)", r"\frac{g}{x \cdot \ln 2}"),
        ("softplus", 0, "g * sigmoid(x)", "g · σ(x)", r"g \cdot \sigma(x)"),
        ("sum", 0, "np.broadcast_to(g, x.shape)", "g", "g"),
        ("getitem", 0, "scatter(g, 1, x.shape)", "g at [1]", r"g \operatorname{at} [1]"),
        ("prod", 0, "g * others", "g · others", r"g \cdot \mathrm{others}"),
    ],
)
def test_local_derivatives_read_like_a_calculus_book(name, i, python, unicode, latex):
    formula = local_derivative(name, i)
    assert [
        formula.equations(language)[-1].right for language in ("python", "unicode", "latex")
    ] == [python, unicode, latex]


UNARY = [
    lambda t, k=k: k(t)
    for k in (
        np.exp,
        np.sin,
        np.tanh,
        np.abs,
        np.negative,
        tg.sigmoid,
        tg.softplus,
        tg.relu,
        np.square,
        np.sqrt,
    )
]
BINARY = [
    np.add,
    np.subtract,
    np.multiply,
    np.divide,
    np.power,
    np.maximum,
    tg.matmul,
    lambda a, b: tg.where(a > b, a, b),
    np.arctan2,
]
SHAPED = [
    *(
        lambda t, axis=axis, f=f: f(t, axis=axis, keepdims=True)
        for f in (np.sum, np.mean, np.max, np.var, np.prod)
        for axis in (None, 0, -1, (0, 1))
    ),
    *(lambda t, axis=axis: t.sum(axis) for axis in (None, 0, -1)),
    *(
        lambda t, i=i: t[i]
        for i in (
            0,
            slice(None, None, -1),
            (Ellipsis, None),
            np.array([0, 0, 1]),
            (slice(1, None), [0]),
        )
    ),
    lambda t: t.T,
    lambda t: t.mT,
    lambda t: t.reshape(-1),
    lambda t: t.astype(np.float32),
    lambda t: tg.stack([t, 2.0 * t], axis=-1),
    lambda t: t.at[0].add(1.0),
]
NUMBERS = [2, -1, 0.5, -3.0, 1e-7, float("inf"), np.array([0.1, -0.7, 2.5]), np.float32(0.3)]


@st.composite
def graphs(draw):
    """A tensor computed by random ops from random leaves, some of it named."""
    leaf = st.lists(st.floats(-4, 4), min_size=6, max_size=6).map(
        lambda v: np.array(v).reshape(2, 3)
    )
    leaves = [tg.Tensor(draw(leaf), True, name=name) for name in ("W1", "x")] + [
        tg.Tensor(draw(st.floats(-2, 2)), True),
        tg.Tensor(draw(leaf)),
    ]
    pool = list(leaves)
    for _ in range(draw(st.integers(1, 14))):
        kind = draw(st.sampled_from(["unary", "binary", "number", "number", "shape"]))
        t = pool[draw(st.integers(-len(pool), -1))]
        if kind == "unary":
            call = partial(draw(st.sampled_from(UNARY)), t)
        elif kind == "shape":
            call = partial(draw(st.sampled_from(SHAPED)), t)
        else:
            other = draw(st.sampled_from(NUMBERS if kind == "number" else pool))
            pair = (t, other) if draw(st.booleans()) else (other, t)
            call = partial(draw(st.sampled_from(BINARY)), *pair)
        try:
            with np.errstate(all="ignore"):
                new = call()
        except (ValueError, IndexError, TypeError):
            continue  # shapes that do not go together
        if new.size < 200 and new.dtype.kind == "f":
            new.name = draw(st.sampled_from([None, None, "z1", "x", 'b"; import os', "lambda"]))
            pool.append(new)
    return pool[-1]


@settings(max_examples=100, deadline=None)
@given(graphs())
def test_round_trip_of_random_graphs(t):
    # of equal entries ours is exactly 0, and the text's, NumPy's method, may be a rounding error
    assume(
        not any(
            a.op and a.op.name in ("var", "std") and (a.numpy() == 0).any() for a in ancestors(t)
        )
    )
    with np.errstate(all="ignore"):
        assert same(value(expression(t)), t)
        formula = program(t)
        assert same(value_of_program(formula), t)
    assert formula.unicode
    assert formula.latex.count("{") == formula.latex.count("}")


def value_of_program(formula):
    """What the last line of a program assigns."""
    namespace = dict(formula.namespace)
    exec(formula.python, namespace)
    return (
        namespace[formula.python.rsplit("\n", 1)[-1].partition(" = ")[0]]
        if " = " in formula.python
        else eval(formula.python, namespace)
    )


def network():
    """The 2-layer network of article 000, with its cross-entropy."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 2, (8, 4)) * 1.0, rng.integers(0, 2, (8, 1)) * 1.0
    W1, b1, W2, b2 = (tg.Tensor(rng.normal(size=shape), True) for shape in ((4, 5), 5, (5, 1), 1))
    z1 = x @ W1 + b1
    a1 = z1.sigmoid()
    z2 = a1 @ W2 + b2
    o = z2.sigmoid()
    loss = -(y * np.log(o) + (1 - y) * np.log(1 - o)).mean()
    return program(loss), expression(loss, until={o})


def test_the_network_of_the_article_is_written_as_its_user_wrote_it():
    lines, short = network()
    assert lines.python.split("\n") == [
        "z1 = x @ W1 + b1",
        "a1 = sigmoid(z1)",
        "z2 = a1 @ W2 + b2",
        "o = sigmoid(z2)",
        "loss = -(y * np.log(o) + (1 - y) * np.log(1 - o)).mean()",
    ]
    assert short.unicode == "−mean(y ⊙ ln(o) + (1 − y) ⊙ ln(1 − o))"
    assert r"z_{1} &= x W_{1} + b_{1}" in lines.latex
    assert np.array_equal(value(short), value_of_program(lines))


@pytest.mark.parametrize(
    ("make", "python", "unicode", "latex"),
    [
        (lambda a, b, c: a - (b - c), "a - (b - c)", "a − (b − c)", "a - (b - c)"),
        (lambda a, b, c: (a - b) - c, "a - b - c", "a − b − c", "a - b - c"),
        (lambda a, b, c: a + b * c, "a + b * c", "a + b ⊙ c", r"a + b \odot c"),
        (lambda a, b, c: (a + b) * -c, "(a + b) * -c", "(a + b) ⊙ (−c)", r"(a + b) \odot (-c)"),
        (lambda a, b, c: -(a**2) / b, "-a ** 2 / b", "−a² / b", r"\frac{-a^{2}}{b}"),
        (lambda a, b, c: (-a) ** 2, "(-a) ** 2", "(−a)²", "(-a)^{2}"),
        (lambda a, b, c: a ** (b + c), "a ** (b + c)", "a^(b + c)", "a^{b + c}"),
        (
            lambda a, b, c: (a.T @ b).exp().sum(0),
            "np.exp(a.T @ b).sum(axis=0)",
            "Σ_rows e^(aᵀ b)",
            r"\sum_{\text{rows}} e^{a^{\top} b}",
        ),
        (
            lambda a, b, c: (a + b).T @ (a * b),
            "(a + b).T @ (a * b)",
            "(a + b)ᵀ (a ⊙ b)",
            r"(a + b)^{\top} (a \odot b)",
        ),
        (
            lambda a, b, c: 0.5 * ((a - b) ** 2).sum(),
            "0.5 * ((a - b) ** 2).sum()",
            "0.5·Σ (a − b)²",
            r"0.5\, \sum (a - b)^{2}",
        ),
        (
            lambda a, b, c: (a > b) + 2.0 * c,
            "(a > b) + 2.0 * c",
            "(a > b) + 2·c",
            r"(a > b) + 2\, c",
        ),
        (
            lambda a, b, c: (a / b).sigmoid(),
            "sigmoid(a / b)",
            "σ(a / b)",
            r"\sigma\left(\frac{a}{b}\right)",
        ),
        (
            lambda a, b, c: a[0, :-1] * 1e-9,
            "a[0, :-1] * 1e-09",
            "a[0, :-1] · 1e−9",
            r"a[0, :-1] \cdot (1 \times 10^{-9})",
        ),
        (
            lambda a, b, c: (a * b) @ c.T * a,
            "a * b @ c.T * a",
            "(a ⊙ b) cᵀ ⊙ a",
            r"(a \odot b) c^{\top} \odot a",
        ),
        (
            lambda a, b, c: a / (b / c) @ a,
            "a / (b / c) @ a",
            "(a / (b / c)) a",
            r"\frac{a}{\frac{b}{c}} a",
        ),
        (
            lambda a, b, c: np.concatenate([a, b], axis=1),
            "np.concatenate([a, b], axis=1)",
            None,
            None,
        ),
        (
            lambda a, b, c: np.abs(a - b).max(axis=(0, 1)),
            "abs(a - b).max(axis=(0, 1))",
            "max(|a − b|)",
            None,
        ),
    ],
)
def test_parentheses_are_the_fewest_that_keep_the_meaning(make, python, unicode, latex):
    a, b, c = (tg.Tensor(np.full((2, 2), v), True) for v in (1.0, 2.0, 3.0))
    formula = expression(make(a, b, c), {"a": a, "b": b, "c": c})
    assert (
        formula.python,
        formula.unicode if unicode else None,
        formula.latex if latex else None,
    ) == (python, unicode, latex)


def test_a_users_own_op_is_written_and_derived_without_further_work():
    tg.op(lambda x: x**3, lambda g, y, x: g * 3 * x**2, name="cube")
    try:
        x = tg.Tensor([1.0, 2.0], requires_grad=True)
        formula = expression(x.cube() + 1)
        assert (formula.python, formula.latex) == ("cube(x) + 1", r"\operatorname{cube}(x) + 1")
        assert same(value(formula), [2.0, 9.0])
        assert local_derivative("cube").unicode == "g · 3 · x²"
    finally:
        del registry["cube"], tg.Tensor.cube


HOSTILE = [
    '__import__("os")',
    r"\input{x}",
    "a b",
    "lambda",
    "1st",
    "ﬁ",
    "$x_^{}%#&~",
    "x\n\x00y",
    "<script>",
    "np",
    "sigmoid",
    "",
    "é",
    "}",
]


@pytest.mark.parametrize("label", HOSTILE)
def test_labels_from_users_cannot_inject_code_or_markup(label):
    x = tg.Tensor([1.0, 2.0], requires_grad=True, name=label)
    formula = expression((x * 2.0).sigmoid())
    (name,) = [key for key, text in formula.labels.items() if text == (label or "x")]
    assert name.isidentifier()
    assert f"sigmoid({name} * 2.0)" == formula.python
    assert same(value(formula), (x * 2.0).sigmoid())
    assert "\n" not in formula.unicode
    assert not {"\\input", "\\begin", "\n", "<", "~"} & {
        *formula.latex.replace("\\textasciitilde", "").split("{"),
        *formula.latex,
    }


def test_names_are_pretty_and_distinct():
    assert [latex_name(n) for n in ("W1", "a_2", "delta2", "loss", "x_train", "λ", "b")] == [
        "W_{1}", "a_{2}", r"\delta_{2}", r"\mathrm{loss}", r"x_{\mathrm{train}}", r"\lambda", "b"
    ]  # fmt: skip
    assert [unicode_name(n) for n in ("W12", "delta2", "x_train", "a b")] == [
        "W₁₂",
        "δ₂",
        "x_train",
        "‘a b’",
    ]
    assert identifier(latex_name(r"\input{x}")).isidentifier()
    a, b = (tg.Tensor(v, requires_grad=True, name="w") for v in (2.0, 3.0))
    formula = expression(a - b)
    assert formula.python == "w - w_2"
    assert value(formula) == -1.0


def test_shared_parts_are_written_once_and_chains_may_be_long():
    x = t = tg.Tensor(1.0, requires_grad=True)
    for _ in range(40):
        t = t + t
    formula = expression(t)
    assert len(formula.python) < 2000
    assert value(formula) == 2.0**40
    t = x
    for _ in range(30_000):
        t = t.sin()
    assert value(expression(t)) == t.item()


def test_what_lies_behind_until_is_a_name():
    x = tg.Tensor([1.0], requires_grad=True)
    z = x * 2.0
    y = z.exp()
    formula = expression(y, until=[z])
    assert formula.python == "np.exp(z)"
    assert same(value(formula), y)
    assert expression(x).python == "x"
    with pytest.raises(ValueError, match="leaf"):
        local_derivative(x)
    with pytest.raises(ValueError, match="greater gives no gradient"):
        local_derivative("greater")
