"""The table of derivatives: one property test for every op in it, and proof that the test fails when it must."""

import warnings

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.define import in_table
from tinygrad_edu.formula import sample
from tinygrad_edu.graph import value_of
from tinygrad_edu.registry import registry
from tinygrad_edu.testing import GradientMismatch, check_op
from tinygrad_edu.testing.subject import kinks_of

TABLE = sorted(name for name, op in registry.items() if in_table(op))


@pytest.fixture
def define():
    """tg.op, whose ops are gone after the test."""
    made = []

    def define(*args, **kwargs):
        made.append(tg.op(*args, **kwargs))
        return made[-1]

    yield define
    for op in made:
        if registry.pop(op.name, None) and hasattr(tg.Tensor, op.name):
            delattr(tg.Tensor, op.name)


@pytest.mark.parametrize("name", TABLE)
def test_op(name):
    """Value, rules at orders 1 and 2, shapes, dtypes, broadcasting, and that inputs are left alone."""
    check_op(registry[name], max_examples=12)


def test_the_table_is_not_empty():
    assert len(TABLE) > 80
    assert {"add", "matmul", "sum", "where", "concatenate"} <= set(TABLE)


def test_a_right_rule_passes(define):
    check_op(define(lambda x: x**3, lambda g, y, x: g * 3 * x**2, name="right"))


def test_a_wrong_rule_is_caught(define):
    wrong = define(lambda x: x**3, lambda g, y, x: g * 3 * x, name="wrong")
    with pytest.raises(GradientMismatch, match="the rule of `wrong` for its first argument"):
        check_op(wrong)


def test_a_rule_wrong_at_order_2_alone_is_caught(define):
    """The square is taken of the bare array, so that the second derivative does not see it."""
    wrong = define(lambda x: x**3, lambda g, y, x: g * 3 * value_of(x) ** 2, name="stops")
    check_op(wrong, orders=(1,))
    with pytest.raises(GradientMismatch, match="the derivative of the rule of `stops`"):
        check_op(wrong)


@pytest.mark.parametrize("recorded", [lambda g, y, x: g, lambda g, y, x: 3 * x**2], ids=["constant", "without g"])
def test_a_rule_that_gives_other_values_when_it_is_recorded_is_caught(define, recorded):
    """Such a rule is right at order 1, and its derivative agrees with itself at order 2."""

    def rule(g, y, x):
        return recorded(g, y, x) if type(x) is tg.Tensor else g * 3 * x**2

    with pytest.raises(AssertionError, match="rule 0 of two_faced gives other values for Tensors"):
        check_op(define(lambda x: x**3, rule, name="two_faced"))


def test_a_rule_wrong_for_negative_inputs_alone_is_caught(define):
    wrong = define(np.abs, lambda g, y, x: g, name="half_right", kinks=lambda x: x)
    with pytest.raises(GradientMismatch, match="half_right"):
        check_op(wrong)


def test_a_rule_right_only_without_broadcasting_is_caught(define):
    def half_if_broadcast(g, y, a, b):
        return g * b * (1.0 if a.shape == y.shape else 0.5)

    wrong = define(lambda a, b: a * b, half_if_broadcast, lambda g, y, a, b: g * a, name="unbroadcast")
    with pytest.raises(GradientMismatch, match="the rule of `unbroadcast` for its first argument"):
        check_op(wrong, max_examples=200)


def test_a_rule_of_impossible_shape_is_caught(define):
    wrong = define(lambda x: x * 2.0, lambda g, y, x: (g * 2.0).sum(), name="scalar_rule")
    with pytest.raises((AssertionError, ValueError), match="scalar_rule"):
        check_op(wrong)


def test_an_op_that_changes_its_operand_is_caught(define):
    def doubled(x):
        x *= 2.0
        return x + 0.0

    with pytest.raises(ValueError, match="read-only"):
        check_op(define(doubled, lambda g, y, x: g * 2.0, name="writes"))


def test_a_rule_that_changes_the_upstream_gradient_is_caught(define):
    def rule(g, y, x):
        g *= 2.0
        return g

    with pytest.raises(ValueError, match=r"read-only|in place"):
        check_op(define(lambda x: x * 2.0, rule, name="writes_g"))


def test_an_op_that_loses_float32_is_caught(define):
    with pytest.raises(AssertionError, match="widens turned float32 into float64"):
        check_op(define(lambda x: x.astype(np.float64) * 2.0, lambda g, y, x: g * 2.0, name="widens"))


def test_a_function_is_no_op():
    with pytest.raises(TypeError, match=r"check_op takes an op made by tg\.op"):
        check_op(np.sin)


def test_an_op_that_was_defined_again_is_refused(define):
    first = define(lambda x: x * 2.0, lambda g, y, x: g * 2.0, name="again")
    define(lambda x: x * 3.0, lambda g, y, x: g * 3.0, name="again")
    with pytest.raises(AssertionError, match="again was defined again"):
        check_op(first)


def test_a_derivative_that_float64_cannot_hold_is_no_alarm():
    x = np.array(1e-200)
    report = tg.testing.gradcheck(lambda x: tg.log(x), x, order=2, report=True)
    assert report.ok and not any(e.verdict == "agrees" for e in report.entries)


def test_an_infinite_gradient_where_a_finite_one_is_right_is_caught(define):
    wrong = define(lambda x: x * 1.0, lambda g, y, x: g * np.inf, name="boundless")
    with pytest.raises(GradientMismatch, match="boundless"):
        check_op(wrong)


@pytest.mark.parametrize("name", [name for name, op in registry.items() if op.kinks is not None])
def test_how_far_a_kink_is_can_be_asked_of_any_numbers(name):
    op = registry[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        operands, static, _ = sample(op)
        for x in (5e-324, 1e-300, 1e300, np.inf, np.nan):
            kinks_of(op, [np.full_like(a, x) if np.asarray(a).dtype.kind == "f" else a for a in operands], static)
