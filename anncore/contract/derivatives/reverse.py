"""Reverse mode: from the graph of a formula to the graph of its gradients."""

from __future__ import annotations

from collections.abc import Sequence

from anncore.contract.derivatives import primitives
from anncore.contract.derivatives.cotangents import Gradient, fitted, plus
from anncore.contract.derivatives.rules import rule_of
from anncore.contract.derivatives.symbols import Node, Symbol, broadcasts


def gradients(result: Symbol, seed: Gradient, wrt: Sequence[Symbol]) -> list[Gradient | None]:
    """Return the gradient of each symbol of `wrt`, given that of the result; None where it has no part in it.

    Griewank & Walther, "Evaluating Derivatives" (2nd ed. 2008), chapter 3.
    """
    graph = result.graph
    order = ordered([result.node])
    depends = _depending(order, [symbol.node for symbol in wrt])
    given: dict[Node, list[Gradient]] = {result.node: [seed]}
    for node in reversed(order):
        if node not in given or node not in depends or node.function is None:
            continue
        grad = _total(given.pop(node))
        args = [Symbol(graph, arg) if isinstance(arg, Node) else arg for arg in node.args]
        for place, arg in enumerate(node.args):
            if not isinstance(arg, Node) or arg not in depends:
                continue
            rule = rule_of(node.function, place)
            part = None if rule is None else rule(grad, Symbol(graph, node), *args, **dict(node.options))
            if part is not None:
                aligned = node.function is primitives.spread or broadcasts(node.function)
                whole = node.shape if aligned else arg.shape
                given.setdefault(arg, []).append(fitted(part, whole, arg.shape))
    return [_total(given[symbol.node]) if symbol.node in given else None for symbol in wrt]


def ordered(ends: Sequence[Node]) -> list[Node]:
    """Return all nodes that these depend on, each after its arguments."""
    order: dict[Node, None] = {}
    waiting: list[tuple[Node, bool]] = [(node, False) for node in reversed(ends)]
    while waiting:
        node, ready = waiting.pop()
        if node in order:
            continue
        if ready:
            order[node] = None
        else:
            waiting.append((node, True))
            waiting += [(arg, False) for arg in reversed(node.args) if isinstance(arg, Node)]
    return list(order)


def _depending(order: Sequence[Node], on: Sequence[Node]) -> set[Node]:
    depends = set(on)
    for node in order:
        if any(isinstance(arg, Node) and arg in depends for arg in node.args):
            depends.add(node)
    return depends


def _total(parts: Sequence[Gradient]) -> Gradient:
    """Return the sum of the gradients; those of slices are put back into one array together."""
    slices = [part for part in parts if _is_put_back(part)]
    if len(slices) > 1:
        first = slices[0]
        pieces = [Symbol(first.graph, arg) for part in slices for arg in part.node.args]
        indices = tuple(index for part in slices for index in dict(part.node.options)["indices"])
        together = first.graph.record(primitives.put_back, *pieces, indices=indices, shape=tuple(first.shape))
        parts = [*(part for part in parts if not _is_put_back(part)), together]
    total = parts[0]
    for part in parts[1:]:
        total = plus(total, part)
    return total


def _is_put_back(part: Gradient) -> bool:
    return isinstance(part, Symbol) and part.node.function is primitives.put_back
