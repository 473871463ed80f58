"""What to write instead of an expression that overflows, divides zero by zero, or has an infinite slope."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import _names
from ..core import Tensor
from ..graph import softmax_scores, value_of
from ..operation import Op

LONGEST = 60  # characters of a formula in a message

SPELLINGS = (  # what a line with an overflowing exp in it is likely to want
    (r"log\w*\(.*\b1(\.0*)?\s*\+|log\w*\(.*\+\s*1\b", "write tg.softplus(x) in place of log(1 + exp(x))"),
    (r"log.*sum|sum.*log", "write tg.logsumexp(x) in place of log(exp(x).sum())"),
    (r"\b1(\.0*)?\s*/", "write x.sigmoid() in place of 1 / (1 + exp(-x))"),
    (r"/", "write tg.softmax(x) in place of exp(x) / exp(x).sum()"),
    (r"sum", "go on with tg.logsumexp(x), the logarithm of exp(x).sum()"),
)
EVERY_EXP = "write " + ", ".join(
    f"{stable} in place of {short}"
    for stable, short in (
        ("tg.softmax(x)", "exp(x) / exp(x).sum()"),
        ("tg.logsumexp(x)", "log(exp(x).sum())"),
        ("tg.softplus(x)", "log(1 + exp(x))"),
        ("x.sigmoid()", "1 / (1 + exp(-x))"),
    )
)


def called(a: Any) -> str:
    """How a message calls an operand: its name, else the expression that made it."""
    from ..formula import expression  # an error may take its time, `import tinygrad_edu` may not
    from ..languages import cleaned

    name = _names.of(a) or (_names.of(a._array) if type(a) is Tensor and a.op is None else None)  # a constant may hold the user's own array
    if name or type(a) is not Tensor or a.op is None:
        return cleaned(name) if name else f"a constant of shape {np.shape(a)}"
    last = expression(a).python.rsplit("\n", 1)[-1]
    return last if len(last) <= LONGEST else f"the result of {a.op.name}"


def _part(a: Any) -> str:
    """The same as a part of an expression: in parentheses, where it is one itself."""
    text = called(a)
    return text if text.isidentifier() else f"({text})"


def _margin(a: Any) -> str:
    """What keeps a number of this dtype off the end of an interval, where a slope is infinite."""
    return "1e-12" if value_of(a).dtype == np.float64 else "1e-6"


def _made_by(a: Any, *names: str) -> bool:
    return type(a) is Tensor and a.op is not None and a.op.name in names


def _is_one(a: Any) -> bool:
    return np.ndim(a) == 0 and float(value_of(a)) == 1.0


def _at(a: Any, at: tuple[int, ...]) -> float:
    """The entry of an operand that went into the entry `at` of an elementwise op."""
    value = value_of(a)
    own = at[len(at) - value.ndim :]
    return float(value[tuple(min(k, n - 1) for k, n in zip(own, value.shape, strict=True))])


# -- forward -------------------------------------------------------------------------------------------------------------------


def after_forward(op: Op, args: Sequence[Any], static: Mapping[str, Any], at: tuple[int, ...], line: str) -> str:
    """What to write instead, for the op that made a number that is not finite."""
    given = [a for a in args if isinstance(a, np.ndarray) or (type(a) is Tensor and a.op is None)]
    unclean = [a for a in given if value_of(a).dtype.kind == "f" and np.isnan(value_of(a)).any()]
    if unclean:
        return f"{called(unclean[0])} holds nan before any op: clean the data, or leave them out with tg.where(np.isnan(...), 0.0, ...)"
    empty = [a for a in args if value_of(a).size == 0]
    if empty:
        return f"{called(empty[0])} has shape {np.shape(empty[0])}, no entries: leave it out where its .size is 0"
    if op.name in ("log", "log2", "log10"):
        return _logarithm(args[0], op.name)
    if op.name in ("exp", "exp2", "expm1", "sinh", "cosh"):
        return next((advice for pattern, advice in SPELLINGS if "exp" in line and re.search(pattern, line)), EVERY_EXP)
    if op.name == "divide":
        return _quotient(*args)
    if op.name == "power":
        return _power(args, at)
    return _outside(op, args) or _grew(args)


def _dtype(args: Sequence[Any]) -> Any:
    kinds = [value_of(a).dtype for a in args if value_of(a).dtype.kind == "f"]
    return np.result_type(*kinds) if kinds else np.dtype(float)


def _grew(args: Sequence[Any]) -> str:
    dtype = _dtype(args)
    return (
        f"the numbers outgrew {dtype}, whose largest is {np.finfo(dtype).max:.3g}: "
        "try a smaller learning rate, smaller weights, or inputs of size 1"
    )


def _logarithm(x: Any, log: str) -> str:
    if (stable := _stable_log(x)) and log == "log":
        return f"write {stable}"
    if (value_of(x) < 0).any():
        return f"{log} is defined for numbers above 0, {called(x)} reaches down to {value_of(x).min():.6g}"
    return f"{log}(0) is -inf: tg.safe_log(x) is finite at 0, and losses that take scores, such as tg.cross_entropy, never meet it"


def _stable_log(x: Any) -> str:
    """The expression that equals log x and does not overflow, if `x` is of a known kind."""
    if type(x) is not Tensor or x.op is None:
        return ""
    scores = next(iter(softmax_scores(x) or ()), None)
    if scores is None and _made_by(x, "divide") and _made_by(x.args[0], "exp") and _made_by(x.args[1], "sum"):
        scores = x.args[0].args[0]
    if scores is not None:
        return f"tg.log_softmax({called(scores)})"
    if _made_by(x, "sigmoid"):
        return f"tg.log_sigmoid({called(x.args[0])})"
    if _made_by(x, "subtract") and _is_one(x.args[0]) and _made_by(x.args[1], "sigmoid"):
        z = called(x.args[1].args[0])
        minus = f"-{z}" if z.isidentifier() else f"-({z})"
        return f"tg.log_sigmoid({minus}), or for the whole loss tg.binary_cross_entropy_with_logits({z}, y)"
    if _made_by(x, "divide", "reciprocal") and (inner := _one_plus_exp(x.args[-1])) is not None:
        return f"-tg.softplus({called(inner)})"
    if (inner := _one_plus_exp(x)) is not None:
        return f"tg.softplus({called(inner)})"
    if _made_by(x, "sum") and _made_by(x.args[0], "exp"):
        axis = x.static.get("axis")
        return f"tg.logsumexp({called(x.args[0].args[0])}" + (")" if axis is None else f", axis={axis})")
    if _made_by(x, "exp"):
        return called(x.args[0])
    return f"the sum of the logarithms, {called(x.args[0])}.log().sum()" if _made_by(x, "prod") else ""


def _one_plus_exp(x: Any) -> Any:
    """v, if `x` is 1 + exp(v)."""
    if not _made_by(x, "add"):
        return None
    one, other = x.args if _made_by(x.args[1], "exp") else x.args[::-1]
    return other.args[0] if _made_by(other, "exp") and np.ndim(one) == 0 and _is_one(one) else None


def _quotient(a: Any, b: Any) -> str:
    if _made_by(a, "exp") and _made_by(b, "sum"):
        return f"write tg.softmax({called(a.args[0])})"
    if (value_of(b) == 0).any():
        above, below = _part(a), called(b)
        safe = f"tg.where({below} == 0, 0.0, {above} / tg.where({_part(b)} == 0, 1.0, {below}))"
        return f"{below} is 0 there: write {safe}, or add a small number to it"
    return _grew((a, b))


def _power(args: Sequence[Any], at: tuple[int, ...]) -> str:
    base, exponent = (_at(a, at) for a in args)
    if base == 0:
        return f"0 to the power of {exponent:.6g} is 1/0: add a small number to the base, or use tg.where to leave it out"
    if base < 0:
        return f"{base:.6g} to the power of {exponent:.6g} is no real number: take the power of tg.abs(x), or a whole exponent, x ** 2"
    return _grew(args)


def _outside(op: Op, args: Sequence[Any]) -> str:
    """A sentence on the op's domain, if an operand lies outside of it."""
    domain = (0.0, np.inf) if op.name == "sqrt" else None
    for a, (low, high) in zip(args, [domain] if domain else op.domain, strict=False):
        value = value_of(a)
        if (
            value.dtype.kind == "f"
            and low < high
            and (not (value >= low).all() or not (value <= high).all() or ((value == low) | (value == high)).any())
        ):
            reach = f"from {low:g} to {high:g}" if high < np.inf else f"above {low:g}"
            worst = value.min() if value.min() <= low else value.max()
            return (
                f"{op.name} is defined for numbers {reach}, {called(a)} reaches {worst:.6g}: "
                f"keep it inside, where the slope is finite: write {_kept_inside(a, low, high)} in place of {called(a)}"
            )
    return ""


