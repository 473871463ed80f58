"""What the checker found, made to be read: a line of verdict, the largest offenders, and who is to blame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from math import isfinite

AGREES, DISAGREES, NOT_DIFFERENTIABLE = "agrees", "disagrees", "not differentiable here"
SHOWN = 8  # offenders that the text lists


@dataclass(frozen=True)
class Entry:
    """One entry of one parameter's gradient, or in the fast mode one random direction: what is claimed and what was measured."""

    parameter: str
    index: tuple[int, ...] | None  # None: along a random direction
    analytic: float
    numerical: float
    error: float  # of the numerical value
    scale: float  # the size of the parameter's gradient: what a difference is compared with
    verdict: str
    sides: tuple[float, float, float] | None = None  # at a kink: the slopes from the left and the right, and their error

    @property
    def off(self) -> float:
        """The difference in units of the scale; infinite where a value is not a number."""
        difference = abs(self.analytic - self.numerical) / self.scale if self.scale else abs(self.analytic - self.numerical)
        return difference if difference == difference else float("inf")

    @property
    def outside(self) -> bool:
        """Whether the claim lies outside of the slopes from left and right: at the kink of a single op no convention allows that."""
        if self.verdict != NOT_DIFFERENTIABLE or self.sides is None:
            return False
        low, high, error = min(self.sides[:2]), max(self.sides[:2]), self.sides[2]
        margin = 10 * error + 1e-6 * max(self.scale, abs(low), abs(high))
        return isfinite(margin) and not low - margin <= self.analytic <= high + margin

    @property
    def place(self) -> str:
        """The entry, spelled as in Python."""
        if self.index is None:
            return f"{self.parameter} along a random direction"
        return f"{self.parameter}[{', '.join(map(str, self.index))}]" if self.index else self.parameter

    def cells(self) -> tuple[str, ...]:
        """The entry as a row of a table."""
        measured = f"{self.numerical:.10g} ± {self.error:.0e}" if isfinite(self.error) else "does not converge"
        if self.sides is not None:
            measured = ", ".join(_from_side(s, side) for s, side in zip(self.sides, ("left", "right"), strict=False))
        return self.place, f"{self.analytic:.10g}", measured, f"{self.off:.1e}" if isfinite(self.off) else "", self.verdict


@dataclass(frozen=True)
class Blame:
    """An op whose rule was found wrong at the values that it had."""

    op: str
    argument: int
    operand: str  # the operand's name, if it has one
    result: str  # what the op computed: its name and shape
    analytic: float
    numerical: float
    order: int = 1

    def __str__(self) -> str:
        which = {0: "first", 1: "second", 2: "third"}.get(self.argument, f"{self.argument + 1}th")
        operand = f" ({self.operand})" if self.operand else ""
        derivative = "the rule" if self.order == 1 else "the derivative of the rule"
        return (
            f"{derivative} of `{self.op}` for its {which} argument{operand}, at {self.result}: "
            f"it gives {self.analytic:.10g} where {self.numerical:.10g} was measured"
        )


HEADERS = ("entry", "automatic", "numerical", "off by (of the scale)", "verdict")


@dataclass
class Report:
    """All entries that were compared, and the ops to blame. True if nothing disagrees."""

    entries: list[Entry]
    shapes: dict[str, tuple[int, ...]]
    order: int = 1
    blames: list[Blame] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def of(self, verdict: str) -> list[Entry]:
        """The entries with that verdict, the largest difference first."""
        return sorted((e for e in self.entries if e.verdict == verdict), key=lambda e: -e.off)

    @property
    def ok(self) -> bool:
        """Whether nothing disagrees. Entries that are not differentiable here count as neither."""
        return not self.of(DISAGREES) and not self.blames

    def __bool__(self) -> bool:
        return self.ok

    @property
    def verdict(self) -> str:
        """One line: how many agree, disagree, or lie on a kink."""
        what = "gradcheck" if self.order == 1 else "gradcheck of the second derivative"
        kinks, wrong, all_ = len(self.of(NOT_DIFFERENTIABLE)), len(self.of(DISAGREES)), len(self.entries)
        compared = "random directions" if all_ and all(e.index is None for e in self.entries) else "entries"
        more = f"; {kinks} not differentiable here" if kinks else ""
        if wrong:
            return f"{what}: {wrong} of {all_} {compared} DISAGREE{more}"
        if self.blames:
            return f"{what}: the rule of an op DISAGREES, where the whole decides nothing{more}"
        return f"{what}: all {all_} {compared} agree" if not kinks else f"{what}: {all_ - kinks} of {all_} {compared} agree{more}"

    def lines(self) -> list[str]:
        """One line per parameter: its shape, the counts, the largest difference."""
        width = max([len(name) for name in self.shapes] + [6])
        lines = []
        for name, shape in self.shapes.items():
            mine = [e for e in self.entries if e.parameter == name]
            counts = ", ".join(
                f"{n} {_plural(verdict, n)}"
                for verdict in (AGREES, DISAGREES, NOT_DIFFERENTIABLE)
                if (n := sum(e.verdict == verdict for e in mine))
            )
            agreeing = [e.off for e in mine if e.verdict != NOT_DIFFERENTIABLE]
            largest = f"   largest difference {max(agreeing):.0e} of the scale" if agreeing else ""
            lines.append(f"{name:<{width}}  shape {shape}  {counts or 'no entries'}{largest}")
        return lines

    def offenders(self) -> list[Entry]:
        """The entries worth showing: those that disagree, then those on a kink."""
        return (self.of(DISAGREES) + self.of(NOT_DIFFERENTIABLE))[:SHOWN]

    def __str__(self) -> str:
        parts = [self.verdict, *("  " + line for line in self.lines())]
        shown = self.offenders()
        if shown:
            parts += ["", *("  " + row for row in table([HEADERS, *(e.cells() for e in shown)]))]
            left = len(self.of(DISAGREES)) + len(self.of(NOT_DIFFERENTIABLE)) - len(shown)
            parts += [f"  ... and {left} more"] if left > 0 else []
        parts += [""] if self.blames or self.notes else []
        parts += [f"  to blame: {blame}" for blame in self.blames]
        parts += [f"  {note}" for note in self.notes]
        return "\n".join(parts)

    def __repr__(self) -> str:
        return f"<{self.verdict}>"

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(h)}</th>" for h in HEADERS)
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(c)}</td>" for c in e.cells()) + "</tr>" for e in self.offenders() or self.entries[:SHOWN]
        )
        notes = "".join(f"<p>{escape(text)}</p>" for text in [*(f"to blame: {b}" for b in self.blames), *self.notes])
        return f"<p><strong>{escape(self.verdict)}</strong></p><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{notes}"


class GradientMismatch(AssertionError):
    """A gradient that disagrees with the numerical one. `report` has the details."""

    def __init__(self, report: Report) -> None:
        super().__init__(str(report))
        self.report = report


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of text in aligned columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _from_side(slope: float, side: str) -> str:
    return f"{slope:.6g} from the {side}" if isfinite(slope) else f"none from the {side}"


def _plural(verdict: str, n: int) -> str:
    return verdict if n == 1 or verdict == NOT_DIFFERENTIABLE else verdict.removesuffix("s")
