"""Data that was handed out for writing, by `.data` of a leaf: its users look for a change.

A change that nobody announces, `t.data[0] = 1` say, gives the leaf a new serial number, so that a
backward pass which needs the old data refuses.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any
from weakref import ref

import numpy as np

from .op import Array, Recorded
from .recording import clock

# the leaves whose data was handed out, and may be changed by whoever holds it
lent: dict[int, ref[Recorded]] = {}


def lend(t: Recorded) -> None:
    """Note that the data of a leaf is handed out."""
    lent[id(t)] = ref(t, partial(_returned, id(t)))
    t._lent = t._array.tobytes()


def _returned(key: int, _: Any) -> None:
    """Forget data that was handed out, of a tensor that is gone."""
    lent.pop(key, None)


def look(t: Recorded) -> None:
    """Notice whether data that was handed out has changed since the last look.

    When nobody holds it any more, it is not looked at again.
    """
    seen = t._lent
    if seen is None:
        return
    is_alone = sys.getrefcount(t._array) == alone[0] and t._array.base is None
    now = None if is_alone and seen is True else t._array.tobytes()
    if seen is not True and now != seen:
        t._serial = clock()
    t._lent = None if is_alone else now
    if is_alone:
        lent.pop(id(t), None)


def look_at_all() -> None:
    """Look at all data that was handed out."""
    for held in list(lent.values()):
        t = held()
        if t is not None:
            look(t)


def read_only(array: Array) -> Array:
    """A view of an array that cannot be written to."""
    view = array.view()
    view.flags.writeable = False
    return view


class _Probe:
    """Counts the references to data: that of a tensor is looked at in the same way."""

    def __init__(self) -> None:
        self._array, self.counts = np.zeros(1), [0]
        self.counts.append(sys.getrefcount(self._array))

    @property
    def data(self) -> Array:
        return self._array

    @data.setter
    def data(self, value: Any) -> None:
        self.counts.append(sys.getrefcount(value))


def references() -> tuple[int, int]:
    """What getrefcount says of data that a tensor alone holds.

    When looked at, and in the setter after `t.data -= x`. The second is 0 where Python lends
    references without counting them, so that a variable would not show.
    """
    probe = _Probe()
    probe.data -= 0
    held = probe.data
    probe.data = held
    _, looked, in_setter, shared = probe.counts
    return looked, in_setter if shared > in_setter else 0


alone = references()
