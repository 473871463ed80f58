"""Op: how to run, pull a gradient back, write down; and `Recorded`, what a call of it leaves.

Both are plain data, on which the engine stands. `calling.py` says how an op is called,
`backward.py` how its rules are, and `tensor.py` what else a Tensor is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context
from functools import cache
from types import CodeType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from .methods import Methods
from .names import PACKAGE

if TYPE_CHECKING:  # numpy.typing takes a tenth of NumPy's own import time
    from numpy.typing import NDArray

Array: TypeAlias = "NDArray[Any]"
Rule = Callable[..., Any]
Interval = tuple[float, float]
Pulled = Sequence[tuple[Any, Any]]  # operands, each with its gradient
Pull = Callable[[Any, Any], Pulled]

OUTPUT = -1  # beside the numbers of the operands, in what rules read


class Usual(NamedTuple):
    """Rules as books have them that are wrong at some points.

    Whether the operands of a call are at none of these, the rules, and what the formulas then hold
    for, with {} for each operand.
    """

    holds: Callable[..., Any]
    rules: tuple[Rule, ...]
    remark: str


class Documentation:
    """The `__doc__` of Op; an op's is its page, which is written when somebody asks for it."""

    def __init__(self, of_class: str | None) -> None:
        self.of_class = of_class

    def __get__(self, made: Op | None, owner: type | None = None) -> str | None:
        if made is None:
            return self.of_class
        if made.documentation is None:
            # in a context of its own: who asks may be recording, in a function that `wraps` another
            made.documentation = Context().run(made.page)
        return made.documentation


