"""Where the results of a compiled program live, and what is made together."""

import numpy as np
import pytest
from compiling import agrees, squares
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tinygrad_edu.compiler.passes import fuse as blocks


def test_large_results_made_entry_by_entry_are_made_in_blocks():
    rng = np.random.default_rng(0)
    W, x, b = rng.normal(size=(600, 500)), rng.normal(size=(600, 500)), rng.normal(size=500)

    def step(W, x):
        cost, slope = tg.value_and_grad(lambda W: (((x * W + b).sigmoid() - 0.5) ** 2).sum())(W)
        return W - 0.1 * slope, cost

    compiled = agrees(step, W, x)
    assert (
        compiled.planned_source.count("for i in range(0, 600, 65):\n        j = min(i + 65, 600)\n")
        == 1
    ), "there and back in one loop"
    assert "[:j - i]" in compiled.planned_source, "what passes needs no more memory than a block"
    assert "for i" not in compiled.source, "the text for readers is the mathematics"
    assert "for i" not in agrees(step, W[:4], x[:4]).planned_source


@pytest.mark.parametrize(
    "f",
    [
        lambda a, b: (a + b) * (a + b).T,
        lambda a, b: ((a * b).T + 1.0) * (a * b) + (a * b).T,
        lambda a, b: (a - a.T).exp() + b[::-1],
        lambda a, b: (a + b[0]) * (b - a[:, :1]) + a.sum(axis=0),
        lambda a, b: ((a + 1.0).T + 2.0).T * b.T,
    ],
)
def test_no_block_changes_what_a_later_one_reads(f, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 8)
    a, b = np.random.default_rng(0).normal(size=(2, 12, 12))
    compiled = agrees(squares(f, (a, b)), a, b)
    assert "for i in range" in compiled.planned_source


def test_a_donated_array_is_updated_in_blocks_unless_it_is_read_in_another_order(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 8)
    start = np.random.default_rng(0).normal(size=(12, 12))
    for f, loops in (
        (lambda w: w - 0.5 * (w * w + 1.0), 1),
        (lambda w: w - 0.5 * (w.T * w + 1.0), 1),
    ):
        w = start.copy()
        compiled = tg.compile(f, donate=0)
        result = compiled(w)
        assert_allclose(result, f(tg.Tensor(start)).numpy(), rtol=1e-12)
        assert compiled.planned_source.count("for i in range") == loops


def test_a_sum_made_in_blocks_may_be_looked_at_in_another_shape(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 8)
    a = np.random.default_rng(0).normal(size=(12, 12))
    agrees(lambda a: ((a * a + a).sum().reshape(1, 1) * 2.0, (a.exp() * a).sum().expand_dims(0)), a)


def test_parts_are_added_where_they_belong():
    def f(x):
        return (x[1:] * x[:-1] * x[::2].sum() + x[0]).sum() + (x[2] * x[3] * x[-1]).sum()

    for x in (
        np.random.default_rng(0).normal(size=(9, 4)),
        np.random.default_rng(0).normal(size=9),
    ):
        compiled = agrees(tg.value_and_grad(f), x)
        assert "add_part(" in compiled.planned_source


def test_a_part_among_zeros_that_is_stretched_is_not_added_in_its_place():
    rng = np.random.default_rng(0)
    agrees(
        lambda a, v: ((a * 2.0).exp() + tg.grad(lambda v: v[1] ** 2)(v)) * 2.0,
        rng.normal(size=(3, 4)),
        rng.normal(size=4),
    )


def test_a_mean_over_small_squares_adds_up_slices():
    x = np.random.default_rng(0).normal(size=(16, 8, 64, 64)).astype(np.float32)
    compiled = agrees(
        lambda x: x.reshape(16, 8, 32, 2, 32, 2).mean(axis=(3, 5)), x, rtol=1e-6, atol=1e-6
    )
    assert "sum_of_slices(" in compiled.planned_source
