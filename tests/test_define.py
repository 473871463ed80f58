"""tg.op in a user's own file gives the same as a line of the table, and a wrong rule is found."""

import operator

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine.registry import numpy_functions, registry
from tinygrad_edu.graph import value_of
from tinygrad_edu.testing import check_op, gradcheck

Tensor = tg.Tensor


@pytest.fixture(autouse=True)
def _leaves_no_op_behind():
    """What a test defines is gone after it: other tests go through the whole registry."""
    kept = dict(registry), dict(numpy_functions), set(vars(Tensor))
    yield
    for found, before in zip((registry, numpy_functions), kept, strict=False):
        found.clear()
        found.update(before)
    for name in set(vars(Tensor)) - kept[2]:
        delattr(Tensor, name)


@pytest.fixture
def cube():
    return tg.op(lambda x: x**3, lambda g, y, x: g * 3 * x**2, name="cube")


@pytest.fixture
def fmod():
    return tg.op(
        np.fmod, lambda g, y, a, b: g, lambda g, y, a, b: -g * np.floor(a / b), write="{} ^ {}"
    )


def leaf(data):
    return Tensor(data, requires_grad=True)


def slope(f, x, step=1e-6):
    """The derivative of a scalar function of one number, measured."""
    return (f(x + step) - f(x - step)) / (2 * step)


# -- what follows from one definition ------------------------------------------------------------


def test_an_op_is_a_function_and_a_method(cube):
    x = leaf([1.0, 2.0])
    assert cube(x).tolist() == x.cube().tolist() == cube([1.0, 2.0]).tolist() == [1.0, 8.0]
    x.cube().sum().backward()
    assert x.grad.tolist() == [3.0, 12.0]
    assert tg.hessian(lambda t: cube(t).sum())(np.array([1.0, 2.0])).tolist() == [
        [6.0, 0.0],
        [0.0, 12.0],
    ]


@pytest.mark.usefixtures("fmod")
def test_a_numpy_function_is_dispatched():
    x = leaf([5.0, 7.0])
    for y in (np.fmod(x, 3.0), np.fmod(np.array([5.0, 7.0]), leaf(3.0))):
        assert type(y) is Tensor
        assert y.tolist() == [2.0, 1.0]


@pytest.mark.usefixtures("fmod")
def test_an_op_that_is_written_like_an_operator_is_one():
    x, m = leaf(7.0), leaf(3.0)
    y = x ^ m
    y.backward()
    assert (y.item(), x.grad, m.grad) == (1.0, 1.0, -2.0)
    assert (7.0 ^ m).item() == (x ^ 3.0).item() == 1.0


def test_further_arguments_are_static_and_reach_the_rule_by_name():
    scaled = tg.op(
        lambda x, factor=2.0, *, shift: x * factor + shift,
        lambda g, y, x, factor, shift: g * factor,
        name="scaled",
    )
    x = leaf(3.0)
    for y, factor in (
        (x.scaled(shift=1.0), 2.0),
        (x.scaled(5.0, shift=1.0), 5.0),
        (scaled(x, shift=1.0, factor=4.0), 4.0),
    ):
        x.zero_grad()
        y.backward()
        assert (y.item(), x.grad) == (3.0 * factor + 1.0, factor)
    text = "scaled of a Tensor takes factor and shift: shift is missing"
    with pytest.raises(TypeError, match=text):
        x.scaled()


def test_a_gradient_is_summed_where_its_argument_was_broadcast():
    added = tg.op(lambda a, b: a + b, lambda g, y, a, b: g, lambda g, y, a, b: g, name="added")
    a, b = leaf(np.ones((2, 1))), leaf(np.ones(3))
    added(a, b).sum().backward()
    assert (a.grad.tolist(), b.grad.tolist()) == ([[3.0], [3.0]], [2.0, 2.0, 2.0])


def test_none_in_place_of_a_rule_is_no_gradient():
    gated = tg.op(
        lambda a, gate: a * (gate > 0), lambda g, y, a, gate: g * (gate > 0), None, name="gated"
    )
    a, gate = leaf([1.0, 2.0]), leaf([1.0, -1.0])
    gated(a, gate).sum().backward()
    assert a.grad.tolist() == [1.0, 0.0]
    assert gate.grad is None
    assert not gated(np.ones(2), gate).requires_grad


def test_an_op_without_rules_has_no_gradient():
    rounded = tg.op(lambda x: np.rint(x), name="rounded")
    y = leaf(1.6).rounded()
    assert (type(y), y.item(), y.requires_grad) == (Tensor, 2.0, False)
    assert rounded(1.6).item() == 2.0


# -- names that are taken ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["exp", "sum", "where", "concatenate", "index_set", "data", "grad", "backward", "T", "shape"],
)
def test_a_taken_name_is_refused(name):
    text = (
        f"Tensor already has a '{name}': "
        rf"give the op another name, tg\.op\(\.\.\., name='my_{name}'\)"
    )
    with pytest.raises(ValueError, match=text):
        tg.op(lambda x: x, lambda g, y, x: g, name=name)


