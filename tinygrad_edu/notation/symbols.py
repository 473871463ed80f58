"""What the formulas of one derivation share: names, constants, counts, softmaxes."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Any

import numpy as np

from ..engine.tensor import Tensor
from ..ops.stable import softmax_scores
from .constants import data_of, is_variable
from .formula import Formula
from .literals import is_repeated
from .names import identifier, unicode_name
from .printers import LANGUAGES

# how far a simplified formula may be from the recorded one, of the larger of both
AGREEMENT = 1e-10
PROSE = 60  # characters of a formula in a remark


def sympy() -> Any:
    """The SymPy package, or an error that says how to get it."""
    try:
        import sympy as package
    except ImportError:
        raise ImportError(
            "closed formulas are simplified with SymPy: pip install 'tinygrad_edu[derive]', "
            "or pip install sympy"
        ) from None
    return package


class Symbols:
    """What the symbols of several formulas have in common.

    That is where to stop reading, what constants are called, and which numbers are counts.
    """

    def __init__(
        self,
        until: Iterable[Tensor] = (),
        names: dict[int, str] | None = None,
        one: Tensor | None = None,
    ) -> None:
        self.until = set(until)
        # constants that have a name, each with the tensor that stands for it
        self.named: list[tuple[Any, Tensor]] = []
        self.names = {} if names is None else names
        self.one = one
        self.counts: dict[float, Tensor] = {}  # what `mean` divides by
        sympy()  # an error that says how to get it, where it is not
        # what the constants were found to fulfil, and a formula relies on
        self.remarks: set[str] = set()
        # (scores, axis, what stands for their softmax)
        self.softmaxes: list[tuple[Tensor, Any, Tensor]] = []
        self.upstream: set[Tensor] = set()  # gradients that came down the chain: written first
        self._stand_ins: dict[int, Tensor] = {}
        # numbers as SymPy has them: 1/5, not 0.2
        self.exact: dict[Tensor, tuple[Any, dict[Any, float]]] = {}
        self.ones: set[Tensor] = set()  # zeros with ones at some places

    def at_places(self, t: Tensor) -> Tensor:
        """Ones at the places that a scatter writes to."""
        ones = Tensor(np.ones_like(t.args[0].numpy()), requires_grad=True)
        assert t.op is not None
        made = t.op.on([ones], t.static)
        ones.requires_grad = False  # to be written as the number it is
        known = next((u for u in self.ones if np.array_equal(u.numpy(), made.numpy())), made)
        self.ones.add(known)
        return known

    def softmax(self, t: Tensor) -> Tensor | None:
        """What stands for `t`, if that is a softmax, exp(z - logsumexp(z)).

        It is the user's own softmax of z, or a new name, p.
        """
        found = softmax_scores(t)
        if found is None or found[0] not in self.until:
            return None
        z, axis = found
        known = [p for scores, along, p in self.softmaxes if scores is z and along == axis]
        known += [p for p in self.until if softmax_scores(p) is not None and agree(p, t)]
        if known:
            return known[0]
        made = Tensor(t.numpy(), requires_grad=True, name=self.unused("p"))
        self.softmaxes.append((z, axis, made))
        self.names[id(made)] = str(made.name)
        self.until.add(made)
        return made

    def prose(self, a: Any) -> str:
        """What a remark calls a value: its name, its formula if that is short, or a number."""
        if id(a) in self.names:
            return unicode_name(self.names[id(a)])
        value = np.asarray(data_of(a))
        if not is_variable(a):
            return (
                LANGUAGES["unicode"].number(value.flat[0]).text
                if is_repeated(value)
                else "a constant"
            )
        text = Formula([a], self.names, self.until, bare=True, longest=np.inf).unicode
        return text if "\n" not in text and len(text) <= PROSE else "an intermediate"

    def unused(self, name: str) -> str:
        """The name, with a number behind it if the user has one that reads the same."""
        taken = {*map(identifier, self.names.values()), *map(unicode_name, self.names.values())}
        names = (f"{name}_{k}" if k > 1 else name for k in count(1))
        return next(free for free in names if free not in taken and unicode_name(free) not in taken)

    def constant(self, a: Any) -> Tensor | None:
        """What stands for a named constant.

        It is a leaf that asks for a gradient, so that what is computed from it is recorded.
        """
        if id(a) in self._stand_ins:
            return self._stand_ins[id(a)]
        for known, t in self.named:
            if known is a or (self.names.get(id(a)) == t.name and data_of(known) is data_of(a)):
                return t
        value = data_of(a)
        is_logical = np.asarray(value).dtype.kind == "b"  # its arithmetic is not that of numbers
        if id(a) in self.names:
            t = Tensor(
                value if is_logical else np.asarray(value, np.float64),
                requires_grad=not is_logical,
                name=self.names[id(a)],
            )
            self.named.append((a, t))
            self._stand_ins[id(a)] = t
            return t
        for _, t in self.named:
            if (
                not is_logical
                and t.ndim > 1
                and np.shape(a) == t.mT.shape
                and np.array_equal(value, t.numpy().mT)
            ):
                return t.mT
        return None


def agree(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors are equal up to rounding."""
    x, y = a.numpy(), b.numpy()
    if x.shape != y.shape or not (np.isfinite(x) == np.isfinite(y)).all():
        return False
    if not np.isfinite(x).all() or x.dtype.kind == "b":
        return np.array_equal(x, y, equal_nan=True)
    agreement = (
        max(AGREEMENT, 1e4 * float(np.finfo(x.dtype).eps)) if x.dtype.kind == "f" else AGREEMENT
    )
    return bool(
        np.abs(x - y).max(initial=0.0)
        <= agreement * max(np.abs(x).max(initial=0.0), np.abs(y).max(initial=0.0), 1e-300)
    )
