"""Every example runs without a warning, prints what it promises and writes its figures."""

import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"

# name: (arguments, what it prints, what it writes)
EXPECTED = {
    "ann": (["--epochs", "100"], ["[0. 1. 0.] prediction"], ["ann_cost.png"]),
    "chain_rule": (
        [],
        [
            "∂E/∂w₂ = −0.31003 · 0.21391 · 1 = −0.06632",
            "∂E/∂W     = Xᵀ δ",
            "δ₂ = ∂J/∂z₂ = (o − y) / n",
            "delta1 = delta2 @ W2.mT * a1 * (1 - a1)",
        ],
        ["chain_rule.tex", "one_step_of_the_or_gate.png", "the_perceptron.png", "two_layers.png"],
    ),
    "check_articles": (
        [],
        [
            "the formula derived by hand is WRONG for W, b",
            "weight 1                 7.00922425     5.36546322",
            "prediction (1, 0, 0)     0.02262959     0.05930351",
            "(1, 0, 0)   0.01031463  0.02262959     0.01031463",
            "(0, 1, 0)   0.99440207  0.98778682     0.99440207",
        ],
        ["check_articles.png"],
    ),
    "is_my_backprop_right": (
        [],
        [
            "the formula derived by hand is WRONG for W1, b1\n",
            "W1: by hand is the odd one out: W1[",
            "W2: all three agree",
            "check_formula: by hand, automatic and numerical gradients agree\n",
            "to blame: the rule of `swish` for its first argument (z1), at `a1 = swish(...)`",
        ],
        [],
    ),
    "one_weight_perceptron": (
        [],
        ["3 of 4 wrong", "0 of 4 wrong", "w = 2.0000"],
        ["one_weight_perceptron.png"],
    ),
    "or_gate": (
        [],
        [
            "prediction 0.08109226",
            "prediction 0.94968681",
            "prediction 0.99975238",
            "gradcheck: all 3 entries agree",
        ],
        ["or_gate_cost.png", "or_gate_graph.svg", "or_gate_player.html"],
    ),
    "or_gate_without_bias": (
        ["--epochs", "100"],
        ["[0. 0.] target 0 prediction 0.50000000"],
        ["or_gate_without_bias_cost.png"],
    ),
    "or_step": (
        [],
        ["0.68997", "-0.31003", "0.21391", "-0.06632", "w2 rises: 0.30000"],
        ["or_step.svg", "or_step_player.html"],
    ),
    "sigmoid_curves": ([], ["slope 0.25000, s(1 - s) 0.25000"], ["sigmoid_curves.png"]),
    "two_layer": (
        [],
        ["after 1500 cost 0.1"],
        ["two_layer_cost.png", "two_layer_graph.svg", "two_layer_player.html"],
    ),
    "virus": (["--epochs", "100"], ["loss of smell", "weight loss"], ["virus.png"]),
    "xor": (
        [],
        ["[1. 1.] target 0 prediction 0.50000", "[1. 1.] target 0 prediction 0.00"],
        ["xor.png", "xor_player.html"],
    ),
}
EXPECTED["xor_by_lbfgs"] = (
    ["--epochs", "100"],
    ["L-BFGS: cost 0.0514 after", "answers [0.01 0.99 0.99 0.01]"],
    ["xor_by_lbfgs.png"],
)
FIRST_BYTES = {".png": b"\x89PNG", ".svg": b"<?xml", ".html": b"<!doctype html>"}
FIRST_BYTES |= {".tex": b"\\documentclass"}
ARTICLES = "article 000", "article 001", "article 002", "articles 000, 001 and 002"


def test_every_example_is_run():
    assert {path.stem for path in EXAMPLES.glob("[!_]*.py")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_example(name, tmp_path, monkeypatch, capsys):
    """In this process: one that imports Matplotlib for each would spend its time on that."""
    arguments, printed, written = EXPECTED[name]
    out = tmp_path / "new" / "folder"
    script = str(EXAMPLES / f"{name}.py")
    monkeypatch.setattr(sys, "argv", [script, "--out", str(out), *arguments])
    monkeypatch.syspath_prepend(EXAMPLES)  # as for a script
    monkeypatch.chdir(tmp_path)
    runpy.run_path(script, run_name="__main__")
    said = capsys.readouterr().out
    for text in printed:
        assert text in said
    assert sorted(path.name for path in out.iterdir()) == sorted(written)
    for name in written:
        file = out / name
        assert file.read_bytes().startswith(FIRST_BYTES[file.suffix])
        assert file.stat().st_size > 1000


@pytest.mark.parametrize("name", EXPECTED)
def test_example_says_which_article_it_follows_and_how_to_run_it(name):
    about = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8").split('"""')[1]
    assert any(article in about for article in ARTICLES)
    assert f"python examples/{name}.py --out out" in about
