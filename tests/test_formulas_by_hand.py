"""check_formula: by hand, automatic, numerical; which one is the odd one out, where, and by how much."""

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


# -- by hand is the odd one out ----------------------------------------------------------------------------------------------------


def test_the_articles_printed_sigmoid_der_of_out_is_wrong_and_by_how_much():
    with pytest.raises(GradientMismatch) as caught:
        check_formula(tg.sigmoid, lambda z: sigmoid_der(sigmoid(z)), Z)
    report = caught.value.report
    assert report.odd == "by hand"
    assert report.verdict == "check_formula: the formula derived by hand is WRONG for z"
    assert ("z: by hand is the odd one out: z[1, 0] is 0.20715623, where automatic and numerical give 0.10499359, 1.97304 times it") in str(
        report
    )


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
        assert check_formula(tg.relu, lambda x: np.where(x == 0, at_zero, x > 0), np.array([-1.0, 0.0, 1.0]))  # noqa: B023


# -- so is each of the others ------------------------------------------------------------------------------------------------------

wrong = tg.op(lambda x: x * 3.0, lambda g, y, x: g * 2.0, name="test_wrong_rule")


def test_the_automatic_gradient_is_the_odd_one_and_its_op_is_blamed():
    report = check_formula(lambda z: wrong(z).sum(), lambda z: np.full(z.shape, 3.0), Z, report=True)
    assert report.odd == "automatic"
    assert report.verdict == "check_formula: the automatic gradient is WRONG for z"
    assert "is 2, where by hand and numerical give 3, 0.666667 times it" in str(report)
    assert "to blame: the rule of `test_wrong_rule` for its first argument (z)" in str(report)


def test_a_formula_and_a_rule_with_the_same_mistake_leave_the_numerical_one():
    report = check_formula(lambda z: wrong(z).sum(), lambda z: np.full(z.shape, 2.0), Z, report=True)
    assert report.odd == "numerical"
    assert report.verdict == "check_formula: the gradients DISAGREE for z"


def test_no_two_agree():
    report = check_formula(lambda z: wrong(z).sum(), lambda z: np.full(z.shape, 1.0), Z, report=True)
    assert report.odd == "all three"
    assert "no two of the three agree" in str(report)


# -- what by_hand may give ---------------------------------------------------------------------------------------------------------


def product(a, b):
    return (a * b).sum()


@pytest.mark.parametrize("by_hand", [lambda a, b: (b, a), lambda a, b: [b, a], lambda a, b: {"b": a, "a": b}])
def test_a_tuple_a_list_or_a_dict_by_name(by_hand):
    assert check_formula(product, by_hand, Z, Z + 1.0)


def test_nested_parameters():
    def f(p):
        return p["W"].sum() * 2.0 + p["b"] * 3.0

    assert check_formula(f, lambda p: {"b": 3.0, "W": np.full((2, 2), 2.0)}, {"W": Z, "b": np.array(1.0)})


@pytest.mark.parametrize(
    ("by_hand", "error", "message"),
    [
        (lambda a, b: b, ValueError, "by_hand gave 1 gradients for the inputs a, b: return one array for each, in this order"),
        (lambda a, b: None, ValueError, "by_hand gave 0 gradients for the inputs a, b"),
        (lambda a, b: (b, a[0]), ValueError, "by_hand gave a gradient of shape (2,) for b of shape (2, 2)"),
        (lambda a, b: {"a": b, "c": a}, ValueError, "by_hand gave gradients for a, c, and none for b"),
        (lambda a, b: (b, "a"), ValueError, "'a' is not an array of numbers"),
    ],
)
def test_what_by_hand_may_not_give(by_hand, error, message):
    with pytest.raises(error, match=re.escape(message)):
        check_formula(product, by_hand, Z, Z)


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
