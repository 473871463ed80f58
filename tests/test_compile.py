"""Compiled programs equal eager ones, gradients and whole training steps included; their text runs by itself; what cannot be says why."""

import os
import subprocess
import sys
import threading
import time
import tracemalloc
import warnings
from copy import copy

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_edu as tg
from tinygrad_edu import datasets, memory
from tinygrad_edu.compile import blocks, plan
from tinygrad_edu.define import in_table
from tinygrad_edu.registry import registry
from tinygrad_edu.testing import expressions, op_calls
from tinygrad_edu.trees import leaves

TABLE = [name for name, op in registry.items() if in_table(op)]
X, TARGET = datasets.or_gate()
OR_START = np.array([[0.1], [0.2]]), np.array([0.3])


def called(op, operands, static):
    return op(list(operands), **static) if op.variadic is not None else op(*operands, **static)


def is_float_array(x):
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def same(found, expected, rtol=1e-12, atol=1e-13):
    """Assert equal structure, shapes and dtypes, and values but for rounding."""
    places, wanted = dict(leaves(found)), dict(leaves(expected))
    assert list(places) == list(wanted)
    for path, value in wanted.items():
        a, b = np.asarray(places[path]), np.asarray(value)
        assert (a.shape, a.dtype) == (b.shape, b.dtype), path
        assert_allclose(a, b, rtol=rtol, atol=atol, err_msg=path)


def run_source(compiled, *args):
    """What the printed module gives, in a namespace of its own."""
    scope = {}
    exec(compile(compiled.source, "<source>", "exec"), scope)
    return scope[compiled.name](*args, **compiled.constants)


def agrees(f, *args, **tolerance):
    """Assert that f, compiled, equals f: at once, once more with the kept memory, and as text; and that it leaves the inputs alone."""
    before = [np.copy(a) for a in args]
    with np.errstate(all="ignore"):
        expected = f(*map(tg.Tensor, args))
        compiled = tg.compile(f)
        for found in (compiled(*args), compiled(*args), run_source(compiled, *args)):
            same(found, expected, **tolerance)
    for a, b in zip(before, args, strict=True):
        assert_array_equal(a, b)
    return compiled


def squares(f, args):
    """The value and the gradient of the sum of the squares of what f gives."""
    floats = tuple(i for i, a in enumerate(args) if is_float_array(a))
    return tg.value_and_grad(lambda *xs: (f(*xs) ** 2).sum(), floats)


def or_cost(W, b):
    o = (X @ W + b).sigmoid()
    return 0.5 * ((o - TARGET) ** 2).sum()


def or_step(W, b):
    loss, (d_W, d_b) = tg.value_and_grad(or_cost, (0, 1))(W, b)
    return W - 0.05 * d_W, b - 0.05 * d_b, loss


def cross_entropy(parameters, x, y):
    W1, b1, W2, b2 = parameters
    a1 = (x @ W1 + b1).sigmoid()
    o = (a1 @ W2 + b2).sigmoid()
    return -(y * o.log() + (1 - y) * (1 - o).log()).mean()


def two_layer_step(parameters, x, y):
    loss, slopes = tg.value_and_grad(cross_entropy)(parameters, x, y)
    return [p - 0.5 * slope for p, slope in zip(parameters, slopes, strict=True)], loss


def two_layer_start():
    rng = np.random.default_rng(0)
    return [rng.normal(0, 0.1, (4, 5)), np.zeros(5), rng.normal(0, 0.1, (5, 1)), np.zeros(1)]


def table():
    rng = np.random.default_rng(1)
    return rng.integers(0, 2, (8, 4)).astype(float), rng.integers(0, 2, (8, 1)).astype(float)


# -- equal to eager ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TABLE)
def test_every_op_and_its_gradient(name):
    op = registry[name]

    @settings(max_examples=8, database=None)
    @given(op_calls(op))
    def check(call):
        operands, static = call
        arrays = [a for a in operands if isinstance(a, np.ndarray)]

        def f(*xs):
            given_ = iter(xs)
            return called(op, [next(given_) if isinstance(a, np.ndarray) else a for a in operands], static)

        agrees(f, *arrays)
        with np.errstate(all="ignore"):
            y = f(*arrays)
        if (op.rules or op.variadic) and y.dtype.kind == "f" and any(map(is_float_array, arrays)):
            agrees(squares(f, arrays), *arrays, rtol=1e-9)

    check()


@settings(max_examples=60)
@given(expressions())
def test_random_programs_and_their_gradients(program):
    def f(*xs):
        return program(*xs)

    agrees(f, *program.inputs, rtol=1e-9)
    agrees(squares(f, program.inputs), *program.inputs, rtol=1e-9)


@settings(max_examples=60)
@given(expressions())
def test_random_programs_in_blocks_of_one_row(program):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", 1)
        patch.setattr(blocks, "BLOCKS", 1)
        patch.setattr(plan, "MANY", 2)
        agrees(squares(lambda *xs: program(*xs), program.inputs), *program.inputs, rtol=1e-9)


