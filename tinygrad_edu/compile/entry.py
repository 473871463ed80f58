"""The way into a program: a function, written for one signature, that checks the arguments, runs the program and wraps its results.

It is written out because a loop over the arguments would take longer than many a program does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core import Tensor
from ..modes import clock
from ..operation import _new, _nothing
from .signature import Branch, Constant, Input, Signature
from .text import tree_text

MISS = object()  # what the function gives for arguments of another signature


class Result(NamedTuple):
    """A leaf of what the function returns: which of the program's results, and whether as a Tensor, or as the array that it was."""

    number: int
    is_tensor: bool


def wrapped(array: Any) -> Tensor:
    """`Tensor(array, copy=False)` for an array that is known to be one: 0.1 µs in place of 1."""
    t = _new(Tensor)
    t._data = array
    t._op = t._lent = t._grad = t.name = None
    t._args, t._static, t._serial, t._requires_grad = (), _nothing, clock(), False
    return t


class Entry:
    """Writes the way in: lines that check and take apart, the call, the results in their structure."""

    def __init__(
        self, signature: Signature, updates: Mapping[int, int], result: Any, results: int, closed: Sequence[tuple[Tensor, int]]
    ) -> None:
        self.signature, self.result, self.results = signature, result, results
        self.updates = updates  # a result, and the input that becomes it
        self.namespace: dict[str, Any] = {"Tensor": Tensor, "ndarray": np.ndarray, "MISS": MISS, "clock": clock, "wrapped": wrapped}
        self.namespace["objects"] = signature.objects
        self.closed = closed  # constants of the program that may change, each with its serial
        self.lines: list[str] = []
        self.count = 0

    def function(self, program: Callable[..., Any], memory: Callable[[], Any] | None) -> Callable[[tuple[Any, ...], dict[str, Any]], Any]:
        """The function of (args, kwargs)."""
        code = compile(self.source(memory is not None), "<the way into a compiled function>", "exec")
        scope: dict[str, Any] = {**self.namespace, "program": program, "pool": [], "make": memory}
        exec(code, scope)
        return scope["enter"]  # type: ignore[no-any-return]

    def source(self, has_memory: bool) -> str:
        """Its text. User's names are in it as quoted keys of dicts alone."""
        parts = [*self.signature.args, *self.signature.kwargs.values()]
        expected = f"len(args) != {len(self.signature.args)} or " + (
            f"len(kwargs) != {len(self.signature.kwargs)}" if self.signature.kwargs else "kwargs"
        )
        self.lines.append(f"if {expected}: return MISS")
        for t, serial in self.closed:
            self.lines.append(f"if {self.bind('closed_', t)}.serial != {serial}: return MISS")
        for part in parts:
            self._take(part)
        checks = "\n        ".join(self.lines)
        arrays = ", ".join(f"x{i}" for i in range(len(self.signature.inputs)))
        results = ", ".join(f"y{i}" for i in range(self.results))
        run = self.run(f"{results}, = program({arrays}{', ' * bool(arrays)}{'kept' * has_memory})" if results else "pass", has_memory)
        updated = []
        for y, x in self.updates.items():
            updated += [f"if t{x} is not x{x}: t{x}._lent = None; t{x}._serial = clock(); y{y} = t{x}", f"else: y{y} = wrapped(y{y})"]
        body = "\n    ".join([*run, *updated, f"return {tree_text(self.result, self._leaf)}"])
        taken = f"    try:\n        {checks}\n    except (KeyError, IndexError, AttributeError): return MISS"
        return f"def enter(args, kwargs):\n{taken}\n    {body}\n"

    def run(self, call: str, has_memory: bool) -> list[str]:
        """The lines that run the program."""
        if not has_memory:
            return [call]
        # two threads must not share the memory: each takes one from the pool, or makes one
        return ["try: kept = pool.pop()", "except IndexError: kept = make()", call, "pool.append(kept)"]

    def _take(self, part: Any) -> None:
        """Lines that check a part of the arguments, and give its arrays the names x0, x1, ..."""
        if isinstance(part, Branch):
            name = self.bind("type_", part.kind)
            self.lines.append(f"if type({part.access}) is not {name} or len({part.access}) != {len(part.parts)}: return MISS")
            for inner in part.parts.values():
                self._take(inner)
        elif isinstance(part, Input):
            self._take_input(part)
        else:
            self._check(part)

    def _take_input(self, part: Input) -> None:
        i = self.signature.inputs.index(part)
        x, array = f"x{i}", part.array
        self.lines.append(f"{x} = {part.access}")
        if isinstance(part.value, np.generic):
            self.lines.append(f"if type({x}) is not {self.bind('type_', type(part.value))}: return MISS")
            return
        dtype = self.bind("dtype_", array.dtype)
        self.take_array(i, x, f"if {x}.shape != {array.shape} or ({x}.dtype is not {dtype} and {x}.dtype != {dtype}): return MISS")

    def take_array(self, i: int, x: str, check: str) -> None:
        """Lines after which `x` is an array, whatever it came as, that passed the check."""
        if i in self.updates.values():
            leaf = f"if {x}._op is not None: return MISS\n            "
            self.lines.append(f"t{i} = {x}\n        if type({x}) is Tensor:\n            {leaf}{x} = {x}._data")
            self.lines.append(f"elif type({x}) is not ndarray: return MISS\n        if not {x}.flags.writeable: return MISS")
        else:
            self.lines.append(f"if type({x}) is Tensor: {x} = {x}._data\n        elif type({x}) is not ndarray: return MISS")
        self.lines.append(check)

    def _check(self, part: Constant) -> None:
        value = self.bind("value_", part.value)
        if part.value is None or isinstance(part.value, bool):
            self.lines.append(f"if {part.access} is not {value}: return MISS")
            return
        kind = self.bind("type_", type(part.value))
        differs = f"({part.access} is not {value} and {part.access} != {value})"
        if isinstance(part.value, float):  # 0.0 == -0.0, and nan != nan
            differs = f"repr({part.access}) != {repr(part.value)!r}"
        self.lines.append(f"if type({part.access}) is not {kind} or {differs}: return MISS")

    def bind(self, prefix: str, value: Any) -> str:
        """A name for a value."""
        self.count += 1
        self.namespace[f"{prefix}{self.count}"] = value
        return f"{prefix}{self.count}"

    def _leaf(self, part: Any) -> str:
        return self.result_text(part) if isinstance(part, Result) else self.bind("value_", part.value)

    def result_text(self, part: Result) -> str:
        """A result as the caller gets it."""
        return f"y{part.number}" if part.number in self.updates or not part.is_tensor else f"wrapped(y{part.number})"
