"""From a plan to results: hand stacks to an executor, keep what comes back, find the guilty, resume."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from anncore.contract.errors import PluginError
from anncore.contract.kinds import Executor, Lost
from anncore.contract.registry import Registry
from anncore.contract.trial import Phase, Trial, TrialResult
from anncore.engine.packing import pack
from anncore.evidence.results import Cost, Results
from anncore.evidence.selection import chosen_configs, select
from anncore.experiment.model import Experiment
from anncore.experiment.plan import Plan, make_plan
from anncore.experiment.widening import Ends, ends_reached, wider
from anncore.running import seed_rounds as rounds
from anncore.running.collect import collect, phase_frame
from anncore.running.events import FAILED, Event, PhaseDone, PhaseStarted, StackDone, Stopper, interruptible
from anncore.running.run_folder import RunFolder
from anncore.running.step_costs import measure_costs
from anncore.running.store import Store
from anncore.running.worker import Stale, Task, Work

LOG = logging.getLogger(__name__)
FAILURES = ("failed", "timeout", "crashed")


def run_trials(
    trials: Iterable[Trial],
    store: Store,
    registry: Registry,
    *,
    executor: Executor,
    jobs: int = 1,
    stop: Callable[[], bool] = bool,
    on_result: Callable[[list[TrialResult]], None] | None = None,
    work: Work | None = None,
) -> None:
    """Run the trials that have no result in the store, and keep each stack's results as they come.

    A stack that raises is run trial by trial in its worker: only the guilty ones are `failed`. A stack that
    is lost with its worker, or out of time, is run trial by trial at the end: only those that are lost
    again are `crashed` or `timeout`. Nothing new starts once `stop()` is true; what was lost by then has no
    result and is run by the next sweep. work: the same one for several calls lets an executor keep its
    workers between them. Raises PluginError where a worker's components are not the plan's.
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

    tasks = [Task(tuple(stack)) for stack in _stacks(list(unique.values()), registry, jobs)]
    del unique
    suspects: list[Trial] = []
    for task, outcome in _outcomes(executor, work, tasks, jobs, stop):
        if not isinstance(outcome, Lost):
            keep(task, outcome)
        elif len(task.trials) == 1 and outcome.status == "timeout":
            keep(task, [_lost(task.trials[0], outcome)])  # it had all its time to itself
        else:
            LOG.warning(
                "a stack of %d trials was lost (%s): %s", len(task.trials), outcome.status, outcome.reason
            )
            suspects.extend(task.trials)
    if not suspects or stop():
        return
    for task, outcome in _outcomes(executor, work, [Task((trial,)) for trial in suspects], jobs, stop):
        keep(task, [_lost(task.trials[0], outcome)] if isinstance(outcome, Lost) else outcome)


def _outcomes(
    executor: Executor, work: Work, tasks: Sequence[Task], jobs: int, stop: Callable[[], bool]
) -> Iterator[tuple[Task, list[TrialResult] | Lost]]:
    """Yield what comes of each task, one way or the other; and leave no worker behind."""
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
    return TrialResult(trial.key, lost.status, error=lost.reason)


