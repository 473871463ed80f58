"""A compiled function: one program for each signature that it was called with."""

from __future__ import annotations

import inspect
import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import update_wrapper
from types import MethodType
from typing import Any

import numpy as np

from .. import _names
from ..checks import short
from ..core import Tensor
from ..languages import identifier
from ..modes import within
from ..operation import is_intercepted
from ..trees import parts_of
from .entry import MISS, Entry, Result
from .history import History
from .lower import NUMPY_RULES, Lowering
from .plan import Plan
from .planned import Planned, prelude
from .program import Program, recorded
from .readable import Writer, source
from .repeat import Loop, Repeated, in_python
from .signature import Branch, Constant, Signature, assembled, is_array, like
from .simplify import RULES
from .surroundings import Place, Surroundings
from .text import tree_text
from .trace import Recording

is_within = within.get
Entered = Callable[[tuple[Any, ...], dict[str, Any]], Any]
_NONE: Mapping[int, int] = {}
MANY = 16  # recordings: whoever has more of them passes what changes as a number
KEPT = 64  # programs of a function, and methods of as many instances: those that were not used for longest are forgotten
FEW = 8  # programs that are tried in turn


def name_of(f: Callable[..., Any]) -> str:
    """What a program is called."""
    name = getattr(f, "__name__", "<")
    return "f" if name[:1] in ("<", "") else identifier(name)


def refuse_unless_function(f: Any) -> None:
    """Raise if something cannot be compiled."""
    if isinstance(f, classmethod):
        raise TypeError("a class method is compiled before it becomes one: write @classmethod above @tg.compile")
    if not callable(f):
        raise TypeError(f"compile takes a function, not {type(f).__name__}: {short(f)}")
    for is_one, kind in (
        (inspect.isgeneratorfunction, "a generator, which stops at each yield"),
        (inspect.iscoroutinefunction, "a coroutine, which waits"),
        (inspect.isasyncgenfunction, "an asynchronous generator"),
    ):
        if is_one(f):
            raise TypeError(
                f"{name_of(f)} is {kind}: a compiled function runs once and returns; compile the step that it does, and call that in it"
            )


def opened(value: Any) -> Any:
    """An argument with its arrays as Tensors, as a function sees them that is compiled."""
    if type(value) is Tensor:
        return value
    if is_array(value):
        return Tensor(value, copy=False)
    parts = parts_of(value)
    return value if parts is None else assembled(type(value), {key: opened(v) for key, v in parts.items()}, like(value))


