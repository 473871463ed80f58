"""Which results of a program are made together, a block of rows at a time.

One pass through memory in place of many.

What is needed within the loop alone stays in as much memory as a block takes, which is in the
processor's cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from typing import Any

import numpy as np

from ..ir import Node
from .allocate import Buffer, Plan, is_elementwise, is_view, writes_into

BLOCK = 1 << 18  # bytes of an array that are worked on at a time
BLOCKS = 4  # fewer are not worth a loop


class Group:
    """Large results of one shape, made entry by entry, that follow one another.

    And sums over all of their entries.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        # what is in the loop, in order: results, and sums, which are numbers
        self.members: list[Node] = []
        self.after: list[Node] = []  # numbers, which can wait until the loop is over
        self.written: set[Any] = set()  # the memory that the nodes write
        self.read_otherwise: set[Any] = set()  # and that they read in another order than they write

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of its results."""
        return self.members[0].shape

    def makes(self, node: Node) -> bool:
        """Whether a value is made in the loop, or waits for its end."""
        return node in self.members or node in self.after

    def takes(self, node: Node) -> bool:
        """Add a node, if it fits to the others."""
        operands = [a for a in node.args if isinstance(a, Node)]
        if not self.plan.parts.isdisjoint(operands):
            return False
        if self.members and node.ndim == 0 and all(a.ndim == 0 for a in operands):
            self.after.append(node)
            return True
        if any(a.ndim == 0 and self.makes(a) for a in operands):
            return False
        return self._takes_sum(node) or self._takes_result(node, operands)

    def _takes_sum(self, node: Node) -> bool:
        if not self.members or node.op is None or node.op.reduces is not np.add or node.ndim:
            return False
        x = node.args[0]
        if self.plan.root[x] is not x or x.shape != self.shape or x.dtype != node.dtype:
            return False
        self.members.append(node)
        return True

    def _takes_result(self, node: Node, operands: list[Node]) -> bool:
        plan = self.plan
        if not (is_elementwise(node) and writes_into(node) and rows_of(node)) or (
            self.members and node.shape != self.shape
        ):
            return False
        otherwise = {
            plan.place(plan.root[a])
            for a in operands
            if plan.root[a] is not a or a.shape != node.shape
        }
        writes = plan.place(node)
        if otherwise & {*self.written, writes} or writes in self.read_otherwise:
            return False  # a block would change what a later block still reads
        self.members.append(node)
        self.written.add(writes)
        self.read_otherwise |= otherwise
        return True

    def passing(self) -> set[Node]:
        """The results that nothing needs after the loop, in memory where nothing else is then.

        They need no more than a block's.
        """
        end = self.plan.nodes.index(self.members[-1])
        stays = {
            self.plan.place(node)
            for node in self.members
            if node.ndim and self.plan.last[node] > end
        }
        # the one whose memory a node's result goes to, by way of others
        first: dict[Node, Node] = {}
        for node in self.members:
            target = self.plan.target.get(node)
            if isinstance(target, Buffer) or target in first:
                first[node] = node if isinstance(target, Buffer) else first[target]
        return {node for node in first if self.plan.place(node) not in stays}


def fuse(plan: Plan) -> Plan:
    """The same plan, whose steps are nodes and groups of nodes."""
    fused = copy(plan)
    fused.steps = list(in_groups(plan))
    return fused


def in_groups(plan: Plan) -> Iterator[Group | Node]:
    """The nodes of a plan in their order, together where that is worth a loop."""
    group = Group(plan)
    for node in plan.nodes:
        if is_view(node) and not group.makes(plan.root[node]):
            yield node  # what it shows is there already, and a view reads nothing yet
        elif not group.takes(node):
            yield from _finished(group)
            group = Group(plan)
            if not group.takes(node):
                yield node
    yield from _finished(group)


def _finished(group: Group) -> Iterator[Group | Node]:
    if len(group.members) > 1:
        yield group
    else:
        yield from group.members
    yield from group.after


def rows_of(node: Node) -> int:
    """How many rows make a block; 0 where there are too few blocks for a loop."""
    if not node.size:
        return 0
    rows = max(1, BLOCK * node.shape[0] // (node.size * node.dtype.itemsize))
    return rows if node.shape[0] >= BLOCKS * rows else 0
