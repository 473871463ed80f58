"""Elementwise formulas made shorter with SymPy, and checked on numbers before they are believed.

The graph stays the only form in which formulas are kept: recorded tensors go in, a recorded tensor
comes out. `simplified` reads the elementwise part of one as a SymPy expression, tries what SymPy
can do, and records the shortest result again, on the same operands. What is not elementwise (a
matrix product, a sum) is a symbol of its own here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import comb, prod
from typing import Any

import numpy as np

from ..engine.tensor import Tensor
from ..graph import ancestors
from ..ops.elementwise import divide, multiply
from ..ops.kinds import VIEWS
from ..ops.mathematics import is_transposition
from .constants import data_of, is_variable
from .reading import Reading, TooLong, transposed
from .symbols import AGREEMENT, Symbols, agree, sympy

DRAWS = 5  # random values at which expressions are compared
TERMS = 120  # and so many terms may it have when multiplied out


def simplified(t: Tensor, known: Symbols | None = None) -> Tensor:
    """A shorter tensor equal to `t`; `t` itself if none was found.

    It is on the same leaves, and on the same of all that is not elementwise.

    >>> import tinygrad_edu as tg
    >>> from tinygrad_edu.notation.formula import expression
    >>> o, y = (tg.Tensor(value, requires_grad=True) for value in (0.7, 1.0))
    >>> long = (-(y / o) + (1 - y) / (1 - o)) * (o * (1 - o))
    >>> expression(simplified(long)).python
    'o - y'
    """
    reading = Reading(known or Symbols())
    if t.dtype.kind != "f":
        return t  # a condition, which is no arithmetic
    try:
        given = reading.read(t)
    except TooLong:
        return t
    if not given.free_symbols - set(reading.numbers):
        number = t.numpy().flat[0] if t.size else 0.0
        constant = Tensor(np.broadcast_to(np.asarray(number, t.dtype), t.shape), copy=False)
        reading.known.exact[constant] = given, reading.numbers
        return constant
    recorded = [
        (e, found) for e in _candidates(given) if (found := reading.recorded(e, t)) is not None
    ]
    recorded.sort(
        key=lambda pair: (_length(pair[1], reading), pair[0] != given, pair[0].is_Add, str(pair[0]))
    )
    values = reading.values()
    for candidate, found in recorded:
        if agree(t, found) and (candidate == given or _agree_nearby(given, candidate, values)):
            return found
    # what is 0 but for rounding agrees with nothing: beside that it is a size that counts
    beside = max([abs(value) for value in _nearby(given, given.free_symbols, values)], default=0.0)
    for candidate, found in recorded:
        if found.shape != t.shape:
            continue
        apart = np.abs(t.numpy() - found.numpy()).max(initial=0.0)
        if apart <= AGREEMENT * beside and _agree_nearby(given, candidate, values):
            return found
    return t


def _candidates(given: Any) -> list[Any]:
    """The expression as read, and shorter ones."""
    s = sympy()
    tries: list[Callable[[Any], Any]] = [s.factor_terms, lambda e: s.factor_terms(s.powsimp(e))]
    if any(
        power.base.is_Add and power.exp.could_extract_minus_sign() for power in given.atoms(s.Pow)
    ):
        # over a sum that stays as it is: (x - y)² + 1 is not multiplied out
        tries.append(s.together)
    if sum(_terms(given)) <= TERMS:
        tries += [s.cancel, s.factor, lambda e: s.factor(s.cancel(s.together(e)))]
    found = [given]
    for attempt in tries:
        try:
            found.append(attempt(given))
        except (
            s.PolynomialError,
            NotImplementedError,
            RecursionError,
            ValueError,
            TypeError,
            AttributeError,
        ):
            continue  # SymPy cannot: the formula stays as it is
    return list(dict.fromkeys(e for e in found if not e.has(s.oo, s.zoo, s.nan, s.I)))


def _terms(e: Any) -> tuple[int, int]:
    """How many terms an expression has at most, multiplied out: above and below the line."""
    above, below = 1, 1
    if e.is_Add:
        pairs = [_terms(term) for term in e.args]
        below = prod(b for _, b in pairs)
        above = sum(a * below // b for a, b in pairs)
    elif e.is_Mul:
        pairs = [_terms(factor) for factor in e.args]
        above, below = prod(a for a, _ in pairs), prod(b for _, b in pairs)
    elif e.is_Pow and e.exp.is_Integer:
        a, b = _terms(e.base)
        n = min(abs(int(e.exp)), 20)
        above, below = comb(a + n - 1, n), comb(b + n - 1, n)
        above, below = (above, below) if e.exp > 0 else (below, above)
    return min(above, 10**9), min(below, 10**9)


def _length(t: Tensor, reading: Reading) -> int:
    """How long a formula is to read: its operations, and every mention of a variable."""
    stop = {*reading.known.until, *reading.symbols.values()}
    length: dict[int, int] = {}
    for node in ancestors(t, until=stop):
        length[id(node)] = (
            2 if node in stop or node.is_leaf else 1 + sum(length.get(id(a), 1) for a in node.args)
        )
    return length[id(t)]


def _agree_nearby(given: Any, candidate: Any, known: dict[Any, Any]) -> bool:
    """Whether two expressions agree on random values, at all of which they have numbers."""
    free = given.free_symbols | candidate.free_symbols
    numbers = (_nearby(e, free, known) for e in (given, candidate))
    drawn = 0
    for a, b in zip(*numbers, strict=False):  # of which the shorter has met a pole
        if abs(a - b) > AGREEMENT * max(abs(a), abs(b), 1e-300):
            return False
        drawn += 1
    return drawn == DRAWS


def _nearby(e: Any, free: Any, known: dict[Any, Any]) -> Iterator[complex]:
    """An expression's numbers at random values, up to the first without one.

    They are drawn between the smallest and the largest that each symbol has.
    """
    rng = np.random.default_rng(0)
    for _ in range(DRAWS):
        values = {}
        for symbol in sorted(free, key=str):
            data = known[symbol]
            if isinstance(data, float):
                values[symbol] = data
                continue
            if data.dtype.kind == "b":
                values[symbol] = int(rng.integers(0, 2))
                continue
            data = data[np.isfinite(data)].astype(float)
            low, high = (float(data.min()), float(data.max())) if data.size else (0.25, 0.75)
            low, high = (
                (low - 0.1 * abs(low), high + 0.1 * abs(high)) if low == high else (low, high)
            )
            values[symbol] = rng.uniform(low, high)
        try:
            number = complex(e.evalf(30, subs=values))
        except (TypeError, ValueError):  # a pole, or a function without a number
            return
        if number != number:
            return
        yield number


def rebuilt(g: Tensor, known: Symbols) -> Tensor:
    """The same computation on the leaves that stand for constants.

    Each elementwise part below a product or a sum is simplified alone.
    """
    new: dict[Tensor, Tensor] = {}
    for t in ancestors(g, until=known.until):
        new[t] = t
        if t.op is None or t in known.until:
            continue
        args = [new[a] if type(a) is Tensor and a in new else a for a in t.args]
        if t.op.sympy is None:
            args = [_operand(a, known) for a in args]
        if (factor := _times_one(t, args, known)) is not None:
            new[t] = factor
        elif is_transposition(t):
            new[t] = transposed(args[0], known.until, t)
        elif not all(a is b for a, b in zip(args, t.args, strict=True)):
            new[t] = t.op.on(args, t.static)
    return new[g]


def _is_one(a: Any, known: Symbols) -> bool:
    """Whether every entry is 1, of no array with a name."""
    while type(a) is Tensor and a.op is not None and a.op.kind in VIEWS and a not in known.until:
        a = a.args[0]
    is_unnamed = not is_variable(a) and id(a) not in known.names
    return a is known.one or (is_unnamed and bool((np.asarray(data_of(a)) == 1).all()))


def _times_one(t: Tensor, args: Sequence[Any], known: Symbols) -> Tensor | None:
    """x, if `t` is a product of x with 1, or x / 1."""
    ones = [_is_one(a, known) for a in args]
    beside = {multiply: ((0, 1), (1, 0)), divide: ((0, 1),)}  # a factor, and what is to be 1
    pairs = next((places for op, places in beside.items() if op is t.op), ())
    factors = (args[i] for i, j in pairs if ones[j] and type(args[i]) is Tensor)
    # a condition stays a number
    return next((x for x in factors if x.shape == t.shape and x.dtype == t.dtype), None)


def _operand(a: Any, known: Symbols) -> Any:
    """An operand of a product or a sum: a stand-in for a constant, or its formula simplified."""
    if not is_variable(a):
        stand_in = known.constant(a) if np.ndim(a) or id(a) in known.names else None
        return a if stand_in is None else stand_in
    return simplified(a, known) if a.op is not None and a not in known.until else a
