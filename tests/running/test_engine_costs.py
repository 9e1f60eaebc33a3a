"""`annx bench FILE.toml`: what a step costs on each engine. Times come from a clock that the tests set."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from anncore.cli.group import MISUSED, OK, cli
from anncore.running import engine_costs

pytest.importorskip("llvmlite")

TEXT = """
schema = 1
title = "Which?"
vary = ["optimizer"]
seeds = { tune = [0, 1, 2], report = [10, 11] }
train = { steps = 20, eval_every = 4, batch_size = 16 }
optimizer.adam.lr = [0.01, 0.1]
optimizer.sgd = {}
dataset.xor.n = 60
dataset.two_moons.n = 60
network.mlp.hidden = [3]
"""
READING = 0.001  # seconds that a look at the clock takes


@pytest.fixture(autouse=True)
def _a_clock_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def look() -> float:
        nonlocal now
        now += READING
        return now

    monkeypatch.setattr(engine_costs, "time", SimpleNamespace(perf_counter=look))


def bench(folder: Path, *arguments: str, text: str = TEXT) -> Result:
    (folder / "mine.toml").write_text(text)
    return CliRunner().invoke(cli, ["bench", *arguments, str(folder / "mine.toml"), "--repetitions", "2"])


def costs_of(folder: Path, text: str = TEXT) -> list[dict[str, Any]]:
    result = bench(folder, "--json", text=text)
    assert result.exit_code == OK, result.output
    document = json.loads(result.stdout)
    assert {"cpu", "cores", "packages"} <= set(document["machine"])
    costs: list[dict[str, Any]] = document["engines"]
    return costs


def test_a_step_is_timed_per_trial_and_an_evaluation_against_the_steps_before_it(tmp_path: Path) -> None:
    xor, moons = costs_of(tmp_path)
    assert (xor["problem"], moons["problem"]) == ("xor", "two_moons")
    # 2 x 3 + 3 weights, and 3 + 1 biases; 3 seeds of 2 + 1 configurations side by side.
    assert [(cost["weights"], cost["trials"], cost["left_to_blas"]) for cost in (xor, moons)] == [
        (13, 9, 0)
    ] * 2
    for cost in (xor, moons):
        # Each look at the clock takes a millisecond: four steps take one, and so does an evaluation.
        for engine in ("blas", "lanes"):
            assert cost[f"us_per_trial_step_{engine}"] == pytest.approx(READING / 4 / 9 * 1e6)
            assert cost[f"evaluation_{engine}"] == pytest.approx(1)
        assert cost["ratio"] == pytest.approx(1)
        assert cost["kernels_seconds"] == pytest.approx(READING)


def test_what_lanes_cannot_compute_is_counted_with_the_reason(tmp_path: Path) -> None:
    xor, _ = costs_of(tmp_path, TEXT + "optimizer.shampoo = {}\n")
    assert (xor["trials"], xor["left_to_blas"]) == (9, 3)
    assert "shampoo" in xor["why_not"]
    table = bench(tmp_path, text=TEXT + "optimizer.shampoo = {}\n")
    assert "3 left to blas: optimizer shampoo: eigh needs the numbers" in table.stdout


def test_where_lanes_compute_nothing_blas_is_timed_alone(tmp_path: Path) -> None:
    text = TEXT.replace("optimizer.adam.lr = [0.01, 0.1]\noptimizer.sgd = {}", "optimizer.shampoo = {}")
    xor, _ = costs_of(tmp_path, text)
    assert (xor["trials"], xor["left_to_blas"]) == (3, 3)
    assert xor["us_per_trial_step_blas"] == pytest.approx(READING / 4 / 3 * 1e6)
    missing = ("us_per_trial_step_lanes", "evaluation_lanes", "ratio", "kernels_seconds")
    assert [xor[name] for name in missing] == [None] * 4
    row = bench(tmp_path, text=text).stdout.splitlines()[2].split()
    assert row[:3] == ["xor", str(xor["weights"]), "3"]
    assert row.count("-") == 4


def test_real_times_are_positive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_costs, "time", time)
    for cost in costs_of(tmp_path):
        assert min(cost["us_per_trial_step_blas"], cost["us_per_trial_step_lanes"], cost["ratio"]) > 0


def test_an_experiment_is_measured_by_itself(tmp_path: Path) -> None:
    result = bench(tmp_path, "relu")
    assert result.exit_code == MISUSED
    assert "leave out the other names" in result.stderr
    result = CliRunner().invoke(cli, ["bench", str(tmp_path / "none.toml")])
    assert result.exit_code == MISUSED
    assert result.stderr.startswith("annx: Experiment file ")
