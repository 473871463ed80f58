"""Rules of shapes and axes: what moves or repeats entries, and sums over axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops.elementwise import negative
from ...ops.indexing import scatter
from ...ops.linalg import matmul
from ...ops.reductions import sum as sum_
from ...ops.shape import astype, broadcast_to, reshape, transpose
from ..ir import Builder, Node
from .matching import Args, Shape, Static, fits, made_by, reduced

_FLOAT32 = np.dtype(np.float32)


def scattered(b: Builder, args: Args, static: Static, shape: Shape, dtype: Any) -> Node | None:
    """What is put at an index is broadcast by that."""
    (x,) = args
    if not made_by(x, broadcast_to) or x.args[0].dtype != dtype:
        return None
    return b.plain(scatter, x.args, static, shape, dtype)


def unless_it_changes(
    b: Builder, args: Args, static: Static, shape: Shape, dtype: Any
) -> Node | None:
    """A reshape, a conversion, a broadcast or +x that changes neither shape nor dtype is x."""
    return args[0] if fits(args[0], shape, dtype) else None


def reshaped(b: Builder, args: Args, static: Static, shape: Shape, dtype: Any) -> Node | None:
    """A sum in another shape keeps its axes at once; of two reshapes the last one counts."""
    (x,) = args
    if x.shape == shape:
        return x  # type: ignore[no-any-return]
    if made_by(x, sum_) and b.uses[x] <= 1 and not x.static["keepdims"]:
        whole = x.args[0].shape
        axes = reduced(x)
        if shape == tuple([1 if i in axes else n for i, n in enumerate(whole)]):
            return b.make(x.op, x.args, {**x.static, "keepdims": True}, shape, dtype)
    if x.op is not None and x.op.kind == "reshape":
        return b.make(reshape, x.args, {"shape": shape}, shape, dtype)
    return None


def transposed(b: Builder, args: Args, static: Static, shape: Shape, dtype: Any) -> Node | None:
    """Transposed twice is not transposed; of a matrix, all ways to do it are one."""
    (x,) = args
    if x.ndim == 2 and _order(static, 2) == (1, 0):
        if made_by(x, transpose):
            return x.args[0]  # type: ignore[no-any-return]
        turned = transposed_product(b, x, shape, dtype)
        if turned is not None:
            return turned
        return b.plain(transpose, (x,), {"axes": None}, shape, dtype)
    return x if _order(static, x.ndim) == tuple(range(x.ndim)) else None


def transposed_product(b: Builder, x: Node, shape: Shape, dtype: Any) -> Node | None:
    """(A.T @ B).T is B.T @ A, if nobody needs the product itself."""
    if (
        not made_by(x, matmul)
        or b.uses[x] > 1
        or not all([isinstance(a, Node) and a.ndim == 2 for a in x.args])
    ):
        return None
    if not any([made_by(a, transpose) for a in x.args]):
        return None
    first, second = [
        b.make(transpose, (a,), {"axes": None}, a.shape[::-1], a.dtype) for a in x.args[::-1]
    ]
    return b.make(matmul, (first, second), {}, shape, dtype)


def swapped(b: Builder, args: Args, static: Static, shape: Shape, dtype: Any) -> Node | None:
    """Of a matrix, this is its transpose."""
    i, j = static["axis1"] % args[0].ndim, static["axis2"] % args[0].ndim
    if i == j:
        return args[0]  # type: ignore[no-any-return]
    return b.make(transpose, args, {"axes": None}, shape, dtype) if args[0].ndim == 2 else None


def sum_over_axes(b: Builder, args: Args, static: Static, shape: Shape, dtype: Any) -> Node | None:
    """The axes as a reader would write them: one number, or none for all.

    The sum of -x is -(the sum). Of float16 it is taken in float32, since 2,048 + 1 is 2,048.
    """
    x, axis = args[0], static["axis"]
    if made_by(x, negative) and b.uses[x] <= 1 and dtype.kind == "f" and 0 not in x.shape:
        total = b.make(sum_, x.args, static, shape, dtype)
        return b.make(negative, (total,), {}, shape, dtype)
    if dtype == np.float16 and x.dtype == dtype:
        wide = b.make(astype, (x,), {"dtype": _FLOAT32}, x.shape, _FLOAT32)
        total = b.make(sum_, (wide,), static, shape, _FLOAT32)
        return b.make(astype, (total,), {"dtype": dtype}, shape, dtype)
    if isinstance(axis, tuple) and len(axis) == 1:
        axis = axis[0]
    elif isinstance(axis, tuple) and len(axis) == x.ndim and x.ndim > 0:
        axis = None
    if axis is static["axis"]:
        return None
    return b.make(sum_, args, {**static, "axis": axis}, shape, dtype)


def _order(static: Static, ndim: int) -> tuple[int, ...]:
    axes = static["axes"]
    return tuple(reversed(range(ndim))) if axes is None else tuple([a % ndim for a in axes])
