"""Op: how to run, how to pull a gradient back, how to write it down; and the Tensor that a call of it gives."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import CodeType
from typing import Any, NamedTuple

import numpy as np

from . import _names, leaving
from .checks import numeric, operand, read_only, retold, short
from .core import Tensor, lent, look, ndarray
from .keywords import INSTEAD, says_nothing
from .modes import clock, is_recording, recorder, recording
from .registry import registry

Rule = Callable[..., Any]
Interval = tuple[float, float]

_unrolled = recording.raw  # whether an op may make its result itself: a name of its own, which `intercept` puts another function in


def is_plain(function: Callable[..., Any]) -> bool:
    """Whether a function is NumPy's, SciPy's or of the table: it gives a new array, its operand or a view of it, the same at each call."""
    module = (getattr(function, "__module__", None) or "").partition(".")[0]
    return isinstance(function, np.ufunc) or (module in ("numpy", "scipy", _PACKAGE) and not isinstance(function, np.vectorize))


def is_ours(rule: Rule) -> bool:
    """Whether a rule is one of the table: it changes nothing, and reads of its arguments no more than its code mentions."""
    return inspect.isfunction(rule) and (rule.__module__ or "").partition(".")[0] == _PACKAGE


_PACKAGE = __name__.partition(".")[0]


class Usual(NamedTuple):
    """Rules as books have them that are wrong at some points.

    Whether the operands of a call are at none of these, the rules, and what the formulas then hold for, with {} for the name of the
    first operand.
    """

    holds: Callable[..., Any]
    rules: tuple[Rule, ...]
    remark: str


class Op:
    """What can be done to Tensors: how to run it, how to pull a gradient back, how to write it down. Made by `tg.op`.

    Calling it runs it on Tensors, arrays and numbers, and gives a Tensor that remembers the call.
    """

    is_expression = False  # whether its template is Python, though no table holds it
    helper = ""  # the parameters and the body of a function that does it, for the printed text
    write_jax = ""  # how JAX writes it, where it has no function of that name
    # what to write in its place where its value, or its slope by operand `i`, is not finite; see ops/stable.py
    instead: Callable[..., Any] | None = None
    instead_of_slope: Callable[..., Any] | None = None
    usual: Usual | None = None  # shorter rules for formulas, where they hold
    saturates: Callable[..., Any] | None = None  # where its value is not that of its operand any more, and says nothing of it

    def __init__(
        self,
        run: Callable[..., Any],
        rules: tuple[Rule | None, ...],
        *,
        name: str,
        write: str | Callable[..., str],
        latex: str | Callable[..., str],
        domain: tuple[Interval, ...],
        range: Interval,
        kinks: Callable[..., Any] | None,
        shapes: str,
        cases: Sequence[Mapping[str, Any]],
        variadic: Callable[[int], Rule] | None,
        stable: tuple[Rule | None, ...],
        brief: bool,
        plain: Callable[..., Any] | None,
        jax: str,
        source: str,
        static: Mapping[str, Any],
        doc: str,
    ) -> None:
        self.run, self.variadic, self.plain = run, variadic, plain or run
        self.rules, self._textbook = stable or rules, rules if stable else ()  # what runs, and what is shown in its place
        self.is_brief = brief or not stable  # whether what is shown is also what is compiled
        self.jax, self.source = jax, source
        self.name, self.write, self.latex, self.__doc__ = name, write, latex, doc
        self.domain, self.range, self.kinks, self.shapes, self.cases = domain, range, kinks, shapes, cases
        self.arity = len(rules) or getattr(run, "nin", 1)
        self.static = tuple(static)
        self.is_plain = is_plain(run)
        self.has_own_rules = not all([rule is None or is_ours(rule) for rule in (*rules, variadic)])  # a user's
        # to be unrolled
        self.is_simple = None not in rules and not self.has_own_rules and (len(rules) == 1 or (len(rules) == 2 and not static))
        self._takes = frozenset(static)
        self.defaults = {key: value for key, value in static.items() if value is not inspect.Parameter.empty}
        self.__signature__ = self.signature("arrays" if variadic else "x" if self.arity == 1 else "a")
        self.call = fast_call(self)
        self.unrolled = self.arity if inspect.isfunction(self.call) else 0  # how many operands its quick call takes

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def signature(self, first: str) -> inspect.Signature:
        """What a call of it takes: for `help`, and for editors."""
        kinds = inspect.Parameter
        names = [name for name in (first, *"bcdefghijkl") if name not in self.static]
        operands = [kinds(name, kinds.POSITIONAL_ONLY) for name in names[: self.arity]]
        in_order = list(self.static[len(self.static) - len(self.defaults) :]) == list(self.defaults)
        kind = kinds.POSITIONAL_OR_KEYWORD if in_order else kinds.KEYWORD_ONLY
        return inspect.Signature(operands + [kinds(name, kind, default=self.defaults.get(name, kinds.empty)) for name in self.static])

    def __reduce__(self) -> tuple[Any, ...]:
        return _named, (self.name,)

    def rule(self, i: int) -> Rule | None:
        """The rule of argument `i`: what pulls a gradient back to it."""
        if self.variadic is not None:
            return self.variadic(i)
        return self.rules[i] if i < len(self.rules) else None

    def textbook(self, i: int, call: Tensor | None = None) -> Rule | None:
        """The rule of argument `i` as books have it, of a recorded call as they have it for its data.

        Equal to `rule(i)` on paper, where that one keeps more digits.
        """
        usual = None if call is None else self.usual_of(call)
        if usual is not None:
            return usual.rules[i]
        return self._textbook[i] if i < len(self._textbook) else self.rule(i)

    def usual_of(self, call: Tensor) -> Usual | None:
        """The usual rules, if they hold for the data of a call."""
        values = [a._array if type(a) is Tensor else a for a in call._args]
        return self.usual if self.usual is not None and self.usual.holds(*values, **call._static) else None

    def reads(self, differentiable: Sequence[bool]) -> set[int]:
        """Which operands, by number, and whether the output, the rules of the differentiable operands read."""
        read: set[int] = set()
        for i, wanted in enumerate(differentiable):
            rule = self.rule(i) if wanted else None
            if rule is not None:
                # a user's rule may find its arguments in ways that its code does not show: by eval, in its caller's frame, as `self`
                known = is_ours(rule)
                read |= _mentioned(rule.__code__, len(differentiable)) if known else set(range(OUTPUT, len(differentiable)))
        return read

    def pull(self, rule: Rule, g: Any, y: Any, values: Sequence[Any], static: Mapping[str, Any]) -> Any:
        """What a rule gives for the gradient `g`; a user's may write to its `g`, and give back whatever it likes."""
        if not self.has_own_rules:
            return rule(g, y, *values, **static)
        if type(g) is Tensor:
            return rule(g if g._op is not None or g._requires_grad else Tensor(g._array), y, *values, **static)
        gx = rule(np.array(g), read_only(y), *[read_only(v) if type(v) is ndarray else v for v in values], **static)
        return np.array(gx) if isinstance(gx, (Tensor, ndarray)) else gx

    def apply(self, *args: Any, **static: Any) -> Any:
        """A Tensor from Tensors, an array from arrays: what rules call, which are given either."""
        return self(*args, **static) if any([type(a) is Tensor for a in args]) else self.run(*args, **{**self.defaults, **static})

    def __call__(self, *args: Any, **static: Any) -> Tensor:
        """Run on the operands; `static` are the arguments that are no operands, such as an axis."""
        if len(args) == self.unrolled and (not static or len(args) == 1):
            return self.call(*args, **static)
        return self.any_call(*args, **static)

    def on(self, operands: Sequence[Any], static: Mapping[str, Any]) -> Tensor:
        """Run on a sequence of operands, whether the op takes them one by one or in a list."""
        return self(list(operands), **static) if self.variadic is not None else self(*operands, **static)

    def any_call(self, *args: Any, **static: Any) -> Tensor:
        """The same for any number of operands, whatever they are."""
        if self.variadic is not None and args:
            args, rest = tuple(args[0]), args[1:]
        else:
            args, rest = args[: self.arity], args[self.arity :]
        if self.static or rest or static:
            static = self._bind(rest, static, args[0] if args else None)
        values = [a._array if type(a) is Tensor else operand(a) for a in args]
        if len(values) == 1 and type(values[0]) is not ndarray:
            values = [np.asarray(values[0])]  # a Python number is weak beside arrays only
        try:
            y = self.run(*values, **static)
        except Exception as error:
            y = self.retried(error, args, static)
        args = tuple([a if type(a) is Tensor else v for a, v in zip(args, values, strict=True)])
        if type(y) is ndarray and self._is_shared(y, args, values):
            y = y.copy("K")
        requires_grad = any([type(a) is Tensor and a._requires_grad and self.rule(i) is not None for i, a in enumerate(args)])
        requires_grad = requires_grad and getattr(y, "dtype", _float).kind == "f"  # integers, of astype(int) say, have no gradient
        recorded = requires_grad or any([type(a) is Tensor and (a._requires_grad or a._op is not None) for a in args])
        return _result(self, args, static, y, recorded, requires_grad)

    def _is_shared(self, y: Any, args: Sequence[Any], values: Sequence[Any]) -> bool:
        """Whether a result may lie in memory that can change: of a leaf, of an array, or of what a user's function keeps."""
        if not self.is_plain or any([y is v for v in values]):
            return True
        return y.base is not None and any([type(a) is ndarray or (type(a) is Tensor and a._op is None) for a in args])

    def _bind(self, rest: tuple[Any, ...], static: dict[str, Any], x: Any = None) -> dict[str, Any]:
        """The static arguments of a call on `x` by name, defaults included."""
        if self.variadic is not None and rest and isinstance(rest[0], (Tensor, ndarray, list)):
            raise TypeError(f"{self.name} takes one list of tensors: write tg.{self.name}([a, b])")
        if len(self.static) == 1 and len(rest) > 1:
            rest = (rest,)  # t.reshape(2, 3) is t.reshape((2, 3))
        given = {**dict(zip(self.static, rest)), **static} if rest else static  # noqa: B905 -- what is too much is refused below
        if len(rest) > len(self.static) or not self._takes.issuperset(given):
            given = self._without_rests_of_numpy(rest, given, x)
        if "keepdims" in given and type(given["keepdims"]) not in (bool, int, np.bool):
            raise TypeError(f"keepdims is True or False, not {short(given['keepdims'])}: {INSTEAD['dtype']}")
        for key, value in given.items():
            if type(value) in (Tensor, tuple, list):
                given = {**given, key: self._constant(key, value)}
        return {**self.defaults, **given}

    def _without_rests_of_numpy(self, rest: tuple[Any, ...], given: dict[str, Any], x: Any) -> dict[str, Any]:
        """Without the arguments of NumPy's functions that say nothing, out=None say; a TypeError for any other that is unknown."""
        if "correction" in given and "ddof" in self._takes:  # its name in the array API
            given = {("ddof" if k == "correction" else k): v for k, v in given.items()}
        if given.get("kind") in ("stable", "mergesort") and "stable" in self._takes:
            given = {**given, "kind": None, "stable": True}
        given = {k: v for k, v in given.items() if k in self._takes or not self._says_nothing(k, v, x)}
        unknown = [name for name in given if name not in self._takes]
        if unknown or len(rest) > len(self.static):
            takes = " and ".join(self.static) or "no further arguments"
            instead = "".join(f"; {INSTEAD[name]}" for name in unknown if name in INSTEAD)
            raise TypeError(f"{self.name} of a Tensor takes {takes}, not {', '.join(unknown) or short(rest[-1])}{instead}")
        return given

    def _says_nothing(self, key: str, value: Any, x: Any) -> bool:
        """Whether an argument of NumPy's has the value at which it changes nothing."""
        if key == "initial" and not says_nothing(key, value):
            with np.errstate(all="ignore"):
                return all(self.run(np.array([value, v])) == v for v in (-_LARGEST, 0.0, 2.0, _LARGEST))
        if key == "dtype" and not says_nothing(key, value):
            return bool(np.dtype(value) == getattr(x, "dtype", None))
        return says_nothing(key, value)

    def _constant(self, key: str, value: Any) -> Any:
        """A static argument without Tensors: their values, if no gradient is lost by it. Lists and Tensors are copied: they may change."""
        if type(value) is list and _HOLDERS.isdisjoint(map(type, value)):
            return value.copy()
        if type(value) in (tuple, list):
            return type(value)([self._constant(key, v) for v in value])
        if type(value) is not Tensor:
            return value
        if leaving.loses(value):
            name = _names.of(value) or "t"
            raise TypeError(f"{self.name} gives no gradient to {key}, and {name} requires one: pass {key}={name}.detach()")
        return value.numpy().copy()

    def only_result(self, y: Any) -> Any:
        """What the function gave, as an array; a TypeError if it is several results."""
        if isinstance(y, (tuple, list)) and any(isinstance(part, (ndarray, np.generic)) for part in y):
            raise TypeError(
                f"{self.name} gave a {type(y).__name__} of {len(y)}, and an op has one result: make an op of each, "
                f"tg.op(lambda x: f(x)[0], rule, name='{self.name}_0')"
            )
        return numeric(y)

    def retried(self, error: Exception, args: Sequence[Any], static: Mapping[str, Any]) -> Any:
        """What the op gives for values, where it failed on what stands for them while a program is recorded; else its error, explained."""
        try:
            y = recorder.get() and recorder.get().rerun(self, args, static)
        except Exception as second:
            error, y = second, None
        if y is None:
            raise self.explained(error, args, static) from None
        return y

    def explained(self, error: Exception, args: Sequence[Any], static: Mapping[str, Any]) -> Exception:
        """NumPy's error, with the names and shapes of the operands."""
        if len(args) < self.arity and self.variadic is None:
            return TypeError(f"{self.name} takes {self.arity} operand{'s'[: self.arity > 1]}, {len(args)} given")
        missing = [name for name in self.static if name not in static]
        if missing:
            return TypeError(f"{self.name} of a Tensor takes {' and '.join(self.static)}: {' and '.join(missing)} is missing")
        operands = [f"{self._called(a, i)} of shape {np.shape(a)}" for i, a in enumerate(args, 1)]
        more = "".join(f", {name}={short(value)}" for name, value in static.items())
        if isinstance(error, (ValueError, TypeError, IndexError)):
            why = unequal_lengths(self.shapes, args) if self.shapes else None
            return retold(error, f"{self.name} cannot take {' and '.join(operands) or 'nothing'}{more}: {why or error}")
        return error

    def _called(self, a: Any, i: int) -> str:
        """How a message calls operand `i`: its name, or the op that made it."""
        return _names.of(a) or (a.label() if type(a) is Tensor and a._op else f"operand {i}")


