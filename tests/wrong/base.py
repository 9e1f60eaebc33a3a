"""What makes a component wrong on purpose, and what can go wrong with one of any kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, NamedTuple

import numpy as np
from right import RIGHT

from anncore import Data, Drawing, hyper


class Wrong(NamedTuple):
    """A component, the check it must fail, and a part of what the check must say."""

    kind: str
    check: str
    because: str
    cls: Any


NUMBERS = count(1)


def spoilt(right: Any, **members: Any) -> Any:
    """Return a subclass of a component with members replaced; a field's annotation is the field's own."""
    fields = {key: "Any" for key, value in members.items() if hasattr(value, "metadata")}
    name = f"{right.__name__}{next(NUMBERS)}"
    own = {"__doc__": right.__doc__, "__module__": __name__, "__annotations__": fields, **members}
    globals()[name] = made = dataclass(frozen=True)(type(name, (right,), own))
    return made


def wrong(kind: str, check: str, because: str, **members: Any) -> Wrong:
    """Spoil the right component of a kind."""
    return Wrong(kind, check, because, spoilt(RIGHT[kind], **members))


def wrong_form(kind: str, check: str, because: str, right: Any, **members: Any) -> Wrong:
    """Spoil a component of a special form, or one with optional methods."""
    return Wrong(kind, check, because, spoilt(right, **members))


# What can go wrong with a component of any kind


class Anything:
    """Equal to all there is."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


def stays_at_home(self: Any) -> Any:
    raise TypeError("not to be sent")


METHODS = {
    "activation": "forward",
    "loss": "value",
    "optimizer": "step",
    "schedule": "factor",
    "initializer": "sample",
    "dataset": "make",
    "network": "forward",
    "objective": "value",
    "metric": "score",
    "figure": "draw",
    "executor": "run",
    "sampler": "batches",
    "selector": "choose",
    "stopper": "next_seeds",
    "suite": "problems",
    "section": "write",
    "exporter": "files",
    "listener": "hear",
    "command": "command",
}


def any_kind(kind: str) -> list[Wrong]:
    pair = hyper((1, 2), ((1, 2), (3, 4)))  # JSON knows no tuples
    return [
        wrong(kind, "well_formed", "it has no method", **{METHODS[kind]: None}),
        wrong(kind, "documentation", "must open with one line and a full stop", __doc__="Words"),
        wrong(kind, "defaults", "preset odd sets slop", presets={"odd": {"slop": 1.0}}),
        wrong(kind, "pickles", "cannot be pickled: not to be sent", __reduce__=stays_at_home),
        wrong(kind, "json_round_trip", "pair must be one of (1, 2), (3, 4), got [1, 2]", pair=pair),
        wrong(kind, "out_of_domain", "'no such value' was accepted", how=hyper("a", ("a", Anything()))),
    ]


# What can go wrong with a component that computes: its result is changed on the way out


def changed(kind: str, change: Callable[[Any], Any]) -> dict[str, Any]:
    """Return the kind's method with its result changed."""
    original = getattr(RIGHT[kind], METHODS[kind])

    def method(self: Any, *arguments: Any) -> Any:
        result = original(self, *arguments)
        if isinstance(result, Iterator):  # a sampler's batches
            return map(change, result)
        if isinstance(result, tuple):  # an optimizer's change and state, a network's output and tape
            return change(result[0]), *result[1:]
        if isinstance(result, Data):
            return replace(result, x=change(result.x))
        if isinstance(result, Drawing):
            result.figure.text(0.5, 0.5, str(change(np.zeros(1))))
            return result
        return change(result)

    return {METHODS[kind]: method}


def unrepeatable(result: Any) -> Any:
    return result + np.random.default_rng().normal()


def drawn_by_all(result: Any) -> Any:
    return result + 0 * np.random.rand()  # noqa: NPY002


def hashed(result: Any) -> Any:
    return result + hash("a word") / 2**61


def computing_kind(kind: str) -> list[Wrong]:
    return [
        wrong(kind, "deterministic", "a different result the second time", **changed(kind, unrepeatable)),
        wrong(kind, "no_global_rng", "draws from a global generator", **changed(kind, drawn_by_all)),
        wrong(kind, "other_process", "a different result in another process", **changed(kind, hashed)),
    ]


# What can go wrong with a component that acts on a stack


def by_size(result: Any) -> Any:
    return result + float(np.shape(result)[:1] > (1,))


def touched(result: Any) -> Any:
    return result + 0 * result.sum()


def another_type(result: Any) -> Any:
    return np.asarray(result).astype("complex128")


def written(kind: str) -> dict[str, Any]:
    """Return the kind's method, which first writes to an array it can lay hands on."""
    original = getattr(RIGHT[kind], METHODS[kind])

    def method(self: Any, *arguments: Any) -> Any:
        arrays = [array for array in (*arguments, *vars(self).values()) if isinstance(array, np.ndarray)]
        arrays[0][...] = 0
        return original(self, *arguments)

    return {METHODS[kind]: method}


def stacked_kind(kind: str) -> list[Wrong]:
    wrongs = [
        wrong(kind, "stacked_as_alone", "in a stack of 2 and alone", **changed(kind, by_size)),
        wrong(kind, "keeps_dtype", "is complex128 for float32 inputs", **changed(kind, another_type)),
        wrong(kind, "inputs_unchanged", "writes to an array it was handed", **written(kind)),
    ]
    if kind == "schedule":
        return wrongs  # it is handed no array in which a trial could be sick
    return [*wrongs, wrong(kind, "isolated", "beside one of nan and without it", **changed(kind, touched))]


STACKED = ("activation", "loss", "optimizer", "schedule", "network", "objective", "metric")
