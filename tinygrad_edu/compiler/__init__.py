"""From a function of Tensors to a program: the NumPy that one would write by hand, or JAX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

if TYPE_CHECKING:
    from .dispatch import Compiled


Arguments = int | str | Sequence[int | str]  # of a function, by number or name


@overload
def compile(
    f: Callable[..., Any],
    target: Literal["numpy", "jax"] = ...,
    donate: Arguments = ...,
    *,
    mesh: Any = ...,
    batch_axis: str | None = ...,
    batch: Arguments | None = ...,
) -> Compiled: ...
@overload
def compile(
    f: None = ...,
    target: Literal["numpy", "jax"] = ...,
    donate: Arguments = ...,
    *,
    mesh: Any = ...,
    batch_axis: str | None = ...,
    batch: Arguments | None = ...,
) -> Callable[[Callable[..., Any]], Compiled]: ...
def compile(
    f: Callable[..., Any] | None = None,
    target: Literal["numpy", "jax"] = "numpy",
    donate: Arguments = (),
    *,
    mesh: Any = None,
    batch_axis: str | None = None,
    batch: Arguments | None = None,
) -> Any:
    '''A function that does what `f` does, as a program.

    It is recorded once for each structure, shapes and dtypes of the arguments.

    `f` takes and returns Tensors, arrays, and dicts, lists and tuples of them; it may call `grad`
    and `value_and_grad`, and be a whole training step that returns new parameters. Other arguments
    (numbers of Python's, strings) belong to the signature: for another value the program is
    recorded again. What `f` closes over is a constant, and recorded again when it has changed;
    random numbers are passed as arguments. An `if` on the value of a tensor is a TypeError that
    explains; on shapes and Python values it is fine. Without `f` it is a decorator:
    `@tg.compile(donate="w")`.

    `.source` is the program as a NumPy function to read, `.planned_source` what runs: the same with
    kept memory for its results. `.passes()` shows what each pass of the compiler makes of it, and
    `.signatures` says what was recorded. `donate` gives the numbers or names of arguments whose
    memory the results may take: the parameters of a training step are then updated in place, and a
    donated Tensor is itself the result.

    On tensors that require a gradient a call is one op, whose backward pass is compiled too.

    With `target="jax"` XLA compiles it, and results are JAX arrays. `mesh`, a `jax.sharding.Mesh`,
    and `batch_axis`, one of its axes, run it on many devices: the arguments `batch` (all after the
    first, if not given) are split along their first axis, the others are on every device, and so
    are the results.

    >>> import numpy as np, tinygrad_edu as tg
    >>> def step(w, x):
    ...     loss, slope = tg.value_and_grad(lambda w: ((w * x - 1.0) ** 2).sum())(w)
    ...     return w - 0.1 * slope, loss
    >>> fast = tg.compile(step)
    >>> w, loss = fast(np.array([0.5, 0.5]), np.array([1.0, 2.0]))
    >>> w.tolist(), loss.item()
    ([0.6, 0.5], 0.25)
    >>> fast.signatures
    ['step(w=float64[2], x=float64[2])']
    >>> print(fast.source[fast.source.index("def"):])
    def step(w, x):
        """Recorded for w=float64[2], x=float64[2]."""
        # forward
        t1 = w * x - 1.0
        loss = (t1**2).sum()
    <BLANKLINE>
        # backward
        slope = 2 * t1 * x
    <BLANKLINE>
        # update
        new_w = w - 0.1 * slope
    <BLANKLINE>
        return new_w, loss
    <BLANKLINE>
    '''
    if f is None:  # a decorator with arguments
        return lambda f: compile(f, target, donate, mesh=mesh, batch_axis=batch_axis, batch=batch)
    if isinstance(f, str):
        raise TypeError(
            f"compile takes a function first: write @tg.compile(target={f!r}), or tg.compile(f, "
            f"{f!r})"
        )
    donate = numbers_or_names("donate", donate)
    batch = None if batch is None else numbers_or_names("batch", batch)
    if target == "jax":
        from .jax_target import JaxCompiled

        return JaxCompiled(f, donate, mesh, batch_axis, batch)
    if target != "numpy":
        raise ValueError(f"target is 'numpy' or 'jax', not {target!r}")
    if mesh is not None or batch_axis is not None or batch is not None:
        raise TypeError(
            "mesh, batch_axis and batch are for many devices: compile(f, target='jax', mesh=...)"
        )
    from .dispatch import Compiled

    return Compiled(f, donate)


def numbers_or_names(what: str, chosen: Any) -> tuple[int | str, ...]:
    """Some arguments of a function, one or several; a TypeError that shows how they are given."""
    several = tuple(chosen) if isinstance(chosen, (list, tuple, set)) else (chosen,)
    if not all(type(one) in (int, str) for one in several):
        raise TypeError(
            f"{what} gives arguments by their numbers or names, {what}=0 or {what}=('w', 'b'), not "
            f"{chosen!r}"
        )
    return several
