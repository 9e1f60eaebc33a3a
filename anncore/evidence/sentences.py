"""What was found, in words: numbers, intervals, sentences and the headline."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from anncore.evidence.units import (
    DATA_SETS as DATA_SETS,
    SEEDS as SEEDS,
    agreeing as agreeing,
    counted as counted,
)
from anncore.evidence.verdicts import Comparison


def number(value: float, digits: int = 3) -> str:
    """Write a number as in running text: 0.0421, 12.3, 1.2e-07, ∞, – for NaN."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value != 0 and not 1e-4 <= abs(value) < 1e5:
        mantissa, exponent = f"{value:.{max(1, digits - 2)}e}".split("e")
        return f"{mantissa}e{int(exponent)}".replace("-", "−")
    if value == 0:
        return "0"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{places}f}".replace("-", "−")


def short(value: float, digits: int = 3) -> str:
    """Write a number that is exact as briefly as it can be: 0.5, 100, 1.2e−7; ∞ and – as `number` does."""
    if not math.isfinite(value):
        return number(value)
    mantissa, _, exponent = f"{value:.{digits}g}".partition("e")
    return (mantissa + (f"e{int(exponent)}" if exponent else "")).replace("-", "−")


def percent(share: float, places: int = 1) -> str:
    """Write a share as a percentage: 0.973 -> "97.3 %"."""
    return "–" if math.isnan(share) else f"{100 * share:.{places}f} %".replace("-", "−")


def pair_percent(share: float) -> str:
    """Write how often one of two wins, in whole per cent: "58 %" for 0.575, and then "42 %" for 0.425.

    The two shares of a pair add up to 100 %; 0 % and 100 % are never and always. – for NaN.
    """
    if math.isnan(share):
        return percent(share)
    more = math.floor(100 * max(share, 1 - share) + 0.5 + 1e-9)
    more = min(more, 99) if 0 < share < 1 else more
    return f"{more if share >= 0.5 else 100 - more} %"


def p_value(p: float | None) -> str:
    """Write a p-value without its leading zero: "p = .012", "p < .001"; – where there is none."""
    if p is None or math.isnan(p):
        return "–"
    if p < 0.001:
        return "p < .001"
    return "p = 1" if p > 0.9995 else f"p = {p:.3f}".replace("0.", ".", 1)


def joined(names: Sequence[str], most: int = 6) -> str:
    """Write "a", "a and b", "a, b and c"; beyond `most`, how many others there are."""
    names = list(names)
    if len(names) > most:
        return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} others"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def size(value: float, scale: str) -> str:
    """Write an effect: "34 % lower" on the log scale, "1.2 points" for shares, else the number."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "all, by divergence" if value > 0 else "none, by divergence"
    if scale == "log":
        word = "lower" if value >= 0 else "higher"
        if abs(value) > math.log(10):
            return f"{_power(abs(value))} times {word}"
        change = -math.expm1(-value) if value >= 0 else math.expm1(-value)
        if not change:
            return "0 %"
        least = "less than 0.1 %" if change < 0.0005 else percent(change, 1 if change < 0.1 else 0)
        return f"{least} {word}"
    if scale == "unit":
        return f"{_hundredths(value)} points"
    if scale == "range":
        return f"{_hundredths(value)} % of the arms' range"
    return number(value)


def _power(logarithm: float) -> str:
    """Write exp(logarithm) with two digits, also where it is beyond the largest float."""
    if logarithm < 700:
        return number(math.exp(logarithm), 2)
    exponent, rest = divmod(logarithm / math.log(10), 1)
    mantissa, carry = f"{10**rest:.1e}".split("e")
    return f"{mantissa}e{int(exponent) + int(carry)}"


def _hundredths(value: float) -> str:
    """Write a share in hundredths with two digits; what is next to nothing is less than 0.01."""
    if 0 < abs(value) < 0.00005:
        return "less than 0.01"
    return number(100 * value, 2)


def steps_words(text: str) -> str:
    """Write a ratio of scores at a function's floor as what it is there, a ratio of steps."""
    return text.replace(" lower", " fewer steps").replace(" higher", " more steps")


