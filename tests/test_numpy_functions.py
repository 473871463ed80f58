"""NumPy's functions that are compositions of ops: each equals NumPy, and has the right gradient."""

import warnings

import numpy as np
import pytest
from compiling import same

import tinygrad_edu as tg
from tinygrad_edu.testing import gradcheck

rng = np.random.default_rng(0)
v, w = rng.normal(size=4), rng.normal(size=4)
m, k = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
s, c = rng.normal(size=(3, 3)), rng.normal(size=(2, 3, 4))
b = rng.normal(size=(2, 4, 3))
spd = s @ s.T + np.eye(3)
stacked = np.stack([spd, spd @ spd + 1])
gaps = np.where([[0, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 1]], np.nan, m)
times = np.array([0.0, 0.4, 1.0, 1.7])
order = np.argsort(m, axis=1)

# by NumPy's name: calls with their arrays; floats are differentiated
CALLS = {
    "ravel": [(lambda x: np.ravel(x), m)],
    "atleast_1d": [(lambda x: np.atleast_1d(x), 2.0), (lambda x, y: np.atleast_1d(x, y), 2.0, m)],
    "atleast_2d": [(lambda x: np.atleast_2d(x), v)],
    "atleast_3d": [(lambda x: np.atleast_3d(x), a) for a in (2.0, v, m, c)],
    "broadcast_arrays": [(lambda x, y: np.broadcast_arrays(x, y), v, m)],
    "transpose": [(lambda x: np.transpose(x, 0), v), (lambda x: x.transpose(0), v)],
    "matrix_transpose": [(lambda x: np.matrix_transpose(x), c)],
    "rollaxis": [(lambda x, a=a, to=to: np.rollaxis(x, a, to), c)
                 for a, to in ((0, 3), (2, 0), (1, 3), (2, 1), (-1, -3))],
    "fliplr": [(lambda x: np.fliplr(x), m)],
    "flipud": [(lambda x: np.flipud(x), m)],
    "rot90": [(lambda x, n=n: np.rot90(x, n), c) for n in range(-2, 5)]
             + [(lambda x: np.rot90(x, 3, (2, 0)), c)],
    "resize": [(lambda x: np.resize(x, (3, 5)), m)],
    "tril": [(lambda x, n=n: np.tril(x, n), m) for n in (-2, 0, 1)] + [(lambda x: np.tril(x), c),
                                                                      (lambda x: np.tril(x), v)],
    "triu": [(lambda x, n=n: np.triu(x, n), m) for n in (-2, 0, 1)] + [(lambda x: np.triu(x), c)],
    "meshgrid": [(lambda x, y, h=h, o=o: np.meshgrid(x, y, indexing=h, sparse=o), v, times)
                 for h in ("xy", "ij") for o in (False, True)],
    "vander": [(lambda x: np.vander(x), v), (lambda x: np.vander(x, 3, increasing=True), v)],
    "tile": [(lambda x, n=n: np.tile(x, n), m) for n in (2, (2, 1), (1, 3), (2, 1, 2), 0)],
    "vstack": [(lambda x, y: np.vstack([x, y]), v, m)],
    "hstack": [(lambda x, y: np.hstack([x, y]), v, w), (lambda x, y: np.hstack([x, y]), m, s)],
    "dstack": [(lambda x, y: np.dstack([x, y]), v, w), (lambda x, y: np.dstack((x, y)), m, m)],
    "column_stack": [(lambda x, y: np.column_stack([x, y]), v, k)],
    "block": [(lambda x, y: np.block([[x, y], [y, x]]), s, s), (lambda x: np.block([x, 2.0]), v),
              (lambda x, y: np.block([[x, np.ones((3, 1))], [y, 1.0]]), s, v[:3])],
    "append": [(lambda x, y: np.append(x, y), m, v), (lambda x, y: np.append(x, y, 1), m, s),
               (lambda x: np.append(x, 3.0), v)],
    "array_split": [(lambda x: np.array_split(x, 3), v), (lambda x: np.array_split(x, 3, 1), m),
                    (lambda x: np.array_split(x, [1, 3], -1), m)],
    "split": [(lambda x: np.split(x, 2), v), (lambda x: np.split(x, [1, 1, 3], 1), m)],
    "hsplit": [(lambda x: np.hsplit(x, 2), m), (lambda x: np.hsplit(x, 2), v)],
    "vsplit": [(lambda x: np.vsplit(x, 3), m)],
    "dsplit": [(lambda x: np.dsplit(x, 2), c)],
    "unstack": [(lambda x: np.unstack(x), m), (lambda x: np.unstack(x, axis=-1), c)],
    "delete": [(lambda x, i=i: np.delete(x, i), m) for i in (2, [1, 5], slice(1, 9, 3), -1)]
              + [(lambda x: np.delete(x, [0, 2], axis=1), m)],
    "insert": [(lambda x, i=i: np.insert(x, i, 9.0), v) for i in (0, 2, 4, -1, [1, 3], [2, 2])]
              + [(lambda x, y: np.insert(x, [1, 2], y, axis=1), m, rng.normal(size=(3, 2))),
                 (lambda x, y: np.insert(x, 1, y, axis=0), m, v),
                 (lambda x, y: np.insert(x, 2, y, axis=1), m, v[:3]),
                 (lambda x, y: np.insert(x, 1, y), v, w)],
    "take": [(lambda x: np.take(x, [3, 0, 0]), m), (lambda x: np.take(x, [[1, 0], [2, 2]], 1), m),
             (lambda x: np.take(x, 1, axis=-1), c),
             (lambda x: np.take(x, [5, -6], 0, mode="wrap"), m),
             (lambda x: np.take(x, [5, -6], 0, mode="clip"), m)],
    "take_along_axis": [(lambda x: np.take_along_axis(x, order, 1), m),
                        (lambda x: np.take_along_axis(x, order[:, :1], -1), m),
                        (lambda x: np.take_along_axis(x, order[0], None), m)],
    "repeat": [(lambda x: np.repeat(x, 2), m), (lambda x: np.repeat(x, [2, 0, 1], 0), m),
               (lambda x: np.repeat(x, 3, axis=-1), c)],
    "roll": [(lambda x, n=n: np.roll(x, n), m) for n in (0, 1, -5, 13)]
            + [(lambda x: np.roll(x, 1, axis=1), m), (lambda x: np.roll(x, (1, -2), (0, 1)), m),
               (lambda x: np.roll(x, 2, axis=(0, 1)), m)],
    "compress": [(lambda x: np.compress([True, False, True], x, axis=0), m),
                 (lambda x: np.compress([0, 1, 1], x), m)],
    "extract": [(lambda x: np.extract(m > 0, x), m)],
    "select": [(lambda x, y: np.select([m > 0, m < -1], [x, x * y]), m, v),
               (lambda x: np.select([m > 0], [x], default=7.0), m)],
    "choose": [(lambda x, y: np.choose([0, 1, 1, 0], [x, y]), v, w)],
    "diagonal": [(lambda x, n=n: np.diagonal(x, n), m) for n in (-2, 0, 1, 9)]
                + [(lambda x: np.diagonal(x, 1, 2, 1), c)],
    "linalg.diagonal": [(lambda x: np.linalg.diagonal(x, offset=1), c)],
    "diag": [(lambda x, n=n: np.diag(x, n), v) for n in (-1, 0, 2)] + [(lambda x: np.diag(x), s)],
    "diagflat": [(lambda x: np.diagflat(x, 1), m)],
    "sort": [(lambda x: np.sort(x), m), (lambda x: np.sort(x, axis=0), c),
             (lambda x: np.sort(x, axis=None), m), (lambda x: np.sort(x, kind="stable"), v)],
    "partition": [(lambda x: np.partition(x, 1), m)],
    "pad": [(lambda x, h=h: np.pad(x, ((1, 2), (0, 3)), h), m)
            for h in ("edge", "wrap", "reflect", "symmetric", "constant")]
           + [(lambda x: np.pad(x, 1, constant_values=5.0), v), (lambda x: np.pad(x, (2, 0)), v)],
    "lib.stride_tricks.sliding_window_view": [
        (lambda x: np.lib.stride_tricks.sliding_window_view(x, 3), v),
        (lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 2)), m),
        (lambda x: np.lib.stride_tricks.sliding_window_view(x, 2, axis=1), c)],
    "bincount": [(lambda x: np.bincount([0, 2, 2, 1], x), v)],
    "cumulative_sum": [(lambda x: np.cumulative_sum(x, axis=1), m)],
    "cumprod": [(lambda x: np.cumprod(x), m), (lambda x: np.cumprod(x, axis=1), c),
                (lambda x: np.cumprod(x, 0), np.array([2.0, 0.0, 3.0, 0.0]))],
    "round": [(lambda x: np.round(x, 1), m)],
    "ptp": [(lambda x: np.ptp(x), m), (lambda x: np.ptp(x, axis=1, keepdims=True), m)],
    "diff": [(lambda x: np.diff(x), m), (lambda x: np.diff(x, 2, axis=0), m),
             (lambda x: np.diff(x, prepend=0.0, append=x[:, :1]), m)],
    "ediff1d": [(lambda x: np.ediff1d(x, to_end=9.0, to_begin=[1.0, 2.0]), m)],
    "trapezoid": [(lambda x: np.trapezoid(x), m), (lambda x: np.trapezoid(x, dx=0.5, axis=0), m),
                  (lambda x, t: np.trapezoid(x, t), m, times)],
    "average": [(lambda x: np.average(x), m), (lambda x: np.average(x, axis=1, keepdims=True), m),
                (lambda x, y: np.average(x, weights=y), v, abs(w)),
                (lambda x, y: np.average(x, 1, y), m, abs(w)),
                (lambda x, y: np.average(x, weights=y, returned=True), v, abs(w))],
    "nansum": [(lambda x: np.nansum(x), gaps), (lambda x: np.nansum(x, 1), gaps)],
    "nanprod": [(lambda x: np.nanprod(x, 0), gaps)],
    "nanmean": [(lambda x: np.nanmean(x), gaps), (lambda x: np.nanmean(x, 1, keepdims=True), gaps)],
    "nanvar": [(lambda x: np.nanvar(x), gaps), (lambda x: np.nanvar(x, 1, ddof=1), gaps)],
    "nanstd": [(lambda x: np.nanstd(x, 0), gaps)],
    "nanmax": [(lambda x: np.nanmax(x, 1), gaps)],
    "nanmin": [(lambda x: np.nanmin(x), gaps)],
    "median": [(lambda x: np.median(x), m), (lambda x: np.median(x, axis=0), m),
               (lambda x: np.median(x, axis=1, keepdims=True), c)],
    "quantile": [(lambda x, h=h: np.quantile(x, [0.0, 0.3, 0.95, 1.0], axis=1, method=h), m)
                 for h in ("linear", "lower", "higher", "nearest", "midpoint", "hazen", "weibull",
                           "median_unbiased", "inverted_cdf", "closest_observation")]
                + [(lambda x: np.quantile(x, 0.4), m),
                   (lambda x: np.quantile(x, [0.4, 0.5], keepdims=True), m)],
    "percentile": [(lambda x: np.percentile(x, 30), m),
                   (lambda x: np.percentile(x, [5, 50], 0), m)],
    "cov": [(lambda x: np.cov(x), m), (lambda x, y: np.cov(x, y, bias=True), v, w),
            (lambda x: np.cov(x), v), (lambda x: np.cov(x, rowvar=False, ddof=0), m)],
    "corrcoef": [(lambda x: np.corrcoef(x), m), (lambda x, y: np.corrcoef(x, y), v, w)],
    "interp": [(lambda x, y: np.interp(x, times, y), np.array([-1.0, 0.3, 1.2, 1.6, 5.0]), v),
               (lambda x: np.interp(x, [0.0, 1.0], [2.0, 5.0], left=-1.0), v)],
    "vdot": [(lambda x, y: np.vdot(x, y), m, m)],
    "vecdot": [(lambda x, y: np.vecdot(x, y), m, v)],
    "matvec": [(lambda x, y: np.matvec(x, y), c, v)],
    "vecmat": [(lambda x, y: np.vecmat(x, y), v, k)],
    "inner": [(lambda x, y: np.inner(x, y), m, c), (lambda x, y: np.inner(x, y), v, w),
              (lambda x: np.inner(x, 2.0), v)],
    "tensordot": [(lambda x, y: np.tensordot(x, y), c, rng.normal(size=(3, 4, 2))),
                  (lambda x, y: np.tensordot(x, y, 0), v, m),
                  (lambda x, y: np.tensordot(x, y, 1), c, k),
                  (lambda x, y: np.tensordot(x, y, ([1, 2], [2, 1])), c, b),
                  (lambda x, y: np.tensordot(x, y, (2, 0)), c, k)],
    "kron": [(lambda x, y: np.kron(x, y), m, k), (lambda x, y: np.kron(x, y), v, m)],
    "cross": [(lambda x, y: np.cross(x, y), v[:3], w[:3]), (lambda x, y: np.cross(x, y), s, v[:3]),
              (lambda x, y: np.cross(x, y, axis=0), s, s.T)],
    "trace": [(lambda x: np.trace(x), s), (lambda x: np.trace(x, 1), m),
              (lambda x: np.trace(x, 0, 1, 2), c)],
    "linalg.trace": [(lambda x: np.linalg.trace(x), c)],
    "linalg.matrix_power": [(lambda x, n=n: np.linalg.matrix_power(x, n), s) for n in (0, 1, 2, 5)],
    "linalg.multi_dot": [(lambda x, y: np.linalg.multi_dot([x, y, y.T]), m, k)],
    "linalg.norm": [(lambda x: np.linalg.norm(x), m), (lambda x: np.linalg.norm(x), c)]
                   + [(lambda x, p=p: np.linalg.norm(x, p), v)
                      for p in (1, 2, 3, 0.5, -1, 0, np.inf, -np.inf)]
                   + [(lambda x, p=p: np.linalg.norm(x, p), m)
                      for p in ("fro", 1, -1, np.inf, -np.inf)]
                   + [(lambda x: np.linalg.norm(x, axis=1, keepdims=True), m),
                      (lambda x: np.linalg.norm(x, 1, axis=(0, 2), keepdims=True), c)],
    "linalg.vector_norm": [(lambda x: np.linalg.vector_norm(x, axis=0, ord=3), m)],
    "linalg.matrix_norm": [(lambda x: np.linalg.matrix_norm(x, keepdims=True, ord=1), c)],
    "einsum": [(lambda x, y: np.einsum("ij,jk->ik", x, y), m, k),
               (lambda x, y: np.einsum("ij,jk", x, y), m, k),
               (lambda x: np.einsum("ii", x), s), (lambda x: np.einsum("ii->i", x), s),
               (lambda x: np.einsum("ij->", x), m), (lambda x: np.einsum("ba", x), m),
               (lambda x, y: np.einsum("bij,bjk->bik", x, y), c, b),
               (lambda x, y: np.einsum("...ij,...jk", x, y), c, k),
               (lambda x, y: np.einsum("i,j->ij", x, y), v, w),
               (lambda x, y, z: np.einsum("ij,jk,k->i", x, y, z), m, k, k[0]),
               (lambda x, y: np.einsum("ij,ij->j", x, y), m, m),
               (lambda x, y: np.einsum("bij,kj->b", x, y, optimize=True), c, m),
               (lambda x: np.einsum("...i->i...", x), c)],
    "linalg.inv": [(lambda x: np.linalg.inv(x), a) for a in (s, spd, stacked)],
    "linalg.solve": [(lambda x, y: np.linalg.solve(x, y), spd, y) for y in (v[:3], s, c)]
                    + [(lambda x, y: np.linalg.solve(x, y), stacked, y) for y in (v[:3], s)],
    "linalg.det": [(lambda x: np.linalg.det(x), a) for a in (s, stacked, np.ones((3, 3)))],
    "linalg.slogdet": [(lambda x: np.linalg.slogdet(x), a) for a in (-spd, stacked)],
    "linalg.cholesky": [(lambda x: np.linalg.cholesky(x), a) for a in (spd, stacked)]
                       + [(lambda x: np.linalg.cholesky(x, upper=True), spd)],
    "linalg.eigh": [(lambda x, h=h: np.linalg.eigh(x, h), a)
                    for h in "LU" for a in (spd, stacked, s)],
    "linalg.eigvalsh": [(lambda x: np.linalg.eigvalsh(x, UPLO="U"), s)],
    "linalg.eig": [(lambda x: np.linalg.eig(x), spd + s / 10)],
    "linalg.eigvals": [(lambda x: np.linalg.eigvals(x), spd + s / 10)],
    "linalg.svd": [(lambda x: np.linalg.svd(x, full_matrices=False), a) for a in (m, m.T, c)]
                  + [(lambda x: np.linalg.svd(x), s),
                     (lambda x: np.linalg.svd(x, compute_uv=False), m)],
    "linalg.svdvals": [(lambda x: np.linalg.svdvals(x), m)],
    "linalg.qr": [(lambda x: np.linalg.qr(x), a) for a in (m, m.T, c, s)]
                 + [(lambda x: np.linalg.qr(x, mode="r"), m)],
    "linalg.pinv": [(lambda x: np.linalg.pinv(x), a) for a in (m, m.T, c)],
    "linalg.lstsq": [(lambda x, y: np.linalg.lstsq(x, y)[:2], m.T, y)
                     for y in (rng.normal(size=4), rng.normal(size=(4, 2)))],
    "linalg.cond": [(lambda x, p=p: np.linalg.cond(x, p), s)
                    for p in (None, -2, 1, np.inf, "fro")],
    "linalg.tensorinv": [(lambda x: np.linalg.tensorinv(x, 1), rng.normal(size=(4, 2, 2)))],
    "linalg.tensorsolve": [(lambda x, y: np.linalg.tensorsolve(x, y),
                            rng.normal(size=(4, 2, 2)), rng.normal(size=4))],
}  # fmt: skip
CALLS |= {
    **{name: [(lambda x, name=name: getattr(np, name)(x), a) for a in (m, np.float64(0.3))]
       for name in ("fabs", "fix", "trunc", "radians", "deg2rad", "degrees", "rad2deg", "sinc",
                    "conjugate", "real", "modf")},
    "arccosh": [(lambda x: np.arccosh(x), 1.5 + abs(m))],
    "logaddexp2": [(lambda x, y: np.logaddexp2(x, y), m, w)],
    "fmod": [(lambda x, y: np.fmod(x, y), 5 * m, abs(w) + 0.3), (lambda x: np.fmod(x, 0.7), -m)],
    "divmod": [(lambda x, y: np.divmod(x, y), 5 * m, abs(w) + 0.3),
               (lambda x: divmod(x, 0.7), m)],
    "fmax": [(lambda x, y: np.fmax(x, y), m, w), (lambda x: np.fmax(x, 0.0), gaps)],
    "fmin": [(lambda x, y: np.fmin(x, y), m, w), (lambda x: np.fmin(x, 9.0), gaps)],
    "copysign": [(lambda x, y: np.copysign(x, y), m, w), (lambda x: np.copysign(x, -1.0), m)],
    "float_power": [(lambda x: np.float_power(x, 3), m)],
    "ldexp": [(lambda x: np.ldexp(x, 3), m), (lambda x: np.ldexp(x, np.arange(4)), m)],
    "heaviside": [(lambda x, y: np.heaviside(x, y), np.array([-1.0, 0, 0, 2]), w)],
    "nan_to_num": [(lambda x: np.nan_to_num(x), gaps), (lambda x: np.nan_to_num(x, nan=2.0), gaps)],
    "convolve": [(lambda x, y, mode=mode: np.convolve(x, y, mode), p, q)
                 for mode in ("full", "same", "valid")
                 for p, q in ((v, w[:3]), (w[:2], v), (v, w))],
    "correlate": [(lambda x, y, mode=mode: np.correlate(x, y, mode), p, q)
                  for mode in ("full", "same", "valid")
                  for p, q in ((v, w[:3]), (w[:2], v), (v, w))],
    "polyval": [(lambda p, x: np.polyval(p, x), v, m)],
    "polymul": [(lambda p, q: np.polymul(p, q), v, w[:2])],
    "polyadd": [(lambda p, q: np.polyadd(p, q), v, w[:2])],
    "polysub": [(lambda p, q: np.polysub(p, q), v[:2], w)],
    "polyder": [(lambda p: np.polyder(p, 2), v)],
    "polyint": [(lambda p: np.polyint(p, 2, [1.0, 2.0]), v)],
    "polyfit": [(lambda x, y: np.polyfit(x, y, 2), times, w),
                (lambda x, y, z: np.polyfit(x, y, 1, w=z), times, w, abs(v) + 1)],
    "vander": [(lambda x: np.vander(x), v), (lambda x: np.vander(x, 3, increasing=True), v)],
    "linspace": [(lambda a, b: np.linspace(a, b, 5), 1.0, 2.5),
                 (lambda a, b: np.linspace(a, b, 4, endpoint=False, retstep=True), v, w),
                 (lambda a, b: np.linspace(a, b, 4, axis=1), v, w)],
    "logspace": [(lambda a, b: np.logspace(a, b, 4), 0.1, 1.5)],
    "geomspace": [(lambda a, b: np.geomspace(a, b, 4), 0.1, 1.5)],
    "unwrap": [(lambda x: np.unwrap(x), 4 * v), (lambda x: np.unwrap(x, axis=0), 9 * m),
               (lambda x: np.unwrap(x, period=2.0), m)],
    "gradient": [(lambda x: np.gradient(x), v), (lambda x: np.gradient(x), m),
                 (lambda x: np.gradient(x, 0.5, axis=1, edge_order=2), m),
                 (lambda x, t: np.gradient(x, t), w, times),
                 (lambda x, t: np.gradient(x, t, axis=1, edge_order=2), m, times)],
    "apply_along_axis": [(lambda x, a=a: np.apply_along_axis(lambda r: r[:2] * r.sum(), a, x), c)
                         for a in (0, 1, 2)]
                        + [(lambda x: np.apply_along_axis(lambda r: (r * r).sum(), 0, x), m)],
    "nancumsum": [(lambda x: np.nancumsum(x, 1), gaps)],
    "nancumprod": [(lambda x: np.nancumprod(x, 0), gaps)],
    "nanmedian": [(lambda x, a=a: np.nanmedian(x, a), gaps) for a in (None, 0, 1)],
    "nanquantile": [(lambda x: np.nanquantile(x, [0.2, 0.7], axis=1, keepdims=True), gaps)],
    "nanpercentile": [(lambda x: np.nanpercentile(x, 30), gaps)],
    "unique": [(lambda x: np.unique(x), np.array([2.0, 1, 2, 3, 1]))],
    "piecewise": [(lambda x: np.piecewise(x, [x < 0, x >= 0], [lambda z: -z, lambda z: z * z]), m),
                  (lambda x: np.piecewise(x, [x < 0], [lambda z: z**3, 1.0]), m)],
}  # fmt: skip
some = np.array([[True, False, True, True], [False, True, True, False], [True, True, True, True]])
CALLS |= {
    name: [(lambda x, f=f, a=a, d=d: f(x, axis=a, keepdims=d, where=some), m)
           for f in [getattr(np, name)] for a in (None, 0, 1, (0, 1)) for d in (False, True)]
          + [(lambda x, name=name: getattr(x, name)(where=some[1]), m)]
          + [(lambda x, f=f: f(x, dtype=np.float64), m) for f in [getattr(np, name)]]
    for name in ("sum", "prod", "mean", "var", "std")
}  # fmt: skip
for _name in ("sum", "prod", "max", "min"):
    CALLS[_name] = CALLS.get(_name, []) + [
        (lambda x, n=_name, w=w: getattr(np, n)(x, axis=1, initial=0.3, where=w), m)
        for w in (True, some)
    ]
