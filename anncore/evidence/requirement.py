"""What a sweep must show for a program to go on: `--require "mine not worse than adam by 0.5 points"`.

    A better than B                    the report's own verdict on the pair
    A not worse than B by MARGIN       A is at most MARGIN worse than B
    A equivalent to B within MARGIN    neither is MARGIN better than the other
    ... on PROBLEM                     there alone; without it over all data sets

MARGIN is written as the scores are compared: "0.5 points" for shares such as accuracy, "2 %" for ratios such
as those of losses, a plain number for other units. Without it the smallest difference worth having counts.

Each one holds, fails or is not decided, by the tests that the report's comparisons rest on
(`anncore.evidence.pair_tests`). "Not worse" asks whether the lower end of the interval lies above -MARGIN, a
one-sided test at 2.5 %; "equivalent" asks it of both ends. Holm's correction counts the required claims with
a margin; "better" is corrected already, with all pairs of the report.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from anncore.contract.errors import ReportError, nearest
from anncore.contract.shown import shortened
from anncore.evidence import stats
from anncore.evidence.measures import Measure, shared_rope
from anncore.evidence.pair_tests import Draft, Pair, Rule, draft, shifted_p
from anncore.evidence.sentences import counted, joined, p_value, size, span
from anncore.evidence.study import Study, blocked_arms, by_data_set

Kind = Literal["better", "not worse", "equivalent"]
Outcome = Literal["holds", "fails", "not decided"]
Rows = Sequence[Mapping[str, Any]]

GRAMMAR = (
    "write 'A better than B', 'A not worse than B by 0.5 points' or 'A equivalent to B within 2 %', "
    "and 'on PROBLEM' behind it if it is about one problem"
)
KINDS: dict[str, Kind] = {
    "better than": "better",
    "not worse than": "not worse",
    "equivalent to": "equivalent",
}
RELATION = r"\s+(?P<relation>better\s+than|not\s+worse\s+than|equivalent\s+to)\s+"
MARGIN = r"(?:\s+(?:by|within)\s+(?P<number>[+-]?[\d.]+(?:e[+-]?\d+)?)\s*(?P<unit>[^\W\d]+|%)?)?"
UNITS = {"point": "points", "points": "points", "pp": "points", "%": "%", "percent": "%"}
NEEDED = {"unit": "points", "log": "%", "linear": "", "range": ""}


class Requirement(NamedTuple):
    """One required claim about the arms a and b. where: a problem, "" for all of them together.

    margin: in `unit`: "points", "%", or "" for the metric's own units; None for the smallest difference worth
    having.
    """

    text: str
    kind: Kind
    a: str
    b: str
    margin: float | None = None
    unit: str = ""
    where: str = ""


class Required(NamedTuple):
    """A required claim with what became of it, and why."""

    requirement: Requirement
    outcome: Outcome
    why: str

    @property
    def line(self) -> str:
        """The claim, its outcome and the reason, as one line."""
        return f"Required: {self.requirement.text}: {self.outcome}. {self.why}"

    def to_json(self) -> dict[str, str]:
        """Return what programs read of it."""
        return {"claim": self.requirement.text, "outcome": self.outcome, "reason": self.why}


def requirement(text: str, arms: Sequence[str], problems: Sequence[str]) -> Requirement:
    """Read one required claim; raises ReportError where it is none, or names what is not compared."""
    words = " ".join(text.split()).rstrip(".").rstrip()
    names, places = _one_of(arms), _one_of(problems)
    form = f"(?P<a>{names}){RELATION}(?P<b>{names}){MARGIN}(?:\\s+on\\s+(?P<where>{places}))?"
    read = re.fullmatch(form, words, re.IGNORECASE)
    if read is None:
        raise _not_read(words, arms, problems)
    kind = KINDS[" ".join(read["relation"].lower().split())]
    margin, unit = _margin(words, kind, read["number"], read["unit"])
    a, b = (_spelled(read[side], arms) for side in ("a", "b"))
    if a == b:
        raise _refused(words, f"names {a!r} on both sides")
    where = "" if read["where"] is None else _spelled(read["where"], problems)
    if not where and len(problems) == 1:
        where = problems[0]
    return Requirement(words, kind, a, b, margin, unit, where)


def _one_of(names: Sequence[str]) -> str:
    """Return the pattern of any of these names, the longest first: one may be another's beginning."""
    written = [" ".join(name.split()) for name in names]
    return "|".join(re.escape(name) for name in sorted(written, key=len, reverse=True)) or r"(?!)"


