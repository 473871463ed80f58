"""From the recorded graph to a diagram, at a level of detail: one box per op, or one per named tensor."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..core import Tensor, fit
from ..formula import Formula, is_variable, local_derivative, parameters, pulled_back, recognized
from ..graph import ancestors, asks
from ..languages import LANGUAGES, Call, cleaned, free_letter, latex_name, latex_text, unicode_name
from ..operation import Op
from .diagram import Arrow, Box, Diagram, Kind, Text, between
from .fold import folded, without_oldest

LONG = 24  # about so many names and signs are the most in an equation of a picture
TERMS = 3  # of a gradient that is the sum of more, the last ones are left out
READ = 5_000  # steps that are looked at, the newest ones


def diagram_of(outputs: Sequence[Tensor], names: Mapping[int, str], detail: str, chosen: Sequence[Tensor], expand: bool) -> Diagram:
    """The diagram at a level of detail, between the chosen tensors and the outputs if there are any, folded unless `expand`."""
    made = ancestors(*outputs)
    steps = [t for t in made if t.op is not None]
    older = set() if expand or chosen else set(steps[:-READ])
    known = {id(t) for t in made}
    for number, t in enumerate(chosen, 1):
        if id(t) not in known:
            raise ValueError(f"{t.label()} is not part of what the output was made from: check `wrt`")
        if id(t) not in names:
            names = {**names, id(t): f"w{number}" if len(chosen) > 1 else "w"}
    level = (Ops if detail == "ops" else Equations)(outputs, names, older)
    diagram = Diagram(list(level.boxes.values()), level.arrows, _title(outputs, names), level.legend)
    if chosen:
        diagram = between(diagram, [level.keys[id(t)] for t in outputs], [level.keys[id(t)] for t in chosen])
    if not expand:
        cut = [level.keys[id(t)] for t in older if id(t) in level.keys]
        diagram = without_oldest(folded(diagram, level.many), cut, len(older) - len(cut))
    level.fill(diagram)
    _add_parts(diagram)
    return diagram


class Level:
    """What both levels of detail have in common: `boxes` by the id of their values, and `arrows`; `fill` adds what takes time."""

    many = 24  # pictures with more boxes are folded

    def __init__(self, outputs: Sequence[Tensor], values: Sequence[Any], labels: Mapping[int, str], names: Mapping[int, str]) -> None:
        self.labels = labels
        self.keys = {id(value): f"n{i}" for i, value in enumerate(values, 1)}
        self.boxes = {id(value): _box(self.keys[id(value)], value, outputs, labels[id(value)], id(value) in names) for value in values}
        self.arrows: list[Arrow] = []
        self.legend = [f"∂v is short for ∂{unicode_name(labels[id(outputs[0])])}/∂v"] if len(outputs) == 1 else ["∂v is the gradient at v"]

    def fill(self, diagram: Diagram) -> None:
        """Write the formulas into what is left of the diagram, and the parts of the gradients."""
        raise NotImplementedError


class Ops(Level):
    """One box per op: its formula, value and gradient, and its local derivative for each operand: its rule, as it runs."""

    def __init__(self, outputs: Sequence[Tensor], names: Mapping[int, str], older: Container[Tensor]) -> None:
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
                self.boxes[id(t)].mark = _pattern(t)
                self.arrows += [Arrow(self.keys[id(a)], self.keys[id(t)], i) for i, a in enumerate(t.args) if id(a) in self.keys]
        known = [a for a in values if id(a) in names and not is_variable(a)]
        for a in values:
            if id(a) not in names and not is_variable(a):
                self.boxes[id(a)].formula = next((_call_text(call, names) for call in recognized(a, known, names)), None)

    def fill(self, diagram: Diagram) -> None:
        patterns: dict[Any, tuple[Text, list[tuple[int, Text]]]] = {}
        parts: dict[str, list[Any]] = {}
        for box in diagram.boxes:
            t = box.tensor
            if t is None or t.op is None:
                continue
            if box.mark not in patterns:
                patterns[box.mark] = _op_text(t), _rule_texts(t)
            text, rules = patterns[box.mark]
            called = [self.labels.get(id(a), "") for a in t.args]
            box.formula = _with_names(text, called, box.name)
            box.notes = [self._note(t.args[i], _with_names(right, called, box.name)) for i, right in rules]
            parts[box.key] = op_parts(t)
        for arrow in diagram.arrows:
            if arrow.operand >= 0:
                arrow.part = parts[arrow.head][arrow.operand]

    def _note(self, a: Tensor, right: Text) -> Text:
        """What one use gives to the gradient of `a`: all of it, or a part that is added to it."""
        return _gradient(self.labels[id(a)], right.unicode, right.latex, is_part=self.uses[id(a)] > 1)


class Equations(Level):
    """One box per named tensor: its equation, its value, its gradient and the formula of that."""

    many = 12

    def __init__(self, outputs: Sequence[Tensor], names: Mapping[int, str], older: Container[Tensor]) -> None:
        self.formula = formula = Formula(outputs, names, older, lines=True, longest=LONG)
        lines, latex = formula.equations("unicode"), formula.equations("latex")
        self.uses = {id(line.tensor): {id(a): a for a in formula.operands(line.tensor)} for line in lines}
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
                box.mark = (_without_numbers(line.right), box.shape)
            self.arrows += [Arrow(self.keys[i], box.key, place) for place, i in enumerate(self.uses[id(line.tensor)]) if i in self.keys]

    def fill(self, diagram: Diagram) -> None:
        left = {box.key for box in diagram.boxes}
        received: dict[int, list[Text]] = {}
        parts: dict[str, list[Any]] = {}
        uses = Counter(i for used in self.uses.values() for i in used)
        for box in diagram.boxes:
            t, operands = box.tensor, list(self.uses.get(id(box.tensor), {}).values())
            parts[box.key] = [None] * len(operands)
            if not operands or not t.requires_grad or any(_is_tensor(a) and a.is_leaf and a.serial > t.serial for a in operands):
                continue
            for a, gx in pulled_back(self.formula, t):
                if self.keys.get(id(a)) in left:
                    received.setdefault(id(a), []).append(Text(gx.equations("unicode")[-1].right, gx.equations("latex")[-1].right))
                    uses[id(a)] -= 1
            if t.grad is not None:
                with np.errstate(all="ignore"):
                    found = {id(a): g for a, g in t.adjoints(t.grad, until=set(filter(_is_tensor, operands)))}
                parts[box.key] = [found.get(id(a)) for a in operands]
        for i, terms in received.items():
            if uses[i] or len(terms) > TERMS:
                terms[TERMS - 1 :] = [Text(f"⋯ ({uses[i] + len(terms)} terms)", rf"\cdots \text{{ ({uses[i] + len(terms)} terms)}}")]
            unicode, latex = (" + ".join(texts).replace("+ −", "− ").replace("+ -", "- ") for texts in zip(*terms, strict=True))
            self.boxes[i].notes.append(_gradient(self.labels[i], unicode, latex))
        for arrow in diagram.arrows:
            if arrow.operand >= 0:
                arrow.part = parts[arrow.head][arrow.operand]


# -- boxes ---------------------------------------------------------------------------------------------------------------------


def _title(outputs: Sequence[Tensor], names: Mapping[int, str]) -> str:
    return f"Computation graph of {', '.join(cleaned(names.get(id(t), 'the result')) for t in outputs)}"


def _box(key: str, value: Any, outputs: Sequence[Tensor], name: str, is_named: bool) -> Box:
    if type(value) is not Tensor:
        return Box(key, "constant", name, is_named, value=np.asarray(value))
    kind: Kind = "step" if value.op else "parameter" if value.requires_grad else "constant"
    if any(value is t for t in outputs):
        kind = "output"
    return Box(key, kind, name, is_named, value=value.numpy(), grad=value.grad, wants_grad=value.requires_grad, tensor=value)


def _labels(values: Iterable[Any], names: Mapping[int, str]) -> dict[int, str]:
    """A label for everything that has a box: its name, else t1, t2, ... for what was computed, c1 and p1 for leaves."""
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
        if len(found) > 1 and box.grad is not None and np.allclose(np.sum(found, axis=0), box.grad, equal_nan=True):
            box.parts = found


def op_parts(t: Tensor) -> list[Any]:
    """What the op that made `t` adds to the gradient of each operand, by its rules and the gradient of `t`; None if not computed."""
    op: Op | None = t.op
    if op is None or t.grad is None or any(_is_tensor(a) and a.serial > t.serial for a in t.args):
        return [None] * len(t.args)
    values = [a.numpy() if _is_tensor(a) else a for a in t.args]
    parts: list[Any] = [None] * len(t.args)
    with np.errstate(all="ignore"):
        for i, a in enumerate(t.args):
            rule = op.rule(i)
            if rule is not None and _is_tensor(a) and a.requires_grad:
                parts[i] = np.asarray(fit(np.asarray(op.pull(rule, t.grad, t.numpy(), values, t.static)), a.numpy(), op, a, t.numpy()))
    return parts


def _is_tensor(a: Any) -> bool:
    return type(a) is Tensor


# -- formulas ------------------------------------------------------------------------------------------------------------------

# Formulas of ops are made once for all calls of a pattern, with words like this in place of names: no user has a name like them.
_RESULT = "qzqresultqzq"


def _word(i: int) -> str:
    return "qzq" + "abcdefghij"[i % 10] * (1 + i // 10) + "qzq"


def _pattern(t: Tensor) -> Any:
    """What two calls of an op share if their formulas differ by names only."""
    return (
        t.op,
        repr(t.static),
        t.shape,
        tuple(repr(a) if _is_number(a) else (np.shape(a), is_variable(a), _first(t.args, a)) for a in t.args),
    )


def _is_number(a: Any) -> bool:
    return type(a) is not Tensor and np.ndim(a) == 0


def _first(args: Sequence[Any], a: Any) -> int:
    return next(i for i, other in enumerate(args) if other is a)


def _op_text(t: Tensor) -> Text:
    """The op on its operands."""
    names = {id(a): _word(_first(t.args, a)) for a in t.args if not _is_number(a)}
    made = Formula([t], names, set(filter(_is_tensor, t.args)), bare=True)
    return Text(made.unicode, made.latex)


def _rule_texts(t: Tensor) -> list[tuple[int, Text]]:
    """What the op's rules make of the gradient, for each operand that gets one."""
    op = t.op
    assert op is not None
    texts = []
    for i in range(len(t.args)):
        rule = op.textbook(i)
        if rule is None or not asks(t, i):
            continue
        g, y, *letters = parameters(rule, len(t.args))
        calls = {g: f"∂{_RESULT}", y: _RESULT} | {letter: _word(_first(t.args, b)) for letter, b in zip(letters, t.args, strict=True)}
        formula = local_derivative(t, i, calls)
        texts.append((i, Text(formula.equations("unicode")[-1].right, formula.equations("latex")[-1].right)))
    return texts


