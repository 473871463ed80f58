"""How programs are written: names, arrays, arguments and results as Python text."""

from __future__ import annotations

import builtins
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..languages import identifier, python_number
from .program import Node
from .signature import Branch, Constant, Input, Signature

WIDTH = 100  # of a line
BUILTINS = frozenset(name for name in dir(builtins) if name.islower())


class Names:
    """Identifiers, each given once."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self.taken = {"np", "jnp", "jax", *BUILTINS, *taken}
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

    def of_node(self, node: Node) -> str:
        """An identifier for a value: its label, or what it is."""
        return self.of(node.label or node.hint) if node.label or node.hint not in ("t", "delta") else self.numbered(node.hint)

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
    return repr(text) if re.search(r"[\\\"'\x00-\x1f]", text) or not text.isprintable() else f'"{text}"'


def array_text(array: Any, indent: int = 0) -> str:
    """An array as Python, exactly."""
    dtype = "" if array.dtype in (np.float64, np.int64, np.bool) else f", dtype=np.{array.dtype.name}"
    if array.size == 0:
        return f"np.zeros({array.shape}{dtype or (', dtype=np.' + array.dtype.name if array.dtype != np.float64 else '')})"
    if array.ndim == 0:
        return python_number(array).text
    if array.ndim == 1 and array.size > 2 and array.dtype == np.int64 and np.array_equal(array, np.arange(array.size)):
        return f"np.arange({array.size})"
    text = np.array2string(
        array, separator=", ", threshold=array.size + 1, max_line_width=WIDTH, prefix=" " * (indent + 9), formatter={"all": _entry}
    )
    joined = re.sub(r"\s+", " ", text)
    return f"np.array({joined if len(joined) + indent + 9 <= WIDTH else text}{dtype})"


def _entry(value: Any) -> str:
    """An entry of an array: the shortest text that gives it back."""
    if isinstance(value, (bool, np.bool, int, np.integer)):
        return str(value)
    text = np.format_float_scientific(value, trim="0") if value and not 1e-4 <= abs(value) < 1e16 else str(value)
    return f"np.{text.lstrip('-')}" if "n" in text and text[0] != "-" else f"-np.{text[1:]}" if "n" in text else text


def unpacked(signature: Signature, names: dict[str, str]) -> list[str]:
    """The lines that take the arguments apart: `names` gives the variable for the access of each array."""
    lines: list[str] = []
    for parameter, part in zip(signature.names, [*signature.args, *signature.kwargs.values()], strict=True):
        if isinstance(part, Input) and names[part.access] != parameter:
            lines.append(f"{names[part.access]} = {parameter}")
        elif isinstance(part, Branch):
            lines += _unpacked(part, parameter, names)
    return lines


def _unpacked(branch: Branch, text: str, names: dict[str, str]) -> list[str]:
    inside = list(branch.parts.items())
    if inside and issubclass(branch.kind, (list, tuple)) and all(isinstance(part, Input) for _, part in inside):
        variables = ", ".join(names[part.access] for _, part in inside)
        return [f"{variables}{',' * (len(inside) == 1)} = {text}"]
    lines, found = [], []
    for i, (key, part) in enumerate(inside):
        step = f"[{quoted(key) if type(key) is str else repr(key)}]" if type(key) in (str, int) else ""
        access = f"{text}{step}" if step else f"list({text}.values())[{i}]"
        if isinstance(part, Input):
            found.append((names[part.access], access))
        elif isinstance(part, Branch):
            lines += _unpacked(part, access, names)
    together = f"{', '.join(name for name, _ in found)} = {', '.join(access for _, access in found)}"
    if len(together) + 4 <= WIDTH:
        return [together, *lines] if found else lines
    return [f"{name} = {access}" for name, access in found] + lines


def tree_text(tree: Any, leaves: Any) -> str:
    """A structure as Python, its leaves written by a function."""
    if isinstance(tree, Branch):
        parts = [tree_text(part, leaves) for part in tree.parts.values()]
        if issubclass(tree.kind, dict):
            keys = [quoted(key) if type(key) is str else leaves(Constant("", "", key)) for key in tree.parts]
            return "{" + ", ".join(f"{key}: {text}" for key, text in zip(keys, parts, strict=True)) + "}"
        inside = ", ".join(parts)
        return f"[{inside}]" if issubclass(tree.kind, list) else f"({inside}{',' * (len(parts) == 1)})"
    return str(leaves(tree))
