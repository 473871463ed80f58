"""The gradients of articles 000, 001 and 002, checked: the formulas are right, the code is not.

Finding 1. The programs of 001 and 002 define sigmoid_der(x) = s(x)(1 - s(x)), which is right for
the input of the sigmoid, and call it with the output: s(o)(1 - s(o)) in place of o(1 - o). It still
trains, because that is positive too, and so nobody noticed. A gradient check notices at once.

Finding 2. The predictions that 002 publishes are not those of its 25,000 epochs, they are those of
epoch 55,000.

    python examples/check_articles.py --out out
"""

from __future__ import annotations

from functools import partial

import ann
import numpy as np
import or_gate
import two_layer
from _common import STYLES, arguments, legend_below
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from tqdm import trange

import tinygrad_edu as tg
from tinygrad_edu import datasets
from tinygrad_edu.testing import check_formula

PUBLISHED = {(1, 0, 0): 0.01031463, (0, 1, 0): 0.99440207}  # the last two figures of 002


def sigmoid(x):
    """As printed."""
    return 1 / (1 + np.exp(-x))


def sigmoid_der(x):
    """As printed: the slope at the input x."""
    return sigmoid(x) * (1 - sigmoid(x))


def perceptron_gradient(X, target, W, b):
    """By W and b, of half the sum of squared errors: the formulas in the text of 001 and 002."""
    o = sigmoid(X @ W + b)
    deriv = (o - target) * o * (1 - o)
    return X.T @ deriv, deriv.sum(axis=0)


def printed_gradient(X, target, W, b):
    """The same as 001 and 002 print it in code: with the slope at o, the sigmoid applied twice."""
    o = sigmoid(X @ W + b)
    deriv = (o - target) * sigmoid_der(o)
    return X.T @ deriv, deriv.sum(axis=0)


def two_layer_gradient(x, y, W1, b1, W2, b2):
    """By W1, b1, W2 and b2, of the mean cross-entropy: the formulas in the text of 000."""
    a1 = sigmoid(x @ W1 + b1)
    o = sigmoid(a1 @ W2 + b2)
    delta2 = (o - y) / len(x)
    delta1 = (delta2 @ W2.T) * a1 * (1 - a1)
    return x.T @ delta1, delta1.sum(axis=0), a1.T @ delta2, delta2.sum(axis=0)


def train_printed(X, target, W, b, epochs, lr=0.05):
    """The trained weights and bias of the printed programs."""
    for _ in range(epochs):
        by_W, by_b = printed_gradient(X, target, W, b)
        W, b = W - lr * by_W, b - lr * by_b
    return W, b


def check_perceptron(gradient) -> None:
    """Compare a gradient of the OR gate with the engine and numerical slopes."""
    X, target = datasets.or_gate()
    first = np.array([[0.1], [0.2]]), np.array([0.3])
    print(check_formula(or_gate.error, partial(gradient, X, target), *first, report=True))


def check_formulas() -> None:
    """Compare formula, engine and numerical slope, for the articles' first weights."""
    print("The formulas of 001 and 002, for the OR gate:")
    check_perceptron(perceptron_gradient)

    x, y = datasets.diabetes(n=20)
    rng = np.random.default_rng(0)
    first = [rng.standard_normal(shape) for shape in ((6, 3), (3,), (3, 1), (1,))]

    def error(W1, b1, W2, b2):
        return tg.binary_cross_entropy(two_layer.predict(x, W1, b1, W2, b2), y)

    print("\nThe formulas of 000, for the network of two layers:")
    print(check_formula(error, partial(two_layer_gradient, x, y), *first, report=True))

    print("\nFinding 1. The printed code of 001 and 002, for the OR gate:")
    check_perceptron(printed_gradient)


def compare(system: str, printed: tuple, true: tuple, points: list[tuple[int, ...]]) -> None:
    """Print weights, bias and predictions, as the printed code and the true gradient train them."""
    print(f"\n{system:20} {'printed code':>14} {'true gradient':>14}")
    (W, b), (true_W, true_b) = printed, (true[0].numpy(), true[1].numpy())
    for i, (w, true_w) in enumerate(zip(W.ravel(), true_W.ravel(), strict=True), 1):
        print(f"{f'weight {i}':20} {w:14.8f} {true_w:14.8f}")
    print(f"{'bias':20} {b.item():14.8f} {true_b.item():14.8f}")
    for point in points:
        o, true_o = sigmoid(point @ W + b), sigmoid(point @ true_W + true_b)
        print(f"{f'prediction {point}':20} {o.item():14.8f} {true_o.item():14.8f}")


def draw_slopes(axes: Axes) -> None:
    """Finding 1: the true slope of the sigmoid and the printed one, by its output."""
    o = np.linspace(0, 1, 101)
    axes.plot(o, o * (1 - o), label="true: o(1 - o)")
    axes.plot(o, sigmoid_der(o), STYLES[1], label="printed: s(o)(1 - s(o))")
    axes.set(title="1. the slope of the sigmoid, by its output", xlabel="output o", ylabel="slope")
    axes.set(ylim=(0, None))
    legend_below(axes)


def draw_distances(axes: Axes, predictions: dict[tuple[int, ...], list[float]]) -> None:
    """Finding 2: how far the printed program's predictions are from their targets, by the epoch."""
    for (point, published), style in zip(PUBLISHED.items(), STYLES, strict=False):
        target = round(published)
        distance = np.abs(np.array(predictions[point]) - target)
        (line,) = axes.semilogy(range(0, 56_000, 1_000), distance, style, label=f"{point}")
        height, color = abs(published - target), line.get_color()
        axes.axhline(height, color=color, linestyle=":")
        place = {"xytext": (4, 3), "textcoords": "offset points"}
        axes.annotate(f"{point} as published", (0, height), **place, fontsize=8, color=color)
    for epoch in (25_000, 55_000):
        axes.axvline(epoch, color="lightgray", zorder=0)
    axes.set(title="2. the printed ANN: how far from the target", xlabel="epoch", ylabel="distance")
    axes.set(xticks=[0, 25_000, 55_000])
    legend_below(axes)


def main() -> None:
    """Print both findings with their numbers, and draw them."""
    args = arguments(__doc__)
    check_formulas()

    first = np.array([[0.1], [0.2]]), np.array([0.3])
    printed = train_printed(*datasets.or_gate(), *first, epochs=10_000)
    compare("OR, 10,000 epochs", printed, or_gate.train()[:2], [(1, 0), (1, 1), (0, 0)])

    W, b = ann.first_weights()
    history = [(W, b)]  # after every thousandth epoch
    for _ in trange(55, desc="printed ANN, 1,000 epochs each"):
        W, b = train_printed(*datasets.ann(), W, b, epochs=1_000)
        history.append((W, b))
    compare("ANN, 25,000 epochs", history[25], ann.train()[:2], list(PUBLISHED))

    print("\nFinding 2. The predictions of 002:")
    predictions = {}  # of each published point, after every thousandth epoch
    print(f"{'':10} {'published':>11} {'25,000':>11} {'55,000 epochs':>14}")
    for point, published in PUBLISHED.items():
        outputs = predictions[point] = [sigmoid(point @ W + b).item() for W, b in history]
        print(f"{point!s:10} {published:11.8f} {outputs[25]:11.8f} {outputs[55]:14.8f}")

    figure = Figure(figsize=(11, 5), layout="constrained")
    left, right = figure.subplots(1, 2)
    draw_slopes(left)
    draw_distances(right, predictions)
    figure.savefig(args.out / "check_articles.png")


if __name__ == "__main__":
    main()
