"""Long repeated structure, such as layers made in a loop, in one box.

The first and the last stay, the others become one box with a count.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence

from .diagram import Arrow, Box, Diagram, Text

NEWEST = 100  # steps that stay of a huge picture
LEAST = 4  # and only where so many steps disappear
PERIOD = 24  # the longest pattern that is looked for


def folded(diagram: Diagram, many: int) -> Diagram:
    """The diagram with each long repetition in one box, if it has more boxes than `many`."""
    if len(diagram.boxes) <= many:
        return diagram
    steps = [box for box in diagram.boxes if box.kind in ("step", "output")]
    marks = _marks(diagram, steps)
    hidden: dict[str, str] = {}  # the key of a hidden box -> that of the fold
    folds: list[tuple[Box, str]] = []  # a fold, and the key of the box that it comes after
    waiting = [(0, len(steps))]
    while waiting:
        low, high = waiting.pop()
        start, period, repeats = _repetition(marks[low:high])
        if (repeats - 2) * period < LEAST:
            continue
        start += low
        first, last = start + period, start + (repeats - 1) * period
        text = f"{repeats - 2} more times the same {f'{period} steps' if period > 1 else 'step'}"
        fold = Box(
            f"f{len(folds) + 1}", "fold", "", formula=Text(f"⋯ {text} ⋯", rf"\text{{{text}}}")
        )
        hidden.update({box.key: fold.key for box in steps[first:last]})
        folds.append((fold, steps[first - 1].key))
        waiting += [(low, start), (start + repeats * period, high)]
    return _without(diagram, hidden, folds)


def without_oldest(diagram: Diagram, older: Collection[str] = (), count: int = 0) -> Diagram:
    """The diagram with the steps `older`, and `count` more that led to them, in one box.

    What Graphviz would take minutes to lay out, and nobody could read, keeps its newest steps only,
    as many as can be laid out.
    """
    steps = [box.key for box in diagram.boxes if box.kind in ("step", "fold")]
    newest, cut = len(steps), _hiding(diagram, set(older), count)
    while cut.is_huge and newest > 1:
        newest = min(newest // 2, NEWEST)
        cut = _hiding(diagram, {*older, *steps[:-newest]}, count)
    return cut


def _hiding(diagram: Diagram, hidden: Collection[str], count: int) -> Diagram:
    """The diagram with the boxes `hidden` in one, which says how many steps it stands for.

    There are `count` more among them.
    """
    if not hidden:
        return diagram
    text = f"{count + len(hidden)} earlier steps: expand=True shows them"
    fold = Box("earlier", "fold", "", formula=Text(f"⋯ {text} ⋯", rf"\text{{{text}}}"))
    first = next(box.key for box in diagram.boxes if box.key in hidden)
    return _without(diagram, dict.fromkeys(hidden, fold.key), [(fold, first)])


def _marks(diagram: Diagram, steps: Sequence[Box]) -> list[int]:
    """What two steps of one pattern share: their mark, and where their operands come from."""
    place = {box.key: i for i, box in enumerate(steps)}
    leaves = {box.key: (box.kind, box.shape) for box in diagram.boxes if box.key not in place}
    sources: dict[str, list[Hashable]] = {box.key: [] for box in steps}
    for arrow in diagram.arrows:
        sources[arrow.head].append(
            place[arrow.head] - place[arrow.tail] if arrow.tail in place else leaves[arrow.tail]
        )
    return _numbered([(box.mark, *sources[box.key]) for box in steps])


def _numbered(marks: Sequence[Hashable]) -> list[int]:
    """Equal numbers for equal marks: they are compared many times."""
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(mark, len(numbers)) for mark in marks]


def _repetition(marks: Sequence[int]) -> tuple[int, int, int]:
    """The repetition that hides most: where it starts, its period, how often it occurs."""
    best, most = (0, 1, 0), 0
    for period in range(1, min(PERIOD, len(marks) // 3) + 1):
        run = 0
        for i in range(period, len(marks) + 1):
            if i < len(marks) and marks[i] == marks[i - period]:
                run += 1
                continue
            repeats = run // period + 1
            if (repeats - 2) * period > most:
                best, most = (i - run - period, period, repeats), (repeats - 2) * period
            run = 0
    return best


def _without(diagram: Diagram, hidden: dict[str, str], folds: Sequence[tuple[Box, str]]) -> Diagram:
    """The diagram with boxes moved into folds, and without the leaves that only those used."""
    users: dict[str, set[str]] = {}
    for arrow in diagram.arrows:
        users.setdefault(arrow.tail, set()).add(arrow.head)
    gone = {key for key, heads in users.items() if key not in hidden and heads <= hidden.keys()} - {
        box.key for box in diagram.boxes if box.kind in ("step", "output")
    }
    arrows: dict[tuple[str, str, int], Arrow] = {}
    for i, arrow in enumerate(diagram.arrows):
        tail, head = hidden.get(arrow.tail, arrow.tail), hidden.get(arrow.head, arrow.head)
        if tail == head or tail in gone:
            continue
        is_changed = (tail, head) != (arrow.tail, arrow.head)
        arrows.setdefault(
            (tail, head, -1 if is_changed else i), Arrow(tail, head) if is_changed else arrow
        )
    after = {key: fold for fold, key in folds}
    boxes = []
    for box in diagram.boxes:
        if box.key not in hidden and box.key not in gone:
            boxes.append(box)
        if box.key in after:
            boxes.append(after[box.key])
    return Diagram(boxes, list(arrows.values()), diagram.title, diagram.legend)
