"""Other shapes, more axes, axes in another order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..engine.overrides import implements, shapes_only
from ..engine.recording import is_known
from ..engine.tensor import Tensor
from ..functions import as_tensor
from ..ops.elementwise import where
from ..ops.shape import broadcast_to, concatenate, flip, moveaxis, swapaxes

_numpy: Any = np  # whose stubs know no Tensors


def along(t: Tensor, axis: int, index: Any) -> Tensor:
    """t[:, :, index], on that axis."""
    return t[(*(slice(None),) * normalize_axis_index(axis, t.ndim), index)]


def length(t: Tensor, axis: int) -> int:
    """How many entries there are along an axis."""
    return t.shape[normalize_axis_index(axis, t.ndim)]


def upright(v: Tensor, axis: int, ndim: int) -> Tensor:
    """A vector along one axis of `ndim`, so that it broadcasts beside the others."""
    shape = [1] * ndim
    shape[normalize_axis_index(axis, ndim)] = -1
    return v.reshape(shape)


@implements(np.ravel)
def _ravel(a: Any, order: str = "C") -> Tensor:
    return as_tensor(a).ravel(order)


def _all_at_least(arrays: Sequence[Any], widened: Any) -> Any:
    """Each array with more axes; of a constant an array.

    So SciPy's optimizers ask for a gradient, to give it to code in C.
    """

    def found(t: Tensor) -> Any:
        is_constant = t.is_leaf and not t._requires_grad and is_known(t)
        return widened(t).numpy() if is_constant else widened(t)

    results = [found(as_tensor(a)) for a in arrays]
    return tuple(results) if len(results) > 1 else results[0]


def row(t: Tensor) -> Tensor:
    """A number as a vector of one entry."""
    return t if t.ndim else t.reshape(1)


def rows(t: Tensor) -> Tensor:
    """A vector as a matrix of one row."""
    return t if t.ndim > 1 else t.reshape(1, -1)


def _layers(t: Tensor) -> Tensor:
    return t if t.ndim > 2 else rows(t)[..., None] if t.ndim == 2 else t.reshape(1, -1, 1)


@implements(np.atleast_1d)
def _atleast_1d(*arrays: Any) -> Any:
    return _all_at_least(arrays, row)


@implements(np.atleast_2d)
def _atleast_2d(*arrays: Any) -> Any:
    return _all_at_least(arrays, rows)


@implements(np.atleast_3d)
def _atleast_3d(*arrays: Any) -> Any:
    return _all_at_least(arrays, _layers)


@implements(np.broadcast_arrays)
def _broadcast_arrays(*arrays: Any) -> tuple[Any, ...]:
    shape = np.broadcast_shapes(*map(np.shape, arrays))
    return tuple([np.broadcast_to(a, shape) for a in arrays])


@implements(np.matrix_transpose, np.linalg.matrix_transpose)
def _matrix_transpose(x: Any) -> Tensor:
    return swapaxes(as_tensor(x), -1, -2)


@implements(np.rollaxis)
def _rollaxis(a: Any, axis: int, start: int = 0) -> Tensor:
    ndim = np.ndim(a)
    axis, start = normalize_axis_index(axis, ndim), start + ndim * (start < 0)
    return moveaxis(as_tensor(a), axis, start - (axis < start))


@implements(np.fliplr)
def _fliplr(m: Any) -> Tensor:
    return flip(as_tensor(m), 1)


@implements(np.flipud)
def _flipud(m: Any) -> Tensor:
    return flip(as_tensor(m), 0)


@implements(np.rot90)
def _rot90(m: Any, k: int = 1, axes: Sequence[int] = (0, 1)) -> Tensor:
    t, (first, second) = as_tensor(m), axes
    turned = swapaxes(t, first, second) if k % 2 else t
    return flip(turned, [(), (first,), (first, second), (second,)][k % 4]) if k % 4 else turned


@implements(np.resize)
def _resize(a: Any, new_shape: Any) -> Tensor:
    t = as_tensor(a)
    if not t.size:
        return as_tensor(np.resize(np.zeros(t.shape, t.dtype), new_shape))
    return t.reshape(-1)[np.resize(np.arange(t.size), new_shape)]


@implements(np.tril)
def _tril(m: Any, k: int = 0) -> Tensor:
    t = as_tensor(m)
    return where(_numpy.tri(*t.shape[-2:], k=k, dtype=bool), t, np.zeros((), t.dtype))


@implements(np.triu)
def _triu(m: Any, k: int = 0) -> Tensor:
    t = as_tensor(m)
    return where(~_numpy.tri(*t.shape[-2:], k=k - 1, dtype=bool), t, np.zeros((), t.dtype))


@implements(np.meshgrid)
def _meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid's indexing is 'xy' or 'ij', not {indexing!r}")
    n = len(xi)
    grids = [
        as_tensor(x).reshape(*[-1 if j == i else 1 for j in range(n)]) for i, x in enumerate(xi)
    ]
    if indexing == "xy" and n > 1:
        grids = [swapaxes(grid, 0, 1) for grid in grids]
    return tuple(grids) if sparse else _broadcast_arrays(*grids)


@implements(np.tile)
def _tile(A: Any, reps: Any) -> Tensor:
    t, counts = as_tensor(A), np.atleast_1d(reps).tolist()
    counts = [1] * (t.ndim - len(counts)) + counts
    t = t.reshape((*[1] * (len(counts) - t.ndim), *t.shape))
    for axis, count in enumerate(counts):
        if count != 1:
            t = concatenate([t] * count, axis) if count else t[(slice(None),) * axis + (slice(0),)]
    return t


@implements(np.full_like)
def _full_like(a: Any, fill_value: Any, dtype: Any = None, shape: Any = None) -> Tensor:
    t = as_tensor(a)
    filled = as_tensor(fill_value)
    wanted = t.shape if shape is None else shape
    y: Tensor = broadcast_to(filled, wanted)
    return y.astype(t.dtype if dtype is None else dtype)


shapes_only(np.tril_indices_from, np.triu_indices_from, np.diag_indices_from)
