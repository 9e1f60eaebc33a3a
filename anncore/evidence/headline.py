"""A report's first sentence: the answer, as sure as the data allow and no surer.

Who leads is who no other arm beats, never who ranks best by chance. What is said rests on the comparisons
over all data sets where there are enough of them, else on those of the only problem, else on each problem by
itself, and the sentence says on which.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from anncore.evidence.sentences import (
    about,
    counted,
    interval,
    joined,
    p_value,
    size,
    span,
    steps_words,
    worth_words,
    would_settle,
)
from anncore.evidence.units import SEEDS, singular
from anncore.evidence.verdicts import Comparison

SETTLED = ("tie", "equivalent")
UNSETTLED = ("undecided", "typical")
BLOCKED = "no claim can be made until the failed trials are rerun"


class Asked(NamedTuple):
    """What the first sentence is about.

    arms: in the experiment's order. over_all: the comparisons over data sets, by_problem: those over seeds.
    ranks: mean rank per arm; it orders arms in a sentence and decides nothing. label: what is measured, in
    words; "" where problems differ. unit: what problems are; problem_unit: the same where they are counted.
    control: the arm that all others are compared with, and these with none but it. places: what to call a
    problem, with what a claim there is about: "wine (these 178 rows)".
    """

    arms: Sequence[str]
    over_all: Sequence[Comparison]
    by_problem: Mapping[str, Sequence[Comparison]]
    ranks: Mapping[str, float]
    label: str
    unit: str
    problem_unit: str
    control: str | None = None
    blocked: str = BLOCKED
    places: Mapping[str, str] = MappingProxyType({})

    def ordered(self, arms: Sequence[str]) -> list[str]:
        """Return arms by their mean rank; what has none comes last."""
        return sorted(arms, key=lambda arm: (self.ranks.get(arm, math.inf), list(self.arms).index(arm)))


def headline(asked: Asked) -> str:
    """Answer the question of an experiment in one sentence."""
    if len(asked.arms) < 2:
        alone = f"{asked.arms[0]} ran alone; there is nothing to compare it with." if asked.arms else ""
        return alone or "Nothing ran."
    problems = list(asked.by_problem)
    one = list(asked.by_problem[problems[0]]) if len(problems) == 1 else []
    able = any(c.verdict not in ("too_few", "blocked") for c in asked.over_all)
    over_all = asked.over_all if able else []
    deciding = over_all or one
    claims = deciding or [c for comparisons in asked.by_problem.values() for c in comparisons]
    if not claims:
        return "There is nothing to compare."
    if all(c.verdict == "blocked" for c in claims):
        return f"{asked.blocked[0].upper()}{asked.blocked[1:]}."
    if not deciding:
        return _one_by_one(asked, claims)
    compared = [c for c in deciding if c.verdict != "blocked"]  # an arm that failed is in none of them
    where = (
        f"on {asked.places.get(problems[0], problems[0])}"
        if one
        else f"on {asked.unit} like these {compared[0].n}"
    )
    if len(compared) == 1:
        text = _of_two(compared[0], where, asked)
    elif asked.control is not None:
        text = _against(asked.control, compared, where, asked)
    else:
        text = _of_many(compared, where, asked)
    left_out = [arm for arm in asked.arms if arm not in _involved(compared, asked)]
    return f"{text.removesuffix('.')}; {joined(left_out)} could not be compared." if left_out else text


def nearest(undecided: Sequence[Comparison]) -> Comparison:
    """Return what is nearest to a claim: better in a typical run, else what the fewest pairs would settle."""
    return min(undecided, key=lambda c: (c.verdict != "typical", c.needed or 0.0))


# ---------------------------------------------------------------- two arms


def _of_two(c: Comparison, where: str, asked: Asked) -> str:
    pairs = counted(c.n, c.unit)
    said = c.scale != "range" and not math.isinf(c.effect)
    between = interval(c.low, c.high, c.scale) if said else ""
    alone = span(c.low, c.high, c.scale) if said else ""
    of = f" of {asked.label}" if asked.label else ""
    if c.verdict == "too_few":
        are = "is" if c.n == 1 else "are"
        return (
            f"{pairs} {are} too few for a claim about {c.a} and {c.b} {where}; "
            f"{about(c.needed)} would be enough."
        )
    if c.verdict == "tie":
        return f"{c.a} and {c.b} are equal {where}, on {'all ' if c.n > 1 else ''}{pairs}."
    if c.verdict == "equivalent":
        least = f" worth more than {worth_words(c.rope, c.scale)}{of}" if c.rope is not None else ""
        return (
            f"No difference{least} between {c.a} and {c.b} {where}: they are equivalent "
            f"(95 % interval {alone}, {pairs})."
        )
    if c.verdict == "undecided":
        bound = f"{pairs} bound the difference{of} to {alone}" if alone else f"{pairs} are not enough"
        return f"Not decided between {c.a} and {c.b} {where}: {bound}; {would_settle(c)}."
    between = steps_words(between) if _by_steps(c) else between
    rest = f"95 % interval {between}, {pairs}" if between else pairs
    if c.scale == "range":  # its pairs are counted in what it is better on
        rest = f"adjusted {p_value(c.p)}"
    typical = " in a typical run, but not surely on average" if c.verdict == "typical" else ""
    return f"{c.a} beats {c.b} {where}{typical}: {_by(c, asked.label)} ({rest})."


def _by_steps(c: Comparison) -> bool:
    """Tell whether all runs end at the function's floor, where fewer steps win."""
    return bool(c.n) and c.at_floor == c.n


