"""Programs over the table: graphs as data, which run, differentiate, and print as Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.registry import in_table, registry
from ..engine.tensor import Tensor


@dataclass(frozen=True)
class Statement:
    """One op of a program: which, on which earlier values or constants, with which static.

    Values are numbered, inputs first, then lines.
    """

    op: str
    operands: tuple[int | float, ...]  # an int is the number of a value, a float a constant
    static: Mapping[str, Any]


@dataclass(frozen=True)
class StraightLine:
    """A straight-line program of Tensors: it can be called, and printed as Python code.

    >>> import numpy as np
    >>> lines = Statement("multiply", (0, 0), {}), Statement("sum", (1,), {"axis": 0})
    >>> program = StraightLine((np.array([1.0, 2.0]),), lines)
    >>> print(program)
    x0 = tg.Tensor([1.0, 2.0], requires_grad=True)
    v1 = tg.multiply(x0, x0)
    v2 = tg.sum(v1, axis=0)
    >>> program(*program.inputs).item()
    5.0
    """

    inputs: tuple[Any, ...]
    lines: tuple[Statement, ...]

    def __call__(self, *inputs: Any) -> Tensor:
        """Run it, on its own inputs unless others are given."""
        if inputs and len(inputs) != len(self.inputs):
            raise TypeError(
                f"the program takes {len(self.inputs)} inputs, or none for its own, "
                f"not {len(inputs)}"
            )
        inputs = inputs or self.inputs
        values = [x if type(x) is Tensor else Tensor(x, copy=False) for x in inputs]
        for line in self.lines:
            operands = [values[o] if isinstance(o, int) else o for o in line.operands]
            values.append(registry[line.op].on(operands, line.static))
        return values[-1]

    def __str__(self) -> str:
        names = [f"x{i}" for i in range(len(self.inputs))]
        dtypes = ["" if x.dtype == np.float64 else f", dtype={x.dtype.name!r}" for x in self.inputs]
        text = [
            f"{n} = tg.Tensor({x.tolist()!r}{dtype}, requires_grad=True)"
            for n, x, dtype in zip(names, self.inputs, dtypes, strict=True)
        ]
        for line in self.lines:
            names.append(f"v{len(names)}")
            operands = ", ".join(names[o] if isinstance(o, int) else repr(o) for o in line.operands)
            operands = f"[{operands}]" if registry[line.op].variadic is not None else operands
            static = "".join(f", {key}={value!r}" for key, value in line.static.items())
            if registry[line.op].kind == "gather":
                code = f"{operands}[{line.static['index']!r}]"
            else:
                code = f"{_spelled(line.op)}({operands}{static})"
            text.append(f"{names[-1]} = {code}")
        return "\n".join(text)

    __repr__ = __str__


def _spelled(op: str) -> str:
    """How Python code calls an op.

    Those that only other functions use have no name of their own in `tg`.
    """
    is_public = registry[op].is_public and in_table(registry[op])
    return f"tg.{op}" if is_public else f"tg.engine.registry.registry[{op!r}]"
