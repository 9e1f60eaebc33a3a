"""Networks without `backward`: the core derives the gradients of what `forward` computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.derivatives.symbols import Symbol, alike
from anncore.contract.kinds import AnyNetwork, Array, Layer, Weights, WeightSpec, overrides
from anncore.engine.gathered import gathered
from anncore.engine.noise import StackMode
from anncore.engine.recorded import Recorded, derive, record
from anncore.engine.shown_layers import LayerSteps
from anncore.engine.steps import Steps

MOST = 16  # programs that a network keeps, one for each shape of its inputs

When = tuple[bool, bool] | None
"""Training and first; None for a network that does not distinguish them."""


class Tape(NamedTuple):
    """What a pass leaves for its gradients: the values that it kept, None if they must be computed again."""

    weights: Weights
    x: Array
    when: When
    program: Program | None = None
    values: list[Any] | None = None
    own: Any = None  # the tape that the author's forward returned


class DerivedNetwork:
    """The passes of a network that gives `forward` alone.

    component: with one activation for each place. outputs: the number of output units.
    """

    def __init__(self, component: Any, specs: Sequence[WeightSpec], outputs: int, noise: Any) -> None:
        self._component, self._specs, self._outputs, self._noise = component, list(specs), outputs, noise
        self._trained = [spec.name for spec in specs if spec.role != "state"]
        self._programs: dict[Any, Program] = {}
        self._layers: dict[Any, LayerSteps] = {}

    def forward(self, weights: Weights, x: Array, when: When, training: bool) -> tuple[Array, Tape]:
        """Return z, (T, N, K), and the tape."""
        if not training:
            z, own = self._plain(weights, x, when)
            return z, Tape(weights, x, when, own=own)
        program = self._program(weights, x, when)
        values = program.forward(weights, x, self._noise)
        return values[program.z], Tape(weights, x, when, program, values)

    def backward(self, tape: Tape, grad: Array, grads: Weights) -> None:
        """Write the gradients of all trained weights."""
        program, values = tape.program, tape.values
        if program is None or values is None:
            program = self._program(tape.weights, tape.x, tape.when)
            values = program.forward(tape.weights, tape.x, self._noise)
        program.backward(values, grad, grads)

    def rehearse(self, inputs: int, modes: bool) -> None:
        """Derive the gradients for two examples, of shapes alone; ComponentError if they cannot be."""
        dtype = np.dtype("float32")
        weights = {spec.name: alike((1, *spec.shape), dtype) for spec in self._specs}
        recorded = self._recorded(weights, alike((1, 2, inputs), dtype), (True, True) if modes else None)
        derive(self._component, recorded, self._trained)

    def layers(self, tape: Tape) -> Sequence[Layer]:
        """Return the layers as `layers` of the class shows them, otherwise those that the core recognizes."""
        when = None if tape.when is None else (False, True)
        if overrides(type(self._component), AnyNetwork.layers):
            own = tape.own if tape.values is None else self._plain(tape.weights, tape.x, when)[1]
            shown: Sequence[Layer] = self._component.layers(own)
            return shown
        key = self._key(tape.x, when)
        if key not in self._layers:
            self._limit(self._layers)
            recorded = self._recorded(tape.weights, tape.x, when)
            self._layers[key] = LayerSteps(recorded, self._specs)
        return self._layers[key](tape.weights, tape.x)

    def _plain(self, weights: Weights, x: Array, when: When) -> tuple[Array, Any]:
        more = () if when is None else (StackMode(*when, self._noise),)
        result = self._component.forward(weights, x, *more)
        return result if isinstance(result, tuple) else (result, None)

    def _program(self, weights: Weights, x: Array, when: When) -> Program:
        key = self._key(x, when)
        program = self._programs.get(key)
        if program is None:
            self._limit(self._programs)
            recorded = self._recorded(weights, x, when)
            program = self._programs[key] = Program(self._component, recorded, self._trained)
        return program

    def _recorded(self, weights: Weights, x: Array, when: When) -> Recorded:
        return record(self._component, self._specs, weights, x, self._outputs, when)

    @staticmethod
    def _key(x: Array, when: When) -> Any:
        return x.shape, x.dtype.char, when

    @staticmethod
    def _limit(programs: dict[Any, Any]) -> None:
        if len(programs) >= MOST:
            programs.clear()


class Program:
    """A recorded pass and its gradients as steps, for inputs of one shape."""

    def __init__(self, component: Any, recorded: Recorded, trained: Sequence[str]) -> None:
        derived = derive(component, recorded, trained)
        into = {
            name: gathered(part) if isinstance(part, Symbol) else part
            for name, part in derived.by_weight.items()
        }
        state = recorded.state
        steps = Steps(
            recorded.graph,
            [
                [recorded.z.node, *(symbol.node for symbol in state.values())],
                [*(part.node for part in into.values() if isinstance(part, Symbol)), *derived.backs],
            ],
            into=into,
        )
        self._steps = steps
        self.z = steps.slot(recorded.z.node)
        self._x = steps.slot(recorded.x)
        self._weights = [(name, steps.slot(node)) for name, node in recorded.weights.items()]
        self._drawn = [(name, shape, steps.slot(node)) for name, (node, shape) in recorded.drawn.items()]
        self._state = [(name, steps.slot(symbol.node)) for name, symbol in state.items()]
        self._seed = steps.slot(derived.seed)
        self._grads = [(name, steps.into(name)) for name in into]

    def forward(self, weights: Weights, x: Array, noise: Any) -> list[Any]:
        """Return all values that a pass keeps; write what it writes."""
        values = self._steps.values()
        values[self._x] = x
        for name, place in self._weights:
            values[place] = weights[name]
        for name, shape, place in self._drawn:
            values[place] = noise.of(name, slice(None), _uniform(shape))
        self._steps.run(0, values)
        for name, place in self._state:
            weights[name][...] = values[place]
        return values

    def backward(self, values: list[Any], grad: Array, grads: Weights) -> None:
        """Write the gradients into `grads`."""
        values[self._seed] = grad
        for name, place in self._grads:
            values[place] = grads[name]
        self._steps.run(1, values)


def _uniform(shape: tuple[int, ...]) -> Any:
    def draw(rng: np.random.Generator) -> Array:
        return rng.random(shape)

    return draw
