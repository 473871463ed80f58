"""Everything that can be called on a tensor gives the right gradient, or says what to write.

There is no third outcome. What is right is measured, by central differences of the same call on
plain arrays: a function whose answer is constant almost everywhere, such as argmax, floor or a
comparison, has the gradient 0 like any other.
"""

import builtins
import cmath
import inspect
import io
import math
import operator
import statistics
import warnings
from collections import Counter
from contextlib import redirect_stdout
from functools import cache

import numpy as np
import pytest
from messages import told

import tinygrad_edu as tg
from tinygrad_edu.engine import leaving
from tinygrad_edu.engine.tensor import Tensor

V = np.array([0.3, 0.7])
A = np.array([0.61, 0.23])
B = np.array([[0.92, 0.23], [0.41, 0.74]])
WAYS_OUT = (
    *("tg.stack(", "tg.op(", "tg.no_grad()", ".detach()", ".numpy()", ".item()", ".at["),
    *("np.asarray(m)", "write ", "a.any()"),
)
# refused in the words of others: an argument that could not be a dtype, an output, a mask or a
# function; statistics of what is no number
OTHERS = (
    "an operand must be a Tensor",
    "a Tensor holds real numbers",
    "dtype from an array",
    "must be numeric",
    "numerator/denominator",
    "output must be an array",
    "output array must be",
    "is read-only",
    "out must be a numpy array",
    "Mask and data not compatible",
)

# how a function is called with x, a vector, in place of its arguments; A and B are constant
FORMS = [
    # tensors
    lambda x: (x,),
    lambda x: (x, x),
    lambda x: (A.copy(), x),
    lambda x: (x, A.copy()),
    lambda x: (A.copy(), A.copy(), x),
    lambda x: (A.copy(), x, A.copy()),
    lambda x: (x, A.copy(), A.copy()),
    lambda x: (x.reshape(2, 1) * B,),
    lambda x: (x.reshape(2, 1) * B, A.copy()),
    lambda x: (B.copy(), x.reshape(2, 1) * B),
    lambda x: (x[0],),
    lambda x: (x[0], x[1]),
    lambda x: (A.copy(), x[0]),
    lambda x: (x[0], A.copy()),
    lambda x: (x, 1),
    lambda x: (x, 0, 1),
    lambda x: (0.0, x[1]),
    lambda x: (2, x[0]),
    lambda x: (A.copy(), [0, 1], x),
    lambda x: (A.copy(), 1, x[0]),
    lambda x: (B.copy(), x[0]),
    lambda x: ([True, False], x),
    # lists and nested lists of tensors
    lambda x: ([x[0], x[1]],),
    lambda x: ([x[0], x[1]], A.copy()),
    lambda x: (A.copy(), [x[0], x[1]]),
    lambda x: ([x[0], x[1]], [x[1], x[0]]),
    lambda x: ([[x[0], x[1]], [x[1], 2.0]],),
    lambda x: ([x, A.copy()],),
    lambda x: ([x, x], 1),
    lambda x: ([[x, x], [x, x]],),
    lambda x: ([0, 1], [x[0], x[1]]),
    lambda x: (A.copy(), [0, 1], [x[0], x[1]]),
    # functions that take a function
    lambda x: (np.square, x),
    lambda x: (np.sum, 0, x.reshape(2, 1) * B),
    lambda x: (np.sum, x, 0),
    lambda x: (lambda v: v * v, [x[0], x[1]]),
]  # fmt: skip
# not about numbers: they print, read files, or set something for the whole process
LEFT_OUT = {"show_config", "show_runtime", "info", "test"}
LEFT_OUT |= {"set_printoptions", "printoptions", "setbufsize", "seterr", "seterrcall"}
LEFT_OUT |= {"empty", "empty_like", "masked_all", "masked_all_like"}  # whatever the memory holds
LEFT_OUT |= {"item", "tolist", "getdata"}  # the explicit ways
# the one gives None for what is no array, the other takes it for a single number
LEFT_OUT |= {"bmat", "polyvalfromroots"}
LEFT_OUT |= {"nditer", "frombuffer", "tofile", "dump"}  # of arrays, bytes or files alone


def functions(module):
    """The callables that a module lists as public, by name."""
    return {
        name: f
        for name in module.__all__
        if callable(f := getattr(module, name)) and name not in LEFT_OUT
    }


def method(name):
    return lambda *args, **kwargs: getattr(
        args[0] if isinstance(args[0], Tensor) else np.asarray(args[0]), name
    )(*args[1:], **kwargs)


def drawn(generator, name):
    return lambda *args, **kwargs: getattr(generator(0), name)(*args, **kwargs)


def of_ufunc(ufunc, name):
    return lambda *args, **kwargs: getattr(ufunc, name)(*args, **kwargs)


