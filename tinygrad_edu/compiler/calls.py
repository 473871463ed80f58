"""Ops that no table holds.

A call of a compiled function, the entries at an index that is computed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from ..engine.define import op
from ..engine.op import Op
from ..engine.primitive import Primitive


class CompiledCall(Primitive):
    """The op of a compiled call, which no table holds."""

    step: object = None  # the compiled function that was called, if it computes gradients itself


def op_of(
    run: Callable[..., Any], rules: Sequence[Callable[..., Any] | None], name: str
) -> CompiledCall:
    """The op that runs a function."""
    takes, given = inspect.signature(Op.__init__).parameters, inspect.signature(op).parameters
    defaults = {
        key: given[key].default
        for key in takes
        if key in given and given[key].kind is inspect.Parameter.KEYWORD_ONLY
    }
    return CompiledCall(
        run,
        tuple(rules),
        **{**defaults, "name": name, "static": {}, "doc": f"A call of {name}, compiled."},
    )
