"""The type stub of the methods and operators that ops give to Tensor, written from the registry of ops.

`python -m tinygrad_edu.stubs` writes `_methods.pyi` anew; with `--check` it changes nothing and fails if the file is stale.
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import tinygrad_edu

from .core import Tensor
from .define import _OPERATORS
from .operation import Op
from .registry import registry

PATH = Path(__file__).with_name("_methods.pyi")

HEADER = '''\
"""Written by `python -m tinygrad_edu.stubs` from the registry of ops: do not edit."""

from collections.abc import Sequence
from typing import Any, TypeAlias, overload

from numpy.typing import ArrayLike, DTypeLike

from .core import Tensor

Operand: TypeAlias = Tensor | ArrayLike
Axis: TypeAlias = int | tuple[int, ...] | None

class Methods:
'''

# what a static argument of this name takes; any other name goes by its default, or is Any
TYPES = {
    "axis": "Axis",
    "axes": "Sequence[int] | None",
    "shape": "int | Sequence[int]",
    "source": "int | Sequence[int]",
    "destination": "int | Sequence[int]",
    "axis1": "int",
    "axis2": "int",
    "dtype": "DTypeLike",
    "min": "ArrayLike | None",
    "max": "ArrayLike | None",
    "index": "Any",
    "keepdims": "bool",
    "ddof": "float",
}


def text() -> str:
    """The whole stub: what every op of the package adds to Tensor, in the order of the alphabet."""
    assert tinygrad_edu.__name__ == __package__  # importing the package is what fills the registry
    ours = [made for made in registry.values() if is_at(made.name, made)]
    return HEADER + "".join(f"    {line}\n" for made in sorted(ours, key=lambda made: made.name) for line in declarations(made))


def is_at(name: str, made: Op) -> bool:
    """Whether this attribute of Tensor is the op's method."""
    return getattr(getattr(Tensor, name, None), "__doc__", None) is made.__doc__ is not None


def declarations(made: Op) -> Iterator[str]:
    """The lines that declare an op's method, and its operator if it is written like one."""
    operands = ", ".join(["self", *(f"{letter}: Operand" for letter in "bcd"[: made.arity - 1]), *["/"] * (made.arity > 1)])
    static = [parameter(name, made.defaults.get(name, inspect.Parameter.empty)) for name in made.static]
    if made.static in (("shape",), ("axes",)):  # t.reshape(2, 3) is t.reshape((2, 3))
        yield "@overload"
        yield method(made.name, [operands, *static])
        yield "@overload"
        yield method(made.name, [operands, f"*{made.static[0]}: int"])
    else:
        yield method(made.name, [operands, *static])
    operators = _OPERATORS.get(made.write if isinstance(made.write, str) else "", ("", ""))
    for operator in filter(None, operators if is_at(operators[0], made) else ()):
        ignore = "  # type: ignore[override]" if operator in ("__eq__", "__ne__") else ""
        yield method(operator, [operands, *static]) + ignore


def method(name: str, arguments: Sequence[str]) -> str:
    """One declaration."""
    return f"def {name}({', '.join(arguments)}) -> Tensor: ..."


def parameter(name: str, default: Any) -> str:
    """A static argument with its type and its default."""
    if default is inspect.Parameter.empty:
        return f"{name}: {TYPES.get(name, 'Any')}"
    known = type(default).__name__ if isinstance(default, (bool, int, float, str)) else "Any"
    return f"{name}: {TYPES.get(name, known)} = {default!r}" if default is None or known != "Any" else f"{name}: Any = ..."


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the stub, or only check it; 1 if it is stale."""
    parser = argparse.ArgumentParser(prog="python -m tinygrad_edu.stubs", description="Write the type stub of Tensor's methods.")
    parser.add_argument("--check", action="store_true", help="change nothing, fail if the stub is not what would be written")
    wanted = text()
    if not parser.parse_args(arguments).check:
        PATH.write_text(wanted, encoding="utf-8")
    elif not PATH.exists() or PATH.read_text(encoding="utf-8") != wanted:
        print(f"{PATH.name} is stale: run python -m tinygrad_edu.stubs")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
