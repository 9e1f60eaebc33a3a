"""Speed, budget and probability of improvement in the report: numbers counted by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from results_factory import make_results

from anncore import load_experiment, sweep
from anncore.report.build import build_report, plain
from anncore.report.html import render_html
from anncore.report.latex import render_tables
from anncore.report.markdown import render_markdown
from anncore.report.view import sections
from anncore.report.words import budget_sentence, speed_sentence


def steady(**options: Any) -> Any:
    """Return two arms on two data sets whose curves fall by hand: fast reaches 0.5 at 10, slow at 30."""
    results = make_results(("fast", "slow"), ("near", "far"), (100, 101, 102), **({"steps": 40} | options))
    tune = results.trials["phase"] == "tune"
    results.trials.loc[tune, ["status", "valid_loss"]] = ["ok", 0.5]
    parts = []
    for row in results.trials[results.trials["phase"] == "report"].to_dict("records"):
        values = {"fast": [1.0, 0.5, 0.4, 0.4, 0.4], "slow": [1.0, 0.9, 0.8, 0.5, 0.5]}[row["arm"]]
        if (row["problem"], row["arm"]) == ("far", "slow"):
            values = [1.0] * 5
        row_of = {"key": row["key"], "step": range(0, 50, 10), "metric": "valid_loss", "value": values}
        parts.append(pd.DataFrame(row_of))
    results = replace(results, curves=pd.concat(parts, ignore_index=True))
    return results


def test_times_to_target_are_medians_and_a_miss_is_never() -> None:
    content = plain(build_report(steady(), {}))
    speed = content["speed"]
    # All tuned to 0.5 from 1: a tenth of the way back, by ratios.
    assert [(t["problem"], t["target"], t["origin"]) for t in speed["targets"]] == [
        ("near", pytest.approx(0.5**0.9), "tuning"),
        ("far", pytest.approx(0.5**0.9), "tuning"),
    ]
    steps = {(row["problem"], row["arm"]): (row["steps"], row["reached"], row["n"]) for row in speed["times"]}
    assert steps == {
        ("near", "fast"): (10, 3, 3),
        ("near", "slow"): (30, 3, 3),
        ("far", "fast"): (10, 3, 3),
        ("far", "slow"): (None, 0, 3),
    }
    # slow is within 3 times on one of two: half of the way from 3 to 4, over 3 = 1/6, by trapezoids.
    scores = {row["arm"]: row["score"] for row in speed["scores"]}
    assert scores["fast"] == pytest.approx(1.0)
    assert scores["slow"] == pytest.approx(1 / 6, abs=0.01)
    assert speed_sentence(content) == "Of 2 data sets, soonest at the target, ties included: fast on 2."
    text = render_markdown(content)
    assert "| far | slow | 0.536 | never | never | never | 0/3 |" in text
    assert "| near | slow | 0.536 | 30 | 30 |" in text


def test_a_target_met_at_once_counts_as_one_step() -> None:
    content = build_report(steady(report={"target": 2.0}), {})
    assert {row["steps"] for row in content["speed"]["times"]} == {1.0}
    texts = {paragraph["title"]: paragraph["text"] for paragraph in content["methods"]["paragraphs"]}
    assert "the experiment file names it" in texts["Speed"]


MAE = """\
# Who is fast by the mean absolute error?
vary = ["optimizer"]
train = { steps = 20, eval_every = 10, batch_size = 16 }
seeds = { tune = [0, 1, 2], report = [100, 101] }
dataset.sine.n = 60
network.mlp.hidden = [[4]]
optimizer.sgd.lr = [0.01, 0.1]
optimizer.adam.lr = [0.01, 0.1]
"""


def test_a_metric_that_no_curve_has_is_recorded_where_it_chooses_and_only_there(tmp_path: Path) -> None:
    results = {}
    for name, select in (("loss", ""), ("mae", 'select.metric = "valid_mae"\n')):
        (tmp_path / f"{name}.toml").write_text(MAE.replace("dataset.", f"{select}dataset."))
        experiment = load_experiment(tmp_path / f"{name}.toml")
        results[name] = sweep(experiment, out=tmp_path / name, executor="serial")
    by_loss, by_mae = (set(results_of.curves["metric"]) for results_of in results.values())
    assert by_mae - by_loss == {"valid_mae"}
    tune = [results_of.trials[results_of.trials["phase"] == "tune"] for results_of in results.values()]
    assert not set(tune[0]["key"]) & set(tune[1]["key"])
    for column in ("train_loss", "valid_loss", "valid_mae"):  # the numbers are the same to the last bit
        assert tune[0][column].to_list() == tune[1][column].to_list()
    speed = build_report(results["mae"], {})["speed"]
    mine = results["mae"]
    chosen = mine.trials.merge(mine.selection[["arm", "config"]], on=["arm", "config"])
    curves = mine.curves[mine.curves["metric"] == "valid_mae"].groupby("key")["value"].min()
    own = chosen[chosen["phase"] == "tune"].assign(best=chosen["key"].map(curves)).groupby("arm")["best"]
    # Of two arms the worse one, a tenth of the way back to where training starts.
    begun = mine.curves[(mine.curves["metric"] == "valid_mae") & (mine.curves["step"] == 0)]
    begun = mine.trials[mine.trials["phase"] == "tune"].merge(begun, on="key").groupby("arm")["value"]
    expected = begun.median().median() ** 0.1 * own.median().max() ** 0.9
    assert speed["targets"][0]["target"] == pytest.approx(expected)
    assert {row["n"] for row in speed["times"]} == {2}


def test_without_curves_nothing_is_said_of_speed() -> None:
    results = steady()
    results = replace(results, curves=results.curves.iloc[:0])
    content = plain(build_report(results, {}))
    assert content["speed"] is None
    assert "speed" not in {section.id for section in sections(content)}


def budgeted() -> Any:
    """Return two arms tuned over four rates with one seed; scores 4, 3, 2, 1 and 2.4 throughout."""
    results = make_results(("wide", "flat"), ("set",), (100, 101), (0,), steps=10)
    tune = results.trials["phase"] == "tune"
    results.trials.loc[tune, "status"] = "ok"
    for arm, values in (("wide", [4.0, 3.0, 2.0, 1.0]), ("flat", [2.4] * 4)):
        results.trials.loc[tune & (results.trials["arm"] == arm), "valid_loss"] = values
    return results


def test_a_budget_buys_the_mean_of_the_best_of_all_subsets() -> None:
    content = plain(build_report(budgeted(), {}))
    wide, flat = ([point["expected"] for point in row["points"]] for row in content["budget"])
    # of 4, 3, 2, 1: mean 2.5; pairs' best 3, 2, 1, 2, 1, 1 = 10/6; all four 1
    assert wide == pytest.approx([2.5, 10 / 6, 1.0])
    assert flat == pytest.approx([2.4] * 3)
    assert [point["k"] for point in content["budget"][0]["points"]] == [1, 2, 4]
    assert budget_sentence(content) == (
        "Of 1 data set, expected best on validation with one configuration each: flat on 1; with 4 each: "
        "wide on 1."
    )
    assert "| set | wide | 2.50 | 1.67 | 1.00 |" in render_markdown(content)


def test_what_may_hold_no_configuration_that_finished_is_a_dash() -> None:
    results = budgeted()
    first = results.trials[(results.trials["phase"] == "tune") & (results.trials["arm"] == "wide")].index[0]
    results.trials.loc[first, ["status", "valid_loss"]] = ["diverged", math.nan]
    text = render_markdown(plain(build_report(results, {})))
    assert "| set | wide | – | 1.67 | 1.00 |" in text  # pairs' best: 3, 2, 1, 2, 1, 1 again


def chosen(goal: str, *scores: tuple[float, float]) -> Any:
    """Return arms on one set that scored so on the tuning seeds and, as chosen, on the fresh ones."""
    metric = "valid_loss" if goal == "min" else "valid_accuracy"
    arms = tuple(f"arm{i}" for i in range(len(scores)))
    results = make_results(arms, ("set",), (100, 101), (0, 1), metric=metric, goal=goal, steps=10)
    results = replace(results, selection=results.selection.assign(configs=4, edge="", fresh_score=math.nan))
    for arm, (tuned, fresh) in zip(arms, scores, strict=True):
        for phase, score in (("tune", tuned), ("report", fresh)):
            mine = (results.trials["arm"] == arm) & (results.trials["phase"] == phase)
            results.trials.loc[mine, ["status", metric]] = ["ok", score]
        mine = results.selection["arm"] == arm
        results.selection.loc[mine, ["tune_score", "fresh_score"]] = [tuned, fresh]
    return results


def choices(results: Any) -> tuple[str, list[list[str]]]:
    """Return the sentence on what tuning chose, and its table's score and gap cells."""
    content = plain(build_report(results, {}))
    (section,) = [section for section in sections(content) if section.id == "sensitivity"]
    (table,) = [table for table in section.tables if table.name == "selection"]
    said = [text for text in section.paragraphs if "chosen" in text]
    assert table.header[4:7] == ["on tuning seeds", "on fresh seeds", "gap"]
    assert table.numeric[4:7] == (True, True, True)
    return "".join(said), [[cell.text for cell in row[4:7]] for row in table.rows]


