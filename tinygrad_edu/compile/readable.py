"""A program as a function that one would write by hand: one line for each thing that has a name, forward and backward parts apart."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ..languages import PRODUCT, SUM, Call, Written, cleaned, index_literal, literal, python_number, statics_text
from ..operation import Op
from ..ops.indexing import _is_basic
from ..registry import registry
from .emit import STATEMENTS, Emitter, Module, in_brackets, is_spelled, shared
from .entry import Result
from .helpers import from_library, from_run, from_source
from .plan import is_view
from .program import Node, Program, frozen
from .signature import Input, Signature
from .simplify import is_number, made_by
from .text import CALLED, WIDTH, Names, array_text, is_pattern, quoted, renamed, tree_text, unpacked, wrapped

LITERAL = 256  # a constant of more entries is an argument
SHORT = ("transpose", "negative")  # x.T and -x
LONG = 64  # an operand longer than this gets a line of its own


class Writer(Emitter):
    """Writes the lines of a program for a reader: what is used once is a part of the line that uses it."""

    def __init__(self, program: Program, names: Names, module: Module | None = None) -> None:
        super().__init__(program, names, module)
        self.lines: list[tuple[str, str]] = []  # (part, line)
        self.parts: dict[Any, list[str]] = {}  # of the lines that use a node
        self.sums = sums_of_parts(program)

    def write(self) -> None:
        """Write all lines."""
        self.name_inputs()
        self.name_constants()
        deltas = [n for n in self.program.nodes if n.hint == "delta" and not n.label and not n.after and self._is_repeated(n)]
        deltas.sort(key=lambda node: node.about)  # the one of the first layer is delta1, though it is the last to be computed
        ends = set(self.program.outputs)
        for node in self.program.nodes:
            for a in node.args:
                self.parts.setdefault(a, []).append(node.part)
        for node in reading_order(self.program):
            if node in self.sums.parts:
                continue  # written where it is added
            is_line = self.has_statements(node)
            written = self.text(node) if not is_line else Written("")
            if not (is_line or has_name(node) or node in ends or self._is_shared(node)) and len(written.text) <= LONG:
                self.written[node] = written
                continue
            if node in deltas:
                name = self.names.of(f"delta{deltas.index(node) + 1}" if len(deltas) > 1 else "delta")
                self.written[node] = Written(name)
            else:
                name = self.name(node)
            self.lines += [(node.part, line) for line in (self.statements(node, name) if is_line else [f"{name} = {written.text}"])]

    def _is_repeated(self, node: Node) -> bool:
        """Whether a value is mentioned more than once."""
        return self.program.uses[node] > 1 or (self.has_statements(node) and node not in self.sums.parts)

    def _is_shared(self, node: Node) -> bool:
        """Whether a node gets a line since it is used more than once; 1 - o and W.T are as short as a name, and so is o - t elsewhere."""
        if self.program.uses[node] < 2:
            return False
        assert node.op is not None
        operands = [a for a in node.args if isinstance(a, Node)]
        if node.hint == "delta" or not all(self.written[a].text.isidentifier() for a in operands):
            return True
        if len(operands) == 1:
            return node.op.name not in SHORT and not (isinstance(node.op.run, np.ufunc) and len(node.args) == 2)
        return node.op.name != "subtract" or sorted(self.parts.get(node, [])) != ["backward", "forward"]

    def text(self, node: Node) -> Written:
        """What a node is made by."""
        assert node.op is not None
        if not is_spelled(node):
            return self.call_of_helper(node.op, node)
        call, operands = as_in_books(node, self.operands(node))
        self.hold(node)
        op = call.op
        if op.name == "power" and np.dtype(bool) in [a.dtype for a in node.args if isinstance(a, Node)]:  # `**` squares booleans to int8
            return Written(f"np.power({', '.join(text for text, _ in operands)})")
        written = self.language.call(call, operands, self.statics)
        if op.name == "power" and all(text.replace(".", "").isalnum() or text.isidentifier() for text, _ in operands):
            return written._replace(text=written.text.replace(" ** ", "**"))
        return written

    def operand(self, a: Any) -> Written:
        return fraction(a) if type(a) is float else super().operand(a)

    def has_statements(self, node: Node) -> bool:
        """Whether a node takes lines of its own, since NumPy has no expression for it."""
        return node in self.sums.bases or (node.op is not None and node.op.name in STATEMENTS)

    def imports(self) -> list[str]:
        """The lines that import what the text calls."""
        return ["import numpy as np"]

    # -- values that are written in parts --------------------------------------------------------------------------------------

    def statements(self, node: Node, name: str) -> list[str]:
        """The lines that put values among others, or among zeros."""
        assert node.op is not None
        if node in self.sums.bases:
            base, added = self.sums.bases[node]
            lines = self.statements(base, name) if base in self.sums.parts else [f"{name} = {self.copied(base)}"]
            return lines + [line for part in added for line in self.put(part, name, "+=")]
        if node.op.name == "scatter":
            dtype = "" if node.dtype == np.float64 else f", np.{node.dtype.name}"
            return [f"{name} = np.zeros({node.static['shape']}{dtype})", *self.put(node, name, "=")]
        x = node.args[0]
        dtype = "" if x.dtype == node.dtype else f".astype(np.{node.dtype.name})"
        first = f"{name} = {in_brackets(self.written[x])}{dtype}" if dtype and x.ndim else f"{name} = {self.copied(x)}{dtype}"
        return [first, *self.put(node, name, "=" if node.op.name == "index_set" else "+=")]

    def put(self, node: Node, name: str, sign: str) -> list[str]:
        """The line that writes, or adds, the last operand of a node at its index."""
        self.hold(node)
        value, index = self.value_put(node), node.static["index"]
        place = index_literal(index, self.statics)
        if _is_basic(index) or node.op is registry["index_set"] or not has_repeats(index, node.shape):
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

    # -- functions -------------------------------------------------------------------------------------------------------------

    def call_of_helper(self, op: Op, node: Node) -> Written:
        """A call of the function that does what NumPy has no function for."""
        shapes = [(a.shape, a.dtype.str) if isinstance(a, Node) else a for a in node.args]
        key = frozen((op.name, id(op.run), shapes, dict(node.static)))
        known = self.module.known
        if key not in known:
            found = None if op.helper else from_run(op, node, self)
            text = op.helper or (f"({', '.join(found[0])}):\n{found[1]}" if found else "")
            known[key] = self.module.helper(op.name, text) if text else ""
        if known[key]:
            return Written(f"{known[key]}({', '.join(self.written[a].text for a in node.args if isinstance(a, Node))})")
        self.hold(node)
        texts = self.arrays(node)
        texts = [f"[{', '.join(texts)}]"] if op.variadic is not None else texts
        return Written(f"{self._function(op)}({', '.join([*texts, *statics_text(op, node.static, self.statics)])})")

    def _function(self, op: Op) -> str:
        """The name of a function that is no op of the table's: a library's, as its author wrote it, or an argument of the text."""
        key = ("function", id(op.run))
        if key not in self.module.known:
            self.module.known[key] = from_library(op, self.module) or from_source(op, self.module)
            if not self.module.known[key]:
                name = self.module.known[key] = self.module.name(op.name)
                self.module.functions[name] = op.run
        return self.module.known[key]


def has_name(node: Node) -> bool:
    """Whether a value has a name of its own: the user's, or that of a gradient at an input."""
    return bool(node.label) or (node.after is not None and node.after[1].op is None)


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