def test_a_name_with_a_meaning_in_python_is_refused():
    text = "'__add__' has a meaning already: write tg\\.op\\(\\.\\.\\., name='my_op'\\)"
    with pytest.raises(ValueError, match=text):
        tg.op(np.fmod, lambda g, y, a, b: g, None, name="__add__")


@pytest.mark.parametrize("name", ["two words", "<lambda>", "1st"])
def test_a_name_is_an_identifier(name):
    with pytest.raises(ValueError, match="Python identifier"):
        tg.op(lambda x: x, lambda g, y, x: g, name=name)
    with pytest.raises(ValueError, match="identifier, not '<lambda>'"):
        tg.op(lambda x: x, lambda g, y, x: g)


def test_what_is_no_function_is_refused():
    for arguments in ((np.sin, 3.0), (3.0, lambda g, y, x: g)):
        text = "takes a function and then one rule per tensor argument"
        with pytest.raises(TypeError, match=text):
            tg.op(*arguments, name="no_function")


@pytest.mark.parametrize("function", [lambda x: x * 5.0, np.i0, np.fabs])
def test_a_user_s_own_op_may_be_defined_again(function):
    for factor in (2.0, 3.0):
        tg.op(function, lambda g, y, x, factor=factor: g * factor, name="again")
        for f in (Tensor.again, function) if isinstance(function, np.ufunc) else (Tensor.again,):
            x = leaf(1.0)
            f(x).backward()
            assert x.grad == factor


def test_an_op_of_the_table_keeps_its_numpy_function_and_its_operator():
    other = tg.op(np.exp, lambda g, y, x: g * 100.0, name="other_exp")
    tg.op(
        lambda a, b: a * b,
        lambda g, y, a, b: g * 100.0,
        lambda g, y, a, b: g * 100.0,
        name="other_mul",
        write="{} * {}",
    )
    x = leaf(0.0)
    (np.exp(x) * 2.0).backward()
    assert x.grad == 2.0
    assert other(x).op is other


# -- rules that are wrong ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule", [lambda g, y, x: g.sum(), lambda g, y, x: np.ones(3), lambda g, y, x: g[:1]]
)
@pytest.mark.parametrize(
    "start",
    [lambda y: y.sum().backward(), lambda y: list(y.adjoints(np.ones(2), create_graph=True))],
)
def test_a_gradient_of_the_wrong_shape_names_the_op_and_the_argument(rule, start):
    tg.op(lambda x: x * 2.0, rule, name="misshapen")
    weights = leaf([1.0, 2.0]).named("weights")
    text = (
        "rule of misshapen for weights gave a gradient of shape .* the argument has shape "
        r"\(2,\)"
    )
    with pytest.raises(ValueError, match=text):
        start(weights.misshapen())


@pytest.mark.parametrize("value", [0, None, 1.0, [1.0, 2.0]])
def test_a_rule_that_gives_no_array_names_the_op_and_the_argument(value):
    tg.op(lambda x: x * 2.0, lambda g, y, x: value, name="no_array")
    weights = leaf([1.0, 2.0])
    text = r"rule of no_array for weights gave .*, which is no array: .* write g \* 0\.0"
    with pytest.raises(TypeError, match=text):
        weights.no_array().sum().backward()


@pytest.mark.parametrize("output", ["text", None, [1.0, "a"], 1j])
def test_an_op_that_gives_no_numbers_is_an_error(output):
    tg.op(lambda x: output, lambda g, y, x: g, name="no_numbers")
    with pytest.raises(TypeError, match="real numbers"):
        leaf(1.0).no_numbers()


def test_a_wrong_rule_differs_from_the_measured_slope():
    wrong = tg.op(np.sinh, lambda g, y, x: g * np.sinh(x), name="wrong_rule")
    right, measured = np.cosh(0.7), slope(lambda v: wrong(v).item(), 0.7)
    assert measured == pytest.approx(right)
    assert tg.grad(wrong)(0.7).item() != pytest.approx(measured, rel=0.01)


def test_a_rule_that_is_wrong_at_order_two_only_differs_there(cube):
    # it takes the value out of the graph, so that its own derivative is lost
    hidden = tg.op(
        lambda x: x**3, lambda g, y, x: g * 3 * value_of(x) ** 2, name="wrong_at_order_two"
    )
    first = tg.grad(hidden)
    assert first(0.7).item() == pytest.approx(slope(lambda v: hidden(v).item(), 0.7))
    assert tg.grad(tg.grad(cube))(0.7).item() == pytest.approx(
        slope(lambda v: tg.grad(cube)(v).item(), 0.7)
    )
    assert tg.grad(first)(0.7).item() != pytest.approx(
        slope(lambda v: first(v).item(), 0.7), rel=0.01
    )


