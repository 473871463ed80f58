"""What the tests of compiled programs share: what it means that they agree with tensors, and the steps of the articles."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_edu as tg
from tinygrad_edu import datasets
from tinygrad_edu.define import in_table
from tinygrad_edu.graph import value_of
from tinygrad_edu.registry import registry
from tinygrad_edu.trees import leaves

TABLE = [name for name, op in registry.items() if in_table(op)]
X, TARGET = datasets.or_gate()
OR_START = np.array([[0.1], [0.2]]), np.array([0.3])
LARGE = np.random.default_rng(0).normal(size=(100, 120))


def on_arrays(op, operands, static):
    """A drawn call of an op as a function of the arrays among its operands, and those arrays."""

    def f(*xs):
        given = iter(xs)
        return op.on([next(given) if isinstance(a, np.ndarray) else a for a in operands], static)

    return f, [a for a in operands if isinstance(a, np.ndarray)]


def is_float_array(x):
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def same(found, expected, rtol=1e-12, atol=1e-13):
    """Assert equal structure, shapes and dtypes, and values but for rounding."""
    places, wanted = dict(leaves(found)), dict(leaves(expected))
    assert list(places) == list(wanted)
    for path, value in wanted.items():
        a, b = value_of(places[path]), value_of(value)
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
