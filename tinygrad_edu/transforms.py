"""Functions from functions: gradients, products with Jacobians, whole Jacobians. The signatures are JAX's; they nest.

A differentiated argument is a Tensor, an array or a number, or nested dicts, lists and tuples of them. Results are Tensors in the
same structure. Nothing needs `requires_grad`; a Tensor that has it is differentiated through, as the outer level of a nesting is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import wraps
from typing import Any, Literal, overload

import numpy as np

from .checks import in_our_words, numeric, read_only, short
from .core import Tensor
from .graph import ancestors
from .memory import forget, recall, spare
from .modes import clock, enable_grad, is_recording, no_grad, recorder, run_within, within
from .operation import is_intercepted
from .ops.shape import copy, stack
from .trees import leaves, paired, tree_map

Argnums = int | Sequence[int]


@overload
def grad(f: Callable[..., Any], argnums: int = 0, has_aux: Literal[False] = False) -> Callable[..., Any]: ...
@overload
def grad(f: Callable[..., Any], argnums: Sequence[int], has_aux: Literal[False] = False) -> Callable[..., tuple[Any, ...]]: ...
@overload
def grad(f: Callable[..., Any], argnums: Argnums = 0, *, has_aux: Literal[True]) -> Callable[..., tuple[Any, Any]]: ...
@overload
def grad(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]: ...
def grad(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that gives the gradient of the scalar function `f` by its arguments `argnums` (an int, or a tuple of them).

    With `has_aux`, f returns (value, more) and the result is (gradient, more).

    >>> import tinygrad_edu as tg
    >>> slope = tg.grad(lambda x: x**3)
    >>> slope(2.0).item(), tg.grad(slope)(2.0).item()
    (12.0, 12.0)
    """
    _function("grad", f)
    both = value_and_grad(f, argnums, has_aux)

    @wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, gradients = both(*args, **kwargs)
        return (gradients, value[1]) if has_aux else gradients

    return gradient


@overload
def value_and_grad(f: Callable[..., Any], argnums: Argnums = 0, has_aux: Literal[False] = False) -> Callable[..., tuple[Tensor, Any]]: ...
@overload
def value_and_grad(
    f: Callable[..., Any], argnums: Argnums = 0, *, has_aux: Literal[True]
) -> Callable[..., tuple[tuple[Tensor, Any], Any]]: ...
@overload
def value_and_grad(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., tuple[Any, Any]]: ...
def value_and_grad(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that gives (value, gradient), or ((value, more), gradient) with `has_aux`.

    Of a large result on the way no more is kept than the rules will read, and that only until it is read.

    >>> import tinygrad_edu as tg
    >>> value, gradient = tg.value_and_grad(lambda p: (p["w"] * 3.0 + p["b"]) ** 2)({"w": 2.0, "b": 1.0})
    >>> value.item(), gradient["w"].item(), gradient["b"].item()
    (49.0, 42.0, 14.0)
    """
    _function("value_and_grad", f)

    @wraps(f)
    def both(*args: Any, **kwargs: Any) -> Any:
        run = _Run(f, args, kwargs, argnums, has_aux)
        if run.value.size != 1:
            raise ValueError(
                f"grad needs a function with a scalar value, {_called(f)} gave shape {run.value.shape}: "
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
    run = _Run(f, primals, {}, tuple(range(len(primals))), copies=True)
    return run.finished(run.value), lambda cotangent: tuple(run.by_argument(run.pull(cotangent)))


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Tensor, Tensor]:
    """(f(*primals), how its value moves when the primals move along the tangents).

    Pulling back is linear in the cotangent; pulling that back once more pushes forward.

    >>> import tinygrad_edu as tg
    >>> tg.jvp(lambda x: x**2, (3.0,), (10.0,))[1].item()
    60.0
    """
    _function("jvp", f)
    along = _tangents("jvp", primals, tangents)
    run = _Run(f, tuple(primals), {}, tuple(range(len(primals))))

    def pushed(cotangent: Tensor) -> Tensor:
        total = Tensor(0.0)
        for gradient, v in zip(run.pull(cotangent, create_graph=True), along, strict=True):
            total = total + (gradient * v).sum()
        return total

    return run.finished(run.value), grad(pushed)(np.zeros(run.value.shape, run.value.dtype))


def jacobian(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that gives the Jacobian: shape `output.shape + argument.shape`, row by row from the output.

    >>> import numpy as np, tinygrad_edu as tg
    >>> tg.jacobian(lambda x: x * x)(np.array([1.0, 2.0])).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """
    _function("jacobian", f)

    @wraps(f)
    def rows(*args: Any, **kwargs: Any) -> Any:
        run = _Run(f, args, kwargs, argnums)
        shape, size = run.value.shape, run.value.size
        units = np.eye(size, dtype=run.value.dtype).reshape((size, *shape))
        pulled = [run.pull(unit) for unit in units]
        columns = [stack([row[i] for row in pulled]).reshape((*shape, *x.shape)) for i, x in enumerate(run.inputs)] if size else []
        return run.by_argument(columns or [Tensor(np.zeros((*shape, *x.shape))) for x in run.inputs])

    return rows


def hessian(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that gives the matrix of second derivatives of a scalar function: shape `argument.shape * 2`.

    >>> import numpy as np, tinygrad_edu as tg
    >>> tg.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0])).tolist()
    [[4.0, 2.0], [2.0, 0.0]]
    """
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
    """The Hessian of a scalar function times the tangents, without forming the Hessian; in the structure of the primals.

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
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)) or len(primals) != len(tangents):
        raise TypeError(f"{transform}(f, primals, tangents) takes two tuples of equal length: {transform}(f, (x,), (v,))")
    pairs = paired(list(primals), list(tangents))
    shapes = [np.shape(x) for x, _ in pairs], [np.shape(v) for _, v in pairs]
    if shapes[0] != shapes[1]:
        raise ValueError(f"the primals have shapes {shapes[0]}, the tangents {shapes[1]}: each tangent has the shape of its primal")
    return [v if type(v) is Tensor else numeric(v) for _, v in pairs]


