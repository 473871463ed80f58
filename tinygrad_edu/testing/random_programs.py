"""A Hypothesis strategy for random programs over the whole table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import inf
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ..engine.op import Op
from ..engine.registry import in_table, registry
from .calls import axes_of
from .programs import Statement, StraightLine
from .strategies import arrays, broadcastable

# kinds of op that no program uses
INDIRECT = {"scatter", "broadcast", "conversion", "copy", "convolution"}
# an op to come close to the kink of: its name, constants after its operand, static
Kinked = tuple[str, tuple[float, ...], dict[str, float]]
KINKED: tuple[Kinked, ...] = (
    ("relu", (), {}),
    ("abs", (), {}),
    ("maximum", (0.0,), {}),
    ("clip", (), {"min": 0.0, "max": 1.0}),
)
# how to bring any value inside of a domain: (op, constant) in turn
INTO = {
    (0.0, inf): (("softplus", None), ("add", 0.25)),
    (1.0, inf): (("softplus", None), ("add", 1.25)),
    (-1.0, inf): (("softplus", None),),
    (-1.0, 1.0): (("tanh", None), ("multiply", 0.875)),
    (-np.pi / 2, np.pi / 2): (("tanh", None),),
}
INDICES = [0, -1, slice(None, None, -1), (None, 0), [0, -1, 0]]
DISTANCES = [-1e-8, -3e-9, 0.0, 5e-9, 1e-8]  # of an entry from a kink
TRIES = 4  # of ops for one line
BOUND = 30.0  # of the values in a program: beyond it a line is left out


@st.composite
def expressions(
    draw: Any, max_ops: int = 8, dtype: Any = np.float64, near_kinks: bool = False
) -> StraightLine:
    """Random programs over the whole table, with inputs: a few lines mostly, of moderate values.

    They shrink to few ops on small inputs, and print as Python code. With `near_kinks` an entry
    comes within 1e-8 of a kink.

    >>> from hypothesis import given
    >>> @given(expressions())
    ... def test_finite(program):
    ...     import numpy as np
    ...     assert np.isfinite(np.asarray(program(*program.inputs))).all()
    >>> test_finite()
    """
    shapes_ = draw(
        st.integers(1, 3).flatmap(lambda n: broadcastable(n, max_dims=2, max_side=4, min_side=1))
    )
    program = _Growing([draw(arrays(shape, dtype, wide=False)) for shape in shapes_])
    ops = _drawable()
    for _ in range(max_ops):
        for _ in range(TRIES):  # where shapes or values do not fit another op is tried
            if program.grow(partial(_lines, draw, program, draw(st.sampled_from(ops)))):
                break
        # a stop of its own after every op, the last one too, so that each op can be dropped alone;
        # in one draw: of several that have to agree, Hypothesis may keep some when it shrinks, and
        # then drops no op
        if draw(st.integers(0, 100)) == 0:
            break
    if near_kinks:
        kinked, distance = draw(st.sampled_from(KINKED)), draw(st.sampled_from(DISTANCES))
        program.grow(partial(_on_kink, program, kinked, distance))
    if not program.lines:
        program.grow(partial(program.add, "sum", (0,)))
    return StraightLine(tuple(program.values[: program.inputs]), tuple(program.lines))


class _Growing:
    """A program while it is drawn: its lines, and the value of every one."""

    def __init__(self, inputs: list[Any]) -> None:
        self.values, self.inputs = inputs, len(inputs)
        self.lines = list[Statement]()

    def add(
        self, op: str, operands: tuple[int | float, ...], static: Mapping[str, Any] | None = None
    ) -> int:
        """Append a line and give the number of its value."""
        static = {**registry[op].defaults, **(static or {})}
        values = [self.values[o] if isinstance(o, int) else o for o in operands]
        with np.errstate(all="ignore"):
            self.values.append(np.asarray(registry[op].run(*values, **static)))
        self.lines.append(Statement(op, operands, static))
        return len(self.values) - 1

    def grow(self, write: Callable[[], Any]) -> bool:
        """Write some lines, and say whether they stay.

        They do not if a value is not finite, too large, or of no entries.
        """
        values, lines = len(self.values), len(self.lines)
        try:
            write()
            new = self.values[values:]
            good = all(v.size and np.isfinite(v).all() and np.abs(v).max() <= BOUND for v in new)
        except (ValueError, IndexError):  # shapes that do not fit
            good = False
        if not good:
            del self.values[values:], self.lines[lines:]
        return good


def _drawable() -> list[Op]:
    """The ops that a random program uses, simple ones first.

    They have rules of their own, with gradients that are not 0 everywhere, and suit random
    operands.
    """
    ops = [op for op in registry.values() if (op.rules or op.variadic) and in_table(op)]
    ops = [op for op in ops if not op.is_flat and op.kind not in INDIRECT and op.fits is None]
    ops = [op for op in ops if not op.is_optional]
    return sorted(ops, key=lambda op: (op.chooses, len(op.domain), op.arity, op.name))


def _lines(draw: Any, program: _Growing, op: Op) -> None:
    """Append an op on earlier values, brought into its domain first."""
    recent = [i for i, value in enumerate(program.values) if value.dtype.kind == "f"][-3:]
    chosen = [draw(st.sampled_from(recent)) for _ in range(op.arity)]
    if op.variadic:
        shape = program.values[chosen[0]].shape
        alike = [i for i in recent if program.values[i].shape == shape]
        chosen.append(draw(st.sampled_from(alike)))
    for i, domain in enumerate(op.domain[: len(chosen)]):
        for name, constant in INTO.get(domain, ()):
            operands = (chosen[i],) if constant is None else (chosen[i], constant)
            chosen[i] = program.add(name, operands)
    first = program.values[chosen[0]]
    static: dict[str, Any] = {}
    if op.chooses:
        chosen[0] = program.add("greater", (chosen[0], 0.0625))
    elif op.kind == "gather":
        static = {"index": draw(st.sampled_from(INDICES))}
    elif op.shapes == "axes":
        static = draw(axes_of(op, first.shape))
    elif op.cases and op.variadic is None:
        fitting = [case for case in op.cases if case["shapes"][0] == first.shape]
        case = draw(st.sampled_from(fitting or op.cases[:1]))
        static = {k: v for k, v in case.items() if k != "shapes"}
    elif op.shapes:  # a product of matrices: where the shapes do not fit, with the transposed
        if first.shape[-1:] != program.values[chosen[1]].shape[-2:][:1]:
            chosen[1] = program.add("transpose", (chosen[0],))
    elif op.arity == 2 and draw(st.booleans()):
        program.add(op.name, (chosen[0], draw(st.sampled_from([0.5, 1.5, 2.0]))))
        return
    program.add(op.name, tuple(chosen), static)


def _on_kink(program: _Growing, kinked: Kinked, distance: float) -> None:
    """Bring the last value's first entry to that distance of a kink, and apply the kinked op."""
    op, constants, static = kinked
    value = len(program.values) - 1
    first = float(program.values[value].reshape(-1)[0])
    shifted = program.add("subtract", (value, first + distance))
    program.add("add", (program.add(op, (shifted, *constants), static), value))
