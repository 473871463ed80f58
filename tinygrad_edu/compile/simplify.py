"""What makes a program shorter without changing what it computes: a rule per op.

A rule gets the operands of an op, nodes or Python numbers, and gives a node that is equal, or None. Equal means but for rounding, and to
the last bit where no numbers are multiplied: 0.1 * (2 * x) is 0.2 * x, -(-x) is x. Where a product on the way leaves the range of floats,
x + x of 1e308 say, the shorter program has the right value. One rule takes more from mathematics: what the cross-entropy of a sigmoid
leaves of its derivative is (o - y) / n, which is finite where o is 0 or 1, and the fractions that it comes from are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import frexp
from typing import Any

import numpy as np

from ..registry import registry
from .program import Builder, Maker, Node

Static = Mapping[str, Any]
Shape = tuple[int, ...]


def is_number(a: Any) -> bool:
    """Whether an operand is a Python number."""
    return isinstance(a, (int, float)) and not isinstance(a, bool)


def is_same(a: Any, shape: Shape, dtype: Any) -> bool:
    """Whether an operand is a node that has what the result must have."""
    return isinstance(a, Node) and a.shape == shape and a.dtype == dtype


def made_by(a: Any, name: str) -> bool:
    """Whether a node is the result of an op."""
    return isinstance(a, Node) and a.op is not None and a.op.name == name


def is_power_of_two(number: float) -> bool:
    """Whether products with a number are exact."""
    return abs(frexp(number)[0]) == 0.5


def may_be_one(a: float, b: float, dtype: Any) -> bool:
    """Whether two numbers may be multiplied before x is: neither takes it far from where it is, and no digits are lost."""
    if -1 in (a, b):
        return True
    info = np.finfo(dtype)
    is_exact = is_power_of_two(a) and is_power_of_two(b)
    return all([1e-9 < abs(c) < 1e9 for c in (a, b)]) and bool(info.tiny <= abs(a * b) <= info.max) and (is_exact or info.bits > 16)


def factor(b: Builder, a: Any) -> tuple[float, Any] | None:
    """A node as a number times another one, if the product is nobody else's: (-1, x) for -x, (2, x) for x + x."""
    if not isinstance(a, Node) or a.op is None or b.uses[a] > 1 or a.dtype.kind != "f":
        return None
    if a.op.name == "negative":
        return -1.0, a.args[0]
    if a.op.name == "add" and a.args[0] is a.args[1]:
        return 2.0, a.args[0]
    if a.op.name == "multiply":
        for number, x in (a.args, a.args[::-1]):
            if is_number(number) and is_same(x, a.shape, a.dtype):
                return float(number), x
    return None


def opposite(b: Builder, a: Any) -> Node | None:
    """-a, if that takes no op: the sign goes into a number, or away."""
    if not isinstance(a, Node) or a.op is None or b.uses[a] > 1 or a.dtype.kind != "f":
        return None
    if a.op.name == "negative":
        return a.args[0]  # type: ignore[no-any-return]
    if a.op.name not in ("multiply", "divide"):
        return None
    for i in (0, 1):
        x = a.args[i]
        turned = -x if is_number(x) and x != 0 else opposite(b, x)
        if turned is not None:
            args = [turned if j == i else a.args[j] for j in (0, 1)]
            return b.make(a.op, args, {}, a.shape, a.dtype)
    return None


def begins_negative(a: Any) -> bool:
    """Whether a product or quotient begins with a minus sign."""
    while isinstance(a, Node) and a.op is not None and a.op.name in ("multiply", "divide"):
        a = a.args[0]
    return (is_number(a) and a < 0) or made_by(a, "negative")


def without_minus(b: Builder, a: Any) -> Node | None:
    """-a, if a begins with a minus sign and -a does not: else a sum and a difference would become each other for ever."""
    found = opposite(b, a) if begins_negative(a) else None
    return None if begins_negative(found) else found


def multiply(b: Builder, args: tuple[Any, ...], static: Static, shape: Shape, dtype: Any) -> Node | None:
    """1 * x is x, -1 * x is -x, 0.5 * (2 * x) is x."""
    for number, x in (args, args[::-1]):
        if not is_number(number) or not is_same(x, shape, dtype):
            continue
        if number == 1:
            return x  # type: ignore[no-any-return]
        inner = factor(b, x)
        if inner is not None and may_be_one(number, inner[0], dtype):
            return b.make(registry["multiply"], (number * inner[0], inner[1]), {}, shape, dtype)
        if number == -1 and dtype.kind in "fi":
            return opposite(b, x) or b.make(registry["negative"], (x,), {}, shape, dtype)
        if number < 0 and number is args[1]:  # in front, where a sum takes its sign
            return b.plain(registry["multiply"], (number, x), {}, shape, dtype)
    return slope_of_cross_entropy(b, args, shape, dtype)


