"""What a function does for one signature.

It runs once on placeholders, and what it did becomes a program.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..engine.pytree import parts_of
from ..engine.recording import are_values_needed
from ..engine.tensor import Tensor
from ..graph import ancestors
from .capture import Recording
from .reachability import surroundings
from .results import structure
from .signature import Signature
from .surroundings import Location, Surroundings
from .translation import recorded


class Captured:
    """The program of one run, and all that is to be known of that run when the program is called.

    `roots` are the objects from which what the function reads from outside is found; without
    `looks_at_results` only inputs are checked at each call, and not what the program computes.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        name: str,
        signature: Signature,
        roots: Sequence[Any],
        looks_at_results: bool,
    ) -> None:
        self.name, self.signature = name, signature
        self.around = surroundings(*roots, *[part.value for part in signature.constants])
        recording, self.result, outputs = record(f, name, signature)
        refuse_frozen(recording, self.around)
        facts = recording.facts.items()
        self.around.places += [
            Location(t, f"{{}}.{fact}", value, t.label()) for (t, fact), value in facts
        ]
        refuse_stored(recording, self.around.stored(recording.depends))
        # tensors that are computed with, and are no arguments
        self.outside = recording.outside(outputs)
        for t in self.outside:
            recording.inputs[t] = len(recording.inputs)
        self.inputs = list(recording.inputs)  # the placeholders, and then the tensors from outside
        self.identical = identical(outputs, recording)
        self.names = {
            y: t._name for y, t in enumerate(outputs) if t._name and y not in self.identical
        }
        self.closed = [(t, t.serial, t.requires_grad) for t in recording.looked_at]
        self.reach = reached(outputs, self.inputs)
        self.is_step = bool(recording.backwards)  # whether it computes gradients itself
        checks = (
            [(t, refuse) for t, refuse in recording.checks if t not in recording.inputs]
            if looks_at_results
            else []
        )
        self.before = [
            (recording.inputs[t], refuse) for t, refuse in recording.checks if t in recording.inputs
        ]
        # of what the program computes, which it gives after its results
        self.after = [refuse for _, refuse in checks]
        called = labels(signature, recording, self.around.names())
        self.whole = recorded(recording, called, [*outputs, *(t for t, _ in checks)])
        self.whole.outside = dict(
            zip(self.whole.inputs[len(signature.inputs) :], self.outside, strict=True)
        )
        self.program = self.whole.without(len(checks))
        recording.forget()
        for x in signature.inputs:
            x.forget()

    def is_outdated(self) -> bool:
        """Whether what the function reads from outside has changed."""
        closed = any(
            t.serial != serial or t.requires_grad != grad for t, serial, grad in self.closed
        )
        return closed or not self.around.is_same()


def record(
    f: Callable[..., Any], name: str, signature: Signature
) -> tuple[Recording, Any, list[Tensor]]:
    """Run a function on placeholders.

    Gives what was noted, the structure of what it returned, and its results.
    """
    recording = Recording(name, not are_values_needed())  # whoever watches needs all values
    inputs = [
        recording.placeholder(x.array, x.value.name if type(x.value) is Tensor else None)
        for x in signature.inputs
    ]
    args, kwargs = signature.rebuilt(inputs)
    returned = recording.run(f, *args, **kwargs)
    before = signature.rebuilt(inputs)
    for label, value, known in zip(
        signature.names, [*args, *kwargs.values()], [*before[0], *before[1].values()], strict=True
    ):
        if not holds_the_same(value, known):
            raise TypeError(
                f"{name} changes its argument {label}, a {type(known).__name__}, while it runs, "
                "which its program does not do: "
                f"change a copy, {label} = copy.deepcopy({label}), and return it"
            )
    outputs: list[Tensor] = []
    return recording, structure(returned, outputs, name), outputs


def holds_the_same(value: Any, known: Any) -> bool:
    """Whether a container holds the same objects as another one, in the same order."""
    parts, others = parts_of(value), parts_of(known)
    if parts is None or others is None:
        return value is known
    return [*parts] == [*others] and all(map(holds_the_same, parts.values(), others.values()))


def identical(outputs: Sequence[Tensor], recording: Recording) -> dict[int, Any]:
    """The results that are no new tensors, each with what it is.

    One from outside, or the name of an argument or an earlier result.
    """
    names: dict[Tensor, Any] = {t: f"t{i}" for t, i in recording.inputs.items()} | {
        t: t for t in recording.looked_at
    }
    found = {}
    for y, t in enumerate(outputs):
        if t in names:
            found[y] = names[t]
        names.setdefault(t, f"y{y}")
    return found


def refuse_frozen(recording: Recording, around: Surroundings) -> None:
    """Raise if a program would keep what is another value at each call of the function."""
    generator = around.drawn()
    if generator is not None:
        raise TypeError(
            f"{recording.called} draws random numbers, of which its program would keep the first "
            "ones for ever: draw them outside and pass "
            f"them as an argument, mask = rng.random(x.shape) < 0.5; {recording.called}(x, mask)"
        )
    if around.has_moved_on():
        recording.frozen = "next() of an iterator from outside"
    if recording.frozen:
        raise TypeError(
            f"{recording.called} calls {recording.frozen} while it is compiled, and its program "
            "would keep the first value for ever: "
            "call it outside and pass the value as an argument, as an array"
        )


def refuse_stored(recording: Recording, place: Location | None) -> None:
    """Raise if the function keeps a result of its own where each call would have to put another."""
    if place is not None:
        raise TypeError(
            f"{recording.called} assigns to {place.label} while it runs, which its program does "
            "not do: "
            f"return the new value, and write {place.label} = {recording.called}(...)"
        )


def labels(signature: Signature, recording: Recording, around: Mapping[Tensor, str]) -> list[str]:
    """What the inputs are called.

    By name if they have one, by parameter or key, or by the variable that they are unpacked to.
    """
    variables: dict[Tensor, str] = {}
    for t, name in recording.variables.first.items():
        origin = t
        while origin.op is not None and origin.op.kind == "copy" and origin.args:
            origin = origin.args[0]
        if origin in recording.inputs:
            variables.setdefault(origin, name)
    found = []
    placeholders = [*recording.inputs]
    for x, t in zip(signature.inputs, placeholders, strict=False):
        is_plain = x.label in signature.names or x.access.endswith(f"[{x.label!r}]")
        found.append(x.label if is_plain else t.name or variables.get(t) or x.label)
    outside = placeholders[len(signature.inputs) :]
    names, first = recording.variables.names, recording.variables.first
    return [
        *found,
        *(t.name or around.get(t) or names.get(t) or first.get(t) or "w" for t in outside),
    ]


def reached(outputs: Sequence[Tensor], inputs: Sequence[Tensor]) -> list[int]:
    """For each output the inputs that a gradient may go to, as the bits of a number.

    One walk, whatever their number.
    """
    bits = {t: 1 << i if t.requires_grad else 0 for i, t in enumerate(inputs)}
    for t in ancestors(*outputs, until=dict(bits), values=False):
        if t not in bits:
            bits[t] = 0
            for a in t.args:
                if type(a) is Tensor:
                    bits[t] |= bits[a]
    return [bits[t] if t.requires_grad else 0 for t in outputs]
