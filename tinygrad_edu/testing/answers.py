"""What a formula by hand gives, read as gradients of the inputs, or what is wrong with it."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np

from ..engine.pytree import leaves, tree_map
from ..engine.recording import enable_grad
from ..engine.validation import numeric, short
from ..graph import value_of
from .parameters import Parameter


@dataclass(frozen=True)
class Answer:
    """The gradient by hand for one input, or what is wrong with it."""

    gradient: Any = None
    problem: str = ""
    # numbers that do not fit the input, to look whether they are the gradient in another form
    other: Any = None


def answers(
    by_hand: Callable[..., Any],
    inputs: Sequence[Any],
    wanted: Sequence[Parameter],
    known: Sequence[str],
) -> list[Answer]:
    """What `by_hand` gives for the parameters, in their order."""
    try:
        with enable_grad(), np.errstate(all="ignore"):
            result = by_hand(*[tree_map(_array, tree) for tree in inputs])
    except Exception as error:  # a student's program, whatever is wrong with it
        at = traceback.extract_tb(error.__traceback__)[-1]
        where = f" in line {at.lineno}, `{at.line}`" if at.line else ""
        problem = f"by hand raises {type(error).__name__}: {error}{where}"
        return [Answer(problem=problem)] * len(wanted)
    if result is None:
        problem = "by hand gives None: does the function end with `return`?"
        return [Answer(problem=problem)] * len(wanted)
    if isinstance(result, dict):
        return _by_name(result, wanted, known)
    if len(wanted) == 1 and (not isinstance(result, (tuple, list)) or _fits(result, wanted[0])):
        return [_answer(result, wanted[0])]
    if isinstance(result, (tuple, list)) and len(result) == len(wanted):
        return [_answer(value, p) for value, p in zip(result, wanted, strict=True)]
    values = [value for _, value in leaves(result)]
    if len(values) == len(wanted):
        return [_answer(value, p) for value, p in zip(values, wanted, strict=True)]
    count = len(result) if isinstance(result, (tuple, list)) else 1
    names = ", ".join(p.name for p in wanted)
    inputs_ = f"{len(wanted)} input{'s'[: len(wanted) != 1]} {names}"
    problem = (
        f"by hand gives {count} gradient{'s'[: count != 1]} for the {inputs_}: "
        "return one array for each, in this order"
    )
    return [Answer(problem=problem)] * len(wanted)


def _array(x: Any) -> Any:
    """What the formula is given: arrays of its own; numbers stay as they are."""
    return np.array(value_of(x)) if hasattr(x, "shape") else x


def _by_name(
    result: dict[Any, Any], wanted: Sequence[Parameter], known: Sequence[str]
) -> list[Answer]:
    """The answers of a dict by name, or of one that has the structure of the first input."""
    by_name: dict[str, Any] = {str(key): value for key, value in result.items()}
    by_name |= {f"{name}{path}": value for name in known[:1] for path, value in leaves(result)}
    by_name |= {f"{name}{path}": value for name in result for path, value in leaves(result[name])}
    found = []
    for p in wanted:
        if p.name in by_name:
            found.append(_answer(by_name[p.name], p))
            continue
        unused = [str(key) for key in result if str(key) not in {q.name for q in wanted}]
        close = get_close_matches(p.name, unused, 1, 0.4)
        gave = ", ".join(map(repr, result)) or "nothing"
        meant = f"; did you mean {close[0]!r} to be {p.name!r}?" if close else ""
        found.append(Answer(problem=f"by hand gives no gradient for {p.name}, only {gave}{meant}"))
    return found


def _fits(value: Any, parameter: Parameter) -> bool:
    """Whether a list of numbers is one gradient, and no list of one."""
    try:
        shape = np.shape(value)
    except ValueError:
        return False
    return shape == parameter.value.shape or (
        len(value) != 1 and len(shape) > 0 and np.ndim(value[0]) == 0
    )


def _answer(value: Any, parameter: Parameter) -> Answer:
    """One gradient, if it is one that fits."""
    name, shape = parameter.name, parameter.value.shape
    if value is None:
        return Answer(problem=f"by hand gives None for {name}: return an array of shape {shape}")
    try:
        array = numeric(value, np.float64)
    except (TypeError, ValueError):
        problem = f"by hand gives {short(value)} for {name}, which is no array of numbers"
        return Answer(problem=problem)
    if array.shape != shape:
        problem = f"by hand gives shape {array.shape} for {name} of shape {shape}"
        return Answer(problem=problem, other=array)
    return Answer(array)


# -- what would mend it ----------------------------------------------------------------------------


def mended_by(wrong: Any, right: Any) -> str:
    """What a wrong gradient has to do with the right one, in words that show the mistake.

    An empty string if nothing is seen.
    """
    with np.errstate(all="ignore"):
        if wrong.shape != right.shape:
            return _reshaped(wrong, right)
        is_square = right.ndim == 2 and right.shape[0] == right.shape[1] > 1
        if is_square and _equal(wrong.T, right):
            return "; transposed?"
        ratio = _ratio(wrong, right)
        if ratio is None:
            return ""
        return f"; every entry is {ratio:.6g} times what it should be{_meaning(ratio)}"


def _reshaped(wrong: Any, right: Any) -> str:
    """How numbers of another shape become the right gradient."""
    if wrong.ndim == 2 and wrong.T.shape == right.shape:
        differ = "" if _equal(wrong.T, right) else " (the values differ as well)"
        return f": transposed?{differ}"
    if wrong.size == right.size and _equal(wrong.reshape(right.shape), right):
        return f": the values are right, `.reshape({right.shape})` them"
    for axis in range(wrong.ndim):
        if wrong.sum(axis=axis).shape == right.shape and _equal(wrong.sum(axis=axis), right):
            return f": its sum over axis {axis} is right"
    return ": a gradient has the shape of its input"


def _equal(a: Any, b: Any) -> bool:
    off, size = np.abs(a - b).max(initial=0.0), np.abs(b).max(initial=0.0)
    return bool(off <= 1e-6 * size) and bool(size)


def _ratio(wrong: Any, right: Any) -> float | None:
    """By what factor all entries are off, if that is one number and not 1."""
    seen = np.abs(right) > 1e-6 * np.abs(right).max(initial=0.0)
    if seen.sum() < 2 or not np.isfinite(wrong).all():
        return None
    ratio = float((wrong[seen] * right[seen]).sum() / (right[seen] * right[seen]).sum())
    return ratio if ratio and abs(ratio - 1) > 1e-7 and _equal(wrong, ratio * right) else None


def _meaning(ratio: float) -> str:
    """The usual mistake that gives this factor."""
    size, sign = abs(ratio), " and the sign" if ratio < 0 else ""
    if abs(size - 1) < 1e-5:
        return ": the sign?" if ratio < 0 else ""
    if abs(size - 2) < 1e-5 or abs(size - 0.5) < 1e-6:
        return f": a factor 2{sign}, or 1/n for two rows?"
    n = round(size if size > 1 else 1 / size)
    whole = abs((size if size > 1 else 1 / size) - n) < 1e-5 * n
    return f": 1/n for {n} rows{sign}?" if whole else ""
