"""A diagram as DOT, the language of Graphviz: each box is a table, each use an edge, each gradient on its way back a dashed one."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np

from ..languages import cleaned, unicode_name
from .arrays import grid, heat, inline, is_small, number, size, span
from .diagram import Arrow, Box, Diagram
from .themes import Theme, mixed

FONT = "Helvetica,Arial,sans-serif"
WRAP = 48  # characters in a line of a formula
CELL = 9  # the side of a heat map's cell


def escaped(text: str) -> str:
    """Text inside of an HTML-like label."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def quoted(text: str) -> str:
    """Text as a DOT string that shows exactly that text."""
    return '"' + text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def source(diagram: Diagram, theme: Theme, direction: str = "LR") -> str:
    """The DOT source of a diagram."""
    lines = [
        f"digraph {quoted(diagram.title)} {{",
        f'  graph [rankdir={direction} bgcolor="{theme.paper}" fontname="{FONT}" fontsize=10 fontcolor="{theme.faint}" nodesep=0.25 ranksep=0.45 pad=0.2'
        f" tooltip={quoted(diagram.title)} labelloc=b labeljust=l label={_legend(diagram)}]",
        f'  node [shape=plain fontname="{FONT}" fontsize=12 fontcolor="{theme.ink}"]',
        f'  edge [color="{theme.forward}" fontname="{FONT}" fontsize=10 fontcolor="{theme.backward}" arrowsize=0.7]',
    ]
    lines += [f"  {box.key} [tooltip={quoted(spoken(box))} label=<{_table(box, theme)}>]" for box in diagram.boxes]
    summed = {box.key for box in diagram.boxes if box.parts}
    for arrow in diagram.arrows:
        lines.append(f"  {arrow.tail} -> {arrow.head}")
        if arrow.part is not None:
            lines.append(_backward(arrow, theme, arrow.tail in summed))
    return "\n".join([*lines, "}\n"])


def spoken(box: Box) -> str:
    """A box in one sentence, for those who cannot see it."""
    name = cleaned(box.name)
    parts = [f"{name} = {box.formula.unicode}" if name and box.formula else name or (box.formula.unicode if box.formula else box.kind)]
    if box.kind != "fold":
        parts.append(f"{size(box.shape) or 'value'} {inline(box.value)}" if not box.shape or is_small(box.value) else f"{size(box.shape)}, {span(box.value)}")
    if box.wants_grad:
        parts.append("gradient not computed" if box.grad is None else f"gradient {inline(box.grad)}")
    return "; ".join(parts)


def _legend(diagram: Diagram) -> str:
    signs = []
    if any(arrow.part is not None for arrow in diagram.arrows):
        signs.append("solid: forward; dashed: the gradient on its way back")
    if any(box.wants_grad and box.grad is None for box in diagram.boxes):
        signs.append("gradient –: not computed, there was no backward()")
    return quoted("\n".join([*diagram.legend, *signs]) + "\n").replace("\\n", "\\l")


def _backward(arrow: Arrow, theme: Theme, is_term: bool) -> str:
    """The dashed edge of a gradient, with the part that this use adds."""
    part = arrow.part
    style = f'style=dashed color="{theme.backward}" constraint=false'
    if np.size(part) <= 4 and is_small(part):
        label = f" label={quoted(f' {inline(part)} ')}"
    else:
        label = f" label=<{_array(part, theme)}>" if is_term else ""
    return f"  {arrow.head} -> {arrow.tail} [{style}{label}]"


def _table(box: Box, theme: Theme) -> str:
    """The label of a box: name and formula, then value and gradient."""
    fill = getattr(theme, box.kind)
    border = {"constant": ' STYLE="DASHED"', "parameter": ' STYLE="ROUNDED"', "fold": ' STYLE="DASHED"'}.get(box.kind, "")
    width = 2 if box.kind in ("output", "parameter") else 1
    rows = [_line(line, 13, is_bold=i == 0 and bool(box.name)) for i, line in enumerate(_heading(box))]
    if box.kind != "fold":
        rows.append(_numbers(box, theme))
    rows += [_line(line, 10, colour=theme.backward) for note in box.notes for line in wrapped(note.unicode)]
    return (
        f'<TABLE BORDER="{width}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3" BGCOLOR="{fill}" COLOR="{theme.ink}"{border}>'
        + "".join(f"<TR>{row}</TR>" for row in rows)
        + "</TABLE>"
    )


