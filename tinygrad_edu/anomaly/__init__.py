"""`detect_anomaly`: which op made what is not finite, and what to write instead."""

from __future__ import annotations

import linecache
from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any, NamedTuple
from weakref import ref

import numpy as np

from ..engine import names as _names
from ..engine.backward import pulled_back
from ..engine.blocks import Block, Mode
from ..engine.op import Op
from ..engine.recorder import Recorder, stack
from ..engine.recording import refuse
from ..engine.tensor import Tensor
from ..ops.stable import Advice, filled
from .advice import after_backward, after_forward
from .spelling import Scope, Speller

_FEW = 6  # arrays of so many entries are shown whole


class AnomalyError(FloatingPointError):
    """The first number that is not finite, or data that changed behind the graph's back.

    `phase` is "forward" or "backward", `op` the name of the op, `operands` what it was given, by
    name, `source` the user's line as (file, number, text) or None, and `instead` what to write in
    its place. Where there is an expression that mends the line, `code` is it, to be pasted in place
    of the op's call, or of `place`, if that is a part of the line; else both are None.
    """

    def __init__(
        self,
        text: str,
        phase: str,
        op: str,
        operands: Mapping[str, Any],
        source: Source | None,
        advice: Advice,
    ) -> None:
        super().__init__(text)
        self.phase, self.op, self.operands, self.source = phase, op, dict(operands), source
        self.instead, self.code, self.place = _sentence(advice), advice.code, advice.place


def _sentence(advice: Advice) -> str:
    place = f" in place of {advice.place}" if advice.place else ""
    write = f"write {advice.code}{place}" if advice.code else ""
    return ": ".join(filter(None, (advice.why, write)))


class Source(NamedTuple):
    """Where a user called an op."""

    file: str
    line: int

    @property
    def text(self) -> str:
        """The line itself."""
        return linecache.getline(self.file, self.line).strip()

    def __str__(self) -> str:
        from pathlib import Path  # 5 ms that only those who see an anomaly need

        return f"{Path(self.file).name}:{self.line}: {self.text}".rstrip(": ")


class _Record(NamedTuple):
    """What is remembered of an op while the mode is on."""

    source: Source | None
    scope: Scope
    copies: list[tuple[Any, Any]]  # data that somebody else may change, and a copy of it
    holder: Any


# the blocks that last, in all threads: how NumPy's warnings were set before
_open: dict[Any, Any] = {}


