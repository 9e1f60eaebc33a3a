"""Components as they act in training: optimizers on a valley, schedules over steps, initializers by depth."""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.columns import argument_curve
from anncore.contract.errors import ComponentError, ExperimentError
from anncore.contract.hyperparameters import declared, references
from anncore.contract.kinds import Array, Initializer, overrides
from anncore.contract.registry import Registered, Registry
from anncore.contract.streams import stream
from anncore.contract.trial import Trial, TrialResult
from anncore.engine.build import build_stack
from anncore.engine.training import train_stack
from anncore.experiment import load_experiment
from anncore.experiment.plan import make_plan
from anncore.report.plots.functions import Landscape, built, numbered
from anncore.report.plots.plot import Line, Panel, Plot, range_of
from anncore.running.component_costs import default_part

STEPS, STARTS = 100, 5
RATES = {"log": [1e-4, 1e1], "num": 31}  # six for each power of ten
SCHEDULED = 200  # steps of a schedule
FALLS, HALVED = 60, 15  # steps in which the validation loss falls, and in which it is halved
LAYERS, UNITS, EXAMPLES, SEEDS = 16, 64, 256, 5
NOTHING = 1e-12  # a spread below it counts as none


class Walk(NamedTuple):
    """What an optimizer does at the rate that ends lowest; `rate` is NaN for one without a rate."""

    label: str
    places: Array  # (steps + 1, 2), from the first start
    share: float  # the height after the last step over that at the start, in the median over starts
    rate: float
    diverged: int  # rates that diverge from any start

    def described(self) -> str:
        """Return the share and the label."""
        return f"{self.label}: {numbered(self.share) if self.share > 0 else '0'}"


def plot_optimizer(registry: Registry, component: Registered) -> Plot:
    """Return the optimizer's path down a valley, and that of plain gradient descent from the same start.

    Both have the learning rate, of RATES, at which they end lowest in the median over STARTS starts, because
    an untuned one says nothing. The valley and the reference are annx's own components that are companions.
    Raises ComponentError for an optimizer that cannot train on the valley.
    """
    valley, reference = registry.companion("objective"), registry.companion("optimizer")
    shown = list({optimizer.full_name: optimizer for optimizer in (component, reference)}.values())
    landscape = Landscape(valley.name, built(registry, valley, **valley.cls.companion))
    walks = [_walk(registry, optimizer, valley, landscape) for optimizer in shown]
    ranges = landscape.around(*(walk.places for walk in walks))
    lines = [Line(walk.label, *walk.places.T) for walk in walks]
    panel = Panel("x.1", "x.2", *ranges, lines, landscape.marks(), landscape.above)
    first, *others = walks
    title = f"{first.label} goes down to {first.described().partition(': ')[2]} of the start's height"
    title += f" in {STEPS} steps" + "".join(f" ({walk.described()})" for walk in others)
    subtitle = (
        f"Paths on the {valley.name} valley; contours are equally spaced in the logarithm of the height. The "
        f"title has medians over {STARTS} starts."
    )
    rates = [f"{walk.label} {numbered(walk.rate)}" for walk in walks if math.isfinite(walk.rate)]
    if rates:
        subtitle += f" Learning rates are the best of {RATES['num']}: {', '.join(rates)}."
    lost = [f"{walk.diverged} with {walk.label}" for walk in walks if walk.diverged]
    if lost:
        subtitle += f" Of these diverge {' and '.join(lost)}."
    return Plot(component.name, title, subtitle, [panel])


def _walk(registry: Registry, optimizer: Registered, valley: Registered, landscape: Landscape) -> Walk:
    """Train on the valley at every rate from every start, in one stack; return the rate that ends lowest."""
    key = _rate_of(registry, optimizer)
    trials = _trials(registry, optimizer, valley, key)
    by_rate: dict[float, list[TrialResult]] = {}
    for trial, result in zip(trials, train_stack(trials, registry), strict=True):
        rate = float(trial.values[f"optimizer.{key}"]) if key else math.nan
        by_rate.setdefault(rate, []).append(result)
    fine = {rate: mine for rate, mine in by_rate.items() if all(result.status == "ok" for result in mine)}
    if not fine:
        raise ComponentError(f"{optimizer.name} diverges on {valley.name} at each of {len(by_rate)} rates.")
    paths = {rate: [_path(result) for result in mine] for rate, mine in fine.items()}
    shares = {rate: [_share(path, landscape) for path in mine] for rate, mine in paths.items()}
    best = min(shares, key=lambda rate: float(np.median(shares[rate])))
    share = float(np.median(shares[best]))
    return Walk(optimizer.name, paths[best][0], share, best, len(by_rate) - len(fine))


def _trials(registry: Registry, optimizer: Registered, valley: Registered, key: str) -> list[Trial]:
    """Return the trials of a small experiment: the valley, the optimizer, every rate, every start."""
    tables = {
        "train": {"steps": STEPS, "eval_every": 1, "dtype": "float64"},
        "seeds": {"report": list(range(STARTS))},
        "objective": {"valley": {"use": valley.full_name, **valley.cls.companion}},
        "optimizer": {"shown": {"use": optimizer.full_name, **({key: RATES} if key else {})}},
    }
    try:
        return list(make_plan(load_experiment(tables, registry=registry)).report())
    except ExperimentError as error:
        reason = re.sub(r"^experiment: (\[.*\]: )?", "", error.lines[0])
        reason = reason.partition(". ")[0].rstrip(".")
        raise ComponentError(f"There is no path of {optimizer.name} on {valley.name}: {reason}.") from None


