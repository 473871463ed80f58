"""Accumulation: sums of values among zeros, each written as one array to which parts are added."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..ir import Node, Program
from .spelling import has_name, has_statements


class Sums(NamedTuple):
    """The sums of a program that are accumulated in one array."""

    # a sum -> what it begins with, and what is added at places of it
    bases: dict[Node, tuple[Node, list[Node]]]
    parts: set[Node]  # those, and the sums within a sum


def accumulated(program: Program) -> Sums:
    """The sums of a program to which a part among zeros is added."""
    sums = Sums({}, set())

    def is_inner(a: Node) -> bool:
        """Whether a value is needed by one other alone, and nobody else asks for it."""
        return program.uses[a] == 1 and not has_name(a) and a not in program.outputs

    def is_part(a: Any, node: Node) -> bool:
        if not isinstance(a, Node) or (a.shape, a.dtype) != (node.shape, node.dtype):
            return False
        is_among_zeros = a.op is not None and has_statements(a.op) and len(a.args) == 1
        return is_among_zeros and is_inner(a)

    for node in program.nodes:
        if node.op is None or node.op.run is not np.add:
            continue
        x, y = node.args if is_part(node.args[1], node) else node.args[::-1]
        if not is_part(y, node) or x is y or not isinstance(x, Node):
            continue
        if (x.shape, x.dtype) != (node.shape, node.dtype):
            continue
        base, added = x, list[Node]()
        if x in sums.bases and is_inner(x):
            base, added = sums.bases.pop(x)
            sums.parts.add(x)
        elif is_part(x, node):
            sums.parts.add(x)
        sums.bases[node] = base, [*added, y]
        sums.parts.add(y)
    return sums
