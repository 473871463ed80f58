"""Wrong programs of beginners, and what the error says: what was given, and what to write."""

from __future__ import annotations

import copy
import math
import pickle
import re
import warnings

import numpy as np
import pytest
from messages import told

import tinygrad_edu as tg
from tinygrad_edu.engine.validation import reworded


class Model:
    """Somebody's class, which is no container of parameters."""


def names():
    """What the programs start from."""
    w0 = np.array([[0.1], [0.2]])
    modules = {"np": np, "tg": tg, "math": math, "copy": copy, "pickle": pickle}
    data = {
        "X": np.random.default_rng(0).random((4, 2)),
        "y": np.array([[0.0], [1.0], [1.0], [1.0]]),
    }
    W, b = tg.Tensor(w0, requires_grad=True), tg.Tensor([0.3], requires_grad=True)
    others = {"Model": Model, "lr": 0.1, "W0": w0, "loss_of": lambda w: (w * w).sum()}
    return {"__name__": "homework", **modules, **data, "W": W, "b": b, **others}


# fmt: off
PROGRAMS = {
    # shapes
    "X @ W.T": "here k is 2 and 1; .T swaps the axes of a matrix",
    "X @ b": "here k is 2 and 1",
    "W @ X": (
        "W of shape (2, 1) and X of shape (4, 2): "
        "it takes (n?,k),(k,m?)->(n?,m?), and here k is 1 and 4"),
    "W @ 3": "for a number write *",
    "X.dot(W)": "a @ W in place of a.dot(W)",
    "W + np.ones((3, 1))": "add cannot take W of shape (2, 1) and operand 2 of shape (3, 1)",
    "tg.mse(X @ W, np.ones(4))": "write target.reshape((4, 1))",
    "tg.mse(X @ W, np.ones((3, 1)))": "they must be equal",
    "tg.binary_cross_entropy(X @ W * 9, y)": "apply sigmoid() first",
    "tg.binary_cross_entropy((X @ W).sigmoid(), y * 255)": (
        "targets from 0 to 1, these reach from 0.0 to 255.0"),
    "tg.binary_cross_entropy((X @ W).sigmoid(), y * 2 - 1)": "write (y + 1) / 2 for -1 and 1",
    "tg.binary_cross_entropy((X @ W).sigmoid(), y.ravel())": "write target.reshape((4, 1))",
    "tg.cross_entropy(X @ tg.Tensor(np.ones((2, 3))), [0, 1, 2, 3])": (
        "classes 0 to 2, the labels reach from 0 to 3"),
    "tg.cross_entropy(tg.Tensor(np.ones((4, 3))), [-1, 0, 1, 2])": "the labels reach from -1 to 2",
    "tg.cross_entropy(tg.Tensor(np.ones((4, 3))), [0.0, 1.0, 2.0, 0.0])": (
        "integers of shape (4,) or probabilities of shape (4, 3)"),
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
    "tg.grad(lambda w: (w * w).sum().item())(W0)": (
        ".item(), float() and .numpy() give numbers without a gradient"),
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
    "loss = loss_of(W)\nwith tg.no_grad(): W -= 0.1\nloss.backward()": (
        "call backward() before the update"),
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
    "W ^ 2": "a Tensor has no `^`: write `t ** n`",
    "2 ^ W": "write `t ** n`",
    "W << 1": "`t * 2**n`",
    "del W[0]": "`tg.concatenate([t[:i], t[i + 1:]])`",
    "W | 1": "it takes booleans and integers, not float64 and int; compare first",
    "~W": "booleans and integers, not float64",
    "(W > 0) & W": "booleans and integers, not bool and float64",
    "'loss ' + loss_of(W)": 'in a text write f"{t}"',
    "W + W.exp": "call it, write exp(...)",
    "W * loss_of": "call it, write f(...)",
    "tg.grad(lambda w: w.sum)(W0)": "call it, write sum(...)",
    "losses = []; losses += loss_of(W)": ".append(t) to a list",
    "W = tg.Tensor(W0) + []": "not an empty list",
    "W //= 2": "with tg.no_grad(): W //= ...",
    "W %= 2": "with tg.no_grad(): W %= ...",
    "W @= np.ones((1, 1))": "with tg.no_grad(): W @= ...",
    "with tg.no_grad(): W = W - 0.1\nloss_of(W).backward()": "in `W -= ...`, not in `W = W - ...`",
    "tg.grad(loss_of, W)": "tg.grad(f)(x)",
    "tg.value_and_grad(loss_of, W0)": "tg.value_and_grad(f)(x)",
    "tg.jacobian(loss_of, [W0])": "tg.jacobian(f)(x)",
    "tg.hessian(loss_of, 1.0)": "tg.hessian(f)(x)",
    "tg.grad(loss_of, 0, 1)": "several arguments are a tuple, tg.grad(f, (0, 1))",
    "tg.grad(loss_of)(W0, W0)": "takes 1 positional argument but 2 were given",
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
    "tg.Tensor([1.0], dtype='float33')": "data type 'float33' not understood",
    "W.astype('float33')": "data type 'float33' not understood",
    "tg.softmax(W, 1, 2)": "axis=(1, 2)",
    "tg.sum(W, dim=0)": "write axis",
    "W.sum(0, keepdim=True)": "write keepdims",
    "tg.relu(W, inplace=True)": "no further arguments, not inplace",
    "tg.where(W > 0, W)": "takes 3 operands, 2 given",
    "tg.cross_entropy(X @ W, y)": "write binary_cross_entropy_with_logits",
    "tg.cross_entropy(tg.softmax(X @ W), [0, 0, 0, 0])": "of which it takes the softmax itself",
    "tg.cross_entropy((X @ W).sigmoid(), [0, 0, 0, 0])": "is from 0 to 1: leave it out",
    "tg.cross_entropy(tg.Tensor(np.ones((4, 3))), ['a', 'b', 'c', 'a'])": (
        "a Tensor holds real numbers"),
    # words of other libraries
    "W.clone()": "`t.copy()`",
    "W.view(-1)": "`t.reshape(shape)`",
    "W.t()": "`t.T`",
    "W.cuda()": "on the CPU",
    "W.add_(1.0)": "`t += x` (in `with tg.no_grad():`)",
    "W.sort()": "`np.sort(t)`",
    "W.append(1.0)": "`np.append(t, x)`",
    "W.backwards()": "no attribute 'backwards'",
    "tg.tensor([1.0])": "`tg.Tensor(data)`",
    "tg.zeros(3)": "`tg.Tensor(np.zeros(shape))`",
    "tg.randn(3, 2)": "rng.normal(size=shape)",
    "tg.nn.Linear(2, 1)": "a model is a function",
    "tg.optim.SGD([W], lr=0.1)": "`t -= lr * t.grad`",
    "tg.Variable([1.0])": "requires_grad=True",
    "tg.Tensor.zeros(3)": "`tg.Tensor(np.zeros(shape))`",
    "W.randn(3)": "rng.normal(size=shape)",
    "tg.MSELoss()(X @ W, y)": "`tg.mse(prediction, target)`",
    "tg.Linear(2, 1)": "a model is a function",
    "tg.dropout(W, 0.5)": "tg.dropout(x, rate, np.random.default_rng(0))",
    "tg.SGD([W], lr)": "`t -= lr * t.grad`",
    "tg.gradient(loss_of)": "`tg.grad(f)`",
    "np.add.at(W, 0, 1.0)": "`t.at[i].add(v)`",
    "np.add.at(W0, 0, W)": "t may be tg.Tensor(a)",
    "np.subtract.at(W, 0, 1.0)": "`t.at[i].subtract(v)`",
    "np.logaddexp.at(W, 0, 1.0)": "`t.at[i].set(f(t[i], v))` (where no index repeats)",
    "np.subtract.outer(W, W, dtype=float)": "write t.astype(dtype) first",
    "tg.autograd.grad": "`tg.grad(f)`",
    "tg.jit(loss_of)": "`tg.compile(f)`",
    "np.linalg.inv(W)": "it takes (n,n)->(n,n), and here n is 2 and 1",
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
    "tg.op('sin')": "tg.op takes a function",
    "tg.op(lambda x: 1 / 0, lambda g, y, x: g, name='f5')(W)": "f5 cannot take W of shape (2, 1)",
    "tg.op(lambda x: {}['w'], lambda g, y, x: g, name='f6')(W)": "f6 cannot take W of shape (2, 1)",
    # asking for a picture
    "tg.draw(3)": "write tg.draw(loss)",
    "tg.draw(tg.Tensor(1.0), detail='all')": "detail is one of",
    "tg.explain(3, wrt=W)": "explain(loss, wrt=w)",
    "tg.derive(3, wrt=W)": "derive(loss, wrt=[W, b])",
}
# fmt: on
CRYPTIC = "__array", "__mul__", "NoneType' object", "_NoValue", "object is not"
CRYPTIC += "truth value of an array", "can't multiply sequence"


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_message_says_what_to_write(program):
    # PT011: which kind matters less than what it says
    with warnings.catch_warnings(), pytest.raises(Exception) as raised:  # noqa: PT011
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", PendingDeprecationWarning)  # of np.matrix
        exec(program, names())
    text = "\n".join([str(raised.value), *getattr(raised.value, "__notes__", [])])
    assert PROGRAMS[program] in text
    if "for a vector" not in text:
        assert not [word for word in CRYPTIC if word in text]
    assert len(text) < 700
    assert not re.search(r"0x[0-9a-f]{6}", text)


