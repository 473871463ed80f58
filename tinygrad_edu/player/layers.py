"""A plain layered layout, for where Graphviz is not.

Operands are above, results below, long edges are routed between the boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import inf
from typing import Any

from ..drawing.diagram import ranks

GAP, RANK = 18, 32  # pixels between boxes, and between layers
SWEEPS = 8
# layers that all edges together pass, beyond which they run straight: nobody could follow their
# bends
TANGLED = 20_000
SLACK, STEEP = 5, 20  # pixels by which a straightened line may miss a bend, and lean over in all

Point = tuple[float, float]


def layered(
    widths: Sequence[int], height: int, pairs: Sequence[tuple[int, int]]
) -> tuple[list[Point], list[list[Point]], list[list[int]], Point]:
    """Centres of the boxes; Bézier curves; for each edge those that draw it; and the size.

    Every edge leads from a box to a later one. All edges from one box share its way down, and each
    leaves it at the last moment.
    """
    rank = ranks(len(widths), pairs)
    chains, rank, width = _with_bends(pairs, rank, list(widths))
    above, below = _neighbours(len(width), chains)
    rows = _ordered(rank, above, below, _reading_order(len(widths), pairs))
    x = _across(rows, width, above, below)
    left = min(x[k] - width[k] / 2 for row in rows for k in row)
    centres = [(x[k] - left, rank[k] * (height + RANK) + height / 2) for k in range(len(width))]
    curves, routes = _drawn(chains, centres, height)
    right = max(x[k] + width[k] / 2 for row in rows for k in row)
    return (
        centres[: len(widths)],
        curves,
        routes,
        (right - left, len(rows) * (height + RANK) - RANK),
    )


def _with_bends(
    pairs: Sequence[tuple[int, int]], rank: list[int], width: list[int]
) -> tuple[list[list[int]], list[int], list[int]]:
    """The edges as chains through all layers between.

    Each has a narrow box more there, which all edges from one box share.
    """
    rank, chains = list(rank), []
    if sum(rank[head] - rank[tail] for tail, head in pairs) > TANGLED:
        return [[tail, head] for tail, head in pairs], rank, width
    bends: dict[tuple[int, int], int] = {}
    for tail, head in pairs:
        chain = [tail]
        for r in range(rank[tail] + 1, rank[head]):
            if (tail, r) not in bends:
                bends[tail, r] = len(rank)
                rank.append(r)
                width.append(8)
            chain.append(bends[tail, r])
        chains.append([*chain, head])
    return chains, rank, width


def _neighbours(
    count: int, chains: Sequence[Sequence[int]]
) -> tuple[list[list[int]], list[list[int]]]:
    above: list[list[int]] = [[] for _ in range(count)]
    below: list[list[int]] = [[] for _ in range(count)]
    for upper, lower in sorted({pair for chain in chains for pair in pairwise(chain)}):
        below[upper].append(lower)
        above[lower].append(upper)
    return above, below


def _reading_order(count: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """The boxes so that operands stand from left to right, as far as they can."""
    operands: list[list[int]] = [[] for _ in range(count)]
    for tail, head in pairs:
        operands[head].append(tail)
    order: dict[int, None] = {}
    for end in range(count - 1, -1, -1):
        waiting = [end]
        while waiting:
            k = waiting.pop()
            if k not in order:
                order[k] = None
                waiting += operands[k][::-1]
    return list(order)


def _ordered(rank: Sequence[int], above: Any, below: Any, start: Sequence[int]) -> list[list[int]]:
    """The layers, each in an order that crosses few edges.

    It is by the mean place of the neighbours, in sweeps down and up.
    """
    rows: list[list[int]] = [[] for _ in range(max(rank, default=0) + 1)]
    for k in (*start, *range(len(start), len(rank))):
        rows[rank[k]].append(k)
    place = {k: float(i) for row in rows for i, k in enumerate(row)}
    for sweep in range(SWEEPS):
        order, near = (rows, above) if sweep % 2 == 0 else (rows[::-1], below)
        for row in order:
            aim = {
                k: sum(place[n] for n in near[k]) / len(near[k]) if near[k] else place[k]
                for k in row
            }
            row.sort(key=aim.__getitem__)
            place.update((k, float(i)) for i, k in enumerate(row))
    return rows


def _across(
    rows: Sequence[list[int]], width: Sequence[int], above: Any, below: Any
) -> dict[int, float]:
    """Where each box stands in its layer: near the mean of its neighbours, none over another."""
    x: dict[int, float] = {}
    for row in rows:
        right = 0.0
        for k in row:
            x[k] = right + width[k] / 2
            right += width[k] + GAP
    for sweep in range(2 * SWEEPS):
        order, near = (rows, above) if sweep % 2 == 0 else (rows[::-1], below)
        for row in order:
            aims = [sum(x[n] for n in near[k]) / len(near[k]) if near[k] else x[k] for k in row]
            x.update(zip(row, _spaced(aims, [width[k] for k in row]), strict=True))
    return x


def _spaced(aims: Sequence[float], widths: Sequence[int]) -> list[float]:
    """Places close to the aims, in order and apart.

    Boxes that would touch are moved together, as one block.
    """
    blocks: list[tuple[float, float, int]] = []  # sum of the aims of its left end, width, members
    for aim, width in zip(aims, widths, strict=True):
        total, span, members = aim - width / 2, float(width + GAP), 1
        while blocks and blocks[-1][0] / blocks[-1][2] + blocks[-1][1] > total / members:
            before, wide, more = blocks.pop()
            total, span, members = before + total - members * wide, wide + span, more + members
        blocks.append((total, span, members))
    found: list[float] = []
    for total, _, members in blocks:
        left = total / members
        for width in widths[len(found) : len(found) + members]:
            found.append(left + width / 2)
            left += width + GAP
    return found


def _straight(points: Sequence[Point]) -> list[Point]:
    """The points without those that lie, but for a few pixels, on the line between two others."""
    kept = [points[0]]
    low, high = -inf, inf  # the slopes, from the point kept last, that pass all points since then
    for before, (x, y) in pairwise(points):
        x0, y0 = kept[-1]
        if before != kept[-1] and not (low <= (x - x0) / (y - y0) <= high and abs(x - x0) <= STEEP):
            kept.append(before)
            (x0, y0), low, high = before, -inf, inf
        low, high = max(low, (x - SLACK - x0) / (y - y0)), min(high, (x + SLACK - x0) / (y - y0))
    return [*kept, points[-1]]


def _drawn(
    chains: Sequence[Sequence[int]], centres: Sequence[Point], height: int
) -> tuple[list[list[Point]], list[list[int]]]:
    """The curves, each once, and for each chain the places of those that make it up."""
    # where an edge leaves the way that it shares
    leaves = {(chain[0], chain[-2]) for chain in chains if len(chain) > 2}
    curves: list[list[Point]] = []
    known: dict[tuple[int, int], int] = {}
    routes = []
    for chain in chains:
        ends = [
            0,
            *(i for i in range(1, len(chain) - 1) if (chain[0], chain[i]) in leaves),
            len(chain) - 1,
        ]
        route = []
        for i, j in pairwise(ends):
            is_shared = j < len(chain) - 1
            key = (chain[i], chain[j])
            if not is_shared or key not in known:
                # from the lower side of one box to the upper side of the next, and upright past the
                # boxes beside each bend
                sides = [
                    (x, y + side * height / 2)
                    for x, y in (centres[k] for k in chain[i : j + 1])
                    for side in (-1, 1)
                ]
                points = sides[1 : None if is_shared else -1]
                known[key] = len(curves)
                curves.append(_curve(_straight(points)))
            route.append(known[key])
        routes.append(route)
    return curves, routes


def _curve(points: Sequence[Point]) -> list[Point]:
    """A smooth line through the points, upright at each of them."""
    curve = [points[0]]
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = (y0 + y1) / 2
        curve += [(x0, middle), (x1, middle), (x1, y1)]
    return curve
