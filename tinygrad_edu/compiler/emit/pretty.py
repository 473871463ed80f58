"""A program as a function that one would write by hand.

One line for each thing that has a name, forward and backward parts apart.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ...engine.op import Op
from ...notation.literals import index_literal, literal, python_number
from ...notation.python import Call, statics_text
from ...notation.templates import PRODUCT, SUM, Written
from ...ops.indexing import _is_basic
from ..ir import Node, Program, frozen
from ..passes.allocate import is_view
from ..passes.matching import is_number
from .accumulation import accumulated
from .helpers import from_library, from_run, from_source
from .spelling import Emitter, Module, has_name, has_statements, in_brackets, is_spelled
from .text import (
    Names,
)

LONG = 64  # an operand longer than this gets a line of its own


class Writer(Emitter):
    """Writes the lines of a program for a reader.

    What is used once is a part of the line that uses it.
    """

    def __init__(self, program: Program, names: Names, module: Module | None = None) -> None:
        super().__init__(program, names, module)
        self.parts: dict[Any, list[str]] = {}  # of the lines that use a node
        self.sums = accumulated(program)

    def write(self) -> None:
        """Write all lines."""
        self.name_inputs()
        self.name_constants()
        deltas = [
            n
            for n in self.program.nodes
            if n.hint == "delta" and not n.label and not n.after and self._is_repeated(n)
        ]
        # the one of the first layer is delta1, though it is the last to be computed
        deltas.sort(key=lambda node: node.about)
        ends = set(self.program.outputs)
        for node in self.program.nodes:
            for a in node.args:
                self.parts.setdefault(a, []).append(node.part)
        for node in reading_order(self.program):
            if node in self.sums.parts:
                continue  # written where it is added
            is_line = self.has_statements(node)
            written = self.text(node) if not is_line else Written("")
            has_line = is_line or has_name(node) or node in ends or self._is_shared(node)
            if not has_line and len(written.text) <= LONG:
                self.written[node] = written
                continue
            if node in deltas:
                number = f"{deltas.index(node) + 1}" if len(deltas) > 1 else ""
                name = self.names.of(f"delta{number}")
                self.written[node] = Written(name)
            else:
                name = self.name(node)
            lines = self.statements(node, name) if is_line else [f"{name} = {written.text}"]
            self.lines += [(node.part, line) for line in lines]

    def _is_repeated(self, node: Node) -> bool:
        """Whether a value is mentioned more than once."""
        return self.program.uses[node] > 1 or (
            self.has_statements(node) and node not in self.sums.parts
        )

    def _is_shared(self, node: Node) -> bool:
        """Whether a node gets a line since it is used more than once.

        1 - o and W.T are as short as a name, and so is o - t elsewhere.
        """
        if self.program.uses[node] < 2:
            return False
        assert node.op is not None
        operands = [a for a in node.args if isinstance(a, Node)]
        if node.hint == "delta" or not all(self.written[a].text.isidentifier() for a in operands):
            return True
        if len(operands) == 1:
            return not node.op.is_short and not (
                isinstance(node.op.run, np.ufunc) and len(node.args) == 2
            )
        return node.op.write != "{} - {}" or sorted(self.parts.get(node, [])) != [
            "backward",
            "forward",
        ]

    def text(self, node: Node) -> Written:
        """What a node is made by."""
        assert node.op is not None
        if not is_spelled(node):
            return self.call_of_helper(node.op, node)
        self.hold(node)
        node = as_in_books(node)
        op, operands = node.op, self.operands(node)
        assert op is not None
        texts = [text for text, _ in operands]
        dtypes = [a.dtype for a in node.args if isinstance(a, Node)]
        if op.run is np.power and np.dtype(bool) in dtypes:  # `**` squares booleans to int8
            return Written(f"np.power({', '.join(texts)})")
        call = Call(op, node.args, node.static, node.ndim)
        written = self.language.call(call, operands, self.statics)
        if op.run is np.power and all(map(is_word, texts)):
            return written._replace(text=written.text.replace(" ** ", "**"))
        return written

    def operand(self, a: Any) -> Written:
        return fraction(a) if type(a) is float else super().operand(a)

    def has_statements(self, node: Node) -> bool:
        """Whether a node takes lines of its own, since NumPy has no expression for it."""
        return node in self.sums.bases or (node.op is not None and has_statements(node.op))

    def imports(self) -> list[str]:
        """The lines that import what the text calls."""
        return ["import numpy as np"]

    # -- values that are written in parts ----------------------------------------------------------

    def statements(self, node: Node, name: str) -> list[str]:
        """The lines that put values among others, or among zeros."""
        assert node.op is not None
        if node in self.sums.bases:
            base, added = self.sums.bases[node]
            lines = (
                self.statements(base, name)
                if base in self.sums.parts
                else [f"{name} = {self.copied(base)}"]
            )
            return lines + [line for part in added for line in self.put(part, name, "+=")]
        if len(node.args) == 1:  # into zeros
            dtype = "" if node.dtype == np.float64 else f", np.{node.dtype.name}"
            return [f"{name} = np.zeros({node.static['shape']}{dtype})", *self.put(node, name, "=")]
        x = node.args[0]
        dtype = "" if x.dtype == node.dtype else f".astype(np.{node.dtype.name})"
        first = (
            f"{name} = {in_brackets(self.written[x])}{dtype}"
            if dtype and x.ndim
            else f"{name} = {self.copied(x)}{dtype}"
        )
        return [first, *self.put(node, name, "=" if node.op.replaces else "+=")]

    def put(self, node: Node, name: str, sign: str) -> list[str]:
        """The line that writes, or adds, the last operand of a node at its index."""
        self.hold(node)
        value, index = self.value_put(node), node.static["index"]
        place = index_literal(index, self.statics)
        if (
            _is_basic(index)
            or (node.op is not None and node.op.replaces)
            or not has_repeats(index, node.shape)
        ):
            if sign == "+=" and value[0] == "-" and is_number(node.args[-1]):
                sign, value = "-=", value[1:]
            return [f"{name}[{place}] {sign} {value}"]
        found = literal(index, self.statics) if not isinstance(index, tuple) else f"np.s_[{place}]"
        return [f"np.add.at({name}, {found}, {value})"]

    def value_put(self, node: Node) -> str:
        """The last operand of a node, in a shape that fits to what it is put into."""
        value, place = node.args[-1], selected(node.static["index"], node.shape)
        written = self.operand(value)
        if not isinstance(value, Node) or value.ndim <= len(place):
            return written.text
        return f"{in_brackets(written)}.reshape({value.shape[value.ndim - len(place) :]})"

    def copied(self, node: Node) -> str:
        """An array of one's own with the values of a node."""
        written = self.written[node]
        if node.ndim == 0:
            return f"np.array({written.text})"
        is_new = node.op is not None and not written.text.isidentifier() and not shares(node)
        return written.text if is_new else f"{in_brackets(written)}.copy()"

    # -- functions ---------------------------------------------------------------------------------

    def call_of_helper(self, op: Op, node: Node) -> Written:
        """A call of the function that does what NumPy has no function for."""
        shapes = [(a.shape, a.dtype.str) if isinstance(a, Node) else a for a in node.args]
        key = frozen((op.name, id(op.run), shapes, dict(node.static)))
        known = self.module.known
        if key not in known:
            found = None if op.helper else from_run(op, node, self)  # which has numbers in its text
            text = op.helper or (f"({', '.join(found[0])}):\n{found[1]}" if found else "")
            known[key] = self.module.helper(op.name, text) if text else ""
        if known[key]:
            given = node.args if op.helper else [a for a in node.args if isinstance(a, Node)]
            return Written(f"{known[key]}({', '.join(self.operand(a).text for a in given)})")
        self.hold(node)
        texts = self.arrays(node)
        texts = [f"[{', '.join(texts)}]"] if op.variadic is not None else texts
        texts += statics_text(op, node.static, self.statics)
        return Written(f"{self._function(op)}({', '.join(texts)})")

    def _function(self, op: Op) -> str:
        """The name of a function that is no op of the table's.

        A library's, as its author wrote it, or an argument of the text.
        """
        key = ("function", id(op.run))
        if key not in self.module.known:
            self.module.known[key] = from_library(op, self.module) or from_source(op, self.module)
            if not self.module.known[key]:
                name = self.module.known[key] = self.module.name(op.name)
                self.module.functions[name] = op.run
        return self.module.known[key]


