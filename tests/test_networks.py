"""What networks are made of: values beside loops or formulas, gradients, dtypes, programs."""

from itertools import product

import numpy as np
import pytest
from compiling import same

import tinygrad_edu as tg
from tinygrad_edu.testing import gradcheck

rng = np.random.default_rng(0)
x, y = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
images, line = rng.normal(size=(2, 4, 6, 5)), rng.normal(size=(2, 3, 9))
labels = np.array([2, 0, 3])
shares = np.array([[0.2, 0.3, 0.5], [0.0, 0.9, 0.1]])
signs = np.array([[1.0, -1, 1, 1], [-1, 1, 1, -1], [1, 1, -1, 1]])

# by name: calls, with their arrays, which are differentiated
CALLS = {
    **{name: [(lambda x, name=name: getattr(tg, name)(x), x)] for name in (
        "elu", "selu", "celu", "gelu", "silu", "mish", "leaky_relu", "hardtanh", "relu6",
        "hardsigmoid", "hardswish", "softsign", "glu", "log_sigmoid", "erf", "erfc")},
    "elu of another height": [(lambda x: tg.elu(x, 0.5), x), (lambda x: tg.celu(x, 0.5), x)],
    "gelu by tanh": [(lambda x: tg.gelu(x, "tanh"), x)],
    "prelu": [(lambda x, s: tg.prelu(x, s), x, np.array(0.2)),
              (lambda x, s: tg.prelu(x, s), line, np.array([0.1, 0.2, 0.3]))],
    "losses": [(lambda p, t, f=f, r=r: f(p, t, reduction=r), x, y)
               for f in (tg.mse, tg.mae, tg.huber) for r in ("mean", "sum", "none")],
    "hinge": [(lambda z: tg.hinge(z, signs), x)],
    "nll": [(lambda z: tg.nll(z.log_softmax(), labels), x)],
    "kl_div": [(lambda q: tg.kl_div(shares.astype(q.dtype), q),
                np.full((2, 3), 1 / 3) + shares / 9)],
    "triplet": [(lambda a, b, c: tg.triplet(a, b, c), x, y, x - y)],
    "focal": [(lambda z: tg.focal(z, signs > 0), x)],
    "binary_cross_entropy": [
        (lambda z: tg.binary_cross_entropy_with_logits(z, signs > 0, reduction="none"), x),
        (lambda z: tg.binary_cross_entropy(z.sigmoid(), signs > 0, reduction="sum"), x)],
    "cross_entropy": [
        (lambda z, how=how: tg.cross_entropy(z, labels, **how), x)
        for how in ({}, {"reduction": "none"}, {"reduction": "sum"}, {"label_smoothing": 0.2},
                    {"weight": [1.0, 2, 3, 4]}, {"ignore_index": 0},
                    {"ignore_index": 0, "weight": [1.0, 2, 3, 4], "label_smoothing": 0.1})],
    "norms": [(lambda x, w, b: tg.layer_norm(x, w, b), x, y[0], y[1]),
              (lambda x: tg.layer_norm(x, axis=(0, 1)), x), (lambda x: tg.rms_norm(x), x),
              (lambda x, w, b: tg.batch_norm(x, w, b), line, y[0, :3], y[1, :3]),
              (lambda x, w: tg.group_norm(x, 2, w), images, y[0])],
    "attention": [(lambda q, k, v: tg.attention(q, k, v), x, y, rng.normal(size=(3, 2))),
                  (lambda q, k, v: tg.attention(q, k, v, np.tri(3) > 0), x, y, x),
                  (lambda q: tg.attention(q, q, q, np.array([[0, 1, 1], [0, 0, 0], [1, 1, 1]]) > 0),
                   x)],
    "embedding": [(lambda t: tg.embedding(t, [[0, 2], [2, 2]]), x)],
    "distances": [(lambda a, b: tg.cosine_similarity(a, b), x, y),
                  (lambda a, b: tg.distance(a, b, axis=0), x, y),
                  (lambda a, b: tg.pairwise_distance(a, b), x, y)],
    "conv": [(lambda x, w: tg.conv(x, w), line, rng.normal(size=(2, 3, 2))),
             (lambda x, w, b: tg.conv(x, w, b, stride=2, padding=1), line,
              rng.normal(size=(2, 3, 3)), rng.normal(size=2)),
             (lambda x, w: tg.conv(x, w, padding="same", dilation=2), line,
              rng.normal(size=(2, 3, 2))),
             (lambda x, w: tg.conv(x, w, stride=(2, 1), padding=(0, 1)), images,
              rng.normal(size=(3, 4, 2, 3))),
             (lambda x, w: tg.conv(x, w, groups=2), images, rng.normal(size=(4, 2, 3, 3)))],
    "conv_transpose": [
        (lambda x, w: tg.conv_transpose(x, w), line, rng.normal(size=(3, 2, 2))),
        (lambda x, w, b: tg.conv_transpose(x, w, b, stride=3, padding=1, output_padding=2), line,
         rng.normal(size=(3, 2, 3)), rng.normal(size=2)),
        (lambda x, w: tg.conv_transpose(x, w, stride=(2, 1), groups=2), images,
         rng.normal(size=(4, 1, 3, 2)))],
    "pools": [(lambda x: tg.max_pool(x, 2), images), (lambda x: tg.avg_pool(x, 2), images),
              (lambda x: tg.max_pool(x, 3, stride=2, padding=1), line),
              (lambda x: tg.avg_pool(x, (3, 2), stride=1, padding=1), images),
              (lambda x: tg.adaptive_avg_pool(x, (4, 3)), images),
              (lambda x: tg.adaptive_max_pool(x, 2), line)],
}  # fmt: skip
CASES = [(name, i) for name, calls in CALLS.items() for i in range(len(calls))]


