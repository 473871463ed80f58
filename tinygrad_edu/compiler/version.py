"""A program for one signature, from what was captured to what is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..engine.tensor import Tensor
from .captured import Captured
from .emit.definition import source
from .emit.listing import Passes, listing
from .emit.numpy import Planned, prelude
from .emit.pretty import Writer
from .entry import EntryPoint
from .history import Callee, History
from .ir import Program
from .loop import Loop, in_python
from .passes.allocate import allocate
from .passes.fuse import fuse
from .passes.lower import lower
from .passes.simplify import simplify
from .signature import Signature

Entered = Callable[[tuple[Any, ...], dict[str, Any]], Any]
_NONE: Mapping[int, int] = {}


class Version:
    """A program for one signature: its text, and the way in."""

    writer = Writer
    looks_at_results = True  # whether what the program computes is checked, as well as its inputs

    def __init__(self, compiled: Callee, signature: Signature) -> None:
        self.name = compiled.name
        self.captured = Captured(
            compiled.f, compiled.name, signature, compiled.roots, self.looks_at_results
        )
        self.history = History(compiled, self.captured)
        whole = simplify(self.captured.whole)
        self.program = whole.without(len(self.captured.after))
        self.stages: dict[str, Program] = {"capture": self.captured.whole, "simplify": whole}
        self._text: tuple[str, dict[str, Any]] | None = None
        self.enter = self._way_in(compiled)

    def _way_in(self, compiled: Callee) -> Entered:
        captured, signature = self.captured, self.captured.signature
        self.stages["lower"] = lowered = lower(self.stages["simplify"])
        inputs = lowered.inputs
        donated = [inputs[signature.inputs.index(x)] for x in signature.of(compiled.donate)]
        # what may be refused at the end changes nothing
        donated = [] if captured.after else donated
        self.stages["allocate"] = plan = allocate(lowered, donated)
        self.stages["fuse"] = fused = fuse(plan)
        updates = {lowered.outputs.index(y): inputs.index(x) for y, x in plan.updates.items()}
        self.planned = Planned(self.name, fused)
        scope = dict(self.planned.namespace)
        exec(compile(self.planned.source, f"<{self.name}, compiled>", "exec"), scope)
        memory = self.planned.memory() if self.planned.buffers else None
        self._donated = set(updates.values())
        self._run, self._memory = scope[self.planned.function_name], memory
        if captured.after:
            self._run = self._checked(self._run)
        return self.entry(self._run, memory, updates, captured.identical)

    def _checked(self, program: Callable[..., Any]) -> Callable[..., Any]:
        """A program that looks at what it computed."""
        count, after = len(self.captured.program.outputs), self.captured.after

        def run(*arrays: Any) -> Any:
            results = program(*arrays)
            for refuse, value in zip(after, results[count:], strict=True):
                refuse(value)
            return results[:count]

        return run

    def entry(
        self,
        program: Callable[..., Any],
        memory: Callable[[], Any] | None = None,
        updates: Mapping[int, int] = _NONE,
        identical: Mapping[int, Any] = _NONE,
        remember: Callable[..., Any] | None = None,
    ) -> Entered:
        """The way into a program that takes inputs, and gives results, one after the other."""
        keeps = remember or self.history.remember
        self.once: Callable[[], Entered] = lambda: self.writes_entry(
            updates, identical, False, keeps
        ).function(program, memory)
        return self.writes_entry(updates, identical, True, keeps).function(program, memory)

    def writes_entry(
        self,
        updates: Mapping[int, int],
        identical: Mapping[int, Any],
        watches: bool,
        remember: Callable[..., Any],
    ) -> EntryPoint:
        """What writes the way in."""
        return EntryPoint(self.captured, remember, updates, identical, watches)

    def looped(self, loop: Loop, n: int, history: bool) -> Callable[..., list[Any]]:
        """The program of n steps."""

        def run(*arrays: Any) -> list[Any]:
            given = [
                array.copy() if i in self._donated else array for i, array in enumerate(arrays)
            ]
            kept = (self._memory(),) if self._memory else ()

            def step(*xs: Any) -> Any:
                for i, refuse in self.captured.before:
                    refuse(xs[i])
                return self._run(*xs, *kept)

            return in_python(step, loop, given, n, history)

        return run

    def _printed(self) -> tuple[str, dict[str, Any]]:
        captured = self.captured
        if self._text is None:
            self._text = source(
                self.name, captured.signature, self.program, captured.result, self.writer
            )
        return self._text

    @property
    def source(self) -> str:
        """The readable text."""
        return self._printed()[0]

    @property
    def constants(self) -> dict[str, Any]:
        """What is too large to be in the text, and what tensors from outside are now."""
        return {
            name: value._array if type(value) is Tensor else value
            for name, value in self._printed()[1].items()
        }

    def passes(self) -> Passes:
        """The program after each pass, as text, and what is emitted in the end."""
        texts = {name: listing(program) for name, program in self.stages.items()}
        return Passes({**texts, "emit": self.emitted()})

    def emitted(self) -> str:
        """The text that is run."""
        return self.planned.source.rstrip()

    @property
    def planned_source(self) -> str:
        """The text that runs, and what its names stand for."""
        return f"{prelude(self.planned.namespace)}\n\n\n{self.planned.source}"
