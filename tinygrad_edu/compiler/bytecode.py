"""What a function's code reads and binds, by its instructions."""

from __future__ import annotations

import dis
import re
from collections.abc import Sequence
from functools import cache
from types import CodeType

SKIPPED = ("CACHE", "EXTENDED_ARG", "NOP", "RESUME", "PUSH_NULL")
ADDERS = ("append", "extend", "add", "update", "insert", "setdefault")


@cache
def names_in(code: CodeType) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """The globals, closed-over variables and attributes that code reads, inner functions too.

    What is only counted up, as in `n += 1`, `count["n"] += 1` and `self.n += 1`, or only added to,
    `log.append(x)`, is not read.
    """
    found: dict[str, set[str]] = {"GLOBAL": set(), "DEREF": set(), "ATTR": set()}
    instructions = [i for i in dis.get_instructions(code) if i.opname not in SKIPPED]
    for place, instruction in enumerate(instructions):
        kind, _, of = instruction.opname.partition("_")
        of = {"NAME": "GLOBAL", "METHOD": "ATTR", "SUPER_ATTR": "ATTR"}.get(of, of)
        after = instructions[place + 1 : place + 4]
        if (
            kind == "LOAD"
            and of in found
            and not is_only_written(instruction, instructions[place - 1 : place], after)
        ):
            found[of].add(instruction.argval)
    if any(i.opname == "MATCH_CLASS" for i in instructions):
        # `case Point(x=x)` reads attributes that it does not name in its instructions
        found["ATTR"].add("__dict__")
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            for kind, names in zip(found, names_in(inner), strict=True):
                found[kind] |= names
    return frozenset(found["GLOBAL"]), frozenset(found["DEREF"]), frozenset(found["ATTR"])


def words_in(code: CodeType) -> set[str]:
    """The words in the texts of a function's code, any of which may be a name."""
    texts = [constant for constant in code.co_consts if isinstance(constant, str)]
    inner = [words_in(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    return set(re.findall(r"\w+", " ".join(texts))).union(*inner)


def is_only_written(
    load: dis.Instruction, before: Sequence[dis.Instruction], after: Sequence[dis.Instruction]
) -> bool:
    """Whether an instruction loads something in order to count it up, or to add to it."""
    if len(after) < 3:
        return False
    names = [i.opname for i in after]
    if names[0] in ("LOAD_ATTR", "LOAD_METHOD") and after[0].argval in ADDERS:
        return True
    if load.opname in ("LOAD_ATTR", "LOAD_METHOD"):
        return (
            bool(before)
            and before[0].opname == "COPY"
            and names[0].startswith("LOAD_")
            and names[1] == "BINARY_OP"
        )
    if names[1] == "BINARY_OP" and names[2].startswith("STORE_"):
        return names[0].startswith("LOAD_") and after[2].argval == load.argval
    return names == ["LOAD_CONST", "COPY", "COPY"]


def loop_variables(code: CodeType) -> set[str]:
    """The variables of a function that a `for` binds: they name now this, now that."""
    found: set[str] = set()
    wanted = 0
    for instruction in dis.get_instructions(code):
        if instruction.opname == "FOR_ITER":
            wanted = 1
        elif wanted and instruction.opname.startswith("UNPACK"):
            wanted += int(instruction.arg or 0) - 1
        elif wanted and instruction.opname.startswith("STORE"):
            names = (
                instruction.argval
                if isinstance(instruction.argval, tuple)
                else (instruction.argval,)
            )
            found.update(map(str, names))
            wanted = max(wanted - len(names), 0)
        elif instruction.opname not in ("CACHE", "NOP", "EXTENDED_ARG"):
            wanted = 0
    return found
