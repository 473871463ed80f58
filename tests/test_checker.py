"""gradcheck: what it accepts, what it catches, what it calls not differentiable, and how."""

import re

import bank
import numpy as np
import pytest
from counting import calls

import tinygrad_edu as tg
from tinygrad_edu.engine.registry import registry
from tinygrad_edu.graph import value_of
from tinygrad_edu.testing import GradientMismatch, comparison, gradcheck
from tinygrad_edu.testing.claims import gradient_of
from tinygrad_edu.testing.report import AGREES, DISAGREES, NOT_DIFFERENTIABLE, UNRESOLVED
from tinygrad_edu.testing.rounding import only_moves
from tinygrad_edu.testing.subject import Subject

rng = np.random.default_rng(0)
X = rng.normal(size=(3, 4))


def scaled_gradient(factor, name):
    """An op that changes nothing but the gradient, by a factor."""
    return tg.op(lambda x: x.copy(), lambda g, y, x: g * factor, name=name)


def verdicts(report):
    return [entry.verdict for entry in report.entries]


def checked(f, *inputs, **options):
    return gradcheck(f, *inputs, report=True, **options)


# -- faults that well-known checkers let pass ------------------------------------------------------

slightly = scaled_gradient(1.001, "test_slightly_wrong")
barely = scaled_gradient(1 + 2e-6, "test_barely_wrong")
zero = scaled_gradient(0.0, "test_zero_gradient")
no_upstream = tg.op(lambda x: x * x, lambda g, y, x: 2 * x, name="test_ignores_upstream")
turned = tg.op(lambda x: x * 2.0, lambda g, y, x: g.T * 2.0, name="test_turned")
half = tg.op(np.abs, lambda g, y, x: g, name="test_wrong_below_zero", kinks=lambda x: x)
first_order = tg.op(
    lambda x: x**3, lambda g, y, x: g * 3 * value_of(x) ** 2, name="test_first_order_only"
)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (slightly, X),
        (barely, X),
        (lambda x: zero(x) * 1e-6, X),
        (lambda x: (zero(x) * 1e-6).sum(), X),
        (no_upstream, X),
        (turned, X[:, :3]),
        (half, -np.abs(X)),
    ],
    ids=[
        "x 1.001",
        "x (1 + 2e-6)",
        "zero gradient of 1e-6 x",
        "its sum",
        "ignores upstream",
        "transposed",
        "x < 0",
    ],
)
def test_a_planted_fault_is_caught(f, x):
    with pytest.raises(GradientMismatch, match="to blame: the rule of `test_"):
        gradcheck(f, x)


def test_a_fault_at_order_2_alone_needs_order_2():
    gradcheck(first_order, X)
    blamed = "the derivative of the rule of `test_first_order_only`"
    with pytest.raises(GradientMismatch, match=blamed):
        gradcheck(first_order, X, order=2)
    gradcheck(lambda x: x**3, X, order=2)


def test_one_entry_of_ten_thousand_is_found_and_named():
    at = np.arange(10_000).reshape(100, 100) != 4321
    zeroed = tg.op(lambda x: x.copy(), lambda g, y, x: g * at, name="test_one_zeroed")
    with pytest.raises(GradientMismatch, match=re.escape("x[43, 21]")) as caught:
        gradcheck(
            lambda x: (zeroed(x) * np.linspace(1, 2, 10_000).reshape(100, 100)).sum(),
            rng.normal(size=(100, 100)),
        )
    assert caught.value.report.blames[0].op == "test_one_zeroed"


def test_a_gradient_that_is_not_a_number_is_caught():
    broken = tg.op(
        lambda x: x * 2.0, lambda g, y, x: g * np.where(x > 0, 2.0, np.nan), name="test_nan_rule"
    )
    report = checked(broken, np.array([1.0, -1.0, 2.0]))
    assert verdicts(report) == [AGREES, DISAGREES, AGREES]


def test_a_small_entry_beside_large_ones_is_caught():
    """The bias has a scale of its own, however large the gradient of the weights."""
    f = lambda w, b: (w * 1e6).sum() + zero(b).sum()  # noqa: E731
    report = checked(f, X, np.ones(2))
    assert {entry.parameter for entry in report.of(DISAGREES)} == {"b"}


# -- kinks -----------------------------------------------------------------------------------------


