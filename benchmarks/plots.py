"""The pictures of the results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from .engines import BY_HAND, COMPILED, COMPILED_JAX, JAX, OURS, TORCH

# Okabe and Ito's colours, which the colour-blind can tell apart
COLOURS = {
    OURS: "#D55E00",
    COMPILED: "#E69F00",
    COMPILED_JAX: "#CC79A7",
    JAX: "#56B4E9",
    TORCH: "#0072B2",
    "HIPS autograd": "#009E73",
    "MyGrad": "#8C8C8C",
    "tinygrad": "#B59A00",
    "micrograd": "#7A5195",
    BY_HAND: "#000000",
}
MARKERS = {
    OURS: "o",
    COMPILED: "D",
    COMPILED_JAX: "s",
    JAX: "s",
    TORCH: "^",
    "HIPS autograd": "v",
    "MyGrad": "P",
    "tinygrad": "X",
    "micrograd": "*",
}
STYLE = {
    "svg.hashsalt": "tinygrad_edu",
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titleweight": "bold",
}
NAMES = {"seconds": "time of a step, in seconds", "bytes": "memory, in MB"}


def save(figure: Figure, path: Path) -> None:
    """Write a figure so that the same results give the same file."""
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def ratios(results: Mapping[str, Any], path: Path) -> None:
    """One row for each workload, one mark for each engine, on a logarithmic axis of multiples of the time by hand."""
    steps = results["steps"]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10, 6.4), layout="constrained")
        axes = figure.subplots()
        axes.axvline(1, color="black", lw=1.2)
        for y, found in enumerate(steps.values()):
            others = [seconds / found[BY_HAND] for engine, seconds in found.items() if engine != BY_HAND]
            axes.plot([min(others), max(others)], [y, y], color="#DDDDDD", lw=6, solid_capstyle="round", zorder=1)
        for engine in [engine for engine in COLOURS if engine != BY_HAND]:
            points = [(found[engine] / found[BY_HAND], y) for y, found in enumerate(steps.values()) if engine in found]
            ours = engine in (OURS, COMPILED, COMPILED_JAX)
            size = (130 if ours else 70) * (1.5 if engine == "micrograd" else 1)
            edge = {"edgecolors": "black", "linewidths": 0.9} if ours else {"edgecolors": "white", "linewidths": 0.5}
            label = f"tinygrad_edu, {'eager' if engine == OURS else engine}" if ours else engine
            if points:
                axes.scatter(
                    *zip(*points, strict=True),
                    s=size,
                    c=COLOURS[engine],
                    marker=MARKERS[engine],
                    label=label,
                    zorder=4 if ours else 3,
                    **edge,
                )
        axes.set_yticks(range(len(steps)), [f"{name}\n{1e6 * found[BY_HAND]:,.0f} µs by hand" for name, found in steps.items()])
        axes.invert_yaxis()
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}×")
        axes.grid(axis="x", color="#EEEEEE", zorder=0)
        axes.set_xlabel("time of a training step, as a multiple of the same step by hand in NumPy (less is faster)")
        axes.annotate("by hand", (1, -0.62), ha="center", va="bottom", annotation_clip=False, fontweight="bold")
        figure.legend(loc="outside upper center", ncols=5, frameon=False, handletextpad=0.2, columnspacing=1.2)
        save(figure, path)


def growth(results: Mapping[str, Any], path: Path) -> None:
    """Time and memory against length, width and batch, with a line of slope 1 for comparison."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(12, 7.4), layout="constrained")
        grid = figure.subplots(2, 3, sharex="col")
        titles = {"length": "ops in the graph", "width": "neurons in the hidden layer", "batch": "records in the batch"}
        for column, (axis, engines) in enumerate(results["growth"].items()):
            for row, key in enumerate(NAMES):
                axes = grid[row, column]
                curves(axes, engines, key)
                axes.set_title(titles[axis] if row == 0 else "")
                axes.set_xlabel(titles[axis] if row else "")
                axes.set_ylabel(NAMES[key] if column == 0 else "")
        save(figure, path)


def curves(axes: Any, engines: Mapping[str, Any], key: str) -> None:
    """One curve for each engine, with its name at its end."""
    scale, least = (1e-6, 0.3) if key == "bytes" else (1.0, 0.0)  # below, memory comes in pages
    ends: list[tuple[float, float, str]] = []
    axes.set(xscale="log", yscale="log")
    for engine in sorted(engines, key=lambda name: name == OURS):
        points = [(p["size"], p[key] * scale) for p in engines[engine] if p[key] * scale > least]
        if points:
            x, y = np.array(points).T
            axes.plot(x, y, color=COLOURS[engine], lw=3 if engine == OURS else 1.6, marker="o", ms=5 if engine == OURS else 3.5)
            ends.append((x[-1], y[-1], engine))
    x_low, x_high = axes.get_xlim()
    y_low, y_high = axes.get_ylim()
    slope_one(axes, x_high, y_low)
    axes.set_xlim(x_low, x_high * (x_high / x_low) ** 0.36)  # room for the names
    for x, y, at, engine in spread(ends, y_low, y_high):
        name = {OURS: "tinygrad_edu", COMPILED: "compiled"}.get(engine, engine)
        arrow = {"arrowstyle": "-", "color": COLOURS[engine], "lw": 0.6, "shrinkA": 0, "shrinkB": 2}
        axes.annotate(
            name,
            (x, y),
            (x * (x_high / x_low) ** 0.05, at),
            color=COLOURS[engine],
            va="center",
            fontsize=10,
            arrowprops=arrow,
            fontweight="bold" if engine == OURS else "normal",
        )
    axes.set_ylim(y_low, y_high)
    axes.grid(color="#EEEEEE")


def slope_one(axes: Any, x_high: float, y_low: float) -> None:
    """A dashed line along which twice the size takes twice as much."""
    x = np.array([x_high / 100, x_high / 1.5])
    axes.plot(x, y_low * 1.6 * x / x[0], color="#666666", ls="--", lw=1)
    axes.annotate("slope 1", (x[0], y_low * 1.6), color="#666666", fontsize=9, ha="right", va="center")


def spread(ends: list[tuple[float, float, str]], low: float, high: float, share: float = 0.062) -> list[tuple[float, float, float, str]]:
    """The ends of curves from bottom to top, each with a height for its name that is clear of the one below."""
    gap = (high / low) ** share
    placed: list[tuple[float, float, float, str]] = []
    for x, y, engine in sorted(ends, key=lambda end: end[1]):
        at = y if not placed else max(y, placed[-1][2] * gap)
        placed.append((x, y, at, engine))
    return placed
