"""check_formula: by hand, automatic, numerical; which is the odd one out, and by how much."""

import re

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.testing import GradientMismatch, check_formula

Z = np.array([[0.1, -0.4], [2.0, 0.8]])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_der(x):
    """As the articles print it: right for the input of the sigmoid, not for its output."""
    return sigmoid(x) * (1 - sigmoid(x))


# -- by hand is the odd one out --------------------------------------------------------------------


def test_the_articles_printed_sigmoid_der_of_out_is_wrong_and_by_how_much():
    with pytest.raises(GradientMismatch) as caught:
        check_formula(tg.sigmoid, lambda z: sigmoid_der(sigmoid(z)), Z)
    report = caught.value.report
    assert report.odd == "by hand"
    assert report.verdict == "check_formula: the formula derived by hand is WRONG for z"
    assert (
        "z: by hand is the odd one out: z[1, 0] is 0.207156, "
        "where automatic and numerical give 0.104994, 1.97304 times it"
    ) in str(report)


def test_the_formula_o_times_1_minus_o_is_right():
    report = check_formula(tg.sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z)), Z)
    assert report
    assert report.odd == ""
    assert report.verdict == "check_formula: by hand, automatic and numerical gradients agree"


def test_only_the_wrong_input_is_named():
    def forgotten_transpose(x, W):
        return W.T, x.T @ np.ones((2, 2))

    report = check_formula(lambda x, W: x @ W, forgotten_transpose, Z, Z, report=True)
    assert report.verdict == "check_formula: the formula derived by hand is WRONG for x"
    assert [c.odd for c in report.comparisons] == ["by hand", ""]
    assert "W: all three agree" in str(report)


def test_a_small_mistake_is_seen():
    with pytest.raises(GradientMismatch, match="by hand is the odd one out"):
        check_formula(lambda x: x * x, lambda x: 2 * x * (1 + 2e-6), Z)


def test_a_formula_that_gives_nan_is_wrong():
    with pytest.raises(GradientMismatch, match="by hand is the odd one out"):
        check_formula(lambda x: x * x, lambda x: np.where(x > 1, np.nan, 2 * x), Z)


@pytest.mark.parametrize("z", [[40.0], [-40.0], [0.0, 37.0]])
def test_a_saturated_formula_is_right(z):
    assert check_formula(tg.sigmoid, lambda z: sigmoid(z) * (1 - sigmoid(z)), np.array(z))


def test_at_a_kink_either_convention_is_right():
    for at_zero in (0.0, 0.5, 1.0):
        assert check_formula(
            tg.relu,
            lambda x, at_zero=at_zero: np.where(x == 0, at_zero, x > 0),
            np.array([-1.0, 0.0, 1.0]),
        )


# -- so is each of the others ----------------------------------------------------------------------

wrong = tg.op(lambda x: x * 3.0, lambda g, y, x: g * 2.0, name="test_wrong_rule")


def test_the_automatic_gradient_is_the_odd_one_and_its_op_is_blamed():
    report = check_formula(
        lambda z: wrong(z).sum(), lambda z: np.full(z.shape, 3.0), Z, report=True
    )
    assert report.odd == "automatic"
    assert report.verdict == "check_formula: the automatic gradient is WRONG for z"
    assert "is 2, where by hand and numerical give 3, 0.666667 times it" in str(report)
    assert "to blame: the rule of `test_wrong_rule` for its first argument (z)" in str(report)


def test_a_formula_and_a_rule_with_the_same_mistake_leave_the_numerical_one():
    report = check_formula(
        lambda z: wrong(z).sum(), lambda z: np.full(z.shape, 2.0), Z, report=True
    )
    assert report.odd == "numerical"
    assert report.verdict == "check_formula: the gradients DISAGREE for z"


def test_no_two_agree():
    report = check_formula(
        lambda z: wrong(z).sum(), lambda z: np.full(z.shape, 1.0), Z, report=True
    )
    assert report.odd == "all three"
    assert "no two of the three agree" in str(report)


# -- what by_hand may give -------------------------------------------------------------------------


def product(a, b):
    return (a * b).sum()


@pytest.mark.parametrize(
    "by_hand", [lambda a, b: (b, a), lambda a, b: [b, a], lambda a, b: {"b": a, "a": b}]
)
def test_a_tuple_a_list_or_a_dict_by_name(by_hand):
    assert check_formula(product, by_hand, Z, Z + 1.0)


def test_nested_parameters():
    def f(p):
        return p["W"].sum() * 2.0 + p["b"] * 3.0

    assert check_formula(
        f, lambda p: {"b": 3.0, "W": np.full((2, 2), 2.0)}, {"W": Z, "b": np.array(1.0)}
    )


def divides_by_zero(a, b):
    return b, a * (1 / len([]))


def forgets_return(a, b):
    _ = b, a


