"""What a reader should know before believing the rest: the report's warnings, each with its kind.

Unequal budgets, hyperparameters tuned for some arms only, values chosen at the edge of their range, too few
seeds or data sets, failures, the gap between the score a configuration was chosen by and its score on fresh
seeds, a target chosen after the fact.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence, Sized
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.columns import is_hyperparameter, parse_hyperparameter, parse_metric
from anncore.contract.engine_version import told_apart
from anncore.contract.kind_names import UNTUNED
from anncore.evidence import stats
from anncore.evidence.frame import LEFT_OUT, NOT_CHOSEN
from anncore.evidence.levels import levels_of
from anncore.evidence.risk import reversals
from anncore.evidence.selection import selection_gaps, with_fresh_scores
from anncore.evidence.sentences import counted, growth, joined, number, percent, short, size
from anncore.evidence.speed import targets
from anncore.evidence.study import BLOCKING, Study, numbered
from anncore.evidence.surely_sentences import levels_texts, reversal_sentence
from anncore.evidence.units import DATA_SETS, STATUS_VERBS, singular
from anncore.evidence.verdicts import FEW_DATA_SETS, FEWEST_DATA_SETS


class Caution(NamedTuple):
    """One warning: `kind` for programs, `text` for readers."""

    kind: str
    text: str


def audit(study: Study, pairs: int) -> list[Caution]:
    """Return every warning, the gravest first; `pairs` is how many comparisons share Holm's correction."""
    cautions = [
        *_failures(study),
        *_unchecked(study),
        *_environments(study),
        *_unfinished(study),
        *_looks(study),
        *_one_test(study),
        *_unchosen(study),
        *_waived(study),
        *_divergence(study),
        *_budgets(study),
        *_confounded(study),
        *_unlike(study),
        *_edges(study),
        *_widened(study),
        *_too_few(study, pairs),
        *_one_seed(study),
        *_one_decides(study),
        *_levels(study),
        *_reversals(study),
        *_selection_gap(study),
        *_target(study),
    ]
    if not study.tuned and len(study.arms) > len(study.results.plan.arms):
        cautions.append(
            Caution(
                "not_tuned",
                "Nothing was tuned: every configuration is an arm of its own. Name tune seeds in [seeds] to "
                "compare each arm at its best.",
            )
        )
    return cautions


def _failures(study: Study) -> list[Caution]:
    trials = study.all_trials
    bad = trials[trials["status"].isin(BLOCKING)]
    cautions = []
    if len(bad):
        arms = joined(list(dict.fromkeys(bad["arm"].map(str))))
        by_status = bad["status"].value_counts(sort=False).items()
        counts = ", ".join(f"{count} {STATUS_VERBS[str(status)]}" for status, count in by_status)
        they, them = ("They block", "them") if len(bad) > 1 else ("It blocks", "it")
        way = f"rerun {them} with --retry-failed, or let [report] waive count {them} as worst"
        if study.elsewhere:
            way = f"run {them} again, or call {them} diverged to count {them} as worst"
        cautions.append(
            Caution(
                "failures",
                f"{len(bad)} of {counted(len(trials), 'trials')} did not finish ({counts}; {arms}). {they} "
                f"every claim that rests on {them}; {way}.",
            )
        )
    return cautions


def _unfinished(study: Study) -> list[Caution]:
    """Say what has not run yet, and name what the file's rules leave out."""
    cautions = []
    if study.seeds and (not_run := study.not_run):
        parts = [
            f"{missing} of {total} {phase} trials" for phase, (missing, total) in not_run.items() if missing
        ]
        one = sum(missing for missing, _ in not_run.values()) == 1
        cautions.append(
            Caution(
                "incomplete",
                f"{' and '.join(parts)} {'has' if one else 'have'} not run. 'annx sweep' of this "
                "experiment into this folder runs what is missing.",
            )
        )
    absent: dict[str, list[str]] = {}
    for (problem, arm), status in study.lost.items():
        if status == LEFT_OUT:
            absent.setdefault(problem, []).append(arm)
    if absent:
        where = [f"{joined(arms)} on {problem}" for problem, arms in absent.items()]
        cautions.append(
            Caution(
                "left_out",
                f"The file's rules leave out {joined(where)}: nothing is compared with that there, nor over "
                f"all {study.unit}.",
            )
        )
    return cautions


