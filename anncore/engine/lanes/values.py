"""One element of an array, as instructions: loaded from where it lies, or computed from those of others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from anncore.contract.derivatives import primitives
from anncore.contract.derivatives.symbols import Node, name_of
from anncore.engine.lanes.code import Code, Index
from anncore.engine.lanes.indexing import item_place
from anncore.engine.lanes.nests import Nests, Unlowerable, elementwise, size, tail
from anncore.engine.lanes.operations import (
    COMPARED,
    LOGICAL,
    NOT,
    POWERS,
    TESTS,
    fixed_power,
    maker_of,
    truths,
)
from anncore.engine.lanes.workspace import Place

Indices = tuple[Index, ...]
GIVE_TRUTHS = frozenset((*COMPARED, *TESTS, primitives.cast))


class Values:
    """What the elements of a graph's arrays are, for the loops that read them.

    inputs: where the graph's inputs lie.
    """

    def __init__(self, code: Code, inputs: Mapping[Node, Place], nests: Nests) -> None:
        self._code, self._nests = code, nests
        self._places: dict[Node, Place] = dict(inputs)
        self._laid: dict[int, Place] = {}  # factors of a product that nothing has written before, by id
        self._once: dict[Any, str] = {}  # vectors that a loop has loaded before it began
        self._making: set[Node] = set()  # what the present loop computes
        self._views: dict[Node, tuple[str, list[int]] | None] = {}  # of the present loop, see `_in_memory`

    def _near(self, node: Node) -> Place:
        """Return where an array lies, for a part that sees no more than its address."""
        return self._seen_from_part(self._places[node])

    def _seen_from_part(self, place: Place) -> Place:
        if not isinstance(place.offset, int) or place.offset == 0:
            return place
        return Place(self._code.outside(place.pointer, place.offset))

    def _located(self, node: Any, index: Indices) -> tuple[str, Index] | None:
        """Return where in memory an element lies, None if it is computed."""
        if id(node) in self._laid:
            return self._laid[id(node)].pointer, self._linear(index, tail(node), self._laid[id(node)])
        while isinstance(node, Node) and self._nests.is_view(node):
            seen = self._seen(node, index)
            if seen is None and node.dtype.kind == "b":
                return None
            if seen is None:
                place = self._near(node.args[0])
                return place.pointer, self._linear(index, tail(node), place)
            node, index = seen
        if not isinstance(node, Node) or node not in self._places or node.dtype.kind == "b":
            return None
        place = self._near(node)
        return place.pointer, self._linear(index, tail(node), place)

    def _linear(self, index: Indices, shape: tuple[int, ...], place: Place) -> Index:
        """Return the place of an element, in vectors from the pointer."""
        code = self._code
        total: Index = 0
        for at, length in zip(index, shape, strict=True):
            total = code.sum(code.product(total, length), at)
        return code.sum(place.offset, total)

    def _loaded(self, node: Node, index: Indices) -> str:
        return self._read(node, index, tail(node))

    def _read(self, node: Node, index: Indices, shape: tuple[int, ...]) -> str:
        """Return an element of an array in memory, of which `index` is the place in another shape."""
        code, place = self._code, self._near(node)
        if node.dtype.kind == "f" and node.dtype.name != code.dtype:
            raise Unlowerable(f"a number in {node.dtype.name} in a training in {code.dtype}")
        value = code.load(place.pointer, self._linear(index, shape, place))
        if node.dtype.kind == "b":
            return code.compared("une", value, code.number(0.0))
        return value

    def _write(self, node: Any, value: str, place: Place, at: Index) -> None:
        """Append the writing of an element; a truth value is written as 1 or 0."""
        if getattr(node, "dtype", np.dtype(float)).kind == "b":
            value = self._code.as_number(value)
        self._code.store(value, place.pointer, at)

    def _value(self, value: Any, index: Indices, memo: dict[Any, str]) -> str:
        """Return one element of an array at a place."""
        if not isinstance(value, Node):
            return self._constant(value, index)
        if value in self._once:
            return self._once[value]
        if (value, index) not in memo:
            if self._nests.is_view(value):
                memo[value, index] = self._viewed(value, index, memo)
            elif value in self._places:
                memo[value, index] = self._loaded(value, index)
            elif value.function is None or not elementwise(value):
                raise Unlowerable(f"an array of shape {value.shape} that is not computed before it is read")
            else:
                memo[value, index] = self._operation(value, index, memo)
        return memo[value, index]

    def _constant(self, value: Any, index: Indices) -> str:
        code = self._code
        if isinstance(value, (bool, np.bool_)):
            word = "true" if value else "false"
            return "<" + ", ".join([f"i1 {word}"] * code.kind.lanes) + ">"
        if isinstance(value, (int, float, np.generic)):
            return code.number(float(value))
        array = np.asarray(value)
        if array.dtype.kind not in "fib" or not array.size:
            raise Unlowerable(f"a constant array of type {array.dtype}")
        first = array.ravel()[0]
        if (array == first).all():
            return self._constant(first.item(), index)
        if len(array.shape) == len(index) + 1:  # with an axis for trials
            if (array != array[:1]).any():
                raise Unlowerable("a constant that differs between trials")
            array = array[0]
        behind = index[len(index) - array.ndim :]
        place: Index = 0
        for at, length in zip(behind, array.shape, strict=True):
            place = code.sum(code.product(place, length), 0 if length == 1 else at)
        number = code.splat(code.load_scalar(code.kind.scalar, code.table(array.ravel().tolist()), place))
        return code.compared("une", number, code.number(0.0)) if array.dtype.kind == "b" else number

    def _operation(self, node: Node, index: Indices, memo: dict[Any, str]) -> str:
        """Append an elementwise operation at a place."""
        self._refuse_type(node)
        code, function, kinds = self._code, node.function, truths(node.args)
        values = [
            self._value(arg, _broadcast(arg, node, index), memo)
            if isinstance(arg, (Node, np.ndarray))
            else self._constant(arg, index)
            for arg in node.args
        ]
        if function in LOGICAL or function in NOT:
            if not all(kinds):
                raise Unlowerable("logic on numbers")
            return code.negated(values[0]) if function in NOT else code.logical(LOGICAL[function], *values)
        if function is np.where and not kinds[0]:
            raise Unlowerable("np.where of numbers")
        maker = maker_of(function)
        if maker is None and function not in GIVE_TRUTHS:
            raise Unlowerable(f"{name_of(function)} is no operation that lanes have")
        if node.dtype.kind == "b" and function not in GIVE_TRUTHS:
            raise Unlowerable("arithmetic on truth values")
        if function is np.where:
            kinds[0] = False  # the condition stays what it is
        values = [
            code.as_number(value) if truth else value for value, truth in zip(values, kinds, strict=True)
        ]
        if function in COMPARED:
            return code.compared(COMPARED[function], *values)
        if function is primitives.cast:
            return values[0] if node.dtype.kind == "f" else code.compared("une", values[0], code.number(0.0))
        if function in POWERS and isinstance(node.args[1], (int, float)):
            fixed = fixed_power(code, values[0], float(node.args[1]))
            if fixed is not None:
                return fixed
        assert maker is not None
        return maker(code, *values)

    def _refuse_type(self, node: Node) -> None:
        """Refuse results other than numbers of the training's type and truth values."""
        if node.dtype.kind == "f" and node.dtype.name != self._code.dtype:
            raise Unlowerable(
                f"{name_of(node.function)} gives {node.dtype.name} in a training in {self._code.dtype}"
            )
        if node.dtype.kind not in "fb":
            raise Unlowerable(
                f"{name_of(node.function)} gives {node.dtype}, and lanes compute with real numbers alone"
            )

    def _viewed(self, node: Node, index: Indices, memo: dict[Any, str]) -> str:
        """Return one element of a view: an element of what it is a view of."""
        code = self._code
        if node not in self._views:
            self._views[node] = self._in_memory(node)
        begun = self._views[node]
        if begun is not None:
            place: Index = 0
            for at, step in zip(index, begun[1], strict=True):
                place = code.sum(place, code.product(at, step))
            return code.load(begun[0], place)
        seen = self._seen(node, index)
        if seen is not None:
            return self._value(*seen, memo)
        return self._read(node.args[0], index, tail(node))

    def _in_memory(self, node: Node) -> tuple[str, list[int]] | None:
        """Return where the first element of a view lies, and the steps from one to the next on each axis.

        Only of what another loop has written; None elsewhere. Every view is a matter of such steps.
        """
        if any(source in self._making or size(source) == 1 for source, _ in self._nests.sources(node)):
            return None
        shape = tail(node)
        located = self._located(node, (0,) * len(shape))
        if located is None:
            return None
        pointer, first = located
        if not isinstance(first, int):
            return None
        steps = []
        for axis, length in enumerate(shape):
            index = tuple(int(at == axis and length > 1) for at in range(len(shape)))
            place = self._located(node, index)
            assert place is not None
            assert isinstance(place[1], int)
            steps.append(place[1] - first)
        return self._code.outside(pointer, first) if first else pointer, steps

    def _seen(self, node: Node, index: Indices) -> tuple[Any, Indices] | None:
        """Return of what, and where, an element of a view is one; None for one of memory in another shape."""
        inner = node.args[0]
        options = dict(node.options)
        shape = tail(inner)
        if node.function is np.transpose:
            axes = options["axes"][1:]
            moved: list[Index] = [0] * len(shape)
            for to, axis in enumerate(axes):
                moved[axis - 1] = index[to]
            return inner, tuple(moved)
        if node.function is primitives.spread:
            index = index[len(index) - len(shape) :]
            return inner, tuple(0 if n == 1 else at for at, n in zip(index, shape, strict=True))
        if node.function is primitives.item:
            return inner, item_place(self._code, options["index"], inner.shape, index)
        ones = [at for at, n in zip(index, tail(node), strict=True) if n != 1]
        if [n for n in tail(node) if n != 1] == [n for n in shape if n != 1]:
            left = iter(ones)
            return inner, tuple(0 if n == 1 else next(left) for n in shape)
        if inner not in self._places or inner in self._once:
            raise Unlowerable("a reshape of what is itself a view")
        return None


def _broadcast(arg: Any, node: Node, index: Indices) -> Indices:
    """Return the place of an operand's element for an element of the result."""
    shape = tuple(arg.shape)[1:] if isinstance(arg, Node) else tuple(arg.shape)[-len(index) :]
    behind = index[len(index) - len(shape) :] if len(shape) <= len(index) else index
    return tuple(
        0 if n == 1 and whole != 1 else at
        for at, n, whole in zip(behind, shape, tail(node)[len(index) - len(shape) :], strict=False)
    )
