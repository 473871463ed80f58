"""Colours that the colour-blind can tell apart and that stay apart in grey: after Okabe and Ito (2008)."""

from __future__ import annotations

from typing import NamedTuple


class Theme(NamedTuple):
    """The colours of a picture."""

    paper: str
    ink: str
    faint: str  # captions
    forward: str
    backward: str
    parameter: str
    constant: str
    step: str
    output: str
    fold: str
    low: str  # the most negative entry of a heat map
    zero: str
    high: str  # the most positive one


THEMES = {
    "light": Theme("#ffffff", "#1a1a1a", "#5f6368", "#5f6368", "#b24a00", "#dcecf8", "#f1f1f1", "#ffffff", "#fdf0cf", "#f7f7f7", "#0072b2", "#f7f7f7", "#d55e00"),
    "dark": Theme("#15181c", "#f2f2f2", "#a8adb4", "#a8adb4", "#ff9d57", "#12334a", "#2a2e33", "#1d2126", "#463a12", "#22262b", "#56b4e9", "#30343a", "#e8853a"),
    "print": Theme("#ffffff", "#000000", "#404040", "#404040", "#000000", "#ffffff", "#ffffff", "#ffffff", "#ffffff", "#ffffff", "#606060", "#ffffff", "#b0b0b0"),
}  # fmt: skip


def mixed(theme: Theme, share: float) -> str:
    """The colour of a heat map's entry, from -1 to 1."""
    if share != share:  # NaN
        return theme.ink
    end = theme.high if share > 0 else theme.low
    weight = min(1.0, abs(share)) ** 0.7
    channels = [(int(theme.zero[i : i + 2], 16), int(end[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a + (b - a) * weight):02x}" for a, b in channels)
