"""Elementwise formulas made shorter with SymPy: recorded tensors in, a recorded tensor out, checked on numbers before it is believed.

The graph stays the only form in which formulas are kept: `simplified` reads the elementwise part of one as a SymPy expression, tries
what SymPy can do, and records the shortest result again, on the same operands. What is not elementwise (a matrix product, a sum) is
a symbol of its own here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import Any

import numpy as np

from ..core import Tensor
from ..formula import is_variable
from ..graph import ancestors, softmax_scores
from ..languages import identifier, is_guard, unicode_name
from .record import Record

AGREEMENT = 1e-10  # how far a simplified formula may be from the recorded one, of the larger of both


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

    def __init__(self, until: Iterable[Tensor] = (), names: Mapping[int, str] | None = None, one: Tensor | None = None) -> None:
        self.until = set(until)
        self.named: list[tuple[Any, Tensor]] = []  # constants that have a name, each with the tensor that stands for it
        self.names = names or {}
        self.one = one
        self.counts: dict[float, Tensor] = {}  # what `mean` divides by
        self.elementwise = set(_reads())
        self.remarks: set[str] = set()  # what the constants were found to fulfil, and a formula relies on
        self.softmaxes: list[tuple[Tensor, Tensor]] = []  # (scores, what stands for their softmax)
        self.upstream: set[Tensor] = set()  # gradients that came down the chain: written first

    def softmax(self, t: Tensor) -> Tensor | None:
        """If `t` is exp(z - logsumexp(z)), what stands for it: the user's own softmax of z, or a new name, p."""
        z = softmax_scores(t)
        if z is None or z not in self.until:
            return None
        known = [p for scores, p in self.softmaxes if scores is z]
        known += [p for p in self.until if p.op is not None and p.op.name in ("exp", "softmax") and np.array_equal(p.numpy(), t.numpy())]
        if known:
            return known[0]
        made = Tensor(t.numpy(), requires_grad=True, name=self.unused("p"))
        self.softmaxes.append((z, made))
        self.until.add(made)
        return made

    def unused(self, name: str) -> str:
        """The name, with a number behind it if the user has one that reads the same."""
        taken = {*map(identifier, self.names.values()), *map(unicode_name, self.names.values())}
        names = (f"{name}_{k}" if k > 1 else name for k in count(1))
        return next(free for free in names if free not in taken and unicode_name(free) not in taken)

    def constant(self, a: Any) -> Tensor | None:
        """The leaf that stands for a named constant (it asks for a gradient, so that what is computed from it is recorded)."""
        for known, t in self.named:
            if known is a or (self.names.get(id(a)) == t.name and _data(known) is _data(a)):
                return t
        if id(a) in self.names:
            t = Tensor(np.asarray(a, np.float64), requires_grad=True, name=self.names[id(a)])
            self.named.append((a, t))
            return t
        for _, t in self.named:
            if t.ndim > 1 and np.shape(a) == t.mT.shape and np.array_equal(np.asarray(a), t.numpy().mT):
                return t.mT
        return None


def _data(a: Any) -> Any:
    return a._data if type(a) is Tensor else a


