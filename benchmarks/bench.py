"""One training step, timed: this engine beside hand-written NumPy, and beside other engines where they are installed.

    python benchmarks/bench.py            # the table
    python benchmarks/bench.py --quick    # fewer repetitions

Every engine does the same step of the same network in the same process, in turn; the figures are the medians of the rounds, and
the ratios those of the medians. The hand-written steps use the correct derivative and are checked against the engine's first.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_edu as tg

Step = Callable[[], Any]
Workload = Callable[[], dict[str, Step]]
BUDGETS = {"perceptron": 3.3, "2-layer": 2.9, "chain": 3.8, "mlp": 1.25}  # at most this many times the hand-written step


def sigmoid(z: Any) -> Any:
    """As the articles write it."""
    return 1 / (1 + np.exp(-z))


def perceptron() -> dict[str, Step]:
    """The OR gate, 4 x 2: half the sum of squared errors, as in 001, part 10."""
    X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    target = np.array([[0.0], [1.0], [1.0], [1.0]])
    W0, b0, lr = np.array([[0.1], [0.2]]), np.array([0.3]), 0.05

    def by_hand(W: Any = W0.copy(), b: Any = b0.copy()) -> Any:
        o = sigmoid(X @ W + b)
        error = o - target
        loss = 0.5 * (error * error).sum()
        delta = error * o * (1 - o)
        W -= lr * (X.T @ delta)
        b -= lr * delta.sum(0)
        return loss

    def engine(W: Any = tg.Tensor(W0, requires_grad=True), b: Any = tg.Tensor(b0, requires_grad=True)) -> Any:
        o = (X @ W + b).sigmoid()
        loss = 0.5 * ((o - target) ** 2).sum()
        loss.backward()
        return update(lr, loss, W, b)

    steps: dict[str, Step] = {"by hand": by_hand, "tinygrad_edu": engine}
    if has("torch"):
        import torch

        tX, tt = torch.tensor(X), torch.tensor(target)

        def in_torch(W: Any = torch.tensor(W0, requires_grad=True), b: Any = torch.tensor(b0, requires_grad=True)) -> Any:
            loss = 0.5 * ((torch.sigmoid(tX @ W + b) - tt) ** 2).sum()
            loss.backward()
            with torch.no_grad():
                W -= lr * W.grad
                b -= lr * b.grad
            W.grad = b.grad = None
            return loss.item()

        steps["PyTorch"] = in_torch
    if has("mygrad"):
        import mygrad as mg

        def in_mygrad(W: Any = mg.tensor(W0), b: Any = mg.tensor(b0)) -> Any:
            o = 1 / (1 + mg.exp(-(mg.matmul(X, W) + b)))
            loss = 0.5 * ((o - target) ** 2).sum()
            loss.backward()
            W.data -= lr * W.grad
            b.data -= lr * b.grad
            return loss.item()

        steps["MyGrad"] = in_mygrad
    if has("autograd"):
        import autograd
        import autograd.numpy as anp

        gradient = autograd.value_and_grad(lambda p: 0.5 * anp.sum((1 / (1 + anp.exp(-(anp.dot(X, p[0]) + p[1]))) - target) ** 2))

        def in_autograd(p: Any = [W0.copy(), b0.copy()]) -> Any:
            loss, (gW, gb) = gradient(p)
            p[0] -= lr * gW
            p[1] -= lr * gb
            return loss

        steps["HIPS autograd"] = in_autograd
    return steps


def two_layer() -> dict[str, Step]:
    """8 x 4, 5 hidden: the mean cross-entropy of 000."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (8, 4)).astype(float)
    y = rng.integers(0, 2, (8, 1)).astype(float)
    start = [rng.normal(0, 0.1, (4, 5)), np.zeros(5), rng.normal(0, 0.1, (5, 1)), np.zeros(1)]
    lr = 0.1

    def by_hand(p: Any = [a.copy() for a in start]) -> Any:
        W1, b1, W2, b2 = p
        a1 = sigmoid(x @ W1 + b1)
        o = sigmoid(a1 @ W2 + b2)
        loss = -(y * np.log(o) + (1 - y) * np.log(1 - o)).mean()
        d2 = (o - y) / len(x)
        d1 = (d2 @ W2.T) * a1 * (1 - a1)
        W2 -= lr * (a1.T @ d2)
        b2 -= lr * d2.sum(0)
        W1 -= lr * (x.T @ d1)
        b1 -= lr * d1.sum(0)
        return loss

    def engine(p: Any = [tg.Tensor(a, requires_grad=True) for a in start]) -> Any:
        W1, b1, W2, b2 = p
        a1 = (x @ W1 + b1).sigmoid()
        o = (a1 @ W2 + b2).sigmoid()
        loss = -(y * o.log() + (1 - y) * (1 - o).log()).mean()
        loss.backward()
        return update(lr, loss, *p)

    steps: dict[str, Step] = {"by hand": by_hand, "tinygrad_edu": engine}
    if has("torch"):
        import torch

        tx, ty = torch.tensor(x), torch.tensor(y)

        def in_torch(p: Any = [torch.tensor(a, requires_grad=True) for a in start]) -> Any:
            o = torch.sigmoid(torch.sigmoid(tx @ p[0] + p[1]) @ p[2] + p[3])
            loss = -(ty * torch.log(o) + (1 - ty) * torch.log(1 - o)).mean()
            loss.backward()
            with torch.no_grad():
                for q in p:
                    q -= lr * q.grad
                    q.grad = None
            return loss.item()

        steps["PyTorch"] = in_torch
    if has("mygrad"):
        import mygrad as mg

        def in_mygrad(p: Any = [mg.tensor(a) for a in start]) -> Any:
            a1 = 1 / (1 + mg.exp(-(mg.matmul(x, p[0]) + p[1])))
            o = 1 / (1 + mg.exp(-(mg.matmul(a1, p[2]) + p[3])))
            loss = -(y * mg.log(o) + (1 - y) * mg.log(1 - o)).mean()
            loss.backward()
            for q in p:
                q.data -= lr * q.grad
            return loss.item()

        steps["MyGrad"] = in_mygrad
    if has("autograd"):
        import autograd
        import autograd.numpy as anp

        def cost(p: Any) -> Any:
            o = 1 / (1 + anp.exp(-(anp.dot(1 / (1 + anp.exp(-(anp.dot(x, p[0]) + p[1]))), p[2]) + p[3])))
            return -anp.mean(y * anp.log(o) + (1 - y) * anp.log(1 - o))

        gradient = autograd.value_and_grad(cost)

        def in_autograd(p: Any = [a.copy() for a in start]) -> Any:
            loss, gradients = gradient(p)
            for q, g in zip(p, gradients, strict=True):
                q -= lr * g
            return loss

        steps["HIPS autograd"] = in_autograd
    return steps


