"""One self-contained HTML file: the data of a page, and what shows it."""

from __future__ import annotations

from base64 import b64encode
from functools import cached_property
from hashlib import sha256
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from ..files import write
from .numbers import embedded

if TYPE_CHECKING:
    from os import PathLike

SCRIPTS = ("numbers.js", "graph.js", "steps.js", "training.js", "player.js")


class Page:
    """What `player` gives.

    `.save(path)` writes the HTML file, `.html` is its text, and a notebook shows it.
    """

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data

    @cached_property
    def html(self) -> str:
        """The page. Its policy lets nothing be loaded, and no script run but its own."""
        files = resources.files(__package__)
        css = files.joinpath("player.css").read_text(encoding="utf-8")
        js = "".join(files.joinpath(name).read_text(encoding="utf-8") for name in SCRIPTS)
        page = Template(files.joinpath("page.html").read_text(encoding="utf-8"))
        return page.substitute(
            title=escape(self.data["title"]),
            css=css,
            js=js,
            css_hash=_hash(css),
            js_hash=_hash(js),
            data=embedded(self.data),
        )

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the page; give the path back."""
        path = Path(path)
        if path.suffix.lower() not in (".html", ".htm"):
            raise ValueError(
                f"a player page is saved as .html, not as {path.name!r}: "
                "write page.save('player.html')"
            )
        return write(path, self.html)

    def _repr_html_(self) -> str:
        style = "width:100%;height:46rem;border:1px solid #8888;border-radius:6px"
        title, page = escape(self.data["title"]), escape(self.html)
        about = f'title="{title}" sandbox="allow-scripts" style="{style}"'
        return f'<iframe {about} srcdoc="{page}"></iframe>'

    def __repr__(self) -> str:
        size = f"{len(self.data['steps'])} steps"
        return f"<Page: {self.data['title']}, {size}; .save('player.html') to see it>"


def _hash(text: str) -> str:
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()
