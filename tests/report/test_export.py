"""`annx export`: the same numbers for other programs and for papers, and LaTeX that prints what was meant."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import math
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, strategies as st
from results_factory import make_results
from shipped import REGISTRY
from sweep_factory import TUNED, load

from anncore import sweep
from anncore.cli import export as verb
from anncore.cli.group import MISUSED, NOTHING_MATCHED, OK, cli
from anncore.report.build import build_report, plain
from anncore.report.export import LIST, export, leaderboard, write_files
from anncore.report.latex import escape
from anncore.report.view import sections


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
    names = [path.name for path in tmp_path.iterdir() if path.name != LIST]
    assert {"leaderboard.tex", "trials.tex", "preview.tex"} < set(names)
    assert sorted(json.loads(result.stdout)) == sorted(str(tmp_path / name) for name in names)


def test_the_help_names_our_formats() -> None:
    (option,) = [param for param in verb.command.params if param.name == "form"]
    assert isinstance(option, click.Option)
    ours = [component.name for component in REGISTRY.of_kind("exporter")]
    assert ours == ["csv", "gif", "latex", "parquet"]
    assert all(name in str(option.help) for name in ours)


@pytest.mark.slow
def test_exporting_twice_gives_the_same_bytes(swept: Path) -> None:
    from anncore import load_run

    for form in ("csv", "latex"):
        assert export(load_run(swept), form) == export(load_run(swept), form)


# Beside an earlier export


@pytest.mark.slow
def test_what_an_earlier_export_wrote_and_this_one_does_not_is_removed(
    swept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.tex").write_text("mine")
    annx(swept, "--format", "latex", "--out", tmp_path)
    annx(swept, "--format", "csv", "--out", tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    assert {"leaderboard.tex", "provenance.tex", "leaderboard.csv"} < before
    result = without(
        swept, monkeypatch, lambda trials: trials[trials["phase"] == "tune"], "latex", "--out", tmp_path
    )
    assert {path.name for path in tmp_path.iterdir()} == {
        *("trials.tex", "preview.tex", "trials.csv", "leaderboard.csv", "mine.tex", LIST)
    }
    assert f"{len(before) - 6} files of an earlier export are removed." in result.stderr
    assert "\\input{leaderboard}" not in (tmp_path / "preview.tex").read_text()


def test_a_file_that_was_changed_since_stays_and_is_named(tmp_path: Path) -> None:
    write_files(tmp_path, {"a.tex": b"one", "b.tex": b"two"}, "latex", "x")
    (tmp_path / "a.tex").write_text("one, edited")
    assert write_files(tmp_path, {"c.tex": b"three"}, "latex", "x") == (["b.tex"], ["a.tex"])
    assert (tmp_path / "a.tex").read_text() == "one, edited"
    # It is nobody's any more, and not spoken of again.
    assert write_files(tmp_path, {"c.tex": b"three"}, "latex", "x") == ([], [])


def test_another_experiments_files_and_other_formats_stay(tmp_path: Path) -> None:
    write_files(tmp_path, {"a.tex": b"one", "both.tex": b"one"}, "latex", "x")
    write_files(tmp_path, {"a.csv": b"one"}, "csv", "x")
    assert write_files(tmp_path, {"b.tex": b"two", "both.tex": b"two"}, "latex", "y") == ([], [])
    assert write_files(tmp_path, {}, "latex", "x") == (["a.tex"], [])  # both.tex is y's now
    assert {path.name for path in tmp_path.iterdir()} == {"a.csv", "b.tex", "both.tex", LIST}


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{", '{"files": 3}', '{"files": {"a.tex": 3}}', "\xff"),
        '{"files": {"../a.tex": {"format": "latex", "experiment": "x", "sha256": "HASH"}}}',
        '{"files": {"/FOLDER/a.tex": {"format": "latex", "experiment": "x", "sha256": "HASH"}}}',
    ],
)
def test_a_list_that_says_nonsense_removes_nothing(tmp_path: Path, text: str) -> None:
    import hashlib

    (tmp_path / "out").mkdir()
    (tmp_path / "a.tex").write_bytes(b"one")
    text = text.replace("HASH", hashlib.sha256(b"one").hexdigest()).replace("/FOLDER", str(tmp_path))
    (tmp_path / "out" / LIST).write_text(text, encoding="latin-1")
    assert write_files(tmp_path / "out", {"b.tex": b"two"}, "latex", "x") == ([], [])
    assert (tmp_path / "a.tex").read_bytes() == b"one"
    assert write_files(tmp_path / "out", {}, "latex", "x") == (["b.tex"], [])


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
    assert "no leaderboard, as no report trial is done yet" in result.stderr


def test_before_the_first_trial_nothing_matches(swept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = without(swept, monkeypatch, lambda trials: trials.iloc[:0])
    assert result.exit_code == NOTHING_MATCHED
    assert "no trial is done yet; 'annx sweep' resumes." in result.stderr


def without(
    swept: Path, monkeypatch: pytest.MonkeyPatch, keep: Callable[[Any], Any], form: str = "csv", *args: object
) -> Result:
    import dataclasses

    from anncore import load_run

    results = load_run(swept)
    some = dataclasses.replace(results, trials=keep(results.trials))
    monkeypatch.setattr("anncore.running.run_folder.load_run", lambda folder, **options: some)
    return annx(swept, "--format", form, *args)


# LaTeX

HOSTILE = (
    "a_b & c%",
    "\\input{x}",
    "[2ex]",
    "naïve Šårø ẞ 中文 😀 <b>`x`</b>",
    "β₁=0.9 ± 1e-3 × ∞ − ''q'' --",
    "^^M ~#${}",
    "very_long_name_" * 8,
    "*x ?`!`,,<<>>",
)


def tex(**options: Any) -> dict[str, str]:
    """Return the files of a made-up sweep."""
    given: dict[str, Any] = {"arms": ("sgd", "adam"), "problems": ("xor", "iris"), "seeds": (1, 2)}
    return {name: data.decode() for name, data in export(make_results(**(given | options)), "latex").items()}


def body(text: str) -> list[list[str]]:
    """Return the cells of a table's rows, as LaTeX divides them."""
    start = "\\endlastfoot\n" if "longtable}{" in text else "\\midrule\n"
    lines = text.partition(start)[2].splitlines()
    return [re.split(r" & ", line.strip().removesuffix(" \\\\")) for line in lines if line.endswith(" \\\\")]


