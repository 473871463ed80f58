"""The recorded graph as formulas: Python, Unicode mathematics and LaTeX, all from the one definition of each op.

`expression(t)` writes a tensor as one expression of leaves, `program(t)` as one equation per named tensor, and
`local_derivative(op, i)` writes an op's rule, by running it on symbols. The Python text is exact: evaluated in `.namespace`, it
gives the tensor's value to the last bit (but for `var` and `std` of equal entries: ours are exactly 0, NumPy's a rounding error).
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from .core import Tensor, fit
from .graph import ancestors, names_of
from .languages import LANGUAGES, Call, Written, identifier, is_bare_function, is_repeated, opaque
from .modes import enable_grad, textbook
from .operation import Op
from .registry import registry

SHARED = 12  # a tensor that is used twice gets an equation of its own if more names than this, and signs, go into it
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
    """Tensors written down as equations: see `expression`, `program` and `local_derivative`, which make it.

    `.python`, `.unicode` and `.latex` are the texts; `.equations()` are their parts. `.namespace` is what the names in
    `.python` stand for, `.labels` what their user called them.
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
        self._until, self._symbols = until, symbols  # symbols: what has a name, whether it appears or not
        self._ends = {id(t) for t in outputs}
        self._bare = bare
        self._names = _Names(names, {op.name: op.run for op in {t.op for t in self._made()} if op and is_bare_function(op)}, taken)
        for t in self._order:
            self._name_parts(t)
        self._tidy = tidy
        for t in symbols:
            self._names.hold(t, "x")
        self._derived = self._find_derived()
        self._lines = self._find_lines({id(t) for t in self._order if id(t) in names} if lines else set(), longest)

    # -- what it says ----------------------------------------------------------------------------------------------------------

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
        lines = " \\\\\n".join(f"{name} &= {right}" if name else f"& {right}" for _, name, right in equations)
        return f"\\begin{{aligned}}\n{lines}\n\\end{{aligned}}"

    @property
    def namespace(self) -> dict[str, Any]:
        """What the names in `.python` stand for: NumPy, the ops it does not have, the leaves and the constants."""
        return {"np": np, **self._names.functions, **self._names.held}

    @property
    def labels(self) -> dict[str, str]:
        """For each name in `.python`, what its user called it."""
        return {name: self._names.labels[key] for key, name in self._names.identifiers.items()}

    def name(self, value: Any, spelling: Spelling = "python") -> str:
        """What a tensor or constant goes by; "" if its making is written in its place."""
        names = self._names
        return (
            LANGUAGES[spelling].name(names.identifiers[id(value)], names.labels[id(value)]).text if id(value) in names.identifiers else ""
        )

    def label(self, value: Any) -> str:
        """What its user calls it, or the name made up for it."""
        return self._names.labels.get(id(value), "")

    def operands(self, t: Tensor) -> list[Any]:
        """What the equation of `t` is written with, each use once: tensors and constants that go by a name."""
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
        written = {key: language.name(name, self._names.labels[key]) for key, name in names.items() if key not in self._lines}
        for key, call in self._derived.items():
            operands = [written[id(a)] if id(a) in written else language.number(a) for a in call.args]
            written[key] = language.call(call, operands, {})
        literals = {**names, **self._shapes()}
        found = []
        for t in self._made():
            op, args = _tidied(t, spelling) if self._tidy else (t.op, t.args)
            assert op is not None
            operands = [written[id(a)] if id(a) in written else language.number(_value(a)) for a in args]
            text = language.call(Call(op, args, t.static, t.ndim), operands, literals)
            for a in t.args:
                uses[id(a)] -= 1
                if not uses[id(a)] and id(a) not in names:
                    written.pop(id(a), None)  # a million texts would fill the memory
            if id(t) in self._lines:
                name = language.name(names[id(t)], self._names.labels[id(t)]) if id(t) in names else Written("")
                found.append(Equation(t, name.text, text.text))
                text = name
            written[id(t)] = text
        if not found:  # a leaf
            t = self._order[-1]
            found = [Equation(t, "", (written[id(t)] if id(t) in written else language.number(_value(t))).text)]
        return found

    # -- what gets a line, and what gets a name --------------------------------------------------------------------------------

    def _made(self) -> Iterator[Tensor]:
        """The tensors whose making is shown, in order."""
        return (t for t in self._order if t.op is not None and t not in self._until)

    def _uses(self) -> Counter[int]:
        return Counter(id(a) for t in self._made() for a in t.args)

    def _name_parts(self, t: Tensor) -> None:
        """Name what appears by name: leaves and constants."""
        given = self._names.given
        if t.op is None or t in self._until:
            is_literal = t.op is None and not t.requires_grad and (not t.ndim or is_repeated(t.numpy()))
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
        """Unnamed constants that are 1 - c, c.mT or c[i] of a named one, as calls: nothing is recorded of constants."""
        used = [a for t in self._made() for a in t.args if np.ndim(a) and id(a) in self._names.identifiers]
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
            if is_end or id(t) in named or (uses[id(t)] > 1 and SHARED < w and longest <= LONG) or w > longest or d > DEEP:
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
        return {id(shape): f"{shapes[shape]}.shape" for shape in written if type(shape) is tuple and shape in shapes}


