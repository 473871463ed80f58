"""How a formula is written in Python, in Unicode mathematics and in LaTeX: templates, parentheses, numbers, names.

An op's template, such as `"{} @ {}"`, is all that is known about it. What binds tighter than what is read off the template: off
Python's own grammar for the Python text, off its brackets for the mathematics.
"""

from __future__ import annotations

import ast
import inspect
import keyword
import re
import unicodedata
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from string import Formatter
from typing import Any, NamedTuple

import numpy as np

from .core import Tensor
from .operation import Op
from .registry import numpy_functions, registry

# how tightly a text holds together; a slot of a template needs at least so much, or it gets parentheses
LOOSE, COMPARED, OR, AND, SUM, BIG, PRODUCT, JOINED, SIGNED, POWER, CALLED, ATOM = range(12)

_LEVELS: dict[type, int] = {
    ast.Compare: COMPARED, ast.BitOr: OR, ast.BitXor: OR, ast.BitAnd: AND, ast.Add: SUM, ast.Sub: SUM, ast.Mult: PRODUCT,
    ast.Div: PRODUCT, ast.FloorDiv: PRODUCT, ast.Mod: PRODUCT, ast.MatMult: PRODUCT, ast.UnaryOp: SIGNED, ast.Pow: POWER,
}  # fmt: skip
_UNITS = ((1.0, ""), (np.pi, r"\pi"), (1 / np.pi, r"1/\pi"), (np.e, "e"), (np.log(2), r"\ln 2"), (np.log(10), r"\ln 10"))  # known constants
_BIG = ("\\sum", "\\prod", "Σ", "Π")
_TEX_FUNCTIONS = frozenset("sin cos tan arcsin arccos arctan sinh cosh tanh exp log max min".split())
_GREEK = dict(
    zip(
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau phi chi psi omega".split()
        + "Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega".split(),
        "αβγδεζηθικλμνξπρστφχψωΓΔΘΛΞΠΣΦΨΩ",
        strict=True,
    )
)
_SPELLED = {"lam": "lambda", "lamda": "lambda", "eps": "epsilon"}  # as programs have them
_MACROS = {f"\\{name}": letter for name, letter in _GREEK.items()} | dict(
    pair.split()
    for pair in r"""
    \sum Σ, \prod Π, \odot ⊙, \cdot ·, \sqrt[3] ∛, \sqrt √, \top ᵀ, \geq ≥, \leq ≤, \neq ≠, \neg ¬, \wedge ∧, \vee ∨,
    \lfloor ⌊, \rfloor ⌋, \lceil ⌈, \rceil ⌉""".split(",")
)
_SIGNS = {"@": "", "*": r"\odot", ">=": r"\geq", "<=": r"\leq", "==": "=", "!=": r"\neq", "&": r"\wedge", "|": r"\vee", "~": r"\neg "}
_SUPERSCRIPTS = str.maketrans("0123456789-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁻")
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


class Written(NamedTuple):
    """A text, and how tightly it holds together."""

    text: str
    level: int = ATOM


class Template(NamedTuple):
    """A template taken apart: the fields in order ("" for operands), the level each needs, and the level of the whole."""

    fields: tuple[tuple[str, str | None], ...]  # (text before, field: "0", "1", ... for operands, a name for statics, None at the end)
    needs: Mapping[str, int]
    level: int

    def fill(self, operands: Sequence[Written], statics: Mapping[str, str], bracketed: Callable[[str], str] = "({})".format) -> Written:
        """The template with its operands, in brackets where they need them."""
        parts = []
        for before, field in self.fields:
            parts.append(before)
            if field is not None and field.isdigit():
                text, level = operands[int(field)]
                parts.append(text if level >= self.needs[field] else bracketed(text))
            elif field is not None:
                parts.append(statics[field])
        return Written("".join(parts), self.level)


def _fields(template: str) -> tuple[tuple[str, str | None], ...]:
    """The template's pieces, its empty fields numbered."""
    pieces: list[tuple[str, str | None]] = []
    count = 0
    for before, field, _, _ in Formatter().parse(template):
        if field == "":
            field, count = str(count), count + 1
        pieces.append((before, field))
    return tuple(pieces)


