"""One run of a function on placeholders: what `compile` learns a program from."""

from __future__ import annotations

import builtins
import dis
import os
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from types import CodeType, FrameType
from typing import Any

import numpy as np

from .. import _names, memory
from ..checks import in_our_words, read_only
from ..core import Tensor
from ..graph import ancestors
from ..modes import clock, enable_grad, recorder, textbook, within
from ..operation import Op, _result
from ..ops.shape import copy
from .surroundings import is_library


class Recording:
    """What is noted while a function runs: its inputs, what the user calls things, which parts are a backward pass."""

    def __init__(self, called: str, spares: bool = True) -> None:
        self.called = called
        self.spares = spares  # whether large results are let go of, where they depend on an input
        self.stand_ins: set[Tensor] = set()  # those that were
        self.looked_at: dict[Tensor, None] = {}  # tensors from outside whose values the program goes by
        self.origins: dict[Tensor, tuple[Tensor, ...]] = {}  # what a tensor without a history was computed from
        self.checks: list[tuple[Tensor, Callable[[Any], None]]] = []  # what the program has to look at when it runs
        self.flags: dict[Tensor, bool] = {}  # tensors from outside, each with whether it requires a gradient, if that was asked
        self.frozen = ""  # what ran that gives another value at each call: time.time(), say
        self.is_running = False
        self.start = clock()
        self.inputs: dict[Tensor, int] = {}  # placeholder -> its place among the inputs
        self.known: dict[Tensor, bool] = {}  # which tensors do not depend on an input, as far as it was found out
        self.first_names: dict[Tensor, str] = {}  # the innermost variable that held a tensor
        self.names: dict[Tensor, str] = {}  # the outermost one
        self.scopes: dict[int, Mapping[str, Any]] = {}  # of the modules whose functions ran
        self.arrays: dict[int, tuple[Any, str]] = {}  # id -> (array, the user's name for it)
        self.gradients: list[tuple[Tensor, Tensor]] = []  # (tensor, gradient at it)
        self.backwards: list[tuple[int, int]] = []  # from which serial to which

    def placeholder(self, array: Any, name: str | None) -> Tensor:
        """A tensor in place of an input; whatever is computed from it is recorded."""
        t = Tensor(read_only(array), copy=False, name=name)
        if array.dtype.kind == "f":
            t._requires_grad = True
        else:
            t._op = copy
        self.inputs[t] = len(self.inputs)
        self.known[t] = False
        return t

    def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a function whose ops on tensors belong to the program. In a copy of the context, which ends with it even at Ctrl-C."""
        watcher = sys.getprofile()

        def run() -> Any:
            with self.running(), enable_grad(), in_our_words():
                return function(*args, **kwargs)

        try:
            return copy_context().run(run)
        finally:
            if sys.getprofile() is not watcher:
                restore(watcher)

    @contextmanager
    def running(self) -> Iterator[None]:
        """While this lasts, ops on tensors belong to the program."""
        token, inner = recorder.set(self), within.set(True)
        watcher: Any = sys.getprofile()
        sys.setprofile(self._watch)
        self.is_running = True
        try:
            with np.errstate(all="ignore"):  # of stand-ins there may be no logarithm; of values the program will say so
                yield
        finally:
            restore(watcher)
            self.is_running = False
            recorder.reset(token)
            within.reset(inner)
        outermost, self.names = self.names, {}
        for scope in self.scopes.values():
            self._note(scope)
        self.names |= outermost

    @contextmanager
    def backward(self) -> Iterator[None]:
        """While this lasts, what is recorded is a backward pass."""
        start = clock()
        with textbook("brief"):
            yield
        self.backwards.append((start, clock()))

    def part(self, t: Tensor) -> str:
        """Whether a recorded tensor belongs to the forward or the backward part, or to the update after both."""
        if any(start < t.serial < end for start, end in self.backwards):
            return "backward"
        return "update" if self.backwards and t.serial > self.backwards[-1][1] else "forward"

    # -- names -----------------------------------------------------------------------------------------------------------------

    def _watch(self, frame: FrameType, event: str, called: Any) -> None:
        """Note the variables of a function of the user's that returns: the outermost one comes last, and its names count."""
        if event == "c_call" and not self.frozen:
            self.frozen = changing(called, frame)
        code = frame.f_code
        if event != "return" or not _names.is_users(frame) or (code.co_name[0] == "<" and code.co_name != "<lambda>"):
            return
        if frame.f_back is not None and frame.f_back.f_globals.get("__name__") == Tensor.__module__:
            return  # a function or a rule of an op's: the letters of its definition
        counters = loop_variables(code)
        self._note({name: value for name, value in frame.f_locals.items() if name not in counters})
        self.scopes[id(frame.f_globals)] = frame.f_globals

    def _note(self, scope: Mapping[str, Any]) -> None:
        for name, value in list(scope.items()):
            if name.startswith("_"):
                continue
            if type(value) is Tensor:
                self.first_names.setdefault(value, name)
                self.names[value] = name
            elif isinstance(value, np.ndarray):
                self.arrays.setdefault(id(value), (value, name))

    def name_gradient(self, t: Tensor, g: Any) -> None:
        """Note that `g` is the gradient at `t`."""
        self.gradients.append((t, g))

    def name_of_array(self, array: Any) -> str | None:
        """What the user calls an array that the function used."""
        if id(array) in self.arrays:
            return self.arrays[id(array)][1]
        for known, name in self.arrays.values():  # the same memory, seen by another object: by a Tensor, say
            if _memory(known) == _memory(array):
                return name
        return None

    # -- what cannot be recorded -----------------------------------------------------------------------------------------------

    def depends(self, t: Tensor) -> bool:
        """Whether the value of `t` depends on an input."""
        if t not in self.known:
            for a in ancestors(t, until=self.known, values=False):  # operands before results
                if a not in self.known:
                    self.known[a] = all([self.known[x] for x in a.args if type(x) is Tensor])
        return not self.known[t]

    def noted(self, t: Tensor) -> None:
        """Let go of a large result that was recorded, if nobody may look at its value: the program needs its shape and dtype."""
        if self.depends(t) and self.spares and t._array.nbytes >= memory.LARGE:
            t._array = memory.stand_in(t._array)
            self.stand_ins.add(t)

    def forget(self) -> None:
        """Let nobody who holds a result compute with it: its value is that of one call."""
        for t, is_known in self.known.items():
            if not is_known:
                t._array = memory.absent(t._array)

    def rerun(self, op: Op, args: Sequence[Any], static: Mapping[str, Any]) -> Any:
        """What an op gives for the values in place of which it was given stand-ins; it may need them to run at all."""
        values: dict[Tensor, Any] = {}
        given = [a for a in args if type(a) is Tensor]
        if not any([a in self.stand_ins for a in given]):
            return None
        for t in ancestors(*given, until=self.inputs, values=False):
            if t in self.stand_ins and t.op is not None:
                values[t] = np.asarray(t.op.run(*[values.get(a, a._array) if type(a) is Tensor else a for a in t.args], **t.static))
        return op.run(*[values.get(a, a._array) if type(a) is Tensor else a for a in args], **static)

    def stands_for(self, x: Tensor, t: Tensor) -> None:
        """Note that a transform puts the leaf `x` in the place of `t`."""
        if self.depends(t):
            self.known[x] = False
        else:
            self.derived(x, (t,))

    def derived(self, t: Tensor, args: Sequence[Any]) -> None:
        """Note what a result without a history was computed from."""
        if self.is_running:
            self.origins[t] = tuple([a for a in args if type(a) is Tensor])

    def looked(self, t: Tensor) -> None:
        """Note that the program goes by a value, which is known, of tensors from outside."""
        waiting, seen = [t], {t}
        while waiting:
            a = waiting.pop()
            if a._serial < self.start and a not in self.inputs:
                self.looked_at[a] = None
                continue
            more = [b for b in (*a.args, *self.origins.get(a, ())) if type(b) is Tensor and b not in seen]
            seen.update(more)
            waiting += more

    def outside(self, outputs: Iterable[Tensor]) -> list[Tensor]:
        """The tensors from outside that the outputs are computed from: those that require a gradient; the others count as looked at."""
        lifted = []
        for t in ancestors(*outputs, until=_Until(self.inputs, self.start), values=False):
            if t in self.inputs or type(t) is not Tensor:
                continue
            if t._serial < self.start and t._requires_grad:
                lifted.append(t)
            elif t._serial < self.start or t.is_leaf:
                self.looked(t)
        return lifted

    def refuse_value(self, t: Tensor) -> None:
        """Raise if the program would go by a value that is another in the next call."""
        if not self.depends(t):
            self.looked(t)
        else:
            raise TypeError(
                f"{self.called} is being compiled, and the value of {t.label()} differs from call to call: an `if`, a `while` or an "
                "`assert` on it, its number or its text (float(), .item(), an f-string) and its array (.numpy(), np.allclose) cannot be "
                "part of a program. Write tg.where(condition, a, b) in place of an `if`, return the tensor and look at it outside, or go "
                "by shapes and Python values"
            )

    def at(self, t: Tensor, index: Any, change: str = "", value: Any = None) -> Tensor | None:
        """The entries of a tensor at an index, or with a value added or set there, if the index is known only when the program runs."""
        from .indices import add, put, take, taken_apart

        found = taken_apart(t, index)
        if found is None:
            return None
        return {"add": add, "set": put}[change](t, value, *found) if change else take(t, *found)

    def check(self, t: Tensor, refuse: Callable[[Any], None]) -> None:
        """Check a value now if it is known, else at each call of the program."""
        if self.depends(t):
            self.checks.append((t, refuse))
        else:
            self.looked(t)
            refuse(t._array)

    def refuse_change(self, t: Tensor, change: str) -> None:
        """Raise if an input, or a tensor from outside, would be changed in place."""
        if t in self.inputs or (t.is_leaf and t.serial < self.start):
            name = t.name or _names.of(t) or "t"
            dot, example = (".", "...") if change[0].isalpha() else (" ", f"{name} {change.replace('=', '')}")
            raise TypeError(
                f"`{name}{dot}{change}` changes a tensor in place, which a compiled function does not: "
                f"compute a new one, `new = {example}`, and return it"
            )

    def refuse_gradient(self, t: Tensor) -> None:
        """Raise: what `.grad` holds is known before the call, and of a placeholder never."""
        name = t.name or _names.of(t) or "w"
        raise TypeError(
            f"{self.called} is being compiled, where {name}.grad cannot be read or changed: it is another array at each call. Pass it "
            f"as an argument, {self.called}({name}, {name}.grad), or compute it inside, g = tg.grad(loss_function)({name})"
        )

    def asked_for_flag(self, t: Tensor) -> None:
        """Note that the program goes by whether a tensor from outside requires a gradient; raise if it is an argument."""
        if t in self.inputs:
            name = t.name or _names.of(t) or "w"
            raise TypeError(
                f"{self.called} is being compiled, and {name}.requires_grad differs from call to call: go by a Python value, "
                f"{self.called}({name}, is_frozen), which is a part of the signature"
            )
        if t._serial < self.start:
            self.flags[t] = t._requires_grad

    def refuse_backward(self, t: Tensor) -> None:
        """Raise: `.grad` is no part of a program."""
        raise TypeError(
            f"{self.called} is being compiled, where {t.label()}.backward() has no `.grad` to fill: "
            "write `loss, gradients = tg.value_and_grad(loss_function)(parameters)`, and return the new parameters"
        )

    def detached(self, t: Tensor) -> Tensor:
        """`t.detach()` as a part of the program: its value, which gets no gradient."""
        if not self.depends(t):
            alone = Tensor(t._array)
            self.derived(alone, (t,))
            return alone
        alone = _result(copy, (t,), {}, t._array, True, False)
        alone._requires_grad = False
        return alone