class _Names:
    """An identifier of its own for everything that appears by name."""

    def __init__(self, given: Mapping[int, str], functions: Mapping[str, Any], used: Collection[str] = ()) -> None:
        self.given, self.functions, self.used = given, functions, used
        self.identifiers: dict[int, str] = {}
        self.labels: dict[int, str] = {}
        self.held: dict[str, Any] = {}
        self._taken = {"np", "abs", "slice", *functions}
        self._reserved = {identifier(label) for label in given.values()}
        self._counts: Counter[str] = Counter()
        self._holders: dict[str, Any] = {}  # what goes by a label: a constant may appear as its user's array and as a tensor of its own

    def hold(self, value: Any, kind: str) -> None:
        """Name a value that the text starts from."""
        name, data = self.add(value, kind), value.numpy() if type(value) is Tensor else value
        if name not in self.held or np.asarray(data).dtype.kind in "iub":  # an index stays one
            self.held[name] = data

    def add(self, value: Any, kind: str) -> str:
        """The value's identifier: made from its label, else of a kind, such as c1."""
        if id(value) in self.identifiers:
            return self.identifiers[id(value)]
        label = self.given.get(id(value), "")
        if label in self._holders and _is_same(self._holders[label], value):
            self.identifiers[id(value)], self.labels[id(value)] = self.identifiers[id(self._holders[label])], label
            return self.identifiers[id(value)]
        if label:
            self._holders[label] = value
        name = identifier(label) if label else self._numbered(kind)
        number = 1
        while name in self._taken or (not label and name in self.used):
            number += 1
            name = f"{identifier(label)}_{number}" if label else self._numbered(kind)
        self._taken.add(name)
        self.identifiers[id(value)], self.labels[id(value)] = name, label or name
        return name

    def _numbered(self, kind: str) -> str:
        self._counts[kind] += 1
        name = f"{kind}{self._counts[kind]}"
        return self._numbered(kind) if name in self._reserved or name in self.used else name


def recognized(constant: Any, known: Sequence[Any], names: Container[int] = ()) -> Iterator[Call]:
    """The call that gives the constant, if it is a simple one on what is known, or a view of an array whose id is among the names."""
    value = _value(constant)
    if isinstance(value.base, np.ndarray) and id(value.base) in names:
        index = index_of_view(value, value.base)
        if index is not None:
            yield Call(registry["getitem"], (value.base,), {"index": index}, value.ndim)
            return
    for a in known:
        if (
            not is_variable(a)
            and value.shape == np.shape(a)
            and "b" not in (value.dtype.kind, _value(a).dtype.kind)
            and np.array_equal(value, 1 - _value(a))
        ):
            yield Call(registry["subtract"], (1, a), {}, value.ndim)
            return
        if (
            not is_variable(a)
            and value.ndim == np.ndim(a) > 1
            and value.shape == _value(a).mT.shape
            and np.array_equal(value, _value(a).mT)
        ):
            yield Call(registry["swapaxes"], (a,), {"axis1": -1, "axis2": -2}, value.ndim)
            return


def _is_same(a: Any, b: Any) -> bool:
    """Whether two constants hold the same numbers."""
    x, y = _value(a), _value(b)
    return x is y or (not is_variable(b) and np.shape(x) == np.shape(y) and np.array_equal(x, y))


