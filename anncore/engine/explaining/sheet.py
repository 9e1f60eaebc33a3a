"""What a sheet is made of: every number of a step with its name and formula, stage by stage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from anncore.contract.kinds import Array
from anncore.engine.explaining.array_text import array_formula
from anncore.engine.explaining.quantities import Quantity
from anncore.engine.explaining.scalars import Scalar, evaluated, names_in

Lookup = Callable[[str], float]
Recipe = Callable[[Lookup], float]
CONSTANT = "constant here"
"""Of a number that no other one changes: what a mask, or a choice such as max, has cut off."""
CLOSE = 1e-6  # a formula whose value is further from the engine's number, relative to it, is not shown


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


def row_block(base: str, title: str, values: Array) -> Block:
    """Return a block of given numbers in a row."""
    lines = [Line(f"{base}[{c + 1}]", float(value)) for c, value in enumerate(values)]
    return Block(base, title, (len(lines),), lines)


def names_of(formula: Scalar | None) -> tuple[str, ...]:
    """Return the names in a formula, each once."""
    if formula is None:
        return ()
    return tuple(dict.fromkeys(atom.args[0].name(*atom.args[1:]) for atom in names_in(formula)))


def line_of(name: str, value: float, made: Any) -> Line:
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
    if isinstance(made, Scalar) and made.kind == "number":  # a constant names nothing
        return Line(name, value, words=CONSTANT, recipe=lambda lookup: value)
    return Line(name, value, made if isinstance(made, Scalar) else None, words)


def whole_formula(
    lines: Sequence[Line], *, transposed: bool, backward: bool = False, outer: bool = False
) -> str:
    """Return the formula of the array whose numbers these are: see `array_formula`."""
    return array_formula(lines[0].formula, len(lines), backward=backward, transposed=transposed, outer=outer)
