"""Whose fault it is: each recorded op checked alone, at the values that it had."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.op import Op
from ..engine.recording import enable_grad
from ..engine.tensor import Tensor
from ..graph import ancestors
from .claims import gradient_of
from .comparison import compared
from .complex_step import by_complex_step
from .report import DISAGREES, UNRESOLVED, Blame, Entry
from .subject import Subject


class Parts:
    """The recorded ops alone: their own rules, at order 2 also their derivatives."""

    def __init__(self, f: Callable[..., Any], subject: Subject, order: int) -> None:
        self.blames = list[Blame]()
        self.agree = bool(subject.parameters)  # every part was decided, and is right
        subject.f = f  # not its gradient: the ops that the user wrote
        with np.errstate(all="ignore"), enable_grad(), subject.run(subject.values) as (_, outputs):
            recorded = [t for t in ancestors(*outputs) if t.requires_grad]
        accused = set[tuple[Op, int]]()
        for t in recorded:
            for i, a in enumerate(t.args):
                if t.op is None or type(a) is not Tensor or not a.requires_grad:
                    continue
                if (t.op, i) not in accused:
                    blame = self._blame(t.op, t, i, order)
                    if blame is not None:
                        accused.add((t.op, i))
                        self.blames.append(blame)
        self.agree = self.agree and not self.blames

    def _blame(self, op: Op, t: Tensor, i: int, order: int) -> Blame | None:
        """What is wrong with the rule of argument `i`, if anything is."""
        for checked in range(1, order + 1):
            wrong = self._wrong_entry(op, t, i, checked)
            if wrong is not None:
                place = f"its result of shape {t.shape}"
                place = f"`{t.name} = {op.name}(...)`" if t.name else place
                found = wrong.analytic, wrong.numerical, checked, wrong.sides
                return Blame(op.name, i, t.args[i].name or "", place, *found)
        return None

    def _wrong_entry(self, op: Op, t: Tensor, i: int, order: int) -> Entry | None:
        """The worst entry of the op's gradient at argument `i`, if it is wrong.

        At order 2 it is of that gradient's derivative by any argument.
        """
        args = tuple(a.detach() if type(a) is Tensor else a for a in t.args)

        def alone(*args: Any) -> Tensor:
            y: Tensor = op.on(args, t.static)
            return y

        names = [f"argument {k}" for k in range(len(args))]
        f, varied = alone, [i]
        if order == 2:
            f = gradient_of(alone, [i])
            varied = [k for k, a in enumerate(t.args) if type(a) is Tensor and a.requires_grad]
        try:
            subject = Subject(f, args, varied, names, 1, is_part=True)
        except ValueError:  # not finite here: nothing to compare
            self.agree = False
            return None
        entries = [
            e
            for parameter in subject.parameters
            for e in compared(subject, parameter, fast=parameter.value.size > 16)
        ]
        if order == 1:
            entries = [by_complex_step(e, op, args, t.static, i, subject) for e in entries]
        if any(e.verdict == UNRESOLVED for e in entries):
            self.agree = False
        wrong = [e for e in entries if e.verdict == DISAGREES or (order == 1 and e.outside)]
        return max(wrong, key=lambda e: e.off) if wrong else None
