"""Every sentence of a report: its grammar, over all branches of the code that writes it."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from grammar import faults
from reached import Reached
from results_factory import make_results
from sentence_worlds import TWO, tuned_score, worlds

from anncore.contract.trial import Split
from anncore.evidence import cautions, claim, headline, sentences, success_sentences, units, verdicts
from anncore.evidence.headline import Asked
from anncore.evidence.sentences import interval, number, p_value, size
from anncore.evidence.verdicts import Comparison, compare
from anncore.report import methods, methods_claims, methods_training, reach, success, words
from anncore.report.build import build_report, plain, problem_sentence
from anncore.report.export import trials_table
from anncore.report.terminal import summary
from anncore.report.view import Section, first_screen, sections, shown

WRITERS = [
    sentences,
    headline,
    cautions,
    verdicts,
    units,
    words,
    methods,
    methods_claims,
    methods_training,
    reach,
    success_sentences,
    success,
    claim,
]
SCALES = ("log", "unit", "linear", "range")


def sentences_of(content: dict[str, Any]) -> Iterator[str]:
    """Yield every sentence of a report."""
    yield content["answer"]["headline"]
    yield from (finding["text"] for finding in content["answer"]["findings"])
    yield from (warning["text"] for warning in content["answer"]["warnings"])
    for pairs in (content["comparisons"]["overall"], *content["comparisons"]["problems"].values()):
        yield from (pair["sentence"] for pair in pairs)
    yield from filter(None, content["comparisons"]["sentences"].values())
    times, levels = content["run_times"], content["levels"]
    if times is not None:
        yield from filter(None, [times["headline"]])
    yield from (row["sentence"] for row in (*levels["arms"], *levels["thresholds"].values()))
    yield from (row["sentence"] for row in content["risk"]["reversals"])
    if content["success"] is not None:
        compared = content["success"]["comparisons"]
        yield content["success"]["headline"]
        for rates in (compared["overall"], *compared["problems"].values()):
            yield from (rate["sentence"] for rate in rates)
    yield from (paragraph["text"] for paragraph in content["methods"]["paragraphs"])
    if content["tiers"]["sentence"]:
        yield f"{content['tiers']['sentence']}."
    yield from _of([first_screen(content), *sections(content)])


def _of(parts: Any) -> Iterator[str]:
    part: Section
    for part in parts:
        yield from part.paragraphs
        yield from (table.caption for table in part.tables)
        yield from _of(part.parts)


def cells(parts: Any) -> Iterator[str]:
    for part in parts:
        for table in part.tables:
            yield from (cell.text for row in table.rows for cell in row)
        yield from cells(part.parts)


def pair(**fields: Any) -> Comparison:
    return replace(_pair(), **fields)


@functools.cache
def _pair() -> Comparison:
    (claim,) = compare(pd.DataFrame({"x": [0.0] * 8, "y": [1.0] * 8}), where="p")
    return claim


def all_pairs() -> Iterator[Comparison]:
    """Yield comparisons of every verdict, on every scale, with effects of every size."""
    sizes = (0.0, 1e-7, 1e-4, 0.003, 0.2, 3.0, 40.0, -0.1, -4.0, math.inf, -math.inf, math.nan)
    kinds = ("better", "typical", "undecided", "equivalent", "tie", "too_few", "blocked")
    for scale, effect in itertools.product(SCALES, sizes):
        for low, high in (
            (effect, effect),
            (-0.2, 0.1),
            (0.1, math.inf),
            (-math.inf, 0.2),
            (0.1, 3.0),
            (-0.2, math.inf),
        ):
            yield pair(scale=scale, effect=effect, low=low, high=high)
        yield pair(scale=scale, effect=effect, low=-math.inf, high=math.inf, centre="median")
        yield pair(scale=scale, effect=effect, low=-math.inf, high=-0.1)
    for verdict, n, needed in itertools.product(kinds, (1, 2, 10), (6.0, 43.0, 999.5, 1e6, math.inf)):
        reason = "y: 1 failed of 8 trials" if verdict == "blocked" else ""
        unit = "data sets" if n == 2 else "seeds"
        yield pair(verdict=verdict, n=n, needed=needed, reason=reason, unit=unit, where="", wins=n, p=0.04)
    for scale, (low, high) in itertools.product(SCALES, ((-0.2, 0.1), (0.01, 0.02), (math.nan, math.nan))):
        own = {"scale": scale, "low": low, "high": high, "effect": 0.015}
        yield pair(verdict="equivalent", rope=0.03, **own)
        for verdict, mean in itertools.product(("typical", "undecided"), (-0.3, math.inf)):
            yield pair(verdict=verdict, mean=mean, mean_low=low, mean_high=high, needed=9.0, **own)
    few = {"x": [0.0, 0.1, math.nan], "y": [1.0, 2.0, 3.0]}
    yield from compare(pd.DataFrame(few), where="p")
    yield from compare(pd.DataFrame({"x": [0.0] * 3, "y": [math.nan] * 3}), where="p", sequential=True)
    yield from compare(pd.DataFrame({"x": [0.0] * 12, "y": [0.1, -0.1] * 6}), where="p", sequential=True)
    for n, unit in itertools.product((1, 3), ("seeds", "data sets")):  # neither ends with a number
        yield from compare(pd.DataFrame({"x": [math.inf] * n, "y": [math.inf] * n}), where="p", unit=unit)
    # Most seeds say x, and two that are far off turn the mean to y.
    gaps = [-1e6, -1e6, *np.linspace(1, 2, 28)]
    yield from compare(pd.DataFrame({"x": np.zeros(30), "y": gaps}), where="p")
    for ties, diverged, floor in ((1, 0, 0), (0, 2, 1), (2, 1, 3), (0, 0, 8)):
        yield pair(ties=ties, diverged=diverged, at_floor=floor)


@pytest.fixture(scope="module")
def reached() -> Reached:
    return Reached(WRITERS)


def test_every_sentence_of_every_report_is_sound_and_every_branch_is_looked_at(reached: Reached) -> None:
    wrong: dict[str, str] = {}
    with reached.watching():
        for name, results in worlds():
            content = plain(build_report(results, getattr(results, "meta", {})))
            for text in sentences_of(shown(content)):  # type: ignore[arg-type]
                wrong |= dict.fromkeys(faults(text), f"{name}: {text}")
            for text in cells(sections(content)):
                wrong |= {text: name} if text.strip() in ("nan", "None", "inf", "") else {}
            summary(content, 80)
            if len(results.trials):
                wrong |= dict.fromkeys(faults(trials_table(results.trials, content).caption), name)
        for claim in all_pairs():
            text = sentences.sentence(claim)
            wrong |= dict.fromkeys(faults(text), text)
            beyond = sentences.beyond_headline(claim)
            wrong |= dict.fromkeys(faults(beyond) if beyond else [], beyond)
            shown_cells = (
                words.effect(vars(claim)),
                words.effect_interval(vars(claim)),
                words.verdict(vars(claim)),
            )
            wrong |= {fault: text for text in shown_cells for fault in faults(f"{text}.")}
        wrong |= {fault: text for text in set(headlines()) for fault in faults(text)}
        values()
    assert wrong == {}
    assert reached.unreached() == []


def headlines() -> Iterator[str]:
    """Yield first sentences: of all verdicts between two and three arms, on one, a few and many data sets."""
    yield from _of_two_arms()
    directions = ((*"xy", *"xz", *"yz"), (*"xy", *"zx", *"yz"), (*"yx", *"zx", *"yz"))
    kinds = itertools.chain(
        itertools.product(("better", "typical", "undecided", "equivalent"), repeat=3),
        itertools.product(("tie", "too_few"), repeat=3),
    )
    scales = itertools.cycle((*SCALES, "log"))
    for (verdicts_, scale), names in itertools.product(zip(kinds, scales, strict=False), directions):
        own = {"scale": scale, "rope": None if scale == "range" else 0.01}
        claims = [
            replace(
                pair(a=a, b=b, verdict=verdict, needed=None if verdict == "typical" else 9.0, **own),
                **{"effect": effect, "low": effect - 0.1, "high": effect + 0.1},
            )
            for a, b, verdict, effect in zip(names[::2], names[1::2], verdicts_, (0.2, 0.4, 0.2), strict=True)
        ]
        yield from _answers(claims)
        yield problem_sentence(claims) or "."
    open_ = [pair(a=a, b=b, verdict="undecided", needed=9.0) for a, b in ("wx", "wy", "xy", "xz", "yz")]
    yield from _answers([pair(a="w", b="z"), *open_])
    yield from _answers([pair(a=a, b=b, effect=math.inf) for a, b in ("xy", "xz", "yz")])
    yield from _answers([pair(a=a, b=b, n=1, verdict="too_few", needed=7.0) for a, b in ("xy", "xz", "yz")])
    yield problem_sentence([pair(verdict="blocked", reason="y: 1 failed of 8 trials")])


def _of_two_arms() -> Iterator[str]:
    nothing = Asked((), (), {}, {}, "test loss", "data sets", "data sets")
    for arms in ((), ("x",), ("x", "y")):
        yield headline.headline(nothing._replace(arms=arms))
    finite: dict[str, Any] = {"effect": 0.2, "low": 0.1, "high": 0.3, "needed": 9.0}
    for verdict, scale in itertools.product(("better", "typical", "undecided"), SCALES):
        for more in (finite, {"effect": math.inf, "needed": 9.0}):
            yield from _answers([pair(verdict=verdict, scale=scale, **more)])
    for rope, scale in itertools.product((None, 0.01), SCALES[:3]):
        yield from _answers([pair(verdict="equivalent", scale=scale, rope=rope, **finite)])
    for verdict, n in itertools.product(("tie", "too_few", "blocked"), (1, 5)):
        yield from _answers([pair(verdict=verdict, n=n, wins=n, needed=6.0)])
    yield from _answers([pair(scale="log", at_floor=8)])


def _answers(claims: list[Comparison]) -> Iterator[str]:
    """Yield what the claims come to on one, on a few and over many data sets, with arms that failed."""
    arms = sorted({arm for c in claims for arm in (c.a, c.b)})
    ranks = {"x": 1.5, "y": 1.5}
    on_one = Asked(arms, [], {"p": claims}, ranks, "test loss", "data sets", "data sets")
    turned = [replace(c, a=c.b, b=c.a) for c in claims]
    for by_problem in ({"p": claims}, dict.fromkeys("pqr", claims), {"p": claims, "q": turned}):
        yield headline.headline(on_one._replace(by_problem=by_problem))
    over_all = [replace(c, unit="data sets", where="") for c in claims]
    yield headline.headline(on_one._replace(over_all=over_all, by_problem={"p": [], "q": []}, label=""))
    lost = [pair(a=arm, b="v", verdict="blocked", reason="v: 1 failed of 8 trials") for arm in arms]
    with_lost = on_one._replace(arms=[*arms, "v"], by_problem={"p": [*claims, *lost]})
    yield headline.headline(with_lost)
    with_x = [c for c in (*claims, *lost) if "x" in (c.a, c.b)]
    yield headline.headline(with_lost._replace(by_problem={"p": with_x}, control="x"))


def _methods_of_tables_suites_and_judged_scores() -> None:
    tables = {"a": {"split_column": "part"}, "b": {"group": "home"}, "use": "csv"}
    own = methods_training.own_splits(SimpleNamespace(document={"dataset": tables}))
    held = [
        methods_training.held_out(Split(valid=valid, test=test)) for valid, test in ((0.0, 0.2), (0.2, 0.0))
    ]
    raw = Split(standardize=False)
    apart = methods_training.divided_otherwise([(raw, ["xor"]), (Split(valid=0.1), ["iris", "wine"])], False)
    results = make_results()
    content = build_report(results, {})
    used = {"name": "core", "version": 2, "package": "annx", "release": "0.1.0", "digest": "0" * 16}
    used |= {"problems": 2, "of": 2, "groups": {"xor": "rules", "iris": "tables"}}
    titles = [
        paragraph["title"]
        for paragraph in methods.describe({**content, "suite": used}, results.experiment)["paragraphs"]
    ]
    assert titles[1] == "Suite"
    boards = {"problems": {"xor": [{"n": 3}, {"n": 4}]}}
    judged = {**content, "leaderboard": boards, "provenance": {"judged": {"notes": []}}}
    origin = [text for _, text in methods._origin(judged)]
    assert "3 to 4 seeds" in origin[0]
    assert [faults(f"{text.strip().rstrip('.')}.") for text in (own, *held, apart, *origin)] == [[]] * 5


def values() -> None:
    """Look at what only other callers ask for."""
    assert repr(pair()).startswith("<Comparison of x and y")
    assert "all seeds" in repr(pair(where="", p=None))
    many = methods_claims.signed_rank_test(10**6)
    assert faults(f"{many}.") == []
    assert (sentences.percent(math.nan), sentences.pair_percent(math.nan)) == ("–", "–")
    # exp(800) = 10^(800 / ln 10) = 10^347.4356 = 2.7e347, beyond the largest float
    assert size(800.0, "log") == "2.7e347 times lower"
    assert units.said_of("On which data set?", "functions") == "On which function?"
    assert words.profile_cells({"score": 0.5, "low": None, "high": None}) == ["0.50", "–"]
    assert words.metric({"metrics": {"test_f1": 0.5}, "medians": ["test_f1"]}, "test_f1") == "0.500 (median)"
    assert headline._beaten([], ["x"], ["y"]) == "is beaten by at least one arm"
    _methods_of_tables_suites_and_judged_scores()
    experiment = make_results(("x", "y"), ("one",), (1, 2)).experiment
    for engine in ("auto", "lanes"):
        own = replace(experiment, train=replace(experiment.train, engine=engine))
        text = methods_training.training_text(own)
        assert "by the engine 'lanes'" in text
        assert faults(text) == []
    lonely = {"over": "seeds", "pairs": []}
    assert words.improvement_table(lonely, [*"abcdefghi"], "data sets")[2][0] == ["b", "–", "–"]
    choice = {"tune_score": -2.0, "fresh_score": -1.0, "n_ok": 1, "n": 1}
    assert words.gap_of(choice, "linear", "min") == 1.0
    assert [number(x) for x in (math.inf, -math.inf, math.nan, 1.9e-7, 0.0)] == [
        "∞",
        "−∞",
        "–",
        "1.9e−7",
        "0",
    ]
    assert [sentences.short(x) for x in (0.25, 1e-7, math.inf, 100.0)] == ["0.25", "1e−7", "∞", "100"]
    assert [p_value(p) for p in (None, 1e-9, 0.04, 1.0)] == ["–", "p < .001", "p = .040", "p = 1"]
    assert sentences.joined(list("abcdefgh")) == "a, b, c, d, e and 3 others"
    assert [sentences.about(n) for n in (None, 7.2, 123.0, 5000.0)] == [
        *("more than 1000", "8", "130", "more than 1000")
    ]
    guesses = ((7.0, None, None), (None, None, None), (5.0, 2000.0, math.inf), (30.0, 20.0, 90.0))
    assert [
        sentences.needed_pairs(*guess) for guess in (*guesses, (30.0, 20.0, 2e3), (31.0, 30.2, 30.9))
    ] == [*("about 7", "more than 1000", "more than 1000", "20 to 90", "20 or more", "about 31")]
    # e^0.00995 - 1 = 1.0 %
    worth = [sentences.worth_words(*least) for least in ((0.00995, "log"), (0.01, "unit"), (0.02, "linear"))]
    assert worth == ["1 %", "1 point", "0.02"]
    assert sentences.worth_words(0.005, "unit") == "0.5 points"
    ends = ((-0.004, 0.011, "unit"), (0.1, math.inf, "unit"), (math.nan, 1.0, "unit"), (1.0, 2.0, "linear"))
    assert [sentences.span(*end) for end in ends] == [
        *("−0.40 to 1.1 points", "at least 10 points", "", "1.00 to 2.00")
    ]


@pytest.mark.parametrize(
    ("scale", "value", "text"),
    [
        ("log", 1.9e-7, "less than 0.1 % lower"),
        ("log", 0.0, "0 %"),
        ("log", -1.9e-7, "less than 0.1 % higher"),
        ("unit", 1.9e-7, "less than 0.01 points"),
        ("unit", 0.0123, "1.2 points"),
        ("range", 1.9e-7, "less than 0.01 % of the arms' range"),
        ("linear", 0.0109, "0.0109"),
    ],
)
def test_an_effect_next_to_nothing_is_said_so(scale: str, value: float, text: str) -> None:
    assert size(value, scale) == text


def test_the_selection_gap_has_a_word_of_comparison_on_every_scale() -> None:
    accuracy = {"metric": "valid_accuracy", "goal": "max", "regression": ()}
    by_scale = {
        "linear": tuned_score(make_results(**{**TWO, **accuracy}), 1.0, 0.0109),
        "log": tuned_score(make_results(**TWO), 1 / 1.25),
        "log, times": tuned_score(make_results(**TWO), 0.01),
    }
    said = {}
    for name, results in by_scale.items():
        warnings = build_report(results, {})["answer"]["warnings"]
        (said[name],) = [warning["text"] for warning in warnings if warning["kind"] == "selection_gap"]
    start = "On fresh seeds the validation score of the chosen configurations is "
    end = (
        " than when they were chosen (mean of 4 choices): part of it was luck. Every number here comes from "
    )
    end += "fresh seeds."
    assert said == {
        "linear": f"{start}1.1 points worse{end}",
        "log": f"{start}25 % higher{end}",
        "log, times": f"{start}100 times higher{end}",
    }


def test_an_interval_keeps_its_unit() -> None:
    assert interval(1e-7, 0.05, "unit") == "less than 0.01 to 5.0"
    assert interval(1e-7, 0.05, "log") == "less than 0.1 to 4.9 % lower"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("The score is 0.0109 than when they were chosen.", "than without a comparison"),
        ("There is  a hole.", "two spaces"),
        ("It has 1 trials.", "one of several"),
        ("1 of 3 trials have not run.", "one with a verb of several"),
        ("12 seeds is too few.", "several with a verb of one"),
        ("It is an better arm.", "an before a consonant"),
        ("It is a optimizer.", "a before a vowel"),
        ("The gain is nan points.", "a value that is none"),
        ("The gain is {gain}.", "a value that is none"),
        ("The gain is 1.9e-5 %.", "a number nobody formatted"),
        ("It beats adam on .", "a stray sign"),
        ("It beats the the others.", "a word twice"),
        ("It has no end", "does not end with .?"),
        ("It (adam is best.", "parentheses do not match"),
    ],
)
def test_the_grammar_finds_what_is_wrong(text: str, fault: str) -> None:
    assert [said.partition(":")[0] for said in faults(text)][:1] == [fault]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e-300, "less than 0.1 % lower"),
        (-1e-300, "less than 0.1 % higher"),
        (-0.0, "0 %"),
        (1000.0, "2.0e434 times lower"),  # e^1000 = 1.970e434
        (-1454.0, "2.9e631 times higher"),  # e^1454, the widest ratio of two floats, is 2.911e631
        (math.log(10) * 800 - 1e-9, "1.0e800 times lower"),
    ],
)
def test_a_ratio_is_said_however_small_or_large(value: float, text: str) -> None:
    assert size(value, "log") == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.575, "58 %"),
        (0.425, "42 %"),
        (0.625, "63 %"),
        (0.375, "37 %"),
        (0.5, "50 %"),
        (0.999, "99 %"),
        (0.001, "1 %"),
        (1.0, "100 %"),
        (0.0, "0 %"),
        (math.nan, "–"),
    ],
)
def test_the_shares_of_a_pair_add_up_and_always_is_always(share: float, text: str) -> None:
    assert sentences.pair_percent(share) == text


def test_an_interval_is_in_the_unit_of_its_size() -> None:
    assert interval(0.2, 0.345, "range") == "20 to 34 %"
    assert interval(1.0, 1.0, "range") == "100 to 100 %"
    assert interval(0.01, 0.02, "unit") == "1.0 to 2.0"
