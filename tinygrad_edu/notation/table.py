"""The table of ops as a page: `tg.table()`, and `docs/ops.md`, which is written from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..engine.op import Op
from ..engine.overrides import LOOKS
from ..engine.registry import in_table, numpy_functions, registry


class Row(NamedTuple):
    """What is said of an op."""

    call: str  # its name, and what it takes
    formulas: list[str]  # its value, and the derivative by each operand
    notes: list[str]  # for which operands it is tested, and where it has no derivative
    jax: str  # JAX's function, if it has one


class Table:
    """The ops, one in a row; and NumPy's functions that are made of them.

    Printed, or shown in a notebook, it is a page in Markdown.
    """

    def __init__(self, rows: list[Row], functions: list[str]) -> None:
        self.rows, self.functions = rows, functions

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        lines = ["| op | value and derivatives | where | JAX's function |", "|---|---|---|---|"]
        for row in self.rows:
            cells = f"`{row.call}`", _code(row.formulas), "<br>".join(row.notes), row.jax
            lines.append(f"| {' | '.join(cells)} |")
        made = ", ".join(f"`{name}`" for name in self.functions)
        return "\n".join(
            [
                *lines,
                "",
                "NumPy's functions that are made of these ops, and have their gradients:",
                "",
                made,
                "",
            ]
        )

    __repr__ = _repr_markdown_ = __str__


def table() -> Table:
    """Every op of the table: its derivatives, where they hold, and its counterpart in JAX.

    >>> import tinygrad_edu as tg
    >>> ops = tg.table()
    >>> next(row.formulas for row in ops.rows if row.call.startswith("tanh("))
    ['y = tanh(x)', '∂y/∂x = 1 − y²']
    """
    ops = [made for made in registry.values() if in_table(made) and not made.is_optional]
    ops = sorted((made for made in ops if made.is_public), key=lambda made: made.name)
    return Table([_row(made) for made in ops], sorted(set(_compositions())))


def _row(made: Op) -> Row:
    from .manual import formulas, notes  # the package is imported without them

    call = f"{made.name}{made.__signature__}".replace(", /)", ")").replace(", /,", ",")
    shown = [line for line in formulas(made) if not line.startswith("(g = ")]
    return Row(call, shown, list(notes(made)), _in_jax(made))


def _in_jax(made: Op) -> str:
    """JAX's function, where it has one of the name or an expression for it."""
    from .python import is_numpys, is_ufunc

    if made.jax or made.write_jax:
        return f"`{made.jax or made.write_jax}`"
    if getattr(np.linalg, made.name, None) is made.run:
        return f"`jnp.linalg.{made.name}`"
    if is_ufunc(made) or is_numpys(made):
        return f"`jnp.{made.run.__name__ if is_ufunc(made) else made.name}`"
    return ""


def _compositions() -> Iterator[str]:
    """NumPy's functions that no op computes alone."""
    names = {id(made.run): made for made in registry.values()}
    for home, module in (("np", np), ("np.linalg", np.linalg)):
        for name in module.__all__:
            function: Any = getattr(module, name)
            if not callable(function) or isinstance(function, type):
                continue
            ours = numpy_functions.get(function)
            called = getattr(ours, "__name__", getattr(ours, "name", ""))
            looks = called == LOOKS  # at values, of which there is no gradient
            if ours and not looks and called not in registry and id(function) not in names:
                yield f"{home}.{name}"


def _code(lines: list[str]) -> str:
    """Formulas, each in a line of a cell."""
    return "<br>".join(f"`{line}`".replace("|", "\\|") for line in lines)
