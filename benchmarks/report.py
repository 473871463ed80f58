"""From results.json to RESULTS.md and the plots."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .engines import (
    BY_HAND,
    BY_VALUE,
    COMPILED,
    COMPILED_JAX,
    FORI,
    JAX,
    LEAVES_ONLY,
    OURS,
    REPEAT,
    TORCH,
    TORCH_BY_OP,
)
from .growth import exponent
from .measure import duration
from .workloads import STEPS

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
Results = Mapping[str, Any]


def load() -> dict[str, Any]:
    """The committed results."""
    found: dict[str, Any] = json.loads((HERE / "results.json").read_text(encoding="utf-8"))
    return found


def save(results: Results) -> None:
    """Write them, with three digits more than the noise leaves."""
    rounded = json.loads(json.dumps(results), parse_float=lambda text: float(f"{float(text):.4g}"))
    text = json.dumps(rounded, indent=1, ensure_ascii=False) + "\n"
    (HERE / "results.json").write_text(text, encoding="utf-8")


class Target(NamedTuple):
    """What was aimed at: a figure of the results, at most `limit`, or at least."""

    text: str
    seen: Figure
    limit: float
    at_least: bool = False

    def row(self, results: Results) -> str:
        """Its line in the table: not measured, where the engines for it were missing."""
        aim = f"{'≥' if self.at_least else '≤'} {self.limit:g}"
        try:
            seen = self.seen(results)
        except KeyError:
            return f"| {self.text} | {aim} | | not measured |"
        held = seen >= self.limit if self.at_least else seen <= self.limit
        return f"| {self.text} | {aim} | {seen:.3g} | {'held' if held else '**not held**'} |"


Figure = Callable[[Results], float]


def ratio(workload: str, engine: str, base: str = BY_HAND, part: str = "steps") -> Figure:
    """The step of an engine, as a multiple of that of another."""

    def seen(results: Results) -> float:
        seconds = results[part][workload]
        return float(seconds[engine] / seconds[base])

    return seen


def loop_ratio(workload: str, kind: str, base: str) -> Figure:
    """A loop of 10,000 steps, as a multiple of another."""
    return ratio(workload, kind, base, part="loops")


def memory_ratio(engine: str) -> Figure:
    """The largest ratio to PyTorch's memory."""
    return lambda results: max(found[engine] / found[TORCH] for found in results["memory"].values())


def growth_of(key: str) -> Figure:
    """The exponent of our own growth with the length of the graph."""
    return lambda results: exponent(results["growth"]["length"][OURS], key)


def compiling(results: Results) -> float:
    """The seconds that it takes to compile."""
    return float(results["compiling"])


# The figures of time and memory that grow with the length are linear but for the processor's caches
# and for Python's collector of garbage, which a million tensors leave behind.
# fmt: off
TARGETS = [
    Target("perceptron, eager / by hand", ratio("perceptron", OURS), 3.0),
    Target("2-layer, eager / by hand", ratio("2-layer", OURS), 2.6),
    Target("MLP 128, eager / by hand", ratio("MLP 128", OURS), 1.15),
    Target("MLP 1024, eager / by hand", ratio("MLP 1024", OURS), 1.15),
    *(Target(f"{name}, eager / PyTorch, op by op", ratio(name, OURS, TORCH_BY_OP), 0.6)
      for name in ("perceptron", "2-layer")),
    Target("chain, eager / PyTorch", ratio("chain", OURS, TORCH), 0.6),
    *(Target(f"{name}, compiled / by hand", ratio(name, COMPILED),
             0.9 if name in ("2-layer", "elementwise") else 1.05) for name in STEPS),
    *(Target(f"{name}, compiled JAX / JAX jit", ratio(name, COMPILED_JAX, JAX), 1.15)
      for name in STEPS),
    *(Target(f"{name}, 10,000 steps: repeat / JAX fori_loop", loop_ratio(name, REPEAT, FORI), 1.15)
      for name in ("perceptron", "2-layer")),
    Target("perceptron, 10,000 steps: loop by hand / repeat",
           loop_ratio("perceptron", BY_HAND, REPEAT), 30, at_least=True),
    Target("seconds to compile 1,000 ops for NumPy and print them", compiling, 1),
    Target("memory of a deep network, backward, leaves only / PyTorch",
           memory_ratio(LEAVES_ONLY), 1.3),
    Target("memory of a deep network, value_and_grad / PyTorch", memory_ratio(BY_VALUE), 1.3),
    Target("time ~ lengthᵏ up to a million ops: k", growth_of("seconds"), 1.15),
    Target("memory ~ lengthᵏ up to a million ops: k", growth_of("bytes"), 1.1),
]
# fmt: on


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown; all columns but the first are figures."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def title(engine: str) -> str:
    """An engine at the head of a column, where this project's are not told by their names alone."""
    ours = {OURS: "eager", COMPILED: "compiled", COMPILED_JAX: "for JAX"}
    return f"tinygrad_edu, {ours[engine]}" if engine in ours else engine


def engines_in(part: Mapping[str, Mapping[str, float]]) -> list[str]:
    """The engines of a part of the results, in their order."""
    return list(dict.fromkeys(engine for found in part.values() for engine in found))