for _name in ("var", "std"):
    CALLS[_name] += [
        (lambda x, n=_name: getattr(np, n)(x, axis=1, mean=x.mean(axis=1, keepdims=True)), m),
        (lambda x, n=_name: getattr(np, n)(x, axis=1, correction=1, where=some), m),
    ]
UFUNCS = (np.add, np.multiply, np.maximum, np.minimum, np.logaddexp, np.hypot, np.subtract)
CALLS |= {
    f"{u.__name__} and its methods": [(lambda x, u=u, a=a: u.reduce(x, axis=a), m) for a in (0, -1)]
    + [(lambda x, u=u, a=a: u.accumulate(x, axis=a), m) for a in (0, -1)]
    + [(lambda x, u=u: u.reduceat(x, [0, 2, 1], axis=1), m), (lambda x, u=u: u.outer(x, x[0]), m)]
    for u in UFUNCS
}
CALLS |= {
    "maximum.reduce": [(lambda x: np.maximum.reduce(x, axis=(0, 1), keepdims=True), m),
                       (lambda x: np.multiply.reduce(x, axis=None), m)],
    "cumprod": CALLS["cumprod"] + [(lambda x: np.cumprod(x, dtype=np.float64), v),
                                   (lambda x: x.cumprod(1), m),
                                   (lambda x: np.cumprod(x, 0), 1 + rng.normal(size=200) / 9)],
    "full_like": [(lambda x: np.full_like(x, x[0, 0] * 2), m),
                  (lambda x: np.full_like(x, 2.0) * x, m)],
    "cumulative_prod": [(lambda x: np.cumulative_prod(x), v),
                        (lambda x: np.cumulative_prod(x, axis=1, include_initial=True), m)],
    "poly": [(lambda x: np.poly(x), v)],
    "cov": CALLS["cov"] + [
        (lambda x, o=o: np.cov(x, **o), m)
        for o in ({"aweights": abs(v)}, {"fweights": [1, 2, 1, 3]},
                  {"bias": True, "aweights": v**2},
                  {"aweights": v**2, "fweights": [1, 2, 1, 3], "ddof": 0})
    ] + [(lambda x, w: np.cov(x, aweights=w), m, abs(v))],
    "quantile by q": [(lambda x, q: np.quantile(x, q, axis=1), m, abs(v) / 3)],
    "trapezoid": CALLS["trapezoid"] + [(lambda y, x: np.trapezoid(y, x, axis=0), m, m**3)],
    "nextafter": [(lambda x: np.nextafter(x, 9.0), m)], "spacing": [(lambda x: np.spacing(x), m)],
    "pad": CALLS["pad"] + [(lambda x: np.pad(x, 1), np.zeros((0, 2)))],
    "histogram": [(lambda w, o=o: np.histogram([0.1, 0.5, 0.9, 0.4], weights=w, **o)[0], abs(v))
                  for o in ({}, {"density": True}, {"bins": [0.0, 0.5, 0.9]},
                            {"bins": 3, "range": (0.2, 0.8)})],
    "trim_zeros": [(lambda x, t=t: np.trim_zeros(np.pad(x, 2), t), v) for t in ("f", "b", "fb")],
    "ndarray and its methods": [(lambda x: x.repeat(2, 1), m), (lambda x: x.take([0, 2]), m),
               (lambda x: x.trace(), s), (lambda x: x.diagonal(1), m),
               (lambda x: x.compress([True, False, True], 0), m)],
}  # fmt: skip
CALLS["median"] = CALLS.get("median", []) + [
    (lambda x, a=a: np.median(x, axis=a, keepdims=True), c) for a in ((0, 2), (1,), None)
]
CALLS["linalg.norm"] += [(lambda x, p=p: np.linalg.norm(x, p), m) for p in (2, -2, "nuc")]
CALLS["linalg.matrix_power"] += [(lambda x: np.linalg.matrix_power(x, -2), spd)]
CASES = [(name, i) for name, calls in CALLS.items() for i in range(len(calls))]


