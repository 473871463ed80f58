"""`detect_anomaly` names the op that made the first bad number, and what to write instead."""

from __future__ import annotations

import gc
import linecache
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import AnomalyError, detect_anomaly
from tinygrad_edu.engine.recorder import NOBODY, listening, top


def leaf(*values):
    return tg.Tensor(values[0] if len(values) == 1 else list(values), requires_grad=True)


# fmt: off
FORWARD = {  # what is computed, from what: the op to blame, and what to write instead
    "log(softmax)": (lambda z: np.log(tg.softmax(z)), (0.0, 1000.0), "log", "tg.log_softmax(z)"),
    "log(exp / sum)": (
        lambda z: np.log(np.exp(z) / np.exp(z).sum()), (0.0, -1000.0), "log", "tg.log_softmax(z)",
    ),
    "log(1 - sigmoid)": (
        lambda z: np.log(1 - z.sigmoid()), (100.0, 0.0), "log", "tg.log_sigmoid(-z)",
    ),
    "log(1 + exp)": (lambda z: np.log(1 + np.exp(z)), (1000.0, 0.0), "exp", "tg.softplus(z)"),
    "exp / sum of exp": (
        lambda z: np.exp(z) / np.exp(z).sum(), (1000.0, 0.0), "exp", "tg.softmax(z)",
    ),
    "0 / 0 of exp": (
        lambda z: np.exp(z) / np.exp(z).sum(), (-1000.0, -1000.0), "divide", "tg.softmax(z)",
    ),
    "log(sum of exp)": (
        lambda z: np.log(np.exp(z).sum()), (-1000.0, -1000.0), "log", "tg.logsumexp(z)",
    ),
    "1 / (1 + exp)": (lambda z: 1 / (1 + np.exp(-z)), (-1000.0, 0.0), "exp", "tg.sigmoid(z)"),
    "0 / 0": (lambda z: z / z, (0.0, 1.0), "divide",
        "tg.where(z == 0, 0.0, z / tg.where(z == 0, 1.0, z))"),
    "log(0)": (lambda z: np.log(z), (0.0, 1.0), "log", "tg.safe_log"),
    "log(-1)": (lambda z: np.log(z), (-1.0, 1.0), "log", "above 0"),
    "sqrt(-1)": (lambda z: np.sqrt(z), (-1.0, 1.0), "sqrt", "above 0"),
    "0 ** -1": (lambda z: z**-1.0, (0.0, 1.0), "power", "1/0"),
    "(-1) ** 0.5": (lambda z: z**0.5, (-1.0, 1.0), "power", "no real number"),
    "arcsin(2)": (lambda z: np.arcsin(z), (2.0, 0.0), "arcsin", "tg.clip"),
    "overflow": (lambda z: z * z, (1e200, 0.0), "multiply", "learning rate"),
    "nan in the data": (
        lambda z: z * np.array([np.nan, 1.0]), (1.0, 2.0), "multiply", "holds nan before any op",
    ),
}
# fmt: on


@pytest.mark.parametrize("case", FORWARD)
def test_forward(case):
    compute, values, op, instead = FORWARD[case]
    z = leaf(*values)
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        compute(z)
    error = caught.value
    assert (error.phase, error.op) == ("forward", op)
    assert instead in error.instead
    assert instead in str(error)
    assert error.source.file == __file__
    assert error.source.line == compute.__code__.co_firstlineno
    assert error.source.text == linecache.getline(__file__, error.source.line).strip()
    assert f"test_anomaly.py:{error.source.line}: " in str(error)


# fmt: off
BACKWARD = {
    "sqrt at 0": (lambda x: np.sqrt(x).sum(), (0.0, 1.0), "sqrt", "tg.sqrt(x + 1e-12)"),
    "length 0": (
        lambda x: (x * x).sum().sqrt(), (0.0, 0.0), "sqrt", "tg.sqrt((x * x).sum() + 1e-12)",
    ),
    "x ** 0.5 at 0": (lambda x: (x**0.5).sum(), (0.0, 1.0), "power", "(x + 1e-12) ** 0.5"),
    "the branch not taken": (lambda x: tg.where(x > 0, np.sqrt(x), 0.0).sum(), (0.0, 1.0), "sqrt",
        "tg.sqrt(tg.where(x == 0, 1.0, x))"),
    "arccos at 1": (lambda x: np.arccos(x).sum(), (1.0, 0.5), "arccos", "from -1 to 1"),
    "1 / x": (lambda x: (1 / x).sum(), (1e-200, 1.0), "divide", "learning rate"),
}
# fmt: on


