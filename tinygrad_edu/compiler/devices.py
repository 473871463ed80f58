"""Where arrays live when there are many devices, of one process or several.

A batch in parts, all else on every one. By JAX's sharding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .signature import Input, Signature


def refuse_uneven(inputs: Sequence[Input], devices: int) -> None:
    """Raise if a batch cannot be split into equal parts."""
    for x in inputs:
        if x.array.ndim and x.array.shape[0] % devices:
            raise ValueError(
                f"{x.label} has {x.array.shape[0]} rows, which cannot be split evenly over "
                f"{devices} devices: leave some rows out, "
                "or add some; if it is no batch, say which arguments are, by their numbers or "
                "names: batch=(...)"
            )


class Sharding:
    """How the inputs of a program are laid out over a mesh."""

    def __init__(
        self,
        jax: Any,
        mesh: Any,
        batch_axis: str | None,
        batch: Sequence[int | str] | None,
        signature: Signature,
        outside: int,
    ) -> None:
        sharding = jax.sharding
        self.jax = jax
        self.whole = sharding.NamedSharding(mesh, sharding.PartitionSpec())
        split = sharding.NamedSharding(mesh, sharding.PartitionSpec(batch_axis))
        devices = mesh.shape[batch_axis]
        chosen = signature.of(
            batch if batch is not None else [*range(1, signature.count), *signature.kwargs]
        )
        refuse_uneven(chosen, devices)
        self.inputs = [
            split if x in chosen and x.array.ndim else self.whole for x in signature.inputs
        ]
        self.inputs += [self.whole] * outside

    def arguments(self, whole: int) -> dict[str, Any]:
        """What `jax.jit` takes for a function of things that are everywhere, then of inputs.

        Results are everywhere.
        """
        return {"in_shardings": (*[self.whole] * whole, *self.inputs), "out_shardings": self.whole}

    def placed(self, arrays: Sequence[Any]) -> list[Any]:
        """The inputs on their devices.

        Of an array of NumPy's, which every process has, each device gets its part.
        """
        return [
            self._placed(array, sharding)
            for array, sharding in zip(arrays, self.inputs, strict=True)
        ]

    def everywhere(self, array: Any) -> Any:
        """An array on every device."""
        return self._placed(array, self.whole)

    def _placed(self, array: Any, sharding: Any) -> Any:
        if isinstance(array, self.jax.Array):
            # even if its mesh is of another type
            return array if array.sharding == sharding else self.jax.device_put(array, sharding)
        with self.jax.enable_x64(True):
            array = np.asarray(array)
            return self.jax.make_array_from_callback(
                array.shape, sharding, lambda index: array[index]
            )