class Sums(NamedTuple):
    """Sums of values among zeros: each is one array to which parts are added."""

    bases: dict[Node, tuple[Node, list[Node]]]  # a sum -> what it begins with, and what is added at places of it
    parts: set[Node]  # those, and the sums within a sum


def sums_of_parts(program: Program) -> Sums:
    """The sums of a program to which a part among zeros is added."""
    found, inner = Sums({}, set()), program.uses

    def is_part(a: Any, node: Node) -> bool:
        is_own = isinstance(a, Node) and inner[a] == 1 and a.shape == node.shape and a.dtype == node.dtype and not has_name(a)
        return is_own and a.op is registry["scatter"] and a not in program.outputs

    for node in program.nodes:
        if node.op is not registry["add"] or not isinstance(node.args[0], Node) or not isinstance(node.args[1], Node):
            continue
        x, y = node.args if is_part(node.args[1], node) else node.args[::-1]
        if not is_part(y, node) or x is y or (x.shape, x.dtype) != (node.shape, node.dtype):
            continue
        if x in found.bases and inner[x] == 1 and not has_name(x) and x not in program.outputs:
            base, added = found.bases.pop(x)
            found.parts.add(x)
        else:
            base, added = x, []
            if is_part(x, node):
                found.parts.add(x)
        found.bases[node] = base, [*added, y]
        found.parts.add(y)
    return found


