"""The checks of an executor: every task comes back once, even if others fail."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from anncore.contract.counts import agreeing, counted
from anncore.contract.errors import RAISED_BY_PLUGINS, AnnxError
from anncore.testing.kit import Kit, Named, Subject, must

TASKS = 12
PATIENCE = 30.0  # seconds until it ends after its consumer has left


class ExecutorKit(Kit):
    """Tasks, stops, errors, leaving early."""

    computes = False  # it computes no numbers of its own
    starts_processes = True

    def checks(self, subject: Subject) -> list[Named]:
        """Return the kind's own checks."""
        if _lacks(subject):
            return []
        return [
            ("results", results),
            ("no_task", no_task),
            ("stops", stops),
            ("raises", raises),
            ("leaving_early", leaving_early),
        ]


@dataclass(frozen=True)
class Task:
    """A number to square; a negative one is refused."""

    number: int
    timeout: float | None = None


class Refusal(Exception):
    """The exception that the work raises."""


class Squares:
    """Work with known results; picklable, and importable where annx is installed."""

    def __call__(self, task: Task) -> int:
        """Return the square."""
        if task.number < 0:
            raise Refusal(f"number {task.number}")
        return task.number**2


def _lacks(subject: Subject) -> bool:
    """Tell whether it lacks a package, which it says in one line."""
    for variant in subject.variants():
        try:
            subject.build(variant).check()
        except AnnxError as error:
            must("\n" not in str(error), f"{variant.label}: the error has several lines")
            return True
    return False


def _run(component: Any, numbers: range, jobs: int, stop: Any = lambda: False) -> Iterator[tuple[Any, Any]]:
    tasks = (Task(number) for number in numbers)  # read once, as the plan's are
    return component.run(Squares(), tasks, jobs=jobs, stop=stop)


def _must_be_right(pairs: list[tuple[Any, Any]], where: str) -> None:
    tasks = [task for task, _ in pairs]
    must(all(isinstance(task, Task) for task in tasks), f"{where}: it yields {tasks[:1]} in place of a task")
    numbers = [task.number for task in tasks]
    twice = sorted({number for number in numbers if numbers.count(number) > 1})
    must(not twice, f"{where}: task {twice[:1]} comes back more than once")
    for task, value in pairs:
        must(value == task.number**2, f"{where}: task {task.number} comes back with {value!r}")


def results(subject: Subject) -> int:
    """Every task comes back once, with the result of its work, for one job and for two."""
    count = 0
    for variant in subject.variants():
        for jobs in (1, 2):
            pairs = list(_run(subject.build(variant), range(TASKS), jobs))
            where = f"{variant.label}, {jobs} jobs"
            _must_be_right(pairs, where)
            lost = sorted(set(range(TASKS)) - {task.number for task, _ in pairs})
            must(not lost, f"{where}: {len(lost)} of {TASKS} tasks never {agreeing(len(lost), 'come')} back")
            count += len(pairs)
    return count


def no_task(subject: Subject) -> int:
    """Without tasks it ends without results."""
    variants = subject.variants()
    for variant in variants:
        pairs = list(_run(subject.build(variant), range(0), 2))
        must(not pairs, f"{variant.label}: without tasks it yields {pairs[:1]}")
    return len(variants)


def stops(subject: Subject) -> int:
    """Once `stop()` is true no task starts, and the results so far are right."""
    count = 0
    for variant in subject.variants():
        pairs = list(_run(subject.build(variant), range(TASKS), 2, stop=lambda: True))
        early = f"{counted(len(pairs), 'tasks')} {agreeing(len(pairs), 'are')} done"
        must(not pairs, f"{variant.label}: {early} though stop() is true from the start")
        done = _until_the_first(subject.build(variant))
        _must_be_right(done, variant.label)
        must(done, f"{variant.label}: nothing is done though stop() is false at the start")
        late = len(done) == 100 * TASKS
        must(
            not late, f"{variant.label}: all {len(done)} tasks are done though stop() is true after the first"
        )
        count += len(done)
    return count


def _until_the_first(component: Any) -> list[tuple[Any, Any]]:
    done: list[tuple[Any, Any]] = []
    for pair in _run(component, range(100 * TASKS), 2, stop=lambda: bool(done)):
        done.append(pair)
    return done


def raises(subject: Subject) -> int:
    """The caller gets the exception that the work raises."""
    variants = subject.variants()
    for variant in variants:
        try:
            pairs = list(_run(subject.build(variant), range(-1, 2), 2))
        except Refusal as error:
            must("number -1" in str(error), f"{variant.label}: the error says {error!r}")
        except RAISED_BY_PLUGINS as error:
            text = f"{type(error).__name__}: {error}"
            raise AssertionError(f"{variant.label}: the work's Refusal arrives as {text}") from error
        else:
            back = f"{counted(len(pairs), 'results')} {agreeing(len(pairs), 'come')} back"
            raise AssertionError(f"{variant.label}: the work raises, and {back}")
    return len(variants)


def leaving_early(subject: Subject) -> int:
    """A caller may stop early: no exception, no long wait, and the executor can be used again."""
    variants = subject.variants()
    for variant in variants:
        component = subject.build(variant)
        running = _run(component, range(TASKS), 2)
        next(running)
        started = time.monotonic()
        if hasattr(running, "close"):
            running.close()
        waited = time.monotonic() - started
        must(waited < PATIENCE, f"{variant.label}: leaving early took {waited:.0f} s")
        _must_be_right(list(_run(component, range(3), 1)), f"{variant.label}, used again")
    return len(variants)
