"""What a compiled program is written as: the text runs alone and equals what runs and what eager computes, whatever the names."""

import importlib

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import tinygrad_edu as tg

# -- modules beside functions of the same name -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["compile.blocks", "derive.walk", "draw.dot", "explain.chain", "player.layout"])
def test_a_module_of_a_package_that_a_function_is_named_like_can_be_imported(name):
    scope = {}
    exec(f"import tinygrad_edu.{name}\nimport tinygrad_edu.{name} as other\nfound = tinygrad_edu.{name}", scope)
    assert scope["found"] is scope["other"] is importlib.import_module(f"tinygrad_edu.{name}")
    assert callable(getattr(tg, name.partition(".")[0]))


# -- values added at an index ----------------------------------------------------------------------------------------------------

INDICES = [0, (0, 1), slice(0, 1), (slice(0, 1), 0), (), ..., (None, 0), [0, 0], ([0, 1, 1], 0), np.array([[0, 1], [1, 1]]), True, (..., 1)]


@pytest.mark.parametrize("index", INDICES, ids=str)
@pytest.mark.parametrize("shape", [(), (1,), (3,), (1, 1, 1), (3, 1, 1), (1, 1, 3), (2,), (1, 3)], ids=str)
@pytest.mark.parametrize("how", ["add", "set"])
def test_values_at_an_index_broadcast_as_numpy_s_or_are_refused(index, shape, how):
    x, v = np.arange(9.0).reshape(3, 3), np.arange(1.0, 1 + np.prod(shape, dtype=int)).reshape(shape)
    places = np.arange(9).reshape(3, 3)[index]
    more = max(0, v.ndim - np.ndim(places))  # axes of length 1 that may be too many
    short = v.reshape(shape[more:]) if set(shape[:more]) <= {1} else v
    try:
        values = np.broadcast_to(short, np.shape(places))
    except ValueError:
        with pytest.raises(ValueError, match=f"index_{how} cannot take"):
            getattr(tg.Tensor(x).at[index], how)(v)
        return
    expected = x.copy()
    for place, value in zip(np.ravel(places), np.ravel(values), strict=True):
        expected.flat[place] = value + (expected.flat[place] if how == "add" else 0)
    w = tg.Tensor(v, requires_grad=True)
    if how == "set" and np.ndim(places) == 0 < v.ndim:
        return  # NumPy 2.4 refuses to write an array of one entry into a single place, older ones warn or take it
    y = getattr(tg.Tensor(x).at[index], how)(w)
    assert_array_equal(y, expected)
    y.sum().backward()
    assert w.grad.shape == v.shape
