"""The function under test, as a map from arrays to one vector of numbers, and the gradients that it claims."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Claim:
    """A gradient that f claims, and how much rounding may change each entry of it."""

    gradient: Any
    rounding: Any


@dataclass(eq=False)
class Parameter:
    """One array that is varied: its name, its place among the leaves of the inputs, and what f claims about it."""

    name: str
    place: int
    given: Any
    closed_over: Tensor | None = None
    claim: Claim = Claim(0.0, 0.0)
    claim_as_given: Claim | None = None  # in the dtype given, where that is smaller than float64

    def __post_init__(self) -> None:
        self.value = np.asarray(self.given, DOUBLE)


class Subject:
    """The function under test: it runs on values for its parameters, and claims gradients at those given.

    A function that changes its inputs, gives other values each time, or gives no finite floats is refused with an error.
    """

    def __init__(self, f: Callable[..., Any], inputs: tuple[Any, ...], wrt: Any = None, names: Sequence[str] = (), seed: int = 0) -> None:
        self.f, self.inputs, self.called = f, inputs, called(f)
        self.rng = np.random.default_rng(seed)
        self.parameters = self._chosen([*names, *named_inputs(f, inputs)[len(names) :]], wrt) if inputs else closed_over(f)
        if not self.parameters:
            raise TypeError("gradcheck found nothing to vary: give inputs of a float dtype, as in gradcheck(f, np.array([1.0, 2.0]))")
        self._check_manners()
        self._claim()

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
        if self.parameters[0].closed_over is None:
            fresh = {p.place: Tensor(v, requires_grad=True, name=p.name) for p, v in zip(self.parameters, values, strict=True)}
            dtype, place = np.result_type(*[v.dtype for v in values]), count()
            inputs = tree_map(lambda x: fresh[at] if (at := next(place)) in fresh else _constant(x, dtype), list(self.inputs))
            yield list(fresh.values()), outputs_of(self.f, self.f(*inputs))
            return
        held = [p.closed_over for p in self.parameters if p.closed_over is not None]
        before = [t._data for t in held]
        try:
            for t, value in zip(held, values, strict=True):
                t._data = np.array(value)
            yield held, outputs_of(self.f, self.f())
        finally:
            for t, data in zip(held, before, strict=True):
                t._data = data

    def vector(self, values: Sequence[Any]) -> tuple[Any, Piece]:
        """All outputs in one float64 vector, and the smooth piece that the values lie in."""
        recording = enable_grad() if self.has_kinks else no_grad()
        with np.errstate(all="ignore"), recording, self.run(values) as (_, outputs):
            return _flat([out._data for out in outputs]), piece_of(outputs) if self.has_kinks else b""

    def _check_manners(self) -> None:
        """What f must be before gradients mean anything: finite, the same each time, and no changer of its inputs."""
        given = [p.given for p in self.parameters]
        arrays = [(path, leaf) for path, leaf in leaves(list(self.inputs)) if hasattr(leaf, "shape")]
        before = [value_of(leaf).tobytes() for _, leaf in arrays]
        with enable_grad(), np.errstate(all="ignore"):
            with self.run(given) as (held, outputs):
                changed = [p.name for p, t in zip(self.parameters, held, strict=True) if t._data.tobytes() != p.given.tobytes()]
            with self.run(given) as (_, again):
                pass
        changed += [f"input {path}" for (path, leaf), was in zip(arrays, before, strict=True) if value_of(leaf).tobytes() != was]
        if changed:
            raise ValueError(f"{self.called} changes its input {changed[0]} in place: let it compute a new tensor")
        for out in outputs:
            if out.dtype.kind != "f":
                raise TypeError(f"{self.called} gives {out.dtype}, which has no gradient: a differentiable function gives floats")
            if not np.isfinite(out._data).all():
                kind = "NaN" if np.isnan(out._data).any() else "an infinite value"
                raise ValueError(f"{self.called} gives {kind} at these inputs: there is no gradient to check")
        if any(a._data.tobytes() != b._data.tobytes() for a, b in zip(outputs, again, strict=True)):
            raise ValueError(f"{self.called} gives another value each time: fix its random seed inside, or pass it the random numbers")
        if not any(out.size for out in outputs):
            raise ValueError(f"{self.called} gives no numbers (its outputs are empty): there is no gradient to check")

    # -- what it claims --------------------------------------------------------------------------------------------------------

    def _claim(self) -> None:
        """The automatic gradients for random upstream weights: in float64, and in the dtypes given where those are smaller."""
        smaller = [p.given.dtype for p in self.parameters if p.given.dtype != DOUBLE]
        with np.errstate(all="ignore"), enable_grad():
            with self.run(self.values) as (held, outputs):
                self.recorded = outputs
                nodes = ancestors(*outputs)
                self.has_kinks = any(t.op is not None and t.op.kinks is not None for t in nodes)
                self.eps = max(_eps(t.dtype) for t in nodes if t.dtype.kind == "f" and not (t.is_leaf and t not in set(outputs)))
                self.weights = np.concatenate([upstream(out, k).reshape(-1) for k, out in enumerate(outputs)])
                gradients = pulled(held, outputs)
                self.noise, *rounding = self._rounding(held, outputs, self.eps)
                _, *coarse = self._rounding(held, outputs, max([_eps(dtype) for dtype in smaller], default=0.0))
            for p, g, r in zip(self.parameters, gradients, rounding, strict=True):
                p.claim = Claim(g, r)
            if smaller:
                with self.run([p.given for p in self.parameters]) as (held, outputs):
                    gradients = pulled(held, outputs)
                for p, g, r in zip(self.parameters, gradients, coarse, strict=True):
                    p.claim_as_given = Claim(g.astype(DOUBLE), r)

    def _rounding(self, held: Sequence[Tensor], outputs: Sequence[Tensor], eps: float) -> list[Any]:
        """How much rounding of all results to `eps` may change the outputs, in one vector, and each gradient: measured at random."""
        exact = [_flat([out._data for out in outputs]), *pulled(held, outputs)]
        largest = [eps * np.abs(exact[0]), *[np.zeros(g.shape) for g in exact[1:]]]
        for _ in self._roundings(outputs, eps):
            rounded = [_flat([out._data for out in outputs]), *pulled(held, outputs)]
            changes = [np.nan_to_num(np.abs(a - b), posinf=0.0) for a, b in zip(rounded, exact, strict=True)]
            largest = [np.maximum(a, b) for a, b in zip(largest, changes, strict=True)]
        return largest

    def _roundings(self, outputs: Sequence[Tensor], eps: float) -> Iterator[None]:
        """Up to three times compute the results on the way again, each rounded at random to `eps`; afterwards they are as they were."""
        nodes = [t for t in ancestors(*outputs) if t.op is not None and t.dtype.kind == "f"]
        kept, here = [t._data for t in nodes], piece_of(outputs)
        try:
            for _ in range(3 if eps else 0):
                for t in nodes:
                    assert t.op is not None
                    y = t.op.run(*[a._data if type(a) is Tensor else a for a in t.args], **t.static)
                    if t.op.kinks is None:  # the others select: a rule that asks which, as x == y, must find it
                        y = y * (1 + eps * self.rng.uniform(-1, 1, t.shape))
                    t._data = np.asarray(y, t.dtype)
                if piece_of(outputs) == here:  # the gradient in another piece says nothing of rounding
                    yield
        finally:
            for t, data in zip(nodes, kept, strict=True):
                t._data = data

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
    """The smooth piece that the recorded values lie in: on which side of each kink of each op, or on it."""
    sides = []
    for t in ancestors(*outputs):
        for k in kinks_of(t.op, t.args, t.static) if t.op is not None else ():
            near = np.abs(k) <= 1e-14 * (1 + np.abs(k).max(initial=0.0, where=np.isfinite(k)))
            sides.append(np.where(near, 0.0, np.sign(k)).astype(np.int8).tobytes())
    return b"".join(sides)


def kinks_of(op: Op, operands: Sequence[Any], static: Mapping[str, Any]) -> list[Any]:
    """What is zero at the kinks of an op with these operands: arrays, none if it has no kinks."""
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


def upstream(out: Tensor, k: int) -> Any:
    """Random upstream gradients, away from 0 and never all alike: ones would hide a rule that ignores them."""
    rng = np.random.default_rng((k, *out.shape))
    return (rng.uniform(0.5, 1.5, out.shape) * rng.choice([-1.0, 1.0], out.shape)).astype(out.dtype)


def pulled(held: Sequence[Tensor], outputs: Sequence[Tensor]) -> list[Any]:
    """The gradients at the leaves for the upstream gradients at the outputs."""
    found = [np.zeros(t.shape) for t in held]
    for k, out in enumerate(outputs):
        if out.requires_grad:
            at = dict(out.adjoints(upstream(out, k)))
            found = [total + at[t] if t in at else total for total, t in zip(found, held, strict=True)]
    return found


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
