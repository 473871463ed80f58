"""Where the arguments of ops may lie: the open intervals that occur in the table."""

from __future__ import annotations

from math import inf, pi

from .op import Interval

REAL: Interval = (-inf, inf)
POSITIVE: Interval = (0.0, inf)
# positive, and far enough from 0 that the square of the inverse is a number
NORMAL: Interval = (1e-30, inf)
OVER_MINUS_ONE: Interval = (-1.0, inf)
OVER_ONE: Interval = (1.0, inf)
WITHIN_ONE: Interval = (-1.0, 1.0)
LOGICAL: Interval = (0.0, 0.0)  # no interval: booleans
QUARTER_TURN: Interval = (-pi / 2, pi / 2)
