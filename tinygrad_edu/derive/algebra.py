"""Elementwise formulas made shorter with SymPy: recorded tensors in, a recorded tensor out, checked on numbers before it is believed.

The graph stays the only form in which formulas are kept: `simplified` reads the elementwise part of one as a SymPy expression, tries
what SymPy can do, and records the shortest result again, on the same operands. What is not elementwise (a matrix product, a sum) is
a symbol of its own here.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from itertools import count
from math import comb, prod
from typing import Any

import numpy as np

from ..core import Tensor
from ..formula import is_variable
from ..graph import ancestors
from ..languages import identifier, is_decimal, is_guard, ratio, unicode_name
from ..ops.stable import softmax_scores
from .record import Record

AGREEMENT = 1e-10  # how far a simplified formula may be from the recorded one, of the larger of both
LINEAR = {"matmul": (0, 1)} | dict.fromkeys(
    "reshape expand_dims squeeze swapaxes transpose moveaxis flip getitem scatter cumsum".split(), (0,)
)
LARGEST = 300  # operations in a formula, written out, that SymPy is given; a longer one stays as it is
TERMS = 120  # and so many terms may it have when multiplied out


def sympy() -> Any:
    """The SymPy package, or an error that says how to get it."""
    try:
        import sympy as package
    except ImportError:
        raise ImportError("closed formulas are simplified with SymPy: pip install 'tinygrad_edu[derive]', or pip install sympy") from None
    return package


def _reads() -> dict[str, Callable[..., Any]]:
    """What SymPy calls the elementwise ops."""
    s = sympy()
    half = s.Rational(1, 2)
    return {
        "add": lambda a, b: a + b,
        "subtract": lambda a, b: a - b,
        "multiply": lambda a, b: a * b,
        "divide": lambda a, b: a / b,
        "power": lambda a, b: a**b,
        "negative": lambda x: -x,
        "positive": lambda x: x,
        "square": lambda x: x**2,
        "reciprocal": lambda x: 1 / x,
        "sqrt": lambda x: x**half,
        "exp": s.exp,
        "log": s.log,
        "safe_log": s.log,
        "sin": s.sin,
        "cos": s.cos,
        "tan": s.tan,
        "sinh": s.sinh,
        "cosh": s.cosh,
        "tanh": s.tanh,
        "sigmoid": s.Function("sigmoid"),
        "arctan": s.atan,
        "broadcast_to": lambda x: x,
        "copy": lambda x: x,
        "astype": lambda x: x,
    }


class Symbols:
    """What the symbols of several formulas have in common: where to stop reading, what constants are called, which numbers are counts."""

    def __init__(self, until: Iterable[Tensor] = (), names: dict[int, str] | None = None, one: Tensor | None = None) -> None:
        self.until = set(until)
        self.named: list[tuple[Any, Tensor]] = []  # constants that have a name, each with the tensor that stands for it
        self.names = {} if names is None else names
        self.one = one
        self.counts: dict[float, Tensor] = {}  # what `mean` divides by
        self.elementwise = set(_reads())
        self.remarks: set[str] = set()  # what the constants were found to fulfil, and a formula relies on
        self.softmaxes: list[tuple[Tensor, Any, Tensor]] = []  # (scores, axis, what stands for their softmax)
        self.upstream: set[Tensor] = set()  # gradients that came down the chain: written first
        self._stand_ins: dict[int, Tensor] = {}
        self.exact: dict[Tensor, tuple[Any, dict[Any, float]]] = {}  # numbers as SymPy has them: 1/5, not 0.2
        self.ones: set[Tensor] = set()  # zeros with ones at some places

    def at_places(self, t: Tensor) -> Tensor:
        """Ones at the places that a scatter writes to."""
        ones = Tensor(np.ones_like(t.args[0].numpy()), requires_grad=True)
        assert t.op is not None
        made = t.op.on([ones], t.static)
        ones.requires_grad = False  # to be written as the number it is
        known = next((u for u in self.ones if np.array_equal(u.numpy(), made.numpy())), made)
        self.ones.add(known)
        return known

    def softmax(self, t: Tensor) -> Tensor | None:
        """If `t` is exp(z - logsumexp(z)), what stands for it: the user's own softmax of z, or a new name, p."""
        found = softmax_scores(t)
        if found is None or found[0] not in self.until:
            return None
        z, axis = found
        known = [p for scores, along, p in self.softmaxes if scores is z and along == axis]
        known += [p for p in self.until if p.op is not None and p.op.name in ("exp", "softmax") and _agree(p, t)]
        if known:
            return known[0]
        made = Tensor(t.numpy(), requires_grad=True, name=self.unused("p"))
        self.softmaxes.append((z, axis, made))
        self.names[id(made)] = str(made.name)
        self.until.add(made)
        return made

    def unused(self, name: str) -> str:
        """The name, with a number behind it if the user has one that reads the same."""
        taken = {*map(identifier, self.names.values()), *map(unicode_name, self.names.values())}
        names = (f"{name}_{k}" if k > 1 else name for k in count(1))
        return next(free for free in names if free not in taken and unicode_name(free) not in taken)

    def constant(self, a: Any) -> Tensor | None:
        """What stands for a named constant: a leaf that asks for a gradient, so that what is computed from it is recorded."""
        if id(a) in self._stand_ins:
            return self._stand_ins[id(a)]
        for known, t in self.named:
            if known is a or (self.names.get(id(a)) == t.name and _data(known) is _data(a)):
                return t
        value = _data(a)
        is_logical = np.asarray(value).dtype.kind == "b"  # its arithmetic is not that of numbers
        if id(a) in self.names:
            t = Tensor(value if is_logical else np.asarray(value, np.float64), requires_grad=not is_logical, name=self.names[id(a)])
            self.named.append((a, t))
            self._stand_ins[id(a)] = t
            return t
        for _, t in self.named:
            if not is_logical and t.ndim > 1 and np.shape(a) == t.mT.shape and np.array_equal(value, t.numpy().mT):
                return t.mT
        return None


