"""A pass of a network as named quantities, with the formulas between them.

The network's forward pass is recorded once more, for the examples that are shown. What enters an activation,
what it gives, and what a product with weights takes, gets a name; so does the gradient by each of these. The
formulas between the names come from the recorded operations, run on `Scalar`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from anncore.contract.derivatives import primitives
from anncore.contract.derivatives.reverse import gradients, ordered
from anncore.contract.derivatives.symbols import Node, Symbol, alike, broadcasts
from anncore.contract.kinds import Array, Weights
from anncore.engine.explaining.quantities import (
    GRADIENTS,
    Given,
    Layer,
    Quantity,
    as_scalars,
    given_of,
    is_long,
    is_named,
    named_numbers,
)
from anncore.engine.explaining.recorded_nodes import affine_nodes, elementwise, users_of
from anncore.engine.explaining.scalars import CHOICES, TooLong, names_in, scalar
from anncore.engine.gathered import MATMULS
from anncore.engine.network import PlacedNetwork
from anncore.engine.recorded import Back, Call

LONG = 8
"""Operations and names in a formula that gets a name of its own, such as a gate that a network writes out."""


@dataclass(frozen=True)
class PassInputs:
    """What a pass starts from: one trial's weights and the examples, and ∂L/∂z of the output, if known."""

    weights: Weights
    x: Array
    outputs: int
    seed: Array


