"""The walk from a function to all that it may read: globals, closures, attributes, what they hold.

It goes by the code of functions: as far as that names globals and attributes.
"""

from __future__ import annotations

import os
import random
import weakref
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from functools import partial
from operator import attrgetter, methodcaller
from types import (
    BuiltinMethodType,
    ClassMethodDescriptorType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
)
from typing import Any

import numpy as np

from ..engine.op import Op
from ..engine.registry import in_table
from ..engine.tensor import Tensor
from .bytecode import names_in, words_in
from .comparison import (
    ATOMS,
    contents,
    entries,
    is_container,
    is_library,
    may_change,
    of_class,
    progress,
    state_of,
)
from .surroundings import Location, Surroundings

FEW = 256  # a container of more entries is compared as a whole
METHODS = (FunctionType, staticmethod, classmethod, property)
# of slots, of classes in C, of named tuples
FIELDS = (MemberDescriptorType, GetSetDescriptorType, type(Location.label))
# bound anew at each look; only a user's class may get another
WRITTEN_IN_C = (MethodDescriptorType, ClassMethodDescriptorType)
# what finds attributes by other means than their names
REFLECTING = frozenset(
    ("getattr", "hasattr", "attrgetter", "methodcaller", "vars", "dir", "globals", "locals")
) | {"eval", "exec", "__dict__"}


def surroundings(*roots: Any) -> Surroundings:
    """What is read from outside by some objects: functions, their instances, static arguments."""
    return Search(roots).found