def _looks(study: Study) -> list[Caution]:
    """Say that seeds were added after looking, and which ones that were seen are left out."""
    if not study.past:
        return []
    cautions = []
    gone = {
        seed
        for problem in study.problems
        for arm in study.arms
        for seed in study.history.dropped(problem, arm)
    }
    if gone:
        cautions.append(
            Caution(
                "seeds_left_out",
                f"An earlier report of this folder has shown {numbered(list(gone))}, which {_are(gone)} left "
                "out now: who looks first can choose seeds that please. Nothing is claimed of the arms that "
                "had them; put them back into [seeds] report, or sweep into another folder (--out).",
            )
        )
    looks = study.history.by_hand()
    if looks:
        counts = joined([str(count) for count in looks[:-1]])
        cautions.append(
            Caution(
                "looks",
                f"Reports of this folder were made with {counts} seeds, before seeds were added by hand; now "
                f"there are {looks[-1]}. Who adds seeds until a claim stands errs too often, so new claims "
                "need stronger evidence here. Name the final number of seeds before the first look, or let "
                "--until-decided add them.",
            )
        )
    return cautions


def _are(things: Sized) -> str:
    return "is" if len(things) == 1 else "are"


def _one_test(study: Study) -> list[Caution]:
    """Say where a claim about new rows is asked for and cannot be made."""
    where = [problem for problem, scope in study.scopes.items() if scope.unknowable]
    if not where:
        return []
    return [
        Caution(
            "one_test_split",
            f"Every seed is tested on the same rows of {joined(where)}, which the data set names, so its "
            'seeds tell nothing of new rows. Leave out [report] scope = "new rows", or split at random.',
        )
    ]


def _unchosen(study: Study) -> list[Caution]:
    """Name the arms whose tuning left nothing to choose from: there is no score of them."""
    if not study.unchosen:
        return []
    where = [f"{arm} on {problem} ({lost.text})" for (problem, arm), lost in study.unchosen.items()]
    ways = {lost.status for lost in study.unchosen.values()}
    ends = {
        "diverged": "Where every tuning trial diverged, the arm counts as the worst.",
        NOT_CHOSEN: "Where trials failed, nothing is claimed about the arm.",
    }
    said = " ".join(text for status, text in ends.items() if status in ways)
    return [
        Caution(
            "nothing_chosen",
            f"No configuration is chosen, and none was run on fresh seeds: {joined(where)}. {said}",
        )
    ]


def _one_decides(study: Study) -> list[Caution]:
    """Name the arms whose mean a single seed decides; the report shows their median."""
    where = []
    for problem in study.problems:
        measure, values = study.measures[problem], study.values(problem)
        finished = values.where(study.statuses(problem) == "ok").to_numpy(float).T
        for arm, scores, decides in zip(
            values.columns, finished, stats.ones_decide(finished, measure.scale), strict=True
        ):
            if decides:
                ok = scores[~np.isnan(scores)]
                mean = stats.mean_interval(ok, measure.scale).value
                where.append(f"{arm} on {problem} (mean {number(mean)}, median {number(stats.median(ok))})")
    if not where:
        return []
    return [
        Caution(
            "one_seed_decides",
            f"A single seed changes the mean by more than a factor of two, so the median is shown: "
            f"{joined(where)}. Ranks still rest on the mean.",
        )
    ]


