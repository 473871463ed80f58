"""What the backward pass has to remember, and how `grad` forgets the rest.

A rule that does not mention an operand, or the output, does not need its value:
`lambda g, y, a, b: g` needs nothing, and `lambda g, y, x: g * y` the output alone. In a function
that `grad` runs, the graph keeps of every large result no more than what a rule will read; the
value itself lives as long as the function holds it. What was forgotten is computed again if
somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .backward import refuse_changed
from .op import OUTPUT, Op
from .recorder import Recorder
from .tensor import Tensor

# bytes; smaller values are kept: a second Tensor costs time, and readers find names by the first
LARGE = 1 << 16


class Forgotten(np.ndarray[Any, Any]):
    """In place of a value that the graph does not keep: its shape and dtype, in no memory.

    Whoever computes with it gets an error.
    """

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError(
            "a value on the way was not kept: "
            "inside grad, value_and_grad, vjp and jacobian a large result is kept "
            "for the gradients they compute, and for nobody else; "
            "call backward() on a graph that was recorded outside of them. "
            "What a function computes while it is compiled is kept for nobody: return it"
        )

    __array_ufunc__ = __array_function__ = __getitem__ = _refuse


class Sparing(Recorder):
    """Listens where a transform runs a function, and lets go of what no rule will read."""

    records = runs_function = True

    def computed(self, t: Tensor, op: Op, args: tuple[Any, ...], static: Mapping[str, Any]) -> None:
        """Keep of a new result what is needed."""
        if t._op is not None:
            spare(t)


def spare(t: Tensor) -> None:
    """Let the graph of a new result keep of it and its operands only what its rules read."""
    op, operands = t.op, t._args
    assert op is not None
    t._args = tuple([_node(a) if type(a) is Tensor else a for a in operands])
    if t._array.nbytes < LARGE and all([a is b for a, b in zip(operands, t._args, strict=True)]):
        return  # small arrays are kept, whatever the rules read
    read = set[int]()
    if t._requires_grad:
        read = op.reads([type(a) is Tensor and a._requires_grad for a in operands])
    for i, (a, node) in enumerate(zip(operands, t._args, strict=True)):
        if a is not node and i in read:
            node._array = a._array
    if t._array.nbytes >= LARGE:
        node = object.__new__(Tensor)
        node._op, node._args, node._static = t._op, t._args, t._static
        node._serial, node._requires_grad = t._serial, t._requires_grad
        node._lent = node._grad = node._name = None
        node._array = t._array if OUTPUT in read or not op.is_plain else absent(t._array)
        node._node = None
        t._node = node


def _node(a: Tensor) -> Tensor:
    """What stands for a tensor in the graph: itself, or what remembers less of it."""
    node = getattr(a, "_node", None)
    return a if node is None else node


def forget(t: Tensor) -> None:
    """Let go of a value that the walk has passed.

    Unless somebody else may hold it, or it cannot be computed again.
    """
    if getattr(t, "_node", t) is None and t._op is not None and t._op.is_plain:
        t._array = absent(t._array)


def recall(tensors: Iterable[Tensor]) -> None:
    """Compute the values again that were forgotten."""
    missing: set[Tensor] = set()
    waiting = list(tensors)
    while waiting:
        t = waiting.pop()
        if type(t._array) is Forgotten and t not in missing:
            missing.add(t)
            waiting.extend([a for a in t._args if type(a) is Tensor])
    for t in sorted(missing, key=lambda t: t._serial):
        assert t._op is not None
        for a in t._args:
            if type(a) is Tensor and a.serial > t._serial:
                refuse_changed(a, t)
        values = [a._array if type(a) is Tensor else a for a in t._args]
        t._array = np.asarray(t._op.run(*values, **t._static))


def absent(array: Any) -> Any:
    """The shape and dtype of an array, without its entries: all strides are 0, and it reads NaN."""
    return Forgotten(array.shape, array.dtype, _NOTHING, 0, (0,) * array.ndim)


def stand_in(array: Any) -> Any:
    """The shape and dtype of an array, to be computed with where values do not matter.

    Its first entry is everywhere, and there is no more memory than for that.
    """
    return np.ndarray(array.shape, array.dtype, array.flat[:1].tobytes(), 0, (0,) * array.ndim)


_NOTHING = b"\xff" * 32
