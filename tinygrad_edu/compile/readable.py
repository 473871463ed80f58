"""A program as a function that one would write by hand: one line for each thing that has a name, forward and backward parts apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ..languages import ATOM, LANGUAGES, Call, Written, cleaned, literal, python_number, statics_text
from ..operation import Op
from ..registry import registry
from .entry import Result
from .helpers import from_run, from_source
from .lower import is_plain
from .plan import is_view
from .program import Node, Program, frozen
from .signature import Signature
from .simplify import is_number, made_by
from .text import WIDTH, Names, array_text, quoted, tree_text, unpacked

LITERAL = 256  # a constant of more entries is an argument
METHODS = frozenset(("var", "std", "clip"))  # which arrays have, beside the plain ops
WITHOUT_FUNCTION = frozenset(("scatter", "index_set", "index_add"))  # plain, but NumPy needs statements for them
SHORT = ("transpose", "negative")  # x.T and -x
LONG = 64  # an operand longer than this gets a line of its own


class Writer:
    """Writes the lines of a program."""

    imports = "import numpy as np\n"

    def __init__(self, program: Program, helpers: dict[str, str], taken: Iterable[str] = ()) -> None:
        self.program = program
        self.language = LANGUAGES["python"]
        self.names = Names(taken)
        self.helpers = helpers  # functions by name
        self.functions: dict[str, str] = {}  # op -> name of the function that was imported for it
        self.called: dict[Any, str] = {}  # the function for an op with some static arguments, on operands of some shapes; none: ""
        self.written: dict[Node, Written] = {}
        self.lines: list[tuple[str, str]] = []  # (part, line)
        self.parts: dict[Any, list[str]] = {}  # of the lines that use a node
        self.constants: dict[str, Any] = {}
        self.statics: dict[int, str] = {}  # arrays in static arguments, an index say, by id

    def write(self) -> None:
        """Write all lines."""
        for node in self.program.inputs:
            self.name(node)
        for node in self.program.constants:
            if node.ndim == 0:
                self.written[node] = python_number(node.value)
            else:
                self.constants[self.name(node, "c")] = node.value
        deltas = [node for node in self.program.nodes if node.hint == "delta" and not node.label and self.program.uses[node] > 1]
        deltas.sort(key=lambda node: node.about)  # the one of the first layer is delta1, though it is the last to be computed
        ends = set(self.program.outputs)
        for node in self.program.nodes:
            for a in node.args:
                self.parts.setdefault(a, []).append(node.part)
        for node in reading_order(self.program):
            written = self.text(node)
            if not node.label and node not in ends and not self._is_shared(node) and len(written.text) <= LONG:
                self.written[node] = written
                continue
            if node in deltas:
                name = self.names.of(f"delta{deltas.index(node) + 1}" if len(deltas) > 1 else "delta")
                self.written[node] = Written(name)
            else:
                name = self.name(node)
            self.lines.append((node.part, f"{name} = {self.spelled(written.text)}"))

    def spelled(self, text: str) -> str:
        """A line's text, in the words of the module that it calls."""
        return text

    def name(self, node: Node, hint: str = "") -> str:
        """Give a node its name."""
        name = self.names.numbered(hint) if hint and not node.label else self.names.of_node(node)
        self.written[node] = Written(name)
        return name

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
        op = node.op
        if op.name in WITHOUT_FUNCTION or not (is_plain(op) or op.name in METHODS):
            return self.call_of_helper(op, node)
        self.hold_parts(node)
        op, args, operands = as_in_books(node, self.operands(node))
        written = self.language.call(Call(op, args, node.static, node.ndim), operands, self.statics)
        if op.name == "power" and all(text.replace(".", "").isalnum() or text.isidentifier() for text, _ in operands):
            return written._replace(text=written.text.replace(" ** ", "**"))
        return written

    def operands(self, node: Node) -> list[Written]:
        """The operands of a node, written already."""
        return [self.written[a] if isinstance(a, Node) else python_number(a) for a in node.args]

    def has_literal(self, part: Any) -> bool:
        """Whether a static argument, or a part of one, is written as it is."""
        return literal(part, {}) is not None

    def hold_parts(self, node: Node) -> None:
        """Name the arrays that static arguments consist of."""
        for part in (part for value in node.static.values() for part in parts(value)):
            if id(part) not in self.statics and not self.has_literal(part):
                label = self.program.static_names.get(id(part), "")
                self.statics[id(part)] = self.names.of(label) if label else self.names.numbered("c")
                self.constants[self.statics[id(part)]] = part

    def call_of_helper(self, op: Op, node: Node) -> Written:
        """A call of the function that does what NumPy has no function for."""
        operands = [(a.shape, a.dtype.str) if isinstance(a, Node) else a for a in node.args]
        key = frozen((op.name, operands, dict(node.static)))
        if key not in self.called:
            found = from_run(op, node, self)
            self.called[key] = self._defined(op, f"({', '.join(found[0])}):\n{found[1]}") if found else ""
        if self.called[key]:
            return Written(f"{self.called[key]}({', '.join(self.written[a].text for a in node.args if isinstance(a, Node))})")
        self.hold_parts(node)
        texts = [text for text, _ in self.operands(node)]
        texts = [f"[{', '.join(texts)}]"] if op.variadic is not None else texts
        return Written(f"{self._imported(op)}({', '.join([*texts, *statics_text(op, node.static, self.statics)])})")

    def _imported(self, op: Op) -> str:
        """The name of a function that is not plain NumPy: as its author wrote it, or from the table of ops."""
        if op.name not in self.functions:
            name = self.functions[op.name] = self.names.of(op.name)
            self.helpers[name] = from_source(op, name) or f"{name} = tinygrad_edu.registry.registry[{op.name!r}].run"
        return self.functions[op.name]

    def _defined(self, op: Op, rest: str) -> str:
        """The name of a helper; equal ones are one."""
        for name, known in self.helpers.items():
            if known == f"def {name}{rest}":
                return name
        name = self.names.of(op.name)
        self.helpers[name] = f"def {name}{rest}"
        return name


