"""A compiled function: one program for each signature that it was called with."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import update_wrapper
from typing import Any

import numpy as np

from .. import _names
from ..checks import short
from ..core import Tensor
from ..graph import ancestors
from ..languages import identifier
from ..modes import enable_grad, within
from ..operation import is_intercepted
from .entry import MISS, Entry, Result
from .lower import NUMPY_RULES, Lowering
from .plan import Plan
from .planned import Planned, prelude
from .program import Program, recorded
from .readable import Writer, source
from .repeat import Loop, Repeated, in_python
from .signature import Branch, Constant, Signature, is_array
from .simplify import RULES
from .text import tree_text
from .trace import Recording

is_within = within.get
Entered = Callable[[tuple[Any, ...], dict[str, Any]], Any]
_NONE: Mapping[int, int] = {}
MANY = 16  # signatures: whoever has more of them passes what changes as a number


class Compiled:
    """A function that runs as a program, recorded when it is first called with arguments of some shapes and dtypes.

    Made by `compile`. `.source` is the latest program as Python text, `.signatures` says for which arguments there is one.
    """

    target = "numpy"

    def __init__(self, f: Callable[..., Any], donate: int | str | Sequence[int | str] = ()) -> None:
        if not callable(f):
            raise TypeError(f"compile takes a function, not {type(f).__name__}: {short(f)}")
        update_wrapper(self, f)
        self.f = f
        self.donate = (donate,) if isinstance(donate, (int, str)) else tuple(donate)
        self.name = "f" if getattr(f, "__name__", "<")[0] == "<" else identifier(f.__name__)
        self._versions: dict[Any, Version] = {}
        self._latest: Version | None = None
        self._enter: Callable[..., Any] = lambda args, kwargs: MISS

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program for these arguments; record it first, if there is none."""
        if is_within():  # part of something larger, which needs to see what is computed
            return self.f(*args, **kwargs)
        result = self._enter(args, kwargs)
        return self._missed(args, kwargs) if result is MISS else result

    def _missed(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run another version than the latest, which may have to be recorded."""
        version, signature = self.version(args, kwargs)
        result = version.enter(*self.plain_arguments(signature))
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
            version = self._versions[signature.key] = self._recorded(Signature(self.f, args, kwargs))
            self._warn_of_many(signature)
        self._latest, self._enter = version, version.enter
        return version, signature

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
        return self._known().source

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
    if isinstance(array, np.generic) or not (array._data if type(array) is Tensor else array).flags.writeable:
        raise ValueError(f"a donated array is read-only: donate a copy, {_names.of(array) or 'a'}.copy()")


class Version:
    """A program for one signature: its text, and the way in."""

    writer = Writer

    def __init__(self, compiled: Compiled, signature: Signature) -> None:
        self.signature = signature
        self.name = compiled.name
        recording, self.result, outputs = record(compiled.f, compiled.name, signature)
        known = [t for t in ancestors(*outputs, until=recording.inputs, values=False) if t.is_leaf and t.serial < recording.start]
        self.closed = [(t, t.serial) for t in known]
        self.program = recorded(recording, labels(signature, recording), outputs, RULES)
        self._text: tuple[str, dict[str, Any]] | None = None
        for x in signature.inputs:
            x.forget()
        self.enter = self._way_in(compiled)

    def _way_in(self, compiled: Compiled) -> Entered:
        lowered = Lowering(NUMPY_RULES).program(self.program)
        inputs = lowered.inputs
        donated = [inputs[self.signature.inputs.index(x)] for x in self.signature.of(compiled.donate)]
        plan = Plan(lowered, donated)
        updates = {lowered.outputs.index(y): inputs.index(x) for y, x in plan.updates.items()}
        self.planned = Planned(self.name, plan)
        scope = dict(self.planned.namespace)
        exec(compile(self.planned.source, f"<{self.name}, compiled>", "exec"), scope)
        memory = self.planned.memory() if self.planned.buffers else None
        self._donated = set(updates.values())
        self._run, self._memory = scope[self.planned.name], memory
        return self.entry(self._run, memory, updates)

    def entry(self, program: Callable[..., Any], memory: Callable[[], Any] | None = None, updates: Mapping[int, int] = _NONE) -> Entered:
        """The way into a program that takes the inputs, and gives the results, one after the other."""
        return Entry(self.signature, updates, self.result, len(self.program.outputs), self.closed).function(program, memory)

    def looped(self, loop: Loop, n: int, history: bool) -> Callable[..., list[Any]]:
        """The program of n steps."""

        def run(*arrays: Any) -> list[Any]:
            given = [array.copy() if i in self._donated else array for i, array in enumerate(arrays)]
            kept = (self._memory(),) if self._memory else ()
            return in_python(lambda *xs: self._run(*xs, *kept), loop, given, n, history)

        return run

    def returns(self) -> str:
        """What it returns, as a reader would write it."""
        return tree_text(self.result, lambda leaf: leaf_text(leaf, self.program))

    def is_outdated(self) -> bool:
        """Whether a tensor that the function closes over, a constant to the program, has changed."""
        return any(t.serial != serial for t, serial in self.closed)

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
        """What is too large to be in the text."""
        return self._printed()[1]

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


def record(f: Callable[..., Any], name: str, signature: Signature, spares: bool = True) -> tuple[Recording, Any, list[Tensor]]:
    """Run a function on placeholders: what was noted, the structure of what it returned, and its results."""
    recording = Recording(name, spares and not is_intercepted())  # whoever watches needs all values
    inputs = [recording.placeholder(x.array, x.value.name if type(x.value) is Tensor else None) for x in signature.inputs]
    args, kwargs = signature.rebuilt(inputs)
    try:
        with recording.running(), enable_grad():
            returned = f(*args, **kwargs)
    except Exception:
        if not recording.has_stand_ins:
            raise
    else:
        recording.forget()
        outputs: list[Tensor] = []
        return recording, _structure(returned, outputs, name), outputs
    return record(f, name, signature, spares=False)  # an op may need values to run at all, as np.linalg.inv does


def _structure(value: Any, outputs: list[Tensor], name: str) -> Any:
    """What a function returned, taken apart; appends its tensors to the outputs."""
    if isinstance(value, dict):
        for key in value:
            if not is_literal(key):
                raise TypeError(f"{name} returned a dict with the key {short(key)}: keys are strings, numbers, and tuples of them")
        return Branch("", type(value), {key: _structure(v, outputs, name) for key, v in value.items()})
    if isinstance(value, (list, tuple)):
        return Branch("", type(value), {i: _structure(v, outputs, name) for i, v in enumerate(value)})
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


def labels(signature: Signature, recording: Recording) -> list[str]:
    """What the inputs are called: by name if they have one, by parameter or key, or by the variable that they are unpacked to."""
    variables: dict[Tensor, str] = {}
    for t, name in recording.first_names.items():
        origin = t
        while origin.op is not None and origin.op.name == "copy" and origin.args:
            origin = origin.args[0]
        if origin in recording.inputs:
            variables.setdefault(origin, name)
    found = []
    for x, t in zip(signature.inputs, recording.inputs, strict=True):
        is_plain = x.label in signature.names or x.access.endswith(f"[{x.label!r}]")
        found.append(x.label if is_plain else t.name or variables.get(t) or x.label)
    return found