def _kept_inside(a: Any, low: float, high: float) -> str:
    """The operand, within the open interval."""
    x, off = called(a), _margin(a)
    below = off if low == 0 else f"{low:g} + {off}"
    return f"tg.maximum({x}, {below})" if high == np.inf else f"tg.clip({x}, {below}, {high:g} - {off})"


# -- backward ------------------------------------------------------------------------------------------------------------------

STEEP = {  # ops with an infinite slope inside, or at an end, of where they are defined: where, and how they are written
    "sqrt": ("0", "{}.sqrt()"),
    "cbrt": ("0", "tg.cbrt({})"),
    "power": ("0", "{} ** p"),
}
ENDS = {"arcsin": "-1 and 1", "arccos": "-1 and 1", "std": "equal entries", "hypot": "(0, 0)", "arctan2": "(0, 0)"}


def after_backward(op: Op, i: int, args: Sequence[Any], at: tuple[int, ...]) -> str:
    """What to write instead, for the op whose rule gave a gradient that is not finite."""
    x, part = called(args[i]), _part(args[i])
    if op.name == "power" and i == 1:
        return f"the derivative by the exponent is a logarithm of the base, which must be above 0: use {part}.detach() if it is a constant"
    if op.name in STEEP and (value_of(args[0]) == 0).any():
        where, function = STEEP[op.name]
        moved = function.format(f"({x} + {_margin(args[0])})")
        safe = function.format(f"tg.where({part} == 0, 1.0, {x})")
        return f"the slope of {op.name} at {where} is infinite: write {moved}, or tg.where({part} == 0, 0.0, {safe})"
    if op.name in ("arcsin", "arccos"):
        return f"{op.name} has no finite slope at {ENDS[op.name]}: write tg.{op.name}({_kept_inside(args[0], -1.0, 1.0)})"
    if op.name in ENDS:
        return f"{op.name} has no finite slope at {ENDS[op.name]}: keep {x} away from there, with tg.clip or a small number added"
    if op.name in ("log", "log2", "log10"):
        return _logarithm(args[0], op.name)
    if op.name == "divide":
        return _quotient(*args)
    return _outside(op, args) or _grew(args)
