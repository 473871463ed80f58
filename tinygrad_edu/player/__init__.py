"""The page that plays backpropagation.

`play(loss)` shows one pass step by step, `play(step, epochs=n)` a whole training.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..engine.tensor import Tensor

if TYPE_CHECKING:
    from os import PathLike

    from .page import Page

__all__ = ["play"]


def play(
    of: Tensor | Callable[[], Tensor],
    path: str | PathLike[str] | None = None,
    names: Mapping[Any, Any] | None = None,
    *,
    epochs: int | None = None,
    predict: Callable[[Any], Any] | None = None,
    data: tuple[Any, Any] | None = None,
    parameters: Any = None,
    frames: int = 60,
) -> Page:
    """A page that plays the forward and the backward pass of a scalar, op by op, with all numbers.

    It is one HTML file and needs no network. `of` is a loss, whose backward pass the engine runs
    once more, leaving every `.grad` as it is; call it before the update. Or it is a function that
    runs one training step and returns its loss: it is called `epochs` times, and the page replays
    at most `frames` of them: cost, weights and gradients, each as they were before the update of
    that epoch. `predict`, from points of shape (n, 2) to n outputs, adds the decision boundary
    around `data`, a pair of points and 0/1 targets. `parameters` are needed only where the step
    function does not itself refer to them, or to a list, tuple or dict of them.

    With a `path` the page is saved there; a notebook shows it. Names are found as in `draw`. A link
    to a step is `player.html#step=5`. Thousands of ops take longer than one would wait, and a
    warning says so first.

    >>> import tinygrad_edu as tg
    >>> w = tg.Tensor(3.0, requires_grad=True, name="w")
    >>> play(w * w)
    <Page: Backpropagation of loss, 5 steps; .save('player.html') to see it>
    """
    from .page import Page
    from .passes import single
    from .training import replayed

    if type(of) is Tensor:
        if epochs is not None or predict is not None or data is not None:
            raise TypeError(
                "epochs, predict and data belong to a training: write tg.play(step, epochs=...), "
                "with a function that runs one step"
            )
        page = Page(single(of, names))
    elif callable(of):
        if type(epochs) is not int or epochs < 1 or frames < 1:
            raise TypeError(
                "how many training steps are to be run? write tg.play(step, epochs=100)"
            )
        if (predict is None) != (data is None):
            raise TypeError(
                "the decision boundary needs both: predict=, a function of points, and data=(X, y)"
            )
        page = Page(replayed(of, names, epochs, predict, data, parameters, frames))
    else:
        raise TypeError(
            "play takes a loss, or a function that runs one training step and returns its loss, "
            f"not {type(of).__name__}"
        )
    if path is not None:
        page.save(path)
    return page


class _Called(ModuleType):
    """`tg.player(loss)` is how `tg.play(loss)` was spelled first, and goes on to work."""

    def __call__(self, *args: Any, **kwargs: Any) -> Page:
        return play(*args, **kwargs)


sys.modules[__name__].__class__ = _Called
