"""What `grad` keeps of large results: no more than the rules read, and nobody sees a difference."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given

import tinygrad_edu as tg
from tinygrad_edu.engine import memory
from tinygrad_edu.engine.memory import Forgotten
from tinygrad_edu.engine.op import OUTPUT
from tinygrad_edu.engine.registry import registry
from tinygrad_edu.graph import ancestors
from tinygrad_edu.testing import expressions

Tensor = tg.Tensor
X = np.random.default_rng(0).normal(size=(4, 3))
W = np.random.default_rng(1).normal(size=(3, 3))


@pytest.fixture
def everything_is_large(monkeypatch):
    monkeypatch.setattr(memory, "LARGE", 0)


def layers(W, n=3):
    a = X
    for _ in range(n):
        a = (a @ W + 1.0).relu()
    return (a * a).sum()


def kept(loss):
    """The results in the graph whose values it keeps, by op."""
    return [
        t.op.name
        for t in ancestors(loss, values=False)
        if t.op and t.op.name != "copy" and type(t._array) is not Forgotten and t is not loss
    ]


# -- what the rules read -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "operands", "read"),
    [
        ("add", (True, True), set()),
        ("multiply", (True, True), {0, 1}),
        ("multiply", (True, False), {1}),
        ("relu", (True,), {OUTPUT}),
        ("tanh", (True,), {0}),
        ("sin", (True,), {0}),
        ("divide", (False, True), {OUTPUT, 1}),
        ("matmul", (False, True), {0, 1}),  # the shapes of both
    ],
)
def test_what_a_rule_reads_is_seen_in_its_code(name, operands, read):
    assert registry[name].reads(operands) == read


def test_a_rule_that_is_no_plain_function_is_taken_to_read_everything():
    class Rule:
        def __call__(self, g, y, x):
            return g

    for name, rule, read in [
        ("callable", Rule(), {OUTPUT, 0}),
        ("starred", lambda g, *more: g, {OUTPUT, 0}),
        ("plain", lambda g, y, x: g, {OUTPUT, 0}),
    ]:
        assert tg.op(lambda x: x.copy(), rule, name=f"test_{name}").reads((True,)) == read


@given(expressions())
def test_gradients_are_the_same_bit_for_bit_whether_values_are_forgotten_or_not(program):
    every = tuple(range(len(program.inputs)))
    found = []
    for large in (0, memory.LARGE):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(memory, "LARGE", large)
            found.append(tg.grad(lambda *xs: (program(*xs) * 1.0).sum(), every)(*program.inputs))
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


# -- what is kept --------------------------------------------------------------------------------


@pytest.mark.usefixtures("everything_is_large")
def test_only_what_rules_read_is_kept():
    losses = []
    pulled = tg.vjp(lambda W: losses.append(layers(W)) or losses[0], W)[1]
    assert set(kept(losses[0])) == {
        "relu",
        "multiply",
    }  # multiply: the sum's rule looks at its operand's shape
    pulled(1.0)
    assert len(kept(losses[0])) == 4  # a vjp may be asked again
    np.testing.assert_array_equal(pulled(1.0)[0], pulled(1.0)[0])


@pytest.mark.usefixtures("everything_is_large")
def test_the_walk_lets_go_of_what_it_has_passed():
    losses = []
    tg.grad(lambda W: losses.append(layers(W)) or losses[0])(W)
    assert kept(losses[0]) == []


def test_small_results_are_kept():
    losses = []
    tg.grad(lambda W: losses.append(layers(W)) or losses[0])(W)
    assert len(kept(losses[0])) == 10


def peak(function, *args):
    function(*args)
    tracemalloc.start()
    try:
        function(*args)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_peak_of_a_deep_network_is_one_array_a_layer():
    n, width = 30, 200
    x = np.random.default_rng(0).normal(size=(width, width))
    weights = [np.random.default_rng(i).normal(size=(width, width)) / width for i in range(n)]

    def cost(weights):
        a = x
        for w in weights:
            a = (a @ w + 1.0).relu()
        return (a * a).sum()

    def backward(intermediates):
        parameters = [Tensor(w, requires_grad=True, copy=False) for w in weights]
        cost(parameters).backward(intermediates=intermediates)

    layer = x.nbytes
    assert peak(tg.value_and_grad(cost), weights) < (n + 10) * layer
    assert (
        peak(backward, False) < (4 * n + 10) * layer
    )  # three results a layer, and the gradients of the weights
    assert peak(backward, True) > (6 * n) * layer


# -- nobody sees a difference --------------------------------------------------------------------


@pytest.mark.usefixtures("everything_is_large")
def test_what_the_function_holds_keeps_its_value():
    held = []

    def cost(W):
        for _ in range(2):
            held.append(X @ W + 1.0)
        return (held[0] * held[1].tanh()).sum()

    tg.grad(cost)(W)
    np.testing.assert_array_equal(held[0].numpy(), X @ W + 1.0)
    np.testing.assert_array_equal((held[0] * 2.0).numpy(), (X @ W + 1.0) * 2.0)
    assert "(4, 3): [[0.872," in str(tg.draw(held[0]).text)


@pytest.mark.usefixtures("everything_is_large")
def test_readers_find_forgotten_values_again():
    losses = []
    tg.grad(lambda W: losses.append(layers(W)) or losses[0])(W)
    expected = [t.numpy() for t in ancestors(layers(Tensor(W, requires_grad=True)))]
    found = [
        t for t in ancestors(losses[0]) if not (t.op and t.op.name == "copy")
    ]  # of the argument
    for t, value in zip(found, expected, strict=True):
        np.testing.assert_array_equal(t.numpy(), value)


@pytest.mark.usefixtures("everything_is_large")
def test_backward_on_what_grad_left_behind_is_an_error_and_no_wrong_gradient():
    losses = []
    tg.grad(lambda W: losses.append(layers(W)) or losses[0])(W)
    with pytest.raises(RuntimeError, match=r"a value on the way was not kept: inside grad"):
        losses[0].backward()


@pytest.mark.usefixtures("everything_is_large")
def test_an_outer_level_that_shows_only_in_the_end_finds_all_values():
    v = Tensor(W, requires_grad=True)
    (tg.grad(lambda u: (layers(u) * v.tanh()).sum())(W) ** 2).sum().backward()  # v is closed over
    expected = tg.grad(lambda v: (tg.grad(lambda u: (layers(u) * v.tanh()).sum())(W) ** 2).sum())(W)
    np.testing.assert_allclose(v.grad, expected.numpy(), rtol=1e-12)


@pytest.mark.usefixtures("everything_is_large")
def test_a_leaf_changed_meanwhile_is_noticed_before_a_value_is_computed_again():
    w, losses = Tensor(W), []
    tg.grad(lambda u: losses.append((u * 2.0 + w).sum()) or losses[0])(W)
    w += 1.0
    with pytest.raises(RuntimeError, match="w was changed in place after"):
        ancestors(losses[0])


def test_an_inner_gradient_does_not_walk_back_through_the_outer_function():
    calls = []
    seen = tg.op(lambda x: x.copy(), lambda g, y, x: calls.append(1) or g, name="test_seen")

    def outer(w):
        h = seen(w)
        return tg.grad(lambda x: (x * x * h).sum())(X).sum()

    tg.grad(outer)(X)
    assert len(calls) == 1


def test_backward_leaves_out_the_gradients_of_intermediates_when_told():
    w = Tensor(W, requires_grad=True)
    h = w * 2.0
    loss = (h * h).sum()
    loss.backward()
    assert h.grad is not None
    whole = w.grad
    w.zero_grad()
    loss.backward(intermediates=False)
    assert h.grad is None and loss.grad is None
    np.testing.assert_array_equal(w.grad, whole)
