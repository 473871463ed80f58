"""The slope of a function along a line, with an estimate of its error, and the kinks in its way seen rather than stepped over.

Two values are enough where the claimed slope is right and the function smooth: a central difference at a step that follows from
the claim, from the size of the function and from its rounding. It agrees with the claim to eight digits, which no wrong claim does
by chance. Where rounding leaves fewer digits a wider step is extrapolated. Else the line is looked at on all scales: differences at
steps h, h/4, h/16, ... are extrapolated to h = 0 (Richardson's tableau, filled as by Ridders, *Advances in Engineering Software* 4,
1982); the spread of the tableau and the rounding at its last step are the error, and every smaller step must bear the value out, so
that no pole is stepped over. A function may tell in which smooth piece a point lies; differences are then taken inside of one piece,
from one side if the piece ends nearby.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import inf, isfinite, isinf, isnan, nan
from typing import Any

import numpy as np

RATIO = 4.0  # of one step to the next
LEVELS = 32  # steps at most, from the largest
ORDERS = 6  # columns of the tableau
ENOUGH = 1e-10  # of the scale: an error that needs no improvement
CLOSE = 3e-8  # of the scale: a claim that close to a quick measurement is right
FLAT = 1e-2  # of the scale: what the slopes from left and right may differ by, a small step apart
APART = 1e-5  # of the slopes: how far those from left and right differ at a kink, at least
NEAR = 0.03  # of a slope that is found instead of the one claimed: how far those at smaller steps may be from it
BETWEEN = (0.75, 0.625, 0.875)  # of the steps: those of other measurements
LEFT, RIGHT = (-1.0,), (1.0,)
BOTH = LEFT + RIGHT


@dataclass(frozen=True)
class Slope:
    """A numerical derivative and its error."""

    value: float
    error: float
    sides: tuple[float, float, float] | None = None  # at a kink: the slopes from the left and the right, and their error
    step: float = 0.0  # the smallest step that went into it
    meet: bool = False  # the slopes from the left and the right are the same


UNKNOWN = Slope(nan, inf)


@dataclass(frozen=True)
class Piece:
    """Where a point lies among the kinks: what is zero at them, positive on one side and negative on the other."""

    kinks: Any

    @property
    def on(self) -> Any:
        """On which kinks the point lies, but for rounding."""
        return np.abs(self.kinks) <= 1e-14 * (1 + np.abs(self.kinks).max(initial=0.0, where=np.isfinite(self.kinks)))

    def is_same(self, other: Piece) -> bool:
        """Whether the other point lies on the same sides of all kinks."""
        return self.kinks.shape == other.kinks.shape and bool((np.sign(self.kinks) == np.sign(other.kinks)).all())

    def has(self, other: Piece) -> bool:
        """Whether the other point lies in the same piece, and this one on none of the kinks that are moved between them."""
        return self.is_same(other) and bool(((self.kinks == other.kinks) | ~self.on).all())

    def touches(self, ends: list[Piece]) -> bool:
        """Whether a kink near this point is touched and not crossed on the way from one end to the other.

        The standard deviation is zero at its kink and positive all around: it is then far larger at both ends.
        """
        far = [np.abs(end.kinks) > 4 * np.abs(self.kinks) for end in ends if self.is_same(end)]
        return len(far) == 2 and bool((far[0] & far[1] & (self.kinks != 0)).any())


EVERYWHERE = Piece(np.zeros(0))  # the piece of a function without kinks


@dataclass(frozen=True)
class Point:
    """One value of the function on the line."""

    values: Any  # None where there is none: it is not finite, or the function raises an error
    where: float  # how far along the line, as rounded
    piece: Piece | None  # None: not looked at


class Line:
    """A function along a line, and what measuring its slope at 0 takes."""

    def __init__(
        self,
        at: Callable[[float, bool], Point],  # where along the line, and whether to look in which piece that is
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
        self.claimed, self.scale, self.size, self.has_kinks = claimed, scale, size, has_kinks
        self.blur, self.floor = blur, floor
        self.known: dict[float, Point] = {}
        self.center = self.point(0.0)
        self.moved: Any = np.zeros(weights.shape, bool)  # which values depend on where we are at all
        self.typical = max(1.0, size)
        loudest = float(np.abs(weights * noise).max(initial=0.0))
        # over this length the function changes by as much as itself, if its slope is as claimed
        self.length = loudest / scale / eps if scale and isfinite(scale) else self.typical
        self.natural = min(self.length, self.typical) if self.length > 0 else self.typical

    @property
    def tiny(self) -> float:
        """A slope that is nothing where a slope of 0 is claimed: over the whole length at hand it changes a millionth of the function."""
        return 1e-6 * float(np.abs(self.weights * self.center.values).sum()) / max(1.0, self.size) or 1e-12

    def point(self, t: float, look: bool = False) -> Point:
        """The function at one place, computed once."""
        known = self.known.get(t)
        if known is None or (look and known.piece is None):
            known = self.known[t] = self._at(t, look and self.has_kinks)
        return known

    def piece(self, t: float) -> Piece:
        """The smooth piece that a place lies in."""
        return (self.point(t, look=True).piece if self.has_kinks else None) or EVERYWHERE

    # -- differences -----------------------------------------------------------------------------------------------------------

    def quotient(self, h: float, sides: tuple[float, ...], piece: Piece | None = None) -> tuple[float, float] | None:
        """(The difference quotient at step h, what rounding may change in it), or None if a point has no value or leaves the piece."""
        points = [self.point(side * h, look=piece is not None) for side in sides]
        if any(p.values is None for p in points) or not self._within(piece, h, points):
            return None
        first, second = points[0], points[1] if len(points) == 2 else self.center
        apart = first.where - second.where
        if apart == 0:
            return None
        change = first.values - second.values
        self.moved |= change != 0
        larger = np.maximum(np.abs(first.values), np.abs(second.values))
        noise = np.abs(self.weights) * np.maximum(np.maximum(self.noise, self.floor), self.eps * larger)
        # rounding errors of many values partly cancel; what does not move at all may still depend on t by less than its rounding
        lost = length_of(noise[self.moved]) / abs(apart)
        if self.claimed or self.moved.any():
            lost += length_of(noise[~self.moved]) / self.typical
        value = float(self.weights @ change) / apart
        lost += self.blur / abs(apart) * max(abs(value), self.scale)
        return value, 4 * lost + 4 * self.eps * abs(value)

    def _within(self, piece: Piece | None, h: float, points: list[Point]) -> bool:
        """Whether points at step h lie in the piece, and in that part of it in which the function is smooth."""
        if piece is None or not self.has_kinks:
            return True
        same = piece.has if len(points) == 2 else piece.is_same
        here, ends = self.piece(0.0), [self.piece(-h), self.piece(h)]
        return all(p.piece is not None and same(p.piece) for p in points) and not here.touches(ends)

    def bend(self, h: float) -> float:
        """By how much the slopes of the two halves of a central difference differ."""
        left, right = self.point(-h).values, self.point(h).values
        if left is None or right is None:
            return inf
        return abs(float(self.weights @ ((right - self.center.values) - (self.center.values - left)))) / h

    # -- the slope -------------------------------------------------------------------------------------------------------------

    def slope(self) -> Slope:
        """The derivative at 0: quickly where that is enough, else with all that can be found out."""
        quick = self._quick()
        return quick if quick is not None else self._thorough()

    def again(self) -> Iterator[Slope]:
        """The slope from other steps: what came about by chance is not seen again."""
        for part in BETWEEN:
            yield self._thorough(part)

    def bears_out(self, found: Slope) -> bool:
        """Whether all smaller steps show the slope that was found and not the claim, as far as rounding lets the two be told apart.

        A function that turns many times within a step looks flat. What tells it from a flat one is that its values change by more
        than rounding does.
        """
        off, piece = abs(found.value - self.claimed), self.piece(0.0)
        start = self.quotient(found.step, BOTH, piece) if found.step else None
        bent = abs(start[0] - found.value) if start is not None else 0.0  # what extrapolation took away
        smaller = [self.quotient(h, BOTH, piece) for part in (1.0, *BETWEEN) for h in self._steps(BOTH, part) if h < found.step]
        return all(abs(q[0] - found.value) <= bent + NEAR * min(off, abs(found.value)) + q[1] for q in smaller if q is not None)

    def _quick(self) -> Slope | None:
        """The slope from four values, or six where it is not as claimed; None if they leave any doubt."""
        if not isfinite(self.claimed) or not isfinite(self.scale):
            return None
        if not self.scale:
            return self._unmoved()
        share = self.eps * self.length / self.natural  # the rounding of the function beside a change over the natural length
        h = self.natural * min(share ** (1 / 3), 1e-2)
        found = self.quotient(h, BOTH)
        if found is not None and self._is_claimed(*found, h):
            return Slope(found[0], max(abs(found[0] - self.claimed), found[1]))
        if not self.has_kinks:  # among kinks a small step stays
            h = self.natural * min(share ** (1 / 5), 3e-2)
        wide, narrow = self.quotient(h, BOTH), self.quotient(h / 2, BOTH)
        if wide is None or narrow is None:
            return None
        value, lost = narrow[0] + (narrow[0] - wide[0]) / 3, 2 * narrow[1]
        if self._is_claimed(value, lost, h / 2):
            return Slope(value, max(abs(value - self.claimed), lost))
        return self._refuted(value, abs(value - wide[0]) + lost, h / 2)

    def _is_claimed(self, value: float, lost: float, h: float) -> bool:
        """Whether a measurement at step h is so close to the claim that it confirms it."""
        off = abs(value - self.claimed)
        close = off + lost <= 10 * CLOSE * self.scale and off <= CLOSE * self.scale + lost
        return close and self.bend(h) <= FLAT * max(self.scale, abs(value)) + lost

    def _refuted(self, value: float, error: float, h: float) -> Slope | None:
        """The measurement, if it is far from the claim, the function is smooth there, and a far smaller step bears it out."""
        off = abs(value - self.claimed)
        if off < 100 * error or self.bend(h) > FLAT * max(abs(value), self.scale):
            return None
        witness = self.quotient(h / 32, BOTH, self.piece(0.0))
        borne_out = witness is not None and abs(witness[0] - value) <= error + witness[1] and witness[1] < 0.1 * off
        return Slope(value, error, step=h) if borne_out else None

    def _unmoved(self) -> Slope | None:
        """The slope 0, if neither a large step nor a small one changes anything."""
        for h in (0.1 * self.natural, 1e-3 * self.natural):
            ends = [self.point(side * h).values for side in BOTH]
            if any(values is None or (values != self.center.values).any() for values in ends):
                return None
        return Slope(0.0, 0.0) if not self.claimed else None

    def _thorough(self, part: float = 1.0) -> Slope:
        """The slope from steps of every size; where it is not as claimed the sides are measured as well, for a kink would explain it."""
        here = self.piece(0.0)
        both = self._extrapolated(BOTH, here, part)
        if both.error <= CLOSE * self.scale and abs(both.value - self.claimed) <= 3 * both.error:
            return both
        nearest = self._nearest(both)
        beside = [self.piece(side * nearest) for (side,) in (LEFT, RIGHT)]
        left, right = (self._extrapolated(side, piece, part) for side, piece in zip((LEFT, RIGHT), beside, strict=True))
        slopes = (left.value, right.value, left.error + right.error)
        if isnan(left.value) != isnan(right.value):  # the function is there on one side alone, and its slope is that of this side
            there = left if isnan(right.value) else right
            return Slope(there.value, there.error, slopes if isinf(there.value) else None, there.step)
        error, gap = left.error + right.error, abs(left.value - right.value)
        meet = not gap > 10 * error + APART * max(self.scale, abs(left.value), abs(right.value))
        inside = [s for s, piece in zip((left, right), beside, strict=True) if here.has(piece)]
        if not inside and meet and isfinite(error):  # on a kink in which nothing breaks, as that of |x|³
            return Slope((left.value + right.value) / 2, error + gap / 2, slopes, min(left.step, right.step), meet=True)
        best = min([both, *inside], key=lambda s: s.error)
        apart = not meet and (not inside or (len(inside) == 2 and self.bend(nearest) > 0.5 * gap))  # the last: a kink that it does not tell
        on_kink = isinf(left.value) or isinf(right.value) or apart
        return Slope(best.value, best.error, slopes if on_kink else None, best.step)

    def _steps(self, sides: tuple[float, ...], part: float = 1.0) -> list[float]:
        """The steps to try: from a part of the largest length at hand down to a few rounding units of what moves."""
        largest = max(self.typical, min(self.length, 1e100)) if sides == BOTH else self.typical
        smallest = 8 * np.finfo(float).eps * self.size
        # as many as reach far below the size of a tiny number, and below the length over which the function changes
        depth = min(1.0, *(n for n in (self.size, self.natural) if n > 0)) / largest
        levels = min(LEVELS - np.log(depth) / np.log(RATIO), 4 * LEVELS)
        steps = part * 0.1 * largest * RATIO ** -np.arange(levels)
        return [float(h) for h in steps if h >= smallest]

    def _nearest(self, both: Slope) -> float:
        """The smallest step at which rounding still lets a slope be seen: a kink that is closer counts as on the point."""
        size = max(self.scale, abs(both.value) if isfinite(both.value) else 0.0)
        loud = 4 * length_of(np.abs(self.weights) * self.noise)
        steps = self._steps(LEFT)
        return min((h for h in steps if loud / h <= 1e-3 * size), default=steps[0])

    def _extrapolated(self, sides: tuple[float, ...], piece: Piece | None, part: float) -> Slope:
        """The best of a tableau of differences, over points of one piece: central for two sides, else from that side.

        Its value is infinite where the differences grow beyond all bounds.
        """
        power = RATIO**2 if len(sides) == 2 else RATIO  # central ones err by even powers of h alone
        seen, candidates, row = list[tuple[float, float, float]](), list[tuple[float, float, int]](), list[float]()
        for h in self._steps(sides, part):
            quotient = self.quotient(h, sides, piece)
            if quotient is None:
                row = []
                continue
            before, row = row, [quotient[0]]
            seen.append((h, *quotient))
            for j, coarser in enumerate(before[:ORDERS]):
                row.append(row[j] + (row[j] - coarser) / (power ** (j + 1) - 1))
                error = max(abs(row[-1] - row[j]), abs(row[-1] - coarser)) + quotient[1]
                candidates.append((error, row[-1], len(seen) - 1))
            if quotient[1] > 100 * max(abs(quotient[0]), self.scale) > 0:
                break  # all smaller steps say still less
        if isinf(_diverging(seen)):
            return Slope(_diverging(seen), inf)
        if not any(abs(q) > 10 * lost for h, q, lost in seen if h <= self.typical):
            # over a long way the function may be flat for other reasons
            candidates = [c for c in candidates if seen[c[2]][0] <= self.typical]
        louder = _louder(seen)
        for error, value, level in sorted((e + (louder - 1) * seen[k][2], v, k) for e, v, k in candidates):
            margin = 0.5 * abs(seen[level][1] - value) + 3 * error
            if all(abs(q - value) <= margin + 2 * louder * lost for _, q, lost in seen[level + 1 :]):
                return Slope(value, error, step=seen[level][0])
        return UNKNOWN


def length_of(vector: Any) -> float:
    """The Euclidean length of a vector of numbers of any size."""
    largest = float(np.abs(vector).max(initial=0.0))
    if not largest or not isfinite(largest):
        return largest
    part = vector / largest
    return largest * float(np.sqrt(part @ part))


def _louder(seen: list[tuple[float, float, float]]) -> float:
    """How much louder the rounding is at the smallest steps than it was thought to be.

    Rounding makes quotients differ the more, the smaller the steps are, down to the last. Differences that shrink are not its doing:
    there the function bends, as sin does from one period to the next, and smaller steps see ever less of that.
    """
    differences = [(abs(b[1] - a[1]), a[2] + b[2]) for a, b in pairwise(seen[-6:])]
    grown = differences[-1:]
    for (before, _), later in reversed(list(pairwise(differences))):
        if 2 * later[0] <= before:
            break
        grown.append(later)
    return max([1.0, *(apart / lost for apart, lost in grown if lost > 0)])


def _diverging(seen: list[tuple[float, float, float]]) -> float:
    """Plus or minus infinity if smaller steps give ever larger quotients, as far as rounding lets us see, else nan."""
    heard = [i for i, (_, q, lost) in enumerate(seen) if lost < 0.1 * abs(q)]
    tail = [seen[i][1] for i in heard[-6:]]
    if len(tail) < 6 or (seen[heard[-1] + 1 :] and seen[heard[-1] + 1][2] < 0.1 * abs(tail[-1])):
        return nan
    grows = all(abs(b) > 1.2 * abs(a) and a * b > 0 for a, b in pairwise(tail))
    return float(np.copysign(inf, tail[-1])) if grows else nan
