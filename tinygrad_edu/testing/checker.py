"""`gradcheck`: is this gradient right? With neither false alarms, at kinks or in float32, nor misses of small faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np

from ..checks import short
from ..core import Tensor
from ..graph import ancestors
from ..modes import enable_grad
from ..operation import Op
from ..transforms import vjp
from ..trees import leaves
from .report import AGREES, DISAGREES, NOT_DIFFERENTIABLE, Blame, Entry, GradientMismatch, Report
from .slopes import Line, Piece, Slope
from .subject import Parameter, Subject, called, is_float, named_inputs, near_kink, outputs_of, upstream

ALLOWED = 2e-7  # of the gradient's scale: what may differ beside the error of the numerical slope
ALLOWED_FLOAT32 = 2e-3  # the same where numbers are rounded to float32
ALLOWED_FLOAT16 = 0.1  # the same for float16
RESOLVED = 1e-5  # of the scale: a numerical slope with a larger error decides nothing
ENTRIES = 400  # as many are compared one by one; more of them along random directions, unless asked for
DIRECTIONS = 3


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
    """Compare the gradients of `f` at `inputs` with numerical ones; raise `GradientMismatch` if they disagree.

    `f` takes Tensors and gives one, or several in nested dicts, lists and tuples. The inputs are Tensors, arrays or nested structures
    of them; those of a float dtype are checked, or only the ones that `wrt` lists (positions, or names). Without inputs the leaves
    that f closes over are checked. `order=2` checks the gradient of the gradient. `fast=True` compares along a few random
    directions instead of entry by entry, and looks for the entry only where they disagree; it is the default for many entries.
    `report=True` gives the report instead of raising.

    Each entry agrees, disagrees, or is not differentiable here: a kink, or differences that do not converge. The last is said
    in the report, and neither an alarm nor a pass.

    >>> import numpy as np, tinygrad_edu as tg
    >>> report = gradcheck(lambda w: (w.sigmoid() ** 2).sum(), np.array([0.5, -1.0]))
    >>> print(report.verdict)
    gradcheck: all 2 entries agree
    """
    if isinstance(f, Tensor) or not callable(f):
        raise TypeError(f"gradcheck takes the function, not its result: gradcheck(lambda w: loss, w), not {short(f)}")
    if order not in (1, 2):
        raise ValueError(f"order must be 1 (the gradient) or 2 (the gradient of the gradient), not {order!r}")
    if order == 2 and not inputs:
        raise ValueError("order=2 differentiates by the inputs: write gradcheck(lambda w: ..., w, order=2)")
    floats = [i for i, x in enumerate(inputs) if any(is_float(leaf) for _, leaf in leaves(x))]
    subject = Subject(f if order == 1 else gradient_of(f, floats), inputs, wrt, names or named_inputs(f, inputs), seed)
    found = examined(subject, f, order, fast)
    if not found.ok and not report:
        raise GradientMismatch(found)
    return found


def examined(subject: Subject, f: Callable[..., Any], order: int = 1, fast: bool | None = None) -> Report:
    """The report on a subject, which is `f` or at order 2 its gradient."""
    entries = [entry for parameter in subject.parameters for entry in compared(subject, parameter, fast)]
    found = Report(entries, {p.name: p.value.shape for p in subject.parameters}, order)
    if not all(e.verdict == AGREES and (3 * e.error <= ALLOWED * e.scale or not e.scale) for e in entries):
        # where the whole has a kink, or rounding hides its last digits, its parts can still be checked
        found.blames = list(blamed(f, subject, order))
    if found.of(DISAGREES) and subject.lost:
        found.notes = [subject.lost]
    return found


def gradient_of(f: Callable[..., Any], wrt: Sequence[int]) -> Callable[..., Any]:
    """The function that gives f's gradients at its inputs `wrt`, for random upstream gradients."""

    def gradients(*args: Any) -> list[Any]:
        def weighted(*chosen: Any) -> Tensor:
            given = dict(enumerate(args)) | dict(zip(wrt, chosen, strict=True))
            total = Tensor(0.0)
            for k, out in enumerate(outputs_of(f, f(*given.values()))):
                total = total + (out * upstream(out, k)).sum()
            return total

        value, pull = vjp(weighted, *[args[i] for i in wrt])
        return [g for _, g in leaves(list(pull(np.ones((), value.dtype))))]

    gradients.__name__ = f"the gradient of {called(f)}"
    return gradients


