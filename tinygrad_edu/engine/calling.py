"""How an op is called: it runs on its operands' arrays, and the Tensor it makes remembers the call.

`fast_calling.py` has the calls that run for one and two operands, which give the same to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .arguments import bound
from .errors import retried
from .lending import lent, look, read_only
from .op import Op
from .recorder import NOBODY, listening, top
from .recording import are_recorded, clock
from .tensor import Tensor
from .validation import numeric, operand

new = object.__new__
ndarray = np.ndarray
NOTHING: dict[str, Any] = {}
FLOAT = np.dtype(float)


def called(op: Op, *args: Any, **static: Any) -> Tensor:
    """Run an op on its operands, then its static arguments by place, then by name."""
    if op.variadic is not None and args:
        args, rest = tuple(args[0]), args[1:]
    else:
        args, rest = args[: op.arity], args[op.arity :]
    if op.composed is not None and not op.more.isdisjoint(static):
        made: Tensor = op.composed(*args, *rest, **static)
        return made
    if op.static or rest or static:
        static = bound(op, rest, static, args[0] if args else None)
    values = [a._array if type(a) is Tensor else operand(a) for a in args]
    if len(values) == 1 and type(values[0]) is not ndarray:
        values = [np.asarray(values[0])]  # a Python number is weak beside arrays only
    if not op.is_plain:  # what a user's function writes into is not the data of the graph
        values = [read_only(v) if type(v) is ndarray else v for v in values]
    try:
        y = op.run(*values, **static)
    except Exception as error:
        y = retried(op, error, args, static)
    args = tuple([a if type(a) is Tensor else v for a, v in zip(args, values, strict=True)])
    if type(y) is ndarray and _is_shared(op, y, args, values):
        y = y.copy("K")
    tensors = [(i, a) for i, a in enumerate(args) if type(a) is Tensor]
    requires_grad = any([a._requires_grad and op.rule(i) is not None for i, a in tensors])
    # integers, of astype(int) say, have no gradient
    if requires_grad and getattr(y, "dtype", FLOAT).kind != "f":
        refuse_numbers_without_gradient(op, y)
        requires_grad = False
    recorded = requires_grad or any([a._requires_grad or a._op is not None for _, a in tensors])
    return result(op, args, static, y, recorded, requires_grad)


def refuse_numbers_without_gradient(op: Op, y: Any) -> None:
    """Raise if a user's op with rules gives whole numbers, through which no gradient goes."""
    if op.has_own_rules and y.dtype.kind in "iub":
        raise TypeError(
            f"{op.name} gave {y.dtype}, and has rules for a gradient, which takes floats: "
            "give back y.astype(x.dtype), or define it without rules"
        )


def _is_shared(op: Op, y: Any, args: Sequence[Any], values: Sequence[Any]) -> bool:
    """Whether a result may lie in memory that can change.

    That of a leaf, of an array, or of what a user's function keeps.
    """
    if not op.is_plain or any([y is v for v in values]):
        return True
    return y.base is not None and any(
        [type(a) is ndarray or (type(a) is Tensor and a._op is None) for a in args]
    )


def result(
    op: Op,
    args: tuple[Any, ...],
    static: dict[str, Any],
    y: Any,
    recorded: bool,
    requires_grad: bool,
) -> Tensor:
    """The Tensor of an op's output, which remembers the call if it is recorded."""
    t = new(Tensor)
    if type(y) is not ndarray:
        y = np.array(y if isinstance(y, np.generic) else only_result(op, y), subok=False)
    t._array = y
    t._lent = t._grad = t._name = None
    if lent and recorded:
        # data that was handed out may have changed before this op: not since is what counts
        for a in args:
            if type(a) is Tensor and a._lent is not None:
                look(a)
    t._serial = clock()
    recorders = NOBODY if top() is NOBODY else listening()
    is_on = are_recorded(recorders)
    # what no_grad() computes belongs to a program around it
    if recorded and (is_on or (len(recorders) > 1 and any([r.is_program for r in recorders]))):
        t._op, t._args, t._static, t._requires_grad = op, args, static, requires_grad and is_on
    else:
        t._op, t._args, t._static, t._requires_grad = None, (), NOTHING, False
        if t._array.base is not None:
            # a view: this tensor may be changed in place, and the other keeps its value
            t._array = t._array.copy("K")
    for recorder in recorders:
        recorder.computed(t, op, args, static)
    return t


def only_result(op: Op, y: Any) -> Any:
    """What the function gave, as an array; a TypeError if it is several results."""
    if isinstance(y, (tuple, list)) and any(isinstance(p, (np.ndarray, np.generic)) for p in y):
        raise TypeError(
            f"{op.name} gave a {type(y).__name__} of {len(y)}: say so, "
            f"tg.op(f, rule, results={len(y)}, name='{op.name}'), whose rules get as many gradients"
        )
    return numeric(y)
