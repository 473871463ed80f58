"""Functions of square matrices: the exponential, the square root, Sylvester's equation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.define import op
from ..engine.primitive import Primitive
from .cases import case
from .linalg import dominant, scaled


def _dtype(*operands: Any) -> Any:
    """That of the result: whole numbers have roots and exponentials that are floats."""
    dtype = np.result_type(*operands)
    return dtype if dtype.kind == "f" else np.dtype(float)


def _expm(a: Any) -> Any:
    """Padé's approximation for a / 2ᵏ, squared k times (Higham, 2005)."""
    pade = [
        *(64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0),
        *(129060195264000.0, 10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0),
        *(40840800.0, 960960.0, 16380.0, 182.0, 1.0),
    ]
    reach = 4.25  # the norm up to which it is exact
    x = a.astype(float) if a.dtype.char != "d" else a
    if not x.size:
        return a.astype(_dtype(a))
    if not np.isfinite(x).all():
        return np.full(a.shape, np.nan, _dtype(a))
    norm = float(np.abs(x).sum(-2).max())
    halvings = int(np.ceil(np.log2(norm / reach))) if norm > reach else 0
    x = x / 2.0**halvings
    one, square = np.eye(x.shape[-1]), x @ x
    odd = even = np.zeros_like(x)
    for k in range(12, -1, -2):
        odd, even = odd @ square + pade[k + 1] * one, even @ square + pade[k] * one
    odd = x @ odd
    y = np.linalg.solve(even - odd, even + odd)
    for _ in range(halvings):
        y = y @ y
    return y.astype(_dtype(a), copy=False)


def _of_expm(g: Any, a: Any) -> Any:
    """Its derivative: the corner of the exponential of [[aᵀ, g], [0, aᵀ]]."""
    n = a.shape[-1]
    upper = np.concatenate([a.mT, g], axis=-1)
    lower = np.concatenate([np.zeros_like(a), a.mT], axis=-1)
    return expm.apply(np.concatenate([upper, lower], axis=-2))[..., :n, n:]


def _sqrtm(a: Any) -> Any:
    """The iteration of Denman and Beavers, scaled by the determinant."""
    x = a.astype(float) if a.dtype.char != "d" else a
    if not x.size:
        return a.astype(_dtype(a))
    one, m, y = np.eye(x.shape[-1]), x, x
    for _ in range(60):  # it doubles its digits at each step
        try:
            inverse = np.linalg.inv(m)
        except np.linalg.LinAlgError:
            break
        away = np.abs(m - one).max()
        if away < 1e-14 * x.shape[-1]:
            break
        scale = np.abs(np.linalg.det(m)) ** (-0.5 / x.shape[-1]) if away > 1e-2 else np.ones(())
        by = scale[..., None, None]
        y = 0.5 * by * y @ (one + inverse / by**2)
        m = 0.5 * (one + (by**2 * m + inverse / by**2) / 2)
    size = float(np.abs(x).max())
    if not np.abs(y @ y - x).max() <= 1e-8 * size or not size:
        raise ValueError(
            "this matrix has no real square root that was found: one needs eigenvalues that are "
            "not negative, and none that is 0 up to rounding"
        )
    return y.astype(_dtype(a), copy=False)


def _sylvester(a: Any, b: Any, q: Any) -> Any:
    """x, of a @ x + x @ b = q: by SciPy where it is installed, else as one large system."""
    try:
        from scipy.linalg import solve_sylvester as by_scipy
    except ImportError:
        n, m = a.shape[-1], b.shape[-1]
        whole = np.kron(a, np.eye(m)) + np.kron(np.eye(n), b.T)
        return np.linalg.solve(whole, q.reshape(-1)).reshape(q.shape).astype(_dtype(a, b, q))
    return np.asarray(by_scipy(a, b, q)).astype(_dtype(a, b, q), copy=False)


def _small(a: Any) -> tuple[Any, ...]:
    return (scaled(a),)


def _regular(a: Any, b: Any, q: Any) -> tuple[Any, ...]:
    """Two matrices with positive eigenvalues, so that the equation has one solution."""
    return (*dominant(a), *dominant(b), q)


# fmt: off
expm: Primitive = op(_expm, lambda g, y, a: _of_expm(g, a),
                     name="expm", shapes="(n,n)->(n,n)", jax="jax.scipy.linalg.expm",
                     doc="The exponential of a matrix, 1 + a + a @ a / 2 + ...")
solve_sylvester: Primitive = op(_sylvester,
                     lambda g, y, a, b, q: -solve_sylvester.apply(a.mT, b.mT, g) @ y.mT,
                     lambda g, y, a, b, q: -y.mT @ solve_sylvester.apply(a.mT, b.mT, g),
                     lambda g, y, a, b, q: solve_sylvester.apply(a.mT, b.mT, g),
                     name="solve_sylvester", cases=(case((2, 2), (3, 3), (2, 3)),),
                     doc="The solution x of a @ x + x @ b = q.")
sqrtm: Primitive = op(_sqrtm,
                     lambda g, y, a: solve_sylvester.apply(y.mT, y.mT, g),
                     name="sqrtm", cases=(case((2, 2)), case((3, 3))),
                     doc="The square root y of a matrix, y @ y = a, with positive eigenvalues.")
# fmt: on
expm.fits, sqrtm.fits, solve_sylvester.fits = _small, dominant, _regular
solve_sylvester.write_jax = (
    "jnp.linalg.solve(jnp.kron({0}, jnp.eye({1}.shape[-1])) + "
    "jnp.kron(jnp.eye({0}.shape[-1]), {1}.T), {2}.reshape(-1)).reshape({2}.shape)"
)
sqrtm.write_jax = "jax.scipy.linalg.sqrtm({}).real"
