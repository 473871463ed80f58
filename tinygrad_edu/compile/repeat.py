"""Many steps in one call: what a step returns goes in again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..modes import watching, within
from .entry import MISS, Result
from .signature import Branch, Constant, Input, Signature, described

if TYPE_CHECKING:
    from .compiled import Compiled, Version


class Loop(NamedTuple):
    """Which result of a step becomes which input of the next one, and the results that do not."""

    pairs: list[tuple[int, int]]
    rest: list[int]


class Repeated:
    """`compiled.repeat(n)`: a function of the same arguments that does n steps."""

    def __init__(self, compiled: Compiled, n: int, history: bool, carry: int) -> None:
        for name, number in (("n", n), ("carry", carry)):
            if isinstance(number, bool) or not isinstance(number, (int, np.integer)):
                raise TypeError(f"repeat(n, carry=k) counts steps and arguments, {name} is {number!r}: write repeat(100)")
        if n < 1 or carry < 1:
            raise ValueError(f"repeat(n, carry=k) does n steps and feeds k arguments back: both are at least 1, not {n} and {carry}")
        self.compiled, self.n, self.history, self.carry = compiled, n, history, carry
        self._entries: dict[Version, Callable[..., Any]] = {}
        self._enter: Callable[..., Any] = lambda args, kwargs: MISS

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the last step returns; with `history`, of what is not fed back the values of all steps, stacked."""
        if within.get():
            raise TypeError(
                "repeat runs a finished program, through which nothing is differentiated or recorded: write a loop in its place"
            )
        if watching.get() is not None:
            step = self.compiled.name
            raise TypeError(
                "repeat runs a finished program, in which detect_anomaly sees no op: write a loop in its place, "
                f"`for _ in range({self.n}): state = {step}(state)`"
            )
        result = self._enter(args, kwargs)
        if result is MISS:
            version, signature = self.compiled.version(args, kwargs)
            if version not in self._entries:
                loop = fed_back(version, signature, self.carry)
                self._entries[version] = version.entry(version.looped(loop, self.n, self.history))
            self._enter = self._entries[version]
            result = self._enter(*self.compiled.plain_arguments(signature))
        return result

    def __repr__(self) -> str:
        return f"<{self.n} steps of {self.compiled!r}>"


def fed_back(version: Version, signature: Signature, carry: int) -> Loop:
    """Match the first arguments with what a step returns: the new value of the only one, or a tuple that begins with the new values."""
    result = version.result
    starts = result.parts if isinstance(result, Branch) and issubclass(result.kind, tuple) else {}
    pairs: list[tuple[int, int]] | None = None
    if carry == 1 and signature.args:
        pairs = _matched(result, signature.args[0], version, signature)
    if pairs is None and carry <= min(len(starts), len(signature.args)):
        found = [_matched(starts[i], signature.args[i], version, signature) for i in range(carry)]
        pairs = None if None in found else [pair for each in found if each is not None for pair in each]
    if pairs is None:
        given = ", ".join(f"{name}={described(part)}" for name, part in zip(signature.names, signature.args[:carry], strict=False))
        raise ValueError(
            f"repeat feeds the first argument back (the first k with carry=k), so {version.name} must return new values of {given}, "
            f"alone or at the beginning of a tuple, in the same structure, shapes and dtypes; it returns {version.returns()}"
        )
    outputs = {y for y, _ in pairs}
    return Loop(pairs, [y for y in range(len(version.program.outputs)) if y not in outputs])


def _matched(result: Any, argument: Any, version: Version, signature: Signature) -> list[tuple[int, int]] | None:
    """The results and inputs at the same places of two structures; None if they differ."""
    if isinstance(result, Result) and isinstance(argument, Input):
        node = version.program.outputs[result.number]
        fits = (node.shape, node.dtype) == (argument.array.shape, argument.array.dtype)
        return [(result.number, signature.inputs.index(argument))] if fits else None
    if isinstance(result, Constant) and isinstance(argument, Constant):
        return [] if result.value == argument.value else None
    if not isinstance(result, Branch) or not isinstance(argument, Branch) or result.parts.keys() != argument.parts.keys():
        return None
    pairs: list[tuple[int, int]] = []
    for key, part in argument.parts.items():
        found = _matched(result.parts[key], part, version, signature)
        if found is None:
            return None
        pairs += found
    return pairs


def in_python(run: Callable[..., Sequence[Any]], loop: Loop, given: Sequence[Any], n: int, history: bool) -> list[Any]:
    """The loop, for a program of NumPy."""
    arrays = list(given)
    past: dict[int, list[Any]] = {y: [] for y in loop.rest}
    results: Sequence[Any] = ()
    for _ in range(n):
        results = run(*arrays)
        for y, x in loop.pairs:
            arrays[x] = results[y]
        if history:
            for y in loop.rest:
                past[y].append(results[y])
    return [np.stack(past[y]) if history and y in past else result for y, result in enumerate(results)]
