"""Where ops are found: by name, and by the NumPy function that they compute on Tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import leaving

if TYPE_CHECKING:
    from .operation import Op

registry: dict[str, Op] = {}  # every op by its name: what `tg.op` fills and the readers look up
numpy_functions: dict[Any, Callable[..., Any]] = {}  # NumPy function -> what computes it on Tensors


def dispatch(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Run a NumPy function that was called on Tensors."""
    ours = numpy_functions.get(function)
    if ours is not None:
        return ours(*args, **kwargs)

    def refusal(t: Any) -> str:
        from .missing import not_an_op

        return not_an_op(function, args, kwargs)

    return leaving.on_values(function, args, kwargs, refusal)
