"""Hypothesis strategies for shapes, arrays, Tensors, and operands that fit each other."""

from __future__ import annotations

from itertools import combinations
from math import prod
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ..engine.domains import LOGICAL, REAL
from ..engine.op import Interval
from ..engine.registry import registry
from ..engine.tensor import Tensor

LARGEST = 3.0  # of the ordinary numbers drawn from an unbounded domain
ENTRIES = 24  # of an array, at most
Strategy = st.SearchStrategy[Any]


@st.composite
def shapes(
    draw: Any, max_dims: int = 4, max_side: int = 6, min_side: int = 0, min_dims: int = 0
) -> tuple[int, ...]:
    """Shapes of arrays, 0-d and of size 0 included, of at most 24 entries."""
    # the simplest first; more often of length 2 and 3 than longer, of length 1 or 0
    sides = [1, *[2, 3] * 3, *range(4, max_side + 1), *range(min_side, 1)]
    sides = [side for side in sides if side <= max_side]
    found = list[int]()
    # by number and not by sampled_from, of which Hypothesis likes to draw equal sides
    for _ in range(draw(st.integers(min_dims, max_dims))):
        side = sides[draw(st.integers(0, len(sides) - 1))]
        found.append(side if side * prod(found) <= ENTRIES else 1)
    return tuple(found)


@st.composite
def arrays(
    draw: Any,
    shape: Any = None,
    dtype: Any = np.float64,
    domain: Interval = REAL,
    wide: bool = True,
) -> Any:
    """Float arrays with entries inside an open interval, away from its ends.

    Most have entries from a grid, 64 numbers to the unit, exact in float16: they shrink to small
    round ones, and seldom tie. With `wide` others have whole numbers, large and tiny ones, −0.0 and
    subnormals among them, as the interval allows, and lie in memory in Fortran order, reversed,
    strided or read-only.
    """
    _refuse_empty(domain)
    shape = (
        draw(shapes())
        if shape is None
        else draw(shape)
        if isinstance(shape, st.SearchStrategy)
        else shape
    )
    if domain == LOGICAL:
        return np.asarray(draw(arrays(shape, wide=False)) > 0)
    sort = draw(st.integers(0, 15)) if wide else 0
    numbers = (
        _whole(domain)
        if sort in (11, 12)
        else _far(domain, np.dtype(dtype))
        if sort >= 13
        else None
    )
    drawn = _on_grid(draw, prod(shape), domain)
    if numbers is not None:  # one of three entries, the others stay ordinary
        drawn = [draw(numbers) if draw(st.integers(0, 2)) == 0 or sort == 11 else n for n in drawn]
    array = np.array(drawn, np.float64).reshape(shape).astype(dtype)
    return draw(layouts(array)) if wide else array


def _refuse_empty(domain: Interval) -> None:
    """An error for what is no open interval."""
    try:
        low, high = domain
        empty = not low < high and domain != LOGICAL
    except (TypeError, ValueError):
        raise TypeError(f"a domain is an open interval, (low, high), not {domain!r}") from None
    if empty:
        raise ValueError(
            f"domain={domain!r} holds no number: "
            "an open interval is (low, high) with low < high, or (-inf, inf)"
        )


def _on_grid(draw: Any, count: int, domain: Interval) -> list[float]:
    """Ordinary numbers inside the interval, as close to 0 as it allows."""
    low, high = (
        max(domain[0], min(domain[1], 0.0) - LARGEST),
        min(domain[1], max(domain[0], 0.0) + LARGEST),
    )
    if not high - low > 1e-6 * max(abs(low), abs(high)):  # so far out that 3 is nothing
        low, high = max(domain[0], low - abs(low)), min(domain[1], high + abs(high))
    unit = 64.0 / 2.0 ** max(0, int(np.frexp(max(abs(low), abs(high)))[1]) - 40)
    while (high - low) * unit < 16:
        unit *= 2
    first, last = int(np.floor(low * unit)) + 4, int(np.ceil(high * unit)) - 4
    return [
        n / unit for n in draw(st.lists(st.integers(first, last), min_size=count, max_size=count))
    ]


def _whole(domain: Interval) -> Strategy | None:
    """Whole numbers inside the interval, −0.0 among them."""
    inside = [
        float(n) for n in (1, 2, -1, 3, 0, -2, 5, -3, 10, -10, 100) if domain[0] < n < domain[1]
    ]
    inside += [-0.0] if domain[0] < 0 < domain[1] else []
    return st.sampled_from(inside) if inside else None