@lru_cache
def python_template(template: str) -> Template | None:
    """A template read by Python's own grammar; None if it is not Python."""
    fields = _fields(template)
    try:
        tree = ast.parse("".join(before + (f"slot_{field}" if field is not None else "") for before, field in fields), mode="eval").body
    except SyntaxError:
        return None
    needs: dict[str, int] = {}
    for parent in ast.walk(tree):
        for child in ast.iter_child_nodes(parent):
            if isinstance(child, ast.Name) and child.id.startswith("slot_"):
                needs[child.id.removeprefix("slot_")] = _need(parent, child)
    if isinstance(tree, ast.Name):
        needs = {field: ATOM for _, field in fields if field is not None}
    return Template(fields, needs, _level(tree))


def _level(node: ast.AST) -> int:
    return _LEVELS.get(type(node.op) if isinstance(node, ast.BinOp) else type(node), ATOM)


def _need(parent: ast.AST, child: ast.AST) -> int:
    """How tightly an operand must hold together in its place in Python's grammar."""
    if isinstance(parent, ast.BinOp):
        level = _level(parent)
        if level == POWER:
            return CALLED if child is parent.left else SIGNED
        return level if child is parent.left else level + 1
    if isinstance(parent, ast.Compare):
        return COMPARED + 1
    if isinstance(parent, ast.UnaryOp):
        return SIGNED
    base = parent.value if isinstance(parent, (ast.Attribute, ast.Subscript)) else getattr(parent, "func", None)
    return ATOM if child is base else LOOSE


@lru_cache
def math_template(template: str, python: str) -> Template:
    """A template of mathematics: slots in brackets need nothing, bare ones what the signs beside them, or the op's Python, ask for."""
    fields = _fields(template)
    depth = 0
    bare: list[tuple[str, str, str]] = []  # the slots outside of brackets, with the text before and after each
    raised, start = False, ""
    for i, (before, field) in enumerate(fields):
        start += before
        for sign in before.replace("\\rfloor", "]").replace("\\rceil", "]").replace("\\lfloor", "[").replace("\\lceil", "["):
            depth += (sign in "([{⌊⌈") - (sign in ")]}⌋⌉") + (sign == "|") * (1 - 2 * (depth > 0))
            raised |= sign == "^" and depth == 0
        if field is not None and field.isdigit() and depth == 0:
            bare.append((field, start.strip(), fields[i + 1][0] if i + 1 < len(fields) else ""))
    needs = {field: LOOSE for _, field in fields if field is not None}
    grammar = python_template(python)
    if len(bare) == 2:
        if not fields[1][0].strip():  # a product without a sign binds tighter than one with
            return Template(fields, {"0": JOINED, "1": JOINED + 1}, JOINED)
        operator = grammar if grammar and grammar.level < ATOM else Template((), {"0": PRODUCT, "1": PRODUCT + 1}, PRODUCT)
        needs.update({field: operator.needs.get(field, ATOM) for field, _, _ in bare})
        return Template(fields, needs, operator.level)
    level = POWER if raised or "\\frac" in template else CALLED
    for field, before, after in bare:
        if "at" in after:  # zeros, and a product at some places
            needs[field], level = PRODUCT, BIG
        elif after[:1]:
            needs[field], level = (ATOM, POWER) if raised else (CALLED, CALLED)
        elif before.startswith((*_BIG, "-")):
            needs[field], level = BIG, SIGNED if before == "-" else BIG
        else:
            needs[field] = CALLED if before.endswith("^") else ATOM
    return Template(fields, needs, level)


def unicode_template(template: str) -> str:
    """A LaTeX template in Unicode signs, its groups dissolved: what was in them is a bare slot now."""
    template = re.sub(r"\\frac\{\{(.*?)\}\}\{\{(.*?)\}\}", r"\1 / \2", template)
    for macro in sorted(_MACROS, key=len, reverse=True):
        template = template.replace(macro, _MACROS[macro])
    template = template.replace("{{", "").replace("}}", "").replace("\\operatorname", "")
    return re.sub(r"\\([A-Za-z]+)", r"\1", template.replace("^ᵀ", "ᵀ"))


# -- literals ------------------------------------------------------------------------------------------------------------------


