"""What an oracle's row is, and what the rows of several kinds share.

A row names a component, its hyperparameters, a library, and how the library says the same thing. From
fixed inputs both sides compute a list of figures, which must agree. Inputs are plain arithmetic, not
draws, so that figures recorded once stay comparable whatever generator NumPy ships.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from shipped import REGISTRY

from anncore import Array
from anncore.contract.hyperparameters import declared, references, resolve

KERAS32 = "Keras's type promotion takes float64 with a Python number for float32"


@dataclass(frozen=True)
class Row:
    """One component against one library.

    theirs: what the library's driver needs, a function of the library's module at least.
    inputs: which of INPUTS, for losses and metrics; which of PATHS, for optimizers; "training", "evaluation"
    or "learning", by a rule of its own, for networks. rtol, atol: how closely they agree, with the reason in
    `why` where the library cannot do better. halves: whether an optimizer's learning rate changes on the way;
    inside: name and hyperparameters of the optimizer in it; problem: which of PROBLEMS it descends.
    """

    library: str
    kind: str
    name: str
    theirs: Callable[..., Any]
    values: Mapping[str, Any] = field(default_factory=dict)
    inputs: str = ""
    rtol: float = 1e-10
    atol: float = 1e-12
    why: str = ""
    halves: bool = True
    inside: tuple[str, Mapping[str, Any]] = ("", {})
    problem: str = "given"

    @property
    def id(self) -> str:
        """Its name in test reports and in the file of recorded figures."""
        settings = [f"{key}={value}" for key, value in self.values.items()]
        inside = [f"around {self.inside[0]}"] if self.inside[0] else []
        words = [f"{self.library}: {self.kind} {self.name}", *settings, *inside, self.inputs]
        return " ".join(words).strip()


def spread(count: int, low: float, high: float, turn: int = 0) -> Array:
    """Return numbers that fill [low, high) evenly in no visible order: multiples of the golden ratio."""
    return low + (high - low) * ((np.arange(1, count + 1) + 100 * turn) * 0.6180339887498949 % 1)


_P = spread(24, 0.05, 1, turn=2).reshape(8, 3)
INPUTS: Mapping[str, tuple[Array, Array]] = {
    "regression": (spread(24, -3, 3, turn=3).reshape(8, 3), spread(24, -2, 2, turn=4).reshape(8, 3)),
    # Sizes and counts, and shares of a picture of which a half is marked
    "positive": (
        spread(24, 0.1, 6, turn=18).reshape(8, 3),
        np.floor(spread(24, 0, 6, turn=19)).reshape(8, 3),
    ),
    "picture": (
        spread(48, 0.02, 0.98, turn=20).reshape(8, 6),
        (spread(48, 0, 1, turn=21) > 0.5).astype(float).reshape(8, 6),
    ),
    "binary": (spread(12, 0.02, 0.98, turn=5).reshape(12, 1), np.array([[0.0], [1], [1]] * 4)),
    "multiclass": (_P / _P.sum(axis=1, keepdims=True), np.eye(3)[[0, 1, 1, 2, 0, 2, 2, 2]]),
    "binary logits": (spread(12, -9, 9, turn=6).reshape(12, 1), np.array([[0.0], [1], [1]] * 4)),
    "multiclass logits": (spread(24, -9, 9, turn=7).reshape(8, 3), np.eye(3)[[0, 1, 1, 2, 0, 2, 2, 2]]),
    "margin": (spread(12, -3, 3, turn=9).reshape(12, 1), np.array([[0.0], [1], [1]] * 4)),
    "margins": (spread(24, -3, 3, turn=10).reshape(8, 3), np.eye(3)[[0, 1, 1, 2, 0, 2, 2, 2]]),
    # Three means, then what gives three variances
    "gaussian": (
        np.concatenate(
            [spread(24, -3, 3, turn=11).reshape(8, 3), spread(24, -4, 4, turn=12).reshape(8, 3)], 1
        ),
        spread(24, -2, 2, turn=13).reshape(8, 3),
    ),
    # Targets that are no class but a distribution
    "soft multiclass logits": (spread(24, -3, 3, turn=8).reshape(8, 3), _P / _P.sum(axis=1, keepdims=True)),
}


def built(kind: str, name: str, given: Mapping[str, Any]) -> Any:
    """Return a component whose stackable hyperparameters are arrays (1, 1, 1)."""
    cls: Any = REGISTRY.get(kind, name).cls
    values = resolve(cls, given) | {
        key: (REGISTRY.get(reference.kind, given.get(key, reference.default)).cls(),)
        for key, reference in references(cls).items()
        if reference.kind == kind
    }
    for key, declaration in declared(cls).items():
        if declaration.stackable:
            values[key] = np.full((1, 1, 1), float(values[key]))
    return cls(**values)
