"""Example calls of ops, on which they are tested and documented."""

from __future__ import annotations

from typing import Any


def case(*shapes: tuple[int, ...], **static: Any) -> dict[str, Any]:
    """A call with operands of these shapes, and the static arguments."""
    return {"shapes": shapes, **static}
