"""What to write in place of an op that overflows, meets a pole or has an infinite slope.

Facts about ops of the table: each is a function of a speller, which writes operands as the user's
line would (None: it cannot), and of what the op was given. It gives an `Advice`, or None if there
is nothing to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeGuard

import numpy as np

from ..engine.op import Op
from ..engine.tensor import Tensor
from ..graph import value_of
from .elementwise import (
    add,
    cbrt,
    divide,
    exp,
    floor_divide,
    log,
    log2,
    log10,
    power,
    reciprocal,
    remainder,
    safe_log,
    sigmoid,
    sqrt,
    subtract,
)
from .reductions import log_softmax, logsumexp, prod, softmax, sum
from .shape import unwrapped


class Spelling(Protocol):
    """Writes operands as the user's line would."""

    def __call__(self, a: Any) -> str | None:
        """Python that can be pasted there; None where there is no telling."""

    def part(self, a: Any) -> str | None:
        """The same as a part of an expression: in parentheses, where it needs them."""

    def prose(self, a: Any) -> str:
        """How a sentence calls it."""


class Advice(NamedTuple):
    """Why, and the code that mends it.

    An expression in place of the op, or of the part of it that is named.
    """

    why: str
    code: str | None = None
    place: str | None = None


MARGIN = {"d": "1e-12", "f": "1e-6", "e": "1e-3"}  # what keeps a number of a dtype off a pole


def margin(a: Any) -> str:
    """What keeps a number of this dtype off the end of an interval, where a slope is infinite."""
    return MARGIN.get(value_of(a).dtype.char, "1e-12")


def made_by(a: Any, *ops: Op) -> TypeGuard[Tensor]:
    """Whether one of the ops made it."""
    return type(a) is Tensor and a.op in ops


def filled(template: str, *texts: str | None) -> str | None:
    """The template with the texts in it, if there is one for each place."""
    return None if None in texts else template.format(*texts)


def softmax_scores(t: Any) -> tuple[Tensor, Any] | None:
    """z and the axis, if `t` is the softmax of z along that axis, or exp(z - logsumexp(z))."""
    if made_by(t, softmax):
        return t.args[0], t.static["axis"]
    inner = t.args[0] if made_by(t, exp) else None
    if made_by(inner, log_softmax):
        return inner.args[0], inner.static["axis"]
    if not made_by(inner, subtract):
        return None
    z, total = inner.args[0], unwrapped(inner.args[1])
    return (z, total.static["axis"]) if made_by(total, logsumexp) and total.args[0] is z else None


# -- logarithms ------------------------------------------------------------------------------------


def _logarithm(function: str, base: str) -> Callable[..., Advice]:
    def instead(s: Spelling, args: Sequence[Any], *_: Any) -> Advice:
        (x,) = args
        known = _log_of(s, x)
        if known:
            return Advice("", f"{known}{base}")
        if (value_of(x) < 0).any():
            why = (
                f"{function} is defined for numbers above 0, "
                f"{s.prose(x)} reaches down to {value_of(x).min():.6g}"
            )
            return Advice(why, filled(f"np.{function}(tg.maximum({{}}, {margin(x)}))", s(x)))
        why = (
            f"{function}(0) is -inf, "
            "which losses that take scores, such as tg.cross_entropy, never meet"
        )
        return Advice(why, filled(f"tg.safe_log({{}}){base}", s(x)))

    return instead


