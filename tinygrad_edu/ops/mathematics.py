"""What mathematics knows of the ops of the table, each fact an optional field of the op.

Their counterparts in SymPy, what is linear, what books leave out or give a letter, and why the
rules are as they are. Who writes formulas asks for these, and never for the name of an op.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from ..engine.op import Op
from ..engine.tensor import Tensor
from .elementwise import (
    add,
    arctan,
    bell,
    bitwise_and,
    ceil,
    cos,
    cosh,
    divide,
    equal,
    exp,
    floor,
    log,
    maximum,
    multiply,
    negative,
    positive,
    power,
    reciprocal,
    relu,
    rint,
    safe_log,
    sigmoid,
    sign,
    sin,
    sinh,
    softplus,
    sqrt,
    square,
    subtract,
    tan,
    tanh,
    trunc,
    where,
)
from .indexing import getitem, index_add, index_set, scatter
from .linalg import matmul
from .reductions import cumsum, log_softmax, logsumexp, max, mean, min, softmax, std, var
from .shape import (
    astype,
    broadcast_to,
    concatenate,
    copy,
    expand_dims,
    flip,
    moveaxis,
    reshape,
    squeeze,
    stack,
    swapaxes,
    transpose,
)
from .stable import made_by

# -- SymPy: the package first, then the expressions of the operands --------------------------------


@cache
def _sigmoid(s: Any) -> Any:
    """A function of SymPy, which has none: of a number it is a number."""

    class sigmoid(s.Function):  # type: ignore[misc]
        @classmethod
        def eval(cls, x: Any) -> Any:
            return s.Rational(1, 2) if x.is_zero else None

        def _eval_evalf(self, digits: int) -> Any:
            return (1 / (1 + s.exp(-self.args[0])))._eval_evalf(digits)

    return sigmoid


_SYMPY: dict[Op, Callable[..., Any]] = {
    add: lambda s, a, b: a + b,
    subtract: lambda s, a, b: a - b,
    multiply: lambda s, a, b: a * b,
    divide: lambda s, a, b: a / b,
    power: lambda s, a, b: a**b,
    negative: lambda s, x: -x,
    positive: lambda s, x: x,
    square: lambda s, x: x**2,
    reciprocal: lambda s, x: 1 / x,
    sqrt: lambda s, x: x ** s.Rational(1, 2),
    exp: lambda s, x: s.exp(x),
    log: lambda s, x: s.log(x),
    safe_log: lambda s, x: s.log(x),
    sin: lambda s, x: s.sin(x),
    cos: lambda s, x: s.cos(x),
    tan: lambda s, x: s.tan(x),
    sinh: lambda s, x: s.sinh(x),
    cosh: lambda s, x: s.cosh(x),
    tanh: lambda s, x: s.tanh(x),
    sigmoid: lambda s, x: _sigmoid(s)(x),
    arctan: lambda s, x: s.atan(x),
    bell: lambda s, x: s.exp(-(x**2)),
    broadcast_to: lambda s, x: x,
    copy: lambda s, x: x,
    astype: lambda s, x: x,
}
for _op, _expression in _SYMPY.items():
    _op.sympy = _expression

# -- averages, linearity, roles --------------------------------------------------------------------

for _op in (reshape, transpose, swapaxes, squeeze, expand_dims, flip, moveaxis, copy):
    _op.rearranges = True
    _op.reasons = ("only the arrangement changed: the gradient is arranged as the operand is",)

mean.average, var.average, std.average, where.chooses = "entries", "squares", "squares", True
sign.is_flat = floor.is_flat = ceil.is_flat = trunc.is_flat = rint.is_flat = True
max.extreme, min.extreme = "largest", "smallest"

matmul.linear = (0, 1)
for _op in (
    *(reshape, expand_dims, squeeze, swapaxes, transpose, moveaxis, flip),
    *(getitem, scatter, cumsum),
):
    _op.linear = (0,)

multiply.scales = lambda by, args, i: args[1 - i] if by is None else by * args[1 - i]
divide.scales = lambda by, args, i: None if i else np.divide(1.0 if by is None else by, args[1])
negative.scales = lambda by, args, i: -1.0 if by is None else -by

power.roles, divide.roles = ("base", "exponent"), ("dividend", "divisor")

# -- what a book calls the operand and the result of an op, where they have no name ----------------

for _op in (sigmoid, tanh, relu, softplus, exp):
    _op.letters = ("z", "a")
softmax.letters = ("z", "p")
for _op in (logsumexp, log_softmax):  # which stand in one equation with what follows
    _op.letters = ("z", "")

# -- why a rule is as it is ------------------------------------------------------------------------

add.reasons = ("a sum hands its gradient on to each of its terms",)
subtract.reasons = (
    "the first term of a difference gets the gradient as it is",
    "what is subtracted gets the gradient with the opposite sign",
)
multiply.reasons = ("in a product, the derivative by one factor is the other factor",)
sigmoid.reasons = ("the slope of σ is known from its own output: σ′ = σ(1 − σ), at most ¼",)
tanh.reasons = ("the slope of tanh is known from its own output: 1 − tanh²",)
exp.reasons = ("the exponential is its own derivative",)
relu.reasons = ("where the input was positive the gradient passes; elsewhere it is stopped",)
getitem.reasons = ("only the entries that were selected get a gradient; all others get 0",)
where.reasons = ("the gradient goes to the side that was selected; the other side gets 0",)

# -- what is said below a formula that has it ------------------------------------------------------

scatter.remark = " at [", "v at [i]: zeros, with v added in the places i"
index_set.remark = "index_set(", "index_set(x, v, i): x with v in the places i"
index_add.remark = "index_add(", "index_add(x, v, i): x with v added in the places i"
reshape.remark = "reshape(", "reshape(x, shape): the entries of x, in order, in that shape"
concatenate.remark = "concatenate(", "concatenate(x, y): x and y, joined along an axis of theirs"
stack.remark = "stack(", "stack(x, y): x and y, joined along a new axis"
cumsum.remark = "cumsum(", "cumsum(x): at each place the sum of the entries up to there"
flip.remark = "flip(", "flip(x): the entries of x in reverse order"

# -- what mathematics leaves out -------------------------------------------------------------------


def _is_guard(args: Sequence[Any], static: Mapping[str, Any]) -> bool:
    """Whether a maximum is there only to keep its first operand off zero."""
    least = args[1]
    is_number = isinstance(least, np.ndarray) and least.ndim == 0 and least.dtype.kind == "f"
    return is_number and bool(least == np.finfo(least.dtype).tiny)


def _adds_axes(args: Sequence[Any], static: Mapping[str, Any]) -> bool:
    """Whether a reshape gives its operand other axes of length 1, and no more."""
    old, shape = np.shape(args[0]), static["shape"]
    shape = shape if isinstance(shape, tuple) else (shape,)
    known = abs(int(np.prod(shape))) or 1
    new = [int(np.prod(old)) // known if n == -1 else n for n in shape]
    return [n for n in old if n != 1] == [n for n in new if n != 1]


maximum.unwritten, reshape.unwritten = _is_guard, _adds_axes


def off_zero(t: Any) -> Any:
    """x, if `t` is x with another number where it is 0: rules keep off divisions by 0 like that."""
    if not made_by(t, where):
        return None
    condition, _, x = t.args
    waiting = [condition]
    while waiting:
        part = waiting.pop()
        if made_by(part, bitwise_and):
            waiting += part.args
        elif made_by(part, equal) and part.args[0] is x and _is_zero(part.args[1]):
            return x
    return None


def _is_zero(a: Any) -> bool:
    return np.ndim(a) == 0 and type(a) is not Tensor and bool(a == 0)


def is_mean(a: Any) -> bool:
    """Whether a tensor is the mean of entries."""
    return type(a) is Tensor and a.op is not None and a.op.average == "entries"


def is_transposition(a: Any) -> bool:
    """Whether a tensor is a matrix, transposed."""
    if type(a) is not Tensor or a.ndim != 2:
        return False
    if made_by(a, swapaxes):
        return bool((a.static["axis1"] - a.static["axis2"]) % 2)
    axes = a.static.get("axes")
    return made_by(a, transpose) and (axes is None or [k % 2 for k in axes] == [1, 0])


def tidied(op: Op, args: tuple[Any, ...], exact: bool) -> tuple[Op, tuple[Any, ...]]:
    """A call as one writes it: a + a, which is cheaper, is 2 * a.

    Where it need not be exact to the bit, a * a is a squared, and 1 * a is a.
    """
    if len(args) == 2 and args[0] is args[1]:
        if op is add:
            return multiply, (2, args[0])
        if op is multiply and not exact:
            return power, (args[0], 2)
    if op is multiply and not exact and type(args[0]) is int and args[0] == 1:
        return copy, args[1:]  # a condition, made a number: in mathematics it is one
    return op, args
