"""What goes entry by entry, and is made of other functions that do."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.overrides import implements
from ..engine.tensor import Tensor
from ..functions import as_floats, as_tensor
from ..ops.elementwise import abs as absolute
from ..ops.elementwise import (
    floor_divide,
    isinf,
    isnan,
    maximum,
    minimum,
    power,
    remainder,
    signbit,
    trunc,
    where,
)


@implements(np.fabs)
def _fabs(x: Any) -> Tensor:
    return absolute(as_floats(x))


@implements(np.fix)
def _fix(x: Any) -> Tensor:
    return trunc(as_tensor(x))


@implements(np.radians, np.deg2rad)
def _radians(x: Any) -> Tensor:
    return as_tensor(x) * (np.pi / 180)


@implements(np.degrees, np.rad2deg)
def _degrees(x: Any) -> Tensor:
    return as_tensor(x) * (180 / np.pi)


@implements(np.conjugate, np.real)
def _conjugate(x: Any) -> Tensor:
    return as_tensor(x)


@implements(np.real_if_close)
def _real_if_close(a: Any, tol: float = 100) -> Tensor:
    return as_tensor(a)


@implements(np.imag)
def _imag(x: Any) -> Tensor:
    return as_tensor(np.zeros_like(x))


@implements(np.angle)
def _angle(z: Any, deg: bool = False) -> Tensor:
    t = as_floats(z)
    flat = where(isinf(t), np.zeros((), t.dtype), t) * 0.0  # NaN stays
    half: Tensor = where(signbit(t), np.asarray(180.0 if deg else np.pi, t.dtype), abs(flat))
    return where(isnan(t), t, half)


@implements(np.divmod)
def _divmod(x1: Any, x2: Any) -> tuple[Tensor, Tensor]:
    return floor_divide(x1, x2), remainder(x1, x2)


def _number(x: Any) -> Any:
    """What can be negated: a Tensor or a number as it is, all else as an array of numbers."""
    if type(x) is Tensor:
        return x.astype(np.int8) if x.dtype.kind == "b" else x
    if type(x) in (int, float):
        return x
    array = np.asarray(x)
    return array.astype(float) if array.dtype.kind == "b" else array


@implements(np.fmod)
def fmod(x1: Any, x2: Any) -> Any:
    """The remainder with the sign of the dividend."""
    x1, x2 = _number(x1), _number(x2)
    return where(signbit(x1), -remainder(-x1, abs(x2)), remainder(x1, abs(x2)))


@implements(np.modf)
def _modf(x: Any) -> tuple[Tensor, Tensor]:
    t = as_floats(x)
    whole = trunc(t)
    inner = where(isinf(t), np.zeros((), t.dtype), t)
    return where(isinf(t), np.copysign(np.zeros((), t.dtype), t), fmod(inner, 1.0)), whole


def _of_numbers(extreme: Any, a: Any, b: Any) -> Tensor:
    """An extreme, where NaN counts as missing."""
    return where(isnan(a), b, where(isnan(b), a, extreme(a, b)))


@implements(np.fmax)
def _fmax(x1: Any, x2: Any) -> Tensor:
    return _of_numbers(maximum, x1, x2)


@implements(np.fmin)
def _fmin(x1: Any, x2: Any) -> Tensor:
    return _of_numbers(minimum, x1, x2)


@implements(np.copysign)
def _copysign(x1: Any, x2: Any) -> Tensor:
    size = abs(x1 if type(x1) in (int, float) else as_floats(x1))
    return where(signbit(x2), -size, size)


@implements(np.float_power)
def _float_power(x1: Any, x2: Any) -> Tensor:
    return power(as_tensor(x1).astype(float), x2)


@implements(np.ldexp)
def _ldexp(x1: Any, x2: Any) -> Any:
    t, powers = as_tensor(x1), as_tensor(x2)
    if powers.dtype.kind not in "iu":
        raise TypeError(
            f"ldexp takes powers of two as whole numbers, not {powers.dtype}: write x * 2.0**t"
        )
    y: Tensor = t * np.ldexp(np.ones((), t.dtype), powers.numpy())
    return y


@implements(np.nextafter)
def _nextafter(x1: Any, x2: Any) -> Any:
    """The next number, at a distance from x1 that does not depend on x1 but by steps."""
    t, to = as_tensor(x1), x2.numpy() if type(x2) is Tensor else x2
    return t + (np.nextafter(t.numpy(), to) - t.numpy())


@implements(np.spacing)
def _spacing(x: Any) -> Any:
    """The distance to the next number, which changes by steps alone."""
    t = as_tensor(x)
    return t * 0.0 + np.spacing(t.numpy())


@implements(np.heaviside)
def _heaviside(x1: Any, x2: Any) -> Tensor:
    t = as_tensor(x1)
    step = where(t > 0, np.ones((), t.dtype), where(t < 0, np.zeros((), t.dtype), t))
    return where(t == 0, x2, step)


@implements(np.nan_to_num)
def _nan_to_num(
    x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None
) -> Tensor:
    t = as_tensor(x)
    if t.dtype.kind != "f":
        return t
    largest = np.finfo(t.dtype).max
    high, low = largest if posinf is None else posinf, -largest if neginf is None else neginf
    numbers = where(isnan(t), np.asarray(nan, t.dtype), t)
    above = where(t == np.inf, np.asarray(high, t.dtype), numbers)
    return where(t == -np.inf, np.asarray(low, t.dtype), above)
