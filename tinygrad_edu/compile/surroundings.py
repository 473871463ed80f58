"""What a function reads beside its arguments: globals, closures, attributes, and what they hold, as far as its code names them.

A program is recorded with the values that these had; where one of them differs in a later call, it is recorded again.
"""

from __future__ import annotations

import dis
import gc
import os
import pickle
import random
import re
import sys
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping, MappingView, Sequence, Set
from contextvars import ContextVar
from functools import cache, lru_cache, partial
from operator import attrgetter, length_hint, methodcaller
from types import (
    BuiltinMethodType,
    ClassMethodDescriptorType,
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
)
from typing import Any, NamedTuple

import numpy as np

from .. import _names
from ..core import Tensor

ATOMS = (bool, int, float, complex, str, bytes, type(None), np.generic)
SMALL = 1 << 16  # bytes: the entries of larger arrays are compared without a copy to bytes
FEW = 256  # a container of more entries is compared as a whole


class Place(NamedTuple):
    """Where a value is found: as Python, with the name of what holds it in braces."""

    holder: Any
    access: str
    value: Any
    label: str

    def now(self) -> Any:
        """What is there now; a KeyError, an IndexError, an AttributeError or a ValueError if nothing is."""
        return eval(_code(self.access), {"holder": self.holder, "len": len})

    def is_same(self) -> bool:
        """Whether the value is there still."""
        try:
            return is_same(self.now(), self.value)
        except (KeyError, IndexError, AttributeError, ValueError):
            return False


def is_same(value: Any, known: Any) -> bool:
    """Whether a value is the known one; numbers and texts may be equal, to the last bit."""
    if value is known:
        return True
    if type(value) is not type(known):
        return False
    if type(known) is tuple:
        return len(value) == len(known) and all(map(is_same, value, known))
    return isinstance(known, ATOMS) and repr(value) == repr(known)


@lru_cache(10_000)
def _code(access: str) -> CodeType:
    """What a place is read by, compiled: one wording serves many holders."""
    return compile(access.format("holder"), "<a place>", "eval")


