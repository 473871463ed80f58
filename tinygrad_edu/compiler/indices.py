"""Entries at an index that is known only when the program runs: an argument, or what argsort gives.

All arrays of such an index are operands, those that are known too; the rest of it is a pattern:
slices, numbers, None, Ellipsis.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.recording import check, is_known, refuse
from ..engine.tensor import Tensor
from ..notation.literals import index_literal
from ..ops.indexing import _at_value, _fitting, _wide
from .calls import CompiledCall, op_of

Part = Any  # of an index: a slice, an int, True, None, Ellipsis; or SLOT, where an operand stands


class Slot:
    """Where an operand stands in an index."""

    def __repr__(self) -> str:
        return "{}"


SLOT = Slot()


def split_index(t: Tensor, index: Any) -> tuple[tuple[Part, ...], list[Tensor]] | None:
    """An index as a pattern, and the tensors in it; None if the values of all are known."""
    parts = index if type(index) is tuple else (index,)
    if all(type(part) is not Tensor or is_known(part) for part in parts):
        return None
    arrays = [_arrays(part) for part in parts]
    _selected(t.shape, parts)
    pattern: list[Part] = []
    for part, found in zip(parts, arrays, strict=True):
        pattern += [_plain(part)] if found is None else [SLOT] * len(found)
    operands = [a for found in arrays for a in found or []]
    _refuse_outside(t, pattern, operands)
    return tuple(pattern), operands


def _arrays(part: Part) -> list[Tensor] | None:
    """The tensors of integers that a part of an index is, two for a mask with two axes.

    None if it is no array.
    """
    if type(part) is Tensor and not is_known(part):
        if part.dtype.kind == "b":
            refuse(
                f"{part.label()} is a mask, and how many entries it selects differs from call to "
                "call, so that a compiled function cannot "
                "index with it: write tg.where(mask, a, b), or multiply by the mask, which keep "
                "the shape"
            )
        if part.dtype.kind not in "iu":
            raise IndexError(
                f"an index is made of integers, {part.label()} has dtype {part.dtype}: write "
                f"{part.label()}.astype(int)"
            )
        return [part]
    if _is_truth(part) or not isinstance(part, (list, np.ndarray, Tensor)):
        return None
    array = (
        part.numpy() if type(part) is Tensor else np.asarray(part, None if len(part) else np.intp)
    )
    return (
        [Tensor(places) for places in array.nonzero()]
        if array.dtype.kind == "b"
        else [Tensor(array)]
    )


def _plain(part: Part) -> Part:
    """A part of an index that is no array, in Python's numbers."""
    if isinstance(part, slice):
        return slice(
            *[
                None if end is None else operator.index(end)
                for end in (part.start, part.stop, part.step)
            ]
        )
    return (
        part
        if part is None or part is Ellipsis
        else bool(part)
        if _is_truth(part)
        else operator.index(part)
    )


def _is_truth(part: Part) -> bool:
    """Whether a part of an index is True or False, which select all or nothing along a new axis."""
    return isinstance(part, (bool, np.bool)) or (
        isinstance(part, (np.ndarray, Tensor)) and part.dtype == bool and not part.ndim
    )


def _selected(shape: tuple[int, ...], parts: Sequence[Part]) -> tuple[int, ...]:
    """The shape of what an index selects, whatever the values that are not known yet.

    NumPy's error if it does not fit.
    """
    known = [
        np.zeros(part.shape, np.intp) if type(part) is Tensor and not is_known(part) else part
        for part in parts
    ]
    return np.shape(
        np.broadcast_to(0, shape)[
            tuple([part.numpy() if type(part) is Tensor else part for part in known])
        ]
    )


def _refuse_outside(t: Tensor, pattern: Sequence[Part], operands: Sequence[Tensor]) -> None:
    """Check at each call that an index is in range, as NumPy does, and JAX does not."""
    new = [part is None or _is_truth(part) for part in pattern]  # axes
    rest = t.ndim - sum(
        not is_new and part is not Ellipsis for part, is_new in zip(pattern, new, strict=True)
    )
    axis, waiting = 0, list(operands)
    for part, is_new in zip(pattern, new, strict=True):
        if part is SLOT:
            n = t.shape[axis]

            def refuse(values: Any, n: int = n, axis: int = axis) -> None:
                if values.size and not (-n <= values.min() and values.max() < n):
                    wrong = values.min() if values.min() < -n else values.max()
                    raise IndexError(
                        f"index {wrong} is out of bounds for axis {axis} with size {n}"
                    )

            check(waiting.pop(0), refuse)
        axis += 0 if is_new else rest if part is Ellipsis else 1


