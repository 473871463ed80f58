"""What checkers of gradients make of the same gradients, right and wrong: the tests' bank.

    python -m benchmarks.checkers                          # 150 programs of each
    python -m benchmarks.checkers --programs 1000 --seed 3

Each checker is given the same NumPy program and the same function for its gradient, as an op of its
own framework, and is called with its defaults, where it is installed; JAX's and HIPS's at order 1
and in reverse mode, since the program has no other. All is float64. A checker that has no verdict
between right and wrong is never undecided.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.testing import gradcheck
from tinygrad_edu.testing.report import AGREES

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import bank

RIGHT, UNDECIDED, ALARM = "right", "undecided", "alarm"
OURS = "tinygrad_edu"


class Subject:
    """A program as a function of its arrays of floats, the others held, and its vjp."""

    def __init__(self, program: bank.Program, hole: Callable[[Any], Any] = lambda x: x) -> None:
        self.program, self.function = program, program(np, hole)
        self.held = program.inputs
        self.places = [i for i, x in enumerate(self.held) if x.dtype.kind == "f"]
        self.floats = [np.array(self.held[i]) for i in self.places]

    def _on_all(self, f: Callable[..., Any], floats: Any) -> Any:
        inputs = list(self.held)
        for i, x in zip(self.places, floats, strict=True):
            inputs[i] = x
        return f(*inputs)

    def value(self, *floats: Any) -> Any:
        """The program's value, an array."""
        return np.asarray(self._on_all(self.program(np), [np.asarray(x) for x in floats]))

    def vjp(self, floats: Any, g: Any) -> list[Any]:
        """The gradient at each float input, where that at the value is g."""
        function = partial(self._on_all, self.function)
        _, pull = tg.vjp(lambda *floats: function(floats), *map(np.asarray, floats))
        return [x.numpy() for x in pull(np.asarray(g))]


def by_ours(s: Subject) -> str:
    """The verdict of this project's gradcheck."""
    report = gradcheck(s.function, *s.program.inputs, report=True)
    if not report.ok:
        return ALARM
    return RIGHT if all(entry.verdict == AGREES for entry in report.entries) else UNDECIDED


def by_pytorch(s: Subject) -> str:
    """The verdict of torch.autograd.gradcheck."""
    import torch

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *floats: Any) -> Any:
            ctx.save_for_backward(*floats)
            return torch.from_numpy(np.array(s.value(*[x.numpy() for x in floats])))

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            found = s.vjp([x.detach().numpy() for x in ctx.saved_tensors], g.numpy())
            return tuple(torch.from_numpy(np.array(gx)) for gx in found)

    inputs = [torch.from_numpy(x.copy()).requires_grad_() for x in s.floats]
    right = torch.autograd.gradcheck(Function.apply, inputs, raise_exception=False)
    return RIGHT if right else ALARM


def by_jax(s: Subject) -> str:
    """The verdict of jax.test_util.check_grads."""
    import jax
    from jax.test_util import check_grads

    shape = jax.ShapeDtypeStruct(s.value(*s.floats).shape, np.float64)
    shapes = tuple(jax.ShapeDtypeStruct(x.shape, x.dtype) for x in s.floats)

    @jax.custom_vjp
    def f(*floats: Any) -> Any:
        return jax.pure_callback(s.value, shape, *floats)

    f.defvjp(
        lambda *floats: (f(*floats), floats),
        lambda floats, g: jax.pure_callback(lambda *a: tuple(s.vjp(*a)), shapes, floats, g),
    )
    try:
        with jax.enable_x64(True):
            check_grads(f, tuple(s.floats), order=1, modes=("rev",))
    except AssertionError:
        return ALARM
    return RIGHT


