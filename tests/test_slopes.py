"""The slope of a line: what each threshold protects, on functions that are just beside it.

Each threshold of `slopes.py`, `extrapolation.py` and `verdicts.py`, ten times as large or as small,
makes one of these tests fail.
"""

from types import SimpleNamespace

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.testing import check_formula, gradcheck
from tinygrad_edu.testing.checker import settled
from tinygrad_edu.testing.extrapolation import diverging
from tinygrad_edu.testing.finite_differences import BOTH, AlongLine, Point, Slope
from tinygrad_edu.testing.kinks import Piece
from tinygrad_edu.testing.report import AGREES, DISAGREES, NOT_DIFFERENTIABLE, UNRESOLVED, Entry
from tinygrad_edu.testing.slopes import bears_out, slope_of, slopes_again
from tinygrad_edu.testing.verdicts import verdict_on

EPS = float(np.finfo(float).eps)


def line(f, claimed, calls=None, eps=EPS, size=1.0, **options):
    """The line of f around 0, where it claims that slope."""

    def at(t, look):
        if calls is not None:
            calls.append(t)
        return Point(np.array([f(t)]), t, None)

    return AlongLine(
        at,
        np.ones(1),
        np.array([eps * abs(f(0.0))]),
        eps,
        claimed,
        abs(claimed),
        size,
        False,
        **options,
    )


# -- slopes.py -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("off", "points"), [(0.0, 3), (1e-8, 3)])
def test_a_claim_that_close_is_confirmed_by_two_values_beside_the_center(off, points):
    """CLOSE: were it smaller every check would take a hundred values."""
    calls = []
    slope_of(line(lambda t: 1 + t, 1 + off, calls))
    assert len(calls) == points


def test_a_claim_that_is_not_so_close_does_not_confirm_itself():
    """CLOSE: were it larger the error would be as large as the fault."""
    found = slope_of(line(lambda t: 1 + t, 1 + 1.5e-7))
    assert 3 * found.error < 1e-7


def test_a_function_that_bends_is_confirmed_quickly_all_the_same():
    """FLAT: the two halves of the difference differ by 0.3 %, and the difference is right."""
    calls = []
    slope_of(line(lambda t: 1 + t + 250 * t * t, 1.0, calls))
    assert len(calls) == 3


def test_the_slope_on_one_side_of_a_kink_is_not_quickly_taken_for_wrong():
    """FLAT: the kink is one of 6 %, of which the checker is not told."""
    assert slope_of(line(lambda t: 1 + t + 0.03 * abs(t), 1.03)).sides is not None


@pytest.mark.parametrize("part", [1e-3, 1e-5, 1e-7])
def test_a_small_kink_is_seen(part):
    """The slopes on its sides are measured to ten digits."""
    assert next(slopes_again(line(lambda t: 1 + t + part * abs(t), 1 + part))).sides is not None


