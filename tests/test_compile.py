"""Compiled programs equal eager ones, gradients and whole training steps included.

What cannot be compiled says why.
"""

import threading
from itertools import count

import numpy as np
import pytest
from compiling import (
    LARGE,
    OR_START,
    TABLE,
    agrees,
    cross_entropy,
    is_float_array,
    on_arrays,
    or_step,
    run_source,
    same,
    squares,
    table,
    two_layer_start,
    two_layer_step,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tinygrad_edu.compiler.passes import allocate as plan
from tinygrad_edu.compiler.passes import fuse as blocks
from tinygrad_edu.engine.pytree import leaves
from tinygrad_edu.engine.registry import registry
from tinygrad_edu.testing import expressions, op_calls

# -- equal to eager --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TABLE)
def test_every_op_and_its_gradient(name):
    op = registry[name]

    @settings(max_examples=3, database=None)
    @given(op_calls(op))
    def check(call):
        f, arrays = on_arrays(op, *call)
        agrees(f, *arrays)
        with np.errstate(all="ignore"):
            y = f(*arrays)
        if (op.rules or op.variadic) and y.dtype.kind == "f" and any(map(is_float_array, arrays)):
            agrees(squares(f, arrays), *arrays, rtol=1e-9)

    check()


@settings(max_examples=30)
@given(expressions())
def test_random_programs_and_their_gradients(program):
    def f(*xs):
        return program(*xs)

    agrees(f, *program.inputs, rtol=1e-9)
    agrees(squares(f, program.inputs), *program.inputs, rtol=1e-9)


@settings(max_examples=30)
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
    start = {
        "W1": rng.normal(0, 0.1, (20, 8)).astype(np.float32),
        "W2": rng.normal(0, 0.1, (8, 3)).astype(np.float32),
    }

    def step(p, *more):
        target = more[0] if more else labels
        loss, slopes = tg.value_and_grad(
            lambda p: tg.cross_entropy((x @ p["W1"]).relu() @ p["W2"], target)
        )(p)
        return {key: p[key] - np.float32(0.1) * slopes[key] for key in p}, loss

    args = (start,) if labels_are_known else (start, labels)
    compiled = tg.compile(step)
    same(compiled(*args), step(*args), rtol=1e-5, atol=1e-6)
    same(run_source(compiled, *args), step(*args), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "loss", [tg.mse, tg.binary_cross_entropy, tg.binary_cross_entropy_with_logits]
)
def test_losses(loss):
    p, y = np.array([[0.2], [0.9]]), np.array([[0.0], [1.0]])
    agrees(tg.value_and_grad(lambda p, y: loss(p, y)), p, y)


def test_all_transforms():
    def f(x):
        return (x * x.sin()).sum() * x[0]

    x, v = np.array([0.3, -0.7, 1.1]), np.array([1.0, 0.5, -2.0])
    for transformed in (
        tg.grad(f),
        tg.hessian(f),
        tg.jacobian(lambda x: x.sin() * x),
        lambda x: tg.hvp(f, (x,), (v,)),
    ):
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
    "layout",
    [
        np.asfortranarray,
        lambda a: a[::-1],
        lambda a: np.repeat(a, 2, axis=1)[:, ::2],
        lambda a: a.astype(">f8"),
    ],
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
    assert compiled.signatures[2] == (
        "f(tree={'x': float64[3], 'rest': [float64[3], float64[]]}, more_0=int64[2], scale=3, "
        "mode='none')"
    )


plain_values = st.sampled_from([None, True, 2, 2.5, "text", 7])
keys = st.sampled_from(["a", "key of words", 3, (1, 2)])
structures = st.recursive(
    st.one_of(st.just("array"), st.just("array"), plain_values),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(keys, inner, max_size=3),
    ),
    max_leaves=10,
)


@settings(max_examples=40)
@given(structures, st.data())
def test_any_structure_goes_in_and_comes_out_and_its_plain_values_are_told_apart(structure, data):
    """Containers in containers, with numbers and texts at every depth."""
    runs = []

    def doubled(leaf):
        return leaf * 2 if isinstance(leaf, (np.ndarray, tg.Tensor)) else leaf

    def f(tree):
        runs.append(tree)
        return {"out": mapped(doubled, tree), "again": (mapped(doubled, tree), "end")}

    def check(tree, new_runs):
        expected = f(tree)
        runs.clear()
        assert mapped(numbers, compiled(tree)) == mapped(numbers, expected)
        assert len(runs) == new_runs

    places = count()
    tree = mapped(
        lambda leaf: np.full(2, next(places) + 1.0) if leaf == "array" else leaf, structure
    )
    compiled = tg.compile(f)
    check(tree, 1)
    check(mapped(doubled, tree), 0)
    assert mapped(numbers, run_source(compiled, tree)) == mapped(numbers, f(tree))
    others = [i for i, leaf in enumerate(flat(tree)) if type(leaf) is not np.ndarray]
    if others:
        changed, at = data.draw(st.sampled_from(others)), count()
        check(mapped(lambda leaf: "other" if next(at) == changed else leaf, tree), 1)


