"""Convolutions and pooling of images of shape (N, C, ...), along one axis or any number of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from ..engine.tensor import Tensor
from ..functions import as_floats
from ..ops.convolution import convolution, to_images
from ..ops.reductions import max, mean
from ..ops.shape import stack

_numpy: Any = np  # whose stubs know no Tensors
Sizes = int | Sequence[int]


def conv(
    x: Any,
    w: Any,
    b: Any = None,
    *,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Any:
    """Each filter's sum of products with every window of images, as networks have it: not flipped.

    Images `x` of shape (N, C, ...) and filters `w` of shape (O, C / groups, ...), with one axis or
    more; a number `b` for each of the O filters. `padding` zeros are put around, or as many as
    leave the size as it is, "same".

    >>> import numpy as np, tinygrad_edu as tg
    >>> x = np.arange(5.0).reshape(1, 1, 5)
    >>> tg.conv(x, [[[1.0, 0.0, -1.0]]]).tolist()
    [[[-2.0, -2.0, -2.0]]]
    >>> tg.conv(np.ones((2, 3, 8, 8)), np.ones((4, 3, 3, 3)), stride=2, padding=1).shape
    (2, 4, 4, 4)
    """
    images, filters = as_floats(x), as_floats(w)
    n = _axes("conv", images, filters)
    if images.shape[1] != filters.shape[1] * groups or filters.shape[0] % groups:
        raise ValueError(
            f"images of shape {images.shape} have {images.shape[1]} channels, and filters of shape "
            f"{filters.shape} in {groups} groups take {filters.shape[1] * groups} and must divide "
            "evenly: filters are of shape (O, C / groups, ...)"
        )
    steps, gaps = _each("stride", stride, n), _each("dilation", dilation, n)
    spans = [d * (k - 1) + 1 for k, d in zip(filters.shape[2:], gaps, strict=True)]
    images = _padded(images, padding, spans, steps)
    _fits("filters", images.shape[2:], spans)
    y = convolution(images, filters, steps, gaps, groups)
    return y if b is None else y + _per_channel(b, n, y.shape[1])


def conv_transpose(
    x: Any,
    w: Any,
    b: Any = None,
    *,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Any:
    """What `conv` does to gradients, as a layer that enlarges images.

    Images of shape (N, C, ...), filters of shape (C, O / groups, ...); `padding` is what is cut off
    the result on each side, `output_padding` what is put to its end.

    >>> import tinygrad_edu as tg
    >>> tg.conv_transpose([[[1.0, 2.0]]], [[[1.0, 1.0, 1.0]]], stride=2).tolist()
    [[[1.0, 1.0, 3.0, 2.0, 2.0]]]
    """
    images, filters = as_floats(x), as_floats(w)
    n = _axes("conv_transpose", images, filters)
    if images.shape[1] != filters.shape[0]:
        raise ValueError(
            f"images of shape {images.shape} have {images.shape[1]} channels, and filters of shape "
            f"{filters.shape} take {filters.shape[0]}: filters are of shape (C, O / groups, ...)"
        )
    steps, gaps = _each("stride", stride, n), _each("dilation", dilation, n)
    cut, more = _each("padding", padding, n, 0), _each("output_padding", output_padding, n, 0)
    shape = tuple(
        (m - 1) * by + d * (k - 1) + 1 + extra
        for m, by, d, k, extra in zip(
            images.shape[2:], steps, gaps, filters.shape[2:], more, strict=True
        )
    )
    if any(extra >= by for extra, by in zip(more, steps, strict=True)):
        raise ValueError(
            f"output_padding is less than the stride, {steps}, and not {output_padding!r}"
        )
    y: Any = to_images(images, filters, shape, steps, gaps, groups)
    if any(cut):
        kept = [slice(p, s - p) for p, s in zip(cut, shape, strict=True)]
        y = y[(slice(None), slice(None), *kept)]
    return y if b is None else y + _per_channel(b, n, y.shape[1])


def max_pool(x: Any, size: Sizes, *, stride: Sizes | None = None, padding: Sizes = 0) -> Any:
    """The largest entry of every window of images of shape (N, C, ...); equal ones share.

    The stride is the size, where none is given.

    >>> import numpy as np, tinygrad_edu as tg
    >>> tg.max_pool(np.arange(16.0).reshape(1, 1, 4, 4), 2).tolist()
    [[[[5.0, 7.0], [13.0, 15.0]]]]
    """
    return max(_windows("max_pool", x, size, stride, padding, -np.inf), axis=0)


def avg_pool(x: Any, size: Sizes, *, stride: Sizes | None = None, padding: Sizes = 0) -> Any:
    """The mean of every window of images of shape (N, C, ...); what is put around counts as 0.

    >>> import numpy as np, tinygrad_edu as tg
    >>> tg.avg_pool(np.arange(16.0).reshape(1, 1, 4, 4), 2).tolist()
    [[[[2.5, 4.5], [10.5, 12.5]]]]
    """
    return mean(_windows("avg_pool", x, size, stride, padding, 0.0), axis=0)


def adaptive_avg_pool(x: Any, shape: Sizes) -> Any:
    """The means of as many windows, as equal as can be, as the shape says.

    >>> import numpy as np, tinygrad_edu as tg
    >>> tg.adaptive_avg_pool(np.arange(5.0).reshape(1, 1, 5), 2).tolist()
    [[[1.0, 3.0]]]
    """
    return _adaptive(x, shape, mean)


def adaptive_max_pool(x: Any, shape: Sizes) -> Any:
    """The largest entries of as many windows, as equal as can be, as the shape says.

    >>> import numpy as np, tinygrad_edu as tg
    >>> tg.adaptive_max_pool(np.arange(5.0).reshape(1, 1, 5), 2).tolist()
    [[[2.0, 4.0]]]
    """
    return _adaptive(x, shape, max)


def _adaptive(x: Any, shape: Sizes, reduced: Any) -> Any:
    t: Any = as_floats(x)
    wanted = _each("shape", shape, t.ndim - 2)
    for axis, (n, k) in enumerate(zip(t.shape[2:], wanted, strict=True), 2):
        before = (slice(None),) * axis
        ends = [(i * n // k, -(-(i + 1) * n // k)) for i in range(k)]
        pieces = [reduced(t[(*before, slice(a, b))], axis=axis) for a, b in ends]
        t = stack(pieces, axis=axis)
    return t


def _windows(
    name: str, x: Any, size: Sizes, stride: Sizes | None, padding: Any, value: float
) -> Any:
    """The images once for every place in a window, in a stack: entries of windows, in order."""
    t: Any = as_floats(x)
    if t.ndim < 3:
        raise ValueError(f"{name} takes images of shape (N, C, ...), not {t.shape}")
    n = t.ndim - 2
    sizes = _each("size", size, n)
    steps = sizes if stride is None else _each("stride", stride, n)
    if not isinstance(padding, str):
        rims = _each("padding", padding, n, 0)
        if any(2 * rim > k for rim, k in zip(rims, sizes, strict=True)):
            raise ValueError(
                f"{name} puts at most half a window around the images, {sizes}, not {padding!r}: "
                "a window of nothing else has no entries"
            )
    t = _padded(t, padding, sizes, steps, value)
    _fits("windows", t.shape[2:], sizes)
    places = [(m - k) // by + 1 for m, k, by in zip(t.shape[2:], sizes, steps, strict=True)]
    parts = []
    for at in product(*map(range, sizes)):
        reached = [
            slice(k, k + by * (m - 1) + 1, by) for k, by, m in zip(at, steps, places, strict=True)
        ]
        parts.append(t[(slice(None), slice(None), *reached)])
    return stack(parts)


def _axes(name: str, images: Tensor, filters: Tensor) -> int:
    """How many axes images have beside the first two."""
    if images.ndim < 3 or images.ndim != filters.ndim:
        raise ValueError(
            f"{name} takes images of shape (N, C, ...) and filters of as many axes, not shapes "
            f"{images.shape} and {filters.shape}: write x[None, None] for a single image of one "
            "channel"
        )
    return images.ndim - 2


def _each(name: str, sizes: Any, n: int, least: int = 1) -> tuple[int, ...]:
    """A number for each axis."""
    found = (sizes,) * n if isinstance(sizes, (int, np.integer)) else tuple(sizes)
    if len(found) != n or not all(
        isinstance(k, (int, np.integer)) and not isinstance(k, bool) and k >= least for k in found
    ):
        raise ValueError(
            f"{name} is a whole number from {least} on, or {n} of them, one for each axis: "
            f"not {sizes!r}"
        )
    return tuple(map(int, found))


def _padded(t: Any, padding: Any, spans: Any, steps: Any, value: float = 0.0) -> Any:
    """With a rim on each side of the axes after the first two."""
    n = t.ndim - 2
    if padding == "same":
        if any(step != 1 for step in steps):
            raise ValueError('padding="same" leaves the size as it is, which takes stride=1')
        rims = [((s - 1) // 2, s // 2) for s in spans]
    elif padding == "valid":
        return t
    else:
        rims = [(p, p) for p in _each("padding", padding, n, 0)]
    if not any(map(any, rims)):
        return t
    return _numpy.pad(t, [(0, 0), (0, 0), *rims], constant_values=value)


def _fits(what: str, shape: Any, spans: Any) -> None:
    if any(s > m for s, m in zip(spans, shape, strict=True)):
        raise ValueError(f"{what} of size {tuple(spans)} do not fit into images of size {shape}")


def _per_channel(b: Any, n: int, channels: int) -> Tensor:
    bias = as_floats(b)
    if bias.size != channels:
        raise ValueError(
            f"b has a number for each of {channels} filters, and here has shape {bias.shape}"
        )
    return bias.reshape(-1, *[1] * n)
