"""The chain rule of one recorded value: links from the loss back to a tensor, each with reasons.

A link leads from a named tensor to one that its equation is written with. Its formula is what the
rules of the ops in between give when they are run on symbols, shortened by SymPy where that is
installed; its number is what they give when they are run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from ..engine.backward import contributions
from ..engine.recording import enable_grad, textbook
from ..engine.tensor import Tensor
from ..graph import ancestors, names_of
from ..notation.document import NOTHING, Math, Sentence, named
from ..notation.formula import Formula
from ..notation.literals import is_repeated
from ..notation.naming import all_named, name_deep
from ..notation.reasons import of_equation
from ..notation.simplification import rebuilt, simplified
from ..notation.symbols import Symbols
from ..ops.mathematics import is_mean

PATHS = 6  # so many paths are written out, each with its own product


@dataclass(frozen=True, eq=False)
class Link:
    """How the gradient at `by` goes on to `of`, which the equation of `by` is written with."""

    chain: Chain = field(repr=False)
    by: Tensor
    of: Tensor

    @cached_property
    def formula(self) -> Math:
        """The derivative, for numbers; for arrays what becomes of the gradient at `by`."""
        return self.chain.written(self._recorded[0], self.by)

    @cached_property
    def value(self) -> Any:
        """The number, or the array, that the rules give."""
        return self.chain.computed(self.by, self.of)

    @cached_property
    def uses(self) -> list[tuple[Math, Any]]:
        """What comes from each place, if `of` stands in the equation more than once.

        Each is a formula and a number.
        """
        return [(self.chain.written(gx, self.by), gx.numpy()) for gx in self._recorded[1]]

    @cached_property
    def _recorded(self) -> tuple[Tensor, list[Tensor]]:
        return self.chain.pull(self.by, self.of)

    @property
    def left(self) -> Math:
        """What the formula is equal to."""
        chain = self.chain
        if chain.is_scalar:
            whole = chain.derivative(self.by, self.of)
            alone = Math(
                f"{whole.unicode} (direct)", rf"\left.{whole.latex}\right|_{{\text{{direct}}}}"
            )
            return alone if chain.reaches(self.by, self.of) else whole
        through = Math(
            f" (from {chain.name(self.by).unicode})",
            rf" \;\text{{(from }}{chain.name(self.by).latex}\text{{)}}",
        )
        return chain.derivative(chain.loss, self.of).then(
            through if len(chain.uses[self.of]) > 1 else NOTHING
        )

    @property
    def source(self) -> Math:
        """The equation it comes from."""
        return self.chain.equation(self.by)

    @property
    def reasons(self) -> list[Sentence]:
        """Why the formula is as it is, where shapes decide."""
        return of_equation(self.by, self.of, self.chain.text)

    @cached_property
    def kind(self) -> tuple[Any, ...]:
        """What is the same for links that differ in names alone."""
        operands = self.chain.operands(self.by)
        between = [
            u for u in ancestors(self.by, until=operands) if u.op is not None and u not in operands
        ]
        ops = tuple(
            (
                u.op.name if u.op else "",
                u.shape,
                *(a for a in u.args if isinstance(a, (int, float))),
            )
            for u in between
        )
        return (*ops, self.of.shape)


@dataclass(frozen=True, eq=False)
class Total:
    """What comes to a tensor from several equations, added up."""

    chain: Chain = field(repr=False)
    of: Tensor

    @property
    def left(self) -> Math:
        """The gradient."""
        return self.chain.derivative(self.chain.loss, self.of)

    @property
    def kind(self) -> tuple[Any, ...]:
        """What is the same for totals that differ in names alone."""
        return ("total", self.of.shape)


class Chain:
    """The links between a loss and one tensor it was computed from."""

    def __init__(
        self,
        loss: Tensor,
        wrt: Tensor,
        names: Mapping[Any, Any] | None = None,
        labels: dict[int, str] | None = None,
    ) -> None:
        self.loss, self.wrt = loss, wrt
        self.labels = all_named(loss, names_of([loss], names) if labels is None else labels)
        self.labels.setdefault(id(wrt), "x")
        name_deep(loss, self.labels)
        self.text = Formula([loss], self.labels, lines=True)
        self._equations = [
            [(e.name, e.right) for e in self.text.equations(spelling)]
            for spelling in ("unicode", "latex")
        ]
        tensors = [e.tensor for e in self.text.equations()]
        self._place = {t: i for i, t in enumerate(tensors)}
        self.labels = {**{id(t): self.text.label(t) for t in tensors}, **self.labels}
        self.uses = self._find_uses(tensors)
        with np.errstate(all="ignore"):
            self.gradients = dict(loss.adjoints())
        self.is_scalar = (
            all(t.size == 1 for t in (*self.uses, loss)) and self._count_paths() <= PATHS
        )

    def _find_uses(self, tensors: Sequence[Tensor]) -> dict[Tensor, list[Tensor]]:
        """For each tensor between the loss and `wrt`, those in whose equations it stands.

        The newest comes first.
        """
        reaching = {self.wrt}
        for t in tensors:
            if t is not self.wrt and not reaching.isdisjoint(self.operands(t)):
                reaching.add(t)
        uses: dict[Tensor, list[Tensor]] = {}
        for t in reversed(tensors):
            if t is not self.wrt and t in reaching and (t is self.loss or t in uses):
                for a in self.operands(t) & reaching:
                    uses.setdefault(a, []).append(t)
        return uses

    def _count_paths(self) -> int:
        paths = Counter({self.loss: 1})
        for a in self._order():
            paths[a] = sum(paths[t] for t in self.uses[a])
        return paths[self.wrt]

    def _order(self) -> list[Tensor]:
        """The tensors on the way, each after all whose equations it stands in."""
        return sorted(self.uses, key=lambda t: -self._place.get(t, -1))

    def operands(self, t: Tensor) -> set[Tensor]:
        """The tensors that the equation of `t` is written with, as far as they have gradients."""
        return {a for a in self.text.operands(t) if type(a) is Tensor and a.requires_grad}

    def reaches(self, t: Tensor, a: Tensor) -> bool:
        """Whether `a`, which stands in the equation of `t`, reaches `t` by other equations too."""
        waiting = [u for u in self.uses[a] if u is not t]
        seen = set(waiting)
        while waiting:
            if (u := waiting.pop()) is t:
                return True
            waiting += (new := [v for v in self.uses.get(u, ()) if v not in seen])
            seen.update(new)
        return False

    # -- what to tell ------------------------------------------------------------------------------

    def paths(self) -> list[list[Link]]:
        """Every way from the loss to `wrt`, as the links on it."""
        found: list[list[Link]] = []
        waiting: list[tuple[Tensor, tuple[Link, ...]]] = [(self.wrt, ())]
        links = {(t, a): Link(self, t, a) for a in self.uses for t in self.uses[a]}
        while waiting:
            a, after = waiting.pop()
            if a is self.loss:
                found.append(list(after))
            for t in self.uses.get(a, ()):
                waiting.append((t, (links[t, a], *after)))
        return found

    def steps(self) -> list[Link | Total]:
        """All links, and after the last one to a tensor the total, if there is more than one."""
        found: list[Link | Total] = []
        for a in self._order():
            found += [Link(self, t, a) for t in self.uses[a]]
            found += [Total(self, a)] if len(self.uses[a]) > 1 else []
        return found

    # -- names and formulas ------------------------------------------------------------------------

    def name(self, t: Tensor) -> Math:
        """What a tensor is called."""
        return named(self.labels[id(t)])

    def derivative(self, above: Tensor, below: Tensor) -> Math:
        """∂above/∂below."""
        a, b = self.name(above), self.name(below)
        return Math(
            f"∂{a.unicode}/∂{b.unicode}", rf"\frac{{\partial {a.latex}}}{{\partial {b.latex}}}"
        )

    def equation(self, t: Tensor) -> Math:
        """The equation of a tensor."""
        return Math(
            *(
                f"{name or own} = {right}"
                for (name, right), own in zip(
                    (e[self._place[t]] for e in self._equations), self.name(t), strict=True
                )
            )
        )

    def _starts_at(self, t: Tensor) -> bool:
        """Whether the gradient at `t` counts as 1.

        Each factor of a product stands alone, and so does the loss.
        """
        return self.is_scalar or t is self.loss

    def _seed(self, t: Tensor) -> Any:
        return np.ones(t.shape, t.dtype) if self._starts_at(t) else self.gradients[t]

    def computed(self, t: Tensor, a: Tensor) -> Any:
        """What the rules give at `a`, of the gradient at `t`."""
        with np.errstate(all="ignore"):
            passed = t.adjoints(self._seed(t), until=self.operands(t))
        # an operand of a condition alone gets none
        return next((g for u, g in passed if u is a), np.zeros(a.shape, a.dtype))

    def pull(self, t: Tensor, a: Tensor) -> tuple[Tensor, list[Tensor]]:
        """What the rules make of the gradient at `t` on the way to `a`.

        It is given in all, and for each place if `a` stands in more than one.
        """
        operands = self.operands(t)
        is_one = self._starts_at(t)
        label = "1" if is_one else f"∂{self.labels[id(self.loss)]}/∂{self.labels[id(t)]}"
        seed = Tensor(self._seed(t), requires_grad=True, name=label, copy=False)
        places: list[Tensor] = []
        with enable_grad(), textbook(), np.errstate(all="ignore"):
            for u, g in t.adjoints(seed, create_graph=True, until=operands):
                if u is a:
                    total = g
                if u.op is None or u in operands:
                    continue
                if any(x is a for x in u.args):
                    parts = contributions(u, g, create_graph=True)
                    places += [gx for i, gx in parts if u.args[i] is a]
            known = self._symbols(t, seed, is_one)
            return _shorter(total, known), [_shorter(g, known) for g in reversed(places)] if len(
                places
            ) > 1 else []

    def _symbols(self, t: Tensor, seed: Tensor, is_one: bool) -> Symbols | None:
        """What a formula may mention, for SymPy; None where that is not installed."""
        named = {
            x
            for x in (t, *self.text.operands(t))
            if type(x) is Tensor and (x.requires_grad or x.op)
        }
        try:
            known = Symbols(
                named if is_one else named | {seed},
                self.labels | {id(seed): str(seed.name)},
                seed if is_one else None,
            )
        except ImportError:
            return None
        if not is_one:
            known.upstream.add(seed)
        for u in ancestors(t, until=named - {t}):
            if is_mean(u) and u.args[0].size > u.size:
                # what it divides by is a symbol to SymPy: 8 (1 - o) stays as it is
                entries = u.args[0].size / u.size
                known.counts[entries] = Tensor(entries, requires_grad=True, name=f"{entries:g}")
        for constant in self.text.operands(t):
            if constant not in named if type(constant) is Tensor else True:
                known.constant(constant)
        return known

    def written(self, gx: Tensor, t: Tensor) -> Math:
        """A recorded formula on the names in the equation of `t`."""
        known = set(self._place)
        names = self.labels | {
            id(t): str(t.name) for t in ancestors(gx, until=known) if t.is_leaf and t.name
        }
        formula = Formula(
            [gx], names, known, bare=True, symbols=self.text.operands(t), tidy=True, longest=np.inf
        )
        return Math(formula.equations("unicode")[-1].right, formula.equations("latex")[-1].right)


def _shorter(g: Tensor, known: Symbols | None) -> Tensor:
    if known is None:
        return g
    found = simplified(rebuilt(g, known), known)
    is_number = found.is_leaf and not found.requires_grad and is_repeated(found.numpy())
    return Tensor(found.numpy().flat[0]) if is_number else found


def product(values: Sequence[Any]) -> float:
    """The product of the numbers of links."""
    return float(prod(float(np.asarray(v).reshape(())) for v in values))
