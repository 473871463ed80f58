"""What layers do: normalisation, attention, dropout, embeddings, distances."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.recording import is_known
from ..engine.tensor import Tensor
from ..functions import as_floats, as_tensor
from ..numpy_functions.linear import vector_norm
from ..ops.elementwise import maximum, where
from ..ops.linalg import matmul
from ..ops.reductions import euclidean_norm, mean, softmax, sum

_numpy: Any = np  # whose stubs know no Tensors


def _normalised(x: Any, axes: Any, eps: float) -> Any:
    """With mean 0 and variance 1 over the axes."""
    t: Any = as_floats(x)
    away = t - mean(t, axes, keepdims=True)
    return away / (mean(away * away, axes, keepdims=True) + eps) ** 0.5


def _scaled(y: Any, weight: Any, bias: Any, shape: Any) -> Any:
    """y · weight + bias, where they are given, put into a shape."""
    if weight is not None:
        y = y * (as_tensor(weight) if shape is None else as_tensor(weight).reshape(shape))
    if bias is not None:
        y = y + (as_tensor(bias) if shape is None else as_tensor(bias).reshape(shape))
    return y


def layer_norm(
    x: Any, weight: Any = None, bias: Any = None, axis: Any = -1, eps: float = 1e-5
) -> Any:
    """Each example with mean 0 and variance 1 over an axis or axes, the last one if none is given.

    `weight` and `bias` broadcast with x.

    >>> import tinygrad_edu as tg
    >>> tg.layer_norm([[1.0, 3.0]], eps=0.0).tolist()
    [[-1.0, 1.0]]
    """
    return _scaled(_normalised(x, axis, eps), weight, bias, None)


def rms_norm(x: Any, weight: Any = None, axis: Any = -1, eps: float = 1e-5) -> Any:
    """x over the root of the mean of its squares, along an axis.

    >>> import tinygrad_edu as tg
    >>> tg.rms_norm([[3.0, 3.0]], eps=0.0).tolist()
    [[1.0, 1.0]]
    """
    t: Any = as_floats(x)
    return _scaled(t / (mean(t * t, axis, keepdims=True) + eps) ** 0.5, weight, None, None)


def batch_norm(x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Each channel of x, of shape (N, C, ...), with mean 0 and variance 1 over the batch.

    `weight` and `bias` have one number for each channel.

    >>> import tinygrad_edu as tg
    >>> tg.batch_norm([[1.0, 0.0], [3.0, 4.0]], eps=0.0).tolist()
    [[-1.0, -1.0], [1.0, 1.0]]
    """
    t = as_floats(x)
    if t.ndim < 2:
        raise ValueError(f"batch_norm takes x of shape (N, C, ...), not {t.shape}")
    axes = (0, *range(2, t.ndim))
    return _scaled(_normalised(t, axes, eps), weight, bias, (-1, *[1] * (t.ndim - 2)))


