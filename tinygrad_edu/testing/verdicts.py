"""The verdict on a claim beside what was measured, with all thresholds that it takes."""

from __future__ import annotations

import numpy as np

from ..graph import ancestors
from .finite_differences import AlongLine, Slope
from .kinks import is_near_kink
from .parameters import Parameter
from .report import AGREES, DISAGREES, NOT_DIFFERENTIABLE, UNRESOLVED
from .subject import FACTOR, Subject

ALLOWED = 1e-7  # of the gradient's scale: what may differ beside the error of the numerical slope
ALLOWED_FLOAT32 = 2e-3  # the same where numbers are rounded to float32
ALLOWED_FLOAT16 = 0.1  # the same for float16
# of the smallest numbers of a dtype: what may differ beside, for those have no more digits
SUBNORMAL = 64
LOST = 1e-4  # of the scale: a gradient whose own rounding is larger than that has lost its digits
CERTAIN = 20  # errors: a claim that far from a slope is wrong, however coarse the measurement
# of the scale: what the error of a numerical slope and the difference may be where an op is checked
# alone; else ALLOWED
ALONE = 1e-5


def allowed_part(eps: float) -> float:
    """What may differ, of the scale, in a dtype with that rounding unit."""
    return ALLOWED if eps < 1e-15 else ALLOWED_FLOAT32 if eps < 1e-6 else ALLOWED_FLOAT16


def decisive(subject: Subject) -> float:
    """What the error and the difference may be, of the scale, so that they decide."""
    return max(ALONE if subject.is_part else 0.0, allowed_part(subject.eps))


def verdict_on(
    claimed: float, found: Slope, scale: float, rounding: float, line: AlongLine, lenient: bool
) -> str:
    """What claim and measurement say together; `rounding` is that of the claim.

    Where the rounding of the claim explains the difference the whole decides nothing, and an op
    alone is taken for right (`lenient`).
    """
    if not np.isfinite(claimed):
        # beyond all bounds, and so it is claimed
        grows = found.sides is not None and claimed in found.sides[:2]
        return NOT_DIFFERENTIABLE if grows else DISAGREES
    if found.sides is not None and not found.meet:
        return NOT_DIFFERENTIABLE
    difference, allowed = abs(claimed - found.value), allowed_part(line.eps) * scale
    nothing = scale <= 10 * rounding  # all that is claimed may be rounding
    # an error that does decide
    decides = max(ALONE * scale if lenient else 0.0, allowed, line.tiny if nothing else 0.0)
    if difference <= 3 * found.error + allowed:
        return AGREES if max(found.error, difference) <= decides else UNRESOLVED
    if difference <= 3 * found.error + allowed + 5 * rounding:
        if lenient:
            return AGREES if found.error + 5 * rounding <= decides else UNRESOLVED
        is_lost = difference > 3 * found.error + LOST * scale
        return DISAGREES if not nothing and is_lost else UNRESOLVED
    return DISAGREES if difference > CERTAIN * found.error + allowed else UNRESOLVED


def verdict_as_given(
    subject: Subject,
    parameter: Parameter,
    difference: float,
    exact_size: float,
    scale: float,
    rounding: float,
) -> str:
    """Whether rounding explains how the claim in the dtype given differs from the one in float64.

    A range that is too small explains it as well.
    """
    info = np.finfo(parameter.given.dtype)
    eps = float(info.eps)
    allowed = allowed_part(eps) * scale + 10 * rounding + SUBNORMAL * float(info.smallest_subnormal)
    if difference <= allowed or exact_size > info.max:
        return AGREES
    near = any(is_near_kink(t, eps) for t in ancestors(*subject.recorded))
    return NOT_DIFFERENTIABLE if near else DISAGREES


def is_rounding(claimed: float, value: float, error: float, rounding: float) -> bool:
    """Whether rounding explains a difference."""
    return bool(abs(claimed - value) <= 3 * error + 5 * rounding)


def ignores_upstream(parameter: Parameter) -> bool:
    """Whether the gradient does not follow the upstream gradient."""
    claim = parameter.claim
    with np.errstate(invalid="ignore"):
        # but for overflow and underflow
        exact = np.isfinite(claim.gradient * FACTOR) & (np.abs(claim.gradient) > 1e-290)
        off = np.where(exact, np.abs(parameter.by_factor - claim.gradient), 0.0)
        if not (off > ALLOWED * claim.size).any():
            return False
        return bool((off > ALLOWED * claim.size + 10 * claim.rounding).any())
