"""Who listens to the engine: what each is told, and that several listen at once."""

import re
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.anomaly import AnomalyError
from tinygrad_edu.engine.recorder import NOBODY, Recorder, listening, run_with, top
from tinygrad_edu.testing import gradcheck


class Diary(Recorder):
    """Writes down what it is told."""

    def __init__(self, **facts):
        self.told = []
        vars(self).update(facts)

    def __getattribute__(self, name):
        if name.startswith("_") or name not in EVENTS:
            return super().__getattribute__(name)
        self.told.append(name)
        return super().__getattribute__(name)


EVENTS = {name for name, method in vars(Recorder).items() if callable(method)} - {"__init__"}


def leaf(*values):
    return tg.Tensor(list(values), requires_grad=True)


def training_step(w):
    loss = ((w * 2.0).sum() - 1.0) ** 2
    loss.backward()
    with tg.no_grad():
        w -= 0.1 * w.grad
    w.zero_grad()
    return w.named("w").item()


# what the user does, and the events that this is, in their order
TOLD = {
    "an op": (lambda w: w * 2.0, "computed"),
    "an op of a constant": (lambda w: tg.Tensor(1.0) + 1.0, "computed"),
    "its value": (lambda w: w.item(), "value_looked_at"),
    "its name": (lambda w: w.name, "fact_asked_for"),
    "a label": (lambda w: w.named("a"), "about_to_change"),
    "its gradient": (lambda w: w.grad, "gradient_used"),
    "a backward": (lambda w: (w * w).backward(), "computed backward_called walk_begins"),
    "a detached value": (lambda w: w.detach(), "detached"),
    "an entry": (lambda w: w.reshape(1)[0], "computed entries_at computed"),
    "a number in place": (
        lambda w: no_grad_update(w), "about_to_change fact_asked_for"
    ),
    "a gradient of a function": (
        lambda w: tg.grad(lambda x: x * x)(w),
        "replaced computed backward_part walk_begins gradient_passes",
    ),
}  # fmt: skip


def no_grad_update(w):
    with tg.no_grad():
        w -= 0.5
    return w.requires_grad


@pytest.mark.parametrize("what", TOLD)
def test_a_recorder_is_told_what_is_done(what):
    do, events = TOLD[what]
    diary = Diary()
    run_with(diary, do, leaf(3.0))
    told = iter(diary.told)
    assert [event for event in events.split() if event in told] == events.split(), diary.told


def test_nobody_is_told_when_it_is_over():
    diary = Diary()
    run_with(diary, training_step, leaf(3.0))
    told = len(diary.told)
    training_step(leaf(3.0))
    assert told > 8
    assert len(diary.told) == told
    assert top() is NOBODY


def test_all_who_listen_are_told_the_same():
    inner, outer = Diary(), Diary()
    run_with(outer, run_with, inner, training_step, leaf(3.0))
    assert inner.told == outer.told != []


@given(st.lists(st.sampled_from([None, True, False]), max_size=5))
def test_the_innermost_that_decides_says_whether_ops_are_recorded(records):
    def recorded():
        return (leaf(1.0) * 2.0).op is not None

    for decides in records:
        recorded = in_recorder(decides, recorded)  # the last is the outermost
    decided = [r for r in records if r is not None]
    assert recorded() is (decided[0] if decided else True)


def in_recorder(records, function):
    return lambda: run_with(Diary(records=records), function)


@given(st.lists(st.sampled_from(["no_grad", "enable_grad", "anomaly"]), max_size=5))
def test_blocks_and_runs_are_one_stack(kinds):
    blocks = {"no_grad": tg.no_grad, "enable_grad": tg.enable_grad, "anomaly": tg.detect_anomaly}
    seen = []

    def entered(rest):
        if not rest:
            seen.extend([len(listening()), (leaf(1.0) * 2.0).op is not None])
            return
        with blocks[rest[0]]():
            entered(rest[1:])

    run_with(Diary(), entered, kinds)
    decided = [kind == "enable_grad" for kind in kinds if kind != "anomaly"]
    assert seen == [1 + len(kinds), decided[-1] if decided else True]
    assert top() is NOBODY


def test_an_error_of_a_recorder_stops_what_was_about_to_happen():
    class Guard(Recorder):
        def about_to_change(self, t, change):
            raise RuntimeError(change)

    w = leaf(1.0)
    with pytest.raises(RuntimeError, match=r"-= \.\.\."):
        run_with(Guard(), no_grad_update, w)
    assert w.tolist() == [1.0]


def test_other_threads_have_recorders_of_their_own():
    diary, seen = Diary(), []

    def elsewhere():
        seen.append(listening())
        training_step(leaf(3.0))

    def here():
        other = threading.Thread(target=elsewhere)
        other.start()
        other.join()

    run_with(diary, here)
    assert (seen, diary.told) == ([NOBODY], [])


# -- those of the package, inside each other -------------------------------------------------------


def slope_of_log(x):
    return tg.grad(lambda x: np.log(x).sum())(x)


def test_a_gradient_inside_detect_anomaly():
    with tg.detect_anomaly():
        assert slope_of_log(np.array([1.0, 2.0])).tolist() == [1.0, 0.5]
        with pytest.raises(AnomalyError, match="log made -inf"):
            slope_of_log(np.array([0.0, 2.0]))
        large = np.full(20_000, 2.0)  # of which a graph keeps little elsewhere
        assert slope_of_log(large).tolist() == [0.5] * 20_000


def test_detect_anomaly_inside_a_gradient():
    def loss(x):
        with tg.detect_anomaly():
            return np.log(x).sum()

    assert tg.grad(loss)(np.array([1.0, 2.0])).tolist() == [1.0, 0.5]
    with pytest.raises(AnomalyError, match="log made -inf"):
        tg.grad(loss)(np.array([0.0, 2.0]))


def test_detect_anomaly_around_a_compiled_gradient():
    step = tg.compile(slope_of_log)
    assert step(np.array([1.0, 2.0])).tolist() == [1.0, 0.5]
    with tg.detect_anomaly():
        assert step(np.array([1.0, 2.0])).tolist() == [1.0, 0.5]
        with pytest.raises(AnomalyError, match="log made -inf"):
            step(np.array([0.0, 2.0]))


def test_detect_anomaly_inside_a_compiled_function_shows_where_it_belongs():
    def step(x):
        with tg.detect_anomaly():
            return np.log(x).sum()

    with pytest.raises(TypeError, match=re.escape("`with tg.detect_anomaly(): step(...)`")):
        tg.compile(step)(np.array([1.0, 2.0]))
    assert top() is NOBODY
    assert np.geterr() == {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}


def test_what_no_grad_computes_belongs_to_a_program():
    def step(x):
        with tg.no_grad():
            y = x * 2.0
            with tg.enable_grad():
                z = tg.grad(lambda x: (x * y).sum())(x)
        return y + z

    compiled = tg.compile(step)
    for x in np.array([1.0, 2.0]), np.array([3.0, -1.0]):
        assert compiled(x).tolist() == step(tg.Tensor(x)).tolist() == (4.0 * x).tolist()


def test_the_checker_inside_detect_anomaly():
    with tg.detect_anomaly():
        assert gradcheck(
            lambda x: (tg.grad(lambda x: (x**3).sum())(x) ** 2).sum(), np.array([1.0, 2.0])
        )
