"""What threads share, and what each of them has for itself."""

import threading

import numpy as np
from derivatives import leaf

import tinygrad_edu as tg


def in_threads(*runs):
    """What each function gives when all run at once."""
    results = [None] * len(runs)

    def work(i):
        results[i] = runs[i]()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(runs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_grad_mode_is_per_thread():
    w = leaf(1.0)
    with tg.no_grad():
        assert in_threads(lambda: (w * 2).requires_grad) == [True]
        assert not (w * 2).requires_grad


def test_threads_record_at_once():
    def train(k):
        x = leaf(np.full(3, k))
        for _ in range(300):
            y = x
            for _ in range(5):
                y = y * 1.01
            x.zero_grad()
            y.sum().backward()
        return x.grad.tolist()

    expected = train(1.0)
    assert in_threads(*[lambda k=k: train(float(k)) for k in range(4)]) == [expected] * 4


def test_threads_share_a_parameter():
    w = leaf([1.0, 2.0])

    def slope(k):
        return [tg.grad(lambda a: (a * w * k).sum())(np.ones(2)).tolist() for _ in range(100)]

    once, thrice = in_threads(lambda: slope(1.0), lambda: slope(3.0))
    assert (once, thrice) == ([[1.0, 2.0]] * 100, [[3.0, 6.0]] * 100)