@pytest.mark.parametrize(
    ("by_hand", "message"),
    [
        (
            lambda a, b: b,
            "by hand gives 1 gradient for the 2 inputs a, b: "
            "return one array for each, in this order",
        ),
        (lambda a, b: (b, a, a), "by hand gives 3 gradients for the 2 inputs a, b"),
        (forgets_return, "by hand gives None: does the function end with `return`?"),
        (lambda a, b: (b, None), "by hand gives None for b: return an array of shape (3, 2)"),
        (
            lambda a, b: (b, a[0]),
            "by hand gives shape (2,) for b of shape (3, 2): a gradient has the shape of its input",
        ),
        (lambda a, b: (b, a.T), "by hand gives shape (2, 3) for b of shape (3, 2): transposed?"),
        (
            lambda a, b: (b, a.ravel()),
            "by hand gives shape (6,) for b of shape (3, 2): "
            "the values are right, `.reshape((3, 2))` them",
        ),
        (
            lambda a, b: (b, a[None] * [[[0.5]], [[0.5]]]),
            "by hand gives shape (2, 3, 2) for b of shape (3, 2): its sum over axis 0 is right",
        ),
        (lambda a, b: {"a": b, "c": a}, "by hand gives no gradient for b, only 'a', 'c'"),
        (lambda a, b: {"a": b, "db": a}, "; did you mean 'db' to be 'b'?"),
        (lambda a, b: (b, "a"), "by hand gives 'a' for b, which is no array of numbers"),
        (
            lambda a, b: (b, [[1.0], [2.0, 3.0]]),
            "by hand gives [[1.0], [2.0, 3.0]] for b, which is no array of numbers",
        ),
        (divides_by_zero, "by hand raises ZeroDivisionError: division by zero"),
        (lambda a, b: (b, a * np.nan), "b[0, 0] is nan, where automatic and numerical give"),
        (lambda a, b: (b, a * np.inf), "b[0, 0] is inf, where automatic and numerical give"),
        (lambda a, b: (b, -a), "every entry is -1 times what it should be: the sign?"),
        (
            lambda a, b: (b, a * 2),
            "every entry is 2 times what it should be: a factor 2, or 1/n for two rows?",
        ),
        (
            lambda a, b: (b, a / 6),
            "every entry is 0.166667 times what it should be: 1/n for 6 rows?",
        ),
        (
            lambda a, b: (b, a * -3),
            "every entry is -3 times what it should be: 1/n for 3 rows and the sign?",
        ),
        (lambda a, b: (b, a * 1.7), "every entry is 1.7 times what it should be"),
        (lambda a, b: (b, a * (1 + 1e-6)), ", 1 + 1.0e-06 times it"),
    ],
)
def test_what_is_no_gradient_is_a_wrong_answer_and_said(by_hand, message):
    A = np.array([[0.3, -0.4], [2.0, 0.8], [1.0, -3.0]])
    with pytest.raises(GradientMismatch, match=re.escape(message)):
        check_formula(product, by_hand, A, A + 1.0)
    report = check_formula(product, by_hand, A, A + 1.0, report=True)
    assert report.odd == "by hand"
    assert "<table>" in report._repr_html_()


@pytest.mark.parametrize(
    "by_hand",
    [
        lambda x: [[1.0, 2.0], [3.0, 4.0]],
        lambda x: ([[1.0, 2.0], [3.0, 4.0]],),
        lambda x: {"x": [[1, 2], [3, 4]]},
    ],
)
def test_nested_lists_are_arrays(by_hand):
    assert check_formula(lambda x: (x * np.array([[1.0, 2.0], [3.0, 4.0]])).sum(), by_hand, Z)


def test_a_square_gradient_that_is_transposed_is_said_to_be():
    W = np.array([[1.0, 2.0], [3.0, 5.0]])
    report = check_formula(lambda x: (x * W).sum(), lambda x: W.T, Z, report=True)
    assert "; transposed?" in str(report)


def test_wrt_lists_the_inputs_that_are_meant():
    assert check_formula(product, lambda a, b: a, Z, Z + 1.0, wrt="b")
    assert check_formula(product, lambda a, b: {"a": b}, Z, Z + 1.0, wrt=[0])
    with pytest.raises(ValueError, match="wrt='c' names no input"):
        check_formula(product, lambda a, b: a, Z, Z, wrt="c")


def test_zeros_that_would_hide_a_mistake_are_mentioned():
    report = check_formula(
        lambda w, b: (w * 2.0 + b).sum() ** 2,
        lambda w, b: (8.0 * w.sum() + 0 * w, 4.0 * w.sum() + 0 * b),
        Z,
        np.zeros((2, 2)),
    )
    assert report
    assert (
        "b is all zeros: a formula that forgets it would agree here, "
        "so check at random values as well" in str(report)
    )


def test_kinks_are_said_in_the_verdict():
    f = lambda x: x.relu().sum()  # noqa: E731
    report = check_formula(f, lambda x: (x > 0) * 1.0, np.array([0.0, 1.0]))
    assert (
        report.verdict == "check_formula: by hand, automatic and numerical gradients agree; "
        "1 entry not differentiable here"
    )
    for wrong in (np.nan, np.inf, -0.01, 1.01):
        assert not check_formula(
            f,
            lambda x, wrong=wrong: np.array([wrong, 1.0]),
            np.array([0.0, 1.0]),
            report=True,
        )


def test_the_formula_must_be_a_function():
    with pytest.raises(TypeError, match="by_hand is a function of the inputs"):
        check_formula(product, Z, Z, Z)


def test_by_hand_cannot_change_the_inputs():
    kept = Z.copy()

    def by_hand(z):
        z *= 0.0
        return np.full(z.shape, 3.0)

    check_formula(lambda z: z * 3.0, by_hand, kept)
    np.testing.assert_array_equal(kept, Z)


def test_names_are_escaped_in_html():
    html = check_formula(product, lambda a, b: (b, a), Z, Z, names=["<i>", "b"])._repr_html_()
    assert "<i>" not in html
    assert "&lt;i&gt;" in html
