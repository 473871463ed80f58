"""The three languages that formulas are printed in: Python, Unicode mathematics and LaTeX."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .literals import in_one_line, math_number
from .mathematics import Mathematics
from .names import latex_name, latex_text, unicode_name
from .python import Language, Python
from .templates import (
    ATOM,
    CALLED,
    PRODUCT,
    SIGNED,
    Template,
    Written,
    math_template,
    unicode_template,
)

_TEX_FUNCTIONS = frozenset(
    "sin cos tan arcsin arccos arctan sinh cosh tanh exp log max min".split()
)
_SUPERSCRIPTS = str.maketrans("0123456789-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁻")


class Unicode(Mathematics):
    """Mathematics in plain text."""

    top = "ᵀ"

    def name(self, identifier: str, label: str) -> Written:
        return Written(unicode_name(label), CALLED if "/∂" in label else ATOM)

    def number(self, value: Any) -> Written:
        if np.ndim(value):
            return self.repeated(value, "𝟏")
        text = in_one_line(math_number(value).replace(r" \times 10^", "e"))
        return Written(
            text,
            SIGNED
            if text[:1] == "−"
            else PRODUCT
            if re.search(r"/|^\d+π|\de$|·", text.partition("√(")[0])
            else CALLED,
        )

    def prepared(self, latex: str, python: str) -> Template:
        template = math_template(unicode_template(latex), python)
        return template._replace(
            fields=tuple((before.replace("-", "−"), field) for before, field in template.fields)
        )

    def text(self, text: str) -> str:
        return text

    def function(self, name: str) -> str:
        return name

    def subscript(self, words: str) -> str:
        return "_" + words.replace(" ", "").replace(",", "‚")

    def filled(
        self, template: Template, operands: Sequence[Written], statics: Mapping[str, str]
    ) -> Written:
        whole = super().filled(template, operands, statics)
        if whole.text.startswith("−1 · "):  # −1 · x is −x
            return whole._replace(text="−" + whole.text.removeprefix("−1 · "))
        power = re.fullmatch(r"(.*)\^([−\d]+)", whole.text, re.DOTALL)  # x^2 is x²
        if power and any(before.endswith("^") for before, _ in template.fields):
            return whole._replace(text=power[1] + power[2].translate(_SUPERSCRIPTS))
        return whole

    def dot(self, bare: bool) -> str:
        return "·" if bare else " · "


class Latex(Mathematics):
    """LaTeX, for MathJax, KaTeX and TeX itself."""

    top = r"^{\top}"

    def name(self, identifier: str, label: str) -> Written:
        return Written(latex_name(label), CALLED if "/∂" in label else ATOM)

    def number(self, value: Any) -> Written:
        if np.ndim(value):
            return self.repeated(value, r"\mathbf{1}")
        text = math_number(value)
        return Written(
            text,
            SIGNED
            if text[:1] == "-"
            else PRODUCT
            if "times" in text or " \\" in text[:6]
            else CALLED,
        )

    def prepared(self, latex: str, python: str) -> Template:
        return math_template(latex, python)

    def text(self, text: str) -> str:
        return text if re.fullmatch(r"[-\d, :.()]*", text) else latex_text(text)

    def function(self, name: str) -> str:
        return (
            f"\\{name}"
            if name in _TEX_FUNCTIONS
            else "\\operatorname{" + name.replace("_", r"\_") + "}"
        )

    def subscript(self, words: str) -> str:
        return f"_{{\\text{{{words}}}}}"

    def filled(
        self, template: Template, operands: Sequence[Written], statics: Mapping[str, str]
    ) -> Written:
        if any(_is_tall(text) for text, _ in operands):
            template = template._replace(
                fields=tuple(
                    (_grown(before, field is None), field) for before, field in template.fields
                )
            )
        return super().filled(template, operands, statics)

    def bracketed(self, text: str) -> str:
        return rf"\left({text}\right)" if _is_tall(text) else f"({text})"

    def dot(self, bare: bool) -> str:
        return r"\, " if bare else r" \cdot "


def _is_tall(text: str) -> bool:
    return any(sign in text for sign in ("\\frac", "\\sum", "\\prod", "\\left"))


def _grown(before: str, is_end: bool) -> str:
    """A template's brackets, grown with what they hold."""
    text = before.replace("(", r"\left(").replace(")", r"\right)")
    return text.replace("|", r"\right|" if is_end else r"\left|")


LANGUAGES: dict[str, Language] = {"python": Python(), "unicode": Unicode(), "latex": Latex()}
