"""Colours that the colour-blind can tell apart, in grey as well: after Okabe and Ito (2008)."""

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
    signs: str  # what tells the two apart, in words
    minus: str = ""  # a sign in the negative cells, where colours cannot tell


THEMES = {
    "light": Theme(
        paper="#ffffff",
        ink="#1a1a1a",
        faint="#5f6368",
        forward="#5f6368",
        backward="#b24a00",
        parameter="#dcecf8",
        constant="#f1f1f1",
        step="#ffffff",
        output="#fdf0cf",
        fold="#f7f7f7",
        low="#762a83",
        zero="#f7f7f7",
        high="#1b7837",
        signs="purple below 0, green above",
    ),
    "dark": Theme(
        paper="#15181c",
        ink="#f2f2f2",
        faint="#a8adb4",
        forward="#a8adb4",
        backward="#ff9d57",
        parameter="#12334a",
        constant="#2a2e33",
        step="#1d2126",
        output="#463a12",
        fold="#22262b",
        low="#c59ad6",
        zero="#30343a",
        high="#7fc97f",
        signs="purple below 0, green above",
    ),
    "print": Theme(
        paper="#ffffff",
        ink="#000000",
        faint="#404040",
        forward="#404040",
        backward="#000000",
        parameter="#ffffff",
        constant="#ffffff",
        step="#ffffff",
        output="#ffffff",
        fold="#ffffff",
        low="#8c8c8c",
        zero="#ffffff",
        high="#8c8c8c",
        signs="the darker, the further from 0; − below 0",
        minus="−",
    ),
}


def mixed(theme: Theme, share: float) -> str:
    """The colour of a heat map's entry, from -1 to 1."""
    if share != share:  # NaN
        return theme.ink
    end = theme.high if share > 0 else theme.low
    weight = min(1.0, abs(share)) ** 0.7
    channels = [(int(theme.zero[i : i + 2], 16), int(end[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(a + (b - a) * weight):02x}" for a, b in channels)
