"""A sweep in which nothing came out has a report that says so."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner
from sweep_factory import load

from anncore.cli.group import cli

FAILING = """
seeds = { tune = [0], report = [100, 101] }
optimizer.trouble = { how = "raise", lr = [0.1] }
optimizer.wild = { use = "trouble", how = "raise", lr = [0.2] }
"""


def test_a_sweep_whose_trials_all_fail_has_a_report(tmp_path: Path) -> None:
    load(tmp_path, FAILING)
    arguments = [
        "sweep",
        str(tmp_path / "small.toml"),
        "--out",
        str(tmp_path / "run"),
        "--unchecked",
        "-j",
        "1",
    ]
    result = CliRunner().invoke(cli, arguments)
    assert not isinstance(result.exception, ValueError)
    assert "Traceback" not in result.output
    text = (tmp_path / "run" / "report.md").read_text(encoding="utf-8")
    assert "I cannot go on" in text
