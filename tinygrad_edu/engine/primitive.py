"""Primitive: an op that can be called."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .calling import called
from .fast_backward import fast_pull
from .fast_calling import fast_call
from .op import Documentation, Op
from .registry import registry
from .tensor import Tensor


class Primitive(Op):
    """An op that can be called: what `tg.op` makes."""

    __doc__ = Documentation(__doc__)

    def __init__(self, *args: Any, **facts: Any) -> None:
        super().__init__(*args, **facts)
        self.pull = fast_pull(self)
        fast = fast_call(self)
        self.call: Callable[..., Tensor] = fast or partial(called, self)
        self.unrolled = self.arity if fast else 0  # how many operands its quick call takes

    def __reduce__(self) -> tuple[Any, ...]:
        return _named, (self.name,)

    def __call__(self, *args: Any, **static: Any) -> Tensor:
        if len(args) == self.unrolled and (not static or len(args) == 1):
            return self.call(*args, **static)
        return called(self, *args, **static)

    def apply(self, *args: Any, **static: Any) -> Any:
        """A Tensor from Tensors, an array from arrays: what rules call, which are given either."""
        if any([type(a) is Tensor for a in args]):
            return self(*args, **static)
        return self.run(*args, **{**self.defaults, **static})


def _named(name: str) -> Op:
    """An op, unpickled: the one that has this name here."""
    if name not in registry:
        raise LookupError(
            f"there is no op {name!r} here: an op is pickled by its name, "
            f"run its tg.op(..., name={name!r}) first"
        )
    return registry[name]