class TracedPass:
    """One forward and backward pass of one trial, as named quantities.

    forward: in the order of computation. backward: gradients and slopes, from the output back; none of a
    network that learns by a rule.
    by_weight: the formulas of each weight's gradient, (fan_in, fan_out), None where there is none.
    """

    def __init__(self, network: PlacedNetwork, inputs: PassInputs, *, transposed: bool) -> None:
        self.network, self.inputs, self.transposed = network, inputs, transposed
        self.forward: list[Quantity] = []
        self.backward: list[Quantity] = []
        self.by_weight: dict[str, Array | None] = {}
        self._layers: dict[Any, Layer] = {}
        self._made: dict[Any, int] = {}
        names = [spec.name for spec in network.specs]
        self._taken = frozenset([*names, *(f"d{name}" for name in names)])
        self._values: dict[Node, Any] = {}
        self._formulas: dict[Node, Array] = {}
        self._owner: dict[Node, Quantity] = {}
        self._recorded = network.recorded(inputs.weights, inputs.x, inputs.outputs)
        network.begin_pass(inputs.weights)
        self._start()
        self._run_forward()
        if not network.learns:
            self._run_backward()

    @property
    def z(self) -> Array:
        """The pre-activations of the output, (1, N, K)."""
        values: Array = self._values[self._recorded.z.node]
        return values

    # The forward pass

    def _start(self) -> None:
        recorded, inputs = self._recorded, self.inputs
        self._give(recorded.x, inputs.x, Given("x", *inputs.x.shape[1:]))
        self._order = {spec.name: at for at, spec in enumerate(self.network.specs)}
        for spec in self.network.specs:
            given = given_of(spec, self.transposed)
            self._give(recorded.weights[spec.name], inputs.weights[spec.name], given)
        for name, (node, shape) in recorded.drawn.items():
            drawn = self.network.drawn(name, shape)
            self._give(node, drawn, Given(name, *drawn.shape[1:]))
        for node in recorded.graph.inputs:
            if node.known:
                self._values[node] = node.value

    def _give(self, node: Node, array: Array, given: Given) -> None:
        self._values[node] = array
        self._formulas[node] = named_numbers(array, given)

    def _run_forward(self) -> None:
        recorded = self._recorded
        nodes = recorded.graph.nodes
        affine, users = affine_nodes(recorded), users_of(nodes)
        wanted = {node for node in affine if users.get(node, set()) - affine}
        wanted |= {node.args[0] for node in nodes if isinstance(node.function, Call)}
        wanted.add(recorded.z.node)
        multiplied = [node.args[0] for node in nodes if node.function in MATMULS]
        products = {arg for arg in multiplied if isinstance(arg, Node)}
        leading = set(ordered([recorded.z.node]))  # not what only updates running statistics
        for node in nodes:
            self._compute(node)
            if node not in leading:
                continue
            if isinstance(node.function, Call):
                self._activate(node)
            elif node is recorded.z.node:
                self._name_output(node)
            elif node in wanted:
                self._name(node, "z")
            elif node in products:
                self._name(node, "h")
            elif node not in affine and self._is_part(node, len(users.get(node, ()))):
                self._name(node, "s")

    def _is_part(self, node: Node, users: int) -> bool:
        """Tell whether a node deserves a name: several others need it, it is long, or cannot be followed."""
        if node.known or node.dtype.kind != "f" or len(node.shape) < 3:
            return False
        formulas = self._formulas.get(node)
        if formulas is None or users > 1:
            return True
        return broadcasts(node.function) and formulas.dtype == object and formulas.flat[0].size >= LONG

    def _compute(self, node: Node) -> None:
        """Compute a node's numbers, and their formulas where the operation can be followed."""
        args = [self._values[arg] if isinstance(arg, Node) else arg for arg in node.args]
        assert node.function is not None
        self._values[node] = node.function(*args, **dict(node.options))
        if node.known or isinstance(node.function, (Call, Back)):
            return
        formulas = self._followed(node)
        if formulas is not None:
            self._formulas[node] = formulas

    def _followed(self, node: Node) -> Array | None:
        args = []
        for arg in node.args:
            if isinstance(arg, Node) and not arg.known:
                if arg not in self._formulas:
                    return None
                args.append(self._formulas[arg])
            else:
                args.append(self._values[arg] if isinstance(arg, Node) else arg)
        if node.function is primitives.cast:
            return args[0]
        assert node.function is not None
        try:
            function = CHOICES.get(node.function, node.function)
            made = np.asarray(function(*args, **dict(node.options)))
        except (TypeError, AttributeError, ValueError):
            return None
        if made.dtype == object:  # a sum that starts at 0, or a choice, may leave plain numbers in it
            made = as_scalars(made)
        return made if made.shape == node.shape else None

    def _name_output(self, node: Node) -> None:
        """Name what leaves the network, unless it is one quantity as it stands.

        It gets a z of its own where it puts numbers of several quantities beside each other, such as the
        outputs of all time steps, or where no weight makes it.
        """
        formulas = self._formulas.get(node)
        if formulas is not None and formulas.dtype == object:
            owner = self._whole_owner(formulas)
            if owner is not None:
                self.output = owner
                return
        weight = self._first_weight(formulas)
        layer, time = self._layer_and_time(node, "z", weight or ("output", "", 0), formulas)
        self._own(node, "z", layer, time, formulas)
        self.output = self._owner[node]

    def _whole_owner(self, formulas: Array) -> Quantity | None:
        """Return the quantity whose numbers, all and in order, these names are."""
        flat = list(formulas.flat)
        owner = flat[0].args[0] if all(map(is_named, flat)) else None
        if not isinstance(owner, Quantity) or owner.values.size != len(flat):
            return None
        columns = owner.values.shape[1]
        same = columns == formulas.shape[-1] and all(
            formula.args == (owner, *divmod(at, columns)) for at, formula in enumerate(flat)
        )
        return owner if same else None

    def _name(self, node: Node, letter: str) -> None:
        """Give a node a name of its own, unless its numbers have names already."""
        formulas = self._formulas.get(node)
        if formulas is not None:
            if formulas.dtype != object or all(map(is_named, formulas.flat)):
                return
            if letter != "z" and not any(map(is_long, formulas.flat)):
                return
        weight = self._first_weight(formulas)
        if letter == "z" and weight is None:
            letter = "s"
        layer, time = self._layer_and_time(node, letter, weight, formulas)
        self._own(node, letter, layer, time, formulas)

    def _layer_and_time(
        self, node: Node, letter: str, weight: Any, formulas: Array | None
    ) -> tuple[Layer, int]:
        """Return layer and time step of a quantity.

        The layer of a z is that of its first weight, and its time step counts how often that was used. Other
        quantities are made at one time step of the z they are made of, by the same line of the network.
        """
        if letter == "z":
            layer = self._layer(letter, weight)
            # A gate that the first step has not belongs to the step of the gates beside it.
            gates = (gate.times for (_, key), gate in self._layers.items() if key[:2] == weight[:2])
            layer.times = max(layer.times + 1, *gates)
            return layer, layer.times
        names = [] if formulas is None else names_in(scalar(formulas.flat[0]))
        owners = [name.args[0] for name in names if isinstance(name.args[0], Quantity)]
        time = max((owner.time for owner in owners if owner.layer.times > 1), default=1)
        key = node.place, next((owner.layer for owner in owners), None)
        self._made[key, time] = self._made.get((key, time), 0) + 1
        layer = self._layer(letter, (key, self._made[key, time]))
        layer.times = max(layer.times, time)
        return layer, time

    def _layer(self, kind: str, key: Any) -> Layer:
        """Return the layer of a kind of quantity with this key, a new one where there is none."""
        if (kind, key) not in self._layers:
            number = 1 + sum(known == kind for known, _ in self._layers)
            self._layers[kind, key] = Layer(kind, number, self._taken)
        return self._layers[kind, key]

    def _first_weight(self, formulas: Array | None) -> Any:
        """Return a weight matrix in a formula and the unit, which are the same in every time step."""
        if formulas is None:
            return None
        owners = [(name.args[0], name.args[2]) for name in names_in(scalar(formulas.flat[0]))]
        weights = [
            (self._order[owner.base], owner.base, column)
            for owner, column in owners
            if isinstance(owner, Given) and owner.is_weight
        ]
        return min(weights, default=None)

    def _own(
        self, node: Node, letter: str, layer: Layer, time: int, formulas: Array | None, **more: Any
    ) -> None:
        """Name the numbers of a node."""
        values = self._values[node]
        columns = values.shape[-1]
        flat = None if formulas is None else formulas.reshape(-1, columns)
        quantity = Quantity(letter, layer, time, values.reshape(-1, columns), flat, **more)
        self.forward.append(quantity)
        self._owner[node] = quantity
        self._formulas[node] = named_numbers(values, quantity)

    def _activate(self, node: Node) -> None:
        """Name what an activation gives after the z that it gets."""
        assert isinstance(node.function, Call)
        entered = self._formulas.get(node.args[0])
        first = None if entered is None else entered.flat[0]
        z = first.args[0] if first is not None and is_named(first) else None
        if isinstance(z, Quantity):
            layer, time = z.layer, z.time
        else:
            z = None
            layer, time = self._layer_and_time(node, "s", None, None)
        alone = elementwise(node.function.back, self._values[node.args[0]], self._values[node])
        self._own(node, "a", layer, time, None, call=node.function, of=z, alone=alone)

    # The backward pass

    def _run_backward(self) -> None:
        recorded, graph = self._recorded, self._recorded.graph
        before = set(graph.nodes)
        seed = graph.input(alike(recorded.z.shape, recorded.z.dtype))
        output = self.output
        wrt = [Symbol(graph, node) for node in self._owner]
        trained = [name for name in recorded.weights if name in self.network.trained]
        wrt += [Symbol(graph, recorded.weights[name]) for name in trained]
        parts = gradients(recorded.z, seed, wrt)
        by_node: dict[Node, Quantity] = {}
        for quantity, part in zip(self._owner.values(), parts, strict=False):
            if isinstance(part, Symbol) and quantity is not output:
                by_node.setdefault(part.node, quantity)
        delta = self._gradient_of(output, self.inputs.seed, None)
        self._values[seed.node] = self.inputs.seed
        self._formulas[seed.node] = named_numbers(self.inputs.seed, delta)
        for node in graph.nodes:
            if node in before:
                continue
            self._compute(node)
            if isinstance(node.function, Back):
                self._slope(node)
            if node in by_node:
                delta = self._gradient_of(by_node[node], self._values[node], self._formulas.get(node))
                if delta.formulas is None and isinstance(node.function, Back):
                    delta.call = node.function.call
                self._formulas[node] = named_numbers(self._values[node], delta)
        for name, part in zip(trained, parts[len(self._owner) :], strict=True):
            self.by_weight[name] = self._of_weight(part, recorded.weights[name])

    def _of_weight(self, part: Any, weight: Node) -> Array | None:
        formulas = self._formulas.get(part.node) if isinstance(part, Symbol) else None
        if formulas is None or formulas.size != weight.size:
            return None
        return formulas.reshape(weight.shape[1:])

    def _gradient_of(self, quantity: Quantity, values: Array, formulas: Array | None) -> Quantity:
        columns = values.shape[-1]
        gradient = Quantity(
            GRADIENTS[quantity.letter],
            quantity.layer,
            quantity.time,
            values.reshape(-1, columns),
            None if formulas is None else formulas.reshape(-1, columns),
            of=quantity,
        )
        self.backward.append(gradient)
        return gradient

    def _slope(self, node: Node) -> None:
        """Write the gradient by z as the gradient by a times f'(z), where f is a function of each z alone."""
        back = node.function
        assert isinstance(back, Back)
        _, z, a = (self._values[arg] for arg in node.args if isinstance(arg, Node))
        entered = self._formulas.get(node.args[1])
        above = self._formulas.get(node.args[0])
        first = entered.flat[0] if entered is not None else None
        owner = first.args[0] if first is not None and is_named(first) else None
        if above is None or not isinstance(owner, Quantity) or not elementwise(back, z, a):
            return
        slopes = back(np.ones_like(a), z, a)
        columns = slopes.shape[-1]
        slope = Quantity("f'", owner.layer, owner.time, slopes.reshape(-1, columns), call=back.call, of=owner)
        try:
            formulas = np.asarray(above * named_numbers(slopes, slope))
        except TooLong:
            return
        self.backward.append(slope)
        self._formulas[node] = formulas