def _data(a: Any) -> Any:
    return a._array if type(a) is Tensor else a


def _is_made_by(t: Tensor, name: str) -> bool:
    return t.op is not None and t.op.name == name


def _is_zero(a: Any) -> bool:
    return np.ndim(a) == 0 and type(a) is not Tensor and a == 0


class TooLong(Exception):
    """A formula that SymPy would take too long for."""


class Reading:
    """A recorded tensor as a SymPy expression: a symbol for each leaf, each tensor to stop at, and all that is not elementwise."""

    def __init__(self, known: Symbols) -> None:
        self.known = known
        self.reads = _reads()
        self.symbols: dict[Any, Tensor] = {}  # symbol -> what it stands for
        self.numbers: dict[Any, float] = {}  # symbol -> a number that is no small fraction: it is neither expanded nor rounded
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
        elif made and t.op.name == "sum":
            found = self._sum(t)
        elif made and t.op.name in LINEAR and not self._passes(t):
            found = self._linear(t)
        elif made and self._passes(t):
            found = self._expression(t.args[0])
        elif made and (guarded := self._guarded(t)) is not None:
            found = self._expression(guarded)
        elif made and t.op.name == "where" and (side := next((i for i in (1, 2) if _is_zero(t.args[i])), 0)):
            condition = self._expression(t.args[0])
            found = (1 - condition if side == 1 else condition) * self._operand("where", 3 - side, t.args[3 - side])
            length += self._length.get(id(t.args[3 - side]), 1)
        elif made and t.op.name in self.reads:
            operands = [self._operand(t.op.name, i, a) for i, a in enumerate(t.args)]
            length += sum(self._length.get(id(a), 1) for a in t.args)
            if length > LARGEST:
                raise TooLong
            found = self.reads[t.op.name](*operands)
        else:
            found = self._symbol(t) if made else self._leaf(t)
        self._of[id(t)], self._length[id(t)] = found, length
        return found

    def _passes(self, t: Tensor) -> bool:
        """Whether what `t` holds is, to a reader, what its first operand does: reshaped where all entries are equal, or kept off zero."""
        name = t.op.name if t.op else ""
        if name == "maximum":
            return is_guard(t.args[1])
        return name in ("reshape", "expand_dims", "squeeze") and not self.varying(self._expression(t.args[0]))

    def _guarded(self, t: Tensor) -> Any:
        """x, if `t` is x with another number where it is 0, and it is 0 nowhere: rules keep off divisions by 0 like that."""
        if t.op is None or t.op.name != "where" or np.any(_data(t.args[0])):
            return None
        condition, _, x = t.args
        waiting, parts = [condition], []
        while waiting:
            part = waiting.pop()
            is_both = type(part) is Tensor and _is_made_by(part, "bitwise_and")
            waiting += part.args if is_both else []
            parts += [] if is_both else [part]
        if not any(type(p) is Tensor and _is_made_by(p, "equal") and p.args[0] is x and _is_zero(p.args[1]) for p in parts):
            return None
        self.known.remarks.add(f"{self.known.names[id(x)]} is nowhere 0" if id(x) in self.known.names else "no divisor is 0")
        return x

    def _is_indicator(self, t: Tensor) -> bool:
        """Whether `t` is made of conditions alone, as (a > b) + 0.5 (a == b) is: to be read as one, not as arithmetic."""
        operands = [a for a in t.args if np.ndim(a) or type(a) is Tensor]
        found = bool(operands) and all(
            type(a) is Tensor and a.op is not None and (a.dtype.kind == "b" or a in self._indicators) for a in operands
        )
        if found:
            self._indicators.add(t)
        return found

    def _linear(self, t: Tensor) -> Any:
        """A product of matrices, a part, another arrangement: factors that are the same everywhere stand in front of it."""
        assert t.op is not None
        args, factor, counts = list(t.args), sympy().Integer(1), set(self.known.counts.values())
        for i in LINEAR[t.op.name]:
            a = args[i]
            if type(a) is Tensor and a.op is not None and a not in self.known.until:
                common, rest = self._factored(self._expression(a))
                if t.op.name == "matmul" and not self.varying(rest):
                    common, rest = common * rest, sympy().Integer(1)
                if t.op.name == "scatter" and all(x in self.numbers or self.symbols[x] in counts for x in rest.free_symbols):
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
        """The factors that are the same everywhere, and the rest; all of it, where nothing varies."""
        varying = self.varying(e)
        if not varying:
            number, rest = e.as_coeff_Mul()
            return number, rest
        factor, rest = e.as_independent(*varying, as_Add=False)
        for part in rest.args if rest.is_Mul else (rest,):
            if part.is_Add and (common := part.primitive()[0]) != 1:
                factor, rest = factor * common, rest.subs(part, part.primitive()[1])
        return factor, rest

    def _is_constant(self, t: Tensor) -> bool:
        """Whether a tensor is a named constant, or places of ones."""
        return any(t is stand_in for _, stand_in in self.known.named) or t in self.known.ones

    def recorded(self, e: Any, like: Tensor) -> Tensor | None:
        """An expression as a tensor again."""
        counts = {*self.known.counts.values(), *(t for a, t in self.known.named if type(a) is float)}
        return Record(self.symbols, self.numbers, self.known.until, self.known.upstream, counts).tensor(e, like)

    def _is_deviation(self, e: Any) -> bool:
        """Whether an expression is x - mean(x), which adds up to 0."""
        means = [x for x in e.free_symbols if x in self.symbols and _is_made_by(self.symbols[x], "mean")]
        for mean in means:
            x = self._of.get(id(self.symbols[mean].args[0]))
            if x is not None and self.symbols[mean].size == 1 and e.is_Add and e.subs(mean, x) == 0:
                return True
        return False

    def _sum(self, t: Tensor) -> Any:
        """A sum: factors that are the same everywhere come out of it, and what is left may be a constant, as rows that add up to 1."""
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
            is_law = total.size > 1 or total.flat[0] in (0, 1) if total.size else False  # and no accident of these numbers
            if is_law and np.allclose(total, total.flat[0], rtol=1e-12, atol=0):
                whole = round(float(total.flat[0]), 9)
                named = self.symbols[rest].name
                self.known.remarks.add(
                    f"the entries of {unicode_name(named)} add up to {whole:g}" if named else "every row is taken as often"
                )
                return factor * self._number(whole)
        made = self.recorded(rest, t.args[0]) if factor != 1 else None
        return self._symbol(t) if made is None else factor * self._symbol(made.sum(**t.static))

    def _operand(self, op: str, i: int, a: Any) -> Any:
        if op == "divide" and i == 1 and type(a) is float and a in self.known.counts:
            return self._expression(self.known.counts[a])
        if np.ndim(a) or type(a) is Tensor:
            return self._expression(a)
        stand_in = self.known.constant(a) if id(a) in self.known.names else None
        if op == "power" and i == 1 and stand_in is None and len(f"{float(a)!r}") < 8:
            return sympy().Rational(f"{float(a)!r}")  # exponents are added, and stay what they are
        return self._number(a) if stand_in is None else self._symbol(stand_in)

    def _leaf(self, a: Any) -> Any:
        """A leaf: 1, a symbol for what has a name, 1 - c for what equals it, a number for what is the same everywhere."""
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
        value = np.asarray(_data(a))
        if value.dtype.kind != "b":
            for constant, t in self.known.named:
                other = np.asarray(_data(constant))
                if value.shape == other.shape and other.dtype.kind != "b" and np.array_equal(value, 1 - other):
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


