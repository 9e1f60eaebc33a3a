"""What a worker does: one stack in, the results of its trials out, and only the guilty trial failed."""

from __future__ import annotations

import contextlib
import copy
import os
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from anncore.contract.engine_version import engine_version, numeric_environment
from anncore.contract.errors import RAISED_BY_PLUGINS, AnnxError, ComponentError, PluginError
from anncore.contract.handed_over import packed, unpacked
from anncore.contract.kinds import Lost
from anncore.contract.loading import load_registry
from anncore.contract.registry import Registry
from anncore.contract.standard_output import divert, kept_for_results
from anncore.contract.trial import Part, Trial, TrialResult
from anncore.engine.lanes.clock import Compiled, taken
from anncore.engine.training import Beat, rehearse, train_stack
from anncore.running.carried import Carried

Train = Callable[[Sequence[Trial], Registry], list[TrialResult]]

# A stack takes longer than one of its trials alone, and far less than all of them one after the other. It
# is ended well before the sum of their times, so that one that hangs is noticed soon; if that is too early,
# its trials still get their full time, each alone.
STACK_TIMES = 8


BEAT = 0.25  # seconds between two messages of how far a task is


class OutOfTime(BaseException):
    """A task's deadline has come; no `except Exception` of a plugin stops it."""


@dataclass(frozen=True)
class Task:
    """A stack to train, by a deadline (`time.monotonic()`) if there is one.

    Clocks differ between machines, so that what travels is the time left.
    """

    trials: tuple[Trial, ...]
    deadline: float | None = None

    def __getstate__(self) -> tuple[tuple[Trial, ...], float | None]:
        return self.trials, None if self.deadline is None else self.deadline - time.monotonic()

    def __setstate__(self, state: tuple[tuple[Trial, ...], float | None]) -> None:
        trials, left = state
        object.__setattr__(self, "trials", trials)
        object.__setattr__(self, "deadline", None if left is None else time.monotonic() + left)

    @property
    def timeout(self) -> float | None:
        """The seconds it may take, None for as long as it likes."""
        limit = self.trials[0].timeout
        return None if limit is None else limit * min(len(self.trials), STACK_TIMES)


class Stale(NamedTuple):
    """A worker's answer in place of results: its components are not those of the plan."""

    reason: str


class Work:
    """Train stacks in whatever process this finds itself; picklable.

    The registry is loaded once per process from the plugin files, and handed-over components travel along;
    in the process that made it, the one given is used. train: what trains a stack. log: what plugins write to
    file descriptor 1 goes to the end of this file. on_progress: called in the process that made it with a
    task and how many of its trials are done, parts of trials included. on_workers: called there with how many
    workers there are now and how many were lost. on_compiled: called there with the seconds that a worker has
    spent on making kernels.
    """

    def __init__(
        self,
        files: Sequence[str],
        registry: Registry | None = None,
        train: Train = train_stack,
        log: str | None = None,
    ):
        self.files = tuple(files)
        self.train = train
        self._given = () if registry is None else registry.given
        self._folder = "" if registry is None else registry.folder
        self._packed: bytes | None = None
        self.log = log
        self.on_progress: Callable[[Task, float], None] | None = None
        self.on_workers: Callable[[int, int], None] | None = None
        self.on_compiled: Callable[[float], None] | None = None
        self._tell: Callable[[float | Compiled], None] | None = None
        self._diverted = True
        self._registry = registry
        self._rehearsed: set[tuple[str, ...]] = set()
        self._warm: Task | None = None
        self._carried: Carried | None = None

    def portable(self) -> Work:
        """Return this work for another machine: with the files it needs, by their content, and no log."""
        other = copy.copy(self)
        other._carried = Carried.of(self.files, self.prepare())
        other.log = None
        return other

    def unfit(self) -> str:
        """Say, on another machine, why results would not be those of the driver; "" where they would."""
        return "" if self._carried is None else self._carried.unfit(self.prepare())

    def __getstate__(self) -> dict[str, Any]:
        if self._packed is None:  # once for all workers
            self._packed = packed(self._given) if self._given else b""
        own: dict[str, Any] = dict.fromkeys(
            ("_registry", "_warm", "on_progress", "on_workers", "on_compiled", "_tell")
        )
        return {**self.__dict__, **own, "_given": (), "_rehearsed": set()}

    def listen(self, tell: Callable[[float | Compiled], None]) -> None:
        """In a worker process: hand to `tell` how far a task is, and keep file descriptor 1 to the log."""
        self._tell = tell
        self._divert()

    def _divert(self) -> None:
        """Send file descriptor 1 to the log; nowhere as long as the run folder is not there."""
        self._diverted = self.log is None or os.path.isdir(os.path.dirname(self.log))
        divert(self.log if self._diverted else os.devnull)

    def hear(self, task: Task, told: float | Compiled) -> None:
        """In the driver: take what a worker told during a task: how far it is, or what kernels took."""
        if isinstance(told, Compiled):
            if self.on_compiled is not None:
                self.on_compiled(told.seconds)
        elif self.on_progress is not None:
            self.on_progress(task, told)

    def _tell_of_kernels(self, task: Task) -> None:
        """Tell how long kernels were made for a task, where any were."""
        compiled = taken()
        if compiled is not None:
            (self._tell or partial(self.hear, task))(compiled)

    def staffed(self, workers: int, lost: int) -> None:
        """In the driver: take how many workers there are, and how many were lost."""
        if self.on_workers is not None:
            self.on_workers(workers, lost)

    def prepare(self) -> Registry:
        """Load the components, unless that is done."""
        if self._registry is None:
            files = self.files if self._carried is None else self._carried.unpacked()
            loaded = load_registry(files=files, reports=False).changed(folder=self._folder)
            self._registry = unpacked(loaded, self._packed or b"")
        return self._registry

    def warm_up(self, task: Task) -> None:
        """Do for a task what a process does once (`rehearse`), before the task's time begins to count.

        What a component raises here it raises again in the task, whose result then says it.
        """
        if not self._diverted:
            self._divert()
        if self._warm is task or self.train is not train_stack:
            return
        self._warm = task
        with self._quiet(), contextlib.suppress(*RAISED_BY_PLUGINS):
            rehearse(task.trials, self.prepare(), self._rehearsed)
        self._tell_of_kernels(task)

    def __call__(self, task: Task) -> list[TrialResult] | Stale | Lost:
        """Return the results of a stack, in its order; `Lost` where its deadline came first.

        Where the stack raises, each trial is trained alone, and fails alone with its traceback.
        """
        registry = self.prepare()
        stale = _stale(task.trials, registry)
        if stale:
            return Stale(stale)
        self.warm_up(task)
        pulse = _Pulse(self._tell or partial(self.hear, task), task.deadline)
        try:
            with self._quiet():
                if len(task.trials) > 1:
                    # Each trial is run alone to find which one failed.
                    with contextlib.suppress(*RAISED_BY_PLUGINS):
                        return self._train(task.trials, registry, pulse)
                return [
                    self._alone(trial, registry, partial(pulse, before=place))
                    for place, trial in enumerate(task.trials)
                ]
        except OutOfTime:
            return Lost("stopped", "out of time")
        finally:
            self._tell_of_kernels(task)

    def _train(self, trials: Sequence[Trial], registry: Registry, beat: Beat) -> list[TrialResult]:
        if self.train is train_stack:
            results = train_stack(trials, registry, beat)
        else:
            results = list(self.train(trials, registry))
        if [result.key for result in results] != [trial.key for trial in trials]:
            raise RuntimeError("training returned the results of other trials")
        return [result._replace(environment=numeric_environment()) for result in results]

    def _alone(self, trial: Trial, registry: Registry, beat: Beat) -> TrialResult:
        started = time.perf_counter()
        try:
            return self._train([trial], registry, beat)[0]
        except RAISED_BY_PLUGINS as error:  # a plugin must not end its host
            seconds = time.perf_counter() - started
            return TrialResult(
                trial.key,
                "failed",
                error=_explained(error),
                train_seconds=seconds,
                environment=numeric_environment(),
            )

    @contextlib.contextmanager
    def _quiet(self) -> Iterator[None]:
        """Keep what plugins print off standard output, and warnings from being errors in some hosts."""
        with kept_for_results(self.log), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield


