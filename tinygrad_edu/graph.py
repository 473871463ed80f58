"""The recorded graph as data: what every reader (transforms, draw, formulas, the checker) takes."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .engine import names as _names
from .engine.memory import recall
from .engine.tensor import Tensor
from .engine.validation import short


def ancestors(*outputs: Tensor, until: Container[Tensor] = (), values: bool = True) -> list[Tensor]:
    """The outputs and all tensors that they were made from: leaves, then in the order of making.

    What the tensors `until` were made from is left out. Values that `grad` did not keep are there
    again, but for `values=False`.

    >>> import tinygrad_edu as tg
    >>> x = tg.Tensor(2.0, requires_grad=True, name="x")
    >>> [t.op.name if t.op else t.name for t in ancestors((x * x).exp())]
    ['x', 'multiply', 'exp']
    """
    seen: set[Tensor] = set()
    waiting: list[Any] = list(outputs)
    while waiting:
        t = waiting.pop()
        if type(t) is Tensor and t not in seen:
            seen.add(t)
            waiting.extend(() if t in until else t.args)
    if values:
        recall(seen)
    # leaves first: one that was changed in place has a newer serial than what was made from it
    return sorted(seen, key=lambda t: (not t.is_leaf, t.serial))


def value_of(a: Any) -> Any:
    """The array that an operand is or holds, for a reader of the graph, who gives nothing back."""
    return np.asarray(a.numpy() if type(a) is Tensor else a)


def asks(t: Tensor, i: int) -> bool:
    """Whether operand `i` gets a gradient from the op that made `t`."""
    a = t.args[i]
    if not t.requires_grad or type(a) is not Tensor or not a.requires_grad:
        return False
    return t.op is not None and t.op.rule(i) is not None


def held(t: Tensor) -> list[Any]:
    """All that may have a name: a tensor, its operands, its static arguments and their parts."""
    found: list[Any] = [t, *t.args]
    waiting = list(t.static.values())
    while waiting:
        value = waiting.pop(0)
        found.append(value)
        waiting += value if type(value) in (tuple, list) else ()
    return found


def _given(a: Any) -> str:
    """What was given, in a few words."""
    if type(a) is not Tensor:
        return f"{type(a).__name__} {short(a)}"
    if a.requires_grad:
        return f"a tensor of shape {a.shape}"
    return "a tensor that was not computed from what requires a gradient"


def differentiable(
    loss: Any, wrt: Any, takes: str, wrt_is: str, itself: bool = True
) -> list[Tensor]:
    """The tensors `wrt`, one or several, that a reader is to differentiate a recorded scalar by.

    The scalar itself is one of them only with `itself`. A TypeError or ValueError says in the
    reader's words what was given instead: what it `takes`, and what `wrt_is`.
    """
    wanted = [wrt]
    if isinstance(wrt, Mapping):
        wanted = list(wrt.values())
    elif isinstance(wrt, Iterable) and type(wrt) not in (str, Tensor):
        wanted = list(wrt)
    if type(loss) is not Tensor or loss.size != 1 or not loss.requires_grad or not wanted:
        raise TypeError(f"{takes}, not {_given(loss)} and {_given(wrt)}")
    known = set(ancestors(loss))
    if not itself:
        known.discard(loss)
    for t in wanted:
        if type(t) is not Tensor or not t.requires_grad or t not in known:
            what = t.label() if type(t) is Tensor else repr(t)
            raise ValueError(f"the loss does not depend on {what} by recorded ops: {wrt_is}")
    return wanted


def names_of(
    outputs: Sequence[Tensor], names: Mapping[Any, Any] | None = None, variables: bool = True
) -> dict[int, str]:
    """The name of every tensor and array that the outputs were made from, by its id.

    A tensor's own `name` wins, then `names` (name to tensor, or tensor to name), then the caller's
    own variables.
    """
    found = _names.variables() if variables else {}
    for key, value in (names or {}).items():
        name, holder = (key, value) if isinstance(key, str) else (value, key)
        if not isinstance(name, str):
            given = f"{type(key).__name__} and {type(value).__name__}"
            raise TypeError(f"names is {{'w': w}} or {{w: 'w'}}: a name and a tensor, not {given}")
        found[id(holder)] = name
    known: dict[int, str] = {}
    for t in ancestors(*outputs):
        for value in held(t):
            name = getattr(value, "name", None) if type(value) is Tensor else None
            if not name and (hasattr(value, "shape") or is_telling(value)):
                name = found.get(id(value))
                if not name and type(value) is Tensor and value.is_leaf:
                    # a constant that wraps the caller's own array goes by the array's name
                    name = found.get(id(value._array))
            if name:
                known[id(value)] = name
            elif isinstance(value, np.ndarray) and id(value.base) in found:
                # a view, img[0:3] say, is written with the name of its array
                known[id(value.base)] = found[id(value.base)]
    return known


def is_telling(value: Any) -> bool:
    """Whether a Python number is one that its user's variable stands for: 1e-5, 0.1.

    Not 2 or 0.5, which code writes anywhere.
    """
    return type(value) is float and value * 16 % 1 != 0