def step_table(results: Results) -> str:
    """Ratios to the step by hand; the smallest of a row is bold."""
    engines = [engine for engine in engines_in(results["steps"]) if engine != BY_HAND]
    rows = []
    for name, found in results["steps"].items():
        base, best = found[BY_HAND], min(found.values())
        cells = []
        for e in engines:
            cell = f"{found[e] / base:.3g}" if e in found else ""
            cells.append(f"**{cell}**" if found.get(e) == best else cell)
        rows.append([name, duration(base), *cells])
    return table(["step", BY_HAND, *map(title, engines)], rows)


def short_table(results: Results) -> str:
    """The README's: some workloads, some engines."""
    engines = [OURS, COMPILED, TORCH, TORCH_BY_OP, JAX, "MyGrad", "HIPS autograd"]
    rows = []
    for name in ("perceptron", "2-layer", "MLP 128", "convolution", "chain"):
        found = results["steps"][name]
        base = found[BY_HAND]
        rows.append([name, *(f"{found[e] / base:.2g}" if e in found else "" for e in engines)])
    return table(["training step, times by hand", *map(title, engines)], rows)


def loop_table(results: Results) -> str:
    """Times of 10,000 steps in one call."""
    kinds = [BY_HAND, REPEAT, FORI]
    measured = {name: found for name, found in results["loops"].items() if found}
    rows = [[name, *(duration(found[kind]) for kind in kinds)] for name, found in measured.items()]
    return table(["10,000 steps", *kinds], rows)


def memory_table(results: Results) -> str:
    """By how much memory rises in one step."""
    memory = results["memory"]
    engines = engines_in(memory)
    rows = [[name, *(megabytes(found[e]) for e in engines)] for name, found in memory.items()]
    return table(["network", *engines], rows)


def megabytes(size: float) -> str:
    """A number of bytes with its unit."""
    return f"{size / 1e6:.1f} MB"


def growth_table(results: Results) -> str:
    """The exponents of growth over the last two decades, of time and memory."""
    rows = []
    for name, engines in results["growth"].items():
        for engine, points in engines.items():
            last = points[-1]
            largest = [f"{last['size']:,}", duration(last["seconds"]), megabytes(last["bytes"])]
            powers = [f"{exponent(points, key):.2f}" for key in ("seconds", "bytes")]
            rows.append([f"{name}, {engine}", *largest, *powers])
    head = ["grows, engine", "largest", "time there", "memory there", "k of time", "k of memory"]
    return table(head, rows)


def markdown(results: Results) -> str:
    """The page."""
    c = results["conditions"]
    versions = ", ".join(f"{name} {found}" for name, found in c["versions"].items())
    settings = ", ".join(f"`{name}={value}`" for name, value in c["settings"].items())
    workloads = "\n".join(f"- **{name}**: {make().note}" for name, make in STEPS.items())
    head = ["| target | aim | seen | |", "|---|---:|---:|---|"]
    targets = "\n".join([*head, *(target.row(results) for target in TARGETS)])
    return f"""# How fast, and how much memory

Written by `python -m benchmarks`, which measures all of this again; the figures are in
[results.json](results.json).
{c["date"]}, {c["cpu"]}, {c["used"]} of {c["cores"]} cores, {c["system"]}. {versions}.
Every library has one thread: {settings}.

## A training step

Forward, backward and update, as a multiple of the same step by hand in NumPy. All engines run in
one process and take turns; the figures are the medians of the ratios within a round. Before
anything is timed, the first costs of each engine are compared with those by hand. Each engine is
used as its users would: PyTorch eager with its fused functions (and, op by op, in the expressions
that this project was given), JAX under `jit` with donated parameters, tinygrad under `TinyJit`,
MyGrad without memory guards. micrograd knows single numbers only.

![Each engine's time for a step, by workload](ratios.svg)

{step_table(results)}

{workloads}

## Many steps in one call

{loop_table(results)}

## Memory of a deep network

By how much the memory of a fresh process rises in one training step of 50 layers of tanh.
Parameters and data are not counted; a compiled program, and the memory that it keeps for its next
call, are.

{memory_table(results)}

## Growth

Time and memory of a step against the number of ops on a single entry (length), and for a classifier
784-n-10 against its hidden layer (width) and against the batch. k is the slope in the plot over the
last two decades: 1 where something grows linearly.

![Time and memory against length, width and batch](growth.svg)

{growth_table(results)}

## Targets

{targets}
"""


def write() -> None:
    """RESULTS.md, the README's table and the plots, from results.json."""
    from . import plots

    results = load()
    (HERE / "RESULTS.md").write_text(markdown(results), encoding="utf-8")
    README.write_text(with_table(README.read_text(encoding="utf-8"), results), encoding="utf-8")
    plots.ratios(results, HERE / "ratios.svg")
    plots.growth(results, HERE / "growth.svg")
    print("written: RESULTS.md, ratios.svg, growth.svg, and the table in README.md")


def with_table(text: str, results: Results) -> str:
    """The README with its table as the results are."""
    shown = re.compile(r"^\| training step, .*\n(\|.*\n)+", re.MULTILINE)
    return shown.sub(lambda _: short_table(results) + "\n", text)