def as_in_books(node: Node, operands: list[Written]) -> tuple[Op, tuple[Any, ...], list[Written]]:
    """What a node is written as: 2 * x for x + x, 1 / x for its reciprocal, 1 + exp(x) for exp(x) + 1, all equal to the last bit."""
    op, args = node.op, node.args
    assert op is not None
    if node.dtype.kind != "f":
        return op, args, operands
    if op.name == "add" and args[0] is args[1]:
        return registry["multiply"], (2, args[0]), [python_number(2), operands[0]]
    if op.name == "reciprocal" and args[0].dtype == node.dtype:
        return registry["divide"], (1, *args), [python_number(1), *operands]
    if op.name == "add" and made_by(args[0], "exp") and is_number(args[1]):
        return op, args[::-1], operands[::-1]
    return op, args, operands


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


def parts(value: Any) -> Iterator[Any]:
    """The parts of a static argument, an index say."""
    if isinstance(value, (tuple, list)):
        for part in value:
            yield from parts(part)
    else:
        yield value


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
    """The text of a module with one function, which takes arrays in place of Tensors; and the constants too large to be in it."""
    writer = writes(program, {}, [name, *(set(signature.names) - {node.label for node in program.inputs})])
    writer.write()
    variables = {found.access: writer.written[node].text for found, node in zip(signature.inputs, program.inputs, strict=False)}
    small = {key: value for key, value in writer.constants.items() if value.size <= LITERAL}
    large = {key: value for key, value in writer.constants.items() if key not in small}
    large |= {writer.written[node].text: t for node, t in program.outside.items()}
    arguments = [*signature.names, *(["*", *large] if large else [])]
    imports = "import tinygrad_edu\n" if any("tinygrad_edu." in text for text in writer.helpers.values()) else ""
    texts = [f"{writer.imports}{imports}"]
    texts += ["".join(f"{key} = {array_text(value, len(key) + 3)}\n" for key, value in small.items())] if small else []
    texts += [f"\n{text}\n" for text in writer.helpers.values()]
    lines = [f"def {name}({', '.join(arguments)}):", *docstring(signature)]
    taken = unpacked(signature, variables)
    lines += [f"    {line}" for line in taken] + [""] * bool(taken) + body(writer)
    given = returned(result, program, writer.written)
    lines += [""] * (len(writer.lines) > 3) + [f"    return {given}"]
    texts.append("\n" + "\n".join(lines) + "\n")
    return "\n".join(texts), large


def docstring(signature: Signature) -> list[str]:
    """What the program was recorded for: in one line, or an argument per line."""
    arguments = [cleaned(text, 10 * WIDTH).replace("\\", "/").replace('"', "'") for text in signature.described()]
    whole = f'    """Recorded for {", ".join(arguments) or "no arguments"}."""'
    if len(whole) <= WIDTH:
        return [whole]
    lines = [text if len(text) <= WIDTH - 8 else text[: WIDTH - 11] + "..." for text in arguments]
    return ['    """Recorded for', "", *(f"    {text}" for text in lines), '    """']


def value_text(value: Any) -> str:
    """A literal, as Python."""
    if type(value) is tuple:
        return f"({', '.join(map(value_text, value))}{',' * (len(value) == 1)})"
    return python_number(value).text if type(value) is float else quoted(value) if type(value) is str else repr(value)


def returned(result: Any, program: Program, written: Mapping[Node, Written]) -> str:
    """What the function returns, as Python."""

    def leaf(part: Any) -> str:
        if isinstance(part, Result):
            node = program.outputs[part.number]
            text = written[node]
            is_new = node.op is not None and node.op.name not in ("transpose", "reshape", "swapaxes", "getitem")
            return text.text if is_new else f"{text.text if text.level == ATOM else f'({text.text})'}.copy()"
        return value_text(part.value)

    text = tree_text(result, leaf)
    return text[1:-1].rstrip(",") if text[0] == "(" and len(result.parts) > 1 else text