@pytest.mark.parametrize("f", [np.union1d, np.intersect1d, np.setdiff1d, np.setxor1d])
def test_sets_hold_entries_that_keep_their_gradients(f):
    a, b = np.array([1.0, 2.0, 3.0, 2.0]), np.array([2.0, 5.0, 3.0])
    x, y = tg.Tensor(a, requires_grad=True), tg.Tensor(b, requires_grad=True)
    found = f(x, y)
    np.testing.assert_array_equal(found.numpy(), f(a, b))
    dx, dy = tg.grad(lambda x, y: f(x, y).sum(), (0, 1))(x, y)
    assert dx.sum().item() + dy.sum().item() == found.size


def test_reductions_with_numpys_arguments_refuse_what_has_no_answer():
    x = tg.Tensor(m, requires_grad=True)
    with pytest.raises(ValueError, match="max of no entries has no value: give initial="):
        x.max(where=some)
    with pytest.raises(TypeError, match="where= takes conditions, not float64"):
        np.sum(x, where=m)
    assert np.max(tg.Tensor(np.zeros((0, 2))), axis=0, initial=3.0).numpy().tolist() == [3.0, 3.0]
    with pytest.raises(TypeError, match="write axis"):
        x.sum(dim=1)


ALONG = {
    **{name: lambda x, a, name=name: getattr(np, name)(x, axis=a)
       for name in ("sort median cumsum cumprod diff sum ptp flip trapezoid unstack nansum "
                    "argsort cumulative_sum partition".split()) if name != "partition"},
    "partition": lambda x, a: np.partition(x, 0, axis=a),
    "take": lambda x, a: np.take(x, [0], axis=a),
    "take_along_axis": lambda x, a: np.take_along_axis(x, np.zeros((1, 1), int), a),
    "repeat": lambda x, a: np.repeat(x, 2, axis=a),
    "roll": lambda x, a: np.roll(x, 1, axis=a),
    "split": lambda x, a: np.split(x, 1, axis=a),
    "array_split": lambda x, a: np.array_split(x, 2, axis=a),
    "insert": lambda x, a: np.insert(x, 0, 1.0, axis=a),
    "delete": lambda x, a: np.delete(x, 0, axis=a),
    "append": lambda x, a: np.append(x, x, axis=a),
    "quantile": lambda x, a: np.quantile(x, 0.3, axis=a),
    "nanquantile": lambda x, a: np.nanquantile(x, 0.3, axis=a),
    "average": lambda x, a: np.average(x, axis=a),
    "norm": lambda x, a: np.linalg.norm(x, axis=a),
    "vector_norm": lambda x, a: np.linalg.vector_norm(x, axis=a),
    "gradient": lambda x, a: np.gradient(x, axis=a),
    "unwrap": lambda x, a: np.unwrap(x, axis=a),
    "apply_along_axis": lambda x, a: np.apply_along_axis(lambda r: r * 2, a, x),
    "maximum.accumulate": lambda x, a: np.maximum.accumulate(x, a),
    "subtract.reduce": lambda x, a: np.subtract.reduce(x, a),
    "add.reduceat": lambda x, a: np.add.reduceat(x, [0], a),
    "compress": lambda x, a: np.compress([True], x, a),
    "expand_dims": lambda x, a: np.expand_dims(x, a * 2),
    "rollaxis": lambda x, a: np.rollaxis(x, a),
    "moveaxis": lambda x, a: np.moveaxis(x, a, 0),
    "swapaxes": lambda x, a: np.swapaxes(x, a, 0),
    "concatenate": lambda x, a: np.concatenate([x, x], axis=a),
    "stack": lambda x, a: np.stack([x, x], axis=a * 2),
    "cross": lambda x, a: np.cross(np.ones((3, 3)) * x[:1, :1], np.ones((3, 3)), axis=a),
}  # fmt: skip


