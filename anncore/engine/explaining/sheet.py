"""The sheet of a step: every number with its name and formula, stage by stage, as it is written by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from anncore.contract.kinds import Array
from anncore.engine.explaining.array_text import array_formula
from anncore.engine.explaining.loss_slope import output_delta
from anncore.engine.explaining.quantities import Quantity, is_matrix
from anncore.engine.explaining.scalars import Scalar, evaluated, names_in
from anncore.engine.explaining.step import ObservedStep
from anncore.engine.explaining.update import StateArray, updates

Lookup = Callable[[str], float]
Recipe = Callable[[Lookup], float]
CLOSE = 1e-6  # a formula whose value is further from the engine's number, relative to it, is not shown
ROLES = {"weight": "weights", "bias": "biases", "gain": "gains"}
MOST_PARTS = 6  # examples of a batch whose parts of a gradient are written out


@dataclass(frozen=True, eq=False)
class Line:
    """One number: its name, its value, and how it is made; `words` where no formula says it.

    recipe: the number from other numbers, looked up by name, where the formula alone does not give it: of an
    activation, a loss, a sum over examples. reads: the names that it looks up.
    """

    name: str
    value: float
    formula: Scalar | None = None
    words: str = ""
    recipe: Recipe | None = None
    reads: tuple[str, ...] = ()
    activation: Any = None  # whose value or slope it is
    slope: bool = False  # whether it is the slope


@dataclass(frozen=True, eq=False)
class Block:
    """Numbers that belong together: an array. formula: of the array as a whole, in symbols, or "".

    shape: of the array as it is printed. component: the activation, loss or optimizer that it comes from.
    """

    name: str
    title: str
    shape: tuple[int, ...]
    lines: Sequence[Line]
    formula: str = ""
    component: str = ""
    quantity: Quantity | None = None

    def values(self) -> Any:
        """Return the numbers as nested lists of the block's shape."""
        return np.array([line.value for line in self.lines]).reshape(self.shape).tolist()


@dataclass(frozen=True, eq=False)
class Stage:
    """One part of a step: what is given, the forward pass, the loss, the backward pass, the update."""

    name: str
    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True, eq=False)
class Sheet:
    """A whole step. components: what took part, by role: "activation1" ... "loss", "optimizer"."""

    stages: Sequence[Stage]
    components: Mapping[str, Any] = field(default_factory=dict)

    def lines(self) -> Iterator[Line]:
        """Yield every number of the sheet, in its order."""
        for stage in self.stages:
            for block in stage.blocks:
                yield from block.lines

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return sum(len(block.lines) for stage in self.stages for block in stage.blocks)


def make_sheet(step: ObservedStep) -> Sheet:
    """Return the sheet of an observed step."""
    return _SheetMaker(step).sheet()