def filled(pattern: Sequence[Part], operands: Sequence[Any]) -> tuple[Any, ...]:
    """The index, with arrays where operands stand."""
    waiting = iter(operands)
    return tuple([next(waiting) if part is SLOT else part for part in pattern])


def take(t: Tensor, pattern: tuple[Part, ...], operands: Sequence[Any]) -> Tensor:
    """`t[index]`."""
    return _ops(repr(pattern), pattern, len(operands), t.shape)[0](t, *operands)


def add(t: Any, value: Any, pattern: tuple[Part, ...], operands: Sequence[Any]) -> Tensor:
    """`t.at[index].add(value)`."""
    x, value = _prepared(t, value, pattern, operands)
    return _added(x, value, pattern, operands)  # type: ignore[no-any-return]


def put(t: Any, value: Any, pattern: tuple[Part, ...], operands: Sequence[Any]) -> Tensor:
    """`t.at[index].set(value)`."""
    x, value = _prepared(t, value, pattern, operands)
    return _ops_of_put(repr(pattern), pattern, len(operands))[0](x, value, *operands)


def _prepared(
    t: Any, value: Any, pattern: tuple[Part, ...], operands: Sequence[Any]
) -> tuple[Any, Any]:
    """A tensor of integers as one of floats, where floats are written into it.

    And a value without axes that are too many.
    """
    given = value._array if type(value) is Tensor else value
    dtype = t.dtype if t.dtype.kind == "f" else np.result_type(t._array, given)
    place = _selected(t.shape, filled(pattern, operands))
    fitting = _fitting(given, place).shape
    return t.astype(dtype) if dtype != t.dtype else t, value if np.ndim(given) <= len(
        place
    ) else value.reshape(fitting)


def _added(x: Any, v: Any, pattern: tuple[Part, ...], operands: Sequence[Any]) -> Any:
    """A sum that is added up in float32 at least."""
    adds, dtype, wide = (
        _ops(repr(pattern), pattern, len(operands), x.shape)[1],
        x.dtype,
        np.dtype(_wide(x)),
    )
    return (
        adds.apply(x, v, *operands)
        if wide == dtype
        else adds.apply(x.astype(wide), v, *operands).astype(dtype)
    )


_known: dict[Any, tuple[CompiledCall, CompiledCall]] = {}


def _ops(
    key: str, pattern: tuple[Part, ...], count: int, shape: tuple[int, ...]
) -> tuple[CompiledCall, CompiledCall]:
    """The op that takes entries, and the one that adds to them."""
    if (key, count, shape) in _known:
        return _known[key, count, shape]

    def run_take(x: Any, *i: Any) -> Any:
        y = x[filled(pattern, i)]
        return y.copy() if getattr(y, "base", None) is not None else y

    def run_add(x: Any, v: Any, *i: Any) -> Any:
        y = x.copy()
        np.add.at(y, filled(pattern, i), v)
        return y

    def slope_of_take(g: Any, y: Any, x: Any, *i: Any) -> Any:
        return _added(np.zeros(shape, g.dtype), g, pattern, i)

    none = [None] * count
    takes = op_of(run_take, [slope_of_take, *none], "take_at")
    adds = op_of(
        run_add,
        [lambda g, y, x, v, *i: g, lambda g, y, x, v, *i: _at_value(takes.apply(g, *i), v), *none],
        "add_at",
    )
    text, names = _text(pattern), _names(count)
    takes.write, takes.is_expression = f"{{}}[{text}]", True
    takes.write_jax = f"jnp.asarray({{0}})[{text.format(*_places(1, count))}]"
    adds.write_jax = f"jnp.asarray({{0}}).at[{text.format(*_places(2, count))}].add({{1}})"
    adds.helper = (
        f"(x, value, {', '.join(names)}):\n"
        '    """A copy of x, with values added at an index; where it repeats, all are added."""\n'
        f"    y = x.copy()\n    np.add.at(y, np.s_[{text.format(*names)}], value)\n    return y"
    )
    takes.plain = adds.plain = _refuse_placeholders
    takes.arity, adds.arity = 1 + count, 2 + count
    _known[key, count, shape] = takes, adds
    return takes, adds


