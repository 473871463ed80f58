"""A diagram as DOT, the language of Graphviz.

Each box is a table, each use an edge, each gradient on its way back a dashed one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..notation.names import cleaned, unicode_name
from .arrays import caption, grid, heat, inline, is_small, number, size, span
from .diagram import Arrow, Box, Diagram
from .themes import Theme, mixed

FONT = "Helvetica"
WRAP = 46  # characters in a line of a formula
_NARROW = frozenset(" .,()[]|·'ijl₀₁₂₃₄₅₆₇₈₉")
LARGE = 500  # layers that all edges together pass, from which on a layout is made in haste
LINE = 16  # the height of a row of numbers
CELL = 9  # the side of a heat map's cell


def escaped(text: str) -> str:
    """Text inside of an HTML-like label."""
    return (
        text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    )


def quoted(text: str) -> str:
    """Text as a DOT string that shows exactly that text."""
    return (
        '"'
        + text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        + '"'
    )


def source(diagram: Diagram, theme: Theme, direction: str = "LR") -> str:
    """The DOT source of a diagram."""
    lines = [
        f"digraph {quoted(diagram.title)} {{",
        f'  graph [rankdir={direction} bgcolor="{theme.paper}" fontname="{FONT}" fontsize=10 '
        f'fontcolor="{theme.faint}"'
        f" nodesep=0.25 ranksep=0.45 pad=0.2 tooltip={quoted(diagram.title)} labelloc=b labeljust=l"
        f" label={_legend(diagram, theme)}{_haste(diagram)}]",
        f'  node [shape=plain fontname="{FONT}" fontsize=12 fontcolor="{theme.ink}"]',
        f'  edge [color="{theme.forward}" fontname="{FONT}" fontsize=10 '
        f'fontcolor="{theme.backward}" arrowsize=0.7]',
    ]
    lines += [
        f"  {box.key} [tooltip={quoted(spoken(box))} label=<{_table(box, theme)}>]"
        for box in diagram.boxes
    ]
    summed = {box.key for box in diagram.boxes if box.parts}
    for arrow in diagram.arrows:
        lines.append(f"  {arrow.tail} -> {arrow.head}")
        if arrow.part is not None:
            lines.append(_backward(arrow, theme, arrow.tail in summed))
    return "\n".join([*lines, "}\n"])


def spoken(box: Box) -> str:
    """A box in one sentence, for those who cannot see it."""
    name = cleaned(box.name)
    parts = [
        f"{name} = {box.formula.unicode}"
        if box.name and box.formula
        else box.formula.unicode
        if box.formula
        else name
    ]
    if box.kind != "fold":
        parts.append(
            f"{size(box.shape) or 'value'} {inline(box.value)}"
            if not box.shape or is_small(box.value)
            else f"{size(box.shape)}, {span(box.value)}"
        )
    if box.wants_grad:
        parts.append(
            "gradient not computed" if box.grad is None else f"gradient {inline(box.grad)}"
        )
    return "; ".join(parts)


def _haste(diagram: Diagram) -> str:
    """Attributes for a diagram that would take Graphviz minutes to lay out beautifully.

    There are fewer rounds, and straight edges.
    """
    return " splines=line nslimit=1 nslimit1=1 mclimit=0.3" if diagram.span > LARGE else ""


def _legend(diagram: Diagram, theme: Theme) -> str:
    signs = []
    if any(arrow.part is not None for arrow in diagram.arrows):
        signs.append("solid: forward; dashed: the gradient on its way back")
    shown = [
        a
        for box in diagram.boxes
        if box.kind != "fold"
        for a in (box.value, box.grad)
        if a is not None
    ]
    if any(not is_small(a) for a in shown):
        signs.append(f"heat maps: {theme.signs}")
    if any("+=" in note.unicode for box in diagram.boxes for note in box.notes):
        signs.append("+= adds the part of one use to the gradient, which is the sum over all uses")
    if any(box.wants_grad and box.grad is None for box in diagram.boxes):
        signs.append("gradient –: not computed, there was no backward()")
    return quoted("\n".join([*diagram.legend, *signs]) + "\n").replace("\\n", "\\l")


def _backward(arrow: Arrow, theme: Theme, is_term: bool) -> str:
    """The dashed edge of a gradient, with the part that this use adds."""
    part = arrow.part
    # beside the edge of the use: no cycle for Graphviz to break
    style = f'dir=back style=dashed color="{theme.backward}"'
    if np.size(part) == 1:
        label = f" label={quoted(f' {number(part)} ')}"
    else:
        label = f" label=<{_array(part, theme)}>" if is_term else ""
    return f"  {arrow.tail} -> {arrow.head} [{style}{label}]"


def _table(box: Box, theme: Theme) -> str:
    """The label of a box: name and formula, then value and gradient."""
    fill = getattr(theme, box.kind)
    border = {
        "constant": ' STYLE="DASHED"',
        "parameter": ' STYLE="ROUNDED"',
        "fold": ' STYLE="DASHED"',
    }.get(box.kind, "")
    width = 2 if box.kind in ("output", "parameter") else 1
    padding = 4 if box.kind == "parameter" else 2  # its corners are round
    rows = [
        _line(line, 13, is_bold=i == 0 and box.is_named) for i, line in enumerate(_heading(box))
    ]
    if box.kind != "fold":
        rows.append(_numbers(box, theme))
    rows += [
        _line(line, 10, colour=theme.backward)
        for note in box.notes
        for line in wrapped(note.unicode)
    ]
    return table(
        rows,
        f'BORDER="{width}" CELLSPACING="0" CELLPADDING="{padding}" '
        f'BGCOLOR="{fill}" COLOR="{theme.ink}"{border}',
    )


def table(rows: Iterable[str], attributes: str) -> str:
    """An HTML-like table of rows of cells."""
    return (
        f'<TABLE {attributes} CELLBORDER="0">'
        + "".join(f"<TR>{row}</TR>" for row in rows)
        + "</TABLE>"
    )


def _heading(box: Box) -> list[str]:
    if box.formula is None:
        return [unicode_name(box.name)]
    return wrapped(
        f"{unicode_name(box.name)} = {box.formula.unicode}" if box.name else box.formula.unicode
    )


def wrapped(text: str) -> list[str]:
    """A formula in lines, broken at spaces, outside of parentheses where that is possible."""
    lines: list[str] = []
    for equation in text.split("\n"):
        line = ""
        for word in _words(equation, WRAP):
            if line and len(line) + len(word) > WRAP:
                lines.append(line)
                line = "   "
            line += (" " if line.strip() else "") + word
        lines.append(line)
    return lines


def _words(text: str, longest: int) -> list[str]:
    """The text cut at spaces.

    Those in parentheses count only where what is inside is too long for a line.
    """
    words: list[str] = []
    depth, start = 0, 0
    for i, sign in enumerate(text):
        depth += (sign in "([") - (sign in ")]")
        if sign == " " and depth <= 0:
            words.append(text[start:i])
            start = i + 1
    words.append(text[start:])
    return [
        part for word in words for part in ([word] if len(word) <= longest else word.split(" "))
    ]


def width_of(text: str, points: float) -> float:
    """About how wide a text is, in points, in a rather wide font."""
    return points * sum(0.34 if c in _NARROW else 0.63 for c in text)


def _cell(
    text: str,
    points: int,
    attributes: str = "",
    colour: str = "",
    is_bold: bool = False,
    width: int = 0,
) -> str:
    """A cell with text, and some room.

    A reader's font may be wider than the one that Graphviz measured.
    """
    attributes += f' WIDTH="{width or round(width_of(text, points) * (1.1 if is_bold else 1))}"'
    inside = escaped(text).replace("   ", "&#160;" * 3) or " "
    inside = f"<B>{inside}</B>" if is_bold else inside
    return (
        f'<TD{attributes}><FONT POINT-SIZE="{points}"'
        + (f' COLOR="{colour}"' if colour else "")
        + f">{inside}</FONT></TD>"
    )


def _line(text: str, points: int, colour: str = "", is_bold: bool = False) -> str:
    return _cell(text, points, ' ALIGN="LEFT" BALIGN="LEFT"', colour, is_bold)


def _numbers(box: Box, theme: Theme) -> str:
    """Value and gradient side by side, each under its caption."""
    columns = [(size(box.shape) or "value", _array(box.value, theme))]
    if box.wants_grad:
        columns.append(("gradient", _sum(box, theme)))
    captions = "".join(_cell(caption, 8, ' ALIGN="LEFT"', theme.faint) for caption, _ in columns)
    cells = "".join(f'<TD ALIGN="LEFT" VALIGN="TOP">{array}</TD>' for _, array in columns)
    both = table([captions, cells], 'BORDER="0" CELLSPACING="6" CELLPADDING="0"')
    return f'<TD ALIGN="LEFT">{both}</TD>'


def _sum(box: Box, theme: Theme) -> str:
    """A gradient; of a number that is used more than once, as the sum that it is."""
    if box.grad is None:
        return "–"
    if box.parts and not box.shape:
        terms = "".join(
            f" − {number(-p)}" if p < 0 else f" + {number(p)}"
            for p in map(np.ndarray.item, map(np.asarray, box.parts))
        )
        terms = (
            terms.removeprefix(" + ").replace(" − ", "−", 1)
            if terms.startswith(" − ")
            else terms.removeprefix(" + ")
        )
        return escaped(f"{terms} = {number(box.grad)}")
    return _array(box.grad, theme)


def _array(a: Any, theme: Theme) -> str:
    """An array as a table: of its numbers, or of coloured cells with the range below."""
    if np.size(a) == 0 or np.ndim(a) == 0:
        return escaped(inline(a))
    if is_small(a):
        texts = grid(a)
        widths = [
            max(round(width_of(row[i], 10)) + 6 for row in texts) for i in range(len(texts[0]))
        ]
        fixed = f'FIXEDSIZE="TRUE" WIDTH="{sum(widths) + 4}" HEIGHT="{LINE * len(texts) + 2}"'
        right = f' ALIGN="RIGHT" HEIGHT="{LINE}"'
        rows = [
            "".join(_cell(text, 10, right, width=w) for text, w in zip(row, widths, strict=True))
            for row in texts
        ]
        return _in_brackets(table(rows, f'{fixed} BORDER="0" CELLSPACING="0" CELLPADDING="2"'))
    shares = heat(a)
    fixed = (
        f'FIXEDSIZE="TRUE" WIDTH="{CELL * len(shares[0]) + 2}" HEIGHT="{CELL * len(shares) + 2}"'
    )
    rows = ["".join(_coloured(share, theme) for share in row) for row in shares]
    picture = table(
        rows, f'{fixed} BORDER="1" COLOR="{theme.faint}" CELLSPACING="0" CELLPADDING="0"'
    )
    captions = (f'<FONT POINT-SIZE="8">{escaped(line)}</FONT>' for line in caption(a))
    rows = [f'<TD ALIGN="LEFT">{part}</TD>' for part in (picture, *captions)]
    return table(rows, 'BORDER="0" CELLSPACING="0" CELLPADDING="1"')


def _in_brackets(inside: str) -> str:
    """A table between the square brackets of a matrix."""
    bracket = '<TD BORDER="1" SIDES="{}" WIDTH="3"></TD>'
    row = f"{bracket.format('LTB')}<TD>{inside}</TD>{bracket.format('TRB')}"
    return table([row], 'BORDER="0" CELLSPACING="0" CELLPADDING="0"')


def _coloured(share: float, theme: Theme) -> str:
    """A cell of a heat map."""
    sign = f'<FONT POINT-SIZE="7">{theme.minus}</FONT>' if theme.minus and share <= -0.1 else ""
    size = f'FIXEDSIZE="TRUE" WIDTH="{CELL}" HEIGHT="{CELL}"'
    return f'<TD {size} BGCOLOR="{mixed(theme, share)}">{sign}</TD>'
