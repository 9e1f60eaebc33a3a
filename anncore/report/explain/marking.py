"""Marking: which answers are right, which are wrong and how, and which are wrong only because others are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from anncore.contract.errors import nearest
from anncore.engine.explaining.scalars import Scalar, evaluated
from anncore.engine.explaining.sheet import Line, Sheet, names_of
from anncore.report.explain.answers import Answer, plain

RIGHT, FOLLOWS, WRONG = "right", "follows", "wrong"
MISSING, UNREADABLE, UNKNOWN = "missing", "unreadable", "unknown"
EXACT = 1e-9  # relative; how far a right answer may be from the engine's number whatever its digits


@dataclass(frozen=True)
class Mark:
    """What an answer is. expected: the right number from the learner's own earlier ones; sentence: why."""

    name: str
    text: str
    status: str
    value: float | None = None
    expected: float | None = None
    correct: float | None = None
    mistake: str = ""
    sentence: str = ""


class Homework:
    """A learner's numbers beside those of a step: each can be computed again from the learner's own.

    own: the number of a name as the learner has it; one that is not given is computed from those that are.
    """

    def __init__(self, sheet: Sheet, answers: Sequence[Answer]) -> None:
        self.sheet = sheet
        self.lines: dict[str, Line] = {line.name: line for line in sheet.lines()}
        self.answers = {plain(answer.name): answer for answer in answers}
        self._own: dict[str, float] = {}

    @cached_property
    def computed(self) -> list[Line]:
        """The numbers that a learner computes: all but the given ones."""
        stages = (stage for stage in self.sheet.stages if stage.name != "given")
        return [line for stage in stages for block in stage.blocks for line in block.lines]

    def given(self, name: str) -> Answer | None:
        """Return the learner's answer to a name, None where there is no number."""
        answer = self.answers.get(name)
        return answer if answer is not None and answer.value is not None else None

    def own(self, name: str) -> float:
        """Return the learner's number of a name."""
        answer = self.given(name)
        if answer is not None and answer.value is not None:
            return answer.value
        if name not in self._own:
            line = self.lines.get(name)
            self._own[name] = self.expected(line) if line is not None else float("nan")
        return self._own[name]

    def expected(self, line: Line) -> float:
        """Return a line's number as it follows from the learner's own numbers."""
        if line.recipe is not None:
            return line.recipe(self.own)
        if line.formula is not None:
            return evaluated(line.formula, self.value_of)
        return line.value

    def value_of(self, atom: Scalar) -> float:
        """Return the learner's number of a name in a formula; a hyperparameter has its own."""
        name = atom.args[0].name(*atom.args[1:])
        return self.own(name) if name in self.lines else atom.value

    def reads(self, line: Line) -> list[Line]:
        """Return the lines whose numbers a line is made of."""
        names = line.reads if line.recipe is not None else names_of(line.formula)
        return [self.lines[name] for name in names if name in self.lines]


def mark(sheet: Sheet, answers: Sequence[Answer], context: Any = None) -> list[Mark]:
    """Return a mark for each number of a sheet, then one for each answer whose name there is not.

    context: what tells kinds of mistakes apart, a `Mistakes`; None says none.
    """
    homework = Homework(sheet, answers)
    marks: dict[str, Mark] = {}
    for line in _in_order(homework):
        marks[line.name] = _marked(homework, line, marks, context)
    ordered = [marks[line.name] for line in homework.computed]
    return [*ordered, *_unknown(homework, answers)]


def _in_order(homework: Homework) -> Iterator[Line]:
    """Yield the lines such that each comes after those that it is made of."""
    done: set[str] = set()
    for start in homework.computed:
        waiting = [start]
        while waiting:
            line = waiting[-1]
            before = [one for one in homework.reads(line) if one.name not in done and one is not line]
            if before and len(waiting) < len(homework.lines):
                waiting += before
                continue
            waiting.pop()
            if line.name not in done:
                done.add(line.name)
                yield line


def _marked(homework: Homework, line: Line, marks: Mapping[str, Mark], context: Any) -> Mark:
    answer = homework.answers.get(line.name)
    if answer is None or not answer.text:
        return Mark(line.name, "", MISSING, correct=line.value)
    if answer.value is None:
        return Mark(
            line.name, answer.text, UNREADABLE, correct=line.value, sentence=f"{answer.text!r} is no number"
        )
    expected = homework.expected(line)
    right = Mark(line.name, answer.text, RIGHT, answer.value, expected, line.value)
    if agrees(answer, line.value):
        return right
    causes = _causes(homework, line, marks)
    if agrees(answer, expected):
        if not causes:  # right but for earlier rounding
            return right
        names = " and ".join(causes[:3])
        sentence = f"follows rightly from the wrong {names}"
        return _replaced(right, FOLLOWS, "follow-on", sentence)
    kind, sentence = ("", "") if context is None else context.of(homework, line, answer)
    return _replaced(right, WRONG, kind, sentence)


def _replaced(mark: Mark, status: str, mistake: str, sentence: str) -> Mark:
    return Mark(mark.name, mark.text, status, mark.value, mark.expected, mark.correct, mistake, sentence)


def agrees(answer: Answer, value: float) -> bool:
    """Tell whether an answer is a number, within half a unit of the last digit that it gives."""
    assert answer.value is not None
    slack = 0.5 * answer.unit * (1 + 1e-6) + EXACT * abs(value) + 1e-15
    return abs(answer.value - value) <= slack


def _causes(homework: Homework, line: Line, marks: Mapping[str, Mark]) -> list[str]:
    """Return the names of the wrong numbers that a line is made of, the nearest first."""
    causes: dict[str, None] = {}
    seen: set[str] = set()
    waiting = homework.reads(line)
    while waiting:
        before = waiting.pop(0)
        if before.name in seen:
            continue
        seen.add(before.name)
        known = marks.get(before.name)
        if known is not None and known.status in (WRONG, FOLLOWS):
            causes[before.name] = None
        elif known is None or known.status in (MISSING, UNREADABLE):
            waiting += homework.reads(before)
    return list(causes)


def _unknown(homework: Homework, answers: Sequence[Answer]) -> Iterator[Mark]:
    names = {line.name for line in homework.computed}
    for answer in answers:
        name = plain(answer.name)
        if name in names:
            continue
        if name in homework.lines:
            line = homework.lines[name]
            wrong = answer.value is not None and not agrees(answer, line.value)
            if wrong:
                sentence = f"{name} is given, as {line.value:.6g}"
                yield Mark(name, answer.text, WRONG, answer.value, line.value, line.value, "given", sentence)
            continue
        sentence = f"the step has no number of this name.{nearest(name, names)}"
        yield Mark(answer.name, answer.text, UNKNOWN, answer.value, sentence=sentence)
