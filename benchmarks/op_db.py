"""Values, gradients and Hessian-vector products beside PyTorch's, on PyTorch's own samples.

    pip install torch==2.13.0 expecttest && python -m benchmarks.op_db            # a table
    python -m benchmarks.op_db --only linalg                                      # some of them

`torch.testing._internal.common_methods_invocations.op_db` holds the calls that PyTorch tests its
own operators with. Each is made here in float64, with the function of NumPy, SciPy or this package
that means the same; "agreed" is a value, a gradient and a second derivative within 1e-9 of the
largest of PyTorch's. What says something that the function here has no argument for is left out,
and counted.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special as sp
import torch
from torch.testing._internal.common_methods_invocations import op_db

import tinygrad_edu as tg

CLOSE = 1e-9
SAMPLES = 60  # of an operator and variant, at most


class Left(Exception):
    """A sample that says what the function here has no argument for."""


def along(f: Any, **renamed: str) -> Any:
    """A function that calls `dim` axis and `keepdim` keepdims."""
    names = {"dim": "axis", "keepdim": "keepdims", **renamed}

    def call(x: Any, *args: Any, **kwargs: Any) -> Any:
        if "dtype" in kwargs:
            raise Left
        return f(x, *args, **{names.get(k, k): v for k, v in kwargs.items()})

    return call


def reduced(f: Any) -> Any:
    """A reduction, over the axis and keepdims."""

    def call(x: Any, dim: Any = None, keepdim: bool = False, **more: Any) -> Any:
        if more:
            raise Left
        axis = tuple(dim) if isinstance(dim, (list, tuple)) else dim
        axis = None if axis == () else axis
        if axis is not None and not np.ndim(x):
            axis = None
        return f(x, axis=axis, keepdims=keepdim)

    return call


def _spread(f: Any) -> Any:
    def call(x: Any, *args: Any, **kwargs: Any) -> Any:
        if (args and type(args[-1]) is bool) or len(args) > 1:
            raise Left
        axis = kwargs.get("dim", args[0] if args else None)
        axis = tuple(axis) if isinstance(axis, (list, tuple)) else axis
        axis = None if axis == () or not np.ndim(x) else axis
        ddof = kwargs.get("correction", 1)
        ddof = 1 if ddof is None else ddof
        if "unbiased" in kwargs:
            ddof = int(kwargs["unbiased"])
        return f(x, axis=axis, ddof=ddof, keepdims=kwargs.get("keepdim", False))

    return call


def loss(f: Any) -> Any:
    """A loss with a reduction, and no weights of examples."""

    def call(x: Any, t: Any, reduction: str = "mean", **more: Any) -> Any:
        more = {k: v for k, v in more.items() if v is not None}
        if more.keys() - {"delta", "beta"}:
            raise Left
        return f(x, t, reduction=reduction, **more)

    return call


def plain(f: Any) -> Any:
    """A function of the operands alone."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if {k: v for k, v in kwargs.items() if v not in (None, False)}:
            raise Left
        return f(*args)

    return call


def _conv(x: Any, w: Any, b: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
         groups: int = 1) -> Any:  # fmt: skip
    batch = np.ndim(x) == np.ndim(w)
    y = tg.conv(x if batch else np.expand_dims(x, 0), w, b, stride=stride, padding=padding,
                dilation=dilation, groups=groups)  # fmt: skip
    return y if batch else y[0]


def _conv_transpose(x: Any, w: Any, b: Any = None, stride: Any = 1, padding: Any = 0,
                   output_padding: Any = 0, groups: int = 1, dilation: Any = 1) -> Any:  # fmt: skip
    batch = np.ndim(x) == np.ndim(w)
    y = tg.conv_transpose(x if batch else np.expand_dims(x, 0), w, b, stride=stride,
                          padding=padding, output_padding=output_padding, groups=groups,
                          dilation=dilation)  # fmt: skip
    return y if batch else y[0]


def _pool(f: Any, n: int) -> Any:
    def call(x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, *rest: Any,
             **more: Any) -> Any:  # fmt: skip
        if rest and rest not in ((False, True, None), (False, True)):
            raise Left
        more = {k: v for k, v in more.items() if (v not in (None, False) and k != "dilation")
                or (k == "dilation" and v not in (1, (1,), (1,) * n))
                or (k == "count_include_pad" and not v)}  # fmt: skip
        more.pop("count_include_pad", None) if more.get("count_include_pad") is True else None
        if more or np.ndim(x) != n + 2 or not np.size(x):
            raise Left
        size = kernel_size if np.ndim(kernel_size) else (kernel_size,) * n
        stride = None if stride in ([], ()) else stride
        return f(x, size, stride=stride, padding=padding)

    return call


