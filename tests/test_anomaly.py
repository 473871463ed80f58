"""`detect_anomaly` names the op that made the first bad number, and what to write instead.

When off it is not there.
"""

from __future__ import annotations

import gc
import re
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
    "log(1 + exp)": (lambda z: np.log(1 + np.exp(z)), (1000.0, 0.0), "exp", "tg.softplus(x)"),
    "exp / sum of exp": (lambda z: np.exp(z) / np.exp(z).sum(), (1000.0, 0.0), "exp", "tg.softmax(x)"),
    "0 / 0 of exp": (lambda z: np.exp(z) / np.exp(z).sum(), (-1000.0, -1000.0), "divide", "tg.softmax(z)"),
    "log(sum of exp)": (lambda z: np.log(np.exp(z).sum()), (-1000.0, -1000.0), "log", "tg.logsumexp(z)"),
    "1 / (1 + exp)": (lambda z: 1 / (1 + np.exp(-z)), (-1000.0, 0.0), "exp", "x.sigmoid()"),
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
    "sqrt at 0": (lambda x: np.sqrt(x).sum(), (0.0, 1.0), "sqrt", "(x + 1e-12).sqrt()"),
    "length 0": (lambda x: (x * x).sum().sqrt(), (0.0, 0.0), "sqrt", "((x * x).sum() + 1e-12).sqrt()"),
    "x ** 0.5 at 0": (lambda x: (x**0.5).sum(), (0.0, 1.0), "power", "(x + 1e-12) ** p"),
    "the branch not taken": (lambda x: tg.where(x > 0, np.sqrt(x), 0.0).sum(), (0.0, 1.0), "sqrt", "tg.where(x == 0, 1.0, x).sqrt()"),
    "arccos at 1": (lambda x: np.arccos(x).sum(), (1.0, 0.5), "arccos", "no finite slope at -1 and 1"),
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
        loss = tg.mse(W, y)  # y is wrapped without a copy
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


ADVICE = {  # a fault, and from where its advice is taken: pasted, it runs and mends it
    "sqrt of a sum that is 0": (lambda x: ((x - x.mean()) ** 2).sum().sqrt(), (1.0, 1.0), r"write (\S.*?\.sqrt\(\)), or"),
    "sqrt at 0": (lambda x: np.sqrt(x).sum(), (0.0, 1.0), r"write (.*?\.sqrt\(\)), or"),
    "sqrt at 0, the other way": (lambda x: np.sqrt(x).sum(), (0.0, 1.0), r", or (tg\.where.*)$"),
    "sqrt of a difference": (lambda x: np.sqrt(x - x.min()).sum(), (1.0, 2.0), r", or (tg\.where.*)$"),
    "arccos at 1": (lambda x: np.arccos(x).sum(), (1.0, 0.5), r"write (tg\.arccos.*)$"),
    "0 / 0 of differences": (lambda x: ((x - x.mean()) / (x - x.mean())).sum(), (1.0, 1.0), r"write (tg\.where.*), or add"),
    "arcsin of 2": (lambda x: np.arcsin(x).sum(), (2.0, 0.0), r"write (.*) in place of"),
    "sqrt of -1": (lambda x: np.sqrt(x).sum(), (-1.0, 1.0), r"write (.*) in place of"),
}


@pytest.mark.parametrize("case", ADVICE)
def test_advice_that_is_pasted_runs_and_mends_the_fault(case):

    compute, values, pattern = ADVICE[case]
    x = leaf(*values)
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        compute(x).backward()
    code = re.search(pattern, caught.value.instead)
    assert code, caught.value.instead
    instead = eval(code[1], {"tg": tg, "np": np}, {"x": x})
    if case.endswith(("of 2", "of -1")):
        instead = getattr(instead, case.split(" ", maxsplit=1)[0])()
    x.zero_grad()
    instead.sum().backward()
    assert np.isfinite(instead.numpy()).all()
    assert np.isfinite(x.grad).all()


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
def test_advice_is_about_what_was_written():
    with pytest.raises(AnomalyError, match="tg.logsumexp") as caught, detect_anomaly():
        np.exp(leaf(1000.0, 0.0)).sum()
    assert "softmax" not in caught.value.instead
    empty = tg.Tensor(np.zeros((0,)), requires_grad=True)
    with pytest.raises(AnomalyError, match="no entries"), detect_anomaly():
        empty.mean()
