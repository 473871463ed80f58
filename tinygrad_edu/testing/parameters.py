"""What is varied: the float leaves of the inputs, or the leaves that a function closes over."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np

from ..engine import names as _names
from ..engine.pytree import leaves
from ..engine.recording import enable_grad
from ..engine.tensor import Tensor
from ..graph import ancestors, value_of
from .claims import Claim
from .outputs import DOUBLE, called, outputs_of


@dataclass(eq=False)
class Parameter:
    """One array that is varied: its name, its place among the leaves, and what f claims of it."""

    name: str
    place: int
    given: Any
    closed_over: Tensor | None = None
    claim: Claim = field(init=False)
    claim_as_given: Claim | None = None  # in the dtype given, where that is smaller than float64
    # the gradient for FACTOR times the upstream gradient, divided by it: the same, if the rules
    # are linear
    by_factor: Any = 0.0

    def __post_init__(self) -> None:
        self.value = np.asarray(self.given, DOUBLE)


def parameters_of(
    f: Callable[..., Any], inputs: tuple[Any, ...], wrt: Any, names: Sequence[str]
) -> list[Parameter]:
    """What a check of f varies; a TypeError where that is nothing."""
    if len(names) < len(inputs):
        names = [*names, *named_inputs(f, inputs)[len(names) :]]
    found = _chosen(inputs, names, wrt) if inputs else _closed_over(f)
    if not found:
        raise TypeError(f"gradcheck found nothing to vary: {_why_nothing(f, inputs)}")
    return found


def is_float(leaf: Any) -> bool:
    """Whether an input is made of floats: only those can be varied."""
    return isinstance(leaf, float) or (hasattr(leaf, "dtype") and np.dtype(leaf.dtype).kind == "f")


def named_inputs(f: Callable[..., Any], inputs: Sequence[Any]) -> list[str]:
    """What to call the inputs: as f's own parameters."""
    try:
        known = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        known = []
    names = [p.name for p in known if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return names + [f"input {i}" for i in range(len(names), len(inputs))]


def _chosen(inputs: tuple[Any, ...], names: Sequence[str], wrt: Any) -> list[Parameter]:
    """The float leaves of the inputs, or those of them that `wrt` lists.

    It does so by position, by name, or by name and path.
    """
    wanted = None if wrt is None else set(wrt if isinstance(wrt, (list, tuple, set)) else [wrt])
    found, known, place = [], list[Any](), count()
    for i, tree in enumerate(inputs):
        for path, leaf in leaves(tree):
            at, own = next(place), leaf.name if type(leaf) is Tensor else None
            name = own or f"{names[i]}{path}"
            known += [i, name, names[i]]
            if is_float(leaf) and (wanted is None or wanted & {i, name, names[i]}):
                found.append(Parameter(name, at, value_of(leaf).copy()))
    if wanted and not wanted <= set(known):
        there = ", ".join(str(k) for k in dict.fromkeys(known))
        raise ValueError(f"wrt={wrt!r} names no input: there are {there}")
    return found


def _closed_over(f: Callable[..., Any]) -> list[Parameter]:
    """The leaves that require a gradient behind the result of f()."""
    with enable_grad():
        found = [t for t in ancestors(*outputs_of(f, f())) if t.is_leaf and t.requires_grad]
    return [Parameter(_names.of(t) or f"leaf {i}", i, t.numpy(), t) for i, t in enumerate(found)]


def _why_nothing(f: Callable[..., Any], inputs: tuple[Any, ...]) -> str:
    """What to give instead of inputs among which no float is."""
    better = "give inputs of a float dtype, as in gradcheck(f, np.array([1.0, 2.0]))"
    if not inputs:
        return f"{called(f)}() uses no tensor that requires one; {better}"
    kinds = [str(getattr(leaf, "dtype", type(leaf).__name__)) for _, leaf in leaves(list(inputs))]
    return f"the inputs hold {', '.join(dict.fromkeys(kinds)) or 'no arrays'}; {better}"
