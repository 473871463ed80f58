"""The walk of `derive`: from the rules that run to the formulas that one would derive by hand.

The named tensors of a computation are its equations. From the loss back, each equation hands its
gradient on by the rules of its ops. Where the next equation is elementwise the formulas are
multiplied out and simplified; where it is a matrix product the gradient gets a name, δ, because it
is used more than once. These are the articles' own lines.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain, count
from typing import Any

import numpy as np

from ..engine.recording import enable_grad, textbook
from ..engine.tensor import Tensor
from ..graph import ancestors
from ..notation.constants import is_variable
from ..notation.formula import Formula
from ..notation.literals import is_repeated, opaque
from ..notation.names import identifier
from ..notation.naming import all_named, name_some, unused
from ..notation.simplification import rebuilt, simplified
from ..notation.symbols import Symbols
from ..ops.reductions import softmax
from ..ops.stable import softmax_scores
from .derivation import Count, Derivation, Gradient
from .rewriting import rewritten

MANY = 400  # equations of a loss, from which on nothing is simplified
LONG = 40  # tensors in a gradient, from which on it gets a name


class Walk:
    """From the loss back to the parameters, equation by equation."""

    def __init__(self, loss: Tensor, wanted: Sequence[Tensor], names: dict[int, str]) -> None:
        self.names = names
        self.asked = wanted
        named = dict(names)
        self.loss, self.became = rewritten(loss, wanted, named)
        self.wanted = list(dict.fromkeys(self.became.get(t, t) for t in wanted))
        labels = all_named(self.loss, named, self.wanted)
        name_some(self.loss, labels)
        self.text = Formula([self.loss], labels, lines=True)
        self.equations = self.text.equations("python")
        labels.update({id(e.tensor): self.text.label(e.tensor) for e in self.equations})
        self.labels = labels
        self.one = Tensor(np.ones(loss.shape, loss.dtype), requires_grad=True, copy=False)
        variables = [e.tensor for e in self.equations] + [
            t for t in ancestors(self.loss) if t.is_leaf and t.requires_grad
        ]
        self.known = Symbols([t for t in variables if t is not self.loss], labels, self.one)
        for t in ancestors(self.loss):
            usual = t.op.usual_of(t) if t.op is not None and t.requires_grad else None
            if usual is not None:
                variable_first = sorted(t.args, key=lambda a: not is_variable(a))
                self.known.remarks.add(usual.remark.format(*map(self.known.prose, variable_first)))
        for constant in _constants(self.loss, labels):
            self.known.constant(constant)
        self.counts: dict[str, Count] = {}
        self._find_counts()
        self.deltas: dict[str, Tensor] = {}
        self._kept: list[Any] = []
        self.lines: list[Gradient] = []
        self.taken = {name for e in self.equations for name in [self.text.name(e.tensor)]} | set(
            self.text.namespace
        )
        self.is_long = len(self.equations) > MANY

    def _find_counts(self) -> None:
        """What a mean divides by is called n, not 8."""
        for t in ancestors(self.loss):
            if t.op is not None and t.op.average and not t.static.get("ddof") and t.size:
                x = t.args[0]
                entries = x.size / t.size
                if (
                    entries > 1
                    and entries not in self.known.counts
                    and (found := self._counted(x, entries, t.static["axis"]))
                ):
                    name = self.known.unused("n" if not self.counts else f"n{len(self.counts) + 1}")
                    self.known.counts[entries] = Tensor(entries, requires_grad=True, name=name)
                    self.known.until.add(self.known.counts[entries])
                    self.counts[name] = found

    def _counted(self, x: Tensor, entries: float, axis: Any) -> Count | None:
        """A count: the size of what is averaged, or of something with a name and its shape.

        None if there is none.
        """
        near = [t for t in reversed(ancestors(x)) if t is not self.loss]
        near += [a for t in near for a in t.args if type(a) is not Tensor]
        given = axis if isinstance(axis, tuple) else (axis,)
        axes = tuple(k % x.ndim for k in given if k is not None)
        for a in near:
            name = self.text.name(a)
            if name and np.shape(a) == x.shape:
                python = " * ".join(f"{name}.shape[{k}]" for k in axes) or f"{name}.size"
                return Count(int(entries), python, _entries(axes, x.ndim), self.text.label(a))
        for a in near:
            name = self.text.name(a)
            if name and np.shape(a)[:1] == x.shape:
                return Count(int(entries), f"len({name})", "rows", self.text.label(a))
        return None

    def derivation(self) -> Derivation:
        """Walk, and collect the lines."""
        gradients: dict[Tensor, Tensor] = {self.loss: self.one}
        made = [
            e.tensor
            for e in self.equations
            if e.tensor is not self.loss and softmax_scores(e.tensor) is None
        ]
        cuts = {t for t in made if not self._is_elementwise(t)}
        wanted = set(self.wanted)
        with enable_grad(), textbook(), np.errstate(all="ignore"):
            for equation in reversed(self.equations):
                t = equation.tensor
                if t not in gradients:
                    continue
                g = gradients.pop(t)
                if t in wanted:
                    self._add(t, self._shorter(g), True)
                if t in cuts or (
                    t in self.known.until and len(ancestors(g, until=self.known.until)) > LONG
                ):
                    g = self._named_delta(t, g, cuts)
                operands = {
                    a for a in self.text.operands(t) if type(a) is Tensor and a.requires_grad
                }
                for a, gx in t.adjoints(g, create_graph=True, until=operands):
                    if a in operands:
                        gradients[a] = gradients[a] + gx if a in gradients else gx
            for leaf in self.wanted:
                if leaf in gradients:
                    self._add(leaf, self._shorter(gradients[leaf]), True)
        reached = {line.tensor for line in self.lines if line.is_gradient}
        for t in self.wanted:
            if t not in reached:  # it decides conditions only
                self._add(t, Tensor(np.zeros_like(t.numpy())), True)
        return self._collected()

    def _collected(self) -> Derivation:
        """The lines with all that they need."""
        functions = {
            k: v
            for f in (self.text, *(line.formula for line in self.lines))
            for k, v in f.namespace.items()
            if callable(v)
        }
        values = {**self.text.namespace}
        for line in self.lines:
            values |= line.formula.namespace
        values |= {
            str(t.name): t.numpy()
            for a, t in self.known.named
            if str(t.name) not in self.text.namespace
        }
        softmaxes = [self._softmax(*found) for found in self.known.softmaxes]
        functions |= {"softmax": softmax.run} if softmaxes else {}
        name = {line.tensor: line.name for line in self.lines if line.is_gradient}
        found = Derivation(
            self.labels[id(self.loss)],
            self.lines,
            [self.text, *softmaxes],
            {},
            functions,
            self.counts,
            sorted(self.known.remarks),
            [name[self.became.get(t, t)] for t in self.asked],
            frozenset(identifier(str(t.name)) for a, t in self.known.named if type(a) is float),
        )
        found.find_inputs(values)
        users = set(self.names) | {
            id(new) for old, new in self.became.items() if id(old) in self.names
        }
        made_up = {
            e.name for f in found.forward for e in f.equations() if id(e.tensor) not in users
        }
        constants = {
            name
            for name in found.inputs
            if re.fullmatch(r"[cp]\d+", name) and name not in self.names.values()
        }
        found.unknown = frozenset(made_up | constants)
        return found

    def _softmax(self, z: Tensor, axis: Any, p: Tensor) -> Formula:
        """The definition of what stands for a softmax.

        It goes along the last axis where no other is said.
        """
        is_last = axis in (-1, z.ndim - 1) or (axis is None and z.ndim < 2)
        with enable_grad():
            made = softmax.on([z], {"axis": -1 if is_last else axis})
        return Formula([made], self.labels | {id(made): str(p.name)}, {z}, lines=True)

    def _is_elementwise(self, t: Tensor) -> bool:
        """Whether the equation of `t` is entry by entry, on operands of its own shape."""
        operands = {a for a in self.text.operands(t) if type(a) is Tensor}
        between = [
            u for u in ancestors(t, until=operands) if u not in operands and u.op is not None
        ]
        return all(
            u.shape == t.shape and u.op is not None and not u.op.shapes and not u.op.cases
            for u in between
        ) and all(a.shape == t.shape for a in operands if a.requires_grad)

    def _named_delta(self, t: Tensor, g: Tensor, cuts: Collection[Tensor]) -> Tensor:
        """Give the gradient at `t` a name, if it is more than a name or a number already."""
        raw, g = g, self._shorter(g)
        if g.is_leaf:
            return g if g.requires_grad else raw
        label = self.labels[id(t)]
        digits = label[len(label.rstrip("0123456789")) :]
        is_only_one = len(cuts) == 1 and t in cuts
        name = "delta" if is_only_one else f"delta{digits}" if digits else ""
        if not name or name in self.deltas:
            name = f"delta_{identifier(label)}"
        name = self.known.unused(name)
        self._add(t, g, False, name)
        self.deltas[name] = delta = Tensor(g.numpy(), requires_grad=True, name=name, copy=False)
        self.labels[id(delta)] = name
        self.known.until.add(delta)
        self.known.upstream.add(delta)
        return delta

    def _shorter(self, g: Tensor) -> Tensor:
        """The gradient simplified, inside of its matrix products and sums too."""
        return (
            rebuilt(g, self.known)
            if self.is_long
            else simplified(rebuilt(g, self.known), self.known)
        )

    def _add(self, t: Tensor, g: Tensor, is_gradient: bool, name: str = "") -> None:
        self.one.requires_grad = False  # to be written as the number it is
        name = name or unused(f"d_{identifier(self.labels[id(t)])}", self.taken)
        self.taken.add(identifier(name))
        formula = Formula(
            [g], self._names_in(g), self.known.until, bare=True, tidy=True, taken=self.taken
        )
        self.taken |= {e.name for e in formula.equations() if e.name}
        self.lines.append(Gradient(t, self.labels[id(t)], identifier(name), is_gradient, formula))
        self.one.requires_grad = True

    def _names_in(self, g: Tensor) -> dict[int, str]:
        """What the leaves and constants of a formula are called; those without a name get one."""
        found: dict[int, str] = {}
        for t in ancestors(g, until=self.known.until):
            inside: list[Any] = []
            if t not in self.known.until:
                static = (opaque(value, self.labels) for value in t.static.values())
                inside = [*t.args, *chain.from_iterable(static)]
            for value in (t, *inside):
                own = value.name if type(value) is Tensor and value.is_leaf else None
                label = self.labels.get(id(value)) or own
                is_leaf = type(value) is np.ndarray or (
                    type(value) is Tensor and value.is_leaf and value is not self.one
                )
                if label is None and is_leaf and not is_repeated(np.asarray(value)):
                    label = self.labels[id(value)] = self._fresh(value)
                if label:
                    found[id(value)] = label
        return found

    def _fresh(self, value: Any) -> str:
        """A name for a constant that a rule made.

        The value is kept, so that its id stays its own.
        """
        name = next(name for k in count(1) if (name := f"c{k}") not in self.taken)
        self.taken.add(name)
        self._kept.append(value)
        return name


def _entries(axes: tuple[int, ...], ndim: int) -> str:
    """What an average over some axes goes over; no axes are all."""
    if not axes or len(axes) == ndim:
        return "entries"
    if ndim == 2:
        return ("rows", "columns")[axes[0]]
    return f"entries along {'axis' if len(axes) == 1 else 'axes'} {', '.join(map(str, axes))}"


def _constants(loss: Tensor, labels: Mapping[int, str]) -> Iterator[Any]:
    """The named arrays, numbers and tensors that ops were given as constants."""
    return (
        a for t in ancestors(loss) for a in (t, *t.args) if id(a) in labels and not is_variable(a)
    )
