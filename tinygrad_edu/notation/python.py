"""Calls of ops written in Python with NumPy; and what every language has to be able to write."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..engine.op import Op
from ..engine.registry import numpy_functions
from .literals import has_slice, index_literal, literal, python_array, python_number
from .templates import ATOM, POWER, Written, python_template, template_of


def is_numpys(op: Op) -> bool:
    """Whether NumPy has a function of the op's name that is the op."""
    ours = numpy_functions.get(getattr(np, op.name, None))
    return ours is not None and getattr(ours, "__name__", getattr(ours, "name", "")) == op.name


def is_ufunc(op: Op) -> bool:
    """Whether an op is a ufunc of NumPy's own, and none of SciPy's."""
    return isinstance(op.run, np.ufunc) and getattr(np, op.run.__name__, None) is op.run


def is_bare_function(op: Op) -> bool:
    """Whether Python calls the op by its own name, because NumPy does not have it."""
    python = python_template(op.write) if isinstance(op.write, str) and op.write else None
    return not (
        python
        or callable(op.write)
        or hasattr(np.ndarray, op.name)
        or is_ufunc(op)
        or is_numpys(op)
    )


class Call(NamedTuple):
    """A call of an op, as a tensor remembers it, and the number of axes of what it gave."""

    op: Op
    args: Sequence[Any]
    static: Mapping[str, Any]
    ndim: int


class Language:
    """What a formula is written in."""

    def name(self, identifier: str, label: str) -> Written:
        """A name, as the language writes it."""
        raise NotImplementedError

    def number(self, value: Any) -> Written:
        """A number, or an array that holds one."""
        raise NotImplementedError

    def call(self, made: Call, operands: Sequence[Written], names: Mapping[int, str]) -> Written:
        """A call of an op, on operands that are written already."""
        raise NotImplementedError


class Python(Language):
    """Python with NumPy, exactly."""

    def name(self, identifier: str, label: str) -> Written:
        return Written(identifier)

    def number(self, value: Any) -> Written:
        return python_array(value) if np.ndim(value) else python_number(value)

    def call(self, made: Call, operands: Sequence[Written], names: Mapping[int, str]) -> Written:
        op, _, static, ndim = made
        written = template_of(op.write, static)
        template = python_template(written) if written else None
        # of numbers, `**` and np.power differ in the last bit
        if template is None or (template.level == POWER and ndim == 0):
            return self._function(op, static, operands, names)
        statics = {
            key: index_literal(value, names) if key == "index" else literal(value, names) or "?"
            for key, value in static.items()
        }
        return template.fill(operands, statics)

    def _function(
        self,
        op: Op,
        static: Mapping[str, Any],
        operands: Sequence[Written],
        names: Mapping[int, str],
    ) -> Written:
        """A method if arrays have it, a function of NumPy, or the op by its own name."""
        statics = statics_text(op, static, names)
        if hasattr(np.ndarray, op.name) and len(operands) == 1:
            text, level = operands[0]
            return Written(
                f"{text if level == ATOM else f'({text})'}.{op.name}({', '.join(statics)})"
            )
        called = (
            f"np.{op.run.__name__}"
            if is_ufunc(op)
            else f"np.{op.name}"
            if is_numpys(op)
            else op.name
        )
        arguments = [text for text, _ in operands]
        if op.variadic is not None:
            arguments = [f"[{', '.join(arguments)}]"]
        return Written(f"{called}({', '.join([*arguments, *statics])})")


def statics_text(op: Op, static: Mapping[str, Any], names: Mapping[int, str]) -> list[str]:
    """Static arguments as in a call.

    Those without a default stand by place, those that differ from it by name.
    """
    texts = []
    for key, value in static.items():
        default = op.defaults.get(key, inspect.Parameter.empty)
        if value is default or (
            type(value) is type(default) and not isinstance(value, np.ndarray) and value == default
        ):
            continue
        text = (
            f"np.s_[{index_literal(value, names)}]"
            if key == "index" and has_slice(value)
            else literal(value, names) or "?"
        )
        texts.append(f"{key}={text}" if key in op.defaults else text)
    return texts
