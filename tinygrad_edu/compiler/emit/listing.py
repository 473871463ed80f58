"""A program as a list of its ops, one a line: what a pass took and what it gave."""

from __future__ import annotations

from ...notation.python import statics_text
from ..ir import Node, Program
from ..passes.allocate import Buffer, Plan, is_view
from ..passes.fuse import Group, rows_of
from .spelling import Emitter
from .text import Names, array_text

FEW = 4  # entries of a constant that are shown


def listing(program: Program) -> str:
    """The text of a program, with the place of each result if the program is a plan.

    An op is called by its name in the table, with its operands and static arguments; what it gives
    follows the colon.
    """
    writer = Listing(program)
    writer.write()
    return "\n".join(line for _, line in writer.lines)


class Passes(dict[str, str]):
    """A program after each pass, by the name of the pass; printed, one below the other."""

    def __str__(self) -> str:
        return "\n\n".join(
            f"== {name} {'=' * (76 - len(name))}\n{text}" for name, text in self.items()
        )

    __repr__ = __str__


class Listing(Emitter):
    """Writes a program op by op."""

    def __init__(self, program: Program) -> None:
        super().__init__(program, Names())
        self.part = ""

    def write(self) -> None:
        """Write all lines: inputs, constants, ops, results."""
        for node, name in zip(self.program.inputs, self.name_inputs(), strict=True):
            self._line(f"{name}: {kind(node)} = input")
        self.name_constants()
        for node in self.program.constants:
            if node.ndim:
                short = array_text(node.value) if node.size <= FEW else "constant"
                self._line(f"{self.written[node].text}: {kind(node)} = {short}")
        steps = self.program.steps if isinstance(self.program, Plan) else self.program.nodes
        for step in steps:
            if isinstance(step, Group):
                rows = rows_of(step.members[0])
                self._line(f"for each {rows} of {step.shape[0]} rows:")
                for node in step.members:
                    self._op(node, "    ")
            else:
                self._op(step)
        self._line(f"return {', '.join(self.written[node].text for node in self.program.outputs)}")

    def _op(self, node: Node, indent: str = "") -> None:
        assert node.op is not None
        if node.part != self.part:
            self.part = node.part
            self._line(f"{indent}# {node.part}")
        self.hold(node)
        operands = [self.operand(a).text for a in node.args]
        statics = statics_text(node.op, node.static, self.statics)
        text = f"{node.op.name}({', '.join([*operands, *statics])})"
        self._line(f"{indent}{self.name(node)}: {kind(node)} = {text}{self._place(node)}")

    def _place(self, node: Node) -> str:
        """Where a plan puts a result."""
        plan = self.program
        if not isinstance(plan, Plan):
            return ""
        target = plan.target.get(node)
        if node in plan.parts:
            return "  # added where it is used"
        if isinstance(target, Buffer):
            return f"  # in buffer {target.number + 1}"
        if target is not None:
            return f"  # in place of {self.written[target].text}"
        if is_view(node):
            return f"  # shows {self.written[node.args[0]].text}"
        return "" if node.ndim == 0 else "  # in a new array"

    def _line(self, text: str) -> None:
        self.lines.append((self.part, text))


def kind(node: Node) -> str:
    """The dtype and shape of a value: float64[4, 2]."""
    return f"{node.dtype.name}[{', '.join(map(str, node.shape))}]"
