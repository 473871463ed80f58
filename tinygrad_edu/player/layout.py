"""Where the boxes of the page stand: by Graphviz if it is there, else in plain layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..drawing import render
from ..drawing.diagram import ranks
from .layers import layered

HEIGHT, MARGIN = 46, 8  # pixels
# layers that all edges together may pass, for Graphviz to be asked: its time grows with the square
# of it
MOST = 1200
LONG = 30  # characters of a label


def arranged(nodes: list[dict[str, Any]], pairs: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """The nodes with centre and width, the paths, the edges, and the size of the plane.

    An edge is `[tail, head, their paths]`.
    """
    for node in nodes:
        node["w"] = width(node)
    widths = [node["w"] for node in nodes]
    centres, curves, routes, size = by_graphviz(widths, pairs) or layered(widths, HEIGHT, pairs)
    for node, (x, y) in zip(nodes, centres, strict=True):
        node["x"], node["y"] = tenth(x + MARGIN), tenth(y + MARGIN)
    edges = [[*pair, route] for pair, route in zip(pairs, routes, strict=True)]
    return {
        "nodes": nodes,
        "edges": edges,
        "paths": [path_of(points) for points in curves],
        "size": [tenth(n + 2 * MARGIN) for n in size],
    }


def width(node: Mapping[str, Any]) -> int:
    """The width of a box, in pixels: of its label, or of value and gradient side by side."""
    label = len(node["plain"]) + (len(node["text"]) + 3 if node["text"] else 0)
    numbers = 84 + round(6.5 * len(str(node["shape"]))) if node["shape"] else 152
    return max(84, numbers if "asks" in node else numbers - 30, 22 + 8 * min(label, LONG))


def tenth(x: float) -> float:
    """A coordinate, in tenths of a pixel."""
    return round(float(x) * 10) / 10


def path_of(points: Sequence[tuple[float, float]]) -> str:
    """A Bézier curve as the path of an SVG."""
    texts = [f"{tenth(x + MARGIN):g} {tenth(y + MARGIN):g}" for x, y in points]
    return f"M{texts[0]}C{' '.join(texts[1:])}"


def by_graphviz(widths: Sequence[int], pairs: Sequence[tuple[int, int]]) -> Any:
    """Centres, curves, routes and size as Graphviz lays them out, y downwards.

    None where it is missing, or too slow.
    """
    rank = ranks(len(widths), pairs)
    if render.program() is None or sum(rank[head] - rank[tail] for tail, head in pairs) > MOST:
        return None
    boxes = "".join(f"n{k}[width={w / 72:.4f}];" for k, w in enumerate(widths))
    arrows = "".join(f"n{tail}->n{head};" for tail, head in pairs)
    look = f'node[shape=box,fixedsize=true,height={HEIGHT / 72:.4f},label=""];edge[arrowhead=none];'
    try:
        text = render.render(
            f"digraph{{graph[nodesep=.25,ranksep=.42,ordering=in];{look}{boxes}{arrows}}}", "plain"
        ).decode()
    except RuntimeError:
        return None
    return read(text, len(widths), pairs)


def read(text: str, count: int, pairs: Sequence[tuple[int, int]]) -> Any:
    """Graphviz's `plain` format, in pixels."""
    height, across = 0.0, 0.0
    centres = [(0.0, 0.0)] * count
    curves: dict[tuple[int, int], list[list[tuple[float, float]]]] = {}
    for line in text.splitlines():
        kind, *words = line.split()
        if kind == "graph":
            across, height = 72 * float(words[1]), 72 * float(words[2])
        elif kind == "node":
            centres[int(words[0][1:])] = (72 * float(words[1]), height - 72 * float(words[2]))
        elif kind == "edge":
            n = int(words[2])
            numbers = [72 * float(word) for word in words[3 : 3 + 2 * n]]
            points = [(x, height - y) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
            curves.setdefault((int(words[0][1:]), int(words[1][1:])), []).append(points)
    return (
        centres,
        [curves[pair].pop() for pair in pairs],
        [[k] for k in range(len(pairs))],
        (across, height),
    )