@pytest.mark.slow
def test_every_table_of_the_report_has_a_file_of_its_own() -> None:
    results = make_results(
        arms=("sgd", "rmsprop", "adam"),
        problems=("two_moons", "wine"),
        status=lambda p, a, s: "failed" if (a, s) == ("sgd", 100) else "ok",
    )
    files = {name: data.decode() for name, data in export(results, "latex").items()}
    whole = {
        *("leaderboard", "scores", "differences", "improvement", "profile-scores", "times-to-target"),
        *("sensitivity", "budget", "selection", "failed-trials", "provenance", "trials", "preview"),
        *("speed", "speed-differences", "speed-by-problem"),
    }
    each = ("scores", "further-metrics", "differences")
    single = {f"{name}-{problem}" for name in each for problem in ("two_moons", "wine")}
    assert {name.removesuffix(".tex") for name in files} == whole | single

    def count(sections: Any) -> int:
        return sum(len(section.tables) + count(section.parts) for section in sections)

    number = count(sections(plain(build_report(results, {}))))
    assert len(files) == number + 3  # and the first table, the trials, the preview
    for name, text in files.items():
        if name != "preview.tex":
            assert f"\\input{{{name.removesuffix('.tex')}}}" in files["preview.tex"]
            assert f"\\label{{tab:optimizers-{name.removesuffix('.tex')}}}" in text
            assert text.startswith(
                "% Needs \\usepackage[T1]{fontenc} and \\usepackage{array,booktabs,longtable}."
            )
            for line in ("\\caption{", "\\toprule", "\\midrule", "\\bottomrule"):
                assert line in text


def test_scores_are_a_booktabs_table_with_the_best_in_bold() -> None:
    files = tex(score=lambda p, a, s: len(a) / 10)
    # sgd's loss is 0.3, adam's 0.4, and 1.05 times as much on the test split: see results_factory.
    assert body(files["scores.tex"]) == [
        ["xor", "\\textbf{0.315}", "0.420"],
        ["iris", "\\textbf{0.315}", "0.420"],
    ]
    assert body(files["leaderboard.tex"]) == [
        ["sgd", "1", "{--}", "88.0 \\%", "4/4", "1.00"],
        ["adam", "1", "33 \\% higher", "84.0 \\%", "4/4", "2.00"],
    ]
    assert "\\begin{tabular}{lrr}" in files["scores.tex"]


def test_powers_of_ten_are_set_as_such_and_bold_where_best() -> None:
    text = tex(arms=("sgd",), problems=("xor",), score=lambda p, a, s: 2e-9)["leaderboard.tex"]
    assert "$2.1 \\times 10^{-9}$" in text
    assert (
        "\\textbf{\\boldmath $2.1 \\times 10^{-9}$}"
        in tex(arms=("sgd",), score=lambda p, a, s: 2e-9)["scores.tex"]
    )


def test_diverged_seeds_are_marked() -> None:
    lost = {("sgd", 1), ("adam", 1), ("adam", 2)}
    files = tex(seeds=(1, 2, 3), status=lambda p, a, s: "diverged" if (a, s) in lost else "ok")
    cells = [cell for row in body(files["scores.tex"]) for cell in row]
    marked = re.compile(r"\\textbf\{\\boldmath [\d.]+ \$\\times\$1\}")
    assert len([cell for cell in cells if marked.fullmatch(cell)]) == 2
    assert cells.count("diverged 2/3") == 2  # half or more: no mean


