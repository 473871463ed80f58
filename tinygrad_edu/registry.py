"""Where ops are found: by name, and by the NumPy function that they compute on Tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .operation import Op

registry: dict[str, Op] = {}  # every op by its name: what `tg.op` fills and the readers look up
numpy_functions: dict[Any, Callable[..., Any]] = {}  # NumPy function -> what computes it on Tensors


def dispatch(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Run a NumPy function that was called on Tensors."""
    ours = numpy_functions.get(function)
    if ours is None:
        module = getattr(function, "__module__", None) or "numpy"
        name = f"{module.removeprefix('numpy').removeprefix('.')}.{getattr(function, '__name__', function)}".lstrip(".")
        rules = "lambda g, y, a, b: ..., lambda g, y, a, b: ..." if getattr(function, "nin", 1) == 2 else "lambda g, y, x: ..."
        raise TypeError(
            f"np.{name} is not an op on Tensors yet: define it in one line, tg.op(np.{name}, {rules}), "
            "or use np.asarray(t) if no gradient is needed"
        )
    return ours(*args, **kwargs)