def mapped(function, tree):
    """The same containers with `function` of each leaf, None among them."""
    if isinstance(tree, dict):
        return {key: mapped(function, value) for key, value in tree.items()}
    return (
        type(tree)(mapped(function, value) for value in tree)
        if isinstance(tree, (list, tuple))
        else function(tree)
    )


def flat(tree):
    """The leaves, in order."""
    found = []
    mapped(found.append, tree)
    return found


def numbers(leaf):
    """A leaf that can be compared: arrays and Tensors by their entries."""
    return (
        ("array", leaf.tolist())
        if isinstance(leaf, (np.ndarray, tg.Tensor))
        else (type(leaf), leaf)
    )


class Changeable:
    """Equal by its value, which may change: so it has no hash."""

    def __eq__(self, other):
        return type(other) is Changeable


@pytest.mark.parametrize(
    "value",
    [Changeable(), {1, 2}, bytearray(b"ab"), slice(Changeable())],
    ids=["object", "set", "bytearray", "slice"],
)
def test_what_may_change_and_has_no_hash_is_refused(value):
    for argument in (value, [value], {"a": (1, value)}):
        with pytest.raises(TypeError, match="values that can be hashed"):
            tg.compile(lambda x, _: x * 2)(np.ones(2), argument)


def test_user_s_ops(request):
    request.addfinalizer(
        lambda: [
            registry.pop(name, None) for name in ("cube_of", "looking", "looking_out", "halved")
        ]
    )
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
    compiled = agrees(
        lambda x: tg.value_and_grad(lambda x: cube(looking(out(half(x).sigmoid()))).sum())(x),
        np.array([0.5, 2.0]),
    )
    assert "def cube_of(x):" in compiled.source
    assert "def looking(x):\n    return x * 2 if x.sum() > 0 else x" in compiled.source, (
        "it looks at values, but it has a text"
    )
    assert "def f(x, *, looking_out):" in compiled.source, (
        "its text needs more than NumPy: it is an argument"
    )


def _scaled(x, c):
    return x * c


# -- signatures ------------------------------------------------------------------------------------


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


def test_what_comes_from_outside_is_a_constant_until_it_changes():
    w, a = tg.Tensor([1.0, 2.0], requires_grad=True), np.array([1.0, 1.0])
    compiled = tg.compile(lambda x: x * w + a)
    assert compiled(np.ones(2)).tolist() == [2.0, 3.0]
    with tg.no_grad():
        w += 1.0
    assert compiled(np.ones(2)).tolist() == [3.0, 4.0]
    a += 10.0
    assert compiled(np.ones(2)).tolist() == [13.0, 14.0]


def test_too_many_signatures_are_a_warning():
    compiled = tg.compile(lambda x, lr: x * lr)
    for i in range(15):
        compiled(np.ones(2), 0.1 * i)
    with pytest.warns(
        UserWarning,
        match=r"16 signatures, and each new value of lr is another: "
        r"what changes .* np.array\(0.1\)",
    ):
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
    arrays = W._array, b._array
    expected = or_step(*OR_START)
    new_W, new_b, loss = compiled(W, b)
    assert new_W is W
    assert new_b is b
    assert (W._array is arrays[0]) and (b._array is arrays[1])
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
    with pytest.raises(
        ValueError,
        match=r"return new values of x=float64\[2\].* it returns \(float64\[\], float64\[2\]\)",
    ):
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
            if loss.item() != expected[i][1].item() or not np.array_equal(
                parameters[0], expected[i][0][0]
            ):
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


# -- what cannot be recorded -----------------------------------------------------------------------


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
        lambda x: tg.Tensor(x.argmax()) + x,
        lambda x: max(x[0], x[1]),
        lambda x: tg.grad(lambda w: w * 2 if w > 0 else w)(x[0]),
        lambda x: f"{x.sum():.3f}",
    ],
)
def test_going_by_a_value_is_an_error_that_explains(f):
    with pytest.raises(
        TypeError,
        match=r"(?s)is being compiled, and the value of .* differs from call to call.*"
        r"tg\.where\(condition, a, b\)",
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
    assert tg.compile(lambda x: x.T @ x)(np.ones((2, 3))).shape == (3, 3), (
        "after an error all is as before"
    )
