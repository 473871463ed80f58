"""What is measured: training steps, by hand in NumPy, and as a cost in words of every engine.

A word is a function of a namespace `m`, which an engine spells its own way: `m.linear(x, W, b)`,
`m.sigmoid(z)`, `m.cross_entropy(scores, labels)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from tinygrad_edu import datasets

from .convolution import convolve_by_hand, filter_gradients, image_gradient, pool_by_hand, unpool

Arrays = Sequence[Any]
Step = Callable[[], float]  # forward, backward and update of an engine; it gives the cost


@dataclass(frozen=True)
class Workload:
    """A training step: where it starts, its data, the cost, and the same step by hand, in place."""

    name: str
    start: Arrays
    data: Arrays
    cost: Callable[..., Any]
    by_hand: Callable[..., Any]
    lr: float = 0.05
    note: str = ""
    # by engine, where its users would write it otherwise
    costs: dict[str, Callable[..., Any]] = field(default_factory=dict)

    @property
    def parameters(self) -> list[Any]:
        """The starting parameters, a copy."""
        return [array.copy() for array in self.start]

    def cost_for(self, engine: str) -> Callable[..., Any]:
        """The cost as the users of an engine write it."""
        return self.costs.get(engine, self.cost)


def sigmoid(z: Any) -> Any:
    """As the articles write it."""
    return 1 / (1 + np.exp(-z))


def one_layer(m: Any, p: Arrays, X: Any, target: Any) -> Any:
    """Half the sum of squared errors of a perceptron."""
    W, b = p
    return m.squared_error(m.sigmoid(m.linear(X, W, b)), target)


def one_layer_by_hand(p: Arrays, lr: float, X: Any, target: Any) -> Any:
    """The gradients of 001, part 10, with the derivative that its text has."""
    W, b = p
    o = sigmoid(X @ W + b)
    error = o - target
    loss = 0.5 * (error * error).sum()
    delta = error * o * (1 - o)
    W -= lr * (X.T @ delta)
    b -= lr * delta.sum(axis=0)
    return loss


def perceptron() -> Workload:
    """The OR gate of 001."""
    start, data = [np.array([[0.1], [0.2]]), np.array([0.3])], datasets.or_gate()
    note = "OR gate, 4 x 2, one neuron"
    return Workload("perceptron", start, data, one_layer, one_layer_by_hand, note=note)


def ann() -> Workload:
    """The network without hidden layer of 002."""
    rng = np.random.RandomState(42)
    start, data = [rng.rand(3, 1), rng.rand(1)], datasets.ann()
    note = "7 x 3, one neuron"
    return Workload("ANN", start, data, one_layer, one_layer_by_hand, note=note)


def two_layers(m: Any, p: Arrays, x: Any, y: Any) -> Any:
    """The mean cross-entropy of 000."""
    W1, b1, W2, b2 = p
    a1 = m.sigmoid(m.linear(x, W1, b1))
    o = m.sigmoid(m.linear(a1, W2, b2))
    return m.binary_cross_entropy(o, y)


def two_layers_by_hand(p: Arrays, lr: float, x: Any, y: Any) -> Any:
    """The gradients of 000."""
    W1, b1, W2, b2 = p
    a1 = sigmoid(x @ W1 + b1)
    o = sigmoid(a1 @ W2 + b2)
    loss = -(y * np.log(o) + (1 - y) * np.log(1 - o)).mean()
    delta2 = (o - y) / len(x)
    delta1 = (delta2 @ W2.T) * a1 * (1 - a1)
    W2 -= lr * (a1.T @ delta2)
    b2 -= lr * delta2.sum(axis=0)
    W1 -= lr * (x.T @ delta1)
    b1 -= lr * delta1.sum(axis=0)
    return loss


def dense(rng: Any, *sizes: int, dtype: Any = np.float64) -> list[Any]:
    """Random weights W1, b1, W2, b2, ... of layers of these sizes."""
    start = []
    for inner, outer in pairwise(sizes):
        start += [rng.normal(size=(inner, outer)) / np.sqrt(inner), np.zeros(outer)]
    return [array.astype(dtype) for array in start]


def two_layer() -> Workload:
    """The network of 000 on the stand-in for its table."""
    start, data = dense(np.random.default_rng(0), 6, 5, 1), datasets.diabetes(n=8)
    note = "8 x 6, 5 hidden, cross-entropy"
    return Workload("2-layer", start, data, two_layers, two_layers_by_hand, note=note)


def xor() -> Workload:
    """The smallest network that learns exclusive or."""
    start, data = dense(np.random.default_rng(0), 2, 2, 1), datasets.xor()
    note = "4 x 2, 2 hidden, cross-entropy"
    return Workload("XOR", start, data, two_layers, two_layers_by_hand, note=note)


def classifier(m: Any, p: Arrays, X: Any, labels: Any) -> Any:
    """One hidden layer of relu, softmax cross-entropy."""
    W1, b1, W2, b2 = p
    return m.cross_entropy(m.linear(m.relu(m.linear(X, W1, b1)), W2, b2), labels)


def cross_entropy_by_hand(z: Any, labels: Any) -> tuple[Any, Any]:
    """The mean of -log softmax(z) at the labels, and its gradient by z."""
    rows = np.arange(len(z))
    z = z - z.max(axis=1, keepdims=True)
    e = np.exp(z)
    total = e.sum(axis=1, keepdims=True)
    loss = (np.log(total[:, 0]) - z[rows, labels]).mean()
    delta = e / total
    delta[rows, labels] -= 1
    delta /= len(z)
    return loss, delta


def classifier_by_hand(p: Arrays, lr: float, X: Any, labels: Any) -> Any:
    """Backpropagation through relu and softmax."""
    W1, b1, W2, b2 = p
    a1 = np.maximum(X @ W1 + b1, 0)
    loss, delta2 = cross_entropy_by_hand(a1 @ W2 + b2, labels)
    delta1 = (delta2 @ W2.T) * (a1 > 0)
    W2 -= lr * (a1.T @ delta2)
    b2 -= lr * delta2.sum(axis=0)
    W1 -= lr * (X.T @ delta1)
    b1 -= lr * delta1.sum(axis=0)
    return loss


def mlp(hidden: int = 128, batch: int = 128, inputs: int = 784) -> Workload:
    """A classifier of images of 28 x 28 pixels, in float32."""
    rng = np.random.default_rng(0)
    data = rng.random((batch, inputs), dtype=np.float32), rng.integers(0, 10, batch)
    start = dense(rng, inputs, hidden, 10, dtype=np.float32)
    name, note = f"MLP {hidden}", f"{inputs}-{hidden}-10, batch {batch}, float32"
    return Workload(name, start, data, classifier, classifier_by_hand, lr=0.01, note=note)


def cnn(m: Any, p: Arrays, images: Any, labels: Any) -> Any:
    """Twice a convolution, relu and means over squares of 2 x 2; a linear layer, cross-entropy."""
    F1, c1, F2, c2, W, b = p
    a1 = m.pool(m.relu(m.convolve(images, F1, c1)))
    a2 = m.pool(m.relu(m.convolve(a1, F2, c2)))
    return m.cross_entropy(m.linear(a2.reshape(len(labels), -1), W, b), labels)


def cnn_by_hand(p: Arrays, lr: float, images: Any, labels: Any) -> Any:
    """Backpropagation through two convolutions."""
    F1, c1, F2, c2, W, b = p
    z1, columns1 = convolve_by_hand(images, F1, c1)
    a1 = pool_by_hand(np.maximum(z1, 0))
    z2, columns2 = convolve_by_hand(a1, F2, c2)
    a2 = pool_by_hand(np.maximum(z2, 0))
    flat = a2.reshape(len(a2), -1)
    loss, delta3 = cross_entropy_by_hand(flat @ W + b, labels)
    delta2 = unpool((delta3 @ W.T).reshape(a2.shape)) * (z2 > 0)
    delta1 = unpool(image_gradient(delta2, F2, a1.shape)) * (z1 > 0)
    d_F2, d_c2 = filter_gradients(delta2, columns2, F2)
    d_F1, d_c1 = filter_gradients(delta1, columns1, F1)
    W -= lr * (flat.T @ delta3)
    b -= lr * delta3.sum(axis=0)
    F2 -= lr * d_F2
    c2 -= lr * d_c2
    F1 -= lr * d_F1
    c1 -= lr * d_c1
    return loss


def convolution(batch: int = 32) -> Workload:
    """A small convolutional network on images of 28 x 28 pixels, in float32."""
    rng = np.random.default_rng(0)
    data = rng.random((batch, 1, 28, 28), dtype=np.float32), rng.integers(0, 10, batch)
    shapes = (8, 1, 5, 5), (8,), (16, 8, 5, 5), (16,)
    filters = [rng.normal(size=shape) / 10 * (len(shape) > 1) for shape in shapes]
    linear = dense(rng, 16 * 4 * 4, 10, dtype=np.float32)
    start = [*(array.astype(np.float32) for array in filters), *linear]
    note = f"2 x (5 x 5 convolution, relu, pool), linear, batch {batch}, float32"
    return Workload("convolution", start, data, cnn, cnn_by_hand, lr=0.01, note=note)


def powers(p: Arrays, factor: Any, length: int) -> Any:
    """The only entry of p times factor, again and again."""
    (y,) = p
    for _ in range(length):
        y = y * factor
    return y


def chain(length: int = 1000) -> Workload:
    """Products of one entry, one after the other: what an op costs with nothing to compute."""

    def cost(m: Any, p: Arrays, factor: Any) -> Any:
        return powers(p, factor, length).sum()

    def in_scalars(m: Any, p: Arrays, factor: Any) -> Any:
        return powers(p[0], factor[0], length)

    def by_hand(p: Arrays, lr: float, factor: Any) -> Any:
        y = powers(p, factor, length)
        g = np.ones(1)
        for _ in range(length):
            g = g * factor
        (x,) = p
        x -= lr * g
        return y.sum()

    start, data = [np.ones(1)], [np.array([1 + 1 / length])]
    more = {"note": f"{length:,} ops on one entry", "costs": {"micrograd": in_scalars}}
    return Workload("chain", start, data, cost, by_hand, lr=1e-9, **more)


def entry_by_entry(m: Any, p: Arrays, x: Any, target: Any) -> Any:
    """Every entry is a perceptron of its own."""
    w, b = p
    return m.squared_error(m.sigmoid(x * w + b), target)


def entry_by_entry_by_hand(p: Arrays, lr: float, x: Any, target: Any) -> Any:
    """Its gradients."""
    w, b = p
    o = sigmoid(x * w + b)
    error = o - target
    loss = 0.5 * (error * error).sum()
    delta = error * o * (1 - o)
    w -= lr * (delta * x)
    b -= lr * delta
    return loss


def elementwise(side: int = 1000) -> Workload:
    """A million perceptrons: what memory traffic costs."""
    rng = np.random.default_rng(0)
    start, data = list(rng.normal(size=(2, side, side))), list(rng.normal(size=(2, side, side)))
    cost, by_hand = entry_by_entry, entry_by_entry_by_hand
    note = f"{side:,} x {side:,} entries, float64"
    return Workload("elementwise", start, data, cost, by_hand, note=note)


def tower(m: Any, p: Arrays, X: Any, target: Any) -> Any:
    """Layers of tanh, one upon the other."""
    a = X
    for W, b in zip(p[::2], p[1::2], strict=True):
        a = m.tanh(m.linear(a, W, b))
    return m.squared_error(a, target)


def tower_by_hand(p: Arrays, lr: float, X: Any, target: Any) -> Any:
    """Backpropagation through layers of tanh, each updated as soon as its gradient is known."""
    layers = list(zip(p[::2], p[1::2], strict=True))
    activations = [X]
    for W, b in layers:
        activations.append(np.tanh(activations[-1] @ W + b))
    g = activations.pop() - target
    loss, a = 0.5 * (g * g).sum(), g + target
    for W, b in reversed(layers):
        delta = g * (1 - a * a)
        a = activations.pop()
        g = delta @ W.T
        W -= lr * (a.T @ delta)
        b -= lr * delta.sum(axis=0)
    return loss


def deep(layers: int = 50, width: int = 256, batch: int = 256) -> Workload:
    """A tower of layers, in float32: what is kept for the backward pass."""
    rng = np.random.default_rng(0)
    X, target = rng.normal(size=(2, batch, width)).astype(np.float32)
    start = dense(rng, *[width] * (layers + 1), dtype=np.float32)
    note = f"{layers} layers of {width} x {width}, batch {batch}, float32"
    return Workload("deep", start, [X, target], tower, tower_by_hand, lr=1e-6, note=note)


STEPS: dict[str, Callable[..., Workload]] = {
    "perceptron": perceptron,
    "ANN": ann,
    "2-layer": two_layer,
    "XOR": xor,
    "MLP 128": mlp,
    "MLP 1024": lambda: mlp(1024, 512),
    "convolution": convolution,
    "chain": chain,
    "elementwise": elementwise,
}
