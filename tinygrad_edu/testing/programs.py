"""Random programs over the table: expression graphs as data, which run, differentiate, and print as Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import Tensor
from ..registry import registry


@dataclass(frozen=True)
class Line:
    """One op of a program: which, on which earlier values (inputs first, then lines, by number) or constants, with which static."""

    op: str
    operands: tuple[int | float, ...]  # an int is the number of a value, a float a constant
    static: Mapping[str, Any]


@dataclass(frozen=True)
class Program:
    """A straight-line program of Tensors. Call it on its inputs; print it to get Python code that does the same.

    >>> import numpy as np
    >>> program = Program((np.array([1.0, 2.0]),), (Line("multiply", (0, 0), {}), Line("sum", (1,), {"axis": 0})))
    >>> print(program)
    x0 = tg.Tensor([1.0, 2.0], requires_grad=True)
    v1 = tg.multiply(x0, x0)
    v2 = tg.sum(v1, axis=0)
    >>> program(*program.inputs).item()
    5.0
    """

    inputs: tuple[Any, ...]
    lines: tuple[Line, ...]

    def __call__(self, *inputs: Any) -> Tensor:
        """Run it, on its own inputs unless others are given."""
        if inputs and len(inputs) != len(self.inputs):
            raise TypeError(f"the program takes {len(self.inputs)} inputs, or none for its own, not {len(inputs)}")
        inputs = inputs or self.inputs
        values = [x if type(x) is Tensor else Tensor(x, copy=False) for x in inputs]
        for line in self.lines:
            values.append(registry[line.op].on([values[o] if isinstance(o, int) else o for o in line.operands], line.static))
        return values[-1]

    def __str__(self) -> str:
        names = [f"x{i}" for i in range(len(self.inputs))]
        dtypes = ["" if x.dtype == np.float64 else f", dtype={x.dtype.name!r}" for x in self.inputs]
        text = [
            f"{n} = tg.Tensor({x.tolist()!r}{dtype}, requires_grad=True)" for n, x, dtype in zip(names, self.inputs, dtypes, strict=True)
        ]
        for line in self.lines:
            names.append(f"v{len(names)}")
            operands = ", ".join(names[o] if isinstance(o, int) else repr(o) for o in line.operands)
            operands = f"[{operands}]" if registry[line.op].variadic is not None else operands
            static = "".join(f", {key}={value!r}" for key, value in line.static.items())
            code = f"{operands}[{line.static['index']!r}]" if line.op == "getitem" else f"{_spelled(line.op)}({operands}{static})"
            text.append(f"{names[-1]} = {code}")
        return "\n".join(text)

    __repr__ = __str__


def _spelled(op: str) -> str:
    """How Python code calls an op: those that only other functions use have no name of their own in `tg`."""
    import tinygrad_edu

    return f"tg.{op}" if op in tinygrad_edu.__all__ else f"tg.registry.registry[{op!r}]"
