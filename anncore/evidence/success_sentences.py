"""What was found about how often arms succeed, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from anncore.evidence.sentences import about, counted, joined, p_value, percent, short
from anncore.evidence.study import Study
from anncore.evidence.success import Limit, Rate, RatePair, Successes, mean_share
from anncore.evidence.units import SEEDS, metric_words
from anncore.evidence.verdicts import Comparison

MOST_ARMS = 6  # that one sentence lists


def reaching(limits: Sequence[Limit], unit: str) -> str:
    """Return what an arm does that succeeds: "reaches test accuracy 0.99"."""
    first = limits[0]
    if len({(limit.column, limit.at_least) for limit in limits}) > 1:
        return "succeeds"
    label = metric_words(first.column, unit)
    if len({limit.value for limit in limits}) > 1:
        return f"reaches the {label} asked for"
    value = short(first.value, 6)
    return f"reaches {label} {value}" if first.at_least else f"brings {label} down to {value}"


def rate_interval(low: float, high: float) -> str:
    """Write a rate's interval: "46 to 88 %"; "" where nothing is known."""
    return "" if math.isnan(low) else f"{100 * low:.0f} to {100 * high:.0f} %"


def pair_sentence(pair: RatePair) -> str:
    """Say what the comparison of two arms' successes on one problem found, with its numbers."""
    a, b, on = pair.a, pair.b, pair.where
    if pair.verdict == "blocked":
        return f"No claim about how often {a} and {b} succeed on {on}: {pair.reason}."
    if pair.verdict == "too_few":
        few = f"{counted(pair.n, SEEDS)} {'is' if pair.n == 1 else 'are'} too few"
        enough = about(pair.needed)
        return f"{few} to say whether {a} or {b} succeeds more often on {on}; {enough} would be enough."
    if pair.verdict == "tie":
        if pair.both == 0:
            return f"Neither {a} nor {b} succeeds on {on} on any of {counted(pair.n, SEEDS)}."
        return f"{a} and {b} succeed on the same seeds of {on} ({pair.both} of {counted(pair.n, SEEDS)})."
    if pair.verdict == "undecided":
        wanted = about(pair.needed)
        wanted = wanted if wanted.startswith("more") else f"about {wanted}"
        return (
            f"How often {a} and {b} succeed on {on} cannot be told apart with {counted(pair.n, SEEDS)} "
            f"({alone(pair)}); {wanted} would be needed."
        )
    return f"{a} succeeds more often than {b} on {on} ({alone(pair)}, {p_value(pair.p)} after Holm)."


def alone(pair: RatePair) -> str:
    """Say on how many seeds one of two arms alone succeeds."""
    return f"{pair.a} alone in {counted(pair.only_a, SEEDS)}, {pair.b} alone in {pair.only_b}"


def success_headline(study: Study, result: Successes) -> str:
    """Say how often each arm succeeds, and which of them may be told apart."""
    unit = study.unit
    does = reaching(list(result.limits.values()), unit)
    if len(result.rates) == 1:
        ((problem, rates),) = result.rates.items()
        if len(study.problems) > 1:
            does += f" on {problem}"
        texts = [_said(rate, rates[0].n if place else 0) for place, rate in enumerate(rates)]
        opening = _opening([rate.arm for rate in rates], texts, does)
        return f"{opening}{_ending(rates, result.pairs[problem])}."
    shares = [(arm, mean_share(result.rates, arm, study.dataset_of)) for arm in study.arms]
    shares.sort(key=lambda pair: 1.0 if math.isnan(pair[1]) else -pair[1])
    over = f" of seeds on average over {counted(len(result.rates), study.problem_unit)}"
    texts = ["an unknown share" if math.isnan(share) else percent(share, 0) for _, share in shares]
    opening = _opening([arm for arm, _ in shares], [texts[0] + over, *texts[1:]], does)
    return f"{opening}{_over_all(study, result, shares)}."


def _said(rate: Rate, known: int) -> str:
    """Write one rate: "14 of 20 seeds (70 %, 95 % interval 46 to 88 %)"; where all have `known`, shorter."""
    if not rate.n:
        return f"no seed that is known ({rate.note})"
    of = "" if rate.n == known else f" of {counted(rate.n, SEEDS)}"
    level = "" if known else "95 % interval "
    lost = f", {rate.note}" if rate.note else ""
    between = rate_interval(rate.low, rate.high)
    return f"{rate.successes}{of} ({percent(rate.share, 0)}, {level}{between}{lost})"


