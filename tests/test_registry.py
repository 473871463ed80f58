"""The table of derivatives: a property test for every op, and proof that it fails when it must."""

import warnings
from itertools import product

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine.backward import contributions
from tinygrad_edu.engine.registry import in_table, registry
from tinygrad_edu.graph import value_of
from tinygrad_edu.notation.derivatives import sample
from tinygrad_edu.testing import GradientMismatch, check_op
from tinygrad_edu.testing.kinks import kinks_of

TABLE = sorted(name for name, op in registry.items() if in_table(op) and not op.is_optional)


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
    """Value, rules at orders 1 and 2, shapes, dtypes, broadcasting, and inputs left alone."""
    check_op(registry[name], max_examples=5)


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


OTHERS = {"constant": lambda g, y, x: g, "without g": lambda g, y, x: 3 * x**2}


@pytest.mark.parametrize("recorded", OTHERS.values(), ids=OTHERS)
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

    rules = half_if_broadcast, lambda g, y, a, b: g * a
    wrong = define(lambda a, b: a * b, *rules, name="unbroadcast")
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
    wide = define(lambda x: x.astype(np.float64) * 2.0, lambda g, y, x: g * 2.0, name="widens")
    with pytest.raises(AssertionError, match="widens turned float32 into float64"):
        check_op(wide)


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


def drawn(op, case, rng):
    """Operands of an op on both sides of its kinks, and static arguments."""
    operands, static, _ = sample(op, case)
    for i, x in enumerate(operands):
        low, high = op.domain[i] if i < len(op.domain) else (-np.inf, np.inf)
        # several entries where one number would do
        shape = x.shape or (() if op.shapes or static else (6,))
        if x.dtype.kind == "b":
            operands[i] = rng.integers(0, 2, shape) > 0
        elif np.isinf(high) and np.isinf(low):
            operands[i] = rng.normal(0.0, 2.0, shape)
        elif np.isinf(high):
            operands[i] = low + rng.uniform(0.1, 4.0, shape)
    return operands, static


def influences(op, operands, static, i):
    """Which entries of operand `i` change the op's value when they move to either side."""
    y, found = op.run(*operands, **static), np.zeros(operands[i].shape, bool)
    for at in np.ndindex(found.shape):
        for step in (-1e-3, 1e-3):
            moved = [x.copy() for x in operands]
            moved[i][at] += step
            found[at] |= not np.array_equal(op.run(*moved, **static), y)
    return found


def pullbacks(op, operands, static, i):
    """The functions that pull a gradient of the op back to operand `i`."""
    y = op.run(*operands, **static)

    def called(x):
        return op.on([*operands[:i], x, *operands[i + 1 :]], static)

    def backward(g):
        return tg.vjp(called, operands[i])[1](g)[0]

    def recorded(g):
        y = called(tg.Tensor(operands[i], requires_grad=True))
        return dict(contributions(y, tg.Tensor(g), create_graph=True))[i]

    yield from (backward, recorded, tg.compile(backward))
    # entry by entry: a second derivative gives back what the first took
    if op.kinks is not None and np.shape(y) == operands[i].shape:
        yield lambda c: tg.vjp(backward, np.ones_like(y))[1](c)[0]


# an entry of a factor depends on all of a matrix: a gradient that is infinite is so everywhere
WITH_RULES = [name for name in TABLE if registry[name].rules and registry[name].fits is None]


def entries_of(name):
    """By operand with a gradient: which entries count, the shape of the output, the pullbacks."""
    op, rng = registry[name], np.random.default_rng(0)
    for case in range(max(1, len(op.cases))):
        operands, static = drawn(op, case, rng)
        for i, x in enumerate(operands):
            if x.dtype.kind == "f" and op.rule(i) is not None:
                counts, y = influences(op, operands, static, i), op.run(*operands, **static)
                yield counts, np.shape(y), pullbacks(op, operands, static, i)


@pytest.mark.parametrize("name", WITH_RULES)
def test_what_has_no_influence_gets_exactly_0_of_any_gradient(name):
    """And beside a kink, what has one gets its part of it."""
    for counts, shape, pulls in entries_of(name):
        for pull, g in product(pulls, (np.inf, -np.inf, np.nan)):
            with np.errstate(all="ignore"):
                found, slope = [pull(np.full(shape, given)).numpy() for given in (g, 1.0)]
                np.testing.assert_array_equal(found[~counts], 0.0)
                if registry[name].kinks is not None:
                    np.testing.assert_array_equal(found, np.where(slope == 0, 0.0, g * slope))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("g", [np.inf, np.nan, 2.0])
def test_of_many_entries_too(g, dtype):
    """Finite gradients are taken by a product, faster than np.where; when compiled, in place."""

    def backward(x, g):
        return tg.vjp(tg.relu, x)[1](2 * g)[0] / 2

    x = np.random.default_rng(0).normal(size=(1 << 18, 2)).astype(dtype)
    upstream = np.where(np.arange(x.size).reshape(x.shape) % 3, dtype(1.0), dtype(g))
    expected = np.where(x > 0, upstream, dtype(0.0))
    for pull in (backward, tg.compile(backward)):
        found = pull(x, upstream).numpy()
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, expected)


def test_many_ops_have_entries_without_influence():
    entries = {name: [counts.all() for counts, *_ in entries_of(name)] for name in WITH_RULES}
    found = {name for name, all_count in entries.items() if not all(all_count)}
    many = "relu maximum minimum clip max min where floor remainder getitem index_set"
    assert found >= set(many.split())


@pytest.mark.parametrize("name", [name for name, op in registry.items() if op.kinks is not None])
def test_how_far_a_kink_is_can_be_asked_of_any_numbers(name):
    op = registry[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        operands, static, _ = sample(op)
        for x in (5e-324, 1e-300, 1e300, np.inf, np.nan):
            numbers = [np.full_like(a, x) if a.dtype.kind == "f" else a for a in operands]
            kinks_of(op, numbers, static)
