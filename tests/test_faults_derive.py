"""Closed formulas are right for whatever the table of ops can build.

`.function`, `.numpy_source` and the printed lines.
"""

from __future__ import annotations

import os
import re
from functools import cache

import numpy as np
import printed
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textbook import BOOK

import tinygrad_edu as tg
from tinygrad_edu.derivation.definitions import definition
from tinygrad_edu.engine.registry import in_table, registry
from tinygrad_edu.explanation.chain import Chain, Link
from tinygrad_edu.graph import ancestors
from tinygrad_edu.notation.derivatives import sample
from tinygrad_edu.notation.names import identifier, unicode_name
from tinygrad_edu.notation.printers import LANGUAGES
from tinygrad_edu.notation.python import is_bare_function
from tinygrad_edu.notation.reasons import of_use
from tinygrad_edu.notation.templates import unicode_template
from tinygrad_edu.testing import expressions

GRAPHS = int(os.environ.get("GRAPHS", "12"))  # 2,000 and more were run by hand
IN_CALLS = {
    "max_pool",
    "average_pool",
    "group_norm",
    "joined_and_stacked",
    "soft_update_of_rows",
}  # reshape, stack and .at are written as calls


def leaf(values, **more):
    return tg.Tensor(np.asarray(values, float), requires_grad=True, **more)


def alone(found):
    """What the source gives that is run alone, with nothing of this package in sight."""
    names = {}
    exec(found.numpy_source, names)
    return names["gradients"](**found.inputs)


def is_close(a, b, tolerance=1e-10):
    """Whether two arrays agree, relative to the largest entry.

    What cancels to 0 may be off by the rounding of what it was made of.
    """
    a, b = np.asarray(a), np.asarray(b)
    assert np.array_equal(np.isfinite(a), np.isfinite(b))
    finite = np.isfinite(b)
    return (
        np.abs(a - b).max(initial=0, where=finite)
        <= tolerance * np.abs(b).max(initial=0, where=finite) + 1e-13
    )


def pull_back(loss, wrt):
    for t in wrt:
        t.grad = None
    loss.backward()


def agrees(loss, wrt, found, tolerance=1e-10):
    """Whether both functions of a derivation give the gradients of backward."""
    pull_back(loss, wrt)
    for gradients in (found.function(**found.inputs), alone(found)):
        for g, t in zip(gradients if type(gradients) is tuple else (gradients,), wrt, strict=True):
            expected = np.zeros(t.shape) if t.grad is None else t.grad
            assert np.shape(g) == expected.shape
            assert is_close(g, expected, tolerance)
    return True


# -- the textbook ----------------------------------------------------------------------------------


@cache
def derived(name):
    """A loss of the textbook, by what it is differentiated, all names, and its derivation."""
    loss, wrt, names = BOOK[name]()
    return loss, wrt, names, tg.derive(loss, wrt, names=names)


@cache
def explained(name):
    loss, wrt, names, _ = derived(name)
    return str(tg.explain(loss, wrt[0], names=names))


@pytest.mark.parametrize("name", BOOK)
def test_the_textbook(name):
    """In one test, since a page is derived once in a process, and tests are spread over several."""
    it_agrees_and_is_well_formed(name)
    if name not in IN_CALLS:
        its_printed_lines_are_the_gradients(name)
    its_links_add_up(name)
    it_is_printed_without_smells_and_strangers(name)


def it_agrees_and_is_well_formed(name):
    loss, wrt, _, found = derived(name)
    assert agrees(loss, wrt, found)
    text = str(found)
    assert not re.search(
        r"\d{5,}/|/\d{5,}|1e1\d|−0(?![.\d])|\bp₁|reshape\(Σ|expand_dims|scatter|broadcast|"
        r"copy\(|\[\.\.\.|ᵀᵀ",
        text,
    )
    for spelling in (found.latex, found._repr_latex_()):
        math = re.sub(r"\\[\\{}$&#%_]", "", spelling)
        assert math.count("{") == math.count("}")
        assert spelling.count(r"\left") == spelling.count(r"\right")


def its_printed_lines_are_the_gradients(name):
    """A reader who knows the signs of mathematics alone finds what backward gives."""
    loss, wrt, names, found = derived(name)
    pull_back(loss, wrt)
    scope = {"np": np, **found.functions, **found.inputs}
    exec(found.body, scope)  # the values of the forward pass; what is gradient is read
    values = {
        **scope,
        **{
            unicode_name(key): value
            for key, value in scope.items()
            if not key.startswith(("d_", "delta"))
        },
    }
    values |= {
        unicode_name(key): np.asarray(value.numpy() if type(value) is tg.Tensor else value)
        for key, value in names.items()
    }
    with np.errstate(all="ignore"):
        read = printed.gradients(str(found), values)
    called = {id(value): unicode_name(key) for key, value in names.items()}
    for t in wrt:
        value = next(value for left, value in read.items() if left.endswith(f"/∂{called[id(t)]}"))
        assert is_close(
            np.broadcast_to(np.squeeze(value), np.squeeze(t.grad).shape), np.squeeze(t.grad), 1e-5
        )  # six digits are shown