def slope_of_cross_entropy(b: Builder, args: tuple[Any, ...], shape: Shape, dtype: Any) -> Node | None:
    """(c (1 - y) / (1 - o) - c y / o) * o * (1 - o) is c (o - y): finite where o is 0 or 1, and the fractions are not."""
    slope, rest = args
    if not made_by(slope, "multiply") or not is_rest(rest, slope.args[1]):
        return None
    fractions, o = slope.args
    found = {}
    for sign, part in terms(fractions):
        if not made_by(part, "divide"):
            return None
        number, y = scaled(part.args[0])
        found["o" if part.args[1] is o else "1 - o" if is_rest(part.args[1], o) else ""] = sign * number, y
    if found.keys() != {"o", "1 - o"}:
        return None
    (c, y), (number, rest) = found["o"], found["1 - o"]
    if not is_rest(rest, y) or number != -c or y.shape != shape or o.dtype != dtype:
        return None
    difference = b.make(registry["subtract"], (o, y), {}, shape, dtype)
    n = round(1 / number) if 1e-9 < abs(number) < 1 else 0
    if n > 1 and dtype.type(1 / n) == dtype.type(number):
        return b.make(registry["divide"], (difference, n), {}, shape, dtype)
    return b.make(registry["multiply"], (number, difference), {}, shape, dtype)


def is_rest(a: Any, o: Any) -> bool:
    """Whether a node is 1 - o."""
    return made_by(a, "subtract") and is_number(a.args[0]) and a.args[0] == 1 and a.args[1] is o and isinstance(o, Node)


def terms(a: Any) -> list[tuple[int, Any]]:
    """A sum or difference of two as its terms, with their signs."""
    is_difference = made_by(a, "subtract")
    return [(1, a.args[0]), (-1 if is_difference else 1, a.args[1])] if is_difference or made_by(a, "add") else []


def scaled(a: Any) -> tuple[float, Any]:
    """A node as a number times another one: (-1, x) for -x."""
    if made_by(a, "negative"):
        number, x = scaled(a.args[0])
        return -number, x
    if made_by(a, "multiply") and is_number(a.args[0]):
        return float(a.args[0]), a.args[1]
    return 1.0, a


def divide(b: Builder, args: tuple[Any, ...], static: Static, shape: Shape, dtype: Any) -> Node | None:
    """X / 1 is x; -x / b is -(x / b)."""
    x, d = args
    if is_number(d) and d == 1 and is_same(x, shape, dtype):
        return x  # type: ignore[no-any-return]
    return None


def negative(b: Builder, args: tuple[Any, ...], static: Static, shape: Shape, dtype: Any) -> Node | None:
    """-(-x) is x, -(2 * x) is -2 * x."""
    return opposite(b, args[0])


def add(b: Builder, args: tuple[Any, ...], static: Static, shape: Shape, dtype: Any) -> Node | None:
    """A + (-b) is a - b, and (-a) + b is b - a."""
    for x, y in (args, args[::-1]):
        positive = without_minus(b, y) if y is not x else None
        if positive is not None:
            return b.make(registry["subtract"], (x, positive), {}, shape, dtype)
    return None


def subtract(b: Builder, args: tuple[Any, ...], static: Static, shape: Shape, dtype: Any) -> Node | None:
    """X - 0 is x, a - (-b) is a + b."""
    x, y = args
    if is_number(y) and y == 0 and str(y)[0] != "-" and is_same(x, shape, dtype):
        return x  # type: ignore[no-any-return]
    positive = without_minus(b, y)
    if positive is not None:
        return b.make(registry["add"], (x, positive), {}, shape, dtype)
    return None


def power(b: Builder, args: tuple[Any, ...], static: Static, shape: Shape, dtype: Any) -> Node | None:
    """x ** 1 is x."""
    x, n = args
    return x if is_number(n) and n == 1 and is_same(x, shape, dtype) else None


def scatter(b: Builder, args: tuple[Any, ...], static: Static, shape: Shape, dtype: Any) -> Node | None:
    """What is put at an index is broadcast by that."""
    (x,) = args
    return b.plain(registry["scatter"], x.args, static, shape, dtype) if made_by(x, "broadcast_to") and x.args[0].dtype == dtype else None


def unless_it_changes(b: Builder, args: tuple[Any, ...], static: Static, shape: Shape, dtype: Any) -> Node | None:
    """What changes neither shape nor dtype is not done: a reshape, a conversion, a broadcast, +x."""
    return args[0] if is_same(args[0], shape, dtype) else None


