"""Where each value of a program lives.

In an array that is kept from call to call, in place of one that is over, or in a new one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...ops.indexing import _is_basic
from ...ops.kinds import VIEWS
from ..ir import Node, Program
from .lower import is_numpys, is_plain
from .matching import is_number, reduced

NEVER = 1 << 60
# a sum over up to so many entries, for so many results or more, adds up slices
FEW, MANY = 8, 1 << 12


class Buffer(NamedTuple):
    """A kept array: which piece of memory, seen in which shape."""

    number: int
    shape: tuple[int, ...]


def is_view(node: Node) -> bool:
    """Whether a node shares the memory of its operand, or may."""
    if node.op is None:
        return False
    return node.op.kind in VIEWS or (node.op.kind == "gather" and _is_basic(node.static["index"]))


def is_sum_of_part(node: Node, before: Node) -> bool:
    """Whether a node adds, to its first operand, what the node before put among as many zeros.

    Then the part is added in its place.
    """
    return (
        node.op is not None
        and node.op.run is np.add
        and node.args[1] is before
        and node.args[0] is not before
        and before.shape == node.shape
        and before.op is not None
        and before.op.kind == "scatter"
        and len(before.args) == 1
        and _is_basic(before.static["index"])
    )


def is_sum_of_slices(node: Node) -> bool:
    """Whether a node sums over a few entries, the last axis among them, for many results.

    To add up slices is then much faster.
    """
    if (
        node.op is None
        or node.op.reduces is not np.add
        or node.static["keepdims"]
        or node.size < MANY
        or not node.ndim
    ):
        return False
    x = node.args[0]
    axes = reduced(node)
    return x.dtype == node.dtype and x.ndim - 1 in axes and 2 <= x.size // node.size <= FEW


def writes_into(node: Node) -> bool:
    """Whether a node's op can be told where to put its result."""
    if node.op is None or node.ndim == 0:
        return False
    return is_numpys(node.op) or node.op.reduces is not None or is_selection(node)


def is_selection(node: Node) -> bool:
    """Whether a node is another one, of many entries, where a condition holds, and 0 elsewhere."""
    if node.op is None or not node.op.chooses or node.size <= MANY:
        return False
    mask, x, other = node.args
    are_nodes = isinstance(mask, Node) and isinstance(x, Node)
    return (
        are_nodes
        and mask.dtype.kind == "b"
        and (x.shape, x.dtype) == (node.shape, node.dtype)
        and is_number(other)
        and other == 0
    )


def allocate(program: Program, donated: Sequence[Node] = ()) -> Plan:
    """The program with a place for each result.

    Those of donated inputs are free when nothing reads them any more.
    """
    return Plan(program, donated)


