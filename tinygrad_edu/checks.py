"""What may be in a Tensor, and how messages show what may not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from . import leaving
from ._methods import Methods

if TYPE_CHECKING:  # numpy.typing takes a tenth of NumPy's own import time
    from numpy.typing import DTypeLike, NDArray

Array: TypeAlias = "NDArray[Any]"


def numeric(data: Any, dtype: DTypeLike | None = None) -> Array:
    """The array of real numbers that `data` spells; a TypeError or ValueError that says what it is instead."""
    if isinstance(data, Methods):
        data = leaving.value(data)  # type: ignore[arg-type]
    try:
        array = np.asarray(data, dtype)
    except (ValueError, TypeError) as error:
        raise retold(error, f"{short(data)} is not an array of numbers ({error}); rows must have equal lengths") from None
    masked = isinstance(data, np.ndarray) and hasattr(data, "mask")  # np.ma.MaskedArray, which takes 20 ms to import
    if array.dtype.kind not in "fiub" or masked:
        if array.dtype == object and any(isinstance(entry, Methods) for entry in array.flat):
            raise TypeError("an array of Tensors is not a Tensor: write tg.stack(list(a))")
        kind = "is a masked array" if masked else f"is a {type(data).__name__}" if array.dtype == object else f"has dtype {array.dtype}"
        raise TypeError(f"{short(data)} {kind}, and a Tensor holds real numbers or booleans: {_instead(data, array, masked)}")
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
    """An op's argument that is no Tensor: a Python number stays as it is (NumPy keeps float32 * 2.0 in float32)."""
    if type(value) in (float, int, bool):
        return value
    if isinstance(value, (list, tuple)):
        leaving.refuse_in(value)
    if value is None or isinstance(value, (str, bytes, dict, set)) or callable(value):
        none = "; the .grad of a tensor is None until backward() has run" if value is None else ""
        raise TypeError(f"an operand must be a Tensor, an array or a number, not {type(value).__name__}: {short(value)}{none}")
    if isinstance(value, np.matrix):
        raise TypeError("a np.matrix multiplies by rows and columns where an array multiplies entries: write np.asarray(m)")
    if hasattr(value, "toarray"):
        raise TypeError(f"{type(value).__name__} is a sparse array, which has no gradients here: write a.toarray()")
    return numeric(value)


def retold(error: Exception, text: str) -> Exception:
    """An error of the same kind with another text; some of NumPy's own kinds cannot be made from a text alone."""
    try:
        return type(error)(text)
    except TypeError:
        return next(kind for kind in (TypeError, IndexError, ValueError, Exception) if isinstance(error, kind))(text)


@contextmanager
def in_our_words() -> Iterator[None]:
    """Show what a Tensor said where NumPy puts "setting an array element with a sequence" before it, as in `out[i] = t`."""
    try:
        yield
    except ValueError as error:
        cause = error.__cause__
        if cause is None or not str(error).startswith("setting an array element"):
            raise
        error.__cause__ = None  # each would be the reason of the other
        raise cause from None


def read_only(array: Array) -> Array:
    """A view of an array that cannot be written to."""
    view = array.view()
    view.flags.writeable = False
    return view


def short(value: Any) -> str:
    """`value` in one line of at most 60 characters, for error messages."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."
