"""A planned program as the straight-line Python that runs.

Results go where the plan says, numbers are arrays, products are `dot`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from ...notation.literals import literal, python_number
from ...notation.names import cleaned
from ...notation.python import statics_text
from ...notation.templates import Written
from ...ops.elementwise import only_of_many
from ..ir import Node
from ..passes.allocate import Buffer, Plan, is_selection, is_sum_of_slices, is_view
from ..passes.fuse import Group, rows_of
from ..passes.lower import is_numpys, is_plain
from ..passes.matching import reduced
from .spelling import Emitter, has_statements, shared
from .text import Names, wrapped


class Planned(Emitter):
    """The text of a function of arrays and kept memory, and the names that it uses."""

    def __init__(self, name: str, plan: Plan) -> None:
        super().__init__(plan, Names())
        self.plan = plan
        self.function_name = self.names.of(name)
        self.namespace: dict[str, Any] = {"np": np}
        self.functions: dict[str, str] = {}
        self.buffers: dict[Buffer, str] = {}
        self.numbers: dict[Any, str] = {}
        # what a block's first row, and the one after its last, are called
        self.ends: tuple[str, str] | None = None
        self.write()

    def write(self) -> None:
        arguments = self.name_inputs()
        self.name_constants()
        part = ""
        lines: list[str] = []
        for step in self.plan.steps:
            parts = ", ".join(
                dict.fromkeys(
                    node.part for node in (step.members if isinstance(step, Group) else [step])
                )
            )
            if parts != part:
                part = parts
                lines.append(f"    # {part}")
            if isinstance(step, Group):
                lines += [f"    {line}" for line in self._loop(step)]
            elif step not in self.plan.parts:
                text = self._line(step)
                lines.append(f"    {self.of(step)} = {text}")
        if self.buffers:
            kept = self.names.of("buffers")
            arguments.append(kept)
            lines.insert(0, f"    {', '.join(self.buffers.values())}, = {kept}")
        lines.append(f"    return {self._returned()}")
        lines.insert(0, f"def {self.function_name}({', '.join(arguments)}):")
        self.source = "\n".join([*[part for line in lines for part in wrapped(line)], ""])
        self.namespace |= self.module.constants

    def of(self, node: Node) -> str:
        """What a value is called."""
        return self.written[node].text

    def bind(self, name: str, value: Any) -> str:
        """Let a name stand for a value."""
        self.namespace[name] = value
        return name

    def memory(self) -> Callable[[], tuple[Any, ...]]:
        """What makes the kept memory of one call."""
        wanted, pieces = list(self.buffers), self.plan.memory

        def make() -> tuple[Any, ...]:
            flat = [np.empty(size, dtype) for size, dtype in pieces]
            return tuple([flat[buffer.number].reshape(buffer.shape) for buffer in wanted])

        return make

    def _returned(self) -> str:
        """The results, each an array of its own."""
        texts = []
        for node, is_shared in zip(self.program.outputs, shared(self.program.outputs), strict=True):
            text = self.of(node)
            made = (
                f"{self._function('array', np.array)}({text})"
                if node.ndim == 0
                else f"{text}.copy()"
                if is_shared
                else text
            )
            texts.append(made)
        return ", ".join(texts) + "," * (len(texts) == 1)

    # -- a loop ------------------------------------------------------------------------------------

    def _loop(self, group: Group) -> list[str]:
        """Lines that compute the results of a group, block by block."""
        rows, shape, passing = rows_of(group.members[0]), group.shape, group.passing()
        self.ends = self.ends or (self.names.of("i"), self.names.of("j"))
        (i, j), outside = self.ends, dict(self.written)
        whole: dict[Node, Written] = {}  # the name of the array that a node's result is a part of
        before: list[str] = []
        body: list[str] = []
        after: list[str] = []
        views: dict[str, str] = {}

        def block(array: str, where: str = f"{i}:{j}") -> str:
            text = f"{array}[{where}]"
            if text not in views:
                views[text] = self.names.numbered("s")
                body.append(f"{views[text]} = {text}")
            return views[text]

        for node in group.members:
            for a in node.args:
                if (
                    isinstance(a, Node)
                    and a not in whole
                    and a.ndim == len(shape)
                    and a.shape[0] == shape[0]
                ):
                    self.written[a] = Written(block(outside[a].text))
            if node.ndim == 0:
                parts, text = self.names.numbered("p"), self._made(node, "")
                before.append(f"{parts} = []")
                body.append(f"{parts}.append({text})")
                after.append(
                    f"{self.name(node)} = {self._function('sum_of', np.add.reduce)}({parts}, None)"
                )
                whole[node] = self.written[node]
                continue
            target = self.plan.target.get(node)
            if isinstance(target, Buffer):
                whole[node] = Written(self._buffer(target))
            elif target is not None:
                whole[node] = whole.get(target) or outside[target]
            else:
                whole[node] = Written(self.names.numbered("t"))
                before.append(f"{whole[node].text} = np.empty({shape}, np.{node.dtype.name})")
            array = whole[node].text
            text = self._made(
                node, block(array, f":{j} - {i}") if node in passing else block(array)
            )
            body.append(f"{self.name(node)} = {text}")
        self.written = {**outside, **whole}
        n = shape[0]
        head = [
            f"for {i} in range(0, {n}, {rows}):",
            f"    {j} = {i} + {rows}" if n % rows == 0 else f"    {j} = min({i} + {rows}, {n})",
        ]
        return [*before, *head, *[f"    {line}" for line in body], *after]

    # -- a line ------------------------------------------------------------------------------------

    def _line(self, node: Node) -> str:
        """What a node is made by; gives it its name."""
        target = self.plan.target.get(node)
        out = (
            self._buffer(target)
            if isinstance(target, Buffer)
            else self.of(target)
            if target is not None
            else ""
        )
        text = self._made(node, out)
        self.name(node)
        return text

    def _made(self, node: Node, out: str) -> str:
        op = node.op
        assert op is not None
        if is_view(node):
            return self._view(node)
        if op.reduces is not None:
            return self._reduction(node, out)
        part = node.args[-1]
        if part in self.plan.parts:
            index, _ = self._statics(part)
            return (
                f"{self._function('add_part', _add_part)}({out}, {index}, {self.of(part.args[0])})"
            )
        if is_selection(node):
            mask, x, _ = node.args
            given = [self.of(mask), self.of(x), *([out] if out else [])]
            return f"{self._function('only', only_of_many)}({', '.join(given)})"
        if is_numpys(op) and node.ndim > 0:
            return self._ufunc(node, out)
        if not is_plain(op) or has_statements(op):
            given = [*self.arrays(node), *self._statics(node)]
            return f"{self._function(op.name, op.run)}({', '.join(given)})"
        return self._ufunc(node, "") if op.kind == "contraction" else self.spelled(node).text

    def _ufunc(self, node: Node, out: str) -> str:
        assert node.op is not None
        run = node.op.run
        operands = [self.of(a) if isinstance(a, Node) else self._number(a, node) for a in node.args]
        if (
            run is np.matmul
            and all(a.ndim <= 2 for a in node.args)
            and node.dtype.kind == "f"
            and all(a.dtype == node.dtype for a in node.args)
        ):
            run = np.dot
        # a division takes half as long, if there are many
        if run is np.reciprocal and node.dtype.kind == "f" and node.size >= 1000:
            run, operands = np.divide, [self._number(1, node), *operands]
        named = "out=" if run in (np.maximum, np.minimum) else ""  # NumPy wants it so
        given = [*operands, *([named + out] if out else [])]
        return f"{self._function(run.__name__, run)}({', '.join(given)})"

    def _number(self, number: Any, node: Node) -> str:
        """A number as an array, which NumPy takes in half the time.

        Only where that cannot change a dtype.
        """
        dtypes = {a.dtype for a in node.args if isinstance(a, Node)}
        kind = next(iter(dtypes)).kind
        fits = (kind == "f" and type(number) in (int, float)) or (
            kind in "iu" and type(number) is int and -100 < number < 100
        )
        if len(dtypes) > 1 or not fits:
            return python_number(number).text
        dtype = next(iter(dtypes))
        key = (repr(number), dtype.str)
        if key not in self.numbers:
            with np.errstate(all="ignore"):
                array = np.array(number, dtype)
            self.numbers[key] = self.bind(self.names.numbered("k"), array)
        return self.numbers[key]

    def _reduction(self, node: Node, out: str) -> str:
        assert node.op is not None and node.op.reduces is not None
        if is_sum_of_slices(node):
            axes, lengths = reduced(node), node.args[0].shape
            places = product(
                *[range(n) if axis in axes else (slice(None),) for axis, n in enumerate(lengths)]
            )
            slices = self.bind(self.names.numbered("c"), tuple(places))
            called = self._function("sum_of_slices", _sum_of_slices)
            return f"{called}({self.of(node.args[0])}, {slices}, {out or None})"
        called = self._function(f"{node.op.name}_of", node.op.reduces.reduce)
        axis, keepdims = literal(node.static["axis"], {}), node.static["keepdims"]
        more = (
            [", None", f", {out or None}", ", True"]
            if keepdims
            else [", None", f", {out}"]
            if out
            else []
        )
        return f"{called}({self.of(node.args[0])}, {axis}{''.join(more)})"

    def _view(self, node: Node) -> str:
        """A view, made by the cheapest method there is."""
        assert node.op is not None
        x, op = self.of(node.args[0]), node.op
        if op.kind == "reshape":
            return f"{x}.reshape({node.shape})"
        if op.kind == "permutation" and not op.write:  # arrays have no method for it
            # an array whose shape says where each axis is from
            places = np.broadcast_to(0, range(node.ndim))
            return f"{x}.transpose({op.run(places, **node.static).shape})"
        return self.spelled(node).text

    def _statics(self, node: Node) -> Sequence[str]:
        assert node.op is not None
        self.hold(node)
        return statics_text(node.op, node.static, self.statics)

    def _function(self, name: str, function: Any) -> str:
        """A function by its name; by another if something else has it."""
        known = self.functions.get(name)
        if known is None or self.namespace[known] != function:
            known = self.functions[name] = self.bind(self.names.of(name), function)
        return known

    def _buffer(self, buffer: Buffer) -> str:
        if buffer not in self.buffers:
            self.buffers[buffer] = self.names.numbered("b")
        return self.buffers[buffer]


def _add_part(whole: Any, index: Any, part: Any) -> Any:
    """Add to the entries at an index that takes each at most once."""
    entries = whole[index]
    if type(entries) is np.ndarray:
        np.add(entries, part, entries)  # += would write them back once more
    else:
        whole[index] = entries + part
    return whole


def _sum_of_slices(x: Any, slices: Sequence[Any], out: Any) -> Any:
    """The sum of the parts of an array at some indices."""
    first, second, *others = slices
    out = np.add(x[first], x[second], out)
    for index in others:
        np.add(out, x[index], out)
    return out


def prelude(namespace: Mapping[str, Any]) -> str:
    """What the names of a planned program stand for, as comments."""
    lines = []
    for name, value in namespace.items():
        if isinstance(value, np.ndarray):
            lines.append(
                f"# {name}: {value.dtype.name}{list(value.shape)}"
                if value.ndim
                else f"# {name} = {value}"
            )
        elif name not in ("np", "__builtins__"):
            lines.append(f"# {name}: {cleaned(str(getattr(value, '__qualname__', None) or value))}")
    return "\n".join(lines)