class detect_anomaly(Block, Recorder):
    """A context, or a decorator: the first op that makes what is not finite raises an AnomalyError.

    In either pass; the error names the op, its operands with their values, the line where it was
    called, and the stable spelling to use instead. It also notices an array that was given to an op
    as it is and changed before `backward`. Infinities and NaN that are data are named when the
    first op passes a NaN on; an infinity that is handed through, a mask say, is no anomaly. Costs
    nothing when off; when on, a pass takes several times as long.

    >>> import numpy as np, tinygrad_edu as tg
    >>> z = tg.Tensor([0.0, 1000.0], requires_grad=True)
    >>> with tg.detect_anomaly():
    ...     np.log(tg.softmax(z))
    Traceback (most recent call last):
        ...
    tinygrad_edu.anomaly.AnomalyError: log made -inf at [0], in the forward pass
      <doctest tinygrad_edu.anomaly.detect_anomaly[2]>:2: np.log(tg.softmax(z))
      tg.softmax(z) = [0. 1.]
    write tg.log_softmax(z)
    """

    _setting = stack
    needs_values = True

    def __init__(self) -> None:
        self._records: dict[int, _Record] = {}

    @property
    def _value(self) -> detect_anomaly:
        return self

    def _begins(self, mode: Mode) -> None:
        refuse(
            "detect_anomaly looks at every op as it runs, and a compiled function runs as a whole: "
            "write the block around the call, `with tg.detect_anomaly(): step(...)`, "
            "where it runs op by op"
        )
        _open[mode.leave] = np.geterr()
        np.seterr(all="ignore")  # the error says more than NumPy's warning

    def _is_over(self, leave: Any) -> None:
        before = _open.pop(leave, None)
        if before is not None:
            np.seterr(**before)

    def _again(self) -> detect_anomaly:
        return detect_anomaly()  # a decorated function may run in several threads

    # -- forward -----------------------------------------------------------------------------------

    def computed(self, t: Tensor, op: Op, args: tuple[Any, ...], static: Mapping[str, Any]) -> None:
        """Look at what an op made, and remember where."""
        frame, source = _names.user_frame(), None
        if frame is not None:
            source = Source(frame.f_code.co_filename, frame.f_lineno)
        scope = Scope(frame)
        at = _anomaly(t._array, args)
        if at is not None:
            s = Speller(scope.names())
            line = source.text if source is not None else ""
            advice = after_forward(op, args, static, at, line, s)
            what = f"{op.name} made {t._array[at]}{_place(at)}"
            raise self._error(what, "forward", op, _operands(args, at, t.shape, s), source, advice)
        if t._op is not None:
            serial = t._serial
            read = op.reads([type(a) is Tensor and a._requires_grad for a in args])
            held = _held(([a for i, a in enumerate(args) if i in read], tuple(static.values())))
            copies = [(a, (array, array.copy())) for a, array in held]
            holder = ref(t, _Forget(self._records, serial))
            self._records[serial] = _Record(source, scope, copies, holder)

    def _error(
        self,
        what: str,
        phase: str,
        op: Op,
        operands: Mapping[str, Any],
        source: Source | None,
        advice: Advice,
    ) -> AnomalyError:
        line = (
            str(source) if source else "called before detect_anomaly was on: its line is not known"
        )
        values = [f"{name} {_shown(value)}" for name, value in operands.items()]
        text = "\n  ".join([f"{what}, in the {phase} pass", line, *values])
        text += f"\n{_sentence(advice)}"
        given = {name: value[0] for name, value in operands.items()}
        return AnomalyError(text, phase, op.name, given, source, advice)

    # -- backward ----------------------------------------------------------------------------------

    def walk_begins(
        self, walk: Iterator[tuple[Tensor, Any]], until: Container[Tensor] | None
    ) -> Iterator[tuple[Tensor, Any]]:
        """The backward walk, each rule's result looked at before it is used."""
        for t, g in walk:
            gradient = g._array if type(g) is Tensor else g
            at = _first_bad(gradient)
            if at is not None:
                name, op = self._speller(t).prose(t), t.op.name if t.op else ""
                text = (
                    f"what comes to {name} from its uses adds up to {gradient[at]}{_place(at)}, "
                    "in the backward pass"
                )
                raise AnomalyError(text, "backward", op, {}, self._source(t), Advice(""))
            if t.op is not None and not (until is not None and t in until):
                self._check_data(t)
                self._check_rules(t, t.op, gradient)
            yield t, g

    def _source(self, t: Tensor) -> Source | None:
        record = self._records.get(t._serial)
        return record.source if record else None

    def _speller(self, t: Tensor) -> Speller:
        """What writes as the line did that computed `t`."""
        record = self._records.get(t._serial)
        return Speller(record.scope.names() if record else {})

    def _check_rules(self, t: Tensor, op: Op, g: Any) -> None:
        for i, part in pulled_back(t, g):
            a, gx = t._args[i], np.asarray(part)
            at = _first_bad(gx)
            if at is not None:
                s = self._speller(t)
                so_far = {"the gradient so far": (g, at if np.shape(g) == gx.shape else None)}
                operands = so_far | _operands(t._args, at, gx.shape, s)
                advice = after_backward(op, i, t._args, s)
                what = f"{op.name} made {gx[at]}{_place(at)} as the gradient of {s.prose(a)}"
                raise self._error(what, "backward", op, operands, self._source(t), advice)
            if op.saturates is not None and a._op is not None:
                self._check_saturation(t, op, a, (g != 0) & op.saturates(a._array))

    def _check_saturation(self, t: Tensor, op: Op, a: Tensor, lost: Any) -> None:
        """Whether a gradient is asked for where an operand, a result, has run out of digits."""
        if op.instead is None or not lost.any():
            return
        at = tuple(int(k) for k in np.argwhere(lost)[0])
        s = self._speller(t)
        advice = op.instead(s, t._args, t._static, at)
        if advice is not None:
            operands = _operands(t._args, at, t.shape, s)
            what = (
                f"{op.name} took {a._array[at]}{_place(at)}, "
                "of which its value and its gradient say nothing"
            )
            raise self._error(what, "backward", op, operands, self._source(t), advice)

    def _check_data(self, t: Tensor) -> None:
        """Whether arrays that an op was given are still what they were."""
        record = self._records.get(t._serial)
        for a, (held, copy) in record.copies if record else ():
            refused = type(a) is Tensor and a._serial > t._serial  # by the engine itself
            if held.tobytes() == copy.tobytes() or refused:
                continue
            at = tuple(int(k) for k in np.argwhere(held != copy)[0]) if (held != copy).any() else ()
            s = self._speller(t)
            name, op, source = s.prose(a), t.op.name if t.op else "", self._source(t)
            place = f"{name}[{', '.join(map(str, at))}]" if at else name
            code = filled("{}.copy()", s(a))
            advice = Advice("give the op a copy, or call backward() before the change", code, s(a))
            text = (
                f"{name} was changed after {s.prose(t)} was computed from it: "
                f"{place} was {copy[at]} and is {held[at]}\n  {source or ''}\n{_sentence(advice)}"
            )
            raise AnomalyError(text, "backward", op, {name: held}, source, advice)