def unequal_lengths(shapes: str, args: Sequence[Any]) -> str | None:
    """Which axes would have to be equally long, by a signature as NumPy writes them: "(n?,k),(k,m?)->(n?,m?)"."""
    lengths: dict[str, int] = {}
    for given, core in zip(args, re.findall(r"\((.*?)\)", shapes.partition("->")[0]), strict=False):
        axes = [axis for axis in core.split(",") if axis]
        if np.ndim(given) < len(axes):
            axes = [axis for axis in axes if not axis.endswith("?")]
        if np.ndim(given) < len(axes):
            return f"it takes vectors and matrices {shapes}, for a number write *"
        for axis, n in zip(axes, np.shape(given)[np.ndim(given) - len(axes) :], strict=True):
            if lengths.setdefault(axis, n) != n:
                clash = f"it takes {shapes}, and here {axis.strip('?')} is {lengths[axis]} and {n}"
                return f"{clash}; .T swaps the axes of a matrix, .reshape(-1, 1) makes a column"
    return None


_LARGEST = np.finfo(float).max


OUTPUT = -1  # beside the numbers of the operands


@cache
def _mentioned(code: CodeType, operands: int) -> frozenset[int]:
    """The numbers of the arguments that the code of a rule in the table mentions; all of them, if it takes them as a list."""
    import dis  # 1 ms, which nobody pays who has no large arrays

    everything = range(OUTPUT, operands)
    if code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
        return frozenset(everything)
    mentioned: set[Any] = set()
    for instruction in dis.get_instructions(code):
        value = instruction.argval
        mentioned.update(value if type(value) is tuple else (value,))  # from 3.13 on one instruction may load two
    return frozenset(i for i, name in zip(everything, code.co_varnames[1:], strict=False) if name in mentioned)