def fraction(number: float) -> Written:
    """A number; as a fraction, or as what is left of 1, if that is shorter and equal to the last bit."""
    written = python_number(number)
    if len(written.text) <= 8 or not 1e-6 < abs(number) < 1e6:
        return written
    found, rest = Fraction(number).limit_denominator(10_000), round(1 - number, 8)
    if found.numerator / found.denominator == number and len(f"{found}") < len(written.text):
        return Written(f"{found.numerator} / {found.denominator}", PRODUCT)
    return Written(f"1 - {rest}", SUM) if rest > 0 and 1 - rest == number else written


def as_in_books(node: Node, operands: list[Written]) -> tuple[Call, list[Written]]:
    """What a node is written as: 2 * x for x + x, 1 / x for a reciprocal, 1 + exp(x) for exp(x) + 1, x[:, None]; equal to the last bit."""
    op, args = node.op, node.args
    assert op is not None
    if op.name == "expand_dims" and isinstance(node.static["axis"], int):
        axis = node.static["axis"] % node.ndim
        index = (..., None) if 1 < axis == node.ndim - 1 else (*[slice(None)] * axis, None)
        return Call(registry["getitem"], args, {"index": index if axis else None}, node.ndim), operands
    call = Call(op, args, node.static, node.ndim)
    if node.dtype.kind != "f":
        return call, operands
    if op.name == "add" and args[0] is args[1]:
        return call._replace(op=registry["multiply"], args=(2, args[0])), [python_number(2), operands[0]]
    if op.name == "reciprocal" and args[0].dtype == node.dtype:
        return call._replace(op=registry["divide"], args=(1, *args)), [python_number(1), *operands]
    if op.name == "add" and made_by(args[0], "exp") and is_number(args[1]):
        return call._replace(args=args[::-1]), operands[::-1]
    return call, operands


def reading_order(program: Program) -> list[Node]:
    """The nodes in an order of making them, in which the gradients of the inputs come as soon as they can, the first input's first."""
    places = {node.number: i for i, node in enumerate(program.inputs)}
    needed = {a for node in program.nodes if node.part != "update" for a in node.args}
    start = next((node.number for node in program.nodes if node.part == "backward"), 0)
    keys: dict[Node, tuple[int, int]] = {}
    for node in program.nodes:
        keys[node] = node.number, -1
        is_end = node.about in places and node not in needed
        if is_end or (node.part == "backward" and is_view(node)):  # a view is no work that a gradient would wait for
            number, _ = max([(start, -1), *(keys[a] for a in node.args if a in keys)])
            keys[node] = number, places[node.about] if is_end else -1
    return sorted(program.nodes, key=keys.__getitem__)


def body(writer: Writer, indent: str = "    ", comments: bool = True) -> list[str]:
    """The lines, with a comment where a part begins."""
    lines: list[str] = []
    part = None
    known = {p for p, _ in writer.lines}
    for node_part, line in writer.lines:
        if node_part != part and comments and len(known) > 1:
            lines += [""] * bool(lines) + [f"{indent}# {node_part}"]
        part = node_part
        lines.append(indent + line)
    return lines


