"""From a sweep's frames to what is compared: arms, problems, the measure of each, and costs.

A `Study` reads a `Results` once and answers the questions that tables, findings and figures share, so
that all of them count the same trials. It computes no statistics and writes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from anncore.contract.problem_kinds import problem_in
from anncore.evidence.always_valid import level_at
from anncore.evidence.frame import LEFT_OUT, NOT_RUN, UNRUN, Layout, long_frame, unit_costs
from anncore.evidence.labels import Labels
from anncore.evidence.looks import DIGITS, History, PastLook, Seen, before, in_order
from anncore.evidence.measures import Measure, measures_of
from anncore.evidence.pair_tests import Rule
from anncore.evidence.scope import NEW_ROWS, Scope, scope_of
from anncore.evidence.selection import Unchosen, unchosen
from anncore.evidence.stats import ALPHA, LEVEL
from anncore.evidence.units import SEEDS, VARIANTS, of_trials

if TYPE_CHECKING:
    import pandas as pd

    from anncore.contract.trial import PlannedRow
    from anncore.evidence.results import Cost

BLOCKING = ("failed", "timeout", "crashed")
NO_SETTINGS = ("title", "claim", "seeds", "report", "limits")  # which change no trial of a seed
SHOWN_BEFORE = "seeds that an earlier report has shown are left out"
ONE_TEST = "every seed is tested on the same rows, so nothing is known of new ones"


class Study:
    """A sweep's results as the report compares them.

    `arms` are the labels under comparison in the experiment's order. Where nothing was tuned, an arm with
    several configurations enters once per configuration: choosing among them by their test score would
    flatter it. `problems` are what they are compared on.

    Trials with a status that [report] waive names are counted as diverged, the worst there is, throughout;
    `results.trials` has what really became of them.

    options: the experiment's [report] table. seeds: of the report phase. sequential: whether these came in
    rounds, so that the claims were looked at again and again. level: of the interval of each score, so that
    those of all looks hold together at 95 %. tune: the trials of the tuning phase. unit: what the problems
    are, in the plural: "data sets", or "functions" where these are minimised. problem_unit: what they are
    where they are counted one by one: "variants" if data sets have several. dataset_of: the data set's or
    objective's label of each problem, as its variants are no independent evidence. waiting: the planned rows
    that have no result.
    """

    def __init__(self, results: Any) -> None:
        self.results = results
        self.experiment = results.experiment
        self.options: Mapping[str, Any] = self.experiment.document.get("report", {})
        self.waived = tuple(self.options.get("waive", ()))
        self.all_trials: pd.DataFrame = results.trials
        if self.waived:
            status = results.trials["status"]
            self.all_trials = results.trials.assign(status=status.mask(status.isin(self.waived), "diverged"))
        self.curves: pd.DataFrame = results.curves
        self.elsewhere = tuple(self.experiment.vary) == ("arm",)  # a table of scores that no sweep computed
        self.problems: tuple[str, ...] = tuple(results.plan.problems)
        self.past: tuple[PastLook, ...] = tuple(getattr(results, "past", ()))
        self.seeds = in_order(self.experiment.report_seeds, self.past)
        rounds = self.experiment.rounds
        self.sequential = rounds is not None
        self.level = LEVEL if rounds is None else level_at(len(rounds.looks))
        self.tune = self.all_trials[self.all_trials["phase"] == "tune"]
        ran = set(results.trials["key"])
        self.waiting = [row for row in results.planned or () if row.key not in ran]
        self.tuned = len(self.tune) > 0 or any(row.phase == "tune" for row in self.waiting)
        problem_kind = problem_in(self.all_trials)
        self.unit = problem_kind.unit
        self.dataset_of = _data_sets(self.all_trials, self.waiting, self.problems, problem_kind.kind)
        self.memory: dict[Any, Any] = {}  # frames that several tables ask `anncore.evidence` for
        variants = len(set(self.dataset_of.values())) < len(self.problems)
        self.problem_unit = VARIANTS if variants else self.unit

    @cached_property
    def unchosen(self) -> dict[tuple[str, str], Unchosen]:
        """The problems and arms whose tuning left nothing to choose from; they have no report trials."""
        return unchosen(self.results.selection, self.tune)

    @cached_property
    def trials(self) -> pd.DataFrame:
        """The report phase's trials, with the compared label in the column `label`."""
        trials = self.all_trials[self.all_trials["phase"] == "report"]
        if self.unchosen:  # what ran before annx refused to choose from nothing
            pairs = zip(trials["problem"], trials["arm"], strict=True)
            chosen = [pair not in self.unchosen for pair in pairs]
            trials = trials[np.array(chosen, bool)]  # a list without entries would choose no columns
        pairs = zip(trials["arm"], trials["config"], strict=True)
        return trials.assign(label=[self.labels.label(arm, config) for arm, config in pairs])

    @cached_property
    def labels(self) -> Labels:
        """What is compared, by the places of the report's trials in the plan."""
        return Labels.of(self.results.planned, self.all_trials, self.tuned)

    @cached_property
    def arms(self) -> tuple[str, ...]:
        """The labels under comparison, in the experiment's order."""
        return self.labels.in_order(self.results.plan.arms)

    @cached_property
    def lost(self) -> dict[tuple[str, str], str]:
        """By problem and label the status of the trials that will never run; see `frame.UNRUN`.

        The file's rules leave out what no planned trial is of. The report's trials are planned when tuning is
        done; before that, those of tuning tell.
        """
        lost = {pair: nothing.status for pair, nothing in self.unchosen.items()}
        planned = self.labels.pairs() or {(row.problem, row.arm) for row in self.results.planned or ()}
        if self.results.planned is None or not planned:
            return lost
        pairs = product(self.problems, self.arms)
        return {**{pair: LEFT_OUT for pair in pairs if pair not in planned}, **lost}

    @property
    def control(self) -> str | None:
        """The arm that the experiment's [report] table names as control, if it takes part."""
        control = self.options.get("control")
        return str(control) if control in self.arms else None

    @cached_property
    def measures(self) -> dict[str, Measure]:
        """How each problem is scored."""
        return measures_of(self.experiment, self.trials, self.tune, self.dataset_of, self.unit)

    @cached_property
    def own_seeds(self) -> dict[str, tuple[int, ...]]:
        """By problem the seeds that it has, where scores from elsewhere differ in that; else empty."""
        if not self.elsewhere:
            return {}
        there = self.trials.groupby("problem", sort=False)["seed"]
        seeds = {str(problem): {int(seed) for seed in mine} for problem, mine in there}
        return {
            problem: tuple(s for s in self.seeds if s in seeds.get(problem, ())) for problem in self.problems
        }

    def seeds_of(self, problem: str) -> tuple[int, ...]:
        """Return the seeds of a problem, in order."""
        return self.own_seeds.get(problem, self.seeds)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The report phase's scores as the long frame of `anncore.evidence.frame`, with their costs."""
        layout = Layout(self.measures, self.dataset_of, self.arms, self.seeds, self.lost, self.own_seeds)
        return long_frame(self.trials, layout)

    @cached_property
    def look(self) -> PastLook:
        """This report, as the run folder remembers it."""
        keys: dict[tuple[str, str], dict[int, str]] = {}
        rows = zip(*(self.trials[name] for name in ("problem", "label", "seed", "key")), strict=True)
        for problem, label, seed, key in rows:
            keys.setdefault((str(problem), str(label)), {})[int(seed)] = str(key)[:DIGITS].ljust(DIGITS)
        whole = {
            place: "".join(by_seed[seed] for seed in self.seeds)
            for place, by_seed in keys.items()
            if all(seed in by_seed for seed in self.seeds)
        }
        document = self.experiment.document
        settings = {name: part for name, part in document.items() if name not in NO_SETTINGS}
        text = json.dumps([settings, self.experiment.quick], sort_keys=True, default=str)
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        return PastLook(self.seeds, self.sequential, digest, whole)

    @cached_property
    def history(self) -> History:
        """This report, and those of the run folder that showed other seeds before it."""
        return History(self.look, before(self.past, self.look) if self.past else ())

    def seen_on(self, problem: str, costs: pd.DataFrame, arms: tuple[str, str], pairs: int) -> Seen | None:
        """Return what earlier reports have shown of two arms on a problem; see `History.seen_on`."""
        if not self.past:
            return None
        return self.history.seen_on(problem, costs, arms, pairs, len(self.problems))

    def rule(self, problem: str, rope: float | None, comparisons: int) -> Rule:
        """Return what comparisons over the seeds of a problem share."""
        return Rule(
            SEEDS, rope, ALPHA, self.sequential, comparisons, correction=self.scopes[problem].correction
        )

    @cached_property
    def scopes(self) -> dict[str, Scope]:
        """What a claim on each problem is about: the rows at hand, new ones, or new samples."""
        new = self.options.get("scope") == NEW_ROWS
        rows = getattr(self.results.plan, "rows", {})
        split_of, data_set_of = self.experiment.split_of, self.dataset_of
        return {
            problem: scope_of(rows.get(problem), split_of(data_set_of[problem]), new)
            for problem in self.problems
        }

    @cached_property
    def _tables(self) -> dict[tuple[str, str], pd.DataFrame]:
        """The frame's columns by seed and arm; a caller must not change them."""
        import pandas as pd

        columns = {name: self.frame[name].to_numpy() for name in ("score", "status", "cost")}
        tables, start = {}, 0
        for problem in self.measures:  # the frame has each problem's arms in order, and each arm's seeds
            seeds = list(self.seeds_of(problem))
            rows = slice(start, start + len(self.arms) * len(seeds))
            start = rows.stop
            for name, column in columns.items():
                table = np.ascontiguousarray(column[rows].reshape(len(self.arms), len(seeds)).T)
                tables[problem, name] = pd.DataFrame(table, index=seeds, columns=list(self.arms))
        return tables

    def values(self, problem: str) -> pd.DataFrame:
        """Return scores by seed (rows) and arm (columns): NaN where a trial did not finish."""
        return self._tables[problem, "score"]

    def statuses(self, problem: str) -> pd.DataFrame:
        """Return the trials' statuses by seed and arm; "not run" where a trial has not run."""
        return self._tables[problem, "status"]

    def costs(self, problem: str) -> pd.DataFrame:
        """Return costs by seed and arm: lower is better, +inf diverged, NaN failed or not run."""
        return self._tables[problem, "cost"]

    @cached_property
    def step_costs(self) -> dict[tuple[str, str], Cost]:
        """What a step costs by problem and label, where it was measured."""
        configs = self.trials.drop_duplicates(["problem", "arm", "config"])
        labels = configs.set_index(["problem", "arm", "config"])["label"].to_dict()
        by_label = {}
        for cost in getattr(self.results, "costs", ()):
            if (cost.problem, cost.arm, cost.config) in labels:
                by_label[cost.problem, str(labels[cost.problem, cost.arm, cost.config])] = cost
        return by_label

    @cached_property
    def not_run(self) -> dict[str, tuple[int, int]]:
        """By phase, "tuning" and "report", how many trials have not run, of how many; phases that lack none
        are not there."""
        tuning = sum(row.phase == "tune" for row in self.waiting)
        counts = {"tuning": (tuning, len(self.tune) + tuning)}
        never = len(self.lost) * len(self.seeds)
        planned = sum(len(self.arms) * len(self.seeds_of(problem)) for problem in self.problems) - never
        missing = sum(int((self.statuses(problem) == NOT_RUN).to_numpy().sum()) for problem in self.problems)
        counts["report"] = (missing, planned)
        return {phase: count for phase, count in counts.items() if count[0]}


