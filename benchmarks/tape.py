"""A bare engine, as one writes it in an evening: closures on a list, and no question asked.

It is the yardstick of CI's budgets where arrays are small. Both it and this project spend their
time in the interpreter there, so that their ratio says the same on every machine; that to the step
by hand does not: one commit took 2.6 times as long on one machine, and 3.1 times on the next.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from .workloads import Workload


class Value:
    """An array, its gradient, and the tape that its op is written to."""

    __slots__ = ("data", "grad", "tape")
    __array_ufunc__ = None  # array @ Value is for Value to compute

    def __init__(self, data: Any, tape: list[Callable[[], None]]) -> None:
        self.data, self.tape, self.grad = data, tape, np.zeros_like(data)

    def __matmul__(self, other: Value) -> Value:
        out = Value(self.data @ other.data, self.tape)

        def pull() -> None:
            self.grad += out.grad @ other.data.T
            other.grad += self.data.T @ out.grad

        self.tape.append(pull)
        return out

    def __rmatmul__(self, array: Any) -> Value:
        out = Value(array @ self.data, self.tape)

        def pull() -> None:
            self.grad += array.T @ out.grad

        self.tape.append(pull)
        return out

    def __add__(self, other: Value) -> Value:
        out = Value(self.data + other.data, self.tape)

        def pull() -> None:
            self.grad += out.grad
            stretched = out.grad.shape != other.grad.shape
            other.grad += out.grad.sum(axis=0) if stretched else out.grad

        self.tape.append(pull)
        return out

    def __mul__(self, factor: Any) -> Value:
        return self._map(self.data * factor, lambda g, y: g * factor)

    __rmul__ = __mul__

    def __neg__(self) -> Value:
        return self._map(-self.data, lambda g, y: -g)

    def __sub__(self, constant: Any) -> Value:
        return self._map(self.data - constant, lambda g, y: g)

    def __rsub__(self, constant: Any) -> Value:
        return self._map(constant - self.data, lambda g, y: -g)

    def __pow__(self, n: float) -> Value:
        return self._map(self.data**n, lambda g, y: g * (n * self.data ** (n - 1)))

    def sum(self) -> Value:
        return self._map(self.data.sum(), lambda g, y: g)

    def mean(self) -> Value:
        return self._map(self.data.mean(), lambda g, y: g / self.data.size)

    def sigmoid(self) -> Value:
        return self._map(1 / (1 + np.exp(-self.data)), lambda g, y: g * (y * (1 - y)))

    def log(self) -> Value:
        return self._map(np.log(self.data), lambda g, y: g / self.data)

    def _map(self, y: Any, pulled: Callable[[Any, Any], Any]) -> Value:
        out = Value(y, self.tape)

        def pull() -> None:
            self.grad += pulled(out.grad, y)

        self.tape.append(pull)
        return out


def words() -> SimpleNamespace:
    """What the costs of small arrays are written in."""
    return SimpleNamespace(
        sigmoid=Value.sigmoid,
        linear=lambda x, W, b: x @ W + b,
        squared_error=lambda o, target: 0.5 * ((o - target) ** 2).sum(),
        binary_cross_entropy=lambda o, y: -(y * o.log() + (1 - y) * (1 - o).log()).mean(),
    )


def tape(w: Workload) -> Callable[[], float]:
    """The step of a workload, as one would write it for this engine."""
    m, lr, data, cost = words(), w.lr, w.data, w.cost
    arrays = w.parameters

    def step() -> float:
        pulls: list[Callable[[], None]] = []
        parameters = [Value(array, pulls) for array in arrays]
        loss = cost(m, parameters, *data)
        loss.grad = np.ones_like(loss.data)
        for pull in reversed(pulls):
            pull()
        for p in parameters:
            p.data -= lr * p.grad
        return float(loss.data)

    return step
