"""Everything that the README shows is run."""

from __future__ import annotations

import doctest
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from runpy import run_path
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine.registry import registry

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8")


def blocks(language: str) -> Iterator[tuple[int, str]]:
    """Every fenced block of the language, with its first line's number."""
    for block in re.finditer(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL):
        yield TEXT.count("\n", 0, block.start(1)) + 1, block[1]


@pytest.fixture
def _no_ops_left_behind() -> Iterator[None]:
    before = set(registry)
    yield
    for name in set(registry) - before:
        del registry[name]
        delattr(tg.Tensor, name)


@pytest.mark.usefixtures("_no_ops_left_behind")
def test_python_blocks_run_in_order_and_print_what_they_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "readme"}
    for line, source in blocks("python"):
        if ">>> " in source:
            place = "README.md", str(README), line - 1
            test = doctest.DocTestParser().get_doctest(source, names, *place)
            printed: list[str] = []
            runner = doctest.DocTestRunner(verbose=False)
            found = runner.run(test, out=printed.append, clear_globs=False)
            assert not found.failed, "".join(printed)
            names = test.globs
        else:
            exec(compile("\n" * (line - 1) + source, str(README), "exec"), names)
    assert (tmp_path / "graph.svg").read_text(encoding="utf-8").rstrip().endswith("</svg>")


ROWS = re.findall(r"^\| `(.+?)` \| `(.+?)` \| `(.+?)` \|", TEXT, re.MULTILINE)


def test_the_table_of_kinks_has_its_rows() -> None:
    assert len(ROWS) >= 12


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
@pytest.mark.parametrize(("expression", "at", "gradient"), ROWS)
def test_the_table_of_kinks(expression: str, at: str, gradient: str) -> None:
    numbers = {"nan": np.nan, "inf": np.inf}
    x = tg.Tensor(eval(at, numbers), requires_grad=True)
    eval(expression, {"np": np, "tg": tg, "x": x}).backward()
    np.testing.assert_allclose(x.grad, eval(gradient, numbers), rtol=1e-15 * x.size**2)


def test_there_are_exactly_two_commands_and_they_name_what_exists() -> None:
    commands = [command for _, block in blocks("sh") for command in block.splitlines()]
    assert len(commands) == 2
    words = [word for command in commands for word in shlex.split(command)]
    assert all((ROOT / word).is_file() for word in words if word.startswith("examples/"))
    assert "pytest" in words


def test_the_picture_shows_what_the_code_draws_today() -> None:
    page = run_path(str(ROOT / "docs" / "picture.py"))

    def texts(svg: str) -> list[str]:  # what it says; where, the version of Graphviz decides
        return sorted(re.findall(r">([^<>]+)</text>", svg))

    shown, drawn = page["PATH"].read_text(encoding="utf-8"), page["picture"]().svg
    assert texts(shown) == texts(drawn), "run python docs/picture.py"
