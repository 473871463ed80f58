"""The table of derivatives: one definition per op, in sections."""

from . import elementwise, indexing, linalg, reductions, shape

__all__ = ["elementwise", "indexing", "linalg", "reductions", "shape"]
