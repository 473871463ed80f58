"""What users of other libraries expect: it works, or the error shows what to write, which works."""

from __future__ import annotations

import importlib.util
import inspect
import io
import pickle
import pydoc
import re
import warnings
from collections import OrderedDict, defaultdict
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine.elsewhere import AT, ATTRIBUTES, FUNCTIONS, IN_NUMPY
from tinygrad_edu.engine.pytree import leaves
from tinygrad_edu.engine.registry import numpy_functions, registry
from tinygrad_edu.graph import ancestors
from tinygrad_edu.testing import gradcheck

# -- names of other libraries ----------------------------------------------------------------------

ARRAY = np.ones((1, 1))
PUBLIC = sorted(name for name in dir(ARRAY) if not name.startswith("_") and hasattr(ARRAY, name))


def leaf(data):
    return tg.Tensor(data, requires_grad=True)


def sample():
    """What the names in the tables stand for."""
    square = np.array([[0.5, 0.25], [0.125, 0.75]])
    arrays = dict.fromkeys(("a", "b", "data", "prediction", "probability"), square)
    arrays |= {"mask": square > 0.3, "target": np.eye(2), "i": np.array([0, 1])}
    tensors = {"t": leaf(square), "x": tg.Tensor(square + 1.0), "logits": leaf(square)}
    tensors |= {"loss": leaf(2.0) * 1.0}
    numbers = {"v": 0.5, "p": 0.5, "lr": 0.1, "min": 0.2, "max": 0.6, "n": 1, "start": 0, "stop": 1}
    axes = {"shape": (4,), "axis": 0, "axes": (1, 0), "axis1": 0, "axis2": 1}
    axes |= {"source": 0, "destination": 1}
    others = {"np": np, "tg": tg, "pickle": pickle, "dtype": np.float64}
    others |= {"rng": np.random.default_rng(0), "f": lambda x: (x * x).sum()}
    return arrays | tensors | numbers | axes | others


@pytest.mark.parametrize("name", PUBLIC)
def test_every_attribute_of_arrays_is_there_or_has_an_error_that_shows_what_to_write(name):
    t = leaf([[1.0, 2.0], [3.0, 4.0]])
    if hasattr(t, name):
        return
    with pytest.raises(AttributeError, match=rf"a Tensor has no `{name}`: write `.+`"):
        getattr(t, name)
    assert not hasattr(tg.Tensor, name)
    assert name not in dir(t)


FILES = {"dump", "tofile", "save"}  # they write one
OTHER_MODULES = {"erf", "gradcheck"}


@pytest.mark.parametrize(("name", "code"), [*ATTRIBUTES.items(), *FUNCTIONS.items()])
def test_what_the_table_says_runs(name, code, definitions):
    if name in FILES | OTHER_MODULES:
        compile(code, name, "exec")
        return
    scope = sample()
    if name in {"grad_fn", "register_hook", "retain_grad"}:
        (scope["t"] * 1.0).sum().backward()
    if name in {"diag", "inner", "append"}:
        scope["t"] = scope["x"] = leaf([0.5, 0.25])
    if "lr *" in code:
        scope["t"].grad = np.ones((2, 2))
    if name in {"assign", "copy_"}:
        scope["v"] = np.ones((2, 2))
    if name in {"acosh", "expand", "searchsorted"}:
        scope["t"] = leaf([1.5, 2.5, 3.5, 4.5])
    with tg.no_grad() if "no_grad" in code or name == "bitwise_not" else tg.enable_grad():
        scope["t"] = scope["t"] > 0.3 if name == "bitwise_not" else scope["t"]
        exec(code, scope)


EQUAL = {
    "flat": lambda a: np.array(a.flat),
    "imag": lambda a: a.imag,
    "itemsize": lambda a: a.itemsize,
    "nbytes": lambda a: a.nbytes,
    "real": lambda a: a.real,
    "strides": lambda a: a.strides,
}


@pytest.mark.parametrize("name", EQUAL)
def test_what_the_table_says_is_equal(name):
    scope = sample()
    found, expected = eval(IN_NUMPY[name], scope), EQUAL[name](scope["a"])
    np.testing.assert_array_almost_equal(found, expected, decimal=14)


