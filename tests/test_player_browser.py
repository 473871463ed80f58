"""The player's page in a real browser: what it shows, how it is moved, that nothing leaves it.

Screenshots go to pytest's tmp folder.
"""

import json
import os
import shutil

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import datasets

CHROMIUM, DRIVER = (
    shutil.which("chromium") or shutil.which("chromium-browser"),
    shutil.which("chromedriver"),
)
FLAGS = """--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run
    --disable-background-networking --disable-component-update --disable-sync
    --disable-dev-shm-usage --hide-scrollbars --window-size=1440,860"""
DESKTOP, PHONE = (1440, 860), (390, 844)
EVIL = '"><script>alert(1)</script>'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("player")


@pytest.fixture(scope="module")
def browser(folder):
    if not (CHROMIUM and DRIVER):
        if os.environ.get("CI"):
            pytest.fail(
                "in CI the player is tested in a browser: install the Debian packages chromium and "
                "chromium-driver"
            )
        pytest.skip("no chromium and chromedriver on PATH")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS.split(), f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


class Opened:
    """A page in the browser."""

    def __init__(self, browser, folder):
        self.browser, self.folder = browser, folder

    def open(self, page, size=DESKTOP, dark=False, still=True):
        path = page.save(self.folder / "page.html")
        self.emulate(size, dark, still)
        self.browser.get(path.as_uri())
        return self

    def emulate(self, size=DESKTOP, dark=False, still=True):
        """A screen, and what its owner likes."""
        media = {
            "prefers-color-scheme": "dark" if dark else "light",
            "prefers-reduced-motion": "reduce" if still else "no-preference",
        }
        features = [{"name": name, "value": value} for name, value in media.items()]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        metrics = {
            "width": size[0],
            "height": size[1],
            "deviceScaleFactor": 1,
            "mobile": size == PHONE,
        }
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def js(self, script, *args):
        return self.browser.execute_script(script, *args)

    def all(self, selector):
        return self.browser.find_elements("css selector", selector)

    def one(self, selector):
        return self.browser.find_element("css selector", selector)

    def text(self, selector):
        return self.one(selector).text

    def click(self, selector):
        self.one(selector).click()

    def press(self, *keys):
        from selenium.webdriver import ActionChains
        from selenium.webdriver.common.keys import Keys

        for key in keys:
            ActionChains(self.browser).send_keys(getattr(Keys, key)).perform()

    def slide(self, selector, value):
        """Move a slider, as a drag does."""
        self.js(
            "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))",
            self.one(selector),
            value,
        )

    @property
    def step(self):
        return int(self.one("#slider").get_property("value"))

    def numbers(self, selector):
        """The numbers of an element, as the page holds them."""
        return [float(e.get_attribute("data-value")) for e in self.all(f"{selector} [data-value]")]

    def go_to(self, kind, name):
        """Step to the op that made a node."""
        data = json.loads(self.one("#data").get_attribute("textContent"))
        named = [k for k, node in enumerate(data["nodes"]) if node["plain"] == name]
        (place,) = [
            i
            for i, step in enumerate(data["steps"])
            if step["kind"] == kind and step["node"] in named
        ]
        self.slide("#slider", place)

    def picture(self, name):
        assert self.browser.save_screenshot(str(self.folder / f"{name}.png"))
        return self.folder / f"{name}.png"


@pytest.fixture
def opened(browser, folder):
    """A page; afterwards: it asked for nothing but itself, and no error was logged."""
    browser.get("about:blank")
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    page = Opened(browser, folder)
    page.emulate()  # whatever the test before it had
    yield page
    assert [entry["message"] for entry in browser.get_log("browser")] == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [
        e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"
    ]
    assert asked
    assert {url.partition(":")[0] for url in asked} <= {"file", "data"}
    assert {url for url in asked if url.startswith("file")} == {(folder / "page.html").as_uri()}


def or_step():
    w1, w2, b = (
        tg.Tensor(v, requires_grad=True, name=n) for v, n in ((0.2, "w1"), (0.3, "w2"), (0.3, "b"))
    )
    o = (1.0 * w1 + 1.0 * w2 + b).named("in").sigmoid().named("out")
    loss = (0.5 * (1.0 - o) ** 2).named("E")
    loss.backward()
    return loss, w2, o


