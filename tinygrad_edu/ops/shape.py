"""The same numbers in another arrangement."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import numpy as np

from ..engine.define import op
from ..engine.op import Rule
from ..engine.tensor import Tensor
from .cases import case
from .indexing import selects_all


def _undo(axes: tuple[int, ...] | None, ndim: int) -> tuple[int, ...] | None:
    """The permutation that puts transposed axes back."""
    if axes is None:
        return None
    return tuple(int(i) for i in np.argsort([a % ndim for a in axes]))


def _piece(i: int) -> Rule:
    """What joined arrays get back: array `i` its own slice of the gradient."""

    def rule(g: Any, y: Any, *xs: Any, axis: int | None) -> Any:
        if axis is None:  # joined flat
            end = int(sum(x.size for x in xs[: i + 1]))
            return g[end - xs[i].size : end].reshape(xs[i].shape)
        ends = list(accumulate(x.shape[axis] for x in xs))
        start = ends[i] - xs[i].shape[axis]
        return g[(*(slice(None),) * (axis % xs[i].ndim), slice(start, ends[i]))]

    return rule


def _layer(i: int) -> Rule:
    """What stacked arrays get back: array `i` its own layer of the gradient."""
    return lambda g, y, *xs, axis: g[(*(slice(None),) * (axis % y.ndim), i)]


def _write_swapaxes(axis1: int, axis2: int) -> str:
    return "{}.mT" if {axis1, axis2} == {-1, -2} else "{}.swapaxes({axis1}, {axis2})"


# numpy: the functions of NumPy that come here
# fmt: off
reshape      = op(lambda x, shape: x.reshape(shape),
                  lambda g, y, x, shape: g.reshape(x.shape),
                  name="reshape", numpy=(np.reshape,),
                  cases=(case((2, 3), shape=(3, 2)), case((2, 3), shape=-1),
                         case((), shape=(1, 1)), case((2, 0), shape=(0,))),
                  doc="The entries in order, in another shape; -1 stands for what is left.")
transpose    = op(lambda x, axes=None: x.transpose(axes),
                  lambda g, y, x, axes: g.transpose(_undo(axes, x.ndim)),
                  name="transpose", numpy=(np.transpose,),
                  write=lambda axes: "{}.T" if axes is None else "{}.transpose({axes})",
                  latex=lambda axes: r"{}^{{\top}}" if axes is None else "",
                  cases=(case((2, 3)), case((2, 3, 4), axes=(1, -1, 0)), case(()),
                         case((2,), axes=(0,))),
                  doc="The axes reversed, or in the order given.")
swapaxes     = op(lambda x, axis1, axis2: x.swapaxes(axis1, axis2),
                  lambda g, y, x, axis1, axis2: g.swapaxes(axis1, axis2),
                  name="swapaxes", numpy=(np.swapaxes,), write=_write_swapaxes,
                  latex=lambda axis1, axis2: r"{}^{{\top}}" if {axis1, axis2} == {-1, -2} else "",
                  cases=(case((2, 3, 4), axis1=0, axis2=-1), case((2, 3), axis1=0, axis2=1)),
                  doc="Two axes exchanged.")
squeeze      = op(lambda x, axis=None: x.squeeze(axis),
                  lambda g, y, x, axis: g.reshape(x.shape),
                  name="squeeze", numpy=(np.squeeze,), latex="{}",
                  cases=(case((1, 3, 1)), case((1, 3, 1), axis=-1)),
                  doc="Without the axes of length 1.")
expand_dims  = op(lambda x, axis: np.expand_dims(x, axis),
                  lambda g, y, x, axis: g.reshape(x.shape),
                  name="expand_dims", numpy=(np.expand_dims,), latex="{}",
                  cases=(case((3,), axis=0), case((2, 3), axis=(0, -1))),
                  doc="With new axes of length 1.")
broadcast_to = op(lambda x, shape: np.broadcast_to(x, shape),
                  lambda g, y, x, shape: g,
                  name="broadcast_to", numpy=(np.broadcast_to,), latex="{}",
                  cases=(case((3,), shape=(2, 3)), case((2, 1), shape=(4, 2, 3)),
                         case((), shape=(2,))),
                  doc="Repeated up to a shape.")
flip         = op(lambda x, axis=None: np.flip(x, axis),
                  lambda g, y, x, axis: np.flip(g, axis),
                  name="flip", numpy=(np.flip,), cases=(case((2, 3)), case((2, 3), axis=1)),
                  doc="In reverse order along the axis.")
moveaxis     = op(lambda x, source, destination: np.moveaxis(x, source, destination),
                  lambda g, y, x, source, destination: np.moveaxis(g, destination, source),
                  name="moveaxis", numpy=(np.moveaxis,),
                  cases=(case((2, 3, 4), source=0, destination=-1),
                         case((2, 3), source=0, destination=-1)),
                  doc="Axes moved to other places.")
astype       = op(lambda x, dtype: x.astype(dtype),
                  lambda g, y, x, dtype: g,
                  name="astype", numpy=(np.astype,), latex="{}",
                  cases=(case((3,), dtype=np.float64),),
                  doc="The same numbers in another dtype; only floats keep a gradient.")
copy         = op(lambda x: x.copy(),
                  lambda g, y, x: g,
                  name="copy", numpy=(np.copy,), latex="{}",
                  doc="The same numbers, a tensor of their own.")
concatenate  = op(lambda *xs, axis=0: np.concatenate(xs, axis),
                  variadic=_piece,
                  name="concatenate", numpy=(np.concatenate, np.concat),
                  cases=(case((2,), (3,)), case((2, 1), (2, 3), (2, 2), axis=-1),
                         case((2,), (1, 2), axis=None)),
                  doc="Joined along an axis that they have.")
stack        = op(lambda *xs, axis=0: np.stack(xs, axis),
                  variadic=_layer,
                  name="stack", numpy=(np.stack,),
                  cases=(case((2,), (2,)), case((2, 3), (2, 3), (2, 3), axis=-1), case((), ())),
                  doc="Joined along a new axis.")
# fmt: on

copy.is_public = False  # t.copy()


def unwrapped(a: Any) -> Any:
    """What was given axes of length 1, without them."""
    while type(a) is Tensor and (a.op in (expand_dims, reshape) or _adds_axes(a)):
        a = a.args[0]
    return a


def _adds_axes(t: Tensor) -> bool:
    if t.op is None or t.op.arity != 1 or "index" not in t.static:
        return False
    return selects_all(t.static["index"])
