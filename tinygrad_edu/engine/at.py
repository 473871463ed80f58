"""`t.at[i]`: the entries of a tensor at an index, to be changed in a new tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import numpy as np

from .methods import AtMethods
from .op import Recorded
from .recording import entries_at
from .registry import registry

T = TypeVar("T", bound=Recorded)


class At(Generic[T]):
    """The entries of a tensor at an index, to be changed in a new tensor."""

    def __init__(self, t: T) -> None:
        self.t = t

    def __getitem__(self, index: Any) -> AtIndex[T]:
        return AtIndex(self.t, index)


class AtIndex(AtMethods, Generic[T]):
    """What `t.at[index]` gives."""

    def __init__(self, t: T, index: Any) -> None:
        self.t, self.index = t, index

    def set(self, value: Any) -> T:
        """A copy in which the entries at the index are `value`: where it repeats, the last."""
        return self._changed("set", value)

    def add(self, value: Any) -> T:
        """A copy with `value` added at the index; where an index repeats, all are added."""
        return self._changed("add", value)

    def subtract(self, value: Any) -> T:
        """A copy with `value` subtracted at the index; where an index repeats, several times."""
        return self.add(np.negative(value))

    def multiply(self, value: Any) -> T:
        """A copy with the entries at the index multiplied by `value`; the index repeats nowhere."""
        return self._by(np.multiply, value)

    def divide(self, value: Any) -> T:
        """A copy with the entries at the index divided by `value`; the index repeats nowhere."""
        return self._by(np.divide, value)

    def power(self, value: Any) -> T:
        """A copy with the entries at the index to the power of `value`; it repeats nowhere."""
        return self._by(np.power, value)

    def min(self, value: Any) -> T:
        """A copy with the entries at the index, or `value` where it is smaller, in each place."""
        return self._by(np.minimum, value)

    def max(self, value: Any) -> T:
        """A copy with the entries at the index, or `value` where it is larger, in each place."""
        return self._by(np.maximum, value)

    def apply(self, f: Callable[[Any], Any]) -> T:
        """A copy in which the entries at the index are what `f` makes of them."""
        return self._by(lambda entries, _: f(entries), None)

    def get(self) -> T:
        """The entries at the index."""
        t: Any = self.t
        entries: T = t[self.index]
        return entries

    def _by(self, change: Callable[[Any, Any], Any], value: Any) -> T:
        """A copy in which the entries are changed, each once."""
        t: Any = self.t
        found = type(t)(np.arange(t.size).reshape(t.shape))[self.index].numpy()
        if len(np.unique(found)) < found.size:
            raise ValueError(
                "an entry that the index names twice would be changed once: make the index unique, "
                "or add with t.at[i].add(v), which adds all"
            )
        return self.set(change(self.get(), value))

    def _changed(self, change: str, value: Any) -> T:
        found: T | None = entries_at(self.t, self.index, change, value)
        if found is None:
            found = registry[f"index_{change}"](self.t, value, self.index)
        return found