def test_relu_beside_its_kink_200_times():
    for x in rng.uniform(-1e-8, 1e-8, 200):
        assert verdicts(gradcheck(lambda x: x.relu() * 2.0, np.array([x, 1.0]))) == [AGREES, AGREES]


@pytest.mark.parametrize(
    "f", [tg.relu, tg.abs, lambda x: tg.maximum(x, 0.0), lambda x: x.clip(0, 1)]
)
def test_on_a_kink_is_neither_a_pass_nor_an_alarm(f):
    report = gradcheck(f, np.array([0.0, 0.5]))
    assert verdicts(report) == [NOT_DIFFERENTIABLE, AGREES]
    assert report.verdict == "gradcheck: 1 of 2 entries agree; 1 not differentiable here"
    assert "from the left" in str(report)


@pytest.mark.parametrize(
    "f", [lambda x: abs(x) ** 3, lambda x: x.relu() ** 2, lambda x: tg.where(x > 0, x, x)]
)
def test_a_kink_in_which_nothing_breaks_agrees(f):
    assert verdicts(gradcheck(f, np.array([0.0, 0.5]))) == [AGREES, AGREES]


@pytest.mark.parametrize("near", [0.0, 1e-12, -1e-12, 1e-9, -1e-9, 1e-6, -1e-4])
def test_a_hidden_kink_raises_no_alarm(near):
    """The checker cannot see the comparison, which is made of bare arrays."""
    report = gradcheck(lambda x: tg.where(x.numpy() > 0, x * 2.0, x * 3.0), np.array([near, 1.0]))
    assert verdicts(report)[1] == AGREES
    assert verdicts(report)[0] == (NOT_DIFFERENTIABLE if near == 0 else verdicts(report)[0])


def test_a_wrong_rule_is_blamed_on_a_kink_of_the_whole():
    told = "the rule of an op DISAGREES, where the whole decides nothing"
    with pytest.raises(GradientMismatch, match=told):
        gradcheck(lambda x: slightly(x).relu(), np.array([0.0]))


def test_a_rule_outside_of_both_slopes_is_wrong_even_at_a_kink():
    double = tg.op(
        lambda x: np.maximum(x, 0),
        lambda g, y, x: g * 2.0 * (x >= 0),
        name="test_double_relu",
        kinks=lambda x: x,
    )
    with pytest.raises(GradientMismatch, match="test_double_relu"):
        gradcheck(double, np.array([0.0]))


def test_a_pole_is_not_differentiable():
    report = checked(lambda x: x.sqrt(), np.array([0.0, 1.0]))
    assert verdicts(report) == [NOT_DIFFERENTIABLE, AGREES]


# -- hard values -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("f", "x"),
    [
        (tg.sigmoid, [-700.0, -80.0, -17.0, 0.0, 17.0, 37.0, 80.0]),
        (tg.sigmoid, [-40.0]),
        (tg.tanh, [-700.0, -20.0, -9.0, 0.0, 9.0, 20.0]),
        (lambda x: (x.tanh() - 1.0) ** 2, [8.0]),
        (lambda x: abs(x.tanh()), [5.0, 8.0]),
        (tg.log, [1e-9, 1e-5, 0.1, 1.0, 1e6]),
        (tg.log, [1e-9]),
        (lambda x: x * x, [1e6, 1.0]),
        (lambda x: ((x - 1e6) ** 2).sum(), [1e6 + 0.5, 1.0]),
        (tg.sin, [1e6, 1.0]),
        (tg.exp, [30.0, -30.0, 0.0]),
        (lambda x: x * 1e-12, [1.0]),
        (lambda x: x + 1e6, [1.0]),
        (lambda x: x * 0.0, [1.0]),
    ],
)
def test_hard_values_raise_no_alarm(f, x, dtype):
    report = gradcheck(f, np.array(x, dtype))
    assert set(verdicts(report)) == {AGREES} or (
        dtype == "float32" and DISAGREES not in verdicts(report)
    )


def test_a_tail_that_the_function_itself_does_not_show_is_said_to_be_below_resolution():
    """Sigmoid(40) is 1 to the last digit, and its slope 4e-18."""
    assert verdicts(gradcheck(tg.sigmoid, np.array([40.0]))) == [UNRESOLVED]


