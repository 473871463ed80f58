"""Parts of a tensor, and new tensors with parts changed.

An index is anything that NumPy takes; it is static.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.broadcasting import stretched
from ..engine.define import op
from ..engine.primitive import Primitive
from ..engine.recording import entries_at
from ..engine.tensor import Tensor
from .cases import case
from .elementwise import only

_ROWS = np.array([0, 2, 2])
_MASK = np.array([True, False, True])


def _is_basic(index: Any) -> bool:
    """Whether an index selects each entry at most once, as slices and numbers do."""
    parts = index if type(index) is tuple else (index,)
    # True and False, which are ints too, select all or nothing: a mask without axes
    return all(
        p is None
        or p is Ellipsis
        or (isinstance(p, (int, np.integer, slice)) and p is not True and p is not False)
        for p in parts
    )


def _scatter(x: Any, index: Any, shape: tuple[int, ...]) -> Any:
    y = np.zeros(shape, x.dtype if _is_basic(index) else _wide(x))
    if _is_basic(index):
        y[index] = x
        return y
    flat = _places(index, shape)
    if flat is None:
        np.add.at(y, index, x)
    else:  # ten times faster
        np.add.at(y.reshape(-1), flat.reshape(-1), np.broadcast_to(x, flat.shape).reshape(-1))
    return y.astype(x.dtype, copy=False)


def _places(index: Any, shape: tuple[int, ...]) -> Any:
    """Where each entry lies among all of them, if an index has whole numbers for every axis."""
    if type(index) is not tuple or len(index) != len(shape):
        return None
    parts = [np.asarray(part) for part in index if isinstance(part, (int, np.integer, np.ndarray))]
    if len(parts) < len(shape) or any([part.dtype.kind not in "iu" for part in parts]):
        return None
    flat: Any = 0
    for part, n in zip(parts, shape, strict=True):
        if not part.size or part.max() >= n or part.min() < -n:
            return None  # for NumPy to refuse
        flat = flat * n + (part if part.min() >= 0 else np.where(part < 0, part + n, part))
    return flat


def _wide(x: Any) -> Any:
    """The dtype to add up in: an index may repeat, and in float16 2,048 + 1 is 2,048."""
    return np.float32 if x.dtype.char == "e" else x.dtype


def _writable(x: Any, value: Any) -> Any:
    """A copy of `x`; of integers as floats, where floats will be written."""
    return x.astype(x.dtype if x.dtype.kind == "f" else np.result_type(x, value))


def _set(x: Any, value: Any, index: Any) -> Any:
    y = _writable(x, value)
    y[index] = value
    return y


def _add(x: Any, value: Any, index: Any) -> Any:
    y = _writable(x, value)
    entries = y[index]
    value = _fitting(value, np.shape(entries))
    if not _is_basic(index):
        wide = y.astype(_wide(y), copy=False)
        np.add.at(wide, index, value)
        return wide.astype(y.dtype, copy=False)
    if type(entries) is np.ndarray:
        # a view; np.add.at is slower, and crashes if the value has an axis too many
        np.add(entries, value, entries, casting="unsafe")
    else:
        y[index] = entries + value
    return y


def _fitting(value: Any, place: tuple[int, ...]) -> Any:
    """A value that broadcasts to the shape of the entries at an index.

    Leading axes of length 1 may be too many, as in NumPy.
    """
    value = np.asarray(value)
    while value.ndim > len(place) and value.shape[0] == 1:
        value = value[0]
    sides = zip(value.shape[::-1], place[::-1], strict=False)
    if value.ndim > len(place) or any([n not in (1, m) for n, m in sides]):
        raise ValueError(
            f"the index selects entries of shape {place}, "
            f"and a value of shape {value.shape} does not broadcast to it"
        )
    return value


def _written(g: Any, shape: tuple[int, ...], index: Any) -> Any:
    """The gradient of what was written at the index and stayed; where one repeats, the last."""
    return g[index] if _is_basic(index) else only(_last(shape, index), g[index])


def _at_value(g: Any, v: Any) -> Any:
    """A gradient at the entries of an index as one at the value that was broadcast to them.

    The value may have leading axes too many.
    """
    shape = np.shape(v)
    axes = stretched(g.shape, shape[max(0, len(shape) - g.ndim) :])
    g = g.sum(axis=axes) if axes else g
    return g if g.shape == shape else g.reshape(shape)


def _last(shape: tuple[int, ...], index: Any) -> Any:
    """Which of the written entries stay."""
    ticket = np.zeros(shape, np.intp)
    places = ticket[index].shape
    tickets = np.arange(np.prod(places, dtype=np.intp)).reshape(places)
    ticket[index] = tickets
    return ticket[index] == tickets


def selects_all(index: Any) -> bool:
    """Whether an index selects everything, and adds axes at most."""
    parts = index if type(index) is tuple else (index,)
    return all(p is None or p is Ellipsis or (type(p) is slice and p == slice(None)) for p in parts)


def _latex_of_scatter(index: Any, shape: tuple[int, ...]) -> str:
    return "{}" if selects_all(index) else r"{} \operatorname{{at}} [{index}]"


_WRITTEN = (
    case((3,), (), index=1),
    case((3, 2), (2,), index=slice(0, 2)),
    case((4,), (3,), index=_ROWS),
)

# x: the tensor; v: what is written into it
# fmt: off
getitem   = op(lambda x, index: x[index],
               lambda g, y, x, index: scatter.apply(g, index=index, shape=x.shape),
               name="getitem", write="{}[{index}]",
               latex=lambda index: "{}" if selects_all(index) else "{}[{index}]",
               cases=(case((3,), index=1), case((3, 2), index=(slice(None, None, -1), None, 1)),
                      case((3, 2), index=_ROWS), case((3, 3), index=(_ROWS, slice(None))),
                      case((3, 2), index=_MASK), case((4, 3), index=(Ellipsis, _ROWS))),
               doc="The entries at an index.")
scatter: Primitive = op(_scatter,
               lambda g, y, x, index, shape: g[index],
               name="scatter", latex=_latex_of_scatter,
               cases=(case((2,), index=slice(1, 3), shape=(4,)),
                      case((3,), index=_ROWS, shape=(4,))),
               doc="Zeros of a shape, with the entries added at an index: "
                   "the reverse of taking them from there.")
index_set: Primitive = op(_set,
               lambda g, y, x, v, index: index_set.apply(g, 0.0, index=index),
               lambda g, y, x, v, index: _at_value(_written(g, x.shape, index), v),
               name="index_set", cases=_WRITTEN,
               doc="A copy with the entries at an index replaced: t.at[index].set(v).")
index_add = op(_add,
               lambda g, y, x, v, index: g,
               lambda g, y, x, v, index: _at_value(g[index], v),
               name="index_add", cases=_WRITTEN,
               doc="A copy with values added at an index: t.at[index].add(v).")
# fmt: on

for _op in (getitem, scatter, index_set, index_add):  # t[i], and t.at[i]
    _op.is_public = False


def _entries(t: Tensor, index: Any) -> Tensor:
    """t[index]; while a program is recorded, the index may be known only when it runs."""
    found: Tensor | None = entries_at(t, index)
    return getitem.call(t, index) if found is None else found


_entries.__name__, _entries.__qualname__ = getitem.name, "Tensor.getitem"
_entries.__doc__ = getitem.doc
Tensor.__getitem__ = _entries  # type: ignore[method-assign, assignment]
