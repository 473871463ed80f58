"""What all texts of a program share: names, constants, literals, how an op is spelled.

The one to read, the one that runs, JAX's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ...engine.op import Op
from ...notation.literals import literal, python_number
from ...notation.printers import LANGUAGES
from ...notation.python import Call
from ...notation.templates import ATOM, Written
from ..ir import Node, Program, frozen
from ..passes.allocate import is_view
from ..passes.lower import is_plain
from .text import LOCAL, Names, is_range


class Module:
    """What stands above the function of a text.

    Constants by name, and helper functions with their texts.
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self.constants: dict[str, Any] = {}
        self.helpers: dict[str, str] = {}
        # those that have no text: they are given to the function as arguments
        self.functions: dict[str, Any] = {}
        self.known: dict[Any, str] = {}  # the name of a helper by what it does; "" if there is none
        self.imports: dict[str, None] = {}

    def name(self, wanted: str) -> str:
        """A name for a helper, which is none of a local variable of another helper."""
        return self.names.of(f"{wanted}_op" if LOCAL.fullmatch(wanted) else wanted)

    def helper(self, wanted: str, text: str) -> str:
        """The name of a helper function, given all of its text but `def` and the name.

        Equal ones are one.
        """
        for name, known in self.helpers.items():
            if known == f"def {name}{text}":
                return name
        name = self.name(wanted)
        self.helpers[name] = f"def {name}{text}"
        return name


class Emitter:
    """Writes the values of a program as Python.

    Where a line begins, and where results go, its heirs say.
    """

    def __init__(self, program: Program, names: Names, module: Module | None = None) -> None:
        self.program, self.names = program, names
        self.module = module or Module(names)
        self.language = LANGUAGES["python"]
        self.written: dict[Node, Written] = {}
        self.lines: list[tuple[str, str]] = []  # (part, line)
        self.statics: dict[int, str] = {}  # arrays in static arguments, an index say, by id
        self.same: dict[Any, str] = {}  # and by value
        self.kept: list[Any] = []  # whose ids must not be another's

    def write(self) -> None:
        """Write all lines."""
        raise NotImplementedError

    # -- names -------------------------------------------------------------------------------------

    def name(self, node: Node) -> str:
        """Give a value its name.

        The user's, one after the value that it is the gradient of, or a number.
        """
        label = node.label
        if not label and node.after is not None:
            prefix, at = node.after
            known = self.written.get(at, Written("")).text
            label = f"{prefix}_{known if known.isidentifier() else at.label}"
        name = (
            self.names.of(label)
            if label
            else self.names.numbered("c" if node.is_constant else node.hint)
        )
        self.written[node] = Written(name)
        return name

    def name_inputs(self) -> list[str]:
        """Give the inputs their names."""
        return [
            self.written[node].text if node in self.written else self.name(node)
            for node in self.program.inputs
        ]

    def name_constants(self) -> None:
        """Give the arrays that are known in advance their names, and numbers their literals."""
        for node in self.program.constants:
            if node.ndim == 0:
                self.written[node] = python_number(node.value)
            else:
                self.module.constants[self.name(node)] = node.value

    def hold(self, node: Node) -> None:
        """Name the arrays that static arguments consist of."""
        for part in (part for value in node.static.values() for part in parts(value)):
            if id(part) not in self.statics and not self.has_literal(part):
                self.kept.append(part)
                self.statics[id(part)] = self.named(part)

    def named(self, part: Any) -> str:
        """The name of a static array; equal ones have one, and what counts from 0 is said so."""
        if isinstance(part, np.ndarray) and is_range(part):
            return f"np.arange({part.size})"
        key = frozen(part)
        if key not in self.same:
            label = self.program.static_names.get(id(part), "")
            self.same[key] = self.names.of(label) if label else self.names.numbered("c")
            self.module.constants[self.same[key]] = part
        return self.same[key]

    def has_literal(self, part: Any) -> bool:
        """Whether a static argument, or a part of one, is written as it is."""
        return literal(part, {}) is not None

    # -- ops ---------------------------------------------------------------------------------------

    def operand(self, a: Any) -> Written:
        """An operand: a value by its text, or a number."""
        return self.written[a] if isinstance(a, Node) else python_number(a)

    def operands(self, node: Node) -> list[Written]:
        """The operands of a node, written already."""
        return [self.operand(a) for a in node.args]

    def spelled(self, node: Node) -> Written:
        """A plain op on its operands, as NumPy spells it."""
        assert node.op is not None
        self.hold(node)
        return self.language.call(
            Call(node.op, node.args, node.static, node.ndim), self.operands(node), self.statics
        )

    def arrays(self, node: Node) -> list[str]:
        """The operands for a function that may not take NumPy's scalars.

        Values without axes are such scalars in a program.
        """
        texts = []
        for a, (text, _) in zip(node.args, self.operands(node), strict=True):
            is_scalar = isinstance(a, Node) and a.ndim == 0 and a.op is not None
            texts.append(f"np.asarray({text})" if is_scalar else text)
        return texts


def is_spelled(node: Node) -> bool:
    """Whether NumPy has an expression for an op."""
    op = node.op
    return op is not None and not has_statements(op) and (is_plain(op) or op.is_expression)


def is_new(node: Node) -> bool:
    """Whether NumPy gives an array of its own, where it gives no view."""
    return is_spelled(node) or (node.op is not None and has_statements(node.op))


def has_statements(op: Op) -> bool:
    """Whether NumPy needs statements for an op: a copy, and what is put into that."""
    return op.kind == "scatter" and op.is_primitive


def shared(outputs: Sequence[Node]) -> list[bool]:
    """For each result whether it has to be copied to be the caller's own.

    It lies in another's memory, or repeats its entries.
    """
    given: set[Node] = set()
    found = []
    for node in outputs:
        root, is_stretched = node, False
        while is_view(root):
            root, is_stretched = (
                root.args[0],
                is_stretched or (root.op is not None and root.op.kind == "broadcast"),
            )
        found.append(is_stretched or root in given or not is_new(root))
        given.add(root)
    return found


def parts(value: Any) -> Iterator[Any]:
    """The parts of a static argument, an index say."""
    if isinstance(value, (tuple, list)):
        for part in value:
            yield from parts(part)
    else:
        yield value


def in_brackets(written: Written) -> str:
    """A text before a dot or a bracket."""
    return written.text if written.level == ATOM else f"({written.text})"


def has_name(node: Node) -> bool:
    """Whether a value has a name of its own: the user's, or that of a gradient at an input."""
    return bool(node.label) or (node.after is not None and node.after[1].op is None)
