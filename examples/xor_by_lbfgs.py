"""The network for exclusive or, fitted by L-BFGS: a handful of steps in place of thousands.

Follows article 001, "Limitations of a Perceptron Model". Its parameters are flattened to one
vector, as SciPy's optimizers take them, and the loss with its gradient is one compiled function of
that vector. The picture shows the cost beside that of gradient descent.

    python examples/xor_by_lbfgs.py --out out
"""

from __future__ import annotations

from typing import Any

import numpy as np
from _common import STYLES, arguments, legend_below
from matplotlib.figure import Figure
from scipy.optimize import minimize

import tinygrad_edu as tg
from tinygrad_edu import datasets

X, target = datasets.xor()
Parameters = dict[str, Any]


def initial() -> Parameters:
    """Two hidden neurons, and one that combines them."""
    rng = np.random.default_rng(0)
    shapes = {"W1": (2, 2), "b1": (2,), "W2": (2, 1), "b2": (1,)}
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


def scores(p: Parameters) -> tg.Tensor:
    """The network up to its last sigmoid."""
    hidden = tg.sigmoid(X @ p["W1"] + p["b1"])
    return hidden @ p["W2"] + p["b2"]


def loss(p: Parameters) -> tg.Tensor:
    """The binary cross-entropy, and a weak pull to 0, without which the weights grow for ever."""
    penalty = sum((w**2).sum() for w in p.values())
    return tg.binary_cross_entropy_with_logits(scores(p), target) + 1e-4 * penalty


def by_lbfgs(start: Parameters) -> tuple[Parameters, list[float]]:
    """The fitted parameters, and the cost after every step."""
    vector, unflatten = tg.flatten(start)
    loss_and_gradient = tg.compile(tg.value_and_grad(lambda v: loss(unflatten(v))))
    costs = [loss_and_gradient(vector)[0].item()]

    def note(v: Any) -> None:
        costs.append(loss_and_gradient(v)[0].item())

    found = minimize(loss_and_gradient, vector, jac=True, method="L-BFGS-B", callback=note)
    return unflatten(found.x), costs


def by_gradient_descent(
    start: Parameters, epochs: int, lr: float = 2.0
) -> tuple[Parameters, list[float]]:
    """The same by steps down the gradient."""
    step = tg.compile(tg.value_and_grad(loss))
    p, costs = start, []
    for _ in range(epochs):
        cost, gradient = step(p)
        costs.append(cost.item())
        p = {name: p[name] - lr * gradient[name].numpy() for name in p}
    return p, costs


if __name__ == "__main__":
    args = arguments(__doc__, epochs=2_000)
    start = initial()
    fitted = {
        "gradient descent": by_gradient_descent(start, args.epochs),
        "L-BFGS": by_lbfgs(start),
    }
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for style, (name, (parameters, costs)) in zip(STYLES, fitted.items(), strict=False):
        answers = tg.sigmoid(scores(parameters)).numpy().ravel().round(2)
        print(f"{name}: cost {costs[-1]:.4f} after {len(costs)} steps, answers {answers}")
        axes.semilogx(np.arange(1, len(costs) + 1), costs, style, label=name)
    axes.set(title="Exclusive or, one hidden layer", xlabel="step", ylabel="cost", ylim=(0, None))
    legend_below(axes)
    figure.savefig(args.out / "xor_by_lbfgs.png")