def _unchecked(study: Study) -> list[Caution]:
    names = study.results.unchecked
    if not names:
        return []
    return [
        Caution(
            "unchecked",
            f"{joined(list(names))} ran --unchecked, without passing the conformance kit's checks: results "
            "may depend on which trials shared a stack, or rest on a wrong gradient. 'annx check' says what "
            "fails.",
        )
    ]


def _environments(study: Study) -> list[Caution]:
    counts = study.results.environments
    if len(counts) < 2:
        return []
    spelt = [
        f"{counted(count, 'trials')} with {what}"
        for what, count in zip(told_apart(counts), counts.values(), strict=True)
    ]
    return [
        Caution(
            "environments",
            f"The trials ran in {len(counts)} environments: {'; '.join(spelt)}. Last digits differ "
            "between them, so a part of any difference between arms may be the machine's. --fresh runs all "
            "trials anew in one.",
        )
    ]


def _waived(study: Study) -> list[Caution]:
    status = study.results.trials["status"]
    counts = [f"{int((status == name).sum())} {name}" for name in study.waived if (status == name).any()]
    if not counts:
        return []
    arms = joined(list(dict.fromkeys(study.results.trials.loc[status.isin(study.waived), "arm"].map(str))))
    return [
        Caution(
            "waived",
            f"[report] waive counts trials as diverged that did not finish ({', '.join(counts)}; {arms}): "
            "the worst score, whatever the reason. Rerun them to learn more.",
        )
    ]


def _divergence(study: Study) -> list[Caution]:
    trials = study.trials
    bad = trials[trials["status"] == "diverged"]
    if not len(bad):
        return []
    where = [
        f"{label} on {problem} ({len(rows)} of {counted(len(study.seeds), 'seeds')})"
        for (problem, label), rows in bad.groupby(["problem", "label"], sort=False)
    ]
    return [
        Caution(
            "diverged",
            f"Diverged on fresh seeds although chosen by tuning: {joined(where)}. Counted as worst."
            if study.tuned
            else f"Diverged: {joined(where)}. Counted as worst.",
        )
    ]


def _budgets(study: Study) -> list[Caution]:
    if not study.tuned or "tuning" in study.not_run:  # what has not run would look like a smaller budget
        return []
    tune = study.tune
    counts = tune.groupby(["problem", "arm"], sort=False)["config"].nunique()
    by_arm = {arm: int(n) for arm, n in counts.groupby("arm", sort=False).max().items()}
    if len(set(by_arm.values())) < 2:
        return []
    listed = joined([f"{arm} {n}" for arm, n in by_arm.items()], most=12)
    return [
        Caution(
            "unequal_budgets",
            f"Unequal tuning budgets (configurations per {singular(study.unit)}): {listed}. More tries find "
            "better luck too.",
        )
    ]


def _confounded(study: Study) -> list[Caution]:
    """Name the hyperparameters that were searched for some arms and held fixed for others that have them."""
    if not study.tuned or "tuning" in study.not_run:
        return []
    cautions = []
    for column in filter(is_hyperparameter, study.tune.columns):
        there = study.tune[study.tune[column].notna()]
        counts = there.groupby(["arm", "problem"], sort=False)[column].nunique().groupby("arm", sort=False)
        tried = {str(arm): int(n) for arm, n in counts.max().items()}
        tuned, fixed = ([arm for arm, n in tried.items() if (n > 1) == many] for many in (True, False))
        if tuned and fixed:
            cautions.append(
                Caution(
                    "confounded",
                    f"{column} was tuned for {joined(tuned)}, but not for {joined(fixed)}: the tuning "
                    f"may explain part of any difference between them.",
                )
            )
    return cautions


