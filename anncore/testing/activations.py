"""What an activation must keep."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from anncore.params import Interval
from anncore.testing.kit import Case, Kit, Named, Subject, must, must_be_close, slopes
from anncore.types import Array


class ActivationKit(Kit):
    """Gradient, range, extremes."""

    stacked = True

    def cases(self, subject: Subject) -> list[Case]:
        """Run forward and backward on layers of several shapes."""
        return [_case(n, d) for n, d in ((1, 1), (32, 5), (7, 33))]

    def checks(self, subject: Subject) -> list[Named]:
        """Return the kind's own checks."""
        return [("gradient", gradient), ("range", in_range), ("extremes_finite", extremes_finite)]


def _case(n: int, d: int) -> Case:
    def inputs(rng: np.random.Generator, trials: int, dtype: str) -> dict[str, Array]:
        z, grad = rng.normal(scale=3, size=(2, trials, n, d)).astype(dtype)
        return {"z": z, "grad": grad}

    def run(component: Any, inputs: dict[str, Array]) -> dict[str, Array]:
        a = component.forward(inputs["z"])
        back = component.backward(inputs["grad"], inputs["z"], a)
        for value, name in ((a, "forward"), (back, "backward")):
            must(value.shape == inputs["z"].shape, f"{name} gives {value.shape} for z {inputs['z'].shape}")
        return {"forward": a, "backward": back}

    return Case(f"{n} x {d}", inputs, run)


def gradient(subject: Subject) -> int:
    """In float64, backward agrees with central differences of forward, away from the declared kinks."""
    count = 0
    for variant in subject.variants():
        component = subject.stack(subject.rows(variant, 3), "float64")
        rng = np.random.default_rng(5)
        z = rng.normal(scale=2, size=(3, 7, 3))
        # Where functions are likely to have a corner that nobody declared; a little beside it, since at
        # the corner itself the difference is the mean of both slopes, which may be the one chosen.
        z[:, :3] = np.array([[0, 1, -1], [0.5, 3, -3], [-0.5, 6, -6]]) + 4e-7
        grad = rng.normal(size=z.shape)
        back = component.backward(grad, z, component.forward(z))
        away = np.ones(z.shape, dtype=bool)
        for kink in getattr(component, "kinks", ()):
            away &= np.abs(z - kink) > 1e-3
        for place, slope in slopes(partial(_weighed, component, grad), z):
            if away[place]:
                message = f"{variant.label}: backward at z = {z[place]:.3g} (declare a corner there in kinks)"
                must_be_close(back[place], slope, message, rtol=1e-5, atol=1e-7)
                count += 1
    return count


def _weighed(component: Any, grad: Array, z: Array) -> Array:
    return grad * component.forward(z)


def in_range(subject: Subject) -> int:
    """Its values lie in the declared `range`, whose open ends rounding may reach."""
    interval = Interval.parse(getattr(subject.cls, "range", "(-inf, inf)"))
    count = 0
    for variant in subject.variants():
        component = subject.stack(subject.rows(variant, 3), "float64")
        z = np.random.default_rng(6).normal(size=(3, 50, 4)) * np.array([0.1, 1, 10, 100])
        a = component.forward(z)
        inside = (a >= interval.low) & (a <= interval.high)
        must(inside.all(), f"{variant.label}: {a[~inside][:1]} lies outside the declared range {interval}")
        count += a.size
    return count


def extremes_finite(subject: Subject) -> int:
    """Up to |z| = 10⁴ nothing overflows, and values and gradients are finite."""
    count = 0
    for variant in subject.variants():
        for dtype in ("float32", "float64"):
            component = subject.stack(subject.rows(variant, 1), dtype)
            sizes = np.array([0, 20, 89, 710, 1e4])
            z = np.concatenate([sizes, -sizes]).astype(dtype).reshape(1, 5, 2)
            with np.errstate(over="raise", invalid="raise", divide="raise"):
                a = component.forward(z)
                back = component.backward(np.ones_like(z), z, a)
            for name, value in (("forward", a), ("backward", back)):
                finite = np.isfinite(value)
                must(finite.all(), f"{variant.label}: {name} is not finite at z = {z[~finite][:1]} ({dtype})")
                count += value.size
    return count
