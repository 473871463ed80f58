"""The words in which costs are written, as far as namespaces like NumPy's share them."""

from __future__ import annotations

from typing import Any


def general_words(np: Any) -> dict[str, Any]:
    """The words in what all namespaces like NumPy's share."""

    def columns(x: Any, side: int) -> Any:
        n, channels, height, width = x.shape
        height, width = height - side + 1, width - side + 1
        windows = [x[:, :, i : i + height, j : j + width] for i in range(side) for j in range(side)]
        return np.stack(windows, axis=2).reshape(n, channels * side * side, height * width)

    def convolve(x: Any, filters: Any, bias: Any) -> Any:
        count, _, side, _ = filters.shape
        y = filters.reshape(count, -1) @ columns(x, side) + bias.reshape(count, 1)
        return y.reshape(len(x), count, x.shape[2] - side + 1, x.shape[3] - side + 1)

    return {
        "tanh": np.tanh,
        "linear": lambda x, W, b: x @ W + b,
        "squared_error": lambda o, target: 0.5 * ((o - target) ** 2).sum(),
        "binary_cross_entropy": lambda o, y: -(y * np.log(o) + (1 - y) * np.log(1 - o)).mean(),
        "convolve": convolve,
        "pool": pool,
    }


def pool(x: Any) -> Any:
    """The means over squares of 2 x 2."""
    n, channels, height, width = x.shape
    return x.reshape(n, channels, height // 2, 2, width // 2, 2).mean(axis=(3, 5))
