"""No gradient is lost in silence: a value leaves by an explicit call, else an error names one."""

import array
import cmath
import copy
import math
import pickle
import random
import statistics
import struct
import warnings
from collections import deque

import matplotlib.figure
import numpy as np
import pytest
from messages import told

import tinygrad_edu as tg

V = np.array([1.0, 2.0])
PLACES = np.array([0, 1])
EYE = np.eye(2)
NUMPY_MATRIX = EYE.view(np.matrix)


def filled(x):
    out = np.zeros(2)
    for i in range(2):
        out[i] = x[i] ** 2
    return out


def sliced(x):
    out = np.zeros(2)
    out[:] = x
    return out


def added(x):
    out = np.zeros(2)
    out += x
    return out


def objects(x):
    out = np.empty(2, object)
    out[:] = [x[0].detach(), x[1].detach()]
    out[0], out[1] = x[0], x[1]
    return out


LOSING = {
    # entries and lists
    "an array filled entry by entry": filled,
    "an array filled at once": sliced,
    "an array added to": added,
    "np.array of a list": lambda x: np.array([x[0], x[1]]),
    "np.array of objects": lambda x: np.array([x[0], x[1]], dtype=object),
    "logsumexp of an array of a list": lambda x: tg.logsumexp(np.array([x[0], x[1]])),
    "logsumexp of objects": lambda x: tg.logsumexp(objects(x)),
    "objects times": lambda x: objects(x) * x,
    "np.sum of a list": lambda x: np.sum([x[0], x[1]]),
    "np.mean of a list": lambda x: np.mean([x[0], x[1]]),
    "np.max of a list": lambda x: np.max([x[0], x[1]]),
    "np.dot of lists": lambda x: np.dot([x[0], x[1]], [1.0, 2.0]),
    "np.exp of a list": lambda x: np.exp([x[0], x[1]]),
    "np.linalg.norm of a list": lambda x: np.linalg.norm([x[0], x[1]]),
    "Tensor of a list": lambda x: tg.Tensor([x[0], x[1]]),
    "mse of a list": lambda x: tg.mse([x[0], x[1]], V),
    "where of a list": lambda x: np.where(V > 1, x, [x[0], x[1]]),
    "clip by a list": lambda x: tg.clip(x, [x[0], x[1]], 3.0),
    "a deque": lambda x: tg.exp(deque([x[0], x[1]])),
    "np.fromiter": lambda x: np.fromiter((a * a for a in x), float),
    "np.c_": lambda x: np.c_[x, x],
    "np.r_": lambda x: np.r_[x, x],
    "np.vectorize": lambda x: np.vectorize(lambda a: a * a)(x),
    # conversions
    "np.asarray": np.asarray,
    "np.float64": lambda x: np.float64(x[0]),
    "float": lambda x: float(x[0]),
    "int": lambda x: int(x[0]),
    "complex": lambda x: complex(x[0]).real,
    "round": lambda x: round(x[0], 1),
    "math.exp": lambda x: math.exp(x[0]),
    "math.floor": lambda x: math.floor(x[0]),
    "math.trunc": lambda x: math.trunc(x[0]),
    "math.fsum": lambda x: math.fsum(x),
    "cmath.exp": lambda x: cmath.exp(x[0]).real,
    "percent": lambda x: float("%.1f" % x[0]),  # noqa: UP031
    "statistics.fmean": lambda x: statistics.fmean([x[0], x[1]]),
    "array.array": lambda x: np.array(array.array("d", x)),
    "Tensor": tg.Tensor,
    "data": lambda x: setattr(tg.Tensor(V), "data", x),
    "from_dlpack": lambda x: np.from_dlpack(x),
    "an index": lambda x: V[x],
    "a range": lambda x: sum(range(x[0])),
    "a slice": lambda x: x[: x[0]],
    # functions and methods that take it beside an array
    "np.full": lambda x: np.full(3, x[0]),
    "np.pad": lambda x: np.pad(V, 1, constant_values=x[0]),
    "np.fill_diagonal": lambda x: np.fill_diagonal(EYE.copy(), x[0]),
    "np.copyto": lambda x: np.copyto(V.copy(), x),
    "np.put": lambda x: np.put(V.copy(), [0, 1], x),
    "np.add.at": lambda x: np.add.at(V.copy(), PLACES, x),
    "out=": lambda x: np.add(V, x, out=np.zeros(2)),
    "dtype=": lambda x: np.exp(x, dtype=np.float32),
    "ndarray.dot": lambda x: EYE.dot(x),
    "ndarray.choose": lambda x: PLACES.choose([x, x]),
    "ndarray.sum(initial=)": lambda x: V.sum(initial=x[0]),
    "ndarray.searchsorted": lambda x: V.searchsorted(x),
    "ndarray.fill": lambda x: np.zeros(2).fill(x[0]),
    "as_strided": lambda x: np.lib.stride_tricks.as_strided(x),
    "np.ma.sum": lambda x: np.ma.sum(x),
    "Polynomial at": lambda x: np.polynomial.Polynomial([1.0, 2.0])(x),
    "Polynomial of": lambda x: np.polynomial.Polynomial(x)(2.0),
    "np.matrix": lambda x: NUMPY_MATRIX * x,
    "times np.matrix": lambda x: x * NUMPY_MATRIX,
    "default_rng().normal": lambda x: np.random.default_rng(0).normal(x),
    "np.random.normal": lambda x: np.random.normal(x[0]),
    "np.ndenumerate": lambda x: sum(float(a) for _, a in np.ndenumerate(x)),
    "an op that closes over it": lambda x: tg.op(
        lambda a: a * x, lambda g, y, a: g, name="test_closes_over"
    )(x),
}

