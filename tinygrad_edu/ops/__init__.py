"""The table of derivatives: one definition per op, in sections."""

__all__ = ["elementwise", "indexing", "linalg", "reductions", "shape", "stable"]  # first, for it is asked while they are imported

from . import elementwise, indexing, linalg, reductions, shape, stable
