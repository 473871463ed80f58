"""Several training steps, each as the page replays it: the numbers before its update."""

from __future__ import annotations

import inspect
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..engine.pytree import leaves
from ..engine.recording import no_grad
from ..engine.tensor import Tensor
from ..graph import ancestors, value_of
from .notation import labels_of, plain
from .numbers import Pool, rounded
from .passes import Pass, graph

DIGITS = 5  # of the numbers of a replay
# numbers of all passes together; where more would be needed, fewer epochs show their pass
BUDGET = 20_000
CURVE = 300  # points of the cost curve
CELLS = 24  # of the plane of the decision boundary, each way
POINTS = 400  # of the data, drawn


def replayed(
    step: Callable[[], Tensor],
    names: Mapping[Any, Any] | None,
    epochs: int,
    predict: Callable[[Any], Any] | None,
    data: tuple[Any, Any] | None,
    parameters: Any,
    frames: int,
) -> dict[str, Any]:
    """The data of a page that replays a training; runs it."""
    plane = Plane(predict, data) if predict is not None and data is not None else None
    known = [t for _, t in leaves(parameters)] if parameters is not None else held_by(step)
    shown = set(spread(epochs, frames))
    film = Film(names, len(shown))
    costs = []
    for epoch in range(epochs):
        if epoch not in shown:
            costs.append(float(_checked(step()).item()))
            continue
        before = {id(t): (t, t.numpy().copy()) for t in known}
        seen = plane.seen() if plane else {}
        loss = _checked(step())
        costs.append(float(loss.item()))
        film.add(epoch, loss, before, seen, epoch == epochs - 1)
        known = [t for t in ancestors(loss) if t.is_leaf and t.requires_grad]
    return film.cut(costs, plane)


