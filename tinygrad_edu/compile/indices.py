"""Entries at an index that is known only when the program runs: an argument, or what argsort gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import Tensor
from ..modes import check, is_known
from ..operation import Op
from ..ops.indexing import _at_value
from ..registry import registry
from .history import op_of

Part = Any  # of an index: a slice, an int, None, Ellipsis, an array; or SLOT, where an operand stands


class Slot:
    """Where an operand stands in an index."""

    def __repr__(self) -> str:
        return "{}"


SLOT = Slot()


def taken_apart(t: Tensor, index: Any) -> tuple[tuple[Part, ...], list[Tensor]] | None:
    """An index as a pattern, and the tensors in it whose values are not known yet; None if all are."""
    parts = index if type(index) is tuple else (index,)
    unknown = [part for part in parts if type(part) is Tensor and not is_known(part)]
    if not unknown:
        return None
    for part in unknown:
        if part.dtype.kind == "b":
            raise TypeError(
                f"{part.label()} is a mask, and how many entries it selects differs from call to call, so that a compiled function cannot "
                "index with it: write tg.where(mask, a, b), or multiply by the mask, which keep the shape"
            )
        if part.dtype.kind not in "iu":
            raise IndexError(f"an index is made of integers, {part.label()} has dtype {part.dtype}: write {part.label()}.astype(int)")
    pattern = tuple([SLOT if any(part is a for a in unknown) else _known_part(part) for part in parts])
    _refuse_outside(t, pattern, unknown)
    return pattern, unknown


def _known_part(part: Any) -> Part:
    return part.numpy() if type(part) is Tensor else np.asarray(part) if type(part) is list else part


def _refuse_outside(t: Tensor, pattern: Sequence[Part], operands: Sequence[Tensor]) -> None:
    """Check at each call that an index is in range, as NumPy does, and JAX does not."""
    rest = t.ndim - sum(part is not None and part is not Ellipsis for part in pattern)
    axis, waiting = 0, list(operands)
    for part in pattern:
        if part is SLOT:
            n = t.shape[axis]

            def refuse(values: Any, n: int = n, axis: int = axis) -> None:
                if values.size and not (-n <= values.min() and values.max() < n):
                    wrong = values.min() if values.min() < -n else values.max()
                    raise IndexError(f"index {wrong} is out of bounds for axis {axis} with size {n}")

            check(waiting.pop(0), refuse)
        axis += 0 if part is None else rest if part is Ellipsis else 1


def filled(pattern: Sequence[Part], operands: Sequence[Any]) -> tuple[Any, ...]:
    """The index, with arrays where operands stand."""
    waiting = iter(operands)
    return tuple([next(waiting) if part is SLOT else part for part in pattern])


def take(t: Tensor, pattern: tuple[Part, ...], operands: Sequence[Any]) -> Tensor:
    """`t[index]`."""
    return _ops(_key(pattern), pattern, len(operands), t.shape)[0](t, *operands)


def add(t: Any, value: Any, pattern: tuple[Part, ...], operands: Sequence[Any]) -> Tensor:
    """`t.at[index].add(value)`."""
    return _ops(_key(pattern), pattern, len(operands), t.shape)[1](t, value, *operands)


def put(t: Any, value: Any, pattern: tuple[Part, ...], operands: Sequence[Any]) -> Tensor:
    """`t.at[index].set(value)`."""
    return _ops_of_put(_key(pattern), pattern, len(operands))[0](t, value, *operands)


def _key(pattern: Sequence[Part]) -> str:
    return repr([part.tobytes() if isinstance(part, np.ndarray) else part for part in pattern])


_known: dict[Any, tuple[Op, Op]] = {}


def _ops(key: str, pattern: tuple[Part, ...], count: int, shape: tuple[int, ...]) -> tuple[Op, Op]:
    """The op that takes entries, and the one that adds to them."""
    if (key, count, shape) in _known:
        return _known[key, count, shape]

    def run_take(x: Any, *i: Any) -> Any:
        y = x[filled(pattern, i)]
        return y.copy() if getattr(y, "base", None) is not None else y

    def run_add(x: Any, v: Any, *i: Any) -> Any:
        y = x.astype(x.dtype if x.dtype.kind == "f" else np.result_type(x, v))
        np.add.at(y, filled(pattern, i), v)
        return y

    def slope_of_take(g: Any, y: Any, x: Any, *i: Any) -> Any:
        return added(np.zeros(shape, g.dtype), g, *i)

    def added(x: Any, v: Any, *i: Any) -> Any:
        return adds.apply(x, v, *i)

    none = [None] * count
    takes = op_of(run_take, [slope_of_take, *none], "take_at")
    adds = op_of(run_add, [lambda g, y, x, v, *i: g, lambda g, y, x, v, *i: _at_value(takes.apply(g, *i), v), *none], "add_at")
    text = ", ".join(_text(part) for part in pattern)
    in_call = ", ".join(f"slice({_ends(part)})" if isinstance(part, slice) else _text(part) for part in pattern)
    if "?" not in text:
        takes.write, takes.is_expression = f"{{}}[{text}]", True
        names = [f"i{place + 1}" if count > 1 else "i" for place in range(count)]
        takes.write_jax = f"jnp.asarray({{0}})[{text.format(*[f'{{{place + 1}}}' for place in range(count)])}]"
        adds.write_jax = f"jnp.asarray({{0}}).at[{text.format(*[f'{{{place + 2}}}' for place in range(count)])}].add({{1}})"
        adds.helper = (
            f"(x, value, {', '.join(names)}):\n"
            '    """A copy of x, with values added at an index; where it repeats, all are added."""\n'
            f"    y = x.copy()\n    np.add.at(y, ({in_call.format(*names)},), value)\n    return y"
        )
    takes.plain = adds.plain = _refuse_placeholders
    takes.arity, adds.arity = 1 + count, 2 + count
    _known[key, count, shape] = takes, adds
    return takes, adds


# JAX leaves open which value stays where an index repeats: the entries that are written are numbered, and the largest number stays
WRITER_IN_JAX = "jnp.zeros(x.shape, int).at[INDEX].max(1 + number)"
NUMBER_IN_JAX = "jnp.arange(x[INDEX].size).reshape(x[INDEX].shape)"
PUT_IN_JAX = (
    "(lambda x, v: (lambda number: (lambda writer: jnp.where(writer > 0, jnp.broadcast_arrays(v, number)[0].ravel()[writer - 1], x)"
    f'.astype(x.dtype if x.dtype.kind == "f" else jnp.result_type(x, v)))({WRITER_IN_JAX}))({NUMBER_IN_JAX})'
    ")(jnp.asarray({0}), jnp.asarray({1}))"
)
KEPT_IN_JAX = (
    f"(lambda x: (lambda number: jnp.where(({WRITER_IN_JAX})[INDEX] == 1 + number, x[INDEX], 0.0).astype(x.dtype))({NUMBER_IN_JAX})"
    ")(jnp.asarray({0}))"
)

_known_of_put: dict[Any, tuple[Op, Op]] = {}


def _ops_of_put(key: str, pattern: tuple[Part, ...], count: int) -> tuple[Op, Op]:
    """The op that writes entries, and its transpose, which takes those that no later value has replaced."""
    if (key, count) in _known_of_put:
        return _known_of_put[key, count]

    def run_put(x: Any, v: Any, *i: Any) -> Any:
        return registry["index_set"].run(x, v, index=filled(pattern, i))

    def run_kept(g: Any, *i: Any) -> Any:
        index = filled(pattern, i)
        entries, writer = g[index], np.empty(g.shape, int)
        number = np.arange(np.size(entries)).reshape(np.shape(entries))
        writer[index] = number
        return np.where(writer[index] == number, entries, np.zeros((), g.dtype))

    def slope_of_value(g: Any, y: Any, x: Any, v: Any, *i: Any) -> Any:
        return _at_value(kept.apply(g, *i), v)

    def slope_of_kept(g: Any, y: Any, x: Any, *i: Any) -> Any:
        return puts.apply(np.zeros(x.shape, g.dtype), g, *i)

    none = [None] * count
    puts = op_of(run_put, [lambda g, y, x, v, *i: puts.apply(g, np.zeros((), g.dtype), *i), slope_of_value, *none], "set_at")
    kept = op_of(run_kept, [slope_of_kept, *none], "kept_at")
    text = ", ".join(_text(part) for part in pattern)
    if "?" not in text:
        puts.write_jax, kept.write_jax = (
            wanted.replace("INDEX", text.format(*[f"{{{place + first}}}" for place in range(count)]))
            for wanted, first in ((PUT_IN_JAX, 2), (KEPT_IN_JAX, 1))
        )
    puts.plain = kept.plain = _refuse_placeholders
    puts.arity, kept.arity = 2 + count, 1 + count
    _known_of_put[key, count] = puts, kept
    return puts, kept


def _refuse_placeholders(*args: Any) -> Any:
    raise TypeError("an op that is not taken apart")


def _ends(part: slice) -> str:
    return f"{part.start}, {part.stop}, {part.step}"


def _text(part: Part) -> str:
    """A part of an index, as Python; ? where it has no literal."""
    if part is SLOT:
        return "{}"
    if part is Ellipsis:
        return "..."
    if isinstance(part, slice):
        ends = [part.start, part.stop, part.step]
        if all(end is None or type(end) is int for end in ends):
            start, stop, step = ["" if end is None else str(end) for end in ends]
            return f"{start}:{stop}" + f":{step}" * bool(step)
    if isinstance(part, np.ndarray) and np.array_equal(part, np.arange(part.size)) and part.ndim == 1:
        return f"np.arange({part.size})"
    return str(part) if part is None or type(part) is int else "?"
