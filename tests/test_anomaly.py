"""`detect_anomaly` names the op that made the first bad number, and what to write instead.

When off it is not there.
"""

from __future__ import annotations

import gc
import linecache
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import AnomalyError, detect_anomaly, operation


def leaf(*values):
    return tg.Tensor(values[0] if len(values) == 1 else list(values), requires_grad=True)


FORWARD = {  # what is computed, from what: the op to blame, and what to write instead
    "log(softmax)": (lambda z: np.log(tg.softmax(z)), (0.0, 1000.0), "log", "tg.log_softmax(z)"),
    "log(exp / sum)": (lambda z: np.log(np.exp(z) / np.exp(z).sum()), (0.0, -1000.0), "log", "tg.log_softmax(z)"),
    "log(1 - sigmoid)": (lambda z: np.log(1 - z.sigmoid()), (100.0, 0.0), "log", "tg.log_sigmoid(-z)"),
    "log(1 + exp)": (lambda z: np.log(1 + np.exp(z)), (1000.0, 0.0), "exp", "tg.softplus(z)"),
    "exp / sum of exp": (lambda z: np.exp(z) / np.exp(z).sum(), (1000.0, 0.0), "exp", "tg.softmax(z, axis=None)"),
    "0 / 0 of exp": (lambda z: np.exp(z) / np.exp(z).sum(), (-1000.0, -1000.0), "divide", "tg.softmax(z)"),
    "log(sum of exp)": (lambda z: np.log(np.exp(z).sum()), (-1000.0, -1000.0), "log", "tg.logsumexp(z)"),
    "1 / (1 + exp)": (lambda z: 1 / (1 + np.exp(-z)), (-1000.0, 0.0), "exp", "tg.sigmoid(z)"),
    "0 / 0": (lambda z: z / z, (0.0, 1.0), "divide", "tg.where(z == 0, 0.0, z / tg.where(z == 0, 1.0, z))"),
    "log(0)": (lambda z: np.log(z), (0.0, 1.0), "log", "tg.safe_log"),
    "log(-1)": (lambda z: np.log(z), (-1.0, 1.0), "log", "above 0"),
    "sqrt(-1)": (lambda z: np.sqrt(z), (-1.0, 1.0), "sqrt", "above 0"),
    "0 ** -1": (lambda z: z**-1.0, (0.0, 1.0), "power", "1/0"),
    "(-1) ** 0.5": (lambda z: z**0.5, (-1.0, 1.0), "power", "no real number"),
    "arcsin(2)": (lambda z: np.arcsin(z), (2.0, 0.0), "arcsin", "tg.clip"),
    "overflow": (lambda z: z * z, (1e200, 0.0), "multiply", "learning rate"),
    "nan in the data": (lambda z: z * np.array([np.nan, 1.0]), (1.0, 2.0), "multiply", "holds nan before any op"),
}


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
    assert error.source.text.startswith(f'"{case}"')
    assert f"test_anomaly.py:{error.source.line}: " in str(error)


BACKWARD = {
    "sqrt at 0": (lambda x: np.sqrt(x).sum(), (0.0, 1.0), "sqrt", "tg.sqrt(x + 1e-12)"),
    "length 0": (lambda x: (x * x).sum().sqrt(), (0.0, 0.0), "sqrt", "tg.sqrt((x * x).sum() + 1e-12)"),
    "x ** 0.5 at 0": (lambda x: (x**0.5).sum(), (0.0, 1.0), "power", "(x + 1e-12) ** 0.5"),
    "the branch not taken": (lambda x: tg.where(x > 0, np.sqrt(x), 0.0).sum(), (0.0, 1.0), "sqrt", "tg.sqrt(tg.where(x == 0, 1.0, x))"),
    "arccos at 1": (lambda x: np.arccos(x).sum(), (1.0, 0.5), "arccos", "tg.arccos(tg.clip(x, -1 + 1e-12, 1 - 1e-12))"),
    "1 / x": (lambda x: (1 / x).sum(), (1e-200, 1.0), "divide", "learning rate"),
}


@pytest.mark.parametrize("case", BACKWARD)
def test_backward(case):
    compute, values, op, instead = BACKWARD[case]
    x = leaf(*values)
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        compute(x).backward()
    error = caught.value
    assert (error.phase, error.op) == ("backward", op)
    assert instead in error.instead
    assert error.source.text.startswith(f'"{case}"')
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
        assert tg.hessian(lambda x: (x**3).sum())(np.array([1.0, 2.0])).tolist() == [[6.0, 0.0], [0.0, 12.0]]


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
        pytest.raises(AnomalyError, match=r"X was changed after z was computed from it: X\[0, 1\] was 1.0 and is 5.0") as caught,
        detect_anomaly(),
    ):
        z = X @ W
        X[0, 1] = 5.0
        z.sum().backward()
    assert caught.value.source.text == "z = X @ W"
    assert "tg.Tensor(X)" in caught.value.instead
    y = np.array([0.0, 1.0])
    with pytest.raises(AnomalyError, match=r"y was changed after"), detect_anomaly():
        loss = (W * tg.Tensor(y, copy=False)).sum()
        y[0] = 3.0
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
    return operation._result.__module__ == "tinygrad_edu.operation" and tg.Tensor.adjoints.__module__ == "tinygrad_edu.core"


