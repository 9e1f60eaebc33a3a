"""The graphs of a training step: the formulas of all components, one after the other, with nothing opaque.

Network, activations, output, loss and optimizer are recorded on symbols of stacks, as their authors wrote
them; gradients that no author wrote are derived. What cannot be recorded, or needs a value to go on, raises
Unlowerable with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.derivatives.pullback import DERIVED, one_per_trial, with_symbols
from anncore.contract.derivatives.symbols import Graph, Node, Opaque, Symbol, alike
from anncore.contract.errors import RAISED_BY_PLUGINS
from anncore.contract.kinds import WeightSpec
from anncore.engine.lanes.drawing import Drawing
from anncore.engine.lanes.examples import refuse_examples_together
from anncore.engine.lanes.facts import facts_of, has_trials, per_trial
from anncore.engine.lanes.nests import Unlowerable, ordered
from anncore.engine.lanes.opening import Opening, in_place
from anncore.engine.lanes.refusing import refusing
from anncore.engine.lanes.rewriting import LaneGraph
from anncore.engine.output_and_loss import Pair
from anncore.engine.recorded import Recorded, derive, record


class Hypers:
    """The hyperparameters that formulas of a graph use, one number per trial, as inputs of the graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._twins: dict[int, tuple[Any, Any]] = {}

    def twin(self, component: Any) -> Any:
        """Return a copy of a component with symbols in place of numbers per trial, always the same copy."""
        if id(component) not in self._twins:
            twin = with_symbols(component, self.graph)
            twin.__dict__.pop(DERIVED, None)  # what it derived for arrays
            for name, value in facts_of(component).items():
                if per_trial(value):  # such as the rate before a schedule
                    object.__setattr__(twin, name, self.graph.input(value, known=True))
                elif has_trials(value) and len(value) > 1:
                    raise Unlowerable(f"{component.name} keeps {name} of shape {value.shape}")
            self._twins[id(component)] = twin, component
        return self._twins[id(component)][0]


class Pass(NamedTuple):
    """A forward pass, with the loss and all gradients if it is one of training."""

    graph: Graph
    x: Node
    y: Node | None
    weights: dict[str, Node]
    z: Node
    grads: dict[str, Node | None]  # None where the gradient is 0
    state: dict[str, Node]  # what the pass writes
    loss: Node | None
    drawn: tuple[tuple[Node, Drawing], ...] = ()  # the random numbers of a pass of training
    weights_of_examples: Node | None = None  # (T, N, 1), where examples have weights


class Prediction(NamedTuple):
    """What is predicted, from the outputs' pre-activations z."""

    z: Node
    predicted: Node  # z itself where it is the prediction
    hypers: list[Node]  # those on which it depends


def training_pass(
    component: Any,
    activations: Sequence[Any],
    specs: Sequence[WeightSpec],
    pair: Pair,
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
    outputs: int,
    dtype: str,
    when: tuple[bool, bool] | None,
    *,
    weighted: bool = False,
) -> Pass:
    """Return the graph of a step's forward pass, the slope of the loss, and the gradients of all weights.

    activations: those of the network, in their order. shapes: of inputs and targets, (T, N, D) and (T, N, K).
    weighted: whether examples have weights.
    """
    with refusing(f"network {component.name}"):
        recorded = _recorded(component, specs, shapes[0], outputs, dtype, when)
        trained = [spec.name for spec in specs if spec.role != "state"]
        derived = derive(component, recorded, trained)
        graph = LaneGraph()
        hypers = Hypers(graph)
        opening = Opening(graph, hypers, activations, training=True)
        known = _inputs(graph, recorded)
        drawn = _drawn(graph, recorded, known)
        ends = [recorded.z.node, *(symbol.node for symbol in recorded.state.values())]
        _replay(graph, opening, ends, known)
        z = known[recorded.z.node]
        y = graph.input(alike(shapes[1], np.dtype(dtype)))
        known[derived.seed] = slope = _slope(graph, hypers, pair, z, y)
        w = graph.input(alike((*shapes[0][:2], 1), np.dtype(dtype))) if weighted else None
        if w is not None:
            known[derived.seed] = slope * w
        parts = {name: part for name, part in derived.by_weight.items() if isinstance(part, Symbol)}
        _replay(graph, opening, [*(part.node for part in parts.values()), *derived.backs], known)
    for name, part in derived.by_weight.items():
        if part is not None and not isinstance(part, Symbol):
            raise Unlowerable(f"a gradient of {name} that depends on nothing")
    own = {name: opening.grads[name].node for name in derived.by_activation}
    return Pass(
        graph,
        known[recorded.x].node,
        y.node,
        {name: known[node].node for name, node in recorded.weights.items()},
        z.node,
        {name: known[parts[name].node].node if name in parts else own.get(name) for name in trained},
        {name: known[symbol.node].node for name, symbol in recorded.state.items()},
        None,
        (*drawn, *opening.drawn),
        None if w is None else w.node,
    )


def forward_pass(
    component: Any,
    specs: Sequence[WeightSpec],
    shape: tuple[int, ...],
    outputs: int,
    dtype: str,
    when: tuple[bool, bool] | None,
) -> Pass:
    """Return the graph of a forward pass in evaluation."""
    with refusing(f"network {component.name}"):
        recorded = _recorded(component, specs, shape, outputs, dtype, when)
        graph = LaneGraph()
        known = _inputs(graph, recorded)
        _replay(graph, Opening(graph, Hypers(graph), (), training=False), [recorded.z.node], known)
        refuse_examples_together(known[recorded.z.node].node, known[recorded.x].node)
    weights = {name: known[node].node for name, node in recorded.weights.items()}
    return Pass(graph, known[recorded.x].node, None, weights, known[recorded.z.node].node, {}, {}, None)


