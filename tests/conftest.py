"""Settings of Hypothesis, and ops that last as long as their test.

There are no deadlines, each failure shows the example to paste, and CI draws the same examples in
every run.
"""

import gc
import os

# a worker is one of as many as there are cores, and so are its children
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
from hypothesis import settings

import tinygrad_edu as tg
from tinygrad_edu.engine.registry import is_users, numpy_functions, registry

in_ci = "CI" in os.environ
settings.register_profile("tinygrad_edu", deadline=None, derandomize=in_ci, print_blob=True)
settings.load_profile("tinygrad_edu")


def pytest_collection_finish() -> None:
    """Thousands of tests last to the end: the collector need not look at them again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def no_op_outlives_its_test():
    """Ops that a test defines are gone after it, with their methods and NumPy's functions."""
    held = (registry, dict(registry)), (numpy_functions, dict(numpy_functions))
    attributes = dict(vars(tg.Tensor))
    yield
    for table, before in held:
        if table != before:  # the table's own may come late, where SciPy is called
            late = {key: made for key, made in table.items() if not is_users(made)}
            table.clear()
            table.update({**late, **before})
    now = dict(vars(tg.Tensor))
    if now == attributes:
        return
    for name in now.keys() - attributes.keys():
        if name not in registry:
            delattr(tg.Tensor, name)
    for name, value in attributes.items():
        if now.get(name) is not value:
            setattr(tg.Tensor, name, value)