def its_links_add_up(name):
    loss, wrt, names, _ = derived(name)
    pull_back(loss, wrt)
    assert not re.search(r"expand_dims|scatter|broadcast|getitem", explained(name))
    chain = Chain(loss, wrt[0], names)
    sums = {}
    for link in (step for step in chain.steps() if isinstance(step, Link)):
        seed = chain.gradients[link.by] if chain.is_scalar else 1.0
        sums[link.of] = sums.get(link.of, 0.0) + seed * link.value
    assert all(is_close(total, u.grad) for u, total in sums.items())


LINES = {
    "softmax_by_hand": "δ = ∂L/∂z = (p − Y) / 5",
    "softmax_by_hand_from_the_maximum": "δ = ∂L/∂z = (p − Y) / n",
    "softmax_with_one_hot_rows": "δ = ∂L/∂z = (p − Y) / n",
    "softmax_with_labels": "δ = ∂L/∂z = (p − 𝟏 at [[0, 1, 2, 3, 4], y]) / n",
    "log_sum_exp": "∂s/∂z = p",
    "sum_of_a_product": "∂s/∂W = Xᵀ 𝟏",
    "sine_of_pi": "∂y/∂z = π·cos(π·z)",
    "polynomial": "∂y/∂x = 3·x² − 4·x + 4",
    "ridge": "∂E/∂w = 2·(Xᵀ (X w − y) + λ · w)",
    "ridge_of_a_mean": "∂E/∂w     = Xᵀ δ + 0.2·w",
    "least_squares": "∂E/∂w = 2·Xᵀ (X w − y) / n",
    "variance": "∂v/∂x = 2·(x − mean(x)) / n",
    "attention": "δ_Q = ∂L/∂Q     = δ_S K / √2",
    "quadratic_form": "∂q/∂x = Aᵀ x + A x",
    "power_of_itself": "∂y/∂w = (ln(w) + 1) · w^w",
    "embedding": "∂L/∂E     = δ at [i]",
    "product_of_entries": "∂f/∂x = (Π x) / x",
    "matrix_factorisation": "∂L/∂U = 2·(((U Vᵀ − R) ⊙ mask) V + 0.05·U)",
    "z_score_with_std": "(for std(x) is nowhere 0)",
    "gaussian_likelihood": "∂L/∂μ = (Σ (μ − x)) / σ²",
    "perceptron_criterion": "∂L/∂w = Xᵀ ((X w ⊙ c₁ > 0) ⊙ c₁)",
    "two_layers_with_relu": "δ₁ = ∂J/∂z₁ = (z₁ > 0) ⊙ δ_o W₂ᵀ",
    "largest_and_smallest": "∂f/∂x = (x = max_columns(x)) − (x = min(x))",
    "triplet_loss": "∂L/∂a = 2·((Σ (a − p)² − Σ (a − n)² + 2 > 0) · (n − p))",
}


@pytest.mark.parametrize("name", LINES)
def test_lines_that_a_textbook_has(name):
    loss, wrt, names = BOOK[name]()
    assert LINES[name] in str(tg.derive(loss, wrt, names=names)).split("\n")


# -- what no printed line may have -----------------------------------------------------------------

TEMPLATES = [unicode_template(op.latex) for op in registry.values() if isinstance(op.latex, str)]
SIGNS = {"None", "π", "e", "ln", "at", "rows", "columns", "in", "i", "v"}  # beside the names of ops
SIGNS |= {word for template in TEMPLATES for word in re.findall(r"[^\W\d]+", template)}  # σ, mod
SIGNS |= {"_rows", "_columns", "_axis", "_axes"}  # below a norm
SMELLS = (
    r"--|−−|\+ -|\+ −|- -|− −|\(−\(−|−\(−(?![^()]*(\)\^| = ))",  # two signs where one will do
    # times 1, to the power of 1
    r"(?<![\w.)\]])1[·]|(?<![\w.)\]])1 [·⊙] |[·⊙] 1(?![\d.])|\^1(?![\d.])",
    r"\(\(([^()]|\([^()]*\))*\)\)(?!\w)",  # doubled parentheses
    r"\d{4,}/\d|\d/\d{4,}|\d\.\d{7,}",  # ratios and digits that nobody reads
    r"Tensor\(|array\(|slice\(|None, None|<lambda>|<op|np\.|dtype",  # Python's own
    r"expand_dims|scatter|broadcast|\bcopy\(|ᵀᵀ|√\(√",
)


