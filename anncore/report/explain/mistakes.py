"""Kinds of mistakes: what a learner did who got this number and not the right one.

Each kind computes what its mistake gives from the learner's own numbers; the first that gives the answer is
named. Kinds that explain much with little come first, and a swapped number last, as any two may be equal.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.registry import Registry
from anncore.engine.activations import needs_place
from anncore.engine.explaining.quantities import Given, Quantity
from anncore.engine.explaining.scalars import Scalar, evaluated, names_in
from anncore.engine.explaining.sheet import Line
from anncore.report.explain.answers import Answer
from anncore.report.explain.marking import Homework, agrees


class Guess(NamedTuple):
    """A mistake: its kind, what it gives, and a sentence about it."""

    kind: str
    value: float
    sentence: str


class Mistakes:
    """Tells kinds of mistakes apart. examples: of the batch; outputs: of the network."""

    def __init__(self, registry: Registry, *, examples: int, outputs: int) -> None:
        self._registry, self._examples, self._outputs = registry, examples, outputs

    def of(self, homework: Homework, line: Line, answer: Answer) -> tuple[str, str]:
        """Return kind and sentence of the mistake in an answer, ("unknown", ...) where none is recognized."""
        flawless = Homework(homework.sheet, [])
        for numbers in (homework, flawless):  # from the learner's own numbers, and from the right ones
            guess = self._fitting(numbers, line, answer)
            if guess is not None:
                return guess.kind, guess.sentence
        for numbers in (homework, flawless):
            for guess in _swapped(numbers, line):
                if agrees(answer, guess.value):
                    return guess.kind, guess.sentence
        return "other", "no common mistake gives this number"

    def _fitting(self, homework: Homework, line: Line, answer: Answer) -> Guess | None:
        """Return the first mistake that gives an answer; None if there is none."""
        expected = homework.expected(line)
        for guess in self._guesses(homework, line, expected):
            if not math.isfinite(guess.value) or not agrees(answer, guess.value):
                continue
            if not agrees(answer._replace(value=guess.value), expected):
                return guess
        if _nearly(answer, expected):
            return Guess("rounding", expected, "the last digit is rounded wrongly")
        return None

    def _guesses(self, homework: Homework, line: Line, expected: float) -> Iterator[Guess]:
        yield from _signs(expected)
        yield from self._activations(homework, line)
        if line.formula is not None:
            yield from self._in_formula(homework, line)
        yield from self._factors(expected)

    def _factors(self, expected: float) -> Iterator[Guess]:
        if self._examples > 1:
            n = self._examples
            yield Guess(
                "missing 1/N", expected * n, f"it is {n} times too large: 1/N of the {n} examples is missing"
            )
            yield Guess("twice 1/N", expected / n, f"it is {n} times too small: 1/N is there twice")
        if self._outputs > 1:
            k = self._outputs
            yield Guess(
                "missing 1/D",
                expected * k,
                f"it is {k} times too large: the mean over {k} outputs is missing",
            )
        yield Guess("factor 2", 2 * expected, "it is twice the right number: a factor 2 too many")
        yield Guess("factor 2", expected / 2, "it is half the right number: a factor 2 is missing")
        for name, factor in (("2", math.log(2)), ("10", math.log(10))):
            yield Guess(
                "logarithm", expected / factor, f"a logarithm to base {name} in place of the natural one"
            )
        for power in (-3, -2, -1, 1, 2, 3):
            yield Guess("decimal point", expected * 10.0**power, "the decimal point is in the wrong place")

    # Activations, their slopes, and what is computed from these

    def _activations(self, homework: Homework, line: Line) -> Iterator[Guess]:
        if line.activation is None or not line.reads:
            return
        z = np.array([[[homework.own(name) for name in line.reads]]])
        at = _column(line)
        if at >= z.shape[2]:
            return
        own = z[0, 0, at]
        if line.slope:
            a = _value(line.activation, z, at)
            yield Guess(
                "forgot the slope", a, f"it is the value of {line.activation.name}, not its derivative"
            )
            yield Guess(
                "used a in place of z",
                _slope(line.activation, np.full((1, 1, 1), a), 0),
                "the derivative is taken at a, not at z",
            )
        else:
            yield Guess("used z in place of a", own, f"it is z: {line.activation.name} is not applied")
            slope = _slope(line.activation, z, at)
            yield Guess("derivative", slope, f"it is the derivative of {line.activation.name}, not its value")
        for other in self._others(line.activation):
            what = "derivative" if line.slope else "function"
            value = _slope(other, z, at) if line.slope else _value(other, z, at)
            which = "derivative" if line.slope else "value"
            sentence = f"it is the {which} of {other.name}, not of {line.activation.name}"
            yield Guess(f"{what} of the wrong activation", value, sentence)

    def _others(self, activation: Any) -> Iterator[Any]:
        for component in self._registry.of_kind("activation"):
            cls: Any = component.cls
            if not needs_place(cls) and cls.name != activation.name:
                yield cls()

    # Mistakes in a formula

    def _in_formula(self, homework: Homework, line: Line) -> Iterator[Guess]:
        formula = line.formula
        assert formula is not None
        base = homework.expected(line) - evaluated(formula, homework.value_of)  # other examples of a batch

        def with_change(change: Callable[[Scalar], float | None]) -> float:
            def value_of(atom: Scalar) -> float:
                changed = change(atom)
                return homework.value_of(atom) if changed is None else changed

            return base + evaluated(formula, value_of)

        yield from _update_mistakes(homework, line, with_change)
        yield from self._slope_mistakes(homework, formula, with_change)
        if any(atom.args[0].base == "weight" for atom in names_in(formula)):
            unweighted = with_change(lambda atom: 1.0 if atom.args[0].base == "weight" else None)
            yield Guess("forgot the weight", unweighted, "the weight of the example is missing")
        yield Guess(
            "transposed",
            with_change(lambda atom: _turned(homework, atom)),
            "a weight is taken from the transposed matrix",
        )
        if _names(formula, "_new") == [] and not line.name.partition("[")[0].endswith("_new"):
            value = with_change(lambda atom: _renamed(homework, atom, "new"))
            yield Guess(
                "updated weight", value, "the weight after the update is used in place of the one before"
            )
        for old, new, what in (("a", "z", "z in place of a"), ("z", "a", "a in place of z")):
            value = with_change(lambda atom, old=old, new=new: _letter(homework, atom, old, new))  # type: ignore[misc]
            yield Guess(f"used {what}", value, f"{what} is used")
        if formula.kind == "sum":
            for term in formula.args:
                value = base + evaluated(formula, homework.value_of) - evaluated(term, homework.value_of)
                names = [atom.args[0].name(*atom.args[1:]) for atom in names_in(term)]
                text = "*".join(names)
                yield Guess("missing term", value, f"the term {text} is missing")
                flipped = value - evaluated(term, homework.value_of)
                yield Guess("sign of a term", flipped, f"the term {text} has the wrong sign")

    def _slope_mistakes(
        self,
        homework: Homework,
        formula: Scalar,
        with_change: Callable[[Callable[[Scalar], float | None]], float],
    ) -> Iterator[Guess]:
        slopes = [atom for atom in names_in(formula) if _is_slope(atom)]
        if not slopes:
            return
        yield Guess(
            "forgot f'(z)",
            with_change(lambda atom: 1.0 if _is_slope(atom) else None),
            "the factor f'(z) is missing",
        )
        twice = with_change(lambda atom: homework.value_of(atom) ** 2 if _is_slope(atom) else None)
        yield Guess("f'(z) twice", twice, "the factor f'(z) is there twice")
        line = homework.lines.get(slopes[0].args[0].name(*slopes[0].args[1:]))
        if line is None or line.activation is None:
            return
        z = np.array([[[homework.own(name) for name in line.reads]]])
        at = _column(line)
        a = _value(line.activation, z, at)
        yield Guess(
            "used f(z) in place of f'(z)",
            with_change(lambda atom: a if _is_slope(atom) else None),
            "f(z) is used in place of f'(z)",
        )
        at_a = _slope(line.activation, np.full((1, 1, 1), a), 0)
        yield Guess(
            "used a in place of z",
            with_change(lambda atom: at_a if _is_slope(atom) else None),
            "the derivative is taken at a, not at z",
        )
        for other in self._others(line.activation):
            slope = _slope(other, z, at)
            value = with_change(lambda atom, slope=slope: slope if _is_slope(atom) else None)  # type: ignore[misc]
            yield Guess(
                "derivative of the wrong activation",
                value,
                f"the derivative of {other.name} is used, not that of {line.activation.name}",
            )


def _signs(expected: float) -> Iterator[Guess]:
    yield Guess("sign", -expected, "the sign is wrong")


def _update_mistakes(
    homework: Homework, line: Line, with_change: Callable[[Callable[[Scalar], float | None]], float]
) -> Iterator[Guess]:
    base, bracket, place = line.name.partition("[")
    if not base.endswith("_new") or "(" in base:
        return
    name = f"{base.removesuffix('_new')}{bracket}{place}"
    if name not in homework.lines:
        return
    before, expected = homework.own(name), homework.expected(line)
    yield Guess("not updated", before, "it is the weight before the step")
    yield Guess("sign", 2 * before - expected, "the change has the wrong sign: a step descends")
    yield Guess("change alone", expected - before, "it is the change alone, not the new weight")
    rate = with_change(lambda atom: 1.0 if atom.args[0].name(*atom.args[1:]) == "lr" else None)
    yield Guess("forgot lr", rate, "the learning rate is missing")


def _is_slope(atom: Scalar) -> bool:
    owner = atom.args[0]
    return isinstance(owner, Quantity) and owner.letter == "f'"


def _turned(homework: Homework, atom: Scalar) -> float | None:
    """Return the number at the transposed place of a weight matrix, None for anything else."""
    owner, row, column = atom.args
    if not isinstance(owner, Given) or not owner.is_weight or row == column:
        return None
    name = owner.name(column, row)
    return homework.own(name) if name in homework.lines else None


def _renamed(homework: Homework, atom: Scalar, suffix: str) -> float | None:
    base, bracket, place = atom.args[0].name(*atom.args[1:]).partition("[")
    name = f"{base}_{suffix}{bracket}{place}"
    return homework.own(name) if name in homework.lines else None


def _letter(homework: Homework, atom: Scalar, old: str, new: str) -> float | None:
    name = atom.args[0].name(*atom.args[1:])
    owner = atom.args[0]
    letter = owner.letter if isinstance(owner, Quantity) else name[:1]
    if letter != old or not name.startswith(old):
        return None
    other = new + name[1:]
    return homework.own(other) if other in homework.lines else None


def _names(formula: Scalar, part: str) -> list[str]:
    names = [atom.args[0].name(*atom.args[1:]) for atom in names_in(formula)]
    return [name for name in names if part in name]


def _swapped(homework: Homework, line: Line) -> Iterator[Guess]:
    """Yield the other numbers of the sheet, those of the same array first."""
    base = line.name.partition("[")[0]
    others = [other for other in homework.lines.values() if other is not line and abs(other.value) > 1e-12]
    others.sort(key=lambda other: other.name.partition("[")[0] != base)
    for other in others:
        transposed = other.name.partition("[")[0] == base and _mirrored(line.name) == other.name
        kind = "transposed" if transposed else "swapped"
        yield Guess(kind, homework.own(other.name), f"it is {other.name}")


def _mirrored(name: str) -> str:
    base, _, place = name.partition("[")
    first, _, second = place.removesuffix("]").partition(",")
    return f"{base}[{second},{first}]"


def _nearly(answer: Answer, expected: float) -> bool:
    assert answer.value is not None
    return abs(answer.value - expected) <= 1.5 * answer.unit and abs(answer.value - expected) < 0.2 * abs(
        expected
    )


def _column(line: Line) -> int:
    """Return the place of a number in its row, from its name."""
    place = line.name.rstrip(")").rpartition("[")[2].removesuffix("]")
    return int(place.rpartition(",")[2]) - 1


def _value(activation: Any, z: Any, at: int) -> float:
    with np.errstate(all="ignore"):
        return float(activation.forward(z)[0, 0, at])


def _slope(activation: Any, z: Any, at: int) -> float:
    with np.errstate(all="ignore"):
        return float(activation.backward(np.ones_like(z), z, activation.forward(z))[0, 0, at])
