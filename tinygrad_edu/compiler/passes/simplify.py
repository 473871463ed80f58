"""Simplification: what is equal is computed once, what has a shorter form takes it.

The rules are a table, `rules`.
"""

from __future__ import annotations

from ..ir import Builder, Node, Program, name_gradients
from .rules import RULES


def simplify(program: Program) -> Program:
    """The program with each op as the rules shorten it."""
    builder = Builder(RULES)
    of: dict[Node, Node] = {node: node for node in program.inputs}
    builder.uses.update({node: program.uses[node] for node in program.inputs})
    for node in sorted((*program.constants, *program.nodes), key=lambda node: node.number):
        builder.part = node.part
        if node.op is None:
            of[node] = builder.constant(node.value, node.label, is_ours=True)
        else:
            args = [of[a] if isinstance(a, Node) else a for a in node.args]
            of[node] = builder.make(node.op, args, node.static, node.shape, node.dtype)
            if not of[node].is_constant:
                of[node].label = of[node].label or node.label
        builder.uses[of[node]] += program.uses[node]
    shorter = program.with_outputs([of[node] for node in program.outputs], of)
    name_gradients(shorter)
    return shorter
