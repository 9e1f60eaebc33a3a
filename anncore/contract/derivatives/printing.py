"""Printing of derivatives: the graph of a gradient as a line of mathematics, and what is named in it."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.derivatives import primitives
from anncore.contract.derivatives.algebra import Algebra, Expression
from anncore.contract.derivatives.reverse import ordered
from anncore.contract.derivatives.symbols import Node, Opaque, Symbol

LONG = 48  # a part with a longer text gets a name of its own
LETTERS = "tuvwpqrsh"
SUPERSCRIPTS: dict[float, str] = {2.0: "²", 3.0: "³", 4.0: "⁴"}


class Printed(NamedTuple):
    """A derivative as text. where: the text of every name in it, in the order of use."""

    text: str
    where: dict[str, str]

    def lines(self, left: str) -> list[str]:
        """Return the lines "left = text" and what its names stand for."""
        return [f"{left} = {self.text}", *(f"    {name} = {text}" for name, text in self.where.items())]


def printed(
    output: Any,
    names: Mapping[Node, str],
    lengths: Mapping[str, int],
    result: tuple[Node, str] | None = None,
    products: str = " ",
) -> Printed:
    """Return the text of a graph's output.

    names: those of the inputs. lengths: the lengths of axes, such as N and D, which constants are made of.
    result: the node of the formula itself, and how it is called where the derivative uses it. products: the
    sign between the factors of a product number by number, other than " " where matrices are multiplied.
    """
    algebra = Algebra()
    made: dict[Node, Expression] = {node: algebra.name(name) for node, name in names.items()}
    ends = [output.node] if isinstance(output, Symbol) else []
    if result is not None:
        ends.append(result[0])
    guards = output.graph.guards if isinstance(output, Symbol) else ()
    for node in ordered(ends):
        if node in made:
            continue
        operands = [_operand(algebra, arg, made) for arg in node.args]
        guarded = node.function is np.where and node.args[0] in guards  # for computing, not for reading
        made[node] = operands[2] if guarded else _expression(algebra, node, operands)
    root = made[output.node] if isinstance(output, Symbol) else _operand(algebra, output, made)
    root = algebra.add(root)
    taken = {made[result[0]]: result[1]} if result is not None else {}
    writer = _Writer(root, lengths, set(names.values()), taken, products)
    text = writer.text(root, whole=True)
    return Printed(text, writer.where)


def _operand(algebra: Algebra, value: Any, made: Mapping[Node, Expression]) -> Expression:
    if isinstance(value, Node):
        return made[value]
    numbers = np.asarray(value)
    if numbers.size and numbers.dtype.kind in "biuf" and (numbers == numbers.flat[0]).all():
        return algebra.number(float(numbers.flat[0]))
    return algebra.name("constant")


# From operations to expressions

Maker = Callable[[Algebra, list[Expression]], Expression]


def _compare(sign: str) -> Maker:
    return lambda algebra, args: algebra.make("compare", sign, *args)


def _power(algebra: Algebra, args: list[Expression]) -> Expression:
    base, exponent = args
    if exponent.kind == "number":
        return algebra.power(base, exponent.args[0])
    return algebra.make("call", "power", base, exponent)


def _divide(algebra: Algebra, args: list[Expression]) -> Expression:
    return algebra.multiply(args[0], algebra.power(args[1], -1))


def _clip(algebra: Algebra, args: list[Expression]) -> Expression:
    inner, low, high = args
    if not (low.kind == "number" and low.args[0] == -math.inf):
        inner = algebra.call("max", inner, low)
    if not (high.kind == "number" and high.args[0] == math.inf):
        inner = algebra.call("min", inner, high)
    return inner


MAKERS: dict[Any, Maker] = {
    **dict.fromkeys((operator.add, np.add), lambda algebra, args: algebra.add(*args)),
    **dict.fromkeys(
        (operator.sub, np.subtract), lambda algebra, args: algebra.add(args[0], algebra.negate(args[1]))
    ),
    **dict.fromkeys((operator.mul, np.multiply), lambda algebra, args: algebra.multiply(*args)),
    **dict.fromkeys((operator.truediv, np.true_divide), _divide),
    **dict.fromkeys((operator.neg, np.negative), lambda algebra, args: algebra.negate(args[0])),
    **dict.fromkeys((operator.pow, np.power, np.float_power, primitives.power), _power),
    np.square: lambda algebra, args: algebra.power(args[0], 2),
    np.sqrt: lambda algebra, args: algebra.power(args[0], 0.5),
    np.reciprocal: lambda algebra, args: algebra.power(args[0], -1),
    np.where: lambda algebra, args: algebra.where(*args),
    np.clip: _clip,
    **dict.fromkeys((operator.gt, np.greater), _compare(">")),
    **dict.fromkeys((operator.ge, np.greater_equal), _compare("≥")),
    **dict.fromkeys((operator.lt, np.less), _compare("<")),
    **dict.fromkeys((operator.le, np.less_equal), _compare("≤")),
    **dict.fromkeys((operator.eq, np.equal), _compare("=")),
    **dict.fromkeys((operator.ne, np.not_equal), _compare("≠")),
    **dict.fromkeys((operator.and_, np.logical_and, np.bitwise_and), _compare("and")),
    **dict.fromkeys((operator.or_, np.logical_or, np.bitwise_or), _compare("or")),
    **dict.fromkeys(
        (operator.invert, np.logical_not, np.invert), lambda algebra, args: algebra.call("not", *args)
    ),
    **dict.fromkeys(
        (primitives.cast, primitives.spread, primitives.reshaped), lambda algebra, args: args[0]
    ),  # the same numbers in another type or shape
}

FUNCTIONS = {
    **{"absolute": "abs", "fabs": "abs", "maximum": "max", "fmax": "max", "minimum": "min", "fmin": "min"},
    **{"ndtr": "Φ", "expit": "σ", "matmul": "@", "put_back": "put", "transpose": "transpose"},
    **{"amax": "max", "amin": "min"},
}
SUMS: dict[Any, str] = {np.sum: "Σ", np.mean: "mean", np.max: "max", np.min: "min", np.prod: "Π"}


def _expression(algebra: Algebra, node: Node, args: list[Expression]) -> Expression:
    maker = MAKERS.get(node.function)
    if maker is not None:
        return maker(algebra, args)
    if isinstance(node.function, Opaque):
        return node.function.expression(algebra, args)
    if node.function in (operator.matmul, np.matmul):
        return algebra.make("matrices", *args)
    if node.function is np.transpose and dict(node.options)["axes"] == (0, 2, 1):
        [matrix] = args
        return matrix.args[0] if matrix.kind == "transpose" else algebra.make("transpose", matrix)
    options = dict(node.options)
    name = getattr(node.function, "__name__", "f").strip("_")
    if node.function is primitives.sum_examples:
        return algebra.call("Σ over N", *args)
    if node.function in SUMS:
        axes = options["axis"] if isinstance(options["axis"], tuple) else (options["axis"],)
        over = " and ".join({1: "N", 2: "D"}.get(axis, f"axis {axis}") for axis in axes)
        return algebra.call(f"{SUMS[node.function]} over {over}", *args)
    if node.function is primitives.item:
        return algebra.make("item", args[0], _index(options["index"]))
    if node.function is primitives.put_back:
        places = ", ".join(_index(index) for index in options["indices"])
        return algebra.call(f"put at {places}", *args)
    if node.function in (primitives.joined, primitives.stacked):
        return algebra.make("joined", *args)
    return algebra.call(FUNCTIONS.get(name, name), *args)


def _index(index: tuple[Any, ...]) -> str:
    def text(part: Any) -> str:
        if isinstance(part, np.ndarray):
            return "places"
        if isinstance(part, slice):
            ends = ["" if end is None else str(end) for end in (part.start, part.stop)]
            return ":".join(ends) + (f":{part.step}" if part.step not in (None, 1) else "")
        return "..." if part is Ellipsis else str(part)

    parts = list(index)
    while parts and not isinstance(parts[0], np.ndarray) and parts[0] in (slice(None), Ellipsis):
        parts.pop(0)  # the trials, and other whole axes before
    return f"[{', '.join(map(text, parts))}]"


# From expressions to text


class _Writer:
    """Writes expressions; what is used several times, or is long, gets a name."""

    def __init__(
        self,
        root: Expression,
        lengths: Mapping[str, int],
        used: set[str],
        taken: Mapping[Expression, str],
        products: str,
    ) -> None:
        self._lengths, self._taken, self._products = lengths, dict(taken), products
        self._counts = _uses(root)
        self._free = (letter for letter in _letters() if letter not in used)
        self.where: dict[str, str] = {}

    def text(self, expression: Expression, rank: int = 0, whole: bool = False) -> str:
        """Return an expression's text, in parentheses if it binds less than `rank`; or its name."""
        if expression in self._taken:
            return self._taken[expression]
        text, own = self._written(expression)
        shared = self._counts.get(expression, 0) > 1 and len(text) > 6
        atom = expression.kind in ("name", "number", "compare")
        if not whole and not atom and (shared or len(text) > LONG):
            name = next(self._free)
            self._taken[expression] = name
            self.where[name] = text
            return name
        return f"({text})" if own < rank else text

    def _written(self, expression: Expression) -> tuple[str, int]:
        """Return an expression's text, and how strongly it binds: 1 a sum, 2 a product, 4 an atom."""
        kind, args = expression.kind, expression.args
        if kind == "number":
            text = self._number(args[0])
            return text, 4 if args[0] >= 0 and "/" not in text else 1
        if kind == "name":
            return str(args[0]), 4
        if kind == "sum":
            return self._sum(*args), 1
        if kind == "product":
            return self._product(*args), 2 if args[0] > 0 else 1
        if kind == "matrices":
            sign = " " if self._products != " " else " @ "
            left = self.text(args[0], 2 if args[0].kind == "matrices" else 3)
            return f"{left}{sign}{self.text(args[1], 3)}", 2
        if kind == "transpose":
            return f"{self.text(args[0], 4)}ᵀ", 4
        if kind == "log1pexp":
            return f"log(1 + exp({self.text(args[0])}))", 4
        if kind == "compare":
            sign, one, other = args
            return f"{self.text(one, 1)} {sign} {self.text(other, 1)}", 0
        if kind == "where":
            condition, one, other = args
            first = f"{self.text(one, 1)} where {self.text(condition)}, "
            if other.kind == "where" and other not in self._taken:
                return first + self._written(other)[0], 0
            return f"{first}{self.text(other, 1)} elsewhere", 0
        if kind == "item":
            return f"{self.text(args[0], 4)}{args[1]}", 4
        if kind == "joined":
            return f"[{', '.join(self.text(arg, 1) for arg in args)}]", 4
        name, *values = args
        if name == "abs":
            return f"|{self.text(values[0])}|", 4
        if name == "power":
            return f"{self.text(values[0], 4)}^{self.text(values[1], 4)}", 3
        return f"{name}({', '.join(self.text(value, 1) for value in values)})", 4

    def _sum(self, constant: float, terms: Sequence[tuple[Expression, float]]) -> str:
        parts = [(self._scaled(part, abs(factor)), factor < 0) for part, factor in terms]
        if constant:
            number = self._number(abs(constant)), constant < 0
            parts.insert(0 if constant == 1 else len(parts), number)
        first = next((at for at, (_, negative) in enumerate(parts) if not negative), 0)
        parts.insert(0, parts.pop(first))  # a positive term is read most easily
        text = f"-{parts[0][0]}" if parts[0][1] else parts[0][0]
        return text + "".join(f" {'-' if negative else '+'} {part}" for part, negative in parts[1:])

    def _scaled(self, part: Expression, factor: float) -> str:
        if factor == 1:
            return self.text(part, 1 if part.kind != "where" else 2)
        return self._product(factor, part.args[1] if part.kind == "product" else ((part, 1.0),))

    def _product(self, number: float, powers: Sequence[tuple[Expression, float]]) -> str:
        powers = sorted(powers, key=lambda factor: factor[0].kind != "name")
        above, below = self._coefficient(abs(number))
        factors = [self._raised(base, power) for base, power in powers if power > 0]
        text = " ".join([*above, *([self._products.join(factors)] if factors else [])]) or "1"
        below += [self._raised(base, -power) for base, power in powers if power < 0]
        if below:
            divisor = self._products.join(below)
            text = f"{text} / ({divisor})" if len(below) > 1 else f"{text} / {divisor}"
        return f"-{text}" if number < 0 else text

    def _raised(self, base: Expression, power: float) -> str:
        if power == 0.5:
            return f"√({self.text(base)})" if base.kind not in ("name",) else f"√{self.text(base)}"
        if power == 1:
            return self.text(base, 3)
        inner = self.text(base, 4)
        return f"{inner}{SUPERSCRIPTS.get(power, f'^{power:g}')}"

    def _coefficient(self, number: float) -> tuple[list[str], list[str]]:
        """Return what stands for a positive number above and below the bar."""
        if not _plain(number):
            written = []
            for names in (("N", "D"), ("N",), ("D",)):
                if all(name in self._lengths for name in names):
                    above = number * math.prod(self._lengths[name] for name in names)
                    if _plain(above):
                        written.append(([] if _one(above) else [f"{above:.6g}"], list(names)))
                    elif len(names) == len(self._lengths) and _plain(1 / above):
                        written.append(([], [f"{1 / above:.6g}", *names]))
            if written:  # 1 / N is 13 / (N D) too
                return min(written, key=lambda parts: len("".join([*parts[0], *parts[1]])))
            if _plain(1 / number):
                return [], [f"{1 / number:.6g}"]
        return ([] if number == 1 else [f"{number:.6g}"]), []

    def _number(self, number: float) -> str:
        above, below = self._coefficient(abs(number)) if number else (["0"], [])
        if math.isinf(number):
            above, below = ["∞"], []
        text = " ".join(above) or "1"
        if below:
            text = f"{text} / ({' '.join(below)})" if len(below) > 1 else f"{text} / {below[0]}"
        return f"-{text}" if number < 0 else text


def _plain(number: float) -> bool:
    """Tell whether a number is written with few digits."""
    return bool(math.isfinite(number) and abs(number - float(f"{number:.3g}")) <= 1e-12 * abs(number))


def _one(number: float) -> bool:
    return abs(number - 1) <= 1e-12


def _letters() -> Iterator[str]:
    yield from LETTERS
    at = 1
    while True:
        yield f"t{at}"
        at += 1


def _uses(root: Expression) -> dict[Expression, int]:
    """Return how often each expression stands in others."""
    counts: dict[Expression, int] = {}
    waiting = [root]
    while waiting:
        for child in waiting.pop().children:
            counts[child] = counts.get(child, 0) + 1
            if counts[child] == 1:
                waiting.append(child)
    return counts
