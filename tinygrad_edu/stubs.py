"""The type stubs of what ops give to Tensor, and to the package: written from the registry of ops.

`python -m tinygrad_edu.stubs` writes `_methods.pyi` and `__init__.pyi` anew; with `--check` it changes nothing and fails if a
file is stale.
"""

from __future__ import annotations

import argparse
import ast
import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import tinygrad_edu

from .core import Tensor
from .define import _OPERATORS
from .operation import Op
from .registry import registry

FOLDER = Path(__file__).parent

HEADER = '''\
"""Written by `python -m tinygrad_edu.stubs` from the registry of ops: do not edit."""

from collections.abc import Sequence
from typing import Any, TypeAlias, overload

from numpy.typing import ArrayLike, DTypeLike

from .core import Tensor

Operand: TypeAlias = Tensor | ArrayLike
Axis: TypeAlias = int | tuple[int, ...] | None

class AtMethods: ...

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


FACE = '''\
"""Written by `python -m tinygrad_edu.stubs` from `__init__.py` and the registry of ops: do not edit."""

from collections.abc import Sequence
from typing import overload

from numpy.typing import ArrayLike, DTypeLike

from ._methods import Axis, Operand
'''


def texts() -> dict[str, str]:
    """The stubs, by the names of their files."""
    return {"_methods.pyi": methods(), "__init__.pyi": face()}


def face() -> str:
    """The stub of the package: each op with the arguments that it takes, the rest from where it is defined."""
    ops, others = [], []
    for node in ast.parse((FOLDER / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                value = getattr(tinygrad_edu, alias.name, None)
                if isinstance(value, Op):
                    ops.append(value)
                elif alias.asname is None:
                    others.append(f"from .{node.module} import {alias.name} as {alias.name}")
    names = "".join(f"    {name!r},\n" for name in tinygrad_edu.__all__).replace("'", '"')
    return "\n".join([FACE, *others, "", *map(function, ops), f"__all__ = [\n{names}]\n"]).replace(f"{FACE}\n", FACE)


def function(made: Op) -> str:
    """The declaration of an op as a function, in a class of its own, for what an Op is otherwise stays true of it."""
    first = "arrays: Sequence[Operand]" if made.variadic is not None else f"{'x' if made.arity == 1 else 'a'}: Operand"
    lines = "".join(f"    {line}\n" for line in calls(made, "__call__", ["self", first]))
    return f"class _{made.name}(Op):\n{lines}\n{made.name}: _{made.name}\n"


def methods() -> str:
    """The stub of Tensor's methods: what every op of the package adds to it, in the order of the alphabet."""
    assert tinygrad_edu.__name__ == __package__  # importing the package is what fills the registry
    ours = [made for made in registry.values() if is_at(made.name, made)]
    return HEADER + "".join(f"    {line}\n" for made in sorted(ours, key=lambda made: made.name) for line in declarations(made))


def is_at(name: str, made: Op) -> bool:
    """Whether this attribute of Tensor is the op's method."""
    return getattr(getattr(Tensor, name, None), "__doc__", None) is made.__doc__ is not None


def declarations(made: Op) -> Iterator[str]:
    """The lines that declare an op's method, and its operator if it is written like one."""
    yield from calls(made, made.name, ["self"])
    operators = _OPERATORS.get(made.write if isinstance(made.write, str) else "", ("", ""))
    for operator in filter(None, operators if is_at(operators[0], made) else ()):
        ignore = "  # type: ignore[override]" if operator in ("__eq__", "__ne__") else ""
        yield from (line + ignore for line in calls(made, operator, ["self"]))


def calls(made: Op, name: str, first: Sequence[str]) -> Iterator[str]:
    """The declarations of a function that calls the op, whose first arguments are given."""
    more = [f"{letter}: Operand" for letter in "bcd"[: made.arity - 1]]
    operands = ", ".join([*first, *more, *["/"] * (len(first) + len(more) > 1)])
    static = [parameter(name, made.defaults.get(name, inspect.Parameter.empty)) for name in made.static]
    if made.static in (("shape",), ("axes",)):  # t.reshape(2, 3) is t.reshape((2, 3))
        yield "@overload"
        yield method(name, [operands, *static])
        yield "@overload"
        yield method(name, [operands, f"*{made.static[0]}: int"])
    else:
        yield method(name, [operands, *static])


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
    """Write the stubs, or only check them; 1 if one is stale."""
    parser = argparse.ArgumentParser(prog="python -m tinygrad_edu.stubs", description="Write the type stubs of ops.")
    parser.add_argument("--check", action="store_true", help="change nothing, fail if the stubs are not what would be written")
    check, stale = parser.parse_args(arguments).check, False
    for name, wanted in texts().items():
        path = FOLDER / name
        if not check:
            path.write_text(wanted, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != wanted:
            print(f"{name} is stale: run python -m tinygrad_edu.stubs")
            stale = True
    return int(stale)


if __name__ == "__main__":
    raise SystemExit(main())
