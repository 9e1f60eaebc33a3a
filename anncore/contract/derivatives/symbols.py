"""Symbols: a formula runs once on them, and what NumPy would have computed is recorded as a graph.

A formula is a component's method in plain NumPy. Its arrays become symbols that know shape and dtype, not
values. Every operation on a symbol becomes a node: the very function that NumPy would have called, so that
the recorded formula gives the same bits as the written one. An operation without a known derivative, or one
that needs a value, raises `Underivable`, which names the operation and the line of the formula.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from anncore.contract.arrays import Array
from anncore.contract.derivatives.operators import Operators
from anncore.contract.derivatives.overflow import large
from anncore.contract.derivatives.primitives import item, power, put_back, reshaped, spread, windows
from anncore.contract.derivatives.refusals import (
    Mistaken,
    Place,
    Underivable as Underivable,
    formula_place,
    name_of as name_of,
    refuse as refuse,
    refuse_out,
    refuse_values,
)

STAND_IN = 0.5  # within the domain of most functions

# How to record NumPy's functions and the methods of arrays; functions.py fills them.
FUNCTIONS: dict[Any, Callable[..., Any]] = {}
METHODS: dict[str, Callable[..., Any]] = {}


def alike(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return a read-only array of a shape and type, one number everywhere, in the memory of that number."""
    number = dtype.type(STAND_IN if dtype.kind == "f" else 0).tobytes()
    return np.ndarray(shape, dtype, number, 0, (0,) * len(shape))


class Node:
    """One array of a formula: `function(*args, **options)`, or an input if the function is None.

    args: nodes, and the constants between them. known: it depends on hyperparameters alone, and `value` is
    what it is for the component at hand. place: the instruction of the formula that made it, None for an
    input and for what is derived. large: whether it may overflow by an exponential.
    """

    __slots__ = (
        *("args", "dtype", "function", "index", "kind", "known", "large", "options", "place", "shape"),
        "value",
    )

    def __init__(
        self,
        function: Callable[..., Any] | None,
        args: tuple[Any, ...],
        options: tuple[tuple[str, Any], ...],
        like: Array,
        *,
        known: bool,
        place: Place | None = None,
    ) -> None:
        self.function, self.args, self.options = function, args, options
        self.shape, self.dtype = like.shape, like.dtype
        self.kind = self.shape, self.dtype.str
        self.known, self.large = known, large(function, args)
        self.value = like if known else None
        self.index = -1  # of an input
        self.place = place

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def stand_in(self) -> Array:
        """An array of this node's shape and dtype: its value if it is known, else one number everywhere."""
        if self.value is not None:
            return self.value
        return alike(self.shape, self.dtype)


class Graph:
    """The nodes of a formula; equal operations are one node.

    writing: whether the formula runs, whose lines the nodes then remember; False while gradients are derived.
    guards: the conditions under which a gradient of 0 stays 0: see `cotangents.times`.
    """

    shows_shapes = False  # whether a[0] may be taken of an array, to ask for the shape of one trial's part

    def __init__(self) -> None:
        self.inputs: list[Node] = []
        self.writing = True
        self.guards: set[Node] = set()
        self._nodes: dict[Any, Node] = {}

    def input(self, like: Any, known: bool = False) -> Symbol:
        """Return the symbol of an input of the shape and dtype of `like`; of a known one the value counts."""
        like = np.asarray(like) if known else alike(tuple(like.shape), like.dtype)
        node = Node(None, (), (), like, known=known)
        node.index = len(self.inputs)
        self.inputs.append(node)
        return Symbol(self, node)

    def record(self, function: Any, *args: Any, **options: Any) -> Any:
        """Return the symbol of a function of symbols and constants, all given as plain arguments."""
        if function in _RAISED and _of_trials(*args):
            function = power
        nodes: list[Any] = []
        marks: list[Any] = [function]
        known = True
        for arg in args:
            if isinstance(arg, Symbol):
                if arg.graph is not self:
                    raise refuse(name_of(function), "mixes two formulas")
                arg = arg.node
            nodes.append(arg)
            if isinstance(arg, Node):
                marks.append(arg)
                known = known and arg.known
            else:
                marks.append(_mark(arg))
        named = tuple((name, _mark(options[name])) for name in sorted(options)) if options else ()
        key = (*marks, *named)
        node = self._nodes.get(key)
        if node is None:
            node = self._nodes[key] = self._made(function, tuple(nodes), options, named, known=known)
        return Symbol(self, node)

    def _made(
        self, function: Any, nodes: tuple[Any, ...], options: Mapping[str, Any], named: Any, *, known: bool
    ) -> Node:
        """Return a new node; Mistaken if the operation fails for arrays of these shapes."""
        opaque = isinstance(function, Opaque)
        known = known and not opaque
        try:
            if opaque:
                like = function.like(*nodes)
            elif known:
                like = _result(function, nodes, options)
            else:
                like = _alike_result(function, nodes, options, named)
        except (ValueError, TypeError) as error:
            shapes = " and ".join(str(arg.shape) for arg in nodes if hasattr(arg, "shape"))
            refused = refuse(f"{name_of(function)} of shapes {shapes}", f"fails: {error}".strip())
            raise Mistaken(refused.what, refused.where) from None
        place = formula_place() if self.writing else None
        return Node(function, nodes, tuple(sorted(options.items())), like, known=known, place=place)

    def changed_by_options(self, ufunc: Any, inputs: Sequence[Any], options: dict[str, Any]) -> Any:
        """Return the symbol of a ufunc with options, such as out=; by default it is refused."""
        raise refuse_out(ufunc, options)

    def filled(self, function: Any, array: Symbol, *args: Any, **options: Any) -> Any:
        """Return what ones_like and the like give, which use the shape alone: a plain array."""
        return function(array.node.stand_in, *args, **options)

    @property
    def nodes(self) -> list[Node]:
        """All operations so far, each after its arguments."""
        return list(self._nodes.values())


