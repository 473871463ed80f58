"""The engines: each takes a workload and gives its training step, written as the engine's own users write it.

An engine is a function of (workload) that gives a function of nothing, which does forward, backward and the update of the parameters,
and gives the cost as a float. Its words, which the costs are written in, are a namespace; peers are imported when they are asked for.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from functools import cache, partial
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

import tinygrad_edu as tg

from .workloads import Workload

Step = Callable[[], float]
BY_HAND, OURS, COMPILED, COMPILED_JAX, TORCH, JAX = "by hand", "tinygrad_edu", "compiled NumPy", "compiled JAX", "PyTorch", "JAX jit"
BY_VALUE, REPEAT, FORI = "value_and_grad", "compiled JAX, repeat", "JAX fori_loop"
LEAVES_ONLY, TORCH_BY_OP = "backward, leaves only", "PyTorch, op by op"


class Engine(NamedTuple):
    """How to make a step, which packages it takes, and on which workloads it is measured (all, if none are named)."""

    step: Callable[[Workload], Step]
    package: str = "numpy"
    only: frozenset[str] = frozenset()

    def runs(self, workload: str) -> bool:
        """Whether it is installed, and measured on a workload."""
        return find_spec(self.package) is not None and (not self.only or workload in self.only)


def general_words(np: Any) -> dict[str, Any]:
    """The words in what all namespaces like NumPy's share."""

    def columns(x: Any, side: int) -> Any:
        n, channels, height, width = x.shape
        height, width = height - side + 1, width - side + 1
        windows = [x[:, :, i : i + height, j : j + width] for i in range(side) for j in range(side)]
        return np.stack(windows, axis=2).reshape(n, channels * side * side, height * width)

    def convolve(x: Any, filters: Any, bias: Any) -> Any:
        count, _, side, _ = filters.shape
        y = filters.reshape(count, -1) @ columns(x, side) + bias.reshape(count, 1)
        return y.reshape(len(x), count, x.shape[2] - side + 1, x.shape[3] - side + 1)

    return {
        "tanh": np.tanh,
        "linear": lambda x, W, b: x @ W + b,
        "squared_error": lambda o, target: 0.5 * ((o - target) ** 2).sum(),
        "binary_cross_entropy": lambda o, y: -(y * np.log(o) + (1 - y) * np.log(1 - o)).mean(),
        "convolve": convolve,
        "pool": pool,
    }