def _norm(x: Any, p: Any = 2.0, dim: Any = None, keepdim: bool = False, **more: Any) -> Any:
    if more or (p in ("fro", "nuc") and dim is None and np.ndim(x) != 2):
        raise Left
    axis = tuple(dim) if isinstance(dim, (list, tuple)) else dim
    if p in ("fro", "nuc") or (axis is not None and np.ndim(axis) and len(axis) == 2):
        raise Left
    return np.linalg.vector_norm(x, ord=2 if p is None else p, axis=axis, keepdims=keepdim)


def _vector_norm(x: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False, **more: Any) -> Any:
    if {k: v for k, v in more.items() if v is not None}:
        raise Left
    axis = tuple(dim) if isinstance(dim, (list, tuple)) else dim
    return np.linalg.vector_norm(x, ord=ord, axis=axis, keepdims=keepdim)


def _matrix_norm(x: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False) -> Any:
    return np.linalg.norm(x, ord, axis=tuple(dim), keepdims=keepdim)


def _quantile(f: Any) -> Any:
    def call(x: Any, q: Any, dim: Any = None, keepdim: bool = False,
             interpolation: str = "linear") -> Any:  # fmt: skip
        dim = None if dim is not None and not np.ndim(x) else dim
        if isinstance(q, tg.Tensor) and q.requires_grad and (
                f is np.nanquantile or interpolation != "linear"):  # fmt: skip
            raise Left
        q = q if isinstance(q, tg.Tensor) and interpolation == "linear" else np.asarray(q)
        if interpolation == "linear":
            return f(x, q, axis=dim, keepdims=keepdim)
        if f is np.nanquantile:
            raise Left
        return f(x, q, axis=dim, keepdims=keepdim, method=interpolation)

    return call


def _where(condition: Any, x: Any, y: Any) -> Any:
    return tg.where(condition, x, y)


def _addmm(c: Any, a: Any, b: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    if beta == 0:
        raise Left  # where PyTorch drops NaN
    return c * beta + (a @ b) * alpha


def _add(x: Any, y: Any, alpha: Any = 1) -> Any:
    return x + y * alpha if alpha != 1 else np.add(x, y)


def _pad(x: Any, pad: Any, mode: str = "constant", value: Any = None) -> Any:
    if any(p < 0 for p in pad):
        raise Left
    widths = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)][::-1]
    widths = [(0, 0)] * (np.ndim(x) - len(widths)) + widths
    modes = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    more = {"constant_values": value or 0.0} if mode == "constant" else {}
    return np.pad(x, widths, mode=modes[mode], **more)


def _one_along(x: Any, dim: int, index: Any) -> Any:
    if not np.ndim(x) or np.ndim(index) != np.ndim(x):
        raise Left
    index = np.asarray(index)
    cut = tuple(slice(n) if i != dim % np.ndim(x) else slice(None)
                for i, n in enumerate(index.shape))  # fmt: skip
    return np.take_along_axis(x[cut], index, dim)


def _axes_swapped(x: Any, a: int = 0, b: int = 1) -> Any:
    return np.swapaxes(x, a, b) if np.ndim(x) else x


def _clamp(x: Any, min: Any = None, max: Any = None) -> Any:
    if isinstance(min, tg.Tensor) or isinstance(max, tg.Tensor):
        raise Left  # PyTorch's ties of three tensors are others
    return np.clip(x, min, max)


def _softmax(f: Any) -> Any:
    def call(x: Any, dim: int, dtype: Any = None) -> Any:
        if dtype is not None:
            raise Left
        return f(x, axis=dim if np.ndim(x) else None)

    return call