def python_number(value: Any) -> Written:
    """A Python or NumPy number, exactly."""
    if isinstance(value, (np.ndarray, np.generic)):
        if value.dtype.kind == "b":
            return Written(f"np.bool({bool(value)})")
        if value.dtype == np.longdouble:  # which no literal holds
            return Written(f"np.longdouble({np.format_float_scientific(np.longdouble(value))!r})")
        return Written(f"np.{value.dtype.name}({python_number(value.item()).text})")
    text = plain_text(value)
    if "n" in text and isinstance(value, float):  # inf and nan
        text = text.replace("inf", "np.inf").replace("nan", "np.nan")
    return Written(text, SIGNED if text.startswith("-") else CALLED)


def is_repeated(array: Any) -> bool:
    """Whether an array has a literal, since it is one finite number at every entry."""
    return bool(array.size and array.dtype.kind in "fiu" and np.isfinite(first := array.flat[0]) and (array == first).all())


def python_array(array: Any) -> Written:
    """An array of one number: np.ones((2, 3)), np.full(4, 0.5)."""
    value, shape = array.flat[0].item(), array.shape[0] if array.ndim == 1 else array.shape
    dtype = "" if array.dtype == np.float64 else f", np.{array.dtype.name}"
    if value in (0, 1) and not np.signbit(array.flat[0]):
        return Written(f"np.{('zeros', 'ones')[int(value)]}({shape}{dtype})")
    return Written(f"np.full({shape}, {python_number(value).text}{dtype})")


def plain_text(value: Any) -> str:
    """The literal of a number or string; of a class derived from int, float or str, whose repr may be anything, that of its base."""
    bases = [base for base in (bool, int, float, str) if isinstance(value, base)]
    return bases[0].__repr__(value) if bases else repr(value)


def math_number(value: Any) -> str:
    """A number in LaTeX, as many digits as a reader wants."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, bool):
        return r"\text{true}" if value else r"\text{false}"
    if value != value or value in (np.inf, -np.inf):
        return {"nan": r"\text{nan}", "inf": r"\infty"}.get(str(value), r"-\infty")
    digits, e, exponent = f"{value:.6g}".partition("e")
    if isinstance(value, int) or is_decimal(value) or not (known := recognised(abs(value))):
        return rf"{digits} \times 10^{{{int(exponent)}}}" if e else digits
    return f"-{known}" if value < 0 else known


def is_decimal(value: float) -> bool:
    """Whether six digits are all of a number, to its last bits."""
    return bool(abs(float(f"{value:.6g}") - value) <= 8 * np.spacing(abs(float(value))))


def _flat(latex: str) -> str:
    """A number of LaTeX in one line."""
    text = re.sub(r"\\frac\{(.*)\}\{(.*)\}", lambda f: f"{f[1]}/({f[2]})" if " " in f[2] else f"{f[1]}/{f[2]}", latex)
    text = re.sub(r"\\sqrt\{([^{}]*)\}", lambda root: f"√({root[1]})" if re.search(r"[ /]", root[1]) else f"√{root[1]}", text)
    for latex, sign in ((r"\infty", "∞"), (r"\text", ""), (r"\pi", "π"), (r"\ln ", "ln"), ("\\", ""), ("{", ""), ("}", ""), (" ", "")):
        text = text.replace(latex, sign)
    return re.sub(r"(?<=\d)ln", "·ln", text).replace("-", "−").replace("ln", "ln ")


@lru_cache(maxsize=4096)
def recognised(value: float) -> str:
    r"""A positive number in LaTeX, if it is a small fraction, its root, or a small multiple of π, e, ln 2 or ln 10; else "".

    >>> recognised(1 / 3), recognised(2**0.5), recognised(np.pi / 2), recognised(0.7182)
    ('\\frac{1}{3}', '\\sqrt{2}', '\\frac{\\pi}{2}', '')
    """
    for unit, sign in _UNITS:
        if (found := ratio(value / unit)) is not None:
            return _fraction(*found, sign)
    for unit, sign in _UNITS[:3]:
        if (found := ratio(value * value / unit)) is not None:
            above, below = found
            root = _fraction(above if above > 1 or sign else below, below if above > 1 or sign else 1, sign)
            return rf"\sqrt{{{root}}}" if above > 1 or sign else rf"\frac{{1}}{{\sqrt{{{root}}}}}"
    return ""


def ratio(value: float, largest: int = 100) -> tuple[int, int] | None:
    """The fraction of two small whole numbers that a float is, to its last digits."""
    if not 1 / largest <= value <= largest:
        return None
    found = Fraction(value).limit_denominator(largest)
    return found.as_integer_ratio() if abs(float(found) - value) <= 8 * np.spacing(value) else None


def _fraction(above: int, below: int, sign: str) -> str:
    """above / below times a constant."""
    if sign.startswith("1/"):
        over = sign[2:] if below == 1 else f"{below} {sign[2:]}"
        return rf"\frac{{{above}}}{{{over}}}"
    top = sign if sign and above == 1 else f"{above} {sign}" if sign else str(above)
    return top if below == 1 else rf"\frac{{{top}}}{{{below}}}"


def opaque(value: Any, named: Container[int] = ()) -> Iterator[Any]:
    """The parts of a static argument that have no literal, or a name of their user's, and appear by name."""
    if isinstance(value, (tuple, list)):
        for part in value:
            yield from opaque(part, named)
    elif (hasattr(value, "shape") and id(value) in named) or literal(value, {}) is None:
        yield value


