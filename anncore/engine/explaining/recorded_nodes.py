"""What the operations of a recorded pass are to each other, for those who give them names."""

from __future__ import annotations

import operator
from collections.abc import Iterable

import numpy as np

from anncore.contract.derivatives import primitives
from anncore.contract.derivatives.symbols import Node
from anncore.contract.kinds import Array
from anncore.engine.gathered import ADDITIONS, MATMULS
from anncore.engine.recorded import Back, Recorded

SUMS_AND_PARTS = (
    *(*ADDITIONS, operator.sub, np.subtract, np.transpose),
    *(primitives.reshaped, primitives.item, primitives.cast, primitives.spread),
)


def affine_nodes(recorded: Recorded) -> set[Node]:
    """Return the products with weights of a recorded pass, and what sums and parts of these are.

    What leaves this set enters an activation, or a function that the network writes out.
    """
    of_weights, affine = set(recorded.weights.values()), set[Node]()
    for node in recorded.graph.nodes:
        args = [arg for arg in node.args if isinstance(arg, Node) and not arg.known]
        if args and all(arg in of_weights for arg in args):
            of_weights.add(node)
        elif args and (
            (node.function in MATMULS and args[-1] in of_weights)
            or (node.function in SUMS_AND_PARTS and all(arg in affine or arg in of_weights for arg in args))
        ):
            affine.add(node)
    return affine


def elementwise(back: Back, z: Array, a: Array) -> bool:
    """Tell whether each a is a function of one z: doubling one gradient then doubles one result exactly."""
    if z.shape != a.shape:
        return False
    ones = np.ones_like(a)
    twice = ones.copy()
    twice[:, :, ::2] = 2
    return bool((back(twice, z, a) == twice * back(ones, z, a)).all())


def users_of(nodes: Iterable[Node]) -> dict[Node, set[Node]]:
    """Return by node the nodes that take it."""
    users: dict[Node, set[Node]] = {}
    for node in nodes:
        for arg in node.args:
            if isinstance(arg, Node):
                users.setdefault(arg, set()).add(node)
    return users