@pytest.mark.parametrize("name", ["sort", "diff", "partition"])
def test_of_one_axis_the_table_says_what_is_equal(name):
    a = np.array([3.0, 1.0, 2.0])
    expected = np.sort(a) if name != "diff" else np.diff(a)
    scope = {"t": tg.Tensor(a), "np": np, "n": 1}
    assert eval(ATTRIBUTES[name], scope).tolist() == expected.tolist()


def test_a_user_may_define_what_other_libraries_have(definitions):
    tg.op(np.linalg.norm, lambda g, y, x, **static: g * x / y)
    x = leaf([3.0, 4.0])
    x.norm().backward()
    assert x.grad.tolist() == [0.6, 0.8]
    assert "norm" in dir(x)


AT_IN_NUMPY = {
    "apply": lambda a, v: np.exp(a),
    "div": np.divide,
    "divide": np.divide,
    "get": lambda a, v: a,
    "max": np.maximum,
    "maximum": np.maximum,
    "min": np.minimum,
    "minimum": np.minimum,
    "mul": np.multiply,
    "multiply": np.multiply,
    "pow": np.power,
    "power": np.power,
    "sub": np.subtract,
    "subtract": np.subtract,
}


@pytest.mark.parametrize("name", AT)
@pytest.mark.parametrize("i", [0, slice(1, None), [2, 0], np.array([True, False, True])], ids=str)
def test_what_jax_has_at_an_index_is_written_with_set_and_add(name, i):
    a, v = np.array([3.0, 1.5, 2.0]), 2.5
    with pytest.raises(AttributeError) as error:
        getattr(tg.Tensor(a).at[i], name)
    code = re.search("write `(.*)`", str(error.value))[1]
    expected = a.copy()
    expected[i] = AT_IN_NUMPY[name](a[i], v)

    def written(t):
        return eval(code, {"t": t, "i": i, "v": v, "f": np.exp, "tg": tg})

    assert written(tg.Tensor(a)).tolist() == (a[i] if name == "get" else expected).tolist()
    gradcheck(lambda t: (written(t) * a.sum()).sum(), tg.Tensor(a))


def test_a_typo_is_python_s_own_error():
    with pytest.raises(AttributeError, match="'Tensor' object has no attribute 'sumn'"):
        leaf(1.0).sumn  # noqa: B018


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_package_says_what_other_packages_functions_are_called_here(name):
    assert not hasattr(tg, name)
    with pytest.raises(AttributeError, match=rf"tinygrad_edu has no `{name}`: write `.+`"):
        getattr(tg, name)


def test_methods_that_are_shapes_of_present_ops():
    a = np.array([[1.0, 2.0], [3.0, 4.0]])
    t = leaf(a)
    for name, *operands in (("ravel",), ("flatten",), ("dot", a), ("dot", [1.0, 2.0])):
        y, expected = getattr(t, name)(*operands), getattr(a, name)(*operands)
        assert y.requires_grad
        assert y.tolist() == expected.tolist()


# -- aliases and keywords of present ops -----------------------------------------------------------

A = np.array([[3.0, 1.0, 2.0], [0.5, 0.25, 4.0]])
B = np.array([[1.0, 0.5], [2.0, -1.0], [0.0, 3.0]])
NEUTRAL = {"out": None, "where": True, "dtype": None, "casting": "same_kind"}
NEUTRAL |= {"order": "K", "subok": True}


def inverses(t):
    return np.asin(t / 5) + np.atan(t) + np.atan2(t, A) + np.atanh(t / 5) + np.asinh(t)


def var_of_a_mean(t):
    return np.var(t, axis=0, correction=1, mean=None if type(t) is tg.Tensor else np._NoValue)


