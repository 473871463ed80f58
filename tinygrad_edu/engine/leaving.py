"""Where a tensor's value leaves the graph: the one place that decides whether it may.

What Python, NumPy or another library takes as a plain number or array has no gradient. Where one is
asked for, taking the value is an error that shows what to write: `.numpy()`, `.item()`,
`.tolist()`, `.detach()` and `no_grad()` say that the value alone is meant. What requires no
gradient leaves freely, and so does what is only looked at: drawn, printed, compared, saved.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from inspect import unwrap
from types import CodeType, FrameType
from typing import Any

import numpy as np

from . import names as _names
from .lending import read_only
from .op import Recorded
from .recording import is_inside_function, is_known, is_recording, known

# modules that show or compare what they are given
LOOK_ONLY = ("matplotlib", "seaborn", "plotly", "bokeh", "numpy.testing", "_pytest")
# where NumPy is installed, and what else pip brought
_LIBRARIES = np.__file__.rpartition("numpy")[0]
_lookers: set[CodeType] = set()  # functions of NumPy that do so


class GradientLostWarning(UserWarning):
    """A tensor that requires a gradient became a plain Python number, as in `float(loss)`.

    Write `loss.item()` if that is meant.
    """


def loses(t: Recorded) -> bool:
    """Whether a gradient is asked for that a plain value of `t` would not have."""
    return t._requires_grad and is_recording()


def value(t: Recorded) -> Any:
    """The array of `t`, read-only, for whoever takes it implicitly.

    A TypeError if that loses a gradient.
    """
    array = read_only(known(t))
    if loses(t) and not _is_looked_at():
        name = _name(t)
        taker = _taker()
        loss = f"{taker} takes {name} as a plain array, which would lose its gradient"
        if any(f.f_globals.get("__name__", "").startswith("scipy.optimize") for f in _asking()[0]):
            raise TypeError(
                f"{loss}: give it the function and its gradient, "
                "minimize(tg.value_and_grad(f), x0, jac=True), "
                "for roots and least squares jac=tg.jacobian(f); "
                f"or, if its value alone is meant, {name}.numpy() or {name}.item()"
            )
        function, _, library = taker.partition(" of ")
        if library == "scipy" and (ours := _instead_of(function)):
            raise TypeError(f"{loss}: write {ours}, which has its gradient")
        if taker.startswith("AxisConcatenator"):  # np.c_ and np.r_, which ask nobody
            raise TypeError(
                f"{loss}: write np.column_stack([a, b]) for np.c_[a, b], "
                "and np.concatenate([a, b]) for np.r_[a, b]"
            )
        raise TypeError(
            f"{loss}: write tg.stack([...]) for a list or an array of tensors, "
            "and for entries that are assigned one by one; "
            f"use operators and functions of tg or NumPy on {name} itself, "
            f"and a @ {name} in place of a.dot({name}); "
            f"or, if its value alone is meant, write {name}.numpy() or {name}.detach()"
        )
    return array


def number(t: Recorded, taker: str) -> Any:
    """The only entry of `t`, for `float` or another `taker`.

    If that loses a gradient: within a transform a TypeError, elsewhere a warning.
    """
    if t._array.size != 1:
        name = _name(t)
        raise ValueError(
            f"{taker}() takes a single number, {name} has shape {t._array.shape}: "
            f"write {name}[i].item() for one entry, {name}.tolist() for all, "
            f"and a function of NumPy in place of one of math, np.exp({name})"
        )
    entry = known(t).item()
    if loses(t) and not _is_looked_at():
        if is_inside_function():
            name = _name(t)
            raise TypeError(
                f"{taker}({name}), which functions such as math.exp call too, "
                "gives a number without a gradient, and this function is being differentiated: "
                f"write np.exp({name}) or {name}.exp() in place of math.exp({name}), "
                "tg.stack([...]) to collect numbers, "
                f"or {name}.item() if the number alone is meant"
            )
        text = (  # the same for all tensors: Python shows a text once per line
            "float(t) of a tensor that requires a gradient gives a number without one: "
            "write t.item() if that is meant; "
            "in a loss write np.exp(t) in place of math.exp(t), "
            "and tg.stack([...]) to collect numbers"
        )
        _warn(text)
    return entry


def refuse_copy(t: Recorded) -> None:
    """Raise if a leaf is copied within a transform.

    The copy would be another leaf, which nobody differentiates by.
    """
    if is_inside_function() and loses(t):
        name = _name(t)
        raise TypeError(
            f"a copy or pickle of {name} is another leaf, "
            "and this function is being differentiated: "
            f"write {name}.copy(), which has a gradient, or {name}.detach(), which has none"
        )


def refuse_in(values: Sequence[Any], instead: str = "tg.stack([...])") -> None:
    """Raise if a (nested) list holds a tensor whose gradient an array made of it would lose."""
    for entry in values:
        if isinstance(entry, Recorded) and (loses(entry) or not is_known(entry)):
            raise TypeError(
                f"a list of Tensors is not a Tensor, its gradients would be lost: write {instead}"
            )
        if isinstance(entry, (list, tuple)):
            refuse_in(entry, "tg.stack([tg.stack([...]), ...]), row by row")


def on_values(
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    refusal: Callable[[Any], str],
) -> Any:
    """Run a function that knows no Tensors on their values.

    A TypeError with the text of `refusal` if that loses a gradient.
    """

    def given(a: Any) -> Any:
        if isinstance(a, Recorded):
            if loses(a):
                raise TypeError(refusal(a))
            return read_only(known(a))
        if type(a) in (list, tuple):
            return type(a)(map(given, a))
        return a

    return function(*map(given, args), **{key: given(a) for key, a in kwargs.items()})


def looks_only(*functions: Callable[..., Any]) -> None:
    """Note that these functions show, save, compare or count what they are given.

    What they answer is constant almost everywhere.
    """
    codes = [getattr(unwrap(f), "__code__", None) for f in functions]
    _lookers.update(code for code in codes if code is not None)


# -- who asks --------------------------------------------------------------------------------------


def _asking() -> tuple[list[FrameType], FrameType | None]:
    """The functions of libraries that ask, innermost first, and the frame of the user's code."""
    frame: FrameType | None = sys._getframe(1)
    libraries = []
    while frame is not None and (
        not _names.is_users(frame) or frame.f_code.co_filename.startswith(_LIBRARIES)
    ):
        if frame.f_globals.get("__name__", "").partition(".")[0] != _names.PACKAGE:
            libraries.append(frame)
        frame = frame.f_back
    return libraries, frame


