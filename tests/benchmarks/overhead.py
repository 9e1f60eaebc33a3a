"""What a trial costs beside its steps: in a sweep of many tiny ones, part by part, and for its scores."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import math
import pickle
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.networks import SEEDS, Case, trials_of

from anncore.contract.registry import Registry
from anncore.contract.trial import Trial
from anncore.engine import training
from anncore.engine.lanes import orders
from anncore.engine.lanes.stack import LaneStack
from anncore.engine.network_stack import Stack
from anncore.engine.packing import pack
from anncore.experiment.read import load_experiment
from anncore.running import sweep as sweeping, trial_runs, worker
from anncore.running.run_folder import RunFolder
from anncore.running.store import Store


class Shape(NamedTuple):
    """A sweep of one network: so many configurations on so many seeds."""

    configurations: int
    seeds: int

    @property
    def trials(self) -> int:
        """The number of trials that tune."""
        return self.configurations * self.seeds


SHAPES = {"100 configurations, 200 seeds": Shape(100, 200), "4000 configurations, 5 seeds": Shape(4000, 5)}
SMALL = {"100 configurations, 200 seeds": Shape(100, 2), "4000 configurations, 5 seeds": Shape(40, 5)}
"""The same sweeps with few trials: what they take is not for each trial."""

PARTS = {
    "plan": "trials made, keyed, noted in the store and packed",
    "sent": "tasks and results pickled and read, components compared with the plan's",
    "store": "rows written",
    "tables": "the store read, frames, selection, trials.csv and curves.csv.gz",
    "rest": "progress and everything else of a sweep",
    "data": "data sets, first weights, stacks built",
    "steps": "",
    "history": "the evaluations of curves",
    "ends": "final scores and results",
}
COUNTED = ("plan", "sent", "store", "tables")
"""The parts that are asked to stay below 100 us together: plan, store and results."""
SCORES = ("evaluation", "after another", "history", "ends")
"""What is compared with the steps of a training."""


def experiment(shape: Shape, registry: Registry) -> Any:
    """Return the experiment: 2-16-1 for 500 steps in lanes."""
    plain = {
        "schema": 1,
        "title": "many tiny trials",
        "vary": ["optimizer"],
        "train": {"steps": 500, "batch_size": 32, "eval_every": 50, "engine": "lanes"},
        "seeds": {"tune": {"start": 0, "num": shape.seeds}, "report": [1_000_000]},
        "select": {"metric": "valid_loss"},
        "dataset": {"two_moons": {}},
        "network": {"mlp": {"hidden": [16]}},
        "activation": {"relu": {}},
        "optimizer": {"adam": {"lr": {"log": [1e-4, 1e-1], "num": shape.configurations}}},
        "limits": {"max_trials": 10_000_000},
    }
    return load_experiment(plain, registry=registry)


class Clock:
    """CPU seconds by part; a part inside another one counts for itself alone."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.calls: dict[str, list[float]] = defaultdict(list)  # of each part, what every call took
        self._open: list[str] = []
        self._since = time.process_time()

    def _turn(self) -> None:
        now = time.process_time()
        self.seconds[self._open[-1] if self._open else "rest"] += now - self._since
        self._since = now

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count what the body takes for a part."""
        self._turn()
        self._open.append(name)
        before = self.seconds[name]
        try:
            yield
        finally:
            self._turn()
            self._open.pop()
            self.calls[name].append(self.seconds[name] - before)

    def counted(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function, which counts for a part."""

        def call(*arguments: Any, **named: Any) -> Any:
            with self.part(name):
                return function(*arguments, **named)

        return call