WAYS_OUT = (
    *(
        "tg.stack(",
        "np.column_stack(",
        ".detach()",
        ".numpy()",
        ".item()",
        "tg.op(",
        "t.astype(",
        ".at[i].",
    ),
    "np.asarray(m)",
)
LOSES = pytest.mark.parametrize("f", LOSING.values(), ids=LOSING)


@LOSES
def test_within_a_transform_it_is_an_error_that_shows_the_way(f):
    with pytest.raises((TypeError, ValueError)) as raised:
        tg.grad(lambda x: (f(x) * x).sum())(V)
    assert any(way in told(raised.value) for way in WAYS_OUT), told(raised.value)


@LOSES
@pytest.mark.filterwarnings("ignore:Conversion of an array with ndim")
def test_before_backward_it_is_such_an_error_or_a_warning(f):
    x = tg.Tensor(V, requires_grad=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", tg.GradientLostWarning)
        try:
            f(x)
        except (TypeError, ValueError) as error:
            texts = [told(error)]
        else:
            texts = [str(w.message) for w in caught if w.category is tg.GradientLostWarning]
    assert any(way in text for text in texts for way in WAYS_OUT), texts


@LOSES
def test_the_same_program_on_constants_is_free(f):
    """Or says what else is wrong: a list of constants is an array, 0.5 is no index."""
    for x, context in (
        (tg.Tensor(V), tg.enable_grad()),
        (tg.Tensor(V, requires_grad=True), tg.no_grad()),
    ):
        with context:
            text = ""
            try:
                f(x)
            except (TypeError, ValueError, IndexError) as error:
                text = told(error)
            assert "gradient" not in text


# -- the explicit ways ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * x[0].item(),
        lambda x: x * float(x.tolist()[0]),
        lambda x: x * x.numpy()[0],
        lambda x: x * np.asarray(x.detach())[0],
        lambda x: x * float(x.detach()[0]),
        lambda x: x * tg.no_grad()(lambda: float(x[0]))(),
    ],
)
def test_whoever_says_so_gets_the_value(f):
    assert tg.grad(lambda x: f(x).sum())(V).tolist() == [1.0, 1.0]
    x = tg.Tensor(V, requires_grad=True)
    f(x).sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x if x[0] > 0 else -x,
        lambda x: x if x[0] else -x,
        lambda x: (
            x[: int(x.argmax())]
            if np.allclose(x, [x[0], x[1]]) and np.array_equal([x[0], x[1]], x)
            else x * 7.0
        ),
        lambda x: x * len(f"{x[0]:.1f} {x}{x!r}") / len(f"{x[0]:.1f} {x}{x!r}"),
        lambda x: x[x > 1.5],
        lambda x: V[x > 1.5] * x[1],
    ],
)
def test_comparing_and_printing_lose_nothing(f):
    def plain(v):
        return np.sum(f(tg.Tensor(v)).numpy())

    slopes = [(plain(V + h) - plain(V - h)) / 2e-6 for h in 1e-6 * EYE]
    assert tg.grad(lambda x: f(x).sum())(V).tolist() == pytest.approx(slopes)


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: x[0] * sum([x[0], x[1]]), [4.0, 1.0]),
        (lambda x: x[0] * max(x[0], x[1]), [2.0, 1.0]),
        (lambda x: x[0] * sorted(x)[1], [2.0, 1.0]),
        (lambda x: x[0] * math.prod(x), [4.0, 1.0]),
        (lambda x: x[0] * statistics.median(x), [2.0, 0.5]),
        (lambda x: x[0] * objects(x).sum(), [4.0, 1.0]),
        (lambda x: x[0] * random.gauss(x[1], 0.0), [2.0, 1.0]),
        (lambda x: x[0] * np.add.reduce(x), [4.0, 1.0]),
        (lambda x: (np.bincount([1, 1], weights=x) * [5.0, 3.0]).sum(), [3.0, 3.0]),
        (lambda x: (np.bincount([2, 0], x, 4) * np.arange(4.0)).sum(), [2.0, 0.0]),
    ],
)
def test_what_is_made_of_operators_has_the_right_gradient(f, expected):
    assert tg.grad(f)(V).tolist() == expected


