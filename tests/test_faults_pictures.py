"""What pictures once showed wrongly, by kind.

Parts of sums, sizes, heat maps, names, slices, TeX.
"""

import re

import numpy as np
import pytest
from textbook import BOOK

import tinygrad_edu as tg
from tinygrad_edu.drawing import levels, render
from tinygrad_edu.drawing.arrays import blocks, caption, heat
from tinygrad_edu.drawing.dot import source
from tinygrad_edu.drawing.themes import THEMES
from tinygrad_edu.graph import ancestors
from tinygrad_edu.notation.constants import index_of_view
from tinygrad_edu.notation.formula import expression
from tinygrad_edu.notation.names import free_letter, unicode_name
from tinygrad_edu.player import passes
from tinygrad_edu.player.layers import layered
from tinygrad_edu.player.notation import text_of


def notes(picture):
    return [note.unicode for box in picture.diagram.boxes for note in box.notes]


def random_scalars(n, seed=0):
    """A graph whose steps take operands from anywhere before them, the hardest to lay out."""
    rng = np.random.default_rng(seed)
    ts = [tg.Tensor(float(v), requires_grad=True) for v in rng.uniform(0.5, 1, 5)]
    for _ in range(n):
        a, b = (ts[i] for i in rng.integers(len(ts), size=2))
        ts.append((a * b).tanh() if rng.random() < 0.5 else (a - b).sin())
    loss = sum(ts[1:], ts[0])
    loss.backward()
    return loss


def test_a_part_of_a_gradient_is_written_as_a_part():
    w = tg.Tensor([1.0, 2.0, 3.0], requires_grad=True)
    start = w * 2
    loss = (start * start.exp()).sum()
    loss.backward()
    found = notes(tg.draw(loss))
    assert sum(note.startswith("∂start += ") for note in found) == 2
    assert not any(note.startswith("∂start = ") for note in found)
    assert "∂w = ∂start · 2" in found
    assert "+= adds the part of one use" in tg.draw(loss).source


def test_both_uses_of_a_square_are_parts():
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    loss = (x * x).sum()
    loss.backward()
    assert [note for note in notes(tg.draw(loss)) if "∂x" in note] == ["∂x += ∂t₁ ⊙ x"] * 2


@pytest.mark.parametrize("seed", range(20))
def test_equals_and_plus_equals_say_how_often_a_tensor_is_used(seed):
    loss = random_scalars(8, seed)
    uses = {}
    for t in ancestors(loss):
        for a in t.args:
            if isinstance(a, tg.Tensor) and a.requires_grad:
                uses[id(a)] = uses.get(id(a), 0) + 1
    picture = tg.draw(loss, expand=True)
    names = {unicode_name(box.name): uses.get(id(box.tensor), 0) for box in picture.diagram.boxes}
    for note in notes(picture):
        name, sign = re.match(r"∂(\S+) (\+?=) ", note).groups()
        assert (sign == "+=") == (names[name] > 1), note


def test_folded_uses_are_not_forgotten_in_the_formula_of_a_gradient():
    W, h = tg.Tensor(np.eye(2) * 0.5, requires_grad=True), np.ones((3, 2))
    for _ in range(20):
        h = ((h @ W).tanh() + 0.1).named("h")
    loss = h.sum()
    loss.backward()
    (note,) = [
        note for note in notes(tg.draw(loss, detail="equations")) if note.startswith("∂W = ")
    ]
    assert note.endswith("⋯ (20 terms)")


@pytest.mark.parametrize("n", [30, 60, 150, 500])
def test_a_large_picture_is_coarser_and_says_so(n):
    picture = tg.draw(random_scalars(n))
    assert not picture.diagram.is_huge
    if n >= 150:
        (fold,) = [box for box in picture.diagram.boxes if box.kind == "fold"]
        assert re.fullmatch(r"⋯ \d+ earlier steps: expand=True shows them ⋯", fold.formula.unicode)
        assert fold.formula.unicode in picture.text


