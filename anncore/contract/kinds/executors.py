"""Executors: ways to run tasks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, NamedTuple

from anncore.contract.kinds.base import Component


class Lost(NamedTuple):
    """The outcome of a task whose result did not come back."""

    status: Literal["crashed", "timeout"]
    reason: str


class Executor(Component):
    """A way to run tasks: here, in worker processes, on a cluster."""

    @abstractmethod
    def run(
        self,
        work: Callable[[Any], Any],
        tasks: Iterable[Any],
        *,
        jobs: int,
        stop: Callable[[], bool],
    ) -> Iterator[tuple[Any, Any]]:
        """Yield (task, work(task)) or (task, Lost(...)) for each task, in any order.

        `work` is a picklable callable that sets itself up at its first call in a process. If it has a
        method `prepare()`, call that first, and a method `warm_up(task)` before a task: both prepare,
        outside of the time of any task. A task may have an attribute `timeout` in seconds, for the task
        itself. No new task starts once `stop()` is true; running tasks are finished and yielded. An
        exception from `work` is raised here.
        """
