"""What users call their tensors: labels only, never meaning."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

_PACKAGE = __name__.partition(".")[0]
_OURS = (_PACKAGE, "numpy", "mutmut")  # mutation testing, by mutmut, puts functions of its own between ours


def user_frame() -> FrameType | None:
    """The innermost frame that runs code from outside of this package, of NumPy and of the standard library."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not is_users(frame):
        frame = frame.f_back
    return frame


def is_users(frame: FrameType) -> bool:
    """Whether a frame runs code from outside of this package, of NumPy and of the standard library."""
    if frame.f_code.co_filename.startswith("<doctest"):
        return True  # the examples in our own docstrings are users too
    module = frame.f_globals.get("__name__", "").partition(".")[0]
    return module not in _OURS and module not in sys.stdlib_module_names


def variables(frame: FrameType | None = None) -> dict[int, str]:
    """The variables of the user, or of a frame: the id of each value, and the first name that it has."""
    frame = frame or user_frame()
    names: dict[int, str] = {}
    held: dict[int, str] = {}
    for scope in (frame.f_locals, frame.f_globals) if frame else ():
        for name, value in list(scope.items()):
            if not name.startswith("_"):
                names.setdefault(id(value), name)
                for key, part in entries(value):
                    if has_shape(part):  # `params["W1"]` is W1, `Ws[0]` is Ws_0
                        held.setdefault(id(part), key if type(key) is str else f"{name}_{key}")
    return held | names


def entries(container: Any) -> list[tuple[Any, Any]]:
    """The keys and values of a list or a dictionary of parameters; none of anything else."""
    if type(container) not in (list, tuple, dict) or len(container) > 1000:
        return []
    return list(container.items() if type(container) is dict else enumerate(container))


def has_shape(value: Any) -> bool:
    """Whether a value is like an array; an object of the user's may raise whatever it likes when it is asked."""
    try:
        return hasattr(value, "shape")
    except Exception:
        return False


def of(value: Any, frame: FrameType | None = None) -> str | None:
    """The name of a tensor or array: its own `name`, else the variable of the user, or of a frame, that holds it, else None."""
    if not has_shape(value):
        return None
    name = getattr(value, "name", None)
    if name:
        return str(name)
    return variables(frame).get(id(value))
