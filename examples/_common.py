"""What every example needs beside its model: a command line, and the picture of a falling cost."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure


def arguments(about: str | None, epochs: int = 0) -> argparse.Namespace:
    """The command line: `--out FOLDER`, made if missing, and for training `--epochs N`."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=about, formatter_class=form)
    where = "the folder for the figures (default: out)"
    parser.add_argument("--out", type=Path, default=Path("out"), help=where)
    if epochs:
        how_long = f"how long to train (default: {epochs})"
        parser.add_argument("--epochs", type=int, default=epochs, help=how_long)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    return args


STYLES = ("-", "--", ":")  # curves are told apart in grey, too


def legend_below(axes: Axes) -> None:
    """A legend that lies on no curve."""
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), frameon=False)


def plot_cost(costs: Sequence[float], path: Path, title: str) -> None:
    """Write the curve of the cost over the epochs."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(costs)
    axes.set(title=title, xlabel="epoch", ylabel="cost", ylim=(0, None))
    figure.savefig(path)
