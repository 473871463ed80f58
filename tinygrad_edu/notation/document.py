"""Documents of mathematics and words, as plain text, LaTeX, Markdown with LaTeX, and HTML.

A document is a list of blocks: mathematics as a `Display`, a `Table` of equations with their
sources, numbered `Items`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .literals import math_number
from .names import latex_name, unicode_name

SHOWN = 12  # arrays of so many entries are printed


class Math(NamedTuple):
    """A piece of mathematics, as plain text and as LaTeX."""

    unicode: str
    latex: str

    def then(self, *more: str | Math) -> Math:
        """The pieces one after the other; a text is the same in both languages."""
        pieces = [self, *(m if isinstance(m, Math) else Math(m, m) for m in more)]
        return Math("".join(m.unicode for m in pieces), "".join(m.latex for m in pieces))


Sentence: TypeAlias = "tuple[str | Math, ...]"  # words of ours, and mathematics
NOTHING, EQUALS, PLUS = Math("", ""), Math(" = ", " = "), Math(" + ", " + ")
TIMES = Math(" · ", r" \cdot ")


def named(label: str) -> Math:
    """A name."""
    return Math(unicode_name(label), latex_name(label))


def words(text: str) -> Math:
    """Words of ours amid mathematics."""
    return Math(text, rf"\text{{{text}}}")


def number(value: Any) -> Math:
    """A number in five decimals, or in five digits where it is small or large.

    >>> [number(x).unicode for x in (-0.310026, 1.0, 0.0000123456)]
    ['−0.31003', '1', '1.2346e−05']
    """
    x = float(value)
    if not np.isfinite(x) or x == int(x):
        text = f"{x:.0f}" if abs(x) < 1e9 or not np.isfinite(x) else f"{x:g}"
    else:
        text = f"{x:.5f}".rstrip("0").rstrip(".") if 0.01 <= abs(x) < 1e5 else f"{x:.5g}"
    is_plain = np.isfinite(x) and "e" not in text
    return Math(text.replace("-", "−"), text if is_plain else math_number(float(text)))


def array(value: Any) -> str:
    """An array's numbers in one line, or from where to where they reach; and its shape."""
    if np.ndim(value) == 0:
        return f"= {number(value).unicode}"
    size = tuple(map(int, np.shape(value)))
    if np.size(value) > SHOWN:
        low, high = number(np.min(value)), number(np.max(value))
        return f"of shape {size}, from {low.unicode} to {high.unicode}"
    text = np.array2string(
        np.asarray(value), formatter={"all": lambda x: number(x).unicode}, separator=", "
    )
    return f"= {' '.join(text.split())}, of shape {size}"


def joined(parts: Sequence[Math], sign: Math) -> Math:
    """The parts with a sign between them.

    Those that start with a minus stand in brackets, but for the first.
    """
    first, *rest = parts
    for part in rest:
        first = first.then(
            sign, Math(*(f"({text})" if text[:1] in ("-", "−") else text for text in part))
        )
    return first


# -- blocks ----------------------------------------------------------------------------------------


class Display(NamedTuple):
    """Mathematics on a line of its own."""

    math: Math


class Row(NamedTuple):
    """An equation, its number, and what it comes from."""

    left: Math
    right: Math
    value: Math
    source: Math
    notes: Sequence[Sentence] = ()


class Item(NamedTuple):
    """A numbered step: where it comes from, what it says, and remarks on it."""

    number: int
    head: Sentence
    left: Math
    right: Math | None
    value: str
    notes: Sequence[Sentence] = ()


class Gap(NamedTuple):
    """What is left out of a table or a list."""

    remark: Sentence


class Table(NamedTuple):
    """Rows, one below the other."""

    rows: Sequence[Row | Gap]


class Items(NamedTuple):
    """Steps, below a title."""

    title: Sentence
    items: Sequence[Item | Gap]


Block: TypeAlias = Display | Table | Items


@dataclass(frozen=True)
class Document:
    """Blocks, in four forms."""

    blocks: Sequence[Block]

    def text(self) -> str:
        """Plain text."""
        return "\n".join(_text(block) for block in self.blocks).strip("\n")

    def latex(self) -> str:
        """One set of aligned equations."""
        rows = [row for block in self.blocks for row in _latex(block)]
        return "\\begin{aligned}\n" + " \\\\[3pt]\n".join(rows) + "\n\\end{aligned}"

    def markdown(self) -> str:
        """Markdown with LaTeX between dollar signs."""
        if any(isinstance(block, Items) for block in self.blocks):
            return "\n\n".join(
                part
                for block in self.blocks
                if isinstance(block, Items)
                for part in _markdown(block)
            )
        return f"$$\n{self.latex()}\n$$"

    def html(self) -> str:
        """A piece of a web page."""
        return "\n".join(_html(block) for block in self.blocks)


def rendered(sentence: Sentence, spelling: str, around: str = "") -> str:
    """A sentence, its mathematics in the given spelling."""
    return "".join(
        f"{around}{getattr(part, spelling)}{around}" if isinstance(part, Math) else part
        for part in sentence
    )


