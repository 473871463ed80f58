"""A compiled function: one program for each signature that it was called with."""

from __future__ import annotations

import inspect
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import update_wrapper
from types import MethodType
from typing import Any

import numpy as np

from ..engine import names as _names
from ..engine.pytree import parts_of
from ..engine.recorder import NOBODY, top
from ..engine.recording import are_ops_needed
from ..engine.tensor import Tensor
from ..engine.validation import short
from ..notation.names import identifier
from .emit.listing import Passes
from .entry import MISS
from .repeat import Repeated
from .signature import Signature, assembled, is_array, like
from .version import Version

MANY = 16  # recordings: whoever has more of them passes what changes as a number
# programs of a function, and methods of as many instances: those that were not used for longest are
# forgotten
KEPT = 64
FEW = 8  # programs that are tried in turn


def name_of(f: Callable[..., Any]) -> str:
    """What a program is called."""
    name = getattr(f, "__name__", "<")
    return "f" if name[:1] in ("<", "") else identifier(name)


def refuse_unless_function(f: Any) -> None:
    """Raise if something cannot be compiled."""
    if isinstance(f, classmethod):
        raise TypeError(
            "a class method is compiled before it becomes one: write @classmethod above @tg.compile"
        )
    if not callable(f):
        raise TypeError(f"compile takes a function, not {type(f).__name__}: {short(f)}")
    for is_one, kind in (
        (inspect.isgeneratorfunction, "a generator, which stops at each yield"),
        (inspect.iscoroutinefunction, "a coroutine, which waits"),
        (inspect.isasyncgenfunction, "an asynchronous generator"),
    ):
        if is_one(f):
            raise TypeError(
                f"{name_of(f)} is {kind}: a compiled function runs once and returns; compile the "
                "step that it does, and call that in it"
            )


def opened(value: Any) -> Any:
    """An argument with its arrays as Tensors, as a function sees them that is compiled."""
    if type(value) is Tensor:
        return value
    if is_array(value):
        return Tensor(value, copy=False)
    parts = parts_of(value)
    return (
        value
        if parts is None
        else assembled(type(value), {key: opened(v) for key, v in parts.items()}, like(value))
    )


