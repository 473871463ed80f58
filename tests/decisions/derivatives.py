"""Leaves, and first and second derivatives at given points."""

import numpy as np

import tinygrad_edu as tg

Tensor = tg.Tensor
FLOATS = (np.float16, np.float32, np.float64)


def leaf(data, dtype=float):
    return Tensor(data, requires_grad=True, dtype=dtype)


def gradients(f, *values, dtype=float):
    """The gradients of sum(f(values)) with respect to each value."""
    leaves = [leaf(v, dtype) for v in values]
    f(*leaves).sum().backward()
    return [t.grad for t in leaves]


def curvature(f, x):
    """The diagonal of the matrix of second derivatives of sum(f(x))."""
    return tg.hvp(lambda t: f(t).sum(), (np.array(x, float),), (np.ones(len(x)),)).tolist()
