"""The table of derivatives: one definition per op, in sections."""

__all__ = [  # first, for it is asked while they are imported
    "convolution",
    "elementwise",
    "idioms",
    "indexing",
    "kinds",
    "linalg",
    "mathematics",
    "matrices",
    "reductions",
    "shape",
    "special",
    "stable",
]

from importlib import import_module

from ..engine.registry import late
from . import (
    convolution,
    elementwise,
    idioms,
    indexing,
    kinds,
    linalg,
    mathematics,
    matrices,
    reductions,
    shape,
    stable,
)


def _special() -> None:
    """Define SciPy's functions, where it is installed."""
    try:
        import_module(f"{__name__}.special")
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "scipy":
            raise


late.append(_special)
