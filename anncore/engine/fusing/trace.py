"""Tracing: run a formula once on symbols, and record its elementwise operations as a graph.

A formula is a component's method, written in plain NumPy. Its arrays (T, N, D) become `Big` symbols, its
hyperparameters (T, 1, 1) and the step number `Small` ones. Operations are recorded for `emit`. NumPy computes
functions of small symbols, other than arithmetic, at every call. An operation that is not elementwise, or
that needs a value, raises Unfusable: the formula is then called as it is written.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from anncore.contract.derivatives.operators import Operators
from anncore.contract.derivatives.primitives import power
from anncore.contract.errors import RAISED_BY_PLUGINS
from anncore.contract.kinds import Array


class Unfusable(Exception):
    """The formula cannot be written as a loop over its numbers."""


@dataclass(frozen=True, eq=False)
class Node:
    """One value per place of the arrays.

    op: "input" (value: its index), "small" (value: a Small), "const" (value: a number), "call" (value: a
    function that kernels do not have, called with `out`), or an operation of `emit`. single: it is one number
    per trial, and computed once for each.
    """

    op: str
    args: tuple[Node, ...] = ()
    value: Any = None
    boolean: bool = False
    single: bool = False


OPERATIONS: dict[Any, str] = {
    np.add: "add",
    np.subtract: "subtract",
    np.multiply: "multiply",
    np.true_divide: "divide",
    np.negative: "negative",
    np.absolute: "absolute",
    np.fabs: "absolute",
    np.sqrt: "sqrt",
    np.sign: "sign",
    np.maximum: "maximum",
    np.minimum: "minimum",
    np.greater: "greater",
    np.greater_equal: "greater_equal",
    np.less: "less",
    np.less_equal: "less_equal",
    np.equal: "equal",
    np.not_equal: "not_equal",
    np.logical_and: "and",
    np.logical_or: "or",
    np.bitwise_and: "and",
    np.bitwise_or: "or",
    np.logical_not: "not",
    np.invert: "not",
}
COMPARISONS = ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal")
LOGICAL = ("and", "or", "not")


@dataclass
class Graph:
    """The operations of a formula, from big inputs of these shapes to `outputs`."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    inputs: list[tuple[int, ...]] = field(default_factory=list)
    outputs: list[Node] = field(default_factory=list)
    _known: dict[Any, Node] = field(default_factory=dict)

    def node(self, op: str, args: tuple[Node, ...] = (), value: Any = None, boolean: bool = False) -> Node:
        """Return the node of an operation, the same one for the same operation."""
        mark = id(value) if op == "small" else (type(value).__name__, repr(value))
        key = (op, tuple(map(id, args)), mark)
        if key not in self._known:
            single = op in ("small", "const") or (bool(args) and all(arg.single for arg in args))
            self._known[key] = Node(op, args, value, boolean, single and op != "call")
        return self._known[key]

    def input(self, array: Array) -> Big:
        """Return the symbol of an array."""
        if array.dtype != self.dtype:
            raise Unfusable
        self.inputs.append(array.shape)
        return Big(self, self.node("input", value=len(self.inputs) - 1), array.shape)


class _Symbol:
    """Refuses every operation that needs a value."""

    def _refuse(self, *_: Any) -> Any:
        raise Unfusable

    __bool__ = __float__ = __int__ = __index__ = __len__ = __iter__ = __getitem__ = __setitem__ = _refuse
    __array__ = _refuse
    __hash__ = object.__hash__

    def __getattr__(self, name: str) -> Any:
        raise Unfusable(name)


class _Arithmetic(Operators, _Symbol):
    """Operators and NumPy's functions, recorded by `_apply`."""

    def __pos__(self) -> Any:
        return self

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **named: Any) -> Any:
        if method != "__call__" or named:
            raise Unfusable
        # With a real array on the left NumPy's ** comes here, which has methods of its own.
        if ufunc is np.power and isinstance(inputs[0], np.ndarray):
            raise Unfusable
        big = next((value for value in inputs if isinstance(value, Big)), None)
        return (self if big is None else big)._apply(ufunc, *inputs)

    def __array_function__(self, function: Any, types: Any, inputs: Any, named: Any) -> Any:
        if named or function not in (np.where, np.clip):
            raise Unfusable
        big = next((value for value in inputs if isinstance(value, Big)), None)
        return (self if big is None else big)._apply(function, *inputs)