class Source(str):
    """A program as text: a notebook, or the prompt, shows its lines and not one line with quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Compiled:
    """A function that runs as a program, recorded when it is first called with arguments of some shapes and dtypes.

    Made by `compile`. `.source` is the latest program as Python text, `.signatures` says for which arguments there is one.
    """

    target = "numpy"

    def __init__(self, f: Callable[..., Any], donate: int | str | Sequence[int | str] = ()) -> None:
        self._is_static = isinstance(f, staticmethod)
        f = f.__func__ if isinstance(f, staticmethod) else f
        refuse_unless_function(f)
        update_wrapper(self, f, updated=())  # an object's own attributes are none of ours
        self.f = f
        self.donate = (donate,) if isinstance(donate, (int, str)) else tuple(donate)
        self.name = name_of(f)
        self._roots: tuple[Any, ...] = (f,)  # what a program may read from outside is seen from here
        self._versions: OrderedDict[Any, Version] = OrderedDict()  # the latest one last
        self._latest: Version | None = None
        self._bound: OrderedDict[int, Compiled] = OrderedDict()  # the methods of instances
        self._recordings = 0
        self._enter: Callable[..., Any] = lambda args, kwargs: MISS

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program for these arguments; record it first, if there is none."""
        if is_within() or is_intercepted():  # part of something larger, which needs to see what is computed
            return self._seen_through(args, kwargs)
        result = self._enter(args, kwargs)
        return self._missed(args, kwargs) if result is MISS else result

    def __get__(self, instance: Any, owner: type | None = None) -> Compiled:
        """A method of an instance: a compiled function of its own, since it reads the instance's attributes."""
        if instance is None or self._is_static:
            return self
        bound = self._bound.pop(id(instance), None)
        if bound is None:
            bound = self._of(MethodType(self.f, instance), [i - 1 if isinstance(i, int) else i for i in self.donate])
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
        other.name, other._roots = f"{self.name}_backward", self._roots
        return other

    def __reduce__(self) -> Any:
        raise TypeError(
            f"{self.name} is compiled, and a program is not pickled: pickle the function itself, {self.name}.f, "
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
        """An argument as the way in takes it: a Tensor, an array of NumPy's, or a number of NumPy's."""
        return value if isinstance(value, (Tensor, np.generic)) else np.asarray(value)

    def plain_arguments(self, signature: Signature) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of a call as the way in takes them."""
        args, kwargs = signature.rebuilt([self.plain(x.value) for x in signature.inputs])
        return tuple(args), kwargs

    def version(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Version, Signature]:
        """The program for some arguments, recorded if there is none, and the arguments taken apart."""
        signature = Signature(self.f, args, kwargs)
        self._check_donated(signature)
        version = self._versions.get(signature.key)
        if version is None or version.is_outdated():
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
        """A function that does n steps in one call, for a step that takes its state as the first argument and returns the new one.

        The step returns the new state alone, or a tuple that begins with it: `return parameters, loss`. With `carry=2` the first two
        arguments are the state, and so on. The function gives what the last step gives; with `history`, what is not fed back comes
        from all steps, stacked along a new first axis: the cost curve.

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
                f"{self.name} was recorded for {MANY} signatures, and each new value of {signature.constants[0].label} is another: "
                "what changes from call to call should be a Tensor or an array, np.array(0.1)",
                stacklevel=4,
            )

    def _recorded(self, signature: Signature) -> Version:
        return Version(self, signature)

    @property
    def signatures(self) -> list[str]:
        """The arguments that there is a program for."""
        return [f"{self.name}({version.signature})" for version in self._versions.values()]

    @property
    def source(self) -> str:
        """The latest program as a Python module of one function, which takes arrays in place of Tensors."""
        return Source(self._known().source)

    @property
    def planned_source(self) -> str:
        """What runs: the same program with the places where its results go."""
        return self._known().planned_source

    @property
    def constants(self) -> dict[str, Any]:
        """The arrays that the source takes as arguments, since they are too large to be in it."""
        return self._known().constants

    def _known(self) -> Version:
        if self._latest is None:
            raise RuntimeError(f"{self.name} has not been called: a program is recorded for the arguments of a call")
        return self._latest

    def __repr__(self) -> str:
        return f"<compiled {self.name}, target={self.target!r}, {len(self._versions)} signature{'s' * (len(self._versions) != 1)}>"


def refuse_unless_writable(array: Any) -> None:
    """Raise if the memory of a donated array must stay as it is."""
    if type(array) is Tensor and array.op is not None:
        raise TypeError(f"{array.label()} is donated, but has a history, which needs its data as it is: donate leaves")
    if isinstance(array, np.generic) or not (array._array if type(array) is Tensor else array).flags.writeable:
        raise ValueError(f"a donated array is read-only: donate a copy, {_names.of(array) or 'a'}.copy()")


