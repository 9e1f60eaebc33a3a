"""The shipped experiments load and plan; the examples of their guide do in `test_readme.py`."""

from __future__ import annotations

from pathlib import Path

import pytest
from experiment_factory import registry

from anncore.experiment import load_experiment
from anncore.experiment.plan import make_plan

FOLDER = Path(__file__).parents[1] / "experiments"
FILES = sorted([*FOLDER.glob("*.toml"), *FOLDER.glob("claims/*.toml")])
GUIDE = (FOLDER / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_shipped_experiment_plans_and_asks_a_question(file: Path) -> None:
    experiment = load_experiment(file, registry=registry())
    made = make_plan(experiment)
    assert experiment.question.endswith("?")
    assert experiment.title.endswith("?")
    assert len(experiment.title) <= 70
    assert len(made.arms) > 1
    assert len(experiment.report_seeds) >= 10
    assert file.name in GUIDE


def test_optimizers_compares_five_over_eight_data_sets_or_more_with_equal_budgets() -> None:
    experiment = load_experiment(FOLDER / "optimizers.toml", registry=registry())
    made = make_plan(experiment)
    assert set(made.arms) == {"sgd", "momentum", "adagrad", "rmsprop", "adam"}
    assert len(made.problems) >= 8
    real = {"iris", "wine", "breast_cancer", "digits", "diabetes"}
    labels = {entry.label for entry in experiment.entries["dataset"]}
    assert len(labels & real) >= 3
    assert len(labels - real) >= 3
    assert len(set(made.configurations.values())) == 1
    assert len(experiment.report_seeds) == 10
