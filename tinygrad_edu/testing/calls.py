"""Hypothesis strategies for calls of an op: operands and static arguments, away from its kinks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st

from ..engine.domains import REAL
from ..engine.op import Op
from .kinks import kinks_of
from .strategies import LARGEST, Strategy, arrays, broadcastable, core_shapes, layouts, shapes


@st.composite
def op_calls(
    draw: Any, op: Op, dtype: Any = np.float64, wide: bool = False
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Operands and static arguments for an op, as its row of the table says.

    Shapes follow from its signature or cases, values from its domain, away from its kinks. The
    operands are arrays; a Python number may stand as the second of two. `wide` as for `arrays`.

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
        static.update(draw(axes_of(op, shape)))
    elif op.shapes:
        operand_shapes = draw(core_shapes(op.shapes))
    else:
        operand_shapes = draw(broadcastable(op.arity))
    domains = (*op.domain, *[REAL] * len(operand_shapes))
    operands = [
        draw(arrays(shape, dtype, domain, wide))
        for shape, domain in zip(operand_shapes, domains, strict=False)
    ]
    if op.fits is not None:
        operands = [*op.fits(*operands)]
    is_binary = op.arity == 2 and op.rules and not op.shapes and not op.cases
    if is_binary and draw(st.integers(0, 2)) == 2:
        low, high = domains[1]
        operands[1] = draw(st.sampled_from([n for n in (0, 1, 2, 3, -1.0, 0.5) if low < n < high]))
    try:
        moved = _moved_off_kinks(op, operands, static)
    except ValueError:
        if not wide:
            raise
        reject()  # among large numbers kinks may lie as close as the numbers do
    if wide and not are_ordinary(moved) and not _scales(op, moved, static):
        reject()  # kinks at whole numbers, say, lie too close on such a scale
    return tuple(
        draw(layouts(x)) if wide and isinstance(x, np.ndarray) else x for x in moved
    ), static


def are_ordinary(operands: Sequence[Any]) -> bool:
    """Whether all numbers are of a size that an op should have values at."""
    return all(
        bool(((x == 0) | ((np.abs(x) > 0.01) & (np.abs(x) <= 2 * LARGEST))).all()) for x in operands
    )


def _scales(op: Op, operands: Sequence[Any], static: Mapping[str, Any]) -> bool:
    """Whether twice the operands lie twice as far from all kinks, as for a maximum."""
    twice = kinks_of(
        op, [2 * x if np.asarray(x).dtype.kind == "f" else x for x in operands], static
    )
    return all(
        np.array_equal(2 * k, kk, equal_nan=True)
        for k, kk in zip(kinks_of(op, operands, static), twice, strict=True)
    )


def away_from_kinks(op: Op, dtype: Any = np.float64) -> Strategy:
    """Operands for an op at which it is differentiable: away from every kink that it declares.

    >>> import numpy as np, tinygrad_edu as tg
    >>> from hypothesis import given
    >>> @given(away_from_kinks(tg.relu))
    ... def test_not_zero(operands):
    ...     assert (np.abs(operands[0]) > 0.01).all()
    >>> test_not_zero()
    """
    return op_calls(op, dtype).map(lambda call: call[0])


@st.composite
def axes_of(draw: Any, op: Op, shape: tuple[int, ...]) -> dict[str, Any]:
    """Static arguments of a reduction: an axis of any form, keepdims, and ddof.

    ddof is 1 only where more than one entry is reduced.
    """
    ndim = len(shape)
    one = st.integers(-ndim, ndim - 1) if ndim else st.none()
    several = st.lists(st.sampled_from(range(ndim)), unique=True).map(tuple) if ndim else st.none()
    axis = draw(st.one_of(st.none(), one, several))
    reduced = np.zeros(shape).sum(axis=axis).size
    static = {
        "axis": axis,
        "keepdims": draw(st.booleans()),
        "ddof": draw(st.integers(0, int(prod(shape) > reduced))),
    }
    return {key: value for key, value in static.items() if key in op.static}


def _moved_off_kinks(op: Op, operands: list[Any], static: Mapping[str, Any]) -> list[Any]:
    """The operands, each entry shifted by an amount of its own, until no kink is near."""
    for attempt in range(100):
        moved = [_shifted(x, 31 * k + 1, attempt) for k, x in enumerate(operands)]
        if all(np.abs(kink).min(initial=1.0) > 0.01 for kink in kinks_of(op, moved, static)):
            return moved
    raise ValueError(f"{op.name} has kinks at every point that was tried: look at its `kinks`")


def _shifted(x: Any, first: int, attempt: int) -> Any:
    """The array with its entries shifted apart, by amounts between 0 and 0.37.

    They depend on the attempt; at the first nothing is shifted.
    """
    if not isinstance(x, np.ndarray) or x.dtype.kind != "f":
        return x
    if not attempt:
        return x
    return np.asarray(
        x + np.arange(first, first + x.size).reshape(x.shape) * 0.617 * attempt % 0.37, x.dtype
    )