def _far(domain: Interval, dtype: Any) -> Strategy | None:
    """Numbers of every size inside the interval: tiny, subnormal, large, close to its ends."""
    info = np.finfo(dtype)
    top = min(info.maxexp - 1, 60)
    sizes = [
        2.0**k
        for k in (-10, -20, -35, info.minexp // 2, 6, 10, 20, 40, 60)
        if info.minexp <= k <= top
    ]
    sizes += [float(info.tiny), float(info.smallest_subnormal)]
    numbers = [sign * size for size in sizes for sign in (1.0, -1.0)] + [-0.0]
    numbers += [
        end + sign * size
        for end in domain
        if np.isfinite(end) and end
        for size in (2.0**-8, 2.0**-12)
        for sign in (1, -1)
    ]
    inside = [
        n for n in numbers if domain[0] < n < domain[1] and domain[0] < dtype.type(n) < domain[1]
    ]
    return st.sampled_from(inside) if inside else None


@st.composite
def layouts(draw: Any, array: Any) -> Any:
    """The same array as it is, in Fortran order, reversed, strided, or read-only."""
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


def tensors(
    shape: Any = None,
    dtype: Any = np.float64,
    domain: Interval = REAL,
    requires_grad: bool = True,
    wide: bool = True,
) -> Strategy:
    """Tensors of a shape (a tuple, a strategy, or any small one), with entries in an open interval.

    `wide` as for `arrays`.

    >>> from hypothesis import given
    >>> @given(tensors(shape=(2, 3), dtype="float32", domain=(0.0, 1.0)))
    ... def test_inside(t):
    ...     assert t.shape == (2, 3) and t.dtype == "float32"
    ...     assert 0 < t.numpy().min() and t.numpy().max() < 1
    >>> test_inside()
    """
    _refuse_empty(domain)
    return st.builds(
        Tensor, arrays(shape, dtype, domain, wide), requires_grad=st.just(requires_grad)
    )


@st.composite
def broadcastable(
    draw: Any, n: int, max_dims: int = 4, max_side: int = 6, min_side: int = 0, min_dims: int = 0
) -> tuple[tuple[int, ...], ...]:
    """`n` shapes that broadcast together: axes of length 1 and missing axes on either side.

    >>> from hypothesis import given
    >>> import numpy as np
    >>> @given(broadcastable(3))
    ... def test_they_do(shapes):
    ...     np.broadcast_shapes(*shapes)
    >>> test_they_do()
    """
    full = draw(shapes(max_dims, max_side, min_side, min_dims))
    found = []
    for _ in range(n):
        kept = full[max(0, draw(st.integers(-1, len(full) - min_dims))) :]
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
    a, b = draw(core_shapes(registry["matmul"].shapes))
    return draw(arrays(a, dtype, wide=False)), draw(arrays(b, dtype, wide=False))


@st.composite
def core_shapes(draw: Any, signature: str) -> tuple[tuple[int, ...], ...]:
    """Shapes that fit a NumPy signature.

    Axes marked `?` may be missing, and stacks broadcast in front of the others.
    """
    operands = [
        part.strip("()").split(",")
        for part in signature.replace(" ", "").split("->")[0].split("),(")
    ]
    sides = {
        name.rstrip("?"): draw(st.sampled_from([1, 2, 3, 2, 3, 4]))
        for part in operands
        for name in part
    }
    missing, stacked = draw(st.sampled_from(_combinations(operands)))
    core = [
        tuple(sides[name.rstrip("?")] for name in part if name and name not in missing)
        for part in operands
    ]
    stacks = draw(broadcastable(len(core), max_dims=2, max_side=2, min_dims=1))
    return tuple(
        (stack if i in stacked else ()) + c
        for i, (stack, c) in enumerate(zip(stacks, core, strict=True))
    )


def _combinations(operands: list[list[str]]) -> list[tuple[set[str], set[int]]]:
    """Which optional axes are missing and which operands are stacks: each way once.

    So all are drawn as often.
    """
    optional = sorted({name for part in operands for name in part if name.endswith("?")})
    ways: list[tuple[set[str], set[int]]] = []
    for missing in _subsets(optional):
        whole = [i for i, part in enumerate(operands) if missing.isdisjoint(part)]
        ways += [(missing, stacked) for stacked in _subsets(whole)]
    return ways


def _subsets(items: list[Any]) -> list[set[Any]]:
    """All subsets, the smallest first."""
    return [set(some) for n in range(len(items) + 1) for some in combinations(items, n)]
