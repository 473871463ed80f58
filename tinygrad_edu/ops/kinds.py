"""What kind of op each one is, and what a compiler may know of it: facts about ops of the table."""

from __future__ import annotations

import numpy as np

from ..engine.op import Op
from ..engine.registry import registry
from .elementwise import clip, negative, where
from .indexing import getitem, index_add, index_set, scatter
from .linalg import matmul
from .reductions import (
    all,
    any,
    argmax,
    argmin,
    argsort,
    cumsum,
    deviation,
    log_softmax,
    max,
    mean,
    min,
    prod,
    softmax,
    std,
    sum,
    var,
)
from .shape import (
    astype,
    broadcast_to,
    concatenate,
    copy,
    expand_dims,
    flip,
    moveaxis,
    reshape,
    squeeze,
    stack,
    swapaxes,
    transpose,
)

VIEWS = frozenset(("reshape", "permutation", "broadcast", "reversal"))  # kinds that move no number

_KINDS: dict[str, tuple[Op, ...]] = {
    "reshape": (reshape, squeeze, expand_dims),
    "permutation": (transpose, swapaxes, moveaxis),
    "broadcast": (broadcast_to,),
    "reversal": (flip,),
    "copy": (copy,),
    "conversion": (astype,),
    "gather": (getitem,),
    "scatter": (scatter, index_set, index_add),
    "join": (concatenate, stack),
    "contraction": (matmul,),
    "reduction": (any, all, argmax, argmin),
    "along an axis": (cumsum, argsort, softmax, log_softmax, deviation),
    "elementwise": (where,),
}
# a row says whether it goes over axes, and cases are given for what is not entry by entry
for _op in registry.values():
    _is_elementwise = not (_op.shapes or _op.cases or _op.variadic)
    _plain = "reduction" if _op.shapes == "axes" else "elementwise" if _is_elementwise else ""
    _op.kind = _op.kind or _plain
for _kind, _ops in _KINDS.items():
    for _op in _ops:
        _op.kind = _kind
clip.kind = "elementwise"

# what NumPy and JAX both have under the op's name
for _op in (
    *(sum, mean, max, min, prod, any, all, argmax, argmin, argsort, cumsum),
    *(where, astype, concatenate, stack),
    *(reshape, squeeze, expand_dims, transpose, swapaxes, moveaxis, broadcast_to, flip),
    *(getitem, scatter, index_set, index_add),
):
    _op.is_primitive = True

for _op in (clip, var, std):  # methods of arrays, though JAX's may differ in the last bits
    _op.is_expression = True

sum.reduces, prod.reduces = np.add, np.multiply
max.reduces, min.reduces = np.maximum, np.minimum
any.reduces, all.reduces = np.logical_or, np.logical_and

for _op in (sum, prod, mean, cumsum, var, std, clip, where, concatenate, stack):
    _op.converts = True

index_set.replaces = True
negative.is_short = transpose.is_short = True  # -x and x.T

scatter.write_jax = "jnp.zeros({shape}, {dtype}).at[{index}].add({value})"
index_add.write_jax = "{x}.astype({dtype}).at[{index}].add({value})"
index_set.write_jax = "{x}.astype({dtype}).at[{index}].set({value})"
