"""Functions from functions: gradients, products with Jacobians, whole Jacobians.

The signatures are JAX's; they nest. A differentiated argument is a Tensor, an array or a number, or
nested dicts, lists and tuples of them. Results are Tensors in the same structure. Nothing needs
`requires_grad`; a Tensor that has it is differentiated through, as the outer level of a nesting is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Literal, overload

import numpy as np

from .engine.pytree import leaves, paired, tree_map
from .engine.tensor import Tensor
from .engine.validation import numeric, short
from .ops.shape import stack
from .pullback import Argnums, Pullback, called


@overload
def grad(
    f: Callable[..., Any], argnums: int = 0, has_aux: Literal[False] = False
) -> Callable[..., Any]: ...
@overload
def grad(
    f: Callable[..., Any], argnums: Sequence[int], has_aux: Literal[False] = False
) -> Callable[..., tuple[Any, ...]]: ...
@overload
def grad(
    f: Callable[..., Any], argnums: Argnums = 0, *, has_aux: Literal[True]
) -> Callable[..., tuple[Any, Any]]: ...
@overload
def grad(
    f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False
) -> Callable[..., Any]: ...
def grad(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that gives the gradient of the scalar function `f` by its arguments `argnums`.

    Those are an int, or a tuple of them. With `has_aux`, f returns (value, more) and the result is
    (gradient, more).

    >>> import tinygrad_edu as tg
    >>> slope = tg.grad(lambda x: x**3)
    >>> slope(2.0).item(), tg.grad(slope)(2.0).item()
    (12.0, 12.0)
    """
    _function("grad", f, argnums, has_aux)
    both = value_and_grad(f, argnums, has_aux)

    @wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, gradients = both(*args, **kwargs)
        return (gradients, value[1]) if has_aux else gradients

    return gradient


@overload
def value_and_grad(
    f: Callable[..., Any], argnums: Argnums = 0, has_aux: Literal[False] = False
) -> Callable[..., tuple[Tensor, Any]]: ...
@overload
def value_and_grad(
    f: Callable[..., Any], argnums: Argnums = 0, *, has_aux: Literal[True]
) -> Callable[..., tuple[tuple[Tensor, Any], Any]]: ...
@overload
def value_and_grad(
    f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False
) -> Callable[..., tuple[Any, Any]]: ...
def value_and_grad(
    f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """The function that gives (value, gradient), or ((value, more), gradient) with `has_aux`.

    Of a large result on the way no more is kept than the rules will read, and that only until it is
    read.

    >>> import tinygrad_edu as tg
    >>> loss = tg.value_and_grad(lambda p: (p["w"] * 3.0 + p["b"]) ** 2)
    >>> value, gradient = loss({"w": 2.0, "b": 1.0})
    >>> value.item(), gradient["w"].item(), gradient["b"].item()
    (49.0, 42.0, 14.0)
    """
    _function("value_and_grad", f, argnums, has_aux)

    @wraps(f)
    def both(*args: Any, **kwargs: Any) -> Any:
        run = Pullback(f, args, kwargs, argnums, has_aux)
        if run.value.size != 1:
            raise ValueError(
                "grad needs a function with a scalar value, "
                f"{called(f)} gave shape {run.value.shape}: "
                "end it with .sum() or .mean(), or use jacobian or vjp"
            )
        gradients = run.pull(np.ones(run.value.shape), last=True)
        value = run.finished(run.value)
        return ((value, run.aux) if has_aux else value), run.by_argument(gradients)

    return both


def vjp(f: Callable[..., Any], *primals: Any) -> tuple[Tensor, Callable[[Any], tuple[Any, ...]]]:
    """(f(*primals), the function that pulls a cotangent of f's output back to all the primals).

    >>> import numpy as np, tinygrad_edu as tg
    >>> y, pull = tg.vjp(lambda x: x * x, np.array([1.0, 2.0]))
    >>> pull([1.0, 10.0])[0].tolist()
    [2.0, 40.0]
    """
    _function("vjp", f)
    run = Pullback(f, primals, {}, tuple(range(len(primals))), copies=True)
    return run.finished(run.value), lambda cotangent: tuple(run.by_argument(run.pull(cotangent)))


def jvp(
    f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]
) -> tuple[Tensor, Tensor]:
    """(f(*primals), how its value moves when the primals move along the tangents).

    Pulling back is linear in the cotangent; pulling that back once more pushes forward.

    >>> import tinygrad_edu as tg
    >>> tg.jvp(lambda x: x**2, (3.0,), (10.0,))[1].item()
    60.0
    """
    _function("jvp", f)
    along = _tangents("jvp", primals, tangents)
    run = Pullback(f, tuple(primals), {}, tuple(range(len(primals))))

    def pushed(cotangent: Tensor) -> Tensor:
        total = Tensor(0.0)
        for gradient, v in zip(run.pull(cotangent, create_graph=True), along, strict=True):
            total = total + (gradient * v).sum()
        return total

    return run.finished(run.value), grad(pushed)(np.zeros(run.value.shape, run.value.dtype))