def as_in_books(node: Node) -> Node:
    """A node as books write what it computes."""
    assert node.op is not None
    found = node.op.idiom(node) if node.op.idiom else None
    return node if found is None else Node(node.shape, node.dtype, *found)


def fraction(number: float) -> Written:
    """A number, as a fraction or as what is left of 1 if that is shorter, equal to the last bit."""
    written = python_number(number)
    if len(written.text) <= 8 or not 1e-6 < abs(number) < 1e6:
        return written
    found, rest = Fraction(number).limit_denominator(10_000), round(1 - number, 8)
    if found.numerator / found.denominator == number and len(f"{found}") < len(written.text):
        return Written(f"{found.numerator} / {found.denominator}", PRODUCT)
    return Written(f"1 - {rest}", SUM) if rest > 0 and 1 - rest == number else written


def is_word(text: str) -> bool:
    """Whether a text is a name or a number."""
    return text.replace(".", "").isalnum() or text.isidentifier()


def shares(node: Node) -> bool:
    """Whether a value may lie in the memory of another one."""
    return is_view(node) or not (node.op is not None and is_spelled(node))


def selected(index: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of what an index selects from an array."""
    return np.shape(np.broadcast_to(np.zeros(()), shape)[index])


def has_repeats(index: Any, shape: tuple[int, ...]) -> bool:
    """Whether an index selects an entry more than once."""
    places: Any = np.arange(np.prod(shape, dtype=np.intp)).reshape(shape)[index]
    return bool(np.unique(places).size < places.size)


def reading_order(program: Program) -> list[Node]:
    """The nodes in an order of making them that reads well.

    Gradients of the inputs come as soon as they can, the first input's first.
    """
    places = {node.number: i for i, node in enumerate(program.inputs)}
    needed = {a for node in program.nodes if node.part != "update" for a in node.args}
    start = next((node.number for node in program.nodes if node.part == "backward"), 0)
    keys: dict[Node, tuple[int, int]] = {}
    for node in program.nodes:
        keys[node] = node.number, -1
        is_end = node.about in places and node not in needed
        # a view is no work that a gradient would wait for
        if is_end or (node.part == "backward" and is_view(node)):
            number, _ = max([(start, -1), *(keys[a] for a in node.args if a in keys)])
            keys[node] = number, places[node.about] if is_end else -1
    return sorted(program.nodes, key=keys.__getitem__)
