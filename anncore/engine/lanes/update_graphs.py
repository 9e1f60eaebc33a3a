"""Updates of weights: the graphs of optimizers' steps.

An optimizer that treats each number by itself has one kernel for networks of all sizes. One that looks at
whole arrays, as for their lengths, has one for each set of shapes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.derivatives.primitives import spread
from anncore.contract.derivatives.symbols import Node, Symbol, alike, has_read
from anncore.contract.kinds import Array
from anncore.engine.lanes.counting import Asking, Way
from anncore.engine.lanes.graphs import Hypers
from anncore.engine.lanes.nests import Unlowerable
from anncore.engine.lanes.refusing import refusing
from anncore.engine.lanes.rewriting import LaneGraph

LONG = (61, 67)
"""Numbers of weights in graphs of updates; a kernel asks for the real one when it runs. Where the kernels of
these differ, a formula depends on the number."""


class UpdateGraph(NamedTuple):
    """A step of an optimizer on (T, 1, P); where there is a `length`, it is P and stands for any number."""

    graph: LaneGraph
    length: int | None
    weight: Node
    grad: Node
    times: list[Node]  # numbers made of the step's
    owned: Node  # not 0 where a lane is this optimizer's; other lanes keep what they have
    states: list[Node]
    rates: dict[Node, int]  # which of the learning rates that a schedule changes each of these is
    results: list[Node]  # the weight, then the states
    way: Way


def update_graph(
    optimizer: Any,
    name: str,
    weight: Array,
    state: Any,
    rates: Sequence[Array],
    *,
    length: int | None,
    t: int | None,
) -> UpdateGraph:
    """Return the graph of a step.

    optimizer: a component, or a fitted one with others inside. name: its own. weight: (T, 1, P). rates: the
    learning rates that a schedule changes, (T, 1, 1) each. length: what stands for P, where the kernel is for
    any number of weights. t: the step that is recorded where the formula asks for it, None where it does not.
    """
    graph = LaneGraph()
    with refusing(f"optimizer {name}"):
        twin = Hypers(graph).twin
        replaced = optimizer.replaced(twin) if hasattr(optimizer, "replaced") else twin(optimizer)
        shape = weight.shape if length is None else (len(weight), 1, length)
        theta, grad = (graph.input(alike(shape, weight.dtype)) for _ in range(2))
        shapes = [_shape_of(array, weight, shape) for array in leaves(state)]
        inputs = [graph.input(alike(one, weight.dtype)) for one in shapes]
        asking = Asking(graph, weight.dtype, t or 1)
        plain = graph.input(alike((1, 1, 1), weight.dtype))
        owned = graph.input(alike((len(weight), 1, 1), weight.dtype))
        now = plain if t is None else asking.step
        change, after = replaced.step(theta, grad, rebuilt(state, iter(inputs)), now)
        if has_read(rates):
            raise Unlowerable("it looks at its learning rate, which the schedule changes")
        if form_of(after) != form_of(state):
            raise Unlowerable("its state is built in another way after a step")
        results = [
            _whole(graph, result, due, weight.dtype)
            for result, due in zip([theta + change, *leaves(after)], [shape, *shapes], strict=True)
        ]
        own, before = owned != 0, [theta, *inputs]
        results = [
            graph.record(np.where, own, result, start) for result, start in zip(results, before, strict=True)
        ]
    # An optimizer that is fitted to each array by itself has the same rate several times.
    order = {id(rate): at for at, rate in enumerate(rates)}
    return UpdateGraph(
        graph,
        length,
        theta.node,
        grad.node,
        [plain.node] if t is None else asking.nodes,
        owned.node,
        [symbol.node for symbol in inputs],
        {node: order[id(node.value)] for node in graph.inputs if id(node.value) in order},
        [result.node for result in results],
        Way() if t is None else asking.way,
    )


def _shape_of(array: Array, weight: Array, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of an array of a state in the graph, where weights have this shape."""
    if array.dtype != weight.dtype:
        raise Unlowerable(f"its state is of {array.dtype}, beside weights of {weight.dtype}")
    if shape != weight.shape and array.shape not in (weight.shape, (len(weight), 1, 1)):
        raise Unlowerable(f"a state of shape {array.shape}")
    # With one weight in all, only the rule itself tells an array of weights from a single number.
    return shape if array.shape == weight.shape else array.shape


def _whole(graph: LaneGraph, result: Any, due: tuple[int, ...], dtype: Any) -> Symbol:
    """Return a weight or state after a step; plain arrays, such as zeros, become symbols."""
    if isinstance(result, np.ndarray) and result.shape == due and result.dtype == dtype:
        result = graph.record(np.positive, result)
    elif isinstance(result, Symbol) and result.dtype == dtype and result.shape == (1, *due[1:]):
        result = result if due[0] == 1 else graph.record(spread, result, shape=due)
    if not isinstance(result, Symbol) or result.shape != due or result.dtype != dtype:
        raise Unlowerable("its state changes its shape or type")
    return result


def leaves(state: Any) -> Iterator[Any]:
    """Yield the arrays of a state; Unlowerable if it holds anything but arrays in tuples and dicts."""
    if isinstance(state, tuple):
        for leaf in state:
            yield from leaves(leaf)
    elif isinstance(state, dict):
        for leaf in state.values():
            yield from leaves(leaf)
    elif isinstance(state, (np.ndarray, Symbol)):
        yield state
    elif state is not None:
        raise Unlowerable(f"its state holds {type(state).__name__}")


def rebuilt(state: Any, parts: Iterator[Any]) -> Any:
    """Return a state built like another one from these arrays."""
    if isinstance(state, tuple):
        items = [rebuilt(item, parts) for item in state]
        return type(state)(*items) if hasattr(state, "_fields") else tuple(items)
    if isinstance(state, dict):
        return {key: rebuilt(item, parts) for key, item in state.items()}
    return None if state is None else next(parts)


def form_of(state: Any) -> Any:
    """Return how a state is built, without its arrays; its text is equal for equal forms alone."""
    if isinstance(state, tuple):
        return type(state), [form_of(item) for item in state]
    if isinstance(state, dict):
        return [(key, form_of(item)) for key, item in state.items()]
    return state is None
