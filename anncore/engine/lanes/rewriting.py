"""Operations without a loop of their own in lanes, as operations that have one.

A graph of lanes records them so: a length is the root of a sum of squares, the place of the largest number
the smallest place whose number is as large, a sorted row what each number's rank puts where it belongs. Whole
numbers and truth values become numbers of the lanes' type, which are exact up to 2^24.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from anncore.contract.derivatives import primitives
from anncore.contract.derivatives.refusals import formula_place, refuse_out
from anncore.contract.derivatives.symbols import Graph, Symbol, has_read
from anncore.engine.lanes.nests import MATMULS, Unlowerable

MOST_SORTED = 64
"""The numbers of a row that are sorted by comparing each with every other one."""
MOST_COMPUTED = 256
"""The numbers of an array that NumPy computed from hyperparameters, which reach a kernel one by one."""
FRESH = ("zeros_like", "ones_like", "full_like", "empty_like")


class LaneGraph(Graph):
    """A graph whose operations all have a loop in lanes."""

    shows_shapes = True

    def __init__(self) -> None:
        super().__init__()
        self._allowing = False
        self._computed: dict[Any, Symbol] = {}

    def _given(self, arg: Any) -> Any:
        """Return a constant as an input if it has numbers for each trial.

        A formula made it of hyperparameters, as `1 - np.asarray(self.rate)`: other trials have others.
        """
        first = self.inputs[0]
        if not isinstance(arg, np.ndarray) or not has_read():
            return arg
        if arg.ndim < 3 or arg.dtype != first.dtype:
            return arg
        if len(arg) != first.shape[0] or (arg.size != len(arg) and (arg == arg[:1]).all()):
            return arg
        key = arg.tobytes(), arg.shape
        if key not in self._computed:
            self._computed[key] = self._by_number(arg)
        return self._computed[key]

    def _by_number(self, array: Any) -> Symbol:
        """Return an array of each trial, made of inputs of one number each, as hyperparameters are."""
        if array.size == len(array):
            return self.input(array, known=True)
        if array[0].size > MOST_COMPUTED:
            raise Unlowerable(
                f"an array of {array[0].size} numbers that NumPy computed from hyperparameters, "
                f"which is more than {MOST_COMPUTED}"
            )
        columns = array.reshape(len(array), 1, -1)
        numbers = [self.input(columns[:, :, at : at + 1], known=True) for at in range(columns.shape[2])]
        row = super().record(primitives.joined, *numbers, axis=2)
        made: Symbol = super().record(primitives.reshaped, row, shape=array.shape)
        return made

    @contextmanager
    def allowing_options(self) -> Iterator[None]:
        """Record ufuncs with out= and where=, too.

        Only where a formula cannot be recorded without: activations with such a slope have it derived.
        """
        before, self._allowing = self._allowing, True
        try:
            yield
        finally:
            self._allowing = before

    def record(self, function: Any, *args: Any, **options: Any) -> Any:
        """Return the symbol of a function of symbols and constants, all given as plain arguments."""
        args = tuple(self._given(arg) for arg in args)
        rewrite = REWRITTEN.get(function)
        if rewrite is not None and any(isinstance(arg, Symbol) for arg in args):
            made = rewrite(self, *args, **options)
            if made is not NotImplemented:
                return made
        return super().record(function, *args, **options)

    def changed_by_options(self, ufunc: Any, inputs: Sequence[Any], options: dict[str, Any]) -> Any:
        """Return what a ufunc with out= and where= gives, if `out` is made in this very call.

        Otherwise somebody else could hold the array, and would not see what is written into it.
        """
        if not self._allowing or set(options) != {"out", "where"} or not _made_in_this_call():
            raise refuse_out(ufunc, options)
        [out] = options["out"]  # NumPy gives it as a tuple
        return self.record(np.where, options["where"], self.record(ufunc, *inputs), out)

    def filled(self, function: Any, array: Symbol, *args: Any, **options: Any) -> Any:
        """Return an array of one number, shaped as another one; the number may be one of each trial."""
        number = args[0] if args else options.get("fill_value")
        if isinstance(number, Symbol) and len(args) <= 1 and not options.keys() - {"fill_value"}:
            number = _as(number, array.dtype)
            return self.record(primitives.spread, number, shape=tuple(array.shape))
        return super().filled(function, array, *args, **options)


def _made_in_this_call() -> bool:
    """Tell whether the call that a formula is at makes the array that it gives as out=."""
    import ast

    place = formula_place()
    expression = None if place is None else place.expression
    if not isinstance(expression, ast.Call):
        return False
    given = [keyword.value for keyword in expression.keywords if keyword.arg == "out"]
    return any(
        isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in FRESH
        for value in given
    )


def _as(array: Any, dtype: Any) -> Any:
    """Return a symbol in a type of numbers."""
    if array.dtype == dtype:
        return array
    return array.graph.record(primitives.cast, array, dtype=np.dtype(dtype).str)


def _numbers(graph: Graph, array: Any) -> Any:
    """Return an array as numbers of the lanes' type, if it has truth values."""
    return _as(array, graph.inputs[0].dtype) if array.dtype.kind == "b" else array


