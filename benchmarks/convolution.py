"""Convolution and pooling by hand in NumPy, with their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def columns_by_hand(x: Any, side: int) -> Any:
    """Every window of side x side as a column, (n, c * side * side, places), from (n, c, h, w)."""
    windows = sliding_window_view(x, (side, side), axis=(2, 3)).transpose(0, 1, 4, 5, 2, 3)
    return windows.reshape(len(x), x.shape[1] * side * side, -1)


def convolve_by_hand(x: Any, filters: Any, bias: Any) -> tuple[Any, Any]:
    """The sum of filters times windows, (n, filters, height, width), and the windows."""
    count, _, side, _ = filters.shape
    columns = columns_by_hand(x, side)
    y = filters.reshape(count, -1) @ columns + bias[:, None]
    return y.reshape(len(x), count, x.shape[2] - side + 1, -1), columns


def filter_gradients(delta: Any, columns: Any, filters: Any) -> tuple[Any, Any]:
    """The gradients by the filters and by the bias."""
    flat = delta.reshape(*delta.shape[:2], -1)
    return (flat @ columns.mT).sum(axis=0).reshape(filters.shape), flat.sum(axis=(0, 2))


def image_gradient(delta: Any, filters: Any, shape: tuple[int, ...]) -> Any:
    """The gradient by what was convolved: every window's share is added where the window was."""
    count, _, side, _ = filters.shape
    n, channels, height, width = shape
    shares = filters.reshape(count, -1).T @ delta.reshape(n, count, -1)
    shares = shares.reshape(n, channels, side, side, height - side + 1, width - side + 1)
    gx = np.zeros(shape, delta.dtype)
    for i in range(side):
        for j in range(side):
            gx[:, :, i : i + height - side + 1, j : j + width - side + 1] += shares[:, :, i, j]
    return gx


def pool_by_hand(x: Any) -> Any:
    """The means over squares of 2 x 2."""
    n, channels, height, width = x.shape
    return x.reshape(n, channels, height // 2, 2, width // 2, 2).mean(axis=(3, 5))


def unpool(g: Any) -> Any:
    """The gradient of the means: a quarter to each of the four."""
    return (g / 4).repeat(2, axis=2).repeat(2, axis=3)
