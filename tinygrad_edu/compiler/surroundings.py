"""What a function reads beside its arguments, and whether it is what it was.

A program is recorded with the values that were there; where one of them differs in a later call, it
is recorded again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from types import CodeType
from typing import Any, NamedTuple

import numpy as np

from ..engine.tensor import Tensor
from .comparison import ATOMS, is_equal, is_same, is_whole, progress, state_of

MISSING = (KeyError, IndexError, AttributeError, ValueError)  # there is nothing at a place


class Location(NamedTuple):
    """Where a value is found: as Python, with the name of what holds it in braces."""

    holder: Any
    access: str
    value: Any
    label: str

    def now(self) -> Any:
        """What is there now; an error, one of MISSING, if nothing is."""
        return eval(_code(self.access), {"holder": self.holder, "len": len})

    def is_same(self) -> bool:
        """Whether the value is there still."""
        try:
            return is_same(self.now(), self.value)
        except MISSING:
            return False


@lru_cache(10_000)
def _code(access: str) -> CodeType:
    """What a place is read by, compiled: one wording serves many holders."""
    return compile(access.format("holder"), "<a place>", "eval")


class Surroundings:
    """The places that a function, and what it calls of the user's, read from outside.

    `reachability.py` finds them.
    """

    def __init__(self) -> None:
        self.places: list[Location] = []
        # arrays that may change in place, each with its entries as they were
        self.arrays: dict[int, tuple[Any, Any]] = {}
        # containers that are compared as a whole, each with what it held
        self.wholes: list[tuple[Any, list[Any]]] = []
        # dicts, each with its keys in order
        self.orders: list[tuple[dict[Any, Any], list[Any]]] = []
        self.generators: dict[int, tuple[Any, Any]] = {}  # of random numbers, each with its state
        self.iterators: dict[int, tuple[Any, Any]] = {}  # each with how far it has come

    def names(self) -> dict[Tensor, str]:
        """What the tensors are called where they are found."""
        return {
            place.value: place.label.rpartition(".")[2].strip("[]")
            for place in self.places
            if type(place.value) is Tensor
        }

    def stored(self, is_recorded: Callable[[Tensor], bool]) -> Location | None:
        """A place where a run of the function put a tensor that belongs to that run alone.

        None if there is none.
        """
        for place in self.places:
            try:
                value = place.now()
            except MISSING:  # it is not there any more
                continue
            if type(value) is Tensor and value is not place.value and is_recorded(value):
                return place
        return None

    def drawn(self) -> Any:
        """A generator of random numbers whose state has changed; None if there is none."""
        changed = (known for known, state in self.generators.values() if state_of(known) != state)
        return next(changed, None)

    def has_moved_on(self) -> bool:
        """Whether an iterator has given an item."""
        return any(progress(value) != before for value, before in self.iterators.values())

    def is_same(self) -> bool:
        """Whether all is as it was."""
        return (
            all(place.is_same() for place in self.places)
            and all(is_equal(array, known) for array, known in self.arrays.values())
            and all([*keyed] == keys for keyed, keys in self.orders)
            and all(is_whole(container, known) for container, known in self.wholes)
        )

    def lines(self, bind: Callable[[str, Any], str]) -> Iterator[str]:
        """Lines of Python that return MISS where something differs."""
        for differs in self._differences(bind):
            yield f"if {differs}: return MISS"

    def _differences(self, bind: Callable[[str, Any], str]) -> Iterator[str]:
        """Conditions, as Python, each of which says that something differs."""
        for place in self.places:
            value, access = place.value, place.access.format(bind("h", place.holder))
            known = bind("k", value)
            differs = f"{access} is not {known}"
            if isinstance(value, ATOMS) and value is not None and type(value) is not bool:
                has_signs = isinstance(value, (float, complex, np.generic))  # 0.0 equals -0.0
                equal = (
                    f"repr({access}) == {repr(value)!r}" if has_signs else f"{access} == {known}"
                )
                differs += f" and not (type({access}) is {bind('t', type(value))} and {equal})"
            yield differs
        same_entries, same_items = bind("is_equal", is_equal), bind("is_whole", is_whole)
        for array, entries in self.arrays.values():
            yield f"not {same_entries}({bind('a', array)}, {bind('k', entries)})"
        for keyed, keys in self.orders:
            yield f"[*{bind('h', keyed)}] != {bind('k', keys)}"
        for container, values in self.wholes:
            yield f"not {same_items}({bind('h', container)}, {bind('k', values)})"