def _path(result: TrialResult) -> Array:
    return np.array([result.curves[argument_curve(axis)] for axis in (1, 2)]).T


def _share(path: Array, landscape: Landscape) -> float:
    """Return the height at the end of a path over that at its start."""
    heights = landscape.above(*path[[0, -1]].T)
    return max(float(heights[1]), 0.0) / float(heights[0])


def _rate_of(registry: Registry, optimizer: Registered) -> str:
    """Return the key of the learning rate, "optimizer.lr" for that of a wrapped optimizer, "" for none."""
    cls: Any = optimizer.cls
    if "lr" in declared(cls):
        return "lr"
    for key, reference in references(cls).items():
        if reference.kind == "optimizer":
            inner = _rate_of(registry, registry.get("optimizer", str(reference.default)))
            if inner:
                return f"{key}.{inner}"
    return ""


def plot_schedule(registry: Registry, component: Registered) -> Plot:
    """Return the factor on the learning rate over the steps of a training of SCHEDULED steps.

    A schedule that looks at the validation loss sees one that falls for FALLS steps and then stands still, at
    every step.
    """
    schedule = build_stack([default_part(registry, component)], registry, "float64")
    factors, unwatched = (np.array(_factors(schedule, falls)) for falls in (FALLS, SCHEDULED))
    steps = np.arange(1, SCHEDULED + 1)
    first, last, highest = (numbered(float(value)) for value in (factors[0], factors[-1], factors.max()))
    title = f"{component.name}: the factor begins at {first} and ends at {last}"
    if highest not in (first, last):
        title += f", at its highest it is {highest}"
    subtitle = f"The factor on the learning rate over {SCHEDULED} steps of training."
    if (factors != unwatched).any():
        subtitle += (
            f" The validation loss, seen at every step, falls until step {FALLS} and then stands still."
        )
    y_range = range_of(factors, np.array([0.0, 1.0]))
    panel = Panel("step", "", (0, SCHEDULED), y_range, [Line("factor", steps, factors)])
    return Plot(component.name, title, subtitle, [panel])


def _factors(schedule: Any, falls: int) -> list[float]:
    """Return the factor of every step, as the engine asks for it, where the loss falls for so many steps."""
    state = schedule.init(np.ones((1, 1, 1)))
    factors = []
    for t in range(SCHEDULED + 1):
        if t:
            factors.append(float(np.ravel(schedule.factor(t, SCHEDULED, state))[0]))
        loss = 0.5 ** (min(t, falls) / HALVED)
        state = schedule.observe(state, np.full((1, 1, 1), loss), t)
    return factors


def plot_initializer(registry: Registry, component: Registered) -> Plot:
    """Return the spread of the activations by depth, with no training: LAYERS layers of UNITS units.

    Inputs are standard normal numbers. A line for each activation that is a companion; each is the mean over
    SEEDS seeds of the standard deviation over units and examples.
    """
    initializer = built(registry, component)
    depth = np.arange(LAYERS + 1)
    spreads: dict[str, Array] = {}
    for companion in registry.companions("activation"):
        activation = built(registry, companion, **companion.cls.companion)
        with np.errstate(all="ignore"):
            rows = [_spread(initializer, activation, seed) for seed in range(SEEDS)]
        spreads[companion.name] = np.mean(rows, axis=0)
    ends = {name: float(values[-1]) for name, values in spreads.items()}
    said = ", ".join(f"{numbered(end) if end > NOTHING else '0'} with {name}" for name, end in ends.items())
    title = f"{component.name}: the spread of 1 becomes {said} after {LAYERS} layers"
    values = np.concatenate(list(spreads.values()))
    above = values[np.isfinite(values) & (values > NOTHING)]
    log_y = bool(len(above)) and float(above.max() / above.min()) > 30
    lines = [
        Line(name, depth, np.where(values > NOTHING, values, np.nan) if log_y else values)
        for name, values in spreads.items()
    ]
    y_range = range_of(values, log=True) if log_y else range_of(values, np.zeros(1), np.ones(1))
    subtitle = (
        f"The standard deviation of the activations of each layer ({UNITS} units, {EXAMPLES} examples, "
        f"mean of {SEEDS} seeds) before any training."
    )
    return Plot(
        component.name,
        title,
        subtitle,
        [Panel("layer, 0 is the input", "", (0, LAYERS), y_range, lines, log_y=log_y)],
    )


def _spread(initializer: Any, activation: Any, seed: int) -> Array:
    """Return the standard deviation of the inputs and of each layer's activations, (LAYERS + 1,)."""
    a = stream(0, seed, "data").standard_normal((1, EXAMPLES, UNITS))
    rng = stream(0, seed, "init")
    spreads = [a.std()]
    for _ in range(LAYERS):
        weight = initializer.sample(rng, (UNITS, UNITS), UNITS, UNITS)[None]
        if overrides(type(initializer), Initializer.adjust):
            attempt = 0
            while (changed := initializer.adjust(weight.copy(), a @ weight, attempt)) is not None:
                weight, attempt = changed, attempt + 1
        a = activation.forward(a @ weight)
        spreads.append(a.std())
    return np.array(spreads)
