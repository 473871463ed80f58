"""Functions from functions: against closed forms, nested, with pytrees; they leave no trace."""

import gc
import weakref
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import tinygrad_edu as tg

Tensor = tg.Tensor
Layer = namedtuple("Layer", "w b")
vectors = npst.arrays(float, st.integers(1, 4), elements=st.floats(-2, 2))


def plain(tree):
    """The same structure with NumPy arrays in place of Tensors."""
    if isinstance(tree, dict):
        return {key: plain(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        values = [plain(value) for value in tree]
        return type(tree)(*values) if hasattr(tree, "_fields") else type(tree)(values)
    return tree if tree is None else np.asarray(tree)


def close(y, expected):
    np.testing.assert_allclose(np.asarray(y), expected, rtol=1e-9, atol=1e-9)


# -- closed forms --------------------------------------------------------------------------------


@given(vectors)
def test_first_and_second_derivatives_of_a_cubic_form(x):
    def f(x):
        return (x**3).sum() + x.sum() ** 2

    close(tg.grad(f)(x), 3 * x**2 + 2 * x.sum())
    close(tg.hessian(f)(x), np.diag(6 * x) + 2.0)
    close(tg.hvp(f, (x,), (x,)), 6 * x * x + 2 * x.sum())
    close(tg.jacobian(tg.grad(f))(x), np.diag(6 * x) + 2.0)
    close(tg.jvp(f, (x,), (x,))[1], (3 * x**3).sum() + 2 * x.sum() ** 2)


@given(vectors)
def test_the_jacobian_of_softmax(x):
    p = np.exp(x) / np.exp(x).sum()
    close(tg.jacobian(tg.softmax)(x), np.diag(p) - np.outer(p, p))


@given(vectors)
def test_the_hessian_of_logsumexp_is_the_jacobian_of_softmax(x):
    close(tg.hessian(tg.logsumexp)(x), tg.jacobian(tg.softmax)(x))


@given(vectors, st.integers(1, 3))
def test_jvp_and_vjp_are_the_jacobian_from_either_side(x, rows):
    a = np.arange(rows * x.size).reshape(rows, x.size) / 3.0

    def f(x):
        return np.sin(a @ x) * x.sum()

    jacobian = tg.jacobian(f)(x).numpy()
    v, u = np.linspace(-1, 1, x.size), np.linspace(1, 2, rows)
    close(tg.jvp(f, (x,), (v,))[1], jacobian @ v)
    close(tg.vjp(f, x)[1](u)[0], u @ jacobian)
    assert jacobian.shape == (rows, x.size)


def test_a_jacobian_has_the_output_s_shape_and_then_the_argument_s():
    x = np.ones((2, 3))
    assert tg.jacobian(lambda x: x @ x.T)(x).shape == (2, 2, 2, 3)
    assert tg.jacobian(lambda x: x.sum())(x).shape == (2, 3)
    assert tg.jacobian(lambda x: x[:0])(x).shape == (0, 3, 2, 3)
    assert tg.hessian(lambda x: (x * x).sum())(x).shape == (2, 3, 2, 3)


def test_third_and_fourth_derivatives():
    f = np.sin
    for expected in (np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x), np.sin):
        f = tg.grad(f)
        close(f(0.7), expected(0.7))


def test_a_value_pulls_back_any_number_of_cotangents():
    y, pull = tg.vjp(lambda x, y: x * y, np.array([1.0, 2.0]), 3.0)
    close(y, [3.0, 6.0])
    for u in ([1.0, 0.0], [0.0, 1.0], [1, 1], Tensor([2.0, 2.0])):
        gx, gy = pull(u)
        close(gx, 3.0 * np.asarray(u))
        close(gy, np.asarray(u) @ [1.0, 2.0])


# -- nesting -------------------------------------------------------------------------------------

x0 = 3.0
# fmt: off
NESTED = {
    "a derivative of the inner variable alone": (lambda x: x * tg.grad(lambda y: x + y)(1.0), 1.0),
    "an inner derivative that is the outer variable": (
        lambda x: x * tg.grad(lambda y: x * y)(1.0), 2 * x0,
    ),
    "the same value at both levels": (lambda x: tg.grad(lambda y: x * y * y)(x), 4 * x0),
    "three levels": (lambda x: tg.grad(lambda y: tg.grad(lambda z: x * y * z * z)(y))(x), 8 * x0),
    "three levels of one cube": (tg.grad(tg.grad(lambda x: x**5)), 60 * x0**2),
    "grad of jvp": (lambda x: tg.jvp(lambda y: x * y * y, (x,), (1.0,))[1], 4 * x0),
    "grad of jvp along the outer variable": (
        lambda x: tg.jvp(lambda y: x * y * y, (x,), (x,))[1], 6 * x0**2,
    ),
    "grad of jvp's value": (lambda x: tg.jvp(lambda y: x * y * y, (x,), (1.0,))[0], 3 * x0**2),
    "grad of vjp": (lambda x: tg.vjp(lambda y: x * y * y, x)[1](1.0)[0], 4 * x0),
    "grad of vjp along the outer variable": (
        lambda x: tg.vjp(lambda y: x * y * y, x)[1](x)[0], 6 * x0**2,
    ),
    "grad of vjp by the cotangent alone": (lambda x: tg.vjp(lambda y: y**3, 2.0)[1](x)[0], 12.0),
    "grad of hvp": (lambda x: tg.hvp(lambda y: x * y**3, (x,), (1.0,)), 12 * x0),
    "grad of hessian": (lambda x: tg.hessian(lambda y: x * y**3)(x), 12 * x0),
    "grad of jacobian": (lambda x: tg.jacobian(lambda y: x * y**3)(x), 9 * x0**2),
    "grad of value_and_grad's value": (
        lambda x: tg.value_and_grad(lambda y: x * y * y)(x)[0], 3 * x0**2,
    ),
    "grad through has_aux": (
        lambda x: tg.grad(lambda y: (y * y, x * x), has_aux=True)(1.0)[1], 2 * x0,
    ),
    "an inner constant": (lambda x: x * tg.grad(lambda y: y * 0.0)(x), 0.0),
    "no inner level": (lambda x: x * x, 2 * x0),
}
# fmt: on


@pytest.mark.parametrize(("f", "expected"), NESTED.values(), ids=NESTED)
def test_levels_are_kept_apart(f, expected):
    close(tg.grad(f)(x0), expected)
    close(tg.jvp(f, (x0,), (1.0,))[1], expected)
    with tg.no_grad():
        close(tg.grad(f)(x0), expected)


def test_no_grad_inside_is_a_constant():
    def f(x):
        with tg.no_grad():
            c = x * x
        return c * x

    close(tg.grad(f)(3.0), 9.0)


def test_a_gradient_penalty_trains_the_parameter_it_closes_over():
    w = Tensor([1.0, 2.0], requires_grad=True)
    x = np.array([3.0, 4.0])
    slope = tg.grad(lambda x: ((w * x) ** 2).sum())(x)  # 2 w^2 x
    (slope**2).sum().backward()  # the derivative of 4 w^4 x^2
    close(w.grad, 16 * np.array([1.0, 8.0]) * x**2)


def test_backward_through_a_gradient_by_an_argument_that_requires_one():
    w = Tensor(3.0, requires_grad=True)
    tg.grad(lambda v: v**3)(w).backward()
    assert w.grad == 18.0


def test_a_tensor_may_be_an_argument_without_being_changed():
    w = Tensor([1.0, 2.0], requires_grad=True, name="w")
    before = w.data.copy()
    tg.grad(lambda v: (v * v).sum())(w)
    assert (w.grad, w.name, w.is_leaf) == (None, "w", True)
    np.testing.assert_array_equal(w.data, before)


# -- arguments -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argnums", "expected"),
    [
        (0, 3.0),
        (1, 2.0),
        (-1, 2.0),
        (np.int64(1), 2.0),
        ((0, 1), (3.0, 2.0)),
        ([1, 0], (2.0, 3.0)),
        ((-1, 0), (2.0, 3.0)),
        ((0, 0), (3.0, 3.0)),
    ],
)
def test_argnums_are_an_int_or_a_tuple_of_them(argnums, expected):
    f = lambda x, y: x * y  # noqa: E731 -- its name is in no message here
    assert plain(tg.grad(f, argnums)(2.0, 3.0)) == expected
    assert plain(tg.value_and_grad(f, argnums)(2.0, 3.0)) == (6.0, expected)
    assert plain(tg.jacobian(f, argnums)(2.0, 3.0)) == expected


