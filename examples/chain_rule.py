"""The derivations of article 000 and article 001, written down by the engine.

They are of a step of the OR gate, of the perceptron and of two layers. `explain` shows the chain
rule with the formulas and the numbers of one computation, `derive` the closed formula of every
gradient. The formulas are those that the articles derive by hand. They are printed as text, and
written as LaTeX and as pictures.

    python examples/chain_rule.py --out out
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from _common import arguments
from matplotlib.figure import Figure

import tinygrad_edu as tg
from tinygrad_edu import datasets


def or_step() -> tuple[str, str]:
    """One record of the OR gate: every factor is a number. Article 001, parts 7 to 9."""
    x1, x2, t = tg.Tensor(1.0), tg.Tensor(1.0), tg.Tensor(1.0)
    w1, w2, b = (tg.Tensor(value, requires_grad=True) for value in (0.2, 0.3, 0.3))
    z = x1 * w1 + x2 * w2 + b
    o = z.sigmoid()
    E = 0.5 * (o - t) ** 2
    factors, formulas = tg.explain(E, wrt=w2), tg.derive(E, wrt=[w1, w2, b])
    return f"{factors}\n\n{formulas}", f"{factors.latex}\n{formulas.latex}"


def perceptron() -> tuple[str, str]:
    """All of the truth table: X.T for the weights, a sum for the bias. Article 001, part 10."""
    X, t = datasets.or_gate()
    W, b = tg.Tensor([[0.1], [0.2]], requires_grad=True), tg.Tensor([0.3], requires_grad=True)
    z = X @ W + b
    o = z.sigmoid()
    E = 0.5 * ((o - t) ** 2).sum()
    steps, formulas = tg.explain(E, wrt=W), tg.derive(E, wrt=[W, b])
    return f"{steps}\n\n{formulas}", f"{steps.latex}\n{formulas.latex}"


def two_layers() -> tuple[str, str]:
    """Two layers and the mean cross-entropy: delta2 and delta1. Article 000."""
    x, y = datasets.diabetes()
    rng = np.random.default_rng(0)
    W1 = tg.Tensor(0.1 * rng.standard_normal((x.shape[1], 5)), requires_grad=True)
    b1 = tg.Tensor(np.zeros(5), requires_grad=True)
    W2 = tg.Tensor(0.1 * rng.standard_normal((5, 1)), requires_grad=True)
    b2 = tg.Tensor(np.zeros(1), requires_grad=True)
    z1 = x @ W1 + b1
    a1 = z1.sigmoid()
    z2 = a1 @ W2 + b2
    o = z2.sigmoid()
    J = -(y * np.log(o) + (1 - y) * np.log(1 - o)).mean()
    steps, formulas = tg.explain(J, wrt=W1), tg.derive(J, wrt=[W1, b1, W2, b2])
    return f"{steps}\n\n{formulas}\n\n{formulas.numpy_source}", f"{steps.latex}\n{formulas.latex}"


HEAD = r"""\documentclass{article}
\usepackage{amsmath}
\usepackage[margin=2cm]{geometry}
\begin{document}
"""


def document(derivations: dict[str, str]) -> str:
    """A LaTeX document: a section for each derivation, its aligned equations as displays."""
    sections = [f"\\section*{{{title}}}\n{latex}\n" for title, latex in derivations.items()]
    body = "\n".join(sections)
    body = body.replace("\\begin{aligned}", "\\[\n\\begin{aligned}")
    body = body.replace("\\end{aligned}", "\\end{aligned}\n\\]")
    return f"{HEAD}{body}\\end{{document}}\n"


def picture(latex: str, path: Path) -> None:
    """Draw the equations, aligned at their signs: Matplotlib sets formulas, and aligns none."""
    body = re.sub(r"\\(begin|end)\{aligned\}", "", latex)
    lines = [line for line in re.split(r"\\\\(?:\[3pt\])?|\n\n", body) if line.strip()]
    figure = Figure(figsize=(11, 0.7 * len(lines) + 0.3))
    for k, line in enumerate(lines):
        left, right, *source = (cell.strip() for cell in line.split("&"))
        last = source[-1] if source else ""
        y = 1 - (k + 0.6) / len(lines)
        for x, cell, align in ((0.17, left, "right"), (0.175, right, "left"), (0.6, last, "left")):
            if cell:
                formula = f"${cell}$".replace("\\frac", "\\dfrac")
                figure.text(x, y, formula, ha=align, va="center", fontsize=13)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Print the derivations and write them."""
    args = arguments(__doc__)
    found = {
        "One step of the OR gate": or_step(),
        "The perceptron": perceptron(),
        "Two layers": two_layers(),
    }
    for title, (text, latex) in found.items():
        print(f"{title}\n\n{text}\n")
        picture(latex, args.out / f"{title.lower().replace(' ', '_')}.png")
    tex = document({title: latex for title, (_, latex) in found.items()})
    (args.out / "chain_rule.tex").write_text(tex, encoding="utf-8")


if __name__ == "__main__":
    main()