@contextlib.contextmanager
def watched(clock: Clock) -> Iterator[None]:
    """Let the parts of a sweep in this process count."""
    places: list[tuple[Any, str, str]] = [
        (sweeping._Sweep, "mine", "plan"),
        (Store, "plan", "plan"),
        (trial_runs, "_stacks", "plan"),
        (sweeping.Progress, "begin", "plan"),
        (Store, "statuses", "plan"),
        (Store, "add", "store"),
        (sweeping, "phase_frame", "tables"),
        (sweeping, "select", "tables"),
        (sweeping, "collect", "tables"),
        (RunFolder, "write_tables", "tables"),
        (training, "_loaded", "data"),
        (training._Run, "__init__", "data"),
        (training._Run, "evaluate", "history"),
        (training._Run, "close", "ends"),
        (Stack, "initialize", "data"),
        (LaneStack, "advance", "steps"),
        (Stack, "advance", "steps"),
        (worker, "_stale", "sent"),
    ]
    before = [(owner, name, owner.__dict__[name]) for owner, name, _ in places]
    before.append((worker.Work, "__call__", worker.Work.__call__))
    for owner, name, part in places:
        function = owner.__dict__[name]
        if name == "_stacks":  # a generator
            function = _listed(function)
        setattr(owner, name, clock.counted(part, function))
    call = worker.Work.__call__

    def there_and_back(work: Any, task: Any) -> Any:
        with clock.part("sent"):  # as a worker process gets it, and gives it
            sent = pickle.loads(ForkingPickler.dumps(task))
        results = call(work, sent)
        with clock.part("sent"):
            return pickle.loads(ForkingPickler.dumps(results))

    worker.Work.__call__ = there_and_back  # type: ignore[method-assign]
    try:
        yield
    finally:
        for owner, name, function in before:
            setattr(owner, name, function)


def _listed(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments: list(function(*arguments))


@contextlib.contextmanager
def collected_as_in_the_program() -> Iterator[None]:
    """Let garbage be collected as seldom as the program lets it."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 20, 10)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def by_part(name: str, registry: Registry, folder: Path) -> dict[str, float]:
    """Return CPU us per trial by part, what a small sweep takes left out."""
    seconds = {}
    for which, shape in (("small", SMALL[name]), ("small", SMALL[name]), ("large", SHAPES[name])):
        clock = Clock()
        given = experiment(shape, registry)
        with collected_as_in_the_program(), watched(clock), clock.part("rest"):
            sweeping.sweep(given, out=folder / which, jobs=1, executor="serial", fresh=True, allow_large=True)
        seconds[which] = clock.seconds
    more = SHAPES[name].trials - SMALL[name].trials
    return {part: (seconds["large"][part] - seconds["small"][part]) / more * 1e6 for part in PARTS}


def scores(case: Case, copies: int, registry: Registry, repetitions: int) -> dict[str, float]:
    """Return what evaluations add to the steps of a tuning trial at the default cadence, as shares.

    Default: 500 steps, evaluated every 50, in lanes where these are faster. copies: how often the case's
    trials are in the stack, each time with other seeds. evaluation: one by itself against the steps before
    it; after another: the same where another stack has drawn the orders of the same seeds, which leaves
    steps alone. history: all evaluations of curves, with what a stack does once. ends: all final scores and
    the results made of them.
    """
    engine = "blas" if math.isnan(case.target.lanes[0]) else "lanes"
    trials = [
        dataclasses.replace(trial, test=False, seed=trial.seed + SEEDS * copy)
        for trial in trials_of(case, registry, engine=engine)
        for copy in range(copies)
    ]
    stack = next(iter(pack(trials, registry)))
    turns = [_shares(stack, registry) for _ in range(repetitions + 1)]
    shares = {part: statistics.median(turn[part] for turn in turns[1:]) for part in SCORES}
    return {"stack": float(len(stack)), **shares}


def _shares(stack: Sequence[Trial], registry: Registry) -> dict[str, float]:
    clocks = []
    orders._epochs.cache_clear()
    for _ in range(2):
        clocks.append(Clock())
        with collected_as_in_the_program(), watched(clocks[-1]), clocks[-1].part("rest"):
            training.train_stack(stack, registry)
    # The first evaluation makes ready what all have.
    alone, after = (
        statistics.median(evaluations) * len(evaluations) / clock.seconds["steps"]
        for clock in clocks
        if (evaluations := clock.calls["history"][1:])
    )
    seconds = clocks[0].seconds
    shares = {part: seconds[part] / seconds["steps"] for part in ("history", "ends")}
    return {"evaluation": alone, "after another": after, **shares}
