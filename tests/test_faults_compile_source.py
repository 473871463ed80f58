"""What a compiled program is written as: the text runs alone, whatever the names.

It equals what runs, and what eager computes.
"""

import importlib
import os
import pkgutil
import unicodedata
import warnings
from collections import OrderedDict, namedtuple
from dataclasses import dataclass

import numpy as np
import pytest
from compiling import TABLE, agrees, is_float_array, on_arrays, run_source, same, squares
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from training_steps import Step

import tinygrad_edu as tg
from tinygrad_edu.engine.pytree import leaves, parts_of, tree_map
from tinygrad_edu.engine.registry import registry
from tinygrad_edu.testing import op_calls

# random training steps; a thousand and more are run by hand
STEPS = int(os.environ.get("STEPS", "20"))

# -- what runs, the text, and tensors agree --------------------------------------------------------

m, i, u = np.array([True, False, True]), np.array([1, 2, 3]), np.array([1, 2, 255], np.uint8)
x, z = np.array([0.5, -1.5, 2.0]), np.array([0.0, -0.0, -1.0])
f4, f2 = x.astype(np.float32), x.astype(np.float16)
ends = np.array([np.inf, -np.inf, np.nan, 1e308, -1e308, 1e-300])
A, labels = np.arange(6.0).reshape(2, 3), np.array([0, 2, 1])
PROGRAMS = {
    "a product of booleans": (
        lambda m: [m * m, ~(m * m), m + m, m**2, m & m, m * 1, m * 1.0, m.sum(), m.mean()],
        m,
    ),
    "integers": (
        lambda i: [
            i * i,
            i**2,
            i**3,
            i * -1,
            i / 2,
            i * 1.0,
            2**i,
            i.mean(),
            (-2.0) ** i,
            i * 2**40,
        ],
        i,
    ),
    "unsigned": (lambda u: [u * u, u**2, u + u, -u, u * 1, u < 300, u.mean()], u),
    "times True": (lambda x: [x * True, x + True], x),
    "float16": (
        lambda h: [
            h.mean(),
            h.sum(),
            h * h * h,
            h**3,
            h * 0.1 * 3.0,
            tg.grad(lambda h: (h * h).mean())(h),
        ],
        f2,
    ),
    "float32": (
        lambda f: [
            f * 0.1 + 0.2,
            f * np.float64(0.1),
            f * np.float32(0.1),
            f * np.full(3, 0.1),
            f**3,
            f / 3,
            tg.where(f > 0, f, 0.0),
        ],
        f4,
    ),
    "powers": (
        lambda x: [x**0, x**0.0, x**1, x**3, x**4, x**-1, x**-2, 2.0**x, x**2.0, (-x) ** 3],
        x,
    ),
    "powers of numbers": (lambda x: [x**0, x**2, x**3, x**-1, x * x * x], np.array(1.7)),
    "powers at the ends": (
        lambda x: [x**0, x**2, x**3, x**4, x**-1, tg.grad(lambda x: (x**3).sum())(x)],
        ends,
    ),
    "differences at the ends": (
        lambda x: [x - x, x / x, 0.0 * x, x * 0 + 1, x == x, x - 0, 1 * x, x / 1],
        ends,
    ),
    "zeros with signs": (
        lambda z: [
            z + 0.0,
            z - 0.0,
            0.0 - z,
            z * -1.0,
            -(0.0 - z),
            np.negative(-z),
            z + -0.0,
            0.0 - (-z),
            (-z) + z,
            -(z - 1.0),
            -z * 2.0,
        ],
        z,
    ),
    "constants with signs": (
        lambda z: [
            z * np.array([-0.0, -0.0, -0.0]),
            z + np.array([0.0, -0.0, -0.0]),
            z + np.full(3, np.nan),
        ],
        z * 0,
    ),
    "numbers that overflow together": (
        lambda x: [
            x * 1e300 * 1e300 * 1e-300,
            1e300 * (1e300 * (x * 1e-300)),
            1e-300 * (1e-300 * (x * 1e300)),
        ],
        x,
    ),
    "no entries": (
        lambda e: [
            e.sum(axis=0),
            e.sum(),
            e.mean(axis=1),
            e * 2.0,
            tg.grad(lambda e: (e * e).sum())(e),
        ],
        np.zeros((0, 3))[:, :0],
    ),
    "a number that is written to": (
        lambda x: [
            getattr((x * 2.0).sum().at[j], how)(3.0) for j in ((), ...) for how in ("set", "add")
        ],
        x,
    ),
    "values with more axes": (
        lambda w, v: [w.at[0:1].set(v), w.at[0:1].add(v), w.at[[0, 0]].add(v), w.at[0].add(v)],
        x,
        np.ones((1, 1)),
    ),
    "indices": (
        lambda x: [
            x[[0, 2]],
            x[[]],
            x[np.array([True, False, True])],
            x[::-1, None],
            x[...],
            x[-1],
            x.at[[0, 0, 1]].add(x),
            x.at[[1, 1]].set(0.5),
        ],
        x,
    ),
    "an index that is long": (
        lambda x: [x[np.arange(400) % 2 == 0] * 2.0, x.at[np.arange(300)].set(0.0)],
        np.ones(400),
    ),
    "exponents that are arrays": (
        lambda x: tg.grad(
            lambda x: (x ** np.array([1.0, 2.0, 0.0])).sum() + (x ** np.array([1, 2, 0])).sum()
        )(x),
        abs(x),
    ),
    "conversions": (
        lambda x: [x.astype(int), x.astype(bool), x.astype(np.float32), (x > 0).astype(float), +x],
        x,
    ),
    "results that lie elsewhere": (
        lambda x: (
            np.broadcast_to(x * 2, (2, 3)),
            x,
            x,
            x.T,
            x[1:],
            x[None],
            np.arange(3.0),
            x * 2,
        ),
        x,
    ),
    "sums of parts": (
        tg.grad(
            lambda x: (
                (x[1:] * x[:-1]).sum()
                + (x[0] * x[1]) ** 2
                + x[[0, 0, 2]].sum() * x[-1]
                + (x * x).sum()
            )
        ),
        x,
    ),
    "parts of matrices": (
        tg.grad(
            lambda a: (a[0] @ a[1]) ** 2 + a[:, 1:].sum() * a[0, 0] + a.reshape(-1)[::2].prod()
        ),
        A,
    ),
    "axes": (
        lambda a: [
            a.sum(axis=-1),
            a.sum(axis=(0, 1)),
            a.sum(axis=(1,), keepdims=True),
            a.T.T,
            a.T.reshape(-1),
            a.mT,
            (a.T @ a).T,
            (-a).sum(),
        ],
        A,
    ),
    "products with vectors": (
        lambda a, x: tg.value_and_grad(
            lambda a, x: ((a @ x) ** 2).sum() + ((x @ a.T) ** 2).sum() + (x @ x), (0, 1)
        )(a, x),
        A,
        x,
    ),
    "a gradient that is transposed": (
        lambda a, w: tg.grad(lambda w: ((a @ w.T) ** 2).mean())(w),
        A,
        np.ones((4, 3)) / 3,
    ),
    "comparisons of one": (
        lambda x: [
            x == x,
            x >= 0,
            x != 0.5,
            (x > 0) & (x < 1),
            ~(x > 0),
            tg.where(x > 0, 1, 0),
            tg.where(x > 0, 1.0, x),
        ],
        x,
    ),
}


