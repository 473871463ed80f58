"""A program: a recorded graph in which equal parts are one, numbers are numbers, and what is not needed is gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..core import Tensor, refuse_changed
from ..graph import ancestors
from ..modes import clock
from ..operation import Op
from ..registry import registry
from .trace import Recording

SMALL = 1 << 16  # bytes: constants of this size are compared by value, and computed in advance


class Node:
    """A value of a program: an input, a constant, or an op on nodes and Python numbers."""

    __slots__ = ("about", "after", "args", "dtype", "hint", "label", "number", "op", "part", "shape", "static", "value")

    def __init__(self, shape: tuple[int, ...], dtype: Any, op: Op | None = None, args: tuple[Any, ...] = (), static: Any = None) -> None:
        self.shape, self.dtype, self.op, self.args = shape, dtype, op, args
        self.static: Mapping[str, Any] = static or {}
        self.value: Any = None  # a constant's array
        self.label = ""  # what the user calls it
        self.after: tuple[str, Node] | None = None  # without a label it is called after another node: ("d", W), ("new", W)
        self.hint = "t"  # how to call it if it has neither and needs a name: t1, delta1
        self.about = 0  # the number of what it is a gradient of
        self.part = ""  # forward, backward or update
        self.number = clock()  # larger than those of its operands

    def __repr__(self) -> str:
        return (
            f"<{self.label or 'node'}: {self.op.name if self.op else 'constant' if self.value is not None else 'input'}{list(self.shape)}>"
        )

    @property
    def ndim(self) -> int:
        """The number of its axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of its entries."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def is_constant(self) -> bool:
        """Whether it is an array known in advance."""
        return self.value is not None


Maker = Callable[["Builder", tuple[Any, ...], Mapping[str, Any], tuple[int, ...], Any], Any]


class Builder:
    """Makes nodes, each one once; `rules` are what shortens them, by the name of the op."""

    def __init__(self, rules: Mapping[str, Maker], fold_arrays: bool) -> None:
        self.rules, self.fold_arrays = rules, fold_arrays
        self.nodes: dict[Any, Node] = {}  # by what makes them equal
        self.uses: Counter[Node] = Counter()  # how often a node is used, if all that is planned is made
        self.sources: list[Any] = []
        self.part = "forward"

    def constant(self, array: Any, label: str = "", is_ours: bool = False) -> Node:
        """The node of a known array; it has a copy, unless the array is ours, for others may change theirs."""
        array = np.asarray(array)
        key = ("constant", array.shape, array.dtype.str, array.tobytes() if array.nbytes <= SMALL else id(array))
        if key not in self.nodes:
            node = self.nodes[key] = Node(array.shape, array.dtype)
            node.value, node.part = array if is_ours else array.copy("K"), self.part
            self.sources.append(array)  # whose id must not be another's
        self.nodes[key].label = self.nodes[key].label or label
        return self.nodes[key]

    def make(self, op: Op, args: Iterable[Any], static: Mapping[str, Any], shape: tuple[int, ...], dtype: Any) -> Node:
        """The node of an op on nodes and numbers, or a shorter one that is equal."""
        args = tuple(args)
        if isinstance(op.run, np.ufunc) and op.run.signature is None:  # entry by entry
            args = self._plain_operands(args, shape)
        if not any(isinstance(a, Node) and not a.is_constant for a in args) and (self.fold_arrays or is_number(op, args)):
            return self.constant(run(op, args, static, dtype), is_ours=True)
        rule = self.rules.get(op.name)
        found = rule(self, args, static, shape, dtype) if rule else None
        if found is not None:
            assert (found.shape, found.dtype) == (shape, dtype), f"{op.name} became {found}"
            return found  # type: ignore[no-any-return]
        return self.plain(op, args, static, shape, dtype)

    def plain(self, op: Op, args: tuple[Any, ...], static: Mapping[str, Any], shape: tuple[int, ...], dtype: Any) -> Node:
        """The node of an op, as it is."""
        key = (op.name, id(op.run), tuple([frozen(a) for a in args]), frozen(dict(static)), shape, dtype.str)
        if key not in self.nodes:
            node = self.nodes[key] = Node(shape, dtype, op, args, static)
            node.part = self.part
        return self.nodes[key]

    def _plain_operands(self, args: tuple[Any, ...], shape: tuple[int, ...]) -> tuple[Any, ...]:
        """The operands of an elementwise ufunc, without broadcasts that it does anyway, and constants of one number as Python's."""
        for i, a in enumerate(args):
            others = [b for j, b in enumerate(args) if j != i and isinstance(b, Node)]
            if not isinstance(a, Node) or not any([b.shape == shape for b in others]):
                continue
            if a.op is not None and a.op.name == "broadcast_to":
                args = (*args[:i], a.args[0], *args[i + 1 :])
            elif (self.fold_arrays or not a.label) and is_weak_beside(a.dtype, others) and is_uniform(a):
                args = (*args[:i], plain_number(a.value.flat[0]), *args[i + 1 :])
        return args


