"""A diagram as a page of its own: the SVG, and below it the same as text."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from .render import GraphvizMissing
from .themes import Theme

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


def page(title: str, text: str, theme: Theme, draw: Callable[[], str]) -> str:
    """The page, with the SVG that `draw` gives.

    Where no program can draw it, the page shows the text, and says what to install.
    """
    try:
        svg = draw()
        figure, opened = svg[svg.index("<svg") :], ""
    except GraphvizMissing as error:
        figure, opened = f"<p>{escape(str(error))}</p>", " open"
    return _PAGE.format(
        title=escape(title),
        paper=theme.paper,
        ink=theme.ink,
        figure=figure,
        opened=opened,
        text=escape(text),
    )