OF_ARRAYS = {
    "amax": lambda t: np.amax(t, axis=0),
    "amin": lambda t: np.amin(t, 1, keepdims=True),
    "amax, positional": lambda t: np.amax(t, 1, None, True),
    "sum, positional": lambda t: np.sum(t, 0, None, None, True),
    "std, positional": lambda t: np.std(t, 0, None, None, 1, True),
    "sum, by keyword": lambda t: np.sum(a=t, axis=0),
    "reshape, by keyword": lambda t: np.reshape(t, (3, 2), order="C"),
    "linalg.matmul": lambda t: np.linalg.matmul(t, B),
    "linalg.outer": lambda t: np.linalg.outer(t[0], B[0]),
    "column_stack": lambda t: np.column_stack([t[:, 0], t]),
    "vstack": lambda t: np.vstack([t[0], t]),
    "permute_dims": lambda t: np.permute_dims(t, (1, 0)),
    "matrix_transpose": lambda t: np.matrix_transpose(t),
    "linalg.matrix_transpose": lambda t: np.linalg.matrix_transpose(t),
    "vecdot": lambda t: np.vecdot(t, A),
    "vecdot, axis": lambda t: np.vecdot(t, A, axis=0),
    "linalg.vecdot": lambda t: np.linalg.vecdot(A, t),
    "vdot": lambda t: np.vdot(t, A),
    "pow": lambda t: np.pow(t, 2),
    "acos": lambda t: np.acos(t / 5),
    "asin, atan, atan2": inverses,
    "concat": lambda t: np.concat([t, A]),
    "fliplr": np.fliplr,
    "flipud": np.flipud,
    "round": np.round,
    "round, decimals": lambda t: np.round(t / 7, 2) + np.around(t * 100, decimals=-1),
    "mod": lambda t: np.mod(t, 0.7) + t % 2 + 5 % t + np.remainder(t, -1.1),
    "floor_divide": lambda t: t // 0.3 + 5 // t + np.floor_divide(t, 2),
    "divmod": lambda t: divmod(t, 0.7)[0] + divmod(7, t)[1],
    "sum, neutral": lambda t: np.sum(t, dtype=float, where=True, initial=0, out=None),
    "sum of the method": lambda t: t.sum(dtype=np.float64, where=True, initial=0.0),
    "prod, neutral": lambda t: np.prod(t, initial=1, dtype=None),
    "max, neutral": lambda t: np.max(t, initial=-np.inf, where=True),
    "mean, neutral": lambda t: np.mean(t, dtype=float, where=True),
    "cumsum, neutral": lambda t: np.cumsum(t, axis=1, dtype=None),
    "var, correction": var_of_a_mean,
    "std, correction": lambda t: np.std(t, correction=1),
    "argmax, keepdims": lambda t: np.argmax(t, axis=1, keepdims=True),
    "argmin, keepdims": lambda t: np.argmin(t, axis=None, keepdims=False),
    "argsort, stable": lambda t: np.argsort(t, stable=True),
    "argsort, kind": lambda t: np.argsort(t, axis=0, kind="stable"),
    "argsort, order": lambda t: np.argsort(t, order=None),
    "copy": lambda t: np.copy(t, order="K"),
    "astype": lambda t: t.astype(np.float32, copy=False),
    "expand_dims": lambda t: np.expand_dims(t, 0),
    "concatenate": lambda t: np.concatenate([t, A], 0, dtype=None, casting="same_kind", out=None),
    "stack": lambda t: np.stack([t, A], axis=0, out=None),
    "exp, neutral": lambda t: np.exp(t, **NEUTRAL),
    "add, neutral": lambda t: np.add(t, 1, where=True),
    "where, one argument": lambda t: np.where(t > 1)[0],
    "count_nonzero": lambda t: np.count_nonzero(t > 1),
    "clip": lambda t: np.clip(t, 0.5, 2.0),
    "clip, keywords": lambda t: np.clip(t, a_min=0.5, a_max=None, out=None),
    "clip, method": lambda t: t.clip(0.5, 2.0),
    "broadcast_to": lambda t: np.broadcast_to(t, (2, 2, 3)),
}
if hasattr(np, "cumulative_sum"):  # NumPy 2.1
    OF_ARRAYS["cumulative_sum"] = lambda t: np.cumulative_sum(t, axis=1)
    from_0 = {"axis": 0, "include_initial": True}
    OF_ARRAYS["cumulative_sum from 0"] = lambda t: np.cumulative_sum(t, **from_0)
if hasattr(np, "matvec"):  # NumPy 2.2
    OF_ARRAYS["matvec, vecmat"] = lambda t: np.matvec(t, B[:, 0]) @ np.vecmat(A[:, 0], t)[:2]


