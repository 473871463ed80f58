"""Programs for JAX equal eager ones: every op, steps in one loop, many devices and processes."""

import importlib
import os
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import compiling
import numpy as np
import pytest
from compiling import TABLE, on_arrays
from hypothesis import given, settings
from numpy.testing import assert_allclose
from training_steps import Step

import tinygrad_edu as tg
from tinygrad_edu.compiler.devices import refuse_uneven
from tinygrad_edu.compiler.signature import Signature
from tinygrad_edu.engine.pytree import leaves
from tinygrad_edu.engine.registry import registry
from tinygrad_edu.testing import expressions, op_calls

# optional; where the checks install it, its absence is an error
jax = importlib.import_module("jax") if "REQUIRE_JAX" in os.environ else pytest.importorskip("jax")

ROOT = Path(__file__).parents[1]
X, TARGET = (
    np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]),
    np.array([[0.0], [1.0], [1.0], [1.0]]),
)
OR_START = np.array([[0.1], [0.2]]), np.array([0.3])


same = partial(compiling.same, rtol=1e-10, atol=1e-11)


def agrees(f, *args, **tolerance):
    """Assert that f, compiled for JAX, equals f, dtypes included."""
    with np.errstate(all="ignore"):
        expected = f(*[tg.Tensor(a) if isinstance(a, np.ndarray) else a for a in args])
    compiled = tg.compile(f, target="jax")
    same(compiled(*args), expected, **tolerance)
    return compiled


def or_step(state):
    def cost(W, b):
        o = (X @ W + b).sigmoid()
        return 0.5 * ((o - TARGET) ** 2).sum()

    W, b = state
    loss, (d_W, d_b) = tg.value_and_grad(cost, (0, 1))(W, b)
    return (W - 0.05 * d_W, b - 0.05 * d_b), loss


# -- equal to eager --------------------------------------------------------------------------------


WITHOUT = {"eigvals", "eig_vectors"}  # which refuse complex results: a program of JAX cannot


@pytest.mark.parametrize("name", sorted(WITHOUT))
def test_an_op_without_a_counterpart_says_so(name):
    program = tg.compile(registry[name], target="jax")
    with pytest.raises(TypeError, match=f"{name} has no counterpart in JAX"):
        program(np.diag([1.0, 2.0]))


@pytest.mark.parametrize("name", [name for name in TABLE if name not in WITHOUT])
def test_every_op_has_its_counterpart(name):
    op = registry[name]

    @settings(max_examples=1, database=None)
    @given(op_calls(op))
    def check(call):
        f, arrays = on_arrays(op, *call)
        agrees(f, *arrays)

    check()


@settings(max_examples=12, database=None)
@given(expressions(max_ops=4))
def test_random_programs_and_their_gradients(program):
    floats = tuple(range(len(program.inputs)))
    agrees(
        tg.value_and_grad(lambda *xs: (program(*xs) ** 2).sum(), floats),
        *program.inputs,
        rtol=1e-7,
        atol=1e-8,
    )


@pytest.mark.parametrize(
    "dtypes",
    [
        ("f4", "f4"),
        ("f4", "f8"),
        ("f4", "i4"),
        ("i4", "i8"),
        ("f2", "f4"),
        ("i2", "f4"),
        ("u1", "i1"),
        ("?", "f4"),
        ("?", "i4"),
    ],
)
def test_dtypes_are_those_of_numpy(dtypes):
    a, b = (np.array([1, 2, 3]).astype(dtype) for dtype in dtypes)

    def f(a, b):
        sums = [a.sum(), b.mean(), b.cumsum(), (a * b).prod(), b.var()]
        return [
            a * b,
            a / b,
            a * 2.0 if a.dtype != bool else a,
            a > b,
            a.exp(),
            tg.where(a > 1, a, b),
            tg.concatenate([a, b]),
            b.argmax(),
            *sums,
            b.sigmoid(),
        ]

    agrees(f, a, b, rtol=2e-3)


