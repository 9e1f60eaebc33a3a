"""The number of a step in formulas of optimizers, and the ways that they go by it.

A formula may ask something of t, as in `if t % self.k`, `t == 1` or `max(1, t - self.start)`. Then it goes
one of a few ways, and each way is a kernel of its own. While a way is recorded at one t, what was asked is
noted with the answer; all steps with the same answers go this way. Numbers made of t by the operations that
Python's numbers and IEEE's have in common are computed outside, and reach the kernel with each step.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.derivatives.refusals import formula_place
from anncore.contract.derivatives.symbols import Graph, Node, Symbol, alike
from anncore.contract.kinds import Array
from anncore.engine.lanes.nests import Unlowerable

MOST_WAYS = 8
EXACT = frozenset(
    (
        *(operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod),
        *(operator.gt, operator.ge, operator.lt, operator.le, operator.eq, operator.ne),
        *(operator.neg, operator.abs),
    )
)
"""What is computed of t outside of kernels; powers and functions are left to these."""

Compute = Callable[[Array], Array]
"""From the numbers of steps to numbers made of these."""


class Way(NamedTuple):
    """A way that a formula goes: what it asked and was answered, and the numbers it needs of each step."""

    asked: tuple[tuple[Compute, bool], ...] = ()
    numbers: tuple[Compute, ...] = (lambda steps: steps,)

    def goes(self, steps: Array) -> Array:
        """Return for each step whether the formula goes this way."""
        same = np.ones(len(steps), bool)
        for compute, answer in self.asked:
            same &= _computed(compute, steps).astype(bool) == answer
        return same

    def values(self, steps: Array) -> Array:
        """Return the numbers of each step, (steps, n)."""
        columns = [np.asarray(_computed(compute, steps), float) for compute in self.numbers]
        return np.stack(columns, axis=1) if columns else np.zeros((len(steps), 1))


class Asking:
    """What one recording asks of the number of its step.

    t: the step that it is recorded at.
    """

    def __init__(self, graph: Graph, dtype: Any, t: int) -> None:
        self.graph, self.dtype = graph, np.dtype(dtype)
        self._asked: list[tuple[Compute, bool]] = []
        self._inputs: dict[str, tuple[Node, Compute]] = {}
        self.step = Count(self, t, lambda steps: steps, "t")

    def answer(self, count: Count) -> bool:
        """Note that the formula asks whether a number holds, and return it."""
        self._asked.append((count.compute, bool(count.number)))
        return bool(count.number)

    def node(self, count: Count) -> Node:
        """Return the input of the graph that stands for a number made of the step's."""
        if count.text not in self._inputs:
            node = self.graph.input(alike((1, 1, 1), self.dtype)).node
            self._inputs[count.text] = node, count.compute
        node = self._inputs[count.text][0]
        if count.dtype == bool:
            truth: Node = self.graph.record(np.not_equal, Symbol(self.graph, node), 0.0).node
            return truth
        return node

    @property
    def nodes(self) -> list[Node]:
        """The inputs of the graph that each step fills."""
        return [node for node, _ in self._inputs.values()]

    @property
    def way(self) -> Way:
        """The way that the formula went."""
        return Way(tuple(self._asked), tuple(compute for _, compute in self._inputs.values()))


class Count(Symbol):
    """The number of a step, or one made of it; it answers questions, and beside arrays is one of them."""

    def __init__(self, asking: Asking, number: Any, compute: Compute, text: str) -> None:
        self._asking, self.number, self.compute, self.text = asking, number, compute, text
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
        computes = [arg.compute if isinstance(arg, Count) else arg for arg in args]

        def compute(steps: Array) -> Array:
            made = [_whole(one(steps)) if callable(one) else one for one in computes]
            result: Array = function(*made)
            return result

        texts = [arg.text if isinstance(arg, Count) else repr(arg) for arg in args]
        return Count(self._asking, function(*numbers), compute, f"{function.__name__}({', '.join(texts)})")

    # A number is not changed in place: it becomes another one.
    __iadd__, __isub__, __imul__ = Symbol.__add__, Symbol.__sub__, Symbol.__mul__
    __itruediv__, __ipow__ = Symbol.__truediv__, Symbol.__pow__

    def __bool__(self) -> bool:
        return self._asking.answer(self)

    def _known(self) -> Any:
        place = formula_place()
        where = "" if place is None else str(place)
        raise Unlowerable(f"the number of the step is used other than in arithmetic and comparisons{where}")


def _whole(numbers: Array) -> Array:
    """Return truth values as the numbers that they are for Python."""
    return numbers.astype(np.int64) if numbers.dtype == bool else numbers


def _computed(compute: Compute, steps: Array) -> Array:
    try:
        with np.errstate(divide="raise", invalid="raise"):
            return np.broadcast_to(compute(steps), steps.shape)
    except FloatingPointError:
        raise Unlowerable("a number of the step is divided by 0") from None