def _with_names(text: Text, operands: Sequence[str], result: str) -> Text:
    """A formula with names in place of the words that stand for them."""
    unicode, latex = text
    for word, label in [(_RESULT, result), *((_word(i), label) for i, label in enumerate(operands) if label)]:
        if word in unicode:
            unicode = unicode.replace(word, unicode_name(label))
            latex = latex.replace(f"\\mathrm{{{word}}}", latex_name(label)).replace(word, latex_text(label).removeprefix(r"\text{")[:-1])
    return Text(unicode, latex)


def _gradient(label: str, unicode: str, latex: str, is_part: bool = False) -> Text:
    """The equation of a gradient, or of a part that is added to it."""
    signs = ("+=", r"\mathrel{+}=") if is_part else ("=", "=")
    return Text(f"∂{unicode_name(label)} {signs[0]} {unicode}", rf"\partial {latex_name(label)} {signs[1]} {latex}")


def _call_text(call: Call, names: Mapping[int, str]) -> Text:
    """How a constant is made from a named one, which is not recorded."""
    texts = []
    for language in (LANGUAGES["unicode"], LANGUAGES["latex"]):
        operands = [language.name("", names[id(a)]) if id(a) in names else language.number(a) for a in call.args]
        texts.append(language.call(call, operands, {}).text)
    return Text(*texts)


def _without_numbers(text: str) -> str:
    return re.sub(r"[\d₀-₉]+", "#", text)
