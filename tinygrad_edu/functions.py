"""Compositions of ops: the losses. They have no derivative rules of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from .engine.overrides import implements
from .engine.recording import check, is_known
from .engine.tensor import Tensor
from .ops.elementwise import equal, sigmoid_cross_entropy, softplus, where
from .ops.linalg import matmul
from .ops.reductions import log_softmax


def as_tensor(x: Any) -> Tensor:
    """`x` itself if it is a Tensor, else a constant that holds it."""
    return x if isinstance(x, Tensor) else Tensor(x, copy=False)


def as_floats(x: Any) -> Tensor:
    """The same, of whole numbers and booleans as floats: pixels of 0 to 255 would wrap around."""
    t = as_tensor(x)
    return t if t.dtype.kind == "f" else t.astype(float)


def log_sigmoid(x: Any) -> Tensor:
    """log(sigmoid(x)): right even where sigmoid itself would be 0.

    >>> import tinygrad_edu as tg
    >>> tg.log_sigmoid(-1000.0).item()
    -1000.0
    """
    return -softplus(-as_floats(x))


def reduced(costs: Tensor, reduction: str) -> Tensor:
    """The mean or the sum of the costs of examples, or all of them for "none"."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction is 'mean', 'sum' or 'none', not {reduction!r}")
    return costs if reduction == "none" else costs.mean() if reduction == "mean" else costs.sum()


def mse(prediction: Any, target: Any, reduction: str = "mean") -> Tensor:
    """The mean squared error, over all entries; both of one shape.

    With `reduction="sum"` their sum, with "none" the square of each.

    >>> import tinygrad_edu as tg
    >>> tg.mse([1.0, 3.0], [0.0, 1.0]).item()
    2.5
    """
    p, t = alike("mse", prediction, target)
    return reduced((p - t) ** 2, reduction)


def binary_cross_entropy(probability: Any, target: Any, reduction: str = "mean") -> Tensor:
    """-mean(y ln p + (1 - y) ln(1 - p)): probabilities and targets of one shape (article 000).

    A probability of exactly 0 or 1 counts as the dtype's smallest positive number away from it, so
    that the loss stays finite. From the scores before the sigmoid,
    `binary_cross_entropy_with_logits` is exact.

    >>> import tinygrad_edu as tg
    >>> round(tg.binary_cross_entropy([0.9, 0.1], [1.0, 0.0]).item(), 6)
    0.105361
    """
    p, y = alike("binary_cross_entropy", probability, target)
    scores = "apply sigmoid() first, or use binary_cross_entropy_with_logits"
    _from_0_to_1("probabilities", p, scores)
    labels = (
        "write (y + 1) / 2 for -1 and 1, y / y.max() for 0 to 255, "
        "one-hot rows and cross_entropy for classes"
    )
    _from_0_to_1("targets", y, labels)
    return -reduced(y * p.safe_log() + (1 - y) * (1 - p).safe_log(), reduction)


def _from_0_to_1(what: str, t: Tensor, instead: str) -> None:
    """Raise if an entry is no probability; what a sigmoid gives is one, and is not looked at."""
    if t.op is not None and t.op.range == (0.0, 1.0):
        return

    def refuse(values: Any) -> None:
        if values.size and (values.min() < 0 or values.max() > 1):
            raise ValueError(
                f"binary_cross_entropy takes {what} from 0 to 1, "
                f"these reach from {values.min()} to {values.max()}: {instead}"
            )

    check(t, refuse)


def binary_cross_entropy_with_logits(logits: Any, target: Any, reduction: str = "mean") -> Tensor:
    """binary_cross_entropy(sigmoid(z), y), computed from the scores z: exact for any score z.

    >>> import tinygrad_edu as tg
    >>> tg.binary_cross_entropy_with_logits([1000.0, -1000.0], [0.0, 0.0]).item()
    500.0
    """
    z, y = alike("binary_cross_entropy_with_logits", logits, target)
    return reduced(sigmoid_cross_entropy(z, y), reduction)


