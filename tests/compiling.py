"""What tests of compiled programs share: that they agree with tensors, the articles' steps."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_edu as tg
from tinygrad_edu import datasets
from tinygrad_edu.compiler.ir import Node
from tinygrad_edu.engine.pytree import leaves
from tinygrad_edu.engine.registry import in_table, registry
from tinygrad_edu.graph import value_of

TABLE = [name for name, op in registry.items() if in_table(op) and not op.is_optional]
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


def evaluated(program, arrays):
    """What a program of the compiler's gives, op by op."""
    values = dict(zip(program.inputs, arrays, strict=True)) | {
        node: node.value for node in program.constants
    }
    for node in program.nodes:
        operands = [values[a] if isinstance(a, Node) else a for a in node.args]
        operands = (
            [np.asarray(a) for a in operands] if len(operands) == 1 else operands
        )  # a number is none of Python's
        values[node] = np.asarray(node.op.run(*operands, **node.static))
    return [values[node] for node in program.outputs]


def agrees(f, *args, **tolerance):
    """Assert that f, compiled, equals f and leaves the inputs alone.

    At once, again, as text, and op by op after each pass.
    """
    before = [np.copy(a) for a in args]
    with np.errstate(all="ignore"):
        expected = f(*map(tg.Tensor, args))
        compiled = tg.compile(f)
        for found in (compiled(*args), compiled(*args), run_source(compiled, *args)):
            same(found, expected, **tolerance)
        (version,) = compiled._versions.values()
        wanted = [value for _, value in leaves(expected)]
        for program in version.stages.values():  # which may give what is checked, too
            same(evaluated(program, args)[: len(wanted)], wanted, **tolerance)
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