class Small(_Arithmetic):
    """A number per trial, (T, 1, 1), or the step number: `function` of `args`, or a leaf if it is None.

    sample: its value while tracing. varying: whether it may differ at the next call.
    """

    def __init__(self, sample: Any, function: Any = None, args: tuple[Any, ...] = (), varying: bool = False):
        self.sample, self.function, self.args, self.varying = sample, function, args, varying

    def _apply(self, function: Any, *args: Any) -> Any:
        if any(isinstance(arg, Big) for arg in args):
            return NotImplemented
        smalls = [arg for arg in args if isinstance(arg, Small)]
        sample = function(*(arg.sample if isinstance(arg, Small) else arg for arg in args))
        return Small(sample, function, args, any(small.varying for small in smalls))

    @property
    def shape(self) -> Any:
        """The value of the sample."""
        return self.sample.shape

    @property
    def dtype(self) -> Any:
        """The value of the sample."""
        return self.sample.dtype


class Big(_Arithmetic):
    """An array of the formula: (T, N, D); an axis of length 1 is broadcast."""

    __array_priority__ = 1000

    def __init__(self, graph: Graph, node: Node, shape: tuple[int, ...]) -> None:
        self.graph, self.node = graph, node
        self.shape = shape
        self.ndim = len(shape)
        self.dtype = np.dtype(bool) if node.boolean else graph.dtype

    def clip(self, low: Any, high: Any) -> Any:
        """Record np.clip."""
        return self._apply(np.clip, self, low, high)

    def astype(self, dtype: Any) -> Big:
        """Record truth values as 0 and 1; kernels have no types besides the formula's."""
        if np.dtype(dtype) != self.graph.dtype:
            raise Unfusable
        if not self.node.boolean:
            return self
        return Big(self.graph, self.graph.node("cast", (self.node,)), self.shape)

    def _apply(self, function: Any, *args: Any) -> Any:
        graph = self.graph
        if function is operator.pow:
            return self._power(*args)
        function = _UFUNCS.get(function, function)
        shape = np.broadcast_shapes(*map(_shape, args))
        nodes = [_node(graph, arg) for arg in args]
        if function is np.clip:
            low, high = nodes[1:]
            inner = graph.node("clip_low", (nodes[0], low))
            return Big(graph, graph.node("clip_high", (inner, high)), shape)
        if function is np.where:
            condition, *values = nodes
            if (
                not condition.boolean
                or any(value.boolean for value in values)
                or all(value.op == "const" for value in values)
            ):
                raise Unfusable
            return Big(graph, graph.node("where", tuple(nodes)), shape)
        if function is np.square:
            return Big(graph, graph.node("multiply", (nodes[0], nodes[0])), shape)
        if function is np.reciprocal:
            return Big(graph, graph.node("divide", (_node(graph, 1.0), nodes[0])), shape)
        op = OPERATIONS.get(function)
        if function is np.power and isinstance(args[1], Small):
            return self._called(_raised, nodes, shape)
        if op is None:
            kind = graph.dtype.char
            if f"{kind * len(nodes)}->{kind}" not in getattr(function, "types", ()):
                raise Unfusable
            return self._called(function, nodes, shape)
        if op in LOGICAL and not all(node.boolean for node in nodes):
            raise Unfusable
        if op not in LOGICAL and any(node.boolean for node in nodes):
            # NumPy turns truth values into integers, and these into float64 unless beside floats.
            real = [node for node in nodes if not node.boolean and node.op != "const"]
            if len(nodes) < 2 or not real:
                raise Unfusable
        boolean = op in COMPARISONS or op in LOGICAL
        return Big(graph, graph.node(op, tuple(nodes), boolean=boolean), shape)

    def _called(self, function: Callable[..., Any], nodes: Sequence[Node], shape: tuple[int, ...]) -> Big:
        """Record a function that kernels do not have."""
        if any(node.boolean for node in nodes):
            raise Unfusable
        return Big(self.graph, self.graph.node("call", tuple(nodes), function), shape)

    def _power(self, base: Any, exponent: Any) -> Any:
        """Record **; for some exponents that are plain numbers, NumPy has methods of its own."""
        if base is self and type(exponent) in (int, float):
            if exponent == 2:
                return self * self
            if exponent == 0.5:
                return np.sqrt(self)
            if exponent == -1:
                return 1.0 / self
            if exponent in (0, 1):
                raise Unfusable
        nodes = [_node(self.graph, value) for value in (base, exponent)]
        plain = type(base if base is not self else exponent) in (int, float)
        shape = np.broadcast_shapes(_shape(base), _shape(exponent))
        return self._called(np.power if plain else _raised, nodes, shape)