def _latex_sentence(sentence: Sentence) -> str:
    return "".join(
        part.latex if isinstance(part, Math) else rf"\text{{{part}}}" for part in sentence
    )


# -- plain text ------------------------------------------------------------------------------------


def _text(block: Block) -> str:
    if isinstance(block, Display):
        return block.math.unicode
    if isinstance(block, Items):
        return "\n".join(
            [rendered(block.title, "unicode"), *(_item_text(item) for item in block.items)]
        )
    rows = [row for row in block.rows if isinstance(row, Row)]
    widths = [
        max((len(column(row)) for row in rows), default=0) for column in (_left, _right, _value)
    ]
    lines = []
    for row in block.rows:
        if isinstance(row, Gap):
            lines.append(f"  {rendered(row.remark, 'unicode')}")
            continue
        value = (
            f" = {_value(row):<{widths[2]}}"
            if _value(row)
            else " " * (3 + widths[2]) * bool(widths[2])
        )
        lines.append(
            f"  {_left(row):<{widths[0]}} = {_right(row):<{widths[1]}}{value}   from "
            f"{row.source.unicode}"
        )
        lines += [f"      {rendered(note, 'unicode')}" for note in row.notes]
    return "\n".join(["", *lines, ""])


def _left(row: Row) -> str:
    return row.left.unicode


def _right(row: Row) -> str:
    return row.right.unicode


def _value(row: Row) -> str:
    return "" if row.value == row.right else row.value.unicode


def _item_text(item: Item | Gap) -> str:
    if isinstance(item, Gap):
        return f"    {rendered(item.remark, 'unicode')}"
    says = item.left.unicode + (f" = {item.right.unicode}" if item.right else "")
    notes = (rendered(note, "unicode") for note in item.notes)
    return "\n      ".join(
        [f"{item.number:>3}.  {rendered(item.head, 'unicode')}", says, item.value, *notes]
    )


# -- LaTeX and Markdown ----------------------------------------------------------------------------


def _latex(block: Block) -> list[str]:
    if isinstance(block, Display):
        left, equals, right = block.math.latex.partition(" = ")
        return [
            f"{left} &= {right}"
            if equals and not left.startswith(r"\text")
            else f"&{block.math.latex}"
        ]
    found = []
    for row in block.rows if isinstance(block, Table) else block.items:
        if isinstance(row, Gap):
            found.append(rf"&\;\vdots \quad {_latex_sentence(row.remark)}")
        elif isinstance(row, Row):
            value = "" if row.value == row.right else f" = {row.value.latex}"
            found.append(
                rf"{row.left.latex} &= {row.right.latex}{value} && \text{{from }} "
                rf"{row.source.latex}"
            )
            found += [rf"&\quad {_latex_sentence(note)}" for note in row.notes]
        else:
            said = row.right.latex if row.right else r"\text{all of these added up}"
            source = f" && {_latex_sentence(row.head)}" if row.right else ""
            found.append(f"{row.left.latex} &= {said}{source}")
    return found


def _markdown(block: Items) -> list[str]:
    found = [f"{rendered(block.title, 'latex', '$')}:"]
    for item in block.items:
        if isinstance(item, Gap):
            found.append(rendered(item.remark, "latex", "$"))
            continue
        says = item.left.latex + (f" = {item.right.latex}" if item.right else "")
        notes = [f"   {rendered(note, 'latex', '$')}" for note in item.notes]
        found += [
            f"{item.number}. {rendered(item.head, 'latex', '$')}",
            f"   $${says}$$",
            f"   `{item.value}`",
            *notes,
        ]
    return found


# -- HTML ------------------------------------------------------------------------------------------


def _html(block: Block) -> str:
    if isinstance(block, Display):
        return f"<p>{escape(block.math.unicode)}</p>"
    if isinstance(block, Items):
        items = "\n".join(_item_html(item) for item in block.items)
        return f"<p>{escape(rendered(block.title, 'unicode'))}</p>\n<ol>\n{items}\n</ol>"
    rows = []
    for row in block.rows:
        if isinstance(row, Gap):
            rows.append(f'<tr><td colspan="4">{escape(rendered(row.remark, "unicode"))}</td></tr>')
            continue
        cells = (
            row.left.unicode,
            f"= {row.right.unicode}",
            f"= {_value(row)}" if _value(row) else "",
            f"from {row.source.unicode}",
        )
        rows.append(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>")
        rows += [
            f'<tr><td></td><td colspan="3">{escape(rendered(note, "unicode"))}</td></tr>'
            for note in row.notes
        ]
    table = "\n".join(rows)
    return f"<table>\n{table}\n</table>"


def _item_html(item: Item | Gap) -> str:
    if isinstance(item, Gap):
        return f'<li style="list-style: none">{escape(rendered(item.remark, "unicode"))}</li>'
    head, *rest = _item_text(item).split("\n      ")
    said = [head.split(".  ", 1)[1], *rest]
    return f'<li value="{item.number}">{"<br>".join(map(escape, said))}</li>'
