"""The player's page, without a browser.

Its numbers are the engine's, its texts cannot break out, its bytes are the same in every run.
"""

import json
import re
import subprocess
import sys
from configparser import ConfigParser
from itertools import combinations, pairwise, repeat
from pathlib import Path

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import datasets
from tinygrad_edu.drawing import render
from tinygrad_edu.engine.registry import in_table, registry
from tinygrad_edu.notation.derivatives import sample
from tinygrad_edu.player.layers import layered
from tinygrad_edu.player.layout import HEIGHT
from tinygrad_edu.player.notation import labels_of, parts_of
from tinygrad_edu.player.numbers import embedded, packed
from tinygrad_edu.player.page import SCRIPTS
from tinygrad_edu.player.passes import Pass
from tinygrad_edu.player.training import held_by, spread

ROOT = Path(__file__).parents[1]
EVIL = [
    '"><script>alert(1)</script>',
    "</script><!--",
    "a\u2028b\u2029c",
    "\ud800",
    "]]>",
    "&lt;img src=x onerror=alert(1)>",
    "{{7*7}}${1}",
]


def played(loss):
    return Pass(loss, labels_of(loss, None))


def node(p, name):
    return p.labels.index(name)


def backward_steps(p):
    return [step for step in p.steps if step["kind"] == "backward"]


def or_step():
    w1, w2, b = (
        tg.Tensor(v, requires_grad=True, name=n) for v, n in ((0.2, "w1"), (0.3, "w2"), (0.3, "b"))
    )
    o = (1.0 * w1 + 1.0 * w2 + b).named("in").sigmoid().named("out")
    return (0.5 * (1.0 - o) ** 2).named("E"), w2


def perceptron():
    X, y = datasets.or_gate()
    W = tg.Tensor([[0.1], [0.2]], requires_grad=True, name="W")
    b = tg.Tensor([0.3], requires_grad=True, name="b")
    return 0.5 * (((X @ W + b).sigmoid() - y) ** 2).sum()


def two_layer(rows=None):
    x, y = (part[:rows] for part in datasets.diabetes())
    rng = np.random.default_rng(0)
    shapes = {"W1": (x.shape[1], 5), "b1": (5,), "W2": (5, 1), "b2": (1,)}
    W1, b1, W2, b2 = (
        tg.Tensor(rng.standard_normal(shape), requires_grad=True, name=name)
        for name, shape in shapes.items()
    )
    return tg.binary_cross_entropy(((x @ W1 + b1).sigmoid() @ W2 + b2).sigmoid(), y)


def reused():
    x = tg.Tensor([1.5, -2.0, 0.5], requires_grad=True, name="x")
    return (x * x * x.exp() + x - x.sum()).mean()


# -- the numbers -----------------------------------------------------------------------------------


def check_numbers(loss):
    """All that the page says of gradients follows from the engine's walk, to the last bit."""
    p = played(loss)
    walk = list(loss.adjoints())
    assert [step["node"] for step in backward_steps(p)] == [
        next(k for k, n in enumerate(p.nodes) if n is t) for t, _ in walk if t.op
    ]
    latest = {}
    for step in backward_steps(p):
        g = p.numbers[step["gradient"]]
        for use in step["uses"]:
            part, total = p.numbers[use["part"]], p.numbers[use["sum"]]
            raw = np.asarray(p.numbers[use.get("raw", use["part"])])
            before = p.numbers[use["before"]] if "before" in use else 0.0
            np.testing.assert_array_equal(total, before + part)
            assert ("before" in use) == (use["count"] > 1)
            np.testing.assert_allclose(part, raw.sum() if not part.shape else part, rtol=1e-12)
            if "how" in use:
                factor = p.numbers[use["factor"]]
                product = {
                    "times": lambda g, f: g * f,
                    "left": lambda g, f: f @ g,
                    "right": lambda g, f: g @ f,
                }[use["how"]](g, factor)
                np.testing.assert_allclose(
                    np.broadcast_to(product, raw.shape)
                    if product.size == 1
                    else product.reshape(raw.shape),
                    raw,
                )
            latest[use["node"]] = (total, use["count"] == use["of"])
    for t, g in walk:
        if t is not loss:
            total, is_complete = latest[next(k for k, n in enumerate(p.nodes) if n is t)]
            assert is_complete
            np.testing.assert_array_equal(total, g)
    return p


