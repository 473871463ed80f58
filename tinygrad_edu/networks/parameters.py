"""Parameters as one vector, for optimizers that take one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.pytree import leaves, tree_map
from ..engine.tensor import Tensor
from ..functions import as_tensor


def flatten(parameters: Any) -> tuple[Any, Callable[[Any], Any]]:
    """All entries of a tree of parameters as one vector, and the function that takes it apart.

    The vector is a plain array, as `scipy.optimize.minimize` takes it; the function gives the same
    containers, with Tensors of the parameters' shapes and dtypes, and is differentiable.

    >>> import numpy as np, tinygrad_edu as tg
    >>> vector, unflatten = tg.flatten({"w": np.ones((2, 2)), "b": np.zeros(2)})
    >>> vector
    array([1., 1., 1., 1., 0., 0.])
    >>> loss = lambda v: (unflatten(v)["w"] ** 2).sum() - unflatten(v)["b"].sum()
    >>> tg.grad(loss)(vector).tolist()
    [2.0, 2.0, 2.0, 2.0, -1.0, -1.0]
    """
    arrays = [np.asarray(_values(leaf)) for _, leaf in leaves(parameters)]
    if not arrays:
        raise ValueError("flatten takes parameters: arrays or Tensors, or dicts and lists of them")
    other = [a.dtype for a in arrays if a.dtype.kind != "f"]
    if other:
        raise TypeError(
            f"flatten takes parameters of floats, and here is one of {other[0]}: "
            "write .astype(float), or leave it out"
        )
    vector = np.concatenate([a.reshape(-1) for a in arrays])
    ends = np.cumsum([a.size for a in arrays]).tolist()

    def unflatten(vector: Any) -> Any:
        """The vector, in the containers and shapes that the parameters had."""
        t = as_tensor(vector)
        if t.shape != (ends[-1],):
            raise ValueError(
                f"the parameters have {ends[-1]} entries, so unflatten takes a vector of shape "
                f"({ends[-1]},), not {t.shape}"
            )
        parts = iter(zip(arrays, ends, strict=True))

        def part(_: Any) -> Any:
            a, end = next(parts)
            piece = t[end - a.size : end].reshape(a.shape)
            return piece if piece.dtype == a.dtype else piece.astype(a.dtype)

        return tree_map(part, parameters)

    return vector, unflatten


def _values(leaf: Any) -> Any:
    return leaf.numpy() if type(leaf) is Tensor else leaf
