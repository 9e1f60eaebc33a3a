"""Selection on tables small enough to choose by hand."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

from anncore.evidence.selection import Unchosen, chosen_configs, select, unchosen, with_fresh_scores
from anncore.experiment import Select

LOSS = Select("valid_loss", "min")


def table(**configs: Any) -> pd.DataFrame:
    """Return one arm's trials: for each learning rate's scores by seed; a text is a status."""
    rows = []
    for config, scores in configs.items():
        for seed, score in enumerate(scores):
            status = score if isinstance(score, str) else "ok"
            value = math.nan if isinstance(score, str) else score
            rows.append(
                {
                    "status": status,
                    "problem": "p",
                    "arm": "a",
                    "config": config,
                    "optimizer.lr": float(config.removeprefix("lr")),
                    "seed": seed,
                    "valid_loss": value,
                }
            )
    return pd.DataFrame(rows)


def chosen(trials: pd.DataFrame, rule: Select = LOSS) -> Any:
    (row,) = select(trials, rule).to_dict("records")
    return row


def test_the_best_mean_is_chosen() -> None:
    row = chosen(table(lr1=[0.4, 0.6], lr2=[0.1, 0.7], lr3=[0.45, 0.45]))
    assert row == {
        "problem": "p",
        "arm": "a",
        "config": "lr2",
        "tune_score": pytest.approx(0.4),
        "n_ok": 2,
        "n": 2,
        "edge": "",
        "configs": 3,
    }


def test_where_more_is_better_the_largest_is_chosen() -> None:
    trials = table(lr1=[0.4, 0.6], lr2=[0.1, 0.7]).rename(columns={"valid_loss": "valid_accuracy"})
    assert chosen(trials, Select("valid_accuracy", "max"))["config"] == "lr1"


@pytest.mark.parametrize("lost", ["diverged", "failed", "timeout", "crashed", math.nan, math.inf])
def test_a_lost_seed_is_worse_than_any_score(lost: Any) -> None:
    row = chosen(table(lr1=[0.01, lost], lr2=[9.0, 9.0]))
    assert (row["config"], row["tune_score"], row["n_ok"]) == ("lr2", 9.0, 2)


def test_among_configurations_that_lost_seeds_the_fewest_lost_wins_then_the_mean() -> None:
    row = chosen(table(lr1=[0.1, "diverged", "diverged"], lr2=[0.9, "failed", 0.8], lr3=["failed", 0.6, 0.5]))
    assert (row["config"], row["n_ok"], row["n"]) == ("lr3", 2, 3)
    assert row["tune_score"] == pytest.approx(0.55)


@pytest.mark.parametrize("lost", ["diverged", "failed", "timeout", math.inf])
def test_where_no_trial_has_a_score_nothing_is_chosen(lost: Any) -> None:
    trials = table(lr2=[lost, lost], lr1=[lost, lost])
    row = chosen(trials)
    assert row["config"] is None or math.isnan(row["config"])
    assert (row["n_ok"], row["n"], row["edge"], row["configs"]) == (0, 4, "", 2)
    assert math.isnan(row["tune_score"])
    assert chosen_configs(select(trials, LOSS)) == {}


@pytest.mark.parametrize(
    ("statuses", "text", "status"),
    [
        (["failed"] * 6, "nothing to choose from: 6 of 6 tuning trials failed", "not chosen"),
        (["timeout"] * 2, "nothing to choose from: 2 of 2 tuning trials timed out", "not chosen"),
        (["diverged"] * 3, "nothing to choose from: 3 of 3 tuning trials diverged", "diverged"),
        (
            ["diverged", "failed", "diverged", "crashed"],
            "nothing to choose from: 2 of 4 tuning trials diverged, 1 failed, 1 crashed",
            "not chosen",
        ),
        (
            [math.inf, math.inf],
            "nothing to choose from: 2 of 2 tuning trials ended without a score",
            "not chosen",
        ),
    ],
)
def test_it_is_said_why_nothing_was_chosen(statuses: list[Any], text: str, status: str) -> None:
    trials = pd.concat([table(lr1=statuses), table(lr1=[0.1]).assign(arm="b")], ignore_index=True)
    assert unchosen(select(trials, LOSS), trials) == {("p", "a"): Unchosen(text, status)}


def test_a_configuration_that_lost_every_seed_is_never_preferred() -> None:
    """Seeds may differ in number where a rule leaves some out: one lost seed of one is no score."""
    assert chosen(table(lr1=["failed"], lr2=["failed", 0.4]))["config"] == "lr2"


@pytest.mark.parametrize(("first", "second"), [(7e-22, 6e-22), (0.30000000000000004, 0.3), (0.5, 0.5)])
def test_the_first_of_equals_up_to_noise_is_chosen(first: float, second: float) -> None:
    assert chosen(table(lr1=[first], lr2=[second]))["config"] == "lr1"
    assert chosen(table(lr2=[second], lr1=[first]))["config"] == "lr2"


def test_a_difference_above_noise_is_no_tie() -> None:
    assert chosen(table(lr1=[0.30001], lr2=[0.3]))["config"] == "lr2"


@pytest.mark.parametrize(("best", "edge"), [(1, "optimizer.lr"), (2, ""), (3, "optimizer.lr")])
def test_a_choice_at_the_end_of_its_range_is_flagged(best: int, edge: str) -> None:
    scores = {f"lr{i}": [0.1 if i == best else 0.5] for i in (1, 2, 3)}
    assert chosen(table(**scores))["edge"] == edge


def test_two_values_have_no_middle_and_no_edge() -> None:
    assert chosen(table(lr1=[0.1], lr2=[0.2]))["edge"] == ""


def test_only_numbers_have_edges() -> None:
    trials = table(lr1=[0.1], lr2=[0.2], lr3=[0.3]).rename(columns={"optimizer.lr": "network.hidden"})
    trials["network.hidden"] = ["[1]", "[2]", "[3]"]
    trials["optimizer.nesterov"] = [True, False, False]
    assert chosen(trials)["edge"] == ""


def test_each_problem_and_arm_has_its_own_choice_in_plan_order() -> None:
    one, two = table(lr1=[0.1], lr2=[0.2]), table(lr1=[0.2], lr2=[0.1])
    trials = pd.concat([one.assign(arm="z"), two.assign(arm="b"), two.assign(problem="o")], ignore_index=True)
    choices = select(trials, LOSS)
    assert choices[["problem", "arm", "config"]].to_numpy().tolist() == [
        ["p", "z", "lr1"],
        ["p", "b", "lr2"],
        ["o", "a", "lr2"],
    ]


def test_without_the_metric_nothing_is_chosen() -> None:
    assert chosen(table(lr1=[0.2], lr2=[0.1]).drop(columns="valid_loss"))["n_ok"] == 0


def test_without_trials_nothing_is_chosen() -> None:
    choices = select(table(lr1=[0.2]).iloc[:0], LOSS)
    assert len(choices) == 0
    assert {"problem", "arm", "config", "tune_score", "n_ok", "n", "edge", "configs"} == set(choices.columns)


def test_fresh_scores_stand_beside_the_ones_of_the_choice() -> None:
    selection = select(table(lr1=[0.1, 0.3], lr2=[0.4, 0.4]), LOSS)
    fresh = table(lr1=[0.5, "diverged", 0.7])
    assert with_fresh_scores(selection, fresh, "valid_loss")["fresh_score"].tolist() == [pytest.approx(0.6)]
    none = with_fresh_scores(selection, fresh.iloc[:0], "valid_loss")["fresh_score"]
    assert none.isna().all()
    assert none.dtype == float
