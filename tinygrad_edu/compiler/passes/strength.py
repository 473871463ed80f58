"""Strength reduction: what costs less in NumPy takes the place of what costs more.

A table of rules, as `rules`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.op import Op
from ...ops.elementwise import divide, multiply, power, square
from ...ops.reductions import mean
from ...ops.reductions import sum as sum_
from ..ir import Builder, Maker, Node
from .algebra import product, to_the_power
from .matching import Args, Shape, Static, is_number
from .rules import RULES


def mean_as_sum(b: Builder, args: Args, static: Static, shape: Shape, dtype: Any) -> Node | None:
    """A mean is a sum, divided as np.mean does."""
    x = args[0]
    if x.dtype != dtype or dtype == np.float16 or 0 in x.shape:
        return None
    total = b.make(sum_, args, static, shape, dtype)
    return b.make(divide, (total, float(x.size // max(total.size, 1))), {}, shape, dtype)


def power_as_product(
    b: Builder, args: Args, static: Static, shape: Shape, dtype: Any
) -> Node | None:
    """A small power is a product, several times faster than np.power.

    A power of 2 is a square, which `**` takes it for too.
    """
    x, n = args
    if not is_number(n) or not isinstance(x, Node) or x.dtype != dtype:
        return to_the_power(b, args, static, shape, dtype)
    if n in (2, 3, 4) and (n == 2 or dtype != np.float16):
        squared = b.make(square, (x,), {}, shape, dtype)
        if n == 2:
            return squared
        return b.make(multiply, (squared, x if n == 3 else squared), {}, shape, dtype)
    if n == -1 and dtype.kind == "f":
        return b.make(divide, (1.0, x), {}, shape, dtype)
    return to_the_power(b, args, static, shape, dtype)


def product_as_square(
    b: Builder, args: Args, static: Static, shape: Shape, dtype: Any
) -> Node | None:
    """A product with itself is a square."""
    # np.square of booleans is of int8
    if args[0] is args[1] and isinstance(args[0], Node) and dtype.kind != "b":
        return b.make(square, args[:1], {}, shape, dtype)
    return product(b, args, static, shape, dtype)


NUMPY_RULES: dict[Op, Maker] = {
    **RULES,
    mean: mean_as_sum,
    power: power_as_product,
    multiply: product_as_square,
}