# -- float ---------------------------------------------------------------------------------------


def test_the_losses_of_a_training_are_collected_with_one_warning_per_line():
    w, losses = tg.Tensor(1.0, requires_grad=True), []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(5):
            loss = w * w
            losses.append(float(loss))
            losses.append(float(loss))
            losses.append(loss.item())
    assert losses == [1.0] * 15
    assert [w.category for w in caught] == [tg.GradientLostWarning] * 2
    first, second = [w.lineno for w in caught]
    assert second == first + 1
    assert all(w.filename == __file__ for w in caught)
    assert "write t.item()" in str(caught[0].message)


def test_the_warning_is_at_the_users_line_below_a_library():
    with pytest.warns(tg.GradientLostWarning) as caught:
        statistics.fmean([tg.Tensor(1.0, requires_grad=True)])
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "t", [tg.Tensor(2.0), tg.Tensor(2.0, requires_grad=True) > 1, tg.grad(lambda x: x * x)(1.0)]
)
def test_what_requires_no_gradient_is_a_number_without_a_word(t):
    assert float(t) == int(t) == round(t) == complex(t) == np.asarray(t) == np.float64(t)


def test_an_array_is_no_single_number():
    text = r"float\(\) takes a single number, x has shape \(2,\).*np\.exp\(x\)"
    with pytest.raises(ValueError, match=text):
        tg.grad(lambda x: math.exp(x) * x)(V)


def test_within_a_compiled_function_too():
    scale = tg.Tensor(2.0, requires_grad=True)
    with pytest.raises(TypeError, match=r"float\(scale\).*scale\.item\(\)"):
        tg.compile(lambda x: x * float(scale))(V)
    with pytest.raises(TypeError, match="is being compiled, and the value of"):
        tg.compile(lambda x: x * float(x[0]))(V)


# -- other ways out ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_a_copy_is_another_leaf_hence_an_error_within_a_transform(copied):
    text = r"is another leaf.*write x\.copy\(\), which has a gradient, or x\.detach\(\)"
    with pytest.raises(TypeError, match=text):
        tg.grad(lambda x: (copied(x) * x).sum())(V)
    assert tg.grad(lambda x: (x.copy() * x).sum())(V).tolist() == [2.0, 4.0]
    assert copied(tg.Tensor(V, requires_grad=True)).requires_grad


