"""Tensor: what it holds, how it reads and converts, and what its errors say to write."""

import math
import re
from contextvars import copy_context

import numpy as np
import pytest

import tinygrad_edu as tg

Tensor = tg.Tensor


def leaf(data, **options):
    return Tensor(data, requires_grad=True, dtype=float, **options)


def message(run):
    """The text of the error that `run` raises."""
    with pytest.raises(Exception) as raised:  # noqa: PT011 -- the callers compare the text
        run()
    return f"{type(raised.value).__name__}: {raised.value}"


# -- how it reads --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("t", "text"),
    [
        (Tensor(2.0), "Tensor(2., shape=())"),
        (Tensor([1, 2]), "Tensor([1, 2], shape=(2,), dtype=int64)"),
        (Tensor([], dtype="f4"), "Tensor([], shape=(0,), dtype=float32)"),
        (
            Tensor([1.0], True, name='w"1'),
            "Tensor([1.], shape=(1,), name='w\"1', requires_grad=True)",
        ),
        (Tensor([1.0], True).exp(), "Tensor([2.71828183], shape=(1,), op=exp, requires_grad=True)"),
    ],
)
def test_repr_says_value_shape_name_op_and_requires_grad(t, text):
    assert repr(t) == str(t) == f"{t}" == text


def test_repr_of_a_large_tensor_is_short():
    assert len(repr(Tensor(np.zeros((1000, 1000))))) < 1000


def test_one_number_converts_to_python_numbers():
    t = Tensor([[2.5]])
    numbers = t.item(), float(t), int(t), bool(t)
    assert (*numbers, f"{t:.2f}", t.tolist()) == (2.5, 2.5, 2, True, "2.50", [[2.5]])
    assert [10, 20, 30][Tensor(1)] == 20


def test_a_tensor_iterates_over_its_rows():
    t = leaf([[1.0, 2.0], [3.0, 4.0]])
    a, b = t
    (a * b).sum().backward()
    assert len(t) == 2
    np.testing.assert_array_equal(t.grad, [[3.0, 4.0], [1.0, 2.0]])


def test_python_s_sum_and_max_work():
    t = leaf([1.0, 5.0, 3.0])
    (sum(t) + sum([t, t]).sum() + max(t)).backward()
    np.testing.assert_array_equal(t.grad, [3.0, 4.0, 3.0])


def test_equality_is_by_entry_and_hash_by_identity():
    a, b = Tensor([1.0, 2.0]), Tensor([1.0, 3.0])
    assert (a == b).tolist() == [True, False]
    assert (a != b).tolist() == [False, True]
    assert {a: 1, b: 2}[a] == 1
    assert 3.0 in b
    assert 4.0 not in b


def test_named_gives_the_tensor_itself():
    t = Tensor(1.0)
    assert t.named("z1") is t
    assert t.name == "z1"


# -- no_grad -------------------------------------------------------------------------------------


def test_no_grad_and_enable_grad_nest_and_restore_after_an_error():
    w = leaf(2.0)
    with pytest.raises(KeyError), tg.no_grad():
        assert not (w * 2).requires_grad
        with tg.enable_grad():
            assert (w * 2).requires_grad
        assert not (w * 2).requires_grad
        raise KeyError
    assert (w * 2).requires_grad


def test_no_grad_is_a_decorator_that_keeps_the_function_s_name():
    @tg.no_grad()
    def predict(x):
        return x * 2

    assert predict.__name__ == "predict"
    assert predict(leaf(1.0)).is_leaf


def test_a_generator_may_leave_no_grad_in_another_context():
    def steps():
        with tg.no_grad():
            yield (leaf(1.0) * 2.0).requires_grad

    running = steps()
    assert copy_context().run(next, running) is False
    assert next(running, None) is None
    assert (leaf(1.0) * 2.0).requires_grad


def test_one_no_grad_object_may_be_entered_twice():
    off, w = tg.no_grad(), leaf(1.0)
    with off, off:
        assert not (w * 2).requires_grad
    assert (w * 2).requires_grad


def test_detach_is_a_constant_of_its_own():
    w = leaf([1.0, 2.0])
    d = w.detach()
    d += 1.0
    assert (w.tolist(), d.tolist()) == ([1.0, 2.0], [2.0, 3.0])
    assert (d.requires_grad, d.is_leaf) == (False, True)


# -- errors teach: what was given, and what to write ---------------------------------------------


