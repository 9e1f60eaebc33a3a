"""A run folder's reports, from the sweep to the sentence: what counts as a look, and what does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

import anncore
from anncore import load_run, merge_runs, sweep
from anncore.cli.group import cli
from anncore.report.build import build_report

TEXT = """\
# Which one moves?
vary = ["optimizer"]
train = { steps = 12, eval_every = 12, batch_size = 16 }
seeds = { report = { start = 100, num = 5 } }
dataset.blobs.n = 60
network.mlp.hidden = [[2]]
[optimizer.still]
use = "sgd"
lr = 1e-6
[optimizer.moving]
use = "sgd"
lr = 0.1
"""


def swept(folder: Path, number: int, out: str = "run", start: int = 100) -> Any:
    seeds = f"seeds.report={{ start = {start}, num = {number} }}"
    experiment = anncore.load_experiment(TEXT, overrides=[seeds])
    return sweep(experiment, out=folder / out, executor="serial")


def looks(folder: Path) -> list[int]:
    file = folder / "run" / "looks.json"
    return [len(look["seeds"]) for look in json.loads(file.read_text())["looks"]] if file.is_file() else []


def test_seeds_that_are_added_after_a_report_are_noticed(tmp_path: Path) -> None:
    swept(tmp_path, 5)
    assert looks(tmp_path) == []  # nobody has looked yet
    more = swept(tmp_path, 6)
    assert more.findings["looks"] == []
    assert looks(tmp_path) == [6]
    assert load_run(tmp_path / "run").findings["looks"] == []  # the same report again
    third = swept(tmp_path, 12)
    assert third.findings["looks"] == [6, 12]
    assert "Seeds were added by hand after a look at 6 of them" in " ".join(third.summary.split())
    (claim,) = third.findings["comparisons"]["overall"] or third.findings["comparisons"]["problems"]["blobs"]
    assert claim["verdict"] == "better"
    assert looks(tmp_path) == [6, 12]
    back = swept(tmp_path, 6)
    assert back.findings["looks"] == []  # that report was made before the third
    elsewhere = swept(tmp_path, 12, "elsewhere")
    assert elsewhere.findings["looks"] == []  # what another folder has shown, no folder can know


def test_a_report_on_the_command_line_is_a_look_and_a_second_rendering_is_none(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text(TEXT)
    out = str(tmp_path / "run")
    quiet = ["--no-figures", "--no-progress", "-q"]
    one = ["sweep", str(tmp_path / "x.toml"), "--out", out, "--executor", "serial", *quiet]
    for args in (one, one, ["report", out, "--no-figures", "-q"]):
        result = CliRunner().invoke(cli, args)
        assert result.exit_code == 0, result.output
    assert looks(tmp_path) == [5]
    result = CliRunner().invoke(cli, [*one[:2], "seeds.report.num=9", *one[2:-1]])
    assert result.exit_code == 0, result.output
    assert "Seeds were added by hand after a look at 5 of them" in result.output.replace("\n", " ")
    assert looks(tmp_path) == [5, 9]
    assert "Seeds were added by hand" in (tmp_path / "run" / "report.md").read_text()


def test_seeds_that_were_shown_and_are_left_out_block_claims(tmp_path: Path) -> None:
    assert swept(tmp_path, 6).findings["looks"] == []
    rerolled = swept(tmp_path, 8, start=200)
    assert rerolled.findings["answer"]["headline"] == (
        "No claim can be made where seeds that an earlier report has shown are left out."
    )


def test_a_joined_folder_remembers_the_reports_of_all(tmp_path: Path) -> None:
    assert swept(tmp_path, 6, "one").findings["looks"] == []
    assert swept(tmp_path, 9, "one").findings["looks"] == [6, 9]
    assert swept(tmp_path, 9, "two").findings["looks"] == []
    merge_runs([tmp_path / "one", tmp_path / "two"], tmp_path / "run")
    assert looks(tmp_path) == [6, 9, 9]
    assert load_run(tmp_path / "run").findings["looks"] == [6, 9]


def test_of_a_table_nobody_knows_who_looked() -> None:
    scores = {"arm": ["x", "y"] * 8, "problem": "p", "seed": [i // 2 for i in range(16)]}
    table = pd.DataFrame({**scores, "score": [0.5 + 0.01 * (i % 5) for i in range(16)]})
    content = build_report(anncore.judge(table, metric="accuracy"), {"judged": {"notes": []}})
    methods = {paragraph["title"]: paragraph["text"] for paragraph in content["methods"]["paragraphs"]}
    assert "whether seeds were added after looking" in methods["Origin"]


@pytest.mark.parametrize("field", ["seeds", "trials"])
def test_a_memory_that_is_damaged_stops_no_report(tmp_path: Path, field: str) -> None:
    run = swept(tmp_path, 5)
    assert run.findings["looks"] == []
    file = tmp_path / "run" / "looks.json"
    content = json.loads(file.read_text())
    content["looks"][0][field] = 3
    file.write_text(json.dumps(content))
    assert load_run(tmp_path / "run").findings["looks"] == []
