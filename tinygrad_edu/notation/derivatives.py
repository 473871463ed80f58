"""The rules of ops as formulas: of one op, and of an equation with several."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..engine.backward import unbroadcast
from ..engine.op import Op
from ..engine.recording import enable_grad, textbook
from ..engine.registry import registry
from ..engine.tensor import Tensor
from ..graph import names_of
from .formula import Formula


def local_derivative(
    what: Op | str | Tensor, i: int = 0, names: Mapping[str, str] | None = None
) -> Formula:
    """What the gradient `g` at the output `y` of an op becomes at its argument `i`.

    It is the op's rule, run on symbols: the letters of the rule's own definition, or what `names`
    puts in their place, `{"y": "o", "x": "z"}`. They are as small as can be. Given a recorded
    tensor, they have the shapes and values of its operands, and where one was broadcast the sum
    that the backward walk takes is part of the formula.

    >>> import tinygrad_edu as tg
    >>> local_derivative("sigmoid").python, local_derivative("matmul", 0).python
    ('g * y * (1 - y)', 'g @ b.mT')
    """
    if type(what) is Tensor:
        op, args, static, y = what.op, what.args, dict(what.static), what.numpy()
        if op is None:
            raise ValueError(
                f"{what.label()} is a leaf: no op made it, so it has no local derivative"
            )
    else:
        op = what if isinstance(what, Op) else registry[what]
        operands, statics, y = sample(op)
        args, static = tuple(operands), statics
    rule = op.textbook(i, what if type(what) is Tensor else None) if 0 <= i < len(args) else None
    if rule is None:
        raise ValueError(f"{op.name} gives no gradient to its argument {i}")
    letters = [(names or {}).get(letter, letter) for letter in parameters(rule, len(args))]
    g, out, *operands = (
        _symbol(value, name) for value, name in zip((y, y, *args), letters, strict=True)
    )
    with enable_grad():
        gx = rule(g, out, *operands, **static)
        if type(what) is Tensor and np.shape(gx) != np.shape(operands[i]):
            gx = unbroadcast(gx, operands[i], what)
    gx = gx if type(gx) is Tensor else Tensor(gx)
    symbols = [t for t in (*operands, g, out) if type(t) is Tensor]
    called = {id(t): str(t.name) for t in symbols} | names_of([gx], variables=False)
    return Formula([gx], called, lines=True, bare=True, symbols=symbols, tidy=True)


def pulled_back(formula: Formula, t: Tensor) -> list[tuple[Tensor, Formula]]:
    """How the equation of `t` hands its gradient to each tensor that it is written with.

    These are the rules behind it, run and read as formulas, in the names of the formula; `∂t` is
    the gradient at `t`, however the loss depends on it.
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
            found.append(
                (
                    a,
                    Formula(
                        [gx],
                        names,
                        {t, seed, *tensors},
                        bare=True,
                        symbols=operands,
                        tidy=True,
                        longest=np.inf,
                    ),
                )
            )
    order = {id(a): i for i, a in reversed(list(enumerate(operands)))}
    return sorted(found, key=lambda pair: order[id(pair[0])])


def parameters(rule: Any, arity: int) -> list[str]:
    """What a rule calls the gradient, the output and the operands."""
    names: list[str] = []
    for parameter in inspect.signature(rule).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            names += [f"{parameter.name.rstrip('s')}{k + 1}" for k in range(2 + arity - len(names))]
        else:
            names.append(parameter.name)
    return names[: 2 + arity]


def sample(op: Op, case: int = 0) -> tuple[list[Any], dict[str, Any], Any]:
    """Operands, static arguments and output of a small call of an op.

    It is one of the op's examples, else the smallest that its signature allows.
    """
    example = dict(op.cases[case]) if op.cases else {}
    shapes = example.pop("shapes", None) or _smallest(op)
    static = {**op.defaults, **example}
    args = []
    for i, shape in enumerate(shapes):
        low, high = op.domain[i] if i < len(op.domain) else (-np.inf, np.inf)
        low, high = max(low, min(0.25, high - 1)), min(high, max(0.75, low + 1))
        is_condition = low == high or (
            not op.variadic and i < len(op.rules) and op.rules[i] is None
        )
        values = np.linspace(low + 0.1 * (i + 1), high, int(np.prod(shape)) + 2)[1:-1].reshape(
            shape
        )
        args.append(values > low if is_condition else values)
    if op.fits is not None:
        args = [*op.fits(*args)]
    return args, static, np.asarray(op.run(*args, **static))


def _symbol(value: Any, name: str) -> Any:
    """A value as a named leaf of its own.

    A Python number stays as it is, since rules may treat it apart.
    """
    if isinstance(value, (bool, int, float)):
        return value
    array = np.asarray(value.numpy() if type(value) is Tensor else value)
    return Tensor(array, array.dtype.kind == "f", name=name, copy=False)


def _smallest(op: Op) -> list[tuple[int, ...]]:
    if op.shapes == "axes":
        return [(2, 3)]
    if not op.shapes:
        return [(3,) if "axis" in op.static else ()] * op.arity
    sizes = {"m": 2, "n": 4, "k": 3, "p": 2}
    operands = op.shapes.replace("?", "").partition("->")[0].strip("()").split("),(")
    return [
        tuple(sizes.get(letter.strip(), 2) for letter in operand.split(",") if letter.strip())
        for operand in operands
    ]
