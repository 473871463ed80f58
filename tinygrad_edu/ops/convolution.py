"""Convolutions: three ops, of which each is linear in two operands and has the others as its rules.

Images are of shape (N, C, ...), filters of shape (O, C / groups, ...).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.define import op
from ..engine.primitive import Primitive
from .cases import case


def _windows(x: Any, sizes: Any, stride: Any, dilation: Any, groups: Any) -> Any:
    """What each entry of a filter meets: (N, groups, C / groups · entries, places), contiguous."""
    n = len(sizes)
    spans = [d * (k - 1) + 1 for k, d in zip(sizes, dilation, strict=True)]
    places = [(m - s) // by + 1 for m, s, by in zip(x.shape[2:], spans, stride, strict=True)]
    steps = x.strides[2:]
    view = np.lib.stride_tricks.as_strided(
        x,
        (*x.shape[:2], *sizes, *places),
        (
            *x.strides[:2],
            *[step * d for step, d in zip(steps, dilation, strict=True)],
            *[step * by for step, by in zip(steps, stride, strict=True)],
        ),
        writeable=False,
    )
    rows = x.shape[1] // groups * int(np.prod(sizes))
    return view.reshape(x.shape[0], groups, rows, int(np.prod(places))), places[:n]


def _convolution(x: Any, w: Any, stride: Any, dilation: Any, groups: Any) -> Any:
    columns, places = _windows(x, w.shape[2:], stride, dilation, groups)
    filters = w.reshape(groups, w.shape[0] // groups, columns.shape[2])
    return np.matmul(filters, columns).reshape(x.shape[0], w.shape[0], *places)


def _to_filters(x: Any, g: Any, sizes: Any, stride: Any, dilation: Any, groups: Any) -> Any:
    columns, _ = _windows(x, sizes, stride, dilation, groups)
    g = g.reshape(g.shape[0], groups, g.shape[1] // groups, int(np.prod(g.shape[2:])))
    whole = np.matmul(g, columns.swapaxes(-1, -2)).sum(axis=0)
    return whole.reshape(g.shape[1] * g.shape[2], x.shape[1] // groups, *sizes)


def _to_images(g: Any, w: Any, shape: Any, stride: Any, dilation: Any, groups: Any) -> Any:
    if set(stride) == {1}:
        return _to_images_in_runs(g, w, shape, dilation, groups)
    n, places, sizes = len(shape), g.shape[2:], w.shape[2:]
    filters = w.reshape(groups, w.shape[0] // groups, -1)
    given = g.reshape(g.shape[0], groups, w.shape[0] // groups, int(np.prod(places)))
    columns = np.matmul(filters.swapaxes(-1, -2), given)
    columns = columns.reshape(*g.shape[:1], groups * w.shape[1], *sizes, *places)
    whole = np.zeros((*g.shape[:1], groups * w.shape[1], *shape), columns.dtype)
    for at in np.ndindex(*sizes):
        reached = [
            slice(k * d, k * d + by * (m - 1) + 1, by)
            for k, d, by, m in zip(at, dilation, stride, places, strict=True)
        ]
        whole[(slice(None), slice(None), *reached[:n])] += columns[(slice(None), slice(None), *at)]
    return whole


def _to_images_in_runs(g: Any, w: Any, shape: Any, dilation: Any, groups: Any) -> Any:
    """The same for stride 1, where places as wide as the image make each addition one long run."""
    wide = (g.shape[2], *shape[1:])
    given = np.zeros((*g.shape[:2], *wide), g.dtype)
    given[(slice(None), slice(None), *[slice(m) for m in g.shape[2:]])] = g
    given = given.reshape(g.shape[0], groups, w.shape[0] // groups, int(np.prod(wide)))
    filters = w.reshape(groups, w.shape[0] // groups, -1)
    columns = np.matmul(filters.swapaxes(-1, -2), given)
    run, size, sizes = given.shape[-1], int(np.prod(shape)), w.shape[2:]
    columns = columns.reshape(g.shape[0], groups * w.shape[1], *sizes, run)
    apart = [d * int(np.prod(shape[i + 1 :])) for i, d in enumerate(dilation)]
    last = sum([(k - 1) * by for k, by in zip(sizes, apart, strict=True)])
    whole = np.zeros((*columns.shape[:2], max(size, last + run)), columns.dtype)
    for at in np.ndindex(*sizes):
        start = sum([k * by for k, by in zip(at, apart, strict=True)])
        whole[..., start : start + run] += columns[(slice(None), slice(None), *at)]
    return whole[..., :size].reshape(*columns.shape[:2], *shape)


_HOW = {"stride": (1,), "dilation": (1,), "groups": 1}
_WIDE = {"stride": (2, 1), "dilation": (1, 2), "groups": 1}
_APART = {"stride": (1,), "dilation": (1,), "groups": 2}
# fmt: off
convolution: Primitive = op(_convolution,
    lambda g, y, x, w, stride, dilation, groups:
        to_images.apply(g, w, shape=x.shape[2:], stride=stride, dilation=dilation, groups=groups),
    lambda g, y, x, w, stride, dilation, groups:
        to_filters.apply(x, g, sizes=w.shape[2:], stride=stride, dilation=dilation, groups=groups),
    name="convolution",
    cases=(case((1, 2, 4), (3, 2, 2), **_HOW), case((2, 1, 5, 4), (2, 1, 2, 2), **_WIDE),
           case((1, 2, 4), (2, 1, 3), **_APART)),
    doc="The sums of products of images with filters, at each place that a filter fits to.")
to_filters: Primitive = op(_to_filters,
    lambda g, y, x, v, sizes, stride, dilation, groups:
        to_images.apply(v, g, shape=x.shape[2:], stride=stride, dilation=dilation, groups=groups),
    lambda g, y, x, v, sizes, stride, dilation, groups:
        convolution.apply(x, g, stride=stride, dilation=dilation, groups=groups),
    name="to_filters",
    cases=(case((1, 2, 4), (1, 3, 3), sizes=(2,), **_HOW),
           case((1, 2, 4), (1, 2, 2), sizes=(3,), **_APART)),
    doc="What a gradient at a convolution becomes at its filters.")
to_images: Primitive = op(_to_images,
    lambda g, y, v, w, shape, stride, dilation, groups:
        convolution.apply(g, w, stride=stride, dilation=dilation, groups=groups),
    lambda g, y, v, w, shape, stride, dilation, groups:
        to_filters.apply(g, v, sizes=w.shape[2:], stride=stride, dilation=dilation, groups=groups),
    name="to_images",
    cases=(case((1, 3, 3), (3, 2, 2), shape=(4,), **_HOW),
           case((1, 2, 2), (2, 1, 3), shape=(4,), **_APART)),
    doc="What a gradient at a convolution becomes at its images: a transposed convolution.")
# fmt: on
for _op in (convolution, to_filters, to_images):
    _op.is_public, _op.kind = False, "convolution"

_LAX = (
    "jax.lax.conv_general_dilated({}, {}, {{stride}}, [(0, 0)] * len({{stride}}), "
    "rhs_dilation={{dilation}}, feature_group_count={{groups}})"
)
convolution.write_jax = _LAX.format("{0}", "{1}")
to_images.write_jax = (
    "jax.vjp(lambda x: " + _LAX.format("x", "{1}") + ", jnp.zeros(({0}.shape[0], "
    "{groups} * {1}.shape[1], *{shape}), {0}.dtype))[1]({0})[0]"
)
to_filters.write_jax = (
    "jax.vjp(lambda w: " + _LAX.format("{0}", "w") + ", jnp.zeros(({1}.shape[1], "
    "{0}.shape[1] // {groups}, *{sizes}), {0}.dtype))[1]({1})[0]"
)