_RAISED = (operator.pow, np.power)


def _of_trials(base: Any, exponent: Any) -> bool:
    """Tell whether arrays are raised to powers that are fewer numbers than they are."""
    shapes = [getattr(value, "shape", ()) for value in (base, exponent)]
    return bool(shapes[0]) and bool(shapes[1]) and shapes[0] != shapes[1]


_ALIKE: dict[Any, Array] = {}  # what operations on arrays of these shapes and types give
_MOST_ALIKE = 4096


def _alike_result(function: Any, args: Sequence[Any], options: Mapping[str, Any], named: Any) -> Array:
    """Return an array like the result of an operation, whose values do not count."""
    key = (function, *(_kind(arg) for arg in args), *named)
    like = _ALIKE.get(key)
    if like is None:
        shape = _shape(function, args, options)
        if shape is None:
            result = _result(function, args, options)
            shape, dtype = result.shape, result.dtype
        else:
            dtype = _dtype(function, args, options)
        if len(_ALIKE) >= _MOST_ALIKE:
            _ALIKE.clear()
        like = _ALIKE[key] = alike(shape, dtype)
    return like


def _kind(arg: Any) -> Any:
    """Return what the shape and type of a result depend on."""
    if isinstance(arg, Node):
        return arg.kind
    if isinstance(arg, (np.ndarray, np.generic)):
        return arg.shape, arg.dtype.str, "constant"
    return _mark(arg) if isinstance(arg, tuple) else type(arg)


def _result(function: Any, args: Sequence[Any], options: Mapping[str, Any]) -> Array:
    """Return the result of an operation on the values of its arguments, or on stand-ins for them."""
    values = [arg.stand_in if isinstance(arg, Node) else arg for arg in args]
    with np.errstate(all="ignore"):
        result = function(*values, **options)
    if not isinstance(result, (np.ndarray, np.generic)):
        raise refuse(name_of(function), "gives no array")
    return np.asarray(result)


def _shape(function: Any, args: Sequence[Any], options: Mapping[str, Any]) -> tuple[int, ...] | None:
    """Return the shape of a result where it is known without computing it."""
    if broadcasts(function):
        return _broadcast_shape(function, args)
    if function in (np.matmul, operator.matmul):
        return _product_shape([tuple(arg.shape) for arg in args])
    if function in (reshaped, spread, put_back):
        shape: tuple[int, ...] = options["shape"]
        return shape if function is not reshaped or math.prod(shape) == args[0].size else None
    return None


def _dtype(function: Any, args: Sequence[Any], options: Mapping[str, Any]) -> np.dtype[Any]:
    """Return the type of an operation's result."""
    if function in (reshaped, spread, put_back):
        first: np.dtype[Any] = args[0].dtype
        return first
    arrays = [isinstance(arg, (Node, np.ndarray)) for arg in args]
    axes = (1, 1) if function in (np.matmul, operator.matmul) else (1, 1, 1)
    values = [alike(axes, arg.dtype) if array else arg for arg, array in zip(args, arrays, strict=True)]
    return _result(function, values, options).dtype


_BROADCASTS: dict[Any, bool] = {}


def broadcasts(function: Any) -> bool:
    """Tell whether the arguments of a function are broadcast against each other."""
    if isinstance(function, Opaque):
        return False
    if function not in _BROADCASTS:
        _BROADCASTS[function] = _broadcasts(function)
    return _BROADCASTS[function]


