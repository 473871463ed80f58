"""Matrix products."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..define import op


def _left(g: Any, a: Any, b: Any) -> Any:
    """g @ b.mT, with the axes that NumPy's product adds to vectors."""
    if b.ndim == 1:
        return g * b if a.ndim == 1 else g[..., None] * b
    if a.ndim == 1:
        return b @ g if g.ndim == 1 else (b @ g[..., None])[..., 0]
    return g @ b.mT


def _right(g: Any, a: Any, b: Any) -> Any:
    """a.mT @ g, with the axes that NumPy's product adds to vectors."""
    if a.ndim == 1:
        return g * a if b.ndim == 1 else a[:, None] * g[..., None, :]
    if b.ndim == 1:
        return a.mT @ g if g.ndim == 1 else (a.mT @ g[..., None])[..., 0]
    if b.ndim == 2 and a.ndim > 2:  # one matrix for a whole stack: one product, instead of a stack to be summed
        rows = prod(g.shape[:-1])
        return a.reshape(rows, a.shape[-1]).mT @ g.reshape(rows, g.shape[-1])
    return a.mT @ g


# fmt: off
matmul = op(np.matmul, lambda g, y, a, b: _left(g, a, b), lambda g, y, a, b: _right(g, a, b), write="{} @ {}", shapes=np.matmul.signature, numpy=(np.linalg.matmul,),
            doc="The matrix product, of vectors, matrices or stacks of matrices, as NumPy's @.")
# fmt: on
