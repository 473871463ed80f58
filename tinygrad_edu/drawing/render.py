"""DOT to SVG, PNG and PDF: by `dot`, else by `graphviz-pure`, which pip can install."""

from __future__ import annotations

import re
import subprocess
import sys
from html import escape
from pathlib import Path
from shutil import which

# signs that the font of graphviz-pure, which it uses in pixels only, does not have
_DRAWABLE = str.maketrans(
    {
        "⊙": "◦",
        "∧": "&",
        "∨": "|",
        "⋯": "…",
        "⌊": "[",
        "⌋": "]",
        "⌈": "[",
        "⌉": "]",
        "∛": "³√",
        "‘": "'",
        "’": "'",
    }
)


class GraphvizMissing(RuntimeError):
    """No program that lays out DOT was found."""


def program() -> str | None:
    """The program that renders DOT.

    It is from PATH, or from beside the Python interpreter, where pip puts it.
    """
    return (
        which("dot")
        or which("graphviz-pure")
        or which("graphviz-pure", path=str(Path(sys.executable).parent))
    )


def render(source: str, kind: str, dpi: int = 144) -> bytes:
    """The picture of a DOT source: kind is svg, png or pdf; `dpi` is the resolution of a png."""
    command = program()
    if command is None:
        raise GraphvizMissing(
            f"a .{kind} needs Graphviz: run `pip install graphviz-pure`, "
            "or install the system package graphviz; "
            "without it save the picture as .txt, .dot, .md or .tex"
        )
    if kind == "png":
        source = source.replace("{", f"{{\n  dpi={dpi}", 1)
    if Path(command).stem == "dot":
        from graphviz import pipe

        return bytes(pipe("dot", kind, source.encode()))
    if kind == "png":
        source = source.translate(_DRAWABLE)
    done = subprocess.run(
        [command, f"-T{kind}"], input=source.encode(), capture_output=True, check=False
    )
    if done.returncode or not done.stdout:
        reason = done.stderr.decode(errors="replace").strip()
        if kind == "pdf" and "not recognized" in reason:
            raise GraphvizMissing(
                "graphviz-pure writes no .pdf: install the system package graphviz, "
                "or save the picture as .svg"
            )
        raise RuntimeError(f"{Path(command).name} could not draw the graph: {reason[-500:]}")
    return done.stdout


def accessible(svg: str, title: str, description: str) -> str:
    """The SVG with a role, a title and a description for screen readers.

    It is without what depends on the program that drew it.
    """
    svg = re.sub(r"<!--.*?-->\n?", "", svg, flags=re.DOTALL)
    svg = re.sub(
        r'font-family="Helvetica[^"]*"',
        'font-family="Helvetica, Arial, Liberation Sans, DejaVu Sans Condensed, sans-serif"',
        svg,
    )
    svg = re.sub(r"<title>.*?</title>\n?", "", svg, flags=re.DOTALL)
    texts = f"<title>{escape(title)}</title>\n<desc>{escape(description)}</desc>\n"
    return re.sub(
        r"(<svg)([^>]*>)",
        lambda found: f'{found[1]} role="img" aria-label="{escape(title)}"{found[2]}\n{texts}',
        svg,
        count=1,
    )
