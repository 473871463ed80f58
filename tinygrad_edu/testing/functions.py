"""The function under test, run on values for its parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import count
from typing import Any

import numpy as np

from ..engine.pytree import leaves, tree_map
from ..engine.recording import enable_grad
from ..engine.tensor import Tensor
from ..graph import value_of
from .outputs import called, outputs_of
from .parameters import parameters_of


class NotFinite(ValueError):
    """A function has no finite value at the inputs given."""


class Function:
    """A function and its inputs: it runs on other values for some of them, its parameters.

    One that changes its inputs, gives other values each time, or gives no finite floats is refused
    with an error.
    """

    def __init__(
        self, f: Callable[..., Any], inputs: tuple[Any, ...], wrt: Any, names: Sequence[str]
    ) -> None:
        self.f, self.inputs, self.called = f, inputs, called(f)
        self.parameters = parameters_of(f, inputs, wrt, names)
        self.held = [
            Tensor(p.value, requires_grad=True, name=p.name)
            if p.closed_over is None
            else p.closed_over
            for p in self.parameters
        ]
        self._arguments = dict[Any, Any]()  # by the dtype of the floats that are not varied
        self.recorded = self._check_manners()

    @property
    def values(self) -> list[Any]:
        """The values of the parameters, in float64."""
        return [p.value for p in self.parameters]

    @contextmanager
    def run(self, values: Sequence[Any]) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
        """F on leaves that hold the values, as (the leaves, the outputs).

        What f closes over is afterwards as it was.
        """
        with self.holding(values):
            inputs = self._given(np.result_type(*[v.dtype for v in values])) if self.inputs else ()
            yield self.held, outputs_of(self.f, self.f(*inputs))

    @contextmanager
    def holding(self, values: Sequence[Any]) -> Iterator[None]:
        """While this lasts, the leaves hold the values."""
        before = [t._array for t in self.held]
        try:
            for t, value in zip(self.held, values, strict=True):
                t._array = value
            yield
        finally:
            for t, data in zip(self.held, before, strict=True):
                t._array = data

    def _given(self, dtype: Any) -> list[Any]:
        """The arguments, with the leaves that are varied in their places.

        The containers are new: those are f's own to change.
        """
        fixed = self._arguments.get(dtype)
        if fixed is None:
            at = {p.place: t for p, t in zip(self.parameters, self.held, strict=True)}
            place = count()
            fixed = self._arguments[dtype] = tree_map(
                lambda x: at[k] if (k := next(place)) in at else _constant(x, dtype),
                list(self.inputs),
            )
        return tree_map(lambda x: x, fixed) if self._nested else list(fixed)

    @cached_property
    def _nested(self) -> bool:
        """Whether an input is a container."""
        return any(isinstance(x, (dict, list, tuple)) for x in self.inputs)

    def _check_manners(self) -> list[Tensor]:
        """The outputs of f, which is finite, the same each time, and no changer of its inputs.

        So f must be before gradients mean anything.
        """
        arrays = [(path, x) for path, x in leaves(list(self.inputs)) if hasattr(x, "shape")]
        before = [value_of(x).tobytes() for _, x in arrays]
        with enable_grad(), np.errstate(all="ignore"):
            with self.run([np.array(p.given) for p in self.parameters]) as (held, outputs):
                changed = [
                    p.name
                    for p, t in zip(self.parameters, held, strict=True)
                    if t._array.tobytes() != p.given.tobytes()
                ]
            with self.run([np.array(p.given) for p in self.parameters]) as (_, again):
                pass
        changed += [
            f"input {path}"
            for (path, x), was in zip(arrays, before, strict=True)
            if value_of(x).tobytes() != was
        ]
        if changed:
            raise ValueError(
                f"{self.called} changes its input {changed[0]} in place: "
                "let it compute a new tensor"
            )
        self._check_outputs(outputs)
        if [a._array.tobytes() for a in outputs] != [b._array.tobytes() for b in again]:
            raise ValueError(
                f"{self.called} gives another value each time: make its random numbers "
                "(of dropout, say) outside and pass them, or seed a generator inside"
            )
        if not any(out.size for out in outputs):
            raise ValueError(
                f"{self.called} gives no numbers (its outputs are empty): "
                "there is no gradient to check"
            )
        return again

    def _check_outputs(self, outputs: Sequence[Tensor]) -> None:
        """They must be finite floats."""
        for out in outputs:
            if out.dtype.kind != "f":
                raise TypeError(
                    f"{self.called} gives {out.dtype}, which has no gradient: "
                    "a differentiable function gives floats"
                )
            if not np.isfinite(out._array).all():
                kind = "NaN" if np.isnan(out._array).any() else "an infinite value"
                raise NotFinite(
                    f"{self.called} gives {kind} at these inputs: there is no gradient to check"
                )


def _constant(x: Any, dtype: Any) -> Any:
    """An input that is not varied: floats in the dtype of those that are.

    So float32 beside float64 rounds nothing.
    """
    if type(x) is Tensor:
        return Tensor(x.numpy(), dtype=dtype if x.dtype.kind == "f" else None)
    return np.array(x, dtype) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x
