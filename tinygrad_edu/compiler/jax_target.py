"""Programs for JAX: the printed function, compiled by XLA for a CPU, a GPU, or many devices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..engine.pytree import parts_of
from ..engine.tensor import Tensor
from .devices import Sharding
from .dispatch import Compiled
from .emit.jax import JaxWriter
from .entry import EntryPoint
from .history import Callee
from .loop import Loop
from .results import Result
from .signature import Branch, Signature
from .version import Entered, Version


def imported() -> Any:
    """JAX, or an error that says how to get it."""
    try:
        import jax
    except ImportError:
        raise ImportError(
            "target='jax' needs JAX: pip install 'tinygrad_edu[jax]', or pip install jax"
        ) from None
    return jax


class JaxCompiled(Compiled):
    """A function compiled for JAX: its results are JAX arrays, which stay on their devices."""

    target = "jax"

    def __init__(
        self,
        f: Callable[..., Any],
        donate: int | str | Sequence[int | str] = (),
        mesh: Any = None,
        batch_axis: str | None = None,
        batch: Sequence[int | str] | None = None,
    ) -> None:
        self.jax = imported()
        super().__init__(f, donate)
        if (mesh is None) != (batch_axis is None):
            raise TypeError(
                "mesh and batch_axis come together: mesh=jax.make_mesh((4,), ('data',)), "
                "batch_axis='data'"
            )
        if mesh is not None and batch_axis not in mesh.axis_names:
            raise ValueError(
                f"batch_axis={batch_axis!r} is no axis of the mesh, which has "
                f"{', '.join(map(repr, mesh.axis_names))}"
            )
        # of the ways to use a mesh, the one where XLA finds out how to split what is computed
        if mesh is not None:
            sharding = self.jax.sharding
            mesh = sharding.Mesh(
                mesh.devices,
                mesh.axis_names,
                axis_types=(sharding.AxisType.Auto,) * len(mesh.axis_names),
            )
        self.mesh, self.batch_axis, self.batch = mesh, batch_axis, batch

    def _of(self, f: Callable[..., Any], donate: Sequence[int | str]) -> Compiled:
        return JaxCompiled(f, donate, self.mesh, self.batch_axis, self.batch)

    def _recorded(self, signature: Signature) -> Version:
        return JaxVersion(self, signature)

    def plain(self, value: Any) -> Any:
        return value if isinstance(value, self.jax.Array) else super().plain(value)

    def _check_donated(self, signature: Signature) -> None:
        signature.of(self.donate)


class JaxEntryPoint(EntryPoint):
    """The way into a program of JAX: it takes JAX arrays too, and gives them."""

    gives_tensors = False

    def for_jax(self, jax: Any, sharding: Sharding | None) -> JaxEntryPoint:
        """Itself, knowing what to call."""
        self.namespace |= {
            "config": jax.config,
            "exact": jax.enable_x64,
            "device_array": type(jax.numpy.zeros(())),
        }
        self.namespace["known"] = [None] * len(self.signature.inputs)
        self.sharding = sharding
        return self

    def take_array(self, i: int, x: str, check: str) -> None:
        # arrays that one program made share their description: 0.04 µs to look at, the shape and
        # dtype 0.2
        self.lines.append(
            f"""if type({x}) is device_array:
            if {x}.aval is not known[{i}]:
                {check}
                known[{i}] = {x}.aval
        else:
            if type({x}) is Tensor:
                if {x}._requires_grad: wants = True
                {x} = {x}._array
            elif type({x}) is not ndarray: return MISS
            {check}"""
        )

    def run(self, call: str, has_memory: bool) -> list[str]:
        lines = []
        if self.sharding is not None:
            arrays = ", ".join(
                f"x{i}" for i in range(len(self.signature.inputs) + len(self.outside))
            )
            lines.append(f"{arrays}, = {self.bind('placed_', self.sharding.placed)}([{arrays}])")
        # the context, in which float64 is float64, takes 0.75 µs
        return [
            *lines,
            "if config.jax_enable_x64:",
            f"    {call}",
            "else:",
            "    with exact(True):",
            f"        {call}",
        ]

    def array(self, i: int) -> str:
        return f"{self.bind('asarray_', np.asarray)}(x{i})"


class JaxVersion(Version):
    """A program for one signature, for JAX."""

    writer = JaxWriter
    looks_at_results = False  # they stay on their devices

    def _way_in(self, compiled: Callee) -> Entered:
        assert isinstance(compiled, JaxCompiled)
        self.jax = jax = compiled.jax
        signature, recorded = self.captured.signature, self.program
        for node in (*recorded.inputs, *recorded.nodes):
            if node.dtype == np.longdouble or node.dtype.itemsize > 8:
                raise TypeError(
                    f"{node.dtype} has no counterpart in JAX: {self.name} uses it, convert with "
                    ".astype(float)"
                )
        scope: dict[str, Any] = {}
        exec(compile(self.source, f"<{self.name}, for JAX>", "exec"), scope)
        self._function = scope[self.name]
        self.sharding = None
        if compiled.mesh is not None:
            outside = len(self.captured.outside)
            self.sharding = Sharding(
                jax, compiled.mesh, compiled.batch_axis, compiled.batch, signature, outside
            )
        with self.exactly():
            put = jax.device_put if self.sharding is None else self.sharding.everywhere
            known = self._printed()[1]
            self._constants = {
                name: put(value) for name, value in known.items() if type(value) is not Tensor
            }
            self._outside = [name for name, value in known.items() if type(value) is Tensor]
        donated = [signature.inputs.index(x) for x in signature.of(compiled.donate)]
        if self._constants:
            program = partial(
                self._jitted(self._flat, [1 + i for i in donated], 1), self._constants
            )
        else:
            program = self._jitted(partial(self._flat, {}), donated, 0)
        self._loops: dict[Any, Any] = {}
        return self.entry(program)

    def emitted(self) -> str:
        return self.source.rstrip()

    def writes_entry(
        self,
        updates: Mapping[int, int],
        identical: Mapping[int, Any],
        watches: bool,
        remember: Callable[..., Any],
    ) -> EntryPoint:
        return JaxEntryPoint(self.captured, remember, updates, identical, watches).for_jax(
            self.jax, self.sharding
        )

    def exactly(self) -> Any:
        """A context in which float64 is float64."""
        return self.jax.enable_x64(True)

    def _jitted(self, function: Callable[..., Any], donated: Sequence[int], others: int) -> Any:
        """A function of some other arguments and then the inputs, compiled by XLA."""
        more = {} if self.sharding is None else self.sharding.arguments(others)
        return self.jax.jit(function, donate_argnums=tuple(donated), **more)

    def _flat(self, constants: dict[str, Any], *arrays: Any) -> tuple[Any, ...]:
        """The program as a function of its inputs in order, which gives its results in order."""
        args, kwargs = self.captured.signature.rebuilt(arrays)
        outside = dict(
            zip(self._outside, arrays[len(self.captured.signature.inputs) :], strict=True)
        )
        returned = self._function(*args, **kwargs, **constants, **outside)
        found: list[Any] = []
        _collect(self.captured.result, returned, found)
        return tuple(found)

    def looped(self, loop: Loop, n: int, history: bool) -> Callable[..., Any]:
        """The program of n steps, in one loop of XLA."""
        key = (tuple(loop.pairs), history, n if history else None)
        if key not in self._loops:
            self._loops[key] = self._loop(loop, n if history else None)
        return partial(self._loops[key], self._constants, np.int64(n))

    def _loop(self, loop: Loop, length: int | None) -> Any:
        lax = self.jax.lax

        def run(constants: dict[str, Any], n: Any, *arrays: Any) -> tuple[Any, ...]:
            def step(state: Sequence[Any]) -> tuple[Any, ...]:
                given = list(arrays)
                for (_, x), value in zip(loop.pairs, state, strict=True):
                    given[x] = value
                return self._flat(constants, *given)

            def next_state(state: Sequence[Any]) -> tuple[Any, ...]:
                results = step(state)
                return tuple(results[y] for y, _ in loop.pairs)

            def with_rest(state: Sequence[Any], _: Any) -> tuple[Any, Any]:
                results = step(state)
                return tuple(results[y] for y, _ in loop.pairs), tuple(
                    results[y] for y in loop.rest
                )

            state = tuple(self.jax.numpy.asarray(arrays[x]) for _, x in loop.pairs)
            # the last step apart: the others need not compute what is not fed back
            if length is None:
                return step(lax.fori_loop(0, n - 1, lambda i, state: next_state(state), state))
            state, rest = lax.scan(with_rest, state, None, length=length)
            results = dict(zip([y for y, _ in loop.pairs], state, strict=True)) | dict(
                zip(loop.rest, rest, strict=True)
            )
            return tuple(results[y] for y in range(len(results)))

        return self._jitted(run, (), 2)


def _collect(result: Any, returned: Any, found: list[Any]) -> None:
    """The arrays in what a function returned, in order."""
    if isinstance(result, Branch):
        parts = parts_of(returned) or {}
        for place, (key, part) in enumerate(result.parts.items()):
            _collect(part, parts[key if key in parts else place], found)
    elif isinstance(result, Result):
        found.append(returned)
