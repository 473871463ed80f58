"""What makes a program shorter without changing what it computes: a rule per op.

A rule gets the operands of an op, nodes or Python numbers, and gives a node that is equal, or None.
Equal means but for rounding, and to the last bit where no numbers are multiplied: 0.1 * (2 * x) is
0.2 * x, -(-x) is x. Where a product on the way leaves the range of floats, x + x of 1e308 say, the
shorter program has the right value. One rule takes more from mathematics: what the cross-entropy of
a sigmoid leaves of its derivative is (o - y) / n, which is finite where o is 0 or 1, and the
fractions that it comes from are not.
"""

from __future__ import annotations

from ...engine.op import Op
from ...ops.elementwise import add, divide, multiply, negative, positive, power, subtract
from ...ops.indexing import scatter
from ...ops.reductions import sum as sum_
from ...ops.shape import astype, broadcast_to, expand_dims, reshape, squeeze, swapaxes, transpose
from ..ir import Maker
from .algebra import difference, opposite_of, product, quotient, sum_of_two, to_the_power
from .axes import reshaped, scattered, sum_over_axes, swapped, transposed, unless_it_changes

RULES: dict[Op, Maker] = {
    multiply: product,
    divide: quotient,
    negative: opposite_of,
    add: sum_of_two,
    subtract: difference,
    power: to_the_power,
    positive: unless_it_changes,
    astype: unless_it_changes,
    broadcast_to: unless_it_changes,
    expand_dims: unless_it_changes,
    squeeze: reshaped,
    reshape: reshaped,
    transpose: transposed,
    swapaxes: swapped,
    sum_: sum_over_axes,
    scatter: scattered,
}
