"""Recording a network: its forward pass runs once on symbols, and its gradients are derived from that.

Weights, inputs and random numbers are symbols. Each call of an activation is one operation with its own
gradient, whether that is written or derived. What the pass writes into arrays of role "state" is noted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.derivatives.cotangents import full
from anncore.contract.derivatives.primitives import spread
from anncore.contract.derivatives.pullback import with_symbols
from anncore.contract.derivatives.refusals import Mistaken
from anncore.contract.derivatives.reverse import gradients
from anncore.contract.derivatives.symbols import Graph, Node, Opaque, Symbol, Underivable, alike, refuse
from anncore.contract.errors import ComponentError
from anncore.contract.hyperparameters import references
from anncore.contract.kinds import Array, WeightSpec
from anncore.engine.activations import Activations


class Recorded(NamedTuple):
    """A forward pass as a graph, for inputs of one shape."""

    graph: Graph
    x: Node
    weights: dict[str, Node]
    drawn: dict[str, tuple[Node, tuple[int, ...]]]  # the random numbers by name, and the shape of one trial's
    z: Symbol
    state: dict[str, Symbol]  # what the pass writes
    calls: tuple[Call, ...]


class Derived(NamedTuple):
    """The gradients of a recorded forward pass."""

    seed: Node  # ∂L/∂z
    by_weight: dict[str, Symbol | Array | None]  # None: 0
    backs: list[Node]  # calls of activations that write the gradients of their own weights
    by_activation: frozenset[str]  # the weights whose gradients these write


class Call(Opaque):
    """One call of an activation in a forward pass."""

    def __init__(self, activation: Activations, number: int, own: Sequence[str]) -> None:
        self.activation, self.number, self.own = activation, number, tuple(own)
        self.back = Back(self)

    def __call__(self, *arrays: Array) -> Array:
        """Return f(z) for z and the activation's own weights, which it has."""
        z, *_ = arrays
        return self.activation.forward_of(self.number, z)

    def direct(self) -> Callable[..., Array]:
        """Return what is called with the same arguments, without a detour where it can be."""
        return self if self.activation.special else self.activation.forward

    def like(self, z: Any, *own: Any) -> Array:
        """Return an array like f(z)."""
        return alike((*z.shape[:-1], self.activation.units(z.shape[-1])), z.dtype)

    def expression(self, algebra: Any, args: Sequence[Any]) -> Any:
        """Return it for printing: relu(z)."""
        return algebra.call(self.activation.name, args[0])

    def rule(self, place: int) -> Callable[..., Any]:
        """Return the rule of z, or of a weight of its own, whose gradient the activation writes itself."""

        def rule(g: Any, out: Symbol, z: Any, *own: Any) -> Any:
            back = out.graph.record(self.back, full(g, out.shape), z, out)
            return back if place == 0 else None

        return rule


class Back(Opaque):
    """The gradient of one call of an activation."""

    def __init__(self, call: Call) -> None:
        self.call = call

    def __call__(self, *arrays: Array) -> Array:
        """Return ∂L/∂z for ∂L/∂a, z and a; write the gradients of the activation's own weights."""
        grad, z, a = arrays
        return self.call.activation.backward_of(self.call.number, grad, z, a)

    def direct(self) -> Callable[..., Array]:
        """Return what is called with the same arguments, without a detour where it can be."""
        return self if self.call.activation.special else self.call.activation.backward

    def like(self, grad: Any, z: Any, a: Any) -> Array:
        """Return an array like z."""
        return alike(z.shape, z.dtype)

    def expression(self, algebra: Any, args: Sequence[Any]) -> Any:
        """Return it for printing: g ∘ relu'(z)."""
        grad, z, _ = args
        return algebra.multiply(grad, algebra.call(f"{self.call.activation.name}'", z))

    def rule(self, place: int) -> Callable[..., Any]:
        """Refuse: nothing needs a second derivative."""
        raise refuse("the gradient of an activation")


class _Activation:
    """An activation of the network under record."""

    def __init__(self, activation: Activations, owner: _Recording) -> None:
        self._activation, self._owner, self._calls = activation, owner, 0
        self.name = activation.name

    def width(self, units: int) -> int:
        """See `AnyActivation.width`."""
        return self._activation.width(units)

    def forward(self, z: Any) -> Any:
        """Record a call."""
        names = self._activation.own(self._owner.weights)
        call = Call(self._activation, self._calls, names)
        self._calls += 1
        self._owner.calls.append(call)
        return self._owner.graph.record(call, z, *(self._owner.weights[name] for name in names))


class State(Symbol):
    """A symbol whose whole can be written: its next readers get the new value."""

    def __setitem__(self, index: Any, value: Any) -> None:
        if index is not Ellipsis and index != slice(None):
            raise refuse(
                "assignment to a part of a state", "cannot be followed: write the whole, state[...] ="
            )
        if not isinstance(value, Symbol):
            value = self.graph.record(spread, np.asarray(value, self.dtype), shape=self.shape)
        if value.dtype != self.dtype:
            value = value.astype(self.dtype)
        whole: Any = value if value.shape == self.shape else np.broadcast_to(value, self.shape)
        self.node = whole.node

    def _changed(self, result: Any) -> Any:
        self[...] = result
        return self