def loss_graph(pair: Pair, shapes: tuple[tuple[int, ...], tuple[int, ...]], dtype: str) -> Pass:
    """Return the graph of each trial's mean loss, from z and the targets."""
    with refusing(f"loss {pair.loss.name}"):
        graph = LaneGraph()
        hypers = Hypers(graph)
        z, y = (graph.input(alike(shape, np.dtype(dtype))) for shape in shapes)
        value = _value(hypers, pair, z, y)
        if not isinstance(value, Symbol) or value.shape != (shapes[0][0],):
            raise Unlowerable("it is not one number per trial")
    return Pass(graph, z.node, y.node, {}, z.node, {}, {}, value.node)


def prediction_graph(pair: Pair, shape: tuple[int, ...], targets: int, dtype: str) -> Prediction:
    """Return the graph of the predictions, (T, N, targets), from z of this shape."""
    with refusing(f"loss {pair.loss.name}"):
        graph = LaneGraph()
        hypers = Hypers(graph)
        z = graph.input(alike(shape, np.dtype(dtype)))
        made = hypers.twin(pair.loss).predict(hypers.twin(pair.activation).forward(z))
        if not isinstance(made, Symbol) or made.shape != (*shape[:2], targets) or made.dtype != z.dtype:
            shaped = f"of shape (T, N, {targets}) and type {dtype}"
            raise Unlowerable(f"its predictions do not depend on the outputs, or are not {shaped}")
        refuse_examples_together(made.node, z.node)
    needed = {id(arg) for node in ordered([made.node]) for arg in node.args}
    return Prediction(z.node, made.node, [node for node in hyper_inputs(graph) if id(node) in needed])


def hyper_inputs(graph: Graph) -> list[Node]:
    """Return the inputs of a graph whose values are known: hyperparameters, one number per trial."""
    return [node for node in graph.inputs if node.known]


def _recorded(
    component: Any,
    specs: Sequence[WeightSpec],
    shape: tuple[int, ...],
    outputs: int,
    dtype: str,
    when: tuple[bool, bool] | None,
) -> Recorded:
    kind = np.dtype(dtype)
    weights = {spec.name: alike((shape[0], *spec.shape), kind) for spec in specs}
    return record(component, specs, weights, alike(shape, kind), outputs, when)


def _inputs(graph: Graph, recorded: Recorded) -> dict[Node, Symbol]:
    """Return new inputs for those of a recorded pass."""
    known = {recorded.x: graph.input(recorded.x.stand_in)}
    for node in recorded.weights.values():
        known[node] = graph.input(node.stand_in)
    return known


def _drawn(graph: Graph, recorded: Recorded, known: dict[Node, Symbol]) -> list[tuple[Node, Drawing]]:
    """Return new inputs for the numbers from U[0, 1) that a recorded pass draws, and note them as known."""
    drawn = []
    for name, (node, shape) in recorded.drawn.items():
        known[node] = graph.input(node.stand_in)
        drawn.append((known[node].node, Drawing(name, shape, shape, None)))
    return drawn


def _replay(graph: Graph, opening: Opening, ends: Sequence[Node], known: dict[Node, Symbol]) -> None:
    """Record in another graph what nodes compute, with the inside of each activation in its place."""

    def symbol(value: Any) -> Any:
        if not isinstance(value, Node):
            return value
        if value not in known:
            if not value.known:
                raise Unlowerable("an input that is not a weight")
            known[value] = graph.input(value.value, known=True)
        return known[value]

    for node in ordered(ends):
        if node in known:
            continue
        args = [symbol(arg) for arg in node.args]
        if isinstance(node.function, Opaque):
            known[node] = opening(node.function, args)
        else:
            known[node] = graph.record(node.function, *args, **dict(node.options))


def _slope(graph: LaneGraph, hypers: Hypers, pair: Pair, z: Symbol, y: Symbol) -> Symbol:
    """Return ∂loss/∂z."""
    with refusing(f"loss {pair.loss.name}"):
        try:
            grad = _slope_of(hypers, pair, z, y)
        except RAISED_BY_PLUGINS:
            grad = _other_slope(graph, hypers, pair, z, y)
        if not isinstance(grad, Symbol) or grad.shape != z.shape:
            raise Unlowerable("its slope does not depend on the outputs")
    return grad


def _other_slope(graph: LaneGraph, hypers: Hypers, pair: Pair, z: Symbol, y: Symbol) -> Any:
    """Return ∂loss/∂z with ufuncs that have options; if that cannot be, derived from the loss itself."""
    try:
        with graph.allowing_options():
            return _slope_of(hypers, pair, z, y)
    except RAISED_BY_PLUGINS:
        value = _value(hypers, pair, z, y)
        return in_place(value, one_per_trial(value, z), [z])[0]


def _value(hypers: Hypers, pair: Pair, z: Symbol, y: Symbol) -> Any:
    """Return each trial's mean loss."""
    loss = hypers.twin(pair.loss)
    if pair.link:
        return loss.value_from_logits(z, y, pair.link)
    return loss.value(hypers.twin(pair.activation).forward(z), y)


def _slope_of(hypers: Hypers, pair: Pair, z: Symbol, y: Symbol) -> Any:
    loss = hypers.twin(pair.loss)
    if pair.link:
        return loss.grad_from_logits(z, y, pair.link)
    activation = hypers.twin(pair.activation)
    output = activation.forward(z)
    return activation.backward(loss.grad(output, y), z, output)