def interval(low: float, high: float, scale: str) -> str:
    """Write an effect's interval, "" where it is undefined."""
    if math.isnan(low) or math.isnan(high):
        return ""
    if math.isinf(low) or math.isinf(high):
        if low == high:
            return size(low, scale)
        if low >= 0:
            return f"at least {size(low, scale)}"
        first = "any loss" if math.isinf(low) else size(low, scale)
        return f"{first} to {'any gain' if math.isinf(high) else size(high, scale)}"
    if scale in ("unit", "range"):
        return f"{_hundredths(low)} to {_hundredths(high)}{' %' if scale == 'range' else ''}"
    near = max(abs(low), abs(high)) <= math.log(10)
    if scale == "log" and near and low * high > 0:
        first, second = size(low, scale), size(high, scale)
        return f"{first.split(' %')[0]} to {second}"
    if scale == "log":
        return f"{size(low, scale)} to {size(high, scale)}"
    return f"{number(low)} to {number(high)}"


def span(low: float, high: float, scale: str) -> str:
    """Write an interval that stands by itself, with its unit: "−0.4 to 1.1 points", "20 to 45 % lower"."""
    between = interval(low, high, scale)
    plain = between and "divergence" not in between and "any" not in between and "least" not in between
    return f"{between} points" if scale == "unit" and plain else between


def growth(widening: Mapping[str, Any]) -> str:
    """Say how a range grew: "optimizer.lr a hundredfold downwards and tenfold upwards"."""
    times = {1: "tenfold", 2: "a hundredfold"}
    parts = [
        f"{times.get(widening[end], 'a thousandfold')} {end}wards" for end in ("down", "up") if widening[end]
    ]
    return f"{widening['key']} {' and '.join(parts)}"


def about(count: float | None) -> str:
    """Round a number of pairs to two digits; beyond 1000 it is "more than 1000"."""
    if count is None or not count <= 1000:
        return "more than 1000"
    digits = max(0, len(str(int(count))) - 2)
    return str(int(math.ceil(count / 10**digits) * 10**digits))


def needed_pairs(count: float | None, low: float | None, high: float | None) -> str:
    """Write how many pairs would settle what is open: "about 7", "20 to 90", "35 or more".

    count: a number that is known, or guessed without a range. low, high: the range of a guess.
    """
    if low is None or low > 1000:
        text = about(count if low is None else low)
        return text if text.startswith("more") else f"about {text}"
    if high is None or high > 1000:
        return f"{about(low)} or more"
    return f"about {about(low)}" if about(low) == about(high) else f"{about(low)} to {about(high)}"


def worth_words(rope: float, scale: str) -> str:
    """Write the smallest difference worth having, given on the scale: "0.5 points", "1 %", "0.02"."""
    if scale == "log":
        return f"{short(100 * math.expm1(rope))} %"
    if scale == "unit":
        points = short(100 * rope)
        return f"{points} {'point' if points == '1' else 'points'}"
    return short(rope)


def sentence(c: Comparison) -> str:
    """Say what one comparison found, with its numbers."""
    on = f" on {c.where}" if c.where else ""
    if c.verdict == "blocked":
        return f"No claim about {c.a} and {c.b}{on}: {c.reason}."
    if c.verdict == "tie":
        every = "all " if c.n > 1 else ""
        return f"{c.a} and {c.b} are equal{on} on {every}{counted(c.n, c.unit)}."
    if c.verdict == "too_few":
        way = f"{about(c.needed)} would be enough to let one show"
        seen = f"{c.a} is ahead on {c.wins} of {c.n}"
        few = f"{counted(c.n, c.unit)} {agreeing(c.n, 'are')} too few"
        return f"{few} for a claim about {c.a} and {c.b}{on} ({seen}); {way}."
    if c.verdict == "undecided":
        between = "" if c.scale == "range" else span(c.low, c.high, c.scale)  # of no metric: see `_won`
        pairs = counted(c.n, c.unit)
        bound = f": {pairs} bound the difference to {between}" if between else f" with {pairs}"
        return f"{c.a} and {c.b} cannot be told apart{on}{bound}; {would_settle(c)}."
    if c.verdict == "equivalent":
        less = f", a difference of less than {worth_words(c.rope, c.scale)}" if c.rope is not None else ""
        return f"{c.a} and {c.b} are practically equivalent{on} ({_gain(c)}{less})."
    return f"{c.a} beats {c.b}{on} {_won(c)}"


