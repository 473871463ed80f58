"""Long runs of like links, folded: the steps of a loop, the layers of a deep network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# a run of so many links that differ in names alone is folded, but for a few at each end
EQUAL, KEPT = 6, 2


@dataclass(frozen=True, eq=False)
class Fold:
    """Links that are left out, because they are like those beside them."""

    links: Sequence[Any]


def folded(links: Sequence[Any]) -> list[Any]:
    """The links, with a `Fold` in place of the inner ones of a run that repeats itself.

    A run differs in names alone.
    """
    kinds = [link.kind for link in links]
    found: list[Any] = []
    i = 0
    while i < len(links):
        length, period = max((_run(kinds, i, period), -period) for period in (1, 2, 3, 4))
        kept = max(KEPT, -period)
        if length < max(EQUAL, 3 * -period):
            found.append(links[i])
            i += 1
            continue
        found += [
            *links[i : i + kept],
            Fold(links[i + kept : i + length - kept]),
            *links[i + length - kept : i + length],
        ]
        i += length
    return found


def _run(kinds: Sequence[Any], start: int, period: int) -> int:
    """How many links from `start` on repeat the first `period` of them, in whole rounds."""
    end = start + period
    while end < len(kinds) and kinds[end] == kinds[end - period]:
        end += 1
    return (end - start) // period * period
