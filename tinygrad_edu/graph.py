"""The recorded graph as data: what every reader (transforms, draw, formulas, the checker) takes."""

from __future__ import annotations

from typing import Any

from .core import Tensor


def ancestors(*outputs: Tensor) -> list[Tensor]:
    """The outputs and all tensors that they were made from: leaves first, then in the order of their making.

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
            waiting.extend(t.args)
    # a leaf that was changed in place, or looked at, has a newer serial than what was made from it: hence leaves first
    return sorted(seen, key=lambda t: (not t.is_leaf, t.serial))
