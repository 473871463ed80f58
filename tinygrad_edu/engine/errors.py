"""NumPy's errors in the words of whoever called an op: the operands' names and shapes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import names as _names
from .op import Op, Recorded
from .recorder import listening
from .validation import reworded, short


def retried(op: Op, error: Exception, args: Sequence[Any], static: Mapping[str, Any]) -> Any:
    """What the op gives for values, where it failed on what stands for them in a program.

    Else its error, explained.
    """
    try:
        found = [r.run_again(op, tuple(args), static) for r in listening()]
    except Exception as second:
        raise explained(op, second, args, static) from None
    y = next((y for y in found if y is not None), None)
    if y is None:
        raise explained(op, error, args, static) from None
    return y


def explained(
    op: Op, error: Exception, args: Sequence[Any], static: Mapping[str, Any]
) -> Exception:
    """NumPy's error, with the names and shapes of the operands."""
    if len(args) < op.arity and op.variadic is None:
        return TypeError(
            f"{op.name} takes {op.arity} operand{'s'[: op.arity > 1]}, {len(args)} given"
        )
    missing = [name for name in op.static if name not in static]
    if missing:
        takes, lacks = " and ".join(op.static), " and ".join(missing)
        return TypeError(f"{op.name} of a Tensor takes {takes}: {lacks} is missing")
    operands = [f"{_called(a, i)} of shape {np.shape(a)}" for i, a in enumerate(args, 1)]
    more = "".join(f", {name}={short(value)}" for name, value in static.items())
    text = f"{op.name} cannot take {' and '.join(operands) or 'nothing'}{more}"
    if not op.is_plain:  # a user's function: its error, which may be of any kind, says where in it
        error.add_note(text)
    elif isinstance(error, (ValueError, TypeError, IndexError)):
        return reworded(error, f"{text}: {_why(op, args) or error}")
    return error


def _why(op: Op, args: Sequence[Any]) -> str | None:
    """Why the function does not take the operands, if their shapes or dtypes show it."""
    # no interval: booleans
    conditions = [a for a, (low, high) in zip(args, op.domain, strict=False) if low == high]
    kinds = [np.asarray(getattr(a, "_array", a)).dtype.kind for a in conditions]
    if any([kind not in "biu" for kind in kinds]):
        dtypes = {str(getattr(a, "dtype", type(a).__name__)): None for a in args}
        return (
            f"it takes booleans and integers, not {' and '.join(dtypes)}; "
            "compare first, as in (a > 0) | (b > 0)"
        )
    return unequal_lengths(op.shapes, args) if op.shapes else None


def _called(a: Any, i: int) -> str:
    """How a message calls operand `i`: its name, or the op that made it."""
    made = a.label() if isinstance(a, Recorded) and a._op else f"operand {i}"
    return _names.of(a) or made


def unequal_lengths(shapes: str, args: Sequence[Any]) -> str | None:
    """Which axes would have to be equally long, by a signature as NumPy writes them.

    "(n?,k),(k,m?)->(n?,m?)", say.
    """
    lengths: dict[str, int] = {}
    cores = re.findall(r"\((.*?)\)", shapes.partition("->")[0])
    for given, core in zip(args, cores, strict=False):
        axes = [axis for axis in core.split(",") if axis]
        if np.ndim(given) < len(axes):
            axes = [axis for axis in axes if not axis.endswith("?")]
        if np.ndim(given) < len(axes):
            return f"it takes vectors and matrices {shapes}, for a number write *"
        last = np.shape(given)[np.ndim(given) - len(axes) :]
        for axis, n in zip(axes, last, strict=True):
            if lengths.setdefault(axis, n) != n:
                return (
                    f"it takes {shapes}, and here {axis.strip('?')} is {lengths[axis]} and {n}; "
                    ".T swaps the axes of a matrix, .reshape(-1, 1) makes a column"
                )
    return None
