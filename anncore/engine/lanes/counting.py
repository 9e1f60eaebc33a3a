"""The number of a step in formulas of optimizers, and the ways that they go by it.

A formula may ask something of t, as in `if t % self.k`, `t == 1` or `max(1, t - self.start)`. Then it goes
one of a few ways, and each way is a kernel of its own. While a way is recorded at one t, what was asked is
noted with the answer; all steps with the same answers go this way. Numbers made of t by the operations that
Python's numbers and IEEE's have in common are computed outside, and reach the kernel with each step.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.derivatives.refusals import formula_place
from anncore.contract.derivatives.symbols import Graph, Node, Symbol, alike
from anncore.contract.kinds import Array
from anncore.engine.lanes.nests import Unlowerable

MOST_WAYS = 8
EXACT: dict[Any, str] = {
    function: function.__name__
    for function in (
        *(operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod),
        *(operator.gt, operator.ge, operator.lt, operator.le, operator.eq, operator.ne),
        *(operator.neg, operator.abs),
    )
}
"""What is computed of t outside of kernels; powers and functions are left to these."""
NAMED = {name: function for function, name in EXACT.items()}

Expression = Any
"""A number made of the step's: STEP, a plain number, or a tuple of an operation's name and its arguments.
Plain data, as ways are kept on disk."""
STEP = "t"
EXACTLY = 2**53
"""Below it whole numbers of Python, of 64 bits and of float64 are the same."""


class Way(NamedTuple):
    """A way that a formula goes: what it asked and was answered, and the numbers it needs of each step."""

    asked: tuple[tuple[Expression, bool], ...] = ()
    numbers: tuple[Expression, ...] = (STEP,)

    def goes(self, steps: Array) -> Array:
        """Return for each of S steps, (S,), whether the formula goes this way."""
        same = np.ones(len(steps), bool)
        for expression, answer in self.asked:
            same &= _computed(expression, steps, bool) == answer
        return same

    def values(self, steps: Array) -> Array:
        """Return the numbers of each of S steps, (S, n)."""
        if self.numbers == (STEP,):
            return steps.astype(float)[:, None]
        columns = [_computed(one, steps, float) for one in self.numbers]
        return np.stack(columns, axis=1) if columns else np.zeros((len(steps), 1))


class Asking:
    """What one recording asks of the number of its step.

    t: the step that it is recorded at.
    """

    def __init__(self, graph: Graph, dtype: Any, t: int) -> None:
        self.graph, self.dtype = graph, np.dtype(dtype)
        self._asked: list[tuple[Expression, bool]] = []
        self._inputs: dict[Expression, Node] = {}
        self.step = Count(self, t, STEP)

    def answer(self, count: Count) -> bool:
        """Note that the formula asks whether a number holds, and return it."""
        self._asked.append((count.expression, bool(count.number)))
        return bool(count.number)

    def node(self, count: Count) -> Node:
        """Return the input of the graph that stands for a number made of the step's."""
        if count.expression not in self._inputs:
            self._inputs[count.expression] = self.graph.input(alike((1, 1, 1), self.dtype)).node
        node = self._inputs[count.expression]
        if count.dtype == bool:
            truth: Node = self.graph.record(np.not_equal, Symbol(self.graph, node), 0.0).node
            return truth
        return node

    @property
    def nodes(self) -> list[Node]:
        """The inputs of the graph that each step fills."""
        return list(self._inputs.values())

    @property
    def way(self) -> Way:
        """The way that the formula went."""
        return Way(tuple(self._asked), tuple(self._inputs))


class Count(Symbol):
    """The number of a step, or one made of it; it answers questions, and beside arrays is one of them."""

    def __init__(self, asking: Asking, number: Any, expression: Expression) -> None:
        self._asking, self.number, self.expression = asking, number, expression
        self.graph, self.shape, self._own = asking.graph, (1, 1, 1), True
        self.dtype = np.dtype(bool) if isinstance(number, bool) else asking.dtype

    @property
    def node(self) -> Node:  # type: ignore[override]
        """The input of the graph that it is."""
        return self._asking.node(self)

    def _apply(self, function: Any, *args: Any) -> Any:
        if function not in EXACT or not all(isinstance(arg, (Count, int, float)) for arg in args):
            return super()._apply(function, *args)
        numbers = [arg.number if isinstance(arg, Count) else arg for arg in args]
        parts = [arg.expression if isinstance(arg, Count) else arg for arg in args]
        return Count(self._asking, function(*numbers), (EXACT[function], *parts))

    # A number is not changed in place: it becomes another one.
    __iadd__, __isub__, __imul__ = Symbol.__add__, Symbol.__sub__, Symbol.__mul__
    __itruediv__, __ipow__ = Symbol.__truediv__, Symbol.__pow__

    def __bool__(self) -> bool:
        return self._asking.answer(self)

    def _known(self) -> Any:
        place = formula_place()
        where = "" if place is None else str(place)
        raise Unlowerable(f"the number of the step is used other than in arithmetic and comparisons{where}")


def _computed(expression: Expression, steps: Array, kind: type) -> Array:
    """Return an expression's numbers at steps, as such numbers."""
    try:
        with np.errstate(divide="raise", invalid="raise"):
            return np.broadcast_to(np.asarray(_value(expression, steps)).astype(kind), steps.shape)
    except (FloatingPointError, ZeroDivisionError):
        raise Unlowerable("a number of the step is divided by 0") from None
    except OverflowError:
        raise Unlowerable("a number of the step is larger than any float") from None


def _value(expression: Expression, steps: Array) -> Any:
    if not isinstance(expression, tuple):
        return steps if expression == STEP else expression
    name, *parts = expression
    args = [_value(part, steps) for part in parts]
    # Truth values are numbers for Python.
    args = [np.asarray(arg, np.int64) if np.asarray(arg).dtype == bool else arg for arg in args]
    if _needs_python(name, args):
        args = [arg.astype(object) if isinstance(arg, np.ndarray) else arg for arg in args]
    return NAMED[name](*args)


def _needs_python(name: str, args: Sequence[Any]) -> bool:
    """Tell whether an operation of whole numbers may leave those that NumPy computes with exactly."""
    kinds = [np.asarray(arg).dtype.kind for arg in args]
    if "O" in kinds:  # also what is too large for 64 bits
        return True
    if any(kind not in "iu" for kind in kinds):
        return False
    sizes = [max(abs(int(np.min(arg))), abs(int(np.max(arg)))) for arg in args if np.size(arg)]
    bound = math.prod(sizes) if name == "mul" else sum(sizes)
    return bound >= EXACTLY