def literal(value: Any, names: Mapping[int, str]) -> str | None:
    """A static argument (an axis, a shape, an index, a dtype) as Python, what has no literal by its name."""
    if id(value) in names:
        return names[id(value)]
    if value is None or isinstance(value, (bool, int, float, str)):
        return python_number(value).text if isinstance(value, float) else plain_text(value)
    if value is Ellipsis:
        return "..."
    if isinstance(value, np.generic) and value.dtype.kind in "iub":
        return repr(value.item())
    if isinstance(value, (tuple, list)):
        parts = [literal(part, names) or "?" for part in value]
        inside = ", ".join(parts) + "," * (len(parts) == 1 and isinstance(value, tuple))
        return f"({inside})" if isinstance(value, tuple) else f"[{inside}]"
    if isinstance(value, slice):
        return f"slice({', '.join(literal(part, names) or '?' for part in (value.start, value.stop, value.step))})"
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, (np.generic, float, int, bool))):
        dtype = np.dtype(value)
        return f"np.{dtype.name}" if dtype.isnative else f"np.dtype({dtype.str!r})"
    if isinstance(value, np.ndarray) and value.ndim == 1 and 0 < value.size <= 8 and value.dtype.kind in "iub":
        return repr(value.tolist())
    return None


def index_literal(index: Any, names: Mapping[int, str]) -> str:
    """An index as it stands between square brackets."""
    if isinstance(index, slice) and id(index) not in names:
        ends = ["" if end is None else literal(end, names) or "?" for end in (index.start, index.stop, index.step)]
        return f"{ends[0]}:{ends[1]}" + f":{ends[2]}" * bool(ends[2])
    if type(index) is tuple and len(index) > 0:
        return ", ".join(index_literal(part, names) for part in index)
    return literal(index, names) or "?"


def _has_slice(index: Any) -> bool:
    return any(isinstance(part, slice) or part is Ellipsis for part in (index if type(index) is tuple else (index,)))


# -- names ---------------------------------------------------------------------------------------------------------------------


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
    """The letter of names made up for a kind of value (t1, t2, ...), another one where the user has such names."""
    letters = {"t": "tsuvh", "c": "ckdae", "p": "pqwbr"}.get(kind, kind)
    return next((c for c in letters if not any(re.fullmatch(rf"{c}_?\d*", name) for name in taken)), kind)


def _parts(label: str) -> tuple[str, str, str] | None:
    """A label as letters, number and word: W1 is W 1, delta_2 is delta 2, x_train is x and train."""
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
    return _GREEK.get(base, base) + number.translate(_SUBSCRIPTS) + f"_{word}" * bool(word)


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
        if base in _GREEK
        else f"\\{GREEK_LETTERS[base]}"
        if base in GREEK_LETTERS
        else base
        if len(base) == 1
        else f"\\mathrm{{{base}}}"
    )
    below = ",".join([number] * bool(number) + [f"\\mathrm{{{word}}}".replace("_", r"\_")] * bool(word))
    return base + f"_{{{below}}}" * bool(below)


GREEK_LETTERS = {letter: name for name, letter in _GREEK.items()}
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


