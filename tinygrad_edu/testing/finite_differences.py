"""Finite differences of a function along a line, and what rounding may change in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isfinite, nan
from typing import Any

import numpy as np

from .kinks import EVERYWHERE, Piece

LEFT, RIGHT = (-1.0,), (1.0,)
BOTH = LEFT + RIGHT


@dataclass(frozen=True)
class Slope:
    """A numerical derivative and its error."""

    value: float
    error: float
    # at a kink: the slopes from the left and the right, and their error
    sides: tuple[float, float, float] | None = None
    step: float = 0.0  # the smallest step that went into it
    meet: bool = False  # the slopes from the left and the right are the same


UNKNOWN = Slope(nan, inf)


@dataclass(frozen=True)
class Point:
    """One value of the function on the line."""

    values: Any  # None where there is none: it is not finite, or the function raises an error
    where: float  # how far along the line, as rounded
    piece: Piece | None  # None: not looked at


class AlongLine:
    """A function along a line: its points, and the differences between them."""

    def __init__(
        self,
        # where along the line, and whether to look in which piece that is
        at: Callable[[float, bool], Point],
        weights: Any,  # of the values: the slope of their weighted sum is meant
        noise: Any,  # how much rounding may change each value
        eps: float,  # the rounding unit of the function
        claimed: float,  # the slope that f claims
        scale: float,  # the size of slope that matters; 0 where all slopes are claimed to be 0
        size: float,  # of the numbers that move, in steps
        has_kinks: bool,
        blur: float = 0.0,  # how far from where it should be a point may lie
        floor: float = 0.0,  # what may be lost of any value, however small: numbers underflow
    ) -> None:
        self._at, self.weights, self.noise, self.eps = at, weights, noise, eps
        self.claimed, self.scale, self.has_kinks = claimed, scale, has_kinks
        self.size = size if isfinite(size) else 0.0  # NaN and infinities do not move
        self.blur = blur
        self._weight, self._least = np.abs(weights), np.maximum(noise, floor)
        self.known: dict[float, Point] = {}
        self.center = self.point(0.0)
        # which values depend on where we are at all
        self.moved: Any = np.zeros(weights.shape, bool)
        self.typical = max(1.0, self.size)
        loudest = float((self._weight * noise).max(initial=0.0))
        # over this length the function changes by as much as itself, if its slope is as claimed
        self.length = loudest / scale / eps if scale and isfinite(scale) else self.typical
        self.natural = min(self.length, self.typical) if self.length > 0 else self.typical

    @property
    def tiny(self) -> float:
        """A slope that is nothing where a slope of 0 is claimed.

        Over the whole length at hand it changes a millionth of the function.
        """
        total = float(np.abs(self.weights * self.center.values).sum())
        return 1e-6 * total / max(1.0, self.size) or 1e-12

    def point(self, t: float, look: bool = False) -> Point:
        """The function at one place, computed once."""
        known, look = self.known.get(t), look and self.has_kinks
        if known is None or (look and known.piece is None):
            known = self.known[t] = self._at(t, look)
        return known

    def piece(self, t: float) -> Piece:
        """The smooth piece that a place lies in."""
        return (self.point(t, look=True).piece if self.has_kinks else None) or EVERYWHERE

    def quotient(
        self, h: float, sides: tuple[float, ...], piece: Piece | None = None
    ) -> tuple[float, float] | None:
        """(The difference quotient at step h, what rounding may change in it).

        None if a point has no value or leaves the piece.
        """
        points = [self.point(side * h, look=piece is not None) for side in sides]
        for p in points:  # of two, one may have no value
            if p.values is not None:
                self.moved |= p.values != self.center.values
        if any(p.values is None for p in points) or not self._within(piece, h, points):
            return None
        first, second = points[0], points[1] if len(points) == 2 else self.center
        apart = first.where - second.where
        if apart == 0:
            return None
        change = first.values - second.values
        larger = np.maximum(np.abs(first.values), np.abs(second.values))
        noise = self._weight * np.maximum(self._least, self.eps * larger)
        # rounding errors of many values partly cancel; what does not move at all may still depend
        # on t by less than its rounding
        still = ~self.moved
        lost = length_of(noise[self.moved] if still.any() else noise) / abs(apart)
        if not still.all():
            lost += length_of(noise[still]) / self.typical
        elif self.claimed:  # where nothing moves a bend could hide, no nearer than 0 is
            lost += length_of(noise) / min(self.typical, self.size or inf)
        value = float(self.weights @ change) / apart
        lost += self.blur / abs(apart) * max(abs(value), self.scale)
        return value, 4 * lost + 4 * self.eps * abs(value)

    def _within(self, piece: Piece | None, h: float, points: list[Point]) -> bool:
        """Whether points at step h lie in the piece, and in the smooth part of it."""
        if piece is None or not self.has_kinks:
            return True
        same = piece.has if len(points) == 2 else piece.is_same
        here, ends = self.piece(0.0), [self.piece(-h), self.piece(h)]
        return all(p.piece is not None and same(p.piece) for p in points) and not here.touches(ends)

    def bend(self, h: float) -> float:
        """By how much the slopes of the two halves of a central difference differ."""
        left, here, right = self.point(-h).values, self.center.values, self.point(h).values
        if left is None or right is None:
            return inf
        return abs(float(self.weights @ ((right - here) - (here - left)))) / h

    @property
    def room(self) -> float:
        """The distance to where f has no values, as far as is known.

        Steps beyond it say nothing of a point that is not itself there.
        """
        ends = [inf]
        for side in (-1, 1):
            without = [abs(t) for t, p in self.known.items() if t * side > 0 and p.values is None]
            nearest = min(without, default=inf)
            if any(0 < t * side < nearest for t in self.known):
                ends.append(nearest)
        return min(ends)


def small_step(natural: float, share: float) -> float:
    """The step of a central difference at which rounding and curvature cost as much.

    Rounding is given as its share of a change over the natural length.
    """
    return natural * float(min(share ** (1 / 3), 1e-2))


def length_of(vector: Any) -> float:
    """The Euclidean length of a vector of numbers of any size."""
    largest = float(np.abs(vector).max(initial=0.0))
    if not largest or not isfinite(largest) or vector.size == 1:
        return largest
    part = vector / largest
    return largest * float(np.sqrt(part @ part))
