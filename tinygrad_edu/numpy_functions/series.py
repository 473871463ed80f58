"""Series of numbers: convolutions, polynomials, differences, unwrapped angles."""

from __future__ import annotations

from functools import reduce
from operator import index
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..engine.overrides import implements
from ..engine.recording import check, is_known
from ..engine.tensor import Tensor
from ..functions import as_floats, as_tensor
from ..ops.linalg import matmul, pinv
from ..ops.reductions import cumsum
from ..ops.shape import concatenate, flip, moveaxis, stack
from .shaping import row

_numpy: Any = np  # whose stubs know no Tensors


# -- convolutions ----------------------------------------------------------------------------------


@implements(np.convolve)
def _convolve(a: Any, v: Any, mode: str = "full") -> Any:
    return _convolved("convolve", a, v, mode)


@implements(np.correlate)
def _correlate(a: Any, v: Any, mode: str = "valid") -> Tensor:
    left, right = as_tensor(a), as_tensor(v)
    y = _convolved("correlate", left, flip(row(right)), mode)
    # NumPy slides the shorter one, and reverses what it then finds
    return flip(_convolved("correlate", right, flip(left), mode)) if _is_longer(right, left) else y


def _is_longer(t: Tensor, other: Tensor) -> bool:
    return t.size > other.size


def _convolved(name: str, a: Any, v: Any, mode: str) -> Any:
    """The sums of products of a row with another one, reversed, at each place."""
    long, short = row(as_tensor(a)), row(as_tensor(v))
    if long.ndim > 1 or short.ndim > 1 or not long.size or not short.size:
        raise ValueError(
            f"{name} takes rows of numbers, not shapes {long.shape} and {short.shape}: for images "
            "write the sum over a window, np.lib.stride_tricks.sliding_window_view"
        )
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"{name} takes a mode: write 'full', 'same' or 'valid', not {mode!r}")
    if _is_longer(short, long):
        long, short = short, long
    n, k = long.size, short.size
    if mode != "valid":
        rim = np.zeros(k - 1, long.dtype)
        long = concatenate([rim, long, rim])
    places = np.arange(long.size - k + 1)[:, None] + np.arange(k)
    y = matmul(long[places], flip(short))
    start = (k - 1) // 2
    return y[start : start + n] if mode == "same" else y


# -- polynomials, their coefficients from the highest power down -----------------------------------


@implements(np.polyval)
def _polyval(p: Any, x: Any) -> Any:
    coefficients = row(as_tensor(p))
    zero: Any = as_tensor(x) * 0.0
    return reduce(lambda y, c: y * x + c, list(coefficients), zero)


@implements(np.poly)
def _poly(seq_of_zeros: Any) -> Any:
    t = row(as_tensor(seq_of_zeros))
    if t.ndim > 1:
        raise ValueError(
            f"poly of a Tensor takes a row of zeros, not shape {t.shape}: of a matrix write "
            "np.poly(np.linalg.eigvalsh(t)), if it is symmetric"
        )
    if not t.size:
        return as_tensor(1.0)
    none = np.zeros(1, t.dtype)

    def times(y: Any, zero: Any) -> Any:
        return concatenate([y, none]) - concatenate([none, y]) * zero

    return reduce(times, list(t), as_tensor(none + 1))


@implements(np.polymul)
def _polymul(a1: Any, a2: Any) -> Any:
    return _convolved("polymul", _led(a1), _led(a2), "full")


def _refuse_led(values: Any) -> None:
    if values.size > 1 and not values[0]:
        raise ValueError(
            "this program was recorded for polynomials whose first coefficient is not 0: leave "
            "out what is in front of it"
        )


def _led(p: Any) -> Any:
    """Coefficients without zeros in front of the highest power."""
    t = row(as_tensor(p))
    if not is_known(t):
        check(t, _refuse_led)
        return t
    kept = _numpy.trim_zeros(t, "f") if t.ndim == 1 else t
    return kept if kept.size else t[-1:]


def _aligned(a: Any, b: Any) -> tuple[Tensor, Tensor]:
    left, right = row(as_tensor(a)), row(as_tensor(b))
    if left.ndim > 1 or right.ndim > 1:
        raise ValueError(
            "a polynomial is a row of coefficients, and here are shapes "
            f"{left.shape} and {right.shape}: write .reshape(-1)"
        )
    n = np.maximum(left.size, right.size)
    one, other = (
        concatenate([np.zeros(n - t.size, t.dtype), t]) if t.size < n else t for t in (left, right)
    )
    return one, other


@implements(np.polyadd)
def _polyadd(a1: Any, a2: Any) -> Any:
    left, right = _aligned(a1, a2)
    return left + right


@implements(np.polysub)
def _polysub(a1: Any, a2: Any) -> Any:
    left, right = _aligned(a1, a2)
    return left - right


@implements(np.polyder)
def _polyder(p: Any, m: int = 1) -> Any:
    t: Any = row(as_tensor(p))
    for _ in range(index(m)):
        t = t[:-1] * np.arange(t.size - 1, 0, -1).astype(t.dtype)
    return t


@implements(np.polyint)
def _polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    t: Any = row(as_tensor(p))
    m = index(m)
    constants = np.zeros(m) if k is None else np.broadcast_to(k, m)
    for i in range(m):
        end = np.asarray([constants[i]], t.dtype)
        t = concatenate([t / np.arange(t.size, 0, -1).astype(t.dtype), end])
    return t


@implements(np.vander)
def _vander(x: Any, N: int | None = None, increasing: bool = False) -> Tensor:
    t = as_tensor(x)
    if t.ndim != 1:
        raise ValueError(f"vander takes a row of numbers, not shape {t.shape}")
    n = t.size if N is None else N
    columns: list[Any] = [np.ones(t.size, t.dtype)]
    for _ in range(n - 1):
        columns.append(columns[-1] * t)
    if not n:
        return as_tensor(np.zeros((t.size, 0), t.dtype))
    return stack(columns if increasing else columns[::-1], axis=1)


