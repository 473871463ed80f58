"""`t.at[i]`: the entries of a tensor at an index, to be changed in a new tensor."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

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

    def _changed(self, change: str, value: Any) -> T:
        found: T | None = entries_at(self.t, self.index, change, value)
        if found is None:
            found = registry[f"index_{change}"](self.t, value, self.index)
        return found