def _held(value: Any) -> Iterator[tuple[Any, Any]]:
    """All that a recorded call holds and somebody may change: (how it was given, the array)."""
    if type(value) is Tensor:
        if value.op is None:
            yield value, value._array
    elif isinstance(value, np.ndarray):
        yield value, value
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from _held(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _held(part)
    elif isinstance(value, slice):
        yield from _held((value.start, value.stop, value.step))


class _Forget:
    """Drops what is remembered of a tensor that is gone."""

    def __init__(self, records: dict[int, _Record], serial: int) -> None:
        self.records, self.serial = records, serial

    def __call__(self, _: Any) -> None:
        self.records.pop(self.serial, None)


# -- what is bad, and how it is shown --------------------------------------------------------------


def _first_bad(values: Any, good: Callable[[Any], Any] = np.isfinite) -> tuple[int, ...] | None:
    """Where the first number is that is not finite."""
    array = np.asarray(values)
    if array.dtype.kind != "f" or good(array).all():
        return None
    return tuple(int(k) for k in np.argwhere(~good(array))[0])


def _anomaly(y: Any, args: tuple[Any, ...]) -> tuple[int, ...] | None:
    """Where an op made a NaN, or an infinity that was not among its operands."""
    at = _first_bad(y)
    if at is None:
        return None
    values = [np.asarray(a._array if type(a) is Tensor else a) for a in args]
    has_infinity = any(np.isinf(v).any() for v in values if v.dtype.kind == "f")
    return _first_bad(y, lambda v: ~np.isnan(v)) if has_infinity else at


def _place(at: tuple[int, ...]) -> str:
    return f" at [{', '.join(map(str, at))}]" if at else ""


def _operands(
    args: tuple[Any, ...], at: tuple[int, ...], shape: tuple[int, ...], s: Speller
) -> dict[str, Any]:
    """Each operand by name, with the place to look at."""
    found: dict[str, Any] = {}
    for a in args:
        if type(a) is Tensor or isinstance(a, np.ndarray):
            value = np.asarray(a._array if type(a) is Tensor else a)
            found[s.prose(a)] = value, at if value.shape == shape else None
    return found


def _shown(value: tuple[Any, tuple[int, ...] | None]) -> str:
    array, at = value
    array = np.asarray(array)
    if array.size <= _FEW:
        return f"= {' '.join(np.array2string(array, precision=6).split())}"
    there = f", at [{', '.join(map(str, at))}] {array[at]:.6g}" if at is not None else ""
    return f"of shape {array.shape}, from {array.min():.6g} to {array.max():.6g}{there}"
