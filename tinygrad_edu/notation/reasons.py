"""Why a gradient has the form it has, in sentences.

There is one for each transpose, each sum and each share, with the shapes, and for each rule.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from ..engine.broadcasting import stretched
from ..engine.tensor import Tensor
from ..graph import ancestors
from .document import Math, Sentence, named
from .formula import Formula

Called: TypeAlias = Callable[[Any], "Math | None"]  # what a sentence calls an operand


def shape(of: Any) -> str:
    """A shape, as NumPy writes it."""
    return str(tuple(map(int, np.shape(of))))


def of_equation(t: Tensor, a: Tensor, formula: Formula) -> list[Sentence]:
    """What is to be said of how the operand `a` of the equation of `t` gets its gradient.

    It goes op by op, where shapes decide.
    """
    operands = {x for x in formula.operands(t) if type(x) is Tensor}

    def called(x: Any) -> Math | None:
        return named(formula.label(x)) if formula.label(x) else None

    reaches = {a}
    found: list[Sentence] = []
    for u in ancestors(t, until=operands):
        if u.op is None or u in operands or u is a:
            continue
        is_elementwise = not u.op.cases and not u.op.shapes
        for i, x in enumerate(u.args):
            if type(x) is Tensor and x in reaches and x.requires_grad:
                reaches.add(u)
                stretch = _stretch(u.shape, x, called) if is_elementwise else None
                found += [
                    s
                    for s in (_product(u, i, called), _share(u, x is a), stretch)
                    if s and s not in found
                ]
    return found


def of_use(u: Tensor, i: int, given: tuple[int, ...], called: Called) -> list[Sentence]:
    """What is to be said of operand `i` of the op that made `u`.

    What the rule does, and why what it gave, of shape `given`, is summed.
    """
    assert u.op is not None
    rule = (*u.op.reasons[i:], *u.op.reasons[-1:], "")[0]
    if u.op.extreme:
        rule = _extreme(u, u.op.extreme)
    sentences = (
        (rule,) if rule else None,
        _product(u, i, called),
        _share(u, True),
        _stretch(given, u.args[i], called),
    )
    return [s for s in sentences if s]


def _product(u: Tensor, i: int, called: Called) -> Sentence | None:
    """The transpose in the gradient of a matrix product."""
    if (
        u.op is None
        or u.op.kind != "contraction"
        or np.ndim(u.args[0]) != 2
        or np.ndim(u.args[1]) != 2
    ):
        return None
    mine, other = u.args[i], u.args[1 - i]
    turned = np.shape(other)[::-1]
    shapes = f"{shape(u)} @ {turned}" if i == 0 else f"{turned} @ {shape(u)}"
    name = called(other)
    transpose = name.then(Math("ᵀ", r"^{\top}")) if name else "the transpose"
    rows, columns = np.shape(u)
    if i == 0:
        why = (
            f"each entry went into all {columns} outputs of its row"
            if columns > 1
            else "each entry went into the one output of its row"
        )
    else:
        why = f"each entry met all {rows} rows" if rows > 1 else "each entry met the one row"
    why += ", and collects from them" if (columns, rows)[i] > 1 else ""
    return (
        transpose,
        f" makes {shapes} = {shape(mine)}, the shape of ",
        called(mine) or "its operand",
        f": {why}",
    )


def _extreme(u: Tensor, which: str) -> str:
    """Who gets the gradient of an extreme: one entry for each result, or several that share it."""
    x = u.args[0].numpy()
    result = (
        u.numpy()
        if u.static["keepdims"] or u.static["axis"] is None
        else np.expand_dims(u.numpy(), u.static["axis"])
    )
    place = "the" if u.size == 1 else "in each place the"
    if (x == result).sum() > u.size:
        return (
            f"{place} {which} entries decided the result: "
            "equal ones share the gradient evenly, all others get 0"
        )
    return f"only {place} {which} entry decided the result: it gets the gradient, all others get 0"


def _share(u: Tensor, is_direct: bool) -> Sentence | None:
    """What one entry gets from a sum or a mean.

    More than its share is said only of the very operand that is summed.
    """
    if (
        u.op is None
        or not (u.op.reduces is np.add or u.op.average == "entries")
        or u.args[0].size <= u.size
    ):
        return None
    count = u.args[0].size // max(u.size, 1)
    if u.op.average:
        return (f"each of the {count} entries counts 1/{count} in the mean",)
    if not is_direct:
        return (f"each of the {count} terms counts once in the sum",)
    so = "so each gets the same gradient" if u.size == 1 else "so each gets the gradient of its sum"
    return (
        f"each of the {count} entries counts once in {'the' if u.size == 1 else 'its'} sum, {so}",
    )


def _stretch(given: tuple[int, ...], x: Tensor, called: Called) -> Sentence | None:
    """The sum over the axes that broadcasting stretched, of a gradient of shape `given`."""
    axes = stretched(given, x.shape) if x.shape != given else None
    if not axes:
        return None
    name = called(x) or "an operand"
    count = int(np.prod([given[k] for k in axes]))
    if not x.shape:
        return name, f" is one number, used for all {count} entries: sum over all of them"
    rows = len(given) == 2 and len(axes) == 1
    over = f"{count} {('rows', 'columns')[axes[0]]}" if rows else f"{count} places"
    axis = f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes))}"
    return name, f" of shape {shape(x)} was stretched over {over}: sum over {axis}"