def has_equal_signs(found, expected):
    """Whether zeros have the signs of zeros that are expected."""
    pairs = [
        (np.asarray(a), np.asarray(b))
        for (_, a), (_, b) in zip(leaves(found), leaves(expected), strict=True)
    ]
    return all(
        (np.signbit(a) == np.signbit(b))[b == 0].all() for a, b in pairs if b.dtype.kind == "f"
    )


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_of_every_dtype_and_at_the_ends_of_the_range(name):
    f, *args = PROGRAMS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compiled = agrees(f, *args, rtol=1e-12 if args[0].dtype.itemsize == 8 else 1e-3, atol=0)
        if name not in (
            "sums of parts",
            "parts of matrices",
        ):  # to a part of zeros another is added in its place
            expected = f(*map(tg.Tensor, args))
            assert has_equal_signs(compiled(*args), expected)
            assert has_equal_signs(run_source(compiled, *args), expected)


@pytest.mark.parametrize(
    "name", [name for name in TABLE if registry[name].rules or registry[name].variadic]
)
def test_every_op_at_the_second_order(name):
    op = registry[name]

    @settings(max_examples=1, database=None)
    @given(op_calls(op))
    def check(call):
        f, arrays = on_arrays(op, *call)
        with np.errstate(all="ignore"):
            if not any(map(is_float_array, arrays)) or f(*arrays).dtype.kind != "f":
                return

        def curved(*xs):
            _, slopes = squares(f, arrays)(*xs)
            return sum([(slope * slope).sum() for slope in slopes])

        floats = tuple(k for k, a in enumerate(arrays) if is_float_array(a))
        agrees(tg.grad(curved, floats), *arrays, rtol=1e-8, atol=1e-8)

    check()


