"""The tables: tidy, typed, in plan order, and safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import gzip
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from anncore.contract.trial import Part, PlannedRow, Split, Train, Trial, TrialResult
from anncore.evidence.csv_text import csv_chunks, to_csv, to_gzip
from anncore.evidence.curves import curves_frame
from anncore.evidence.results import trials_frame
from anncore.running.collect import phase_frame
from anncore.running.store import Store


def row(key: str, **values: Any) -> PlannedRow:
    labels = {"dataset": "moons", "optimizer": "adam"}
    return PlannedRow(key, "report", "moons", "adam", "lr=0.1", labels, values, seed=7)


def result(key: str, status: Any = "ok", **more: Any) -> TrialResult:
    return TrialResult(key, status, {"valid_loss": 0.5, "test_loss": 0.25}, **more)


def frame(**rows: dict[str, Any]) -> pd.DataFrame:
    planned = [row(key, **values) for key, values in rows.items()]
    return trials_frame(planned, {key: result(key) for key in rows})


def test_columns_stand_in_the_documented_order() -> None:
    planned = [row("a", **{"optimizer.lr": 0.1, "network.hidden": [3], "dataset.n": 5})]
    metrics = dict.fromkeys(
        ["valid_accuracy", "valid_loss", "train_loss", "test_auc", "train_auc", "test_loss"], 0.5
    )
    rows = trials_frame(planned, {"a": result("a")._replace(metrics=metrics)})
    assert list(rows.columns) == [
        *("key", "phase", "status", "problem", "arm", "config"),
        *("dataset", "network", "activation", "loss", "optimizer", "schedule", "initializer"),
        *("dataset.n", "network.hidden", "optimizer.lr"),
        "seed",
        *("train_loss", "valid_loss", "test_loss", "valid_accuracy", "train_auc", "test_auc"),
        *("steps_done", "stopped", "error", "environment", "train_seconds"),
    ]


def test_rows_stand_in_plan_order_and_only_where_there_is_a_result() -> None:
    rows = trials_frame([row("c"), row("a"), row("b"), row("c")], {"c": result("c"), "b": result("b")})
    assert rows["key"].tolist() == ["c", "b", "c"]


def test_absent_metrics_are_nan_and_labels_empty() -> None:
    results = {"a": result("a"), "b": TrialResult("b", "failed", error="why")}
    rows = trials_frame([row("a"), row("b")], results)
    assert rows["valid_loss"].tolist() == [0.5, pytest.approx(math.nan, nan_ok=True)]
    assert rows["network"].tolist() == ["", ""]
    assert rows["error"].tolist() == ["", "why"]


def test_columns_have_the_types_of_their_values() -> None:
    types = frame(
        a={"o.lr": 0.1, "o.n": 1, "o.m": 1, "o.on": True, "o.off": True, "o.how": "x", "o.list": [1, 2]},
        b={"o.lr": 1.0, "o.n": 2, "o.on": False, "o.how": "y", "o.list": [[3]]},
    )
    assert [str(types[name].dtype) for name in ("o.lr", "o.n", "o.m", "o.on", "o.off")] == [
        *("float64", "int64", "float64", "bool", "boolean")
    ]
    assert types["o.list"].tolist() == ["[1, 2]", "[[3]]"]
    assert types["o.how"].tolist() == ["x", "y"]
    assert types["o.m"].isna().tolist() == [False, True]
    assert types["o.off"].isna().tolist() == [False, True]
    assert str(types["seed"].dtype) == "int64"
    text = str(pd.Series(["x"]).dtype)
    assert {str(types[name].dtype) for name in ("key", "status", "config", "error", "o.how")} == {text}


def test_no_rows_is_an_empty_table() -> None:
    rows = trials_frame([], {})
    assert len(rows) == 0
    assert {"key", "phase", "status", "seed", "train_seconds"} <= set(rows.columns)


def test_curves_are_long_and_once_per_key() -> None:
    results = [
        result("b", steps=(0, 10), curves={"valid_loss": (4.0, 3.0), "train_loss": (2.0, math.nan)}),
        result("a", steps=(0,), curves={"train_loss": (1.0,)}),
        TrialResult("c", "failed"),
    ]
    curves = curves_frame(results, ["a", "b", "c"])
    expected = pd.DataFrame(
        {
            "key": ["a", "b", "b", "b", "b"],
            "step": [0, 0, 10, 0, 10],
            "metric": ["train_loss", "train_loss", "train_loss", "valid_loss", "valid_loss"],
            "value": [1.0, 2.0, math.nan, 4.0, 3.0],
        }
    )
    pd.testing.assert_frame_equal(curves, expected)
    assert list(curves_frame([], ["a"]).dtypes.astype(str))[1::2] == ["int64", "float64"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_what_a_spreadsheet_would_run_is_escaped(text: str) -> None:
    table = pd.DataFrame({"arm": [text, "adam=1"], "value": [-1.5, 2.0]})
    rows = list(csv.reader(io.StringIO(to_csv(table).decode(), newline="")))
    safe = "'" + text.replace("\r", "\n")
    assert rows == [["arm", "value"], [safe, "-1.5"], ["adam=1", "2.0"]]
    assert table["arm"][0] == text


def test_a_csv_keeps_every_digit_and_line() -> None:
    values = [0.1, 1 / 3, 5e-324, float(np.float32(0.1)), math.nan, math.inf]
    table = pd.DataFrame({"x": values, "error": ['a "quoted"\nline', "", "ä", "", "", ""]})
    rows = list(csv.reader(io.StringIO(to_csv(table).decode(), newline="")))[1:]
    assert [float(x) for x, _ in rows if x not in ("", "inf")] == values[:4]
    assert [x for x, _ in rows[4:]] == ["", "inf"]
    assert [text for _, text in rows[:3]] == ['a "quoted"\nline', "", "ä"]


def test_a_table_is_the_same_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    table = pd.DataFrame({"name": ["a", "=b", None, "c\r"] * 3, "x": np.arange(12) / 7})
    whole = to_csv(table)
    monkeypatch.setattr("anncore.evidence.csv_text.CSV_ROWS", 5)
    pieces = list(csv_chunks(table))
    assert len(pieces) == 3
    assert b"".join(pieces) == whole
    assert to_gzip(pieces) == to_gzip([whole])


def test_equal_tables_give_equal_compressed_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    first = to_gzip([b"abc" * 100])
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert to_gzip([b"abc" * 100]) == first
    assert gzip.decompress(first) == b"abc" * 100


def test_a_phase_is_read_from_the_store(tmp_path: Path) -> None:
    part = Part("optimizer", "annx:adam", "1", {"lr": 0.1})
    trials = [
        Trial({"optimizer": part}, Train(), Split(), 0, seed, test=False, phase="tune") for seed in (2, 1)
    ]
    with Store(tmp_path / "s.sqlite") as store:
        store.plan("tune", trials)
        store.add([(trials[1], result(trials[1].key))])
        assert phase_frame(store, "tune")["seed"].tolist() == [1]
        assert len(phase_frame(store, "report")) == 0


def test_a_csv_is_what_pandas_writes() -> None:
    """Byte by byte, in pieces of a few rows; pandas is the oracle."""
    texts = ["plain", "", "a,b", 'say "so"', "two\nlines", "=x", None]
    frame = pd.DataFrame(
        {
            "text, quoted": pd.Series(texts, dtype=pd.Series([""]).dtype),
            "float": [0.1, -0.0, math.nan, math.inf, -math.inf, 1e-300, 1e22],
            "single": np.array([0.1, 1, 2, 3, 4, math.nan, 1e10], np.float32),
            "int": [1, -2, 3, 4, 5, 6, 2**62],
            "bool": [True, False] * 3 + [True],
            "nullable": pd.array([True, None, False] * 2 + [None], dtype="boolean"),
            "whole": pd.array([1, None, 3, 4, 5, 6, 7], dtype="Int64"),
            "mixed": pd.Series([1, 1.0, True, "x", None, [1, 2], math.nan], dtype=object),
            "day": pd.to_datetime(["2020-01-01", None, *["2021-05-06"] * 5]),
        }
    )
    safe = frame["text, quoted"].replace("=x", "'=x")
    wanted = frame.assign(**{"text, quoted": safe}).to_csv(index=False, lineterminator="\n").encode()
    assert to_csv(frame) == wanted
    empty = frame.iloc[:0]
    assert to_csv(empty) == empty.to_csv(index=False, lineterminator="\n").encode()


def curve(key: str, steps: int) -> TrialResult:
    values = tuple(float(step) for step in range(steps))
    return TrialResult(key, "ok", {}, tuple(range(steps)), {"train_loss": values, "valid_loss": values})


@pytest.mark.parametrize(
    ("most", "tuned", "reported"),
    [
        (48, range(10), range(4)),  # 2 curves of 10 values twice, and of 4
        (47, [0, 2, 4, 6, 8, 9], range(4)),
        (32, [0, 2, 4, 6, 8, 9], range(4)),
        (31, [0, 4, 8, 9], range(4)),
        (8, [0, 9], range(4)),  # those that are reported are whole as long as they can be
        (7, [0, 9], [0, 2, 3]),
        (0, [0, 9], [0, 3]),
    ],
)
def test_curves_are_thinned_by_the_stated_rule(most: int, tuned: Any, reported: Any) -> None:
    results = [curve("a", 10), curve("b", 10), curve("r", 4)]
    frame = curves_frame(results, ["a", "b", "r"], most=most, spared={"r"})
    for key, steps in (("a", tuned), ("b", tuned), ("r", reported)):
        mine = frame[frame["key"] == key]
        assert mine["step"].tolist() == [*steps, *steps]
        assert mine["value"].tolist() == [float(step) for step in (*steps, *steps)]
        assert mine["metric"].tolist() == ["train_loss"] * len(steps) + ["valid_loss"] * len(steps)


def test_cells_that_repeat_are_what_pandas_writes() -> None:
    """Also where they are equal and spelled otherwise, as zeros of both signs are; pandas is the oracle."""
    text: Any = pd.Series([""]).dtype
    frame = pd.DataFrame(
        {
            "key": pd.Series([f"{place:064x}" for place in range(60)], dtype=text),
            "share": np.tile([0.0, -0.0, math.nan, 0.25, 1 / 3, -math.inf], 10),
            "loss": np.arange(60) / 7,
            "step": np.tile(np.arange(0, 600, 50), 5),
            "is": np.tile([True, False], 30),
        }
    )
    assert to_csv(frame) == frame.to_csv(index=False, lineterminator="\n").encode()


def test_a_frame_without_columns_is_a_line() -> None:
    assert to_csv(pd.DataFrame()) == b"\n"


def test_configurations_that_share_labels_keep_their_own_values() -> None:
    labels = {"optimizer": "sgd"}
    rows = [
        PlannedRow(f"{lr}{seed}", "report", "p", "sgd", f"lr={lr}", labels, {"optimizer.lr": lr}, seed)
        for seed in (1, 0)
        for lr in (0.1, 0.2)
    ]
    frame = trials_frame(rows, [result(row.key) for row in rows[::-1]])
    assert frame["config"].tolist() == ["lr=0.1", "lr=0.2"] * 2
    assert frame["optimizer.lr"].tolist() == [0.1, 0.2] * 2
    assert frame["seed"].tolist() == [1, 1, 0, 0]
    assert frame["optimizer"].tolist() == ["sgd"] * 4
