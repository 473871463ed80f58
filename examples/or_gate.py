"""The OR gate, learned by a perceptron: o = sigmoid(X W + b). Follows article 001, part 10.

Trains for 10,000 epochs with the true gradient, prints the predictions, checks the gradient against
numerical slopes, and writes the cost curve, the picture of the recorded graph, and the page that
plays its two passes.

    python examples/or_gate.py --out out
"""

from __future__ import annotations

import numpy as np
from _common import arguments, plot_cost
from tqdm import trange

import tinygrad_edu as tg
from tinygrad_edu import datasets
from tinygrad_edu.testing import gradcheck

X, target = datasets.or_gate()


def predict(X: np.ndarray, W: tg.Tensor, b: tg.Tensor) -> tg.Tensor:
    """The perceptron's output for every row of X."""
    return (X @ W + b).sigmoid()


def error(W: tg.Tensor, b: tg.Tensor) -> tg.Tensor:
    """Half the sum of squared errors over the truth table."""
    return 0.5 * ((predict(X, W, b) - target) ** 2).sum()


def train(epochs: int = 10_000, lr: float = 0.05) -> tuple[tg.Tensor, tg.Tensor, list[float]]:
    """The trained weights and bias, and the cost of every epoch."""
    W = tg.Tensor([[0.1], [0.2]], requires_grad=True, name="W")
    b = tg.Tensor([0.3], requires_grad=True, name="b")
    costs = []
    for _ in trange(epochs, desc="OR gate"):
        loss = error(W, b)
        loss.backward()
        with tg.no_grad():
            W -= lr * W.grad
            b -= lr * b.grad
        W.zero_grad()
        b.zero_grad()
        costs.append(loss.item())
    return W, b, costs


def main() -> None:
    """Train; print, check and draw what was learned."""
    args = arguments(__doc__, epochs=10_000)
    W, b, costs = train(args.epochs)

    print("weights", W.numpy().ravel(), "bias", b.numpy())
    for row, wanted, o in zip(X, target, predict(X, W, b), strict=True):
        print(f"{row} target {wanted.item():.0f} prediction {o:.8f}")
    print()
    print(gradcheck(error, W, b, names=("W", "b"), report=True))
    print()

    plot_cost(costs, args.out / "or_gate_cost.png", "OR gate")
    loss = error(W, b)
    loss.backward()
    print("the cost curve:", args.out / "or_gate_cost.png")
    print("the graph:", tg.draw(loss).save(args.out / "or_gate_graph.svg"))
    print("both passes, step by step:", tg.play(loss).save(args.out / "or_gate_player.html"))


if __name__ == "__main__":
    main()
