"""SymPy expressions recorded as tensors again, in the order in which one would write them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from ..engine.recording import enable_grad
from ..engine.tensor import Tensor
from .literals import is_decimal, recognised
from .symbols import sympy


class Record:
    """A SymPy expression computed on the tensors that its symbols stand for.

    It is recorded in the order in which one would write it.
    """

    def __init__(
        self,
        symbols: Mapping[Any, Tensor],
        numbers: Mapping[Any, float],
        until: Collection[Tensor],
        upstream: Collection[Tensor],
        counts: Collection[Tensor],
    ) -> None:
        self.symbols, self.numbers, self.until, self.upstream, self.counts = (
            symbols,
            numbers,
            until,
            upstream,
            counts,
        )

    def tensor(self, expression: Any, like: Tensor) -> Tensor | None:
        """The recorded tensor, of the shape and dtype of another.

        None if no op computes what SymPy wrote.
        """
        with enable_grad(), np.errstate(all="ignore"):
            try:
                found = _tensor(self.value(expression))
            except (AttributeError, TypeError, ValueError, OverflowError, ZeroDivisionError):
                return None
            if found.shape != like.shape:
                found = found * np.ones(like.shape, like.dtype)
            return found if found.dtype == like.dtype else found.astype(like.dtype)

    def value(self, e: Any) -> Any:
        """One expression: a tensor or a number.

        SymPy's trees are as deep as a formula on paper, so recursion is fine here.
        """
        if e in self.symbols:
            return self.symbols[e]
        if self.is_number(e):
            return self.number(e)
        if e.is_Add:
            return self.sum(e)
        if e.is_Mul or (e.is_Pow and e.exp.could_extract_minus_sign()):
            return self.product(e)
        if e.is_Pow:
            base = self.value(e.base)
            return (
                base.sqrt()
                if 2 * e.exp == 1
                else base * base
                if e.exp == 2
                else base ** self.value(e.exp)
            )
        x = _tensor(self.value(e.args[0]))
        return getattr(x, {"atan": "arctan", "Abs": "abs"}.get(e.func.__name__, e.func.__name__))()

    def is_number(self, e: Any) -> bool:
        """Whether there are only numbers in an expression."""
        return all(x in self.numbers for x in e.free_symbols)

    def number(self, e: Any) -> Any:
        """The number that an expression is; exact if it is a short decimal, 0.2 for twice 0.1."""
        if e.is_Integer:
            return int(e)
        if e.is_Symbol:
            return self.numbers[e]
        number = float(e.subs(self.numbers))
        short = float(f"{number:.12g}")
        return short if abs(short - number) <= 8 * np.spacing(abs(number)) else number

    def sum(self, e: Any) -> Any:
        """Positive terms first, so that o - y is not written -y + o.

        And 2 (o - y), not 2 o - 2 y, but 2 x + 4.
        """
        common, rest = e.primitive()
        if common != 1 and not any(self.is_number(term) for term in e.args):
            return self.times_number(common, rest)
        terms = sorted(
            e.args,
            key=lambda term: (self.is_number(term), not self.order(term)[0], self.order(term)),
        )
        positive = [term for term in terms if not term.could_extract_minus_sign()]
        terms = positive[:1] + [term for term in terms if term not in positive[:1]]
        numbers = [term for term in terms if self.is_number(term)]
        if len(numbers) > 1:
            terms = [term for term in terms if not self.is_number(term)]
            terms.insert(len(terms) * bool(positive), e.func(*numbers))
        total = self.value(terms[0])
        for term in terms[1:]:
            is_less = term.could_extract_minus_sign()
            more = self.value(-term if is_less else term)
            total = _arithmetic(total) if _is_condition(total) and _is_condition(more) else total
            total = total - more if is_less else total + more
        return total

    def times_number(self, number: Any, e: Any) -> Any:
        """A sum several times, or its part."""
        above, below = number.as_numer_denom()
        product = self.value(e) if above == 1 else self.value(above) * self.value(e)
        return product if below == 1 else product / self.value(below)

    def product(self, e: Any) -> Any:
        """A product, over a product if there are negative powers.

        Its numbers are one number, above or below as it is shorter.
        """
        number, rest = e.as_independent(
            *[x for x in e.free_symbols if x not in self.numbers], as_Add=False
        )
        if number.could_extract_minus_sign():
            number, rest = -number, -rest
        # e^(-x²) stays above the line: below it, e^(x²) would overflow where e^(-x²) is small
        above, below = _turned(*sympy().fraction(rest, exact=True))
        p, q = number.as_numer_denom() if number.is_Rational else self._split(number)
        if below == 1 and p == q == 1:
            return self.times(above) if above.is_Mul or above != e else 1 / self.value(1 / e)
        return self._over(self.times(p * above), [x for x in (q, below) if x != 1])

    def _split(self, number: Any) -> tuple[Any, Any]:
        """A number that is no fraction, above or below the line: x / √2, not 0.707 x."""
        value = float(number.subs(self.numbers))
        above, below = _digits(value), _digits(1 / value)
        if is_decimal(value):
            return number, sympy_one(number)  # 0.2 x, not x / 5
        return (
            (sympy_one(number), 1 / number)
            if below < above and not below[0]
            else (number, sympy_one(number))
        )

    def _over(self, above: Any, below: list[Any]) -> Any:
        """Over a product of what stands below the line."""
        below = [x for x in below if not self.is_number(x) or self.number(x) != 1]
        if not below:
            return above
        return above / self.value(below[0] * below[1] if len(below) > 1 else below[0])

    def times(self, e: Any) -> Any:
        """Factors: what came down the chain first, then o before 1 - o.

        The sign of a difference is turned, not put in front.
        """
        if self.is_number(e) or not e.is_Mul:
            return self.value(e)
        number, rest = e.as_independent(
            *[x for x in e.free_symbols if x not in self.numbers], as_Add=False
        )
        factors = rest.args if rest.is_Mul else (rest,)
        ordered = sorted(factors, key=self.order)
        for k, f in enumerate(ordered):
            if number.could_extract_minus_sign() and f.is_Add:
                ordered[k], number = -f, -number
                break
        product = self.value(ordered[0])
        for f in ordered[1:]:
            product = product * self.value(f)
        factor = self.number(number)
        return (
            -_arithmetic(product) if factor == -1 else product if factor == 1 else factor * product
        )

    def order(self, e: Any) -> tuple[Any, ...]:
        """The place of a factor.

        Counts, what came down the chain, what has more variables; then the newest tensor, o before
        1 - o, and leaves at the end.
        """
        tensors = [self.symbols[x] for x in e.free_symbols if x in self.symbols]
        computed = any(
            t in self.upstream or (t.op is not None and t not in self.until) for t in tensors
        )
        is_count = bool(tensors) and all(t in self.counts for t in tensors)
        degree = sum(int(p) for p in e.as_powers_dict().values() if p.is_Integer and p > 0)
        oldest = min((t.serial for t in tensors), default=0)
        made = any(t.op is not None for t in tensors)
        place = -oldest if made else 0
        return (
            not is_count,
            not computed,
            -len(tensors),
            not made,
            place,
            -degree,
            int(e.count_ops()),
            oldest,
        )


def _turned(above: Any, below: Any) -> tuple[Any, Any]:
    """A fraction that reads (o - y) / (o (1 - o)), not (y - o) / (o (o - 1))."""
    number, factors = above.as_coeff_mul()
    if number > 0 and not any(f.is_Add for f in factors):
        return above, below
    factors = below.args if below.is_Mul else (below,)
    for f in factors:
        if f.is_Add and f.as_coeff_Add()[0].is_negative:
            return -above, (
                below.func(*[-x if x is f else x for x in factors]) if below.is_Mul else -below
            )
    return above, below


def _digits(value: float) -> tuple[bool, int]:
    """How long a number is to read: whether it has no short form, and how many characters."""
    if not is_decimal(value) and recognised(abs(value)) and len(f"{value:.6g}") > 5:
        return False, len(recognised(abs(value)))
    return not is_decimal(value), len(f"{value:.12g}")


def sympy_one(e: Any) -> Any:
    """1, as SymPy has it."""
    return e**0


def _arithmetic(value: Any) -> Any:
    """A condition as the number 0 or 1: NumPy adds and subtracts booleans as no textbook does."""
    return 1 * value if _is_condition(value) else value


def _is_condition(value: Any) -> bool:
    return type(value) is Tensor and value.dtype.kind == "b"


def _tensor(value: Any) -> Tensor:
    return value if type(value) is Tensor else Tensor(value)
