"""Numbers that remember the formula they come from.

NumPy calls the operators of the entries of an object array. So a formula that runs on arrays of `Scalar`
leaves in every entry how that number is made of named ones, and nothing of the formula is written twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 4  # how strongly a text binds

Namer = Callable[["Scalar"], str]
"""Returns the text of a named number: its name, or its value."""


LONGEST = 3000
"""Operations and names in the formula of one number that is shown."""
MOST = 1_000_000
"""Operations and names in a formula that is built at all."""


class TooLong(ValueError):
    """A formula would be longer than anybody reads, such as that of a root that is found in rounds.

    Each round names the numbers of the one before several times, so written out it grows without end.
    """


class Scalar:
    """A number, and how it is made: `kind` is "name", "number", "sum", "product", "power" or a function's.

    size: the number of operations, names and constants in its formula, written out. Beyond MOST it raises
    TooLong.
    """

    __slots__ = ("args", "kind", "size", "value")

    def __init__(self, value: float, kind: str = "number", args: tuple[Any, ...] = ()) -> None:
        self.value, self.kind, self.args = float(value), kind, args
        self.size: int = 1 if kind == "name" else 1 + sum(arg.size for arg in args)
        if self.size > MOST:
            raise TooLong(f"a formula of {self.size:,} operations and names")

    @classmethod
    def named(cls, value: float, *name: Any) -> Scalar:
        """Return a number with a name; what `name` holds is up to the caller."""
        return cls(value, "name", name)

    def is_number(self, value: float) -> bool:
        """Tell whether this is a constant of that value."""
        return self.kind == "number" and self.value == value

    def __add__(self, other: Any) -> Scalar:
        other = scalar(other)
        if self.is_number(0):
            return other
        if other.is_number(0):
            return self
        return Scalar(self.value + other.value, "sum", (*self._terms(), *other._terms()))

    def __neg__(self) -> Scalar:
        if self.kind == "number":
            return Scalar(-self.value)
        if self.kind == "product" and self.args[0].kind == "number":
            return Scalar(-1 * self.args[0].value) * _product(self.args[1:])
        return Scalar(-self.value, "product", (Scalar(-1), *self._factors()))

    def __sub__(self, other: Any) -> Scalar:
        return self + -scalar(other)

    def __mul__(self, other: Any) -> Scalar:
        other = scalar(other)
        for one, two in ((self, other), (other, self)):
            if one.is_number(0):
                return one
            if one.is_number(1):
                return two
            if one.is_number(-1):
                return -two
            if one.kind == "quotient" and one.args[0].is_number(1):
                return two / one.args[1]
        return _product((*self._factors(), *other._factors()))

    def __truediv__(self, other: Any) -> Scalar:
        other = scalar(other)
        if other.is_number(1):
            return self
        if self.kind == "number" and other.kind == "number":
            return Scalar(_quotient(self.value, other.value))
        if self.kind == "product" and self.args[0].kind == "number" and self.args[0].value < 0:
            return -(-self / other)
        return Scalar(_quotient(self.value, other.value), "quotient", (self, other))

    def __pow__(self, other: Any) -> Scalar:
        other = scalar(other)
        if other.is_number(1):
            return self
        try:
            value = self.value**other.value
        except (OverflowError, ZeroDivisionError):
            value = math.nan
        if isinstance(value, complex):
            value = math.nan
        if self.kind == "number" and other.kind == "number":
            return Scalar(value)
        return Scalar(value, "power", (self, other))

    def __abs__(self) -> Scalar:
        return self.call("abs", abs)

    def call(self, name: str, function: Callable[[float], float]) -> Scalar:
        """Return a function of this number."""
        try:
            value = function(self.value)
        except (ValueError, OverflowError):
            value = math.nan
        return Scalar(value) if self.kind == "number" else Scalar(value, name, (self,))

    def __radd__(self, other: Any) -> Scalar:
        return scalar(other) + self

    def __rsub__(self, other: Any) -> Scalar:
        return scalar(other) - self

    def __rmul__(self, other: Any) -> Scalar:
        return scalar(other) * self

    def __rtruediv__(self, other: Any) -> Scalar:
        return scalar(other) / self

    def __rpow__(self, other: Any) -> Scalar:
        return scalar(other) ** self

    def __float__(self) -> float:
        return self.value

    def __bool__(self) -> bool:
        return bool(self.value)

    def __lt__(self, other: Any) -> bool:
        return self.value < float(other)

    def __le__(self, other: Any) -> bool:
        return self.value <= float(other)

    def __gt__(self, other: Any) -> bool:
        return self.value > float(other)

    def __ge__(self, other: Any) -> bool:
        return self.value >= float(other)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (Scalar, int, float)) and self.value == float(other)

    __hash__ = object.__hash__

    def _terms(self) -> tuple[Scalar, ...]:
        return self.args if self.kind == "sum" else (self,)

    def _factors(self) -> tuple[Scalar, ...]:
        return self.args if self.kind == "product" else (self,)


def _function(name: str, function: Callable[[float], float]) -> Callable[[Scalar], Scalar]:
    return lambda number: number.call(name, function)


# NumPy's ufuncs call the method of their own name.
for _alike in (math.exp, math.expm1, math.log, math.log1p, math.log2, math.log10, math.sqrt, math.floor):
    setattr(Scalar, _alike.__name__, _function(_alike.__name__, _alike))
for _alike in (math.sin, math.cos, math.tan, math.sinh, math.cosh, math.tanh, math.ceil):
    setattr(Scalar, _alike.__name__, _function(_alike.__name__, _alike))
for _inverse in (math.asin, math.acos, math.atan, math.asinh, math.acosh, math.atanh):
    _name = f"arc{_inverse.__name__[1:]}"
    setattr(Scalar, _name, _function(_name, _inverse))


def _chosen(name: str, choose: Callable[[float, float], float]) -> np.ufunc:
    """Return the larger or smaller of two numbers as a formula that names both."""

    def chosen(one: Any, other: Any) -> Scalar:
        pair = (scalar(one), scalar(other))
        value = math.nan if any(math.isnan(part.value) for part in pair) else choose(*map(float, pair))
        return Scalar(value) if all(part.kind == "number" for part in pair) else Scalar(value, name, pair)

    return np.frompyfunc(chosen, 2, 1)


CHOICES: Mapping[Any, np.ufunc] = {np.maximum: _chosen("max", max), np.minimum: _chosen("min", min)}
"""What takes the place of NumPy's functions, which would leave one of two formulas."""


