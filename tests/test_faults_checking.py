"""The checker on programs that are not its own: no false alarm, few undecided, no fault missed.

PROGRAMS is how many programs of the bank are tried, SEED which; the full run is
`PROGRAMS=5000 SEED=77 python -m pytest tests/test_faults_checking.py -k bank`.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import bank
import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import testing
from tinygrad_edu.testing import GradientMismatch, check_formula, gradcheck
from tinygrad_edu.testing.report import AGREES, DISAGREES, NOT_DIFFERENTIABLE, UNRESOLVED

PROGRAMS, SEED = int(os.environ.get("PROGRAMS", "16")), int(os.environ.get("SEED", "5"))


def checked(f, *inputs, **options):
    return gradcheck(f, *inputs, report=True, **options)


def verdicts(report):
    return [entry.verdict for entry in report.entries]


# -- right and wrong programs of the bank ----------------------------------------------------------


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_right_programs_of_the_bank_raise_no_alarm_and_few_are_undecided():
    undecided = []
    for program in bank.programs(PROGRAMS, SEED):
        report = checked(program(np), *program.inputs)
        assert report.ok, f"{program}\n{report}"
        if set(verdicts(report)) - {AGREES}:
            undecided.append(f"{program}\n{report}")
    assert len(undecided) <= 0.03 * PROGRAMS, "\n".join(undecided)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_every_fault_planted_in_the_bank_is_caught():
    tried = 0
    for program, fault in bank.faulty(PROGRAMS, SEED):
        tried += 1
        assert not checked(program(np, bank.planted), *program.inputs), (
            f"{fault} missed in {program}"
        )
    assert tried == PROGRAMS


def test_a_zero_is_not_right_because_the_function_is_too_flat_to_tell():
    """tanh(21) is 1 to the last digit; its slope, 2e-18, is lost by a rule that gives 0."""
    lost = tg.op(lambda x: x.copy(), lambda g, y, x: g * 0.0, name="test_lost")
    x = np.array([-21.0, 20.5])
    report = checked(lambda x: np.tanh(lost(x)), x)
    assert [blame.op for blame in report.blames] == ["test_lost"]
    assert checked(np.tanh, x)
    assert checked(lambda x: (x * 0.0).sum(), x)
    assert checked(tg.relu, np.array([-1.0, -2.0]))


# -- the gradient that .grad shows -----------------------------------------------------------------


def test_the_report_shows_the_gradient_that_grad_shows():
    w = tg.Tensor(3.0, requires_grad=True)
    (entry,) = checked(lambda w: w * w, w).entries
    assert entry.analytic == 6.0
    assert entry.numerical == pytest.approx(6.0, abs=1e-8)
    wrong = tg.op(lambda x: x * x, lambda g, y, x: g * x, name="test_half_a_square")
    with pytest.raises(GradientMismatch, match=r"w +3 +6(\.0+\d*)? ± "):
        gradcheck(lambda w: wrong(w), w)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_so_it_does_in_every_dtype(dtype):
    x = tg.Tensor(np.array([0.3, -1.2, 2.0], dtype), requires_grad=True)
    (x.sigmoid() * x).sum().backward()
    report = checked(lambda x: (x.sigmoid() * x).sum(), x.detach())
    assert [entry.analytic for entry in report.entries] == x.grad.tolist()


def test_where_weights_are_needed_they_are_shown_and_backward_takes_them():
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    report = checked(lambda x: x * x, x)
    (weights,) = report.weights
    assert f"(np.array({weights.tolist()}) * result).sum()" in str(report)
    (x * x).backward(weights)
    assert [entry.analytic for entry in report.entries] == x.grad.tolist()
    assert checked(lambda x: (x * x).sum(), x).weights == []


def test_a_rule_that_ignores_the_upstream_gradient_is_caught_where_that_is_1():
    careless = tg.op(lambda x: x * x, lambda g, y, x: 2 * x, name="test_ignores_g")
    report = checked(lambda x: careless(x).sum(), np.array([1.0, 2.0]))
    assert not report
    assert "a rule ignores `g`" in str(report)
    assert [blame.op for blame in report.blames] == ["test_ignores_g"]


# -- what lies outside of its own error ------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_an_undecided_entry_far_outside_of_its_own_error_raises():
    """Large offsets leave few digits; a gradient that is off by a percent is wrong all the same."""
    percent = tg.op(lambda x: x * 1.0, lambda g, y, x: g * 1.01, name="test_one_percent")
    for offset in 10.0 ** np.arange(0, 11):
        with pytest.raises(GradientMismatch):
            x = np.array([1.0, -0.5])
            gradcheck(lambda x: (percent(x).exp() + offset).sum(), x)  # noqa: B023
        assert checked(lambda x: (x.exp() + offset).sum(), np.array([1.0, -0.5]))  # noqa: B023


def test_a_gradient_that_lost_its_digits_is_no_right_one():
    """(eˣ − 1)/x near 0: the function keeps nine digits, its automatic gradient three.

    The difference is said.
    """
    report = checked(lambda x: (np.exp(x) - 1) / x, np.array(-2.8e-7))
    assert verdicts(report) == [DISAGREES]
    assert "loses its digits here by cancellation" in str(report)


@pytest.mark.parametrize("gradient", [np.nan, np.inf, -np.inf, 1.0001, -0.0001, 7.0])
def test_at_a_kink_what_lies_outside_of_the_two_slopes_is_wrong(gradient):
    odd = tg.op(
        lambda x: np.maximum(x, 0),
        lambda g, y, x: g * np.where(x == 0, gradient, x > 0),
        name="test_odd_relu",
        kinks=lambda x: x,
    )
    with pytest.raises(GradientMismatch):
        gradcheck(odd, np.array([0.0, 1.0]))
    with pytest.raises(GradientMismatch):
        gradcheck(lambda x: odd(x).sum(), np.array([0.0, 1.0]))


@pytest.mark.parametrize("gradient", [0.0, 0.5, 1.0])
def test_at_a_kink_any_value_between_the_two_slopes_passes(gradient):
    odd = tg.op(
        lambda x: np.maximum(x, 0),
        lambda g, y, x: g * np.where(x == 0, gradient, x > 0),
        name="test_any_relu",
        kinks=lambda x: x,
    )
    report = gradcheck(lambda x: odd(x).sum(), np.array([0.0, 1.0]))
    assert verdicts(report) == [NOT_DIFFERENTIABLE, AGREES]
    assert report.verdict == "gradcheck: 1 of 2 entries agree; 1 not differentiable here"


@pytest.mark.parametrize("gradient", [np.nan, 5.0])
def test_so_it_is_at_a_kink_that_the_checker_is_not_told_of(gradient):
    odd = tg.op(
        lambda x: np.maximum(x, 0),
        lambda g, y, x: g * np.where(x == 0, gradient, x > 0),
        name="test_hidden_kink",
    )
    with pytest.raises(GradientMismatch):
        gradcheck(lambda x: odd(x).sum(), np.array([0.0, 1.0]))


def test_a_convention_of_an_op_is_followed_through_the_whole():
    """relu(x) − relu(−x) is x, with slope 1; the convention relu'(0) = 0 gives 0.

    That is documented, and no fault of a rule.
    """
    report = gradcheck(lambda x: x.relu() - (-x).relu(), np.array([0.0, 1.0]))
    assert verdicts(report)[1] == AGREES


@pytest.mark.parametrize("x", [1e-5, 1e-7, -1e-3])
def test_a_zero_gradient_beside_a_pole_is_wrong(x):
    flat = tg.op(lambda x: 1.0 / x, lambda g, y, x: g * 0.0, name="test_flat_pole")
    with pytest.raises(GradientMismatch):
        gradcheck(flat, np.array(x))


@pytest.mark.parametrize("x", [6.9e11, 1e3, 40.0, -40.0, -700.0])
@pytest.mark.parametrize("factor", [1 + 1e-6, 0.0, -1.0])
def test_a_wrong_softplus_is_noticed_where_it_is_saturated(x, factor):
    off = tg.op(
        lambda x: np.logaddexp(x, 0.0),
        lambda g, y, x: g * np.exp(np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))) * factor,
        name="test_soft",
    )
    with pytest.raises(GradientMismatch):
        gradcheck(off, np.array(x))


def test_below_resolution_and_not_differentiable_are_told_apart():
    hidden = tg.op(lambda x: 1.0 + 1e-20 * x, lambda g, y, x: g * 2e-20, name="test_unseen")
    report = checked(lambda x: hidden(x) + x.relu() * 0.0, np.array(1.0))
    assert DISAGREES not in verdicts(report) or report.blames
    assert verdicts(checked(lambda x: np.abs(x) + 1.0, np.array(0.0))) == [NOT_DIFFERENTIABLE]
    assert UNRESOLVED != NOT_DIFFERENTIABLE
    assert not re.search("nan was measured", str(report))


TURNING = {
    "sin": np.sin,
    "cos": np.cos,
    "fast": lambda x: np.sin(1e3 * x),
    "sum": lambda x: np.sin(x) + np.cos(1.7 * x),
    "beside": lambda x: x + np.sin(x),
    "kinks": lambda x: np.abs(np.sin(x)),
}


@pytest.mark.parametrize("f", TURNING.values(), ids=TURNING)
def test_a_function_that_turns_many_times_within_a_step_is_not_accused(f):
    """It looks flat at large steps, and at large x there are no others; at small ones it agrees."""
    for x in [1e6, *2.0 ** np.array([40, 42, 43, 44, 47, 49, 52]), 1e16, 1e20]:
        assert checked(f, np.array(x))
    assert verdicts(checked(f, np.array([1e6, 1e8]))) == [AGREES, AGREES]


def test_a_constant_that_is_nan_stands_in_no_check_s_way():
    def chosen(x, y):
        return np.choose([0, 1, 1, 0], [x, y]) * 2.0  # elsewhere it would be NaN

    x, y = np.array([1.0, 2.0, -1.0, 0.5]), np.array([0.3, -2.0, 1.0, 4.0])
    for order in (1, 2):
        assert set(verdicts(checked(chosen, x, y, order=order))) == {AGREES}


GRAINS = [1e2, 1e3, 1e4, 1e5, 1e6, 1e7]


@pytest.mark.parametrize("grain", GRAINS)
@pytest.mark.parametrize("x", [0.3, 2.0, 100.0])
def test_values_that_are_multiples_of_a_grain_raise_no_alarm_and_hide_no_fault(grain, x):
    """They stand still over small steps, as differences of large numbers do."""

    def run(x):
        return (np.sin(x) + grain) - grain

    right = tg.op(run, lambda g, y, x: g * np.cos(x), name="test_grainy")
    assert verdicts(checked(right, np.array(x))) == [AGREES]
    wrong = tg.op(run, lambda g, y, x: g * np.cos(x) * 2, name="test_grainy")
    assert AGREES not in verdicts(checked(wrong, np.array(x)))


@pytest.mark.parametrize("digits", range(6))
def test_a_staircase_has_no_slope_but_0(digits):
    stairs = tg.op(lambda x: np.round(x, digits), lambda g, y, x: g, name="test_stairs")
    for x in (0.3, 2.0, 100.0):
        assert verdicts(checked(stairs, np.array(x))) == [DISAGREES]


def test_the_beta_function_of_a_large_number_is_a_difference_of_larger_ones():
    betaln = pytest.importorskip("scipy.special").betaln
    report = checked(lambda a: betaln(a, 2.0**20), np.array(1.0625))
    assert DISAGREES not in verdicts(report)


@pytest.mark.parametrize("f", [np.sin, np.cos], ids=["sin", "cos"])
def test_nor_is_it_at_order_2_along_directions_in_float32_or_behind_another_function(f):
    for x in 2.0 ** np.array([20, 40, 43, 52]):
        assert checked(f, np.array(x), order=2)
        assert checked(f, np.array([x, -1.3 * x, 0.7 * x]), fast=True)
    assert checked(f, np.array([1e4, 1e6, 1e8], "float32"))
    for x in [15.0, 25.0, 28.0, 30.0]:
        assert checked(lambda x: f(np.exp(x)), np.array(x))


@pytest.mark.parametrize("f", [np.sin, np.cos], ids=["sin", "cos"])
@pytest.mark.parametrize("x", [1e6, 2.0**40, 2.0**43])
@pytest.mark.parametrize("factor", [1.0001, 0.0, -1.0])
def test_where_it_turns_many_times_a_wrong_gradient_is_wrong(f, x, factor):
    scaled = tg.op(
        lambda x: x.copy(), lambda g, y, x: g * factor, name="test_scaled_before_turning"
    )
    with pytest.raises(GradientMismatch):
        gradcheck(lambda x: scaled(f(x)), np.array(x))


@pytest.mark.parametrize("large", [2.0**30, 2.0**40, 1e15])
@pytest.mark.parametrize(
    "f", [np.sum, np.mean, lambda x: x @ np.ones(24)], ids=["sum", "mean", "matmul"]
)
def test_a_sum_in_which_large_numbers_cancel_is_loud(f, large):
    x = np.full(24, 2.0**-10)
    x[[19, 23]] = large, -large
    assert checked(f, x)


@pytest.mark.parametrize("tiny", [5e-324, 1e-310, 2.2e-308, 1e-305, 1e-300])
@pytest.mark.parametrize(
    "f",
    [lambda x, a: x @ a, lambda x, a: x * a.T, lambda x, a: (x * a.T).sum()],
    ids=["@", "*", "sum"],
)
def test_what_underflows_on_the_way_is_no_slope_of_0(f, tiny):
    assert checked(f, np.zeros((2, 3)), np.full((3, 2), tiny))


# -- what a user sees ------------------------------------------------------------------------------

FAILING = """
import unittest
import numpy as np, tinygrad_edu as tg
from tinygrad_edu.testing import check_formula, check_gradients, gradcheck, tensors
double = tg.op(lambda x: x * 1.0, lambda g, y, x: 2 * g, name="test_double")

