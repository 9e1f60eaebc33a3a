"""What was found about kinds varied together, in words."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from anncore.contract.kind_names import ALL_KINDS
from anncore.evidence.factorial_parts import Analysis, Factorial, Together
from anncore.evidence.factors import Factor
from anncore.evidence.sentences import counted, joined, p_value, percent, span, worth_words
from anncore.evidence.trend import Trend
from anncore.evidence.units import singular
from anncore.evidence.variance_shares import DATA, LUCK, Lead, Part, Share
from anncore.evidence.verdicts import Comparison

PLURALS = dict(map(attrgetter("name", "plural"), ALL_KINDS))
MOST_NAMED = 4  # combinations, or levels, that one sentence lists
LEAST_NAMED = 0.005  # a share of the variance that a sentence mentions


def plural(factor: str) -> str:
    """Return what the levels of a factor are called: "optimizers", "values of depth"."""
    return PLURALS.get(factor, f"values of {factor}")


def the(factor: str) -> str:
    """Return what a factor is called in a sentence: "the optimizer", "depth"."""
    return f"the {factor}" if factor in PLURALS else factor


def level_of(factor: str) -> str:
    """Return what one of its levels is called: "optimizer", "value of depth"."""
    return factor if factor in PLURALS else f"value of {factor}"


def where_words(analysis: Analysis) -> str:
    """Say on what an analysis is made: "on moons", "on data sets like these 8"."""
    return f"on {analysis.where}" if analysis.where else f"on {analysis.unit} like these {analysis.n}"


def combination(factors: Sequence[Factor]) -> str:
    """Return what one level of each factor is called."""
    return "pair" if len(factors) == 2 else "combination"


# ---------------------------------------------------------------- the first sentence


def factorial_headline(result: Factorial) -> str:
    """Answer for factors varied together: the best combination, and whether the best level of one depends.

    "" where a single factor varies, or nothing decides.
    """
    analysis = result.deciding
    if analysis is None or analysis.note or len(analysis.grid.factors) < 2 or analysis.best is None:
        return ""
    best = best_sentence(analysis).removesuffix(".")
    clauses = [depends_clause(pair, analysis) for pair in analysis.together]
    if len(clauses) > 1:  # of three and more factors only what shows
        shown = [pair.verdict == "depends" for pair in analysis.together]
        clauses = [clause for clause, one in zip(clauses, shown, strict=True) if one] or [
            "no two of the factors are seen to depend on each other"
        ]
    return f"{best}; {'; '.join(clauses)}."


def best_sentence(analysis: Analysis) -> str:
    """Say which combination is the best, and what cannot be told apart from it."""
    best = analysis.best
    assert best is not None
    what, where = combination(analysis.grid.factors), where_words(analysis)
    others = len(best.beaten) + len(best.alike)
    lost = f"; {joined(best.lost, MOST_NAMED)} could not be compared" if best.lost else ""
    if not best.alike:
        return f"{best.arm} is the best {what} {where}: it beats all {others} others{lost}."
    rest = f"{joined(best.alike, MOST_NAMED)} cannot be told apart from it"
    if not best.beaten:
        return (
            f"{best.arm} leads {where} as a {what}, but is told apart from none of the other {others}{lost}."
        )
    so_far = f"{best.arm} is the best {what} so far {where}: it beats {len(best.beaten)} of {others}"
    return f"{so_far}, and {rest}{lost}."


def depends_clause(pair: Together, analysis: Analysis) -> str:
    """Say whether the best level of one factor depends on the other, as a part of a sentence."""
    first, second, best = the(pair.first), the(pair.second), level_of(pair.second)
    every = f"every {level_of(pair.first)}"
    if pair.verdict == "too_few":
        few = f"{counted(analysis.n, analysis.unit)} {'is' if analysis.n == 1 else 'are'} too few"
        return f"{few} to say whether the best {best} depends on {first}, {pair.needed} would be enough"
    if pair.verdict == "rounds":
        return f"whether the best {best} depends on {first} is not tested where seeds come in rounds"
    if pair.verdict == "none":
        return f"what {second} does is the same with {every}"
    if pair.verdict == "additive":
        worth = worth_words(analysis.rope, analysis.scale)
        return f"what {second} does changes with {first} by less than {worth}"
    if pair.verdict == "undecided":
        seen = f"interaction {p_value(pair.p)}, {counted(analysis.n, analysis.unit)}"
        return f"whether the best {best} depends on {first} is not decided ({seen})"
    if pair.best_changes:
        return f"the best {best} depends on {first}: {leaders(pair)}"
    how = f"what {second} does depends on {first} (interaction {p_value(pair.p)})"
    if all(len(row.unbeaten) == 1 for row in pair.rows):
        return f"{how}, but {pair.common[0]} is the best with {every}"
    return f"{how}, but a change of the best {best} is not shown"


def leaders(pair: Together) -> str:
    """Say which level leads at which level of the first factor: "cosine with adam, constant with sgd".

    Levels in order are put together: "gelu leads at depth=1, relu from depth=2 on".
    """
    runs: list[tuple[tuple[str, ...], list[str]]] = []
    for row in pair.rows:
        if runs and runs[-1][0] == row.unbeaten and _is_number(row.level):
            runs[-1][1].append(row.level)
        else:
            runs.append((row.unbeaten, [row.level]))
    texts = []
    for place, (unbeaten, levels) in enumerate(runs):
        at = _at(levels, last=place == len(runs) - 1)
        if len(unbeaten) == 1:
            leads = " leads" if not place else ""
            texts.append(f"{unbeaten[0]}{leads} {at}")
        elif len(unbeaten) == len(pair.rows[0].unbeaten) + len(pair.rows[0].beaten):
            texts.append(f"nothing is told apart {at}")
        else:
            texts.append(f"{joined(unbeaten, MOST_NAMED)} are not told apart {at}")
    if len(texts) > 2 * MOST_NAMED:
        texts = [*texts[: 2 * MOST_NAMED], f"and {len(texts) - 2 * MOST_NAMED} more"]
    return ", ".join(texts)


def _is_number(level: str) -> bool:
    return "=" in level


def _at(levels: Sequence[str], *, last: bool) -> str:
    """Say at which levels: "with adam", "at depth=1", "from depth=2 on", "from depth=2 to depth=4"."""
    if not _is_number(levels[0]):
        return f"with {levels[0]}"
    if len(levels) == 1:
        return f"at {levels[0]}"
    return f"from {levels[0]} on" if last else f"from {levels[0]} to {levels[-1]}"


def one_by_one(result: Factorial, unit: str) -> str:
    """Say on how many problems, each by itself, the effect of a factor depends on another; "" if on none."""
    counts: dict[tuple[str, str], list[bool]] = {}
    for analysis in result.problems.values():
        for pair in analysis.together:
            if pair.verdict == "depends":
                counts.setdefault((pair.first, pair.second), []).append(pair.best_changes)
    texts = [
        f"what {the(second)} does depends on {the(first)} on {len(changes)} of "
        f"{counted(len(result.problems), unit)}"
        + (f" (the best {level_of(second)} changes with it on {sum(changes)})" if any(changes) else "")
        for (first, second), changes in counts.items()
    ]
    return "; ".join(texts)


# ---------------------------------------------------------------- further sentences


def interaction_sentence(pair: Together, analysis: Analysis) -> str:
    """Say what the test of an interaction found, with its numbers."""
    clause = depends_clause(pair, analysis)
    if pair.verdict == "too_few" and not analysis.where:  # which says already what are too few
        return f"{clause}."
    where = where_words(analysis)
    text = f"{where[0].upper()}{where[1:]}, {clause}"
    if pair.verdict == "depends" and pair.best_changes:
        text += f" (interaction {p_value(pair.p)})"
    return f"{text}."


def marginal_sentence(factor: Factor, analysis: Analysis) -> str:
    """Say which level of a factor is the best on average over the others."""
    claims = analysis.comparisons.get(factor.name, ())
    others = [plural(other.name) for other in analysis.grid.factors if other.name != factor.name]
    averaged = f"Averaged over the {joined(others)}, {where_words(analysis)}"
    if not claims:
        return ""
    if all(claim.verdict == "too_few" for claim in claims):
        averaged = averaged if analysis.where else f"Averaged over the {joined(others)}"
        few = f"{counted(analysis.n, analysis.unit)} {'is' if analysis.n == 1 else 'are'} too few"
        return f"{averaged}, {few} to tell {plural(factor.name)} apart."
    wins = [claim for claim in claims if claim.verdict == "better"]
    beaten = {claim.b for claim in wins}
    effects = {one.level: one.effect for one in analysis.marginals if one.factor == factor.name}
    ordered = sorted(factor.levels, key=lambda level: -effects[level])
    leading = [level for level in ordered if level not in beaten]
    if not wins:
        settled = all(claim.verdict in ("tie", "equivalent") for claim in claims)
        if settled:
            return f"{averaged}, the {plural(factor.name)} are equivalent."
        return f"{averaged}, no two {plural(factor.name)} are told apart."
    if not leading:
        return f"{averaged}, no {level_of(factor.name)} leads: each is beaten by another."
    by = _by([claim for claim in wins if claim.a in leading], analysis.scale)
    losers = joined([level for level in ordered if level in beaten], MOST_NAMED)
    verb = "beats" if len(leading) == 1 else "lead and beat"
    return f"{averaged}, {joined(leading, MOST_NAMED)} {verb} {losers}{by}."


def _by(wins: Sequence[Comparison], scale: str) -> str:
    """Write by how much levels win: between which effects, or the interval of a single one."""
    effects = [claim.effect for claim in wins]
    if len(wins) == 1:
        return f" (95 % interval {span(wins[0].low, wins[0].high, scale)})"
    return f" ({span(min(effects), max(effects), scale)})"


def trend_sentence(one: Trend, analysis: Analysis, label: str) -> str:
    """Say whether scores rise or fall along an ordered factor. label: what is measured."""
    what = label or "the score"
    within = f" with {one.within}" if one.within and not _is_number(one.within) else ""
    within = f" at {one.within}" if one.within and not within else within
    range_ = f"from {one.first} to {one.last}"
    start = f"{where_words(analysis)[:1].upper()}{where_words(analysis)[1:]}"
    if one.verdict == "too_few":
        few = f"{counted(one.n, analysis.unit)} {'is' if one.n == 1 else 'are'} too few"
        few = f"{start}, {few}" if analysis.where else few
        return f"{few} for a trend of {what}{within} {range_}."
    if one.verdict == "undecided":
        return f"{start}, no trend of {what} is shown{within} {range_} ({p_value(one.p)})."
    way = "better" if one.verdict == "falls" else "worse"
    sizes = (one.low, one.high) if one.verdict == "falls" else (-one.high, -one.low)
    text = span(*sizes, analysis.scale) if analysis.scale != "log" else _log_span(one)
    between = f", 95 % interval {text}" if text else ""
    return f"{start}, {what}{within} gets {way} {range_} (Page's trend test {p_value(one.p)}{between})."


def _log_span(one: Trend) -> str:
    """Write the interval of a trend of ratios, whichever way it goes."""
    return span(one.low, one.high, "log") if one.verdict == "falls" else span(one.high, one.low, "log")


def part_words(part: Part, unit: str) -> str:
    """Say what a part of the variance is: "the optimizer", "luck", "the optimizer with the data set"."""
    if part == (LUCK,):
        return "luck"
    names = [singular(unit) if name == DATA else name for name in part]
    if len(names) == 1:
        return f"the {names[0]}" if part[0] == DATA else the(names[0])
    return f"the interaction of {joined([*names[1:], names[0]] if part[0] == DATA else names)}"


def shares_sentence(shares: Sequence[Share], lead: Lead | None, unit: str, label: str, problems: int) -> str:
    """Say what matters most: which part makes the largest share of the variance of single trials."""
    ordered = sorted(shares, key=lambda one: -one.share)
    of = f" of {label}" if label else ""
    here = f"On these {counted(problems, unit)}" if problems > 1 else f"On this {singular(unit)}"
    named = [one for one in ordered if one.share >= LEAST_NAMED]
    first, *others = named
    if not others:
        return f"{here} {part_words(first.part, unit)} makes nearly all of the variance{of}."
    if lead is not None and lead.apart:
        first = next(one for one in shares if one.part == lead.first)
        rest = [one for one in named if one is not first]
        return (
            f"{here} {part_words(first.part, unit)} matters most: it makes {percent(first.share, 0)} of the "
            f"variance{of} (95 % interval {100 * first.low:.0f} to {100 * first.high:.0f} %)"
            f"{_rest(rest, unit)}."
        )
    second, *rest = others
    few = "" if lead is not None else ", as two seeds are too few for intervals"
    return (
        f"{here} it is not decided whether {part_words(first.part, unit)} or {part_words(second.part, unit)} "
        f"matters most{few}: they make {percent(first.share, 0)} and {percent(second.share, 0)} of the "
        f"variance{of}{_rest(rest, unit)}."
    )


def _rest(shares: Sequence[Share], unit: str) -> str:
    texts = [f"{part_words(one.part, unit)} ({percent(one.share, 0)})" for one in shares[:MOST_NAMED]]
    return f"; next comes {', then '.join(texts)}" if texts else ""


def left_out_sentence(analysis: Analysis) -> str:
    """Say which levels are no part of an analysis; "" where all are."""
    if not analysis.grid.left_out or analysis.note:
        return ""
    texts = [f"{one.level} ({one.reason})" for one in analysis.grid.left_out]
    verb = "is" if len(texts) == 1 else "are"
    return f"{joined(texts)} {verb} left out {where_words(analysis)}, as a factorial needs every combination."
