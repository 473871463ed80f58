"""One forward and one backward pass as the steps of the page, with the engine's own numbers."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from ..engine.backward import pulled_back, unbroadcast
from ..engine.tensor import Tensor
from ..graph import ancestors, asks, value_of
from ..notation.document import Math, Sentence, named
from ..notation.reasons import of_use
from .layout import arranged
from .notation import Notation, labels_of, parts_of, plain, text_of, things
from .numbers import Pool

Step = dict[str, Any]
MANY = 2_000  # ops, from which on a page takes longer than one would wait


class Pass:
    """The steps of one pass.

    They refer to numbers by place in `.numbers`: another pass of the same graph has equal steps.
    `texts` holds what was written down for the steps of an earlier pass of the same graph.
    """

    def __init__(
        self, loss: Tensor, labels: list[str], texts: dict[Any, Any] | None = None
    ) -> None:
        self.numbers: list[Any] = []
        self.nodes = things(loss)
        self.labels = labels
        self._index = {id(node): k for k, node in enumerate(self.nodes)}
        self._notation = Notation(self._index)
        self._texts = {} if texts is None else texts
        self.values = [self._keep(value_of(node)) for node in self.nodes]
        forward = [self._forward(t) for t in self.nodes if type(t) is Tensor and t.op]
        with np.errstate(all="ignore"):  # whoever computed the loss has seen the warnings
            backward = self._backward(loss)
        self.steps: list[Step] = [{"kind": "start"}, *forward, *backward, {"kind": "end"}]

    @property
    def texts(self) -> dict[Any, Any]:
        """What was written down, to be used again."""
        return self._texts

    def _keep(self, array: Any) -> int:
        self.numbers.append(array)
        return len(self.numbers) - 1

    def _forward(self, t: Tensor) -> Step:
        place = self._index[id(t)]
        if place not in self._texts:
            self._texts[place] = self._notation.call(t)
        return {"kind": "forward", "node": place, "formula": self._texts[place]}

    def _backward(self, loss: Tensor) -> list[Step]:
        """The engine's walk, newest first.

        At each op there is what its rules give, and how the sums grow.
        """
        total = Counter(
            id(a)
            for t in self.nodes
            if type(t) is Tensor
            for i, a in enumerate(t.args)
            if asks(t, i)
        )
        count: Counter[int] = Counter()
        sums: dict[int, Any] = {}
        kept: dict[int, int] = {}  # where the latest sum is among the numbers
        steps: list[Step] = []
        for t, g in loss.adjoints():
            if t.op is None:
                continue
            here = kept[id(t)] if id(t) in kept else self._keep(g)
            if t is loss:
                steps.append({"kind": "seed", "node": self._index[id(t)], "gradient": here})
            step: Step = {
                "kind": "backward",
                "node": self._index[id(t)],
                "gradient": here,
                "uses": [],
            }
            for i, raw in pulled_back(t, g):
                a = t.args[i]
                part = np.asarray(unbroadcast(raw, a, t))
                before = kept.get(id(a))
                sums[id(a)] = sums[id(a)] + part if id(a) in sums else part
                count[id(a)] += 1
                use = self._use(t, i, g, np.asarray(raw))
                use |= {"part": self._keep(part), "count": count[id(a)], "of": total[id(a)]}
                if np.shape(raw) != part.shape:
                    use["raw"] = self._keep(np.asarray(raw))
                kept[id(a)] = use["part"] if before is None else self._keep(sums[id(a)])
                use |= {"sum": kept[id(a)]} | ({} if before is None else {"before": before})
                step["uses"].append(use)
            steps.append(step)
        return steps

    def _use(self, t: Tensor, i: int, g: Any, raw: Any) -> Step:
        """What is said of the way of the gradient `g` to operand `i`, where it becomes `raw`."""
        place = self._index[id(t.args[i])]
        rule, factor, local = self._notation.rule(t, i)
        use: Step = {
            "node": place,
            "rule": rule,
            "why": [sentence(why) for why in of_use(t, i, np.shape(raw), self._called)],
        }
        if factor is None:
            return use
        arrives = (
            g
            if factor.shape is None or np.size(g) != prod(factor.shape)
            else np.reshape(g, factor.shape)
        )
        if factor.how == "times" and not _is_product(arrives, factor.value, raw):
            return use  # another way of writing the rule: the formula and the result say it all
        use |= {"how": factor.how, "local": local, "factor": self._keep(factor.value)}
        return use | ({"arrives": self._keep(arrives)} if arrives is not g else {})

    def _called(self, x: Any) -> Math | None:
        """What a sentence calls a node."""
        return named(self.labels[self._index[id(x)]]) if id(x) in self._index else None


def _is_product(g: Any, factor: Any, raw: Any) -> bool:
    """Whether a reader who multiplies the two, entry by entry, gets `raw`.

    Two numbers may be spread over an array.
    """
    try:
        product = np.asarray(g * factor)
    except ValueError:
        return False
    is_spread = product.ndim == 0
    return (product.shape == raw.shape or is_spread) and bool(
        np.allclose(product, raw, rtol=1e-5, equal_nan=True)
    )


def sentence(why: Sentence) -> str:
    """Words and mathematics as a sentence, with a capital letter and a full stop.

    Names stay as they are.
    """
    first, *rest = why
    begin = first.unicode if isinstance(first, Math) else first[0].upper() + first[1:]
    return begin + "".join(w.unicode if isinstance(w, Math) else w for w in rest) + "."


def graph(played: Pass) -> dict[str, Any]:
    """The nodes and edges of the page, with their places on the plane."""
    labels = played.labels
    texts = {
        step["node"]: text_of(step["formula"], labels)
        for step in played.steps
        if step["kind"] == "forward"
    }
    index = {id(node): k for k, node in enumerate(played.nodes)}
    nodes = []
    last = len(played.nodes) - 1
    for k, node in enumerate(played.nodes):
        is_tensor = type(node) is Tensor
        kind = "output" if k == last else _kind(node)
        nodes.append({
            "name": parts_of(labels[k]), "plain": plain(labels[k]), "kind": kind,
            "shape": [int(n) for n in np.shape(node)],
            "value": played.values[k], "text": texts.get(k, ""),
        })  # fmt: skip
        if is_tensor and node.requires_grad:
            nodes[-1]["asks"] = 1
    return arranged(
        nodes,
        [
            (index[id(a)], k)
            for k, t in enumerate(played.nodes)
            if type(t) is Tensor
            for a in t.args
            if id(a) in index
        ],
    )


def _kind(node: Any) -> str:
    if type(node) is not Tensor:
        return "constant"
    return "step" if node.op else "parameter" if node.requires_grad else "constant"


def single(loss: Tensor, names: Mapping[Any, Any] | None) -> dict[str, Any]:
    """The data of a page that plays one pass."""
    if loss.op is None:
        raise ValueError(
            f"{loss.label()} is a leaf: nothing was computed, so there is nothing to play; "
            "give the loss, tg.play(loss)"
        )
    steps = sum(t.op is not None for t in ancestors(loss))
    if steps > MANY:
        warnings.warn(
            f"a page of {steps} ops takes minutes to make and to read: play a part of it, "
            "or tg.draw(loss), which folds what repeats",
            stacklevel=3,
        )
    labels = labels_of(loss, names)
    played, pool = Pass(loss, labels), Pool()
    places = [pool.add(array) for array in played.numbers]
    return {
        "title": f"Backpropagation of {plain(labels[-1])}",
        **graph(played),
        "steps": played.steps,
        "passes": [places],
        "arrays": pool.arrays,
    }
