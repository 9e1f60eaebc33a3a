"""Long sums by their first and last terms: a1[1]*W2[1,1] + a1[2]*W2[2,1] + ... + a1[64]*W2[64,1] + b2[1]."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from anncore.engine.explaining.quantities import Quantity
from anncore.engine.explaining.scalars import Scalar

DOTS = "..."
MOST_ALIKE = 4  # terms of one form that stand beside each other; of more, the first two and the last stand


class _Dots:
    """The owner of the terms of a sum that are not written."""

    base = DOTS

    def name(self, row: int, column: int) -> str:
        return DOTS


_LEFT_OUT = _Dots()


def stands_for_terms(number: Scalar) -> bool:
    """Tell whether this is the place of terms that are not written."""
    return number.kind == "name" and number.args[0] is _LEFT_OUT


def shortened(number: Scalar) -> Scalar:
    """Return a formula in which dots stand for the middle of every long run of terms of one form.

    Dots have the sum of these terms as their value.
    """
    if number.kind in ("name", "number"):
        return number
    args = number.args
    if number.kind == "sum":
        args = tuple(term for _, run in groupby(args, _form) for term in _ends(list(run)))
    return Scalar(number.value, number.kind, tuple(map(shortened, args)))


def _ends(terms: list[Scalar]) -> list[Scalar]:
    if len(terms) <= MOST_ALIKE:
        return terms
    between = sum(term.value for term in terms[2:-1])
    return [*terms[:2], Scalar.named(between, _LEFT_OUT, 0, 0), terms[-1]]


def _form(number: Scalar) -> Any:
    """Return what terms of one form share: operations, constants, and the arrays of which numbers are."""
    if number.kind == "number":
        return number.value
    if number.kind == "name":
        owner = number.args[0]
        return (owner.letter, id(owner.layer)) if isinstance(owner, Quantity) else owner.base
    return number.kind, *map(_form, number.args)
