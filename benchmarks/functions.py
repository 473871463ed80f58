"""Functions of NumPy's and of networks, forward and backward, beside NumPy itself and PyTorch.

    OMP_NUM_THREADS=1 python -m benchmarks.functions   # PyTorch where it is installed

Each line is a ratio of the least times of rounds in which both take turns, so that a machine that
is slow for a while is slow for both.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from time import perf_counter
from typing import Any

import numpy as np

import tinygrad_edu as tg

ROUNDS = 15
Call = Callable[[], Any]


def ratio(ours: Call, theirs: Call, rounds: int = ROUNDS) -> float:
    """The least time of ours over the least of theirs, taken in turns."""
    least = [float("inf")] * 2
    for call in (ours, theirs):
        call()
    for _ in range(rounds):
        for i, call in enumerate((ours, theirs)):
            began = perf_counter()
            call()
            least[i] = min(least[i], perf_counter() - began)
    return least[0] / least[1]


def with_backward(f: Callable[..., Any], *arrays: Any) -> Call:
    """A call of a function on leaves, and the backward walk from its sum."""

    def run() -> None:
        leaves = [tg.Tensor(a, requires_grad=True, copy=False) for a in arrays]
        f(*leaves).sum().backward()

    return run


def on_tensors(f: Callable[..., Any], *arrays: Any) -> Call:
    """A call of a function on constants."""
    tensors = [tg.Tensor(a, copy=False) for a in arrays]
    return lambda: f(*tensors)


def convolution() -> float:
    """conv2d of (32, 3, 32, 32) with 16 filters of 3 x 3, in float32, beside PyTorch's."""
    import torch

    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    images = rng.normal(size=(32, 3, 32, 32)).astype(np.float32)
    filters = rng.normal(size=(16, 3, 3, 3)).astype(np.float32)

    def theirs() -> None:
        x, w = (torch.from_numpy(a).clone().requires_grad_() for a in (images, filters))
        torch.nn.functional.conv2d(x, w).sum().backward()

    return ratio(with_backward(tg.conv, images, filters), theirs, 60)


def main() -> None:
    """Print the ratios, each with the bar that it is to keep."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(16, 128, 128)), rng.normal(size=(16, 128, 128))
    x = rng.normal(size=(1000, 1000))
    order = np.argsort(x, axis=1)
    rows: list[tuple[str, float, float]] = []
    if find_spec("torch"):
        rows.append(("conv2d, forward and backward ÷ PyTorch", convolution(), 1.5))
    product = on_tensors(lambda a, b: np.einsum("nij,njk->nik", a, b), a, b)
    rows.append(("einsum of a batched product ÷ matmul", ratio(product, lambda: a @ b), 1.1))
    functions: dict[str, Callable[..., Any]] = {
        "sort": lambda x: np.sort(x, axis=1),
        "cumsum": lambda x: np.cumsum(x, axis=1),
        "take along an axis": lambda x: np.take_along_axis(x, order, 1),
    }
    for name, f in functions.items():
        theirs = partial(f, x)
        rows.append((f"{name} ÷ NumPy", ratio(on_tensors(f, x), theirs), 1.3))
        rows.append((f"{name} with backward ÷ NumPy", ratio(with_backward(f, x), theirs), 2.5))
    for label, found, bar in rows:
        print(f"{label:45} {found:5.2f}   at most {bar}")


if __name__ == "__main__":
    main()
