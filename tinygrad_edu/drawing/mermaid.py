"""A diagram in Mermaid, which GitHub and many editors draw inside of Markdown."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..notation.names import unicode_name
from .arrays import inline, size, span
from .diagram import Box, Diagram

_SHAPES = {
    "parameter": ('(["', '"])'),
    "constant": ('["', '"]'),
    "step": ('["', '"]'),
    "output": ('[["', '"]]'),
    "fold": ('{{"', '"}}'),
}
_PLAIN = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ,.=+()−·⊙∂σΣ√²³ᵀ₀₁₂₃₄₅₆₇₈₉…×–"
)


SHORT = 6  # an array of so many entries stands in a box, of a larger one its range


def escaped(text: str) -> str:
    """Text in a Mermaid label, every sign that could mean something as its number."""
    return "".join(c if c in _PLAIN else f"#{ord(c)};" for c in text)


def markdown(diagram: Diagram, direction: str) -> str:
    """A Markdown block that shows the diagram."""
    lines = ["```mermaid", f"flowchart {direction}"]
    lines += [f"  %% {escaped(diagram.title)}"]
    for box in diagram.boxes:
        before, after = _SHAPES[box.kind]
        lines.append(f"  {box.key}{before}{'<br>'.join(map(escaped, _lines(box)))}{after}")
    for arrow in diagram.arrows:
        lines.append(f"  {arrow.tail} --> {arrow.head}")
        if arrow.part is not None:
            label = f'|"{escaped(inline(arrow.part))}"|' if np.size(arrow.part) <= 4 else ""
            lines.append(f"  {arrow.head} -.->{label} {arrow.tail}")
    return "\n".join([*lines, "```", ""])


def _lines(box: Box) -> list[str]:
    name = unicode_name(box.name) if box.name else ""
    formula = " ".join(box.formula.unicode.split()) if box.formula else ""
    lines = [f"{name} = {formula}" if name and formula else name or formula]
    if box.kind != "fold":
        lines.append(f"{size(box.shape)}: {_short(box.value)}" if box.shape else _short(box.value))
    if box.wants_grad:
        lines.append("gradient " + ("not computed" if box.grad is None else _short(box.grad)))
    return lines + [note.unicode for note in box.notes]


def _short(a: Any) -> str:
    return inline(a) if np.size(a) <= SHORT else span(a)
