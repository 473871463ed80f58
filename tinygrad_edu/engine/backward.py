"""The backward walk, as a textbook has it: `adjoints`; and what its steps are made of.

A gradient goes from a tensor to each operand of the op that made it by that operand's rule,
`contributions`; what comes to a tensor from all its uses is added up. `fast_backward.py` has the
walk that runs, which gives the same to the bit.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from heapq import heappop, heappush
from typing import Any, NoReturn

import numpy as np

from .broadcasting import added, double, summed, total
from .lending import look_at_all, read_only
from .op import Array, Op, Recorded, Rule
from .recording import in_textbook
from .validation import numeric, short

ndarray: Any = np.ndarray
_sum: Any = np.add.reduce


def adjoints(
    y: Any, seed: Any = None, create_graph: bool = False, until: Container[Any] | None = None
) -> Iterator[tuple[Any, Any]]:
    """Yield (tensor, gradient of `y` with respect to it): recorded newest first, then leaves.

    Gradients are arrays, or with `create_graph` Tensors that can be differentiated again. What lies
    behind the tensors `until` is left out.
    """
    gradients = {y: first_gradient(y, seed, create_graph)}
    look_at_all()
    waiting = [(-y._serial, y)]  # of what was recorded; a tensor is newer than all it was made from
    leaves = []
    while waiting:
        t = heappop(waiting)[1]
        g = rounded(gradients.pop(t), t)
        yield t, g  # complete: all that was made from t is newer, hence done
        if t._op is None or (until is not None and t in until):
            continue
        for i, gx in contributions(t, g, create_graph):
            a = t._args[i]
            if a in gradients:
                gradients[a] = added(gradients[a], gx)
                continue
            gradients[a] = gx
            if a._op is None:
                leaves.append(a)
            else:
                heappush(waiting, (-a._serial, a))
    for t in leaves:
        yield t, rounded(gradients[t], t)


def contributions(t: Recorded, g: Any, create_graph: bool = False) -> Iterator[tuple[int, Any]]:
    """What the gradient `g` at `t` gives to the operands of its op: (their number, gradient).

    Each has the shape and dtype of its operand, and is an array of its own; with `create_graph` it
    is a Tensor.
    """
    for i, gx in pulled_back(t, g, create_graph):
        gx = unbroadcast(gx, t._args[i], t)
        # no two tensors share a gradient
        yield i, gx.copy() if gx is g and not create_graph else gx


def pulled_back(t: Recorded, g: Any, create_graph: bool = False) -> list[tuple[int, Any]]:
    """What the rules of the op that made `t` give for the gradient `g`: (operand, gradient).

    Operands are given by number, and a constant's rule is never called. Where an operand was
    broadcast, the gradient may have the shape of `t`.
    """
    op, args = t._op, t._args
    assert op is not None
    for a in args:
        if isinstance(a, Recorded) and a._serial > t._serial:
            refuse_if_read(a, t)
    y = t if create_graph else t._array
    values = args if create_graph else [a._array if isinstance(a, Recorded) else a for a in args]
    shown = create_graph and in_textbook.get()
    pulled = []
    for i, a in enumerate(args):
        if not isinstance(a, Recorded) or not a._requires_grad:
            continue
        if shown is True or (shown and op.is_brief):
            rule = op.textbook(i, t, g) if shown is True else op.textbook(i)
        else:
            rule = op.rule(i)
        if rule is not None:
            pulled.append((i, _call(op, rule, g, y, values, t._static)))
    return pulled


def _call(op: Op, rule: Rule, g: Any, y: Any, values: Any, static: Any) -> Any:
    """What a rule gives; a user's may write to its `g`, and give back whatever it likes."""
    if not op.has_own_rules:
        return rule(g, y, *values, **static)
    if isinstance(g, Recorded):
        if g._op is None and not g._requires_grad:  # a constant
            g = type(g)(g._array)  # type: ignore[call-arg]
        return rule(g, y, *values, **static)
    values = [read_only(v) if type(v) is np.ndarray else v for v in values]
    try:
        gx = rule(np.array(g), read_only(y), *values, **static)
    except Exception as error:
        shapes = " and ".join(str(np.shape(v)) for v in values)
        error.add_note(
            f"this came from a rule of {op.name}, for a gradient of shape {np.shape(g)} and "
            f"operands of shapes {shapes}"
        )
        raise
    return np.array(gx) if isinstance(gx, (Recorded, np.ndarray)) else gx