def scalar(value: Any) -> Scalar:
    """Return a constant as a `Scalar`."""
    return value if isinstance(value, Scalar) else Scalar(float(value))


def _product(factors: Sequence[Scalar]) -> Scalar:
    number, others = 1.0, []
    for factor in factors:
        if factor.kind == "number":
            number *= factor.value
        else:
            others.append(factor)
    value = number * math.prod(factor.value for factor in others)
    if not others or number == 0:
        return Scalar(number)
    if number != 1:
        others.insert(0, Scalar(number))
    return others[0] if len(others) == 1 else Scalar(value, "product", tuple(others))


def _quotient(above: float, below: float) -> float:
    try:
        return above / below
    except ZeroDivisionError:
        return math.nan if above == 0 or math.isnan(above) else math.copysign(math.inf, above)


def names_in(number: Scalar) -> Iterator[Scalar]:
    """Yield the named numbers of a formula, from left to right."""
    if number.kind == "name":
        yield number
    else:
        for arg in number.args:
            yield from names_in(arg)


def evaluated(number: Scalar, value_of: Callable[[Scalar], float]) -> float:
    """Return the value of a formula whose named numbers have the values that `value_of` gives."""

    def replaced(inner: Scalar) -> Scalar:
        if inner.kind == "name":
            return Scalar.named(value_of(inner), *inner.args)
        if inner.kind == "number":
            return inner
        args = [replaced(arg) for arg in inner.args]
        if inner.kind == "sum":
            return Scalar(sum(arg.value for arg in args))
        if inner.kind == "product":
            return Scalar(math.prod(arg.value for arg in args))
        if inner.kind == "quotient":
            return Scalar(_quotient(args[0].value, args[1].value))
        if inner.kind == "power":
            return Scalar(args[0].value) ** Scalar(args[1].value)
        if inner.kind in ("max", "min"):
            return Scalar((max if inner.kind == "max" else min)(arg.value for arg in args))
        made: Scalar = abs(args[0]) if inner.kind == "abs" else getattr(Scalar(args[0].value), inner.kind)()
        return made

    return replaced(number).value


def with_names(number: Scalar, names: Mapping[int, Scalar]) -> Scalar:
    """Return a formula in which the numbers with these identities stand under their names."""
    if id(number) in names:
        return names[id(number)]
    if number.kind in ("name", "number"):
        return number
    return Scalar(number.value, number.kind, tuple(with_names(arg, names) for arg in number.args))


def merged(number: Scalar) -> Scalar:
    """Return a sum of which every term stands there equally often as that many times the sum of one each."""
    if number.kind != "sum":
        inner = number.args[:1]
        if number.kind == "quotient" and inner[0].kind == "sum":
            return merged(inner[0]) / number.args[1]
        return number
    terms: dict[str, list[Scalar]] = {}
    for term in number.args:
        terms.setdefault(text_of(term, _plainly), []).append(term)
    counts = {len(equal) for equal in terms.values()}
    if len(counts) > 1 or counts == {1}:
        return number
    first, *others = (equal[0] for equal in terms.values())
    return Scalar(counts.pop()) * sum(others, first)


def _plainly(number: Scalar) -> str:
    name: str = number.args[0].name(*number.args[1:]) if number.kind == "name" else repr(number.value)
    return name


def text_of(number: Scalar, namer: Namer, rank: int = 0) -> str:
    """Return a formula as text, in parentheses where it binds less strongly than `rank`."""
    text, own = _written(number, namer)
    return f"({text})" if own < rank else text


def _written(number: Scalar, namer: Namer) -> tuple[str, int]:
    kind, args = number.kind, number.args
    if kind in ("name", "number"):
        text = namer(number)
        return text, SUM if text.startswith("-") else ATOM
    if kind == "sum":
        text = text_of(args[0], namer)
        for term in args[1:]:
            part = text_of(term, namer)
            negative = part.startswith("-") and term.kind in ("name", "number", "product")
            text += f" - {part[1:]}" if negative else f" + {part}"
        return text, SUM
    if kind == "product":
        if args[0].kind == "number" and args[0].value < 0:
            return "-" + text_of(_product((-args[0], *args[1:])), namer, PRODUCT), SUM
        first, *others = (text_of(arg, namer, PRODUCT) for arg in args)
        return "*".join([first, *others]), PRODUCT
    if kind == "quotient":
        return f"{text_of(args[0], namer, PRODUCT)} / {text_of(args[1], namer, POWER)}", PRODUCT
    if kind == "power":
        return f"{text_of(args[0], namer, ATOM)}^{text_of(args[1], namer, ATOM)}", POWER
    if kind == "abs":
        return f"|{text_of(args[0], namer)}|", ATOM
    if kind == "log1p":
        return f"log({text_of(Scalar(1) + args[0], namer)})", ATOM
    if kind == "expm1":
        return f"exp({text_of(args[0], namer)}) - 1", SUM
    return f"{kind}({', '.join(text_of(arg, namer) for arg in args)})", ATOM