def test_indices():
    rows, mask = np.array([0, 2, 2]), np.array([True, False, True])

    def f(x, v):
        read = [x[rows], x[mask], x[0], x[..., 1:], x[rows, [0, 1, 1]], x[::-1, None]]
        return read, x.at[rows].set(v), x.at[rows].add(v), x.at[1].set(0.0), x.at[mask, 0].set(5.0)

    def cost(x, v):
        return sum((t**2).sum() for _, t in leaves(f(x, v)))

    x, v = np.arange(6.0).reshape(3, 2), np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    agrees(f, x, v)
    agrees(tg.value_and_grad(cost, (0, 1)), x, v)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: [
            x[[0, 2]],
            x[[]],
            x[np.array([], int)],
            x.at[[0, 1]].set(x[[1, 2]]),
            x[np.arange(3) != 1],
        ],
        lambda x: [x * True, x + True, (x > 0) * True],
        lambda x: [x.at[0:1].set(x[:1, None]), x.at[0:1].add(x[:1, None]), x.at[0].add(x[:1])],
        lambda x: np.concatenate([x] * 150)[np.arange(450) % 2 == 0],
        lambda x: tg.grad(
            lambda x: (
                (x ** np.array([1.0, 2.0, 0.0])).sum() + x[[0, 0]].sum() + (x[1:] * x[:-1]).sum()
            )
        )(x),
        lambda x: [x.astype(np.float32), x.astype(bool), (x > 0).astype(float), x**3, x**0],
    ],
)
def test_lists_masks_and_numbers(f):
    agrees(f, np.array([0.5, 1.5, 2.0]))


@pytest.mark.parametrize(
    "top",
    [
        tg.relu,
        lambda x: tg.maximum(x, 0.0),
        lambda x: x.clip(0.0, 5.0),
        lambda x: tg.floor(x / 9 + 1.0),
    ],
)
def test_what_is_not_selected_gets_0_of_an_infinite_gradient(top):
    with np.errstate(divide="ignore"):
        agrees(tg.grad(lambda x: (top(x) ** 0.5).sum()), np.array([-8.0, 2.0]))


@pytest.mark.parametrize("seed", range(int(os.environ.get("JAX_STEPS", "4"))))
def test_random_training_steps(seed):
    step = Step(seed)
    with np.errstate(all="ignore"):
        expected = step(*step.args())
        compiled = tg.compile(
            lambda parameters, state, data: step(parameters, state, data), target="jax"
        )
        same(
            compiled(*step.args()),
            expected,
            rtol=1e-3 if step.is_low else 1e-10,
            atol=1e-3 if step.is_low else 1e-9,
        )


@pytest.mark.parametrize("shape", [(2000,), (2000, 1), (2000, 3)])
def test_products_with_many_rows_are_written_as_xla_likes_them(shape):
    rng = np.random.default_rng(0)
    X, v = rng.normal(size=(2000, 9)), rng.normal(size=shape)
    compiled = agrees(lambda X, v: X.T @ v, X, v, rtol=1e-9)
    assert {(2000,): "v @ X\n", (2000, 1): "(v.T @ X).T\n", (2000, 3): "X.T @ v\n"}[
        shape
    ] in compiled.source


def test_functions_that_jax_has_too_are_called_there(request):
    request.addfinalizer(lambda: registry.pop("deg2rad", None))
    tg.op(np.deg2rad, lambda g, y, x: g * np.cos(x))
    assert "jnp.deg2rad(x)" in agrees(lambda x: np.deg2rad(x) * 2, np.array([0.5, 1.0])).source


def test_the_perceptron_s_step_as_text():
    compiled = tg.compile(or_step, target="jax")
    same(compiled(OR_START), or_step(tuple(map(tg.Tensor, OR_START))))
    assert "o = jax.nn.sigmoid(X @ W + b)" in compiled.source
    assert (
        "    delta = (o - TARGET) * o * (1 - o)\n    d_W = X.T @ delta\n    d_b = "
        "delta.sum(axis=0)\n" in compiled.source
    )
    state, loss = compiled(OR_START)
    assert isinstance(loss, jax.Array)
    again, _ = compiled(state)  # JAX arrays stay where they are
    same(again, or_step(tuple(tg.Tensor(np.asarray(a)) for a in state))[0])
    assert len(compiled.signatures) == 1


def test_it_neither_needs_nor_changes_the_global_configuration():
    assert not jax.config.jax_enable_x64
    assert tg.compile(lambda x: x * 0.1, target="jax")(np.ones(2)).dtype == np.float64
    assert not jax.config.jax_enable_x64


def test_large_constants_are_no_part_of_the_text():
    data = np.random.default_rng(0).normal(size=(100, 10))
    compiled = tg.compile(lambda w: (data @ w).tanh().sum(), target="jax")
    same(compiled(np.ones(10)), np.asarray(np.tanh(data.sum(1)).sum()))
    assert "def f(w, *, data):" in compiled.source


# -- many steps ------------------------------------------------------------------------------------


