"""A network of two layers, trained for 1,500 epochs with cross-entropy. Follows article 000.

a1 = sigmoid(x W1 + b1) is the hidden layer, o = sigmoid(a1 W2 + b2) the output. The article's table
of key factors for diabetes is lost: this one is synthetic (see `datasets.diabetes`). Its sizes and
learning rate are lost too, those here are chosen.

    python examples/two_layer.py --out out
"""

from __future__ import annotations

import numpy as np
from _common import arguments, plot_cost
from tqdm import trange

import tinygrad_edu as tg
from tinygrad_edu import datasets

x, y = datasets.diabetes()


def predict(x: np.ndarray, W1: tg.Tensor, b1: tg.Tensor, W2: tg.Tensor, b2: tg.Tensor) -> tg.Tensor:
    """The chance of diabetes, for every row of x."""
    a1 = (x @ W1 + b1).sigmoid().named("a1")
    return (a1 @ W2 + b2).sigmoid().named("o")


def initial(hidden: int) -> list[tg.Tensor]:
    """W1, b1, W2, b2, random: with equal weights, all hidden neurons would learn the same."""
    rng = np.random.default_rng(0)
    W1 = tg.Tensor(0.1 * rng.standard_normal((x.shape[1], hidden)), requires_grad=True, name="W1")
    b1 = tg.Tensor(np.zeros(hidden), requires_grad=True, name="b1")
    W2 = tg.Tensor(0.1 * rng.standard_normal((hidden, 1)), requires_grad=True, name="W2")
    b2 = tg.Tensor(np.zeros(1), requires_grad=True, name="b2")
    return [W1, b1, W2, b2]


def train(epochs: int = 1_500, lr: float = 3.0) -> tuple[list[tg.Tensor], list[float]]:
    """The trained parameters W1, b1, W2, b2, and the cost of every epoch."""
    parameters = initial(hidden=5)
    costs = []
    for _ in trange(epochs, desc="two layers"):
        loss = tg.binary_cross_entropy(predict(x, *parameters), y)
        loss.backward()
        with tg.no_grad():
            for p in parameters:
                p -= lr * p.grad
        for p in parameters:
            p.zero_grad()
        costs.append(loss.item())
    return parameters, costs


def accuracy(parameters: list[tg.Tensor], x: np.ndarray, y: np.ndarray) -> float:
    """The share of the persons for whom the more likely answer is the right one."""
    return float(np.mean((predict(x, *parameters).numpy() > 0.5) == y))


def main() -> None:
    """Train; print and draw what was learned."""
    args = arguments(__doc__, epochs=1_500)
    parameters, costs = train(args.epochs)

    for epoch in range(0, args.epochs, max(args.epochs // 5, 1)):
        print(f"epoch {epoch:5} cost {costs[epoch]:.5f}")
    print(f"after {args.epochs} cost {costs[-1]:.5f}")
    seen, others = accuracy(parameters, x, y), accuracy(parameters, *datasets.diabetes(seed=1))
    print(f"right for {seen:.1%} of the persons it saw, {others:.1%} of others")

    plot_cost(costs, args.out / "two_layer_cost.png", "two layers, cross-entropy")
    loss = tg.binary_cross_entropy(predict(x, *parameters), y)
    loss.backward()
    tg.draw(loss).save(args.out / "two_layer_graph.svg")
    tg.play(loss, args.out / "two_layer_player.html")


if __name__ == "__main__":
    main()
