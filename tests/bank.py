"""Right programs that no strategy of the package drew, and ways to spoil the gradient of each.

A program is a lambda of `np` and some arrays, written as text, so that it runs on any engine that
speaks NumPy; `hole(...)` marks a place where a fault can be planted. They come from textbooks, and
from random compositions at scales, offsets, kinks and poles.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from math import pi

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.testing.subject import Subject


@dataclass(frozen=True)
class Program:
    """A function of arrays that gives a number or an array, written down."""

    kind: str
    text: str
    inputs: tuple

    def __call__(self, numpy, hole=lambda x: x):
        """The function, in the words of an engine's `numpy`."""
        return eval(self.text, {"np": numpy, "hole": hole, "pi": pi})

    def __str__(self):
        arrays = [np.asarray(x) for x in self.inputs]
        return f"{self.kind}: {self.text}  at {', '.join(f'{x.dtype}{x!r}' for x in arrays)}"


# text, then how to draw the inputs: shapes with a letter of what numbers
TEXTBOOK = [
    (
        "lambda x: np.sum((hole(x) - np.mean(x)) / "
        "np.sqrt(np.mean((x - np.mean(x)) ** 2) + 1e-5) * {c6})",
        "n6",
    ),
    ("lambda x: np.sum(np.exp(hole(x) - np.max(x)) / np.sum(np.exp(x - np.max(x))) * {c6})", "n6"),
    ("lambda x: np.log(np.sum(np.exp(hole(x))))", "n6"),
    ("lambda X, w, b: np.mean(np.log(1 + np.exp(-{s5} * (hole(X @ w) + b))))", "n5x3 n3 n"),
    ("lambda X, w: np.mean((hole(X @ w) - {c5}) ** 2)", "n5x3 n3"),
    (
        "lambda X, w: np.mean((hole(X @ w) - {c5}) ** 2) + "
        "0.1 * np.sum(w * w) + 0.01 * np.sum(np.abs(w))",
        "n5x3 n3",
    ),
    ("lambda W, U: np.sum(np.tanh(hole(W) @ {m3x2} + U @ {m3x2}) ** 2)", "n4x3 n4x3"),
    ("lambda A, B: np.sum((hole(A @ B) - {m4x3}) ** 2)", "n4x2 n2x3"),
    (
        "lambda a, b: np.sum(hole(a) * b) / (np.sqrt(np.sum(a * a)) * np.sqrt(np.sum(b * b)))",
        "n5 n5",
    ),
    (
        "lambda m, s: np.sum(0.5 * ((hole({c5} - m)) / s) ** 2 + np.log(s) + 0.5 * np.log(2 * pi))",
        "n p",
    ),
    ("lambda x: np.sum(np.where(np.abs(x) < 1, 0.5 * hole(x) ** 2, np.abs(x) - 0.5))", "n6"),
    ("lambda x: np.sum(np.maximum(0, 1 - {s6} * hole(x)))", "n6"),
    ("lambda Q, K, V: np.sum(np.exp(hole(Q @ K.T) / 2) @ V / 3)", "s3x2 s3x2 n3x2"),
    (
        "lambda x: np.sum(hole(x) * 0.5 * (1 + np.tanh(0.797884560803 * (x + 0.044715 * x ** 3))))",
        "n5",
    ),
    ("lambda x: np.sum(x / (1 + np.exp(-hole(x))))", "n5"),
    ("lambda x, y: (1 - x) ** 2 + 100 * (hole(y) - x ** 2) ** 2", "n n"),
    ("lambda x: np.sum(np.sin(hole(x)) ** 2 + np.cos(x) ** 3)", "n5"),
    ("lambda W1, b, W2: np.sum(np.tanh({m4x3} @ W1 + hole(b)) @ W2)", "n3x5 n5 n5x2"),
    (
        "lambda W1, b, W2: np.mean((np.maximum({m4x3} @ W1 + hole(b), 0) @ W2 - {m4x2}) ** 2)",
        "n3x5 n5 n5x2",
    ),
    ("lambda x: np.sum(np.sqrt(hole(x)) * np.log(x) / (1 + x))", "p5"),
    ("lambda x, k: np.sum(hole(x) ** k)", "p4 p"),
    ("lambda x: hole(x) @ {m4x4} @ x + x @ {c4}", "n4"),
    ("lambda x, A: np.sum((A - hole(x)) ** 2, axis=1)", "n3 n4x3"),
    ("lambda x: np.prod(hole(x))", "n4"),
    ("lambda X: np.sum(np.max(hole(X), axis=1) * {c4})", "n4x5"),
    ("lambda X: np.sum(np.std(hole(X), axis=0))", "n5x3"),
    ("lambda x: np.sum((hole(x) - np.mean(x)) ** 2) / 5", "n6"),
    ("lambda a, b: np.arctan2(hole(a), b) * np.hypot(a, b)", "p p"),
    ("lambda x: np.sum(np.cumsum(hole(x)) * {c6})", "n6"),
    ("lambda x: np.sum(hole(x)[1:] * x[:-1]) + np.sum(x[::2])", "n6"),
    ("lambda X, Y: np.concatenate([hole(X), Y * X]) * 2", "n2x3 n2x3"),
    ("lambda h, W: np.tanh(np.tanh(np.tanh(hole(h) @ W) @ W) @ W)", "n3 s3x3"),
    ("lambda p: -np.sum({c5} * np.log(hole(p)) + (1 - {c5}) * np.log(1 - p))", "u5"),
    ("lambda x: np.expm1(hole(x)) + np.log1p(x * x)", "n4"),
    ("lambda x: np.sinh(hole(x)) / np.cosh(x) + np.arctan(x)", "n4"),
    ("lambda x: np.arcsin(hole(x)) * np.arccos(x)", "u4"),
    (
        "lambda X, g: np.sum((hole(X) / "
        "np.sqrt(np.mean(X * X, axis=1, keepdims=True) + 1e-6) * g) ** 3)",
        "n3x4 n4",
    ),
    ("lambda x: np.sum(np.outer(hole(x), x) ** 2)", "n4"),
    ("lambda X: np.mean(hole(X).T @ X, axis=0)", "n4x3"),
    ("lambda x: 1 / (1 + np.exp(-hole(x)))", "n5"),
]
UNARY = [
    ("np.exp({})", -3, 3),
    ("np.sin({})", -9, 9),
    ("np.cos({})", -9, 9),
    ("np.tanh({})", -3, 3),
    ("np.log({})", 0.1, 9),
    ("np.sqrt({})", 0.1, 9),
    ("({}) ** 2", -3, 3),
    ("({}) ** 3", -3, 3),
    ("1 / ({})", 0.2, 5),
    ("np.log1p({})", -0.7, 5),
    ("np.arctan({})", -5, 5),
    ("np.cosh({})", -3, 3),
    ("np.expm1({})", -2, 2),
    ("({}) ** 0.5", 0.1, 5),
    ("1 / (1 + np.exp(-({})))", -5, 5),
    ("np.log(1 + np.exp({}))", -5, 5),
    ("np.abs({})", 0.1, 4),
    ("np.maximum({}, 0)", 0.05, 4),
    ("2.0 ** ({})", -3, 3),
    ("np.arctan2({}, 1.5)", -3, 3),
    ("np.square({})", -3, 3),
    ("-({})", -3, 3),
]
BINARY = [
    "({}) * ({})",
    "({}) + ({})",
    "({}) - ({})",
    "({}) * np.tanh({})",
    "np.hypot({}, {})",
    "({}) / (1 + ({}) ** 2)",
    "np.maximum({}, {})",
]
TOPS = [
    "{}",
    "np.sum({})",
    "np.mean({})",
    "np.sum({}, axis=0)",
    "np.sum(({}) ** 2)",
    "np.max({})",
    "np.sum({}) / 3",
]


