"""The parts of the benchmark, and its quick mode for CI."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from configparser import ConfigParser
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import tinygrad_edu as tg

from . import growth
from .engines import (
    BY_HAND,
    COMPILED,
    ENGINES,
    LOOPS,
    OURS,
    SMALL,
    TAPE,
    YARDSTICK,
    Engine,
    pure_step,
)
from .measure import FULL, LONG, QUICK, Effort, agreeing, duration, fastest, timed
from .peers import with_float64
from .workloads import STEPS, chain

HERE = Path(__file__).parent
Ratios = Mapping[str, Mapping[str, float]]
PEERS = "torch jax autograd scipy mygrad tinygrad micrograd".split()
EPOCHS = 10_000


def missing() -> list[str]:
    """The peers that are not installed."""
    return [package for package in PEERS if version_of(package) is None]


def version_of(package: str) -> str | None:
    """The version of a package, None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def conditions(settings: Iterable[str]) -> dict[str, Any]:
    """What the figures depend on: processor, cores, versions, settings of the environment."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    affine = hasattr(os, "sched_getaffinity")
    versions = {package: version_of(package) for package in ["numpy", *PEERS]}
    installed = {name: found for name, found in versions.items() if found}
    names = [name for name in [*settings, "OPENBLAS_CORETYPE"] if name in os.environ]
    return {
        "date": date.today().isoformat(),
        "cpu": models[0] if models else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "used": len(os.sched_getaffinity(0)) if affine else os.cpu_count(),
        "system": platform.system(),
        "versions": {"Python": platform.python_version(), **installed},
        "settings": {name: os.environ[name] for name in names},
    }


def steps(
    name: str, effort: Effort = FULL, engines: Mapping[str, Engine] = ENGINES, **how: Any
) -> dict[str, float]:
    """The seconds of a step of a workload, by engine."""
    found = timed(agreeing(STEPS[name](), engines), effort, **how)
    text = " · ".join(f"{e} {r:.2f}" for e, r in ratios(found).items())
    print(f"{name:<12}{duration(found[BY_HAND]):>10}   {text}", flush=True)
    return found


def ratios(seconds: Mapping[str, float]) -> dict[str, float]:
    """Times as multiples of that by hand, which is left out."""
    base = seconds[BY_HAND]
    return {engine: value / base for engine, value in seconds.items() if engine != BY_HAND}


def loops(name: str, effort: Effort = LONG) -> dict[str, float]:
    """The seconds of 10,000 steps in one call, by the kind of loop; no entry if JAX is missing."""
    if "jax" in missing():
        return {}
    w = STEPS[name]()
    runs = {kind: make(w, EPOCHS) for kind, make in LOOPS.items()}
    costs = {kind: run() for kind, run in runs.items()}
    same = all(abs(cost / costs[BY_HAND] - 1) < 1e-6 for cost in costs.values())
    assert same, f"the loops end at other costs of {name}: {costs}"
    found = timed(runs, effort)
    text = " · ".join(f"{kind} {duration(seconds)}" for kind, seconds in found.items())
    print(f"{EPOCHS:,} steps of {name}: {text}", flush=True)
    return found


def compiling(length: int = 1000) -> float:
    """The seconds to record a step of so many ops for NumPy, and print its source."""
    w = chain(length)
    start = time.perf_counter()
    run = tg.compile(pure_step(w), donate=0)
    run([tg.Tensor(array) for array in w.start], *w.data)
    assert run.source
    return time.perf_counter() - start


PARTS: dict[str, Callable[[], Any]] = {
    "steps": lambda: {name: steps(name) for name in STEPS},
    "loops": lambda: {name: loops(name) for name in ("perceptron", "ANN", "2-layer", "XOR")},
    "compiling": lambda: sorted(compiling() for _ in range(5))[2],
    "memory": growth.deep,
    "growth": growth.growth,
}


def measure_all(settings: Iterable[str]) -> dict[str, Any]:
    """All parts, and under which conditions."""
    if "jax" not in missing():
        with_float64()
    return {"conditions": conditions(settings), **{name: part() for name, part in PARTS.items()}}


# -- the quick mode --------------------------------------------------------------------------------


def budgets() -> dict[str, dict[str, float]]:
    """The largest ratios allowed, by engine and workload."""
    parser = ConfigParser(delimiters=("=",))
    parser.optionxform = str
    parser.read(HERE / "budgets", encoding="utf-8")
    return {e: {w: float(limit) for w, limit in parser[e].items()} for e in parser.sections()}


def yardstick(workload: str) -> str:
    """The engine whose time is the unit of the budgets: the bare tape where arrays are small."""
    return TAPE if workload in SMALL else BY_HAND


def quick_ratios(name: str, effort: Effort = QUICK) -> dict[str, float]:
    """The times of this project's engines that need NumPy alone, in units of the yardstick's."""
    engines = {engine: ENGINES[engine] for engine in (BY_HAND, OURS, COMPILED)}
    seconds = steps(name, effort, YARDSTICK | engines, of=fastest)
    return {engine: seconds[engine] / seconds[yardstick(name)] for engine in (OURS, COMPILED)}


def exceeded(
    allowed: Ratios,
    measured: Callable[[str], Mapping[str, float]] = quick_ratios,
    attempts: int = 3,
) -> list[str]:
    """What is over its budget in every one of some attempts, in words."""
    over = []
    for name in STEPS:
        found: dict[str, float] = {}
        for _ in range(attempts):
            for engine, ratio in measured(name).items():
                found[engine] = min(ratio, found.get(engine, ratio))
            high = {e: ratio for e, ratio in found.items() if ratio > allowed[e][name]}
            if not high:
                break
        unit = yardstick(name)
        for engine, ratio in high.items():
            budget = allowed[engine][name]
            over.append(f"{engine}, {name}: {ratio:.2f} × {unit}, the budget is {budget}")
    return over