def _spelled(written: str, names: Sequence[str]) -> str:
    """Return the name that is written, of two that differ by case alone the one that is written so."""
    alike = [name for name in names if " ".join(name.split()).lower() == written.lower()]
    return next((name for name in alike if " ".join(name.split()) == written), alike[0])


def _margin(words: str, kind: Kind, number: str | None, unit: str | None) -> tuple[float | None, str]:
    if number is None:
        return None, ""
    try:
        margin = float(number)
    except ValueError:
        margin = math.nan
    if kind == "better":
        raise _refused(words, f"gives a margin, which 'better' does not take; {GRAMMAR}")
    if not 0 < margin < math.inf:
        raise _refused(words, f"needs a margin above 0, got {number}")
    if unit is not None and unit.lower() not in UNITS:
        raise _refused(words, f"gives the margin in {unit!r}; it is in points, in % or a plain number")
    return margin, UNITS[unit.lower()] if unit else ""


def _not_read(words: str, arms: Sequence[str], problems: Sequence[str]) -> ReportError:
    """Return the error of a text that is no claim about these arms: an unknown name, or the grammar."""
    loose = re.fullmatch(
        f"(?P<a>.+?){RELATION}(?P<b>.+?){MARGIN}(?:\\s+on\\s+(?P<where>.+))?", words, re.IGNORECASE
    )
    if loose is None:
        return _refused(words, f"is no claim that can be required; {GRAMMAR}")
    for name in (loose["a"], loose["b"]):
        if not re.fullmatch(_one_of(arms), name, re.IGNORECASE):
            some = joined(list(arms), most=12)
            return _refused(words, f"names {name!r}, which is no arm; there are {some}.{nearest(name, arms)}")
    where = loose["where"]
    if where is not None and not re.fullmatch(_one_of(problems), where, re.IGNORECASE):
        some = joined(list(problems), most=12)
        return _refused(
            words, f"names {where!r}, which is no problem here; there are {some}.{nearest(where, problems)}"
        )
    return _refused(words, f"is no claim that can be required; {GRAMMAR}")


def _refused(words: str, why: str) -> ReportError:
    return ReportError(f"--require {shortened(words, 120)!r} {why}{'' if why.endswith('?') else '.'}")


def check_requirement(
    required: Requirement, measures: Mapping[str, Measure], data_sets: int, control: str | None
) -> None:
    """Refuse what the report cannot decide, before anything is trained; raises ReportError.

    measures: how each problem is scored. data_sets: how many there are. control: the arm that every other is
    compared with, if one is.
    """
    words = required.text
    if required.kind == "better" and control not in (None, required.a, required.b):
        raise _refused(
            words,
            f"compares two arms that the report does not: [report] control = {control!r} has every arm "
            f"compared with that one alone",
        )
    if not required.where and data_sets < 2:
        raise _refused(words, f"must name a problem behind 'on': {joined(list(measures), most=12)}")
    if required.kind == "better":
        return
    own = _measures(required, measures)
    scale = _common_scale(own)
    if scale == "range":
        names = joined(list(measures), most=12)
        raise _refused(
            words, f"has a margin, and the problems' units differ; name one of them behind 'on': {names}"
        )
    if required.margin is None:
        if any(measure.worth is None for measure in own):
            raise _refused(words, f"needs a margin; {GRAMMAR}")
    elif required.unit != NEEDED[scale]:
        raise _refused(words, _wrong_unit(own[0].label, scale))
    elif scale == "unit" and required.margin >= 100:
        raise _refused(words, f"needs a margin below 100 points, got {required.margin:g}")


