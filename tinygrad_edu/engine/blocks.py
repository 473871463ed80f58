"""Settings that `with` blocks give, per thread and per task, for as long as a block lasts."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from types import FrameType
from typing import Any, NoReturn, Self, TypeVar, overload
from weakref import ref

F = TypeVar("F", bound=Callable[..., Any])

_MAY_PAUSE = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


class Mode:
    """What a `with` block sets, and what was set before it.

    Python keeps `left`, the bound method that leaves the block, until the block is over, and lets
    go of it then: even if Ctrl-C came before the block was entered, or while it was left. A mode is
    in effect as long as that method exists; nothing has to be put back.
    """

    __slots__ = ("before", "block", "frame", "kept", "leave", "value", "variable")

    variable: ContextVar[Any] | None  # None: the block was not entered yet
    block: Any
    leave: Any  # a weak reference to the bound method
    value: Any
    before: Any
    frame: FrameType | None  # of the block, if it is one that may pause: then it rests
    kept: Any  # the method, if nobody else holds it: where `__enter__` was called by hand

    def left(self, *_: Any) -> None:
        """Put back what was set before: at once where nothing else was set since.

        Elsewhere it is found when somebody asks.
        """
        variable = self.variable
        if variable is None:
            _leave_by_hand(self.block)
        else:
            self.frame = None
            if variable.get() is self:
                variable.set(self.before)

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


class _Exit:
    """`__exit__` of a block: `with` looks it up before it enters, which makes what leaves it."""

    def __get__(self, block: Any, kind: Any = None) -> Callable[..., None]:
        if block is None:
            return _leave_by_hand  # ExitStack asks the class
        mode = Mode()
        mode.block = block
        mode.variable = mode.kept = mode.frame = None
        left = mode.left
        mode.leave = ref(left, block._is_over)
        _entering.set(mode)
        return left


# the mode of the block that is about to be entered
_entering: ContextVar[Mode | None] = ContextVar("entering", default=None)


def _leave_by_hand(block: Any, *_: Any) -> None:
    """Leave the block that `__enter__` entered without a `with`."""
    setting = block._setting
    mode = setting.raw()
    while type(mode) is Mode and not (mode.kept is not None and mode.block is block):
        mode = mode.before
    if type(mode) is Mode:
        mode.kept = None
        setting.get()


class _Parentheses(type):
    """The class of blocks: says what is missing in `with tg.no_grad:`."""

    def __enter__(cls) -> NoReturn:
        raise TypeError(
            f"`with tg.{cls.__name__}:` lacks its parentheses: write `with tg.{cls.__name__}():`"
        )

    def __exit__(cls, *_: Any) -> None: ...


class Block(metaclass=_Parentheses):
    """A context, or a decorator, which sets something.

    One object may be entered several times, and in several threads.
    """

    _setting: Setting
    _value: Any  # what is set
    _is_over: Any = None  # called when a block is over, whatever ended it

    @overload
    def __new__(cls) -> Self: ...

    @overload
    def __new__(cls, function: F) -> F: ...  # type: ignore[misc]

    def __new__(cls, function: Any = None) -> Any:
        """The block; the decorated function for `@no_grad` without parentheses."""
        block = object.__new__(cls)
        return block if function is None else block(function)

    __exit__ = _Exit()

    def __enter__(self) -> Any:
        mode = _entering.get()
        if mode is None or mode.variable is not None or mode.leave() is None:  # called by hand
            left: Any = self.__exit__
            mode = left.__self__
            mode.kept = left
        setting = self._setting
        variable = setting.variable
        value, before = self._value, variable.get()
        if type(before) is Mode and before.leave() is None:
            before = setting.outermost_dropped(before)
        if value is before:  # nothing to set
            mode.variable = variable
            return self
        frame = sys._getframe(1)
        if frame.f_code.co_flags & _MAY_PAUSE and not _is_for_caller(frame):
            mode.frame = frame
        mode.value, mode.before, mode.variable = value, before, variable
        variable.set(mode)
        if self._is_over is not None:
            self._begins(mode)
        return self

    def _begins(self, mode: Mode) -> None:
        """Called when a block is entered."""

    def _again(self) -> Any:
        """A block like this one."""
        return self

    def __call__(self, function: F) -> F:
        """The function, run in such a block; a generator or coroutine whenever it goes on."""
        if not callable(function) or isinstance(function, type):
            name = type(self).__name__
            raise TypeError(
                f"@tg.{name}() decorates a function, not {function!r}: "
                f"write `with tg.{name}():` where it is used"
            )
        return wraps(function)(_runner(self._again, function))  # type: ignore[return-value]


def _is_for_caller(frame: FrameType) -> bool:
    """Whether what a generator sets is meant for whoever made it.

    In a function of `@contextmanager`, or a fixture of pytest's.
    """
    caller = frame.f_back
    return caller is not None and str(caller.f_globals.get("__name__")).partition(".")[0] in (
        "contextlib",
        "_pytest",
    )


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
