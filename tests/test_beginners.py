"""Programs of a beginner that are wrong, and what the error has to say: what was given, what was expected, what to write."""

from __future__ import annotations

import copy
import math
import pickle
import re
import warnings

import numpy as np
import pytest

import tinygrad_edu as tg


class Model:
    """Somebody's class, which is no container of parameters."""


def names():
    """What the programs start from."""
    w0 = np.array([[0.1], [0.2]])
    return {
        "__name__": "homework", "np": np, "tg": tg, "math": math, "copy": copy, "pickle": pickle, "Model": Model, "lr": 0.1, "W0": w0,
        "X": np.random.default_rng(0).random((4, 2)), "y": np.array([[0.0], [1.0], [1.0], [1.0]]),
        "W": tg.Tensor(w0, requires_grad=True), "b": tg.Tensor([0.3], requires_grad=True), "loss_of": lambda w: (w * w).sum(),
    }  # fmt: skip


# fmt: off
PROGRAMS = {
    # shapes
    "X @ W.T": "here k is 2 and 1; .T swaps the axes of a matrix",
    "X @ b": "here k is 2 and 1",
    "W @ X": "W of shape (2, 1) and X of shape (4, 2): it takes (n?,k),(k,m?)->(n?,m?), and here k is 1 and 4",
    "W @ 3": "for a number write *",
    "X.dot(W)": "a @ W in place of a.dot(W)",
    "W + np.ones((3, 1))": "add cannot take W of shape (2, 1) and operand 2 of shape (3, 1)",
    "tg.mse(X @ W, np.ones(4))": "write target.reshape((4, 1))",
    "tg.mse(X @ W, np.ones((3, 1)))": "they must be equal",
    "tg.binary_cross_entropy(X @ W * 9, y)": "apply sigmoid() first",
    "tg.binary_cross_entropy((X @ W).sigmoid(), y * 255)": "targets from 0 to 1, these reach from 0.0 to 255.0",
    "tg.binary_cross_entropy((X @ W).sigmoid(), y * 2 - 1)": "write (y + 1) / 2 for -1 and 1",
    "tg.binary_cross_entropy((X @ W).sigmoid(), y.ravel())": "write target.reshape((4, 1))",
    "tg.cross_entropy(X @ tg.Tensor(np.ones((2, 3))), [0, 1, 2, 3])": "classes 0 to 2, the labels reach from 0 to 3",
    "tg.cross_entropy(tg.Tensor(np.ones((4, 3))), [-1, 0, 1, 2])": "the labels reach from -1 to 2",
    "tg.cross_entropy(tg.Tensor(np.ones((4, 3))), [0.0, 1.0, 2.0, 0.0])": "integers of shape (4,) or probabilities of shape (4, 3)",
    "tg.cross_entropy(tg.Tensor(np.ones((4, 3))), y)": "not float64 of shape (4, 1)",
    "W.reshape(3)": "reshape cannot take W of shape (2, 1), shape=3",
    "W.reshape(-1, -1)": "can only specify one unknown dimension",
    "W.broadcast_to((3, 3))": "broadcast_to cannot take W of shape (2, 1), shape=(3, 3)",
    "W.squeeze(0)": "squeeze cannot take W of shape (2, 1), axis=0",
    "W.transpose(0, 1, 2)": "transpose cannot take W of shape (2, 1), axes=(0, 1, 2)",
    "W.sum(axis=2)": "axis 2 is out of bounds for array of dimension 2",
    "W[5]": "index 5 is out of bounds for axis 0 with size 2",
    "W[0, 0, 0]": "array is 2-dimensional, but 3 were indexed",
    "W['w']": "only integers, slices",
    "W[0.5]": "only integers, slices",
    "tg.concatenate([W, b], axis=1)": "W of shape (2, 1) and b of shape (1,)",
    "tg.concatenate(W, W)": "write tg.concatenate([a, b])",
    "tg.stack([W, b])": "must have the same shape",
    "tg.stack(W, W)": "write tg.stack([a, b])",
    "tg.Tensor([[1.0, 2.0], [3.0]])": "rows must have equal lengths",
    # a loss that is no scalar, or no loss
    "(X @ W).backward()": "write t.sum().backward(), t.mean().backward()",
    "(X @ W).backward(1.0)": "the seed has shape ()",
    "(X @ W).backward(np.ones(4))": "the seed has shape (4,)",
    "tg.grad(lambda w: X @ w)(W0)": "end it with .sum() or .mean(), or use jacobian",
    "tg.hessian(lambda w: w * w)(W0)": "end it with .sum() or .mean()",
    "tg.grad(lambda w: (loss_of(w), 1.0))(W0)": "has_aux=True",
    "tg.jacobian(lambda w: [w, w])(W0)": "tg.stack([...]) for jacobian",
    "tg.grad(lambda w: None)(W0)": "end it with `return loss`",
    "tg.grad(lambda w: 3.0)(W0)": "return the Tensor",
    "tg.grad(lambda w: (w * w).sum().item())(W0)": ".item(), float() and .numpy() give numbers without a gradient",
    "tg.grad(lambda w: (w > 0).sum())(W0)": "comparisons, counts and argmax have no gradient",
    "tg.grad((W * W).sum())": "write loss.backward() for what is computed already",
    "tg.grad(W, W)": "grad takes a function",
    "tg.grad(3.0)": "tg.grad(f)(x), where f(x) computes the loss",
    "tg.value_and_grad(loss_of(W))": "value_and_grad takes a function",
    "tg.jacobian(W)": "jacobian takes a function",
    "tg.vjp(W, W)": "vjp takes a function",
    # arguments to differentiate by
    "tg.grad(loss_of)([0.1, 0.2])": "for a vector give np.array([0.1, 0.2])",
    "tg.grad(lambda w: w.sum())([0.1, 0.2])": "for a vector give np.array([0.1, 0.2])",
    "tg.grad(loss_of)([1, 2])": "write it with decimal points",
    "tg.grad(loss_of)(3)": "write it with decimal points",
    "tg.grad(loss_of)(np.array([1, 2]))": "write it with decimal points",
    "tg.grad(loss_of)('a')": "if it spells numbers",
    "tg.grad(loss_of)(None)": "an argument that is None",
    "tg.grad(loss_of)(Model())": "parameters come in dicts, lists, tuples or dataclasses",
    "tg.grad(loss_of)()": "called with 0 positional arguments",
    "tg.grad(loss_of, argnums=1)(W0)": "called with 1 positional arguments",
    "tg.grad(loss_of, argnums='w')(W0)": "it counts the positional arguments",
    "tg.jvp(loss_of, W0, W0)": "jvp(f, (x,), (v,))",
    "tg.hvp(loss_of, (W0,), (np.ones(3),))": "each tangent has the shape of its primal",
    # steps that are forgotten, or in the wrong order
    "W -= 0.1": "with tg.no_grad(): W -= ...",
    "W -= lr * np.ones((2, 1))": "with tg.no_grad(): W -= ...",
    "W - W.grad": "the .grad of a tensor is None until backward() has run",
    "W[0] = 5.0": "write `t = t.at[0].set(v)`",
    "W.data = 3.0": "make a new Tensor",
    "V = tg.Tensor(W0); (V * V).sum().backward()": "requires_grad=True",
    "with tg.no_grad(): loss = loss_of(W)\nloss.backward()": "compute outside of no_grad()",
    "(W.detach() * 2).sum().backward()": "requires_grad=True",
    "tg.Tensor([1.0, 2.0]).backward()": "requires_grad=True",
    "loss = loss_of(W); loss.requires_grad = True": "use t.detach() to cut the graph here",
    "loss = loss_of(W)\nwith tg.no_grad(): W -= 0.1\nloss.backward()": "call backward() before the update",
    "loss = loss_of(W); W.data -= 0.1; loss.backward()": "call backward() before the update",
    "W.grad = 0.0": "t.zero_grad()",
    "loss_of(W).backward(create_graph=True)": "create_graph",
    # Python's own words
    "if W: pass": "write (t > 0).all() or .any()",
    "if X @ W > 0: pass": "tg.where(condition, a, b)",
    "while W > 0.1: pass": "ask for one truth",
    "not W": "ask for one truth",
    "W and b": "& and |",
    "0 < W < 1": "& and |",
    "max(W, 0)": "tg.maximum(a, b)",
    "float(W)": "W.tolist() for all",
    "int(W)": "W.tolist() for all",
    "round(W)": "W.tolist() for all",
    "math.exp(W)": "np.exp(W)",
    "tg.grad(lambda w: math.exp(w))(1.0)": "w.exp() in place of math.exp(w)",
    "math.exp(loss_of(W)) * W": "np.exp(t) in place of math.exp(t)",
    "range(b)": "int(t.item())",
    "f'{W:.2f}'": "t.tolist()",
    "'%f' % W": "W.tolist() for all",
    "for w in W.sum(): pass": "it has no rows",
    "len(W.sum())": "it has no rows",
    "copy.deepcopy(W * 2)": "copy t.detach(), or the leaves",
    "pickle.dumps(W * 2)": "copy t.detach(), or the leaves",
    "class MyTensor(tg.Tensor): pass": "define an op with tg.op",
    # None, and other things that are no numbers
    "W + None": "not NoneType",
    "W @ None": "not NoneType",
    "W * '2'": "not str: '2'",
    "W * [1.0, None]": "None is no number",
    "W * {1.0, 2.0}": "not set",
    "W * (x for x in [1.0])": "write list(data) first",
    "W + 1j": "write z.real and z.imag",
    "W == 'a'": "not str: 'a'",
    "tg.Tensor(None)": "None is no number",
    "tg.Tensor('abc')": "write np.array(data, float)",
    "tg.Tensor(['1', '2'])": "write np.array(data, float)",
    "tg.Tensor({1.0, 2.0})": "write list(data) first",
    "tg.Tensor({'a': 1.0})": "write one for each of its values",
    "tg.Tensor(x for x in [1.0])": "write list(data) first",
    "tg.Tensor(1 + 2j)": "write z.real and z.imag",
    "tg.Tensor(Model())": "is a Model",
    "tg.Tensor(np.ma.masked_array([1.0, 2.0], [True, False]))": "write a.filled(0.0)",
    "tg.Tensor(np.array(['2024-01-01'], 'M8[D]'))": "the time in a unit",
    "W * np.matrix([[1.0], [2.0]])": "write np.asarray(m)",
    "tg.Tensor([1.0], requires_grad='yes')": "requires_grad is True or False",
    "tg.Tensor([1.0], float)": "tg.Tensor(data, dtype=float)",
    "tg.Tensor([1, 2], requires_grad=True)": "write [1.0, 2.0], or dtype=float",
    "tg.Tensor([True], requires_grad=True)": "needs floats",
    "tg.Tensor([W, W])": "write tg.stack([...])",
    "tg.Tensor(W)": "t.detach() for its value alone",
    "tg.Tensor()": "missing 1 required positional argument: 'data'",
    "tg.Tensor([1.0], name=3)": "a name is a str",
    "np.array([W, W]) * 1.0": "write tg.stack([...])",
    "tg.exp([W, W])": "write tg.stack([...])",
    "tg.exp()": "takes 1 operand, 0 given",
    "tg.exp('a')": "not str: 'a'",
    "tg.exp(W, axis=0)": "takes no further arguments, not axis",
    "tg.sum(W, 1, 2, 3)": "takes axis and keepdims",
    "tg.softmax(W, dim=1)": "axis",
    # words of other libraries
    "W.clone()": "`t.copy()`",
    "W.view(-1)": "`t.reshape(shape)`",
    "W.t()": "`t.T`",
    "W.cuda()": "on the CPU",
    "W.add_(1.0)": "`t += x` (in `with tg.no_grad():`)",
    "W.sort()": "`t[t.argsort()]`",
    "W.append(1.0)": "tg.concatenate",
    "W.backwards()": "no attribute 'backwards'",
    "tg.tensor([1.0])": "`tg.Tensor(data)`",
    "tg.zeros(3)": "`tg.Tensor(np.zeros(shape))`",
    "tg.randn(3, 2)": "rng.normal(size=shape)",
    "tg.nn.Linear(2, 1)": "a model is a function",
    "tg.optim.SGD([W], lr=0.1)": "`t -= lr * t.grad`",
    "tg.Variable([1.0])": "requires_grad=True",
    "tg.autograd.grad": "`tg.grad(f)`",
    "tg.jit(loss_of)": "`tg.compile(f)`",
    "np.linalg.norm(W)": "`(t ** 2).sum().sqrt()`",
    "np.linalg.inv(W)": "`tg.op(np.linalg.inv, lambda g, y, x: ...)`",
    "np.einsum('ij,jk', X, W)": "lambda a, b: np.einsum('ij,jk', a, b)",
    "np.put(W, 0, 1.0)": "`t = t.at[i].set(v)`",
    "np.exp(W, out=np.zeros((2, 1)))": "write `a = a + t`",
    "a = np.ones((2, 1)); a += W": "write `a = a + t`",
    # ops of one's own
    "tg.op(np.sinh)": "give the op another name",
    "tg.op(lambda x: x * 2, lambda g, y, x: g * 2)": "tg.op(..., name='my_op')",
    "tg.op(lambda x: x * 2, lambda g, y, x: g * 2, name='exp')": "name='my_exp'",
    "tg.op(lambda x: x * 2, 2.0, name='f3')": "each a function or None",
    "tg.op(np.fmod, lambda g: g, lambda g: g)": "write lambda g, y, a, b: ...",
    "tg.op(lambda x, n: x * n, lambda g, y, x: g, name='f4')": "write lambda g, y, x, n: ...",
    # asking for a picture
    "tg.draw(3)": "write tg.draw(loss)",
    "tg.draw(tg.Tensor(1.0), detail='all')": "detail is one of",
    "tg.explain(3, wrt=W)": "explain(loss, wrt=w)",
    "tg.derive(3, wrt=W)": "derive(loss, wrt=[W, b])",
}
# fmt: on
CRYPTIC = ("__array", "__mul__", "NoneType' object", "_NoValue", "object is not", "truth value of an array", "can't multiply sequence")


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_message_says_what_to_write(program):
    with warnings.catch_warnings(), pytest.raises(Exception) as raised:  # noqa: PT011 -- which kind matters less than what it says
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", PendingDeprecationWarning)  # of np.matrix
        exec(program, names())
    text = "\n".join([str(raised.value), *getattr(raised.value, "__notes__", [])])
    assert PROGRAMS[program] in text
    if "for a vector" not in text:
        assert not [word for word in CRYPTIC if word in text]
    assert len(text) < 700
    assert not re.search(r"0x[0-9a-f]{6}", text.replace("<generator object <genexpr> at 0x", "").replace("Model object at 0x", ""))


def test_there_are_enough_of_them():
    assert len(PROGRAMS) >= 150
