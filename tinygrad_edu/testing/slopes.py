"""The slope of a function of one variable, with an estimate of its error, and the kinks in its way seen rather than stepped over.

Central differences at steps h, h/2, h/4, ... are extrapolated to h = 0 (Richardson's tableau, filled as by Ridders, *Advances in
Engineering Software* 4, 1982), and the spread of the tableau is the error. A function may tell in which smooth piece a point lies;
differences are then taken inside of one piece, from one side if the piece ends nearby.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Piece = bytes  # which smooth piece of the function a point lies in
Line = Callable[[float], tuple[Any, Piece]]  # where along the line -> (the function's values, the piece)

LEVELS = 9  # steps in one tableau, each half of the one before
TABLEAUS = 3  # tableaus to try, each starting where the one before ended
NEAREST = 1e-9  # of the reach: the smallest step; what is closer counts as on the point
ENOUGH = 1e-10  # of the scale: an error that needs no improvement
ACCURATE = 1e-8  # of the scale: an error that needs no look from the sides
SIDES = (-1.0, 1.0)


@dataclass(frozen=True)
class Slope:
    """A numerical derivative and its error."""

    value: float
    error: float
    sides: tuple[float, float, float] | None = None  # at a kink: the slopes from the left and the right, and their error


UNKNOWN = Slope(np.nan, np.inf)


def slope(line: Line, weights: Any, claimed: float, scale: float, reach: float, eps: float) -> Slope:
    """The derivative at 0 of `weights @ line(t)`.

    Where it is not as `claimed`, the slopes from either side are measured as well, for a kink would explain it. `scale` is the size
    of gradient that matters, `reach` the largest step to try, `eps` the rounding unit of the function.
    """
    piece = line(0.0)[1]
    both = _extrapolated(line, weights, scale, reach, eps, (1.0, -1.0), piece)
    if both.error <= ACCURATE * scale and abs(both.value - claimed) <= 3 * both.error + ACCURATE * scale:
        return both
    # the piece may end close by: look from either side, each in the piece that begins there
    beside = [line(side * NEAREST * reach)[1] for side in SIDES]
    left, right = (_extrapolated(line, weights, scale, reach, eps, (side,), p) for side, p in zip(SIDES, beside, strict=True))
    inside = [s for s, p in zip((left, right), beside, strict=True) if p == piece]
    best = min([both, *inside], key=lambda s: s.error)
    apart = abs(left.value - right.value) > 10 * (left.error + right.error) + 1e-7 * scale
    on_kink = not inside or (len(inside) == 2 and apart)
    return Slope(best.value, best.error, (left.value, right.value, left.error + right.error) if on_kink else None)


def _extrapolated(line: Line, weights: Any, scale: float, reach: float, eps: float, sides: tuple[float, ...], piece: Piece) -> Slope:
    """The best of some tableaus of differences, over points of one piece: central for two sides, else from that side."""
    center = line(0.0)[0]
    power = 4.0 if len(sides) == 2 else 2.0  # central differences err by even powers of h alone

    def differences(h: float) -> Any:
        points = [line(side * h) for side in sides]
        if not all(p == piece and np.isfinite(values).all() for values, p in points):
            return None
        return (points[0][0] - points[1][0]) / (2 * h) if len(sides) == 2 else (points[0][0] - center) * (sides[0] / h)

    best, step = UNKNOWN, reach
    touched: Any = False  # the values that any step has changed
    while step > NEAREST * reach and differences(step) is None:
        step /= 8
    for _ in range(TABLEAUS):
        row: list[float] = []
        for level in range(LEVELS):
            h = step / 2.0**level
            d = differences(h) if h >= NEAREST * reach else None
            if d is None:
                break
            touched = touched | (d != 0)
            rounded = float(np.abs(weights * center)[touched].sum()) + 10 * reach * abs(float(weights @ d))  # of the values, of the place
            noise = 4 * eps * rounded / h
            before, row = row, [float(weights @ d)]
            for j, coarser in enumerate(before):
                row.append(row[j] + (row[j] - coarser) / (power ** (j + 1) - 1))
                error = max(abs(row[-1] - row[j]), abs(row[-1] - coarser)) + noise
                if error < best.error:
                    best = Slope(row[-1], error)
            if best.error <= ENOUGH * scale:
                return best
        step /= 2.0**LEVELS
    return best
