"""The pages beside the README: what they show is run, and prints what they say it prints."""

from __future__ import annotations

import doctest
import importlib
import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = ["compile", "derivations", "why"]
WRITTEN = ["ops"]  # from the table of ops: that it is so is a test of the stubs


def blocks(page: str) -> list[str]:
    """The code of a page; its empty lines are printed ones, which doctest wants marked."""
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    return [re.sub(r"(?m)^$(?=\n)", "<BLANKLINE>", block) for block in python_blocks(text)]


def python_blocks(text: str) -> list[str]:
    """What stands between a line ```python and a line ```."""
    return re.findall(r"(?ms)^```python\n(.*?)^```$", text)


def check(page: str, sources: list[str]) -> None:
    """Run blocks of code, one after the other."""
    text, names = "\n".join(sources), {"__name__": "page"}
    test = doctest.DocTestParser().get_doctest(text, names, page, None, 0)
    for example in test.examples:
        if example.exc_msg:  # a long message is shown on several lines
            example.options[doctest.NORMALIZE_WHITESPACE] = True
    printed: list[str] = []
    found = doctest.DocTestRunner(verbose=False).run(test, out=printed.append)
    assert found.attempted > 10
    assert not found.failed, "".join(printed)


def needs_jax(block: str) -> bool:
    """Whether a block of the page on compile runs where JAX is installed alone."""
    return "jax" in block


@pytest.mark.parametrize("page", PAGES)
def test_a_page_prints_what_it_shows(page: str) -> None:
    check(page, [block for block in blocks(page) if not needs_jax(block)])


def test_the_page_on_compile_prints_what_it_shows_with_jax() -> None:
    # optional; where the checks install it, its absence is an error
    importlib.import_module("jax") if "REQUIRE_JAX" in os.environ else pytest.importorskip("jax")
    assert any(needs_jax(block) for block in blocks("compile"))
    check("compile", blocks("compile"))


def test_the_latex_of_the_derivations_is_what_derive_gives() -> None:
    text = (DOCS / "derivations.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\$\$\n(.*?)\n\$\$$", text, re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {"__name__": "page"}
    for example in doctest.DocTestParser().get_examples("\n".join(blocks("derivations"))):
        exec(compile(example.source, "<page>", "exec"), names)
        if example.source.startswith("E = 0.5 * (o"):
            exec("or_step = tg.derive(E, wrt=[w1, w2, b])", names)
    assert [names["or_step"].latex, names["found"].latex] == shown  # type: ignore[attr-defined]


def test_every_page_is_run() -> None:
    assert sorted(path.stem for path in DOCS.glob("*.md")) == sorted(PAGES + WRITTEN)


def test_what_the_page_for_contributors_shows_is_run() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    shown = [block for block in python_blocks(text) if ">>>" in block]
    assert len(shown) == 2, "a reader and a pass"
    assert all(block.count("...") < 20 for block in shown), "each in less than 20 lines"
    check("CONTRIBUTING", shown)


def test_the_map_of_the_house_has_every_room() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.+?) \| .+ \|$", text, re.M)
    named = {name.rstrip("/") for row in rows for name in re.findall(r"`([\w./]+)`", row)}
    paths = list((ROOT / "tinygrad_edu").iterdir())
    modules = {path.name for path in paths if path.suffix == ".py"}
    packages = {path.name for path in paths if (path / "__init__.py").exists()}
    assert named - {"tinygrad_edu"} == modules | packages