def printed_mathematics(text):
    """The lines of a derivation, or of an explanation, that are mathematics.

    Left and right sides, and definitions.
    """
    lines = [line.strip() for line in text.split("\n")]
    return [line for line in lines if " = " in line and not line.startswith(("= ", "("))]


def smells(text):
    found = [
        (smell, line)
        for line in printed_mathematics(text)
        for smell in SMELLS
        if re.search(smell, line)
    ]
    return found + [
        ("parentheses", line) for line in text.split("\n") if line.count("(") != line.count(")")
    ]


def strangers(text, labels):
    """Names in a derivation that are none of the user's, nor defined by a line or a remark."""
    lines = [line for line in text.split("\n") if not line.startswith("(")]
    defined = {
        word for line in lines for word in re.split(r" = ", line.partition(" = ∂")[0])[0].split()
    }
    defined |= set(re.findall(r"^\((\S+?)(?::| =)", text, re.MULTILINE)) | {
        unicode_name(label) for label in labels
    }
    words = {
        word
        for line in lines
        for word in re.findall(r"[^\W\d]\w*\b(?!=)", re.sub("[∂ᵀ⁰¹²³⁴-⁹⁻]", " ", line))
    }
    ops = {*registry} | {unicode_name(name) for name in registry}
    unknown = words - defined - SIGNS - ops
    return {word for word in unknown if word.partition("_")[0] not in {"Σ", "Π", *registry}}


SMELLY = "−(−x)|x + −y|1·x|1 ⊙ x|x ⊙ 1|x^1|((x + y))|x · 12345/67891|0.12345678".split("|")
SMELLY += "Tensor(x)|a[None, None]|<lambda>|ᵀᵀ|(x".split("|")


@pytest.mark.parametrize("right", SMELLY)
def test_smells_are_smelt(right):
    assert smells(f"∂f/∂x = {right}")
    assert not smells("∂f/∂x = −(x − 1) · √((x + 1) / 2) + 0.12·x[:, None]^1.5 / 11 · (−2 · 10)")


def test_strangers_are_found():
    assert strangers(
        "δ = ∂f/∂x = p₂ · q² + k\n∂f/∂x = δ\n(k = 5, the rows of x)", {"f": 0, "x": 0}
    ) == {"p₂", "q"}


def it_is_printed_without_smells_and_strangers(name):
    _, _, names, found = derived(name)
    assert not smells(str(found))
    assert not strangers(str(found), names)
    assert not smells(explained(name))


# -- random graphs, and what there are of kinds ----------------------------------------------------


@settings(max_examples=GRAPHS)
@given(expressions(max_ops=8), st.integers(0, 2))
def test_random_graphs(program, how):
    inputs = [tg.Tensor(x, requires_grad=True) for x in program.inputs]
    y = program(*inputs)
    loss = (y.sum(), (y * y).mean(), (y * np.cos(np.arange(y.size)).reshape(y.shape)).sum())[how]
    known = set(ancestors(loss))
    wrt = [t for t in inputs if t in known]
    if loss.requires_grad:
        names = {f"x{i}": t for i, t in enumerate(inputs)} | {"loss": loss, "y": y}
        found = tg.derive(loss, wrt, names=names)
        assert agrees(loss, wrt, found)
        assert not smells(str(found))
        assert not strangers(str(found), names)
        assert found.latex.count("{") - found.latex.count(r"\{") == found.latex.count(
            "}"
        ) - found.latex.count(r"\}")


