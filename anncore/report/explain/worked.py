"""The formula of a component's documentation with numbers in place of its letters: max(0.55, 0).

Documentation is read as mathematics: products without a sign, cases with "where", roots and powers. A formula
is only shown with numbers if it gives the engine's number, so one that says something else is never shown.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

Values = Mapping[str, float]

TOKEN = re.compile(r"\s*(\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+|[^\W\d_][^\W\d]*'?|[²³⁴]|[-+*/^(),|√<>≤≥=·])")
FUNCTIONS: dict[str, Callable[..., float]] = {
    **{name: getattr(math, name) for name in ("exp", "log", "sqrt", "erf", "sin", "cos", "sinh", "cosh")},
    **{
        "max": max,
        "min": min,
        "σ": lambda x: 1 / (1 + math.exp(-x)),
        np.sign.__name__: lambda x: (x > 0) - (x < 0),
    },
    **{"Φ": lambda x: (1 + math.erf(x / math.sqrt(2))) / 2, math.tanh.__name__: math.tanh},
}
POWERS = {"²": 2, "³": 3, "⁴": 4}
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    **{"<": lambda a, b: a < b, ">": lambda a, b: a > b, "=": lambda a, b: a == b},
    **{"≤": lambda a, b: a <= b, "≥": lambda a, b: a >= b},
}
CLOSE = 1e-6  # of the formula's value to the engine's number, relative


class Token(NamedTuple):
    """A word or sign of a formula, and where it stands."""

    text: str
    start: int
    end: int


class Unreadable(ValueError):
    """A formula that this module cannot read."""


def in_numbers(
    formulas: Sequence[str], left: str, values: Values, result: float, number: Callable[[float], str]
) -> str:
    """Return the formula of `left`, such as "f(z)", with numbers; "" where none gives the result.

    formulas: the lines of the documentation. values: the numbers of the letters; "f(z)" may be one of them.
    """
    known = {**values, **_constants(formulas)}
    for text in _right_sides(formulas, left):
        try:
            tokens = _tokens(text)
            reader = _Reader(tokens, known)
            value = reader.cases()
        except (Unreadable, ArithmeticError, ValueError, TypeError, IndexError):
            continue
        if math.isclose(value, result, rel_tol=CLOSE, abs_tol=1e-9):
            return _substituted(text, tokens[: reader.at], known, number)
    return ""


def _right_sides(formulas: Sequence[str], left: str) -> Iterator[str]:
    for line in formulas:
        name, equals, right = line.partition("=")
        if equals and name.strip() == left:
            yield right.strip()


def _constants(formulas: Sequence[str]) -> dict[str, float]:
    """Return the letters that a documentation gives a number: "λ = 1.05,  α = 1.67"."""
    text = "\n".join(formulas)
    return {name: float(value) for name, value in re.findall(r"(?<![\w'])([^\W\d_])\s*=\s*(\d+\.\d+)", text)}


def _tokens(text: str) -> list[Token]:
    tokens, at = [], 0
    while match := TOKEN.match(text, at):
        tokens.append(Token(match[1], match.start(1), match.end(1)))
        at = match.end()
    return tokens


class _Reader:
    """Reads tokens as an expression, as far as they are one, and computes it. at: the first unread token."""

    def __init__(self, tokens: Sequence[Token], values: Values) -> None:
        self.tokens, self.values, self.at = tokens, values, 0

    @property
    def next(self) -> str:
        """The next token, "" at the end."""
        return self.tokens[self.at].text if self.at < len(self.tokens) else ""

    def take(self, text: str = "") -> str:
        """Return the next token and go on; it must be `text` if that is given."""
        token = self.next
        if not token or (text and token != text):
            raise Unreadable
        self.at += 1
        return token

    def cases(self) -> float:
        """Read "A where C, B elsewhere", or one expression."""
        value = self.sum()
        if self.next != "where":
            return value
        self.take()
        holds = self.condition()
        self.take(",")
        other = self.cases()
        if self.next == "elsewhere":
            self.take()
        return value if holds else other

    def condition(self) -> bool:
        """Read a comparison."""
        left = self.sum()
        sign = self.take()
        if sign not in COMPARISONS:
            raise Unreadable
        return COMPARISONS[sign](left, self.sum())

    def sum(self) -> float:
        """Read a sum."""
        value = self.product()
        while self.next in ("+", "-"):
            value = value + self.product() if self.take() == "+" else value - self.product()
        return value

    def product(self) -> float:
        """Read a product, whose factors may stand side by side."""
        value = self.signed()
        while True:
            if self.next in ("*", "·"):
                self.take()
                value *= self.signed()
            elif self.next == "/":
                self.take()
                value /= self.signed()
            elif self._starts_factor():
                value *= self.power()
            else:
                return value

    def _starts_factor(self) -> bool:
        return bool(self.next) and _starts(self.next) and self.next not in ("where", "elsewhere")

    def signed(self) -> float:
        """Read a factor with its sign."""
        if self.next == "-":
            self.take()
            return -self.signed()
        return self.power()

    def power(self) -> float:
        """Read a factor with its exponent."""
        value = self.atom()
        if self.next in POWERS:
            return value ** POWERS[self.take()]
        if self.next == "^":
            self.take()
            return float(value ** self.signed())
        return value

    def atom(self) -> float:
        """Read a number, a letter, a function, or what is in parentheses."""
        whole = _call(self.tokens, self.at)
        if whole in self.values:
            self.at += 4
            return self.values[whole]
        token = self.take()
        if token == "(":
            value = self.cases()
            self.take(")")
            return value
        if token == "|":
            value = self.sum()
            self.take("|")
            return abs(value)
        if token == "√":
            return math.sqrt(self.atom())
        if token in self.values:
            return self.values[token]
        if token in FUNCTIONS:
            return FUNCTIONS[token](*self.arguments())
        if token == "π":
            return math.pi
        return _number(token)

    def arguments(self) -> list[float]:
        """Read the arguments of a function: in parentheses, or the factor that follows."""
        if self.next != "(":
            return [self.power()]
        self.take()
        values = [self.cases()]
        while self.next == ",":
            self.take()
            values.append(self.cases())
        self.take(")")
        return values


def _call(tokens: Sequence[Token], at: int) -> str:
    """Return four tokens such as f(z) as one."""
    four = [token.text for token in tokens[at : at + 4]]
    return "".join(four) if len(four) == 4 and four[1] == "(" and four[3] == ")" else ""


def _number(token: str) -> float:
    if not token[0].isdigit() and token[0] != ".":
        raise Unreadable
    return float(token)


def _substituted(text: str, tokens: Sequence[Token], values: Values, number: Callable[[float], str]) -> str:
    """Return the text that these tokens are, with numbers for letters and signs between factors."""
    pieces: list[str] = []
    at, end, before = 0, tokens[0].start, ""
    while at < len(tokens):
        token = tokens[at]
        gap = re.sub(r"\s+", " ", text[end : token.start])
        whole = _call(tokens, at)
        name = whole if whole in values else token.text
        at += 4 if whole in values else 1
        written = name if name not in values else number(values[name])
        if before and _ends_factor(before, values) and _starts(name) and name not in ("where", "elsewhere"):
            gap = "*"
        elif before in FUNCTIONS and name != "(":
            gap, written = "", f"({written})"
        if written.startswith("-") and name in values and before not in ("", "(", ",", "where"):
            written = f"({written})" if not written.startswith("(") else written
        pieces += [gap, written]
        before, end = name, tokens[at - 1].end
    return "".join(pieces).strip()


def _ends_factor(token: str, values: Values) -> bool:
    return token in values or token[0].isdigit() or token in (")", *POWERS)


def _starts(token: str) -> bool:
    return (token[0].isalnum() or token[0] in "(√") and token not in POWERS


def hyperparameters(component: Any) -> dict[str, float]:
    """Return the numbers of a component's fields by name."""
    from anncore.contract.hyperparameters import declared

    cls: Any = type(component)
    values = {}
    for key in declared(cls):
        value = getattr(component, key)
        if getattr(value, "shape", None) == (1, 1, 1):
            value = value.ravel()[0]
        if isinstance(value, (int, float)) or getattr(value, "shape", None) == ():
            values[key] = float(value)
    return values