@pytest.mark.parametrize("case", BACKWARD)
def test_backward(case):
    compute, values, op, instead = BACKWARD[case]
    x = leaf(*values)
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        compute(x).backward()
    error = caught.value
    assert (error.phase, error.op) == ("backward", op)
    assert instead in error.instead
    assert error.source.line == compute.__code__.co_firstlineno
    assert "the gradient so far" in error.operands
    assert x.grad is None, "it is found before anything is written"


def test_it_says_the_operands_the_names_and_the_place():
    def model(z):
        p = tg.softmax(z)
        return -(np.array([1.0, 0.0]) * np.log(p)).sum()

    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        model(leaf(0.0, 1000.0))
    lines = str(caught.value).split("\n")
    assert lines[0] == "log made -inf at [0], in the forward pass"
    assert lines[1].strip().endswith(": return -(np.array([1.0, 0.0]) * np.log(p)).sum()")
    assert lines[2:] == ["  p = [0. 1.]", "write tg.log_softmax(z)"]
    np.testing.assert_array_equal(caught.value.operands["p"], [0.0, 1.0])


def test_the_first_op_is_named_not_a_later_one():
    x = leaf(0.0, 1.0)
    with pytest.raises(AnomalyError, match=r"^log made -inf at \[0\]"), detect_anomaly():
        y = np.log(x)
        (y - y).sum()


def test_in_higher_derivatives_and_transforms_too():
    with pytest.raises(AnomalyError, match="sqrt made inf as the gradient of"), detect_anomaly():
        tg.grad(lambda x: x.sqrt())(0.0)
    with detect_anomaly():
        assert tg.grad(tg.grad(lambda x: x**3))(2.0).item() == 12.0
        assert tg.hessian(lambda x: (x**3).sum())(np.array([1.0, 2.0])).tolist() == [
            [6.0, 0.0],
            [0.0, 12.0],
        ]


def test_what_is_meant_is_no_anomaly():
    x = leaf(1.0, 2.0)
    with detect_anomaly():
        masked = tg.where(np.array([True, False]), x, -np.inf)  # a mask handed through
        tg.softmax(masked).sum().backward()
        (x > np.inf).any()
        tg.cross_entropy(tg.Tensor([[1000.0, -1000.0]], requires_grad=True), [0]).backward()
    assert np.isfinite(x.grad).all()


def test_a_raw_array_that_changes_before_backward_is_noticed():
    W = leaf(1.0, 2.0)
    X = np.ones((3, 2))
    with (
        pytest.raises(
            AnomalyError,
            match=r"X was changed after z was computed from it: X\[0, 1\] was 1.0 and is 5.0",
        ) as caught,
        detect_anomaly(),
    ):
        z = X @ W
        X[0, 1] = 5.0
        z.sum().backward()
    assert caught.value.source.text == "z = X @ W"
    assert "X.copy()" in caught.value.instead
    y = np.array([0.0, 1.0])
    with pytest.raises(AnomalyError, match=r"y was changed after"), detect_anomaly():
        loss = tg.binary_cross_entropy_with_logits(W, y)  # y is wrapped without a copy
        y[0] = 3.0
        loss.backward()
    with detect_anomaly():
        loss = tg.mse(W, y)  # whose rules read the difference, which was taken before
        y[0] = 4.0
        loss.backward()
    chosen = np.array([0, 0])
    with pytest.raises(AnomalyError, match="chosen was changed"), detect_anomaly():
        picked = W[chosen]
        chosen[0] = 1
        picked.sum().backward()
    with detect_anomaly():
        z = X @ W
        z.sum().backward()
        X[0, 1] = 7.0  # after backward: fine
        (X @ W).sum().backward()


def test_training_in_it_gives_the_same_numbers_and_keeps_nothing():
    def train(w):
        for _ in range(5):
            loss = ((w * np.array([1.0, 2.0])).sigmoid() ** 2).sum()
            loss.backward()
            with tg.no_grad():
                w -= 0.1 * w.grad
            w.zero_grad()
        return w.tolist()

    mode = detect_anomaly()
    with mode:
        inside = train(leaf(0.1, 0.2))
        gc.collect()
        assert len(mode._records) == 0
    assert inside == train(leaf(0.1, 0.2))


