"""The error of a function that was called on Tensors and is no op; the line that makes it one."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np

from .elsewhere import AT, ATTRIBUTES, advice
from .keywords import INSTEAD
from .methods import Methods

ONCE = "  # where no index repeats"
# NumPy's functions that write into an argument
WRITERS = frozenset({np.copyto, np.put, np.place, np.putmask, np.fill_diagonal, np.put_along_axis})


def not_an_op(
    function: Any, args: Sequence[Any], kwargs: Mapping[str, Any], known: Iterable[Any] = ()
) -> str:
    """What is said of a function that was called on Tensors and is no op; `known` are some.

    With the line that makes it one, as this call needs it.
    """
    name = spelled(function)
    if function in WRITERS:
        return (
            f"{name} writes into an array, which has no gradient: "
            "write `t = t.at[i].set(v)`, a new tensor"
        )
    code = ATTRIBUTES.get(name.rpartition(".")[2])
    ready = f" {advice(code)}, or" if code and not code.startswith("tg.op") else ""
    values = _call(name, args, kwargs, _detached)
    answer = _answer(function, args, kwargs)
    several = isinstance(answer, (tuple, list)) and len(answer)
    kinds = {_kind(part) for part in (answer if several else [answer])}
    if not kinds & {"f", "c"}:
        return (
            f"{name} gives no floats, hence no gradient:{ready} "
            f"give it the values alone, `{values}`"
        )
    definition = _definition(function, name, args, kwargs, bool(several), "c" in kinds)
    why = ""
    if several:
        why = f", and gives {several} results"
    elif "c" in kinds:
        why = ", and gives complex numbers"
    return (
        f"{name} is not an op on Tensors yet{why}:{ready} define it in one line, `{definition}`, "
        f"or, if no gradient is needed, write `{values}`{_alike(function, known)}"
    )


def _alike(function: Any, known: Iterable[Any]) -> str:
    """What of NumPy's is an op and has a name like that."""
    by_name = {getattr(f, "__name__", ""): f for f in known}
    found = get_close_matches(getattr(function, "__name__", ""), by_name, n=2, cutoff=0.7)
    names = " and ".join(spelled(by_name[name]) for name in found)
    return f"; of like names there {'are' if len(found) > 1 else 'is'} {names}" if found else ""


# what changes an array at an index, by NumPy's names of what it does
_AT = {
    **AT,
    "add": "t.at[i].add(v)",
    "subtract": "t.at[i].subtract(v)",
    "multiply": "t.at[i].multiply(v)",
    "divide": "t.at[i].divide(v)",
    "power": "t.at[i].power(v)",
}


def no_such_call(ufunc: np.ufunc, method: str, kwargs: Mapping[str, Any]) -> str:
    """What is said of a NumPy function that was called on Tensors in a way that its op has not.

    By a method, or with other arguments.
    """
    name = f"np.{ufunc.__name__}"
    if kwargs.get("out") is not None:
        return (
            f"{name} cannot write a Tensor's gradient into an array: "
            "write `a = a + t`, or use t.numpy() for its value alone"
        )
    if method == "at":
        code = _AT.get(ufunc.__name__, "t.at[i].set(f(t[i], v))" + ONCE)
        return (
            f"{name}.at writes into an array, which has no gradient: "
            f"{advice(code)}, a new tensor; t may be tg.Tensor(a)"
        )
    instead = "; ".join(INSTEAD.get(k, "") for k in kwargs)
    return f"{name} of Tensors takes no {' and no '.join(kwargs)}: {instead}"


def spelled(function: Any) -> str:
    """What a function is to whoever imported its module: np.linalg.norm, scipy.special.expit."""
    name = getattr(function, "__name__", repr(function))
    modules = list(sys.modules.items())
    homes = [home for home, m in modules if getattr(m, "__dict__", {}).get(name) is function]
    public = [home for home in homes if "._" not in f".{home}" and home != "__main__"]

    def length(home: str) -> tuple[bool, int, int]:
        return not home.startswith("numpy"), home.count("."), len(home)

    home = min(public, key=length, default="")
    home = "np" + home.removeprefix("numpy") if home.partition(".")[0] == "numpy" else home
    return f"{home}.{name}" if home else name


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Methods)


def _mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """The value with its Tensors changed, those in lists and tuples too."""
    if type(value) in (list, tuple):
        return type(value)([_mapped(v, change) for v in value])
    return change(value) if _is_tensor(value) else value


