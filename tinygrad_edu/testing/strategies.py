"""Hypothesis strategies for tensors, operands, calls of ops and whole expressions. The only module that knows Hypothesis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial, wraps
from math import inf, prod
from typing import Any

import numpy as np
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from ..core import Tensor
from ..define import LOGICAL, REAL, in_table
from ..operation import Interval, Op
from ..registry import registry
from .checker import gradcheck
from .programs import Line, Program
from .subject import NotFinite, kinks_of

LARGEST = 3.0  # of the ordinary numbers drawn from an unbounded domain
ENTRIES = 24  # of an array, at most
Strategy = st.SearchStrategy[Any]


@st.composite
def shapes(draw: Any, max_dims: int = 4, max_side: int = 6, min_side: int = 0) -> tuple[int, ...]:
    """Shapes of arrays, 0-d and of size 0 included, of at most 24 entries."""
    # the simplest first; more often of length 2 and 3 than longer, of length 1 or 0
    sides = [1, *[2, 3] * 3, *range(4, max_side + 1), *range(min_side, 1)]
    sides = [side for side in sides if side <= max_side]
    found = list[int]()
    # by number and not by sampled_from, of which Hypothesis likes to draw the same again: equal sides
    for _ in range(draw(st.integers(0, max_dims))):
        side = sides[draw(st.integers(0, len(sides) - 1))]
        found.append(side if side * prod(found) <= ENTRIES else 1)
    return tuple(found)


@st.composite
def arrays(draw: Any, shape: Any = None, dtype: Any = np.float64, domain: Interval = REAL, wide: bool = True) -> Any:
    """Float arrays with entries inside an open interval, away from its ends.

    Most have entries from a grid, 64 numbers to the unit, exact in float16: they shrink to small round ones, and seldom tie. With `wide`
    others have whole numbers, large and tiny ones, −0.0 and subnormals among them, as the interval allows, and lie in memory in Fortran
    order, reversed, strided or read-only.
    """
    _refuse_empty(domain)
    shape = draw(shapes()) if shape is None else draw(shape) if isinstance(shape, st.SearchStrategy) else shape
    if domain == LOGICAL:
        return np.asarray(draw(arrays(shape, wide=False)) > 0)
    sort = draw(st.integers(0, 15)) if wide else 0
    numbers = _whole(domain) if sort in (11, 12) else _far(domain, np.dtype(dtype)) if sort >= 13 else None
    drawn = _on_grid(draw, prod(shape), domain)
    if numbers is not None:  # one of three entries, the others stay ordinary
        drawn = [draw(numbers) if draw(st.integers(0, 2)) == 0 or sort == 11 else n for n in drawn]
    array = np.array(drawn, np.float64).reshape(shape).astype(dtype)
    return draw(_layouts(array)) if wide else array


def _refuse_empty(domain: Interval) -> None:
    """An error for what is no open interval."""
    try:
        low, high = domain
        empty = not low < high and domain != LOGICAL
    except (TypeError, ValueError):
        raise TypeError(f"a domain is an open interval, (low, high), not {domain!r}") from None
    if empty:
        raise ValueError(f"domain={domain!r} holds no number: an open interval is (low, high) with low < high, or (-inf, inf)")


def _on_grid(draw: Any, count: int, domain: Interval) -> list[float]:
    """Ordinary numbers inside the interval, as close to 0 as it allows."""
    low, high = max(domain[0], min(domain[1], 0.0) - LARGEST), min(domain[1], max(domain[0], 0.0) + LARGEST)
    if not high - low > 1e-6 * max(abs(low), abs(high)):  # so far out that 3 is nothing
        low, high = max(domain[0], low - abs(low)), min(domain[1], high + abs(high))
    unit = 64.0 / 2.0 ** max(0, int(np.frexp(max(abs(low), abs(high)))[1]) - 40)
    while (high - low) * unit < 16:
        unit *= 2
    first, last = int(np.floor(low * unit)) + 4, int(np.ceil(high * unit)) - 4
    return [n / unit for n in draw(st.lists(st.integers(first, last), min_size=count, max_size=count))]


def _whole(domain: Interval) -> Strategy | None:
    """Whole numbers inside the interval, −0.0 among them."""
    inside = [float(n) for n in (1, 2, -1, 3, 0, -2, 5, -3, 10, -10, 100) if domain[0] < n < domain[1]]
    inside += [-0.0] if domain[0] < 0 < domain[1] else []
    return st.sampled_from(inside) if inside else None


def _far(domain: Interval, dtype: Any) -> Strategy | None:
    """Numbers of every size inside the interval: tiny, subnormal, large, close to its ends."""
    info = np.finfo(dtype)
    top = min(info.maxexp - 1, 60)
    sizes = [2.0**k for k in (-10, -20, -35, info.minexp // 2, 6, 10, 20, 40, 60) if info.minexp <= k <= top]
    sizes += [float(info.tiny), float(info.smallest_subnormal)]
    numbers = [sign * size for size in sizes for sign in (1.0, -1.0)] + [-0.0]
    numbers += [end + sign * size for end in domain if np.isfinite(end) and end for size in (2.0**-8, 2.0**-12) for sign in (1, -1)]
    inside = [n for n in numbers if domain[0] < n < domain[1] and domain[0] < dtype.type(n) < domain[1]]
    return st.sampled_from(inside) if inside else None


@st.composite
def _layouts(draw: Any, array: Any) -> Any:
    """The same array as it is, or in Fortran order, reversed, every second entry of a larger one, or read-only."""
    layout = draw(st.integers(0, 7))
    if layout == 4:
        return np.asarray(array, order="F")
    if layout == 5:
        back = (slice(None, None, -1),) * array.ndim
        return np.asarray(array[back].copy())[back] if array.ndim else array
    if layout == 6:
        larger = np.zeros([2 * side for side in array.shape], array.dtype)
        every = (*(slice(None, None, 2),) * array.ndim, ...)
        larger[every] = array
        return larger[every]
    if layout == 7:
        array.flags.writeable = False
    return array


def tensors(shape: Any = None, dtype: Any = np.float64, domain: Interval = REAL, requires_grad: bool = True, wide: bool = True) -> Strategy:
    """Tensors of a shape (a tuple, a strategy, or any small one) with entries inside of an open interval; `wide` as for `arrays`.

    >>> from hypothesis import given
    >>> @given(tensors(shape=(2, 3), dtype="float32", domain=(0.0, 1.0)))
    ... def test_inside(t):
    ...     assert t.shape == (2, 3) and t.dtype == "float32" and 0 < t.numpy().min() and t.numpy().max() < 1
    >>> test_inside()
    """
    _refuse_empty(domain)
    return st.builds(Tensor, arrays(shape, dtype, domain, wide), requires_grad=st.just(requires_grad))


@st.composite
def broadcastable(draw: Any, n: int, max_dims: int = 4, max_side: int = 6, min_side: int = 0) -> tuple[tuple[int, ...], ...]:
    """`n` shapes that broadcast together: axes of length 1 and missing axes on either side.

    >>> from hypothesis import given
    >>> import numpy as np
    >>> @given(broadcastable(3))
    ... def test_they_do(shapes):
    ...     np.broadcast_shapes(*shapes)
    >>> test_they_do()
    """
    full = draw(shapes(max_dims, max_side, min_side))
    found = []
    for _ in range(n):
        kept = full[max(0, draw(st.integers(-1, len(full)))) :]
        found.append(tuple(1 if draw(st.integers(0, 2)) == 2 else side for side in kept))
    return tuple(found)


@st.composite
def matmul_operands(draw: Any, dtype: Any = np.float64) -> tuple[Any, Any]:
    """Two arrays that `@` takes: vectors, matrices, and stacks of matrices that broadcast.

    >>> from hypothesis import given
    >>> @given(matmul_operands())
    ... def test_product(operands):
    ...     a, b = operands
    ...     assert a.shape[-1] == b.shape[-2 if b.ndim > 1 else 0]
    >>> test_product()
    """
    a, b = draw(_core_shapes(registry["matmul"].shapes))
    return draw(arrays(a, dtype, wide=False)), draw(arrays(b, dtype, wide=False))


@st.composite
def _core_shapes(draw: Any, signature: str) -> tuple[tuple[int, ...], ...]:
    """Shapes that fit a NumPy signature; axes marked `?` may be missing, and stacks broadcast in front of the others."""
    operands = [part.strip("()").split(",") for part in signature.replace(" ", "").split("->")[0].split("),(")]
    sides = {name.rstrip("?"): draw(st.sampled_from([1, 2, 3, 2, 3, 4])) for part in operands for name in part}
    optional = sorted({name for part in operands for name in part if name.endswith("?")})
    chosen = draw(st.integers(0, 2 ** len(optional) - 1))  # by one number, so that each combination is drawn as often
    missing = {name for i, name in enumerate(optional) if chosen >> i & 1}
    core = [tuple(sides[name.rstrip("?")] for name in part if name and name not in missing) for part in operands]
    stacks = draw(broadcastable(len(core), max_dims=2, max_side=2))
    whole = [len(part) == len(c) for part, c in zip(operands, core, strict=True)]
    return tuple((stack if w else ()) + c for stack, w, c in zip(stacks, whole, core, strict=True))


# -- calls of ops --------------------------------------------------------------------------------------------------------------


@st.composite
def op_calls(draw: Any, op: Op, dtype: Any = np.float64, wide: bool = False) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Operands and static arguments for an op: shapes from its signature or cases, values from its domain, away from its kinks.

    The operands are arrays; a Python number may stand as the second of two. `wide` as for `arrays`.

    >>> import tinygrad_edu as tg
    >>> from hypothesis import given
    >>> @given(op_calls(tg.log))
    ... def test_positive(call):
    ...     (x,), static = call
    ...     assert (x > 0).all() and static == {}
    >>> test_positive()
    """
    static: dict[str, Any] = dict(op.defaults)
    if op.cases:
        case = dict(draw(st.sampled_from(list(op.cases))))
        operand_shapes = case.pop("shapes")
        static.update(case)
    elif op.shapes == "axes":
        shape = draw(shapes(min_side=1))
        operand_shapes = (shape,)
        static.update(draw(_axes(op, shape)))
    elif op.shapes:
        operand_shapes = draw(_core_shapes(op.shapes))
    else:
        operand_shapes = draw(broadcastable(op.arity))
    domains = (*op.domain, *[REAL] * len(operand_shapes))
    operands = [draw(arrays(shape, dtype, domain, wide)) for shape, domain in zip(operand_shapes, domains, strict=False)]
    if op.arity == 2 and op.rules and not op.shapes and not op.cases and draw(st.integers(0, 2)) == 2:
        operands[1] = draw(st.sampled_from([n for n in (0, 1, 2, 3, -1.0, 0.5) if domains[1][0] < n < domains[1][1]]))
    try:
        moved = _moved_off_kinks(op, operands, static)
    except ValueError:
        if not wide:
            raise
        reject()  # among large numbers kinks may lie as close as the numbers do
    if wide and not are_ordinary(moved) and not _scales(op, moved, static):
        reject()  # kinks at whole numbers, say, lie too close on such a scale
    return tuple(draw(_layouts(x)) if wide and isinstance(x, np.ndarray) else x for x in moved), static


