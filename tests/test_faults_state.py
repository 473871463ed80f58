"""Data changed behind the graph, shared memory, rules of any style: right, or an error."""

import itertools
import pickle

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine import memory
from tinygrad_edu.engine.lending import lent, references

Tensor = tg.Tensor


def leaf(*values, dtype=float):
    return Tensor(np.array(values, dtype), requires_grad=True)


# -- a change after use: noticed where a rule reads the value, and only there --------------------


def alias(w):
    data = w.data
    return lambda: data.__setitem__(0, 100.0)


def view_of_alias(w):
    part = w.data[1:]
    return lambda: part.__iadd__(1.0)


def memory_of_alias(w):
    held = memoryview(w.data)
    return lambda: np.asarray(held).__setitem__(0, 7.0)


def through_data(w):
    return lambda: w.data.__setitem__(0, 3.0)


def setting_data(w):
    def change():
        w.data -= 0.1

    return change


def in_place(w):
    def change():
        with tg.no_grad():
            w.__isub__(0.1)

    return change


CHANGES = [alias, view_of_alias, memory_of_alias, through_data, setting_data, in_place]
USES = {  # what is computed from w: whether the rules read w
    "w * w": (lambda w: w * w, True),
    "w ** 3": (lambda w: w**3, True),
    "sin": (lambda w: np.sin(w), True),
    "w @ w": (lambda w: w @ w, True),
    "matmul": (lambda w: np.ones((2, 3)) @ w * w[:2], True),
    "w + 1": (lambda w: w + 1.0, False),
    "1 + w": (lambda w: np.ones((4, 1)) + w, False),
    "2 w": (lambda w: 2.0 * w, False),
    "exp": (lambda w: np.exp(w), False),
    "-w": (lambda w: -w, False),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("use", USES)
def test_a_change_is_refused_if_a_rule_reads_the_value_and_is_none_of_its_business_if_not(
    use, change
):
    compute, reads = USES[use]
    w = leaf(0.5, 1.0, 2.0)
    late = change(w)  # may hold an alias already
    y = compute(w).sum()
    y.backward()
    before = w.grad.copy()
    w.zero_grad()
    late()
    if reads:
        with pytest.raises(RuntimeError, match="w was changed in place"):
            y.backward()
        assert w.grad is None
    else:
        y.backward()
        np.testing.assert_array_equal(w.grad, before)
    w.zero_grad()
    compute(w).sum().backward()  # from now on it is as it is
    fresh = Tensor(w.numpy(), requires_grad=True)
    compute(fresh).sum().backward()
    np.testing.assert_array_equal(w.grad, fresh.grad)


@pytest.mark.parametrize("change", CHANGES)
def test_an_alias_is_watched_after_any_other_change(change):
    """What was handed out stays handed out, however often the tensor changes before it is used."""
    w = leaf(0.5, 1.0, 2.0)
    data = w.data
    change(w)()
    y = (w * w).sum()
    data[0] += 1.0
    with pytest.raises(RuntimeError, match="w was changed in place"):
        y.backward()


@pytest.mark.parametrize("order", list(itertools.permutations(["read", "write", "use", "drop"])))
def test_the_order_of_reading_writing_using_and_dropping_an_alias_makes_no_difference(order):
    w = leaf(1.0, 2.0)
    data = w.data
    used_at = written_at = None
    for at, act in enumerate(order):
        if act == "read":
            assert w.data.shape == (2,)
        elif act == "write" and data is not None:
            data[0], written_at = 100.0, at
        elif act == "drop":
            data = None
        elif act == "use":
            y, used_at = (w * w).sum(), at
    if written_at is not None and written_at > used_at:
        with pytest.raises(RuntimeError, match="changed in place"):
            y.backward()
    else:
        y.backward()
        assert w.grad.tolist() == (2 * w.numpy()).tolist()


def test_data_that_nobody_holds_is_not_looked_at_any_more():
    w, y = leaf(1.0, 2.0), leaf(3.0)
    for _ in range(3):
        (w * y).sum().backward()
        w.data -= 0.1 * w.grad
        assert id(w) not in lent
        assert y.data.sum() == 3.0
    (w * y).sum().backward()
    assert not {id(w), id(y)} & set(lent)
    key = id(y)
    assert y.data.any()
    del y
    assert key not in lent


def test_an_update_that_numpy_refuses_changed_nothing():
    w = leaf(1.0, 2.0)
    y = (w * w).sum()
    with tg.no_grad(), pytest.raises(ValueError, match="cannot change w"):
        w += np.ones(3)
    y.backward()
    assert w.grad.tolist() == [2.0, 4.0]


def test_indices_and_labels_that_are_tensors_or_lists_are_taken_as_they_were():
    w, i = leaf(1.0, 2.0, 3.0), Tensor([0, 1])
    listed = [0, 1]
    nested = ([0, 1],)
    losses = [
        w[i].sum(),
        w[listed].sum(),
        w[nested].sum(),
        w.at[i].set(5.0).sum(),
        w.at[listed].add(w[:2]).sum(),
    ]
    expected = []
    for loss in losses:
        w.zero_grad()
        loss.backward()
        expected.append(w.grad)
    i += 1
    listed[0] = nested[0][0] = 2
    for loss, gradient in zip(losses, expected, strict=True):
        w.zero_grad()
        loss.backward()
        np.testing.assert_array_equal(w.grad, gradient)


def test_what_vjp_pulls_back_is_of_the_primals_as_they_were():
    t, a = Tensor([1.0, 2.0]), np.array([3.0, 4.0])
    _, pull = tg.vjp(lambda t, a: (t * t * a).sum(), t, a)
    expected = [g.tolist() for g in pull(1.0)]
    t += 5.0
    a += 5.0
    assert [g.tolist() for g in pull(1.0)] == expected == [[6.0, 16.0], [1.0, 4.0]]


def test_what_vjp_closes_over_is_refused_when_it_changed():
    w, x = leaf(1.0, 2.0), np.array([3.0, 4.0])
    _, pull = tg.vjp(lambda x: (x * x * w).sum(), x)
    w.data[0] = 9.0
    with pytest.raises(RuntimeError, match="w was changed in place"):
        pull(1.0)


# -- memory: a result, and a gradient, share it with nothing that can change ---------------------

SAME = {  # functions that give their operand, a view of it, or something that they keep
    "squeeze": lambda t: tg.squeeze(t),
    "reshape": lambda t: t.reshape(t.shape),
    "astype": lambda t: t.astype(t.dtype),
    "transpose": lambda t: t.T,
    "broadcast_to": lambda t: np.broadcast_to(t, t.shape),
    "index": lambda t: t[:],
    "ravel": lambda t: np.ravel(t),
    "clip": lambda t: t.clip(None, None),
}
KEPT = np.array([1.0, 2.0])
USERS = {
    "identity": lambda x: x,
    "view": lambda x: x[::-1],
    "no copy": lambda x: x.astype(x.dtype, copy=False),
    "kept": lambda x: KEPT,
    "asarray": lambda x: np.asarray(x),
    "matrix": lambda x: x.view(np.matrix),
    "out": lambda x: np.multiply(x, 1.0, out=KEPT),
}


def results(f):
    """What f gives for tensors of all kinds, recorded or not: (name, operand's memory, result)."""
    w, c = leaf(1.0, 2.0), Tensor([1.0, 2.0])
    h = w * 1.0
    yield "leaf", w._array, f(w)
    yield "constant", c._array, f(c)
    with tg.no_grad():
        yield "leaf, not recorded", w._array, f(w)
        yield "recorded, not recorded", h._array, f(h)


@pytest.mark.parametrize("name", [*SAME, *USERS])
def test_a_result_shares_no_memory_with_what_can_change(name):
    f = SAME.get(name) or tg.op(USERS[name], lambda g, y, x: g, name="test_same")
    for what, operand, result in results(f):
        assert not np.shares_memory(operand, result.numpy()), what
        assert not np.shares_memory(KEPT, result.numpy()), what


@pytest.mark.parametrize(
    "f",
    [
        tg.squeeze,
        tg.positive,
        lambda a: tg.reshape(a, 2),
        lambda a: tg.transpose(a),
        lambda a: tg.astype(a, float),
    ],
)
def test_nor_with_a_raw_array(f):
    a = np.array([1.0, 2.0])
    assert not np.shares_memory(a, f(a).numpy())


def test_an_op_of_two_operands_may_give_back_one():
    first = tg.op(
        lambda a, b: a, lambda g, y, a, b: g, lambda g, y, a, b: g * 0.0, name="test_first"
    )
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = first(a, b)
    with tg.no_grad():
        a += 1.0
    assert y.tolist() == [1.0, 2.0]


CACHE = np.array([10.0, 20.0])


def spoils_g(g, y, a, b):
    g *= b
    return g


RULES = {  # rules of a * b by a, of styles that keep, give back or write to what is not theirs
    "g in place": spoils_g,
    "g itself": lambda g, y, a, b: np.multiply(g, b, out=g),
    "the operand": lambda g, y, a, b: b if np.all(g == 1) else g * b,
    "a view of it": lambda g, y, a, b: b[:] if np.all(g == 1) else g * b,
    "a cached array": lambda g, y, a, b: np.multiply(g, b, out=CACHE),
}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_of_any_manners_spoils_nothing(name):
    product = tg.op(lambda a, b: a * b, RULES[name], lambda g, y, a, b: g * a, name="test_product")
    a, b = leaf(1.0, 2.0), leaf(3.0, 4.0)
    h = product(a, b)
    h.sum().backward()
    gradients = [t.grad for t in (a, b, h)]
    assert [g.tolist() for g in gradients] == [[3.0, 4.0], [1.0, 2.0], [1.0, 1.0]]
    for array, kept in itertools.product(gradients, (CACHE, a._array, b._array, h._array)):
        assert not np.shares_memory(array, kept)
    assert not np.shares_memory(a.grad, b.grad)
    (product(a, b) * 1.0).sum().backward()
    assert a.grad.tolist() == [6.0, 8.0]
    assert [
        g.tolist() for g in tg.grad(lambda a, b: product(a, b).sum(), (0, 1))(a.numpy(), b.numpy())
    ] == [[3.0, 4.0], [1.0, 2.0]]


def test_a_rule_that_writes_to_the_data_is_stopped():
    def rule(g, y, x):
        x *= 2.0
        return g * x

    bad = tg.op(lambda x: x * x, rule, name="test_writes")
    x = leaf(1.0, 2.0)
    with pytest.raises(ValueError, match="read-only"):
        bad(x).sum().backward()
    assert x.tolist() == [1.0, 2.0]


def test_no_two_results_of_a_transform_are_one_tensor():
    v = leaf(1.0, 2.0)
    a, b = tg.grad(lambda a, b: (a + b).sum() + 0.0 * v.sum(), (0, 1))(np.ones(2), np.ones(2))
    assert a is not b
    assert not np.shares_memory(a._array, b._array)


def test_dtypes_that_carry_metadata_share_no_gradients():
    dtype = np.dtype(float, metadata={"unit": "m"})
    x, b = (
        Tensor(np.zeros(2, dtype), requires_grad=True),
        Tensor(np.zeros(2, dtype), requires_grad=True),
    )
    (x + b).backward(np.ones(2))
    x.grad += 1.0
    assert b.grad.tolist() == [1.0, 1.0]


def test_a_gradient_of_another_shape_or_dtype_is_refused():
    w = Tensor(np.ones(2, np.float32), requires_grad=True)
    w.grad = np.ones(2, np.float32)
    for wrong in (np.ones(3, np.float32), np.float32(1.0), np.ones(2), np.ones((1, 2), np.float32)):
        with pytest.raises(ValueError, match=r"was assigned to the \.grad of w"):
            w.grad = wrong
    assert w.grad.tolist() == [1.0, 1.0]
    other = Tensor(np.ones(2, np.float32), requires_grad=True)
    other.grad = w.grad
    other.grad *= 3.0
    assert (w.grad.tolist(), other.grad.tolist()) == ([1.0, 1.0], [3.0, 3.0])
    w.grad = None
    assert w.grad is None
    x = leaf(2.0).sum()
    x.grad = np.float64(3.0)  # what NumPy makes of arithmetic on 0-d arrays
    assert type(x.grad) is np.ndarray


@pytest.mark.parametrize(
    ("run", "given"),
    [(lambda x: x * 2.0, (5, 2)), (lambda x: x.sum(), (5, 2)), (lambda x: x * 2.0, (1, 2))],
)
def test_a_rule_of_a_wrong_shape_is_no_broadcasting(run, given):
    bad = tg.op(run, lambda g, y, x: np.ones(given) * g, name="test_wide")
    with pytest.raises(ValueError, match=r"gave a gradient of shape \(\d, 2\)"):
        bad(leaf(1.0, 2.0)).sum().backward()


# -- rules of any style, at any size -------------------------------------------------------------


class Rules:
    """Rules of x * x, in the styles in which people write functions."""

    scale = 1.0

    def bound(self, g, y, x):
        return g * 2.0 * x * self.scale

    @classmethod
    def of_class(cls, g, y, x):
        return g * 2.0 * x * cls.scale

    @staticmethod
    def static(g, y, x):
        return g * 2.0 * x

    def __call__(self, g, y, x):
        return g * 2.0 * x


def by_eval(g, y, x):
    return eval("g * 2.0 * x")


def by_exec(g, y, x):
    scope = dict(locals())
    exec("found = g * 2.0 * x", scope)
    return scope["found"]


def by_locals(g, y, x):
    return g * 2.0 * locals()["x"]


def callers_operand():
    import sys

    return sys._getframe(1).f_locals["x"]


def by_frame(g, y, x):
    return g * 2.0 * callers_operand()


def partially(factor, g, y, x):
    return g * factor * x


def by_star(*args):
    return args[0] * 2.0 * args[2]


def by_keywords(g, y, x, **more):
    return g * 2.0 * x


def nested(g, y, x):
    def inner():
        return x * 2.0

    return g * inner()


def by_output(g, y, x):
    return g * 2.0 * np.sqrt(y)


def by_default(g, y, x, two=2.0):
    return g * two * x


STYLES = {
    "bound": Rules().bound,
    "class method": Rules.of_class,
    "static": Rules.static,
    "callable": Rules(),
    "lambda": lambda g, y, x: g * 2.0 * x,
    "other letters": lambda a, b, c: a * 2.0 * c,
    "eval": by_eval,
    "exec": by_exec,
    "locals": by_locals,
    "frame": by_frame,
    "partial": __import__("functools").partial(partially, 2.0),
    "starred": by_star,
    "keywords": by_keywords,
    "nested": nested,
    "output": by_output,
    "default": by_default,
    "wrapped": __import__("functools").wraps(by_output)(lambda *a: by_eval(*a)),
    "vectorized": np.vectorize(lambda g, y, x: g * 2.0 * x, otypes=[float]),
}


@pytest.mark.parametrize("style", STYLES)
def test_a_rule_of_any_style_reads_what_it_likes_at_any_size(style, monkeypatch):
    monkeypatch.setattr(memory, "LARGE", 0)
    square = tg.op(lambda x: x * x, STYLES[style], name="test_square")
    x = np.array([1.0, 2.0, 3.0])
    gradient = tg.grad(lambda x: (square(x * 1.0).sin() * 1.0).sum())(x)
    np.testing.assert_allclose(gradient.numpy(), 2 * x * np.cos(x * x))


def test_an_op_with_state_runs_once_a_call(monkeypatch):
    monkeypatch.setattr(memory, "LARGE", 0)
    rng, masks = np.random.default_rng(0), []

    def dropout(x):
        masks.append(rng.random(x.shape) < 0.5)
        return x * masks[-1]

    drop = tg.op(dropout, lambda g, y, x: g * masks[-1], name="test_dropout")
    kept = []
    x, v = np.arange(1.0, 65.0), leaf(1.0)
    value, gradient = tg.value_and_grad(lambda x: kept.append(drop(x)) or (kept[0] * 1.0).sum())(x)
    assert len(masks) == 1
    assert value.item() == (x * masks[0]).sum()
    np.testing.assert_array_equal(gradient.numpy(), masks[0])
    tg.draw(kept[0])
    masks.clear()
    # an outer level that shows only when the function has run asks for all values again
    tg.grad(lambda x: (drop(x * 1.0) * v).sum())(x).sum().backward()
    assert len(masks) == 1
    assert v.grad == masks[0].sum()


# -- ops -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["__del__", "__init__", "__hash__", "_array", "_op", "lambda", "class"]
)
def test_an_op_takes_no_name_that_has_a_meaning_to_python(name):
    with pytest.raises(ValueError, match="has a meaning already"):
        tg.op(lambda x: x * 1.0, lambda g, y, x: g, name=name)


