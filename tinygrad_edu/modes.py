"""Whether ops are recorded, and for whom: per thread and per task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from itertools import count
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from .core import Tensor

F = TypeVar("F", bound=Callable[..., Any])

clock = count().__next__  # a tensor's serial number: larger than those of all it was made from
# whether ops are recorded, per thread and per task; in place of True a function that every recorded result is given to
_recording: ContextVar[Any] = ContextVar("recording", default=True)
is_recording = _recording.get
within: ContextVar[bool] = ContextVar("within", default=False)  # a transform or `compile` runs a function, and has to see its ops
recorder: ContextVar[Any] = ContextVar("recorder", default=None)  # what `compile` records a program with, while it does

# whether rules are recorded as books have them, to be read; "brief", if only those where that costs no more than the last digits of 1
in_textbook: ContextVar[bool | str] = ContextVar("in_textbook", default=False)


@contextmanager
def textbook(which: bool | str = True) -> Iterator[None]:
    """A context in which the rules that are recorded are those to be read, not those that keep the most digits."""
    before = in_textbook.get()
    in_textbook.set(which)
    try:
        yield
    finally:
        in_textbook.set(before)


class no_grad:
    """A context, or a decorator, in which nothing is recorded and parameters may be changed in place.

    >>> import tinygrad_edu as tg
    >>> w = tg.Tensor([1.0, 2.0], requires_grad=True)
    >>> with tg.no_grad():
    ...     w -= 0.5
    >>> w.tolist()
    [0.5, 1.5]
    """

    _before: Any = None

    def __enter__(self) -> None:
        self._before = (is_recording(), self._before)  # one object may be entered twice
        _recording.set(self._mode())

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        mode, self._before = self._before
        _recording.set(mode)  # and not a token of set: a generator may go on in another context

    def _mode(self) -> Any:
        return False

    def __call__(self, function: F) -> F:
        @wraps(function)
        def without_recording(*args: Any, **kwargs: Any) -> Any:
            with type(self)():
                return function(*args, **kwargs)

        return without_recording  # type: ignore[return-value]


class enable_grad(no_grad):
    """A context, or a decorator, in which ops are recorded again, inside a `no_grad`."""

    def _mode(self) -> Any:
        program = recorder.get()  # which has to be given what is recorded
        return True if program is None else program.noted


def is_known(t: Tensor) -> bool:
    """Whether the value of `t` may be looked at: not that of a program's input, nor what depends on it, while the program is recorded."""
    return recorder.get() is None or not recorder.get().depends(t)


def check(t: Tensor, refuse: Callable[[Any], None]) -> None:
    """Let `refuse` look at the value of `t`, and raise if it is wrong: at once, and at each call of a program that is being recorded."""
    program = recorder.get()
    if program is None:
        refuse(t._data)
    else:
        program.check(t, refuse)
