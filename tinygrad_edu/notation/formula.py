"""The recorded graph as formulas in Python, Unicode mathematics and LaTeX.

`expression(t)` writes a tensor as one expression of leaves, `program(t)` as one equation per named
tensor, all from the one definition of each op. The Python text is exact: evaluated in `.namespace`,
it gives the tensor's value to the last bit (but for `var` and `std` of equal entries: ours are
exactly 0, NumPy's a rounding error).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from ..engine.tensor import Tensor
from ..graph import ancestors, names_of
from ..ops.mathematics import tidied
from .constants import data_of, is_variable, recognized
from .identifiers import Identifiers
from .literals import is_repeated, opaque
from .printers import LANGUAGES
from .python import Call, is_bare_function
from .templates import Written

# a tensor that is used twice gets an equation of its own if more names and signs go into it than
# this
SHARED = 12
LONG, DEEP = 100, 40  # so does every tensor whose text is so long, or nested so deeply
Spelling = Literal["python", "unicode", "latex"]


class Equation(NamedTuple):
    """A tensor, the text of its name ("" for a bare expression) and of what it is equal to."""

    tensor: Tensor
    name: str
    right: str

    def __str__(self) -> str:
        return f"{self.name} = {self.right}" if self.name else self.right


class Formula:
    """Tensors written down as equations; made by `expression`, `program` and `local_derivative`.

    `.python`, `.unicode` and `.latex` are the texts; `.equations()` are their parts. `.namespace`
    is what the names in `.python` stand for, `.labels` what their user called them.
    """

    def __init__(
        self,
        outputs: Sequence[Tensor],
        names: Mapping[int, str],
        until: Container[Tensor] = (),
        lines: bool = False,
        bare: bool = False,
        symbols: Sequence[Any] = (),
        tidy: bool = False,
        longest: float = LONG,
        taken: Collection[str] = (),
    ) -> None:
        self._order = ancestors(*outputs, until=until)
        # symbols: what has a name, whether it appears or not
        self._until, self._symbols = until, symbols
        self._ends = {id(t) for t in outputs}
        self._bare = bare
        self._names = Identifiers(
            names,
            {op.name: op.run for op in {t.op for t in self._made()} if op and is_bare_function(op)},
            taken,
        )
        for t in self._order:
            self._name_parts(t)
        self._tidy = tidy
        for t in symbols:
            self._names.hold(t, "x")
        self._derived = self._find_derived()
        self._lines = self._find_lines(
            {id(t) for t in self._order if id(t) in names} if lines else set(), longest
        )

    # -- what it says ------------------------------------------------------------------------------

    @cached_property
    def python(self) -> str:
        """Python with NumPy: assignments where parts are shared or named, and the expression."""
        return "\n".join(map(str, self.equations("python")))

    @cached_property
    def unicode(self) -> str:
        """Mathematics in plain text."""
        return "\n".join(map(str, self.equations("unicode")))

    @cached_property
    def latex(self) -> str:
        """Mathematics for MathJax, KaTeX and TeX (with amsmath)."""
        equations = self.equations("latex")
        if len(equations) == 1:
            return str(equations[0])
        lines = " \\\\\n".join(
            f"{name} &= {right}" if name else f"& {right}" for _, name, right in equations
        )
        return f"\\begin{{aligned}}\n{lines}\n\\end{{aligned}}"

    @property
    def namespace(self) -> dict[str, Any]:
        """What the names in `.python` stand for: NumPy, ops it does not have, leaves, constants."""
        return {"np": np, **self._names.functions, **self._names.held}

    @property
    def labels(self) -> dict[str, str]:
        """For each name in `.python`, what its user called it."""
        return {name: self._names.labels[key] for key, name in self._names.identifiers.items()}

    def name(self, value: Any, spelling: Spelling = "python") -> str:
        """What a tensor or constant goes by; "" if its making is written in its place."""
        names = self._names
        return (
            LANGUAGES[spelling].name(names.identifiers[id(value)], names.labels[id(value)]).text
            if id(value) in names.identifiers
            else ""
        )

    def label(self, value: Any) -> str:
        """What its user calls it, or the name made up for it."""
        return self._names.labels.get(id(value), "")

    def operands(self, t: Tensor) -> list[Any]:
        """What the equation of `t` is written with, each use once.

        These are tensors and constants that go by a name.
        """
        found: list[Any] = []
        waiting = list(t.args[::-1])
        while waiting:
            a = waiting.pop()
            a = self._derived[id(a)].args[-1] if id(a) in self._derived else a
            if id(a) in self._names.identifiers:
                found.append(a)
            elif type(a) is Tensor:
                waiting.extend(a.args[::-1])
        return found

    def __str__(self) -> str:
        return self.python

    def __repr__(self) -> str:
        return f"<Formula {self.unicode}>"

    def _repr_latex_(self) -> str:
        return f"$$\n{self.latex}\n$$"

    def equations(self, spelling: Spelling = "python") -> list[Equation]:
        """The equations, in the order of computing them."""
        language = LANGUAGES[spelling]
        names = self._names.identifiers
        uses = self._uses()
        written = {
            key: language.name(name, self._names.labels[key])
            for key, name in names.items()
            if key not in self._lines
        }
        for key, call in self._derived.items():
            operands = [
                written[id(a)] if id(a) in written else language.number(a) for a in call.args
            ]
            written[key] = language.call(call, operands, {})
        literals = {**names, **self._shapes()}
        found = []
        for t in self._made():
            op, args = t.op, t.args
            assert op is not None
            if self._tidy:
                op, args = tidied(op, args, exact=spelling == "python")
            operands = [
                written[id(a)] if id(a) in written else language.number(data_of(a)) for a in args
            ]
            text = language.call(Call(op, args, t.static, t.ndim), operands, literals)
            for a in t.args:
                uses[id(a)] -= 1
                if not uses[id(a)] and id(a) not in names:
                    written.pop(id(a), None)  # a million texts would fill the memory
            if id(t) in self._lines:
                name = (
                    language.name(names[id(t)], self._names.labels[id(t)])
                    if id(t) in names
                    else Written("")
                )
                found.append(Equation(t, name.text, text.text))
                text = name
            written[id(t)] = text
        if not found:  # a leaf
            t = self._order[-1]
            found = [
                Equation(
                    t,
                    "",
                    (written[id(t)] if id(t) in written else language.number(data_of(t))).text,
                )
            ]
        return found

    # -- what gets a line, and what gets a name ----------------------------------------------------

    def _made(self) -> Iterator[Tensor]:
        """The tensors whose making is shown, in order."""
        return (t for t in self._order if t.op is not None and t not in self._until)

    def _uses(self) -> Counter[int]:
        return Counter(id(a) for t in self._made() for a in t.args)

    def _name_parts(self, t: Tensor) -> None:
        """Name what appears by name: leaves and constants."""
        given = self._names.given
        if t.op is None or t in self._until:
            is_literal = (
                t.op is None and not t.requires_grad and (not t.ndim or is_repeated(t.numpy()))
            )
            if not is_literal or id(t) in given:
                self._names.hold(t, "p" if t.requires_grad else "c")
            return
        for a in t.args:
            if type(a) is not Tensor and (id(a) in given or (np.ndim(a) and not is_repeated(a))):
                self._names.hold(a, "c")
        for value in t.static.values():
            for part in opaque(value, given):
                self._names.hold(part, "c")

    def _find_derived(self) -> dict[int, Call]:
        """Unnamed constants that are 1 - c, c.mT or c[i] of a named one, as calls.

        Nothing is recorded of constants.
        """
        used = [
            a
            for t in self._made()
            for a in t.args
            if np.ndim(a) and id(a) in self._names.identifiers
        ]
        known = [a for a in (*self._symbols, *used) if id(a) in self._names.given and np.ndim(a)]
        known = list({id(a): a for a in known}.values())
        unnamed = [a for a in used if id(a) not in self._names.given and not is_variable(a)]
        found = {id(a): call for a in unnamed for call in recognized(a, known, self._names.given)}
        for call in found.values():
            self._names.hold(call.args[-1], "c")
        return found

    def _find_lines(self, named: set[int], longest: float) -> set[int]:
        """The ids of the tensors that get an equation of their own."""
        uses = self._uses()
        weight: dict[int, int] = {}
        depth: dict[int, int] = {}
        lines: set[int] = set()
        for t in self._made():
            w = 2 + sum(weight.get(id(a), 1) for a in t.args)
            d = 1 + max((depth.get(id(a), 0) for a in t.args), default=0)
            is_end = id(t) in self._ends
            if (
                is_end
                or id(t) in named
                or (uses[id(t)] > 1 and SHARED < w and longest <= LONG)
                or w > longest
                or d > DEEP
            ):
                lines.add(id(t))
                if not (is_end and self._bare):
                    self._names.add(t, "t")
                w, d = 1, 0
            weight[id(t)], depth[id(t)] = w, d
        return lines

    def _shapes(self) -> dict[int, str]:
        """A shape that is a symbol's reads `x.shape`."""
        shapes = {np.shape(t): self._names.identifiers[id(t)] for t in reversed(self._symbols)}
        written = (t.static["shape"] for t in self._made() if "shape" in t.static)
        return {
            id(shape): f"{shapes[shape]}.shape"
            for shape in written
            if type(shape) is tuple and shape in shapes
        }


