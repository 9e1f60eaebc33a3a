"""The graphs of a training step: the formulas of all components, one after the other, with nothing opaque.

Network, activations, output, loss and optimizer are recorded on symbols of stacks, as their authors wrote
them; gradients that no author wrote are derived. What cannot be recorded, or needs a value to go on, raises
Unlowerable with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.derivatives.pullback import DERIVED, derive as pull, hypers_of, with_symbols
from anncore.contract.derivatives.symbols import Graph, Node, Opaque, Symbol, alike
from anncore.contract.errors import RAISED_BY_PLUGINS, ComponentError
from anncore.contract.kinds import Array, WeightSpec
from anncore.engine.lanes.facts import facts_of
from anncore.engine.lanes.nests import SUMS, Unlowerable, ordered
from anncore.engine.nested import nested
from anncore.engine.output_and_loss import Pair
from anncore.engine.recorded import Back, Call, Recorded, derive, record


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
                if isinstance(value, np.ndarray):  # a number per trial, such as the rate before a schedule
                    object.__setattr__(twin, name, self.graph.input(value, known=True))
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


@contextmanager
def refusing() -> Iterator[None]:
    """Turn what goes wrong while a formula runs on symbols into Unlowerable."""
    try:
        yield
    except Unlowerable:
        raise
    except ComponentError as error:
        raise Unlowerable(str(error)) from error
    except RAISED_BY_PLUGINS as error:
        raise Unlowerable(f"{type(error).__name__}: {error}") from error


def training_pass(
    component: Any,
    specs: Sequence[WeightSpec],
    pair: Pair,
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
    outputs: int,
    dtype: str,
    when: tuple[bool, bool] | None,
) -> Pass:
    """Return the graph of a step's forward pass, the slope of the loss, and the gradients of all weights.

    shapes: of inputs and targets, (T, N, D) and (T, N, K).
    """
    with refusing():
        recorded = _recorded(component, specs, shapes[0], outputs, dtype, when)
        if recorded.drawn:
            raise Unlowerable(f"{component.name} draws random numbers")
        trained = [spec.name for spec in specs if spec.role != "state"]
        derived = derive(component, recorded, trained)
        if derived.by_activation:
            raise Unlowerable("an activation with weights of its own")
        graph = Graph()
        hypers = Hypers(graph)
        known = _inputs(graph, recorded)
        ends = [recorded.z.node, *(symbol.node for symbol in recorded.state.values())]
        _replay(graph, hypers, ends, known)
        z = known[recorded.z.node]
        y = graph.input(alike(shapes[1], np.dtype(dtype)))
        known[derived.seed] = _slope(hypers, pair, z, y)
        parts = {name: part for name, part in derived.by_weight.items() if isinstance(part, Symbol)}
        _replay(graph, hypers, [part.node for part in parts.values()], known)
    for name, part in derived.by_weight.items():
        if part is not None and not isinstance(part, Symbol):
            raise Unlowerable(f"a gradient of {name} that depends on nothing")
    return Pass(
        graph,
        known[recorded.x].node,
        y.node,
        {name: known[node].node for name, node in recorded.weights.items()},
        z.node,
        {name: known[parts[name].node].node if name in parts else None for name in trained},
        {name: known[symbol.node].node for name, symbol in recorded.state.items()},
        None,
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
    with refusing():
        recorded = _recorded(component, specs, shape, outputs, dtype, when)
        graph = Graph()
        known = _inputs(graph, recorded)
        _replay(graph, Hypers(graph), [recorded.z.node], known)
        _refuse_examples_together(known[recorded.z.node].node, known[recorded.x].node)
    weights = {name: known[node].node for name, node in recorded.weights.items()}
    return Pass(graph, known[recorded.x].node, None, weights, known[recorded.z.node].node, {}, {}, None)


def _refuse_examples_together(z: Node, x: Node) -> None:
    """Refuse what takes examples together in evaluation, whose examples pass in blocks."""
    of_examples = {x}
    for node in ordered([z]):
        if not any(arg in of_examples for arg in node.args if isinstance(arg, Node)):
            continue
        of_examples.add(node)
        array = node.args[0]
        if node.function in SUMS and isinstance(array, Node) and array in of_examples:
            axis = dict(node.options).get("axis", 1)  # of sum_examples
            if 1 in (axis if isinstance(axis, tuple) else (axis,)) and array.shape[1] == x.shape[1]:
                raise Unlowerable("a formula that takes examples together in evaluation")


def loss_graph(pair: Pair, shapes: tuple[tuple[int, ...], tuple[int, ...]], dtype: str) -> Pass:
    """Return the graph of each trial's mean loss, from z and the targets."""
    with refusing():
        graph = Graph()
        hypers = Hypers(graph)
        z, y = (graph.input(alike(shape, np.dtype(dtype))) for shape in shapes)
        loss = hypers.twin(pair.loss)
        if pair.link:
            value = loss.value_from_logits(z, y, pair.link)
        else:
            value = loss.value(hypers.twin(pair.activation).forward(z), y)
        if not isinstance(value, Symbol) or value.shape != (shapes[0][0],):
            raise Unlowerable("a loss that is not one number per trial")
    return Pass(graph, z.node, y.node, {}, z.node, {}, {}, value.node)


LONG = 61
"""The number of weights in graphs of updates; a kernel asks for the real one when it runs."""


