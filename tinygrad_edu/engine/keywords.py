"""Arguments that NumPy's functions have and ops have not: what says nothing, and what to write."""

from __future__ import annotations

from typing import Any

import numpy as np

# the values at which arguments of NumPy's functions change nothing
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "casting": (None, "same_kind", "unsafe"),
    "copy": (None, True, False),
    "device": (None, "cpu"),
    "dtype": (None,),
    "initial": (None,),
    "kind": (None, "quicksort", "heapsort"),
    "like": (None,),
    "mean": (None,),
    "order": (None, "C", "K"),
    "out": (None,),
    "stable": (None, False),
    "subok": (True, False),
    "where": (None, True),
}
# what to write in place of an argument
INSTEAD = {
    "axes": "write np.moveaxis(t, ...) first",
    "axis": "write np.moveaxis(t, ...) first",
    "correction": "write ddof",
    "dim": "write axis",
    "dtype": "write t.astype(dtype) first",
    "initial": "write np.maximum(initial, ...), or the operator that the reduction repeats",
    "keepdim": "write keepdims",
    "mean": "write ((t - mean) ** 2).mean()",
    "order": "write t.T first for Fortran's order, as in t.T.reshape(shape[::-1]).T",
    "out": "write out = ..., a new tensor",
    "unbiased": "write ddof=1 or ddof=0",
    "where": "write t[mask] first, or tg.where(mask, f(t), otherwise)",
}

# NumPy's own default, which its type stubs do not show
UNSET: Any = vars(np)["_NoValue"]


def says_nothing(key: str, value: Any) -> bool:
    """Whether an argument of this name has a value that changes nothing, for any operands."""
    is_plain = type(value) in (bool, int, str, type(None))
    return value is UNSET or (is_plain and value in NEUTRAL.get(key, ()))
