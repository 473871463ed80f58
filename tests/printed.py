"""A reader of printed mathematics.

It knows what a textbook's signs mean, and nothing of the package that printed them.
"""

from __future__ import annotations

import re

import numpy as np

SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
TOKEN = re.compile(
    r"\s*(Σ_axes[\d‚]+|Σ_\w+|Σ|Π_\w+|Π|∂\w+/∂\w+|ᵀ|[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+|\d+\.?\d*(?:e−?\d+)?"
    r"|(?:(?![ᵀ⁻⁰¹²³⁴⁵⁶⁷⁸⁹])[^\W\d])(?:(?![ᵀ⁻⁰¹²³⁴⁵⁶⁷⁸⁹])\w)*"
    r"|\[(?:[^\[\]]|\[[^\[\]]*\])*\]|[-+−·⊙/^√|()=<>≤≥≠∧∨¬,𝟏∞])"
)


def softplus(x):
    return np.logaddexp(0, x)


FUNCTIONS = {
    "ln": np.log, "σ": lambda x: np.exp(-np.logaddexp(0, -x)), "softplus": softplus,
    "max": np.maximum, "min": np.minimum,
    "relu": lambda x: np.maximum(x, 0), "where": np.where, "mean": np.mean, "sum": np.sum,
    "var": np.var, "std": np.std,
}  # fmt: skip


def beside(f, a, b):
    """Entry by entry; beside a matrix a vector that fits its rows alone is a column."""
    a, b = np.asarray(a), np.asarray(b)
    for _ in range(3):
        try:
            return f(a * 1.0 if a.dtype == bool else a, b * 1.0 if b.dtype == bool else b)
        except ValueError:
            a, b = (a[..., None], b) if a.ndim < b.ndim else (a, b[..., None])
    raise ValueError(f"{a.shape} beside {b.shape}")


class Ones:
    """A matrix of ones, of whatever shape fits."""


def transposed(a):
    return np.asarray(a).T if np.ndim(a) > 1 else np.asarray(a)[None]  # a row