# -- the three languages -------------------------------------------------------------------------------------------------------


def _template(of: Any, static: Mapping[str, Any]) -> str:
    """An op's template, which may depend on its static arguments."""
    return str(of if isinstance(of, str) else of(**static))


def is_numpys(op: Op) -> bool:
    """Whether NumPy has a function of the op's name that is the op."""
    ours = numpy_functions.get(getattr(np, op.name, None))
    return ours is not None and getattr(ours, "__name__", getattr(ours, "name", "")) == op.name


def is_bare_function(op: Op) -> bool:
    """Whether Python calls the op by its own name, because NumPy does not have it."""
    python = python_template(op.write) if isinstance(op.write, str) and op.write else None
    return not (python or callable(op.write) or hasattr(np.ndarray, op.name) or isinstance(op.run, np.ufunc) or is_numpys(op))


class Call(NamedTuple):
    """A call of an op, as a tensor remembers it, and the number of axes of what it gave."""

    op: Op
    args: Sequence[Any]
    static: Mapping[str, Any]
    ndim: int


class Language:
    """What a formula is written in."""

    def name(self, identifier: str, label: str) -> Written:
        """A name, as the language writes it."""
        raise NotImplementedError

    def number(self, value: Any) -> Written:
        """A number, or an array that holds one."""
        raise NotImplementedError

    def call(self, made: Call, operands: Sequence[Written], names: Mapping[int, str]) -> Written:
        """A call of an op, on operands that are written already."""
        raise NotImplementedError


class Python(Language):
    """Python with NumPy, exactly."""

    def name(self, identifier: str, label: str) -> Written:
        return Written(identifier)

    def number(self, value: Any) -> Written:
        return python_array(value) if np.ndim(value) else python_number(value)

    def call(self, made: Call, operands: Sequence[Written], names: Mapping[int, str]) -> Written:
        op, _, static, ndim = made
        written = _template(op.write, static)
        template = python_template(written) if written else None
        # of numbers, `**` and np.power differ in the last bit
        if template is None or (template.level == POWER and ndim == 0):
            return self._function(op, static, operands, names)
        statics = {key: index_literal(value, names) if key == "index" else literal(value, names) or "?" for key, value in static.items()}
        return template.fill(operands, statics)

    def _function(self, op: Op, static: Mapping[str, Any], operands: Sequence[Written], names: Mapping[int, str]) -> Written:
        """A method if arrays have it, a function of NumPy, or the op by its own name."""
        statics = statics_text(op, static, names)
        if hasattr(np.ndarray, op.name) and len(operands) == 1:
            text, level = operands[0]
            return Written(f"{text if level == ATOM else f'({text})'}.{op.name}({', '.join(statics)})")
        called = f"np.{op.run.__name__}" if isinstance(op.run, np.ufunc) else f"np.{op.name}" if is_numpys(op) else op.name
        arguments = [text for text, _ in operands]
        if op.variadic is not None:
            arguments = [f"[{', '.join(arguments)}]"]
        return Written(f"{called}({', '.join([*arguments, *statics])})")


def is_guard(value: Any) -> bool:
    """Whether a number is there only to keep others off zero."""
    return isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind == "f" and bool(value == np.finfo(value.dtype).tiny)


def statics_text(op: Op, static: Mapping[str, Any], names: Mapping[int, str]) -> list[str]:
    """Static arguments as in a call: those without a default by place, those that differ from it by name."""
    texts = []
    for key, value in static.items():
        default = op.defaults.get(key, inspect.Parameter.empty)
        if value is default or (type(value) is type(default) and not isinstance(value, np.ndarray) and value == default):
            continue
        text = f"np.s_[{index_literal(value, names)}]" if key == "index" and _has_slice(value) else literal(value, names) or "?"
        texts.append(f"{key}={text}" if key in op.defaults else text)
    return texts


def _outer(args: Sequence[Any], names: Container[int]) -> int:
    """Whether a product is of every entry of a column with every entry of a row: 1, of a row with a column: -1, otherwise 0."""
    for of, (a, b) in ((1, args), (-1, args[::-1])):
        column, row = np.shape(a), place(b, names)
        if len(column) == 2 and column[1] == 1 < column[0] and len(row.shape) == 1 < row.shape[0] and row.axes == [-1]:
            return of
    return 0