def kinds():
    """Losses of every kind, each with what to differentiate by."""
    w, c = leaf([1.0, 2.0]), leaf([1.0, -2.0])
    yield "a plain sum", w.sum(), [w]
    yield "less than nothing", (-w).sum(), [w]
    yield "a number", leaf(2.0).exp(), None
    yield "one by one", leaf([[2.0]]) * leaf([[3.0]]), None
    x = leaf(0.0)
    a = tg.softmax(x, axis=-1).tanh()
    yield "less a condition", np.arccos(a * 0.875).relu(), [x]
    column = leaf([[1.0], [2.0]])
    by_row = tg.logsumexp(tg.stack([column, 2.0 * column]), axis=1)
    yield "axes of length 1", (by_row * by_row).mean(), [column]
    yield "nothing in it", leaf(np.zeros((0, 3))).sum(), None
    yield "the same tensor twice in wrt", (w * w).sum(), [w, w]
    z = w * 2
    yield "an intermediate first", (z * z).sum(), [z, w]
    loss = (w * 3).sum()
    yield "the loss itself", loss, [loss, w]
    yield "it decides a condition only", ((c > 0) * np.array([1.0, 2.0]) * w).sum(), [w, c]
    yield (
        "whole numbers",
        ((w - np.array([1, 0], np.uint8)) ** 2).sum()
        - (np.array([3, 0], np.uint8) * np.log(w)).sum(),
        [w],
    )
    params = {"W": leaf(np.ones((2, 2))), "b": leaf([1.0, 2.0])}
    yield "a dictionary", ((np.array([[1.0, 2.0]]) @ params["W"] + params["b"]) ** 2).sum(), params
    x = leaf([0.5, 1.2, 2.0])
    first = dict((x**3 * 2).sum().adjoints(create_graph=True))[x]
    yield "a gradient of a gradient", (first * first).sum(), [x]
    yield "weights used twice", (np.tanh(np.tanh(np.eye(2) @ (w * w)) * w) * w).sum(), [w]
    yield "a row and a column", (leaf([[1.0], [2.0]]) * w + c).sum(), None
    yield "a swapped axis", (leaf(np.arange(24.0).reshape(2, 3, 4)).swapaxes(0, 2) ** 2).sum(), None
    yield "five square roots", sum((w + k).sqrt().sum() for k in range(5)), [w]
    yield (
        "a softmax along the rows",
        (tg.softmax(leaf(np.eye(3)), axis=0) * np.arange(9.0).reshape(3, 3)).sum(),
        None,
    )
    e = np.exp(x)
    yield "a part of a softmax written by hand", -np.log((e / e.sum())[0]), [e, x]
    total = np.exp(x).sum()
    yield "a part of a logsumexp written by hand", np.log(total), [total, x]
    m = leaf([[1.0, 2.0], [3.0, 4.0]])
    yield "transposed twice", (m.T.T * m.mT.exp().T).sum(), [m]
    s = leaf([0.5, 2.0])
    size = abs(s)
    yield "one operand twice", np.logaddexp(size, size).log1p().sum(), [s]
    yield "a remainder", (s % (s.exp() + 0.25)).sum(), [s]
    yield (
        "two leaves of one name",
        (leaf([1.0, 2.0], name="v") * leaf([3.0, 4.0], name="v")).sum(),
        None,
    )


@pytest.mark.parametrize(("what", "loss", "wrt"), list(kinds()), ids=[what for what, *_ in kinds()])
def test_kinds_of_losses(what, loss, wrt):
    wrt = [t for t in ancestors(loss) if t.is_leaf and t.requires_grad] if wrt is None else wrt
    found = tg.derive(loss, wrt)
    assert agrees(loss, list(wrt.values()) if type(wrt) is dict else wrt, found)
    assert not smells(str(found))
    assert r"^{\top}^{\top}" not in found.latex
    assert found.html


def test_a_sigmoid_of_a_number_is_a_number():
    size = abs(leaf([0.5, 2.0], name="s"))
    loss = np.logaddexp(size, size).log1p().sum()
    assert "σ" not in str(tg.derive(loss, [size.args[0]]))


CALLS = {
    "reshape(x, shape)": lambda x: np.exp(x.reshape(2, 3)).sum(axis=0),
    "index_set(x, v, i)": lambda x: np.tanh(np.tanh(x * x).at[0].set(2.0)),
    "cumsum(x)": lambda x: np.exp(np.cumsum(x)),
    "stack(x, y)": lambda x: np.exp(np.stack([x, x * x])),
    "v at [i]": lambda x: np.exp(x[[0, 0, 2]]),
}


@pytest.mark.parametrize("call", CALLS)
def test_what_is_written_as_a_call_is_said_below(call):
    x = leaf(np.arange(1.0, 7.0) / 8, name="x")
    assert f"\n({call}: " in str(tg.derive((CALLS[call](x) ** 2).sum(), [x]))


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float16", 1e-2)])
def test_narrow_dtypes(dtype, tolerance):
    w = tg.Tensor([1.0, 2.0], requires_grad=True, dtype=dtype)
    loss = ((w * w).sum() * 3).sqrt()
    found = tg.derive(loss, [w])
    assert agrees(loss, [w], found, tolerance)
    assert "√3·w / √(Σ w²)" in str(found)


NAMES = "lambda class None np abs len sigmoid gradients x|y über 数 σ 1x _ d_x".split()
NAMES += "delta n t1 c1 sum mT e p".split()


@pytest.mark.parametrize(
    "name", [*NAMES, "a" * 59 + "x" * 20, '__import__("os").abort()', "\\input{x}"]
)
def test_names_of_every_kind(name):
    w, v = leaf([1.0, 2.0], name=name), leaf(2.0, name=name + "b")
    X = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    loss = ((X @ w).sigmoid() ** 2).mean() + (w * v).sum()
    found = tg.derive(loss, [w, v], names={name: X})
    assert agrees(loss, [w, v], found)
    assert "\\input{" not in found.latex


