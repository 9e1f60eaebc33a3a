"""The checks of a metric that watches: it scores the layers of a network."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from anncore.contract.hyperparameters import Interval
from anncore.contract.kinds import Array, Layer, Moment, Weights
from anncore.testing.kit import Case, Named, Subject, must, must_be_close

SIZES = ((2, 1), (2, 5, 1), (3, 8, 4, 2))  # inputs, hidden units if any, outputs
EXAMPLES = 20


def cases(subject: Subject) -> list[Case]:
    """Score the layers of networks of several depths."""
    return [
        Case(f"{len(sizes) - 1} layers", partial(_draw, sizes), partial(_score, sizes), keeps_dtype=False)
        for sizes in SIZES
    ]


def _draw(sizes: tuple[int, ...], rng: np.random.Generator, trials: int, dtype: str) -> dict[str, Array]:
    """Draw weights and run a network with ReLU, with some silent units, on random examples."""
    arrays, a = {}, rng.normal(size=(trials, EXAMPLES, sizes[0]))
    for i, units in enumerate(sizes[1:], start=1):
        arrays[f"W{i}"] = rng.normal(size=(trials, a.shape[2], units))
        arrays[f"grad W{i}"] = rng.normal(size=(trials, a.shape[2], units))
        shift = np.where(rng.random((trials, 1, units)) < 0.3, -50, 0)
        arrays[f"z{i}"] = a @ arrays[f"W{i}"] + shift
        if i < len(sizes) - 1:
            a = arrays[f"a{i}"] = np.maximum(arrays[f"z{i}"], 0)
    return {name: array.astype(dtype) for name, array in arrays.items()}


def _score(sizes: tuple[int, ...], component: Any, inputs: dict[str, Array]) -> dict[str, Array]:
    numbers = range(1, len(sizes))
    layers = [_layer(i, inputs) for i in numbers]
    weights = {f"W{i}": inputs[f"W{i}"] for i in numbers}
    grads = {f"W{i}": inputs[f"grad W{i}"] for i in numbers}
    if component.probes:
        values = component.score(_moment(layers, weights, grads))
    else:
        values = component.score(layers, weights, grads)
    scores = {suffix: np.asarray(score) for suffix, score in values.items()}
    must(scores, "score returns nothing; it must return (T,) by a suffix, which may be ''")
    for suffix, score in scores.items():
        good = isinstance(suffix, str) and (not suffix or suffix.replace("_", "a").isalnum())
        must(good, f"a suffix must be '' or letters, digits and _, got {suffix!r}")
        must(score.shape == inputs["z1"].shape[:1], f"score {suffix!r} has shape {score.shape}, not (T,)")
    return scores


def _moment(layers: list[Layer], weights: Weights, grads: Weights) -> Moment:
    """Return a moment whose last update was one tenth of the gradient, in a loss Σ (g² θ² / 2 + θ⁴ / 4)."""

    def gradient(other: Weights) -> Weights:
        return {name: grads[name] ** 2 * weight + weight**3 for name, weight in other.items()}

    changes = {name: -0.1 * grad for name, grad in grads.items()}
    return Moment(layers, weights, grads, changes, gradient)


def _layer(i: int, inputs: dict[str, Array]) -> Layer:
    z, a = inputs[f"z{i}"], inputs.get(f"a{i}")
    if a is None:
        return Layer(f"W{i}", z)
    return Layer(f"W{i}", z, a, lambda: np.where(np.isnan(z), z, z > 0))


def _scores(subject: Subject, seed: int) -> Iterator[tuple[str, Any, dict[str, Array]]]:
    """Yield, for every variant and network, a label, the function that scores, and its arguments."""
    for variant in subject.variants():
        component = subject.stack(subject.rows(variant, 4), "float64")
        for sizes in SIZES:
            inputs = _draw(sizes, np.random.default_rng(seed), 4, "float64")
            yield f"{variant.label}, {len(sizes) - 1} layers", partial(_score, sizes, component), inputs


def within_bounds(subject: Subject) -> int:
    """Scores lie within the declared bounds, or are NaN if there is no layer to score."""
    interval = Interval.parse(subject.cls.bounds)
    count = 0
    for label, score, inputs in _scores(subject, 12):
        for suffix, values in score(inputs).items():
            for value in values[~np.isnan(values)]:
                inside = interval.holds(float(value))
                must(inside, f"{label}: {suffix!r} is {value}, outside the bounds {interval}")
                count += 1
    return count


def order_free(subject: Subject) -> int:
    """The order of the examples does not matter."""
    count = 0
    for label, score, inputs in _scores(subject, 14):
        order = np.random.default_rng(15).permutation(EXAMPLES)
        moved = {name: array[:, order] if name[0] in "za" else array for name, array in inputs.items()}
        here, there = score(inputs), score(moved)
        must(list(here) == list(there), f"{label}: different suffixes in another order")
        for suffix, values in here.items():
            kept = ~np.isnan(values)
            where = f"{label}: {suffix!r} in another order"
            must_be_close(there[suffix][kept], values[kept], where, 1e-9, 1e-12)
            count += 1
    return count


def nan_is_nan(subject: Subject) -> int:
    """A trial full of NaN has only NaN scores, so that it does not look sound."""
    count = 0
    for label, score, inputs in _scores(subject, 16):
        spoilt = {name: array.copy() for name, array in inputs.items()}
        for array in spoilt.values():
            array[1] = np.nan
        for suffix, values in score(spoilt).items():
            must(np.isnan(values[1]), f"{label}: {suffix!r} of a trial of NaN is {values[1]:g}")
            count += 1
    return count


CHECKS: list[Named] = [("bounds", within_bounds), ("order_free", order_free), ("nan", nan_is_nan)]
