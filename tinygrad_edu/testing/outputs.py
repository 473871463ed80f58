"""What a function under test gives: Tensors, and the weights of the sum whose gradient is meant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..engine.pytree import leaves
from ..engine.tensor import Tensor
from ..engine.validation import short

DOUBLE = np.dtype(np.float64)


def called(f: Callable[..., Any]) -> str:
    """How messages call the function."""
    name = getattr(f, "__name__", "f")
    return "the function" if name == "<lambda>" else name


def outputs_of(f: Callable[..., Any], result: Any) -> list[Tensor]:
    """The Tensors that f returned, alone or in nested dicts, lists and tuples."""
    found = [value for _, value in leaves(result)]
    for value in found:
        if type(value) is not Tensor:
            what = f"{type(value).__name__}: {short(value)}"
            raise TypeError(
                f"{called(f)} must return Tensors, it returned {what}; "
                "let it compute with Tensors to the end"
            )
    if not found:
        raise TypeError(f"{called(f)} returned nothing: let it return its result, a Tensor")
    return found


def upstream(outputs: Sequence[Tensor]) -> list[Any]:
    """The upstream gradients of a check: 1 for a single number, as backward() takes it.

    Else they are random weights of few digits, away from 0 and never all alike: ones would hide a
    rule that ignores them.
    """
    if len(outputs) == 1 and outputs[0].size == 1:
        return [np.ones(outputs[0].shape, outputs[0].dtype)]
    sizes = [_size(out) for out in outputs]
    largest = max(sizes, default=0.0)
    return [
        _weights(out, k) * _louder(out.dtype, largest / size if size else 1.0)
        for k, (out, size) in enumerate(zip(outputs, sizes, strict=True))
    ]


def _size(out: Tensor) -> float:
    values = out._array[np.isfinite(out._array)]
    return float(np.abs(values).max(initial=0.0))


def _louder(dtype: Any, ratio: float) -> Any:
    """What a result is multiplied with, so that a larger one beside it does not drown it.

    A power of 2, which changes no digit.
    """
    most = {"e": 6, "f": 30}.get(dtype.char, 60)
    return dtype.type(2.0 ** min(round(float(np.log2(ratio))), most) if ratio > 16 else 1.0)


def _weights(out: Tensor, k: int) -> Any:
    """Random weights for the k-th output, of either sign, and exact in every dtype.

    They are sixteenths between 0.5 and 1.5.
    """
    rng = np.random.default_rng((k, *out.shape))
    sixteenths = rng.integers(8, 25, out.shape) * rng.choice([-1.0, 1.0], out.shape)
    return (sixteenths / 16.0).astype(out.dtype)


def flat(arrays: Sequence[Any]) -> Any:
    """All numbers of some arrays in one vector of float64."""
    return np.concatenate([a.reshape(-1) for a in arrays]).astype(DOUBLE)


def spelled(weights: Sequence[Any]) -> str:
    """The weighted sum of the outputs, as in Python."""
    if sum(w.size for w in weights) > 12:
        return "(w * result).sum() with random weights w, `report.weights`"
    terms = [
        f"({_literal(w)} * result{f'[{k}]' if len(weights) > 1 else ''}).sum()"
        for k, w in enumerate(weights)
    ]
    return " + ".join(terms) + ", with random weights for a result that is no single number"


def _literal(array: Any) -> str:
    return repr(array.tolist()) if array.ndim == 0 else f"np.array({array.tolist()!r})"
