"""Random training steps.

Parameters, a loss of random ops, its gradient, an update by an optimizer; all of it from a number.
"""

import math
from random import Random

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.engine.registry import registry

SMOOTH = "sin cos tanh sigmoid softplus exp log sqrt square abs relu arctan log1p expm1".split()
SMOOTH += "cbrt arcsinh safe_log".split()
SMOOTH += "reciprocal negative positive".split()
KINDS = "unary unary unary binary binary binary number number power reduce reduce".split()
KINDS += "index matmul shape where at join cast logic".split()
KINDS += "domain mask order".split()
ROUGH = "sign floor ceil rint tan arcsin arccos arctanh sinh cosh log2 log10 exp2".split()
NUMBERS = [
    0.5,
    2.0,
    -1.0,
    1.0,
    0.0,
    -0.0,
    3,
    2,
    1,
    0,
    -2,
    0.1,
    1e-3,
    1 / 3,
    np.pi,
    7.0,
    np.float32(0.1),
    True,
    np.float64(0.3),
]


def in_domain(x, interval):
    """A tensor whose entries lie in an open interval, made of one whose entries lie anywhere."""
    low, high = interval
    if low == high:
        return x > 0
    if math.isfinite(low) and math.isfinite(high):
        return x.tanh() * (high - low) * 0.45 + (high + low) / 2
    return x * x + (low + 0.5) if math.isfinite(low) else x


