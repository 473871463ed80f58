"""Products of matrices, and what is made of a square one: its inverse, determinant, factors."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from ..engine.define import op
from ..engine.primitive import Primitive
from ..engine.recording import check
from ..engine.tensor import Tensor
from .cases import case
from .reductions import others


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
    if b.ndim == 2 and a.ndim > 2:
        # one matrix for a whole stack: one product, instead of a stack to be summed
        rows = prod(g.shape[:-1])
        return a.reshape(rows, a.shape[-1]).mT @ g.reshape(rows, g.shape[-1])
    return a.mT @ g


# -- of one square matrix, or a stack of them ------------------------------------------------------


def _solve(a: Any, b: Any) -> Any:
    return np.linalg.solve(a, b)


def _column(b: Any, x: Any) -> Any:
    """A vector as a matrix of one column, where the right-hand side `b` is one."""
    return x[..., None] if b.ndim == 1 else x


def _right_side(g: Any, a: Any, b: Any) -> Any:
    """What the right-hand side of an equation gets back: the solution of the transposed one."""
    x = np.linalg.solve(a.mT, _column(b, g))
    return x[..., 0] if b.ndim == 1 else x


def _cofactors(a: Any) -> Any:
    """The derivative of the determinant, of singular matrices too: det(a) times inv(a).mT."""
    u, s, vh = np.linalg.svd(a)
    sign = np.linalg.det(u) * np.linalg.det(vh)
    return sign[..., None, None] * ((u * others(s, -1)[..., None, :]) @ vh)


def _of_cofactors(g: Any, y: Any, a: Any) -> Any:
    inverse = np.linalg.inv(a).mT
    return (g * y).sum((-2, -1), keepdims=True) * inverse - y @ g.mT @ inverse


def _logabsdet(a: Any) -> Any:
    return np.linalg.slogdet(a)[1]


def _sign_of_det(a: Any) -> Any:
    return np.linalg.slogdet(a)[0]


# -- of a symmetric one, of which one half is read -------------------------------------------------


def _below(a: Any, diagonal: float) -> Any:
    """1 below the diagonal, 0 above it."""
    n = a.shape[-1]
    return (np.tril(np.ones((n, n)), -1) + diagonal * np.eye(n)).astype(a.dtype)


def _on_half(x: Any, UPLO: Any = "L") -> Any:
    """The gradient of a symmetric matrix, at the entries of the half that is read."""
    half = _below(x, 0.5)
    return (x + x.mT) * (half.T if UPLO == "U" else half)


def _cholesky(a: Any) -> Any:
    return np.linalg.cholesky(a)


def _of_cholesky(g: Any, y: Any, a: Any) -> Any:
    inner = np.linalg.solve(y.mT, (y.mT @ g) * _below(y, 0.5))
    return _on_half(np.linalg.solve(y.mT, inner.mT).mT)


def _eigvalsh(a: Any, UPLO: Any = "L") -> Any:
    return np.linalg.eigvalsh(a, UPLO)


def _eigh_vectors(a: Any, UPLO: Any = "L") -> Any:
    return np.linalg.eigh(a, UPLO)[1]


def _shares(w: Any) -> Any:
    """1 over each difference of two eigenvalues, and 0 on the diagonal."""
    _looked_at(w, _refuse_equal)
    one = np.eye(w.shape[-1], dtype=w.dtype)
    return (1 - one) / (w[..., None, :] - w[..., None] + one)


def _looked_at(x: Any, refuse: Callable[[Any], None]) -> None:
    """Let `refuse` see an array, or the value of a Tensor, when it is known."""
    if type(x) is Tensor:
        check(x, refuse)
    else:
        refuse(x)


def _refuse_equal(w: Any) -> None:
    """Raise if two eigenvalues, or singular values, are the same up to rounding."""
    if w.shape[-1] < 2 or not w.size:
        return
    ordered = np.sort(w, axis=-1)
    gaps = (ordered[..., 1:] - ordered[..., :-1]).min(-1)
    size = np.abs(w).max(-1)
    if (gaps <= w.shape[-1] * np.finfo(w.dtype).eps * size).any():
        raise ValueError(
            "vectors that belong to equal eigenvalues, or singular values, are no function of the "
            "matrix, and have no derivative: the values alone have one, np.linalg.eigvalsh and "
            "np.linalg.svdvals; np.linalg.qr and np.linalg.cholesky give other factors"
        )


def _refuse_singular(r: Any) -> None:
    """Raise if a triangular factor is that of columns which depend on each other."""
    _refuse_dependent(np.abs(np.diagonal(r, axis1=-2, axis2=-1)))


def _refuse_dependent(sizes: Any) -> None:
    """The same, of the diagonal, or of singular values."""
    least = sizes.shape[-1] * np.finfo(sizes.dtype).eps
    if sizes.size and (sizes.min(-1) <= least * sizes.max(-1)).any():
        raise ValueError(
            "the factors of a matrix whose columns depend on each other have no derivative: "
            "leave out a column, or write np.linalg.svdvals(t)"
        )


def _refuse_defective(v: Any) -> None:
    """Raise if there are fewer eigenvectors than columns."""
    if v.size and (np.linalg.cond(v) * np.finfo(v.dtype).eps * 8 >= 1).any():
        raise ValueError(
            "this matrix has fewer eigenvectors than columns, and its eigenvalues have no "
            "derivative: np.linalg.eigh takes a symmetric matrix, and np.linalg.svd any"
        )


def _of_eigvalsh(g: Any, y: Any, a: Any, UPLO: Any) -> Any:
    v = np.linalg.eigh(a, UPLO)[1]
    return _on_half((v * g[..., None, :]) @ v.mT, UPLO)


def _of_eigh_vectors(g: Any, y: Any, a: Any, UPLO: Any) -> Any:
    return _on_half(y @ (_shares(np.linalg.eigvalsh(a, UPLO)) * (y.mT @ g)) @ y.mT, UPLO)


# -- of any matrix ---------------------------------------------------------------------------------


def _pinv(a: Any) -> Any:
    return np.linalg.pinv(a)


def _rest(a: Any, b: Any) -> Any:
    """1 - a @ b, that on what the product does not reach."""
    return np.eye(a.shape[-2], dtype=a.dtype) - a @ b


def _of_pinv(g: Any, y: Any, a: Any) -> Any:
    left = _rest(a, y) @ g.mT @ y @ y.mT
    right = y.mT @ y @ g.mT @ _rest(y, a)
    return left + right - y.mT @ g @ y.mT


def _svdvals(a: Any) -> Any:
    return np.linalg.svdvals(a)


def _svd_left(a: Any) -> Any:
    return np.linalg.svd(a, full_matrices=False)[0]


def _svd_right(a: Any) -> Any:
    return np.linalg.svd(a, full_matrices=False)[2]


def _of_svdvals(g: Any, y: Any, a: Any) -> Any:
    u, _, vh = np.linalg.svd(a, full_matrices=False)
    return (u * (g * np.sign(y))[..., None, :]) @ vh  # at 0 it is as |x|


def _of_vectors(g: Any, u: Any, s: Any, vh: Any) -> Any:
    turned = u.mT @ g
    inner = u @ (_shares(s * s) * (turned - turned.mT)) * s[..., None, :]
    if u.shape[-2] > u.shape[-1]:
        _looked_at(s, _refuse_dependent)
        inner = inner + _rest(u, u.mT) @ g / s[..., None, :]
    return inner @ vh


def _of_svd_left(g: Any, y: Any, a: Any) -> Any:
    _, s, vh = np.linalg.svd(a, full_matrices=False)
    return _of_vectors(g, y, s, vh)


def _of_svd_right(g: Any, y: Any, a: Any) -> Any:
    u, s, _ = np.linalg.svd(a, full_matrices=False)
    return _of_vectors(g.mT, y.mT, s, u.mT).mT


def _qr_q(a: Any) -> Any:
    return np.linalg.qr(a)[0]


def _qr_r(a: Any) -> Any:
    return np.linalg.qr(a)[1]


def _of_qr(g: Any, q: Any, r: Any, m: Any) -> Any:
    """What pulls back to a matrix with at least as many rows: g + q · (m, mirrored) over r.mT."""
    _looked_at(r, _refuse_singular)
    lower = m * _below(m, 0.5)
    whole = q @ (lower + lower.mT) if g is None else g + q @ (lower + lower.mT)
    return np.linalg.solve(r, whole.mT).mT


def _of_qr_q(g: Any, y: Any, a: Any) -> Any:
    return _of_qr(g, y, np.linalg.qr(a)[1], -(g.mT @ y))


def _of_qr_r(g: Any, y: Any, a: Any) -> Any:
    return _of_qr(None, np.linalg.qr(a)[0], y, y @ g.mT)


# -- of a square matrix whose eigenvalues are real -------------------------------------------------


def _real(parts: Any) -> Any:
    if parts.dtype.kind == "c":
        raise ValueError(
            "eigenvalues of this matrix are complex, and Tensors are real: np.linalg.eigh takes "
            "a symmetric matrix, and np.linalg.svd any"
        )
    return parts


def _eigvals(a: Any) -> Any:
    return _real(np.linalg.eigvals(a))


def _eig_vectors(a: Any) -> Any:
    return _real(np.linalg.eig(a)[1])


def _of_eigvals(g: Any, y: Any, a: Any) -> Any:
    v = np.linalg.eig(a)[1]
    _looked_at(v, _refuse_defective)
    return np.linalg.solve(v.mT, g[..., None] * v.mT)


def _of_eig_vectors(g: Any, y: Any, a: Any) -> Any:
    turned, n = y.mT @ g, y.shape[-1]
    along = (turned * np.eye(n, dtype=y.dtype)).sum(-2, keepdims=True)
    middle = _shares(np.linalg.eig(a)[0]) * (turned - (y.mT @ y) * along)
    return np.linalg.solve(y.mT, middle @ y.mT)


# -- operands that they take, made of any ----------------------------------------------------------


def scaled(a: Any) -> Any:
    """The matrix with entries from -1 to 1."""
    return a / max(float(np.abs(a).max(initial=0.0)), float(np.finfo(a.dtype).tiny))


def dominant(a: Any, *others: Any) -> tuple[Any, ...]:
    """A matrix whose diagonal is larger than all beside it: regular, and positive definite."""
    n = a.shape[-1]
    return (scaled(a) + 2 * n * np.eye(n, dtype=a.dtype), *others)


def _apart(a: Any) -> tuple[Any, ...]:
    """A matrix whose eigenvalues, and singular values, are real and lie apart; no entry is 0."""
    rows, columns = a.shape[-2:]
    steps = 8 * columns * np.arange(1, columns + 1, dtype=a.dtype)
    return (scaled(a) + 2 + np.eye(rows, columns, dtype=a.dtype) * steps,)


SQUARE = "(n,n)->(n,n)"
# fmt: off
matmul   = op(np.matmul, lambda g, y, a, b: _left(g, a, b), lambda g, y, a, b: _right(g, a, b),
              write="{} @ {}", shapes=np.matmul.signature, numpy=(np.linalg.matmul,),
              doc="The matrix product, of vectors, matrices or stacks of matrices, as NumPy's @.")
inv      = op(np.linalg.inv, lambda g, y, a: -(y.mT @ g @ y.mT),
              name="inv", shapes=SQUARE, latex=r"{}^{{-1}}",
              doc="The inverse of a matrix.")
solve    = op(_solve,
              lambda g, y, a, b: -_right_side(g, a, b)[..., None] * y[..., None, :] if b.ndim == 1
                                 else -(_right_side(g, a, b) @ y.mT),
              lambda g, y, a, b: _right_side(g, a, b),
              name="solve", numpy=(np.linalg.solve,),
              cases=(case((2, 2), (2,)), case((3, 3), (3, 2)), case((2, 2, 2), (2, 2, 1)),
                     case((2, 2, 2), (2,)), case((2, 2), (3, 2, 2))),
              doc="The solution x of a @ x = b.")
cofactors: Primitive = op(_cofactors, _of_cofactors,
              name="cofactors", shapes=SQUARE,
              doc="The derivative of the determinant.")
det      = op(np.linalg.det, lambda g, y, a: g[..., None, None] * cofactors.apply(a),
              name="det", shapes="(n,n)->()",
              doc="The determinant.")
logabsdet = op(_logabsdet, lambda g, y, a: g[..., None, None] * np.linalg.inv(a).mT,
              name="logabsdet", shapes="(n,n)->()",
              doc="The logarithm of the absolute value of the determinant.")
sign_of_det = op(_sign_of_det, lambda g, y, a: np.zeros_like(a) * g[..., None, None],
              name="sign_of_det", shapes="(n,n)->()",
              doc="The sign of the determinant.")
cholesky = op(_cholesky, _of_cholesky,
              name="cholesky", shapes=SQUARE,
              doc="The lower triangular y with y @ y.mT = a, of which the lower half is read.")
eigvalsh = op(_eigvalsh, _of_eigvalsh,
              name="eigvalsh", numpy=(np.linalg.eigvalsh,), shapes="(n,n)->(n)",
              doc="The eigenvalues of a symmetric matrix, of which one half is read.")
eigh_vectors = op(_eigh_vectors, _of_eigh_vectors,
              name="eigh_vectors", shapes=SQUARE,
              doc="The eigenvectors of a symmetric matrix, in columns.")
eigvals  = op(_eigvals, _of_eigvals,
              name="eigvals", numpy=(np.linalg.eigvals,), shapes="(n,n)->(n)",
              doc="The eigenvalues of a matrix, which must be real.")
eig_vectors = op(_eig_vectors, _of_eig_vectors,
              name="eig_vectors", shapes=SQUARE,
              doc="The eigenvectors of a matrix whose eigenvalues are real, in columns.")
pinv     = op(_pinv, _of_pinv,
              name="pinv", numpy=(np.linalg.pinv,),
              cases=(case((3, 2)), case((2, 3)), case((2, 2, 2))),
              doc="The pseudo-inverse of Moore and Penrose.")
svdvals  = op(_svdvals, _of_svdvals,
              name="svdvals", numpy=(np.linalg.svdvals,),
              cases=(case((3, 2)), case((2, 3)), case((2, 2, 2))),
              doc="The singular values, largest first.")
svd_left = op(_svd_left, _of_svd_left,
              name="svd_left", cases=(case((3, 2)), case((2, 3)), case((2, 2, 2))),
              doc="The left singular vectors, in columns.")
svd_right = op(_svd_right, _of_svd_right,
              name="svd_right", cases=(case((3, 2)), case((2, 3)), case((2, 2, 2))),
              doc="The right singular vectors, in rows.")
qr_q     = op(_qr_q, _of_qr_q,
              name="qr_q", cases=(case((3, 2)), case((2, 2)), case((2, 3, 2))),
              doc="Orthonormal columns that span those of a matrix.")
qr_r     = op(_qr_r, _of_qr_r,
              name="qr_r", cases=(case((3, 2)), case((2, 2)), case((2, 3, 2))),
              doc="The triangular y with qr_q(a) @ y = a.")
# fmt: on

for _op in (inv, solve, det, cofactors, logabsdet, sign_of_det, cholesky):
    _op.fits = dominant
for _op in (eigvalsh, eigh_vectors, eigvals, eig_vectors, pinv, svdvals, svd_left, svd_right):
    _op.fits = _apart
qr_q.fits = qr_r.fits = _apart

sign_of_det.is_flat = True

for _op, _text in (
    (logabsdet, "jnp.linalg.slogdet({})[1]"),
    (sign_of_det, "jnp.linalg.slogdet({})[0]"),
    (cholesky, "jnp.linalg.cholesky({}, symmetrize_input=False)"),
    (eigvalsh, "jnp.linalg.eigvalsh({}, UPLO={UPLO!r}, symmetrize_input=False)"),
    (eigh_vectors, "jnp.linalg.eigh({}, UPLO={UPLO!r}, symmetrize_input=False)[1]"),
    (solve, "jnp.linalg.solve({}, {})"),
    (pinv, "jnp.linalg.pinv({})"),
    (svdvals, "jnp.linalg.svdvals({})"),
    (svd_left, "jnp.linalg.svd({}, full_matrices=False)[0]"),
    (svd_right, "jnp.linalg.svd({}, full_matrices=False)[2]"),
    (qr_q, "jnp.linalg.qr({})[0]"),
    (qr_r, "jnp.linalg.qr({})[1]"),
):
    _op.write_jax = _text
