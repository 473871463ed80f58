"""Tensor and the one backward walk: read this file first, and `operation.py` next.

A `Tensor` is a NumPy array that remembers the op and the operands that made it. An `Op` knows how to run and how to pull a
gradient back to each of its arguments. `Tensor.adjoints` walks from a tensor to everything it was made from, newest first, and
yields each tensor with its gradient: `backward`, the transforms and every reader of the graph consume that one generator.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Container, Iterator, Mapping
from functools import lru_cache, partial
from heapq import heappop, heappush
from math import prod
from typing import TYPE_CHECKING, Any, NoReturn, final
from weakref import ref

import numpy as np

from . import _names, leaving
from ._methods import AtMethods, Methods
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

    __pandas_priority__ = 5000  # df * t and series * t are for t to compute: above DataFrame's 4000
    __slots__ = ("__weakref__", "_args", "_array", "_grad", "_lent", "_node", "_op", "_requires_grad", "_serial", "_static", "name")

    _array: Array
    _op: Op | None
    _args: tuple[Any, ...]
    _static: dict[str, Any]
    _serial: int
    _requires_grad: bool
    _lent: bytes | bool | None  # of a leaf whose `.data` was handed out: its bytes when last looked at; True: not since it changed
    _node: Tensor | None  # set where `grad` keeps less than the value: what stands for this tensor in the graph; None in that one
    _grad: Array | None
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
        self._array = np.array(array, subok=False) if copy else np.asarray(array)
        self._op, self._args, self._static, self._serial = None, (), {}, clock()
        self._lent = self._grad = None
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
        if self._lent is None:  # handed out for writing: whoever computes with it, or walks back to it, looks whether it has changed
            lent[id(self)] = ref(self, partial(_returned, id(self)))
            self._lent = self._array.tobytes()
        return self._array

    @data.setter
    def data(self, value: Any) -> None:
        if recorder.get() is not None:
            recorder.get().refuse_change(self, "data = ...")
        if self._op is not None:
            raise TypeError(f"the data of {self.label()} is what its graph remembers: assign to a leaf, or use t.detach()")
        if value is self._array:  # `t.data -= x` has written to it
            self._serial = clock()
            if self._lent is not None:
                self._lent = True
                if sys.getrefcount(value) == _alone[1] and value.base is None:
                    self._lent = None
                    lent.pop(id(self), None)
            return
        if type(value) is Tensor and leaving.loses(value):
            name = self.name or _names.of(self) or "t"
            raise TypeError(
                f"`{name}.data = x` would lose the gradient of x: update {name} in `with tg.no_grad(): {name} -= ...`, "
                f"or write `{name}.data = x.numpy()`"
            )
        array = numeric(value)
        if array.shape != self.shape:
            raise ValueError(f"data of shape {array.shape} was assigned to {self.label()} of shape {self.shape}: make a new Tensor")
        array = np.array(array, self.dtype)
        self._serial = clock()
        if self._lent is not None:
            self._lent = True
        self._array = array

    @property
    def grad(self) -> Array | Any:  # with Any, as `re.match` has it, `p -= lr * p.grad` is no error to type checkers
        """The gradient that `backward` found, an array of the same shape and dtype; None: not computed."""
        if recorder.get() is not None:
            recorder.get().refuse_gradient(self)
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if recorder.get() is not None:
            recorder.get().refuse_gradient(self)
        if value is None or value is self._grad:
            self._grad = value
            return
        array = numeric(value._known() if type(value) is Tensor else value)
        if array.shape != self.shape or array.dtype != self.dtype:
            given = f"an array of shape {array.shape} and dtype {array.dtype}"
            raise ValueError(
                f"{given} was assigned to the .grad of {self.label()}, which has shape {self.shape} and dtype {self.dtype}: "
                "a gradient has both in common with its tensor; .reshape(...) or .astype(...) it, or write t.zero_grad()"
            )
        self._grad = np.array(array, self.dtype)  # no two tensors share a gradient

    @property
    def requires_grad(self) -> bool:
        """Whether gradients are asked for: of a leaf, by its maker; of a result, because an operand of its op requires one."""
        if recorder.get() is not None:
            recorder.get().asked_for_flag(self)
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if self._op is not None:
            raise TypeError("requires_grad can be set on a leaf only: use t.detach() to cut the graph here")
        if not isinstance(value, (bool, np.bool)):
            raise TypeError(f"requires_grad is True or False, not {short(value)}: a dtype is given by name, tg.Tensor(data, dtype=float)")
        if value and self.dtype.kind != "f":
            floats = f"{self._array.astype(float).tolist()}" if self.size < 4 else "the numbers with decimal points"
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
        if self._lent is not None:
            look(self)
        return self._serial

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of its axes."""
        return self._array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy dtype of its numbers."""
        return self._array.dtype

    @property
    def ndim(self) -> int:
        """The number of its axes."""
        return self._array.ndim

    @property
    def size(self) -> int:
        """The number of its entries."""
        return self._array.size

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
        return self._array

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
        return self._array.__dlpack_device__()

    @property
    def mask(self) -> NoReturn:
        leaving.value(self)  # np.ma asks for a mask where it takes the data
        raise AttributeError("a Tensor has no mask: write tg.where(mask, t, 0.0)")

    _mask = mask

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
        return Tensor(self._array)

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
        value = np.array2string(self._array, separator=", ", prefix="Tensor(", threshold=100) if is_known(self) else "not known yet"
        facts = [value, f"shape={self.shape}"]
        facts += [f"dtype={self.dtype}"] if self.dtype != np.float64 else []
        facts += [f"name={self.name!r}"] if self.name else []
        facts += [f"op={self._op.name}"] if self._op else []
        facts += ["requires_grad=True"] if self._requires_grad else []
        return f"Tensor({', '.join(facts)})"

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError(f"{self.label()} is a single number, it has no rows: t.item() gives it, t.reshape(1) makes one row")
        return len(self._array)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        value = self._known()
        if value.size > 1:
            name = self.label()
            raise ValueError(
                f"`if`, `and`, `not` and max(...) ask for one truth, {name} has {value.size} entries: write (t > 0).all() or .any(), "
                "for each entry tg.where(condition, a, b), tg.maximum(a, b), & and |"
            )
        return bool(value)

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
        return _restore, (data, self._requires_grad, self.name, self._grad)

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
        other = value._array if type(value) is Tensor else value if type(value) is ndarray else operand(value)
        before = self._serial
        self._serial = clock()  # first: an interrupt between the two makes a later backward refuse, not err
        if self._lent is not None:
            self._lent = True
        try:
            operator(self._array, other, self._array)  # type: ignore[call-arg]
        except (ValueError, TypeError) as error:
            self._serial = before  # NumPy refused, and wrote nothing
            text = (
                f"`t {sign}= x` cannot change {self.label()} of shape {self.shape} and dtype {self.dtype}: {error}; write `t = t {sign} x`"
            )
            raise retold(error, text) from None
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
        if method == "__call__" and (not kwargs or (ufunc.signature and kwargs.keys() == {"axis"})):
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
        walk = self.adjoints(seed)
        # nothing is written before all is known, so that an error, or Ctrl-C, leaves every .grad as it was
        found = list(walk) if intermediates else [(t, g if t._op is None else None) for t, g in walk]
        leaves = []
        while found and found[-1][0]._op is None:  # they come last
            t, g = found.pop()
            leaves.append((t, _owned(g) if t._grad is None else np.asarray(t._grad + g)))
        if not leaves:
            self._refuse_constant()
        try:
            _write(found, leaves)
        except BaseException:  # Ctrl-C: not before all is written
            _write(found, leaves)
            raise

    def zero_grad(self) -> None:
        """Forget the gradient: `.grad` is None, not computed."""
        if recorder.get() is not None:
            recorder.get().refuse_gradient(self)
        self._grad = None

    def adjoints(
        self, seed: Any = None, create_graph: bool = False, until: Container[Tensor] | None = None
    ) -> Iterator[tuple[Tensor, Any]]:
        """Yield (tensor, gradient of self with respect to it): recorded tensors newest first, then the leaves.

        Gradients are arrays, or with `create_graph` Tensors that can be differentiated again. What lies behind the tensors `until`
        is left out.
        """
        g = self._first_gradient(seed, create_graph)
        if lent:
            look_at_all()
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
                if g.dtype is not t._array.dtype:
                    g = g.astype(t._array.dtype)
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
                if not a._requires_grad:  # the argument of a transform, which was a parameter while its function ran
                    continue
                if a._serial > serial:
                    refuse_if_read(a, t)
                pulled = [(a, rules[0](g, t._array, a._array, **static) if static else rules[0](g, t._array, a._array))]
            else:
                a, b = args
                pulled = []
                if type(a) is Tensor:
                    if a._serial > serial:
                        refuse_if_read(a, t)
                    x = a._array
                    first = a._requires_grad
                else:
                    x = a
                    first = False
                if type(b) is Tensor:
                    if b._serial > serial:
                        refuse_if_read(b, t)
                    z = b._array
                    if first:
                        pulled.append((a, rules[0](g, t._array, x, z)))
                    if b._requires_grad:
                        pulled.append((b, rules[1](g, t._array, x, z)))
                else:
                    pulled.append((a, rules[0](g, t._array, x, b)))
            for a, gx in pulled:
                x = a._array
                try:
                    fits = gx.shape == x.shape and gx.dtype is x.dtype
                except AttributeError:  # no array: fit says so
                    fits = False
                if not fits:
                    gx = fit(gx, x, op, a, t._array)
                if gx is g and not create_graph:
                    gx = g.copy()  # no two tensors share a gradient
                if a._op is None:
                    leaves[a] = added(leaves[a], gx) if a in leaves else gx
                elif a is only:
                    alone = alone + gx
                elif a in gradients:
                    gradients[a] = added(gradients[a], gx)
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
        for t, g in leaves.items():
            yield t, g if g.dtype is t._array.dtype else g.astype(t._array.dtype)

    def _refuse_constant(self) -> NoReturn:
        raise RuntimeError(
            f"{self.label()} depends on no tensor that requires a gradient: make the parameters with requires_grad=True, "
            "and compute outside of no_grad()"
        )

    def _first_gradient(self, seed: Any, create_graph: bool) -> Any:
        """The gradient at self, checked: an array (or Tensor) of its shape and dtype that nobody else holds."""
        if not self._requires_grad:
            self._refuse_constant()
        if seed is None:
            if self._array.size != 1:
                raise ValueError(
                    f"backward() starts at a scalar, and {self.label()} has shape {self.shape}: "
                    "write t.sum().backward(), t.mean().backward(), or give a seed of that shape, t.backward(seed)"
                )
            g = np.array(1, self._array.dtype, ndmin=self._array.ndim)
            return Tensor(g, copy=False) if create_graph else g
        value = seed._array if type(seed) is Tensor else numeric(seed)
        if value.shape != self._array.shape:
            raise ValueError(f"the seed has shape {value.shape}, {self.label()} has shape {self.shape}: they must be equal")
        if create_graph:
            if type(seed) is Tensor:
                return seed if seed.dtype == self.dtype else seed.astype(self.dtype)
            return Tensor(value, dtype=self.dtype)
        return np.array(value, self._array.dtype)


def _owned(g: Any) -> Any:
    """A gradient as an array of its own: not a view, nor a NumPy scalar."""
    return g if g.base is None and type(g) is ndarray else np.array(g)


def _write(found: list[tuple[Tensor, Any]], leaves: list[tuple[Tensor, Any]]) -> None:
    """Give every tensor its gradient; doing so twice is doing so once."""
    for t, g in found:
        t._grad = g if g is None or (g.base is None and type(g) is ndarray) else np.array(g)
    for t, g in leaves:
        t._grad = g


def _restore(data: Array, requires_grad: bool, name: str | None, grad: Array | None) -> Tensor:
    """A leaf, unpickled."""
    t = Tensor(data, requires_grad, name=name)
    t.grad = grad
    return t


def _returned(key: int, _: Any) -> None:
    """Forget data that was handed out, of a tensor that is gone."""
    lent.pop(key, None)


lent: dict[int, ref[Tensor]] = {}  # the leaves whose data was handed out by `.data`, and may be changed by whoever holds it


def look(t: Tensor) -> None:
    """Notice whether data that was handed out has changed since the last look; when nobody holds it any more, it is not looked at again."""
    seen = t._lent
    if seen is None:
        return
    alone = sys.getrefcount(t._array) == _alone[0] and t._array.base is None
    now = None if alone and seen is True else t._array.tobytes()
    if seen is not True and now != seen:
        t._serial = clock()
    t._lent = None if alone else now
    if alone:
        lent.pop(id(t), None)


def look_at_all() -> None:
    """Look at all data that was handed out."""
    for held in list(lent.values()):
        t = held()
        if t is not None:
            look(t)


class _Probe:
    """Counts the references to data: that of a tensor is looked at in the same way."""

    def __init__(self) -> None:
        self._array, self.counts = np.zeros(1), [0]
        self.counts.append(sys.getrefcount(self._array))

    @property
    def data(self) -> Array:
        return self._array

    @data.setter
    def data(self, value: Any) -> None:
        self.counts.append(sys.getrefcount(value))


def _references() -> tuple[int, int]:
    """What getrefcount says of data that a tensor alone holds: when looked at, and in the setter after `t.data -= x`.

    The second is 0 where Python lends references without counting them, so that a variable would not show.
    """
    probe = _Probe()
    probe.data -= 0
    held = probe.data
    probe.data = held
    _, looked, alone, shared = probe.counts
    return looked, alone if shared > alone else 0


_alone = _references()


def _pulled(t: Tensor, g: Any, create_graph: bool) -> list[tuple[Tensor, Any]]:
    """What the rules of the op that made `t` give for the gradient `g`: the tensors that require a gradient, each with its own."""
    op, args, static = t._op, t._args, t._static
    assert op is not None
    for a in args:
        if type(a) is Tensor and a._serial > t._serial:
            refuse_if_read(a, t)
    y = t if create_graph else t._array
    values = args if create_graph else [a._array if type(a) is Tensor else a for a in args]
    shown = create_graph and in_textbook.get()
    is_shown = shown is True or (shown and op.is_brief)
    pulled = []
    for i, a in enumerate(args):
        if type(a) is not Tensor or not a._requires_grad:
            continue  # a constant's rule is never called
        rule = op.textbook(i, t if shown is True else None) if is_shown else op.rule(i)
        if rule is not None:
            pulled.append((a, op.pull(rule, g, y, values, static)))
    return pulled


def refuse_if_read(a: Tensor, t: Tensor) -> None:
    """Raise if the data of `a`, which changed after `t` was computed from it, is read by a rule on the way back from `t`."""
    assert t._op is not None
    read = t._op.reads([type(b) is Tensor and b._requires_grad for b in t._args])
    if any([b is a and i in read for i, b in enumerate(t._args)]):
        refuse_changed(a, t)


def refuse_changed(a: Tensor, t: Tensor) -> NoReturn:
    """Raise, since the data of `a` changed after `t` was computed from it."""
    raise RuntimeError(
        f"{a.label()} was changed in place after {t.label()} was computed from it, so this backward would be wrong: "
        "call backward() before the update, or compute the result again after it"
    )


def fit(gx: Any, x: Array, op: Op, a: Tensor, y: Array) -> Any:
    """The gradient `gx` with the shape and dtype of `x`: summed over the axes that broadcasting stretched to those of the output `y`."""
    if type(gx) is not ndarray and not isinstance(gx, (Tensor, ndarray, np.generic)):
        raise TypeError(
            f"the rule of {op.name} for {a.label()} gave {short(gx)}, which is no array: "
            "a rule is an expression of g, such as g * y; where nothing flows back write g * 0.0, or None in place of the rule"
        )
    if gx.shape != x.shape:
        axis = summed(gx.shape, x.shape, y.shape)
        if axis is None:
            raise ValueError(
                f"the rule of {op.name} for {a.label()} gave a gradient of shape {gx.shape}, "
                f"the argument has shape {x.shape} and the output {y.shape}: "
                "a rule gives the shape of its argument, or of the op's output where the argument was broadcast"
            )
        is_double = type(gx) is ndarray and gx.dtype is double
        gx = _sum(gx, axis) if is_double else total(gx, axis) if type(gx) is ndarray else gx.sum(axis=axis)
        if gx.shape != x.shape:
            gx = gx.reshape(x.shape)
    return gx if gx.dtype == x.dtype else gx.astype(x.dtype)


def added(a: Any, b: Any) -> Any:
    """a + b; in float16, where 2,048 + 1 is 2,048, as float32."""
    return a + b if b.dtype.char != "e" else a.astype(np.float32) + b


def total(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """x.sum, where long sums of few digits do not lose them: in a wider dtype."""
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
def summed(given: tuple[int, ...], shape: tuple[int, ...], output: tuple[int, ...]) -> int | tuple[int, ...] | None:
    """The axes over which a gradient is summed to the shape of its argument; None if it owes them to something else than broadcasting."""
    axes = stretched(given, shape)
    if axes is None:
        return None
    foreign = [i for i in axes if given[i] > 1 and given[i] not in output[i : i + 1]]
    if axes and (shape == output or (foreign and prod(given) > prod(output))):
        return None
    return axes[0] if len(axes) == 1 else axes


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


class AtIndex(AtMethods):
    """What `t.at[index]` gives."""

    def __init__(self, t: Tensor, index: Any) -> None:
        self.t, self.index = t, index

    def set(self, value: Any) -> Tensor:
        """A copy of the tensor in which the entries at the index are `value`; where an index repeats, the last one counts."""
        return self._changed("set", value)

    def add(self, value: Any) -> Tensor:
        """A copy of the tensor with `value` added at the index; where an index repeats, all are added."""
        return self._changed("add", value)

    def _changed(self, change: str, value: Any) -> Tensor:
        program = recorder.get()
        found: Tensor | None = None if program is None else program.at(self.t, self.index, change, value)
        return registry[f"index_{change}"](self.t, value, self.index) if found is None else found
