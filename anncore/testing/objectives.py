"""The checks of an objective."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np

from anncore.contract.kinds import Array, Game, Objective, overrides
from anncore.testing.kit import Case, Kit, Named, Subject, must, must_be_close, slopes
from anncore.testing.mistakes import Gradients, derived, inherited, must_agree


class ObjectiveKit(Kit):
    """Start, gradient, noise, the minimum if it names one, and the equilibrium of a game."""

    stacked = True

    def cases(self, subject: Subject) -> list[Case]:
        """Compute value and gradient, with noise if it is noisy, and the payoff of a game."""
        return [_case(subject)]

    def exercise(self, subject: Subject, component: Any) -> Iterable[Array]:
        """Yield also its start and its noise."""
        yield from super().exercise(subject, component)
        yield from _drawn(component, 0)

    def checks(self, subject: Subject) -> list[Named]:
        """Return the kind's own checks."""
        checks: list[Named] = [("start", start), ("gradient", gradient)]
        if subject.build(subject.variants()[0]).minimum is not None:
            checks.append(("minimum", minimum))
        if issubclass(subject.cls, Game):
            checks.append(("equilibrium", equilibrium))
        if issubclass(subject.cls, Objective) and overrides(subject.cls, Objective.residuals):
            checks.append(("residuals", residuals))
        return [*checks, ("noise", noise)] if _noisy(subject) else checks


def _noisy(subject: Subject) -> bool:
    return bool(subject.cls.noisy)


def _size(subject: Subject) -> int:
    return int(subject.build(subject.variants()[0]).dimensions)


def _drawn(component: Any, seed: int) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [component.start(rng), *([component.draw(rng)] if component.noisy else [])]


def _grad(component: Any, x: Array, drawn: Array) -> Array:
    return component.grad(x, drawn) if component.noisy else component.grad(x)


def _case(subject: Subject) -> Case:
    size = _size(subject)

    def inputs(rng: np.random.Generator, trials: int, dtype: str) -> dict[str, Array]:
        names = ("x", "noise") if _noisy(subject) else ("x",)
        return {name: rng.normal(size=(trials, 1, size)).astype(dtype) for name in names}

    def run(component: Any, inputs: dict[str, Array]) -> dict[str, Array]:
        x = inputs["x"]
        value, grad = component.value(x), _grad(component, x, inputs.get("noise", x))
        must(np.shape(value) == x.shape[:1], f"value has shape {np.shape(value)}, not (T,)")
        must(np.shape(grad) == x.shape, f"the gradient has shape {np.shape(grad)}, not {x.shape}")
        figures = {"value": value, "gradient": grad}
        if isinstance(component, Game):
            figures["payoff"] = component.payoff(x)
            shape = np.shape(figures["payoff"])
            must(shape == x.shape[:1], f"payoff has shape {shape}, not (T,)")
        return figures

    return Case(f"1 x {size}", inputs, run)


def start(subject: Subject) -> int:
    """It starts at D finite float64 numbers, equal from equal generators, and has a finite value there."""
    count = 0
    for variant in subject.variants():
        component = subject.build(variant)
        one, again = (component.start(np.random.default_rng(1)) for _ in range(2))
        where = variant.label
        must(one.shape == (component.dimensions,), f"{where}: start has shape {one.shape}, not (D,)")
        must(one.dtype == np.float64, f"{where}: start is {one.dtype}, not float64")
        must(np.isfinite(one).all(), f"{where}: a start that is not finite")
        must(np.array_equal(one, again), f"{where}: a different start from an equal generator")
        must(not np.shares_memory(one, again), f"{where}: two starts share their memory")
        low, high = component.bounds or (-np.inf, np.inf)
        must(bool(((one >= low) & (one <= high)).all()), f"{where}: a start beyond its bounds")
        value = component.value(one.reshape(1, 1, -1))
        must(np.isfinite(value).all(), f"{where}: the value at the start is {value}")
        count += 1
    return count


def gradient(subject: Subject) -> int:
    """In float64, grad without noise agrees with central differences of value, at random and at the start.

    If it is written by hand, it also agrees with the derivative of value. Of a game it is the payoff's, with
    the other sign where arguments ascend.
    """
    count = 0
    for variant in subject.variants():
        rng = np.random.default_rng(7)
        component = subject.stack(subject.rows(variant, 3), "float64")
        size = subject.build(variant).dimensions
        x = rng.normal(size=(3, 1, size))
        x[0, 0] = subject.build(variant).start(rng)
        grad = _grad(component, x, np.zeros_like(x))
        scale = float(np.abs(grad).max())
        slope = np.empty(x.shape)
        game = isinstance(component, Game)
        for place, difference in slopes(component.payoff if game else component.value, x):
            slope[place] = difference
        if game:
            slope *= component.signs(x.dtype)
        theirs = "" if component.noisy or game else inherited(component, "grad", Objective)
        gradients = Gradients(grad, slope, x, "x", {"D": size}, inherited=theirs)

        def label(place: Any, where: str = variant.label, x: Array = x) -> str:
            return f"{where}: grad for argument {x[place]:.3g}"

        must_agree(gradients, label, rtol=1e-5, atol=1e-7 * max(scale, 1.0))
        by_formula = derived(partial((Game if game else Objective).grad, component, x))
        if by_formula is not None:
            message = f"{variant.label}: grad differs from the derivative of {'payoff' if game else 'value'}"
            exact = gradients._replace(right=by_formula)
            must_agree(exact, message, rtol=1e-7, atol=1e-10 * max(scale, 1.0))
        count += x.size
    return count