class Version:
    """A program for one signature: its text, and the way in."""

    writer = Writer
    looks_at_results = True  # whether what the program computes is checked, as well as its inputs

    def __init__(self, compiled: Compiled, signature: Signature) -> None:
        self.signature = signature
        self.name = compiled.name
        self.around = Surroundings(*compiled._roots, *[part.value for part in signature.constants])
        recording, self.result, outputs = record(compiled.f, compiled.name, signature)
        refuse_frozen(recording, self.around)
        self.around.places += [Place(t, "{}.requires_grad", flag, t.label()) for t, flag in recording.flags.items()]
        refuse_stored(recording, self.around.stored(recording.depends))
        self.outside = recording.outside(outputs)
        for t in self.outside:
            recording.inputs[t] = len(recording.inputs)
        self.closed = [(t, t.serial, t.requires_grad) for t in recording.looked_at]
        self.recording_inputs = list(recording.inputs)
        self.history = History(compiled, self, outputs, bool(recording.backwards))
        self.before = [(recording.inputs[t], refuse) for t, refuse in recording.checks if t in recording.inputs]
        others = [(t, refuse) for t, refuse in recording.checks if t not in recording.inputs] if self.looks_at_results else []
        self.after = [refuse for _, refuse in others]  # checks of what the program computes, which it gives after its results
        whole = recorded(recording, labels(signature, recording, self.around.names()), [*outputs, *(t for t, _ in others)], RULES)
        self.whole, self.program = whole, whole.without(len(others))
        self.program.outside = dict(zip(whole.inputs[len(signature.inputs) :], self.outside, strict=True))
        recording.forget()
        self._text: tuple[str, dict[str, Any]] | None = None
        for x in signature.inputs:
            x.forget()
        self.enter = self._way_in(compiled)

    def _way_in(self, compiled: Compiled) -> Entered:
        lowered = Lowering(NUMPY_RULES).program(self.whole)
        inputs = lowered.inputs
        donated = [inputs[self.signature.inputs.index(x)] for x in self.signature.of(compiled.donate)]
        donated = [] if self.after else donated  # what may be refused at the end changes nothing
        plan = Plan(lowered, donated)
        updates = {lowered.outputs.index(y): inputs.index(x) for y, x in plan.updates.items()}
        self.planned = Planned(self.name, plan)
        scope = dict(self.planned.namespace)
        exec(compile(self.planned.source, f"<{self.name}, compiled>", "exec"), scope)
        memory = self.planned.memory() if self.planned.buffers else None
        self._donated = set(updates.values())
        self._run, self._memory = scope[self.planned.function_name], memory
        if self.after:
            self._run = self._checked(self._run)
        return self.entry(self._run, memory, updates)

    def _checked(self, program: Callable[..., Any]) -> Callable[..., Any]:
        """A program that looks at what it computed."""
        count = len(self.program.outputs)

        def run(*arrays: Any) -> Any:
            results = program(*arrays)
            for refuse, value in zip(self.after, results[count:], strict=True):
                refuse(value)
            return results[:count]

        return run

    def entry(self, program: Callable[..., Any], memory: Callable[[], Any] | None = None, updates: Mapping[int, int] = _NONE) -> Entered:
        """The way into a program that takes the inputs, and gives the results, one after the other."""
        self.once: Callable[[], Entered] = lambda: self.writes_entry(updates, False).function(program, memory)
        return self.writes_entry(updates, True).function(program, memory)

    def writes_entry(self, updates: Mapping[int, int], watches: bool) -> Entry:
        """What writes the way in."""
        return Entry(self, updates, watches)

    def looped(self, loop: Loop, n: int, history: bool) -> Callable[..., list[Any]]:
        """The program of n steps."""

        def run(*arrays: Any) -> list[Any]:
            given = [array.copy() if i in self._donated else array for i, array in enumerate(arrays)]
            kept = (self._memory(),) if self._memory else ()

            def step(*xs: Any) -> Any:
                for i, refuse in self.before:
                    refuse(xs[i])
                return self._run(*xs, *kept)

            return in_python(step, loop, given, n, history)

        return run

    def returns(self) -> str:
        """What it returns, as a reader would write it."""
        return tree_text(self.result, lambda leaf: leaf_text(leaf, self.program))

    def is_outdated(self) -> bool:
        """Whether what the function reads from outside has changed."""
        return any(t.serial != serial or t.requires_grad != grad for t, serial, grad in self.closed) or not self.around.is_same()

    def _printed(self) -> tuple[str, dict[str, Any]]:
        if self._text is None:
            self._text = source(self.name, self.signature, self.program, self.result, self.writer)
        return self._text

    @property
    def source(self) -> str:
        """The readable text."""
        return self._printed()[0]

    @property
    def constants(self) -> dict[str, Any]:
        """What is too large to be in the text, and what tensors from outside are now."""
        return {name: value._array if type(value) is Tensor else value for name, value in self._printed()[1].items()}

    @property
    def planned_source(self) -> str:
        """The text that runs, and what its names stand for."""
        return f"{prelude(self.planned.namespace)}\n\n\n{self.planned.source}"


