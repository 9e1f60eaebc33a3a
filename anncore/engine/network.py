"""The network of a stack, with the activations in its places, its modes and its random numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

import numpy as np

from anncore.contract.errors import ComponentError
from anncore.contract.hyperparameters import references
from anncore.contract.kinds import (
    AnyNetwork,
    Array,
    Layer,
    RuleNetwork,
    Weights,
    WeightSpec,
    learns_by_rule,
    overrides,
)
from anncore.contract.registry import Registry
from anncore.contract.shown import shortened
from anncore.contract.trial import Part, Trial
from anncore.engine.activations import Activations
from anncore.engine.build import build_part, build_stack
from anncore.engine.derived_network import DerivedNetwork
from anncore.engine.noise import Noise, StackLearnMode, StackMode
from anncore.engine.recorded import Recorded, record

OUTPUT = "output"  # the network's reference that names its output activation


def without_output(part: Part) -> Part:
    """Return a network's part without its output activation, which belongs to the loss."""
    refs = {key: refs for key, refs in part.refs.items() if key != OUTPUT}
    return Part(part.kind, part.name, part.code, part.params, refs, part.paths)


def network_specs(part: Part, registry: Registry, inputs: int, outputs: int) -> list[WeightSpec]:
    """Return the specs of all arrays of a network of these sizes, including those of its activations."""
    network = build_part(without_output(part), registry)
    return _specs(_placed(network, inputs, outputs), inputs, outputs)


def rehearse(part: Part, registry: Registry, inputs: int, outputs: int) -> None:
    """Raise ComponentError if the core cannot derive the gradient of a network that gives forward alone."""
    PlacedNetwork(build_part(without_output(part), registry), inputs, outputs, None).rehearse(inputs)


def _placed(network: Any, inputs: int, outputs: int) -> Any:
    """Return a copy of the network with one activation for each place that it names."""
    places: Mapping[str, Sequence[int]] = network.places(inputs, outputs)
    twin = copy(network)
    for key, reference in references(_class(network)).items():
        if reference.kind != "activation" or key == OUTPUT:
            continue
        activations = getattr(network, key)
        if key in places:
            units = places[key]
            if len(activations) not in (1, len(units)):
                raise ComponentError(
                    f"{network.name}: {key} must be one name or one for each of {len(units)} places, "
                    f"got {len(activations)}"
                )
            several = activations if len(activations) == len(units) else activations * len(units)
            placed = [
                _shared(activation).at(f"{key}{i}", width)
                for i, (activation, width) in enumerate(zip(several, units, strict=True), start=1)
            ]
            object.__setattr__(twin, key, tuple(placed))
        else:
            wrapped = tuple(map(_shared, activations))
            for activation in wrapped:
                if activation.special:
                    raise ComponentError(
                        f"{network.name} cannot hold {activation.name}, which learns, draws or gates: it "
                        f"names no places for {key}"
                    )
            object.__setattr__(twin, key, wrapped)
    return twin


def _class(network: Any) -> Any:
    return type(network)


def _shared(activation: Any) -> Activations:
    return activation if isinstance(activation, Activations) else Activations.alone(activation)


def _specs(network: Any, inputs: int, outputs: int) -> list[WeightSpec]:
    specs = list(network.specs(inputs, outputs))
    for spec in specs:
        if not isinstance(spec, WeightSpec):
            raise ComponentError(
                f"{network.name}: specs() must return a list of WeightSpec, got {shortened(repr(spec), 60)}"
            )
    for activation in _activations(network):
        specs += activation.specs()
    return specs


def _activations(network: Any) -> list[Activations]:
    activations = []
    for key, reference in references(_class(network)).items():
        if reference.kind == "activation" and key != OUTPUT:
            activations += list(getattr(network, key))
    return activations


def shows_layers(cls: Any) -> bool:
    """Tell whether a network's layers can be seen: the class shows them, or the core derives its gradient."""
    derived = not overrides(cls, AnyNetwork.backward) and not issubclass(cls, RuleNetwork)
    return overrides(cls, AnyNetwork.layers) or derived


def _turns(network: Any, specs: Sequence[WeightSpec]) -> list[list[str]]:
    """Return the weights of each turn of a step; [] for a network that updates all at once."""
    if not isinstance(network, RuleNetwork):
        return []
    turns = [list(names) for names in network.turns()]
    named = sorted(name for names in turns for name in names)
    trained = sorted(spec.name for spec in specs if spec.role != "state")
    if turns and (named != trained or not all(turns)):
        raise ComponentError(
            f"{network.name}: turns must name each of its weights once ({', '.join(trained)}), got "
            f"{', '.join(named)}"
        )
    return turns


