"""Executors: ways to run tasks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, NamedTuple

from anncore.contract.kinds.base import Component


class Lost(NamedTuple):
    """The outcome of a task whose result did not come back."""

    status: Literal["crashed", "timeout", "stopped"]
    reason: str


class Worker(NamedTuple):
    """A worker on another machine: where, how many tasks at once, and why it gets none ("" where it does)."""

    address: str
    slots: int
    problem: str


class Executor(Component):
    """A way to run tasks: here, in worker processes, on a cluster."""

    def check(self) -> None:
        """Raise an AnnxError of one line where nothing can be run; called before anything is written.

        By default nothing is checked.
        """

    def survey(self, work: Callable[[Any], Any]) -> Iterable[Worker]:
        """Yield the workers that other machines lend, and why each would get no task of this work.

        By default none: tasks run on this machine.
        """
        return ()

    def start(self, work: Callable[[Any], Any], *, jobs: int) -> None:
        """Start what the next `run` of this very work needs, where that takes time, and return at once.

        Called while the plan is made. Tasks may never come: the work then ends without any. By default
        nothing is started before there are tasks.
        """

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
        outside of the time of any task. If it has a method `listen(tell)`, call that in a worker process
        before `prepare`: what the work hands to `tell` during a task is to be handed to
        `work.hear(task, message)` in this process, soon. If it has a method `staffed(workers, lost)`, call
        that in this process as often as workers of other machines come or are lost. A task may have an
        attribute `timeout` in seconds, for the task itself, and an attribute `deadline`, the
        `time.monotonic()` at which it shall be over and is "stopped" otherwise; the work looks at it by
        itself as well. No new task starts once `stop()` is true; running tasks are finished and yielded. An
        exception from `work` is raised here.

        For other machines: what `work.portable()` returns, if it has that method, carries the files that it
        needs; its method `unfit()` says there, in one line, what is otherwise than here, "" for nothing.
        """
