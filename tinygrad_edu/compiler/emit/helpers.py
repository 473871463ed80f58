"""Functions that a printed program needs beside NumPy's.

Written from the op's own, by running it on placeholders or from its source.
"""

from __future__ import annotations

import ast
import dis
import inspect
import sys
import textwrap
from collections.abc import Mapping
from types import CodeType, FunctionType
from typing import Any

import numpy as np

from ...engine.op import Op
from ..ir import Node
from ..passes.lower import decomposed
from ..passes.simplify import simplify
from ..translation import recorded
from .spelling import Emitter, Module
from .text import Names, array_text, body, has_text, wrapped


def from_run(op: Op, node: Node, outer: Emitter) -> tuple[list[str], str] | None:
    """Parameters and body of a function that does what an op does for a node's static arguments.

    None if it cannot be run.
    """
    found = decomposed(op, node.args, node.static)
    if found is None:
        return None
    recording, y = found
    letters = (
        ["x"] if len(recording.inputs) == 1 else [f"x{i + 1}" for i in range(len(recording.inputs))]
    )
    program = simplify(recorded(recording, letters, [y]))
    module = outer.module
    helpers, known = dict(module.helpers), dict(module.known)
    constants, module.constants = module.constants, {}
    writer = type(outer)(program, Names(module.helpers), module)
    writer.write()
    own, module.constants = module.constants, constants
    if not all(map(has_text, own.values())):
        module.helpers, module.known = helpers, known
        return None
    lines = [f"    {key} = {array_text(value, len(key) + 7)}" for key, value in own.items()]
    lines += body(writer.lines, comments=False)
    result = writer.written[program.outputs[0]].text
    if lines and lines[-1].startswith(f"    {result} = "):
        lines[-1] = f"    return {lines[-1].partition(' = ')[2]}"
    else:
        lines.append(f"    return {result}")
    parameters = [writer.written[x].text for x in program.inputs]
    return parameters, "\n".join(
        [f'    """{documented(op)}"""', *[part for line in lines for part in wrapped(line)]]
    )


def from_library(op: Op, module: Module) -> str:
    """How a function of NumPy's or SciPy's is called; "" if it is none of theirs."""
    name, home = getattr(op.run, "__name__", ""), getattr(op.run, "__module__", None)
    for path in ("numpy", "numpy.linalg", "numpy.fft", "scipy.special", home or ""):
        package = path.partition(".")[0]
        if (
            package in ("numpy", "scipy")
            and "._" not in path
            and getattr(sys.modules.get(path), name, None) is op.run
        ):
            if package == "scipy":
                module.imports[f"import {path}"] = None
            return f"{path}.{name}".replace("numpy", "np", 1)
    return ""


def from_source(op: Op, module: Module) -> str:
    """The name of the op's own function, written into the module with those that it calls.

    "" if they need more than NumPy.
    """
    needed: dict[str, FunctionType] = {}
    waiting: list[Any] = [op.run]
    while waiting:
        function = waiting.pop()
        if (
            not isinstance(function, FunctionType)
            or function.__name__ == "<lambda>"
            or function.__closure__
        ):
            return ""
        if needed.setdefault(function.__name__, function) is not function:
            return ""
        for used in used_names(function.__code__):
            value = function.__globals__.get(used)
            if isinstance(value, FunctionType) and value.__module__ == function.__module__:
                waiting += [value] * (needed.get(used) is not value)
            elif used in function.__globals__ and (value is not np or used != "np"):
                return ""
    trees = [as_written(function) for function in needed.values()]
    if None in trees:
        return ""
    names = {
        name: module.name(op.name if function is op.run else name)
        for name, function in needed.items()
    }
    for tree in trees[::-1]:
        assert tree is not None
        text = ast.unparse(Renamed(names, tree).visit(tree))
        module.helpers[tree.name] = text
    return names[op.run.__name__]


def used_names(code: CodeType) -> set[str]:
    """The global names that a function uses, functions within it included."""
    used = {i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"}
    return used.union(
        *[used_names(inner) for inner in code.co_consts if isinstance(inner, CodeType)]
    )


def as_written(function: FunctionType) -> ast.FunctionDef | None:
    """The definition of a function without its annotations.

    None if its text is not at hand, or is not what runs.
    """
    try:
        text = textwrap.dedent(inspect.getsource(function))
        tree = ast.parse(text).body[0]
        # methods of imported modules have a byte code of their own
        whole = compile(f"import numpy as np\n{text}", "<as written>", "exec")
        codes = [
            code
            for code in whole.co_consts
            if isinstance(code, CodeType) and code.co_name == function.__name__
        ]
    except (OSError, SyntaxError):  # typed in at a prompt
        return None
    if not isinstance(tree, ast.FunctionDef) or [code.co_code for code in codes] != [
        function.__code__.co_code
    ]:
        return None  # the file has changed since
    try:
        defaults = tuple([ast.literal_eval(value) for value in tree.args.defaults])
        named = {
            a.arg: ast.literal_eval(v)
            for a, v in zip(tree.args.kwonlyargs, tree.args.kw_defaults, strict=True)
            if v is not None
        }
    except ValueError:  # a default that is more than a literal
        return None
    if (defaults, named) != (function.__defaults__ or (), function.__kwdefaults__ or {}):
        return None
    tree.returns, tree.decorator_list = None, []
    for argument in (
        *tree.args.posonlyargs,
        *tree.args.args,
        *tree.args.kwonlyargs,
        tree.args.vararg,
        tree.args.kwarg,
    ):
        if argument is not None:
            argument.annotation = None
    return tree


class Renamed(ast.NodeTransformer):
    """Calls functions of a module by other names."""

    def __init__(self, names: Mapping[str, str], tree: ast.FunctionDef) -> None:
        bound = {
            node.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        bound |= {argument.arg for argument in ast.walk(tree) if isinstance(argument, ast.arg)}
        self.names = {name: new for name, new in names.items() if name not in bound}
        tree.name = names[tree.name]

    def visit_Name(self, node: ast.Name) -> ast.Name:  # the name that ast asks for
        node.id = self.names.get(node.id, node.id)
        return node


def documented(op: Op) -> str:
    """The first sentence that is said of an op."""
    return op.doc.splitlines()[0].replace("\\", "/").replace('"', "'")
