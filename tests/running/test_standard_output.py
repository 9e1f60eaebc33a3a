"""What plugins write to standard output, from Python, from C or to file descriptor 1, breaks no JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from anncore.contract.standard_output import kept_for_results

LOUD = """
import ctypes, os
from dataclasses import dataclass
from typing import Any, ClassVar
import numpy as np
from anncore import Array, Data, Dataset, Hyper, Optimizer, hookimpl, hyper

def loud(where: str) -> None:
    print(f"printed by {where}")
    os.write(1, f"written by {where}\\n".encode())
    ctypes.CDLL(None).puts(f"put by {where}".encode())

loud("the import")

@dataclass(frozen=True)
class Loud(Optimizer):
    "Gradient descent: w - lr g. Domain: lr > 0. Cauchy 1847."
    name: ClassVar[str] = "loud"
    scope: ClassVar[str] = "array"
    lr: Hyper = hyper(0.1, "(0, inf)")
    def init(self, weight: Array) -> Any:
        return ()
    def step(self, weight: Array, grad: Array, state: Any, t: int) -> Any:
        loud("the step")
        return -self.lr * grad, ()

@dataclass(frozen=True)
class Points(Dataset):
    "Points. Domain: n. No reference."
    name: ClassVar[str] = "points"
    n: int = hyper(40, "int [10, inf)")
    def make(self, rng: np.random.Generator) -> Data:
        loud("the data")
        x = rng.standard_normal((self.n, 2))
        return Data(x, (x[:, 0] > 0).astype(int), "binary")

@hookimpl
def annx_optimizers() -> list: return [Loud]
@hookimpl
def annx_datasets() -> list: return [Points]
"""
EXPERIMENT = """\
# Loud?
plugins.files = ["loud.py"]
train = { steps = 2, eval_every = 1 }
seeds.report = [0, 1]
dataset.points = {}
network.mlp.hidden = [[2]]
optimizer.loud = {}
"""
CODE = """
import sys
import anncore.report.write
from anncore.cli import main
anncore.report.write.figures_to_draw = lambda results: []
main()
"""


@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_json_is_one_document_whatever_plugins_write(tmp_path: Path, executor: str) -> None:
    (tmp_path / "loud.py").write_text(LOUD)
    (tmp_path / "x.toml").write_text(EXPERIMENT)
    options = ("--out", "run", "--unchecked", "--executor", executor, "--jobs", "1", "--json")
    command = [sys.executable, "-c", CODE, "sweep", "x.toml", *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == {"ok": 2, "missing": 0}
    log = (tmp_path / "run" / "annx.log").read_text()
    assert "written by the step" in log
    assert "put by the step" in log
    assert "printed by the data" in done.stderr


def test_both_come_back_afterwards(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log"
    with kept_for_results(log):
        print("aside")  # noqa: T201
        os.write(1, b"to the log\n")
        with kept_for_results():
            os.write(1, b"to standard error\n")
        os.write(1, b"to the log again\n")
    os.write(1, b"results\n")
    assert log.read_text() == "to the log\nto the log again\n"
    output, error = capfd.readouterr()
    assert output == "results\n"
    assert sorted(error.splitlines()) == ["aside", "to standard error"]


def test_a_log_that_cannot_be_opened_is_standard_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with kept_for_results(tmp_path):  # a folder
        os.write(1, b"aside\n")
    assert capfd.readouterr() == ("", "aside\n")
