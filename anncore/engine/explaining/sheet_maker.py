"""The sheet of a step, as it is written by hand: what is given, both passes, the loss, the update."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from anncore.contract.kinds import Array
from anncore.engine.explaining.loss_blocks import LossBlocks
from anncore.engine.explaining.loss_slope import named
from anncore.engine.explaining.pass_blocks import PassBlocks
from anncore.engine.explaining.quantities import given_of, is_matrix
from anncore.engine.explaining.rule_blocks import rule_blocks
from anncore.engine.explaining.scalars import Scalar, names_in, scalar
from anncore.engine.explaining.sheet import Block, Line, Sheet, Stage, line_of, row_block, whole_formula
from anncore.engine.explaining.step import ObservedStep
from anncore.engine.explaining.update import StateArray, updates

LARGEST = 120  # operations and names in the formula of a new weight; of a longer one the change is shown
ROLES = {"weight": "weights", "bias": "biases", "gain": "gains"}


def make_sheet(step: ObservedStep) -> Sheet:
    """Return the sheet of an observed step."""
    return _SheetMaker(step).sheet()


class _SheetMaker:
    def __init__(self, step: ObservedStep) -> None:
        self.step, self.traced = step, step.traced
        self.k, self.count = step.question.example, len(step.x)
        self.specs = {spec.name: spec for spec in step.stack.network.specs}
        self.passes = PassBlocks(step)
        self.losses = LossBlocks(step, self.passes)

    def sheet(self) -> Sheet:
        stages = [
            Stage("given", "What is given", list(self._given())),
            Stage("forward", "Forward pass", list(self._forward())),
            Stage("loss", "Loss", list(self.losses.losses())),
            Stage("backward", "Backward pass", list(self._backward())),
            Stage("gradients", *self._directions()),
            Stage("update", "Update", list(self._update())),
        ]
        return Sheet([stage for stage in stages if stage.blocks], self._components())

    def _components(self) -> dict[str, Any]:
        components: dict[str, Any] = {}
        for quantity in self.traced.forward:
            if quantity.call is not None:
                component = quantity.call.activation.runs[0].component
                components.setdefault(f"activation:{component.name}", component)
        components.setdefault(f"activation:{self.losses.pair.activation.name}", self.losses.pair.activation)
        components["loss"] = self.losses.pair.loss
        if self.step.stack.network.learns:
            components["network"] = self.step.stack.network.component
        components["optimizer"] = self.step.optimizer
        return components

    def _given(self) -> Iterator[Block]:
        x, y = self.step.x[self.k], self.step.y[self.k]
        title = "inputs" if self.count == 1 else f"inputs of example {self.k + 1} of {self.count}"
        yield row_block("x", title, x)
        yield row_block("y", "target" if len(y) == 1 else "targets", y)
        if self.step.weights is not None:
            title = "weight of each example; 1 on average over all"
            weights = [Line(f"weight({n + 1})", float(value)) for n, value in enumerate(self.step.weights)]
            yield Block("weight", title, (self.count,), weights)
        for name, array in self.step.before.items():
            yield self._array(name, name, ROLES.get(self.specs[name].role, ""), array)
        for name in self._states():
            array = self.traced.inputs.weights[name][0]
            yield self._array(name, name, "state of the network", array)
        for quantity in updates(self.step).before:
            yield self._state(quantity, "state of the optimizer before the step")

    def _states(self) -> list[str]:
        """Return the states of the network that a formula of the step reads, such as a mask."""
        formulas = [quantity.formulas for quantity in (*self.traced.forward, *self.traced.backward)]
        formulas += self.traced.by_weight.values()
        first = [array.flat[0] for array in formulas if array is not None and array.size]
        read = {atom.args[0].base for one in first for atom in names_in(scalar(one))}
        return [spec.name for spec in self.specs.values() if spec.role == "state" and spec.name in read]

    def _array(
        self, spec: str, base: str, title: str, array: Array, made: Any = None, formula: str = ""
    ) -> Block:
        """Return the block of an array shaped like a weight; `made` gives formula or words by place."""
        matrix = is_matrix(self.specs[spec])
        turned = matrix and self.step.question.transposed
        shown = array.T if turned else array
        lines = []
        for r, c in np.ndindex(*shown.shape):
            name = f"{base}[{r + 1},{c + 1}]" if matrix else f"{base}[{c + 1}]"
            value = float(shown[r, c])
            how = None if made is None else made(*((c, r) if turned else (r, c)))
            lines.append(line_of(name, value, how))
        shape = shown.shape if matrix else shown.shape[1:]
        return Block(base, title, shape, lines, formula)

    def _state(self, state: StateArray, title: str) -> Block:

        def made(row: int, column: int) -> Any:
            formula = state.formula(row, column)
            return f"state of {self.step.optimizer.name}" if formula is None else formula

        return self._array(state.weight, state.base, title, state.values, made)

    def _forward(self) -> Iterator[Block]:
        for quantity in self.traced.forward:
            title = "pre-activations" if quantity.letter == "z" else ""
            component = ""
            if quantity.call is not None:
                component = quantity.call.activation.runs[0].component.name
                title = f"activations, f = {component}"
            yield self.passes.block(quantity, title, component)
        yield self.losses.predicted()

    def _backward(self) -> Iterator[Block]:
        titles = {"delta": "dL/dz", "da": "dL/da", "f'": "slope", "dh": "dL/dh", "ds": "dL/ds"}
        for quantity in self.traced.backward:
            if quantity.of is self.traced.output and quantity.letter != "f'":
                yield from self.losses.output_delta(quantity)
                continue
            component = ""
            if quantity.call is not None and quantity.letter == "f'":
                component = quantity.call.activation.runs[0].component.name
            yield self.passes.block(quantity, titles[quantity.letter], component)

    def _directions(self) -> tuple[str, list[Block]]:
        """Return title and blocks of what the optimizer descends: gradients, or what a rule gives."""
        if not self.step.stack.network.learns:
            return "Gradients", list(self._gradients())
        return "What the learning rule lets the optimizer descend", list(rule_blocks(self.step, self._array))

    def _gradients(self) -> Iterator[Block]:
        transposed = self.step.question.transposed
        for name in reversed(list(self.step.gradients)):
            gradient = self.step.gradients[name]
            formulas = self.traced.by_weight.get(name)
            alone = self.traced.inputs.x.shape[1] == 1 and self.count > 1

            words = self._without_formula(name) if formulas is None else ""

            def made(
                r: int, c: int, formulas: Array | None = formulas, alone: bool = alone, words: str = words
            ) -> Any:
                if formulas is None:
                    return words
                formula = formulas[r, c]
                if not alone:
                    return formula
                others = self.count - 1
                return "that of the other example" if others == 1 else f"those of {others} others", formula

            block = self._array(name, f"d{name}", f"dL/d{name}", gradient, made)
            formula = whole_formula(block.lines, transposed=transposed, backward=True, outer=True)
            yield replace(
                block, formula=f"sum of {formula.removeprefix('sum of ')}" if alone and formula else formula
            )

    def _without_formula(self, name: str) -> str:
        """Say where the gradient of a weight comes from that no formula of the network gives."""
        place = name.partition(".")[0]
        for quantity in self.traced.forward:
            if quantity.call is not None and name in quantity.call.own:
                component = quantity.call.activation.runs[0].component.name
                return f"gradient of {component} in {place}"
        return "gradient of the network"

    def _update(self) -> Iterator[Block]:
        made = updates(self.step)
        for state in made.after:
            yield self._state(state, "state of the optimizer after the step")
        for name, array in self.step.after.items():
            formula = made.formula(name)
            first = formula(0, 0)
            if first is None or first.size > LARGEST:
                formula = self._changed(name)
            block = self._array(name, f"{name}_new", "after the step", array, formula)
            yield replace(block, formula=whole_formula(block.lines, transposed=self.step.question.transposed))

    def _changed(self, name: str) -> Callable[[int, int], Scalar]:
        """Return how a new weight is made of the old one and its change, where the change is not followed."""
        spec, before, after = self.specs[name], self.step.before[name], self.step.after[name]
        given = given_of(spec, self.step.question.transposed)

        def formula(row: int, column: int) -> Scalar:
            change = float(after[row, column]) - float(before[row, column])
            return Scalar.named(before[row, column], given, row, column) + named(change, "change")

        return formula
