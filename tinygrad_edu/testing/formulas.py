"""`check_formula`: a gradient derived by hand, the automatic and the numerical one: which is the odd one out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from ..checks import numeric, short
from ..core import Tensor
from ..graph import value_of
from ..modes import enable_grad
from ..operation import Op
from ..trees import leaves, tree_map
from .checker import allowed_part, examined
from .report import AGREES, DISAGREES, NOT_DIFFERENTIABLE, GradientMismatch, Report, table
from .subject import Parameter, Subject, named_inputs, outputs_of


@dataclass(frozen=True)
class Comparison:
    """One input: its three gradients, and the verdicts."""

    name: str
    by_hand: Any
    automatic: Any
    numerical: Any
    hand_agrees: bool
    automatic_agrees: bool

    @property
    def scale(self) -> float:
        """The size of the gradient."""
        return float(np.abs(self.numerical).max(initial=0.0)) or 1.0

    @property
    def odd(self) -> str:
        """Which of the three disagrees with the other two, or an empty string."""
        if self.hand_agrees and self.automatic_agrees:
            return ""
        if not self.hand_agrees and not self.automatic_agrees:
            same = np.abs(self.by_hand - self.automatic).max(initial=0.0) <= 1e-9 * self.scale
            return "numerical" if same else "all three"
        return "automatic" if self.hand_agrees else "by hand"

    def worst(self) -> tuple[int, ...]:
        """Where the odd one is farthest from the numerical gradient."""
        wrong = self.automatic if self.odd == "automatic" else self.by_hand
        far = np.nan_to_num(np.abs(wrong - self.numerical), nan=np.inf)
        return tuple(int(i) for i in np.unravel_index(int(far.argmax()), far.shape)) if far.size else ()

    def line(self) -> str:
        """The verdict on this input."""
        if not self.odd:
            return "all three agree"
        if self.odd == "all three":
            return "no two of the three agree"
        at = self.worst()
        wrong, right = (self.automatic, self.by_hand) if self.odd == "automatic" else (self.by_hand, self.automatic)
        if self.odd == "numerical":
            wrong, right = self.numerical, self.automatic
        place = f"{self.name}[{', '.join(map(str, at))}]" if at else self.name
        ratio = f", {wrong[at] / right[at]:.6g} times it" if right[at] else ""
        others = " and ".join(n for n in ("by hand", "automatic", "numerical") if n != self.odd)
        return f"{self.odd} is the odd one out: {place} is {wrong[at]:.8g}, where {others} give {right[at]:.8g}{ratio}"


class FormulaReport(Report):
    """What a three-way comparison found. True if the three gradients agree for every input."""

    def __init__(self, automatic: Report, comparisons: list[Comparison]) -> None:
        super().__init__(automatic.entries, automatic.shapes, automatic.order, automatic.blames, automatic.notes)
        self.comparisons = comparisons

    @property
    def ok(self) -> bool:
        """Whether the three gradients agree."""
        return not any(c.odd for c in self.comparisons)

    @property
    def odd(self) -> str:
        """The odd one out: "by hand", "automatic", "numerical", "all three", or "" where all agree."""
        return next((c.odd for c in self.comparisons if c.odd), "")

    @property
    def verdict(self) -> str:
        """One line."""
        if self.ok:
            return "check_formula: by hand, automatic and numerical gradients agree"
        wrong = [c.name for c in self.comparisons if c.odd]
        what = {"by hand": "the formula derived by hand is WRONG", "automatic": "the automatic gradient is WRONG"}
        return f"check_formula: {what.get(self.odd, 'the gradients DISAGREE')} for {', '.join(wrong)}"

    def rows(self) -> list[tuple[str, ...]]:
        """The three gradients at the entry of each input where they differ most."""
        found: list[tuple[str, ...]] = [("entry", "by hand", "automatic", "numerical", "verdict")]
        for c in self.comparisons:
            at = c.worst()
            place = f"{c.name}[{', '.join(map(str, at))}]" if at else c.name
            values = [f"{a[at]:.8g}" if a.size else "" for a in (c.by_hand, c.automatic, c.numerical)]
            found.append((place, *values, c.odd + " is off" if c.odd else AGREES))
        return found

    def __str__(self) -> str:
        blames = [f"  to blame: {b}" for b in self.blames]
        lines = [f"  {c.name}: {c.line()}" for c in self.comparisons]
        return "\n".join([self.verdict, *lines, "", *("  " + row for row in table(self.rows())), *blames])

    def _repr_html_(self) -> str:
        rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in self.rows())
        lines = "".join(f"<p>{escape(f'{c.name}: {c.line()}')}</p>" for c in self.comparisons)
        return f"<p><strong>{escape(self.verdict)}</strong></p><table>{rows}</table>{lines}"


def check_formula(
    f: Callable[..., Any],
    by_hand: Callable[..., Any],
    *inputs: Any,
    names: Sequence[str] | None = None,
    report: bool = False,
) -> FormulaReport:
    """Compare a gradient derived by hand with the automatic and the numerical one; raise `GradientMismatch` if they disagree.

    `f` takes Tensors and gives the loss; where it gives an array, the derivative of each entry is meant (the gradient of its sum).
    `by_hand` takes the same inputs as NumPy arrays and gives the gradients as arrays, one or a tuple, in the order of the inputs of a
    float dtype, or a dict by name. The report says which of the three is the odd one out, where, and by how much.

    >>> import numpy as np, tinygrad_edu as tg
    >>> z = np.array([0.8])
    >>> print(check_formula(tg.sigmoid, lambda z: tg.sigmoid(z).numpy() * (1 - tg.sigmoid(z).numpy()), z).verdict)
    check_formula: by hand, automatic and numerical gradients agree
    """
    known = names or named_inputs(by_hand if isinstance(f, Op) else f, inputs)

    def total(*args: Any) -> Any:
        return sum((out.sum() for out in outputs_of(f, f(*args))), Tensor(0.0))

    subject = Subject(total, inputs, names=known)
    given = _by_hand(by_hand, inputs, subject.parameters, known)
    automatic = examined(subject, total, fast=False)
    factor = float(subject.weights[0])  # the checker's own upstream gradient, taken out again
    comparisons = [_comparison(p, hand, automatic, factor) for p, hand in zip(subject.parameters, given, strict=True)]
    found = FormulaReport(automatic, comparisons)
    if not found.ok and not report:
        raise GradientMismatch(found)
    return found


def _comparison(parameter: Parameter, hand: Any, automatic: Report, factor: float) -> Comparison:
    """The three gradients of one input. Entries that are not differentiable here decide nothing."""
    mine = [e for e in automatic.entries if e.parameter == parameter.name]
    numerical, errors = (np.reshape([getattr(e, name) for e in mine], hand.shape) / factor for name in ("numerical", "error"))
    settled = np.reshape([e.verdict != NOT_DIFFERENTIABLE for e in mine], hand.shape).astype(bool)
    claimed = parameter.claim.gradient / factor
    scale = np.abs([numerical, claimed]).max(initial=0.0, where=settled)
    rounding = 3 * np.abs(errors) + 10 * parameter.claim.rounding / abs(factor)
    allowed = allowed_part(float(np.finfo(parameter.given.dtype).eps)) * scale + rounding
    hand_agrees = bool((np.abs(hand - numerical) <= allowed)[settled].all())
    automatic_agrees = not any(e.verdict == DISAGREES for e in mine)
    return Comparison(parameter.name, hand, claimed, np.where(settled, numerical, claimed), hand_agrees, automatic_agrees)


def _by_hand(by_hand: Callable[..., Any], inputs: Sequence[Any], wanted: Sequence[Parameter], known: Sequence[str]) -> list[Any]:
    """What the user's formula gives, as arrays in the order of the parameters."""
    with enable_grad():
        result = by_hand(*[tree_map(lambda x: value_of(x).copy() if hasattr(x, "shape") else x, tree) for tree in inputs])
    if isinstance(result, dict):
        by_name = {**result, **{f"{known[0]}{path}": value for path, value in leaves(result)}}
        missing = [p.name for p in wanted if p.name not in by_name]
        if missing:
            raise ValueError(f"by_hand gave gradients for {', '.join(map(str, result))}, and none for {', '.join(missing)}")
        result = [by_name[p.name] for p in wanted]
    found = [numeric(value, np.float64) for _, value in leaves(result)]
    if len(found) != len(wanted):
        names = ", ".join(p.name for p in wanted)
        raise ValueError(f"by_hand gave {len(found)} gradients for the inputs {names}: return one array for each, in this order")
    for value, p in zip(found, wanted, strict=True):
        if value.shape != p.value.shape:
            raise ValueError(f"by_hand gave a gradient of shape {value.shape} for {p.name} of shape {p.value.shape}: {short(value)}")
    return found