class _Mode:
    """The mode of a pass under record: see `anncore.contract.kinds.Mode`."""

    def __init__(self, training: bool, first: bool, owner: _Recording) -> None:
        self.training, self.first, self._owner = training, first, owner

    def uniform(self, name: str, shape: tuple[int, ...]) -> Any:
        """Return the symbol of random numbers, the same one for the same name."""
        return self._owner.uniform(name, tuple(int(size) for size in shape))


class _Recording:
    """A network's forward pass while it runs on symbols."""

    def __init__(self, weights: Mapping[str, Array], x: Array, state: frozenset[str]) -> None:
        self.graph = Graph()
        self._trials, self._dtype = len(x), x.dtype
        self.x = self.graph.input(x)
        self.weights: dict[str, Symbol] = {}
        for name, array in weights.items():
            symbol = self.graph.input(array)
            self.weights[name] = State(self.graph, symbol.node) if name in state else symbol
        self.calls: list[Call] = []
        self.drawn: dict[str, tuple[Symbol, tuple[int, ...]]] = {}
        self.starts = {name: symbol.node for name, symbol in self.weights.items()}

    def uniform(self, name: str, shape: tuple[int, ...]) -> Symbol:
        """Return the symbol of random numbers of one name."""
        if name not in self.drawn:
            like = alike((self._trials, *shape), self._dtype)
            self.drawn[name] = self.graph.input(like), shape
        symbol, before = self.drawn[name]
        if before != shape:
            raise ComponentError(f"it draws shapes {before} and {shape} under one name, {name!r}, in a step")
        return symbol

    def twin(self, component: Any) -> Any:
        """Return a copy of the component with symbols in place of hyperparameters and activations."""
        twin = copy(with_symbols(component, self.graph))
        for key, reference in references(_class(component)).items():
            held = getattr(component, key)
            if reference.kind == "activation" and isinstance(held, tuple):
                wrapped = [_Activation(one, self) if isinstance(one, Activations) else one for one in held]
                object.__setattr__(twin, key, tuple(wrapped))
        return twin


def _class(component: Any) -> Any:
    return type(component)


def record(
    component: Any,
    specs: Sequence[WeightSpec],
    weights: Mapping[str, Array],
    x: Array,
    outputs: int,
    mode: tuple[bool, bool] | None,
) -> Recorded:
    """Return the graph of a component's forward pass; ComponentError, with its name, if that cannot be.

    mode: training and first, None for a network without modes.
    """
    state = frozenset(spec.name for spec in specs if spec.role == "state")
    recording = _Recording(weights, x, state)
    given = dict(recording.weights)
    try:
        more = () if mode is None else (_Mode(*mode, recording),)
        result = recording.twin(component).forward(given, recording.x, *more)
        z = _output(result, (*x.shape[:2], outputs))
        _must_be_kept(given, recording.weights)
    except ComponentError as error:
        raise _named(component, error) from error
    written = {name: symbol for name, symbol in recording.weights.items() if name in state}
    return Recorded(
        recording.graph,
        recording.x.node,
        recording.starts,
        {name: (symbol.node, shape) for name, (symbol, shape) in recording.drawn.items()},
        z,
        {name: symbol for name, symbol in written.items() if symbol.node is not recording.starts[name]},
        tuple(recording.calls),
    )


def _named(component: Any, error: ComponentError) -> ComponentError:
    if isinstance(error, Underivable):
        instead = "" if isinstance(error, Mistaken) else "backward"
        return type(error)(error.what, error.where, component.name, instead)
    return ComponentError(f"{component.name}: {error}")


def _output(result: Any, shape: tuple[int, ...]) -> Symbol:
    z = result[0] if isinstance(result, tuple) and result else result
    if not isinstance(z, Symbol):
        raise ComponentError(
            f"forward returns {type(z).__name__}, which does not depend on weights or inputs"
        )
    if z.shape != shape:
        raise ComponentError(
            f"forward gives shape {z.shape} in place of (trials, examples, outputs) = {shape}"
        )
    return z


def _must_be_kept(given: Mapping[str, Any], symbols: Mapping[str, Symbol]) -> None:
    for name, symbol in given.items():
        if symbols.get(name) is not symbol:
            raise ComponentError(
                f"forward puts another array in place of weights[{name!r}]; write into a state, "
                f"weights[{name!r}][...] = value"
            )


def derive(component: Any, recorded: Recorded, trained: Sequence[str]) -> Derived:
    """Return the gradients of a recorded pass for all trained weights."""
    own = frozenset(name for call in recorded.calls for name in call.own)
    seed = recorded.graph.input(alike(recorded.z.shape, recorded.z.dtype))
    symbols = [Symbol(recorded.graph, recorded.weights[name]) for name in trained]
    try:
        parts = gradients(recorded.z, seed, symbols)
    except ComponentError as error:
        raise _named(component, error) from error
    by_weight = {
        name: None if part is None else full(part, symbol.shape)
        for name, symbol, part in zip(trained, symbols, parts, strict=True)
        if name not in own
    }
    backs = [
        node for node in recorded.graph.nodes if isinstance(node.function, Back) and node.function.call.own
    ]
    by_activation = frozenset(name for node in backs for name in _call_of(node).own)
    by_weight |= dict.fromkeys(own - by_activation)
    return Derived(seed.node, by_weight, backs, by_activation)


def _call_of(node: Node) -> Call:
    assert isinstance(node.function, Back)
    return node.function.call