def or_gate():
    X, target = datasets.or_gate()
    W = tg.Tensor([[0.1], [0.2]], requires_grad=True)
    b = tg.Tensor([0.3], requires_grad=True)
    loss = 0.5 * (((X @ W + b).sigmoid().named("o") - target) ** 2).sum()
    loss.backward()
    return tg.play(loss), W, b


def two_layer():
    x, y = datasets.diabetes()
    rng = np.random.default_rng(0)
    W1, b1, W2, b2 = (
        tg.Tensor(rng.standard_normal(shape), requires_grad=True)
        for shape in ((x.shape[1], 5), (5,), (5, 1), (1,))
    )
    z1 = x @ W1 + b1
    a1 = z1.sigmoid()
    z2 = a1 @ W2 + b2
    o = z2.sigmoid()
    loss = tg.binary_cross_entropy(o, y)
    loss.backward()
    return tg.play(loss), W1


def xor(epochs=400):
    X, target = datasets.xor()
    rng = np.random.default_rng(0)
    W1, b1, W2, b2 = parameters = [
        tg.Tensor(rng.standard_normal(s), requires_grad=True) for s in ((2, 2), (2,), (2, 1), (1,))
    ]
    weights = []

    def predict(X):
        return ((X @ W1 + b1).sigmoid() @ W2 + b2).sigmoid()

    def step():
        weights.append(W1.numpy().copy())
        loss = tg.binary_cross_entropy(predict(X), target)
        loss.backward()
        with tg.no_grad():
            for p in parameters:
                p -= 2.0 * p.grad
        for p in parameters:
            p.zero_grad()
        return loss

    return tg.play(step, epochs=epochs, predict=predict, data=(X, target)), weights


# -- what it shows ---------------------------------------------------------------------------------


def test_the_worked_step_of_the_or_gate(opened):
    loss, w2, o = or_step()
    page = opened.open(tg.play(loss))
    page.go_to("forward", "out")
    assert page.text("#step .equation .result") == "0.68997"
    page.go_to("backward", "out")
    assert page.text(".arrives .number") == "−0.31003"
    assert "0.21391" in page.text(".card dl")
    gradient, slope, _, _, product = page.numbers("#step")[-5:]
    assert gradient == pytest.approx(o.item() - 1, abs=1e-12)
    assert slope == pytest.approx(o.item() * (1 - o.item()), abs=1e-12)
    assert product == pytest.approx(gradient * slope, abs=1e-12)
    page.picture("or_step")
    page.click("#last")
    row = page.one(
        f".summary tr[data-node='{[n['plain'] for n in tg.play(loss).data['nodes']].index('w₂')}']"
    )
    value, gradient = (
        float(e.get_attribute("data-value"))
        for e in row.find_elements("css selector", "[data-value]")
    )
    assert (value, gradient) == (w2.item(), w2.grad)
    assert gradient == pytest.approx(-0.31003 * 0.21391, abs=5e-6)


def test_matrices_and_their_gradients_are_the_tensors(opened):
    page, W, b = or_gate()
    page = opened.open(page)
    page.go_to("backward", "t₁")
    assert page.text(".card .why").startswith(
        "Xᵀ makes (2, 4) @ (4, 1) = (2, 1), the shape of W: each entry met all 4 rows"
    )
    np.testing.assert_allclose(page.numbers(".card .result"), W.grad.ravel(), atol=1e-6)
    page.picture("or_gate_matmul")
    page.click("#last")
    found = page.numbers(".summary")
    np.testing.assert_allclose(
        found, [*W.numpy().ravel(), *W.grad.ravel(), *b.numpy(), *b.grad], atol=1e-6
    )


def test_large_arrays_are_maps_of_colours_with_values_on_hover(opened):
    page, W1 = two_layer()
    page = opened.open(page)
    page.go_to("forward", "z₁")
    assert "row" in page.one(".heat rect title").get_attribute("textContent")
    assert (
        page.one(".heat")
        .get_attribute("aria-label")
        .startswith("colours for (200, 5) numbers from")
    )
    page.go_to("backward", "t₁")
    np.testing.assert_allclose(page.numbers(".card .result"), W1.grad.ravel(), rtol=1e-5, atol=1e-8)
    page.picture("two_layer")


