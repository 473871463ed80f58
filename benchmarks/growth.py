"""How time and memory grow, with the graph, a layer and the batch; the memory of a deep network."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .engines import BY_HAND, BY_VALUE, COMPILED, ENGINES, JAX, LEAVES_ONLY, OURS, TORCH, VARIANTS
from .probe import probe


class Axis(NamedTuple):
    """An argument of a workload that grows, its values, and up to which engines are measured."""

    workload: str
    argument: str
    values: Sequence[int]
    upto: dict[str, int]
    fixed: dict[str, int]


ANY = 10**9
# HIPS autograd and MyGrad take half a minute for a step of a million ops; micrograd is recursive
SLOW = {"HIPS autograd": 10**5, "MyGrad": 10**5, "micrograd": 10**3}
LENGTH = {BY_HAND: ANY, OURS: ANY, TORCH: ANY, **SLOW}
LAYER = dict.fromkeys((BY_HAND, OURS, COMPILED, TORCH, JAX), ANY)
AXES = {
    "length": Axis("chain", "length", [10**k for k in range(1, 7)], LENGTH, {}),
    "width": Axis("mlp", "hidden", [2**k for k in range(4, 12)], LAYER, {"batch": 128}),
    "batch": Axis("mlp", "batch", [8 * 4**k for k in range(6)], LAYER, {"hidden": 128}),
}
DEEP = {"50 layers of 256, batch 256": (256, 256), "50 layers of 512, batch 128": (512, 128)}
DEEP_ENGINES = (BY_HAND, OURS, LEAVES_ONLY, BY_VALUE, COMPILED, TORCH, JAX)

Say = Callable[[str], Any]


def growth(say: Say = print) -> dict[str, dict[str, list[dict[str, float]]]]:
    """By axis and engine: the sizes, with the seconds and bytes of a step."""
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    for name, axis in AXES.items():
        found[name] = {engine: [] for engine in axis.upto if ENGINES[engine].runs(axis.workload)}
        for value in axis.values:
            rows = []
            for engine, points in found[name].items():
                if value <= axis.upto[engine]:
                    step = probe(engine, axis.workload, **axis.fixed, **{axis.argument: value})
                    points.append({"size": value, **step})
                    rows.append(f"{engine} {step['seconds']:.2g} s")
            say(f"{name} {value:,}: " + ", ".join(rows))
    return found


def deep(say: Say = print) -> dict[str, dict[str, float]]:
    """By network and engine: the bytes by which memory rises in a step."""
    found: dict[str, dict[str, float]] = {}
    for name, (width, batch) in DEEP.items():
        installed = [engine for engine in DEEP_ENGINES if (ENGINES | VARIANTS)[engine].runs("deep")]
        found[name] = {
            engine: probe(engine, "deep", layers=50, width=width, batch=batch)["bytes"]
            for engine in installed
        }
        rows = [f"{engine} {rise / 1e6:.1f} MB" for engine, rise in found[name].items()]
        say(f"{name}: " + ", ".join(rows))
    return found


def exponent(points: Sequence[dict[str, float]], key: str, decades: float = 2) -> float:
    """The slope in a log-log plot, by least squares over the last decades: 1 for linear growth."""
    least = points[-1]["size"] / 10**decades
    last = [p for p in points if p["size"] >= least and p[key] > 0]
    if len(last) < 2:
        return math.nan
    logs = [(math.log(p["size"]), math.log(p[key])) for p in last]
    x, y = (sum(values) / len(logs) for values in zip(*logs, strict=True))
    return sum((a - x) * (b - y) for a, b in logs) / sum((a - x) ** 2 for a, _ in logs)
