"""A tensor as a notebook shows it: its name, its numbers and its gradient side by side."""

from __future__ import annotations

from html import escape
from typing import Any

from ..engine.recording import is_known
from ..engine.tensor import Tensor
from ..notation.names import cleaned, unicode_name
from .arrays import grid, is_small, size, span

_BRACKET = "border:solid currentColor;border-width:0 1.5px;border-radius:4px;padding:0 .5em"


def html(t: Tensor) -> str:
    """A small table; colours are the notebook's own, so that it reads on light and dark paper."""
    if not is_known(t):
        return f"<pre>{escape(repr(t))}</pre>"
    facts = [
        size(t.shape),
        "" if t.dtype == float else t.dtype.name,
        f"by {t.op.name}" if t.op else "",
    ]
    captions = [
        " ".join(filter(None, (unicode_name(cleaned(t.name)) if t.name else "", *facts))) or "value"
    ]
    arrays = [t.numpy()]
    if t.grad is not None:
        captions.append("gradient")
        arrays.append(t.grad)
    heads = "".join(
        f'<th style="text-align:left;font-weight:normal;opacity:.7">{escape(caption)}</th>'
        for caption in captions
    )
    cells = "".join(f'<td style="text-align:left">{_numbers(a)}</td>' for a in arrays)
    return f"<table><thead><tr>{heads}</tr></thead><tbody><tr>{cells}</tr></tbody></table>"


def _numbers(a: Any) -> str:
    """An array as a matrix in brackets; of a large one, its range."""
    if a.ndim == 0:
        return escape(grid(a)[0][0])
    if not a.size:
        return "no entries"
    if not is_small(a):
        return escape(span(a))
    cell = '<td style="text-align:right;padding:.1em .4em;border:0">{}</td>'
    rows = "".join(
        f'<tr style="background:none">{"".join(cell.format(escape(text)) for text in row)}</tr>'
        for row in grid(a)
    )
    return f'<table style="{_BRACKET}"><tbody>{rows}</tbody></table>'
