"""Pullback: one run of a function, from which gradients are pulled back to its arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np

from .engine.lending import read_only
from .engine.memory import Sparing, forget, recall
from .engine.pytree import leaves, tree_map
from .engine.recorder import Recorder, listening, run_with
from .engine.recording import (
    are_ops_needed,
    clock,
    enable_grad,
    is_program,
    is_recording,
    no_grad,
)
from .engine.tensor import Tensor
from .engine.validation import call_it, in_our_words, short
from .graph import ancestors
from .ops.shape import copy

Argnums = int | Sequence[int]


class Pullback:
    """A function that was run on fresh leaves in place of its arguments.

    `value` is what it gave, `aux` what it gave beside that, with `has_aux`; `pull` gives the
    gradients at the leaves.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        argnums: Argnums,
        has_aux: bool = False,
        copies: bool = False,
    ) -> None:
        self.copies = copies  # whether the caller's data may change before the pull
        self.single = isinstance(argnums, (int, np.integer))
        self.numbers = _numbers(f, argnums, len(args))
        self.outer: list[Tensor] = []  # what the caller gave
        self.inputs: list[Tensor] = []  # the leaf in place of each
        differentiated = {i % len(args) for i in self.numbers}
        inner = [tree_map(self._leaf, a) if i in differentiated else a for i, a in enumerate(args)]
        self.structure = [inner[i] for i in self.numbers]
        self.outside = _MadeBefore(clock())
        # whoever differentiates again, records a program or watches it needs all values
        self.spares = not are_ops_needed()
        self.value, more = _value_and_more(f, self._run(f, inner, kwargs), has_aux)
        # an argument, or what f closes over, may belong to an outer level that will ask for the
        # derivative of this result
        results = [self.value, *(t for _, t in leaves(more) if type(t) is Tensor)]
        self.asked = self.asked_of(results) if is_recording() else set[Tensor]()
        self.nested = bool(self.asked)
        for x, t in zip(self.inputs, self.outer, strict=True):
            if self.nested and not copies and t.is_leaf:
                # the caller's may change before the outer level pulls back
                x._array = t._array.copy()
            x._op, x._args = copy, (t,)  # from now on a result of what the caller gave
        self.aux: Any = tree_map(lambda t: self.finished(t) if type(t) is Tensor else t, more)

    def _leaf(self, value: Any) -> Tensor:
        t = value if type(value) is Tensor else Tensor(value, copy=False)
        if t.dtype.kind != "f":
            raise TypeError(
                f"gradients need floats, an argument has dtype {t.dtype}: {short(t.tolist())}; "
                "write it with decimal points"
            )
        x = Tensor(read_only(t._array), copy=self.copies, name=t._name)
        x._requires_grad = True
        for recorder in listening():
            recorder.replaced(x, t)
        self.outer.append(t)
        self.inputs.append(x)
        return x

    def _run(self, f: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """What the function gives; its ops are recorded."""
        try:
            with in_our_words():
                return run_with(Sparing() if self.spares else _Keeping(), f, *args, **kwargs)
        except (TypeError, AttributeError) as error:
            _note_on_trees(error, self.structure)
            raise

    def asked_of(self, results: Sequence[Tensor]) -> set[Tensor]:
        """The results, and what they were made from, whose derivative an outer level may ask for.

        The inputs count as what the caller gave.
        """
        given, until = dict(zip(self.inputs, self.outer, strict=True)), set(self.outer)
        asked: set[Tensor] = set()
        for t in ancestors(*results, until=until, values=False):
            is_made = any([type(a) is Tensor and a in asked for a in t._args])
            if (t.is_leaf or t in until or is_made) and given.get(t, t)._requires_grad:
                asked.add(t)
        return asked

    def pull(self, cotangent: Any, create_graph: bool = False, last: bool = False) -> list[Any]:
        """The gradient at every input for a gradient at the value.

        It is recorded if an outer level may ask for its derivative. The last pull lets go of the
        values that it has passed.
        """
        is_asked = type(cotangent) is Tensor and cotangent._requires_grad
        create_graph = create_graph or self.nested or is_asked
        if create_graph and self.spares:  # an outer level showed only when f had run
            recall(ancestors(self.value, until=self.outside))
        found = self._walked(cotangent, create_graph, last) if self.value._requires_grad else {}
        if create_graph:
            asked = self.asked_of(list(found.values()))
            found = {t: g if g in asked else g.detach() for t, g in found.items()}
        return [
            found[x] if x in found else Tensor(np.zeros(x.shape, x.dtype), copy=False)
            for x in self.inputs
        ]

    def _walked(self, cotangent: Any, create_graph: bool, last: bool) -> dict[Tensor, Tensor]:
        """The gradients at the inputs that the value depends on."""
        found: dict[Tensor, Tensor] = {}
        inputs = set(self.inputs)
        passed = self.value
        recorders = listening()
        recorded = create_graph or is_program()  # which has its backward part
        with enable_grad() if recorded else no_grad(), ExitStack() as parts:
            for recorder in recorders:
                parts.enter_context(recorder.backward_part())
            for t, g in self.value.adjoints(cotangent, recorded, until=self.outside):
                if last and not create_graph:
                    forget(passed)
                    passed = t
                for recorder in recorders:
                    recorder.gradient_passes(t, g)
                if t not in inputs:
                    continue
                if not recorded:
                    found[t] = Tensor(g, copy=g.base is not None)
                elif not create_graph:
                    found[t] = g.detach()
                else:
                    # two arguments may have one gradient: each result is a tensor of its own
                    found[t] = copy(g) if g.is_leaf else g
        return found

    def finished(self, value: Tensor) -> Tensor:
        """The value as the caller gets it: with its history if an outer level goes on from it."""
        return value if value in self.asked else value.detach()

    def by_argument(self, gradients: list[Any]) -> Any:
        """The gradients in the structure of the arguments: a tuple for a tuple argnums."""
        of = dict(zip(self.inputs, gradients, strict=True))
        trees = tuple(tree_map(of.__getitem__, tree) for tree in self.structure)
        return trees[0] if self.single else trees


class _Keeping(Recorder):
    """Listens where a transform runs a function, and all that it computes is kept."""

    records = runs_function = True


class _MadeBefore:
    """All tensors older than a moment.

    They are a run's inputs, and what lies outside of it, where pulling back may stop.
    """

    def __init__(self, serial: int) -> None:
        self.serial = serial

    def __contains__(self, t: object) -> bool:
        return type(t) is Tensor and t.serial < self.serial


def _numbers(f: Callable[..., Any], argnums: Argnums, given: int) -> tuple[int, ...]:
    """The places of the differentiated arguments, of so many."""
    numbers = (argnums,) if isinstance(argnums, (int, np.integer)) else tuple(argnums)
    for i in numbers:
        if not -given <= i < given:
            raise TypeError(
                f"argnums={argnums}: {called(f)} was called with {given} positional arguments"
            )
    return numbers


def _value_and_more(f: Callable[..., Any], given: Any, has_aux: bool) -> tuple[Tensor, Any]:
    """What a function gave to be differentiated, a Tensor or a TypeError, and what beside it."""
    if has_aux and not (isinstance(given, tuple) and len(given) == 2):
        raise TypeError(
            f"with has_aux, {called(f)} must return (value, more), "
            f"it returned {type(given).__name__}: {short(given)}"
        )
    value, more = given if has_aux else (given, None)
    if type(value) is not Tensor:
        raise TypeError(
            f"{called(f)} must return a Tensor to be differentiated, "
            f"it returned {type(value).__name__}: {short(value)}{_instead(value)}"
        )
    if value.dtype.kind != "f":
        raise TypeError(
            f"{called(f)} must return floats to be differentiated, it returned {value.dtype}: "
            "comparisons, counts and argmax have no gradient"
        )
    return value, more


def _instead(value: Any) -> str:
    """What a function that is differentiated should return in place of what is no Tensor."""
    if value is None:
        return "; end it with `return loss`"
    if callable(value):
        return call_it(value)
    if isinstance(value, (list, tuple)):
        return (
            "; more than one result: (loss, more) with has_aux=True, "
            "or tg.stack([...]) for jacobian"
        )
    return (
        "; .item(), float() and .numpy() give numbers without a gradient: "
        "return the Tensor that they are taken of"
    )


def _note_on_trees(error: Exception, arguments: list[Any]) -> None:
    """Say with an error of the function that an argument is a tree of parameters.

    It may have been meant to be something else.
    """
    for tree in arguments:
        if tree is None:
            error.add_note(
                "the function is differentiated by an argument that is None, "
                "which holds no parameters"
            )
        elif isinstance(tree, (list, tuple)) and tree and all(map(_is_number, tree)):
            numbers = f"[{', '.join(str(t.item()) for t in tree[:4])}{', ...' * (len(tree) > 4)}]"
            error.add_note(
                "a list is a tree of separate parameters: "
                f"for a vector give np.array({numbers}), not {numbers}"
            )


def _is_number(t: Any) -> bool:
    return type(t) is Tensor and not t.ndim


def called(f: Callable[..., Any]) -> str:
    """How messages call a function."""
    return getattr(f, "__name__", "the function")
