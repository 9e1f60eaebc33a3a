"""Where the backward pass begins: the gradient of the loss by the output's pre-activations, as a formula."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anncore.contract.derivatives import primitives
from anncore.contract.derivatives.pullback import one_per_trial, traced
from anncore.contract.derivatives.reverse import gradients, ordered
from anncore.contract.derivatives.symbols import Node, Symbol
from anncore.contract.kinds import Array
from anncore.engine.explaining.quantities import as_scalars
from anncore.engine.explaining.scalars import LONGEST, Scalar, TooLong, merged, scalar
from anncore.engine.explaining.step import ObservedStep

EXACT = {"float64": 1e-9, "float32": 1e-4}  # how well a formula must give the numbers of the whole batch


class Name:
    """The name of one number, and of the array that it belongs to."""

    def __init__(self, full: str, base: str = "") -> None:
        self.full, self.base = full, base or full.partition("[")[0]

    def name(self, row: int, column: int) -> str:
        """Return the name of the number."""
        return self.full


def named(value: float, name: str, base: str = "") -> Scalar:
    """Return a number under a name of its own."""
    return Scalar.named(value, Name(name, base), 0, 0)


def weight_of(weights: Array, example: int) -> Scalar:
    """Return the weight of an example, from 0, under its name."""
    return named(weights[example], f"weight({example + 1})", "weight")


def factors(pair: Any, z: Array, y: Array) -> tuple[Array, Array | None]:
    """Return dL/da and the slope of the output activation, None where it is no function of each z alone."""
    a = pair.activation.forward(z)
    ones = np.ones_like(a)
    twice = ones.copy()
    twice[:, :, ::2] = 2  # an elementwise result doubles exactly
    slopes = pair.activation.backward(ones, z, a)
    alone = (pair.activation.backward(twice, z, a) == twice * slopes).all()
    return pair.loss.grad(a, y), slopes if alone else None


def loss_formula(pair: Any, output: Array, target: Array) -> Scalar | None:
    """Return the loss of named predictions and targets, (1, 1, D), by its own formula, or None.

    Raises TooLong for a formula that cannot be shown.
    """
    try:
        value = np.asarray(pair.loss.value(output, target)).ravel()[0]
    except TooLong:
        raise
    except Exception:  # a plain number among names, such as a bound, which NumPy then has no function of
        try:
            traced_loss = _traced(pair, output, target)
            value = traced_loss.run(traced_loss.made.node).ravel()[0]
        except TooLong:
            raise
        except Exception:  # any formula of a plugin: without its names the number stands alone
            return None
    return shown(value) if isinstance(value, Scalar) else None


def slope_formula(pair: Any, output: Array, target: Array) -> Array | None:
    """Return dL/da of named predictions and targets, (D,), by the derivative that is derived, or None.

    Raises TooLong for a formula that cannot be shown.
    """
    try:
        loss = _traced(pair, output, target)
        [part] = gradients(loss.made, one_per_trial(loss.made, loss.output), [loss.output])
        if not isinstance(part, Symbol):
            return None
        slopes = loss.run(part.node)
    except TooLong:
        raise
    except Exception:  # any formula of a plugin: without its names the numbers stand alone
        return None
    if slopes.shape != output.shape:
        return None
    return np.array([shown(scalar(one)) for one in slopes.ravel()], object)


def shown(formula: Scalar) -> Scalar:
    """Return a formula that is short enough to be shown; raises TooLong for another one."""
    if formula.size > LONGEST:
        raise TooLong(f"a formula of {formula.size:,} operations and names")
    return formula


@dataclass(frozen=True)
class _TracedLoss:
    """The graph of a loss. made: its value. output: its predictions. values: those of the graph's inputs."""

    made: Any
    output: Any
    values: dict[Node, Any]

    def run(self, last: Node) -> Array:
        """Return what a node of the graph comes to, made of named numbers."""
        values = dict(self.values)
        for node in ordered([last]):
            if node in values:
                continue
            assert node.function is not None
            args = [values[arg] if isinstance(arg, Node) else arg for arg in node.args]
            cast = node.function is primitives.cast
            value = np.asarray(args[0] if cast else node.function(*args, **dict(node.options)))
            if value.dtype == object and node.dtype.kind == "f":  # a choice may leave plain numbers in it
                value = as_scalars(value)
            values[node] = value
        return np.asarray(values[last])


