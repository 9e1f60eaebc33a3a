"""report.json keeps to the schema that is published for programs that read it."""

from __future__ import annotations

import copy
import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from results_factory import make_results

from anncore.experiment.model import Rounds
from anncore.report import write_report
from anncore.report.build import SCHEMA, build_report, plain
from anncore.testing import figure_data

CONTENT = json.loads((resources.files("anncore.report") / "report.schema.json").read_text("utf-8"))
VALIDATOR = Draft202012Validator(CONTENT)


def complaints(report: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(report)]


def few(**options: Any) -> Any:
    return make_results(**({"problems": ("two_moons", "sine"), "seeds": (100, 101, 102)} | options))


def test_the_schema_is_one_and_of_the_version_that_is_written() -> None:
    Draft202012Validator.check_schema(CONTENT)
    assert CONTENT["properties"]["schema"] == {"const": SCHEMA}


def test_every_object_of_the_schema_names_all_its_keys_or_none() -> None:
    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if "properties" in node and node is not CONTENT["properties"]:
                assert node["additionalProperties"] is False
            for each in node.values():
                walk(each)
        elif isinstance(node, list):
            for each in node:
                walk(each)

    walk(CONTENT)


def test_a_report_with_figures_passes_as_it_lies_in_its_folder(tmp_path: Path) -> None:
    write_report(few(), tmp_path, meta={"command": "annx sweep x.toml"})
    assert complaints(json.loads((tmp_path / "report.json").read_text())) == []


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"tune_seeds": (), "rates": (0.1,)},
        {"arms": ("alone",)},
        {"metric": "valid_accuracy", "goal": "max", "regression": ()},
        {"status": lambda p, a, s: "diverged" if a == "sgd" else "ok"},
        {"status": lambda p, a, s: "failed"},
        {"report": {"control": "adam", "rope": 0.1, "target": 0.2}},
        {"problems": tuple(f"set{i}" for i in range(7))},
    ],
    ids=["plain", "untuned", "one arm", "accuracy", "diverged", "failed", "control", "seven data sets"],
)
def test_whatever_a_sweep_came_to_its_report_passes(options: Any) -> None:
    assert complaints(plain(build_report(few(**options), {}))) == []


def test_rounds_pass() -> None:
    results = few()
    results.experiment.rounds = Rounds((2, 3), 30, 4)
    assert complaints(plain(build_report(results, {}))) == []


def test_reports_of_hard_cases_pass() -> None:
    for made in figure_data.hard():
        assert complaints(plain(made.data.report)) == [], made.label


def test_what_is_wrong_does_not_pass() -> None:
    report = plain(build_report(few(), {}))
    for change in (
        lambda r: r.pop("answer"),
        lambda r: r.update(extra=1),
        lambda r: r.update(schema=2),
        lambda r: r["comparisons"]["problems"]["sine"][0].update(verdict="perhaps"),
        lambda r: r["leaderboard"]["problems"]["sine"][0].update(value="NaN"),
    ):
        wrong = copy.deepcopy(report)
        change(wrong)
        assert complaints(wrong)
