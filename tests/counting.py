"""How much work a program does, in calls: the same on every machine, however busy it is."""

from __future__ import annotations

import sys
from collections.abc import Callable


def calls(run: Callable[[], object]) -> int:
    """How many functions a program calls, those of NumPy and Python included."""
    count = 0

    def seen(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        run()
    finally:
        sys.setprofile(before)
    return count


def growth(run: Callable[[int], object], size: int) -> float:
    """How many times as many calls twice the size takes: 2 for linear work, 4 for quadratic."""
    run(size)  # what is imported, and kept, at the first call
    return calls(lambda: run(2 * size)) / calls(lambda: run(size))
