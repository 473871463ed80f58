"""Pytrees: parameters come as one tensor or array, or as nested containers of them.

Containers are dicts, lists, tuples, their subclasses (OrderedDict, defaultdict, namedtuple) and
dataclasses; each keeps its type.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (path, leaf) in order; a path reads like Python, `['W1']`, `[0]` or `.W1`.

    None is an empty tree.
    """
    parts = parts_of(tree)
    if parts is not None:
        for step, value in parts.items():
            yield from leaves(value, path + _written(tree, step))
    elif tree is not None:
        yield path, tree


def paired(tree: Any, other: Any) -> list[tuple[Any, Any]]:
    """The leaves of two trees of the same structure, in pairs: whatever the order of the keys."""
    mine, theirs = dict(leaves(tree)), dict(leaves(other))
    if mine.keys() != theirs.keys():
        places = sorted(mine.keys() ^ theirs.keys())
        raise ValueError(f"two structures must have the same places, these differ in {places}")
    return [(value, theirs[path]) for path, value in mine.items()]


def tree_map(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """The same structure, with `function` applied to every leaf.

    And to the leaves at its place in the other trees.
    """
    parts = parts_of(tree)
    if parts is None:
        return None if tree is None else function(tree, *others)
    theirs = [parts_of(other) or {} for other in others]
    mapped = {
        step: tree_map(function, value, *[other[step] for other in theirs])
        for step, value in parts.items()
    }
    return _rebuilt(tree, mapped)


def parts_of(tree: Any) -> dict[Any, Any] | None:
    """What a container holds, by key, place or the name of a field; None for a leaf."""
    if isinstance(tree, dict):
        return dict(tree)
    if isinstance(tree, (list, tuple)):
        return dict(enumerate(tree))
    if is_dataclass(tree) and not isinstance(tree, type):
        return {field.name: getattr(tree, field.name) for field in fields(tree)}
    return None


def _written(tree: Any, step: Any) -> str:
    """The step from a container to one of its parts, as in Python."""
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return f".{tree._fields[step]}"
    return f"[{step!r}]" if isinstance(tree, (dict, list, tuple)) else f".{step}"


def _rebuilt(tree: Any, parts: dict[Any, Any]) -> Any:
    """A container of the same type with other parts."""
    if type(tree) is dict:
        return parts
    if isinstance(tree, (list, tuple)):
        is_named = hasattr(tree, "_fields")
        return type(tree)(*parts.values()) if is_named else type(tree)(parts.values())
    new = copy.copy(tree)  # what else it has, the factory of a defaultdict say, stays
    if isinstance(tree, dict):
        new.update(parts)
    else:
        for name, value in parts.items():
            object.__setattr__(new, name, value)  # even where the dataclass is frozen
    return new