def test_ten_thousand_epochs_in_one_call():
    compiled = tg.compile(or_step, target="jax")
    (W, b), loss = compiled.repeat(10_000)(OR_START)
    assert_allclose(np.ravel(W), [5.36546322, 5.36551912], atol=1e-8, rtol=0)
    assert_allclose(b, [-2.42759823], atol=1e-8, rtol=0)
    (same_W, _), history = compiled.repeat(10_000, history=True)(OR_START)
    assert_allclose(same_W, W, rtol=1e-12)
    assert history.shape == (10_000,)
    assert history.dtype == np.float64
    assert_allclose(history[-1], loss, rtol=1e-12)
    assert (np.diff(history) < 0).all()
    _, by_numpy = tg.compile(or_step).repeat(50, history=True)(OR_START)
    assert_allclose(history[:50], by_numpy, rtol=1e-12)
    same(compiled.repeat(1)(OR_START), compiled(OR_START))


def test_a_state_of_several_arguments_beside_a_batch():
    def step(W, b, scale, more):
        return W * scale + more["x"].sum(), b + W.sum(), {"norm": (W * W).sum(), "kept": 3}

    args = np.ones(3), np.zeros(()), 0.5, {"x": np.arange(4.0)}
    compiled = tg.compile(step, target="jax")
    W, b, rest = compiled.repeat(7, carry=2, history=True)(*args)
    expected = tg.compile(step).repeat(7, carry=2, history=True)(*args)
    same((W, b, rest["norm"]), (*expected[:2], expected[2]["norm"]))
    assert rest["kept"] == 3
    with pytest.raises(ValueError, match=r"new values of W=float64\[3\], b=float64\[\], scale=0.5"):
        compiled.repeat(7, carry=3)(*args)


def test_donation_is_passed_on():
    compiled = tg.compile(lambda p, x: (p * x).tanh(), target="jax", donate="p")
    for _ in range(2):  # while XLA compiles it, the array may still be held by what made it
        p = jax.block_until_ready(jax.numpy.ones(1000, np.float32) * 1)
        result = jax.block_until_ready(compiled(p, np.ones(1000, np.float32)))
    assert p.is_deleted()
    assert_allclose(result, np.tanh(np.ones(1000)), rtol=1e-6)


# -- what cannot be --------------------------------------------------------------------------------


def test_an_op_without_a_counterpart_says_so_by_name(request):
    request.addfinalizer(lambda: [registry.pop(name, None) for name in ("seeing", "half_of")])
    seeing = tg.op(lambda x: x if x.sum() > 0 else -x, lambda g, y, x: g, name="seeing")
    with pytest.raises(
        TypeError,
        match=r"seeing has no counterpart in JAX: its function looks at values.*"
        r"plain=lambda.*target='numpy'",
    ):
        tg.compile(lambda x: seeing(x) * 2, target="jax")(np.ones(3))
    half_of = tg.op(lambda x: x * 0.5, lambda g, y, x: g * 0.5, name="half_of")
    agrees(lambda x: tg.grad(lambda x: (half_of(x) ** 2).sum())(x), np.array([1.0, 2.0]))


def test_a_counterpart_that_jax_has_not_is_named(request):
    request.addfinalizer(lambda: registry.pop("doubled", None))
    for name in ("jax.nn.no_such", "nojax.relu"):
        doubled = tg.op(lambda x: x * 2, lambda g, y, x: g * 2, name="doubled", jax=name)
        with pytest.raises(
            TypeError, match=f"doubled was defined with jax='{name}', which JAX has not"
        ):
            tg.compile(lambda x, doubled=doubled: doubled(x) * 1.0, target="jax")(np.ones(3))


def test_histories_are_those_of_tensors():
    def loss(w, x):
        return ((x @ w).tanh() ** 2).sum(), w * 2.0

    x = np.arange(6.0).reshape(2, 3)
    found = []
    for f in (tg.compile(loss, target="jax"), loss):
        w = tg.Tensor([0.1, 0.2, -0.3], requires_grad=True)
        value, other = f(w, x)
        (value + (other**2).sum()).backward()
        found.append(w.grad)
    assert_allclose(*found, rtol=1e-10)


def test_a_function_of_jax_s_cannot_look_into_it():
    with pytest.raises(
        TypeError, match=r"x is a tracer of JAX's: .* differentiated by tg\.grad\(f\)"
    ):
        jax.grad(lambda x: tg.compile(lambda x: (x * x).sum(), target="jax")(x))(1.0)