def simplified(t: Tensor, known: Symbols | None = None) -> Tensor:
    """A shorter tensor equal to `t`, on the same leaves and on all that is not elementwise; `t` itself if none was found.

    >>> import tinygrad_edu as tg
    >>> from tinygrad_edu.formula import expression
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
    recorded = [(e, found) for e in _candidates(given) if (found := reading.recorded(e, t)) is not None]
    recorded.sort(key=lambda pair: (_length(pair[1], reading), pair[0] != given, pair[0].is_Add, str(pair[0])))
    values = reading.values()
    for candidate, found in recorded:
        if _agree(t, found) and (candidate == given or _agree_nearby(given, candidate, values)):
            return found
    return t


def _candidates(given: Any) -> list[Any]:
    """The expression as read, and shorter ones."""
    s = sympy()
    tries: list[Callable[[Any], Any]] = [s.factor_terms, lambda e: s.factor_terms(s.powsimp(e))]
    if sum(_terms(given)) <= TERMS:
        tries += [s.cancel, s.factor, lambda e: s.factor(s.cancel(s.together(e)))]
    found = [given]
    for attempt in tries:
        try:
            found.append(attempt(given))
        except (s.PolynomialError, NotImplementedError, RecursionError, ValueError, TypeError, AttributeError):
            continue  # SymPy cannot: the formula stays as it is
    return list(dict.fromkeys(e for e in found if not e.has(s.oo, s.zoo, s.nan, s.I)))


def _terms(e: Any) -> tuple[int, int]:
    """How many terms an expression has at most, multiplied out over one denominator: above and below the line."""
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
        length[id(node)] = 2 if node in stop or node.is_leaf else 1 + sum(length.get(id(a), 1) for a in node.args)
    return length[id(t)]


def _agree(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors are equal up to rounding."""
    x, y = a.numpy(), b.numpy()
    if x.shape != y.shape or not (np.isfinite(x) == np.isfinite(y)).all():
        return False
    if not np.isfinite(x).all() or x.dtype.kind == "b":
        return np.array_equal(x, y, equal_nan=True)
    agreement = max(AGREEMENT, 1e4 * float(np.finfo(x.dtype).eps)) if x.dtype.kind == "f" else AGREEMENT
    return bool(np.abs(x - y).max(initial=0.0) <= agreement * max(np.abs(x).max(initial=0.0), np.abs(y).max(initial=0.0), 1e-300))