def _log_of(s: Spelling, x: Any) -> str | None:
    """The expression that equals log x and does not overflow, if `x` is of a known kind."""
    if (found := softmax_scores(x) or _quotient_of_exps(x)) is not None:
        scores, axis = found
        return filled("tg.log_softmax({}{})", s(scores), _along(scores, axis))
    if made_by(x, sigmoid):
        return filled("tg.log_sigmoid({})", s(x.args[0]))
    if made_by(x, subtract) and _is_one(x.args[0]) and made_by(x.args[1], sigmoid):
        return filled("tg.log_sigmoid(-{})", s.part(x.args[1].args[0]))
    if (v := _one_plus_exp(_inverse(x))) is not None:
        return filled("-tg.softplus({})", s(v))
    if (v := _one_plus_exp(x)) is not None:
        return filled("tg.softplus({})", s(v))
    if made_by(x, sum) and made_by(x.args[0], exp):
        axis = _axis(x.static.get("axis"))
        keepdims = ", keepdims=True" if x.static.get("keepdims") else ""
        return filled("tg.logsumexp({}{}{})", s(x.args[0].args[0]), axis, keepdims)
    if made_by(x, exp):
        return s.part(x.args[0])
    if made_by(x, prod):
        axis = _axis(x.static.get("axis")).removeprefix(", ")
        return filled(f"np.log({{}}).sum({axis})", s(x.args[0]))
    return None


def _quotient_of_exps(t: Any) -> tuple[Tensor, Any] | None:
    """z and the axis, if `t` is exp(z) / exp(z).sum(axis), the softmax as books have it."""
    if made_by(t, divide) and made_by(t.args[0], exp) and made_by(t.args[1], sum):
        return t.args[0].args[0], t.args[1].static["axis"]
    return None


def _inverse(t: Any) -> Any:
    """x, if `t` is 1 / x."""
    if made_by(t, divide):
        return t.args[1] if _is_one(t.args[0]) else None
    return t.args[0] if made_by(t, reciprocal) else None


def _axis(axis: Any) -> str:
    return "" if axis is None else f", axis={axis!r}"


def _along(x: Any, axis: Any) -> str:
    """The axis of a softmax of `x`, where it is not the last one, which is meant without it."""
    last = axis in (-1, x.ndim - 1) or (axis is None and x.ndim == 1)
    return "" if last else f", axis={axis!r}"


def _is_one(a: Any) -> bool:
    return np.ndim(a) == 0 and float(value_of(a)) == 1.0


def _one_plus_exp(x: Any) -> Any:
    """v, if `x` is 1 + exp(v)."""
    if not made_by(x, add):
        return None
    one, other = x.args if made_by(x.args[1], exp) else x.args[::-1]
    return other.args[0] if made_by(other, exp) and np.ndim(one) == 0 and _is_one(one) else None


def _counts_as_another(x: Any) -> Any:
    """Where safe_log takes the smallest normal number in place of x."""
    x = value_of(x)
    return x < np.finfo(x.dtype).tiny if x.dtype.kind == "f" else x <= 0


safe_log.instead = lambda s, args, *_: Advice("", known) if (known := _log_of(s, args[0])) else None
safe_log.saturates = _counts_as_another


# -- what is divided by 0 --------------------------------------------------------------------------


def _divided(template: str) -> Callable[..., Advice | None]:
    """The advice for an op with a pole where its last operand is 0.

    The template has a place for each operand.
    """

    def instead(s: Spelling, args: Sequence[Any], *_: Any) -> Advice | None:
        b = args[-1]
        if len(args) == 2 and made_by(args[0], exp) and made_by(b, sum):
            code = filled("tg.softmax({}{})", s(args[0].args[0]), _along(args[0], b.static["axis"]))
            return Advice("", code)
        if not (value_of(b) == 0).any():
            return None
        divisor = filled("tg.where({} == 0, 1.0, {})", s.part(b), s(b))
        quotient = filled(template, *map(s.part, args[:-1]), divisor)
        code = filled("tg.where({} == 0, 0.0, {})", s.part(b), quotient)
        return Advice(f"{s.prose(b)} is 0 there", code)

    return instead


_POLES = {
    log: _logarithm("log", ""),
    log2: _logarithm("log2", " / float(np.log(2))"),
    log10: _logarithm("log10", " / float(np.log(10))"),
    divide: _divided("{} / {}"),
    reciprocal: _divided("1 / {}"),
    remainder: _divided("{} % {}"),
    floor_divide: _divided("{} // {}"),
}
for _op, _advice in _POLES.items():  # where the value is infinite, so is the slope
    _op.instead = _advice
    _op.instead_of_slope = lambda s, i, args, _advice=_advice: _advice(s, args)