def test_what_is_no_loss_is_refused_with_what_was_given():
    w = leaf([1.0, 2.0])
    for given_, says in [
        ((w * 2, w), r"a recorded scalar.*not a tensor of shape \(2,\)"),
        ((3.0, w), "not float 3.0"),
        (((w * 2).sum(), []), "list"),
        ((tg.Tensor(3.0), w), "not computed from what requires a gradient"),
    ]:
        with pytest.raises(TypeError, match=says):
            tg.derive(*given_)
    for wrt in ("w", 3, leaf(1.0)):
        with pytest.raises(ValueError, match="does not depend on"):
            tg.derive((w * 2).sum(), wrt)


# -- size ------------------------------------------------------------------------------------------


def sines(n):
    x, q = leaf(0.4), leaf(1.3)
    d = x
    for _ in range(n):
        d = (d * q).sin()
    return d, [x, q]


def test_the_formulas_of_a_long_chain_grow_as_it_does():
    lengths = []
    for n in (10, 20, 40):
        loss, wrt = sines(n)
        found = tg.derive(loss, wrt)
        assert agrees(loss, wrt, found)
        lengths.append(len(str(found)))
    assert lengths[2] < 3 * lengths[1] < 9 * lengths[0]


def test_sympy_is_given_formulas_of_bounded_size_only(monkeypatch):
    from tinygrad_edu.notation import simplification as algebra
    from tinygrad_edu.notation.reading import LARGEST

    seen = []
    candidates = algebra._candidates
    monkeypatch.setattr(
        algebra, "_candidates", lambda e: seen.append(int(e.count_ops())) or candidates(e)
    )
    xs = [leaf(0.1 * i + 0.3) for i in range(8)]
    e = xs[0]
    for x in xs:
        e = (e + x) * (e - 2 * x) / (x + e * e + 1)
    assert agrees(e, xs, tg.derive(e, xs), 1e-9)
    assert seen
    assert max(seen) <= 2 * LARGEST


# -- numbers ---------------------------------------------------------------------------------------

CONSTANTS = {
    np.pi: "π", 2 * np.pi: "2π", np.pi / 2: "π/2", np.e: "e", 1 / 3: "1/3", 2 / 3: "2/3",
    2**0.5: "√2",
    0.5**0.5: "1/√2",
    np.sqrt(2 * np.pi): "√(2π)", np.sqrt(2 / np.pi): "√(2/π)", np.log(2): "ln 2", 0.1: "0.1",
    0.1 + 0.2: "0.3",
    1e-5: "1e−5",
    0.9189385332046727: "0.918939", 3.0: "3", 0.044715: "0.044715", -1 / 3: "−1/3",
}  # fmt: skip


@pytest.mark.parametrize("value", CONSTANTS)
def test_constants_are_recognised_or_have_six_digits(value):
    assert LANGUAGES["unicode"].number(value).text == CONSTANTS[value]


@settings(max_examples=60)
@given(st.floats(1e-6, 1e6))
def test_what_a_number_shows_is_what_it_is(value):
    text = LANGUAGES["unicode"].number(value).text
    read = printed.Reader(text.replace("e", "e") if text != "e" else "2.718281828459045", {}).read()
    assert abs(read - value) <= 1e-5 * value


def test_the_function_has_the_full_precision():
    z = leaf(0.3)
    loss = np.sin(0.123456789012345 * z) / np.sqrt(7.3)
    found = tg.derive(loss, z)
    assert "0.123457" in str(found)
    assert "0.123456789012345" in found.numpy_source
    assert agrees(loss, [z], found, 1e-14)


def test_named_numbers_stay_symbols_and_are_defaults():
    lam, eps = 0.1, 1e-5
    w = leaf([1.0, 2.0])
    loss = lam * (w**2).sum() + (w.sum() + eps).sqrt()
    found = tg.derive(loss, w)
    assert "λ · w" in str(found)
    assert "√(Σ w + ε)" in str(found)
    assert "lam=0.1" in found.numpy_source
    assert agrees(loss, [w], found)
    assert is_close(found.function(w.numpy(), lam=0.3) - found.function(w.numpy()), 0.4 * w.numpy())


# -- ops and their words ---------------------------------------------------------------------------

BARE = [
    (name, case)
    for name, op in registry.items()
    if in_table(op) and is_bare_function(op) and not op.is_optional
    for case in range(len(op.cases) or 1)
]


@pytest.mark.parametrize(("name", "case"), BARE)
def test_the_definition_of_an_op_runs_alone(name, case):
    args, static, y = sample(registry[name], case)
    names = {}
    exec("import numpy as np\n" + definition(name, registry[name].run), names)
    assert np.allclose(names[name](*args, **static), y, rtol=1e-13)


def scaled_by(x):
    def run(v):
        return times(v)

    def times(v):
        return x * v

    return run


def shadowed(x):
    return scale * power(x)


