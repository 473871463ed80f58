"""Compositions of ops: the losses. They have no derivative rules of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from .core import Tensor
from .define import implements
from .modes import check, is_known
from .ops.elementwise import equal, rint, sigmoid_cross_entropy, softplus, where
from .ops.linalg import matmul
from .ops.reductions import cumsum, log_softmax
from .ops.shape import concatenate, flip, swapaxes


def _where_numpy_has(name: str) -> list[Any]:
    """NumPy's function of this name, which the oldest NumPy lacks."""
    return [getattr(np, name)] if hasattr(np, name) else []


def as_tensor(x: Any) -> Tensor:
    """`x` itself if it is a Tensor, else a constant that holds it."""
    return x if isinstance(x, Tensor) else Tensor(x, copy=False)


def log_sigmoid(x: Any) -> Tensor:
    """log(sigmoid(x)): right even where sigmoid itself would be 0.

    >>> import tinygrad_edu as tg
    >>> tg.log_sigmoid(-1000.0).item()
    -1000.0
    """
    return -softplus(-as_tensor(x))


def mse(prediction: Any, target: Any) -> Tensor:
    """The mean squared error, over all entries; both of one shape.

    >>> import tinygrad_edu as tg
    >>> tg.mse([1.0, 3.0], [0.0, 1.0]).item()
    2.5
    """
    p, t = _alike("mse", prediction, target)
    return ((p - t) ** 2).mean()


def binary_cross_entropy(probability: Any, target: Any) -> Tensor:
    """-mean(y ln p + (1 - y) ln(1 - p)): probabilities and targets of one shape (article 000, the loss function).

    A probability of exactly 0 or 1 counts as the dtype's smallest positive number away from it, so that the loss stays finite.
    From the scores before the sigmoid, `binary_cross_entropy_with_logits` is exact.

    >>> import tinygrad_edu as tg
    >>> round(tg.binary_cross_entropy([0.9, 0.1], [1.0, 0.0]).item(), 6)
    0.105361
    """
    p, y = _alike("binary_cross_entropy", probability, target)
    _from_0_to_1("probabilities", p, "apply sigmoid() first, or use binary_cross_entropy_with_logits")
    _from_0_to_1("targets", y, "write (y + 1) / 2 for -1 and 1, y / y.max() for 0 to 255, one-hot rows and cross_entropy for classes")
    return -(y * p.safe_log() + (1 - y) * (1 - p).safe_log()).mean()


def _from_0_to_1(what: str, t: Tensor, instead: str) -> None:
    """Raise if an entry is no probability. What a sigmoid gives is one, and need not be looked at."""
    if t.op is not None and t.op.range == (0.0, 1.0):
        return

    def refuse(values: Any) -> None:
        if values.size and (values.min() < 0 or values.max() > 1):
            raise ValueError(f"binary_cross_entropy takes {what} from 0 to 1, these reach from {values.min()} to {values.max()}: {instead}")

    check(t, refuse)


def binary_cross_entropy_with_logits(logits: Any, target: Any) -> Tensor:
    """binary_cross_entropy(sigmoid(z), y), computed from the scores z: exact for any score z.

    >>> import tinygrad_edu as tg
    >>> tg.binary_cross_entropy_with_logits([1000.0, -1000.0], [0.0, 0.0]).item()
    500.0
    """
    z, y = _alike("binary_cross_entropy_with_logits", logits, target)
    return sigmoid_cross_entropy(z, y).mean()


def cross_entropy(logits: Any, target: Any) -> Tensor:
    """The mean of -log softmax(z) at the target class, from scores z of shape (..., classes).

    The target is either class numbers, integers of shape (...), or probabilities of the shape of z, such as one-hot rows.

    >>> import tinygrad_edu as tg
    >>> round(tg.cross_entropy([[2.0, 0.0], [0.0, 0.0]], [0, 1]).item(), 6)
    0.410038
    """
    z, y = as_tensor(logits), target if type(target) is np.ndarray else as_tensor(target)
    logs = log_softmax(z)
    if y.dtype.kind in "iu" and y.shape == z.shape[:-1]:

        def refuse(labels: Any) -> None:
            if labels.size and not (0 <= labels.min() and labels.max() < z.shape[-1]):
                raise ValueError(
                    f"cross_entropy has scores for classes 0 to {z.shape[-1] - 1}, the labels reach from {labels.min()} to {labels.max()}"
                )

        check(as_tensor(y), refuse)
        if type(y) is Tensor and not is_known(y):
            y = equal(y.expand_dims(-1), np.arange(z.shape[-1]))
            return -(y * logs).sum(axis=-1).mean()
        labels = np.asarray(y)
        places = (np.arange(len(labels)),) if labels.ndim == 1 else np.indices(labels.shape, sparse=True)
        return -logs[(*places, labels)].mean()
    y = as_tensor(y)
    if y.shape != z.shape:
        raise ValueError(
            f"cross_entropy takes scores of shape (..., classes), here {z.shape}, and as target integers of shape {z.shape[:-1]} "
            f"or probabilities of shape {z.shape}, not {y.dtype} of shape {y.shape}"
        )
    if not is_known(z) or np.isneginf(logs.numpy()).any():  # 0 times the log of 0: a class that is ruled out, and not the target
        return -(y * where(y == 0, 0.0, logs)).sum(axis=-1).mean()
    return -(y * logs).sum(axis=-1).mean()


