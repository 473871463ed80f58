"""How many units of the last place values and derivatives are off mpmath's, at most.

    python -m benchmarks.accuracy                  # some hundred points, zeros and infinities too
    python -m benchmarks.accuracy --points 400     # more of them

Each engine that is installed has its own function, such as torch.nn.functional.softplus or
jax.nn.log_sigmoid, and its own derivatives; mpmath computes with 60 digits. The unit is the last
place of the exact value in the dtype, down to the smallest subnormal number: a few units are
rounding, 1e7 in float32 and 1e16 in float64 are all digits. "lost" is a NaN or an infinity where a
number is right, or the reverse.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from mpmath import mp, mpf

import tinygrad_edu as tg

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from test_accuracy import EXACT, derivatives, points, units

NAMES = ("sigmoid", "tanh", "expm1", "softplus", "log_sigmoid")
Engine = Callable[[str, Any], list[Any]]


def ours(name: str, x: Any) -> list[Any]:
    """Value and two derivatives of this project."""
    return derivatives(getattr(tg, name), x)


def by_pytorch(name: str, x: Any) -> list[Any]:
    """Value and two derivatives of PyTorch."""
    import torch

    fused = name.replace("log_sigmoid", "logsigmoid")
    f = getattr(torch.nn.functional, fused, None) or getattr(torch, name)
    at = torch.from_numpy(x.copy()).requires_grad_()
    found = [f(at)]
    for _ in range(2):
        found += torch.autograd.grad(found[-1].sum(), at, create_graph=True)
    return [y.detach().numpy() for y in found]


def by_jax(name: str, x: Any) -> list[Any]:
    """Value and two derivatives of JAX."""
    import jax

    f = getattr(jax.nn, name, None) or getattr(jax.numpy, name)
    first = jax.grad(lambda x: f(x).sum())
    with jax.enable_x64(True):
        return [np.asarray(y) for y in (f(x), first(x), jax.grad(lambda x: first(x).sum())(x))]


ALL: dict[str, tuple[str, Engine]] = {
    "tinygrad_edu": ("numpy", ours),
    "PyTorch": ("torch", by_pytorch),
    "JAX": ("jax", by_jax),
}
ENGINES = {name: engine for name, (package, engine) in ALL.items() if find_spec(package)}


def worst(name: str, dtype: Any, number: int) -> dict[str, list[str]]:
    """The most units that each engine is off in the value and in the derivatives, and where."""
    x = points(name, dtype, number)
    with mp.workdps(60), np.errstate(all="ignore"):
        exact = [[f(mpf(float(v))) for v in x] for f in EXACT[name]]
        found = {engine: zip(run(name, x), exact, strict=True) for engine, run in ENGINES.items()}
        return {
            engine: [_largest(units(got, e, dtype), x) for got, e in pairs]
            for engine, pairs in found.items()
        }


def _largest(far: Any, x: Any) -> str:
    at = int(np.argmax(far))
    size = "lost" if np.isinf(far[at]) else f"{far[at]:.2g}"
    return f"{size} at {x[at]:.3g}" if far[at] > 4 else size


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    prog, form = "python -m benchmarks.accuracy", argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog, description=__doc__, formatter_class=form)
    many = "how many of each kind (100)"
    parser.add_argument("--points", type=int, default=100, metavar="N", help=many)
    options = parser.parse_args(arguments)
    print(f"| | | {' | '.join(ENGINES)} |", f"| --- | --- {'| ---: ' * len(ENGINES)}|", sep="\n")
    for dtype in (np.float64, np.float32):
        for name in NAMES:
            found = worst(name, dtype, options.points)
            for order in range(3):
                cells = " | ".join(found[e][order] for e in ENGINES)
                print(f"| {name}{chr(39) * order} | {dtype.__name__} | {cells} |")


if __name__ == "__main__":
    main()