def as_tensors(tree):
    """A tree of arrays as one of Tensors."""
    return tree_map(tg.Tensor, tree)


def agrees_with_eager(compiled, step, runs):
    """Assert that what some functions give for a training step's arguments is what tensors give."""
    expected = step(*as_tensors(step.args()))
    largest = max(
        [
            np.abs(np.nan_to_num(np.asarray(v, float), posinf=0, neginf=0)).max(initial=1)
            for _, v in leaves(expected)
        ]
    )
    tolerance = 1e-3 if step.is_low else 1e-12
    for run in runs:
        same(run(*step.args()), expected, rtol=10 * tolerance, atol=tolerance * largest)


@pytest.mark.parametrize("block", range(10))
def test_random_training_steps(block):
    for seed in range(block * STEPS // 10, (block + 1) * STEPS // 10):
        step = Step(seed)
        with np.errstate(all="ignore"):
            compiled = tg.compile(
                lambda parameters, state, data, step=step: step(parameters, state, data)
            )
            agrees_with_eager(
                compiled, step, [compiled, compiled, lambda *args, c=compiled: run_source(c, *args)]
            )


# -- names -----------------------------------------------------------------------------------------

NAMES = "x x_ x_2 x_2_2 W W_2 d_W d_W_2 new_x t1 t2 c1 delta delta1 np np_2 jnp jax".split()
NAMES += "sum sum_2 abs slice list".split()
NAMES += "max min range buffers f g sigmoid".split()
NAMES += "add_part array axis keepdims out class_ lambda_ match type print ünï ﬁn µ δ_1".split()
NAMES += "scipy int float multiply k1 b1 s1 i j".split()


def made(names, keys, body):
    """A function of a dict with some keys, unpacked into variables, and of arrays."""
    lines = [f"def f({', '.join(names)}):", f"    {', '.join(keys)}, = {names[0]}.values()"]
    scope = {"tg": tg, "numpy": np}
    exec("\n".join([*lines, *[f"    {line}" for line in body]]), scope)
    return scope["f"]


@settings(max_examples=30, database=None)
@given(
    st.lists(st.sampled_from(NAMES), min_size=3, max_size=5, unique=True),
    st.lists(st.sampled_from(NAMES), min_size=2, max_size=3, unique=True),
    st.booleans(),
)
def test_no_name_stands_for_two_things(names, keys, by_keyword):
    """Parameters, keys, variables and results may be called alike, and like what the text calls."""
    tree, *others = names
    others = [name for name in others if name not in keys] or ["q_q"]
    names = [tree, *others]
    values = " + ".join(
        f"{k + 2} * {name}.sigmoid() * abs({name})" if k % 2 else f"{name} * {name}"
        for k, name in enumerate([*keys, *others])
    )
    values = values.replace("abs(", "numpy.abs(")
    cost = f"{keys[0]}_cost" if f"{keys[0]}_cost" not in names else "q_cost"
    body = [
        f"def {cost}({', '.join([*keys, *others])}): return (({values}) * numpy.arange(3.0) + 3 * "
        f"{keys[0]}).sum()"
    ]
    body += [f"slopes = tg.grad({cost}, (0, 1, {len(keys)}))({', '.join([*keys, *others])})"]
    body += [
        f"return [{keys[0]} - 0.1 * slopes[0], {keys[1]} - slopes[1], slopes, "
        f"[{', '.join([*keys, *others])}]]"
    ]
    function = made(names, keys, body)
    arrays = [np.random.default_rng(k).normal(size=3) for k in range(len(keys) + len(others))]
    args = [dict(zip(keys, arrays, strict=False)), *arrays[len(keys) :]]
    keywords = (
        dict(zip([unicodedata.normalize("NFKC", name) for name in others], args[1:], strict=True))
        if by_keyword
        else {}
    )
    args = args[:1] if by_keyword else args
    expected = function(*as_tensors(args), **as_tensors(keywords))
    compiled = tg.compile(function)
    same(compiled(*args, **keywords), expected)
    scope = {}
    exec(compile(compiled.source, "<source>", "exec"), scope)
    same(scope["f"](*args, **keywords), expected)


def test_the_gradient_of_a_parameter_is_called_after_it():
    def step(p, q):
        slopes = tg.grad(lambda p, q: (p["W"] * q["W"] ** 2).sum(), (0, 1))(p, q)
        return p["W"] - slopes[0]["W"], q["W"] - slopes[1]["W"]

    compiled = agrees_on_trees(step, {"W": x}, {"W": x + 1})
    assert 'W = p["W"]' in compiled.source
    assert "d_W = W_2**2\n" in compiled.source
    assert "d_W_2 = W * (2 * W_2)\n" in compiled.source
    assert "new_W_2 = W_2 - d_W_2" in compiled.source


def agrees_on_trees(f, *args):
    """Assert that f, compiled and as text, equals f of Tensors."""
    compiled = tg.compile(f)
    expected = f(*as_tensors(args))
    same(compiled(*args), expected)
    same(run_source(compiled, *args), expected)
    return compiled


def test_a_leaf_that_is_called_like_a_parameter():
    def sq(x):
        return (x * x).sum()

    def cost(p, x, y):
        W, b = p
        return tg.mse(x @ W + b, y) + 0.1 * sq(W)

    rng = np.random.default_rng(0)
    args = (
        (rng.normal(size=(3, 2)), rng.normal(size=2)),
        rng.normal(size=(4, 3)),
        rng.normal(size=(4, 2)),
    )
    agrees_on_trees(tg.value_and_grad(cost), *args)
    agrees_on_trees(cost, *args)


# -- the text runs alone ---------------------------------------------------------------------------


@pytest.fixture
def op():
    """tg.op, whose ops are gone after the test."""
    before = set(registry)
    yield tg.op
    for name in set(registry) - before:
        del registry[name]


def test_functions_of_numpy_s_are_called_by_their_names(op):
    op(np.deg2rad, lambda g, y, x: g * x)
    compiled = agrees(lambda x: np.sinc(x) * np.deg2rad(x) + np.sinc(x.sum()), x)
    assert "np.sinc(x) * np.deg2rad(x)" in compiled.source
    assert "def " not in compiled.source.partition("def ")[2]


def shifted(x, by):
    return wrapped_in(x) + by


def wrapped_in(x):
    return np.where(x.sum() > 0, x, [-a for a in x])


def test_users_functions_are_written_as_they_are_or_given_as_arguments(op):
    scale = 3.0
    mine = op(shifted, lambda g, y, x, by: g, name="x")  # named like the variable of a helper
    closed = op(
        lambda x: np.array([v * scale for v in x]), lambda g, y, x: g * scale, name="closed"
    )
    compiled = agrees(tg.value_and_grad(lambda x: (closed(mine(x, by=2.0)) * x.sigmoid()).sum()), x)
    assert "def wrapped_in(x):" in compiled.source
    assert list(compiled.constants) == ["closed"]
    assert "f(..., **compiled.constants)" in compiled.source


SOURCES = {
    "a product with a vector": (tg.grad(lambda x: ((A @ x) ** 2).sum()), (x,), "A.T @ (2 * t1)"),
    "a transposed product": (
        tg.grad(lambda w: ((A @ w.T) ** 2).sum()),
        (np.ones((4, 3)),),
        ".T @ A",
    ),
    "numbers as one": (tg.grad(lambda x: 0.001 * (x**2).sum()), (x,), "0.002 * x"),
    "a mean of squares": (tg.grad(lambda x: ((x - 1) ** 2).mean()), (x,), "2 / 3 * (x - 1)"),
    "what is left of 1": (lambda x: (1 - 0.999) * x, (x,), "(1 - 0.999) * x"),
    "a sign before a sum": (lambda x: (-(x * x)).sum(axis=0), (A,), "-(x * x).sum(axis=0)"),
    "a new axis": (lambda x: np.expand_dims(x, -1) * x, (x,), "x[:, None] * x"),
    "a slice": (
        tg.grad(lambda x: (x[1:] ** 2).sum()),
        (x,),
        "d_x = np.zeros((3,))\n    d_x[1:] = 2 * t1",
    ),
    "a sum of slices": (
        tg.grad(lambda x: (x[1:] * x[:-1]).sum()),
        (x,),
        "d_x[:-1] = x[1:]\n    d_x[1:] += x[:-1]\n",
    ),
    "labels": (
        tg.grad(lambda W: tg.cross_entropy(A.T @ W, labels)),
        (np.ones((2, 3)),),
        "delta[[0, 1, 2], [0, 2, 1]] -= 1 / 3",
    ),
    "no update": (lambda x: x * 2, (x,), "t1 = x * 2"),
}


@pytest.mark.parametrize("name", SOURCES)
def test_a_teacher_would_write_it_so(name):
    f, args, text = SOURCES[name]
    compiled = agrees(lambda x: f(x), *args)
    assert text in compiled.source, compiled.source


def test_a_class_of_numbers_is_written_as_a_number(op):
    class Evil(int):
        def __repr__(self):
            return "__import__('os').abort()"

    class Odd(str):
        __repr__ = Evil.__repr__

    agrees(lambda a: a.sum(axis=Evil(1)) * Evil(2) + a[Evil(0), Evil(1)], A)
    op(lambda x, how: x * len(how), lambda g, y, x, how: g * len(how), name="times")
    agrees(lambda a: registry["times"](a, how=Odd("ab")), A)


def test_digits_are_exact_whatever_numpy_prints():
    c = np.array([1 / 3, 1e-7 / 3, 1e20 / 3, -0.0, np.inf, -np.inf, np.nan])
    plain = agrees(
        lambda x: x * c + np.float32(0.1) * x + np.full(7, np.float32(1 / 3)), np.ones(7)
    ).source
    for options in ({"legacy": "1.13"}, {"precision": 2, "suppress": True, "floatmode": "fixed"}):
        with np.printoptions(**options):
            found = tg.compile(
                lambda x: x * c + np.float32(0.1) * x + np.full(7, np.float32(1 / 3))
            )
            found(np.ones(7))
            assert found.source == plain
    f = tg.compile(lambda x: x * np.longdouble(1) / 3)
    same(
        run_source(f, np.ones(2)) if f(np.ones(2)) is not None else None,
        np.ones(2) * np.longdouble(1) / 3,
        rtol=0,
    )


@pytest.mark.parametrize("labels", ["closed", "given"])
def test_a_classifier_with_labels_runs_alone(labels):
    rng = np.random.default_rng(0)
    W, X, Y = rng.normal(size=(4, 3)), rng.normal(size=(600, 4)), rng.integers(0, 3, 600)
    step = tg.value_and_grad(lambda W, X, *Y_: tg.cross_entropy(X @ W, Y_[0] if Y_ else Y))
    agrees(step, *((W, X, Y) if labels == "given" else (W, X)), rtol=1e-10)


# -- size ------------------------------------------------------------------------------------------


def test_hundreds_of_parameters_and_ops_are_lines_of_a_page():
    many = {f"w{k}": np.full((2,), 0.1 * k) for k in range(300)}

    def step(p, x):
        def cost(p):
            total = x
            for w in p.values():
                total = (total + w).tanh()
            return total.sum() + sum([(w * w).sum() for w in p.values()])

        loss, slopes = tg.value_and_grad(cost)(p)
        return {key: p[key] - 0.1 * slopes[key] for key in p}, loss

    compiled = agrees_on_trees(step, many, np.ones(2))
    assert max(map(len, compiled.source.splitlines())) <= 110
    wide = agrees_on_trees(
        lambda *xs: (tg.concatenate(list(xs)), sum(xs)), *[np.ones(2) * k for k in range(300)]
    )
    assert max(map(len, wide.source.splitlines())) <= 110


# -- packages are nouns, functions verbs -----------------------------------------------------------


def test_no_function_shadows_a_package():
    for package in {m.name for m in pkgutil.iter_modules(tg.__path__)}:
        assert package not in tg.__all__
    importlib.import_module("tinygrad_edu.player.layout")
    loss = tg.Tensor(3.0, requires_grad=True, name="w") ** 2
    assert repr(tg.player(loss)) == repr(tg.play(loss)), "as it was spelled first"


# -- values added at an index ----------------------------------------------------------------------

INDICES = [
    0,
    (0, 1),
    slice(0, 1),
    (slice(0, 1), 0),
    (),
    ...,
    (None, 0),
    [0, 0],
    ([0, 1, 1], 0),
    np.array([[0, 1], [1, 1]]),
    True,
    (..., 1),
]


@pytest.mark.parametrize("index", INDICES, ids=str)
@pytest.mark.parametrize("how", ["add", "set"])
def test_values_at_an_index_broadcast_as_numpy_s_or_are_refused(index, how):
    for shape in [(), (1,), (3,), (1, 1, 1), (3, 1, 1), (1, 1, 3), (2,), (1, 3)]:
        values_broadcast_or_are_refused(index, shape, how)


def values_broadcast_or_are_refused(index, shape, how):
    x, v = (
        np.arange(9.0).reshape(3, 3),
        np.arange(1.0, 1 + np.prod(shape, dtype=int)).reshape(shape),
    )
    places = np.arange(9).reshape(3, 3)[index]
    more = max(0, v.ndim - np.ndim(places))  # axes of length 1 that may be too many
    short = v.reshape(shape[more:]) if set(shape[:more]) <= {1} else v
    try:
        values = np.broadcast_to(short, np.shape(places))
    except ValueError:
        with pytest.raises(ValueError, match=f"index_{how} cannot take"):
            getattr(tg.Tensor(x).at[index], how)(v)
        return
    expected = x.copy()
    for place, value in zip(np.ravel(places), np.ravel(values), strict=True):
        expected.flat[place] = value + (expected.flat[place] if how == "add" else 0)
    w = tg.Tensor(v, requires_grad=True)
    if how == "set" and np.ndim(places) == 0 < v.ndim:
        # NumPy 2.4 refuses to write an array of one entry into a single place, older ones warn
        return
    y = getattr(tg.Tensor(x).at[index], how)(w)
    assert_array_equal(y, expected)
    y.sum().backward()
    assert w.grad.shape == v.shape


# -- the kinds of containers -----------------------------------------------------------------------

Pair = namedtuple("Pair", "w b")


@dataclass
class State:
    w: object
    steps: object = 0


CONTAINERS = [
    Pair(x, z),
    Pair({"w": x}, Pair(z, x)),
    OrderedDict(b=x, a=z),
    State(x, 3),
    State(Pair(x, z), x),
    [Pair(x, z), Pair(z, x), {"a": State(x, z)}],
    namedtuple("np", "tuple namedtuple")(x, z),
    namedtuple("x", "x y")(x, z),
    namedtuple("None_", "")(),
]


@pytest.mark.parametrize("i", range(len(CONTAINERS)))
def test_the_text_gives_containers_of_the_kind_that_the_function_gives(i):
    def f(x, collections):
        return tree_map(lambda t: t * 2.0 if isinstance(t, tg.Tensor) else t, x), collections.sum()

    compiled = tg.compile(f)
    given = CONTAINERS[i], np.ones(3)
    expected = compiled(*given)
    found = run_source(compiled, *given)
    same(found, expected)
    assert kinds(found) == kinds(expected)


def kinds(tree):
    """The names of the classes in a structure, and of their fields."""
    parts = parts_of(tree)
    return parts and (type(tree).__name__, [*parts], [*map(kinds, parts.values())])


def test_the_fields_of_an_argument_name_its_parts():
    compiled = agrees_on_trees(lambda p, x: Pair(p.w * x, p.b + x), Pair(x, z), x)
    assert "    w, b = p\n" in compiled.source
    assert "return Pair(w_2, b_2)" in compiled.source
    assert compiled.signatures == ["f(p=Pair(w=float64[3], b=float64[3]), x=float64[3])"]