def jacobian(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that gives the Jacobian: shape `output.shape + argument.shape`, row by row.

    >>> import numpy as np, tinygrad_edu as tg
    >>> tg.jacobian(lambda x: x * x)(np.array([1.0, 2.0])).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """
    _function("jacobian", f, argnums)

    @wraps(f)
    def rows(*args: Any, **kwargs: Any) -> Any:
        run = Pullback(f, args, kwargs, argnums)
        shape, size = run.value.shape, run.value.size
        units = np.eye(size, dtype=run.value.dtype).reshape((size, *shape))
        pulled = [run.pull(unit) for unit in units]
        if not size:
            return run.by_argument([Tensor(np.zeros((*shape, *x.shape))) for x in run.inputs])
        columns = [
            stack([row[i] for row in pulled]).reshape((*shape, *x.shape))
            for i, x in enumerate(run.inputs)
        ]
        return run.by_argument(columns)

    return rows


def hessian(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that gives a scalar function's second derivatives: shape `argument.shape * 2`.

    >>> import numpy as np, tinygrad_edu as tg
    >>> tg.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0])).tolist()
    [[4.0, 2.0], [2.0, 0.0]]
    """
    _function("hessian", f, argnums)
    slope = grad(f, argnums)

    @wraps(f)
    def second(*args: Any, **kwargs: Any) -> Any:
        structure = slope(*args, **kwargs)
        paths = [path for path, _ in leaves(structure)]

        def row(path: str) -> Callable[..., Any]:
            return lambda *a, **k: dict(leaves(slope(*a, **k)))[path]

        rows = iter([jacobian(row(path), argnums)(*args, **kwargs) for path in paths])
        return tree_map(lambda _: next(rows), structure)

    return second


def hvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The Hessian of a scalar function times the tangents, in the structure of the primals.

    The Hessian itself is not formed.

    >>> import numpy as np, tinygrad_edu as tg
    >>> tg.hvp(lambda x: (x**3).sum(), (np.array([1.0, 2.0]),), (np.ones(2),)).tolist()
    [6.0, 12.0]
    """
    _function("hvp", f)
    along = _tangents("hvp", primals, tangents)
    every = tuple(range(len(primals)))

    def slope_along(*args: Any) -> Tensor:
        total = Tensor(0.0)
        for (_, gradient), v in zip(leaves(grad(f, every)(*args)), along, strict=True):
            total = total + (gradient * v).sum()
        return total

    products = grad(slope_along, every)(*primals)
    return products[0] if len(primals) == 1 else products


def _tangents(transform: str, primals: Any, tangents: Any) -> list[Any]:
    """The tangents in the order of the primals' leaves, checked: one of the same shape for each."""
    are_tuples = isinstance(primals, (tuple, list)) and isinstance(tangents, (tuple, list))
    if not are_tuples or len(primals) != len(tangents):
        raise TypeError(
            f"{transform}(f, primals, tangents) takes two tuples of equal length: "
            f"{transform}(f, (x,), (v,))"
        )
    pairs = paired(list(primals), list(tangents))
    shapes = [np.shape(x) for x, _ in pairs], [np.shape(v) for _, v in pairs]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"the primals have shapes {shapes[0]}, the tangents {shapes[1]}: "
            "each tangent has the shape of its primal"
        )
    return [v if type(v) is Tensor else numeric(v) for _, v in pairs]


def _function(transform: str, f: Any, argnums: Any = 0, has_aux: Any = False) -> None:
    """Raise if what is to be differentiated is no function, or the rest no numbers of arguments."""
    if not callable(f):
        what = f"{type(f).__name__}:"
        if type(f) is Tensor:
            what = "a tensor: write loss.backward() for what is computed already, or"
        raise TypeError(
            f"{transform} takes a function, not {what} "
            f"tg.{transform}(f)(x), where f(x) computes the loss"
        )
    numbers = argnums if isinstance(argnums, (list, tuple)) else [argnums]
    if not all(isinstance(i, (int, np.integer)) for i in numbers):
        raise TypeError(
            f"argnums={short(argnums)}: it counts the positional arguments, "
            "as an int or a tuple of ints; "
            f"the arguments themselves are for the function it gives, tg.{transform}(f)(x)"
        )
    if not isinstance(has_aux, (bool, np.bool)):
        raise TypeError(
            f"has_aux is True or False, not {short(has_aux)}: "
            f"several arguments are a tuple, tg.{transform}(f, (0, 1))"
        )
