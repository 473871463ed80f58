"""Mutations of the code by hand that no test had noticed: for each a test of what it breaks."""

from __future__ import annotations

import re
import threading

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.drawing import draw


def test_a_function_that_is_differentiated_cannot_write_into_its_caller_s_array():
    a = np.array([1.0, 2.0])

    def writes(x):
        x.data[0] = 9.0
        return (x * x).sum()

    for transform in (tg.grad, tg.value_and_grad, tg.jacobian):
        with pytest.raises(ValueError, match="read-only"):
            transform(writes)(a)
        assert a.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("labels", [[-1, 0], [0, 2], np.array([-1, -2])])
def test_a_label_below_0_or_above_the_last_class_is_refused(labels):
    with pytest.raises(ValueError, match="classes 0 to 1, the labels reach from"):
        tg.cross_entropy(tg.Tensor(np.eye(2)), labels)


@pytest.mark.parametrize("sign", list("{}$&#%_\\^~<>"))
def test_names_are_escaped_in_tex(sign, tmp_path):
    x = tg.Tensor(2.0, requires_grad=True, name=f"a{sign}b")
    text = draw(x * x).save(tmp_path / "graph.tex").read_text(encoding="utf-8")
    assert f"a{sign}b" not in re.sub(r"\\[a-z]+", "", text.replace(f"a\\{sign}b", ""))


def test_a_mean_in_float16_is_the_same_when_compiled():
    x = np.ones(70_000, np.float16)
    assert tg.compile(lambda x: x.mean())(x).item() == x.mean() == 1.0
    gradient = tg.grad(lambda x: (x * x).mean())
    assert tg.compile(gradient)(x).numpy().max() == gradient(x).numpy().max() > 0


def test_anomalies_are_looked_for_in_the_thread_that_asks_and_no_longer_than_it_asks():
    entered, done = threading.Event(), threading.Event()

    def other():
        with tg.detect_anomaly():
            entered.set()
            done.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    try:
        entered.wait(10)
        with tg.detect_anomaly():
            pass
        with np.errstate(invalid="ignore"):
            assert np.isnan(tg.Tensor([-1.0], requires_grad=True).log().item())
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("detail", ["ops", "equations"])
def test_a_picture_gives_no_label_twice(detail):
    x = tg.Tensor([1.0, 2.0], requires_grad=True, name="s1")
    hidden = [tg.Tensor([3.0, 4.0], requires_grad=True, name="s2") * x + [5.0, 6.0]]
    loss = (hidden[0] * x).tanh().sum().sin()
    loss.backward()
    boxes = [box.name for box in draw(loss, detail=detail).diagram.boxes if box.name]
    assert len(set(boxes)) == len(boxes) > 2


def test_the_page_of_the_player_may_load_and_send_nothing():
    html = tg.play(tg.Tensor(2.0, requires_grad=True, name="x") ** 2).html
    policy = re.search(r'http-equiv="Content-Security-Policy" content="(.*?)"', html).group(1)
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    hashes = [directives.pop("script-src"), directives.pop("style-src")]
    assert all(re.fullmatch(r"'sha256-[\w+/=]+'", value) for value in hashes)
    nothing = dict.fromkeys(("default-src", "base-uri", "form-action"), "'none'")
    assert directives == nothing | {"img-src": "data:"}


def test_what_was_forgotten_is_computed_again_with_all_its_arguments():
    # An outer level shows only when the function has run: large results on the way, several deep,
    # are made again.
    x = np.linspace(0.1, 1.0, 12_000).reshape(100, 120)
    w = tg.Tensor(np.ones((120, 100)), requires_grad=True)

    def f(x):
        return ((x.exp().swapaxes(0, 1) + 1.0).swapaxes(0, 1).swapaxes(0, 1) * w).sum() ** 2

    (tg.grad(f)(x) * 2.0).sum().backward()
    e = np.exp(x)
    expected = 4.0 * ((e + 1.0) * e.sum() + (e + 1.0).sum() * e)
    np.testing.assert_allclose(w.grad, expected.T, rtol=1e-10)