def by_hips(s: Subject) -> str:
    """The verdict of autograd.test_util.check_grads."""
    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads

    f = primitive(lambda *floats: s.value(*floats)[()])
    n = len(s.floats)
    defvjp(f, *[lambda y, *floats, i=i: lambda g: s.vjp(floats, g)[i] for i in range(n)])
    np.random.seed(0)
    try:
        check_grads(f, tuple(range(n)), modes=["rev"], order=1)(*s.floats)
    except AssertionError:
        return ALARM
    return RIGHT


ALL = {
    OURS: ("numpy", by_ours),
    "PyTorch": ("torch", by_pytorch),
    "JAX": ("jax", by_jax),
    "HIPS autograd": ("autograd", by_hips),
}
CHECKERS = {name: checker for name, (package, checker) in ALL.items() if find_spec(package)}


def right_subjects(count: int, seed: int) -> Iterator[tuple[str, Subject]]:
    """As many right programs of float64, by their kinds."""
    found = 0
    for program in bank.programs(2 * count, seed):
        double = all(x.dtype == np.float64 or x.dtype.kind == "i" for x in program.inputs)
        if double and found < count:
            found += 1
            yield program.kind, Subject(program)


def wrong_subjects(count: int, seed: int) -> Iterator[tuple[str, Subject]]:
    """As many programs whose gradient is off by a millionth or more, by their faults."""
    for program, fault in bank.faulty(count, seed):
        yield fault, Subject(program, bank.planted)


class Verdicts:
    """What each checker said, of subjects of some kinds, and how long it took."""

    def __init__(self, subjects: Iterator[tuple[str, Subject]], shown: str) -> None:
        self.total: dict[str, Counter[str]] = defaultdict(Counter)
        self.seconds: Counter[str] = Counter()
        self.by_kind: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
        for kind, subject in subjects:
            for name, checker in CHECKERS.items():
                start = time.perf_counter()
                verdict = checker(subject)
                self.seconds[name] += time.perf_counter() - start
                self.total[name][verdict] += 1
                self.by_kind[kind][name][verdict] += 1
                if name == OURS and verdict == shown:
                    print(f"{OURS}: {verdict} ({kind}) {subject.program}", file=sys.stderr)

    def table(self, counted: str) -> Iterator[str]:
        """How many of each kind got a verdict, by checker, as Markdown."""
        yield f"| | number | {' | '.join(CHECKERS)} |"
        yield f"| --- {'| ---: ' * (1 + len(CHECKERS))}|"
        for kind, found in sorted(self.by_kind.items()):
            counts = " | ".join(str(found[c][counted]) for c in CHECKERS)
            yield f"| {kind} | {found[OURS].total()} | {counts} |"


def main(arguments: list[str] | None = None) -> None:
    """Print the tables."""
    prog, form = "python -m benchmarks.checkers", argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog, description=__doc__, formatter_class=form)
    many = "how many, right and wrong each (150)"
    parser.add_argument("--programs", type=int, default=150, metavar="N", help=many)
    parser.add_argument("--seed", type=int, default=5, help="which (5)")
    options = parser.parse_args(arguments)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        right = Verdicts(right_subjects(options.programs, options.seed), ALARM)
        wrong = Verdicts(wrong_subjects(options.programs, options.seed), RIGHT)
    heads = "alarms on right", "undecided on right", "missed faults", "undecided on faults"
    print(f"| checker | {' | '.join(heads)} | ms each |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for c in CHECKERS:
        ms = 500 * (right.seconds[c] + wrong.seconds[c]) / options.programs
        figures = [right.total[c][verdict] for verdict in (ALARM, UNDECIDED)]
        figures += [wrong.total[c][verdict] for verdict in (RIGHT, UNDECIDED)]
        print(f"| {c} | {' | '.join(map(str, figures))} | {ms:.3g} |")
    print("", "alarms on right programs, by kind", "", *right.table(ALARM), sep="\n")
    print("", "faults that pass, by fault", "", *wrong.table(RIGHT), sep="\n")


if __name__ == "__main__":
    main()