class Search:
    """Finds the places that code may read, from some roots on."""

    def __init__(self, roots: Iterable[Any]) -> None:
        self.found = Surroundings()
        self._seen: dict[int, Any] = {}
        self._attributes: set[str] = set()  # that some code names
        # whether some code finds attributes by other means than their names
        self._is_reflected = False
        self._objects: list[Any] = []  # whose attributes are looked up
        self._taken: set[tuple[int, str]] = set()  # the attributes that were: object and name
        self._waiting: list[Any] = [*roots, random._inst, np.random.mtrand._rand]
        self._walk()

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
            self._take_array(value)
        elif state_of(value) is not None:
            self.found.generators[id(value)] = (value, state_of(value))
        elif hasattr(type(value), "__next__"):
            self.found.iterators[id(value)] = (value, progress(value))
        elif isinstance(value, Op) and in_table(value):
            pass  # an op of the package's is what it is
        elif isinstance(value, weakref.ref):
            self._take(value, "{}()", value(), "what a weak reference refers to")
        elif isinstance(value, ContextVar):
            self._take(value, "{}.get(None)", value.get(None), value.name)
        elif isinstance(value, FunctionType):
            self._take_function(value)
        elif (inner := callee(value)) is not None:
            self._waiting += inner
        elif isinstance(value, (dict, list, tuple, set, frozenset, deque)):
            self._take_container(value)
            if type(value).__module__ != "builtins":  # it may have attributes, too
                self._take_object(value)
        elif is_container(value):
            self.found.wholes.append((value, contents(value)))
            self._waiting += contents(value)
            self._take_object(value)
        elif "__wrapped__" in getattr(value, "__dict__", ()):
            # a decorated function, one of tg.compile's among them
            self._waiting.append(vars(value)["__wrapped__"])
        elif isinstance(value, ModuleType):
            if not is_library(value.__name__):
                self._objects.append(value)
        elif not isinstance(value, type) or not is_library(value.__module__):
            self._take_object(value)

    def _take(self, holder: Any, access: str, value: Any, label: str) -> None:
        """Note a place, and look at what is there."""
        if isinstance(value, ModuleType) and is_library(value.__name__):
            return
        self._note(holder, access, value, label)
        self._waiting.append(value)

    def _note(self, holder: Any, access: str, value: Any, label: str) -> None:
        self.found.places.append(Location(holder, access, value, label))

    def _take_array(self, array: Any) -> None:
        """An array: its entries, if they may change.

        If they may not, that it is read-only still, as is what it is a view of: who owns the memory
        may make it writable.
        """
        if array.dtype.hasobject:
            self._waiting += array.ravel().tolist()
        if may_change(array):
            self.found.arrays[id(array)] = (array, entries(array))
            return
        while isinstance(array, np.ndarray):
            self._take(array, "{}.flags.writeable", False, "whether an array can be written to")
            array = array.base

    def _take_container(self, container: Any) -> None:
        is_dict = isinstance(container, dict)
        values = list(container.values()) if is_dict else list(container)
        if isinstance(container, (set, deque)) or (
            isinstance(container, (list, dict)) and not has_places(container)
        ):
            self.found.wholes.append((container, contents(container)))
        elif is_dict:
            self.found.orders.append((container, [*container]))
            for key, value in list(container.items()):
                label = key if type(key) is str else f"[{key}]"
                self._take(container, f"{{}}[{key!r}]", value, label)
        elif isinstance(container, list):
            self._note(container, "len({})", len(container), "the length of a container")
            for i, value in enumerate(container):
                self._take(container, f"{{}}[{i}]", value, f"[{i}]")
        self._waiting += values

    # -- functions ---------------------------------------------------------------------------------

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
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        for name, cell in cells:
            try:
                if name in closed_over:
                    self._take(cell, "{}.cell_contents", cell.cell_contents, name)
            except ValueError:  # not set yet
                continue
        self._waiting += [function.__defaults__, function.__kwdefaults__]
        if (globals_ | attributes) & {"environ", "getenv"}:
            self._waiting.append(os.environ)

    # -- objects -----------------------------------------------------------------------------------

    def _take_object(self, value: Any) -> None:
        """An object, or a class of the user's: its attributes, and the methods of its class."""
        self._objects.append(value)
        if type(value) is not type:
            self._waiting.append(type(value))
        # what was given to it to be called: np.vectorize(f), an op of the user's
        if is_library(of_class(value).__module__):
            held = getattr(value, "__dict__", {}).values()
            self._waiting += [
                v for v in held if isinstance(v, (FunctionType, MethodType, partial, tuple))
            ]
            self._is_reflected |= type(value) in (attrgetter, methodcaller)

    def _take_attributes(self, value: Any) -> None:
        """The attributes of an object, a class or a module that some code names."""
        instance = getattr(value, "__dict__", {})
        names = [*self._attributes]
        if isinstance(value, (type, ModuleType)):
            names += [key for key in list(instance) if key[:2] == "__"]
        elif self._is_reflected:
            names += [key for key in list(instance) if type(key) is str and key.isidentifier()]
        names = [name for name in names if (id(value), name) not in self._taken]
        if not names:
            return
        self._taken.update([(id(value), name) for name in names])
        kinds: Sequence[type] = ()
        if not isinstance(value, ModuleType):
            kinds = (*of_class(value).__mro__[:-1], *type(value).__mro__[:-1])
        spaces = [instance, *map(vars, kinds)]
        for name in names:
            self._take_attribute(value, name, spaces)

    def _take_attribute(self, value: Any, name: str, spaces: Sequence[Mapping[str, Any]]) -> None:
        """One of them; `spaces` are its own namespace, and those of its classes."""
        found_in = [space[name] for space in spaces if name in space]
        if not found_in or (found_in[0] is None and name not in spaces[0]):
            return
        # super() reaches more than the first
        self._waiting += [found for found in found_in if isinstance(found, METHODS)]
        found = found_in[0]
        is_object = not isinstance(value, (type, ModuleType))
        label = f"{'self' if is_object else value.__name__}.{name}"
        if is_object and isinstance(found, FIELDS):
            found = getattr(value, name, None)
        if isinstance(found, WRITTEN_IN_C):
            if not is_library(of_class(value).__module__):
                self._note(value, f"type({{}}.{name})", type(getattr(value, name)), label)
        elif isinstance(found, (FunctionType, staticmethod, classmethod)):
            function = getattr(found, "__func__", found)
            # another may be put in its place
            if not is_library(function.__module__) and name[:2] != "__":
                access = f"getattr({{0}}.{name}, '__func__', {{0}}.{name})"
                self._note(value, access, function, label)
        elif not isinstance(found, property) and (name[:2] != "__" or name == "__call__"):
            self._take(value, f"{{}}.{name}", found, label)


def callee(value: Any) -> list[Any] | None:
    """What a method, a partial function or a descriptor calls, and on what; None of others."""
    if isinstance(value, MethodType):
        return [value.__self__, value.__func__]
    if isinstance(value, (BuiltinMethodType, MethodWrapperType)):  # d.get of a dict d
        return [value.__self__]
    if isinstance(value, partial):
        return [value.func, value.args, value.keywords]
    if isinstance(value, (staticmethod, classmethod)):
        return [value.__func__]
    return [value.fget] if isinstance(value, property) else None


def has_places(container: Any) -> bool:
    """Whether entries of a list or dict are few enough, and have keys, to be found singly."""
    if len(container) > FEW:
        return False
    return isinstance(container, list) or all(type(key) in (str, int) for key in container)
