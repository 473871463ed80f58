"""A diagram in TikZ: a TeX document of its own, which pdflatex sets, with its formulas in real mathematics."""

from __future__ import annotations

import numpy as np

from ..languages import latex_name, latex_text
from .arrays import inline, is_small, size, span
from .diagram import Box, Diagram

_STYLES = {"parameter": "rounded corners, thick, fill=cyan!12", "constant": "dashed, fill=gray!10", "step": "", "output": "very thick, fill=yellow!20", "fold": "dashed"}
_SIGNS = {"−": "-", "…": r"\dots", "×": r"\times", "–": "--"}
_HEAD = r"""\documentclass[tikz,border=4pt]{standalone}
\usepackage{amsmath}
\usetikzlibrary{arrows.meta}
\begin{document}
\begin{tikzpicture}[>=Stealth, every node/.style={font=\small}, box/.style={draw, align=center, inner sep=4pt},
  back/.style={->, dashed, orange!70!black, bend left=18}]"""


def document(diagram: Diagram, direction: str) -> str:
    """The TeX document: boxes in layers, each as far from the leaves as its longest path."""
    lines = [_HEAD]
    for box, (layer, place) in zip(diagram.boxes, places(diagram), strict=True):
        x, y = (layer * 5.2, -place * 2.4) if direction in ("LR", "RL") else (place * 5.2, -layer * 2.4)
        x, y = (-x if direction == "RL" else x), (-y if direction == "BT" else y)
        style = f"box, {_STYLES[box.kind]}".rstrip(", ")
        text = r" \\ ".join(_lines(box))
        lines.append(rf"\node[{style}] ({box.key}) at ({x:.1f}, {y:.1f}) {{{text}}};")
    for arrow in diagram.arrows:
        lines.append(rf"\draw[->] ({arrow.tail}) -- ({arrow.head});")
        if arrow.part is not None:
            label = rf" node[midway, font=\scriptsize] {{{_numbers(inline(arrow.part))}}}" if np.size(arrow.part) <= 4 else ""
            lines.append(rf"\draw[back] ({arrow.head}) to{label} ({arrow.tail});")
    return "\n".join([*lines, r"\end{tikzpicture}", r"\end{document}", ""])


def places(diagram: Diagram) -> list[tuple[int, float]]:
    """For each box its layer, and its place in the layer: near what it is connected with."""
    tails: dict[str, list[str]] = {box.key: [] for box in diagram.boxes}
    heads: dict[str, list[str]] = {box.key: [] for box in diagram.boxes}
    for arrow in diagram.arrows:
        tails[arrow.head].append(arrow.tail)
        heads[arrow.tail].append(arrow.head)
    layer: dict[str, int] = {}
    for box in _in_order(diagram, tails):
        layer[box.key] = 1 + max((layer[key] for key in tails[box.key]), default=-1)
    for box in diagram.boxes:  # a leaf stands just before its first use
        if not tails[box.key] and heads[box.key]:
            layer[box.key] = min(layer[key] for key in heads[box.key]) - 1
    rows: dict[int, list[str]] = {}
    for box in diagram.boxes:
        rows.setdefault(layer[box.key], []).append(box.key)
    place: dict[str, float] = {}
    for number in sorted(rows, reverse=True):
        wanted = {key: sum(place[h] for h in heads[key]) / len(heads[key]) if heads[key] else 0.0 for key in rows[number]}
        for i, key in enumerate(sorted(rows[number], key=wanted.__getitem__)):
            place[key] = i - (len(rows[number]) - 1) / 2
    return [(layer[box.key], place[box.key]) for box in diagram.boxes]


def _in_order(diagram: Diagram, tails: dict[str, list[str]]) -> list[Box]:
    """The boxes, each after all that it is made from."""
    missing = {key: len(found) for key, found in tails.items()}
    heads: dict[str, list[str]] = {key: [] for key in tails}
    for head, found in tails.items():
        for tail in found:
            heads[tail].append(head)
    boxes = {box.key: box for box in diagram.boxes}
    ready = [key for key, n in missing.items() if n == 0]
    for key in ready:  # it grows while it is read
        for head in heads[key]:
            missing[head] -= 1
            if missing[head] == 0:
                ready.append(head)
    return [boxes[key] for key in ready]


def _numbers(text: str) -> str:
    """Numbers and brackets as mathematics."""
    for sign, tex in _SIGNS.items():
        text = text.replace(sign, tex)
    return f"${text}$" if all(word.startswith(("\\", "[", "-")) or word[:1].isdigit() for word in text.split()) else latex_text(text)


def _lines(box: Box) -> list[str]:
    name = latex_name(box.name) if box.name else ""
    formula = _single(box.formula.latex) if box.formula else ""
    lines = [f"${name} = {formula}$" if name and formula else f"${name or formula}$" if name or formula else "constant"]
    if box.kind != "fold":
        value = _numbers(inline(box.value) if is_small(box.value) else span(box.value))
        lines.append(rf"\scriptsize {_numbers(size(box.shape)) + ': ' if box.shape else ''}{value}")
    if box.wants_grad:
        lines.append(r"\scriptsize gradient " + ("not computed" if box.grad is None else _numbers(inline(box.grad))))
    return lines + [rf"\scriptsize ${_single(note.latex)}$" for note in box.notes]


def _single(latex: str) -> str:
    """A formula that may have several lines, in one line of mathematics."""
    return latex.replace(r"\begin{aligned}", r"\begin{array}{rl}").replace(r"\end{aligned}", r"\end{array}")
