"""Sums over the axes that broadcasting stretched, which lose no digits of short floats."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

_sum: Any = np.add.reduce
double = np.dtype(float)
# entries, from where on a sum of float32 gets another dtype, unless it is pairwise, as NumPy's over
# the last axis is
LONG = 1 << 10


def added(a: Any, b: Any) -> Any:
    """a + b; in float16, where 2,048 + 1 is 2,048, as float32."""
    return a + b if b.dtype.char != "e" else a.astype(np.float32) + b


def total(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """x.sum, where long sums of few digits do not lose them: in a wider dtype."""
    wide = wider(x, axis)
    y = _sum(x, axis, wide, None, keepdims)
    return y.astype(x.dtype) if wide else y


def wider(x: Any, axis: Any) -> Any:
    """The dtype in which a sum over the axis is to be taken: None for that of x."""
    if x.dtype.char == "e":
        return np.float32
    if x.dtype.char != "f" or x.size < LONG or (axis is None and x.flags.forc):
        return None
    return np.float64


@lru_cache
def summed(
    given: tuple[int, ...], shape: tuple[int, ...], output: tuple[int, ...]
) -> int | tuple[int, ...] | None:
    """The axes over which a gradient is summed to the shape of its argument.

    None if it owes them to something else than broadcasting.
    """
    axes = stretched(given, shape)
    if axes is None:
        return None
    foreign = [i for i in axes if given[i] > 1 and given[i] not in output[i : i + 1]]
    if axes and (shape == output or (foreign and prod(given) > prod(output))):
        return None
    return axes[0] if len(axes) == 1 else axes


@lru_cache
def stretched(shape: tuple[int, ...], original: tuple[int, ...]) -> tuple[int, ...] | None:
    """The axes that broadcasting `original` to `shape` stretched or added; None if it cannot."""
    lead = len(shape) - len(original)
    if lead < 0 or any(n not in (m, 1) for m, n in zip(shape[lead:], original, strict=True)):
        return None
    stretched = [lead + i for i, n in enumerate(original) if n == 1 != shape[lead + i]]
    return (*range(lead), *stretched)
