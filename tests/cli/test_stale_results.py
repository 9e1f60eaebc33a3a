"""An edited plugin is run anew; one that was not is resumed."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import pytest
from fresh_environment import Environment, fresh_environment, run

HELPER = "SCALE = 1.0\n"
FILE = '''
from dataclasses import dataclass
from typing import Any, ClassVar

from anncore import Activation, Array, Hyper, Optimizer, hookimpl, hyper
from helper import SCALE


@dataclass(frozen=True)
class Scaled(Optimizer):
    """Gradient descent: θ ← θ - lr g. Domain: lr > 0. Cauchy 1847."""

    name: ClassVar[str] = "scaled"
    lr: Hyper = hyper(0.1, "(0, inf)")

    def init(self, weight: Array) -> Any:
        return ()

    def step(self, weight: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
        return -SCALE * self.lr * grad, ()


@hookimpl
def annx_optimizers() -> list[Any]:
    return [Scaled]
'''
EXPERIMENT = """\
# Does it run anew?
vary = ["optimizer"]
train = { steps = 20, eval_every = 10 }
seeds = { report = [1, 2] }
dataset.two_moons.n = 60
network.mlp.hidden = [[4]]
optimizer.sgd.lr = 0.1
"""
FORMULA = "return -self.lr * grad, state"


def rows(folder: Path) -> dict[tuple[str, str], tuple[str, str]]:
    """Return by optimizer and seed the loss and the seconds, which only a new run changes."""
    with (folder / "run" / "trials.csv").open(newline="") as file:
        return {
            (row["optimizer"], row["seed"]): (row["test_loss"], row["train_seconds"])
            for row in csv.DictReader(file)
        }


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def must_rerun(
    before: dict[tuple[str, str], tuple[str, str]], after: dict[tuple[str, str], tuple[str, str]]
) -> None:
    """The edited arm has other losses; the other one was not run again."""
    assert after.keys() == before.keys()
    for (optimizer, seed), (loss, seconds) in after.items():
        if optimizer == "sgd":
            assert (loss, seconds) == before[optimizer, seed]
        else:
            assert loss != before[optimizer, seed][0]


def sweep(folder: Path) -> dict[tuple[str, str], tuple[str, str]]:
    command = [
        sys.executable,
        "-m",
        "anncore",
        "sweep",
        "x.toml",
        "--out",
        "run",
        "-q",
        "--no-figures",
        "--executor",
        "serial",
        "--plugin",
        "mine.py",
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return rows(folder)


def test_an_edited_helper_of_a_plugin_file_is_run_anew(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text(HELPER)
    (tmp_path / "mine.py").write_text(FILE)
    (tmp_path / "x.toml").write_text(EXPERIMENT + "optimizer.scaled.lr = 0.1\n")
    first = sweep(tmp_path)
    assert first["sgd", "1"][0] == first["scaled", "1"][0]
    assert sweep(tmp_path) == first  # seconds too: nothing ran
    edit(tmp_path / "helper.py", "1.0", "0.5")
    must_rerun(first, sweep(tmp_path))


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return fresh_environment(tmp_path_factory.mktemp("edited"), [], own_wheel=False)


@pytest.mark.slow
def test_an_edited_formula_of_an_editable_install_is_run_anew(
    environment: Environment, tmp_path: Path
) -> None:
    assert environment.annx("new-plugin", "mine", "--kind", "optimizer", cwd=tmp_path).returncode == 0
    (source,) = tmp_path.glob("*/annx_mine.py")
    edit(
        source,
        "raise NotImplementedError("
        '"not written yet: return the change to add to weight, and the next state")',
        FORMULA,
    )
    with (source.parent / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(
            '\n[tool.hatch.build]\ndev-mode-dirs = ["."]\n'
        )  # a .pth file, which needs no further package
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "--python"]
    how = ["install", "--no-deps", "--no-index", "--no-build-isolation", "--editable"]
    run([*pip, str(environment.bin / "python"), *how, str(source.parent)])
    (tmp_path / "x.toml").write_text(EXPERIMENT + "optimizer.mine.lr = 0.1\n")

    def again() -> dict[tuple[str, str], tuple[str, str]]:
        options = ("--out", "run", "-q", "--no-figures", "--executor", "serial")
        done = environment.annx("sweep", "x.toml", *options, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        return rows(tmp_path)

    first = again()
    assert again() == first
    edit(source, FORMULA, "return -0.5 * self.lr * grad, state")
    must_rerun(first, again())
