"""One engine on one workload in a fresh process: a step's seconds, and how far memory rises in it.

python -m benchmarks.probe "PyTorch" chain '{"length": 1000}'
"""

from __future__ import annotations

import ctypes
import gc
import json
import statistics
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import workloads
from .engines import ENGINES, VARIANTS
from .measure import seconds_of

TINY = {
    "chain": {"length": 3},
    "mlp": {"hidden": 4, "batch": 4},
    "deep": {"layers": 2, "width": 4, "batch": 4},
}


def probe(engine: str, workload: str, **sizes: int) -> dict[str, float]:
    """What `measured` gives, from a process of its own."""
    command = [sys.executable, "-m", "benchmarks.probe", engine, workload, json.dumps(sizes)]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)
    if done.returncode:
        raise RuntimeError(f"{engine} on {workload} {sizes} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measured(engine: str, workload: str, sizes: dict[str, int]) -> dict[str, float]:
    """The median seconds of a step, and by how many bytes memory rises in the second one.

    It rises above what there was before the first step, which may compile, record and warm up; a
    tiny one before that has loaded what the libraries load on demand.
    """
    make = getattr(workloads, workload)
    step_of = (ENGINES | VARIANTS)[engine].step
    step_of(make(**TINY[workload]))()
    step = step_of(make(**sizes))
    give_back()
    before = memory("VmRSS")
    step()
    forget_peak()
    start = time.perf_counter()
    step()
    once = time.perf_counter() - start
    rise = memory("VmHWM") - before
    repetitions, rounds = max(1, int(0.05 / once)), min(15, max(2, int(1 / once)))
    times = [once, *(seconds_of(step, repetitions) for _ in range(rounds))]
    return {"seconds": statistics.median(times), "bytes": rise}


def give_back() -> None:
    """Return to the system what is free, where the C library can.

    Else a step would find it there, and not be seen to need it.
    """
    gc.collect()
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def memory(field: str) -> int:
    """The bytes of a field of Linux's /proc/self/status; elsewhere always the process's peak."""
    status = Path("/proc/self/status")
    if not status.exists():
        import resource  # which Windows does not have

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return next(
        int(line.split()[1]) * 1024
        for line in status.read_text(encoding="ascii").splitlines()
        if line.startswith(field)
    )


def forget_peak() -> None:
    """Let the peak start again from what is resident now, where the system can."""
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5", encoding="ascii")


def main(arguments: list[Any]) -> None:
    """Print what was measured, as JSON."""
    engine, workload, sizes = arguments
    print(json.dumps(measured(engine, workload, json.loads(sizes))))


if __name__ == "__main__":
    main(sys.argv[1:])
