"""`gradcheck`: is this gradient right? With neither false alarms, at kinks or in float32, nor misses of small faults."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Any

import numpy as np

from .. import _names
from ..core import Tensor, enable_grad, no_grad, short
from ..graph import ancestors
from ..transforms import vjp
from ..trees import leaves, tree_map
from .report import AGREES, DISAGREES, NOT_DIFFERENTIABLE, Blame, Entry, GradientMismatch, Report
from .slopes import Piece, Slope, slope

ALLOWED = 2e-7  # of the gradient's scale: what may differ beside the error of the numerical slope
ALLOWED_FLOAT32 = 2e-3  # the same for what rounding to float32 may change
RESOLVED = 1e-5  # of the scale: a numerical slope with a larger error decides nothing
ENTRIES = 400  # as many are compared one by one; more of them along random directions, unless asked for
DIRECTIONS = 3

Values = Sequence[Any]


def gradcheck(
    f: Callable[..., Any],
    *inputs: Any,
    order: int = 1,
    wrt: Any = None,
    names: Sequence[str] | None = None,
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
    subject = Subject(f if order == 1 else gradient_of(f, inputs), inputs, wrt, names or named_inputs(f, inputs), seed)
    entries = [entry for parameter in subject.parameters for entry in subject.compared(parameter, fast)]
    found = Report(entries, {p.name: p.value.shape for p in subject.parameters}, order)
    if found.of(DISAGREES) or found.of(NOT_DIFFERENTIABLE):  # where the whole has a kink, its parts can still be checked
        found.blames = list(blamed(f, subject, order))
    if found.of(DISAGREES) and subject.lost:
        found.notes = [subject.lost]
    if not found.ok and not report:
        raise GradientMismatch(found)
    return found


def gradient_of(f: Callable[..., Any], inputs: tuple[Any, ...]) -> Callable[..., Any]:
    """The function that gives f's gradients at all of its float inputs, for random upstream gradients."""
    floats = [i for i, x in enumerate(inputs) if any(_is_float(leaf) for _, leaf in leaves(x))]

    def gradients(*args: Any) -> list[Any]:
        def weighted(*chosen: Any) -> Tensor:
            given = list(args)
            for i, x in zip(floats, chosen, strict=True):
                given[i] = x
            total = Tensor(0.0)
            for k, out in enumerate(outputs_of(f, f(*given))):
                total = total + (out * _upstream(out, k)).sum()
            return total

        value, pull = vjp(weighted, *[args[i] for i in floats])
        return [g for _, g in leaves(list(pull(np.ones((), value.dtype))))]

    gradients.__name__ = f"the gradient of {_called(f)}"
    return gradients


@dataclass(eq=False)
class Parameter:
    """One array that is varied: its name, its place among the leaves of the inputs, its value in float64, the gradient claimed."""

    name: str
    place: int
    given: Any
    closed_over: Tensor | None = None

    def __post_init__(self) -> None:
        self.value = np.asarray(self.given, np.float64)
        self.claimed: Any = np.zeros(self.value.shape)
        self.rounding: Any = np.zeros(self.value.shape)  # what rounding may change in it
        self.in_float32: Any = None  # both for the dtype given, where that is smaller


