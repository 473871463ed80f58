"""Whether ops are recorded, and for whom: per thread and per task, for as long as a `with` block lasts, whatever ends it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from functools import partial, wraps
from itertools import count
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar, overload
from weakref import ref

if TYPE_CHECKING:
    from .core import Tensor

F = TypeVar("F", bound=Callable[..., Any])

clock = count().__next__  # a tensor's serial number: larger than those of all it was made from
_MAY_PAUSE = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


class Mode:
    """What a `with` block sets, and what was set before it.

    Python keeps the function that leaves the block, `leave`, until the block is over, and lets go of it then: even if Ctrl-C came
    before the block was entered, or while it was left. A mode is in effect as long as `leave` exists; nothing has to be put back.
    """

    __slots__ = ("before", "frame", "kept", "leave", "value", "variable")

    variable: ContextVar[Any] | None  # None: the block was not entered yet
    leave: Any  # a weak reference
    value: Any
    before: Any
    frame: FrameType | None  # of the block, if it is one that may pause: then it rests
    kept: Any  # `leave`, if nobody else holds it: where `__enter__` was called by hand

    def lasts(self) -> bool:
        """Whether its block is not over."""
        return self.leave() is not None

    def rests(self) -> bool:
        """Whether its block is in a generator or coroutine that waits."""
        return self.frame is not None and self.frame.f_back is None


class Setting:
    """A value per thread and per task, which the blocks that are in effect give."""

    def __init__(self, name: str, default: Any) -> None:
        self.variable: ContextVar[Any] = ContextVar(name, default=default)
        self.raw = self.variable.get  # quicker: a value that no block has set, or a Mode

    def get(self) -> Any:
        """The value that is in effect."""
        mode = self.raw()
        if type(mode) is not Mode:
            return mode
        mode = self.outermost_dropped(mode)
        while type(mode) is Mode and (mode.rests() or not mode.lasts()):
            mode = mode.before
        return mode.value if type(mode) is Mode else mode

    def outermost_dropped(self, mode: Any) -> Any:
        """The mode of the latest block that lasts; those that are over are forgotten."""
        latest = mode
        while type(latest) is Mode and not latest.lasts():
            latest = latest.before
        if latest is not mode:
            self.variable.set(latest)
        return latest


class _Leave:
    """`__exit__` of a block: looking it up, as `with` does before it enters, makes the function that leaves the block."""

    def __get__(self, block: Any, kind: Any = None) -> Callable[..., None]:
        if block is None:
            return _leave_by_hand  # ExitStack asks the class
        mode = Mode()
        mode.variable = mode.kept = mode.frame = None
        leave = partial(_leave, block, mode)
        mode.leave = ref(leave, block._is_over)
        _entering.set(mode)
        return leave


_entering: ContextVar[Mode | None] = ContextVar("entering", default=None)  # the mode of the block that is about to be entered


def _leave(block: Any, mode: Mode, *_: Any) -> None:
    """Put back what was set before, at once where nothing else was set since; elsewhere it is found when somebody asks."""
    if mode.variable is None:
        _leave_by_hand(block)
    else:
        mode.frame = None
        if mode.variable.get() is mode:
            mode.variable.set(mode.before)


def _leave_by_hand(block: Any, *_: Any) -> None:
    """Leave the block that `__enter__` entered without a `with`."""
    setting = block._setting
    mode = setting.raw()
    while type(mode) is Mode and not (mode.kept is not None and mode.kept.args[0] is block):
        mode = mode.before
    if type(mode) is Mode:
        mode.kept = None
        setting.get()


class _Parentheses(type):
    """The class of blocks: says what is missing in `with tg.no_grad:`."""

    def __enter__(cls) -> NoReturn:
        raise TypeError(f"`with tg.{cls.__name__}:` lacks its parentheses: write `with tg.{cls.__name__}():`")

    def __exit__(cls, *_: Any) -> None: ...


class Block(metaclass=_Parentheses):
    """A context, or a decorator, which sets something. One object may be entered several times, and in several threads."""

    _setting: Setting
    _is_over: Any = None  # called when a block is over, whatever ended it

    @overload
    def __new__(cls) -> Self: ...

    @overload
    def __new__(cls, function: F) -> F: ...  # type: ignore[misc]

    def __new__(cls, function: Any = None) -> Any:
        """The block; the decorated function for `@no_grad` without parentheses."""
        block = super().__new__(cls)
        return block if function is None else block(function)

    __exit__ = _Leave()

    def __enter__(self) -> Any:
        mode = _entering.get()
        if mode is None or mode.variable is not None or mode.leave() is None:  # called by hand
            leave: Any = self.__exit__
            mode = leave.args[1]
            mode.kept = leave
        value, before = self._mode(), self._setting.outermost_dropped(self._setting.raw())
        if value is before:  # nothing to set
            mode.variable = self._setting.variable
            return self
        frame = sys._getframe(1)
        if frame.f_code.co_flags & _MAY_PAUSE and not _is_for_caller(frame):
            mode.frame = frame
        mode.value, mode.before, mode.variable = value, before, self._setting.variable
        mode.variable.set(mode)
        if self._is_over is not None:
            self._begins(mode)
        return self

    def _mode(self) -> Any:
        """The value to set."""
        raise NotImplementedError

    def _begins(self, mode: Mode) -> None:
        """Called when a block is entered."""

    def _again(self) -> Any:
        """A block like this one."""
        return self

    def __call__(self, function: F) -> F:
        """The function, which runs in such a block; a generator or coroutine whenever it goes on."""
        if not callable(function) or isinstance(function, type):
            name = type(self).__name__
            raise TypeError(f"@tg.{name}() decorates a function, not {function!r}: write `with tg.{name}():` where it is used")
        return wraps(function)(_runner(self._again, function))  # type: ignore[return-value]


def _is_for_caller(frame: FrameType) -> bool:
    """Whether what a generator sets is meant for whoever made it: in a function of `@contextmanager`, or a fixture of pytest's."""
    caller = frame.f_back
    return caller is not None and str(caller.f_globals.get("__name__")).partition(".")[0] in ("contextlib", "_pytest")


