"""`gradcheck`: is this gradient right? With neither false alarms, at kinks or in float32, nor misses of small faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..checks import short
from ..core import Tensor
from ..graph import ancestors
from ..modes import enable_grad
from ..operation import Op
from ..transforms import vjp
from ..trees import leaves
from .report import AGREES, DISAGREES, NOT_DIFFERENTIABLE, UNRESOLVED, Blame, Entry, GradientMismatch, Report
from .slopes import Line, Point, Slope, length_of
from .subject import FACTOR, Parameter, Subject, called, is_float, named_inputs, near_kink, outputs_of, upstream

ALLOWED = 1e-7  # of the gradient's scale: what may differ beside the error of the numerical slope
ALLOWED_FLOAT32 = 2e-3  # the same where numbers are rounded to float32
ALLOWED_FLOAT16 = 0.1  # the same for float16
SUBNORMAL = 64  # of the smallest numbers of a dtype: what may differ beside, for those have no more digits
LOST = 1e-4  # of the scale: a gradient whose own rounding is larger than that has lost its digits
CERTAIN = 20  # errors: a claim that far from a slope is wrong, however coarse the measurement
RESOLVED = 1e-7  # of the scale: a numerical slope with a larger error decides nothing, but whether ops are to be checked alone
RESOLVED_ALONE = 1e-5  # the same for an op alone
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
    __tracebackhide__ = True  # pytest shows the line of the test, and what disagrees
    if isinstance(f, Tensor) or not callable(f):
        raise TypeError(f"gradcheck takes the function, not its result: gradcheck(lambda w: loss, w), not {short(f)}")
    if order not in (1, 2):
        raise ValueError(f"order must be 1 (the gradient) or 2 (the gradient of the gradient), not {order!r}")
    if order == 2 and not inputs:
        raise ValueError("order=2 differentiates by the inputs: write gradcheck(lambda w: ..., w, order=2)")
    floats = [i for i, x in enumerate(inputs) if any(is_float(leaf) for _, leaf in leaves(x))]
    with np.errstate(all="ignore"):  # steps go to where f may overflow, and slopes of tiny numbers may as well
        subject = Subject(f if order == 1 else gradient_of(f, floats), inputs, wrt, names or named_inputs(f, inputs), seed)
        found = examined(subject, f, order, fast)
    if not found.ok and not report:
        raise GradientMismatch(found)
    return found


def examined(subject: Subject, f: Callable[..., Any], order: int = 1, fast: bool | None = None) -> Report:
    """The report on a subject, which is `f` or at order 2 its gradient."""
    entries = [entry for parameter in subject.parameters for entry in compared(subject, parameter, fast)]
    ignored = [p.name for p in subject.parameters if ignores_upstream(p)]
    found = Report(entries, {p.name: p.value.shape for p in subject.parameters}, order)
    if ignored or any(e.verdict != AGREES for e in entries):
        # where the whole has a kink, or rounding hides its last digits, its parts can still be checked
        parts = Parts(f, subject, order)
        found.blames = parts.blames
        found.entries = [settled(e, subject, parts) for e in entries]
    if found.of(DISAGREES) and subject.lost:
        found.notes.append(subject.lost)
    if ignored:
        found.faults.append(
            f"{FACTOR} times the upstream gradient does not give {FACTOR} times the gradient of {', '.join(ignored)}: a rule ignores `g`"
        )
    if any(e.verdict == DISAGREES and e.rounds for e in found.entries):
        found.notes.append("rounding explains the difference: the formula of this gradient loses its digits here by cancellation")
    if subject.has_weights:
        found.weights = subject.seeds
        found.notes.append(f"the gradients are those of {subject.weighted}")
    return found


def settled(entry: Entry, subject: Subject, parts: Parts) -> Entry:
    """What the parts say about an entry of which the whole does not decide."""
    if entry.verdict == UNRESOLVED and parts.agree:
        return replace(entry, verdict=AGREES, by_parts=True)
    if entry.outside or (entry.verdict == DISAGREES and entry.sides is not None and np.isfinite(entry.analytic)):
        # beside a kink of its own an op gives what its convention says, and the whole what follows from that
        return replace(entry, verdict=NOT_DIFFERENTIABLE if subject.on_kink and parts.agree else DISAGREES)
    return entry


def ignores_upstream(parameter: Parameter) -> bool:
    """Whether the gradient does not follow the upstream gradient."""
    claim = parameter.claim
    allowed = ALLOWED * claim.size + 10 * claim.rounding
    with np.errstate(invalid="ignore"):
        exact = np.isfinite(claim.gradient * FACTOR) & (np.abs(claim.gradient) > 1e-290)  # but for overflow and underflow
        return bool(((np.abs(parameter.by_factor - claim.gradient) > allowed) & exact).any())


def gradient_of(f: Callable[..., Any], wrt: Sequence[int]) -> Callable[..., Any]:
    """The function that gives f's gradients at its inputs `wrt`, for the upstream gradients of a check."""

    def gradients(*args: Any) -> list[Any]:
        def weighted(*chosen: Any) -> Tensor:
            given = dict(enumerate(args)) | dict(zip(wrt, chosen, strict=True))
            outputs = outputs_of(f, f(*given.values()))
            total = Tensor(0.0)
            for out, seed in zip(outputs, upstream(outputs), strict=True):
                total = total + (out * seed).sum()
            return total

        value, pull = vjp(weighted, *[args[i] for i in wrt])
        return [g for _, g in leaves(list(pull(np.ones((), value.dtype))))]

    gradients.__name__ = f"the gradient of {called(f)}"
    return gradients


