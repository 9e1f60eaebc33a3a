"""From an experiment to results: plan, admit, tune, report, look again; what is done is not run again."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from anncore.contract.engine_version import numeric_environment
from anncore.contract.errors import AnnxError, StoreError
from anncore.contract.events import (
    Distrusted,
    Event,
    OtherEnvironment,
    PhaseDone,
    PhaseStarted,
    StackDone,
    SweepDone,
    SweepStarted,
    TablesStarted,
    TooShort,
)
from anncore.contract.kinds import Executor
from anncore.contract.registry import Registered, Registry
from anncore.contract.trial import Phase, Status, Trial, TrialResult
from anncore.evidence.results import Cost, Results
from anncore.evidence.selection import chosen_configs, select
from anncore.experiment.model import Chosen, Experiment
from anncore.experiment.plan import Plan, make_plan
from anncore.experiment.sharding import Shard
from anncore.experiment.widening import Ends, ends_reached, wider
from anncore.running import recheck, seed_rounds as rounds
from anncore.running.collect import collect, phase_frame
from anncore.running.listening import Audience
from anncore.running.looks import remembered
from anncore.running.progress import Progress
from anncore.running.run_folder import RunFolder
from anncore.running.step_costs import measure_costs
from anncore.running.stopping import FAILED, OUT_OF_TIME, Stopper, interruptible
from anncore.running.store import Store
from anncore.running.trial_runs import Crew, outcomes, run_trials
from anncore.running.worker import Task, Work

LOG = logging.getLogger(__name__)
MANY = 10_000  # trials whose tables take seconds
FAILURES = ("failed", "timeout", "crashed")

Admit = Callable[[Sequence[Registered]], Sequence[str]]
"""Given strangers' components, raises a PluginError to stop the sweep, or returns the full names of those
that run although they have not passed the checks."""


@dataclass(frozen=True)
class Options:
    """How a sweep treats what is there already, failures and large plans; see `sweep`."""

    jobs: int
    fresh: bool = False
    retry_failed: bool = False
    fail_fast: bool = False
    allow_large: bool = False
    shard: Shard | None = None


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
    shard: Shard | str | None = None,
    admit: Admit | None = None,  # strangers' components pass it first; with None all run, as the results say
) -> Results:
    """Run an experiment and return its results; those that the run folder has already are not run again.

    out: the run folder, by default reports/<name of the experiment>. jobs: worker processes, by default one
    per core. executor: a name, by default that of [run] in the file, or an Executor. fresh: run all trials of
    the plan anew. retry_failed: run failed, crashed and timed-out ones again. fail_fast: stop at the first
    of these. max_time: seconds after which nothing new is started, and what is running is left for the next
    sweep. allow_large: admit a plan above its limit. until_decided: add report seeds in rounds
    (`seed_rounds`), as [rounds] in the file does, until the stopping rule has enough or there are max_seeds,
    by default ten times the file's. on_event: called with each Event. command: what the user typed. shard:
    run this part of the plan alone, "2/5" for the second of five; `merge_runs` joins the folders of all.

    After the last trial a few of each stranger's component are computed again, each alone; where the bits
    are others, all trials of that component are `failed`.

    In the main thread the first Ctrl-C or SIGTERM finishes what is running and returns what there is, with
    `results.stopped` = "interrupted" or "terminated"; the second raises KeyboardInterrupt, and what was
    running is lost. Either way the same call resumes. `results.stopped` is "" where nothing is left to run.
    Raises an AnnxError for whatever the user can mend, and then leaves no folder behind that was not there.
    """
    folder = RunFolder(folder_of(experiment, out))
    shard = Shard.read(shard) if isinstance(shard, str) else shard
    options = Options(jobs or cores(), fresh, retry_failed, fail_fast, allow_large, shard)
    until_decided = until_decided or experiment.in_rounds is not None
    work = _begun(experiment, executor, folder, options)
    plan = _first_plan(experiment, folder, options, until_decided, max_seeds)
    if shard is not None:
        shard.refuse_unfit(plan)
    chosen = find_executor(executor, experiment.registry, experiment.chosen.get("executor"))
    chosen.check()
    unchecked = (admit or _names)(recheck.strangers(plan.experiment))
    stopper = Stopper() if stopper is None else stopper
    if max_time is not None:
        stopper.limit(max_time)
    tell = Audience(experiment.registry, on_event)
    heard = type(chosen).__module__  # an executor says whom it lost
    with folder.store() as store, folder.logging(heard), interruptible(stopper, tell):
        run = _Sweep(plan, folder, store, Crew(chosen, work, options.jobs), options, stopper, tell)
        run.begin(unchecked, command)
        with run.progress.shown():
            if run.everything(until_decided):
                stopper.settle()  # it was asked to stop, and had come to its end
            run.look_again()
        trials = sum(store.counts(phase).total() for phase in ("tune", "report"))
        if trials >= MANY:
            tell(TablesStarted(trials))
        results = collect(folder.summary(), store, run.plan.experiment, stopped=stopper.reason)
        results = dataclasses.replace(results, past=remembered(folder.path))
        folder.write_tables(results)
        if experiment.report.get("costs") and not stopper.reason and not shard:
            results = dataclasses.replace(results, costs=run.costs(results))
        tell(SweepDone(experiment.name, str(folder.path.absolute()), stopper.reason))
    return results


def folder_of(experiment: Experiment, out: str | Path | None) -> Path:
    """Return the run folder: the one that is named, else reports/<name of the experiment>."""
    if out is not None and not str(out).strip():
        raise StoreError(f"out is {out!r}, which names no folder; write '.' for the current one.")
    return Path("reports") / experiment.name if out is None else Path(out)


def _first_plan(
    experiment: Experiment, folder: RunFolder, options: Options, until_decided: bool, max_seeds: int | None
) -> Plan:
    """Return the plan to begin with: of rounds, that of the last round the folder has seen."""
    shapes = {} if options.fresh else folder.shapes()
    plan = make_plan(experiment, allow_large=options.allow_large, shapes=shapes)
    if not until_decided:
        return plan
    looks = () if options.fresh else folder.looks(experiment)
    begun = rounds.begin(experiment, plan, most=max_seeds, looks=looks, allow_large=options.allow_large)
    return make_plan(begun, allow_large=options.allow_large, shapes=plan.shapes)


def _begun(
    experiment: Experiment, executor: str | Executor | None, folder: RunFolder, options: Options
) -> Work:
    """Return what workers do; where trials are sure to follow, workers start beside the planning."""
    registry = experiment.registry
    work = Work(registry.files, registry, log=str((folder.path / "annx.log").absolute()))
    if options.fresh or not folder.begun:
        with contextlib.suppress(AnnxError):  # whoever needs the executor says what is wrong with it
            chosen = find_executor(executor, registry, experiment.chosen.get("executor"))
            chosen.start(work, jobs=options.jobs)
    return work


def _names(components: Sequence[Registered]) -> list[str]:
    return list(dict.fromkeys(component.full_name for component in components))


def cores() -> int:
    """Return how many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1