def test_a_slope_that_rounding_hides_is_no_alarm():
    """No step moves the value, ln 2.

    Differences do not tell 5e-21 from nothing, nor from 5e-18, but they do from 1e-3.

    The ops on the way, each checked alone, do.
    """

    def f(x):
        return (x * 1e-20).softplus()

    report = gradcheck(f, np.ones(1))
    assert [(e.verdict, e.by_parts) for e in report.entries] == [(AGREES, True)]
    assert report.verdict == "gradcheck: the one entry agrees; 1 by the parts alone"
    assert verdicts(gradcheck(lambda x: f(x) * 0.0, np.ones(1))) == [AGREES]
    never = tg.op(
        lambda x: x * 0.0 + 1.0, lambda g, y, x: g * 1e-3, name="test_slope_of_a_constant"
    )
    assert verdicts(checked(never, np.ones(1))) == [DISAGREES]


def test_rounding_is_measured_where_a_rule_compares_its_input_with_its_output():
    """The rule of min asks x == y: both rounded on their own are never equal.

    Its gradient then says nothing of rounding.
    """
    assert verdicts(gradcheck(lambda x: x.tanh().min(axis=0), np.array([10.0], "float32"))) == [
        AGREES
    ]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_function_that_rounds_on_its_way(dtype):
    """What is allowed follows the coarsest dtype inside: differences would see its rounding."""
    gradcheck(lambda x: (x.astype(dtype).sigmoid() * 3.0).astype("float64"), X)
    with pytest.raises(GradientMismatch):
        gradcheck(
            lambda x: (scaled_gradient(1.3, "test_wrong_in_low")(x.astype(dtype)) * 3.0).astype(
                "float64"
            ),
            X,
        )


def test_float32_inputs_are_checked_in_float32_too():
    """A rule that is right in float64 and loses everything in float32."""
    lossy = tg.op(lambda x: x * 2.0, lambda g, y, x: (g * 2.0 + 1e8) - 1e8, name="test_lossy")
    gradcheck(lambda x: x.sigmoid(), X.astype("float32"))
    with pytest.raises(GradientMismatch):
        gradcheck(lossy, X.astype("float32"))


# -- entries of sizes that are hundreds of powers of ten apart -------------------------------------

OF_ANY_SIZE = {
    **{f"x ** {e}": (lambda x, e=e: x**e) for e in (-1.0, -0.5, 0.25, 0.875, 1.125, 3.0)},
    "log": tg.log,
    "sqrt": tg.sqrt,
    "1 / x": lambda x: 1 / x,
    "exp of small": lambda x: (x * 1e-200).exp(),
    "x * x[::-1]": lambda x: x * x[::-1],
    "product": lambda x: x[0] * x[1] * x[2],
}


def of_any_size(name, seed):
    """(The function or its sum, inputs from 1e-300 to 1e300 with some near 1 among them).

    Value and gradient are finite there.
    """
    rng = np.random.default_rng((seed, *name.encode()))
    while True:
        f = OF_ANY_SIZE[name] if rng.random() < 0.6 else lambda x: OF_ANY_SIZE[name](x).sum()
        near_1, ordinary = rng.random(3) < 0.3, rng.uniform(0.5, 2.0, 3)
        x = np.where(near_1, ordinary, 10.0 ** rng.uniform(-300, 300, 3))
        t = tg.Tensor(x, requires_grad=True)
        with np.errstate(all="ignore"):
            y = f(t)
            y.sum().backward()
        size = np.abs(t.grad)
        if np.isfinite(y.numpy()).all() and ((size > 1e-290) & (size < 1e300)).all():
            return f, x, np.abs(t.grad)


@pytest.mark.parametrize("name", OF_ANY_SIZE)
def test_entries_of_any_size_side_by_side_raise_no_alarm(name):
    for seed in range(10):
        f, x, _ = of_any_size(name, seed)
        report = checked(f, x)
        assert report.ok, f"{x!r}\n{report}"


def times_in_backward(factors):
    """An op that gives its argument, and a gradient that is wrong by these factors."""
    return tg.op(lambda x: x.copy(), lambda g, y, x: g * factors, name="test_one_of_any_size")


