"""Numbers, arrays and static arguments as literals.

In Python they are exact, in mathematics 1/3, √2 or π/2 where that is what they are.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from .templates import CALLED, SIGNED, Written

# known constants
_UNITS = (
    (1.0, ""),
    (np.pi, r"\pi"),
    (1 / np.pi, r"1/\pi"),
    (np.e, "e"),
    (np.log(2), r"\ln 2"),
    (np.log(10), r"\ln 10"),
)


def python_number(value: Any) -> Written:
    """A Python or NumPy number, exactly."""
    if isinstance(value, (np.ndarray, np.generic)):
        if value.dtype.kind == "b":
            return Written(f"np.bool({bool(value)})")
        if value.dtype == np.longdouble:  # which no literal holds
            return Written(f"np.longdouble({np.format_float_scientific(np.longdouble(value))!r})")
        return Written(f"np.{value.dtype.name}({python_number(value.item()).text})")
    text = plain_text(value)
    if "n" in text and isinstance(value, float):  # inf and nan
        text = text.replace("inf", "np.inf").replace("nan", "np.nan")
    return Written(text, SIGNED if text.startswith("-") else CALLED)


def is_repeated(array: Any) -> bool:
    """Whether an array has a literal, since it is one finite number at every entry."""
    return bool(
        array.size
        and array.dtype.kind in "fiu"
        and np.isfinite(first := array.flat[0])
        and (array == first).all()
    )


def python_array(array: Any) -> Written:
    """An array of one number: np.ones((2, 3)), np.full(4, 0.5)."""
    value, shape = array.flat[0].item(), array.shape[0] if array.ndim == 1 else array.shape
    dtype = "" if array.dtype == np.float64 else f", np.{array.dtype.name}"
    if value in (0, 1) and not np.signbit(array.flat[0]):
        return Written(f"np.{('zeros', 'ones')[int(value)]}({shape}{dtype})")
    return Written(f"np.full({shape}, {python_number(value).text}{dtype})")


def plain_text(value: Any) -> str:
    """The literal of a number or string.

    Of a class derived from int, float or str, whose repr may be anything, it is that of its base.
    """
    bases = [base for base in (bool, int, float, str) if isinstance(value, base)]
    return bases[0].__repr__(value) if bases else repr(value)


def math_number(value: Any) -> str:
    """A number in LaTeX, as many digits as a reader wants."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, bool):
        return r"\text{true}" if value else r"\text{false}"
    if value != value or value in (np.inf, -np.inf):
        return {"nan": r"\text{nan}", "inf": r"\infty"}.get(str(value), r"-\infty")
    digits, e, exponent = f"{value:.6g}".partition("e")
    if isinstance(value, int) or is_decimal(value) or not (known := recognised(abs(value))):
        return rf"{digits} \times 10^{{{int(exponent)}}}" if e else digits
    return f"-{known}" if value < 0 else known


def is_decimal(value: float) -> bool:
    """Whether six digits are all of a number, to its last bits."""
    return bool(abs(float(f"{value:.6g}") - value) <= 8 * np.spacing(abs(float(value))))


def in_one_line(latex: str) -> str:
    """A number of LaTeX in one line."""
    text = re.sub(
        r"\\frac\{(.*)\}\{(.*)\}",
        lambda f: f"{f[1]}/({f[2]})" if " " in f[2] else f"{f[1]}/{f[2]}",
        latex,
    )
    text = re.sub(
        r"\\sqrt\{([^{}]*)\}",
        lambda root: f"√({root[1]})" if re.search(r"[ /]", root[1]) else f"√{root[1]}",
        text,
    )
    for latex, sign in (
        (r"\infty", "∞"),
        (r"\text", ""),
        (r"\pi", "π"),
        (r"\ln ", "ln"),
        ("\\", ""),
        ("{", ""),
        ("}", ""),
        (" ", ""),
    ):
        text = text.replace(latex, sign)
    return re.sub(r"(?<=\d)ln", "·ln", text).replace("-", "−").replace("ln", "ln ")


