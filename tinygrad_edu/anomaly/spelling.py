"""How the user's line calls what an op was given: Python that can be pasted there, or nothing."""

from __future__ import annotations

import ast
import re
from types import FrameType
from typing import Any
from weakref import ref

import numpy as np

from ..engine import names as _names
from ..engine.registry import in_table, registry
from ..engine.tensor import Tensor

LONGEST = 160  # characters of an expression to paste
FEW = 6  # entries of an array that is written out
NAME = re.compile(r"(?<![\w.\"'])[^\W\d]\w*")  # of a variable, no attribute and no key


class Scope:
    """What the variables of a frame hold, by the expressions that give it there.

    It is held weakly, since a loop leaves many behind.
    """

    def __init__(self, frame: FrameType | None) -> None:
        self._globals = frame.f_globals if frame is not None else {}
        is_function = frame is not None and frame.f_locals is not frame.f_globals
        self._locals = _held(frame.f_locals) if frame is not None and is_function else {}

    def names(self) -> dict[int, str]:
        """The id of each tensor and array, and the expression for it."""
        living = {name: value for name, r in self._locals.items() if (value := r()) is not None}
        named = {name: r() for name, r in _held(self._globals).items()} | living
        found: dict[int, str] = {}
        for name, value in named.items():
            found.setdefault(id(value), name)
        return found


def _held(variables: Any) -> dict[str, ref[Any]]:
    """The tensors and arrays that variables hold, alone or in a container: `p["w"]`, `self.W`."""
    found: dict[str, ref[Any]] = {}

    def add(name: str, value: Any) -> None:
        if type(value) is Tensor or type(value) is np.ndarray:
            found.setdefault(name, ref(value))

    for name, value in list(variables.items()):
        if not name.startswith("__"):
            for _, code, part in _names.held_in(value, name):
                add(code, part)
            add(name, value)
    return found


class Speller:
    """Writes operands as the user's line would: `s(x)` is Python, or None where it is not known."""

    def __init__(self, names: dict[int, str]) -> None:
        self._names = names

    def __call__(self, a: Any) -> str | None:
        if type(a) in (int, float, bool) or isinstance(a, np.generic):
            return repr(a.item() if isinstance(a, np.generic) else a)
        known = self._names.get(id(a))
        if known is None and type(a) is Tensor and a.op is None:
            known = self._names.get(id(a._array))
        if known is not None:
            return known
        if type(a) is Tensor and a.op is not None:
            return self._expression(a)
        return None if type(a) is Tensor and a.requires_grad else _literal(a)

    def part(self, a: Any) -> str | None:
        """The same as a part of an expression: in parentheses, where it needs them."""
        text = self(a)
        return text if text is None else parenthesised(text)

    def prose(self, a: Any) -> str:
        """How a sentence calls an operand: its label, the expression for it, else what it is."""
        from ..notation.names import cleaned

        label = getattr(a, "name", None) if type(a) is Tensor else None
        label = label or self._names.get(id(a)) or _names.of(a)
        if label:
            return cleaned(str(label))
        is_result = type(a) is Tensor and a.op is not None
        what = f"the result of {a.op.name}" if is_result else f"a constant of shape {np.shape(a)}"
        return self(a) or what

    def _expression(self, a: Tensor) -> str | None:
        # an error may take its time, `import tinygrad_edu` may not
        from ..notation.formula import Formula

        formula = Formula([a], self._names, bare=True, longest=float("inf"))
        given, known = set(self._names.values()), formula.namespace
        used = set(NAME.findall(formula.python)) & known.keys() - {"np"}
        spelled: dict[str, str | None] = {}
        for name in used:
            label = formula.labels.get(name, "")
            if label in given:
                spelled[name] = label
            elif _is_public(name):
                spelled[name] = f"tg.{name}"
            else:
                spelled[name] = _literal(known[name])
        if None in spelled.values():
            return None
        text = NAME.sub(lambda name: spelled.get(name[0]) or name[0], formula.python)
        return text if len(text) <= LONGEST and _is_expression(text) else None


def _is_public(name: str) -> bool:
    """Whether an op is called `tg.name`."""
    return name in registry and registry[name].is_public and in_table(registry[name])


def _literal(value: Any) -> str | None:
    """A small array, written out."""
    if callable(value):
        return None
    array = value._array if type(value) is Tensor else np.asarray(value)
    if array.dtype.kind not in "fiub" or array.size > FEW:
        return None
    if not array.ndim and array.dtype in (np.float64, np.int64, np.bool):
        return repr(array.item())
    dtype = "" if array.dtype in (np.float64, np.int64, np.bool) else f", np.{array.dtype}"
    text = f"np.array({array.tolist()}{dtype})"
    return re.sub(r"(?<![\w.])(inf|nan)\b", r"np.\1", text)


def _is_expression(text: str) -> bool:
    try:
        ast.parse(text, mode="eval")
    except SyntaxError:
        return False
    return True


def parenthesised(text: str) -> str:
    """An expression that binds as tightly as a name."""
    parsed = ast.parse(text, mode="eval").body
    tight = isinstance(parsed, (ast.Name, ast.Call, ast.Attribute, ast.Subscript, ast.Constant))
    return text if tight else f"({text})"