def index_of_view(view: Any, base: Any) -> tuple[Any, ...] | None:
    """Integers and slices that give an equal view of the array; None if it is another kind of view, such as a transpose."""
    offset = view.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    if offset < 0 or view.size == 0 or any(stride <= 0 for stride in (*view.strides, *base.strides)):
        return None
    index: list[Any] = []
    axis = 0
    for n, stride in zip(base.shape, base.strides, strict=True):
        start, offset = divmod(offset, stride)
        m, step = (view.shape[axis], view.strides[axis] // stride) if axis < view.ndim and view.strides[axis] >= stride else (0, 0)
        if not step or start + (m - 1) * step >= n:
            index.append(int(start))
            continue
        axis += 1
        is_whole = m == n and step == 1
        index.append(slice(None) if is_whole else slice(int(start), int(start + (m - 1) * step + 1), None if step == 1 else int(step)))
    if any(isinstance(i, int) and not 0 <= i < n for i, n in zip(index, base.shape, strict=True)):
        return None
    found = base[tuple(index)]
    is_equal = found.shape == view.shape and found.strides == view.strides and found.dtype == view.dtype
    is_same = is_equal and found.__array_interface__["data"] == view.__array_interface__["data"]
    while index and index[-1] == slice(None):
        index.pop()
    return tuple(index) if is_same and index else None


def is_variable(a: Any) -> bool:
    """Whether a value was computed, or asks for a gradient: not a constant."""
    return type(a) is Tensor and (a.requires_grad or not a.is_leaf)


def _value(a: Any) -> Any:
    return a.numpy() if type(a) is Tensor else a


def _tidied(t: Tensor, spelling: str) -> tuple[Op | None, tuple[Any, ...]]:
    """The call that made `t`: a + a, which is cheaper, is read as 2 * a, in mathematics a * a as a squared, 1 * a as a."""
    if len(t.args) == 2 and t.args[0] is t.args[1]:
        if t.op is registry["add"]:
            return registry["multiply"], (2, t.args[0])
        if t.op is registry["multiply"] and spelling != "python":
            return registry["power"], (t.args[0], 2)
    if spelling != "python" and t.op is registry["multiply"] and type(t.args[0]) is int and t.args[0] == 1:
        return registry["copy"], t.args[1:]  # a condition, made a number: in mathematics it is one
    return t.op, t.args


def expression(t: Tensor, names: Mapping[Any, Any] | None = None, until: Container[Tensor] = ()) -> Formula:
    r"""A tensor as one expression of leaves, and of the tensors `until`; what is used twice, or very long, comes first as an equation.

    A name is a tensor's own, else the one in `names` (name to tensor, or tensor to name), else the caller's variable.

    >>> import tinygrad_edu as tg
    >>> w, x = tg.Tensor(2.0, requires_grad=True, name="w"), tg.Tensor(3.0, name="x")
    >>> formula = expression((w * x - 1).sigmoid())
    >>> formula.python, formula.unicode, formula.latex
    ('sigmoid(w * x - 1)', 'σ(w · x − 1)', '\\sigma(w \\cdot x - 1)')
    """
    return Formula([t], names_of([t], names), until, bare=True)


def program(*outputs: Tensor, names: Mapping[Any, Any] | None = None, until: Container[Tensor] = ()) -> Formula:
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


def local_derivative(what: Op | str | Tensor, i: int = 0, names: Mapping[str, str] | None = None) -> Formula:
    """What the gradient `g` at the output `y` of an op becomes at its argument `i`: the op's rule, run on symbols.

    The symbols are the letters of the rule's own definition, or what `names` puts in their place: `{"y": "o", "x": "z"}`. They are
    as small as can be. Given a recorded tensor, they have the shapes and values of its operands, and where one was broadcast the
    sum that the backward walk takes is part of the formula.

    >>> import tinygrad_edu as tg
    >>> local_derivative("sigmoid").python, local_derivative("matmul", 0).python
    ('g * y * (1 - y)', 'g @ b.mT')
    """
    if type(what) is Tensor:
        op, args, static, y = what.op, what.args, dict(what.static), what.numpy()
        if op is None:
            raise ValueError(f"{what.label()} is a leaf: no op made it, so it has no local derivative")
    else:
        op = what if isinstance(what, Op) else registry[what]
        operands, statics, y = sample(op)
        args, static = tuple(operands), statics
    rule = op.textbook(i) if 0 <= i < len(args) else None
    if rule is None:
        raise ValueError(f"{op.name} gives no gradient to its argument {i}")
    letters = [(names or {}).get(letter, letter) for letter in parameters(rule, len(args))]
    g, out, *operands = (_symbol(value, name) for value, name in zip((y, y, *args), letters, strict=True))
    with enable_grad():
        gx = rule(g, out, *operands, **static)
        if type(what) is Tensor and np.shape(gx) != np.shape(operands[i]):
            gx = fit(gx, _value(operands[i]), op, what.args[i], y)
    gx = gx if type(gx) is Tensor else Tensor(gx)
    symbols = [t for t in (*operands, g, out) if type(t) is Tensor]
    called = {id(t): str(t.name) for t in symbols} | names_of([gx], variables=False)
    return Formula([gx], called, lines=True, bare=True, symbols=symbols, tidy=True)


def parameters(rule: Any, arity: int) -> list[str]:
    """What a rule calls the gradient, the output and the operands."""
    names: list[str] = []
    for parameter in inspect.signature(rule).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            names += [f"{parameter.name.rstrip('s')}{k + 1}" for k in range(2 + arity - len(names))]
        else:
            names.append(parameter.name)
    return names[: 2 + arity]


def _symbol(value: Any, name: str) -> Any:
    """A value as a named leaf of its own; a Python number stays as it is, since rules may treat it apart."""
    if isinstance(value, (bool, int, float)):
        return value
    array = np.asarray(_value(value))
    return Tensor(array, array.dtype.kind == "f", name=name, copy=False)


def sample(op: Op, case: int = 0) -> tuple[list[Any], dict[str, Any], Any]:
    """Operands, static arguments and output of a small call of an op: one of its examples, else the smallest its signature allows."""
    example = dict(op.cases[case]) if op.cases else {}
    shapes = example.pop("shapes", None) or _smallest(op)
    static = {**op.defaults, **example}
    args = []
    for i, shape in enumerate(shapes):
        low, high = op.domain[i] if i < len(op.domain) else (-np.inf, np.inf)
        low, high = max(low, min(0.25, high - 1)), min(high, max(0.75, low + 1))
        is_condition = not op.variadic and i < len(op.rules) and op.rules[i] is None
        values = np.linspace(low + 0.1 * (i + 1), high, int(np.prod(shape)) + 2)[1:-1].reshape(shape)
        args.append(values > low if is_condition else values)
    return args, static, np.asarray(op.run(*args, **static))


def _smallest(op: Op) -> list[tuple[int, ...]]:
    if op.shapes == "axes":
        return [(2, 3)]
    if not op.shapes:
        return [()] * op.arity
    sizes = {"m": 2, "n": 4, "k": 3, "p": 2}
    operands = op.shapes.replace("?", "").partition("->")[0].strip("()").split("),(")
    return [tuple(sizes.get(letter.strip(), 2) for letter in operand.split(",") if letter.strip()) for operand in operands]


def pulled_back(formula: Formula, t: Tensor) -> list[tuple[Tensor, Formula]]:
    """How the equation of `t` hands its gradient to each tensor it is written with: the rules behind it, run and read as formulas.

    They are in the names of the formula; `∂t` is the gradient at `t`, however the loss depends on it.
    """
    operands = formula.operands(t)
    tensors = {a for a in operands if type(a) is Tensor}
    seed = Tensor(np.ones(t.shape, t.dtype), requires_grad=True, copy=False)
    names = {id(a): formula.label(a) for a in (*operands, t)} | {id(seed): f"∂{formula.label(t)}"}
    found = []
    with textbook():
        pulled = list(t.adjoints(seed, create_graph=True, until=tensors))
    for a, gx in pulled:
        if a in tensors:
            found.append((a, Formula([gx], names, {t, seed, *tensors}, bare=True, symbols=operands, tidy=True, longest=np.inf)))
    order = {id(a): i for i, a in reversed(list(enumerate(operands)))}
    return sorted(found, key=lambda pair: order[id(pair[0])])
