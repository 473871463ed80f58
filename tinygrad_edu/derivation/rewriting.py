"""The recorded loss in the terms of a textbook: equal values, and rules that collapse as on paper.

exp(z) / Σ exp(z) becomes softmax(z), whatever was subtracted from z for safety; log Σ exp(z)
becomes logsumexp(z); 1 / (1 + exp(-z)) becomes σ(z), and log(1 + exp(z)) softplus(z), whose
derivative is σ(z).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from ..engine.op import Op
from ..engine.recording import enable_grad
from ..engine.tensor import Tensor
from ..graph import ancestors
from ..notation.constants import is_variable
from ..ops import reductions
from ..ops.elementwise import (
    add,
    divide,
    exp,
    log,
    log1p,
    logaddexp,
    multiply,
    negative,
    power,
    reciprocal,
    sigmoid,
    softplus,
    subtract,
    where,
)
from ..ops.shape import unwrapped

TOLERANCE = 1e-9  # of the values before and after, relative to the largest


def rewritten(
    loss: Tensor, wanted: Collection[Tensor], labels: dict[int, str]
) -> tuple[Tensor, dict[Tensor, Tensor]]:
    """The loss in those terms, and what became of each tensor.

    Labels move on to what takes a tensor's place.
    """
    new: dict[Tensor, Tensor] = {}
    with enable_grad(), np.errstate(all="ignore"):
        for t in ancestors(loss):
            new[t] = t
            if t.op is None:
                continue
            args = [new[a] if type(a) is Tensor else a for a in t.args]
            tries = (made for rewrite in _REWRITES if (made := rewrite(t, args)) is not None)
            # two tensors that are asked for stay two
            apart = (made for made in tries if not any(new.get(w) is made for w in wanted))
            made = next((made for made in apart if _is_close(made, t)), None)
            if made is None and all(a is b for a, b in zip(args, t.args, strict=True)):
                continue
            new[t] = t.op.on(args, t.static) if made is None else made
            if made is None and not _is_close(new[t], t):
                # an op that computes something else each time, or numbers too far apart
                return loss, {}
            if id(t) in labels:
                labels[id(new[t])] = labels[id(t)]
    left = set(ancestors(new[loss]))
    return (new[loss], new) if all(new[t] in left for t in wanted) else (loss, {})


def _is_close(a: Tensor, b: Tensor) -> bool:
    x, y = a.numpy(), b.numpy()
    tolerance = max(TOLERANCE, 1e3 * float(np.finfo(y.dtype).eps) if y.dtype.kind == "f" else 0)
    return (
        x.shape == y.shape
        and x.dtype == y.dtype
        and bool(np.allclose(x, y, rtol=tolerance, atol=0, equal_nan=True))
    )


def _made_by(op: Op, a: Any) -> Tensor | None:
    """The first operand of `a`, if that op made it; else None."""
    return a.args[0] if type(a) is Tensor and a.op is op else None


def _scores(z: Tensor) -> Tensor:
    """The scores that a maximum was subtracted from."""
    if type(z) is Tensor and z.op is subtract:
        inner, shift = z.args
        if type(inner) is Tensor and _made_by(reductions.max, unwrapped(shift)) is inner:
            return inner
    return z


def _total(a: Any, z: Tensor) -> Tensor | None:
    """logsumexp(z) with the axes of `a`, if that is the sum of exp(z) over some axes.

    Scores that a maximum was subtracted from count as z, too.
    """
    waiting = []
    while type(a) is Tensor and (inner := unwrapped(a)) is not a:
        while a is not inner:
            waiting.append(a)
            a = a.args[0]
    exponent = _made_by(exp, _made_by(reductions.sum, a))
    if exponent is None or _scores(exponent) is not _scores(z):
        return None
    total: Tensor = reductions.logsumexp.on([_scores(z)], a.static)
    for t in reversed(waiting):
        assert t.op is not None
        total = t.op.on([total], t.static)
    return total


def _as_softmax(t: Tensor, args: list[Any]) -> Tensor | None:
    """softmax(z) for exp(z) / Σ exp(z)."""
    if t.op is not divide or (z := _made_by(exp, args[0])) is None:
        return None
    total = _total(args[1], z)
    return None if total is None or args[0].shape != t.shape else (_scores(z) - total).exp()


def _as_logsumexp(t: Tensor, args: list[Any]) -> Tensor | None:
    """logsumexp(z) for log Σ exp(z)."""
    if t.op is not log:
        return None
    exponent = _made_by(exp, _made_by(reductions.sum, unwrapped(args[0])))
    if exponent is None or _scores(exponent) is not exponent:
        return None
    return _total(args[0], exponent)


def _from_shifted(t: Tensor, args: list[Any]) -> Tensor | None:
    """Terms of z where a maximum was subtracted first, s = z - max(z).

    z - logsumexp(z) for s - log Σ exp(s), and logsumexp(z) for max(z) + log Σ exp(s).
    """
    if t.op not in (subtract, add):
        return None
    for s, logarithm in (args, args[::-1]) if t.op is add else (args,):
        inside = _made_by(log, unwrapped(logarithm))
        exponent = _made_by(exp, _made_by(reductions.sum, unwrapped(inside)))
        is_bare = logarithm is unwrapped(logarithm)
        if exponent is None or (z := _scores(exponent)) is exponent or not is_bare:
            continue
        if (total := _total(inside, z)) is None:
            continue
        if t.op is subtract and type(s) is Tensor and _scores(s) is z is not s:
            return z - total
        is_maximum = _made_by(reductions.max, unwrapped(s)) is z
        if t.op is add and is_maximum and total.shape == t.shape:
            return total
    return None


def _one_more(a: Any) -> Any:
    """z, if `a` is 1 + exp(z)."""
    if type(a) is not Tensor or a.op is not add:
        return None
    exponents = ((_made_by(exp, x), one) for x, one in (a.args, a.args[::-1]))
    return next((z for z, one in exponents if z is not None and _is_number(one, 1)), None)


def _is_number(a: Any, number: float) -> bool:
    """Whether a constant is that number, everywhere."""
    return not is_variable(a) and bool((np.asarray(a) == number).all())


def _as_sigmoid(t: Tensor, args: list[Any]) -> Tensor | None:
    """σ(z) for 1 / (1 + exp(-z)) and exp(z) / (1 + exp(z)); x σ(z) for x / (1 + exp(-z))."""
    if t.op is divide:
        above, below = args
    elif t.op is reciprocal or (t.op is power and _is_number(args[1], -1)):
        above, below = 1, args[0]
    else:
        return None
    if (z := _one_more(below)) is None or below.shape != t.shape:
        return None
    if _made_by(exp, above) is z:
        return sigmoid(z)
    share = sigmoid(_negated(z))
    return share if _is_number(above, 1) else above * share


def _negated(z: Tensor) -> Tensor:
    """-z, as one would write it: b - a for a - b, and c z for -c z."""
    if (inner := _made_by(negative, z)) is not None:
        return inner
    if z.op is subtract:
        swapped: Tensor = z.op(*reversed(z.args))
        return swapped
    number = z.args[0] if z.op is multiply else None
    return -number * z.args[1] if isinstance(number, (int, float)) else -z


def _as_softplus(t: Tensor, args: list[Any]) -> Tensor | None:
    """softplus(z) for log(1 + exp(z))."""
    if t.op is log1p:
        z = _made_by(exp, args[0])
    elif t.op is log:
        z = _one_more(args[0])
    elif t.op is logaddexp:
        pairs = (args, args[::-1])
        beside = (x for x, zero in pairs if _is_number(zero, 0) and np.shape(x) == t.shape)
        z = next(beside, None)
    else:
        return None
    return None if z is None else softplus(z)


def _as_one_branch(t: Tensor, args: list[Any]) -> Tensor | None:
    """The branch of a `where` whose branches are the same by now.

    So are those of a sigmoid that cannot overflow.
    """
    if t.op is not where:
        return None
    _, a, b = args
    is_same = (
        type(a) is type(b) is Tensor
        and a.op is not None
        and a.op is b.op
        and a.static == b.static
        and a.shape == t.shape
    )
    return a if is_same and all(x is y for x, y in zip(a.args, b.args, strict=True)) else None


_REWRITES = (
    _as_softmax, _as_logsumexp, _from_shifted, _as_sigmoid, _as_softplus, _as_one_branch,
)  # fmt: skip
