"""Calls of ops written as mathematics: what Unicode and LaTeX have in common."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from typing import Any

import numpy as np

from ..engine.op import Op
from ..engine.tensor import Tensor
from .alignment import is_misread, is_unwritten, outer_product, place
from .literals import index_literal, literal
from .python import Call, Language, statics_text
from .templates import (
    ATOM,
    BIG,
    CALLED,
    COMPARED,
    JOINED,
    LOOSE,
    PRODUCT,
    SIGNED,
    Template,
    Written,
    python_template,
    template_of,
)

_SIGNS = {
    "@": "",
    "*": r"\odot",
    ">=": r"\geq",
    "<=": r"\leq",
    "==": "=",
    "!=": r"\neq",
    "&": r"\wedge",
    "|": r"\vee",
    "~": r"\neg ",
}


class Mathematics(Language):
    """What Unicode and LaTeX have in common."""

    top: str  # the sign of a transposed matrix

    def template(self, op: Op, static: Mapping[str, Any]) -> Template | None:
        """The op's template in this language; None if it is a plain function."""
        written, latex = template_of(op.write, static), template_of(op.latex, static)
        python = python_template(written) if written else None
        if not latex and python is not None and python.level < ATOM:
            latex = re.sub(r" *\*\* *(\d+)", r"^{{\1}}", written)
            latex = re.sub(
                r"[^{} \w^-]+", lambda sign: _SIGNS.get(sign[0], sign[0]), latex
            ).replace("  ", " ")
        return self.prepared(latex, written) if latex else None

    def prepared(self, latex: str, python: str) -> Template:
        """A LaTeX template for use in this language."""
        raise NotImplementedError

    def text(self, text: str) -> str:
        """Words and literals of code, in this language."""
        raise NotImplementedError

    def function(self, name: str) -> str:
        """A function's name."""
        raise NotImplementedError

    def over(self, axis: Any, ndim: int) -> str:
        """The axes that a reduction goes over, as a subscript."""
        if axis is None or ndim < 2:
            return ""
        axes = [a % ndim for a in (axis if isinstance(axis, tuple) else (axis,))]
        if len(axes) == ndim:
            return ""
        if ndim == 2 and len(axes) == 1:
            return self.subscript(("rows", "columns")[axes[0]])
        return self.subscript(f"{'axis' if len(axes) == 1 else 'axes'} {', '.join(map(str, axes))}")

    def subscript(self, words: str) -> str:
        """Words below the line."""
        raise NotImplementedError

    def call(self, made: Call, operands: Sequence[Written], names: Mapping[int, str]) -> Written:
        op, args, static, _ = made
        if is_unwritten(op, args, static):
            return operands[0]
        is_product = template_of(op.write, static) == "{} * {}"
        if (
            len(args) > 1
            and not op.shapes
            and op.variadic is None
            and not op.cases
            and not (is_product and outer_product(args, names))
        ):
            operands = self.upright(args, operands, names)
        template = self.template(op, static)
        over = self.over(static["axis"], np.ndim(args[0])) if "axis" in static else ""
        if template is None:
            shown = {
                key: value
                for key, value in static.items()
                if op.shapes != "axes" or key not in ("axis", "keepdims")
            }
            arguments = [text for text, _ in operands] + [
                self.text(s) for s in statics_text(op, shown, names)
            ]
            return Written(
                self.function(op.name)
                + over * (op.shapes == "axes")
                + self.bracketed(", ".join(arguments)),
                CALLED,
            )
        statics = {
            key: self.text(
                index_literal(value, names) if key == "index" else literal(value, names) or "?"
            )
            for key, value in static.items()
        }
        statics["over"] = over
        if is_product:
            return self.product(template, args, operands, names)
        return self.filled(template, operands, statics)

    def upright(
        self, args: Sequence[Any], operands: Sequence[Written], names: Container[int]
    ) -> Sequence[Written]:
        """Operands beside each other, entry by entry.

        They have their new axes where these cannot be left to the reader.
        """
        places = [place(a, names) for a in args]
        arrays = [p for p in places if p.axes]
        # beside numbers it stays one
        is_column_alone = len(arrays) == 1 and arrays[0].is_column and arrays[0].axes == [-2]
        if is_column_alone or not is_misread(places):
            return operands
        ndim = max(-i for p in places for i in p.axes)
        template = self.prepared("{}[{index}]", "{}[{index}]")
        found = list(operands)
        for k, p in enumerate(places):
            if p.axes and (
                p.is_column or p.axes != [i - len(p.shape) for i, n in enumerate(p.shape) if n != 1]
            ):
                found[k] = template.fill(
                    [operands[k]],
                    {"index": self.text(index_literal(p.upright(ndim), {}))},
                    self.bracketed,
                )
        return found

    def filled(
        self, template: Template, operands: Sequence[Written], statics: Mapping[str, str]
    ) -> Written:
        """The template with its operands."""
        if (
            len(operands) == 2
            and template.level != COMPARED
            and min(template.needs.values()) > LOOSE
            and operands[1].text[:1] in ("-", "−")
        ):
            operands = [operands[0], Written(self.bracketed(operands[1].text))]  # a − (−b)
        if template.level == SIGNED and operands[0].text[:1] in ("-", "−"):
            operands = [Written(self.bracketed(operands[0].text))]  # −(−a)
        whole = template.fill(operands, statics, self.bracketed)
        whole = whole._replace(text=whole.text.removesuffix(2 * self.top))  # transposed twice
        # (−Σ a) / b
        return (
            whole._replace(level=BIG)
            if template.level == SIGNED and operands[0].level == BIG
            else whole
        )

    def bracketed(self, text: str) -> str:
        """A text in parentheses."""
        return f"({text})"

    def product(
        self,
        template: Template,
        args: Sequence[Any],
        operands: Sequence[Written],
        names: Container[int],
    ) -> Written:
        """A product entry by entry between arrays, an ordinary one with a number or a scalar.

        A sum may follow bare.
        """
        left, right = operands
        if outer := outer_product(args, names):
            text, more = operands if outer > 0 else operands[::-1]
            column = text.text if text.level >= JOINED else self.bracketed(text.text)
            row = more.text if more.level >= CALLED else self.bracketed(more.text)
            return Written(f"{column} {row}{self.top}", JOINED)
        level = PRODUCT
        if right.level == BIG:
            right, level = Written(right.text, ATOM), BIG
        whole = self.filled(template, (left, right), {})
        if any(np.ndim(a) == 0 for a in args):
            bare = (
                type(args[0]) is not Tensor
                and not right.text[:1].isdigit()
                and left.level == CALLED
            )
            whole = whole._replace(text=self.scaled(template, (left, right), bare))
        return whole._replace(level=level)

    def scaled(self, template: Template, operands: Sequence[Written], bare: bool) -> str:
        """A product with a scalar; bare, if its first factor is a numeral."""
        fields = tuple(
            (before if i != 1 else self.dot(bare), field)
            for i, (before, field) in enumerate(template.fields)
        )
        return self.filled(template._replace(fields=fields), operands, {}).text

    def dot(self, bare: bool) -> str:
        """The sign of an ordinary product."""
        raise NotImplementedError

    def repeated(self, array: Any, one: str) -> Written:
        """An array of one number: ones, or their multiple."""
        first = array.flat[0]
        if first in (0, 1):
            return Written(one if first else "0")
        number = self.number(first)
        if first == -1:
            return Written(number.text.replace("1", one), SIGNED)
        return Written(
            f"{number.text}{self.dot(True)}{one}", PRODUCT if number.level != SIGNED else SIGNED
        )
