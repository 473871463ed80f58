"""Many steps in one call: what a step returns goes in again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from ..engine.recording import are_values_needed, is_inside_function
from .entry import MISS
from .loop import fed_back
from .signature import Signature
from .version import Version


class Step(Protocol):
    """A compiled function, as its repetition sees it."""

    name: str

    def version(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Version, Signature]:
        """The program for some arguments, and the arguments taken apart."""

    def plain_arguments(self, signature: Signature) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments as the way into a program takes them."""


class Repeated:
    """`compiled.repeat(n)`: a function of the same arguments that does n steps."""

    def __init__(self, compiled: Step, n: int, history: bool, carry: int) -> None:
        for name, number in (("n", n), ("carry", carry)):
            if isinstance(number, bool) or not isinstance(number, (int, np.integer)):
                raise TypeError(
                    f"repeat(n, carry=k) counts steps and arguments, {name} is {number!r}: write "
                    "repeat(100)"
                )
        if n < 1 or carry < 1:
            raise ValueError(
                "repeat(n, carry=k) does n steps and feeds k arguments back: both are at least 1, "
                f"not {n} and {carry}"
            )
        self.compiled, self.n, self.history, self.carry = compiled, n, history, carry
        self._entries: dict[Version, Callable[..., Any]] = {}
        self._enter: Callable[..., Any] = lambda args, kwargs: MISS

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the last step returns.

        With `history`, of what is not fed back the values of all steps, stacked.
        """
        if is_inside_function():
            raise TypeError(
                "repeat runs a finished program, through which nothing is differentiated or "
                "recorded: write a loop in its place"
            )
        if are_values_needed():
            step = self.compiled.name
            raise TypeError(
                "repeat runs a finished program, in which detect_anomaly sees no op: write a loop "
                "in its place, "
                f"`for _ in range({self.n}): state = {step}(state)`"
            )
        result = self._enter(args, kwargs)
        if result is MISS:
            version, signature = self.compiled.version(args, kwargs)
            if version not in self._entries:
                loop = fed_back(version.captured, signature, self.carry)
                self._entries[version] = version.entry(
                    version.looped(loop, self.n, self.history), remember=version.history.repeated
                )
            self._enter = self._entries[version]
            result = self._enter(*self.compiled.plain_arguments(signature))
        return result

    def __repr__(self) -> str:
        return f"<{self.n} steps of {self.compiled!r}>"
