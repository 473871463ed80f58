"""The house: arrows point one way, no reader asks an op for its name, and modules are short."""

from __future__ import annotations

import ast
import re
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import tinygrad_edu as tg

PACKAGE = Path(tg.__file__).parent
SOURCES = {
    path.relative_to(PACKAGE).with_suffix("").parts: path.read_text(encoding="utf-8")
    for path in PACKAGE.rglob("*.py")
}
# The floors, from the ground up: a module imports from its own room and from those below; rooms on
# one floor stand side by side.
FLOORS = (
    {"engine", "files"},
    {"graph"},
    {"ops"},
    {"functions", "pullback", "datasets"},
    {"numpy_functions"},
    {"networks"},
    {"transforms"},
    {"notation"},
    {"anomaly", "compiler", "derivation", "drawing", "explanation", "testing"},
    {"player"},
    {"__init__"},
    {"stubs"},
)
FLOOR = {room: i for i, rooms in enumerate(FLOORS) for room in rooms}


def imported(place: tuple[str, ...], source: str) -> set[tuple[str, ...]]:
    """The modules of the package that one imports: at once, when needed, or for types alone."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                root, *module = alias.name.split(".")
                if root == "tinygrad_edu":
                    found.add(tuple(module))
        elif isinstance(node, ast.ImportFrom):
            root, *module = (node.module or "").split(".")
            if node.level:  # relative to the package that is so many levels up
                module = [*place[: len(place) - node.level], *filter(None, (root, *module))]
            elif root != "tinygrad_edu":
                continue
            for alias in node.names:
                inner = (*module, alias.name)
                found.add(inner if is_module(inner) else tuple(module))
    named = {(name if name in SOURCES else (*name, "__init__")) for name in found}
    return named - {place}


def is_module(name: tuple[str, ...]) -> bool:
    return name in SOURCES or (*name, "__init__") in SOURCES


@cache
def arrows() -> dict[tuple[str, ...], set[tuple[str, ...]]]:
    """What each module of the package imports of it."""
    return {place: imported(place, source) for place, source in SOURCES.items()}


def test_every_room_has_its_floor():
    assert {place[0] for place in SOURCES} == set(FLOOR)


def test_arrows_point_down():
    upward = [(a, b) for a, others in arrows().items() for b in others if FLOOR[b[0]] > FLOOR[a[0]]]
    assert not upward
    apart = [(a, b) for a, others in arrows().items() for b in others if a[0] != b[0]]
    sideways = [(a, b) for a, b in apart if FLOOR[b[0]] == FLOOR[a[0]]]
    assert not sideways, "two readers of the graph that need the same have it in a room below"


def test_no_modules_import_each_other():
    TopologicalSorter(arrows()).prepare()  # a CycleError names them


ASKED = re.compile(r"\bop\.name\s*(==|!=|in\b|not in\b)")


def test_nobody_outside_of_the_table_asks_an_op_for_its_name():
    outside = {place: source for place, source in SOURCES.items() if place[0] != "ops"}
    asking = [place for place, source in outside.items() if ASKED.search(source)]
    assert not asking, "what differs from op to op is a fact of the op"


def test_a_module_is_read_in_one_sitting():
    lines = {place: source.count("\n") for place, source in SOURCES.items() if place[0] != "ops"}
    assert not {place: n for place, n in lines.items() if n > 350}
