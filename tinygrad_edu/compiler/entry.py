"""The way into a program.

A function, written for one signature, that checks the arguments, runs the program and wraps its
results.

It is written out because a loop over the arguments would take longer than many a program does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..engine.calling import NOTHING, new
from ..engine.recording import clock, is_recording
from ..engine.tensor import Tensor
from .captured import Captured
from .results import Result, results_in
from .signature import Branch, Constant, Input, assembled, static_key

MISS = object()  # what the function gives for arguments of another signature


def wrapped(array: Any) -> Tensor:
    """`Tensor(array, copy=False)` for an array that is known to be one: 0.1 µs in place of 1."""
    t = new(Tensor)
    t._array = array
    t._op = t._lent = t._grad = t._name = None
    t._args, t._static, t._serial, t._requires_grad = (), NOTHING, clock(), False
    return t


class EntryPoint:
    """Writes the way in.

    Lines that check and take apart, the call, the results in their structure.
    """

    gives_tensors = True

    def __init__(
        self,
        captured: Captured,
        remember: Callable[..., Any],
        updates: Mapping[int, int],
        identical: Mapping[int, Any],
        watches: bool = True,
    ) -> None:
        self.captured, self.signature = captured, captured.signature
        self.watches = watches  # whether it looks at what the function reads from outside
        self.outside = captured.outside  # inputs that are no arguments
        self.updates = updates  # a result, and the input that becomes it
        # a result, and the tensor that it is: one from outside, or the name of an argument or
        # another result
        self.identical = identical
        self.namespace: dict[str, Any] = {
            "Tensor": Tensor,
            "ndarray": np.ndarray,
            "MISS": MISS,
            "clock": clock,
            "wrapped": wrapped,
        }
        self.namespace |= {
            "is_recording": is_recording,
            "remember": remember,
            "static_key": static_key,
        }
        self.lines: list[str] = []
        self.made: list[str] = []  # lines that put the results into their structure
        self.count = 0

    def function(
        self, program: Callable[..., Any], memory: Callable[[], Any] | None
    ) -> Callable[[tuple[Any, ...], dict[str, Any]], Any]:
        """The function of (args, kwargs)."""
        code = compile(
            self.source(memory is not None), "<the way into a compiled function>", "exec"
        )
        scope: dict[str, Any] = {**self.namespace, "program": program, "pool": [], "make": memory}
        exec(code, scope)
        return scope["enter"]  # type: ignore[no-any-return]

    def source(self, has_memory: bool) -> str:
        """Its text. User's names are in it as quoted keys of dicts alone."""
        updated = sorted(set(self.updates.values()))
        self._check_arguments()
        self._take_from_outside()
        self._look_who_owns(updated)
        checks = "\n        ".join([f"wants = {bool(self.outside)}", *self.lines])
        lines = [*self._call(has_memory), *self._finish()]
        returned = self._built(self.captured.result)
        if updated:  # an error, or Ctrl-C, may leave them half written
            lines = [
                "try:",
                *[f"    {line}" for line in lines],
                "except BaseException:",
                *[f"    if owns and type(t{i}) is Tensor: t{i}._serial = clock()" for i in updated],
                "    raise",
            ]
        looks = [
            f"{self.bind('refuse_', refuse)}({self.array(i)})" for i, refuse in self.captured.before
        ]
        body = "\n    ".join([*looks, *lines, *self.made, f"return {returned}"])
        return f"""def enter(args, kwargs):
    try:
        {checks}
    except (KeyError, IndexError, AttributeError, ValueError): return MISS
    {body}
"""

    def _given(self, letter: str) -> str:
        """All inputs: `x` for their arrays, `t` for what was given."""
        count = len(self.signature.inputs) + len(self.outside)
        return ", ".join(f"{letter}{i}" for i in range(count))

    def _check_arguments(self) -> None:
        """Lines that find another program needed, and take the arguments apart."""
        signature = self.signature
        others = f"[*kwargs] != {self.bind('names_', [*signature.kwargs])}"
        others = others if signature.kwargs else "kwargs"
        self.lines.append(f"if len(args) != {len(signature.args)} or {others}: return MISS")
        for part in (*signature.args, *signature.kwargs.values()):
            self._take(part, part.access)
        for t, serial, grad in self.captured.closed:
            known = self.bind("closed_", t)
            self.lines.append(
                f"if {known}.serial != {serial} or {known}._requires_grad is not {grad}: "
                "return MISS"
            )
        if self.watches:
            self.lines += self.captured.around.lines(self.bind)

    def _take_from_outside(self) -> None:
        """Lines for the tensors from outside that require a gradient."""
        for i, t in enumerate(self.outside, len(self.signature.inputs)):
            self.lines.append(f"t{i} = {self.bind('outside_', t)}")
            self.lines.append(f"if not t{i}._requires_grad: return MISS")
            self.lines.append(f"x{i} = t{i}._array")

    def _look_who_owns(self, updated: Sequence[int]) -> None:
        """Lines that copy what would be written to, where somebody else holds it."""
        if not updated:
            return
        kept = [
            *(a for a, _ in self.captured.around.arrays.values()),
            *(t._array for t, *_ in self.captured.closed),
        ]
        chosen = ", ".join(f"x{i}" for i in updated)
        self.lines.append(
            f"owns = {self.bind('is_apart_', is_apart)}(({chosen},), ({self._given('x')}, "
            f"*{self.bind('known_', kept)}))"
        )
        self.lines += [f"if not owns: x{i} = x{i}.copy()" for i in updated]

    def _results(self) -> str:
        return ", ".join(f"y{i}" for i in range(len(self.captured.program.outputs)))

    def _call(self, has_memory: bool) -> list[str]:
        """Lines that run the program."""
        arrays, results = self._given("x"), self._results()
        call = f"{results}, = program({arrays}{', ' * bool(arrays)}{'kept' * has_memory})"
        return self.run(call if results else "pass", has_memory)

    def _finish(self) -> list[str]:
        """Lines that make Tensors of the results, with their history and their names."""
        arrays, results = self._given("x"), self._results()
        lines = [
            f"y{part.number} = wrapped(y{part.number})"
            for part in results_in(self.captured.result)
            if self.is_wrapped(part)
        ]
        if results and arrays:
            originals = self._given("t")
            lines.append(
                f"if wants and is_recording(): {results}, = remember(({results},), ({originals},))"
            )
        lines += [
            f"if type(y{y}) is Tensor: y{y}._name = {name!r}"
            for y, name in self.captured.names.items()
        ]
        for y, known in self.identical.items() if self.gives_tensors else ():
            x = self.bind("outside_", known) if type(known) is Tensor else known
            lines.append(f"if type({x}) is Tensor: y{y} = {x}")
        for y, i in self.updates.items():
            lines.append(
                f"if owns and type(t{i}) is Tensor: t{i}._lent = None if t{i}._lent is None else "
                f"True; t{i}._serial = clock(); y{y} = t{i}"
            )
        return lines

    def run(self, call: str, has_memory: bool) -> list[str]:
        """The lines that run the program."""
        if not has_memory:
            return [call]
        # two threads must not share the memory: each takes one from the pool, or makes one
        return [
            "try: kept = pool.pop()",
            "except IndexError: kept = make()",
            call,
            "pool.append(kept)",
        ]

    def _take(self, part: Any, access: str) -> None:
        """Lines that check a part of the arguments, and give its arrays the names x0, x1, ..."""
        if isinstance(part, Branch):
            self.count += 1
            name = f"a{self.count}"
            self.lines.append(f"{name} = {access}")
            self.lines.append(
                f"if type({name}) is not {self.bind('type_', part.kind)}: return MISS"
            )
            if issubclass(part.kind, dict):
                self.lines.append(
                    f"if [*{name}] != {self.bind('keys_', [*part.parts])}: return MISS"
                )
            elif issubclass(part.kind, (list, tuple)):
                self.lines.append(f"if len({name}) != {len(part.parts)}: return MISS")
            for key, inner in part.parts.items():
                self._take(inner, self._step(part.kind, name, key))
        elif isinstance(part, Input):
            self._take_input(part, access)
        else:
            self._check(part, access)

    def _step(self, kind: type, name: str, key: Any) -> str:
        if not issubclass(kind, (dict, list, tuple)):
            return f"{name}.{key}"
        return (
            f"{name}[{key!r}]" if type(key) in (str, int) else f"{name}[{self.bind('key_', key)}]"
        )

    def _take_input(self, part: Input, access: str) -> None:
        i = self.signature.inputs.index(part)
        x, array = f"x{i}", part.array
        self.lines.append(f"{x} = t{i} = {access}")
        if isinstance(part.value, np.generic):
            self.lines.append(
                f"if type({x}) is not {self.bind('type_', type(part.value))}: return MISS"
            )
            return
        dtype = self.bind("dtype_", array.dtype)
        self.take_array(
            i,
            x,
            f"if {x}.shape != {array.shape} or ({x}.dtype is not {dtype} and {x}.dtype != "
            f"{dtype}): return MISS",
        )

    def take_array(self, i: int, x: str, check: str) -> None:
        """Lines after which `x` is an array, whatever it came as, that passed the check."""
        leaf = ""
        if i in self.updates.values():
            leaf = f"if {x}._op is not None: return MISS\n            "
        self.lines.append(
            f"if type({x}) is Tensor:\n            {leaf}if {x}._requires_grad: wants = True\n     "
            f"       {x} = {x}._array\n"
            f"        elif type({x}) is not ndarray: return MISS"
        )
        if i in self.updates.values():
            self.lines.append(f"if not {x}.flags.writeable: return MISS")
        self.lines.append(check)

    def _check(self, part: Constant, access: str) -> None:
        value = self.bind("value_", part.value)
        if part.value is None or isinstance(part.value, bool):
            self.lines.append(f"if {access} is not {value}: return MISS")
        else:
            self.lines.append(
                f"if {access} is not {value} and static_key({access}) != "
                f"{self.bind('key_', static_key(part.value))}: return MISS"
            )

    def bind(self, prefix: str, value: Any) -> str:
        """A name for a value."""
        self.count += 1
        self.namespace[f"{prefix}{self.count}"] = value
        return f"{prefix}{self.count}"

    def array(self, i: int) -> str:
        """An input as an array of NumPy's."""
        return f"x{i}"

    def is_wrapped(self, part: Result) -> bool:
        """Whether a result becomes a Tensor."""
        return part.is_tensor and self.gives_tensors

    def _built(self, part: Any) -> str:
        """The name of a part of what the function returns, or the lines that make it."""
        if isinstance(part, Result):
            return f"y{part.number}"
        if isinstance(part, Constant):
            return self.bind("value_", part.value)
        parts = {key: self._built(inner) for key, inner in part.parts.items()}
        self.count += 1
        name = f"r{self.count}"
        if part.kind in (list, tuple):
            inside = ", ".join(parts.values())
            text = f"[{inside}]" if part.kind is list else f"({inside}{',' * (len(parts) == 1)})"
        else:
            text = (
                "{"
                + ", ".join(f"{self.bind('key_', key)}: {value}" for key, value in parts.items())
                + "}"
            )
            if part.kind is not dict:
                called = self.bind("assembled_", assembled)
                kind, like = self.bind("type_", part.kind), self.bind("like_", part.like)
                text = f"{called}({kind}, {text}, {like})"
        self.made.append(f"{name} = {text}")
        return name


def is_apart(donated: Sequence[Any], arrays: Sequence[Any]) -> bool:
    """Whether nobody else among some arrays shows the memory of the donated ones.

    Nor may two of their entries be one.
    """
    held = []  # the ids of the arrays whose memory each shows
    for a in arrays:
        owner = a if a.base is None else a.base
        if owner is not a and (type(owner) is not np.ndarray or owner.base is not None):
            break  # of a buffer nobody knows who else shows it
        held.append(id(owner))
    else:
        if all([a.base is None for a in donated]):
            return all([held.count(id(a)) == 1 for a in donated])
    for i, a in enumerate(donated):
        if 0 in [step for step, n in zip(a.strides, a.shape, strict=True) if n > 1] or not (
            a.flags.forc or a.flags.owndata or is_spread(a)
        ):
            return False
        if any(b is a for b in donated[:i]) or sum(np.may_share_memory(a, b) for b in arrays) > 1:
            return False
    return True


def is_spread(a: Any) -> bool:
    """Whether the entries of an array lie apart, axis within axis."""
    end = a.itemsize
    for step, n in sorted(
        (abs(step), n) for step, n in zip(a.strides, a.shape, strict=True) if n > 1
    ):
        if step < end:
            return False
        end = step * n
    return True