def is_off():
    return listening() is NOBODY


def test_off_means_off():
    assert is_off()
    assert top() is NOBODY, "calls are unrolled"
    with detect_anomaly():
        assert not is_off()
        with detect_anomaly():
            pass
        assert not is_off()
        with pytest.raises(AnomalyError):
            np.log(leaf(0.0))
    assert is_off()
    assert top() is NOBODY, "calls are unrolled"
    with np.errstate(all="ignore"):
        assert np.log(leaf(0.0)).item() == -np.inf
    with pytest.raises(ZeroDivisionError), detect_anomaly():
        raise ZeroDivisionError
    assert is_off()


def test_it_is_a_decorator():
    @detect_anomaly()
    def step(x):
        return np.log(x)

    with pytest.raises(AnomalyError):
        step(leaf(0.0))
    with pytest.raises(AnomalyError):
        step(leaf(0.0))
    assert is_off()


def test_each_thread_has_its_own():
    entered, done = threading.Barrier(2, timeout=20), threading.Event()

    def watched():
        with detect_anomaly():
            entered.wait()
            done.wait(20)
            with pytest.raises(AnomalyError):
                np.log(leaf(0.0))
        return True

    def free():
        entered.wait()
        with np.errstate(all="ignore"):
            y = np.log(leaf(0.0)) * 2.0
            y.backward()
        done.set()
        return y.item()

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.submit(watched), pool.submit(free)
        assert second.result() == -np.inf
        assert first.result()
    assert is_off()


LATER = {  # what holds an array that the user may change: from w, the array i, the labels
    "an index": lambda w, i: w[i],
    "in a tuple": lambda w, i: w[i, 0],
    "two in a tuple": lambda w, i: w[(i, i)],
    "set at": lambda w, i: w.at[i, 1].set(5.0),
    "added at": lambda w, i: w.at[i].add(w[:2]),
    "labels": lambda w, i: tg.cross_entropy(w, i),
    "an operand": lambda w, i: w * i,
    "the condition": lambda w, i: tg.where(i > -1, w, 0.0) * i,
}


@pytest.mark.parametrize("case", LATER)
def test_whatever_a_call_holds_is_noticed_when_it_changes(case):
    w = tg.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    labels = np.array([0, 1])
    with detect_anomaly():
        y = LATER[case](w, labels).sum()
        y.backward()
        labels[:] = [1, 0]
        with pytest.raises(AnomalyError, match="i was changed"):
            y.backward()


def test_data_changed_through_an_alias_is_noticed_without_it_too():
    w = leaf(1.0, 2.0)
    data = w.data
    with detect_anomaly():
        y = (w * w).sum()
        data[0] = 100.0
        with pytest.raises(RuntimeError, match="w was changed"):
            y.backward()


