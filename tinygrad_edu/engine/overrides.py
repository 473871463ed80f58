"""NumPy's functions on Tensors where they are no ops: what runs in their place."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from . import leaving
from .keywords import INSTEAD, says_nothing
from .missing import spelled
from .registry import numpy_functions
from .tensor import Tensor

Function = Callable[..., Any]
LOOKS = "on_arrays"  # the name of what sees the values, and gives no gradient


def implements(*functions: Function) -> Callable[[Function], Function]:
    """A decorator: Tensors given to these NumPy functions go to the decorated one."""

    def register(ours: Function) -> Function:
        def on_what_says_something(*args: Any, **kwargs: Any) -> Any:
            said = {key: value for key, value in kwargs.items() if not says_nothing(key, value)}
            try:
                return ours(*args, **said)
            except TypeError as error:
                if " is being compiled" in str(error):
                    error.add_note(
                        f"{spelled(functions[0])} goes by the values of a tensor: call it outside "
                        "of the compiled function"
                    )
                    raise
                raise _explained(error, functions[0], ours, args, said) from None

        # the name by which readers know that np.where is the op
        on_what_says_something.__name__ = ours.__name__
        numpy_functions.update(dict.fromkeys(functions, on_what_says_something))
        return ours

    return register


def _explained(
    error: TypeError, function: Function, ours: Function, args: Any, kwargs: dict[str, Any]
) -> TypeError:
    """The error, or that ours has not the arguments of NumPy's that were given."""
    takes = inspect.signature(ours)
    try:
        takes.bind(*args, **kwargs)
    except TypeError as misfit:
        unknown = next((key for key in kwargs if key not in takes.parameters), "")
        values = f"for values alone write {spelled(function)}(t.numpy(), ...)"
        instead = INSTEAD.get(unknown, values)
        names = ", ".join(takes.parameters)
        return TypeError(f"{spelled(function)} of a Tensor takes {names}; {misfit}: {instead}")
    return error


def values_only(*functions: Function) -> None:
    """Let these NumPy functions see a Tensor's value: what they answer has no gradient."""
    leaving.looks_only(*functions)
    for function in functions:
        implements(function)(_on_arrays(function, lambda t: t.numpy()))


def shapes_only(*functions: Function) -> None:
    """Let these NumPy functions see a Tensor, of which they use the shape and dtype.

    Those are known even while a program is recorded.
    """
    for function in functions:
        implements(function)(_on_arrays(function, lambda t: t._array))


def _on_arrays(function: Function, array: Callable[[Any], Any]) -> Function:
    """The function, given the array of each Tensor, of those in lists and tuples too."""

    def given(a: Any) -> Any:
        if type(a) is Tensor:
            return array(a)
        return type(a)(map(given, a)) if type(a) in (list, tuple) else a

    def on_arrays(*args: Any, **kwargs: Any) -> Any:
        return function(*map(given, args), **{key: given(a) for key, a in kwargs.items()})

    on_arrays.__name__ = LOOKS
    return on_arrays