def test_off_means_off():
    assert is_off()
    assert operation._unrolled is operation.recording.raw
    with detect_anomaly():
        assert not is_off()
        with detect_anomaly():
            pass
        assert not is_off()
        with pytest.raises(AnomalyError):
            np.log(leaf(0.0))
    assert is_off()
    assert operation._unrolled is operation.recording.raw
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
        with pytest.raises(AnomalyError, match="labels was changed"):
            y.backward()


def test_data_changed_through_an_alias_is_noticed_without_it_too():
    w = leaf(1.0, 2.0)
    data = w.data
    with detect_anomaly():
        y = (w * w).sum()
        data[0] = 100.0
        with pytest.raises(RuntimeError, match="w was changed"):
            y.backward()


MENDED = {  # what is computed, where it goes wrong, and a point where it does not
    "np.sqrt(x)": ([0.0, 4.0], [1.0, 2.0]),
    "x.sqrt()": ([-1.0, 4.0], [1.0, 2.0]),
    "tg.sqrt((x * x).sum())": ([0.0, 0.0], [1.0, 2.0]),
    "((x - x.mean()) ** 2).sum().sqrt()": ([1.0, 1.0], [1.0, 2.0]),
    "np.sqrt(x - x.min())": ([1.0, 2.0], None),
    "(c * x).sqrt()": ([0.0, 4.0], [1.0, 2.0]),
    "np.cbrt(x)": ([0.0, 8.0], [1.0, 2.0]),
    "tg.cbrt(x)": ([0.0, -8.0], [1.0, 2.0]),
    "x ** 0.5": ([0.0, 4.0], [1.0, 2.0]),
    "x ** -1.0": ([0.0, 4.0], [1.0, -2.0]),
    "np.power(x - 1.0, -2.0)": ([1.0, 4.0], [2.0, 3.0]),
    "tg.power(x, 0.25)": ([0.0, 4.0], [1.0, 2.0]),
    "1 / x": ([0.0, 4.0], [1.0, -2.0]),
    "c / x": ([0.0, 4.0], [1.0, -2.0]),
    "x / x.sum()": ([1.0, -1.0], [1.0, -2.0]),
    "x / (x - 1.0)": ([1.0, 4.0], [2.0, 3.0]),
    "(x - x.mean()) / (x - x.mean())": ([1.0, 1.0], [1.0, 2.0]),
    "np.reciprocal(x)": ([0.0, 4.0], [1.0, -2.0]),
    "x % c0": ([1.0, 4.0], None),
    "np.log(x)": ([0.0, 4.0], [1.0, 2.0]),
    "x.log()": ([0.0, 4.0], [1.0, 2.0]),
    "tg.log2(x)": ([0.0, 4.0], [1.0, 2.0]),
    "np.log10(x * x)": ([0.0, 4.0], [1.0, 2.0]),
    "np.log1p(x)": ([-1.0, 4.0], [1.0, 2.0]),
    "tg.arcsin(x)": ([1.0, 0.0], [0.5, -0.2]),
    "np.arcsin(x)": ([2.0, 0.0], [0.5, -0.2]),
    "np.arccos(x)": ([-1.0, 0.0], [0.5, -0.2]),
    "x.arctanh()": ([1.0, 0.0], [0.5, -0.2]),
    "np.log(tg.softmax(x))": ([0.0, 1000.0], [1.0, 2.0]),
    "tg.softmax(x * 2.0).log()": ([0.0, 1000.0], [1.0, 2.0]),
    "tg.log(np.exp(x) / np.exp(x).sum())": ([0.0, -1000.0], [1.0, 2.0]),
    "np.log(x.sigmoid())": ([-800.0, 1.0], [1.0, 2.0]),
    "np.log(1 - x.sigmoid())": ([100.0, 0.0], [1.0, 2.0]),
    "(1 - tg.sigmoid(3.0 * x)).log()": ([100.0, 0.0], [1.0, 2.0]),
    "np.log(1 + np.exp(x))": ([1000.0, 0.0], [1.0, 2.0]),
    "np.log(np.exp(x) + 1.0)": ([1000.0, 0.0], [1.0, 2.0]),
    "np.log(np.exp(x).sum())": ([-1000.0, -1000.0], [1.0, 2.0]),
    "tg.log(x.exp().sum())": ([1000.0, 0.0], [1.0, 2.0]),
    "np.log(np.exp(x))": ([-1000.0, 0.0], [1.0, 2.0]),
    "np.log(x.prod())": ([1e-200, 1e-200], [1.0, 2.0]),
    "np.exp(x) / np.exp(x).sum()": ([1000.0, 0.0], [1.0, 2.0]),
    "x.exp() / x.exp().sum()": ([-1000.0, -1000.0], [1.0, 2.0]),
    "1 / (1 + np.exp(-x))": ([-1000.0, 0.0], [1.0, 2.0]),
    "1.0 / (1.0 + (-3.0 * x).exp())": ([-1000.0, 0.0], [1.0, 2.0]),
    "x * np.array([1.0, 1.0])": ([np.nan, 0.0], None),
}


