"""The function under test, as a map from arrays to one vector of numbers, and the gradients that it claims."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import Any

import numpy as np

from .. import _names
from ..checks import short
from ..core import Tensor
from ..graph import ancestors, value_of
from ..modes import enable_grad, no_grad
from ..operation import Op
from ..trees import leaves, tree_map
from .slopes import Piece

DOUBLE = np.dtype(np.float64)
FACTOR = 2.0  # of the upstream gradient, to see whether the gradient follows it: to the bit, by a power of two


class NotFinite(ValueError):
    """A function has no finite value at the inputs given."""


@dataclass(frozen=True)
class Claim:
    """A gradient that f claims, and how much rounding may change each entry of it."""

    gradient: Any
    rounding: Any
    too_large: Any = None  # which entries are infinite only because float64 does not reach so far, as a wider dtype shows

    @cached_property
    def size(self) -> float:
        """The largest finite entry."""
        return float(np.abs(self.gradient[np.isfinite(self.gradient)]).max(initial=0.0))


@dataclass(eq=False)
class Parameter:
    """One array that is varied: its name, its place among the leaves of the inputs, and what f claims about it."""

    name: str
    place: int
    given: Any
    closed_over: Tensor | None = None
    claim: Claim = field(init=False)
    claim_as_given: Claim | None = None  # in the dtype given, where that is smaller than float64
    by_factor: Any = 0.0  # the gradient for FACTOR times the upstream gradient, divided by it: the same, if the rules are linear

    def __post_init__(self) -> None:
        self.value = np.asarray(self.given, DOUBLE)


class Subject:
    """The function under test: it runs on values for its parameters, and claims gradients at those given.

    A function that changes its inputs, gives other values each time, or gives no finite floats is refused with an error.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        inputs: tuple[Any, ...],
        wrt: Any = None,
        names: Sequence[str] = (),
        seed: int = 0,
        is_part: bool = False,
    ) -> None:
        self.f, self.inputs, self.called, self.is_part = f, inputs, called(f), is_part
        self.rng = np.random.default_rng(seed)
        self.parameters = self._chosen([*names, *named_inputs(f, inputs)[len(names) :]], wrt) if inputs else closed_over(f)
        if not self.parameters:
            raise TypeError(f"gradcheck found nothing to vary: {self._why_nothing()}")
        self.held = [Tensor(p.value, requires_grad=True, name=p.name) if p.closed_over is None else p.closed_over for p in self.parameters]
        self._arguments = dict[Any, Any]()  # by the dtype of the floats that are not varied
        self._check_manners()
        self._claim()

    def _why_nothing(self) -> str:
        """What to give instead of inputs among which no float is."""
        if self.inputs:
            given = ", ".join(dict.fromkeys(str(getattr(leaf, "dtype", type(leaf).__name__)) for _, leaf in leaves(list(self.inputs))))
            return f"the inputs hold {given or 'no arrays'}; give inputs of a float dtype, as in gradcheck(f, np.array([1.0, 2.0]))"
        return f"{self.called}() uses no tensor that requires one; give inputs of a float dtype, as in gradcheck(f, np.array([1.0, 2.0]))"

    def _chosen(self, names: Sequence[str], wrt: Any) -> list[Parameter]:
        """The float leaves of the inputs, or those of them that `wrt` lists by position, by name, or by name and path."""
        wanted = None if wrt is None else set(wrt if isinstance(wrt, (list, tuple, set)) else [wrt])
        found, known, place = [], list[Any](), count()
        for i, tree in enumerate(self.inputs):
            for path, leaf in leaves(tree):
                at, own = next(place), leaf.name if type(leaf) is Tensor else None
                name = own or f"{names[i]}{path}"
                known += [i, name, names[i]]
                if is_float(leaf) and (wanted is None or wanted & {i, name, names[i]}):
                    found.append(Parameter(name, at, value_of(leaf).copy()))
        if wanted and not wanted <= set(known):
            raise ValueError(f"wrt={wrt!r} names no input: there are {', '.join(str(k) for k in dict.fromkeys(known))}")
        return found

    # -- running it ------------------------------------------------------------------------------------------------------------

    @property
    def values(self) -> list[Any]:
        """The values of the parameters, in float64."""
        return [p.value for p in self.parameters]

    @contextmanager
    def run(self, values: Sequence[Any]) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
        """F on leaves that hold the values, as (the leaves, the outputs); what f closes over is afterwards as it was."""
        before = [t._array for t in self.held]
        try:
            for t, value in zip(self.held, values, strict=True):
                t._array = value
            inputs = self._given(np.result_type(*[v.dtype for v in values])) if self.inputs else ()
            yield self.held, outputs_of(self.f, self.f(*inputs))
        finally:
            for t, data in zip(self.held, before, strict=True):
                t._array = data

    def _given(self, dtype: Any) -> list[Any]:
        """The arguments, with the leaves that are varied in their places, in new containers: those are f's own to change."""
        fixed = self._arguments.get(dtype)
        if fixed is None:
            at, place = {p.place: t for p, t in zip(self.parameters, self.held, strict=True)}, count()
            fixed = tree_map(lambda x: at[k] if (k := next(place)) in at else _constant(x, dtype), list(self.inputs))
            self._arguments[dtype] = fixed
        return tree_map(lambda x: x, fixed) if self._nested else list(fixed)

    @cached_property
    def _nested(self) -> bool:
        """Whether an input is a container."""
        return any(isinstance(x, (dict, list, tuple)) for x in self.inputs)

    def vector(self, values: Sequence[Any], look: bool = False) -> tuple[Any, Piece | None]:
        """All outputs in one float64 vector, None where they are not finite or f raises; and, to look at, the smooth piece."""
        mode = enable_grad() if look else no_grad()
        try:
            with np.errstate(all="ignore"), mode, self.run(values) as (_, outputs):
                found = _flat([out._array for out in outputs])
                piece = piece_of(outputs) if look else None
        except Exception:  # the user's function, at values that it was not made for
            return None, None
        return (found if found.shape == self.weights.shape and np.isfinite(found).all() else None), piece

    def _check_manners(self) -> None:
        """What f must be before gradients mean anything: finite, the same each time, and no changer of its inputs."""
        arrays = [(path, leaf) for path, leaf in leaves(list(self.inputs)) if hasattr(leaf, "shape")]
        before = [value_of(leaf).tobytes() for _, leaf in arrays]
        with enable_grad(), np.errstate(all="ignore"):
            with self.run([np.array(p.given) for p in self.parameters]) as (held, outputs):
                changed = [p.name for p, t in zip(self.parameters, held, strict=True) if t._array.tobytes() != p.given.tobytes()]
            with self.run([np.array(p.given) for p in self.parameters]) as (_, again):
                pass
        changed += [f"input {path}" for (path, leaf), was in zip(arrays, before, strict=True) if value_of(leaf).tobytes() != was]
        if changed:
            raise ValueError(f"{self.called} changes its input {changed[0]} in place: let it compute a new tensor")
        for out in outputs:
            if out.dtype.kind != "f":
                raise TypeError(f"{self.called} gives {out.dtype}, which has no gradient: a differentiable function gives floats")
            if not np.isfinite(out._array).all():
                kind = "NaN" if np.isnan(out._array).any() else "an infinite value"
                raise NotFinite(f"{self.called} gives {kind} at these inputs: there is no gradient to check")
        if [a._array.tobytes() for a in outputs] != [b._array.tobytes() for b in again]:
            raise ValueError(
                f"{self.called} gives another value each time: make its random numbers (of dropout, say) outside and pass them, "
                "or seed a generator inside"
            )
        if not any(out.size for out in outputs):
            raise ValueError(f"{self.called} gives no numbers (its outputs are empty): there is no gradient to check")

    # -- what it claims --------------------------------------------------------------------------------------------------------

    def _claim(self) -> None:
        """The automatic gradients: in float64, and in the dtypes given where those are smaller."""
        smaller = [p.given.dtype for p in self.parameters if p.given.dtype != DOUBLE]
        with np.errstate(all="ignore"), enable_grad():
            with self.run(self.values) as (held, outputs):
                self.recorded = outputs
                nodes = ancestors(*outputs)
                self.has_kinks = any(t.op is not None and t.op.kinks is not None for t in nodes)
                self.on_kink = self.has_kinks and any(bool((k == 0).any()) for t in nodes if t.op for k in kinks_of(t.op, t.args, t.static))
                self.eps = max(_eps(t.dtype) for t in nodes if t.dtype.kind == "f" and not (t.is_leaf and t not in set(outputs)))
                self.seeds = upstream(outputs)
                self.weights = _flat(self.seeds)
                self.center = _flat([out._array for out in outputs])
                gradients = pulled(held, outputs, self.seeds)
                larger = pulled(held, outputs, [s * np.asarray(FACTOR, s.dtype) for s in self.seeds])
                self.noise, *rounding = self._rounding(held, outputs, self.eps)
                _, *coarse = self._rounding(held, outputs, max([_eps(dtype) for dtype in smaller], default=0.0))
            longer = self._in_long_double()
            for p, g, r, more in zip(self.parameters, gradients, rounding, larger, strict=True):
                more_digits = next(longer, g)
                too_large = ~np.isfinite(g) & np.isfinite(more_digits) & (np.abs(more_digits) > np.finfo(DOUBLE).max)
                p.claim = Claim(g, np.fmax(r, np.abs(more_digits - g).astype(DOUBLE)), too_large)
                p.by_factor = more / FACTOR
            if smaller:
                with self.run([p.given for p in self.parameters]) as (held, outputs):
                    gradients = pulled(held, outputs, self.seeds)
                for p, g, r in zip(self.parameters, gradients, coarse, strict=True):
                    p.claim_as_given = Claim(g.astype(DOUBLE), r)

    def _in_long_double(self) -> Iterator[Any]:
        """The gradients once more, with as many digits as the machine has; none where f does not run with them."""
        try:
            with self.run([p.value.astype(np.longdouble) for p in self.parameters]) as (held, outputs):
                found = [np.asarray(g, np.longdouble) for g in pulled(held, outputs, self.seeds)]
        except Exception:  # the user's function, in a dtype that it was not made for
            found = []
        return iter(found)

    def _rounding(self, held: Sequence[Tensor], outputs: Sequence[Tensor], eps: float) -> list[Any]:
        """How much rounding of all results to `eps` may change the outputs, in one vector, and each gradient: measured at random."""
        exact = [_flat([out._array for out in outputs]), *pulled(held, outputs, self.seeds)]
        largest = [eps * np.abs(exact[0]), *[np.zeros(g.shape) for g in exact[1:]]]
        for inputs_too in (False, False, False, True, True):
            # the inputs are rounded for the gradients alone: an op may round on its way as if its input had been
            for _ in self._rounded(outputs, eps, inputs_too):
                rounded = [_flat([out._array for out in outputs]), *pulled(held, outputs, self.seeds)]
                changes = [np.nan_to_num(np.abs(a - b), posinf=0.0) for a, b in zip(rounded, exact, strict=True)]
                changes[0] *= not inputs_too
                largest = [np.maximum(a, b) for a, b in zip(largest, changes, strict=True)]
        return largest

    @cached_property
    def floor(self) -> float:
        """What may be lost of any value: numbers underflow, and those that are added up in a product of matrices do so earlier."""
        info = np.finfo(DOUBLE)
        products = any(t.op is not None and t.op.shapes not in ("", "axes") for t in ancestors(*self.recorded))
        return float(info.tiny if products else info.smallest_subnormal)

    def _shaken(self, y: Any, eps: float) -> Any:
        """Every entry changed by its last digits, at random."""
        return y * (1 + eps * self.rng.choice([-1.0, 1.0], np.shape(y)) * self.rng.uniform(1, 2, np.shape(y)))

    def noise_at(self, values: Sequence[Any]) -> Any:
        """How much rounding may change each output at other values; infinite where f does not run."""
        found = np.zeros(self.weights.shape)
        try:
            with np.errstate(all="ignore"), enable_grad(), self.run(values) as (_, outputs):
                exact = _flat([out._array for out in outputs])
                for _ in range(3):
                    for _ in self._rounded(outputs, self.eps, False):
                        found = np.maximum(found, np.abs(_flat([out._array for out in outputs]) - exact))
        except Exception:  # the user's function, at values that it was not made for
            return np.full(self.weights.shape, np.inf)
        return found

    def _rounded(self, outputs: Sequence[Tensor], eps: float, inputs_too: bool) -> Iterator[None]:
        """Once compute the results on the way again, each rounded at random to `eps`; afterwards they are as they were."""
        nodes = [t for t in ancestors(*outputs) if t.dtype.kind == "f" and (t.op is not None or (inputs_too and t.requires_grad))]
        kept, here = [t._array for t in nodes], piece_of(outputs)
        try:
            for t in nodes if eps else ():
                y = t._array
                if t.op is not None:
                    args = [a._array if type(a) is Tensor else a for a in t.args]
                    if t.op.shapes and t.op.kinks is None:  # it adds up, and rounds on its way as if its operands had been
                        args = [self._shaken(a, eps) if getattr(a, "dtype", None) == t.dtype else a for a in args]
                    y = t.op.run(*args, **t.static)
                if t.op is None or t.op.kinks is None:  # the others select: a rule that asks which, as x == y, must find it
                    y = self._shaken(y, eps)
                t._array = np.asarray(y, t.dtype)
            if eps and piece_of(outputs).is_same(here):  # the gradient in another piece says nothing of rounding
                yield
        finally:
            for t, data in zip(nodes, kept, strict=True):
                t._array = data

    @property
    def has_weights(self) -> bool:
        """Whether f gives more than one number, so that a gradient is that of a weighted sum."""
        return int(self.weights.size) > 1

    @property
    def weighted(self) -> str:
        """The weighted sum of the outputs whose gradient is meant, spelled as in Python."""
        if self.weights.size > 12:
            return "(w * result).sum() with random weights w, `report.weights`"
        terms = [f"({_spelled(w)} * result{f'[{k}]' if len(self.seeds) > 1 else ''}).sum()" for k, w in enumerate(self.seeds)]
        return " + ".join(terms) + ", with random weights for a result that is no single number"

    @property
    def lost(self) -> str:
        """Why the gradient is zero, if the outputs do not depend on the inputs by recorded ops."""
        if any(out.requires_grad for out in self.recorded):
            return ""
        return (
            f"{self.called} gives a result that does not depend on its inputs by recorded ops, so that its gradient is lost: "
            "t.numpy(), t.item() and t.detach() leave the graph"
        )