def chain() -> dict[str, Step]:
    """1,000 multiplications of an array of one entry, forward and backward."""
    start, factor, length = np.array([1.0]), np.array([1.001]), 1000

    def by_hand() -> Any:
        ys = [start]
        for _ in range(length):
            ys.append(ys[-1] * factor)
        g = np.ones(1)
        for _ in range(length):
            g = g * factor
        return g[0]

    def engine() -> Any:
        x = y = tg.Tensor(start, requires_grad=True)
        for _ in range(length):
            y = y * factor
        y.backward()
        assert x.grad is not None
        return x.grad[0]

    steps: dict[str, Step] = {"by hand": by_hand, "tinygrad_edu": engine}
    if has("torch"):
        import torch

        tf = torch.tensor(factor)

        def in_torch() -> Any:
            x = y = torch.tensor(start, requires_grad=True)
            for _ in range(length):
                y = y * tf
            y.backward()
            return x.grad.item()

        steps["PyTorch"] = in_torch
    if has("mygrad"):
        import mygrad as mg

        def in_mygrad() -> Any:
            x = y = mg.tensor(start)
            for _ in range(length):
                y = y * factor
            y.backward()
            return x.grad[0]

        steps["MyGrad"] = in_mygrad
    if has("autograd"):
        import autograd

        def power(x: Any) -> Any:
            for _ in range(length):
                x = x * factor
            return x[0]

        gradient = autograd.grad(power)
        steps["HIPS autograd"] = lambda: gradient(start)[0]
    return steps