@pytest.mark.parametrize(
    ("f", "slope", "error"),
    [(np.exp, 1.0, 1e-11), (lambda t: np.sin(20 * t) + 1e6, 20.0, 5e-6)],
    ids=["exp", "sin"],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_extrapolation_gains_digits(f, slope, error):
    """RATIO, and the columns of the tableau: with fewer the error is ten times as large."""
    found = next(slopes_again(line(f, slope)))
    assert abs(found.value - slope) <= found.error <= error


def test_no_more_steps_are_tried_than_say_anything():
    """LEVELS: beside a number that is 0 no rounding ends the steps, and each is two calls."""
    calls = []
    slope_of(line(lambda t: abs(t) ** 0.5, 1.0, calls, size=0.0))
    assert len(calls) < 200


@pytest.mark.parametrize(("part", "borne_out"), [(0.01, True), (0.1, False)])
def test_smaller_steps_must_show_the_slope_that_was_found(part, borne_out):
    """NEAR: where f waves by a tenth of what is at stake, large steps do not show its slope."""
    waving = line(lambda t: 1 + t + part * 1e-6 * np.sin(t / 1e-6), 0.0)
    assert bears_out(waving, Slope(1.0, 1e-9, step=0.1)) is borne_out


def test_only_where_the_function_is_seen_to_be_still_is_its_slope_0():
    """It changes within a hundredth alone."""
    found = slope_of(line(lambda t: 1 + t * (abs(t) < 0.01), 0.0))
    assert abs(found.value - 1) <= found.error < 1e-6


@pytest.mark.parametrize(
    ("f", "claimed", "step", "borne_out"),
    [
        # a tenth of the slope itself, however far the claim is
        (lambda t: 1 + t + 1e-7 * np.sin(t / 1e-6), 100.0, 0.1, False),
        # the step's own error is none of the smaller ones
        (lambda t: 1 + t + 10 * t**3, 0.0, 0.1, True),
        (lambda t: 1 + t + 10 * t**3, 0.0, 1e-3, True),  # nor is that of larger steps
        (
            lambda t: (
                1 + t + 0.5 * t * np.sin(np.pi * np.log(abs(t) / 0.1) / np.log(4)) ** 2
                if t
                else 1.0
            ),
            2.0,
            0.1,
            False,
        ),
    ],
    ids=["waves", "bends", "bends further out", "differs between the steps"],
)
def test_what_bears_out_an_accusation(f, claimed, step, borne_out):
    assert bears_out(line(f, claimed), Slope(1.0, 1e-9, step=step)) is borne_out


def test_a_slope_at_large_steps_that_a_small_one_does_not_show_refutes_nothing():
    found = slope_of(line(lambda t: 1 + t + 1e-8 * np.sin(t / 1e-7), 1.1))
    assert abs(found.value - 1.1) <= 3 * found.error


def test_where_rounding_is_loud_a_wider_step_is_taken():
    assert slope_of(line(lambda t: 1e6 + t, 1.0)).error < 3e-7


def test_steps_lie_near_every_length_at_hand():
    """1, the number that moves, and the length over which f changes by as much as itself."""
    calls = []
    slope_of(line(lambda t: (1e-60 + abs(t)) ** 0.5, 1e20, calls, size=1e-100))
    for length in (1.0, 1e-50, 1e-100):
        assert any(length * 1e-3 < t <= length for t in calls)


def test_smaller_steps_than_rounding_lets_speak_are_not_tried():
    calls = []
    slope_of(line(lambda t: 1e6 + abs(t), 0.5, calls, size=0.0))
    assert min(abs(t) for t in calls if t) > 1e-15


@pytest.mark.parametrize(
    ("growth", "limit"),
    [(2.0, np.inf), (1.3, np.inf), (1.1, np.nan), (-2.0, np.nan)],
    ids=["twice", "by 1.3", "by 1.1", "alternating"],
)
def test_differences_that_grow_at_every_step_have_no_bounds(growth, limit):
    heard = [(4.0**-k, growth**k, 1e-9) for k in range(8)]
    assert np.array_equal(diverging(heard), limit, equal_nan=True)
    loud = [(4.0 ** -(8 + k), 1.0, 1e3) for k in range(4)]  # nothing is heard any more
    assert np.array_equal(diverging(heard + loud), limit, equal_nan=True)
    assert np.isnan(diverging(heard[:5]))


@pytest.mark.parametrize(
    ("options", "lost"),
    [
        # rounding of the values at the points, though the one between is 0
        ({}, 4 * (EPS * 1e7 / 2e-3 + EPS * 1e10)),
        ({"floor": 1.0}, 4 / 2e-3),  # numbers that underflow
        ({"blur": 1e-5}, 4 * 1e-5 / 2e-3 * 1e10),  # a place that is not exact
    ],
    ids=["rounding", "floor", "blur"],
)
def test_what_a_difference_may_lose(options, lost):
    steep = line(lambda t: 1e10 * t, 1e10, **options)
    assert steep.quotient(1e-3, BOTH)[1] == pytest.approx(lost, rel=1e-3)


# -- pieces ----------------------------------------------------------------------------------------


def test_a_point_is_on_a_kink_but_for_rounding():
    assert Piece(np.array([0.0, 1e-15, 1e-12, 1.0, -1e-15])).on.tolist() == [
        True,
        True,
        False,
        False,
        True,
    ]
    assert Piece(np.array([1e-9, 1e6, np.inf])).on.tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("here", "there", "same", "has"),
    [
        ([1.0, -1.0], [2.0, -3.0], True, True),
        ([1.0], [-1.0], False, False),
        ([0.0], [1.0], False, False),
        ([0.0, 1.0], [0.0, 2.0], True, True),  # a kink that is not moved is none on the way
        ([1e-16, 1.0], [1.0, 2.0], True, False),
        ([1.0], [1.0, 1.0, 1.0], False, False),
    ],
)
def test_points_in_one_piece(here, there, same, has):
    assert Piece(np.array(here)).is_same(Piece(np.array(there))) is same
    assert Piece(np.array(here)).has(Piece(np.array(there))) is has