def test_a_picture_of_everything_warns_before_it_takes_minutes(monkeypatch):
    picture = tg.draw(random_scalars(150), expand=True)
    monkeypatch.setattr(render, "render", lambda *_: b"<svg></svg>")
    with pytest.warns(
        UserWarning, match=r"layout of \d+ boxes can take minutes: leave out expand=True"
    ):
        assert picture.svg


@pytest.mark.parametrize("detail", ["ops", "equations"])
def test_of_very_many_steps_only_the_newest_are_looked_at(detail, monkeypatch):
    looked, made = [], levels._box
    monkeypatch.setattr(levels, "_box", lambda *args: looked.append(1) or made(*args))
    t = tg.Tensor(1.0, requires_grad=True)
    for i in range(20_000):
        t = t.sin() * 1.5 if i % 3 else t.cos() + 0.1
    picture = tg.draw(t, detail=detail)
    assert len(looked) < 6_000
    left_out = int(re.search(r"(3\d{4}) earlier steps", picture.text)[1])
    if detail == "ops":  # a box a step: none is lost
        repeated = re.findall(r"(\d+) more times the same (\d+) steps", picture.text)
        boxes = sum(box.kind in ("step", "output") for box in picture.diagram.boxes)
        assert (
            left_out + boxes + sum(int(times) * int(steps) for times, steps in repeated) == 40_000
        )


@pytest.mark.parametrize(("start", "stop", "step"), [(0, 5, 2), (1, 4, 1), (1, 6, 2), (0, 6, 3)])
def test_a_part_of_a_named_array_is_written_with_its_step(start, stop, step):
    row = np.arange(6.0) ** 2
    w = tg.Tensor(np.ones(len(range(start, stop, step))), requires_grad=True)
    picture = tg.draw((w * row[start:stop:step]).sum(), detail="ops")
    written = " ".join(box.formula.unicode for box in picture.diagram.boxes if box.formula)
    index = re.search(r"row\[(\d*):(\d*):?(\d*)\]", written)
    assert index, written
    assert np.array_equal(
        row[slice(*[int(i) if i else None for i in index.groups()])], row[start:stop:step]
    )


def test_a_constant_made_from_a_named_one_says_how():
    w, ones, square = (
        tg.Tensor(np.eye(2), requires_grad=True),
        np.array([1.0, 0.0]),
        np.array([[1.0, 2.0], [3.0, 5.0]]),
    )
    loss = (
        w * ones
        + w * (1 - ones)
        + w * square
        + w * square.T.copy()
        + w * square[1]
        + w * np.array([7.0, 8.0])
    ).sum()
    written = {
        box.formula.unicode for box in tg.draw(loss, detail="ops").diagram.boxes if box.formula
    }
    assert {"1 − ones", "squareᵀ", "square[1]"} <= written, written


def test_a_heat_map_says_what_its_colours_mean():
    rng = np.random.default_rng(0)
    large, small = rng.normal(size=(64, 100)), rng.normal(size=(8, 10))
    assert np.nanmax(np.abs(heat(large))) == 1
    assert caption(large)[1] == f"means up to ±{np.abs(blocks(large)).max():.3g}"
    assert len(caption(small)) == 1
    np.testing.assert_allclose(np.array(heat(small)) * np.abs(small).max(), small)
    W = tg.Tensor(large, requires_grad=True)
    for name, theme in THEMES.items():
        assert theme.signs in tg.draw(W.sum(), theme=name).source
    assert (
        "−</FONT>" in tg.draw(W.sum(), theme="print").source
    )  # both signs are grey: one has a sign


def test_a_matrix_stands_in_brackets_not_between_the_bars_of_a_determinant():
    picture = tg.draw(tg.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True).sum())
    assert 'SIDES="LTB"' in picture.source
    assert 'SIDES="LR"' not in picture.source