def power(v):
    def square(scale):
        return scale * scale

    return square(v)


scale = 3.0


def test_definitions_have_a_scope_each():
    """Functions and constants that two ops call by one name are not mixed up."""
    x = leaf([1.5, -0.25])
    loss = (tg.erf(x) * tg.erfc(x)).sum()
    found = tg.derive(loss, x, names={"x": x})
    assert agrees(loss, [x], found)
    names = {}
    source = [definition(f"by_{k}", scaled_by(k)) for k in (2, 5)] + [definition("s", shadowed)]
    exec("import numpy as np\n" + "\n".join(source), names)
    assert (names["by_2"](7.0), names["by_5"](7.0), names["s"](2.0)) == (14.0, 35.0, 12.0)


def test_one_name_for_two_things_in_an_op_is_refused():
    inner = scaled_by(2)

    def run(x):
        times = inner
        return times(x) + other(x)

    def other(v):
        return inner_two(v)

    inner_two = scaled_by(5)
    with pytest.raises(ValueError, match="by_both calls functions .* something else by"):
        definition("by_both", run)


def test_what_is_small_does_not_overflow():
    """e^(-x²) is 0 where e^(x²) is too large, and a quotient of two such would be nan."""
    x = leaf([27.0, 30.0, 0.5])
    for y in (np.exp(-x * x) * x, np.exp(x) * np.exp(-x * x), tg.erf(x), tg.erfc(x * x)):
        found = tg.derive(y.sum(), x, names={"x": x})
        assert agrees(y.sum(), [x], found)


@pytest.mark.parametrize(
    "name",
    ["sigmoid", "softplus", "sigmoid_slope", "tanh_slope", "logsumexp", "softmax", "log_softmax"],
)
def test_printed_definitions_are_stable(name):
    names = {}
    exec("import numpy as np\n" + definition(name, registry[name].run), names)
    x = np.array([-1000.0, -40.0, 0.0, 40.0, 1000.0])
    with np.errstate(over="raise", invalid="raise"):
        assert np.allclose(
            names[name](x),
            registry[name].run(x, **registry[name].defaults),
            rtol=1e-12,
            atol=1e-300,
        )


def test_an_op_without_source_is_named():
    made = tg.op(eval("lambda x: x * 3"), lambda g, y, x: g * 3, name="thrice")
    try:
        w = leaf([1.0, 2.0])
        found = tg.derive((made(w) ** 2).sum(), w)
        assert is_close(found.function(w.numpy()), 18 * w.numpy())
        with pytest.raises(ValueError, match="the op thrice has no source to print.*source="):
            found.numpy_source  # noqa: B018
    finally:
        del registry["thrice"], tg.Tensor.thrice


def test_reasons_hold_where_they_are_said():
    o, y = leaf([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 5.0])
    E = ((o - y) ** 2).sum()
    assert "each of the 3 terms counts once in the sum\n" in str(tg.explain(E, o)) + "\n"
    assert "so each gets the same gradient" in str(tg.explain(o.sum().exp(), o))
    rows = leaf(np.arange(6.0).reshape(2, 3)).sum(axis=1)
    assert of_use(rows, 0, (2, 3), lambda _: None) == [
        ("each of the 3 entries counts once in its sum, so each gets the gradient of its sum",)
    ]
    for values, says in (
        ([1.0, 2.0], "only the largest entry"),
        ([2.0, 2.0], "equal ones share the gradient evenly"),
    ):
        assert says in of_use(leaf(values).max(), 0, (2,), lambda _: None)[0][0]


def test_names_that_nobody_gave_are_defined_where_they_are_used():
    x = leaf([0.5, 1.2, 2.0])
    f = (np.exp(x) * x).sum() + (x * np.array([1.0, 2.0, 4.0])).sum()
    text = str(tg.derive(f, x))
    for name in re.findall(r"\b([acz][₀-₉]*)\b", text):
        assert re.search(rf"^\(?{name} *[=:]", text, re.MULTILINE)


# -- what a reader lines up, and what things are called --------------------------------------------


def pairwise():
    X, w = leaf([[0.5, 1.0], [2.0, -1.0], [0.3, 0.7]]), np.arange(9.0).reshape(3, 3)
    return (((X[:, None, :] - X[None, :, :]) ** 2).sum(axis=2) * w).sum(), {"X": X, "w": w}


def scaled_from_both_sides():
    A, d = leaf([[1.0, 2], [3, 5]]), leaf([0.5, 3.0]).exp()
    return ((d[:, None] * A * d) ** 2).sum(), {"A": A, "d": d}


def divided_along_the_wrong_axis():
    A = leaf([[1.0, 2], [3, 5]])
    s = A / A.sum(axis=1)
    return (s**2).sum(), {"A": A, "s": s}


