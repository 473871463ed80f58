"""What a backward pass leaves in `.grad`: leaves accumulate, intermediates keep the latest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .backward import refuse_constant
from .op import Recorded

ndarray = np.ndarray
Found = list[tuple[Any, Any]]


def accumulate(y: Recorded, walk: Iterator[tuple[Any, Any]], intermediates: bool) -> None:
    """Write the gradients that the walk back from `y` yields, those of intermediates if asked to.

    Nothing is written before all is known: an error, or Ctrl-C, leaves every `.grad` as it was.
    """
    if intermediates:
        found = list(walk)
    else:
        found = [(t, g if t._op is None else None) for t, g in walk]
    leaves = []
    while found and found[-1][0]._op is None:  # they come last
        t, g = found.pop()
        leaves.append((t, _owned(g) if t._grad is None else np.asarray(t._grad + g)))
    if not leaves:
        refuse_constant(y)
    try:
        _write(found, leaves)
    except BaseException:  # Ctrl-C: not before all is written
        _write(found, leaves)
        raise


def _owned(g: Any) -> Any:
    """A gradient as an array of its own: not a view, nor a NumPy scalar."""
    return g if g.base is None and type(g) is ndarray else np.array(g)


def _write(found: Found, leaves: Found) -> None:
    """Give every tensor its gradient; doing so twice is doing so once."""
    for t, g in found:
        t._grad = g if g is None or (g.base is None and type(g) is ndarray) else np.array(g)
    for t, g in leaves:
        t._grad = g
