"""The pictures of the results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
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
        axes.scatter(
            *zip(*points, strict=True), c=COLOURS[engine], marker=MARKERS[engine], label=label, zorder=4 if engine == OURS else 3, **look
        )
        if points
        else None
    )


def growth(results: Mapping[str, Any], path: Path) -> None:
    """Time and memory against length, width and batch, with a line of slope 1 for comparison."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(12, 7.6), layout="constrained")
        grid = figure.subplots(2, 3)
        titles = {"length": "ops in the graph", "width": "neurons in the hidden layer", "batch": "records in the batch"}
        for column, (axis, engines) in enumerate(results["growth"].items()):
            for row, (key, name) in enumerate(NAMES.items()):
                axes = grid[row, column]
                curves(axes, engines, key)
                axes.set_xlabel(titles[axis] if row else "")
                axes.set_ylabel(name if column == 0 else "")
        save(figure, path)


def curves(axes: Any, engines: Mapping[str, Any], key: str) -> None:
    """One curve for each engine, with its name at its end."""
    scale, least = (1e-6, 0.1) if key == "bytes" else (1.0, 0.0)  # memory comes in pages: smaller rises say little
    axes.set(xscale="log", yscale="log")
    ends: list[tuple[float, float, str]] = []
    for engine in sorted(engines, key=lambda name: name == OURS):
        points = [(p["size"], p[key] * scale) for p in engines[engine] if p[key] * scale > least]
        if points:
            x, y = zip(*points, strict=True)
            axes.plot(x, y, color=COLOURS[engine], lw=3 if engine == OURS else 1.5, marker="o", ms=5 if engine == OURS else 3.5)
            ends.append((x[-1], y[-1], engine))
    first, last = (side(p["size"] for points in engines.values() for p in points) for side in (min, max))
    slope_one(axes, max(first, last / 100), last, min(y for x, y, _ in ends if x == last) / 3)
    low, high = axes.get_ylim()
    for x, y, at, engine in spread([end for end in ends if end[0] * 10 >= last], (high / low) ** 0.06):
        line = {"arrowstyle": "-", "color": COLOURS[engine], "lw": 0.6, "shrinkA": 0, "shrinkB": 2}
        axes.annotate(short(engine), (x, y), (last * (last / first) ** 0.07, at), va="center", arrowprops=line, **lettering(engine))
        high = max(high, at * (high / low) ** 0.05)
    for x, y, engine in ends:
        if x * 10 < last:
            axes.annotate(short(engine), (x, y), (-4, 10), textcoords="offset points", ha="right", va="center", **lettering(engine))
    axes.set(ylim=(low, high), xlim=(first / 1.5, last * (last / first) ** 0.5))  # room for the names
    axes.set_xticks([10**k for k in range(1, 8) if first / 2 < 10**k <= last])
    axes.minorticks_off()
    axes.grid(color="#EEEEEE")


def slope_one(axes: Any, start: float, end: float, y: float) -> None:
    """A dashed line that ends at the height y, along which twice the size takes twice as much."""
    axes.plot([start, end], [y * start / end, y], color="#666666", ls="--", lw=1)
    axes.annotate("slope 1", (start, y * start / end), (10, 0), textcoords="offset points", color="#666666", fontsize=9, va="center")


def short(engine: str) -> str:
    """An engine's name where there is little room."""
    return {COMPILED: "compiled"}.get(engine, engine)


def lettering(engine: str) -> dict[str, Any]:
    """How its name is written."""
    return {"color": COLOURS[engine], "fontsize": 10, "fontweight": "bold" if engine == OURS else "normal"}


def spread(ends: list[tuple[float, float, str]], gap: float) -> list[tuple[float, float, float, str]]:
    """The ends of curves from bottom to top, each with a height for its name: at least a factor above the one below."""
    placed: list[tuple[float, float, float, str]] = []
    for x, y, engine in sorted(ends, key=lambda end: end[1]):
        placed.append((x, y, max([y, *(at * gap for _, _, at, _ in placed[-1:])]), engine))
    above = max(at / y for _, y, at, _ in placed) ** 0.5  # half of what the highest was moved: all of them are moved down by it
    return [(x, y, at / above, engine) for x, y, at, engine in placed]
