"""What may be in a Tensor, and how messages show what may not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from . import leaving
from .op import Array, Recorded

if TYPE_CHECKING:  # numpy.typing takes a tenth of NumPy's own import time
    from numpy.typing import DTypeLike


def numeric(data: Any, dtype: DTypeLike | None = None) -> Array:
    """The array of real numbers that `data` spells.

    A TypeError or ValueError that says what it is instead.
    """
    if isinstance(data, Recorded):
        data = leaving.value(data)
    if dtype is not None:
        dtype = np.dtype(dtype)  # what is wrong with it is not the data's fault
    try:
        array = np.asarray(data, dtype)
    except (ValueError, TypeError) as error:
        text = f"{short(data)} is not an array of numbers ({error}); rows must have equal lengths"
        raise reworded(error, text) from None
    # np.ma.MaskedArray, which takes 20 ms to import
    masked = isinstance(data, np.ndarray) and hasattr(data, "mask")
    if array.dtype.kind not in "fiub" or masked:
        if array.dtype == object and any(isinstance(entry, Recorded) for entry in array.flat):
            raise TypeError("an array of Tensors is not a Tensor: write tg.stack(list(a))")
        is_object = array.dtype == object
        kind = f"is a {type(data).__name__}" if is_object else f"has dtype {array.dtype}"
        kind = "is a masked array" if masked else kind
        raise TypeError(
            f"{short(data)} {kind}, and a Tensor holds real numbers or booleans: "
            f"{_instead(data, array, masked)}"
        )
    return array


def _instead(data: Any, array: Array, masked: bool) -> str:
    """What to write for numbers that a Tensor does not hold, or that come in another guise."""
    if masked:
        return "write a.filled(0.0), and the mask as an array of its own"
    if array.dtype.kind == "c":
        return "write z.real and z.imag, two Tensors"
    if array.dtype.kind in "US":
        return "write np.array(data, float) if it spells numbers"
    if array.dtype.kind in "mM":
        return "write a / np.timedelta64(1, 's'), the time in a unit"
    if isinstance(data, Mapping):
        return "write one for each of its values"
    if data is None or (array.ndim and any(entry is None for entry in array.flat)):
        return "None is no number; the .grad of a tensor is None until backward() has run"
    if isinstance(data, Iterable) and not array.ndim:
        return "write list(data) first"
    return "write its numbers; parameters come in dicts, lists, tuples or dataclasses"


def operand(value: Any) -> Any:
    """An op's argument that is no Tensor.

    A Python number stays as it is: NumPy keeps float32 * 2.0 in float32.
    """
    if type(value) in (float, int, bool):
        return value
    if isinstance(value, (list, tuple)):
        leaving.refuse_in(value)
        if not value:  # losses += loss
            raise TypeError(
                "an operand must be a Tensor, an array or a number, "
                f"not an empty {type(value).__name__}: .append(t) to a list"
            )
    if value is None or isinstance(value, (str, bytes, dict, set)) or callable(value):
        given = f"{type(value).__name__}: {short(value)}{_meant(value)}"
        raise TypeError(f"an operand must be a Tensor, an array or a number, not {given}")
    if isinstance(value, np.matrix):
        raise TypeError(
            "a np.matrix multiplies by rows and columns where an array multiplies entries: "
            "write np.asarray(m)"
        )
    if hasattr(value, "toarray"):
        raise TypeError(
            f"{type(value).__name__} is a sparse array, which has no gradients here: "
            "write a.toarray()"
        )
    return numeric(value)


def _meant(value: Any) -> str:
    """What may have been meant by an operand that is None, a text or a function."""
    if value is None:
        return "; the .grad of a tensor is None until backward() has run"
    if isinstance(value, str):
        return '; in a text write f"{t}", or f"{t:.3f}" of a single number'
    return call_it(value) if callable(value) else ""


def call_it(function: Any) -> str:
    """What to write where a function was given in place of what it returns."""
    name = getattr(function, "__name__", "")
    return f"; call it, write {name if name.isidentifier() else 'f'}(...)"


def reworded(error: Exception, text: str) -> Exception:
    """An error of the same kind with another text, or of the next wider one.

    Some kinds, NumPy's own among them, cannot be made from a text alone.
    """
    try:
        return type(error)(text)
    except Exception:
        wider = (TypeError, IndexError, ValueError, Exception)
        return next(kind for kind in wider if isinstance(error, kind))(text)


@contextmanager
def in_our_words() -> Iterator[None]:
    """Show what a Tensor said where NumPy puts its "setting an array element ..." before it.

    As in `out[i] = t`.
    """
    try:
        yield
    except ValueError as error:
        cause = error.__cause__
        if cause is None or not str(error).startswith("setting an array element"):
            raise
        error.__cause__ = None  # each would be the reason of the other
        raise cause from None


def short(value: Any) -> str:
    """`value` in one line of at most 60 characters, for error messages."""
    text = re.sub(r" at 0x[0-9a-f]+", "", " ".join(repr(value).split()), flags=re.IGNORECASE)
    return text if len(text) <= 60 else text[:57] + "..."
