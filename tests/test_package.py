"""The package as it is installed: what importing it brings along, and what it says of itself."""

from __future__ import annotations

import re
import subprocess
import sys
import types
from configparser import ConfigParser
from importlib import metadata, resources
from pathlib import Path

import tinygrad_edu as tg

ROOT = Path(__file__).parents[1]
SETUP = ConfigParser()
SETUP.read(ROOT / "setup.cfg", encoding="utf-8")


def printed(program: str) -> set[str]:
    """The words that a program prints, run by a Python of its own."""
    command = [sys.executable, "-c", program]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


READERS = "notation.formula notation.printers derivation.walk explanation.chain drawing.levels"
READERS += " player.page"


def test_importing_it_imports_numpy_and_nothing_else() -> None:
    program = "import sys, {}; print(*sys.modules)"
    # what NumPy and a hook of Python's start-up import, as an editable install has one, is no more
    more = printed(program.format("tinygrad_edu")) - printed(program.format("numpy"))
    outside = {name.partition(".")[0] for name in more} - sys.stdlib_module_names
    assert outside == {"tinygrad_edu"}
    unneeded = {f"tinygrad_edu.{name}" for name in (*READERS.split(), "stubs")}
    unneeded |= {"numpy.typing", "subprocess", "argparse", "pathlib"}
    assert not more & unneeded, "not needed by who only computes"


def test_all_names_what_is_public_and_is_sorted() -> None:
    named = {name: value for name, value in vars(tg).items() if not name.startswith("_")}
    public = {name for name, value in named.items() if not isinstance(value, types.ModuleType)}
    assert set(tg.__all__) - public == set(), "in __all__, but not there, or a module"
    assert public - set(tg.__all__) == set(), "public, but not in __all__"
    assert len(tg.__all__) == len(set(tg.__all__))
    assert tg.__all__ == sorted(tg.__all__)


def test_every_op_is_public_but_what_is_written_otherwise() -> None:
    # t[i], t.at[i].set(v), and what rules are made of
    inner = {"copy", "getitem", "index_add", "index_set", "scatter", "sigmoid_cross_entropy"}
    inner |= {"sigmoid_slope", "tanh_slope", "one_minus_square", "deviation"}
    inner |= {"convolution", "to_filters", "to_images", "bell", "euclidean_norm"}
    inner |= {
        "cbrt_slope",
        "sinc_slope",
        "direction_cosine",
        "inversion",
        "ordered",
        "in_order",
        "back_from_order",
    }
    # the package's own: tests add others
    names = printed("import tinygrad_edu; print(*tinygrad_edu.engine.registry.registry)")
    assert {name for name in names if not hasattr(tg, name)} == inner


def test_the_metadata_agree() -> None:
    installed = metadata.metadata("tinygrad_edu")
    assert installed["Version"] == tg.__version__
    assert SETUP["metadata"]["version"] == "attr: tinygrad_edu.__version__"
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (\d\S*) \(\d{4}-\d\d-\d\d\)$", changelog, re.MULTILINE)
    assert newest is not None
    assert newest[1] == tg.__version__
    assert installed["Summary"] == SETUP["metadata"]["description"]
    assert installed["Requires-Python"] == ">=3.11"
    extras = {"render", "examples", "derive", "jax", "scipy", "test", "dev"}
    assert set(installed.get_all("Provides-Extra") or []) == extras
    lines = metadata.requires("tinygrad_edu") or []
    required = [line.partition(";")[0] for line in lines if "extra ==" not in line]
    assert sorted(required) == sorted(SETUP["options"]["install_requires"].split())


TOP_LEVEL = """.ci .github .gitignore .pre-commit-config.yaml CHANGELOG.md CONTRIBUTING.md LICENSE
MANIFEST.in README.md benchmarks docs examples pyproject.toml setup.cfg tests
tinygrad_edu""".split()


def test_nothing_else_is_at_the_top() -> None:
    if (ROOT / ".git").exists():
        command = ["git", "-c", "safe.directory=*", "ls-files", "--cached"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        files = done.stdout.split("\n")
        assert sorted({name.partition("/")[0] for name in files if name}) == sorted(TOP_LEVEL)
    assert [name for name in TOP_LEVEL if not (ROOT / name).exists()] == []


def test_the_hooks_run_what_the_checks_run() -> None:
    checks = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    configured = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    hooks = re.findall(r"entry: (.+)", configured)
    assert len(hooks) == 4
    assert [hook for hook in hooks if f".venv/bin/{hook}" not in checks] == []


def test_the_licence_is_there() -> None:
    assert "MIT License" in (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_its_types_are_shipped() -> None:
    files = resources.files("tinygrad_edu")
    assert files.joinpath("py.typed").is_file()
    assert files.joinpath("engine/methods.pyi").is_file()
    assert "py.typed" in SETUP["options.package_data"]["*"]
    assert "*.pyi" in SETUP["options.package_data"]["*"]
