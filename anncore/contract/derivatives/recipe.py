"""Recipes: the nodes of a graph one after the other, run on arrays or on any other symbols."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from anncore.contract.derivatives.reverse import ordered
from anncore.contract.derivatives.symbols import Node, Symbol


class Recipe:
    """Computes some nodes of a graph from its inputs.

    outputs: symbols or plain arrays. given: further nodes whose values the caller has; they come after the
    graph's inputs.
    """

    def __init__(self, inputs: Sequence[Node], outputs: Sequence[Any], given: Sequence[Node] = ()) -> None:
        ends = [output.node for output in outputs if isinstance(output, Symbol)]
        known = {node: at for at, node in enumerate((*inputs, *given))}
        order = _needed(ends, known)
        self._start: list[Any] = [None] * len(known)
        self._slots: dict[Any, int] = dict(known)
        self._steps: list[tuple[Callable[..., Any], tuple[int, ...], dict[str, Any], int]] = []
        for node in order:
            places = tuple(self._place(arg) for arg in node.args)
            self._steps.append((_called(node), places, dict(node.options), self._place(node)))
        self._results = [
            self._place(output.node if isinstance(output, Symbol) else output) for output in outputs
        ]
        self._given = len(known)

    def _place(self, value: Any) -> int:
        """Return the slot of a node, or of a constant, which is there from the start."""
        if isinstance(value, Node):
            if value not in self._slots:
                self._slots[value] = len(self._start)
                self._start.append(None)
            return self._slots[value]
        self._start.append(value)
        return len(self._start) - 1

    def one(self, *arrays: Any) -> Any:
        """Return the first output."""
        return self(*arrays)[0]

    def __call__(self, *arrays: Any) -> list[Any]:
        """Return the outputs for these inputs, then given values."""
        values = self._start.copy()
        values[: self._given] = arrays
        if arrays and isinstance(arrays[0], Symbol):
            return self._recorded(arrays[0].graph, values)
        for function, places, options, result in self._steps:
            values[result] = function(*[values[place] for place in places], **options)
        return [values[place] for place in self._results]

    def _recorded(self, graph: Any, values: list[Any]) -> list[Any]:
        """Return the symbols of the outputs, all steps recorded in the graph of the inputs."""
        for function, places, options, result in self._steps:
            values[result] = graph.record(function, *[values[place] for place in places], **options)
        return [values[place] for place in self._results]


def _needed(ends: Sequence[Node], known: Mapping[Node, int]) -> list[Node]:
    """Return the nodes to compute, in order; what is known is not computed again."""
    needed: set[Node] = set()
    waiting = [node for node in ends if node not in known]
    while waiting:
        node = waiting.pop()
        if node not in needed:
            needed.add(node)
            waiting += [arg for arg in node.args if isinstance(arg, Node) and arg not in known]
    return [node for node in ordered(ends) if node in needed]


def _called(node: Node) -> Callable[..., Any]:
    assert node.function is not None  # an input is known
    return node.function
