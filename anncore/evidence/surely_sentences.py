"""What was found about levels that runs end at, and about the worst tenth of runs, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anncore.evidence.levels import Levels, Threshold
from anncore.evidence.measures import Measure
from anncore.evidence.risk import Reversal
from anncore.evidence.sentences import counted, joined, number, percent
from anncore.evidence.success_sentences import MOST_ARMS, rate_interval
from anncore.evidence.units import SEEDS, sentence

NUMBERS = {2: "two", 3: "three", 4: "four"}


def score_words(value: float, measure: Measure) -> str:
    """Write a score on the scale that a reader thinks in: a share in per cent, else the number."""
    if measure.floor and value <= measure.floor:
        return "the floor"
    return percent(value) if measure.scale == "unit" else number(value)


def levels_sentence(levels: Levels, measure: Measure) -> str:
    """Say at which levels an arm's runs end: "On xor adam ends at two levels of test accuracy: ..."."""
    count = NUMBERS[len(levels.levels)]
    seeds = [
        f"{level.seeds}{f' of {counted(levels.n, SEEDS)}' if place == 0 else ''} near "
        f"{score_words(level.centre, measure)}"
        for place, level in enumerate(levels.levels)
    ]
    two = len(levels.levels) == 2
    mean = f"the mean describes {'neither' if two else 'none of them'}"
    if not levels.between:
        mean = f"the mean mixes {'both' if two else 'them'}"
    where = f"On {levels.problem} {levels.arm} ends"
    return f"{where} at {count} levels of {measure.label}: {joined(seeds)}; {mean}."


def threshold_sentence(threshold: Threshold, measure: Measure) -> str:
    """Say how often each arm is beyond the threshold, and what the rates are worth."""
    limit = threshold.limit
    way = "at least" if limit.at_least else "at most"
    known = [rate for rate in threshold.rates if rate.n]
    shares = joined(
        [
            f"by {rate.arm} in {rate.successes} of {counted(rate.n, SEEDS)} ({percent(rate.share, 0)}, 95 % "
            f"interval {rate_interval(rate.low, rate.high)})"
            for rate in known
        ],
        MOST_ARMS,
    )
    return (
        f"{sentence(measure.label)} of {way} {score_words(limit.value, measure)} is reached {shares}. The "
        "threshold lies between the levels and was chosen after looking, so these rates describe and no test "
        "is made; a file that names it in [report] success tests it on new seeds."
    )


def named_sentence() -> str:
    """Say where rates stand when the file says what a success is."""
    return "The file says what a success is: rates and tests stand under “How often each arm succeeds”."


def reversal_sentence(reversal: Reversal, measure: Measure) -> str:
    """Say which arm has the better worst decile although another has the better mean."""
    ends = score_words(reversal.beats, measure)
    worse = score_words(reversal.loses, measure)
    return (
        f"On {reversal.problem} {reversal.better_mean} has the better mean and {reversal.better_decile} the "
        f"better worst decile: nine of ten runs of {reversal.better_decile} end with a {measure.label} of "
        f"{ends} or better, for {reversal.better_mean} it is {worse} (told apart: intervals that hold for "
        "all arms together do not meet)."
    )


def levels_texts(noticed: Sequence[Levels], measures: Mapping[str, Measure]) -> list[str]:
    """Say which arms end at several levels: a sentence for each of one or two, else one for all."""
    if len(noticed) < 3:
        return [levels_sentence(levels, measures[levels.problem]) for levels in noticed]
    places = [f"{levels.arm} on {levels.problem}" for levels in noticed]
    return [
        f"{joined(places, 4)} end at several levels each, not around one. Their means describe few of the "
        "runs; how many end at each level stands with the scores."
    ]