def drawn(rng, spec):
    """An array as its letter and shape say: n normal, p positive, u within (0, 1), s small."""
    shape = tuple(int(s) for s in spec[1:].split("x")) if len(spec) > 1 else ()
    return {
        "n": lambda: rng.normal(size=shape),
        "p": lambda: rng.uniform(0.3, 3, shape),
        "u": lambda: rng.uniform(0.05, 0.95, shape),
        "s": lambda: rng.normal(size=shape) * 0.5,
    }[spec[0]]()


def spelled(array):
    return f"np.array({np.round(array, 3).tolist()})"


def textbook(rng):
    text, specs = TEXTBOOK[rng.integers(len(TEXTBOOK))]
    for n in (3, 4, 5, 6):
        text = text.replace(f"{{c{n}}}", spelled(rng.uniform(0.1, 0.9, n)))
        text = text.replace(f"{{s{n}}}", spelled(rng.choice([-1.0, 1.0], n)))
    for shape in ((3, 2), (4, 3), (4, 4), (4, 2)):
        text = text.replace(f"{{m{shape[0]}x{shape[1]}}}", spelled(rng.normal(size=shape)))
    inputs = tuple(np.asarray(drawn(rng, spec)) for spec in specs.split())
    return Program("textbook", text, inputs)


def number(rng, x):
    return repr(float(f"{x:.6g}"))