def _is_looked_at() -> bool:
    """Whether whoever asks gives nothing back that could have a gradient."""
    modules = tuple(f"{module}." for module in LOOK_ONLY)
    return any(
        f.f_code in _lookers or f"{f.f_globals.get('__name__', '')}.".startswith(modules)
        for f in _asking()[0]
    )


def _instead_of(name: str) -> str:
    """What does the same as a function of SciPy's that takes arrays alone."""
    if name == "polygamma":
        return "tg.Tensor.polygamma(x, n)"
    if hasattr(np.linalg, name):
        return f"np.linalg.{name}"
    if not hasattr(sys.modules[_names.PACKAGE], name):
        return ""
    # SciPy's default is another axis
    return f"tg.{name}(x, axis=None)" if "softmax" in name else f"tg.{name}"


def _taker() -> str:
    """What the user called: the outermost function of a library, if it is written in Python."""
    for frame in reversed(_asking()[0]):
        library = frame.f_globals.get("__name__", "").partition(".")[0]
        name = frame.f_code.co_qualname
        if "<" not in name:  # no wrapper, no lambda
            is_numpy_s = library == "numpy" and hasattr(np, name)
            return f"np.{name}" if is_numpy_s else f"{name} of {library}"
    return "NumPy"


def _name(t: Recorded) -> str:
    return _names.code(t, _asking()[1])


def _warn(text: str) -> None:
    """Warn at the user's line."""
    user = _asking()[1]
    if user is None:
        warnings.warn(text, GradientLostWarning, stacklevel=2)
    else:
        scope, file, line = user.f_globals, user.f_code.co_filename, user.f_lineno
        module, shown = scope.get("__name__"), scope.setdefault("__warningregistry__", {})
        warnings.warn_explicit(text, GradientLostWarning, file, line, module, shown)
