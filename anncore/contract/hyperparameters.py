"""Hyperparameters: declared in one line, in one place, and checked when a component is built.

    lr: Hyper = hyper(1e-3, "(0, inf)", search=log(1e-4, 1e-1))
    eps_mode: str = hyper("outside", ("outside", "inside", "hat"))
    hidden: tuple[int, ...] = hyper((32, 32), "list int [1, inf)")
    activation: Any = ref("activation", "relu")

A domain is an interval of reals ("[0, 1)"), of integers ("int [1, inf)"), a list of either
("list int [1, inf)") or of texts ("list str"), "bool", "str", "path" (a file, relative to the
experiment file), "value" (whatever a file can hold), or a tuple of the allowed values. After "optional" an
interval has None as a value too, which is the default where nothing is written. Only a hyperparameter from
a real interval may differ between the trials of one stack, as an array; all others are the component's
structure.
"""

from __future__ import annotations

import dataclasses
import math
import numbers
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from anncore.contract.counts import agreeing
from anncore.contract.errors import ComponentError, nearest


class Search(NamedTuple):
    """A range to search: how = "log", "linear" or "choice"; values = (low, high) or the choices."""

    how: str
    values: tuple[Any, ...]


def log(low: float, high: float) -> Search:
    """A range that is searched evenly in the logarithm; 0 < low < high."""
    return Search("log", (low, high))


def linear(low: float, high: float) -> Search:
    """A range that is searched evenly; low < high."""
    return Search("linear", (low, high))


def choice(*values: Any) -> Search:
    """A set of equally likely values."""
    return Search("choice", values)


@dataclass(frozen=True)
class Interval:
    """Real numbers or integers between two bounds, each open or closed."""

    low: float
    high: float
    closed_low: bool
    closed_high: bool
    integer: bool = False
    optional: bool = False

    @classmethod
    def parse(cls, text: str) -> Interval:
        """Read "[0, 1)", "int [1, inf)" or "optional [0, 1)"."""
        match = re.fullmatch(r"(optional )?(int )?([\[(])\s*(\S+?)\s*,\s*(\S+?)\s*([\])])", text.strip())
        if match is None:
            raise ValueError(f"not an interval: {text!r}; write for example '[0, 1)' or 'int [1, inf)'")
        optional, integer, left, low, high, right = match.groups()
        ends = left == "[", right == "]"
        try:
            interval = cls(float(low), float(high), *ends, bool(integer), bool(optional))
        except ValueError:
            raise ValueError(f"not an interval: {text!r}; its bounds must be numbers, inf or -inf") from None
        # Values are finite, so a bound at infinity is open, and must be written as open.
        if interval.holds(math.inf) or interval.holds(-math.inf):
            raise ValueError(f"not an interval: {text!r}; a bound at infinity is open")
        if not (interval.low < interval.high or interval.holds(interval.low)):
            raise ValueError(f"not an interval: {text!r}; no number lies in it")
        return interval

    def __str__(self) -> str:
        def number(value: float) -> str:
            return str(int(value)) if value.is_integer() and abs(value) < 1e16 else repr(value)

        left, right = "[" if self.closed_low else "(", "]" if self.closed_high else ")"
        return f"{left}{number(self.low)}, {number(self.high)}{right}"

    def describe(self) -> str:
        """Return the text for an error: "in [0, 1)", "a whole number in [1, inf)"."""
        return f"a whole number in {self}" if self.integer else f"in {self}"

    def holds(self, value: float) -> bool:
        """Tell whether `value` lies inside; NaN does not."""
        above = value >= self.low if self.closed_low else value > self.low
        below = value <= self.high if self.closed_high else value < self.high
        return bool(above and below)

    def covers(self, other: Interval) -> bool:
        """Tell whether every number of `other` lies inside."""
        low = self.low < other.low or (self.low == other.low and (self.closed_low or not other.closed_low))
        high = self.high > other.high or (
            self.high == other.high and (self.closed_high or not other.closed_high)
        )
        return low and high

    def check(self, value: Any) -> Any:
        """Return `value` as float or int, None where that is allowed, or raise ValueError with the rule."""
        if value is None and self.optional:
            return None
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise ValueError(f"must be {self.describe()}")
        try:
            number = float(value)
        except OverflowError:  # a whole number of hundreds of digits
            number = math.inf
        if not math.isfinite(number) or not self.holds(number):
            raise ValueError(f"must be {self.describe()}")
        if not self.integer:
            return number
        if not number.is_integer():
            raise ValueError(f"must be {self.describe()}")
        return int(value) if isinstance(value, int) else int(number)  # beyond 2**53 a float has gaps


