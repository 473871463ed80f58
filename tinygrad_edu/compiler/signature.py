"""What a program is recorded for.

The structure, shapes and dtypes of arguments, and the values of those that are no arrays.
"""

from __future__ import annotations

import inspect
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from keyword import iskeyword
from typing import Any, NamedTuple

import numpy as np

from ..engine.pytree import parts_of
from ..engine.tensor import Tensor
from ..engine.validation import numeric, short


@dataclass(eq=False)
class Input:
    """An array among the arguments.

    Where it is, what it is called, and its value in the call that was recorded.
    """

    access: str  # as Python, from `args` and `kwargs`
    label: str
    value: Any

    @property
    def array(self) -> Any:
        """Its value as a NumPy array."""
        return self.value._array if type(self.value) is Tensor else numeric(self.value)

    def forget(self) -> None:
        """Keep the shape and the dtype, and let the numbers go."""
        if not isinstance(self.value, np.generic):
            self.value = np.broadcast_to(np.zeros((), self.array.dtype), self.array.shape)


class Branch(NamedTuple):
    """A dict, list or tuple among the arguments, with its parts by key or place."""

    access: str
    kind: type
    parts: dict[Any, Any]
    like: Any = None  # a defaultdict's default, or a dataclass's other values

    @property
    def fields(self) -> list[str]:
        """The names of the parts of a named tuple or a dataclass; none of other containers."""
        if issubclass(self.kind, (dict, list, tuple)):
            return list(getattr(self.kind, "_fields", ()))
        return list(self.parts)


class Constant(NamedTuple):
    """An argument that is no array: part of the signature by its value."""

    access: str
    label: str
    value: Any


