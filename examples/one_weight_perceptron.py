"""A perceptron with one weight, o = w x, that should double its input. Follows article 001, part 5.

The article tries w = 3, then 4, then 2, and counts wrong predictions. A count is flat between its
jumps, so it has no slope to follow; the squared error has one, and gradient descent, which the
article announces at the end of the part, finds w = 2 by itself.

    python examples/one_weight_perceptron.py --out out
"""

from __future__ import annotations

import numpy as np
from _common import arguments
from matplotlib.figure import Figure

import tinygrad_edu as tg
from tinygrad_edu import datasets

x, target = datasets.double()


def wrong(w: float) -> int:
    """How many of the four predictions miss their target."""
    return int(np.sum(w * x != target))


def error(w: float | tg.Tensor) -> tg.Tensor:
    """Half the sum of squared errors."""
    return 0.5 * ((w * tg.Tensor(x) - target) ** 2).sum()


def train(epochs: int = 40, lr: float = 0.02) -> tuple[tg.Tensor, list[float]]:
    """The trained weight, and the weights on the way to it."""
    w = tg.Tensor(3.0, requires_grad=True, name="w")
    path = [w.item()]
    for _ in range(epochs):
        loss = error(w)
        loss.backward()
        with tg.no_grad():
            w -= lr * w.grad
        w.zero_grad()
        path.append(w.item())
    return w, path


def main() -> None:
    """Try the article's weights, then let the gradient find the right one."""
    args = arguments(__doc__, epochs=40)
    for w in (3.0, 4.0, 2.0):
        predictions = (w * x).ravel().tolist()
        print(
            f"w = {w:.0f}: predictions {predictions}, {wrong(w)} of 4 wrong, error {error(w):.1f}"
        )

    trained, path = train(args.epochs)
    print(f"gradient descent from w = 3: w = {trained:.8f}")

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    ws = np.linspace(0.5, 4.2, 100)
    axes.plot(ws, [error(w).item() for w in ws], label="error")
    axes.plot(path, [error(w).item() for w in path], "o-", label="gradient descent")
    axes.set(title="one weight: the error and the way down")
    axes.set(xlabel="w", ylabel="half the sum of squared errors")
    axes.legend()
    figure.savefig(args.out / "one_weight_perceptron.png")


if __name__ == "__main__":
    main()
