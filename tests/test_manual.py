"""What `help` says of ops: true, and its examples run."""

from __future__ import annotations

import doctest
import pydoc

import numpy as np
import printed
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine.registry import registry
from tinygrad_edu.notation.derivatives import sample
from tinygrad_edu.notation.manual import formulas, is_elementwise, letters

PUBLIC = {name: made for name in tg.__all__ if isinstance(made := getattr(tg, name), tg.Op)}


def test_help_says_what_an_op_is_and_what_its_derivative_is():
    text = pydoc.plain(pydoc.render_doc(tg.tanh))
    for line in ("tanh(x, /)", "y = tanh(x)", "∂y/∂x = 1 − y²", ">>> y = tg.tanh(x)"):
        assert f"    {line}\n" in text
    assert "Tested for x > 0." in tg.log.__doc__
    assert "No derivative where x = 0; at 0 the gradient is 0." in tg.relu.__doc__
    assert "∂L/∂a = g bᵀ" in tg.matmul.__doc__


def test_a_class_and_a_users_op_keep_the_docstrings_that_they_were_given():
    assert tg.Op.__doc__.startswith("What can be done to Tensors")
    asked = []
    users = tg.op(
        lambda x: asked.append(x) or x, lambda g, y, x: g, name="seen", doc="x, as it was seen."
    )
    assert users.__doc__ == "seen(x, /)\n\nx, as it was seen."
    assert not asked


@pytest.mark.parametrize("name", registry)
def test_the_example_of_a_page_prints_what_it_shows(name):
    text = registry[name].__doc__
    assert text.startswith(
        f"{name}({str(registry[name].__signature__)[1:]}\n\n{registry[name].doc}"
    )
    test = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
    shown: list[str] = []
    assert not doctest.DocTestRunner(verbose=False).run(test, out=shown.append).failed, "".join(
        shown
    )
    assert bool(test.examples) == (name in PUBLIC)
    if any(registry[name].rules):
        assert ".grad\n" in text or name not in PUBLIC


LOCAL = [
    name
    for name, made in PUBLIC.items()
    if is_elementwise(made) and made.rules and None not in made.rules
]


@pytest.mark.parametrize("name", LOCAL)
def test_a_derivative_that_a_page_shows_is_that_of_the_function(name):
    made = PUBLIC[name]
    operands, _, y = sample(made)
    names = dict(zip(letters(made), operands, strict=True)) | {"y": y}
    rows = dict(row.split(" = ", 1) for row in formulas(made) if row.startswith("∂"))
    assert list(rows) == [f"∂y/∂{letter}" for letter in letters(made)]
    for i, formula in enumerate(rows.values()):
        h = 1e-6 * np.eye(len(operands))[i]
        slope = (made.run(*(operands + h)) - made.run(*(operands - h))) / 2e-6
        for sign, plain in (
            ("ln 10", f"{np.log(10)}"),
            ("ln 2", f"{np.log(2)}"),
            ("⌊", "floor("),
            ("⌋", ")"),
        ):
            formula = formula.replace(sign, plain)
        np.testing.assert_allclose(
            printed.Reader(formula, names).read(), slope, rtol=1e-8, atol=1e-8
        )


def test_there_are_such_derivatives():
    assert len(LOCAL) > 35
