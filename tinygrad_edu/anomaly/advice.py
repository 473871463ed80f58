"""What to write instead, for an op that made what is not finite: why, and code to be pasted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..engine.op import Op
from ..engine.tensor import Tensor
from ..graph import value_of
from ..ops.elementwise import exp
from ..ops.stable import Advice, filled, outside
from .overflow import stable_spelling
from .spelling import Speller


def after_forward(
    op: Op,
    args: Sequence[Any],
    static: Mapping[str, Any],
    at: tuple[int, ...],
    line: str,
    s: Speller,
) -> Advice:
    """What to write instead, for the op that made a number that is not finite."""
    given = [a for a in args if isinstance(a, np.ndarray) or (type(a) is Tensor and a.op is None)]
    unclean = [a for a in given if value_of(a).dtype.kind == "f" and np.isnan(value_of(a)).any()]
    if unclean:
        x = s(unclean[0])
        why = f"{s.prose(unclean[0])} holds nan before any op: clean the data, or leave them out"
        return Advice(why, filled("tg.where(np.isnan({}), 0.0, {})", x, x), x)
    empty = [a for a in args if value_of(a).size == 0]
    if empty:
        return Advice(
            f"{s.prose(empty[0])} has shape {np.shape(empty[0])}, no entries: "
            "leave it out where its .size is 0"
        )
    if op is exp:
        return _overflow(args[0], line, s)
    masked = _all_minus_infinity(args, static)
    if masked:
        return masked
    known = op.instead(s, args, static, at) if op.instead is not None else None
    return known or outside(op, s, args) or _grew(args)


def after_backward(op: Op, i: int, args: Sequence[Any], s: Speller) -> Advice:
    """What to write instead, for the op whose rule gave a gradient that is not finite."""
    known = op.instead_of_slope(s, i, args) if op.instead_of_slope is not None else None
    return known or outside(op, s, args) or _grew(args)


def _overflow(x: Any, line: str, s: Speller) -> Advice:
    found = stable_spelling(line)
    if found is not None:
        return Advice(*found)
    return Advice(
        "tg.softmax, tg.logsumexp, tg.softplus and tg.sigmoid are finite "
        "where the exponentials that they are made of are not: "
        f"use the one that is meant, or keep {s.prose(x)} smaller"
    )


def _all_minus_infinity(args: Sequence[Any], static: Mapping[str, Any]) -> Advice | None:
    """The advice for rows in which a mask leaves nothing."""
    x = value_of(args[0]) if args else np.zeros(0)
    if "axis" not in static or x.dtype.kind != "f":
        return None
    if not np.isneginf(np.max(x, axis=static["axis"], initial=-np.inf)).any():
        return None
    return Advice(
        "all that is added up in one place is -inf: a mask leaves nothing there; "
        "let it leave at least one entry, or leave that row out"
    )


def _grew(args: Sequence[Any]) -> Advice:
    kinds = [value_of(a).dtype for a in args if value_of(a).dtype.kind == "f"]
    dtype: Any = np.result_type(*kinds) if kinds else np.dtype(float)
    return Advice(
        f"the numbers outgrew {dtype}, whose largest is {np.finfo(dtype).max:.3g}: "
        "try a smaller learning rate, smaller weights, or inputs of size 1"
    )