@pytest.mark.parametrize("axis", [5, -4])
@pytest.mark.parametrize("name", [name for name in ALONG if hasattr(np, name) or "." in name])
def test_an_axis_that_is_not_there_is_no_other_one(name, axis):
    with pytest.raises((ValueError, IndexError)):
        ALONG[name](m, axis)
    with pytest.raises((ValueError, IndexError)) as raised:
        ALONG[name](tg.Tensor(m), axis)
    assert str(raised.value) != "tuple index out of range"


def test_norms_at_zero_have_gradient_0_at_every_order():
    zero = np.zeros(3)
    for p in (0.5, 1.5, 2, 3, -0.5, -1, -2, 1, np.inf):
        first = tg.grad(lambda x, p=p: np.linalg.vector_norm(x, ord=p))
        np.testing.assert_array_equal(first(zero).numpy(), zero)
        second = tg.grad(lambda x, first=first: first(x)[0])
        np.testing.assert_array_equal(second(zero).numpy(), zero)
    beside = np.array([0.0, 1.0, 2.0])
    assert tg.grad(lambda x: np.linalg.vector_norm(x, ord=0.5))(beside)[0].item() == 0.0


def test_entries_are_taken_along_an_axis_of_length_1():
    x, i = np.arange(5.0)[None], np.array([[0, 2], [1, 1]])
    found = np.take_along_axis(tg.Tensor(x), i, 1)
    np.testing.assert_array_equal(found.numpy(), np.take_along_axis(x, i, 1))
    with pytest.raises(ValueError, match="as many axes"):
        np.take_along_axis(tg.Tensor(x), i, None)