@pytest.mark.parametrize(
    "f", [lambda x: struct.pack("d", x[0]), lambda x: list(np.nditer(x)), memoryview, bytes]
)
def test_others_refuse_it_in_their_own_words(f):
    with pytest.raises((TypeError, struct.error)):
        tg.grad(lambda x: (f(x) and x).sum())(V)


@pytest.mark.parametrize("flag", [float, "float64", np.float32, 1, None, [True]])
def test_requires_grad_is_a_boolean(flag):
    with pytest.raises(TypeError, match=r"requires_grad is True or False, not .*dtype=float"):
        tg.Tensor([1.0, 2.0], flag)
    with pytest.raises(TypeError, match="requires_grad is True or False"):
        tg.Tensor([1.0, 2.0]).requires_grad = flag
    assert tg.Tensor([1.0, 2.0], np.True_).requires_grad is True


def test_an_array_may_be_changed_by_constants():
    a = np.zeros(2)
    a += tg.Tensor(V)
    a[:1] = tg.Tensor(5.0)
    np.add.at(a, [1], tg.Tensor([1.0]))
    assert a.tolist() == [5.0, 3.0]
    assert np.median(tg.Tensor([1.0, 5.0, 2.0])) == 2.0
    with tg.no_grad():
        assert np.linalg.norm(tg.Tensor([3.0, 4.0], requires_grad=True)) == 5.0


def test_a_list_of_constants_is_an_array():
    assert tg.Tensor([tg.Tensor(1.0), 2.0]).tolist() == [1.0, 2.0]
    assert (tg.Tensor(V) * [tg.Tensor(1.0), 2.0]).tolist() == [1.0, 4.0]


def test_parameters_can_be_saved(tmp_path):
    w = tg.Tensor(V, requires_grad=True)
    np.save(tmp_path / "w.npy", w)
    np.savez(tmp_path / "w.npz", w, b=w * 2)
    np.savetxt(tmp_path / "w.txt", w)
    assert (
        np.load(tmp_path / "w.npy").tolist()
        == np.loadtxt(tmp_path / "w.txt").tolist()
        == V.tolist()
    )
    with np.load(tmp_path / "w.npz") as saved:
        assert saved["b"].tolist() == [2.0, 4.0]


def test_a_constant_can_be_given_to_other_libraries_by_dlpack():
    given = np.from_dlpack(tg.Tensor(V))
    assert given.tolist() == V.tolist()
    assert np.from_dlpack(tg.Tensor(V, requires_grad=True).detach()).tolist() == V.tolist()


PLOTS = {
    **dict.fromkeys(("plot", "scatter", "bar", "fill_between", "errorbar"), lambda x: (x, x * 2.0)),
    "imshow": lambda x: (tg.outer(x, x),),
    "hist": lambda x: (x,),
    "axhline": lambda x: (x[0],),
    "set_ylim": lambda x: (x[0], x[1]),
    "annotate": lambda x: ("here", (x[0], x[1])),
}


@pytest.mark.parametrize("kind", PLOTS)
def test_plots_lose_nothing(kind):
    axes = matplotlib.figure.Figure().subplots()

    def drawn(x):
        getattr(axes, kind)(*PLOTS[kind](x))
        return (x * x).sum()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn(tg.Tensor(V, requires_grad=True)).backward()
        assert tg.grad(drawn)(V).tolist() == [2.0, 4.0]
        axes.figure.canvas.draw()


def test_numpys_own_comparisons_for_tests_see_the_values():
    def compared(x):
        np.testing.assert_allclose(x, V)
        np.testing.assert_array_equal(x * 1.0, V)
        return x.sum()

    assert tg.grad(compared)(V).tolist() == [1.0, 1.0]


def test_a_message_names_the_function_of_a_library():
    with pytest.raises(TypeError, match=r"^np\.mean takes t as a plain array"):
        tg.grad(lambda x: np.mean([x[0], x[1]]) * x[0])(V)
    text = r"^NumPy takes W as a plain array.*W\.numpy\(\) or W\.detach\(\)"
    with pytest.raises(TypeError, match=text):
        np.array(tg.Tensor(V, requires_grad=True, name="W"))


