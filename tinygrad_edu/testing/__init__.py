"""Is my gradient right? The checker, its reports, and strategies that draw what to check.

`gradcheck`, `check_formula` and their reports need NumPy alone; the strategies, `check_op` and
`check_gradients` need Hypothesis.
"""

from typing import Any

from .checker import gradcheck
from .formulas import FormulaReport, check_formula
from .report import Blame, Entry, GradientMismatch, Report

_NEED_HYPOTHESIS = {
    "arrays": "strategies",
    "away_from_kinks": "calls",
    "broadcastable": "strategies",
    "check_gradients": "properties",
    "expressions": "random_programs",
    "matmul_operands": "strategies",
    "op_calls": "calls",
    "tensors": "strategies",
    "check_op": "ops",
}

__all__ = [
    "Blame",
    "Entry",
    "FormulaReport",
    "GradientMismatch",
    "Report",
    "check_formula",
    "gradcheck",
    *sorted(_NEED_HYPOTHESIS),
]


def __getattr__(name: str) -> Any:
    """Import what needs Hypothesis when it is asked for."""
    if name in _NEED_HYPOTHESIS:
        from importlib import import_module

        try:
            return getattr(import_module(f"{__name__}.{_NEED_HYPOTHESIS[name]}"), name)
        except ModuleNotFoundError as error:
            if error.name != "hypothesis":
                raise
            raise ModuleNotFoundError(
                f"{name} draws inputs with Hypothesis: pip install hypothesis", name="hypothesis"
            ) from error
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
