"""Names for what its user gave none: tensors that a derivation, or an explanation, mentions."""

from __future__ import annotations

from collections.abc import Container, Sequence
from itertools import chain, count
from typing import Any

import numpy as np

from ..engine.registry import registry
from ..engine.tensor import Tensor
from ..graph import ancestors, held
from ..ops.stable import softmax_scores
from .constants import is_variable
from .literals import is_repeated, literal
from .names import cleaned, identifier, unicode_name
from .python import is_bare_function

DEEP = 8  # an equation that is nested more deeply gets names inside, op by op


def all_named(
    loss: Tensor, labels: dict[int, str], wanted: Sequence[Tensor] = ()
) -> dict[int, str]:
    """The names, and new ones where their user gave none.

    They are for what is asked for, for activations and what goes into them, leaves, constants.
    """
    labels = dict(labels)
    labels.setdefault(id(loss), "loss")
    for k, t in enumerate((t for t in wanted if t.op is not None and id(t) not in labels), 1):
        labels[id(t)] = f"y{k}"
    taken = {*labels.values(), *map(unicode_name, labels.values())}
    nodes = [t for t in ancestors(loss) if t.op is not None and t.requires_grad and t is not loss]
    scored = {found[0] for t in nodes if (found := softmax_scores(t)) is not None}
    with_letters = [t for t in nodes if t.op is not None and t.op.letters]
    activations = [t for t in with_letters if _result(t) or t.args[0] not in scored]
    for k, t in enumerate(activations, 1):
        number = "" if len(activations) == 1 else str(k)
        scores = softmax_scores(t)
        for tensor, letter in (
            ((t.args[0], "z"), (t, "a")) if scores is None else ((scores[0], "z"), (t, "p"))
        ):
            if (
                type(tensor) is Tensor
                and id(tensor) not in labels
                and tensor.op is not None
                and _result(tensor) != ""
            ):
                numbered = (
                    (f"{letter}{n}" for n in count(k))
                    if number
                    else chain([letter], (f"{letter}{n}" for n in count(1)))
                )
                name = next(
                    name
                    for name in numbered
                    if name not in taken and unicode_name(name) not in taken
                )
                labels[id(tensor)] = name
                taken |= {name, unicode_name(name)}
    for k, t in enumerate(
        (t for t in ancestors(loss) if t.is_leaf and t.requires_grad and id(t) not in labels), 1
    ):
        labels[id(t)] = f"p{k}"
    constants = [
        a
        for t in nodes + [loss]
        for a in held(t)[1:]
        if isinstance(a, np.ndarray) and a.ndim
        if not is_variable(a) and literal(a, {}) is None
    ]
    named = [np.asarray(a) for a in constants if id(a) in labels]
    for a in constants:
        value = np.asarray(a)
        if (
            id(a) not in labels
            and not is_repeated(value)
            and not any(_follows(value, known) for known in named)
        ):
            labels[id(a)] = next(name for k in count(1) if (name := f"c{k}") not in labels.values())
            named.append(value)
    return distinct(loss, labels)


def _result(t: Tensor) -> str | None:
    """The letter of what an op gives: "" where that stands in one equation with what follows."""
    return t.op.letters[1] if t.op is not None and t.op.letters else None


def distinct(loss: Tensor, labels: dict[int, str]) -> dict[int, str]:
    """The names, with a number behind those that would read the same in Python.

    Names are labels: two tensors may have one.
    """
    taken = {
        "np",
        "abs",
        "len",
        "slice",
        "gradients",
        "softmax",
        *(op.name for op in registry.values() if is_bare_function(op)),
    }
    known: dict[str, tuple[Any, str]] = {}
    found = dict(labels)
    seen: set[int] = set()
    for t in ancestors(loss):
        for value in held(t):
            label = labels.get(id(value))
            if label is None or id(value) in seen:
                continue
            seen.add(id(value))
            data = value._array if type(value) is Tensor else value
            if label in known and known[label][0] is data:
                found[id(value)] = known[label][1]  # an array, and a constant that wraps it
                continue
            name = unused(label, taken)
            taken.add(identifier(name))
            known[label] = data, name
            found[id(value)] = name
    return found


def unused(label: str, taken: Container[str]) -> str:
    """The label, with a number behind it if its identifier is taken.

    Long ones make room for the number.
    """
    numbered = (f"{cleaned(label, 60 - len(f'_{k}'))}_{k}" if k > 1 else label for k in count(1))
    return next(name for name in numbered if identifier(name) not in taken)


def _follows(value: Any, known: Any) -> bool:
    """Whether a constant is 1 - c of a known one: then it goes by that."""
    return (
        value.shape == known.shape
        and "b" not in (value.dtype.kind, known.dtype.kind)
        and np.array_equal(value, 1 - known)
    )


def name_some(loss: Tensor, labels: dict[int, str]) -> None:
    """Name a tensor wherever its equation would be nested too deeply.

    Each equation has a bounded size, and all together a linear one.
    """
    depth: dict[Tensor, int] = {}
    taken = set(labels.values())
    fresh = (name for k in count(1) if (name := f"t{k}") not in taken)
    for t in ancestors(loss):
        depth[t] = (
            0
            if t.op is None
            else 1 + max((depth[a] for a in t.args if type(a) is Tensor), default=0)
        )
        if id(t) in labels or t is loss:
            depth[t] = 0
        elif depth[t] >= DEEP and t.requires_grad:
            labels[id(t)] = next(fresh)
            depth[t] = 0


def name_deep(loss: Tensor, labels: dict[int, str]) -> None:
    """Name every tensor of an equation that is nested too deeply to be read as one."""
    depth: dict[Tensor, int] = {}
    deep: set[Tensor] = set()
    order = ancestors(loss)
    for t in order:
        is_named = id(t) in labels and t is not loss
        depth[t] = (
            0
            if t.is_leaf or is_named
            else 1 + max(depth.get(a, 0) for a in t.args if type(a) is Tensor)
        )
        inner = [a for a in t.args if type(a) is Tensor and a.op is not None]
        if depth[t] > DEEP or (is_named and any(depth[a] >= DEEP for a in inner)):
            deep.add(t)
    for t in reversed(order):
        if t in deep:
            deep.update(
                a for a in t.args if type(a) is Tensor and a.op is not None and id(a) not in labels
            )
    taken = set(labels.values())
    fresh = (name for k in count(1) if (name := f"t{k}") not in taken)
    labels.update(
        {id(t): next(fresh) for t in order if t in deep and id(t) not in labels and t.requires_grad}
    )