def _answer(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """What the function gives for the values; None where it gives nothing."""

    def value(a: Any) -> Any:
        return _mapped(a, lambda t: t._array.copy())

    args, kwargs = [value(a) for a in args], {key: value(v) for key, v in kwargs.items()}
    try:
        with np.errstate(all="ignore"):
            return function(*args, **kwargs)
    except Exception:
        return None


def _kind(answer: Any) -> str:
    """The kind of dtype of a function's answer; of one that is not known, floats."""
    try:
        return "f" if answer is None else np.asarray(answer).dtype.kind
    except ValueError:  # rows of unequal lengths
        return "O"


def _detached(value: Any) -> str:
    if _is_tensor(value):
        return "t.numpy()"
    if isinstance(value, (list, tuple)) and any(_is_tensor(v) for v in value):
        return f"[{', '.join(map(_detached, value))}]"
    return _literal(value, "a")


def _literal(value: Any, otherwise: str) -> str:
    """The value as Python, if it is one of the short ones; a function by its name."""
    if value is None or isinstance(value, (str, int, float, bool)):
        return repr(value) if len(repr(value)) < 40 else otherwise
    if isinstance(value, (tuple, list)):
        text = f"{', '.join(_literal(v, otherwise) for v in value)}"
        if len(text) >= 40:
            return otherwise
        return f"[{text}]" if isinstance(value, list) else f"({text},)"
    name = str(getattr(value, "__name__", ""))
    return name if callable(value) and name.isidentifier() else otherwise


def _call(
    name: str, args: Sequence[Any], kwargs: Mapping[str, Any], written: Callable[[Any], str]
) -> str:
    """A call of a function, its arguments as `written` writes them."""
    named = [f"{key}={written(value)}" for key, value in kwargs.items()]
    return f"{name}({', '.join([*map(written, args), *named])})"


def _definition(
    function: Any,
    name: str,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    several: bool,
    complex_: bool,
) -> str:
    """The call of tg.op that makes this call of the function an op."""
    direct = None if several or complex_ else _static_names(function, args, kwargs)
    if direct is not None:
        arity, static = direct
        letters = _letters(arity, static)
        rules = ", ".join([f"lambda {', '.join(['g', 'y', *letters, *static])}: ..."] * arity)
        return f"tg.op({name}, {rules})"
    letters = _letters(_count([*args, *kwargs.values()]), ())
    left = iter(letters)

    def written(value: Any) -> str:
        if _is_operand(value):
            return next(left)
        if isinstance(value, (list, tuple)) and _count([value]):
            return f"[{', '.join(map(written, value))}]"
        return _literal(value, "c")

    call = _call(name, args, kwargs, written)
    call = f"{call}[0]" if several else f"np.abs({call})" if complex_ else call
    rules = ", ".join([f"lambda {', '.join(['g', 'y', *letters])}: ..."] * len(letters))
    called = f"my_{getattr(function, '__name__', 'op')}"
    return f"{called} = tg.op(lambda {', '.join(letters)}: {call}, {rules}, name={called!r})"


def _is_operand(value: Any) -> bool:
    return _is_tensor(value) or (isinstance(value, np.ndarray) and value.dtype.kind in "fiub")


def _count(values: Sequence[Any]) -> int:
    """How many operands there are, in lists too."""
    return sum(_count(v) if isinstance(v, (list, tuple)) else _is_operand(v) for v in values)


def _letters(arity: int, taken: Sequence[str]) -> list[str]:
    """The names of so many operands: x alone, or a, b, c; never g, y, or another argument's."""
    letters = "x" * (arity == 1) + "abcdefhijklmnopqrstuvwxz"
    free = [letter for letter in letters if letter not in taken]
    return free[:arity] if arity <= len(free) else [f"x{i}" for i in range(arity)]


def _static_names(
    function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[int, list[str]] | None:
    """How many operands a function has, and its further arguments; None if it is no op as it is."""
    name = getattr(function, "__name__", "")
    if not name.isidentifier() or _count(list(kwargs.values())):
        return None
    operands = [a for a in args if _is_tensor(a)]
    if not operands or hasattr(type(operands[0]), name):
        return None
    if isinstance(function, np.ufunc):
        return (function.nin, []) if function.nout == 1 else None
    arity = max(i for i, a in enumerate(args, 1) if _is_tensor(a))
    if not all(_is_operand(a) or isinstance(a, (int, float)) for a in args[:arity]):
        return None
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        return None
    several = any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters)
    if several or len(parameters) < arity:
        return None
    static = [p.name for p in parameters[arity:] if p.name != "out"]
    if {"g", "y"} & set(static):
        return None
    return arity, static if len(static) <= 3 else ["**static"]