def cross_entropy(
    logits: Any,
    target: Any,
    reduction: str = "mean",
    *,
    weight: Any = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """The mean of -log softmax(z) at the target class, from scores z of shape (..., classes).

    The target is either class numbers, integers of shape (...), or probabilities of the shape of z,
    such as one-hot rows. `weight` has a number for each class, and the mean over labels is then
    weighted; labels equal to `ignore_index` count for nothing; of `label_smoothing` each class gets
    an equal share. `reduction` is "mean", "sum" or "none".

    >>> import tinygrad_edu as tg
    >>> round(tg.cross_entropy([[2.0, 0.0], [0.0, 0.0]], [0, 1]).item(), 6)
    0.410038
    """
    z, y = as_floats(logits), target if type(target) is np.ndarray else as_tensor(target)
    if z.op is not None and z.op.range == (0.0, 1.0):
        raise ValueError(
            "cross_entropy takes scores, of which it takes the softmax itself, "
            f"and {z.label()} is from 0 to 1: leave it out"
        )
    logs = log_softmax(z)
    if y.dtype.kind in "iu" and y.shape == z.shape[:-1]:
        if weight is not None or ignore_index is not None or label_smoothing:
            costs: Tensor = _weighted(logs, y, reduction, weight, ignore_index, label_smoothing)
            return costs
        return -reduced(true_class("cross_entropy", logs, y), reduction)
    y = as_tensor(y)
    if y.shape != z.shape:
        raise ValueError(
            f"cross_entropy takes scores of shape (..., classes), here {z.shape}, "
            f"and as target integers of shape {z.shape[:-1]} "
            f"or probabilities of shape {z.shape}, not {y.dtype} of shape {y.shape}"
        )
    if z.shape[-1:] == (1,):
        check(y, _not_of_one_class)
    if ignore_index is not None:
        raise TypeError(
            "ignore_index is one of the class numbers, and the target has probabilities: "
            "write a weight of 0 for what does not count, or leave the rows out"
        )
    y = y.astype(z.dtype) if y.dtype.kind != "f" else y
    if label_smoothing:
        y = (1 - _share(label_smoothing)) * y + label_smoothing / z.shape[-1]
    if weight is not None:
        y = y * _class_weights(weight, logs)
    if not is_known(z) or np.isneginf(logs.numpy()).any():
        # 0 times the log of 0: a class that is ruled out, and not the target
        return -reduced((y * where(y == 0, 0.0, logs)).sum(axis=-1), reduction)
    return -reduced((y * logs).sum(axis=-1), reduction)


def _share(smoothing: float) -> float:
    if not 0 <= smoothing <= 1:
        raise ValueError(f"label_smoothing is a share, from 0 to 1, not {smoothing!r}")
    return smoothing


def _class_weights(weight: Any, logs: Any) -> Any:
    each = weight if type(weight) is Tensor else np.asarray(weight, logs.dtype)
    if each.shape != logs.shape[-1:]:
        raise ValueError(
            f"weight has a number for each of {logs.shape[-1]} classes, and here has shape "
            f"{each.shape}"
        )
    return each


def _weighted(
    logs: Any, y: Any, reduction: str, weight: Any, ignore_index: int | None, smoothing: float
) -> Any:
    """The cross entropy of class numbers, of which some count for more than others."""
    classes = logs.shape[-1]
    each = _class_weights(np.ones(classes) if weight is None else weight, logs)
    smoothing = _share(smoothing)
    labels: Any = as_tensor(y)
    counts = labels != (-1 if ignore_index is None else ignore_index)
    known: Any = where(counts, labels, 0) if ignore_index is not None else labels
    check(known, _within(classes, "cross_entropy"))
    one_hot: Any = equal(known.expand_dims(-1), np.arange(classes)) * counts.expand_dims(-1)
    shares: Any = one_hot * each
    spread = (1 - smoothing) * shares + smoothing / classes * each * counts.expand_dims(-1)
    costs = -(spread * where(spread == 0, 0.0, logs)).sum(axis=-1)
    return costs.sum() / shares.sum() if reduction == "mean" else reduced(costs, reduction)


def _within(classes: int, name: str) -> Any:
    """What raises for labels that are no classes."""

    def refuse(labels: Any) -> None:
        if labels.size and not (0 <= labels.min() and labels.max() < classes):
            raise ValueError(
                f"{name} has scores for classes 0 to {classes - 1}, "
                f"the labels reach from {labels.min()} to {labels.max()}"
            )

    return refuse


def true_class(name: str, logs: Tensor, y: Any) -> Tensor:
    """The logarithm of the probability of each target, which is a class number."""
    y = y if type(y) in (np.ndarray, Tensor) else np.asarray(y)
    if y.dtype.kind not in "iu" or y.shape != logs.shape[:-1]:
        raise ValueError(
            f"{name} takes logarithms of shape (..., classes), here {logs.shape}, and as target "
            f"integers of shape {logs.shape[:-1]}, not {y.dtype} of shape {y.shape}"
        )
    classes = logs.shape[-1]
    check(as_tensor(y), _within(classes, name))
    if type(y) is Tensor and not is_known(y):
        one_hot = equal(y.expand_dims(-1), np.arange(classes))
        return (one_hot * logs).sum(axis=-1)
    labels = np.asarray(y)
    shape = labels.shape
    rows: Any = np.indices(shape, sparse=True) if len(shape) != 1 else (np.arange(len(labels)),)
    return logs[(*rows, labels)]


def _not_of_one_class(target: Any) -> None:
    """Raise for targets 0 and 1 of scores of a single class, whose softmax is 1."""
    if (target != 1).any():
        raise ValueError(
            "cross_entropy of a single class is always 0: "
            "for one score per row and targets 0 and 1 write binary_cross_entropy_with_logits"
        )


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
            "dot pairs the last axis of a with the second to last of b, "
            f"for shapes {left.shape} and {right.shape}: write a @ b for stacks"
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


def alike(loss: str, prediction: Any, target: Any) -> tuple[Tensor, Tensor]:
    """Both as Tensors of one shape: (4, 1) against (4,) would silently broadcast to (4, 4)."""
    p, t = as_floats(prediction), as_tensor(target)
    is_labels = t.dtype.kind != "f" or isinstance(target, (list, tuple, float))
    if is_labels:  # which do not widen float32
        t = t.astype(p.dtype)
    if p.shape != t.shape and t.size != 1:
        mend = f"write target.reshape({p.shape})" if p.size == t.size else "they must be equal"
        raise ValueError(
            f"{loss} compares entry with entry, {p.label()} has shape {p.shape} "
            f"and the target {t.shape}: {mend}"
        )
    return p, t