def is_weak_beside(dtype: Any, others: Sequence[Node]) -> bool:
    """Whether a Python number makes the same of others as an array of this dtype does."""
    if any([b.dtype == dtype and not b.is_constant for b in others]):
        return True
    return bool(dtype == np.float64) and all([b.dtype.kind in "biu" and not b.is_constant for b in others])


def plain_number(value: Any) -> Any:
    """A NumPy number as a Python number that becomes it again in its dtype: of np.float32(0.1), 0.1."""
    is_short = value.dtype.kind == "f" and value.dtype.itemsize < 8 and np.isfinite(value)
    return float(np.format_float_scientific(value)) if is_short else value.item()


def plain_python(a: Any) -> Any:
    """A number of a class that a user derived from int or float as what it is to NumPy: its repr may be anything."""
    if isinstance(a, np.generic) or type(a) in (bool, int, float):
        return a
    return int(a) if isinstance(a, int) else float(a) if isinstance(a, float) else a


def is_number(op: Op, args: Sequence[Any]) -> bool:
    """Whether what an op computes from constants is no more than a number, in one or in many entries."""
    keeps = isinstance(op.run, np.ufunc) or op.name in ("reshape", "expand_dims", "squeeze", "broadcast_to", "astype", "copy")
    return keeps and all(not isinstance(a, Node) or a.size <= 1 or is_uniform(a) for a in args)


def is_uniform(node: Node) -> bool:
    """Whether a constant is one number everywhere."""
    return node.is_constant and is_one_number(node.value)


def is_one_number(array: Any) -> bool:
    """Whether an array is one number everywhere, a zero of one sign."""
    if array.size == 0 or array.dtype.kind not in "fiub" or array.dtype == np.longdouble:
        return False
    first = array.flat[0]
    same: Any = array.size == 1 or (array == first).all()
    return bool(same) and (first != 0 or array.dtype.kind != "f" or np.signbit(array).all() == np.signbit(array).any())


def run(op: Op, args: Iterable[Any], static: Mapping[str, Any], dtype: Any) -> Any:
    """The value of an op on constants."""
    values = [a.value if isinstance(a, Node) else a for a in args]
    if len(values) == 1:
        values = [np.asarray(values[0])]
    with np.errstate(all="ignore"):
        return np.asarray(op.run(*values, **static), dtype)


def frozen(value: Any) -> Any:
    """A key that tells operands and static arguments apart: 1 from 1.0 and True, 0.0 from -0.0."""
    if isinstance(value, (tuple, list)):
        return (type(value), *[frozen(v) for v in value])
    if isinstance(value, dict):
        return tuple((key, frozen(v)) for key, v in value.items())
    if isinstance(value, slice):
        return (slice, frozen(value.start), frozen(value.stop), frozen(value.step))
    if isinstance(value, np.ndarray):
        return ("array", value.shape, value.dtype.str, value.tobytes())
    if isinstance(value, (bool, int, float, str, np.generic, np.dtype, type)) or value is None or value is Ellipsis:
        return (type(value), repr(value))
    return id(value)


class Program:
    """The nodes that some outputs are made from, in an order of making them; inputs and constants apart."""

    def __init__(self, inputs: Sequence[Node], outputs: Sequence[Node]) -> None:
        self.inputs, self.outputs = list(inputs), list(outputs)
        found, self.constants = needed(outputs), []
        self.nodes: list[Node] = []
        for node in found:
            if node.op is not None:
                self.nodes.append(node)
            elif node.is_constant:
                self.constants.append(node)
        self.uses = Counter(a for node in self.nodes for a in node.args if isinstance(a, Node))
        self.uses.update(self.outputs)
        self.outside: dict[Node, Tensor] = {}  # inputs that are no arguments: tensors of the caller's that require a gradient
        self.static_names: dict[int, str] = {}  # what the user calls an array that is part of a static argument, by its id

    def without(self, count: int) -> Program:
        """The program without its last results."""
        if not count:
            return self
        other = Program(self.inputs, self.outputs[:-count])
        other.static_names = self.static_names
        return other


def needed(outputs: Iterable[Node]) -> list[Node]:
    """The outputs and all that they are made from, in the order of making them."""
    seen: set[Node] = set()
    waiting = list(outputs)
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting.extend(a for a in node.args if isinstance(a, Node))
    return sorted(seen, key=lambda node: node.number)


