"""`check_formula`: a gradient derived by hand, the automatic and the numerical one: which is the odd one out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from ..core import enable_grad, short
from ..trees import leaves
from .checker import gradcheck
from .report import AGREES, DISAGREES, NOT_DIFFERENTIABLE, GradientMismatch, Report, table
from .subject import Subject, named_inputs, outputs_of

PAIRS = (("by hand", "automatic"), ("by hand", "numerical"), ("automatic", "numerical"))


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
        head, *body = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in self.rows()]
        lines = "".join(f"<p>{escape(f'{c.name}: {c.line()}')}</p>" for c in self.comparisons)
        return f"<p><strong>{escape(self.verdict)}</strong></p><table><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in body)}</table>{lines}"


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
    known = list(names or named_inputs(f, inputs))

    def total(*args: Any) -> Any:
        found = outputs_of(f, f(*args))
        value = found[0].sum()
        for out in found[1:]:
            value = value + out.sum()
        return value

    with np.errstate(all="ignore"):
        automatic = gradcheck(total, *inputs, names=known, fast=False, report=True)
    subject = Subject(total, inputs, None, known, 0)
    factor = float(subject.weights[0])  # the checker's own upstream gradient, taken out again
    given = _by_hand(by_hand, inputs, [(p.name, p.value.shape) for p in subject.parameters])
    comparisons = []
    for p, hand in zip(subject.parameters, given, strict=True):
        mine = [e for e in automatic.entries if e.parameter == p.name]
        numerical = np.array([e.numerical for e in mine]).reshape(p.value.shape) / factor
        errors = np.array([e.error for e in mine]).reshape(p.value.shape) / abs(factor)
        claimed = p.claim.gradient / factor
        settled = np.array([e.verdict != NOT_DIFFERENTIABLE for e in mine], bool).reshape(p.value.shape)
        scale = max(float(np.abs(numerical[settled]).max(initial=0.0)), float(np.abs(claimed[settled]).max(initial=0.0)))
        allowed = (2e-7 if p.given.dtype == np.float64 else 2e-3) * scale + 3 * errors
        near = np.abs(hand - numerical) <= allowed
        right = bool(near[settled].all())
        comparisons.append(
            Comparison(p.name, hand, claimed, np.where(settled, numerical, claimed), right, not any(e.verdict == DISAGREES for e in mine))
        )
    found = FormulaReport(automatic, comparisons)
    if not found.ok and not report:
        raise GradientMismatch(found)
    return found


def _by_hand(by_hand: Callable[..., Any], inputs: tuple[Any, ...], wanted: Sequence[tuple[str, tuple[int, ...]]]) -> list[Any]:
    """What the user's formula gives, as arrays in the order of the inputs."""
    from ..trees import tree_map

    with enable_grad():
        result = by_hand(*[tree_map(lambda x: np.array(x) if hasattr(x, "shape") else x, tree) for tree in inputs])
    if isinstance(result, dict) and set(result) == {name for name, _ in wanted}:
        result = [result[name] for name, _ in wanted]
    found = [np.asarray(value, np.float64) for _, value in leaves(result)]
    if len(found) != len(wanted):
        names = ", ".join(name for name, _ in wanted)
        raise ValueError(
            f"by_hand gave {len(found)} gradients for the {len(wanted)} inputs {names}: return one array for each, in this order"
        )
    for value, (name, shape) in zip(found, wanted, strict=True):
        if value.shape != shape:
            raise ValueError(f"by_hand gave a gradient of shape {value.shape} for {name} of shape {shape}: {short(value)}")
    return found
