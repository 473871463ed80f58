"""Pictures: what they must show, that they never fail, and that no name is more than a label."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from counting import growth

import tinygrad_edu as tg
from tinygrad_edu.drawing import Picture, draw, render
from tinygrad_edu.drawing.arrays import heat, inline, is_small, number

DETAILS = ["ops", "equations", "chain"]
SUFFIXES = [".svg", ".png", ".dot", ".html", ".txt", ".md", ".tex"]
HOSTILE = [
    '"><script>alert(1)</script>',
    "</title><script>alert(1)</script>",
    r"\input{x}",
    "a\\",
    "-->",
    "%s {x} #1;",
    "|x|]]",
    "\n\x00",
    "```",
    "&lt;b&gt;",
    "",
]


def perceptron(backward=True):
    """The OR perceptron of article 001."""
    X = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    y = np.array([[0.0], [1], [1], [1]])
    W = tg.Tensor([[0.1], [0.2]], requires_grad=True, name="W")
    b = tg.Tensor([0.3], requires_grad=True, name="b")
    z = (X @ W + b).named("z")
    o = z.sigmoid().named("o")
    E = (0.5 * ((o - y) ** 2).sum()).named("E")
    if backward:
        E.backward()
    return (
        draw(E, names={"X": X, "y": y}),
        draw(E, names={"X": X, "y": y}, detail="equations"),
        draw(E, detail="chain", wrt=W),
    )


def formulas(picture):
    return {box.name: box.formula.unicode for box in picture.diagram.boxes if box.formula}


def notes(picture):
    return {note.unicode for box in picture.diagram.boxes for note in box.notes}


def test_names_come_from_the_tensor_then_from_names_then_from_the_callers_variables():
    a, b, c = (tg.Tensor(v, requires_grad=True) for v in (1.0, 2.0, 3.0))
    a.name = "own"
    rates = {"momentum": tg.Tensor(0.9, requires_grad=True)}
    total = a * b * c * rates["momentum"]
    assert [
        box.name
        for box in draw(total, names={"given": b, "not used": a}).diagram.boxes
        if box.is_named
    ] == [
        "own",
        "given",
        "c",
        "momentum",
        "total",
    ]
    assert [box.name for box in draw(total, names={b: "given"}).diagram.boxes if box.is_named][
        1
    ] == "given"
    with pytest.raises(TypeError, match="names is"):
        draw(total, names={1: b})


def test_equations_read_like_the_code_and_their_gradients_like_the_article():
    _, equations, chain = perceptron()
    assert formulas(equations) == {"z": "X W + b", "o": "σ(z)", "E": "0.5·Σ (o − y)²"}
    assert notes(equations) == {
        "∂W = Xᵀ ∂z",
        "∂b = Σ_rows ∂z",
        "∂z = ∂o ⊙ o ⊙ (1 − o)",
        "∂o = ∂E · 0.5 ⊙ (2·(o − y))",
    }
    assert [box.name for box in chain.diagram.boxes] == ["W", "z", "o", "E"]


def test_every_op_has_its_local_derivative():
    ops, _, _ = perceptron()
    assert formulas(ops) == {
        "t1": "X W",
        "z": "t₁ + b",
        "o": "σ(z)",
        "t2": "o − y",
        "t3": "t₂²",
        "t4": "Σ t₃",
        "E": "0.5·t₄",
    }
    assert {
        "∂W = Xᵀ ∂t₁",
        "∂b = Σ_rows ∂z",
        "∂z = ∂o ⊙ o ⊙ (1 − o)",
        "∂t₂ = ∂t₃ ⊙ (2·t₂)",
    } <= notes(ops)


@pytest.mark.parametrize("which", range(3))
def test_what_arrives_along_the_edges_adds_up_to_the_gradient(which):
    picture = perceptron()[which]
    boxes = {box.key: box for box in picture.diagram.boxes}
    for box in boxes.values():
        parts = [
            arrow.part
            for arrow in picture.diagram.arrows
            if arrow.tail == box.key and arrow.part is not None
        ]
        if box.wants_grad and box.kind != "output":
            np.testing.assert_allclose(np.sum(parts, axis=0), box.grad)


def test_three_uses_show_their_sum():
    x = tg.Tensor(2.0, requires_grad=True)
    y = x * x * 0.5 + x * 3.0 + 2.0
    y.backward()
    picture = draw(y)
    assert "1 + 1 + 3 = 5" in picture.source
    assert "gradient 1 + 1 + 3 = 5" in picture.text
    assert picture.source.count(" -> n2\n") == 2  # x * x is two edges


def test_not_computed_differs_from_zero():
    x = tg.Tensor(0.0, requires_grad=True)
    y = x * x
    assert "gradient not computed" in draw(y).text
    assert "there was no backward()" in draw(y).source
    assert all(arrow.part is None for arrow in draw(y).diagram.arrows)
    y.backward()
    assert "gradient 0 + 0 = 0" in draw(y).text
    assert "not computed" not in draw(y).source
    with tg.no_grad():
        x += 1.0  # what the rules would give now is not what was added then
    assert all(arrow.part is None for arrow in draw(y).diagram.arrows)


def test_constants_appear_numbers_in_formulas_and_arrays_in_boxes():
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    data = np.array([3.0, 4.0])
    y = data * x - 0.25 + np.array([5.0, 6.0])
    picture = draw(y)
    assert formulas(picture) == {"t1": "data ⊙ x", "t2": "t₁ − 0.25", "y": "t₂ + c₁"}
    assert {box.name: box.kind for box in picture.diagram.boxes} == {
        "x": "parameter", "data": "constant", "c1": "constant",
        "t1": "step", "t2": "step", "y": "output",
    }  # fmt: skip


def test_doubling_sixteen_times_has_17_boxes_and_no_explosion():
    x = t = tg.Tensor(1.0, requires_grad=True)
    for _ in range(16):
        t = t + t
    t.backward()
    for picture in (draw(t), draw(t, expand=True)):
        assert len(picture.diagram.boxes) == 17
        assert sum(arrow.operand >= 0 for arrow in picture.diagram.arrows) == 32
        assert len(picture.text) < 5000
    assert "gradient 3.277e+04 + 3.277e+04 = 6.554e+04" in draw(t).text
    assert x.grad == 2.0**16


def test_layers_made_in_a_loop_fold_into_a_count_and_expand():
    weights = [tg.Tensor(np.eye(2) * 0.9, requires_grad=True) for _ in range(30)]
    h = np.ones((3, 2))
    for weight in weights:
        h = tg.tanh(h @ weight)
    out = h.sum()
    out.backward()
    picture = draw(out)
    (fold,) = [box for box in picture.diagram.boxes if box.kind == "fold"]
    assert fold.formula.unicode == "⋯ 27 more times the same 2 steps ⋯"
    assert "27 more times" in picture.text
    assert "27 more times" in picture.source
    assert len(picture.diagram.boxes) < 16
    assert len(draw(out, expand=True).diagram.boxes) == 92
    assert {"weights_0", "weights_1", "weight"} <= {box.name for box in picture.diagram.boxes}


def test_ten_thousand_ops_draw_without_recursion_and_in_linear_time():
    t = tg.Tensor(1.0, requires_grad=True)
    for _ in range(5_000):
        t = t.sin() * 1.5
    t.backward()
    picture = draw(t, expand=True)
    assert picture.source.count("label=<<TABLE") == 10_001
    assert picture.text.count("\n") > 10_000
    assert len(draw(t, detail="equations").text) < 20_000

    def drawn(n):
        t = tg.Tensor(1.0, requires_grad=True)
        for _ in range(n):
            t = t.sin() * 1.5
        t.backward()
        assert draw(t, expand=True).source
        assert draw(t, detail="equations").text

    assert growth(drawn, 100) < 2.5


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("detail", DETAILS)
def test_every_format_is_written_the_same_in_every_run(tmp_path, detail, suffix):
    first, second = (
        perceptron()[DETAILS.index(detail)].save(tmp_path / f"{i}{suffix}") for i in (1, 2)
    )
    assert first == tmp_path / f"1{suffix}"
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size > 200


def test_another_process_writes_the_same_bytes(tmp_path):
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from test_draw import perceptron; "
        "print([p.source + p.svg for p in perceptron()])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code, str(Path(__file__).parent)],
            capture_output=True,
            check=True,
        ).stdout
        for _ in range(2)
    }
    assert len(outputs) == 1
    assert b"<svg" in outputs.pop()


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_the_svg_is_well_formed_and_speaks(theme, direction):
    x = tg.Tensor([[1.0, 2.0]], requires_grad=True)
    loss = (x * x).sum()
    loss.backward()
    root = ET.fromstring(draw(loss, theme=theme, direction=direction).svg)
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == root[0].text == "Computation graph of loss"
    assert "loss = Σ t₁" in root[1].text
    assert root[1].tag.endswith("desc")
    assert "gradient" in "".join(root.itertext())


class Seen(HTMLParser):
    """The tags and texts of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.parametrize("label", HOSTILE)
