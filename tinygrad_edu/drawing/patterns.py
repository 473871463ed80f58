"""Formulas of ops and of their rules, made once for all calls that differ by names only."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..engine.tensor import Tensor
from ..graph import asks
from ..notation.constants import is_variable
from ..notation.derivatives import local_derivative, parameters
from ..notation.formula import Formula
from ..notation.names import latex_name, latex_text, unicode_name
from ..notation.printers import LANGUAGES
from ..notation.python import Call
from .diagram import Text

_RESULT = "qzqresultqzq"  # a word in place of a name: no user has one like it


def _word(i: int) -> str:
    return "qzq" + "abcdefghij"[i % 10] * (1 + i // 10) + "qzq"


def pattern(t: Tensor) -> Any:
    """What two calls of an op share if their formulas differ by names only."""
    return (
        t.op,
        repr(t.static),
        t.shape,
        t.op is not None and t.op.usual_of(t) is not None,
        tuple(
            repr(a) if _is_number(a) else (np.shape(a), is_variable(a), _first(t.args, a))
            for a in t.args
        ),
    )


def _is_number(a: Any) -> bool:
    return type(a) is not Tensor and np.ndim(a) == 0


def _first(args: Sequence[Any], a: Any) -> int:
    return next(i for i, other in enumerate(args) if other is a)


def op_text(t: Tensor) -> Text:
    """The op on its operands."""
    names = {id(a): _word(_first(t.args, a)) for a in t.args if not _is_number(a)}
    made = Formula([t], names, set(filter(is_tensor, t.args)), bare=True)
    return Text(made.unicode, made.latex)


def rule_texts(t: Tensor) -> list[tuple[int, Text]]:
    """What the op's rules make of the gradient, for each operand that gets one."""
    op = t.op
    assert op is not None
    texts = []
    for i in range(len(t.args)):
        rule = op.textbook(i, t)
        if rule is None or not asks(t, i):
            continue
        g, y, *letters = parameters(rule, len(t.args))
        calls = {g: f"∂{_RESULT}", y: _RESULT} | {
            letter: _word(_first(t.args, b)) for letter, b in zip(letters, t.args, strict=True)
        }
        formula = local_derivative(t, i, calls)
        texts.append(
            (i, Text(formula.equations("unicode")[-1].right, formula.equations("latex")[-1].right))
        )
    return texts


def with_names(text: Text, operands: Sequence[str], result: str) -> Text:
    """A formula with names in place of the words that stand for them."""
    unicode, latex = text
    for word, label in [
        (_RESULT, result),
        *((_word(i), label) for i, label in enumerate(operands) if label),
    ]:
        if word in unicode:
            unicode = unicode.replace(word, unicode_name(label))
            latex = latex.replace(f"\\mathrm{{{word}}}", latex_name(label)).replace(
                word, latex_text(label).removeprefix(r"\text{")[:-1]
            )
    return Text(unicode, latex)


def gradient(label: str, unicode: str, latex: str, is_part: bool = False) -> Text:
    """The equation of a gradient, or of a part that is added to it."""
    signs = ("+=", r"\mathrel{+}=") if is_part else ("=", "=")
    return Text(
        f"∂{unicode_name(label)} {signs[0]} {unicode}",
        rf"\partial {latex_name(label)} {signs[1]} {latex}",
    )


def call_text(call: Call, names: Mapping[int, str]) -> Text:
    """How a constant is made from a named one, which is not recorded."""
    texts = []
    for language in (LANGUAGES["unicode"], LANGUAGES["latex"]):
        operands = [
            language.name("", names[id(a)]) if id(a) in names else language.number(a)
            for a in call.args
        ]
        texts.append(language.call(call, operands, {}).text)
    return Text(*texts)


def without_numbers(text: str) -> str:
    """A formula with a sign in place of each number: what boxes have in common that repeat."""
    return re.sub(r"[\d₀-₉]+", "#", text)


def is_tensor(a: Any) -> bool:
    """Whether an operand is a recorded value, and no constant."""
    return type(a) is Tensor
