"""The events of a sweep, which listeners hear and `on_event` is called with, in this order.

The first and the last are for listeners only: who calls `anncore.sweep` knows when it begins and ends.

SweepStarted
  PhaseStarted, then StackDone and Progressed again and again, PhaseDone; for tuning, where there is any,
  and for the report; again for wider ranges and for more seeds
  OtherEnvironment, once, where trials of the plan ran elsewhere
  StopRequested, where the user stops the sweep
  TooShort, before a PhaseDone, where the time limit came before any new result
  Distrusted, where a plugin's numbers cannot be trusted
SweepDone
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from anncore.contract.trial import Phase, TrialResult


@dataclass(frozen=True)
class SweepStarted:
    """A sweep begins.

    name: the experiment's. folder: the run folder's absolute path. tune, report: how many trials the plan
    has in each phase; some may have results already.
    """

    name: str
    folder: str
    tune: int
    report: int


@dataclass(frozen=True)
class PhaseStarted:
    """A phase begins: `total` different trials, of which `done` have results already, by status."""

    phase: Phase
    total: int
    done: Mapping[str, int]

    @property
    def todo(self) -> int:
        """The number of trials to run."""
        return self.total - sum(self.done.values())


@dataclass(frozen=True)
class OtherEnvironment:
    """Trials of the plan ran elsewhere already, where last digits may differ from those of this process.

    here: this process's environment (`numeric_environment`). there: the others, with their numbers of trials.
    """

    here: str
    there: Mapping[str, int]


@dataclass(frozen=True)
class StackDone:
    """The results of a stack are in the store. counts: by status, all of the phase so far."""

    phase: Phase
    results: tuple[TrialResult, ...]
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Progressed:
    """How far the sweep is, a few times a second while trials run.

    done: trials of the phase, those that run counted by the steps they have made, of `total`. share: of the
    whole sweep's work. elapsed: seconds since the sweep began. left: seconds that the rest of the training
    may take, None while nothing tells. compiled: seconds that workers have spent so far on making kernels of
    the engine "lanes", all together.
    """

    phase: Phase
    done: float
    total: int
    share: float
    elapsed: float
    left: float | None
    compiled: float = 0.0


@dataclass(frozen=True)
class WorkersChanged:
    """Workers of a cluster come or are lost. workers: how many are used now; lost: since the sweep began."""

    workers: int
    lost: int


@dataclass(frozen=True)
class TablesStarted:
    """The tables of so many trials are written, which takes a while; heard where there are 10,000 or more."""

    trials: int


@dataclass(frozen=True)
class Distrusted:
    """Components gave other bits alone than in a stack, so all their trials are failed.

    components: by full name, what was found. trials: how many are failed.
    """

    components: Mapping[str, str]
    trials: int


@dataclass(frozen=True)
class TooShort:
    """The time limit came before a stack of trials ended, so the sweep has no new result.

    stack: about how many seconds the shortest of those that ran takes with what comes before its first step,
    None where no step was made.
    """

    stack: float | None


@dataclass(frozen=True)
class PhaseDone:
    """A phase ends. counts: by status; stopped: why before its end, else ""."""

    phase: Phase
    counts: Mapping[str, int]
    stopped: str


@dataclass(frozen=True)
class StopRequested:
    """Ctrl-C, or SIGTERM: what runs is finished and kept; a second one stops at once."""

    reason: str


@dataclass(frozen=True)
class SweepDone:
    """A sweep ends, and its results are in the folder; the report is written after this.

    stopped: why before its end: "interrupted", "terminated", "max_time", "fail_fast"; else "". Where an
    exception ends the sweep, there is no such event.
    """

    name: str
    folder: str
    stopped: str


Event = (
    SweepStarted
    | PhaseStarted
    | OtherEnvironment
    | StackDone
    | Progressed
    | WorkersChanged
    | TablesStarted
    | Distrusted
    | TooShort
    | PhaseDone
    | StopRequested
    | SweepDone
)
"""Any of them."""