# -- comparing -----------------------------------------------------------------------------------------------------------------


def compared(subject: Subject, parameter: Parameter, fast: bool | None) -> Iterator[Entry]:
    """The verdicts on one parameter: entry by entry, or along random directions."""
    shape = parameter.value.shape
    if not fast and (fast is False or sum(p.value.size for p in subject.parameters) <= ENTRIES):
        for index in np.ndindex(shape):
            yield compare(subject, parameter, _unit(shape, index), index)
        return
    for _ in range(min(DIRECTIONS, parameter.value.size)):
        # no entry counts for much less than another: one wrong entry shows in every direction
        direction = subject.rng.uniform(0.5, 1.0, shape) * subject.rng.choice([-1.0, 1.0], shape)
        found = compare(subject, parameter, direction, None)
        yield found
        if found.verdict == DISAGREES:
            yield _located(subject, parameter, direction)
            return


def _located(subject: Subject, parameter: Parameter, direction: Any) -> Entry:
    """The entry that makes a direction disagree, found by halving: what differs most is in the half that differs more."""
    places = np.arange(direction.size)
    while len(places) > 1:
        halves = np.array_split(places, 2)
        parts = [np.where(np.isin(np.arange(direction.size), half).reshape(direction.shape), direction, 0.0) for half in halves]
        off = [compare(subject, parameter, part, None).off * np.abs(part).max() for part in parts]
        places = halves[int(off[1] > off[0])]
    index = tuple(int(i) for i in np.unravel_index(places[0], direction.shape))
    return compare(subject, parameter, _unit(direction.shape, index), index)


def compare(subject: Subject, parameter: Parameter, direction: Any, index: tuple[int, ...] | None) -> Entry:
    """Claim and measurement along one direction of one parameter, with the verdict."""
    values, at, moved = subject.values, subject.parameters.index(parameter), direction != 0

    @cache
    def line(t: float) -> tuple[Any, Piece]:
        values[at] = parameter.value + t * direction if t else parameter.value
        return subject.vector(values)

    claimed, rounding = _along(parameter.claim.gradient, direction), _along(parameter.claim.rounding, np.abs(direction))
    length, size = float(np.abs(direction).max()), float(np.abs(parameter.value[moved]).max())
    scale = _size(parameter.claim.gradient) * length
    tiny = 1e-6 * float(np.abs(subject.weights * line(0.0)[0]).sum()) or 1e-12  # a slope that counts as 0 where 0 is claimed
    reach = 0.1 * max(1.0, size) / length
    found = Line(line, subject.weights, claimed, scale or tiny, reach, size / length, subject.eps, subject.noise).slope()
    if (index is not None or not scale) and found.error < 0.1 * abs(found.value):  # along a direction entries add up to far more
        scale = max(scale, abs(found.value))
    allowed = allowed_part(subject.eps) * scale + 10 * rounding
    verdict = _verdict(claimed, found, allowed, max(RESOLVED * scale, allowed) if scale else tiny)
    if verdict == AGREES and parameter.claim_as_given is not None:
        exact, claimed = claimed, _along(parameter.claim_as_given.gradient, direction)
        rounding = _along(parameter.claim_as_given.rounding, np.abs(direction))
        verdict = _verdict_as_given(subject, parameter, abs(claimed - exact), scale, rounding)
    return Entry(parameter.name, index, claimed, found.value, found.error, scale, verdict, found.sides)