def source(name: str, signature: Signature, program: Program, result: Any, writes: type[Writer] = Writer) -> tuple[str, dict[str, Any]]:
    """The text of a module with one function, which takes arrays in place of Tensors; and the constants that are not in it."""
    names = Names([name, *signature.names])
    writer = writes(program, names)
    nodes = dict(zip([found.access for found in signature.inputs], program.inputs, strict=False))  # the others come from outside
    for parameter, part in zip(signature.names, [*signature.args, *signature.kwargs.values()], strict=True):
        if isinstance(part, Input) and parameter not in CALLED:
            writer.written[nodes[part.access]] = Written(parameter)
    writer.write()
    module = writer.module
    small = {key: value for key, value in module.constants.items() if has_text(value)}
    large = {key: value for key, value in module.constants.items() if key not in small} | module.functions
    large |= {writer.written[node].text: t for node, t in program.outside.items()}
    taken = [f"    {line}" for line in unpacked(signature, {access: writer.written[node].text for access, node in nodes.items()})]
    lines = [*body(writer), *[""] * (len(writer.lines) > 3), f"    return {returned(result, program, writer.written)}"]
    # an argument may be called like a module: then the function calls the module by another name
    hidden = {key: names.of(key) for key in sorted(CALLED.intersection(signature.names))}
    aliases = [f"{alias} = {key}" for key, alias in hidden.items() if any(renamed(line, {key: alias}) != line for line in lines)]
    lines = [renamed(line, hidden) for line in lines]
    arguments = [*signature.names, *(["*", *large] if large else [])]
    lines = [f"def {name}({', '.join(arguments)}):", *docstring(signature, name, large), *taken, *[""] * bool(taken), *lines]
    texts = ["".join(f"{line}\n" for line in [*writer.imports(), *module.imports])]
    texts += ["".join(f"{line}\n" for line in aliases)] * bool(aliases)
    texts += ["".join(f"{key} = {array_text(value, len(key) + 3)}\n" for key, value in small.items())] if small else []
    texts += [f"\n{text}\n" for text in module.helpers.values()]
    texts.append("\n" + "\n".join(part for line in lines for part in wrapped(line)) + "\n")
    return "\n".join(texts), large


def has_text(array: Any) -> bool:
    """Whether a constant is written out, to the last bit."""
    return array.dtype != np.longdouble and (array.size <= LITERAL or is_pattern(array))


def docstring(signature: Signature, name: str, large: Mapping[str, Any]) -> list[str]:
    """What the program was recorded for, in one line, or an argument per line; and how to give it what is not in the text."""
    arguments = [cleaned(text, 10 * WIDTH).replace("\\", "/").replace('"', "'") for text in signature.described()]
    whole = f'    """Recorded for {", ".join(arguments) or "no arguments"}.'
    lines = [whole]
    if len(whole) + 3 > WIDTH:
        described = [text if len(text) <= WIDTH - 8 else text[: WIDTH - 11] + "..." for text in arguments]
        lines = ['    """Recorded for', "", *(f"    {text}" for text in described)]
    if large:
        given = ", ".join([*["..."] * bool(arguments), "**compiled.constants"])
        lines += ["", f"    What has no short text is an argument: {name}({given}), of the compiled function."]
    return [f'{whole}"""'] if lines == [whole] else [*lines, '    """']


def value_text(value: Any) -> str:
    """A literal, as Python."""
    if type(value) is tuple:
        return f"({', '.join(map(value_text, value))}{',' * (len(value) == 1)})"
    return python_number(value).text if type(value) is float else quoted(value) if type(value) is str else repr(value)


def returned(result: Any, program: Program, written: Mapping[Node, Written]) -> str:
    """What the function returns, as Python."""
    are_shared = shared(program.outputs)

    def leaf(part: Any) -> str:
        if not isinstance(part, Result):
            return value_text(part.value)
        text = written[program.outputs[part.number]]
        return f"{in_brackets(text)}.copy()" if are_shared[part.number] else text.text

    text = tree_text(result, leaf)
    return text[1:-1].rstrip(",") if text[0] == "(" and len(result.parts) > 1 else text