def _broadcasts(function: Any) -> bool:
    if function in (np.where, np.clip, power):
        return True
    if isinstance(function, np.ufunc):
        return function.signature is None
    return getattr(function, "__module__", "") == "_operator" and function.__name__ != "matmul"


def _broadcast_shape(function: Any, args: Sequence[Any]) -> tuple[int, ...]:
    shapes = [arg.shape for arg in args if isinstance(arg, Node)]
    if any(len(shape) != len(shapes[0]) for shape in shapes):
        raise refuse(
            f"{name_of(function)} of arrays {' and '.join(map(str, shapes))}",
            "needs equally many axes: the trials are axis 0",
        )
    shapes += [arg.shape for arg in args if isinstance(arg, np.ndarray)]
    return shapes[0] if all(shape == shapes[0] for shape in shapes) else np.broadcast_shapes(*shapes)


def _product_shape(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    left, right = shapes
    if min(len(left), len(right)) < 2:
        raise refuse("a matrix product with a vector", "is not followed: give both two axes or more")
    if left[-1] != right[-2]:
        raise ValueError(
            f"a product of matrices {left} and {right}: {left[-1]} columns meet {right[-2]} rows"
        )
    return (*np.broadcast_shapes(left[:-2], right[:-2]), left[-2], right[-1])


class Opaque:
    """An operation of a formula whose inside is not recorded: called on arrays, with a rule of its own.

    No ABC, for the reason that `Operators` gives.
    """

    def __call__(self, *arrays: Array) -> Array:
        """Return the result for these arrays."""
        raise NotImplementedError

    def like(self, *args: Any) -> Array:
        """Return an array of the shape and type of its result."""
        raise NotImplementedError

    def rule(self, place: int) -> Callable[..., Any] | None:
        """Return the rule of one argument: see rules.py."""
        raise NotImplementedError

    def expression(self, algebra: Any, args: Sequence[Any]) -> Any:
        """Return it for printing, made by an Algebra from the expressions of its arguments."""
        raise NotImplementedError


def _mark(arg: Any) -> Any:
    """Return what is equal for equal constants of an operation."""
    if isinstance(arg, np.ndarray):
        return arg.shape, arg.dtype.str, arg.tobytes()
    if isinstance(arg, tuple):
        return tuple(map(_mark, arg))
    return type(arg).__name__, repr(arg)


def _in_place(function: Callable[[Any, Any], Any]) -> Any:
    def change(self: Symbol, other: Any) -> Any:
        return self._changed(function(self, _operand(other)))

    return change


def _operand(value: Any) -> Any:
    """Return an operand; a list becomes an array, as beside an array."""
    if isinstance(value, (Symbol, float, int)):
        return value
    return np.asarray(value) if isinstance(value, (list, tuple)) else sample_of(value)


def sample_of(value: Any) -> Any:
    """Return the value of a hyperparameter: while a kernel is traced, the sample that its symbol has."""
    if isinstance(value, Symbol) and value.node.value is not None:
        return value.node.value
    return getattr(value, "sample", value)


_READING: list[Array] | None = None


@contextmanager
def noting_reads() -> Iterator[list[Array]]:
    """Collect, in a list, the values of hyperparameters that formulas look at while they are recorded.

    What is recorded may be other for other values of these, as where a formula says `if self.rate > 0`.
    """
    global _READING
    before, _READING = _READING, []
    try:
        yield _READING
    finally:
        _READING = before


def has_read(among: Sequence[Array] | None = None) -> bool:
    """Tell whether a formula has looked at a hyperparameter, or at one among these, since `noting_reads`."""
    read = _READING or ()
    return bool(read) if among is None else any(one is array for one in read for array in among)


def _inputs_of(node: Node) -> list[Array]:
    """Return the values of the inputs that a known node is computed from."""
    if node.function is None:
        return [] if node.value is None else [node.value]
    return [value for arg in node.args if isinstance(arg, Node) for value in _inputs_of(arg)]


VIEWS: frozenset[Any] = frozenset((item, windows, spread, reshaped, np.transpose, np.flip))
"""Functions whose result shares memory with their argument."""


class Shape:
    """What a formula may know of one trial's part of an array, a[0]: its shape."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape, self.ndim, self.size = shape, len(shape), math.prod(shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getattr__(self, name: str) -> Any:
        raise refuse("an index of axis 0", "takes trials apart: write [:, ...] or [..., i]")


class Symbol(Operators):
    """An array of a formula whose values are not known: operators, NumPy's functions and array methods."""

    __array_priority__ = 1000.0

    def __init__(self, graph: Graph, node: Node, own: bool = False) -> None:
        self.graph, self.node = graph, node
        self.shape, self.dtype = node.shape, node.dtype
        self._own = own  # a copy, whose memory nobody else has

    def _apply(self, function: Any, *args: Any) -> Any:
        return self.graph.record(function, *map(_operand, args))

    __iadd__, __isub__ = _in_place(operator.add), _in_place(operator.sub)
    __imul__, __itruediv__ = _in_place(operator.mul), _in_place(operator.truediv)
    __ipow__, __imatmul__ = _in_place(operator.pow), _in_place(operator.matmul)

    def __pos__(self) -> Any:
        return self.copied()

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, int) and self.graph.shows_shapes and not self.node.known:
            return Shape(self.shape[1:])
        return self.graph.record(item, self, index=_index(index, self.node))

    def __setitem__(self, index: Any, value: Any) -> None:
        raise refuse("assignment to a part of an array", "cannot be followed: use np.where or np.concatenate")

    def _changed(self, result: Symbol) -> Symbol:
        """Become the result of an operation in place; whoever holds this symbol sees it, as with an array."""
        shared = self.node.function is None or self.node.function in VIEWS
        viewed = any(node.function in VIEWS and self.node in node.args for node in self.graph.nodes)
        if (shared and not self._own) or viewed:
            raise refuse(
                "an operation in place on an argument, on a part of an array, or on one with parts in use",
                "cannot be followed: use a = a + b",
            )
        if result.shape != self.shape or result.dtype != self.dtype:
            raise refuse(
                f"an operation in place that makes {self.shape} {self.dtype} {result.shape} {result.dtype}",
                "cannot be followed",
            )
        self.node = result.node
        return self

    def copied(self) -> Symbol:
        """Return a copy, which operations in place on this symbol leave as it is."""
        return Symbol(self.graph, self.node, own=True)

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Any:
        raise refuse_values(
            "iteration over an array runs over its first axis, the trials: take slices of another axis"
        )

    def _known(self) -> Any:
        if self.node.value is None:
            raise refuse_values()
        if _READING is not None:
            _READING.extend(_inputs_of(self.node))
        return self.node.value

    def __bool__(self) -> bool:
        return bool(self._known())

    def __float__(self) -> float:
        return float(self._known())

    def __int__(self) -> int:
        return int(self._known())

    def __index__(self) -> int:
        return operator.index(self._known().item())

    def __complex__(self) -> complex:
        return complex(self._known())

    def __array__(self, dtype: Any = None, copy: Any = None) -> Array:
        return np.asarray(self._known(), dtype)

    def __repr__(self) -> str:
        return f"Symbol(shape={self.shape}, dtype={self.dtype})"

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self.shape))

    @property
    def T(self) -> Any:
        """The transpose."""
        return np.transpose(self)

    @property
    def mT(self) -> Any:
        """The transpose of the last two axes."""
        return self.swapaxes(-1, -2)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or ufunc.nout != 1:
            raise refuse(f"{name_of(ufunc)}.{method}" if method != "__call__" else name_of(ufunc))
        if options:
            return self.graph.changed_by_options(ufunc, [*map(_operand, inputs)], options)
        return self.graph.record(ufunc, *map(_operand, inputs))

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        recorded = FUNCTIONS.get(function)
        if recorded is None:
            raise refuse(name_of(function))
        return recorded(*args, **options)

    def __getattr__(self, name: str) -> Any:
        method = METHODS.get(name)
        if method is None:
            if hasattr(np.ndarray, name) and not name.startswith("__"):
                raise refuse(f".{name} of an array")
            raise AttributeError(f"an array has no attribute {name!r}")
        return lambda *args, **options: method(self, *args, **options)


def _index(index: Any, node: Node) -> tuple[Any, ...]:
    """Return an index as a tuple; it must be plain, and leave the trials alone."""
    given = index if isinstance(index, tuple) else (index,)
    parts = tuple(np.asarray(part) if isinstance(part, list) else part for part in given)
    for part in parts:
        if isinstance(part, Symbol):
            raise refuse(
                "an index that depends on values", "cannot be followed: use np.where or one-hot sums"
            )
        if isinstance(part, np.ndarray) and part.dtype == bool:
            raise refuse("a boolean index", "cannot be followed: use np.where")
    first = parts[0] if parts else Ellipsis
    whole = isinstance(first, slice) and first == slice(None)
    behind = first is Ellipsis and sum(part is not None for part in parts[1:]) < len(node.shape)
    if not node.known and not whole and not behind:
        raise refuse("an index of axis 0", "takes trials apart: write [:, ...] or [..., i]")
    return parts