def _wrong_unit(label: str, scale: str) -> str:
    ways = {
        "unit": "a share: give the margin in points, for example 0.5 points",
        "log": "compared by ratios: give the margin in per cent, for example 2 %",
        "linear": "compared in its own units: give the margin as a plain number",
    }
    return f"does not fit the scores: {label} is {ways[scale]}"


def _measures(required: Requirement, measures: Mapping[str, Measure]) -> list[Measure]:
    return [measures[required.where]] if required.where else list(measures.values())


def _common_scale(measures: Sequence[Measure]) -> str:
    """Return the scale of differences over these problems, as `frame.unit_costs` has it."""
    scales = {measure.scale for measure in measures}
    common = scales.pop() if len(scales) == 1 else "range"
    return "range" if common == "linear" and len(measures) > 1 else common


def _on_scale(required: Requirement, own: Sequence[Measure]) -> float | None:
    """Return the margin on the scale of differences; None where it does not fit the scores that came."""
    scale = _common_scale(own)
    if required.margin is None:
        return shared_rope(own, scale)
    if scale == "range" or required.unit != NEEDED[scale]:
        return None
    hundredth = required.margin / 100
    return {"unit": hundredth, "log": math.log1p(hundredth), "linear": required.margin}[scale]


def decided(
    study: Study, required: Sequence[Requirement], report: Mapping[str, Any] | None
) -> list[Required]:
    """Return what became of each required claim.

    report: the report's content, whose comparisons decide "better"; None where there is none yet.
    """
    with_margin = dict.fromkeys(one for one in required if one.kind != "better")
    drafts = {one: _drafted(study, one, len(with_margin)) for one in with_margin}
    tests = {one: _p_values(one, made) for one, made in drafts.items() if not isinstance(made, str)}
    for_, against = (
        [float(p) for p in stats.holm([pair[side] for pair in tests.values()])] for side in (0, 1)
    )
    adjusted = dict(zip(tests, zip(for_, against, strict=True), strict=True))
    return [
        _better(one, study, report)
        if one.kind == "better"
        else _by_margin(one, drafts[one], adjusted, len(tests))
        for one in required
    ]


class _Drafted(NamedTuple):
    """A pair of arms before correction, with the rule whose `rope` is the margin."""

    made: Draft
    rule: Rule
    scale: str
    label: str

    @property
    def centre(self) -> stats.Estimate:
        """The average that the tests are about."""
        return self.made.mean if self.rule.of_means else self.made.typical


def _drafted(study: Study, required: Requirement, comparisons: int) -> _Drafted | str:
    """Return the pair of a claim with a margin as it is tested; in place of it why it cannot be."""
    own = _measures(required, study.measures)
    margin = _on_scale(required, own)
    if margin is None:
        return f"The margin does not fit the scores that came: {_wrong_unit(own[0].label, own[0].scale)}."
    costs, scale = (study.costs(required.where), own[0].scale) if required.where else by_data_set(study)
    lacking = [arm for arm in (required.a, required.b) if arm not in costs]
    if lacking:
        return f"No trial of {joined(lacking)} has been reported."
    blocked = _blocked(study, required)
    if blocked:
        return f"{blocked}."
    a, b = (costs[arm].to_numpy(float) for arm in (required.a, required.b))
    if np.isinf(a).all() and np.isinf(b).all():
        return "Every trial of both diverged."
    on_seeds = bool(required.where)
    pair = Pair(required.where, required.a, required.b, a, b, scale)
    rule = Rule(study.unit, margin, stats.ALPHA, sequential=False, comparisons=comparisons)
    arms = (required.a, required.b)
    if on_seeds:
        rule = study.rule(required.where, margin, comparisons)
        pair = pair._replace(seen=study.seen_on(required.where, costs, arms, comparisons))
    else:
        fewest = rule.least
        seen = study.history.seen_over_all(
            study.dataset_of, arms, comparisons, lambda *those: by_data_set(study, *those)[0], fewest
        )
        pair = pair._replace(seen=seen)
    rule = rule.after(pair.seen)
    return _Drafted(draft(pair, rule), rule, scale, own[0].label)


