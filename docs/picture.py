"""The README's picture of the 2-layer network.

`python docs/picture.py` draws it again; a test compares it with what is drawn today.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.drawing import Picture

PATH = Path(__file__).with_name("two_layer.svg")


def picture() -> Picture:
    """The network of article 000 on four records, as equations, with its values and gradients."""
    rng = np.random.default_rng(0)
    x = np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0], [0, 0, 1]])
    y = np.array([[1.0], [0], [1], [0]])
    W1 = tg.Tensor(rng.normal(size=(3, 2)).round(1), requires_grad=True)
    b1 = tg.Tensor(np.zeros(2), requires_grad=True)
    W2 = tg.Tensor(rng.normal(size=(2, 1)).round(1), requires_grad=True)
    b2 = tg.Tensor(np.zeros(1), requires_grad=True)

    z1 = x @ W1 + b1
    a1 = z1.sigmoid()
    z2 = a1 @ W2 + b2
    o = z2.sigmoid()
    J = -(y * o.log() + (1 - y) * (1 - o).log()).mean()
    J.backward()
    return tg.draw(J, detail="equations")


if __name__ == "__main__":
    print(picture().save(PATH))
