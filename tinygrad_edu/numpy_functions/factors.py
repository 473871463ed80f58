"""Factors of matrices, and what is solved by them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..engine.overrides import implements, values_only
from ..engine.tensor import Tensor
from ..functions import as_tensor
from ..ops.linalg import (
    cholesky,
    eig_vectors,
    eigh_vectors,
    eigvals,
    eigvalsh,
    inv,
    logabsdet,
    pinv,
    qr_q,
    qr_r,
    sign_of_det,
    solve,
    svd_left,
    svd_right,
    svdvals,
)
from ..ops.reductions import sum
from ..ops.shape import concatenate
from .shaping import row

# NumPy's names for several results
_SlogdetResult: Any = type(np.linalg.slogdet(np.eye(1)))
_EighResult: Any = type(np.linalg.eigh(np.eye(1)))
_EigResult: Any = type(np.linalg.eig(np.eye(1)))
_SVDResult: Any = type(np.linalg.svd(np.eye(1)))
_QRResult: Any = type(np.linalg.qr(np.eye(1)))


@implements(np.linalg.slogdet)
def _slogdet(a: Any) -> Any:
    t = as_tensor(a)
    return _SlogdetResult(sign_of_det(t), logabsdet(t))


@implements(np.linalg.cholesky)
def _cholesky(a: Any, /, *, upper: bool = False) -> Tensor:
    t = as_tensor(a)
    return cholesky(t.mT).mT if upper else cholesky(t)


@implements(np.linalg.eigh)
def _eigh(a: Any, UPLO: str = "L") -> Any:
    t, half = as_tensor(a), UPLO.upper()
    return _EighResult(eigvalsh(t, half), eigh_vectors(t, half))


@implements(np.linalg.eig)
def _eig(a: Any) -> Any:
    t = as_tensor(a)
    return _EigResult(eigvals(t), eig_vectors(t))


@implements(np.linalg.svd)
def _svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    t = as_tensor(a)
    if not compute_uv:
        return svdvals(t)
    _square_or("svd", t, full_matrices, "full_matrices=False")
    return _SVDResult(svd_left(t), svdvals(t), svd_right(t))


def _square_or(name: str, t: Tensor, is_whole: bool, instead: str) -> None:
    """Raise if vectors are asked for that are no function of the matrix."""
    if is_whole and t.shape[-1] != t.shape[-2]:
        raise ValueError(
            f"np.linalg.{name} of shape {t.shape} fills up with vectors that the matrix does not "
            f"determine, which have no derivative: write {instead}"
        )


@implements(np.linalg.qr)
def _qr(a: Any, mode: str = "reduced") -> Any:
    t = as_tensor(a)
    if mode not in ("reduced", "r", "complete"):
        raise ValueError(f"qr of a Tensor takes mode='reduced', 'complete' or 'r', not {mode!r}")
    _square_or("qr", t, mode == "complete" and t.shape[-2] > t.shape[-1], "mode='reduced'")
    square = t if t.shape[-2] >= t.shape[-1] else t[..., : t.shape[-2]]
    q, r = qr_q(square), qr_r(square)
    if square is not t:
        r = concatenate([r, q.mT @ t[..., t.shape[-2] :]], -1)
    return r if mode == "r" else _QRResult(q, r)


@implements(np.linalg.lstsq)
def _lstsq(a: Any, b: Any, rcond: float | None = None) -> Any:
    left, right = as_tensor(a), as_tensor(b)
    x: Any = pinv(left) @ right
    rank = int(np.linalg.matrix_rank(left.numpy(), rtol=rcond))
    rows, columns = left.shape
    rest = left @ x - right
    residuals = as_tensor(np.zeros(0))
    if rank == columns < rows:
        residuals = row(sum(rest * rest, 0))
    return x, residuals, rank, svdvals(left)


values_only(np.linalg.matrix_rank)


@implements(np.linalg.tensorinv)
def _tensorinv(a: Any, ind: int = 2) -> Tensor:
    t = as_tensor(a)
    rows, columns = t.shape[:ind], t.shape[ind:]
    n = int(np.prod(columns))
    return inv(t.reshape(-1, n)).reshape((*columns, *rows))


@implements(np.linalg.tensorsolve)
def _tensorsolve(a: Any, b: Any, axes: Any = None) -> Tensor:
    t, right = as_tensor(a), as_tensor(b)
    if axes is not None:
        over = [normalize_axis_index(i, t.ndim) for i in axes]
        t = t.transpose((*[i for i in range(t.ndim) if i not in over], *over))
    columns = t.shape[right.ndim :]
    n = int(np.prod(columns))
    return solve(t.reshape(-1, n), right.reshape(-1)).reshape(columns)