def composition(rng, depth=None, kind="composition"):
    """Random functions inside of each other, each argument brought into its domain.

    A scale and an offset do that.
    """
    names, shape = ["x", "y", "z"][: rng.integers(1, 4)], [(), (3,), (2, 3), (4,)][rng.integers(4)]
    inputs = [
        rng.normal(size=shape if rng.random() < 0.7 or i == 0 else shape[-1:])
        for i in range(len(names))
    ]
    values = dict(zip(names, inputs, strict=True))

    def value(text):
        return eval(text, {"np": np, "hole": lambda x: x, **values})

    def grown(depth):
        if depth == 0:
            return names[rng.integers(len(names))]
        inner = grown(depth - 1)
        if rng.random() < 0.3:
            other = grown(int(rng.integers(0, depth)))
            return BINARY[rng.integers(len(BINARY))].format(inner, other)
        f, low, high = UNARY[rng.integers(len(UNARY))]
        v = value(inner)
        least, most = float(np.min(v)), float(np.max(v))
        if low <= least and most <= high:
            return f.format(inner)
        if most - least < 1e-9:
            a, b = 1.0, (low + high) / 2 - least
        else:
            a = (high - low) * 0.8 / max(most - least, high - low)
            b = low + 0.1 * (high - low) - a * least
        return f.format(f"{number(rng, a)} * {inner} + {number(rng, b)}")

    text = grown(int(rng.integers(1, 5)) if depth is None else depth)
    hole = names[rng.integers(len(names))]
    at = [
        i
        for i in range(len(text))
        if text[i] == hole and not (text[i - 1 : i + 2].strip("() *+-/,") not in (hole,))
    ]
    if at:
        i = at[rng.integers(len(at))]
        text = text[:i] + f"hole({hole})" + text[i + 1 :]
    else:
        text = f"{text} * hole({hole})"
    top = TOPS[rng.integers(len(TOPS))] if np.ndim(value(text)) else "{}"
    text = f"lambda {', '.join(names)}: {top.format(text)}"
    return Program(kind, text, tuple(np.asarray(x) for x in inputs))


def scaled(rng):
    """One argument of a size far from 1, in a function that is made for that size."""
    s = 10.0 ** rng.choice([-16, -14, -12, -9, -6, -3, 3, 6, 9, 12])
    f, low, high = UNARY[rng.integers(len(UNARY))]
    n = int(rng.integers(1, 5))
    x = rng.uniform(low, high, n) * s
    text = f.format(f"hole(x) / {s!r}")
    kind = "tiny" if s < 1 else "large"
    return Program(kind, f"lambda x: {TOPS[rng.integers(5)].format(text)}", (x,))