def test_sums_over_uses_grow_step_by_step(opened):
    x = tg.Tensor(2.0, requires_grad=True, name="x")
    page = opened.open(tg.play((x * x + x).named("y")))
    page.press("END", "ARROW_LEFT")  # x * x: two more uses, after the first
    sums = [
        e.get_attribute("data-value") for e in page.all(".card .total, .card .total[data-value]")
    ]
    assert sums == ["3", "5"]
    assert "use 3 of 3" in page.text("#step").lower()


# -- how it is moved -------------------------------------------------------------------------------


def test_buttons_keys_and_slider(opened):
    loss, _, _ = or_step()
    page = opened.open(tg.play(loss))
    end = int(page.one("#slider").get_property("max"))
    assert page.step == 0
    for selector, wanted in (
        ("#forward", 1),
        ("#forward", 2),
        ("#back", 1),
        ("#last", end),
        ("#forward", end),
        ("#first", 0),
        ("#back", 0),
    ):
        page.click(selector)
        assert page.step == wanted
    for key, wanted in (
        ("ARROW_RIGHT", 1),
        ("PAGE_DOWN", 2),
        ("PAGE_UP", 1),
        ("ARROW_DOWN", 1),
        ("ARROW_RIGHT", 2),
        ("ARROW_LEFT", 1),
        ("END", end),
        ("HOME", 0),
    ):
        page.press(key)
        assert page.step == wanted
        assert page.text("#count") == f"step {wanted} of {end}"
    page.js("document.getElementById('slider').focus()")
    page.press("ARROW_RIGHT", "ARROW_RIGHT")  # the slider's own keys, once each
    assert page.step == 2


def test_playing_and_pausing(opened):
    loss, _, _ = or_step()
    page = opened.open(tg.play(loss))
    page.press("SPACE")
    assert (page.step, page.one("#play").get_attribute("aria-label")) == (1, "pause")
    page.press("SPACE")
    assert (page.step, page.one("#play").get_attribute("aria-label")) == (1, "play")
    page.click("#last")
    page.click("#play")
    assert page.step == 0
    page.press("ARROW_RIGHT")
    assert page.one("#play").get_attribute("aria-label") == "play"


def test_a_click_on_a_node_leads_to_its_step(opened):
    loss, _, _ = or_step()
    player = tg.play(loss)
    page = opened.open(player)
    names = [n["plain"] for n in player.data["nodes"]]
    out, w2 = (f"[data-node='{names.index(name)}'] rect" for name in ("out", "w₂"))
    page.click(out)
    assert page.text(".badge") == "forward 5 of 8"
    assert "active" in page.one(f"g[data-node='{names.index('out')}']").get_attribute("class")
    page.click("#last")
    page.click(out)
    assert page.text(".badge") == "backward 4 of 8"
    page.click(w2)  # a leaf: where its gradient is complete
    assert page.text("h3") == "to w2"
    page.js("document.querySelector('g[tabindex=\"0\"]').focus()")
    page.press("HOME")
    page.js("document.querySelector('[data-node=\"7\"]').focus()")
    page.press("ENTER")
    assert page.step > 0


def test_boxes_show_values_then_gradients(opened):
    loss, w2, _ = or_step()
    player = tg.play(loss)
    page = opened.open(player)
    w2_box = f"g.box[data-node='{[n['plain'] for n in player.data['nodes']].index('w₂')}']"
    assert (page.text(f"{w2_box} .value"), page.text(f"{w2_box} .gradient")) == ("0.3", "")
    page.press("END")
    assert page.text(f"{w2_box} .gradient") == "−0.066317"
    assert float(w2.grad) == pytest.approx(-0.066317, abs=5e-7)


def test_it_is_announced_and_labelled(opened):
    loss, _, _ = or_step()
    page = opened.open(tg.play(loss))
    assert page.one("#status").get_attribute("aria-live") == "polite"
    page.go_to("backward", "out")
    said = page.one("#status").get_attribute("textContent")
    assert (
        said == "Step 13 of 18. Backward through out = σ(in): "
        "−0.31003 arrives, and gives −0.066317 for in."
    )
    assert all(e.accessible_name for e in page.all("button, input, g[role=button]"))
    page.press("TAB")
    width = page.js("return getComputedStyle(document.activeElement).outlineWidth")
    assert width == "3px"


# -- a training ------------------------------------------------------------------------------------


