"""The closed formulas of gradients: `derive(loss, wrt=[W, b])` gives them as text, as LaTeX, and as a NumPy function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..core import Tensor
from ..graph import differentiable, names_of

if TYPE_CHECKING:
    from .derivation import Derivation

__all__ = ["derive"]


def derive(loss: Tensor, wrt: Mapping[Any, Tensor] | Sequence[Tensor] | Tensor, names: Mapping[Any, Any] | None = None) -> Derivation:
    """The closed formula of the gradient of a recorded loss with respect to each tensor of `wrt`, in the user's names.

    Names are a tensor's own, those in `names`, or the caller's variables. Every simplification (SymPy, extra `derive`) is compared
    with the recorded values before it is kept.

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
    from .algebra import sympy
    from .walk import Walk

    sympy()
    takes = "derive takes a recorded scalar, the loss, and the tensors to differentiate by: derive(loss, wrt=[W, b])"
    wanted = differentiable(loss, wrt, takes, "wrt lists tensors that require a gradient and were used")
    return Walk(loss, wanted, names_of([loss], names)).derivation()
