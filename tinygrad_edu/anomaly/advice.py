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
from ..registry import registry

LONGEST = 60  # characters of a formula in a message

SPELLINGS = (  # what a line with an overflowing exp in it is likely to want, for the operand {x}, for {y} = -x, and along the line's axis
    (r"log\w*\(.*\b1(\.0*)?\s*\+|log\w*\(.*\+\s*1\b", "tg.softplus({x})"),
    (r"log.*sum|sum.*log", "tg.logsumexp({x}, axis={axis})"),
    (r"\b1(\.0*)?\s*/", "tg.sigmoid({y})"),
    (r"/.*sum", "tg.softmax({x}, axis={axis})"),
)

Names = Mapping[int, str]  # what the user's variables hold, by id


def called(a: Any) -> str:
    """How a message calls an operand: its name, else the expression that made it."""
    from ..formula import expression  # an error may take its time, `import tinygrad_edu` may not
    from ..languages import cleaned

    name = _names.of(a) or (_names.of(a._array) if type(a) is Tensor and a.op is None else None)  # a constant may hold the user's own array
    if name or type(a) is not Tensor or a.op is None:
        return cleaned(name) if name else f"a constant of shape {np.shape(a)}"
    last = expression(a).python.rsplit("\n", 1)[-1]
    return last if len(last) <= LONGEST else f"the result of {a.op.name}"


def code(a: Any, names: Names) -> str:
    """An operand as Python that runs where the user wrote the op; "" if no variable of the user's holds what it was made from."""
    from ..formula import Formula

    if np.ndim(a) == 0 and not (type(a) is Tensor and (a.requires_grad or a.op is not None)) and id(a) not in names:
        return repr(value_of(a).item())
    if id(a) in names or type(a) is not Tensor or a.op is None:
        return names.get(id(a)) or (names.get(id(a._array), "") if type(a) is Tensor and a.op is None else "")
    formula = Formula([a], names, bare=True)
    text = formula.python
    if "\n" in text or len(text) > LONGEST or not set(formula.namespace) <= {"np", *names.values(), *formula._names.functions}:
        return ""
    functions = [name for name in formula._names.functions if name in registry]
    return re.sub(rf"(?<![\w.])({'|'.join(functions)})\(", r"tg.\1(", text) if functions else text


def part(a: Any, names: Names) -> str:
    """The same as a part of an expression: in parentheses, where it is one itself."""
    text = code(a, names)
    return text if not text or text.isidentifier() or re.fullmatch(r"[\d.]+", text) else f"({text})"


def _said(why: str, *spellings: str) -> str:
    """The reason, and what to write, if all of it is Python in the user's names."""
    return f"{why}: write {', or '.join(spellings)}" if all(spellings) else why


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


def after_forward(op: Op, args: Sequence[Any], static: Mapping[str, Any], at: tuple[int, ...], line: str, names: Names) -> str:
    """What to write instead, for the op that made a number that is not finite."""
    given = [a for a in args if isinstance(a, np.ndarray) or (type(a) is Tensor and a.op is None)]
    unclean = [a for a in given if value_of(a).dtype.kind == "f" and np.isnan(value_of(a)).any()]
    if unclean:
        x = code(unclean[0], names)
        return _said(
            f"{called(unclean[0])} holds nan before any op, clean the data or leave it out", x and f"tg.where(np.isnan({x}), 0.0, {x})"
        )
    empty = [a for a in args if value_of(a).size == 0]
    if empty:
        return f"{called(empty[0])} has shape {np.shape(empty[0])}, no entries: leave it out where its size is 0"
    if "axis" in static and np.isneginf(value_of(args[0]).max(axis=static["axis"])).any():
        return f"a row of {called(args[0])} holds -inf alone, all of it is masked: leave out such rows, or one entry of each unmasked"
    if op.name in ("log", "log2", "log10"):
        return _logarithm(args[0], op.name, names)
    if op.name in ("exp", "exp2", "expm1", "sinh", "cosh") and np.isfinite(value_of(args[0])).all():
        return _exponential(args[0], op.name, line, names)
    if op.name in ("divide", "remainder", "floor_divide", "reciprocal"):
        return _quotient(op, (1.0, *args)[-2:], names)
    if op.name == "power":
        return _power(args, at, names)
    return _outside(op, args, names) or _grew(op, args)


def _dtype(args: Sequence[Any]) -> Any:
    kinds = [value_of(a).dtype for a in args if value_of(a).dtype.kind == "f"]
    return np.result_type(*kinds) if kinds else np.dtype(float)


