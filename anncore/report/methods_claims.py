"""The methods section on claims: how arms are compared on one data set and over all, and what failures do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anncore.contract.documentation import documentation
from anncore.evidence import stats
from anncore.evidence.sentences import counted, joined, p_value, percent, short, worth_words
from anncore.evidence.signed_rank import EXACT_PAIRS, TAIL_ERROR
from anncore.evidence.units import DATA_SETS, SEEDS, singular
from anncore.evidence.verdicts import FEWEST_DATA_SETS
from anncore.report import words
from anncore.report.methods_training import is_unsupervised, trained_elsewhere
from anncore.report.reach import scope_method


def within_text(content: Mapping[str, Any]) -> str:
    """Say how arms are compared on the seeds of one problem."""
    pairs = max((len(comparisons) for comparisons in content["comparisons"]["problems"].values()), default=0)
    if not pairs:
        return "There is nothing to compare."
    n, sequential = len(content["seeds"]["report"]), content["rounds"] is not None
    against = (
        f"each arm against the control {content['control']}" if content["control"] else "every pair of arms"
    )
    test = "Always-valid signed-rank test" if sequential else signed_rank_test(n)
    one = singular(content["unit"])
    text = (
        f"The unit is the seed. {test} on the paired differences, {against}, "
        f"adjusted by Holm over {pairs} comparison{'s' if pairs != 1 else ''} per {one}, α = "
        f"{stats.ALPHA:g}. "
    )
    text += (
        "The effect is the Hodges-Lehmann estimate, the typical difference, with the interval that inverts "
        "the test at 95 %."
        if sequential
        else "That test speaks of the typical run. An arm is said to beat another only where the mean "
        "difference bears it out: the p-value is the larger one of the signed ranks' and the mean's, and "
        "what is printed is the mean difference. Its interval and p-value are the less favourable ones of "
        "Student's t and of Hall's (1992), which takes skewness into account. Where the signed ranks alone "
        "are clear, an arm is better “in a typical run, but not surely on average”, with the "
        "Hodges-Lehmann estimate; that one also stands where a seed diverged, or where a single seed decides "
        "the mean."
    )
    problems = len(content["comparisons"]["problems"])
    if problems > 1:
        text += (
            f" Claims are made on {counted(problems, content['problem_unit'])}: those are "
            f"selected by Benjamini and Hochberg's procedure on the smallest adjusted p-value of each, and "
            f"each p-value is multiplied by their number over that of the selected ones (Benjamini & "
            f"Bogomolov 2014), so that, averaged over the selected ones, at most {percent(stats.ALPHA, 0)} "
            "are false."
        )
    text += _smallest_difference(content) + scope_method(content)
    needed = stats.pairs_needed(pairs, sequential=sequential)
    if n < needed:
        text += (
            f" With {counted(n, SEEDS)} the smallest possible p is "
            f"{short(stats.smallest_p(n, sequential))}, which cannot clear Holm's first step "
            f"({short(stats.ALPHA / pairs)}); so no p-value is given. "
            f"{needed} seeds would be enough."
        )
    return text


def _smallest_difference(content: Mapping[str, Any]) -> str:
    """Say what differences are too small to matter, and how equivalence is tested; "" where none are."""
    ropes = {
        worth_words(c["rope"], c["scale"])
        for comparisons in content["comparisons"]["problems"].values()
        for c in comparisons
        if c.get("rope") is not None
    }
    if not ropes:
        return ""
    other = "" if trained_elsewhere(content) else "; [report] rope sets another one"
    return (
        f" The smallest difference worth having is {joined(sorted(ropes))}{other}. "
        "Two arms are equivalent where both one-sided tests against it are significant at half of α "
        "(Schuirmann 1987), adjusted likewise; the 95 % interval then lies inside."
    )


def signed_rank_test(n: int) -> str:
    """Name the test for so many pairs."""
    if n <= EXACT_PAIRS:
        return "Exact Wilcoxon signed-rank test"
    return f"Wilcoxon signed-rank test (saddlepoint approximation, within {TAIL_ERROR:.1%} of the exact p)"


def rounds_text(content: Mapping[str, Any], experiment: Any) -> str:
    """Say how looking again and again was accounted for."""
    rounds, units, one = content["rounds"], content["unit"], singular(content["unit"])
    looks = joined([str(n) for n in rounds["looks"]], most=20)
    still = {None: "while its trials were running", 0: f"when every claim on a {one} was settled"}
    ended = still.get(rounds["open"], f"at the limit of {counted(rounds['most'], SEEDS)}")
    how = f"to settle every claim on a {one}, each time half as many again or as many as a claim needs"
    rule = experiment.chosen.get("stopper")
    if rule is not None and not rule.is_default:
        first = documentation(rule.component.cls).partition("\n")[0].rstrip(".")
        how = f"as the stopping rule {words.named(rule.to_json())} asked for them ({first})"
        if rounds["open"] is not None and rounds["looks"][-1] < rounds["most"]:
            ended = "when it asked for no more"
    over_all = (
        f" Comparisons over all {units} have the {one} as their unit and were made once, at the end, "
        "which the rounds chose without regard to which arm is ahead."
        if content["comparisons"]["overall"]
        else ""
    )
    return (
        f"Report seeds were added in rounds {how}: {counted(len(rounds['looks']), 'looks')}, at {looks} "
        f"seeds; they ended {ended}. A test planned for one look would err more often the more one looks. "
        f"So p is 1 / M at the largest M so far, where M is the capital of a gambler who bets, seed by seed "
        f"in the order they ran, on the sign of the next difference, more on one that is large among those so"
        f" far, averaged over all stakes from −1 to 1. Where neither arm is better, M is a martingale that"
        f" begins at 1, and by Ville's inequality it ever reaches 1/α with probability α at most, however "
        f"often one looks and for whatever reason one stops (Reynolds 1975; Shafer 2021). The interval of a "
        f"difference holds every centre that this test does not reject, so all looks' intervals hold the "
        f"true one together in 95 % of experiments, if differences are symmetric about it, and none "
        f"contradicts its p before Holm (Darling & Robbins 1967; Ramdas et al. 2023). Intervals of scores, "
        f"of bands and of how often an arm wins on a data set are at {100 * content['level']:.2f} %: 5 % of "
        f"error divided by k (k + 1) at the k-th look, which sums to 5 % over all. How many seeds an open "
        f"claim needs is estimated for this test.{over_all}"
    )


def over_all_text(content: Mapping[str, Any]) -> str:
    """Say how arms are compared over all data sets."""
    comparisons = content["comparisons"]["overall"]
    sets, scale = len(set(content["data_sets"].values())), content["comparisons"]["overall_scale"]
    units, one = content["unit"], singular(content["unit"])
    unit = {
        "log": f"logarithms of the {'loss' if units == DATA_SETS else 'value'}, so effects are ratios",
        "unit": "shares, so effects are points",
        "linear": "the metric itself",
        "range": "scores put on a common range, 0 the best arm's mean and 1 the worst's, as units differ",
    }[scale]
    text = (
        f"The unit is the {one}: seeds are averaged first, then variants of one {one}. Differences are "
        f"taken on {unit}. Exact Wilcoxon signed-rank test, adjusted by Holm over "
        f"{counted(len(comparisons), 'comparisons')}; the effect is the Hodges-Lehmann estimate with the "
        f"interval that inverts the test."
    )
    needed = max(FEWEST_DATA_SETS, stats.pairs_needed(len(comparisons)))
    if sets < needed:
        text += f" {sets} {units} are too few for any p-value to be significant; {needed} would be enough."
    test = content["comparisons"]["friedman"]
    if test is not None and sets >= FEWEST_DATA_SETS:
        text += (
            f" Friedman's test in Iman and Davenport's form: F({test['df1']}, {test['df2']}) = "
            f"{short(test['F'])}, {p_value(test['p'])}."
        )
    return text


def failures_text(content: Mapping[str, Any], experiment: Any) -> str:
    """Say what trials that did not end well count for."""
    if trained_elsewhere(content):
        return (
            "A score that is infinite, or a trial whose status is diverged, counts as the worst: it loses to "
            "any trial that finished, and two such tie. Trials that failed, or have no score, block every "
            "claim that rests on them. Differences within numeric noise (one part in a million) are ties."
        )
    waived = content["waived"]
    times = f"{short(content['provenance']['train']['diverged_above'], 6)} times"
    final, level = "value", "its value at the start"
    if content["unit"] == DATA_SETS:
        final = "training, validation or test loss"
        mean = "giving back the mean training input" if is_unsupervised(experiment) else ""
        level = f"the training loss of always {mean or 'predicting the mean training target'}"
    text = (
        f"A trial diverges if its {final} becomes NaN or infinite, or if the final one is above {times} "
        f"{level}. That is a result and counts as the worst: a diverged trial "
        "loses to any trial that finished, and two diverged ones tie. One diverged seed makes an arm's mean "
        "infinite, so the arm ranks behind all that never diverged; the mean shown is that of the seeds that "
        "finished, beside their number. Trials that failed, crashed, timed out or have not run block every "
        "claim that rests on them. "
    )
    if content["select"]["tuned"]:
        text += (
            "Where no tuning trial of an arm has a finite score, no configuration is chosen and none is run "
            "on fresh seeds; if all of them diverged the arm counts as diverged, else nothing is claimed "
            "about it. "
        )
    if waived:
        text += f"The file waives {joined(waived)}: such trials count as diverged here. "
    return text + "Differences within numeric noise (one part in a million) are ties."


def improvement_text(content: Mapping[str, Any]) -> str:
    """Say what a probability of improvement is."""
    over = content["improvement"]["over"] != SEEDS
    mean = f" (the mean over variants, then over {content['unit']})" if over else ""
    return (
        f"The share of paired seeds on which one arm is better than the other{mean}; a tie counts half, and "
        f"a "
        f"diverged trial loses to one that finished. It says how often, not by how much, and no test is made "
        f"of it."
    )
