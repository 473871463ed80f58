"""What rounding may change: measured, by rounding every recorded result once more at random."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..engine.op import Op
from ..engine.tensor import Tensor
from ..graph import ancestors
from .claims import pulled
from .kinks import piece_among
from .outputs import flat


def rounding_of(
    held: Sequence[Tensor],
    outputs: Sequence[Tensor],
    seeds: Sequence[Any],
    gradients: Sequence[Any],
    eps: float,
    rng: np.random.Generator,
) -> list[Any]:
    """How much rounding of all results to `eps` may change the gradients at the leaves.

    Those are given for the upstream gradients at the outputs.
    """
    recorded = rounds_of(ancestors(*outputs))
    largest = [np.zeros(g.shape) for g in gradients]
    for inputs_too in (False, False, False, True, True):
        # an op may round on its way as if its input had been
        for _ in _rounded(recorded, eps, inputs_too, rng):
            changes = [
                finite(np.abs(a - b))
                for a, b in zip(pulled(held, outputs, seeds), gradients, strict=True)
            ]
            largest = [np.maximum(a, b) for a, b in zip(largest, changes, strict=True)]
    return largest


def changes_of(outputs: Sequence[Tensor], eps: float, rng: np.random.Generator) -> Iterator[Any]:
    """How much rounding of all results to `eps` changes each number of the outputs, a few times."""
    exact, recorded = flat([out._array for out in outputs]), rounds_of(ancestors(*outputs))
    for _ in range(3):
        for _ in _rounded(recorded, eps, False, rng):
            yield np.abs(flat([out._array for out in outputs]) - exact)


def finite(sizes: Any) -> Any:
    """The sizes, with 0 where they are no finite numbers."""
    return np.where(np.isfinite(sizes), sizes, 0.0)


def _rounded(
    recorded: Mapping[Tensor, bool], eps: float, inputs_too: bool, rng: np.random.Generator
) -> Iterator[None]:
    """Once compute the results on the way again, each that rounds rounded at random to `eps`.

    Afterwards they are as they were.
    """
    nodes = [
        t
        for t in recorded
        if t.dtype.kind == "f" and (t.op is not None or (inputs_too and t.requires_grad))
    ]
    kinked = [t for t in recorded if t.op is not None and t.op.kinks is not None]
    kept, here = [t._array for t in nodes], piece_among(kinked)
    try:
        for t in nodes:
            y = t._array
            if t.op is not None:
                args = [a._array if type(a) is Tensor else a for a in t.args]
                if t.op.shapes and t.op.kinks is None:
                    # it adds up, and rounds on its way as if its operands had been
                    args = [
                        _shaken(a, eps, rng) if getattr(a, "dtype", None) == t.dtype else a
                        for a in args
                    ]
                y = t.op.run(*args, **t.static)
            t._array = np.asarray(_shaken(y, eps, rng) if recorded[t] else y, t.dtype)
        if not kinked or piece_among(kinked).is_same(here):
            yield  # the gradient in another piece says nothing of rounding
    finally:
        for t, data in zip(nodes, kept, strict=True):
            t._array = data


def _shaken(y: Any, eps: float, rng: np.random.Generator) -> Any:
    """Every entry changed by its last digits, at random: by one to two units of either sign."""
    part = 2.0 * rng.random(np.shape(y)) - 1.0
    return y * (1 + eps * (part + np.copysign(1.0, part)))


# -- which results round ---------------------------------------------------------------------------


def rounds_of(recorded: Sequence[Tensor]) -> dict[Tensor, bool]:
    """Of each tensor whether it is rounded when it is made.

    The others select or move numbers, and round none: a rule that asks which, as x == y, must find
    it.
    """

    def rounds(t: Tensor) -> bool:
        if t.op is None or t.op.kinks is not None:
            return t.op is None
        args = [a._array if type(a) is Tensor else a for a in t.args]
        return not only_moves(t.op, args, t.static)

    return {t: rounds(t) for t in recorded}


def only_moves(op: Op, args: Sequence[Any], static: Mapping[str, Any]) -> bool:
    """Whether all that an op gives are numbers that it took: it rounds none of them.

    They may be in other places or have another sign. So it must be for these operands and for
    random ones: 1e6 + 1e-20 gives what it took as well.
    """
    if op.shapes:
        return False  # it adds up
    try:
        return _gives_what_it_takes(op, args, static) and _gives_what_it_takes(
            op, _drawn_like(args), static
        )
    except Exception:  # the user's op, at values that it was not made for
        return False


def _gives_what_it_takes(op: Op, args: Sequence[Any], static: Mapping[str, Any]) -> bool:
    """Whether all absolute values that it gives are 0, or among those of the floats it took."""
    given = np.abs(op.run(*args, **static)).reshape(-1)
    floats = [np.asarray(a) for a in args if getattr(a, "dtype", np.dtype(float)).kind == "f"]
    taken = np.abs(flat([np.zeros(1), *floats]))
    # the first alone tells of most
    return bool((given[:1, None] == taken).any(axis=1).all() and np.isin(given, taken).all())


def _drawn_like(args: Sequence[Any]) -> list[Any]:
    """The operands, with random numbers in place of floats."""
    rng = np.random.default_rng(0)
    return [
        rng.normal(size=np.shape(a)).astype(a.dtype)
        if hasattr(a, "dtype") and a.dtype.kind == "f"
        else a
        for a in args
    ]