def spread(epochs: int, frames: int) -> list[int]:
    """The epochs to show: all, or some, the first and the last among them.

    They are in even steps, and closer at the beginning.
    """
    if epochs <= frames:
        return list(range(epochs))
    if frames == 1:
        return [epochs - 1]
    even = np.linspace(0, epochs - 1, frames - frames // 3)
    early = np.geomspace(1, epochs, frames // 3 + 1) - 1
    return sorted({round(float(e)) for e in (*even, *early)})


def _checked(loss: Any) -> Tensor:
    if type(loss) is not Tensor or loss.size != 1 or loss.op is None:
        given = f"a Tensor of shape {loss.shape}" if type(loss) is Tensor else type(loss).__name__
        raise TypeError(
            f"the step function gave {given}: it returns the loss that it computed, "
            "a scalar Tensor, after backward and update"
        )
    return loss


def held_by(step: Any) -> list[Tensor]:
    """The parameters that a function refers to.

    By name, in lists and dicts, in objects, and in functions beside it that it calls.
    """
    found: dict[int, Tensor] = {}
    waiting, seen = [step], set()
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        for _, leaf in leaves(value):
            if type(leaf) is Tensor:
                if leaf.is_leaf and leaf.requires_grad:
                    found[id(leaf)] = leaf
            elif inspect.ismethod(leaf):
                waiting += [leaf.__func__, leaf.__self__]
            elif inspect.isfunction(leaf):
                waiting += _named_in(leaf, step)
            elif (
                hasattr(leaf, "__dict__")
                and not isinstance(leaf, type)
                and not inspect.ismodule(leaf)
            ):
                waiting.append(dict(vars(leaf)))
    return list(found.values())


def _named_in(function: Any, step: Any) -> list[Any]:
    """The values of the outer variables of a function, if it was written beside `step`."""
    home = getattr(getattr(step, "__func__", step), "__globals__", None)
    if function.__globals__ is not home:
        return []
    try:
        found = inspect.getclosurevars(function)
    except ValueError:  # a variable that has no value yet
        return []
    return [*found.nonlocals.values(), *found.globals.values()]


@contextmanager
def restored(before: Sequence[tuple[Tensor, Any]]) -> Iterator[None]:
    """Parameters as they were before their update.

    So the engine can walk the graph that was computed from them.
    """
    now = [(t, t._array, t._serial, t._lent) for t, _ in before]
    try:
        for place, (t, data) in enumerate(before):
            t._array, t._serial, t._lent = data, place - len(before), None
        yield
    finally:
        for t, data, serial, lent in now:
            t._array, t._serial, t._lent = data, serial, lent


class Film:
    """The frames of a training: one for each epoch that is shown."""

    def __init__(self, names: Mapping[Any, Any] | None, expected: int) -> None:
        self._names, self._expected = names, expected
        self._pool = Pool(DIGITS)
        self._first: Pass | None = None
        self._graph: dict[str, Any] = {}
        self._parameters: list[int] = []
        self._frames: list[dict[str, Any]] = []
        self._passes: list[list[int]] = []
        self._every = 1  # of so many frames one shows its pass

    def add(
        self,
        epoch: int,
        loss: Tensor,
        before: Mapping[int, tuple[Tensor, Any]],
        seen: Mapping[str, Any],
        is_last: bool,
    ) -> None:
        """The frame of an epoch.

        It is left out if the parameters before the update are not known, or the graph is
        another one.
        """
        used = [t for t in ancestors(loss) if t.is_leaf and t.requires_grad]
        recorded = min(t.serial for t in ancestors(loss) if not t.is_leaf)
        if any(id(t) not in before and t.serial > recorded for t in used):
            return
        with restored([before[id(t)] for t in used if id(t) in before]):
            labels = self._first.labels if self._first else labels_of(loss, self._names)
            played = Pass(loss, labels, self._first.texts if self._first else None)
            if self._first is None:
                self._begin(played)
            assert self._first is not None
            if played.steps != self._first.steps:
                return
            frame = {"epoch": epoch + 1, "cost": float(loss.item()), **seen}
            frame["weights"] = [self._pool.add(value_of(played.nodes[k])) for k in self._parameters]
        if len(self._frames) % self._every == 0 or is_last:
            self._passes.append([self._pool.add(array) for array in played.numbers])
        frame["pass"] = len(self._passes) - 1
        self._frames.append(frame)

    def _begin(self, played: Pass) -> None:
        self._first = played
        self._graph = graph(played)
        self._parameters = [
            k for k, node in enumerate(self._graph["nodes"]) if node["kind"] == "parameter"
        ]
        trial = Pool()
        for array in played.numbers:
            trial.add(array)
        count = sum(len(entry["v"]) for entry in trial.arrays)
        self._every = max(1, -(-self._expected * count // BUDGET))

    def cut(self, costs: Sequence[float], plane: Plane | None) -> dict[str, Any]:
        """All of it, as the page's data."""
        if self._first is None or not self._frames:
            raise ValueError(
                "the parameters before the update are not known: give them, tg.play(step, "
                "epochs=..., parameters=[W, b])"
            )
        even = np.linspace(0, len(costs) - 1, min(CURVE, len(costs)))
        some = sorted(
            {round(float(k)) for k in even} | {frame["epoch"] - 1 for frame in self._frames}
        )
        training = {
            "epochs": len(costs),
            "costs": [[k + 1, rounded(costs[k], DIGITS)] for k in some],
            "parameters": self._parameters,
            "frames": self._frames,
        }
        return {
            "title": f"Training: {plain(self._first.labels[-1])} over {len(costs)} "
            f"epoch{'s'[: len(costs) > 1]}",
            **self._graph,
            "steps": self._first.steps,
            "passes": self._passes,
            "arrays": self._pool.arrays,
            "training": training | (plane.described() if plane else {}),
        }


class Plane:
    """The plane around points with two coordinates, coloured by a model's output."""

    def __init__(self, predict: Callable[[Any], Any], data: tuple[Any, Any]) -> None:
        X, y = (np.asarray(part) for part in data)
        if X.ndim != 2 or X.shape[1] != 2 or y.size != len(X):
            raise ValueError(
                "data is (X, y), points of shape (n, 2) and n targets; "
                f"these have shapes {X.shape} and {y.shape}"
            )
        self._predict, self._X, self._targets = predict, X.astype(float), y.reshape(-1) > 0.5
        low, high = self._X.min(axis=0), self._X.max(axis=0)
        room = np.where(high > low, 0.3 * (high - low), 1.0)
        self._low, self._high = low - room, high + room
        sides = [np.linspace(self._low[k], self._high[k], CELLS) for k in (0, 1)]
        self._grid = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)

    def _outputs(self, points: Any) -> Any:
        with no_grad():
            found = np.asarray(self._predict(points), float)
        if found.size != len(points):
            raise ValueError(
                f"predict gave {found.size} outputs for points of shape {points.shape}: "
                "it gives one number for each row"
            )
        return found.reshape(-1)

    def seen(self) -> dict[str, Any]:
        """What the model says now: of the plane, and how often it is right about the data.

        The plane is in 256 shades that are close together near ½.
        """
        off = 2 * np.clip(np.nan_to_num(self._outputs(self._grid)), 0, 1) - 1
        shades = 127.5 * (1 + np.sign(off) * np.sqrt(np.abs(off)))
        right = (self._outputs(self._X) > 0.5) == self._targets
        return {
            "plane": b64encode(np.rint(shades).astype(np.uint8).tobytes()).decode(),
            "right": int(right.sum()),
        }

    def described(self) -> dict[str, Any]:
        """What all frames share."""
        some = np.unique(
            np.linspace(0, len(self._X) - 1, min(POINTS, len(self._X))).round().astype(int)
        )
        points = [
            [rounded(x, 4), rounded(y, 4), int(one)]
            for (x, y), one in zip(self._X[some].tolist(), self._targets[some], strict=True)
        ]
        extent = [
            rounded(float(v), 6) for v in (self._low[0], self._high[0], self._low[1], self._high[1])
        ]
        return {"cells": CELLS, "extent": extent, "points": points, "count": len(self._X)}