class SourceText(str):
    """A program as text.

    A notebook, or the prompt, shows its lines and not one line with quotes.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Compiled:
    """A function that runs as a program, recorded at the first call for some shapes and dtypes.

    Made by `compile`. `.source` is the latest program as Python text, `.signatures` says for which
    arguments there is one.
    """

    target = "numpy"

    def __init__(self, f: Callable[..., Any], donate: int | str | Sequence[int | str] = ()) -> None:
        self._is_static = isinstance(f, staticmethod)
        f = f.__func__ if isinstance(f, staticmethod) else f
        refuse_unless_function(f)
        update_wrapper(self, f, updated=())  # an object's own attributes are none of ours
        self.f = f
        self.donate: tuple[int | str, ...] = (
            (donate,) if isinstance(donate, (int, str)) else tuple(donate)
        )
        self.name = name_of(f)
        self.roots: tuple[Any, ...] = (f,)  # what a program may read from outside is seen from here
        self._versions: OrderedDict[Any, Version] = OrderedDict()  # the latest one last
        self._latest: Version | None = None
        self._bound: OrderedDict[int, Compiled] = OrderedDict()  # the methods of instances
        self._recordings = 0
        self._enter: Callable[..., Any] = lambda args, kwargs: MISS

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program for these arguments; record it first, if there is none."""
        # part of something larger, which needs to see what is computed
        if top() is not NOBODY and are_ops_needed():
            return self._seen_through(args, kwargs)
        result = self._enter(args, kwargs)
        return self._missed(args, kwargs) if result is MISS else result

    def __get__(self, instance: Any, owner: type | None = None) -> Compiled:
        """A method of an instance.

        A compiled function of its own, since it reads the instance's attributes.
        """
        if instance is None or self._is_static:
            return self
        bound = self._bound.pop(id(instance), None)
        if bound is None:
            bound = self._of(
                MethodType(self.f, instance),
                [i - 1 if isinstance(i, int) else i for i in self.donate],
            )
            bound.name = self.name
        self._bound[id(instance)] = bound
        if len(self._bound) > KEPT:
            self._bound.popitem(last=False)
        return bound

    def _of(self, f: Callable[..., Any], donate: Sequence[int | str]) -> Compiled:
        """Another function, compiled in the same way."""
        return Compiled(f, donate)

    def backward(self, pull: Callable[..., Any]) -> Compiled:
        """What pulls a gradient back through a call, compiled for the same target."""
        other = Compiled(pull)
        other.name, other.roots = f"{self.name}_backward", self.roots
        return other

    def __reduce__(self) -> Any:
        raise TypeError(
            f"{self.name} is compiled, and a program is not pickled: pickle the function itself, "
            f"{self.name}.f, "
            "and compile it where it is loaded"
        )

    def __copy__(self) -> Compiled:
        return self

    def __deepcopy__(self, memo: Any) -> Compiled:
        return self

    def _seen_through(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What the function itself gives, on Tensors, as when it is recorded."""
        return self.f(*[opened(a) for a in args], **{name: opened(a) for name, a in kwargs.items()})

    def _missed(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run another version than the latest, which may have to be recorded."""
        for key in [*reversed(self._versions)][1:FEW]:  # a try takes 1 µs, the key of a call 20
            version = self._versions.get(key)
            result = MISS if version is None else version.enter(args, kwargs)
            if result is not MISS:
                self._use(key, version)
                return result
        version, signature = self.version(args, kwargs)
        plain = self.plain_arguments(signature)
        result = version.enter(*plain)
        if result is MISS:  # recording it changed what it reads: a count of steps, say
            result = version.once()(*plain)
        assert result is not MISS, f"{self.name} was recorded for {signature}, and does not fit it"
        return result

    def plain(self, value: Any) -> Any:
        """An argument as the way in takes it.

        A Tensor, an array of NumPy's, or a number of NumPy's.
        """
        return value if isinstance(value, (Tensor, np.generic)) else np.asarray(value)

    def plain_arguments(self, signature: Signature) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of a call as the way in takes them."""
        args, kwargs = signature.rebuilt([self.plain(x.value) for x in signature.inputs])
        return tuple(args), kwargs

    def version(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Version, Signature]:
        """The program for some arguments, recorded if there is none, and their signature."""
        signature = Signature(self.f, args, kwargs)
        self._check_donated(signature)
        version = self._versions.get(signature.key)
        if version is None or version.captured.is_outdated():
            version = self._recorded(Signature(self.f, args, kwargs))
            self._recordings += 1
            self._versions[signature.key] = version
            self._warn_of_many(signature)
        self._use(signature.key, version)
        return version, signature

    def _use(self, key: Any, version: Any) -> None:
        """Make a version the latest one, and forget those that were not used for long."""
        self._latest, self._enter = version, version.enter
        if key in self._versions:
            self._versions.move_to_end(key)
        while len(self._versions) > KEPT:
            self._versions.popitem(last=False)

    def repeat(self, n: int, history: bool = False, carry: int = 1) -> Repeated:
        """A function that does n steps in one call.

        The step takes its state as the first argument and returns the new one.

        The step returns the new state alone, or a tuple that begins with it: `return parameters,
        loss`. With `carry=2` the first two arguments are the state, and so on. The function gives
        what the last step gives; with `history`, what is not fed back comes from all steps, stacked
        along a new first axis: the cost curve.

        >>> import numpy as np, tinygrad_edu as tg
        >>> step = tg.compile(lambda x, target: (x - 0.5 * (x - target), (x - target) ** 2))
        >>> x, cost = step.repeat(3, history=True)(np.array(0.0), 1.0)
        >>> x.item(), cost.tolist()
        (0.875, [1.0, 0.25, 0.0625])
        """
        return Repeated(self, n, history, carry)

    def _check_donated(self, signature: Signature) -> None:
        for x in signature.of(self.donate):
            refuse_unless_writable(x.value)

    def _warn_of_many(self, signature: Signature) -> None:
        if len(self._versions) == MANY and signature.constants:
            warnings.warn(
                f"{self.name} was recorded for {MANY} signatures, and each new value of "
                f"{signature.constants[0].label} is another: "
                "what changes from call to call should be a Tensor or an array, np.array(0.1)",
                stacklevel=4,
            )

    def _recorded(self, signature: Signature) -> Version:
        return Version(self, signature)

    @property
    def signatures(self) -> list[str]:
        """The arguments that there is a program for."""
        return [f"{self.name}({version.captured.signature})" for version in self._versions.values()]

    @property
    def source(self) -> str:
        """The latest program as a Python module, of one function that takes arrays for Tensors."""
        return SourceText(self._known().source)

    @property
    def planned_source(self) -> str:
        """What runs: the same program with the places where its results go."""
        return self._known().planned_source

    def passes(self, *args: Any, **kwargs: Any) -> Passes:
        """The program after each pass of the compiler, by the name of the pass: print it.

        Of the latest program, or of the one for the arguments given, which is recorded if there is
        none.

        >>> import numpy as np, tinygrad_edu as tg
        >>> passes = tg.compile(lambda x: x * 1.0 - (-x)).passes(np.ones(3))
        >>> list(passes)
        ['capture', 'simplify', 'lower', 'allocate', 'fuse', 'emit']
        >>> print(passes["capture"])
        x: float64[3] = input
        # forward
        t1: float64[3] = multiply(x, 1.0)
        t2: float64[3] = negative(x)
        t3: float64[3] = subtract(t1, t2)
        return t3
        >>> print(passes["simplify"])
        x: float64[3] = input
        # forward
        t1: float64[3] = add(x, x)
        return t1
        """
        return (self.version(args, kwargs)[0] if args or kwargs else self._known()).passes()

    @property
    def constants(self) -> dict[str, Any]:
        """The arrays that the source takes as arguments, since they are too large to be in it."""
        return self._known().constants

    def _known(self) -> Version:
        if self._latest is None:
            raise RuntimeError(
                f"{self.name} has not been called: a program is recorded for the arguments of a "
                "call"
            )
        return self._latest

    def __repr__(self) -> str:
        n = len(self._versions)
        signatures = f"{n} signature{'s' * (n != 1)}"
        return f"<compiled {self.name}, target={self.target!r}, {signatures}>"


def refuse_unless_writable(array: Any) -> None:
    """Raise if the memory of a donated array must stay as it is."""
    if type(array) is Tensor and array.op is not None:
        raise TypeError(
            f"{array.label()} is donated, but has a history, which needs its data as it is: donate "
            "leaves"
        )
    if (
        isinstance(array, np.generic)
        or not (array._array if type(array) is Tensor else array).flags.writeable
    ):
        raise ValueError(
            f"a donated array is read-only: donate a copy, {_names.code(array)}.copy()"
        )
