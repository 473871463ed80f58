"""Adding an op is its row in the table: in a copy of the package that has one more, all follows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_edu as tg

PACKAGE = Path(tg.__file__).parent
TABLE = Path("ops", "elementwise.py")
CONTRIBUTING = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
# the row that the page shows
(ROW,) = re.findall(r"^```python\n(cube = op\([^`]*)^```$", CONTRIBUTING, re.MULTILINE)

FOLLOWS = """
import sys
import tinygrad_edu as tg
from tinygrad_edu.testing import check_op

assert tg.__file__.startswith(sys.argv[1])
assert "cube" in tg.__all__
check_op(tg.cube)
x = tg.Tensor([1.0, 2.0], requires_grad=True)
y = x.cube()
L = y.sum()
print(tg.derive(L, wrt=[x]).latex.splitlines()[1])
print(tg.draw(L).text)
step = tg.compile(tg.grad(lambda x: tg.cube(x).sum()))
print(step(x))
print(step.source)
print(tg.cube.__doc__)
"""

SAYS = [
    r"\frac{\partial L}{\partial x} &= 3\, x^{2}",
    "y = x^3   (2,): [1, 8]",
    "∂x = 3·∂y ⊙ x ⊙ x",
    "Tensor([ 3., 12.]",
    "d_x = 3.0 * x * x",
    "cube(x, /)",
    "    y = x^3",
    "    ∂y/∂x = 3·x · x",
    "    >>> y = tg.cube(x)",
]


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the package, with a row more."""
    package, compiled = tmp_path / PACKAGE.name, shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, package, ignore=compiled)
    text = (package / TABLE).read_text(encoding="utf-8")
    assert text.count("# fmt: on\n") == 1
    (package / TABLE).write_text(text.replace("# fmt: on\n", ROW + "# fmt: on\n"), encoding="utf-8")
    return package


def python(package: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python where the copy is the package."""
    above = package.parent
    variables = {**os.environ, "PYTHONPATH": str(above), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-W", "error", *arguments]
    how = {"capture_output": True, "encoding": "utf-8", "check": False}
    return subprocess.run(command, cwd=above, env=variables, **how)


def test_all_follows_from_a_row(copied: Path) -> None:
    done = python(copied, "-c", FOLLOWS, str(copied))
    assert not done.stderr
    assert [text for text in SAYS if text not in done.stdout] == [], done.stdout


def test_the_stubs_follow_from_a_row(copied: Path) -> None:
    stale = python(copied, "-m", "tinygrad_edu.stubs", "--check")
    assert stale.returncode == 1
    assert stale.stdout.count("is stale: run python -m tinygrad_edu.stubs") == 2
    assert python(copied, "-m", "tinygrad_edu.stubs").returncode == 0
    assert python(copied, "-m", "tinygrad_edu.stubs", "--check").returncode == 0
    face = (copied / "__init__.pyi").read_text(encoding="utf-8")
    methods = (copied / "engine" / "methods.pyi").read_text(encoding="utf-8")
    assert "cube: _cube\n" in face
    assert "    ∂y/∂x = 3·x · x\n" in face
    assert "    def cube(self) -> Tensor: ...\n" in methods