OF_ARRAYS |= {
    "dtype": lambda t: np.sum(t, dtype=np.float32),
    "dtype by place": lambda t: np.sum(t, 0, np.float32),
    "where": lambda t: np.sum(t, where=A > 1),
    "initial": lambda t: np.sum(t, initial=0.5),
    "initial of max": lambda t: np.max(t, initial=-5.0),
    "var about 0": lambda t: np.var(t, mean=0.0),
}


@pytest.mark.parametrize("program", OF_ARRAYS.values(), ids=OF_ARRAYS)
def test_aliases_and_neutral_keywords_give_numpy_s_values(program):
    np.testing.assert_allclose(program(tg.Tensor(A)), program(A), rtol=1e-14)
    y = program(leaf(A))
    if isinstance(y, tg.Tensor) and y.dtype.kind == "f":
        assert y.requires_grad


REFUSED = [
    (lambda t: t.sum(0, np.float32), r"keepdims is True or False.*t\.astype"),
    (lambda t: t.sum(dim=0), "write axis"),
    (lambda t: t.mean(axis=0, keepdim=True), "write keepdims"),
    (lambda t: t.var(unbiased=True), "write ddof"),
    (lambda t: np.reshape(t, (3, 2), order="F"), "reshape of a Tensor takes shape, not order"),
    (lambda t: np.argsort(t, kind="nonsense"), "not kind"),
]


@pytest.mark.parametrize(("program", "message"), REFUSED)
def test_a_keyword_that_would_change_the_answer_is_refused_with_what_to_write(program, message):
    with pytest.raises(TypeError, match=message):
        program(leaf(A))


def test_an_array_may_be_clipped_by_a_tensor():
    low, high = leaf(1.0), leaf(2.5)
    y = A.clip(low, high)
    assert y.tolist() == A.clip(1.0, 2.5).tolist()
    y.sum().backward()
    assert (low.grad, high.grad) == ((A < 1.0).sum() + 0.5 * (A == 1.0).sum(), (A > 2.5).sum())
    assert np.clip(A, 0, leaf(2.0)).tolist() == np.clip(A, 0, 2.0).tolist()


def test_none_equals_no_tensor():
    t = leaf([1.0, 2.0])
    assert (t == None) is False  # noqa: E711
    assert (t != None) is True  # noqa: E711
    assert (t == t).all()


def test_savez_saves_tensors(tmp_path):
    t = leaf(A)
    np.savez(tmp_path / "file.npz", t, named=t)
    with np.load(tmp_path / "file.npz") as saved:
        assert saved["arr_0"].tolist() == saved["named"].tolist() == A.tolist()


def test_other_libraries_take_constants_by_dlpack_and_are_told_what_to_do_with_a_gradient():
    assert np.from_dlpack(leaf(A).detach()).tolist() == A.tolist()
    with pytest.raises(TypeError, match=r"t\.detach\(\)"):
        t = leaf(A)
        np.from_dlpack(t)


# -- functions that are no ops ---------------------------------------------------------------------


@pytest.fixture
def definitions(monkeypatch):
    """What is defined in the test is forgotten after it."""
    before = dict(registry), dict(numpy_functions), set(vars(tg.Tensor))
    yield
    for held, was in zip((registry, numpy_functions), before, strict=False):
        held.clear()
        held.update(was)
    for name in set(vars(tg.Tensor)) - before[2]:
        delattr(tg.Tensor, name)


def is_function(value):
    return type(value).__name__ in ("_ArrayFunctionDispatcher", "ufunc")


def functions():
    modules = [np, np.linalg, np.fft]
    if importlib.util.find_spec("scipy"):
        modules.append(importlib.import_module("scipy.special"))
    # what is defined when one of them is first called: not yet, for the tests of the table
    later = (Path(tg.__file__).parent / "ops" / "special.py").read_text(encoding="utf-8")
    known = set(re.findall(r"\bsp\.(\w+)|\bnp\.(i0)\b", later))
    known = {name for pair in known for name in pair}
    found = {}
    for module in modules:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            named = {name: getattr(module, name) for name in dir(module)}
        for name, value in named.items():
            is_known = value in numpy_functions if is_function(value) else True
            if not (name.startswith("_") or is_known or value.__name__ in known):
                found[f"{module.__name__}.{name}"] = value
    return found


