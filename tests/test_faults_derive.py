"""Closed formulas are right for whatever the table of ops can build: `.function`, `.numpy_source` and the printed lines."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textbook import BOOK

import tinygrad_edu as tg
from tinygrad_edu.graph import ancestors
from tinygrad_edu.testing.strategies import expressions

GRAPHS = 40  # 2,000 were run by hand


def alone(found):
    """What the source gives that is run alone, with nothing of this package in sight."""
    names = {}
    exec(found.numpy_source, names)
    return names["gradients"](**found.inputs)


def agrees(loss, wrt, found, tolerance=1e-10):
    """Whether both functions of a derivation give the gradients of backward."""
    loss.backward()
    for gradients in (found.function(**found.inputs), alone(found)):
        for g, t in zip(gradients if type(gradients) is tuple else (gradients,), wrt, strict=True):
            expected = np.zeros(t.shape) if t.grad is None else t.grad
            assert np.shape(g) == expected.shape
            assert np.array_equal(np.isfinite(g), np.isfinite(expected))
            far = np.abs(g - expected).max(initial=0, where=np.isfinite(expected))
            assert far <= tolerance * np.abs(expected).max(initial=0, where=np.isfinite(expected)) + 1e-13  # what cancels to 0
    return True


@pytest.mark.parametrize("name", BOOK)
def test_the_textbook(name):
    loss, wrt, names = BOOK[name]()
    assert agrees(loss, wrt, tg.derive(loss, wrt, names=names))


@settings(max_examples=GRAPHS)
@given(expressions(max_ops=8), st.integers(0, 2))
def test_random_graphs(program, how):
    inputs = [tg.Tensor(x, requires_grad=True) for x in program.inputs]
    y = program(*inputs)
    loss = (y.sum(), (y * y).mean(), (y * np.cos(np.arange(y.size)).reshape(y.shape)).sum())[how]
    known = set(ancestors(loss))
    wrt = [t for t in inputs if t in known]
    if loss.requires_grad:
        assert agrees(loss, wrt, tg.derive(loss, wrt))
