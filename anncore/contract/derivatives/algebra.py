"""Sums and products of printed formulas: equal terms and factors are taken together, and numbers folded.

An expression is interned: equal ones are one object, so that a formula that uses a part many times stays
small. Simplification is for reading, not for computing: x / x is 1 here, also at 0.
"""

from __future__ import annotations

import math
from typing import Any

Key = tuple[Any, ...]


class Expression:
    """A node. kind: "number", "name", "sum", "product", "call" (of a function), "where", "compare", ..."""

    __slots__ = ("args", "kind")

    def __init__(self, kind: str, args: Key) -> None:
        self.kind, self.args = kind, args

    @property
    def children(self) -> list[Expression]:
        """The expressions that it is made of."""
        if self.kind in ("sum", "product"):
            return [part for part, _ in self.args[1]]
        return [arg for arg in self.args if isinstance(arg, Expression)]


class Algebra:
    """Makes expressions."""

    def __init__(self) -> None:
        self._made: dict[Key, Expression] = {}

    def make(self, kind: str, *args: Any) -> Expression:
        """Return the expression of a kind and its arguments, the same object for the same ones."""
        several = kind in ("sum", "product")  # the order of terms does not matter
        key = (kind, args[0], frozenset(args[1])) if several else (kind, *args)
        if key not in self._made:
            self._made[key] = Expression(kind, args)
        return self._made[key]

    def number(self, value: float) -> Expression:
        """Return a number; what rounding left of a whole one is whole."""
        value = float(value)
        if math.isfinite(value) and abs(value - round(value)) < 1e-12:
            value = float(round(value))
        return self.make("number", value)

    def name(self, text: str) -> Expression:
        """Return a named quantity."""
        return self.make("name", text)

    def add(self, *terms: Expression) -> Expression:
        """Return a sum."""
        constant, parts = 0.0, dict[Expression, float]()
        for term in map(self._valued, terms):
            for part, factor in self._terms(term):
                if part is None:
                    constant += factor
                else:
                    parts[part] = parts.get(part, 0.0) + factor
        left = tuple((part, factor) for part, factor in parts.items() if factor != 0)
        if not left:
            return self.number(constant)
        if len(left) == 2 and constant == 0:
            (one, first), (other, second) = left
            if _masks(one) and _masks(other) and _exclude(one.args[0], other.args[0]):
                other = self.multiply(self.number(second), other)
                if {one.args[0].args[0], other.args[0].args[0]} in ({">", "≤"}, {"≥", "<"}):
                    other = other.args[1]  # one of the two holds everywhere
                return self.where(one.args[0], self.multiply(self.number(first), one.args[1]), other)
        if len(left) == 1 and constant == 0:
            return self.multiply(self.number(left[0][1]), left[0][0])
        return self.make("sum", constant, left)

    def _valued(self, value: Expression) -> Expression:
        """Return a condition as 1 or 0."""
        return self.where(value, self.number(1), self.number(0)) if value.kind == "compare" else value

    def _terms(self, term: Expression) -> list[tuple[Expression | None, float]]:
        if term.kind == "number":
            return [(None, term.args[0])]
        if term.kind == "sum":
            return [(None, term.args[0]), *term.args[1]]
        if term.kind == "product" and term.args[0] != 1:
            return [(self._product(1.0, dict(term.args[1])), term.args[0])]
        return [(term, 1.0)]

    def multiply(self, *factors: Expression) -> Expression:
        """Return a product; a factor goes into a mask, so that 0 elsewhere stays 0."""
        number, powers = 1.0, dict[Expression, float]()
        for factor in map(self._valued, factors):
            if factor.kind == "number":
                number *= factor.args[0]
                continue
            number *= factor.args[0] if factor.kind == "product" else 1.0
            for base, power in factor.args[1] if factor.kind == "product" else ((factor, 1.0),):
                powers[base] = powers.get(base, 0.0) + power
        mask = next((base for base, power in powers.items() if power == 1 and _is_mask(base)), None)
        if mask is not None and (number != 1 or len(powers) > 1):
            rest = self._product(number, {base: power for base, power in powers.items() if base is not mask})
            condition, one, other = mask.args
            return self.where(condition, self.multiply(one, rest), self.multiply(other, rest))
        return self._product(number, powers)

    def _product(self, number: float, powers: dict[Expression, float]) -> Expression:
        left = tuple((base, power) for base, power in powers.items() if power != 0)
        if number == 0 or not left:
            return self.number(number)
        if number == 1 and len(left) == 1 and left[0][1] == 1:
            return left[0][0]
        return self.make("product", number, left)

    def power(self, base: Expression, exponent: float) -> Expression:
        """Return base to the power of a number."""
        if base.kind == "number" and (base.args[0] > 0 or (exponent == int(exponent) and base.args[0] != 0)):
            return self.number(base.args[0] ** exponent)
        if base.kind == "product" and exponent == int(exponent):
            powers = {part: power * exponent for part, power in base.args[1]}
            return self._product(float(base.args[0]) ** exponent, powers)
        return self._product(1.0, {base: float(exponent)})

    def negate(self, value: Expression) -> Expression:
        """Return -value."""
        return self.multiply(self.number(-1), value)

    def where(self, condition: Expression, one: Expression, other: Expression) -> Expression:
        """Return one value where a condition holds, another elsewhere."""
        if one.kind == "where" and _exclude(condition, one.args[0]):
            one = one.args[2]
        if other.kind == "where" and other.args[0] is condition:
            other = other.args[2]
        return one if one is other else self.make("where", condition, one, other)

    def call(self, function: str, *args: Expression) -> Expression:
        """Return a function of expressions, with the identities that derivatives often need."""
        if function == "expm1":
            return self.add(self.call("exp", *args), self.number(-1))
        if function == "log1p":
            return self.call("log", self.add(self.number(1), *args))
        if function == "exp" and args[0].kind == "sum":
            _, terms = args[0].args
            softplus = [part for part, factor in terms if factor == -1 and part.kind == "log1pexp"]
            for part in softplus:
                if args[0] is self.add(part.args[0], self.negate(part)):
                    return self.make("call", "σ", part.args[0])  # exp(x - log(1 + exp x))
        if function == "logaddexp" and args[0] is self.number(0):
            return self.make("log1pexp", args[1])
        return self.make("call", function, *args)


def _is_mask(expression: Expression) -> bool:
    return expression.kind == "where" and any(
        part.kind == "number" and part.args[0] in (0, 1) for part in expression.args[1:]
    )


def _masks(expression: Expression) -> bool:
    """Tell whether an expression is 0 unless a condition holds."""
    if expression.kind != "where" or expression.args[2].kind != "number":
        return False
    return bool(expression.args[2].args[0] == 0)


def _exclude(one: Expression, other: Expression) -> bool:
    """Tell whether two conditions never hold together: x > y and x < y."""
    if one.kind != "compare" or other.kind != "compare" or one.args[1:] != other.args[1:]:
        return False
    return {one.args[0], other.args[0]} in ({">", "<"}, {">", "≤"}, {"≥", "<"})