def _by(c: Comparison, label: str) -> str:
    """Write "test loss is 34 % lower", "test accuracy is 0.8 points better"."""
    what = label or "the score"
    if math.isinf(c.effect):
        return f"{what} is better, by divergence"
    if c.scale == "log":
        gain = size(c.effect, "log")
        return f"it takes {steps_words(gain)} to the floor" if _by_steps(c) else f"{what} is {gain}"
    if c.scale == "range":
        return f"{label or 'it'} is better on {c.wins} of {counted(c.n, c.unit)}"
    return f"{what} is {size(c.effect, c.scale)} better"


# ---------------------------------------------------------------- many arms


def _of_many(compared: Sequence[Comparison], where: str, asked: Asked) -> str:
    wins = [c for c in compared if c.verdict == "better"]
    involved = _involved(compared, asked)
    beaten = {c.b for c in wins}
    leaders = asked.ordered([arm for arm in involved if arm not in beaten])
    if not wins:
        return _nobody_wins(compared, where, asked)
    if not leaders:  # typical differences may go round in a circle
        return f"No arm leads {where}: each is beaten by another."
    losers = asked.ordered(list(beaten))
    by = _amount([c for c in wins if c.a in leaders], asked.label)
    if sum(c.a == leaders[0] for c in wins) == len(asked.arms) - 1:
        return f"{leaders[0]} beats every other arm {where}{by}."
    lead = f"{joined(leaders)} {'leads' if len(leaders) == 1 else 'lead'} {where}"
    apart = f"; {_among(compared, leaders)}" if len(leaders) > 1 else ""
    return f"{lead}: {joined(losers)} {_beaten(wins, leaders, losers)}{by}{apart}."


def _beaten(wins: Sequence[Comparison], leaders: Sequence[str], losers: Sequence[str]) -> str:
    """Write "is beaten" where every leader beats all of the losers, else by whom they are."""
    is_ = "is" if len(losers) == 1 else "are"
    by = {
        arm: [leader for leader in leaders if any((c.a, c.b) == (leader, arm) for c in wins)]
        for arm in losers
    }
    if all(by[arm] == list(leaders) for arm in losers):
        return f"{is_} beaten"
    some = by[losers[0]]
    if some and all(by[arm] == some for arm in losers):
        return f"{is_} beaten by {joined(some)}"
    return f"{is_} beaten{', each' if len(losers) > 1 else ''} by at least one arm"


def _involved(compared: Sequence[Comparison], asked: Asked) -> list[str]:
    return [arm for arm in asked.arms if any(arm in (c.a, c.b) for c in compared)]


def _against(control: str, compared: Sequence[Comparison], where: str, asked: Asked) -> str:
    """Say how each arm stands to the control."""
    others = {c.b if c.a == control else c.a: c for c in compared}
    better = [arm for arm, c in others.items() if c.verdict == "better" and c.a == arm]
    worse = [arm for arm, c in others.items() if c.verdict == "better" and c.b == arm]
    equal = [arm for arm, c in others.items() if c.verdict in SETTLED]
    rest = [arm for arm in others if arm not in (*better, *worse, *equal)]
    if not (better or worse or equal):
        return _nobody_wins(compared, where, asked)
    parts = []
    for arms, verb, plural, by in (
        (better, "beats it", "beat it", _amount([others[arm] for arm in better], asked.label)),
        (worse, "is beaten", "are beaten", _amount([others[arm] for arm in worse], asked.label)),
        (equal, "is equivalent to it", "are equivalent to it", ""),
        (rest, "cannot be told apart from it", "cannot be told apart from it", ""),
    ):
        if arms:
            parts.append(f"{joined(asked.ordered(arms))} {verb if len(arms) == 1 else plural}{by}")
    return f"Against {control} {where}: {'; '.join(parts)}."


