"""How far a sweep is, and how long the rest of its training may take.

What counts is the work that trials are, not their number: a step of a large network takes a hundred times
that of a tiny one. How long a unit of work takes here is seen from what is done.
"""

from __future__ import annotations

import bisect
import math
import time
from collections.abc import Callable, Iterable, Sequence

from anncore.contract.errors import RAISED_BY_PLUGINS
from anncore.contract.registry import Registry
from anncore.contract.trial import Trial
from anncore.engine.problem import problem_of
from anncore.engine.training import total_steps

# Measured as in `engine/packing.py`: per trial-step of Adam, 0.8 us of calls and 0.09 ns for each weight and
# example. An evaluation goes forward only, over about half as many examples as there are to train on.
WEIGHTS_BY_EXAMPLES = 9000.0
FORWARD_ONLY = 3.0
# Measured on experiments/optimizers.toml and activations.toml: a trial that reports takes one and a half
# times as long as one that tunes, for its test scores, its map, and as fewer trials share a stack.
REPORTING = 1.5
SIZED = ("dataset", "network", "loss", "objective")  # the parts that sizes depend on


def work_of(trial: Trial, registry: Registry) -> float:
    """Return the work of a trial, in steps of a tiny network; 1 where a component cannot tell its sizes."""
    problem, train = problem_of(trial), trial.train
    try:
        sizes = problem.working_set(trial, registry)
        examples = problem.n_train(trial, registry)
        steps = total_steps(train, examples)
    except RAISED_BY_PLUGINS:  # a component that raises here raises in its trial as well, which then says it
        return 1.0
    weights = sum(spec.shape[0] * spec.shape[1] for spec in sizes.weights) / WEIGHTS_BY_EXAMPLES
    evaluations = steps / train.eval_every + 1
    work = steps * (1 + sizes.batch * weights) + evaluations * (1 + 0.5 * examples * weights / FORWARD_ONLY)
    return work * (REPORTING if trial.test else 1)