def test_there_are_enough_of_them():
    assert len(PROGRAMS) >= 195


class Parsed(ValueError):
    """An error whose class takes no text."""

    def __init__(self, line):
        super().__init__(f"line {line + 1}")


def wrong(kind):
    def function(x):
        raise kind

    return function


ERRORS = [KeyError("w"), ZeroDivisionError("1 / 0"), AssertionError(), Parsed(3)]
ERRORS += [RuntimeError("x"), IndexError("i")]


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_in_a_user_s_op_stays_itself_and_shows_the_line(kind):
    own = tg.op(wrong(kind), lambda g, y, x: g, name="own_and_wrong")
    with pytest.raises(type(kind)) as raised:
        own(tg.Tensor([1.0, 2.0], name="W"))
    assert raised.value is kind
    assert raised.traceback[-1].name == "function"
    assert raised.value.__notes__ == ["own_and_wrong cannot take W of shape (2,)"]


class Picky(ValueError):
    """An error whose class takes no text, and says so in a way of its own."""

    def __init__(self, *_):
        if not hasattr(self, "code"):
            raise KeyError("code")


TAKE_NO_TEXT = [Picky.__new__(Picky), UnicodeDecodeError("utf8", b"a", 0, 1, "why")]


@pytest.mark.parametrize("given", TAKE_NO_TEXT)
def test_an_error_whose_class_takes_no_text_is_retold_as_one_of_its_kind(given):
    other = reworded(given, "W of shape (2, 1)")
    assert type(other) is ValueError
    assert str(other) == "W of shape (2, 1)"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("W //= 0.15", [[0.0], [1.0]]),
        ("W %= 0.15", [[0.1], [0.05]]),
        ("W @= [[2.0]]", [[0.2], [0.4]]),
    ],
)
def test_every_assignment_in_place_leaves_a_parameter_one(change, expected):
    scope = names()
    before = scope["W"]
    y = (before * before).sum()
    exec(f"with tg.no_grad(): {change}", scope)
    assert scope["W"] is before
    assert before.requires_grad
    np.testing.assert_allclose(before.numpy(), expected)
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