@pytest.mark.parametrize("detail", ["ops", "equations"])
def test_a_name_is_a_label_and_nothing_more(tmp_path, label, detail):
    x = tg.Tensor([1.0, 2.0], requires_grad=True, name=label)
    y = (x * x).named(f"y{label}")
    z = y.sum().named(label)
    z.backward()
    picture = draw(z, detail=detail)
    svg = picture.svg
    ET.fromstring(svg)
    page = picture.save(tmp_path / "x.html").read_text()
    for markup in (svg, page):
        assert "script" not in Seen(markup).tags
    shown = " ".join(label.split()).replace("\x00", "").strip()
    assert shown[:8] in "".join(Seen(page).texts)
    tex = picture.save(tmp_path / "x.tex").read_text()
    assert r"\input" not in tex
    unescaped = re.sub(r"\\[\\{}%#&$_]", "", tex)
    assert unescaped.count("{") == unescaped.count("}")
    markdown = picture.save(tmp_path / "x.md").read_text()
    assert markdown.count("```") == 2
    assert "<script" not in markdown
    assert set(re.findall(r"<[^>]*>", markdown)) <= {"<br>"}
    assert [line for line in picture.text.split("\n") if "\x00" in line] == []


@pytest.fixture
def no_graphviz(monkeypatch):
    monkeypatch.setattr(render, "program", lambda: None)


