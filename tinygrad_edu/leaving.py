"""Where a tensor's value leaves the graph: the one place that decides whether it may.

What Python, NumPy or another library takes as a plain number or array has no gradient. Where one is asked for, taking the value is
an error that shows what to write: `.numpy()`, `.item()`, `.tolist()`, `.detach()` and `no_grad()` say that the value alone is meant.
What requires no gradient leaves freely, and so does what is only looked at: drawn, printed, compared, saved.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from inspect import unwrap
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _names
from ._methods import Methods
from .modes import is_known, is_recording, within

if TYPE_CHECKING:
    from .core import Tensor

LOOK_ONLY = ("matplotlib", "seaborn", "plotly", "bokeh", "numpy.testing", "_pytest")  # modules that show or compare what they are given
_LIBRARIES = np.__file__.rpartition("numpy")[0]  # where NumPy is installed, and what else pip brought
_lookers: set[CodeType] = set()  # functions of NumPy that do so


class GradientLostWarning(UserWarning):
    """A tensor that requires a gradient became a plain Python number, as in `float(loss)`: write `loss.item()` if that is meant."""


def loses(t: Tensor) -> bool:
    """Whether a gradient is asked for that a plain value of `t` would not have."""
    return t._requires_grad and bool(is_recording())


def value(t: Tensor) -> Any:
    """The array of `t`, read-only, for whoever takes it implicitly; a TypeError if that loses a gradient."""
    array = t.numpy()
    if loses(t) and not _is_looked_at():
        name = _name(t)
        raise TypeError(
            f"{_taker()} takes {name} as a plain array, which would lose its gradient: write tg.stack([...]) for a list or an array of "
            f"tensors, and for entries that are assigned one by one; use operators and functions of tg or NumPy on {name} itself, and "
            f"a @ {name} in place of a.dot({name}); "
            f"or, if its value alone is meant, write {name}.numpy() or {name}.detach()"
        )
    return array


def number(t: Tensor, taker: str) -> Any:
    """The only entry of `t`, for `float` or another `taker`; within a transform a TypeError if that loses a gradient, else a warning."""
    if t.size != 1:
        name = _name(t)
        raise ValueError(
            f"{taker}() takes a single number, {name} has shape {t.shape}: write {name}[i].item() for one entry, {name}.tolist() for all, "
            f"and a function of NumPy in place of one of math, np.exp({name})"
        )
    entry = t.item()
    if loses(t) and not _is_looked_at():
        if within.get():
            name = _name(t)
            raise TypeError(
                f"{taker}({name}), which functions such as math.exp call too, gives a number without a gradient, and this function is "
                f"being differentiated: write np.exp({name}) or {name}.exp() in place of math.exp({name}), tg.stack([...]) to collect "
                f"numbers, or {name}.item() if the number alone is meant"
            )
        text = (  # the same for all tensors: Python shows a text once per line
            "float(t) of a tensor that requires a gradient gives a number without one: write t.item() if that is meant; "
            "in a loss write np.exp(t) in place of math.exp(t), and tg.stack([...]) to collect numbers"
        )
        _warn(text)
    return entry


def refuse_copy(t: Tensor) -> None:
    """Raise if a leaf is copied within a transform: the copy would be another leaf, which nobody differentiates by."""
    if within.get() and loses(t):
        name = _name(t)
        raise TypeError(
            f"a copy or pickle of {name} is another leaf, and this function is being differentiated: "
            f"write {name}.copy(), which has a gradient, or {name}.detach(), which has none"
        )


def refuse_in(values: Sequence[Any], instead: str = "tg.stack([...])") -> None:
    """Raise if a (nested) list holds a tensor whose gradient an array made of the list would lose."""
    for entry in values:
        if isinstance(entry, Methods) and (loses(entry) or not is_known(entry)):  # type: ignore[arg-type]
            raise TypeError(f"a list of Tensors is not a Tensor, its gradients would be lost: write {instead}")
        if isinstance(entry, (list, tuple)):
            refuse_in(entry, "tg.stack([tg.stack([...]), ...]), row by row")


def on_values(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], refusal: Callable[[Tensor], str]) -> Any:
    """Run a function that knows no Tensors on their values; a TypeError with the text of `refusal` if that loses a gradient."""

    def given(a: Any) -> Any:
        if isinstance(a, Methods):
            if loses(a):  # type: ignore[arg-type]
                raise TypeError(refusal(a))  # type: ignore[arg-type]
            return a.numpy()  # type: ignore[attr-defined]
        if type(a) in (list, tuple):
            return type(a)(map(given, a))
        return a

    return function(*map(given, args), **{key: given(a) for key, a in kwargs.items()})


def looks_only(*functions: Callable[..., Any]) -> None:
    """Note that these functions show, save or compare what they are given, or count it: their answer is constant almost everywhere."""
    _lookers.update(code for f in functions if (code := getattr(unwrap(f), "__code__", None)) is not None)


# -- who asks --------------------------------------------------------------------------------------------------------------------


def _asking() -> tuple[list[FrameType], FrameType | None]:
    """The functions of libraries between the tensor and its user's code, innermost first, and the frame of that code."""
    frame: FrameType | None = sys._getframe(1)
    libraries = []
    while frame is not None and (not _names.is_users(frame) or frame.f_code.co_filename.startswith(_LIBRARIES)):
        if frame.f_globals.get("__name__", "").partition(".")[0] != __package__:
            libraries.append(frame)
        frame = frame.f_back
    return libraries, frame


def _is_looked_at() -> bool:
    """Whether whoever asks gives nothing back that could have a gradient."""
    modules = tuple(f"{module}." for module in LOOK_ONLY)
    return any(f.f_code in _lookers or f"{f.f_globals.get('__name__', '')}.".startswith(modules) for f in _asking()[0])


def _taker() -> str:
    """What the user called: the outermost function of a library, if it is written in Python."""
    for frame in reversed(_asking()[0]):
        library, name = frame.f_globals.get("__name__", "").partition(".")[0], frame.f_code.co_qualname
        if "<" not in name:  # no wrapper, no lambda
            return f"np.{name}" if library == "numpy" and hasattr(np, name) else f"{name} of {library}"
    return "NumPy"


def _name(t: Tensor) -> str:
    return _names.of(t, _asking()[1]) or "t"


def _warn(text: str) -> None:
    """Warn at the user's line."""
    user = _asking()[1]
    if user is None:
        warnings.warn(text, GradientLostWarning, stacklevel=2)
    else:
        scope, line = user.f_globals, user.f_lineno
        registry = scope.setdefault("__warningregistry__", {})
        warnings.warn_explicit(text, GradientLostWarning, user.f_code.co_filename, line, scope.get("__name__"), registry)
