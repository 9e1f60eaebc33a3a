"""Sums of equal products in a gradient, as of a weight that every time step uses: one product of all."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from anncore.contract.derivatives import primitives
from anncore.contract.derivatives.symbols import Node, Symbol

ADDITIONS = (operator.add, np.add)
MATMULS = (operator.matmul, np.matmul)


def gathered(total: Symbol) -> Symbol:
    """Return Σₛ aₛᵀ gₛ as (a₁, a₂, ...)ᵀ (g₁, g₂, ...), and Σₛ Σₙ gₛ likewise; any other sum unchanged."""
    graph = total.graph
    terms = _terms(total.node)
    if len(terms) < 2:
        return total
    if all(_is_product(term) for term in terms):
        lefts = [Symbol(graph, term.args[0].args[0]) for term in terms]
        rights = [Symbol(graph, term.args[1]) for term in terms]
        left: Any = np.concatenate(lefts, axis=1)
        right: Any = np.concatenate(rights, axis=1)
        product: Symbol = left.swapaxes(1, 2) @ right
        return product
    if all(term.function is primitives.sum_examples for term in terms):
        values = np.concatenate([Symbol(graph, term.args[0]) for term in terms], axis=1)
        summed: Symbol = graph.record(primitives.sum_examples, values)
        return summed
    return total


def _terms(node: Node) -> list[Node]:
    """Return the terms of a sum of arrays of one shape, in the order of the sum."""
    terms: list[Node] = []
    waiting: list[Any] = [node]
    while waiting:
        term = waiting.pop()
        adds = term.function in ADDITIONS
        if adds and all(isinstance(arg, Node) and arg.shape == term.shape for arg in term.args):
            waiting += reversed(term.args)
        else:
            terms.append(term)
    return terms


def _is_product(node: Node) -> bool:
    if node.function not in MATMULS or len(node.shape) != 3:
        return False
    left, right = node.args
    transposed = isinstance(left, Node) and left.function is np.transpose
    return (
        transposed
        and left.options == (("axes", (0, 2, 1)),)
        and all(isinstance(arg, Node) and len(arg.shape) == 3 for arg in (left.args[0], right))
    )
