"""The page of an op in `help`, `help(tg.tanh)`: formula, derivatives, where they hold, an example.

Nothing of it is typed: the derivatives are the rules that run, read as mathematics, and the example
is a call that was made for the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..engine.domains import LOGICAL
from ..engine.op import Interval, Op
from ..engine.recording import enable_grad
from ..engine.registry import in_table
from ..engine.tensor import Tensor
from .derivatives import parameters, sample
from .formula import Formula
from .literals import literal
from .names import unicode_name
from .printers import Unicode


def page(op: Op) -> str:
    """What `help` says of an op.

    >>> import tinygrad_edu as tg
    >>> print(page(tg.log).partition("    >>>")[0])
    log(x, /)
    <BLANKLINE>
    log, entry by entry; see np.log.
    <BLANKLINE>
        y = ln(x)
        ∂y/∂x = 1 / x
    <BLANKLINE>
    Tested for x > 0.
    <BLANKLINE>
    <BLANKLINE>
    """
    parts = [f"{op.name}{op.__signature__}", op.doc]
    if in_table(op):  # what a user's function does with symbols is not known
        parts += [indented(formulas(op)), *notes(op)]
        parts += [indented(example(op))] if op.is_public else []
    return "\n\n".join(filter(None, parts))


def indented(lines: Sequence[str]) -> str:
    """Lines, four columns to the right."""
    return "\n".join(f"    {line}" for line in lines)


# -- the formulas ----------------------------------------------------------------------------------


def formulas(op: Op) -> list[str]:
    """What an op computes, and the derivative by each operand.

    Where it mixes entries, what a gradient `g` of a loss L at the result becomes at each operand.

    >>> import tinygrad_edu as tg
    >>> formulas(tg.tanh)
    ['y = tanh(x)', '∂y/∂x = 1 − y²']
    """
    values, static, _ = small_call(op)
    operands = [symbol(value, name) for value, name in zip(values, letters(op), strict=True)]
    y = called(op, operands, static)
    out, g = symbol(y.numpy(), "y"), symbol(y.numpy(), "g")
    is_local = is_elementwise(op) and all(x.requires_grad for x in operands)
    rows = [f"y = {written(y, operands)}"] * (y.op is not None)
    for i, x in enumerate(operands):
        rule = op.usual.rules[i] if op.usual else op.textbook(i)
        if rule is None:
            continue
        with enable_grad():
            gx = rule(1 if is_local else g, out, *operands, **static)
        left = f"∂{'y' if is_local else 'L'}/∂{unicode_name(str(x.name))}"
        *first, last = written(gx, [*operands, out, g]).split("\n")
        rows += [*first, f"{left} = {last}"]
    if op.usual:
        rows.append(f"(where {op.usual.remark.format(*[x.name for x in operands])})")
    if len(rows) > 1 and not is_local:
        shapes = " and ".join(f"{unicode_name(str(x.name))} of shape {x.shape}" for x in operands)
        rows.append(
            "(g = ∂L/∂y" + (f", here for {shapes})" if any(x.shape for x in operands) else ")")
        )
    return rows


def is_elementwise(op: Op) -> bool:
    """Whether each entry of the result is a function of one entry of each operand alone."""
    return not (op.shapes or op.cases or op.static or op.variadic)


def letters(op: Op) -> list[str]:
    """What the operands of an op are called: as its rules call them, else x, or a and b."""
    count = len(small_call(op)[0])
    rule = next(filter(None, map(op.textbook, range(count))), None)
    return parameters(rule, count)[2:] if rule else ["x"] if count == 1 else list("abcd"[:count])


def small_call(op: Op) -> tuple[list[Any], dict[str, Any], Any]:
    """Operands, static arguments and result of the first call that a page has room for."""
    fits = [max(map(len, case["shapes"])) < 3 for case in op.cases]
    return sample(op, fits.index(True) if True in fits else 0)


def symbol(value: Any, name: str) -> Tensor:
    """A value as a leaf of that name."""
    array = np.asarray(value)
    return Tensor(array, requires_grad=array.dtype.kind == "f", name=name)


def called(op: Op, operands: Sequence[Tensor], static: dict[str, Any]) -> Tensor:
    """The result of a call, recorded."""
    with enable_grad():
        y: Tensor = op.on(operands, static)
        return y


def written(value: Any, operands: Sequence[Tensor]) -> str:
    """What was computed from operands, as mathematics that may stand behind a sign of equality."""
    result = value if type(value) is Tensor else Tensor(value)
    names = {id(t): str(t.name) for t in operands}
    text = Formula([result], names, bare=True, symbols=operands, tidy=True).unicode
    if re.fullmatch(r"[^()]* [<>=≤≥≠] [^()]*", text):  # a comparison
        return f"({text})"
    return text


# -- where they hold -------------------------------------------------------------------------------


def notes(op: Op) -> Iterator[str]:
    """For which operands an op is tested, and where it has no derivative."""
    names = letters(op)
    inside = [
        text
        for name, interval in zip(names, op.domain, strict=False)
        if (text := within(name, interval))
    ]
    if inside:
        yield f"Tested for {' and '.join(inside)}."
    if op.kinks and op.rules and is_elementwise(op):
        operands = [symbol(0.0, name) for name in names]
        with enable_grad(), np.errstate(invalid="ignore"):
            gap = op.kinks(*operands)
        there = ""
        if gap.item() == 0:
            called(op, operands, {}).backward()
            found = " and ".join(f"{t.grad:g}" for t in operands)
            there = f"; at 0 the gradient{' is' if len(operands) == 1 else 's are'} {found}"
        yield f"No derivative where {written(gap, operands)} = 0{there}."


def within(name: str, interval: Interval) -> str:
    """An interval as an inequality: "x > 0"; "" if it is all numbers."""
    low, high = (Unicode().number(end).text for end in interval)
    if interval == LOGICAL:
        return f"{name} true or false"
    if np.isinf(interval[0]) and np.isinf(interval[1]):
        return ""
    return f"{low} < {name} < {high}" if np.isfinite(interval[1]) else f"{name} > {low}"


# -- an example ------------------------------------------------------------------------------------


def example(op: Op) -> list[str]:
    """A small call with its gradients, and what is printed."""
    values, static, _ = small_call(op)
    names, required = letters(op), any(map(op.textbook, range(len(values))))
    statics = [
        f"{key}={literal(v, {})}" for key, v in static.items() if v is not op.defaults.get(key, ...)
    ]
    call = ", ".join([f"[{', '.join(names)}]" if op.variadic else ", ".join(names), *statics])
    lines = ["import tinygrad_edu as tg", *["import numpy as np"] * ("np." in call)]
    operands = []
    for value, name in zip(values, names, strict=True):
        t = (
            symbol(np.round(value, 2), name)
            if np.asarray(value).dtype.kind == "f"
            else symbol(value, name)
        )
        operands.append(t if required else t.detach())
        requires = ", requires_grad=True" if operands[-1].requires_grad else ""
        lines.append(f"{name} = tg.Tensor({t.numpy().tolist()}{requires})")
    y = called(op, operands, static)
    if not required:
        return [
            *(f">>> {line}" for line in [*lines, f"tg.{op.name}({call})"]),
            *repr(y).split("\n"),
        ]
    entry = (-1,) * y.ndim  # the sum would have a gradient of 0 where results add up to 1
    (y[entry] if entry else y).backward()
    lines += [f"y = tg.{op.name}({call})", f"y{list(entry) if entry else ''}.backward()"]
    shown = [f">>> {line}" for line in lines]
    for t in operands:
        shown += [f">>> {t.name}.grad", *repr(t.grad).split("\n")] if t.requires_grad else []
    return shown
