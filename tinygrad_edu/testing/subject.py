"""The function under test as a map from arrays to one vector of numbers, with what it claims."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial, reduce
from typing import Any

import numpy as np

from ..engine.recorder import run_with
from ..engine.recording import enable_grad, no_grad
from ..engine.tensor import Tensor
from ..graph import ancestors
from .claims import Claim, Limits, pulled
from .functions import Function
from .kinks import Piece, kinks_at, kinks_of, piece_among, piece_at
from .outputs import DOUBLE, flat, spelled, upstream
from .parameters import Parameter
from .replay import Replay, Watch
from .rounding import changes_of, finite, rounding_of

# of the upstream gradient, to see whether the gradient follows it: to the bit, by a power of two
FACTOR = 2.0


class Subject(Function):
    """A function that claims gradients at its inputs, and can be measured around them."""

    def __init__(
        self,
        f: Callable[..., Any],
        inputs: tuple[Any, ...],
        wrt: Any = None,
        names: Sequence[str] = (),
        seed: int = 0,
        is_part: bool = False,
    ) -> None:
        self.seed, self.is_part = seed, is_part
        super().__init__(f, inputs, wrt, names)
        self._smaller = [p.given.dtype for p in self.parameters if p.given.dtype != DOUBLE]
        with np.errstate(all="ignore"), enable_grad():
            self._claim()
            if self._smaller:
                self._claim_as_given()

    @cached_property
    def rng(self) -> np.random.Generator:
        """What random directions are drawn from."""
        return np.random.default_rng((self.seed, 1))

    # -- what it claims ----------------------------------------------------------------------------

    def _claim(self) -> None:
        """The automatic gradients in float64, and the rounding of the outputs."""
        if self._smaller:  # else f ran with these values already
            with self.run(self.values) as (_, self.recorded):
                pass
        with self.holding(self.values):
            self._look(self.recorded)
            gradients = pulled(self.held, self.recorded, self.seeds)
            doubled = [s * np.asarray(FACTOR, s.dtype) for s in self.seeds]
            larger = pulled(self.held, self.recorded, doubled)
            self.noise = self.eps * np.abs(self.center)
            for change in changes_of(self.recorded, self.eps, np.random.default_rng(self.seed)):
                self.noise = np.maximum(self.noise, finite(change))
        for i, (p, g, more) in enumerate(zip(self.parameters, gradients, larger, strict=True)):
            p.claim = Claim(g, partial(self._limits_of, i))
            p.by_factor = more / FACTOR

    def _look(self, outputs: list[Tensor]) -> None:
        """What was recorded: outputs, kinks, the rounding unit."""
        nodes = ancestors(*outputs)
        self.has_kinks = any(t.op is not None and t.op.kinks is not None for t in nodes)
        self.on_kink = self.has_kinks and any(
            bool((k == 0).any()) for t in nodes for k in kinks_at(t)
        )
        self.eps = max(
            _eps(t.dtype)
            for t in nodes
            if t.dtype.kind == "f" and not (t.is_leaf and t not in set(outputs))
        )
        self.seeds = upstream(outputs)
        self.weights = flat(self.seeds)
        self.center = flat([out._array for out in outputs])

    def _claim_as_given(self) -> None:
        """The automatic gradients in the dtypes given."""
        with self.run([p.given for p in self.parameters]) as (held, outputs):
            gradients = pulled(held, outputs, self.seeds)
        for i, (p, g) in enumerate(zip(self.parameters, gradients, strict=True)):
            p.claim_as_given = Claim(g.astype(DOUBLE), partial(self._limits_as_given, i))

    # -- how sure that is: most claims are confirmed, and nobody asks ------------------------------

    def _limits_of(self, i: int) -> Limits:
        return self._limits[i]

    def _limits_as_given(self, i: int) -> Limits:
        return Limits(self._coarse[i])

    @cached_property
    def _limits(self) -> list[Limits]:
        """Of each gradient how much rounding may change it, and what is too large for float64."""
        gradients = [p.claim.gradient for p in self.parameters]
        found, longer = list[Limits](), self._in_long_double()
        for g, r in zip(gradients, self._rounding(self.eps), strict=True):
            more_digits = next(longer, g)
            reached = np.isfinite(more_digits) & (np.abs(more_digits) > np.finfo(DOUBLE).max)
            with np.errstate(all="ignore"):
                rounding = np.fmax(r, np.abs(more_digits - g).astype(DOUBLE))
            found.append(Limits(rounding, ~np.isfinite(g) & reached))
        return found

    @cached_property
    def _coarse(self) -> list[Any]:
        """Of each gradient how much rounding may change it in the dtypes given."""
        _ = self._limits  # draws first
        return self._rounding(max(map(_eps, self._smaller)))

    def _rounding(self, eps: float) -> list[Any]:
        """How much rounding to `eps` may change each gradient."""
        gradients = [p.claim.gradient for p in self.parameters]
        with np.errstate(all="ignore"), enable_grad(), self.holding(self.values):
            return rounding_of(
                self.held, self.recorded, self.seeds, gradients, eps, self._random_rounding
            )

    @cached_property
    def _random_rounding(self) -> np.random.Generator:
        """What random rounding is drawn from: first that of the noise once more."""
        return np.random.default_rng(self.seed)

    def _in_long_double(self) -> Iterator[Any]:
        """The gradients once more, with as many digits as the machine has.

        None where f does not run with them.
        """
        longer = [p.value.astype(np.longdouble) for p in self.parameters]
        try:
            with np.errstate(all="ignore"), enable_grad(), self.run(longer) as (held, outputs):
                found = [np.asarray(g, np.longdouble) for g in pulled(held, outputs, self.seeds)]
        except Exception:  # the user's function, in a dtype that it was not made for
            found = []
        return iter(found)

    # -- what is measured --------------------------------------------------------------------------

    def vector(self, values: Sequence[Any], look: bool = False) -> tuple[Any, Piece | None]:
        """All outputs in one float64 vector; and, to look at, the smooth piece.

        They are None where an output is not finite or f raises.
        """
        try:
            with np.errstate(all="ignore"):
                found, piece = self._computed(values, look)
        except Exception:  # the user's function, at values that it was not made for
            return None, None
        fits = found.shape == self.weights.shape and np.isfinite(found).all()
        return found if fits else None, piece

    def _computed(self, values: Sequence[Any], look: bool) -> tuple[Any, Piece | None]:
        """All outputs in one vector, and the smooth piece.

        They come from the recorded ops, where those are all that f does.
        """
        if self.replay is not None:
            given = enumerate(zip(values, self.parameters, strict=True))
            slots = self.replay.run({i: v for i, (v, p) in given if v is not p.value})
            piece = piece_at(self.replay.kinks(slots, kinks_of)) if look else None
            return flat([slots[k] for k in self.replay.outputs]), piece
        with enable_grad() if look else no_grad(), self.run(values) as (_, outputs):
            piece = piece_among(ancestors(*outputs)) if look else None
            return flat([out._array for out in outputs]), piece

    def moving(self, parameter: Parameter) -> Callable[[Any, Any], None]:
        """A function that puts all outputs, for a value of one parameter, into a row.

        It leaves the row as it is where f raises.
        """
        place, values = self.parameters.index(parameter), self.values

        def put(value: Any, row: Any) -> None:
            try:
                if self.replay is not None:
                    outputs = self.replay.at({place: value})
                    row[:] = outputs[0].reshape(-1) if len(outputs) == 1 else flat(outputs)
                else:
                    moved = [*values[:place], value.copy(), *values[place + 1 :]]
                    row[:] = self._computed(moved, False)[0]
            except Exception:  # the user's function, at values that it was not made for
                pass

        return put

    @cached_property
    def replay(self) -> Replay | None:
        """The recorded ops on plain arrays, if they are all that f does.

        Then it goes by no value, here and at a point beside.
        """
        beside = [
            np.asarray(
                v + 1.1e-6 * np.where(v, v, 1.0) * np.cos(np.arange(v.size)).reshape(v.shape)
            )
            for v in self.values
        ]
        replay, watch = Replay(self.held, self.values, self.recorded), Watch(self.held)
        try:
            with np.errstate(all="ignore"), enable_grad():
                expected = run_with(watch, self._bytes_at, beside)
                found = [a.tobytes() for a in replay.at(dict(enumerate(beside)))]
                here = flat(replay.at(dict(enumerate(self.values))))
        except Exception:  # the user's function, at values that it was not made for
            return None
        same = found == expected and here.tobytes() == self.center.tobytes()
        return replay if same and not watch.left else None

    def _bytes_at(self, values: Sequence[Any]) -> list[bytes]:
        """The outputs at other values."""
        with self.run(values) as (_, outputs):
            return [out._array.tobytes() for out in outputs]

    @cached_property
    def floor(self) -> float:
        """What may be lost of any value: numbers underflow.

        Those that are added up in a product of matrices do so earlier.
        """
        info = np.finfo(DOUBLE)
        products = any(
            t.op is not None and t.op.shapes not in ("", "axes") for t in ancestors(*self.recorded)
        )
        return float(info.tiny if products else info.smallest_subnormal)

    def noise_at(self, values: Sequence[Any]) -> Any:
        """How much rounding may change each output at other values.

        It is infinite where f does not run.
        """
        try:
            with np.errstate(all="ignore"), enable_grad(), self.run(values) as (_, outputs):
                changes = changes_of(outputs, self.eps, self._random_rounding)
                return reduce(np.maximum, changes, np.zeros(self.weights.shape))
        except Exception:  # the user's function, at values that it was not made for
            return np.full(self.weights.shape, np.inf)

    # -- what a report says of it ------------------------------------------------------------------

    @property
    def has_weights(self) -> bool:
        """Whether f gives more than one number: a gradient is that of a weighted sum."""
        return int(self.weights.size) > 1

    @property
    def weighted(self) -> str:
        """The weighted sum of the outputs whose gradient is meant, spelled as in Python."""
        return spelled(self.seeds)

    @property
    def lost(self) -> str:
        """Why the gradient is zero, if no recorded op leads from the inputs to the outputs."""
        if any(out.requires_grad for out in self.recorded):
            return ""
        return (
            f"{self.called} gives a result that does not depend on its inputs by recorded ops, "
            "so that its gradient is lost: t.numpy(), t.item() and t.detach() leave the graph"
        )


def _eps(dtype: Any) -> float:
    return float(np.finfo(dtype).eps)