def _runner(block: Callable[[], Any], function: Callable[..., Any]) -> Callable[..., Any]:
    if inspect.isasyncgenfunction(function):

        async def run_async_generator(*args: Any, **kwargs: Any) -> Any:
            inner = function(*args, **kwargs)
            step, sent = inner.asend, None
            try:
                while True:
                    try:
                        with block():
                            given = await step(sent)
                    except StopAsyncIteration:
                        return
                    try:
                        step, sent = inner.asend, (yield given)
                    except GeneratorExit:
                        raise
                    except BaseException as error:
                        step, sent = inner.athrow, error
            finally:
                with block():
                    await inner.aclose()

        return run_async_generator
    if inspect.iscoroutinefunction(function):

        async def run_coroutine(*args: Any, **kwargs: Any) -> Any:
            with block():
                return await function(*args, **kwargs)

        return run_coroutine
    if inspect.isgeneratorfunction(function):

        def run_generator(*args: Any, **kwargs: Any) -> Any:
            inner = function(*args, **kwargs)
            step: Callable[[Any], Any] = inner.send
            sent: Any = None
            while True:
                try:
                    with block():
                        given = step(sent)
                except StopIteration as end:
                    return end.value
                try:
                    step, sent = inner.send, (yield given)
                except GeneratorExit:
                    with block():
                        inner.close()
                    raise
                except BaseException as error:
                    step, sent = inner.throw, error

        return run_generator

    def run(*args: Any, **kwargs: Any) -> Any:
        with block():
            return function(*args, **kwargs)

    return run


# whether ops are recorded; in place of True a function that every recorded result is given to
recording = Setting("recording", True)
is_recording = recording.get
within: ContextVar[bool] = ContextVar("within", default=False)  # a transform or `compile` runs a function, and has to see its ops
recorder: ContextVar[Any] = ContextVar("recorder", default=None)  # what `compile` records a program with, while it does
watching = Setting("watching", None)  # who looks at what every op makes: a detect_anomaly
# whether rules are recorded as books have them, to be read; "brief", if only those where that costs no more than the last digits of 1
in_textbook = Setting("in_textbook", False)


def run_within(mode: Any, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run a function for a transform, its ops recorded as `mode` says. In a copy of the context, which ends with it even at Ctrl-C."""

    def run() -> Any:
        within.set(True)
        recording.variable.set(mode)
        return function(*args, **kwargs)

    return copy_context().run(run)


class textbook(Block):
    """A context in which the rules that are recorded are those to be read, not those that keep the most digits."""

    _setting = in_textbook
    _which: bool | str

    def __new__(cls, which: bool | str = True) -> Self:
        block = super().__new__(cls)
        block._which = which
        return block

    def _mode(self) -> Any:
        return self._which


class no_grad(Block):
    """A context, or a decorator, in which nothing is recorded and parameters may be changed in place.

    >>> import tinygrad_edu as tg
    >>> w = tg.Tensor([1.0, 2.0], requires_grad=True)
    >>> with tg.no_grad():
    ...     w -= 0.5
    >>> w.tolist()
    [0.5, 1.5]
    """

    _setting = recording

    def _mode(self) -> Any:
        return False


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
        refuse(t._array)
    else:
        program.check(t, refuse)
