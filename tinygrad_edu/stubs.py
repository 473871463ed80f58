"""The type stubs of what ops give to Tensor, and to the package: written from the registry of ops.

`python -m tinygrad_edu.stubs` writes `engine/methods.pyi`, `__init__.pyi` and `docs/ops.md` anew;
with `--check` it changes nothing and fails if a file is stale.
"""

from __future__ import annotations

import argparse
import ast
import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import tinygrad_edu

from .engine.op import Op
from .engine.operators import operators
from .engine.registry import registry
from .engine.tensor import Tensor
from .notation.manual import formulas
from .notation.table import table
from .numpy_functions.methods import GRADIENTS, METHODS

FOLDER = Path(__file__).parent

HEADER = '''\
"""Written by `python -m tinygrad_edu.stubs` from the registry of ops: do not edit."""

from collections.abc import Sequence
from typing import Any, TypeAlias, overload

from numpy.typing import ArrayLike, DTypeLike

from .tensor import Tensor

Operand: TypeAlias = Tensor | ArrayLike
Axis: TypeAlias = int | tuple[int, ...] | None

class AtMethods: ...

class Methods:
'''

PAGE = """\
# The table of ops

Written by `python -m tinygrad_edu.stubs` from the rules that run: do not edit. A gradient `g` at
the result `y` becomes at each operand what is written here; where an op goes entry by entry, the
derivative is given. Every rule is made of ops, so there are derivatives of every order.

"""

# what a static argument of this name takes; any other name goes by its default, or is Any
TYPES = {
    "axis": "Axis",
    "axes": "Sequence[int] | None",
    "shape": "int | Sequence[int]",
    "source": "int | Sequence[int]",
    "destination": "int | Sequence[int]",
    "axis1": "int",
    "axis2": "int",
    "dtype": "DTypeLike | None",
    "min": "ArrayLike | None",
    "max": "ArrayLike | None",
    "index": "Any",
    "keepdims": "bool",
    "ddof": "float",
}


FACE = '''\
"""Written by `python -m tinygrad_edu.stubs` from `__init__.py` and the ops: do not edit."""

from collections.abc import Sequence
from typing import overload

from numpy.typing import ArrayLike, DTypeLike

'''
VERSION = "__version__: str\n"


def texts() -> dict[str, str]:
    """What is written, by the names of the files: the stubs, and in a checkout a page of docs."""
    found = {"engine/methods.pyi": methods(), "__init__.pyi": face()}
    if (FOLDER.parent / "docs").is_dir():
        found["../docs/ops.md"] = PAGE + str(table())
    return found


def face() -> str:
    """The stub of the package: each op with what it takes, the rest from where it is defined."""
    public = [getattr(tinygrad_edu, name) for name in tinygrad_edu.__all__]
    functions = [function(made) for made in public if isinstance(made, Op)]
    source = (FOLDER / "__init__.py").read_text(encoding="utf-8")
    imports = ["from .engine.methods import Axis, Operand"]
    imports += [
        f"from .{node.module} import {alias.name} as {alias.name}"
        for node in ast.parse(source).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname is None
    ]
    imports.sort(key=lambda line: line.split()[1])
    names = "".join(f'    "{name}",\n' for name in tinygrad_edu.__all__)
    return FACE + "\n".join([*imports, "", VERSION, *functions, f"__all__ = [\n{names}]\n"])


def function(made: Op) -> str:
    """The declaration of an op as a function, in a class of its own: the rest of Op stays true."""
    first = f"{'x' if made.arity == 1 else 'a'}: Operand"
    if made.variadic is not None:
        first = "arrays: Sequence[Operand]"
    lines = "".join(f"    {line}\n" for line in calls(made, "__call__", ["self", first]))
    rows = "".join(f"    {row}\n" for row in formulas(made))
    text = f"{made.doc}\n\n{rows}    " if rows else made.doc
    return f'class _{made.name}(Op):\n    """{text}"""\n\n{lines}\n{made.name}: _{made.name}\n'


def methods() -> str:
    """The stub of Tensor's methods: what every op of the package adds to it, by name."""
    assert tinygrad_edu.__name__ == __package__  # importing the package is what fills the registry
    ours = [m for m in registry.values() if is_at(m.name, m) and not m.is_optional]
    ours.sort(key=lambda made: made.name)
    lines = [line for made in ours for line in declarations(made)]
    for name, made in METHODS.items():
        more = list(inspect.signature(made).parameters.values())[1:]
        line = method(name, ["self", *(parameter(p.name, p.default) for p in more)])
        lines.append(line if name in GRADIENTS else line.replace("-> Tensor", "-> Any"))
    return HEADER + "".join(f"    {line}\n" for line in lines)


def is_at(name: str, made: Op) -> bool:
    """Whether this attribute of Tensor is the op's method."""
    return getattr(getattr(Tensor, name, None), "__doc__", None) is made.doc


def declarations(made: Op) -> Iterator[str]:
    """The lines that declare an op's method, and its operator if it is written like one."""
    yield from calls(made, made.name, ["self"])
    written = operators(made)
    for operator in filter(None, written if is_at(written[0], made) else ()):
        ignore = "  # type: ignore[override]" if operator in ("__eq__", "__ne__") else ""
        yield from (line + ignore for line in calls(made, operator, ["self"]))


def calls(made: Op, name: str, first: Sequence[str]) -> Iterator[str]:
    """The declarations of a function that calls the op, whose first arguments are given."""
    more = [f"{letter}: Operand" for letter in "bcd"[: made.arity - 1]]
    operands = ", ".join([*first, *more, *["/"] * (len(first) + len(more) > 1)])
    empty = inspect.Parameter.empty
    static = [parameter(name, made.defaults.get(name, empty)) for name in made.static]
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
    if default is None or known != "Any":
        return f"{name}: {TYPES.get(name, known)} = {default!r}"
    return f"{name}: Any = ..."


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the stubs, or only check them; 1 if one is stale."""
    about = "Write the type stubs of ops."
    parser = argparse.ArgumentParser(prog="python -m tinygrad_edu.stubs", description=about)
    checks = "change nothing, fail if the stubs are not what would be written"
    parser.add_argument("--check", action="store_true", help=checks)
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