class _Pulse:
    """Called after every step: tells now and then how far a task is, and ends it at its deadline."""

    def __init__(self, tell: Callable[[float], None], deadline: float | None) -> None:
        self._tell, self._deadline = tell, deadline
        self._next = time.monotonic() + BEAT

    def __call__(self, done: Callable[[], float], before: int = 0) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + BEAT
        if self._deadline is not None and now >= self._deadline:
            raise OutOfTime
        self._tell(before + done())


def _explained(error: BaseException) -> str:
    """Return a user's mistake in one line, anything else with its traceback."""
    if isinstance(error, AnnxError):
        # Of subclasses that only the engine knows, the name that a user may look up.
        known = next(cls for cls in type(error).__mro__ if cls.__module__ == AnnxError.__module__)
        return f"{known.__name__}: {error}"
    # The first two frames are this module's and say nothing.
    trace = error.__traceback__
    for _ in range(2):
        trace = trace.tb_next if trace is not None and trace.tb_next is not None else trace
    return "".join(traceback.format_exception(type(error), error, trace)).strip()


def _stale(trials: Sequence[Trial], registry: Registry) -> str:
    """Say what of some trials is not here in the version it was planned with; "" where all is."""
    for engine in dict.fromkeys(trial.engine for trial in trials):
        if engine != engine_version():
            return (
                f"the trials were planned with annx's {engine}, and a worker has {engine_version()}; "
                "install the same versions there."
            )
    looked_at: set[tuple[str, str, str]] = set()  # trials differ in few components
    parts = {id(part): part for trial in trials for part in trial.parts.values()}
    for part in parts.values():
        for component in _with_refs(part):
            named = component.kind, component.name, component.code
            if named in looked_at:
                continue
            looked_at.add(named)
            reason = _stale_part(component, registry)
            if reason:
                return reason
    return ""


def _stale_part(part: Part, registry: Registry) -> str:
    try:
        code = registry.get(part.kind, part.name).code
    except ComponentError as error:
        return f"a worker lacks a component of the plan: {error}"
    except PluginError as error:
        return str(error)
    if code == part.code:
        return ""
    return (
        f"{part.kind} {part.name} was planned in version {part.code or 'of this annx'}, and a worker found "
        f"{code or 'that of this annx'}; it has changed since the sweep was started. Start again."
    )


def _with_refs(part: Part) -> Iterator[Part]:
    yield part
    for inner_parts in part.refs.values():
        for inner in inner_parts:
            yield from _with_refs(inner)
