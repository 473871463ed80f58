"""The one seam for whoever listens to the engine: a stack of `Recorder`s, one for each context.

`no_grad`, the sparing graph of `grad`, `detect_anomaly` and `compile` are recorders; several listen
at once, the innermost first. Where the stack is empty ops are recorded, and calls are unrolled.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import copy_context
from typing import Any, TypeVar

from .blocks import Mode, Setting
from .op import Array, Op

T = TypeVar("T")


class Recorder:
    """Somebody who is told what the engine does; what a subclass does not define changes nothing.

    A method that is called before something happens may raise, and then it does not happen.
    """

    records: bool | None = None  # whether ops are recorded, where it decides
    runs_function = False  # it runs a function of the user's, whose ops it has to see
    is_program = False  # what no_grad() computes belongs to it too, and so do backward passes
    needs_values = False  # it looks at all that is computed

    # -- what it is told ---------------------------------------------------------------------------

    def computed(self, t: Any, op: Op, args: tuple[Any, ...], static: Mapping[str, Any]) -> None:
        """An op was run and made `t`, which has a history if it is recorded."""

    def replaced(self, x: Any, t: Any) -> None:
        """A transform puts the leaf `x` in the place of `t`."""

    def value_looked_at(self, t: Any) -> None:
        """The value of `t` is looked at."""

    def fact_asked_for(self, t: Any, fact: str, value: Any) -> None:
        """The name of `t` was asked for, or whether it requires a gradient."""

    def about_to_change(self, t: Any, change: str) -> None:
        """The data of `t` is about to change; how, as the user writes it behind the name."""

    def gradient_used(self, t: Any) -> None:
        """The `.grad` of `t` is read or changed."""

    def backward_called(self, t: Any) -> None:
        """`t.backward()` was called."""

    def walk_begins(
        self, walk: Iterator[tuple[Any, Any]], until: Container[Any] | None
    ) -> Iterator[tuple[Any, Any]]:
        """A backward walk begins: it goes on with what this yields."""
        return walk

    def gradient_passes(self, t: Any, g: Any) -> None:
        """A transform walks back, and `g` is the gradient at `t`."""

    def not_an_op(self, message: str) -> None:
        """Something was done that cannot be part of a program."""

    # -- what it is asked --------------------------------------------------------------------------

    def depends(self, t: Any) -> bool:
        """Whether the value of `t` is another at each call of a program."""
        return False

    def checks_later(self, t: Any, refuse: Callable[[Array], None]) -> bool:
        """Whether it lets `refuse` look at the value of `t` at each call of a program."""
        return False

    def run_again(self, op: Op, args: tuple[Any, ...], static: Mapping[str, Any]) -> Any:
        """What an op gives that failed, if it was given what stands for values; else None."""

    def entries_at(self, t: Any, index: Any, change: str, value: Any) -> Any:
        """The entries at an index, or the tensor after a change of them; None if it is known."""

    def detached(self, t: Any) -> Any:
        """The value of `t` without a history; None for a constant."""

    def backward_part(self) -> AbstractContextManager[None]:
        """A context in which what is recorded is a backward pass."""
        return nullcontext()


Recorders = tuple[Recorder, ...]
NOBODY: Recorders = ()
# a tuple of recorders, or a Mode: the latest block's recorder, and what was set before it
stack: Setting = Setting("recorders", NOBODY)
top = stack.raw  # `top() is NOBODY` is the quickest way to ask whether anybody listens


def listening() -> Recorders:
    """Who listens here, the innermost first."""
    mode = top()
    if type(mode) is tuple:
        return mode
    if mode.before is NOBODY and mode.frame is None and mode.lasts():
        return (mode.value,)  # one block, as most often: 0.3 µs less
    mode = stack.outermost_dropped(mode)
    found = []
    while type(mode) is Mode:
        if mode.lasts() and not mode.rests():
            found.append(mode.value)
        mode = mode.before
    return (*found, *mode)


def run_with(recorder: Recorder, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Run a function, and let a recorder listen.

    In a copy of the context, which ends with it even at Ctrl-C.
    """

    def run() -> T:
        stack.variable.set((recorder, *listening()))
        return function(*args, **kwargs)

    return copy_context().run(run)
