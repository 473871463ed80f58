"""Patterns: whether an operand is a number, what made it, whether it is 1 - o, a sum, c * x."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...engine.op import Op
from ...ops.elementwise import add, multiply, negative, subtract
from ..ir import Node

Args = tuple[Any, ...]
Static = Mapping[str, Any]
Shape = tuple[int, ...]


def is_number(a: Any) -> bool:
    """Whether an operand is a Python number."""
    return isinstance(a, (int, float)) and not isinstance(a, bool)


def fits(a: Any, shape: Shape, dtype: Any) -> bool:
    """Whether an operand is a node of this shape and dtype."""
    return isinstance(a, Node) and a.shape == shape and a.dtype == dtype


def made_by(a: Any, op: Op) -> bool:
    """Whether a node is the result of an op."""
    return isinstance(a, Node) and a.op is op


def is_rest(a: Any, o: Any) -> bool:
    """Whether a node is 1 - o."""
    if not made_by(a, subtract) or not isinstance(o, Node):
        return False
    one, x = a.args
    return is_number(one) and one == 1 and x is o


def terms(a: Any) -> list[tuple[int, Any]]:
    """A sum or difference of two as its terms, with their signs."""
    if not made_by(a, add) and not made_by(a, subtract):
        return []
    x, y = a.args
    return [(1, x), (1 if a.op is add else -1, y)]


def scaled(a: Any) -> tuple[float, Any]:
    """A node as a number times another one: (-1, x) for -x."""
    if made_by(a, negative):
        number, x = scaled(a.args[0])
        return -number, x
    if made_by(a, multiply) and is_number(a.args[0]):
        return float(a.args[0]), a.args[1]
    return 1.0, a


def reduced(node: Node) -> set[int]:
    """The axes that a reduction goes over."""
    x, axis = node.args[0], node.static["axis"]
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return {a % x.ndim for a in axes}