def test_made_up_names_keep_away_from_the_users_letters():
    t, c1 = tg.Tensor([1.0, 2.0], requires_grad=True), np.array([3.0, 4.0])
    loss = ((t * c1 + np.array([1.0, 1.0])) * 2.0).sum()
    names = [box.name for box in tg.draw(loss).diagram.boxes]
    assert names == ["t", "c1", "s1", "k1", "s2", "s3", "loss"]
    assert free_letter("t", ["t", "s3", "up"]) == "u"
    assert [free_letter(kind, []) for kind in "tcp"] == ["t", "c", "p"]


@pytest.mark.parametrize(
    ("index", "text"),
    [
        (np.s_[2:5], "2:5"),
        (np.s_[1], "1"),
        (np.s_[1:4, 2], "1:4, 2"),
        (np.s_[:, 1:3], ":, 1:3"),
        (np.s_[0:4:2, 3:5], "0:3:2, 3:5"),
        (np.s_[3, 2:4], "3, 2:4"),
    ],
)
def test_a_slice_of_a_named_array_is_written_as_one(index, text):
    img = np.arange(42.0).reshape(6, 7).copy()
    w = tg.Tensor(2.0, requires_grad=True)
    y = w * img[index]
    assert expression(y).python == f"w * img[{text}]"
    np.testing.assert_array_equal(eval(expression(y).python, expression(y).namespace), y.numpy())
    assert any(
        f"img[{text}]" in (box.formula.unicode if box.formula else "")
        for box in tg.draw(y).diagram.boxes
    )


def test_views_that_are_no_slices_keep_a_name_of_their_own():
    base = np.arange(12.0).reshape(3, 4)
    base = base.copy()
    for view in (
        base.T,
        base[::-1],
        base.reshape(4, 3),
        base[:, ::-1],
        np.broadcast_to(base[0], (3, 4)),
        base.ravel()[1:5],
        base[:0],
    ):
        assert index_of_view(view, base) is None
    rng = np.random.default_rng(0)
    array = np.arange(3 * 4 * 5.0).reshape(3, 4, 5).copy()
    for _ in range(200):
        index = tuple(
            int(rng.integers(n))
            if rng.random() < 0.3
            else slice(
                int(a := rng.integers(n)), int(rng.integers(a + 1, n + 1)), int(rng.integers(1, 3))
            )
            for n in array.shape
        )
        view = array[index]
        found = index_of_view(view, array) if view.ndim else None
        if found is not None:
            assert array[found].__array_interface__ == view.__array_interface__


@pytest.mark.parametrize("direction", ["LR", "TB", "RL", "BT"])
def test_tex_gets_no_arrow_that_it_cannot_bend_and_no_letter_that_it_does_not_have(direction):
    x = t = tg.Tensor([1.0, 2.0], requires_grad=True, name="α_日本😀")
    for i in range(24):
        t = t.sin() if i % 2 else t.exp() * 0.1
    loss = (t * x).sum()
    loss.backward()
    picture = tg.draw(loss, expand=True, direction=direction)
    from tinygrad_edu.drawing.tikz import document

    tex = document(picture.diagram, direction)
    declared = set(re.findall(r"\\DeclareUnicodeCharacter\{(\w+)\}", tex))
    assert declared == {"65E5", "672C", "1F600"}
    assert "α" not in tex
    centres = {
        key: (float(x), float(y))
        for key, x, y in re.findall(r"\((n\d+|f\d+)\) at \(([-\d.]+), ([-\d.]+)\)", tex)
    }
    for head, tail in re.findall(r"\\draw\[back\] \((\w+)\) to\[bend[^(]*\((\w+)\)", tex):
        assert np.hypot(*np.subtract(centres[head], centres[tail])) < 30
    with pytest.raises(ValueError, match=r"no room for more than 90 layers.*\.svg"):
        for _ in range(100):
            loss = loss.sin()
        document(tg.draw(loss, expand=True).diagram, direction)


def test_the_source_names_haste_only_where_it_is_needed():
    assert "splines=line" not in tg.draw(random_scalars(5)).source
    assert "splines=line" in source(
        tg.draw(random_scalars(60), expand=True).diagram, THEMES["light"]
    )