@settings(max_examples=20)
@given(expressions(dtype=np.float32))
def test_random_programs_keep_float32(program):
    agrees(lambda *xs: program(*xs), *program.inputs, rtol=1e-4, atol=1e-5)


def test_the_perceptron_s_step():
    compiled = agrees(or_step, *OR_START)
    W, b = OR_START
    for _ in range(10_000):
        W, b, _ = compiled(W, b)
    assert_allclose(np.ravel(W), [5.36546322, 5.36551912], atol=1e-8, rtol=0)
    assert_allclose(b, [-2.42759823], atol=1e-8, rtol=0)
    assert len(compiled.signatures) == 1


def test_the_two_layer_step_keeps_the_structure():
    x, y = table()
    compiled = tg.compile(two_layer_step)
    parameters, loss = compiled(two_layer_start(), x, y)
    assert type(parameters) is list
    assert type(loss) is tg.Tensor
    assert all(type(p) is tg.Tensor and not p.requires_grad and p.is_leaf for p in parameters)
    same(compiled(two_layer_start(), x, y), two_layer_step(two_layer_start(), x, y))
    same(run_source(compiled, two_layer_start(), x, y), two_layer_step(two_layer_start(), x, y))


@pytest.mark.parametrize("labels_are_known", [True, False])
def test_a_classifier_s_step_in_float32(labels_are_known):
    rng = np.random.default_rng(0)
    x, labels = rng.random((16, 20), dtype=np.float32), rng.integers(0, 3, 16)
    start = {"W1": rng.normal(0, 0.1, (20, 8)).astype(np.float32), "W2": rng.normal(0, 0.1, (8, 3)).astype(np.float32)}

    def step(p, *more):
        target = more[0] if more else labels
        loss, slopes = tg.value_and_grad(lambda p: tg.cross_entropy((x @ p["W1"]).relu() @ p["W2"], target))(p)
        return {key: p[key] - np.float32(0.1) * slopes[key] for key in p}, loss

    args = (start,) if labels_are_known else (start, labels)
    compiled = tg.compile(step)
    same(compiled(*args), step(*args), rtol=1e-5, atol=1e-6)
    same(run_source(compiled, *args), step(*args), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("loss", [tg.mse, tg.binary_cross_entropy, tg.binary_cross_entropy_with_logits])
def test_losses(loss):
    p, y = np.array([[0.2], [0.9]]), np.array([[0.0], [1.0]])
    agrees(tg.value_and_grad(lambda p, y: loss(p, y)), p, y)


def test_all_transforms():
    def f(x):
        return (x * x.sin()).sum() * x[0]

    x, v = np.array([0.3, -0.7, 1.1]), np.array([1.0, 0.5, -2.0])
    for transformed in (tg.grad(f), tg.hessian(f), tg.jacobian(lambda x: x.sin() * x), lambda x: tg.hvp(f, (x,), (v,))):
        agrees(transformed, x)
    agrees(lambda x, v: tg.jvp(lambda x: x.sin(), (x,), (v,)), x, v)
    agrees(lambda x, v: tg.vjp(lambda x: x.sin(), x)[1](v), x, v)
    agrees(lambda x: tg.value_and_grad(lambda x: (f(x), {"square": x**2}), has_aux=True)(x), x)
    agrees(lambda x: tg.grad(lambda x: (tg.grad(f)(x) ** 2).sum())(x), x)


def test_what_has_no_gradient_is_computed_anew_all_the_same():
    """Integers, detached tensors and what no_grad() surrounds are no constants of the program."""

    def f(x, n):
        with tg.no_grad():
            scale = x.max() * 2
        rest = tg.grad(lambda w: (w * n).sum())(np.ones(3))
        return tg.grad(lambda x: (x * x.detach() * scale).sum() + (x**n).sum())(x) + rest

    compiled = agrees(f, np.array([0.3, -0.7, 1.1]), np.array([1, 2, 3]))
    args = np.array([2.0, 0.5, 0.1]), np.array([2, 1, 1])
    same(compiled(*args), f(*args))
    assert len(compiled.signatures) == 1


@pytest.mark.parametrize(
    "layout", [np.asfortranarray, lambda a: a[::-1], lambda a: np.repeat(a, 2, axis=1)[:, ::2], lambda a: a.astype(">f8")]
)
def test_layouts(layout):
    a = layout(np.arange(12.0).reshape(4, 3))
    agrees(lambda a: ((a.T @ a).tanh() + 1, a.T, a[1:], a.reshape(-1)), a)


def test_results_are_the_caller_s_own():
    a = np.arange(6.0).reshape(2, 3)
    compiled = tg.compile(lambda a: (a, a.T, a * 2, (a * 2).T, a[0], [a * 2]))
    first, second = (dict(leaves(compiled(a))) for _ in range(2))
    arrays = [t.data for t in (*first.values(), *second.values())]
    for i, x in enumerate(arrays):
        assert not np.shares_memory(x, a)
        assert not any(np.shares_memory(x, y) for y in arrays[:i])
        x[...] = -1
    same(dict(leaves(compiled(a))), dict(leaves((a, a.T, a * 2, (a * 2).T, a[0], [a * 2]))))


def test_structures_and_values_that_are_no_arrays():
    def f(tree, *more, scale, mode="sum"):
        x, (y, z) = tree["x"], tree["rest"]
        total = x * scale + y - (z if mode == "sum" else 0.0)
        return {"total": total, 3: [more[0] * 2, "text", None, 1.5], "both": (total, True)}

    tree = {"x": np.ones(3), "rest": [tg.Tensor([1.0, 2.0, 3.0]), np.float64(0.5)]}
    compiled = tg.compile(f)
    for kwargs in ({"scale": 2}, {"scale": 2.0}, {"scale": 3, "mode": "none"}):
        found, expected = (g(tree, np.array([1, 2]), **kwargs) for g in (compiled, f))
        assert found.keys() == expected.keys()
        assert found[3][1:] == expected[3][1:]
        same(found["both"][0], expected["both"][0])
        same(found[3][0], expected[3][0])
    assert len(compiled.signatures) == 3
    assert compiled.signatures[2] == ("f(tree={'x': float64[3], 'rest': [float64[3], float64[]]}, more_0=int64[2], scale=3, mode='none')")


def test_user_s_ops(request):
    request.addfinalizer(lambda: [registry.pop(name, None) for name in ("cube_of", "looking", "looking_out", "halved")])
    cube = tg.op(lambda x: x**3, lambda g, y, x: g * 3 * x**2, name="cube_of")

    def look(x):
        return x * 2 if x.sum() > 0 else x

    def halved(x, by=2.0):
        return _scaled(x, 1 / by)

    unit = 2.0

    def looking_out(x):
        return x * unit if x.sum() > 0 else x

    looking = tg.op(look, lambda g, y, x: g * 2, name="looking")
    out = tg.op(looking_out, lambda g, y, x: g * 2, name="looking_out")
    half = tg.op(halved, lambda g, y, x, by: g / by, name="halved")
    compiled = agrees(lambda x: tg.value_and_grad(lambda x: cube(looking(out(half(x).sigmoid()))).sum())(x), np.array([0.5, 2.0]))
    assert "def cube_of(x):" in compiled.source
    assert "def looking(x):\n    return x * 2 if x.sum() > 0 else x" in compiled.source, "it looks at values, but it has a text"
    assert "looking_out = tinygrad_edu.registry.registry['looking_out'].run" in compiled.source, "and its text needs more than NumPy"


def _scaled(x, c):
    return x * c


# -- signatures ----------------------------------------------------------------------------------------------------------------


def test_it_records_once_per_signature_and_says_so():
    runs = []

    def f(x, power):
        runs.append(x.shape)
        return x**power if x.ndim == 1 else x.sum()  # control flow on shapes and Python values

    compiled = tg.compile(f)
    for _ in range(3):
        assert compiled(np.array([1.0, 2.0]), 2).tolist() == [1.0, 4.0]
        assert compiled(np.array([1.0, 2.0]), 3).tolist() == [1.0, 8.0]
        assert compiled(np.ones((2, 2)), 3).item() == 4.0
        assert compiled(np.array([1.0, 2.0], np.float32), 2).dtype == np.float32
    assert len(runs) == 4
    assert compiled.signatures == [
        "f(x=float64[2], power=2)",
        "f(x=float64[2], power=3)",
        "f(x=float64[2, 2], power=3)",
        "f(x=float32[2], power=2)",
    ]
    assert "4 signatures" in repr(compiled)


def test_static_values_are_told_apart():
    compiled = tg.compile(lambda x, c: x * c)
    x = np.array([1, 2])
    for c in (1, 1.0, True, 0.0, -0.0, float("nan"), np.float32(2), np.float64(2)):
        expected = tg.Tensor(x) * c
        for _ in range(2):
            found = compiled(x, c)
            assert found.dtype == expected.dtype
            assert str(found.numpy()) == str(expected.numpy())
    assert len(compiled.signatures) == 8


def test_a_tensor_from_outside_is_a_constant_until_it_changes():
    w, a = tg.Tensor([1.0, 2.0], requires_grad=True), np.array([1.0, 1.0])
    compiled = tg.compile(lambda x: x * w + a)
    assert compiled(np.ones(2)).tolist() == [2.0, 3.0]
    with tg.no_grad():
        w += 1.0
    a += 10.0  # an array cannot be watched
    assert compiled(np.ones(2)).tolist() == [13.0, 14.0]
    a += 10.0
    assert compiled(np.ones(2)).tolist() == [13.0, 14.0]


def test_too_many_signatures_are_a_warning():
    compiled = tg.compile(lambda x, lr: x * lr)
    for i in range(15):
        compiled(np.ones(2), 0.1 * i)
    with pytest.warns(UserWarning, match=r"16 signatures, and each new value of lr is another: what changes .* np.array\(0.1\)"):
        compiled(np.ones(2), 16.0)
    compiled(np.ones(2), 17.0)


def test_inside_of_a_transform_it_is_seen_through():
    square = tg.compile(lambda x: (x * x).sum())
    x = np.array([1.0, 2.0])
    assert tg.grad(square)(x).tolist() == [2.0, 4.0]
    assert tg.compile(tg.grad(square))(x).tolist() == [2.0, 4.0]
    assert square.signatures == []


def test_donated_parameters_are_updated_in_place():
    W, b = (tg.Tensor(a, requires_grad=True) for a in OR_START)
    compiled = tg.compile(or_step, donate=("W", 1))
    arrays = W._data, b._data
    expected = or_step(*OR_START)
    new_W, new_b, loss = compiled(W, b)
    assert new_W is W
    assert new_b is b
    assert (W._data is arrays[0]) and (b._data is arrays[1])
    same((new_W.numpy(), new_b.numpy(), loss), expected)
    same(compiled(*[a.copy() for a in OR_START]), expected)
    frozen = OR_START[0].copy()
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        compiled(frozen, OR_START[1].copy())
    with pytest.raises(TypeError, match="has a history"):
        compiled(W * 1.0, OR_START[1].copy())
    with pytest.raises(TypeError, match=r"no argument 'w'.*W, b"):
        tg.compile(or_step, donate="w")(*OR_START)


def test_a_donated_input_that_is_needed_later_is_not_overwritten_too_early():
    def f(a, b):
        c = a + b
        return c, c @ a.T, a.T * 2, a[:1] + c

    args = np.arange(4.0).reshape(2, 2), np.ones((2, 2))
    same(tg.compile(f, donate=(0, 1))(*[a.copy() for a in args]), f(*args))


def test_repeat_does_many_steps():
    compiled = tg.compile(or_step)
    W, b, loss = compiled.repeat(100, carry=2)(*OR_START)
    steps = OR_START
    costs = []
    for _ in range(100):
        *steps, cost = or_step(*steps)
        costs.append(cost.item())
    same((W, b), tuple(steps))
    assert loss.item() == pytest.approx(costs[-1], rel=1e-12)
    *_, history = compiled.repeat(100, carry=2, history=True)(*OR_START)
    assert_allclose(history, costs, rtol=1e-12)
    x, y = table()
    two_layer = tg.compile(two_layer_step, donate=0)
    start = two_layer_start()
    _, loss = two_layer.repeat(50)(start, x, y)
    assert loss.item() < cross_entropy([tg.Tensor(p) for p in start], x, y).item()
    same(start, two_layer_start())
    assert tg.compile(lambda x: x * 2).repeat(10)(np.ones(2)).tolist() == [1024.0, 1024.0]


def test_repeat_says_what_it_needs():
    with pytest.raises(ValueError, match=r"return new values of x=float64\[2\].* it returns \(float64\[\], float64\[2\]\)"):
        tg.compile(lambda x: (x.sum(), x)).repeat(3)(np.ones(2))
    with pytest.raises(ValueError, match="at least 1"):
        tg.compile(or_step).repeat(0)
    with pytest.raises(TypeError, match="nothing is differentiated"):
        tg.grad(tg.compile(lambda x: x * x).repeat(2))(2.0)


def test_two_threads_may_call_it_at_once():
    compiled = tg.compile(two_layer_step)
    x, y = table()
    starts = [[p + 0.1 * i for p in two_layer_start()] for i in range(4)]
    expected = [compiled(start, x, y) for start in starts]
    wrong = []

    def call(i):
        for _ in range(200):
            parameters, loss = compiled(starts[i], x, y)
            if loss.item() != expected[i][1].item() or not np.array_equal(parameters[0], expected[i][0][0]):
                wrong.append(i)

    threads = [threading.Thread(target=call, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_product_with_a_square_matrix_of_equal_entries():
    x = np.arange(9.0).reshape(3, 3)
    agrees(lambda x: np.ones((3, 3)) @ x + x @ np.full((3, 3), 2.0), x)
    agrees(lambda x: x @ np.broadcast_to(x[0], (3, 3)), x)
    agrees(lambda x: tg.grad(lambda x: (x @ x).sum())(x), x)


def test_a_minus_sign_that_cannot_go_away_stays():
    def f(x, w):
        n = -x  # used twice
        return w + n * 2.0 + n, w - n * 2.0 + n

    agrees(f, np.array([1.0, 2.0]), np.array([3.0, 4.0]))


# -- what is remembered while a function is recorded ---------------------------------------------------------------------------------

LARGE = np.random.default_rng(0).normal(size=(100, 120))


@settings(max_examples=60)
@given(expressions())
def test_a_program_is_the_same_whether_it_was_recorded_with_values_or_without(program):
    texts = []
    for large in (0, memory.LARGE):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(memory, "LARGE", large)
            compiled = tg.compile(squares(lambda *xs: program(*xs), program.inputs))
            same(compiled(*program.inputs), compiled(*program.inputs))
            texts.append(compiled.planned_source)
    assert texts[0] == texts[1]


def test_recording_a_deep_network_takes_no_more_memory_than_running_it():
    start = [np.random.default_rng(i).normal(size=(120, 120)) / 11 for i in range(15)]

    def cost(weights, x):
        for w in weights:
            x = (x @ w).tanh() * 1.5
        return (x * x).mean()

    def step(weights, x):
        loss, slopes = tg.value_and_grad(cost)(weights, x)
        return [w - 0.1 * g for w, g in zip(weights, slopes, strict=True)], loss

    compiled = tg.compile(step)
    tracemalloc.start()
    try:
        new, loss = compiled(start, LARGE)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * held, f"{peak / LARGE.nbytes:.0f} arrays, {held / LARGE.nbytes:.0f} of them the program's memory and its results"
    same((new, loss), step(list(map(tg.Tensor, start)), tg.Tensor(LARGE)), rtol=1e-9)


def test_a_normalisation_compiles_without_a_warning():
    def normalised(x):
        return (x - x.mean(axis=0)) / x.std(axis=0)

    for f in (normalised, tg.grad(lambda x: (normalised(x * 2.0) ** 3).sum())):
        runs = []
        found = tg.compile(lambda x, f=f, runs=runs: runs.append(1) or f(x))(LARGE)
        same(found, f(tg.Tensor(LARGE)), rtol=1e-9, atol=1e-9)
        assert len(runs) == 1, "a warning is an error here, after which it would be recorded once more"


def test_values_that_depend_on_no_input_are_known():
    w = tg.Tensor(LARGE, requires_grad=True)

    def f(x):
        doubled = w * 2.0
        return (x * 3.0 + doubled) * float(doubled.max()) if (doubled > 1.0).any() else x

    same(tg.compile(f)(LARGE), f(tg.Tensor(LARGE)))


def test_values_that_depend_on_an_input_are_not_shown():
    texts = []
    tg.compile(lambda x: texts.append(str(x * 2.0)) or x)(np.ones(2))
    assert texts == ["Tensor(not known yet, shape=(2,), op=multiply, requires_grad=True)"]
    with pytest.raises(TypeError, match="the value of x differs from call to call"):
        tg.compile(lambda x: copy(x) + 1.0)(np.ones(2))


def test_an_op_may_need_values_to_run_at_all(request):
    request.addfinalizer(lambda: registry.pop("inverse", None))
    inverse = tg.op(np.linalg.inv, lambda g, y, x: -(y.mT @ g @ y.mT), name="inverse")
    square = LARGE @ LARGE.T

    def f(x):
        return tg.value_and_grad(lambda x: inverse(x * 2.0 + np.eye(100)).sum())(x)

    same(tg.compile(f)(square), f(tg.Tensor(square)), rtol=1e-9)


def test_a_result_that_outlives_the_recording_has_no_wrong_value():
    held = []
    tg.compile(lambda x: held.append((x * 2.0).sum()) or held[0] * 1.0)(LARGE)
    with pytest.raises(RuntimeError, match="a value on the way was not kept: .* while it is compiled"):
        held[0] + 1.0


def test_a_recording_is_no_anomaly():
    runs = []

    def f(x):
        runs.append(x.shape)
        x = x * 2.0
        return (x - x.mean(axis=0)) / x.std(axis=0)

    with tg.detect_anomaly():
        assert np.isfinite(tg.compile(f)(LARGE).numpy()).all()
    assert len(runs) == 1, "with all values"


def test_looking_at_many_results_takes_no_longer():
    def f(x):
        for _ in range(500):
            x = (x + 1.0).tanh().detach()
        return x

    compiled = tg.compile(f)
    start = time.perf_counter()
    compiled(np.ones(3))
    seconds = time.perf_counter() - start
    assert seconds < 0.5, f"{seconds:.2f} s: it was 1.7 s when each look walked back to the inputs"


# -- what cannot be recorded ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x if x.sum() > 0 else -x,
        lambda x: x * float(x[0]),
        lambda x: x * x.max().item(),
        lambda x: x * x.tolist()[0],
        lambda x: x + np.asarray(x),
        lambda x: x + x.numpy(),
        lambda x: x + x.data,
        lambda x: x if np.allclose(x, 0.0) else -x,
        lambda x: x[x.argmax()],
        lambda x: tg.Tensor(x.argmax()) + x,
        lambda x: max(x[0], x[1]),
        lambda x: tg.grad(lambda w: w * 2 if w > 0 else w)(x[0]),
        lambda x: f"{x.sum():.3f}",
    ],
)
def test_going_by_a_value_is_an_error_that_explains(f):
    with pytest.raises(
        TypeError, match=r"(?s)is being compiled, and the value of .* differs from call to call.*tg\.where\(condition, a, b\)"
    ):
        tg.compile(f)(np.array([1.0, -2.0]))
    with pytest.raises(TypeError, match="is being compiled, and the value of"):
        tg.compile(lambda x: f((x * 1.0)[:2, 0]))(LARGE)
    assert bool(tg.Tensor(1.0) > 0), "outside of it values are seen again"


def in_place(x):
    x += 1.0
    return x


def in_place_without_recording(x):
    with tg.no_grad():
        x -= 0.1 * x
    return x


def assigned(x):
    x.data = np.zeros(2)
    return x


def backward(x):
    (x * x).sum().backward()
    return x


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (in_place, r"`x \+= \.\.\.` changes a tensor in place.*`new = x \+"),
        (in_place_without_recording, r"`x -= \.\.\.` changes a tensor in place"),
        (assigned, r"`x\.data = \.\.\.` changes a tensor in place"),
        (backward, r"backward\(\) has no `\.grad` to fill.*value_and_grad"),
        (lambda x: {x}, "returned set.*returns Tensors, and dicts, lists and tuples"),
    ],
)
@pytest.mark.parametrize("x", [np.array([1.0, 2.0]), np.array([1, 2])], ids=["floats", "integers"])
def test_what_has_an_effect_is_an_error_that_shows_the_way(f, message, x):
    with pytest.raises(TypeError, match=message):
        tg.compile(f)(x)