def unbroadcast(gx: Any, a: Recorded, t: Recorded) -> Any:
    """The gradient that a rule gave for operand `a` of `t`, with the operand's shape and dtype.

    It is summed over the axes that broadcasting stretched. A TypeError or ValueError if the rule
    gave no array, or one of another shape.
    """
    x: Array = a._array
    if type(gx) is not ndarray and not isinstance(gx, (Recorded, np.ndarray, np.generic)):
        raise TypeError(
            f"{_rule_of(a, t)} gave {short(gx)}, which is no array: "
            "a rule is an expression of g, such as g * y; "
            "where nothing flows back write g * 0.0, or None in place of the rule"
        )
    if gx.shape != x.shape:
        axis = summed(gx.shape, x.shape, t._array.shape)
        if axis is None:
            raise ValueError(
                f"{_rule_of(a, t)} gave a gradient of shape {gx.shape}, "
                f"the argument has shape {x.shape} and the output {t._array.shape}: "
                "a rule gives the shape of its argument, "
                "or of the op's output where the argument was broadcast"
            )
        if type(gx) is not ndarray:
            gx = gx.sum(axis=axis)
        else:
            gx = _sum(gx, axis) if gx.dtype is double else total(gx, axis)
        if gx.shape != x.shape:
            gx = gx.reshape(x.shape)
    return gx if gx.dtype == x.dtype else gx.astype(x.dtype)


def _rule_of(a: Recorded, t: Recorded) -> str:
    """How messages call the rule that gives the gradient at `a` of the op that made `t`."""
    assert t._op is not None
    return f"the rule of {t._op.name} for {a.label()}"


def first_gradient(y: Any, seed: Any, create_graph: bool) -> Any:
    """The gradient at `y` itself, checked: an array (or Tensor) of its own, like y."""
    if not y._requires_grad:
        refuse_constant(y)
    if seed is None:
        if y._array.size != 1:
            raise ValueError(
                f"backward() starts at a scalar, and {y.label()} has shape {y.shape}: write "
                "t.sum().backward(), t.mean().backward(), "
                "or give a seed of that shape, t.backward(seed)"
            )
        g = np.array(1, y._array.dtype, ndmin=y._array.ndim)
        return type(y)(g, copy=False) if create_graph else g
    value = seed._array if isinstance(seed, Recorded) else numeric(seed)
    if value.shape != y._array.shape:
        raise ValueError(
            f"the seed has shape {value.shape}, {y.label()} has shape {y.shape}: they must be equal"
        )
    if create_graph:
        if type(seed) is type(y):
            return seed if seed.dtype == y.dtype else seed.astype(y.dtype)
        return type(y)(value, dtype=y.dtype)
    return np.array(value, y._array.dtype)


def rounded(g: Any, t: Recorded) -> Any:
    """A gradient in the dtype of its tensor: sums of float16 are wider."""
    return g if g.dtype is t._array.dtype else g.astype(t._array.dtype)


def refuse_constant(y: Recorded) -> NoReturn:
    """Raise, since there is nothing to differentiate `y` by."""
    raise RuntimeError(
        f"{y.label()} depends on no tensor that requires a gradient: make the parameters with "
        "requires_grad=True, and compute outside of no_grad(), "
        "where a parameter stays one in `W -= ...`, not in `W = W - ...`"
    )


def refuse_if_read(a: Recorded, t: Recorded) -> None:
    """Raise if a rule on the way back from `t` reads the data of `a`, which has changed since."""
    assert t._op is not None
    read = t._op.reads([isinstance(b, Recorded) and b._requires_grad for b in t._args])
    if any([b is a and i in read for i, b in enumerate(t._args)]):
        refuse_changed(a, t)


def refuse_changed(a: Recorded, t: Recorded) -> NoReturn:
    """Raise, since the data of `a` changed after `t` was computed from it."""
    raise RuntimeError(
        f"{a.label()} was changed in place after {t.label()} was computed from it, "
        "so this backward would be wrong: "
        "call backward() before the update, or compute the result again after it"
    )
