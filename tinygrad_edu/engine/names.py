"""What users call their tensors: labels only, never meaning."""

from __future__ import annotations

import sys
from types import BuiltinFunctionType, FrameType, FunctionType, ModuleType
from typing import Any

PACKAGE = __name__.partition(".")[0]
# mutation testing, by mutmut, puts functions of its own between ours
_OURS = (PACKAGE, "numpy", "mutmut")


def user_frame() -> FrameType | None:
    """The innermost frame that runs a user's code."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not is_users(frame):
        frame = frame.f_back
    return frame


def is_users(frame: FrameType) -> bool:
    """Whether a frame runs code that is not this package's, NumPy's or of the standard library."""
    if frame.f_code.co_filename.startswith("<doctest"):
        return True  # the examples in our own docstrings are users too
    return is_users_module(frame.f_globals.get("__name__", ""))


def is_users_module(name: str) -> bool:
    """Whether a module is neither this package's, nor NumPy's, nor of the standard library."""
    root = name.partition(".")[0]
    return root not in _OURS and (root not in sys.stdlib_module_names or root == "__main__")


def variables(frame: FrameType | None = None) -> dict[int, str]:
    """The variables of the user, or of a frame: the id of each value, and the first name it has."""
    names: dict[int, str] = {}
    held: dict[int, str] = {}
    for name, value in _variables_of(frame):
        names.setdefault(id(value), name)
        for label, _, part in held_in(value, name):
            held.setdefault(id(part), label)
    return held | names


def _variables_of(frame: FrameType | None) -> list[tuple[str, Any]]:
    """The names and values that the user, or a frame, has: local ones, then global ones."""
    frame = frame or user_frame()
    return [
        (name, value)
        for scope in ((frame.f_locals, frame.f_globals) if frame else ())
        for name, value in list(scope.items())
        if not name.startswith(("_", "@"))  # pytest's own variables have an @
    ]


def _found(value: Any, frame: FrameType | None) -> tuple[str, str] | None:
    """The label and the code of one value, as in `variables`, but without a look at all others."""
    known = _variables_of(frame)
    for name, variable in known:
        if variable is value:
            return name, name
    for name, variable in known:
        for label, code, part in held_in(variable, name):
            if part is value:
                return label, code
    return None


def held_in(container: Any, name: str) -> list[tuple[str, str, Any]]:
    """The label, the Python expression and the value of every array in a container, however deep.

    In a list, a dictionary or an object: `params["W1"]` and `self.W1` are W1, `Ws[0]` is Ws_0,
    `layers[0].W1` is W1_0.
    """
    found: list[tuple[str, str, Any]] = []
    waiting = [(name, "", name, container)] if _may_hold(container) else []
    for base, places, code, value in waiting:  # grows
        for key, part in entries(value) if len(waiting) < MOST else ():
            is_item = type(value) in (list, tuple, dict)
            inner = code + (f"[{key!r}]" if is_item else f".{key}")
            at = (key, places) if type(key) is str else (base, f"{places}_{key}")
            if has_shape(part):
                found.append(("".join(at), inner, part))
            elif _may_hold(part) and inner.count("[") + inner.count(".") < DEEPEST:
                waiting.append((*at, inner, part))
    return found


MOST, DEEPEST = 2_000, 4  # containers that are looked into, and steps from a variable to an array


_NO_PARAMETERS = (type, ModuleType, FunctionType, BuiltinFunctionType)


def entries(container: Any) -> list[tuple[Any, Any]]:
    """The keys and values of a list or a dictionary, or the attributes of a user's object."""
    kind = type(container)
    if kind in (list, tuple, dict):
        short = len(container) <= 1000
        return list(container.items() if kind is dict else enumerate(container)) if short else []
    if not is_users_module(kind.__module__):
        return []
    return [item for item in list(container.__dict__.items()) if not item[0].startswith("_")]


def _may_hold(value: Any) -> bool:
    """Whether `entries` may find something in a value."""
    try:
        if type(value) in (list, tuple, dict):
            return True
        return not isinstance(value, _NO_PARAMETERS) and type(value.__dict__) is dict
    except Exception:  # an object of the user's may raise whatever it likes
        return False


def has_shape(value: Any) -> bool:
    """Whether a value is like an array."""
    try:
        return hasattr(value, "shape")
    except Exception:  # an object of the user's may raise whatever it likes
        return False


def of(value: Any, frame: FrameType | None = None) -> str | None:
    """The name of a tensor or array: its own, else the variable that holds it, else None.

    The variable is the user's, or that of a frame.
    """
    if not has_shape(value):
        return None
    name = getattr(value, "_name", None)
    if name:
        return str(name)
    found = _found(value, frame)
    return found[0] if found else None


def code(value: Any, frame: FrameType | None = None) -> str:
    """What the user, or a frame, writes for a tensor or array: `self.W1`, `layers[0].W`.

    Its label, or t, if nothing holds it.
    """
    found = _found(value, frame)
    return found[1] if found else getattr(value, "_name", None) or "t"
