"""Activations within the graph of a pass: their formulas in place of the one operation that is recorded.

An activation with weights of its own gets these as symbols, and gives their gradients; one that draws gets an
input of the graph, which a kernel fills with the step's random numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from anncore.contract.derivatives.cotangents import full
from anncore.contract.derivatives.primitives import spread
from anncore.contract.derivatives.pullback import derive as pull, hypers_of
from anncore.contract.derivatives.reverse import gradients
from anncore.contract.derivatives.symbols import Graph, Node, Symbol, alike
from anncore.contract.errors import RAISED_BY_PLUGINS
from anncore.engine.lanes.drawing import Drawing
from anncore.engine.lanes.nests import Unlowerable
from anncore.engine.lanes.refusing import refusing
from anncore.engine.recorded import Back, Call, State


class Opening:
    """The activations of one pass.

    hypers: gives copies of components with symbols of the graph. activations: those of the network, in order.
    """

    def __init__(self, graph: Graph, hypers: Any, activations: Sequence[Any], *, training: bool) -> None:
        self._graph, self._hypers, self._training = graph, hypers, training
        self._activations = list(activations)
        self._noise: dict[Call, Symbol] = {}
        self._weights: dict[Call, dict[str, Symbol]] = {}
        self.drawn: list[tuple[Node, Drawing]] = []
        self.grads: dict[str, Symbol] = {}  # of the activations' own weights, by name

    def __call__(self, function: Any, args: Sequence[Any]) -> Symbol:
        """Return the symbol of an activation's value or slope, recorded from its own formula."""
        call = function.call if isinstance(function, Back) else function
        if not isinstance(call, Call) or len(call.activation.runs) != 1:
            raise Unlowerable("several activations in one place")
        with refusing(f"activation {call.activation.name}"):
            return self._opened(call, function, args)

    def _opened(self, call: Call, function: Any, args: Sequence[Any]) -> Symbol:
        component = self._hypers.twin(call.activation.runs[0].component)
        if isinstance(function, Back):
            _, z, _ = args
            made, shape = self._slope(call, component, *args), tuple(z.shape)
        else:
            z, *own = args
            self._weights[call] = dict(zip(_plain_names(call), own, strict=True))
            made, shape = component.forward(z, *self._more(call, z)), tuple(call.like(z).shape)
        if isinstance(made, Symbol):
            whole: Symbol = full(made, shape)
            return whole
        # The slope of a step function, such as the sign's, is the same number everywhere.
        constant: Symbol = self._graph.record(spread, np.asarray(made, z.dtype), shape=shape)
        return constant

    def _more(self, call: Call, z: Symbol) -> tuple[Any, ...]:
        """Return what the formula gets beside z."""
        component = call.activation.runs[0].component
        if component.learns:
            return (self._weights[call],)
        return (self._noise_of(call, z),) if component.random else ()

    def _noise_of(self, call: Call, z: Symbol) -> Symbol | None:
        """Return the random numbers of a call; None in evaluation."""
        if not self._training:
            return None
        if call not in self._noise:
            run = call.activation.runs[0]
            # An author may draw fewer numbers, which are then broadcast; hyperparameters may say how many.
            # The copy with symbols notes that they are looked at.
            twin = self._hypers.twin(run.component)
            shape = np.shape(twin.draw(np.random.default_rng(0), tuple(z.shape[1:])))
            symbol = self._graph.input(alike((z.shape[0], *shape), z.dtype))
            which = next(at for at, one in enumerate(self._activations) if one is call.activation)
            asked = tuple(z.shape[1:])
            self.drawn.append(
                (symbol.node, Drawing(call.activation.stream(call.number, run), shape, asked, which))
            )
            self._noise[call] = symbol
        return self._noise[call]

    def _slope(self, call: Call, component: Any, grad: Symbol, z: Symbol, a: Symbol) -> Any:
        """Return ∂L/∂z, and note the gradients of the activation's own weights.

        By the author's formula, or derived from `forward` where that cannot be recorded.
        """
        more = self._more(call, z)
        if not component.learns:
            try:
                return component.backward(grad, z, a, *more)
            except RAISED_BY_PLUGINS:
                return self._derived(component, grad, z, a, [one for one in more if one is not None])[0]
        own = self._weights[call]
        grads = {name: State(self._graph, self._nothing(weight).node) for name, weight in own.items()}
        try:
            made = component.backward(grad, z, a, own, grads)
        except RAISED_BY_PLUGINS:
            made, *parts = self._derived(component, grad, z, a, list(own.values()), list(own))
            for name, part in zip(own, parts, strict=True):
                grads[name][...] = part
        # A place that is used several times, as in time, adds up the gradients.
        for whole, name in zip(call.own, own, strict=True):
            part = grads[name]
            self.grads[whole] = self.grads[whole] + part if whole in self.grads else part
        return made

    def _nothing(self, weight: Symbol) -> Symbol:
        zeros = np.zeros((1,) * weight.ndim, weight.dtype)
        made: Symbol = self._graph.record(spread, zeros, shape=tuple(weight.shape))
        return made

    @staticmethod
    def _derived(
        component: Any,
        grad: Symbol,
        z: Symbol,
        a: Symbol,
        more: Sequence[Symbol],
        names: Sequence[str] = (),
    ) -> list[Any]:
        """Return the gradients of z and of what the formula gets beside it."""

        def forward(one: Any, z: Any, *arrays: Any) -> Any:
            if one.learns:
                return one.forward(z, dict(zip(names, arrays, strict=True)))
            return one.forward(z, *arrays)

        inputs, places = [z, *more], range(1 + len(more))
        try:
            recipe = pull(component, forward, inputs, name="forward (z)", grad=grad, result=None, wrt=places)
            return recipe(*inputs, *hypers_of(component).values(), grad)
        except RAISED_BY_PLUGINS:
            # What the component computed once is no hyperparameter, and known in this graph alone.
            return in_place(a, grad, inputs)


def in_place(result: Symbol, grad: Any, inputs: Sequence[Symbol]) -> list[Any]:
    """Return the gradients of inputs of a formula that is recorded in the same graph."""
    parts = gradients(result, grad, inputs)
    return [
        np.zeros(one.shape, one.dtype) if part is None else full(part, tuple(one.shape))
        for one, part in zip(inputs, parts, strict=True)
    ]


def _plain_names(call: Call) -> list[str]:
    """Return the names of an activation's own weights, as its author knows them."""
    return [name.rpartition(".")[2] for name in call.own]