def are_ordinary(operands: Sequence[Any]) -> bool:
    """Whether all numbers are of a size that an op should have values at."""
    return all(bool(((x == 0) | ((np.abs(x) > 0.01) & (np.abs(x) <= 2 * LARGEST))).all()) for x in operands)


def _scales(op: Op, operands: Sequence[Any], static: Mapping[str, Any]) -> bool:
    """Whether twice the operands lie twice as far from all kinks, as for the largest of some numbers."""
    twice = kinks_of(op, [2 * x if np.asarray(x).dtype.kind == "f" else x for x in operands], static)
    return all(np.array_equal(2 * k, kk, equal_nan=True) for k, kk in zip(kinks_of(op, operands, static), twice, strict=True))


def away_from_kinks(op: Op, dtype: Any = np.float64) -> Strategy:
    """Operands for an op at which it is differentiable: at a distance from every kink that it declares.

    >>> import numpy as np, tinygrad_edu as tg
    >>> from hypothesis import given
    >>> @given(away_from_kinks(tg.relu))
    ... def test_not_zero(operands):
    ...     assert (np.abs(operands[0]) > 0.01).all()
    >>> test_not_zero()
    """
    return op_calls(op, dtype).map(lambda call: call[0])


@st.composite
def _axes(draw: Any, op: Op, shape: tuple[int, ...]) -> dict[str, Any]:
    """Static arguments of a reduction: an axis of any form, keepdims, and ddof where more than one entry is left."""
    ndim = len(shape)
    one = st.integers(-ndim, ndim - 1) if ndim else st.none()
    several = st.lists(st.sampled_from(range(ndim)), unique=True).map(tuple) if ndim else st.none()
    axis = draw(st.one_of(st.none(), one, several))
    reduced = np.zeros(shape).sum(axis=axis).size
    static = {"axis": axis, "keepdims": draw(st.booleans()), "ddof": draw(st.integers(0, int(prod(shape) > reduced)))}
    return {key: value for key, value in static.items() if key in op.static}


