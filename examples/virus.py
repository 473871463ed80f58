"""Who has the virus? A perceptron over four symptoms of eight persons: article 001, the case study.

The size of a trained weight tells how much its symptom counts: most for loss of smell, least for
weight loss, as the article says. Two persons have the same symptoms, (0, 0, 1, 1), and different
results: that is why the cost stays above 0.25.

    python examples/virus.py --out out
"""

from __future__ import annotations

import numpy as np
from _common import arguments
from matplotlib.figure import Figure
from tqdm import trange

import tinygrad_edu as tg
from tinygrad_edu import datasets

X, target = datasets.virus()


def predict(X: np.ndarray, W: tg.Tensor, b: tg.Tensor) -> tg.Tensor:
    """The chance of a positive test, for every row of X."""
    return (X @ W + b).sigmoid()


def train(epochs: int = 10_000, lr: float = 0.05) -> tuple[tg.Tensor, tg.Tensor, list[float]]:
    """The trained weights and bias, and the cost of every epoch."""
    W = tg.Tensor([[0.1], [0.2], [0.3], [0.4]], requires_grad=True, name="W")
    b = tg.Tensor([0.3], requires_grad=True, name="b")
    costs = []
    for _ in trange(epochs, desc="virus"):
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
    args = arguments(__doc__, epochs=10_000)
    W, b, costs = train(args.epochs)

    # those the article asks about
    persons = np.array([[1.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 1.0, 0.0]])
    for person, o in zip(persons, predict(persons, W, b), strict=True):
        print(f"{person} positive with {o:.5f}")
    weights = W.numpy().ravel()
    for symptom, w in zip(datasets.VIRUS_SYMPTOMS, weights, strict=True):
        print(f"{symptom:15} weight {w:8.5f}")
    print(f"{'bias':22} {b.item():8.5f}")

    figure = Figure(figsize=(10, 4), layout="constrained")
    curve, bars = figure.subplots(1, 2)
    curve.plot(costs)
    curve.set(title="virus", xlabel="epoch", ylabel="cost", ylim=(0, None))
    bars.barh(datasets.VIRUS_SYMPTOMS, weights)
    bars.invert_yaxis()
    bars.set(title="how much each symptom counts", xlabel="weight")
    figure.savefig(args.out / "virus.png")


if __name__ == "__main__":
    main()
