"""The peers: other engines, each imported when it is asked for."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from .words import general_words
from .workloads import Step, Workload


@cache
def with_float64() -> Any:
    """JAX, which has float64 only on demand."""
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax


def placed(jax: Any, w: Workload) -> tuple[Any, Any]:
    """Parameters and data of a workload as JAX arrays."""
    data = [jax.numpy.asarray(array) for array in w.data]
    return [jax.numpy.array(array) for array in w.start], data


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

    m = SimpleNamespace(
        **general_words(anp),
        sigmoid=expit,
        relu=lambda z: anp.maximum(z, 0),
        cross_entropy=cross_entropy,
    )
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
    """MyGrad, with its own layers and losses; without locks on memory, as its manual advises."""
    import mygrad as mg
    from mygrad.nnet.activations import relu, sigmoid
    from mygrad.nnet.layers import conv_nd
    from mygrad.nnet.losses import softmax_crossentropy

    mg.turn_memory_guarding_off()

    def convolve(x: Any, filters: Any, bias: Any) -> Any:
        return conv_nd(x, filters, stride=1) + bias.reshape(1, -1, 1, 1)

    words = general_words(mg) | {"convolve": convolve}
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
    data = [array.astype(np.int32) if array.dtype.kind == "i" else array for array in w.data]
    data = [Tensor(array).realize() for array in data]

    @TinyJit
    def jitted() -> Any:
        loss = w.cost(m, parameters, *data)
        for p, g in zip(parameters, loss.gradient(*parameters), strict=True):
            p.assign(p - w.lr * g)
        return loss.realize(*parameters)

    return lambda: jitted().item()


def micrograd(w: Workload) -> Step:
    """The engine micrograd, of single numbers: lists of lists."""
    from micrograd.engine import Value

    sys.setrecursionlimit(10_000)  # it walks the graph by recursion
    m, lr, cost = micrograd_words(), w.lr, w.cost_for("micrograd")
    parameters = [nested(Value, array) for array in w.start]
    data = [array.tolist() for array in w.data]
    rows = [row if isinstance(row, list) else [row] for p in parameters for row in p]
    flat = [value for row in rows for value in row]

    def step() -> float:
        loss = cost(m, parameters, *data)
        for value in flat:
            value.grad = 0
        loss.backward()
        for value in flat:
            value.data -= lr * value.grad
        return float(loss.data)

    return step


def micrograd_words() -> SimpleNamespace:
    """Words of lists of lists, with two functions that micrograd does not have, in its manner."""
    from micrograd.engine import Value

    def function(f: Callable[[float], float], slope: Callable[[float, float], float]) -> Any:
        def apply(x: Any) -> Any:
            out = Value(f(x.data), (x,), f.__name__)

            def backward() -> None:
                x.grad += slope(x.data, out.data) * out.grad

            out._backward = backward
            return out

        return apply

    logistic = function(lambda x: 1 / (1 + math.exp(-x)), lambda x, y: y * (1 - y))
    log = function(math.log, lambda x, y: 1 / x)

    def neuron(row: Any, weights: Any, bias: Any) -> Any:
        return sum((a * v for a, v in zip(row, weights, strict=True)), bias)

    def linear(x: Any, W: Any, b: Any) -> Any:
        neurons = list(zip(zip(*W, strict=True), b, strict=True))
        return [[neuron(row, weights, bias) for weights, bias in neurons] for row in x]

    def squared_error(o: Any, target: Any) -> Any:
        return sum((a - t) ** 2 for a, t in entries(o, target)) * 0.5

    def binary_cross_entropy(o: Any, y: Any) -> Any:
        pairs = list(entries(o, y))
        return sum(log(a if t else 1 - a) for a, t in pairs) * (-1 / len(pairs))

    def sigmoid(z: Any) -> Any:
        return [[logistic(value) for value in row] for row in z]

    losses = {"squared_error": squared_error, "binary_cross_entropy": binary_cross_entropy}
    return SimpleNamespace(linear=linear, sigmoid=sigmoid, **losses)


def entries(o: Any, target: Any) -> Iterator[tuple[Any, Any]]:
    """The entries of two lists of lists, in pairs."""
    for row, wanted in zip(o, target, strict=True):
        yield from zip(row, wanted, strict=True)


def nested(kind: Any, array: Any) -> Any:
    """An array as lists of a kind of number."""
    return [nested(kind, part) if part.ndim else kind(part.item()) for part in array]


def fori_loop(w: Workload, n: int) -> Step:
    """JAX's loop around the step that its users write."""
    jax, step = with_float64(), pure_jax_step(w)
    parameters, data = placed(jax, w)

    @jax.jit
    def run(parameters: Any, *data: Any) -> Any:
        first = (parameters, jax.numpy.zeros((), data[0].dtype))
        return jax.lax.fori_loop(0, n, lambda _, state: step(state[0], *data), first)

    return lambda: float(run(parameters, *data)[1])
