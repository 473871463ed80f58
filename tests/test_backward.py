"""The textbook's walk, and plain calls of ops, give what the unrolled ones give, to the bit."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.engine import backward, fast_backward
from tinygrad_edu.engine.backward import contributions
from tinygrad_edu.engine.calling import called
from tinygrad_edu.engine.registry import in_table, registry
from tinygrad_edu.graph import ancestors
from tinygrad_edu.testing import expressions, op_calls

DTYPES = [np.float64, np.float32, np.float16]
UNROLLED = [
    name for name, op in registry.items() if in_table(op) and op.unrolled and not op.is_optional
]


def bits(value):
    """A tensor or array as bytes, with its shape and dtype."""
    array = value.numpy() if type(value) is tg.Tensor else np.asarray(value)
    return array.shape, array.dtype, array.tobytes()


def walked(walk, y, *args, **kwargs):
    """The tensors that a walk yields, with the bits of their gradients; or its error."""
    try:
        with np.errstate(all="ignore"):
            return [(id(t), bits(g)) for t, g in walk(y, *args, **kwargs)]
    except Exception as error:
        return type(error), str(error)


def same(y, *args, **kwargs):
    """What both walks give, which is one."""
    plain = walked(backward.adjoints, y, *args, **kwargs)
    assert walked(fast_backward.adjoints, y, *args, **kwargs) == plain
    assert walked(tg.Tensor.adjoints, y, *args, **kwargs) == plain
    return plain


def leaf(*values, dtype=float):
    return tg.Tensor(list(values), requires_grad=True, dtype=dtype)


@settings(max_examples=80, deadline=None)
@given(st.data(), st.sampled_from(DTYPES), st.booleans())
def test_both_walks_give_the_same_bits(data, dtype, create_graph):
    program = data.draw(expressions(dtype=dtype))
    kept = data.draw(
        st.lists(st.booleans(), min_size=len(program.inputs), max_size=len(program.inputs))
    )
    leaves = [tg.Tensor(x, wanted) for x, wanted in zip(program.inputs, kept, strict=True)]
    with np.errstate(all="ignore"):
        y = program(*leaves)
    until = set(data.draw(st.lists(st.sampled_from(ancestors(y)), max_size=2)))
    seed = data.draw(
        st.sampled_from([None, np.ones(y.shape), np.full(y.shape, -0.3, np.float32), 1.0])
    )
    same(y, seed, create_graph, until or None)


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "f",
    [
        lambda x: x,
        lambda x: x * x,
        lambda x: (
            tg.stack([x, x, x, x]) * np.array([[2048.0], [1.0], [1.0], [1.0]]).astype(x.dtype)
        ),
        lambda x: sum([x * c for c in (2048.0, 1.0, 1.0, 1.0)], x),
        lambda x: np.where(x > 1, x, x * x) @ x,
        lambda x: (x * 2.0).reshape(2, 1) * x,
    ],
)
def test_a_tensor_with_several_uses(f, dtype, create_graph):
    for x in (leaf(1, 2, dtype=dtype), leaf(1, 2, dtype=dtype) * 3.0):
        y = f(x)
        found = same(y, np.ones(y.shape), create_graph)
        assert found[-1][1][1] == dtype


def changed(y, x):
    with tg.no_grad():
        x *= 2.0
    return y


def constant(y, x):
    x.requires_grad = False
    return y


def ruled(rule):
    return tg.op(lambda x: x + 0.0, rule, name="ruled")


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize(
    ("make", "seed"),
    [
        (lambda x: x * x, None),
        (lambda x: x * x, np.ones(3)),
        (lambda x: x * x, "a"),
        (lambda x: x.detach(), None),
        (lambda x: changed(x * x, x).sum(), None),
        (lambda x: changed(np.exp(x), x).sum(), None),
        (lambda x: changed(x.sum(), x), None),
        (lambda x: changed(np.where([True, False], x, x * x), x).sum(), None),
        (lambda x: constant((x * np.ones(2)).sum(), x), None),
        (lambda x: constant(np.exp(x).sum(), x), None),
        (lambda x: ruled(lambda g, y, x: 1)(x).sum(), None),
        (lambda x: ruled(lambda g, y, x: np.ones(3))(x).sum(), None),
        (lambda x: ruled(lambda g, y, x: 1 // 0)(x).sum(), None),
    ],
)
def test_both_walks_raise_the_same_errors(make, seed, create_graph):
    same(make(leaf(1.0, 2.0)), seed, create_graph)


def test_errors_end_the_walk():
    x = leaf(1.0, 2.0)
    kind, text = same(changed(x * x, x).sum())
    assert kind is RuntimeError
    assert "was changed in place" in text


def test_contributions_are_of_operands_by_number_and_owned():
    x, b = leaf(1.0, 2.0), leaf(3.0)
    y = x * x + b
    (product, to_square), (number, to_b) = contributions(y, g := np.ones(2))
    assert (product, number) == (0, 1)
    assert to_square is not g
    assert to_b.tolist() == [2.0]
    assert [(i, gx.tolist()) for i, gx in contributions(y.args[0], g)] == [(0, [1, 2]), (1, [1, 2])]


@pytest.mark.parametrize("name", UNROLLED)
def test_unrolled_calls_give_what_plain_ones_give(name):
    op = registry[name]

    @settings(max_examples=8, deadline=None)
    @given(op_calls(op), st.booleans(), st.sampled_from([tg.enable_grad, tg.no_grad]))
    def check(drawn, wanted, mode):
        operands, static = drawn
        floats = [isinstance(x, np.ndarray) and x.dtype.kind == "f" for x in operands]
        args = [tg.Tensor(x, wanted) if f else x for x, f in zip(operands, floats, strict=True)]
        with mode(), np.errstate(all="ignore"):
            fast, plain = op(*args, **static), called(op, *args, **static)
        assert bits(fast) == bits(plain)
        facts = [(t.op, t.static, t.requires_grad) for t in (fast, plain)]
        assert facts[0] == facts[1]
        assert len(fast.args) == len(plain.args)
        assert all(bits(a) == bits(b) for a, b in zip(fast.args, plain.args, strict=True))

    check()


@pytest.mark.parametrize(
    "operands", [(), (None,), ("a",), ([1.0, 2.0],), (np.ones(3),), ({},), (2.0, 3.0)]
)
@pytest.mark.parametrize("name", ["add", "exp", "sum"])
def test_unrolled_calls_raise_what_plain_ones_raise(name, operands):
    def outcome(call):
        try:
            return bits(call(leaf(1.0, 2.0), *operands))
        except Exception as error:
            return type(error), str(error)

    assert outcome(registry[name]) == outcome(partial(called, registry[name]))