def _named(name: str) -> Op:
    """An op, unpickled: the one that has this name here."""
    if name not in registry:
        raise LookupError(f"there is no op {name!r} here: an op is pickled by its name, run its tg.op(..., name={name!r}) first")
    return registry[name]


_HOLDERS = {Tensor, tuple, list}  # what may be, or hold, a Tensor in a list
_new = object.__new__
_nothing: dict[str, Any] = {}
_float = np.dtype(float)
float64 = np.float64
asarray = np.asarray


def _result(op: Op, args: tuple[Any, ...], static: dict[str, Any], y: Any, recorded: bool, requires_grad: bool) -> Tensor:
    """The Tensor of an op's output, which remembers the call if it is recorded."""
    t = _new(Tensor)
    t._array = y if type(y) is ndarray else np.array(y if isinstance(y, np.generic) else op.only_result(y), subok=False)
    t._lent = t._grad = t.name = None
    if lent and recorded:
        for a in args:
            if type(a) is Tensor and a._lent is not None:
                look(a)  # data that was handed out may have changed before this op: that it did not change since is what counts
    t._serial = clock()
    mode = is_recording()
    if recorded and mode:
        t._op, t._args, t._static, t._requires_grad = op, args, static, requires_grad
        if mode is not True:
            mode(t)
    elif recorded and recorder.get() is not None:  # in a program, what no_grad() computes belongs too
        t._op, t._args, t._static, t._requires_grad = op, args, static, False
        recorder.get().noted(t)
    else:
        t._op, t._args, t._static, t._requires_grad = None, (), _nothing, False
        if recorder.get() is not None:
            recorder.get().derived(t, args)
        if t._array.base is not None:  # a view: this tensor may be changed in place, and the other keeps its value
            t._array = t._array.copy("K")
    return t


