"""The formula of a whole array, "z1 = x W1 + b1", from that of one of its numbers."""

from __future__ import annotations

from collections.abc import Sequence

from anncore.engine.explaining.quantities import Given, Quantity
from anncore.engine.explaining.scalars import Scalar, names_in

MOST_TERMS = 4  # of a sum over time steps


def array_formula(
    number: Scalar | None, width: int, *, backward: bool, transposed: bool, outer: bool = False
) -> str:
    """Return the right side of an array's formula; "" where it is not a sum of products of named arrays.

    backward: weights stand transposed, as where errors go back. transposed: weights are units x inputs, so
    that they stand on the left. outer: a product is one of a column with a row, as in the gradient of a
    weight. width: the array's columns; a formula that takes only some columns of a matrix, as a gate does, is
    none of whole arrays.
    """
    if number is None or _in_parts(number, width, backward):
        return ""
    texts: list[str] = []
    summed = False
    for term in number.args if number.kind == "sum" else (number,):
        text = _term(term, backward, transposed, outer)
        if not text:
            return ""
        if text not in texts:
            texts.append(text)
        elif not _is_product_of_matrices(term, outer):  # the same of several examples
            summed = True
    if summed:
        return f"sum of {texts[0]}" if len(texts) == 1 else ""
    if len(texts) > MOST_TERMS:
        texts = [*texts[:2], "...", texts[-1]]
    return " + ".join(texts).replace("+ -", "- ")


def _in_parts(number: Scalar, width: int, backward: bool) -> bool:
    owners = {atom.args[0] for atom in names_in(number)}
    matrices = [owner for owner in owners if isinstance(owner, Given) and owner.is_weight]
    return any((owner.rows if backward else owner.columns) != width for owner in matrices)


def _term(term: Scalar, backward: bool, transposed: bool, outer: bool) -> str:
    factors: Sequence[Scalar] = term.args if term.kind == "product" else (term,)
    sign = ""
    if factors[0].kind == "number" and factors[0].value == -1:
        sign, factors = "-", factors[1:]
    if not all(factor.kind == "name" for factor in factors):
        return ""
    owners = [factor.args[0] for factor in factors]
    bases = [owner.base for owner in owners]
    matrices = [owner for owner in owners if isinstance(owner, Given) and owner.is_weight]
    if len(owners) == 2 and len(matrices) == 1:
        [matrix] = matrices
        weight = f"{matrix.base}^T" if backward else matrix.base
        other = next(base for base, owner in zip(bases, owners, strict=True) if owner is not matrix)
        return sign + (f"{weight} {other}" if transposed else f"{other} {weight}")
    if len(owners) == 2 and outer and _is_gradient(owners[1]) != _is_gradient(owners[0]):
        gradient, other = (bases[1], bases[0]) if _is_gradient(owners[1]) else (bases[0], bases[1])
        return sign + (f"{gradient} {other}^T" if transposed else f"{other}^T {gradient}")
    return sign + " * ".join(bases)


def _is_product_of_matrices(term: Scalar, outer: bool) -> bool:
    owners = [atom.args[0] for atom in names_in(term)]
    return (outer and len(owners) == 2) or any(isinstance(one, Given) and one.is_weight for one in owners)


def _is_gradient(owner: object) -> bool:
    return isinstance(owner, Quantity) and owner.letter in ("delta", "da", "ds", "dh")