class Surroundings:
    """The places that a function, and what it calls of the user's, read from outside."""

    def __init__(self, *roots: Any) -> None:
        self.places: list[Place] = []
        self.arrays: dict[int, tuple[Any, Any]] = {}  # arrays that may change in place, each with its entries as they were
        self.wholes: list[tuple[Any, list[Any]]] = []  # containers that are compared as a whole, each with what it held
        self.orders: list[tuple[dict[Any, Any], list[Any]]] = []  # dicts, each with its keys in order
        self.generators: dict[int, tuple[Any, Any]] = {}  # of random numbers, each with its state
        self.iterators: dict[int, tuple[Any, Any]] = {}  # each with how far it has come
        self._seen: dict[int, Any] = {}
        self._attributes: set[str] = set()
        self._is_reflected = False  # whether some code finds attributes by other means than their names
        self._objects: list[Any] = []
        self._taken: set[tuple[int, str]] = set()
        self._waiting: list[Any] = [*roots, random._inst, np.random.mtrand._rand]
        self._walk()

    # -- what is there ---------------------------------------------------------------------------------------------------------

    def _walk(self) -> None:
        known: Any = None
        while self._waiting or known != (len(self._attributes), self._is_reflected):
            known = len(self._attributes), self._is_reflected
            while self._waiting:
                self._visit(self._waiting.pop())
            for value in self._objects:
                self._take_attributes(value)

    def _visit(self, value: Any) -> None:
        if id(value) in self._seen or isinstance(value, ATOMS) or type(value) is Tensor:
            return
        self._seen[id(value)] = value  # whose id must not be another's
        if isinstance(value, np.ndarray):
            if may_change(value):
                self.arrays[id(value)] = (value, entries(value))
            else:
                self._take_flags(value)
            if value.dtype.hasobject:
                self._waiting += value.ravel().tolist()
        elif state_of(value) is not None:
            self.generators[id(value)] = (value, state_of(value))
        elif hasattr(type(value), "__next__"):
            self.iterators[id(value)] = (value, progress(value))
        elif isinstance(value, weakref.ref):
            self._take(value, "{}()", value(), "what a weak reference refers to")
        elif isinstance(value, ContextVar):
            self._take(value, "{}.get(None)", value.get(None), value.name)
        elif isinstance(value, FunctionType):
            self._take_function(value)
        elif isinstance(value, MethodType):
            self._waiting += [value.__self__, value.__func__]
        elif isinstance(value, (BuiltinMethodType, MethodWrapperType)):  # d.get of a dict d
            self._waiting.append(value.__self__)
        elif isinstance(value, partial):
            self._waiting += [value.func, value.args, value.keywords]
        elif isinstance(value, (dict, list, tuple, set, frozenset, deque)):
            self._take_container(value)
            if type(value).__module__ != "builtins":  # it may have attributes, too
                self._take_object(value)
        elif is_container(value):
            self.wholes.append((value, contents(value)))
            self._waiting += contents(value)
            self._take_object(value)
        elif isinstance(value, (staticmethod, classmethod)):
            self._waiting.append(value.__func__)
        elif isinstance(value, property):
            self._waiting.append(value.fget)
        elif "__wrapped__" in getattr(value, "__dict__", ()):  # a decorated function, one of tg.compile's among them
            self._waiting.append(vars(value)["__wrapped__"])
        elif isinstance(value, ModuleType):
            if not is_library(value.__name__):
                self._objects.append(value)
        elif not isinstance(value, type) or not is_library(value.__module__):
            self._take_object(value)

    def _take_flags(self, array: Any) -> None:
        """That an array is read-only still, as is what it is a view of: who owns the memory may make it writable."""
        while isinstance(array, np.ndarray):
            self._take(array, "{}.flags.writeable", False, "whether an array can be written to")
            array = array.base

    def _take_object(self, value: Any) -> None:
        """An object, or a class of the user's: its attributes, and the methods of its class."""
        self._objects.append(value)
        if type(value) is not type:
            self._waiting.append(type(value))
        if is_library(of_class(value).__module__):  # what was given to it to be called: np.vectorize(f), an op of the user's
            held = getattr(value, "__dict__", {}).values()
            self._waiting += [v for v in held if isinstance(v, (FunctionType, MethodType, partial, tuple))]
            self._is_reflected |= type(value) in (attrgetter, methodcaller)

    def _take_function(self, function: FunctionType) -> None:
        if is_library(function.__module__):
            return
        globals_, closed_over, attributes = names_in(function.__code__)
        self._attributes |= attributes
        if (globals_ | attributes) & REFLECTING:
            self._is_reflected = True
            globals_ |= words_in(function.__code__)  # of globals()["rate"], of eval("rate")
        if function.__dict__:
            self._objects.append(function)
            self._waiting += function.__dict__.values()  # what it wraps, and what it chooses from
        for name in sorted(globals_ & function.__globals__.keys()):
            self._take(function.__globals__, f"{{}}[{name!r}]", function.__globals__[name], name)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            if name not in closed_over:
                continue
            try:
                self._take(cell, "{}.cell_contents", cell.cell_contents, name)
            except ValueError:  # not set yet
                continue
        self._waiting += [function.__defaults__, function.__kwdefaults__]
        if (globals_ | attributes) & {"environ", "getenv"}:
            self._waiting.append(os.environ)

    def _take_container(self, container: Any) -> None:
        values = list(container.values()) if isinstance(container, dict) else list(container)
        if isinstance(container, (list, dict)):
            if len(container) > FEW or (isinstance(container, dict) and not all(type(key) in (str, int) for key in container)):
                self.wholes.append((container, contents(container)))
            else:
                if isinstance(container, dict):
                    self.orders.append((container, [*container]))
                else:
                    self.places.append(Place(container, "len({})", len(container), "the length of a container"))
                for key, value in list(container.items()) if isinstance(container, dict) else enumerate(container):
                    self._take(container, f"{{}}[{key!r}]", value, key if type(key) is str else f"[{key}]")
        elif isinstance(container, (set, deque)):
            self.wholes.append((container, contents(container)))
        self._waiting += values

    def _take_attributes(self, value: Any) -> None:
        instance = getattr(value, "__dict__", {})
        is_object = not isinstance(value, (type, ModuleType))
        names = [*self._attributes]
        if not is_object:
            names += [key for key in list(instance) if key[:2] == "__"]
        elif self._is_reflected:
            names += [key for key in list(instance) if type(key) is str and key.isidentifier()]
        names = [name for name in names if (id(value), name) not in self._taken]
        if not names:
            return
        self._taken.update([(id(value), name) for name in names])
        kinds = () if isinstance(value, ModuleType) else (*of_class(value).__mro__[:-1], *type(value).__mro__[:-1])
        spaces = [instance, *map(vars, kinds)]
        for name in names:
            found_in = [space[name] for space in spaces if name in space]
            if not found_in or (found_in[0] is None and name not in instance):
                continue
            self._waiting += [found for found in found_in if isinstance(found, METHODS)]  # super() reaches more than the first
            found = found_in[0]
            label = f"{'self' if is_object else value.__name__}.{name}"
            if is_object and isinstance(found, FIELDS):
                found = getattr(value, name, None)
            if isinstance(found, WRITTEN_IN_C):
                if not is_library(of_class(value).__module__):
                    bound = f"type({{}}.{name})"
                    self.places.append(Place(value, bound, type(getattr(value, name)), label))
            elif isinstance(found, (FunctionType, staticmethod, classmethod)):
                function = getattr(found, "__func__", found)
                if not is_library(function.__module__) and name[:2] != "__":  # another may be put in its place
                    self.places.append(Place(value, f"getattr({{0}}.{name}, '__func__', {{0}}.{name})", function, label))
            elif not isinstance(found, property) and (name[:2] != "__" or name == "__call__"):
                self._take(value, f"{{}}.{name}", found, label)

    def _take(self, holder: Any, access: str, value: Any, label: str) -> None:
        if isinstance(value, ModuleType) and is_library(value.__name__):
            return
        self.places.append(Place(holder, access, value, label))
        self._waiting.append(value)

    def stored(self, is_recorded: Callable[[Tensor], bool]) -> Place | None:
        """A place where a run of the function put a tensor that belongs to that run alone; None if there is none."""
        for place in self.places:
            try:
                value = place.now()
            except (KeyError, IndexError, AttributeError, ValueError):  # it is not there any more
                continue
            if type(value) is Tensor and value is not place.value and is_recorded(value):
                return place
        return None

    # -- whether it is so still ------------------------------------------------------------------------------------------------

    def drawn(self) -> Any:
        """A generator of random numbers whose state has changed; None if there is none."""
        return next((value for value, state in self.generators.values() if state_of(value) != state), None)

    def has_moved_on(self) -> bool:
        """Whether an iterator has given an item."""
        return any(progress(value) != before for value, before in self.iterators.values())

    def names(self) -> dict[Tensor, str]:
        """What the tensors are called where they are found."""
        return {place.value: place.label.rpartition(".")[2].strip("[]") for place in self.places if type(place.value) is Tensor}

    def is_same(self) -> bool:
        """Whether all is as it was."""
        return (
            all(place.is_same() for place in self.places)
            and all(is_equal(array, known) for array, known in self.arrays.values())
            and all([*keyed] == keys for keyed, keys in self.orders)
            and all(is_whole(container, known) for container, known in self.wholes)
        )

    def lines(self, bind: Callable[[str, Any], str]) -> Iterator[str]:
        """Lines of Python that return MISS where something differs."""
        for place in self.places:
            value, access = place.value, place.access.format(bind("h", place.holder))
            if isinstance(value, ATOMS) and value is not None and type(value) is not bool:
                known = bind("k", value)
                differs = (
                    f"repr({access}) != {repr(value)!r}" if isinstance(value, (float, complex, np.generic)) else f"{access} != {known}"
                )
                yield f"if {access} is not {known} and (type({access}) is not {bind('t', type(value))} or {differs}): return MISS"
            else:
                yield f"if {access} is not {bind('k', value)}: return MISS"
        for array, known in self.arrays.values():
            yield f"if not {bind('is_equal', is_equal)}({bind('a', array)}, {bind('k', known)}): return MISS"
        for keyed, keys in self.orders:
            yield f"if [*{bind('h', keyed)}] != {bind('k', keys)}: return MISS"
        for container, values in self.wholes:
            yield f"if not {bind('is_whole', is_whole)}({bind('h', container)}, {bind('k', values)}): return MISS"


