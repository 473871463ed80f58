"""What an op gives to Tensor: its method, and its operator if it is written like one."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from .op import Op
from .registry import is_users
from .tensor import Tensor

# an op that is written like an operator is one: (method, reflected method)
OPERATORS = {
    "{} + {}": ("__add__", "__radd__"),
    "{} - {}": ("__sub__", "__rsub__"),
    "{} * {}": ("__mul__", "__rmul__"),
    "{} / {}": ("__truediv__", "__rtruediv__"),
    "{} ** {}": ("__pow__", "__rpow__"),
    "{} @ {}": ("__matmul__", "__rmatmul__"),
    "{} > {}": ("__gt__", ""),
    "{} >= {}": ("__ge__", ""),
    "{} < {}": ("__lt__", ""),
    "{} <= {}": ("__le__", ""),
    "{} == {}": ("__eq__", ""),
    "{} != {}": ("__ne__", ""),
    "{} & {}": ("__and__", "__rand__"),
    "{} | {}": ("__or__", "__ror__"),
    "~{}": ("__invert__", ""),
    "{} ^ {}": ("__xor__", "__rxor__"),
    "{} // {}": ("__floordiv__", "__rfloordiv__"),
    "{} % {}": ("__mod__", "__rmod__"),
    "-{}": ("__neg__", ""),
    "+{}": ("__pos__", ""),
    "abs({})": ("__abs__", ""),
    "{}[{index}]": ("__getitem__", ""),
}


def operators(made: Op) -> tuple[str, str]:
    """The methods of the operator, and of its reflection, that an op is written like; "": none."""
    return OPERATORS.get(made.write if isinstance(made.write, str) else "", ("", ""))


def attach(made: Op, call: Callable[..., Any]) -> None:
    """Give Tensor the op's method, and its operator if it is written like one."""
    if made.variadic is not None or (made.rules and made.rules[0] is None):
        return  # its first argument is no tensor to differentiate, hence no `self`

    def called(self: Tensor, *args: Any, **static: Any) -> Any:
        return made(self, *args, **static)

    method: Any = call if inspect.isfunction(call) else called
    method.__name__, method.__qualname__ = made.name, f"Tensor.{made.name}"
    method.__doc__, method.__signature__ = made.doc, made.signature("self")
    setattr(Tensor, made.name, method)
    operator, reflected = operators(made)
    if operator in vars(Tensor) and not is_users(vars(Tensor)[operator]):
        return  # t * 2 stays the table's multiply
    if operator:
        compares = operator in ("__eq__", "__ne__")
        setattr(Tensor, operator, _compared(method, operator) if compares else method)
    if reflected:
        setattr(Tensor, reflected, lambda self, other: call(other, self))


def _compared(method: Callable[..., Any], operator: str) -> Callable[..., Any]:
    """`==` or `!=`, where `t == None` asks what `t is None` asks."""
    differs = operator == "__ne__"

    def compared(self: Tensor, other: Any) -> Any:
        return method(self, other) if other is not None else differs

    compared.__doc__ = method.__doc__
    return compared
