"""The chain rule of one computation, `explain(loss, wrt=w)`.

It shows formulas, numbers, and why shapes are as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..engine.tensor import Tensor
from ..graph import differentiable

if TYPE_CHECKING:
    from .explanation import Explanation

__all__ = ["explain"]


def explain(
    loss: Tensor, wrt: Tensor | Sequence[Tensor], names: Mapping[Any, Any] | None = None
) -> Explanation:
    """The chain rule for a recorded scalar and a tensor that it was computed from.

    It has the formulas and numbers of this computation. Its links are the user's own equations:
    those of tensors that have a name, are in `names`, or are the caller's variables. Between
    numbers each link is a factor, and the last line is their product. Between arrays each step
    shows its shapes, and says why a matrix is transposed or an axis summed over. What comes to a
    tensor from several uses is added up.

    >>> import tinygrad_edu as tg
    >>> w, x = tg.Tensor(0.5, requires_grad=True), tg.Tensor(2.0)
    >>> z = w * x
    >>> o = z.sigmoid()
    >>> print(explain(o, wrt=w))
    ∂o/∂w = ∂o/∂z · ∂z/∂w
    <BLANKLINE>
      ∂o/∂z = o · (1 − o) = 0.19661   from o = σ(z) = 0.73106
      ∂z/∂w = x           = 2         from z = w · x = 1
    <BLANKLINE>
    ∂o/∂w = 0.19661 · 2 = 0.39322
    """
    from .chain import Chain
    from .explanation import Explanation

    takes = (
        "explain takes a recorded scalar, the loss, and what to differentiate by: "
        "explain(loss, wrt=w)"
    )
    wanted = differentiable(
        loss, wrt, takes, "wrt is a tensor that requires a gradient and was used", itself=False
    )
    return Explanation([Chain(loss, t, names) for t in wanted])