def tiny(rng):
    """A tiny argument of an ordinary function: it hardly moves."""
    s = 10.0 ** rng.choice([-16, -14, -12])
    f = [
        "np.exp({})",
        "np.sin({})",
        "np.tanh({})",
        "np.log1p({})",
        "({}) * 3",
        "({}) ** 2",
        "1 / (1 + ({}))",
        "np.log(1 + np.exp({}))",
        "np.expm1({})",
    ]
    text = f[rng.integers(len(f))].format("hole(x)")
    text = f"lambda x: {TOPS[rng.integers(5)].format(text)}"
    return Program("tiny", text, (rng.normal(size=int(rng.integers(1, 4))) * s,))


def offset(rng):
    program = composition(rng, int(rng.integers(1, 3)), "offset")
    head, _, body = program.text.partition(": ")
    big = number(rng, rng.choice([-1, 1]) * 10.0 ** rng.uniform(2, 9))
    return Program("offset", f"{head}: {big} + {body}", program.inputs)


def offset_inside(rng):
    """Numbers around a large one, of which it is taken away again."""
    big = float(np.round(10.0 ** rng.uniform(2, 7)))
    x = big + rng.normal(size=4)
    text = [
        "np.sum((hole(x) - {b}) ** 2)",
        "np.std(hole(x))",
        "np.sum(np.tanh(hole(x) - {b}))",
        "np.mean((hole(x) - np.mean(x)) ** 3)",
        "np.exp(hole(x) - {b}) / np.sum(np.exp(x - {b}))",
        "np.sin(hole(x))",
        "np.log(hole(x)) * x",
    ]
    body = text[rng.integers(len(text))].replace("{b}", repr(big))
    return Program("offset", f"lambda x: {body}", (x,))


def pole(rng):
    d = 10.0 ** rng.uniform(-6, -2) * (1 if rng.random() < 0.5 else -1)
    a = float(np.round(rng.normal() * 3, 2)) if rng.random() < 0.5 else 0.0
    text = [
        "1 / (hole(x) - {a})",
        "1 / (hole(x) - {a}) ** 2",
        "np.log(np.abs(hole(x) - {a}))",
        "np.tanh(1 / (hole(x) - {a}))",
        "np.exp(hole(x)) / (x - {a})",
        "np.arctan(1e4 * (hole(x) - {a}))",
        "np.sqrt(np.abs(hole(x) - {a}))",
    ]
    body = text[rng.integers(len(text))].replace("{a}", repr(a))
    x = np.array([a + d, a + 1.0]) if rng.random() < 0.5 else np.array(a + d)
    return Program("pole", f"lambda x: {body}", (x,))


def kink(rng):
    d = rng.choice([-1, 1]) * 10.0 ** rng.uniform(-10, -3)
    text = [
        "np.maximum(hole(x), 0.5) * 2",
        "np.abs(hole(x) - 0.5)",
        "np.where(x > 0.5, hole(x) ** 2, -x)",
        "np.minimum(hole(x), 0.5) * x",
        "np.clip(hole(x), 0.5, 2.0)",
        "np.abs(hole(x) - 0.5) ** 1.5",
        "np.maximum(hole(x), 1 - x) + np.exp(x)",
    ]
    body = text[rng.integers(len(text))]
    return Program(
        "kink",
        f"lambda x: {TOPS[rng.integers(5)].format(body)}",
        (np.array([0.5 + d, *rng.normal(size=rng.integers(0, 3))]),),
    )