class _SheetMaker:
    def __init__(self, step: ObservedStep) -> None:
        self.step, self.traced = step, step.traced
        self.k, self.count = step.question.example, len(step.x)
        self.pair = step.stack.output.pairs[0]
        self.specs = {spec.name: spec for spec in step.stack.network.specs}
        owners = [quantity for quantity in self.traced.forward if quantity.letter != "a"]
        self.output = owners[-1]
        first = range(len(self.output.values))[self._rows(self.output)][0]
        self.outputs = tuple(self.output.name(first, c) for c in range(self.output.values.shape[1]))
        self.predictions = tuple(f"a{name[1:]}" for name in self.outputs)

    def sheet(self) -> Sheet:
        stages = [
            Stage("given", "What is given", list(self._given())),
            Stage("forward", "Forward pass", list(self._forward())),
            Stage("loss", "Loss", list(self._loss())),
            Stage("backward", "Backward pass", list(self._backward())),
            Stage("gradients", "Gradients", list(self._gradients())),
            Stage("update", "Update", list(self._update())),
        ]
        return Sheet([stage for stage in stages if stage.blocks], self._components())

    def _components(self) -> dict[str, Any]:
        components: dict[str, Any] = {}
        for quantity in self.traced.forward:
            if quantity.call is not None:
                component = quantity.call.activation.runs[0].component
                components.setdefault(f"activation:{component.name}", component)
        components.setdefault(f"activation:{self.pair.activation.name}", self.pair.activation)
        components["loss"] = self.pair.loss
        components["optimizer"] = self.step.optimizer
        return components

    # What is given

    def _given(self) -> Iterator[Block]:
        x, y = self.step.x[self.k], self.step.y[self.k]
        title = "inputs" if self.count == 1 else f"inputs of example {self.k + 1} of {self.count}"
        yield _row("x", title, x)
        yield _row("y", "target" if len(y) == 1 else "targets", y)
        for name, array in self.step.before.items():
            yield self._array(name, name, ROLES.get(self.specs[name].role, ""), array)
        for quantity in updates(self.step).before:
            yield self._state(quantity, "state of the optimizer before the step")

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
            lines.append(_line(name, value, how))
        shape = shown.shape if matrix else shown.shape[1:]
        return Block(base, title, shape, lines, formula)

    def _state(self, state: StateArray, title: str) -> Block:
        return self._array(state.weight, state.base, title, state.values, state.formula)

    # Forward

    def _forward(self) -> Iterator[Block]:
        for quantity in self.traced.forward:
            title = "pre-activations" if quantity.letter == "z" else ""
            component = ""
            if quantity.call is not None:
                component = quantity.call.activation.runs[0].component.name
                title = f"activations, f = {component}"
            yield self._quantity(quantity, title, component)
        a = self.pair.activation.forward(self.step.z[None])[0, self.k]
        activation = self.pair.activation.name

        def predicted(lookup: Lookup, column: int) -> float:
            return float(self.pair.activation.forward(self._z_from(lookup))[0, self.k, column])

        lines = [
            Line(
                name,
                float(value),
                words=f"{activation}({self.outputs[c]})",
                recipe=partial(predicted, column=c),
                reads=self.outputs,
                activation=self.pair.activation,
            )
            for c, (name, value) in enumerate(zip(self.predictions, a, strict=True))
        ]
        what = "prediction" if len(lines) == 1 else "predictions"
        formula = f"{activation}({self.output.base})"
        base = f"a{self.output.base[1:]}"
        yield Block(base, f"{what}, {activation}", (len(lines),), lines, formula, activation)

    def _z_from(self, lookup: Lookup) -> Array:
        """Return the output's pre-activations of the batch, those of the shown example looked up."""
        z = self.step.z[None].copy()
        z[0, self.k] = [lookup(name) for name in self.outputs]
        return z

    def _rows(self, quantity: Quantity) -> slice:
        """Return the rows of the example that is shown; the other rows are other examples'."""
        examples = self.traced.inputs.x.shape[1]
        per, rest = divmod(len(quantity.values), examples)
        if rest or examples == 1:
            return slice(None)
        return slice(self.step.row * per, (self.step.row + 1) * per)

    def _quantity(self, quantity: Quantity, title: str, component: str = "") -> Block:
        rows = range(len(quantity.values))[self._rows(quantity)]
        columns = quantity.values.shape[1]
        lines = []
        for row in rows:
            for c in range(columns):
                name, value = quantity.name(row, c), float(quantity.values[row, c])
                if quantity.call is not None:
                    lines.append(self._activated(quantity, row, c, name, value))
                    continue
                made: Any = None if quantity.formulas is None else quantity.formulas[row, c]
                lines.append(_line(name, value, made))
        shape = (columns,) if len(rows) == 1 else (len(rows), columns)
        formula = self._whole(lines, backward=quantity.of is not None)
        if component:
            assert quantity.call is not None
            formula = "" if quantity.of is None else f"{component}{quantity.letter[1:]}({quantity.of.base})"
        return Block(quantity.base, title, shape, lines, formula, component, quantity)

    def _activated(self, quantity: Quantity, row: int, column: int, name: str, value: float) -> Line:
        """Return the line of an activation's value or slope."""
        call, z = quantity.call, quantity.of
        assert call is not None
        component = call.activation.runs[0].component
        is_slope = quantity.letter == "f'"
        if z is None:
            return Line(name, value, words=f"{component.name}(z)")
        alone = z.values.shape == quantity.values.shape
        inside = z.name(row, column) if alone else "z"
        reads = tuple(z.name(row, c) for c in range(z.values.shape[1]))

        def recipe(lookup: Lookup) -> float:
            entered = z.values.copy()
            entered[row] = [lookup(read) for read in reads]
            a = call.activation.forward_of(call.number, entered[None])
            if is_slope:
                a = call.activation.backward_of(call.number, np.ones_like(a), entered[None], a)
            return float(a.reshape(quantity.values.shape)[row, column])

        words = f"{component.name}{quantity.letter[1:] if is_slope else ''}({inside})"
        return Line(
            name, value, words=words, recipe=recipe, reads=reads, activation=component, slope=is_slope
        )

    def _whole(self, lines: Sequence[Line], *, backward: bool = False, outer: bool = False) -> str:
        """Return the formula of the array whose numbers these are."""
        transposed = self.step.question.transposed
        return array_formula(lines[0].formula, len(lines), backward=backward, transposed=transposed, outer=outer)

    # Loss

    def _loss(self) -> Iterator[Block]:
        name = self.pair.loss.name

        def mean(lookup: Lookup, rows: slice) -> float:
            a = self.pair.activation.forward(self.step.z[None])
            a[0, self.k] = [lookup(read) for read in self.predictions]
            return float(self.pair.loss.value(a[:, rows], self.step.y[None, rows])[0])

        reads = self.predictions
        if self.count > 1:
            lines = [
                Line(
                    f"loss({n + 1})",
                    float(value),
                    words=f"{name} of example {n + 1}",
                    recipe=partial(mean, rows=slice(n, n + 1)),
                    reads=reads if n == self.k else (),
                )
                for n, value in enumerate(self.step.losses)
            ]
            yield Block("losses", f"{name} of each example", (self.count,), lines, component=name)
        words = f"{name}(a, y)" if self.count == 1 else f"mean of the {self.count} examples"
        line = Line("loss", self.step.loss, words=words, recipe=partial(mean, rows=slice(None)), reads=reads)
        yield Block("loss", name if self.count == 1 else "loss of the batch", (1,), [line], component=name)

    # Backward

    def _backward(self) -> Iterator[Block]:
        titles = {"delta": "dL/dz", "da": "dL/da", "f'": "slope", "dh": "dL/dh", "ds": "dL/ds"}
        for quantity in self.traced.backward:
            if quantity.of is self.output and quantity.letter == "delta":
                yield self._output_delta(quantity)
                continue
            component = ""
            if quantity.call is not None:
                component = quantity.call.activation.runs[0].component.name
            yield self._quantity(quantity, titles[quantity.letter], component)

    def _output_delta(self, quantity: Quantity) -> Block:
        columns = self.step.seed.shape[1]
        made = output_delta(self.step, self.pair, self.predictions)

        def slope(lookup: Lookup, column: int) -> float:
            grad = self.step.stack.output.grad(self._z_from(lookup), self.step.y[None])
            return float(grad[0, self.k, column])

        lines = [
            _line(f"delta{name[1:]}", float(self.step.seed[self.k, c]), made(c))
            for c, name in enumerate(self.outputs)
        ]
        lines = [
            line
            if set(names_of(line.formula)) & set(self.predictions)
            else replace(line, recipe=partial(slope, column=c), reads=self.outputs)
            for c, line in enumerate(lines)
        ]
        return Block(
            quantity.base,
            "dL/dz of the output",
            (columns,),
            lines,
            self._whole(lines, backward=True),
            self.pair.loss.name,
        )

    def _gradients(self) -> Iterator[Block]:
        for name in reversed(list(self.step.gradients)):
            gradient = self.step.gradients[name]
            formulas = self.traced.by_weight.get(name)
            alone = self.traced.inputs.x.shape[1] == 1 and self.count > 1

            def made(r: int, c: int, formulas: Array | None = formulas, alone: bool = alone) -> Any:
                if formulas is None:
                    return None
                formula = formulas[r, c]
                if not alone:
                    return formula
                return f"sum over {self.count} examples; example {self.k + 1} gives", formula

            block = self._array(name, f"d{name}", f"dL/d{name}", gradient, made)
            formula = self._whole(block.lines, backward=True, outer=True)
            yield replace(block, formula=f"sum of {formula}" if alone and formula else formula)

    # Update

    def _update(self) -> Iterator[Block]:
        made = updates(self.step)
        for state in made.after:
            yield self._state(state, "state of the optimizer after the step")
        for name, array in self.step.after.items():
            block = self._array(name, f"{name}_new", "after the step", array, made.formula(name))
            yield replace(block, formula=self._whole(block.lines))


def _row(base: str, title: str, values: Array) -> Block:
    lines = [Line(f"{base}[{c + 1}]", float(value)) for c, value in enumerate(values)]
    return Block(base, title, (len(lines),), lines)


def names_of(formula: Scalar | None) -> tuple[str, ...]:
    """Return the names in a formula, each once."""
    if formula is None:
        return ()
    return tuple(dict.fromkeys(atom.args[0].name(*atom.args[1:]) for atom in names_in(formula)))


def _line(name: str, value: float, made: Any) -> Line:
    """Return a line; a formula whose value is not the engine's is left out."""
    if isinstance(made, str):
        return Line(name, value, words=made)
    words = ""
    if isinstance(made, tuple):  # what this example adds to the sum of a batch
        words, part = made
        others = value - part.value

        def recipe(lookup: Lookup) -> float:
            return others + evaluated(part, lambda atom: lookup(atom.args[0].name(*atom.args[1:])))

        return Line(name, value, part, words, recipe, names_of(part))
    if isinstance(made, Scalar) and not np.isclose(made.value, value, rtol=CLOSE, atol=1e-9, equal_nan=True):
        made = None
    return Line(name, value, made if isinstance(made, Scalar) else None, words)