def _added(function: Any) -> Callable[..., Any]:
    """Return the rewriting of a sum or mean: of truth values, and with dtype=."""

    def rewrite(graph: LaneGraph, array: Any, *, axis: Any, keepdims: bool, dtype: Any = None) -> Any:
        lanes = graph.inputs[0].dtype
        if array.dtype.kind != "b" and dtype is None:
            return NotImplemented
        if dtype is not None and np.dtype(dtype) not in (lanes, array.dtype):
            raise Unlowerable(f"a sum in {np.dtype(dtype)} of numbers in {array.dtype}")
        numbers = _numbers(graph, array)
        return graph.record(function, numbers, axis=axis, keepdims=keepdims)

    return rewrite


def _places(array: Any, axis: int) -> Any:
    """Return 0, 1, 2, ... along an axis."""
    shape = [1] * len(array.shape)
    shape[axis] = array.shape[axis]
    return np.arange(array.shape[axis], dtype=array.dtype).reshape(shape)


def _place_of(extreme: Any) -> Callable[..., Any]:
    """Return the rewriting of argmax or argmin: the first of the equal ones; NaN counts as the extreme."""

    def rewrite(graph: LaneGraph, array: Any, *, axis: int, keepdims: bool = False) -> Any:
        array = _numbers(graph, array)
        most = graph.record(extreme, array, axis=axis, keepdims=True)
        there = (array == most) | np.isnan(array)
        places = np.where(there, _places(array, axis), float(array.shape[axis]))
        return graph.record(np.min, places, axis=axis, keepdims=keepdims)

    return rewrite


def _between(array: Any, axis: int, *, behind: bool) -> Any:
    """Return an array with one more axis, behind or before an axis."""
    shape = list(array.shape)
    shape.insert(axis + 1 if behind else axis, 1)
    return np.reshape(array, tuple(shape))


def _sorting(graph: LaneGraph, array: Any, *, axis: int, kind: Any = None, stable: Any = None) -> Any:
    """Rewrite argsort: which number has each rank, the first of equal ones before the others, NaN last."""
    count = array.shape[axis]
    if count > MOST_SORTED:
        raise Unlowerable(f"the sorting of {count} numbers, which is more than {MOST_SORTED}")
    mine, other = (_between(array, axis, behind=behind) for behind in (True, False))
    order = np.arange(count).reshape((count, 1) + (1,) * (len(array.shape) - axis - 1))
    before = np.swapaxes(order, 0, 1) < order  # the other one stands before this one
    sick = np.isnan(mine)
    below = (other < mine) | (~np.isnan(other) & sick)
    same = (other == mine) | (np.isnan(other) & sick)
    rank = graph.record(np.sum, _numbers(graph, below | (same & before)), axis=axis + 1, keepdims=False)
    ranked = _between(rank, axis, behind=False) == _places(_between(array, axis, behind=True), axis)
    places = _places(_between(array, axis, behind=False), axis + 1)
    return graph.record(np.sum, np.where(ranked, places, 0.0), axis=axis + 1, keepdims=False)


def _taken(graph: LaneGraph, array: Any, places: Any, *, axis: int) -> Any:
    """Rewrite take_along_axis: of all numbers the one whose place it is."""
    if not isinstance(places, Symbol) or places.dtype.kind != "f":
        return NotImplemented
    if places.shape[axis] == 1:
        chosen = np.where(places == _places(array, axis), array, 0.0)
        return graph.record(np.sum, chosen, axis=axis, keepdims=True)
    mine = _between(places, axis, behind=True)
    there = _between(array, axis, behind=False)
    chosen = np.where(mine == _places(there, axis + 1), there, 0.0)
    return graph.record(np.sum, chosen, axis=axis + 1, keepdims=False)


def _put_along(graph: LaneGraph, grad: Any, places: Any, *, axis: int, shape: tuple[int, ...]) -> Any:
    """Rewrite the reverse of take_along_axis: each number gets what was taken of it."""
    if not isinstance(places, Symbol) or places.dtype.kind != "f":
        return NotImplemented
    like = np.empty(shape, grad.dtype)
    if places.shape[axis] == 1:
        return np.where(places == _places(like, axis), grad, 0.0)
    mine, given = (_between(one, axis, behind=False) for one in (places, grad))
    numbers = _places(_between(like, axis, behind=True), axis)
    return graph.record(np.sum, np.where(mine == numbers, given, 0.0), axis=axis + 1, keepdims=False)


