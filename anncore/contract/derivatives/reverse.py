"""Reverse mode: from the graph of a formula to the graph of its gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from anncore.contract.derivatives import primitives
from anncore.contract.derivatives.cotangents import Gradient, fitted, plus
from anncore.contract.derivatives.refusals import Underivable
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
    wanted, totals = {symbol.node for symbol in wrt}, dict[Node, Gradient]()
    for node in reversed(order):
        if node not in given or node not in depends or node.function is None:
            continue
        grad = _total(given.pop(node))
        if node in wanted:
            totals[node] = grad
        args = [Symbol(graph, arg) if isinstance(arg, Node) else arg for arg in node.args]
        for place, arg in enumerate(node.args):
            if not isinstance(arg, Node) or arg not in depends:
                continue
            part = _part(node, place, grad, Symbol(graph, node), args)
            if part is not None:
                aligned = node.function is primitives.spread or broadcasts(node.function)
                whole = node.shape if aligned else arg.shape
                given.setdefault(arg, []).append(fitted(part, whole, arg.shape))
    totals |= {node: _total(given[node]) for node in wanted if node in given}
    return [totals.get(symbol.node) for symbol in wrt]


def _part(node: Node, place: int, grad: Gradient, result: Symbol, args: Sequence[Any]) -> Gradient | None:
    """Return what the rule gives for one argument; an error names the line that made the node."""
    try:
        rule = rule_of(node.function, place)
        return None if rule is None else rule(grad, result, *args, **dict(node.options))
    except Underivable as error:
        raise Underivable(error.what, "" if node.place is None else str(node.place)) from None


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
    """Return the nodes with a slope by some of `on`; truth values and whole numbers have none."""
    depends = set(on)
    for node in order:
        if node.dtype.kind == "f" and any(isinstance(arg, Node) and arg in depends for arg in node.args):
            depends.add(node)
    return depends


def _total(parts: Sequence[Gradient]) -> Gradient:
    """Return the sum of the gradients; those of slices are put back into one array together."""
    slices = [part for part in parts if _is_put_back(part)]
    if len(slices) > 1:
        parts = [*(part for part in parts if not _is_put_back(part)), _put_back(slices)]
    total = parts[0]
    for part in parts[1:]:
        total = plus(total, part)
    return total


def _is_put_back(part: Gradient) -> bool:
    return isinstance(part, Symbol) and part.node.function is primitives.put_back


def _put_back(slices: Sequence[Symbol]) -> Symbol:
    """Return the sum of gradients of slices as one array; slices that make up the whole are joined."""
    graph, shape = slices[0].graph, tuple(slices[0].shape)
    pieces = [Symbol(graph, arg) for part in slices for arg in part.node.args]
    indices = tuple(index for part in slices for index in dict(part.node.options)["indices"])
    spans = [_span(index, shape) for index in indices]
    axes = {span[0] for span in spans if span is not None}
    if None not in spans and len(axes) == 1:
        order = sorted(range(len(pieces)), key=lambda at: spans[at] or (0, 0, 0))
        edges = [spans[at] or (0, 0, 0) for at in order]
        ends = [0, *(edge[2] for edge in edges)]
        [axis] = axes
        if [edge[1] for edge in edges] == ends[:-1] and ends[-1] == shape[axis]:
            joined: Symbol = graph.record(primitives.joined, *(pieces[at] for at in order), axis=axis)
            return joined
    together: Symbol = graph.record(primitives.put_back, *pieces, indices=indices, shape=shape)
    return together


def _span(index: tuple[Any, ...], shape: tuple[int, ...]) -> tuple[int, int, int] | None:
    """Return the one axis that an index cuts, and the places from where to where; None if it does more."""
    if Ellipsis in [part for part in index if not isinstance(part, np.ndarray)]:
        at = next(i for i, part in enumerate(index) if part is Ellipsis)
        index = (*index[:at], *(slice(None),) * (len(shape) - len(index) + 1), *index[at + 1 :])
    if not all(isinstance(part, slice) and part.step in (None, 1) for part in index):
        return None
    cuts = [(at, *part.indices(shape[at])[:2]) for at, part in enumerate(index) if part != slice(None)]
    return cuts[0] if len(cuts) == 1 else None