class Reader:
    """One formula, read from left to right by precedence."""

    def __init__(self, text, names):
        self.names = names
        self.tokens, place = [], 0
        while place < len(text.rstrip()):
            found = TOKEN.match(text, place)
            assert found, text[place:]
            self.tokens.append((found[1], text[found.start() : found.start() + 1] == " "))
            place = found.end()
        self.at = self.bars = 0

    def peek(self):
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def take(self, *expected):
        token = self.peek()
        assert not expected or token in expected, (token, expected, self.tokens)
        self.at += 1
        return token

    def read(self):
        value = self.logical()
        assert self.at == len(self.tokens), self.tokens[self.at :]
        return value

    def logical(self):
        value = self.compared()
        while self.peek() in ("∧", "∨"):
            f = np.logical_and if self.take() == "∧" else np.logical_or
            value = f(value, self.compared())
        return value

    def compared(self):
        value = self.sum()
        signs = {
            "=": np.equal,
            "<": np.less,
            ">": np.greater,
            "≤": np.less_equal,
            "≥": np.greater_equal,
            "≠": np.not_equal,
        }
        while self.peek() in signs:
            value = beside(signs[self.take()], value, self.sum())
        return value

    def sum(self):
        value = self.product()
        while self.peek() in ("+", "−"):
            value = beside(np.add if self.take() == "+" else np.subtract, value, self.product())
        return value

    def product(self):
        """A product; at [i]: zeros, with it added in the places i."""
        value = self.factors()
        while self.peek() == "at":
            self.take()
            zeros = np.zeros(self.names["shape"])
            index = self.index()
            place = zeros[index]
            value = (
                np.reshape(value, place.shape)
                if value is not Ones and np.size(value) == np.size(place)
                else value
            )  # a column's entries
            np.add.at(zeros, index, 1.0 if value is Ones else value)
            value = zeros
        return value

    def index(self):
        return eval(f"np.s_{self.take()}", {"np": np, **self.names})

    def factors(self):
        if self.peek() == "−":
            self.take()
            return -1.0 * self.factors()
        if self.peek()[:1] in "ΣΠ" and self.peek():
            return self.reduced()
        value = self.joined()
        while self.peek() in ("·", "⊙", "/"):
            sign = self.take()
            if self.peek()[:1] in "ΣΠ" and self.peek():
                other = self.reduced()
            elif self.peek() == "−":
                self.take()
                other = -1.0 * self.joined()
            else:
                other = self.joined()
            value = self.times(value, other) if sign != "/" else beside(np.divide, value, other)
        return value

    def times(self, a, b):
        a, b = (np.ones(self.names["shape"]) if x is Ones else x for x in (a, b))
        return beside(np.multiply, a, b)

    def reduced(self):
        sign = self.take()
        value = np.asarray(self.factors()) * 1.0
        where = sign.partition("_")[2]
        axis = {"": None, "rows": 0, "columns": 1}.get(where, -1)
        if axis == -1:
            axis = tuple(int(k) for k in re.findall(r"\d", where))
        return (np.sum if sign[0] == "Σ" else np.prod)(
            value, axis=axis, keepdims=axis == 1
        )  # over the columns: a column

    def joined(self):
        value = self.power()
        while self.at < len(self.tokens) and (
            self.peek()[0] in ("(√𝟏" if self.bars else "(√|𝟏")
            or (self.peek()[0].isalpha() and self.peek() not in ("at", "ᵀ"))
        ):
            other = self.power()
            if other is Ones:  # as wide as what the product is the gradient of
                other = np.ones((np.shape(value)[-1], self.names["shape"][-1]))
            if value is Ones:  # as high as what the product is the gradient of
                value = np.ones((self.names["shape"][0], np.shape(other)[0]))
            a, b = np.asarray(value), np.asarray(other)
            is_outer = b.ndim == 2 and b.shape[0] == 1 and a.ndim == 1  # a vector and a row
            value = (
                np.outer(a, b)
                if is_outer
                else a * b
                if a.ndim * b.ndim == 0
                else a @ b
                if a.ndim < 2 or b.ndim < 2 or a.shape[-1] == b.shape[0]
                else np.outer(a, b)
            )
        return value

    def power(self):
        value = self.atom()
        while self.peek() and (self.peek() in ("^", "ᵀ") or self.peek()[0] in "[⁻⁰¹²³⁴⁵⁶⁷⁸⁹"):
            token = self.take()
            if token == "ᵀ":
                value = transposed(value)
            elif token[0] == "[":
                self.at -= 1
                value, index = np.asarray(value), self.index()
                is_vector = (
                    value.ndim == 2
                    and value.shape[1] == 1
                    and (index is None or (type(index) is tuple and None in index))
                )
                value = (value[:, 0] if is_vector else value)[
                    index
                ]  # v[:, None], of a sum over the columns
            elif token == "^":
                sign = -1.0 if self.peek() == "−" and self.take() else 1.0
                value = np.asarray(value) ** (sign * np.asarray(self.power()))
            else:
                value = np.asarray(value) ** float(token.translate(SUPERSCRIPTS))
        return value

    def atom(self):
        token = self.take()
        if token == "(":
            value = self.logical()
            self.take(")")
            return value
        if token == "|":
            self.bars += 1
            value = self.logical()
            self.take("|")
            self.bars -= 1
            return np.abs(value)
        if token == "√":
            return np.sqrt(self.atom())
        if token == "𝟏":
            return Ones
        if token == "¬":
            return np.logical_not(self.atom())
        if token[0].isdigit():
            return float(token.replace("−", "-"))
        if token in self.names and not callable(self.names[token]):
            return self.names[token]
        if token == "π":
            return np.pi
        if token == "e":
            assert self.take("^")
            return np.exp(self.power())
        called = token.partition("_")[0]
        f = FUNCTIONS.get(called) or self.names.get(token) or getattr(np, called)
        self.take("(")
        arguments = [self.logical()]
        while self.take(",", ")") == ",":
            if self.tokens[self.at + 1][0] == "=":  # clip(x, min=0)
                self.at += 2
            found = self.logical()
            arguments.append(
                int(found) if type(found) is float and found.is_integer() else found
            )  # an axis
        if called in ("mean", "max", "min", "var", "std", "sum") and len(arguments) == 1:
            axis = {"": None, "rows": 0, "columns": 1}[token.partition("_")[2]]
            return getattr(np, called)(arguments[0], axis=axis, keepdims=axis == 1)
        return f(*arguments)


def gradients(text, names):
    """What the printed lines evaluate to: the value of each left side, gradients as ∂L/∂W."""
    known, found = dict(names), {}
    for line in text.split("\n"):
        if line.startswith("("):
            continue
        delta, gradient, right = re.fullmatch(
            r"(?:(\S+) = (?=∂))?(∂.+?|\S+) += (.*)", line
        ).groups()
        known["shape"] = np.shape(known.get(gradient.rpartition("/∂")[2], 0.0))
        value = Reader(right, known).read()
        value = np.ones(known["shape"]) if value is Ones else value
        value = (
            np.reshape(value, known["shape"])
            if np.size(value) == np.prod(known["shape"])
            else value
        )  # what has a name is no column
        for name in filter(None, (delta, gradient)):
            known[name] = found[name] = value
    return found
