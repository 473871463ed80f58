"""Names for what its user gave none: the tensors that a derivation is told with."""

from __future__ import annotations

from itertools import count
from typing import Any

import numpy as np

from ..core import Tensor
from ..formula import is_variable
from ..graph import ancestors, softmax_scores
from ..languages import identifier, is_bare_function
from ..registry import registry

ACTIVATIONS = {"sigmoid", "tanh", "relu", "softplus", "exp"}  # whose results deserve a name
LOGARITHMS = {"logsumexp", "log_softmax"}  # which are told in one equation with what follows
DEEP = 8  # an equation that is nested more deeply is told op by op


def all_named(loss: Tensor, labels: dict[int, str]) -> dict[int, str]:
    """The names, and new ones for activations and for what goes into them where their user gave none."""
    labels = dict(labels)
    labels.setdefault(id(loss), "loss")
    taken = set(labels.values())
    nodes = [t for t in ancestors(loss) if t.op is not None and t.requires_grad and t is not loss]
    activations = [t for t in nodes if t.op is not None and t.op.name in (*ACTIVATIONS, *LOGARITHMS, "softmax")]
    for k, t in enumerate(activations, 1):
        number = "" if len(activations) == 1 else str(k)
        scores = softmax_scores(t)
        for tensor, letter in ((t.args[0], "z"), (t, "a")) if scores is None else ((scores, "z"), (t, "p")):
            if type(tensor) is Tensor and id(tensor) not in labels and tensor.op is not None and tensor.op.name not in LOGARITHMS:
                name = f"{letter}{number}"
                while name in taken:
                    name += "_"
                labels[id(tensor)] = name
                taken.add(name)
    for k, t in enumerate((t for t in ancestors(loss) if t.is_leaf and t.requires_grad and id(t) not in labels), 1):
        labels[id(t)] = f"p{k}"
    constants = [a for t in nodes + [loss] for a in t.args if np.ndim(a) and not is_variable(a)]
    named = [np.asarray(a) for a in constants if id(a) in labels]
    for a in constants:
        value = np.asarray(a)
        if id(a) not in labels and value.size and (value != value.flat[0]).any() and not any(_follows(value, known) for known in named):
            labels[id(a)] = next(name for k in count(1) if (name := f"c{k}") not in labels.values())
            named.append(value)
    return distinct(loss, labels)


def distinct(loss: Tensor, labels: dict[int, str]) -> dict[int, str]:
    """The names, with a number behind those that would read the same in Python: names are labels, two tensors may have one."""
    taken = {"np", "abs", "slice", "gradients", "softmax", *(op.name for op in registry.values() if is_bare_function(op))}
    known: dict[str, tuple[Any, str]] = {}
    found = dict(labels)
    seen: set[int] = set()
    for t in ancestors(loss):
        for value in (t, *t.args, *t.static.values()):
            label = labels.get(id(value))
            if label is None or id(value) in seen:
                continue
            seen.add(id(value))
            data = value._data if type(value) is Tensor else value
            if label in known and known[label][0] is data:
                found[id(value)] = known[label][1]  # an array, and a constant that wraps it
                continue
            name = next(name for k in count(1) if identifier(name := f"{label}_{k}" if k > 1 else label) not in taken)
            taken.add(identifier(name))
            known[label] = data, name
            found[id(value)] = name
    return found


def _follows(value: Any, known: Any) -> bool:
    """Whether a constant is 1 - c of a known one: then it goes by that."""
    return value.shape == known.shape and np.array_equal(value, 1 - known)


def name_deep(loss: Tensor, labels: dict[int, str]) -> None:
    """Name every tensor of an equation that is nested too deeply to be read as one."""
    depth: dict[Tensor, int] = {}
    deep: set[Tensor] = set()
    order = ancestors(loss)
    for t in order:
        is_named = id(t) in labels and t is not loss
        depth[t] = 0 if t.is_leaf or is_named else 1 + max(depth.get(a, 0) for a in t.args if type(a) is Tensor)
        inner = [a for a in t.args if type(a) is Tensor and a.op is not None]
        if depth[t] > DEEP or (is_named and any(depth[a] >= DEEP for a in inner)):
            deep.add(t)
    for t in reversed(order):
        if t in deep:
            deep.update(a for a in t.args if type(a) is Tensor and a.op is not None and id(a) not in labels)
    taken = set(labels.values())
    fresh = (name for k in count(1) if (name := f"t{k}") not in taken)
    labels.update({id(t): next(fresh) for t in order if t in deep and id(t) not in labels and t.requires_grad})