def _unlike(study: Study) -> list[Caution]:
    """Name what differs between arms though it is not what is compared: other kinds' hyperparameters.

    An arm's own values define it; those of another kind that an [[exclude]] or [[include]] left to some arms
    are confounded with it. (Another kind's labels are part of the problem.) What was drawn at random
    differs by chance alone.
    """
    if study.not_run:
        return []
    trials = study.tune if study.tuned else study.trials
    arm = "arm" if study.tuned else "label"
    own = {*study.experiment.vary, *UNTUNED}
    if "network" in study.experiment.vary:
        own.add("activation")  # a network may name its own
    parsed = {str(name): parse_hyperparameter(str(name)) for name in trials.columns}
    values = [name for name, parts in parsed.items() if parts is not None and parts[0] not in own]
    values = [name for name in values if name not in own]  # "optimizer.lr" may be what is varied
    drawn = study.experiment.search is not None
    cautions = []
    for column in values:
        there = trials[trials[column].notna()]
        tried: dict[str, dict[str, frozenset[Any]]] = {}
        for (problem, name), tried_values in there.groupby(["problem", arm], sort=False)[column]:
            tried.setdefault(str(problem), {})[str(name)] = frozenset(tried_values)
        unlike = [sets for sets in tried.values() if len(set(sets.values())) > 1]
        if drawn:
            unlike = [
                sets for sets in unlike if all(len(tried_values) == 1 for tried_values in sets.values())
            ]
        if not unlike:
            continue
        listed = [f"{name} had {joined(_spelt(tried_values))}" for name, tried_values in unlike[0].items()]
        sets = len(study.problems)
        where = "" if len(unlike) == sets else f" on {len(unlike)} of {sets} {study.problem_unit}"
        cautions.append(
            Caution(
                "confounded",
                f"{column} is not what is compared, yet it differs between arms{where}: {joined(listed)}. "
                "It may explain part of any difference between them.",
            )
        )
    return cautions


def _spelt(values: Iterable[Any]) -> list[str]:
    """Return values in words, numbers by size."""
    ordered = sorted(values, key=lambda item: (isinstance(item, str), item))
    return [short(item, 6) if isinstance(item, float) else str(item) for item in ordered]


def _levels(study: Study) -> list[Caution]:
    """Name the arms that end at several levels, so that their means describe few of the runs."""
    return [Caution("levels", text) for text in levels_texts(levels_of(study), study.measures)]


def _reversals(study: Study) -> list[Caution]:
    """Name the arms that have a better mean and a worse worst decile than another."""
    return [
        Caution("risk", reversal_sentence(one, study.measures[one.problem])) for one in reversals(study)[:3]
    ]


def _target(study: Study) -> list[Caution]:
    """Name the problems whose target was chosen after the fact, where times to a target are told at all."""
    metric = study.experiment.select.metric
    if len(study.arms) < 2 or not (study.curves["metric"] == metric).any():
        return []
    fixed = targets(study)
    late = fixed.loc[(fixed["origin"] == "report") & fixed["target"].notna(), "problem"].to_list()
    if not late:
        return []
    where = "" if len(late) == len(fixed) else f" for {joined(late)}"
    return [
        Caution(
            "target",
            f"No target was fixed beforehand{where}: nothing was tuned and [report] target names none. What "
            "is said of times to target rests on the best validation scores of these very trials.",
        )
    ]


def _edges(study: Study) -> list[Caution]:
    selection = study.results.selection
    if selection is None or not len(selection) or "edge" not in selection:
        return []
    edge = selection[selection["edge"].map(bool)]
    if not len(edge):
        return []
    way = "widen the range, or let [search] widen = true do it."
    if study.experiment.widen:
        way = "[search] widen could not help any more: the range or the plan reached its limit."
    by_arm = [
        f"{arm} on {len(rows)} of {counted(int((selection['arm'] == arm).sum()), study.problem_unit)}"
        for arm, rows in edge.groupby("arm", sort=False)
    ]
    return [
        Caution(
            "edge",
            f"The chosen value lies at the edge of its range: {joined(by_arm, most=10)}. The best one may "
            f"lie outside; {way}",
        )
    ]


