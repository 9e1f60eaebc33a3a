"""From trials to results in the store: hand stacks to an executor, keep what comes back, find the guilty."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from anncore.contract.errors import RAISED_BY_PLUGINS, PluginError
from anncore.contract.kinds import Executor, Lost
from anncore.contract.registry import Registry
from anncore.contract.trial import Trial, TrialResult
from anncore.engine.packing import pack
from anncore.running.store import Store
from anncore.running.worker import Stale, Task, Work

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Crew:
    """Who runs trials, and until when.

    work: what the executor's workers do; the same one for several calls lets it keep them between these.
    stop: whether nothing new is to start. deadline: when (`time.monotonic()`) what runs is to be left.
    """

    executor: Executor
    work: Work
    jobs: int = 1
    stop: Callable[[], bool] = bool
    deadline: float | None = None


def run_trials(
    trials: Iterable[Trial],
    store: Store,
    registry: Registry,
    crew: Crew,
    on_result: Callable[[list[TrialResult]], None] | None = None,
) -> None:
    """Run the trials that have no result in the store, and keep each stack's results as they come.

    A stack that raises is run trial by trial in its worker: only the guilty ones are `failed`. A stack that
    is lost with its worker, or out of time, is run trial by trial at the end: only those that are lost
    again are `crashed` or `timeout`. Nothing new starts once the crew is to stop; what was lost by then, or
    runs when its deadline comes, has no result and is run by the next sweep. Raises PluginError where a
    worker's components are not the plan's.
    """
    unique = {trial.key: trial for trial in trials}
    for key in store.statuses(unique):
        del unique[key]
    if not unique or crew.stop():
        return

    def keep(task: Task, results: list[TrialResult]) -> None:
        store.add(zip(task.trials, results, strict=True))
        if on_result is not None:
            on_result(results)

    stacks = _stacks(list(unique.values()), registry, crew.jobs)
    tasks = [Task(tuple(stack), crew.deadline) for stack in stacks]
    del unique
    suspects: list[Trial] = []
    for task, outcome in outcomes(crew, tasks):
        if not isinstance(outcome, Lost):
            keep(task, outcome)
        elif outcome.status == "stopped":
            LOG.info("a stack of %d trials was left: %s", len(task.trials), outcome.reason)
        elif len(task.trials) == 1 and outcome.status == "timeout":
            keep(task, [_lost(task.trials[0], outcome)])  # it had all its time to itself
        else:
            LOG.warning(
                "a stack of %d trials was lost (%s): %s", len(task.trials), outcome.status, outcome.reason
            )
            suspects.extend(task.trials)
    if not suspects or crew.stop():
        return
    tasks = [Task((trial,), crew.deadline) for trial in suspects]
    for task, outcome in outcomes(crew, tasks):
        if not isinstance(outcome, Lost):
            keep(task, outcome)
        elif outcome.status != "stopped":
            keep(task, [_lost(task.trials[0], outcome)])


def outcomes(crew: Crew, tasks: Sequence[Task]) -> Iterator[tuple[Task, list[TrialResult] | Lost]]:
    """Yield each task with its results, or with how it was lost; leave no worker behind."""
    running = crew.executor.run(crew.work, tasks, jobs=crew.jobs, stop=crew.stop)
    try:
        for task, outcome in running:
            if isinstance(outcome, Stale):
                raise PluginError(outcome.reason)
            yield task, outcome
    finally:
        if isinstance(running, Iterator) and hasattr(running, "close"):
            running.close()


def _stacks(trials: list[Trial], registry: Registry, jobs: int) -> Iterator[list[Trial]]:
    """Pack trials; a component that raises already here fails its own trials only, when they are run."""
    try:
        packed = list(pack(trials, registry, jobs=jobs))
    except RAISED_BY_PLUGINS:
        if len(trials) == 1:
            yield trials
            return
        half = len(trials) // 2
        yield from _stacks(trials[:half], registry, jobs)
        yield from _stacks(trials[half:], registry, jobs)
        return
    yield from packed


def _lost(trial: Trial, lost: Lost) -> TrialResult:
    assert lost.status != "stopped", "a trial that was stopped has no result"
    return TrialResult(trial.key, lost.status, error=lost.reason)
