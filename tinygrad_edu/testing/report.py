"""What the checker found, made to be read: a verdict, the largest offenders, who is to blame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from math import isfinite, isnan
from typing import Any

AGREES, DISAGREES, NOT_DIFFERENTIABLE = "agrees", "disagrees", "not differentiable here"
UNRESOLVED = "below resolution"  # differences are too coarse to tell
SHOWN = 8  # offenders that the text lists
BLAMED = 4  # rules that it lists


@dataclass(frozen=True)
class Entry:
    """What is claimed and what was measured of one entry of one parameter's gradient.

    In the fast mode it is that along a random direction.
    """

    parameter: str
    index: tuple[int, ...] | None  # None: along a random direction
    analytic: float
    numerical: float
    error: float  # of the numerical value
    scale: float  # the size of the parameter's gradient: what a difference is compared with
    verdict: str
    # at a kink: the slopes from the left and the right, and their error
    sides: tuple[float, float, float] | None = None
    rounds: bool = False  # rounding of the claim may explain the difference
    # it agrees since the rule of every op does, each checked alone: the whole is below resolution
    by_parts: bool = False

    @property
    def off(self) -> float:
        """The difference in units of the scale; infinite where a value is not a number."""
        difference = abs(self.analytic - self.numerical) / (self.scale or 1.0)
        return float("inf") if isnan(difference) else difference

    @property
    def outside(self) -> bool:
        """Whether the claim lies outside of the slopes from left and right.

        At the kink of a single op no convention allows that.
        """
        if self.verdict != NOT_DIFFERENTIABLE or self.sides is None:
            return False
        low, high, error = min(self.sides[:2]), max(self.sides[:2]), self.sides[2]
        margin = 10 * error + 1e-6 * max(self.scale, abs(low), abs(high))
        return isfinite(margin) and not low - margin <= self.analytic <= high + margin

    @property
    def accused(self) -> bool:
        """Whether the claim is found to be wrong, be it at a kink."""
        return self.verdict == DISAGREES or self.outside

    @property
    def place(self) -> str:
        """The entry, spelled as in Python."""
        if self.index is None:
            return f"{self.parameter} along a random direction"
        at = f"[{', '.join(map(str, self.index))}]" if self.index else ""
        return self.parameter + at

    def cells(self) -> tuple[str, ...]:
        """The entry as a row of a table."""
        measured = "does not converge"
        if self.sides is not None:
            measured = ", ".join(_from_sides(self.sides))
        elif isfinite(self.error):
            measured = f"{self.numerical:.10g} ± {self.error:.0e}"
        off = f"{self.off:.1e}" if isfinite(self.off) else ""
        agrees = f"{self.verdict} by its parts" if self.by_parts else self.verdict
        return self.place, f"{self.analytic:.10g}", measured, off, agrees


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
    # at a kink: the slopes from the left and the right, and their error
    sides: tuple[float, float, float] | None = None

    def __str__(self) -> str:
        which = {0: "first", 1: "second", 2: "third"}.get(self.argument, f"{self.argument + 1}th")
        operand = f" ({self.operand})" if self.operand else ""
        derivative = "the rule" if self.order == 1 else "the derivative of the rule"
        measured = f"{self.numerical:.10g} was measured"
        if self.sides is not None:
            measured = " and ".join(_from_sides(self.sides)) + " were measured"
        elif not isfinite(self.numerical):
            measured = "differences do not converge"
        where = f"for its {which} argument{operand}, at {self.result}"
        return (
            f"{derivative} of `{self.op}` {where}: it gives {self.analytic:.10g} where {measured}"
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
    faults: list[str] = field(default_factory=list)  # what is wrong beside entries and rules
    # of the outputs, where there is more than one number: the upstream gradients
    weights: list[Any] = field(default_factory=list)

    def of(self, verdict: str) -> list[Entry]:
        """The entries with that verdict, the largest difference first."""
        return sorted((e for e in self.entries if e.verdict == verdict), key=lambda e: -e.off)

    @property
    def ok(self) -> bool:
        """Whether nothing disagrees. Entries that are not differentiable here count as neither."""
        return not self.of(DISAGREES) and not self.blames and not self.faults

    def __bool__(self) -> bool:
        return self.ok

    @property
    def verdict(self) -> str:
        """One line: how many agree, disagree, lie on a kink, or are below resolution."""
        what = "gradcheck" if self.order == 1 else "gradcheck of the second derivative"
        wrong, all_ = len(self.of(DISAGREES)), len(self.entries)
        along = all_ and all(e.index is None for e in self.entries)
        compared = "random directions" if along else "entries"
        undecided = {verdict: len(self.of(verdict)) for verdict in (NOT_DIFFERENTIABLE, UNRESOLVED)}
        more = "".join(f"; {n} {verdict}" for verdict, n in undecided.items() if n)
        parts = sum(e.by_parts for e in self.entries)
        more += f"; {parts} by the parts alone" if parts else ""
        if wrong:
            return f"{what}: {wrong} of {all_} {compared} DISAGREE{more}"
        if self.blames:
            return f"{what}: the rule of an op DISAGREES, where the whole decides nothing{more}"
        if self.faults:
            return f"{what}: a rule IGNORES the upstream gradient{more}"
        agree = len(self.of(AGREES))
        if agree == all_:
            one = all_ == 1 and compared == "entries"
            everything = "the one entry agrees" if one else f"all {all_} {compared} agree"
            return f"{what}: {everything}{more}"
        return f"{what}: {agree} of {all_} {compared} agree{more}"

    def lines(self) -> list[str]:
        """One line per parameter: its shape, the counts, the largest difference.

        Of many, those that do not agree come first.
        """
        mine_of: dict[str, list[Entry]] = {name: [] for name in self.shapes}
        for e in self.entries:
            mine_of[e.parameter].append(e)
        shown = list(self.shapes)
        if len(shown) > SHOWN:
            shown.sort(key=lambda name: all(e.verdict == AGREES for e in mine_of[name]))
            shown = shown[:SHOWN]
        width = max([len(name) for name in shown] + [6])
        lines = []
        for name in shown:
            shape, mine = self.shapes[name], mine_of[name]
            counts = ", ".join(
                f"{n} {_plural(verdict, n)}"
                for verdict in (AGREES, DISAGREES, NOT_DIFFERENTIABLE, UNRESOLVED)
                if (n := sum(e.verdict == verdict for e in mine))
            )
            decided = [e.off for e in mine if e.verdict in (AGREES, DISAGREES)]
            largest = f"   largest difference {max(decided):.0e} of the scale" if decided else ""
            lines.append(f"{name:<{width}}  shape {shape}  {counts or 'no entries'}{largest}")
        left = [name for name in self.shapes if name not in shown]
        if left:
            wrong = sum(any(e.verdict != AGREES for e in mine_of[name]) for name in left)
            how = f"{wrong} of them not in agreement" if wrong else "which agree"
            lines.append(f"... and {len(left)} more parameters, {how}")
        return lines

    def offenders(self) -> list[Entry]:
        """The entries worth showing: those that disagree, on a kink, below resolution."""
        return (self.of(DISAGREES) + self.of(NOT_DIFFERENTIABLE) + self.of(UNRESOLVED))[:SHOWN]

    def __str__(self) -> str:
        parts = [self.verdict, *("  " + line for line in self.lines())]
        shown = self.offenders()
        if shown:
            parts += ["", *("  " + row for row in table([HEADERS, *(e.cells() for e in shown)]))]
            left = len(self.entries) - len(self.of(AGREES)) - len(shown)
            parts += [f"  ... and {left} more"] if left > 0 else []
        parts += [""] if self.blames or self.faults or (shown and self.notes) else []
        parts += [f"  to blame: {blame}" for blame in self.blames[:BLAMED]]
        if len(self.blames) > BLAMED:
            parts.append(f"  ... and {len(self.blames) - BLAMED} more rules")
        parts += [f"  {fault}" for fault in self.faults]
        parts += [f"  {note}" for note in self.notes]
        return "\n".join(parts)

    def __repr__(self) -> str:
        return f"<{self.verdict}>"

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(h)}</th>" for h in HEADERS)
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(c)}</td>" for c in e.cells()) + "</tr>"
            for e in self.offenders() or self.entries[:SHOWN]
        )
        told = [*(f"to blame: {b}" for b in self.blames), *self.faults, *self.notes]
        notes = "".join(f"<p>{escape(text)}</p>" for text in told)
        return (
            f"<p><strong>{escape(self.verdict)}</strong></p>"
            f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{notes}"
        )


class GradientMismatch(AssertionError):
    """A gradient that disagrees with the numerical one. `report` has the details."""

    def __init__(self, report: Report) -> None:
        super().__init__(str(report))
        self.report = report


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of text in aligned columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _from_sides(slopes: tuple[float, float, float]) -> list[str]:
    """The slopes from the left and the right, in words."""
    return [
        f"{slope:.6g} from the {side}" if isfinite(slope) else f"none from the {side}"
        for slope, side in zip(slopes, ("left", "right"), strict=False)
    ]


def _plural(verdict: str, n: int) -> str:
    if n == 1 or verdict in (NOT_DIFFERENTIABLE, UNRESOLVED):
        return verdict
    return verdict.removesuffix("s").removesuffix("S")