def _raised(base: Any, exponent: Any, out: Array) -> None:
    """Write base ** exponent."""
    out[...] = power(base, exponent)


_UFUNCS: dict[Any, Any] = {
    operator.add: np.add,
    operator.sub: np.subtract,
    operator.mul: np.multiply,
    operator.truediv: np.true_divide,
    operator.floordiv: np.floor_divide,
    operator.mod: np.remainder,
    operator.neg: np.negative,
    operator.abs: np.absolute,
    operator.gt: np.greater,
    operator.lt: np.less,
    operator.ge: np.greater_equal,
    operator.le: np.less_equal,
    operator.eq: np.equal,
    operator.ne: np.not_equal,
    operator.and_: np.bitwise_and,
    operator.or_: np.bitwise_or,
    operator.invert: np.invert,
}


def _shape(value: Any) -> tuple[int, ...]:
    if isinstance(value, Big):
        return value.shape
    return np.shape(value.sample if isinstance(value, Small) else value)


def _node(graph: Graph, value: Any) -> Node:
    """Return the node of an operand, converted as NumPy would beside an array of the graph's dtype."""
    if isinstance(value, Big):
        if value.graph is not graph:
            raise Unfusable
        return value.node
    if isinstance(value, Small):
        if isinstance(value.sample, np.ndarray):
            if value.sample.dtype != graph.dtype or value.sample.shape != (graph.shape[0], 1, 1):
                raise Unfusable
            return _per_trial(graph, value) if value.varying else graph.node("small", value=value)
        if value.varying:
            return graph.node("small", value=value)  # computed from the step number: the same for all trials
        value = value.sample
    if isinstance(value, np.ndarray):
        if value.dtype != graph.dtype or value.shape != (graph.shape[0], 1, 1):
            raise Unfusable
        return graph.node("small", value=Small(value.copy()))
    if isinstance(value, np.generic):
        if np.result_type(value.dtype, graph.dtype) != graph.dtype:
            raise Unfusable
        value = value.item()
    if type(value) not in (int, float):
        raise Unfusable
    return graph.node("const", value=float(graph.dtype.type(value)))


def _per_trial(graph: Graph, value: Small) -> Node:
    """Return the node of a varying value per trial: the kernel does arithmetic, NumPy all else."""
    function = value.function
    if function is operator.pow and type(value.args[1]) in (int, float) and isinstance(value.args[0], Small):
        # NumPy's ** uses these methods too.
        if value.args[1] == 2:
            function, value = np.multiply, Small(value.sample, args=(value.args[0],) * 2)
        elif value.args[1] == 0.5:
            function, value = np.sqrt, Small(value.sample, args=value.args[:1])
    op = OPERATIONS.get(_UFUNCS.get(function, function))
    if op is None or op in COMPARISONS or op in LOGICAL:
        return graph.node("small", value=value)
    return graph.node(op, tuple(_node(graph, arg) for arg in value.args))


def trace(formula: Callable[..., Any], graph: Graph, arrays: Sequence[Array]) -> Any:
    """Return the result of `formula` for symbols of these arrays; any error becomes Unfusable."""
    try:
        return formula(*(graph.input(array) for array in arrays))
    except Unfusable:
        raise
    except RAISED_BY_PLUGINS as error:
        raise Unfusable from error
