"""Numbers for the page: arrays, each stored once, large ones as the means of their blocks."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

MOST_ROWS, MOST_COLUMNS = 24, 16  # a larger array is stored in blocks


class Pool:
    """Arrays as JSON values, equal ones at one place."""

    def __init__(self, digits: int = 6) -> None:
        self.arrays: list[dict[str, Any]] = []
        self.digits = digits
        self._places: dict[str, int] = {}

    def add(self, array: Any) -> int:
        """The place of an array."""
        entry = packed(np.asarray(array), self.digits)
        key = json.dumps(entry)
        if key not in self._places:
            self._places[key] = len(self.arrays)
            self.arrays.append(entry)
        return self._places[key]


def packed(array: Any, digits: int = 6) -> dict[str, Any]:
    """An array: `v`, its numbers, in `r` rows, and its shape `s`.

    In blocks, `b` says where they start, and `m` is the array's range. A scalar keeps all digits,
    so that it can be compared with the tensor's.
    """
    shape = [int(n) for n in array.shape]
    if array.ndim == 0:
        return {"s": shape, "r": 1, "v": [scalar(array)]}
    rows = array.reshape((-1, array.shape[-1]) if array.size else (0, 0))
    if rows.shape[0] <= MOST_ROWS and rows.shape[1] <= MOST_COLUMNS:
        return {
            "s": shape,
            "r": rows.shape[0],
            "v": [rounded(v, digits) for v in rows.ravel().tolist()],
        }
    means, starts = rows.astype(float), []
    for axis, most in ((0, MOST_ROWS), (1, MOST_COLUMNS)):
        n = rows.shape[axis]
        first = np.arange(min(n, most)) * n // min(n, most)
        counts = np.diff([*first, n]).reshape((-1, 1) if axis == 0 else (1, -1))
        with np.errstate(all="ignore"):
            means = np.add.reduceat(means, first, axis=axis) / counts
        starts.append([*first.tolist(), n])
    extremes = [rounded(float(pick(rows)), digits) for pick in (np.min, np.max)]
    return {
        "s": shape,
        "r": means.shape[0],
        "v": [rounded(v, 4) for v in means.ravel().tolist()],
        "b": starts,
        "m": extremes,
    }


def scalar(value: Any) -> Any:
    """A number for JSON, which has no word for inf and nan."""
    value = float(value)
    if value != value or value in (np.inf, -np.inf):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    return (
        int(value) if value.is_integer() and abs(value) < 1e15 and str(value) != "-0.0" else value
    )


def rounded(value: Any, digits: int) -> Any:
    """A number for JSON in so many significant digits."""
    value = scalar(value)
    return value if isinstance(value, (str, int)) else scalar(float(f"{value:.{digits}g}"))


def embedded(data: Any) -> str:
    """JSON that can stand inside a script element, whatever its texts hold."""
    # in ASCII: U+2028 and lone surrogates are escaped
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