# -- small pieces --------------------------------------------------------------------------------------------------------------


def outputs_of(f: Callable[..., Any], result: Any) -> list[Tensor]:
    """The Tensors that f returned, alone or in nested dicts, lists and tuples."""
    found = [value for _, value in leaves(result)]
    for value in found:
        if type(value) is not Tensor:
            what = f"{type(value).__name__}: {short(value)}"
            raise TypeError(f"{called(f)} must return Tensors, it returned {what}; let it compute with Tensors to the end")
    if not found:
        raise TypeError(f"{called(f)} returned nothing: let it return its result, a Tensor")
    return found


def piece_of(outputs: Sequence[Tensor]) -> Piece:
    """The smooth piece that the recorded values lie in."""
    found = [k.reshape(-1) for t in ancestors(*outputs) if t.op is not None for k in kinks_of(t.op, t.args, t.static)]
    return Piece(np.concatenate(found) if found else np.zeros(0))


def kinks_of(op: Op, operands: Sequence[Any], static: Mapping[str, Any]) -> list[Any]:
    """What is zero at the kinks of an op with these operands: arrays, none if it has no kinks."""
    with np.errstate(all="ignore"):  # what has no number there is far from every kink
        found = op.kinks(*[value_of(a) for a in operands], **static) if op.kinks is not None else ()
    return [np.asarray(k, DOUBLE) for k in (found if isinstance(found, tuple) else (found,))]


