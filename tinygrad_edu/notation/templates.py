"""Templates of ops: what binds tighter than what, and where a text needs parentheses.

An op's template, such as `"{} @ {}"`, is all that is known about how it is written. Precedence is
read off the template: for Python off its own grammar, for mathematics off the brackets.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from string import Formatter
from typing import Any, NamedTuple

from .names import GREEK

# precedence: how tightly a text holds together; what a slot needs at least, or it gets parentheses
LOOSE, COMPARED, OR, AND, SUM, BIG, PRODUCT, JOINED, SIGNED, POWER, CALLED, ATOM = range(12)
_LEVELS: dict[type, int] = {
    ast.Compare: COMPARED, ast.BitOr: OR, ast.BitXor: OR, ast.BitAnd: AND,
    ast.Add: SUM, ast.Sub: SUM, ast.Mult: PRODUCT, ast.Div: PRODUCT, ast.FloorDiv: PRODUCT,
    ast.Mod: PRODUCT, ast.MatMult: PRODUCT, ast.UnaryOp: SIGNED, ast.Pow: POWER,
}  # fmt: skip
_BIG = ("\\sum", "\\prod", "Σ", "Π")
_MACROS = {f"\\{name}": letter for name, letter in GREEK.items()} | dict(
    pair.split()
    for pair in r"""
    \sum Σ, \prod Π, \odot ⊙, \cdot ·, \sqrt[3] ∛, \sqrt √, \top ᵀ, \geq ≥, \leq ≤, \neq ≠,
    \neg ¬, \wedge ∧, \vee ∨, \bmod mod, \lfloor ⌊, \rfloor ⌋, \lceil ⌈, \rceil ⌉,
    \lVert ‖, \rVert ‖""".split(",")
)


class Written(NamedTuple):
    """A text, and how tightly it holds together."""

    text: str
    level: int = ATOM


class Template(NamedTuple):
    """The decomposition of a template.

    The fields in order ("" for operands), the level each needs, and the level of the whole.
    """

    # (text before, field: "0", "1", ... for operands, a name for statics, None at the end)
    fields: tuple[tuple[str, str | None], ...]
    needs: Mapping[str, int]
    level: int

    def fill(
        self,
        operands: Sequence[Written],
        statics: Mapping[str, str],
        bracketed: Callable[[str], str] = "({})".format,
    ) -> Written:
        """The template with its operands, in brackets where they need them."""
        parts = []
        for before, field in self.fields:
            parts.append(before)
            if field is not None and field.isdigit():
                text, level = operands[int(field)]
                parts.append(text if level >= self.needs[field] else bracketed(text))
            elif field is not None:
                parts.append(statics[field])
        return Written("".join(parts), self.level)


def _fields(template: str) -> tuple[tuple[str, str | None], ...]:
    """The template's pieces, its empty fields numbered."""
    pieces: list[tuple[str, str | None]] = []
    count = 0
    for before, field, _, _ in Formatter().parse(template):
        if field == "":
            field, count = str(count), count + 1
        pieces.append((before, field))
    return tuple(pieces)


@lru_cache
def python_template(template: str) -> Template | None:
    """A template read by Python's own grammar; None if it is not Python."""
    fields = _fields(template)
    try:
        tree = ast.parse(
            "".join(
                before + (f"slot_{field}" if field is not None else "") for before, field in fields
            ),
            mode="eval",
        ).body
    except SyntaxError:
        return None
    needs: dict[str, int] = {}
    for parent in ast.walk(tree):
        for child in ast.iter_child_nodes(parent):
            if isinstance(child, ast.Name) and child.id.startswith("slot_"):
                needs[child.id.removeprefix("slot_")] = _need(parent, child)
    if isinstance(tree, ast.Name):
        needs = {field: ATOM for _, field in fields if field is not None}
    return Template(fields, needs, _level(tree))