def test_the_gap_between_tuning_and_fresh_score_is_shown_for_every_choice() -> None:
    said, rows = choices(chosen("min", (0.5, 0.6), (0.5, 0.45), (0.5, 8.0), (0.5, 0.5)))
    assert rows == [
        ["0.500", "0.600", "+20.0 %"],
        ["0.500", "0.450", "−10.0 %"],
        ["0.500", "8.00", "16 times"],
        ["0.500", "0.500", "0.0 %"],
    ]
    # it sorts by the logarithms, though 16 is less than 20
    results = chosen("min", (0.5, 0.6), (0.5, 8.0))
    (table,) = [
        table
        for section in sections(plain(build_report(results, {})))
        for table in section.tables
        if table.name == "selection"
    ]
    assert [row[6].sort for row in table.rows] == pytest.approx([math.log(1.2), math.log(16)])
    # the fourth root of 1.2 x 0.9 x 16 x 1 is 2.039
    assert said == (
        "On fresh seeds the validation loss of the chosen configurations is on average 104 % higher than on "
        "the seeds they were chosen by (mean of 4 choices)."
    )


def test_of_a_score_that_should_be_high_the_gap_is_positive_where_the_fresh_one_is_lower() -> None:
    said, rows = choices(chosen("max", (0.9, 0.85), (0.8, 0.81)))
    assert rows == [["90.0 %", "85.0 %", "+5.0 points"], ["80.0 %", "81.0 %", "−1.0 points"]]
    assert "is on average 2.0 points worse than on the seeds" in said
    assert "is on average no different than on the seeds" in choices(chosen("max", (0.5, 0.5)))[0]
    assert "is on average 20 % lower than on the seeds" in choices(chosen("min", (0.5, 0.4)))[0]