def reshape(b: Builder, args: tuple[Any, ...], static: Static, shape: Shape, dtype: Any) -> Node | None:
    """A sum in another shape keeps its axes at once; of two reshapes the last one counts."""
    (x,) = args
    if x.shape == shape:
        return x  # type: ignore[no-any-return]
    if made_by(x, "sum") and b.uses[x] <= 1 and not x.static["keepdims"]:
        whole = x.args[0].shape
        axes = _axes(x.static["axis"], len(whole))
        if shape == tuple([1 if i in axes else n for i, n in enumerate(whole)]):
            return b.make(x.op, x.args, {**x.static, "keepdims": True}, shape, dtype)
    if any(made_by(x, name) for name in ("reshape", "squeeze", "expand_dims")):
        return b.make(registry["reshape"], x.args, {"shape": shape}, shape, dtype)
    return None


def transpose(b: Builder, args: tuple[Any, ...], static: Static, shape: Shape, dtype: Any) -> Node | None:
    """Transposed twice is not transposed; of a matrix, all ways to do it are one."""
    (x,) = args
    if x.ndim == 2 and _order(static, 2) == (1, 0):
        if made_by(x, "transpose"):
            return x.args[0]  # type: ignore[no-any-return]
        turned = transposed_product(b, x, shape, dtype)
        if turned is not None:
            return turned
        return b.plain(registry["transpose"], (x,), {"axes": None}, shape, dtype)
    return x if _order(static, x.ndim) == tuple(range(x.ndim)) else None


def transposed_product(b: Builder, x: Node, shape: Shape, dtype: Any) -> Node | None:
    """(A.T @ B).T is B.T @ A, if nobody needs the product itself."""
    if not made_by(x, "matmul") or b.uses[x] > 1 or not all([isinstance(a, Node) and a.ndim == 2 for a in x.args]):
        return None
    if not any([made_by(a, "transpose") for a in x.args]):
        return None
    first, second = [b.make(registry["transpose"], (a,), {"axes": None}, a.shape[::-1], a.dtype) for a in x.args[::-1]]
    return b.make(registry["matmul"], (first, second), {}, shape, dtype)


def swapaxes(b: Builder, args: tuple[Any, ...], static: Static, shape: Shape, dtype: Any) -> Node | None:
    """Of a matrix, this is its transpose."""
    i, j = static["axis1"] % args[0].ndim, static["axis2"] % args[0].ndim
    if i == j:
        return args[0]  # type: ignore[no-any-return]
    return b.make(registry["transpose"], args, {"axes": None}, shape, dtype) if args[0].ndim == 2 else None


def sum_(b: Builder, args: tuple[Any, ...], static: Static, shape: Shape, dtype: Any) -> Node | None:
    """The axes as a reader would write them: one number, or none for all. The sum of -x is the negative sum.

    Of float16 it is taken in float32, since 2,048 + 1 is 2,048.
    """
    x, axis = args[0], static["axis"]
    if made_by(x, "negative") and b.uses[x] <= 1 and dtype.kind == "f" and 0 not in x.shape:
        total = b.make(registry["sum"], x.args, static, shape, dtype)
        return b.make(registry["negative"], (total,), {}, shape, dtype)
    if dtype == np.float16 and x.dtype == dtype:
        wide = b.make(registry["astype"], (x,), {"dtype": _FLOAT32}, x.shape, _FLOAT32)
        return b.make(registry["astype"], (b.make(registry["sum"], (wide,), static, shape, _FLOAT32),), {"dtype": dtype}, shape, dtype)
    if isinstance(axis, tuple) and len(axis) == 1:
        axis = axis[0]
    elif isinstance(axis, tuple) and len(axis) == x.ndim and x.ndim > 0:
        axis = None
    if axis is static["axis"]:
        return None
    return b.make(registry["sum"], args, {**static, "axis": axis}, shape, dtype)


def _axes(axis: Any, ndim: int) -> set[int]:
    return set(range(ndim)) if axis is None else {a % ndim for a in (axis if isinstance(axis, tuple) else (axis,))}


def _order(static: Static, ndim: int) -> tuple[int, ...]:
    axes = static["axes"]
    return tuple(reversed(range(ndim))) if axes is None else tuple([a % ndim for a in axes])


_FLOAT32 = np.dtype(np.float32)
RULES: dict[str, Maker] = {
    "multiply": multiply,
    "divide": divide,
    "negative": negative,
    "add": add,
    "subtract": subtract,
    "power": power,
    "positive": unless_it_changes,
    "astype": unless_it_changes,
    "broadcast_to": unless_it_changes,
    "expand_dims": unless_it_changes,
    "squeeze": reshape,
    "reshape": reshape,
    "transpose": transpose,
    "swapaxes": swapaxes,
    "sum": sum_,
    "scatter": scatter,
}