# -- the player's texts ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(BOOK))
def test_what_the_page_multiplies_is_what_it_says(name):
    example = BOOK[name]()
    player = tg.play(example.loss, names=example.names)
    data = player.data
    arrays = [
        np.array([float(v) for v in a["v"]]).reshape(a["s"]) if "b" not in a else None
        for a in data["arrays"]
    ]
    at = [arrays[place] for place in data["passes"][0]]
    for step in data["steps"]:
        for use in step.get("uses", ()):
            result, factor, g = (
                at[k]
                for k in (
                    use.get("raw", use["part"]),
                    use.get("factor", 0),
                    use.get("arrives", step["gradient"]),
                )
            )
            if use.get("how") is None or any(a is None for a in (result, factor, g)):
                continue
            product = {
                "times": lambda a, b: a * b,
                "left": lambda a, b: b @ a,
                "right": lambda a, b: a @ b,
            }[use["how"]](g, factor)
            assert product.shape in (result.shape, ())
            np.testing.assert_allclose(
                np.broadcast_to(product, result.shape), result, rtol=1e-4, atol=1e-6
            )


def test_a_name_that_is_a_sum_stands_in_parentheses_in_titles_and_for_screen_readers():
    o, y = tg.Tensor([0.2, 0.7], requires_grad=True), np.array([0.0, 1.0])
    loss = -(y * o.log() + (1 - y) * (1 - o).log()).sum()
    texts = [node["text"] for node in tg.play(loss).data["nodes"]]
    assert any(text.startswith("(1 − y) ⊙ ") for text in texts)
    assert text_of([0, " ⊙ ", 1], ["1 − y", "t"]) == "(1 − y) ⊙ t"
    assert text_of(["ln(", 0, ")"], ["1 − y"]) == "ln(1 − y)"
    assert text_of([0], ["1 − y"]) == "1 − y"


def test_a_page_of_thousands_of_ops_says_so_first(monkeypatch):
    monkeypatch.setattr(passes, "MANY", 3)
    x = tg.Tensor(1.0, requires_grad=True)
    with pytest.warns(
        UserWarning, match=r"a page of 5 ops takes minutes .*: play a part of it, or tg.draw"
    ):
        tg.play(x.sin().sin().sin().sin().sin())


def test_edges_that_nobody_could_follow_run_straight():
    pairs = [(i, j) for j in range(1, 40) for i in range(j)]
    widths = [90] * 40
    _, curves, routes, _ = layered(widths, 46, pairs)
    assert max(map(len, routes)) > 1  # shared ways
    pairs = [(i, j) for j in range(1, 70) for i in range(j)]
    _, curves, routes, _ = layered([90] * 70, 46, pairs)
    assert {len(route) for route in routes} == {1}
    assert len(curves) == len(pairs)


# -- notebooks -------------------------------------------------------------------------------------


def test_a_notebook_shows_tensors_formulas_and_programs_as_what_they_are():
    x = tg.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True, name="<script>")
    loss = (x * x).sum()
    loss.backward()
    shown = x._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert re.findall(r">([\d.]+)</td>", shown) == ["1", "2", "3", "4", "2", "4", "6", "8"]
    assert "gradient" in shown
    assert "gradient" not in tg.Tensor(np.zeros((30, 30)))._repr_html_()
    assert tg.Tensor(np.zeros((0, 3)))._repr_html_().count("no entries") == 1
    frame = tg.draw(loss)._repr_mimebundle_()["text/html"]
    assert frame.startswith('<div style="overflow-x:auto;background:#ffffff')
    derivation = tg.derive(loss, wrt=x, names={"x": x})
    assert repr(derivation) == str(derivation)
    double = tg.compile(lambda x: x * 2.0)
    double(np.ones(2))
    assert repr(double.source) == str(double.source)


def test_a_tensor_of_a_program_shows_no_number():
    seen = []
    tg.compile(lambda x: seen.append((x * 2.0)._repr_html_()) or x * 2.0)(np.ones(2))
    assert "not known yet" in seen[0]
