"""SymPy expressions recorded as tensors again, in the order in which one would write them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from ..core import Tensor
from ..modes import enable_grad


class Record:
    """A SymPy expression computed on the tensors that its symbols stand for, in the order in which one would write it."""

    def __init__(
        self, symbols: Mapping[Any, Tensor], until: Collection[Tensor], upstream: Collection[Tensor], counts: Collection[Tensor]
    ) -> None:
        self.symbols, self.until, self.upstream, self.counts = symbols, until, upstream, counts

    def tensor(self, expression: Any, shape: tuple[int, ...]) -> Tensor:
        """The recorded tensor, of that shape."""
        with enable_grad():
            found = _tensor(self.value(expression))
            return found if found.shape == shape else found.broadcast_to(shape)

    def value(self, e: Any) -> Any:
        """One expression: a tensor or a number. SymPy's trees are as deep as a formula on paper, so recursion is fine here."""
        if e in self.symbols:
            return self.symbols[e]
        if e.is_number:
            return int(e) if e.is_Integer else float(e)
        if e.is_Add:
            return self.sum(e)
        if e.is_Mul or (e.is_Pow and e.exp.could_extract_minus_sign()):
            return self.product(e)
        if e.is_Pow:
            base = self.value(e.base)
            return base.sqrt() if 2 * e.exp == 1 else base * base if e.exp == 2 else base ** self.value(e.exp)
        x = _tensor(self.value(e.args[0]))
        return getattr(x, {"atan": "arctan"}.get(e.func.__name__, e.func.__name__))()

    def sum(self, e: Any) -> Any:
        """Positive terms first, so that o - y is not written -y + o; 2 (o - y), not 2 o - 2 y, but 2 x + 4."""
        common, rest = e.primitive()
        if common != 1 and not any(term.is_number for term in e.args):
            return self.value(common) * self.sum(rest)
        is_difference = any(term.could_extract_minus_sign() for term in e.args)  # 1 - o, but 2 x + 1
        terms = sorted(e.args, key=lambda term: (term.could_extract_minus_sign(), term.is_number != is_difference, self.order(term)))
        total = self.value(terms[0])
        for term in terms[1:]:
            total = total - self.value(-term) if term.could_extract_minus_sign() else total + self.value(term)
        return total

    def product(self, e: Any) -> Any:
        """A product, over a product if there are negative powers."""
        above, below = _turned(*e.as_numer_denom())
        if below == 1:
            return self.times(above) if above.is_Mul or above != e else 1 / self.value(1 / e)
        return self.times(above) / (float(below) if below.is_number and not below.is_Integer else self.times(below))

    def times(self, e: Any) -> Any:
        """Factors: what came down the chain first, then o before 1 - o; the sign of a difference is turned, not put in front."""
        if not e.is_Mul:
            return self.value(e)
        number, factors = e.as_coeff_mul()
        ordered = sorted(factors, key=self.order)
        for k, f in enumerate(ordered):
            if number.could_extract_minus_sign() and f.is_Add:
                ordered[k], number = -f, -number
                break
        product = self.value(ordered[0])
        for f in ordered[1:]:
            product = product * self.value(f)
        if number == -1:
            return -product
        return product if number == 1 else self.value(number) * product

    def order(self, e: Any) -> tuple[Any, ...]:
        """Counts, what came down the chain, what has more variables; then the newest tensor, o before 1 - o, and leaves at the end."""
        tensors = [self.symbols[x] for x in e.free_symbols]
        computed = any(t in self.upstream or (t.op is not None and t not in self.until) for t in tensors)
        is_count = bool(tensors) and all(t in self.counts for t in tensors)
        oldest = min((t.serial for t in tensors), default=0)
        made = any(t.op is not None for t in tensors)
        return not is_count, not computed, -len(tensors), not made, -oldest if made else 0, int(e.count_ops()), oldest


def _turned(above: Any, below: Any) -> tuple[Any, Any]:
    """A fraction that reads (o - y) / (o (1 - o)), not (y - o) / (o (o - 1))."""
    number, factors = above.as_coeff_mul()
    if number > 0 and not any(f.is_Add for f in factors):
        return above, below
    factors = below.args if below.is_Mul else (below,)
    for f in factors:
        if f.is_Add and f.as_coeff_Add()[0].is_negative:
            return -above, (below.func(*[-x if x is f else x for x in factors]) if below.is_Mul else -below)
    return above, below


def _tensor(value: Any) -> Tensor:
    return value if type(value) is Tensor else Tensor(value)
