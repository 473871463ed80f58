"""The gradients that a function claims."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..engine.pytree import leaves
from ..engine.tensor import Tensor
from ..transforms import vjp
from .outputs import called, outputs_of, upstream


class Limits(NamedTuple):
    """What a dtype lets a gradient be."""

    rounding: Any  # how much rounding may change each entry
    # which entries are infinite only because float64 does not reach so far, as a wider dtype shows
    too_large: Any = None


@dataclass(frozen=True)
class Claim:
    """A gradient that f claims; its limits are measured when they are asked for."""

    gradient: Any
    measure: Callable[[], Limits]

    @cached_property
    def _limits(self) -> Limits:
        return self.measure()

    @property
    def rounding(self) -> Any:
        """How much rounding may change each entry."""
        return self._limits.rounding

    @property
    def too_large(self) -> Any:
        """Which entries are infinite only because float64 does not reach so far."""
        return self._limits.too_large

    @cached_property
    def size(self) -> float:
        """The largest finite entry."""
        return float(np.abs(self.gradient[np.isfinite(self.gradient)]).max(initial=0.0))


def pulled(held: Sequence[Tensor], outputs: Sequence[Tensor], seeds: Sequence[Any]) -> list[Any]:
    """The gradients at the leaves for the upstream gradients at the outputs."""
    found = [np.zeros(t.shape) for t in held]
    for out, seed in zip(outputs, seeds, strict=True):
        if out.requires_grad:
            at = dict(out.adjoints(seed))
            for i, t in enumerate(held):
                if t in at:
                    found[i] = found[i] + at[t]
    return found


def gradient_of(f: Callable[..., Any], wrt: Sequence[int]) -> Callable[..., Any]:
    """The function that gives f's gradients at its inputs `wrt`.

    The upstream gradients are those of a check.
    """
    drawn = dict[Any, list[Any]]()  # the upstream gradients, by the shapes and dtypes of outputs

    def gradients(*args: Any) -> list[Any]:
        def weighted(*chosen: Any) -> Tensor:
            given = dict(enumerate(args)) | dict(zip(wrt, chosen, strict=True))
            outputs = outputs_of(f, f(*given.values()))
            kind = tuple([(out.shape, out.dtype) for out in outputs])
            seeds = drawn[kind] = drawn.get(kind) or upstream(outputs)
            total = Tensor(0.0)
            for out, seed in zip(outputs, seeds, strict=True):
                total = total + (out * seed).sum()
            return total

        value, pull = vjp(weighted, *[args[i] for i in wrt])
        return [g for _, g in leaves(list(pull(np.ones((), value.dtype))))]

    gradients.__name__ = f"the gradient of {called(f)}"
    return gradients
