"""The checks of an initializer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from anncore.contract.kinds import Array, Component, Initializer, WeightSpec, overrides
from anncore.testing.kit import Kit, Named, Subject, frozen, must, must_equal_bits

SHAPES = ((1, 1), (3, 8), (64, 32))
PATIENCE = 200  # attempts after which an adjustment counts as endless


class InitializerKit(Kit):
    """Shape, dtype, finiteness."""

    def exercise(self, subject: Subject, component: Any) -> Iterable[Array]:
        """Draw weights of several shapes from one generator."""
        rng = np.random.default_rng(0)
        for shape in SHAPES:
            yield component.sample(rng, shape, *shape)

    def checks(self, subject: Subject) -> list[Named]:
        """Return the kind's own checks."""
        optional = [
            ("adjust", adjust, overrides(subject.cls, Initializer.adjust)),
            # One that reads a file gives the arrays of that file's network.
            ("draw", draw, overrides(subject.cls, Initializer.draw) and not reads_a_file(subject)),
        ]
        return [("weights", weights), *((name, check) for name, check, holds in optional if holds)]


def weights(subject: Subject) -> int:
    """Weights have the requested shape, are finite float64, and share no memory."""
    count = 0
    for variant in subject.variants():
        component = subject.build(variant)
        for shape in SHAPES:
            drawn = component.sample(np.random.default_rng(1), shape, *shape)
            must(drawn.shape == shape, f"{variant.label}: shape {drawn.shape} in place of {shape}")
            must(drawn.dtype == np.float64, f"{variant.label}: {drawn.dtype}, not float64")
            must(np.isfinite(drawn).all(), f"{variant.label}: weights that are not finite")
            again = component.sample(np.random.default_rng(1), shape, *shape)
            must(not np.shares_memory(drawn, again), f"{variant.label}: two draws share their memory")
            count += 1
    return count


def reads_a_file(subject: Subject) -> bool:
    """Tell whether a component's results depend on a file."""
    return overrides(subject.cls, Component.fingerprint)


SPECS = (
    WeightSpec("W1", (3, 8), 3, 8, place="input"),
    WeightSpec("b1", (1, 8), 3, 8, "bias", place="input"),
    WeightSpec("W2", (8, 8), 8, 8, place="hidden"),
    WeightSpec("g2", (1, 8), 8, 8, "gain", 1.0, place="hidden"),
    WeightSpec("W3", (8, 2), 8, 2, place="output"),
    WeightSpec("b3", (1, 2), 8, 2, "bias", place="output"),
)


def draw(subject: Subject) -> int:
    """All weights are given, by name, in their shapes, finite float64; equal generators give equal values."""
    count = 0
    for variant in subject.variants():
        component = subject.build(variant)
        drawn = component.draw(np.random.default_rng(2), SPECS)
        again = component.draw(np.random.default_rng(2), SPECS)
        missing = [spec.name for spec in SPECS if spec.role == "weight" and spec.name not in drawn]
        must(not missing, f"{variant.label}: draw gives no values for the weight {missing[:1]}")
        shapes = {spec.name: spec.shape for spec in SPECS}
        for name, values in drawn.items():
            label = f"{variant.label}: draw of {name}"
            must(name in shapes, f"{label}, which the network does not have")
            must(values.shape == shapes[name], f"{label}: shape {values.shape} in place of {shapes[name]}")
            must(values.dtype == np.float64, f"{label}: {values.dtype}, not float64")
            must(np.isfinite(values).all(), f"{label}: values that are not finite")
            must_equal_bits(values, again[name], f"{label} from equal generators")
            count += 1
    return count


def adjust(subject: Subject) -> int:
    """Adjusting ends, keeps shape, dtype and arguments, and treats each trial alone, to the bit."""
    count = 0
    for variant in subject.variants():
        rows = subject.rows(variant, 7)
        for dtype in ("float32", "float64"):
            rng = np.random.default_rng(20)
            x = (rng.normal(size=(7, 40, 6)) * rng.lognormal(0, 2, (7, 1, 1))).astype(dtype)
            drawn = subject.build(variant).sample(rng, (6, 5), 6, 5)
            together = _adjusted(subject.stack(rows, dtype), drawn, x, f"{variant.label}, {dtype}")
            spoilt = x.copy()
            spoilt[3] = np.nan
            beside = _adjusted(subject.stack(rows, dtype), drawn, spoilt, f"{variant.label}, {dtype}")
            for i in range(7):
                label = f"{variant.label}, {dtype}: weights of a trial"
                alone = _adjusted(subject.stack(rows[i : i + 1], dtype), drawn, x[i : i + 1], label)
                must_equal_bits(together[i], alone[0], f"{label} in a stack of 7 and alone")
                if i != 3:
                    must_equal_bits(beside[i], alone[0], f"{label} beside one of nan and without it")
                count += 1
    return count


def _adjusted(component: Any, drawn: Array, x: Array, label: str) -> Array:
    """Return the weights of one linear layer (T, 6, 5) after all adjustments."""
    weight = np.repeat(drawn[None], len(x), axis=0).astype(x.dtype)
    for attempt in range(PATIENCE):
        handed = frozen({"weight": weight, "z": x @ weight})
        changed = component.adjust(handed["weight"], handed["z"], attempt)
        if changed is None:
            return weight
        good = changed.shape == weight.shape and changed.dtype == weight.dtype
        shape = f"{changed.dtype} {changed.shape}"
        must(good, f"{label}: adjust gives {shape} for weights {weight.dtype} {weight.shape}")
        weight = changed.copy()
    raise AssertionError(
        f"{label}: adjust still returns weights after {PATIENCE} attempts; it must return None at some point"
    )
