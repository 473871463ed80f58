"""Where a point lies among the kinks of a function: in which of its smooth pieces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.op import Op
from ..engine.tensor import Tensor
from ..graph import value_of


@dataclass(frozen=True)
class Piece:
    """What is zero at the kinks: positive on one side of each, and negative on the other."""

    kinks: Any

    @property
    def on(self) -> Any:
        """On which kinks the point lies, but for rounding."""
        largest = np.abs(self.kinks).max(initial=0.0, where=np.isfinite(self.kinks))
        return np.abs(self.kinks) <= 1e-14 * (1 + largest)

    def is_same(self, other: Piece) -> bool:
        """Whether the other point lies on the same sides of all kinks."""
        return self.kinks.shape == other.kinks.shape and bool(
            (np.sign(self.kinks) == np.sign(other.kinks)).all()
        )

    def has(self, other: Piece) -> bool:
        """Whether the other point lies in the same piece, and this one on no kink that moves."""
        return self.is_same(other) and bool(((self.kinks == other.kinks) | ~self.on).all())

    def touches(self, ends: list[Piece]) -> bool:
        """Whether a kink near this point is touched and not crossed on the way from end to end.

        The standard deviation is zero at its kink and positive all around: it is then far larger
        at both ends.
        """
        far = [np.abs(end.kinks) > 4 * np.abs(self.kinks) for end in ends if self.is_same(end)]
        return len(far) == 2 and bool((far[0] & far[1] & (self.kinks != 0)).any())


EVERYWHERE = Piece(np.zeros(0))  # the piece of a function without kinks


def piece_at(kinks: Sequence[Any]) -> Piece:
    """The smooth piece in which ops have these arrays as what is zero at their kinks."""
    return Piece(np.concatenate([k.reshape(-1) for k in kinks])) if kinks else EVERYWHERE


def piece_among(recorded: Iterable[Tensor]) -> Piece:
    """The smooth piece that the values of these tensors lie in."""
    return piece_at([k for t in recorded for k in kinks_at(t)])


def kinks_at(t: Tensor) -> list[Any]:
    """What is zero at the kinks of the op that made a tensor."""
    return [] if t.op is None else kinks_of(t.op, t.args, t.static)


def kinks_of(op: Op, operands: Sequence[Any], static: Mapping[str, Any]) -> list[Any]:
    """What is zero at the kinks of an op with these operands: arrays, none if it has no kinks."""
    if op.kinks is None:
        return []
    with np.errstate(all="ignore"):  # what has no number there is far from every kink
        found = op.kinks(*[value_of(a) for a in operands], **static)
    return [np.asarray(k, np.float64) for k in (found if isinstance(found, tuple) else (found,))]


def is_near_kink(t: Tensor, eps: float) -> bool:
    """Whether rounding to `eps` may carry the op that made `t` across a kink."""
    return any(
        bool((np.abs(k) <= 100 * eps * (1 + np.abs(k).max(initial=0.0))).any()) for k in kinks_at(t)
    )
