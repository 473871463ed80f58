"""A diagram as a page of its own: the SVG, and below it the same as text."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from .render import GraphvizMissing

if TYPE_CHECKING:
    from .picture import Picture

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ margin: 1rem; font-family: system-ui, sans-serif; background: {paper}; color: {ink}; }}
h1 {{ font-size: 1.1rem; }}
figure {{ margin: 0; overflow: auto; }}
svg {{ max-width: 100%; height: auto; }}
pre {{ overflow: auto; font-size: .85rem; }}
</style>
</head>
<body>
<h1>{title}</h1>
<figure>{figure}</figure>
<details{opened}><summary>As text</summary>
<pre>{text}</pre>
</details>
</body>
</html>
"""


def page(picture: Picture) -> str:
    """The page; without a program that draws it holds the text, and says what to install."""
    try:
        figure, opened = picture.svg[picture.svg.index("<svg") :], ""
    except GraphvizMissing as error:
        figure, opened = f"<p>{escape(str(error))}</p>", " open"
    theme = picture.theme
    return _PAGE.format(
        title=escape(picture.diagram.title), paper=theme.paper, ink=theme.ink, figure=figure, opened=opened, text=escape(picture.text)
    )
