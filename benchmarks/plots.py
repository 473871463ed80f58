"""The pictures of the results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from .engines import BY_HAND, COMPILED, COMPILED_JAX, JAX, OURS, TORCH
from .measure import duration

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
OURSELVES = (OURS, COMPILED, COMPILED_JAX)
PEERS = [engine for engine in MARKERS if engine not in OURSELVES]
OUR_LOOK = {"s": 110, "edgecolors": "black", "linewidths": 0.9}
PEER_LOOK = {"s": 60, "edgecolors": "white", "linewidths": 0.4}
TICKS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200)
STYLE = {
    "svg.hashsalt": "tinygrad_edu",
    "font.family": "DejaVu Sans",
    "font.size": 11.5,
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
        figure = Figure(figsize=(10, 7.2), layout="constrained")
        axes = figure.subplots()
        axes.axvline(1, color="black", lw=1.2)
        axes.annotate("by hand", (1, -0.7), ha="center", va="bottom", annotation_clip=False, fontweight="bold")
        for engines, shift, look in ((OURSELVES, -0.15, OUR_LOOK), (PEERS, 0.2, PEER_LOOK)):
            marks = [mark for engine in engines if (mark := row_marks(axes, steps, engine, shift, look))]
            where = "outside upper center" if engines is OURSELVES else "outside lower center"
            figure.legend(handles=marks, loc=where, ncols=len(marks), frameon=False, handletextpad=0.1, columnspacing=1.4)
        for y, found in enumerate(steps.values()):
            axes.axhline(y + 0.5, color="#DDDDDD", lw=0.8)
            if OURS in found:
                eager = found[OURS] / found[BY_HAND]
                axes.annotate(
                    f"{eager:.1f}",
                    (eager, y - 0.15),
                    (8, 0),
                    textcoords="offset points",
                    va="center",
                    color=COLOURS[OURS],
                    fontweight="bold",
                )
        axes.set_yticks(range(len(steps)), [f"{name}\n{duration(found[BY_HAND])} by hand" for name, found in steps.items()])
        axes.set_ylim(len(steps) - 0.5, -0.5)
        axes.set_xscale("log")
        axes.set_xticks([multiple for multiple in TICKS if axes.get_xlim()[0] < multiple < axes.get_xlim()[1]])
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}×")
        axes.xaxis.set_minor_formatter("")
        axes.tick_params(which="both", length=0)
        axes.grid(axis="x", color="#EEEEEE")
        axes.set_axisbelow(True)
        axes.set_xlabel("time of a training step, as a multiple of the same step by hand in NumPy: further left is faster")
        save(figure, path)


def row_marks(axes: Any, steps: Mapping[str, Any], engine: str, shift: float, look: Mapping[str, Any]) -> Any:
    """An engine's marks, one in each row where it was measured; None if there is none."""
    points = [(found[engine] / found[BY_HAND], y + shift) for y, found in enumerate(steps.values()) if engine in found]
    label = "tinygrad_edu, eager" if engine == OURS else f"tinygrad_edu, {engine}" if engine in OURSELVES else engine
    return (
        axes.scatter(*zip(*points, strict=True), c=COLOURS[engine], marker=MARKERS[engine], label=label, zorder=4 if engine == OURS else 3, **look)
        if points
        else None
    )


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
