"""Tensor and the one backward walk: read this file first, and `operation.py` next.

A `Tensor` is a NumPy array that remembers the op and the operands that made it. An `Op` knows how to run and how to pull a
gradient back to each of its arguments. `Tensor.adjoints` walks from a tensor to everything it was made from, newest first, and
yields each tensor with its gradient: `backward`, the transforms and every reader of the graph consume that one generator.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from functools import lru_cache
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, NoReturn, final

import numpy as np

from . import _names, leaving
from ._methods import Methods
from .checks import Array, numeric, operand, read_only, retold, short
from .keywords import INSTEAD, says_nothing
from .modes import clock, in_textbook, is_known, is_recording, recorder
from .registry import dispatch, numpy_functions, registry

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from ._methods import Operand
    from .operation import Op

ndarray = np.ndarray
_reduces: dict[Any, Any] = {np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min}


@final
class Tensor(Methods):
    """A NumPy array that records what is computed from it, so that `backward` can find its gradients.

    `data` is anything `np.array` takes; it is copied unless `copy=False`. Python floats make float64, and a float dtype that is
    given is kept. `requires_grad=True` (floats only) makes it a leaf whose `.grad`, an array of the same shape and dtype, is
    filled by `backward` and accumulates over calls until `zero_grad`. `name` is a label for pictures and messages.

    >>> import tinygrad_edu as tg
    >>> x = tg.Tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    array([2., 4.])
    """

    __slots__ = ("__weakref__", "_args", "_data", "_lent", "_node", "_op", "_requires_grad", "_serial", "_static", "grad", "name")

    _data: Array
    _op: Op | None
    _args: tuple[Any, ...]
    _static: dict[str, Any]
    _serial: int
    _requires_grad: bool
    _lent: tuple[int, Array] | None  # a leaf's serial and a copy of its data when `.data` was handed out
    _node: Tensor | None  # set where `grad` keeps less than the value: what stands for this tensor in the graph; None in that one
    grad: Array | None
    name: str | None

    def __init__(
        self,
        data: Any,
        requires_grad: bool = False,
        *,
        name: str | None = None,
        dtype: DTypeLike | None = None,
        copy: bool = True,
    ) -> None:
        if type(data) is Tensor:
            if leaving.loses(data):
                raise TypeError("Tensor(t) would lose the gradient of t: use t itself, or t.detach() for its value alone")
            data = data._known()
        elif isinstance(data, (list, tuple)):
            leaving.refuse_in(data)
        array = numeric(data, dtype)
        self._data = np.array(array, subok=False) if copy else np.asarray(array)
        self._op, self._args, self._static, self._serial = None, (), {}, clock()
        self._lent = self.grad = None
        self._requires_grad = False
        self.named(name)
        if requires_grad is not False:
            self.requires_grad = requires_grad

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("Tensor cannot be subclassed: write a function of Tensors, or define an op with tg.op")

    # -- what it holds ---------------------------------------------------------------------------------------------------------

    @property
    def data(self) -> Array:
        """The array. A leaf's may be written to before it is used; what a graph remembers is read-only."""
        if self._op is not None:
            return self.numpy()
        self._known()
        # handed out for writing: from now on it counts as changed, unless a look at the copy shows that it was not
        self._lent = (self._lent[0] if self._lent and self.is_unchanged() else self._serial, self._data.copy())
        self._serial = clock()
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        if recorder.get() is not None:
            recorder.get().refuse_change(self, "data = ...")
        if self._op is not None:
            raise TypeError(f"the data of {self.label()} is what its graph remembers: assign to a leaf, or use t.detach()")
        array = numeric(value)
        if array.shape != self.shape:
            raise ValueError(f"data of shape {array.shape} was assigned to {self.label()} of shape {self.shape}: make a new Tensor")
        self._data = array if array is self._data else np.array(array, self.dtype)
        self._lent, self._serial = None, clock()

    def is_unchanged(self) -> bool:
        """Whether data that was handed out by `.data` is, bit for bit, what it was then."""
        return self._lent is not None and self._data.tobytes() == self._lent[1].tobytes()

    @property
    def requires_grad(self) -> bool:
        """Whether gradients are asked for: of a leaf, by its maker; of a result, because an operand of its op requires one."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if self._op is not None:
            raise TypeError("requires_grad can be set on a leaf only: use t.detach() to cut the graph here")
        if not isinstance(value, (bool, np.bool)):
            raise TypeError(f"requires_grad is True or False, not {short(value)}: a dtype is given by name, tg.Tensor(data, dtype=float)")
        if value and self.dtype.kind != "f":
            floats = f"{self._data.astype(float).tolist()}" if self.size < 4 else "the numbers with decimal points"
            raise TypeError(f"requires_grad=True needs floats, {self.label()} has dtype {self.dtype}: write {floats}, or dtype=float")
        self._requires_grad = bool(value)

    @property
    def is_leaf(self) -> bool:
        """Whether it was made by its user, not by a recorded op."""
        return self._op is None

    @property
    def op(self) -> Op | None:
        """The op that made it; None for a leaf."""
        return self._op

    @property
    def args(self) -> tuple[Any, ...]:
        """The operands of the op that made it: Tensors, arrays and Python numbers."""
        return self._args

    @property
    def static(self) -> Mapping[str, Any]:
        """The op's arguments that are no operands, such as an axis."""
        return self._static

    @property
    def serial(self) -> int:
        """Its place in time: a recorded tensor's is larger than those of all it was made from."""
        return self._serial

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of its axes."""
        return self._data.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy dtype of its numbers."""
        return self._data.dtype

    @property
    def ndim(self) -> int:
        """The number of its axes."""
        return self._data.ndim

    @property
    def size(self) -> int:
        """The number of its entries."""
        return self._data.size

    @property
    def T(self) -> Tensor:
        """All axes reversed."""
        return self.transpose()

    @property
    def mT(self) -> Tensor:
        """The last two axes swapped: the matrix transpose of every matrix in the stack."""
        return self.swapaxes(-1, -2)

    def ravel(self) -> Tensor:
        """All entries in one row."""
        return self.reshape(-1)

    flatten = ravel

    def dot(self, other: Operand) -> Tensor:
        """`np.dot`: of vectors and matrices the same as `@`."""
        return dispatch(np.dot, (self, other), {})  # type: ignore[no-any-return]

    @property
    def at(self) -> At:
        """`t.at[i].set(v)` and `t.at[i].add(v)`: a new tensor with the entries at `i` changed."""
        return At(self)

    def _known(self) -> Array:
        """The data, for whoever goes by its values: while `compile` records, those of its inputs are not known."""
        if recorder.get() is not None:
            recorder.get().refuse_value(self)
        return self._data

    def numpy(self) -> Array:
        """The data as a read-only view; `.copy()` it to write."""
        return read_only(self._known())

    def to_numpy(self) -> Array:
        """The same as `numpy`: by this name plotting and table packages ask for it."""
        return self.numpy()

    # as NDArray[Any] it would make `array @ tensor` an array to type checkers
    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[np.generic]:
        return np.array(leaving.value(self), dtype, copy=copy)

    def __dlpack__(self, **how: Any) -> Any:
        """A copy of its numbers, for libraries that take arrays in this way: not all of them keep to read-only."""
        return leaving.value(self).copy().__dlpack__(**how)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._data.__dlpack_device__()

    def item(self) -> Any:
        """Its only entry, as a Python number."""
        if self.size != 1:
            raise ValueError(f"item() needs exactly one entry, {self.label()} has shape {self.shape}: write t[i].item() or t.tolist()")
        return self._known().item()

    def tolist(self) -> Any:
        """Its numbers as (nested) Python lists."""
        return self._known().tolist()

    def detach(self) -> Tensor:
        """A copy of its value with no history: a constant."""
        if recorder.get() is not None:
            return recorder.get().detached(self)  # type: ignore[no-any-return]
        return Tensor(self._data)

    def named(self, name: str | None) -> Tensor:
        """Itself, with a label for pictures and messages: `z1 = (x @ W1 + b1).named("z1")`."""
        if name is not None and not isinstance(name, str):
            raise TypeError(f"a name is a str, not {type(name).__name__}: {short(name)}")
        self.name = name
        return self

    def label(self) -> str:
        """How messages call it: its name or the caller's variable, else what it is."""
        return _names.of(self) or ("the tensor" if self._op is None else f"the result of {self._op.name}")

    def __repr__(self) -> str:
        value = np.array2string(self._data, separator=", ", prefix="Tensor(", threshold=100) if is_known(self) else "not known yet"
        facts = [value, f"shape={self.shape}"]
        facts += [f"dtype={self.dtype}"] if self.dtype != np.float64 else []
        facts += [f"name={self.name!r}"] if self.name else []
        facts += [f"op={self._op.name}"] if self._op else []
        facts += ["requires_grad=True"] if self._requires_grad else []
        return f"Tensor({', '.join(facts)})"

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError(f"{self.label()} is a single number, it has no rows: t.item() gives it, t.reshape(1) makes one row")
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self._known())

    # float(t) and what calls it: complex(t), "%f" % t, the functions of math
    def __float__(self) -> float:
        return float(leaving.number(self, "float"))

    def __int__(self) -> int:
        return int(leaving.number(self, "int"))

    __trunc__ = __int__

    def __round__(self, digits: int | None = None) -> Any:
        return round(leaving.number(self, "round"), digits)

    def __index__(self) -> int:
        if self.dtype.kind == "f":
            raise TypeError(f"an index is an integer, {self.label()} has dtype {self.dtype}: write int(t.item())")
        return self._known().__index__()

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    __hash__ = object.__hash__  # by identity; == compares entries and makes a Tensor of booleans

    def __reduce__(self) -> tuple[Any, ...]:
        if self._op is not None:
            raise TypeError(f"{self.label()} has a history, which cannot be copied or pickled: copy t.detach(), or the leaves")
        data = self._known()
        leaving.refuse_copy(self)
        return _restore, (data, self._requires_grad, self.name, self.grad)

    # -- in place --------------------------------------------------------------------------------------------------------------

    def _in_place(self, operator: Callable[[Any, Any], Any], sign: str, value: Any) -> Tensor:
        """`t += x`: a new tensor where history is involved; on a leaf the data changes, if nobody needs it as it was."""
        if recorder.get() is not None:
            recorder.get().refuse_change(self, f"{sign}= ...")
        if self._op is not None or (type(value) is Tensor and not self._requires_grad and (value._requires_grad or value._op)):
            return operator(self, value)  # type: ignore[no-any-return]
        if self._requires_grad and is_recording():
            name = self.name or _names.of(self) or "t"
            raise TypeError(
                f"`{name} {sign}= ...` would change a leaf that requires a gradient: "
                f"update it in `with tg.no_grad(): {name} {sign}= ...`, or compute a new tensor, `new = {name} {sign} ...`"
            )
        other = value._data if type(value) is Tensor else value if type(value) is ndarray else operand(value)
        try:
            operator(self._data, other, self._data)  # type: ignore[call-arg]
        except (ValueError, TypeError) as error:
            text = (
                f"`t {sign}= x` cannot change {self.label()} of shape {self.shape} and dtype {self.dtype}: {error}; write `t = t {sign} x`"
            )
            raise retold(error, text) from None
        self._lent, self._serial = None, clock()
        return self

    def __iadd__(self, value: Operand) -> Tensor:
        return self._in_place(np.add, "+", value)

    def __isub__(self, value: Operand) -> Tensor:
        return self._in_place(np.subtract, "-", value)

    def __imul__(self, value: Operand) -> Tensor:
        return self._in_place(np.multiply, "*", value)

    def __itruediv__(self, value: Operand) -> Tensor:
        return self._in_place(np.divide, "/", value)

    def __ipow__(self, value: Operand) -> Tensor:
        return self._in_place(np.power, "**", value)

    def __divmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return other // self, other % self

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise TypeError(f"`t[i] = v` would change recorded data: write `t = t.at[{short(index)}].set(v)`, a new tensor")

    # -- NumPy's protocols -----------------------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__" and not kwargs:
            ours = numpy_functions.get(ufunc)  # the common case of what follows, 0.2 µs less
            return ours(*inputs) if ours is not None else dispatch(ufunc, inputs, kwargs)
        kwargs = {key: value for key, value in kwargs.items() if not says_nothing(key, value)}
        if method == "__call__" and (not kwargs or ufunc.signature):
            return dispatch(ufunc, inputs, kwargs)
        if method == "reduce" and ufunc in _reduces and kwargs.get("out") is None:
            return dispatch(_reduces[ufunc], inputs, {"axis": 0, **kwargs})

        def refusal(t: Tensor) -> str:
            name = f"np.{ufunc.__name__}"
            if kwargs.get("out") is not None:
                return f"{name} cannot write a Tensor's gradient into an array: write `a = a + t`, or use t.numpy() for its value alone"
            if method == "at":
                return f"{name}.at cannot write a Tensor's gradient into an array: write tg.Tensor(a).at[i].add(t), a new tensor"
            if method != "__call__":
                return f"{name}.{method} of a Tensor is not an op: use t.numpy() for its value alone"
            return f"{name} of Tensors takes no {' and no '.join(kwargs)}: {'; '.join(INSTEAD.get(k, '') for k in kwargs)}"

        return leaving.on_values(getattr(ufunc, method), inputs, kwargs, refusal)

    def __array_function__(self, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return dispatch(function, args, kwargs)

    # -- gradients -------------------------------------------------------------------------------------------------------------

    def backward(self, seed: Any = None, *, intermediates: bool = True) -> None:
        """Fill `.grad` of all that this tensor was made from; `seed` is the gradient at this tensor, 1 for a scalar.

        Leaves accumulate over calls (`zero_grad` clears); intermediates keep the gradient of the latest call, or with
        `intermediates=False` none, which saves their memory. The graph stays usable.
        """
        if recorder.get() is not None:
            recorder.get().refuse_backward(self)
        for t, g in self.adjoints(seed):
            if g.base is not None or type(g) is not ndarray:  # a view, or a NumPy scalar: every .grad is an array of its own
                g = np.array(g)
            if t._op is None:
                t.grad = g if t.grad is None else np.asarray(t.grad + g)
            else:
                t.grad = g if intermediates else None

    def zero_grad(self) -> None:
        """Forget the gradient: `.grad` is None, not computed."""
        self.grad = None

    def adjoints(
        self, seed: Any = None, create_graph: bool = False, until: Container[Tensor] | None = None
    ) -> Iterator[tuple[Tensor, Any]]:
        """Yield (tensor, gradient of self with respect to it): recorded tensors newest first, then the leaves.

        Gradients are arrays, or with `create_graph` Tensors that can be differentiated again. What lies behind the tensors `until`
        is left out.
        """
        g = self._first_gradient(seed, create_graph)
        if self._op is None:
            yield self, g
            return
        gradients: dict[Tensor, Any] = {}
        leaves: dict[Tensor, Any] = {}
        heap: list[tuple[int, Tensor]] = []
        only: Tensor | None = self  # the one tensor that waits, if it is alone: most are, and stay out of the heap, 0.2 µs less
        alone = g  # its gradient so far
        while only is not None or heap:
            if only is not None:
                t, only = only, None
            else:
                t = heappop(heap)[1]
                g = gradients.pop(t)
            yield t, g  # complete: all that was made from t is newer, hence done
            if until is not None and t in until:
                continue
            op = t._op
            assert op is not None
            args = t._args
            rules: Any = op.rules
            serial = t._serial
            static = t._static
            if create_graph or not op.is_simple:
                pulled = _pulled(t, g, create_graph)
            # the two cases that follow equal the one above: a sixth of the backward pass less
            elif len(args) == 1:
                a = args[0]
                if a._serial > serial:
                    refuse_changed(a, t)
                pulled = [(a, rules[0](g, t._data, a._data, **static) if static else rules[0](g, t._data, a._data))]
            else:
                a, b = args
                pulled = []
                if type(a) is Tensor:
                    if a._serial > serial:
                        refuse_changed(a, t)
                    x = a._data
                    first = a._requires_grad
                else:
                    x = a
                    first = False
                if type(b) is Tensor:
                    if b._serial > serial:
                        refuse_changed(b, t)
                    z = b._data
                    if first:
                        pulled.append((a, rules[0](g, t._data, x, z)))
                    if b._requires_grad:
                        pulled.append((b, rules[1](g, t._data, x, z)))
                else:
                    pulled.append((a, rules[0](g, t._data, x, b)))
            for a, gx in pulled:
                x = a._data
                try:
                    fits = gx.shape == x.shape and gx.dtype is x.dtype
                except AttributeError:  # no array: fit says so
                    fits = False
                if not fits:
                    gx = fit(gx._data if type(gx) is Tensor and not create_graph else gx, x, op, a)
                elif not create_graph and gx is g:
                    gx = g.copy()  # no two tensors share a gradient
                elif not create_graph and type(gx) is Tensor:  # the rule uses ops of this package
                    gx = gx._data
                if a._op is None:
                    leaves[a] = leaves[a] + gx if a in leaves else gx
                elif a is only:
                    alone = alone + gx
                elif a in gradients:
                    gradients[a] = gradients[a] + gx
                elif only is None and not heap:
                    only, alone = a, gx
                else:
                    gradients[a] = gx
                    heappush(heap, (-a._serial, a))
            if only is not None:
                if heap:  # not alone any more
                    gradients[only] = alone
                    heappush(heap, (-only._serial, only))
                    only = None
                g = alone
        yield from leaves.items()

    def _first_gradient(self, seed: Any, create_graph: bool) -> Any:
        """The gradient at self, checked: an array (or Tensor) of its shape and dtype that nobody else holds."""
        if not self._requires_grad:
            raise RuntimeError(
                f"{self.label()} depends on no tensor that requires a gradient: make the parameters with requires_grad=True, "
                "and compute outside of no_grad()"
            )
        if seed is None:
            if self._data.size != 1:
                raise ValueError(
                    f"backward() starts at a scalar, and {self.label()} has shape {self.shape}: "
                    "write t.sum().backward(), t.mean().backward(), or give a seed of that shape, t.backward(seed)"
                )
            g = np.array(1, self._data.dtype, ndmin=self._data.ndim)
            return Tensor(g, copy=False) if create_graph else g
        value = seed._data if type(seed) is Tensor else numeric(seed)
        if value.shape != self._data.shape:
            raise ValueError(f"the seed has shape {value.shape}, {self.label()} has shape {self.shape}: they must be equal")
        if create_graph:
            if type(seed) is Tensor:
                return seed if seed.dtype == self.dtype else seed.astype(self.dtype)
            return Tensor(value, dtype=self.dtype)
        return np.array(value, self._data.dtype)


def _restore(data: Array, requires_grad: bool, name: str | None, grad: Array | None) -> Tensor:
    """A leaf, unpickled."""
    t = Tensor(data, requires_grad, name=name)
    t.grad = None if grad is None else np.array(grad)
    return t


def _pulled(t: Tensor, g: Any, create_graph: bool) -> list[tuple[Tensor, Any]]:
    """What the rules of the op that made `t` give for the gradient `g`: the tensors that require a gradient, each with its own."""
    op, args, static = t._op, t._args, t._static
    assert op is not None
    for a in args:
        if type(a) is Tensor and a._serial > t._serial:
            refuse_changed(a, t)
    y = t if create_graph else t._data
    values = args if create_graph else [a._data if type(a) is Tensor else a for a in args]
    shown = create_graph and in_textbook.get()
    rule_of = op.textbook if shown is True or (shown and op.is_brief) else op.rule
    pulled = []
    for i, a in enumerate(args):
        rule = rule_of(i) if type(a) is Tensor and a._requires_grad else None  # a constant's rule is never called
        if rule is not None:
            pulled.append((a, rule(g, y, *values, **static)))
    return pulled


def refuse_changed(a: Tensor, t: Tensor) -> None:
    """Raise if the data of `a` changed after `t` was computed from it."""
    if a._lent is not None and a._lent[0] < t._serial and a.is_unchanged():
        return
    raise RuntimeError(
        f"{a.label()} was changed in place after {t.label()} was computed from it, so this backward would be wrong: "
        "call backward() before the update, or compute the result again after it"
    )


def fit(gx: Any, x: Array, op: Op, a: Tensor) -> Any:
    """The gradient `gx` with the shape and dtype of `x`: summed over the axes that broadcasting stretched."""
    if type(gx) is not ndarray and not isinstance(gx, (Tensor, ndarray, np.generic)):
        raise TypeError(
            f"the rule of {op.name} for {a.label()} gave {short(gx)}, which is no array: "
            "a rule is an expression of g, such as g * y; where nothing flows back write g * 0.0, or None in place of the rule"
        )
    if gx.shape != x.shape:
        axes = stretched(gx.shape, x.shape)
        if axes is None:
            raise ValueError(
                f"the rule of {op.name} for {a.label()} gave a gradient of shape {gx.shape}, the argument has shape {x.shape}: "
                "a rule gives the shape of its argument, or of the op's output where the argument was broadcast"
            )
        axis = axes[0] if len(axes) == 1 else axes
        gx = total(gx, axis) if type(gx) is ndarray else gx.sum(axis=axis)
        if gx.shape != x.shape:
            gx = gx.reshape(x.shape)
    return gx if gx.dtype == x.dtype else gx.astype(x.dtype)


def total(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """x.sum, where long sums of few digits do not lose them: in a wider dtype."""
    if x.dtype is double:  # what the next line comes to, 0.1 µs sooner
        return _sum(x, axis, None, None, keepdims)
    wide = wider(x, axis)
    y = _sum(x, axis, wide, None, keepdims)
    return y.astype(x.dtype) if wide else y


_sum: Any = np.add.reduce
double = np.dtype(float)
LONG = 1 << 10  # entries, from where on a sum of float32 that is not pairwise, as NumPy's over the last axis is, gets another dtype


def wider(x: Any, axis: Any) -> Any:
    """The dtype in which a sum over the axis is to be taken: None for that of x."""
    if x.dtype.char == "e":
        return np.float32
    if x.dtype.char != "f" or x.size < LONG or (axis is None and x.flags.forc):
        return None
    return np.float64


@lru_cache
def stretched(shape: tuple[int, ...], original: tuple[int, ...]) -> tuple[int, ...] | None:
    """The axes that broadcasting `original` to `shape` stretched or added; None if it does not broadcast to it."""
    lead = len(shape) - len(original)
    if lead < 0 or any(n not in (m, 1) for m, n in zip(shape[lead:], original, strict=True)):
        return None
    return tuple(range(lead)) + tuple(lead + i for i, n in enumerate(original) if n == 1 != shape[lead + i])


class At:
    """The entries of a tensor at an index, to be changed in a new tensor."""

    def __init__(self, t: Tensor) -> None:
        self.t = t

    def __getitem__(self, index: Any) -> AtIndex:
        return AtIndex(self.t, index)


class AtIndex:
    """What `t.at[index]` gives."""

    def __init__(self, t: Tensor, index: Any) -> None:
        self.t, self.index = t, index

    def set(self, value: Any) -> Tensor:
        """A copy of the tensor in which the entries at the index are `value`; where an index repeats, the last one counts."""
        return registry["index_set"](self.t, value, self.index)

    def add(self, value: Any) -> Tensor:
        """A copy of the tensor with `value` added at the index; where an index repeats, all are added."""
        return registry["index_add"](self.t, value, self.index)