def is_whole(container: Any, known: list[Any]) -> bool:
    """Whether a container holds the same objects, in the same order."""
    values = contents(container)
    return len(values) == len(known) and all(map(is_same, values, known))


def contents(container: Any) -> list[Any]:
    """What a container holds, with the keys if it has some."""
    return [*container, *container.values()] if isinstance(container, Mapping) else [*container]


def is_container(value: Any) -> bool:
    """Whether something is a container whose items are found by code of a library alone: a UserDict, a view of a dict, an array.array."""
    if not isinstance(value, (Mapping, Sequence, Set, MappingView)) or isinstance(value, range):
        return False
    return all(
        is_library(kind.__module__) or not vars(kind).keys() & {"__iter__", "__getitem__", "__len__"} for kind in type(value).__mro__
    )


def entries(array: Any) -> Any:
    """The entries of an array, to be compared with later."""
    return array.tobytes() if array.nbytes <= SMALL or array.dtype.hasobject else array.copy()


def is_equal(array: Any, known: Any) -> bool:
    """Whether an array has the entries that it had, to the last bit."""
    if type(known) is bytes:
        return bool(array.tobytes() == known)
    if array.shape != known.shape or array.dtype != known.dtype:
        return False
    if array.dtype.kind in "iub":
        return bool((array == known).all())
    same = array == known
    return bool(same.all() or ((same | ((array != array) & (known != known))).all()))


def may_change(array: Any) -> bool:
    """Whether somebody can write to the memory of an array."""
    while isinstance(array, np.ndarray):
        if array.flags.writeable:
            return True
        array = array.base
    return array is not None and not isinstance(array, bytes)


