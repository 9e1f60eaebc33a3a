"""The gradients that are derived from a network's forward pass, as lines for people, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.derivatives.printing import Printed, printed
from anncore.contract.derivatives.reverse import gradients
from anncore.contract.derivatives.symbols import Node, Symbol, alike
from anncore.engine.network import PlacedNetwork
from anncore.engine.recorded import Recorded, derive, record
from anncore.engine.shown_layers import shown

# Axes while recording: primes, so that a constant shows what it is made of.
TRIALS, EXAMPLES = 2, 1009
LONGEST, MOST = 130, 40  # characters of a line, and lines, up to which gradients are readable


class _Layer(NamedTuple):
    z: Node
    call: Node | None  # the activation that z enters


def backward_lines(component: Any, inputs: int, outputs: int) -> list[str]:
    """Return the lines of the forward pass and of the gradients that annx derives for a network's training.

    An empty list if the author wrote them by hand, or a rule of its own takes their place. One line that
    says so if they are too long to read, as those of many time steps. ComponentError, with the line of the
    formula, if they cannot be derived.
    """
    network = PlacedNetwork(component, inputs, outputs, None)
    if not network.derives or network.learns:
        return []
    dtype = np.dtype("float64")
    weights = {spec.name: alike((TRIALS, *spec.shape), dtype) for spec in network.specs}
    x = alike((TRIALS, EXAMPLES, inputs), dtype)
    mode = (True, True) if component.modes else None
    recorded = record(network.component, network.specs, weights, x, outputs, mode)
    trained = [spec.name for spec in network.specs if spec.role != "state"]
    repeated = [layer for layer in shown(recorded, network.specs) if len(layer.z) > 1]
    if not repeated:
        lines = list(_Writer(recorded, network, trained).lines())
        if len(lines) <= MOST and max(map(len, lines)) <= LONGEST:
            return lines
        count = len(recorded.graph.nodes)
        return [f"∂L/∂weight of forward by reverse mode; {count} operations, too long to print"]
    names = ", ".join(layer.weight for layer in repeated)
    times = max(len(layer.z) for layer in repeated)
    return [
        f"∂L/∂weight of forward by reverse mode through all steps; too long to print: here {names} "
        f"{'are' if len(repeated) > 1 else 'is'} used {times} times"
    ]


class _Writer:
    """Writes the lines of one recorded pass, in which every weight stands in one product."""

    def __init__(self, recorded: Recorded, network: PlacedNetwork, trained: Sequence[str]) -> None:
        self._recorded, self._trained = recorded, trained
        self._derived = derive(network.component, recorded, trained)
        layers = shown(recorded, network.specs)
        self._layers = {
            str(at): _Layer(layer.z[0], layer.calls[0] if layer.calls else None)
            for at, layer in enumerate(layers, start=1)
        }
        self._names: dict[Node, str] = {recorded.x: "x"}
        self._names |= {node: name for name, node in recorded.weights.items()}
        self._names |= {node: name for name, (node, _) in recorded.drawn.items()}
        for mark, layer in self._layers.items():
            self._names[layer.z] = f"z{mark}"
            if layer.call is not None:
                self._names[layer.call] = f"a{mark}"

    def lines(self) -> Iterator[str]:
        """Yield the forward pass, then the gradients from the last layer to the first."""
        z = self._recorded.z
        for mark, layer in self._layers.items():
            yield from self._line(f"z{mark}", layer.z)
            if layer.call is not None:
                yield from self._line(f"a{mark}", layer.call)
        seed = self._derived.seed
        if self._names.get(z.node, "").startswith("z"):
            last = self._names[z.node].replace("z", "δ", 1)
        else:
            yield from self._line("z", z.node)
            last = "δ"
        yield f"{last} = ∂L/∂{last.replace('δ', 'z')}, which the loss gives"
        self._names[seed] = last
        deltas = self._deltas(last)
        left = dict(self._derived.by_weight)
        yield from self._weights(left, set(deltas.values()))
        for mark in reversed(self._layers):
            node = deltas.get(mark)
            if node is None:
                continue
            yield from self._line(f"δ{mark}", node)
            self._names[node] = f"δ{mark}"
            waiting = {later for before, later in deltas.items() if later not in self._names}
            yield from self._weights(left, waiting)

    def _deltas(self, last: str) -> dict[str, Node]:
        """Return ∂L/∂z of the layers below the last one, by their mark."""
        z = self._recorded.z
        marks = [mark for mark in self._layers if f"δ{mark}" != last]
        symbols = [Symbol(z.graph, self._layers[mark].z) for mark in marks]
        parts = gradients(z, Symbol(z.graph, self._derived.seed), symbols)
        return {mark: part.node for mark, part in zip(marks, parts, strict=True) if isinstance(part, Symbol)}

    def _weights(self, left: dict[str, Any], waiting: set[Node]) -> Iterator[str]:
        """Yield, and take from what is left, the gradients that need none of the nodes that wait."""
        for name in reversed(self._trained):
            part = left.get(name)
            if isinstance(part, Symbol) and not self._needs(part.node, waiting):
                del left[name]
                yield from self._line(f"∂L/∂{name}", part.node)

    def _needs(self, node: Node, waiting: set[Node]) -> bool:
        seen, stack = set(), [node]
        while stack:
            one = stack.pop()
            if one in waiting:
                return True
            if one not in seen and one not in self._names:
                seen.add(one)
                stack += [arg for arg in one.args if isinstance(arg, Node)]
        return False

    def _line(self, left: str, node: Node) -> list[str]:
        names: Mapping[Node, str] = {other: name for other, name in self._names.items() if other is not node}
        text: Printed = printed(Symbol(self._recorded.graph, node), names, {"N": EXAMPLES}, products=" ∘ ")
        return text.lines(left)