def expression(
    t: Tensor, names: Mapping[Any, Any] | None = None, until: Container[Tensor] = ()
) -> Formula:
    r"""A tensor as one expression of leaves, and of the tensors `until`.

    What is used twice, or very long, comes first as an equation. A name is a tensor's own, else the
    one in `names` (name to tensor, or tensor to name), else the caller's variable.

    >>> import tinygrad_edu as tg
    >>> w, x = tg.Tensor(2.0, requires_grad=True, name="w"), tg.Tensor(3.0, name="x")
    >>> formula = expression((w * x - 1).sigmoid())
    >>> formula.python, formula.unicode, formula.latex
    ('sigmoid(w * x - 1)', 'σ(w · x − 1)', '\\sigma(w \\cdot x - 1)')
    """
    return Formula([t], names_of([t], names), until, bare=True)


def program(
    *outputs: Tensor, names: Mapping[Any, Any] | None = None, until: Container[Tensor] = ()
) -> Formula:
    """The outputs as one equation per named tensor, in the order of computing them.

    >>> import tinygrad_edu as tg
    >>> w, x = tg.Tensor(2.0, requires_grad=True), tg.Tensor(3.0)
    >>> z = w * x - 1
    >>> o = z.sigmoid()
    >>> print(program(o, names={"w": w, "x": x, "z": z, "o": o}))
    z = w * x - 1
    o = sigmoid(z)
    """
    return Formula(outputs, names_of(outputs, names), until, lines=True)