# -- other libraries -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda frame, w: (frame * w).sum(), [4.0, 6.0]),
        (lambda frame, w: (w * frame).sum(), [4.0, 6.0]),
        (lambda frame, w: (frame["a"] * w).sum(), [1.0, 3.0]),
        (lambda frame, w: (w - frame["a"]).sum(), [1.0, 1.0]),
        (lambda frame, w: ((frame - w) ** 2).sum(), [-4.0, -4.0]),
        (lambda frame, w: (w @ frame).sum(), [3.0, 7.0]),
        (lambda frame, w: ((frame["a"] > 2.0) * w).sum(), [0.0, 1.0]),
        (lambda frame, w: frame @ w, "pandas takes w as a plain array"),
        (lambda frame, w: frame["a"].dot(w), "pandas takes w as a plain array"),
        (lambda frame, w: frame.assign(c=w), "pandas takes w as a plain array"),
    ],
)
def test_pandas_leaves_arithmetic_to_the_tensor(f, expected):
    frame = pytest.importorskip("pandas").DataFrame([[1.0, 2.0], [3.0, 4.0]], columns=["a", "b"])
    if isinstance(expected, str):
        with pytest.raises(TypeError, match=expected):
            tg.grad(lambda w: f(frame, w))(V)
    else:
        assert tg.grad(lambda w: f(frame, w))(V).tolist() == expected


@pytest.mark.parametrize(
    "f",
    [
        lambda a, x: a @ x,
        lambda a, x: x @ a,
        lambda a, x: a * x,
        lambda a, x: a.dot(x),
        lambda a, x: a + x,
    ],
)
def test_a_sparse_array_on_either_side_is_an_error_that_shows_the_way(f):
    a = pytest.importorskip("scipy.sparse").csr_array(EYE)
    text = r"\.toarray\(\)|of scipy takes x as a plain array.*x\.detach\(\)"
    with pytest.raises(TypeError, match=text):
        tg.grad(lambda x: f(a, x).sum())(V)


@pytest.mark.parametrize("f", ["logsumexp", "softmax", "ellipk", "spence", "hyp0f1"])
def test_special_functions_of_scipy_are_refused_unless_defined(f):
    function = getattr(pytest.importorskip("scipy.special"), f)
    with pytest.raises(TypeError, match=r"x\.detach\(\)|not an op on Tensors yet|write tg"):
        tg.grad(lambda x: function(*[x] * (2 if f == "hyp0f1" else 1)).sum())(V)


def test_parameters_are_not_updated_by_way_of_data_that_has_a_gradient():
    w = tg.Tensor(V, requires_grad=True)
    text = r"`w\.data = x` would lose the gradient of x: update w in `with tg\.no_grad\(\): w -= "
    with pytest.raises(TypeError, match=text):
        w.data = w - 0.1
    w.data = (w - 1.0).numpy()
    assert w.tolist() == [0.0, 1.0]


def test_rows_are_stacked_row_by_row():
    with pytest.raises(TypeError, match=r"tg\.stack\(\[tg\.stack\(\[\.\.\.\]\), \.\.\.\]\)"):
        tg.grad(lambda a: tg.Tensor([[a, 1.0], [1.0, a]]).sum())(1.0)


@pytest.mark.parametrize(
    "taken",
    [
        lambda x: np.zeros(2).__setitem__(0, x[0]),
        lambda x: np.ones(2).sum(initial=x[0]),
        lambda x: np.fromiter(x, float),
    ],
)
def test_within_a_transform_numpys_own_error_does_not_hide_ours(taken):
    def f(x):
        taken(x)
        return x.sum()

    with pytest.raises(TypeError, match="being differentiated: .*tg.stack"):
        tg.grad(f)(np.array([1.0, 2.0]))
    with pytest.raises(TypeError, match="f is being compiled, and the value of"):
        tg.compile(f)(np.array([1.0, 2.0]))
