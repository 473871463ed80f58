"""How programs are written: names, arrays, arguments and results as Python text."""

from __future__ import annotations

import builtins
import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ...notation.literals import python_number
from ...notation.names import identifier
from ..ir import is_one_number
from ..signature import Branch, Constant, Input, Signature

LITERAL = 256  # a constant of more entries is an argument
WIDTH = 100  # of a line
BUILTINS = frozenset(name for name in dir(builtins) if name.islower())
# the names of a module that a function's text refers to
CALLED = frozenset(("np", "jnp", "jax", "scipy", "abs", "slice"))
LOCAL = re.compile(r"(x|t|c|delta)\d*")  # how helper functions call what is theirs
_TEXTS = r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')"""  # string literals, which stay as they are
_NAME = re.compile(_TEXTS + r"|(?<![\w.])([^\W\d]\w*)\b(?!\s*=[^=])")
_BREAK = re.compile(_TEXTS + r"|(, | (?=[-+*/@&|] ))")


class Names:
    """Identifiers, each given once."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.taken = {*CALLED, *BUILTINS, *taken}
        self.counts: Counter[str] = Counter()

    def of(self, label: str) -> str:
        """An identifier made from a label; a number at its end where others have the same."""
        name = base = identifier(label)
        number = 1
        while name in self.taken:
            number += 1
            name = f"{base}_{number}"
        self.taken.add(name)
        return name

    def numbered(self, hint: str) -> str:
        """An identifier that counts: t1, t2."""
        while True:
            self.counts[hint] += 1
            name = f"{hint}{self.counts[hint]}"
            if name not in self.taken:
                self.taken.add(name)
                return name


def quoted(text: str) -> str:
    """A string literal, in double quotes where it can be."""
    return (
        repr(text)
        if re.search(r"[\\\"'\x00-\x1f]", text) or not text.isprintable()
        else f'"{text}"'
    )


def array_text(array: Any, indent: int = 0) -> str:
    """An array as Python, exactly."""
    dtype = (
        "" if array.dtype in (np.float64, np.int64, np.bool) else f", dtype=np.{array.dtype.name}"
    )
    if array.size == 0:
        if array.dtype != np.float64:
            dtype = f", dtype=np.{array.dtype.name}"
        return f"np.zeros({array.shape}{dtype})"
    if array.ndim == 0:
        return python_number(array).text
    if is_range(array):
        return f"np.arange({array.size})"
    if is_pattern(array):
        return f"np.full({array.shape}, {entry_text(array.flat[0])}{dtype})"
    text = np.array2string(
        array,
        separator=", ",
        threshold=array.size + 1,
        max_line_width=WIDTH,
        prefix=" " * (indent + 9),
        formatter={"all": entry_text},
    )
    joined = re.sub(r"\s+", " ", text)
    return f"np.array({joined if len(joined) + indent + 9 <= WIDTH else text}{dtype})"


def is_range(array: Any) -> bool:
    """Whether an array counts from 0."""
    return (
        array.ndim == 1
        and array.size > 2
        and array.dtype == np.int64
        and np.array_equal(array, np.arange(array.size))
    )


def is_pattern(array: Any) -> bool:
    """Whether an array has a short text, whatever its size."""
    return is_range(array) or (
        array.size > 4 and array.dtype != np.longdouble and is_one_number(array)
    )


def has_text(array: Any) -> bool:
    """Whether a constant is written out, to the last bit."""
    return array.dtype != np.longdouble and (array.size <= LITERAL or is_pattern(array))


def entry_text(value: Any) -> str:
    """An entry of an array.

    The shortest text that gives it back, whatever NumPy's print options.
    """
    if isinstance(value, (bool, np.bool, int, np.integer)):
        return repr(value.item() if isinstance(value, np.generic) else value)
    if not np.isfinite(value):
        return ("-" if value < 0 else "") + ("np.nan" if value != value else "np.inf")
    if isinstance(value, float):  # np.float64 is one
        return float.__repr__(float(value))
    short = not value or 1e-4 <= abs(float(value)) < 1e16  # a number that float16 has not
    return (
        np.format_float_positional(value, trim="0")
        if short
        else np.format_float_scientific(value, trim="0")
    )


def renamed(text: str, names: Mapping[str, str]) -> str:
    """A text of code with other names.

    Attributes, keywords and parts of strings stay.
    """
    return (
        _NAME.sub(lambda found: found[1] or names.get(found[2], found[2]), text) if names else text
    )


def wrapped(line: str) -> list[str]:
    """A statement as lines that are not too long, broken after commas and before operators."""
    if len(line) <= WIDTH:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    start, text, end = indent, line.strip(), ""
    if text.startswith("def "):
        start, text, end = (
            f"{indent}{text[: text.index('(')]}(",
            text[text.index("(") + 1 : -2],
            "):",
        )
    elif text.startswith("return "):
        start, text, end = f"{indent}return (", text.removeprefix("return "), ")"
    elif re.match(r"\w+, [\w, ]*= ", text):  # a, b, c = parameters
        text, _, right = text.partition(" = ")
        start, end = f"{indent}(", f") = {right}"
    else:
        found = re.match(r"[\w.]+(\[.*?\])? [-+]?= ", text)
        if found is None:
            return [line]
        start, text, end = f"{indent}{found[0]}(", text[found.end() :], ")"
    lines, inside = [start], f"{indent}    "
    for piece in pieces(text):
        if lines[-1] == start or len(lines[-1]) + len(piece.rstrip()) > WIDTH:
            lines.append(inside + piece.lstrip())
        else:
            lines[-1] += piece
    return [*(part.rstrip() for part in lines), f"{indent}{end}"]


def pieces(text: str) -> list[str]:
    """A text, cut where a line may end."""
    cuts = [0]
    for found in _BREAK.finditer(text):
        if found[2]:
            cuts.append(found.end() if found[2] == ", " else found.start())
    return [text[a:b] for a, b in zip(cuts, [*cuts[1:], len(text)], strict=True)]


def body(
    written: Sequence[tuple[str, str]], indent: str = "    ", comments: bool = True
) -> list[str]:
    """The lines of a function, each given with its part, with a comment where a part begins."""
    lines: list[str] = []
    part = None
    known = {p for p, _ in written}
    for node_part, line in written:
        if node_part != part and comments and len(known) > 1:
            lines += [""] * bool(lines) + [f"{indent}# {node_part}"]
        part = node_part
        lines.append(indent + line)
    return lines


def unpacked(signature: Signature, names: dict[str, str]) -> list[str]:
    """The lines that take the arguments apart.

    `names` gives the variable for the access of each array.
    """
    lines: list[str] = []
    for parameter, part in signature.parameters():
        if isinstance(part, Input) and names[part.access] != parameter:
            lines.append(f"{names[part.access]} = {parameter}")
        elif isinstance(part, Branch):
            lines += _unpacked(part, parameter, names)
    return lines


def _unpacked(branch: Branch, text: str, names: dict[str, str]) -> list[str]:
    inside = list(branch.parts.items())
    if (
        inside
        and issubclass(branch.kind, (list, tuple))
        and all(isinstance(part, Input) for _, part in inside)
    ):
        variables = ", ".join(names[part.access] for _, part in inside)
        return [f"{variables}{',' * (len(inside) == 1)} = {text}"]
    lines, found = [], []
    for i, (key, part) in enumerate(inside):
        step = (
            f"[{quoted(key) if type(key) is str else repr(key)}]" if type(key) in (str, int) else ""
        )
        if not issubclass(branch.kind, (dict, list, tuple)):
            step = f".{key}"
        access = f"{text}{step}" if step else f"[*{text}.values()][{i}]"
        if isinstance(part, Input):
            found.append((names[part.access], access))
        elif isinstance(part, Branch):
            lines += _unpacked(part, access, names)
    together = (
        f"{', '.join(name for name, _ in found)} = {', '.join(access for _, access in found)}"
    )
    if len(together) + 4 <= WIDTH:
        return [together, *lines] if found else lines
    return [f"{name} = {access}" for name, access in found] + lines


def called(branch: Branch) -> str:
    """The class of a container with fields, or with an order; "" if brackets make it."""
    return branch.kind.__name__ if branch.fields or branch.kind is OrderedDict else ""


def tree_text(tree: Any, leaves: Any, call: Callable[[Branch], str] = called) -> str:
    """A structure as Python, its leaves written by a function.

    Another one names what makes a container that has no brackets.
    """
    if isinstance(tree, Branch):
        parts = [tree_text(part, leaves, call) for part in tree.parts.values()]
        if issubclass(tree.kind, dict):
            keys = [
                quoted(key) if type(key) is str else leaves(Constant("", "", key))
                for key in tree.parts
            ]
            items = ", ".join(f"{key}: {text}" for key, text in zip(keys, parts, strict=True))
            return f"{call(tree)}({{{items}}})" if call(tree) else f"{{{items}}}"
        inside = ", ".join(parts)
        if call(tree):
            return f"{call(tree)}({inside})"
        return (
            f"[{inside}]" if issubclass(tree.kind, list) else f"({inside}{',' * (len(parts) == 1)})"
        )
    return str(leaves(tree))