def outer_of_equal_lengths():
    u, v, M = leaf([1.0, 2.0]), leaf([0.3, -1.0]), np.array([[1.0, 5], [2, 3]])
    return ((M - np.outer(u, v)) ** 2).sum(), {"u": u, "v": v, "M": M}


def differences():
    u, v = leaf([1.0, 2.0]), leaf([0.3, -1.0])
    D = u[:, None] - v
    return (D**3).sum(), {"u": u, "v": v, "D": D}


def outer_of_a_product():
    h, W = leaf([1.0, 2.0, 0.5]), leaf([[0.3, 1.0], [-1.0, 2.0], [0.7, 0.1]])
    return ((h @ W) ** 2).sum(), {"h": h, "W": W}


@pytest.mark.parametrize(
    "build",
    [
        pairwise,
        scaled_from_both_sides,
        divided_along_the_wrong_axis,
        outer_of_equal_lengths,
        differences,
        outer_of_a_product,
    ],
)
def test_new_axes_are_written_where_they_cannot_be_left_to_the_reader(build):
    loss, names = build()
    wrt = [t for t in names.values() if type(t) is tg.Tensor and t.is_leaf]
    found = tg.derive(loss, wrt=wrt, names=names)
    assert agrees(loss, wrt, found)
    exec(found.body, {"np": np, **found.functions}, scope := dict(found.inputs))
    values = {
        unicode_name(key): np.asarray(value)
        for key, value in scope.items()
        if not key.startswith(("d_", "delta"))
    }
    read = printed.gradients(
        "\n".join(line for line in str(found).split("\n") if "∂" in line), values
    )
    for name, t in names.items():
        if any(t is w for w in wrt):
            assert is_close(
                np.squeeze(read[next(left for left in read if left.endswith(f"/∂{name}"))]),
                t.grad,
                1e-5,
            )


def test_axes_that_are_no_question_stay_unwritten():
    X, b, w = leaf([[0.5, 1.0, 2.0], [2.0, -1.0, 0.1]]), leaf([1.0, 3.0]), leaf([0.1, 0.2, 0.3])
    assert "None" not in str(tg.derive(((X + b[:, None]) ** 2).sum(), wrt=[X, b]))
    assert "None" not in str(
        tg.derive(((X - X.mean(axis=1, keepdims=True)) ** 3 * w).sum(), wrt=[X, w])
    )


@pytest.mark.parametrize("name", ["a", "z", "a1", "a_"])
def test_a_name_of_the_user_stays_the_users(name):
    x, slope = leaf([-1.0, 2.0]), 0.7
    y = np.where(x > 0, x, slope * (np.exp(2 * x) - 1))
    found = tg.derive(y.sum(), wrt=x, names={name: slope, "x": x})
    assert found.inputs[identifier(name)] == slope
    written = [line.partition(" = ")[0].strip() for line in str(found).split("\n")]
    assert unicode_name(name) not in written
    assert agrees(y.sum(), [x], found)


@pytest.mark.parametrize("base", [2, 10, 1.5, 2.0, np.e])
def test_a_power_of_a_number_has_its_logarithm(base):
    x = leaf(0.3)
    loss = base**x
    found = tg.derive(loss, wrt=x)
    assert "where" not in str(found)
    assert "where" not in str(tg.explain(loss, wrt=x))
    assert agrees(loss, [x], found)


def test_remarks_call_constants_what_the_lines_do():
    z = leaf([[1.0, 2.0], [0.5, 0.1]])
    loss = -(z.log_softmax(axis=1) * np.eye(2)).sum()
    found = str(tg.derive(loss, wrt=z))
    assert "(for the entries of c₁ add up to 1)" in found


# -- rules that hold but at some points ------------------------------------------------------------

USUAL = [name for name, op in registry.items() if op.usual]
TIED = {
    "prod": ([1.0, 0.0, 2.0], [3.0, 1.0, 1.0])
}  # where a rule of books is wrong; else entries that tie, in one array or in both


@pytest.mark.parametrize("name", USUAL)
@pytest.mark.parametrize("how", ["number", "axis", "apart", "exceptional", "nan"])
def test_rules_of_books_are_used_where_they_hold_and_say_so(name, how):
    op = registry[name]
    values = {
        "exceptional": TIED.get(name, ([3.0, 1.0, 1.0], [3.0, 2.0, 3.0])),
        "nan": ([np.nan, 1.0, 2.0], [1.0, 2.0, 0.5]),
    }
    rows = np.array(values.get(how, ([3.0, -1.0, 2.0], [0.5, 4.0, 1.0])))
    x = leaf(rows if op.arity == 1 else rows[0], name="x")
    wrt = [x, leaf(rows[1], name="v")] if op.arity == 2 else [x]
    made = op(*wrt, **({"axis": 1} if how == "axis" and op.arity == 1 else {}))
    for loss in (
        made.sum() * 1.0,
        (made * np.arange(1.0, made.size + 1).reshape(made.shape)).sum(),
        (made * made).sum(),
    ):
        found = tg.derive(loss, wrt)
        if how == "nan":
            assert str(found)
            continue
        assert agrees(loss, wrt, found)
        is_usual = op.usual.remark.format("x", "v") in str(found)
        assert is_usual == (how != "exceptional")
        assert not is_usual or "0.5" not in str(found)