def test_gradcheck():
    gradcheck(lambda w: double(w).sum(), np.ones((21, 20)))

def test_check_formula():
    check_formula(lambda w: w.sum(), lambda w: w, np.arange(6.0))

def test_many_parameters():
    gradcheck(lambda p: sum(double(w).sum() for w in p), [np.ones(1)] * 40)

test_drawn = check_gradients(max_examples=2, x=tensors(shape=(3,)))(lambda x: double(x).sum())

class TestUnit(unittest.TestCase):
    def test_unittest(self):
        gradcheck(lambda w: double(w).sum(), np.ones(3))
"""


@pytest.fixture(scope="module")
def failures(tmp_path_factory):
    """What pytest prints of five failing tests, each part by the test's name."""
    path = tmp_path_factory.mktemp("failing") / "test_failing.py"
    path.write_text(FAILING)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        str(path),
    ]
    printed = subprocess.run(
        command, capture_output=True, text=True, cwd=Path(tg.__file__).parents[1], check=False
    ).stdout
    parts = re.split(
        r"^_{3,} (\S+) _{3,}$", printed.partition("short test summary")[0], flags=re.MULTILINE
    )
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize(
    "name",
    [
        "test_gradcheck",
        "test_check_formula",
        "test_many_parameters",
        "test_drawn",
        "TestUnit.test_unittest",
    ],
)
def test_a_failure_fits_a_screen(failures, name):
    text = failures[name]
    assert len(text.splitlines()) <= 45, text
    assert "DISAGREE" in text or "WRONG" in text
    assert "def examined" not in text


