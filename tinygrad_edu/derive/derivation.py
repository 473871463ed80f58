"""What `derive` gives: the formulas of gradients as text, as LaTeX, and as a NumPy function that computes them."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, wraps
from html import escape
from typing import Any

import numpy as np

from ..core import Tensor
from ..formula import Equation, Formula, Spelling
from ..languages import LANGUAGES, identifier, unicode_name
from ..printing import printable
from ..registry import registry


@dataclass(frozen=True)
class Line:
    """One formula: what it is the gradient of, its name, and its right-hand side as a formula on the names."""

    tensor: Tensor = field(repr=False)
    of: str  # the user's name of the tensor
    name: str  # delta2, or the gradient's name in Python, d_W2
    is_gradient: bool  # of a parameter, not an intermediate
    formula: Formula

    def python(self) -> list[tuple[str, str]]:
        """Assignments: parts that stand in it more than once, and the formula."""
        return [(equation.name or self.name, equation.right) for equation in self.formula.equations("python")]


@dataclass(repr=False)
class Derivation:
    """The closed formulas of some gradients: `.unicode`, `.python` and `.latex` are texts, `.function` computes them with NumPy."""

    loss: str
    lines: list[Line]
    forward: list[Equation] = field(repr=False)
    inputs: dict[str, Any] = field(repr=False)
    functions: dict[str, Callable[..., Any]] = field(repr=False)
    counts: dict[str, str] = field(repr=False)
    remarks: list[str] = field(default_factory=list)  # what the data were found to fulfil, and a formula relies on
    results: list[str] = field(default_factory=list, repr=False)  # the names of the gradients, in the order of `wrt`
    text: Formula | None = field(default=None, repr=False)  # the forward pass
    numbers: frozenset[str] = field(default=frozenset(), repr=False)  # inputs that are the user's numbers
    unknown: frozenset[str] = field(default=frozenset(), repr=False)  # names that are none of the user's: where used they are defined

    def _rows(self, spelling: Spelling) -> list[tuple[str, str]]:
        """Left and right sides, line by line; parts that stand in a formula more than once come before it."""
        language = LANGUAGES[spelling]
        shown = {name for name, _ in self._needed(self.unknown)}
        forward = zip(self.text.equations("python"), self.text.equations(spelling), strict=True) if self.text and shown else ()
        rows = [(equation.name, equation.right) for python, equation in forward if python.name in shown]
        for line in self.lines:
            of, loss = (language.name(identifier(n), n).text for n in (line.of, self.loss))
            left = f"∂{loss}/∂{of}" if spelling == "unicode" else rf"\frac{{\partial {loss}}}{{\partial {of}}}"
            left = left if line.is_gradient else f"{language.name(line.name, line.name).text} = {left}"
            rows += [(equation.name or left, equation.right) for equation in line.formula.equations(spelling)]
        return rows

    @property
    def unicode(self) -> str:
        """Mathematics in plain text, a line for each formula."""
        rows = self._rows("unicode")
        width = max(len(left) for left, _ in rows)
        lines = [f"{left:<{width}} = {right}" for left, right in rows]
        remarks = [f"for {remark}" for remark in self.remarks]
        if any(" at [" in right for _, right in rows):
            remarks.append("v at [i]: zeros, with v added in the places i")
        constants = sorted(self.unknown & set(self.inputs) & words_of(self.python))
        remarks += [f"{unicode_name(name)}: {_described(self.inputs[name])}" for name in constants]
        return "\n".join(lines + [f"({remark})" for remark in remarks])

    @cached_property
    def python(self) -> str:
        """Python with NumPy, a line for each formula."""
        return _assignments(pair for line in self.lines for pair in line.python())

    @property
    def latex(self) -> str:
        """Aligned equations for LaTeX, MathJax or KaTeX."""
        rows = " \\\\\n".join(f"{left} &= {right}" for left, right in self._rows("latex"))
        return f"\\begin{{aligned}}\n{rows}\n\\end{{aligned}}"

    @cached_property
    def body(self) -> str:
        """The forward pass as far as it is needed, then the formulas: assignments in plain NumPy."""
        return "\n".join(text for text in (_assignments([*self._needed(), *self.counts.items()]), self.python) if text)

    @cached_property
    def numpy_source(self) -> str:
        """A function of the inputs that computes the gradients in plain NumPy, with definitions of what NumPy does not have."""
        helpers = "".join(f"{definition(name, run)}\n\n\n" for name, run in sorted(self.functions.items()))
        return f"import numpy as np\n\n\n{helpers}{self._gradients}"

    @property
    def _gradients(self) -> str:
        """The function alone; numbers that have names come last, and their values are the defaults."""
        arrays = [name for name, value in self.inputs.items() if type(value) is not float]
        numbers = [f"{name}={value!r}" for name, value in self.inputs.items() if type(value) is float]
        body = self.body.replace("\n", "\n    ")
        return f"def gradients({', '.join(arrays + numbers)}):\n    {body}\n    return {', '.join(self.results)}\n"

    def find_inputs(self, values: Mapping[str, Any]) -> None:
        """Keep, of all that has a name, what the formulas start from."""
        words = words_of(self.body)
        assigned = {name for name, _ in self._needed()} | set(self.counts) | {name for line in self.lines for name, _ in line.python()}
        self.functions = {name: run for name, run in self.functions.items() if name in words}
        missing = words - assigned - set(values) - set(self.functions) - {"np", "abs", "len", "slice"}
        assert not missing, f"a formula mentions {missing}"
        values = {k: float(v) if k in self.numbers else v for k, v in values.items()}
        self.inputs = {k: v for k, v in values.items() if k in words and k not in assigned and k not in self.functions and k != "np"}

    def _needed(self, among: Collection[str] | None = None) -> list[tuple[str, str]]:
        """The forward equations that the formulas refer to, directly or not; those of some names, if they are given."""
        words = words_of(self.python) | words_of("\n".join(self.counts.values()))
        if among is not None and self.text:
            words |= {self.text.name(line.tensor) for line in self.lines if not line.is_gradient}  # ∂L/∂z
        needed: list[tuple[str, str]] = []
        for equation in reversed(self.forward):
            if equation.name in words and (among is None or equation.name in among):
                needed.append((equation.name, equation.right))
                words |= words_of(equation.right)
        return needed[::-1]

    @cached_property
    def function(self) -> Callable[..., Any]:
        """The gradients from the inputs, in the order of `wrt`: `numpy_source`, run.

        It takes arrays, or numbers and lists of them, by position or by name.
        """
        namespace: dict[str, Any] = {"np": np, **self.functions}
        exec(compile(self._gradients, "<derived by tinygrad_edu>", "exec"), namespace)  # our own text: names are identifiers in it
        gradients = namespace["gradients"]

        @wraps(gradients)
        def of_arrays(*args: Any, **kwargs: Any) -> Any:
            return gradients(*map(_array, args), **{name: _array(value) for name, value in kwargs.items()})

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
    return f"a constant of shape {np.shape(value)}" if np.ndim(value) else f"the constant {value:.6g}"


def words_of(text: str) -> set[str]:
    """The names in a piece of Python."""
    return {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}


def definition(name: str, run: Callable[..., Any]) -> str:
    """Python that defines an op which NumPy does not have: the op's own, or the source of what runs and of the functions it calls.

    A ValueError if that source cannot be had, of a lambda at a prompt say.
    """
    if name in registry and (spelled := registry[name].source):
        parameters, _, right = spelled.partition(": ")
        return f"def {name}({parameters}):\n    return {right}"
    found: dict[str, str] = {}
    waiting: list[tuple[str, Any]] = [(name, run)]
    while waiting:
        called, function = waiting.pop()
        if called in found or called == "np":
            continue
        if not inspect.isfunction(function):
            found[called] = _value(name, called, function)
            continue
        made = _function(called, function)
        if made is None:
            raise _unwritable(name, called)
        found[called] = ast.unparse(made)
        used = {node.id for node in ast.walk(made) if isinstance(node, ast.Name)}
        known = {**function.__globals__, **inspect.getclosurevars(function).nonlocals}
        waiting += [(other, known[other]) for other in sorted(used) if other in known]
    return "\n\n\n".join(reversed(found.values()))


def _unwritable(op: str, part: str) -> ValueError:
    whose = "" if op == part else f" calls {part}, which"
    return ValueError(
        f"the op {op}{whose} has no source to print: define it by `def` in a file, or give the op one, "
        f"tg.op(..., name={op!r}, source='x: np.maximum(x, 0)'); .function and the printed lines need none"
    )


def _value(op: str, name: str, value: Any) -> str:
    """What is no function of Python's own: a number, or something of NumPy or the standard library."""
    if isinstance(value, (int, float, str)):
        return f"{name} = {value!r}"
    module, attribute = getattr(value, "__module__", "") or "", getattr(value, "__name__", "")
    if isinstance(value, np.ufunc) or (attribute and getattr(np, attribute, None) is value):
        return f"{name} = np.{attribute}"
    if module.partition(".")[0] in sys.stdlib_module_names and attribute == name:
        return f"from {module} import {name}"
    raise _unwritable(op, name)


def _function(name: str, function: Any) -> ast.FunctionDef | None:
    """A function, or a lambda, as the definition of a function of that name."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)).strip().rstrip(","))
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    found: dict[str, ast.FunctionDef] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == function.__name__:
            body, arguments = node.body, node.args
        elif isinstance(node, ast.Lambda) and _is_code_of(node, function):
            body, arguments = [ast.Return(node.body)], node.args
        else:
            continue
        for argument in (*arguments.args, *arguments.kwonlyargs):
            argument.annotation = None
        made = ast.fix_missing_locations(ast.FunctionDef(name, arguments, list(body), [], None, None))
        found[ast.unparse(made)] = made
    return next(iter(found.values())) if len(found) == 1 else None  # of two lambdas that look alike, none


def _is_code_of(node: ast.Lambda, function: Any) -> bool:
    """Whether a lambda in a line may be the function: several may stand in one."""
    code, theirs = compile(ast.Expression(node), "", "eval").co_consts[0], function.__code__
    return all(getattr(code, part) == getattr(theirs, part) for part in ("co_varnames", "co_names", "co_consts"))