def _heading(box: Box) -> list[str]:
    name = unicode_name(box.name) if box.name else ""
    if box.formula is None:
        return [name or "constant"]
    return wrapped(f"{name} = {box.formula.unicode}" if name else box.formula.unicode)


def wrapped(text: str) -> list[str]:
    """A formula in lines, broken at spaces."""
    return [line for part in text.split("\n") for line in textwrap.wrap(part, WRAP, subsequent_indent="   ", break_long_words=False)] or [""]


def _cell(text: str, points: int, attributes: str = "", colour: str = "", is_bold: bool = False) -> str:
    """A cell with text; its width is given where Graphviz may not know the width of a sign."""
    attributes += "" if text.isascii() else f' WIDTH="{round(len(text) * points * 0.56) + 6}"'
    inside = f"<B>{escaped(text)}</B>" if is_bold else escaped(text)
    inside = inside.replace("   ", "&#160;&#160;&#160;") or " "
    return f'<TD{attributes}><FONT POINT-SIZE="{points}"' + (f' COLOR="{colour}"' if colour else "") + f">{inside}</FONT></TD>"


def _line(text: str, points: int, colour: str = "", is_bold: bool = False) -> str:
    return _cell(text, points, ' ALIGN="LEFT" BALIGN="LEFT"', colour, is_bold)


def _numbers(box: Box, theme: Theme) -> str:
    """Value and gradient side by side, each under its caption."""
    columns = [(size(box.shape) or "value", _array(box.value, theme))]
    if box.wants_grad:
        columns.append(("gradient", _sum(box, theme)))
    captions = "".join(_cell(caption, 8, ' ALIGN="LEFT"', theme.faint) for caption, _ in columns)
    cells = "".join(f'<TD ALIGN="LEFT" VALIGN="TOP">{array}</TD>' for _, array in columns)
    return f'<TD ALIGN="LEFT"><TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="2"><TR>{captions}</TR><TR>{cells}</TR></TABLE></TD>'


def _sum(box: Box, theme: Theme) -> str:
    """A gradient; of a number that is used more than once, as the sum that it is."""
    if box.grad is None:
        return "–"
    if box.parts and not box.shape:
        terms = "".join(f" − {number(-p)}" if p < 0 else f" + {number(p)}" for p in map(np.ndarray.item, map(np.asarray, box.parts)))
        terms = terms.removeprefix(" + ").replace(" − ", "−", 1) if terms.startswith(" − ") else terms.removeprefix(" + ")
        return escaped(f"{terms} = {number(box.grad)}")
    return _array(box.grad, theme)


def _array(a: Any, theme: Theme) -> str:
    """An array as a table: of its numbers, or of coloured cells with the range below."""
    if np.size(a) == 0 or np.ndim(a) == 0:
        return escaped(inline(a))
    if is_small(a):
        rows = "".join("<TR>" + "".join(_cell(text, 10, ' ALIGN="RIGHT"') for text in row) + "</TR>" for row in grid(a))
        return f'<TABLE BORDER="1" SIDES="LR" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1">{rows}</TABLE>'
    cell = f'<TD FIXEDSIZE="TRUE" WIDTH="{CELL}" HEIGHT="{CELL}" BGCOLOR="'
    rows = "".join("<TR>" + "".join(f'{cell}{mixed(theme, v)}"></TD>' for v in row) + "</TR>" for row in heat(a))
    picture = f'<TABLE BORDER="1" COLOR="{theme.faint}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">{rows}</TABLE>'
    caption = f'<FONT POINT-SIZE="8">{escaped(span(a))}</FONT>'
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1"><TR><TD ALIGN="LEFT">{picture}</TD></TR><TR><TD ALIGN="LEFT">{caption}</TD></TR></TABLE>'