class Layer:
    """A model as most people write it."""

    def __init__(self, n, m):
        self.W = tg.Tensor(np.ones((n, m)) / 2, requires_grad=True)
        self.b = [tg.Tensor(np.ones(m), requires_grad=True)]

    def __call__(self, x):
        return (x @ self.W + self.b[0]).tanh()

    def step(self):
        self.W -= 0.1


def test_parameters_of_objects_go_by_their_attributes_and_are_written_as_their_user_writes_them():
    net = {"layers": [Layer(2, 3), Layer(3, 1)], "out": tg.Tensor([[2.0]], requires_grad=True)}
    X = np.ones((4, 2))
    h = X
    for layer in net["layers"]:
        h = layer(h)
    del layer
    loss = (h @ net["out"]).sum()
    text = tg.draw(loss).text
    for label in ("W₀", "W₁", "b₀_0", "b₁_0", "out"):
        assert label in text
    refused = r"matmul cannot take X of shape \(4, 2\) and W_1 of shape"
    with pytest.raises(ValueError, match=refused):
        X @ net["layers"][1].W
    for change, number in [("net['layers'][1].W -= ", "1.0"), ("net['out'] *= ", "2.0")]:
        with pytest.raises(TypeError, match=re.escape(f"with tg.no_grad(): {change}...")):
            exec(change + number, {"__name__": "homework", "net": net})
    with pytest.raises(TypeError, match=re.escape("with tg.no_grad(): self.W -= ...")):
        net["layers"][0].step()
    with pytest.raises(TypeError, match=re.escape("write net['out'].numpy()")):
        np.asarray(net["out"])


class Raises:
    def __getattribute__(self, name):
        raise RuntimeError(name)


def test_objects_that_hold_each_other_or_refuse_to_be_looked_at_name_nothing():
    a, b, odd = Model(), Model(), Raises()
    a.b, b.a, a.odd, a.many = b, a, odd, list(range(1000))
    a.w = tg.Tensor([1.0], requires_grad=True)
    assert "w²" in tg.draw(a.w**2.0).text
    assert odd is not None


@pytest.mark.parametrize(
    "program",
    [
        "minimize(loss_of, W)",
        "minimize(lambda w: loss_of(W), W0.ravel())",
        "least_squares(lambda w: W.sum() * w, 1.0)",
        "minimize(lambda w: w @ W, W0.ravel())",
    ],
)
def test_an_optimizer_of_scipy_s_is_shown_how_it_gets_gradients(program):
    optimize = pytest.importorskip("scipy.optimize")
    scipys = {"minimize": optimize.minimize, "least_squares": optimize.least_squares}
    with pytest.raises((TypeError, ValueError)) as raised:
        exec(program, {**names(), **scipys})
    assert "minimize(tg.value_and_grad(f), x0, jac=True)" in told(raised.value)