def beyond_headline(c: Comparison) -> str:
    """Say what a report's first sentence on two arms leaves out; "" where it says all."""
    if c.verdict not in ("better", "typical"):
        return sentence(c) if c.verdict == "blocked" else ""
    if c.scale == "range":  # the first sentence counts its pairs
        return ""
    return f"{c.a} is ahead {_ahead(c)}"


def _ahead(c: Comparison) -> str:
    """Say on how many pairs an arm is ahead, and what stands beside the number of the first sentence."""
    drawn = f", {c.ties} tied" if c.ties else ""
    lost = f", {c.diverged} by divergence" if c.diverged else ""
    average = f"; {_mean_gain(c)}" if c.verdict == "typical" else ""
    return f"on {c.wins} of {counted(c.n, c.unit)}{drawn}{lost} (adjusted {p_value(c.p)}{average})."


def would_settle(c: Comparison) -> str:
    """Say what would settle a comparison: "about 35 would be needed"."""
    if c.correction and not (c.needed is not None and c.needed <= 1000):
        return "more splits of the same rows would not settle it, more rows would"
    return f"{needed_pairs(c.needed, c.needed_low, c.needed_high)} would be needed"


def _won(c: Comparison) -> str:
    """Say on how many pairs and by how much an arm beats another, and whether in a typical run alone."""
    drawn = f", {c.ties} tied" if c.ties else ""
    lost = f", {c.diverged} by divergence" if c.diverged else ""
    floor = ""
    if c.at_floor:
        where = "All pairs" if c.at_floor == c.n else counted(c.at_floor, "pairs")
        are = "is" if c.at_floor == 1 < c.n else "are"
        floor = f" {where} {are} at the function's floor, where fewer steps win."
    if c.scale == "range":  # a share of the arms' range is no unit that a reader thinks in
        return f"on {c.wins} of {counted(c.n, c.unit)}{drawn}{lost} (adjusted {p_value(c.p)})."
    typical = "in a typical run, " if c.verdict == "typical" else ""
    average = f", but not surely on average ({_mean_gain(c)})" if typical else ""
    return (
        f"{typical}on {c.wins} of {counted(c.n, c.unit)}{drawn}{lost} "
        f"({_gain(c)}, adjusted {p_value(c.p)}){average}.{floor}"
    )


def _gain(c: Comparison) -> str:
    """Write "mean gain 34 % lower, 95 % interval 20 to 45 % lower"."""
    between = interval(c.low, c.high, c.scale)
    gain = size(c.effect, c.scale) + (f", 95 % interval {between}" if between else "")
    if c.n and c.at_floor == c.n:
        gain = steps_words(gain)
    return f"{'mean gain' if c.centre == 'mean' else 'typical gain'} {gain}"


def _mean_gain(c: Comparison) -> str:
    """Write the mean gain beside a typical one; the mean of what diverged is not a number to print."""
    if not math.isfinite(c.mean):
        return "a diverged run has no mean"
    between = interval(c.mean_low, c.mean_high, c.scale)
    return f"mean gain {size(c.mean, c.scale)}" + (f", 95 % interval {between}" if between else "")


def with_sentence(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison's fields with its sentence, as report.json has them; numbers may be infinite."""
    return {**vars(comparison), "sentence": sentence(comparison)}