# a line with a fault «in this call», from where it is taken, and where the line was fine
# fmt: off
MENDED = {
    "log softmax": ("«np.log(tg.softmax(z))»", [0.0, 1000.0], [0.3, -1.0]),
    "log softmax of rows": ("«np.log(tg.softmax(Z, axis=1))»", [0.0, 1000.0], [0.3, -1.0]),
    "log softmax of columns": ("«tg.softmax(Z, axis=0).log()»", [0.0, 1000.0], [0.3, -1.0]),
    "log exp / sum": ("«np.log(np.exp(z) / np.exp(z).sum())»", [0.0, -1000.0], [0.3, -1.0]),
    "log exp / sum of rows": (
        "«np.log(np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True))»", [0.0, -1000.0], [0.3, -1.0],
    ),
    "log2 softmax": ("«np.log2(tg.softmax(z))»", [0.0, 1000.0], [0.3, -1.0]),
    "log10 sigmoid": ("«np.log10(z.sigmoid())»", [-1000.0, 0.0], [0.3, -1.0]),
    "log sigmoid of an expression": (
        "«np.log(tg.sigmoid(2 * z - 1))»", [-1000.0, 0.0], [0.3, -1.0],
    ),
    "log(1 - sigmoid)": ("-(«np.log(1 - z.sigmoid())»).mean()", [100.0, 0.0], [0.3, -1.0]),
    "log(1 - sigmoid) of an expression": (
        "«np.log(1.0 - tg.sigmoid(z + b))»", [100.0, 0.0], [0.3, -1.0],
    ),
    "log of a fraction": ("«np.log(1 / (1 + np.exp(z)))»", [800.0, 0.0], [0.3, -1.0]),
    "log of a sum of exp": ("«np.log(np.exp(z).sum())»", [-1000.0, -1000.0], [0.3, -1.0]),
    "log of sums of rows": (
        "«np.log(np.exp(Z).sum(axis=1, keepdims=True))»", [-1000.0, -1000.0], [0.3, -1.0],
    ),
    "log exp": ("«np.log(np.exp(z))»", [-1000.0, 0.0], [0.3, -1.0]),
    "log of a product": ("«np.log(np.prod(z))»", [1e-200, 1e-200], [0.3, 1.0]),
    "log of products": ("«np.log(Z.prod(axis=1))»", [1e-200, 1e-200], [0.3, 1.0]),
    "log 0": ("«np.log(z)»", [0.0, 1.0], [0.3, 1.0]),
    "log10 0 of an expression": ("(«np.log10(z * z)» * b)", [0.0, 1.0], [0.3, -1.0]),
    "log of an entry": ('«np.log(p["w"] ** 2)»', [0.0, 1.0], [0.3, -1.0]),
    "log of a list's": ("«tg.log(layers[0])»", [0.0, 1.0], [0.3, 1.0]),
    "log -1": ("«np.log(z)»", [-1.0, 1.0], [0.3, 1.0]),
    "log2 -1": ("«tg.log2(z - 0.1)»", [-1.0, 1.0], [0.3, 1.0]),
    "log tiny": ("«np.log(z)»", [5e-324, 1.0], [0.3, 1.0]),
    "exp / sum of exp": ("np.exp(z) / np.exp(z).sum()", [1000.0, 0.0], [0.3, -1.0]),
    "exp / np.sum of exp": (
        "np.exp(Z) / np.sum(np.exp(Z), axis=1, keepdims=True)", [1000.0, 0.0], [0.3, -1.0],
    ),
    "0 / 0 of exp": ("«np.exp(z) / np.exp(z).sum()»", [-1000.0, -1000.0], [0.3, -1.0]),
    "log(1 + exp)": ("np.log(1 + np.exp(z)) * b", [1000.0, 0.0], [0.3, -1.0]),
    "log1p(exp)": ("np.log1p(np.exp(2 * z))", [1000.0, 0.0], [0.3, -1.0]),
    "(exp + 1).log": ("(z.exp() + 1.0).log()", [1000.0, 0.0], [0.3, -1.0]),
    "1 / (1 + exp(-z))": ("1 / (1 + np.exp(-z))", [-1000.0, 0.0], [0.3, -1.0]),
    "1 / (1 + exp(z))": ("1.0 / (1.0 + tg.exp(z))", [1000.0, 0.0], [0.3, -1.0]),
    "1 / (1 + exp(-(z + b)))": ("(1 / (1 + np.exp(-(z + b)))) ** 2", [-1000.0, 0.0], [0.3, -1.0]),
    "exp / (1 + exp)": ("np.exp(z) / (1 + np.exp(z))", [1000.0, 0.0], [0.3, -1.0]),
    "log(sum(exp))": ("np.log(np.sum(np.exp(Z), axis=1))", [1000.0, 0.0], [0.3, -1.0]),
    "z.exp().sum(1).log()": ("Z.exp().sum(1).log()", [1000.0, 0.0], [0.3, -1.0]),
    "0 / 0": ("«z / z»", [0.0, 1.0], [0.3, -1.0]),
    "0 / 0 of differences": ("(«(z - z.mean()) / (z - z.mean())») * b", [1.0, 1.0], [0.3, -1.0]),
    "1 / 0": ("«1 / z» + 1", [0.0, 1.0], [0.3, -1.0]),
    "reciprocal of 0": ("«np.reciprocal(z)»", [0.0, 1.0], [0.3, -1.0]),
    "remainder of 0": ("«b % z»", [0.0, 1.0], [0.3, 1.0]),
    "b // 0": ("«b // z»", [0.0, 1.0], [0.3, 1.0]),
    "0 ** -1": ("«z**-1.0»", [0.0, 1.0], [0.3, 1.0]),
    "0 ** -0.5 of a sum": ("«(z * z).sum() ** -0.5»", [0.0, 0.0], [0.3, 1.0]),
    "(-1) ** 0.5": ("«z**0.5»", [-1.0, 1.0], [0.3, 1.0]),
    "(-1) ** b": ("«np.power(z, b)»", [-1.0, 1.0], [0.3, 1.0]),
    "0 ** z": ("«(0 * b) ** z»", [-1.0, 1.0], [0.3, 1.0]),
    "by an exponent": ("«(-b) ** z» + z", [2.0, 1.0], [2.0, 1.0]),
    "sqrt -1": ("«np.sqrt(z)»", [-1.0, 1.0], [0.3, 1.0]),
    "arcsin 2": ("«np.arcsin(z)»", [2.0, 0.0], [0.3, -0.9]),
    "arctanh 1": ("«tg.arctanh(z)»", [1.0, 0.0], [0.3, -0.9]),
    "log1p -1": ("«np.log1p(z)»", [-1.0, 0.0], [0.3, -0.9]),
    "sqrt at 0": ("«np.sqrt(z)»", [0.0, 1.0], [0.3, 1.0]),
    "length 0": ("«(z * z).sum().sqrt()»", [0.0, 0.0], [0.3, 1.0]),
    "a distance of 0": ("«np.sqrt(((z - b) ** 2).sum())» * 2", [0.5, 1.5], [0.3, 1.0]),
    "cbrt at 0": ("«np.cbrt(z)»", [0.0, 1.0], [0.3, 1.0]),
    "z ** 0.5 at 0": ("«z**0.5»", [0.0, 1.0], [0.3, 1.0]),
    "the branch not taken": ("tg.where(z > 0, «np.sqrt(z)», 0.0)", [0.0, 1.0], [0.3, 1.0]),
    "arccos at 1": ("«np.arccos(z)»", [1.0, 0.5], [0.3, -0.9]),
    "arcsin at -1": ("«z.arcsin()»", [-1.0, 0.5], [0.3, -0.9]),
    "saturated": ("«tg.safe_log(z.sigmoid())»", [-800.0, 0.5], [0.3, -0.9]),
    "sqrt of a product": ("«(b * z).sqrt()»", [0.0, 4.0], [1.0, 2.0]),
    "cbrt among negatives": ("«tg.cbrt(z)»", [0.0, -8.0], [1.0, 2.0]),
    "(z - 1) ** -2": ("«np.power(z - 1.0, -2.0)»", [1.0, 4.0], [2.0, 3.0]),
    "b / z": ("«b / z»", [0.0, 4.0], [1.0, -2.0]),
    "z / its sum": ("«z / z.sum()»", [1.0, -1.0], [1.0, -2.0]),
    "(1 - sigmoid).log": ("«(1 - tg.sigmoid(3.0 * z)).log()»", [100.0, 0.0], [1.0, 2.0]),
    "exp of a product": ("1.0 / (1.0 + (-3.0 * z).exp())", [-1000.0, 0.0], [1.0, 2.0]),
    "nan in the data": ("z * «X»", [1.0, 2.0], [0.3, -0.9]),
}
# fmt: on


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", MENDED)
def test_advice_that_is_pasted_runs_and_mends_the_fault(case, dtype):
    line, values, ordinary = MENDED[case]
    error = fault(line, np.array(values, dtype))
    if (np.array(values, dtype) == 0).any() != (np.array(values) == 0).any():
        return  # in this dtype the number is another, and so is its fault
    assert error is not None
    assert error.code, str(error)
    assert f"write {error.code}" in str(error)
    place = error.place or re.search("«(.*?)»", line)[1]
    assert place in plain(line), str(error)
    mended = plain(line).replace(place, f"({error.code})")
    value, gradient = run(mended, np.array(values, dtype))
    assert np.isfinite(value).all() and np.isfinite(gradient).all(), mended
    for new, old in zip(
        run(mended, np.array(ordinary, dtype)),
        run(plain(line), np.array(ordinary, dtype)),
        strict=True,
    ):
        if not case.startswith(("nan", "by an exponent")):
            np.testing.assert_allclose(
                new, old, rtol=1e-5 if dtype is np.float64 else 1e-4, atol=1e-6
            )
        assert new.dtype == dtype


