"""Many steps of one program: which of its results go in again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..engine.validation import short
from .captured import Captured
from .emit.text import tree_text
from .ir import Program
from .results import Result
from .signature import Branch, Constant, Input, Signature, described


class Loop(NamedTuple):
    """Which result of a step becomes which input of the next one, and the results that do not."""

    pairs: list[tuple[int, int]]
    rest: list[int]


def fed_back(step: Captured, signature: Signature, carry: int) -> Loop:
    """Match the first arguments with what a step returns.

    The new value of the only one, or a tuple that begins with the new values.
    """
    result = step.result
    starts = result.parts if isinstance(result, Branch) and issubclass(result.kind, tuple) else {}
    pairs: list[tuple[int, int]] | None = None
    if carry == 1 and signature.args:
        pairs = _matched(result, signature.args[0], step, signature)
    if pairs is None and carry <= min(len(starts), len(signature.args)):
        found = [_matched(starts[i], signature.args[i], step, signature) for i in range(carry)]
        pairs = (
            None if None in found else [pair for each in found if each is not None for pair in each]
        )
    if pairs is None:
        given = ", ".join(
            f"{name}={described(part)}"
            for name, part in zip(signature.names, signature.args[:carry], strict=False)
        )
        returned = tree_text(result, lambda leaf: leaf_text(leaf, step.program))
        raise ValueError(
            f"repeat feeds the first argument back (the first k with carry=k), so {step.name} must "
            f"return new values of {given}, "
            "alone or at the beginning of a tuple, in the same structure, shapes and dtypes; it "
            f"returns {returned}"
        )
    outputs = {y for y, _ in pairs}
    return Loop(pairs, [y for y in range(len(step.program.outputs)) if y not in outputs])


def _matched(
    result: Any, argument: Any, step: Captured, signature: Signature
) -> list[tuple[int, int]] | None:
    """The results and inputs at the same places of two structures; None if they differ."""
    if isinstance(result, Result) and isinstance(argument, Input):
        node = step.program.outputs[result.number]
        fits = (node.shape, node.dtype) == (argument.array.shape, argument.array.dtype)
        return [(result.number, signature.inputs.index(argument))] if fits else None
    if isinstance(result, Constant) and isinstance(argument, Constant):
        return [] if result.value == argument.value else None
    if (
        not isinstance(result, Branch)
        or not isinstance(argument, Branch)
        or result.parts.keys() != argument.parts.keys()
    ):
        return None
    pairs: list[tuple[int, int]] = []
    for key, part in argument.parts.items():
        found = _matched(result.parts[key], part, step, signature)
        if found is None:
            return None
        pairs += found
    return pairs


def in_python(
    run: Callable[..., Sequence[Any]], loop: Loop, given: Sequence[Any], n: int, history: bool
) -> list[Any]:
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
    return [
        np.stack(past[y]) if history and y in past else result for y, result in enumerate(results)
    ]


def leaf_text(leaf: Any, program: Program) -> str:
    """A leaf of what a function returns: float64[4, 2]."""
    if isinstance(leaf, Constant):
        return short(leaf.value)
    node = program.outputs[leaf.number]
    return f"{node.dtype.name}[{', '.join(map(str, node.shape))}]"
