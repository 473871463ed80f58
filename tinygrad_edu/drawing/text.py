"""A diagram as a tree of text: the output first, below each tensor what it is made from.

It needs no other program and never fails.
"""

from __future__ import annotations

import numpy as np

from ..notation.names import unicode_name
from .arrays import inline, is_small, size, span
from .diagram import Box, Diagram

DEEP = 24  # what is deeper starts a tree of its own


def tree(diagram: Diagram) -> str:
    """The tree, each box once; where it is used again its name stands, with an arrow."""
    boxes = {box.key: box for box in diagram.boxes}
    used: dict[str, list[str]] = {box.key: [] for box in diagram.boxes}
    heads = set()
    for arrow in diagram.arrows:
        used[arrow.head].append(arrow.tail)
        heads.add(arrow.tail)
    tags = {
        key: unicode_name(box.name) if box.name else _line(box, "") for key, box in boxes.items()
    }
    lines = [diagram.title]
    written: set[str] = set()
    # a stack of roots; the newest of what was too deep comes first
    later = [key for key in boxes if key not in heads][::-1]
    while later:
        waiting = [(later.pop(), "", "", 0)]
        if waiting[0][0] in written:
            continue
        lines.append("")
        while waiting:
            key, lead, branch, depth = waiting.pop()
            if key in written and used[key]:
                lines.append(f"{lead}{branch}{tags[key]} ↑")
                continue
            if depth >= DEEP and used[key]:
                lines.append(f"{lead}{branch}{tags[key]} ↓")
                later.append(key)
                continue
            written.add(key)
            lines.append(f"{lead}{branch}{_line(boxes[key], tags[key])}")
            below = lead + {"": "", "├─ ": "│  ", "└─ ": "   "}[branch]
            operands = list(dict.fromkeys(used[key]))
            waiting += [
                (a, below, "└─ " if i == 0 else "├─ ", depth + 1)
                for i, a in enumerate(operands[::-1])
            ]
    return "\n".join([*lines, ""])


def _line(box: Box, tag: str) -> str:
    """A box in one line: its name, its formula, its numbers."""
    if box.kind == "fold":
        return box.formula.unicode if box.formula else tag
    parts = [f"{tag} = {' '.join(box.formula.unicode.split())}" if box.formula else tag]
    value = inline(box.value) if is_small(box.value) else span(box.value)
    parts.append(f"{size(box.shape)}: {value}" if box.shape else value)
    if box.wants_grad:
        parts.append(f"gradient {_gradient(box)}")
    return "   ".join([*parts, *(note.unicode.replace("\n", "; ") for note in box.notes)])


def _gradient(box: Box) -> str:
    if box.grad is None:
        return "not computed"
    if box.parts and np.size(box.grad) == 1:
        return " + ".join(map(inline, box.parts)) + f" = {inline(box.grad)}"
    return inline(box.grad)