def test_hessian_by_several_arguments_is_a_table():
    table = tg.hessian(lambda x, y: x * x * y, argnums=(0, 1))(2.0, 3.0)
    assert plain(table) == ((6.0, 4.0), (4.0, 0.0))


def test_what_is_not_differentiated_may_be_anything():
    f = tg.grad(lambda x, kind, *, scale: x**2 * scale if kind == "square" else x)
    assert f(3.0, "square", scale=2).item() == 12.0


STRUCTURES = [
    2.0,
    np.float32(2.0),
    np.array([1.0, 2.0]),
    Tensor([1.0, 2.0]),
    (2.0, [3.0, np.ones(2)]),
    {"w": np.ones((2, 3)), "b": {"c": 4.0}},
    Layer(np.ones(2), 3.0),
    [Layer(np.ones(2), 3.0), None, {}],
]


def squares(tree):
    if isinstance(tree, dict):
        return sum((squares(v) for v in tree.values()), Tensor(0.0))
    if isinstance(tree, (list, tuple)):
        return sum((squares(v) for v in tree), Tensor(0.0))
    return Tensor(0.0) if tree is None else (tree * tree).sum()


@pytest.mark.parametrize("tree", STRUCTURES, ids=lambda tree: type(tree).__name__)
def test_a_gradient_has_the_structure_of_its_argument(tree):
    doubled = tg.grad(squares)(tree)
    expected = plain(tree)
    assert repr(_skeleton(doubled)) == repr(_skeleton(tree))
    _compare(doubled, expected, 2.0)
    _compare(tg.hvp(squares, (tree,), (tree,)), expected, 2.0)
    close(
        tg.jvp(squares, (tree,), (tree,))[1],
        2 * squares(plain(tree)).item() if not isinstance(tree, Tensor) else 10.0,
    )


