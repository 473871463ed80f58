"""What `draw` returns: a diagram, a theme, a direction, and the formats it is written in."""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..notation.printing import printable

if TYPE_CHECKING:
    from os import PathLike
    from pathlib import Path

    from .diagram import Diagram
    from .themes import Theme

# boxes, from which on a .png has half the resolution: its size in pixels is what takes time
FINE = 60
FORMATS = (".svg", ".png", ".pdf", ".dot", ".html", ".txt", ".md", ".tex")


class Picture:
    """A drawn graph.

    `.source` is DOT, `.save(path)` writes the format that the suffix names, a notebook shows it as
    it is.
    """

    def __init__(self, diagram: Diagram, theme: Theme, direction: str) -> None:
        self.diagram, self.theme, self.direction = diagram, theme, direction

    @cached_property
    def source(self) -> str:
        """The picture in DOT, the language of Graphviz."""
        from .dot import source

        return source(self.diagram, self.theme, self.direction)

    @cached_property
    def svg(self) -> str:
        """The picture as SVG, with a title and a description for screen readers."""
        from .render import accessible, render
        from .text import tree

        self._say_if_slow()
        return accessible(
            render(self.source, "svg").decode(), self.diagram.title, tree(self.diagram)
        )

    def _say_if_slow(self) -> None:
        """Warn before Graphviz works for minutes."""
        if self.diagram.is_huge:
            warnings.warn(
                f"the layout of {len(self.diagram.boxes)} boxes can take minutes: "
                "leave out expand=True, "
                'draw detail="equations", or save the picture as .txt',
                stacklevel=4,
            )

    @property
    def text(self) -> str:
        """The picture as a tree of text, which needs no other program."""
        from .text import tree

        return tree(self.diagram)

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the picture in the format that the path's suffix names; give the path back.

        Formats are .svg .png .pdf .dot .html .txt .md .tex. Where no Graphviz is found for one that
        needs it, a warning says so, and the text tree is written beside it, as x.svg.txt.
        """
        from pathlib import Path  # 5 ms that only those who save need

        from ..files import write
        from .render import GraphvizMissing

        path = Path(path)
        try:
            content = self._content(path.suffix.lower())
        except GraphvizMissing as missing:
            path, content = path.with_name(f"{path.name}.txt"), f"{self.text}\n\n{missing}\n"
            warnings.warn(f"{missing}; {path.name} has the picture as text", stacklevel=2)
        if content is None:
            raise ValueError(
                f"a picture is saved as {' '.join(FORMATS)}, not as {path.name!r}: "
                "write picture.save('graph.svg')"
            )
        return write(path, content)

    def _content(self, suffix: str) -> str | bytes | None:
        from . import mermaid, page, render, tikz

        if suffix == ".svg":
            return self.svg
        if suffix in (".png", ".pdf"):
            self._say_if_slow()
            return render.render(
                self.source, suffix[1:], dpi=144 if len(self.diagram.boxes) < FINE else 72
            )
        if suffix == ".html":
            return page.page(self.diagram.title, self.text, self.theme, lambda: self.svg)
        if suffix == ".md":
            return mermaid.markdown(self.diagram, self.direction)
        if suffix == ".tex":
            return tikz.document(self.diagram, self.direction)
        return (
            {".dot": self.source, ".gv": self.source, ".txt": self.text}.get(suffix)
            if suffix in (".dot", ".gv", ".txt")
            else None
        )

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from .render import GraphvizMissing

        try:
            svg = self.svg
            # a wide picture is scrolled, not cut, and on the paper that its colours are made for
            style = f"overflow-x:auto;background:{self.theme.paper};border-radius:6px"
            frame = f'<div style="{style}">{svg[svg.index("<svg") :]}</div>'
            return {"text/html": frame, "image/svg+xml": svg, "text/plain": self.text}
        except GraphvizMissing as error:
            return {"text/plain": f"{self.text}\n({error})"}

    def __str__(self) -> str:
        return printable(self.text)

    def __repr__(self) -> str:
        size = f"{len(self.diagram.boxes)} boxes"
        return f"<Picture: {self.diagram.title}, {size}; .save('graph.svg') to see it>"