def _level(node: ast.AST) -> int:
    return _LEVELS.get(type(node.op) if isinstance(node, ast.BinOp) else type(node), ATOM)


def _need(parent: ast.AST, child: ast.AST) -> int:
    """How tightly an operand must hold together in its place in Python's grammar."""
    if isinstance(parent, ast.BinOp):
        level = _level(parent)
        if level == POWER:
            return CALLED if child is parent.left else SIGNED
        return level if child is parent.left else level + 1
    if isinstance(parent, ast.Compare):
        return COMPARED + 1
    if isinstance(parent, ast.UnaryOp):
        return SIGNED
    base = (
        parent.value
        if isinstance(parent, (ast.Attribute, ast.Subscript))
        else getattr(parent, "func", None)
    )
    return ATOM if child is base else LOOSE


@lru_cache
def math_template(template: str, python: str) -> Template:
    """A template of mathematics.

    Slots in brackets need nothing, bare ones what the signs beside them, or the op's Python,
    ask for.
    """
    fields = _fields(template)
    depth = 0
    # the slots outside of brackets, with the text before and after each
    bare: list[tuple[str, str, str]] = []
    raised, start = False, ""
    for i, (before, field) in enumerate(fields):
        start += before
        for sign in (
            before.replace("\\rfloor", "]")
            .replace("\\rceil", "]")
            .replace("\\lfloor", "[")
            .replace("\\lceil", "[")
        ):
            depth += (sign in "([{⌊⌈") - (sign in ")]}⌋⌉") + (sign == "|") * (1 - 2 * (depth > 0))
            raised |= sign == "^" and depth == 0
        if field is not None and field.isdigit() and depth == 0:
            bare.append((field, start.strip(), fields[i + 1][0] if i + 1 < len(fields) else ""))
    beside = [*(before.strip() for before, _ in fields), ""]
    needs = {
        field: PRODUCT + 1 if beside[i] == "/" else PRODUCT if beside[i + 1] == "/" else LOOSE
        for i, (_, field) in enumerate(fields)
        if field is not None
    }
    grammar = python_template(python)
    if len(bare) == 2:
        if not fields[1][0].strip():  # a product without a sign binds tighter than one with
            return Template(fields, {"0": JOINED, "1": JOINED + 1}, JOINED)
        operator = (
            grammar
            if grammar and grammar.level < ATOM
            else Template((), {"0": PRODUCT, "1": PRODUCT + 1}, PRODUCT)
        )
        needs.update({field: operator.needs.get(field, ATOM) for field, _, _ in bare})
        return Template(fields, needs, operator.level)
    level = POWER if raised or "\\frac" in template else CALLED
    for field, before, after in bare:
        if "at" in after:  # zeros, and a product at some places
            needs[field], level = PRODUCT, BIG
        elif after[:1]:
            needs[field], level = (ATOM, POWER) if raised else (CALLED, CALLED)
        elif before.startswith((*_BIG, "-")):
            needs[field], level = BIG, SIGNED if before == "-" else BIG
        else:
            needs[field] = CALLED if before.endswith("^") else ATOM
    return Template(fields, needs, level)


def unicode_template(template: str) -> str:
    """A LaTeX template in Unicode signs, its groups dissolved.

    What was in a group is a bare slot now.
    """
    template = re.sub(r"\\frac\{\{(.*?)\}\}\{\{(.*?)\}\}", r"\1 / \2", template)
    for macro in sorted(_MACROS, key=len, reverse=True):
        template = template.replace(macro, _MACROS[macro])
    template = template.replace("{{", "").replace("}}", "").replace("\\operatorname", "")
    return re.sub(r"\\([A-Za-z]+)", r"\1", template.replace("^ᵀ", "ᵀ"))


def template_of(of: Any, static: Mapping[str, Any]) -> str:
    """An op's template, which may depend on its static arguments."""
    return str(of if isinstance(of, str) else of(**static))
