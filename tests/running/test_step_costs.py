"""What a step of each arm costs. An optimizer that sleeps says beforehand how long a step takes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sweep_factory import load, without_seconds

from anncore import ExperimentError, curve_frame, load_run, sweep
from anncore.report.build import build_report, plain
from anncore.report.markdown import render_markdown
from anncore.running import step_costs

SLEEPY = """
import time
from dataclasses import dataclass
from typing import Any, ClassVar
import numpy as np
from anncore import Array, Hyper, hookimpl, hyper, Optimizer

@dataclass(frozen=True)
class Sleepy(Optimizer):
    'Gradient descent that sleeps.'
    name: ClassVar[str] = "sleepy"
    lr: Hyper = hyper(0.1, "(0, inf)")

    def init(self, weight: Array) -> Any:
        return ()

    def step(self, weight: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
        time.sleep(0.01)
        if float(np.abs(grad).max()) < 0:  # looking at a number keeps the step from being compiled
            raise ArithmeticError
        return -self.lr * grad, ()

@hookimpl
def annx_optimizers() -> list[Any]:
    return [Sleepy]
"""
SLEEP, READING = 0.01, 0.001  # seconds that a step of the slow arm and a look at the clock take
TWO = """
seeds = { tune = [0], report = [100, 101] }
report.costs = true
optimizer.slow.use = "sleepy"
optimizer.quick.use = "sgd"
"""


@pytest.fixture(autouse=True)
def _a_clock_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let sleep and looks at the clock take known times, later looks a bit more."""
    now, looks = 0.0, 0

    def pass_time(seconds: float | None = None) -> float:
        nonlocal now, looks
        looks += seconds is None
        now += READING + looks * 1e-9 if seconds is None else seconds
        return now

    monkeypatch.setattr(time, "sleep", pass_time)
    monkeypatch.setattr(step_costs, "time", SimpleNamespace(perf_counter=pass_time))


def run(folder: Path, text: str = TWO, **options: Any) -> Any:
    (folder / "sleepy.py").write_text(SLEEPY)
    experiment = load(folder, text, plugins=[folder / "sleepy.py"])
    return sweep(experiment, out=folder / "run", executor="serial", unchecked=True, **options)


def test_an_arm_is_timed_alone_whatever_its_stack_took(tmp_path: Path) -> None:
    results = run(tmp_path)
    slow, quick = sorted(results.costs, key=lambda cost: -cost.seconds)
    assert (slow.arm, quick.arm, slow.trials, quick.trials) == ("slow", "quick", 2, 2)
    assert SLEEP / 2 <= slow.seconds < SLEEP  # two trials share a step
    assert quick.seconds < SLEEP / 4
    assert slow.seconds <= slow.median <= slow.high
    report = results.trials[results.trials["phase"] == "report"]
    assert report.groupby("arm")["train_seconds"].first().nunique() == 1  # the stack's share tells nothing


@pytest.mark.slow
def test_seconds_to_the_target_are_steps_times_the_cost(tmp_path: Path) -> None:
    results = run(tmp_path)
    seconds = {cost.arm: cost.seconds for cost in results.costs}
    curves = curve_frame(results, "valid_loss")
    assert curves["seconds"].to_list() == pytest.approx(
        (curves["step"] * curves["arm"].map(seconds)).to_list()
    )
    content = build_report(results, {})
    assert content["speed"]["clock"] == "alone"
    assert {row["arm"]: row["seconds"] for row in content["costs"]} == seconds
    texts = {paragraph["title"]: paragraph["text"] for paragraph in content["methods"]["paragraphs"]}
    assert "times the cost of a step" in texts["Speed"]
    assert "what one costs the arm alone" in render_markdown(plain(content))


@pytest.mark.slow
def test_a_folder_gives_costs_back_and_does_not_measure_again(tmp_path: Path) -> None:
    first = run(tmp_path)
    assert load_run(tmp_path / "run").costs == first.costs
    assert run(tmp_path).costs == first.costs
    assert run(tmp_path, fresh=True).costs != first.costs
    costs = json.loads((tmp_path / "run" / "costs.json").read_text())
    assert [cost["arm"] for cost in costs["costs"]] == ["slow", "quick"]


@pytest.mark.slow
def test_what_is_not_asked_for_is_not_measured_and_no_number_moves(tmp_path: Path) -> None:
    asked = run(tmp_path)
    (tmp_path / "plain").mkdir()
    plainly = run(tmp_path / "plain", TWO.replace("report.costs = true\n", ""))
    assert plainly.costs == ()
    assert not (tmp_path / "plain" / "run" / "costs.json").exists()
    assert without_seconds(asked) == without_seconds(plainly)
    speed = build_report(plainly, {})["speed"]
    assert speed["clock"] == "shared"
    text = render_markdown(plain(build_report(plainly, {})))
    assert "so they do not tell arms apart" in text


def test_an_arm_that_fails_has_no_cost_and_the_others_have(tmp_path: Path) -> None:
    text = TWO.replace('quick.use = "sgd"', 'quick = { use = "trouble", how = "raise" }')
    results = run(tmp_path, text.replace("tune = [0], ", "") + "report.target = 0.69\n")
    assert [cost.arm for cost in results.costs] == ["slow"]
    content = plain(build_report(results, {}))
    assert {row["arm"] for row in content["costs"]} == {"slow"}
    times = {row["arm"]: row for row in content["speed"]["times"]}
    assert times["quick"]["seconds"] is None


def test_costs_is_a_flag(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="costs"):
        run(tmp_path, TWO.replace("costs = true", 'costs = "yes"'))


def test_arms_that_trained_on_different_engines_are_timed_on_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("llvmlite")
    timed, make_stack = [], step_costs.make_stack

    def noted(trials: Any, registry: Any) -> Any:
        timed.extend(trial.train.engine for trial in trials)
        return make_stack(trials, registry)

    monkeypatch.setattr(step_costs, "make_stack", noted)
    (tmp_path / "sleepy.py").write_text(SLEEPY)
    for slow, engine in (("sleepy", "blas"), ("momentum", "lanes")):
        timed.clear()
        experiment = load(
            tmp_path,
            TWO.replace('"sleepy"', f'"{slow}"'),
            plugins=[tmp_path / "sleepy.py"],
            overrides=['train.engine="auto"'],
        )
        results = sweep(experiment, out=tmp_path / slow, executor="serial", unchecked=True)
        assert len(results.costs) == 2
        assert set(timed) == {engine}
