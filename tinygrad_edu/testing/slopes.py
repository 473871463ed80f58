"""The slope of a function along a line, with an estimate of its error; kinks are not stepped over.

Two values are enough where the claimed slope is right and the function smooth: a central difference
at a step that follows from the claim, from the size of the function and from its rounding. It
agrees with the claim to eight digits, which no wrong claim does by chance. Where rounding leaves
fewer digits a wider step is extrapolated. Else the line is looked at on all scales, and differences
are extrapolated to h = 0. A function may tell in which smooth piece a point lies; differences are
then taken inside of one piece, from one side if the piece ends nearby.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite, isinf, isnan

from .extrapolation import extrapolated, grain, nearest_step, steps
from .finite_differences import BOTH, LEFT, RIGHT, UNKNOWN, AlongLine, Slope, small_step

CLOSE = 3e-8  # of the scale: a claim that close to a quick measurement is right
FLAT = 1e-2  # of the scale: what the slopes from left and right may differ by, a small step apart
# of a slope that is found instead of the one claimed: how far those at smaller steps may be from it
NEAR = 0.03
BETWEEN = (0.75, 0.625, 0.875)  # of the steps: those of other measurements


def slope_of(line: AlongLine) -> Slope:
    """The derivative at 0: quickly where that is enough, else with all that can be found out."""
    quick = _quick(line)
    return quick if quick is not None else _thorough(line)


def slopes_again(line: AlongLine) -> Iterator[Slope]:
    """The slope from other steps: what came about by chance is not seen again."""
    for part in BETWEEN:
        yield _thorough(line, part)


def bears_out(line: AlongLine, found: Slope) -> bool:
    """Whether all smaller steps show the slope that was found and not the claim.

    They do as far as rounding lets the two be told apart. A function that turns many times within a
    step looks flat. What tells it from a flat one is that its values change by more than rounding
    does.
    """
    off, piece = abs(found.value - line.claimed), line.piece(0.0)
    start = line.quotient(found.step, BOTH, piece) if found.step else None
    # what extrapolation took away
    bent = abs(start[0] - found.value) if start is not None else 0.0
    margin = bent + NEAR * min(off, abs(found.value))
    for part in (1.0, *BETWEEN):
        smaller = [h for h in steps(line, BOTH, part) if h < found.step]
        tried = [(h, line.quotient(h, BOTH, piece)) for h in smaller]
        seen = [(h, *q) for h, q in tried if q is not None]
        louder = grain(seen)
        if any(abs(q - found.value) > margin + louder * lost for _, q, lost in seen):
            return False
    return True


# -- quickly ---------------------------------------------------------------------------------------


def _quick(line: AlongLine) -> Slope | None:
    """The slope from four values, or six where it is not as claimed; None if any doubt is left."""
    if not isfinite(line.claimed) or not isfinite(line.scale):
        return None
    if not line.scale:
        return _unmoved(line)
    # the rounding of the function beside a change over the natural length
    share = line.eps * line.length / line.natural
    h = small_step(line.natural, share)
    found = line.quotient(h, BOTH)
    if found is not None and _is_claimed(line, *found, h):
        return Slope(found[0], max(abs(found[0] - line.claimed), found[1]))
    if not line.has_kinks:  # among kinks a small step stays
        h = line.natural * min(share ** (1 / 5), 3e-2)
    wide, narrow = line.quotient(h, BOTH), line.quotient(h / 2, BOTH)
    if wide is None or narrow is None:
        return None
    value, lost = narrow[0] + (narrow[0] - wide[0]) / 3, 2 * narrow[1]
    if _is_claimed(line, value, lost, h / 2):
        return Slope(value, max(abs(value - line.claimed), lost))
    return _refuted(line, value, abs(value - wide[0]) + lost, h / 2)


def _is_claimed(line: AlongLine, value: float, lost: float, h: float) -> bool:
    """Whether a measurement at step h is so close to the claim that it confirms it."""
    off = abs(value - line.claimed)
    close = off + lost <= 10 * CLOSE * line.scale and off <= CLOSE * line.scale + lost
    return close and line.bend(h) <= FLAT * max(line.scale, abs(value)) + lost


def _refuted(line: AlongLine, value: float, error: float, h: float) -> Slope | None:
    """The measurement, if it is far from the claim and can be believed.

    The function must be smooth there, and a far smaller step bear the measurement out.
    """
    off = abs(value - line.claimed)
    if off < 100 * error or line.bend(h) > FLAT * max(abs(value), line.scale):
        return None
    witness = line.quotient(h / 32, BOTH, line.piece(0.0))
    if witness is None:
        return None
    borne_out = abs(witness[0] - value) <= error + witness[1] and witness[1] < 0.1 * off
    return Slope(value, error, step=h) if borne_out else None


def _unmoved(line: AlongLine) -> Slope | None:
    """The slope 0, if neither a large step nor a small one changes anything."""
    for h in (0.1 * line.natural, 1e-3 * line.natural):
        ends = [line.point(side * h).values for side in BOTH]
        if any(values is None or (values != line.center.values).any() for values in ends):
            return None
    return Slope(0.0, 0.0) if not line.claimed else None


# -- thoroughly ------------------------------------------------------------------------------------


def _thorough(line: AlongLine, part: float = 1.0) -> Slope:
    """The slope from steps of every size.

    Where it is not as claimed the sides are measured as well, for a kink would explain it.
    """
    here = line.piece(0.0)
    both = extrapolated(line, BOTH, here, part)
    if both.error <= CLOSE * line.scale and abs(both.value - line.claimed) <= 3 * both.error:
        return both
    nearest = nearest_step(line, both)
    beside = [line.piece(side * nearest) for (side,) in (LEFT, RIGHT)]
    left, right = (
        extrapolated(line, side, piece, part)
        for side, piece in zip((LEFT, RIGHT), beside, strict=True)
    )
    left, right = (side if side.step <= line.room else UNKNOWN for side in (left, right))
    inside = [s for s, piece in zip((left, right), beside, strict=True) if here.has(piece)]
    return _of_sides(line, both, left, right, inside, nearest)


def _of_sides(
    line: AlongLine, both: Slope, left: Slope, right: Slope, inside: list[Slope], nearest: float
) -> Slope:
    """The slope that follows from those of both sides at once, and of each.

    `inside` are those of the sides that lie in the same piece.
    """
    error, gap = left.error + right.error, abs(left.value - right.value)
    slopes = (left.value, right.value, error)
    if isnan(left.value) != isnan(right.value):
        # the function is there on one side alone, and its slope is that of this side
        there = left if isnan(right.value) else right
        return Slope(there.value, there.error, slopes if isinf(there.value) else None, there.step)
    meet = not gap > 10 * error
    if not inside and meet and isfinite(error):
        # on a kink in which nothing breaks, as that of |x|³
        value, step = (left.value + right.value) / 2, min(left.step, right.step)
        return Slope(value, error + gap / 2, slopes, step, meet=True)
    best = min([both, *inside], key=lambda s: s.error)
    # where both sides are inside, it is a kink that the function does not tell
    apart = not meet and (not inside or (len(inside) == 2 and line.bend(nearest) > 0.5 * gap))
    on_kink = isinf(left.value) or isinf(right.value) or apart
    return Slope(best.value, best.error, slopes if on_kink else None, best.step)
