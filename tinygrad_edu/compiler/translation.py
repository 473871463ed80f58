"""From what was recorded to a program.

Each tensor becomes a node, called what the user calls it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..engine.backward import refuse_changed
from ..engine.tensor import Tensor
from ..graph import ancestors
from ..ops.elementwise import multiply, subtract
from ..ops.indexing import scatter
from ..ops.shape import transpose
from .capture import Recording
from .ir import Builder, Node, Program, name_gradients, plain_number, plain_python


def recorded(recording: Recording, labels: Sequence[str], outputs: Sequence[Tensor]) -> Program:
    """The program that computes the outputs from the placeholders of a recording, op by op.

    `labels` are what the placeholders are called.
    """
    builder = Builder()
    of: dict[Tensor, Node] = {}
    for t, label in zip(recording.inputs, labels, strict=True):
        of[t] = Node(t.shape, t.dtype)
        of[t].label = label
    inputs = list(of.values())
    for t in ancestors(*outputs, until=recording.inputs, values=False):
        if t not in of:
            builder.part = recording.part(t)
            of[t] = _node(builder, t, of, recording)
    for t, node in of.items():
        if not node.is_constant:
            node.label = node.label or t.name or recording.variables.names.get(t, "")
    program = Program(inputs, [of[t] for t in outputs])
    program.gradients = [(of[g], of[t]) for t, g in recording.gradients if g in of and t in of]
    indices = [node.static["index"] for node in program.nodes if "index" in node.static]
    parts = [part for index in indices for part in (index if type(index) is tuple else (index,))]
    program.static_names = {
        id(part): recording.variables.of_array(part) or ""
        for part in parts
        if isinstance(part, np.ndarray)
    }
    name_gradients(program)
    return program


def _node(builder: Builder, t: Tensor, of: Mapping[Tensor, Node], recording: Recording) -> Node:
    """The node of a recorded tensor, whose operands have theirs."""
    if t.op is None:
        return _known(builder, t._array, t.name or recording.variables.names.get(t, ""), recording)
    args = []
    for a in t.args:
        if type(a) is Tensor:
            if a.serial > t.serial:
                refuse_changed(a, t)
            args.append(of[a])
        else:
            args.append(
                _known(builder, a, "", recording) if isinstance(a, np.ndarray) else plain_python(a)
            )
    if t.op.kind == "copy":  # a program has values, whatever memory they lie in
        return args[0]
    return builder.op(t.op, tuple(args), t.static, t.shape, t.dtype)


def _known(builder: Builder, array: Any, label: str, recording: Recording) -> Node:
    """The node of an array that the function used.

    By its name, or as what it is of an array that has one, c.T, 1 - c or 0.5 * c.
    """
    label = recording.variables.of_array(array) or label
    if not label and array.size > 1 and not (array == array.flat[0]).all():
        for known, name in recording.variables.arrays.values():
            found = _made_of(builder, array, known, name)
            if found is not None:
                return found
    return builder.constant(array, label)


def _made_of(builder: Builder, array: Any, known: Any, name: str) -> Node | None:
    """An array as an expression of another one.

    A multiple is seen only in a backward pass, whose rules take numbers times constants at once.
    """
    if (
        known.dtype.kind in "iu"
        and known.ndim == 1
        and array.ndim == 2
        and builder.part == "backward"
    ):
        return _at_labels(builder, array, known)
    if known.dtype != array.dtype:
        return None
    if known.ndim == 2 and known.T.shape == array.shape and is_equal(known.T, array):
        return builder.op(
            transpose, (builder.constant(known, name),), {"axes": None}, array.shape, array.dtype
        )
    if known.shape != array.shape or known.dtype.kind != "f":
        return None
    for is_rest, values in ((False, known), (True, 1 - known)):
        number = (
            1.0
            if is_rest and is_equal(values, array)
            else ratio(array, values)
            if builder.part == "backward"
            else None
        )
        if number is not None:
            node = builder.constant(known, name)
            rest = (
                builder.op(subtract, (1, node), {}, array.shape, array.dtype) if is_rest else node
            )
            return builder.op(multiply, (number, rest), {}, array.shape, array.dtype)
    return None


def _at_labels(builder: Builder, array: Any, labels: Any) -> Node | None:
    """A matrix that is one number at the label of each row, and zero elsewhere."""
    rows, columns = array.shape
    if labels.size != rows or not 0 <= labels.min() <= labels.max() < columns:
        return None
    index = np.arange(rows), labels
    number = array[index][0]
    if (
        number == 0
        or not (array[index] == number).all()
        or np.count_nonzero(array) != rows
        or array.dtype.kind != "f"
    ):
        return None
    static = {"index": index, "shape": array.shape}
    return builder.op(scatter, (plain_number(number),), static, array.shape, array.dtype)


def ratio(array: Any, known: Any) -> float | None:
    """The number that makes an array of another one; None if there is none."""
    place = np.flatnonzero(known)[:1]
    if place.size == 0:
        return None
    with np.errstate(all="ignore"):
        number = plain_number(array.flat[place[0]] / known.flat[place[0]])
        return number if is_equal(number * known, array) else None


def is_equal(a: Any, b: Any) -> bool:
    """Whether two arrays hold the same, a zero of another sign being another number."""
    return np.array_equal(a, b) and (
        a.dtype.kind != "f" or np.array_equal(np.signbit(a), np.signbit(b))
    )
