"""The walk of `derive`: from the rules that run to the formulas that one would derive by hand.

The named tensors of a computation are its equations. From the loss back, each equation hands its gradient on by the rules of its ops;
where the next equation is elementwise the formulas are multiplied out and simplified, and where it is a matrix product the gradient
gets a name, δ, because it is used more than once. These are the articles' own lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..core import Tensor
from ..formula import Equation, Formula, is_variable
from ..graph import ancestors, softmax_scores
from ..languages import identifier
from ..modes import enable_grad, textbook
from ..registry import registry
from .algebra import Symbols, rebuilt, simplified
from .derivation import Derivation, Line, words_of
from .naming import all_named


class Walk:
    """From the loss back to the parameters, equation by equation."""

    def __init__(self, loss: Tensor, wanted: Sequence[Tensor], names: dict[int, str]) -> None:
        self.loss, self.wanted = loss, wanted
        labels = self.labels = all_named(loss, names)
        self.text = Formula([loss], labels, lines=True)
        self.equations = self.text.equations("python")
        self.one = Tensor(np.ones(loss.shape, loss.dtype), requires_grad=True, copy=False)
        variables = [e.tensor for e in self.equations] + [t for t in ancestors(loss) if t.is_leaf and t.requires_grad]
        self.known = Symbols([t for t in variables if t is not loss], labels, self.one)
        self.counts: dict[str, str] = {}
        for constant in _constants(loss, labels):
            self.known.constant(constant)
        self._find_counts()
        self.deltas: dict[str, Tensor] = {}
        self.lines: list[Line] = []

    def _find_counts(self) -> None:
        """What `mean` divides by is called n, not 8."""
        for t in ancestors(self.loss):
            if t.op is not None and t.op.name == "mean":
                x = t.args[0]
                entries = x.size / t.size
                if entries not in self.known.counts:
                    name = self.known.unused("n" if not self.counts else f"n{len(self.counts) + 1}")
                    self.known.counts[entries] = Tensor(entries, requires_grad=True, name=name)
                    self.counts[name] = self._counted(x, entries)

    def _counted(self, x: Tensor, entries: float) -> str:
        """Python for a count: the size of something in the equations that has the size of what is averaged."""
        for t in [e.tensor for e in reversed(self.equations)]:
            if t.shape == x.shape and t.size == entries and t is not self.loss:
                return f"{self.text.name(t)}.size"
            if t.ndim and x.shape == t.shape[:1] and t.shape[0] == entries:
                return f"len({self.text.name(t)})"
        return repr(int(entries))

    def derivation(self) -> Derivation:
        """Walk, and collect the lines."""
        gradients: dict[Tensor, Tensor] = {self.loss: self.one}
        made = [e.tensor for e in self.equations if e.tensor is not self.loss and softmax_scores(e.tensor) is None]
        cuts = [t for t in made if not self._is_elementwise(t)]
        with enable_grad(), textbook():
            for equation in reversed(self.equations):
                t = equation.tensor
                if t not in gradients:
                    continue
                g = gradients.pop(t)
                if t in set(self.wanted):
                    self._add(t, self._shorter(g), True)
                if t in set(cuts):
                    g = self._named_delta(t, g, cuts)
                operands = {a for a in self.text.operands(t) if type(a) is Tensor and a.requires_grad}
                for a, gx in t.adjoints(g, create_graph=True, until=operands):
                    if a in operands:
                        gradients[a] = gradients[a] + gx if a in gradients else gx
            for leaf in self.wanted:
                if leaf in gradients:
                    self._add(leaf, self._shorter(gradients[leaf]), True)
        order = {self.labels[id(t)]: i for i, t in enumerate(self.wanted)}
        gradient_lines = sorted((line for line in self.lines if line.is_gradient), key=lambda line: order[line.of])
        lines = self._interleaved(gradient_lines)
        functions = {k: v for k, v in self.text.namespace.items() if callable(v)}
        for line in lines:
            functions |= {k: v for k, v in line.formula.namespace.items() if callable(v)}
        named = {**self.text.namespace, **{str(t.name): t.numpy() for _, t in self.known.named}}
        softmaxes = [Equation(p, str(p.name), f"softmax({self.text.name(z)})") for z, p in self.known.softmaxes]
        functions |= {"softmax": lambda x: np.exp(x - registry["logsumexp"].run(x, -1, True))} if softmaxes else {}
        found = Derivation(
            self.labels[id(self.loss)], lines, [*self.equations, *softmaxes], {}, functions, self.counts, sorted(self.known.remarks)
        )
        words = words_of(found.body)
        found.inputs.update({k: v for k, v in named.items() if k in words and k != "np" and k not in functions})
        found.functions = {k: v for k, v in functions.items() if k in words}
        return found

    def _interleaved(self, gradient_lines: list[Line]) -> list[Line]:
        """Each δ just before the first formula that uses it; the gradients in the order in which the walk met them."""
        return [line for line in self.lines if not line.is_gradient or line in gradient_lines]

    def _is_elementwise(self, t: Tensor) -> bool:
        """Whether the equation of `t` is entry by entry, on operands of its own shape."""
        operands = {a for a in self.text.operands(t) if type(a) is Tensor}
        between = [u for u in ancestors(t, until=operands) if u not in operands and u.op is not None]
        return all(u.shape == t.shape and u.op is not None and not u.op.shapes and not u.op.cases for u in between) and all(
            a.shape == t.shape for a in operands if a.requires_grad
        )

    def _named_delta(self, t: Tensor, g: Tensor, cuts: Sequence[Tensor]) -> Tensor:
        """Give the gradient at `t` a name of its own, if it is more than a name already."""
        g = self._shorter(g)
        if g.name and g.is_leaf:
            return g
        label = self.labels[id(t)]
        digits = label[len(label.rstrip("0123456789")) :]
        name = "delta" if len(cuts) == 1 else f"delta{digits}"
        if name in self.deltas or (not digits and len(cuts) > 1):
            name = f"delta_{identifier(label)}"
        name = self.known.unused(name)
        self._add(t, g, False, name)
        self.deltas[name] = Tensor(g.numpy(), requires_grad=True, name=name, copy=False)
        self.known.until.add(self.deltas[name])
        self.known.upstream.add(self.deltas[name])
        return self.deltas[name]

    def _shorter(self, g: Tensor) -> Tensor:
        """The gradient simplified, inside of its matrix products and sums too."""
        return simplified(rebuilt(g, self.known), self.known)

    def _add(self, t: Tensor, g: Tensor, is_gradient: bool, name: str = "") -> None:
        label = self.labels[id(t)]
        named = {u: u.name for u in (*self.deltas.values(), *self.known.counts.values(), *[p for _, p in self.known.softmaxes])}
        symbols = {u: self.labels[id(u)] for u in self.known.until if id(u) in self.labels}
        constants = {id(u): str(u.name) for _, u in self.known.named}
        formula = Formula(
            [g], {id(u): str(n) for u, n in {**symbols, **named}.items()} | constants, self.known.until | set(named), bare=True, tidy=True
        )
        self.lines.append(Line(label, name or self.known.unused(f"d_{identifier(label)}"), is_gradient, formula, g.numpy()))


def _constants(loss: Tensor, labels: Mapping[int, str]) -> Iterator[Any]:
    """The named arrays and tensors that ops were given as constants."""
    return (a for t in ancestors(loss) for a in (t, *t.args) if id(a) in labels and np.ndim(a) and not is_variable(a))