def _skeleton(tree):
    if isinstance(tree, dict):
        return {key: _skeleton(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return (type(tree).__name__, [_skeleton(value) for value in tree])
    return None if tree is None else (np.shape(tree), np.asarray(tree).dtype)


def _compare(tree, expected, factor):
    if isinstance(tree, dict):
        for key in tree:
            _compare(tree[key], expected[key], factor)
    elif isinstance(tree, (list, tuple)):
        for a, b in zip(tree, expected, strict=True):
            _compare(a, b, factor)
    elif tree is not None:
        close(tree, factor * expected)


def test_tangents_are_paired_by_key_and_not_by_order():
    f = lambda p: p["a"] * p["b"]  # noqa: E731
    assert tg.jvp(f, ({"a": 2.0, "b": 3.0},), ({"b": 1.0, "a": 10.0},))[1].item() == 32.0
    products = tg.hvp(f, ({"a": 2.0, "b": 3.0},), ({"b": 1.0, "a": 10.0},))
    assert plain(products) == {"a": 1.0, "b": 10.0}


def test_an_argument_that_is_not_used_gets_zeros():
    g = tg.grad(lambda p: p["used"].sum())(
        {"used": np.ones(2), "unused": np.ones((2, 3), np.float32)}
    )
    assert plain(g)["unused"].tolist() == [[0.0] * 3] * 2
    assert g["unused"].dtype == np.float32


def test_float32_stays_float32():
    x = np.ones(3, np.float32)
    f = lambda x: (x**2 * 0.5).sum()  # noqa: E731
    results = [
        *tg.value_and_grad(f)(x),
        tg.hessian(f)(x),
        tg.hvp(f, (x,), (x,)),
        *tg.jvp(f, (x,), (x,)),
        tg.jacobian(np.sin)(x),
    ]
    assert {y.dtype for y in results} == {np.dtype(np.float32)}


def test_aux_comes_along_as_values():
    g, aux = tg.grad(
        lambda x: (x * x, {"double": x * 2, "note": "kept", "list": [x]}), has_aux=True
    )(3.0)
    assert g.item() == 6.0
    assert aux["note"] == "kept"
    assert (aux["double"].item(), aux["list"][0].item()) == (6.0, 3.0)
    (value, aux), g = tg.value_and_grad(lambda x: (x * x, x + 1), has_aux=True)(3.0)
    assert (value.item(), aux.item(), g.item()) == (9.0, 4.0, 6.0)
    assert aux.is_leaf
    assert not aux.requires_grad


# -- no history at the outermost level -----------------------------------------------------------


@pytest.mark.parametrize(
    "run",
    [
        lambda x: tg.grad(lambda x: (x * x).sum())(x),
        lambda x: tg.value_and_grad(lambda x: (x * x).sum())(x),
        lambda x: tg.value_and_grad(lambda x: ((x * x).sum(), x * 2), has_aux=True)(x),
        lambda x: tg.grad(lambda x: x[0])(x),
        lambda x: tg.jvp(lambda x: x, (x,), (np.ones(2),)),
        lambda x: (tg.vjp(lambda x: x * x, x)[0], tg.vjp(lambda x: x * x, x)[1](np.ones(2))),
        lambda x: tg.jacobian(lambda x: x * x)(x),
        lambda x: tg.hessian(lambda x: (x**3).sum())(x),
        lambda x: tg.hvp(lambda x: (x**3).sum(), (x,), (np.ones(2),)),
    ],
)
@pytest.mark.parametrize("x", [np.ones(2), Tensor(np.ones(2))], ids=["array", "tensor"])
def test_results_have_no_history(run, x):
    waiting, found = [run(x)], []
    while waiting:
        tree = waiting.pop()
        waiting += list(tree) if isinstance(tree, tuple) else []
        found += [tree] if isinstance(tree, Tensor) else []
    assert found
    assert all(t.is_leaf and not t.requires_grad and t.args == () for t in found)


def test_a_thousand_training_steps_keep_one_step_alive():
    step = tg.value_and_grad(lambda w, x: ((w @ x) ** 2).sum())
    w, x, alive = Tensor(np.ones(2)), np.eye(2), []
    gc.collect()
    gc.disable()
    try:
        for _ in range(1000):
            loss, g = step(w, x)
            w = w - 0.001 * g
            alive.append(weakref.ref(w))
        del loss, g
        assert sum(ref() is not None for ref in alive) == 1
    finally:
        gc.enable()
    close(w, 0.998**1000 * np.ones(2))


# -- errors --------------------------------------------------------------------------------------


def loss_of(x):
    return x * x


@pytest.mark.parametrize(
    ("run", "kind", "text"),
    [
        (
            lambda: tg.grad(loss_of)(np.ones(2)),
            ValueError,
            r"loss_of gave shape \(2,\): end it with .sum\(\)",
        ),
        (lambda: tg.hessian(loss_of)(np.ones(2)), ValueError, r"loss_of gave shape \(2,\)"),
        (lambda: tg.grad(loss_of)(2), TypeError, "dtype int64: 2; write it with decimal points"),
        (lambda: tg.grad(loss_of)({"n": [1, 2.0]}), TypeError, "dtype int64: 1"),
        (lambda: tg.grad(loss_of)("a"), TypeError, "'a'"),
        (
            lambda: tg.grad(lambda x: 3.0)(1.0),
            TypeError,
            "must return a Tensor .* returned float: 3.0",
        ),
        (
            lambda: tg.grad(lambda x: np.ones(2))(1.0),
            TypeError,
            "must return a Tensor .* returned ndarray",
        ),
        (
            lambda: tg.grad(lambda x: (x, x))(1.0),
            TypeError,
            "must return a Tensor .* returned tuple",
        ),
        (lambda: tg.grad(lambda x: x > 1)(2.0), TypeError, "must return floats .* returned bool"),
        (
            lambda: tg.jvp(lambda x: x.astype(int), (2.0,), (1.0,)),
            TypeError,
            "must return floats .* returned int64",
        ),
        (
            lambda: tg.grad(loss_of, has_aux=True)(1.0),
            TypeError,
            r"loss_of must return \(value, more\)",
        ),
        (
            lambda: tg.grad(loss_of, argnums=1)(1.0),
            TypeError,
            "argnums=1: loss_of was called with 1 positional",
        ),
        (
            lambda: tg.grad(loss_of)(x=1.0),
            TypeError,
            "argnums=0: loss_of was called with 0 positional",
        ),
        (lambda: tg.grad(loss_of, argnums="x")(1.0), TypeError, "argnums='x': it counts"),
        (lambda: tg.jvp(loss_of, 1.0, 1.0), TypeError, r"jvp\(f, \(x,\), \(v,\)\)"),
        (lambda: tg.jvp(loss_of, np.ones(1), (1.0,)), TypeError, r"jvp\(f, \(x,\), \(v,\)\)"),
        (lambda: tg.hvp(loss_of, (1.0,), np.ones(1)), TypeError, r"hvp\(f, \(x,\), \(v,\)\)"),
        (lambda: tg.jvp(loss_of, (1.0,), (1.0, 2.0)), TypeError, "two tuples of equal length"),
        (
            lambda: tg.jvp(loss_of, (np.ones(2),), (1.0,)),
            ValueError,
            r"primals have shapes \[\(2,\)\], the tangents \[\(\)\]",
        ),
        (
            lambda: tg.hvp(loss_of, (np.ones(2),), (1.0,)),
            ValueError,
            r"primals have shapes \[\(2,\)\], the tangents \[\(\)\]",
        ),
        (lambda: tg.hvp(loss_of, 1.0, 1.0), TypeError, r"hvp\(f, \(x,\), \(v,\)\)"),
        (
            lambda: tg.jvp(loss_of, ({"a": 1.0},), ({"b": 1.0},)),
            ValueError,
            r"differ in .*\['a'\].*\['b'\]",
        ),
        (
            lambda: tg.vjp(loss_of, np.ones(2))[1](1.0),
            ValueError,
            r"the seed has shape \(\), .* has shape \(2,\)",
        ),
    ],
)
def test_an_error_says_what_was_given(run, kind, text):
    with pytest.raises(kind, match=text):
        run()


@pytest.mark.parametrize(
    ("argument", "note"),
    [
        (None, "None, which holds no parameters"),
        ([1.0, 2.0], "for a vector give np.array([1.0, 2.0]), not [1.0, 2.0]"),
        (
            (1.0, 2.0, 3.0, 4.0, 5.0),
            "for a vector give np.array([1.0, 2.0, 3.0, 4.0, ...]), not [1.0, 2.0, 3.0, 4.0, ...]",
        ),
        ([], None),
        ([np.ones(2), 1.0], None),
        ({"w": 1.0}, None),
    ],
)
def test_an_error_over_a_tree_says_what_a_list_is_where_a_vector_may_have_been_meant(
    argument, note
):
    with pytest.raises((TypeError, AttributeError)) as caught:
        tg.grad(lambda x: x.no_such_method())(argument)
    notes = "\n".join(getattr(caught.value, "__notes__", []))
    assert (note in notes) if note else "vector" not in notes