def saturated(rng):
    s = float(rng.choice([10, 20, 40, 100, 500, 1e4, 7e11]))
    x = rng.choice([-1.0, 1.0], 3) * s + rng.normal(size=3)
    text = [
        "np.tanh(hole(x))",
        "1 / (1 + np.exp(-hole(x)))",
        "np.log(1 + np.exp(-np.abs(hole(x)))) + np.maximum(x, 0)",
        "np.logaddexp(hole(x), 0)",
        "np.exp(hole(x) - np.max(x)) / np.sum(np.exp(x - np.max(x)))",
        "np.sum(np.arctan(hole(x)))",
        "np.log(np.sum(np.exp(hole(x) - np.max(x)))) + np.max(x)",
    ]
    if s > 300:
        text.pop(1)
    return Program(
        "saturated", "lambda x: " + text[rng.integers(len(text))].replace("{s}", repr(s)), (x,)
    )


def near_constant(rng):
    c, spread = float(np.round(rng.normal(), 2)), 10.0 ** rng.uniform(-9, -2)
    x = c + spread * rng.normal(size=int(rng.integers(2, 6)))
    text = [
        "np.std(hole(x))",
        "np.sum((hole(x) - np.mean(x)) / (np.std(x) + 1e-5) * x)",
        "np.sqrt(np.mean((hole(x) - np.mean(x)) ** 2))",
        "np.var(hole(x)) * 1e6",
        "np.max(hole(x)) - np.min(x)",
    ]
    return Program("near constant", "lambda x: " + text[rng.integers(len(text))], (x,))


def low(rng):
    program = textbook(rng) if rng.random() < 0.5 else composition(rng)
    dtype = "float32" if rng.random() < 0.8 else "float16"
    return Program(dtype, program.text, tuple(np.asarray(x, dtype) for x in program.inputs))


def strided(rng):
    program = textbook(rng)
    inputs = []
    for x in program.inputs:
        wide = np.zeros([2 * n for n in x.shape])
        view = wide[(*(slice(None, None, -2) for _ in x.shape), ...)]
        view[...] = x
        if rng.random() < 0.4:
            view.flags.writeable = False
        inputs.append(view if rng.random() < 0.6 else np.asfortranarray(x))
    return Program("strided", program.text, tuple(inputs))


def large_sum(rng):
    n = int(rng.integers(100, 380))
    text = [
        "np.sum(np.sin(hole(x)) * x)",
        "np.log(np.sum(np.exp(hole(x))))",
        "np.mean((hole(x) - np.mean(x)) ** 2)",
        "np.sum(np.tanh(hole(x))) ** 2",
        "np.sqrt(np.sum(hole(x) ** 2))",
    ]
    return Program("large sum", "lambda x: " + text[rng.integers(len(text))], (rng.normal(size=n),))


LINKS = [
    "np.tanh({} * 1.3)",
    "np.sin({} + 0.3)",
    "np.maximum({}, 0.1) * 1.1",
    "np.sqrt(({}) ** 2 + 0.1)",
    "({}) * 0.9 + 0.1",
    "np.log(1 + np.exp({}))",
]


def chain(rng):
    text = "hole(x)"
    for _ in range(int(rng.integers(10, 40))):
        text = LINKS[rng.integers(6)].format(text)
    return Program("chain", f"lambda x: {text}", (rng.normal(size=int(rng.integers(1, 5))),))


def with_integers(rng):
    i, y = rng.integers(0, 4, 5).tolist(), rng.integers(0, 5, 3).tolist()
    text = [
        f"lambda x, n: np.sum(hole(x)[{i}] * n)",
        "lambda x, n: np.sum(np.exp(hole(x)) ** n[0])",
        f"lambda x, n: np.sum((hole(x)[{y[0] % 4}] - n) ** 2)",
    ]
    return Program("integers", text[rng.integers(3)], (rng.normal(size=4), rng.integers(0, 3, 5)))


KINDS = [
    (textbook, 6),
    (composition, 8),
    (scaled, 4),
    (tiny, 2),
    (offset, 3),
    (offset_inside, 2),
    (pole, 2),
    (kink, 2),
    (saturated, 2),
    (near_constant, 2),
    (low, 3),
    (strided, 2),
    (large_sum, 1),
    (chain, 2),
    (with_integers, 1),
]


