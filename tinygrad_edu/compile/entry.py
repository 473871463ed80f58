"""The way into a program: a function, written for one signature, that checks the arguments, runs the program and wraps its results.

It is written out because a loop over the arguments would take longer than many a program does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..core import Tensor
from ..modes import clock, is_recording
from ..operation import _new, _nothing
from .signature import Branch, Constant, Input, assembled, static_key

if TYPE_CHECKING:
    from .compiled import Version

MISS = object()  # what the function gives for arguments of another signature


class Result(NamedTuple):
    """A leaf of what the function returns: which of the program's results, and whether as a Tensor, or as the array that it was."""

    number: int
    is_tensor: bool


def wrapped(array: Any) -> Tensor:
    """`Tensor(array, copy=False)` for an array that is known to be one: 0.1 µs in place of 1."""
    t = _new(Tensor)
    t._array = array
    t._op = t._lent = t._grad = t.name = None
    t._args, t._static, t._serial, t._requires_grad = (), _nothing, clock(), False
    return t


class Entry:
    """Writes the way in: lines that check and take apart, the call, the results in their structure."""

    def __init__(self, version: Version, updates: Mapping[int, int], watches: bool = True) -> None:
        self.version, self.signature = version, version.signature
        self.watches = watches  # whether it looks at what the function reads from outside
        self.outside = version.outside  # inputs that are no arguments
        self.updates = updates  # a result, and the input that becomes it
        self.namespace: dict[str, Any] = {"Tensor": Tensor, "ndarray": np.ndarray, "MISS": MISS, "clock": clock, "wrapped": wrapped}
        self.namespace |= {"is_recording": is_recording, "remember": version.history.remember, "static_key": static_key}
        self.lines: list[str] = []
        self.made: list[str] = []  # lines that put the results into their structure
        self.count = 0

    def function(self, program: Callable[..., Any], memory: Callable[[], Any] | None) -> Callable[[tuple[Any, ...], dict[str, Any]], Any]:
        """The function of (args, kwargs)."""
        code = compile(self.source(memory is not None), "<the way into a compiled function>", "exec")
        scope: dict[str, Any] = {**self.namespace, "program": program, "pool": [], "make": memory}
        exec(code, scope)
        return scope["enter"]  # type: ignore[no-any-return]

    def source(self, has_memory: bool) -> str:
        """Its text. User's names are in it as quoted keys of dicts alone."""
        signature, inputs = self.signature, len(self.signature.inputs)
        self.lines.append(f"if len(args) != {len(signature.args)} or [*kwargs] != {self.bind('names_', [*signature.kwargs])}: return MISS")
        for part in (*signature.args, *signature.kwargs.values()):
            self._take(part, part.access)
        for t, serial, grad in self.version.closed:
            known = self.bind("closed_", t)
            self.lines.append(f"if {known}.serial != {serial} or {known}._requires_grad is not {grad}: return MISS")
        if self.watches:
            self.lines += self.version.around.lines(self.bind)
        for i, t in enumerate(self.outside, inputs):
            self.lines.append(f"t{i} = {self.bind('outside_', t)}")
            self.lines.append(f"if not t{i}._requires_grad: return MISS")
            self.lines.append(f"x{i} = t{i}._array")
        updated = sorted(set(self.updates.values()))
        if updated:
            kept = [*(a for a, _ in self.version.around.arrays.values()), *(t._array for t, *_ in self.version.closed)]
            chosen, others = (", ".join(f"x{i}" for i in places) for places in (updated, range(inputs + len(self.outside))))
            self.lines.append(f"owns = {self.bind('is_apart_', is_apart)}(({chosen},), ({others}, *{self.bind('known_', kept)}))")
            self.lines += [f"if not owns: x{i} = x{i}.copy()" for i in updated]
        checks = "\n        ".join([f"wants = {bool(self.outside)}", *self.lines])
        count = len(self.version.program.outputs)
        arrays = ", ".join(f"x{i}" for i in range(inputs + len(self.outside)))
        originals = ", ".join(f"t{i}" for i in range(inputs + len(self.outside)))
        results = ", ".join(f"y{i}" for i in range(count))
        run = self.run(f"{results}, = program({arrays}{', ' * bool(arrays)}{'kept' * has_memory})" if count else "pass", has_memory)
        tail = [f"y{part.number} = wrapped(y{part.number})" for part in results_in(self.version.result) if self.is_wrapped(part)]
        if count and arrays:
            tail.append(f"if wants and is_recording(): {results}, = remember(({results},), ({originals},))")
        for y, x in self.updates.items():
            tail.append(
                f"if owns and type(t{x}) is Tensor: t{x}._lent = None if t{x}._lent is None else True; t{x}._serial = clock(); y{y} = t{x}"
            )
        returned = self._built(self.version.result)
        looks = [f"{self.bind('refuse_', refuse)}({self.array(i)})" for i, refuse in self.version.before]
        body = "\n    ".join([*looks, *run, *tail, *self.made, f"return {returned}"])
        taken = f"    try:\n        {checks}\n    except (KeyError, IndexError, AttributeError, ValueError): return MISS"
        return f"def enter(args, kwargs):\n{taken}\n    {body}\n"

    def run(self, call: str, has_memory: bool) -> list[str]:
        """The lines that run the program."""
        if not has_memory:
            return [call]
        # two threads must not share the memory: each takes one from the pool, or makes one
        return ["try: kept = pool.pop()", "except IndexError: kept = make()", call, "pool.append(kept)"]

    def _take(self, part: Any, access: str) -> None:
        """Lines that check a part of the arguments, and give its arrays the names x0, x1, ..."""
        if isinstance(part, Branch):
            self.count += 1
            name = f"a{self.count}"
            self.lines.append(f"{name} = {access}")
            self.lines.append(f"if type({name}) is not {self.bind('type_', part.kind)}: return MISS")
            if issubclass(part.kind, dict):
                self.lines.append(f"if [*{name}] != {self.bind('keys_', [*part.parts])}: return MISS")
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
        return f"{name}[{key!r}]" if type(key) in (str, int) else f"{name}[{self.bind('key_', key)}]"

    def _take_input(self, part: Input, access: str) -> None:
        i = self.signature.inputs.index(part)
        x, array = f"x{i}", part.array
        self.lines.append(f"{x} = t{i} = {access}")
        if isinstance(part.value, np.generic):
            self.lines.append(f"if type({x}) is not {self.bind('type_', type(part.value))}: return MISS")
            return
        dtype = self.bind("dtype_", array.dtype)
        self.take_array(i, x, f"if {x}.shape != {array.shape} or ({x}.dtype is not {dtype} and {x}.dtype != {dtype}): return MISS")

    def take_array(self, i: int, x: str, check: str) -> None:
        """Lines after which `x` is an array, whatever it came as, that passed the check."""
        leaf = ""
        if i in self.updates.values():
            leaf = f"if {x}._op is not None: return MISS\n            "
        self.lines.append(
            f"if type({x}) is Tensor:\n            {leaf}if {x}._requires_grad: wants = True\n            {x} = {x}._array\n"
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
                f"if {access} is not {value} and static_key({access}) != {self.bind('key_', static_key(part.value))}: return MISS"
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
        return part.is_tensor

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
            text = "{" + ", ".join(f"{self.bind('key_', key)}: {value}" for key, value in parts.items()) + "}"
            if part.kind is not dict:
                text = f"{self.bind('assembled_', assembled)}({self.bind('type_', part.kind)}, {text}, {self.bind('like_', part.like)})"
        self.made.append(f"{name} = {text}")
        return name


def is_apart(donated: Sequence[Any], arrays: Sequence[Any]) -> bool:
    """Whether nobody else among some arrays shows the memory of the donated ones, and each of their entries has its own."""
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
    for step, n in sorted((abs(step), n) for step, n in zip(a.strides, a.shape, strict=True) if n > 1):
        if step < end:
            return False
        end = step * n
    return True


def results_in(tree: Any) -> list[Result]:
    """The results in a structure."""
    if isinstance(tree, Branch):
        return [found for part in tree.parts.values() for found in results_in(part)]
    return [tree] if isinstance(tree, Result) else []