def state_of(value: Any) -> Any:
    """The state of a generator of random numbers; None of anything else."""
    if isinstance(value, (np.random.Generator, np.random.RandomState)):
        bits = value.bit_generator if isinstance(value, np.random.Generator) else value._bit_generator
        return pickle.dumps(bits.state)
    if isinstance(value, np.random.BitGenerator):
        return pickle.dumps(value.state)
    return value.getstate() if isinstance(value, random.Random) and not isinstance(value, random.SystemRandom) else None


def progress(iterator: Any) -> Any:
    """How far an iterator has come."""
    frame = getattr(iterator, "gi_frame", None)
    if frame is not None:
        return frame.f_lasti, {name: id(value) for name, value in frame.f_locals.items()}
    with warnings.catch_warnings(action="ignore"):  # Python is giving up the pickling of iterators
        try:
            parts = iterator.__reduce__()[1]
        except (AttributeError, TypeError):
            parts = tuple(gc.get_referents(iterator))
    inner = [progress(part) for part in parts if part is not iterator and hasattr(type(part), "__next__")]  # of zip, map, cycle
    own = {name: id(value) for name, value in getattr(iterator, "__dict__", {}).items()}
    return repr(iterator), length_hint(iterator, -1), inner, own


def of_class(value: Any) -> type:
    """The class of a value; of a class, itself."""
    return value if isinstance(value, type) else type(value)


@cache
def is_library(module: str | None) -> bool:
    """Whether a module is Python's, NumPy's, this package's, or was installed: what it does is not watched."""
    root = (module or "").partition(".")[0]
    if root in ("__main__", "") or root not in sys.modules:
        return False
    file = getattr(sys.modules[root], "__file__", None) or ""
    return root in sys.stdlib_module_names or root in (_names._PACKAGE, "numpy") or "site-packages" in file or "dist-packages" in file


SKIPPED = ("CACHE", "EXTENDED_ARG", "NOP", "RESUME", "PUSH_NULL")
METHODS = (FunctionType, staticmethod, classmethod, property)
FIELDS = (MemberDescriptorType, GetSetDescriptorType, type(Place.label))  # of slots, of classes in C, of named tuples
WRITTEN_IN_C = (MethodDescriptorType, ClassMethodDescriptorType)  # bound anew at each look; only a user's class may get another
REFLECTING = {"getattr", "hasattr", "attrgetter", "methodcaller", "vars", "dir", "globals", "locals", "eval", "exec", "__dict__"}
ADDERS = ("append", "extend", "add", "update", "insert", "setdefault")


@cache
def names_in(code: CodeType) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """The globals, the closed-over variables and the attributes that a function's code, and the functions in it, read.

    What is only counted up, as in `n += 1`, `count["n"] += 1` and `self.n += 1`, or only added to, `log.append(x)`, is not read.
    """
    found: dict[str, set[str]] = {"GLOBAL": set(), "DEREF": set(), "ATTR": set()}
    instructions = [i for i in dis.get_instructions(code) if i.opname not in SKIPPED]
    for place, instruction in enumerate(instructions):
        kind, _, of = instruction.opname.partition("_")
        of = {"NAME": "GLOBAL", "METHOD": "ATTR", "SUPER_ATTR": "ATTR"}.get(of, of)
        after = instructions[place + 1 : place + 4]
        if kind == "LOAD" and of in found and not is_only_written(instruction, instructions[place - 1 : place], after):
            found[of].add(instruction.argval)
    if any(i.opname == "MATCH_CLASS" for i in instructions):
        found["ATTR"].add("__dict__")  # `case Point(x=x)` reads attributes that it does not name in its instructions
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            for kind, names in zip(found, names_in(inner), strict=True):
                found[kind] |= names
    return frozenset(found["GLOBAL"]), frozenset(found["DEREF"]), frozenset(found["ATTR"])


def words_in(code: CodeType) -> set[str]:
    """The words in the texts of a function's code, any of which may be a name."""
    texts = [constant for constant in code.co_consts if isinstance(constant, str)]
    inner = [words_in(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    return set(re.findall(r"\w+", " ".join(texts))).union(*inner)


def is_only_written(load: dis.Instruction, before: Sequence[dis.Instruction], after: Sequence[dis.Instruction]) -> bool:
    """Whether an instruction loads something in order to count it up, or to add to it."""
    if len(after) < 3:
        return False
    names = [i.opname for i in after]
    if names[0] in ("LOAD_ATTR", "LOAD_METHOD") and after[0].argval in ADDERS:
        return True
    if load.opname in ("LOAD_ATTR", "LOAD_METHOD"):
        return bool(before) and before[0].opname == "COPY" and names[0].startswith("LOAD_") and names[1] == "BINARY_OP"
    if names[1] == "BINARY_OP" and names[2].startswith("STORE_"):
        return names[0].startswith("LOAD_") and after[2].argval == load.argval
    return names == ["LOAD_CONST", "COPY", "COPY"]
