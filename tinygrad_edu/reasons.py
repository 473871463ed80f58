"""Why a gradient has the form it has: a sentence for each transpose, each sum and each share, with the shapes."""

from __future__ import annotations

from typing import Any

import numpy as np

from .core import Tensor, stretched
from .formula import Formula
from .graph import ancestors
from .telling import Math, Sentence, named


def shape(of: Any) -> str:
    """A shape, as NumPy writes it."""
    return str(tuple(map(int, np.shape(of))))


def reasons(t: Tensor, a: Tensor, formula: Formula) -> list[Sentence]:
    """What the equation of `t` has to say about how its operand `a` gets its gradient."""
    operands = {x for x in formula.operands(t) if type(x) is Tensor}
    reaches = {a}
    found: list[Sentence] = []
    for u in ancestors(t, until=operands):
        if u.op is None or u in operands or u is a:
            continue
        for i, x in enumerate(u.args):
            if type(x) is Tensor and x in reaches and x.requires_grad:
                reaches.add(u)
                found += [s for s in (_product(u, i, formula), _share(u), _summed(u, x, formula)) if s and s not in found]
    return found


def _called(x: Any, formula: Formula, otherwise: str) -> str | Math:
    return named(formula.label(x)) if formula.label(x) else otherwise


def _product(u: Tensor, i: int, formula: Formula) -> Sentence | None:
    """The transpose in the gradient of a matrix product."""
    if u.op is None or u.op.name != "matmul" or np.ndim(u.args[0]) != 2 or np.ndim(u.args[1]) != 2:
        return None
    mine, other = u.args[i], u.args[1 - i]
    turned = np.shape(other)[::-1]
    shapes = f"{shape(u)} @ {turned}" if i == 0 else f"{turned} @ {shape(u)}"
    target = _called(mine, formula, "its operand")
    transpose: str | Math = named(formula.label(other)).then(Math("ᵀ", r"^{\top}")) if formula.label(other) else "the transpose"
    rows, columns = np.shape(u)
    if i == 0:
        why = f"each entry went into all {columns} outputs of its row" if columns > 1 else "each entry went into the one output of its row"
    else:
        why = f"each entry met all {rows} rows" if rows > 1 else "each entry met the one row"
    why += ", and collects from them" if (columns, rows)[i] > 1 else ""
    return transpose, f" makes {shapes} = {shape(mine)}, the shape of ", target, f": {why}"


def _share(u: Tensor) -> Sentence | None:
    """What one entry gets from a sum or a mean."""
    if u.op is None or u.op.name not in ("sum", "mean") or u.args[0].size <= u.size:
        return None
    count = u.args[0].size // max(u.size, 1)
    if u.op.name == "mean":
        return (f"each of the {count} entries counts 1/{count} in the mean",)
    return (f"each of the {count} entries counts once in the sum, so each gets the same gradient",)


def _summed(u: Tensor, x: Tensor, formula: Formula) -> Sentence | None:
    """The sum over the axes along which broadcasting stretched an operand."""
    if u.op is None or u.op.cases or (u.op.shapes and u.op.name != "broadcast_to") or x.shape == u.shape:
        return None
    axes = stretched(u.shape, x.shape)
    if not axes:
        return None
    count = int(np.prod([u.shape[k] for k in axes]))
    rows = u.ndim == 2 and len(axes) == 1
    over = f"{count} {('rows', 'columns')[axes[0]]}" if rows else f"{count} places"
    axis = f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes))}"
    return _called(x, formula, x.op.name if x.op else "a leaf"), f" of shape {shape(x)} was stretched over {over}: sum over {axis}"
