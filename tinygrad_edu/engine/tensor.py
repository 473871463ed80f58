"""Tensor: its data, its history, its gradient.

A `Tensor` is a NumPy array that remembers the op and the operands that made it. `adjoints` walks
from a tensor to everything it was made from, newest first, and yields each tensor with its
gradient: `backward`, the transforms and every reader of the graph consume that one generator.
"""

from __future__ import annotations

import sys
from collections.abc import Container, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, final

import numpy as np

from . import leaving, lending
from . import names as _names
from .accumulation import accumulate
from .array_interface import ArrayInterface
from .at import At
from .fast_backward import adjoints
from .lending import lend, look
from .op import Array, Op
from .recorder import NOBODY, listening, top
from .recording import (
    about_to_change,
    about_to_use_gradient,
    asked_for,
    clock,
    known,
)
from .registry import dispatch
from .validation import numeric, short

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from .methods import Operand


@final
class Tensor(ArrayInterface):
    """A NumPy array that records what is computed from it, for `backward` to find its gradients.

    `data` is anything `np.array` takes; it is copied unless `copy=False`. Python floats make
    float64, and a float dtype that is given is kept. `requires_grad=True` (floats only) makes it a
    leaf whose `.grad`, an array of the same shape and dtype, is filled by `backward` and
    accumulates over calls until `zero_grad`. `name` is a label for pictures and messages.

    >>> import tinygrad_edu as tg
    >>> x = tg.Tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    array([2., 4.])
    """

    __slots__ = ()

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
                raise TypeError(
                    "Tensor(t) would lose the gradient of t: "
                    "use t itself, or t.detach() for its value alone"
                )
            data = known(data)
        elif isinstance(data, (list, tuple)):
            leaving.refuse_in(data)
        array = numeric(data, dtype)
        self._array = np.array(array, subok=False) if copy else np.asarray(array)
        self._op, self._args, self._static, self._serial = None, (), {}, clock()
        self._lent = self._grad = None
        self._requires_grad = False
        self._name = None
        if name is not None:
            self.named(name)
        if requires_grad is not False:
            self.requires_grad = requires_grad

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError(
            "Tensor cannot be subclassed: write a function of Tensors, or define an op with tg.op"
        )

    # -- what it holds -----------------------------------------------------------------------------

    @property
    def data(self) -> Array:
        """The array.

        A leaf's may be written to before it is used; what a graph remembers is read-only.
        """
        if self._op is not None:
            return self.numpy()
        known(self)
        # handed out for writing: whoever computes with it, or walks back to it, looks for a change
        if self._lent is None:
            lend(self)
        return self._array

    @data.setter
    def data(self, value: Any) -> None:
        about_to_change(self, "data = ...")
        if self._op is not None:
            raise TypeError(
                f"the data of {self.label()} is what its graph remembers: "
                "assign to a leaf, or use t.detach()"
            )
        if value is self._array:  # `t.data -= x` has written to it
            self._serial = clock()
            if self._lent is not None:
                self._lent = True
                if sys.getrefcount(value) == lending.alone[1] and value.base is None:
                    self._lent = None
                    lending.lent.pop(id(self), None)
            return
        if type(value) is Tensor and leaving.loses(value):
            name = _names.code(self)
            raise TypeError(
                f"`{name}.data = x` would lose the gradient of x: update {name} in "
                f"`with tg.no_grad(): {name} -= ...`, or write `{name}.data = x.numpy()`"
            )
        array = numeric(value)
        if array.shape != self.shape:
            raise ValueError(
                f"data of shape {array.shape} was assigned to {self.label()} "
                f"of shape {self.shape}: make a new Tensor"
            )
        array = np.array(array, self.dtype)
        self._serial = clock()
        if self._lent is not None:
            self._lent = True
        self._array = array

    @property
    def grad(self) -> Array | Any:  # with Any, `p -= lr * p.grad` is no error to type checkers
        """The gradient that `backward` found, of the same shape and dtype; None: not computed."""
        about_to_use_gradient(self)
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        about_to_use_gradient(self)
        if value is None or value is self._grad:
            self._grad = value
            return
        array = numeric(known(value) if type(value) is Tensor else value)
        if array.shape != self.shape or array.dtype != self.dtype:
            raise ValueError(
                f"an array of shape {array.shape} and dtype {array.dtype} was assigned to "
                f"the .grad of {self.label()}, "
                f"which has shape {self.shape} and dtype {self.dtype}: "
                "a gradient has both in common with its tensor; .reshape(...) or .astype(...) it, "
                "or write t.zero_grad()"
            )
        self._grad = np.array(array, self.dtype)  # no two tensors share a gradient

    @property
    def requires_grad(self) -> bool:
        """Whether gradients are asked for.

        Of a leaf, by its maker; of a result, because an operand of its op requires one.
        """
        asked_for(self, "requires_grad", self._requires_grad)
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if self._op is not None:
            raise TypeError(
                "requires_grad can be set on a leaf only: use t.detach() to cut the graph here"
            )
        if not isinstance(value, (bool, np.bool)):
            raise TypeError(
                f"requires_grad is True or False, not {short(value)}: "
                "a dtype is given by name, tg.Tensor(data, dtype=float)"
            )
        if value and self.dtype.kind != "f":
            floats = "the numbers with decimal points"
            if self.size < 4:
                floats = str(self._array.astype(float).tolist())
            raise TypeError(
                f"requires_grad=True needs floats, {self.label()} has dtype {self.dtype}: "
                f"write {floats}, or dtype=float"
            )
        self._requires_grad = bool(value)

    @property
    def name(self) -> str | None:
        """A label for pictures and messages."""
        asked_for(self, "name", self._name)
        return self._name

    @name.setter
    def name(self, value: str | None) -> None:
        about_to_change(self, "name = ...")
        self._name = value

    def named(self, name: str | None) -> Tensor:
        """Itself, with a label for pictures and messages: `z1 = (x @ W1 + b1).named("z1")`."""
        if name is not None and not isinstance(name, str):
            raise TypeError(f"a name is a str, not {type(name).__name__}: {short(name)}")
        self.name = name
        return self

    def label(self) -> str:
        """How messages call it: its name or the caller's variable, else what it is."""
        what = "the tensor" if self._op is None else f"the result of {self._op.name}"
        return _names.of(self) or what

    # -- its history -------------------------------------------------------------------------------

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

    def detach(self) -> Tensor:
        """A copy of its value with no history: a constant."""
        for recorder in listening():
            t: Tensor | None = recorder.detached(self)
            if t is not None:
                return t
        return Tensor(self._array)

    # -- gradients ---------------------------------------------------------------------------------

    def backward(self, seed: Any = None, *, intermediates: bool = True) -> None:
        """Fill `.grad` of all that this tensor was made from.

        `seed` is the gradient at this tensor, 1 for a scalar. Leaves accumulate over calls
        (`zero_grad` clears); intermediates keep the gradient of the latest call, or with
        `intermediates=False` none, which saves their memory. The graph stays usable.
        """
        if top() is not NOBODY:
            for recorder in listening():
                recorder.backward_called(self)
        accumulate(self, self.adjoints(seed), intermediates)

    def zero_grad(self) -> None:
        """Forget the gradient: `.grad` is None, not computed."""
        about_to_use_gradient(self)
        self._grad = None

    def adjoints(
        self, seed: Any = None, create_graph: bool = False, until: Container[Tensor] | None = None
    ) -> Iterator[tuple[Tensor, Any]]:
        """Yield (tensor, gradient of self with respect to it): recorded newest first, then leaves.

        Gradients are arrays, or with `create_graph` Tensors that can be differentiated again. What
        lies behind the tensors `until` is left out.
        """
        walk = adjoints(self, seed, create_graph, until)
        if top() is not NOBODY:
            for recorder in listening():
                walk = recorder.walk_begins(walk, until)
        return walk

    # -- other tensors -----------------------------------------------------------------------------

    @property
    def T(self) -> Tensor:
        """All axes reversed."""
        return self.transpose()

    @property
    def mT(self) -> Tensor:
        """The last two axes swapped: the matrix transpose of every matrix in the stack."""
        return self.swapaxes(-1, -2)

    def ravel(self, order: str = "C") -> Tensor:
        """All entries in one row; "F" for the first axis running first."""
        return (self.transpose() if order == "F" else self).reshape(-1)

    flatten = ravel

    def dot(self, other: Operand) -> Tensor:
        """`np.dot`: of vectors and matrices the same as `@`."""
        return dispatch(np.dot, (self, other), {})  # type: ignore[no-any-return]

    @property
    def at(self) -> At[Tensor]:
        """`t.at[i].set(v)` and `t.at[i].add(v)`: a new tensor with the entries at `i` changed."""
        return At(self)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    __hash__ = object.__hash__  # by identity; == compares entries and makes a Tensor of booleans

    def __reduce__(self) -> tuple[Any, ...]:
        if self._op is not None:
            raise TypeError(
                f"{self.label()} has a history, which cannot be copied or pickled: "
                "copy t.detach(), or the leaves"
            )
        data = known(self)
        leaving.refuse_copy(self)
        return _restore, (data, self._requires_grad, self.name, self._grad)


def _restore(data: Array, requires_grad: bool, name: str | None, grad: Array | None) -> Tensor:
    """A leaf, unpickled."""
    t = Tensor(data, requires_grad, name=name)
    t.grad = grad
    return t
