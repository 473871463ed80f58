"""Is my backprop right? A backward pass and a rule by hand, checked. Follows article 000.

The forward and backward pass are plain NumPy, as a learner writes them, with a mistake that does
not stop training: the slope of the hidden layer, a1 (1 - a1), is forgotten. The check says which
gradients are wrong, where and by how much; mended, they pass. Then a learner's own op with a wrong
rule: the check of the whole network names the rule.

    python examples/is_my_backprop_right.py --out out
"""

from __future__ import annotations

import numpy as np
from _common import arguments

import tinygrad_edu as tg
from tinygrad_edu import datasets
from tinygrad_edu.testing import check_formula, gradcheck

x, y = datasets.diabetes(n=20)
rng = np.random.default_rng(0)
shapes = (x.shape[1], 4), (4,), (4, 1), (1,)  # of W1, b1, W2, b2
parameters = [rng.normal(size=shape) for shape in shapes]


def sigmoid(z):
    """As everybody writes it."""
    return 1 / (1 + np.exp(-z))


def backward(W1, b1, W2, b2):
    """By hand, the gradients of the mean cross-entropy: right for W2 and b2 alone."""
    a1 = sigmoid(x @ W1 + b1)
    o = sigmoid(a1 @ W2 + b2)
    delta2 = (o - y) / len(x)
    delta1 = delta2 @ W2.T
    return x.T @ delta1, delta1.sum(axis=0), a1.T @ delta2, delta2.sum(axis=0)


def mended_backward(W1, b1, W2, b2):
    """The same with the slope of the hidden layer."""
    a1 = sigmoid(x @ W1 + b1)
    o = sigmoid(a1 @ W2 + b2)
    delta2 = (o - y) / len(x)
    delta1 = (delta2 @ W2.T) * a1 * (1 - a1)
    return x.T @ delta1, delta1.sum(axis=0), a1.T @ delta2, delta2.sum(axis=0)


def loss(W1, b1, W2, b2):
    """The forward pass alone, as an expression of Tensors."""
    a1 = (x @ W1 + b1).sigmoid()
    return tg.binary_cross_entropy((a1 @ W2 + b2).sigmoid(), y)


swish = tg.op(  # z s(z), and a rule that forgets the first term of s(z) + z s(z) (1 - s(z))
    lambda z: z * sigmoid(z),
    lambda g, y, z: g * y * (1 - tg.sigmoid.apply(z)),
    name="swish",
)


def loss_with_swish(W1, b1, W2, b2):
    """The same network with the learner's own op in its hidden layer."""
    z1 = (x @ W1 + b1).named("z1")
    return tg.binary_cross_entropy((swish(z1).named("a1") @ W2 + b2).sigmoid(), y)


def main() -> None:
    """Print the three checks."""
    arguments(__doc__)
    print("By hand, with a1 (1 - a1) forgotten:")
    print(check_formula(loss, backward, *parameters, report=True))
    print("\nBy hand, mended:")
    print(check_formula(loss, mended_backward, *parameters, report=True))
    print("\nAn op of the learner's own:")
    print(gradcheck(loss_with_swish, *parameters, report=True))


if __name__ == "__main__":
    main()