def program(code, name):
    """A user's function of x that gives what the code says, in a file of its own."""
    scope = {"tg": tg, "np": np, "c": np.array([1.0, 2.0]), "c0": np.array([0.0, 2.0])}
    text = f"def f(x):\n    return {code}\n"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    exec(compile(text, name, "exec"), scope)
    return scope["f"]


def value_and_gradient(f, point, dtype=float):
    x = tg.Tensor(np.array(point, dtype), requires_grad=True)
    y = f(x)
    y.sum().backward()
    return y.numpy(), x.grad


def pasted(error):
    """The pieces of code in an advice."""
    _, found, code = error.instead.partition("write ")
    return code.split(", or ") if found else []


def anomaly_of(f, point, dtype=float):
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        value_and_gradient(f, point, dtype)
    return caught.value


@pytest.mark.parametrize("dtype", [float, np.float32])
@pytest.mark.parametrize("code", MENDED)
def test_advice_that_is_pasted_runs_and_mends_the_fault(code, dtype):
    bad, good = MENDED[code]
    if dtype is np.float32 and "prod" in code:
        bad = [1e-30, 1e-30]
    f = program(code, "<faulty>")
    advice = pasted(anomaly_of(f, bad, dtype))
    assert advice
    for k, text in enumerate(advice):
        instead = program(text, f"<mended {k}>")
        assert all(np.isfinite(part).all() for part in value_and_gradient(instead, bad, dtype)), text
        if good is not None:
            with np.errstate(all="ignore"):
                expected = value_and_gradient(f, good, dtype)
            for was, is_now in zip(expected, value_and_gradient(instead, good, dtype), strict=True):
                np.testing.assert_allclose(is_now, was, rtol=1e-5 if dtype is float else 1e-4)


PROSE = {  # faults that no spelling mends, or whose operands no variable holds
    "np.log(x)": [-1.0, 2.0],
    "x ** 0.5": [-1.0, 2.0],
    "x * x": [1e200, 1.0],
    "np.exp(x)": [1000.0, 1.0],
    "np.exp(x).sum()": [1000.0, 1.0],
    "np.sinh(x)": [1000.0, 1.0],
    "tg.softmax(x - np.inf)": [1.0, 1.0],
    "(lambda: x[:0].mean())()": [1.0, 1.0],
}


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
@pytest.mark.parametrize("code", PROSE)
def test_where_nothing_can_be_pasted_nothing_looks_like_code(code):
    error = anomaly_of(program(code, "<faulty>"), PROSE[code])
    assert error.instead
    assert not any(sign in error.instead for sign in ("write", "tg.")), error.instead
    assert ("learning rate" in error.instead) == (code == "x * x")


@pytest.mark.parametrize("label", ["my w", "a'); print('b", "lambda", "1x", "np"])
def test_a_name_that_is_no_variable_is_not_pasted(label):
    w = tg.Tensor([0.0, 1.0], requires_grad=True, name=label)
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        np.log(w)
    assert pasted(caught.value) == ["tg.safe_log(w)"]
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        np.log([tg.Tensor([0.0, 1.0], requires_grad=True, name=label)][0])
    assert pasted(caught.value) == []


@pytest.mark.parametrize("when", ["before", "inside"])
def test_in_compiled_code_the_advice_is_the_same(when):
    f = program("np.log(1 - x.sigmoid()).sum()", "<compiled>")
    compiled = tg.compile(f)
    if when == "before":
        compiled(np.zeros(2))
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        compiled(leaf(100.0, 0.0))
    assert pasted(caught.value) == ["tg.log_sigmoid(-x)"]


def test_data_that_no_rule_reads_may_change():
    w, y = leaf(1.0, 2.0), np.array([0.0, 1.0])
    with detect_anomaly():
        loss = (w + y).sum()
        y[0] = 3.0
        loss.backward()
    assert w.grad.tolist() == [1.0, 1.0]


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
def test_advice_is_about_what_was_written():
    with pytest.raises(AnomalyError, match="go on with its logarithm") as caught, detect_anomaly():
        np.exp(leaf(1000.0, 0.0)).sum()
    assert "softmax" not in caught.value.instead
    empty = tg.Tensor(np.zeros((0,)), requires_grad=True)
    with pytest.raises(AnomalyError, match="no entries"), detect_anomaly():
        empty.mean()
