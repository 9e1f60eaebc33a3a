"""Strangers' trials, computed again after the sweep, each alone: the bits must be those of its stack.

The kit looks at a component alone; here it is looked at in the very trials that were run. A few for each
component are enough: what mixes the trials of a stack does so in nearly all of them.
"""

from __future__ import annotations

import heapq
import logging
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence

from anncore.contract.registry import HOME, Registered
from anncore.contract.trial import Part, Trial, TrialResult
from anncore.experiment.model import Experiment
from anncore.running.store import Store

LOG = logging.getLogger(__name__)
SAMPLE = 3  # trials for each component


def strangers(experiment: Experiment) -> list[Registered]:
    """Return the components that an experiment uses, or may refer to, and that are not annx's own.

    Its search method, its selection rule and its stopping rule are among them.
    """
    used = [
        component
        for entries in experiment.entries.values()
        for entry in entries
        for components in entry.reachable.values()
        for component in components
    ]
    used += experiment.registry.of_kind("metric")  # every metric scores every trial of its task
    used += [chosen.component for chosen in experiment.chosen.values()]
    return [component for component in dict.fromkeys(used) if component.dist != HOME]


class Sample:
    """The trials to compute again: of each stranger's component those with the smallest keys that ran."""

    def __init__(self, experiment: Experiment) -> None:
        self._names = {component.full_name for component in strangers(experiment)}
        self._by_name: dict[str, dict[str, Trial]] = {}

    def add(self, trials: Iterable[Trial], ran: set[str]) -> None:
        """Look at a phase's trials, of which those with keys in `ran` ended well just now."""
        if not self._names:
            return
        for trial in trials:
            for name in self.names_in(trial) if trial.key in ran else ():
                self._by_name.setdefault(name, {})[trial.key] = trial
        for name, by_key in self._by_name.items():
            self._by_name[name] = {key: by_key[key] for key in heapq.nsmallest(SAMPLE, by_key)}

    def trials(self) -> list[Trial]:
        """Return the trials to compute again, each once."""
        return list(
            {key: trial for by_key in self._by_name.values() for key, trial in by_key.items()}.values()
        )

    def names_in(self, trial: Trial) -> set[str]:
        """Return the full names of the strangers' components in a trial."""
        return {part.name for part in _all_parts(trial.parts.values())} & self._names


def _all_parts(parts: Iterable[Part]) -> Iterator[Part]:
    for part in parts:
        yield part
        for inner in part.refs.values():
            yield from _all_parts(inner)


def difference(stored: TrialResult, alone: TrialResult) -> str:
    """Return where two results differ, as "train_loss is 0.2 alone and 0.3 in its stack"; "" if nowhere."""
    if stored.status != alone.status:
        return f"it is {alone.status} alone and {stored.status} in its stack"
    values = ((stored.metrics, alone.metrics), (_flat(stored), _flat(alone)))
    for in_stack, by_itself in values:
        for name in {**in_stack, **by_itself}:
            one, other = by_itself.get(name), in_stack.get(name)
            if one is None or other is None or struct.pack("<d", one) != struct.pack("<d", other):
                return f"{name} is {one!r} alone and {other!r} in its stack"
    return ""


def _flat(result: TrialResult) -> dict[str, float]:
    return {
        f"{name} at step {step}": value
        for name, values in result.curves.items()
        for step, value in zip(result.steps, values, strict=True)
    }


def distrust(store: Store, trials: Iterable[Trial], guilty: Mapping[str, str], sample: Sample) -> int:
    """Turn the trials that use a guilty component into failed ones; returns how many there are.

    guilty: by full name what was found. Their numbers are dropped: what a component that mixes trials gives
    depends on its neighbours, in the trials that were not computed again too.
    """
    used = {trial.key: (trial, sample.names_in(trial) & set(guilty)) for trial in trials}
    used = {key: pair for key, pair in used.items() if pair[1]}
    failed: list[tuple[Trial, TrialResult]] = []
    for result in store.results(used, curves=False):
        if result.status in ("ok", "diverged"):
            trial, names = used[result.key]
            reason = "; ".join(
                f"{name} gives other bits alone than in a stack ({guilty[name]})" for name in sorted(names)
            )
            lost = TrialResult(
                result.key,
                "failed",
                error=reason,
                train_seconds=result.train_seconds,
                environment=result.environment,
            )
            failed.append((trial, lost))
    store.add(failed)
    return len(failed)


def mismatches(
    pairs: Iterable[tuple[Sequence[Trial], object]], store: Store, sample: Sample
) -> dict[str, str]:
    """Return the components whose trials came out otherwise alone, by full name, with what was found.

    pairs: tasks of single trials with their results, or how they were lost, which proves nothing.
    """
    guilty: dict[str, str] = {}
    for (trial,), results in pairs:
        if not isinstance(results, list):
            LOG.warning("trial %s could not be computed again: %s", trial.key, results)
            continue
        (alone,) = results
        for stored in store.results([trial.key]):
            what = difference(stored, alone)
            if what:
                LOG.error("trial %s: %s", trial.key, what)
                for name in sorted(sample.names_in(trial)):
                    guilty.setdefault(name, f"trial {trial.key[:12]}: {what}")
    return guilty
