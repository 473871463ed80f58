"""What makes a Tensor feel like an array: shape and dtype, conversions, NumPy's protocols."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from . import leaving
from . import names as _names
from .keywords import says_nothing
from .lending import read_only
from .op import Array, Recorded
from .recorder import NOBODY, top
from .recording import about_to_change, clock, is_known, is_recording, known
from .registry import dispatch, dispatch_method, numpy_functions, ufunc_methods
from .validation import operand, reworded, short

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from .methods import Operand


class ArrayInterface(Recorded):
    """The part of Tensor that is like an array."""

    __slots__ = ()
    __pandas_priority__ = 5000  # df * t and series * t are for t to compute: above DataFrame's 4000

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

    # -- its value ---------------------------------------------------------------------------------

    def numpy(self) -> Array:
        """The data as a read-only view; `.copy()` it to write."""
        return read_only(known(self))

    def to_numpy(self) -> Array:
        """The same as `numpy`: by this name plotting and table packages ask for it."""
        return self.numpy()

    # as NDArray[Any] it would make `array @ tensor` an array to type checkers
    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None
    ) -> NDArray[np.generic]:
        return np.array(leaving.value(self), dtype, copy=copy)

    def __dlpack__(self, **how: Any) -> Any:
        """A copy of its numbers: not all who take arrays in this way keep to read-only."""
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
            raise ValueError(
                f"item() needs exactly one entry, {self.label()} has shape {self.shape}: "
                "write t[i].item() or t.tolist()"
            )
        return known(self).item()

    def tolist(self) -> Any:
        """Its numbers as (nested) Python lists."""
        return known(self).tolist()

    def __repr__(self) -> str:
        value = "not known yet"
        if is_known(self):
            value = np.array2string(self._array, separator=", ", prefix="Tensor(", threshold=100)
        facts = [value, f"shape={self.shape}"]
        facts += [f"dtype={self.dtype}"] if self.dtype != np.float64 else []
        facts += [f"name={self._name!r}"] if self._name else []
        facts += [f"op={self._op.name}"] if self._op else []
        facts += ["requires_grad=True"] if self._requires_grad else []
        return f"Tensor({', '.join(facts)})"

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError(
                f"{self.label()} is a single number, it has no rows: "
                "t.item() gives it, t.reshape(1) makes one row"
            )
        return len(self._array)

    def __bool__(self) -> bool:
        value = known(self)
        if value.size > 1:
            raise ValueError(
                "`if`, `and`, `not` and max(...) ask for one truth, "
                f"{self.label()} has {value.size} entries: write (t > 0).all() or .any(), "
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
            raise TypeError(
                f"an index is an integer, {self.label()} has dtype {self.dtype}: "
                "write int(t.item())"
            )
        return known(self).__index__()

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    # -- in place ----------------------------------------------------------------------------------

    def _in_place(self, operator: Callable[[Any, Any], Any], sign: str, value: Any) -> Any:
        """`t += x`: a new tensor where history is involved; on a leaf the data changes.

        A TypeError if somebody needs the data as it was.
        """
        if top() is not NOBODY:  # in a training step this is called often: 0.1 µs less
            about_to_change(self, f"{sign}= ...")
        is_tensor = type(value) is type(self)
        is_new = is_tensor and not self._requires_grad and (value._requires_grad or value._op)
        if self._op is not None or is_new:
            return operator(self, value)
        if self._requires_grad and is_recording():
            name = _names.code(self)
            raise TypeError(
                f"`{name} {sign}= ...` would change a leaf that requires a gradient: "
                f"update it in `with tg.no_grad(): {name} {sign}= ...`, "
                f"or compute a new tensor, `new = {name} {sign} ...`"
            )
        if is_tensor:
            other = value._array
        else:
            other = value if type(value) is np.ndarray else operand(value)
        before = self._serial
        # first: an interrupt between the two makes a later backward refuse, not err
        self._serial = clock()
        if self._lent is not None:
            self._lent = True
        try:
            operator(self._array, other, self._array)  # type: ignore[call-arg]
        except (ValueError, TypeError) as error:
            self._serial = before  # NumPy refused, and wrote nothing
            text = (
                f"`t {sign}= x` cannot change {self.label()} "
                f"of shape {self.shape} and dtype {self.dtype}: {error}; write `t = t {sign} x`"
            )
            raise reworded(error, text) from None
        return self

    # a Tensor, of which this module does not know
    def __iadd__(self, value: Operand) -> Any:
        return self._in_place(np.add, "+", value)

    def __isub__(self, value: Operand) -> Any:
        return self._in_place(np.subtract, "-", value)

    def __imul__(self, value: Operand) -> Any:
        return self._in_place(np.multiply, "*", value)

    def __itruediv__(self, value: Operand) -> Any:
        return self._in_place(np.divide, "/", value)

    def __ipow__(self, value: Operand) -> Any:
        return self._in_place(np.power, "**", value)

    def __ifloordiv__(self, value: Operand) -> Any:
        return self._in_place(np.floor_divide, "//", value)

    def __imod__(self, value: Operand) -> Any:
        return self._in_place(np.remainder, "%", value)

    def __imatmul__(self, value: Operand) -> Any:
        return self._in_place(np.matmul, "@", value)

    def __divmod__(self, other: Any) -> tuple[Any, Any]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Any, Any]:
        return other // self, other % self

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise TypeError(
            "`t[i] = v` would change recorded data: "
            f"write `t = t.at[{short(index)}].set(v)`, a new tensor"
        )

    # -- NumPy's protocols -------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__" and not kwargs:
            ours = numpy_functions.get(ufunc)  # the common case of what follows, 0.2 µs less
            return ours(*inputs) if ours is not None else dispatch(ufunc, inputs, kwargs)
        kwargs = {key: value for key, value in kwargs.items() if not says_nothing(key, value)}
        has_axis_alone = ufunc.signature and kwargs.keys() == {"axis"}
        if method == "__call__" and (not kwargs or has_axis_alone):
            return dispatch(ufunc, inputs, kwargs)
        if kwargs.get("out") is None and method in ufunc_methods:
            return ufunc_methods[method](ufunc, *inputs, **kwargs)
        return dispatch_method(ufunc, method, inputs, kwargs)

    def __array_function__(
        self, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        return dispatch(function, args, kwargs)
