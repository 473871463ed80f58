"""Rules of products, quotients, sums, differences and powers: signs and numbers go together."""

from __future__ import annotations

from math import frexp
from typing import Any

import numpy as np

from ...ops.elementwise import add, divide, multiply, negative, subtract
from ..ir import Builder, Node
from .matching import (
    Args,
    Shape,
    Static,
    fits,
    is_number,
    is_rest,
    made_by,
    scaled,
    terms,
)


def is_power_of_two(number: float) -> bool:
    """Whether products with a number are exact."""
    return abs(frexp(number)[0]) == 0.5


def may_be_one(a: float, b: float, dtype: Any) -> bool:
    """Whether two numbers may be multiplied before x is.

    Neither takes it far from where it is, and no digits are lost.
    """
    if -1 in (a, b):
        return True
    info = np.finfo(dtype)
    is_exact = is_power_of_two(a) and is_power_of_two(b)
    return (
        all([1e-9 < abs(c) < 1e9 for c in (a, b)])
        and bool(info.tiny <= abs(a * b) <= info.max)
        and (is_exact or info.bits > 16)
    )


def factor(b: Builder, a: Any) -> tuple[float, Any] | None:
    """A node as a number times another one, if the product is nobody else's.

    (-1, x) for -x, (2, x) for x + x.
    """
    if not isinstance(a, Node) or a.op is None or b.uses[a] > 1 or a.dtype.kind != "f":
        return None
    if a.op is negative:
        return -1.0, a.args[0]
    if a.op is add and a.args[0] is a.args[1]:
        return 2.0, a.args[0]
    if a.op is multiply:
        for number, x in (a.args, a.args[::-1]):
            if is_number(number) and fits(x, a.shape, a.dtype):
                return float(number), x
    return None


def opposite(b: Builder, a: Any) -> Node | None:
    """`-a`, if that takes no op: the sign goes into a number, or away."""
    if not isinstance(a, Node) or a.op is None or b.uses[a] > 1 or a.dtype.kind != "f":
        return None
    if a.op is negative:
        return a.args[0]  # type: ignore[no-any-return]
    if a.op not in (multiply, divide):
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
    while isinstance(a, Node) and a.op is not None and a.op in (multiply, divide):
        a = a.args[0]
    return (is_number(a) and a < 0) or made_by(a, negative)


def without_minus(b: Builder, a: Any) -> Node | None:
    """`-a`, if a begins with a minus sign and -a does not.

    Else a sum and a difference would become each other for ever.
    """
    found = opposite(b, a) if begins_negative(a) else None
    return None if begins_negative(found) else found


def product(b: Builder, args: Args, static: Static, shape: Shape, dtype: Any) -> Node | None:
    """`1 * x` is x, -1 * x is -x, 0.5 * (2 * x) is x."""
    for number, x in (args, args[::-1]):
        if not is_number(number) or not fits(x, shape, dtype):
            continue
        if number == 1:
            return x  # type: ignore[no-any-return]
        inner = factor(b, x)
        if inner is not None and may_be_one(number, inner[0], dtype):
            return b.make(multiply, (number * inner[0], inner[1]), {}, shape, dtype)
        if number == -1 and dtype.kind in "fi":
            return opposite(b, x) or b.make(negative, (x,), {}, shape, dtype)
        if number < 0 and number is args[1]:  # in front, where a sum takes its sign
            return b.plain(multiply, (number, x), {}, shape, dtype)
    return slope_of_cross_entropy(b, args, shape, dtype)


def slope_of_cross_entropy(b: Builder, args: Args, shape: Shape, dtype: Any) -> Node | None:
    """`(c (1 - y) / (1 - o) - c y / o) * o * (1 - o)` is c (o - y).

    That is finite where o is 0 or 1, and the fractions are not.
    """
    slope, rest = args
    if not made_by(slope, multiply) or not is_rest(rest, slope.args[1]):
        return None
    fractions, o = slope.args
    found = {}
    for sign, part in terms(fractions):
        if not made_by(part, divide):
            return None
        number, y = scaled(part.args[0])
        below = part.args[1]
        found["o" if below is o else "1 - o" if is_rest(below, o) else ""] = sign * number, y
    if found.keys() != {"o", "1 - o"}:
        return None
    (c, y), (number, rest) = found["o"], found["1 - o"]
    if not is_rest(rest, y) or number != -c or y.shape != shape or o.dtype != dtype:
        return None
    difference = b.make(subtract, (o, y), {}, shape, dtype)
    n = round(1 / number) if 1e-9 < abs(number) < 1 else 0
    if n > 1 and dtype.type(1 / n) == dtype.type(number):
        return b.make(divide, (difference, n), {}, shape, dtype)
    return b.make(multiply, (number, difference), {}, shape, dtype)


def quotient(b: Builder, args: Args, static: Static, shape: Shape, dtype: Any) -> Node | None:
    """`x / 1` is x."""
    x, d = args
    if is_number(d) and d == 1 and fits(x, shape, dtype):
        return x  # type: ignore[no-any-return]
    return None


def opposite_of(b: Builder, args: Args, static: Static, shape: Shape, dtype: Any) -> Node | None:
    """`-(-x)` is x, -(2 * x) is -2 * x."""
    return opposite(b, args[0])


def sum_of_two(b: Builder, args: Args, static: Static, shape: Shape, dtype: Any) -> Node | None:
    """`a + (-b)` is a - b, and (-a) + b is b - a."""
    for x, y in (args, args[::-1]):
        positive = without_minus(b, y) if y is not x else None
        if positive is not None:
            return b.make(subtract, (x, positive), {}, shape, dtype)
    return None


def difference(b: Builder, args: Args, static: Static, shape: Shape, dtype: Any) -> Node | None:
    """`x - 0` is x, a - (-b) is a + b."""
    x, y = args
    if is_number(y) and y == 0 and str(y)[0] != "-" and fits(x, shape, dtype):
        return x  # type: ignore[no-any-return]
    positive = without_minus(b, y)
    if positive is not None:
        return b.make(add, (x, positive), {}, shape, dtype)
    return None


def to_the_power(b: Builder, args: Args, static: Static, shape: Shape, dtype: Any) -> Node | None:
    """`x ** 1` is x."""
    x, n = args
    return x if is_number(n) and n == 1 and fits(x, shape, dtype) else None
