"""The closed formulas of gradients as text, as LaTeX and as a NumPy function: `derive`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..engine.tensor import Tensor
from ..graph import differentiable, names_of

if TYPE_CHECKING:
    from .derivation import Derivation

__all__ = ["derive"]


def derive(
    loss: Tensor,
    wrt: Mapping[Any, Tensor] | Sequence[Tensor] | Tensor,
    names: Mapping[Any, Any] | None = None,
) -> Derivation:
    """The closed formulas of the gradients of a recorded loss with respect to the tensors of `wrt`.

    They are in the user's names: a tensor's own, those in `names`, or the caller's variables. Every
    simplification (SymPy, extra `derive`) is compared with the recorded values before it is kept.

    >>> import numpy as np, tinygrad_edu as tg
    >>> X, t = np.array([[0.0, 1.0], [1.0, 1.0]]), np.array([[0.0], [1.0]])
    >>> W, b = tg.Tensor([[0.1], [0.2]], requires_grad=True), tg.Tensor([0.3], requires_grad=True)
    >>> z = X @ W + b
    >>> o = z.sigmoid()
    >>> E = 0.5 * ((o - t) ** 2).sum()
    >>> print(derive(E, wrt=[W, b]))
    δ = ∂E/∂z = (o − t) ⊙ o ⊙ (1 − o)
    ∂E/∂W     = Xᵀ δ
    ∂E/∂b     = Σ_rows δ
    """
    from ..notation.symbols import sympy
    from .walk import Walk

    sympy()
    takes = (
        "derive takes a recorded scalar, the loss, "
        "and the tensors to differentiate by: derive(loss, wrt=[W, b])"
    )
    wanted = differentiable(
        loss, wrt, takes, "wrt lists tensors that require a gradient and were used"
    )
    return Walk(loss, wanted, names_of([loss], names)).derivation()
