"""Whether ops are recorded, and what the engine says to whoever listens (`recorder.py`)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, Self

from .blocks import Block, Setting
from .op import Array, Recorded
from .recorder import NOBODY, Recorder, Recorders, listening, stack, top

clock = count().__next__  # a tensor's serial number: larger than those of all it was made from

# whether rules are recorded as books have them, to be read; "brief", if only those where that costs
# no more than the last digits of 1
in_textbook: Setting = Setting("in_textbook", False)


class textbook(Block):
    """A context in which the rules that are recorded are those to be read, not the most exact."""

    _setting = in_textbook

    def __new__(cls, which: bool | str = True) -> Self:
        block = super().__new__(cls)
        block._value = which
        return block


class _Unrecorded(Recorder):
    records = False


class _Recorded(Recorder):
    records = True


class no_grad(Block):
    """A context, or a decorator, where nothing is recorded and parameters may change in place.

    >>> import tinygrad_edu as tg
    >>> w = tg.Tensor([1.0, 2.0], requires_grad=True)
    >>> with tg.no_grad():
    ...     w -= 0.5
    >>> w.tolist()
    [0.5, 1.5]
    """

    _setting = stack
    _value: Any = _Unrecorded()


class enable_grad(no_grad):
    """A context, or a decorator, in which ops are recorded again, inside a `no_grad`."""

    _value = _Recorded()


def are_recorded(recorders: Recorders) -> bool:
    """Whether ops are recorded where these listen: the innermost that decides it does."""
    for recorder in recorders:
        if recorder.records is not None:
            return recorder.records
    return True


def is_recording() -> bool:
    """Whether ops are recorded here."""
    return top() is NOBODY or are_recorded(listening())


def is_inside_function() -> bool:
    """Whether a transform or `compile` runs the function that this is called from."""
    return any([r.runs_function for r in listening()])


def is_program() -> bool:
    """Whether what is computed here becomes a program."""
    return any([r.is_program for r in listening()])


def are_values_needed() -> bool:
    """Whether somebody looks at all that is computed here."""
    return any([r.needs_values for r in listening()])


def are_ops_needed() -> bool:
    """Whether somebody has to see the single ops that are run here."""
    return any([r.runs_function or r.is_program or r.needs_values for r in listening()])


# -- what the engine says to whoever listens -------------------------------------------------------


def is_known(t: Recorded) -> bool:
    """Whether the value of `t` may be looked at.

    Not that of a program's input, nor what depends on it, while the program is recorded.
    """
    return not any([r.depends(t) for r in listening()])


def known(t: Recorded) -> Array:
    """The data of `t`, for whoever goes by its values; an error if a program knows them not."""
    if top() is not NOBODY:  # 0.05 µs less
        for recorder in listening():
            recorder.value_looked_at(t)
    return t._array


def check(t: Recorded, refuse: Callable[[Array], None]) -> None:
    """Let `refuse` look at the value of `t`, and raise if it is wrong.

    At once, and at each call of a program that is being recorded.
    """
    if not any([r.checks_later(t, refuse) for r in listening()]):
        refuse(t._array)


def about_to_change(t: Recorded, change: str) -> None:
    """Say that the data or the name of `t` will change; `change` is what follows it in the code."""
    for recorder in listening():
        recorder.about_to_change(t, change)


def about_to_use_gradient(t: Recorded) -> None:
    """Say that the `.grad` of `t` is read or changed."""
    if top() is not NOBODY:
        for recorder in listening():
            recorder.gradient_used(t)


def asked_for(t: Recorded, fact: str, value: Any) -> None:
    """Say that the name or the flag of `t` is asked for."""
    for recorder in listening():
        recorder.fact_asked_for(t, fact, value)


def refuse(message: str) -> None:
    """Say to a program that is recorded that something was done which cannot be part of it."""
    for recorder in listening():
        recorder.not_an_op(message)


def entries_at(t: Recorded, index: Any, change: str = "", value: Any = None) -> Any:
    """The entries at an index, or `t` with them changed, where only the program knows the index."""
    found = [r.entries_at(t, index, change, value) for r in listening()]
    return next((entries for entries in found if entries is not None), None)
