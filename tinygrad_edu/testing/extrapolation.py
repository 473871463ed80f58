"""Differences at steps h, h/4, h/16, ... extrapolated to h = 0.

This is Richardson's tableau, filled as by Ridders (*Advances in Engineering Software* 4, 1982). Its
spread and the rounding at its last step are the error, and every smaller step must bear the value
out, so that no pole is stepped over.
"""

from __future__ import annotations

from itertools import pairwise
from math import inf, isfinite, isinf, nan

import numpy as np

from .finite_differences import BOTH, LEFT, UNKNOWN, AlongLine, Slope, length_of
from .kinks import Piece

RATIO = 4.0  # of one step to the next
LEVELS = 32  # steps at most, from the largest
GRAINS = 10.0, 1e7  # units of rounding that a grain of a function's values has, at least and most

Quotients = list[tuple[float, float, float]]  # step, quotient, what rounding may change in it


def extrapolated(
    line: AlongLine, sides: tuple[float, ...], piece: Piece | None, part: float = 1.0
) -> Slope:
    """The slope over points of one piece: by central differences for two sides, else from that one.

    Its value is infinite where the differences grow beyond all bounds.
    """
    seen, candidates = _tableau(line, sides, piece, part)
    limit = diverging(seen)
    if isinf(limit):
        return Slope(limit, inf)
    if not any(abs(q) > 10 * lost for h, q, lost in seen if h <= line.typical):
        # over a long way the function may be flat for other reasons
        candidates = [c for c in candidates if seen[c[2]][0] <= line.typical]
    louder = _louder(seen)
    ranked = sorted((e + (louder - 1) * seen[k][2], v, k) for e, v, k in candidates)
    for error, value, level in ranked:
        margin = 0.5 * abs(seen[level][1] - value) + 3 * error
        smaller = seen[level + 1 :]
        if all(abs(q - value) <= margin + 2 * louder * lost for _, q, lost in smaller):
            return Slope(value, error, step=seen[level][0])
    return UNKNOWN


def _tableau(
    line: AlongLine, sides: tuple[float, ...], piece: Piece | None, part: float
) -> tuple[Quotients, list[tuple[float, float, int]]]:
    """The quotients seen, and the entries of the tableau: (error, value, place among the seen)."""
    power = RATIO**2 if len(sides) == 2 else RATIO  # central ones err by even powers of h alone
    seen, candidates, row = Quotients(), list[tuple[float, float, int]](), list[float]()
    for h in steps(line, sides, part):
        quotient = line.quotient(h, sides, piece)
        if quotient is None:
            row = []
            continue
        before, row = row, [quotient[0]]
        seen.append((h, *quotient))
        for j, coarser in enumerate(before):
            row.append(row[j] + (row[j] - coarser) / (power ** (j + 1) - 1))
            error = max(abs(row[-1] - row[j]), abs(row[-1] - coarser)) + quotient[1]
            candidates.append((error, row[-1], len(seen) - 1))
        if quotient[1] > 100 * max(abs(quotient[0]), line.scale) > 0:
            break  # all smaller steps say still less
    return seen, candidates


def steps(line: AlongLine, sides: tuple[float, ...], part: float = 1.0) -> list[float]:
    """The steps to try, as parts of each length at hand.

    Those are the largest, 1, the number that moves, and what the slope suggests. They may be
    hundreds of powers of ten apart. What lies far below one and above the next is left out, for the
    function has no reason to bend there, and the number that moves is always larger than the last
    steps.
    """
    largest = max(line.typical, min(line.length, 1e100))
    # from one side, of the same steps, whose points are known
    upto = largest if sides == BOTH else line.typical
    lengths = [n for n in (upto, 1.0, line.size, line.natural) if n > 0]
    smallest = max(8 * np.finfo(float).eps * line.size, RATIO**-LEVELS * min(lengths))
    found, h = list[float](), part * 0.1 * largest
    while h >= smallest and h > 0:
        if h <= part * 0.1 * upto and any(RATIO**-LEVELS <= h / n <= 1 for n in lengths):
            found.append(h)
        h /= RATIO
    return found


def nearest_step(line: AlongLine, both: Slope) -> float:
    """The smallest step at which rounding still lets a slope be seen.

    A kink that is closer counts as on the point.
    """
    size = max(line.scale, abs(both.value) if isfinite(both.value) else 0.0)
    loud = 4 * length_of(np.abs(line.weights) * line.noise)
    tried = steps(line, LEFT)
    return min((h for h in tried if loud / h <= 1e-3 * size), default=tried[0])


def _louder(seen: Quotients) -> float:
    """How much louder the rounding is at the smallest steps than it was thought to be.

    Rounding makes quotients differ the more, the smaller the steps are, down to the last.
    Differences that shrink are not its doing: there the function bends, as sin does from one period
    to the next, and smaller steps see ever less of that.
    """
    return max(_grown(seen), grain(seen))


def grain(seen: Quotients) -> float:
    """The same of a function whose values are multiples of a grain.

    As gammaln(1e6 + x) - gammaln(1e6) has them: it stands still over the smallest steps, and moves
    by a grain over the next. A grain that rounding would not explain is a step of the function.
    """
    moves = [i for i, (_, q, _) in enumerate(seen) if q]
    still = len(seen) - 1 - moves[-1] if moves else 0
    if still < 3 or len(moves) < 3:
        return 1.0
    # the quotient of a small change and its rounding are both over the same step
    last = [seen[i] for i in moves[-3:]]
    least = min((abs(q) / lost for _, q, lost in last if lost > 0), default=1.0)
    return least if GRAINS[0] < least < GRAINS[1] else 1.0


def _grown(seen: Quotients) -> float:
    differences = [(abs(b[1] - a[1]), a[2] + b[2]) for a, b in pairwise(seen[-6:])]
    grown = differences[-1:]
    for (before, _), later in reversed(list(pairwise(differences))):
        if 2 * later[0] <= before:
            break
        grown.append(later)
    return max([1.0, *(apart / lost for apart, lost in grown if lost > 0)])


def diverging(seen: Quotients) -> float:
    """Plus or minus infinity if smaller steps give ever larger quotients, else nan.

    Only as far as rounding lets us see.
    """
    heard = [i for i, (_, q, lost) in enumerate(seen) if lost < 0.1 * abs(q)]
    tail = [seen[i][1] for i in heard[-6:]]
    if len(tail) < 6 or (seen[heard[-1] + 1 :] and seen[heard[-1] + 1][2] < 0.1 * abs(tail[-1])):
        return nan
    grows = all(abs(b) > 1.2 * abs(a) and a * b > 0 for a, b in pairwise(tail))
    return float(np.copysign(inf, tail[-1])) if grows else nan