def recorded(recording: Recording, labels: Sequence[str], outputs: Sequence[Tensor], rules: Mapping[str, Maker]) -> Program:
    """The program that computes the outputs from the placeholders of a recording, which go by the labels."""
    builder = Builder(rules, fold_arrays=False)
    of: dict[Tensor, Node] = {}
    for t, label in zip(recording.inputs, labels, strict=True):
        of[t] = Node(t.shape, t.dtype)
        of[t].label = label
    inputs = list(of.values())
    order = ancestors(*outputs, until=recording.inputs, values=False)
    uses = Counter(a for t in order for a in t.args if type(a) is Tensor)
    uses.update(outputs)
    for t in order:
        if t not in of:
            builder.part = recording.part(t)
            of[t] = _node(builder, t, of, recording)
        builder.uses[of[t]] += uses[t] - (t.op is not None and t.op.name == "copy" and uses[t] > 0)
    _label(of, recording, outputs)
    program = Program(inputs, [of[t] for t in outputs])
    parts = [
        part for node in program.nodes for index in (node.static.get("index"),) for part in (index if type(index) is tuple else (index,))
    ]
    program.static_names = {id(part): recording.name_of_array(part) or "" for part in parts if isinstance(part, np.ndarray)}
    return program


def _label(of: Mapping[Tensor, Node], recording: Recording, outputs: Sequence[Tensor]) -> None:
    """Call nodes what the user calls their tensors, and gradients after what they are gradients of."""
    for t, node in of.items():
        if not node.is_constant:
            node.label = node.label or t.name or recording.names.get(t, "")
    gradients = [(of[g], of[t]) for t, g in recording.gradients if g in of and t in of and not of[g].is_constant]
    inputs = {node for node in of.values() if node.op is None and not node.is_constant}
    for g, at in gradients:
        is_sum = at.op is not None and at.op.name in ("add", "matmul")  # a weighted sum, where books write a delta
        if at in inputs or (g.part == "backward" and at.label and not is_sum):
            g.after = g.after or ("d", at)
        if g.part == "backward":
            g.hint, g.about = "delta", at.number
    for t in outputs:
        node = of[t]
        replaced = [a for a in node.args if a in inputs and a.shape == node.shape]
        if replaced and node.part == "update":
            node.after = node.after or ("new", replaced[0])


def _node(builder: Builder, t: Tensor, of: Mapping[Tensor, Node], recording: Recording) -> Node:
    """The node of a recorded tensor, whose operands have theirs."""
    if t.op is None:
        return _known(builder, t._array, t.name or recording.names.get(t, ""), recording)
    args = []
    for a in t.args:
        if type(a) is Tensor:
            if a.serial > t.serial:
                refuse_changed(a, t)
            args.append(of[a])
        else:
            args.append(_known(builder, a, "", recording) if isinstance(a, np.ndarray) else plain_python(a))
    if t.op.name == "copy":
        return args[0]
    return builder.make(t.op, args, t.static, t.shape, t.dtype)


def _known(builder: Builder, array: Any, label: str, recording: Recording) -> Node:
    """The node of an array that the function used: by its name, or as what it is of an array that has one, c.T, 1 - c or 0.5 * c."""
    label = recording.name_of_array(array) or label
    if not label and array.size > 1 and not (array == array.flat[0]).all():
        for known, name in recording.arrays.values():
            found = _made_of(builder, array, known, name)
            if found is not None:
                return found
    return builder.constant(array, label)


def _made_of(builder: Builder, array: Any, known: Any, name: str) -> Node | None:
    """An array as what it is of another one; a multiple only in a backward pass, whose rules take numbers times constants at once."""
    if known.dtype.kind in "iu" and known.ndim == 1 and array.ndim == 2 and builder.part == "backward":
        return _at_labels(builder, array, known)
    if known.dtype != array.dtype:
        return None
    if known.ndim == 2 and known.T.shape == array.shape and is_equal(known.T, array):
        return builder.make(registry["transpose"], [builder.constant(known, name)], {"axes": None}, array.shape, array.dtype)
    if known.shape != array.shape or known.dtype.kind != "f":
        return None
    for is_rest, values in ((False, known), (True, 1 - known)):
        number = 1.0 if is_rest and is_equal(values, array) else ratio(array, values) if builder.part == "backward" else None
        if number is not None:
            node = builder.constant(known, name)
            rest = builder.make(registry["subtract"], [1, node], {}, array.shape, array.dtype) if is_rest else node
            return builder.make(registry["multiply"], [number, rest], {}, array.shape, array.dtype)
    return None


def _at_labels(builder: Builder, array: Any, labels: Any) -> Node | None:
    """A matrix that is one number at the label of each row, and zero elsewhere."""
    rows, columns = array.shape
    if labels.size != rows or not 0 <= labels.min() <= labels.max() < columns:
        return None
    index = np.arange(rows), labels
    number = array[index][0]
    if number == 0 or not (array[index] == number).all() or np.count_nonzero(array) != rows or array.dtype.kind != "f":
        return None
    static = {"index": index, "shape": array.shape}
    return builder.plain(registry["scatter"], (plain_number(number),), static, array.shape, array.dtype)


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
    return np.array_equal(a, b) and (a.dtype.kind != "f" or np.array_equal(np.signbit(a), np.signbit(b)))