EQUAL, DEPENDENT, DEFECTIVE = np.eye(3), np.array([[1.0, 2], [2, 4]]), np.array([[1.0, 1], [0, 1]])
turned = np.linalg.qr(s)[0]
NO_DERIVATIVE = {
    "equal eigenvalues": (lambda a: np.linalg.eigh(a)[1], EQUAL, "equal eigenvalues"),
    "equal up to rounding": (
        lambda a: np.linalg.eigh(a)[1], turned @ np.diag([1.0, 1.0, 2.0]) @ turned.T, "equal"),
    "equal singular values": (lambda a: np.linalg.svd(a)[0], EQUAL, "equal"),
    "of zeros": (lambda a: np.linalg.svd(a)[2], 0 * EQUAL, "equal"),
    "their second derivative": (
        lambda a: tg.grad(lambda a: (np.linalg.eigvalsh(a) ** 2).sum())(a), EQUAL, "equal"),
    "columns that depend": (lambda a: np.linalg.qr(a)[1], DEPENDENT, "depend on each other"),
    "a tall matrix of them": (
        lambda a: np.linalg.svd(np.concatenate([a, a]), full_matrices=False)[0], DEPENDENT,
        "depend on each other"),
    "fewer eigenvectors": (lambda a: np.linalg.eigvals(a), DEFECTIVE, "fewer eigenvectors"),
    "a singular matrix": (lambda a: np.linalg.inv(a), DEPENDENT, "[Ss]ingular"),
    "not positive definite": (lambda a: np.linalg.cholesky(a), -EQUAL, "positive definite"),
    "complex eigenvalues": (lambda a: np.linalg.eigvals(a), np.array([[0.0, 1], [-1, 0]]), "real"),
    "weights of 0": (lambda a: np.average(a, weights=np.zeros((3, 3))), EQUAL, "add up to 0"),
    "the largest of nothing": (lambda a: a[:0].max(), EQUAL, "no identity"),
}  # fmt: skip