def test_trials_are_a_long_table_of_what_differs() -> None:
    results = make_results(arms=("sgd", "adam"), problems=("xor",), seeds=range(20), tune_seeds=())
    text = export(results, "latex")["trials.tex"].decode()
    stacked = r"\begin{tabular}[b]{@{}r@{}}validation \\ loss\end{tabular}"
    assert f"  arm & config & seed & {stacked} & test loss \\\\\n" in text
    for line in ("\\begin{longtable}{llrrr}", "\\endhead", "\\endlastfoot", "\\end{longtable}"):
        assert line in text
    rows = body(text)
    assert len(rows) == len(results.trials) == 160
    assert {len(row) for row in rows} == {5}
    assert "nan" not in text


@pytest.mark.slow
def test_a_table_too_wide_for_a_page_is_split_by_columns_that_keep_their_rows_names() -> None:
    arms = tuple(f"optimizer number {i}" for i in range(12))
    problems = tuple(f"set{i}" for i in range(12))
    text = tex(arms=arms, problems=problems, regression=())["scores.tex"]
    parts = text.split("\\begin{table}")[1:]
    assert len(parts) > 1
    bodies = [body(part) for part in parts]
    assert {tuple(row[0] for row in rows) for rows in bodies} == {problems}
    assert sum(len(rows[0]) - 1 for rows in bodies) == len(arms)
    assert all(f"Part {i} of {len(parts)}." in part for i, part in enumerate(parts, 1))


def test_names_of_files_are_safe_and_none_hides_another() -> None:
    files = tex(problems=("../x", "X", "x", "...", "con"), regression=())
    assert all(re.fullmatch(r"[a-z0-9_-]+\.tex", name) for name in files)
    assert {f"scores-x{end}.tex" for end in ("", "-2", "-3", "-4")} <= set(files)
    labels = [
        re.findall(r"\\label\{([^}]*)", text)[0] for name, text in files.items() if name != "preview.tex"
    ]
    assert len(labels) == len(set(map(str.lower, labels))) == len(files) - 1


def test_hostile_names_stay_names() -> None:
    arms = ("a_b & c%", "\\input{x}", "[2ex]")
    files = tex(arms=arms, problems=("$x^2$", "#1"), title="50 % {of")
    text = files["leaderboard.tex"] + files["scores.tex"]
    assert "    a\\_b \\& c\\% & " in text
    assert "    \\textbackslash{}input\\{x\\} & " in text
    assert "    {[}2ex{]} & " in text  # after \\ a bare bracket would be an optional argument
    assert " & \\$x\\textasciicircum{}2\\$ & \\#1 \\\\" in text
    assert "\\caption{50 \\% \\{of. " in text


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("arms", [("sgd", "rmsprop", "adam"), HOSTILE], ids=["plain", "hostile"])
def test_latex_sets_every_table_without_an_error_or_a_line_that_sticks_out(
    tmp_path: Path, arms: tuple[str, ...]
) -> None:
    files = tex(
        arms=arms,
        problems=("$x^2$", "two_moons", "1" * 70),
        title="50 % {of \\end{table} µ",
        regression=(),
        status=lambda p, a, s: {(0, 2): "failed", (1, 1): "diverged"}.get((arms.index(a), s), "ok"),
    )
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    command = ["pdflatex", "-no-shell-escape", "-interaction=nonstopmode", "preview.tex"]
    for _ in range(2):  # longtable finds its widths in the second run
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=300)
    log = (tmp_path / "preview.log").read_text(encoding="latin-1")
    assert ran.returncode == 0, [line for line in log.splitlines() if line.startswith("!")]
    assert re.findall(r"Overfull .*", log) == []
    assert "Missing character" not in log
    assert (tmp_path / "preview.pdf").stat().st_size > 10_000


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
        ("β₁, Ω", "$\\beta$$_{1}$, $\\Omega$"),
        ("é ß –", "é ß {--}"),
        ("?`", "{?}\\textasciigrave{}"),
        ("a, b!", "a, b!"),
        ("中", "\\ifdefined\\Umathchar 中\\else\\texttt{U+4E2D}\\fi{}"),
        ("", ""),
    ],
)
def test_texts_are_escaped(text: str, expected: str) -> None:
    assert escape(text) == expected


@given(st.text(st.characters() | st.sampled_from("\\\\{}$&#%_^~<>|\"`[]*-'?!,")))
def test_nothing_in_a_text_is_left_for_latex_to_act_on(text: str) -> None:
    written = escape(text)
    unknown = r"\\ifdefined\\Umathchar (.)\\else\\texttt\{U\+[0-9A-F]{4,6}\}\\fi\{\}"
    signs = r"\$(-|'|o|\\[a-zA-Z]+(\{[A-Z]\})?|[_^]\{[0-9-]\})\$"
    for known in (unknown, signs, r"\\text[a-z]+\{\}", r"\\[{}$&#%_]", r"\{(--|''|.)\}"):
        written = re.sub(known, "", written)
    assert not set(written) & set('\\{}$&#%_^~<>|"`[]*')
    assert not any(pair in written for pair in ("--", "''", "?`", "!`", ",,", "\n", "\r", "\t"))
