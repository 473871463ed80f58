"""What a line wants in which exp overflows: its own expression, and the one that equals it and does not."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any


def stable_spelling(line: str) -> tuple[str, str | None, str | None] | None:
    """(Why, what to write, in place of which part of the line), if the line has a known kind of expression in it."""
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


def _around(exp: ast.AST, inner: ast.expr, above: dict[ast.AST, ast.AST]) -> Iterator[tuple[str, str | None, str | None]]:
    v, minus = ast.unparse(inner), _negated(inner)
    outer = _user(exp, above)
    if _argument(outer, "log1p") is exp:
        yield "", f"tg.softplus({v})", ast.unparse(outer)
    if isinstance(outer, ast.BinOp) and isinstance(outer.op, ast.Add) and _is_one(outer.left if outer.right is exp else outer.right):
        more = _user(outer, above)
        if _argument(more, "log") is outer:
            yield "", f"tg.softplus({v})", ast.unparse(more)
        if isinstance(more, ast.BinOp) and isinstance(more.op, ast.Div) and more.right is outer:
            if _is_one(more.left):
                yield _or_its_logarithm(more, above, f"tg.sigmoid({minus})", f"tg.log_sigmoid({minus})")
            if ast.unparse(more.left) == ast.unparse(exp):
                yield _or_its_logarithm(more, above, f"tg.sigmoid({v})", f"tg.log_sigmoid({v})")
    if isinstance(outer, ast.BinOp) and isinstance(outer.op, ast.Div):
        total = _summed(outer.right)
        if outer.left is exp and total is not None and ast.unparse(total[0]) == ast.unparse(exp):
            given = ", ".join([v, *(a for a in total[1] if not a.startswith("keepdims"))])
            yield _or_its_logarithm(outer, above, f"tg.softmax({given})", f"tg.log_softmax({given})")
    total = _summed(outer)
    if outer is not None and total is not None and total[0] is exp and not _is_divisor(outer, above):
        stable = f"tg.logsumexp({', '.join([v, *total[1]])})"
        if _argument(_user(outer, above), "log") is outer:
            yield "", stable, ast.unparse(_user(outer, above))
        else:
            yield f"go on with {stable}, the logarithm of {ast.unparse(outer)}", None, None


def _or_its_logarithm(node: ast.AST, above: dict[ast.AST, ast.AST], stable: str, logarithm: str) -> tuple[str, str, str]:
    """The spelling of a node that does not overflow, or of its logarithm, if that is taken: it may be infinite where the node is not."""
    outer = _user(node, above)
    return ("", logarithm, ast.unparse(outer)) if _argument(outer, "log") is node else ("", stable, ast.unparse(node))


def _user(node: ast.AST | None, above: dict[ast.AST, ast.AST]) -> Any:
    """The operator or call that takes a node: of `x.log()` the call."""
    outer = above.get(node) if node is not None else None
    return above.get(outer) if isinstance(outer, ast.Attribute) else outer


def _argument(node: ast.AST | None, function: str) -> ast.expr | None:
    """x, of a call `f(x)`, `np.f(x)` or `x.f()`."""
    if not isinstance(node, ast.Call):
        return None
    called = node.func
    if isinstance(called, ast.Name) and called.id == function:
        return node.args[0] if node.args else None
    if isinstance(called, ast.Attribute) and called.attr == function:
        is_module = isinstance(called.value, ast.Name) and called.value.id in ("np", "numpy", "tg", "tinygrad_edu")
        return called.value if not is_module else node.args[0] if node.args else None
    return None


def _summed(node: ast.AST | None) -> tuple[ast.expr, list[str]] | None:
    """(x, the further arguments) of a sum of x."""
    inner = _argument(node, "sum")
    if inner is None or not isinstance(node, ast.Call):
        return None
    rest = node.args[1:] if node.args and node.args[0] is inner else node.args
    names = ("axis", "keepdims")
    given = [f"{name}={ast.unparse(a)}" for name, a in zip(names, rest, strict=False)]
    return inner, given + [f"{k.arg}={ast.unparse(k.value)}" for k in node.keywords if k.arg in names]


def _is_divisor(node: ast.AST, above: dict[ast.AST, ast.AST]) -> bool:
    outer = above.get(node)
    return isinstance(outer, ast.BinOp) and isinstance(outer.op, ast.Div) and outer.right is node


def _is_one(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 1


def _negated(node: ast.expr) -> str:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return ast.unparse(node.operand)
    text = ast.unparse(node)
    return f"-{text}" if isinstance(node, (ast.Name, ast.Call, ast.Attribute, ast.Subscript)) else f"-({text})"