def leaf_text(leaf: Any, program: Program) -> str:
    """A leaf of what a function returns: float64[4, 2]."""
    if isinstance(leaf, Constant):
        return short(leaf.value)
    node = program.outputs[leaf.number]
    return f"{node.dtype.name}[{', '.join(map(str, node.shape))}]"


def record(f: Callable[..., Any], name: str, signature: Signature) -> tuple[Recording, Any, list[Tensor]]:
    """Run a function on placeholders: what was noted, the structure of what it returned, and its results."""
    recording = Recording(name, not is_intercepted())  # whoever watches needs all values
    inputs = [recording.placeholder(x.array, x.value.name if type(x.value) is Tensor else None) for x in signature.inputs]
    args, kwargs = signature.rebuilt(inputs)
    returned = recording.run(f, *args, **kwargs)
    outputs: list[Tensor] = []
    return recording, structure(returned, outputs, name), outputs


def refuse_frozen(recording: Recording, around: Surroundings) -> None:
    """Raise if a program would keep for ever what was another value at each call of the function."""
    generator = around.drawn()
    if generator is not None:
        raise TypeError(
            f"{recording.called} draws random numbers, of which its program would keep the first ones for ever: draw them outside and pass "
            f"them as an argument, mask = rng.random(x.shape) < 0.5; {recording.called}(x, mask)"
        )
    if around.has_moved_on():
        recording.frozen = "next() of an iterator from outside"
    if recording.frozen:
        raise TypeError(
            f"{recording.called} calls {recording.frozen} while it is compiled, and its program would keep the first value for ever: "
            "call it outside and pass the value as an argument, as an array"
        )


def refuse_stored(recording: Recording, place: Place | None) -> None:
    """Raise if the function keeps a result of its own somewhere, where each call would have to put another."""
    if place is not None:
        raise TypeError(
            f"{recording.called} assigns to {place.label} while it runs, which its program does not do: "
            f"return the new value, and write {place.label} = {recording.called}(...)"
        )


def structure(value: Any, outputs: list[Tensor], name: str) -> Any:
    """What a function returned, taken apart; appends its tensors to the outputs."""
    if isinstance(value, dict):
        for key in value:
            if not is_literal(key):
                raise TypeError(f"{name} returned a dict with the key {short(key)}: keys are strings, numbers, and tuples of them")
    parts = parts_of(value)
    if parts is not None:
        return Branch("", type(value), {key: structure(v, outputs, name) for key, v in parts.items()}, like(value))
    if is_array(value):
        outputs.append(value if type(value) is Tensor else Tensor(np.array(value), copy=False))
        return Result(len(outputs) - 1, type(value) is Tensor)
    if is_literal(value):
        return Constant("", "", value)
    raise TypeError(
        f"{name} returned {type(value).__name__}: {short(value)}; a compiled function returns Tensors, and dicts, lists and tuples of them"
    )


def is_literal(value: Any) -> bool:
    """Whether a value can be written as text that gives it back: nothing else is put into a program."""
    return type(value) in (bool, int, float, str, type(None)) or (type(value) is tuple and all(map(is_literal, value)))


def labels(signature: Signature, recording: Recording, around: Mapping[Tensor, str]) -> list[str]:
    """What the inputs are called: by name if they have one, by parameter or key, or by the variable that they are unpacked to."""
    variables: dict[Tensor, str] = {}
    for t, name in recording.first_names.items():
        origin = t
        while origin.op is not None and origin.op.name == "copy" and origin.args:
            origin = origin.args[0]
        if origin in recording.inputs:
            variables.setdefault(origin, name)
    found = []
    placeholders = [*recording.inputs]
    for x, t in zip(signature.inputs, placeholders, strict=False):
        is_plain = x.label in signature.names or x.access.endswith(f"[{x.label!r}]")
        found.append(x.label if is_plain else t.name or variables.get(t) or x.label)
    outside = placeholders[len(signature.inputs) :]
    return [*found, *(t.name or around.get(t) or recording.names.get(t) or recording.first_names.get(t) or "w" for t in outside)]