class Meter:
    """Counts how much of a sweep's work is done, and measures how fast.

    clock: tells seconds. Trials that were done before the sweep began count as work that took no time.
    """

    def __init__(self, registry: Registry, clock: Callable[[], float] = time.monotonic) -> None:
        self._registry, self._clock = registry, clock
        self._began = clock()
        self._phase_began: float | None = None  # when the first of the phase's stacks was heard of
        self._done_before = 0  # trials of the phase
        self._seen: list[
            tuple[float, float]
        ] = []  # when how much work was done, from the first that was heard
        self._work: dict[str, float] = {}  # of each trial of the phase, by key
        self._planned = 0.0  # work of the phase, as a sum of `_work` takes long where a plan is large
        self._ended = 0.0  # work of the phase's trials that have a result
        self._later = 0.0  # work of phases to come
        self._past = 0.0  # work of phases that are over
        self._given = 0.0  # work that was done before, of all phases
        self._unsized = 0  # trials of phases that were over before the sweep began
        self._results: set[str] = set()  # keys of the phase's trials that have one
        self._running: dict[
            str, tuple[tuple[str, ...], float]
        ] = {}  # by a task's first key: keys, trials done
        # Of a task that runs, the last quarter and the one before: when it began, and trials done by then.
        self._stepping: dict[str, tuple[tuple[float, float], tuple[float, float]]] = {}
        self._stack_of: dict[str, str] = {}  # by a trial's key, the first key of its stack
        self._known: dict[tuple[str, ...], float] = {}

    def begin(self, trials: Sequence[Trial], done: Iterable[str], later: int) -> None:
        """Begin a phase: its trials, the keys of those that have a result, and how many trials follow it."""
        if not self._unsized:
            self._past += self._ended
        self._results = set(done)
        self._phase_began, self._done_before = None, len(self._results)
        todo = any(trial.key not in self._results for trial in trials)  # sizes need data, which takes time
        self._work = {trial.key: self._work_of(trial) if todo else 1.0 for trial in trials}
        self._planned = math.fsum(self._work.values())
        self._ended = math.fsum(self._work[key] for key in self._results)
        mean = self._planned / max(1, len(self._work))
        if todo and self._unsized:  # only tuning comes before a phase; its trials are of the same sizes
            before = self._unsized * mean / REPORTING
            self._past, self._given = self._past + before, self._given + before
        self._unsized = 0 if todo else len(self._work)
        self._given += self._ended if todo else 0.0
        self._running.clear()
        self._stepping.clear()
        self._later = REPORTING * later * mean

    def heard(self, trials: Sequence[Trial], done: float) -> None:
        """Take note that so many trials of a stack are done, parts of trials included.

        Trials that have a result are computed again, which is no part of the work. Those of a stack that was
        lost come again one by one, and the stack counts no more.
        """
        keys = tuple(trial.key for trial in trials)
        if any(key in self._results or key not in self._work for key in keys):
            return
        first = self._stack_of.get(keys[0], keys[0])
        if first != keys[0]:
            self._running.pop(first, None)
            self._stepping.pop(first, None)
        self._stack_of.update(dict.fromkeys(keys, keys[0]))
        self._running[keys[0]] = keys, done
        now = self._clock()
        last, before = self._stepping.get(keys[0], ((now, done), (now, done)))
        if done == 0:
            last = before = (now, done)
        elif done - last[1] >= len(keys) / 4:
            last, before = (now, done), last
        self._stepping[keys[0]] = last, before
        self._note(now)

    def finished(self, keys: Iterable[str]) -> None:
        """Take note that these trials have results."""
        for key in keys:
            if key not in self._results:
                self._results.add(key)
                self._ended += self._work[key]
            self._running.pop(self._stack_of.get(key, key), None)
            self._stepping.pop(self._stack_of.get(key, key), None)
        self._note(self._clock())

    def trials(self) -> float:
        """Return how many trials of the phase are done, parts of trials included."""
        return len(self._results) + sum(done for _, done in self._running.values())

    def rate(self) -> float | None:
        """Return how many trials of the phase end in a second; None while nothing tells."""
        if self._phase_began is None or not self._seen:
            return None
        seconds, new = self._seen[-1][0] - self._phase_began, self.trials() - self._done_before
        return new / seconds if seconds > 0 and new > 0 else None

    def share(self) -> float:
        """Return the share of the whole sweep's work that is done."""
        return self._done() / max(self._whole(), 1e-9)

    def elapsed(self) -> float:
        """Return the seconds since the sweep began."""
        return self._clock() - self._began

    def stack(self) -> float | None:
        """Return about how many seconds after the sweep's begin the first stack that runs ends.

        None where none has made a step.
        """
        elapsed = self.elapsed()
        ends = [elapsed * len(keys) / done for keys, done in self._running.values() if done > 0]
        return min(ends, default=None)

    def left(self) -> float | None:
        """Return about how many seconds the rest takes; None while nothing tells.

        The speed is that of the later half of the time so far, as the load of a machine changes, but never
        below that of all of it: while the first stacks on other data compile their formulas no step is done.
        It takes at least as long as the rest of each stack that runs, at that stack's own pace: at the end
        most workers have nothing to do.
        """
        if not self._seen:
            return None
        now, (began, _) = self._clock(), self._seen[0]
        speed = max(self._speed(since, now) for since in (began, (began + now) / 2))
        return max((self._whole() - self._done()) / speed, self._longest(now)) if speed > 0 else None

    def _longest(self, now: float) -> float:
        """Return how many seconds more the stack takes that ends last of those that run, at its own pace."""
        rests = [0.0]
        for first, (keys, done) in self._running.items():
            _, (since, before) = self._stepping[first]
            if done > before:
                rests.append((len(keys) - done) * (now - since) / (done - before))
        return max(rests)

    def _speed(self, since: float, now: float) -> float:
        """Return the work per second from the last look before `since` until now."""
        then, before = self._seen[max(0, bisect.bisect_right(self._seen, (since, math.inf)) - 1)]
        return (self._new() - before) / (now - then) if now > then else 0.0

    def _new(self) -> float:
        """Return the work that was done since the sweep began."""
        return self._done() - self._given

    def _note(self, now: float) -> None:
        if self._phase_began is None:
            self._phase_began = now
        if not self._seen or now - self._seen[-1][0] >= 1:
            self._seen.append((now, self._new()))

    def _whole(self) -> float:
        return self._past + self._planned + self._later

    def _done(self) -> float:
        running = sum(
            done * sum(self._work[key] for key in keys) / len(keys) for keys, done in self._running.values()
        )
        return self._past + self._ended + running

    def _work_of(self, trial: Trial) -> float:
        sized = (part.text for kind, part in trial.parts.items() if kind in SIZED)
        same = (str(trial.test), trial.train.text, *sized)
        if same not in self._known:
            self._known[same] = work_of(trial, self._registry)
        return self._known[same]
