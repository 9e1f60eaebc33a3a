"""The blocks of the forward and the backward pass: pre-activations, activations, slopes, gradients."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from anncore.engine.explaining.quantities import Quantity
from anncore.engine.explaining.sheet import Block, Line, Lookup, line_of, whole_formula
from anncore.engine.explaining.step import ObservedStep


class PassBlocks:
    """Makes blocks of the quantities of an observed step's pass."""

    def __init__(self, step: ObservedStep) -> None:
        self.step, self.traced = step, step.traced

    def rows(self, quantity: Quantity) -> slice:
        """Return the rows of the example that is shown; the other rows are other examples'."""
        examples = self.traced.inputs.x.shape[1]
        per, rest = divmod(len(quantity.values), examples)
        if rest or examples == 1:
            return slice(None)
        return slice(self.step.row * per, (self.step.row + 1) * per)

    def block(self, quantity: Quantity, title: str, component: str = "") -> Block:
        """Return the numbers of a quantity for the shown example, each with its formula."""
        rows = range(len(quantity.values))[self.rows(quantity)]
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
                line = line_of(name, value, made)
                if line.formula is None and line.recipe is None:
                    line = replace(line, words="computed by the network")
                lines.append(line)
        shape = (columns,) if len(rows) == 1 else (len(rows), columns)
        formula = whole_formula(
            lines, transposed=self.step.question.transposed, backward=quantity.of is not None
        )
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
