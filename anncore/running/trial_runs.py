"""From trials to results in the store: hand stacks to an executor, keep what comes back, find the guilty."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence

from anncore.contract.errors import PluginError
from anncore.contract.kinds import Executor, Lost
from anncore.contract.registry import Registry
from anncore.contract.trial import Trial, TrialResult
from anncore.engine.packing import pack
from anncore.running.store import Store
from anncore.running.worker import Stale, Task, Work

LOG = logging.getLogger(__name__)


def run_trials(
    trials: Iterable[Trial],
    store: Store,
    registry: Registry,
    *,
    executor: Executor,
    jobs: int = 1,
    stop: Callable[[], bool] = bool,
    deadline: float | None = None,
    on_result: Callable[[list[TrialResult]], None] | None = None,
    work: Work | None = None,
) -> None:
    """Run the trials that have no result in the store, and keep each stack's results as they come.

    A stack that raises is run trial by trial in its worker: only the guilty ones are `failed`. A stack that
    is lost with its worker, or out of time, is run trial by trial at the end: only those that are lost
    again are `crashed` or `timeout`. Nothing new starts once `stop()` is true; what was lost by then, or runs
    when the deadline (`time.monotonic()`) comes, has no result and is run by the next sweep. work: the same
    one for several calls lets an executor keep its workers between them. Raises PluginError where a worker's
    components are not the plan's.
    """
    unique = {trial.key: trial for trial in trials}
    for key in store.statuses(unique):
        del unique[key]
    if not unique or stop():
        return
    work = work or Work(registry.files, registry)

    def keep(task: Task, results: list[TrialResult]) -> None:
        store.add(zip(task.trials, results, strict=True))
        if on_result is not None:
            on_result(results)

    tasks = [Task(tuple(stack), deadline) for stack in _stacks(list(unique.values()), registry, jobs)]
    del unique
    suspects: list[Trial] = []
    for task, outcome in outcomes(executor, work, tasks, jobs, stop):
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
    if not suspects or stop():
        return
    tasks = [Task((trial,), deadline) for trial in suspects]
    for task, outcome in outcomes(executor, work, tasks, jobs, stop):
        if not isinstance(outcome, Lost):
            keep(task, outcome)
        elif outcome.status != "stopped":
            keep(task, [_lost(task.trials[0], outcome)])


def outcomes(
    executor: Executor, work: Work, tasks: Sequence[Task], jobs: int, stop: Callable[[], bool]
) -> Iterator[tuple[Task, list[TrialResult] | Lost]]:
    """Yield each task with its results, or with how it was lost; leave no worker behind."""
    running = executor.run(work, tasks, jobs=jobs, stop=stop)
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
    except Exception:
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
