"""The OR gate without a bias: o = sigmoid(X W) answers 0.5 to (0, 0) for ever.

Follows article 001, "Why do we add bias?". The weighted sum of (0, 0) is 0 whatever the weights
are, and sigmoid(0) = 0.5: its error of 0.125 can never be trained away.

    python examples/or_gate_without_bias.py --out out
"""

from __future__ import annotations

import numpy as np
from _common import arguments, plot_cost
from tqdm import trange

import tinygrad_edu as tg
from tinygrad_edu import datasets

X, target = datasets.or_gate()


def predict(X: np.ndarray, W: tg.Tensor) -> tg.Tensor:
    """The output for every row of X."""
    return (X @ W).sigmoid()


def train(epochs: int = 10_000, lr: float = 0.05) -> tuple[tg.Tensor, list[float]]:
    """The trained weights, and the cost of every epoch."""
    W = tg.Tensor([[0.1], [0.2]], requires_grad=True, name="W")
    costs = []
    for _ in trange(epochs, desc="OR gate without bias"):
        loss = 0.5 * ((predict(X, W) - target) ** 2).sum()
        loss.backward()
        with tg.no_grad():
            W -= lr * W.grad
        W.zero_grad()
        costs.append(loss.item())
    return W, costs


def main() -> None:
    """Train; print and draw what cannot be learned."""
    args = arguments(__doc__, epochs=10_000)
    W, costs = train(args.epochs)

    print("weights", W.numpy().ravel())
    for row, wanted, o in zip(X, target, predict(X, W), strict=True):
        print(f"{row} target {wanted.item():.0f} prediction {o:.8f}")
    print(f"cost {costs[-1]:.8f}, of which (0, 0) is 0.125")
    path = args.out / "or_gate_without_bias_cost.png"
    plot_cost(costs, path, "OR gate without bias: never below 0.125")


if __name__ == "__main__":
    main()
