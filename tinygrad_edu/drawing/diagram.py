"""What a picture shows, before it is written in any format: boxes and arrows."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np

# boxes, and layers that all arrows together pass: what can be laid out in seconds
MOST, WIDEST = 250, 2500
Kind = Literal["parameter", "constant", "step", "output", "fold"]


class Text(NamedTuple):
    """A formula, for people and for TeX."""

    unicode: str
    latex: str


@dataclass
class Box:
    """A tensor or constant of the picture, or a number of steps folded into one box."""

    key: str
    kind: Kind
    name: str  # its user's label, or one made up for it; "" for a fold
    is_named: bool = True  # by its user
    formula: Text | None = None  # what it is equal to
    value: Any = None
    grad: Any = None
    wants_grad: bool = False
    notes: list[Text] = field(default_factory=list)  # formulas of gradients
    # what each use adds to its gradient, where there are several
    parts: list[Any] = field(default_factory=list)
    tensor: Any = None
    mark: Hashable = None  # what boxes of one pattern share

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of its value."""
        return np.shape(self.value)


@dataclass
class Arrow:
    """A use of one box by another, as an operand of it.

    `part` is what this use adds to the gradient of the box that is used.
    """

    tail: str
    head: str
    operand: int = -1
    part: Any = None  # None: not computed


@dataclass
class Diagram:
    """Boxes in the order of their making, and arrows."""

    boxes: list[Box]
    arrows: list[Arrow]
    title: str
    legend: list[str]

    @property
    def is_huge(self) -> bool:
        """Whether its layout would take minutes."""
        return len(self.boxes) > MOST or self.span > WIDEST

    @property
    def span(self) -> int:
        """The layers that all arrows together pass: what the time of a layout grows with."""
        place = {box.key: i for i, box in enumerate(self.boxes)}
        pairs = [(place[arrow.tail], place[arrow.head]) for arrow in self.arrows]
        rank = ranks(len(self.boxes), pairs)
        return sum(rank[head] - rank[tail] for tail, head in pairs)


def ranks(count: int, pairs: Sequence[tuple[int, int]]) -> list[int]:
    """The layer of each box: below all its operands.

    What has none is just above its first use. Every pair leads to a later box.
    """
    rank = [0] * count
    tails: dict[int, list[int]] = {}
    for tail, head in pairs:
        tails.setdefault(head, []).append(tail)
    for head in sorted(tails):
        rank[head] = 1 + max(rank[tail] for tail in tails[head])
    first: dict[int, int] = {}
    for tail, head in pairs:
        first[tail] = min(first.get(tail, rank[head]), rank[head])
    for k in range(count):
        if k not in tails and k in first:
            rank[k] = first[k] - 1
    return rank


def between(diagram: Diagram, outputs: Sequence[str], chosen: Sequence[str]) -> Diagram:
    """The part of a diagram that lies on a path from the boxes `chosen` to the outputs."""
    ahead = _reached(chosen, [(arrow.tail, arrow.head) for arrow in diagram.arrows])
    behind = _reached(outputs, [(arrow.head, arrow.tail) for arrow in diagram.arrows])
    kept = ahead & behind
    boxes = [box for box in diagram.boxes if box.key in kept]
    arrows = [arrow for arrow in diagram.arrows if arrow.tail in kept and arrow.head in kept]
    return Diagram(boxes, arrows, diagram.title, diagram.legend)


def _reached(start: Sequence[str], arrows: Sequence[tuple[str, str]]) -> set[str]:
    after: dict[str, list[str]] = {}
    for tail, head in arrows:
        after.setdefault(tail, []).append(head)
    found, waiting = set(start), list(start)
    while waiting:
        for head in after.get(waiting.pop(), ()):
            if head not in found:
                found.add(head)
                waiting.append(head)
    return found
