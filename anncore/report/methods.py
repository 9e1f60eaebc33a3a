"""The methods section, written from what was done in this very report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from anncore.contract.documentation import documentation
from anncore.contract.problem_kinds import NETWORK_ON_DATA, OBJECTIVE
from anncore.evidence.claim import column_words
from anncore.evidence.sentences import counted, growth, joined, number
from anncore.evidence.units import DATA_SETS, metric_words, singular
from anncore.report import factorial, run_times, surely, words
from anncore.report.importance import HUTTER, importance_method
from anncore.report.methods_claims import (
    failures_text,
    improvement_text,
    over_all_text,
    rounds_text,
    within_text,
)
from anncore.report.methods_training import minimising_text, trained_elsewhere, training_text
from anncore.report.reach import NADEAU, looks_method
from anncore.report.references import BUDGET, MIRSKY, REFERENCES, SEQUENTIAL, SPEED, SUCCESS
from anncore.report.success import success_sentence
from anncore.report.suites import suite_methods

TIERS = (
    "An arm is in the first tier where no other arm beats it, by the comparisons that the first sentence "
    "rests on; the first tier is taken away, and so on. Nothing is tested again, and within a tier no order "
    "is claimed. Arms that beat one another in a circle share a tier; with a control the tiers are the arms "
    "that beat it, those not told apart from it, and those that it beats."
)


def describe(content: Mapping[str, Any], experiment: Any) -> dict[str, Any]:
    """Return the methods as titled paragraphs and references."""
    paragraphs = [
        ("Compared", _compared(content)),
        *(_origin(content) if trained_elsewhere(content) else _how_trained(content, experiment)),
        ("Scores", _scores(content)),
        (f"Within one {singular(content['unit'])}", within_text(content)),
    ]
    if content["comparisons"]["overall"]:
        paragraphs.append((f"Over all {content['unit']}", over_all_text(content)))
    if content["success"] is not None:
        paragraphs.append(("Success rates", _success(content)))
    if content["factorial"] is not None and content["factorial"]["analyses"]:
        paragraphs.append(("Factors together", factorial.methods_text(content["factorial"], content["unit"])))
    if content["claim"] is not None and content["claim"]["problems"]:
        paragraphs.append(("Claim", _claim(content)))
    paragraphs.append(("Failures", failures_text(content, experiment)))
    if len(content["arms"]) > 1:
        paragraphs.append(("Tiers", TIERS))
    if content["improvement"] is not None:
        paragraphs.append(("Probability of improvement", improvement_text(content)))
    paragraphs += surely.methods_paragraphs(content)
    if content["run_times"] is not None:
        paragraphs.append(("Run times", run_times.methods_text(content)))
    if content["speed"] is not None:
        paragraphs.append(("Speed", _speed(content)))
    if content["sensitivity"]:
        paragraphs.append(("Sensitivity", _sensitivity()))
    if content["importance"]:
        paragraphs.append(("Importance", importance_method(content)))
    if content["budget"]:
        paragraphs.append(("Budget", _budget(content, experiment)))
    if content["rounds"] is not None:
        paragraphs.insert(5, ("Rounds", rounds_text(content, experiment)))
    if content["looks"]:
        paragraphs.append(("Looks", looks_method(content)))
    if content["suite"] is not None:
        paragraphs.insert(1, ("Suite", suite_methods(content["suite"])))
    references = [
        *REFERENCES,
        *(MIRSKY if len(content["arms"]) > 1 else ()),
        *(SUCCESS if content["success"] is not None else ()),
        *(factorial.REFERENCES if content["factorial"] is not None else ()),
        *(SEQUENTIAL if content["rounds"] is not None or content["looks"] else ()),
        *([NADEAU] if any(scope["correction"] for scope in content["scope"].values()) else ()),
        *surely.references(content),
        *(run_times.REFERENCES if content["run_times"] is not None else ()),
        *(SPEED if content["speed"] is not None and content["speed"]["scores"] else ()),
        *(BUDGET if content["budget"] else ()),
        *([HUTTER] if content["importance"] else ()),
    ]
    return {
        "paragraphs": [{"title": title, "text": text} for title, text in paragraphs],
        "references": references,
    }


def _how_trained(content: Mapping[str, Any], experiment: Any) -> list[tuple[str, str]]:
    training = TRAINING[experiment.problem.kind](experiment)
    return [("Training", training), ("Tuning", _tuning(content, experiment))]


def _origin(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    sizes = {row["n"] for board in content["leaderboard"]["problems"].values() for row in board}
    seeds = counted(len(content["seeds"]["report"]), "seeds")
    if len(sizes) > 1:
        seeds = f"{min(sizes)} to {max(sizes)} seeds"
    notes = " ".join(content["provenance"]["judged"]["notes"])
    text = (
        f"The scores were computed elsewhere and handed over as a table, with {seeds} of every arm on every "
        "problem. Arms are paired by seed: that equal seeds saw the same data, split and initial weights is "
        "for the author of the table to say. So is whether seeds were added after looking at the results, "
        "and whether they split the same rows: tests take their number as planned, and claims on a problem "
        f"are about the data that the seeds saw. {notes}"
    )
    return [("Origin", text.strip())]


def _claim(content: Mapping[str, Any]) -> str:
    claim, one = content["claim"], singular(content["unit"])
    pairs = f"{joined(claim['before'])} against {joined(claim['after'])}"
    ratios = any(pair["scale"] == "log" for rows in claim["comparisons"].values() for pair in rows)
    how = {
        "score": "by the scores, as in the tables",
        "success": "by how often they succeed, as in the tables",
        "steps": "by the ratio of their steps to the target, a miss being infinite; Holm's correction counts "
        "these pairs alone",
    }.get(
        claim["by"],
        f"by {'the ratio of their ' if ratios else ''}{column_words(claim['by'], content['unit'])}, of which "
        "the first must have more; Holm's correction counts these pairs alone",
    )
    beside = " Pairs that the file names beside the claim are not in the verdict." * bool(claim["beside"])
    return (
        f"The verdict on the claim follows from comparisons alone: {pairs}, {how}. It holds on a {one} where "
        f"every such pair is decided in its favour. It does not hold on a {one} where a pair is decided "
        f"against it, or all are equal. As a whole it does not hold where that is so of more than half of "
        f"them, or where the comparison over all of them is decided against it.{beside}"
    )


def _success(content: Mapping[str, Any]) -> str:
    one = singular(content["unit"])
    test = (
        "McNemar's exact test, which rests on the seeds on which one of the two alone succeeds"
        if content["rounds"] is None
        else "the same always-valid betting test as scores, on the differences of their successes"
    )
    over = (
        f" Over all {content['unit']} the unit is the {one}, and its number the arm's rate there; variants "
        f"of one are averaged first, and the test is the exact signed-rank test."
        if content["success"]["comparisons"]["overall"]
        else ""
    )
    return (
        f"{success_sentence(content['success'])} The limit stands in the experiment file. A diverged trial "
        f"has not succeeded; one that failed, has not run or has no such number is no success and no "
        f"failure, and blocks a claim. Intervals of rates are Clopper and Pearson's, exact at any number of "
        f"seeds. Two arms are compared on one {one} by {test}, with Holm's correction over its pairs.{over}"
    )


def _compared(content: Mapping[str, Any]) -> str:
    problems, sets = len(content["problems"]), len(set(content["data_sets"].values()))
    on = counted(sets, content["unit"])
    if problems != sets:
        on += f" in {problems} variants"
    vary = "varies" if len(content["vary"]) == 1 else "vary"
    return f"{counted(len(content['arms']), 'arms')} ({joined(content['vary'])} {vary}) on {on}."


def _drawn(content: Mapping[str, Any], experiment: Any) -> str:
    """Say how configurations were drawn; nothing for grids."""
    rule = content["rules"]["sampler"]
    if rule is None:
        return ""
    number_of = counted(experiment.search.samples, "configurations")
    return f"The search method {words.named(rule)} drew {number_of} for each arm, or all there are. "


def _chosen(content: Mapping[str, Any], experiment: Any) -> str:
    """Say by which rule each arm's configuration was chosen."""
    select, one = content["select"], singular(content["unit"])
    metric = metric_words(select["metric"], content["unit"])
    seeds = counted(len(content["seeds"]["tune"]), "tuning seeds")
    rule = experiment.chosen.get("selector")
    if rule is None or rule.is_default:
        best = "lowest" if select["goal"] == "min" else "highest"
        return (
            f"For each arm and {one}, the configuration with the {best} mean {metric} over {seeds} was "
            "chosen; a configuration with a diverged seed loses to one without. "
        )
    first = documentation(rule.component.cls).partition("\n")[0].rstrip(".")
    return (
        f"For each arm and {one}, the selection rule {words.named(rule.to_json())} chose a configuration by "
        f"the {metric} on {seeds}: {first}. "
    )