class Op:
    """What can be done to Tensors: how to run it, pull a gradient back, write it down.

    Made by `tg.op`. Calling it runs it on Tensors, arrays and numbers, and gives a Tensor that
    remembers the call.
    """

    __doc__ = Documentation(__doc__)
    documentation: str | None = None  # its page, once it was written
    pull: Pull  # what calls its rules in a backward walk: see fast_backward.py
    is_optional = False  # whether it needs a package that need not be there
    is_public = True  # whether a line of the table is a function of the package, too
    # what a compiler knows of it; see ops/kinds.py
    # elementwise, reduction, reshape, permutation, broadcast, gather, scatter, contraction, ...
    kind = ""
    # the operands that it takes, made of any: a matrix that has an inverse, say
    fits: Callable[..., tuple[Any, ...]] | None = None
    # whether NumPy and JAX have it under its name, so that it is not decomposed
    is_primitive = False
    is_expression = False  # whether its template is Python, though it is no primitive
    is_short = False  # whether it is written as shortly as a name: -x
    reduces: np.ufunc | None = None  # the ufunc that it reduces by
    # NumPy's arguments that its function has not, and what runs in its place where one is given
    more: frozenset[str] = frozenset()
    composed: Callable[..., Any] | None = None
    converts = False  # whether NumPy converts its operands to the dtype of the result first
    replaces = False  # whether it writes over what is at an index, and does not add to it
    helper = ""  # the parameters and the body of a function that does it, for the printed text
    write_jax = ""  # how JAX writes it, where it has no function of that name
    idiom: Callable[..., Any] | None = None  # how books write a call otherwise; see ops/idioms.py
    # what to write in its place where its value, or its slope by operand `i`, is not finite;
    # see ops/stable.py
    instead: Callable[..., Any] | None = None
    instead_of_slope: Callable[..., Any] | None = None
    usual: Usual | None = None  # shorter rules for formulas, where they hold
    # where its value is not that of its operand any more, and says nothing of it
    saturates: Callable[..., Any] | None = None
    # what mathematics knows of it; see ops/mathematics.py
    sympy: Callable[..., Any] | None = None  # its expression, from the package and the operands'
    rearranges = False  # whether it has its operand's entries, in another order or shape
    average = ""  # whether it divides by the number of "entries" that it adds, or of "squares"
    chooses = False  # whether an entry is that of one operand or another, by a condition
    is_flat = False  # whether its slope is 0 wherever it has one
    linear: tuple[int, ...] = ()  # the operands out of which a common factor may be taken
    scales: Callable[..., Any] | None = None  # a factor times what it multiplies operand `i` with
    roles: tuple[str, ...] = ()  # what its operands are, base and exponent say
    extreme = ""  # whether its results are the "largest" or the "smallest" of entries
    letters: tuple[str, ...] = ()  # for its operand and its result, where they have no name
    reasons: tuple[str, ...] = ()  # why its rules are as they are, one for all or one for each
    remark = "", ""  # what shows that a formula has it, and what is said of it then
    unwritten: Callable[..., bool] | None = None  # whether a call reads as its first operand

    def __init__(
        self,
        run: Callable[..., Any],
        rules: tuple[Rule | None, ...],
        *,
        name: str,
        write: str | Callable[..., str],
        latex: str | Callable[..., str],
        domain: tuple[Interval, ...],
        range: Interval,
        kinks: Callable[..., Any] | None,
        shapes: str,
        cases: Sequence[Mapping[str, Any]],
        variadic: Callable[[int], Rule] | None,
        stable: tuple[Rule | None, ...],
        brief: bool,
        plain: Callable[..., Any] | None,
        jax: str,
        source: str,
        static: Mapping[str, Any],
        doc: str,
    ) -> None:
        self.run, self.variadic, self.plain = run, variadic, plain or run
        # what runs, and what is shown in its place
        self.rules, self._textbook = stable or rules, rules if stable else ()
        self.is_brief = brief or not stable  # whether what is shown is also what is compiled
        self.jax, self.source = jax, source
        self.name, self.write, self.latex, self.doc = name, write, latex, doc
        self.domain, self.range, self.kinks = domain, range, kinks
        self.shapes, self.cases = shapes, cases
        self.arity = len(rules) or getattr(run, "nin", 1)
        self.static = tuple(static)
        self.is_plain = is_plain(run)
        # a user's
        self.has_own_rules = not all([rule is None or is_ours(rule) for rule in (*rules, variadic)])
        self.takes = frozenset(static)
        empty = inspect.Parameter.empty
        self.defaults = {key: value for key, value in static.items() if value is not empty}
        first = "arrays" if variadic else "x" if self.arity == 1 else "a"
        self.__signature__ = self.signature(first)

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def page(self) -> str:
        """What `help` says of it; `notation/` puts here what says more of the table's ops."""
        return f"{self.name}{self.__signature__}\n\n{self.doc}"

    def __call__(self, *args: Any, **static: Any) -> Any:
        """Run on the operands; `static` are the arguments that are no operands, such as an axis."""
        raise NotImplementedError  # see calling.py

    def on(self, operands: Sequence[Any], static: Mapping[str, Any]) -> Any:
        """Run on a sequence of operands, whether the op takes them one by one or in a list."""
        if self.variadic is not None:
            return self(list(operands), **static)
        return self(*operands, **static)

    def signature(self, first: str) -> inspect.Signature:
        """What a call of it takes: for `help`, and for editors."""
        kinds = inspect.Parameter
        names = [name for name in (first, *"bcdefghijkl") if name not in self.static]
        operands = [kinds(name, kinds.POSITIONAL_ONLY) for name in names[: self.arity]]
        in_order = list(self.static[len(self.static) - len(self.defaults) :]) == list(self.defaults)
        kind = kinds.POSITIONAL_OR_KEYWORD if in_order else kinds.KEYWORD_ONLY
        defaults = [self.defaults.get(name, kinds.empty) for name in self.static]
        static = [
            kinds(name, kind, default=default)
            for name, default in zip(self.static, defaults, strict=True)
        ]
        return inspect.Signature(operands + static)

    def rule(self, i: int) -> Rule | None:
        """The rule of argument `i`: what pulls a gradient back to it."""
        if self.variadic is not None:
            return self.variadic(i)
        return self.rules[i] if i < len(self.rules) else None

    def textbook(
        self, i: int, call: Recorded | None = None, g: Recorded | None = None
    ) -> Rule | None:
        """The rule of argument `i` as books have it, of a recorded call as they do for its data.

        Equal to `rule(i)` on paper, where that one keeps more digits; and it itself for a gradient
        that is not finite, of which the books' rules, where they take 0 of it, make NaN.
        """
        if g is not None and not np.isfinite(g._array).all():
            return self.rule(i)
        usual = None if call is None else self.usual_of(call)
        if usual is not None:
            return usual.rules[i]
        return self._textbook[i] if i < len(self._textbook) else self.rule(i)

    def usual_of(self, call: Recorded) -> Usual | None:
        """The usual rules, if they hold for the data of a call."""
        values = [a._array if isinstance(a, Recorded) else a for a in call._args]
        holds = self.usual is not None and self.usual.holds(*values, **call._static)
        return self.usual if holds else None

    def reads(self, differentiable: Sequence[bool]) -> set[int]:
        """Which operands, by number, and whether the output, the rules read.

        Those of the differentiable operands are called.
        """
        read: set[int] = set()
        for i, wanted in enumerate(differentiable):
            rule = self.rule(i) if wanted else None
            if rule is None:
                continue
            if is_ours(rule):
                read |= _mentioned(rule.__code__, len(differentiable))
            else:
                # a user's rule may find its arguments in ways that its code does not show: by eval,
                # in its caller's frame, as `self`
                read |= set(range(OUTPUT, len(differentiable)))
        return read


