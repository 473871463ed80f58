"""The articles' tables, as pairs (X, y) of float arrays: X has one row per record, y one column.

001, 002 and 000 are the articles in which the tables appear; what their text has lost and was
reconstructed is said here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Table = tuple[NDArray[np.float64], NDArray[np.float64]]

VIRUS_SYMPTOMS = ("loss of smell", "weight loss", "third symptom", "fourth symptom")
DIABETES_FACTORS = (
    "over 45",
    "overweight",
    "inactive",
    "family history",
    "high blood pressure",
    "high blood sugar",
)


def double() -> Table:
    """Four numbers and their doubles, (4, 1) and (4, 1) (001, part 5).

    For a perceptron with one weight. The article's figures are lost; these numbers agree with its
    text: w = 3 is wrong for three of the four, w = 2 for none.

    >>> X, y = double()
    >>> X.ravel().tolist(), y.ravel().tolist()
    ([0.0, 1.0, 2.0, 3.0], [0.0, 2.0, 4.0, 6.0])
    """
    X, _ = _table("0 1 2 3", "0 0 0 0")
    return X, 2 * X


def or_gate() -> Table:
    """The truth table of OR, (4, 2) and (4, 1) (001, part 10).

    >>> X, y = or_gate()
    >>> X.tolist()
    [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    >>> y.ravel().tolist()
    [0.0, 1.0, 1.0, 1.0]
    """
    return _table("00 01 10 11", "0 1 1 1")


def xor() -> Table:
    """The truth table of exclusive or, (4, 2) and (4, 1) (001, last part).

    No line separates its ones from its zeros.

    >>> X, y = xor()
    >>> y.ravel().tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    return _table("00 01 10 11", "0 1 1 0")


def virus() -> Table:
    """Symptoms and test results of eight persons, (8, 4) and (8, 1) (001, case study).

    `VIRUS_SYMPTOMS` names the columns. The text names two symptoms, and its remarks on their
    weights tell which columns they are.

    >>> X, y = virus()
    >>> X.shape, y.ravel().tolist()
    ((8, 4), [1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0])
    """
    return _table("1001 1000 0011 0100 1100 0011 0001 0010", "1 1 0 0 1 1 0 0")


def ann() -> Table:
    """Seven persons with three yes/no features, (7, 3) and (7, 1) (002, step 1).

    The text has lost most of this table; it was recovered by what the article's program makes of
    it.

    >>> X, y = ann()
    >>> X.shape, y.ravel().tolist()
    ((7, 3), [1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0])
    """
    return _table("010 001 100 110 111 011 010", "1 0 0 1 1 0 1")


def diabetes(n: int = 200, seed: int = 0) -> Table:
    """A SYNTHETIC table of n persons, (n, 6) and (n, 1): key factors, and diabetes yes or no.

    Not medical data: it stands in for the table of 000, which is lost. `DIABETES_FACTORS` names the
    columns. Each factor is present with a chance of one half. The made-up rule: high blood sugar
    with overweight or inactivity, or overweight with a family history, means yes; then one answer
    in twenty, chosen at random, is turned round. The same seed gives the same table.

    >>> X, y = diabetes(n=5)
    >>> X.shape, y.shape, set(np.unique(X)) | set(np.unique(y)) == {0.0, 1.0}
    ((5, 6), (5, 1), True)
    """
    rng = np.random.default_rng(seed)
    X = rng.random((n, len(DIABETES_FACTORS))) < 0.5
    _, overweight, inactive, family, _, sugar = X.T
    y = sugar & (overweight | inactive) | overweight & family
    y ^= rng.random(n) < 0.05
    return X.astype(float), y.astype(float).reshape(n, 1)


def _table(rows: str, targets: str) -> Table:
    """Digits as a table: one word per row of X, one digit per target."""
    X = np.array([[float(digit) for digit in row] for row in rows.split()])
    return X, np.array([[float(t)] for t in targets.split()])