@pytest.mark.parametrize("name", OF_ANY_SIZE)
def test_a_fault_in_one_of_them_is_caught_or_said_to_be_undecided(name):
    caught = 0
    for seed in range(10):
        f, x, size = of_any_size(name, seed)
        at = int(size.argmax())
        off = times_in_backward(np.where(np.arange(3) == at, 1.001, 1.0))
        report = checked(lambda x, f=f, off=off: f(off(x)), x)
        assert not report.ok or verdicts(report)[at] == UNRESOLVED, f"{x!r}\n{report}"
        caught += not report.ok
    assert caught >= 5


@pytest.mark.parametrize(
    "f", [lambda x: x**0.875, lambda x: (x**0.875).sum()], ids=["entries", "sum"]
)
def test_steps_reach_the_size_of_a_tiny_entry_beside_others(f):
    """Over steps that are far larger than the entry differences see the bend at 0."""
    report = checked(f, np.array([0.5, 1e-3, 1.49e-154]))
    assert verdicts(report) == [AGREES] * 3


@pytest.mark.parametrize("size", [5e-324, 1e-300, 1e-154, 1e-20, 1.0, 1e154, 1e300])
@pytest.mark.parametrize(
    "f", [lambda x: x.cbrt().sum(), lambda x: (x * 1e-200).tanh()], ids=["cbrt", "tanh"]
)
def test_few_steps_are_enough_at_any_size(f, size):
    """They lie near the lengths that the function can have, and not all along between them."""
    calls = []
    checked(lambda x: calls.append(1) or f(x), np.array([1.0, size]))
    assert len(calls) < 1000


# -- what rounds, and what only moves numbers ------------------------------------------------------

MOVES = {
    "copy": lambda x: x.copy(),
    "reshape": lambda x: x.reshape(4, 3).reshape(3, 4),
    "transpose": lambda x: x.T.T,
    "flip": lambda x: np.flip(x),
    "getitem": lambda x: x[[2, 0, 1]],
    "stack": lambda x: tg.stack([x, x])[1],
    "concatenate": lambda x: tg.concatenate([x, x])[:3],
    "where": lambda x: tg.where(X > 0, x, x),
    "negative": lambda x: -np.negative(x),
    "a user's": tg.op(lambda x: x.copy(), lambda g, y, x: g, name="test_only_moves"),
}


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_what_only_moves_numbers_rounds_none(move, order):
    """Else the large numbers that a function is given were as loud as those that it computes."""

    def noise(f):
        return Subject(f if order == 1 else gradient_of(f, [0]), (X + 1e6,)).noise

    assert noise(lambda x: (move(x) - 1e6) ** 3).max() <= 4 * noise(lambda x: (x - 1e6) ** 3).max()


def test_what_computes_rounds_even_where_it_gives_what_it_took():
    a, b = np.array([1e6]), np.array([1e-20])
    assert np.add(a, b) == a
    assert not only_moves(registry["add"], [a, b], {})
    joined = tg.op(
        lambda a, b: a + b, lambda g, y, a, b: g, lambda g, y, a, b: g, name="test_joined"
    )
    assert not only_moves(joined, [a, b], {})
    shrunk = tg.op(lambda x: np.where(x > 1, x * 1.1, x), lambda g, y, x: g, name="test_shrunk")
    assert not only_moves(shrunk, [np.array([0.5, 2.0])], {})
    assert not only_moves(registry["astype"], [a + 0.1], {"dtype": np.float32})
    assert only_moves(registry["astype"], [a + 0.1], {"dtype": np.float64})


# -- inputs of every form --------------------------------------------------------------------------


def test_several_outputs_and_nested_parameters():
    parameters = {"layers": [{"W": X, "b": np.ones(4)}, {"W": X.T, "b": np.ones(3)}], "gain": 2.0}

    def f(p, x):
        for layer in p["layers"]:
            x = (x @ layer["W"] + layer["b"]).tanh()
        return {"out": x * p["gain"], "more": (x.sum(), [x.mean()])}

    report = gradcheck(f, parameters, np.ones((2, 3)), wrt="p")
    assert list(report.shapes) == [
        "p['layers'][0]['W']",
        "p['layers'][0]['b']",
        "p['layers'][1]['W']",
        "p['layers'][1]['b']",
        "p['gain']",
    ]
    assert set(verdicts(report)) == {AGREES}