def test_wrong_calls():
    with pytest.raises(TypeError, match="compile takes a function, not ndarray"):
        tg.compile(np.ones(2))
    with pytest.raises(ValueError, match="target is 'numpy' or 'jax', not 'torch'"):
        tg.compile(or_step, target="torch")
    with pytest.raises(TypeError, match="target='jax'"):
        tg.compile(or_step, batch_axis="data")
    with pytest.raises(RuntimeError, match="has not been called"):
        tg.compile(or_step).source  # noqa: B018
    with pytest.raises(TypeError, match=r"values that can be hashed; y is set"):
        tg.compile(lambda x, y: x)(np.ones(2), {1})
    with pytest.raises(ValueError, match="matmul cannot take"):
        tg.compile(lambda x: x @ x)(np.ones((2, 3)))
    assert tg.compile(lambda x: x.T @ x)(np.ones((2, 3))).shape == (3, 3), "after an error all is as before"


# -- the text ------------------------------------------------------------------------------------------------------------------

PERCEPTRON = '''
def or_step(W, b):
    """Recorded for W=float64[2, 1], b=float64[1]."""
    # forward
    o = sigmoid(X @ W + b)
    loss = 0.5 * ((o - TARGET) ** 2).sum()

    # backward
    delta = (o - TARGET) * o * (1 - o)
    d_W = X.T @ delta
    d_b = delta.sum(axis=0)

    # update
    new_W = W - 0.05 * d_W
    new_b = b - 0.05 * d_b

    return new_W, new_b, loss
'''
TWO_LAYERS = """
    W1, b1, W2, b2 = parameters

    # forward
    a1 = sigmoid(x @ W1 + b1)
    o = sigmoid(a1 @ W2 + b2)
    loss = -(y * np.log(o) + (1 - y) * np.log(1 - o)).mean()

    # backward
    delta2 = (o - y) / 8
    d_W2 = a1.T @ delta2
    d_b2 = delta2.sum(axis=0)
    delta1 = delta2 @ W2.T * a1 * (1 - a1)
    d_W1 = x.T @ delta1
    d_b1 = delta1.sum(axis=0)

    # update
    new_W1 = W1 - 0.5 * d_W1
    new_b1 = b1 - 0.5 * d_b1
    new_W2 = W2 - 0.5 * d_W2
    new_b2 = b2 - 0.5 * d_b2

    return [new_W1, new_b1, new_W2, new_b2], loss
"""


