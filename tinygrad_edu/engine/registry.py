"""Where ops are found: by name, and by the NumPy function that they compute on Tensors."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import leaving
from .names import PACKAGE
from .op import Op

registry: dict[str, Op] = {}  # every op by its name: what `tg.op` fills and the readers look up
numpy_functions: dict[Any, Callable[..., Any]] = {}  # NumPy function -> what computes it on Tensors
ufunc_methods: dict[str, Callable[..., Any]] = {}  # "accumulate" -> what does it to Tensors
late: list[Callable[[], None]] = []  # what defines more of them, when an unknown one is called


def in_table(made: Op) -> bool:
    """Whether an op is a line of the table.

    A user's op may be defined again, as a notebook does, the table's may not.
    """
    home = f"{PACKAGE}.ops"
    sections = [sys.modules.get(f"{home}.{section}") for section in sys.modules[home].__all__]
    return any(getattr(section, made.name, None) is made for section in sections)


def is_users(held: Any) -> bool:
    """Whether what computes a NumPy function, or an operator, is an op that a user defined."""
    made = registry.get(getattr(held, "name", "") or getattr(held, "__name__", ""))
    return made is not None and not in_table(made)


def is_tables(held: Any) -> bool:
    """Whether what computes a NumPy function is an op of the table, and no composition of some."""
    made = registry.get(getattr(held, "name", "") or getattr(held, "__name__", ""))
    return made is not None and in_table(made)


def dispatch(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Run a NumPy function that was called on Tensors."""
    ours = numpy_functions.get(function)
    while ours is None and late:
        late.pop()()
        ours = numpy_functions.get(function)
    if ours is not None:
        return ours(*args, **kwargs)

    def refusal(t: Any) -> str:
        from .missing import not_an_op

        return not_an_op(function, args, kwargs, numpy_functions)

    return leaving.on_values(function, args, kwargs, refusal)


def dispatch_method(ufunc: Any, method: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Run what is no op of a NumPy function that was called on Tensors.

    One of its methods, or the function with arguments that its op has not.
    """

    def refusal(t: Any) -> str:
        from .missing import no_such_call

        return no_such_call(ufunc, method, kwargs)

    return leaving.on_values(getattr(ufunc, method), args, kwargs, refusal)
