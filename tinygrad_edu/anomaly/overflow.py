"""What a line wants in which exp overflows: its expression, and an equal one that does not."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

# why, what to write, and in place of which part of the line
Spelling = tuple[str, str | None, str | None]
Above = dict[ast.AST, ast.AST]  # of each node the one that it is a part of


def stable_spelling(line: str) -> Spelling | None:
    """What to write instead, if the line has a known kind of expression in it."""
    tree = _parsed(line)
    if tree is None:
        return None
    above = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        inner = _argument(node, "exp")
        if inner is not None:
            found = next(_around(node, inner, above), None)
            if found is not None:
                return found
    return None


def _parsed(line: str) -> ast.AST | None:
    """The line, or what of it can be read alone: it may begin a block, or go on in the next."""
    begun = f"{line} pass" if line.endswith(":") else line.rstrip(",")
    for text in (line, begun, f"({begun})", f"({begun}", f"{{{begun}}}", f"{begun}])"):
        try:
            return ast.parse(text)
        except SyntaxError:
            continue
    return None


def _around(exp: ast.AST, inner: ast.expr, above: Above) -> Iterator[Spelling]:
    """The spellings for exp in what stands around it: softplus, sigmoid, softmax, logsumexp."""
    v = ast.unparse(inner)
    outer = _user(exp, above)
    if _argument(outer, "log1p") is exp:
        yield "", f"tg.softplus({v})", ast.unparse(outer)
    is_sum = isinstance(outer, ast.BinOp) and isinstance(outer.op, ast.Add)
    if is_sum and _is_one(outer.left if outer.right is exp else outer.right):
        yield from _around_one_plus(exp, inner, outer, above)
    if isinstance(outer, ast.BinOp) and isinstance(outer.op, ast.Div):
        total = _summed(outer.right)
        if outer.left is exp and total is not None and ast.unparse(total[0]) == ast.unparse(exp):
            given = ", ".join([v, *(a for a in total[1] if not a.startswith("keepdims"))])
            yield _or_its_logarithm(outer, above, "softmax", given)
    total = _summed(outer)
    if outer is None or total is None or total[0] is not exp or _is_divisor(outer, above):
        return
    stable = f"tg.logsumexp({', '.join([v, *total[1]])})"
    if _argument(_user(outer, above), "log") is outer:
        yield "", stable, ast.unparse(_user(outer, above))
    else:
        yield f"go on with {stable}, the logarithm of {ast.unparse(outer)}", None, None


def _around_one_plus(
    exp: ast.AST, inner: ast.expr, total: ast.BinOp, above: Above
) -> Iterator[Spelling]:
    """The spellings for exp in 1 + exp."""
    v, outer = ast.unparse(inner), _user(total, above)
    if _argument(outer, "log") is total:
        yield "", f"tg.softplus({v})", ast.unparse(outer)
    if isinstance(outer, ast.BinOp) and isinstance(outer.op, ast.Div) and outer.right is total:
        if _is_one(outer.left):
            yield _or_its_logarithm(outer, above, "sigmoid", _negated(inner))
        if ast.unparse(outer.left) == ast.unparse(exp):
            yield _or_its_logarithm(outer, above, "sigmoid", v)


def _or_its_logarithm(node: ast.AST, above: Above, op: str, given: str) -> Spelling:
    """A node by an op that does not overflow, or the logarithm of the node, if that is taken.

    The logarithm may be infinite where the node is not.
    """
    outer = _user(node, above)
    if _argument(outer, "log") is node:
        return "", f"tg.log_{op}({given})", ast.unparse(outer)
    return "", f"tg.{op}({given})", ast.unparse(node)


def _user(node: ast.AST | None, above: Above) -> Any:
    """The operator or call that takes a node: of `x.log()` the call."""
    outer = above.get(node) if node is not None else None
    return above.get(outer) if isinstance(outer, ast.Attribute) else outer


MODULES = ("np", "numpy", "tg", "tinygrad_edu")


def _argument(node: ast.AST | None, function: str) -> ast.expr | None:
    """x, of a call `f(x)`, `np.f(x)` or `x.f()`."""
    if not isinstance(node, ast.Call):
        return None
    called = node.func
    if isinstance(called, ast.Name) and called.id == function:
        return node.args[0] if node.args else None
    if isinstance(called, ast.Attribute) and called.attr == function:
        is_module = isinstance(called.value, ast.Name) and called.value.id in MODULES
        return called.value if not is_module else node.args[0] if node.args else None
    return None


def _summed(node: ast.AST | None) -> tuple[ast.expr, list[str]] | None:
    """(x, the further arguments) of a sum of x."""
    inner = _argument(node, "sum")
    if inner is None or not isinstance(node, ast.Call):
        return None
    rest = node.args[1:] if node.args and node.args[0] is inner else node.args
    names = ("axis", "keepdims")
    given = [*zip(names, rest, strict=False), *((k.arg, k.value) for k in node.keywords)]
    return inner, [f"{name}={ast.unparse(a)}" for name, a in given if name in names]


def _is_divisor(node: ast.AST, above: Above) -> bool:
    outer = above.get(node)
    return isinstance(outer, ast.BinOp) and isinstance(outer.op, ast.Div) and outer.right is node


def _is_one(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 1


def _negated(node: ast.expr) -> str:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return ast.unparse(node.operand)
    text = ast.unparse(node)
    is_tight = isinstance(node, (ast.Name, ast.Call, ast.Attribute, ast.Subscript))
    return f"-{text}" if is_tight else f"-({text})"