def _moved_off_kinks(op: Op, operands: list[Any], static: Mapping[str, Any]) -> list[Any]:
    """The operands, each entry shifted by an amount of its own, until no kink is near."""
    for attempt in range(100):
        moved = [_shifted(x, 31 * k + 1, attempt) for k, x in enumerate(operands)]
        if all(np.abs(kink).min(initial=1.0) > 0.01 for kink in kinks_of(op, moved, static)):
            return moved
    raise ValueError(f"{op.name} has kinks at every point that was tried: look at its `kinks`")


def _shifted(x: Any, first: int, attempt: int) -> Any:
    """The array with its entries shifted apart, by amounts between 0 and 0.37 that depend on the attempt; none at the first."""
    if not isinstance(x, np.ndarray) or x.dtype.kind != "f":
        return x
    if not attempt:
        return x
    return np.asarray(x + np.arange(first, first + x.size).reshape(x.shape) * 0.617 * attempt % 0.37, x.dtype)


# -- whole expressions ---------------------------------------------------------------------------------------------------------

FLAT = {"sign", "floor", "ceil", "rint"}  # steps, whose gradient is 0 everywhere
INDIRECT = {"where", "scatter", "index_set", "index_add", "broadcast_to", "astype", "copy"}  # drawn by hand below, or not at all
# how to bring any value inside of a domain: (op, constant) in turn
INTO = {
    (0.0, inf): (("softplus", None), ("add", 0.25)),
    (-1.0, inf): (("softplus", None),),
    (-1.0, 1.0): (("tanh", None), ("multiply", 0.875)),
    (-np.pi / 2, np.pi / 2): (("tanh", None),),
}
INDICES = [0, -1, slice(None, None, -1), (None, 0), [0, -1, 0]]
TRIES = 4  # of ops for one line
BOUND = 30.0  # of the values in a program: beyond it a line is left out


