"""The sheet of a step: every number with its name and formula, stage by stage, as it is written by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from anncore.contract.kinds import Array
from anncore.engine.explaining.array_text import array_formula
from anncore.engine.explaining.loss_slope import OutputSlope, factors, loss_formula, named
from anncore.engine.explaining.quantities import Quantity, given_of, is_matrix
from anncore.engine.explaining.scalars import Scalar, evaluated, names_in, scalar
from anncore.engine.explaining.step import ObservedStep
from anncore.engine.explaining.update import StateArray, updates

LARGEST = 120  # operations and names in the formula of a new weight; of a longer one the change is shown
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
    z: float | None = None  # at which an activation of each z alone has this value or slope
    a: float | None = None  # of a slope, the activation's value


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
        self.output = self.traced.output
        first = range(len(self.output.values))[self._rows(self.output)][0]
        self.outputs = tuple(self.output.name(first, c) for c in range(self.output.values.shape[1]))
        self.predictions = tuple(f"a{name[1:]}" for name in self.outputs)
        self.slope = OutputSlope(step, self.pair, self.outputs)

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
            lines.append(_line(name, value, how))
        shape = shown.shape if matrix else shown.shape[1:]
        return Block(base, title, shape, lines, formula)

    def _state(self, state: StateArray, title: str) -> Block:

        def made(row: int, column: int) -> Any:
            return state.formula(row, column) or f"state of {self.step.optimizer.name}"

        return self._array(state.weight, state.base, title, state.values, made)

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
                z=float(self.step.z[self.k, c]),
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
                if quantity.call is not None and quantity.letter in ("a", "f'"):
                    lines.append(self._activated(quantity, row, c, name, value))
                    continue
                if quantity.call is not None:
                    lines.append(self._gone_back(quantity, row, c, name, value))
                    continue
                made: Any = None if quantity.formulas is None else quantity.formulas[row, c]
                line = _line(name, value, made)
                words = "" if line.formula is not None else "computed by the network"
                lines.append(replace(line, words=words))
        shape = (columns,) if len(rows) == 1 else (len(rows), columns)
        formula = self._whole(lines, backward=quantity.of is not None)
        if component:
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
        alone = quantity.alone
        reads = tuple(z.name(row, c) for c in range(z.values.shape[1]))

        def recipe(lookup: Lookup) -> float:
            entered = z.values.copy()
            entered[row] = [lookup(read) for read in reads]
            a = call.activation.forward_of(call.number, entered[None])
            if is_slope:
                a = call.activation.backward_of(call.number, np.ones_like(a), entered[None], a)
            return float(a.reshape(quantity.values.shape)[row, column])

        prime = quantity.letter[1:] if is_slope else ""
        inside = z.name(row, column) if alone else z.base
        words = f"{component.name}{prime}({inside})" + ("" if alone else f"[{column + 1}]")
        return Line(
            name,
            value,
            words=words,
            recipe=recipe,
            reads=reads,
            activation=component,
            slope=is_slope,
            z=float(z.values[row, column]) if alone else None,
            a=float(call.activation.forward_of(call.number, z.values[None])[0, row, column])
            if is_slope
            else None,
        )

    def _gone_back(self, quantity: Quantity, row: int, column: int, name: str, value: float) -> Line:
        """Return the line of a gradient by z, through an activation whose numbers depend on several z."""
        call, z = quantity.call, quantity.of
        assert call is not None
        assert z is not None
        a = next(one for one in self.traced.forward if one.call is call)
        above = next((one for one in self.traced.backward if one.of is a), None)
        words = f"dL/da through {call.activation.runs[0].component.name}"
        if above is None:
            return Line(name, value, words=words)
        columns = range(above.values.shape[1])
        names = tuple(above.name(row, c) for c in columns)
        entering = tuple(z.name(row, c) for c in range(z.values.shape[1]))

        def recipe(lookup: Lookup) -> float:
            entered, grad = z.values[None].copy(), above.values[None].copy()
            entered[0, row] = [lookup(read) for read in entering]
            grad[0, row] = [lookup(read) for read in names]
            given = call.activation.forward_of(call.number, entered)
            return float(call.activation.backward_of(call.number, grad, entered, given)[0, row, column])

        words = f"{above.base} through {call.activation.runs[0].component.name}"
        return Line(name, value, words=words, recipe=recipe, reads=(*names, *entering))

    def _whole(self, lines: Sequence[Line], *, backward: bool = False, outer: bool = False) -> str:
        """Return the formula of the array whose numbers these are."""
        transposed = self.step.question.transposed
        return array_formula(
            lines[0].formula, len(lines), backward=backward, transposed=transposed, outer=outer
        )

    # Loss

    def _loss(self) -> Iterator[Block]:
        name = self.pair.loss.name

        targets = [f"y[{c + 1}]" for c in range(self.step.y.shape[1])]

        def mean(lookup: Lookup, rows: slice) -> float:
            a = self.pair.activation.forward(self.step.z[None])
            a[0, self.k] = [lookup(read) for read in self.predictions]
            return float(self.pair.loss.value(a[:, rows], self.step.y[None, rows])[0])

        reads = self.predictions
        made = loss_formula(self.pair, *self.slope.named_example())
        named_ones = f"{name}({', '.join([*self.predictions, *targets])})"
        if self.count == 1:
            line = _line("loss", self.step.loss, made)
            line = replace(
                line,
                words=named_ones if line.formula is None else "",
                recipe=partial(mean, rows=slice(None)),
                reads=reads,
            )
            yield Block("loss", name, (1,), [line], component=name)
            return
        lines = []
        for n, value in enumerate(self.step.losses):
            line = _line(f"loss({n + 1})", float(value), made if n == self.k else None)
            said = named_ones if n == self.k else f"{name} of example {n + 1}"
            words = said if line.formula is None else ""
            recipe = partial(mean, rows=slice(n, n + 1))
            lines.append(replace(line, words=words, recipe=recipe, reads=reads if n == self.k else ()))
        yield Block("losses", f"{name} of each example", (self.count,), lines, component=name)
        line = Line("loss", self.step.loss, words=f"mean of the {self.count} examples")
        if self.count <= MOST_PARTS:
            parts = [named(part.value, part.name) for part in lines]
            line = _line("loss", self.step.loss, sum(parts[1:], parts[0]) / self.count)
        own = f"loss({self.k + 1})"
        others = self.step.loss - float(self.step.losses[self.k]) / self.count
        line = replace(line, recipe=lambda lookup: others + lookup(own) / self.count, reads=(own,))
        yield Block("loss", "loss of the batch", (1,), [line], component=name)

    # Backward

    def _backward(self) -> Iterator[Block]:
        titles = {"delta": "dL/dz", "da": "dL/da", "f'": "slope", "dh": "dL/dh", "ds": "dL/ds"}
        for quantity in self.traced.backward:
            if quantity.of is self.output and quantity.letter != "f'":
                if self.slope.chained:
                    yield self._slope_block("dL/da of the output", self.slope.by_a, "", self.pair.loss.name)
                    yield self._slope_block("slope", self.slope.slopes, "f'", self.pair.activation.name)
                yield self._output_delta(quantity)
                continue
            component = ""
            if quantity.call is not None and quantity.letter == "f'":
                component = quantity.call.activation.runs[0].component.name
            yield self._quantity(quantity, titles[quantity.letter], component)

    def _slope_block(self, title: str, parts: Sequence[Scalar], letter: str, name: str) -> Block:
        """Return a factor of the output's delta; each is computed from the output's z."""
        is_slope = bool(letter)

        def recipe(lookup: Lookup, column: int) -> float:
            by_a, slopes = factors(self.pair, self._z_from(lookup), self.step.y[None])
            chosen = slopes if is_slope and slopes is not None else by_a
            return float(chosen[0, self.k, column])

        lines = []
        for c, part in enumerate(parts):
            words = f"{name}'({self.outputs[c]})" if is_slope else f"slope of {name}"
            made = None if is_slope or self.slope.by_a_formulas is None else self.slope.by_a_formulas[c]
            line = _line(part.args[0].full, part.value, made)
            line = replace(line, words=words if line.formula is None else "")
            line = replace(line, recipe=partial(recipe, column=c))
            if is_slope:
                a = self.pair.activation.forward(self.step.z[None])[0, self.k, c]
                line = replace(line, activation=self.pair.activation, slope=True, a=float(a))
                line = replace(line, z=float(self.step.z[self.k, c]))
            lines.append(replace(line, reads=self.outputs))
        return Block(parts[0].args[0].base, title, (len(lines),), lines, component=name)

    def _output_delta(self, quantity: Quantity) -> Block:
        columns = self.step.seed.shape[1]
        made = self.slope.formula

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

            words = self._without_formula(name) if formulas is None else ""

            def made(
                r: int, c: int, formulas: Array | None = formulas, alone: bool = alone, words: str = words
            ) -> Any:
                if formulas is None:
                    return words
                formula = formulas[r, c]
                if not alone:
                    return formula
                return f"sum over {self.count} examples; example {self.k + 1} gives", formula

            block = self._array(name, f"d{name}", f"dL/d{name}", gradient, made)
            formula = self._whole(block.lines, backward=True, outer=True)
            yield replace(block, formula=f"sum of {formula}" if alone and formula else formula)

    def _without_formula(self, name: str) -> str:
        """Say where the gradient of a weight comes from that no formula of the network gives."""
        place = name.partition(".")[0]
        for quantity in self.traced.forward:
            if quantity.call is not None and name in quantity.call.own:
                component = quantity.call.activation.runs[0].component.name
                return f"gradient of {component} in {place}"
        return "gradient of the network"

    # Update

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
            yield replace(block, formula=self._whole(block.lines))

    def _changed(self, name: str) -> Callable[[int, int], Scalar]:
        """Return how a new weight is made of the old one and its change, where the change is not followed."""
        spec, before, after = self.specs[name], self.step.before[name], self.step.after[name]
        given = given_of(spec, self.step.question.transposed)

        def formula(row: int, column: int) -> Scalar:
            change = float(after[row, column]) - float(before[row, column])
            return Scalar.named(before[row, column], given, row, column) + named(change, "change")

        return formula


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
    if isinstance(made, Scalar) and made.kind == "number":
        made = None  # a constant explains nothing
    if isinstance(made, Scalar) and not np.isclose(made.value, value, rtol=CLOSE, atol=1e-9, equal_nan=True):
        made = None
    return Line(name, value, made if isinstance(made, Scalar) else None, words)
