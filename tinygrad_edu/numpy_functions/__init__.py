"""NumPy's functions on Tensors that are no ops of their own: compositions, by what they do.

Each takes what NumPy's takes, and its gradient follows from the ops that it is made of.
"""

from . import (
    entries,
    factors,
    joining,
    linear,
    matrices,
    methods,
    order,
    picking,
    reductions,
    series,
    shaping,
    statistics,
)

MODULES = (
    *(entries, factors, joining, linear, matrices, methods, order, picking),
    *(reductions, series, shaping, statistics),
)
