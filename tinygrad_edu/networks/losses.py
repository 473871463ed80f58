"""More losses. Each takes `reduction`: "mean", "sum", or "none" for one number per example."""

from __future__ import annotations

from typing import Any

from ..functions import alike, as_floats, reduced, true_class
from ..ops.elementwise import abs as absolute
from ..ops.elementwise import log, maximum, minimum, relu, sigmoid_cross_entropy, where
from ..ops.reductions import sum


def mae(prediction: Any, target: Any, reduction: str = "mean") -> Any:
    """The mean of |prediction - target|, over all entries; both of one shape.

    >>> import tinygrad_edu as tg
    >>> tg.mae([1.0, 3.0], [0.0, 1.0]).item()
    1.5
    """
    p, t = alike("mae", prediction, target)
    return reduced(absolute(p - t), reduction)


def huber(prediction: Any, target: Any, delta: float = 1.0, reduction: str = "mean") -> Any:
    """Half the square of what is at most delta, and beyond it a straight line (Huber, 1964).

    >>> import tinygrad_edu as tg
    >>> tg.huber([1.0, 3.0], [0.5, 0.0], reduction="none").tolist()
    [0.125, 2.5]
    """
    if not delta > 0:
        raise ValueError(f"delta is a positive number, not {delta!r}")
    p, t = alike("huber", prediction, target)
    size = absolute(p - t)
    within = minimum(size, delta)
    return reduced(within * (size - 0.5 * within), reduction)


def hinge(scores: Any, target: Any, margin: float = 1.0, reduction: str = "mean") -> Any:
    """max(0, margin - score · label), for labels -1 and 1.

    >>> import tinygrad_edu as tg
    >>> tg.hinge([2.0, 0.5], [1, 1]).item()
    0.25
    """
    z, y = alike("hinge", scores, target)
    labels = y.numpy()
    if not (abs(labels) == 1).all():
        raise ValueError("hinge takes labels -1 and 1: write 2 * y - 1 for labels 0 and 1")
    return reduced(relu(margin - z * y.astype(z.dtype)), reduction)


def nll(log_probabilities: Any, target: Any, reduction: str = "mean") -> Any:
    """-log p of the target class, from logarithms of probabilities, as log_softmax gives them.

    >>> import numpy as np, tinygrad_edu as tg
    >>> round(tg.nll(np.log([[0.5, 0.5], [0.25, 0.75]]), [0, 1]).item(), 6)
    0.490415
    """
    logs = as_floats(log_probabilities)
    return reduced(-true_class("nll", logs, target), reduction)


def kl_div(p: Any, q: Any, reduction: str = "mean") -> Any:
    """How far probabilities q are from p: the sum of p · log(p / q) over the last axis.

    Where p is 0 the term is 0.

    >>> import tinygrad_edu as tg
    >>> round(tg.kl_div([0.5, 0.5], [0.25, 0.75]).item(), 6)
    0.143841
    """
    of, by = alike("kl_div", p, q)
    is_zero = of == 0
    terms = where(is_zero, 0.0, of * (log(where(is_zero, 1.0, of)) - log(by)))
    return reduced(sum(terms, -1), reduction)


def triplet(
    anchor: Any, positive: Any, negative: Any, margin: float = 1.0, reduction: str = "mean"
) -> Any:
    """max(0, |anchor - positive| - |anchor - negative| + margin), of vectors in the last axis.

    >>> import tinygrad_edu as tg
    >>> tg.triplet([0.0, 0.0], [0.0, 1.0], [0.0, 1.5]).item()
    0.5
    """
    from .layers import distance

    away = distance(anchor, positive) - distance(anchor, negative)
    return reduced(maximum(away + margin, 0.0), reduction)


def focal(logits: Any, target: Any, gamma: float = 2.0, reduction: str = "mean") -> Any:
    """The binary cross entropy, times (1 - p)^gamma for the probability p of what is true.

    >>> import tinygrad_edu as tg
    >>> round(tg.focal([0.0], [1.0]).item(), 6)  # 0.25 · ln 2
    0.173287
    """
    z, y = alike("focal", logits, target)
    cost = sigmoid_cross_entropy(z, y)
    # of what is wrong the share: for a label of 1 that is 1 - sigmoid(z)
    wrong = (z * (1 - 2 * y)).sigmoid()
    return reduced(wrong**gamma * cost, reduction)
