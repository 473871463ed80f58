"""While a function is recorded no large values are kept, and nothing that anybody sees differs."""

import cProfile
import tracemalloc
from copy import copy

import numpy as np
import pytest
from compiling import LARGE, same, squares
from counting import growth
from hypothesis import given, settings

import tinygrad_edu as tg
from tinygrad_edu.engine import memory
from tinygrad_edu.engine.registry import registry
from tinygrad_edu.testing import expressions

# -- what is remembered while a function is recorded -----------------------------------------------


@settings(max_examples=25)
@given(expressions())
def test_a_program_is_the_same_whether_it_was_recorded_with_values_or_without(program):
    texts = []
    for large in (0, memory.LARGE):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(memory, "LARGE", large)
            compiled = tg.compile(squares(lambda *xs: program(*xs), program.inputs))
            same(compiled(*program.inputs), compiled(*program.inputs))
            texts.append(compiled.planned_source)
    assert texts[0] == texts[1]


def test_recording_a_deep_network_takes_no_more_memory_than_running_it():
    start = [np.random.default_rng(i).normal(size=(120, 120)) / 11 for i in range(15)]

    def cost(weights, x):
        for w in weights:
            x = (x @ w).tanh() * 1.5
        return (x * x).mean()

    def step(weights, x):
        loss, slopes = tg.value_and_grad(cost)(weights, x)
        return [w - 0.1 * g for w, g in zip(weights, slopes, strict=True)], loss

    compiled = tg.compile(step)
    tracemalloc.start()
    try:
        new, loss = compiled(start, LARGE)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * held, (
        f"{peak / LARGE.nbytes:.0f} arrays, {held / LARGE.nbytes:.0f} of them the program's memory "
        "and its results"
    )
    same((new, loss), step(list(map(tg.Tensor, start)), tg.Tensor(LARGE)), rtol=1e-9)


def test_a_normalisation_compiles_without_a_warning():
    def normalised(x):
        return (x - x.mean(axis=0)) / x.std(axis=0)

    for f in (normalised, tg.grad(lambda x: (normalised(x * 2.0) ** 3).sum())):
        runs = []
        found = tg.compile(lambda x, f=f, runs=runs: runs.append(1) or f(x))(LARGE)
        same(found, f(tg.Tensor(LARGE)), rtol=1e-9, atol=1e-9)
        assert len(runs) == 1, (
            "a warning is an error here, after which it would be recorded once more"
        )


def test_values_that_depend_on_no_input_are_known():
    w = tg.Tensor(LARGE, requires_grad=True)

    def f(x):
        doubled = w * 2.0
        return (x * 3.0 + doubled) * doubled.max().item() if (doubled > 1.0).any() else x

    same(tg.compile(f)(LARGE), f(tg.Tensor(LARGE)))


def test_values_that_depend_on_an_input_are_not_shown():
    texts = []
    tg.compile(lambda x: texts.append(str(x * 2.0)) or x)(np.ones(2))
    assert texts == ["Tensor(not known yet, shape=(2,), op=multiply, requires_grad=True)"]
    with pytest.raises(TypeError, match="the value of x differs from call to call"):
        tg.compile(lambda x: copy(x) + 1.0)(np.ones(2))


def test_an_op_may_need_values_to_run_at_all(request):
    request.addfinalizer(lambda: registry.pop("inverse", None))
    inverse = tg.op(np.linalg.inv, lambda g, y, x: -(y.mT @ g @ y.mT), name="inverse")
    square = LARGE @ LARGE.T

    def f(x):
        return tg.value_and_grad(lambda x: inverse(x * 2.0 + np.eye(100)).sum())(x)

    same(tg.compile(f)(square), f(tg.Tensor(square)), rtol=1e-9)


def test_a_result_that_outlives_the_recording_has_no_wrong_value():
    held = []
    tg.compile(lambda x: held.append((x * 2.0).sum()) or held[0] * 1.0)(LARGE)
    with pytest.raises(
        RuntimeError, match="a value on the way was not kept: .* while it is compiled"
    ):
        held[0] + 1.0


def test_a_recording_is_no_anomaly():
    runs = []

    def f(x):
        runs.append(x.shape)
        x = x * 2.0
        return (x - x.mean(axis=0)) / x.std(axis=0)

    with tg.detect_anomaly():
        assert np.isfinite(tg.compile(f)(LARGE).numpy()).all()
    assert len(runs) == 1, "with all values"


def test_looking_at_many_results_takes_no_longer():
    def looking(times):
        def f(x):
            for _ in range(times):
                x = (x + 1.0).tanh().detach()
            return x

        tg.compile(f)(np.ones(3))

    assert growth(looking, 60) < 2.5, "each look walked back to the inputs"


def test_a_profiler_goes_on_after_the_recording():
    profile = cProfile.Profile()
    profile.enable()
    try:
        tg.compile(lambda x: x * 2.0)(np.ones(2))
        sorted([2, 1])
    finally:
        profile.disable()
    assert any("sorted" in str(entry.code) for entry in profile.getstats())


def test_reading_an_ops_page_while_a_program_is_recorded_records_nothing_of_it():
    def step(x):
        assert "∂y/∂x" in tg.sinh.__doc__
        with tg.no_grad():
            assert "∂y/∂x" in tg.cosh.__doc__
        return tg.sinh(x)

    for op in (tg.sinh, tg.cosh):
        op.documentation = None
    compiled = tg.compile(step)
    assert compiled(np.ones(2)).tolist() == tg.sinh(np.ones(2)).tolist()
    assert "backward" not in compiled.source and "cosh" not in compiled.source