def test_ops_pickle_by_name():
    for op in (tg.multiply, tg.sin, tg.sum):
        assert pickle.loads(pickle.dumps(op)) is op


def test_the_references_to_data_are_counted_as_this_python_counts_them():
    alone, in_setter = references()
    assert alone > 0
    assert in_setter == 0 or in_setter > alone


def test_an_object_that_raises_when_it_is_asked_spoils_no_message():
    class Moody:
        @property
        def shape(self):
            raise RuntimeError("not now")

    things = [Moody(), leaf(1.0, 2.0)]
    w = leaf(1.0, 2.0)
    with pytest.raises(ValueError, match="w of shape"):
        w + np.ones(3)
    assert tg.draw((w * things[1]).sum()).text


def test_np_ma_does_not_take_the_data_for_its_own():
    with pytest.raises(TypeError, match="would lose its gradient"):
        np.ma.getdata(leaf(1.0, 2.0))


# -- results of a transform that belong to an outer level as well --------------------------------

OUTER = {
    "value": lambda f, x: tg.value_and_grad(f)(x)[0],
    "gradient": lambda f, x: tg.grad(f)(x),
    "aux": lambda f, x: tg.grad(lambda x: (f(x), f(x) * 2.0), has_aux=True)(x)[1],
    "vjp": lambda f, x: tg.vjp(f, x)[0],
    "pull": lambda f, x: tg.vjp(f, x)[1](1.0)[0],
    "jvp": lambda f, x: tg.jvp(f, (x,), (np.ones(2),))[1],
    "jacobian": lambda f, x: tg.jacobian(f)(x),
    "hessian": lambda f, x: tg.hessian(f)(x),
    "hvp": lambda f, x: tg.hvp(f, (x,), (np.ones(2),)),
    "nested": lambda f, x: tg.grad(lambda x: tg.grad(f)(x).sum())(x),
    "tree": lambda f, x: tg.grad(lambda p: f(p["x"]))({"x": x})["x"],
}