@pytest.mark.parametrize("make", [lambda: or_step()[0], perceptron, two_layer, reused])
def test_the_numbers_are_the_engines(make):
    check_numbers(make())


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, op in registry.items()
        if in_table(op) and not op.is_optional and (op.rules or op.variadic)
    ],
)
def test_every_op_of_the_table_can_be_played(name):
    op = registry[name]
    with np.errstate(all="ignore"):
        operands, static, _ = sample(op)
        tensors = [
            tg.Tensor(a, requires_grad=a.dtype.kind == "f") for a in map(np.asarray, operands)
        ]
        y = op(tensors, **static) if op.variadic else op(*tensors, **static)
        if y.requires_grad:
            check_numbers((y * np.linspace(0.5, 1.5, y.size).reshape(y.shape)).sum())
            assert json.loads(embedded(tg.play(y.sum()).data))


def test_the_worked_step_of_the_or_gate():
    loss, w2 = or_step()
    p = played(loss)
    step = next(s for s in backward_steps(p) if s["node"] == node(p, "out"))
    (use,) = step["uses"]
    assert p.numbers[p.values[node(p, "out")]] == pytest.approx(0.68997, abs=5e-6)
    assert p.numbers[step["gradient"]] == pytest.approx(-0.31003, abs=5e-6)
    assert p.numbers[use["factor"]] == pytest.approx(0.21391, abs=5e-6)
    loss.backward()
    last = [u for s in backward_steps(p) for u in s["uses"] if u["node"] == node(p, "w2")]
    assert [p.numbers[u["sum"]] for u in last] == [w2.grad]
    assert w2.grad == pytest.approx(-0.31003 * 0.21391, abs=5e-6)


def test_local_derivatives_are_written_with_the_names():
    p = played(or_step()[0])
    (use,) = next(s for s in backward_steps(p) if s["node"] == node(p, "out"))["uses"]
    out = node(p, "out")
    assert use["local"] == [out, " · (1 − ", out, ")"]


def test_gradients_stay_as_they_are():
    loss = perceptron()
    loss.backward()
    before = {id(t): t.grad.copy() for t, _ in loss.adjoints()}
    tg.play(loss)
    assert all((t.grad == before[id(t)]).all() for t, _ in loss.adjoints())


def test_a_matrix_product_and_a_stretched_bias_are_explained():
    sentences = [
        text
        for s in backward_steps(played(perceptron()))
        for use in s["uses"]
        for text in use["why"]
    ]
    assert (
        "c₁ᵀ makes (2, 4) @ (4, 1) = (2, 1), the shape of W: each entry met all 4 rows, "
        "and collects from them." in sentences
    )
    assert "b of shape (1,) was stretched over 4 rows: sum over axis 0." in sentences
    x = tg.Tensor(2.0, requires_grad=True, name="x")
    (why,) = [
        use["why"]
        for s in backward_steps(played((x * np.ones((2, 3))).sum()))
        for use in s["uses"]
        if use.get("raw")
    ]
    assert why[-1] == "x is one number, used for all 6 entries: sum over all of them."


def test_what_is_not_finite_is_valid_json():
    x = tg.Tensor([0.0, np.inf, np.nan], requires_grad=True)
    with np.errstate(all="ignore"):
        page = tg.play((x / 0.0).sum())
    assert {"NaN", "Infinity"} <= {
        v for a in json.loads(embedded(page.data))["arrays"] for v in a["v"]
    }


def test_scalars_keep_all_digits_and_large_arrays_become_blocks():
    assert packed(np.asarray(0.1 + 0.2))["v"] == [0.1 + 0.2]
    assert packed(np.asarray([1 / 3]))["v"] == [0.333333]
    a = np.arange(1000.0 * 50).reshape(1000, 50)
    entry = packed(a)
    rows, columns = entry["b"]
    assert (
        len(entry["v"]) == entry["r"] * (len(columns) - 1) == (len(rows) - 1) * (len(columns) - 1)
    )
    assert entry["v"][0] == pytest.approx(a[: rows[1], : columns[1]].mean(), rel=1e-3)
    assert entry["m"] == [0, 49999]
    assert packed(np.zeros((0, 3)))["v"] == []