def _tuning(content: Mapping[str, Any], experiment: Any) -> str:
    report = len(content["seeds"]["report"])
    same = f"the same {report} seeds" if report != 1 else "the same seed"
    drawn = _drawn(content, experiment)
    if not content["select"]["tuned"]:
        return f"{drawn}Nothing was tuned. Every configuration was run on {same}."
    opened = ", and the test split was opened once, after training" if content["unit"] == DATA_SETS else ""
    return (
        f"{drawn}{_chosen(content, experiment)}{_widened(content)}"
        f"It was then run on {counted(report, 'fresh seeds')} that took no part in the choice. Every score, "
        f"interval and test here rests on the fresh seeds alone{opened}."
    )


def _widened(content: Mapping[str, Any]) -> str:
    if not content["widened"]:
        return ""
    grown = joined([growth(widening) for widening in content["widened"]])
    return (
        f"Where a chosen value lay at the edge of its range, the range grew tenfold at that end for every "
        f"arm that tunes it, and the choice was made again: {grown}. "
    )


def _scores(content: Mapping[str, Any]) -> str:
    scales: dict[tuple[str, str], list[str]] = {}
    for problem, measure in content["measures"].items():
        scales.setdefault((measure["label"], measure["scale"]), []).append(problem)
    how = {
        "log": "the geometric mean with Student's t-interval on the logarithm; differences are ratios",
        "unit": "the mean with Student's t-interval carried over to the logit scale; differences are points",
        "linear": "the mean with Student's t-interval; differences are in its own units",
    }
    parts = [
        f"{label[0].upper()}{label[1:]}{'' if len(scales) == 1 else ' (' + joined(problems) + ')'}: "
        f"{how[scale]}."
        for (label, scale), problems in scales.items()
    ]
    looks = "" if content["rounds"] is None else ", over all looks together"
    return " ".join(
        [*parts, f"Intervals are at 95 %{looks}, each by itself.", *_medians(content), *_floor(content)]
    )


