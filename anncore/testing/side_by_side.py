"""Checks of many components at once, by worker processes, as a sweep's trials run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from anncore.contract.kinds import Executor, Lost
from anncore.contract.loading import load_registry
from anncore.contract.registry import Registered, Registry
from anncore.contract.standard_output import kept_for_results
from anncore.testing import KITS, Outcome, checks_for

FEW = 8  # components: below, workers would still be importing when one process is through


class Task(NamedTuple):
    """A component to check, by its names, which mean the same in every process."""

    kind: str
    full_name: str
    place: int  # in the list of components


@cache
def _loaded(files: tuple[str, ...]) -> Registry:
    return load_registry(files)


@dataclass(frozen=True)
class Checks:
    """The work of a worker: the outcomes of a component's checks.

    files: those that bring components. values: hyperparameters that every check uses. only: the names of the
    checks to run; empty for all.
    """

    files: tuple[str, ...]
    values: Mapping[str, Any]
    only: tuple[str, ...]

    def prepare(self) -> None:
        """Load all components, before the first task."""
        _loaded(self.files)

    def __call__(self, task: Task) -> list[Outcome]:
        """Return the outcomes of a component's checks."""
        return self.of(_loaded(self.files).get(task.kind, task.full_name))

    def of(self, component: Registered) -> list[Outcome]:
        """Return the outcomes of a component's checks, in this process."""
        with kept_for_results():
            checks = checks_for(component, values=self.values)
            return [check.outcome() for check in checks if not self.only or check.name in self.only]


def outcomes_of(
    components: Sequence[Registered], work: Checks, executor: Executor | None, jobs: int
) -> Iterator[tuple[int, list[Outcome]]]:
    """Yield each component's place in the list and the outcomes of its checks, as they are known.

    Without an executor, and for one job, all run here, in order. Otherwise the dearest begin first, so that
    no process is left alone with one; components whose checks start processes run here at the end, because a
    worker must not start any. A component that ends its worker fails the check "process".
    """
    places = range(len(components))
    if executor is None or min(jobs, len(components)) < 2:
        here, elsewhere = list(places), []
    else:
        here = [place for place in places if KITS[components[place].kind].starts_processes]
        elsewhere = [place for place in places if place not in here]
    elsewhere.sort(key=lambda place: not KITS[components[place].kind].dear)
    tasks = [Task(components[place].kind, components[place].full_name, place) for place in elsewhere]
    if executor is not None and tasks:
        for task, value in executor.run(work, tasks, jobs=jobs, stop=lambda: False):
            yield task.place, [_lost(value)] if isinstance(value, Lost) else value
    for place in here:
        yield place, work.of(components[place])


def _lost(lost: Lost) -> Outcome:
    return Outcome("process", "The process that runs the checks goes on.", lost.reason, 0, 0.0)