def _is_upright(op: Op, args: Sequence[Any], static: Mapping[str, Any]) -> bool:
    """Whether an op gives its operand other axes of length 1 and no more, which books leave to the reader."""
    if op.name != "reshape":
        return False
    of = np.shape(args[0])
    shape = static["shape"] if isinstance(static["shape"], tuple) else (static["shape"],)
    rest = int(np.prod(of)) // max(1, -int(np.prod(shape))) if -1 in shape else 0
    return [k for k in of if k != 1] == [rest if k == -1 else k for k in shape if (rest if k == -1 else k) != 1]


def _is_unwritten(op: Op, args: Sequence[Any], static: Mapping[str, Any]) -> bool:
    """Whether mathematics shows the operand of an op in its place."""
    return (op.name == "maximum" and is_guard(args[1])) or _template(op.latex, static) == "{}" or _is_upright(op, args, static)


class Place(NamedTuple):
    """An operand as it is written, and where its axes come to lie beside another: counted from the last, as NumPy lines arrays up."""

    shape: tuple[int, ...]
    axes: list[int]
    is_column: bool  # it reads Σ over the columns, which stands beside the rows

    def upright(self, ndim: int) -> tuple[Any, ...]:
        """What puts the axes there: v[:, None]."""
        found: list[Any] = [None] * ndim
        for i in self.axes:
            found[i] = slice(None)
        while found[-1] is not None and len(found) > 1:
            found.pop()
        return tuple(found)


def place(a: Any, names: Container[int]) -> Place:
    """The place of an operand whose new axes, of length 1, are left to the reader."""
    chain: list[Tensor] = []
    while (
        type(a) is Tensor
        and a.op is not None
        and id(a) not in names
        and _is_unwritten(a.op, a.args, a.static)
        and np.ndim(a) > np.ndim(a.args[0]) > 0
    ):
        chain.append(a)
        a = a.args[0]
    shape = np.shape(a)
    axes = [i - len(shape) for i, n in enumerate(shape) if n != 1]
    for t in reversed(chain):
        if t.op is not registry["broadcast_to"]:  # which lines axes up as any op does
            axes = [i - t.ndim for i, n in enumerate(t.shape) if n != 1]
    is_sum = type(a) is Tensor and a.op is not None and id(a) not in names and a.ndim == 1 == np.ndim(a.args[0]) - 1
    return Place(shape, axes, is_sum and a.static.get("axis") in (1, -1) and a.op.shapes == "axes")


def _is_misread(places: Sequence[Place]) -> bool:
    """Whether who lines arrays up as NumPy does, a vector also beside the columns of a matrix as long, comes to another result."""
    read = [[i - len(p.shape) for i, n in enumerate(p.shape) if n != 1] for p in places]
    found = [p.axes for p in places]
    deep = max(len(p.shape) for p in places)
    if deep == 2:
        lengths = [max((p.shape[i] for p in places if len(p.shape) == 2 and p.shape[i] != 1), default=0) for i in (0, 1)]
        for k, p in enumerate(places):
            if len(p.shape) == 1 < p.shape[0] and (p.shape[0] != lengths[1] or p.is_column) and lengths[0] in (p.shape[0], 0):
                read[k] = [-2]
    return read != found