MISSING = functions()


def double(row):
    return row * 2.0


SQUARE, ROW = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([0.2, 0.3, 0.4])
INTS, DATES = np.array([0, 1]), np.array(["2024-01-02"] * 3, "M8[D]")
# fmt: off
ARGUMENTS = [
    (SQUARE,), (ROW,), (SQUARE, SQUARE), (ROW, ROW), (SQUARE, 1), (ROW, 2), (ROW, ROW, ROW),
    (SQUARE, INTS), (ROW, INTS, 5.0), ([ROW, ROW],), ([SQUARE, SQUARE],), ("ij->i", SQUARE),
    ("ij,jk->ik", SQUARE, SQUARE), (ROW, 1, -1), (SQUARE, INTS[:, None], 1.0, 1),
    (ROW, [ROW > 0.3], [1.0]), (double, 0, SQUARE), (np.sum, SQUARE, [0]), (INTS, [SQUARE, SQUARE]),
    (ROW > 0.3, ROW), (SQUARE, INTS[:, None], 1), (ROW > 0.3, ROW, 1.0), (SQUARE[:, :, None], 1),
    (INTS,), (INTS.astype(np.uint8),), ((INTS, INTS), (2, 2)), (DATES,), (INTS, (2, 2)),
    ([ROW > 0.3], [ROW]),
]
# fmt: on


def arguments(function):
    """What the function may take: the first with which NumPy has an answer is used."""
    if isinstance(function, np.ufunc):
        kinds = {types.partition("->")[0] for types in function.types}
        for kind in sorted(kinds, key=lambda kind: (kind.strip("d") != "", kind)):
            if not set(kind) & set("OMm"):
                yield tuple(ROW if c in "efdgFDG" else 1 for c in kind)
    if "bus" in function.__name__ or "nat" in function.__name__:
        yield from ((DATES,), (DATES, 1), (DATES, DATES))
    yield from ARGUMENTS


def tensors(value):
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return leaf(value)
    return [tensors(v) for v in value] if isinstance(value, list) else value


def flat(given):
    """The arguments, and what is in those that are lists."""
    return [v for a in given for v in (a if isinstance(a, list) else [a])]


def is_operand(value):
    """Whether an op takes it."""
    numbers = isinstance(value, np.ndarray) and value.dtype.kind in "fiub"
    return numbers or isinstance(value, tg.Tensor)


def answered(function):
    """The first arguments with which NumPy has an answer."""
    for plain in arguments(function):
        try:
            function(*[np.copy(a) if isinstance(a, np.ndarray) else a for a in plain])
            return plain
        except Exception:
            continue
    return pytest.fail(f"no arguments for {function.__name__}")


def pasted(advice):
    """The definition that an error shows, with rules that compute something in place of `...`."""
    code = re.search(r"`((?:\w+ = )?tg\.op\(.*?)`, or, if", advice).group(1)
    rules = re.findall(r"lambda ([\w, *]+): \.\.\.", code)
    code = re.sub(r"(lambda g, y, (\w+)[\w, *]*: )\.\.\.", lambda m: m.group(1) + "PLACE", code)
    for i, names in enumerate(rules):
        letters = names.replace("*", "").split(", ")[2:]
        code = code.replace("PLACE", f"0.0 * {letters[i]} + 0.0 * g.sum()", 1)
    return code


def defined_by(code):
    """The names after a definition is run, where SciPy may be missing."""
    scope = {"np": np, "tg": tg, "double": double, "c": double, "a": 1.0}
    with suppress(ImportError):
        import scipy

        scope["scipy"] = scipy
    exec(code, scope)
    return scope


@pytest.mark.parametrize("name", MISSING)
def test_the_advice_for_a_function_that_is_no_op_works_when_pasted(name, definitions):
    function = MISSING[name]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        given = [tensors(a) for a in answered(function)]
        operands = flat(given)
        lost = [v for v in operands if isinstance(v, tg.Tensor)]
        if not lost:
            return
        with pytest.raises(TypeError) as raised:
            function(*given)
        text = str(raised.value)
        if "t = t.at[i].set(v)" in text or "gives no floats" in text:
            return
        code = pasted(text)
        scope = defined_by(code)
        if code.startswith("my_"):
            y = scope[code.partition(" ")[0]](*filter(is_operand, operands))
        else:
            y = function(*given)
        assert isinstance(y, tg.Tensor)
        assert y.requires_grad
        y.sum().backward()
        assert all(t.grad.shape == t.shape for t in lost)