@dataclass(frozen=True)
class ListOf:
    """A list with all items in one domain; kept as a tuple."""

    item: Interval | Plain

    def describe(self) -> str:
        """Return the text for an error."""
        return f"a list, each item {self.item.describe()}"

    def check(self, value: Any) -> Any:
        """Return `value` as a tuple, or raise ValueError with the rule."""
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"must be {self.describe()}")
        try:
            return tuple(self.item.check(item) for item in value)
        except ValueError:
            raise ValueError(f"must be {self.describe()}") from None


@dataclass(frozen=True)
class OneOf:
    """One of a few named values."""

    values: tuple[Any, ...]

    def describe(self) -> str:
        """Return the text for an error."""
        return "one of " + ", ".join(repr(value) for value in self.values)

    def check(self, value: Any) -> Any:
        """Return `value`, or raise ValueError with the rule and the nearest spelling."""
        for (
            declared_value
        ) in self.values:  # True == 1 in Python, but an experiment file means only one of them
            if value == declared_value and isinstance(value, bool) == isinstance(declared_value, bool):
                return declared_value
        raise ValueError(f"must be {self.describe()}")


@dataclass(frozen=True)
class Plain:
    """A bool, a text, a path, or a value of any type that a file can hold."""

    type: str

    def describe(self) -> str:
        """Return the text for an error."""
        return PLAIN[self.type]

    def check(self, value: Any) -> Any:
        """Return `value`, or raise ValueError with the rule."""
        if self.type == "value":
            return self._any(value)
        if not isinstance(value, bool if self.type == "bool" else str):
            raise ValueError(f"must be {self.describe()}")
        return value

    def _any(self, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return tuple(map(self._any, value))
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"must be {self.describe()}")
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        raise ValueError(f"must be {self.describe()}")


PLAIN = {
    "bool": "true or false",
    "str": "a text",
    "path": "a file's path",
    "value": "a number, a text, true, false, or a list",
}
"""The types of `Plain`, as errors say them. "value" is for what declares no type; it may be missing too."""


Domain = Interval | ListOf | OneOf | Plain


def parse_domain(domain: str | tuple[Any, ...]) -> Domain:
    """Parse a domain as an author writes it."""
    if isinstance(domain, tuple):
        return OneOf(domain)
    if domain in PLAIN:
        return Plain(domain)
    if domain == "list str":
        return ListOf(Plain("str"))
    if domain.startswith("list "):
        return ListOf(Interval.parse(domain.removeprefix("list ")))
    return Interval.parse(domain)


class Declared(NamedTuple):
    """One declared hyperparameter of a component."""

    name: str
    default: Any
    domain: Domain
    search: Search | None = None
    help: str = ""

    @property
    def stackable(self) -> bool:
        """Whether the trials of one stack may hold different values of it, as an array."""
        domain = self.domain
        return isinstance(domain, Interval) and not (domain.integer or domain.optional)

    @property
    def is_list(self) -> bool:
        """Whether one value is itself a list; then only a list of lists is a grid."""
        return isinstance(self.domain, ListOf)


class Shorthand(NamedTuple):
    """A key that files may set in place of a hyperparameter, alone or with other such keys.

    stands_for: that hyperparameter. declared: its own default, which holds where another key for the same
    hyperparameter is given alone, and its domain.
    """

    stands_for: str
    declared: Declared


class Reference(NamedTuple):
    """One declared reference of a component to components of another kind."""

    name: str
    kind: str
    default: str


def hyper(default: Any, domain: str | tuple[Any, ...], search: Search | None = None, help: str = "") -> Any:
    """Declare a hyperparameter: its default, its domain, and the range worth searching."""
    return dataclasses.field(
        default=default, metadata={"annx": ("param", parse_domain(domain), search, help)}
    )


def ref(kind: str, default: str) -> Any:
    """Declare a reference to a component of another kind, by name.

    Examples are a network's activation and a wrapper's inner optimizer. In an experiment it takes a name, or
    a list of names, one per layer. Without it, the experiment's entries of that kind are used. When the core
    calls the component, the field holds a tuple of built components.
    """
    return dataclasses.field(default=default, metadata={"annx": ("ref", kind)})


def shorthand(
    stands_for: str, default: Any, domain: str, search: Search | None = None, help: str = ""
) -> Shorthand:
    """Declare a key that files may set in place of a hyperparameter, which `Component.in_full` writes out."""
    return Shorthand(stands_for, Declared("", default, parse_domain(domain), search, help))