class Mathematics(Language):
    """What Unicode and LaTeX have in common."""

    top: str  # the sign of a transposed matrix

    def template(self, op: Op, static: Mapping[str, Any]) -> Template | None:
        """The op's template in this language; None if it is a plain function."""
        written, latex = _template(op.write, static), _template(op.latex, static)
        python = python_template(written) if written else None
        if not latex and python is not None and python.level < ATOM:
            latex = re.sub(r"[^{} \w-]+", lambda sign: _SIGNS.get(sign[0], sign[0]), written).replace("  ", " ")
        return self.prepared(latex, written) if latex else None

    def prepared(self, latex: str, python: str) -> Template:
        """A LaTeX template for use in this language."""
        raise NotImplementedError

    def text(self, text: str) -> str:
        """Words and literals of code, in this language."""
        raise NotImplementedError

    def function(self, name: str) -> str:
        """A function's name."""
        raise NotImplementedError

    def over(self, axis: Any, ndim: int) -> str:
        """The axes that a reduction goes over, as a subscript."""
        if axis is None or ndim < 2:
            return ""
        axes = [a % ndim for a in (axis if isinstance(axis, tuple) else (axis,))]
        if ndim == 2 and len(axes) == 1:
            return self.subscript(("rows", "columns")[axes[0]])
        return self.subscript(f"{'axis' if len(axes) == 1 else 'axes'} {', '.join(map(str, axes))}")

    def subscript(self, words: str) -> str:
        """Words below the line."""
        raise NotImplementedError

    def call(self, made: Call, operands: Sequence[Written], names: Mapping[int, str]) -> Written:
        op, args, static, _ = made
        if _is_unwritten(op, args, static):
            return operands[0]
        is_product = _template(op.write, static) == "{} * {}"
        if len(args) > 1 and not op.shapes and op.variadic is None and not op.cases and not (is_product and _outer(args, names)):
            operands = self.upright(args, operands, names)
        template = self.template(op, static)
        over = self.over(static["axis"], np.ndim(args[0])) if "axis" in static else ""
        if template is None:
            shown = {key: value for key, value in static.items() if op.shapes != "axes" or key not in ("axis", "keepdims")}
            arguments = [text for text, _ in operands] + [self.text(s) for s in statics_text(op, shown, names)]
            return Written(self.function(op.name) + over * (op.shapes == "axes") + self.bracketed(", ".join(arguments)), CALLED)
        statics = {
            key: self.text(index_literal(value, names) if key == "index" else literal(value, names) or "?") for key, value in static.items()
        }
        statics["over"] = over
        if is_product:
            return self.product(template, args, operands, names)
        return self.filled(template, operands, statics)

    def upright(self, args: Sequence[Any], operands: Sequence[Written], names: Container[int]) -> Sequence[Written]:
        """Operands entry by entry beside each other, with their new axes where these cannot be left to the reader."""
        places = [place(a, names) for a in args]
        if not _is_misread(places):
            return operands
        ndim = max(-i for p in places for i in p.axes)
        template = self.prepared("{}[{index}]", "{}[{index}]")
        found = list(operands)
        for k, p in enumerate(places):
            if p.axes and (p.is_column or p.axes != [i - len(p.shape) for i, n in enumerate(p.shape) if n != 1]):
                found[k] = template.fill([operands[k]], {"index": self.text(index_literal(p.upright(ndim), {}))}, self.bracketed)
        return found

    def filled(self, template: Template, operands: Sequence[Written], statics: Mapping[str, str]) -> Written:
        """The template with its operands."""
        if (
            len(operands) == 2
            and template.level != COMPARED
            and min(template.needs.values()) > LOOSE
            and operands[1].text[:1] in ("-", "−")
        ):
            operands = [operands[0], Written(self.bracketed(operands[1].text))]  # a − (−b)
        if template.level == SIGNED and operands[0].text[:1] in ("-", "−"):
            operands = [Written(self.bracketed(operands[0].text))]  # −(−a)
        whole = template.fill(operands, statics, self.bracketed)
        return whole._replace(level=BIG) if template.level == SIGNED and operands[0].level == BIG else whole  # (−Σ a) / b

    def bracketed(self, text: str) -> str:
        """A text in parentheses."""
        return f"({text})"

    def product(self, template: Template, args: Sequence[Any], operands: Sequence[Written], names: Container[int]) -> Written:
        """Entry by entry between arrays; with a number or a scalar it is an ordinary product, and a sum may follow bare."""
        left, right = operands
        if outer := _outer(args, names):
            text, more = operands if outer > 0 else operands[::-1]
            column = text.text if text.level >= JOINED else self.bracketed(text.text)
            row = more.text if more.level >= CALLED else self.bracketed(more.text)
            return Written(f"{column} {row}{self.top}", JOINED)
        level = PRODUCT
        if right.level == BIG:
            right, level = Written(right.text, ATOM), BIG
        whole = self.filled(template, (left, right), {})
        if any(np.ndim(a) == 0 for a in args):
            bare = type(args[0]) is not Tensor and not right.text[:1].isdigit() and left.level == CALLED
            whole = whole._replace(text=self.scaled(template, (left, right), bare))
        return whole._replace(level=level)

    def scaled(self, template: Template, operands: Sequence[Written], bare: bool) -> str:
        """A product with a scalar; bare, if its first factor is a numeral."""
        fields = tuple((before if i != 1 else self.dot(bare), field) for i, (before, field) in enumerate(template.fields))
        return self.filled(template._replace(fields=fields), operands, {}).text

    def dot(self, bare: bool) -> str:
        """The sign of an ordinary product."""
        raise NotImplementedError

    def repeated(self, array: Any, one: str) -> Written:
        """An array of one number: ones, or their multiple."""
        first = array.flat[0]
        if first in (0, 1):
            return Written(one if first else "0")
        number = self.number(first)
        return Written(f"{number.text}{self.dot(True)}{one}", PRODUCT if number.level != SIGNED else SIGNED)


