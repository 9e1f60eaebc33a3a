"""What every report begins with: the sentence, one figure, one table of arms with tiers."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from grammar import faults
from results_factory import make_results

from anncore.evidence.study import Study
from anncore.evidence.tiers import Pairing, tiers_of
from anncore.evidence.verdicts import Comparison
from anncore.report import summary, write_report
from anncore.report.build import build_report, plain
from anncore.report.standing import Standing, change, change_interval, standings
from anncore.report.tiers import _note, _sentence
from anncore.report.view import first_screen, lead_figure, sections
from anncore.report.words import selection_gap, selection_sentence


def made(**options: Any) -> dict[str, Any]:
    given = {"arms": ("sgd", "rmsprop", "adam"), "problems": ("xor", "iris"), "seeds": (100, 101, 102)}
    return dict(plain(build_report(make_results(**(given | options)), {})))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("first")
    results = make_results(
        arms=("sgd", "adam"), problems=("xor",), seeds=tuple(range(100, 110)), rates=(0.1,)
    )
    write_report(results, folder)
    return folder


@pytest.mark.slow
def test_page_and_markdown_begin_with_sentence_figure_and_arms(folder: Path) -> None:
    text = (folder / "report.md").read_text()
    places = [
        text.index(part) for part in ("\n**", "(figures/differences.png)", "| tier |", "\n- [Differences]")
    ]
    assert places == sorted(places)
    assert text.count("(figures/differences.png)") == 1
    page = (folder / "report.html").read_text()
    parts = (
        'class="headline"',
        "Dot plot of differences from",
        '<th scope="col" class="num">tier</th>',
        "<nav",
    )
    assert [page.index(part) for part in parts] == sorted(page.index(part) for part in parts)
    assert "SVG</a>" in page


@pytest.mark.parametrize(
    ("drawn", "success", "first"),
    [
        (("leaderboard", "differences", "interactions"), None, "differences"),
        (("leaderboard", "pairs_of_factors", "interactions"), None, "interactions"),
        (("heat_map", "leaderboard"), None, "leaderboard"),
        (("differences", "success_rates"), {}, "success_rates"),
        (("heat_map",), None, ""),
    ],
)
def test_where_the_first_figure_is_not_drawn_another_shows_the_sentence(
    drawn: tuple[str, ...], success: Any, first: str
) -> None:
    figure = lead_figure({"figures": [{"name": name} for name in drawn], "success": success})
    assert (figure or {"name": ""})["name"] == first


def test_the_terminal_begins_likewise() -> None:
    content = made()
    lines = summary(content, 200).splitlines()
    assert lines[0] == content["answer"]["headline"]
    assert lines[2].split()[:2] == ["optimizer", "tier"]


def test_sections_stand_in_the_order_in_which_doubts_arise() -> None:
    ids = [section.id for section in sections(made())]
    wanted = ["differences", "leaderboard", "data-sets", "sensitivity", "speed", "diagnostics"]
    assert [name for name in ids if name in wanted] == wanted
    assert ids[-3:] == ["methods", "provenance", "downloads"]


def test_long_tables_are_folded_and_failures_are_not() -> None:
    problems = tuple(f"set{i}" for i in range(14))
    content = made(problems=problems, status=lambda p, a, s: "failed" if a == "sgd" else "ok")
    tables = {table.name: table for section in sections(content) for table in section.tables}
    assert tables["times-to-target"].folded
    assert len(tables["failed-trials"].rows) > 12
    assert not tables["failed-trials"].folded
    assert not first_screen(content).tables[0].folded
    (boards,) = [section for section in sections(content) if section.id == "data-sets"]
    assert all(table.folded for part in boards.parts for table in part.tables)


def test_a_classification_shows_its_accuracy_beside_the_loss_and_says_what_is_judged() -> None:
    (table,) = first_screen(made()).tables
    assert "test accuracy" in table.header
    assert table.caption.startswith("By test loss.")
    assert (
        "Test accuracy, its mean over 2 data sets, is shown beside it and decides nothing." in table.caption
    )
    by_accuracy = first_screen(made(metric="valid_accuracy", goal="max")).tables[0]
    assert by_accuracy.caption.startswith("By test accuracy.")
    assert "test accuracy" not in by_accuracy.header
    regression = first_screen(made(regression=("xor", "iris"))).tables[0]
    assert "accuracy" not in " ".join(regression.header)


def test_an_arm_that_failed_has_no_tier_and_no_difference() -> None:
    content = made(problems=("xor",), status=lambda p, a, s: "failed" if (a, s) == ("sgd", 100) else "ok")
    (table,) = first_screen(content).tables
    (row,) = [row for row in table.rows if row[0].text == "sgd"]
    assert (row[1].text, row[3].text) == ("–", "–")
    assert "No tier: sgd (1 failed of 3 trials)." in table.caption


STANDING = Standing(0.0, 0.0, 0.0, "unit", "better", 10, None, better=False, floor=False)


@pytest.mark.parametrize(
    ("scale", "value", "low", "high", "said", "between"),
    [
        ("log", 0.0953102, 0.0487902, 0.1823216, "10 % higher", "5.0 to 20 % higher"),
        ("log", -0.6931472, -0.9162907, -0.5108256, "50 % lower", "40 to 60 % lower"),
        ("log", 0.0, -0.2231436, 0.0953102, "0 %", "20 % lower to 10 % higher"),
        ("unit", 0.008, 0.003, 0.013, "+0.80 points", "0.30 to 1.3"),
        ("unit", -0.008, -0.013, -0.003, "−0.80 points", "−1.3 to −0.30"),
        ("linear", 0.02, 0.01, 0.03, "+0.0200", "0.0100 to 0.0300"),
    ],
)
def test_differences_are_written_in_the_unit_that_a_reader_thinks_in(
    scale: str, value: float, low: float, high: float, said: str, between: str
) -> None:
    standing = STANDING._replace(value=value, low=low, high=high, scale=scale)
    assert (change(standing), change_interval(standing)) == (said, between)


def test_divergence_is_said_and_not_written_as_a_number() -> None:
    content = made(
        problems=("xor",),
        seeds=tuple(range(100, 112)),
        status=lambda p, a, s: "diverged" if a == "adam" else "ok",
    )
    assert change(standings(content, "xor")["adam"]) == "worse, by divergence"


def test_the_gap_of_shares_is_one_of_points() -> None:
    assert selection_gap(0.0657, "unit") == "+6.6 points"
    assert selection_gap(-0.0657, "unit") == "−6.6 points"
    content = made(metric="valid_accuracy", goal="max")
    assert content["selection_gap"]["scale"] == "unit"
    assert " points " in selection_sentence(content)


def test_a_comparison_of_metrics_without_a_common_unit_counts_pairs_alone() -> None:
    from anncore.evidence.sentences import sentence

    numbers: dict[str, Any] = {"n": 7, "wins": 7, "losses": 0, "ties": 0, "diverged": 0}
    claim = Comparison(
        where="", unit="data sets", a="a", b="b", verdict="better", **numbers, effect=0.068, low=0.01,
        high=0.09, scale="range", p=0.016, needed=None, comparisons=1,
    )  # fmt: skip
    assert sentence(claim) == "a beats b on 7 of 7 data sets (adjusted p = .016)."


@pytest.mark.parametrize("control", [None, "k"])
@pytest.mark.parametrize("wins", ["", "kl", "km lm", "kl lm mk", "kl lk", "kl lm mn no"])
def test_what_is_said_of_tiers_is_sound(wins: str, control: str | None) -> None:
    study = Study(make_results(arms=("a", "b"), problems=("xor", "iris"), seeds=(100,), rates=(0.1,)))
    arms = "klmno" if "n" in wins else "klm"
    better = [Pairing(win[0], win[1], "better") for win in wins.split()]
    known = {frozenset((pair.a, pair.b)) for pair in better}
    rest = [Pairing(a, b, "undecided") for a, b in combinations(arms, 2) if frozenset((a, b)) not in known]
    by_problem = {"xor": [*better[:1], *rest], "iris": better[1:]}
    for failed in ({}, {"m": "2 failed of 10 trials"}, dict.fromkeys(arms, "not all trials have run")):
        found = tiers_of(arms, [], by_problem, control, failed)
        for text in (f"{_sentence(found)}.", _note(found, study)):
            assert not text or faults(text) == [], text


@pytest.mark.parametrize(("number", "listed"), [(12, True), (13, False)])
def test_the_terminal_lists_no_more_problems_than_leave_the_answer_in_sight(
    number: int, listed: bool
) -> None:
    problems = tuple(f"problem_{place}" for place in range(number))
    text = summary(plain(build_report(make_results(problems=problems), {})), 100)
    assert ("problem_7 " in text) == listed
    assert (f"The scores on each of {number} data sets are in the report." in text) != listed
