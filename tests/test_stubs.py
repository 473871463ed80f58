"""Type checkers see the methods and operators that ops give to Tensor."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tinygrad_edu import stubs

ROOT = Path(__file__).parents[1]


def test_the_stub_is_what_the_registry_says() -> None:
    command = [sys.executable, "-m", "tinygrad_edu.stubs", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_stale_stub_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(stubs.FOLDER / "__init__.py", tmp_path)
    (tmp_path / "engine").mkdir()
    monkeypatch.setattr(stubs, "FOLDER", tmp_path)
    assert stubs.main(["--check"]) == 1
    assert "python -m tinygrad_edu.stubs" in capsys.readouterr().out
    assert stubs.main([]) == 0
    assert stubs.main(["--check"]) == 0


# each expression is one of these types to a type checker
TENSORS = """
t.sigmoid() | t.sum(axis=0, keepdims=True) | t.max(axis=(0, 1)) | t.reshape(2, 1)
t.reshape((2, 1)) | t.transpose() | t.T | t.mT
t @ t | t + 1 | 1 - t | 2.0 * t | t / [1.0, 2.0] | t**2 | 2**t | -t | ~(t > 0) | abs(t)
t > 0 | t == t | t != 1.0 | t % 2 | t // 2
t[0] | t[:, None] | a @ t | a + t | a - t | a * t | a / t | a**t | a > t | t @ a
(a @ t + 1.0).sigmoid() | np.float64(2.0) * t
t.at[0].set(1.0) | t.detach() | t.named("t") | tg.exp(t) | tg.softmax(t) | tg.mse(t, a) | halved(t)
tg.sum(t, axis=0) | tg.reshape(t, 2, 1) | tg.concatenate([t, a], axis=1)
tg.where(t > 0, t, 0.0) | tg.arctan2(t, 1.0)
"""
OTHERS = {
    "tg.value_and_grad(halved)(a)": "tuple[tg.Tensor, Any]",
    "tg.value_and_grad(halved, has_aux=True)(a)": "tuple[tuple[tg.Tensor, Any], Any]",
    "tg.grad(halved, (0, 1))(a)": "tuple[Any, ...]",
    "tg.exp.name": "str",
    "t.shape": "tuple[int, ...]",
    "t.ndim": "int",
    "t.name": "str | None",
    "float(t)": "float",
    "tg.draw(t).source": "str",
}
MISTAKES = ["t.sigmoid(1)", "t.sum(axes=0)", "t.reshape('2')", "t.nosuchmethod()", "t + None"]
MISTAKES += ["t.swapaxes(0)", "tg.exp(1, 2, 3, nonsense=4)", "tg.sum(t, axes=0)", "tg.where(t)"]
MISTAKES += ["tg.tensor([1.0])", "tg.grad(3)", "tg.Tensor([1.0]).clone()"]

PROGRAM = """
from typing import Any
import numpy as np
from numpy.typing import NDArray
import tinygrad_edu as tg

@tg.no_grad()
def halved(t: tg.Tensor) -> tg.Tensor:
    t /= 2
    t -= 0.1 * t.grad
    t.grad = None
    return t

def check(t: tg.Tensor, a: NDArray[np.float64]) -> None:
"""


def mypy(program: str, folder: Path) -> list[str]:
    """What mypy --strict says of the program, line by line."""
    path = folder / "program.py"
    path.write_text(program, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary"]
    command += ["--hide-error-context", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert not done.stderr, done.stderr
    return [line for line in done.stdout.splitlines() if ": note: " not in line]


def test_a_users_program_type_checks(tmp_path: Path) -> None:
    tensors = [e.strip() for line in TENSORS.split("\n") if line for e in line.split(" | ")]
    typed = dict.fromkeys(tensors, "tg.Tensor") | OTHERS
    lines = [f"    assert_type({expression}, {kind})" for expression, kind in typed.items()]
    assert len(lines) > 40
    assert mypy("from typing import assert_type" + PROGRAM + "\n".join(lines), tmp_path) == []


def test_mistakes_are_found(tmp_path: Path) -> None:
    found = mypy(PROGRAM + "\n".join(f"    {mistake}" for mistake in MISTAKES), tmp_path)
    first = PROGRAM.count("\n") + 1
    assert {int(line.split(":")[1]) - first for line in found} == set(range(len(MISTAKES))), found