def test_an_extreme_that_only_keeps_exp_from_overflowing_is_no_condition():
    z, Y = leaf([[1.0, 3.0, 2.0], [0.5, 0.1, 4.0]], name="z"), np.eye(3)[:2]
    e = np.exp(z - z.max(axis=1, keepdims=True))
    text = str(tg.derive(-(np.log(e / e.sum(axis=1, keepdims=True)) * Y).sum(), z, names={"Y": Y}))
    assert "∂loss/∂z = p − Y" in text
    assert "tie" not in text


# -- what is written by hand -----------------------------------------------------------------------

BY_HAND = {
    "1 / (1 + np.exp(-z))": "σ(z) ⊙ (1 − σ(z))",
    "1.0 / (np.exp(-z) + 1.0)": "σ(z) ⊙ (1 − σ(z))",
    "(1 + np.exp(-z)) ** -1": "σ(z) ⊙ (1 − σ(z))",
    "np.reciprocal(1 + np.exp(-z))": "σ(z) ⊙ (1 − σ(z))",
    "(lambda e: e / (1 + e))(np.exp(z))": "σ(z) ⊙ (1 − σ(z))",
    "np.log(1 + np.exp(z))": "σ(z)",
    "np.log1p(np.exp(z))": "σ(z)",
    "np.logaddexp(0, z)": "σ(z)",
}


@pytest.mark.parametrize("text", BY_HAND)
def test_a_sigmoid_by_hand_is_read_as_one(text):
    z = leaf([0.5, -1.0, 3.0], name="z")
    loss = eval(text).sum()
    found = tg.derive(loss, z)
    named = re.findall(r"^a += (.*)$", str(found), re.MULTILINE)
    line = re.search(r"^∂loss/∂z += (.*)$", str(found), re.MULTILINE).group(1)
    assert (re.sub(r"\ba\b", named[0], line) if named else line) == BY_HAND[text]
    assert agrees(loss, [z], found)


@pytest.mark.parametrize(
    "text", ["1 / (1 + np.exp(1 - 2 * z))", "z / (1 + np.exp(-z))", "3 / (1 + np.exp(-2 * z))"]
)
def test_shifted_and_scaled_sigmoids_are_read_too(text):
    z = leaf([0.5, -1.0, 3.0], name="z")
    loss = (eval(text) ** 2).sum()
    found = tg.derive(loss, z)
    assert "σ(" in str(found)
    assert "e^" not in str(found)
    assert agrees(loss, [z], found)


@pytest.mark.parametrize("text", BY_HAND)
def test_a_sigmoid_that_overflows_stays_what_its_user_wrote(text):
    z = leaf([800.0, -800.0, 3.0], name="z")
    with np.errstate(all="ignore"):
        loss = eval(text).sum()
        found = tg.derive(loss, z)
        loss.backward()
        assert (
            np.allclose(found.function(**found.inputs), z.grad, equal_nan=True)
            or np.isnan(z.grad).any()
        )


def test_the_function_takes_numbers_and_lists():
    z = leaf(0.8, name="z")
    assert is_close(
        tg.derive(tg.sigmoid(z) ** 2, z).function(0.8),
        2 * tg.sigmoid(0.8).item() ** 2 * (1 - tg.sigmoid(0.8).item()),
    )
    v = leaf([1.0, 2.0], name="v")
    assert is_close(tg.derive((v * v).sum(), v).function([3.0, 4.0]), [6.0, 8.0])


def test_constants_without_a_name_stay_as_they_were():
    a = leaf([[2.0, 1.0], [0.0, 2.0]])
    derived = tg.derive(np.trace(a @ a), wrt=[a])
    assert derived.function(a.numpy()).tolist() == (2 * a.numpy().T).tolist()


def test_of_another_length_it_is_derived_again():
    x, mu = np.array([1.0, 2.0, 4.0]), leaf(0.5)
    derived = tg.derive(((x - mu) ** 2).mean(), wrt=[mu], names={"x": x, "mu": mu})
    found = derived.function(**derived.inputs)
    np.testing.assert_allclose(found, -2 * (x - 0.5).mean())
    with pytest.raises(ValueError, match="derived for x of shape .*derive it again"):
        derived.function(**{**derived.inputs, "x": np.ones(5)})