@pytest.mark.parametrize("of", OUTER)
@pytest.mark.parametrize("given", ["array", "constant", "parameter"])
def test_backward_through_a_transform_reaches_the_parameters_alone(of, given):
    """The derivative by w is that of central differences; constants and later data have no say."""
    data = np.array([3.0, 4.0])

    def result(w, x):
        return OUTER[of](lambda x: (x**3 * w * w).sum(), x)

    x = data.copy() if given == "array" else tg.Tensor(data, requires_grad=given == "parameter")
    w = tg.Tensor([1.0, 2.0], requires_grad=True)
    y = result(w, x).sum()
    with tg.no_grad():
        x += 5.0
    y.backward()
    for i, step in enumerate(np.eye(2) * 1e-5):
        ends = [result(tg.Tensor(w.numpy() + s), data).sum().item() for s in (step, -step)]
        np.testing.assert_allclose(w.grad[i], (ends[0] - ends[1]) / 2e-5, rtol=1e-6)
    if given == "constant":
        assert x.grad is None
    elif given == "parameter":
        assert np.all(x.grad != 0)


@pytest.mark.parametrize("of", OUTER)
def test_a_result_that_depends_on_no_parameter_asks_for_no_gradient(of):
    w, x = tg.Tensor([1.0, 2.0], requires_grad=True), tg.Tensor([3.0, 4.0])
    assert not OUTER[of](lambda x: (x**3 * w.detach()).sum(), x).requires_grad
    y, g = tg.value_and_grad(lambda x: (x**3).sum() + (w * w).sum())(x)
    assert (y.requires_grad, g.requires_grad) == (True, False)


def test_a_tensor_that_leaked_out_of_a_transform_has_no_gradient_to_give():
    kept, x = [], tg.Tensor([3.0, 4.0])
    tg.grad(lambda x: kept.append(x * x) or x.sum())(x)
    with pytest.raises(RuntimeError, match="depends on no tensor that requires a gradient"):
        kept[0].sum().backward()
    assert x.grad is None
