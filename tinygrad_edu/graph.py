"""The recorded graph as data: what every reader (transforms, draw, formulas, the checker) takes."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from . import _names
from .checks import short
from .core import Tensor
from .memory import recall


def ancestors(*outputs: Tensor, until: Container[Tensor] = (), values: bool = True) -> list[Tensor]:
    """The outputs and all tensors that they were made from: leaves first, then in the order of their making.

    What the tensors `until` were made from is left out. Values that `grad` did not keep are there again, but for `values=False`.

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
    # a leaf that was changed in place, or looked at, has a newer serial than what was made from it: hence leaves first
    return sorted(seen, key=lambda t: (not t.is_leaf, t.serial))


def value_of(a: Any) -> Any:
    """The array that an operand is or holds, for a reader of the graph, who gives nothing back to it."""
    return np.asarray(a.numpy() if type(a) is Tensor else a)


def asks(t: Tensor, i: int) -> bool:
    """Whether operand `i` gets a gradient from the op that made `t`."""
    a = t.args[i]
    return t.requires_grad and type(a) is Tensor and a.requires_grad and t.op is not None and t.op.rule(i) is not None


def held(t: Tensor) -> list[Any]:
    """The tensor, its operands, and its static arguments with the parts of tuples: all that may have a name."""
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
    what = "that was not computed from what requires a gradient" if not a.requires_grad else f"of shape {a.shape}"
    return f"a tensor {what}"


def differentiable(loss: Any, wrt: Any, takes: str, wrt_is: str, itself: bool = True) -> list[Tensor]:
    """The tensors `wrt`, one or several, that a reader was asked to differentiate a recorded scalar by; of the scalar itself with `itself`.

    A TypeError or ValueError says in the reader's words what was given instead: what it `takes`, and what `wrt_is`.
    """
    several = wrt.values() if isinstance(wrt, Mapping) else wrt if isinstance(wrt, Iterable) and type(wrt) is not str else [wrt]
    wanted = [wrt] if type(wrt) is Tensor else list(several)
    if type(loss) is not Tensor or loss.size != 1 or not loss.requires_grad or not wanted:
        raise TypeError(f"{takes}, not {_given(loss)} and {_given(wrt)}")
    known = set(ancestors(loss))
    for t in wanted:
        if type(t) is not Tensor or not t.requires_grad or t not in known or (t is loss and not itself):
            what = t.label() if type(t) is Tensor else repr(t)
            raise ValueError(f"the loss does not depend on {what} by recorded ops: {wrt_is}")
    return wanted


def names_of(outputs: Sequence[Tensor], names: Mapping[Any, Any] | None = None, variables: bool = True) -> dict[int, str]:
    """The name of every tensor and array that the outputs were made from, by its id.

    A tensor's own `name` wins, then `names` (name to tensor, or tensor to name), then the caller's own variables.
    """
    found = _names.variables() if variables else {}
    for key, value in (names or {}).items():
        name, holder = (key, value) if isinstance(key, str) else (value, key)
        if not isinstance(name, str):
            raise TypeError(f"names is {{'w': w}} or {{w: 'w'}}: a name and a tensor, not {type(key).__name__} and {type(value).__name__}")
        found[id(holder)] = name
    known: dict[int, str] = {}
    for t in ancestors(*outputs):
        for value in held(t):
            name = getattr(value, "name", None) if type(value) is Tensor else None
            if not name and (hasattr(value, "shape") or is_telling(value)):
                # a constant that wraps the caller's own array goes by the array's name
                name = found.get(id(value)) or (found.get(id(value._array)) if type(value) is Tensor and value.is_leaf else None)
            if name:
                known[id(value)] = name
            elif isinstance(value, np.ndarray) and id(value.base) in found:
                known[id(value.base)] = found[id(value.base)]  # a view, img[0:3] say, is written with the name of its array
    return known


def is_telling(value: Any) -> bool:
    """Whether a Python number is one that its user's variable stands for, as 1e-5 and 0.1 are, not 2 or 0.5, which code writes anywhere."""
    return type(value) is float and value * 16 % 1 != 0