class Reading:
    """A recorded tensor as a SymPy expression: a symbol for each leaf, each tensor to stop at, and all that is not elementwise."""

    def __init__(self, known: Symbols) -> None:
        self.known = known
        self.reads = _reads()
        self.symbols: dict[Any, Tensor] = {}  # symbol -> what it stands for
        self._of: dict[int, Any] = {}
        self._kept: list[Any] = []  # what the ids above belong to

    def read(self, t: Tensor) -> Any:
        """The expression of `t`; no recursion, graphs may be deep."""
        for node in ancestors(t, until=self.known.until):
            self._expression(node)
        return self._of[id(t)]

    def _expression(self, t: Any) -> Any:
        if id(t) in self._of:
            return self._of[id(t)]
        self._kept.append(t)
        made = type(t) is Tensor and t.op is not None and t not in self.known.until
        softmax = self.known.softmax(t) if made else None
        if softmax is not None:
            found = self._symbol(softmax)
        elif made and t.op.name == "sum":
            found = self._sum(t)
        elif made and self._passes(t):
            found = self._expression(t.args[0])
        elif made and t.op.name in self.reads:
            found = self.reads[t.op.name](*[self._operand(t.op.name, i, a) for i, a in enumerate(t.args)])
        else:
            found = self._symbol(t) if made else self._leaf(t)
        self._of[id(t)] = found
        return found

    def _passes(self, t: Tensor) -> bool:
        """Whether what `t` holds is, to a reader, what its first operand does: reshaped where all entries are equal, or kept off zero."""
        name = t.op.name if t.op else ""
        if name == "maximum":
            return is_guard(t.args[1])
        return name in ("reshape", "expand_dims", "squeeze") and self._is_uniform(self._expression(t.args[0]))

    def _is_uniform(self, e: Any) -> bool:
        """Whether an expression has the same value at every entry: numbers and counts alone are in it."""
        return all(self.symbols[x].ndim == 0 for x in e.free_symbols)

    def _sum(self, t: Tensor) -> Any:
        """A sum: factors that are the same everywhere come out of it, and what is left may be a constant, as rows that add up to 1."""
        varying = [x for x in self._expression(t.args[0]).free_symbols if self.symbols[x].ndim]
        factor, rest = self._expression(t.args[0]).as_independent(*varying, as_Add=False)
        if varying and rest.is_Symbol and rest in varying and any(self.symbols[rest] is stand_in for _, stand_in in self.known.named):
            total = self.symbols[rest].numpy().sum(axis=t.static["axis"])
            if total.size and (total == total.flat[0]).all():
                self.known.remarks.add(f"the entries of {self.symbols[rest].name} add up to {total.flat[0]:g}")
                return factor * self._number(total.flat[0])
        return self._symbol(t)

    def _operand(self, op: str, i: int, a: Any) -> Any:
        if op == "divide" and i == 1 and type(a) is float and a in self.known.counts:
            return self._expression(self.known.counts[a])
        return self._number(a) if np.ndim(a) == 0 and type(a) is not Tensor else self._expression(a)

    def _leaf(self, a: Any) -> Any:
        """A leaf: 1, a symbol for what has a name, 1 - c for what equals it, a number for what is the same everywhere."""
        if a is self.known.one:
            return sympy().Integer(1)
        if type(a) is Tensor and (a.requires_grad or a in self.known.until):
            return self._symbol(a)
        stand_in = self.known.constant(a)
        if stand_in is not None:
            return self._symbol(stand_in)
        value = np.asarray(a)
        for constant, t in self.known.named:
            if value.shape == np.shape(constant) and np.array_equal(value, 1 - np.asarray(constant)):
                return 1 - self._expression(t)
        if value.size and (value == value.flat[0]).all():
            return self._number(value.flat[0])
        return self._symbol(a if type(a) is Tensor else Tensor(a, copy=False))

    def _symbol(self, t: Tensor) -> Any:
        for symbol, known in self.symbols.items():
            if known is t:
                return symbol
        symbol = sympy().Symbol(f"s{len(self.symbols)}", real=True)
        self.symbols[symbol] = t
        return symbol

    def _number(self, value: Any) -> Any:
        return sympy().Rational(repr(float(value))) if np.isfinite(value) else sympy().oo


def simplified(t: Tensor, known: Symbols | None = None) -> Tensor:
    """A shorter tensor equal to `t`, on the same leaves and on all that is not elementwise; `t` itself if none was found.

    >>> import tinygrad_edu as tg
    >>> from tinygrad_edu.formula import expression
    >>> o, y = (tg.Tensor(value, requires_grad=True) for value in (0.7, 1.0))
    >>> long = (-(y / o) + (1 - y) / (1 - o)) * (o * (1 - o))
    >>> expression(simplified(long)).python
    'o - y'
    """
    s = sympy()
    reading = Reading(known or Symbols())
    given = reading.read(t)
    if not given.free_symbols:
        return t
    tries: list[Callable[[Any], Any]] = [s.factor_terms, s.cancel, s.factor, lambda e: s.factor(s.cancel(s.together(e)))]
    candidates = [given]
    for attempt in tries:
        try:
            candidates.append(attempt(given))
        except (s.PolynomialError, NotImplementedError, RecursionError):
            continue
    record = Record(reading.symbols, reading.known.until, reading.known.upstream, set(reading.known.counts.values()))
    recorded = [(candidate, record.tensor(candidate, t.shape)) for candidate in dict.fromkeys(candidates)]
    recorded.sort(key=lambda pair: (_length(pair[1], reading), pair[0] != given, pair[0].is_Add, str(pair[0])))
    for candidate, found in recorded:
        if _agree(t, found) and (candidate == given or _agree_nearby(given, candidate, reading.symbols)):
            return found
    return t


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
    return bool(np.abs(x - y).max(initial=0.0) <= AGREEMENT * max(np.abs(x).max(initial=0.0), np.abs(y).max(initial=0.0), 1e-300))


def _agree_nearby(given: Any, candidate: Any, symbols: dict[Any, Tensor]) -> bool:
    """Whether two expressions agree on random values between the smallest and the largest that each symbol has."""
    rng = np.random.default_rng(0)
    free = sorted(given.free_symbols | candidate.free_symbols, key=str)
    for _ in range(5):
        values = {}
        for symbol in free:
            data = symbols[symbol].numpy()
            low, high = float(data.min()), float(data.max())
            low, high = (low - 0.1 * abs(low), high + 0.1 * abs(high)) if low == high else (low, high)
            values[symbol] = rng.uniform(low, high)
        a, b = (complex(e.evalf(30, subs=values)) for e in (given, candidate))
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
        if not all(a is b for a, b in zip(args, t.args, strict=True)):
            new[t] = t.op.on(args, t.static)
    return new[g]


def _operand(a: Any, known: Symbols) -> Any:
    """An operand of a product or a sum: a stand-in for a constant, or its own formula simplified."""
    if not is_variable(a):
        stand_in = known.constant(a) if np.ndim(a) else None
        return a if stand_in is None else stand_in
    return simplified(a, known) if a.op is not None and a not in known.until else a