@pytest.mark.parametrize("f", [operator.xor, np.fmod, lambda a, b: a.fmod(b)])
@pytest.mark.usefixtures("fmod")
def test_two_rules_agree_with_their_measured_slopes(f):
    for i, g in enumerate(tg.grad(lambda a, b: f(a, b) * 1.0, argnums=(0, 1))(7.3, 3.1)):
        at = [7.3, 3.1]
        measured = slope(
            lambda v, i=i, at=at: np.fmod(*[v if i == k else value for k, value in enumerate(at)]),
            at[i],
        )
        assert g.item() == pytest.approx(measured)


# -- several results -------------------------------------------------------------------------------


@pytest.fixture
def polar():
    """Polar coordinates, and how often they were computed."""
    calls = []

    def run(a, b):
        calls.append(a)
        return np.hypot(a, b), np.arctan2(b, a)

    def by_a(g, y, a, b):
        return g[0] * a / y[0] - g[1] * b / y[0] ** 2

    def by_b(g, y, a, b):
        return g[0] * b / y[0] + g[1] * a / y[0] ** 2

    made = tg.op(run, by_a, by_b, results=2, name="test_polar", domain=((0.5, 2.0), (0.5, 2.0)))
    return made, calls


def spiral(made):
    def loss(a, b):
        length, angle = made(a, b)
        return (length * np.sin(angle) + angle**2).sum()

    return loss


POINTS = np.array([1.0, 2.0, -1.0]), np.array([0.5, -1.0, 2.0])


def test_an_op_may_have_several_results(polar):
    made, calls = polar
    length, angle = made(tg.Tensor(POINTS[0]), POINTS[1])
    assert len(calls) == 1
    assert repr(made) == "<op test_polar of 2 results>"
    np.testing.assert_array_equal(length.numpy(), np.hypot(*POINTS))
    np.testing.assert_array_equal(angle.numpy(), np.arctan2(POINTS[1], POINTS[0]))
    check_op(made)
    for order in (1, 2):
        assert gradcheck(spiral(made), *POINTS, order=order)


def test_every_reader_takes_an_op_of_several_results(polar):
    made, _ = polar
    a, b = (tg.Tensor(x, requires_grad=True, name=n) for x, n in zip(POINTS, "ab", strict=True))
    loss = spiral(made)(a, b)
    loss.backward()
    derived = tg.derive(loss, [a, b])
    for found, t in zip(derived.function(a=a.numpy(), b=b.numpy()), (a, b), strict=True):
        np.testing.assert_allclose(found, t.grad, rtol=1e-13)
    _, (da, db) = tg.compile(tg.value_and_grad(spiral(made), (0, 1)))(*POINTS)
    np.testing.assert_allclose(da.numpy(), a.grad, rtol=1e-13)
    np.testing.assert_allclose(db.numpy(), b.grad, rtol=1e-13)
    assert "test_polar_0" in tg.draw(loss).source
    assert "test_polar_1" in str(tg.explain(loss, a))


def test_results_may_have_other_shapes_and_an_axis():
    extremes = tg.op(
        lambda x, axis=0: (x.min(axis), x.max(axis), x.sum()),
        lambda g, y, x, axis: g[0] * (x == y[0]) + g[1] * (x == y[1]) + g[2],
        results=3,
        name="test_extremes",
    )
    x = tg.Tensor([[1.0, 5.0], [3.0, 2.0]], requires_grad=True)
    low, high, total = extremes(x, axis=0)
    ((high - low).sum() + total).backward()
    assert x.grad.tolist() == [[0.0, 2.0], [2.0, 0.0]]


@pytest.mark.parametrize("kind", [int, np.int8, bool])
def test_no_gradient_goes_through_whole_numbers(kind):
    steps = tg.op(lambda x: np.rint(x).astype(kind), lambda g, y, x: g, name="test_steps")
    assert steps([1.2]).numpy().dtype == kind
    with pytest.raises(TypeError, match=r"has rules for a gradient, which takes floats"):
        steps(tg.Tensor([1.2], requires_grad=True))
    counted = tg.op(lambda x: np.rint(x).astype(kind), name="test_counted")
    assert not counted(tg.Tensor([1.2], requires_grad=True)).requires_grad


def test_an_error_in_a_rule_says_in_which():
    made = tg.op(
        lambda x, w: x @ w, lambda g, y, x, w: g @ w.T, lambda g, y, x, w: g @ x, name="test_linear"
    )
    x, w = (tg.Tensor(np.ones(shape), requires_grad=True) for shape in ((3, 2), (2, 4)))
    with pytest.raises(ValueError, match="matmul") as raised:
        made(x, w).sum().backward()
    assert "a rule of test_linear, for a gradient of shape (3, 4)" in raised.value.__notes__[0]