def _opening(arms: Sequence[str], texts: Sequence[str], does: str) -> str:
    """Say who succeeds how often, the best first; of many arms the first ones."""
    first, *others = zip(arms, texts, strict=True)
    parts = [f"{first[0]} {does} in {first[1]}", *(f"{arm} in {text}" for arm, text in others)]
    return joined(parts, MOST_ARMS)


def _ending(rates: Sequence[Rate], pairs: Sequence[RatePair]) -> str:
    """Say which arms the best one may be told apart from, on one problem."""
    own = {(pair.b if pair.a == rates[0].arm else pair.a): pair for pair in pairs if _has(pair, rates[0].arm)}
    if not own:
        return ""
    lead, first = rates[0].arm, next(iter(own.values()))
    verdicts = {pair.verdict for pair in own.values()}
    if verdicts == {"blocked"}:
        return "; no claim is made while outcomes are unknown"
    if verdicts == {"too_few"}:
        are = "is" if first.n == 1 else "are"
        return f"; {counted(first.n, SEEDS)} {are} too few for a claim, {about(first.needed)} would be enough"
    if verdicts == {"tie"}:
        return (
            "; all succeed on the same seeds"
            if any(pair.both for pair in own.values())
            else "; none succeeds"
        )
    beaten = [arm for arm, pair in own.items() if pair.verdict == "better" and pair.a == lead]
    open_ = [arm for arm, pair in own.items() if pair.verdict in ("undecided", "tie")]
    if len(own) == 1 and beaten:
        return f"; {lead} beats {beaten[0]} ({p_value(first.p)} by McNemar's exact test)"
    return _told_apart(lead, beaten, open_, len(own))


def _has(pair: RatePair | Comparison, arm: str) -> bool:
    return arm in (pair.a, pair.b)


def _told_apart(lead: str, beaten: Sequence[str], open_: Sequence[str], others: int) -> str:
    """Say whom the leading arm beats, and from whom it cannot be told apart."""
    if others > 1 and len(beaten) == others:
        return f"; {lead} beats every other arm"
    apart = f"cannot be told apart from {joined(open_)}"
    if others > 1 and len(open_) == others:
        apart = "cannot be told apart from any other arm"
    if beaten:
        return f"; {lead} beats {joined(beaten)}" + (f" and {apart}" if open_ else "")
    return f"; {lead} {apart}" if open_ else f"; of {lead} no claim is made"


def _over_all(study: Study, result: Successes, shares: Sequence[tuple[str, float]]) -> str:
    """Say what holds over data sets, and where there are too few of them, on how many an arm wins."""
    lead = shares[0][0]
    own = {(c.b if c.a == lead else c.a): c for c in result.over_all if _has(c, lead)}
    if len(study.arms) < 2:
        return ""
    verdicts = {comparison.verdict for comparison in own.values()}
    if verdicts == {"blocked"}:
        return "; no claim is made while outcomes are unknown"
    if verdicts == {"tie"}:
        return "; all succeed equally often" if shares[0][1] else "; none succeeds"
    if own and "too_few" not in verdicts:
        beaten = [arm for arm, c in own.items() if c.verdict == "better" and c.a == lead]
        open_ = [arm for arm, c in own.items() if c.verdict in ("undecided", "tie", "equivalent")]
        return _told_apart(lead, beaten, open_, len(own))
    return f"; {tally(result.pairs, lead, study.problem_unit)}"


def tally(pairs: Mapping[str, Sequence[RatePair]], arm: str, units: str) -> str:
    """Say on how many problems an arm succeeds more often than each other one, tested on each alone."""
    wins: dict[str, int] = {}
    for on_problem in pairs.values():
        for pair in on_problem:
            if pair.verdict == "better" and pair.a == arm:
                wins[pair.b] = wins.get(pair.b, 0) + 1
    if not wins:
        return f"taken one by one, {arm} beats no other arm on any of {counted(len(pairs), units)}"
    beaten = joined([f"{other} on {count}" for other, count in wins.items()])
    return f"taken one by one, of {counted(len(pairs), units)} {arm} beats {beaten}"
