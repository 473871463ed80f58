"""The slopes that two values confirm, of many entries at once.

Where a claimed slope is right and the function smooth, a central difference agrees with it: most
entries need no more. This is what `slope_of` measures first, for all entries in one step, since the
arithmetic for an entry takes longer than a call of a small function. What it does not confirm is
left to `slope_of`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from .claims import Claim
from .finite_differences import Point, Slope, small_step
from .parameters import Parameter
from .slopes import CLOSE, FLAT
from .subject import Subject

AT_ONCE = 2**18  # values that are kept


class Way(NamedTuple):
    """One direction in which a parameter is moved, and what is claimed about it."""

    entry: tuple[int, ...] | None  # the index of the only one that moves
    direction: Any  # None: that of the entry
    claimed: float
    scale: float  # the size of slope that matters
    size: float  # of the numbers that move, in steps
    blur: float  # how far from where it should be a point may lie


def entrywise(parameter: Parameter) -> list[Way]:
    """The ways along which one entry moves, for all entries."""
    claim = parameter.claim
    numbers = [a.reshape(-1).tolist() for a in (claim.gradient, np.abs(parameter.value))]
    indices = np.ndindex(parameter.value.shape)
    return [
        Way(index, None, claimed, claim.size, size, 0.0)
        for index, claimed, size in zip(indices, *numbers, strict=True)
    ]


def along(parameter: Parameter, direction: Any) -> Way:
    """The way along which all entries move that have a part in a direction."""
    claim, moved = parameter.claim, direction != 0
    length, size = float(np.abs(direction).max()), float(np.abs(parameter.value[moved]).max())
    # the entries of a point in between are rounded
    blur = float(np.finfo(float).eps) * size / length
    claimed = part_along(claim.gradient, direction)
    return Way(None, direction, claimed, claim.size * length, size / length, blur)


def direction_of(way: Way, parameter: Parameter) -> Any:
    """The direction in which a parameter is moved, as an array of its shape."""
    return unit(parameter.value.shape, way.entry) if way.entry is not None else way.direction


def rounding_along(way: Way, claim: Claim) -> float:
    """How much rounding may change what is claimed along a way."""
    if way.entry is not None:
        return float(claim.rounding[way.entry])
    return part_along(claim.rounding, np.abs(way.direction))


def unit(shape: tuple[int, ...], index: tuple[int, ...]) -> Any:
    """Zeros, and 1 at an index."""
    array = np.zeros(shape)
    array[index] = 1.0
    return array


def part_along(gradient: Any, direction: Any) -> float:
    """The part of a gradient along a direction.

    An infinite entry matters only where the direction has a part.
    """
    moved = direction != 0
    return float((gradient[moved] * direction[moved]).sum())


def confirmed(
    subject: Subject, parameter: Parameter, ways: Sequence[Way], decides: float
) -> Iterator[Slope | dict[float, Point]]:
    """Of each way the slope, if a central difference confirms the claim.

    Its error is at most `decides` of the scale then. Else the points that were measured, by how far
    along the way they are.
    """
    if not 0 < parameter.claim.size < np.inf:
        yield from [{} for _ in ways]
        return
    block = max(1, AT_ONCE // subject.weights.size)
    for start in range(0, len(ways), block):
        yield from _confirmed(subject, parameter, ways[start : start + block], decides)


def _confirmed(
    subject: Subject, parameter: Parameter, ways: Sequence[Way], decides: float
) -> Iterator[Slope | dict[float, Point]]:
    weights, eps = subject.weights, subject.eps
    claimed, scale, size, blur = np.array([way[2:] for way in ways]).T
    typical = np.maximum(1.0, size)
    steps = _steps(subject, ways)
    where, below, above = _measured(subject, parameter, ways, steps)
    apart, change = where[1] - where[0], above - below
    moved = (below != subject.center) | (above != subject.center)
    larger = np.maximum(np.abs(below), np.abs(above))
    noise = np.abs(weights) * np.maximum(np.maximum(subject.noise, subject.floor), eps * larger)
    lost = _lengths(np.where(moved, noise, 0.0)) / np.abs(apart)
    # where nothing moves a bend could hide, no nearer than 0 is
    moves = moved.any(axis=1)
    near = np.where(moves, typical, np.minimum(typical, np.where(size > 0, size, np.inf)))
    still = _lengths(np.where(moved, 0.0, noise))
    lost += np.where((claimed != 0) | moves, still / near, 0.0)
    value = change @ weights / apart
    lost += blur / np.abs(apart) * np.maximum(np.abs(value), scale)
    lost = 4 * lost + 4 * eps * np.abs(value)
    off = np.abs(value - claimed)
    bend = np.abs(((above - subject.center) - (subject.center - below)) @ weights) / np.array(steps)
    right = (off + lost <= 10 * CLOSE * scale) & (off <= CLOSE * scale + lost)
    right &= bend <= FLAT * np.maximum(scale, np.abs(value)) + lost
    right &= np.maximum(off, lost) <= decides * scale
    errors = np.maximum(off, lost).tolist()
    for k, (is_right, slope) in enumerate(zip(right.tolist(), value.tolist(), strict=True)):
        if is_right:
            yield Slope(slope, errors[k])
        else:
            places, ends = (-steps[k], steps[k]), (below[k], above[k])
            yield {
                t: Point(values if np.isfinite(values).all() else None, at, None)
                for t, at, values in zip(places, where[:, k].tolist(), ends, strict=True)
            }


def _steps(subject: Subject, ways: Sequence[Way]) -> list[float]:
    """The steps of the central differences."""
    loudest, steps = float(np.abs(subject.weights * subject.noise).max()), []
    for way in ways:
        typical = max(1.0, way.size)
        # over this length the function changes by as much as itself
        length = loudest / way.scale / subject.eps
        natural = min(length, typical) if length > 0 else typical
        steps.append(small_step(natural, subject.eps * length / natural))
    return steps


def _measured(
    subject: Subject, parameter: Parameter, ways: Sequence[Way], steps: Sequence[float]
) -> tuple[Any, Any, Any]:
    """Where the points below and above are on each way, and the values there.

    The values have one row for each way; nan where there are none.
    """
    where, (below, above) = [], np.full((2, len(ways), subject.weights.size), np.nan)
    x, values = np.array(parameter.value), subject.moving(parameter)
    for way, h, low, high in zip(ways, steps, below, above, strict=True):
        if way.entry is None:
            where.append((-h, h))
            for row, t in ((low, -h), (high, h)):
                values(np.asarray(parameter.value + t * way.direction), row)
            continue
        here = float(x[way.entry])
        where.append(((here - h) - here, (here + h) - here))
        x[way.entry] = here - h
        values(x, low)
        x[way.entry] = here + h
        values(x, high)
        x[way.entry] = here
    return np.array(where).T, below, above


def _lengths(rows: Any) -> Any:
    """The Euclidean length of each row, of numbers of any size."""
    largest = rows.max(axis=1)
    parts = rows / np.where(largest > 0, largest, 1.0)[:, None]
    return largest * np.sqrt((parts * parts).sum(axis=1))
