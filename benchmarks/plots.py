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
    """A row for each workload, a mark for each engine, at its multiple of the time by hand."""
    steps = results["steps"]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(10, 7.2), layout="constrained")
        axes = figure.subplots()
        axes.axvline(1, color="black", lw=1.2)
        middle = {"ha": "center", "va": "bottom", "annotation_clip": False, "fontweight": "bold"}
        axes.annotate("by hand", (1, -0.7), **middle)
        for engines, shift, look in ((OURSELVES, -0.15, OUR_LOOK), (PEERS, 0.2, PEER_LOOK)):
            drawn = [row_marks(axes, steps, engine, shift, look) for engine in engines]
            marks = [mark for mark in drawn if mark]
            where = "outside upper center" if engines is OURSELVES else "outside lower center"
            close = {"frameon": False, "handletextpad": 0.1, "columnspacing": 1.4}
            figure.legend(handles=marks, loc=where, ncols=len(marks), **close)
        beside = {"xytext": (8, 0), "textcoords": "offset points", "va": "center"}
        for y, found in enumerate(steps.values()):
            axes.axhline(y + 0.5, color="#DDDDDD", lw=0.8)
            if OURS in found:
                ratio = found[OURS] / found[BY_HAND]
                bold = {"color": COLOURS[OURS], "fontweight": "bold"}
                axes.annotate(f"{ratio:.1f}", (ratio, y - 0.15), **beside, **bold)
        rows = [f"{name}\n{duration(found[BY_HAND])} by hand" for name, found in steps.items()]
        axes.set_yticks(range(len(steps)), rows)
        axes.set_ylim(len(steps) - 0.5, -0.5)
        axes.set_xscale("log")
        low, high = axes.get_xlim()
        axes.set_xticks([multiple for multiple in TICKS if low < multiple < high])
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}×")
        axes.xaxis.set_minor_formatter("")
        axes.tick_params(which="both", length=0)
        axes.grid(axis="x", color="#EEEEEE")
        axes.set_axisbelow(True)
        axes.set_xlabel(
            "time of a training step, as a multiple of the same step by hand in NumPy: "
            "further left is faster"
        )
        save(figure, path)


Look = Mapping[str, Any]


def row_marks(axes: Any, steps: Mapping[str, Any], engine: str, shift: float, look: Look) -> Any:
    """An engine's marks, one in each row where it was measured; None if there is none."""
    rows = [(y, found) for y, found in enumerate(steps.values()) if engine in found]
    if not rows:
        return None
    x = [found[engine] / found[BY_HAND] for _, found in rows]
    y = [y + shift for y, _ in rows]
    ours = "tinygrad_edu, eager" if engine == OURS else f"tinygrad_edu, {engine}"
    label = ours if engine in OURSELVES else engine
    look = {**look, "marker": MARKERS[engine], "zorder": 4 if engine == OURS else 3}
    return axes.scatter(x, y, c=COLOURS[engine], label=label, **look)


End = tuple[float, float, str]  # of a curve: where it is, and its engine


def growth(results: Mapping[str, Any], path: Path) -> None:
    """Time and memory against length, width and batch, with a line of slope 1 for comparison."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(12, 7.6), layout="constrained")
        grid = figure.subplots(2, 3)
        titles = {
            "length": "ops in the graph",
            "width": "neurons in the hidden layer",
            "batch": "records in the batch",
        }
        for column, (axis, engines) in enumerate(results["growth"].items()):
            for row, (key, name) in enumerate(NAMES.items()):
                axes = grid[row, column]
                curves(axes, engines, key)
                axes.set_xlabel(titles[axis] if row else "")
                axes.set_ylabel(name if column == 0 else "")
        save(figure, path)


def curves(axes: Any, engines: Mapping[str, Any], key: str) -> None:
    """One curve for each engine, with its name at its end."""
    # memory comes in pages: smaller rises say little
    scale, least = (1e-6, 0.1) if key == "bytes" else (1.0, 0.0)
    axes.set(xscale="log", yscale="log")
    ends: list[End] = []
    for engine in sorted(engines, key=lambda name: name == OURS):
        points = [(p["size"], p[key] * scale) for p in engines[engine] if p[key] * scale > least]
        if points:
            x, y = zip(*points, strict=True)
            width, size = (3, 5) if engine == OURS else (1.5, 3.5)
            axes.plot(x, y, color=COLOURS[engine], lw=width, marker="o", ms=size)
            ends.append((x[-1], y[-1], engine))
    sizes = [p["size"] for points in engines.values() for p in points]
    first, last = min(sizes), max(sizes)
    slope_one(axes, max(first, last / 100), last, min(y for x, y, _ in ends if x == last) / 3)
    names_at_ends(axes, ends, first, last)
    axes.set_xlim(first / 1.5, last * (last / first) ** 0.5)  # room for the names
    axes.set_xticks([10**k for k in range(1, 8) if first / 2 < 10**k <= last])
    axes.minorticks_off()
    axes.grid(color="#EEEEEE")


def names_at_ends(axes: Any, ends: list[End], first: float, last: float) -> None:
    """The engines' names: right of the picture, and of curves that end early at their ends."""
    low, high = axes.get_ylim()
    right = last * (last / first) ** 0.07
    late = [end for end in ends if end[0] * 10 >= last]
    for x, y, at, engine in spread(late, (high / low) ** 0.06):
        line = {"arrowstyle": "-", "color": COLOURS[engine], "lw": 0.6, "shrinkA": 0, "shrinkB": 2}
        look = {"va": "center", **lettering(engine)}
        axes.annotate(short(engine), (x, y), (right, at), arrowprops=line, **look)
        high = max(high, at * (high / low) ** 0.05)
    above = {"xytext": (-4, 10), "textcoords": "offset points", "ha": "right", "va": "center"}
    for x, y, engine in ends:
        if x * 10 < last:
            axes.annotate(short(engine), (x, y), **above, **lettering(engine))
    axes.set_ylim(low, high)


def slope_one(axes: Any, start: float, end: float, y: float) -> None:
    """A dashed line that ends at the height y, along which twice the size takes twice as much."""
    low, grey = y * start / end, "#666666"
    axes.plot([start, end], [low, y], color=grey, ls="--", lw=1)
    beside = {"xytext": (10, 0), "textcoords": "offset points", "va": "center"}
    axes.annotate("slope 1", (start, low), **beside, color=grey, fontsize=9)


def short(engine: str) -> str:
    """An engine's name where there is little room."""
    return {COMPILED: "compiled"}.get(engine, engine)


def lettering(engine: str) -> dict[str, Any]:
    """How its name is written."""
    weight = "bold" if engine == OURS else "normal"
    return {"color": COLOURS[engine], "fontsize": 10, "fontweight": weight}


def spread(ends: list[End], gap: float) -> list[tuple[float, float, float, str]]:
    """The ends of curves from bottom to top, each with a height for its name.

    A name is at least a factor, the gap, above the one below.
    """
    placed: list[tuple[float, float, float, str]] = []
    for x, y, engine in sorted(ends, key=lambda end: end[1]):
        placed.append((x, y, max([y, *(at * gap for _, _, at, _ in placed[-1:])]), engine))
    # half of what the highest was moved: all of them are moved down by it
    above = max(at / y for _, y, at, _ in placed) ** 0.5
    return [(x, y, at / above, engine) for x, y, at, engine in placed]