def _traced(pair: Any, output: Array, target: Array) -> _TracedLoss:
    def value(loss: Any, a: Any, y: Any) -> Any:
        return loss.value(a, y)

    plain = [np.array([[[float(one) for one in array[0, 0]]]]) for array in (output, target)]
    graph, symbols, made, _ = traced(pair.loss, value, plain)
    values: dict[Node, Any] = {node: node.value for node in graph.inputs if node.known}
    values |= {symbols[0].node: output, symbols[1].node: target}
    return _TracedLoss(made, symbols[0], values)


class OutputSlope:
    """How each delta of the output is made: a formula, or words.

    Of many losses with their natural output it is (a - y) times a constant, and the example's weight. Whether
    that is so is seen in the numbers of the whole batch, so it is never said of a loss for which it does not
    hold. Otherwise it is dL/da times the slope of the output activation; by_a and slopes are these factors,
    by output unit, and by_a_formulas how the first is made, None where that could not be followed.
    outputs: the names of the output's z.
    """

    def __init__(self, step: ObservedStep, pair: Any, outputs: Sequence[str]) -> None:
        self._step, self._pair = step, pair
        self._names = [name[1:] for name in outputs]
        self._a = pair.activation.forward(step.z[None])[0]
        self._weights = np.ones((len(step.x), 1)) if step.weights is None else step.weights[:, None]
        self._share = self._constant()
        self.by_a: list[Scalar] = []
        self.slopes: list[Scalar] = []
        self.by_a_formulas: Array | None = None
        self.too_long = False  # whether these would be longer than can be shown
        if self._share is None:
            self._split()

    @property
    def chained(self) -> bool:
        """Whether a delta is dL/da times a slope."""
        return bool(self.slopes)

    def formula(self, column: int) -> Any:
        """Return the formula of a unit's delta, or words."""
        step, k = self._step, self._step.question.example
        if self._share is not None:
            above, below = self._share
            difference = named(self._a[k, column], f"a{self._names[column]}") - named(
                step.y[k, column], f"y[{column + 1}]"
            )
            return self._weighted(Scalar(above) * difference / Scalar(below))
        if self.chained:
            return self.by_a[column] * self.slopes[column]
        return f"slope of {self._pair.loss.name} through {self._pair.activation.name}"

    def _weighted(self, slope: Scalar) -> Scalar:
        """Return a slope of the example times its weight, where it has one."""
        weights, k = self._step.weights, self._step.question.example
        return slope if weights is None else weight_of(weights, k) * slope

    def _constant(self) -> tuple[int, int] | None:
        """Return c as a fraction where delta = c (a - y), else None."""
        step, a = self._step, self._a
        count, outputs = step.seed.shape
        if a.shape != step.y.shape:
            return None
        for above, below in ((1, count), (2, count), (1, count * outputs), (2, count * outputs)):
            wanted = self._weights * above * (a - step.y) / below
            if np.allclose(step.seed, wanted, rtol=EXACT[step.seed.dtype.name], atol=1e-12):
                return above, below
        return None

    def _split(self) -> None:
        step, k = self._step, self._step.question.example
        by_a, slopes = factors(self._pair, step.z[None], step.y[None])
        if slopes is None or slopes.shape != by_a.shape:
            return
        by_a, seed = by_a * self._weights, step.seed
        if not np.allclose((by_a * slopes)[0], seed, rtol=EXACT[seed.dtype.name], atol=1e-12):
            return  # a guard of the loss, which its joint form does not need
        self.by_a_formulas = self._by_a(by_a[0, k])
        for column, name in enumerate(self._names):
            base = name.partition("[")[0]
            self.by_a.append(named(by_a[0, k, column], f"da{name}", f"da{base}"))
            self.slopes.append(named(slopes[0, k, column], f"f'(z{name})", f"f'(z{base})"))

    def _by_a(self, by_a: Array) -> Array | None:
        """Return the formulas of dL/da, where they give the numbers of the step."""
        try:
            slopes = slope_formula(self._pair, *self.named_example())
        except TooLong:
            self.too_long = True
            return None
        if slopes is None:
            return None
        made = np.array([self._weighted(merged(one) / len(self._step.x)) for one in slopes], object)
        values = [one.value for one in made]
        sound = np.allclose(values, by_a, rtol=EXACT[by_a.dtype.name], atol=1e-12)
        return made if sound else None

    def named_example(self) -> tuple[Array, Array]:
        """Return predictions and targets of the shown example under their names, (1, 1, D) each."""
        k = self._step.question.example
        a, y = self._a[k], self._step.y[k]
        output, target = np.empty((1, 1, len(a)), object), np.empty((1, 1, len(y)), object)
        output[0, 0] = [named(value, f"a{name}") for value, name in zip(a, self._names, strict=True)]
        target[0, 0] = [named(value, f"y[{c + 1}]") for c, value in enumerate(y)]
        return output, target
