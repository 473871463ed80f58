"""What `explain` gives: the chain rule link by link, as text, Markdown, LaTeX and HTML."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from ..notation.document import (
    EQUALS,
    PLUS,
    TIMES,
    Block,
    Display,
    Document,
    Gap,
    Item,
    Items,
    Math,
    Row,
    Sentence,
    Table,
    array,
    joined,
    number,
    words,
)
from ..notation.printing import printable
from ..notation.reasons import shape
from .chain import Chain, Link, Total, product
from .folding import Fold, folded


class Explanation:
    """What `explain` gives.

    Printed it is text; `.markdown`, `.latex` and `.html` say the same for other places.
    """

    def __init__(self, chains: Sequence[Chain]) -> None:
        self.chains = list(chains)

    @cached_property
    def _documents(self) -> list[Document]:
        return [
            Document(_of_numbers(chain) if chain.is_scalar else [_of_arrays(chain)])
            for chain in self.chains
        ]

    def __str__(self) -> str:
        return printable("\n\n".join(document.text() for document in self._documents))

    def __repr__(self) -> str:
        return str(self)

    @property
    def markdown(self) -> str:
        """Markdown with LaTeX between dollar signs, as notebooks and code hosts show it."""
        return "\n\n".join(document.markdown() for document in self._documents)

    @property
    def latex(self) -> str:
        """Aligned equations, one set for each tensor that was asked for (needs amsmath)."""
        return "\n\n".join(document.latex() for document in self._documents)

    @property
    def html(self) -> str:
        """A piece of a web page, without scripts."""
        return (
            '<div class="explanation">\n'
            + "\n".join(document.html() for document in self._documents)
            + "\n</div>\n"
        )

    def _repr_markdown_(self) -> str:
        return self.markdown


# -- numbers: factors and their product ------------------------------------------------------------


def _of_numbers(chain: Chain) -> list[Block]:
    """The chain rule in symbols, a row for each factor, and the product.

    Where there are several paths, each one's, and the sum.
    """
    paths = [folded(path) for path in chain.paths()]
    rows = [_row(link) for link in dict.fromkeys(link for path in paths for link in path)]
    if len(rows) == 1:
        return [Table(rows)]
    whole = chain.derivative(chain.loss, chain.wrt)
    value = number(chain.gradients[chain.wrt].item())
    headline = whole.then(
        EQUALS, joined([joined([_symbol(link) for link in path], TIMES) for path in paths], PLUS)
    )
    last = [whole.then(EQUALS, _numbers(path), EQUALS, value) for path in paths]
    if len(paths) > 1:
        products = [number(product(_values(path))) for path in paths]
        last = [_through(chain, path, total) for path, total in zip(paths, products, strict=True)]
        last += [whole.then(EQUALS, joined(products, PLUS), EQUALS, value)]
    return [Display(headline), Table(rows), *map(Display, last)]


def _row(link: Link | Fold) -> Row | Gap:
    if isinstance(link, Fold):
        return Gap(
            (
                f"... {len(link.links)} equal steps, their product is ",
                number(product(_values([link]))),
                " ...",
            )
        )
    source = link.source.then(EQUALS, number(link.by.item()))
    return Row(link.left, link.formula, number(link.value.item()), source, _places(link))


def _symbol(link: Link | Fold) -> Math:
    if isinstance(link, Fold):
        return Math(
            f"... {len(link.links)} more ...", rf"\underbrace{{\cdots}}_{{{len(link.links)}}}"
        )
    return link.left


def _numbers(path: Sequence[Link | Fold]) -> Math:
    return joined([number(product(_values([link]))) for link in path], TIMES)


def _values(path: Sequence[Link | Fold]) -> list[Any]:
    return [link.value for f in path for link in (f.links if isinstance(f, Fold) else [f])]


def _through(chain: Chain, path: Sequence[Link | Fold], total: Math) -> Math:
    """What one path contributes."""
    between = [link.of for link in path[:-1] if isinstance(link, Link)]
    way = (
        words("directly: ")
        if not between
        else words("through ").then(
            joined([chain.name(t) for t in between], Math(", ", ", ")), ": "
        )
    )
    return way.then(_numbers(path), EQUALS, total) if len(path) > 1 else way.then(total)


def _places(link: Link) -> list[Sentence]:
    """If a tensor stands in an equation more than once: what comes from each place."""
    if not link.uses:
        return []
    formulas, values = [
        joined(terms, PLUS)
        for terms in zip(*((f, number(v.flat[0])) for f, v in link.uses), strict=True)
    ]
    total = (
        formulas
        if formulas == values or link.chain.gradients[link.of].ndim
        else formulas.then(EQUALS, values)
    )
    return [(link.chain.name(link.of), f" stands there {len(link.uses)} times: ", total)]


# -- arrays: step by step --------------------------------------------------------------------------


def _of_arrays(chain: Chain) -> Items:
    """The gradient at every tensor on the way, with its shape and the reasons for its form."""
    items: list[Item | Gap] = []
    place = 1
    for step in folded(chain.steps()):
        if isinstance(step, Fold):
            items.append(Gap((f"... {len(step.links)} equal steps ...",)))
            place += len(step.links)
            continue
        items.append(_item(chain, step, place))
        place += 1
    title = chain.derivative(chain.loss, chain.wrt)
    return Items(
        (
            title,
            f" of shape {shape(chain.wrt)}, step by step" if chain.wrt.ndim else ", step by step",
        ),
        items,
    )


def _item(chain: Chain, step: Link | Total, place: int) -> Item:
    value = chain.gradients[step.of] if isinstance(step, Total) else step.value
    if isinstance(step, Total):
        return Item(
            place,
            ("all that comes to ", chain.name(step.of), ", added up"),
            step.left,
            None,
            array(value),
        )
    return Item(
        place,
        ("from ", step.source),
        step.left,
        step.formula,
        array(value),
        [*_places(step), *step.reasons],
    )
