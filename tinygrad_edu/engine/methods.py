"""The methods and operators that ops give to Tensor.

They are attached when an op is defined; `methods.pyi`, written by `python -m tinygrad_edu.stubs`,
lists them for type checkers.
"""

from collections.abc import Iterable

from .elsewhere import AT, ATTRIBUTES, OPERATORS, Elsewhere


class Methods:
    """Tensor's base class: what the table of derivatives adds to it.

    And errors for what other libraries' arrays have.
    """

    __slots__ = ()

    def __dir__(self) -> Iterable[str]:
        return [name for name in super().__dir__() if hasattr(type(self), name)]


class AtMethods:
    """The base class of what `t.at[i]` gives: errors for what JAX's has."""


for _name, _code in ATTRIBUTES.items():
    setattr(Methods, _name, Elsewhere(_name, _code))
for _name, (_sign, _code) in OPERATORS.items():
    setattr(Methods, _name, Elsewhere(_sign, _code))
for _name, _code in AT.items():
    setattr(AtMethods, _name, Elsewhere(_name, _code, "t.at[i]"))
