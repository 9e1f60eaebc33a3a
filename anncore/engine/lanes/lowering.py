"""From the loops of a graph to LLVM's text."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from anncore.contract.derivatives import primitives
from anncore.contract.derivatives.symbols import Node
from anncore.engine.lanes.code import Code, Index
from anncore.engine.lanes.indexing import item_place
from anncore.engine.lanes.nests import (
    MATMULS,
    PIECES,
    VIEWS,
    Nest,
    Nests,
    Unlowerable,
    size,
    tail,
)
from anncore.engine.lanes.operations import maker_of
from anncore.engine.lanes.products import Factor, append_product
from anncore.engine.lanes.sparing import spared
from anncore.engine.lanes.values import Indices, Values
from anncore.engine.lanes.workspace import Place, Workspace

COLUMNS = 8  # sums side by side
LARGEST = (np.max, np.amax)
SMALLEST = (np.min, np.amin)


class Lowering(Values):
    """Appends the loops of a graph to code.

    inputs: where the graph's inputs lie. outputs: what to compute, and where to write it; several places for
    one node are allowed. work: memory for what lies between. long: the length of arrays that stands for one
    known at run time alone, and that one.
    """

    def __init__(
        self,
        code: Code,
        inputs: Mapping[Node, Place],
        outputs: Sequence[tuple[Node, Place]],
        work: Workspace,
        long: tuple[int, Index] | None = None,
    ) -> None:
        lean = spared([node for node, _ in outputs])
        outputs = [(lean[node], place) for node, place in outputs]
        super().__init__(code, inputs, Nests([node for node, _ in outputs], singles_first=long is not None))
        self._work, self._long = work, long
        wanted: dict[Node, list[Place]] = {}
        for node, place in outputs:
            wanted.setdefault(node, []).append(place)
        last = self._last_reads()
        copies = self._given_places(wanted, inputs, last)
        for at, nest in enumerate(self._nests.nests):
            for node in nest.stored:
                if node not in self._places:
                    self._refuse_long(size(node))
                    self._places[node] = work.take(size(node))
            with code.part():
                self._append(nest)
            for node in [*self._nests.reads(nest), *nest.stored]:
                own = self._places.get(node)
                done = own is not None and own.pointer == work.pointer and last.get(node, -1) <= at
                if own is not None and done and node not in inputs:
                    work.give_back(own, size(node))
        self._copy_all(copies, [place for places in wanted.values() for place in places])

    def _copy_all(self, copies: Sequence[tuple[Node, Place]], written: Sequence[Place]) -> None:
        """Append copies as if all were made at once: one may write what another one reads."""
        moves: list[tuple[Place, Place, int]] = []
        for node, place in copies:
            start = self._places.get(node)
            if start is None or self._nests.is_view(node):
                sources = [self._places.get(source) for source, _ in self._nests.sources(node)]
                if len(copies) == 1 or not any(source in written for source in sources):
                    self._copied(node, place)
                    continue
                self._refuse_long(size(node))
                start = self._work.take(size(node))
                self._copied(node, start)
            moves.append((start, place, size(node)))
        for length in dict.fromkeys(length for _, _, length in moves):
            own = [(one, other) for one, other, own_length in moves if own_length == length]
            with self._code.part():
                self._move(own, length)

    def _copied(self, node: Node, place: Place) -> None:
        """Append a copy as a part of its own."""
        self._once, self._views, self._making = {}, {}, set()  # what the last loop loaded is its own
        with self._code.part():
            self._copy(node, place)

    def _move(self, moves: Sequence[tuple[Place, Place]], length: int) -> None:
        """Append the copying of arrays of one length, each element of all before the next one."""
        code = self._code
        count: Index = self._long[1] if self._long is not None and length == self._long[0] else length
        near = [(self._seen_from_part(one), self._seen_from_part(other)) for one, other in moves]

        def body(index: Index, _: Sequence[str]) -> Sequence[str]:
            values = [code.load(one.pointer, code.sum(one.offset, index)) for one, _ in near]
            for value, move in zip(values, near, strict=True):
                code.store(value, move[1].pointer, code.sum(move[1].offset, index))
            return []

        code.loop(count, body)

    def _refuse_long(self, length: int) -> None:
        """Refuse what needs arrays of a length that is not known here."""
        if self._long is not None and length == self._long[0]:
            raise Unlowerable("a formula that is not one loop over all numbers")

    def _last_reads(self) -> dict[Node, int]:
        """Return the last loop that reads each array; what is written out at the end is read for ever."""
        last: dict[Node, int] = {}
        for at, nest in enumerate(self._nests.nests):
            last.update(dict.fromkeys(self._nests.reads(nest), at))
        for output in self._nests.outputs:
            last.update((source, len(self._nests.nests)) for source, _ in self._nests.sources(output))
        return last

    def _given_places(
        self, wanted: Mapping[Node, Sequence[Place]], inputs: Mapping[Node, Place], last: Mapping[Node, int]
    ) -> list[tuple[Node, Place]]:
        """Let loops write outputs where they belong; return those that must be copied at the end.

        An output that takes the place of an input is copied if a later loop reads that input, or its own one
        elsewhere than where it writes.
        """
        nests = self._nests
        made = {node: at for at, nest in enumerate(nests.nests) for node in nest.made}
        taken = {place: node for node, place in inputs.items()}
        copies: list[tuple[Node, Place]] = []
        for node, places in wanted.items():
            for place in places:
                if self._places.get(node) == place:
                    continue  # it lies there already, as a state that stays as it is
                over = taken.get(place)
                at, read = made.get(node, -1), last.get(over, -1) if over is not None else -1
                free = (
                    over is None or read < at or (read == at and nests.reads_in_place(nests.nests[at], over))
                )
                if node in made and node not in self._places and free:
                    self._places[node] = place
                else:
                    copies.append((node, place))
        return copies

    def _copy(self, node: Node, place: Place) -> None:
        """Append the writing of what a node, or the view that it is, gives elsewhere."""
        near = self._seen_from_part(place)
        view = node in self._nests.copied and node not in self._places

        def body(indices: Sequence[Indices], memo: dict[Any, str]) -> None:
            for index in indices:
                value = self._viewed(node, index, memo) if view else self._value(node, index, memo)
                self._write(node, value, near, self._linear(index, tail(node), near))

        self._over(tail(node), (1, 1), body)
        if view:
            self._places[node] = place

    # Loops

    def _append(self, nest: Nest) -> None:
        producer = nest.producer
        self._once, self._views, self._making = {}, {}, {*nest.made, *nest.stored}
        if producer is not None and producer.function in PIECES:
            self._pieces(producer)
            return
        if producer is not None and producer.function in VIEWS:
            self._copy(producer, self._places.pop(producer))
            return
        self._load_singles(nest)
        if producer is not None and producer.function in MATMULS:
            self._product(nest, producer)
            return
        begin = None if producer is None else self._reduction(producer)
        if producer is None and self._flat(nest):
            self._flat_loop(nest)
            return

        def body(indices: Sequence[Indices], memo: dict[Any, str]) -> None:
            if begin is not None:
                begin(indices, memo)
            self._finish(nest, indices, memo)

        self._over(nest.domain, (1, 1 if begin is None else COLUMNS), body)

    def _finish(self, nest: Nest, indices: Sequence[Indices], memo: dict[Any, str]) -> None:
        """Append the formulas of a loop at some places, then write what others read."""
        results = []
        for index in indices:
            for root in nest.roots:
                memo[root, index] = self._operation(root, index, memo)
            results += [(node, index, memo[node, index]) for node in nest.stored]
        for node, index, value in results:
            place = self._near(node)
            self._write(node, value, place, self._linear(index, tail(node), place))

    def _load_singles(self, nest: Nest) -> None:
        """Load numbers that are one per trial before the loop."""
        for node in self._nests.reads(nest):
            if size(node) == 1:
                self._once[node] = self._loaded(node, (0,) * len(tail(node)))

    def _over(
        self,
        domain: tuple[int, ...],
        tile: tuple[int, int],
        body: Callable[[Sequence[Indices], dict[Any, str]], None],
    ) -> None:
        """Append loops over a domain, in tiles of its last two axes; `body` gets the places of a tile."""
        code = self._code
        self._refuse_long(int(np.prod(domain)))
        tiles = [1] * len(domain)
        for axis, most in zip(range(len(domain) - 1, -1, -1), reversed(tile), strict=False):
            tiles[axis] = most

        def descend(axis: int, starts: list[Index], widths: list[int]) -> None:
            if axis == len(domain):
                offsets = itertools.product(*map(range, widths))
                added: dict[tuple[int, int], Index] = {}
                indices = []
                for offset in offsets:
                    for at, one in enumerate(offset):
                        if (at, one) not in added:
                            added[at, one] = code.sum(starts[at], one)
                    indices.append(tuple(added[at, one] for at, one in enumerate(offset)))
                body(indices, {})
                return
            whole = domain[axis] // tiles[axis] * tiles[axis]
            if whole:

                def inner(index: Index, _: Sequence[str]) -> Sequence[str]:
                    descend(axis + 1, [*starts, index], [*widths, tiles[axis]])
                    return []

                code.loop(whole, inner, step=tiles[axis])
            if whole < domain[axis]:
                descend(axis + 1, [*starts, whole], [*widths, domain[axis] - whole])

        descend(0, [], [])

    def _flat(self, nest: Nest) -> bool:
        """Tell whether all that a loop reads has its own shape, or is one number per trial."""
        if len(nest.domain) < 2:
            return False
        for root in nest.roots:
            for member in self._nests.members(root):
                if tail(member) != nest.domain and size(member) != 1:
                    return False
                for arg in member.args:
                    if isinstance(arg, np.ndarray) and arg.size > 1 and np.unique(arg).size > 1:
                        return False
                    if not isinstance(arg, Node) or size(arg) == 1:
                        continue
                    if arg.function in VIEWS or tail(arg) != nest.domain:
                        return False
        return True

    def _flat_loop(self, nest: Nest) -> None:
        code, total = self._code, int(np.prod(nest.domain))
        count: Index = self._long[1] if self._long is not None and total == self._long[0] else total

        def body(index: Index, _: Sequence[str]) -> Sequence[str]:
            flat: Indices = (*(0,) * (len(nest.domain) - 1), index)
            self._finish(nest, [flat], {})
            return []

        code.loop(count, body)

    # What loops begin with

    def _product(self, nest: Nest, node: Node) -> None:
        """Append a product of matrices, and the formulas that follow it."""
        left, right = node.args
        domain, work = tail(node), self._work
        if len(domain) < 2 or len(left.shape) != len(right.shape):
            raise Unlowerable("a product of arrays of which one has more axes than the other")
        if node.dtype.kind == "b":
            raise Unlowerable("a product of truth values")
        inner = left.shape[-1]
        self._refuse_long(int(np.prod(domain)))
        copies = [arg for arg in (left, right) if self._located(arg, (0,) * len(domain)) is None]
        taken: list[tuple[Place, int]] = []

        def room(vectors: int) -> Place:
            taken.append((work.take(vectors), vectors))
            return self._seen_from_part(taken[-1][0])

        for arg in copies:
            place = room(size(arg))
            self._lay(arg, place)  # before it is known there, as it may be a view of a constant
            self._laid[id(arg)] = place
        read = {self._places.get(one) for one in self._nests.reads(nest)}
        once = any(self._places[one] in read for one in nest.stored)

        def matrix(indices: Sequence[Indices], _: dict[Any, str]) -> None:
            [lead] = indices
            factors = (
                Factor.of(tail(left), lead, lambda index: self._located(left, index), by_rows=True),
                Factor.of(tail(right), lead, lambda index: self._located(right, index), by_rows=False),
            )

            def finish(places: list[tuple[Index, Index]], sums: Sequence[str]) -> None:
                indices: list[Indices] = [(*lead, *place) for place in places]
                memo: dict[Any, str] = {(node, index): one for index, one in zip(indices, sums, strict=True)}
                self._finish(nest, indices, memo)

            append_product(self._code, factors, (*domain[-2:], inner), room, finish, once=once)

        self._over(domain[:-2], (1, 1), matrix)
        for place, vectors in taken:
            work.give_back(place, vectors)
        for arg in copies:
            del self._laid[id(arg)]

    def _lay(self, array: Any, place: Place) -> None:
        """Append the writing of a factor that is computed, as numbers."""

        def body(indices: Sequence[Indices], memo: dict[Any, str]) -> None:
            for index in indices:
                value = self._value(array, index, memo)
                if array.dtype.kind == "b":
                    value = self._code.as_number(value)
                self._code.store(value, place.pointer, self._linear(index, tail(array), place))

        self._over(tail(array), (1, 1), body)

    def _reduction(self, node: Node) -> Callable[[Sequence[Indices], dict[Any, str]], None]:
        array = node.args[0]
        if not isinstance(array, Node):
            raise Unlowerable("a sum of a constant")
        if array.dtype.kind != "f":
            raise Unlowerable("a sum of truth values")
        options = dict(node.options)
        axes, kept = _axes(node)
        if set(options) - {"axis", "keepdims"}:
            raise Unlowerable(f"{node.function.__name__} with {', '.join(sorted(options))}")  # type: ignore[union-attr]
        shape = tail(array)
        reduced = [axis - 1 for axis in axes]
        count = int(np.prod([shape[axis] for axis in reduced]))
        code = self._code

        def start(index: Indices) -> list[Index]:
            if kept:
                return list(index)
            left = iter(index)
            return [0 if axis in reduced else next(left) for axis in range(len(shape))]

        def begin(indices: Sequence[Indices], memo: dict[Any, str]) -> None:
            def descend(at: int, places: list[list[Index]], totals: Sequence[str]) -> Sequence[str]:
                if at == len(reduced):
                    read: dict[Any, str] = {}
                    values = [self._value(array, tuple(place), read) for place in places]
                    return [
                        self._joined(node, total, value) for total, value in zip(totals, values, strict=True)
                    ]

                def turn(k: Index, sums: Sequence[str]) -> Sequence[str]:
                    inner = [[*place[: reduced[at]], k, *place[reduced[at] + 1 :]] for place in places]
                    return descend(at + 1, inner, sums)

                return code.loop(shape[reduced[at]], turn, totals)

            first = code.number(_neutral(node))
            totals = descend(0, [start(index) for index in indices], [first] * len(indices))
            for index, total in zip(indices, totals, strict=True):
                if node.function is np.mean:
                    total = code.over(total, code.number(float(count)))
                memo[node, index] = total

        return begin

    def _joined(self, node: Node, total: str, value: str) -> str:
        if node.function in LARGEST:
            return maker_of(np.maximum)(self._code, total, value)  # type: ignore[misc]
        if node.function in SMALLEST:
            return maker_of(np.minimum)(self._code, total, value)  # type: ignore[misc]
        return self._code.plus(total, value)

    def _pieces(self, node: Node) -> None:
        """Append the joining of arrays, or the reverse of slices: each piece by a loop of its own."""
        code, place, shape = self._code, self._near(node), tail(node)
        options = dict(node.options)
        if node.function is primitives.put_back:

            def clear(index: Index, _: Sequence[str]) -> Sequence[str]:
                code.store(code.number(0.0), place.pointer, code.sum(place.offset, index))
                return []

            code.loop(size(node), clear)
        starts = 0
        for number, piece in enumerate(node.args):
            if node.function is primitives.put_back:
                target = _sliced(options["indices"][number], node.shape)
            elif node.function is primitives.stacked:
                target = _stacked(options["axis"], number)
            else:
                target = _shifted(options["axis"], starts)
                starts += piece.shape[options["axis"]]
            self._put(piece, shape, place, target, add=node.function is primitives.put_back)

    def _put(
        self,
        piece: Any,
        shape: tuple[int, ...],
        place: Place,
        target: Callable[[Code, Indices], Indices],
        *,
        add: bool,
    ) -> None:
        code = self._code

        def body(indices: Sequence[Indices], memo: dict[Any, str]) -> None:
            for index in indices:
                at = self._linear(target(code, index), shape, place)
                value = self._value(piece, index, memo)
                if add:
                    value = code.plus(code.load(place.pointer, at), value)
                self._write(piece, value, place, at)

        self._over(tail(piece), (1, 1), body)


def _axes(node: Node) -> tuple[tuple[int, ...], bool]:
    if node.function is primitives.sum_examples:
        return (1,), True
    options = dict(node.options)
    axis = options["axis"]
    return (axis if isinstance(axis, tuple) else (axis,)), bool(options["keepdims"])


def _neutral(node: Node) -> float:
    if node.function in LARGEST:
        return -np.inf
    return np.inf if node.function in SMALLEST else 0.0


def _sliced(given: Any, shape: tuple[int, ...]) -> Callable[[Code, Indices], Indices]:
    return lambda code, index: item_place(code, given, shape, index)


def _stacked(axis: int, number: int) -> Callable[[Code, Indices], Indices]:
    return lambda code, index: (*index[: axis - 1], number, *index[axis - 1 :])


def _shifted(axis: int, start: int) -> Callable[[Code, Indices], Indices]:
    return lambda code, index: tuple(
        code.sum(start, at) if place == axis - 1 else at for place, at in enumerate(index)
    )