def test_the_epoch_slider_replays_the_training(opened):
    player, weights = xor()
    frames = player.data["training"]["frames"]
    page = opened.open(player, size=(1440, 1100))
    assert page.text("#epoch-text").startswith("epoch 1 of 400")
    page.slide("#epoch", len(frames) - 1)
    assert "4 of 4 right" in page.text("#epoch-text")
    lines = set()
    for k in (0, len(frames) // 3, len(frames) - 1):
        page.slide("#epoch", k)
        epoch = frames[k]["epoch"]
        assert page.text("#epoch-text").startswith(f"epoch {epoch} of 400")
        np.testing.assert_allclose(
            page.numbers(".weight:first-child .now"), weights[epoch - 1].ravel(), rtol=1e-4
        )
        lines.add(page.one(".boundary").get_attribute("d"))
        page.click("#last")
        np.testing.assert_allclose(
            page.numbers(".summary")[:4], weights[epoch - 1].ravel(), rtol=1e-4
        )
        page.js("scrollTo(0, 0)")
        page.picture(f"xor_{epoch}")
    assert len(lines) == 3
    page.js("document.getElementById('epoch').focus()")
    page.press("ARROW_LEFT")
    assert page.text("#epoch-text").startswith(f"epoch {frames[-2]['epoch']} of")
    page.click("#replay")
    assert page.one("#replay").get_attribute("aria-label") == "pause"
    page.click("#replay")


def test_a_link_leads_to_a_step_and_an_epoch(opened):
    player, _ = xor()
    frames = player.data["training"]["frames"]
    page = opened.open(player)
    page.js(f"location.hash = 'step=3&epoch={frames[2]['epoch']}'")
    assert (
        page.js(
            "return new Promise((done) => setTimeout(() => "
            "done(document.getElementById('slider').value), 50))"
        )
        == "3"
    )
    assert page.text("#epoch-text").startswith(f"epoch {frames[2]['epoch']} of 400")
    page.press("ARROW_RIGHT")
    assert (
        page.js("return new Promise((done) => setTimeout(() => done(location.hash), 500))")
        == f"#step=4&epoch={frames[2]['epoch']}"
    )
    page.js("location.hash = 'step=nonsense&epoch=<b>'")
    assert (
        page.js(
            "return new Promise((done) => setTimeout(() => "
            "done(document.getElementById('slider').value), 50))"
        )
        == "0"
    )


def test_paper_gets_every_step(opened):
    player, _ = two_layer()
    page = opened.open(player)
    page.js("dispatchEvent(new Event('beforeprint'))")
    assert len(page.all("#printed > section")) == len(player.data["steps"])
    page.js("dispatchEvent(new Event('afterprint'))")
    assert page.all("#printed > section") == []


def test_the_words_of_a_step_are_seen_without_scrolling_on_small_screens(opened):
    for size in (PHONE, (640, 400)):  # the second: a laptop at 200 %
        page = opened.open(or_gate()[0], size)
        page.press("ARROW_RIGHT")
        assert page.js(
            "return document.querySelector('#step h2').getBoundingClientRect().bottom < "
            "innerHeight - 40"
        )


def test_matrices_of_a_stack_stand_apart(opened):
    x = tg.Tensor(np.arange(12.0).reshape(3, 2, 2), requires_grad=True, name="x")
    loss = (x * x).sum()
    loss.backward()
    page = opened.open(tg.play(loss))
    page.press("ARROW_RIGHT")
    assert (
        page.js(
            "return document.querySelectorAll('#step "
            "table.matrix')[0].querySelectorAll('tr.next').length"
        )
        == 2
    )


# -- everywhere ------------------------------------------------------------------------------------

AT_EVERY_STEP = """
const texts = 'h2, h3, .number, .matrix, .sign, dt, .why, figcaption';
const overlaps = () => {
    const seen = [...document.getElementById('step').querySelectorAll(texts)]
        .map((e) => [e, e.getBoundingClientRect()]).filter(([, r]) => r.width && r.height);
    const found = [];
    seen.forEach(([a, r], i) => seen.slice(i + 1).forEach(([b, s]) => {
        if (a.contains(b) || b.contains(a)) return;
        const w = Math.min(r.right, s.right) - Math.max(r.left, s.left);
        const h = Math.min(r.bottom, s.bottom) - Math.max(r.top, s.top);
        if (w > 2 && h > 4) found.push(a.textContent + ' | ' + b.textContent);
    }));
    return found;
};
const slider = document.getElementById('slider'), seen = [];
for (let step = 0; step <= Number(slider.max); step++) {
    slider.value = step;
    slider.dispatchEvent(new Event('input'));
    seen.push([overlaps(), document.documentElement.scrollWidth]);
}
return seen;
"""
SPILLS = """
return [...document.querySelectorAll('g.box')].filter((g) => {
    const place = (part) => g.querySelector(part).getBoundingClientRect();
    const frame = place('rect'), head = place('.head');
    return head.left < frame.left - 1 || head.right > frame.right + 1;
}).map((g) => g.textContent);
"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_it_fits_the_screen_and_no_text_is_over_another(opened, size, dark):
    for name, player in (("or_gate", or_gate()[0]), ("two_layer", two_layer()[0])):
        page = opened.open(player, size, dark)
        assert page.js(SPILLS) == []
        steps = page.js(AT_EVERY_STEP)
        assert len(steps) == len(player.data["steps"])
        for overlaps, width in steps:
            assert overlaps == []
            assert width <= size[0]
        page.slide("#slider", 15)
        page.picture(
            f"{name}_{'phone' if size == PHONE else 'desktop'}_{'dark' if dark else 'light'}"
        )
    paper = page.js("return getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(21, 24, 28)" if dark else "rgb(255, 255, 255)")


def test_who_wants_no_motion_gets_none(opened):
    loss, _, _ = or_step()
    moving = opened.open(tg.play(loss), still=False).js(
        "return getComputedStyle(document.querySelector('.box > rect')).transitionDuration"
    )
    still = opened.open(tg.play(loss)).js(
        "return getComputedStyle(document.querySelector('.box > rect')).transitionDuration"
    )
    assert (moving, still) == ("0.25s, 0.25s", "0s")


def test_in_a_notebook_it_plays_inside_of_a_frame(opened):
    loss, _, _ = or_step()
    host = opened.folder / "page.html"
    host.write_text(
        "<!doctype html><meta charset=utf-8><link rel=icon "
        f"href=data:,>{tg.play(loss)._repr_html_()}",
        encoding="utf-8",
    )
    opened.browser.get(host.as_uri())
    opened.browser.switch_to.frame(0)
    opened.press("TAB")
    opened.click("#forward")
    assert opened.text("#count") == "step 1 of 18"
    opened.browser.switch_to.default_content()


def test_an_evil_name_is_a_label(opened):
    x = tg.Tensor([1.0, 2.0], requires_grad=True, name=EVIL)
    page = opened.open(tg.play((x * x).sum().named(EVIL)))
    assert page.text("h1") == f"Backpropagation of {EVIL}"
    for step in range(int(page.one("#slider").get_property("max")) + 1):
        page.slide("#slider", step)
        assert page.js("return document.scripts.length") == 2
    assert EVIL in page.text("#graph")
    page.js(
        "const s = document.createElement('script'); s.textContent = 'window.broken = 1'; "
        "document.body.append(s)"
    )
    assert page.js("return window.broken") is None
    refused = [
        entry["message"] for entry in page.browser.get_log("browser")
    ]  # of our own attempt alone
    assert len(refused) == 1
    assert "Content Security Policy" in refused[0]


# how many changes of the document each step makes; a picture that is drawn anew changes all of it
CHANGES = """
const counts = [], seen = new MutationObserver(() => {});
seen.observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
for (let i = 0; i < 40; i++) {
    document.getElementById("forward").click();
    counts.push(seen.takeRecords().length);
}
return counts.sort((a, b) => a - b);
"""


def test_a_graph_of_500_ops_stays_fluid(opened):
    """A step touches what changes, and not the whole picture: as much as in a small graph."""

    def played(ops):
        x = tg.Tensor(0.5, requires_grad=True, name="x")
        h = x
        for k in range(ops // 2):
            h = h * 0.9 + x if k % 2 else h.tanh() + h
        player = tg.play(h)
        assert sum(step["kind"] == "forward" for step in player.data["steps"]) == ops
        return opened.open(player)

    few = played(40).js(CHANGES)
    page = played(500)
    many = page.js(CHANGES)
    assert 0 < few[0] <= few[-1] < 100
    assert many[20] <= few[20]
    assert many[-1] <= few[-1]
    page.slide("#slider", 700)
    page.picture("500_ops")
