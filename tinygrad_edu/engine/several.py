"""Functions of several results, each of which is an op of its own: what `tg.op` makes of them.

A graph has one array at each node, and every reader of it knows no others. So a function that gives
two results is two ops with the same operands, which run it once between them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import local
from typing import Any

import numpy as np

from .op import Rule
from .primitive import Primitive
from .tensor import Tensor

Function = Callable[..., Any]


class Shared:
    """A function of several results, which is not run again for the next one of them."""

    def __init__(self, function: Function, name: str, results: int) -> None:
        self.function, self.name, self.results = function, name, results
        self._kept = local()

    def __call__(self, k: int, values: Sequence[Any], static: Mapping[str, Any]) -> Any:
        """Its k-th result."""
        kept = getattr(self._kept, "call", None)
        if kept and _are_same(kept[0], values) and _are_same(kept[1].values(), static.values()):
            return kept[2][k]
        found = self.function(*values, **static)
        if not isinstance(found, (tuple, list)) or len(found) != self.results:
            given = f"{len(found)}" if isinstance(found, (tuple, list)) else "one result"
            raise ValueError(
                f"{self.name} gave {given}, and was defined with results={self.results}: "
                "return a tuple of as many"
            )
        if kept is not None:  # while the whole is called; the values live until it is done
            self._kept.call = (values, dict(static), found)
        return found[k]

    def __enter__(self) -> None:
        self._kept.call = ()

    def __exit__(self, *error: object) -> None:
        self._kept.call = None


def _are_same(old: Iterable[Any], new: Iterable[Any]) -> bool:
    return list(map(id, old)) == list(map(id, new))


class Several:
    """An op with several results: called on Tensors it gives a tuple of them.

    `ops` are the ops that give one result each, by the name of the whole and a number.
    """

    def __init__(self, name: str, shared: Shared, ops: Sequence[Primitive], doc: str) -> None:
        self.name, self.ops, self._shared = name, tuple(ops), shared
        self.__name__, self.__doc__ = name, doc

    def __repr__(self) -> str:
        return f"<op {self.name} of {len(self.ops)} results>"

    def __call__(self, *args: Any, **static: Any) -> tuple[Tensor, ...]:
        with self._shared:
            return tuple([op(*args, **static) for op in self.ops])


def parts(
    define: Callable[..., Primitive],
    function: Function,
    rules: Sequence[Rule | None],
    name: str,
    n: int,
) -> Several:
    """The ops that give one result each, defined by `define`, and the whole."""
    shared, ops = Shared(function, name, n), list[Primitive]()
    try:
        signature: inspect.Signature | None = inspect.signature(function)
    except ValueError:
        signature = None

    def run_of(k: int) -> Any:
        def run(*values: Any, **static: Any) -> Any:
            return shared(k, values, static)

        made: Any = run
        if signature is not None:
            made.__signature__ = signature
        return made

    def rule_of(k: int, rule: Rule) -> Rule:
        """The rule, of the gradient at one result: those at the others are 0."""

        def one(g: Any, y: Any, *operands: Any, **static: Any) -> Any:
            ys = [y if j == k else op.apply(*operands, **static) for j, op in enumerate(ops)]
            gs = [g if j == k else np.zeros_like(other) for j, other in enumerate(ys)]
            return rule(tuple(gs), tuple(ys), *operands, **static)

        return one

    for k in range(n):
        of_k = [None if rule is None else rule_of(k, rule) for rule in rules]
        ops.append(define(run_of(k), *of_k, name=f"{name}_{k}", doc=f"Result {k} of {name}."))
    return Several(name, shared, ops, f"{name}, of {n} results.")