@pytest.mark.parametrize(("name", "i"), CASES)
def test_it_has_the_right_gradient_and_compiles(name, i):
    f, *arrays = CALLS[name][i]
    assert gradcheck(f, *arrays)
    whole = tg.value_and_grad(
        lambda *a: (f(*a) * np.cos(np.arange(f(*a).size)).reshape(f(*a).shape)).sum(),
        tuple(range(len(arrays))),
    )
    same(tg.compile(whole)(*arrays), whole(*arrays), rtol=1e-12)


@pytest.mark.parametrize(("name", "i"), CASES)
def test_float32_stays_float32(name, i):
    f, *arrays = CALLS[name][i]
    tensors = [tg.Tensor(a.astype(np.float32), requires_grad=True) for a in arrays]
    result = f(*tensors)
    assert result.dtype == np.float32
    result.sum().backward()
    assert all(t.grad.dtype == np.float32 for t in tensors)


# -- values ----------------------------------------------------------------------------------------


def slid(x, w, stride, dilation, groups):
    """The sums of a convolution of images, one by one."""
    n, out = x.ndim - 2, w.shape[0] // groups
    spans = [d * (k - 1) + 1 for d, k in zip(dilation, w.shape[2:], strict=True)]
    places = [(m - s) // by + 1 for m, s, by in zip(x.shape[2:], spans, stride, strict=True)]
    y = np.zeros((len(x), w.shape[0], *places))
    for image, o, *at in product(range(len(x)), range(w.shape[0]), *map(range, places)):
        first = o // out * w.shape[1]
        at_once = zip(at, stride, spans, dilation, strict=True)
        window = [slice(a * by, a * by + s, d) for a, by, s, d in at_once]
        met = x[(image, slice(first, first + w.shape[1]), *window)]
        y[(image, o, *at)] = (met * w[o]).sum()
    assert len(places) == n
    return y


@pytest.mark.parametrize(
    ("x", "w", "stride", "dilation", "groups"),
    [
        (line, rng.normal(size=(4, 3, 2)), (1,), (1,), 1),
        (line, rng.normal(size=(3, 1, 3)), (2,), (2,), 3),
        (images, rng.normal(size=(4, 2, 3, 2)), (2, 1), (1, 2), 2),
        (rng.normal(size=(1, 2, 3, 4, 3)), rng.normal(size=(2, 2, 2, 2, 2)), (1,) * 3, (1,) * 3, 1),
    ],
)
def test_a_convolution_slides_filters_over_images(x, w, stride, dilation, groups):
    found = tg.conv(x, w, stride=stride, dilation=dilation, groups=groups)
    np.testing.assert_allclose(
        found.numpy(), slid(x, w, stride, dilation, groups), rtol=1e-12, atol=1e-13
    )
    for order in (1, 2):
        assert gradcheck(
            lambda x, w: tg.conv(x, w, stride=stride, dilation=dilation, groups=groups) ** 2,
            *(x[:1], w),
            order=order,
            fast=True,
        )


def test_a_transposed_convolution_is_the_gradient_of_one():
    w = rng.normal(size=(3, 2, 3))
    upstream = rng.normal(size=(2, 3, 4))
    pulled = tg.vjp(lambda x: tg.conv(x, w, stride=2), rng.normal(size=(2, 2, 9)))[1](upstream)[0]
    np.testing.assert_allclose(
        tg.conv_transpose(upstream, w, stride=2).numpy(), pulled.numpy(), rtol=1e-12
    )


def test_smoothed_and_weighted_labels_count_as_their_probabilities():
    logs = x - np.log(np.exp(x).sum(-1, keepdims=True))
    each = np.array([1.0, 2, 3, 4])
    one_hot = np.eye(4)[labels]
    costs = -((0.9 * one_hot + 0.1 / 4) * each * logs).sum(-1)
    kept = labels != 0
    expected = costs[kept].sum() / each[labels][kept].sum()
    found = tg.cross_entropy(x, labels, weight=each, label_smoothing=0.1, ignore_index=0)
    np.testing.assert_allclose(found.item(), expected, rtol=1e-13)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda: tg.conv(line, np.ones((2, 4, 2))), "have 3 channels"),
        (lambda: tg.conv(line[0], np.ones((2, 3, 2))), r"write x\[None, None\]"),
        (lambda: tg.conv(line, np.ones((2, 3, 20))), "do not fit"),
        (lambda: tg.conv(line, np.ones((2, 3, 2)), stride=0), "whole number from 1 on"),
        (lambda: tg.max_pool(x, 2), r"shape \(N, C, ...\)"),
        (lambda: tg.dropout(x, 0.5, 0), "default_rng"),
        (lambda: tg.dropout(x, 1.0, rng), "from 0 to below 1"),
        (lambda: tg.attention(x, x, x, np.ones((3, 3))), "write mask > 0"),
        (lambda: tg.one_hot([0, 5], 3), "classes are 0 to 2"),
        (lambda: tg.embedding(x, [7]), "rows 0 to 2"),
        (lambda: tg.embedding(x, [0.5]), "whole numbers"),
        (lambda: tg.hinge(x, x > 0), "labels -1 and 1"),
        (lambda: tg.mse(x, y, reduction="average"), "'mean', 'sum' or 'none'"),
        (lambda: tg.cross_entropy(x, labels, weight=[1.0]), "each of 4 classes"),
        (lambda: tg.nll(x, [0.5, 1, 2]), "integers of shape"),
        (lambda: tg.flatten({}), "arrays or Tensors"),
        (lambda: tg.flatten([np.arange(3)]), "floats"),
        (lambda: tg.flatten([x])[1](np.zeros(3)), r"shape \(12,\)"),
        (lambda: tg.glu(np.ones(3)), "two halves"),
    ],
)
def test_errors_say_what_to_write(f, message):
    with pytest.raises((ValueError, TypeError, IndexError), match=message):
        f()