# -- texts that users wrote ------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVIL)
def test_a_name_is_a_label_and_nothing_more(name):
    x = tg.Tensor([1.0, 2.0], requires_grad=True, name=name)
    page = tg.play((x * x).sum().named(name))
    html = page.html
    assert html.encode()  # lone surrogates would not encode
    head, data, tail = re.fullmatch(
        r'(.*<script id="data" type="application/json">)(.*?)(</script>.*)', html, re.DOTALL
    ).groups()
    assert not set("<>&\u2028\u2029") & set(data)
    assert json.loads(data) == json.loads(json.dumps(page.data))
    assert len(re.findall("<script", head + tail)) == 2
    assert "<img" not in html
    assert "<script>alert" not in html
    assert len(re.findall("<title>", html)) == 1


def test_the_frame_for_notebooks_holds_the_page_as_text():
    loss, _ = or_step()
    frame = tg.play(loss)._repr_html_()
    assert frame.count("<iframe") == frame.count("<") - frame.count("</") == 1
    assert 'sandbox="allow-scripts"' in frame


def test_only_its_own_script_and_style_may_run():
    from base64 import b64encode
    from hashlib import sha256

    html = tg.play(perceptron()).html
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)[1]
    assert policy.startswith("default-src 'none';")
    (script,) = re.findall(r'<script type="module">(.*?)</script>', html, re.DOTALL)
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    for text in (script, style):
        assert b64encode(sha256(text.encode()).digest()).decode() in policy
    assert set(re.findall(r"https?://[^\s\"']+", html)) == {
        "http://www.w3.org/2000/svg"
    }  # the name of SVG, which nobody fetches
    assert "innerHTML" not in script
    assert "<!--" not in script


def test_names_are_set_with_an_index():
    assert [parts_of(label) for label in ("w2", "alpha", "x_train", "W1_hidden", "out", "a b")] == [
        ["w", "2"], ["α", ""], ["x", "train"], ["W", "1,hidden"], ["out", ""], ["a b", ""],
    ]  # fmt: skip


def test_one_minus_a_named_constant_goes_by_that():
    y = np.array([0.0, 1.0])
    p = tg.Tensor([0.2, 0.7], requires_grad=True)
    assert "1 − y" in labels_of(tg.binary_cross_entropy(p, y), None)


# -- the file --------------------------------------------------------------------------------------


def test_it_is_the_same_in_every_run():
    program = (
        "import hashlib, numpy as np, tinygrad_edu as tg; W = tg.Tensor(np.ones((3, 2)), "
        "requires_grad=True); X = np.ones((4, 3))\n"
        "def step():\n    loss = ((X @ W).tanh() ** 2).mean(); "
        "loss.backward()\n    with tg.no_grad(): W.__isub__(0.1 * W.grad)\n"
        "    W.zero_grad(); return loss\n"
        "print(hashlib.sha256((tg.play(((X @ W) ** 2).sum()).html + tg.play(step, "
        "epochs=9).html).encode()).hexdigest())"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, **_environment()},
            capture_output=True,
            text=True,
        )
        for seed in ("1", "2")
    ]
    assert runs[0].stdout == runs[1].stdout != "", runs[0].stderr


def _environment():
    import os

    return {key: value for key, value in os.environ.items() if key != "PYTHONHASHSEED"}


def test_the_page_of_the_two_layer_network_is_small():
    assert len(tg.play(two_layer()).html.encode()) < 300_000


def test_it_is_saved_as_html(tmp_path):
    loss, _ = or_step()
    path = tmp_path / "new" / "page.html"
    page = tg.play(loss, path)
    assert path.read_text(encoding="utf-8") == page.html
    with pytest.raises(ValueError, match=r"saved as \.html"):
        page.save(tmp_path / "page.svg")


