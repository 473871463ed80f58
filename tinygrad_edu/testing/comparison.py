"""Claims beside measurements: entry by entry, or along random directions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from .confirmation import (
    Way,
    along,
    confirmed,
    direction_of,
    entrywise,
    part_along,
    rounding_along,
)
from .finite_differences import AlongLine, Point, Slope, length_of
from .parameters import Parameter
from .report import AGREES, DISAGREES, UNRESOLVED, Entry
from .slopes import bears_out, slope_of, slopes_again
from .subject import Subject
from .verdicts import CERTAIN, allowed_part, decisive, is_rounding, verdict_as_given, verdict_on

# as many are compared one by one; more of them along random directions, unless asked for
ENTRIES = 400
DIRECTIONS = 3
APART_BY = 4  # powers of ten between numbers that are not moved at once


def compared(subject: Subject, parameter: Parameter, fast: bool | None) -> Iterator[Entry]:
    """The verdicts on one parameter: entry by entry, or along random directions."""
    if not fast and (fast is False or sum(p.value.size for p in subject.parameters) <= ENTRIES):
        yield from _on_each(subject, parameter, entrywise(parameter))
        return
    directions = _directions(subject, parameter)
    ways = [along(parameter, d) for d in directions]
    for direction, found in zip(directions, _on_each(subject, parameter, ways), strict=True):
        yield found
        # where many entries move at once an accusation may not be borne out, and be right: then the
        # entry decides
        far = abs(found.analytic - found.numerical) > CERTAIN * found.error
        if found.verdict == DISAGREES or (found.verdict == UNRESOLVED and far):
            entry = _located(subject, parameter, direction, found)
            if DISAGREES in (found.verdict, entry.verdict):
                yield entry
                return


def _directions(subject: Subject, parameter: Parameter) -> list[Any]:
    """Random directions, in which no entry counts for much less than another.

    So one wrong entry shows in every direction. Numbers above 1 that differ by powers of ten move
    in directions of their own: steps that the large ones need are far too long for the small.
    """
    value, rng = parameter.value, subject.rng
    if not value.max(initial=0.0) - value.min(initial=0.0) >= 10.0**APART_BY:
        groups = [np.ones(value.shape)]
    else:
        power = np.log10(np.maximum(1.0, np.abs(value))) // APART_BY
        groups = [power == p for p in np.unique(power)]
    return [
        group * rng.uniform(0.5, 1.0, value.shape) * rng.choice([-1.0, 1.0], value.shape)
        for group in groups
        for _ in range(min(DIRECTIONS, (int(group.sum()) + 1) // 2))
    ]


def _on_each(subject: Subject, parameter: Parameter, ways: list[Way]) -> Iterator[Entry]:
    """The verdicts along some ways: two values are enough for most."""
    found = confirmed(subject, parameter, ways, decisive(subject))
    for way, one in zip(ways, found, strict=True):
        if isinstance(one, Slope):
            # the error holds the difference: rounding is not asked for
            entry = _entry(parameter, way, one, _scale(way, one), AGREES, 0.0)
            yield _as_given(subject, parameter, way, entry)
        else:
            yield compare(subject, parameter, way, one)


def _located(subject: Subject, parameter: Parameter, direction: Any, whole: Entry) -> Entry:
    """The entry that makes a direction disagree, found by halving.

    What differs most is in the half that differs more.
    """
    places, off = np.flatnonzero(direction), whole.analytic - whole.numerical
    while len(places) > 1:
        halves = np.array_split(places, 2)
        part = np.zeros(direction.size)
        part[halves[0]] = direction.reshape(-1)[halves[0]]
        way = along(parameter, part.reshape(direction.shape))
        entry = compare(subject, parameter, way, confirm=False)
        first = entry.analytic - entry.numerical
        second = off - first
        takes_second = abs(second) > abs(first) if np.isfinite(off) else np.isfinite(first)
        places, off = (halves[1], second) if takes_second else (halves[0], first)
    return compare(subject, parameter, entrywise(parameter)[places[0]])


# -- one of them -----------------------------------------------------------------------------------


def compare(
    subject: Subject,
    parameter: Parameter,
    way: Way,
    known: Mapping[float, Point] = {},
    confirm: bool = True,
) -> Entry:
    """Claim and measurement along one way, with the verdict.

    Other measurements confirm an accusation first, unless it is the numbers alone that are asked
    for.
    """
    line = _line(subject, parameter, way)
    line.known.update(known)
    found = slope_of(line)
    scale, rounding = _scale(way, found), rounding_along(way, parameter.claim)
    verdict = verdict_on(way.claimed, found, scale, rounding, line, subject.is_part)
    if verdict == DISAGREES and abs(way.claimed - found.value) < 1e4 * found.error:
        found = replace(found, error=found.error * _louder(subject, parameter, way, line, found))
        verdict = verdict_on(way.claimed, found, scale, rounding, line, subject.is_part)
    moved = direction_of(way, parameter) != 0
    too_large = not np.isfinite(way.claimed) and parameter.claim.too_large[moved].any()
    if verdict == DISAGREES and too_large:
        verdict = UNRESOLVED  # no difference of float64 can say more
    entry = _entry(parameter, way, found, scale, verdict, rounding)
    doubted = confirm and entry.accused and np.isfinite(way.claimed)
    if doubted and not _is_borne_out(entry, found, line, rounding, subject.is_part):
        entry = replace(entry, verdict=UNRESOLVED)
    return _as_given(subject, parameter, way, entry)


def _line(subject: Subject, parameter: Parameter, way: Way) -> AlongLine:
    """The function along one way."""
    values, at, index = subject.values, subject.parameters.index(parameter), way.entry
    direction = direction_of(way, parameter)
    here = parameter.value[index] if index is not None else 0.0

    def point(t: float, look: bool) -> Point:
        if not t and not look:
            return Point(subject.center, 0.0, None)
        values[at] = np.asarray(parameter.value + t * direction) if t else parameter.value
        where = float(values[at][index] - here) if index is not None else t
        found, piece = subject.vector(values, look)
        return Point(found, where, piece)

    return AlongLine(
        point,
        subject.weights,
        subject.noise,
        subject.eps,
        way.claimed,
        way.scale,
        way.size,
        subject.has_kinks,
        way.blur,
        subject.floor,
    )


def _louder(
    subject: Subject, parameter: Parameter, way: Way, line: AlongLine, found: Slope
) -> float:
    """How much louder the rounding is a step away than here, at least 1."""
    values, at = subject.values, subject.parameters.index(parameter)
    direction = direction_of(way, parameter)
    over_there = list[Any]()
    for side in (-1, 1):
        values[at] = np.asarray(parameter.value + side * found.step * direction)
        over_there.append(subject.noise_at(values))
    here = length_of(line.weights * line.noise) or np.inf
    return max(1.0, length_of(line.weights * np.maximum(*over_there)) / here)


def _scale(way: Way, found: Slope) -> float:
    """The size of slope that matters: also that which was found.

    But not along a direction, where entries add up to far more.
    """
    if (way.entry is not None or not way.scale) and found.error < 0.1 * abs(found.value) < np.inf:
        return max(way.scale, abs(found.value))
    return way.scale


def _entry(
    parameter: Parameter, way: Way, found: Slope, scale: float, verdict: str, rounding: float
) -> Entry:
    rounds = is_rounding(way.claimed, found.value, found.error, rounding)
    measured = found.value, found.error, scale, verdict, found.sides, rounds
    return Entry(parameter.name, way.entry, way.claimed, *measured)


def _as_given(subject: Subject, parameter: Parameter, way: Way, entry: Entry) -> Entry:
    """The entry with what is claimed in the dtype given, if that is a smaller one."""
    given = parameter.claim_as_given
    if given is None:
        return entry
    direction = direction_of(way, parameter)
    claimed, verdict = part_along(given.gradient, direction), entry.verdict
    if verdict != AGREES:
        rounding = rounding_along(way, parameter.claim)
    else:
        rounding = part_along(given.rounding, np.abs(direction))
        off, size = abs(claimed - way.claimed), abs(way.claimed)
        verdict = verdict_as_given(subject, parameter, off, size, entry.scale, rounding)
    rounds = is_rounding(claimed, entry.numerical, entry.error, rounding)
    return replace(entry, analytic=claimed, verdict=verdict, rounds=rounds)


def _is_borne_out(
    entry: Entry, found: Slope, line: AlongLine, rounding: float, lenient: bool
) -> bool:
    """Whether other measurements find the claim wrong as well, and the slope to be the same.

    They are those at smaller steps, and those at steps in between.
    """

    def accuses(other: Slope) -> bool:
        verdict = verdict_on(entry.analytic, other, entry.scale, rounding, line, lenient)
        again = replace(entry, verdict=verdict, sides=other.sides)
        apart = abs(other.value - entry.numerical) if entry.sides is None else 0.0
        margin = 3 * (entry.error + other.error) + allowed_part(line.eps) * entry.scale
        return again.accused and not apart > margin

    return bears_out(line, found) and all(map(accuses, slopes_again(line)))
