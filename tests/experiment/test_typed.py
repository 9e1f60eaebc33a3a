"""Experiments from Python: a dict or text in place of a file."""

from __future__ import annotations

import dataclasses
import datetime
import math
import tomllib
from collections import OrderedDict
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from experiment_factory import SMALL, load, registry
from hypothesis import given, strategies as st

import anncore
from anncore.contract.errors import ExperimentError
from anncore.experiment import Experiment, load_experiment
from anncore.experiment.plan import make_plan
from anncore.experiment.typed import read_source, to_toml

TABLES: dict[str, Any] = {
    "title": "Which optimizer is faster?",
    "vary": ["optimizer"],
    "train": {"steps": 10},
    "seeds": {"tune": [0, 1], "report": {"start": 100, "num": 3}},
    "dataset": {"two_moons": {"n": 60}},
    "optimizer": {"sgd": {"lr": [0.1, 1.0]}, "adam": {"lr": {"log": [1e-3, 1e-1], "num": 3}}},
}


def typed(data: Any, **options: Any) -> Experiment:
    return load_experiment(data, registry=registry(), **options)


def test_a_dict_its_text_and_its_file_plan_the_same_trials(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text(SMALL, encoding="utf-8")
    plans = [make_plan(typed(source)) for source in (TABLES, to_toml(TABLES), SMALL, tmp_path / "x.toml")]
    keys = [[trial.key for trial in plan.tune()] for plan in plans]
    assert len(keys[0]) == 10  # (2 + 3) rates x 2 seeds
    assert keys[1:] == keys[:1] * 3


def test_a_typed_experiment_has_a_name_and_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    experiment = typed(TABLES)
    assert (experiment.name, experiment.path) == ("which_optimizer_is_faster", None)
    assert experiment.base == tmp_path
    assert experiment.title == "Which optimizer is faster?"
    assert typed({**TABLES, "title": "!?"}).name == "experiment"
    assert typed(SMALL).name == "experiment"
    assert typed(SMALL).question == "Which optimizer is faster?"


def test_values_of_numpy_tuples_ranges_and_paths_are_those_of_toml() -> None:
    data = OrderedDict(
        vary=("optimizer",),
        seeds={"report": range(3, 6), "tune": np.arange(2)},
        optimizer=MappingProxyType({"sgd": {"lr": np.logspace(-2, 0, 3), "use": np.str_("sgd")}}),
        dataset={"csv": {"path": Path("a") / "b.csv", "header": np.True_}, "two_moons": {"n": np.int64(5)}},
        train={"stop": {"loss": np.float32(0.5)}},
        exclude=[{"optimizer": "sgd", "optimizer.lr": {"gt": 0.5}}],
    )
    assert tomllib.loads(to_toml(data)) == {
        "vary": ["optimizer"],
        "seeds": {"report": [3, 4, 5], "tune": [0, 1]},
        "optimizer": {"sgd": {"lr": [0.01, 0.1, 1.0], "use": "sgd"}},
        "dataset": {"csv": {"path": "a/b.csv", "header": True}, "two_moons": {"n": 5}},
        "train": {"stop": {"loss": 0.5}},
        "exclude": [{"optimizer": "sgd", "optimizer.lr": {"gt": 0.5}}],
    }


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
numbers = st.booleans() | st.integers() | st.floats(allow_nan=False)
values = st.recursive(
    numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(texts, values, max_size=4))
def test_what_is_written_reads_back_as_it_was(data: dict[str, Any]) -> None:
    assert tomllib.loads(to_toml(data)) == data


def test_numbers_without_end_are_written_as_toml_does() -> None:
    back = tomllib.loads(to_toml({"a": {"b": [math.nan, math.inf, -math.inf]}}))["a"]["b"]
    assert math.isnan(back[0])
    assert back[1:] == [math.inf, -math.inf]


ENDLESS: dict[str, Any] = {}
ENDLESS["train"] = ENDLESS


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (3, "an experiment is the path of a TOML file, TOML text, a dict or an Experiment, got 3"),
        (None, "got None"),
        (b"x.toml", "got b'x.toml'"),
        ([TABLES], "got "),
        ("", "got ''"),
        ("train.steps = 5", "does not exist. TOML text must have a line break to be read as text."),
        ("nope.toml", "Experiment file 'nope.toml' does not exist."),
        ("[train\nsteps = 5\n", "experiment, line 1, column 7: expected ']'"),
        ({**TABLES, "optimzer": {}}, "unknown key 'optimzer' .* Did you mean 'optimizer'"),
        ({**TABLES, 3: {}}, "keys must be texts, got 3"),
        ({**TABLES, "train": {"steps": None}}, "train.steps: None has no meaning in an experiment"),
        ({**TABLES, "train": {"steps": len}}, "train.steps: .* got a builtin_function_or_method"),
        ({**TABLES, "train": {"steps": {1, 2}}}, "train.steps: .* got a set"),
        ({**TABLES, "title": datetime.date(2026, 1, 1)}, "title: .* got a date"),
        ({**TABLES, "title": "\ud800"}, "is no valid Unicode"),
        ({**TABLES, "optimizer": {"a": {"use": anncore.Optimizer}}}, "got the class Optimizer"),
        ({**TABLES, "optimizer": ["adam"]}, r"\[optimizer\] must be a table"),
        (ENDLESS, "train.train.train is nested more than 50 levels deep"),
    ],
)
def test_a_mistake_is_one_line(given: Any, says: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ExperimentError, match=says) as caught:
        typed(given)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_class_in_place_of_its_name_is_told_where_to_go() -> None:
    adam = registry().get("optimizer", "adam").cls
    with pytest.raises(
        ExperimentError, match=r"name, 'adam', and hand the class over by components=\[Adam\]"
    ):
        typed({**TABLES, "optimizer": {"mine": {"use": adam}}})


def test_an_experiment_is_taken_as_it_is_but_takes_no_more_components(tmp_path: Path) -> None:
    experiment = load(tmp_path, SMALL)
    assert make_plan(experiment).experiment.text == experiment.text
    with pytest.raises(ExperimentError, match="hand them to load_experiment"):
        anncore.sweep(experiment, components=[anncore.Optimizer])
    assert read_source(tmp_path / "x.toml").typed is False


@pytest.mark.parametrize(
    ("missing", "what"),
    [
        ({"entries": {}}, "dataset"),
        ({"entries": {"dataset": ()}}, "dataset"),
        ({"registry": None}, "registry"),
        ({"train": None}, "train"),
    ],
)
def test_an_experiment_with_missing_parts_is_one_line(missing: dict[str, Any], what: str) -> None:
    experiment = dataclasses.replace(typed(TABLES), **missing)
    with pytest.raises(ExperimentError, match=f"the Experiment has no {what}; make it by load_experiment"):
        make_plan(experiment)


@pytest.mark.parametrize("kind", ["network", "optimizer", "loss"])
def test_an_experiment_without_a_kind_is_one_line(kind: str) -> None:
    experiment = typed(TABLES)
    fewer = dataclasses.replace(experiment, entries={**experiment.entries, kind: ()})
    with pytest.raises(ExperimentError, match=f"the Experiment has no {kind}; make it by load_experiment"):
        make_plan(fewer)