def _running(graph: LaneGraph, array: Any, *, axis: int) -> Any:
    """Rewrite cumsum: one sum after the other."""
    array = _numbers(graph, array)
    start: tuple[Any, ...] = (slice(None),) * axis
    totals = [array[(*start, slice(0, 1))]]
    for at in range(1, array.shape[axis]):
        totals.append(totals[-1] + array[(*start, slice(at, at + 1))])
    return totals[0] if len(totals) == 1 else graph.record(primitives.joined, *totals, axis=axis)


def _flipped(graph: LaneGraph, array: Any, *, axis: Any) -> Any:
    axes = axis if isinstance(axis, tuple) else (axis,)
    turned = slice(None, None, -1)
    return array[tuple(turned if at in axes else slice(None) for at in range(len(array.shape)))]


def _rolled(graph: LaneGraph, array: Any, *, shift: int, axis: int) -> Any:
    cut = -shift % array.shape[axis]
    if cut == 0:
        return array
    start: tuple[Any, ...] = (slice(None),) * axis
    pieces = array[(*start, slice(cut, None))], array[(*start, slice(0, cut))]
    return graph.record(primitives.joined, *pieces, axis=axis)


def _padded(graph: LaneGraph, array: Any, *, pad_width: Any) -> Any:
    widths = pad_width
    index = tuple(slice(low, low + n) for (low, _), n in zip(widths, array.shape, strict=True))
    shape = tuple(low + n + high for (low, high), n in zip(widths, array.shape, strict=True))
    return graph.record(primitives.put_back, array, indices=(index,), shape=shape)


def _variance(root: bool) -> Callable[..., Any]:
    def rewrite(graph: LaneGraph, array: Any, *, axis: Any, keepdims: bool, ddof: int = 0) -> Any:
        axes = axis if isinstance(axis, tuple) else (axis,)
        count = int(np.prod([array.shape[at] for at in axes]))
        apart = array - graph.record(np.mean, array, axis=axis, keepdims=True)
        total = graph.record(np.sum, apart * apart, axis=axis, keepdims=keepdims)
        variance = total / float(count - ddof)
        return np.sqrt(variance) if root else variance

    return rewrite


def _length(graph: LaneGraph, array: Any, *, axis: int, keepdims: bool) -> Any:
    return np.sqrt(graph.record(np.sum, array * array, axis=axis, keepdims=keepdims))


def _every(how: Any) -> Callable[..., Any]:
    """Return the rewriting of np.any and np.all."""

    def rewrite(graph: LaneGraph, array: Any, *, axis: Any, keepdims: bool) -> Any:
        held = array if array.dtype.kind == "b" else array != 0
        return graph.record(how, _numbers(graph, held), axis=axis, keepdims=keepdims) > 0

    return rewrite


def _product(graph: LaneGraph, left: Any, right: Any) -> Any:
    """Rewrite a product with a constant that has fewer axes, or no axis of trials."""
    if len(left.shape) == len(right.shape):
        return NotImplemented
    if isinstance(left, Symbol) and isinstance(right, Symbol):
        raise Unlowerable("a product of arrays of which one has more axes than the other")
    axes = max(len(left.shape), len(right.shape))
    sides = [
        side if isinstance(side, Symbol) else side.reshape((1,) * (axes - side.ndim) + side.shape)
        for side in (left, right)
    ]
    if any(len(side.shape) != axes for side in sides):
        raise Unlowerable("a product with a constant that has more axes than the array")
    return graph.record(np.matmul, *sides)


def _cast(graph: LaneGraph, array: Any, *, dtype: str) -> Any:
    """Rewrite a change to the type that an array has already, where whole numbers are numbers."""
    lanes = graph.inputs[0].dtype
    if np.dtype(dtype) == array.dtype:
        return array
    if np.dtype(dtype).kind in "iu" and array.dtype.kind == "b":
        return graph.record(primitives.cast, array, dtype=lanes.str)
    return NotImplemented


REWRITTEN: dict[Any, Callable[..., Any]] = {
    np.sum: _added(np.sum),
    np.mean: _added(np.mean),
    np.argmax: _place_of(np.max),
    np.argmin: _place_of(np.min),
    np.argsort: _sorting,
    np.take_along_axis: _taken,
    primitives.put_along: _put_along,
    np.cumsum: _running,
    np.flip: _flipped,
    np.roll: _rolled,
    np.pad: _padded,
    np.var: _variance(root=False),
    np.std: _variance(root=True),
    np.linalg.norm: _length,
    np.any: _every(np.max),
    np.all: _every(np.min),
    primitives.cast: _cast,
    **dict.fromkeys(MATMULS, _product),
}
"""By function: what records it otherwise; NotImplemented where it is recorded as it is."""
