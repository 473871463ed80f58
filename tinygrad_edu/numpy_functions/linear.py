"""Products of arrays, norms, and what is made of matrices."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..engine.overrides import implements
from ..engine.tensor import Tensor
from ..functions import as_floats, as_tensor
from ..ops.elementwise import abs as absolute
from ..ops.elementwise import where
from ..ops.linalg import inv, matmul, svdvals
from ..ops.reductions import euclidean_norm, max, min, sum
from ..ops.shape import expand_dims, moveaxis, stack
from .picking import diagonal

_numpy: Any = np  # whose stubs know no Tensors


@implements(np.vdot)
def _vdot(a: Any, b: Any) -> Tensor:
    return matmul(as_tensor(a).ravel(), as_tensor(b).ravel())


@implements(np.vecdot, np.linalg.vecdot)
def _vecdot(x1: Any, x2: Any, *, axis: int = -1) -> Tensor:
    product: Tensor = as_tensor(x1) * x2
    return product.sum(axis)


@implements(*[getattr(np, name) for name in ("matvec",) if hasattr(np, name)])
def _matvec(x1: Any, x2: Any) -> Tensor:
    return matmul(x1, as_tensor(x2)[..., None])[..., 0]


@implements(*[getattr(np, name) for name in ("vecmat",) if hasattr(np, name)])
def _vecmat(x1: Any, x2: Any) -> Tensor:
    return matmul(as_tensor(x1)[..., None, :], x2)[..., 0, :]


@implements(np.inner)
def _inner(a: Any, b: Any) -> Any:
    left, right = as_tensor(a), as_tensor(b)
    if left.ndim == 0 or right.ndim == 0:
        return left * right
    return tensordot(left, right, ((-1,), (-1,)))


@implements(np.tensordot, np.linalg.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Tensor:
    """The product summed over axes of both: one product of matrices."""
    left, right = as_tensor(a), as_tensor(b)
    if isinstance(axes, (int, np.integer)):
        axes = range(left.ndim - axes, left.ndim), range(axes)
    over_a, over_b = [[*np.atleast_1d(part).tolist()] for part in map(list_of, axes)]
    over_a, over_b = (
        [normalize_axis_index(i, left.ndim) for i in over_a],
        [normalize_axis_index(i, right.ndim) for i in over_b],
    )
    lengths = [[t.shape[i] for i in over] for t, over in ((left, over_a), (right, over_b))]
    if lengths[0] != lengths[1]:
        raise ValueError(
            f"tensordot sums over axes of lengths {lengths[0]} of one and {lengths[1]} of the "
            f"other, for shapes {left.shape} and {right.shape}: they must be equal"
        )
    rows = [i for i in range(left.ndim) if i not in over_a]
    columns = [i for i in range(right.ndim) if i not in over_b]
    n = int(np.prod(lengths[0]))
    shape = [left.shape[i] for i in rows], [right.shape[i] for i in columns]
    p = arranged(left, (*rows, *over_a), (int(np.prod(shape[0])), n))
    q = arranged(right, (*over_b, *columns), (n, int(np.prod(shape[1]))))
    return arranged(matmul(p, q), (0, 1), (*shape[0], *shape[1]))


def arranged(t: Tensor, order: tuple[int, ...], shape: tuple[int, ...]) -> Tensor:
    """The tensor with its axes in an order, then in a shape; itself, if that is how it is."""
    ordered = t if order == tuple(range(t.ndim)) else t.transpose(order)
    return ordered if ordered.shape == shape else ordered.reshape(shape)


def list_of(part: Any) -> Any:
    """An axis, or several, as a list."""
    return [part] if isinstance(part, (int, np.integer)) else list(part)


@implements(np.kron)
def _kron(a: Any, b: Any) -> Tensor:
    left, right = as_tensor(a), as_tensor(b)
    n = np.maximum(left.ndim, right.ndim)
    one, other = ((1,) * (n - t.ndim) + t.shape for t in (left, right))
    p = left.reshape(tuple([side for m in one for side in (m, 1)]))
    q = right.reshape(tuple([side for m in other for side in (1, m)]))
    product: Tensor = p * q
    return product.reshape(tuple([m * k for m, k in zip(one, other, strict=True)]))


@implements(np.cross, np.linalg.cross)
def _cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Tensor:
    if axis is not None:
        axisa = axisb = axisc = axis
    left, right = moveaxis(as_tensor(a), axisa, -1), moveaxis(as_tensor(b), axisb, -1)
    if {left.shape[-1], right.shape[-1]} != {3}:
        raise ValueError(
            f"cross takes vectors of 3 entries along the axis, not {left.shape[-1]} and "
            f"{right.shape[-1]}: write a third entry 0 for vectors in a plane"
        )
    (x, y, z), (u, v, w) = ([t[..., i] for i in range(3)] for t in (left, right))
    return moveaxis(stack([y * w - z * v, z * u - x * w, x * v - y * u], axis=-1), -1, axisc)


@implements(np.trace)
def _trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    return sum(diagonal(a, offset, axis1, axis2), -1)


@implements(np.linalg.trace)
def _trace_of_matrices(x: Any, /, *, offset: int = 0) -> Tensor:
    return sum(diagonal(x, offset, -2, -1), -1)


@implements(np.linalg.matrix_power)
def _matrix_power(a: Any, n: int) -> Tensor:
    t = as_tensor(a)
    if t.ndim < 2 or t.shape[-1] != t.shape[-2]:
        raise ValueError(f"matrix_power takes square matrices, {t.label()} has shape {t.shape}")
    if n < 0:
        t, n = _numpy.linalg.inv(t), -n
    y: Any = np.broadcast_to(np.eye(t.shape[-1], dtype=t.dtype), t.shape)
    for digit in bin(n)[2:]:  # y² for each, times t for each 1
        y = matmul(y, y)
        y = matmul(y, t) if digit == "1" else y
    return as_tensor(y)


@implements(np.linalg.multi_dot)
def _multi_dot(arrays: Any) -> Any:
    return reduce(matmul, arrays)


# -- norms -----------------------------------------------------------------------------------------


def _of_nothing(norm: Any, t: Tensor, **how: Any) -> Tensor:
    """What NumPy says of the norm of no entries, which is a constant."""
    return as_tensor(norm(np.zeros(t.shape, t.dtype), **how))


@implements(np.linalg.vector_norm)
def vector_norm(
    x: Any,
    /,
    *,
    axis: Any = None,
    keepdims: bool = False,
    ord: Any = 2,
) -> Tensor:
    """The norm of vectors, of all entries or along axes: (Σ |x|ᵖ)^(1/p)."""
    t = as_floats(x)
    if not t.size:
        return _of_nothing(np.linalg.vector_norm, t, axis=axis, keepdims=keepdims, ord=ord)
    if ord in (2, "fro", None):
        return euclidean_norm(t, axis, keepdims)
    sizes = absolute(t)
    if ord == np.inf:
        return max(sizes, axis, keepdims=keepdims)
    if ord == -np.inf:
        return min(sizes, axis, keepdims=keepdims)
    if ord == 0:
        return sum((t != 0).astype(t.dtype), axis, keepdims=keepdims)
    if ord == 1:
        return sum(sizes, axis, keepdims=keepdims)
    # entries of 0 have no part in it, or for a negative order all of it; their gradient is 0
    none, one = np.zeros((), t.dtype), np.ones((), t.dtype)
    powers = sum(where(t == 0, none, where(t == 0, one, sizes) ** ord), axis, keepdims=keepdims)
    is_zero = powers == 0 if ord > 0 else (t == 0).any(axis, keepdims=keepdims)
    root = where(powers == 0, one, powers) ** (1.0 / ord)
    return where(is_zero, none, root)


@implements(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """The norm of matrices, over the last two axes: "fro", "nuc", 1, -1, 2, -2, inf or -inf."""
    t = as_tensor(x)
    if not t.size:
        return _of_nothing(np.linalg.matrix_norm, t, keepdims=keepdims, ord=ord)
    if ord in ("fro", None):
        return vector_norm(t, axis=(-2, -1), keepdims=keepdims)
    if ord in (2, -2, "nuc"):
        reduced = {2: max, -2: min, "nuc": sum}[ord](svdvals(t), -1)
        return reduced[..., None, None] if keepdims else reduced
    if ord not in (1, -1, np.inf, -np.inf):
        raise ValueError(f"matrix_norm takes 'fro', 'nuc', 1, 2, inf, -1, -2 or -inf, not {ord!r}")
    over = -2 if abs(ord) == 1 else -1
    sums = sum(absolute(t), over, keepdims=True)
    y = (max if ord > 0 else min)(sums, -3 - over, keepdims=True)
    return y if keepdims else y[..., 0, 0]


@implements(np.linalg.norm)
def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    t = as_tensor(x)
    over = range(t.ndim) if axis is None else list_of(axis)
    if isinstance(ord, str) and len(over) != 2:
        raise ValueError(
            f"norm with ord={ord!r} is of matrices, over two axes: {t.label()} has shape {t.shape}"
        )
    if ord is None or len(over) == 1:
        return vector_norm(t, axis=axis, keepdims=keepdims, ord=2 if ord is None else ord)
    if len(over) != 2:
        raise ValueError(
            f"norm with ord={ord!r} is of vectors or of matrices, along one axis or two: "
            f"{t.label()} has shape {t.shape}, axis is {axis}"
        )
    y = matrix_norm(t if axis is None else moveaxis(t, tuple(over), (-2, -1)), ord=ord)
    return expand_dims(y, tuple(normalize_axis_index(i, t.ndim) for i in over)) if keepdims else y


@implements(np.linalg.cond)
def _cond(x: Any, p: Any = None) -> Any:
    t = as_tensor(x)
    if p in (None, 2, -2):
        s = svdvals(t)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    return matrix_norm(t, ord=p) * matrix_norm(inv(t), ord=p)


# -- Einstein's convention -------------------------------------------------------------------------


@implements(np.einsum)
def einsum(subscripts: Any, *operands: Any, **how: Any) -> Tensor:
    """Products of entries, summed over each letter that the result lacks."""
    if not isinstance(subscripts, str):
        raise TypeError('einsum of Tensors takes the subscripts first, as text: "ij,jk->ik"')
    tensors = [as_tensor(a) for a in operands]
    labels, result = _labels(subscripts, [t.ndim for t in tensors])
    y, of_y = as_tensor(1.0), ""
    for k, (t, letters) in enumerate(zip(tensors, labels, strict=True)):
        rest = {*result, *"".join(labels[k + 1 :])}
        t, letters = _distinct(t, letters)
        t, letters = _summed(t, letters, rest | {*of_y})
        y, of_y = (t, letters) if not k else _joined(y, of_y, t, letters, rest)
    y, of_y = _summed(y, of_y, {*result})
    order = tuple([of_y.index(letter) for letter in result])
    return arranged(y, order, tuple([y.shape[i] for i in order]))


def _labels(subscripts: str, ndims: list[int]) -> tuple[list[str], str]:
    """The letters of each operand and of the result; an ellipsis stands for capital letters."""
    given, arrow, result = subscripts.replace(" ", "").partition("->")
    labels = given.split(",")
    if len(labels) != len(ndims):
        raise ValueError(
            f"einsum({subscripts!r}) names {len(labels)} operands, {len(ndims)} are given"
        )
    spare = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in subscripts]
    longest = 0
    for k, (text, ndim) in enumerate(zip(labels, ndims, strict=True)):
        more = ndim - len(text.replace("...", ""))
        if more < 0 or (more and "..." not in text):
            raise ValueError(
                f"einsum({subscripts!r}): {text!r} names {len(text.replace('...', ''))} axes, "
                f"operand {k + 1} has {ndim}"
            )
        longest = longest if "..." not in text else int(np.maximum(longest, more))
    for k, (text, ndim) in enumerate(zip(labels, ndims, strict=True)):
        more = ndim - len(text.replace("...", ""))
        labels[k] = text.replace("...", "".join(spare[longest - more : longest]))
    every = "".join(labels)
    if arrow and longest and "..." not in result:
        raise ValueError(
            f"einsum({subscripts!r}): the result leaves out the axes of '...': sum them yourself, "
            "or give them letters"
        )
    if not arrow:
        once = sorted(c for c in {*every} if every.count(c) == 1 and c not in spare[:longest])
        result = "".join([*spare[:longest], *once])
    result = result.replace("...", "".join(spare[:longest]))
    if unknown := {*result} - {*every}:
        raise ValueError(f"einsum({subscripts!r}): no operand has {', '.join(sorted(unknown))}")
    return labels, result


def _distinct(t: Tensor, letters: str) -> tuple[Tensor, str]:
    """The diagonal for a letter that stands twice."""
    for letter in dict.fromkeys(letters):
        while letters.count(letter) > 1:
            first, second = letters.index(letter), letters.rindex(letter)
            if t.shape[first] != t.shape[second]:
                raise ValueError(
                    f"einsum: {letter} stands for axes of lengths {t.shape[first]} and "
                    f"{t.shape[second]} of one operand"
                )
            t = diagonal(t, 0, first, second)
            letters = letters[:first] + letters[first + 1 : second] + letters[second + 1 :] + letter
    return t, letters


def _summed(t: Tensor, letters: str, kept: set[str]) -> tuple[Tensor, str]:
    """Summed over the letters that nobody needs any more."""
    over = tuple(i for i, letter in enumerate(letters) if letter not in kept)
    return (sum(t, over), "".join(c for c in letters if c in kept)) if over else (t, letters)


def _joined(a: Tensor, of_a: str, b: Tensor, of_b: str, kept: set[str]) -> tuple[Tensor, str]:
    """The product of two, as one product of stacks of matrices."""
    both = [c for c in of_a if c in of_b]
    lengths = {c: (a.shape[of_a.index(c)], b.shape[of_b.index(c)]) for c in both}
    over = [c for c in both if c not in kept and lengths[c][0] == lengths[c][1]]
    stacked = [c for c in both if c not in over]
    rows, columns = ([c for c in of if c not in both] for of in (of_a, of_b))

    def matrices(t: Tensor, letters: str, *groups: list[str]) -> Tensor:
        order = [letters.index(c) for group in (stacked, *groups) for c in group]
        sides = [int(np.prod([t.shape[letters.index(c)] for c in group])) for group in groups]
        front = [t.shape[i] for i in order[: len(stacked)]]
        return arranged(t, tuple(order), (*front, *sides))

    y = matmul(matrices(a, of_a, rows, over), matrices(b, of_b, over, columns))
    found = "".join([*stacked, *rows, *columns])
    sides = [t.shape[of.index(c)] for t, of, group in ((a, of_a, rows), (b, of_b, columns))
             for c in group]  # fmt: skip
    y = arranged(y, tuple(range(y.ndim)), (*y.shape[: len(stacked)], *sides))
    return _summed(y, found, kept)