def plain(line):
    return re.sub("[«»]", "", line)


def run(line, values):
    """The value of a line, and its gradient by the tensors in it."""
    z = tg.Tensor(values, requires_grad=True)
    Z = tg.Tensor(np.stack([values, values[::-1]]), requires_grad=True)
    b = np.array([0.5, 1.5], values.dtype)
    X = np.array([np.nan, 1.0], values.dtype)
    program = f"def f(z, Z, b, X, p, layers):\n    y = {line}\n    return y\n"
    scope = {"np": np, "tg": tg}
    linecache.cache["<pasted>"] = (
        len(program),
        None,
        program.splitlines(keepends=True),
        "<pasted>",
    )
    exec(compile(program, "<pasted>", "exec"), scope)
    y = scope["f"](z, Z, b, X, {"w": z}, [z])
    y.sum().backward()
    return y.numpy(), (z if z.grad is not None else Z).grad


def fault(line, values):
    try:
        with detect_anomaly():
            run(plain(line), values)
    except AnomalyError as error:
        return error
    return None


NO_CODE = {  # faults that no spelling mends
    "z * z": [1e200, 1.0],
    "np.exp(z)": [1000.0, 1.0],
    "np.sinh(z)": [1000.0, 1.0],
    "tg.softmax(z - np.inf)": [1.0, 1.0],
    "(lambda: z[:0].mean())()": [1.0, 1.0],
}


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
@pytest.mark.parametrize("line", NO_CODE)
def test_where_nothing_can_be_pasted_there_is_no_code(line):
    error = fault(line, np.array(NO_CODE[line]))
    assert error.instead
    assert "write" not in error.instead
    assert error.code is None
    assert ("learning rate" in error.instead) == (line in ("z * z", "np.sinh(z)"))


