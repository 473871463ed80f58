"""The methods that NumPy's arrays have, where they are NumPy's functions of a Tensor."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from ..engine.registry import dispatch
from ..engine.tensor import Tensor

GRADIENTS = (
    "choose",
    "conj",
    "conjugate",
    "compress",
    "cumprod",
    "diagonal",
    "repeat",
    "round",
    "take",
    "trace",
)
_VALUES = ("argpartition", "nonzero", "searchsorted")  # whose results are no Tensors
_PLACES = {"compress": 1}  # where the array is not the first argument


def _method(name: str, place: int = 0) -> Any:
    function = getattr(np, name)

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        return dispatch(function, (*args[:place], self, *args[place:]), kwargs)

    if isinstance(function, np.ufunc):
        parameters = [inspect.Parameter("x", inspect.Parameter.POSITIONAL_ONLY)]
    else:
        parameters = list(inspect.signature(function).parameters.values())
    of_array = parameters.pop(place)
    method.__name__, method.__qualname__ = name, f"Tensor.{name}"
    method.__doc__ = f"np.{name} of the tensor; see NumPy's."
    made: Any = method
    made.__signature__ = inspect.Signature(
        [of_array.replace(name="self"), *(p for p in parameters if p.name != "out")]
    )
    return made


METHODS = {name: _method(name, _PLACES.get(name, 0)) for name in GRADIENTS + _VALUES}
for _name, _made in METHODS.items():
    setattr(Tensor, _name, _made)
