"""The chain rule of one computation: `explain(loss, wrt=w)` shows its formulas, its numbers, and why shapes are as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..core import Tensor
from ..graph import ancestors

if TYPE_CHECKING:
    from .explanation import Explanation

__all__ = ["explain"]


def explain(loss: Tensor, wrt: Tensor | Sequence[Tensor], names: Mapping[Any, Any] | None = None) -> Explanation:
    """The chain rule for a recorded scalar and a tensor that it was computed from, with the formulas and numbers of this computation.

    Its links are the user's own equations: those of tensors that have a name, are in `names`, or are the caller's variables. Between
    numbers each link is a factor, and the last line is their product. Between arrays each step shows its shapes, and says why a
    matrix is transposed or an axis summed over. What comes to a tensor from several uses is added up.

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

    wanted = [wrt] if type(wrt) is Tensor else list(wrt)
    if type(loss) is not Tensor or loss.size != 1 or not loss.requires_grad:
        raise TypeError("explain takes a recorded scalar, the loss, and what to differentiate by: explain(loss, wrt=w)")
    known = set(ancestors(loss))
    for t in wanted:
        if type(t) is not Tensor or not t.requires_grad or t not in known or t is loss:
            what = t.label() if type(t) is Tensor else repr(t)
            raise ValueError(f"the loss does not depend on {what} by recorded ops: wrt is a tensor that requires a gradient and was used")
    return Explanation([Chain(loss, t, names) for t in wanted])
