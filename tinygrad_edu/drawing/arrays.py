"""Arrays for a reader: small ones in full, large ones as shape, range and a tiny heat map."""

from __future__ import annotations

from typing import Any

import numpy as np

ROWS, COLUMNS, ENTRIES = 8, 6, 16  # an array is shown in full if it has at most so many
HEAT_ROWS, HEAT_COLUMNS = 8, 12  # the largest heat map


def number(value: Any, digits: int = 4) -> str:
    """A number in a few digits."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value) if isinstance(value, int) else f"{value + 0.0:.{digits}g}"
    return text.replace("-", "−")


def is_small(a: Any) -> bool:
    """Whether the array is shown in full."""
    return bool(
        np.ndim(a) <= 2
        and np.size(a) <= ENTRIES
        and all(n <= most for n, most in zip(np.shape(a)[::-1], (COLUMNS, ROWS), strict=False))
    )


def grid(a: Any) -> list[list[str]]:
    """The numbers of a small array, row by row."""
    columns = np.shape(a)[-1] if np.ndim(a) else 1
    return (
        [[number(v, 4 if columns < 3 else 3) for v in row] for row in np.reshape(a, (-1, columns))]
        if np.size(a)
        else []
    )


def inline(a: Any) -> str:
    """An array in one line: a number, the entries in brackets, or the range."""
    if np.size(a) == 0:
        return "no entries"
    if not is_small(a):
        return span(a)
    if np.ndim(a) == 0:
        return number(np.asarray(a))
    rows = ["[" + ", ".join(row) + "]" for row in grid(a)]
    return rows[0] if np.ndim(a) == 1 else "[" + ", ".join(rows) + "]"


def span(a: Any) -> str:
    """The range of the finite entries, and how many others there are."""
    a = np.asarray(a)
    finite = a[np.isfinite(a)]
    found = f"{number(finite.min())} … {number(finite.max())}" if finite.size else ""
    others = f"{a.size - finite.size} not finite" if finite.size < a.size else ""
    return ", ".join(filter(None, (found, others)))


def size(shape: tuple[int, ...]) -> str:
    """A shape as NumPy writes it; nothing for a number."""
    return str(tuple(map(int, shape))) if shape else ""


def heat(a: Any) -> list[list[float]]:
    """A small picture of an array: the means of its blocks as shares of the largest.

    NaN where a block holds what is not finite.
    """
    means = blocks(a)
    top = _largest(means)
    return [[float(v / top) if np.isfinite(v) else float("nan") for v in row] for row in means]


def caption(a: Any) -> list[str]:
    """The lines below a heat map: the range of the entries.

    Where the cells are means, the mean of the fullest colour, too.
    """
    means = blocks(a)
    return (
        [span(a)]
        if means.size == np.size(a)
        else [span(a), f"means up to ±{number(_largest(means), 3)}"]
    )


def _largest(means: Any) -> float:
    """The largest finite size, 1 if there is none."""
    finite = np.abs(means[np.isfinite(means)])
    return float(finite.max()) if finite.size and finite.max() > 0 else 1.0


def blocks(a: Any) -> Any:
    """The means of an array's blocks, as a matrix that is small enough for a heat map."""
    a = np.asarray(a, float)
    a = a.reshape(a.shape[0], -1) if a.ndim > 1 else a.reshape(1, -1)
    for axis, most in ((0, HEAT_ROWS), (1, HEAT_COLUMNS)):
        n = a.shape[axis]
        if n > most:
            starts = np.arange(most) * n // most
            counts = np.diff([*starts, n]).reshape((-1, 1) if axis == 0 else (1, -1))
            with np.errstate(all="ignore"):
                a = np.add.reduceat(a, starts, axis=axis) / counts
    return a