def blocked_arms(study: Study, problem: str) -> dict[str, str]:
    """Return the arms that no claim may rest on, with the reason."""
    statuses = study.statuses(problem)
    reasons = {}
    for arm in study.arms:
        column = statuses[arm].tolist()
        counts = {status: column.count(status) for status in (*BLOCKING, *UNRUN) if status in column}
        if counts:
            nothing = study.unchosen.get((problem, arm))
            reasons[arm] = nothing.text if nothing else of_trials(counts, len(column))
            if study.lost.get((problem, arm)) == LEFT_OUT:
                reasons[arm] = "left out by the file's rules"
        elif study.past and (gone := study.history.dropped(problem, arm)):
            reasons[arm] = f"{numbered(gone)} left out"
        elif study.scopes[problem].unknowable:
            reasons[arm] = ONE_TEST
    return reasons


def by_data_set(
    study: Study, problems: Sequence[str] | None = None, seeds: Sequence[int] | None = None
) -> tuple[pd.DataFrame, str]:
    """Return costs by data set (rows) and arm, and their common scale; see `unit_costs`.

    problems, seeds: those to look at, by default all.
    """
    names = list(study.problems if problems is None else problems)
    costs = {name: study.costs(name) for name in names}
    if seeds is not None:
        costs = {name: table.loc[list(seeds)] for name, table in costs.items()}
    return unit_costs(costs, {name: study.measures[name].scale for name in names}, study.dataset_of)


def numbered(seeds: Sequence[int]) -> str:
    """Write "seed 3", "seeds 100 to 104", "seeds 3, 7 and 8"."""
    ordered = sorted(seeds)
    if len(ordered) > 2 and ordered[-1] - ordered[0] == len(ordered) - 1:
        return f"seeds {ordered[0]} to {ordered[-1]}"
    texts = [str(seed) for seed in ordered]
    if len(texts) > 6:
        texts = [*texts[:5], f"{len(texts) - 5} others"]
    listed = " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)
    return f"{'seed' if len(ordered) == 1 else 'seeds'} {listed}"


def _data_sets(
    trials: pd.DataFrame, waiting: Sequence[PlannedRow], problems: Sequence[str], kind: str
) -> dict[str, str]:
    pairs = trials.drop_duplicates("problem")
    labels = {row.problem: row.labels[kind] for row in waiting if kind in row.labels}
    labels |= zip(pairs["problem"].map(str), pairs[kind].map(str), strict=True)
    return {problem: labels.get(problem, problem) for problem in problems}