def find_executor(
    executor: str | Executor | None, registry: Registry, in_file: Chosen | None = None
) -> Executor:
    """Return the executor given, or of that name, else the one that the file names, else the default one."""
    if executor is None and in_file is not None and not in_file.is_default:
        named_there: Executor = in_file.built()
        return named_there
    if executor is None:
        default: Executor = registry.default("executor").cls()
        return default
    if isinstance(executor, str):
        named: Executor = registry.get("executor", executor).cls()
        return named
    return executor


class _Sweep:
    """One sweep: its two phases, one after the other; the second one again for more seeds."""

    def __init__(
        self,
        plan: Plan,
        folder: RunFolder,
        store: Store,
        crew: Crew,
        options: Options,
        stopper: Stopper,
        tell: Callable[[Event], None],
    ) -> None:
        self.plan, self.folder, self.store = plan, folder, store
        self.options, self.stopper, self.tell = options, stopper, tell
        self.registry, work = plan.experiment.registry, crew.work
        self.progress = progress = Progress(folder.path, self.registry, tell)
        # Neither of these holds the sweep: a circle would keep the work's workers alive.
        work.on_progress = lambda task, done: progress.heard(task.trials, done)
        work.on_workers = progress.staffed
        work.on_compiled = progress.compiled
        stop = partial(_stop, progress, stopper)
        self.crew = dataclasses.replace(crew, stop=stop, deadline=stopper.deadline)
        self.unchecked: tuple[str, ...] = ()
        self.selected: dict[tuple[str, str], str] | None = None
        self.ends: Ends = frozenset()  # where a chosen value lies at the edge of its range
        self.ran: set[str] = set()  # what this sweep has run already, fresh or not
        self.sample = recheck.Sample(plan.experiment)
        self.environments_told = False
        self.ended = False  # whether this sweep has a new result

    def begin(self, unchecked: Sequence[str], command: Sequence[str] | None) -> None:
        """Write down what is to run, and say that the sweep begins."""
        self.unchecked = tuple(unchecked)
        experiment, counts = self.plan.experiment, self.plan.counts
        self.folder.write_experiment(experiment, self.plan, command, unchecked=self.unchecked)
        place = str(self.folder.path.absolute())
        self.tell(SweepStarted(experiment.name, place, counts["tune"], counts["report"]))

    def everything(self, until_decided: bool) -> bool:
        """Tune, report, and add rounds if asked to; tell whether nothing is left to run."""
        if not self.tune_and_widen():
            return False
        self.report()
        if self.missing():
            return False
        return self.add_rounds() if until_decided else True

    def mine(self, trials: Iterable[Trial]) -> list[Trial]:
        """Return those of a phase's trials that this sweep is to run: all, or its shard's."""
        shard = self.options.shard
        return list(trials if shard is None else shard.trials(self.plan, trials))

    def missing(self) -> int:
        """Return how many trials of the plan have no result."""
        return sum(self.store.counts(phase)["missing"] for phase in ("tune", "report"))

    def replan(self, plan: Plan) -> None:
        """Go on with another plan, and let the folder know it."""
        self.plan = plan
        self.folder.write_plan(plan, self.unchecked, self.selected)

    def tune_and_widen(self) -> bool:
        """Tune, again with wider ranges where a chosen value calls for them; tell whether that is done."""
        while self.tune():
            wider_plan = self.wider()
            if wider_plan is None:
                return True
            self.replan(wider_plan)
        return False

    def tune(self) -> bool:
        """Run the tuning trials of the plan and choose; tell whether that is done."""
        trials = self.mine(self.plan.tune())
        self.store.plan("tune", trials)
        self.store.plan("report", [])  # an older plan's would pass for this one's until this one is known
        if not trials:
            return True
        self.phase("tune", trials)
        del trials
        if self.store.counts("tune")["missing"]:
            return False
        tuned = phase_frame(self.store, "tune")
        experiment = self.plan.experiment
        chosen = select(tuned, experiment.select, experiment.selection_rule)
        self.selected = chosen_configs(chosen)
        self.folder.write_plan(self.plan, self.unchecked, self.selected)
        self.ends = ends_reached(chosen, tuned) if experiment.widen else frozenset()
        return True

    def wider(self) -> Plan | None:
        """Return the plan with wider ranges where a chosen value calls for it, and the limit admits it."""
        experiment = wider(self.plan.experiment, self.ends)
        if experiment is None:
            return None
        plan = make_plan(experiment, allow_large=True, shapes=self.plan.shapes)
        total, limit = plan.counts["total"], experiment.limits.max_trials
        if total > limit and not self.options.allow_large:
            LOG.warning("ranges stay: with wider ones the plan has %d trials, more than %d", total, limit)
            return None
        LOG.info("wider: %s", ", ".join(f"{key} {down} down {up} up" for key, down, up in experiment.widened))
        return plan

    def report(self) -> None:
        """Run the report's trials of the plan."""
        trials = self.mine(self.plan.report(self.selected))
        self.store.plan("report", trials)
        self.phase("report", trials)

    def add_rounds(self) -> bool:
        """Look at the claims and run more report seeds, until all are settled or the limit is reached.

        Tells whether that is done.
        """
        while True:
            results = collect(self.folder.summary(), self.store, self.plan.experiment, curves=False)
            looked, look = rounds.looked(dataclasses.replace(results, past=remembered(self.folder.path)))
            assert looked.rounds is not None
            LOG.info("looked at %d seeds: %d claims open", look.now, looked.rounds.open)
            following = rounds.following(looked, look)
            stopped = following is not None and self.stopper()
            # `begin` saw to it that the plan may be that large.
            next_one = looked if following is None or stopped else following
            self.replan(make_plan(next_one, allow_large=True, shapes=self.plan.shapes))
            if following is None or stopped:
                return following is None
            self.report()
            if self.missing():
                return False

    def look_again(self) -> None:
        """Compute a few of the strangers' trials again, each alone; distrust what gives other bits."""
        tasks = [Task((trial,)) for trial in self.sample.trials()]
        if self.stopper.reason or not tasks:
            return
        LOG.info("computing %d trials again, each alone", len(tasks))
        pairs = outcomes(self.crew, tasks)
        alone = ((task.trials, outcome) for task, outcome in pairs)
        guilty = recheck.mismatches(alone, self.store, self.sample)
        if not guilty:
            return
        planned = self.mine(self.plan.tune()) + self.mine(self.plan.report(self.selected))
        failed = recheck.distrust(self.store, planned, guilty, self.sample)
        LOG.error("%d trials are failed now: %s", failed, "; ".join(guilty.values()))
        self.tell(Distrusted(guilty, failed))

    def costs(self, results: Results) -> tuple[Cost, ...]:
        """Return what a step of each arm costs, measured where the folder does not know all of it.

        Arms with a trial that failed are left alone: in this process they might do worse.
        """
        trials = results.trials[results.trials["phase"] == "report"]
        names = ["problem", "arm", "config"]
        failed = trials[~trials["status"].isin(["ok", "diverged"])]
        wanted = set(map(tuple, trials[names].to_numpy())) - set(map(tuple, failed[names].to_numpy()))
        known = () if self.options.fresh else self.folder.costs(results.trials)
        if {(cost.problem, cost.arm, cost.config) for cost in known} >= wanted:
            return known
        LOG.info("measuring what a step of each of %d arms costs", len(wanted))
        report = self.plan.report(self.selected)
        measured = measure_costs(
            (trial for trial in report if (trial.problem, trial.arm, trial.config) in wanted), self.registry
        )
        self.folder.write_costs(measured)
        return tuple(measured)

    def phase(self, phase: Phase, trials: list[Trial]) -> None:
        """Run what a phase's trials lack, and say how it goes."""
        keys = {trial.key for trial in trials}
        known = self.done_already(keys)
        counts: Counter[str] = Counter(known.values())
        self.tell(PhaseStarted(phase, len(keys), dict(counts)))
        shards = self.options.shard.count if self.options.shard else 1
        later = self.plan.counts["report"] // shards if phase == "tune" else 0
        self.progress.begin(phase, trials, known, later)
        if counts.total() < len(keys) and not self.environments_told:
            self.environments_told = _tell_of_other_environments(self.store, self.tell)
        LOG.info("%s: %d trials, %d of them done", phase, len(keys), sum(counts.values()))
        sound: set[str] = set()

        def on_result(results: list[TrialResult]) -> None:
            self.ended = True
            for result in results:
                counts[result.status] += 1
                if result.status in FAILURES:
                    LOG.error("trial %s %s: %s", result.key, result.status, result.error)
                    if self.options.fail_fast and not self.stopper.reason:
                        self.stopper.request(FAILED)
                else:
                    sound.add(result.key)
            self.progress.finished(results)
            self.tell(StackDone(phase, tuple(results), dict(counts)))

        with _logged_end(phase, counts):
            run_trials(trials, self.store, self.registry, self.crew, on_result)
        if self.stopper.reason == OUT_OF_TIME and not self.ended:
            self.tell(TooShort(self.progress.stack()))
        self.sample.add(trials, sound)
        self.tell(PhaseDone(phase, dict(counts), self.stopper.reason))

    def done_already(self, keys: set[str]) -> dict[str, Status]:
        """Return the status of the trials that have a result that stays; forget the others' results."""
        known = self.store.statuses(keys)
        again = {
            key
            for key, status in known.items()
            if key not in self.ran
            and (self.options.fresh or (self.options.retry_failed and status in FAILURES))
        }
        if again:
            self.store.delete(again)
        self.ran |= keys
        return {key: status for key, status in known.items() if key not in again}


@contextlib.contextmanager
def _logged_end(phase: Phase, counts: Counter[str]) -> Iterator[None]:
    try:
        yield
    finally:
        ended = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        LOG.info("%s: %s", phase, ended or "nothing done")


def _stop(progress: Progress, stopper: Stopper) -> bool:
    """Tell whether to stop; whoever runs tasks asks this all the time."""
    progress.show()
    return stopper()


def _tell_of_other_environments(store: Store, tell: Callable[[Event], None]) -> bool:
    """Say so where trials of the plan ran in an environment that is not this process's; tell whether."""
    here = numeric_environment()
    there = {text: count for text, count in store.environments().items() if text != here}
    if there:
        LOG.warning("trials of this plan ran in other environments: %s; here is %s", there, here)
        tell(OtherEnvironment(here, there))
    return bool(there)