class Step:
    """A training step that is chosen by a number, and arguments for it."""

    def __init__(self, seed, size=8):
        self.seed, self.size = seed, size
        r, rng = Random(seed), np.random.default_rng(seed)
        dtype = r.choice([np.float64] * 4 + [np.float32])
        n, d, h = r.choice([1, 2, 4]), r.choice([1, 3]), r.choice([1, 2, 3])
        self.is_low = dtype == np.float32 or r.random() < 0.2  # whether some of it is float32
        self.n, self.d, self.h, self.dtype = n, d, h, dtype
        shapes = [(d, h), (h,), (h, 1), (), (n, h), (3, 1, h), (h, d), (0, h)]
        named = {
            name: rng.normal(size=shapes[r.randrange(len(shapes))] if i else (d, h)).astype(dtype)
            for i, name in enumerate(["W", "b", "v", "s"][: r.randint(1, 4)])
        }
        self.tree = r.choice(["dict", "list", "tuple"])
        self.parameters = (
            named
            if self.tree == "dict"
            else list(named.values())
            if self.tree == "list"
            else tuple(named.values())
        )
        self.optimizer = r.choice(["sgd", "momentum", "adam"])
        self.data = {
            "x": rng.normal(size=(n, d)).astype(r.choice([dtype, np.float64])),
            "y": rng.integers(0, h, size=n),
            "mask": rng.random((n, h)) > 0.5,
            "low": rng.normal(size=h).astype(np.float32 if self.is_low else np.float64),
            "scale": np.array(rng.normal()),
            "count": rng.integers(-2, 4, size=(h,)).astype(np.int32),
        }
        self.closed = rng.normal(size=(n, h))

    def args(self):
        """The arguments: parameters, the optimizer's state, data."""
        zeros = [np.zeros_like(p) for p in self._list(self.parameters)]
        state = {
            "sgd": {},
            "momentum": {"m": zeros},
            "adam": {"m": zeros, "v": zeros, "t": np.array(0.0)},
        }[self.optimizer]
        return self.parameters, state, self.data

    def _list(self, tree):
        return list(tree.values()) if isinstance(tree, dict) else list(tree)

    def _number(self, r):
        c = r.choice(NUMBERS)
        return float(c) if type(c) is np.float32 and not self.is_low else c

    def _op(self, r, pool):
        """One more value, of some that there are."""
        kind = r.choice(KINDS)
        x = r.choice(pool[-4:]) if r.random() < 0.7 else r.choice(pool)
        if not isinstance(x, tg.Tensor):
            x = tg.Tensor(x)
        f = x if x.dtype.kind == "f" else x * 0.5
        if kind == "unary":
            op = registry[r.choice(SMOOTH)]
            return op(in_domain(f, op.domain[0]) if op.domain else f)
        if kind == "domain":
            op = registry[r.choice(ROUGH)]
            return op(in_domain(f, op.domain[0]) if op.domain else f.tanh())
        if kind == "number":
            c = self._number(r)
            how = r.choice("+-*/rm")
            if how == "/":
                return f / c if c != 0 and c is not True else f * c
            if how == "r":
                return c / (f * f + 1.0)
            if how == "m":
                return np.maximum(f, c) if r.random() < 0.5 else np.minimum(c, f)
            if how == "+":
                return x + c if x.dtype.kind != "b" else f + c
            return c - f if how == "-" else c * x
        if kind == "power":
            c = r.choice([0, 1, 2, 3, -1, 0.5, 2.0, 3.0, 1.0, 0.0, 4, -2])
            return (f * f + 0.5) ** c if c != int(c) or c < 0 else f**c
        if kind == "binary":
            y = r.choice(pool)
            try:
                np.broadcast_shapes(x.shape, y.shape)
            except ValueError:
                y = y.sum()
            how = r.choice("+-*/mahl")
            if x.dtype.kind == "b" and y.dtype.kind == "b":
                return x * y if how != "/" else x & y
            g = y if y.dtype.kind != "b" else y * 1.0
            return {
                "+": lambda: f + g,
                "-": lambda: f - g,
                "*": lambda: x * y,
                "/": lambda: f / (g * g + 1.0),
                "m": lambda: np.maximum(f, g),
                "a": lambda: np.arctan2(f, g * g + 1.0),
                "h": lambda: np.hypot(f, g * g + 1.0),
                "l": lambda: np.logaddexp(f, g),
            }[how]()
        if kind == "reduce":
            axis = r.choice([None, *range(-x.ndim, x.ndim)]) if x.ndim else None
            keepdims = r.random() < 0.4
            names = [
                "sum",
                "mean",
                "max",
                "var",
                "std",
                "logsumexp",
                "prod",
                "min",
                "any",
                "argmax",
                "cumsum",
            ]
            if x.size == 0:
                return x.sum(axis=axis, keepdims=keepdims)
            name = r.choice(names)
            if name == "any":
                return (x > 0.1).any(axis=axis, keepdims=keepdims)
            if name == "argmax":
                return x.argmax(axis=axis)
            if name == "cumsum":
                return x.cumsum(axis=axis)
            if name in ("var", "std"):
                f = f + np.arange(f.size).reshape(f.shape)
            return getattr(f if x.dtype.kind == "b" or name == "logsumexp" else x, name)(
                axis=axis, keepdims=keepdims
            )
        if kind == "index" and x.ndim:
            n = x.shape[0]
            choices = [
                slice(None, None, -1),
                slice(0, max(1, n // 2)),
                (..., None),
                slice(1, None),
                (slice(None), None),
            ]
            if n:
                choices += [0, -1, [0, n - 1, 0], np.array([0, 0]), np.arange(n) % 2 == 0]
            return x[r.choice(choices)]
        if kind == "matmul":
            W = r.choice(pool)
            if x.ndim and W.ndim and W.size and x.shape[-1] == W.shape[-2 if W.ndim > 1 else 0]:
                return f @ W
            if x.ndim == 2:
                return x.T @ x if x.dtype.kind == "f" else x.T @ f
            return f * 1.5
        if kind == "shape":
            how = r.choice("rteb")
            if how == "r":
                return x.reshape(-1)
            if how == "t":
                return x.T if r.random() < 0.5 else x.transpose()
            if how == "e":
                return np.expand_dims(x, r.choice([0, -1])) if x.ndim < 4 else x
            return np.broadcast_to(x, (2, *x.shape)) if x.ndim < 3 else x
        if kind == "where":
            y = r.choice([0.0, 1.0, -1.0, f * 2.0, x])
            return tg.where(f > r.choice([0.0, 0.3, 5.0]), f, y)
        if kind == "at" and x.ndim and x.shape[0]:
            index = r.choice([0, slice(0, 1), [0, 0], -1])
            value = r.choice([0.5, f[index] * 2.0, 1])
            return getattr(f.at[index], r.choice(["set", "add"]))(value)
        if kind == "join" and x.ndim:
            return (
                tg.concatenate([x, f], axis=r.choice([0, -1]))
                if r.random() < 0.5
                else tg.stack([f, f * 2.0])
            )
        if kind == "cast":
            return (
                x.astype(
                    r.choice(
                        [
                            np.float64,
                            np.float32 if self.is_low else np.float64,
                            self.dtype,
                            np.int64,
                        ]
                    )
                )
                if x.dtype.kind != "f" or r.random() < 0.8
                else x.detach()
            )
        if kind == "logic":
            return r.choice([x > 0, x <= f, x == x, (x > 0) & (f < 1.0), ~(x > 0), x != 0])
        if kind == "mask":
            return f * (f > 0.0)
        if kind == "order" and x.ndim and x.size:
            return np.flip(x, 0) if r.random() < 0.5 else x.argsort()
        return f * 1.0

    def cost(self, parameters, data):
        """A number that depends on all parameters, with some of what it was made from."""
        r = Random(self.seed + 1)
        ps = self._list(parameters)
        x = data["x"] if isinstance(data["x"], tg.Tensor) else tg.Tensor(data["x"])
        pool = [
            data["y"],
            data["mask"],
            data["low"],
            data["scale"],
            data["count"],
            self.closed,
            *ps,
            x @ ps[0],
        ]
        for _ in range(r.randint(1, self.size)):
            value = self._op(r, pool)
            if value.size < 200:
                pool.append(value)
        last = pool[-1] if pool[-1].dtype.kind == "f" else pool[-1] * 0.5
        total = last.tanh() * 3.0 - 1.0
        total = r.choice([total.sum, (total**2).sum, total.mean if total.size else total.sum])()
        for p in ps:
            total = total + r.choice([0.1, 1e-3]) * (p * p).sum()
        if pool[-2].dtype.kind == "f" and r.random() < 0.5:
            total = total + pool[-2].tanh().sum()
        if self.h > 1 and r.random() < 0.4:
            total = total + tg.cross_entropy(x @ ps[0], data["y"])
        return total, [pool[-1], pool[r.randrange(len(pool))]]

    def __call__(self, parameters, state, data):
        r = Random(self.seed + 2)
        (loss, more), slopes = tg.value_and_grad(lambda p: self.cost(p, data), has_aux=True)(
            parameters
        )
        ps, gs = self._list(parameters), self._list(slopes)
        lr, state = r.choice([0.1, 0.01, 1]), dict(state)
        if self.optimizer == "momentum":
            state["m"] = gs = [0.9 * m + g for m, g in zip(state["m"], gs, strict=True)]
        elif self.optimizer == "adam":
            t = state["t"] = state["t"] + 1
            state["m"] = [0.9 * m + (1 - 0.9) * g for m, g in zip(state["m"], gs, strict=True)]
            state["v"] = [
                0.999 * v + (1 - 0.999) * g * g for v, g in zip(state["v"], gs, strict=True)
            ]
            hats = [
                (m / (1 - 0.9**t), v / (1 - 0.999**t))
                for m, v in zip(state["m"], state["v"], strict=True)
            ]
            gs = [m / (v**0.5 + 1e-8) for m, v in hats]
        new = [p - lr * g for p, g in zip(ps, gs, strict=True)]
        if isinstance(parameters, dict):
            new = dict(zip(parameters, new, strict=True))
        result = [new, state, loss, *more]
        if r.random() < 0.2:
            result += [loss, data["x"], np.arange(3.0), slopes]
        return tuple(result)
