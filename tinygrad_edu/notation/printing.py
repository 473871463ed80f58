"""Texts for a screen that may lack characters: Greek and mathematics are spelled in ASCII there."""

from __future__ import annotations

import sys
from unicodedata import name, normalize

_SPELLED = {
    "∂": "d", "⊙": "*", "·": "*", "×": "x", "−": "-", "→": "->", "≠": "!=", "≤": "<=", "≥": ">=",
    "√": "sqrt", "Σ": "Sum", "∞": "inf", "ᵀ": ".T", "…": "...", "—": "-", "–": "-",
    "’": "'", "≈": "~", "∈": "in",
    "‖": "||", "₊": "+", "₋": "-",
}  # fmt: skip


def printable(text: str) -> str:
    """The text as `print` can write it.

    On Windows, or into a file, standard output may have an encoding without `δ`.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(c if _is_known(c, encoding) else _spelled(c) for c in text)
    return text


def _is_known(character: str, encoding: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _spelled(character: str) -> str:
    """A character in ASCII: δ is delta, ₁ is 1; what has no such spelling is a question mark."""
    called = name(character, "")
    if character in _SPELLED:
        return _SPELLED[character]
    if called.startswith("GREEK") and " LETTER " in called:
        word = called.rpartition(" LETTER ")[2].split()[0].lower()
        return word.capitalize() if "CAPITAL" in called else word
    if called.startswith("BOX DRAWINGS"):
        return "+" if " AND " in called else "|" if "VERTICAL" in called else "-"
    return normalize("NFKD", character).encode("ascii", "ignore").decode() or "?"
