"""`check_op`: is this op defined right? The project's own table is tested with nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from ..engine.backward import pulled_back
from ..engine.broadcasting import stretched
from ..engine.op import Op
from ..engine.recording import enable_grad
from ..engine.registry import registry
from ..engine.several import Several
from ..engine.tensor import Tensor
from ..engine.validation import short
from .calls import are_ordinary, op_calls
from .checker import gradcheck
from .functions import NotFinite
from .properties import phases


def check_op(
    op: Op, max_examples: int = 30, orders: tuple[int, ...] = (1, 2), **options: Any
) -> None:
    """Draw calls of an op and check its value, its rules, shapes and dtypes.

    The rules are checked at orders 1 and 2, and that nothing changes an input. The calls come from
    the op's own definition: `shapes` and `cases`, values from its `domain`, away from its `kinks`;
    broadcasting on both sides, 0-d arrays and arrays of size 0 among them; at order 2 numbers
    between 1e-60 and 1e60. An AssertionError (`GradientMismatch` for a wrong rule) shows the
    smallest call that fails. `options` are further settings of Hypothesis.

    >>> import numpy as np, tinygrad_edu as tg
    >>> gauss = tg.op(lambda x: np.exp(-x * x), lambda g, y, x: -2 * g * x * y, name="gauss")
    >>> check_op(gauss)
    """
    __tracebackhide__ = True
    if isinstance(op, Several):
        for one in op.ops:
            check_op(one, max_examples, orders, **options)
        return
    if not isinstance(op, Op):
        raise TypeError(
            f"check_op takes an op made by tg.op(function, *rules), not {type(op).__name__}"
        )
    assert registry.get(op.name) is op, (
        f"{op.name} was defined again: check the new one, registry[{op.name!r}]"
    )
    required = [name for name in op.static if name not in op.defaults]
    if required and not op.cases and op.shapes != "axes":
        values = ", ".join(f"{name!r}: ..." for name in required)
        raise TypeError(
            f"check_op has to know values for {' and '.join(required)} of {op.name}: "
            f"define it with example calls, cases=[{{'shapes': ((2, 3),), {values}}}]"
        )

    chosen = {
        "max_examples": max_examples,
        "deadline": None,
        "database": None,
        "report_multiple_bugs": False,
        "phases": phases(),
    }

    @settings(**{**chosen, **options})
    @given(st.one_of(op_calls(op), op_calls(op, wide=True), op_calls(op, np.float32, wide=True)))
    def check(drawn: Any) -> None:
        __tracebackhide__ = True
        operands, static = drawn
        # large and tiny numbers may overflow: it is the values that are compared
        with np.errstate(all="ignore"):
            _check_call(op, operands, static)
            if op.rules or op.variadic is not None:
                for order in orders:
                    _check_rules(op, operands, static, order)

    check()


def _check_call(op: Op, operands: Any, static: Any) -> None:
    """Value, shape and dtype; read-only inputs; the method and the function give the same."""
    before = [np.copy(x) for x in operands]
    for x in operands:
        if isinstance(x, np.ndarray):
            x.flags.writeable = False  # an op that writes into its operands fails here
    plain = np.asarray(op.run(*operands, **static))
    _refuse_undefined(op, operands, plain)
    y = op.on([_as_tensor(x) for x in operands], static)
    assert np.array_equal(y.numpy(), plain, equal_nan=True), (
        f"{op.name} of Tensors differs from {op.name} of arrays"
    )
    assert y.dtype == plain.dtype and y.shape == plain.shape
    assert all(np.array_equal(a, b) for a, b in zip(before, operands, strict=True)), (
        f"{op.name} changed its operand"
    )
    if plain.dtype.kind == "f" and "dtype" not in static:
        single = [_as_tensor(x.astype(np.float32)) if _is_float_array(x) else x for x in operands]
        low = op.on(single, static)
        assert low.dtype == np.float32, f"{op.name} turned float32 into {low.dtype}"
    if hasattr(Tensor, op.name) and op.variadic is None and not (op.rules and op.rules[0] is None):
        method = getattr(Tensor(operands[0], copy=False), op.name)(*operands[1:], **static)
        assert np.array_equal(method.numpy(), plain, equal_nan=True), (
            f"t.{op.name}() differs from {op.name}(t)"
        )


def _refuse_undefined(op: Op, operands: Any, y: Any) -> None:
    """An error if the op has no values at ordinary numbers of its domain."""
    if y.dtype.kind != "f" or np.isfinite(y).all():
        return
    if not are_ordinary(operands):
        reject()  # large and tiny numbers may be too much for it
    if not op.domain:
        example = ", ".join(short(x) for x in operands)
        raise ValueError(
            f"{op.name} gives {'NaN' if np.isnan(y).any() else 'an infinite value'} at {example}: "
            "say where it is defined, one open interval per argument, "
            "tg.op(..., domain=[(0.0, np.inf)])"
        )


def _as_tensor(x: Any, requires_grad: bool = False) -> Any:
    """A Tensor of an array, with its memory: NumPy computes strided arrays otherwise.

    A Python number stays one.
    """
    return Tensor(x, requires_grad, copy=False) if isinstance(x, np.ndarray) else x


def _is_float_array(x: Any) -> bool:
    """Whether an operand is an array that a gradient can be asked for."""
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def _check_rules(op: Op, operands: Any, static: Any, order: int) -> None:
    """Every rule against numerical derivatives, and the rules themselves."""
    floats = [i for i, x in enumerate(operands) if _is_float_array(x) and op.rule(i) is not None]

    def of_floats(*xs: Tensor) -> Tensor:
        given = list(operands)
        for i, x in zip(floats, xs, strict=True):
            given[i] = x
        y: Tensor = op.on(given, static)
        return y

    y = np.asarray(op.run(*operands, **static))
    if order > 1 and not all(_has_powers(operands[i]) for i in floats):
        return  # of a second derivative float64 may hold neither the value nor what it is made of
    if floats and y.dtype.kind == "f":
        if order == 1:
            _check_raw_rules(op, operands, static, y, floats)
        if y.size and any(operands[i].size for i in floats):
            try:
                names = [f"argument {i}" for i in floats]
                gradcheck(of_floats, *[operands[i] for i in floats], order=order, names=names)
            except NotFinite:
                reject()


def _has_powers(x: Any) -> bool:
    """Whether powers of the numbers, up to the fourth and its inverse, are numbers of float64."""
    size = np.abs(x[(x != 0) & np.isfinite(x)])
    return bool(((size > 1e-60) & (size < 1e60)).all())


def _largest(x: Any) -> float:
    """The largest magnitude of finite entries; 0 if there is none."""
    return float(np.abs(x, where=np.isfinite(x), out=np.zeros(np.shape(x))).max(initial=0.0))


def _check_raw_rules(op: Op, operands: Any, static: Any, y: Any, floats: list[int]) -> None:
    """The rules themselves, on read-only arrays, which they do not change.

    They give the argument's shape, or the output's where it was broadcast.
    """
    g = np.linspace(0.5, 1.5, y.size).reshape(y.shape).astype(y.dtype)
    kept = y.copy()
    for array in (g, y):
        array.flags.writeable = False
    with enable_grad():
        t = op.on([_as_tensor(x, i in floats) for i, x in enumerate(operands)], static)
        of_tensors = dict(pulled_back(t, _as_tensor(g), create_graph=True))
    for i in floats:
        rule = op.rule(i)
        assert rule is not None
        gx = rule(g, y, *operands, **static)
        assert stretched(np.shape(gx), operands[i].shape) is not None, (
            f"rule {i} of {op.name} gives shape {np.shape(gx)} "
            f"for an argument of {operands[i].shape}"
        )
        recorded = np.asarray(of_tensors[i].numpy(), float)
        rtol = 1e3 * np.finfo(y.dtype).eps
        atol = rtol * _largest(gx)
        assert np.allclose(recorded, np.asarray(gx, float), rtol, atol, equal_nan=True), (
            f"rule {i} of {op.name} gives other values for Tensors, "
            "when its gradient is recorded, than for arrays"
        )
    assert np.array_equal(y, kept, equal_nan=True), f"a rule of {op.name} changed the output"
