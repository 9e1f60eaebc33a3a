"""`annx status`: which run folder it takes, and what it says of a report that is not of its trials."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from anncore.cli.group import cli

EXPERIMENT = """\
# Where is it?
vary = ["optimizer"]
train = { steps = 4, eval_every = 2 }
seeds = { report = [1] }
dataset.two_moons.n = 60
network.mlp.hidden = [[4]]
optimizer.sgd.lr = 0.1
"""


def annx(*args: object, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, [str(arg) for arg in args])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("anncore.report.write.figures_to_draw", lambda results: [])
    (tmp_path / "first.toml").write_text(EXPERIMENT)
    return tmp_path


def test_without_a_folder_it_takes_the_newest_of_the_default_ones(place: Path) -> None:
    message = annx("status", code=2).stderr
    assert message == "annx: there is no run folder in reports/; name one: annx status DIR\n"
    annx("sweep", "first.toml", "--executor", "serial")
    shutil.copytree("reports/first", "reports/second")
    for name, seconds in (("first", 2e9), ("second", 1e9)):  # what was modified when, without waiting
        os.utime(place / "reports" / name / "trials.sqlite", (seconds, seconds))
    assert annx("status").stdout.splitlines()[0] == f"{Path('reports', 'first')}:"
    assert annx("status").stdout.splitlines()[1:] == annx("status", "reports/first").stdout.splitlines()
    assert json.loads(annx("status", "--json").stdout)["folder"] == str(Path("reports", "first"))


def test_a_report_that_is_not_of_these_trials_is_called_older(place: Path) -> None:
    annx("sweep", "first.toml", "--executor", "serial")
    report = f"Report: {Path('reports', 'first', 'report.html')}"
    assert annx("status", "reports/first").stdout.splitlines()[-1] == report
    kept = {path.name: path.read_bytes() for path in Path("reports/first").glob("report.*")}
    annx("sweep", "first.toml", "seeds.report=[1,2]", "--executor", "serial")
    for name, content in kept.items():  # as if the sweep had been killed before its report
        Path("reports/first", name).write_bytes(content)
    last = annx("status", "reports/first").stdout.splitlines()[-1]
    assert last == f"{report}, older than these trials; 'annx report' writes it anew"
    assert json.loads(annx("status", "reports/first", "--json").stdout)["report_outdated"] is True
    annx("report", "reports/first")
    assert annx("status", "reports/first").stdout.splitlines()[-1] == report
