"""Hypothesis: no deadlines, the example to paste for each failure, in CI the same examples in every run; ops last as long as their test."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a worker is one of as many as there are cores, and so are its children

import pytest
from hypothesis import settings

import tinygrad_edu as tg
from tinygrad_edu.registry import numpy_functions, registry

settings.register_profile("tinygrad_edu", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("tinygrad_edu")


@pytest.fixture(autouse=True)
def no_op_outlives_its_test():
    """Ops that a test defines are gone after it: the next one finds NumPy's functions, methods and the table as they were."""
    held = (registry, dict(registry)), (numpy_functions, dict(numpy_functions))
    attributes = dict(vars(tg.Tensor))
    yield
    for table, before in held:
        if table != before:
            table.clear()
            table.update(before)
    for name in [name for name in vars(tg.Tensor) if name not in attributes]:
        delattr(tg.Tensor, name)
    for name, value in attributes.items():
        if vars(tg.Tensor)[name] is not value:
            setattr(tg.Tensor, name, value)
