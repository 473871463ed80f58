"""Closed formulas are right for whatever the table of ops can build."""

from __future__ import annotations

import numpy as np
import pytest
from textbook import BOOK


@pytest.mark.parametrize("name", BOOK)
def test_the_textbook_itself_is_differentiable(name):
    loss, wrt, names = BOOK[name]()
    loss.backward()
    assert loss.size == 1
    assert all(np.isfinite(t.grad).all() and t.grad.any() for t in wrt)
    assert names