def test_the_sweep_is_over_many():
    assert len([name for name in MISSING if name.startswith("numpy")]) > 40


# -- containers of parameters ----------------------------------------------------------------------


class Pair(NamedTuple):
    w: Any
    b: Any


@dataclass
class Layer:
    w: Any
    b: Any


@dataclass(frozen=True)
class Frozen:
    w: Any
    b: Any


W0, B0 = np.array([1.0, 2.0]), np.array(0.5)
CONTAINERS = {
    "dict": {"w": W0, "b": B0},
    "OrderedDict": OrderedDict(w=W0, b=B0),
    "defaultdict": defaultdict(list, w=W0, b=B0),
    "namedtuple": Pair(W0, B0),
    "dataclass": Layer(W0, B0),
    "frozen dataclass": Frozen(W0, B0),
    "nested": [OrderedDict(layer=Layer(W0, [B0]))],
}


def squares(tree):
    return sum((x * x * x).sum() for _, x in leaves(tree))


@pytest.mark.parametrize("tree", CONTAINERS.values(), ids=CONTAINERS)
def test_containers_of_parameters_keep_their_type_in_every_transform(tree):
    results = {
        "grad": tg.grad(squares)(tree),
        "value_and_grad": tg.value_and_grad(squares)(tree)[1],
        "vjp": tg.vjp(squares, tree)[1](1.0)[0],
        "jacobian": tg.jacobian(squares)(tree),
    }
    for found in results.values():
        assert type(found) is type(tree)
        assert [path for path, _ in leaves(found)] == [path for path, _ in leaves(tree)]
        for (_, g), (_, x) in zip(leaves(found), leaves(tree), strict=True):
            np.testing.assert_allclose(g.numpy(), 3 * x**2)
    pushed = tg.hvp(squares, (tree,), (tree,))
    np.testing.assert_allclose(next(leaves(pushed))[1].numpy(), 6 * W0 * W0)
    tangent = tg.jvp(squares, (tree,), (tree,))[1].item()
    assert tangent == pytest.approx(3 * (W0**3).sum() + 3 * B0**3)
    assert len(list(leaves(tg.hessian(squares)(tree)))) == 4
    _, aux = tg.grad(lambda p: (squares(p), p), has_aux=True)(tree)
    assert type(aux) is type(tree)


def test_a_defaultdict_keeps_its_factory_and_paths_read_like_python():
    found = tg.grad(squares)(defaultdict(list, w=W0))
    assert found["new"] == []
    nested = [path for path, _ in leaves(CONTAINERS["nested"])]
    assert nested == ["[0]['layer'].w", "[0]['layer'].b[0]"]
    assert [path for path, _ in leaves(Pair(1.0, 2.0))] == [".w", ".b"]


@pytest.mark.parametrize("index", [[1, 2], slice(0, 2), (slice(None),), slice(None, None, -1), ...])
def test_what_is_written_may_have_leading_axes_of_length_one_more(index):
    x, target = leaf([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0])
    v = leaf(np.full((1, *target[index].shape), 5.0))
    for write in (lambda: x.at[index].set(v), lambda: x.at[index].add(v)):
        v.zero_grad()
        (write() * [1.0, 10.0, 100.0]).sum().backward()
        assert v.grad.tolist() == [np.array([1.0, 10.0, 100.0])[index].tolist()]


# -- ops of one's own ------------------------------------------------------------------------------


def test_a_rule_may_use_ops_of_the_package(definitions):
    def rule(g, y, x):
        return g * (y + tg.sigmoid(x) * (1 - y))

    def plain(x):
        return x * tg.sigmoid(x)

    def product(f, x):
        return (f(x) * f(x * 2.0)).sum()

    swish = tg.op(lambda x: x / (1 + np.exp(-x)), rule, name="swish")
    for shape in ((), (3,), (200, 200)):
        x = leaf(np.linspace(-2.0, 2.0, int(np.prod(shape))).reshape(shape))
        product(swish, x).backward()
        assert type(x.grad) is np.ndarray
        expected = tg.grad(partial(product, plain))(x.detach()).numpy()
        np.testing.assert_allclose(x.grad, expected, rtol=1e-8)
        found, expected = (tg.grad(lambda x, f=f: f(x).sum())(x).numpy() for f in (swish, plain))
        np.testing.assert_allclose(found, expected, rtol=1e-8)
    second, expected = (tg.grad(tg.grad(f))(0.3).item() for f in (swish, plain))
    assert second == pytest.approx(expected)


