"""Can the checker be trusted? Random programs: no false alarm, and of every fault who is to blame.

The environment variable PROGRAMS is how many are drawn of each kind, SEED draws the same again: the
full run is `PROGRAMS=1000 SEED=1 python -m pytest tests/test_trust.py`. A failure shows both, and
the program as Python.
"""

import os
import random
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.engine.broadcasting import stretched
from tinygrad_edu.engine.registry import registry
from tinygrad_edu.graph import ancestors
from tinygrad_edu.testing import expressions, gradcheck
from tinygrad_edu.testing.claims import gradient_of
from tinygrad_edu.testing.kinks import kinks_of
from tinygrad_edu.testing.programs import Statement, StraightLine
from tinygrad_edu.testing.report import NOT_DIFFERENTIABLE
from tinygrad_edu.testing.subject import Subject

PROGRAMS = int(os.environ.get("PROGRAMS", "6"))
SEED = int(os.environ.get("SEED", 0 if "CI" in os.environ else random.randrange(10**6)))
drawn = settings(
    max_examples=PROGRAMS,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
    report_multiple_bugs=False,
    database=None,
)


# -- right programs: no alarm ----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("near_kinks", [False, True], ids=["anywhere", "within 1e-8 of a kink"])
def test_no_right_program_raises_an_alarm(dtype, near_kinks):
    """Without a kink entries agree, but for a slope that rounding hides."""
    undecided = []

    @seed(SEED)
    @drawn
    @given(expressions(dtype=dtype, near_kinks=near_kinks))
    def check(program):
        report = gradcheck(program, *program.inputs, report=True)
        assert report.ok, to_reproduce(program, report)
        if report.of(NOT_DIFFERENTIABLE) and not any(on_kink(t) for t in recorded(program)):
            undecided.append(to_reproduce(program, report))

    check()
    assert len(undecided) <= 1 + PROGRAMS / 100, "\n".join(undecided)


def to_reproduce(program, report):
    """What it takes to see a failure again."""
    return f"PROGRAMS={PROGRAMS} SEED={SEED}\n{program}\n{report}"


def recorded(program):
    """The Tensors of a program, run on its inputs."""
    return ancestors(program(*[tg.Tensor(x, requires_grad=True) for x in program.inputs]))


def on_kink(t):
    """Whether the op that made t lies on a kink, or so close that float32 cannot tell."""
    distances = kinks_of(t.op, t.args, t.static) if t.op is not None else []
    return any((np.abs(k) < 1e-5).any() for k in distances)


# -- wrong programs: all are caught ----------------------------------------------------------------

one_entry_off = tg.op(lambda x: x.copy(), lambda g, y, x: g, name="test_one_entry_off")


def plant_one_entry(data, program):
    """The gradient of one input is off in one entry, by a millionth of its size."""
    at = data.draw(st.integers(0, len(program.inputs) - 1))
    place, sign = data.draw(st.integers(0, 100)), data.draw(st.sampled_from([-1, 1]))

    def rule(g, y, x):
        off = np.array(g)
        off.flat[place % off.size] += sign * 1e-6 * np.abs(off).max()
        return off

    # the op stands between the input and whatever uses it
    first, lines = len(program.inputs), [Statement(one_entry_off.name, (at,), {})]
    for line in program.lines:
        operands = tuple(moved(o, at, first) for o in line.operands)
        lines.append(Statement(line.op, operands, line.static))
    return StraightLine(program.inputs, tuple(lines)), one_entry_off, 0, rule


def moved(operand, at, first):
    """The number of an operand, when a line that stands for the input `at` comes first."""
    if not isinstance(operand, int):
        return operand
    return first if operand == at else operand + (operand >= first)


def plant_in_rule(data, program):
    """The rule of an op is wrong by a factor, often only just."""
    factor = data.draw(st.sampled_from([1 + 1e-6, 1 - 1e-6, 1.001, 1.1, -1.0, 0.0]))
    op, argument = data.draw(st.sampled_from(rules_used(program)))
    right = op.rules[argument]

    def rule(g, y, *args, **static):
        return right(g, y, *args, **static) * factor

    return program, op, argument, rule