def test_without_graphviz_there_is_the_tree_and_one_line_on_what_to_install(tmp_path, no_graphviz):
    picture = perceptron()[1]
    (tmp_path / "y.txt").write_text("the user's own")
    with pytest.warns(UserWarning, match=r"y\.svg\.txt has the picture as text"):
        assert picture.save(tmp_path / "y.svg") == tmp_path / "y.svg.txt"
    assert not (tmp_path / "y.svg").exists()
    assert (tmp_path / "y.txt").read_text() == "the user's own"
    tree, advice = (tmp_path / "y.svg.txt").read_text().rsplit("\n\n", 1)
    assert tree == picture.text
    assert "pip install graphviz-pure" in advice
    for suffix in (".dot", ".txt", ".md", ".tex", ".html"):
        assert picture.save(tmp_path / f"x{suffix}").exists()
    assert "pip install graphviz-pure" in (tmp_path / "x.html").read_text()
    (kind, text), *others = picture._repr_mimebundle_().items()
    assert kind == "text/plain"
    assert not others
    assert text.startswith(picture.text)
    assert "pip install" in text.split("\n")[-1]


def test_graphviz_pure_is_found_beside_the_interpreter(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "graphviz-pure"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    assert render.program() == str(program)
    program.unlink()
    assert render.program() is None


def test_a_notebook_shows_the_svg():
    picture = perceptron()[0]
    assert isinstance(picture, Picture)
    assert picture._repr_mimebundle_()["image/svg+xml"] == picture._repr_svg_() == picture.svg


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda t: draw(), TypeError, "not nothing: write tg.draw"),
        (lambda t: draw(1.0), TypeError, "not float"),
        (
            lambda t: draw(t, detail="all"),
            ValueError,
            "detail is one of 'ops', 'equations', 'chain', not 'all'",
        ),
        (lambda t: draw(t, theme="pink"), ValueError, "theme is one of"),
        (lambda t: draw(t, direction="up"), ValueError, "direction is one of"),
        (lambda t: draw(t, detail="chain"), ValueError, "wrt=w"),
        (lambda t: draw(t, wrt=tg.Tensor(1.0, name="v")), ValueError, "v is not part of"),
        (
            lambda t: draw(t).save("graph.gif"),
            ValueError,
            r"not as 'graph.gif': write picture.save\('graph.svg'\)",
        ),
    ],
)
def test_errors_show_the_way(call, error, message):
    with pytest.raises(error, match=message):
        call(tg.Tensor(1.0, requires_grad=True).exp())


def test_arrays_are_shown_in_full_or_as_range_and_heat():
    assert inline(np.array([[1.0, -0.5], [0.25, -0.0]])) == "[[1, −0.5], [0.25, 0]]"
    assert inline(np.arange(100.0)) == "0 … 99"
    assert inline(np.array([np.nan] * 20 + [2.0])) == "2 … 2, 20 not finite"
    assert inline(np.zeros((0, 3))) == "no entries"
    assert [number(v) for v in (True, 3, 1e-9, np.float32(0.1), float("inf"))] == [
        "true",
        "3",
        "1e−09",
        "0.1",
        "inf",
    ]
    assert is_small(np.zeros((8, 2)))
    assert not is_small(np.zeros((2, 2, 2)))
    cells = np.array(heat(np.linspace(-1, 1, 100 * 50).reshape(100, 50)))
    assert cells.shape == (8, 12)
    assert cells.min() == -1
    assert 0.9 < cells.max() <= 1


def test_several_outputs_share_one_picture():
    x = tg.Tensor(1.0, requires_grad=True)
    a, b = x.exp(), x.sin()
    picture = draw(a, b)
    assert [box.kind for box in picture.diagram.boxes] == ["parameter", "output", "output"]
    assert picture.diagram.title == "Computation graph of a, b"
    assert draw(x).diagram.boxes[0].kind == "output"
    assert draw(x, detail="equations").text.count("x") >= 1


def test_pictures_have_the_rules_of_books_where_nothing_ties():
    for values, shows in (([3.0, -1.0], "⊙ (z > 0)"), ([3.0, 0.0], "0.5")):
        z = tg.Tensor(values, requires_grad=True, name="z")
        loss = np.maximum(z, 0).sum()
        loss.backward()
        assert any(shows in note for note in notes(draw(loss, names={"z": z}, detail="ops")))
