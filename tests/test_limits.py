"""y, y' and y'' at infinities, zeros of both signs, the smallest and the largest numbers.

They are the limits, wherever there are any, from the number's own side: -0.0 is below 0. None is
asked for outside of a domain, and at kinks, which the decisions are about.
"""

from itertools import product

import numpy as np
import pytest
from exact import ALSO, EXACT, OF_TWO, limit, near, units, value
from mpmath import mp

import tinygrad_edu as tg
from tinygrad_edu.engine.define import in_table
from tinygrad_edu.engine.registry import registry

OF_ONE = {**EXACT, **ALSO}
# each of them piecewise: the one that is selected, and log from the smallest normal number on
TESTED_ELSEWHERE = {"where", "safe_log"}
SECOND = ((0, 0), (0, 1), (1, 1))


def test_all_ops_entry_by_entry_are_here():
    ops = {
        name
        for name, op in registry.items()
        if in_table(op) and op.kind == "elementwise" and op.rules and not op.is_optional
    }
    assert ops - TESTED_ELSEWHERE == {*OF_ONE, *OF_TWO} - {"log_sigmoid"}


def ends(dtype):
    info = np.finfo(dtype)
    sizes = np.array([np.inf, info.max, info.tiny, info.smallest_subnormal, 0.0], dtype)
    return np.concatenate([sizes, -sizes])


def is_regular(name, f, x):
    """Whether an op has no kink at a point, and a real value beside it."""
    op, bounds = registry.get(name), {"min": -1, "max": 1} if name == "clip" else {}
    if op is not None and op.kinks and np.any(np.equal(op.kinks(*x, **bounds), 0)):
        return False
    beside = [near(v, 400, 1) for v in x]
    return f is None or value(f, beside) is not None


def compare(name, dtype, functions, found, *operands):
    """See that what was found is the limit at each regular point; how many were asked for."""
    asked = 0
    with mp.workdps(60), np.errstate(all="ignore"):
        points = list(zip(*operands, strict=True))
        regular = [is_regular(name, functions[0], x) for x in points]
        for order, (f, ys) in enumerate(zip(functions, found, strict=True)):
            for x, y, good in zip(points, ys, regular, strict=True):
                exact = limit(f, *x) if f and good else None
                if exact is not None:
                    asked += 1
                    far = units(np.array([y], dtype), [exact], dtype)[0]
                    assert far <= 4, (
                        f"derivative {order} at {x}: {y!r} is {far:.3g} units off {exact}"
                    )
    return asked


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", OF_ONE)
def test_of_one_operand(name, dtype):
    op, x = registry.get(name) or getattr(tg, name), ends(dtype)
    f = (lambda x: x.clip(-1, 1)) if name == "clip" else op
    first = tg.grad(lambda x: f(x).sum())
    second = tg.grad(lambda x: first(x).sum())
    with np.errstate(all="ignore"):
        found = [f(tg.Tensor(x)).numpy(), first(x).numpy(), second(x).numpy()]
    assert compare(name, dtype, OF_ONE[name], found, x) >= 6


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", OF_TWO)
def test_of_two_operands(name, dtype):
    op, info = registry[name], np.finfo(dtype)
    # a length of two numbers that are the largest ones is beyond the range
    some = [np.inf, -np.inf, info.max / 4, -info.tiny, 0.0, -0.0, -2.5]
    others = {"power": [-2, -0.5, 0.5, 1, 2, 2.5], "sigmoid_cross_entropy": [0, 0.25, 1]}
    a, b = np.array(list(product(some, others.get(name, some))), dtype).T
    grad = [tg.grad(lambda a, b, i=i: op(a, b).sum(), i) for i in (0, 1)]
    bend = [tg.grad(lambda a, b, i=i: grad[i](a, b).sum(), j) for i, j in SECOND]
    with np.errstate(all="ignore"):
        found = [op(a, b).numpy(), *[f(a, b).numpy() for f in (*grad, *bend)]]
    exact = OF_TWO[name]
    assert compare(name, dtype, exact, found[: len(exact)], a, b) >= 20