class Recorded(Methods):
    """An array, and how it was computed: the op, its operands and static arguments.

    What a Tensor stores, for the modules that `tensor.py` stands on; all instances are Tensors.
    """

    __slots__ = (
        "__weakref__",
        "_args",
        "_array",
        "_grad",
        "_lent",
        "_name",
        "_node",
        "_op",
        "_requires_grad",
        "_serial",
        "_static",
    )

    _array: Array
    _op: Op | None
    _args: tuple[Any, ...]
    _static: dict[str, Any]
    _serial: int
    _requires_grad: bool
    # of a leaf whose `.data` was handed out: its bytes when last looked at; True: changed since
    _lent: bytes | bool | None
    # set where `grad` keeps less than the value: what stands for this tensor in the graph, and in
    # that one None
    _node: Recorded | None
    _grad: Array | None
    _name: str | None

    def label(self) -> str:
        """How messages call it."""
        raise NotImplementedError  # see tensor.py


def is_plain(function: Callable[..., Any]) -> bool:
    """Whether a function is NumPy's, SciPy's or of the table.

    It gives a new array, its operand or a view of it, the same at each call.
    """
    if isinstance(function, np.ufunc):
        return True
    module = (getattr(function, "__module__", None) or "").partition(".")[0]
    return module in ("numpy", "scipy", PACKAGE) and not isinstance(function, np.vectorize)


def is_ours(rule: Rule) -> bool:
    """Whether a rule is one of the table.

    It changes nothing, and reads of its arguments no more than its code mentions.
    """
    return inspect.isfunction(rule) and (rule.__module__ or "").partition(".")[0] == PACKAGE


@cache
def _mentioned(code: CodeType, operands: int) -> frozenset[int]:
    """The numbers of the arguments that the code of a rule in the table mentions.

    All of them, if it takes them as a list.
    """
    import dis  # 1 ms, which nobody pays who has no large arrays

    everything = range(OUTPUT, operands)
    if code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
        return frozenset(everything)
    mentioned: set[Any] = set()
    for instruction in dis.get_instructions(code):
        value = instruction.argval  # from 3.13 on one instruction may load two
        mentioned.update(value if type(value) is tuple else (value,))
    names = code.co_varnames[1:]
    return frozenset(i for i, name in zip(everything, names, strict=False) if name in mentioned)
