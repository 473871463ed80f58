"""A network without hidden layer, three features and 25,000 epochs. Follows article 002.

The article speaks of the mean squared error; its program descends half the sum of squared errors,
and so does this one. The program's derivative of the sigmoid is wrong, hence other numbers there
than here: see check_articles.py.

    python examples/ann.py --out out
"""

from __future__ import annotations

import numpy as np
from _common import arguments, plot_cost
from tqdm import trange

import tinygrad_edu as tg
from tinygrad_edu import datasets

X, target = datasets.ann()


def first_weights() -> tuple[np.ndarray, np.ndarray]:
    """The article's random W (3, 1) and b (1,), those of np.random.seed(42)."""
    rng = np.random.RandomState(42)
    return rng.rand(3, 1), rng.rand(1)


def predict(X: np.ndarray, W: tg.Tensor, b: tg.Tensor) -> tg.Tensor:
    """The output for every row of X."""
    return (X @ W + b).sigmoid()


def train(epochs: int = 25_000, lr: float = 0.05) -> tuple[tg.Tensor, tg.Tensor, list[float]]:
    """The trained weights and bias, and the cost of every epoch."""
    W, b = (tg.Tensor(value, requires_grad=True) for value in first_weights())
    costs = []
    for _ in trange(epochs, desc="ANN"):
        loss = 0.5 * ((predict(X, W, b) - target) ** 2).sum()
        loss.backward()
        with tg.no_grad():
            W -= lr * W.grad
            b -= lr * b.grad
        W.zero_grad()
        b.zero_grad()
        costs.append(loss.item())
    return W, b, costs


def main() -> None:
    """Train; print and draw what was learned."""
    args = arguments(__doc__, epochs=25_000)
    W, b, costs = train(args.epochs)

    print("weights", W.numpy().ravel(), "bias", b.numpy())
    points = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])  # those the article asks about
    for point, o in zip(points, predict(points, W, b), strict=True):
        print(f"{point} prediction {o:.8f}")
    plot_cost(costs, args.out / "ann_cost.png", "a network without hidden layer")


if __name__ == "__main__":
    main()