# -- powers and roots ------------------------------------------------------------------------------


def _power(
    s: Spelling, args: Sequence[Any], static: Mapping[str, Any], at: tuple[int, ...]
) -> Advice | None:
    base, exponent = (_entry(a, at) for a in args)
    x, p = s.part(args[0]), s.part(args[1])
    if base == 0:
        moved = filled("tg.where({} == 0, 1.0, {}) ** {}", x, s(args[0]), p)
        code = filled("tg.where({} == 0, 0.0, {})", x, moved)
        return Advice(f"0 to the power of {exponent:.6g} is 1/0", code)
    if base < 0:
        why = (
            f"{base:.6g} to the power of {exponent:.6g} is no real number: "
            "a whole exponent, x ** 2, takes it, and so does"
        )
        return Advice(why, filled("tg.abs({}) ** {}", s(args[0]), p))
    return None


def _entry(a: Any, at: tuple[int, ...]) -> float:
    """The entry of an operand that went into the entry `at` of an elementwise op."""
    value = value_of(a)
    own = at[len(at) - value.ndim :]
    return float(value[tuple(min(k, n - 1) for k, n in zip(own, value.shape, strict=True))])


def _steep(template: str) -> Callable[..., Advice | None]:
    """The advice for an op whose slope by its first operand is infinite at 0, where it is 0."""
    is_call = template.endswith(")")

    def instead(s: Spelling, i: int, args: Sequence[Any]) -> Advice | None:
        x, rest = args[0], [s.part(a) for a in args[1:]]
        if i or not (value_of(x) == 0).any():
            return None
        safe = filled(template, filled("tg.where({} == 0, 1.0, {})", s.part(x), s(x)), *rest)
        off = f"{{}} + {margin(x)}"
        moved = filled(template, filled(off if is_call else f"({off})", s(x)), *rest)
        named = s.prose(x) if s(x) is None else s.part(x)
        steep = template.format(named, *[s.prose(a) for a in args[1:]])
        why = f"the slope of {steep} at 0 is infinite"
        why += f"; off 0, as in {moved}, it is not" if moved else ""
        return Advice(why, filled("tg.where({} == 0, 0.0, {})", s.part(x), safe))

    return instead


def _slope_of_power(s: Spelling, i: int, args: Sequence[Any]) -> Advice | None:
    if i == 0:
        return _steep("{} ** {}")(s, i, args)
    why = (
        "the derivative by an exponent is a logarithm of the base, which must be above 0; "
        "of a constant none is taken"
    )
    return Advice(why, filled("{} ** {}.detach()", s.part(args[0]), s.part(args[1])))


power.instead, power.instead_of_slope = _power, _slope_of_power
sqrt.instead_of_slope, cbrt.instead_of_slope = _steep("tg.sqrt({})"), _steep("tg.cbrt({})")


# -- the ends of domains ---------------------------------------------------------------------------


def outside(op: Op, s: Spelling, args: Sequence[Any]) -> Advice | None:
    """The advice for operands outside of the domain of an op, or at its end, where it is steep."""
    for i, (a, (low, high)) in enumerate(zip(args, op.domain, strict=False)):
        value = value_of(a)
        if value.dtype.kind != "f" or low >= high or ((value > low) & (value < high)).all():
            continue
        reach = f"from {low:g} to {high:g}" if high < np.inf else f"above {low:g}"
        worst = value.min() if value.min() <= low else value.max()
        off = margin(a)
        least = off if low == 0 else f"{low:g} + {off}"
        inside = f"clip({{}}, {least}, {high:g} - {off})"
        kept = filled("tg." + (f"maximum({{}}, {least})" if high == np.inf else inside), s(a))
        why = (
            f"{op.name} is defined for numbers {reach}, {s.prose(a)} reaches {worst:.6g}: "
            "keep it inside, where the slope is finite"
        )
        operands = [kept if k == i else s(b) for k, b in enumerate(args)]
        return Advice(why, filled(f"tg.{op.name}({', '.join(['{}'] * len(args))})", *operands))
    return None
