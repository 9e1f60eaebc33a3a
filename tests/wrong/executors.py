"""Executors that are wrong on purpose."""

from __future__ import annotations

from typing import Any

from anncore import Lost
from wrong.base import wrong


def forgetful(self: Any, work: Any, tasks: Any, *, jobs: int, stop: Any) -> Any:
    for task in list(tasks)[1:]:
        if stop():
            return
        yield task, work(task)


def stammering(self: Any, work: Any, tasks: Any, *, jobs: int, stop: Any) -> Any:
    for task in tasks:
        yield task, work(task)
        yield task, work(task)


def giving_up(self: Any, work: Any, tasks: Any, *, jobs: int, stop: Any) -> Any:
    for task in tasks:
        yield task, Lost("crashed", "too hard")


def eager(self: Any, work: Any, tasks: Any, *, jobs: int, stop: Any) -> Any:
    yield None, None
    yield from ((task, work(task)) for task in tasks)


def unstoppable(self: Any, work: Any, tasks: Any, *, jobs: int, stop: Any) -> Any:
    yield from ((task, work(task)) for task in tasks)


def stops_only_before(self: Any, work: Any, tasks: Any, *, jobs: int, stop: Any) -> Any:
    if not stop():
        yield from ((task, work(task)) for task in tasks)


def silent(self: Any, work: Any, tasks: Any, *, jobs: int, stop: Any) -> Any:
    for task in tasks:
        try:
            yield task, work(task)
        except Exception as error:
            yield task, error


def rewording(self: Any, work: Any, tasks: Any, *, jobs: int, stop: Any) -> Any:
    for task in tasks:
        try:
            yield task, work(task)
        except Exception:
            raise RuntimeError("a worker had a problem") from None


def clinging(self: Any, work: Any, tasks: Any, *, jobs: int, stop: Any) -> Any:
    try:
        yield from ((task, work(task)) for task in tasks)
    except GeneratorExit:
        raise RuntimeError("stay") from None


EXECUTORS = [
    wrong("executor", "results", "1 of 12 tasks never comes back", run=forgetful),
    wrong("executor", "results", "task [0] comes back more than once", run=stammering),
    wrong("executor", "results", "task 0 comes back with Lost(", run=giving_up),
    wrong("executor", "no_task", "without tasks it yields [(None, None)]", run=eager),
    wrong("executor", "stops", "12 tasks are done though stop() is true from the start", run=unstoppable),
    wrong("executor", "stops", "though stop() is true after the first", run=stops_only_before),
    wrong("executor", "raises", "the work raises, and 3 results come back", run=silent),
    wrong("executor", "raises", "Refusal arrives as RuntimeError: a worker had a problem", run=rewording),
    wrong("executor", "leaving_early", "raised RuntimeError: stay", run=clinging),
]
