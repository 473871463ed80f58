"""The sigmoid: its slope, and what a weight and a bias do to it.

Follows article 001, part 6 and "Why do we add bias?". A weight makes the curve steeper or flatter,
yet it stays at 0.5 for x = 0; only a bias moves it along the x axis. The weights and biases of the
article's figures are lost, those here are chosen. The slope is computed by `backward`, and equals
s(1 - s).

    python examples/sigmoid_curves.py --out out
"""

from __future__ import annotations

import numpy as np
from _common import STYLES, arguments, legend_below
from matplotlib.figure import Figure

import tinygrad_edu as tg

xs = np.linspace(-10, 10, 401)
weights, biases = (0.5, 1.0, 2.0), (-5.0, 0.0, 5.0)


def slope(points: np.ndarray) -> np.ndarray:
    """The sigmoid's derivative at every point, from a sum's gradient: the points do not mix."""
    x = tg.Tensor(points, requires_grad=True)
    x.sigmoid().sum().backward()
    return x.grad


def main() -> None:
    """Print three slopes, draw all curves."""
    args = arguments(__doc__)
    for x in (-5.0, 0.0, 5.0):
        s, ds = tg.sigmoid(x).item(), slope(np.array([x])).item()
        print(f"x = {x:4.0f}: sigmoid {s:.5f}, slope {ds:.5f}, s(1 - s) {s * (1 - s):.5f}")

    figure = Figure(figsize=(12, 4.6), layout="constrained")
    curve, steeper, shifted = figure.subplots(1, 3, sharey=True)
    curve.plot(xs, tg.sigmoid(xs), label="sigmoid(x)")
    curve.plot(xs, slope(xs), STYLES[1], label="its slope, by backward")
    for w, style in zip(weights, STYLES, strict=True):
        steeper.plot(xs, tg.sigmoid(w * xs), style, label=f"sigmoid({w:g}x)")
    for b, style in zip(biases, STYLES, strict=True):
        shifted.plot(xs, tg.sigmoid(xs + b), style, label=f"sigmoid(x{b:+g})")
    titles = "the sigmoid and its slope", "a weight: steepness", "a bias: shift"
    for axes, title in zip((curve, steeper, shifted), titles, strict=True):
        axes.axvline(0, color="lightgray", zorder=0)
        axes.set(title=title, xlabel="x", ylabel="output")
        legend_below(axes)
    figure.savefig(args.out / "sigmoid_curves.png")


if __name__ == "__main__":
    main()