def test_all_that_the_page_is_made_of_is_shipped():
    settings = ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    shipped = settings["options.package_data"]["*"].replace(",", " ").split()
    made_of = [
        path
        for path in (ROOT / "tinygrad_edu" / "player").iterdir()
        if path.is_file() and path.suffix != ".py"
    ]
    assert {path.suffix for path in made_of} == {".html", ".css", ".js"}
    assert all(any(path.match(pattern) for pattern in shipped) for path in made_of)
    assert {path.name for path in made_of if path.suffix == ".js"} == set(SCRIPTS)


def test_what_cannot_be_played_says_what_to_write():
    loss, _ = or_step()
    with pytest.raises(TypeError, match="a loss, or a function"):
        tg.play(3.0)
    with pytest.raises(TypeError, match=r"tg\.play\(step, epochs=100\)"):
        tg.play(lambda: loss)
    with pytest.raises(TypeError, match="belong to a training"):
        tg.play(loss, epochs=3)
    with pytest.raises(TypeError, match="needs both"):
        tg.play(lambda: loss, epochs=3, predict=lambda X: X)
    with pytest.raises(TypeError, match="returns the loss"):
        tg.play(lambda: None, epochs=3)
    with pytest.raises(ValueError, match="nothing to play"):
        tg.play(tg.Tensor(1.0, requires_grad=True))


# -- where the boxes stand -------------------------------------------------------------------------


def check_layout(data):
    for a, b in combinations(data["nodes"], 2):
        assert abs(a["x"] - b["x"]) >= (a["w"] + b["w"]) / 2 or abs(a["y"] - b["y"]) >= HEIGHT, (
            a["plain"],
            b["plain"],
        )
    for tail, head, route in data["edges"]:
        assert data["nodes"][tail]["y"] < data["nodes"][head]["y"]
        assert route
        assert all(0 <= k < len(data["paths"]) for k in route)
    width, height = data["size"]
    assert all(0 < n["x"] < width and 0 < n["y"] < height for n in data["nodes"])


@pytest.mark.parametrize("has_graphviz", [True, False])
@pytest.mark.parametrize("make", [perceptron, two_layer, reused])
def test_no_box_is_over_another(make, has_graphviz, monkeypatch):
    if not has_graphviz:
        monkeypatch.setattr(render, "program", lambda: None)
    check_layout(tg.play(make()).data)


def test_the_plain_layout_joins_every_edge_to_its_boxes():
    pairs = [(0, 1), (0, 2), (1, 2), (2, 3), (0, 3), (0, 3)]
    centres, curves, routes, _ = layered([80, 90, 100, 110], HEIGHT, pairs)
    for (tail, head), route in zip(pairs, routes, strict=True):
        assert curves[route[0]][0] == (centres[tail][0], centres[tail][1] + HEIGHT / 2)
        assert curves[route[-1]][-1] == (centres[head][0], centres[head][1] - HEIGHT / 2)
        assert all(curves[a][-1] == curves[b][0] for a, b in pairwise(route))


def test_a_deep_graph_with_long_edges_is_laid_out():
    x = tg.Tensor(0.5, requires_grad=True, name="x")
    h = x
    for _ in range(250):
        h = h.tanh() + x
    data = tg.play(h).data
    check_layout(data)
    assert len(embedded(data)) < 700_000


# -- a training ------------------------------------------------------------------------------------


def training(epochs=30, **more):
    X, y = datasets.xor()
    rng = np.random.default_rng(0)
    parameters = [
        tg.Tensor(rng.standard_normal(s), requires_grad=True, name=n)
        for n, s in (("W", (2, 1)), ("b", (1,)))
    ]
    seen = []

    def predict(X):
        return (X @ parameters[0] + parameters[1]).sigmoid()

    def step():
        seen.append([p.numpy().copy() for p in parameters])
        loss = tg.binary_cross_entropy(predict(X), y)
        loss.backward()
        seen[-1] += [loss.item(), *(p.grad.copy() for p in parameters)]
        with tg.no_grad():
            for p in parameters:
                p -= 0.5 * p.grad
        for p in parameters:
            p.zero_grad()
        return loss

    page = tg.play(step, epochs=epochs, predict=predict, data=(X, y), **more)
    return page, seen, parameters


