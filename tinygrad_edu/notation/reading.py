"""Recorded tensors as SymPy expressions: what is elementwise is read, all else is a symbol."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import numpy as np

from ..engine.op import Op
from ..engine.tensor import Tensor
from ..graph import ancestors
from ..ops.mathematics import is_mean, is_transposition, off_zero
from .constants import data_of
from .literals import is_decimal, ratio
from .names import unicode_name
from .symbols import Symbols, sympy
from .sympy_record import Record

# operations in a formula, written out, that SymPy is given; a longer one stays as it is
LARGEST = 300


class TooLong(Exception):
    """A formula that SymPy would take too long for."""


class Reading:
    """A recorded tensor as a SymPy expression.

    Each leaf, each tensor to stop at, and all that is not elementwise is a symbol.
    """

    def __init__(self, known: Symbols) -> None:
        self.known = known
        self.symbols: dict[Any, Tensor] = {}  # symbol -> what it stands for
        # symbol -> a number that is no small fraction: it is neither expanded nor rounded
        self.numbers: dict[Any, float] = {}
        self._of: dict[int, Any] = {}
        self._symbol_of: dict[int, Any] = {}
        self._length: dict[int, int] = {}
        self._kept: list[Any] = []  # what the ids above belong to
        self._indicators: set[Tensor] = set()

    def read(self, t: Tensor) -> Any:
        """The expression of `t`; no recursion, graphs may be deep. TooLong if written out it is."""
        for node in ancestors(t, until=self.known.until):
            self._expression(node)
        return self._of[id(t)]

    def values(self) -> dict[Any, Any]:
        """What each symbol stands for, as arrays and numbers."""
        return {**{symbol: t.numpy() for symbol, t in self.symbols.items()}, **self.numbers}

    def varying(self, e: Any) -> list[Any]:
        """The symbols of an expression that stand for arrays."""
        return [x for x in e.free_symbols if x in self.symbols and self.symbols[x].ndim]

    def _expression(self, t: Any) -> Any:
        if id(t) in self._of:
            return self._of[id(t)]
        self._kept.append(t)
        made = type(t) is Tensor and t.op is not None and t not in self.known.until
        softmax = self.known.softmax(t) if made else None
        length = 1
        if softmax is not None:
            found = self._symbol(softmax)
        elif made and self._is_indicator(t):
            found = self._symbol(t)
        elif made and t.op.reduces is np.add:
            found = self._sum(t)
        elif made and t.op.linear and not self._passes(t):
            found = self._linear(t)
        elif made and self._passes(t):
            found = self._expression(t.args[0])
        elif made and (guarded := self._guarded(t)) is not None:
            found = self._expression(guarded)
        elif (
            made and t.op.chooses and (side := next((i for i in (1, 2) if _is_zero(t.args[i])), 0))
        ):
            condition = self._expression(t.args[0])
            found = (1 - condition if side == 1 else condition) * self._operand(
                t.op, 3 - side, t.args[3 - side]
            )
            length += self._length.get(id(t.args[3 - side]), 1)
        elif made and t.op.sympy is not None:
            operands = [self._operand(t.op, i, a) for i, a in enumerate(t.args)]
            length += sum(self._length.get(id(a), 1) for a in t.args)
            if length > LARGEST:
                raise TooLong
            found = t.op.sympy(sympy(), *operands)
        else:
            found = self._symbol(t) if made else self._leaf(t)
        self._of[id(t)], self._length[id(t)] = found, length
        return found

    def _passes(self, t: Tensor) -> bool:
        """Whether what `t` holds is, to a reader, what its first operand does.

        It is reshaped where all entries are equal, or kept off zero.
        """
        assert t.op is not None
        if t.op.rearranges:
            return not self.varying(self._expression(t.args[0]))
        return t.op.unwritten is not None and t.op.unwritten(t.args, t.static)

    def _guarded(self, t: Tensor) -> Any:
        """x, if `t` is x with another number where it is 0, and it is 0 nowhere."""
        x = off_zero(t)
        if x is None or np.any(data_of(t.args[0])):
            return None
        self.known.remarks.add(f"{self.known.prose(x)} is nowhere 0")
        return x

    def _is_indicator(self, t: Tensor) -> bool:
        """Whether `t` is made of conditions alone, as (a > b) + 0.5 (a == b) is.

        Then it is read as one, not as arithmetic.
        """
        operands = [a for a in t.args if np.ndim(a) or type(a) is Tensor]
        found = bool(operands) and all(
            type(a) is Tensor
            and a.op is not None
            and (a.dtype.kind == "b" or a in self._indicators)
            for a in operands
        )
        if found:
            self._indicators.add(t)
        return found

    def _linear(self, t: Tensor) -> Any:
        """A product of matrices, a part, another arrangement.

        Factors that are the same everywhere stand in front of it.
        """
        assert t.op is not None
        args, factor, counts = list(t.args), sympy().Integer(1), set(self.known.counts.values())
        for i in t.op.linear:
            a = args[i]
            if type(a) is Tensor and a.op is not None and a not in self.known.until:
                common, rest = self._factored(self._expression(a))
                if t.op.kind == "contraction" and not self.varying(rest):
                    common, rest = common * rest, sympy().Integer(1)
                if (
                    t.op.kind == "scatter"
                    and t.op.arity == 1
                    and all(
                        x in self.numbers or self.symbols[x] in counts for x in rest.free_symbols
                    )
                ):
                    return rest * common * self._symbol(self.known.at_places(t))
                made = self.recorded(rest, a) if common != 1 else None
                if made is not None:
                    args[i], factor = made, factor * common
        if is_transposition(t):
            return factor * self._symbol(transposed(args[0], self.known.until, t))
        if factor == 1:
            return self._symbol(t)
        made = t.op.on(args, t.static)
        self._kept.append(made)
        return factor * (self._leaf(made) if made.is_leaf else self._symbol(made))

    def _factored(self, e: Any) -> tuple[Any, Any]:
        """The factors that are the same everywhere, and the rest; if nothing varies, all of it."""
        varying = self.varying(e)
        if not varying:
            number, rest = e.as_coeff_Mul()
            return number, rest
        factor, rest = e.as_independent(*varying, as_Add=False)
        for part in rest.args if rest.is_Mul else (rest,):
            common = part.primitive()[0] if part.is_Add else 1
            common = (
                -common
                if part.is_Add and all(term.could_extract_minus_sign() for term in part.args)
                else common
            )
            if common != 1:
                factor, rest = factor * common, rest.subs(part, sympy().expand_mul(part / common))
        return factor, rest

    def _is_constant(self, t: Tensor) -> bool:
        """Whether a tensor is a named constant, or places of ones."""
        return any(t is stand_in for _, stand_in in self.known.named) or t in self.known.ones

    def recorded(self, e: Any, like: Tensor) -> Tensor | None:
        """An expression as a tensor again."""
        counts = {
            *self.known.counts.values(),
            *(t for a, t in self.known.named if type(a) is float),
        }
        return Record(
            self.symbols, self.numbers, self.known.until, self.known.upstream, counts
        ).tensor(e, like)

    def _is_deviation(self, e: Any) -> bool:
        """Whether an expression is x - mean(x), which adds up to 0."""
        means = [x for x in e.free_symbols if x in self.symbols and is_mean(self.symbols[x])]
        for mean in means:
            x = self._of.get(id(self.symbols[mean].args[0]))
            if x is not None and self.symbols[mean].size == 1 and e.is_Add and e.subs(mean, x) == 0:
                return True
        return False

    def _sum(self, t: Tensor) -> Any:
        """A sum: factors that are the same everywhere come out of it.

        What is left may be a constant, as rows that add up to 1.
        """
        inner = self._expression(t.args[0])
        varying = self.varying(inner)
        if not varying:
            return inner * self._number(t.args[0].size / max(t.size, 1))
        factor, rest = self._factored(inner)
        if t.size == 1 and self._is_deviation(rest):
            return sympy().Integer(0)
        if rest.is_Symbol and self._is_constant(self.symbols[rest]):
            values = np.broadcast_to(self.symbols[rest].numpy(), t.args[0].shape)
            total = np.asarray(values.sum(axis=t.static["axis"]))
            # and no accident of these numbers
            is_law = total.size > 1 or total.flat[0] in (0, 1) if total.size else False
            if is_law and np.allclose(total, total.flat[0], rtol=1e-12, atol=0):
                whole = round(float(total.flat[0]), 9)
                named = self.symbols[rest].name
                self.known.remarks.add(
                    f"the entries of {unicode_name(named)} add up to {whole:g}"
                    if named
                    else "every row is taken as often"
                )
                return factor * self._number(whole)
        made = self.recorded(rest, t.args[0]) if factor != 1 else None
        return self._symbol(t) if made is None else factor * self._symbol(made.sum(**t.static))

    def _operand(self, op: Op, i: int, a: Any) -> Any:
        role = op.roles[i] if op.roles else ""
        if role == "divisor" and type(a) is float and a in self.known.counts:
            return self._expression(self.known.counts[a])
        if np.ndim(a) or type(a) is Tensor:
            return self._expression(a)
        stand_in = self.known.constant(a) if id(a) in self.known.names else None
        if role == "exponent" and stand_in is None and len(f"{float(a)!r}") < 8:
            return sympy().Rational(f"{float(a)!r}")  # exponents are added, and stay what they are
        return self._number(a) if stand_in is None else self._symbol(stand_in)

    def _leaf(self, a: Any) -> Any:
        """A leaf: 1, a symbol for what has a name, 1 - c for what equals it.

        What is the same everywhere is a number.
        """
        if a is self.known.one:
            return sympy().Integer(1)
        if type(a) is Tensor and a in self.known.exact:
            exact, numbers = self.known.exact[a]
            self.numbers |= numbers
            return exact
        if type(a) is Tensor and (a.requires_grad or a in self.known.until):
            return self._symbol(a)
        stand_in = self.known.constant(a)
        if stand_in is not None:
            return self._expression(stand_in)
        value = np.asarray(data_of(a))
        if value.dtype.kind != "b":
            for constant, t in self.known.named:
                other = np.asarray(data_of(constant))
                if (
                    value.shape == other.shape
                    and other.dtype.kind != "b"
                    and np.array_equal(value, 1 - other)
                ):
                    return 1 - self._expression(t)
        if value.size and (value == value.flat[0]).all():
            return self._number(value.flat[0])
        return self._symbol(a if type(a) is Tensor else Tensor(a, copy=False))

    def _symbol(self, t: Tensor) -> Any:
        if id(t) not in self._symbol_of:
            self._symbol_of[id(t)] = symbol = sympy().Symbol(f"s{len(self.symbols)}", real=True)
            self.symbols[symbol] = t
        return self._symbol_of[id(t)]

    def _number(self, value: Any) -> Any:
        """A small fraction as it is, any other number as a symbol."""
        s, number = sympy(), float(value)
        if abs(number) < 1e4 and (number * 16).is_integer():
            return s.Rational(number)
        found = None if is_decimal(number) else ratio(abs(number))
        if found:
            return s.Rational(*found) * (1 if number > 0 else -1)
        if number < 0:
            return -self._number(-number)
        symbol = s.Symbol(f"n_{number!r}", positive=True)
        self.numbers[symbol] = number
        return symbol


def _is_zero(a: Any) -> bool:
    return np.ndim(a) == 0 and type(a) is not Tensor and a == 0


def transposed(a: Any, until: Container[Tensor], like: Any = None) -> Any:
    """A matrix transposed: a product as the product of the transposed factors.

    What was transposed is as it was.
    """
    if type(a) is Tensor and a not in until and a.op is not None:
        if is_transposition(a):
            return a.args[0]
        if a.op.kind == "contraction" and all(np.ndim(x) == 2 for x in a.args):
            return a.op.on([transposed(x, until) for x in a.args[::-1]], {})
    return like if like is not None and like.args[0] is a else a.mT
