"""The methods and operators that ops give to Tensor.

They are attached when an op is defined; `_methods.pyi`, written by `python -m tinygrad_edu.stubs`, lists them for type checkers.
"""


class Methods:
    """Tensor's base class: what the table of derivatives adds to it."""

    __slots__ = ()