@implements(np.dot)
def dot(a: Any, b: Any) -> Tensor:
    """np.dot for vectors and matrices, and for numbers; for stacks of matrices write `a @ b`.

    >>> import tinygrad_edu as tg
    >>> tg.dot([1.0, 2.0], [3.0, 4.0]).item()
    11.0
    """
    left, right = as_tensor(a), as_tensor(b)
    if left.ndim == 0 or right.ndim == 0:
        return left * right
    if right.ndim > 2:
        raise ValueError(
            f"dot pairs the last axis of a with the second to last of b, for shapes {left.shape} and {right.shape}: write a @ b for stacks"
        )
    return matmul(left, right)


@implements(np.outer, np.linalg.outer)
def outer(a: Any, b: Any) -> Tensor:
    """The product of every entry of `a` with every entry of `b`, as a matrix.

    >>> import tinygrad_edu as tg
    >>> tg.outer([1.0, 2.0], [3.0, 4.0]).tolist()
    [[3.0, 4.0], [6.0, 8.0]]
    """
    return as_tensor(a).reshape(-1, 1) * as_tensor(b).reshape(-1)


@implements(np.ravel)
def _ravel(a: Any) -> Tensor:
    return as_tensor(a).reshape(-1)


@implements(np.atleast_1d)
def _atleast_1d(*arrays: Any) -> Any:
    """np.atleast_1d; of a constant an array: so SciPy's optimizers ask for a gradient, to give it to code in C."""
    found = [_row(t) if t._requires_grad or not t.is_leaf or not is_known(t) else np.atleast_1d(t.numpy()) for t in map(as_tensor, arrays)]
    return tuple(found) if len(found) > 1 else found[0]


def _row(t: Tensor) -> Tensor:
    return t if t.ndim else t.reshape(1)


@implements(np.bincount)
def _bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    places = np.asarray(x).astype(np.intp, casting="safe")
    if type(weights) is not Tensor:
        return np.bincount(places, weights, minlength)
    return as_tensor(np.zeros(max(minlength, places.max(initial=-1) + 1), weights.dtype)).at[places].add(weights)


@implements(np.broadcast_arrays)
def _broadcast_arrays(*arrays: Any) -> tuple[Any, ...]:
    shape = np.broadcast_shapes(*map(np.shape, arrays))
    return tuple([np.broadcast_to(a, shape) for a in arrays])


@implements(np.vstack)
def _vstack(arrays: Any) -> Tensor:
    return concatenate([t if t.ndim > 1 else t.reshape(1, t.size) for t in map(as_tensor, arrays)])


@implements(np.hstack)
def _hstack(arrays: Any) -> Tensor:
    tensors = [_row(as_tensor(a)) for a in arrays]
    return concatenate(tensors, axis=int(tensors[0].ndim > 1))


@implements(np.column_stack)
def _column_stack(tup: Any) -> Tensor:
    return concatenate([t if t.ndim > 1 else t.reshape(-1, 1) for t in map(as_tensor, tup)], axis=1)


@implements(np.matrix_transpose, np.linalg.matrix_transpose)
def _matrix_transpose(x: Any) -> Tensor:
    return swapaxes(as_tensor(x), -1, -2)


@implements(np.vdot)
def _vdot(a: Any, b: Any) -> Tensor:
    return matmul(as_tensor(a).ravel(), as_tensor(b).ravel())


@implements(np.vecdot, np.linalg.vecdot)
def _vecdot(x1: Any, x2: Any, *, axis: int = -1) -> Tensor:
    product: Tensor = as_tensor(x1) * x2
    return product.sum(axis)


@implements(*_where_numpy_has("matvec"))
def _matvec(x1: Any, x2: Any) -> Tensor:
    return matmul(x1, as_tensor(x2)[..., None])[..., 0]


@implements(*_where_numpy_has("vecmat"))
def _vecmat(x1: Any, x2: Any) -> Tensor:
    return matmul(as_tensor(x1)[..., None, :], x2)[..., 0, :]


@implements(*_where_numpy_has("cumulative_sum"))
def _cumulative_sum(x: Any, /, *, include_initial: bool = False, axis: int | None = None, **more: Any) -> Tensor:
    t = as_tensor(x)
    if axis is None and t.ndim > 1:
        raise ValueError(f"cumulative_sum of {t.label()} of shape {t.shape} needs an axis: write np.cumulative_sum(t, axis=0)")
    axis = -1 if axis is None else axis
    y = cumsum(t, axis, **more)
    return concatenate([np.zeros_like(t._array.take([0], axis)), y], axis) if include_initial else y


@implements(np.fliplr)
def _fliplr(m: Any) -> Tensor:
    return flip(m, 1)


@implements(np.flipud)
def _flipud(m: Any) -> Tensor:
    return flip(m, 0)


@implements(np.round, np.around)
def _round(a: Any, decimals: int = 0, out: None = None) -> Tensor:
    if not decimals:
        return rint(a)
    scale = 10.0 ** abs(decimals)
    return rint(a * scale) / scale if decimals > 0 else rint(a / scale) * scale


def _alike(loss: str, prediction: Any, target: Any) -> tuple[Tensor, Tensor]:
    """Both as Tensors of one shape: (4, 1) against (4,) would silently broadcast to (4, 4)."""
    p, t = as_tensor(prediction), as_tensor(target)
    if p.dtype.kind == "f" and (t.dtype.kind != "f" or isinstance(target, (list, tuple, float))):  # labels do not widen float32
        t = t.astype(p.dtype)
    if p.shape != t.shape and t.size != 1:
        raise ValueError(
            f"{loss} compares entry with entry, {p.label()} has shape {p.shape} and the target {t.shape}: "
            + (f"write target.reshape({p.shape})" if p.size == t.size else "they must be equal")
        )
    return p, t
