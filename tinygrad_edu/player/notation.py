"""How the page writes things down: names, and formulas that the page sets.

A formula is a list of text and references to nodes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..engine.tensor import Tensor
from ..graph import ancestors, names_of, value_of
from ..notation.derivatives import local_derivative, parameters
from ..notation.formula import Formula
from ..notation.names import cleaned, free_letter, unicode_name
from ..notation.printers import LANGUAGES

GRADIENT = -1  # a formula's reference to the gradient that arrives
Tokens = list[Any]  # str: text; int: the node of that index, or GRADIENT

# the first of many letters that are no one's names: what stands for nodes while a formula is
# written
_FIRST = 0x4E00


class Factor(NamedTuple):
    """What a rule multiplies the gradient with.

    It is "times", or as a matrix from the "left" or the "right".
    """

    how: str
    text: str
    value: Any
    # of the gradient as it meets the factor, if an axis of length 1 was put into it
    shape: tuple[int, ...] | None = None


def things(loss: Tensor) -> list[Any]:
    """The nodes of the page in the order of their making.

    They are all tensors, and the arrays that they were made from.
    """
    found: dict[int, Any] = {}
    for t in ancestors(loss):
        found.update({id(a): a for a in t.args if isinstance(a, np.ndarray) and a.ndim})
        found[id(t)] = t
    return list(found.values())


def labels_of(loss: Tensor, names: Mapping[Any, Any] | None) -> list[str]:
    """A label for every node: its name, else a letter and a number; `1 - y` for what is that."""
    known = {key: cleaned(name) for key, name in names_of([loss], names).items()}
    taken = set(known.values())
    letters = {kind: free_letter(kind, taken) for kind in "tpc"}
    counts = dict.fromkeys("tpc", 0)
    nodes = things(loss)
    labels = []
    for node in nodes:
        label = known.get(id(node)) or _complement(node, nodes, known)
        if not label and node is loss:
            label = next((name for name in ("loss", "L") if name not in taken), "")
        while not label or (id(node) not in known and label in taken):
            kind = (
                "t"
                if type(node) is Tensor and node.op
                else "p"
                if type(node) is Tensor and node.requires_grad
                else "c"
            )
            counts[kind] += 1
            label = f"{letters[kind]}{counts[kind]}"
        taken.add(label)
        labels.append(label)
    return labels


def _complement(node: Any, nodes: Sequence[Any], known: Mapping[int, str]) -> str:
    """`1 - y` for a constant that is 1 minus a named one."""
    if _is_variable(node) or not np.ndim(node):
        return ""
    value = value_of(node)
    for other in nodes:
        if (
            id(other) in known
            and not _is_variable(other)
            and np.array_equal(value, 1.0 - value_of(other))
        ):
            return f"1 − {unicode_name(known[id(other)])}"
    return ""


def _is_variable(node: Any) -> bool:
    return type(node) is Tensor and (node.requires_grad or node.op is not None)


def parts_of(label: str) -> list[str]:
    """A label as the page sets it: base and index, `w2` as w with a small 2 below."""
    text = unicode_name(label)
    if text.startswith("‘") or not re.fullmatch(r"\w+", label):
        return [label, ""]
    found = re.fullmatch(r"([^₀-₉_]+)([₀-₉]*)_?(.*)", text)
    if found is None:
        return [text, ""]
    return [found[1], ",".join(filter(None, (found[2].translate(_DIGITS), found[3])))]


_DIGITS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


def plain(label: str) -> str:
    """A label in a sentence."""
    return unicode_name(label) if re.fullmatch(r"\w+", label) else label


class Notation:
    """The formulas of one graph; `index` is the place of each node, by id."""

    def __init__(self, index: Mapping[int, int]) -> None:
        self.index = index

    def call(self, t: Tensor) -> Tokens:
        """The op on its operands."""
        letters = {id(a): letter for a, letter in zip(t.args, _letters(len(t.args)), strict=True)}
        text = Formula([t], letters, {a for a in t.args if type(a) is Tensor}, bare=True).unicode
        return self._tokens(
            text, t, {letter: a for a, letter in zip(t.args, _letters(len(t.args)), strict=True)}
        )

    def rule(self, t: Tensor, i: int) -> tuple[Tokens, Factor | None, Tokens]:
        """The rule of operand `i` as a formula.

        And the factor that it multiplies the gradient with, if it does, and its formula.
        """
        assert t.op is not None
        called = parameters(t.op.textbook(i, t), len(t.args))
        g, y, *operands = _letters(len(called))
        formula = local_derivative(t, i, dict(zip(called, (g, y, *operands), strict=True)))
        meaning = {g: None, y: t, **dict(zip(operands, t.args, strict=True))}
        *more, line = formula.equations("unicode")
        where = f"  where {', '.join(map(str, more))}" if more else ""
        factor = factored(line.tensor, g, t.shape)
        return (
            self._tokens(line.right + where, t, meaning),
            factor,
            self._tokens(factor.text, t, meaning) if factor else [],
        )

    def _tokens(self, text: str, t: Tensor, meaning: Mapping[str, Any]) -> Tokens:
        """A formula in letters, with the letters replaced by what they stand for."""
        found: Tokens = []
        for sign in text:
            token: Any = sign
            if sign in meaning:
                node = meaning[sign]
                token = GRADIENT if node is None else self.index.get(id(node), _number(node))
            if isinstance(token, str) and found and isinstance(found[-1], str):
                found[-1] += token
            else:
                found.append(token)
        return found


def _letters(count: int) -> list[str]:
    return [chr(_FIRST + k) for k in range(count)]


def _number(value: Any) -> str:
    return LANGUAGES["unicode"].number(value).text if np.ndim(value) == 0 else "?"


# -- the factor in a rule --------------------------------------------------------------------------

_MOVES = frozenset(("broadcast", "reshape"))  # kinds that spread a gradient, and change no number


def factored(gx: Tensor, g: str, shape: tuple[int, ...]) -> Factor | None:
    """What a rule, run on symbols, multiplies the one called `g` with.

    None if it does something else with it.
    """
    spine = _spine(gx, g)
    if spine is None:
        return None
    while spine and _fits(spine[0][0]) and spine[0][0].args[0].shape == shape:
        spine = spine[1:]  # the sum over what was stretched
    if len(spine) == 1 and spine[0][0].op.kind == "contraction":
        t, k = spine[0]
        other = t.args[1 - k]
        return Factor("right" if k == 0 else "left", _written(other), value_of(other))
    local: Any = None
    moved: tuple[int, ...] | None = None
    for t, k in reversed(spine):
        scaled = t.op.scales(local, t.args, k) if t.op.scales is not None else None
        if scaled is not None:
            local = scaled
        elif t.op.kind not in _MOVES or (local is not None and np.ndim(local)):
            return None
        elif t.op.kind == "reshape":
            moved = t.shape
    local = 1.0 if local is None else local
    return Factor("times", _written(local), value_of(local), moved)


def _fits(t: Any) -> bool:
    """Whether the op is one by which the backward walk fits a gradient after the rule."""
    return t.op.reduces is np.add or t.op.kind in ("reshape", "conversion")


def _spine(gx: Tensor, g: str) -> list[tuple[Any, int]] | None:
    """The steps from a rule's result back to `g`: the result, and which operand leads on.

    None if more than one does, or none.
    """
    order = ancestors(gx)
    holds = {id(t) for t in order if t.is_leaf and t.name == g}
    for t in order:
        if any(id(a) in holds for a in t.args):
            holds.add(id(t))
    steps = []
    while gx.op is not None:
        places = [k for k, a in enumerate(gx.args) if id(a) in holds]
        if len(places) != 1:
            return None
        steps.append((gx, places[0]))
        gx = gx.args[places[0]]
    return steps if id(gx) in holds else None


def _written(value: Any) -> str:
    if type(value) is not Tensor:
        return _number(value) if np.ndim(value) == 0 else "?"
    names = names_of([value], variables=False)
    return Formula([value], names, lines=True, bare=True, tidy=True).equations("unicode")[-1].right


def text_of(tokens: Iterable[Any], labels: Sequence[str]) -> str:
    """A formula in plain text, for its length and for screen readers.

    A name that is a sum, such as 1 − y, stands in parentheses.
    """
    pieces = list(tokens)
    texts = []
    for i, token in enumerate(pieces):
        text = (
            token if isinstance(token, str) else "g" if token == GRADIENT else plain(labels[token])
        )
        before, after = (str(pieces[k]) if 0 <= k < len(pieces) else "" for k in (i - 1, i + 1))
        is_sum = not isinstance(token, str) and len(pieces) > 1 and re.search(" [−+] ", text)
        texts.append(
            f"({text})" if is_sum and not (before.endswith("(") and after.startswith(")")) else text
        )
    return "".join(texts)
