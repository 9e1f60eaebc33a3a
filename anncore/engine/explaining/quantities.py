"""The quantities of a pass, which a learner gives names to: z, a, delta of each layer and time step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from anncore.contract.kinds import Array, WeightSpec
from anncore.engine.explaining.scalars import Scalar, scalar
from anncore.engine.recorded import Call

GRADIENTS = {"z": "delta", "a": "da", "s": "ds", "h": "dh"}
"""By the letter of a quantity, that of the gradient by it."""


@dataclass(eq=False)
class Quantity:
    """A named array of a pass: its name, its numbers, and the formula of each.

    letter: z what enters an activation or leaves the network, a what an activation gives, h what a product
    with weights takes otherwise, s another part of the formula; delta, da, dh, ds the gradients by these;
    f' the slope of an activation. time: its time step, from 1.
    values: (rows, columns), a row for each example that the pass has.
    """

    letter: str
    layer: Layer
    time: int
    values: Array
    formulas: Array | None = None  # of `Scalar`, shaped as values
    call: Call | None = None  # the activation that gives it, whose slope it is, or that it goes back through
    alone: bool = True  # of an "a": whether each number is a function of one z
    of: Quantity | None = None  # of an "a" and of a slope, the z; of a gradient, by what it is

    @property
    def base(self) -> str:
        """The name of the whole array: "z1", in time "z1(2)"."""
        if self.letter == "f'":
            assert self.of is not None
            return f"f'({self.of.base})"
        kind = self.layer.kind
        own = kind == "z" or self.letter in (kind, GRADIENTS[kind])
        number = f"{self.letter}{'' if own else kind}{self.layer.number}"
        number += "_" * (number in self.layer.taken)
        return f"{number}({self.time})" if self.layer.times > 1 else number

    def name(self, row: int, column: int) -> str:
        """Return the name of one number."""
        if self.letter == "f'":
            assert self.of is not None
            return f"f'({self.of.name(row, column)})"
        several = f"({row + 1})" if len(self.values) > 1 else ""
        return f"{self.base}{several}[{column + 1}]"


@dataclass(eq=False)
class Layer:
    """What equal quantities of several time steps share. kind: the letter of the first, z, s or h."""

    kind: str
    number: int
    taken: frozenset[str]  # what weights and their gradients are called; an array of that name gets a _
    times: int = 0  # the last time step of which it has a quantity


@dataclass(frozen=True, eq=False)
class Given:
    """A named array that a pass gets: inputs, a bias, or a weight matrix, whose second index is the unit's.

    transposed: the first index is the unit's, as where z = W x.
    """

    base: str
    rows: int
    columns: int
    transposed: bool = False
    is_weight: bool = False

    def name(self, row: int, column: int) -> str:
        """Return the name of one number: x[2], W1[1,2], b1[2]."""
        if self.rows == 1 and not self.is_weight:
            return f"{self.base}[{column + 1}]"
        if not self.is_weight:
            return f"{self.base}({row + 1})[{column + 1}]"
        first, second = (column, row) if self.transposed else (row, column)
        return f"{self.base}[{first + 1},{second + 1}]"


def is_matrix(spec: WeightSpec) -> bool:
    """Tell whether an array of a network connects units with units, so that its numbers have two indices."""
    return spec.role == "weight" or spec.shape[0] > 1


def given_of(spec: WeightSpec, transposed: bool, form: str = "{}") -> Given:
    """Return the name of an array that is shaped like a weight; form: "d{}" for dW1."""
    rows, columns = spec.shape
    return Given(form.format(spec.name), rows, columns, transposed, is_matrix(spec))


def named_numbers(array: Array, owner: Any) -> Array:
    """Return the numbers of an array under the names of their owner."""
    names = np.empty(array.shape, object)
    columns = array.shape[-1]
    for at, value in enumerate(np.asarray(array).flat):
        names.flat[at] = Scalar.named(value, owner, *divmod(at, columns))
    return names


def as_scalars(formulas: Array) -> Array:
    """Return an object array whose plain numbers are constants."""
    scalars = np.empty(formulas.shape, object)
    for at, formula in enumerate(formulas.flat):
        scalars.flat[at] = scalar(formula)
    return scalars


def is_named(formula: Any) -> bool:
    """Tell whether a formula is one name."""
    return isinstance(formula, Scalar) and formula.kind == "name"


def is_long(formula: Any) -> bool:
    """Tell whether a formula is more than one operation on two names."""
    return isinstance(formula, Scalar) and formula.size > 3