def test_it_reads_like_the_articles_backward_pass():
    perceptron, two_layer = tg.compile(or_step), tg.compile(two_layer_step)
    perceptron(*OR_START)
    two_layer(two_layer_start(), *table())
    assert perceptron.source.endswith(PERCEPTRON)
    assert two_layer.source.endswith(TWO_LAYERS)
    assert max(map(len, (perceptron.source + two_layer.source).splitlines())) <= 100


def test_a_constant_reads_as_what_it_is_of_an_array_with_a_name():
    """The backward pass takes -y / n and (1 - y) / n at once, as numbers: the text says so, and needs no table of them."""
    x, y = table()
    closed, given_ = tg.compile(lambda p: two_layer_step(p, x, y)), tg.compile(two_layer_step)
    closed(two_layer_start())
    given_(two_layer_start(), x, y)
    assert closed.source.partition("# forward")[2] == given_.source.partition("# forward")[2] != ""


def test_a_gradient_that_is_used_more_than_once_has_a_name():
    x, y = table()
    step = tg.compile(tg.grad(lambda p: tg.mse((x @ p[0]).relu() @ p[1] + p[2], y)))
    step([np.ones((4, 2)), np.ones((2, 1)), np.zeros(1)])
    assert "\n    delta = 0.25 * " in step.source
    assert ".T @ delta\n" in step.source


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("rows", [1, 3, 8])
@pytest.mark.parametrize("reduce", ["mean", "sum"])
def test_the_slope_of_the_cross_entropy_of_a_sigmoid(rows, reduce, dtype):
    """On paper and in the program it is (o - y) / n, also where the fractions that it comes from have no value."""

    def slope(z, y):
        def cost(z):
            o = z.sigmoid()
            return -getattr(y * o.log() + (1 - y) * (1 - o).log(), reduce)()

        return tg.grad(cost)(z)

    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(rows, 2)).astype(dtype), rng.uniform(size=(rows, 2)).astype(dtype)  # targets in between too
    tolerance = 1e-13 if dtype == np.float64 else 1e-6
    compiled = agrees(slope, z, y, rtol=tolerance, atol=tolerance)
    last = f"(o - y) / {2 * rows}" if reduce == "mean" else "o - y"
    assert compiled.source.rstrip().endswith((f" = {last}\n\n    return d_z", f" = {last}\n    return d_z"))
    z[:], y[:] = 1000, 0
    n = z.size if reduce == "mean" else 1
    assert_allclose(compiled(z, y), np.full_like(z, 1 / n), rtol=tolerance)


