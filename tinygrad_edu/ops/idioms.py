"""How books write a call otherwise, equal to the last bit: 2 * x for x + x, 1 / x, x[:, None].

An idiom takes a call, a tensor or a node of a program, and gives another one: its op, its operands
and its static arguments; None where the call is written as it is.
"""

from __future__ import annotations

from typing import Any

from ..engine.op import Op
from .elementwise import add, divide, exp, multiply, reciprocal
from .indexing import getitem
from .shape import expand_dims

Wording = tuple[Op, tuple[Any, ...], dict[str, Any]]


def new_axis(t: Any) -> Wording | None:
    """x[:, None] for a new axis."""
    axis = t.static["axis"]
    if not isinstance(axis, int):
        return None
    axis %= t.ndim
    index = (..., None) if 1 < axis == t.ndim - 1 else (*[slice(None)] * axis, None)
    return getitem, t.args, {"index": index if axis else None}


def twice(t: Any) -> Wording | None:
    """2 * x for x + x, 1 + exp(x) for exp(x) + 1."""
    x, y = t.args
    if t.dtype.kind != "f":
        return None
    if x is y:
        return multiply, (2, x), {}
    is_number = isinstance(y, (int, float)) and not isinstance(y, bool)
    return (add, (y, x), {}) if is_number and getattr(x, "op", None) is exp else None


def one_over(t: Any) -> Wording | None:
    """1 / x for the reciprocal of x."""
    (x,) = t.args
    return (divide, (1, x), {}) if t.dtype.kind == "f" and x.dtype == t.dtype else None


expand_dims.idiom, add.idiom, reciprocal.idiom = new_axis, twice, one_over