def _widened(study: Study) -> list[Caution]:
    grown = [growth(widening._asdict()) for widening in study.experiment.widened]
    if not grown:
        return []
    return [
        Caution(
            "widened",
            f"The ranges in the file were too narrow and grew for every arm: {joined(grown)}. Budgets are as "
            "large as the wider ranges made them.",
        )
    ]


def _too_few(study: Study, pairs: int) -> list[Caution]:
    cautions = []
    needed, have = stats.pairs_needed(pairs, sequential=study.sequential), len(study.seeds)
    if pairs and have < needed:
        noun = "pair of arms" if pairs == 1 else "pairs of arms"
        cautions.append(
            Caution(
                "few_seeds",
                f"{counted(have, 'report seeds')} cannot separate {pairs} {noun}: the smallest possible p is "
                f"{short(stats.smallest_p(have, study.sequential))}. {needed} seeds would be enough.",
            )
        )
    sets = len(set(study.dataset_of.values()))
    if pairs and 1 < sets < FEWEST_DATA_SETS:
        cautions.append(
            Caution(
                "few_data_sets",
                f"{sets} {study.unit} are too few for a claim over all of them; what is said over all "
                f"describes these {study.unit} only.",
            )
        )
    elif pairs and FEWEST_DATA_SETS <= sets < FEW_DATA_SETS:
        cautions.append(
            Caution("few_data_sets", f"With {sets} {study.unit}, claims over all of them have little power.")
        )
    return cautions


def _one_seed(study: Study) -> list[Caution]:
    """Say where nothing is random: equal seeds are one, and a test that counts them proves nothing."""
    if len(study.seeds) < 2:
        return []
    alike = []
    for problem in study.problems:
        values = study.values(problem).to_numpy(float)
        finished = values[:, np.isfinite(values).all(axis=0)]
        if finished.size and (finished == finished[0]).all():
            alike.append(problem)
    if not alike:
        return []
    return [
        Caution(
            "equal_seeds",
            f"On {joined(alike)} all {len(study.seeds)} seeds give the same scores: nothing is random there, "
            "so they are one observation, and no p-value means anything. Give the problem something random, "
            "or one seed.",
        )
    ]


def selection_gap(study: Study) -> tuple[float, str, int]:
    """Return by how much the choice flattered itself, its scale, and over how many choices.

    The mean over (problem, arm) of the validation cost on fresh seeds less that on the tuning seeds: the
    winner's curse. In points for shares; on a logarithmic scale where all are positive and low is good.
    """
    selection = study.results.selection
    metric, goal = study.experiment.select.metric, study.experiment.select.goal
    if not study.tuned or selection is None or not len(selection) or metric not in study.trials:
        return math.nan, "linear", 0
    name = parse_metric(metric)[1]
    scales = {own.scale for own in study.measures.values() if parse_metric(own.column)[1] == name}
    fresh = with_fresh_scores(selection, study.trials, metric)
    gaps, scale = selection_gaps(fresh, goal, shares=scales == {"unit"})
    return (float(gaps["gap"].mean()) if len(gaps) else math.nan), scale, len(gaps)


def _selection_gap(study: Study) -> Sequence[Caution]:
    gap, scale, n = selection_gap(study)
    flattering = gap > (math.log(1.05) if scale == "log" else 0.01)
    if not n or not flattering:
        return []
    score = "validation score" if study.unit == DATA_SETS else "score"
    shown = f"{size(gap, scale)} worse"
    if scale == "log":  # a cost: higher is worse
        shown = f"{percent(math.expm1(gap), 0)} higher" if gap < math.log(10) else size(-gap, scale)
    return [
        Caution(
            "selection_gap",
            f"On fresh seeds the {score} of the chosen configurations is {shown} than when they were "
            f"chosen (mean of {counted(n, 'choices')}): part of it was luck. Every number here comes from "
            f"fresh seeds.",
        )
    ]
