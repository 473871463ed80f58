"""The text of a compiled program: it runs by itself, and reads like a pass written by hand."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from compiling import (
    OR_START,
    agrees,
    or_step,
    run_source,
    same,
    table,
    two_layer_start,
    two_layer_step,
)
from counting import growth
from numpy.testing import assert_allclose

import tinygrad_edu as tg

# -- the text --------------------------------------------------------------------------------------

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
    """The backward pass takes -y / n and (1 - y) / n at once, as numbers, and the text says so."""
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
    """On paper and in the program it is (o - y) / n, also where its fractions have no value."""

    def slope(z, y):
        def cost(z):
            o = z.sigmoid()
            return -getattr(y * o.log() + (1 - y) * (1 - o).log(), reduce)()

        return tg.grad(cost)(z)

    rng = np.random.default_rng(0)
    z, y = (
        rng.normal(size=(rows, 2)).astype(dtype),
        rng.uniform(size=(rows, 2)).astype(dtype),
    )  # targets in between too
    tolerance = 1e-13 if dtype == np.float64 else 1e-6
    compiled = agrees(slope, z, y, rtol=tolerance, atol=tolerance)
    last = f"(o - y) / {2 * rows}" if reduce == "mean" else "o - y"
    assert compiled.source.rstrip().endswith(
        (f" = {last}\n\n    return d_z", f" = {last}\n    return d_z")
    )
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
    file.write_text(
        f"{compiled.source}\n\n{call}\nprint(float(loss), "
        f"*parameters[0].ravel().tolist())\n{check}",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-I", str(file)], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert_allclose(
        list(map(float, done.stdout.split())), [loss.item(), *np.ravel(parameters[0])], rtol=1e-12
    )


def test_the_same_program_gives_the_same_text():
    program = (
        "import numpy as np, tinygrad_edu as tg\n"
        "def f(x, w):\n"
        "    return tg.value_and_grad(lambda x, w: tg.cross_entropy(x @ w, np.array([0, 1])) + "
        "(x.sigmoid() * w.T).std(), (0, 1))(x, w)\n"
        "c = tg.compile(f); c(np.ones((2, 2)), np.ones((2, 2))); print(c.source, c.planned_source)"
    )
    texts = []
    for seed in ("1", "2"):
        environment = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
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


def test_a_step_of_a_thousand_ops_compiles_in_linear_time():
    def cost(x, w, times=125):
        for _ in range(times):
            x = ((x * w + 0.01).tanh() - x).sigmoid()
        return x.sum()

    compiled = tg.compile(lambda x, w: tg.value_and_grad(cost, (0, 1))(x, w))
    args = np.array([0.1, 0.2]), np.array([0.3, 0.4])
    compiled(*args)
    assert len(compiled.source) > 10_000
    same(compiled(*args), tg.value_and_grad(cost, (0, 1))(*args))

    def compiles(times):
        assert tg.compile(
            lambda x, w: tg.value_and_grad(lambda x, w: cost(x, w, times), (0, 1))(x, w)
        )(*args)

    assert growth(compiles, 15) < 2.5


def test_numpy_s_warnings_are_numpy_s():
    compiled = tg.compile(lambda x: x.sigmoid())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_allclose(compiled(np.array([-1000.0, 1000.0])), [0, 1], atol=1e-300)