@pytest.mark.parametrize("name", NO_DERIVATIVE)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_where_there_is_no_derivative_an_error_says_what_has_none(name):
    f, a, message = NO_DERIVATIVE[name]
    with pytest.raises((ValueError, np.linalg.LinAlgError, ZeroDivisionError), match=message):
        tg.grad(lambda a: (f(a) ** 3).sum())(a)


def test_a_compiled_program_refuses_equal_eigenvalues_too():
    slope = tg.compile(tg.grad(lambda a: (np.linalg.eigh(a)[1] ** 3).sum()))
    assert np.isfinite(slope(np.diag([1.0, 2.0, 3.0])).numpy()).all()
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="equal eigenvalues"):
        slope(EQUAL)


HARD = {  # the gradient where it is a convention, or a limit
    "equal eigenvalues": (lambda a: np.linalg.eigvalsh(a).sum(), EQUAL, EQUAL),
    "equal singular values": (lambda a: np.linalg.svdvals(a).sum(), EQUAL, EQUAL),
    "the largest of equal ones": (lambda a: np.linalg.norm(a, 2), EQUAL, EQUAL / 3),
    "singular values of 0": (lambda a: np.linalg.norm(a, "nuc"), 0 * EQUAL, 0 * EQUAL),
    "a singular determinant": (lambda a: np.linalg.det(a), DEPENDENT, [[4.0, -2], [-2, 1]]),
    "sorted ties": (lambda a: (np.sort(a) * [1.0, 2, 3]).sum(), np.ones(3), [1.0, 2, 3]),
    "running products of 0": (lambda a: np.cumprod(a).sum(), np.array([2.0, 0, 3]), [1.0, 8, 0]),
    "running ties": (lambda a: np.maximum.accumulate(a).sum(), np.array([1.0, 1]), [1.5, 0.5]),
    "a pool of ties": (lambda a: tg.max_pool(a[None, None], 2).sum(), DEFECTIVE * 0,
                       np.full((2, 2), 0.25)),
    "nothing but gaps": (lambda a: np.nansum(a), np.full(2, np.nan), [0.0, 0.0]),
    "no entries": (lambda a: np.einsum("ij,kj->", a, a), np.zeros((2, 0)), np.zeros((2, 0))),
}  # fmt: skip