def test_a_shape_mismatch_names_both_variables_and_both_shapes():
    X, W = Tensor(np.ones((4, 3))), leaf(np.ones((2, 5)))
    text = message(lambda: X @ W)
    assert text.startswith("ValueError: matmul cannot take X of shape (4, 3) and W of shape (2, 5)")


def test_an_explicit_name_wins_over_the_variable_s():
    variable = Tensor(np.ones(2), name="weights")
    assert "weights of shape (2,) and operand 2 of shape (3,)" in message(
        lambda: variable + np.ones(3)
    )


def test_a_nameless_result_is_called_by_its_op():
    X = leaf(np.ones(2))
    assert "the result of exp of shape (2,)" in message(lambda: np.exp(X) * np.ones(3))


def test_names_are_the_user_s_and_not_those_of_numpy_or_the_standard_library():
    import copy

    loss = leaf(1.0) * 2
    assert message(lambda: copy.copy(loss)).startswith("TypeError: loss has a history")


w, x, s, i = leaf([1.0, 2.0]), leaf(np.ones((2, 3))), leaf(2.0), Tensor([1, 2])
# fmt: off
CASES = [
    # making one
    (lambda: Tensor([1, 2], requires_grad=True), "TypeError", "int64", "[1.0, 2.0]", "dtype=float"),
    (lambda: Tensor(True, requires_grad=True), "TypeError", "bool", "1.0"),
    (lambda: Tensor(["a"]), "TypeError", "['a']", "real numbers"),
    (lambda: Tensor("abc"), "TypeError", "'abc'", "real numbers"),
    (lambda: Tensor(None), "TypeError", "None", "real numbers"),
    (lambda: Tensor([1, None]), "TypeError", "[1, None]", "None is no number", "real numbers"),
    (lambda: Tensor(np.array([1, 2], object)), "TypeError", "object", "real numbers"),
    (lambda: Tensor([1 + 2j]), "TypeError", "complex128", "real numbers"),
    (lambda: Tensor(np.array(["2020"], "M8[Y]")), "TypeError", "datetime64", "real numbers"),
    (lambda: Tensor(np.ma.array([1.0, 2.0], mask=[0, 1])), "TypeError", "is a masked array",
     "real numbers"),
    (lambda: Tensor([[1, 2], [3]]), "ValueError", "[[1, 2], [3]]", "equal lengths"),
    (lambda: Tensor([w, w]), "TypeError", "list of Tensors", "tg.stack"),
    (lambda: Tensor(([1.0, s],)), "TypeError", "list of Tensors", "tg.stack"),
    (lambda: Tensor(w), "TypeError", "lose the gradient", "detach()"),
    (lambda: type("Mine", (Tensor,), {}), "TypeError", "subclassed", "tg.op"),
    (lambda: Tensor(1.0, name=3), "TypeError", "a name is a str, not int"),
    (lambda: Tensor(1.0).named(["w"]), "TypeError", "a name is a str, not list"),
    # operands
    (lambda: w + "a", "TypeError", "str", "'a'"),
    (lambda: w * None, "TypeError", "NoneType"),
    (lambda: w + np.array(["a", "b"]), "TypeError", "<U1"),
    (lambda: w + np.array([1.0, None]), "TypeError", "object"),
    (lambda: w + np.array([1j, 2j]), "TypeError", "complex128"),
    (lambda: tg.exp([w, w]), "TypeError", "tg.stack"),
    (lambda: w + [s, s], "TypeError", "tg.stack"),
    (lambda: w + np.ones(3), "ValueError", "add", "w of shape (2,)", "shape (3,)"),
    (lambda: s @ s, "ValueError", "matmul", "s of shape ()"),
    (lambda: i**-1, "ValueError", "power", "negative integer powers"),
    (lambda: -(w > 1), "TypeError", "negative", "~"),
    (lambda: w & w, "TypeError", "bitwise_and", "w of shape (2,)"),
    # arguments
    (lambda: x.sum(ax=1), "TypeError", "sum of a Tensor takes axis and keepdims, not ax"),
    (lambda: np.sum(x, where=np.ones((2, 3))), "TypeError", "where= takes conditions", "float64"),
    (lambda: np.sum(w, where=np.ones((3, 2), bool)), "ValueError", "where= of shape (3, 2)",
     "broadcast to the tensor's (2,)"),
    (lambda: np.mean(x, 0, None, np.ones(3)), "TypeError",
     "mean of a Tensor takes axis and keepdims"),
    (lambda: np.add(w, 1.0, dtype="f4"), "TypeError", "np.add", "no dtype", "astype"),
    (lambda: np.exp(w, where=np.ones(2, bool)), "TypeError", "np.exp", "no where", "tg.where"),
    (lambda: x.sum(5), "AxisError", "x of shape (2, 3)", "axis=5"),
    (lambda: x.reshape(4), "ValueError", "x of shape (2, 3)", "shape=4"),
    (lambda: x.swapaxes(0), "TypeError", "axis1 and axis2", "axis2 is missing"),
    (lambda: tg.where(w > 1), "TypeError", "where takes 3 operands, 1 given"),
    (lambda: tg.add(w), "TypeError", "add takes 2 operands, 1 given"),
    (lambda: w.multiply(), "TypeError", "Tensor.multiply() missing 1"),
    (lambda: tg.exp(), "TypeError", "exp takes 1 operand, 0 given"),
    (lambda: tg.exp(w, 2), "TypeError", "exp of a Tensor takes no further arguments, not 2"),
    (lambda: tg.stack(w, w), "TypeError", "one list", "tg.stack([a, b])"),
    (lambda: tg.concatenate([]), "ValueError", "concatenate", "at least one array"),
    (lambda: tg.stack([w, np.ones(3)]), "ValueError", "w of shape (2,)", "shape (3,)"),
    (lambda: w.clip(0.0, s), "TypeError", "clip gives no gradient to max", "s.detach()"),
    (lambda: w[5], "IndexError", "w of shape (2,)", "index=5"),
    (lambda: w[w], "TypeError", "no gradient to index", "detach()"),
    (lambda: w.at[5].set(1.0), "IndexError", "w of shape (2,)", "index=5"),
    (lambda: w.at[0].set([1.0, 2.0, 3.0]), "ValueError", "w of shape (2,)", "shape (3,)"),
    # conversions
    (lambda: w.item(), "ValueError", "w has shape (2,)", "t.tolist()"),
    (lambda: float(w), "ValueError", "w has shape (2,)"),
    (lambda: bool(w), "ValueError", "any()", "all()"),
    (lambda: len(s), "TypeError", "s is a single number", "t.item()"),
    (lambda: list(s), "TypeError", "s is a single number", "t.item()"),
    (lambda: [0, 1][w[0]], "TypeError", "integer"),
    # gradients
    (lambda: w.backward(), "ValueError", "w has shape (2,)", ".sum().backward()",
     ".mean().backward()", "seed"),
    (lambda: (w * 2).backward(), "ValueError", "the result of multiply has shape (2,)",
     ".sum().backward()"),
    (lambda: w.backward([1.0]), "ValueError", "the seed has shape (1,), w has shape (2,)"),
    (lambda: w.backward("a"), "TypeError", "'a'", "real numbers"),
    (lambda: Tensor(1.0).backward(), "RuntimeError", "requires_grad=True", "no_grad()"),
    (lambda: setattr(w * 2, "requires_grad", False), "TypeError", "leaf", "detach()"),
    (lambda: setattr(w * 2, "data", 1.0), "TypeError", "the result of multiply", "detach()"),
    (lambda: setattr(w, "data", [1.0, 2.0, 3.0]), "ValueError", "(3,)", "w of shape (2,)"),
    # losses
    (lambda: tg.mse(w, np.ones((2, 1))), "ValueError", "w has shape (2,)", "(2, 1)",
     "target.reshape((2,))"),
    (lambda: tg.mse(w, np.ones(3)), "ValueError", "(2,)", "(3,)", "must be equal"),
    (lambda: tg.binary_cross_entropy(w, [1.0, 0.0]), "ValueError", "from 1.0 to 2.0",
     "with_logits"),
    (lambda: tg.cross_entropy(w, 3), "ValueError", "classes 0 to 1", "3"),
    (lambda: tg.cross_entropy(x, [0.0, 1.0]), "ValueError", "(2, 3)", "float64 of shape (2,)"),
]
# fmt: on


@pytest.mark.parametrize(("run", "parts"), [(case[0], case[1:]) for case in CASES])
def test_an_error_says_what_was_given_and_what_to_write(run, parts):
    text = message(run)
    assert all(part in text for part in parts), text
    assert not re.search(r"<lambda>|fast_call|UFunc\w+Error", text), text


def test_an_error_leaves_nothing_changed():
    t = Tensor([1, 2])
    with pytest.raises(TypeError, match="write `t = t \\+ x`"):
        t += 0.5
    assert t.tolist() == [1, 2]


def test_nan_is_a_number_like_any_other():
    assert math.isnan(Tensor(float("nan")).item())