def pool(x: Any) -> Any:
    """The means over squares of 2 x 2."""
    n, channels, height, width = x.shape
    return x.reshape(n, channels, height // 2, 2, width // 2, 2).mean(axis=(3, 5))


# -- by hand, and this project ---------------------------------------------------------------------------------------------------------

OUR_WORDS = SimpleNamespace(**general_words(tg), sigmoid=tg.sigmoid, relu=tg.relu, cross_entropy=tg.cross_entropy)


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


# -- peers -----------------------------------------------------------------------------------------------------------------------------


@cache
def with_float64() -> Any:
    """JAX, which has float64 only on demand."""
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax


def placed(jax: Any, w: Workload) -> tuple[Any, Any]:
    """Parameters and data of a workload as JAX arrays."""
    return [jax.numpy.array(array) for array in w.start], [jax.numpy.asarray(array) for array in w.data]


def jax_loop(run: Any, parameters: Any, data: Any) -> Step:
    """The loop around a step of JAX; the cost as a float waits for the step's end."""

    def step() -> float:
        nonlocal parameters
        parameters, loss = run(parameters, *data)
        return float(loss)

    return step


@cache
def jax_words() -> SimpleNamespace:
    """JAX's spelling."""
    jax = with_float64()
    jnp, nn = jax.numpy, jax.nn

    def cross_entropy(z: Any, labels: Any) -> Any:
        return -jnp.take_along_axis(nn.log_softmax(z), labels[:, None], axis=1).mean()

    def convolve(x: Any, filters: Any, bias: Any) -> Any:
        return jax.lax.conv(x, filters, (1, 1), "VALID") + bias[:, None, None]

    words = general_words(jnp) | {"convolve": convolve}
    return SimpleNamespace(**words, sigmoid=nn.sigmoid, relu=nn.relu, cross_entropy=cross_entropy)


def pure_jax_step(w: Workload) -> Callable[..., Any]:
    """A step from parameters to new ones, as JAX's users write it."""
    jax, m = with_float64(), jax_words()

    def step(parameters: Any, *data: Any) -> Any:
        loss, gradients = jax.value_and_grad(lambda p: w.cost(m, p, *data))(parameters)
        return jax.tree.map(lambda p, g: p - w.lr * g, parameters, gradients), loss

    return step


def jax_jit(w: Workload) -> Step:
    """JAX by hand, compiled by XLA, with donated parameters."""
    jax = with_float64()
    return jax_loop(jax.jit(pure_jax_step(w), donate_argnums=0), *placed(jax, w))


def torch(w: Workload) -> Step:
    """PyTorch eager, with its fused words."""
    import torch
    import torch.nn.functional as F

    m = SimpleNamespace(
        linear=lambda x, W, b: torch.addmm(b, x, W),
        sigmoid=torch.sigmoid,
        tanh=torch.tanh,
        relu=torch.relu,
        squared_error=lambda o, target: 0.5 * F.mse_loss(o, target, reduction="sum"),
        binary_cross_entropy=F.binary_cross_entropy,
        cross_entropy=F.cross_entropy,
        convolve=F.conv2d,
        pool=lambda x: F.avg_pool2d(x, 2),
    )
    return torch_loop(w, m)


def torch_by_op(w: Workload) -> Step:
    """PyTorch eager, in the same expressions as this project's cost."""
    import torch

    return torch_loop(w, SimpleNamespace(**general_words(torch), sigmoid=torch.sigmoid))


def torch_loop(w: Workload, m: Any) -> Step:
    """The step of PyTorch's users, with some words."""
    import torch

    lr, cost = w.lr, w.cost
    parameters = [torch.tensor(array, requires_grad=True) for array in w.start]
    data = [torch.tensor(array) for array in w.data]

    def step() -> float:
        loss = cost(m, parameters, *data)
        loss.backward()
        with torch.no_grad():
            for p in parameters:
                p -= lr * p.grad
                p.grad = None
        return loss.item()

    return step


def hips(w: Workload) -> Step:
    """HIPS autograd."""
    import autograd
    import autograd.numpy as anp
    from autograd.scipy.special import expit, logsumexp

    def cross_entropy(z: Any, labels: Any) -> Any:
        return (logsumexp(z, axis=1) - z[np.arange(len(labels)), labels]).mean()

    m = SimpleNamespace(**general_words(anp), sigmoid=expit, relu=lambda z: anp.maximum(z, 0), cross_entropy=cross_entropy)
    m.squared_error = lambda o, target: 0.5 * anp.sum((o - target) ** 2)
    lr, data, parameters = w.lr, w.data, w.parameters
    both = autograd.value_and_grad(lambda p: w.cost(m, p, *data))

    def step() -> float:
        loss, gradients = both(parameters)
        for p, g in zip(parameters, gradients, strict=True):
            p -= lr * g
        return float(loss)

    return step


def mygrad(w: Workload) -> Step:
    """MyGrad, with its own layers and losses, and without the locks on memory, as its manual advises for speed."""
    import mygrad as mg
    from mygrad.nnet.activations import relu, sigmoid
    from mygrad.nnet.layers import conv_nd
    from mygrad.nnet.losses import softmax_crossentropy

    mg.turn_memory_guarding_off()
    words = general_words(mg) | {"convolve": lambda x, filters, bias: conv_nd(x, filters, stride=1) + bias.reshape(1, -1, 1, 1)}
    m = SimpleNamespace(**words, sigmoid=sigmoid, relu=relu, cross_entropy=softmax_crossentropy)
    lr, cost, data = w.lr, w.cost, w.data
    parameters = [mg.tensor(array) for array in w.start]

    def step() -> float:
        loss = cost(m, parameters, *data)
        loss.backward()
        for p in parameters:
            p.data -= lr * p.grad
        return loss.item()

    return step


def tinygrad(w: Workload) -> Step:
    """The engine tinygrad on its CPU device, with TinyJit."""
    from tinygrad import Tensor, TinyJit

    m = SimpleNamespace(
        linear=lambda x, W, b: x.linear(W, b),
        sigmoid=Tensor.sigmoid,
        tanh=Tensor.tanh,
        relu=Tensor.relu,
        squared_error=lambda o, target: 0.5 * ((o - target) ** 2).sum(),
        binary_cross_entropy=Tensor.binary_crossentropy,
        cross_entropy=Tensor.sparse_categorical_crossentropy,
        convolve=Tensor.conv2d,
        pool=lambda x: x.avg_pool2d(2),
    )
    parameters = [Tensor(array).realize() for array in w.start]
    data = [Tensor(array.astype(np.int32) if array.dtype.kind == "i" else array).realize() for array in w.data]

    @TinyJit
    def jitted() -> Any:
        loss = w.cost(m, parameters, *data)
        for p, g in zip(parameters, loss.gradient(*parameters), strict=True):
            p.assign(p - w.lr * g)
        return loss.realize(*parameters)

    return lambda: jitted().item()


def micrograd(w: Workload) -> Step:
    """The engine micrograd, of single numbers: lists of lists, and two functions that it does not have, in its own manner."""
    from micrograd.engine import Value

    sys.setrecursionlimit(10_000)  # it walks the graph by recursion

    def function(f: Callable[[float], float], slope: Callable[[float, float], float]) -> Callable[[Any], Any]:
        def apply(x: Any) -> Any:
            out = Value(f(x.data), (x,), f.__name__)

            def backward() -> None:
                x.grad += slope(x.data, out.data) * out.grad

            out._backward = backward
            return out

        return apply

    logistic = function(lambda x: 1 / (1 + math.exp(-x)), lambda x, y: y * (1 - y))
    log = function(math.log, lambda x, y: 1 / x)

    def linear(x: Any, W: Any, b: Any) -> Any:
        return [
            [sum((a * v for a, v in zip(row, column, strict=True)), c) for column, c in zip(zip(*W, strict=True), b, strict=True)]
            for row in x
        ]

    def squared_error(o: Any, target: Any) -> Any:
        return sum((a - t) ** 2 for row, wanted in zip(o, target, strict=True) for a, t in zip(row, wanted, strict=True)) * 0.5

    def binary_cross_entropy(o: Any, y: Any) -> Any:
        pairs = [(a, t) for row, wanted in zip(o, y, strict=True) for a, t in zip(row, wanted, strict=True)]
        return sum(log(a if t else 1 - a) for a, t in pairs) * (-1 / len(pairs))

    def sigmoid(z: Any) -> Any:
        return [[logistic(value) for value in row] for row in z]

    m = SimpleNamespace(linear=linear, sigmoid=sigmoid, squared_error=squared_error, binary_cross_entropy=binary_cross_entropy)
    lr, cost = w.lr, w.cost_for("micrograd")
    parameters = [nested(Value, array) for array in w.start]
    data = [array.tolist() for array in w.data]
    flat = [value for p in parameters for row in p for value in (row if isinstance(row, list) else [row])]

    def step() -> float:
        loss = cost(m, parameters, *data)
        for value in flat:
            value.grad = 0
        loss.backward()
        for value in flat:
            value.data -= lr * value.grad
        return float(loss.data)

    return step


def nested(kind: Any, array: Any) -> Any:
    """An array as lists of a kind of number."""
    return [nested(kind, part) if part.ndim else kind(part.item()) for part in array]


# -- many steps in one call ------------------------------------------------------------------------------------------------------------


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


def fori_loop(w: Workload, n: int) -> Step:
    """JAX's loop around the step that its users write."""
    jax, step = with_float64(), pure_jax_step(w)
    parameters, data = placed(jax, w)

    @jax.jit
    def run(parameters: Any, *data: Any) -> Any:
        first = (parameters, jax.numpy.zeros((), data[0].dtype))
        return jax.lax.fori_loop(0, n, lambda _, state: step(state[0], *data), first)

    return lambda: float(run(parameters, *data)[1])


# -- the lists -------------------------------------------------------------------------------------------------------------------------

SMALL = frozenset({"perceptron", "ANN", "2-layer", "XOR", "chain"})

ENGINES: dict[str, Engine] = {
    BY_HAND: Engine(by_hand),
    OURS: Engine(eager),
    COMPILED: Engine(compiled),
    COMPILED_JAX: Engine(compiled_jax, "jax"),
    JAX: Engine(jax_jit, "jax"),
    TORCH: Engine(torch, "torch"),
    TORCH_BY_OP: Engine(torch_by_op, "torch", frozenset({"perceptron", "ANN", "2-layer", "XOR", "elementwise"})),
    "HIPS autograd": Engine(hips, "autograd"),
    "MyGrad": Engine(mygrad, "mygrad"),
    "tinygrad": Engine(tinygrad, "tinygrad"),
    "micrograd": Engine(micrograd, "micrograd", SMALL),
}
# other ways to use them, measured for their memory
VARIANTS: dict[str, Engine] = {
    BY_VALUE: Engine(functional),
    LEAVES_ONLY: Engine(partial(eager, intermediates=False)),
}

LOOPS: dict[str, Callable[[Workload, int], Step]] = {BY_HAND: python_loop, REPEAT: repeated, FORI: fori_loop}