def _layer_norm(x: Any, shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    return tg.layer_norm(x, weight, bias, axis=tuple(range(-len(shape), 0)), eps=eps)


def _rms_norm(x: Any, shape: Any, weight: Any = None, eps: Any = None) -> Any:
    eps = float(np.finfo(float).eps) if eps is None else eps
    return tg.rms_norm(x, weight, axis=tuple(range(-len(shape), 0)), eps=eps)


def _batch_norm(x: Any, mean: Any, var: Any, weight: Any = None, bias: Any = None,
               training: bool = False, momentum: Any = 0.1, eps: float = 1e-5) -> Any:  # fmt: skip
    if not training or np.ndim(x) < 2:
        raise Left
    return tg.batch_norm(x, weight, bias, eps=eps)


def _cross_entropy(x: Any, target: Any, weight: Any = None, ignore_index: int = -100,
                  reduction: str = "mean", label_smoothing: float = 0.0) -> Any:  # fmt: skip
    if np.ndim(x) > 2 or isinstance(target, tg.Tensor) or np.ndim(x) == 1:
        raise Left
    return tg.cross_entropy(x, target, weight=weight, ignore_index=ignore_index,
                            reduction=reduction, label_smoothing=label_smoothing)  # fmt: skip


def _nll(x: Any, target: Any, weight: Any = None, ignore_index: int = -100,
        reduction: str = "mean") -> Any:  # fmt: skip
    if weight is not None or np.ndim(x) != 2 or (np.asarray(target) == ignore_index).any():
        raise Left
    return tg.nll(x, target, reduction=reduction)


def _attention(q: Any, k: Any, v: Any, attn_mask: Any = None, dropout_p: float = 0.0,
              is_causal: bool = False, **more: Any) -> Any:  # fmt: skip
    if dropout_p or more.get("enable_gqa"):
        raise Left
    if is_causal:
        attn_mask = np.tri(np.shape(q)[-2], np.shape(k)[-2], dtype=bool)
    if isinstance(attn_mask, tg.Tensor):
        raise Left
    return tg.attention(q, k, v, attn_mask)


def _smooth_l1(x: Any, t: Any, reduction: str = "mean", beta: float = 1.0) -> Any:
    if not beta:
        raise Left
    return tg.huber(x, t, delta=beta, reduction=reduction) / beta


def _embedding(weight: Any, index: Any, padding_idx: Any = None, **more: Any) -> Any:
    if padding_idx is not None or {k: v for k, v in more.items() if v}:
        raise Left
    return tg.embedding(weight, index)


def _cummax(x: Any, dim: int) -> Any:
    return np.maximum.accumulate(x, axis=dim) if np.ndim(x) else x


def _cummin(x: Any, dim: int) -> Any:
    return np.minimum.accumulate(x, axis=dim) if np.ndim(x) else x


def _logcumsumexp(x: Any, dim: int) -> Any:
    return np.logaddexp.accumulate(x, axis=dim) if np.ndim(x) else x


def _sorted_(x: Any, dim: int = -1, descending: bool = False, stable: Any = None) -> Any:
    if not np.ndim(x):
        return x
    y = np.sort(x, axis=dim)
    return np.flip(y, dim) if descending else y


def _topk(x: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    if not np.ndim(x):
        return x
    y = np.sort(x, axis=dim)
    y = np.flip(y, dim) if largest else y
    return np.take(y, np.arange(k), axis=dim)


def _extreme(f: Any, together: Any) -> Any:
    def call(x: Any, *args: Any, **kwargs: Any) -> Any:
        if args and isinstance(args[0], tg.Tensor):
            return together(x, args[0])
        return f(x, *args, **kwargs)

    return call


def _index_add(x: Any, dim: int, index: Any, source: Any, alpha: Any = 1) -> Any:
    if not np.ndim(x):
        raise Left
    at = (slice(None),) * (dim % np.ndim(x)) + (np.asarray(index),)
    return x.at[at].add(source * alpha if alpha != 1 else source)


def _std_mean(f: Any) -> Any:
    return lambda x, *args, **kwargs: (_spread(f)(x, *args, **kwargs), np.mean(
        x, axis=_axis(args, kwargs), keepdims=kwargs.get("keepdim", False)))  # fmt: skip


def _axis(args: Any, kwargs: Any) -> Any:
    axis = kwargs.get("dim", args[0] if args else None)
    axis = tuple(axis) if isinstance(axis, (list, tuple)) else axis
    return None if axis == () else axis


def _symmetric(f: Any) -> Any:
    def call(x: Any, UPLO: str = "L") -> Any:
        if not np.array_equal(x.numpy(), x.mT.numpy()):
            raise Left  # PyTorch's gradient is that of both halves, and it read one
        return f((x + x.mT) / 2, UPLO=UPLO)

    return call


def _dist(x: Any, y: Any, p: float = 2) -> Any:
    return np.linalg.vector_norm(x - y, ord=p)


def _meshgrid(*arrays: Any, indexing: str = "ij") -> Any:
    arrays = tuple(arrays[0]) if len(arrays) == 1 and type(arrays[0]) is list else arrays
    return np.meshgrid(*[np.reshape(a, -1) for a in arrays], indexing=indexing)


def _elementwise(names: str, f: Callable[[str], Any]) -> dict[str, Any]:
    return {name: plain(f(name)) for name in names.split()}


OURS: dict[str, Any] = {
    **_elementwise(
        "abs ceil cos cosh exp exp2 expm1 fix floor log log10 log1p log2 negative positive "
        "reciprocal sign sin sinh sqrt square tan tanh trunc sinc deg2rad rad2deg fmax fmin "
        "maximum minimum copysign hypot logaddexp logaddexp2 fmod nextafter i0 float_power "
        "fliplr flipud outer vdot inner cross kron ravel diagflat",
        lambda name: getattr(np, name),
    ),
    **_elementwise("sigmoid relu erf erfc softplus", lambda name: getattr(tg, name)),
    **_elementwise(
        "digamma xlogy", lambda name: getattr(sp, name)
    ),
    **{f"special.{n}": plain(getattr(sp, n)) for n in
       "entr erfcx i0e i1 i1e log_ndtr ndtr ndtri xlog1py".split()},
    "acos": np.arccos, "acosh": np.arccosh, "asin": np.arcsin, "asinh": np.arcsinh,
    "atan": np.arctan, "atan2": np.arctan2, "atanh": np.arctanh, "neg": np.negative,
    "erfinv": sp.erfinv,
    "logit": lambda x, eps=None: sp.logit(x if eps is None else np.clip(x, eps, 1 - eps)),
    "lgamma": sp.gammaln, "rsqrt": lambda x: 1 / np.sqrt(x),
    "frac": lambda x: x - np.trunc(x), "sgn": np.sign, "angle": None,
    "polygamma": lambda x, n: x.polygamma(n=n), "special.polygamma": lambda x, n: x.polygamma(n=n),
    "mvlgamma": None, "pow": lambda x, y: np.power(x, y), "__rpow__": lambda x, y: y**x,
    "add": _add, "sub": lambda x, y, alpha=1: x - y * alpha if alpha != 1 else np.subtract(x, y),
    "rsub": lambda x, y, alpha=1: y - x * alpha, "mul": np.multiply,
    "div": lambda x, y, rounding_mode=None: x / y if rounding_mode is None else
           np.trunc(x / y) if rounding_mode == "trunc" else np.floor_divide(x, y),
    "true_divide": np.divide, "remainder": np.remainder,
    "__radd__": lambda x, y: y + x, "__rmul__": lambda x, y: y * x, "__rsub__": lambda x, y: y - x,
    "__rdiv__": lambda x, y: y / x, "__rmod__": lambda x, y: y % x,
    "__rmatmul__": lambda x, y: y @ x,
    "addcmul": lambda x, a, b, value=1: x + value * a * b,
    "addcdiv": lambda x, a, b, value=1: x + value * a / b,
    "lerp": lambda x, y, w: x + w * (y - x), "clamp": _clamp,
    "clamp_max": lambda x, m: np.minimum(x, m), "clamp_min": lambda x, m: np.maximum(x, m),
    "round": lambda x, decimals=0: np.round(x, decimals),
    "nan_to_num": lambda x, nan=0.0, posinf=None, neginf=None:
        np.nan_to_num(x, nan=nan or 0.0, posinf=posinf, neginf=neginf),
    "where": lambda x, condition, y: _where(condition, x, y),
    "masked_fill": lambda x, mask, value: tg.where(mask, value, x),
    # reductions
    "sum": reduced(np.sum), "mean": reduced(np.mean), "amax": reduced(np.max),
    "amin": reduced(np.min), "nansum": reduced(np.nansum), "nanmean": reduced(np.nanmean),
    "prod": reduced(np.prod), "logsumexp": reduced(tg.logsumexp),
    "max": _extreme(reduced(np.max), np.maximum), "min": _extreme(reduced(np.min), np.minimum),
    "var": _spread(np.var), "std": _spread(np.std), "std_mean": _std_mean(np.std),
    "var_mean": _std_mean(np.var),
    "aminmax": lambda x, dim=None, keepdim=False: (reduced(np.min)(x, dim, keepdim),
                                                   reduced(np.max)(x, dim, keepdim)),
    "median": None, "quantile": _quantile(np.quantile), "nanquantile": _quantile(np.nanquantile),
    "cumsum": along(lambda x, d: np.cumsum(x, d) if np.ndim(x) else x),
    "cumprod": along(lambda x, d: np.cumprod(x, d) if np.ndim(x) else x),
    "cummax": _cummax, "cummin": _cummin, "logcumsumexp": _logcumsumexp,
    "trapezoid": lambda y, x=None, dim=-1, dx=1.0: np.trapezoid(y, x, dx=dx, axis=dim),
    "trapz": lambda y, x=None, dim=-1, dx=1.0: np.trapezoid(y, x, dx=dx, axis=dim),
    "diff": lambda x, n=1, dim=-1, prepend=None, append=None: np.diff(
        x, n, dim, **{k: v for k, v in (("prepend", prepend), ("append", append))
                      if v is not None}) if n else _left(),
    "cov": lambda x, correction=1, fweights=None, aweights=None: np.cov(
        x, ddof=correction, fweights=None if fweights is None else np.asarray(fweights),
        aweights=aweights),
    "corrcoef": np.corrcoef, "sort": _sorted_, "msort": lambda x: np.sort(x, 0), "topk": _topk,
    "norm": _norm, "dist": _dist, "softmax": _softmax(tg.softmax),
    "log_softmax": _softmax(tg.log_softmax),
    "nn.functional.softmin": _softmax(lambda x, axis: tg.softmax(-x, axis=axis)),
    # shapes and entries
    "T": lambda x: x.T, "mT": lambda x: x.mT, "t": lambda x: x.T,
    "reshape": lambda x, s: np.reshape(x, tuple(s)), "view": lambda x, s: np.reshape(x, tuple(s)),
    "reshape_as": lambda x, y: np.reshape(x, np.shape(y)),
    "view_as": lambda x, y: np.reshape(x, np.shape(y)),
    "flatten": lambda x, *a, **k: np.reshape(x, -1) if not a and not k else _left(),
    "squeeze": lambda x, *a: np.squeeze(x, *map(_plain_axis, a)) if not a or _ones(x, a[0])
               else _left(),
    "unsqueeze": lambda x, d: np.expand_dims(x, d),
    "permute": lambda x, d: np.transpose(x, tuple(d)), "transpose": _axes_swapped,
    "movedim": lambda x, a, b: np.moveaxis(x, a, b),
    "flip": lambda x, dims: np.flip(x, tuple(dims)),
    "rot90": lambda x, k=1, dims=(0, 1): np.rot90(x, k, tuple(dims)),
    "roll": lambda x, shifts, dims=None: np.roll(x, shifts, dims if dims != () else None),
    "broadcast_to": lambda x, s: np.broadcast_to(x, tuple(s)),
    "expand_as": lambda x, y: np.broadcast_to(x, np.shape(y)),
    "broadcast_tensors": lambda *a: np.broadcast_arrays(*a),
    "cat": lambda a, dim=0: np.concatenate([x for x in a if np.shape(x) != (0,)] or a, dim),
    "stack": lambda a, dim=0: np.stack(a, dim), "hstack": lambda a: np.hstack(a),
    "vstack": lambda a: np.vstack(a), "dstack": lambda a: np.dstack(a),
    "column_stack": lambda a: np.column_stack(a),
    "split": lambda x, n, dim=0: _left(), "chunk": None,
    "hsplit": lambda x, n: np.hsplit(x, n if np.ndim(n) == 0 else list(n)),
    "vsplit": lambda x, n: np.vsplit(x, n if np.ndim(n) == 0 else list(n)),
    "dsplit": lambda x, n: np.dsplit(x, n if np.ndim(n) == 0 else list(n)),
    "tensor_split": lambda x, n, dim=0: np.array_split(
        x, n if isinstance(n, int) else np.asarray(n).tolist(), dim),
    "unbind": lambda x, dim=0: np.unstack(x, axis=dim),
    "tile": lambda x, d: np.tile(x, tuple(d)), "repeat": lambda x, d: np.tile(x, tuple(d)),
    "repeat_interleave": lambda x, repeats, dim=None, output_size=None: np.repeat(
        x, np.asarray(repeats), dim),
    "tril": lambda x, k=0: np.tril(x, k), "triu": lambda x, k=0: np.triu(x, k),
    "trace": np.trace, "diag": lambda x, k=0: np.diag(x, k),
    "diagonal": lambda x, offset=0, dim1=0, dim2=1: np.diagonal(x, offset, dim1, dim2),
    "linalg.diagonal": lambda x, offset=0, dim1=-2, dim2=-1: np.diagonal(x, offset, dim1, dim2),
    "gather": _one_along, "take_along_dim": lambda x, i, dim=None: np.take_along_axis(
        np.broadcast_to(x, tuple(n if k == dim % np.ndim(x) else max(n, m) for k, (n, m) in
                                 enumerate(zip(np.shape(x), np.shape(i), strict=True))))
        if dim is not None else x, np.asarray(i) if dim is not None else _left(), dim),
    "take": lambda x, i: np.take(x, np.asarray(i)),
    "index_select": lambda x, dim, i: np.take(np.atleast_1d(x), np.asarray(i), dim)
                    if np.ndim(x) else _left(),
    "index_add": _index_add,
    "select": lambda x, dim, i: np.take(x, i, dim), "__getitem__": lambda x, *i: x[_index(i)],
    "narrow": lambda x, dim, start, n: np.take(x, np.arange(int(start), int(start) + n), dim)
              if np.ndim(start) == 0 and int(start) >= 0 else _left(),
    "masked_select": lambda x, m: np.broadcast_to(x, np.broadcast_shapes(np.shape(x), np.shape(m)))[
        np.broadcast_to(np.asarray(m), np.broadcast_shapes(np.shape(x), np.shape(m)))],
    "nn.functional.pad": _pad, "constant_pad_nd": lambda x, p, value=0: _pad(x, p, value=value),
    "meshgrid": _meshgrid, "unflatten": None, "clone": lambda x, **k: np.copy(x),
    "block_diag": None, "fill": lambda x, value: np.full_like(x, value),
    **{f"atleast_{n}d": lambda x, *more, n=n: getattr(np, f"atleast_{n}d")(
        *(x if isinstance(x, (list, tuple)) else [x]), *more) for n in (1, 2, 3)},
    # products
    "matmul": np.matmul, "mm": np.matmul, "bmm": np.matmul, "mv": np.matmul, "dot": np.dot,
    "addmm": _addmm, "addmv": _addmm, "addr": lambda c, a, b, beta=1, alpha=1:
        c * beta + np.outer(a, b) * alpha if beta else _left(),
    "baddbmm": _addmm, "addbmm": lambda c, a, b, beta=1, alpha=1:
        c * beta + (a @ b).sum(0) * alpha if beta else _left(),
    "einsum": lambda operands, equation: np.einsum(equation, *operands),
    "tensordot": lambda x, y, dims=2: np.tensordot(
        x, y, dims if isinstance(dims, int) else tuple(map(tuple, dims)))
        if np.shape(x)[-1:] != (1,) else _left(),
    "nn.functional.linear": lambda x, w, b=None: x @ w.T if b is None else x @ w.T + b,
    "nn.functional.bilinear": lambda a, b, w, c=None: _bilinear(a, b, w, c),
    "linalg.multi_dot": lambda a: np.linalg.multi_dot(a),
    "linalg.vecdot": lambda x, y, dim=-1: np.vecdot(x, y, axis=dim),
    "linalg.cross": lambda x, y, dim=-1: np.linalg.cross(x, y, axis=dim),
    # linear algebra
    "linalg.det": np.linalg.det, "linalg.inv": np.linalg.inv, "logdet": lambda x:
        np.linalg.slogdet(x)[1] if (np.linalg.det(x.numpy()) > 0).all() else _left(),
    "linalg.slogdet": lambda x: tuple(np.linalg.slogdet(x)),
    "linalg.cholesky": lambda x, upper=False: np.linalg.cholesky((x + x.mT) / 2, upper=upper),
    "cholesky": lambda x, upper=False: np.linalg.cholesky((x + x.mT) / 2, upper=upper),
    "linalg.eigvalsh": _symmetric(np.linalg.eigvalsh), "linalg.svdvals": np.linalg.svdvals,
    "linalg.eigh": _symmetric(lambda x, UPLO: np.linalg.eigvalsh(x, UPLO)),
    "linalg.solve": lambda a, b, left=True: np.linalg.solve(a, b)
                    if (left and np.ndim(b) != np.ndim(a) - 1) or np.ndim(b) == 1 else _left(),
    "linalg.pinv": lambda x, *a, **k: np.linalg.pinv(x) if not a and not
                   {n for n in k if n != "hermitian" or k[n]} else _left(),
    "pinverse": np.linalg.pinv,
    "linalg.matrix_power": lambda x, n: np.linalg.matrix_power(x, n),
    "linalg.norm": lambda x, *a, **k: _left() if k.get("dtype") is not None else np.linalg.norm(
        x, *a, **{{"dim": "axis", "keepdim": "keepdims"}.get(n, n): tuple(v) if type(v) is list
                  else v for n, v in k.items() if n != "dtype"}),
    "linalg.vector_norm": _vector_norm, "linalg.matrix_norm": _matrix_norm,
    "linalg.cond": lambda x, p=None: np.linalg.cond(x, p),
    "linalg.tensorinv": lambda x, ind=2: np.linalg.tensorinv(x, ind),
    "linalg.tensorsolve": lambda a, b, dims=None: np.linalg.tensorsolve(a, b, dims),
    "linalg.vander": lambda x, N=None: np.vander(x, N, increasing=True) if np.ndim(x) == 1
                     else _left(),
    "linalg.qr": lambda x, mode="reduced": tuple(np.linalg.qr(x, mode)),
    # networks
    **{f"nn.functional.{n}": plain(getattr(tg, n)) for n in
       "relu relu6 softplus softsign mish silu hardsigmoid hardswish selu".split()},
    "nn.functional.logsigmoid": tg.log_sigmoid,
    "nn.functional.elu": lambda x, alpha=1.0: tg.elu(x, alpha),
    "nn.functional.celu": lambda x, alpha=1.0: tg.celu(x, alpha),
    "nn.functional.gelu": lambda x, approximate="none": tg.gelu(x, approximate),
    "nn.functional.leaky_relu": lambda x, negative_slope=0.01: tg.leaky_relu(x, negative_slope),
    "nn.functional.hardtanh": lambda x, min_val=-1.0, max_val=1.0: tg.hardtanh(x, min_val, max_val),
    "nn.functional.glu": lambda x, dim=-1: tg.glu(x, dim),
    "nn.functional.prelu": lambda x, weight: _left() if not np.ndim(
        x) else tg.prelu(x, weight if np.ndim(x) < 2 or np.size(
        weight) == 1 else np.reshape(weight, (-1, *[1] * (np.ndim(x) - 2)))),
    "nn.functional.tanhshrink": lambda x: x - np.tanh(x),
    "nn.functional.conv1d": _conv, "nn.functional.conv2d": _conv, "nn.functional.conv3d": _conv,
    **{f"nn.functional.conv_transpose{n}d": _conv_transpose for n in (1, 2, 3)},
    **{f"nn.functional.max_pool{n}d": _pool(tg.max_pool, n) for n in (1, 2, 3)},
    **{f"nn.functional.avg_pool{n}d": _pool(tg.avg_pool, n) for n in (1, 2, 3)},
    **{f"nn.functional.adaptive_{k}_pool{n}d": adaptive for n in (1, 2, 3)
       for k, adaptive in ()},
    "nn.functional.layer_norm": _layer_norm, "nn.functional.rms_norm": _rms_norm,
    "nn.functional.batch_norm": _batch_norm,
    "nn.functional.group_norm": lambda x, groups, weight=None, bias=None, eps=1e-5:
        tg.group_norm(x, groups, weight, bias, eps),
    "nn.functional.cross_entropy": _cross_entropy, "nn.functional.nll_loss": _nll,
    "nn.functional.mse_loss": loss(tg.mse), "nn.functional.l1_loss": loss(tg.mae),
    "nn.functional.huber_loss": loss(tg.huber), "nn.functional.smooth_l1_loss": _smooth_l1,
    "nn.functional.binary_cross_entropy": None,
    "nn.functional.binary_cross_entropy_with_logits": loss(tg.binary_cross_entropy_with_logits),
    "nn.functional.cosine_similarity": lambda a, b, dim=1, eps=1e-8:
        tg.cosine_similarity(a, b, dim, eps) if np.ndim(a) > 1 else _left(),
    "nn.functional.scaled_dot_product_attention": _attention,
    "nn.functional.embedding": _embedding,
}  # fmt: skip
OURS = {name: f for name, f in OURS.items() if f is not None}


def _left(*_: Any) -> Any:
    raise Left


def _plain_axis(d: Any) -> Any:
    return tuple(d) if isinstance(d, (list, tuple)) else d


def _ones(x: Any, d: Any) -> bool:
    dims = d if isinstance(d, (list, tuple)) else [d]
    return bool(np.ndim(x)) and all(np.shape(x)[i] == 1 for i in dims)


def _is_cut(x: Any, i: Any, dim: int) -> bool:
    return np.ndim(x) == np.ndim(i) and np.ndim(x) > 0


def _index(i: Any) -> Any:
    parts = i[0] if len(i) == 1 else i
    if isinstance(parts, list) and all(isinstance(p, int) for p in parts):
        return parts
    if isinstance(parts, (list, tuple)):
        return tuple(_index([p]) if isinstance(p, (list, tuple)) else p for p in parts)
    return parts


def _bilinear(a: Any, b: Any, w: Any, c: Any) -> Any:
    y = np.einsum("...i,oij,...j->...o", a, w, b)
    return y if c is None else y + c


# -- both at one sample ----------------------------------------------------------------------------


def leaves(value: Any) -> list[Any]:
    """The tensors that require a gradient, wherever they are."""
    if isinstance(value, torch.Tensor):
        return [value] if value.requires_grad else []
    if isinstance(value, (list, tuple)):
        return [x for v in value for x in leaves(v)]
    return [x for v in value.values() for x in leaves(v)] if isinstance(value, dict) else []


def converted(value: Any, given: dict[int, Any]) -> Any:
    """The arguments for ours, with the leaves that are given."""
    if isinstance(value, torch.Tensor):
        if value.dtype is torch.float32:
            raise Left  # in which PyTorch computes
        if id(value) in given:
            return given[id(value)]
        array = value.detach().resolve_conj().numpy()
        return tg.Tensor(array) if array.dtype.kind == "f" else array
    if isinstance(value, (list, tuple)):
        return type(value)(converted(v, given) for v in value) if type(value) in (
            list, tuple) else [converted(v, given) for v in value]  # fmt: skip
    if isinstance(value, dict):
        return {k: converted(v, given) for k, v in value.items()}
    return value


def floats(found: Any, is_float: Callable[[Any], bool]) -> list[Any]:
    """The results that have gradients."""
    parts = found if isinstance(found, (list, tuple)) else [found]
    return [p for p in parts if is_float(p)]


def _by_pytorch(op: Any, sample: Any, weights: Any, vectors: Any) -> Any:
    xs = leaves([sample.input, sample.args, sample.kwargs])
    found = op.op(sample.input, *sample.args, **sample.kwargs)
    if op.name == "linalg.eigh":
        found = found[0]
    found = floats(found, lambda y: isinstance(y, torch.Tensor) and y.dtype == torch.float64)
    total = sum(
        (y * torch.from_numpy(w(y.shape))).sum() for y, w in zip(found, weights, strict=False)
    )
    grads = torch.autograd.grad(total, xs, create_graph=True, allow_unused=True) if (
        isinstance(total, torch.Tensor) and total.requires_grad) else [None] * len(xs)  # fmt: skip
    grads = [torch.zeros_like(x) if g is None else g for g, x in zip(grads, xs, strict=True)]
    pushed = sum(
        (g * torch.from_numpy(v(g.shape))).sum() for g, v in zip(grads, vectors, strict=False)
    )
    seconds = [None] * len(xs)
    if isinstance(pushed, torch.Tensor) and pushed.requires_grad:
        seconds = torch.autograd.grad(pushed, xs, allow_unused=True)
    seconds = [torch.zeros_like(x) if g is None else g for g, x in zip(seconds, xs, strict=True)]
    return [[y.detach().numpy() for y in group] for group in (found, grads, seconds)]


def _by_us(f: Any, sample: Any, weights: Any, vectors: Any) -> Any:
    xs = leaves([sample.input, sample.args, sample.kwargs])
    arrays = [x.detach().numpy().copy() for x in xs]
    values: list[Any] = []

    def total(*tensors: Any) -> Any:
        given = dict(zip(map(id, xs), tensors, strict=True))
        call = [converted(v, given) for v in (sample.input, sample.args, sample.kwargs)]
        found = f(call[0], *call[1], **call[2])
        found = floats(found, lambda y: getattr(y, "dtype", None) == np.float64)
        values[:] = [np.asarray(y.detach() if isinstance(y, tg.Tensor) else y) for y in found]
        pairs = [(y * w(np.shape(y))).sum() for y, w in zip(found, weights, strict=False)]
        zero = sum(t.sum() * 0.0 for t in tensors)
        return sum(pairs) + zero

    numbers = tuple(range(len(xs)))
    first = tg.grad(total, numbers)

    def pushed(*tensors: Any) -> Any:
        return sum((g * v(g.shape)).sum() for g, v in zip(first(*tensors), vectors, strict=False))

    grads = [g.numpy() for g in first(*arrays)]
    kept = list(values)
    seconds = [g.numpy() for g in tg.grad(pushed, numbers)(*arrays)]
    return [kept, grads, seconds]


def _is_close(ours: Any, theirs: Any) -> bool:
    if len(ours) != len(theirs):
        return False
    for a, b in zip(ours, theirs, strict=True):
        if a.shape != b.shape:
            return False
        finite = np.isfinite(b)
        scale = max(1.0, np.abs(b[finite]).max(initial=0.0))
        if not np.allclose(a, b, rtol=CLOSE, atol=CLOSE * scale, equal_nan=True):
            return False
    return True


def drawn(seed: int) -> list[Any]:
    """Weights for any number of results of any shape, the same for both."""

    def of(i: int) -> Any:
        return lambda shape: np.random.default_rng([seed, i]).normal(size=tuple(shape))

    return [of(i) for i in range(64)]


def compared(op: Any, f: Any) -> tuple[Counter[str], list[str]]:
    """How many samples of an operator agree, differ, and are _left out; and what differs."""
    counts, odd = Counter[str](), list[str]()
    weights, vectors = drawn(1), drawn(2)
    samples = op.sample_inputs("cpu", torch.float64, requires_grad=True)
    for k, sample in zip(range(SAMPLES), samples, strict=False):
        try:
            theirs = _by_pytorch(op, sample, weights, vectors)
        except RuntimeError:  # no second derivative, say
            counts["left out"] += 1
            continue
        try:
            with np.errstate(all="ignore"):
                ours = _by_us(f, sample, weights, vectors)
        except Left:
            counts["left out"] += 1
            continue
        except Exception as error:
            counts["refused"] += 1
            odd.append(f"{op.name} {k}: {type(error).__name__}: {str(error)[:150]}")
            continue
        wrong = [name for name, a, b in zip(("value", "gradient", "second"), ours, theirs,
                                            strict=True) if not _is_close(a, b)]  # fmt: skip
        counts["differ" if wrong else "agreed"] += 1
        if wrong:
            shapes = [tuple(x.shape) for x in leaves([sample.input, sample.args])]
            odd.append(f"{op.name} {k} {shapes} {sample.args!s:.80} {sample.kwargs!s:.60}: {wrong}")
    return counts, odd


def main() -> None:
    """Print a row for each operator, and what differs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="operators whose names contain this")
    only = parser.parse_args().only
    torch.set_num_threads(1)
    total, odd, names = Counter[str](), list[str](), set[str]()
    print("| operator | samples | agreed | differ | refused | _left out |")
    print("|---|---|---|---|---|---|")
    for op in op_db:
        f = OURS.get(op.name)
        if f is None or only not in op.name or not op.supports_autograd:
            continue
        counts, strange = compared(op, f)
        odd += strange
        total += counts
        if counts["agreed"]:
            names.add(op.name)
        label = op.name + (f" ({op.variant_test_name})" if op.variant_test_name else "")
        cells = [counts[k] for k in ("agreed", "differ", "refused", "left out")]
        print(f"| {label} | {counts.total()} | " + " | ".join(map(str, cells)) + " |", flush=True)
    print(f"\n{len(names)} operators: {dict(total)}")
    print("\n".join(odd))


if __name__ == "__main__":
    main()
