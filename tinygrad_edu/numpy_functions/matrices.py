"""Matrices of other matrices, and equations with their factors: what SciPy's linalg has."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.tensor import Tensor
from ..functions import as_tensor
from ..ops.linalg import solve
from ..ops.shape import concatenate

_numpy: Any = np  # whose stubs know no Tensors


def solve_triangular(
    a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False
) -> Tensor:
    """The solution x of a @ x = b, where only one triangle of `a` counts.

    With `trans=1` of a.T @ x = b; with `unit_diagonal` the diagonal counts as 1.

    >>> import tinygrad_edu as tg
    >>> tg.solve_triangular([[2.0, 1.0], [9.0, 4.0]], [4.0, 8.0]).tolist()
    [1.0, 2.0]
    """
    if trans not in (0, 1, 2, "N", "T", "C"):
        raise ValueError(f"trans is 0 or 'N' for a, 1 or 'T' for its transpose, not {trans!r}")
    t: Any = (_numpy.tril if lower else _numpy.triu)(as_tensor(a))
    if unit_diagonal:
        one = np.eye(t.shape[-1], dtype=t.dtype)
        t = t * (1 - one) + one
    return solve(t.mT if trans in (1, 2, "T", "C") else t, as_tensor(b))


def cho_solve(c_and_lower: tuple[Any, bool], b: Any) -> Tensor:
    """The solution x of a @ x = b, from Cholesky's factor of `a`, and whether it is the lower one.

    >>> import numpy as np, tinygrad_edu as tg
    >>> factor = np.linalg.cholesky([[4.0, 2.0], [2.0, 5.0]])
    >>> tg.cho_solve((factor, True), [6.0, 7.0]).tolist()
    [1.0, 1.0]
    """
    c, lower = c_and_lower
    first = solve_triangular(c, b, trans=not lower, lower=lower)
    return solve_triangular(c, first, trans=bool(lower), lower=lower)


def block_diag(*matrices: Any) -> Tensor:
    """Matrices along the diagonal of one, among zeros.

    >>> import tinygrad_edu as tg
    >>> tg.block_diag([[1.0, 2.0]], 3.0).tolist()
    [[1.0, 2.0, 0.0], [0.0, 0.0, 3.0]]
    """
    parts = [_numpy.atleast_2d(as_tensor(m)) for m in matrices]
    if not parts or any(t.ndim > 2 for t in parts):
        raise ValueError(
            f"block_diag takes matrices, not shapes {[t.shape for t in parts]}: "
            "write tg.block_diag(*matrices)"
        )
    columns, before, rows = sum(t.shape[1] for t in parts), 0, []
    for t in parts:
        after = columns - before - t.shape[1]
        sides = [np.zeros((t.shape[0], n), t.dtype) for n in (before, after)]
        rows.append(concatenate([sides[0], t, sides[1]], 1))
        before += t.shape[1]
    return concatenate(rows, 0)


def toeplitz(c: Any, r: Any = None) -> Tensor:
    """The matrix with the first column `c` and the first row `r`, the same along each diagonal.

    >>> import tinygrad_edu as tg
    >>> tg.toeplitz([1.0, 2.0], [1.0, 3.0, 4.0]).tolist()
    [[1.0, 3.0, 4.0], [2.0, 1.0, 3.0]]
    """
    column = as_tensor(c).reshape(-1)
    row = column if r is None else as_tensor(r).reshape(-1)
    both = concatenate([_numpy.flip(column), row[1:]])
    i, j = np.ogrid[: column.size, : row.size]
    return both[column.size - 1 - i + j]
