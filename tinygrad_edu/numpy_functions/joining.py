"""Arrays joined, and taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..engine.overrides import implements
from ..engine.tensor import Tensor
from ..functions import as_tensor
from ..ops.shape import concatenate, moveaxis
from .shaping import _layers, along, length, row, rows


@implements(np.vstack)
def _vstack(tup: Any) -> Any:
    return concatenate([rows(as_tensor(a)) for a in tup])


@implements(np.hstack)
def _hstack(tup: Any) -> Any:
    tensors = [row(as_tensor(a)) for a in tup]
    return concatenate(tensors, axis=int(tensors[0].ndim > 1))


@implements(np.dstack)
def _dstack(tup: Any) -> Any:
    return concatenate([_layers(as_tensor(a)) for a in tup], axis=2)


@implements(np.column_stack)
def _column_stack(tup: Any) -> Any:
    return concatenate([t if t.ndim > 1 else t.reshape(-1, 1) for t in map(as_tensor, tup)], axis=1)


@implements(np.block)
def _block(arrays: Any) -> Any:
    def depth(a: Any) -> int:
        return 1 + depth(a[0]) if isinstance(a, list) else 0

    def widened(t: Tensor, ndim: int) -> Any:
        return t.reshape((*[1] * (ndim - t.ndim), *t.shape))

    def joined(a: Any, axis: int) -> Any:
        if not isinstance(a, list):
            return widened(as_tensor(a), ndim)
        return concatenate([joined(inner, axis + 1) for inner in a], axis=axis)

    def most_axes(a: Any) -> int:
        return max(map(most_axes, a)) if isinstance(a, list) else np.ndim(a)

    nested = depth(arrays)
    ndim = max(nested, most_axes(arrays))
    return joined(arrays, ndim - nested)


@implements(np.append)
def _append(arr: Any, values: Any, axis: int | None = None) -> Any:
    parts = [as_tensor(arr), as_tensor(values)]
    return concatenate([t.reshape(-1) for t in parts] if axis is None else parts, axis=axis or 0)


@implements(np.array_split)
def _array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    t = as_tensor(ary)
    parts = np.array_split(np.arange(length(t, axis)), indices_or_sections)
    starts = [int(part[0]) if part.size else 0 for part in parts]
    return [
        along(t, axis, slice(start, start + part.size))
        for start, part in zip(starts, parts, strict=True)
    ]


@implements(np.split)
def _split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    n = length(as_tensor(ary), axis)
    if isinstance(indices_or_sections, (int, np.integer)) and n % indices_or_sections:
        raise ValueError(
            f"split into {indices_or_sections} equal parts does not go: axis {axis} has length "
            f"{n}; np.array_split takes unequal parts"
        )
    return _array_split(ary, indices_or_sections, axis)


@implements(np.hsplit)
def _hsplit(ary: Any, indices_or_sections: Any) -> Any:
    return _split(ary, indices_or_sections, int(np.ndim(ary) > 1))


@implements(np.vsplit)
def _vsplit(ary: Any, indices_or_sections: Any) -> Any:
    return _split(ary, indices_or_sections, 0)


@implements(np.dsplit)
def _dsplit(ary: Any, indices_or_sections: Any) -> Any:
    return _split(ary, indices_or_sections, 2)


@implements(*[getattr(np, name) for name in ("unstack",) if hasattr(np, name)])
def _unstack(x: Any, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    t = as_tensor(x)
    return tuple([along(t, axis, i) for i in range(length(t, axis))])


@implements(np.delete)
def _delete(arr: Any, obj: Any, axis: int | None = None) -> Tensor:
    t = as_tensor(arr).reshape(-1) if axis is None else as_tensor(arr)
    return along(t, axis or 0, np.delete(np.arange(length(t, axis or 0)), obj))


@implements(np.insert)
def _insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Tensor:
    t, v = as_tensor(arr), as_tensor(values)
    if axis is None:
        t, axis = t.reshape(-1), 0
    axis = normalize_axis_index(axis, t.ndim)
    n = t.shape[axis]
    at: Any = obj if isinstance(obj, slice) else np.asarray(obj)
    if not isinstance(at, slice) and at.size == 1 and at.dtype.kind != "b":  # any number of values
        v = v.reshape((1,) * (t.ndim - v.ndim) + v.shape)
        v = v if at.ndim else moveaxis(v, 0, axis)
        at, new = int(at.reshape(-1)[0]), v.shape[axis]
    else:
        new = np.insert(np.arange(n), at, -1).size - n
    # where the entries of both come to lie: those of t by their number, the new ones after them
    places = np.insert(np.arange(n), at, n + np.arange(new))
    shape = (*t.shape[:axis], new, *t.shape[axis + 1 :])
    both = concatenate([t, np.broadcast_to(v.astype(t.dtype), shape)], axis=axis)
    return along(both, axis, places)


def pieces(t: Tensor, axis: int, *cuts: slice) -> Sequence[Tensor]:
    """Slices along an axis."""
    return [along(t, axis, cut) for cut in cuts]
