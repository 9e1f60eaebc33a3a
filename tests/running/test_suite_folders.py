"""A run folder keeps the list of its suite, so that a report does not change with its next version."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from report_schema import complaints

import anncore
from anncore import Problem, Suite
from anncore.report.run import Run
from anncore.running.run_folder import load_run


@dataclass(frozen=True)
class Two(Suite):
    """Two data sets.

    For tests.
    """

    name: ClassVar[str] = "two"
    version: ClassVar[int] = 7

    def sections(self) -> dict[str, dict[str, dict[str, object]]]:
        return {
            "dataset": {"moons": {"use": "two_moons", "n": 30}, "sine": {"n": 30}},
            "network": {"small": {"use": "mlp", "hidden": [2]}},
        }

    def problems(self) -> Sequence[Problem]:
        return [
            Problem(
                "moons", "borders", {"dataset": "moons", "network": "small"}, {"steps": 3, "batch_size": 8}
            ),
            Problem("sine", "curves", {"dataset": "sine", "network": "small"}, {"epochs": 2}),
        ]


@dataclass(frozen=True)
class Later(Two):
    """The next version, with other problems."""

    version: ClassVar[int] = 8

    def problems(self) -> Sequence[Problem]:
        return [Problem("other", "curves", {"dataset": "sine", "network": "small"})]


QUESTION: dict[str, Any] = {
    "suite": "two",
    "seeds": {"report": [0, 1]},
    "optimizer": {"sgd": {"lr": 0.1}, "adam": {}},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("suites") / "run"
    experiment = anncore.load_experiment(QUESTION, components=[Two])
    return anncore.sweep(experiment, out=folder, executor="serial")


@pytest.mark.parametrize("components", [[Two], [Later], []], ids=["as it was", "next version", "gone"])
def test_the_folder_is_read_with_the_list_that_it_ran_on(run: Run, components: list[type[Any]]) -> None:
    again = load_run(run.folder, components=components)
    assert again.plan.problems == ("moons", "sine")
    suite = again.experiment.suite
    assert suite is not None
    assert (suite.name, suite.version) == ("two", 7)
    assert again.experiment.train_of("moons").batch_size == 8
    assert len(again.trials) == 8


def test_plan_report_and_methods_name_the_suite(run: Run) -> None:
    plan = json.loads((Path(run.folder) / "plan.json").read_text(encoding="utf-8"))
    assert (plan["suite"]["name"], plan["suite"]["version"]) == ("two", 7)
    content = run.findings
    assert complaints(content) == []
    assert content["suite"]["groups"] == {"moons": "borders", "sine": "curves"}
    assert content["suite"]["digest"] == plan["suite"]["digest"]
    said = {paragraph["title"]: paragraph["text"] for paragraph in content["methods"]["paragraphs"]}
    assert "the suite two, version 7, of" in said["Suite"]
    assert "Its groups: borders (1) and curves (1)." in said["Suite"]
    assert "Every trial trains for 3 steps or 2 epochs on batches of 8 and 32" in said["Training"]


def test_provenance_has_what_the_suite_trains_with_and_not_the_defaults(run: Run) -> None:
    train = run.findings["provenance"]["train"]
    assert (train["steps"], train["epochs"], train["batch_size"]) == (3, 2, [8, 32])