def near_kink(t: Tensor, eps: float) -> bool:
    """Whether rounding to `eps` may carry the op that made `t` across a kink."""
    found = kinks_of(t.op, t.args, t.static) if t.op is not None else []
    return any(bool((np.abs(k) <= 100 * eps * (1 + np.abs(k).max(initial=0.0))).any()) for k in found)


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


def upstream(outputs: Sequence[Tensor]) -> list[Any]:
    """The upstream gradients of a check: 1 for a single number, as backward() takes it; else random weights of few digits.

    They are away from 0 and never all alike: ones would hide a rule that ignores them.
    """
    if len(outputs) == 1 and outputs[0].size == 1:
        return [np.ones(outputs[0].shape, outputs[0].dtype)]
    return [weights(out, k) for k, out in enumerate(outputs)]


def weights(out: Tensor, k: int) -> Any:
    """Random weights for the k-th output, sixteenths between 0.5 and 1.5 of either sign: exact in every dtype."""
    rng = np.random.default_rng((k, *out.shape))
    return (rng.integers(8, 25, out.shape) * rng.choice([-1.0, 1.0], out.shape) / 16.0).astype(out.dtype)


def pulled(held: Sequence[Tensor], outputs: Sequence[Tensor], seeds: Sequence[Any]) -> list[Any]:
    """The gradients at the leaves for the upstream gradients at the outputs."""
    found = [np.zeros(t.shape) for t in held]
    for out, seed in zip(outputs, seeds, strict=True):
        if out.requires_grad:
            at = dict(out.adjoints(seed))
            found = [total + at[t] if t in at else total for total, t in zip(found, held, strict=True)]
    return found


def _spelled(array: Any) -> str:
    return repr(array.tolist()) if array.ndim == 0 else f"np.array({array.tolist()!r})"


def is_float(leaf: Any) -> bool:
    """Whether an input is made of floats: only those can be varied."""
    return isinstance(leaf, float) or (hasattr(leaf, "dtype") and np.dtype(leaf.dtype).kind == "f")


def called(f: Callable[..., Any]) -> str:
    """How messages call the function."""
    name = getattr(f, "__name__", "f")
    return "the function" if name == "<lambda>" else name


def _constant(x: Any, dtype: Any) -> Any:
    """An input that is not varied: floats in the dtype of those that are, so that float32 beside float64 rounds nothing."""
    if type(x) is Tensor:
        return Tensor(x.numpy(), dtype=dtype if x.dtype.kind == "f" else None)
    return np.array(x, dtype) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x


def _flat(arrays: Sequence[Any]) -> Any:
    return np.concatenate([a.reshape(-1) for a in arrays]).astype(DOUBLE)


def _eps(dtype: Any) -> float:
    return float(np.finfo(dtype).eps)