class UpdateGraph(NamedTuple):
    """A step of an elementwise optimizer on (T, 1, LONG), which stands for any number of weights."""

    graph: Graph
    weight: Node
    grad: Node
    t: Node
    owned: Node  # not 0 where a lane is this optimizer's; other lanes keep what they have
    states: list[Node]
    rates: list[Node]  # the learning rates that a schedule changes
    results: list[Node]  # the weight, then the states


def update_graph(optimizer: Any, weight: Array, state: Any, *, scheduled: bool) -> UpdateGraph:
    """Return the graph of a step; optimizer: a component, or a fitted one with others inside."""
    with refusing():
        graph = Graph()
        hypers = Hypers(graph)
        replaced = (
            optimizer.replaced(hypers.twin) if hasattr(optimizer, "replaced") else hypers.twin(optimizer)
        )
        shape = (len(weight), 1, LONG)
        theta, grad = (graph.input(alike(shape, weight.dtype)) for _ in range(2))
        shapes = []
        for array in leaves(state):
            if array.shape not in (weight.shape, (len(weight), 1, 1)) or array.dtype != weight.dtype:
                raise Unlowerable(f"a state of shape {array.shape}")
            # With one weight in all, only the rule itself tells an array of weights from a single number.
            shapes.append(shape if array.shape == weight.shape else array.shape)
        inputs = [graph.input(alike(shape, weight.dtype)) for shape in shapes]
        t = graph.input(alike((1, 1, 1), weight.dtype))
        owned = graph.input(alike((len(weight), 1, 1), weight.dtype))
        change, after = replaced.step(theta, grad, rebuilt(state, iter(inputs)), t)
        results = [theta + change, *leaves(after)]
        for result, due in zip(results, [shape, *shapes], strict=True):
            if not isinstance(result, Symbol) or result.shape != due or result.dtype != weight.dtype:
                raise Unlowerable("a state that changes its shape or type")
        own = owned != 0
        results = [
            np.where(own, result, before) for result, before in zip(results, [theta, *inputs], strict=True)
        ]
        moving = [one.lr.node for one in _with_rates(replaced)] if scheduled else []
    for node in ordered([result.node for result in results]):
        if any(isinstance(arg, (int, float)) and arg in (LONG, 1 / LONG) for arg in node.args):
            raise Unlowerable("the number of weights in a formula of each number by itself")
    return UpdateGraph(
        graph,
        theta.node,
        grad.node,
        t.node,
        owned.node,
        [symbol.node for symbol in inputs],
        moving,
        [result.node for result in results],
    )


def _with_rates(optimizer: Any) -> Iterator[Any]:
    """Yield an optimizer on symbols and those inside it that have a learning rate, as `nested.rates` does."""
    inner = getattr(optimizer, "_optimizer", optimizer)
    if isinstance(getattr(inner, "lr", None), Symbol):
        yield inner
    for one in nested(inner):
        yield from _with_rates(one)


def leaves(state: Any) -> Iterator[Any]:
    """Yield the arrays of a state; Unlowerable if it holds anything but arrays in tuples."""
    if isinstance(state, tuple):
        for leaf in state:
            yield from leaves(leaf)
    elif isinstance(state, (np.ndarray, Symbol)):
        yield state
    else:
        raise Unlowerable(f"a state with {type(state).__name__}")


def rebuilt(state: Any, parts: Iterator[Any]) -> Any:
    """Return a state built like another one from these arrays."""
    if isinstance(state, tuple):
        items = [rebuilt(item, parts) for item in state]
        return type(state)(*items) if hasattr(state, "_fields") else tuple(items)
    return next(parts)


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


def _replay(graph: Graph, hypers: Hypers, ends: Sequence[Node], known: dict[Node, Symbol]) -> None:
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
            known[node] = _opened(hypers, node.function, args)
        else:
            known[node] = graph.record(node.function, *args, **dict(node.options))


def _opened(hypers: Hypers, function: Opaque, args: Sequence[Any]) -> Symbol:
    """Return the symbol of an activation's value or slope, recorded from its own formula."""
    call = function.call if isinstance(function, Back) else function
    if not isinstance(call, Call) or len(call.activation.runs) != 1:
        raise Unlowerable("several activations in one place")
    component = call.activation.runs[0].component
    if component.learns or component.random:
        raise Unlowerable(f"activation {component.name} learns or draws")
    component = hypers.twin(component)
    made = _slope_of(component, *args) if isinstance(function, Back) else component.forward(*args)
    if not isinstance(made, Symbol):
        raise Unlowerable(f"{component.name} does not depend on its arguments")
    return made


def _slope_of(activation: Any, grad: Symbol, z: Symbol, a: Symbol) -> Any:
    """Return ∂L/∂z by the author's formula, or derived from `forward` where that cannot be recorded."""
    try:
        return activation.backward(grad, z, a)
    except RAISED_BY_PLUGINS:
        recipe = pull(
            activation, lambda one, z: one.forward(z), [z], name="forward (z)", grad=grad, result=None
        )
        return recipe(z, *hypers_of(activation).values(), grad)[0]


def _slope(hypers: Hypers, pair: Pair, z: Symbol, y: Symbol) -> Symbol:
    """Return ∂loss/∂z."""
    loss = hypers.twin(pair.loss)
    if pair.link:
        grad = loss.grad_from_logits(z, y, pair.link)
    else:
        activation = hypers.twin(pair.activation)
        output = activation.forward(z)
        grad = activation.backward(loss.grad(output, y), z, output)
    if not isinstance(grad, Symbol) or grad.shape != z.shape:
        raise Unlowerable("a slope of the loss that is not shaped as its argument")
    return grad
