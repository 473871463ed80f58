"""One run of a function on placeholders: what `compile` learns a program from."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

import numpy as np

from ..engine import calling, memory
from ..engine import names as _names
from ..engine.lending import read_only
from ..engine.op import Op
from ..engine.recorder import Recorder, run_with
from ..engine.recording import clock, textbook
from ..engine.tensor import Tensor
from ..engine.validation import in_our_words
from ..graph import ancestors
from ..ops.shape import copy
from . import indices
from .impurity import changing, restore, say_nothing, settings
from .variables import Variables


class Recording(Recorder):
    """What is noted while a function runs.

    The inputs, what the user calls things, which parts are a backward pass.
    """

    records = runs_function = is_program = True

    def __init__(self, called: str, spares: bool = True) -> None:
        self.called = called
        self.spares = spares  # whether large results are let go of, where they depend on an input
        self.stand_ins: set[Tensor] = set()  # those that were
        # tensors from outside whose values the program goes by
        self.looked_at: dict[Tensor, None] = {}
        # what a tensor without a history was computed from
        self.origins: dict[Tensor, tuple[Tensor, ...]] = {}
        # what the program has to look at when it runs
        self.checks: list[tuple[Tensor, Callable[[Any], None]]] = []
        # what was asked of tensors from outside: their names, and whether one requires a gradient
        self.facts: dict[tuple[Tensor, str], Any] = {}
        self.refused: TypeError | None = None  # what cannot be recorded, and was tried
        self.settings: Any = None  # what becomes of floating-point errors and warnings
        self.frozen = ""  # what ran that gives another value at each call: time.time(), say
        self.is_running = False
        self.start = clock()
        self.inputs: dict[Tensor, int] = {}  # placeholder -> its place among the inputs
        # which tensors do not depend on an input, as far as it was found out
        self.known: dict[Tensor, bool] = {}
        self.variables = Variables()  # what the user calls what is computed
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
        """Run a function whose ops on tensors belong to the program.

        It runs in a copy of the context, which ends with it even at Ctrl-C.
        """
        watcher = sys.getprofile()

        def run() -> Any:
            with self._running(), in_our_words():
                return function(*args, **kwargs)

        try:
            returned = run_with(self, run)
        finally:
            if sys.getprofile() is not watcher:
                restore(watcher)
        if self.refused is not None:
            raise self.refused
        return returned

    @contextmanager
    def _running(self) -> Iterator[None]:
        """While this lasts, what the function calls and sets is looked at."""
        watcher: Any = sys.getprofile()
        sys.setprofile(self._watch)
        self.is_running = True
        try:
            # of stand-ins there may be no logarithm; of values the program will say so. And
            # "ignore" is for the function to choose
            with np.errstate(all="call", call=say_nothing):
                self.settings = settings()
                yield
        finally:
            restore(watcher)
            self.is_running = False
        self.variables.finish()

    @contextmanager
    def backward_part(self) -> Iterator[None]:
        """While this lasts, what is recorded is a backward pass."""
        start = clock()
        with textbook("brief"):
            yield
        self.backwards.append((start, clock()))

    def part(self, t: Tensor) -> str:
        """Where a recorded tensor belongs: forward, backward, or the update after both."""
        if any(start < t.serial < end for start, end in self.backwards):
            return "backward"
        return "update" if self.backwards and t.serial > self.backwards[-1][1] else "forward"

    # -- names -------------------------------------------------------------------------------------

    def _watch(self, frame: FrameType, event: str, called: Any) -> None:
        """Look at a call of what is written in C, and at a function that returns."""
        if event == "c_call" and not self.frozen:
            self.frozen = changing(called, frame)
        if event == "return":
            self.variables.returned(frame)

    def gradient_passes(self, t: Tensor, g: Any) -> None:
        """Note that `g` is the gradient at `t`."""
        self.gradients.append((t, g))

    # -- what cannot be recorded -------------------------------------------------------------------

    def depends(self, t: Tensor) -> bool:
        """Whether the value of `t` depends on an input."""
        if t not in self.known:
            for a in ancestors(t, until=self.known, values=False):  # operands before results
                if a not in self.known:
                    self.known[a] = all([self.known[x] for x in a.args if type(x) is Tensor])
        return not self.known[t]

    def computed(self, t: Tensor, op: Op, args: tuple[Any, ...], static: Mapping[str, Any]) -> None:
        """Note a result."""
        if t._op is None:
            self._derived(t, args)
        else:
            self._noted(t)

    def _noted(self, t: Tensor) -> None:
        """Let go of a large result that was recorded, if nobody may look at its value.

        The program needs its shape and dtype.
        """
        if self.depends(t) and settings() != self.settings:
            self.not_an_op(
                f"{self.called} computes within np.errstate, np.seterr or warnings.catch_warnings "
                "while it is compiled, and its program "
                "runs under the settings of its caller: write them around the call, `with "
                f"np.errstate(...): {self.called}(...)`"
            )
        if self.depends(t) and self.spares and t._array.nbytes >= memory.LARGE:
            t._array = memory.stand_in(t._array)
            self.stand_ins.add(t)

    def forget(self) -> None:
        """Let nobody who holds a result compute with it: its value is that of one call."""
        for t, is_known in self.known.items():
            if not is_known:
                t._array = memory.absent(t._array)

    def run_again(self, op: Op, args: tuple[Any, ...], static: Mapping[str, Any]) -> Any:
        """What an op gives for the values in place of which it was given stand-ins.

        It may need them to run at all.
        """
        values: dict[Tensor, Any] = {}
        given = [a for a in args if type(a) is Tensor]
        if not any([a in self.stand_ins for a in given]):
            return None
        for t in ancestors(*given, until=self.inputs, values=False):
            if t in self.stand_ins and t.op is not None:
                values[t] = np.asarray(
                    t.op.run(
                        *[values.get(a, a._array) if type(a) is Tensor else a for a in t.args],
                        **t.static,
                    )
                )
        return op.run(
            *[values.get(a, a._array) if type(a) is Tensor else a for a in args], **static
        )

    def replaced(self, x: Tensor, t: Tensor) -> None:
        """Note that a transform puts the leaf `x` in the place of `t`."""
        if self.depends(t):
            self.known[x] = False
        else:
            self._derived(x, (t,))

    def _derived(self, t: Tensor, args: Sequence[Any]) -> None:
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
            more = [
                b
                for b in (*a.args, *self.origins.get(a, ()))
                if type(b) is Tensor and b not in seen
            ]
            seen.update(more)
            waiting += more

    def outside(self, outputs: Iterable[Tensor]) -> list[Tensor]:
        """The tensors from outside that the outputs are computed from, and that require a gradient.

        The others count as looked at.
        """
        lifted = []
        for t in ancestors(*outputs, until=_Until(self.inputs, self.start), values=False):
            if t in self.inputs or type(t) is not Tensor:
                continue
            if t._serial < self.start and t._requires_grad:
                lifted.append(t)
            elif t._serial < self.start or t.is_leaf:
                self.looked(t)
        return lifted

    def not_an_op(self, message: str) -> NoReturn:
        """Raise a TypeError.

        It is raised again at the end, if the function has caught it: its program would not do what
        it does.
        """
        self.refused = self.refused or TypeError(message)
        raise self.refused

    def value_looked_at(self, t: Tensor) -> None:
        """Raise if the program would go by a value that is another in the next call."""
        if not self.depends(t):
            self.looked(t)
        else:
            self.not_an_op(
                f"{self.called} is being compiled, and the value of {t.label()} differs from call "
                "to call: an `if`, a `while` or an "
                "`assert` on it, its number or its text (float(), .item(), an f-string) and its "
                "array (.numpy(), np.allclose) cannot be "
                "part of a program. Write tg.where(condition, a, b) in place of an `if`, return "
                "the tensor and look at it outside, or go "
                "by shapes and Python values"
            )

    def entries_at(self, t: Tensor, index: Any, change: str, value: Any) -> Tensor | None:
        """The entries of a tensor at an index, or with a value added or set there.

        None if the index is known before the program runs.
        """
        found = indices.split_index(t, index)
        if found is None:
            return None
        if not change:
            return indices.take(t, *found)
        return {"add": indices.add, "set": indices.put}[change](t, value, *found)

    def checks_later(self, t: Tensor, refuse: Callable[[Any], None]) -> bool:
        """Whether a value is known at each call of the program only, and checked there."""
        if self.depends(t):
            self.checks.append((t, refuse))
            return True
        self.looked(t)
        return False

    def about_to_change(self, t: Tensor, change: str) -> None:
        """Raise if an input, or a tensor from outside, would be changed in place."""
        if t in self.inputs or (t.is_leaf and t.serial < self.start):
            name = _names.code(t)
            dot, example = (
                (".", "...") if change[0].isalpha() else (" ", f"{name} {change.replace('=', '')}")
            )
            self.not_an_op(
                f"`{name}{dot}{change}` changes a tensor in place, which a compiled function does "
                "not: "
                f"compute a new one, `new = {example}`, and return it"
            )

    def gradient_used(self, t: Tensor) -> None:
        """Raise: what `.grad` holds is known before the call, and of a placeholder never."""
        name = t._name or _names.of(t) or "w"
        self.not_an_op(
            f"{self.called} is being compiled, where {name}.grad cannot be read or changed: it is "
            "another array at each call. Pass it "
            f"as an argument, {self.called}({name}, {name}.grad), or compute it inside, g = "
            f"tg.grad(loss_function)({name})"
        )

    def fact_asked_for(self, t: Tensor, fact: str, value: Any) -> None:
        """Note that the program goes by the name, or the flag, of a tensor from outside.

        Raise if it is an argument.
        """
        if t in self.inputs:
            name = t._name or _names.of(t) or "w"
            self.not_an_op(
                f"{self.called} is being compiled, and {name}.{fact} differs from call to call: go "
                "by a Python value, "
                f"{self.called}({name}, {name}.{fact}), which is a part of the signature"
            )
        if t._serial < self.start:
            self.facts[t, fact] = value

    def backward_called(self, t: Tensor) -> None:
        """Raise: `.grad` is no part of a program."""
        self.not_an_op(
            f"{self.called} is being compiled, where {t.label()}.backward() has no `.grad` to "
            "fill: "
            "write `loss, gradients = tg.value_and_grad(loss_function)(parameters)`, and return "
            "the new parameters"
        )

    def detached(self, t: Tensor) -> Tensor:
        """`t.detach()` as a part of the program: its value, which gets no gradient."""
        if not self.depends(t):
            alone = Tensor(t._array)
            self._derived(alone, (t,))
            return alone
        alone = calling.result(copy, (t,), {}, t._array, True, False)
        alone._requires_grad = False
        return alone


class _Until:
    """The inputs of a recording, and all tensors older than it."""

    def __init__(self, inputs: Mapping[Tensor, int], start: int) -> None:
        self.inputs, self.start = inputs, start

    def __contains__(self, t: object) -> bool:
        return type(t) is Tensor and (t._serial < self.start or t in self.inputs)
