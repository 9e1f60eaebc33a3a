"""`annx export`: the same numbers for other programs and for papers, and LaTeX that prints what was meant."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from results_factory import make_results
from sweep_factory import TUNED, load

from anncore import sweep
from anncore.cli import export as verb
from anncore.cli.group import MISUSED, NOTHING_MATCHED, OK, cli
from anncore.export import FORMATS, escape, export, leaderboard, leaderboard_latex, trials_latex


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("swept")
    sweep(load(folder, TUNED), out=folder / "run", executor="serial")
    return folder / "run"


def annx(*args: object) -> Result:
    return CliRunner().invoke(cli, ["export", *map(str, args)])


def rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


# Files


def test_csv_holds_the_trials_of_the_run_and_the_leaderboard(swept: Path) -> None:
    result = annx(swept, "--format", "csv")
    assert result.exit_code == OK, result.output
    names = [swept / "export" / name for name in ("trials.csv", "leaderboard.csv")]
    assert result.stdout.split() == [str(name) for name in names]
    assert names[0].read_bytes() == (swept / "trials.csv").read_bytes()
    board = rows(names[1].read_bytes())
    assert [(row["problem"], row["rank"]) for row in board] == [("xor", "1.0"), ("xor", "2.0")]
    assert {row["arm"] for row in board} == {"sgd", "adam"}


def test_the_leaderboards_values_are_means_of_the_trials(swept: Path) -> None:
    """By hand: on a scale of ratios the mean over the report seeds is the geometric one."""
    trials = rows((swept / "trials.csv").read_bytes())
    annx(swept, "--format", "csv")
    for row in rows((swept / "export" / "leaderboard.csv").read_bytes()):
        assert row["measure"] == "test_loss"
        assert row["scale"] == "log"
        losses = [
            float(trial["test_loss"])
            for trial in trials
            if trial["phase"] == "report" and trial["arm"] == row["arm"]
        ]
        assert len(losses) == int(row["n"]) == int(row["ok"]) == 3
        assert float(row["value"]) == pytest.approx(math.exp(sum(map(math.log, losses)) / 3), rel=1e-12)
        assert float(row["low"]) < float(row["value"]) < float(row["high"])


def test_parquet_holds_the_same_as_csv(swept: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    import pandas as pd

    from anncore import load_run

    assert annx(swept, "--format", "parquet", "--out", tmp_path).exit_code == OK
    results = load_run(swept)
    for name, frame in (("trials", results.trials), ("leaderboard", leaderboard(results))):
        read = pd.read_parquet(tmp_path / f"{name}.parquet")
        assert list(read.columns) == list(frame.columns)
        for column in frame.columns:
            if frame[column].dtype.kind in "if":
                np.testing.assert_array_equal(read[column], frame[column])
            else:
                assert read[column].fillna("").tolist() == frame[column].fillna("").tolist()


def test_without_pyarrow_parquet_is_a_line_that_names_the_extra(
    swept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    result = annx(swept, "--format", "parquet", "--out", tmp_path / "new")
    assert result.exit_code == MISUSED
    assert result.stderr == (
        "annx: --format parquet needs pyarrow, which is not installed: pip install 'annx[parquet]'.\n"
    )
    assert not (tmp_path / "new").exists()


def test_json_names_the_files(swept: Path, tmp_path: Path) -> None:
    result = annx(swept, "--format", "latex", "--out", tmp_path, "--json")
    assert json.loads(result.stdout) == [str(tmp_path / "trials.tex"), str(tmp_path / "leaderboard.tex")]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["leaderboard.tex", "trials.tex"]


def test_the_formats_offered_without_numpy_are_the_formats() -> None:
    assert tuple(FORMATS) == verb.FORMATS


def test_exporting_twice_gives_the_same_bytes(swept: Path) -> None:
    from anncore import load_run

    for form in ("csv", "latex"):
        assert dict(export(load_run(swept), form)) == dict(export(load_run(swept), form))


# Nothing to export, or nowhere


def test_no_run_folder_is_a_mistake(tmp_path: Path) -> None:
    result = annx(tmp_path, "--format", "csv")
    assert result.exit_code == MISUSED
    assert "is no run folder" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_to_is_a_line(swept: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = annx(swept, "--format", "csv", "--out", tmp_path / "file" / "below")
    assert result.exit_code == MISUSED
    assert "cannot be written to: Not a directory. Give a folder by --out." in result.stderr


def test_before_the_report_phase_there_are_trials_only(swept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = without(swept, monkeypatch, lambda trials: trials[trials["phase"] == "tune"])
    assert result.exit_code == OK
    assert [Path(line).name for line in result.stdout.splitlines()] == ["trials.csv"]
    assert "no leaderboard, as no trial of the report phase is done" in result.stderr


def test_before_the_first_trial_nothing_matches(swept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = without(swept, monkeypatch, lambda trials: trials.iloc[:0])
    assert result.exit_code == NOTHING_MATCHED
    assert "no trial is done yet; 'annx sweep' resumes." in result.stderr


def without(swept: Path, monkeypatch: pytest.MonkeyPatch, keep: Callable[[Any], Any]) -> Result:
    import dataclasses

    from anncore import load_run

    results = load_run(swept)
    some = dataclasses.replace(results, trials=keep(results.trials))
    monkeypatch.setattr("anncore.runfolder.load_run", lambda folder, curves: some)
    return annx(swept, "--format", "csv")


# LaTeX


def test_a_leaderboard_is_a_booktabs_table_with_the_best_in_bold() -> None:
    results = make_results(
        arms=("sgd", "adam"), problems=("xor", "iris"), seeds=(1, 2), score=lambda p, a, s: len(a) / 10
    )
    text = leaderboard_latex(results)
    assert text.startswith("% Needs \\usepackage{booktabs}.\n\\begin{table}\n  \\centering\n")
    # sgd's loss is 0.3, adam's 0.4, and 1.05 times as much on the test split: see results_factory.
    assert "    sgd & \\textbf{0.315} & \\textbf{0.315} \\\\\n    adam & 0.420 & 0.420 \\\\\n" in text
    assert "    sgd & 1.00 & 2/2 & 4/4 & 0 & 0 \\\\\n    adam & 2.00 & 0/2 & 4/4 & 0 & 0 \\\\\n" in text
    for line in ("\\toprule", "\\midrule", "\\bottomrule", "\\end{tabular}", "\\end{table}"):
        assert text.count(line) == 2
    assert "\\label{tab:optimizers-scores}" in text
    assert "\\begin{tabular}{lrr}" in text


def test_powers_of_ten_are_set_as_such() -> None:
    results = make_results(arms=("sgd",), problems=("xor",), seeds=(1, 2), score=lambda p, a, s: 2e-9)
    assert "$2.1 \\times 10^{-9}$" in leaderboard_latex(results)


def test_diverged_seeds_are_marked() -> None:
    results = make_results(
        arms=("sgd", "adam"),
        problems=("xor", "iris"),
        seeds=(1, 2),
        status=lambda p, a, s: "diverged" if (a, s) == ("sgd", 1) else "ok",
    )
    assert re.search(r"sgd & [\d.]+ \$\\times\$1 & [\d.]+ \$\\times\$1 \\\\", leaderboard_latex(results))


def test_trials_are_a_long_table_of_what_differs() -> None:
    results = make_results(arms=("sgd", "adam"), problems=("xor",), seeds=(1, 2), tune_seeds=())
    text = trials_latex(results)
    assert "  arm & config & seed & valid\\_loss & test\\_loss \\\\\n" in text
    for line in ("\\begin{longtable}{llrrr}", "\\endhead", "\\endlastfoot", "\\end{longtable}"):
        assert line in text
    body = text.partition("\\endlastfoot\n")[2].splitlines()[:-1]
    assert len(body) == len(results.trials)
    assert all(line.endswith(" \\\\") and line.count(" & ") == 4 for line in body)
    assert "nan" not in text


def test_hostile_names_stay_names() -> None:
    arms = ("a_b & c%", "\\input{x}", "[2ex]")
    text = leaderboard_latex(
        make_results(arms=arms, problems=("$x^2$", "#1"), seeds=(1, 2), title="50 % {of")
    )
    assert "    a\\_b \\& c\\% & " in text
    assert "    \\textbackslash{}input\\{x\\} & " in text
    assert "    {[}2ex{]} & " in text  # after \\ a bare bracket would be an optional argument
    assert " & \\$x\\textasciicircum{}2\\$ & \\#1 \\\\" in text
    assert "\\caption{50 \\% \\{of. " in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("two_moons", "two\\_moons"),
        ("lr=0.1", "lr=0.1"),
        ("a-b", "a-b"),
        ("a--b", "a{-}{-}b"),
        ("50 %", "50 \\%"),
        ("a\\b", "a\\textbackslash{}b"),
        ("x ~ y", "x \\textasciitilde{} y"),
        ("line\nbreak\tand\x00more", "line break andmore"),
        ("3 × 4 − 1 ± ∞", "3 $\\times$ 4 $-$ 1 $\\pm$ $\\infty$"),
        ("it's ''it''", "it's {'}{'}it{'}{'}"),
        ("", ""),
    ],
)
def test_texts_are_escaped(text: str, expected: str) -> None:
    assert escape(text) == expected


@given(st.text())
def test_nothing_in_a_text_is_left_for_latex_to_act_on(text: str) -> None:
    written = escape(text)
    for known in (r"\\[a-z]+\{\}", r"\\[{}$&#%_]", r"\$(-|\\times|\\infty|\\pm)\$", r"\{['\[\]*-]{1,2}\}"):
        written = re.sub(known, "", written)
    assert not set(written) & set('\\{}$&#%_^~<>|"`[]*')
    assert not any(pair in written for pair in ("--", "''", "\n", "\r", "\t"))