@cache
def declared(cls: Any) -> dict[str, Declared]:
    """Return a component class's hyperparameters by name, in the order of its fields."""
    declarations = {}
    for field in dataclasses.fields(cls):
        mark = field.metadata.get("annx")
        if mark is not None and mark[0] == "param":
            declarations[field.name] = Declared(field.name, field.default, *mark[1:])
    return declarations


@cache
def settable(cls: Any) -> dict[str, Declared]:
    """Return what a file may set of a component: its hyperparameters, and the keys that stand for them."""
    shorthands: Mapping[str, Shorthand] = getattr(cls, "shorthands", {})
    short = {
        key: one.declared._replace(name=key, help=one.declared.help or f"stands for {one.stands_for}")
        for key, one in shorthands.items()
    }
    return {**declared(cls), **short}


@cache
def references(cls: Any) -> dict[str, Reference]:
    """Return a component class's references by name."""
    return {
        field.name: Reference(field.name, field.metadata["annx"][1], str(field.default))
        for field in dataclasses.fields(cls)
        if field.metadata.get("annx", ("",))[0] == "ref"
    }


def resolve(cls: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return every hyperparameter of `cls` with its value: given, from the preset, or the default.

    `values` may hold `preset`, a name in the class's `presets`. Raises ComponentError that names
    component, key, rule, value and nearest spelling. References are not checked here.
    """
    declarations, presets = declared(cls), cls.presets
    base: Mapping[str, Any] = {}
    if "preset" in values:
        name = values["preset"]
        if not isinstance(name, str) or name not in presets:
            offer = f"it has {', '.join(presets)}" if presets else "it has none"
            raise ComponentError(
                f"{cls.name}: no preset is called {name!r}; {offer}.{nearest(str(name), presets)}"
            )
        base = presets[name]
    given = {key: value for key, value in values.items() if key != "preset" and key not in references(cls)}
    if any(key in getattr(cls, "shorthands", {}) for key in given):
        given = _in_full(cls, given)
    for key in given:
        if key not in declarations:
            names = ", ".join([*settable(cls), *references(cls)]) or "none"
            raise ComponentError(
                f"{cls.name}: unknown hyperparameter {key!r}; known are {names}.{nearest(key, declarations)}"
            )
    resolved = {}
    for key, declaration in declarations.items():
        value = given.get(key, base.get(key, declaration.default))
        resolved[key] = resolve_value(cls, declaration, value)
    return resolved


def _in_full(cls: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with each hyperparameter in place of the keys that stand for it."""
    full = {key: value for key, value in given.items() if key not in cls.shorthands}
    for name in dict.fromkeys(cls.shorthands[key].stands_for for key in given if key in cls.shorthands):
        if name in given:
            raise ComponentError(given_twice(cls, name, given))
        short = {
            key: resolve_value(cls, settable(cls)[key], given.get(key, one.declared.default))
            for key, one in cls.shorthands.items()
            if one.stands_for == name
        }
        full[name] = cls.in_full(name, short)
    return full


def given_twice(cls: Any, name: str, given: Iterable[str]) -> str:
    """Say that a hyperparameter is given beside keys that stand for it."""
    own = [key for key, one in cls.shorthands.items() if one.stands_for == name and key in set(given)]
    stand = agreeing(len(own), "stand")
    return f"{cls.name}: {' and '.join(own)} {stand} for {name}, which is given too; leave out one of them"


def resolve_value(cls: Any, declaration: Declared, value: Any) -> Any:
    """Return one hyperparameter's value in its domain; raises ComponentError as `resolve` does."""
    domain = declaration.domain
    try:
        return domain.check(value)
    except ValueError as error:
        guess = ""
        if isinstance(domain, OneOf) and isinstance(value, str):
            guess = "." + nearest(value, map(str, domain.values))
        reason = f"{cls.name}: {declaration.name} {error}, got {value!r}{guess}"
        raise ComponentError(reason.rstrip(".")) from None


def build(cls: Any, **values: Any) -> Any:
    """Build a component with checked values; `preset` and references as in an experiment.

    Raises ComponentError for a value outside its domain, and if the component's `validate()` raises
    ValueError.
    """
    extra = {key: value for key, value in values.items() if key in references(cls)}
    built = cls(**resolve(cls, values), **extra)
    try:
        built.validate()
    except ValueError as error:
        raise ComponentError(f"{cls.name}: {error}") from None
    return built
