"""The blocks of a learning rule: what it lets the optimizer descend in place of a gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from anncore.contract.kinds import Array
from anncore.engine.explaining.quantities import given_of
from anncore.engine.explaining.sheet import Block, Lookup
from anncore.engine.explaining.step import ObservedStep


def rule_blocks(step: ObservedStep, array_block: Callable[..., Block]) -> Iterator[Block]:
    """Yield for each weight what the rule gives, from the last weight to the first.

    A rule gives its numbers together and not each by a formula, so every number is computed by the rule
    itself from weights, inputs and targets that are looked up. array_block: makes the block of an array that
    is shaped like a weight.
    """
    network = step.stack.network
    rule = _Rule(step)
    for name in reversed(list(step.gradients)):
        block = array_block(
            name, f"d{name}", f"what {network.component.name} gives for {name}", step.gradients[name]
        )
        rows, columns = step.gradients[name].shape
        places = [(row, column) for row in range(rows) for column in range(columns)]
        if step.question.transposed and len(block.shape) == 2:
            places.sort(key=lambda place: place[1])  # as they are printed, unit by unit
        lines = [
            replace(
                line,
                words=f"by the rule of {network.component.name}",
                recipe=partial(rule.direction, name=name, row=row, column=column),
                reads=rule.reads,
            )
            for line, (row, column) in zip(block.lines, places, strict=True)
        ]
        yield replace(block, lines=lines)


class _Rule:
    """A network's rule, run once more on the shown example's numbers as they are looked up."""

    def __init__(self, step: ObservedStep) -> None:
        self._step = step
        k = step.question.example
        specs = {spec.name: spec for spec in step.stack.network.specs}
        givens = {name: given_of(specs[name], step.question.transposed) for name in step.before}
        self._names = {
            name: [givens[name].name(row, column) for row, column in np.ndindex(*array.shape)]
            for name, array in step.before.items()
        }
        self._x = [f"x[{c + 1}]" for c in range(step.x.shape[1])]
        self._y = [f"y[{c + 1}]" for c in range(step.y.shape[1])]
        self._k = k
        self.reads = (*self._x, *self._y, *(name for names in self._names.values() for name in names))

    def direction(self, lookup: Lookup, name: str, row: int, column: int) -> float:
        """Return one number that the rule gives."""
        step = self._step
        dtype = step.x.dtype
        weights = {spec: array.copy() for spec, array in step.traced.inputs.weights.items()}
        for weight, names in self._names.items():
            weights[weight][0] = np.reshape([lookup(one) for one in names], weights[weight].shape[1:])
        x, y = step.x[None].copy(), step.y[None].copy()
        x[0, self._k] = [lookup(one) for one in self._x]
        y[0, self._k] = [lookup(one) for one in self._y]
        grads: dict[str, Array] = {
            weight: np.zeros((1, *array.shape), dtype) for weight, array in step.gradients.items()
        }
        now = (step.question.step, step.steps)
        step.stack.network.learn(weights, x, y, grads, now=now)
        return float(grads[name][0, row, column])
