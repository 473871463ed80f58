"""The one way to define an op: `op(function, *rules)` makes the function differentiable, everywhere at once."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from keyword import iskeyword
from math import inf
from typing import Any

import numpy as np

from . import leaving
from .core import Tensor
from .keywords import says_nothing
from .operation import Interval, Op, Rule
from .registry import numpy_functions, registry

# the domains that occur, open intervals: where an argument may lie
REAL: Interval = (-inf, inf)
POSITIVE: Interval = (0.0, inf)
NORMAL: Interval = (1e-30, inf)  # positive, and far enough from 0 that the square of the inverse is a number
OVER_MINUS_ONE: Interval = (-1.0, inf)
WITHIN_ONE: Interval = (-1.0, 1.0)
LOGICAL: Interval = (0.0, 0.0)  # no interval: booleans
QUARTER_TURN: Interval = (-np.pi / 2, np.pi / 2)

# an op that is written like an operator is one: (method, reflected method)
_OPERATORS = {
    "{} + {}": ("__add__", "__radd__"),
    "{} - {}": ("__sub__", "__rsub__"),
    "{} * {}": ("__mul__", "__rmul__"),
    "{} / {}": ("__truediv__", "__rtruediv__"),
    "{} ** {}": ("__pow__", "__rpow__"),
    "{} @ {}": ("__matmul__", "__rmatmul__"),
    "{} > {}": ("__gt__", ""),
    "{} >= {}": ("__ge__", ""),
    "{} < {}": ("__lt__", ""),
    "{} <= {}": ("__le__", ""),
    "{} == {}": ("__eq__", ""),
    "{} != {}": ("__ne__", ""),
    "{} & {}": ("__and__", "__rand__"),
    "{} | {}": ("__or__", "__ror__"),
    "~{}": ("__invert__", ""),
    "{} ^ {}": ("__xor__", "__rxor__"),
    "{} // {}": ("__floordiv__", "__rfloordiv__"),
    "{} % {}": ("__mod__", "__rmod__"),
    "-{}": ("__neg__", ""),
    "+{}": ("__pos__", ""),
    "abs({})": ("__abs__", ""),
    "{}[{index}]": ("__getitem__", ""),
}


def op(
    function: Callable[..., Any],
    *rules: Rule | None,
    name: str | None = None,
    write: str | Callable[..., str] = "",
    latex: str | Callable[..., str] = "",
    domain: Sequence[Interval] = (),
    range: Interval = REAL,
    kinks: Callable[..., Any] | None = None,
    shapes: str = "",
    cases: Sequence[Mapping[str, Any]] = (),
    numpy: Sequence[Callable[..., Any]] = (),
    variadic: Callable[[int], Rule] | None = None,
    stable: Sequence[Rule | None] = (),
    brief: bool = False,
    plain: Callable[..., Any] | None = None,
    jax: str = "",
    source: str = "",
    doc: str = "",
) -> Op:
    r"""Define an op: a NumPy function, and for each of its tensor arguments a rule that pulls a gradient back.

    A rule is a plain expression of `g`, the gradient at the output, `y`, the output, and the op's own arguments. It gives the
    gradient at its argument; where the argument was broadcast the framework sums. Written with operators, NumPy functions and
    array methods it works on Tensors too, hence at every order of derivative. `None` stands for an argument that gets no gradient.
    The function's further arguments (an axis) are static: the rules receive them by name.

    From this definition follow the Tensor method of that name, NumPy's dispatch, the operator if `write` is one, the label in
    pictures, and the tests: `domain` is one open interval per argument, `range` the closed one of what the op gives, `kinks` gives
    what is zero where the op is not differentiable, `shapes` is a NumPy signature ("(m,k),(k,n)->(m,n)"; elementwise if empty, "axes"
    for a reduction), `cases` are example calls, `{"shapes": ..., **static}`. `write` and `latex` are templates, `"{} @ {}"` and
    `r"\frac{{{}}}{{{}}}"`, or functions of the static arguments that give one; without them an op is written like a function. Where a
    rule as books have it loses digits, `1 - y * y` of tanh say, `stable` are the rules that run, and the others those that are shown;
    with `brief` also those that are compiled, since they are shorter and lose only what is small beside 1. A compiled program takes
    the function apart by calling it on Tensors; if this one looks at values, `plain` is an equal function for that, and `jax` the name of
    an equal function of JAX, "jax.nn.sigmoid", which takes the static arguments by name. `source` is an equal function in plain NumPy,
    "x: np.maximum(x, 0)", that a printed program takes along where NumPy has no function of the op's name.

    >>> import numpy as np, tinygrad_edu as tg
    >>> cube = tg.op(lambda x: x**3, lambda g, y, x: g * 3 * x**2, name="cube")
    >>> x = tg.Tensor([1.0, 2.0], requires_grad=True)
    >>> x.cube().sum().backward()
    >>> x.grad
    array([ 3., 12.])
    """
    name = name or function.__name__
    if not name.isidentifier():
        raise ValueError(f"an op needs a name that is a Python identifier, not {name!r}: write tg.op(..., name='my_op')")
    if name[0] == "_" or iskeyword(name):  # Tensor's methods and slots begin so, and a method of that name could not be written
        raise ValueError(f"an op becomes a method of Tensor, where {name!r} has a meaning already: write tg.op(..., name='my_op')")
    if not callable(function) or not all(rule is None or callable(rule) for rule in rules):
        raise TypeError("tg.op takes a function and then one rule per tensor argument, each a function or None")
    for rule in rules:
        _fits(rule, len(rules), function, name)
    taken = registry.get(name)
    if in_table(taken) if taken is not None else hasattr(Tensor, name):
        raise ValueError(f"Tensor already has a {name!r}: give the op another name, tg.op(..., name='my_{name}')")
    made = Op(
        function,
        rules,
        name=name,
        write=write,
        latex=latex,
        domain=tuple(domain),
        range=range,
        kinks=kinks,
        shapes=shapes,
        cases=cases,
        variadic=variadic,
        stable=tuple(stable),
        brief=brief,
        plain=plain,
        jax=jax,
        source=source,
        static=_static_arguments(function, len(rules)),
        doc=doc or f"{name}, entry by entry; see np.{name}.",
    )
    registry[name] = made
    call = made.call if made.unrolled else made
    for dispatched in (function, *numpy):
        if dispatched not in numpy_functions or _is_users(numpy_functions[dispatched]):  # np.exp(t) stays the table's exp
            numpy_functions[dispatched] = _in_numpy_s_order(dispatched, made, call)
    _attach(made, call)
    return made


def _in_numpy_s_order(function: Callable[..., Any], made: Op, call: Callable[..., Any]) -> Callable[..., Any]:
    """The op for arguments as the NumPy function takes them, whose order and names may be others: `np.sum(a, axis, dtype)`."""
    if isinstance(function, np.ufunc) or function is made.run:
        return call

    def called(*args: Any, **kwargs: Any) -> Any:
        if args and len(args) < made.arity + 2:  # as far as that the orders are the same
            return call(*args, **kwargs)
        bound = inspect.signature(function).bind(*args, **kwargs).arguments
        operands = list(bound)[: made.arity]
        return call(*[bound.pop(name) for name in operands], **bound)

    called.__name__ = made.name
    return called


def implements(*functions: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator: Tensors given to these NumPy functions go to the decorated one."""

    def register(ours: Callable[..., Any]) -> Callable[..., Any]:
        def on_what_says_something(*args: Any, **kwargs: Any) -> Any:
            return ours(*args, **{key: value for key, value in kwargs.items() if not says_nothing(key, value)})

        on_what_says_something.__name__ = ours.__name__  # by which readers know that np.where is the op
        numpy_functions.update(dict.fromkeys(functions, on_what_says_something))
        return ours

    return register