@pytest.mark.parametrize("size", [1e3, 1e8])
@pytest.mark.parametrize("wrong", [0.0, -4.0, 4.0 * (1 + 1e-6)])
def test_a_term_missing_in_a_small_entry_shows_beside_large_ones(size, wrong):
    def f(x):
        return size * x[0] ** 3 + x[1] ** 2

    x = np.array([1.0, 2.0])
    assert check_formula(f, lambda x: np.array([3 * size * x[0] ** 2, 2 * x[1]]), x, report=True).ok
    if abs(wrong - 4.0) > 1e-9 * size:
        assert (
            check_formula(f, lambda x: np.array([3 * size * x[0] ** 2, wrong]), x, report=True).odd
            == "by hand"
        )


def test_without_hypothesis_what_draws_inputs_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    for module in ("strategies", "calls", "programs", "random_programs", "properties", "ops"):
        monkeypatch.delitem(sys.modules, f"tinygrad_edu.testing.{module}", raising=False)
    for name in set(testing.__all__) - {
        "Blame",
        "Entry",
        "FormulaReport",
        "GradientMismatch",
        "Report",
        "check_formula",
        "gradcheck",
    }:
        with pytest.raises(ModuleNotFoundError, match=f"{name} draws .* pip install hypothesis"):
            getattr(testing, name)


@pytest.mark.parametrize("ratio", [1.0, 1e2, 1e4, 1e9])
@pytest.mark.parametrize("off", [1e-5, 1e-3, 1.0])
def test_a_large_result_does_not_hide_a_wrong_small_one(ratio, off):
    wrong = tg.op(np.cos, lambda g, y, x: -(1 + off) * g * np.sin(x), name="test_hidden")
    x = np.array([0.3, 1.0])
    assert DISAGREES in verdicts(checked(lambda x: (ratio * np.sin(x), wrong(x)), x))
    assert DISAGREES in verdicts(checked(lambda x: (wrong(x), ratio * np.sin(x)), x))
    right = checked(lambda x: (ratio * np.sin(x), np.cos(x)), x)
    assert set(verdicts(right)) == {AGREES}
