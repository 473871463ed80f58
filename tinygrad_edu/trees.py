"""Parameters come as one tensor or array, or as nested dicts, lists and tuples of them: take them apart, put them together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (path, leaf) in order; a path reads like Python, `['W1']` or `[0]`. None is an empty tree."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from leaves(value, f"{path}[{key!r}]")
    elif isinstance(tree, (list, tuple)):
        for i, value in enumerate(tree):
            yield from leaves(value, f"{path}[{i}]")
    elif tree is not None:
        yield path, tree


def paired(tree: Any, other: Any) -> list[tuple[Any, Any]]:
    """The leaves of two trees of the same structure, in pairs: by key and place, whatever the order of the keys."""
    mine, theirs = dict(leaves(tree)), dict(leaves(other))
    if mine.keys() != theirs.keys():
        raise ValueError(f"two structures must have the same places, these differ in {sorted(mine.keys() ^ theirs.keys())}")
    return [(value, theirs[path]) for path, value in mine.items()]


def tree_map(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """The same structure, with `function` applied to every leaf (and to the leaves at its place in the other trees)."""
    if isinstance(tree, dict):
        return {key: tree_map(function, value, *[other[key] for other in others]) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        mapped = [tree_map(function, *values) for values in zip(tree, *others, strict=True)]
        return type(tree)(*mapped) if hasattr(tree, "_fields") else type(tree)(mapped)
    return None if tree is None else function(tree, *others)