def _grew(op: Op, args: Sequence[Any]) -> str:
    endless = [a for a in args if value_of(a).dtype.kind == "f" and not np.isfinite(value_of(a)).all()]
    if endless:
        return f"{called(endless[0])} holds infinite numbers already, of which {op.name} makes none that is finite: keep them out"
    dtype = _dtype(args)
    return (
        f"the numbers outgrew {dtype}, whose largest is {np.finfo(dtype).max:.3g}: "
        "try a smaller learning rate, smaller weights, or inputs of size 1"
    )


def _exponential(x: Any, name: str, line: str, names: Names) -> str:
    why = f"{name} of {value_of(x).max():.6g} is beyond the largest number of {value_of(x).dtype}"
    spelling = next((code for pattern, code in SPELLINGS if "exp" in line and re.search(pattern, line)), "")
    if not spelling or name != "exp":
        return f"{why}: go on with its logarithm, or with smaller numbers"
    axis = re.search(r"axis\s*=\s*(-?\d+|\([-\d, ]*\))", line)
    inner = code(x, names)
    minus = code(x.args[0], names) if _made_by(x, "negative") else inner and f"-{part(x, names)}"
    return _said(why, inner and spelling.format(x=inner, y=minus, axis=axis[1] if axis else None))


def _logarithm(x: Any, log: str, names: Names) -> str:
    if log == "log" and (stable := _stable_log(x, names)):
        return f"write {stable}"
    if (value_of(x) < 0).any():
        return f"{log} is defined for numbers above 0, and {called(x)} reaches down to {value_of(x).min():.6g}"
    inner = code(x, names)
    safe = f"tg.safe_log({inner})" if log == "log" else f"tg.{log}(tg.maximum({inner}, {_least(x)}))"
    return _said(f"{log} of 0 is -inf", inner and safe)


def _least(a: Any) -> str:
    """A number that counts as 0 beside those of this dtype, and whose inverse is still a number."""
    return {"f": "1e-37", "e": "1e-4"}.get(value_of(a).dtype.char, "1e-300")


def _stable_log(x: Any, names: Names) -> str:
    """The expression that equals log x and does not overflow, if `x` is of a known kind."""
    if type(x) is not Tensor or x.op is None:
        return ""
    scores, axis = softmax_scores(x) or (None, None)
    if scores is None and _made_by(x, "divide") and _made_by(x.args[0], "exp") and _made_by(x.args[1], "sum"):
        scores, axis = x.args[0].args[0], x.args[1].static["axis"]
    if scores is not None:
        return _called_along("tg.log_softmax", scores, axis, names)
    if _made_by(x, "sigmoid"):
        return _function("tg.log_sigmoid({})", x.args[0], names)
    if _made_by(x, "subtract") and _is_one(x.args[0]) and _made_by(x.args[1], "sigmoid"):
        z = part(x.args[1].args[0], names)
        return z and f"tg.log_sigmoid(-{z})"
    if _made_by(x, "divide", "reciprocal") and (inner := _one_plus_exp(x.args[-1])) is not None:
        return _function("-tg.softplus({})", inner, names) if len(x.args) == 1 or _is_one(x.args[0]) else ""
    if (inner := _one_plus_exp(x)) is not None:
        return _function("tg.softplus({})", inner, names)
    if _made_by(x, "sum") and _made_by(x.args[0], "exp"):
        z = code(x.args[0].args[0], names)
        more = "".join(f", {key}={x.static[key]}" for key in ("axis", "keepdims") if x.static[key] not in (None, False))
        return z and f"tg.logsumexp({z}{more})"
    if _made_by(x, "exp"):
        return code(x.args[0], names)
    if _made_by(x, "prod") and (value_of(x.args[0]) > 0).all():
        over = {key: value for key, value in x.static.items() if value not in (None, False)}
        inner = code(x.args[0], names)
        return inner and f"tg.log({inner}).sum({', '.join(f'{key}={value}' for key, value in over.items())})"
    return ""


def _function(template: str, a: Any, names: Names) -> str:
    inner = code(a, names)
    return inner and template.format(inner)


def _called_along(function: str, a: Any, axis: Any, names: Names) -> str:
    """A function of `a` along an axis, which is the last one unless it is said."""
    inner, ndim = code(a, names), np.ndim(a)
    is_last = axis == -1 or (ndim == 1 and axis in (None, 0)) or axis == ndim - 1
    return inner and (f"{function}({inner})" if is_last else f"{function}({inner}, axis={axis})")