@st.composite
def expressions(draw: Any, max_ops: int = 8, dtype: Any = np.float64, near_kinks: bool = False) -> Program:
    """Random programs over the whole table, of a few lines mostly, with inputs, all values finite and of moderate size.

    They shrink to few ops on small inputs, and print as Python code. With `near_kinks` an entry comes within 1e-8 of a kink.

    >>> from hypothesis import given
    >>> @given(expressions())
    ... def test_finite(program):
    ...     import numpy as np
    ...     assert np.isfinite(np.asarray(program(*program.inputs))).all()
    >>> test_finite()
    """
    shapes_ = draw(st.integers(1, 3).flatmap(lambda n: broadcastable(n, max_dims=2, max_side=4, min_side=1)))
    program = _Growing([draw(arrays(shape, dtype, wide=False)) for shape in shapes_])
    ops = _drawable()
    for _ in range(max_ops):
        for _ in range(TRIES):  # an op whose shapes or values do not fit is left out for another one
            if program.grow(partial(_lines, draw, program, draw(st.sampled_from(ops)))):
                break
        # a stop of its own after every op, the last one too, so that each op can be dropped alone; in one draw: of several that have
        # to agree, Hypothesis may keep some when it shrinks, and then drops no op
        if draw(st.integers(0, 100)) == 0:
            break
    if near_kinks:
        name, distance = draw(st.sampled_from(["relu", "abs", "maximum", "clip"])), draw(st.sampled_from([-1e-8, -3e-9, 0.0, 5e-9, 1e-8]))
        program.grow(partial(_on_kink, program, name, distance))
    if not program.lines:
        program.grow(partial(program.add, "sum", (0,)))
    return Program(tuple(program.values[: program.inputs]), tuple(program.lines))


class _Growing:
    """A program while it is drawn: its lines, and the value of every one."""

    def __init__(self, inputs: list[Any]) -> None:
        self.values, self.lines, self.inputs = inputs, [], len(inputs)  # type: list[Any], list[Line], int

    def add(self, op: str, operands: tuple[int | float, ...], static: Mapping[str, Any] | None = None) -> int:
        """Append a line and give the number of its value."""
        static = {**registry[op].defaults, **(static or {})}
        values = [self.values[o] if isinstance(o, int) else o for o in operands]
        with np.errstate(all="ignore"):
            self.values.append(np.asarray(registry[op].run(*values, **static)))
        self.lines.append(Line(op, operands, static))
        return len(self.values) - 1

    def grow(self, write: Callable[[], Any]) -> bool:
        """Write some lines; take them back if a value is not finite, too large, or of no entries. Whether they stayed."""
        values, lines = len(self.values), len(self.lines)
        try:
            write()
            new = self.values[values:]
            good = all(v.size and np.isfinite(v).all() and np.abs(v).max() <= BOUND for v in new)
        except (ValueError, IndexError):  # shapes that do not fit
            good = False
        if not good:
            del self.values[values:], self.lines[lines:]
        return good