def _verdict(claimed: float, found: Slope, allowed: float, resolved: float) -> str:
    """What claim and measurement say together. `allowed` may differ beside the measured error; `resolved` is an error that decides."""
    difference = abs(claimed - found.value)
    if found.error <= resolved and difference <= 3 * found.error + allowed:
        return AGREES
    certain = found.error <= resolved or difference > max(100 * found.error, resolved)
    return DISAGREES if certain and found.sides is None else NOT_DIFFERENTIABLE


def _verdict_as_given(subject: Subject, parameter: Parameter, difference: float, scale: float, rounding: float) -> str:
    """Whether rounding explains by how much the claim in the dtype given differs from the one in float64."""
    eps = float(np.finfo(parameter.given.dtype).eps)
    if difference <= allowed_part(eps) * scale + 10 * rounding:
        return AGREES
    return NOT_DIFFERENTIABLE if any(near_kink(t, eps) for t in ancestors(*subject.recorded)) else DISAGREES


def allowed_part(eps: float) -> float:
    """What may differ, of the scale, in a dtype with that rounding unit."""
    return ALLOWED if eps < 1e-15 else ALLOWED_FLOAT32 if eps < 1e-6 else ALLOWED_FLOAT16


def _along(gradient: Any, direction: Any) -> float:
    """The part of a gradient along a direction; an infinite entry matters only where the direction has a part."""
    moved = direction != 0
    return float((gradient[moved] * direction[moved]).sum())


def _size(gradient: Any) -> float:
    """The largest finite entry."""
    return float(np.abs(gradient[np.isfinite(gradient)]).max(initial=0.0))


def _unit(shape: tuple[int, ...], index: tuple[int, ...]) -> Any:
    unit = np.zeros(shape)
    unit[index] = 1.0
    return unit


# -- whose fault it is ---------------------------------------------------------------------------------------------------------


def blamed(f: Callable[..., Any], subject: Subject, order: int) -> Iterator[Blame]:
    """Check each recorded op's own rules at the values that it had; at order 2 also their derivatives."""
    subject.f = f  # not its gradient: the ops that the user wrote
    with np.errstate(all="ignore"), enable_grad(), subject.run(subject.values) as (_, outputs):
        recorded = [t for t in ancestors(*outputs) if t.requires_grad]
    accused = set[tuple[Op, int]]()
    for t in recorded:
        for i, a in enumerate(t.args):
            if t.op is None or type(a) is not Tensor or not a.requires_grad or (t.op, i) in accused:
                continue
            for checked in range(1, order + 1):
                wrong = _wrong_entry(t.op, t, i, checked)
                if wrong is not None:
                    accused.add((t.op, i))
                    place = f"`{t.name} = {t.op.name}(...)`" if t.name else f"its result of shape {t.shape}"
                    yield Blame(t.op.name, i, a.name or "", place, wrong.analytic, wrong.numerical, checked)
                    break


def _wrong_entry(op: Op, t: Tensor, i: int, order: int) -> Entry | None:
    """The worst entry of the op's gradient at argument `i`, at order 2 of that gradient's derivative by any argument, if wrong."""
    args = tuple(a.detach() if type(a) is Tensor else a for a in t.args)

    def alone(*args: Any) -> Tensor:
        return op.on(args, t.static)

    names = [f"argument {k}" for k in range(len(args))]
    varied = [k for k, a in enumerate(t.args) if type(a) is Tensor and a.requires_grad]
    try:
        subject = Subject(alone, args, [i], names, 1) if order == 1 else Subject(gradient_of(alone, [i]), args, varied, names, 1)
    except ValueError:  # not finite here: nothing to compare
        return None
    entries = [e for parameter in subject.parameters for e in compared(subject, parameter, fast=parameter.value.size > 16)]
    wrong = [e for e in entries if e.verdict == DISAGREES or (order == 1 and e.outside)]
    return max(wrong, key=lambda e: e.off) if wrong else None