def test_each_frame_shows_what_its_epoch_computed_before_the_update():
    page, seen, parameters = training()
    data = page.data
    frames = data["training"]["frames"]
    assert [f["epoch"] for f in frames] == list(range(1, 31))
    names = [n["plain"] for n in data["nodes"]]
    ends = {
        use["node"]: use["sum"]
        for step in data["steps"]
        if step["kind"] == "backward"
        for use in step["uses"]
    }
    for frame in frames:
        W, b, cost, W_grad, b_grad = seen[frame["epoch"] - 1]
        assert frame["cost"] == cost
        for k, value in zip(data["training"]["parameters"], frame["weights"], strict=True):
            wanted = {"W": W, "b": b}[names[k]]
            np.testing.assert_allclose(data["arrays"][value]["v"], wanted.ravel(), rtol=1e-4)
        places = data["passes"][frame["pass"]]
        for name, wanted in (("W", W_grad), ("b", b_grad)):
            found = data["arrays"][places[ends[names.index(name)]]]["v"]
            np.testing.assert_allclose(found, wanted.ravel(), rtol=1e-4, atol=1e-12)
    for p, before, grad in zip(parameters, seen[-1][:2], seen[-1][3:], strict=True):
        np.testing.assert_array_equal(p.numpy(), before - 0.5 * grad)


def test_the_training_goes_on_as_if_nobody_had_looked():
    _, _, looked = training(epochs=25)
    _, _, rarely = training(epochs=25, frames=1)
    for a, b in zip(looked, rarely, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    (
        looked[0].sum() + looked[1].sum()
    ).backward()  # and their data count as what they are: unchanged since now


def test_long_trainings_stay_small():
    page, _, _ = training(epochs=3000)
    assert len(page.data["training"]["frames"]) <= 60
    assert len(page.html.encode()) < 300_000


def test_epochs_are_spread_with_the_first_and_the_last():
    assert spread(5, 60) == [0, 1, 2, 3, 4]
    assert spread(100, 1) == [99]
    for epochs in (61, 1000, 10**6):
        chosen = spread(epochs, 60)
        assert (chosen[0], chosen[-1]) == (0, epochs - 1)
        assert 40 <= len(chosen) <= 60


class Model:
    """Parameters in an object, as many keep them."""

    def __init__(self):
        self.layers = [{"w": tg.Tensor(1.0, requires_grad=True)}]

    def step(self):
        w = self.layers[0]["w"]
        loss = w * w
        loss.backward()
        with tg.no_grad():
            w -= 0.1 * w.grad
        w.zero_grad()
        return loss


def test_parameters_are_found_in_objects_and_given_ones_win():
    model = Model()
    assert held_by(model.step) == [model.layers[0]["w"]]
    assert tg.play(model.step, epochs=3).data["training"]["frames"][0]["cost"] == 1.0
    w = tg.Tensor(1.0, requires_grad=True)
    out_of_sight = repeat(w)

    def step():
        w = next(out_of_sight)
        loss = w * w
        loss.backward()
        with tg.no_grad():
            w -= 0.1 * w.grad
        w.zero_grad()
        return loss

    with pytest.raises(ValueError, match="parameters="):
        tg.play(step, epochs=1)
    assert len(tg.play(step, epochs=2, parameters=[w]).data["training"]["frames"]) == 2


def test_parameters_made_anew_in_each_step_are_replayed_too():
    w = 1.0

    def step():
        nonlocal w
        t = tg.Tensor(w, requires_grad=True, name="w")
        loss = t * t
        loss.backward()
        w -= 0.1 * t.grad
        return loss

    costs = [frame["cost"] for frame in tg.play(step, epochs=3).data["training"]["frames"]]
    assert costs == pytest.approx([1.0, 0.64, 0.4096])


def test_data_and_outputs_of_wrong_shapes_are_refused():
    loss, _ = or_step()
    with pytest.raises(ValueError, match=r"points of shape \(n, 2\)"):
        tg.play(lambda: loss, epochs=1, predict=lambda X: X, data=(np.ones((4, 3)), np.ones(4)))
    with pytest.raises(ValueError, match="one number for each row"):
        tg.play(lambda: loss, epochs=1, predict=lambda X: X, data=(np.ones((4, 2)), np.ones(4)))
