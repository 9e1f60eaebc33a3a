"""The methods section, written from what was done in this very report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from anncore.contract.documentation import documentation
from anncore.contract.problem_kinds import NETWORK_ON_DATA, OBJECTIVE
from anncore.evidence import stats
from anncore.evidence.claim import column_words
from anncore.evidence.sentences import counted, growth, joined, number, p_value, percent, short, worth_words
from anncore.evidence.signed_rank import EXACT_PAIRS, TAIL_ERROR
from anncore.evidence.units import DATA_SETS, SEEDS, metric_words, singular
from anncore.evidence.verdicts import FEWEST_DATA_SETS
from anncore.experiment.document import show
from anncore.report import factorial, run_times, surely, words
from anncore.report.importance import HUTTER, importance_method
from anncore.report.reach import NADEAU, looks_method, scope_method
from anncore.report.success import success_sentence
from anncore.report.suites import span, suite_methods

LENGTHS = ("steps", "epochs")

REFERENCES = (
    "Wilcoxon (1945), Individual comparisons by ranking methods, Biometrics 1(6).",
    "Holm (1979), A simple sequentially rejective multiple test procedure, Scand. J. Statistics 6(2).",
    "Hall (1992), On the removal of skewness by transformation, J. Royal Statistical Society B 54(1).",
    "Benjamini & Bogomolov (2014), Selective inference on multiple families of hypotheses, J. Royal "
    "Statistical Society B 76(1).",
    "Schuirmann (1987), A comparison of the two one-sided tests procedure and the power approach, J. "
    "Pharmacokinetics and Biopharmaceutics 15(6).",
    "Hodges & Lehmann (1963), Estimates of location based on rank tests, Ann. Math. Statistics 34(2).",
    "Benavoli, Corani & Mangili (2016), Should we really use post-hoc tests based on mean-ranks?, JMLR "
    "17(5).",
    "Agarwal et al. (2021), Deep reinforcement learning at the edge of the statistical precipice, NeurIPS.",
)

SEQUENTIAL = (
    "Ville (1939), Étude critique de la notion de collectif, Gauthier-Villars.",
    "Reynolds (1975), A sequential signed-rank test for symmetry, Annals of Statistics 3(2).",
    "Shafer (2021), Testing by betting, J. Royal Statistical Society A 184(2).",
    "Darling & Robbins (1967), Confidence sequences for mean, variance, and median, PNAS 58(1).",
    "Ramdas et al. (2023), Game-theoretic statistics and safe anytime-valid inference, Statistical Science "
    "38(4).",
)

SUCCESS = (
    "Clopper & Pearson (1934), The use of confidence or fiducial limits illustrated in the case of the "
    "binomial, Biometrika 26(4).",
    "McNemar (1947), Note on the sampling error of the difference between correlated proportions or "
    "percentages, Psychometrika 12(2).",
    "Connor (1987), Sample size for testing differences in proportions for the paired-sample design, "
    "Biometrics 43(1).",
)

SPEED = (
    "Dolan & Moré (2002), Benchmarking optimization software with performance profiles, Math. Programming "
    "91(2).",
    "Dahl et al. (2023), Benchmarking neural network training algorithms, arXiv:2306.07179.",
)
BUDGET = (
    "Tang et al. (2020), Showing your work doesn't always work, ACL, arXiv:2004.13705.",
    "Lourie, Cho & He (2024), Show your work with confidence, NAACL, arXiv:2311.09480.",
)


TIERS = (
    "An arm is in the first tier where no other arm beats it, by the comparisons that the first sentence "
    "rests on; the first tier is taken away, and so on. Nothing is tested again, and within a tier no order "
    "is claimed. Arms that beat one another in a circle share a tier; with a control the tiers are the arms "
    "that beat it, those not told apart from it, and those that it beats."
)
MIRSKY = ("Mirsky (1971), A dual of Dilworth's decomposition theorem, American Mathematical Monthly 78(8).",)


def describe(content: Mapping[str, Any], experiment: Any) -> dict[str, Any]:
    """Return the methods as titled paragraphs and references."""
    paragraphs = [
        ("Compared", _compared(content)),
        *(_origin(content) if _judged(content) else _how_trained(content, experiment)),
        ("Scores", _scores(content)),
        (f"Within one {singular(content['unit'])}", _within(content)),
    ]
    if content["comparisons"]["overall"]:
        paragraphs.append((f"Over all {content['unit']}", _over_all(content)))
    if content["success"] is not None:
        paragraphs.append(("Success rates", _success(content)))
    if content["factorial"] is not None and content["factorial"]["analyses"]:
        paragraphs.append(("Factors together", factorial.methods_text(content["factorial"], content["unit"])))
    if content["claim"] is not None and content["claim"]["problems"]:
        paragraphs.append(("Claim", _claim(content)))
    paragraphs.append(("Failures", _failures(content, experiment)))
    if len(content["arms"]) > 1:
        paragraphs.append(("Tiers", TIERS))
    if content["improvement"] is not None:
        paragraphs.append(("Probability of improvement", _improvement(content)))
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
        paragraphs.insert(5, ("Rounds", _rounds(content, experiment)))
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


def _judged(content: Mapping[str, Any]) -> bool:
    """Tell whether the results were trained elsewhere, so that nothing is known of how."""
    return "judged" in content["provenance"]


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


def _minimising(experiment: Any) -> str:
    train = experiment.train
    return (
        "Functions are minimised in place of networks on data: every loss in the files, of training, "
        "validation and test, is a function's value without noise, counted from the value at its minimum "
        "where that is known. Every trial "
        f"makes {_lengths(experiment.every_train)} in {train.dtype}.{_stopping(train)} All arms of one seed "
        "start at the same point and see the same noise, so their scores are paired."
    )


def _stopping(train: Any) -> str:
    stop = ""
    if train.stop.loss is not None:
        stop += f" Training stops early at a training loss of {short(train.stop.loss, 6)}."
    if train.stop.patience is not None:
        stop += (
            f" It stops after {counted(train.stop.patience, 'evaluations')} without an improvement of "
            f"{train.stop.monitor} by more than {short(train.stop.min_delta, 6)}."
        )
    return stop


def _unsupervised(experiment: Any) -> bool:
    """Tell whether the metric of the selection is for unsupervised tasks alone, and so all tasks are."""
    name = experiment.select.metric.removeprefix("valid_")
    return any(
        metric.name == name and tuple(metric.cls.tasks) == ("unsupervised",)
        for metric in experiment.registry.of_kind("metric")
    )


def _metric_values(experiment: Any) -> str:
    """Say which hyperparameters of metrics the file has set."""
    settings = [
        f"{experiment.registry.get('metric', name).name} with "
        + joined([f"{key} = {show(value)}" for key, value in values.items()])
        for name, values in experiment.train.metrics.items()
    ]
    return f" Metrics that the file sets: {'; '.join(settings)}." if settings else ""


def _lengths(trains: Sequence[Any]) -> str:
    """Return how long trials train, over all problems: "500 steps", "200 to 1,000 steps"."""
    by_unit = {unit: [n for train in trains if (n := getattr(train, unit)) is not None] for unit in LENGTHS}
    return " or ".join(span(numbers, unit) for unit, numbers in by_unit.items() if numbers)


def _batches(trains: Sequence[Any]) -> str:
    """Return on what a step looks, over all problems: "the full batch", "batches of 16 and 32"."""
    sizes = sorted({train.batch_size for train in trains if train.batch_size != "full"})
    words = [f"batches of {joined(list(map(str, sizes)))}"] if sizes else []
    words += ["the full batch"] if any(train.batch_size == "full" for train in trains) else []
    return " or ".join(words)


def _training(experiment: Any) -> str:
    train, split = experiment.train, experiment.split
    length, batch = _lengths(experiment.every_train), _batches(experiment.every_train)
    stop = _stopping(train)
    unsupervised = _unsupervised(experiment)
    strata = ", stratified by class where there are classes" if split.stratify and not unsupervised else ""
    inputs = "Inputs" if unsupervised else "Inputs (and regression targets)"
    scaled = f" {inputs} are standardised on the training split." if split.standardize else ""
    if unsupervised:
        scaled += " The data have no targets: networks are scored by how well they give back their inputs."
    return (
        f"Every trial trains for {length} on {batch} in {train.dtype}.{stop}{_engine(train)} "
        f"{_held_out(split)}, at random by seed{strata}."
        f"{_own_splits(experiment)}{scaled}{_metric_values(experiment)} "
        "All arms of one seed see the same data, split, initial weights and batch order, so their scores are "
        "paired."
    )


def _engine(train: Any) -> str:
    """Say which engine computes the steps, where it is not the usual one."""
    if train.engine == "blas":
        return ""
    elsewhere = " where it can, and by 'blas' elsewhere, as each trial's key says"
    which = elsewhere if train.engine == "auto" else ""
    return (
        f" Steps, predictions and losses are computed by the engine 'lanes'{which}; what 'lanes' computes "
        "has the same bits on every processor."
    )


def _own_splits(experiment: Any) -> str:
    """Say which data sets divide their rows otherwise: by a column, or in groups."""
    tables = experiment.document.get("dataset", {})
    sections = {label: table for label, table in tables.items() if isinstance(table, dict)}
    by_column = [label for label, table in sections.items() if table.get("split_column")]
    grouped = [label for label, table in sections.items() if table.get("group")]
    text = f" A column of {joined(by_column)} says which rows are held out." if by_column else ""
    if grouped:
        text += f" Of {joined(grouped)} all rows of a group are in one split."
    return text


def _held_out(split: Any) -> str:
    """Say which shares of the examples are held out."""
    valid, test = (percent(share, 0) if share else "none" for share in (split.valid, split.test))
    if not split.valid:
        return f"{test} of the examples are held out for the test and none for validation"
    if not split.test:
        return (
            f"{valid} of the examples are held out for validation and none for the test; as nothing was "
            "chosen by them, the scores of validation are those that are reported. The examples are held out"
        )
    return f"{valid} of the examples are held out for validation and {test} for the test"


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


def _within(content: Mapping[str, Any]) -> str:
    pairs = max((len(comparisons) for comparisons in content["comparisons"]["problems"].values()), default=0)
    if not pairs:
        return "There is nothing to compare."
    n, sequential = len(content["seeds"]["report"]), content["rounds"] is not None
    against = (
        f"each arm against the control {content['control']}" if content["control"] else "every pair of arms"
    )
    test = "Always-valid signed-rank test" if sequential else _signed_rank_test(n)
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
    other = "" if _judged(content) else "; [report] rope sets another one"
    return (
        f" The smallest difference worth having is {joined(sorted(ropes))}{other}. "
        "Two arms are equivalent where both one-sided tests against it are significant at half of α "
        "(Schuirmann 1987), adjusted likewise; the 95 % interval then lies inside."
    )


def _signed_rank_test(n: int) -> str:
    if n <= EXACT_PAIRS:
        return "Exact Wilcoxon signed-rank test"
    return f"Wilcoxon signed-rank test (saddlepoint approximation, within {TAIL_ERROR:.1%} of the exact p)"


def _rounds(content: Mapping[str, Any], experiment: Any) -> str:
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


def _over_all(content: Mapping[str, Any]) -> str:
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


def _failures(content: Mapping[str, Any], experiment: Any) -> str:
    if _judged(content):
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
        mean = "giving back the mean training input" if _unsupervised(experiment) else ""
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


def _improvement(content: Mapping[str, Any]) -> str:
    over = content["improvement"]["over"] != SEEDS
    mean = f" (the mean over variants, then over {content['unit']})" if over else ""
    return (
        f"The share of paired seeds on which one arm is better than the other{mean}; a tie counts half, and "
        f"a "
        f"diverged trial loses to one that finished. It says how often, not by how much, and no test is made "
        f"of it."
    )


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


TRAINING: Mapping[str, Callable[[Any], str]] = {NETWORK_ON_DATA.kind: _training, OBJECTIVE.kind: _minimising}
"""By the kind of problem, how its trials are trained."""