def test_what_is_no_cross_entropy_keeps_its_fractions():
    def slope(z, y, w):
        def cost(z):
            o = z.sigmoid()
            return -(y * o.log() + (1 - w) * (1 - o).log()).sum() - 2 * (y * o.log()).sum()

        return tg.grad(cost)(z)

    z, y, w = np.random.default_rng(0).uniform(size=(3, 4, 2))
    assert " / o" in agrees(slope, z, y, w).source


def test_the_printed_file_runs_alone(tmp_path):
    compiled = tg.compile(two_layer_step)
    x, y = table()
    parameters, loss = compiled(two_layer_start(), x, y)
    arrays = [f"np.array({a.tolist()})" for a in (*two_layer_start(), x, y)]
    call = f"parameters, loss = two_layer_step([{', '.join(arrays[:4])}], {arrays[4]}, {arrays[5]})"
    check = "import sys\nassert not any(name.startswith('tinygrad') for name in sys.modules)\n"
    file = tmp_path / "step.py"
    file.write_text(f"{compiled.source}\n\n{call}\nprint(float(loss), *parameters[0].ravel().tolist())\n{check}", encoding="utf-8")
    done = subprocess.run([sys.executable, "-I", str(file)], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert_allclose(list(map(float, done.stdout.split())), [loss.item(), *np.ravel(parameters[0])], rtol=1e-12)


def test_the_same_program_gives_the_same_text():
    program = (
        "import numpy as np, tinygrad_edu as tg\n"
        "def f(x, w):\n"
        "    return tg.value_and_grad(lambda x, w: tg.cross_entropy(x @ w, np.array([0, 1])) + (x.sigmoid() * w.T).std(), (0, 1))(x, w)\n"
        "c = tg.compile(f); c(np.ones((2, 2)), np.ones((2, 2))); print(c.source, c.planned_source)"
    )
    texts = []
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
        texts.append(done.stdout)
    first, second = texts
    assert first == second
    assert "def f(x, w" in first


def test_names_are_labels_and_never_code():
    evil = "x'); import os; os.abort() #"
    trees = {
        evil: np.ones(2),
        'a"b\\': np.ones(2),
        "class": np.ones(2),
        "np": np.ones(2),
        ("t", 1): np.ones(2),
        "ünï": np.ones(2),
        "": np.ones(2),
    }

    def f(tree, sum, dot):  # the names of functions that the program calls
        total = (tree[evil] * 2).named("os.abort()").sigmoid().named("sigmoid")
        for value in tree.values():
            total = total + value
        return {evil: total @ dot, '"""': total.sum() * sum, "\n": (total / sum).named("import os")}

    compiled = tg.compile(f)
    args = trees, np.array(2.0), np.array([1.0, 3.0])
    expected = f({key: tg.Tensor(value) for key, value in trees.items()}, *args[1:])
    assert compiled(*args).keys() == expected.keys()
    same(list(compiled(*args).values()), list(expected.values()))
    same(list(run_source(compiled, *args).values()), list(expected.values()))
    compile(compiled.planned_source, "<planned>", "exec")
    with pytest.raises(TypeError, match="cannot be an argument's name"):
        tg.compile(lambda **more: more)(**{evil: np.ones(2)})

    class Evil:
        def __repr__(self):
            return evil

    with pytest.raises(TypeError, match="keys are strings, numbers, and tuples of them"):
        tg.compile(lambda x: {Evil(): x})(np.ones(2))
    found = tg.compile(lambda x, e: {("a", 1): x})
    found(np.ones(2), Evil())
    assert run_source(found, np.ones(2), None)["a", 1].tolist() == [1.0, 1.0]


def test_large_constants_are_arguments_of_the_text():
    data = np.random.default_rng(0).normal(size=(40, 10))
    compiled = tg.compile(lambda w: (data @ w).sum())
    w = np.ones(10)
    same(compiled(w), tg.Tensor(data.dot(w).sum()))
    assert list(compiled.constants) == ["data"]
    assert "def f(w, *, data):" in compiled.source
    same(run_source(compiled, w), tg.Tensor(data.dot(w).sum()))


def test_dead_code_is_gone_and_equal_parts_are_one():
    def f(x):
        unused = x.exp().sum()  # noqa: F841
        return (x * x).sin() + (x * x).sin() * 1.0 - (-x) - 0.0

    compiled = tg.compile(f)
    compiled(np.ones(3))
    assert "exp" not in compiled.source
    assert compiled.planned_source.count("sin(") == 1
    assert compiled.planned_source.count("square(") == 1
    assert "negative" not in compiled.planned_source


def test_memory_is_kept_and_used_again():
    def f(x):
        for _ in range(50):
            x = (x * 0.5).tanh() + 0.1
        return x.sum()

    compiled = tg.compile(tg.grad(f))
    compiled(np.ones((20, 20)))
    forward = tg.compile(f)
    forward(np.ones((20, 20)))
    (version,) = forward._versions.values()
    assert len(version.planned.plan.memory) == 1, "a chain needs one array"
    same(compiled(np.ones((20, 20))), tg.grad(f)(np.ones((20, 20))))


def test_a_step_of_a_thousand_ops_compiles_in_a_second():
    def cost(x, w):
        for _ in range(125):
            x = ((x * w + 0.01).tanh() - x).sigmoid()
        return x.sum()

    compiled = tg.compile(lambda x, w: tg.value_and_grad(cost, (0, 1))(x, w))
    args = np.array([0.1, 0.2]), np.array([0.3, 0.4])
    start = time.perf_counter()
    compiled(*args)
    assert len(compiled.source) > 10_000
    seconds = time.perf_counter() - start
    same(compiled(*args), tg.value_and_grad(cost, (0, 1))(*args))
    assert seconds < 3, f"{seconds:.2f} s, on a machine that does other things too"


def test_numpy_s_warnings_are_numpy_s():
    compiled = tg.compile(lambda x: x.sigmoid())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_allclose(compiled(np.array([-1000.0, 1000.0])), [0, 1], atol=1e-300)


# -- what runs together --------------------------------------------------------------------------------------------------------


def test_large_results_made_entry_by_entry_are_made_in_blocks():
    rng = np.random.default_rng(0)
    W, x, b = rng.normal(size=(600, 500)), rng.normal(size=(600, 500)), rng.normal(size=500)

    def step(W, x):
        cost, slope = tg.value_and_grad(lambda W: (((x * W + b).sigmoid() - 0.5) ** 2).sum())(W)
        return W - 0.1 * slope, cost

    compiled = agrees(step, W, x)
    assert compiled.planned_source.count("for i in range(0, 600, 65):\n        j = min(i + 65, 600)\n") == 1, "there and back in one loop"
    assert "[:j - i]" in compiled.planned_source, "what passes needs no more memory than a block"
    assert "for i" not in compiled.source, "the text for readers is the mathematics"
    assert "for i" not in agrees(step, W[:4], x[:4]).planned_source


@pytest.mark.parametrize(
    "f",
    [
        lambda a, b: (a + b) * (a + b).T,
        lambda a, b: ((a * b).T + 1.0) * (a * b) + (a * b).T,
        lambda a, b: (a - a.T).exp() + b[::-1],
        lambda a, b: (a + b[0]) * (b - a[:, :1]) + a.sum(axis=0),
        lambda a, b: ((a + 1.0).T + 2.0).T * b.T,
    ],
)
def test_no_block_changes_what_a_later_one_reads(f, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 8)
    a, b = np.random.default_rng(0).normal(size=(2, 12, 12))
    compiled = agrees(squares(f, (a, b)), a, b)
    assert "for i in range" in compiled.planned_source


def test_a_donated_array_is_updated_in_blocks_unless_it_is_read_in_another_order(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 8)
    start = np.random.default_rng(0).normal(size=(12, 12))
    for f, loops in ((lambda w: w - 0.5 * (w * w + 1.0), 1), (lambda w: w - 0.5 * (w.T * w + 1.0), 1)):
        w = start.copy()
        compiled = tg.compile(f, donate=0)
        result = compiled(w)
        assert_allclose(result, f(tg.Tensor(start)).numpy(), rtol=1e-12)
        assert compiled.planned_source.count("for i in range") == loops


def test_a_sum_made_in_blocks_may_be_looked_at_in_another_shape(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 8)
    a = np.random.default_rng(0).normal(size=(12, 12))
    agrees(lambda a: ((a * a + a).sum().reshape(1, 1) * 2.0, (a.exp() * a).sum().expand_dims(0)), a)


def test_parts_are_added_where_they_belong():
    def f(x):
        return (x[1:] * x[:-1] * x[::2].sum() + x[0]).sum() + (x[2] * x[3] * x[-1]).sum()

    for x in (np.random.default_rng(0).normal(size=(9, 4)), np.random.default_rng(0).normal(size=9)):
        compiled = agrees(tg.value_and_grad(f), x)
        assert "add_part(" in compiled.planned_source


def test_a_part_among_zeros_that_is_stretched_is_not_added_in_its_place():
    rng = np.random.default_rng(0)
    agrees(lambda a, v: ((a * 2.0).exp() + tg.grad(lambda v: v[1] ** 2)(v)) * 2.0, rng.normal(size=(3, 4)), rng.normal(size=4))


def test_a_mean_over_small_squares_adds_up_slices():
    x = np.random.default_rng(0).normal(size=(16, 8, 64, 64)).astype(np.float32)
    compiled = agrees(lambda x: x.reshape(16, 8, 32, 2, 32, 2).mean(axis=(3, 5)), x, rtol=1e-6, atol=1e-6)
    assert "sum_of_slices(" in compiled.planned_source
