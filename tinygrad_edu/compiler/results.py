"""What a function returned, taken apart.

Its tensors are the results of a program, and all else is in its text.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..engine.pytree import parts_of
from ..engine.tensor import Tensor
from ..engine.validation import short
from .signature import Branch, Constant, is_array, like


class Result(NamedTuple):
    """A leaf of what the function returns.

    Which of the program's results, and whether as a Tensor, or as the array that it was.
    """

    number: int
    is_tensor: bool


def structure(value: Any, outputs: list[Tensor], name: str) -> Any:
    """What a function returned, taken apart; appends its tensors to the outputs."""
    if isinstance(value, dict):
        for key in value:
            if not is_literal(key):
                raise TypeError(
                    f"{name} returned a dict with the key {short(key)}: keys are strings, numbers, "
                    "and tuples of them"
                )
    parts = parts_of(value)
    if parts is not None:
        return Branch(
            "",
            type(value),
            {key: structure(v, outputs, name) for key, v in parts.items()},
            like(value),
        )
    if is_array(value):
        outputs.append(value if type(value) is Tensor else Tensor(np.array(value), copy=False))
        return Result(len(outputs) - 1, type(value) is Tensor)
    if is_literal(value):
        return Constant("", "", value)
    raise TypeError(
        f"{name} returned {type(value).__name__}: {short(value)}; a compiled function returns "
        "Tensors, and dicts, lists and tuples of them"
    )


def is_literal(value: Any) -> bool:
    """Whether a value can be written as text that gives it back.

    Nothing else is put into a program.
    """
    return type(value) in (bool, int, float, str, type(None)) or (
        type(value) is tuple and all(map(is_literal, value))
    )


def results_in(tree: Any) -> list[Result]:
    """The results in a structure."""
    if isinstance(tree, Branch):
        return [found for part in tree.parts.values() for found in results_in(part)]
    return [tree] if isinstance(tree, Result) else []
