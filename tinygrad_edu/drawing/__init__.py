"""Pictures of the recorded graph: `draw(loss)` shows itself in a notebook.

It saves as SVG, PNG, PDF, DOT, HTML, text, Mermaid or TikZ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ..engine.tensor import Tensor
from ..graph import names_of
from .picture import Picture

__all__ = ["Picture", "draw"]


def draw(
    *outputs: Tensor,
    names: Mapping[Any, Any] | None = None,
    detail: Literal["ops", "equations", "chain"] = "ops",
    wrt: Tensor | Sequence[Tensor] = (),
    direction: Literal["LR", "TB", "RL", "BT"] = "LR",
    theme: Literal["light", "dark", "print"] = "light",
    expand: bool = False,
) -> Picture:
    """A picture of everything that the outputs were made from, with shapes, values and gradients.

    `detail` is "ops", one box per op with its local derivative; "equations", one box per named
    tensor with its expression and the formula of its gradient; or "chain", of those only what lies
    between the tensors `wrt` and the outputs. Long repetitions, such as layers made in a loop, are
    folded into one box, unless `expand`.

    A name is a tensor's own (`name=`), else the one in `names` (name to tensor, or tensor to name),
    else the caller's variable.

    >>> import tinygrad_edu as tg
    >>> x = tg.Tensor(3.0, requires_grad=True)
    >>> picture = draw(x * x)
    >>> picture.source.count("->")
    2
    """
    from .levels import diagram_of
    from .themes import THEMES

    chosen = [wrt] if type(wrt) is Tensor else list(wrt)
    _one_of("detail", detail, ("ops", "equations", "chain"))
    _one_of("direction", direction, ("LR", "TB", "RL", "BT"))
    _one_of("theme", theme, tuple(THEMES))
    if not outputs or any(type(t) is not Tensor for t in (*outputs, *chosen)):
        given = ", ".join(type(t).__name__ for t in (*outputs, *chosen)) or "nothing"
        raise TypeError(
            f"draw takes the Tensors whose making it shows, not {given}: write tg.draw(loss)"
        )
    if detail == "chain" and not chosen:
        raise ValueError(
            'a chain leads from tensors to the output: write tg.draw(loss, detail="chain", wrt=w)'
        )
    diagram = diagram_of(outputs, names_of((*outputs, *chosen), names), detail, chosen, expand)
    return Picture(diagram, THEMES[theme], direction)


def _one_of(what: str, given: str, allowed: Sequence[str]) -> None:
    if given not in allowed:
        raise ValueError(f"{what} is one of {', '.join(map(repr, allowed))}, not {given!r}")


def _in_a_notebook(t: Tensor) -> str:
    from .notebook import html

    return html(t)


# the engine knows of no reader, hence it is told here
Tensor._repr_html_ = _in_a_notebook  # type: ignore[attr-defined]
