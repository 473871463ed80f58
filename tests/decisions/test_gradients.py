"""What `.grad` is, how `backward()` starts, and what it never does."""

import numpy as np
import pytest
from derivatives import Tensor, leaf

import tinygrad_edu as tg
from tinygrad_edu.graph import ancestors

# -- .grad -----------------------------------------------------------------------------------------


def test_leaves_accumulate_and_intermediates_keep_the_latest():
    x = leaf([1.0, 2.0])
    y = x * 3.0
    loss = y.sum()
    assert x.grad is y.grad is loss.grad is None
    for times in (1.0, 2.0, 3.0):
        loss.backward()
        assert x.grad.tolist() == [3.0 * times] * 2
        assert y.grad.tolist() == [1.0, 1.0]
        assert loss.grad == 1.0
    x.zero_grad()
    assert x.grad is None


def test_a_gradient_that_was_kept_does_not_change_later():
    x = leaf(2.0)
    y = x * x
    y.backward()
    before = x.grad
    y.backward()
    assert (before, x.grad) == (4.0, 8.0)


PROGRAMS = {
    "sum": lambda a, b: (a + b).sum(),
    "views": lambda a, b: (a.reshape(4).reshape(2, 2).T + b.T[::-1]).sum(),
    "copies": lambda a, b: (a.copy() + +b + a).sum(),
    "one entry": lambda a, b: a[0, 0] + b[1, 1],
    "pieces": lambda a, b: tg.concatenate([a, b, a])[1:5].sum() + tg.stack([a, b]).sum(),
    "stretched": lambda a, b: (np.broadcast_to(a, (3, 2, 2)) + b.mean(0)).mean(),
    "kept": lambda a, b: (a.sum(0, keepdims=True) + b.squeeze()).max(),
    "no op": lambda a, b: a.sum() + b.astype(float).sum(),
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_no_two_tensors_share_a_gradient_and_each_is_a_full_writable_array(program):
    leaves = [leaf([[1.0, 2.0], [3.0, 4.0]]), leaf([[5.0, 6.0], [7.0, 8.0]])]
    loss = program(*leaves)
    loss.backward()
    loss.backward()  # once more, since 0-d results of + are scalars to NumPy
    tensors = [t for t in ancestors(loss) if t.requires_grad]
    assert {*leaves, loss} <= set(tensors)
    for t in tensors:
        assert type(t.grad) is np.ndarray
        assert t.grad.shape == t.shape
        assert t.grad.flags.writeable
        assert t.grad.size < 2 or 0 not in t.grad.strides
    arrays = [t.grad for t in tensors] + [t.numpy() for t in tensors]
    for i in range(len(tensors)):
        shared = [j for j in range(len(arrays)) if np.shares_memory(arrays[i], arrays[j])]
        assert shared == [i]


def test_the_gradient_of_a_single_number_is_an_array_too():
    x = leaf(3.0)
    y = x * 2.0
    z = y * y + y
    for _ in range(2):
        z.backward()
        for t in (x, y, z):
            assert type(t.grad) is np.ndarray
            t.grad[...] = t.grad
    assert (x.grad, y.grad, z.grad) == (52.0, 13.0, 1.0)


# -- backward() ------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(2,), (1, 2), (0,)])
def test_backward_on_many_entries_shows_what_to_write(shape):
    x = leaf(np.ones(shape))
    written = r"t\.sum\(\)\.backward\(\), t\.mean.*t\.backward\(seed\)"
    with pytest.raises(ValueError, match=rf"starts at a scalar, .* has shape .*{written}"):
        (x * 2).backward()


def test_the_graph_stays_usable_after_backward_and_after_an_error():
    x = leaf([1.0, 2.0])
    y = x * x
    with pytest.raises(ValueError, match="scalar"):
        y.backward()
    y.backward([1.0, 0.0])
    y.backward([0.0, 1.0])
    assert x.grad.tolist() == [2.0, 4.0]
    assert y.op.name == "multiply"


# -- upstream gradients ----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1.0, [1.0], [[1.0, 1.0]], [1.0, 1.0, 1.0], Tensor(1.0)])
def test_a_seed_of_the_wrong_shape_is_refused(seed):
    with pytest.raises(ValueError, match="the seed has shape .*, y has shape"):
        y = leaf([1.0, 2.0]) * 1.0
        y.backward(seed)


def test_the_caller_s_seed_is_neither_kept_nor_changed():
    x, seed = leaf([1.0, 2.0]), np.array([3.0, 4.0])
    y = x + 0.0
    y.backward(seed)
    seed[:] = 9.0
    assert x.grad.tolist() == y.grad.tolist() == [3.0, 4.0]
    x.grad[:] = y.grad[:] = 7.0
    assert seed.tolist() == [9.0, 9.0]


def test_a_read_only_seed_gives_writable_gradients():
    x = leaf([1.0, 2.0])
    x.backward(np.broadcast_to(1.0, (2,)))
    x.grad[0] = 5.0
    assert x.grad.tolist() == [5.0, 1.0]


# -- constants -------------------------------------------------------------------------------------


def test_the_rule_of_a_constant_is_never_called(monkeypatch):
    def never(g, y, a, b):
        raise AssertionError

    scaled = tg.multiply
    monkeypatch.setattr(scaled, "rules", (scaled.rules[0], never))
    x, c = leaf([1.0, 2.0]), Tensor([3.0, 4.0])
    for constant in (3.0, np.array([3.0, 4.0]), c, c * 2, x.detach(), x > 1):
        scaled(x, constant).sum().backward()
        tg.grad(lambda t, c=constant: scaled(t, c).sum())(x)
    assert x.grad is not None
    with pytest.raises(AssertionError):
        scaled(3.0, x).sum().backward()


# -- uses ------------------------------------------------------------------------------------------


def test_x_times_x_is_two_edges():
    x = leaf(3.0)
    y = x * x
    assert [a is x for a in y.args] == [True, True]
    y.backward()
    assert x.grad == 6.0


# -- determinism -----------------------------------------------------------------------------------


def test_the_same_program_gives_the_same_bits():
    def run():
        x = leaf(np.random.default_rng(0).normal(size=(5, 5)))
        ((x @ x.T).sigmoid() / (x.exp().sum(0) + x.std())).mean().backward()
        return x.grad.tobytes()

    assert len({run() for _ in range(5)}) == 1


def test_adjoints_come_newest_first_and_then_the_leaves():
    a, b = leaf(2.0), leaf(3.0)
    y = a * b
    z = y.exp()
    assert [t for t, _ in z.adjoints()] == [z, y, a, b]