def mlp() -> dict[str, Step]:
    """784-128-10, batch 128, relu, softmax cross-entropy, float32."""
    rng = np.random.default_rng(0)
    X = rng.random((128, 784), dtype=np.float32)
    labels = rng.integers(0, 10, 128)
    one_hot = np.eye(10, dtype=np.float32)[labels]
    start = [(rng.normal(0, 0.05, s)).astype(np.float32) for s in ((784, 128), (128,), (128, 10), (10,))]
    lr = np.float32(0.1)

    def by_hand(p: Any = [a.copy() for a in start]) -> Any:
        W1, b1, W2, b2 = p
        z1 = X @ W1 + b1
        a1 = np.maximum(z1, 0)
        z2 = a1 @ W2 + b2
        z2 = z2 - z2.max(1, keepdims=True)
        e = np.exp(z2)
        total = e.sum(1, keepdims=True)
        loss = -((z2 - np.log(total)) * one_hot).sum() / len(X)
        d2 = (e / total - one_hot) / np.float32(len(X))
        d1 = (d2 @ W2.T) * (z1 > 0)
        W2 -= lr * (a1.T @ d2)
        b2 -= lr * d2.sum(0)
        W1 -= lr * (X.T @ d1)
        b1 -= lr * d1.sum(0)
        return loss

    def engine(p: Any = [tg.Tensor(a, requires_grad=True) for a in start]) -> Any:
        W1, b1, W2, b2 = p
        loss = tg.cross_entropy((X @ W1 + b1).relu() @ W2 + b2, labels)
        loss.backward()
        return update(lr, loss, *p)

    steps: dict[str, Step] = {"by hand": by_hand, "tinygrad_edu": engine}
    if has("torch"):
        import torch

        tX, tl = torch.tensor(X), torch.tensor(labels)

        def in_torch(p: Any = [torch.tensor(a, requires_grad=True) for a in start]) -> Any:
            loss = torch.nn.functional.cross_entropy(torch.relu(tX @ p[0] + p[1]) @ p[2] + p[3], tl)
            loss.backward()
            with torch.no_grad():
                for q in p:
                    q -= float(lr) * q.grad
                    q.grad = None
            return loss.item()

        steps["PyTorch"] = in_torch
    return steps


def update(lr: Any, loss: Any, *parameters: Any) -> Any:
    """One step of gradient descent; the loss as a number."""
    with tg.no_grad():
        for p in parameters:
            p -= lr * p.grad
            p.zero_grad()
    return loss.item()


def has(package: str) -> bool:
    """Whether an optional peer is installed."""
    return importlib.util.find_spec(package) is not None


def medians(steps: dict[str, Step], rounds: int, seconds: float) -> dict[str, float]:
    """The median time of each step in seconds, taken in turn, round by round."""
    repetitions, times = {}, {name: [] for name in steps}  # type: ignore[var-annotated]
    for name, step in steps.items():
        step()
        start = time.perf_counter()
        step()
        repetitions[name] = max(1, int(seconds / (time.perf_counter() - start)))
    for _ in range(rounds):
        for name, step in steps.items():
            start = time.perf_counter()
            for _ in range(repetitions[name]):
                step()
            times[name].append((time.perf_counter() - start) / repetitions[name])
    return {name: statistics.median(found) for name, found in times.items()}


def main() -> None:
    """Print the table of ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--check", action="store_true", help="exit with 1 if this engine exceeds a budget")
    options = parser.parse_args()
    workloads: dict[str, Workload] = {"perceptron": perceptron, "2-layer": two_layer, "chain": chain, "mlp": mlp}
    over = []
    print(f"{'step':<12}{'by hand':>12}   times the hand-written step")
    for name, workload in workloads.items():
        steps = workload()
        first = {peer: float(step()) for peer, step in steps.items()}
        for peer, value in first.items():
            assert abs(value - first["by hand"]) <= 1e-4 * abs(value), f"{peer} computes another {name}: {first}"
        found = medians(steps, *((5, 0.05) if options.quick else (25, 0.1)))
        ratios = {peer: seconds / found["by hand"] for peer, seconds in found.items() if peer != "by hand"}
        listed = " · ".join(f"{peer} {ratio:.2f}" for peer, ratio in ratios.items())
        print(f"{name:<12}{found['by hand'] * 1e6:>9.1f} µs   {listed}   (budget {BUDGETS[name]})")
        over += [name] if ratios["tinygrad_edu"] > BUDGETS[name] else []
    if options.check and over:
        raise SystemExit(f"over budget: {', '.join(over)}")


if __name__ == "__main__":
    main()