def _agree_nearby(given: Any, candidate: Any, known: dict[Any, Any]) -> bool:
    """Whether two expressions agree on random values between the smallest and the largest that each symbol has."""
    rng = np.random.default_rng(0)
    free = sorted(given.free_symbols | candidate.free_symbols, key=str)
    for _ in range(5):
        values = {}
        for symbol in free:
            data = known[symbol]
            if isinstance(data, float):
                values[symbol] = data
                continue
            if data.dtype.kind == "b":
                values[symbol] = int(rng.integers(0, 2))
                continue
            data = data[np.isfinite(data)].astype(float)
            low, high = (float(data.min()), float(data.max())) if data.size else (0.25, 0.75)
            low, high = (low - 0.1 * abs(low), high + 0.1 * abs(high)) if low == high else (low, high)
            values[symbol] = rng.uniform(low, high)
        try:
            a, b = (complex(e.evalf(30, subs=values)) for e in (given, candidate))
        except (TypeError, ValueError):  # a pole, or a function without a number
            return False
        if not abs(a - b) <= AGREEMENT * max(abs(a), abs(b), 1e-300):
            return False
    return True


def rebuilt(g: Tensor, known: Symbols) -> Tensor:
    """The same computation on the leaves that stand for constants, each elementwise part below a product or a sum simplified alone."""
    new: dict[Tensor, Tensor] = {}
    for t in ancestors(g, until=known.until):
        new[t] = t
        if t.op is None or t in known.until:
            continue
        args = [new[a] if type(a) is Tensor and a in new else a for a in t.args]
        if t.op.name not in known.elementwise:
            args = [_operand(a, known) for a in args]
        if t.op.name == "multiply" and any(a is known.one for a in args) and type(args[0]) is type(args[1]) is Tensor:
            other = args[args[0] is known.one]
            new[t] = other if other.shape == t.shape and other.dtype == t.dtype else t.op.on(args, t.static)  # a condition stays a number
        elif is_transposition(t):
            new[t] = transposed(args[0], known.until, t)
        elif not all(a is b for a, b in zip(args, t.args, strict=True)):
            new[t] = t.op.on(args, t.static)
    return new[g]