def intercept(result: Callable[..., Tensor], adjoints: Callable[..., Any], unrolled: Callable[[], bool] = recording.raw) -> None:
    """Let other functions make the results of ops and walk back: what `detect_anomaly` does while it is on, free when it is off."""
    global _result, _unrolled
    _result, _unrolled, Tensor.adjoints = result, unrolled, adjoints  # type: ignore[method-assign, assignment]


def is_intercepted() -> bool:
    """Whether `detect_anomaly` is on in some thread."""
    return _unrolled is not recording.raw


def fast_call(op: Op) -> Callable[..., Tensor]:
    """A function that equals `op`, unrolled for the calls with one and with two operands (1 to 3 µs less)."""
    run, differentiable, defaults, views = op.run, bool(op.rules), op.defaults, not isinstance(op.run, np.ufunc)
    plain = op.is_plain

    def unary(x: Any, *rest: Any, **static: Any) -> Tensor:
        if type(x) is not Tensor:
            return op.any_call(x, *rest, **static)
        static = op._bind(rest, static, x) if rest or static else defaults
        try:
            y = run(x._array, **static) if static else run(x._array)
        except Exception as error:
            y = op.retried(error, (x,), static)
        if type(y) is float64:
            y = asarray(y)
        # equals _is_shared
        if views and type(y) is ndarray and ((y.base is not None and x._op is None) or y is x._array or not plain):
            y = y.copy("K")
        required = x._requires_grad
        recorded = required or x._op is not None
        if required and static is not defaults and getattr(y, "dtype", _float).kind != "f":
            required = False  # integers, of astype(int) say, have no gradient
        if not recorded or lent or _unrolled() is not True or type(y) is not ndarray:
            return _result(op, (x,), static, y, recorded, required and differentiable)
        # equals the line above: 0.1 µs less
        t = _new(Tensor)
        t._array = y
        t._op = op
        t._args = (x,)
        t._static = static
        t._requires_grad = required and differentiable
        t._lent = t._grad = t.name = None
        t._serial = clock()
        return t

    def binary(a: Any, b: Any) -> Tensor:
        x: Any
        z: Any
        recorded = required = False
        kind = type(a)
        if kind is Tensor:
            x = a._array
            required = a._requires_grad
            recorded = required or a._op is not None
        elif kind is float or kind is int or (kind is ndarray and a.dtype.kind in "fiub"):
            x = a
        else:
            x = a = operand(a)
        kind = type(b)
        if kind is Tensor:
            z = b._array
            if b._requires_grad:
                required = recorded = True
            elif b._op is not None:
                recorded = True
        elif kind is float or kind is int or (kind is ndarray and b.dtype.kind in "fiub"):
            z = b
        else:
            z = b = operand(b)
        try:
            y = run(x, z)
        except Exception as error:
            y = op.retried(error, (a, b), _nothing)
        if type(y) is float64:
            y = asarray(y)
        if not recorded or lent or _unrolled() is not True or type(y) is not ndarray:
            return _result(op, (a, b), _nothing, y, recorded, required and differentiable)
        # equals the line above: 0.1 µs less
        t = _new(Tensor)
        t._array = y
        t._op = op
        t._args = (a, b)
        t._static = _nothing
        t._requires_grad = required and differentiable
        t._lent = t._grad = t.name = None
        t._serial = clock()
        return t

    if op.arity == 1 and op.variadic is None:
        return unary
    if op.arity == 2 and not op.static and None not in op.rules and not views:
        return binary
    return op.any_call
