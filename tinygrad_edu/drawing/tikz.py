"""A diagram in TikZ: a TeX document that pdflatex sets, with formulas in real mathematics."""

from __future__ import annotations

from math import dist
from typing import Any

import numpy as np

from ..notation.names import GREEK_LETTERS, latex_name, latex_text
from .arrays import grid, inline, is_small, size, span
from .diagram import Box, Diagram

_STYLES = {
    "parameter": "rounded corners, thick, fill=cyan!12",
    "constant": "dashed, fill=gray!10",
    "step": "",
    "output": "very thick, fill=yellow!20",
    "fold": "dashed",
}
_HEAD = r"""\documentclass[tikz,border=4pt]{standalone}
\usepackage{amsmath}
\usetikzlibrary{arrows.meta}
%(letters)s\begin{document}
\begin{tikzpicture}[>=Stealth, every node/.style={font=\small},
  box/.style={draw, align=center, inner sep=4pt}, back/.style={->, dashed, orange!70!black}]"""
LAYERS = 90  # TeX knows no length beyond 5.7 m
FAR = 25.0  # cm, from which on an arrow is straight: TikZ cannot bend the longest
_SIDES = {  # where a straight arrow begins and ends, for each direction
    "LR": ("north west", "north east"),
    "RL": ("north east", "north west"),
    "TB": ("north east", "south east"),
    "BT": ("south east", "north east"),
}


def document(diagram: Diagram, direction: str) -> str:
    """The TeX document: boxes in layers, each as far from the leaves as its longest path."""
    placed = places(diagram)
    layers = [layer for layer, _ in placed]
    if max(layers) - min(layers) >= LAYERS:
        raise ValueError(
            f"TeX has no room for more than {LAYERS} layers of boxes: draw without expand=True, "
            "or save the picture as .svg"
        )
    lines = []
    centre: dict[str, tuple[float, float]] = {}
    for box, (layer, place) in zip(diagram.boxes, placed, strict=True):
        x, y = (
            (layer * 6.0, -place * 3.2)
            if direction in ("LR", "RL")
            else (place * 6.0, -layer * 3.2)
        )
        x, y = (-x if direction == "RL" else x), (-y if direction == "BT" else y)
        centre[box.key] = (x, y)
        style = f"box, {_STYLES[box.kind]}".rstrip(", ")
        text = r" \\ ".join(_lines(box))
        lines.append(rf"\node[{style}] ({box.key}) at ({x:.1f}, {y:.1f}) {{{text}}};")
    for arrow in diagram.arrows:
        lines.append(rf"\draw[->] ({arrow.tail}) -- ({arrow.head});")
        if arrow.part is not None:
            label = (
                rf" node[midway, font=\scriptsize] {{{_numbers(arrow.part)}}}"
                if np.size(arrow.part) == 1
                else ""
            )
            if dist(centre[arrow.head], centre[arrow.tail]) < FAR:
                lines.append(rf"\draw[back] ({arrow.head}) to[bend left=18]{label} ({arrow.tail});")
            else:
                start, end = _SIDES[direction]
                lines.append(rf"\draw[back] ({arrow.head}.{start}) --{label} ({arrow.tail}.{end});")
    body = "\n".join([*lines, r"\end{tikzpicture}", r"\end{document}", ""])
    for letter, name in GREEK_LETTERS.items():
        body = body.replace(letter, rf"\ensuremath{{\{name}}}")
    return f"{_HEAD % {'letters': _declared(body)}}\n{body}"


def _declared(text: str) -> str:
    """What pdfTeX, whose fonts have few letters, prints in place of the others.

    That is their code points. Other engines have them.
    """
    others = sorted({c for c in text if ord(c) >= 0x250 and not 0x2000 <= ord(c) < 0x2070})
    lines = [
        rf"  \DeclareUnicodeCharacter{{{ord(c):04X}}}{{\texttt{{U+{ord(c):04X}}}}}" for c in others
    ]
    return "\n".join([r"\usepackage{iftex}", r"\ifPDFTeX", *lines, r"\fi", ""]) if others else ""


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
        wanted = {
            key: sum(place[h] for h in heads[key]) / len(heads[key]) if heads[key] else 0.0
            for key in rows[number]
        }
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


def _numbers(a: Any) -> str:
    """An array as mathematics: a matrix, or the range of its entries."""
    if np.ndim(a) == 0:
        return f"${_signs(inline(a))}$"
    if is_small(a) and np.size(a):
        rows = r" \\ ".join(" & ".join(map(_signs, row)) for row in grid(a))
        return rf"$\left[\begin{{smallmatrix}} {rows} \end{{smallmatrix}}\right]$"
    return f"{size(np.shape(a))}: ${_signs(span(a))}$" if np.size(a) else "no entries"


def _signs(text: str) -> str:
    """A number, or a range, as mathematics."""
    words = "".join(c for c in text if c.isalpha()).replace("e", "")
    return (
        latex_text(text.replace("−", "-").replace("…", "to"))
        if words
        else text.replace("−", "-").replace("…", r"\dots")
    )


def _lines(box: Box) -> list[str]:
    name = latex_name(box.name) if box.name else ""
    formula = _single(box.formula.latex) if box.formula else ""
    lines = [f"${name} = {formula}$" if name and formula else f"${name or formula}$"]
    if box.kind != "fold":
        lines.append(rf"\scriptsize {_numbers(box.value)}")
    if box.wants_grad:
        lines[-1] += " gradient " + ("not computed" if box.grad is None else _numbers(box.grad))
    return lines + [rf"\scriptsize ${_single(note.latex)}$" for note in box.notes]


def _single(latex: str) -> str:
    """A formula that may have several lines, in one line of mathematics."""
    return latex.replace(r"\begin{aligned}", r"\begin{array}{rl}").replace(
        r"\end{aligned}", r"\end{array}"
    )