@pytest.mark.parametrize(
    ("wrt", "names"),
    [(0, ["a"]), ("b", ["b"]), ([1, "a"], ["a", "b"]), (None, ["a", "b"]), (["b"], ["b"])],
)
def test_wrt_by_position_and_by_name(wrt, names):
    assert list(gradcheck(lambda a, b: a * b, X, X, wrt=wrt).shapes) == names


def test_wrt_of_an_unknown_name_lists_those_that_there_are():
    with pytest.raises(ValueError, match=r"wrt='c' names no input: there are 0, a, 1, b"):
        gradcheck(lambda a, b: a * b, X, X, wrt="c")


def test_closures_without_inputs():
    W = tg.Tensor(X.astype("float32"), requires_grad=True)
    b = tg.Tensor(np.ones(4), requires_grad=True, name="bias")
    report = gradcheck(lambda: ((W + b).sigmoid() ** 2).sum())
    assert set(report.shapes) == {"W", "bias"}
    with pytest.raises(GradientMismatch, match="W"):
        gradcheck(lambda: (slightly(W) * b).sum())


def test_what_the_user_holds_is_left_as_it_was():
    W, b = tg.Tensor(X, requires_grad=True), tg.Tensor(np.ones(4), requires_grad=True)
    (W * b).sum().backward()
    data, before = W._array, [W.numpy().copy(), W.grad.copy(), b.numpy().copy(), b.grad.copy()]
    gradcheck(lambda: (W * b).sigmoid())
    gradcheck(lambda W, b: (W * b).sigmoid(), W, b)
    checked(lambda W, b: slightly(W * b), W, b)
    after = [W.numpy(), W.grad, b.numpy(), b.grad]
    assert W._array is data
    assert all(np.array_equal(x, y) for x, y in zip(before, after, strict=True))


def test_integers_beside_floats_are_no_parameters():
    report = gradcheck(lambda x, i, k: x[i] * k, X, np.array([0, 2]), 3)
    assert list(report.shapes) == ["x"]


def test_numbers_0d_arrays_and_arrays_of_size_0():
    assert len(gradcheck(lambda x, y: x * y, 2.0, np.array(3.0)).entries) == 2
    assert gradcheck(lambda x, y: x.sum() + y, np.zeros((0, 3)), np.array(3.0)).ok


# -- bad input: a message for each -----------------------------------------------------------------


def writes(x):
    x.data[...] = 1.0
    return x * 2.0