def test_equal_rows_have_a_distance_whose_gradient_is_0():
    a = tg.Tensor(x, requires_grad=True)
    tg.pairwise_distance(a, x).sum().backward()
    assert np.isfinite(a.grad).all()


def test_a_query_that_may_look_nowhere_gets_zeros_and_gives_no_gradient():
    q = tg.Tensor(x, requires_grad=True)
    y = tg.attention(q, x, x, np.array([[True] * 3, [False] * 3, [True] * 3]))
    assert (y.numpy()[1] == 0).all()
    y.sum().backward()
    assert np.isfinite(q.grad).all()
    assert (q.grad[1] == 0).all()


def test_a_network_is_fitted_as_one_vector():
    optimize = pytest.importorskip("scipy.optimize")
    inputs, target = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0.0], [1], [1], [0]])
    start = np.random.default_rng(1)
    parameters = {"W": start.normal(size=(2, 4)), "b": np.zeros(4), "v": start.normal(size=(4, 1))}
    vector, unflatten = tg.flatten(parameters)

    def loss(vector):
        p = unflatten(vector)
        return tg.mse((inputs @ p["W"] + p["b"]).tanh() @ p["v"], target)

    found = optimize.minimize(tg.value_and_grad(loss), vector, jac=True, method="L-BFGS-B")
    assert found.fun < 1e-8
    assert unflatten(found.x)["W"].shape == (2, 4)