def programs(count, seed):
    """As many programs, of all kinds, each with finite values, of which a gradient can be asked."""
    rng = np.random.default_rng(seed)
    kinds, weights = [k for k, _ in KINDS], np.array([w for _, w in KINDS], float)
    found = 0
    while found < count:
        program = kinds[rng.choice(len(kinds), p=weights / weights.sum())](rng)
        with np.errstate(all="ignore"):
            value = np.asarray(program(np)(*program.inputs))
        finite = value.size and np.isfinite(value).all() and np.abs(value).max() < 1e30
        if finite and value.dtype.kind == "f":
            found += 1
            yield program


# -- faults: what a rule of the identity may give, in place of g -----------------------------------


def _times(k):
    return lambda g, x: g * k


def _one_entry(seed, g, x):
    off, rng = np.array(g), np.random.default_rng(seed)
    if off.size:
        at = rng.integers(off.size)
        off.flat[at] += 1e-6 * rng.choice([-1, 1]) * rng.uniform(2, 5) * (np.abs(off).max() or 1.0)
    return off


def _turned(g, x):
    return (
        np.array(g).reshape(g.shape[::-1]).T
        if np.ndim(g) > 1
        else np.array(g)[::-1]
        if np.ndim(g)
        else -g
    )


FAULTS = {
    "factor": lambda rng: _times(rng.choice([1 + 2e-6, 1 - 2e-6, 1.0001, 1.01, 2.0, 0.5])),
    "sign": lambda rng: lambda g, x: -g,
    "zero": lambda rng: lambda g, x: g * 0.0,
    "one entry": lambda rng: partial(_one_entry, int(rng.integers(10**6))),
    "transposed": lambda rng: _turned,
    "negative": lambda rng: lambda g, x: g * np.where(np.asarray(x) < 0, 1.001, 1.0),
    "nan": lambda rng: (
        lambda g, x: g * np.where(np.asarray(x) < np.median(np.asarray(x)) + 1e-9, np.nan, 1.0)
    ),
    "mean": lambda rng: (
        lambda g, x: np.zeros(np.shape(g)) + np.asarray(g).mean() if np.ndim(g) else g * 1.1
    ),
    "ignores g": lambda rng: lambda g, x: np.sign(g),
    "offset": lambda rng: (
        lambda g, x: g + 3e-6 * (np.abs(np.asarray(g)).max() if np.size(g) else 0.0)
    ),
}


planted = tg.op(lambda x: x.copy(), lambda g, y, x: g, name="test_planted")


def faulty(count, seed) -> Iterator[tuple[Program, str]]:
    """As many programs of float64, and which fault each has.

    Until the next is drawn `planted`, their hole, has it as its rule, and it shows.
    """
    rng, right, found = np.random.default_rng(seed), planted.rules, 0
    try:
        for program in programs(20 * count, seed + 1):
            f = program(np, planted)
            true = claims(f, program)
            name = list(FAULTS)[rng.integers(len(FAULTS))]
            fault = FAULTS[name](rng)
            planted.rules = (lambda g, y, x: fault(g, x),)  # noqa: B023 -- used before the next
            if program.inputs[0].dtype == np.float64 and shows(true, claims(f, program)):
                found += 1
                yield program, name
            planted.rules = right
            if found == count:
                return
    finally:
        planted.rules = right


def claims(f, program):
    """The gradient that f claims of each parameter, and its rounding, by the rules as they are."""
    found = [parameter.claim for parameter in Subject(f, program.inputs).parameters]
    return [(claim.gradient, claim.rounding) for claim in found]


def shows(right, wrong):
    """Whether a fault shows in the gradient: by a millionth of its size, and more than rounding."""
    for (a, rounding), (b, _) in zip(right, wrong, strict=True):
        size = np.abs([a, np.nan_to_num(b)]).max(initial=0.0)
        if (~(np.abs(a - b) <= 1e-6 * size + 10 * rounding)).any():
            return True
    return False
