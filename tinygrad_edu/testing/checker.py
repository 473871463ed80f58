"""`gradcheck`: is this gradient right? No false alarm, at kinks or in float32; no fault missed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..engine.pytree import leaves
from ..engine.tensor import Tensor
from ..engine.validation import short
from .blame import Parts
from .claims import gradient_of
from .comparison import compared
from .parameters import is_float, named_inputs
from .report import (
    AGREES,
    DISAGREES,
    NOT_DIFFERENTIABLE,
    UNRESOLVED,
    Entry,
    GradientMismatch,
    Report,
)
from .subject import FACTOR, Subject
from .verdicts import ignores_upstream


def gradcheck(
    f: Callable[..., Any],
    *inputs: Any,
    order: int = 1,
    wrt: Any = None,
    names: Sequence[str] = (),
    fast: bool | None = None,
    report: bool = False,
    seed: int = 0,
) -> Report:
    """Compare the gradients of `f` with numerical ones; raise `GradientMismatch` if they disagree.

    `f` takes Tensors and gives one, or several in nested dicts, lists and tuples. The inputs are
    Tensors, arrays or nested structures of them; those of a float dtype are checked, or only the
    ones that `wrt` lists (positions, or names). Without inputs the leaves that f closes over are
    checked. `order=2` checks the gradient of the gradient. `fast=True` compares along a few random
    directions instead of entry by entry, and looks for the entry only where they disagree; it is
    the default for many entries. `report=True` gives the report instead of raising.

    Each entry agrees, disagrees, or is not differentiable here: a kink, or differences that do not
    converge. The last is said in the report, and neither an alarm nor a pass.

    >>> import numpy as np, tinygrad_edu as tg
    >>> report = gradcheck(lambda w: (w.sigmoid() ** 2).sum(), np.array([0.5, -1.0]))
    >>> print(report.verdict)
    gradcheck: all 2 entries agree
    """
    __tracebackhide__ = True  # pytest shows the line of the test, and what disagrees
    if isinstance(f, Tensor) or not callable(f):
        raise TypeError(
            "gradcheck takes the function, not its result: "
            f"gradcheck(lambda w: loss, w), not {short(f)}"
        )
    if order not in (1, 2):
        raise ValueError(
            f"order must be 1 (the gradient) or 2 (the gradient of the gradient), not {order!r}"
        )
    if order == 2 and not inputs:
        raise ValueError(
            "order=2 differentiates by the inputs: write gradcheck(lambda w: ..., w, order=2)"
        )
    floats = [i for i, x in enumerate(inputs) if any(is_float(leaf) for _, leaf in leaves(x))]
    # steps go to where f may overflow, and slopes of tiny numbers may as well
    with np.errstate(all="ignore"):
        checked = f if order == 1 else gradient_of(f, floats)
        subject = Subject(checked, inputs, wrt, names or named_inputs(f, inputs), seed)
        found = examined(subject, f, order, fast)
    if not found.ok and not report:
        raise GradientMismatch(found)
    return found


def examined(
    subject: Subject, f: Callable[..., Any], order: int = 1, fast: bool | None = None
) -> Report:
    """The report on a subject, which is `f` or at order 2 its gradient."""
    entries = [e for parameter in subject.parameters for e in compared(subject, parameter, fast)]
    ignored = [p.name for p in subject.parameters if ignores_upstream(p)]
    found = Report(entries, {p.name: p.value.shape for p in subject.parameters}, order)
    # a slope of 0 is also what a function shows that is too flat for its digits
    is_flat = any(p.value.size and not p.claim.size for p in subject.parameters)
    if ignored or is_flat or any(e.verdict != AGREES for e in entries):
        # where the whole has a kink, or rounding hides its last digits, its parts can still be
        # checked
        parts = Parts(f, subject, order)
        found.blames = parts.blames
        found.entries = [settled(e, subject, parts) for e in entries]
    if found.of(DISAGREES) and subject.lost:
        found.notes.append(subject.lost)
    if ignored:
        found.faults.append(
            f"{FACTOR} times the upstream gradient does not give {FACTOR} times the gradient "
            f"of {', '.join(ignored)}: a rule ignores `g`"
        )
    if any(e.verdict == DISAGREES and e.rounds for e in found.entries):
        found.notes.append(
            "rounding explains the difference: "
            "the formula of this gradient loses its digits here by cancellation"
        )
    if subject.has_weights:
        found.weights = subject.seeds
        found.notes.append(f"the gradients are those of {subject.weighted}")
    return found


def settled(entry: Entry, subject: Subject, parts: Parts) -> Entry:
    """What the parts say about an entry of which the whole does not decide."""
    if entry.verdict == UNRESOLVED and parts.agree:
        return replace(entry, verdict=AGREES, by_parts=True)
    at_kink = entry.sides is not None and np.isfinite(entry.analytic)
    if entry.outside or (entry.verdict == DISAGREES and at_kink):
        # beside a kink of its own an op gives what its convention says, and the whole what follows
        # from that
        excused = subject.on_kink and parts.agree
        return replace(entry, verdict=NOT_DIFFERENTIABLE if excused else DISAGREES)
    return entry
