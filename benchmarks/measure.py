"""Timing: engines take turns in one process, and the median of the rounds' ratios counts."""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from .engines import BY_HAND, ENGINES, Engine
from .workloads import Step, Workload

Rounds = Mapping[str, Sequence[float]]
FIRST = 3  # steps whose costs are compared, so that two updates are checked too


class Effort(NamedTuple):
    """How long to measure: so many rounds, in which every engine runs for so many seconds."""

    rounds: int
    seconds: float


FULL, LONG, QUICK = Effort(25, 0.1), Effort(9, 0.2), Effort(15, 0.02)


def agreeing(w: Workload, engines: Mapping[str, Engine] = ENGINES) -> dict[str, Step]:
    """The steps of the engines that run a workload, by name.

    An AssertionError if one computes another cost than by hand.
    """
    steps, costs = {}, {}
    for name, engine in engines.items():
        if engine.runs(w.name):
            try:
                step = engine.step(w)
                costs[name] = [step() for _ in range(FIRST)]
                steps[name] = step
            except Exception as error:
                if engine.package == "numpy":
                    raise
                # a peer that finds no compiler, say
                why = f"it does not run here: {type(error).__name__}: {error}"
                print(f"{name} is left out of {w.name}, {why}", file=sys.stderr)
    tolerance = 1e-4 if w.start[0].dtype == "float32" else 1e-9
    expected = costs[BY_HAND]
    for name, found in costs.items():
        same = all(abs(a - b) <= tolerance * abs(b) for a, b in zip(found, expected, strict=True))
        text = f"costs {found}, expected {expected}"
        assert same, f"{name} computes another {w.name} than by hand: {text}"
    return steps


def typical(times: Rounds) -> dict[str, float]:
    """The median of the rounds of the first function, and of another one its multiple of that.

    The multiple is the median of those within a round: so a machine that is slow for a while, which
    is slow for all of a round, changes no ratio.
    """
    base = next(iter(times.values()))
    median = statistics.median(base)
    return {
        name: median * statistics.median([a / b for a, b in zip(found, base, strict=True)])
        for name, found in times.items()
    }


def fastest(times: Rounds) -> dict[str, float]:
    """The fastest round: of few rounds on a busy machine the best, for what disturbs only adds."""
    return {name: min(found) for name, found in times.items()}


def timed(
    steps: Mapping[str, Callable[[], object]],
    effort: Effort,
    of: Callable[[Rounds], dict[str, float]] = typical,
) -> dict[str, float]:
    """The seconds of a step of each function: `typical` ones of the rounds, or another `of` them.

    The functions take turns, in every second round in reverse order.
    """
    times: dict[str, list[float]] = {name: [] for name in steps}
    repetitions = {name: repetitions_in(step, effort.seconds) for name, step in steps.items()}
    gc.collect()
    gc.freeze()  # else every collection walks what the peers have imported
    for k in range(effort.rounds):
        for name in list(steps)[:: 1 if k % 2 else -1]:
            times[name].append(seconds_of(steps[name], repetitions[name]))
    gc.unfreeze()
    return of(times)


def repetitions_in(step: Callable[[], object], seconds: float) -> int:
    """How often a step runs in some seconds; it is warm after that."""
    count = 1
    while (each := seconds_of(step, count)) * count < seconds / 4:
        count *= 2
    return max(1, int(seconds / each))


def seconds_of(step: Callable[[], object], repetitions: int) -> float:
    """The time of one step among so many, after one that is not counted.

    That one finds cold caches, and threads that still wait.
    """
    step()
    start = time.perf_counter()
    for _ in range(repetitions):
        step()
    return (time.perf_counter() - start) / repetitions


def duration(seconds: float) -> str:
    """Seconds with a unit."""
    larger = [pair for pair in (("s", 1.0), ("ms", 1e-3)) if seconds >= pair[1]]
    unit, scale = (*larger, ("µs", 1e-6))[0]
    return f"{seconds / scale:.3g} {unit}"
