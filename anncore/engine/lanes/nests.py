"""Which loops compute a graph: products, sums and elementwise formulas, and what must lie in memory between.

A graph's arrays are (T, ...); here T is the lanes, and what is left of a shape is the array of vectors that a
loop runs over. Views (transposes, slices, what is spread) are ways to read another array and take no loop.
An elementwise formula is computed where its one reader is; formulas of one shape that follow a product or
each other share its loop.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from anncore.contract.derivatives import primitives
from anncore.contract.derivatives.symbols import Node
from anncore.contract.errors import ComponentError

MATMULS = frozenset((np.matmul, operator.matmul))
VIEWS = frozenset((np.transpose, primitives.item, primitives.reshaped, primitives.spread))
"""A node of these is no view where `Nests.copied` has it: what others reshape, and what is taken by lists
of places, is written out."""
SUMS = frozenset((np.sum, np.mean, np.max, np.amax, np.min, np.amin, primitives.sum_examples))
PIECES = frozenset((primitives.joined, primitives.stacked, primitives.put_back))
DEEPEST = 100
"""How many operations of a formula may lie inside each other; writing one recurses, three calls for each."""


class Unlowerable(ComponentError):
    """What a formula does cannot be done in lanes; the text says what it is."""


def tail(node: Any) -> tuple[int, ...]:
    """Return the shape of one trial's part."""
    return tuple(node.shape[1:])


def size(node: Any) -> int:
    """Return the number of elements of one trial's part."""
    return int(np.prod(tail(node), dtype=int))


@dataclass(eq=False)
class Nest:
    """One loop over a domain: what it begins with (a product, a sum, pieces; None), then formulas."""

    domain: tuple[int, ...]
    producer: Node | None
    roots: list[Node] = field(default_factory=list)
    stored: list[Node] = field(default_factory=list)  # of producer and roots, what others read

    @property
    def made(self) -> list[Node]:
        """What the loop computes."""
        return [*([] if self.producer is None else [self.producer]), *self.roots]