@lru_cache(maxsize=4096)
def recognised(value: float) -> str:
    r"""A positive number in LaTeX, if it is one that books know; else "".

    Those are a small fraction, its root, or a small multiple of π, e, ln 2 or ln 10.

    >>> recognised(1 / 3), recognised(2**0.5), recognised(np.pi / 2), recognised(0.7182)
    ('\\frac{1}{3}', '\\sqrt{2}', '\\frac{\\pi}{2}', '')
    """
    for unit, sign in _UNITS:
        if (found := ratio(value / unit)) is not None:
            return _fraction(*found, sign)
    for unit, sign in _UNITS[:3]:
        if (found := ratio(value * value / unit)) is not None:
            above, below = found
            root = _fraction(
                above if above > 1 or sign else below, below if above > 1 or sign else 1, sign
            )
            return rf"\sqrt{{{root}}}" if above > 1 or sign else rf"\frac{{1}}{{\sqrt{{{root}}}}}"
    return ""


def ratio(value: float, largest: int = 100) -> tuple[int, int] | None:
    """The fraction of two small whole numbers that a float is, to its last digits."""
    if not 1 / largest <= value <= largest:
        return None
    found = Fraction(value).limit_denominator(largest)
    return found.as_integer_ratio() if abs(float(found) - value) <= 8 * np.spacing(value) else None


def _fraction(above: int, below: int, sign: str) -> str:
    """above / below times a constant."""
    if sign.startswith("1/"):
        over = sign[2:] if below == 1 else f"{below} {sign[2:]}"
        return rf"\frac{{{above}}}{{{over}}}"
    top = sign if sign and above == 1 else f"{above} {sign}" if sign else str(above)
    return top if below == 1 else rf"\frac{{{top}}}{{{below}}}"


def opaque(value: Any, named: Container[int] = ()) -> Iterator[Any]:
    """The parts of a static argument that appear by name.

    They have no literal, or a name of their user's.
    """
    if isinstance(value, (tuple, list)):
        for part in value:
            yield from opaque(part, named)
    elif (hasattr(value, "shape") and id(value) in named) or literal(value, {}) is None:
        yield value


def literal(value: Any, names: Mapping[int, str]) -> str | None:
    """A static argument (an axis, a shape, an index, a dtype) as Python.

    What has no literal goes by its name; None if it has neither.
    """
    if id(value) in names:
        return names[id(value)]
    if value is None or isinstance(value, (bool, int, float, str)):
        return python_number(value).text if isinstance(value, float) else plain_text(value)
    if value is Ellipsis:
        return "..."
    if isinstance(value, np.generic) and value.dtype.kind in "iub":
        return repr(value.item())
    if isinstance(value, (tuple, list)):
        parts = [literal(part, names) or "?" for part in value]
        inside = ", ".join(parts) + "," * (len(parts) == 1 and isinstance(value, tuple))
        return f"({inside})" if isinstance(value, tuple) else f"[{inside}]"
    if isinstance(value, slice):
        parts = [literal(part, names) or "?" for part in (value.start, value.stop, value.step)]
        return f"slice({', '.join(parts)})"
    if isinstance(value, np.dtype) or (
        isinstance(value, type) and issubclass(value, (np.generic, float, int, bool))
    ):
        dtype = np.dtype(value)
        return f"np.{dtype.name}" if dtype.isnative else f"np.dtype({dtype.str!r})"
    if (
        isinstance(value, np.ndarray)
        and value.ndim == 1
        and 0 < value.size <= 8
        and value.dtype.kind in "iub"
    ):
        return repr(value.tolist())
    return None


def index_literal(index: Any, names: Mapping[int, str]) -> str:
    """An index as it stands between square brackets."""
    if isinstance(index, slice) and id(index) not in names:
        ends = [
            "" if end is None else literal(end, names) or "?"
            for end in (index.start, index.stop, index.step)
        ]
        return f"{ends[0]}:{ends[1]}" + f":{ends[2]}" * bool(ends[2])
    if type(index) is tuple and len(index) > 0:
        return ", ".join(index_literal(part, names) for part in index)
    return literal(index, names) or "?"


def has_slice(index: Any) -> bool:
    """Whether an index has a slice in it, or an ellipsis."""
    return any(
        isinstance(part, slice) or part is Ellipsis
        for part in (index if type(index) is tuple else (index,))
    )
