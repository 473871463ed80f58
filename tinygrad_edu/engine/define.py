"""The one way to define an op: `op(function, *rules)` makes a function differentiable."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from keyword import iskeyword
from typing import Any, overload

import numpy as np

from .domains import REAL
from .names import PACKAGE
from .op import Interval, Op, Rule
from .operators import attach
from .primitive import Primitive
from .registry import in_table, is_tables, numpy_functions, registry
from .several import Several, parts
from .tensor import Tensor


@overload
def op(
    function: Callable[..., Any],
    *rules: Rule | None,
    results: int,
    name: str | None = None,
    domain: Sequence[Interval] = (),
    kinks: Callable[..., Any] | None = None,
    shapes: str = "",
    cases: Sequence[Mapping[str, Any]] = (),
) -> Several: ...


@overload
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
) -> Primitive: ...


def op(
    function: Callable[..., Any],
    *rules: Rule | None,
    results: int | None = None,
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
) -> Primitive | Several:
    r"""Define an op: a NumPy function, and for each tensor argument a rule to pull a gradient back.

    A rule is a plain expression of `g`, the gradient at the output, `y`, the output, and the op's
    own arguments. It gives the gradient at its argument; where the argument was broadcast the
    framework sums. Written with operators, NumPy functions and array methods it works on Tensors
    too, hence at every order of derivative. `None` stands for an argument that gets no gradient.
    The function's further arguments (an axis) are static: the rules receive them by name.

    From this definition follow the Tensor method of that name, NumPy's dispatch, the operator if
    `write` is one, the label in pictures, and the tests: `domain` is one open interval per
    argument, `range` the closed one of what the op gives, `kinks` gives what is zero where the op
    is not differentiable, `shapes` is a NumPy signature ("(m,k),(k,n)->(m,n)"; elementwise if
    empty, "axes" for a reduction), `cases` are example calls, `{"shapes": ..., **static}`. `write`
    and `latex` are templates, `"{} @ {}"` and `r"\frac{{{}}}{{{}}}"`, or functions of the static
    arguments that give one; without them an op is written like a function.

    Where a rule as books have it loses digits, `1 - y * y` of tanh say, `stable` are the rules that
    run, and the others those that are shown; with `brief` also those that are compiled, since they
    are shorter and lose only what is small beside 1. A compiled program takes the function apart by
    calling it on Tensors; if this one looks at values, `plain` is an equal function for that, and
    `jax` the name of an equal function of JAX, "jax.nn.sigmoid", which takes the static arguments
    by name. `source` is an equal function in plain NumPy, "x: np.maximum(x, 0)", that a printed
    program takes along where NumPy has no function of the op's name.

    A function that gives a tuple of two or more arrays takes `results=2`, and its rules get a tuple
    of gradients and one of results. Each result is an op of its own, `name_0` and `name_1`.

    >>> import numpy as np, tinygrad_edu as tg
    >>> cube = tg.op(lambda x: x**3, lambda g, y, x: g * 3 * x**2, name="cube")
    >>> x = tg.Tensor([1.0, 2.0], requires_grad=True)
    >>> x.cube().sum().backward()
    >>> x.grad
    array([ 3., 12.])
    """
    if results is not None:
        facts = {"domain": domain, "kinks": kinks, "shapes": shapes, "cases": cases}
        return _several(function, rules, name, results, facts)
    name = _checked(function, rules, name)
    made = Primitive(
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
        doc=doc or (f"{name}, entry by entry; see np.{name}." if hasattr(np, name) else f"{name}."),
    )
    registry[name] = made
    call = made.call if made.unrolled else made
    for dispatched in (function, *numpy):
        held = numpy_functions.get(dispatched)
        if held is None or not is_tables(held):  # np.exp(t) stays the table's exp
            numpy_functions[dispatched] = _in_numpy_s_order(dispatched, made, call)
    attach(made, call)
    return made


def _several(
    function: Callable[..., Any],
    rules: Sequence[Rule | None],
    name: str | None,
    results: int,
    facts: Mapping[str, Any],
) -> Several:
    if type(results) is not int or results < 1:
        raise ValueError(f"results is how many results the function gives, not {results!r}")
    define: Callable[..., Any] = partial(op, **facts)
    made = parts(define, function, rules, _checked(function, rules, name), results)
    if numpy_functions.get(function) is None:
        numpy_functions[function] = made
    return made


def _checked(function: Callable[..., Any], rules: Sequence[Rule | None], name: str | None) -> str:
    """The name of an op that is defined; an error if it, the function or a rule cannot be."""
    if not callable(function) or not all(rule is None or callable(rule) for rule in rules):
        raise TypeError(
            "tg.op takes a function and then one rule per tensor argument, each a function or None"
        )
    name = name or str(getattr(function, "__name__", ""))
    if not name.isidentifier():
        raise ValueError(
            f"an op needs a name that is a Python identifier, not {name!r}: "
            "write tg.op(..., name='my_op')"
        )
    # Tensor's methods and slots begin so, and a method of a keyword's name could not be written
    if name[0] == "_" or iskeyword(name):
        raise ValueError(
            f"an op becomes a method of Tensor, where {name!r} has a meaning already: "
            "write tg.op(..., name='my_op')"
        )
    for rule in rules:
        _fits(rule, len(rules), function, name)
    taken = registry.get(name)
    if in_table(taken) if taken is not None else hasattr(Tensor, name):
        raise ValueError(
            f"Tensor already has a {name!r}: give the op another name, tg.op(..., name='my_{name}')"
        )
    return name


def _fits(rule: Rule | None, arity: int, function: Callable[..., Any], name: str) -> None:
    """Raise if a user's rule does not take what rules are given."""
    if rule is None or (getattr(rule, "__module__", "") or "").startswith(f"{PACKAGE}.ops."):
        return
    static = _static_arguments(function, arity)
    if {"g", "y"} & static.keys():
        raise TypeError(
            f"{name} has as many rules as tensor arguments, {arity}, "
            f"so {' and '.join(static)} would be static, and g and y have a meaning in rules: "
            "give a rule for each tensor argument, or None, or name a static one otherwise"
        )
    try:
        inspect.signature(rule).bind(*[None] * (2 + arity), **dict.fromkeys(static))
    except ValueError:  # it has no signature
        return
    except TypeError as error:
        operands = ["x"] if arity == 1 else list("abcdefg"[:arity])
        takes = ", ".join(["g", "y", *operands, *static])
        raise TypeError(
            f"a rule of {name} is called with {takes}, and this one does not take that ({error}): "
            f"write lambda {takes}: ..."
        ) from None


def _static_arguments(function: Callable[..., Any], arity: int) -> dict[str, Any]:
    """The function's arguments after its tensors, by name, with their defaults.

    That of one which has none is `inspect.Parameter.empty`.
    """
    if isinstance(function, np.ufunc):
        return {}
    kinds = inspect.Parameter
    several = (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    arguments = [p for p in parameters if p.kind not in several]
    positional = [p for p in arguments if p.kind is not kinds.KEYWORD_ONLY]
    tensors = positional[: arity or 1]
    return {p.name: p.default for p in arguments if p not in tensors and p.name != "out"}


def _in_numpy_s_order(
    function: Callable[..., Any], made: Op, call: Callable[..., Any]
) -> Callable[..., Any]:
    """The op for arguments as the NumPy function takes them, `np.sum(a, axis, dtype)`.

    Their order and their names may be others.
    """
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