def _blocked(study: Study, required: Requirement) -> str:
    """Say which of the two arms nothing may rest on, and where; "" where nothing speaks against them."""
    reasons = []
    for problem in [required.where] if required.where else study.problems:
        lost = blocked_arms(study, problem)
        reasons += [f"{arm} on {problem}: {lost[arm]}" for arm in (required.a, required.b) if arm in lost]
    return "; ".join(reasons[:4]) + (f"; and {len(reasons) - 4} more" if len(reasons) > 4 else "")


def _p_values(required: Requirement, drafted: _Drafted) -> tuple[float, float]:
    """Return the p-values against the claim's contrary, and against the claim."""
    gaps, rule, centre = drafted.made.gaps, drafted.rule, drafted.centre.value
    margin = float(rule.rope or 0.0)
    if math.isnan(centre):
        return 1.0, 1.0
    below = shifted_p(gaps, -margin, rule)
    if required.kind == "not worse":
        return (below, 1.0) if centre > -margin else (1.0, below)
    if -margin < centre < margin:
        return drafted.made.tests.equivalent, 1.0
    return 1.0, below if centre <= -margin else shifted_p(gaps, margin, rule)


def _by_margin(
    required: Requirement,
    drafted: _Drafted | str,
    adjusted: Mapping[Requirement, tuple[float, float]],
    corrected: int,
) -> Required:
    if isinstance(drafted, str):
        return Required(required, "not decided", drafted)
    for_, against = adjusted[required]
    outcome: Outcome = "not decided"
    p = for_ if for_ < 1 or against == 1 else against
    if for_ <= drafted.rule.alpha:
        outcome = "holds"
    elif against <= drafted.rule.alpha:
        outcome = "fails"
    mean = drafted.rule.of_means and math.isfinite(drafted.made.mean.value)
    estimate = drafted.made.mean if mean else drafted.made.typical
    between = span(estimate.low, estimate.high, drafted.scale)
    average = "mean" if mean else "typical"
    gain = _gain(required, drafted, average, size(estimate.value, drafted.scale))
    which = "adjusted " if corrected > 1 else ""
    facts = [*([f"95 % interval {between}"] if between else []), f"{which}{p_value(p)}"]
    units = counted(len(drafted.made.gaps), drafted.rule.unit)
    return Required(required, outcome, f"{gain[0].upper()}{gain[1:]} ({', '.join(facts)}, {units}).")


def _gain(required: Requirement, drafted: _Drafted, average: str, gain: str) -> str:
    """Say how much better the first arm is than the second, on average or typically."""
    if drafted.scale == "log" and gain.endswith(("lower", "higher")):
        return f"{average} {drafted.label} of {required.a} {gain} than that of {required.b}"
    return f"{average} gain of {required.a} over {required.b} {gain}"


def _better(required: Requirement, study: Study, report: Mapping[str, Any] | None) -> Required:
    """Return the report's verdict on a pair as what becomes of "better"."""
    compared = {} if report is None else report["comparisons"]
    rows: Rows = (
        compared.get("problems", {}).get(required.where, ())
        if required.where
        else compared.get("overall", ())
    )
    pair = next((row for row in rows if {row["a"], row["b"]} == {required.a, required.b}), None)
    if pair is None:
        return Required(required, "not decided", "The report does not compare these two arms.")
    outcome: Outcome = "not decided"
    if pair["verdict"] == "better":
        outcome = "holds" if pair["a"] == required.a else "fails"
    elif pair["verdict"] in ("equivalent", "tie"):
        outcome = "fails"
    said = str(pair["sentence"])
    return Required(required, outcome, said[:1].upper() + said[1:] if said[:1].isdigit() else said)
