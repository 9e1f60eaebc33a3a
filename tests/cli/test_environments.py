"""Last digits depend on the machine: a folder that took trials of two says so, before and afterwards."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from anncore import load_run
from anncore.cli.group import cli
from anncore.contract.engine_version import environment_digest, numeric_environment, told_apart

EXPERIMENT = """\
# Where did it run?
vary = ["optimizer"]
train = { steps = 12, eval_every = 6 }
seeds = { report = [1, 2] }
dataset.two_moons.n = 60
network.mlp.hidden = [[8]]
optimizer.sgd.lr = 0.1
optimizer.adam.lr = 0.01
"""
MORE = "seeds.report=[1,2,3]"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("anncore.report.write.figures_to_draw", lambda results: [])
    (tmp_path / "x.toml").write_text(EXPERIMENT)
    return tmp_path


def annx(*args: object) -> Result:
    result = CliRunner().invoke(cli, [str(arg) for arg in args])
    assert result.exit_code == 0, result.output
    return result


def sweep(folder: Path, *args: str) -> Result:
    return annx("sweep", folder / "x.toml", "--out", folder / "run", "--executor", "serial", *args)


def elsewhere(monkeypatch: pytest.MonkeyPatch) -> str:
    """Pretend that this is a machine with other kernels; returns its environment."""
    text = json.dumps({**json.loads(numeric_environment()), "blas": "openblas 9 Other"}, sort_keys=True)
    for module in ("worker", "sweep"):
        monkeypatch.setattr(f"anncore.running.{module}.numeric_environment", lambda: text)
    return text


def test_one_environment_is_named_and_not_spoken_of(folder: Path) -> None:
    assert sweep(folder).stderr == ""
    results = load_run(folder / "run")
    assert results.environments == {numeric_environment(): 4}
    assert set(results.trials["environment"]) == {environment_digest(numeric_environment())}
    assert "environments" not in annx("status", folder / "run").output
    (facts,) = json.loads(annx("status", folder / "run", "--json").output)["environments"]
    assert facts == {"trials": 4, **json.loads(numeric_environment())}


def test_resuming_on_another_says_so_first_and_the_report_warns(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep(folder)
    there = elsewhere(monkeypatch)
    assert sweep(folder).stderr == ""  # nothing runs, so nothing is mixed
    here, other = told_apart([there, numeric_environment()])
    message = (
        f"This is another environment ({here}) than the folder's (4 trials with {other}): "
        "last digits may differ.\n"
    )
    assert sweep(folder, MORE).stderr == message
    assert load_run(folder / "run").environments == {numeric_environment(): 4, there: 2}
    lines = annx("status", folder / "run").output.splitlines()
    at = lines.index("The trials ran in 2 environments, whose last digits differ:")
    assert lines[at + 1 : at + 3] == [f"  4 trials: {other}", f"  2 trials: {here}"]
    content = json.loads((folder / "run" / "report.json").read_text())
    warnings = {warning["kind"]: warning["text"] for warning in content["answer"]["warnings"]}
    assert warnings["environments"].startswith(
        f"The trials ran in 2 environments: 4 trials with {other}; 2 trials with {here}."
    )
    assert len(content["provenance"]["environments"]) == 2
    sweep(folder, MORE, "--fresh")
    assert list(load_run(folder / "run").environments) == [there]


@pytest.mark.slow
def test_another_kernel_is_another_environment(folder: Path) -> None:
    def kernel(name: str, *args: str) -> Any:
        command = [sys.executable, "-m", "anncore", "sweep", "x.toml", "--out", "run", "--json", *args]
        command += ["--executor", "serial", "--no-figures"]
        environ = {**os.environ, "OPENBLAS_CORETYPE": name}
        done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stderr

    assert kernel("Sandybridge") == ""
    message = kernel("Nehalem", MORE)
    if len(load_run(folder / "run").environments) == 1:
        pytest.skip("this BLAS has no kernels to choose from")
    assert "Nehalem) than the folder's (4 trials with blas" in message
    assert "Sandybridge): last digits may differ" in message