def _medians(content: Mapping[str, Any]) -> list[str]:
    """Say where the median stands in the place of the mean; nothing where it never does."""
    boards = content["leaderboard"]["problems"].values()
    if not any(row["centre"] == "median" or row["medians"] for board in boards for row in board):
        return []
    return [
        "Where a single seed changes an arm's mean by more than a factor of two, and the mean lies outside "
        "the middle half of the seeds, the median and its distribution-free interval take the place of the "
        "mean, marked “(median)”; ranks rest on the mean all the same."
    ]


def _floor(content: Mapping[str, Any]) -> list[str]:
    """Say what a function's floor is; nothing where no problem has one."""
    floors = {
        content["data_sets"][problem]: measure["floor"]
        for problem, measure in content["measures"].items()
        if measure["floor"]
    }
    if not floors:
        return []
    listed = joined([f"{number(floor)} ({label})" for label, floor in floors.items()], most=12)
    return [
        f"A value at or below a function's floor is rounding: {listed}. Such values count as equal, and the "
        "steps to the floor decide: the score is the floor times the share of the trial's steps that it took "
        "to reach it. “Floor at 40 %” means that the floor was reached after 40 % of the steps."
    ]


def _speed(content: Mapping[str, Any]) -> str:
    speed = content["speed"]
    origins = {target["origin"] for target in speed["targets"]}
    origin_words = {
        "file": "the experiment file names it",
        "tuning": "it lies a tenth of the way back to the start from the best validation that the worst of "
        "the best three quarters of the arms had, so that most arms can reach it; that of an arm is the "
        "median over tuning seeds of the best value along the chosen configuration's learning curve, and is "
        "known before the first trial of the report runs",
        "report": "nothing was tuned, so it lies a tenth of the way back to the start from the best value "
        "along these very trials' learning curves that the worst of the best three quarters of the arms had, "
        "chosen after the fact",
    }
    fixed = "; or ".join(text for origin, text in origin_words.items() if origin in origins)
    what = metric_words(speed["metric"], content["unit"]).replace("function value", "the function")
    text = (
        f"A single target is a value of {what} ({fixed}). A trial's time is that of its first evaluation at "
        "or beyond the target. A trial that never gets there, or does not finish, takes infinitely long; no "
        "trial is left out. With restarts: the steps that all seeds made until they reached the target or "
        "ended, over the number of seeds that reached it, which is what an arm takes on average that is "
        "begun anew after each miss (average run time, Hansen et al. 2021). "
    )
    if speed["clock"] == "alone":
        text += (
            "Seconds are steps times the cost of a step, without evaluations: after the sweep, one arm's "
            "trials at a time trained as a stack of their own, equally many of each arm, by turns; the cost "
            "is the least of the turns, as other work of the machine only adds to it. An arm costs more than "
            "the cheapest one where even its fastest turn takes longer than three quarters of the other's "
            "turns; what lies within that spread is not told apart. All of it holds for this machine and "
            "this one process, and no test is made."
        )
    else:
        text += (
            "Seconds are a trial's share of the time that its whole stack took: they tell how long the sweep "
            "took and say nothing about one arm against another. With [report] costs = "
            "true each arm's steps are timed alone."
        )
    if speed["scores"]:
        text += (
            f" The performance profile (Dolan & Moré 2002) takes each {singular(content['unit'])}'s median "
            "steps, over those of the fastest arm there; beyond four times as long is a miss. Its score is "
            "the area from 1 to 4, by the trapezoidal rule on 100 points, over 3, as AlgoPerf scores it "
            "(Dahl et al. 2023). "
            "As ratios are to the fastest arm present, the range of scores with any one other arm left out "
            "stands beside it."
        )
    return text


