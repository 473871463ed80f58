"""The static arguments of a call of an op, such as an axis: by name, as the op takes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import leaving
from . import names as _names
from .keywords import INSTEAD, says_nothing
from .op import Op
from .tensor import Tensor
from .validation import short

_HOLDERS = {Tensor, tuple, list}  # what may be, or hold, a Tensor in a list


def bound(op: Op, rest: tuple[Any, ...], static: dict[str, Any], x: Any = None) -> dict[str, Any]:
    """The static arguments of a call on `x` by name, defaults included; a TypeError for others.

    `rest` are those that were given by place.
    """
    if op.variadic is not None and rest and isinstance(rest[0], (Tensor, np.ndarray, list)):
        raise TypeError(f"{op.name} takes one list of tensors: write tg.{op.name}([a, b])")
    if len(op.static) == 1 and len(rest) > 1:
        rest = (rest,)  # t.reshape(2, 3) is t.reshape((2, 3))
    # what is too much is refused below
    given = {**dict(zip(op.static, rest)), **static} if rest else static  # noqa: B905
    if len(rest) > len(op.static) or not op.takes.issuperset(given):
        given = _without_numpy_s(op, rest, given, x)
    if "keepdims" in given and type(given["keepdims"]) not in (bool, int, np.bool):
        raise TypeError(
            f"keepdims is True or False, not {short(given['keepdims'])}: {INSTEAD['dtype']}"
        )
    if op.kind == "permutation" and isinstance(given.get("axes"), (int, np.integer)):
        given = {**given, "axes": (given["axes"],)}  # of a vector, as NumPy takes it
    for key, value in given.items():
        if type(value) in (Tensor, tuple, list):
            given = {**given, key: _constant(op, key, value)}
    return {**op.defaults, **given}


def _without_numpy_s(
    op: Op, rest: tuple[Any, ...], given: dict[str, Any], x: Any
) -> dict[str, Any]:
    """Without the arguments of NumPy's functions that say nothing, out=None say.

    A TypeError for any other that is unknown.
    """
    if "correction" in given and "ddof" in op.takes:  # its name in the array API
        given = {("ddof" if k == "correction" else k): v for k, v in given.items()}
    if given.get("kind") in ("stable", "mergesort") and "stable" in op.takes:
        given = {**given, "kind": None, "stable": True}
    given = {k: v for k, v in given.items() if k in op.takes or not _says_nothing(k, v, x)}
    unknown = [name for name in given if name not in op.takes]
    if unknown or len(rest) > len(op.static):
        takes = " and ".join(op.static) or "no further arguments"
        instead = "".join(f"; {INSTEAD[name]}" for name in unknown if name in INSTEAD)
        given_too = ", ".join(unknown) or short(rest[-1])
        raise TypeError(f"{op.name} of a Tensor takes {takes}, not {given_too}{instead}")
    return given


def _says_nothing(key: str, value: Any, x: Any) -> bool:
    """Whether an argument of NumPy's has the value at which it changes nothing."""
    if key == "dtype" and not says_nothing(key, value):
        return bool(np.dtype(value) == getattr(x, "dtype", None))
    return says_nothing(key, value)


def _constant(op: Op, key: str, value: Any) -> Any:
    """A static argument without Tensors: their values, if no gradient is lost by it.

    Lists and Tensors are copied: they may change.
    """
    if type(value) is list and _HOLDERS.isdisjoint(map(type, value)):
        return value.copy()
    if type(value) in (tuple, list):
        return type(value)([_constant(op, key, v) for v in value])
    if type(value) is not Tensor:
        return value
    if leaving.loses(value):
        name = _names.code(value)
        raise TypeError(
            f"{op.name} gives no gradient to {key}, and {name} requires one: "
            f"pass {key}={name}.detach()"
        )
    return value.numpy().copy()
