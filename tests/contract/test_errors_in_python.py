"""How errors call an option: as it is given where the error is met."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from anncore import StoreError, load_experiment, sweep
from anncore.cli.common import broken
from anncore.cli.group import cli
from anncore.cli.options import ExperimentOptions, RunOptions
from anncore.contract.errors import IN_PYTHON, AnnxError, on_command_line, without_out
from anncore.experiment.plan import make_plan


def test_an_option_has_the_name_of_the_argument_in_python_and_its_own_on_the_command_line() -> None:
    error = StoreError("x is no folder; give another by --out, or --fresh. --outer and a--out stay.")
    assert str(error) == "x is no folder; give another by out=..., or fresh=True. --outer and a--out stay."
    with on_command_line():
        assert error.lines == (error.args[0],)
    assert "--out" not in error.lines[0].split("--outer")[0]


def test_a_verb_without_out_does_not_advise_it(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "trials.sqlite").write_bytes(b"SQLite format 3" + bytes(5000))
    for verb in ("status", "report"):
        done = CliRunner().invoke(cli, [verb, str(folder)])
        assert done.exit_code == 2
        assert "--out" not in done.stderr
    assert without_out("Check it, or give another folder by --out.") == (
        "Check it, or copy the run folder to another place."
    )
    assert without_out("does not work; give a folder on a local disk by --out.") == (
        "does not work; copy the run folder to a local disk."
    )
    assert without_out("Give a folder by --out.") == "Copy the run folder to another place."


def test_every_option_of_a_sweep_has_a_name_in_python() -> None:
    options = {*ExperimentOptions.__dataclass_fields__, *RunOptions.__dataclass_fields__}
    options -= {"file", "overrides", "quick", "plugins", "fail_fast"}  # no message names these
    assert {option.replace("_", "-") for option in options} | {"plugin", "yes", "against"} == set(IN_PYTHON)


LARGE = """\
# Too many?
vary = ["optimizer"]
limits = { max_trials = 3 }
seeds = { report = { num = 10 } }
dataset.two_moons.n = 60
optimizer.sgd.lr = 0.1
"""


def test_a_plan_above_its_limit_says_what_to_write_in_both(tmp_path: Path) -> None:
    file = tmp_path / "large.toml"
    file.write_text(LARGE)
    with pytest.raises(AnnxError, match="allow_large=True"):
        make_plan(load_experiment(file))
    with pytest.raises(AnnxError, match="allow_large=True"):
        sweep(file, out=tmp_path / "run")
    done = CliRunner().invoke(cli, ["sweep", str(file), "--out", str(tmp_path / "run")])
    assert "run with --yes" in done.stderr


def test_a_long_error_is_broken_between_words_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    path = "/a/very-long/path/without-any-space/that-is-longer-than-the-line.toml"
    line = f"annx: {path}: [optimizer.sgd] lr must be in (0, inf), got -1."
    monkeypatch.setattr("anncore.cli.common.width", lambda *, err: 40)
    lines = broken(line).splitlines()
    assert " ".join(part.strip() for part in lines) == line
    assert any(path in part for part in lines)
    assert all(len(part) <= 40 for part in lines if path not in part)
    monkeypatch.setattr("anncore.cli.common.width", lambda *, err: None)
    assert broken(line) == line