class Signature:
    """The arguments of a call, taken apart."""

    def __init__(
        self, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.inputs: list[Input] = []
        self.constants: list[Constant] = []
        # keys that have no literal, which the accesses refer to as `objects[i]`
        self.objects: list[Any] = []
        names = parameter_names(f, len(args))
        for name in kwargs:
            if not name.isidentifier() or iskeyword(name):
                raise TypeError(
                    f"a compiled function has a text, in which {name!r} cannot be an argument's "
                    "name"
                )
        self.count = len(args)
        self.args = [
            self._scan(value, f"args[{i}]", name)
            for i, (name, value) in enumerate(zip(names, args, strict=True))
        ]
        self.kwargs = {
            name: self._scan(value, f"kwargs[{name!r}]", name) for name, value in kwargs.items()
        }
        self.names = [*names, *kwargs]
        self.key = (
            tuple([_key(part) for part in self.args]),
            tuple([(name, _key(part)) for name, part in self.kwargs.items()]),
        )

    def _scan(self, value: Any, access: str, label: str) -> Any:
        if "Tracer" in type(value).__name__ and type(value).__module__.startswith("jax"):
            raise TypeError(
                f"{label} is a tracer of JAX's: jax.grad, jax.jit and jax.vmap cannot look into a "
                "compiled function, "
                "which is differentiated by tg.grad(f), and runs on XLA with tg.compile(f, "
                "target='jax')"
            )
        if is_array(value):
            found = Input(access, label, value)
            self.inputs.append(found)
            return found
        parts = parts_of(value)
        if parts is not None:
            return Branch(
                access,
                type(value),
                {
                    key: self._scan(v, *self._step(value, access, label, key))
                    for key, v in parts.items()
                },
                like(value),
            )
        try:
            hash(static_key(value))
        except TypeError:
            raise TypeError(
                "a compiled function takes Tensors, arrays, dicts, lists and tuples of them, and "
                "values that can be hashed; "
                f"{label} is {type(value).__name__}: {short(value)}"
            ) from None
        constant = Constant(access, label, value)
        self.constants.append(constant)
        return constant

    def _step(self, holder: Any, access: str, label: str, key: Any) -> tuple[str, str]:
        """Where a part is, and what it is called: by its key or field, if it has one."""
        if not isinstance(holder, (dict, list, tuple)):
            return f"{access}.{key}", key
        if hasattr(holder, "_fields"):
            return f"{access}[{key!r}]", holder._fields[key]
        if type(key) in (str, int):
            return f"{access}[{key!r}]", key if type(key) is str and key else f"{label}_{key}"
        self.objects.append(key)
        return f"{access}[objects[{len(self.objects) - 1}]]", f"{label}_{len(self.objects)}"

    def rebuilt(self, arrays: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
        """The arguments again, with other values in place of the arrays."""
        values = iter(arrays)

        def build(part: Any) -> Any:
            if isinstance(part, Input):
                return next(values)
            if isinstance(part, Constant):
                return part.value
            built = {key: build(v) for key, v in part.parts.items()}
            return assembled(part.kind, built, part.like)

        return [build(part) for part in self.args], {
            name: build(part) for name, part in self.kwargs.items()
        }

    def of(self, arguments: Sequence[int | str]) -> list[Input]:
        """The arrays that are, or are in, some arguments: of these numbers or names."""
        chosen: list[Input] = []
        for argument in arguments:
            known = range(self.count) if isinstance(argument, int) else self.names
            if argument not in known:
                raise TypeError(
                    f"there is no argument {argument!r}: this call has "
                    f"{', '.join(self.names) or 'none'}"
                )
            place = argument if isinstance(argument, int) else self.names.index(argument)
            access = f"args[{place}]" if place < self.count else f"kwargs[{argument!r}]"
            chosen += [
                x
                for x in self.inputs
                if x.access == access or x.access.startswith((f"{access}[", f"{access}."))
            ]
        return chosen

    def parameters(self) -> list[tuple[str, Any]]:
        """Each argument, with what it is called."""
        return [*zip(self.names, [*self.args, *self.kwargs.values()], strict=True)]

    def described(self) -> list[str]:
        """Each argument, as a reader would write it."""
        return [f"{name}={described(part)}" for name, part in self.parameters()]

    def __str__(self) -> str:
        return ", ".join(self.described())


def like(value: Any) -> Any:
    """What it takes to make another dict, list, tuple or dataclass like it, beside its parts."""
    return value.default_factory if isinstance(value, defaultdict) else None


def assembled(kind: type, parts: dict[Any, Any], default: Any = None) -> Any:
    """A dict, list, tuple or dataclass of a kind."""
    if kind is dict:
        return parts
    if issubclass(kind, defaultdict):
        return kind(default, parts)
    if issubclass(kind, dict):
        return kind(parts)
    if issubclass(kind, (list, tuple)):
        return kind(*parts.values()) if hasattr(kind, "_fields") else kind(parts.values())
    made = object.__new__(kind)
    for name, value in parts.items():
        object.__setattr__(made, name, value)
    return made


def static_key(value: Any) -> Any:
    """A key that tells static arguments apart: 1 from 1.0 and True, 0.0 from -0.0.

    An object of the user's is itself alone.
    """
    if isinstance(value, (Enum, type)) or callable(value):
        return (id(value), value)
    if isinstance(value, (bool, int, float, complex, str, bytes, type(None), np.generic)):
        return (type(value), repr(value))
    if isinstance(value, (tuple, frozenset)):
        keys = map(static_key, value)
        return (type(value), frozenset(keys) if isinstance(value, frozenset) else tuple(keys))
    if isinstance(value, slice):
        return (slice, static_key(value.start), static_key(value.stop), static_key(value.step))
    if type(value).__module__.partition(".")[0] in (
        "numpy",
        *sys.stdlib_module_names,
    ) and not hasattr(value, "__dict__"):
        return (type(value), value)
    hash(value)
    return (id(value),)


def leaves_of(tree: Any, value: Any) -> list[Any]:
    """The parts of a value at the leaves of a structure that are no constants, in order."""
    if isinstance(tree, Branch):
        parts = parts_of(value) or {}
        return [leaf for key, part in tree.parts.items() for leaf in leaves_of(part, parts[key])]
    return [] if isinstance(tree, Constant) else [value]


def is_array(value: Any) -> bool:
    """Whether an argument is an array, or a NumPy number, or a JAX array.

    An input of the program.
    """
    return (
        type(value) is Tensor
        or isinstance(value, (np.ndarray, np.generic))
        or (hasattr(value, "__array__") and hasattr(value, "dtype"))
    )


def parameter_names(f: Callable[..., Any], count: int) -> list[str]:
    """What a function calls its positional arguments."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names: list[str] = []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            names += [f"{parameter.name}_{i}" for i in range(count - len(names))]
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            names.append(parameter.name)
    return [*names, *(f"x{i}" for i in range(count - len(names)))][:count]


def described(part: Any) -> str:
    """A part of a signature, as a reader would write it: float64[4, 2]."""
    if isinstance(part, Input):
        array = part.array
        return f"{array.dtype.name}[{', '.join(map(str, array.shape))}]"
    if isinstance(part, Constant):
        return short(part.value)
    parts = [described(v) for v in part.parts.values()]
    if issubclass(part.kind, dict):
        return (
            "{"
            + ", ".join(f"{key!r}: {text}" for key, text in zip(part.parts, parts, strict=True))
            + "}"
        )
    if part.fields:
        named = [f"{name}={text}" for name, text in zip(part.fields, parts, strict=True)]
        return f"{part.kind.__name__}({', '.join(named)})"
    return (
        f"[{', '.join(parts)}]"
        if issubclass(part.kind, list)
        else f"({', '.join(parts)}{',' * (len(parts) == 1)})"
    )


def _key(part: Any) -> Any:
    if isinstance(part, Input):
        array = part.array
        return ("array", isinstance(part.value, np.generic), array.shape, array.dtype.str)
    if isinstance(part, Constant):
        return static_key(part.value)
    return (part.kind, tuple([(static_key(key), _key(v)) for key, v in part.parts.items()]))