def restore(watcher: Any) -> None:
    """Let a profiler go on: a function, or an object of cProfile's."""
    if watcher is None or callable(watcher):
        sys.setprofile(watcher)
    else:
        watcher.enable()


class _Until:
    """The inputs of a recording, and all tensors older than it."""

    def __init__(self, inputs: Mapping[Tensor, int], start: int) -> None:
        self.inputs, self.start = inputs, start

    def __contains__(self, t: object) -> bool:
        return type(t) is Tensor and (t._serial < self.start or t in self.inputs)


CLOCKS = {
    getattr(time, name) for name in ("time", "time_ns", "perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns", "process_time")
}
READERS = {builtins.open, builtins.input}
LOOKING = {"warnings", "linecache", "traceback", "inspect", "importlib", "logging", "tokenize", "pdb"}


def changing(called: Any, frame: FrameType) -> str:
    """What is called, if it is another value at each call: the time, what a file holds, randomness without a seed."""
    try:
        name = f"{called.__name__}()" if called in CLOCKS or called in READERS or called is os.urandom else ""
        if called.__name__ == "seed" and isinstance(called.__self__, random.Random) and frame.f_locals.get("a") is None:
            name = "random.Random()"
        if isinstance(getattr(called, "__self__", None), type) and called.__name__ in ("now", "utcnow", "today"):
            name = f"{called.__name__}()"
    except (AttributeError, TypeError):  # a method of what cannot be hashed
        return ""
    if not name:
        return ""
    caller: FrameType | None = frame
    while caller is not None and not _names.is_users(caller):
        if caller.f_globals.get("__name__", "").partition(".")[0] in LOOKING:
            return ""
        caller = caller.f_back
    if caller is None or is_library(caller.f_globals.get("__name__")):
        return ""
    if called is os.urandom or name == "random.Random()":
        return "a generator of random numbers without a seed"
    return name if called in READERS or caller is frame else ""


def _memory(array: Any) -> tuple[Any, ...]:
    return array.ctypes.data, array.shape, array.strides, array.dtype


def loop_variables(code: CodeType) -> set[str]:
    """The variables of a function that a `for` binds: they name now this, now that."""
    found: set[str] = set()
    wanted = 0
    for instruction in dis.get_instructions(code):
        if instruction.opname == "FOR_ITER":
            wanted = 1
        elif wanted and instruction.opname.startswith("UNPACK"):
            wanted += int(instruction.arg or 0) - 1
        elif wanted and instruction.opname.startswith("STORE"):
            names = instruction.argval if isinstance(instruction.argval, tuple) else (instruction.argval,)
            found.update(map(str, names))
            wanted = max(wanted - len(names), 0)
        elif instruction.opname not in ("CACHE", "NOP", "EXTENDED_ARG"):
            wanted = 0
    return found
