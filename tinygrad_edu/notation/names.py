"""The names of tensors as identifiers, in Unicode and in LaTeX, whatever their user called them."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable

GREEK = dict(
    zip(
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho".split()
        + "sigma tau phi chi psi omega".split()
        + "Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega".split(),
        "αβγδεζηθικλμνξπρστφχψωΓΔΘΛΞΠΣΦΨΩ",
        strict=True,
    )
)
_SPELLED = {"lam": "lambda", "lamda": "lambda", "eps": "epsilon"}  # as programs have them
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def cleaned(label: str, length: int = 60) -> str:
    """A label in one line without control characters, of bounded length."""
    text = " ".join("".join(c if c.isprintable() else " " for c in label).split()) or "unnamed"
    return text if len(text) <= length else text[: length - 1] + "…"


def identifier(label: str) -> str:
    """A Python identifier that resembles a label, whatever the label holds."""
    text = unicodedata.normalize("NFKC", cleaned(label)).replace("∂", "d")
    text = re.sub(r"\W+", "_", text).strip("_") or "t"
    text = text if text.isidentifier() else f"t_{text}"
    return f"{text}_" if keyword.iskeyword(text) else text


def free_letter(kind: str, taken: Iterable[str]) -> str:
    """The letter of names made up for a kind of value (t1, t2, ...).

    It is another one where the user has such names.
    """
    letters = {"t": "tsuvh", "c": "ckdae", "p": "pqwbr"}.get(kind, kind)
    return next(
        (c for c in letters if not any(re.fullmatch(rf"{c}_?\d*", name) for name in taken)), kind
    )


def _parts(label: str) -> tuple[str, str, str] | None:
    """A label as letters, number and word.

    W1 is W 1, delta_2 is delta 2, x_train is x and train.
    """
    found = re.fullmatch(r"([^\W\d_]+)_?(\d*)(?:_(\w*))?", label)
    return (found[1], found[2], (found[3] or "").strip("_")) if found else None


def unicode_name(label: str) -> str:
    """W1 becomes W₁, delta2 δ₂; what is no word is quoted."""
    if label.startswith("∂"):
        above, of, below = label[1:].partition("/∂")
        return f"∂{unicode_name(above)}/∂{unicode_name(below)}" if of else f"∂{unicode_name(above)}"
    parts = _parts(label)
    if parts is None:
        return label if re.fullmatch(r"\w+", label) else f"‘{cleaned(label)}’"
    base, number, word = parts
    base = _SPELLED.get(base, base)
    return GREEK.get(base, base) + number.translate(_SUBSCRIPTS) + f"_{word}" * bool(word)


def latex_name(label: str) -> str:
    r"""W1 becomes W_{1}, delta2 \delta_{2}, loss \mathrm{loss}; what is no word is escaped text."""
    if label.startswith("∂"):
        above, of, below = label[1:].partition("/∂")
        whole = rf"\partial {latex_name(above)}"
        return rf"\frac{{{whole}}}{{\partial {latex_name(below)}}}" if of else whole
    parts = _parts(label)
    if parts is None or not all(c.isascii() or c in GREEK_LETTERS for c in label):
        return latex_text(cleaned(label))
    base, number, word = parts
    base = _SPELLED.get(base, base)
    base = (
        f"\\{base}"
        if base in GREEK
        else f"\\{GREEK_LETTERS[base]}"
        if base in GREEK_LETTERS
        else base
        if len(base) == 1
        else f"\\mathrm{{{base}}}"
    )
    below = ",".join(
        [number] * bool(number) + [f"\\mathrm{{{word}}}".replace("_", r"\_")] * bool(word)
    )
    return base + f"_{{{below}}}" * bool(below)


GREEK_LETTERS = {letter: name for name, letter in GREEK.items()}
_TEX_ESCAPES = str.maketrans(
    {c: f"\\{c}" for c in "{}$&#%_"}
    | {
        "\\": r"\textbackslash{}",
        "^": r"\textasciicircum{}",
        "~": r"\textasciitilde{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        '"': "''",
        "`": "'",
        "[": "{[}",
        "]": "{]}",
    }
)


def latex_text(text: str) -> str:
    r"""Any text as \text{...}, with nothing in it that TeX would act on."""
    return f"\\text{{{text.translate(_TEX_ESCAPES)}}}"
