"""A program: values, each an input, a constant, or an op on others; and what makes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..engine.op import Op
from ..engine.recording import clock
from ..engine.tensor import Tensor

SMALL = 1 << 16  # bytes: constants of this size are compared by value, and computed in advance


class Node:
    """A value of a program: an input, a constant, or an op on nodes and Python numbers."""

    __slots__ = (
        "about",
        "after",
        "args",
        "dtype",
        "hint",
        "label",
        "number",
        "op",
        "part",
        "shape",
        "static",
        "value",
    )

    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: Any,
        op: Op | None = None,
        args: tuple[Any, ...] = (),
        static: Any = None,
    ) -> None:
        self.shape, self.dtype, self.op, self.args = shape, dtype, op, args
        self.static: Mapping[str, Any] = static or {}
        self.value: Any = None  # a constant's array
        self.label = ""  # what the user calls it
        # without a label it is called after another node: ("d", W), ("new", W)
        self.after: tuple[str, Node] | None = None
        self.hint = "t"  # how to call it if it has neither and needs a name: t1, delta1
        self.about = 0  # the number of what it is a gradient of
        self.part = ""  # forward, backward or update
        self.number = clock()  # larger than those of its operands

    def __repr__(self) -> str:
        what = "input" if self.value is None else "constant"
        what = self.op.name if self.op else what
        return f"<{self.label or 'node'}: {what}{list(self.shape)}>"

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


_NONE: Mapping[Any, Any] = {}
Maker = Callable[["Builder", tuple[Any, ...], Mapping[str, Any], tuple[int, ...], Any], Any]


class Builder:
    """Makes nodes; `rules` are what shortens them, by the op."""

    def __init__(self, rules: Mapping[Op, Maker] = _NONE, fold_arrays: bool = False) -> None:
        self.rules, self.fold_arrays = rules, fold_arrays
        self.nodes: dict[Any, Node] = {}  # by what makes them equal
        # how often a node is used, if all that is planned is made
        self.uses: Counter[Node] = Counter()
        self.sources: list[Any] = []
        self.part = "forward"

    def constant(self, array: Any, label: str = "", is_ours: bool = False) -> Node:
        """The node of a known array.

        It has a copy, unless the array is ours, for others may change theirs.
        """
        array = np.asarray(array)
        key = (
            "constant",
            array.shape,
            array.dtype.str,
            array.tobytes() if array.nbytes <= SMALL else id(array),
        )
        if key not in self.nodes:
            node = self.nodes[key] = Node(array.shape, array.dtype)
            node.value, node.part = array if is_ours else array.copy("K"), self.part
            self.sources.append(array)  # whose id must not be another's
        self.nodes[key].label = self.nodes[key].label or label
        return self.nodes[key]

    def make(
        self,
        op: Op,
        args: Iterable[Any],
        static: Mapping[str, Any],
        shape: tuple[int, ...],
        dtype: Any,
    ) -> Node:
        """The node of an op on nodes and numbers, or a shorter one that is equal."""
        args = tuple(args)
        if isinstance(op.run, np.ufunc) and op.run.signature is None:  # entry by entry
            args = self._plain_operands(args, shape)
        if not any(isinstance(a, Node) and not a.is_constant for a in args) and (
            self.fold_arrays or is_number(op, args)
        ):
            return self.constant(run(op, args, static, dtype), is_ours=True)
        rule = self.rules.get(op)
        found = rule(self, args, static, shape, dtype) if rule else None
        if found is not None:
            assert (found.shape, found.dtype) == (shape, dtype), f"{op.name} became {found}"
            return found  # type: ignore[no-any-return]
        return self.plain(op, args, static, shape, dtype)

    def plain(
        self,
        op: Op,
        args: tuple[Any, ...],
        static: Mapping[str, Any],
        shape: tuple[int, ...],
        dtype: Any,
    ) -> Node:
        """The node of an op, as it is; equal ones are one."""
        key = (
            op.name,
            id(op.run),
            tuple([frozen(a) for a in args]),
            frozen(dict(static)),
            shape,
            dtype.str,
        )
        if key not in self.nodes:
            self.nodes[key] = self.op(op, args, static, shape, dtype)
        return self.nodes[key]

    def op(
        self,
        op: Op,
        args: tuple[Any, ...],
        static: Mapping[str, Any],
        shape: tuple[int, ...],
        dtype: Any,
    ) -> Node:
        """A node of its own."""
        node = Node(shape, dtype, op, args, static)
        node.part = self.part
        return node

    def _plain_operands(self, args: tuple[Any, ...], shape: tuple[int, ...]) -> tuple[Any, ...]:
        """The operands of an elementwise ufunc, without broadcasts that it does anyway.

        Constants of one number become Python's.
        """
        for i, a in enumerate(args):
            others = [b for j, b in enumerate(args) if j != i and isinstance(b, Node)]
            if not isinstance(a, Node) or not any([b.shape == shape for b in others]):
                continue
            if a.op is not None and a.op.kind == "broadcast":
                args = (*args[:i], a.args[0], *args[i + 1 :])
            elif (
                (self.fold_arrays or not a.label)
                and is_weak_beside(a.dtype, others)
                and is_uniform(a)
            ):
                args = (*args[:i], plain_number(a.value.flat[0]), *args[i + 1 :])
        return args


def is_weak_beside(dtype: Any, others: Sequence[Node]) -> bool:
    """Whether a Python number makes the same of others as an array of this dtype does."""
    if any([b.dtype == dtype and not b.is_constant for b in others]):
        return True
    return bool(dtype == np.float64) and all(
        [b.dtype.kind in "biu" and not b.is_constant for b in others]
    )


def plain_number(value: Any) -> Any:
    """A NumPy number as a Python number that becomes it again in its dtype.

    0.1 for np.float32(0.1).
    """
    is_short = value.dtype.kind == "f" and value.dtype.itemsize < 8 and np.isfinite(value)
    return float(np.format_float_scientific(value)) if is_short else value.item()


def plain_python(a: Any) -> Any:
    """A number of a class that a user derived from int or float as what it is to NumPy.

    Its repr may be anything.
    """
    if isinstance(a, np.generic) or type(a) in (bool, int, float):
        return a
    return int(a) if isinstance(a, int) else float(a) if isinstance(a, float) else a


def is_number(op: Op, args: Sequence[Any]) -> bool:
    """Whether what an op computes from constants is one number, in one or in many entries."""
    keeps = isinstance(op.run, np.ufunc) or op.kind in (
        "reshape",
        "broadcast",
        "conversion",
        "copy",
    )
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
    return bool(same) and (
        first != 0 or array.dtype.kind != "f" or np.signbit(array).all() == np.signbit(array).any()
    )


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
    if (
        isinstance(value, (bool, int, float, str, np.generic, np.dtype, type))
        or value is None
        or value is Ellipsis
    ):
        return (type(value), repr(value))
    return id(value)


class Program:
    """The nodes that some outputs are made from, in an order of making them.

    Inputs and constants apart.
    """

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
        # inputs that are no arguments: tensors of the caller's that require a gradient
        self.outside: dict[Node, Tensor] = {}
        self.gradients: list[tuple[Node, Node]] = []  # each with what it is the gradient at
        # what the user calls an array that is part of a static argument, by its id
        self.static_names: dict[int, str] = {}

    def with_outputs(
        self, outputs: Sequence[Node], of: Mapping[Node, Node] | None = None
    ) -> Program:
        """A program of the same inputs; `of` gives the node in place of each of this one's."""
        other = Program(self.inputs, outputs)
        other.outside, other.static_names = self.outside, self.static_names
        other.gradients = [
            (g, at) if of is None else (of[g], of[at])
            for g, at in self.gradients
            if of is None or (g in of and at in of)
        ]
        return other

    def without(self, count: int) -> Program:
        """The program without its last results."""
        return self.with_outputs(self.outputs[:-count]) if count else self


def name_gradients(program: Program) -> None:
    """Call gradients after what they are gradients at, and new values of inputs after those."""
    inputs = set(program.inputs)
    for g, at in program.gradients:
        if g.is_constant:
            continue
        # weighted, where books write a delta
        is_sum = at.op is not None and (at.op.kind == "contraction" or at.op.run is np.add)
        if at in inputs or (g.part == "backward" and at.label and not is_sum):
            g.after = g.after or ("d", at)
        if g.part == "backward":
            g.hint, g.about = "delta", at.number
    for node in program.outputs:
        replaced = [a for a in node.args if a in inputs and a.shape == node.shape]
        if replaced and node.part == "update":
            node.after = node.after or ("new", replaced[0])


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
