"""The package as it is installed: what importing it brings along, and what it says of itself."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import types
from configparser import ConfigParser
from graphlib import TopologicalSorter
from importlib import metadata, resources
from pathlib import Path

import tinygrad_edu as tg

ROOT = Path(__file__).parents[1]
SETUP = ConfigParser()
SETUP.read(ROOT / "setup.cfg", encoding="utf-8")


def printed(program: str) -> set[str]:
    """The words that a program prints, run by a Python of its own."""
    return set(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split())


def test_importing_it_imports_numpy_and_nothing_else() -> None:
    program = "import sys, {}; print(*sys.modules)"
    # what NumPy and a hook of Python's start-up import, as an editable install has one, does not count
    more = printed(program.format("tinygrad_edu")) - printed(program.format("numpy"))
    outside = {name.partition(".")[0] for name in more} - sys.stdlib_module_names
    assert outside == {"tinygrad_edu"}
    readers = {f"tinygrad_edu.{name}" for name in ("formula", "languages", "derive.walk", "explain.chain", "draw.levels", "player.page")}
    unneeded = readers | {"tinygrad_edu.stubs", "numpy.typing", "subprocess", "argparse", "pathlib"}
    assert not more & unneeded, "not needed by who only computes"


def imported() -> dict[str, set[str]]:
    """For each module and subpackage the others that it imports, at once or when needed; not those that its types alone name."""
    package = Path(tg.__file__).parent
    found: dict[str, set[str]] = {}
    for path in package.rglob("*.py"):
        place = path.relative_to(package).with_suffix("").parts
        tree = ast.parse(path.read_text(encoding="utf-8"))
        types_only = {
            n for part in ast.walk(tree) if isinstance(part, ast.If) and ast.unparse(part.test) == "TYPE_CHECKING" for n in part.body
        }
        for node in ast.walk(tree):
            if node not in types_only and isinstance(node, ast.ImportFrom) and node.level == len(place):  # up to the package itself
                names = [node.module.partition(".")[0]] if node.module else [alias.name for alias in node.names]
                found.setdefault(place[0], set()).update(names)
    return found


def test_arrows_point_one_way() -> None:
    arrows = imported()
    assert arrows["core"] == {"_methods", "_names", "checks", "keywords", "leaving", "modes", "registry"}
    readers = {"anomaly", "compile", "derive", "draw", "explain", "formula", "languages", "player", "testing"}
    others = arrows.keys() - readers - {"__init__"}
    assert not [name for name in others if arrows[name] & readers], "what computes knows nothing of its readers"
    TopologicalSorter(arrows).prepare()  # raises if two of them import each other


def test_all_names_what_is_public_and_is_sorted() -> None:
    public = {name for name, value in vars(tg).items() if not name.startswith("_") and not isinstance(value, types.ModuleType)}
    assert set(tg.__all__) - public == set(), "in __all__, but not there, or a module"
    assert public - set(tg.__all__) == set(), "public, but not in __all__"
    assert len(tg.__all__) == len(set(tg.__all__))
    assert tg.__all__ == sorted(tg.__all__, key=lambda name: [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", name)])


def test_every_op_is_public_but_what_is_written_otherwise() -> None:
    inner = {"copy", "getitem", "index_add", "index_set", "scatter"}  # t[i], t.at[i].set(v), and what rules are made of
    inner |= {"sigmoid_slope", "tanh_slope", "one_minus_square", "deviation", "sigmoid_cross_entropy"}
    names = printed("import tinygrad_edu; print(*tinygrad_edu.registry.registry)")  # the package's own: tests add others
    assert {name for name in names if not hasattr(tg, name)} == inner


def test_the_metadata_agree() -> None:
    installed = metadata.metadata("tinygrad_edu")
    assert installed["Version"] == SETUP["metadata"]["version"]
    assert installed["Summary"] == SETUP["metadata"]["description"]
    assert installed["Requires-Python"] == ">=3.11"
    assert set(installed.get_all("Provides-Extra") or []) == {"render", "examples", "derive", "jax", "test", "dev"}
    required = [line.partition(";")[0] for line in metadata.requires("tinygrad_edu") or [] if "extra ==" not in line]
    assert sorted(required) == sorted(SETUP["options"]["install_requires"].split())


def test_the_licence_is_there() -> None:
    assert "MIT License" in (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_its_types_are_shipped() -> None:
    files = resources.files("tinygrad_edu")
    assert files.joinpath("py.typed").is_file()
    assert files.joinpath("_methods.pyi").is_file()
    assert "py.typed" in SETUP["options.package_data"]["*"]
    assert "*.pyi" in SETUP["options.package_data"]["*"]
