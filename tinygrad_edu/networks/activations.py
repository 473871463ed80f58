"""Activations that are compositions of ops; sigmoid, tanh, relu and softplus are ops."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..engine.tensor import Tensor
from ..functions import as_floats
from ..ops.elementwise import clip, erfc, expm1, sigmoid, softplus, tanh, where

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772  # of Klambauer et al., 2017


def elu(x: Any, alpha: float = 1.0) -> Tensor:
    """x where it is positive, else alpha · (exp(x) - 1).

    >>> import tinygrad_edu as tg
    >>> tg.elu([-1000.0, 2.0]).tolist()
    [-1.0, 2.0]
    """
    t = as_floats(x)
    return where(t > 0, t, alpha * expm1(where(t > 0, 0.0, t)))


def selu(x: Any) -> Any:
    """elu, scaled so that layers keep mean 0 and variance 1.

    >>> import tinygrad_edu as tg
    >>> round(tg.selu(1.0).item(), 6)
    1.050701
    """
    return SELU_SCALE * elu(x, SELU_ALPHA)


def celu(x: Any, alpha: float = 1.0) -> Tensor:
    """x where it is positive, else alpha · (exp(x / alpha) - 1): its slope at 0 is 1.

    >>> import tinygrad_edu as tg
    >>> tg.celu([-1000.0, 2.0], alpha=0.5).tolist()
    [-0.5, 2.0]
    """
    t: Any = as_floats(x)
    return where(t > 0, t, alpha * expm1(where(t > 0, 0.0, t) / alpha))


def gelu(x: Any, approximate: str = "none") -> Any:
    """x times the normal distribution's share below x; "tanh" for the usual approximation.

    >>> import tinygrad_edu as tg
    >>> round(tg.gelu(1.0).item(), 6), round(tg.gelu(1.0, approximate="tanh").item(), 6)
    (0.841345, 0.841192)
    """
    t: Any = as_floats(x)
    if approximate == "none":
        return 0.5 * t * erfc(t * -(0.5**0.5))
    if approximate != "tanh":
        raise ValueError(f'approximate is "none" or "tanh", not {approximate!r}')
    # half of 1 + tanh(z) is sigmoid(2 z), which keeps its digits where tanh is near -1
    return t * sigmoid(2 * (2 / np.pi) ** 0.5 * (t + 0.044715 * t**3))


def silu(x: Any) -> Any:
    """x · sigmoid(x), also called swish.

    >>> import tinygrad_edu as tg
    >>> round(tg.silu(1.0).item(), 6)
    0.731059
    """
    t = as_floats(x)
    return t * sigmoid(t)


def mish(x: Any) -> Any:
    """x · tanh(softplus(x)).

    >>> import tinygrad_edu as tg
    >>> round(tg.mish(1.0).item(), 6)
    0.865098
    """
    t = as_floats(x)
    return t * tanh(softplus(t))


def leaky_relu(x: Any, slope: Any = 0.01) -> Tensor:
    """x where it is positive, else slope · x; the slope holds at 0, too.

    >>> import tinygrad_edu as tg
    >>> tg.leaky_relu([-2.0, 3.0], slope=0.5).tolist()
    [-1.0, 3.0]
    """
    t = as_floats(x)
    return where(t > 0, t, slope * t)


def prelu(x: Any, slope: Any) -> Tensor:
    """leaky_relu with a slope that is learned: a number, or one for each channel of (N, C, ...).

    >>> import tinygrad_edu as tg
    >>> slope = tg.Tensor(0.25, requires_grad=True)
    >>> tg.prelu([-2.0, 3.0], slope).sum().backward()
    >>> slope.grad.item()
    -2.0
    """
    t, s = as_floats(x), as_floats(slope)
    if s.size > 1 and s.ndim == 1 and t.ndim > 2:
        s = s.reshape(-1, *[1] * (t.ndim - 2))
    return leaky_relu(t, s)


def hardtanh(x: Any, min: float = -1.0, max: float = 1.0) -> Tensor:
    """x, no less than min and no more than max.

    >>> import tinygrad_edu as tg
    >>> tg.hardtanh([-3.0, 0.5, 3.0]).tolist()
    [-1.0, 0.5, 1.0]
    """
    return clip(as_floats(x), min, max)


def relu6(x: Any) -> Tensor:
    """relu, no more than 6.

    >>> import tinygrad_edu as tg
    >>> tg.relu6([-3.0, 0.5, 30.0]).tolist()
    [0.0, 0.5, 6.0]
    """
    return clip(as_floats(x), 0.0, 6.0)


def hardsigmoid(x: Any) -> Any:
    """sigmoid in three straight pieces: 0 up to -3, 1 from 3 on.

    >>> import tinygrad_edu as tg
    >>> tg.hardsigmoid([-3.0, 0.0, 5.0]).tolist()
    [0.0, 0.5, 1.0]
    """
    t: Any = as_floats(x)
    return clip(t + 3.0, 0.0, 6.0) / 6.0


def hardswish(x: Any) -> Any:
    """x · hardsigmoid(x).

    >>> import tinygrad_edu as tg
    >>> tg.hardswish([-4.0, 0.0, 5.0]).tolist()
    [0.0, 0.0, 5.0]
    """
    t = as_floats(x)
    return t * hardsigmoid(t) + 0.0


def softsign(x: Any) -> Any:
    """x / (1 + |x|).

    >>> import tinygrad_edu as tg
    >>> tg.softsign([-1.0, 3.0]).tolist()
    [-0.5, 0.75]
    """
    t: Any = as_floats(x)
    return t / (1 + abs(t))


def glu(x: Any, axis: int = -1) -> Any:
    """The first half along an axis, times the sigmoid of the second.

    >>> import tinygrad_edu as tg
    >>> tg.glu([3.0, 0.0]).tolist()
    [1.5]
    """
    t: Any = as_floats(x)
    if t.ndim == 0 or t.shape[axis] % 2:
        raise ValueError(
            f"glu splits an axis in two halves, and axis {axis} of {t.label()} of shape {t.shape} "
            "has no even number of entries"
        )
    before = (slice(None),) * (normalize_axis_index(axis, t.ndim))
    half = t.shape[axis] // 2
    return t[(*before, slice(half))] * sigmoid(t[(*before, slice(half, None))])