UFUNCS = {
    name: f
    for name, f in functions(np).items()
    if isinstance(f, np.ufunc) and (f.nin, f.nout, f.signature) == (2, 1, None)
}
BUILTINS = (
    "abs all any complex divmod float int len list max min pow range reversed round sorted sum "
    "tuple zip"
).split()
METHODS = [
    name
    for name in dir(np.ndarray)
    if name[0] != "_" and callable(getattr(np.ndarray, name)) and name not in LEFT_OUT
]
PLACES = {
    "np": functions(np),
    "np.linalg": functions(np.linalg),
    "np.fft": functions(np.fft),
    "np.ma": functions(np.ma),
    "np.polynomial": functions(np.polynomial.polynomial),
    "np.random.Generator": {
        name: drawn(np.random.default_rng, name)
        for name in dir(np.random.Generator)
        if name[0] != "_"
    },
    "np.random.RandomState": {
        name: drawn(np.random.RandomState, name)
        for name in dir(np.random.RandomState)
        if name[0] != "_"
    },
    "np.ndarray": {name: method(name) for name in METHODS},
    "ufuncs": {
        f"{name}.{m}": of_ufunc(f, m)
        for name, f in UFUNCS.items()
        for m in ("reduce", "accumulate", "outer", "at")
    },
    "math": {name: f for name, f in vars(math).items() if callable(f)},
    "cmath": {name: f for name, f in vars(cmath).items() if callable(f)},
    "statistics": functions(statistics),
    "operator": functions(operator),
    "builtins": {name: getattr(builtins, name) for name in BUILTINS},
}


def numbers(value, depth=0):
    """The tensors and arrays of numbers in what a function gave."""
    if isinstance(value, (Tensor, np.ndarray, np.generic, int, float, complex)):
        kept = value if isinstance(value, Tensor) else np.asarray(value)
        if isinstance(kept, np.ndarray) and kept.dtype == object:
            return [n for entry in kept.reshape(-1) for n in numbers(entry, depth + 1)]
        return [kept] if kept.dtype.kind in "fiubc" else []
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (str, bytes, type)) or not hasattr(value, "__iter__") or depth > 3:
        return []
    return [n for entry in value for n in numbers(entry, depth + 1)]


@cache
def places_of_arrays(form):
    """Which of a form's arguments are arrays, whatever it is given."""
    return [i for i, a in enumerate(form(tg.Tensor(V))) if isinstance(a, np.ndarray)]


def total(f, form, x, keyword=None):
    """What came out, and what was written into the arguments, weighted and summed."""
    args, kwargs = form(x), {}
    if keyword is not None:
        args, kwargs = args[:-1], {keyword: args[-1]}
    with np.errstate(all="ignore"):
        result = f(*args, **kwargs)
        found = numbers(result) + [
            n for i in places_of_arrays(form) if i < len(args) for n in numbers(args[i])
        ]
        summed = tg.Tensor(0.0) if isinstance(x, Tensor) else 0.0
        for k, n in enumerate(found):
            n = (
                n
                if isinstance(n, Tensor)
                else n.real.astype(float)
                if n.dtype.kind == "c"
                else n.astype(float)
            )
            weights = np.cos(k + 1.0 + np.arange(n.size).reshape(n.shape))
            summed = summed + (n * weights).sum()
    return summed


def measured(f, form, keyword):
    """The gradient by central differences of the call on plain arrays."""
    slopes = [
        (total(f, form, V + h, keyword) - total(f, form, V - h, keyword)) / 2e-5
        for h in 1e-5 * np.eye(2)
    ]
    return np.array([float(s) for s in slopes])


def by_backward(f):
    x = Tensor(V, requires_grad=True)
    y = f(x)
    if y.requires_grad:
        y.backward()
    return np.zeros(2) if x.grad is None else x.grad


def by_grad(f):
    return tg.grad(f)(V).numpy()


def outcome(mode, f, form, keyword, slope):
    """right, warned, refused, or what is wrong."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            gradient = mode(lambda x: total(f, form, x, keyword))
        except Exception as error:
            text = told(error)
            return (
                "refused"
                if any(way in text for way in WAYS_OUT + OTHERS)
                else f"cryptic: {type(error).__name__}: {text}"
            )
    if any(w.category is tg.GradientLostWarning for w in caught):
        return "warned"
    if np.allclose(gradient, slope, rtol=1e-4, atol=1e-6, equal_nan=True):
        return "right"
    return f"SILENT: {gradient}, right {slope}"


def calls(f):
    """The forms, and those in which the last argument goes by a keyword."""
    yield from ((form, None) for form in FORMS)
    try:
        names = [
            p.name
            for p in inspect.signature(f).parameters.values()
            if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        ]
    except (TypeError, ValueError):
        names = []
    usual = "out where initial axis dtype weights key start".split()
    for name in names[1:] or usual:
        yield from ((form, name) for form in (FORMS[2], FORMS[12], FORMS[24]))


def swept(place):
    counts = Counter()
    odd = {}
    for name, f in PLACES[place].items():
        tried = set()
        for form, keyword in calls(f):
            with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                try:
                    slope = measured(f, form, keyword)
                except Exception:  # NumPy does not take such arguments
                    continue
                if not np.isfinite(slope).all():  # nor gives it numbers for them
                    continue
                for mode in (by_grad, by_backward):
                    found = outcome(mode, f, form, keyword, slope)
                    tried.add(found.partition(":")[0])
                    counts[found.partition(":")[0]] += 1
                    if found not in ("right", "refused", "warned"):
                        odd[f"{name}, form {FORMS.index(form)}, {keyword}, {mode.__name__}"] = found
        counts["functions"] += 1
        counts["functions called"] += bool(tried)
    return counts, odd


@pytest.mark.parametrize("place", PLACES)
def test_no_gradient_is_lost_in_silence(place):
    counts, odd = swept(place)
    print(f"{place}: {dict(counts)}")  # with -s: how many calls were tried
    assert not odd
    assert counts["functions called"] > 0.7 * counts["functions"]


def test_the_sweep_finds_what_is_lost(monkeypatch):
    monkeypatch.setattr(leaving, "loses", lambda t: False)
    counts, odd = swept("np.linalg")
    assert counts["SILENT"] > 100
    assert any(name.startswith("norm, form 22") for name in odd)