@pytest.mark.parametrize(
    ("here", "ends", "touches"),
    [
        (0.1, (1.0, 1.0), True),
        (0.1, (0.2, 0.2), False),
        (0.1, (1.0, 0.2), False),
        (0.1, (1.0, -1.0), False),
        (0.0, (0.0, 0.0), False),
    ],
)
def test_a_kink_that_is_touched_is_larger_at_both_ends(here, ends, touches):
    assert Piece(np.array([here])).touches([Piece(np.array([end])) for end in ends]) is touches


# -- checker.py ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "off", "verdict"),
    [
        ("float64", 3e-7, DISAGREES),
        ("float64", 5e-8, AGREES),
        ("float32", 1e-2, DISAGREES),
        ("float32", 1e-3, AGREES),
        ("float16", 0.5, DISAGREES),
        ("float16", 0.05, AGREES),
    ],
)
def test_what_is_allowed_follows_the_dtype(dtype, off, verdict):
    """ALLOWED, ALLOWED_FLOAT32, ALLOWED_FLOAT16: a slope of 1 that is measured well."""
    rounded = line(lambda t: 1 + t, 1 + off, eps=float(np.finfo(dtype).eps))
    assert verdict_on(1 + off, Slope(1.0, 1e-10), 1.0, 0.0, rounded, False) == verdict


def test_two_tolerances_do_not_add_up_to_one_that_hides_a_fault():
    """A float16 measurement is off by 3 %, and 10 % are allowed beside.

    Half as much again is no agreement all the same.
    """
    off = tg.op(
        lambda x: x.copy(),
        lambda g, y, x: g * np.asarray(1.5, g.dtype),
        name="test_half_as_much_again",
    )
    report = gradcheck(
        lambda x: off(x.astype("float16")).sigmoid().astype("float64"), np.array(0.3), report=True
    )
    assert not report
    assert [blame.op for blame in report.blames] == [off.name]


@pytest.mark.parametrize(("units", "verdict"), [(30, AGREES), (300, DISAGREES)])
def test_subnormal_gradients_have_few_digits(units, verdict):
    """SUBNORMAL: a gradient of 1e-42 is not known to a thousandth in float32."""

    def rule(g, y, x):
        return g * np.asarray(1e-42, g.dtype) + (
            units * np.finfo(np.float32).smallest_subnormal if g.dtype == np.float32 else 0.0
        )

    small = tg.op(lambda x: x * np.asarray(1e-42, x.dtype), rule, name="test_subnormal_slope")
    report = gradcheck(small, np.array(1.0, "float32"), report=True)
    assert [e.verdict for e in report.entries] == [verdict]


@pytest.mark.parametrize(
    ("claimed", "error", "rounding", "lenient", "verdict"),
    [
        # CERTAIN: a coarse measurement refutes what is fifty errors away, not what is ten
        (1.05, 1e-3, 0.0, False, DISAGREES),
        (1.01, 1e-3, 0.0, False, UNRESOLVED),
        # ALLOWED: a measurement that is coarser than what is allowed decides nothing
        (1.0, 5e-7, 0.0, False, UNRESOLVED),
        (1.0, 5e-8, 0.0, False, AGREES),
        # ALONE: of an op alone fewer digits are enough
        (1.0, 5e-5, 0.0, True, UNRESOLVED),
        (1.0, 5e-6, 0.0, True, AGREES),
        # LOST: rounding explains the difference, and still is a fault if it leaves fewer than four
        # digits
        (1 + 3e-4, 1e-9, 1e-4, False, DISAGREES),
        (1 + 3e-5, 1e-9, 1e-5, False, UNRESOLVED),
    ],
)
def test_the_verdict_on_a_claim_beside_a_slope_of_1(claimed, error, rounding, lenient, verdict):
    assert (
        verdict_on(claimed, Slope(1.0, error), 1.0, rounding, line(lambda t: 1 + t, 1.0), lenient)
        == verdict
    )


