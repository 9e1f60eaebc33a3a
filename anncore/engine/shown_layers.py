"""The layers of a network that shows none: recognized in the graph of its forward pass.

A layer is what one "weight" gives in a matrix product, with the bias and the other products that are added to
it, and the activation that it enters. A weight that several time steps use gives one layer, the steps one
after the other as examples. Of weights whose products are added, the first one names the layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.derivatives import primitives
from anncore.contract.derivatives.symbols import Node
from anncore.contract.kinds import Array, Layer, Weights, WeightSpec
from anncore.engine.gathered import ADDITIONS, MATMULS
from anncore.engine.recorded import Call, Recorded
from anncore.engine.steps import Steps

PARTS = (primitives.reshaped, np.transpose, primitives.item)


class Shown(NamedTuple):
    """One layer: pre-activations, one node for each time step, and the calls of the activation they enter."""

    weight: str
    z: list[Node]
    calls: list[Node]


class LayerSteps:
    """Computes the layers of a recorded forward pass."""

    def __init__(self, recorded: Recorded, specs: Sequence[WeightSpec]) -> None:
        self.shown = shown(recorded, specs)
        nodes = [node for layer in self.shown for node in _nodes_of(layer)]
        self._steps = Steps(recorded.graph, [nodes])
        self._x = self._steps.slot(recorded.x)
        self._weights = [(name, self._steps.slot(node)) for name, node in recorded.weights.items()]

    def __call__(self, weights: Weights, x: Array) -> list[Layer]:
        """Return the layers for these weights and inputs."""
        values = self._steps.values()
        values[self._x] = x
        for name, place in self._weights:
            values[place] = weights[name]
        self._steps.run(0, values)
        return [self._layer(layer, values) for layer in self.shown]

    def _layer(self, layer: Shown, values: list[Any]) -> Layer:
        z = self._joined(layer.z, values)
        if len(layer.calls) < len(layer.z):
            return Layer(layer.weight, z)
        entered, a = (
            self._joined(nodes, values) for nodes in ([call.args[0] for call in layer.calls], layer.calls)
        )
        function = layer.calls[0].function
        assert isinstance(function, Call)
        return Layer(layer.weight, z, a, partial(function.activation.slope, entered, a))

    def _joined(self, nodes: Sequence[Node], values: list[Any]) -> Array:
        arrays = [values[self._steps.slot(node)] for node in nodes]
        return arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis=1)


def _nodes_of(layer: Shown) -> list[Node]:
    return [*layer.z, *layer.calls, *(call.args[0] for call in layer.calls)]


def shown(recorded: Recorded, specs: Sequence[WeightSpec]) -> list[Shown]:
    """Return the layers, in the order in which the pass computes them."""
    nodes = recorded.graph.nodes
    made_of = _made_of_weights(recorded, specs, nodes)
    products = {node: weight for node in nodes if (weight := _weight_of(node, made_of, specs))}
    affine = _affine(nodes, products, made_of)
    users: dict[Node, list[Node]] = {}
    for node in nodes:
        for arg in node.args:
            if isinstance(arg, Node):
                users.setdefault(arg, []).append(node)
    by_z: dict[Node, str] = {}
    for product, weight in products.items():
        by_z.setdefault(_whole(product, users, affine), weight)
    order = {node: at for at, node in enumerate(nodes)}
    calls: dict[Node, Node] = {}
    for node in nodes:
        if isinstance(node.function, Call):
            before = _reached(node.args[0], by_z)
            if before:
                calls.setdefault(max(before, key=order.__getitem__), node)
    layers: dict[str, Shown] = {}
    for z, weight in by_z.items():
        layer = layers.setdefault(weight, Shown(weight, [], []))
        if not layer.z or layer.z[0].shape[2] == z.shape[2]:
            layer.z.append(z)
            layer.calls.extend([calls[z]] if z in calls else [])
    return list(layers.values())


def _made_of_weights(
    recorded: Recorded, specs: Sequence[WeightSpec], nodes: Sequence[Node]
) -> dict[Node, str]:
    """Return the nodes that are computed from weights alone, with the name of the first "weight" or ""."""
    role = {spec.name: spec.role for spec in specs}
    made_of: dict[Node, str] = {}
    for name, node in recorded.weights.items():
        made_of[node] = name if role[name] == "weight" else ""
    for node in nodes:
        args = [arg for arg in node.args if isinstance(arg, Node) and not arg.known]
        if args and all(arg in made_of for arg in args):
            made_of[node] = next((made_of[arg] for arg in args if made_of[arg]), "")
    return made_of


def _weight_of(node: Node, made_of: dict[Node, str], specs: Sequence[WeightSpec]) -> str:
    """Return the weight whose product with what comes from below a node is, "" if it is none."""
    if node.function not in MATMULS or len(node.shape) != 3 or node in made_of:
        return ""
    weight = made_of.get(node.args[1], "") if isinstance(node.args[1], Node) else ""
    columns = {spec.name: spec.shape[1] for spec in specs}
    return weight if weight and columns[weight] == node.shape[2] else ""


def _affine(nodes: Sequence[Node], products: dict[Node, str], made_of: dict[Node, str]) -> set[Node]:
    """Return the products with weights, and what sums and parts of these are.

    A product is not added to what it is computed from, as in a residual block: these are layers of their own.
    """
    terms: dict[Node, frozenset[Node]] = dict.fromkeys(made_of, frozenset())
    below: dict[Node, frozenset[Node]] = {}  # the products that a node is computed from
    for node in nodes:
        args = [arg for arg in node.args if isinstance(arg, Node)]
        below[node] = frozenset().union(*(below.get(arg, frozenset()) for arg in args))
        if node in products:
            terms[node] = frozenset([node])
            below[node] |= {node}
        elif node.function in (*ADDITIONS, *PARTS) and all(arg in terms for arg in args):
            own = frozenset().union(*(terms[arg] for arg in args))
            if not any(below[one] & own - {one} for one in own):
                terms[node] = own
    return {node for node, products_in_it in terms.items() if products_in_it}


def _whole(product: Node, users: dict[Node, list[Node]], affine: set[Node]) -> Node:
    """Return the sum that a product is a term of."""
    while True:
        sums = [
            user
            for user in users.get(product, [])
            if user in affine and user.function in ADDITIONS and user.shape == product.shape
        ]
        if len(sums) != 1:
            return product
        product = sums[0]


def _reached(start: Node, by_z: dict[Node, str]) -> list[Node]:
    """Return the pre-activations that a node is computed from, without a further product or activation."""
    reached, seen, waiting = [], set(), [start]
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        if node in by_z:
            reached.append(node)
        elif not isinstance(node.function, Call) and node.function not in MATMULS:
            waiting += [arg for arg in node.args if isinstance(arg, Node)]
    return reached