@pytest.mark.parametrize("label", ["my w", "a'); print('b", "lambda", "1x", "np"])
def test_a_label_that_is_no_variable_is_not_pasted(label):
    w = tg.Tensor([0.0, 1.0], requires_grad=True, name=label)
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        np.log(w)
    assert caught.value.code == "tg.safe_log(w)"
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        np.log([tg.Tensor([0.0, 1.0], requires_grad=True, name=label)][0])
    assert caught.value.code is None


@pytest.mark.parametrize("when", ["before", "inside"])
def test_in_compiled_code_the_advice_is_the_same(when):
    compiled = tg.compile(lambda x: np.log(1 - x.sigmoid()).sum())
    if when == "before":
        compiled(np.zeros(2))
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        compiled(leaf(100.0, 0.0))
    assert caught.value.code == "tg.log_sigmoid(-x)"


def test_a_repeated_step_says_that_it_cannot_be_watched():
    step = tg.compile(lambda w: w - 0.1 / w)
    with np.errstate(all="ignore"):
        assert np.isinf(step.repeat(2)(np.array([0.0, 1.0])).numpy()).any()
    with (
        detect_anomaly(),
        pytest.raises(
            TypeError, match=r"write a loop in its place, `for _ in range\(2\): state = "
        ),
    ):
        step.repeat(2)(np.array([0.0, 1.0]))
    with pytest.raises(AnomalyError, match="divide made inf"), detect_anomaly():
        w = np.array([0.0, 1.0])
        for _ in range(2):
            w = step(w)


def test_data_that_no_rule_reads_may_change():
    w, y = leaf(1.0, 2.0), np.array([0.0, 1.0])
    with detect_anomaly():
        loss = (w + y).sum()
        y[0] = 3.0
        loss.backward()
    assert w.grad.tolist() == [1.0, 1.0]


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
def test_advice_is_about_what_was_written():
    with pytest.raises(AnomalyError, match="tg.logsumexp") as caught, detect_anomaly():
        np.exp(leaf(1000.0, 0.0)).sum()
    assert "softmax" not in caught.value.instead
    empty = tg.Tensor(np.zeros((0,)), requires_grad=True)
    with pytest.raises(AnomalyError, match="no entries"), detect_anomaly():
        empty.mean()
