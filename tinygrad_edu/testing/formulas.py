"""`check_formula`: of a gradient by hand, automatic and numerical, which is the odd one out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from ..engine.op import Op
from ..engine.tensor import Tensor
from .answers import Answer, answers, mended_by
from .checker import examined
from .outputs import outputs_of
from .parameters import Parameter, named_inputs
from .report import (
    AGREES,
    DISAGREES,
    NOT_DIFFERENTIABLE,
    SHOWN,
    UNRESOLVED,
    Entry,
    GradientMismatch,
    Report,
    table,
)
from .subject import Subject
from .verdicts import ALLOWED, allowed_part

ROUNDED = 1e-10  # of the scale: the digits that a formula of its own may lose in one entry


@dataclass(frozen=True)
class Comparison:
    """One input: its three gradients, and the verdicts."""

    name: str
    by_hand: Any  # None where no gradient was given, or none that fits
    automatic: Any
    numerical: Any
    hand_agrees: bool
    automatic_agrees: bool
    problem: str = ""  # why there is no gradient by hand
    undecided: tuple[str, ...] = ()  # the verdicts on entries of which differences do not decide

    @property
    def scale(self) -> float:
        """The size of the gradient."""
        return float(np.abs(self.numerical).max(initial=0.0)) or 1.0

    @property
    def odd(self) -> str:
        """Which of the three disagrees with the other two, or an empty string."""
        if self.hand_agrees and self.automatic_agrees:
            return ""
        if self.hand_agrees or self.problem:
            return "automatic" if self.hand_agrees else "by hand"
        if not self.automatic_agrees:
            same = np.abs(self.by_hand - self.automatic).max(initial=0.0) <= 1e-9 * self.scale
            return "numerical" if same else "all three"
        return "by hand"

    @property
    def wrong(self) -> Any:
        """The gradient that the numerical one is compared with."""
        return self.automatic if self.odd == "automatic" or self.by_hand is None else self.by_hand

    def worst(self) -> tuple[int, ...]:
        """Where the odd one is farthest from the numerical gradient."""
        with np.errstate(invalid="ignore"):
            far = np.nan_to_num(np.abs(self.wrong - self.numerical), nan=np.inf)
        if not far.size:
            return ()
        return tuple(int(i) for i in np.unravel_index(int(far.argmax()), far.shape))

    def digits(self) -> int:
        """How many digits to write: six, and more where only they tell the odd one out.

        In six digits gradients that agree read the same on every machine.
        """
        if self.problem or self.odd in ("", "all three"):
            return 6
        at = self.worst()
        values = {"by hand": self.by_hand, "automatic": self.automatic, "numerical": self.numerical}
        odd = values.pop(self.odd)[at]
        others = [other[at] for other in values.values() if other is not None]
        told_apart = (
            digits
            for digits in range(6, 17)
            if all(f"{odd:.{digits}g}" != f"{other:.{digits}g}" for other in others)
        )
        return next(told_apart, 17)

    def line(self) -> str:
        """The verdict on this input."""
        if self.problem:
            return self.problem
        if not self.odd:
            counts = [f"; {n} {verdict}" for verdict, n in Counter(self.undecided).items()]
            return "all three agree" + "".join(counts)
        if self.odd == "all three":
            return "no two of the three agree"
        at, wrong = self.worst(), self.wrong
        right = self.numerical if self.odd == "by hand" else self.by_hand
        if self.odd == "numerical":
            wrong, right = self.numerical, self.automatic
        place = f"{self.name}[{', '.join(map(str, at))}]" if at else self.name
        others = " and ".join(n for n in ("by hand", "automatic", "numerical") if n != self.odd)
        digits = self.digits()
        told = (
            f"{self.odd} is the odd one out: {place} is {wrong[at]:.{digits}g}, "
            f"where {others} give {right[at]:.{digits}g}{_times(wrong[at], right[at])}"
        )
        return told + (mended_by(wrong, right) if self.odd != "numerical" else "")


def _times(wrong: float, right: float) -> str:
    """How many times the right value the wrong one is, as far as that says anything."""
    if not right or not np.isfinite(wrong / right):
        return ""
    ratio = wrong / right
    if abs(ratio - 1) > 1e-5:
        return f", {ratio:.6g} times it"
    return f", 1 {'+' if ratio > 1 else '-'} {abs(ratio - 1):.1e} times it"


class FormulaReport(Report):
    """What a three-way comparison found. True if the three gradients agree for every input."""

    def __init__(self, automatic: Report, comparisons: list[Comparison]) -> None:
        super().__init__(
            automatic.entries,
            automatic.shapes,
            automatic.order,
            automatic.blames,
            automatic.notes,
            automatic.faults,
        )
        self.comparisons = comparisons

    @property
    def ok(self) -> bool:
        """Whether the three gradients agree."""
        return not any(c.odd for c in self.comparisons)

    @property
    def odd(self) -> str:
        """The odd one out: "by hand", "automatic", "numerical", "all three", or ""."""
        return next((c.odd for c in self.comparisons if c.odd), "")

    @property
    def verdict(self) -> str:
        """One line."""
        if self.ok:
            undecided = Counter(v for c in self.comparisons for v in c.undecided)
            more = "".join(
                f"; {n} entr{'y' if n == 1 else 'ies'} {verdict}"
                for verdict, n in undecided.items()
            )
            return f"check_formula: by hand, automatic and numerical gradients agree{more}"
        wrong = [c.name for c in self.comparisons if c.odd]
        what = {
            "by hand": "the formula derived by hand is WRONG",
            "automatic": "the automatic gradient is WRONG",
        }
        told = what.get(self.odd, "the gradients DISAGREE")
        return f"check_formula: {told} for {', '.join(wrong)}"

    def shown(self) -> list[Comparison]:
        """The inputs that the text lists: of many, those that are off first."""
        if len(self.comparisons) <= SHOWN:
            return self.comparisons
        return sorted(self.comparisons, key=lambda c: not c.odd)[:SHOWN]

    def rows(self) -> list[tuple[str, ...]]:
        """The three gradients at the entry of each input where they differ most."""
        found: list[tuple[str, ...]] = [("entry", "by hand", "automatic", "numerical", "verdict")]
        for c in self.shown():
            at = c.worst()
            place = f"{c.name}[{', '.join(map(str, at))}]" if at else c.name
            digits = c.digits()
            values = [
                f"{a[at]:.{digits}g}" if a is not None and a.size else ""
                for a in (c.by_hand, c.automatic, c.numerical)
            ]
            found.append((place, *values, c.odd + " is off" if c.odd else AGREES))
        return found

    def __str__(self) -> str:
        blames = [f"  to blame: {b}" for b in self.blames]
        lines = [f"  {c.name}: {c.line()}" for c in self.shown()]
        if len(self.comparisons) > SHOWN:
            lines.append(f"  ... and {len(self.comparisons) - SHOWN} more inputs")
        rows = [f"  {row}" for row in table(self.rows())]
        notes = [f"  {note}" for note in self.notes]
        return "\n".join([self.verdict, *lines, "", *rows, *blames, *notes])

    def _repr_html_(self) -> str:
        cells = [[f"<td>{escape(cell)}</td>" for cell in row] for row in self.rows()]
        rows = "".join(f"<tr>{''.join(row)}</tr>" for row in cells)
        lines = "".join(f"<p>{escape(f'{c.name}: {c.line()}')}</p>" for c in self.comparisons)
        return f"<p><strong>{escape(self.verdict)}</strong></p><table>{rows}</table>{lines}"


def check_formula(
    f: Callable[..., Any],
    by_hand: Callable[..., Any],
    *inputs: Any,
    names: Sequence[str] | None = None,
    wrt: Any = None,
    report: bool = False,
) -> FormulaReport:
    """Compare a gradient derived by hand with the automatic and the numerical one.

    A `GradientMismatch` is raised if they disagree. `f` takes Tensors and gives the loss; where it
    gives an array, the derivative of each entry is meant (the gradient of its sum). `by_hand` takes
    the same inputs as NumPy arrays and gives the gradients as arrays, one or a tuple, in the order
    of the inputs of a float dtype, or a dict by name; `wrt` lists the inputs, by position or name,
    if not all are meant. The report says which of the three is the odd one out, where, and by how
    much. What is no gradient, such as an error or a wrong shape, is a wrong answer.

    >>> import numpy as np, tinygrad_edu as tg
    >>> z = np.array([0.8])
    >>> print(check_formula(tg.tanh, lambda z: 1 - np.tanh(z) ** 2, z).verdict)
    check_formula: by hand, automatic and numerical gradients agree
    """
    __tracebackhide__ = True
    if not callable(by_hand):
        raise TypeError(
            "by_hand is a function of the inputs that gives their gradients, "
            f"not {type(by_hand).__name__}: lambda w: 2 * w"
        )
    known = list(names or named_inputs(by_hand if isinstance(f, Op) else f, inputs))

    def total(*args: Any) -> Any:
        return sum((out.sum() for out in outputs_of(f, f(*args))), Tensor(0.0))

    subject = Subject(total, inputs, wrt, known)
    given = answers(by_hand, inputs, subject.parameters, known)
    automatic = examined(subject, total, fast=False)
    comparisons = [
        _comparison(p, answer, automatic)
        for p, answer in zip(subject.parameters, given, strict=True)
    ]
    found = FormulaReport(automatic, comparisons)
    silent = [p.name for p in subject.parameters if p.value.size and not p.value.any()]
    if silent and len(subject.parameters) > 1:
        which = f"{', '.join(silent)} {'is' if len(silent) == 1 else 'are'} all zeros"
        found.notes.append(
            f"{which}: a formula that forgets it would agree here, "
            "so check at random values as well"
        )
    if not found.ok and not report:
        raise GradientMismatch(found)
    return found


def _comparison(parameter: Parameter, answer: Answer, automatic: Report) -> Comparison:
    """The three gradients of one input."""
    shape, claimed = parameter.value.shape, parameter.claim.gradient
    mine = [e for e in automatic.entries if e.parameter == parameter.name]
    decided = [e.verdict not in (NOT_DIFFERENTIABLE, UNRESOLVED) for e in mine]
    settled = np.reshape(decided, shape).astype(bool)
    numerical = np.where(settled, np.reshape([e.numerical for e in mine], shape), claimed)
    automatic_agrees = not any(e.verdict == DISAGREES for e in mine)
    undecided = tuple(e.verdict for e in mine if e.verdict in (NOT_DIFFERENTIABLE, UNRESOLVED))
    hand = answer.gradient
    if hand is None:
        problem = answer.problem
        if answer.other is not None:
            problem += mended_by(answer.other, numerical)
        found = claimed, numerical, False, automatic_agrees, problem, undecided
        return Comparison(parameter.name, None, *found)
    eps = float(np.finfo(parameter.given.dtype).eps)
    scale = float(np.abs([numerical, np.nan_to_num(claimed)]).max(initial=0.0))
    rounding = np.broadcast_to(parameter.claim.rounding, shape)
    agrees = all(
        _passes(float(hand[e.index]), e, allowed_part(eps) * scale, scale, float(rounding[e.index]))
        for e in mine
    )
    found = claimed, numerical, agrees, automatic_agrees, "", undecided
    return Comparison(parameter.name, hand, *found)


def _passes(hand: float, entry: Entry, allowed: float, scale: float, rounding: float) -> bool:
    """Whether a derivative by hand is right: as measured.

    Where differences do not tell, it must be as the automatic one.
    """
    if not np.isfinite(hand):
        return False
    if entry.verdict == AGREES and allowed == ALLOWED * scale:
        # what was measured confirms the automatic gradient: a term missing in a small entry shows
        # beside it, however large the others
        allowed = ALLOWED * abs(entry.analytic) + ROUNDED * scale
    if entry.verdict != DISAGREES and abs(hand - entry.analytic) <= allowed + 10 * rounding:
        return True  # the convention of an op at a kink among them
    if entry.verdict == NOT_DIFFERENTIABLE and entry.sides is not None:
        low, high, error = min(entry.sides[:2]), max(entry.sides[:2]), entry.sides[2]
        return bool(low - 10 * error - allowed <= hand <= high + 10 * error + allowed)
    coarse = entry.verdict == AGREES and entry.error > ALLOWED * scale
    return not coarse and abs(hand - entry.numerical) <= 3 * entry.error + allowed + 10 * rounding
