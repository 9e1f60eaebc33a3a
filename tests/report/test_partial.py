"""Reports on a part of a sweep: every table and figure, and the words for trials that have not run."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from report_schema import complaints
from shipped import REGISTRY
from sweep_factory import TUNED, load

from anncore.contract.trial import PlannedRow
from anncore.evidence.csv_text import to_csv
from anncore.evidence.results import Results
from anncore.report.build import build_report, plain
from anncore.report.export import leaderboard, trials_table
from anncore.report.html import render_html
from anncore.report.latex import render_table, render_tables
from anncore.report.markdown import render_markdown
from anncore.report.terminal import summary
from anncore.report.tiers import arms_table
from anncore.report.write import NotDrawn, figures_of
from anncore.running.run_folder import load_run
from anncore.running.store import Store
from anncore.running.sweep import sweep
from anncore.testing.made_up import WATCHED, MadeUp

EVERYTHING = type(REGISTRY)((*REGISTRY.components, *WATCHED), REGISTRY.plugins)
WAY_OUT = "'annx sweep' of this experiment into this folder runs what is missing."
SMALL: dict[str, Any] = {
    "arms": ("sgd", "adam"),
    "problems": ("near", "far"),
    "seeds": (100, 101),
    "tune_seeds": (0,),
    "rates": (0.1, 1.0),
    "regression": (),
    "steps": 40,
    "whole": True,
    "registry": EVERYTHING,
}
MORE = {"arms": ("sgd", "momentum", "adam"), "regression": ("far",)}
SWEEPS = {
    "networks": MadeUp(**(SMALL | MORE)),
    "functions": MadeUp(**(SMALL | {"functions": True})),
    "untuned": MadeUp(**(SMALL | {"tune_seeds": ()})),
}
DRAWN = {  # three rates, for the figures that ask for that many
    "networks": MadeUp(**(SMALL | MORE | {"rates": (0.01, 0.1, 1.0)})),
    "functions": MadeUp(**(SMALL | {"functions": True, "rates": (0.01, 0.1, 1.0)})),
}
ENDED_BADLY = re.compile(r"failed \d|\d failed|\brerun\b|--retry-failed|did not finish")


@cache
def planned(name: str) -> tuple[PlannedRow, ...]:
    rows = SWEEPS[name].results().planned
    assert rows is not None
    return rows


def part(name: str, rows: Iterator[PlannedRow] | list[PlannedRow] | tuple[PlannedRow, ...]) -> Results:
    keys = {row.key for row in rows}
    return SWEEPS[name].results(lambda row: row.key in keys)


def pages_of(results: Results, content: dict[str, Any]) -> dict[str, str]:
    """Return every view of a report as text."""
    shown = plain(content)
    pages = {
        "json": str(shown),
        "md": render_markdown(shown),
        "html": render_html(shown, {}),
        "terminal": summary(shown, 100),
        "latex": "\n".join(text for _, text in render_tables(shown)),
        "csv": to_csv(leaderboard(results)).decode(),
    }
    if len(results.trials):
        pages["latex trials"] = render_table(trials_table(results.trials, shown), shown, "trials")
    return pages


def check(name: str, results: Results, views: bool = True) -> dict[str, Any]:
    """Build all of a report but its figures, and check the words for what has not run."""
    content = build_report(results, {})
    whole = _whole(name)
    assert [content[key] for key in ("arms", "problems", "data_sets", "unit")] == [
        whole[key] for key in ("arms", "problems", "data_sets", "unit")
    ]
    ran = results.trials[results.trials["phase"] == "report"].groupby("problem").size().to_dict()
    trials = len(SWEEPS[name].seeds) * len(whole["arms"])
    for problem, board in content["leaderboard"]["problems"].items():
        assert sum(row["not_run"] for row in board) == trials - ran.get(problem, 0)
        assert sum(row["left_out"] for row in board) == 0
        for row in board:
            assert row["n"] == row["ok"] + row["diverged"] + row["blocked"]
            assert (f"{row['not_run']}/{row['n']} not run" in row["status"]) == (row["not_run"] > 0)
    counts = content["counts"]
    left = len(planned(name)) - len(results.trials)
    assert counts["tune_not_run"] + counts["report_not_run"] == left
    if not views:
        return content
    assert complaints(plain(content)) == []
    for page, text in pages_of(results, content).items():
        assert not ENDED_BADLY.search(text), (page, ENDED_BADLY.search(text))
        if counts["report_not_run"] and page not in ("csv", "latex trials"):
            assert "not run" in text, page
        if not left:
            assert "not run" not in text.replace("crashed, timed out or have not run", ""), page
    return content


@cache
def _whole(name: str) -> dict[str, Any]:
    return build_report(SWEEPS[name].results(), {})


@pytest.mark.parametrize("name", SWEEPS)
def test_every_prefix_of_a_plan_has_its_report(name: str) -> None:
    rows = planned(name)
    for length in range(len(rows) + 1):
        check(name, part(name, rows[:length]), views=length % 3 == 0)


@pytest.mark.parametrize("name", SWEEPS)
def test_random_parts_of_a_plan_have_their_report(name: str) -> None:
    rng = random.Random(7)
    for _ in range(3):
        rows = [row for row in planned(name) if rng.random() < 0.6]
        check(name, part(name, rows))


@pytest.mark.parametrize("name", DRAWN)
def test_every_figure_draws_a_part_of_a_sweep_or_says_why_not(name: str) -> None:
    figures = {component.name for component in REGISTRY.of_kind("figure")}
    rows = DRAWN[name].results().planned or ()
    tune, report = (sum(row.phase == phase for row in rows) for phase in ("tune", "report"))
    # Nothing, tuning under way, the first trial of the report, one data set and a half of the other.
    for length in (0, tune // 2, tune + 1, tune + 3 * report // 4):
        keys = {row.key for row in rows[:length]}
        results = DRAWN[name].results(lambda row, kept=keys: row.key in kept)  # type: ignore[misc]
        content = build_report(results, {})
        names = set()
        for component, drawing in figures_of(results, content):
            names.add(component.name)
            if isinstance(drawing, NotDrawn):
                assert not drawing.failed, (length, component.name, drawing.reason)
                assert re.fullmatch(r"[A-Z][^{}]+\.", drawing.reason), drawing.reason
            else:
                assert drawing.title, component.name
        assert names == figures


def test_a_sweep_cut_short_ranks_nobody_and_says_how_to_go_on() -> None:
    rows = planned("networks")
    content = check("networks", part("networks", rows[:-1]))
    answer = content["answer"]
    assert answer["headline"] == "11 of 12 report trials have run; no arm is ranked until all have."
    (text,) = [warning["text"] for warning in answer["warnings"] if warning["kind"] == "incomplete"]
    assert text == f"1 of 12 report trials has not run. {WAY_OUT}"
    board = {row["arm"]: row for row in content["leaderboard"]["overall"]}
    assert board["adam"]["not_run"] == 1
    assert [row["wins"] for row in board.values()] != [0, 0, 0]  # the first data set is whole
    assert sum(row["wins"] for row in board.values()) == 1
    _, header, cells = arms_table(content)
    row = dict(zip(header, next(row for row in cells if row[0] == "adam"), strict=True))
    assert (row["mean rank"], row["tier"], row["not run"]) == ("–", "–", "1")
    assert "failed" not in row


def test_tuning_that_is_not_finished_is_no_unequal_budget() -> None:
    rows = planned("networks")
    content = check("networks", part("networks", rows[:4]))
    (incomplete, *others) = content["answer"]["warnings"]
    assert not {"unequal_budgets", "confounded"} & {warning["kind"] for warning in others}
    assert incomplete["text"] == (f"8 of 12 tuning trials and 12 of 12 report trials have not run. {WAY_OUT}")


def test_failed_and_not_run_are_two_words() -> None:
    def status(problem: str, arm: str, seed: int) -> Any:
        return "failed" if (problem, arm) == ("near", "sgd") else "ok"

    made = MadeUp(status=status, **(SMALL | {"seeds": (100, 101, 102, 103)}))
    rows = made.results().planned or ()
    keys = {row.key for row in rows if row.phase == "tune" or (row.seed != 103 and row.problem == "near")}
    results = made.results(lambda row: row.key in keys)
    content = build_report(results, {})
    text = render_markdown(plain(content))
    assert "failed 3/4, not run 1/4" in text
    assert re.search(r"\d \(1 not run\)", text)
    assert "not run 4/4" in text
    assert content["answer"]["headline"] == "6 of 16 report trials have run; no arm is ranked until all have."
    board = {row["arm"]: row["status"] for row in content["leaderboard"]["problems"]["near"]}
    assert board == {"sgd": "3/4 failed, 1/4 not run", "adam": "1/4 not run"}


def test_a_run_folder_that_lost_trials_knows_what_has_not_run(tmp_path: Path) -> None:
    sweep(load(tmp_path, TUNED), out=tmp_path / "run", executor="serial", jobs=1)
    whole = load_run(tmp_path / "run")
    assert whole.missing == 0
    last = whole.trials["key"].to_list()[-2:]
    with Store(tmp_path / "run" / "trials.sqlite") as store:
        store.delete(last)
    results = load_run(tmp_path / "run")
    content = build_report(results, {})
    assert results.missing == content["counts"]["report_not_run"] == 2
    assert content["arms"] == ["sgd", "adam"]
    rows = {row["arm"]: row["not_run"] for row in content["leaderboard"]["problems"]["xor"]}
    assert rows == {"sgd": 0, "adam": 2}