def _one_plus_exp(x: Any) -> Any:
    """v, if `x` is 1 + exp(v)."""
    if not _made_by(x, "add"):
        return None
    one, other = x.args if _made_by(x.args[1], "exp") else x.args[::-1]
    return other.args[0] if _made_by(other, "exp") and np.ndim(one) == 0 and _is_one(one) else None


def _quotient(op: Op, args: Sequence[Any], names: Names) -> str:
    a, b = args
    is_softmax = _made_by(a, "exp") and _made_by(b, "sum") and _made_by(b.args[0], "exp")
    softmax = _called_along("tg.softmax", a.args[0], b.static["axis"], names) if is_softmax else ""
    if softmax:
        return f"write {softmax}"
    if (value_of(b) == 0).any():
        above, below = part(a, names), code(b, names)
        sign = {"remainder": "%", "floor_divide": "//"}.get(op.name, "/")
        inner = part(b, names)
        safe = above and below and f"tg.where({inner} == 0, 0.0, {above} {sign} tg.where({inner} == 0, 1.0, {below}))"
        return _said(f"{called(b)} is 0 there", safe)
    return _grew(op, (a, b))


def _power(args: Sequence[Any], at: tuple[int, ...], names: Names) -> str:
    base, exponent = (_at(a, at) for a in args)
    if base == 0:
        x, inner, p = code(args[0], names), part(args[0], names), part(args[1], names)
        safe = x and p and f"tg.where({inner} == 0, 0.0, tg.where({inner} == 0, 1.0, {x}) ** {p})"
        return _said(f"0 to the power of {exponent:.6g} is 1/0", safe)
    if base < 0 and exponent % 1:
        return f"{base:.6g} to the power of {exponent:.6g} is no real number: the base must not be negative, or the exponent whole"
    return _grew(registry["power"], args)


def _outside(op: Op, args: Sequence[Any], names: Names) -> str:
    """What keeps the operand of a function inside of where that is defined, if it lies outside, or at an end."""
    if len(args) != 1 or not op.domain:
        return ""
    (a,), (low, high) = args, op.domain[0]
    value = value_of(a)
    if value.dtype.kind != "f" or ((value > low) & (value < high)).all():
        return ""
    reach = f"from {low:g} to {high:g}" if high < np.inf else f"above {low:g}"
    worst = value.min() if value.min() <= low else value.max()
    inner = _kept_inside(a, low, high, names)
    why = f"{op.name} is defined for numbers {reach} and has a finite slope inside, {called(a)} reaches {worst:.6g}"
    return _said(why, inner and f"tg.{op.name}({inner})")


def _kept_inside(a: Any, low: float, high: float, names: Names) -> str:
    """The operand, within the open interval."""
    x, off = code(a, names), _margin(a)
    below = off if low == 0 else f"{low:g} + {off}"
    return x and (f"tg.maximum({x}, {below})" if high == np.inf else f"tg.clip({x}, {below}, {high:g} - {off})")


# -- backward ------------------------------------------------------------------------------------------------------------------

STEEP = {"sqrt": "tg.sqrt({})", "cbrt": "tg.cbrt({})", "power": "{} ** {p}"}  # with an infinite slope at 0, and how they are written


def after_backward(op: Op, i: int, args: Sequence[Any], at: tuple[int, ...], names: Names) -> str:
    """What to write instead, for the op whose rule gave a gradient that is not finite."""
    x, inner = code(args[0], names), part(args[0], names)
    if op.name == "power" and i == 1:
        p = part(args[1], names)
        return _said(
            f"the derivative by the exponent is a logarithm of the base, which must be above 0; for {called(args[1])} as a constant",
            inner and p and f"{inner} ** {p}.detach()",
        )
    if op.name in STEEP and (value_of(args[0]) == 0).any():
        p = part(args[1], names) if op.name == "power" else "1"
        sum_ = f"{x} + {_margin(args[0])}"
        moved = STEEP[op.name].format(f"({sum_})" if op.name == "power" else sum_, p=p)
        safe = STEEP[op.name].format(f"tg.where({inner} == 0, 1.0, {x})", p=p)
        return _said(f"the slope of {op.name} at 0 is infinite", x and p and moved, x and p and f"tg.where({inner} == 0, 0.0, {safe})")
    if op.name in ("log", "log2", "log10"):
        return _logarithm(args[0], op.name, names)
    if op.name in ("divide", "reciprocal"):
        return _quotient(op, (1.0, *args)[-2:], names)
    return _outside(op, args, names) or _grew(op, args)