def values_only(*functions: Callable[..., Any]) -> None:
    """Let these NumPy functions see a Tensor's value: what they answer has no gradient."""
    leaving.looks_only(*functions)
    for function in functions:
        implements(function)(_on_arrays(function, lambda t: t.numpy()))


def shapes_only(*functions: Callable[..., Any]) -> None:
    """Let these NumPy functions see a Tensor, of which they use the shape and dtype: known even while a program is recorded."""
    for function in functions:
        implements(function)(_on_arrays(function, lambda t: t._array))


def _on_arrays(function: Callable[..., Any], array: Callable[[Any], Any]) -> Callable[..., Any]:
    def given(a: Any) -> Any:
        return array(a) if type(a) is Tensor else type(a)(map(given, a)) if type(a) in (list, tuple) else a

    return lambda *args, **kwargs: function(*map(given, args), **{key: given(a) for key, a in kwargs.items()})


def in_table(made: Op) -> bool:
    """Whether an op is a line of the table: a user's op may be defined again, as a notebook does, the table's may not."""
    home = f"{__package__}.ops"
    sections = [sys.modules.get(f"{home}.{section}") for section in sys.modules[home].__all__]
    return any(getattr(section, made.name, None) is made for section in sections)


def _is_users(held: Any) -> bool:
    """Whether what computes a NumPy function, or an operator, is an op that a user defined."""
    made = registry.get(getattr(held, "name", "") or getattr(held, "__name__", ""))
    return made is not None and not in_table(made)


