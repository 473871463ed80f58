"""The slope of a function along a line, with an estimate of its error, and the kinks in its way seen rather than stepped over.

Central differences at steps h, h/2, h/4, ... are extrapolated to h = 0 (Richardson's tableau, filled as by Ridders, *Advances in
Engineering Software* 4, 1982), and the spread of the tableau is the error. A far smaller step is the witness that the tableau did
converge to the slope and not to something that only looks like it from afar. A function may tell in which smooth piece a point
lies; differences are then taken inside of one piece, from one side if the piece ends nearby.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Piece = bytes  # which smooth piece of the function a point lies in

LEVELS = 9  # steps in one tableau, each half of the one before
TABLEAUS = 3  # tableaus to try, each starting where the one before ended
SMALLEST = 50.0  # rounding units of the reach: the smallest step
NEAREST = 1e-9  # of the reach: the smallest step among kinks; a kink that is closer counts as on the point
WITNESS = 1e-3  # of a tableau's last step: the step that confirms it
ENOUGH = 1e-10  # of the scale: an error that needs no improvement
ACCURATE = 1e-8  # of the scale: an error that needs no look from the sides
APART = 1e-4  # of the slopes: how far those from left and right differ at a kink, at least
LEFT, RIGHT = (-1.0,), (1.0,)


@dataclass(frozen=True)
class Slope:
    """A numerical derivative and its error."""

    value: float
    error: float
    sides: tuple[float, float, float] | None = None  # at a kink: the slopes from the left and the right, and their error


UNKNOWN = Slope(np.nan, np.inf)


@dataclass(frozen=True)
class Line:
    """A function along a line, and what measuring its slope at 0 takes."""

    at: Callable[[float], tuple[Any, Piece]]  # where along the line -> (the function's values, the piece)
    weights: Any  # of the values: the slope of their weighted sum is meant
    claimed: float  # the slope that f claims
    scale: float  # the size of slope that matters
    reach: float  # the largest step to try
    place: float  # the size of the numbers that move, in steps: what the rounding of a step depends on
    eps: float  # the rounding unit of the function
    noise: Any  # how much rounding may change each value

    @property
    def smallest(self) -> float:
        """The smallest step that rounding leaves a meaning, and among kinks one that they would notice."""
        return max(SMALLEST * self.eps, NEAREST if self.at(0.0)[1] else 0.0) * self.reach

    def slope(self) -> Slope:
        """The derivative at 0. Where it is not as claimed the sides are measured as well, for a kink would explain it."""
        here = self.at(0.0)[1]
        both = self._extrapolated(LEFT + RIGHT, here)
        if both.error <= ACCURATE * self.scale and abs(both.value - self.claimed) <= 3 * both.error + ACCURATE * self.scale:
            return both
        # the piece may end close by: look from either side, each in the piece that begins there
        beside = [self.at(side * self.smallest)[1] for (side,) in (LEFT, RIGHT)]
        left, right = (self._extrapolated(side, piece) for side, piece in zip((LEFT, RIGHT), beside, strict=True))
        error, gap = left.error + right.error, abs(left.value - right.value)
        meet = gap <= 10 * error + APART * max(self.scale, abs(left.value), abs(right.value))
        inside = [s for s, piece in zip((left, right), beside, strict=True) if piece == here]
        if not inside and meet and np.isfinite(error):  # on a kink in which nothing breaks, as that of |x|³
            return Slope((left.value + right.value) / 2, error + gap / 2, (left.value, right.value, error))
        best = min([both, *inside], key=lambda s: s.error)
        on_kink = not inside or (len(inside) == 2 and not meet)
        return Slope(best.value, best.error, (left.value, right.value, error) if on_kink else None)

    def _extrapolated(self, sides: tuple[float, ...], piece: Piece) -> Slope:
        """The best of some tableaus of differences, over points of one piece: central for two sides, else from that side."""
        quotients = _Quotients(self, sides, piece)
        best, step = UNKNOWN, self.reach
        while step > self.smallest and quotients(step) is None:
            step /= 8
        for _ in range(TABLEAUS):
            found, last = self._tableau(quotients, step)
            if found.error < best.error and _confirmed(found, quotients(last), quotients(max(WITNESS * last, self.smallest))):
                best = found
            elif best is not UNKNOWN:
                break
            if best.error <= ENOUGH * self.scale:
                break
            step = last / 2
        return best

    def _tableau(self, quotients: _Quotients, step: float) -> tuple[Slope, float]:
        """(The extrapolated value with the least error, the last step): from `step` on, each step half of the one before."""
        best, row, last = UNKNOWN, list[float](), step
        for h in [step / 2.0**level for level in range(LEVELS)]:
            quotient = quotients(h) if h >= self.smallest else None
            if quotient is None:
                break
            last, before, row = h, row, [quotient[0]]
            for j, coarser in enumerate(before):
                row.append(row[j] + (row[j] - coarser) / (quotients.power ** (j + 1) - 1))
                error = max(abs(row[-1] - row[j]), abs(row[-1] - coarser)) + quotient[1]
                if error < best.error:
                    best = Slope(row[-1], error)
            if best.error <= max(ENOUGH * self.scale, quotient[1]):  # smaller steps lose more to rounding
                break
        return best, last


class _Quotients:
    """The difference quotients of a line, at steps that stay in one piece; they know how many digits rounding leaves them."""

    def __init__(self, line: Line, sides: tuple[float, ...], piece: Piece) -> None:
        self.line, self.sides, self.piece = line, sides, piece
        self.center = line.at(0.0)[0]
        self.power = 4.0 if len(sides) == 2 else 2.0  # central ones err by even powers of h alone
        # the values that move at all; one that a small step leaves alone may only be rounded
        self.moved: Any = (line.at(line.reach)[0] != self.center) | (line.at(-line.reach)[0] != self.center)

    def __call__(self, h: float) -> tuple[float, float] | None:
        """(The quotient at step h, what rounding may change in it), or None if a point leaves the piece or has no value."""
        points = [self.line.at(side * h) for side in self.sides]
        if not all(piece == self.piece and np.isfinite(values).all() for values, piece in points):
            return None
        first, second = points[0][0], points[1][0] if len(points) == 2 else self.center
        change = (first - second) / (h * (self.sides[0] - (self.sides[1] if len(points) == 2 else 0.0)))
        self.moved |= change != 0
        value = float(self.line.weights @ change)
        noise = np.abs(self.line.weights * self.line.noise)
        lost = (float(noise[self.moved].sum()) + self.line.eps * (self.line.place + h) * abs(value)) / h
        if self.line.claimed:  # what even the largest step leaves alone may depend on it by less than rounding shows
            lost += float(noise[~self.moved].sum()) / self.line.reach
        return value, 4 * lost


def _confirmed(found: Slope, last: tuple[float, float] | None, witness: tuple[float, float] | None) -> bool:
    """Whether a far smaller step comes closer to the extrapolated value than the last one did, up to what rounding allows."""
    if last is None or witness is None:
        return False
    return abs(witness[0] - found.value) <= 0.5 * abs(last[0] - found.value) + 10 * found.error + witness[1]
