"""Exclusive or: a perceptron cannot learn it, one hidden layer can.

Follows article 001, "Limitations of a Perceptron Model". No line separates the ones (0, 1), (1, 0)
from the zeros (0, 0), (1, 1). The perceptron ends up answering 0.5 to everything; a hidden layer of
two neurons answers right; the picture shows its boundary, the page how it is learned.

    python examples/xor.py --out out
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _common import arguments, legend_below
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from tqdm import trange

import tinygrad_edu as tg
from tinygrad_edu import datasets

X, target = datasets.xor()
Model = Callable[..., tg.Tensor]


def perceptron(X: np.ndarray, W: tg.Tensor, b: tg.Tensor) -> tg.Tensor:
    """One straight boundary: X W + b = 0."""
    return (X @ W + b).sigmoid()


def hidden_layer(X: np.ndarray, *parameters: tg.Tensor) -> tg.Tensor:
    """One straight boundary for each hidden neuron, and a perceptron that combines them."""
    W1, b1, W2, b2 = parameters
    a1 = (X @ W1 + b1).sigmoid().named("a1")
    return (a1 @ W2 + b2).sigmoid().named("o")


def initial(shapes: Sequence[tuple[int, ...]]) -> list[tg.Tensor]:
    """Random parameters of these shapes."""
    rng = np.random.default_rng(0)
    return [tg.Tensor(rng.standard_normal(shape), requires_grad=True) for shape in shapes]


def step(model: Model, parameters: list[tg.Tensor], lr: float = 2.0) -> tg.Tensor:
    """One training step of a model: its loss, before the update of the parameters."""
    loss = tg.binary_cross_entropy(model(X, *parameters), target)
    loss.backward()
    with tg.no_grad():
        for p in parameters:
            p -= lr * p.grad
    for p in parameters:
        p.zero_grad()
    return loss


Trained = tuple[list[tg.Tensor], list[float]]  # the parameters, and the cost of every epoch


def train(model: Model, *shapes: tuple[int, ...], epochs: int = 2_000) -> Trained:
    """A model, trained from random parameters of these shapes."""
    parameters = initial(shapes)
    return parameters, [step(model, parameters).item() for _ in trange(epochs, desc=model.__name__)]


COLOURS = ["#4d4d4d", "#f7f7f7", "#c79a00"]  # those of the player
SHADES = LinearSegmentedColormap.from_list("targets", COLOURS)


def draw_boundary(axes: Any, model: Model, parameters: list[tg.Tensor]) -> None:
    """Colour the plane by the model's output, with a line at 0.5 and the four records on top."""
    side = np.linspace(-0.5, 1.5, 101)
    plane = np.stack(np.meshgrid(side, side), axis=-1)  # a model takes any stack of rows
    output = model(plane, *parameters).numpy()[..., 0]
    shades = axes.contourf(side, side, output, levels=np.linspace(0, 1, 12), cmap=SHADES)
    if np.ptp(output) > 0.01:  # else it is 0.5 everywhere, and rounding would draw a line
        axes.contour(side, side, output, levels=[0.5], colors="black")
    for wanted, marker in ((1, "o"), (0, "s")):
        points = X[target.ravel() == wanted].T
        shape = {"marker": marker, "edgecolors": "black", "s": 120, "zorder": 3}
        axes.scatter(*points, color=SHADES(float(wanted)), label=f"target {wanted}", **shape)
    legend_below(axes)
    axes.figure.colorbar(shades, ax=axes, label="output", shrink=0.8)
    axes.set(title=model.__name__.replace("_", " "), xlabel="x1", ylabel="x2", aspect="equal")


def play(epochs: int, path: Path) -> None:
    """Train the hidden layer once more, and write the page that replays it."""
    W1, b1, W2, b2 = parameters = initial([(2, 2), (2,), (2, 1), (1,)])
    tg.play(
        lambda: step(hidden_layer, parameters),
        path,
        names={"W1": W1, "b1": b1, "W2": W2, "b2": b2},
        epochs=epochs,
        predict=lambda points: hidden_layer(points, *parameters),
        data=(X, target),
    )


def main() -> None:
    """Train both models, draw their boundaries, and write the page that replays the second one."""
    args = arguments(__doc__, epochs=2_000)
    figure = Figure(figsize=(11, 5), layout="constrained")
    models = ((perceptron, [(2, 1), (1,)]), (hidden_layer, [(2, 2), (2,), (2, 1), (1,)]))
    for axes, (model, shapes) in zip(figure.subplots(1, 2), models, strict=True):
        parameters, costs = train(model, *shapes, epochs=args.epochs)
        print(f"{model.__name__}: cost {costs[-1]:.5f}")
        for row, wanted, o in zip(X, target, model(X, *parameters), strict=True):
            print(f"    {row} target {wanted.item():.0f} prediction {o:.5f}")
        draw_boundary(axes, model, parameters)
    figure.savefig(args.out / "xor.png")
    play(args.epochs, args.out / "xor_player.html")


if __name__ == "__main__":
    main()
