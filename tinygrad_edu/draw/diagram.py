"""What a picture shows, before it is drawn in any format: boxes and arrows, at one of three levels of detail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np

from ..core import Op, Tensor, fit
from ..formula import Formula, local_derivative, parameters, pulled_back
from ..graph import ancestors
from ..languages import cleaned, latex_name, unicode_name

Kind = Literal["parameter", "constant", "step", "output", "fold"]


class Text(NamedTuple):
    """A formula, for people and for TeX."""

    unicode: str
    latex: str


@dataclass
class Box:
    """A tensor or constant of the picture, or a number of steps folded into one box."""

    key: str
    kind: Kind
    name: str  # its user's label, "" if it has none
    formula: Text | None = None  # what it is equal to
    value: Any = None
    grad: Any = None
    wants_grad: bool = False
    notes: list[Text] = field(default_factory=list)  # how its gradient moves on
    parts: list[Any] = field(default_factory=list)  # what each use adds to its gradient

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of its value."""
        return np.shape(self.value)


@dataclass
class Arrow:
    """A use of one box by another; `part` is what this use adds to the gradient of the box that is used, None if not computed."""

    tail: str
    head: str
    part: Any = None
    uses: int = 1


@dataclass
class Diagram:
    """Boxes in the order of their making, and arrows."""

    boxes: list[Box]
    arrows: list[Arrow]
    title: str
    legend: list[str]


def keyed(values: Iterable[Any]) -> dict[int, str]:
    """A key for each value, by its id, the same in every run."""
    return {id(value): f"n{i}" for i, value in enumerate(values, 1)}


def title_of(outputs: Sequence[Tensor], names: Mapping[int, str]) -> str:
    """What the picture is of."""
    called = [cleaned(names[id(t)]) if id(t) in names else "the result" for t in outputs]
    return f"Computation graph of {', '.join(called)}"


def _grad(t: Any) -> Any:
    return t.grad if type(t) is Tensor else None


def _kind(value: Any, outputs: Sequence[Tensor]) -> Kind:
    if type(value) is not Tensor:
        return "constant"
    if any(value is t for t in outputs):
        return "output"
    return "step" if value.op else "parameter" if value.requires_grad else "constant"


def _box(key: str, value: Any, outputs: Sequence[Tensor], name: str) -> Box:
    array = value.numpy() if type(value) is Tensor else np.asarray(value)
    wants = type(value) is Tensor and value.requires_grad
    return Box(key, _kind(value, outputs), name, value=array, grad=_grad(value), wants_grad=wants)


# -- one box per op ------------------------------------------------------------------------------------------------------------


def ops_diagram(outputs: Sequence[Tensor], names: Mapping[int, str]) -> tuple[Diagram, dict[int, str]]:
    """One box per op: its formula, value and gradient, and its rule for each operand, as it runs."""
    tensors = ancestors(*outputs)
    shown: dict[int, Any] = {}
    for t in tensors:
        for a in t.args:
            if isinstance(a, np.ndarray) and a.ndim:
                shown[id(a)] = a
        shown[id(t)] = t
    keys = keyed(shown.values())
    boxes = {i: _box(keys[i], value, outputs, names.get(i, "")) for i, value in shown.items()}
    arrows = []
    written: dict[Any, tuple[Text, list[Text]]] = {}
    for t in tensors:
        if t.op is None:
            continue
        labels = _operand_labels(t, names)
        once = (t.op, labels, names.get(id(t)), repr(t.static), tuple(a if _is_number(a) else np.shape(a) for a in t.args), t.args[0] is t.args[-1])
        if once not in written:
            written[once] = (_call_text(t, labels), _rule_texts(t, labels, names.get(id(t), "")))
        boxes[id(t)].formula, boxes[id(t)].notes = written[once]
        for a, part in zip(t.args, op_parts(t), strict=True):
            if id(a) in keys:
                arrows.append(Arrow(keys[id(a)], keys[id(t)], part))
    legend = ["g is the gradient that arrives at a box, y its own result, a, b and x what comes in along unnamed arrows"]
    return _finished(Diagram(list(boxes.values()), arrows, title_of(outputs, names), legend)), keys


