"""Components that are functions: activations and losses as curves, objectives as heights of a plane."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.errors import ComponentError
from anncore.contract.hyperparameters import declared
from anncore.contract.kinds import Array
from anncore.contract.registry import Registered, Registry
from anncore.contract.streams import stream
from anncore.engine.activations import Activations
from anncore.engine.build import build_part
from anncore.evidence.sentences import percent, short
from anncore.evidence.units import counted
from anncore.report.plots.plot import Line, Panel, Plot, Points, range_of
from anncore.running.component_costs import default_part

REACH = 4.0  # of pre-activations, and of errors in standard deviations of the target
SURE = 4.6  # logits of a probability of 1 % and of 99 %
ROOM = 0.45  # around start and minima, as a share of their distance


def built(registry: Registry, component: Registered, **values: Any) -> Any:
    """Return a component with its defaults but for `values`; its references are built with their defaults."""
    part = default_part(registry, component)
    return build_part(replace(part, params={**part.params, **values}), registry)


def numbered(value: float) -> str:
    """Write a number for a title, to two digits."""
    return short(float(f"{value:.2g}"), 4)


def plot_activation(registry: Registry, component: Registered) -> Plot:
    """Return f and f' over z from -4 to 4.

    An activation that learns is drawn as it starts, a random one as in evaluation. Raises ComponentError for
    one that is not a function of each z alone.
    """
    activation = built(registry, component)
    kinks = np.array([kink for kink in activation.kinks if abs(kink) < REACH], float)
    z = np.union1d(np.linspace(-REACH, REACH, 401), kinks)
    with np.errstate(all="ignore"):
        f, slope = _activated(activation, z)
    if not np.isfinite(slope).any():
        raise ComponentError(
            f"{component.name} is not a function of each number alone (its units depend on each other, or it "
            "gates), so there is no curve of it."
        )
    slope = np.where(np.isin(z, kinks), np.nan, slope)
    steepest = float(np.nanmax(np.abs(slope)))
    flat = float((np.abs(slope) < 0.01).mean())
    title = f"{component.name}: its slope is at most {numbered(steepest)}"
    if flat > 0.005:
        title += f", and below 0.01 on {percent(flat, 0)} of −4 to 4"
    panel = Panel(
        "z",
        "",
        (-REACH, REACH),
        range_of(f, slope, np.zeros(1)),
        [Line("f(z)", z, f), Line("f'(z)", z, slope)],
    )
    jumps = " f' jumps at " + ", ".join(f"z = {kink:g}" for kink in kinks) + "." if len(kinks) else ""
    starts = " What it learns is as it starts." if activation.learns else ""
    drawn = " In training it draws random numbers; this is its evaluation." if activation.random else ""
    return Plot(
        component.name, title, f"The activation f and its derivative f'.{jumps}{starts}{drawn}", [panel]
    )


def _activated(activation: Any, z: Array) -> tuple[Array, Array]:
    """Return f and f', NaN where f is not a function of each z alone, as the engine computes them."""
    place = Activations.alone(activation).at("f", 2)
    columns = np.repeat(z[None, :, None], place.width(2), axis=2)
    weights = {spec.name: np.full((1, *spec.shape), spec.initial, float) for spec in place.specs()}
    place.begin(weights, training=False)
    f = place.forward(columns)
    return f[0, :, 0].copy(), np.array(place.slope(columns, f), float)[0, :, 0]


class _Valued(NamedTuple):
    """A loss over one axis: what the axis is, places on it, values and gradients (None without one)."""

    axis: str
    place: str  # "the error is", before a number
    x: Array
    value: Array
    gradient: Array | None
    slope: str  # what the gradient is by


def plot_loss(registry: Registry, component: Registered) -> Plot:
    """Return a loss with its gradient: over the error, or over the probability of the true class.

    One for classes is drawn by the output activation that comes with it, and its gradient is that by the
    logit, which is what reaches the network. Raises ComponentError for one with several outputs for each
    target.
    """
    loss = built(registry, component)
    if loss.outputs_per_target != 1:
        raise ComponentError(
            f"{component.name} has {loss.outputs_per_target} outputs for each target, so it has no curve."
        )
    with np.errstate(all="ignore"):
        seen = _over_error(loss) if "regression" in loss.outputs else _over_output(registry, loss)
    lines = [Line("loss", seen.x, seen.value)]
    title = (
        f"{component.name}: {numbered(float(seen.value[0]))} where {seen.place} {numbered(float(seen.x[0]))}"
    )
    subtitle = f"The loss of one example over {seen.axis}."
    if seen.gradient is None:
        title += "; it has no gradient to descend"
    else:
        lines.append(Line(seen.slope, seen.x, seen.gradient))
        title += f"; the gradient there is {numbered(float(seen.gradient[0]))}"
        subtitle = f"The loss of one example, and its {seen.slope}, over {seen.axis}."
    x_range = (float(seen.x.min()), float(seen.x.max()))
    panel = Panel(seen.axis, "", x_range, range_of(*(line.y for line in lines), np.zeros(1)), lines)
    return Plot(component.name, title, subtitle, [panel])