# -- comparing -----------------------------------------------------------------------------------------------------------------


def compared(subject: Subject, parameter: Parameter, fast: bool | None) -> Iterator[Entry]:
    """The verdicts on one parameter: entry by entry, or along random directions."""
    shape, size = parameter.value.shape, parameter.value.size
    if not fast and (fast is False or sum(p.value.size for p in subject.parameters) <= ENTRIES):
        for index in np.ndindex(shape):
            yield compare(subject, parameter, _unit(shape, index), index)
        return
    for _ in range(min(DIRECTIONS, (size + 1) // 2)):
        # no entry counts for much less than another: one wrong entry shows in every direction
        direction = subject.rng.uniform(0.5, 1.0, shape) * subject.rng.choice([-1.0, 1.0], shape)
        found = compare(subject, parameter, direction, None)
        yield found
        if found.verdict == DISAGREES:
            yield _located(subject, parameter, direction, found)
            return


def _located(subject: Subject, parameter: Parameter, direction: Any, whole: Entry) -> Entry:
    """The entry that makes a direction disagree, found by halving: what differs most is in the half that differs more."""
    places, off = np.arange(direction.size), whole.analytic - whole.numerical
    while len(places) > 1:
        halves = np.array_split(places, 2)
        part = np.zeros(direction.size)
        part[halves[0]] = direction.reshape(-1)[halves[0]]
        entry = compare(subject, parameter, part.reshape(direction.shape), None)
        first = entry.analytic - entry.numerical
        second = off - first
        takes_second = abs(second) > abs(first) if np.isfinite(off) else np.isfinite(first)
        places, off = (halves[1], second) if takes_second else (halves[0], first)
    index = tuple(int(i) for i in np.unravel_index(places[0], direction.shape))
    return compare(subject, parameter, _unit(direction.shape, index), index)


def compare(subject: Subject, parameter: Parameter, direction: Any, index: tuple[int, ...] | None) -> Entry:
    """Claim and measurement along one direction of one parameter, with the verdict."""
    values, at = subject.values, subject.parameters.index(parameter)
    here = parameter.value[index] if index is not None else 0.0

    def along(t: float, look: bool) -> Point:
        if not t and not look:
            return Point(subject.center, 0.0, None)
        values[at] = np.asarray(parameter.value + t * direction) if t else parameter.value
        where = float(values[at][index] - here) if index is not None else t
        found, piece = subject.vector(values, look)
        return Point(found, where, piece)

    if index is not None:
        claimed, rounding, length = float(parameter.claim.gradient[index]), float(parameter.claim.rounding[index]), 1.0
        size = abs(float(here))
    else:
        claimed, rounding = _along(parameter.claim.gradient, direction), _along(parameter.claim.rounding, np.abs(direction))
        length, size = float(np.abs(direction).max()), float(np.abs(parameter.value[direction != 0]).max())
    scale = parameter.claim.size * length
    blur = 0.0 if index is not None else float(np.finfo(float).eps) * size / length  # the entries of a point in between are rounded
    line = Line(along, subject.weights, subject.noise, subject.eps, claimed, scale, size / length, subject.has_kinks, blur, subject.floor)
    found = line.slope()
    if (index is not None or not scale) and found.error < 0.1 * abs(found.value) < np.inf:  # along a direction entries add up to far more
        scale = max(scale, abs(found.value))
    verdict = _verdict(claimed, found, scale, rounding, line, subject.is_part)
    if verdict == DISAGREES and abs(claimed - found.value) < 1e4 * found.error:  # rounding may be louder over there
        over_there = [
            subject.noise_at(values[:at] + [np.asarray(parameter.value + side * found.step * direction)] + values[at + 1 :])
            for side in (-1, 1)
        ]
        louder = length_of(line.weights * np.maximum(*over_there)) / (length_of(line.weights * line.noise) or np.inf)
        found = replace(found, error=found.error * max(1.0, louder))
        verdict = _verdict(claimed, found, scale, rounding, line, subject.is_part)
    if verdict == DISAGREES and not np.isfinite(claimed) and parameter.claim.too_large[direction != 0].any():
        verdict = UNRESOLVED  # no difference of float64 can say more
    entry = Entry(parameter.name, index, claimed, found.value, found.error, scale, verdict, found.sides)
    if entry.accused and np.isfinite(claimed) and not _is_borne_out(entry, found, line, rounding, subject.is_part):
        verdict = UNRESOLVED
    if parameter.claim_as_given is not None:
        exact, claimed = claimed, _along(parameter.claim_as_given.gradient, direction)
        if verdict == AGREES:
            rounding = _along(parameter.claim_as_given.rounding, np.abs(direction))
            verdict = _verdict_as_given(subject, parameter, abs(claimed - exact), abs(exact), scale, rounding)
    rounds = abs(claimed - found.value) <= 3 * found.error + 5 * rounding
    return replace(entry, analytic=claimed, verdict=verdict, rounds=rounds)


def _is_borne_out(entry: Entry, found: Slope, line: Line, rounding: float, lenient: bool) -> bool:
    """Whether smaller steps, and measurements at other steps, find the claim wrong as well, and the slope to be the same."""

    def accuses(other: Slope) -> bool:
        again = replace(entry, verdict=_verdict(entry.analytic, other, entry.scale, rounding, line, lenient), sides=other.sides)
        apart = abs(other.value - entry.numerical) if entry.sides is None else 0.0
        return again.accused and not apart > 3 * (entry.error + other.error) + allowed_part(line.eps) * entry.scale

    return line.bears_out(found) and all(map(accuses, line.again()))


def _verdict(claimed: float, found: Slope, scale: float, rounding: float, line: Line, lenient: bool) -> str:
    """What claim and measurement say together; `rounding` is that of the claim.

    Where the rounding of the claim explains the difference the whole decides nothing, and an op alone is taken for right (`lenient`).
    """
    if not np.isfinite(claimed):
        grows = found.sides is not None and claimed in found.sides[:2]  # beyond all bounds, and so it is claimed
        return NOT_DIFFERENTIABLE if grows else DISAGREES
    if found.sides is not None and not found.meet:
        return NOT_DIFFERENTIABLE
    difference, allowed = abs(claimed - found.value), allowed_part(line.eps) * scale
    nothing = scale <= 10 * rounding  # all that is claimed may be rounding
    decides = max((RESOLVED_ALONE if lenient else RESOLVED) * scale, allowed, line.tiny if nothing else 0.0)  # an error that does
    if difference <= 3 * found.error + allowed:
        return AGREES if found.error <= decides else UNRESOLVED
    if difference <= 3 * found.error + allowed + 5 * rounding:
        if lenient:
            return AGREES if found.error + 5 * rounding <= decides else UNRESOLVED
        return DISAGREES if not nothing and difference > 3 * found.error + LOST * scale else UNRESOLVED
    return DISAGREES if difference > CERTAIN * found.error + allowed else UNRESOLVED


def _verdict_as_given(subject: Subject, parameter: Parameter, difference: float, exact_size: float, scale: float, rounding: float) -> str:
    """Whether rounding, or a range that is too small, explains by how much the claim in the dtype given differs from the one in float64."""
    info = np.finfo(parameter.given.dtype)
    eps = float(info.eps)
    allowed = allowed_part(eps) * scale + 10 * rounding + SUBNORMAL * float(info.smallest_subnormal)
    if difference <= allowed or exact_size > info.max:
        return AGREES
    return NOT_DIFFERENTIABLE if any(near_kink(t, eps) for t in ancestors(*subject.recorded)) else DISAGREES


def allowed_part(eps: float) -> float:
    """What may differ, of the scale, in a dtype with that rounding unit."""
    return ALLOWED if eps < 1e-15 else ALLOWED_FLOAT32 if eps < 1e-6 else ALLOWED_FLOAT16


def _along(gradient: Any, direction: Any) -> float:
    """The part of a gradient along a direction; an infinite entry matters only where the direction has a part."""
    moved = direction != 0
    return float((gradient[moved] * direction[moved]).sum())


def _unit(shape: tuple[int, ...], index: tuple[int, ...]) -> Any:
    unit = np.zeros(shape)
    unit[index] = 1.0
    return unit


# -- whose fault it is ---------------------------------------------------------------------------------------------------------


class Parts:
    """Each recorded op checked alone, at the values that it had: its own rules, at order 2 also their derivatives."""

    def __init__(self, f: Callable[..., Any], subject: Subject, order: int) -> None:
        self.blames = list[Blame]()
        self.agree = bool(subject.parameters)  # every part was decided, and is right
        subject.f = f  # not its gradient: the ops that the user wrote
        with np.errstate(all="ignore"), enable_grad(), subject.run(subject.values) as (_, outputs):
            recorded = [t for t in ancestors(*outputs) if t.requires_grad]
        accused = set[tuple[Op, int]]()
        for t in recorded:
            for i, a in enumerate(t.args):
                if t.op is not None and type(a) is Tensor and a.requires_grad and (t.op, i) not in accused:
                    blame = self._blame(t.op, t, i, order)
                    if blame is not None:
                        accused.add((t.op, i))
                        self.blames.append(blame)
        self.agree = self.agree and not self.blames

    def _blame(self, op: Op, t: Tensor, i: int, order: int) -> Blame | None:
        """What is wrong with the rule of argument `i`, if anything is."""
        for checked in range(1, order + 1):
            wrong = self._wrong_entry(op, t, i, checked)
            if wrong is not None:
                place = f"`{t.name} = {op.name}(...)`" if t.name else f"its result of shape {t.shape}"
                operand = t.args[i].name or ""
                return Blame(op.name, i, operand, place, wrong.analytic, wrong.numerical, checked, wrong.sides)
        return None

    def _wrong_entry(self, op: Op, t: Tensor, i: int, order: int) -> Entry | None:
        """The worst entry of the op's gradient at argument `i`, at order 2 of that gradient's derivative by any argument, if wrong."""
        args = tuple(a.detach() if type(a) is Tensor else a for a in t.args)

        def alone(*args: Any) -> Tensor:
            return op.on(args, t.static)

        names = [f"argument {k}" for k in range(len(args))]
        varied = [k for k, a in enumerate(t.args) if type(a) is Tensor and a.requires_grad]
        try:
            subject = (
                Subject(alone, args, [i], names, 1, is_part=True)
                if order == 1
                else Subject(gradient_of(alone, [i]), args, varied, names, 1, is_part=True)
            )
        except ValueError:  # not finite here: nothing to compare
            self.agree = False
            return None
        entries = [e for parameter in subject.parameters for e in compared(subject, parameter, fast=parameter.value.size > 16)]
        if order == 1:
            entries = [_by_complex_step(e, op, args, t.static, i, subject) for e in entries]
        if any(e.verdict == UNRESOLVED for e in entries):
            self.agree = False
        wrong = [e for e in entries if e.verdict == DISAGREES or (order == 1 and e.outside)]
        return max(wrong, key=lambda e: e.off) if wrong else None


def _by_complex_step(entry: Entry, op: Op, args: Sequence[Any], static: Any, i: int, subject: Subject) -> Entry:
    """The entry of an op's gradient that differences do not resolve, with the verdict of a complex step, if that says anything.

    The imaginary part of f(x + ih) is h f'(x), with no difference to lose digits in: if f is analytic as NumPy runs it (Squire and
    Trapp, *SIAM Review* 40, 1998). It is believed if it confirms the claim, or if it is what differences say as far as they go.
    """
    if entry.index is None or entry.verdict not in (AGREES, UNRESOLVED) or entry.error <= RESOLVED * entry.scale:
        return entry
    values = [np.asarray(a) if hasattr(a, "shape") else a for a in args]
    x = np.asarray(values[i], np.complex128)
    h = 1e-20 * max(1.0, float(np.abs(x).max()))
    try:
        plain, moved = op.run(*values, **static), op.run(*values[:i], x + 1j * h * _unit(x.shape, entry.index), *values[i + 1 :], **static)
    except Exception:  # not made for complex numbers
        return entry
    if np.asarray(moved).dtype.kind != "c" or not np.allclose(np.real(moved), plain, rtol=1e-12, atol=0):
        return entry
    slope = float(subject.weights @ np.imag(moved).reshape(-1)) / h
    allowed = allowed_part(subject.eps) * entry.scale
    if abs(slope - entry.analytic) <= allowed:
        return replace(entry, numerical=slope, error=allowed, verdict=AGREES)
    believed = slope and abs(slope - entry.numerical) <= 3 * entry.error <= 0.1 * abs(slope)
    return replace(entry, numerical=slope, error=allowed, verdict=DISAGREES) if believed else entry