@pytest.mark.parametrize("name", HARD)
def test_at_hard_points_the_gradient_is_the_convention_s(name):
    f, a, expected = HARD[name]
    np.testing.assert_allclose(tg.grad(f)(a).numpy(), expected, atol=1e-14)


def missing(name):
    module = np
    for part in name.partition(" ")[0].split("."):
        if not hasattr(module, part):
            return True
        module = getattr(module, part)
    return False


CASES = [(name, i) for name, i in CASES if not missing(name)]


def parts_of(found):
    return list(found) if isinstance(found, (list, tuple)) else [found]


def sum_of(found):
    return sum((y * np.cos(np.arange(y.size)).reshape(y.shape)).sum() for y in parts_of(found))


# where to look depends on the values, of which a program knows none
VALUES_DECIDE = {"partition", "interp", "linalg.lstsq", "unique", "piecewise", "geomspace"}
VALUES_DECIDE |= {"trim_zeros", "quantile by q", "nextafter", "spacing"}


@pytest.mark.parametrize(("name", "i"), CASES)
def test_it_is_numpy_s_with_the_right_gradient_which_compiles(name, i):
    f, *arrays = CALLS[name][i]
    value_and_gradient(f, arrays, (1,) if i else (1, 2))  # the second derivative of each function
    if not i:
        laid_out(f, [np.asarray(a, float) for a in arrays])
    if not i and name not in NUMPY_ODD:
        cut(f, [np.asarray(a, float) for a in arrays])
    dtype(f, [np.asarray(a, np.float32) for a in arrays])
    if name not in VALUES_DECIDE and "nan" not in name:
        compiled(f, [np.asarray(a) for a in arrays])


NUMPY_ODD = {"einsum", "nanquantile"}  # of no entries: shapes that follow from nothing


def gradients(f, arrays):
    return tg.value_and_grad(lambda *x: sum_of(f(*x)), tuple(range(len(arrays))))(*arrays)


