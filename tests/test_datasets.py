"""The articles' tables."""

import numpy as np
import pytest

from tinygrad_edu import datasets

SHAPES = {"double": (4, 1), "or_gate": (4, 2), "xor": (4, 2), "virus": (8, 4), "ann": (7, 3)}
SHAPES |= {"diabetes": (200, 6)}


@pytest.mark.parametrize("name", SHAPES)
def test_a_table_is_two_new_float_arrays_with_one_row_per_record(name):
    X, y = getattr(datasets, name)()
    assert X.shape == SHAPES[name]
    assert y.shape == (len(X), 1)
    assert X.dtype == y.dtype == np.float64
    X[:] = 7
    assert not np.array_equal(getattr(datasets, name)()[0], X)


def test_xor_is_or_without_the_last_record():
    (X, either), (same, exactly_one) = datasets.or_gate(), datasets.xor()
    assert np.array_equal(X, same)
    assert np.array_equal(either - exactly_one, [[0], [0], [0], [1]])


def test_virus_has_two_equal_persons_with_different_results():
    X, y = datasets.virus()
    assert np.array_equal(X[2], X[5])
    assert y[2] != y[5]
    assert len(datasets.VIRUS_SYMPTOMS) == X.shape[1]


def test_the_synthetic_table_follows_its_seed():
    X, y = datasets.diabetes(n=50, seed=3)
    again = datasets.diabetes(n=50, seed=3)
    assert np.array_equal(X, again[0])
    assert np.array_equal(y, again[1])
    assert not np.array_equal(X, datasets.diabetes(n=50, seed=4)[0])
    assert len(datasets.DIABETES_FACTORS) == X.shape[1]


def test_the_synthetic_table_follows_its_rule_but_for_one_answer_in_twenty():
    X, y = datasets.diabetes(n=10_000)
    _, overweight, inactive, family, _, sugar = X.T == 1
    rule = sugar & (overweight | inactive) | overweight & family
    assert np.mean(rule != y.ravel()) == pytest.approx(0.05, abs=0.01)
    assert set(np.unique(X)) == set(np.unique(y)) == {0.0, 1.0}
