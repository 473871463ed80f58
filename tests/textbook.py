"""Expressions that textbooks differentiate, as data.

Each a name, and a function that builds it with the names its user gives.

`BOOK[name]()` is an `Example`: the recorded scalar, the tensors to differentiate by, and the names
of what it is written with. The sides of the arrays differ, so that no formula is right by accident
of shape, and all values are fixed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

import numpy as np

import tinygrad_edu as tg


class Example(NamedTuple):
    """A recorded scalar, what to differentiate it by, and what its user calls things."""

    loss: tg.Tensor
    wrt: list[tg.Tensor]
    names: dict[str, Any]


BOOK: dict[str, Callable[[], Example]] = {}


def example(build: Callable[[Any], tuple[Any, list[Any], dict[str, Any]]]) -> Callable[[], Example]:
    """Enter a function, given a random generator, under its name.

    Its local variables are the names.
    """

    @wraps(build)
    def built() -> Example:
        loss, wrt, scope = build(np.random.default_rng(7))
        is_named = (
            key for key, value in scope.items() if hasattr(value, "shape") or type(value) is float
        )
        return Example(loss, wrt, {key: scope[key] for key in is_named})

    BOOK[build.__name__] = built
    return built


def leaf(values):
    return tg.Tensor(np.asarray(values, float), requires_grad=True)


def layer(rng, inputs=3, outputs=2):
    """Weights and biases."""
    return leaf(rng.normal(size=(inputs, outputs))), leaf(rng.normal(size=outputs))


def one_hot(rng, n=5, classes=4):
    return np.eye(classes)[rng.integers(0, classes, n)]


# -- numbers ---------------------------------------------------------------------------------------


@example
def polynomial(rng):
    x = leaf(1.5)
    y = x**3 - 2 * x**2 + 4 * x - 7
    return y, [x], locals()


@example
def power_of_itself(rng):
    w = leaf(1.7)
    y = w**w
    return y, [w], locals()


@example
def sine_of_pi(rng):
    z = leaf(0.3)
    y = np.sin(np.pi * z)
    return y, [z], locals()


@example
def chain_of_sines(rng):
    x, q = leaf(0.4), leaf(1.3)
    d = x
    for _ in range(10):
        d = (d * q).sin()
    return d, [x, q], locals()


@example
def rosenbrock(rng):
    x, y = leaf(-1.2), leaf(1.0)
    f = (1 - x) ** 2 + 100 * (y - x**2) ** 2
    return f, [x, y], locals()


@example
def rosenbrock_of_a_vector(rng):
    x = leaf(rng.normal(size=5))
    f = (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
    return f, [x], locals()


@example
def himmelblau(rng):
    x, y = leaf(0.5), leaf(-1.0)
    f = (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2
    return f, [x, y], locals()


@example
def entries_of_a_vector(rng):
    x = leaf([0.5, 1.2, 2.0])
    f = x[0] ** 2 * x[1] + np.exp(x[2])
    return f, [x], locals()


@example
def normal_density(rng):
    x, mu, sigma = leaf(0.7), leaf(0.2), leaf(1.4)
    p = np.exp(-((x - mu) ** 2) / (2 * sigma**2)) / (sigma * np.sqrt(2 * np.pi))
    return p, [x, mu, sigma], locals()


@example
def sigmoid_from_its_definition(rng):
    z = leaf(0.8)
    s = 1 / (1 + np.exp(-z))
    return s, [z], locals()


# -- statistics ------------------------------------------------------------------------------------


@example
def z_score(rng):
    x, c = leaf([0.5, 1.2, 2.0]), np.array([1.0, 2.0, 3.0])
    f = (((x - x.mean()) / (x.var() + 1e-5).sqrt()) * c).sum()
    return f, [x], locals()


@example
def z_score_with_std(rng):
    x, c = leaf(rng.normal(size=4)), np.arange(4.0)
    f = ((x - x.mean()) / x.std() * c).sum()
    return f, [x], locals()


@example
def variance(rng):
    x = leaf(rng.normal(size=6))
    v = ((x - x.mean()) ** 2).mean()
    return v, [x], locals()


@example
def variance_of_numpy(rng):
    x = leaf(rng.normal(size=(3, 4)))
    v = x.var(axis=0, ddof=1).sum()
    return v, [x], locals()


@example
def skewness(rng):
    x = leaf(rng.normal(size=6))
    d = x - x.mean()
    s = (d**3).mean() / ((d**2).mean() ** 1.5)
    return s, [x], locals()


@example
def weighted_mean(rng):
    x, w = leaf(rng.normal(size=5)), leaf(rng.uniform(0.5, 2, 5))
    m = (w * x).sum() / w.sum()
    return m, [x, w], locals()


@example
def geometric_mean(rng):
    x = leaf(rng.uniform(0.5, 2, 5))
    m = x.prod() ** (1 / 5)
    return m, [x], locals()


@example
def correlation(rng):
    x, y = leaf(rng.normal(size=6)), rng.normal(size=6)
    a, b = x - x.mean(), y - y.mean()
    r = (a * b).sum() / ((a**2).sum() * (b**2).sum()).sqrt()
    return r, [x], locals()


@example
def entropy(rng):
    z = leaf(rng.normal(size=5))
    p = tg.softmax(z)
    H = -(p * np.log(p)).sum()
    return H, [z], locals()


@example
def kl_divergence(rng):
    z, q = leaf(rng.normal(size=5)), rng.dirichlet(np.ones(5))
    p = tg.softmax(z)
    D = (p * (np.log(p) - np.log(q))).sum()
    return D, [z], locals()


@example
def kl_of_gaussians(rng):
    mu, logvar = leaf(rng.normal(size=(5, 3))), leaf(rng.normal(size=(5, 3)))
    D = -0.5 * (1 + logvar - mu**2 - np.exp(logvar)).sum()
    return D, [mu, logvar], locals()


@example
def gaussian_likelihood(rng):
    x, mu, sigma = rng.normal(size=6), leaf(0.3), leaf(1.2)
    L = (np.log(sigma) + 0.5 * np.log(2 * np.pi) + (x - mu) ** 2 / (2 * sigma**2)).sum()
    return L, [mu, sigma], locals()


@example
def mixture_density(rng):
    x, mu, logits = rng.normal(size=(6, 1)), leaf(rng.normal(size=3)), leaf(rng.normal(size=3))
    L = -tg.logsumexp(tg.log_softmax(logits) - 0.5 * (x - mu) ** 2, axis=1).mean()
    return L, [mu, logits], locals()


@example
def poisson_regression(rng):
    X, y, w = rng.normal(size=(6, 3)), rng.integers(0, 5, 6), leaf(rng.normal(size=3))
    eta = X @ w
    L = (np.exp(eta) - y * eta).sum()
    return L, [w], locals()


# -- linear models ---------------------------------------------------------------------------------


@example
def sum_of_a_product(rng):
    X, W = rng.normal(size=(5, 3)), leaf(rng.normal(size=(3, 2)))
    s = (X @ W).sum()
    return s, [W], locals()


@example
def least_squares(rng):
    X, y, w = rng.normal(size=(6, 3)), rng.normal(size=6), leaf(rng.normal(size=3))
    E = ((X @ w - y) ** 2).mean()
    return E, [w], locals()


@example
def ridge(rng):
    X, y, w, lam = rng.normal(size=(6, 3)), rng.normal(size=6), leaf(rng.normal(size=3)), 0.1
    E = ((X @ w - y) ** 2).sum() + lam * (w**2).sum()
    return E, [w], locals()


@example
def ridge_of_a_mean(rng):
    X, y, w = rng.normal(size=(5, 3)), rng.normal(size=(5, 1)), leaf(rng.normal(size=(3, 1)))
    z = X @ w
    E = 0.5 * ((z - y) ** 2).sum() + 0.1 * (w * w).sum()
    return E, [w], locals()


@example
def lasso(rng):
    X, y, w = rng.normal(size=(6, 3)), rng.normal(size=6), leaf(rng.normal(size=3))
    E = ((X @ w - y) ** 2).mean() + 0.1 * abs(w).sum()
    return E, [w], locals()


@example
def elastic_net(rng):
    X, y, w, l1, l2 = (
        rng.normal(size=(6, 3)),
        rng.normal(size=6),
        leaf(rng.normal(size=3)),
        0.3,
        0.7,
    )
    E = ((X @ w - y) ** 2).mean() + l1 * abs(w).sum() + 0.5 * l2 * (w**2).sum()
    return E, [w], locals()


@example
def logistic_regression(rng):
    X, y, w, b = (
        rng.normal(size=(6, 3)),
        rng.integers(0, 2, 6) * 1.0,
        leaf(rng.normal(size=3)),
        leaf(0.1),
    )
    p = (X @ w + b).sigmoid()
    L = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
    return L, [w, b], locals()


@example
def logistic_regression_from_scores(rng):
    X, y, w = rng.normal(size=(6, 3)), rng.integers(0, 2, 6), leaf(rng.normal(size=3))
    z = X @ w
    L = tg.binary_cross_entropy_with_logits(z, y)
    return L, [w], locals()


@example
def logistic_loss_of_signs(rng):
    X, y, w = rng.normal(size=(6, 3)), rng.choice([-1.0, 1.0], 6), leaf(rng.normal(size=3))
    L = np.log(1 + np.exp(-y * (X @ w))).sum()
    return L, [w], locals()


@example
def perceptron_criterion(rng):
    X, y, w = rng.normal(size=(6, 3)), rng.choice([-1.0, 1.0], 6), leaf(rng.normal(size=3))
    L = np.maximum(0, -y * (X @ w)).sum()
    return L, [w], locals()


@example
def hinge(rng):
    X, y, w = rng.normal(size=(6, 3)), rng.choice([-1.0, 1.0], 6), leaf(rng.normal(size=3))
    L = np.maximum(0, 1 - y * (X @ w)).mean() + 0.01 * (w**2).sum()
    return L, [w], locals()


@example
def huber(rng):
    X, y, w, delta = rng.normal(size=(6, 3)), rng.normal(size=6), leaf(rng.normal(size=3)), 0.8
    r = X @ w - y
    L = tg.where(abs(r) <= delta, 0.5 * r**2, delta * (abs(r) - 0.5 * delta)).sum()
    return L, [w], locals()


@example
def quantile_loss(rng):
    y, q, tau = rng.normal(size=6), leaf(0.2), 0.9
    d = y - q
    L = np.maximum(tau * d, (tau - 1) * d).mean()
    return L, [q], locals()


@example
def kernel_ridge(rng):
    X, y, alpha = rng.normal(size=(5, 2)), rng.normal(size=5), leaf(rng.normal(size=5))
    K = np.exp(-((X[:, None] - X[None]) ** 2).sum(-1))
    E = ((K @ alpha - y) ** 2).sum() + 0.5 * (alpha @ (K @ alpha))
    return E, [alpha], locals()


@example
def rbf_network(rng):
    X, y = rng.normal(size=(6, 2)), rng.normal(size=6)
    C, w = leaf(rng.normal(size=(3, 2))), leaf(rng.normal(size=3))
    Phi = np.exp(-((X[:, None] - C) ** 2).sum(axis=-1))
    E = ((Phi @ w - y) ** 2).mean()
    return E, [C, w], locals()


@example
def matrix_factorisation(rng):
    R, U, V = rng.normal(size=(5, 4)), leaf(rng.normal(size=(5, 2))), leaf(rng.normal(size=(4, 2)))
    mask = rng.random((5, 4)) < 0.6
    L = (((R - U @ V.T) ** 2) * mask).sum() + 0.05 * ((U**2).sum() + (V**2).sum())
    return L, [U, V], locals()


@example
def quadratic_form(rng):
    A, x = rng.normal(size=(4, 4)), leaf(rng.normal(size=4))
    q = x @ (A @ x)
    return q, [x], locals()


@example
def trace_of_a_product(rng):
    A, X = rng.normal(size=(3, 4)), leaf(rng.normal(size=(4, 3)))
    t = ((A @ X) * np.eye(3)).sum()
    return t, [X], locals()


@example
def frobenius_norm(rng):
    W = leaf(rng.normal(size=(3, 2)))
    f = (W**2).sum().sqrt()
    return f, [W], locals()


@example
def cosine_similarity(rng):
    a, b = leaf(rng.normal(size=4)), leaf(rng.normal(size=4))
    s = (a * b).sum() / ((a**2).sum().sqrt() * (b**2).sum().sqrt())
    return s, [a, b], locals()


@example
def triplet_loss(rng):
    a, p, n = leaf(rng.normal(size=4)), leaf(rng.normal(size=4)), leaf(rng.normal(size=4))
    L = np.maximum(((a - p) ** 2).sum() - ((a - n) ** 2).sum() + 2.0, 0)
    return L, [a, p, n], locals()


@example
def contrastive_loss(rng):
    a, b, y = (
        leaf(rng.normal(size=(5, 3))),
        leaf(rng.normal(size=(5, 3))),
        rng.integers(0, 2, 5) * 1.0,
    )
    d = ((a - b) ** 2).sum(axis=1).sqrt()
    L = (y * d**2 + (1 - y) * np.maximum(2 - d, 0) ** 2).mean()
    return L, [a, b], locals()


# -- classification --------------------------------------------------------------------------------


@example
def softmax_with_labels(rng):
    X, y = rng.normal(size=(5, 3)), rng.integers(0, 4, 5)
    W, b = layer(rng, 3, 4)
    z = X @ W + b
    L = tg.cross_entropy(z, y)
    return L, [W, b], locals()


@example
def softmax_with_one_hot_rows(rng):
    X, Y = rng.normal(size=(5, 3)), one_hot(rng)
    W, b = layer(rng, 3, 4)
    z = X @ W + b
    L = -(Y * tg.log_softmax(z)).sum(axis=1).mean()
    return L, [W, b], locals()


@example
def softmax_by_hand(rng):
    X, Y = rng.normal(size=(5, 3)), one_hot(rng)
    W, b = layer(rng, 3, 4)
    z = X @ W + b
    e = np.exp(z)
    p = e / e.sum(axis=1, keepdims=True)
    L = -(Y * np.log(p)).sum() / len(X)
    return L, [W, b], locals()


@example
def softmax_by_hand_from_the_maximum(rng):
    X, Y = rng.normal(size=(5, 3)), one_hot(rng)
    W, b = layer(rng, 3, 4)
    z = X @ W + b
    s = z - z.max(axis=1, keepdims=True)
    p = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
    L = -(Y * np.log(p)).sum(axis=1).mean()
    return L, [W, b], locals()


@example
def negative_log_likelihood(rng):
    z, y = leaf(rng.normal(size=(5, 4))), rng.integers(0, 4, 5)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    L = -np.log(p[np.arange(5), y]).mean()
    return L, [z], locals()


@example
def label_smoothing(rng):
    z, Y, eps = leaf(rng.normal(size=(5, 4))), one_hot(rng), 0.1
    L = -(((1 - eps) * Y + eps / 4) * tg.log_softmax(z)).sum(axis=1).mean()
    return L, [z], locals()


@example
def focal_loss(rng):
    z, y, gamma = leaf(rng.normal(size=6)), rng.integers(0, 2, 6) * 1.0, 2.0
    p = z.sigmoid()
    q = y * p + (1 - y) * (1 - p)
    L = -((1 - q) ** gamma * np.log(q)).mean()
    return L, [z], locals()


@example
def log_sum_exp(rng):
    z = leaf(rng.normal(size=5))
    s = np.log(np.exp(z).sum())
    return s, [z], locals()


@example
def embedding(rng):
    E, W, i = leaf(rng.normal(size=(6, 3))), leaf(rng.normal(size=(3, 2))), np.array([0, 2, 2, 5])
    y = rng.normal(size=(4, 2))
    h = E[i]
    L = ((h @ W - y) ** 2).mean()
    return L, [E, W], locals()


# -- networks --------------------------------------------------------------------------------------


def two_layers(activation):
    """A network of two layers with an activation."""

    def build(rng):
        x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 1))
        W1, b1 = layer(rng, 3, 4)
        W2, b2 = layer(rng, 4, 1)
        z1 = x @ W1 + b1
        a1 = activation(z1)
        o = a1 @ W2 + b2
        J = ((o - y) ** 2).mean()
        return (
            J,
            [W1, b1, W2, b2],
            {key: value for key, value in locals().items() if key != "activation"},
        )

    return build


for name, activation in {
    "sigmoid": lambda z: z.sigmoid(),
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "relu_of_the_table": tg.relu,
    "leaky_relu": lambda z: tg.where(z > 0, z, 0.01 * z),
    "elu": lambda z: tg.where(z > 0, z, np.expm1(np.minimum(z, 0))),
    "softplus": tg.softplus,
    "swish": lambda z: z * z.sigmoid(),
    "gelu_tanh": lambda z: 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))),
    "softsign": lambda z: z / (1 + abs(z)),
    "hard_tanh": lambda z: np.clip(z, -1, 1),
}.items():
    network = two_layers(activation)
    network.__name__ = f"two_layers_with_{name}"
    example(network)


@example
def two_layers_with_cross_entropy(rng):
    x, y = rng.normal(size=(6, 3)), rng.integers(0, 2, (6, 1)) * 1.0
    W1, b1 = layer(rng, 3, 4)
    W2, b2 = layer(rng, 4, 1)
    a1 = (x @ W1 + b1).sigmoid()
    o = (a1 @ W2 + b2).sigmoid()
    J = -(y * np.log(o) + (1 - y) * np.log(1 - o)).mean()
    return J, [W1, b1, W2, b2], locals()


@example
def tied_autoencoder(rng):
    X, W, b = rng.normal(size=(5, 3)), leaf(rng.normal(size=(3, 2))), leaf(rng.normal(size=2))
    h = np.tanh(X @ W + b)
    L = ((h @ W.T - X) ** 2).mean()
    return L, [W, b], locals()


@example
def dropout_with_a_mask(rng):
    x, W, mask = rng.normal(size=(5, 3)), leaf(rng.normal(size=(3, 4))), rng.random((5, 4)) < 0.5
    h = (x @ W) * mask / 0.5
    L = (h**2).sum()
    return L, [W], locals()


@example
def batch_norm(rng):
    x, c = leaf(rng.normal(size=(6, 3))), rng.normal(size=(6, 3))
    gamma, beta, eps = leaf(rng.normal(size=3)), leaf(rng.normal(size=3)), 1e-5
    mu, var = x.mean(axis=0), x.var(axis=0)
    xhat = (x - mu) / (var + eps).sqrt()
    y = gamma * xhat + beta
    L = (y * c).sum()
    return L, [x, gamma, beta], locals()


@example
def layer_norm(rng):
    x, c = leaf(rng.normal(size=(5, 4))), rng.normal(size=(5, 4))
    g, b = leaf(rng.normal(size=4)), leaf(rng.normal(size=4))
    mu = x.mean(axis=-1, keepdims=True)
    s = ((x - mu) ** 2).mean(axis=-1, keepdims=True)
    y = g * (x - mu) / np.sqrt(s + 1e-5) + b
    L = (y * c).sum()
    return L, [x, g, b], locals()


@example
def attention(rng):
    X, T = rng.normal(size=(5, 4)), rng.normal(size=(5, 2))
    Wq, Wk, Wv = (
        leaf(rng.normal(size=(4, 2))),
        leaf(rng.normal(size=(4, 2))),
        leaf(rng.normal(size=(4, 2))),
    )
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    d = 2
    S = Q @ K.T / np.sqrt(d)
    A = tg.softmax(S)
    out = A @ V
    L = ((out - T) ** 2).mean()
    return L, [Wq, Wk, Wv], locals()


@example
def attention_with_a_mask(rng):
    Q, K, V = (
        leaf(rng.normal(size=(5, 3))),
        leaf(rng.normal(size=(5, 3))),
        leaf(rng.normal(size=(5, 2))),
    )
    mask = np.tril(np.ones((5, 5), bool))
    S = tg.where(mask, Q @ K.T / np.sqrt(3), -1e9)
    A = tg.softmax(S)
    L = ((A @ V) ** 2).sum()
    return L, [Q, K, V], locals()


@example
def rnn_of_three_steps(rng):
    x, y = rng.normal(size=(3, 4, 2)), rng.normal(size=(4, 3))
    W, U, b = leaf(rng.normal(size=(2, 3))), leaf(rng.normal(size=(3, 3))), leaf(rng.normal(size=3))
    h0 = np.zeros((4, 3))
    h1 = np.tanh(x[0] @ W + h0 @ U + b)
    h2 = np.tanh(x[1] @ W + h1 @ U + b)
    h3 = np.tanh(x[2] @ W + h2 @ U + b)
    L = ((h3 - y) ** 2).mean()
    return L, [W, U, b], locals()


@example
def lstm_cell(rng):
    x, h, c = rng.normal(size=(4, 2)), rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    Wf, Wi, Wo, Wc = (leaf(rng.normal(size=(5, 3))) for _ in range(4))
    v = np.concatenate([x, h], axis=1)
    f, i, o = (v @ Wf).sigmoid(), (v @ Wi).sigmoid(), (v @ Wo).sigmoid()
    c2 = f * c + i * np.tanh(v @ Wc)
    h2 = o * np.tanh(c2)
    L = (h2**2).sum()
    return L, [Wf, Wi, Wo, Wc], locals()


@example
def gru_cell(rng):
    x, h = rng.normal(size=(4, 2)), rng.normal(size=(4, 3))
    Wz, Wr, Wh = (
        leaf(rng.normal(size=(2, 3))),
        leaf(rng.normal(size=(2, 3))),
        leaf(rng.normal(size=(2, 3))),
    )
    Uz, Ur, Uh = (
        leaf(rng.normal(size=(3, 3))),
        leaf(rng.normal(size=(3, 3))),
        leaf(rng.normal(size=(3, 3))),
    )
    z, r = (x @ Wz + h @ Uz).sigmoid(), (x @ Wr + h @ Ur).sigmoid()
    n = np.tanh(x @ Wh + (r * h) @ Uh)
    h2 = (1 - z) * h + z * n
    L = (h2**2).mean()
    return L, [Wz, Wr, Wh, Uz, Ur, Uh], locals()


@example
def convolution_by_slices(rng):
    img, k = leaf(rng.normal(size=(4, 4))), leaf(rng.normal(size=(3, 3)))
    rows = [tg.stack([(img[i : i + 3, j : j + 3] * k).sum() for j in range(2)]) for i in range(2)]
    out = tg.stack(rows)
    L = (out**2).sum()
    return L, [img, k], locals()


@example
def convolution_by_shifts(rng):
    x, k = leaf(rng.normal(size=7)), leaf(rng.normal(size=3))
    y = k[0] * x[:-2] + k[1] * x[1:-1] + k[2] * x[2:]
    L = (y**2).sum()
    return L, [x, k], locals()


@example
def max_pool(rng):
    x = leaf(rng.normal(size=(4, 6)))
    p = x.reshape(2, 2, 3, 2).max(axis=(1, 3))
    L = (p**2).sum()
    return L, [x], locals()


@example
def average_pool(rng):
    x = leaf(rng.normal(size=(4, 6)))
    p = x.reshape(2, 2, 3, 2).mean(axis=(1, 3))
    L = (p**2).sum()
    return L, [x], locals()


# -- what arrays can do ----------------------------------------------------------------------------


@example
def running_sum(rng):
    x, c = leaf(rng.normal(size=5)), np.arange(1.0, 6.0)
    f = (np.cumsum(x) * c).sum()
    return f, [x], locals()


@example
def product_of_entries(rng):
    x = leaf(rng.normal(size=5))
    f = x.prod()
    return f, [x], locals()


@example
def largest_and_smallest(rng):
    x = leaf(rng.normal(size=(3, 4)))
    f = x.max(axis=1).sum() - x.min()
    return f, [x], locals()


@example
def total_variation(rng):
    x = leaf(rng.normal(size=6))
    f = abs(x[1:] - x[:-1]).sum()
    return f, [x], locals()


@example
def joined_and_stacked(rng):
    a, b = leaf(rng.normal(size=3)), leaf(rng.normal(size=3))
    f = (tg.concatenate([a, b]) ** 2).sum() + (tg.stack([a, b]) ** 3).sum()
    return f, [a, b], locals()


@example
def outer_product(rng):
    a, b, C = leaf(rng.normal(size=3)), leaf(rng.normal(size=4)), rng.normal(size=(3, 4))
    f = (np.outer(a, b) * C).sum()
    return f, [a, b], locals()


@example
def rows_that_are_centred(rng):
    X, C = leaf(rng.normal(size=(4, 3))), rng.normal(size=(4, 3))
    f = ((X - X.mean(axis=0)) * C).sum()
    return f, [X], locals()


@example
def clipped_objective(rng):
    r, A, eps = leaf(rng.uniform(0.5, 1.5, 6)), rng.normal(size=6), 0.2
    L = -np.minimum(r * A, np.clip(r, 1 - eps, 1 + eps) * A).mean()
    return L, [r], locals()


@example
def soft_update_of_rows(rng):
    x, v = leaf(rng.normal(size=(4, 3))), leaf(rng.normal(size=3))
    f = (x.at[1].add(2 * v).at[3].set(v) ** 2).sum()
    return f, [x, v], locals()


# -- models of other fields ------------------------------------------------------------------------


@example
def mixture_of_gaussians(rng):
    x, mu, s, pi = (
        rng.normal(size=(6, 1)),
        leaf(rng.normal(size=3)),
        leaf(rng.normal(size=3)),
        leaf(rng.normal(size=3)),
    )
    logp = tg.log_softmax(pi) - s - 0.5 * ((x - mu) / np.exp(s)) ** 2
    L = -tg.logsumexp(logp, axis=1).sum()
    return L, [mu, s, pi], locals()


@example
def gru_with_biases(rng):
    x, h = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    W, U, b = leaf(rng.normal(size=(3, 2))), leaf(rng.normal(size=(2, 2))), leaf(rng.normal(size=2))
    z = tg.sigmoid(x @ W + h @ U + b)
    c = np.tanh(x @ W + (z * h) @ U)
    h2 = (1 - z) * h + z * c
    L = (h2**2).sum()
    return L, [W, U, b], locals()


@example
def batch_norm_at_test_time(rng):
    x, mean, var = rng.normal(size=(5, 3)), rng.normal(size=3), rng.uniform(0.5, 2, 3)
    gamma, beta = leaf(rng.normal(size=3)), leaf(rng.normal(size=3))
    y = gamma * (x - mean) / np.sqrt(var + 1e-5) + beta
    L = (y**2).mean()
    return L, [gamma, beta], locals()


@example
def negative_binomial(rng):
    y, mu, r = rng.integers(0, 5, 6) * 1.0, leaf(rng.uniform(1, 3, 6)), leaf(2.5)
    L = ((y + r) * np.log(mu + r) - r * np.log(r) - y * np.log(mu)).sum()
    return L, [mu, r], locals()


@example
def variational_autoencoder(rng):
    x, noise = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    mu, logvar, W = (
        leaf(rng.normal(size=(4, 2))),
        leaf(rng.normal(size=(4, 2))),
        leaf(rng.normal(size=(2, 3))),
    )
    z = mu + np.exp(0.5 * logvar) * noise
    E = 0.5 * ((x - z @ W) ** 2).sum() - 0.5 * (1 + logvar - mu**2 - np.exp(logvar)).sum()
    return E, [mu, logvar, W], locals()


@example
def info_nce(rng):
    A, B, tau = leaf(rng.uniform(0, 1, (4, 3))), leaf(rng.uniform(0, 1, (4, 3))), 0.3
    S = A @ B.mT / tau
    L = -(tg.log_softmax(S) * np.eye(4)).sum() / 4
    return L, [A, B], locals()


@example
def triplet_with_distances(rng):
    a, p, n = (leaf(rng.normal(size=(5, 3))) for _ in range(3))
    dp, dn = ((a - p) ** 2).sum(axis=1), ((a - n) ** 2).sum(axis=1)
    L = np.maximum(dp - dn + 1, 0).mean()
    return L, [a, p, n], locals()


@example
def focal_loss_of_scores(rng):
    z, y, gamma = leaf(rng.normal(size=6)), (rng.uniform(size=6) > 0.5) * 1.0, 2.0
    p = tg.sigmoid(z)
    L = -(y * (1 - p) ** gamma * np.log(p) + (1 - y) * p**gamma * np.log(1 - p)).sum()
    return L, [z], locals()


@example
def smoothed_labels(rng):
    z, Y, eps = leaf(rng.normal(size=(5, 4))), one_hot(rng), 0.1
    q = (1 - eps) * Y + eps / 4
    L = -(q * tg.log_softmax(z)).sum(axis=1).mean()
    return L, [z], locals()


@example
def dice_loss(rng):
    z, y = leaf(rng.normal(size=6)), (rng.uniform(size=6) > 0.5) * 1.0
    p = tg.sigmoid(z)
    L = 1 - 2 * (p * y).sum() / (p.sum() + y.sum())
    return L, [z], locals()


@example
def kalman_update(rng):
    m, P, R, y = leaf(0.4), leaf(1.3), leaf(0.7), 1.1
    K = P / (P + R)
    m2 = m + K * (y - m)
    L = (m2 - 2) ** 2
    return L, [m, P, R], locals()


@example
def kernel_ridge_with_a_bandwidth(rng):
    D, y, alpha, s = (
        rng.uniform(0, 2, (5, 5)),
        rng.normal(size=5),
        leaf(rng.normal(size=5)),
        leaf(0.8),
    )
    K = np.exp(-D / s)
    E = ((K @ alpha - y) ** 2).sum() + 0.5 * alpha @ K @ alpha
    return E, [alpha, s], locals()


@example
def logistic_with_l2(rng):
    X, y, w, lam = (
        rng.normal(size=(6, 3)),
        (rng.uniform(size=6) > 0.5) * 1.0,
        leaf(rng.normal(size=3)),
        0.3,
    )
    L = np.logaddexp(0, X @ w).sum() - y @ (X @ w) + lam / 2 * (w**2).sum()
    return L, [w], locals()


@example
def fourier_features(rng):
    x, B, w = rng.normal(size=(6, 2)), leaf(rng.normal(size=(2, 4))), leaf(rng.normal(size=4))
    L = ((np.cos(2 * np.pi * x @ B) @ w) ** 2).mean()
    return L, [B, w], locals()


@example
def rotary_embedding(rng):
    q, t, k = leaf(rng.normal(size=(4, 2))), np.arange(4.0), rng.normal(size=(4, 2))
    c, s = np.cos(t), np.sin(t)
    f = ((q[:, 0] * c - q[:, 1] * s) * k[:, 0] + (q[:, 0] * s + q[:, 1] * c) * k[:, 1]).sum()
    return f, [q], locals()


@example
def rms_norm(rng):
    x, g, c = leaf(rng.normal(size=(4, 3))), leaf(rng.normal(size=3)), rng.normal(size=(4, 3))
    r = np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-6)
    L = (x / r * g * c).sum()
    return L, [x, g], locals()


@example
def group_norm(rng):
    x, c = leaf(rng.normal(size=(4, 6))), rng.normal(size=(4, 2, 3))
    h = x.reshape(4, 2, 3)
    d = h - h.mean(axis=2, keepdims=True)
    L = (d / np.sqrt((d**2).mean(axis=2, keepdims=True) + 1e-5) * c).sum()
    return L, [x], locals()


@example
def convolution_of_windows(rng):
    x, k, t = leaf(rng.normal(size=7)), leaf(rng.normal(size=3)), rng.normal(size=5)
    y = sum(x[i : i + 5] * k[i] for i in range(3))
    L = ((y - t) ** 2).sum()
    return L, [x, k], locals()


@example
def average_of_pairs(rng):
    x, t = leaf(rng.normal(size=8)), rng.normal(size=4)
    L = ((0.5 * (x[::2] + x[1::2]) - t) ** 2).sum()
    return L, [x], locals()


@example
def clipped_policy_of_logits(rng):
    z, old, A = leaf(rng.normal(size=6)), rng.normal(size=6), rng.normal(size=6)
    r = np.exp(z - old)
    L = -np.minimum(r * A, np.clip(r, 0.8, 1.2) * A).mean()
    return L, [z], locals()


@example
def temporal_difference(rng):
    X, Xn, r, w, gamma = (
        rng.normal(size=(6, 3)),
        rng.normal(size=(6, 3)),
        rng.normal(size=6),
        leaf(rng.normal(size=3)),
        0.9,
    )
    L = 0.5 * ((r + gamma * Xn @ w - X @ w) ** 2).mean()
    return L, [w], locals()


@example
def policy_with_an_entropy_bonus(rng):
    z, R = leaf(rng.normal(size=(5, 4))), rng.normal(size=(5, 4))
    p = tg.softmax(z)
    J = (p * R).sum() - 0.01 * (p * np.log(p)).sum()
    return J, [z], locals()


@example
def kl_between_gaussians(rng):
    m1, s1, m2, s2 = leaf(0.3), leaf(0.8), leaf(-0.2), leaf(1.4)
    D = np.log(s2 / s1) + (s1**2 + (m1 - m2) ** 2) / (2 * s2**2) - 0.5
    return D, [m1, s1, m2, s2], locals()


@example
def student_t(rng):
    x, mu, s, nu = rng.normal(size=6), leaf(0.3), leaf(1.2), 5.0
    L = (np.log(s) + (nu + 1) / 2 * np.log(1 + ((x - mu) / s) ** 2 / nu)).sum()
    return L, [mu, s], locals()


@example
def cubic_spline(rng):
    x, knots, c, y = (
        rng.uniform(0, 1, (6, 1)),
        np.array([0.2, 0.5, 0.8]),
        leaf(rng.normal(size=3)),
        rng.normal(size=6),
    )
    B = np.maximum(x - knots, 0) ** 3
    E = ((B @ c - y) ** 2).sum()
    return E, [c], locals()


@example
def spline_with_free_knots(rng):
    x, k, c = rng.uniform(0, 1, (6, 1)), leaf([0.2, 0.5, 0.8]), leaf(rng.normal(size=3))
    E = ((np.maximum(x - k, 0) ** 3 @ c) ** 2).sum()
    return E, [k, c], locals()


@example
def vandermonde(rng):
    x, y, c = rng.normal(size=6), rng.normal(size=6), leaf(rng.normal(size=4))
    V = np.vander(x, 4)
    E = ((V @ c - y) ** 2).mean()
    return E, [c], locals()


@example
def euler_steps(rng):
    y, k, h = leaf(1.0), leaf(0.6), 0.1
    y1 = y - h * k * y
    y2 = y1 - h * k * y1
    y3 = y2 - h * k * y2
    L = (y3 - 0.7) ** 2
    return L, [y, k], locals()


@example
def springs(rng):
    x, k = leaf(rng.normal(size=(4, 2))), leaf(rng.uniform(1, 2, 3))
    d = np.sqrt(((x[1:] - x[:-1]) ** 2).sum(axis=1))
    E = 0.5 * (k * (d - 1) ** 2).sum()
    return E, [x, k], locals()


@example
def lagrangian(rng):
    x, lam, A, b = (
        leaf(rng.normal(size=3)),
        leaf(rng.normal(size=2)),
        rng.normal(size=(2, 3)),
        rng.normal(size=2),
    )
    L = 0.5 * (x**2).sum() + lam @ (A @ x - b)
    return L, [x, lam], locals()


@example
def softmax_with_a_temperature(rng):
    z, Y, T = leaf(rng.normal(size=(5, 4))), one_hot(rng), leaf(1.7)
    L = -(Y * tg.log_softmax(z / T)).sum() / 5
    return L, [z, T], locals()


@example
def hinge_of_all_classes(rng):
    z, Y = leaf(rng.normal(size=(5, 4))), one_hot(rng)
    m = np.maximum(z - (z * Y).sum(axis=1, keepdims=True) + 1, 0) * (1 - Y)
    L = m.sum() / 5
    return L, [z], locals()


@example
def gated_network(rng):
    x, W, V, U = (
        rng.normal(size=(5, 3)),
        *(leaf(rng.normal(size=shape)) for shape in ((3, 4), (3, 4), (4, 2))),
    )
    g = x @ W
    h = g * tg.sigmoid(g) * (x @ V)
    L = ((h @ U) ** 2).mean()
    return L, [W, V, U], locals()


@example
def attention_with_a_slope(rng):
    Q, K, V = (leaf(rng.normal(size=(4, 3))) for _ in range(3))
    D, m = -abs(np.subtract.outer(np.arange(4.0), np.arange(4.0))), leaf(0.5)
    A = tg.softmax(Q @ K.mT / np.sqrt(3) + m * D)
    L = (A @ V).sum()
    return L, [Q, K, V, m], locals()


@example
def cumulative_hazard(rng):
    h, d = leaf(rng.normal(size=6)), np.array([0.0, 1, 0, 1, 1, 0])
    H = np.cumsum(np.exp(h))
    L = (H - d * h).sum()
    return L, [h], locals()


@example
def cox_partial_likelihood(rng):
    X, d, w = rng.normal(size=(6, 3)), np.array([0.0, 1, 0, 1, 1, 0]), leaf(rng.normal(size=3))
    eta = X @ w
    L = -(d * (eta - np.log(np.cumsum(np.exp(eta))))).sum()
    return L, [w], locals()


@example
def chain_of_three_labels(rng):
    s, T = leaf(rng.normal(size=(3, 2))), leaf(rng.normal(size=(2, 2)))
    a1 = s[0]
    a2 = tg.logsumexp(a1[:, None] + T, axis=0) + s[1]
    a3 = tg.logsumexp(a2[:, None] + T, axis=0) + s[2]
    logZ = tg.logsumexp(a3)
    return logZ, [s, T], locals()


@example
def bradley_terry(rng):
    r, i, j = leaf(rng.normal(size=4)), np.array([0, 1, 2, 3, 0]), np.array([1, 2, 3, 0, 2])
    L = -np.log(tg.sigmoid(r[i] - r[j])).sum()
    return L, [r], locals()


@example
def determinant(rng):
    A = leaf(rng.normal(size=(2, 2)))
    d = A[0, 0] * A[1, 1] - A[0, 1] * A[1, 0]
    return d, [A], locals()


@example
def log_determinant_of_scales(rng):
    a, b, c, d = (leaf(value) for value in (2.0, 0.3, -0.4, 1.5))
    L = np.log(a * d - b * c)
    return L, [a, b, c, d], locals()


@example
def rayleigh_quotient(rng):
    A, x = rng.normal(size=(3, 3)), leaf(rng.normal(size=3))
    A = A + A.T
    R = (x @ A @ x) / (x @ x)
    return R, [x], locals()


@example
def principal_components(rng):
    X, W = rng.normal(size=(6, 4)), leaf(rng.normal(size=(4, 2)))
    E = ((X - X @ W @ W.mT) ** 2).sum()
    return E, [W], locals()
