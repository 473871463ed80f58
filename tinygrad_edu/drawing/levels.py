"""From the recorded graph to a diagram: one box per op, or one per named tensor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..engine.backward import contributions
from ..engine.tensor import Tensor
from ..graph import ancestors, asks
from ..notation.constants import is_variable, recognized
from ..notation.derivatives import pulled_back
from ..notation.formula import Formula
from ..notation.names import cleaned, free_letter, unicode_name
from .diagram import Arrow, Box, Diagram, Kind, Text, between
from .fold import folded, without_oldest
from .patterns import (
    call_text,
    gradient,
    is_tensor,
    op_text,
    pattern,
    rule_texts,
    with_names,
    without_numbers,
)

LONG = 24  # about so many names and signs are the most in an equation of a picture
TERMS = 3  # of a gradient that is the sum of more, the last ones are left out
READ = 5_000  # steps that are looked at, the newest ones


def diagram_of(
    outputs: Sequence[Tensor],
    names: Mapping[int, str],
    detail: str,
    chosen: Sequence[Tensor],
    expand: bool,
) -> Diagram:
    """The diagram at a level of detail, folded unless `expand`.

    It is drawn between the chosen tensors and the outputs, if there are any.
    """
    made = ancestors(*outputs)
    steps = [t for t in made if t.op is not None]
    older = set() if expand or chosen else set(steps[:-READ])
    known = {id(t) for t in made}
    for number, t in enumerate(chosen, 1):
        if id(t) not in known:
            raise ValueError(
                f"{t.label()} is not part of what the output was made from: check `wrt`"
            )
        if id(t) not in names:
            names = {**names, id(t): f"w{number}" if len(chosen) > 1 else "w"}
    level = (Ops if detail == "ops" else Equations)(outputs, names, older)
    diagram = Diagram(
        list(level.boxes.values()), level.arrows, _title(outputs, names), level.legend
    )
    if chosen:
        diagram = between(
            diagram, [level.keys[id(t)] for t in outputs], [level.keys[id(t)] for t in chosen]
        )
    if not expand:
        cut = [level.keys[id(t)] for t in older if id(t) in level.keys]
        diagram = without_oldest(folded(diagram, level.many), cut, len(older) - len(cut))
    level.fill(diagram)
    _add_parts(diagram)
    return diagram


class Level:
    """What both levels of detail have in common.

    `boxes` by the id of their values, and `arrows`; `fill` adds what takes time.
    """

    many = 24  # pictures with more boxes are folded

    def __init__(
        self,
        outputs: Sequence[Tensor],
        values: Sequence[Any],
        labels: Mapping[int, str],
        names: Mapping[int, str],
    ) -> None:
        self.labels = labels
        self.keys = {id(value): f"n{i}" for i, value in enumerate(values, 1)}
        self.boxes = {
            id(value): _box(
                self.keys[id(value)], value, outputs, labels[id(value)], id(value) in names
            )
            for value in values
        }
        self.arrows: list[Arrow] = []
        self.legend = (
            [f"∂v is short for ∂{unicode_name(labels[id(outputs[0])])}/∂v"]
            if len(outputs) == 1
            else ["∂v is the gradient at v"]
        )

    def fill(self, diagram: Diagram) -> None:
        """Write the formulas into what is left of the diagram, and the parts of the gradients."""
        raise NotImplementedError


class Ops(Level):
    """One box per op: its formula, value and gradient.

    And its local derivative for each operand: its rule, as it runs.
    """

    def __init__(
        self, outputs: Sequence[Tensor], names: Mapping[int, str], older: Container[Tensor]
    ) -> None:
        shown: dict[int, Any] = {}
        tensors = ancestors(*outputs, until=older)
        for t in tensors:
            if t in older:
                shown[id(t)] = t
                continue
            shown.update({id(a): a for a in t.args if isinstance(a, np.ndarray) and a.ndim})
            shown[id(t)] = t
        values = list(shown.values())
        super().__init__(outputs, values, _labels(values, names), names)
        self.uses = Counter(id(a) for t in tensors for i, a in enumerate(t.args) if asks(t, i))
        for t in tensors:
            if t.op is not None and t not in older:
                self.boxes[id(t)].mark = pattern(t)
                self.arrows += [
                    Arrow(self.keys[id(a)], self.keys[id(t)], i)
                    for i, a in enumerate(t.args)
                    if id(a) in self.keys
                ]
        known = [a for a in values if id(a) in names and not is_variable(a)]
        for a in values:
            if id(a) not in names and not is_variable(a):
                self.boxes[id(a)].formula = next(
                    (call_text(call, names) for call in recognized(a, known, names)), None
                )

    def fill(self, diagram: Diagram) -> None:
        patterns: dict[Any, tuple[Text, list[tuple[int, Text]]]] = {}
        parts: dict[str, list[Any]] = {}
        for box in diagram.boxes:
            t = box.tensor
            if t is None or t.op is None:
                continue
            if box.mark not in patterns:
                patterns[box.mark] = op_text(t), rule_texts(t)
            text, rules = patterns[box.mark]
            called = [self.labels.get(id(a), "") for a in t.args]
            box.formula = with_names(text, called, box.name)
            box.notes = [
                self._note(t.args[i], with_names(right, called, box.name)) for i, right in rules
            ]
            parts[box.key] = op_parts(t)
        for arrow in diagram.arrows:
            if arrow.operand >= 0:
                arrow.part = parts[arrow.head][arrow.operand]

    def _note(self, a: Tensor, right: Text) -> Text:
        """What one use gives to the gradient of `a`: all of it, or a part that is added to it."""
        return gradient(
            self.labels[id(a)], right.unicode, right.latex, is_part=self.uses[id(a)] > 1
        )


class Equations(Level):
    """One box per named tensor: its equation, its value, its gradient and the formula of that."""

    many = 12

    def __init__(
        self, outputs: Sequence[Tensor], names: Mapping[int, str], older: Container[Tensor]
    ) -> None:
        self.formula = formula = Formula(outputs, names, older, lines=True, longest=LONG)
        lines, latex = formula.equations("unicode"), formula.equations("latex")
        self.uses = {
            id(line.tensor): {id(a): a for a in formula.operands(line.tensor)} for line in lines
        }
        shown: dict[int, Any] = {}
        for line in lines:
            shown |= self.uses[id(line.tensor)]
            shown[id(line.tensor)] = line.tensor
        values = list(shown.values())
        super().__init__(outputs, values, {id(a): formula.label(a) for a in values}, names)
        for line, twin in zip(lines, latex, strict=True):
            box = self.boxes[id(line.tensor)]
            if line.tensor.op is not None:
                box.formula = Text(line.right, twin.right)
                box.mark = (without_numbers(line.right), box.shape)
            self.arrows += [
                Arrow(self.keys[i], box.key, place)
                for place, i in enumerate(self.uses[id(line.tensor)])
                if i in self.keys
            ]

    def fill(self, diagram: Diagram) -> None:
        left = {box.key for box in diagram.boxes}
        received: dict[int, list[Text]] = {}
        parts: dict[str, list[Any]] = {}
        uses = Counter(i for used in self.uses.values() for i in used)
        for box in diagram.boxes:
            t, operands = box.tensor, list(self.uses.get(id(box.tensor), {}).values())
            parts[box.key] = [None] * len(operands)
            if (
                not operands
                or not t.requires_grad
                or any(is_tensor(a) and a.is_leaf and a.serial > t.serial for a in operands)
            ):
                continue
            for a, gx in pulled_back(self.formula, t):
                if self.keys.get(id(a)) in left:
                    received.setdefault(id(a), []).append(
                        Text(gx.equations("unicode")[-1].right, gx.equations("latex")[-1].right)
                    )
                    uses[id(a)] -= 1
            if t.grad is not None:
                with np.errstate(all="ignore"):
                    found = {
                        id(a): g
                        for a, g in t.adjoints(t.grad, until=set(filter(is_tensor, operands)))
                    }
                parts[box.key] = [found.get(id(a)) for a in operands]
        for i, terms in received.items():
            if uses[i] or len(terms) > TERMS:
                terms[TERMS - 1 :] = [
                    Text(
                        f"⋯ ({uses[i] + len(terms)} terms)",
                        rf"\cdots \text{{ ({uses[i] + len(terms)} terms)}}",
                    )
                ]
            unicode, latex = (
                " + ".join(texts).replace("+ −", "− ").replace("+ -", "- ")
                for texts in zip(*terms, strict=True)
            )
            self.boxes[i].notes.append(gradient(self.labels[i], unicode, latex))
        for arrow in diagram.arrows:
            if arrow.operand >= 0:
                arrow.part = parts[arrow.head][arrow.operand]


# -- boxes -----------------------------------------------------------------------------------------


def _title(outputs: Sequence[Tensor], names: Mapping[int, str]) -> str:
    called = [cleaned(names.get(id(t), "the result")) for t in outputs]
    return f"Computation graph of {', '.join(called)}"


def _box(key: str, value: Any, outputs: Sequence[Tensor], name: str, is_named: bool) -> Box:
    if type(value) is not Tensor:
        return Box(key, "constant", name, is_named, value=np.asarray(value))
    kind: Kind = "step" if value.op else "parameter" if value.requires_grad else "constant"
    if any(value is t for t in outputs):
        kind = "output"
    return Box(
        key,
        kind,
        name,
        is_named,
        value=value.numpy(),
        grad=value.grad,
        wants_grad=value.requires_grad,
        tensor=value,
    )


def _labels(values: Iterable[Any], names: Mapping[int, str]) -> dict[int, str]:
    """A label for everything that has a box.

    Its name, else t1, t2, ... for what was computed, c1 and p1 for leaves.
    """
    counts: Counter[str] = Counter()
    taken = set(names.values())
    letters = {kind: free_letter(kind, taken) for kind in "ctp"}
    labels = {}
    for value in values:
        kind = letters["c" if not is_variable(value) else "t" if value.op else "p"]
        label = names.get(id(value), "")
        while not label or (id(value) not in names and label in taken):
            counts[kind] += 1
            label = f"{kind}{counts[kind]}"
        labels[id(value)] = label
    return labels


def _add_parts(diagram: Diagram) -> None:
    """Put the parts of each gradient beside it, where several add up to it."""
    parts: dict[str, list[Any]] = {}
    for arrow in diagram.arrows:
        if arrow.part is not None:
            parts.setdefault(arrow.tail, []).append(arrow.part)
    for box in diagram.boxes:
        found = parts.get(box.key, [])
        if (
            len(found) > 1
            and box.grad is not None
            and np.allclose(np.sum(found, axis=0), box.grad, equal_nan=True)
        ):
            box.parts = found


def op_parts(t: Tensor) -> list[Any]:
    """What the op that made `t` adds to the gradient of each operand.

    It is by its rules and the gradient of `t`; None if not computed.
    """
    if t.op is None or t.grad is None or any(is_tensor(a) and a.serial > t.serial for a in t.args):
        return [None] * len(t.args)
    with np.errstate(all="ignore"):
        found = {i: np.asarray(gx) for i, gx in contributions(t, t.grad)}
    return [found.get(i) for i in range(len(t.args))]