def is_transposition(a: Any) -> bool:
    """Whether a tensor is a matrix, transposed."""
    if type(a) is not Tensor or a.op is None or a.ndim != 2:
        return False
    if a.op.name == "swapaxes":
        return bool((a.static["axis1"] - a.static["axis2"]) % 2)
    axes = a.static.get("axes")
    return a.op.name == "transpose" and (axes is None or [k % 2 for k in axes] == [1, 0])


def transposed(a: Any, until: Container[Tensor], like: Any = None) -> Any:
    """A matrix transposed: a product as the product of the transposed factors, and what was transposed as it was."""
    if type(a) is Tensor and a not in until and a.op is not None:
        if is_transposition(a):
            return a.args[0]
        if _is_made_by(a, "matmul") and all(np.ndim(x) == 2 for x in a.args):
            return a.op.on([transposed(x, until) for x in a.args[::-1]], {})
    return like if like is not None and like.args[0] is a else a.mT


def _operand(a: Any, known: Symbols) -> Any:
    """An operand of a product or a sum: a stand-in for a constant, or its own formula simplified."""
    if not is_variable(a):
        stand_in = known.constant(a) if np.ndim(a) or id(a) in known.names else None
        return a if stand_in is None else stand_in
    return simplified(a, known) if a.op is not None and a not in known.until else a
