"""Sensitivity on curves small enough to read off by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from results_factory import make_results

from anncore import lr_sensitivity, tuning_scores


def grid(scores: dict[float, list[float]], **columns: Any) -> pd.DataFrame:
    rows = [
        {"problem": "p", "arm": "a", "config": f"lr={rate:g}", "optimizer.lr": rate, "seed": seed, "score": s}
        for rate, values in scores.items()
        for seed, s in enumerate(values)
    ]
    return pd.DataFrame(rows).assign(**columns)


def only(frame: pd.DataFrame, **options: Any) -> Any:
    (row,) = lr_sensitivity(frame, **options).to_dict("records")
    return row


def test_a_flag_that_some_problems_lack_is_no_hindrance() -> None:
    frame = grid({1e-2: [1.0, 1.0], 1e-1: [2.0, 2.0], 1.0: [3.0, 3.0]})
    lacking = frame.assign(**{"objective.rotated": pd.array([True, None] * 3, dtype="boolean")})
    assert only(lacking)["best"] == only(frame)["best"] == 1e-2


def test_a_parabola_by_hand() -> None:
    row = only(grid({1e-3: [2.0, 2.0], 1e-2: [1.0, 1.0], 1e-1: [1.05, 1.05], 1.0: [4.0, math.inf]}))
    assert (row["hyperparameter"], row["best"], row["edge"], row["scale"]) == (
        "optimizer.lr",
        1e-2,
        False,
        "log",
    )
    # Left: from log 1 to log 2 over a decade, log 1.1 is reached after log 1.1 / log 2 of it. Right: 0.1 is
    # within 10 %; beyond it a seed diverged.
    assert row["width"] == pytest.approx(math.log(1.1) / math.log(2) + 1)
    assert row["excess"] == pytest.approx((math.log(2) + 0 + math.log(1.05)) / 3)
    assert (row["diverged"], row["trials"]) == (1, 8)
    assert [point["ok"] for point in row["points"]] == [2, 2, 2, 1]


def test_no_range_is_told_where_another_hyperparameter_was_drawn_with_it() -> None:
    drawn = grid({1e-3: [2.0], 1e-2: [1.0], 1e-1: [1.05]}).assign(
        **{"optimizer.momentum": [0.2, 0.9, 0.5], "optimizer.eps": 1e-8}
    )
    row = only(drawn, column="optimizer.lr")
    assert row["others"] == ["optimizer.momentum"]
    assert math.isnan(row["width"])
    assert row["best"] == 1e-2
    # In a grid each rate is tried with every momentum, and its best one counts.
    full = pd.concat([drawn.assign(**{"optimizer.momentum": m, "config": str(m)}) for m in (0.0, 0.9)])
    crossed = full.assign(config=full["config"] + full["optimizer.lr"].astype(str))
    assert only(crossed, column="optimizer.lr")["others"] == []


def test_the_best_at_the_edge_is_flagged() -> None:
    assert only(grid({1e-3: [3.0], 1e-2: [2.0], 1e-1: [1.0]}))["edge"]
    assert not only(grid({1e-3: [3.0], 1e-2: [1.0], 1e-1: [2.0]}))["edge"]


def test_a_rate_with_a_lost_seed_is_not_the_best() -> None:
    row = only(grid({1e-3: [3.0, 3.0], 1e-2: [0.1, math.inf], 1e-1: [2.0, 2.0]}))
    assert row["best"] == 1e-1
    gone = only(grid({1e-3: [math.inf], 1e-2: [math.inf], 1e-1: [math.inf]}))
    assert math.isnan(gone["best"])
    assert (gone["diverged"], gone["trials"]) == (3, 3)


def test_shares_are_as_good_within_a_point() -> None:
    frame = grid({1e-3: [0.80], 1e-2: [0.90], 1e-1: [0.895], 1.0: [0.795]}, goal="max")
    row = only(frame, scale="unit")
    assert row["best"] == 1e-2
    assert row["width"] == pytest.approx(0.1 + 1 + 0.05)  # a point of ten; then half a point of ten
    assert row["excess"] == pytest.approx((0.1 + 0 + 0.005 + 0.105) / 4)


def test_each_value_stands_at_the_best_of_the_others() -> None:
    frame = grid({1e-3: [3.0], 1e-2: [2.0], 1e-1: [2.5]})
    more = frame.assign(config=frame["config"] + " b", score=frame["score"] - 0.5)
    row = only(pd.concat([frame, more]))
    assert [point["value"] for point in row["points"]] == [2.5, 1.5, 2.0]


def test_a_sweep_has_a_row_per_problem_and_arm_as_its_report() -> None:
    from anncore.evidence.study import Study
    from anncore.report.tables import sensitivity

    results = make_results(("sgd", "adam"), ("xor", "iris"))
    table = lr_sensitivity(tuning_scores(results))
    rows = sensitivity(Study(results))
    assert len(table) == len(rows) == 4
    for one, other in zip(table.to_dict("records"), rows, strict=True):
        assert {name: one[name] for name in ("problem", "arm", "best", "width", "diverged")} == {
            name: other[name] for name in ("problem", "arm", "best", "width", "diverged")
        }
    sgd = table[table["arm"] == "sgd"].iloc[0]
    assert sgd["diverged"] == 3  # the factory lets lr = 1 diverge, on three seeds
    assert np.isfinite(sgd["width"])


def test_what_is_missing_is_named() -> None:
    frame = grid({1e-3: [3.0], 1e-2: [2.0], 1e-1: [1.0]})
    with pytest.raises(ValueError, match=r"no column 'loss\.gamma'"):
        lr_sensitivity(frame, "loss.gamma")
    with pytest.raises(ValueError, match="goal must be one of min, max"):
        lr_sensitivity(frame, goal="low")
    assert len(lr_sensitivity(frame[frame["optimizer.lr"] > 1e-3])) == 0  # two values are no curve


def test_what_was_watched_inside_the_network_is_nothing_that_was_tuned() -> None:
    frame = grid({1e-3: [3.0], 1e-2: [2.0], 1e-1: [2.5]})
    # A watched metric has more values, over a wider range, than any hyperparameter.
    watched = frame.assign(**{"train_gradient_norm.1": np.logspace(-8, 8, len(frame)), "x.1": 1.0})
    row = only(pd.concat([watched, watched.assign(**{"train_gradient_norm.1": 7.0, "x.1": 2.0})]))
    assert row["hyperparameter"] == "optimizer.lr"
    assert row["best"] == 1e-2