class Unicode(Mathematics):
    """Mathematics in plain text."""

    top = "ᵀ"

    def name(self, identifier: str, label: str) -> Written:
        return Written(unicode_name(label), CALLED if "/∂" in label else ATOM)

    def number(self, value: Any) -> Written:
        if np.ndim(value):
            return self.repeated(value, "𝟏")
        text = _flat(math_number(value).replace(r" \times 10^", "e"))
        return Written(text, SIGNED if text[:1] == "−" else PRODUCT if "/" in text or re.search(r"\dπ|\de$|·", text) else CALLED)

    def prepared(self, latex: str, python: str) -> Template:
        template = math_template(unicode_template(latex), python)
        return template._replace(fields=tuple((before.replace("-", "−"), field) for before, field in template.fields))

    def text(self, text: str) -> str:
        return text

    def function(self, name: str) -> str:
        return name

    def subscript(self, words: str) -> str:
        return "_" + words.replace(" ", "").replace(",", "‚")

    def filled(self, template: Template, operands: Sequence[Written], statics: Mapping[str, str]) -> Written:
        whole = super().filled(template, operands, statics)
        power = re.fullmatch(r"(.*)\^([−\d]+)", whole.text, re.DOTALL)  # x^2 is x²
        if power and any(before.endswith("^") for before, _ in template.fields):
            return whole._replace(text=power[1] + power[2].translate(_SUPERSCRIPTS))
        return whole

    def dot(self, bare: bool) -> str:
        return "·" if bare else " · "


class Latex(Mathematics):
    """LaTeX, for MathJax, KaTeX and TeX itself."""

    top = r"^{\top}"

    def name(self, identifier: str, label: str) -> Written:
        return Written(latex_name(label), CALLED if "/∂" in label else ATOM)

    def number(self, value: Any) -> Written:
        if np.ndim(value):
            return self.repeated(value, r"\mathbf{1}")
        text = math_number(value)
        return Written(text, SIGNED if text[:1] == "-" else PRODUCT if "times" in text or " \\" in text[:6] else CALLED)

    def prepared(self, latex: str, python: str) -> Template:
        return math_template(latex, python)

    def text(self, text: str) -> str:
        return text if re.fullmatch(r"[-\d, :.()]*", text) else latex_text(text)

    def function(self, name: str) -> str:
        return f"\\{name}" if name in _TEX_FUNCTIONS else "\\operatorname{" + name.replace("_", r"\_") + "}"

    def subscript(self, words: str) -> str:
        return f"_{{\\text{{{words}}}}}"

    def filled(self, template: Template, operands: Sequence[Written], statics: Mapping[str, str]) -> Written:
        if any(_is_tall(text) for text, _ in operands):
            template = template._replace(fields=tuple((_grown(before, field is None), field) for before, field in template.fields))
        return super().filled(template, operands, statics)

    def bracketed(self, text: str) -> str:
        return rf"\left({text}\right)" if _is_tall(text) else f"({text})"

    def dot(self, bare: bool) -> str:
        return r"\, " if bare else r" \cdot "


def _is_tall(text: str) -> bool:
    return any(sign in text for sign in ("\\frac", "\\sum", "\\prod", "\\left"))


def _grown(before: str, is_end: bool) -> str:
    """A template's brackets, grown with what they hold."""
    text = before.replace("(", r"\left(").replace(")", r"\right)")
    return text.replace("|", r"\right|" if is_end else r"\left|")


LANGUAGES: dict[str, Language] = {"python": Python(), "unicode": Unicode(), "latex": Latex()}