class Plan(Program):
    """A program that says, for each node, the node or buffer whose memory its result goes to."""

    def __init__(self, program: Program, donated: Sequence[Node]) -> None:
        super().__init__(program.inputs, program.outputs)
        self.nodes = self._ordered(donated)
        # what is made one after the other; fusion puts some together
        self.steps: Sequence[Any] = self.nodes
        self.root: dict[Node, Node] = {}  # the node whose memory a view shows
        self.last = self._last_uses()
        self.escaping = {self.root[node] for node in program.outputs}
        self.memory: list[tuple[int, Any]] = []  # of each kept piece: entries and dtype
        # what a node's result is written to; nothing: a new array
        self.target: dict[Node, Node | Buffer] = {}
        self.new: set[Node] = set()  # those that get a new array
        self.updates = self._updates(donated)  # an output, and the donated input that becomes it
        self._assign()
        # those that never are, since what takes them adds a part of itself
        self.parts = self._parts()

    def _ordered(self, donated: Sequence[Node]) -> list[Node]:
        """As recorded, but what may become a donated input, and nothing else needs, comes last.

        Then the inputs are over.
        """
        used = {a for node in self.nodes for a in node.args if isinstance(a, Node)}
        kinds = {(x.shape, x.dtype) for x in donated}
        ends = dict.fromkeys(
            node
            for node in self.outputs
            if node.op and node not in used and (node.shape, node.dtype) in kinds
        )
        return [node for node in self.nodes if node not in ends] + list(ends)

    def _last_uses(self) -> dict[Node, int]:
        last: dict[Node, int] = defaultdict(int)
        for node in (*self.inputs, *self.constants):
            self.root[node] = node
        for i, node in enumerate(self.nodes):
            self.root[node] = self.root[node.args[0]] if is_view(node) else node
            # what a user's function gives may share memory with its operands
            unknown = node.op is not None and not (is_plain(node.op))
            for a in node.args:
                if isinstance(a, Node):
                    last[self.root[a]] = NEVER if unknown else max(last[self.root[a]], i)
            if unknown:
                last[node] = NEVER
        for node in self.outputs:
            last[self.root[node]] = NEVER
        return last

    def _updates(self, donated: Sequence[Node]) -> dict[Node, Node]:
        """Pair each donated input with a result of its kind, rather one that is made from it."""
        place = {node: i for i, node in enumerate(self.nodes)}
        found: dict[Node, Node] = {}
        for wants_use in (True, False):
            for x in donated:
                if x in found.values() or self.last[x] == NEVER:
                    continue
                for y in self.outputs:
                    if (
                        y in found
                        or y not in place
                        or (y.shape, y.dtype) != (x.shape, x.dtype)
                        or not (writes_into(y) and is_elementwise(y))
                    ):
                        continue
                    if wants_use and x not in y.args:
                        continue
                    aliases = [
                        a
                        for a in y.args
                        if isinstance(a, Node) and a is not x and self.root[a] is x
                    ]
                    if self.last[x] <= place[y] and not aliases:
                        found[y] = x
                        break
        return found

    def _assign(self) -> None:
        free: dict[Any, list[int]] = defaultdict(list)
        held: dict[Node, int] = {}  # root -> its kept piece of memory
        for i, node in enumerate(self.nodes):
            over = dict.fromkeys(
                self.root[a]
                for a in node.args
                if isinstance(a, Node) and self.last[self.root[a]] == i
            )
            if node in self.updates:
                self.target[node] = self.updates[node]
            elif writes_into(node):
                self._choose(node, over, held, free)
            elif not is_view(node):
                self.new.add(node)
            for root in over:
                if root in held:
                    free[_kind(root)].append(held.pop(root))

    def _parts(self) -> set[Node]:
        pairs = zip(self.nodes, self.nodes[1:], strict=False)
        return {
            before
            for i, (before, node) in enumerate(pairs, 1)
            if is_sum_of_part(node, before)
            and self.last[before] == i
            and self.target.get(node) is node.args[0]
        }

    def place(self, root: Node) -> Any:
        """The memory that a value lies in."""
        target = self.target.get(root)
        while isinstance(target, Node):
            root, target = target, self.target.get(target)
        return target.number if isinstance(target, Buffer) else root

    def _choose(
        self, node: Node, over: Container[Node], held: dict[Node, int], free: dict[Any, list[int]]
    ) -> None:
        """In place of an operand that is over, else in kept memory.

        What the caller gets is his alone.
        """
        escapes = node in self.escaping
        # of one entry, NumPy takes three times as long in place
        for a in node.args if is_elementwise(node) and node.size != 1 else ():
            if (
                isinstance(a, Node)
                and a in over
                and a.op is not None
                and (a.shape, a.dtype) == (node.shape, node.dtype)
            ):
                if a in held and not escapes:
                    held[node] = held.pop(a)
                    self.target[node] = a
                    return
                if a in self.new:
                    self.target[node] = a
                    self.new.add(node)
                    return
        if escapes:
            self.new.add(node)
            return
        pieces = free[_kind(node)]
        if not pieces:
            self.memory.append((node.size, node.dtype))
            pieces.append(len(self.memory) - 1)
        held[node] = pieces.pop()
        self.target[node] = Buffer(held[node], node.shape)


def is_elementwise(node: Node) -> bool:
    """Whether each entry of the result needs the same entry of the operands alone."""
    return node.op is not None and (
        (isinstance(node.op.run, np.ufunc) and not node.op.run.signature) or is_selection(node)
    )


def _kind(node: Node) -> tuple[int, str]:
    return node.size, node.dtype.str