@pytest.mark.parametrize(
    ("f", "x", "error", "message"),
    [
        (lambda x: x > 0, X, TypeError, "gives bool, which has no gradient"),
        (lambda x: x.astype(int), X, TypeError, "gives int64, which has no gradient"),
        (lambda x: x.numpy().sum(), X, TypeError, "must return Tensors, it returned float64"),
        (lambda x: None, X, TypeError, "returned nothing"),
        (lambda x: x.log(), -np.abs(X), ValueError, "gives NaN at these inputs"),
        (lambda x: x / 0.0, np.abs(X), ValueError, "gives an infinite value at these inputs"),
        (writes, X, ValueError, "writes changes its input x in place"),
        (
            lambda x: x * np.random.default_rng().normal(),
            X,
            ValueError,
            "gives another value each time",
        ),
        (lambda x: x[:0], X, ValueError, "gives no numbers"),
        (
            lambda x: x * 2.0,
            np.array([1, 2]),
            TypeError,
            "found nothing to vary: the inputs hold int64; give inputs of a float dtype",
        ),
        (tg.Tensor(1.0), X, TypeError, "takes the function, not its result"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_bad_input_is_explained(f, x, error, message):
    with pytest.raises(error, match=re.escape(message)):
        gradcheck(f, x)


def test_an_array_changed_in_place_is_noticed():
    kept = X.copy()

    def f(x, y):
        kept[0, 0] += 1.0
        return x * 2.0

    with pytest.raises(ValueError, match="in place"):
        gradcheck(f, X, kept, wrt="x")


def test_a_lost_gradient_is_explained():
    told = r"does not depend on its inputs by recorded ops.*t\.numpy"
    with pytest.raises(GradientMismatch, match=told):
        gradcheck(lambda x: tg.Tensor(x.numpy() * 2.0), X)


@pytest.mark.parametrize("order", [0, 3, "2"])
def test_an_unknown_order_is_refused(order):
    with pytest.raises(ValueError, match="order must be 1"):
        gradcheck(tg.sin, X, order=order)


# -- the report ------------------------------------------------------------------------------------


def wrong_network(W1, b1, W2):
    z1 = (np.ones((2, 3)) @ W1 + b1).named("z1")
    return slightly(z1).named("a1").tanh() @ W2


def test_the_report_names_parameter_index_values_op_argument_and_variable():
    report = checked(wrong_network, X, np.ones(4), X.T)
    text = str(report)
    assert text.startswith("gradcheck: 16 of 28 entries DISAGREE\n")
    assert re.search(
        r"^  W1 +shape \(3, 4\)  12 disagree   largest difference \de-0\d of the scale$",
        text,
        re.MULTILINE,
    )
    assert re.search(r"^  W2 +shape \(4, 3\)  12 agree ", text, re.MULTILINE)
    assert re.search(r"W1\[\d, \d\] +-?\d\.\d+ +-?\d\.\d+ ± \de-\d+ +\S+ +disagrees", text)
    assert "... and 8 more" in text
    assert (
        "to blame: the rule of `test_slightly_wrong` for its first argument (z1), "
        "at `a1 = test_slightly_wrong(...)`: it gives" in text
    )
    shown = [entry.off for entry in report.offenders()]
    assert shown == sorted(shown, reverse=True)
    assert shown[0] == max(entry.off for entry in report.entries)


def test_the_error_has_the_report_and_the_report_is_false():
    with pytest.raises(GradientMismatch) as caught:
        gradcheck(wrong_network, X, np.ones(4), X.T)
    assert isinstance(caught.value, AssertionError)
    assert str(caught.value) == str(caught.value.report)
    assert not caught.value.report
    assert repr(caught.value.report) == "<gradcheck: 16 of 28 entries DISAGREE>"
    assert gradcheck(tg.sin, X)


def test_the_same_check_gives_the_same_report():
    texts = {str(checked(wrong_network, X, np.ones(4), X.T, seed=1)) for _ in range(3)}
    assert len(texts) == 1


def test_names_are_escaped_in_html():
    x = tg.Tensor(X, requires_grad=True, name="<script>alert(1)</script>")
    html = checked(lambda x: slightly(x.named("<b>&")), x)._repr_html_()
    assert "<script>" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;" in html
    assert html.count("<tr>") == html.count("</tr>") > 1
    assert "<td>agrees</td>" in gradcheck(tg.sin, X)._repr_html_()


# -- the fast mode ---------------------------------------------------------------------------------

# so few that NumPy multiplies them in one thread
images, digits = rng.uniform(size=(2, 784)), np.eye(10)[[3, 7]]
network = {
    "W1": rng.normal(size=(784, 128)) * 0.05,
    "b1": np.zeros(128),
    "W2": rng.normal(size=(128, 10)) * 0.1,
    "b2": np.zeros(10),
}


def cost(p):
    scores = (images @ p["W1"] + p["b1"]).relu() @ p["W2"] + p["b2"]
    return -(tg.log_softmax(scores) * digits).sum() / 2


def test_a_network_of_100_000_parameters_takes_few_evaluations():
    called = []

    def counted(p):
        called.append(1)
        return cost(p)

    report = gradcheck(counted, network)
    assert len(called) < 10
    assert set(verdicts(report)) == {AGREES}
    assert report.verdict == "gradcheck: all 12 random directions agree"


@pytest.mark.parametrize("scale", [1e-3, 1e6])
def test_a_wrong_gradient_of_a_smooth_function_is_measured_nowhere_twice(scale):
    points = []

    def counted(x):
        points.append(x.item())
        return doubled(x) * scale

    doubled = tg.op(lambda x: x * 1.0, lambda g, y, x: 2 * g, name="test_doubled")
    assert not checked(counted, np.array(1.5))
    elsewhere = [x for x in points if x != 1.5]
    assert len(elsewhere) == len(set(elsewhere)) > 100


def test_in_a_network_of_100_000_parameters_one_wrong_entry_is_found():
    def off(g, y, x):
        wrong = np.array(g)
        wrong[300, 77] += 1e-6 * np.abs(wrong).max()
        return wrong

    one_off = tg.op(lambda x: x.copy(), off, name="test_one_off")
    report = checked(lambda p: cost({**p, "W1": one_off(p["W1"])}), network, wrt="p['W1']")
    assert report.of(DISAGREES)[0].place == "p['W1'][300, 77]"
    assert [blame.op for blame in report.blames] == ["test_one_off"]


def test_fast_can_be_asked_for_and_refused():
    assert [entry.index for entry in gradcheck(tg.sin, X, fast=True).entries] == [None] * 3
    assert len(gradcheck(tg.sin, np.ones((21, 21)), fast=False).entries) == 441


# -- what it costs ---------------------------------------------------------------------------------


def softmax_by_hand(x):
    e = np.exp(x - x.max())
    return e / e.sum()


SMOOTH = [
    tg.sin,
    lambda x: (x * x).sum(),
    softmax_by_hand,
    lambda x: (x.reshape(-1, 2) @ X[:2]).tanh().sum(),
]


@pytest.mark.parametrize("f", SMOOTH)
def test_an_entry_costs_at_most_three_plain_central_differences(f):
    def calls_of(n):
        x = np.linspace(-1.0, 1.0, n)
        return calls(lambda: gradcheck(f, x, fast=False))

    few, many = np.linspace(-1.0, 1.0, 60), np.linspace(-1.0, 1.0, 100)
    plain = calls(lambda: f(tg.Tensor(few))) + calls(lambda: f(tg.Tensor(many)))
    assert calls_of(100) - calls_of(60) <= 3 * plain * 40


def central_differences(f, x):
    """As one writes them by hand."""
    found = np.zeros_like(x)
    with tg.no_grad():
        for i in np.ndindex(x.shape):
            above, below = x.copy(), x.copy()
            above[i] += 1e-6
            below[i] -= 1e-6
            found[i] = (f(tg.Tensor(above)).item() - f(tg.Tensor(below)).item()) / 2e-6
    return found


@pytest.mark.parametrize("f", SMOOTH)
@pytest.mark.parametrize("n", [6, 32])
def test_a_small_function_costs_at_most_three_plain_central_differences(f, n):
    """What is done once for all entries is no more than they themselves cost."""
    x = np.linspace(-1.0, 1.1, n)

    def number(x):
        return (f(x) ** 2).sum()

    gradcheck(number, x)  # what is done at the first call alone
    once = calls(lambda: gradcheck(number, x))
    assert once <= 3 * calls(lambda: central_differences(number, x))


def test_a_claim_that_is_confirmed_is_pulled_back_twice():
    """With the upstream gradient and twice that: nobody asks how much rounding may change it."""
    pulls = []

    def rule(g, y, x):
        pulls.append(1)
        return 2 * g * x

    square = tg.op(lambda x: x * x, rule, name="test_pulled_twice")
    gradcheck(square, X)
    assert len(pulls) == 2


@pytest.mark.parametrize("f", [*SMOOTH, lambda x: (x * 2.0).relu()])
@pytest.mark.parametrize("n", [2, 4, 6, 20])
def test_fast_costs_no_more_than_entry_by_entry(f, n):
    x = np.linspace(-1.0, 1.1, n)
    assert calls(lambda: gradcheck(f, x, fast=True)) <= calls(lambda: gradcheck(f, x, fast=False))


def test_a_network_of_many_entries_is_called_few_times():
    called = []

    def f(W, b):
        called.append(1)
        return ((images[:, :9] @ W + b).relu() ** 2).sum()

    gradcheck(f, rng.normal(size=(9, 20)), rng.normal(size=20))
    assert len(called) < 10


def branching(x):
    return x * 2.0 if x.sum().item() > 0 else x * 3.0


def by_its_text(x):
    return x * float(f"{x.numpy()[0]:.3f}")


def unrecorded(x):
    with tg.no_grad():
        size = abs(x).sum()
    return x * size


def deriving(x):
    return tg.grad(lambda x: (x**3).sum())(x)


def deriving_by_values(x):
    return tg.grad(lambda x: (x * x if x.sum().item() > 0 else x**3).sum())(x)


def compared_with_numpy(x):
    return tg.where(x.numpy() > 0, x * 2.0, x * 3.0)


@pytest.mark.parametrize(
    "f",
    [
        *(branching, by_its_text, unrecorded, deriving_by_values, compared_with_numpy),
        lambda x: x * x.detach(),
    ],
)
def test_a_function_that_goes_by_values_is_called_for_each(f):
    assert Subject(f, (np.array([0.3, -0.2]),)).replay is None


@pytest.mark.parametrize(
    "f",
    [
        *SMOOTH,
        cost,
        deriving,
        lambda x: tg.hvp(lambda x: (x**4).sum(), (x,), (np.array([1.0, -2.0]),)),
        lambda x: x,
        lambda x: {"a": x.T, "b": [x[0], tg.Tensor(2.0)]},
        lambda x: tg.where(x > 0, x * 2.0, tg.concatenate([x, x])[2:]),
        lambda x: x[x.argmax() : x.argmax() + 1] if x.ndim > 5 else x[[0, 0]],
        lambda x: x * np.random.default_rng(0).normal(size=2),
    ],
)
def test_a_function_that_only_calls_ops_is_run_from_its_record(f):
    inputs = network if f is cost else np.array([0.3, -0.2])
    subject = Subject(f, (inputs,))
    assert subject.replay is not None
    with tg.no_grad():
        for part in (0.5, 1.25):
            values = [part * v + 0.1 for v in subject.values]
            with subject.run(values) as (_, outputs):
                expected = [out.numpy() for out in outputs]
            found = subject.replay.at(dict(enumerate(values)))
            assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.filterwarnings("always")
def test_no_warning_of_complex_numbers_leaks_from_a_check(recwarn):
    """A conversion drops the imaginary part of a complex step, which says nothing then."""
    report = checked(lambda x: x.astype("float32").relu(), np.array([0.0, 1.0]))
    assert verdicts(report) == [NOT_DIFFERENTIABLE, AGREES]
    assert not recwarn.list


def test_a_branch_at_the_point_itself_is_not_differentiable():
    assert verdicts(gradcheck(branching, np.array([0.0]))) == [NOT_DIFFERENTIABLE]
    assert verdicts(gradcheck(compared_with_numpy, np.array([0.0, 1.0]))) == [
        NOT_DIFFERENTIABLE,
        AGREES,
    ]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_two_values_confirm_is_what_is_found_without_them(monkeypatch):
    for program in bank.programs(60, seed=5):
        quick = checked(program(np), *program.inputs)
        with monkeypatch.context() as patch:
            patch.setattr(
                comparison, "confirmed", lambda subject, parameter, ways, decides: [{}] * len(ways)
            )
            thorough = checked(program(np), *program.inputs)
        assert verdicts(quick) == verdicts(thorough), program
        for a, b in zip(quick.entries, thorough.entries, strict=True):
            assert a.numerical == pytest.approx(
                b.numerical, rel=1e-12, abs=1e-12 * a.scale, nan_ok=True
            ), program
            assert a.error == pytest.approx(b.error, rel=1e-3, abs=1e-12 * a.scale), program


# -- numbers of very different sizes, along random directions --------------------------------------

AT_ALL_SIZES = {
    "the least": lambda x: x.min(axis=0),
    "sizes": lambda x: abs(x),
    "lengths": lambda x: tg.hypot(np.zeros(x.shape), x),
    "relu": lambda x: x.relu() * 2.0,
    "log of sums": lambda x: tg.logsumexp(x, axis=0),
    "cube roots": lambda x: np.cbrt(x),
}


def of_all_sizes(rng, largest=60, shape=(6, 4)):
    x = rng.choice([-1, 1], shape) * 2.0 ** rng.uniform(-12, 2, shape)
    x[rng.integers(6, size=2), rng.integers(4, size=2)] = 2.0 ** rng.uniform(10, largest, 2)
    return x


@pytest.mark.parametrize("name", AT_ALL_SIZES)
def test_small_numbers_beside_large_ones_raise_no_alarm(name):
    rng = np.random.default_rng(1)
    for _ in range(5):
        for fast in (False, True):
            gradcheck(AT_ALL_SIZES[name], of_all_sizes(rng), fast=fast)


def test_a_wrong_entry_is_found_beside_large_ones():
    def rule(g, y, x):
        return g * np.sign(x) * factor

    size = tg.op(np.abs, rule, name="size_but_for_one", kinks=lambda x: x)
    for seed in range(5):
        x = of_all_sizes(np.random.default_rng(seed), largest=30)
        factor = np.where(abs(x) == abs(x).min(), 1.001, 1.0)
        with pytest.raises(GradientMismatch, match="size_but_for_one"):
            gradcheck(size, x, fast=True)
