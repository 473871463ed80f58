"""What a result of a compiled function remembers.

One op for the whole call, whose backward pass is a compiled function too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from ..engine.calling import new
from ..engine.op import Op
from ..engine.recording import clock, enable_grad, no_grad
from ..engine.tensor import Tensor
from ..ops.shape import copy
from .calls import CompiledCall, op_of
from .captured import Captured
from .results import structure
from .signature import leaves_of


class Callee(Protocol):
    """A compiled function, as its programs see it."""

    f: Callable[..., Any]
    name: str
    roots: tuple[Any, ...]  # what a program may read from outside is seen from here
    donate: tuple[int | str, ...]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program for these arguments."""

    def backward(self, pull: Callable[..., Any]) -> Callable[..., Any]:
        """What pulls a gradient back through a call, compiled for the same target."""


class History:
    """Gives the results of a version their history."""

    def __init__(self, compiled: Callee, captured: Captured) -> None:
        self.compiled, self.captured = compiled, captured
        self.reach, self.is_step = captured.reach, captured.is_step
        self.ops: dict[tuple[int, tuple[int, ...]], Op] = {}

    def remember(self, results: Sequence[Any], args: Sequence[Any]) -> Sequence[Any]:
        """The results, with the op that made them, where a gradient can go back to an argument."""
        args = [a if isinstance(a, Tensor) else np.asarray(a) for a in args]
        wanted = {i for i, a in enumerate(args) if type(a) is Tensor and a._requires_grad}
        for a in args:
            if type(a) is Tensor:
                _ = a.serial  # which looks whether data that was handed out has changed
        overwritten = bool(self.compiled.donate) and self._wrote_over_constants(args)
        if self.is_step:
            args = [self._cut(a) for a in args]
        remembered = []
        for k, y in enumerate(results):
            reaching = tuple([i for i in sorted(wanted) if self.reach[k] >> i & 1])
            if reaching and overwritten:
                y = self._without_history(y, args)
            elif reaching and not any(y is a for a in args):  # a donated leaf stays one
                if type(y) is not Tensor:
                    y = Tensor(np.asarray(y), copy=False)
                y._serial = clock()
                y._op, y._args, y._requires_grad = self._op(k, reaching), tuple(args), True
            remembered.append(y)
        return remembered

    def repeated(self, results: Sequence[Any], args: Sequence[Any]) -> Sequence[Any]:
        """The results of several steps: where a gradient would go back, it is refused."""
        wanted = [i for i, a in enumerate(args) if type(a) is Tensor and a._requires_grad]
        name = self.compiled.name
        return [
            self._refusing(
                y,
                f"{name}.repeat runs a finished program, through which nothing is differentiated: "
                "write a loop in its place, or give it t.detach()",
            )
            if any(self.reach[k] >> i & 1 for i in wanted) and not any(y is a for a in args)
            else y
            for k, y in enumerate(results)
        ]

    def _wrote_over_constants(self, args: Sequence[Any]) -> bool:
        """Whether an argument was donated that no backward pass would know to have changed."""
        signature = self.captured.signature
        donated = signature.of(self.compiled.donate)
        given = [a for a, x in zip(args, signature.inputs, strict=False) if x in donated]
        return any(not (type(a) is Tensor and a._requires_grad) for a in given)

    def _without_history(self, y: Any, args: Sequence[Any]) -> Any:
        """A result of a call that wrote over what its gradient would need."""
        name = self.compiled.name
        if not self.is_step:
            raise TypeError(
                f"{name} has written its result over an argument that it was given to keep "
                f"(donate={self.compiled.donate!r}), and the gradient needs that: compile it "
                "without donate, give it t.detach(), or call it in tg.no_grad()"
            )
        if any(y is a for a in args):  # a parameter, one step on
            return y
        return self._refusing(
            y, f"{name} wrote over the arguments that the gradient needs: compile it without donate"
        )

    def _refusing(self, y: Any, why: str) -> Tensor:
        """A result with an error in place of a history."""
        t = y if type(y) is Tensor else Tensor(np.asarray(y), copy=False)
        t._serial = clock()
        t._op, t._args = self._refusal(why), (_LEAF,)
        t._requires_grad = True
        return t

    def _op(self, k: int, wanted: tuple[int, ...]) -> Op:
        """The op that makes result `k`, with rules for the wanted inputs."""
        if (k, wanted) not in self.ops:
            pull = Pull(self, k, wanted)
            rules = [
                pull.rule(wanted.index(i)) if i in wanted else None
                for i in range(len(self.captured.inputs))
            ]
            made = op_of(lambda *values: self._run(values)[k], rules, self.compiled.name)
            made.step = self.compiled if self.is_step else None
            made.plain = lambda *values: leaves_of(self.captured.result, self._again(values))[k]
            self.ops[k, wanted] = made
        return self.ops[k, wanted]

    def _given(self, values: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        args, kwargs = self.captured.signature.rebuilt(values)
        return tuple(args), kwargs

    def _run(self, values: Sequence[Any]) -> list[Any]:
        with no_grad():
            args, kwargs = self._given(values)
            results = leaves_of(self.captured.result, self.compiled(*args, **kwargs))
        return [y._array if type(y) is Tensor else np.asarray(y) for y in results]

    def _again(self, values: Sequence[Any]) -> Any:
        """What the function itself gives, each step recorded."""
        args, kwargs = self._given(values)
        return self.compiled.f(*args, **kwargs)

    def _cut(self, a: Any) -> Any:
        """A result of the step before, as an argument of this one.

        Its value, with an error in place of a history that would grow.
        """
        if (
            type(a) is not Tensor
            or not isinstance(a._op, CompiledCall)
            or a._op.step is not self.compiled
        ):
            return a
        t = new(Tensor)
        t._array, t._serial, t._requires_grad, t._static = a._array, a._serial, True, {}
        t._lent = t._grad = t._name = None
        t._op, t._args = self._end(), (_LEAF,)
        return t

    def _end(self) -> Op:
        name = self.compiled.name
        return self._refusal(
            f"{name} computes gradients itself and was given its own result, as in a training "
            "loop: what it returns remembers that one call, so that the loop grows no graph, and "
            "backward() would need the calls before. Give it t.detach() if no gradient is to flow "
            "through the steps; to differentiate through them compile the whole loop, or call "
            f"{name}.f"
        )

    def _refusal(self, why: str) -> Op:
        """An op of one operand whose rule is an error."""

        def refuse(g: Any, y: Any, x: Any) -> Any:
            raise RuntimeError(why)

        return op_of(lambda x: x, [refuse], self.compiled.name)


_LEAF = Tensor(0.0, requires_grad=True)


class Pull:
    """Pulls a gradient at one result back to the wanted inputs.

    A compiled function, hence differentiable itself.
    """

    def __init__(self, history: History, k: int, wanted: tuple[int, ...]) -> None:
        self.history, self.k, self.wanted = history, k, wanted
        # a gradient, the result, and what it became: the rules ask one by one
        self.last: tuple[Any, Any, Any] = (None, None, None)
        self.compiled = history.compiled.backward(self.gradients)

    def rule(self, i: int) -> Callable[..., Any]:
        """The rule of the wanted input number `i`."""

        def pulled(g: Any, y: Any, *values: Any) -> Any:
            last = self.last
            if last[0] is not g or last[1] is not y:
                captured = self.history.captured
                if captured.is_outdated():
                    raise RuntimeError(
                        f"what {captured.name} reads from outside has changed since it was called, "
                        "so this backward would be wrong: "
                        "call backward() before the change, or pass what changes as an argument"
                    )
                found = self.compiled(g, *values)
                if not any(type(v) is Tensor for v in (g, *values)):
                    found = tuple([t._array if type(t) is Tensor else np.asarray(t) for t in found])
                last = self.last = (g, y, found)
            if i == len(self.wanted) - 1:
                self.last = (None, None, None)
            return last[2][i]

        return pulled

    def gradients(self, g: Any, *values: Any) -> tuple[Any, ...]:
        """The gradients at the wanted inputs, by the function itself: what is compiled."""
        history = self.history
        given = [copy(v) if i in self.wanted else v for i, v in enumerate(values)]
        args, kwargs = history._given(given)
        outputs: list[Tensor] = []
        with enable_grad():
            structure(history.compiled.f(*args, **kwargs), outputs, history.compiled.name)
            wanted = [
                given[i]
                if i < len(history.captured.signature.inputs)
                else history.captured.inputs[i]
                for i in self.wanted
            ]
            found: dict[Tensor, Any] = dict.fromkeys(wanted)
            for t, gt in outputs[self.k].adjoints(g, create_graph=True, until=found):
                if t in found:
                    found[t] = gt
        return tuple(
            [Tensor(np.zeros(t.shape, t.dtype)) if found[t] is None else found[t] for t in wanted]
        )
