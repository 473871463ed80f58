"""The derivative of an op by a complex step: without a difference, in which digits could be lost.

The imaginary part of f(x + ih) is h f'(x), if f is analytic as NumPy runs it (Squire and Trapp,
*SIAM Review* 40, 1998).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.exceptions import ComplexWarning

from ..engine.op import Op
from .confirmation import unit
from .report import AGREES, DISAGREES, UNRESOLVED, Entry
from .subject import Subject
from .verdicts import ALLOWED, allowed_part


def by_complex_step(
    entry: Entry, op: Op, args: Sequence[Any], static: Any, i: int, subject: Subject
) -> Entry:
    """The entry of an op's gradient, where differences leave doubts by what a complex step says.

    That is believed if it confirms the claim, or if it is what differences say as far as they go.
    """
    doubtful = entry.verdict in (AGREES, UNRESOLVED) and not entry.error <= ALLOWED * entry.scale
    if entry.index is None or not doubtful:
        return entry
    slope = _slope(op, args, static, i, entry.index, subject.weights)
    if slope is None:
        return entry
    allowed = allowed_part(subject.eps) * entry.scale
    if abs(slope - entry.analytic) <= allowed:
        return replace(entry, numerical=slope, error=allowed, verdict=AGREES)
    believed = slope and abs(slope - entry.numerical) <= 3 * entry.error <= 0.1 * abs(slope)
    return replace(entry, numerical=slope, error=allowed, verdict=DISAGREES) if believed else entry


def _slope(
    op: Op, args: Sequence[Any], static: Any, i: int, index: tuple[int, ...], weights: Any
) -> float | None:
    """The derivative by one entry of argument `i`; None if the op takes no complex numbers."""
    values = [np.asarray(a) if hasattr(a, "shape") else a for a in args]
    x = np.asarray(values[i], np.complex128)
    h = 1e-20 * max(1.0, float(np.abs(x).max()))
    try:
        plain = op.run(*values, **static)
        values[i] = x + 1j * h * unit(x.shape, index)
        with warnings.catch_warnings():
            # what drops an imaginary part, as x.astype(float) does, is not made for it
            warnings.simplefilter("error", ComplexWarning)
            moved = op.run(*values, **static)
    except Exception:  # not made for complex numbers
        return None
    if np.asarray(moved).dtype.kind != "c":
        return None
    if not np.allclose(np.real(moved), plain, rtol=1e-12, atol=0):
        return None
    return float(weights @ np.imag(moved).reshape(-1)) / h
