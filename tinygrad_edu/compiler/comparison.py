"""Whether a value from outside is what it was.

Arrays, containers, generators of random numbers, iterators.
"""

from __future__ import annotations

import gc
import pickle
import random
import sys
import warnings
from collections.abc import Mapping, MappingView, Sequence, Set
from functools import cache
from operator import length_hint
from typing import Any

import numpy as np

from ..engine import names as _names

ATOMS = (bool, int, float, complex, str, bytes, type(None), np.generic)
SMALL = 1 << 16  # bytes: the entries of larger arrays are compared without a copy to bytes


def is_same(value: Any, known: Any) -> bool:
    """Whether a value is the known one; numbers and texts may be equal, to the last bit."""
    if value is known:
        return True
    if type(value) is not type(known):
        return False
    if type(known) is tuple:
        return len(value) == len(known) and all(map(is_same, value, known))
    return isinstance(known, ATOMS) and repr(value) == repr(known)


def is_whole(container: Any, known: list[Any]) -> bool:
    """Whether a container holds the same objects, in the same order."""
    values = contents(container)
    return len(values) == len(known) and all(map(is_same, values, known))


def contents(container: Any) -> list[Any]:
    """What a container holds, with the keys if it has some."""
    return [*container, *container.values()] if isinstance(container, Mapping) else [*container]


def is_container(value: Any) -> bool:
    """Whether something is a container whose items are found by code of a library alone.

    A UserDict, a view of a dict, an array.array.
    """
    if not isinstance(value, (Mapping, Sequence, Set, MappingView)) or isinstance(value, range):
        return False
    return all(
        is_library(kind.__module__)
        or not vars(kind).keys() & {"__iter__", "__getitem__", "__len__"}
        for kind in type(value).__mro__
    )


def entries(array: Any) -> Any:
    """The entries of an array, to be compared with later."""
    return array.tobytes() if array.nbytes <= SMALL or array.dtype.hasobject else array.copy()


def is_equal(array: Any, known: Any) -> bool:
    """Whether an array has the entries that it had, to the last bit."""
    if type(known) is bytes:
        return bool(array.tobytes() == known)
    if array.shape != known.shape or array.dtype != known.dtype:
        return False
    if array.dtype.kind in "iub":
        return bool((array == known).all())
    same = array == known
    return bool(same.all() or ((same | ((array != array) & (known != known))).all()))


def may_change(array: Any) -> bool:
    """Whether somebody can write to the memory of an array."""
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return True
        array = array.base
    return array is not None and not isinstance(array, bytes)


def state_of(value: Any) -> Any:
    """The state of a generator of random numbers; None of anything else."""
    if isinstance(value, (np.random.Generator, np.random.RandomState)):
        bits = (
            value.bit_generator if isinstance(value, np.random.Generator) else value._bit_generator
        )
        return pickle.dumps(bits.state)
    if isinstance(value, np.random.BitGenerator):
        return pickle.dumps(value.state)
    return (
        value.getstate()
        if isinstance(value, random.Random) and not isinstance(value, random.SystemRandom)
        else None
    )


def progress(iterator: Any) -> Any:
    """How far an iterator has come."""
    frame = getattr(iterator, "gi_frame", None)
    if frame is not None:
        return frame.f_lasti, {name: id(value) for name, value in frame.f_locals.items()}
    with warnings.catch_warnings(action="ignore"):  # Python is giving up the pickling of iterators
        try:
            parts = iterator.__reduce__()[1]
        except (AttributeError, TypeError):
            parts = tuple(gc.get_referents(iterator))
    # of zip, map, cycle
    inner = [
        progress(part) for part in parts if part is not iterator and hasattr(type(part), "__next__")
    ]
    own = {name: id(value) for name, value in getattr(iterator, "__dict__", {}).items()}
    return repr(iterator), length_hint(iterator, -1), inner, own


def of_class(value: Any) -> type:
    """The class of a value; of a class, itself."""
    return value if isinstance(value, type) else type(value)


@cache
def is_library(module: str | None) -> bool:
    """Whether a module is Python's, NumPy's, this package's, or was installed.

    What it does is not watched.
    """
    root = (module or "").partition(".")[0]
    if root in ("__main__", "") or root not in sys.modules:
        return False
    file = getattr(sys.modules[root], "__file__", None) or ""
    return (
        root in sys.stdlib_module_names
        or root in (_names.PACKAGE, "numpy")
        or "site-packages" in file
        or "dist-packages" in file
    )