def _is_number(a: Any) -> bool:
    return type(a) in (int, float, bool)


def _operand_labels(t: Tensor, names: Mapping[int, str]) -> tuple[str, ...]:
    """What an op's operands are called in its box: by their names, else by the letters of its rule."""
    assert t.op is not None
    rule = next((rule for rule in map(t.op.rule, range(len(t.args))) if rule), None)
    letters = parameters(rule, len(t.args))[2:] if rule else list("abcdefgh"[: len(t.args)]) if len(t.args) <= 8 else ["x"] * len(t.args)
    given = [names.get(id(a), "") for a in t.args]
    return tuple(label or (f"{letter}′" if letter in given else letter) for label, letter in zip(given, letters, strict=True))


def _call_text(t: Tensor, labels: Sequence[str]) -> Text:
    """The op on its operands."""
    made = Formula([t], {id(a): label for a, label in zip(t.args, labels, strict=True)}, set(filter(_is_tensor, t.args)), bare=True)
    return Text(made.unicode, made.latex)


def _is_tensor(a: Any) -> bool:
    return type(a) is Tensor


def _rule_texts(t: Tensor, labels: Sequence[str], name: str) -> list[Text]:
    """What the op's rules make of the gradient g, for each operand that gets one."""
    op = t.op
    assert op is not None
    texts = []
    for i, a in enumerate(t.args):
        if not _is_tensor(a) or not a.requires_grad or op.rule(i) is None:
            continue
        letters = parameters(op.rule(i), len(t.args))
        calls = dict(zip(letters[2:], labels, strict=True))
        calls["g"] = "g" if "g" not in labels else "g′"
        calls[letters[1]] = name or ("y" if "y" not in labels else "y′")
        formula = local_derivative(t, i, calls)
        text = _gradient(labels[i], *(formula.equations(spelling)[-1].right for spelling in ("unicode", "latex")))
        if text not in texts:
            texts.append(text)
    return texts


def _gradient(label: str, unicode: str, latex: str) -> Text:
    """The equation of a gradient."""
    return Text(f"∂{unicode_name(label)} = {unicode}", rf"\partial {latex_name(label)} = {latex}")


def op_parts(t: Tensor) -> list[Any]:
    """What the op that made `t` adds to the gradient of each operand, by its rules and the gradient of `t`; None if not computed."""
    op: Op | None = t.op
    if op is None or t.grad is None or any(_is_tensor(a) and a.serial > t.serial for a in t.args):
        return [None] * len(t.args)
    values = [a.numpy() if _is_tensor(a) else a for a in t.args]
    parts = []
    for i, a in enumerate(t.args):
        rule = op.rule(i)
        if rule is None or not _is_tensor(a) or not a.requires_grad:
            parts.append(None)
            continue
        with np.errstate(all="ignore"):
            parts.append(np.asarray(fit(np.asarray(rule(t.grad, t.numpy(), *values, **t.static)), a.numpy(), op, a)))
    return parts


# -- one box per name ----------------------------------------------------------------------------------------------------------


def equations_diagram(outputs: Sequence[Tensor], names: Mapping[int, str]) -> tuple[Diagram, dict[int, str]]:
    """One box per named tensor, with its equation, its gradient, and how that is made."""
    formula = Formula(outputs, names, lines=True)
    python, latex = formula.equations("unicode"), formula.equations("latex")
    uses = {id(line.tensor): formula.operands(line.tensor) for line in python}
    shown: dict[int, Any] = {}
    for line in python:
        shown.update({id(a): a for a in uses[id(line.tensor)] if np.ndim(a) or _is_tensor(a)})
        shown[id(line.tensor)] = line.tensor
    keys = keyed(shown.values())
    boxes = {i: _box(keys[i], value, outputs, formula.label(value)) for i, value in shown.items()}
    arrows = []
    received: dict[int, list[Text]] = {}
    for line, twin in zip(python, latex, strict=True):
        t = line.tensor
        boxes[id(t)].formula = Text(line.right, twin.right)
        operands = list({id(a): a for a in uses[id(t)] if id(a) in keys}.values())
        if t.requires_grad and not _changed(t, operands):
            for a, gx in pulled_back(formula, t):
                received.setdefault(id(a), []).append(Text(*(gx.equations(spelling)[-1].right for spelling in ("unicode", "latex"))))
        parts = _parts(t, operands)
        arrows += [Arrow(keys[id(a)], keys[id(t)], parts.get(id(a)), sum(b is a for b in uses[id(t)])) for a in operands]
    for i, terms in received.items():
        boxes[i].notes.append(_gradient(formula.label(shown[i]), *map(" + ".join, zip(*terms, strict=True))))
    called = [cleaned(formula.label(t)) for t in outputs]
    legend = [f"∂v is short for ∂{called[0]}/∂v"] if len(called) == 1 else []
    return _finished(Diagram(list(boxes.values()), arrows, title_of(outputs, names), legend)), keys


