"""The activations of a stack as one object: each acts on its own slice of the trial axis."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.errors import ComponentError
from anncore.contract.kinds import AnyActivation, Array, WeightSpec, overrides
from anncore.engine.fusing import Formula


class Run(NamedTuple):
    """A component and the trials it acts on, a contiguous slice of the trial axis."""

    component: Any
    trials: slice
    key: str  # what is equal within the run


def needs_place(cls: Any) -> bool:
    """Tell whether an activation class learns, draws or gates, so that it must have a place in a network."""
    return bool(cls.learns or cls.random or gates(cls))


def gates(cls: Any) -> bool:
    """Tell whether an activation class takes another number of pre-activations than it gives units."""
    return overrides(cls, AnyActivation.width)


class Activations:
    """The activations of a stack as one object: each acts on its own slice, in one pass over memory.

    An activation that learns or draws needs a place in the network, which `at` gives it. `begin` sets its
    weights, and the attribute `grads` the arrays for their gradients.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self.runs = list(runs)
        self.name: str = runs[0].component.name
        self.special = any(needs_place(type(run.component)) for run in runs)
        self._formulas = [
            (Formula("forward", run.component), Formula("backward", run.component), run.trials)
            for run in runs
        ]
        self._place, self._units = "", 0
        self.noise: Any = None
        self.grads: Mapping[str, Array] = {}
        self._weights: Mapping[str, Array] = {}
        self._training, self._calls, self._backs = False, 0, 0
        self._kept: dict[int, list[Array | None]] = {}  # the noise of each call of a forward pass

    @classmethod
    def alone(cls, component: Any) -> Activations:
        """Return one component as the activation of all trials."""
        return cls([Run(component, slice(None), "")])

    def at(self, place: str, units: int) -> Activations:
        """Return a copy for a place of its own, where it gives `units`."""
        twin = copy(self)
        twin._place, twin._units = place, units
        return twin

    def width(self, units: int) -> int:
        """Return how many pre-activations it takes to give so many units."""
        component = self.runs[0].component
        if units % component.multiple:
            raise ComponentError(
                f"{component.name} gives units in multiples of {component.multiple}, but a layer has {units}"
                f"; give it {units + -units % component.multiple} units."
            )
        return int(component.width(units))

    def specs(self) -> list[WeightSpec]:
        """Return the weights of this place, named after it."""
        runs = [run for run in self.runs if run.component.learns]
        rows = [run.component.specs(self._units) for run in runs]
        return [
            specs[0]._replace(name=f"{self._place}.{specs[0].name}", initial=_starts(specs, runs))
            for specs in zip(*rows, strict=True)
        ]

    def stream(self, call: int, run: Run) -> str:
        """Return the name of the random numbers of a call, counted from 0 in a forward pass."""
        return f"{self._place}/{call}/{run.key}"

    def begin(self, weights: Mapping[str, Array], training: bool) -> None:
        """Set the weights for the next forward pass."""
        self._weights, self._training, self._calls, self._backs = weights, training, 0, 0
        self._kept = {}

    def units(self, columns: int) -> int:
        """Return how many units it gives from so many pre-activations; ComponentError if they do not fit."""
        if not self._place:
            return columns
        wanted = self.width(self._units)
        if columns != wanted:
            raise ComponentError(
                f"{self._place} needs {wanted} columns for its {self._units} units, but gets {columns}"
            )
        return self._units

    def own(self, names: Iterable[str]) -> list[str]:
        """Return those names of a network's weights that are this place's."""
        return [name for name in names if self._place and name.startswith(f"{self._place}.")]

    def forward(self, z: Array) -> Array:
        """Return every trial's own f(z)."""
        if self.special:
            self._calls += 1
            return self.forward_of(self._calls - 1, z)
        if len(self._formulas) == 1:
            return self._formulas[0][0](z)
        out = np.empty_like(z)
        for forward, _, trials in self._formulas:
            forward(z[trials], out=out[trials])
        return out

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        """Return every trial's own ∂L/∂z. After several forward calls, call it for the last one first."""
        if self.special:
            self._calls -= 1
            return self.backward_of(self._calls, grad, z, a)
        if len(self._formulas) == 1:
            return self._formulas[0][1](grad, z, a)
        out = np.empty_like(z)
        for _, backward, trials in self._formulas:
            backward(grad[trials], z[trials], a[trials], out=out[trials])
        return out

    def slope(self, z: Array, a: Array) -> Array:
        """Return every trial's own f'(z) after a forward pass in evaluation, shaped as a.

        It is what `backward` returns for a gradient of 1. It is NaN for a trial where f is not a function of
        each z alone: f gates, or its units depend on each other, so that doubling the gradient of one unit
        does not double its ∂L/∂z.
        """
        pieces = []
        for component, trials, _ in self.runs:
            ones = np.ones_like(a[trials])
            if gates(type(component)):
                pieces.append(ones * np.nan)
                continue
            more: tuple[Any, ...] = ()
            if component.learns:
                own = self._own(self._weights, trials)
                more = own, {name: np.zeros_like(array) for name, array in own.items()}
            elif component.random:
                more = (None,)
            slope = component.backward(ones, z[trials], a[trials], *more)
            twice = np.ones_like(ones)
            twice[:, :, ::2] = 2  # a power of two: an elementwise result doubles exactly
            doubled = component.backward(twice, z[trials], a[trials], *more)
            alone = (doubled == twice * slope).all(axis=(1, 2), keepdims=True)
            pieces.append(np.where(alone, slope, np.nan).astype(slope.dtype))
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def forward_of(self, call: int, z: Array) -> Array:
        """Return f(z) of a call, counted from 0 in a forward pass."""
        if not self.special:
            return self.forward(z)
        pieces = []
        kept = self._kept[call] = []
        for run in self.runs:
            component, trials, _ = run
            more: tuple[Any, ...] = ()
            if component.learns:
                more = (self._own(self._weights, trials),)
            elif component.random:
                more = (self._draw(run, call, z.shape[1:]),)
                kept.append(more[0])
            pieces.append(component.forward(z[trials], *more))
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def backward_of(self, call: int, grad: Array, z: Array, a: Array) -> Array:
        """Return ∂L/∂z of a call; add the gradients of its weights to those of the calls before."""
        if not self.special:
            return self.backward(grad, z, a)
        pieces = []
        kept = iter(self._kept.get(call, ()))
        for component, trials, _ in self.runs:
            more: tuple[Any, ...] = ()
            if component.learns:
                grads = {name: np.zeros_like(array) for name, array in self._own(self.grads, trials).items()}
                more = self._own(self._weights, trials), grads
            elif component.random:
                more = (next(kept),)
            pieces.append(component.backward(grad[trials], z[trials], a[trials], *more))
            if component.learns:
                for name, total in self._own(self.grads, trials).items():
                    # A place that is used several times, as in time, adds up the gradients.
                    total[...] = grads[name] if self._backs == 0 else total + grads[name]
        self._backs += 1
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def _own(self, arrays: Mapping[str, Array], trials: slice) -> dict[str, Array]:
        prefix = f"{self._place}."
        return {
            name.removeprefix(prefix): array[trials]
            for name, array in arrays.items()
            if name.startswith(prefix)
        }

    def _draw(self, run: Run, call: int, shape: tuple[int, ...]) -> Array | None:
        if not self._training:
            return None
        name = self.stream(call, run)
        return self.noise.of(name, run.trials, lambda rng: run.component.draw(rng, shape))


def _starts(specs: Sequence[WeightSpec], runs: Sequence[Run]) -> Any:
    """Return the initial value of a weight: a number, or one for each trial, (T, 1, 1)."""
    starts = [spec.initial for spec in specs]
    if len(starts) == 1:
        return starts[0]
    sizes = [(run.trials.stop - run.trials.start, 1, 1) for run in runs]
    return np.concatenate([np.broadcast_to(*pair) for pair in zip(starts, sizes, strict=True)])
