"""Why a gradient looks as it does: a sentence or two for each operand of an op."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import Tensor, stretched
from .notation import plain

_REASONS = {  # op, and place of the operand if it matters
    ("add", None): "A sum hands its gradient on to each of its terms, unchanged.",
    ("subtract", 0): "The first term of a difference gets the gradient unchanged.",
    ("subtract", 1): "What is subtracted gets the gradient with the opposite sign.",
    ("multiply", None): "In a product, the derivative by one factor is the other factor.",
    ("sigmoid", None): "The slope of σ is known from its own output: σ′ = σ(1 − σ), at most ¼.",
    ("tanh", None): "The slope of tanh is known from its own output: 1 − tanh².",
    ("exp", None): "exp is its own derivative.",
    ("relu", None): "Where the input was positive the gradient passes; elsewhere it is stopped.",
    ("getitem", None): "Only the entries that were selected get a gradient; all others get 0.",
    ("max", None): "Only the largest entry decided the result: it gets the gradient, all others get 0.",
    ("min", None): "Only the smallest entry decided the result: it gets the gradient, all others get 0.",
    ("where", None): "The gradient goes to the side that was selected; the other side gets 0.",
}
_ARRANGED = frozenset("reshape transpose swapaxes squeeze expand_dims flip moveaxis copy".split())


def reasons(t: Tensor, i: int, label: str, raw: Any) -> list[str]:
    """The sentences for operand `i` of the op that made `t`; `raw` is what its rule gave, before the sum over what was stretched."""
    assert t.op is not None
    name, x = t.op.name, t.args[i]
    found = []
    if name == "matmul":
        found = _product(t, i, label)
    elif name in ("sum", "mean"):
        found = [_spread(t, label)]
    elif name in _ARRANGED:
        found = ["Only the arrangement changed: the gradient is put back into the shape of the operand."]
    elif (name, i) in _REASONS or (name, None) in _REASONS:
        found = [_REASONS.get((name, i)) or _REASONS[name, None]]
    if np.shape(raw) != x.shape:
        found.append(_summed(np.shape(raw), x.shape, label))
    return found


def size(shape: tuple[int, ...]) -> str:
    """A shape, as NumPy writes it."""
    return str(tuple(map(int, shape)))


def _product(t: Tensor, i: int, label: str) -> list[str]:
    a, b = (np.shape(x) for x in t.args)
    if len(a) != 2 or len(b) != 2:
        return []
    if i == 0:
        shapes = f"{size(t.shape)} @ {size(b)}ᵀ = {size(a)}"
        meeting = "Each entry of a row reaches every column of the output: its gradient collects them all."
    else:
        shapes = f"{size(a)}ᵀ @ {size(t.shape)} = {size(b)}"
        meeting = f"Each entry meets all {a[0]} rows: its gradient collects them all." if a[0] > 1 else ""
    return [f"The transpose makes {shapes}, the shape of {plain(label)}.", *filter(None, [meeting])]


def _spread(t: Tensor, label: str) -> str:
    x = t.args[0]
    count = x.size // max(t.size, 1)
    if t.op is not None and t.op.name == "mean":
        return f"Each of the {count} entries counts 1/{count} in the mean, and gets that share of the gradient."
    return f"Each of the {count} entries counts once in the sum, and gets its gradient unchanged."


def _summed(given: tuple[int, ...], shape: tuple[int, ...], label: str) -> str:
    """Why a gradient is summed: its operand was stretched by broadcasting."""
    axes = stretched(given, shape) or ()
    count = int(np.prod([given[k] for k in axes]))
    if not shape:
        return f"{plain(label)} is one number, used for all {count} entries, so its gradient is the sum of all {count}."
    words = ("rows", "columns") if len(given) == 2 and len(axes) == 1 else ("places", "places")
    over = f"{count} {words[axes[0]]}"
    axis = f"axis {axes[0]}" if len(axes) == 1 else f"axes {' and '.join(map(str, axes))}"
    return f"{plain(label)} of shape {size(shape)} was stretched over {over}, so its gradient is the sum over {axis}."
