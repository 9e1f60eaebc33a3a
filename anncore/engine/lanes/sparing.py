"""What need not lie in memory, as other numbers that lie there tell the same."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from anncore.contract.derivatives.symbols import Node
from anncore.engine.lanes.nests import MATMULS, VIEWS, ordered

GREATER = frozenset((np.greater, operator.gt))


def spared(outputs: Sequence[Node]) -> dict[Node, Node]:
    """Return the outputs of a graph by what computes the same with fewer arrays in memory.

    The slope of a rectified linear unit asks whether z > 0. Where max(z, 0) lies in memory for the next
    product, that answers too, for NaN as well, and nobody needs z itself.
    """
    nodes = ordered(outputs)
    multiplied = {source for node in nodes if node.function in MATMULS for source in _sources(node)}
    cut = {node.args[0]: node for node in nodes if node in multiplied and _lower(node) is not None}
    new: dict[Node, Node] = {}

    def after(value: Any) -> Any:
        return new.get(value, value) if isinstance(value, Node) else value

    for node in nodes:
        args = [after(arg) for arg in node.args]
        if node.function in GREATER and isinstance(node.args[0], Node) and node.args[0] in cut:
            bounded, bound = cut[node.args[0]], node.args[1]
            if _is_number(bound) and bound >= _lower(bounded):
                args[0] = after(bounded)
        if any(one is not other for one, other in zip(args, node.args, strict=True)):
            new[node] = Node(
                node.function, tuple(args), node.options, node.stand_in, known=node.known, place=node.place
            )
    return {node: new.get(node, node) for node in outputs}


def _sources(product: Node) -> list[Node]:
    """Return the arrays whose numbers a product multiplies."""
    sources = []
    for arg in product.args:
        while isinstance(arg, Node) and arg.function in VIEWS:
            arg = arg.args[0]
        if isinstance(arg, Node):
            sources.append(arg)
    return sources


def _lower(node: Node) -> float | None:
    """Return b where a node is max(z, b) of an array z, else None."""
    if node.function is np.maximum or node.function is np.clip:
        z, low, *high = node.args
        whole = not high or (_is_number(high[0]) and high[0] == np.inf)
        if isinstance(z, Node) and _is_number(low) and low == low and whole and not node.options:
            return float(low)
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