class PlacedNetwork:
    """A network of T trials with its activations in their places: specs, forward, backward.

    noise: the source of random numbers, a `Noise`.
    """

    def __init__(self, network: Any, inputs: int, outputs: int, noise: Any) -> None:
        self.component = _placed(network, inputs, outputs)
        self.specs = _specs(self.component, inputs, outputs)
        self.learns = learns_by_rule(type(self.component))
        self._by_steps = isinstance(self.component, RuleNetwork)
        self.adjusts = overrides(type(self.component), AnyNetwork.after_step)
        self.turns = _turns(self.component, self.specs)
        self._derived: Any = None
        if not overrides(type(self.component), AnyNetwork.backward):
            self._derived = DerivedNetwork(self.component, self.specs, outputs, noise)
        self._modes = self.component.modes
        self.noise = noise
        self._special = [activation for activation in _activations(self.component) if activation.special]
        for activation in self._special:
            activation.noise = self.noise
        self._plain = not (self._modes or self._special or self._by_steps or self.adjusts)

    def forward(
        self, weights: Weights, x: Array, *, training: bool = False, first: bool = True
    ) -> tuple[Array, Any]:
        """Return the pre-activations of the output, (T, N, K), and the tape."""
        training = training and not self._by_steps  # whose passes are for evaluation alone
        for activation in self._special:
            activation.begin(weights, training)
        if self._derived is not None:
            when = (training, first) if self._modes else None
            return self._derived.forward(weights, x, when, training)
        if not self._modes:
            return self.component.forward(weights, x)
        return self.component.forward(weights, x, StackMode(training, first, self.noise))

    def backward(self, weights: Weights, tape: Any, grad: Array, grads: Weights) -> None:
        """Write the gradients of all arrays, from the gradient at the output's pre-activations."""
        for activation in self._special:
            activation.grads = grads
        if self._derived is not None:
            self._derived.backward(tape, grad, grads)
            return
        self.component.backward(weights, tape, grad, grads)

    def learn(
        self,
        weights: Weights,
        x: Array,
        y: Array,
        grads: Weights,
        *,
        now: tuple[int, int],
        noise: Any = None,
        turn: int | None = None,
    ) -> None:
        """Write the directions that its learning rule gives; `now` is the step and the number of steps.

        noise: other random numbers than its own. turn: see `RuleNetwork.turns`; None for all directions.
        """
        more = (StackLearnMode(*now, noise or self.noise, turn),) if self._by_steps else ()
        self.component.learn(weights, x, y, grads, *more)

    def after_step(self, weights: Weights, *, now: tuple[int, int]) -> None:
        """Let the network change its weights and state after an update; `now` as for `learn`."""
        if self.adjusts:
            self.component.after_step(weights, StackLearnMode(*now, self.noise))

    def measures(self, weights: Weights, x: Array) -> Mapping[str, Array]:
        """Return what the network measures of itself, in evaluation."""
        for activation in self._special:
            activation.begin(weights, False)
        values: Mapping[str, Array] = self.component.measures(weights, x)
        return values

    def snapshot(self, weights: Weights, x: Array, y: Array) -> Mapping[str, Array]:
        """Return what the network shows of itself, in evaluation."""
        for activation in self._special:
            activation.begin(weights, False)
        arrays: Mapping[str, Array] = self.component.snapshot(weights, x, y)
        return arrays

    def rehearse(self, inputs: int) -> None:
        """Raise ComponentError if the core must derive the gradient and cannot."""
        if self._derived is None or self.learns:
            return
        try:
            self._derived.rehearse(inputs, self._modes)
        except ComponentError:
            raise
        except Exception:  # a mistake of the formula itself; each trial that meets it fails and says so
            return

    @property
    def activations(self) -> list[Activations]:
        """The activations in its places."""
        return _activations(self.component)

    @property
    def derives(self) -> bool:
        """Whether the core derives its gradients from forward."""
        return self._derived is not None

    @property
    def is_followed(self) -> bool:
        """Whether the passes of training are forward passes that the core records."""
        return self.derives and not self._by_steps

    @property
    def trained(self) -> list[str]:
        """The names of the arrays that training changes."""
        return [spec.name for spec in self.specs if spec.role != "state"]

    @property
    def draws(self) -> bool:
        """Whether an activation draws random numbers in training."""
        return any(run.component.random for activation in self._special for run in activation.runs)

    def recorded(self, weights: Weights, x: Array, outputs: int) -> Recorded:
        """Return the graph of a training pass, also of a network that writes its gradient by hand."""
        when = (True, True) if self._modes else None
        return record(self.component, self.specs, weights, x, outputs, when)

    def begin_pass(self, weights: Weights) -> None:
        """Prepare the activations for the operations of `recorded`; their weights' gradients are dropped."""
        for activation in self._special:
            activation.begin(weights, True)
            activation.grads = {name: np.zeros_like(weights[name]) for name in weights}

    def drawn(self, name: str, shape: tuple[int, ...]) -> Array:
        """Return the step's random numbers of a name."""
        return self.noise.of(name, slice(None), lambda rng: rng.random(shape))

    @property
    def gradient_from(self) -> str:
        """What gives its gradients, for messages."""
        return "backward" if self._derived is None else "the gradient derived from forward"

    def begin_step(self) -> None:
        """Draw new random numbers from now on."""
        if not self._plain:
            self.noise.renew()

    def layers(self, tape: Any) -> Sequence[Layer]:
        """Return what happened in each layer; ComponentError if the network does not show its layers."""
        layers: Sequence[Layer] = (self._derived or self.component).layers(tape)
        if not layers:
            raise ComponentError(
                f"{self.component.name} does not show its layers, which an initializer or metric needs."
            )
        return layers


class StackNetwork(PlacedNetwork):
    """The network of a stack's trials, with the streams of its random numbers."""

    def __init__(
        self, trials: Sequence[Trial], registry: Registry, dtype: str, inputs: int, outputs: int
    ) -> None:
        network = build_stack([without_output(trial.parts["network"]) for trial in trials], registry, dtype)
        super().__init__(network, inputs, outputs, Noise(trials, dtype))
