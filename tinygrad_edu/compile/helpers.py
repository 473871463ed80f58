"""Functions that a printed program needs beside NumPy's: written from the op's own, by running it on placeholders or from its source."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..operation import Op
from .lower import taken_apart
from .program import Node, recorded
from .simplify import RULES

if TYPE_CHECKING:
    from .readable import Writer


def from_run(op: Op, node: Node, outer: Writer) -> tuple[list[str], str] | None:
    """Parameters and body of a function that does what an op does for the static arguments of a node; None if it cannot be run."""
    from .readable import body

    found = taken_apart(op, node.args, node.static)
    if found is None:
        return None
    recording, y = found
    letters = ["x"] if len(recording.inputs) == 1 else [f"x{i + 1}" for i in range(len(recording.inputs))]
    program = recorded(recording, letters, [y], RULES)
    writer = type(outer)(program, outer.helpers, [*outer.helpers, *letters])
    writer.names.taken -= set(letters)
    writer.write()
    if writer.constants:
        return None
    lines = body(writer, comments=False)
    result = writer.written[program.outputs[0]].text
    if lines and lines[-1].startswith(f"    {result} = "):
        lines[-1] = f"    return {lines[-1].partition(' = ')[2]}"
    else:
        lines.append(f"    return {result}")
    return letters, "\n".join([f'    """{documented(op)}"""', *lines])


def from_source(op: Op, name: str) -> str | None:
    """The op's own function under a name, and those of its module that it calls, as written; None if they need more than NumPy."""
    needed: dict[str, FunctionType] = {}
    waiting: list[Any] = [op.plain]
    while waiting:
        function = waiting.pop()
        if not isinstance(function, FunctionType) or function.__name__ == "<lambda>" or function.__closure__:
            return None
        if function.__name__ in needed:
            continue
        needed[function.__name__] = function
        for used in function.__code__.co_names:
            value = function.__globals__.get(used)
            if isinstance(value, FunctionType) and value.__module__ == function.__module__:
                waiting.append(value)
            elif used in function.__globals__ and value is not np:
                return None
    try:
        texts = [_undressed(function) for function in reversed(needed.values())]
    except (OSError, SyntaxError):  # typed in at a prompt
        return None
    return re.sub(rf"\b{op.plain.__name__}\b", name, "\n\n\n".join(texts))


def _undressed(function: FunctionType) -> str:
    """The text of a function without its annotations."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    tree.returns, tree.decorator_list = None, []
    for argument in (*tree.args.posonlyargs, *tree.args.args, *tree.args.kwonlyargs):
        argument.annotation = None
    return ast.unparse(tree)


def documented(op: Op) -> str:
    """The first sentence that is said of an op."""
    return (op.__doc__ or op.name).splitlines()[0].replace("\\", "/").replace('"', "'")