def laid_out(f, arrays):
    """In Fortran's order, or backwards in memory, and read-only: the same."""
    value, slopes = gradients(f, arrays)
    for layout in (np.asfortranarray, lambda a: np.flip(np.flip(a).copy())):
        views = [layout(a) for a in arrays]
        for a in views:
            a.setflags(write=False)
        again, others = gradients(f, views)
        np.testing.assert_allclose(again.numpy(), value.numpy(), rtol=1e-12, atol=1e-12)
        for a, b in zip(slopes, others, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-10, atol=1e-12)


def cut(f, arrays):
    """Of no entries, and of one number: what NumPy gives, or an error of ours."""
    for part in (lambda a: a[:0], lambda a: a[..., :0], lambda a: a.reshape(-1)[0]):
        few = [np.asarray(part(a)) if a.size and a.ndim else a for a in arrays]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = parts_of(f(*few))
        except Exception:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = parts_of(f(*[tg.Tensor(a, requires_grad=True) for a in few]))
        except (TypeError, ValueError):
            continue
        for y, e in zip(found, expected, strict=True):
            y = y.numpy() if isinstance(y, tg.Tensor) else y
            assert np.shape(y) == np.shape(e)
            np.testing.assert_allclose(y, e, rtol=1e-12, atol=1e-12)


def value_and_gradient(f, arrays, orders):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = parts_of(f(*arrays))
    tensors = [tg.Tensor(a, requires_grad=True) for a in arrays]
    found = parts_of(f(*tensors))
    assert len(found) == len(expected)
    for y, e in zip(found, expected, strict=True):
        assert y.shape == np.shape(e)
        np.testing.assert_allclose(y.numpy(), e, rtol=1e-12, atol=1e-12)
    if np.isnan(arrays[0]).any():
        gradient = tg.grad(lambda x: sum_of(f(x)))(arrays[0]).numpy()
        assert np.isfinite(gradient[~np.isnan(arrays[0])]).all()
        assert (gradient[np.isnan(arrays[0])] == 0).all()
    elif any(y.requires_grad and y.size for y in found):
        for order in orders:
            assert gradcheck(
                lambda *x: [y for y in parts_of(f(*x)) if y.size and y.requires_grad],
                *arrays,
                order=order,
            )


def dtype(f, arrays):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = parts_of(f(*arrays))
    found = parts_of(f(*[tg.Tensor(a, requires_grad=True) for a in arrays]))
    for y, e in zip(found, expected, strict=True):  # some of NumPy's widen float32, ours do not
        assert y.dtype in (np.asarray(e).dtype, np.float32)


def compiled(f, arrays):
    whole = lambda *x: sum_of(f(*x))  # noqa: E731
    eager = tg.value_and_grad(whole, tuple(range(len(arrays))))
    same(tg.compile(eager)(*arrays), eager(*arrays), rtol=1e-12)


# -- what SciPy's linalg has -----------------------------------------------------------------------

triangle, right = np.tril(s) + 3 * np.eye(3), rng.normal(size=(3, 2))
LINALG = {
    "expm": [(lambda f, x: f(x), s), (lambda f, x: f(x), 20 * s), (lambda f, x: f(x), s * 1e-3)],
    "sqrtm": [(lambda f, x: f(x), spd)],
    "solve_sylvester": [
        (lambda f, x, y, z: f(x, y, z), spd, s + 9 * np.eye(3), rng.normal(size=(3, 3)))
    ],
    "solve_triangular": [
        (lambda f, x, y, o=o: f(x, y, **o), triangle, right)
        for o in ({}, {"lower": True}, {"trans": 1}, {"lower": True, "trans": "T"},
                  {"unit_diagonal": True})
    ],
    "cho_solve": [
        (lambda f, x, y, low=low: f((x, low), y), triangle, right) for low in (True, False)
    ],
    "block_diag": [(lambda f, x, y: f(x, y, [1.0, 2.0]), m, s)],
    "toeplitz": [(lambda f, x, y: f(x, y), v, m[0]), (lambda f, x: f(x), v)],
}  # fmt: skip


@pytest.mark.parametrize("name", LINALG)
def test_it_equals_scipys_linalg(name):
    sl = pytest.importorskip("scipy.linalg")
    for call, *arrays in LINALG[name]:
        ours, theirs = getattr(tg, name), getattr(sl, name)
        expected = call(theirs, *arrays)
        found = call(ours, *[tg.Tensor(a) for a in arrays])
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-11, atol=1e-11)
        if np.abs(expected).max() < 1e6:
            for order in (1, 2):
                assert gradcheck(
                    lambda *x, call=call, ours=ours: call(ours, *x), *arrays, order=order
                )


def test_a_matrix_without_a_real_root_says_so():
    for a in (-np.eye(2), np.zeros((2, 2)), np.array([[0.0, 1.0], [0.0, 0.0]])):
        with pytest.raises(ValueError, match="no real square root"):
            tg.sqrtm(a)


def test_scipys_functions_of_arrays_show_ours():
    sl = pytest.importorskip("scipy.linalg")
    t = tg.Tensor(spd, requires_grad=True)
    for f, instead in ((sl.expm, "tg.expm"), (sl.inv, "np.linalg.inv"), (sl.sqrtm, "tg.sqrtm")):
        with pytest.raises(TypeError, match=f"write {instead}, which has its gradient"):
            f(t)


def test_statistics_of_single_precision_stay_single():
    x = tg.Tensor(np.arange(6, dtype=np.float32).reshape(2, 3), requires_grad=True)
    for y in (np.cov(x), np.corrcoef(x + x * x), np.ptp(x), np.std(x), np.cumprod(x)):
        assert y.dtype == np.float32
