"""Experiment files for tests: a small valid one, and ways to write and load others."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from shipped import REGISTRY

from anncore.contract.registry import Registry
from anncore.experiment import Experiment, load_experiment
from anncore.experiment.plan import Plan, make_plan

SMALL = """
# Which optimizer is faster?
vary = ["optimizer"]
[train]
steps = 10
[seeds]
tune = [0, 1]
report = { start = 100, num = 3 }
[dataset.two_moons]
n = 60
[optimizer.sgd]
lr = [0.1, 1.0]
[optimizer.adam]
lr = { log = [1e-3, 1e-1], num = 3 }
"""


@cache
def registry() -> Registry:
    return REGISTRY


def load(tmp_path: Path, text: str, name: str = "x.toml", **options: Any) -> Experiment:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return load_experiment(file, registry=registry(), **options)


def plan(tmp_path: Path, text: str, **options: Any) -> Plan:
    large = options.pop("allow_large", False)
    return make_plan(load(tmp_path, text, **options), allow_large=large)