def _changed(t: Tensor, operands: Sequence[Any]) -> bool:
    """Whether a leaf was changed after `t` was computed from it."""
    return any(_is_tensor(a) and a.is_leaf and a.serial > t.serial for a in operands)


def _parts(t: Tensor, operands: Sequence[Any]) -> dict[int, Any]:
    """What the equation of `t` adds to the gradients of what it is written with, by id."""
    if t.grad is None or not t.requires_grad or _changed(t, operands):
        return {}
    with np.errstate(all="ignore"):
        return {id(a): g for a, g in t.adjoints(t.grad, until={a for a in operands if _is_tensor(a)})}


# -- both ----------------------------------------------------------------------------------------------------------------------


def _finished(diagram: Diagram) -> Diagram:
    """With the parts of each gradient beside it, where several add up to it."""
    boxes = {box.key: box for box in diagram.boxes}
    for arrow in diagram.arrows:
        if arrow.part is not None:
            boxes[arrow.tail].parts.append(arrow.part)
    for box in diagram.boxes:
        if len(box.parts) < 2 or box.grad is None or not np.allclose(np.sum(box.parts, axis=0), box.grad, equal_nan=True):
            box.parts = []
    return diagram


def between(diagram: Diagram, outputs: Sequence[str], chosen: Sequence[str]) -> Diagram:
    """The part of a diagram that lies on a path from the boxes `chosen` to the outputs."""
    ahead = _reached(chosen, [(arrow.tail, arrow.head) for arrow in diagram.arrows])
    behind = _reached(outputs, [(arrow.head, arrow.tail) for arrow in diagram.arrows])
    kept = ahead & behind
    boxes = [box for box in diagram.boxes if box.key in kept]
    arrows = [arrow for arrow in diagram.arrows if arrow.tail in kept and arrow.head in kept]
    return Diagram(boxes, arrows, diagram.title, diagram.legend)


def _reached(start: Sequence[str], arrows: Sequence[tuple[str, str]]) -> set[str]:
    after: dict[str, list[str]] = {}
    for tail, head in arrows:
        after.setdefault(tail, []).append(head)
    found, waiting = set(start), list(start)
    while waiting:
        for head in after.get(waiting.pop(), ()):
            if head not in found:
                found.add(head)
                waiting.append(head)
    return found


def diagram_of(outputs: Sequence[Tensor], names: Mapping[int, str], detail: str, chosen: Sequence[Tensor], expand: bool) -> Diagram:
    """The diagram at a level of detail, between the chosen tensors and the outputs if there are any, folded unless `expand`."""
    from .fold import folded

    made = {id(t) for t in ancestors(*outputs)}
    for number, t in enumerate(chosen, 1):
        if id(t) not in made:
            raise ValueError(f"{t.label()} is not part of what the output was made from: check `wrt`")
        if id(t) not in names:
            names = {**names, id(t): f"w{number}" if len(chosen) > 1 else "w"}
    build = ops_diagram if detail == "ops" else equations_diagram
    diagram, keys = build(outputs, names)
    if chosen:
        diagram = between(diagram, [keys[id(t)] for t in outputs], [keys[id(t)] for t in chosen])
    return diagram if expand else folded(diagram)