@implements(np.polyfit)
def _polyfit(x: Any, y: Any, deg: int, *, w: Any = None) -> Any:
    if index(deg) < 0:
        raise ValueError(f"polyfit takes a degree of at least 0, not {deg}")
    matrix: Any = _vander(as_floats(x), deg + 1)
    right: Any = as_tensor(y)
    if w is not None:
        weights: Any = as_tensor(w)
        matrix = matrix * weights[:, None]
        right = right * weights.reshape(-1, *[1] * (right.ndim - 1))
    # columns of one length, so that large powers do not drown the others
    lengths = _numpy.linalg.norm(matrix, axis=0)
    found: Any = matmul(pinv(matrix / lengths), right)
    return found / (lengths if found.ndim == 1 else lengths[:, None])


# -- from one number to another --------------------------------------------------------------------


@implements(np.linspace)
def _linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    axis: int = 0,
) -> Any:
    first, last = _numpy.broadcast_arrays(as_tensor(start), as_tensor(stop))
    if index(num) < 0:
        raise ValueError(f"linspace takes a number of points of at least 0, not {num}")
    parts = num - 1 if endpoint else num
    share = np.arange(num, dtype=first.dtype if first.dtype.kind == "f" else float) / (parts or 1)
    share = share.reshape(-1, *[1] * first.ndim)
    y = first * (1 - share) + last * share
    y = moveaxis(y, 0, axis)
    return (y, (last - first) / parts) if retstep else y


@implements(np.logspace)
def _logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, axis: int = 0
) -> Any:
    return base ** _linspace(start, stop, num, endpoint, axis=axis)


@implements(np.geomspace)
def _geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, axis: int = 0) -> Any:
    first, last = as_tensor(start), as_tensor(stop)
    if (first.numpy() <= 0).any() or (last.numpy() <= 0).any():
        raise ValueError("geomspace of Tensors goes from one positive number to another")
    return _numpy.exp(_linspace(np.log(first), np.log(last), num, endpoint, axis=axis))


# -- along an axis ---------------------------------------------------------------------------------


@implements(np.unwrap)
def _unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: float = 2 * np.pi) -> Any:
    t: Any = moveaxis(as_tensor(p), axis, -1)
    least = period / 2 if discont is None else np.maximum(discont, period / 2)
    step = t[..., 1:] - t[..., :-1]
    within = np.mod(step + period / 2, period) - period / 2
    # half a turn upwards stays one upwards
    within = _numpy.where((within == -period / 2) & (step > 0), period / 2, within)
    turns = _numpy.where(abs(step) < least, 0.0, within - step)
    y = _numpy.concatenate([t[..., :1], t[..., 1:] + cumsum(turns, -1)], axis=-1)
    return moveaxis(y, -1, axis)


@implements(np.apply_along_axis)
def _apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    t = moveaxis(as_tensor(arr), axis, -1)
    lines = t.reshape(-1, t.shape[-1])
    found = [as_tensor(func1d(line, *args, **kwargs)) for line in lines]
    y = stack(found)
    y = y.reshape((*t.shape[:-1], *y.shape[1:]))
    more, at = y.ndim + 1 - t.ndim, normalize_axis_index(axis, t.ndim)
    return moveaxis(y, tuple(range(t.ndim - 1, y.ndim)), tuple(range(at, at + more)))


@implements(np.gradient)
def _gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    t = as_floats(f)
    axes = range(t.ndim) if axis is None else [axis] if np.ndim(axis) == 0 else [*axis]
    steps = [*varargs] if len(varargs) == len(axes) else [*(varargs or (1.0,))] * len(axes)
    if len(steps) != len(axes):
        raise TypeError(
            f"gradient along {len(axes)} axes takes one distance, or one for each: "
            f"{len(varargs)} are given"
        )
    if edge_order not in (1, 2):
        raise ValueError(f"edge_order is 1 or 2, not {edge_order!r}")
    found = [_slopes(t, step, i, edge_order) for i, step in zip(axes, steps, strict=True)]
    return found[0] if len(found) == 1 else tuple(found)


def _slopes(t: Tensor, step: Any, axis: int, edge_order: int) -> Tensor:
    """Central differences along an axis, one-sided at its ends."""
    y: Any = moveaxis(t, axis, 0)
    if y.shape[0] <= edge_order:
        raise ValueError(
            f"gradient with edge_order={edge_order} needs {edge_order + 1} entries along an axis, "
            f"and here are {y.shape[0]}"
        )
    even = np.ndim(step) == 0
    gaps: Any = step * np.ones(y.shape[0] - 1) if even else step[1:] - step[:-1]
    gaps = gaps.reshape(-1, *[1] * (y.ndim - 1)).astype(t.dtype)
    h, k = gaps[:-1], gaps[1:]
    inside = (
        -k / (h * (h + k)) * y[:-2] + (k - h) / (h * k) * y[1:-1] + h / (k * (h + k)) * y[2:]
        if not even
        else (y[2:] - y[:-2]) / (2 * h)
    )
    slopes = (y[1:] - y[:-1]) / gaps
    first, last = slopes[:1], slopes[-1:]
    if edge_order == 2:
        first = first + (slopes[:1] - slopes[1:2]) * gaps[:1] / (gaps[:1] + gaps[1:2])
        last = last + (slopes[-1:] - slopes[-2:-1]) * gaps[-1:] / (gaps[-1:] + gaps[-2:-1])
    return moveaxis(concatenate([first, inside, last]), 0, axis)