def _static_arguments(function: Callable[..., Any], arity: int) -> dict[str, Any]:
    """The function's arguments after its tensors, by name, with their defaults (`inspect.Parameter.empty` where there is none)."""
    if isinstance(function, np.ufunc):
        return {}
    kinds = inspect.Parameter
    arguments = [p for p in inspect.signature(function).parameters.values() if p.kind not in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD)]
    positional = [p for p in arguments if p.kind is not kinds.KEYWORD_ONLY]
    return {p.name: p.default for p in arguments if p not in positional[: arity or 1] and p.name != "out"}


def _fits(rule: Rule | None, arity: int, function: Callable[..., Any], name: str) -> None:
    """Raise if a user's rule does not take what rules are given."""
    if rule is None or (getattr(rule, "__module__", "") or "").startswith(f"{__package__}.ops."):
        return
    static = _static_arguments(function, arity)
    try:
        inspect.signature(rule).bind(*[None] * (2 + arity), **dict.fromkeys(static))
    except ValueError:  # it has no signature
        return
    except TypeError as error:
        operands = ["x"] if arity == 1 else list("abcdefg"[:arity])
        takes = ", ".join(["g", "y", *operands, *static])
        text = f"a rule of {name} is called with {takes}, and this one does not take that ({error}): write lambda {takes}: ..."
        raise TypeError(text) from None


def _attach(made: Op, call: Callable[..., Any]) -> None:
    """Give Tensor the op's method, and its operator if it is written like one."""
    if made.variadic is not None or (made.rules and made.rules[0] is None):
        return  # its first argument is no tensor to differentiate, hence no `self`

    method: Any = call if inspect.isfunction(call) else lambda self, *args, **static: made(self, *args, **static)
    method.__name__, method.__qualname__, method.__doc__ = made.name, f"Tensor.{made.name}", made.__doc__
    method.__signature__ = made.signature("self")
    setattr(Tensor, made.name, method)
    operator, swapped = _OPERATORS.get(made.write if isinstance(made.write, str) else "", ("", ""))
    if operator in vars(Tensor) and not _is_users(vars(Tensor)[operator]):
        return  # t * 2 stays the table's multiply
    if operator:
        setattr(Tensor, operator, method if operator not in ("__eq__", "__ne__") else _compared(method, operator == "__ne__"))
    if swapped:
        setattr(Tensor, swapped, lambda self, other: call(other, self))


def _compared(method: Callable[..., Any], differs: bool) -> Callable[..., Any]:
    """`==` or `!=`, where `t == None` asks what `t is None` asks."""

    def compared(self: Tensor, other: Any) -> Any:
        return method(self, other) if other is not None else differs

    compared.__doc__ = method.__doc__
    return compared
