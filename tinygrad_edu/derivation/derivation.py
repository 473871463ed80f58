"""What `derive` gives: gradients as formulas in text and LaTeX, and as a NumPy function."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, wraps
from html import escape
from typing import Any, NamedTuple

import numpy as np

from ..engine.registry import registry
from ..engine.tensor import Tensor
from ..notation.formula import Formula, Spelling
from ..notation.names import identifier, latex_name, unicode_name
from ..notation.printers import LANGUAGES
from ..notation.printing import printable
from .definitions import definition


@dataclass(frozen=True)
class Gradient:
    """The formula of one gradient: at which tensor, its name, and its right-hand side."""

    tensor: Tensor = field(repr=False)
    of: str  # the user's name of the tensor
    name: str  # delta2, or the gradient's name in Python, d_W2
    is_gradient: bool  # of a parameter, not an intermediate
    formula: Formula

    def python(self) -> list[tuple[str, str]]:
        """Assignments: parts that stand in it more than once, and the formula."""
        return [
            (equation.name or self.name, equation.right)
            for equation in self.formula.equations("python")
        ]


class Count(NamedTuple):
    """What a mean divides by: the number, Python for it, and what it counts of whom."""

    value: int
    python: str
    what: str
    of: str


@dataclass(repr=False)
class Derivation:
    """The closed formulas of some gradients.

    `.unicode`, `.python` and `.latex` are texts, `.function` computes them with NumPy.
    """

    loss: str
    lines: list[Gradient]
    forward: list[Formula] = field(repr=False)  # the loss, and the definitions of softmaxes
    inputs: dict[str, Any] = field(repr=False)
    functions: dict[str, Callable[..., Any]] = field(repr=False)
    counts: dict[str, Count] = field(repr=False)
    # what the data were found to fulfil, and a formula relies on
    remarks: list[str] = field(default_factory=list)
    # the names of the gradients, in the order of `wrt`
    results: list[str] = field(default_factory=list, repr=False)
    # inputs that are the user's numbers
    numbers: frozenset[str] = field(default=frozenset(), repr=False)
    # names that are none of the user's: where used they are defined
    unknown: frozenset[str] = field(default=frozenset(), repr=False)

    def _rows(self, spelling: Spelling) -> list[tuple[str, str]]:
        """Left and right sides, line by line.

        Parts that stand in a formula more than once come before it.
        """
        language = LANGUAGES[spelling]
        shown = {name for name, _ in self._needed(self.unknown)}
        pairs = [
            pair
            for f in self.forward
            for pair in zip(f.equations("python"), f.equations(spelling), strict=True)
        ]
        rows = [
            (equation.name, equation.right) for python, equation in pairs if python.name in shown
        ]
        for line in self.lines:
            of, loss = (language.name(identifier(n), n).text for n in (line.of, self.loss))
            left = f"∂{loss}/∂{of}"
            if spelling == "latex":
                left = rf"\frac{{\partial {loss}}}{{\partial {of}}}"
            if not line.is_gradient:
                left = f"{language.name(line.name, line.name).text} = {left}"
            rows += [
                (equation.name or left, equation.right)
                for equation in line.formula.equations(spelling)
            ]
        return rows

    @property
    def unicode(self) -> str:
        """Mathematics in plain text, a line for each formula."""
        rows = self._rows("unicode")
        width = max(len(left) for left, _ in rows)
        lines = [f"{left:<{width}} = {right}" for left, right in rows]
        remarks = [f"for {remark}" for remark in self.remarks]
        signs = [op.remark for op in registry.values() if op.remark[0]]
        remarks += [says for sign, says in signs if any(sign in right for _, right in rows)]
        if any(re.search(r"\[[^]]*None", right) for _, right in rows):
            remarks.append("None in an index: a new axis of length 1")
        remarks += [
            f"{unicode_name(n)} = {c.value}, the {c.what} of {unicode_name(c.of)}"
            for n, c in self._counts().items()
        ]
        used = words_of(
            "\n".join([self.python, *(right for _, right in self._needed(self.unknown))])
        )
        constants = sorted(self.unknown & set(self.inputs) & used)
        remarks += [f"{unicode_name(name)}: {_described(self.inputs[name])}" for name in constants]
        return "\n".join(lines + [f"({remark})" for remark in remarks])

    @cached_property
    def python(self) -> str:
        """Python with NumPy, a line for each formula."""
        return _assignments(pair for line in self.lines for pair in line.python())

    @property
    def latex(self) -> str:
        """Aligned equations for LaTeX, MathJax or KaTeX."""
        rows = self._rows("latex")
        rows += [
            (latex_name(n), rf"{c.value} \quad \text{{(the {c.what} of }}{latex_name(c.of)})")
            for n, c in self._counts().items()
        ]
        lines = " \\\\\n".join(f"{left} &= {right}" for left, right in rows)
        return f"\\begin{{aligned}}\n{lines}\n\\end{{aligned}}"

    @cached_property
    def body(self) -> str:
        """The forward pass as far as needed, then the formulas: assignments in plain NumPy."""
        return "\n".join(
            text
            for text in (
                _assignments([*self._needed(), *((n, c.python) for n, c in self.counts.items())]),
                self.python,
            )
            if text
        )

    @cached_property
    def numpy_source(self) -> str:
        """A function of the inputs that computes the gradients in plain NumPy.

        It comes with definitions of what NumPy does not have.
        """
        helpers = "".join(
            f"{definition(name, run)}\n\n\n" for name, run in sorted(self.functions.items())
        )
        return f"import numpy as np\n\n\n{helpers}{self._gradients}"

    @property
    def _gradients(self) -> str:
        """The function alone; numbers with names come last, their values are the defaults."""
        arrays = [name for name, value in self.inputs.items() if type(value) is not float]
        numbers = [
            f"{name}={value!r}" for name, value in self.inputs.items() if type(value) is float
        ]
        inputs, results = ", ".join(arrays + numbers), ", ".join(self.results)
        body = self.body.replace("\n", "\n    ")
        return f"def gradients({inputs}):\n    {body}\n    return {results}\n"

    def find_inputs(self, values: Mapping[str, Any]) -> None:
        """Keep, of all that has a name, what the formulas start from."""
        words = words_of(self.body)
        assigned = (
            {name for name, _ in self._needed()}
            | set(self.counts)
            | {name for line in self.lines for name, _ in line.python()}
        )
        self.functions = {name: run for name, run in self.functions.items() if name in words}
        missing = (
            words - assigned - set(values) - set(self.functions) - {"np", "abs", "len", "slice"}
        )
        assert not missing, f"a formula mentions {missing}"
        values = {k: float(v) if k in self.numbers else v for k, v in values.items()}
        self.inputs = {
            k: v
            for k, v in values.items()
            if k in words and k not in assigned and k not in self.functions and k != "np"
        }

    def _counts(self) -> dict[str, Count]:
        """The counts that the formulas mention."""
        words = words_of(self.python)
        return {name: counted for name, counted in self.counts.items() if identifier(name) in words}

    def _needed(self, among: Collection[str] | None = None) -> list[tuple[str, str]]:
        """The forward equations that the formulas refer to, directly or not.

        Those of some names alone, if they are given.
        """
        words = words_of(self.python) | words_of("\n".join(c.python for c in self.counts.values()))
        if among is not None:
            # ∂L/∂z
            words |= {
                self.forward[0].name(line.tensor) for line in self.lines if not line.is_gradient
            }
        needed: list[tuple[str, str]] = []
        for equation in reversed([e for f in self.forward for e in f.equations()]):
            if equation.name in words and (among is None or equation.name in among):
                needed.append((equation.name, equation.right))
                words |= words_of(equation.right)
        return needed[::-1]

    @cached_property
    def function(self) -> Callable[..., Any]:
        """The gradients from the inputs, in the order of `wrt`: `numpy_source`, run.

        It takes arrays, or numbers and lists of them, by position or by name, of the shapes that it
        was derived for; constants that have no name stay as they were.
        """
        namespace: dict[str, Any] = {"np": np, **self.functions}
        # our own text: names are identifiers in it
        exec(compile(self._gradients, "<derived by tinygrad_edu>", "exec"), namespace)
        gradients = namespace["gradients"]
        takes = inspect.signature(gradients)
        names = self.unknown & self.inputs.keys() & takes.parameters.keys()
        unnamed = {name: self.inputs[name] for name in names}  # constants

        @wraps(gradients)
        def of_arrays(*args: Any, **kwargs: Any) -> Any:
            given = unnamed | takes.bind_partial(*args, **kwargs).arguments
            for name, value in given.items():
                if np.shape(value) != np.shape(self.inputs.get(name, value)):
                    raise ValueError(
                        f"this was derived for {name} of shape {np.shape(self.inputs[name])}, and "
                        f"lengths are numbers in it: of shape {np.shape(value)} derive it again"
                    )
            return gradients(**{name: _array(value) for name, value in given.items()})

        return of_arrays

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return printable(self.unicode)

    def _repr_latex_(self) -> str:
        return f"$$\n{self.latex}\n$$"

    @property
    def html(self) -> str:
        """A piece of a web page: the plain text."""
        return f"<pre>{escape(self.unicode)}</pre>\n"


def _array(a: Any) -> Any:
    return np.asarray(a) if isinstance(a, (int, float, list)) else a


def _assignments(pairs: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"{name} = {text}" for name, text in pairs)


def _described(value: Any) -> str:
    """A constant without a name, in a few words."""
    return (
        f"a constant of shape {np.shape(value)}" if np.ndim(value) else f"the constant {value:.6g}"
    )


def words_of(text: str) -> set[str]:
    """The names in a piece of Python."""
    return {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