def test_arrays_of_another_mesh_are_taken():
    mesh = jax.make_mesh((1,), ("data",))
    x = jax.device_put(
        np.ones((2, 2)), jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
    )
    for more in (
        {},
        {"mesh": mesh, "batch_axis": "data", "batch": "x"},
        {"mesh": mesh, "batch_axis": "data", "batch": 1},
    ):
        assert tg.compile(lambda w, x: x * w, target="jax", **more)(np.ones(2), x).tolist() == [
            [1.0, 1.0],
            [1.0, 1.0],
        ]


def test_a_dtype_without_a_counterpart_says_so():
    if np.dtype(np.longdouble).itemsize > 8:
        with pytest.raises(TypeError, match="has no counterpart in JAX: f uses it"):
            tg.compile(lambda x: x * 2, target="jax")(np.ones(3, np.longdouble))


def test_without_jax_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(ImportError, match=r"pip install 'tinygrad_edu\[jax\]'"):
        tg.compile(or_step, target="jax")


def test_a_mesh_needs_an_axis():
    mesh = jax.make_mesh((1,), ("data",))
    with pytest.raises(TypeError, match="mesh and batch_axis come together"):
        tg.compile(or_step, target="jax", mesh=mesh)
    with pytest.raises(ValueError, match="'rows' is no axis of the mesh, which has 'data'"):
        tg.compile(or_step, target="jax", mesh=mesh, batch_axis="rows")


# -- many devices ----------------------------------------------------------------------------------

MODEL = """
import sys
import numpy as np, jax
if len(sys.argv) > 1:
    where, which = "127.0.0.1:" + sys.argv[1], int(sys.argv[2])
    jax.distributed.initialize(where, num_processes=2, process_id=which)
import tinygrad_edu as tg

rng = np.random.default_rng(0)
start = {"W1": rng.normal(size=(4, 5)), "b1": np.zeros(5), "W2": rng.normal(size=(5, 1))}
x, y = rng.normal(size=(8, 4)), rng.normal(size=(8, 1))

def step(p, x, y):
    def cost(p):
        return (((x @ p["W1"] + p["b1"]).tanh() @ p["W2"] - y) ** 2).mean()

    loss, slopes = tg.value_and_grad(cost)(p)
    return {key: p[key] - 0.1 * slopes[key] for key in p}, loss

mesh = jax.make_mesh((jax.device_count(),), ("data",))
many = tg.compile(step, target="jax", mesh=mesh, batch_axis="data")
p, first = many(start, x, y)
p, second = many(p, x, y)
trained, last = many.repeat(100)(start, x, y)
assert all(a.sharding.is_fully_replicated for a in (*p.values(), *trained.values()))
alone = tg.compile(step)
q, expected = alone(start, x, y)
q, again = alone(q, x, y)
final, end = alone.repeat(100)(start, x, y)
pairs = [(first, expected), (second, again), (last, end)]
pairs += [(p[k], q[k]) for k in q] + [(trained[k], final[k]) for k in q]
for found, wanted in pairs:
    np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), rtol=0, atol=1e-10)
print("devices", jax.device_count(), "processes", jax.process_count())
"""


def run(*arguments, devices):
    """Start a Python of its own on the model, with so many devices."""
    flags = {
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        "JAX_PLATFORMS": "cpu",
    }
    environment = {**os.environ, **flags, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    command = [sys.executable, "-c", MODEL, *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )


def test_four_devices_give_what_one_gives():
    process = run(devices=4)
    text, _ = process.communicate(timeout=120)
    assert process.returncode == 0, text
    assert "devices 4 processes 1" in text


def test_two_processes_give_what_one_gives():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    processes = [run(port, str(rank), devices=2) for rank in range(2)]
    for process in processes:
        text, _ = process.communicate(timeout=120)
        assert process.returncode == 0, text
        assert "devices 4 processes 2" in text


def test_rows_that_cannot_be_split_are_an_error():
    mesh = jax.make_mesh((1,), ("data",))
    compiled = tg.compile(
        lambda w, x, scale: (x @ w).sum() * scale,
        target="jax",
        mesh=mesh,
        batch_axis="data",
        batch=["x"],
    )
    args = np.ones(2), np.ones((3, 2)), np.array([1.0, 2.0])
    assert compiled(*args).tolist() == [6.0, 12.0]
    with pytest.raises(
        ValueError, match=r"x has 3 rows, which cannot be split evenly over 4 devices"
    ):
        refuse_uneven(Signature(compiled.f, args, {}).of(["x"]), 4)