def _amount(wins: Sequence[Comparison], label: str) -> str:
    """Write by how much arms win, ", by 12 to 60 % of test loss"; "" where no number says it."""
    effects = [c.effect for c in wins if math.isfinite(c.effect)]
    if not effects or wins[0].scale == "range" or any(c.at_floor for c in wins):
        return f", by {label}" if label else ""
    low, high = min(effects), max(effects)
    gain = size(low, wins[0].scale) if low == high else span(low, high, wins[0].scale)
    what = label or "the score"
    return f", {what} {gain}" if wins[0].scale == "log" else f", by {gain} of {what}"


def _among(compared: Sequence[Comparison], leaders: Sequence[str]) -> str:
    """Say how leaders stand to each other, of whom none beats another."""
    kinds = {c.verdict for c in compared if c.a in leaders and c.b in leaders}
    them = "the two" if len(leaders) == 2 else f"the {len(leaders)}"
    return f"{them} {'are equivalent' if kinds <= set(SETTLED) else 'cannot be told apart'}"


def _nobody_wins(compared: Sequence[Comparison], where: str, asked: Asked) -> str:
    first = compared[0]
    arms = f"{len(_involved(compared, asked))} arms"
    pairs = counted(first.n, first.unit)
    of = f" of {asked.label}" if asked.label else ""
    if all(c.verdict in SETTLED for c in compared):
        rope = first.rope
        worth = f": no difference is worth more than {worth_words(rope, first.scale)}{of}" if rope else ""
        return f"The {arms} are equivalent {where}{worth} ({pairs})."
    few = next((c for c in compared if c.verdict == "too_few"), None)
    if few is not None:
        are = "is" if few.n == 1 else "are"
        return f"{pairs} {are} too few for a claim about {arms} {where}; {about(few.needed)} would be enough."
    near = nearest([c for c in compared if c.verdict in UNSETTLED])
    between = span(near.low, near.high, near.scale) if near.scale != "range" else ""
    bound = f"{asked.label} {between}".strip() if near.scale == "log" else f"{between}{of}"
    closest = f"nearest to a claim are {near.a} and {near.b}"
    if near.verdict == "typical":
        closest = f"{near.a} beats {near.b} in a typical run, but not surely on average"
    closest += f" ({bound})" if between else ""
    seen = f"{pairs} tell no two of the {arms} apart {where}"
    if first.unit != SEEDS:  # what the claim would be about is what was seen
        seen = f"these {pairs} tell no two of the {arms} apart"
    return f"Not decided: {seen}; {closest}."


# ---------------------------------------------------------------- problem by problem


def _one_by_one(asked: Asked, claims: Sequence[Comparison]) -> str:
    """Say what holds on each of a few problems, of which no claim over all can be made."""
    total = len(asked.by_problem)
    by = f" and by {asked.label}" if asked.label else ""
    these = f"On these {counted(total, asked.problem_unit)}, each by itself{by}"
    wins = [c for c in claims if c.verdict == "better"]
    kinds = {c.verdict for c in claims}
    if not wins:
        if kinds <= {"too_few", "blocked"}:
            few = next(c for c in claims if c.verdict == "too_few")
            are = "is" if few.n == 1 else "are"
            return (
                f"{counted(few.n, SEEDS)} {are} too few for a claim on any {singular(asked.unit)}; "
                f"{about(few.needed)} would be enough."
            )
        if kinds <= set(SETTLED):
            return f"{these}, all arms are equivalent."
        return f"Not decided: {these[0].lower()}{these[1:]}, no two arms can be told apart."
    score = {arm: sum((c.a == arm) - (c.b == arm) for c in wins) for arm in asked.arms}
    winners = [arm for arm in asked.ordered(asked.arms) if any(c.a == arm for c in wins)]
    lead = max(winners, key=lambda arm: score[arm])
    won = _counts([c.b for c in wins if c.a == lead], asked, total)
    lost = _counts([c.a for c in wins if c.b == lead], asked, total)
    text = f"{these}, {lead} beats {joined(won)}"
    return f"{text}; it is beaten by {joined(lost)}." if lost else f"{text}; no arm beats it."


def _counts(others: Sequence[str], asked: Asked, total: int) -> list[str]:
    """Write "sgd on all 3" and "adam on 1", in the order of ranks."""
    counts = {arm: others.count(arm) for arm in asked.ordered(list(dict.fromkeys(others)))}
    every = "both" if total == 2 else f"all {total}"
    return [f"{arm} on {every if count == total else count}" for arm, count in counts.items()]