def group_norm(x: Any, groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """Each group of channels of x, of shape (N, C, ...), with mean 0 and variance 1.

    >>> import tinygrad_edu as tg
    >>> tg.group_norm([[1.0, 3.0, 0.0, 8.0]], 2, eps=0.0).tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """
    t = as_floats(x)
    if t.ndim < 2 or t.shape[1] % groups:
        raise ValueError(
            f"group_norm takes x of shape (N, C, ...) with C a multiple of {groups}, not {t.shape}"
        )
    parts = t.reshape((t.shape[0], groups, t.size // max(t.shape[0] * groups, 1)))
    y = _normalised(parts, -1, eps).reshape(t.shape)
    return _scaled(y, weight, bias, (-1, *[1] * (t.ndim - 2)))


def attention(query: Any, key: Any, value: Any, mask: Any = None) -> Any:
    """softmax(query keyᵀ / √d) value, of shapes (..., n, d), (..., m, d) and (..., m, e).

    A boolean mask, which broadcasts to (..., n, m), is true where a query may look; a query that
    may look nowhere gets zeros.

    >>> import tinygrad_edu as tg
    >>> tg.attention([[0.0]], [[1.0], [2.0]], [[1.0], [3.0]]).tolist()
    [[2.0]]
    >>> tg.attention([[0.0]], [[1.0], [2.0]], [[1.0], [3.0]], mask=[[True, False]]).tolist()
    [[1.0]]
    """
    q, k, v = as_floats(query), as_floats(key), as_floats(value)
    if q.ndim < 2 or k.ndim < 2 or v.ndim < 2 or q.shape[-1] != k.shape[-1]:
        raise ValueError(
            "attention takes a query of shape (..., n, d), a key of shape (..., m, d) and a value "
            f"of shape (..., m, e), not {q.shape}, {k.shape} and {v.shape}"
        )
    scores: Any = matmul(q, k.mT) * q.shape[-1] ** -0.5
    if mask is None:
        return matmul(softmax(scores), v)
    allowed = as_tensor(mask)
    if allowed.dtype.kind != "b":
        raise TypeError(
            f"a mask is of booleans, true where a query may look, not of {allowed.dtype}: "
            "write mask > 0"
        )
    has_any = allowed.any(axis=-1, keepdims=True)
    # where nothing is allowed a softmax would be of nothing
    weights = softmax(where(allowed | ~has_any, scores, -np.inf))
    return matmul(where(has_any, weights, 0.0), v)


def dropout(x: Any, rate: float, generator: np.random.Generator | None = None) -> Any:
    """x with a random share of its entries 0, and the others larger, so that the mean is as before.

    >>> import numpy as np, tinygrad_edu as tg
    >>> tg.dropout(np.ones(6), 0.5, np.random.default_rng(0)).tolist()
    [2.0, 0.0, 0.0, 0.0, 2.0, 2.0]
    """
    if not isinstance(generator, np.random.Generator):
        raise TypeError(
            "dropout draws from a generator of yours, so that a run can be repeated: "
            "write tg.dropout(x, rate, np.random.default_rng(0))"
        )
    if not 0 <= rate < 1:
        raise ValueError(f"rate is the share that is dropped, from 0 to below 1, not {rate!r}")
    t: Any = as_floats(x)
    kept = generator.random(t.shape) >= rate
    return where(kept, t / (1 - rate), 0.0)


def embedding(table: Any, index: Any) -> Any:
    """The rows of a table, one for each whole number of an array.

    >>> import tinygrad_edu as tg
    >>> tg.embedding([[1.0, 2.0], [3.0, 4.0]], [1, 1, 0]).tolist()
    [[3.0, 4.0], [3.0, 4.0], [1.0, 2.0]]
    """
    t, i = as_floats(table), as_tensor(index)
    if i.dtype.kind not in "iu":
        raise TypeError(f"an embedding is looked up by whole numbers, not by {i.dtype}")
    if is_known(i) and i.size and not (0 <= i.numpy().min() and i.numpy().max() < t.shape[0]):
        raise IndexError(
            f"the table has rows 0 to {t.shape[0] - 1}, and the index reaches from "
            f"{i.numpy().min()} to {i.numpy().max()}"
        )
    return t[index]


def one_hot(index: Any, classes: int, dtype: Any = float) -> Tensor:
    """A 1 at each whole number of an array, among zeros, along a new last axis.

    >>> import tinygrad_edu as tg
    >>> tg.one_hot([2, 0], 3).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    i = as_tensor(index)
    if i.dtype.kind not in "iu":
        raise TypeError(f"one_hot takes whole numbers, not {i.dtype}")
    if is_known(i) and i.size and not (0 <= i.numpy().min() and i.numpy().max() < classes):
        raise ValueError(
            f"classes are 0 to {classes - 1}, and the labels reach from {i.numpy().min()} to "
            f"{i.numpy().max()}"
        )
    return (i.expand_dims(-1) == np.arange(classes)).astype(dtype)


def cosine_similarity(a: Any, b: Any, axis: int = -1, eps: float = 1e-8) -> Any:
    """The cosine of the angle between vectors, along an axis; 0 for vectors of length 0.

    >>> import tinygrad_edu as tg
    >>> tg.cosine_similarity([1.0, 0.0], [0.0, 2.0]).item()
    0.0
    """
    left, right = _numpy.broadcast_arrays(as_floats(a), as_floats(b))
    lengths: Any = vector_norm(left, axis=axis) * vector_norm(right, axis=axis)
    return sum(left * right, axis) / maximum(lengths, eps)


def distance(a: Any, b: Any, axis: int = -1) -> Any:
    """The Euclidean distance of vectors, along an axis; its gradient is 0 where they are equal.

    >>> import tinygrad_edu as tg
    >>> tg.distance([0.0, 3.0], [4.0, 0.0]).item()
    5.0
    """
    away: Any = as_floats(a) - as_floats(b)
    return euclidean_norm(away, axis)


def pairwise_distance(a: Any, b: Any) -> Any:
    """The distance of each row of one matrix from each row of another.

    >>> import tinygrad_edu as tg
    >>> tg.pairwise_distance([[0.0, 0.0], [3.0, 4.0]], [[0.0, 0.0]]).tolist()
    [[0.0], [5.0]]
    """
    left, right = as_floats(a), as_floats(b)
    if left.ndim < 2 or right.ndim < 2 or left.shape[-1] != right.shape[-1]:
        raise ValueError(
            f"pairwise_distance takes rows of one length, not shapes {left.shape} and {right.shape}"
        )
    return distance(left[..., :, None, :], right[..., None, :, :])
