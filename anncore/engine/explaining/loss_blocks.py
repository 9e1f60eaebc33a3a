"""The blocks around the loss: predictions, the loss itself, and its slope, where the backward pass begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from anncore.contract.kinds import Array
from anncore.engine.explaining.loss_slope import OutputSlope, factors, loss_formula, named, weight_of
from anncore.engine.explaining.pass_blocks import PassBlocks
from anncore.engine.explaining.quantities import Quantity
from anncore.engine.explaining.scalars import LONGEST, Scalar, TooLong
from anncore.engine.explaining.sheet import Block, Line, Lookup, line_of, names_of, whole_formula
from anncore.engine.explaining.step import ObservedStep

TOO_LONG = f"; its formula has more than {LONGEST:,} parts, too many to write out"
MOST_PARTS = 6  # examples of a batch whose losses are written out in their mean


class LossBlocks:
    """Makes the blocks of an observed step's predictions, loss, and slope of the loss."""

    def __init__(self, step: ObservedStep, passes: PassBlocks) -> None:
        self.step = step
        self.k, self.count = step.question.example, len(step.x)
        self.pair = step.stack.output.pairs[0]
        self.output = step.traced.output
        first = range(len(self.output.values))[passes.rows(self.output)][0]
        self.outputs = tuple(self.output.name(first, c) for c in range(self.output.values.shape[1]))
        self.predictions = tuple(f"a{name[1:]}" for name in self.outputs)
        self.slope = OutputSlope(step, self.pair, self.outputs)

    @property
    def _weight(self) -> float:
        """How much the shown example counts."""
        return 1.0 if self.step.weights is None else float(self.step.weights[self.k])

    def predicted(self) -> Block:
        """Return the predictions."""
        a = self.pair.activation.forward(self.step.z[None])[0, self.k]
        activation = self.pair.activation.name

        def prediction(lookup: Lookup, column: int) -> float:
            return float(self.pair.activation.forward(self._z_from(lookup))[0, self.k, column])

        lines = [
            Line(
                name,
                float(value),
                words=f"{activation}({self.outputs[c]})",
                recipe=partial(prediction, column=c),
                reads=self.outputs,
                activation=self.pair.activation,
                z=float(self.step.z[self.k, c]),
            )
            for c, (name, value) in enumerate(zip(self.predictions, a, strict=True))
        ]
        what = "prediction" if len(lines) == 1 else "predictions"
        formula = f"{activation}({self.output.base})"
        base = f"a{self.output.base[1:]}"
        return Block(base, f"{what}, {activation}", (len(lines),), lines, formula, activation)

    def _z_from(self, lookup: Lookup) -> Array:
        """Return the output's pre-activations of the batch, those of the shown example looked up."""
        z = self.step.z[None].copy()
        z[0, self.k] = [lookup(name) for name in self.outputs]
        return z

    def losses(self) -> Iterator[Block]:
        """Yield the loss of each example, and that of the batch."""
        name = self.pair.loss.name
        targets = [f"y[{c + 1}]" for c in range(self.step.y.shape[1])]

        def mean(lookup: Lookup, rows: slice) -> float:
            a = self.pair.activation.forward(self.step.z[None])
            a[0, self.k] = [lookup(read) for read in self.predictions]
            return float(self.pair.loss.value(a[:, rows], self.step.y[None, rows])[0])

        reads = self.predictions
        named_ones = f"{name}({', '.join([*self.predictions, *targets])})"
        try:
            made = loss_formula(self.pair, *self.slope.named_example())
        except TooLong:
            made, named_ones = None, f"{named_ones}{TOO_LONG}"
        if self.count == 1 and self.step.weights is None:
            line = line_of("loss", self.step.loss, made)
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
            line = line_of(f"loss({n + 1})", float(value), made if n == self.k else None)
            said = named_ones if n == self.k else f"{name} of example {n + 1}"
            words = said if line.formula is None else ""
            recipe = partial(mean, rows=slice(n, n + 1))
            lines.append(replace(line, words=words, recipe=recipe, reads=reads if n == self.k else ()))
        yield Block("losses", f"{name} of each example", (self.count,), lines, component=name)
        yield Block("loss", "loss of the batch", (1,), [self._whole_loss(lines)], component=name)

    def _whole_loss(self, lines: Sequence[Line]) -> Line:
        """Return the loss of the batch: the mean of its examples' losses, each times its weight, if any."""
        weights = self.step.weights
        each = "" if weights is None else ", each times its weight"
        line = Line("loss", self.step.loss, words=f"mean of the {self.count} examples{each}")
        if self.count <= MOST_PARTS:
            parts = [named(part.value, part.name) for part in lines]
            if weights is not None:
                parts = [weight_of(weights, n) * part for n, part in enumerate(parts)]
            line = line_of("loss", self.step.loss, sum(parts[1:], parts[0]) / self.count)
        own = f"loss({self.k + 1})"
        share = self._weight / self.count
        others = self.step.loss - float(self.step.losses[self.k]) * share
        return replace(line, recipe=lambda lookup: others + lookup(own) * share, reads=(own,))

    def output_delta(self, quantity: Quantity) -> Iterator[Block]:
        """Yield where the backward pass begins: dL/dz of the output, after its factors if it is a product."""
        if self.slope.chained:
            yield self._slope_block("dL/da of the output", self.slope.by_a, "", self.pair.loss.name)
            yield self._slope_block("slope", self.slope.slopes, "f'", self.pair.activation.name)
        columns = self.step.seed.shape[1]
        made = self.slope.formula

        def slope(lookup: Lookup, column: int) -> float:
            grad = self.step.stack.output.grad(self._z_from(lookup), self.step.y[None])
            return float(grad[0, self.k, column]) * self._weight

        lines = [
            line_of(f"delta{name[1:]}", float(self.step.seed[self.k, c]), made(c))
            for c, name in enumerate(self.outputs)
        ]
        lines = [
            line
            if set(names_of(line.formula)) & set(self.predictions)
            else replace(line, recipe=partial(slope, column=c), reads=self.outputs)
            for c, line in enumerate(lines)
        ]
        yield Block(
            quantity.base,
            "dL/dz of the output",
            (columns,),
            lines,
            whole_formula(lines, transposed=self.step.question.transposed, backward=True),
            self.pair.loss.name,
        )

    def _slope_block(self, title: str, parts: Sequence[Scalar], letter: str, name: str) -> Block:
        """Return a factor of the output's delta; each is computed from the output's z."""
        is_slope = bool(letter)

        def recipe(lookup: Lookup, column: int) -> float:
            by_a, slopes = factors(self.pair, self._z_from(lookup), self.step.y[None])
            if is_slope and slopes is not None:
                return float(slopes[0, self.k, column])
            return float(by_a[0, self.k, column]) * self._weight

        lines = []
        for c, part in enumerate(parts):
            too_long = TOO_LONG if self.slope.too_long else ""
            words = f"{name}'({self.outputs[c]})" if is_slope else f"slope of {name}{too_long}"
            made = None if is_slope or self.slope.by_a_formulas is None else self.slope.by_a_formulas[c]
            line = line_of(part.args[0].full, part.value, made)
            line = replace(line, words=words if line.formula is None else "")
            line = replace(line, recipe=partial(recipe, column=c))
            if is_slope:
                a = self.pair.activation.forward(self.step.z[None])[0, self.k, c]
                line = replace(line, activation=self.pair.activation, slope=True, a=float(a))
                line = replace(line, z=float(self.step.z[self.k, c]))
            lines.append(replace(line, reads=self.outputs))
        return Block(parts[0].args[0].base, title, (len(lines),), lines, component=name)