def test_several_results_are_said_to_be_several(definitions):
    split = tg.op(lambda x: (x, x), lambda g, y, x: g, name="twice_the_same")
    refused = r"twice_the_same gave a tuple of 2: say so, tg.op\(f, rule, results=2"
    with pytest.raises(TypeError, match=refused):
        split(leaf([1.0, 2.0]))
    split = tg.op(lambda x: (x, x), lambda g, y, x: g[0], name="twice_the_same", results=3)
    with pytest.raises(ValueError, match="gave 2, and was defined with results=3"):
        split(leaf([1.0, 2.0]))
    with pytest.raises(ValueError, match="results is how many results"):
        tg.op(lambda x: (x, x), lambda g, y, x: g[0], name="twice_the_same", results=0)


SIGNATURES = {
    tg.Tensor.sum: "(self, axis=None, keepdims=False)",
    tg.Tensor.exp: "(self)",
    tg.Tensor.arctan2: "(self, b)",
    tg.Tensor.clip: "(self, min=None, max=None)",
    tg.sum: "(x, axis=None, keepdims=False)",
    tg.exp: "(x)",
    tg.add: "(a, b)",
    tg.where: "(a, b, c)",
    tg.concatenate: "(arrays, axis=0)",
}


@pytest.mark.parametrize(("called", "signature"), SIGNATURES.items())
def test_help_shows_a_true_signature(called, signature):
    assert str(inspect.signature(called)).replace(", /", "") == signature
    assert "**static" not in pydoc.render_doc(called)


# -- SciPy -----------------------------------------------------------------------------------------


METHODS = "BFGS CG L-BFGS-B SLSQP TNC Newton-CG trust-ncg trust-constr".split()


@pytest.mark.parametrize("method", METHODS)
def test_scipy_minimizes_what_value_and_grad_gives(method):
    optimize = pytest.importorskip("scipy.optimize")

    def rosen(x):
        return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()

    more = {"hessp": lambda x, p: tg.hvp(rosen, (x,), (p,))} if method == "trust-ncg" else {}
    start = np.array([1.3, 0.7, 0.8])
    found = optimize.minimize(tg.value_and_grad(rosen), start, jac=True, method=method, **more)
    np.testing.assert_allclose(np.asarray(found.x), 1.0, atol=1e-3)


# -- what is printed -------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_what_is_shown_can_be_printed_whatever_the_encoding_of_the_screen(encoding, monkeypatch):
    w = tg.Tensor([0.5, -1.0], requires_grad=True, name="ω")
    loss = ((w * [1.0, 2.0]).sigmoid().sum() - 1.0) ** 2
    loss.backward()
    shown = [tg.draw(loss), tg.draw(loss, detail="equations")]
    shown += [tg.explain(loss, wrt=w), tg.derive(loss, wrt=w)]
    shown.append(gradcheck(lambda w: (w * w).sum(), w, report=True))
    screen = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr("sys.stdout", screen)
    for value in shown[: None if encoding == "utf-8" else -1]:  # the report shows names as they are
        print(value)
    screen.flush()
    text = screen.buffer.getvalue().decode(encoding)
    assert ("∂" in text) == (encoding == "utf-8")
    assert "omega" in text or encoding == "utf-8"
    assert "?" not in text.replace("?)", "")


def test_an_update_outside_of_no_grad_is_recorded():
    """As the README says: the graph grows by a step at every step, and the gradients stay right."""
    w = leaf([1.0])
    sizes = []
    for _ in range(3):
        (w * w).sum().backward()
        w = w - 0.25 * w.grad
        sizes.append(len(ancestors(w)))
    assert sizes == sorted(set(sizes))
    assert w.item() == 0.125
    assert not w.is_leaf