def _over_error(loss: Any) -> _Valued:
    """Return value and gradient by the error, with the target 0, without a line across a jump."""
    x = np.union1d(np.linspace(-REACH, REACH, 401), [kink for kink in loss.kinks if abs(kink) < REACH])
    output, target = x[:, None, None], np.zeros((len(x), 1, 1))
    gradient = None
    if loss.trainable:
        gradient = np.where(np.isin(x, loss.kinks), np.nan, loss.grad(output, target).ravel())
    return _Valued(
        "the error, output - target", "the error is", x, loss.value(output, target), gradient, "gradient"
    )


def _over_output(registry: Registry, loss: Any) -> _Valued:
    """Return value and gradient by the logit, for a target of 1 or, of two classes, the first one."""
    task = "binary" if "binary" in loss.outputs else next(iter(loss.outputs))
    link = built(registry, registry.get("activation", loss.outputs[task]))
    z = np.linspace(-SURE, SURE, 401)[:, None, None]
    target = np.ones_like(z)
    if task != "binary":
        z, target = np.concatenate([z, 0 * z], axis=2), np.concatenate([target, 0 * target], axis=2)
    output = link.forward(z)
    x = output[:, 0, 0]
    if link.name in loss.joint:
        value = loss.value_from_logits(z, target, link.name)
        gradient = loss.grad_from_logits(z, target, link.name) if loss.trainable else None
    else:
        value = loss.value(output, target)
        gradient = link.backward(loss.grad(output, target), z, output) if loss.trainable else None
    within = bool(output.min() >= 0 and output.max() <= 1)
    axis = "p, the probability of the true class" if within else "the output, for a target of 1"
    place = "the true class has probability" if within else "the target is 1 and the output"
    by = None if gradient is None else gradient[:, 0, 0]
    return _Valued(axis, place, x, value, by, "gradient by the logit" if within else "gradient")


def plot_objective(registry: Registry, component: Registered) -> Plot:
    """Return the heights of a function of two arguments, with start and minima.

    Raises ComponentError for a function of another number of arguments.
    """
    cls: Any = component.cls
    several = "dimensions" in declared(cls)  # of which two can be drawn
    objective = built(registry, component, **({"dimensions": 2} if several else {}))
    landscape = Landscape(component.name, objective)
    x_range, y_range = landscape.around()
    panel = Panel("x.1", "x.2", x_range, y_range, points=landscape.marks(), heights=landscape.above)
    start = float(landscape.above(*landscape.start[:, None])[0])
    title = f"{component.name}: the start lies {numbered(start)} above the minimum"
    if not len(landscape.minima):
        title = f"{component.name}: no minimum is known"
    subtitle = "Contours are equally spaced in the logarithm of the height above the minimum."
    return Plot(component.name, title, subtitle, [panel])


class Landscape:
    """An objective of two arguments as a plane with heights; without its noise where it has some."""

    def __init__(self, name: str, objective: Any) -> None:
        if int(objective.dimensions) != 2:
            raise ComponentError(
                f"{name} is a function of {counted(int(objective.dimensions), 'arguments')}; only one of two "
                "has a plot."
            )
        self._objective = objective
        minimum = objective.minimum
        self.minima = np.zeros((0, 2)) if minimum is None else np.atleast_2d(np.asarray(minimum, float))
        self.start = np.asarray(objective.start(stream(0, 0, "init")), float)
        self.least = 0.0
        lowest = self._values(self.minima) if len(self.minima) else self._scanned()
        self.least = float(lowest.min())

    def above(self, x: Array, y: Array) -> Array:
        """Return f - min at places of equal shape; infinite where f is not finite."""
        places = np.stack([np.ravel(x), np.ravel(y)], axis=1)
        return self._values(places).reshape(np.shape(x)) - self.least

    def around(self, *paths: Array) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return the ranges that hold the start, all minima and paths (n, 2), but for far excursions."""
        core = np.concatenate([self.start[None], self.minima])
        low, high = core.min(axis=0), core.max(axis=0)
        reach = max(float((high - low).max()), 1.0)
        middle, half = (low + high) / 2, np.maximum(high - low, 0.8 * reach) / 2 + ROOM * reach / 2
        low, high = middle - half, middle + half
        for path in paths:
            low = np.minimum(low, np.maximum(path.min(axis=0) - ROOM * reach / 4, low - reach))
            high = np.maximum(high, np.minimum(path.max(axis=0) + ROOM * reach / 4, high + reach))
        if self._objective.bounds is not None:  # nothing is ever taken beyond them
            low, high = (np.clip(edge, *self._objective.bounds) for edge in (low, high))
        (left, bottom), (right, top) = low, high
        return (float(left), float(right)), (float(bottom), float(top))

    def marks(self) -> list[Points]:
        """Return the start and the minima as marks."""
        marks = [Points("start", self.start[:1], self.start[1:], "start")]
        if len(self.minima):
            x, y = self.minima.T
            marks.append(Points("minimum", x, y, "minimum"))
        return marks

    def _scanned(self) -> Array:
        x_range, y_range = self.around()
        x, y = np.meshgrid(np.linspace(*x_range, 101), np.linspace(*y_range, 101))
        return self._values(np.stack([x.ravel(), y.ravel()], axis=1))

    def _values(self, places: Array) -> Array:
        with np.errstate(all="ignore"):  # far out a function may overflow
            values = self._objective.value(places[:, None, :])
        return np.where(np.isfinite(values), values, np.inf)
