"""A recorded function as its ops on plain arrays: what a call computes, without its Tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..engine.op import Op
from ..engine.recorder import Recorder
from ..engine.recording import is_recording
from ..engine.tensor import Tensor
from ..graph import ancestors


class Replay:
    """The ops behind some outputs, run again where they depend on a leaf that changed."""

    def __init__(
        self, leaves: Sequence[Tensor], values: Sequence[Any], outputs: Sequence[Tensor]
    ) -> None:
        given = dict(zip(leaves, values, strict=True))
        nodes = ancestors(*outputs)
        # the values of all tensors, then of the other operands
        self.slots = [given.get(t, t._array) for t in nodes]
        at = {t: k for k, t in enumerate(nodes)}
        self.leaves, self.outputs = [at.get(t) for t in leaves], [at[t] for t in outputs]
        self._calls = list[tuple[Any, tuple[int, ...], Any, int]]()
        for t in nodes:
            if t.op is not None and t not in given:
                operands = [at[a] if type(a) is Tensor else self._slot(a) for a in t.args]
                self._calls.append((t.op, tuple(operands), t.static, at[t]))
        self._kept = dict[tuple[int, ...], list[Any]]()

    def _slot(self, constant: Any) -> int:
        self.slots.append(constant)
        return len(self.slots) - 1

    def _behind(self, places: tuple[int, ...]) -> list[Any]:
        """The calls that depend on the leaves at some places, in order."""
        found = self._kept.get(places)
        if found is None:
            changed, found = {self.leaves[i] for i in places}, []
            for op, operands, static, k in self._calls:
                if not changed.isdisjoint(operands):
                    changed.add(k)
                    found.append((op.run, operands, static, k))
            self._kept[places] = found
        return found

    def run(self, values: dict[int, Any]) -> list[Any]:
        """The values of all tensors and operands, for other values of leaves at these places."""
        slots = self.slots.copy()
        for i, value in values.items():
            if (k := self.leaves[i]) is not None:
                slots[k] = value
        for run, operands, static, k in self._behind(tuple(values)):
            y = run(*[slots[j] for j in operands], **static)
            slots[k] = y if type(y) is np.ndarray else np.asarray(y)
        return slots

    def at(self, values: dict[int, Any]) -> list[Any]:
        """The outputs, for other values of the leaves at these places."""
        slots = self.run(values)
        return [slots[k] for k in self.outputs]

    def kinks(self, slots: Sequence[Any], kinks_of: Callable[..., list[Any]]) -> list[Any]:
        """What is zero at the kinks of the ops, for the values of a run."""
        return [
            k
            for op, operands, static, _ in self._calls
            if op.kinks is not None
            for k in kinks_of(op, [slots[j] for j in operands], static)
        ]


class Watch(Recorder):
    """Notes whether a function does anything but call ops: goes by a value, say, as an `if` does.

    Such a function may do something else at other values than what was recorded.
    """

    is_program = True

    def __init__(self, leaves: Sequence[Tensor]) -> None:
        self.leaves, self.left = set(leaves), False

    def value_looked_at(self, t: Tensor) -> None:
        """The value of a tensor leaves the graph."""
        self.left |= t._op is not None or t in self.leaves

    def depends(self, t: Tensor) -> bool:
        """Whoever asks goes by the value."""
        self.value_looked_at(t)
        return False

    def checks_later(self, t: Tensor, refuse: Callable[[Any], None]) -> bool:
        """A value may be refused elsewhere."""
        self.value_looked_at(t)
        return False

    def detached(self, t: Tensor) -> Any:
        """The value is a constant that differs from call to call."""
        self.value_looked_at(t)

    def about_to_change(self, t: Tensor, change: str) -> None:
        """A tensor changes in place, unless it is given a name."""
        self.left |= not change.startswith("name")

    def computed(self, t: Tensor, op: Op, args: tuple[Any, ...], static: Mapping[str, Any]) -> None:
        """An op within no_grad()."""
        self.left |= t._op is not None and not is_recording()

    def gradient_used(self, t: Tensor) -> None:
        """`.grad` is looked at, or written."""
        self.left = True

    def backward_called(self, t: Tensor) -> None:
        """`.grad` is filled."""
        self.left = True

    def not_an_op(self, message: str) -> None:
        """Anything else that is no op."""
        self.left = True