def sweep(
    experiment: Experiment,
    *,
    out: str | Path | None = None,
    jobs: int | None = None,
    executor: str | Executor | None = None,
    fresh: bool = False,
    retry_failed: bool = False,
    fail_fast: bool = False,
    max_time: float | None = None,
    allow_large: bool = False,
    until_decided: bool = False,
    max_seeds: int | None = None,
    on_event: Callable[[Event], None] | None = None,
    stopper: Stopper | None = None,
    command: Sequence[str] | None = None,
) -> Results:
    """Run an experiment and return its results; those that the run folder has already are not run again.

    out: the run folder, by default reports/<name of the experiment>. jobs: worker processes, by default one
    per core. executor: a name, by default the installed default, or an Executor. fresh: run all trials of
    the plan anew. retry_failed: run failed, crashed and timed-out ones again. fail_fast: stop at the first
    of these. max_time: seconds after which nothing new is started. allow_large: admit a plan above its
    limit. until_decided: add report seeds in rounds (`seed_rounds`) until all claims on a problem are
    settled, or there are max_seeds, by default ten times the file's. on_event: called with each Event.
    command: what the user typed, for the record.

    In the main thread the first Ctrl-C finishes what is running and returns what there is, with
    `results.stopped` = "interrupted"; the second raises KeyboardInterrupt, and what was running is lost.
    Either way the same call resumes. Raises an AnnxError for whatever the user can mend, and then leaves no
    folder behind that was not there.
    """
    folder = RunFolder(Path("reports") / experiment.name if out is None else Path(out))
    plan = make_plan(experiment, allow_large=allow_large, shapes={} if fresh else folder.shapes())
    if until_decided:
        looks = () if fresh else folder.looks(experiment)
        experiment = rounds.begin(experiment, plan, most=max_seeds, looks=looks, allow_large=allow_large)
        plan = make_plan(experiment, allow_large=allow_large, shapes=plan.shapes)
    chosen = find_executor(executor, experiment.registry)
    stopper = Stopper() if stopper is None else stopper
    if max_time is not None:
        stopper.limit(max_time)
    with folder.store() as store, folder.logging(), interruptible(stopper, on_event):
        run = _Sweep(plan, store, chosen, jobs or cores(), stopper, on_event)
        run.fresh, run.retry_failed, run.fail_fast = fresh, retry_failed, fail_fast
        folder.write_experiment(plan.experiment, plan, command)
        complete = run.tune(plan)
        while complete and (wider := run.wider(allow_large)) is not None:
            plan = wider
            folder.write_plan(plan)
            complete = run.tune(plan)
        if complete:
            run.go_on(plan)
        while until_decided and not stopper.reason:
            now, needed = rounds.looked(collect(folder.summary(), store, plan.experiment, curves=False))
            assert now.rounds is not None
            LOG.info("looked at %d seeds: %d claims open", now.rounds.looks[-1], now.rounds.open)
            following = rounds.following(now, needed) if now.rounds.open else None
            plan = make_plan(following or now, allow_large=True, shapes=plan.shapes)  # `begin` saw to that
            folder.write_plan(plan)
            if following is None:
                break
            run.go_on(plan)
        results = collect(folder.summary(), store, plan.experiment, stopped=stopper.reason)
        folder.write_tables(results)
        if experiment.report.get("costs") and not stopper.reason:
            results = dataclasses.replace(results, costs=run.costs(folder, results, fresh))
    return results


