"""The engines: each takes a workload and gives its training step, as the engine's users write it.

An engine is a function of (workload) that gives a function of nothing, which does forward, backward
and the update of the parameters, and gives the cost as a float. Its words, which the costs are
written in, are a namespace; peers are imported when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any, NamedTuple

import tinygrad_edu as tg

from . import peers
from .peers import jax_loop, placed, with_float64
from .tape import tape
from .words import general_words
from .workloads import Step, Workload

BY_HAND, OURS, COMPILED, COMPILED_JAX = "by hand", "tinygrad_edu", "compiled NumPy", "compiled JAX"
TORCH, JAX = "PyTorch", "JAX jit"
BY_VALUE, REPEAT, FORI = "value_and_grad", "compiled JAX, repeat", "JAX fori_loop"
LEAVES_ONLY, TORCH_BY_OP = "backward, leaves only", "PyTorch, op by op"
TAPE = "bare tape"


class Engine(NamedTuple):
    """How to make a step, the package that it takes, and its workloads (all, if none are named)."""

    step: Callable[[Workload], Step]
    package: str = "numpy"
    only: frozenset[str] = frozenset()

    def runs(self, workload: str) -> bool:
        """Whether it is installed, and measured on a workload."""
        return find_spec(self.package) is not None and (not self.only or workload in self.only)


# -- by hand, and this project ---------------------------------------------------------------------

OUR_WORDS = SimpleNamespace(
    **general_words(tg), sigmoid=tg.sigmoid, relu=tg.relu, cross_entropy=tg.cross_entropy
)


def by_hand(w: Workload) -> Step:
    """NumPy, with gradients from paper."""
    p, lr, data, step = w.parameters, w.lr, w.data, w.by_hand
    return lambda: float(step(p, lr, *data))


def eager(w: Workload, **options: Any) -> Step:
    """The README's loop; options are those of `backward`."""
    m, lr, data, cost = OUR_WORDS, w.lr, w.data, w.cost
    parameters = [tg.Tensor(array, requires_grad=True) for array in w.start]

    def step() -> float:
        loss = cost(m, parameters, *data)
        loss.backward(**options)
        with tg.no_grad():
            for p in parameters:
                p -= lr * p.grad
                p.zero_grad()
        return loss.item()

    return step


def functional(w: Workload) -> Step:
    """The same by `value_and_grad`, which leaves no gradients behind."""
    m, lr, data, cost = OUR_WORDS, w.lr, w.data, w.cost
    parameters = [tg.Tensor(array) for array in w.start]
    both = tg.value_and_grad(lambda p: cost(m, p, *data))

    def step() -> float:
        loss, gradients = both(parameters)
        with tg.no_grad():
            for p, g in zip(parameters, gradients, strict=True):
                p -= lr * g
        return loss.item()

    return step


def pure_step(w: Workload) -> Callable[..., Any]:
    """A step from parameters to new ones, for `compile`."""

    def step(parameters: Any, *data: Any) -> Any:
        loss, gradients = tg.value_and_grad(lambda p: w.cost(OUR_WORDS, p, *data))(parameters)
        return [p - w.lr * g for p, g in zip(parameters, gradients, strict=True)], loss

    return step


def compiled(w: Workload) -> Step:
    """Compiled for NumPy; the parameters' memory is donated, so they are updated in place."""
    run = tg.compile(pure_step(w), donate=0)
    parameters, data = [tg.Tensor(array) for array in w.start], w.data

    def step() -> float:
        nonlocal parameters
        parameters, loss = run(parameters, *data)
        return loss.item()

    return step


def compiled_jax(w: Workload) -> Step:
    """Compiled for JAX."""
    jax = with_float64()
    return jax_loop(tg.compile(pure_step(w), target="jax", donate=0), *placed(jax, w))


# -- many steps in one call ------------------------------------------------------------------------


def python_loop(w: Workload, n: int) -> Step:
    """The loop of the articles, around the step by hand."""

    def run() -> float:
        parameters = w.parameters
        for _ in range(n):
            loss = w.by_hand(parameters, w.lr, *w.data)
        return float(loss)

    return run


def repeated(w: Workload, n: int) -> Step:
    """The compiled step's own loop, in JAX."""
    parameters, data = placed(with_float64(), w)
    run = tg.compile(pure_step(w), target="jax").repeat(n)
    return lambda: float(run(parameters, *data)[1])


# -- the lists -------------------------------------------------------------------------------------

SMALL = frozenset({"perceptron", "ANN", "2-layer", "XOR", "chain"})
IN_EXPRESSIONS = frozenset({"perceptron", "ANN", "2-layer", "XOR", "elementwise"})

ENGINES: dict[str, Engine] = {
    BY_HAND: Engine(by_hand),
    OURS: Engine(eager),
    COMPILED: Engine(compiled),
    COMPILED_JAX: Engine(compiled_jax, "jax"),
    JAX: Engine(peers.jax_jit, "jax"),
    TORCH: Engine(peers.torch, "torch"),
    TORCH_BY_OP: Engine(peers.torch_by_op, "torch", IN_EXPRESSIONS),
    "HIPS autograd": Engine(peers.hips, "autograd"),
    "MyGrad": Engine(peers.mygrad, "mygrad"),
    "tinygrad": Engine(peers.tinygrad, "tinygrad"),
    "micrograd": Engine(peers.micrograd, "micrograd", SMALL),
}
# the unit of the budgets
YARDSTICK: dict[str, Engine] = {TAPE: Engine(tape, only=SMALL)}
# other ways to use them, measured for their memory
VARIANTS: dict[str, Engine] = {
    BY_VALUE: Engine(functional),
    LEAVES_ONLY: Engine(partial(eager, intermediates=False)),
}

LOOPS: dict[str, Callable[[Workload, int], Step]] = {
    BY_HAND: python_loop,
    REPEAT: repeated,
    FORI: peers.fori_loop,
}