# JAX leaves open which value stays where an index repeats: the entries that are written are
# numbered, and the largest number stays
WRITER_IN_JAX = "jnp.zeros(x.shape, int).at[INDEX].max(1 + number)"
NUMBER_IN_JAX = "jnp.arange(x[INDEX].size).reshape(x[INDEX].shape)"
PUT_IN_JAX = (
    "(lambda x, v: (lambda number: (lambda writer: jnp.where(writer > 0, jnp.broadcast_arrays(v, "
    "number)[0].ravel()[writer - 1], x)"
    '.astype(x.dtype if x.dtype.kind == "f" else jnp.result_type(x, v)))'
    f"({WRITER_IN_JAX}))({NUMBER_IN_JAX})"
    ")(jnp.asarray({0}), jnp.asarray({1}))"
)
KEPT_IN_JAX = (
    f"(lambda x: (lambda number: jnp.where(({WRITER_IN_JAX})[INDEX] == 1 + number, x[INDEX], "
    f"0.0).astype(x.dtype))({NUMBER_IN_JAX})"
    ")(jnp.asarray({0}))"
)

_known_of_put: dict[Any, tuple[CompiledCall, CompiledCall]] = {}


def _ops_of_put(
    key: str, pattern: tuple[Part, ...], count: int
) -> tuple[CompiledCall, CompiledCall]:
    """The op that writes entries, and its transpose.

    That takes those that no later value has replaced.
    """
    if (key, count) in _known_of_put:
        return _known_of_put[key, count]

    def run_put(x: Any, v: Any, *i: Any) -> Any:
        y = x.copy()
        y[filled(pattern, i)] = v
        return y

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
    puts = op_of(
        run_put,
        [lambda g, y, x, v, *i: puts.apply(g, np.zeros((), g.dtype), *i), slope_of_value, *none],
        "set_at",
    )
    kept = op_of(run_kept, [slope_of_kept, *none], "kept_at")
    text, names = _text(pattern), _names(count)
    puts.write_jax, kept.write_jax = (
        wanted.replace("INDEX", text.format(*_places(first, count)))
        for wanted, first in ((PUT_IN_JAX, 2), (KEPT_IN_JAX, 1))
    )
    place = text.format(*names)
    puts.helper = (
        f"(x, value, {', '.join(names)}):\n"
        '    """A copy of x, with the entries at an index replaced; '
        'where it repeats, the last value stays."""\n'
        f"    y = x.copy()\n    y[{place}] = value\n    return y"
    )
    kept.helper = (
        f"(x, {', '.join(names)}):\n"
        '    """The entries of x at an index; 0 for those that a later value would replace, '
        'where it repeats."""\n'
        f"    number = np.arange(x[{place}].size).reshape(x[{place}].shape)\n    writer = "
        "np.empty(x.shape, int)\n"
        f"    writer[{place}] = number\n    return np.where(writer[{place}] == number, x[{place}], "
        "x.dtype.type(0))"
    )
    puts.plain = kept.plain = _refuse_placeholders
    puts.arity, kept.arity = 2 + count, 1 + count
    _known_of_put[key, count] = puts, kept
    return puts, kept


def _refuse_placeholders(*args: Any) -> Any:
    raise TypeError("an op that is not taken apart")


def _names(count: int) -> list[str]:
    """What helper functions call the arrays of an index."""
    return [f"i{place + 1}" for place in range(count)] if count > 1 else ["i"]


def _places(first: int, count: int) -> list[str]:
    """Where the arrays of an index stand among the operands of an op."""
    return [f"{{{first + place}}}" for place in range(count)]


def _text(pattern: Sequence[Part]) -> str:
    """An index as Python."""
    return ", ".join(
        "..."
        if part is Ellipsis
        else index_literal(part, {})
        if isinstance(part, slice)
        else str(part)
        for part in pattern
    )
