"""The engine of an experiment, as its user sees it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import anncore
from anncore.cli.group import cli
from anncore.experiment import settings, trials

pytest.importorskip("llvmlite")

FILE = """
vary = ["optimizer"]
train = { steps = 20, eval_every = 10, engine = "ENGINE" }
seeds = { tune = [0], report = { start = 5, num = 3 } }
[dataset.two_moons]
n = 60
[network.mlp]
hidden = [[4]]
[optimizer.sgd]
lr = [0.01, 0.1]
[optimizer.shampoo]
lr = [0.1]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def annx(engine: str, *arguments: str) -> Result:
    Path("x.toml").write_text(FILE.replace("ENGINE", engine))
    verb, *rest = arguments
    return CliRunner().invoke(cli, [verb, "x.toml", *rest])


def test_lanes_are_refused_where_they_cannot_compute_an_arm(folder: Path) -> None:
    result = annx("lanes", "plan")
    assert result.exit_code == 2
    assert result.stderr == (
        "annx: x.toml: [train] engine = 'lanes' cannot compute dataset 'two_moons', network 'mlp', "
        "loss 'auto', optimizer 'shampoo', schedule 'constant', initializer 'glorot_uniform', activation "
        "'relu': optimizer shampoo is not a formula of each number by itself; write engine = 'auto', which "
        "leaves such trials to 'blas'.\n"
    )


def test_an_engine_that_does_not_exist_is_refused_in_a_line(folder: Path) -> None:
    result = annx("gpu", "plan")
    assert result.exit_code == 2
    assert "engine must be one of 'auto', 'blas', 'lanes', got 'gpu'" in result.stderr


def test_auto_gives_each_trial_the_engine_that_its_key_names(folder: Path) -> None:
    assert annx("auto", "sweep", "--jobs", "1", "--out", "run").exit_code == 0
    plan = anncore.make_plan(anncore.load_experiment("x.toml"))
    engines = {trial.arm: trial.train.engine for trial in plan.tune()}
    assert engines == {"sgd": "lanes", "shampoo": "blas"}
    text = (folder / "run" / "report.md").read_text()
    assert "computed by the engine 'lanes' where it can, and by 'blas' elsewhere" in " ".join(text.split())


def test_without_llvmlite_auto_says_so_and_lanes_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (settings, trials):
        monkeypatch.setattr(module, "available", lambda: False)
    monkeypatch.setattr("anncore.engine.lanes.choice.available", lambda: False)
    result = annx("auto", "plan")
    assert result.exit_code == 0
    assert "engine = 'auto' computes everything by 'blas' here, as llvmlite does not work" in result.stderr
    assert annx("lanes", "plan").exit_code == 2
    assert "needs llvmlite, which does not work here" in annx("lanes", "plan").stderr
