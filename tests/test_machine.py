"""Random programs, step by step, against a twin without a graph, which recurses on every path."""

from dataclasses import dataclass, field

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

import tinygrad_edu as tg

SHAPES = [(), (2,), (3, 1), (3, 2)]
VALUES = st.floats(-2, 2).map(lambda v: round(v, 3))


@dataclass(eq=False)
class Twin:
    """A value, and what it was made from: pairs of a twin and what pulls back to it."""

    data: np.ndarray
    parents: list = field(default_factory=list)
    wanted: bool = False
    grad: np.ndarray | None = None
    version: int = 0
    used: list = field(
        default_factory=list
    )  # the versions, when it was made, of the parents that pulling back reads

    def of(self, data, *parents, read=()):
        """What is made from this twin and others, if any of them wants a gradient."""
        made = Twin(np.array(data))
        if any(parent.wanted for parent, _ in parents):
            made.parents, made.wanted = [(p, pull) for p, pull in parents if p.wanted], True
            made.used = [(p, p.version) for p in read]
        return made

    def fresh(self):
        """Whether nothing has changed since that pulling back from it reads."""
        return all(p.version == version for p, version in self.used) and all(
            p.fresh() for p, _ in self.parents
        )

    def paths(self, g):
        """Every (twin, gradient along one path), from the top: exponential, and plainly right."""
        yield self, g
        for parent, pull in self.parents:
            yield from parent.paths(to_shape(pull(g), parent.data.shape))

    def backward(self, g):
        latest = {}
        for twin, part in self.paths(np.array(g)):
            latest[twin] = latest.get(twin, 0.0) + part
        for twin, total in latest.items():
            before = 0.0 if twin.parents or twin.grad is None else twin.grad
            twin.grad = before + total


def to_shape(g, shape):
    """`g` summed until it has the shape, one axis at a time."""
    while g.ndim > len(shape):
        g = g.sum(0)
    for i, n in enumerate(shape):
        if n == 1 and g.shape[i] > 1:
            g = g.sum(i, keepdims=True)
    return g


UNARY = {
    "sin": (np.sin, lambda x: lambda g: g * np.cos(x)),
    "tanh": (np.tanh, lambda x: lambda g: g * (1 - np.tanh(x) ** 2)),
    "neg": (lambda t: -t, lambda x: lambda g: -g),
    "square": (lambda t: t**2, lambda x: lambda g: g * 2 * x),
    "half": (lambda t: t * 0.5, lambda x: lambda g: g * 0.5),
    "relu": (
        lambda t: tg.relu(t) if isinstance(t, tg.Tensor) else np.maximum(t, 0),
        lambda x: lambda g: np.where(x > 0, g, 0.0),
    ),
    "total": (lambda t: t.sum(), lambda x: lambda g: np.full(x.shape, g)),
    "mean of rows": (
        lambda t: t.mean(0) if t.ndim else t * 1.0,
        lambda x: lambda g: np.broadcast_to(g / (x.shape or (1,))[0], x.shape),
    ),
    "flat": (lambda t: t.reshape(-1), lambda x: lambda g: g.reshape(x.shape)),
    "swapped": (lambda t: t.T, lambda x: lambda g: g.T),
    "first": (lambda t: t[:1] if t.ndim else t[None], lambda x: lambda g: first_back(x, g)),
    "largest": (lambda t: t.max(), lambda x: lambda g: g * (x == x.max()) / (x == x.max()).sum()),
}
BINARY = {
    "add": (lambda a, b: a + b, lambda a, b: lambda g: g, lambda a, b: lambda g: g),
    "subtract": (lambda a, b: a - b, lambda a, b: lambda g: g, lambda a, b: lambda g: -g),
    "multiply": (lambda a, b: a * b, lambda a, b: lambda g: g * b, lambda a, b: lambda g: g * a),
    "divide": (
        lambda a, b: a / (b * b + 1),
        lambda a, b: lambda g: g / (b * b + 1),
        lambda a, b: lambda g: -g * a * 2 * b / (b * b + 1) ** 2,
    ),
    "maximum": (
        np.maximum,
        lambda a, b: lambda g: g * ((a > b) + 0.5 * (a == b)),
        lambda a, b: lambda g: g * ((b > a) + 0.5 * (a == b)),
    ),
}
READ_NOTHING = {"neg", "half", "relu"}  # of their operand; relu looks at its result
# the operands that the rules read, of those that want a gradient: (a, b, whether a wants one,
# whether b does)
READ = {
    "add": lambda a, b, for_a, for_b: [],
    "subtract": lambda a, b, for_a, for_b: [],
    "multiply": lambda a, b, for_a, for_b: [b] * for_a + [a] * for_b,
    "divide": lambda a, b, for_a, for_b: [b] * for_b,
    "maximum": lambda a, b, for_a, for_b: [a, b],
}


def first_back(x, g):
    whole = np.zeros(x.shape or (1,))
    whole[:1] = g
    return whole.reshape(x.shape)


