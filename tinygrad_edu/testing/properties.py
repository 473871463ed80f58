"""Tests of a function's gradients at inputs that Hypothesis draws."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from hypothesis import Phase, given, reject, settings
from hypothesis import strategies as st

from .checker import gradcheck
from .functions import NotFinite
from .strategies import Strategy


def phases() -> tuple[Phase, ...]:
    """The phases of Hypothesis that are on, but for explaining.

    That runs a failing check a hundred times more, and the report says which entry and which op are
    wrong.
    """
    return tuple(phase for phase in settings().phases if phase is not Phase.explain)


def check_gradients(
    order: int = 1, max_examples: int = 25, **inputs: Strategy
) -> Callable[[Callable[..., Any]], Callable[[], None]]:
    """Turn a function of Tensors into a test of its gradients, at inputs drawn by strategies.

    Each keyword names an input and how to draw it (`tensors`, `arrays`, or any other strategy); the
    function is called with them in that order. pytest runs the result as it is; a
    `GradientMismatch` shows the smallest inputs at which the gradients disagree.

    >>> from tinygrad_edu.testing import check_gradients, tensors
    >>> @check_gradients(x=tensors(shape=(3,)), w=tensors(shape=(3,)))
    ... def test_my_model(x, w):
    ...     return ((x * w).sum().tanh() - 1.0) ** 2
    >>> test_my_model()
    """
    if callable(order):
        raise TypeError(
            "check_gradients takes the inputs to draw: "
            "write @check_gradients(x=tensors()) above the function"
        )
    if not inputs:
        raise TypeError(
            "check_gradients needs to know the function's inputs: "
            "@check_gradients(x=tensors(), w=tensors(shape=(3,)))"
        )

    def decorate(function: Callable[..., Any]) -> Callable[[], None]:
        @settings(
            max_examples=max_examples, deadline=None, report_multiple_bugs=False, phases=phases()
        )
        @given(st.tuples(*inputs.values()))
        def check(drawn: tuple[Any, ...]) -> None:
            __tracebackhide__ = True
            try:
                gradcheck(function, *drawn, order=order, names=list(inputs))
            except NotFinite:
                reject()  # too large a number: there is no gradient to check

        @wraps(function, assigned=("__module__", "__name__", "__qualname__", "__doc__"), updated=())
        def test() -> None:
            __tracebackhide__ = True
            check()

        del test.__wrapped__  # pytest would take the arguments for fixtures
        return test

    return decorate