class Subject:
    """The function under test as a map from arrays to one vector, and the gradients that it claims."""

    def __init__(self, f: Callable[..., Any], inputs: tuple[Any, ...], wrt: Any, names: Sequence[str], seed: int) -> None:
        self.f, self.inputs = f, inputs
        self.rng = np.random.default_rng(seed)
        self.lost = ""
        self.parameters = self._chosen(names, wrt) if inputs else closed_over(f)
        if not self.parameters:
            raise TypeError("gradcheck found nothing to vary: give inputs of a float dtype, as in gradcheck(f, np.array([1.0, 2.0]))")
        self._check_manners()
        self._claim()

    def _chosen(self, names: Sequence[str], wrt: Any) -> list[Parameter]:
        found = []
        wanted = None if wrt is None else set(wrt if isinstance(wrt, (list, tuple, set)) else [wrt])
        place = count()
        known: list[Any] = []
        for i, tree in enumerate(self.inputs):
            for path, leaf in leaves(tree):
                name = (leaf.name if type(leaf) is Tensor and leaf.name else None) or f"{names[i] if i < len(names) else f'input {i}'}{path}"
                at = next(place)
                known += [i, name, names[i] if i < len(names) else name]
                chosen = wanted is None or wanted & {i, name, known[-1]}
                if chosen and _is_float(leaf):
                    found.append(Parameter(name, at, np.array(leaf)))
        if wanted and not wanted <= set(known):
            raise ValueError(f"wrt={wrt!r} names no input: there are {', '.join(str(k) for k in dict.fromkeys(known))}")
        return found

    # -- running it ------------------------------------------------------------------------------------------------------------

    def run(self, values: Values) -> tuple[list[Tensor], list[Tensor]]:
        """f on leaves that hold the values: (the leaves, the outputs)."""
        if self.parameters[0].closed_over is not None:
            return self._run_closure(values)
        fresh = {p.place: Tensor(v, requires_grad=True, name=p.name) for p, v in zip(self.parameters, values, strict=True)}
        place = count()
        others = np.result_type(*[v.dtype for v in values])
        inputs = tree_map(lambda x: fresh[at] if (at := next(place)) in fresh else _other(x, others), list(self.inputs))
        return list(fresh.values()), outputs_of(self.f, self.f(*inputs))

    def _run_closure(self, values: Values) -> tuple[list[Tensor], list[Tensor]]:
        held = [p.closed_over for p in self.parameters if p.closed_over is not None]
        before = [t._data for t in held]
        try:
            for t, value in zip(held, values, strict=True):
                t._data = value
            return held, outputs_of(self.f, self.f())
        finally:
            for t, data in zip(held, before, strict=True):
                t._data = data

    def vector(self, values: Values) -> tuple[Any, Piece]:
        """All outputs in one float64 vector, and the smooth piece that the values lie in."""
        with np.errstate(all="ignore"):
            if not self.has_kinks:
                with no_grad():
                    outputs = self.run(values)[1]
                return _flat(outputs), b""
            with enable_grad():
                outputs = self.run(values)[1]
            return _flat(outputs), b"".join(np.sign(k).astype(np.int8).tobytes() for k in kinks(outputs))

    def _check_manners(self) -> None:
        """What f must be before gradients mean anything: finite, the same each time, and no changer of its inputs."""
        given = [p.given for p in self.parameters]
        before = [np.array(leaf, copy=True) for _, leaf in leaves(list(self.inputs)) if hasattr(leaf, "shape")]
        with enable_grad():
            held, outputs = self.run(given)
            _, again = self.run(given)
        after = [np.asarray(leaf) for _, leaf in leaves(list(self.inputs)) if hasattr(leaf, "shape")]
        changed = [p.name for p, t in zip(self.parameters, held, strict=True) if t._data.tobytes() != p.given.tobytes()]
        if changed or any(a.tobytes() != b.tobytes() for a, b in zip(before, after, strict=True)):
            raise ValueError(f"{_called(self.f)} changes its input {changed[0] if changed else ''} in place: let it compute a new tensor")
        for out in outputs:
            if out.dtype.kind != "f":
                raise TypeError(f"{_called(self.f)} gives {out.dtype}, which has no gradient: a differentiable function gives floats")
            if not np.isfinite(out._data).all():
                kind = "NaN" if np.isnan(out._data).any() else "an infinite value"
                raise ValueError(f"{_called(self.f)} gives {kind} at these inputs: there is no gradient to check")
        if any(a._data.tobytes() != b._data.tobytes() for a, b in zip(outputs, again, strict=True)):
            raise ValueError(f"{_called(self.f)} gives another value each time it is called: fix its random seed inside, or pass the random part")
        if not any(out.size for out in outputs):
            raise ValueError(f"{_called(self.f)} gives no numbers (its outputs are empty): there is no gradient to check")

    def _claim(self) -> None:
        """The automatic gradients, for random upstream weights; in float64, and in the dtypes given where those are smaller."""
        values = [p.value for p in self.parameters]
        with enable_grad():
            held, outputs = self.run(values)
        self.weights = np.concatenate([_upstream(out, k).reshape(-1) for k, out in enumerate(outputs)])
        self.eps = max(float(np.finfo(out.dtype).eps) for out in outputs)
        self.recorded = outputs
        self.has_kinks = any(t.op is not None and t.op.kinks is not None for t in ancestors(*outputs))
        if not any(out.requires_grad for out in outputs):
            self.lost = (
                f"{_called(self.f)} gives a result that does not depend on its inputs by recorded ops, so that its gradient is lost: "
                "np.asarray(t), t.numpy(), t.item() and t.detach() leave the graph"
            )
        for p, g, r in zip(self.parameters, _pulled(held, outputs), self._rounding(held, outputs, np.finfo(np.float64).eps), strict=True):
            p.claimed, p.rounding = g, r
        smaller = [p.given.dtype for p in self.parameters if p.given.dtype != np.float64]
        if smaller:
            with enable_grad():
                low = _pulled(*self.run([p.given for p in self.parameters]))
            coarse = self._rounding(held, outputs, max(np.finfo(dtype).eps for dtype in smaller))
            for p, g, r in zip(self.parameters, low, coarse, strict=True):
                p.in_float32 = (g, r)

    def _rounding(self, held: Sequence[Tensor], outputs: Sequence[Tensor], eps: Any) -> list[Any]:
        """How much rounding each result to `eps` may change each entry of the gradients: measured, by rounding them at random."""
        nodes = ancestors(*outputs)
        kinked = {u for t in nodes if t.op is not None and t.op.kinks is not None for u in (t, *t.args) if type(u) is Tensor}
        smooth = [t for t in nodes if not t.is_leaf and t.dtype.kind == "f" and t not in kinked]
        exact = _pulled(held, outputs)
        largest = [np.zeros(g.shape) for g in exact]
        kept = [t._data for t in smooth]
        try:
            for _ in range(3):
                for t, data in zip(smooth, kept, strict=True):
                    t._data = np.asarray(data * (1 + eps * self.rng.uniform(-1, 1, data.shape)))
                with np.errstate(all="ignore"):
                    moved = [np.nan_to_num(np.abs(g - e)) for g, e in zip(_pulled(held, outputs), exact, strict=True)]
                largest = [np.maximum(a, b) for a, b in zip(largest, moved, strict=True)]
        finally:
            for t, data in zip(smooth, kept, strict=True):
                t._data = data
        return largest

    # -- comparing -------------------------------------------------------------------------------------------------------------

    def compared(self, parameter: Parameter, fast: bool | None) -> Iterator[Entry]:
        """The verdicts on one parameter: entry by entry, or along random directions."""
        if fast or (fast is None and sum(p.value.size for p in self.parameters) > ENTRIES):
            yield from self._along_directions(parameter)
            return
        for index in np.ndindex(parameter.value.shape):
            unit = np.zeros(parameter.value.shape)
            unit[index] = 1.0
            yield self.entry(parameter, unit, index)

    def _along_directions(self, parameter: Parameter) -> Iterator[Entry]:
        for _ in range(min(DIRECTIONS, parameter.value.size)):
            direction = self.rng.standard_normal(parameter.value.shape)
            found = self.entry(parameter, direction, None)
            yield found
            if found.verdict == DISAGREES:
                yield from self._located(parameter, direction)
                return

    def _located(self, parameter: Parameter, direction: Any) -> Iterator[Entry]:
        """The entry that makes a direction disagree, found by halving."""
        places = np.arange(direction.size)
        while len(places) > 1:
            half = np.zeros(direction.size)
            half[places[: len(places) // 2]] = direction.reshape(-1)[places[: len(places) // 2]]
            wrong = self.entry(parameter, half.reshape(direction.shape), None).verdict == DISAGREES
            places = places[: len(places) // 2] if wrong else places[len(places) // 2 :]
        unit = np.zeros(direction.size)
        unit[places] = 1.0
        yield self.entry(parameter, unit.reshape(direction.shape), tuple(int(i) for i in np.unravel_index(places[0], direction.shape)))

    def entry(self, parameter: Parameter, direction: Any, index: tuple[int, ...] | None) -> Entry:
        """Claim and measurement along one direction of one parameter, with the verdict."""
        values = [p.value for p in self.parameters]
        at = self.parameters.index(parameter)

        @cache
        def line(t: float) -> tuple[Any, Piece]:
            values[at] = parameter.value + t * direction if t else parameter.value
            return self.vector(values)

        claimed = float((parameter.claimed * direction).sum())
        rounding = float((parameter.rounding * np.abs(direction)).sum())
        scale = _scale(parameter.claimed, direction)
        reach = 0.1 * max(1.0, float(np.abs(parameter.value[direction != 0]).max())) / float(np.abs(direction).max())
        found = slope(line, self.weights, claimed, scale or _tiny(self.weights, line(0.0)[0]), reach, self.eps)
        scale = max(scale, abs(found.value) if np.isfinite(found.value) and found.error < 0.1 * abs(found.value) else 0.0)
        verdict = _verdict(claimed, found, scale, (ALLOWED if self.eps < 1e-15 else 50 * self.eps**0.5) * scale + 10 * rounding)
        if verdict == AGREES and parameter.in_float32 is not None:
            claimed, verdict = self._in_given_dtype(parameter, direction, claimed, scale)
        return Entry(parameter.name, index, claimed, found.value, found.error, scale, verdict, found.sides)

    def _in_given_dtype(self, parameter: Parameter, direction: Any, exact: float, scale: float) -> tuple[float, str]:
        """The claim in the dtype given, and whether rounding explains where it differs from the one in float64."""
        gradient, rounding = parameter.in_float32
        claimed = float((gradient.astype(np.float64) * direction).sum())
        eps = float(np.finfo(parameter.given.dtype).eps)
        if abs(claimed - exact) <= ALLOWED_FLOAT32 * eps / 1.2e-7 * scale + 10 * float((rounding * np.abs(direction)).sum()):
            return claimed, AGREES
        near = any((np.abs(k) <= 100 * eps * (1 + np.abs(k).max(initial=0.0))).any() for k in kinks(self.recorded))
        return claimed, NOT_DIFFERENTIABLE if near else DISAGREES


def _verdict(claimed: float, found: Slope, scale: float, allowed: float) -> str:
    """What a claim and a measurement say together; `allowed` is what rounding may add to the error of the measurement."""
    difference = abs(claimed - found.value)
    if found.error <= max(RESOLVED * scale, allowed):
        if difference <= 3 * found.error + allowed:
            return AGREES
        return NOT_DIFFERENTIABLE if found.sides else DISAGREES
    if found.sides is None and difference > 100 * found.error and difference > RESOLVED * scale:
        return DISAGREES
    return NOT_DIFFERENTIABLE


def kinks(outputs: Sequence[Tensor]) -> Iterator[Any]:
    """For each recorded op that has kinks, what is zero at them: an array whose signs tell the smooth piece."""
    for t in ancestors(*outputs):
        if t.op is not None and t.op.kinks is not None:
            values = [np.asarray(a) for a in t.args]
            found = t.op.kinks(*values, **t.static)
            for k in found if isinstance(found, tuple) else (found,):
                k = np.asarray(k, np.float64)
                yield np.where(np.abs(k) <= 1e-14 * (1 + np.abs(k).max(initial=0.0, where=np.isfinite(k))), 0.0, k)


def blamed(f: Callable[..., Any], subject: Subject, order: int) -> Iterator[Blame]:
    """Check each recorded op's own rules at the values that it had; at order 2 also their derivatives."""
    subject.f = f  # not its gradient: the ops that the user wrote
    with enable_grad():
        outputs = subject.run([p.value for p in subject.parameters])[1]
    accused = set()
    for t in ancestors(*outputs):
        for i, a in enumerate(t.args):
            if t.op is None or not t.requires_grad or type(a) is not Tensor or not a.requires_grad or (t.op, i) in accused:
                continue
            wrong = _wrong_entry(t, i, 1) or (order == 2 and _wrong_entry(t, i, 2))
            if wrong:
                accused.add((t.op, i))
                place = f"`{t.name} = {t.op.name}(...)`" if t.name else f"its result of shape {t.shape}"
                yield Blame(t.op.name, i, a.name or "", place, wrong[0].analytic, wrong[0].numerical, wrong[1])


def _wrong_entry(t: Tensor, i: int, order: int) -> tuple[Entry, int] | None:
    """The worst entry of the gradient at argument `i` of the op that made `t`, if it disagrees."""
    op, args = t.op, [a.detach() if type(a) is Tensor else a for a in t.args]
    assert op is not None

    def alone(x: Tensor) -> Tensor:
        given = [*args[:i], x, *args[i + 1 :]]
        return op(given, **t.static) if op.variadic is not None else op(*given, **t.static)

    x = args[i].numpy()
    subject = Subject(alone if order == 1 else gradient_of(alone, (x,)), (x,), None, ["x"], 1)
    wrong = [e for e in subject.compared(subject.parameters[0], fast=x.size > 16) if e.verdict == DISAGREES or (order == 1 and e.outside)]
    return (max(wrong, key=lambda e: e.off), order) if wrong else None


# -- small pieces --------------------------------------------------------------------------------------------------------------


def outputs_of(f: Callable[..., Any], result: Any) -> list[Tensor]:
    """The Tensors that f returned."""
    found = [value for _, value in leaves(result)]
    for value in found:
        if type(value) is not Tensor:
            raise TypeError(f"{_called(f)} must return Tensors, it returned {type(value).__name__}: {short(value)}; let it compute with Tensors to the end")
    if not found:
        raise TypeError(f"{_called(f)} returned nothing: let it return its result, a Tensor")
    return found


def named_inputs(f: Callable[..., Any], inputs: Sequence[Any]) -> list[str]:
    """What to call the inputs: as f's own parameters."""
    try:
        names = [p.name for p in inspect.signature(f).parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    except (TypeError, ValueError):
        names = []
    return names + [f"input {i}" for i in range(len(names), len(inputs))]


def closed_over(f: Callable[..., Any]) -> list[Parameter]:
    """The leaves that require a gradient behind the result of f()."""
    with enable_grad():
        found = [t for t in ancestors(*outputs_of(f, f())) if t.is_leaf and t.requires_grad]
    return [Parameter(_names.of(t) or f"leaf {i}", i, t.numpy(), t) for i, t in enumerate(found)]


def _is_float(leaf: Any) -> bool:
    return isinstance(leaf, float) or (hasattr(leaf, "dtype") and np.dtype(leaf.dtype).kind == "f")


def _other(x: Any, dtype: Any) -> Any:
    """An input that is not varied: floats in the dtype of those that are, so that float32 beside float64 rounds nothing."""
    if type(x) is Tensor:
        return Tensor(x.numpy(), dtype=dtype if x.dtype.kind == "f" else None)
    return np.array(x, dtype) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x


def _flat(outputs: Sequence[Tensor]) -> Any:
    return np.concatenate([out._data.reshape(-1) for out in outputs]).astype(np.float64)


def _upstream(out: Tensor, k: int) -> Any:
    """Random upstream gradients, away from 0 and never all alike: ones would hide a rule that ignores them."""
    rng = np.random.default_rng((k, *out.shape))
    return (rng.uniform(0.5, 1.5, out.shape) * rng.choice([-1.0, 1.0], out.shape)).astype(out.dtype)


def _pulled(held: Sequence[Tensor], outputs: Sequence[Tensor]) -> list[Any]:
    """The gradients at the leaves for the upstream gradients at the outputs."""
    found = [np.zeros(t.shape) for t in held]
    for k, out in enumerate(outputs):
        if out.requires_grad:
            at = dict(out.adjoints(_upstream(out, k)))
            found = [total + at[t] if t in at else total for total, t in zip(found, held, strict=True)]
    return found


def _scale(claimed: Any, direction: Any) -> float:
    """The size of the gradient that a difference along the direction is measured by."""
    finite = np.abs(claimed[np.isfinite(claimed)])
    return float(finite.max(initial=0.0) * np.abs(direction).max())


def _tiny(weights: Any, center: Any) -> float:
    """A scale for a gradient that is claimed to be zero: small beside the function's own size."""
    return float(1e-6 * np.abs(weights * center).sum()) or 1e-12


def _called(f: Callable[..., Any]) -> str:
    name = getattr(f, "__name__", "f")
    return "the function" if name == "<lambda>" else name
