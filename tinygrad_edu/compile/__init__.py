"""From a function of Tensors to a program: NumPy as one would write it by hand, or JAX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from .compiled import Compiled


def compile(f: Callable[..., Any], target: Literal["numpy", "jax"] = "numpy", donate: int | str | Sequence[int | str] = ()) -> Compiled:
    """TODO."""
    from .compiled import Compiled

    return Compiled(f, donate)