class _Run:
    """One run of a function on fresh leaves in place of its arguments, ready to pull gradients back to them."""

    def __init__(
        self,
        f: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        argnums: Argnums,
        has_aux: bool = False,
        copies: bool = False,
    ) -> None:
        self.copies = copies  # whether the caller's data may change before the pull
        self.single = isinstance(argnums, (int, np.integer))
        self.numbers: tuple[int, ...] = (argnums,) if isinstance(argnums, (int, np.integer)) else tuple(argnums)
        for i in self.numbers:
            if not isinstance(i, (int, np.integer)):
                raise TypeError(f"argnums={argnums!r}: it counts the positional arguments, as an int or a tuple of ints")
            if not -len(args) <= i < len(args):
                raise TypeError(f"argnums={argnums}: {_called(f)} was called with {len(args)} positional arguments")
        self.outer: list[Tensor] = []  # what the caller gave
        self.inputs: list[Tensor] = []  # the leaf in place of each
        differentiated = {i % len(args) for i in self.numbers}
        inner = [tree_map(self._leaf, a) if i in differentiated else a for i, a in enumerate(args)]
        self.outside = _MadeBefore(clock())
        # whoever differentiates again, records a program or watches it needs all values
        self.spares = not (within.get() or recorder.get() or is_intercepted())
        program = recorder.get()
        try:
            with in_our_words():
                value = run_within(spare if self.spares else True if program is None else program.noted, f, *inner, **kwargs)
        except (TypeError, AttributeError) as error:
            _note_on_trees(error, [inner[i] for i in self.numbers])
            raise
        self.aux: Any
        if has_aux and not (isinstance(value, tuple) and len(value) == 2):
            raise TypeError(f"with has_aux, {_called(f)} must return (value, more), it returned {type(value).__name__}: {short(value)}")
        value, more = value if has_aux else (value, None)
        if type(value) is not Tensor:
            raise TypeError(
                f"{_called(f)} must return a Tensor to be differentiated, it returned {type(value).__name__}: "
                f"{short(value)}{_instead(value)}"
            )
        if value.dtype.kind != "f":
            raise TypeError(
                f"{_called(f)} must return floats to be differentiated, it returned {value.dtype}: comparisons, counts and argmax "
                "have no gradient"
            )
        self.value = value
        self.structure = [inner[i] for i in self.numbers]
        # an argument, or what f closes over, may belong to an outer level that will ask for the derivative of this result
        results = [value, *(t for _, t in leaves(more) if type(t) is Tensor)]
        self.asked = self.asked_of(results) if is_recording() else set[Tensor]()
        self.nested = bool(self.asked)
        for x, t in zip(self.inputs, self.outer, strict=True):
            if self.nested and not copies and t.is_leaf:
                x._array = t._array.copy()  # the caller's may change before the outer level pulls back
            x._op, x._args = copy, (t,)  # from now on a result of what the caller gave
        self.aux = tree_map(lambda t: self.finished(t) if type(t) is Tensor else t, more)

    def _leaf(self, value: Any) -> Tensor:
        t = value if type(value) is Tensor else Tensor(value, copy=False)
        if t.dtype.kind != "f":
            raise TypeError(f"gradients need floats, an argument has dtype {t.dtype}: {short(t.tolist())}; write it with decimal points")
        x = Tensor(read_only(t._array), copy=self.copies, name=t.name)
        x._requires_grad = True
        if recorder.get() is not None:
            recorder.get().stands_for(x, t)
        self.outer.append(t)
        self.inputs.append(x)
        return x

    def asked_of(self, results: Sequence[Tensor]) -> set[Tensor]:
        """The results, and what they were made from, whose derivative an outer level may ask for.

        The inputs count as what the caller gave.
        """
        given, until = dict(zip(self.inputs, self.outer, strict=True)), set(self.outer)
        asked: set[Tensor] = set()
        for t in ancestors(*results, until=until, values=False):
            is_from_asked = t.is_leaf or t in until or any([type(a) is Tensor and a in asked for a in t._args])
            if is_from_asked and given.get(t, t)._requires_grad:
                asked.add(t)
        return asked

    def pull(self, cotangent: Any, create_graph: bool = False, last: bool = False) -> list[Any]:
        """The gradient at every input for a gradient at the value; recorded if an outer level may ask for its derivative.

        The last pull lets go of the values that it has passed.
        """
        create_graph = create_graph or self.nested or (type(cotangent) is Tensor and cotangent._requires_grad)
        if create_graph and self.spares:  # an outer level showed only when f had run
            recall(ancestors(self.value, until=self.outside))
        found: dict[Tensor, Tensor | None] = dict.fromkeys(self.inputs)
        passed = self.value
        program = recorder.get()  # a program that is recorded has its backward part
        recorded = create_graph or program is not None
        if self.value._requires_grad:
            with enable_grad() if recorded else no_grad(), program.backward() if program else nullcontext():
                for t, g in self.value.adjoints(cotangent, recorded, until=self.outside):
                    if last and not create_graph:
                        forget(passed)
                        passed = t
                    if program is not None:
                        program.name_gradient(t, g)
                    if t in found:
                        if create_graph and g.is_leaf:
                            g = copy(g)  # two arguments may have one gradient: each result is a tensor of its own
                        found[t] = g if create_graph else g.detach() if recorded else Tensor(g, copy=g.base is not None)
        if create_graph:
            asked = self.asked_of([g for g in found.values() if g is not None])
            found = {t: g if g is None or g in asked else g.detach() for t, g in found.items()}
        return [Tensor(np.zeros(x.shape, x.dtype), copy=False) if g is None else g for x, g in found.items()]

    def finished(self, value: Tensor) -> Tensor:
        """The value as the caller gets it: with its history where an outer level goes on from it."""
        return value if value in self.asked else value.detach()

    def by_argument(self, gradients: list[Any]) -> Any:
        """The gradients in the structure of the arguments: one for an int argnums, a tuple for a tuple."""
        of = dict(zip(self.inputs, gradients, strict=True))
        trees = tuple(tree_map(of.__getitem__, tree) for tree in self.structure)
        return trees[0] if self.single else trees


