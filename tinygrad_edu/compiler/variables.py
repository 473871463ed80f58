"""What the user calls tensors and arrays: the variables of functions that ran."""

from __future__ import annotations

from collections.abc import Mapping
from types import FrameType
from typing import Any

import numpy as np

from ..engine import backward, calling, fast_backward, fast_calling
from ..engine import names as _names
from ..engine.tensor import Tensor
from .bytecode import loop_variables

# the modules that call the functions and the rules of ops
CALLERS = {module.__name__ for module in (backward, fast_backward, calling, fast_calling)}


class Variables:
    """The names of tensors and arrays, as the functions of the user's that returned had them."""

    def __init__(self) -> None:
        self.first: dict[Tensor, str] = {}  # the innermost variable that held a tensor
        self.names: dict[Tensor, str] = {}  # the outermost one
        self.scopes: dict[int, Mapping[str, Any]] = {}  # of the modules whose functions ran
        self.arrays: dict[int, tuple[Any, str]] = {}  # id -> (array, the user's name for it)

    def returned(self, frame: FrameType) -> None:
        """Note the variables of a function; the outermost one comes last, and its names count."""
        code = frame.f_code
        is_inline = code.co_name[0] == "<" and code.co_name != "<lambda>"
        if is_inline or not _names.is_users(frame):
            return
        if frame.f_back is not None and frame.f_back.f_globals.get("__name__") in CALLERS:
            return  # a function or a rule of an op's: the letters of its definition
        counters = loop_variables(code)
        self._note({name: value for name, value in frame.f_locals.items() if name not in counters})
        self.scopes[id(frame.f_globals)] = frame.f_globals

    def finish(self) -> None:
        """Note the globals of the functions that ran, too; a local name counts more."""
        outermost, self.names = self.names, {}
        for scope in self.scopes.values():
            self._note(scope)
        self.names |= outermost

    def _note(self, scope: Mapping[str, Any]) -> None:
        for name, value in list(scope.items()):
            if name.startswith("_"):
                continue
            if type(value) is Tensor:
                self.first.setdefault(value, name)
                self.names[value] = name
            elif isinstance(value, np.ndarray):
                self.arrays.setdefault(id(value), (value, name))

    def of_array(self, array: Any) -> str | None:
        """What the user calls an array that the function used."""
        if id(array) in self.arrays:
            return self.arrays[id(array)][1]
        # the same memory, seen by another object: by a Tensor, say
        for known, name in self.arrays.values():
            if _memory(known) == _memory(array):
                return name
        return None


def _memory(array: Any) -> tuple[Any, ...]:
    return array.ctypes.data, array.shape, array.strides, array.dtype