def residuals(subject: Subject) -> int:
    """The squares of its residuals, (T, 1, M), add up to its value."""
    count = 0
    for variant in subject.variants():
        component = subject.stack(subject.rows(variant, 3), "float64")
        x = np.random.default_rng(12).normal(size=(3, 1, subject.build(variant).dimensions))
        r, where = component.residuals(x), variant.label
        must(
            np.ndim(r) == 3 and r.shape[:2] == (3, 1), f"{where}: residuals are {np.shape(r)}, not (T, 1, M)"
        )
        message = f"{where}: the sum of the squares of the residuals and the value"
        must_be_close((r * r).sum(axis=(1, 2)), component.value(x), message, 1e-9, 1e-12)
        count += r.size
    return count


def minimum(subject: Subject) -> int:
    """At its minimum the gradient is 0, or leads out of its bounds, and no other place within is lower."""
    count = 0
    for variant in subject.variants():
        component, rng, where = subject.build(variant), np.random.default_rng(9), variant.label
        size = component.dimensions
        places = np.atleast_2d(np.asarray(component.minimum))
        must(places.ndim == 2 and places.shape[1] == size, f"{where}: minimum is {places.shape}, not (K, D)")
        must(np.isfinite(places).all(), f"{where}: a minimum that is not finite")
        at = places[:, None, :].astype(float)
        low, high = component.bounds or (-np.inf, np.inf)
        must(bool(((at >= low) & (at <= high)).all()), f"{where}: a minimum beyond its bounds")
        away = np.clip(component.start(rng) + rng.normal(size=(200, 1, size)), low, high)
        lowest, steep = component.value(at), np.abs(_grad(component, away, np.zeros_like(away))).max()
        slope = np.abs(at - np.clip(at - _grad(component, at, np.zeros_like(at)), low, high)).max()
        must(slope <= 1e-8 * max(steep, 1.0), f"{where}: the gradient at its minimum is {slope:.3g}, not 0")
        spread = np.geomspace(1e-4, 10, 50)[:, None, None, None] * rng.normal(size=(50, len(at), 1, size))
        around = np.clip(at + spread, low, high).reshape(-1, 1, size)
        others = np.concatenate([away, around, at])
        below = float(lowest.max() - component.value(others).min())
        must(
            below <= 1e-9 * max(float(np.abs(component.value(away)).max()), 1.0),
            f"{where}: it is {below:.3g} lower at another place than at its minimum",
        )
        count += len(places)
    return count


def equilibrium(subject: Subject) -> int:
    """Some arguments of a game descend and some ascend; at its equilibrium neither side gains by itself."""
    count = 0
    for variant in subject.variants():
        component, rng, where = subject.build(variant), np.random.default_rng(10), variant.label
        ascending = np.asarray(component.ascending)
        size = component.dimensions
        one_each = ascending.shape == (size,) and ascending.dtype == bool
        must(one_each, f"{where}: ascending must be {size} of True or False, got {component.ascending!r}")
        must(
            0 < ascending.sum() < size, f"{where}: all arguments move the same way: derive it from Objective"
        )
        if component.minimum is None:
            continue
        for place in np.atleast_2d(np.asarray(component.minimum, dtype=float)):
            moves = 1e-3 * rng.normal(size=(50, 1, size))
            settled = component.payoff(place.reshape(1, 1, -1))
            scale = max(float(np.abs(component.payoff(place + 1e3 * moves)).max()), 1.0)
            for gains, who in (
                (settled - component.payoff(place + moves * ~ascending), "descend"),
                (component.payoff(place + moves * ascending) - settled, "ascend"),
            ):
                most = float(gains.max())
                must(
                    most <= 1e-9 * scale, f"{where}: those that {who} gain {most:.3g} beside its equilibrium"
                )
            count += 1
        count += 1
    return count


def noise(subject: Subject) -> int:
    """The noise of a step is D finite numbers, differs at the next step, and changes the gradient."""
    count = 0
    for variant in subject.variants():
        component = subject.build(variant)
        rng = np.random.default_rng(8)
        one = np.asarray(component.draw_at(rng, 1))
        # Where it takes few values, some steps have the same.
        later = (np.asarray(component.draw_at(rng, t)) for t in range(2, 1000))
        other = next((noise for noise in later if not np.array_equal(noise, one)), one)
        must(one.shape == (component.dimensions,), f"{variant.label}: draw gives {one.shape}, not (D,)")
        must(np.isfinite(one).all(), f"{variant.label}: noise that is not finite")
        must(not np.array_equal(one, other), f"{variant.label}: two steps have the same noise")
        x = rng.normal(size=(1, 1, component.dimensions))
        with_one, with_other = (component.grad(x, numbers.reshape(x.shape)) for numbers in (one, other))
        must(
            not np.array_equal(with_one, with_other),
            f"{variant.label}: the noise does not change the gradient",
        )
        count += 1
    return count
