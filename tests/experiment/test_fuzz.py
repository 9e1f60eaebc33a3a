"""Whatever a file holds: an experiment and a plan, or one line that says what is wrong."""

from __future__ import annotations

import copy
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from experiment_factory import registry
from hypothesis import HealthCheck, example, given, settings, strategies as st

from anncore.contract.errors import AnnxError
from anncore.experiment import Experiment, load_experiment
from anncore.experiment.document import Source
from anncore.experiment.plan import make_plan
from anncore.experiment.read import ReadOptions, read_experiment

FULL = """
schema = 1
title = "t"
vary = ["optimizer"]
[train]
steps = 10
batch_size = 8
eval_every = 5
stop = { loss = 0.05, patience = 2, min_delta = 1e-4 }
[split]
valid = 0.2
[seeds]
tune = [0, 1]
report = { start = 100, num = 2 }
[select]
metric = "valid_loss"
goal = "min"
[search]
method = "halton"
samples = 3
[dataset.two_moons]
n = [60]
noise = [0.1, 0.3]
[dataset.iris]
[network.mlp]
hidden = [[4], [8]]
activation = "relu"
[loss.auto]
[optimizer.sgd]
lr = { log = [1e-3, 1.0], num = 3 }
[optimizer.momentum]
"lr, momentum" = [[0.1, 0.9], [0.01, 0.99]]
[optimizer.adam]
lr = "search"
beta2 = { uniform = [0.9, 0.99] }
[[exclude]]
optimizer = "sgd"
"optimizer.lr" = { gt = 0.5 }
dataset = ["two_moons"]
[[include]]
optimizer = "sgd"
dataset = "iris"
"network.hidden" = [4]
"optimizer.lr" = 0.7
[limits]
max_trials = 500
timeout = "60s"
[report]
control = "sgd"
"""
DOCUMENT = tomllib.loads(FULL)

WORDS = [
    "sgd",
    "adam",
    "relu",
    "auto",
    "search",
    "full",
    "use",
    "lr",
    "log",
    "num",
    "preset",
    "iris",
    "",
    "a, b",
]
scalars = (
    st.integers(-3, 60)
    | st.just(10**30)
    | st.floats(width=32)
    | st.booleans()
    | st.sampled_from(WORDS)
    | st.text(max_size=4)
    | st.dates()
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    paths = [path]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        paths += places(item, (*path, key))
    return paths


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    data = copy.deepcopy(DOCUMENT)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(places(data)[1:] or [("train",)]))
        table: Any = data
        for key in path[:-1]:
            table = table[key]
        action = draw(st.sampled_from(["set", "drop", "add", "rename"]))
        if action == "set" or not isinstance(table, dict):
            table[path[-1]] = draw(values)
        elif action == "drop":
            table.pop(path[-1], None)
        elif action == "add":
            table[draw(st.sampled_from(WORDS) | st.text(max_size=3))] = draw(values)
        else:
            table[draw(st.sampled_from(WORDS))] = table.pop(path[-1], 0)
    return data


def understood(make: Any) -> None:
    """Pass where `make` returns an experiment that plans, or raises one line for the user."""
    message = ""
    try:
        experiment = make()
        assert isinstance(experiment, Experiment)
        for _ in make_plan(experiment).tune():
            pass
    except AnnxError as error:
        message = str(error) or "nothing\n"
    assert "\n" not in message


def test_the_document_itself_plans() -> None:
    source = Source(Path("x.toml"), FULL, DOCUMENT)
    experiment = read_experiment(source, ReadOptions(), registry())
    assert make_plan(experiment).counts["included"] == 1


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(documents())
@example(DOCUMENT)
def test_mutated_documents(data: dict[str, Any]) -> None:
    source = Source(Path("x.toml"), "", data)
    understood(lambda: read_experiment(source, ReadOptions(), registry()))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_mutated_text(data: st.DataObject) -> None:
    raw = bytearray(FULL.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 12))] = data.draw(st.binary(max_size=3))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "x.toml"
        file.write_bytes(raw)
        understood(lambda: load_experiment(file, registry=registry()))


@settings(max_examples=100, deadline=None)
@given(
    st.text(max_size=30) | st.sampled_from(["train.steps", "optimizer.sgd", "seeds.tune"]),
    st.text(max_size=12),
)
def test_any_override(key: str, value: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "x.toml"
        file.write_text(FULL)
        understood(lambda: load_experiment(file, overrides=[f"{key}={value}"], registry=registry()))
