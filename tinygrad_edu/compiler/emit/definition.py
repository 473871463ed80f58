"""A program as the definition of a function, in a module whose text runs as it stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...notation.literals import python_number
from ...notation.names import cleaned
from ...notation.templates import Written
from ..ir import Node, Program
from ..results import Result
from ..signature import Branch, Input, Signature
from .pretty import Writer
from .spelling import Module, in_brackets, shared
from .text import (
    CALLED,
    WIDTH,
    Names,
    array_text,
    body,
    called,
    has_text,
    quoted,
    renamed,
    tree_text,
    unpacked,
    wrapped,
)


def source(
    name: str, signature: Signature, program: Program, result: Any, writes: type[Writer] = Writer
) -> tuple[str, dict[str, Any]]:
    """The text of a module with one function, which takes arrays in place of Tensors.

    And what it takes beside them: the constants that are not in it.
    """
    names = Names([name, *signature.names])
    writer = writes(program, names)
    taken = write(writer, signature)
    module = writer.module
    small = {key: value for key, value in module.constants.items() if has_text(value)}
    given = {key: value for key, value in module.constants.items() if key not in small}
    given |= module.functions
    given |= {writer.written[node].text: t for node, t in program.outside.items()}
    classes = Classes(module)
    lines = [
        *body(writer.lines),
        *[""] * (len(writer.lines) > 3),
        f"    return {returned(result, program, writer.written, classes.call)}",
    ]
    lines, aliases = unhidden(lines, signature, names)
    arguments = [*signature.names, *(["*", *given] if given else [])]
    lines = [
        f"def {name}({', '.join(arguments)}):",
        *docstring(signature, name, is_whole=not given),
        *taken,
        *[""] * bool(taken),
        *lines,
    ]
    constants = [f"{key} = {array_text(value, len(key) + 3)}" for key, value in small.items()]
    above = [[*writer.imports(), *module.imports], aliases, [*classes.texts], constants]
    blocks = [text for text in map("\n".join, above) if text]
    blocks += [f"\n{text}" for text in module.helpers.values()]
    blocks.append("\n" + "\n".join(part for line in lines for part in wrapped(line)))
    return "\n\n".join(blocks) + "\n", given


def write(writer: Writer, signature: Signature) -> list[str]:
    """Write the lines of a program; gives those that take its arguments apart."""
    # the inputs behind these come from outside
    inputs = writer.program.inputs[: len(signature.inputs)]
    nodes = dict(zip([x.access for x in signature.inputs], inputs, strict=True))
    for parameter, part in signature.parameters():
        if isinstance(part, Input) and parameter not in CALLED:
            writer.written[nodes[part.access]] = Written(parameter)
    writer.write()
    variables = {access: writer.written[node].text for access, node in nodes.items()}
    return [f"    {line}" for line in unpacked(signature, variables)]


def unhidden(
    lines: Sequence[str], signature: Signature, names: Names
) -> tuple[list[str], list[str]]:
    """The lines of a function whose arguments may be called like the modules that it calls.

    It calls those by other names then; and the lines that give these names.
    """
    hidden = {key: names.of(key) for key in sorted(CALLED.intersection(signature.names))}
    aliases = [
        f"{alias} = {key}"
        for key, alias in hidden.items()
        if any(renamed(line, {key: alias}) != line for line in lines)
    ]
    return [renamed(line, hidden) for line in lines], aliases


def docstring(signature: Signature, name: str, is_whole: bool) -> list[str]:
    """What the program was recorded for, in one line, or an argument per line.

    Where the text is not the whole program it says how to give it the rest.
    """
    arguments = [
        cleaned(text, 10 * WIDTH).replace("\\", "/").replace('"', "'")
        for text in signature.described()
    ]
    whole = f'    """Recorded for {", ".join(arguments) or "no arguments"}.'
    lines = [whole]
    if len(whole) + 3 > WIDTH:
        most = WIDTH - 8
        short = [text if len(text) <= most else f"{text[: most - 3]}..." for text in arguments]
        lines = ['    """Recorded for', "", *(f"    {text}" for text in short)]
    if not is_whole:
        given = ", ".join([*["..."] * bool(arguments), "**compiled.constants"])
        call = f"{name}({given})"
        lines += [
            "",
            f"    What has no short text is an argument: {call}, of the compiled function.",
        ]
    return [f'{whole}"""'] if lines == [whole] else [*lines, '    """']


def value_text(value: Any) -> str:
    """A literal, as Python."""
    if type(value) is tuple:
        return f"({', '.join(map(value_text, value))}{',' * (len(value) == 1)})"
    if type(value) is float:
        return python_number(value).text
    return quoted(value) if type(value) is str else repr(value)


class Classes:
    """The classes of what a function returns, which its module makes itself."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.texts: list[str] = []
        self._names: dict[type, str] = {}

    def call(self, branch: Branch) -> str:
        """The name of the class of a container; "" if brackets make it."""
        known, kind = called(branch), branch.kind
        if known and kind not in self._names:
            name = self._names[kind] = self.module.names.of(known)
            fields = f"({quoted(known)}, [{', '.join(map(quoted, branch.fields))}])"
            home, text = (
                ("collections", "OrderedDict")
                if issubclass(kind, dict)
                else ("collections", f"namedtuple{fields}")
                if issubclass(kind, tuple)
                else ("dataclasses", f"make_dataclass{fields}")
            )
            self.module.imports[f"import {home}"] = None
            self.texts.append(f"{name} = {home}.{text}")
        return self._names.get(kind, "")


def returned(
    result: Any,
    program: Program,
    written: Mapping[Node, Written],
    call: Callable[[Branch], str],
) -> str:
    """What the function returns, as Python."""
    are_shared = shared(program.outputs)

    def leaf(part: Any) -> str:
        if not isinstance(part, Result):
            return value_text(part.value)
        text = written[program.outputs[part.number]]
        return f"{in_brackets(text)}.copy()" if are_shared[part.number] else text.text

    text = tree_text(result, leaf, call)
    return text[1:-1].rstrip(",") if text[0] == "(" and len(result.parts) > 1 else text
