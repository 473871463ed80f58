"""An identifier of its own for everything that a formula mentions by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from ..engine.tensor import Tensor
from .constants import is_same
from .names import identifier


class Identifiers:
    """What everything that appears by name goes by in Python, and its label elsewhere."""

    def __init__(
        self, given: Mapping[int, str], functions: Mapping[str, Any], used: Collection[str] = ()
    ) -> None:
        self.given, self.functions, self.used = given, functions, used
        self.identifiers: dict[int, str] = {}
        self.labels: dict[int, str] = {}
        self.held: dict[str, Any] = {}
        self._taken = {"np", "abs", "slice", *functions}
        self._reserved = {identifier(label) for label in given.values()}
        self._counts: Counter[str] = Counter()
        # what goes by a label: a constant may appear as its user's array and as a tensor of its own
        self._holders: dict[str, Any] = {}

    def hold(self, value: Any, kind: str) -> None:
        """Name a value that the text starts from."""
        name, data = self.add(value, kind), value.numpy() if type(value) is Tensor else value
        if name not in self.held or np.asarray(data).dtype.kind in "iub":  # an index stays one
            self.held[name] = data

    def add(self, value: Any, kind: str) -> str:
        """The value's identifier: made from its label, else of a kind, such as c1."""
        if id(value) in self.identifiers:
            return self.identifiers[id(value)]
        label = self.given.get(id(value), "")
        if label in self._holders and is_same(self._holders[label], value):
            self.identifiers[id(value)], self.labels[id(value)] = (
                self.identifiers[id(self._holders[label])],
                label,
            )
            return self.identifiers[id(value)]
        if label:
            self._holders[label] = value
        name = identifier(label) if label else self._numbered(kind)
        number = 1
        while name in self._taken or (not label and name in self.used):
            number += 1
            name = f"{identifier(label)}_{number}" if label else self._numbered(kind)
        self._taken.add(name)
        self.identifiers[id(value)], self.labels[id(value)] = name, label or name
        return name

    def _numbered(self, kind: str) -> str:
        self._counts[kind] += 1
        name = f"{kind}{self._counts[kind]}"
        return self._numbered(kind) if name in self._reserved or name in self.used else name