def _budget(content: Mapping[str, Any], experiment: Any) -> str:
    drawn = experiment.search is not None
    return (
        "The mean, over all subsets of k of an arm's tuned configurations, of the best one's mean score on "
        "the "
        "tuning seeds: an unbiased estimate of what k draws would give (Tang et al. 2020); report.json holds "
        "its simultaneous band (Lourie et al. 2024). "
        + (
            "Configurations were drawn by the search."
            if drawn
            else "Configurations come from a grid, so this describes drawing at random from that grid."
        )
        + " Configurations were chosen by this very score, so it is too good; a dash stands where a subset "
        "may hold no configuration that finished."
    )


def _sensitivity() -> str:
    return (
        "From the tuning seeds. Where several hyperparameters were tuned, each value of the one shown is "
        "taken "
        "at the best of the others. The width is how many decades around the best value keep the score "
        "within "
        "10 % of the best (shares: within a point) with no seed diverged, interpolated between the values "
        "tried. Where other hyperparameters were drawn with the one shown, there is no width. "
        "These numbers describe; no test is made of them."
    )


TRAINING: Mapping[str, Callable[[Any], str]] = {
    NETWORK_ON_DATA.kind: training_text,
    OBJECTIVE.kind: minimising_text,
}
"""By the kind of problem, how its trials are trained."""
