"""report.json keeps to the schema that is published for programs that read it."""

from __future__ import annotations

import copy
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from report_schema import CONTENT, complaints
from results_factory import asked, make_results
from sweep_factory import TUNED, load
from unsaved import unsaved_figures

from anncore import load_experiment, sweep
from anncore.evidence import cautions as audit
from anncore.experiment.model import Rounds
from anncore.report import write_report
from anncore.report.build import SCHEMA, SCHEMA_ID, build_report, plain
from anncore.report.refresh import UNDRAWN
from anncore.report.write import PLACES
from anncore.testing import figure_data


def few(**options: Any) -> Any:
    return make_results(**({"problems": ("two_moons", "sine"), "seeds": (100, 101, 102)} | options))


def properties(node: Any = CONTENT, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every property of the schema by its path, those of definitions among them."""
    if isinstance(node, dict):
        for key, value in node.get("properties", {}).items():
            yield f"{path}.{key}", value
        for key, value in node.items():
            yield from properties(value, path if key in ("properties", "items") else f"{path}.{key}")
    elif isinstance(node, list):
        for value in node:
            yield from properties(value, path)


def test_the_schema_is_one_and_of_the_version_that_is_written() -> None:
    Draft202012Validator.check_schema(CONTENT)
    assert CONTENT["properties"]["schema"]["const"] == SCHEMA
    assert CONTENT["$id"] == CONTENT["properties"]["$schema"]["const"] == SCHEMA_ID
    assert CONTENT["title"] == "annx report"
    assert SCHEMA_ID.endswith(f":{SCHEMA}")


def test_every_object_of_the_schema_names_all_its_keys_or_none() -> None:
    def walk(node: Any) -> None:
        if isinstance(node, dict):
            # The machine tells what it likes of itself.
            own = node is not CONTENT["properties"] and node is not CONTENT["properties"]["provenance"]
            if "properties" in node and own:
                assert node["additionalProperties"] is False
                assert set(node["required"]) <= set(node["properties"])
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(CONTENT)


def test_every_property_says_more_than_its_name() -> None:
    described = dict(properties())
    assert len(described) > 200
    for path, node in described.items():
        said = node.get("description", "")
        name = set(re.findall("[a-z]+", path.rpartition(".")[2].lower()))
        beyond = [word for word in re.findall("[a-z]+", said.lower()) if word not in name]
        assert len(beyond) >= 3, path
        assert said.endswith((".", "?", '"')), path
    assert all(node["description"] for node in CONTENT["$defs"].values())


def test_what_may_be_null_says_when() -> None:
    def may_be_null(node: Any) -> bool:
        return "null" in node.get("type", ()) or {"type": "null"} in node.get("oneOf", ())

    conditional = [(path, node["description"]) for path, node in properties() if may_be_null(node)]
    assert len(conditional) > 40
    assert [path for path, said in conditional if "null" not in said] == []


def test_no_description_speaks_of_a_key_that_is_not_there() -> None:
    """Words in backquotes are keys of this schema, so that a renamed key is renamed in the prose too."""
    names = {path.rpartition(".")[2] for path, _ in properties()}
    quoted = re.findall("`([^`]+)`", json.dumps(CONTENT, ensure_ascii=False))
    assert len(quoted) > 40
    unknown = {name for name in quoted if not set(name.split(".")) <= names}
    assert unknown == {"inputs_sha256"}  # of provenance, which a sweep adds


def test_the_kinds_of_warnings_are_told_in_full() -> None:
    made = set(re.findall(r'Caution\(\s*"(\w+)"', inspect.getsource(audit))) | {"figure", "section", UNDRAWN}
    said = CONTENT["$defs"]["warning"]["properties"]["kind"]["description"]
    assert set(re.findall(r"\w+", said.partition(":")[2])) == made
    section = CONTENT["$defs"]["figure"]["properties"]["section"]["description"]
    assert set(re.findall(r"[\w-]+", section.partition(":")[2])) - {"or"} == set(PLACES)


@pytest.mark.slow
def test_a_report_with_figures_passes_as_it_lies_in_its_folder(tmp_path: Path) -> None:
    with unsaved_figures():
        write_report(few(), tmp_path, meta={"command": "annx sweep x.toml"})
    assert complaints(json.loads((tmp_path / "report.json").read_text())) == []


@pytest.mark.slow
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


SWEEP = """
seeds = { tune = [0, 1], report = [100, 101] }
dataset.two_moons.n = 60
optimizer.sgd.lr = [0.01, 0.1]
optimizer.adam.lr = [0.01, 0.1]
"""
FUNCTIONS = """\
# Which one gets down?
vary = ["optimizer"]
train = { steps = 6, eval_every = 3 }
seeds = { tune = [0], report = [100, 101] }
objective.rosenbrock = {}
objective.beale = {}
optimizer.sgd.lr = [1e-4, 1e-3, 1e-2]
optimizer.adam.lr = [0.01, 0.1, 1.0]
"""
TROUBLE = """
seeds.report = [100, 101]
optimizer.well.use = "sgd"
optimizer.lost = { use = "trouble", how = "nan" }
optimizer.broken = { use = "trouble", how = "raise" }
"""
NEAR = "seeds.report = { start = 100, num = 6 }\n" + "".join(
    f'optimizer.{name} = {{ use = "sgd", lr = 0.01 }}\n' for name in ("one", "two")
)
ALONE = "seeds.report = [100, 101]\noptimizer.sgd = {}\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "options", "holds"),
    [
        (SWEEP, {}, lambda r: r["select"]["tuned"] and len(r["problems"]) == 2),
        (FUNCTIONS, {}, lambda r: r["unit"] == "functions" and r["sensitivity"]),
        (NEAR, {"until_decided": True, "max_seeds": 8}, lambda r: r["rounds"]["most"] == 8),
        (TUNED + "search.widen = true\n", {}, lambda r: r["widened"]),
        (TROUBLE + 'report.waive = ["failed"]\n', {}, lambda r: r["waived"] == ["failed"]),
        (TROUBLE, {}, lambda r: r["counts"]["failed"] == 2 and len(r["failed_trials"]) == 4),
        (SWEEP + "report.costs = true\n", {}, lambda r: len(r["costs"]) == 4),
        (SWEEP, {"overrides": ['train.watch=["dead_units"]']}, lambda r: r["watched"][0]["low"] == 0),
        (ALONE, {}, lambda r: r["arms"] == ["sgd"] and r["improvement"] is None),
        (ALONE, {"max_time": 1e-9}, lambda r: r["counts"]["trials"] == 0),
    ],
    ids=[
        *("data sets", "objectives", "rounds", "widened", "waived", "failures", "costs", "watched"),
        *("one arm, one data set", "nothing run"),
    ],
)
def test_the_report_of_a_real_sweep_passes(text: str, options: Any, holds: Any, tmp_path: Path) -> None:
    options = dict(options)
    overrides = options.pop("overrides", ())
    if text is FUNCTIONS:
        (tmp_path / "x.toml").write_text(text)
        experiment = load_experiment(tmp_path / "x.toml")
    else:
        experiment = load(tmp_path, "\n" + text, overrides=overrides)
    results = sweep(experiment, out=tmp_path / "run", executor="serial", unchecked=True, **options)
    report = json.loads(json.dumps(plain(build_report(results, {})), allow_nan=False))
    assert complaints(report) == []
    assert holds(report)


def test_rounds_pass() -> None:
    results = few()
    results = asked(results, rounds=Rounds((2, 3), 30, 4))
    assert complaints(plain(build_report(results, {}))) == []


def test_reports_of_hard_cases_pass() -> None:
    for made in figure_data.hard():
        assert complaints(plain(made.data.report)) == [], made.label


def test_what_is_wrong_does_not_pass() -> None:
    report = plain(build_report(few(), {}))
    for change in (
        lambda r: r.pop("answer"),
        lambda r: r.update(extra=1),
        lambda r: r.update(schema=1),
        lambda r: r.update({"$schema": "urn:annx:report:1"}),
        lambda r: r["provenance"].update(training_seconds="long"),
        lambda r: r["comparisons"]["problems"]["sine"][0].update(verdict="perhaps"),
        lambda r: r["leaderboard"]["problems"]["sine"][0].update(value="NaN"),
    ):
        wrong = copy.deepcopy(report)
        change(wrong)
        assert complaints(wrong)