class Nests:
    """The loops for the outputs of a graph.

    inside: the elementwise nodes that are computed where they are read. singles_first: compute the single
    numbers of a trial, which then may not depend on arrays, before all else.
    """

    def __init__(self, outputs: Sequence[Node], *, singles_first: bool = False) -> None:
        self.outputs = list(dict.fromkeys(outputs))
        # What depends on hyperparameters alone comes first, so that it parts no loops that belong together.
        self.order = sorted(ordered(self.outputs), key=lambda node: not node.known)
        self._refuse_empty()
        if singles_first:
            self.order.sort(key=lambda node: size(node) != 1)
            self._refuse_sums()
        self.copied = {
            node.args[0] for node in self.order if node.function is primitives.reshaped and _needs_copy(node)
        } | {node for node in self.order if _from_lists(node)}
        self._users = self._uses()
        self.inside, self._members = self._grouped()
        self.nests = self._nested()
        self._mark_stored()

    def _refuse_empty(self) -> None:
        """Refuse arrays without elements: loops run once at least."""
        for node in self.order:
            if any(size(one) == 0 for one in (node, *node.args) if isinstance(one, Node)):
                raise Unlowerable("an array without elements")

    def _refuse_sums(self) -> None:
        """Refuse single numbers made of whole arrays."""
        for node in self.order:
            whole = [arg for arg in node.args if isinstance(arg, Node) and size(arg) != 1]
            if size(node) == 1 and whole:
                raise Unlowerable("a number made of all numbers of an array")

    def _uses(self) -> dict[Node, list[Node]]:
        users: dict[Node, list[Node]] = {}
        for node in self.order:
            for arg in node.args:
                if isinstance(arg, Node):
                    users.setdefault(arg, []).append(node)
        return users

    def _grouped(self) -> tuple[set[Node], dict[Node, dict[Node, None]]]:
        """Return the nodes computed where they are read, and for each end of a formula all nodes of it."""
        inside: set[Node] = set()
        roots: dict[Node, list[Node]] = {}
        members: dict[Node, dict[Node, None]] = {}  # in a fixed order, as texts must be equal
        kept = set(self.outputs)
        depths: dict[Node, int] = {}  # operations from the end of the formula to here
        for node in reversed(self.order):
            if self.is_view(node):
                continue
            depths[node] = 0
            if not elementwise(node):
                roots[node] = [node]
                members[node] = {node: None}
                continue
            above = self._above(node, roots, kept)
            depth = 1 + max((depths.get(user, 0) for user in self._users.get(node, ())), default=0)
            if depth < DEEPEST and (len(above) == 1 or (above and node.dtype.kind == "b")):
                depths[node] = depth
                roots[node] = above
                inside.add(node)
                for root in above:
                    members[root][node] = None
            else:
                roots[node] = [node]
                members[node] = {node: None}
        return inside, members

    def _above(self, node: Node, roots: dict[Node, list[Node]], kept: set[Node]) -> list[Node]:
        """Return the ends of the formulas that read a node as it is; [] if it must lie in memory."""
        if node in kept:
            return []
        above: dict[Node, None] = {}
        for user in self._users[node]:
            if user.function in VIEWS or user.function in MATMULS or user.function in PIECES:
                return []
            if user not in roots:
                return []
            if elementwise(user):
                if tail(user) != tail(node) and node.dtype.kind != "b":
                    return []
            elif user.function not in SUMS:
                return []
            above.update(dict.fromkeys(roots[user]))
        return list(above)

    def _nested(self) -> list[Nest]:
        nests: list[Nest] = []
        made_in: dict[Node, Nest] = {}
        for node in self.order:
            if node in self.inside or self.is_view(node):
                continue
            last = nests[-1] if nests else None
            if elementwise(node):
                if last is None or last.domain != tail(node) or not self._follows(node, last, made_in):
                    last = Nest(tail(node), None)
                    nests.append(last)
                last.roots.append(node)
            else:
                last = Nest(tail(node), node)
                nests.append(last)
            made_in[node] = last
        return nests

    def _follows(self, root: Node, nest: Nest, made_in: dict[Node, Nest]) -> bool:
        """Tell whether what a formula reads of a loop's results lies at the place where the loop is."""
        if nest.producer is not None and nest.producer.function in PIECES | VIEWS:
            return False
        for member in self._members[root]:
            for arg in member.args:
                if isinstance(arg, Node):
                    for source, plain in self.sources(arg):
                        if made_in.get(source) is nest and not (plain and tail(source) == nest.domain):
                            return False
        return True

    def _mark_stored(self) -> None:
        made_in = {node: nest for nest in self.nests for node in nest.made}
        needed: set[Node] = set(self.outputs)
        for nest in self.nests:
            for node in nest.made:
                for member in self._members[node]:
                    for arg in member.args:
                        if isinstance(arg, Node):
                            needed.update(
                                source for source, _ in self.sources(arg) if made_in.get(source) is not nest
                            )
        # An output may be a view of what a loop makes.
        for output in self.outputs:
            needed.update(source for source, _ in self.sources(output))
        for nest in self.nests:
            nest.stored = [node for node in nest.made if node in needed]

    def members(self, root: Node) -> Iterable[Node]:
        """Return the nodes of the formula, product or sum that ends in `root`."""
        return self._members[root]

    def is_view(self, node: Node) -> bool:
        """Tell whether a node is read as a part of another."""
        return node.function in VIEWS and node not in self.copied

    def sources(self, node: Node) -> list[tuple[Node, bool]]:
        """Return what a node reads: itself, or what a view is of; and whether as it is."""
        if self.is_view(node):
            inner = node.args[0]
            return [(source, False) for source, _ in self.sources(inner)] if isinstance(inner, Node) else []
        return [(node, True)]

    def reads(self, nest: Nest) -> list[Node]:
        """Return what a loop reads that it does not make: inputs, and results of loops before."""
        read: dict[Node, None] = {}
        for node in nest.made:
            for member in self._members[node]:
                for arg in member.args:
                    if isinstance(arg, Node):
                        read.update((source, None) for source, _ in self.sources(arg))
        made = {*nest.made, *self.inside}
        return [node for node in read if node not in made]

    def reads_in_place(self, nest: Nest, source: Node) -> bool:
        """Tell whether a loop reads an array, if at all, only where it then is: not in a sum, not moved."""
        for node in nest.made:
            for member in self._members[node]:
                for arg in member.args:
                    if isinstance(arg, Node) and source in dict(self.sources(arg)):
                        moved = (source, True) not in self.sources(arg) or tail(source) != nest.domain
                        if moved or not elementwise(member):
                            return False
        return True


def ordered(outputs: Sequence[Node]) -> list[Node]:
    """Return the operations that outputs need, each after its arguments."""
    order: dict[Node, None] = {}
    waiting: list[tuple[Node, bool]] = [(node, False) for node in reversed(outputs)]
    while waiting:
        node, ready = waiting.pop()
        if node in order or node.function is None:
            continue
        if ready:
            order[node] = None
            continue
        waiting.append((node, True))
        waiting += [(arg, False) for arg in reversed(node.args) if isinstance(arg, Node)]
    return list(order)


def elementwise(node: Node) -> bool:
    """Tell whether each element is computed from the elements at its own place."""
    return not (
        node.function is None
        or node.function in MATMULS
        or node.function in VIEWS
        or node.function in SUMS
        or node.function in PIECES
    )


def _needs_copy(node: Node) -> bool:
    """Tell whether a reshape, other than by axes of length 1, is of what does not lie in memory in a row."""
    inner = node.args[0]
    plain = [n for n in tail(node) if n != 1] == [n for n in tail(inner) if n != 1]
    return not plain and isinstance(inner, Node) and inner.function in VIEWS


def _from_lists(node: Node) -> bool:
    """Tell whether a part of an array is taken by lists of places."""
    return node.function is primitives.item and any(
        isinstance(part, np.ndarray) for part in dict(node.options)["index"]
    )
