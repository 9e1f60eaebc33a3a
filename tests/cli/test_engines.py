"""The engine of an experiment, as its user sees it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import anncore
from anncore.cli.group import cli
from anncore.engine.fusing import emit

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
        "'relu': optimizer shampoo: eigh needs the numbers of an array, which a kernel does not hand out "
        "(shampoo.py, line 129: values, vectors = eigh(statistic)); write engine = 'auto', which leaves such "
        "trials to 'blas'.\n"
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


@pytest.mark.parametrize(
    ("value", "why", "way_out"),
    [("", "llvmlite does not work", "install it"), ("0", "ANNX_FUSING=0 turns kernels off", "unset it")],
)
def test_without_kernels_auto_says_why_and_lanes_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, value: str, why: str, way_out: str
) -> None:
    monkeypatch.setenv("ANNX_FUSING", value)
    monkeypatch.setattr(emit, "available", lambda: False)
    monkeypatch.setattr("anncore.engine.lanes.choice.available", lambda: False)
    result = annx("auto", "plan")
    assert result.exit_code == 0
    assert f"engine = 'auto' computes everything by 'blas' here, as {why}; the keys" in result.stderr
    refused = annx("lanes", "plan")
    assert refused.exit_code == 2
    assert f"'lanes' needs kernels, and {why} here; {way_out}, or write engine = 'auto'." in refused.stderr
