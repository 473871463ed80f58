"""Deep graphs, and that no graph is left to the garbage collector."""

import gc
import weakref

import numpy as np
import pytest
from derivatives import Tensor, leaf

import tinygrad_edu as tg


def test_a_million_ops_run_forward_backward_and_are_freed_without_the_collector():
    gc.collect()
    gc.disable()
    try:
        x = leaf(1.0)
        y, witnesses = x, []
        for i in range(1_000_000):
            y = y + 1.0
            if i % 100_000 == 0:
                witnesses.append(weakref.ref(y))
        y.backward()
        assert x.grad == 1.0
        assert y.item() == 1_000_001.0
        assert all(witness() is not None for witness in witnesses)
        del y
        assert [witness() for witness in witnesses] == [None] * 10
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_long_chain_is_differentiated_twice():
    def chain(x):
        for _ in range(20_000):
            x = x * 1.0001
        return x * x

    assert tg.grad(tg.grad(chain))(1.0).item() == pytest.approx(2 * 1.0001**40_000)


def test_forty_doublings_are_instant():
    x = leaf(1.0)
    y = x
    for _ in range(40):
        y = y + y
    y.backward()
    assert x.grad == 2.0**40


def fails(run):
    try:
        run()
    except ValueError:
        return
    raise AssertionError("no error was raised")


RUNS = [
    lambda: (leaf([1.0, 2.0]) ** 2).sum().backward(),
    lambda: tg.grad(lambda x: (x * x).sum())(np.ones(3)),
    lambda: tg.hessian(lambda x: (x**3).sum())(np.ones(2)),
    lambda: tg.jvp(lambda x: x * x, (2.0,), (1.0,)),
    lambda: fails(lambda: leaf([1.0, 2.0]) + np.ones(3)),
    lambda: fails(lambda: (leaf([1.0, 2.0]) * 2).backward()),
]


@pytest.mark.parametrize("run", RUNS)
def test_nothing_makes_reference_cycles(run):
    run()
    gc.collect()
    gc.disable()
    try:
        run()
        assert not [o for o in _unreachable() if isinstance(o, Tensor)]
    finally:
        gc.enable()


def _unreachable():
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    gc.set_debug(0)
    found = list(gc.garbage)
    gc.garbage.clear()
    return found