class _MadeBefore:
    """All tensors older than a moment: a run's inputs, and what lies outside of it, where pulling back may stop."""

    def __init__(self, serial: int) -> None:
        self.serial = serial

    def __contains__(self, t: object) -> bool:
        return type(t) is Tensor and t.serial < self.serial


def _instead(value: Any) -> str:
    """What a function that is differentiated should return in place of a value that is no Tensor."""
    if value is None:
        return "; end it with `return loss`"
    if isinstance(value, (list, tuple)):
        return "; more than one result: (loss, more) with has_aux=True, or tg.stack([...]) for jacobian"
    return "; .item(), float() and .numpy() give numbers without a gradient: return the Tensor that they are taken of"


def _note_on_trees(error: Exception, arguments: list[Any]) -> None:
    """Say with an error of the function that an argument is a tree of parameters, if it may have been meant to be something else."""
    for tree in arguments:
        if tree is None:
            error.add_note("the function is differentiated by an argument that is None, which holds no parameters")
        elif isinstance(tree, (list, tuple)) and tree and all(type(t) is Tensor and not t.ndim for t in tree):
            numbers = f"[{', '.join(str(t.item()) for t in tree[:4])}{', ...' * (len(tree) > 4)}]"
            error.add_note(f"a list is a tree of separate parameters: for a vector give np.array({numbers}), not {numbers}")


def _function(transform: str, f: Any) -> None:
    """Raise if what is to be differentiated is no function."""
    if not callable(f):
        what = "a tensor: write loss.backward() for what is computed already, or" if type(f) is Tensor else f"{type(f).__name__}:"
        raise TypeError(f"{transform} takes a function, not {what} tg.{transform}(f)(x), where f(x) computes the loss")


def _called(f: Callable[..., Any]) -> str:
    return getattr(f, "__name__", "the function")
