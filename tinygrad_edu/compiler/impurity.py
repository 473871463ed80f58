"""What is no part of a program: clocks, files, randomness without a seed, others' settings."""

from __future__ import annotations

import builtins
import os
import random
import re
import sys
import time
import warnings
from types import FrameType
from typing import Any

import numpy as np

from ..engine import names as _names
from .comparison import is_library

CLOCKS = {
    value
    for name, value in vars(time).items()
    if callable(value)
    and re.match("time|perf_|mono|process|thread|clock_gettime|(local|gm|c|strf)time", name)
} | {builtins.id}  # which arguments share with what was there before them
READERS = {builtins.open, builtins.input, os.stat, os.listdir, os.scandir}
LOOKING = {
    "warnings",
    "linecache",
    "traceback",
    "inspect",
    "importlib",
    "logging",
    "tokenize",
    "pdb",
}


def changing(called: Any, frame: FrameType) -> str:
    """What is called, if it is another value at each call.

    The time, what a file holds, randomness without a seed.
    """
    try:
        name = (
            f"{called.__name__}()"
            if called in CLOCKS or called in READERS or called is os.urandom
            else ""
        )
        if (
            called.__name__ == "seed"
            and isinstance(called.__self__, random.Random)
            and frame.f_locals.get("a") is None
        ):
            name = "random.Random()"
        if called.__name__ == "_get_extobj_dict" and frame.f_code in (
            np.geterr.__code__,
            np.geterrcall.__code__,
        ):
            name, frame = f"np.{frame.f_code.co_name}()", frame.f_back or frame
        if isinstance(getattr(called, "__self__", None), type) and called.__name__ in (
            "now",
            "utcnow",
            "today",
        ):
            name = f"{called.__name__}()"
    except (AttributeError, TypeError):  # a method of what cannot be hashed
        return ""
    if not name:
        return ""
    caller: FrameType | None = frame
    while caller is not None and not _names.is_users(caller):
        if caller.f_globals.get("__name__", "").partition(".")[0] in LOOKING:
            return ""
        caller = caller.f_back
    if caller is None or is_library(caller.f_globals.get("__name__")):
        return ""
    if called is os.urandom or name == "random.Random()":
        return "a generator of random numbers without a seed"
    return name if called in READERS or caller is frame else ""


def settings() -> Any:
    """What becomes of floating-point errors and of warnings now.

    A library adds filters for its own warnings when it is imported, as an op may do at its first
    call: those change nothing here.
    """
    filters = [f for f in warnings.filters if f[2].__module__ == "builtins"]
    return np.geterr(), np.geterrcall(), id(warnings.filters), filters


def say_nothing(kind: str, flags: int) -> None:
    """What is called where NumPy finds a floating-point error."""


def restore(watcher: Any) -> None:
    """Let a profiler go on: a function, or an object of cProfile's."""
    if watcher is None or callable(watcher):
        sys.setprofile(watcher)
    else:
        watcher.enable()