def plant_in_broadcasting(data, program):
    """The rule of an op takes the mean over stretched axes in place of the sum."""
    op = registry[data.draw(st.sampled_from(["add", "subtract", "multiply", "logaddexp"]))]
    last = len(program.inputs) + len(program.lines)
    axis, keepdims = data.draw(st.sampled_from([None, 0])), data.draw(st.booleans())
    twice = Statement("stack", (last - 1, last - 1), {"axis": 0})  # something to stretch to
    total = Statement("sum", (last,), {"axis": axis, "keepdims": keepdims})
    squeezed = Statement("tanh", (last + 1,), {})
    argument = data.draw(st.integers(0, 1))
    operands = (last, last + 2) if argument else (last + 2, last)
    right = op.rules[argument]

    def rule(g, y, *args, **static):
        gx = right(g, y, *args, **static)
        axes = stretched(gx.shape, args[argument].shape)
        return gx.mean(axis=axes).reshape(args[argument].shape) if axes else gx

    lines = *program.lines, twice, total, squeezed, Statement(op.name, operands, {})
    return StraightLine(program.inputs, lines), op, argument, rule


def plant_at_order_2(data, program):
    """The rule of an op is right at order 1, and a constant to whoever differentiates it."""
    op, argument = data.draw(st.sampled_from(rules_used(program)))
    right = op.rules[argument]

    def rule(g, y, *args, **static):
        if not isinstance(y, tg.Tensor):
            return right(g, y, *args, **static)
        constants = [a.detach() if isinstance(a, tg.Tensor) else a for a in args]
        return right(g, y.detach(), *constants, **static)

    return program, op, argument, rule


def rules_used(program):
    """The rules that backward uses, as (op, argument), but on kinks: there no rule is wrong."""
    found = []
    for t in recorded(program):
        if t.op is not None and t.op.variadic is None and not on_kink(t):
            needed = [
                i for i, a in enumerate(t.args) if isinstance(a, tg.Tensor) and a.requires_grad
            ]
            found += [(t.op, i) for i in needed if t.op.rule(i)]
    assume(found)
    return found


@contextmanager
def planted(op, argument, rule):
    """Within it, the op has this rule for that argument."""
    right = op.rules
    op.rules = (*right[:argument], rule, *right[argument + 1 :])
    try:
        yield
    finally:
        op.rules = right


def claims(program, order):
    """The gradients of order 1 or 2 that the program claims, and how much is rounding."""
    f = program if order == 1 else gradient_of(program, range(len(program.inputs)))
    found = [parameter.claim for parameter in Subject(f, program.inputs).parameters]
    return [(claim.gradient, claim.rounding) for claim in found]


def differs(wrong, right):
    """Whether a fault shows in the gradients: by half a millionth of their size, and rounding."""
    for (a, a_rounding), (b, b_rounding) in zip(wrong, right, strict=True):
        size = max(np.abs(a).max(), np.abs(b).max())
        if (np.abs(a - b) > 5e-7 * size + 10 * (a_rounding + b_rounding)).any():
            return True
    return False


FAULTS = [plant_one_entry, plant_in_rule, plant_in_broadcasting, plant_at_order_2]


@pytest.mark.parametrize("plant", FAULTS)
def test_every_planted_fault_is_caught_and_its_op_blamed(plant):
    order = 2 if plant is plant_at_order_2 else 1
    caught = 0

    @seed(SEED)
    @drawn
    @given(st.data())
    def check(data):
        nonlocal caught
        program, op, argument, rule = plant(data, data.draw(expressions()))
        right = claims(program, order)
        with planted(op, argument, rule):
            assume(differs(claims(program, order), right))
            report = gradcheck(program, *program.inputs, order=order, report=True)
        assert not report.ok, (
            f"missed: {op.name}, argument {argument}; {to_reproduce(program, report)}"
        )
        blamed = {(blame.op, blame.argument) for blame in report.blames}
        assert blamed == {(op.name, argument)}, to_reproduce(program, report)
        caught += 1

    check()
    assert caught >= PROGRAMS