@pytest.mark.parametrize(("size", "compared"), [(400, 400), (401, 3)])
def test_up_to_400_entries_are_compared_one_by_one(size, compared):
    """ENTRIES, DIRECTIONS."""
    assert len(gradcheck(lambda x: x * 2.0, np.ones(size)).entries) == compared


ACCUSED_AT_KINK = {"sides": (0.0, 1.0, 1e-9), "analytic": 2.0}
SETTLED = [
    # what is undecided agrees if all parts do, and only then
    (UNRESOLVED, {}, True, True, AGREES),
    (UNRESOLVED, {}, False, True, AGREES),
    (UNRESOLVED, {}, True, False, UNRESOLVED),
    # beside both slopes of a kink: on a kink of an op, and with all parts right, it is the
    # convention of the op
    (NOT_DIFFERENTIABLE, ACCUSED_AT_KINK, True, True, NOT_DIFFERENTIABLE),
    (NOT_DIFFERENTIABLE, ACCUSED_AT_KINK, False, True, DISAGREES),
    (NOT_DIFFERENTIABLE, ACCUSED_AT_KINK, True, False, DISAGREES),
    (DISAGREES, ACCUSED_AT_KINK, True, True, NOT_DIFFERENTIABLE),
    (DISAGREES, ACCUSED_AT_KINK, True, False, DISAGREES),
    # between them any value will do, whatever the parts are
    (NOT_DIFFERENTIABLE, {**ACCUSED_AT_KINK, "analytic": 0.5}, True, False, NOT_DIFFERENTIABLE),
    # no convention gives what is no number, and none excuses what is wrong away from kinks
    (DISAGREES, {**ACCUSED_AT_KINK, "analytic": np.nan}, True, True, DISAGREES),
    (DISAGREES, {"analytic": 2.0}, True, True, DISAGREES),
    (AGREES, {}, False, False, AGREES),
]


@pytest.mark.parametrize(("verdict", "found", "on_kink", "parts_agree", "settles_as"), SETTLED)
def test_what_the_parts_say_of_the_whole(verdict, found, on_kink, parts_agree, settles_as):
    usual = {
        "parameter": "x",
        "index": (0,),
        "analytic": 1.0,
        "numerical": 1.0,
        "error": 1e-9,
        "scale": 1.0,
    }
    entry = Entry(**usual | found, verdict=verdict)
    settled_as = settled(
        entry, SimpleNamespace(on_kink=on_kink), SimpleNamespace(agree=parts_agree)
    )
    assert settled_as.verdict == settles_as
    assert settled_as.by_parts is (verdict == UNRESOLVED and parts_agree)


def test_an_undecided_entry_is_settled_in_the_report():
    """The whole is 1e6 and moves in no step; each op alone decides, if its rule is right."""
    steep = tg.op(lambda x: x * 1e-14, lambda g, y, x: g * 1e-14, name="test_right_small_slope")
    wrong = tg.op(lambda x: x * 1e-14, lambda g, y, x: g * 1.1e-14, name="test_wrong_small_slope")
    assert [e.by_parts for e in gradcheck(lambda x: steep(x) + 1e6, np.ones(1)).entries] == [True]
    report = gradcheck(lambda x: wrong(x) + 1e6, np.ones(1), report=True)
    assert [e.verdict for e in report.entries] == [UNRESOLVED]
    assert [blame.op for blame in report.blames] == [wrong.name]


# -- formulas.py -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("off", "ok"), [(8e-10, False), (3e-10, True)])
def test_a_small_entry_by_hand_may_lose_the_last_digits_of_the_largest(off, ok):
    """ROUNDED: beside a slope of 3e8 one of 4 is told to two tenths."""

    def f(x):
        return 1e8 * x[0] ** 3 + x[1] ** 2

    by_hand = lambda x: np.array([3e8, 4.0 + off * 3e8])  # noqa: E731
    assert check_formula(f, by_hand, np.array([1.0, 2.0]), report=True).ok is ok