def _drawable() -> list[Op]:
    """The ops that a random program uses, simple ones first: those with rules of their own that a random operand suits."""
    ops = [op for op in registry.values() if (op.rules or op.variadic) and in_table(op) and op.name not in FLAT | INDIRECT]
    return sorted(ops, key=lambda op: (len(op.domain), op.arity, op.name)) + [registry["where"]]


def _lines(draw: Any, program: _Growing, op: Op) -> None:
    """Append an op on earlier values, brought into its domain first."""
    recent = [i for i, value in enumerate(program.values) if value.dtype.kind == "f"][-3:]
    chosen = [draw(st.sampled_from(recent)) for _ in range(op.arity)]
    if op.variadic:
        chosen.append(draw(st.sampled_from([i for i in recent if program.values[i].shape == program.values[chosen[0]].shape])))
    for i, domain in enumerate(op.domain[: len(chosen)]):
        for name, constant in INTO.get(domain, ()):
            chosen[i] = program.add(name, (chosen[i],) if constant is None else (chosen[i], constant))
    first = program.values[chosen[0]]
    static: dict[str, Any] = {}
    if op.name == "where":
        chosen[0] = program.add("greater", (chosen[0], 0.0625))
    elif op.name == "getitem":
        static = {"index": draw(st.sampled_from(INDICES))}
    elif op.shapes == "axes":
        static = draw(_axes(op, first.shape))
    elif op.cases and op.variadic is None:
        fitting = [{k: v for k, v in case.items() if k != "shapes"} for case in op.cases if case["shapes"][0] == first.shape]
        static = draw(st.sampled_from(fitting or [{k: v for k, v in op.cases[0].items() if k != "shapes"}]))
    elif op.shapes:  # a product of matrices: where the shapes do not fit, with the transposed
        if first.shape[-1:] != program.values[chosen[1]].shape[-2:][:1]:
            chosen[1] = program.add("transpose", (chosen[0],))
    elif op.arity == 2 and draw(st.booleans()):
        program.add(op.name, (chosen[0], draw(st.sampled_from([0.5, 1.5, 2.0]))))
        return
    program.add(op.name, tuple(chosen), static)


def _on_kink(program: _Growing, name: str, distance: float) -> None:
    """Shift the last value so that its first entry comes to that distance of a kink, and apply the kinked op."""
    value = len(program.values) - 1
    shifted = program.add("subtract", (value, float(program.values[value].reshape(-1)[0]) + distance))
    operands: tuple[int | float, ...] = (shifted, 0.0) if name == "maximum" else (shifted,)
    kinked = program.add(name, operands, {"min": 0.0, "max": 1.0} if name == "clip" else None)
    program.add("add", (kinked, value))


def check_gradients(order: int = 1, max_examples: int = 25, **inputs: Strategy) -> Callable[[Callable[..., Any]], Callable[[], None]]:
    """Turn a function of Tensors into a test of its gradients, at inputs drawn by strategies.

    Each keyword names an input and how to draw it (`tensors`, `arrays`, or any other strategy); the function is called with them in
    that order. pytest runs the result as it is; a `GradientMismatch` shows the smallest inputs at which the gradients disagree.

    >>> @check_gradients(x=tensors(shape=(3,)), w=tensors(shape=(3,)))
    ... def test_my_model(x, w):
    ...     return ((x * w).sum().tanh() - 1.0) ** 2
    >>> test_my_model()
    """
    if callable(order):
        raise TypeError("check_gradients takes the inputs to draw: write @check_gradients(x=tensors()) above the function")
    if not inputs:
        raise TypeError("check_gradients needs to know the function's inputs: @check_gradients(x=tensors(), w=tensors(shape=(3,)))")

    def decorate(function: Callable[..., Any]) -> Callable[[], None]:
        @settings(max_examples=max_examples, deadline=None, report_multiple_bugs=False)
        @given(st.tuples(*inputs.values()))
        def check(drawn: tuple[Any, ...]) -> None:
            __tracebackhide__ = True
            try:
                gradcheck(function, *drawn, order=order, names=list(inputs))
            except NotFinite:
                reject()  # too large a number: there is no gradient to check

        @wraps(function, assigned=("__module__", "__name__", "__qualname__", "__doc__"), updated=())
        def test() -> None:
            __tracebackhide__ = True
            check()

        del test.__wrapped__  # pytest would take the arguments for fixtures
        return test

    return decorate