class Machine(RuleBasedStateMachine):
    """Tensors and their twins: after each step they agree in values, gradients and refusals."""

    pairs = Bundle("pairs")

    def __init__(self):
        super().__init__()
        self.all = []
        self.leaves = []

    def keep(self, t, twin):
        self.all.append((t, twin))
        return t, twin

    @initialize(target=pairs)
    def first_leaves(self):
        return multiple(
            *[
                self.make_leaf(np.linspace(-1, 1, int(np.prod(shape))).reshape(shape), True)
                for shape in SHAPES
            ]
        )

    def make_leaf(self, data, wanted):
        pair = self.keep(tg.Tensor(data, requires_grad=wanted), Twin(np.array(data), wanted=wanted))
        self.leaves.append(pair)
        return pair

    @rule(
        target=pairs,
        shape=st.sampled_from(SHAPES),
        wanted=st.booleans(),
        values=st.lists(VALUES, min_size=6, max_size=6),
    )
    def leaf(self, shape, wanted, values):
        return self.make_leaf(np.array(values[: int(np.prod(shape))]).reshape(shape), wanted)

    @rule(
        target=pairs,
        pair=pairs,
        name=st.sampled_from(sorted(UNARY)),
        recording=st.booleans() | st.just(True),
    )
    def one(self, pair, name, recording):
        (t, twin), (run, back) = pair, UNARY[name]
        with tg.enable_grad() if recording else tg.no_grad():
            y = run(t)
        parents = [(twin, back(twin.data.copy()))] if recording else []
        reads = name not in READ_NOTHING and not (
            name == "mean of rows" and not t.ndim
        )  # which then is a product with 1
        return self.keep(y, twin.of(run(twin.data), *parents, read=[twin] if reads else []))

    @rule(target=pairs, left=pairs, right=pairs, name=st.sampled_from(sorted(BINARY)))
    def two(self, left, right, name):
        (a, twin_a), (b, twin_b), (run, back_a, back_b) = left, right, BINARY[name]
        try:
            expected = run(twin_a.data, twin_b.data)
        except ValueError:
            try:
                run(a, b)
            except ValueError as error:
                assert f"of shape {a.shape}" in str(error)  # noqa: PT017 -- both must refuse
                return multiple()
            raise AssertionError("NumPy refuses these shapes") from None
        values = twin_a.data.copy(), twin_b.data.copy()
        read = READ[name](twin_a, twin_b, twin_a.wanted, twin_b.wanted)
        return self.keep(
            run(a, b),
            twin_a.of(expected, (twin_a, back_a(*values)), (twin_b, back_b(*values)), read=read),
        )

    @rule(pair=pairs, values=st.lists(VALUES, min_size=6, max_size=6))
    def backward(self, pair, values):
        t, twin = pair
        if (
            t.size > len(values)
            or len(list(zip(range(2000), twin.paths(np.zeros(t.shape)), strict=False))) == 2000
        ):
            return
        seed = np.array(values[: t.size]).reshape(t.shape)
        try:
            t.backward(seed)
        except RuntimeError as error:
            text = str(error)
            assert ("requires_grad=True" in text) == (not twin.wanted)
            assert ("changed in place" in text) == (not twin.fresh())
            for (
                part,
                other,
            ) in self.all:  # what was reached before the error is no promise: both forget it
                part.zero_grad()
                other.grad = None
        else:
            assert twin.wanted
            assert twin.fresh()
            twin.backward(seed)

    @rule(pair=pairs)
    def zero_grad(self, pair):
        t, twin = pair
        t.zero_grad()
        twin.grad = None

    @rule(
        data=st.data(),
        amount=VALUES,
        how=st.sampled_from(["+=", "*=", "data +=", "data =", "data[...] ="]),
    )
    def change_in_place(self, data, amount, how):
        t, twin = data.draw(st.sampled_from(self.leaves))
        before = twin.data.copy()
        with tg.no_grad():
            if how == "+=":
                t += amount
            elif how == "*=":
                t *= amount
            elif how == "data +=":
                t.data += amount
            elif how == "data =":
                t.data = t.numpy() + amount
            else:
                t.data[...] = amount
        if how == "*=":
            twin.data = before * amount
        elif how == "data[...] =":
            twin.data = np.full_like(before, amount)
        else:
            twin.data = before + amount
        # the same bits are a change to `+=`, and none to those who wrote through `.data[...]`
        unchanged = how == "data[...] =" and twin.data.tobytes() == before.tobytes()
        twin.version += not unchanged

    @rule(pair=pairs)
    def look(self, pair):
        t, twin = pair
        np.testing.assert_array_equal(t.data, twin.data)

    @rule(pair=pairs)
    def rebind(self, pair):
        t, twin = pair
        if t.is_leaf:
            return
        y = t
        y += 1.0
        assert y is not t
        assert y.requires_grad == t.requires_grad
        np.testing.assert_allclose(y.numpy(), twin.data + 1.0)

    @invariant()
    def all_agree(self):
        for t, twin in self.all:
            assert t.shape == twin.data.shape
            np.testing.assert_allclose(t.numpy(), twin.data, rtol=1e-12, atol=1e-12)
            assert t.requires_grad == twin.wanted
            assert (t.grad is None) == (twin.grad is None)
            if t.grad is not None:
                assert t.grad.shape == t.shape
                np.testing.assert_allclose(t.grad, twin.grad, rtol=1e-9, atol=1e-9)


Machine.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestMachine = Machine.TestCase


def test_the_twin_itself_is_right():
    x = Twin(np.array(3.0), wanted=True)
    y = x.of(x.data * x.data, (x, lambda g: g * x.data), (x, lambda g: g * x.data))
    y.backward(1.0)
    assert (x.grad, y.grad) == (6.0, 1.0)
