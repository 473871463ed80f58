"""Definitions in Python of the ops that NumPy does not have, for text that runs alone."""

from __future__ import annotations

import ast
import inspect
import symtable
import sys
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.registry import registry


def definition(name: str, run: Callable[..., Any]) -> str:
    """Python that defines an op which NumPy does not have.

    It is the op's own, or the source of what runs; with what that uses, if anything, in a scope of
    its own, where no other op's constant or function of the same name gets in its way.

    A ValueError if that source cannot be had, of a lambda at a prompt say.
    """
    if name in registry and (spelled := registry[name].source):
        parameters, _, right = spelled.partition(": ")
        return f"def {name}({parameters}):\n    return {right}"
    meant: dict[str, Any] = {}
    found: dict[str, str] = {}
    waiting: list[tuple[str, Any]] = [(name, run)]
    while waiting:
        called, value = waiting.pop()
        if called == "np" and value is np:
            continue
        if called in found:
            if value is not meant[called] and getattr(value, "run", None) is not run:
                raise _ambiguous(name, called)
            continue
        meant[called] = value
        if not inspect.isfunction(value):
            found[called] = _value(name, called, value)
            continue
        made = _function(called, value)
        if made is None:
            raise _unwritable(name, called)
        found[called] = ast.unparse(made)
        known = {**value.__globals__, **inspect.getclosurevars(value).nonlocals}
        waiting += [
            (other, known[other]) for other in sorted(_used(found[called])) if other in known
        ]
    parts = [*reversed(found.values())]
    if len(parts) == 1:
        return parts[0]
    inside = textwrap.indent("\n\n".join([*parts, f"return {name}"]), "    ")
    return f"def {name}():\n{inside}\n\n\n{name} = {name}()"


def _used(text: str) -> set[str]:
    """The names that a definition takes from outside."""
    used: set[str] = set()
    scopes = [symtable.symtable(text, "<definition>", "exec")]
    while scopes:
        scope = scopes.pop()
        scopes += scope.get_children()
        used |= {s.get_name() for s in scope.get_symbols() if s.is_global() and s.is_referenced()}
    return used


def _ambiguous(op: str, part: str) -> ValueError:
    return ValueError(
        f"the op {op} calls functions that each mean something else by {part}, so its source "
        "cannot be printed in one piece: rename one of them"
    )


def _unwritable(op: str, part: str) -> ValueError:
    whose = "" if op == part else f" calls {part}, which"
    return ValueError(
        f"the op {op}{whose} has no source to print: define it by `def` in a file, or give the "
        f"op one, tg.op(..., name={op!r}, source='x: np.maximum(x, 0)'); "
        ".function and the printed lines need none"
    )


def _value(op: str, name: str, value: Any) -> str:
    """What is no function in Python: a number, or something of NumPy or the standard library."""
    if isinstance(value, (int, float, str)):
        return f"{name} = {value!r}"
    module, attribute = getattr(value, "__module__", "") or "", getattr(value, "__name__", "")
    for home in ("numpy", "numpy.linalg"):
        if attribute and getattr(sys.modules[home], attribute, None) is value:
            return f"{name} = {home.replace('numpy', 'np')}.{attribute}"
    if getattr(sys.modules.get("scipy.special"), attribute, None) is value:
        return f"from scipy.special import {attribute} as {name}"
    if module.partition(".")[0] in sys.stdlib_module_names and attribute == name:
        return f"from {module} import {name}"
    raise _unwritable(op, name)


def _function(name: str, function: Any) -> ast.FunctionDef | None:
    """A function, or a lambda, as the definition of a function of that name."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)).strip().rstrip(","))
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    found: dict[str, ast.FunctionDef] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == function.__name__:
            body, arguments = node.body, node.args
        elif isinstance(node, ast.Lambda) and _is_code_of(node, function):
            body, arguments = [ast.Return(node.body)], node.args
        else:
            continue
        for argument in (*arguments.args, *arguments.kwonlyargs):
            argument.annotation = None
        made = ast.fix_missing_locations(
            ast.FunctionDef(name, arguments, list(body), [], None, None)
        )
        found[ast.unparse(made)] = made
    # of two lambdas that look alike, none
    return next(iter(found.values())) if len(found) == 1 else None


def _is_code_of(node: ast.Lambda, function: Any) -> bool:
    """Whether a lambda in a line may be the function: several may stand in one."""
    code, theirs = compile(ast.Expression(node), "", "eval").co_consts[0], function.__code__
    return all(
        getattr(code, part) == getattr(theirs, part)
        for part in ("co_varnames", "co_names", "co_consts")
    )