def test_a_choice_that_lost_a_tuning_seed_has_no_gap() -> None:
    results = chosen("min", (0.5, 0.6), (0.5, 0.6))
    results.selection.loc[0, "n_ok"] = 1
    results.selection.loc[1, "fresh_score"] = math.nan
    assert [row[2] for row in choices(results)[1]] == ["–", "–"]
    results.selection["n_ok"] = 0
    results.selection["tune_score"] = math.nan
    assert choices(results) == ("", [["–", "0.600", "–"], ["–", "–", "–"]])


def test_the_table_of_a_real_sweep_is_in_every_view_with_the_trials_own_means(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text(
        'vary = ["optimizer"]\ntrain = { steps = 6, eval_every = 3 }\nobjective.beale = {}\n'
        "seeds = { tune = [0, 1], report = [100, 101] }\noptimizer.sgd.lr = [1e-4, 1e-3]\n"
    )
    results = sweep(load_experiment(tmp_path / "x.toml"), out=tmp_path / "run", executor="serial")
    content = plain(build_report(results, {}))
    trials = results.trials
    (row,) = content["selection"]
    mean = trials[trials["config"] == row["config"]].groupby("phase")["valid_loss"].mean()
    cells = f"| beale | sgd | {row['config']} | 2 | {mean['tune']:.4g} | {mean['report']:.4g} |"
    wanted = [float(cell) for cell in cells.split("|")[5:7]]
    (table,) = [
        line for line in render_markdown(content).splitlines() if line.startswith("| beale | sgd | lr")
    ]
    assert [float(cell) for cell in table.split("|")[5:7]] == pytest.approx(wanted, rel=5e-3)
    assert "| function | arm | chosen | of | on tuning seeds | on fresh seeds | gap | at the edge |" in (
        render_markdown(content)
    )
    page = render_html(content, {})
    assert "<caption>What tuning chose, by function value: " in page
    assert f"<td>{row['config']}</td>" in page
    names = [name for name, _ in render_tables(content)]
    assert names.count("selection") == 1


def test_an_untuned_sweep_says_nothing_of_choices() -> None:
    content = plain(build_report(make_results(problems=("xor",), tune_seeds=(), rates=(0.1,)), {}))
    assert "on fresh seeds | gap" not in render_markdown(content)


def scored(arms: tuple[str, ...], problems: tuple[str, ...], better: Any) -> Any:
    return make_results(
        arms, problems, tuple(range(100, 104)), (), (0.1,), score=better, steps=10, regression=()
    )


def test_probability_of_improvement_counts_seeds() -> None:
    # a beats b on 3 of 4 seeds of one set, and on 4 of 4 of the other: 87.5 % on average.
    def score(problem: str, arm: str, seed: int) -> float:
        lucky = problem == "one" and seed == 103
        return {"a": 1.0, "b": 0.5 if lucky else 2.0}[arm]

    content = plain(build_report(scored(("a", "b"), ("one", "two"), score), {}))
    pairs = {(pair["a"], pair["b"]): pair["probability"] for pair in content["improvement"]["pairs"]}
    assert pairs == {("a", "b"): 0.875, ("b", "a"): 0.125}
    assert content["improvement"]["over"] == "data sets"
    text = render_markdown(content)
    assert "| a | – | 88 % |" in text
    assert "nothing is adjusted for the number of pairs" in text


def test_of_many_arms_the_best_is_held_against_each() -> None:
    arms = tuple(f"arm{i}" for i in range(10))
    content = plain(build_report(scored(arms, ("one",), lambda p, a, s: 1.0 + int(a[3:])), {}))
    text = render_markdown(content)
    assert "How often arm0 beats each other arm on a seed" in text
    assert "| arm9 | 100 % | – |" in text


def test_sections_keep_the_order_of_a_report() -> None:
    content = plain(build_report(make_results(problems=("two_moons", "sine")), {}))
    names = [section.id for section in sections(content)]
    assert names == [
        *("differences", "leaderboard", "data-sets", "sensitivity", "speed", "diagnostics"),
        *("methods", "provenance", "downloads"),
    ]