def cores() -> int:
    """Return how many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1


def find_executor(executor: str | Executor | None, registry: Registry) -> Executor:
    """Return the executor of that name, the default one, or the one given."""
    if executor is None:
        found: Executor = registry.default("executor").cls()
    elif isinstance(executor, str):
        found = registry.get("executor", executor).cls()
    else:
        found = executor
    return found


class _Sweep:
    """One sweep: its two phases, one after the other; the second one again for more seeds."""

    def __init__(
        self,
        plan: Plan,
        store: Store,
        executor: Executor,
        jobs: int,
        stopper: Stopper,
        on_event: Callable[[Event], None] | None,
    ) -> None:
        self.plan, self.store = plan, store
        self.executor, self.jobs, self.stopper, self.on_event = executor, jobs, stopper, on_event
        self.registry = plan.experiment.registry
        self.work = Work(self.registry.files, self.registry)
        self.fresh = self.retry_failed = self.fail_fast = False
        self.selected: dict[tuple[str, str], str] | None = None
        self.ends: Ends = frozenset()  # where a chosen value lies at the edge of its range
        self.ran: set[str] = set()  # what this sweep has run already, fresh or not

    def tune(self, plan: Plan) -> bool:
        """Run the tuning trials of a plan and choose; tell whether that is done."""
        self.plan = plan
        tune = list(plan.tune())
        self.store.plan("tune", tune)
        self.store.plan("report", [])  # until it is known, lest an older plan's be taken for this one's
        if not tune:
            return True
        self.phase("tune", tune)
        del tune
        if self.stopper():
            return False
        trials = phase_frame(self.store, "tune")
        chosen = select(trials, plan.experiment.select)
        self.selected = chosen_configs(chosen)
        self.ends = ends_reached(chosen, trials) if plan.experiment.widen else frozenset()
        return True

    def wider(self, allow_large: bool) -> Plan | None:
        """Return the plan with wider ranges where a chosen value calls for it, and the limit admits it."""
        experiment = wider(self.plan.experiment, self.ends)
        if experiment is None:
            return None
        plan = make_plan(experiment, allow_large=True, shapes=self.plan.shapes)
        total, limit = plan.counts["total"], experiment.limits.max_trials
        if total > limit and not allow_large:
            LOG.warning("ranges stay: with wider ones the plan has %d trials, more than %d", total, limit)
            return None
        LOG.info("wider: %s", ", ".join(f"{key} {down} down {up} up" for key, down, up in experiment.widened))
        return plan

    def go_on(self, plan: Plan) -> None:
        """Run the report's trials of a plan that differs from the tuned one at most in its report seeds."""
        self.plan = plan
        report = list(plan.report(self.selected))
        self.store.plan("report", report)
        self.phase("report", report)

    def costs(self, folder: RunFolder, results: Results, fresh: bool) -> tuple[Cost, ...]:
        """Return what a step of each arm costs, measured where the folder does not know all of it.

        Arms with a trial that failed are left alone: in this process they might do worse.
        """
        trials = results.trials[results.trials["phase"] == "report"]
        names = ["problem", "arm", "config"]
        sound = trials["status"].isin(["ok", "diverged"])
        every, bad = (set(map(tuple, each[names].to_numpy())) for each in (trials, trials[~sound]))
        wanted = every - bad
        known = () if fresh else folder.costs(results.trials)
        if {(cost.problem, cost.arm, cost.config) for cost in known} >= wanted:
            return known
        LOG.info("measuring what a step of each of %d arms costs", len(wanted))
        report = self.plan.report(self.selected)
        found = measure_costs(
            (trial for trial in report if (trial.problem, trial.arm, trial.config) in wanted), self.registry
        )
        folder.write_costs(found)
        return tuple(found)

    def phase(self, phase: Phase, trials: list[Trial]) -> None:
        keys = {trial.key for trial in trials}
        known = self.store.statuses(keys)
        again = {
            key
            for key, status in known.items()
            if key not in self.ran and (self.fresh or (self.retry_failed and status in FAILURES))
        }
        if again:
            self.store.delete(again)
        self.ran |= keys
        counts: Counter[str] = Counter(status for key, status in known.items() if key not in again)
        self.tell(PhaseStarted(phase, len(keys), dict(counts)))
        LOG.info("%s: %d trials, %d of them done", phase, len(keys), sum(counts.values()))

        def on_result(results: list[TrialResult]) -> None:
            for result in results:
                counts[result.status] += 1
                if result.status in FAILURES:
                    LOG.error("trial %s %s: %s", result.key, result.status, result.error)
                    if self.fail_fast and not self.stopper.reason:
                        self.stopper.request(FAILED)
            self.tell(StackDone(phase, tuple(results), dict(counts)))

        with _logged_end(phase, counts):
            run_trials(
                trials,
                self.store,
                self.registry,
                executor=self.executor,
                jobs=self.jobs,
                stop=self.stopper,
                on_result=on_result,
                work=self.work,
            )
        self.tell(PhaseDone(phase, dict(counts), self.stopper.reason))

    def tell(self, event: Event) -> None:
        if self.on_event is not None:
            self.on_event(event)


@contextlib.contextmanager
def _logged_end(phase: Phase, counts: Counter[str]) -> Iterator[None]:
    try:
        yield
    finally:
        said = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        LOG.info("%s: %s", phase, said or "nothing done")
