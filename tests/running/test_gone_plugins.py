"""A run folder whose plugins are gone: every verb shows what is stored, and names what is missing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from shipped import REGISTRY

from anncore import StoreError, load_run
from anncore.cli.group import cli
from anncore.contract.hyperparameters import declared, references
from anncore.contract.registry import Registry
from anncore.contract.stand_ins import StandIn, describe, gone, with_stand_ins
from anncore.running.own_folders import sealed
from anncore.running.run_folder import RunFolder

PLUGIN = """
from dataclasses import dataclass
from typing import Any, ClassVar
import numpy as np
from anncore import Activation, Array, Hyper, Metric, Optimizer, hookimpl, hyper, log, ref, OptimizerWrapper

@dataclass(frozen=True)
class Slope(Activation):
    "A slope, f(z) = a z. Domain: a > 0. No reference."
    name: ClassVar[str] = "slope"
    a: Hyper = hyper(1.0, "(0, inf)")
    def forward(self, z: Array) -> Array:
        return self.a * z
    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        return self.a * grad

@dataclass(frozen=True)
class Walk(Optimizer):
    "Gradient descent: w - lr g. Domain: lr > 0. Cauchy 1847."
    name: ClassVar[str] = "walk"
    lr: Hyper = hyper(0.1, "(0, inf)", search=log(1e-3, 1.0))
    def init(self, weight: Array) -> Any:
        return ()
    def step(self, weight: Array, grad: Array, state: Any, t: int) -> Any:
        return -self.lr * grad, ()

@dataclass(frozen=True)
class Hits(Metric):
    "The share of hits. Domain: classes. No reference."
    name: ClassVar[str] = "hits"
    goal: ClassVar[str] = "max"
    tasks: ClassVar[tuple] = ("binary",)
    bounds: ClassVar[str] = "[0, 1]"
    def score(self, output: Array, target: Array) -> Array:
        return ((output > 0.5) == (target > 0.5)).mean(axis=(1, 2))

@hookimpl
def annx_activations() -> list: return [Slope]
@hookimpl
def annx_optimizers() -> list: return [Walk]
@hookimpl
def annx_metrics() -> list: return [Hits]
"""
EXPERIMENT = """\
# Which walk?
vary = ["optimizer", "activation"]
plugins.files = ["plugins/mine.py"]
train = { steps = 4, eval_every = 2 }
seeds = { tune = [0], report = [1, 2] }
select = { metric = "valid_hits" }
dataset.two_moons.n = 40
network.mlp.hidden = [[2]]
activation.slope.a = [0.5, 1.0]
activation.relu = {}
optimizer.walk.lr = [0.1, 0.2]
optimizer.sgd.lr = 0.1
"""


@pytest.fixture(scope="module", autouse=True)
def _undrawn() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("anncore.report.write.figures_to_draw", lambda results: [])
        yield


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place with a run folder, made with a plugin file."""
    place = tmp_path_factory.mktemp("swept")
    (place / "plugins").mkdir()
    (place / "plugins" / "mine.py").write_text(PLUGIN)
    (place / "x.toml").write_text(EXPERIMENT)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(place)
        result = invoke("sweep", "x.toml", "--executor", "serial", "--unchecked", "--out", "run", "-q")
    assert result.exit_code == 0, result.output
    return place


@pytest.fixture
def place(swept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the run folder elsewhere, as the working directory, while the plugin is away."""
    shutil.copytree(swept / "run", tmp_path / "run")
    shutil.copytree(swept / "run", tmp_path / "other")
    monkeypatch.chdir(tmp_path)
    away = swept / "away"
    (swept / "plugins").rename(away)
    yield tmp_path
    away.rename(swept / "plugins")


def invoke(*args: str) -> Result:
    return CliRunner().invoke(cli, args)


NAMED = (
    "is not here as it was (activation slope, optimizer walk, metric hits); shown is what the folder keeps.\n"
)


@pytest.mark.parametrize(
    "args", [("report", "run", "-q"), ("compare", "run", "other"), ("export", "run", "--format", "latex")]
)
def test_every_verb_shows_what_is_stored_and_names_what_is_gone(place: Path, args: tuple[str, ...]) -> None:
    result = invoke(*args)
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith("mine ")
    assert result.stderr.endswith(NAMED)


def test_the_report_says_the_same_as_with_the_plugin(place: Path, swept: Path) -> None:
    names = ("report.json", "report.md", "trials.csv")
    before = {name: (place / "run" / name).read_bytes() for name in names}
    assert invoke("report", "run", "-q").exit_code == 0
    assert {name: (place / "run" / name).read_bytes() for name in names} == before


def test_status_names_packages_and_versions(place: Path) -> None:
    packages = RunFolder(place / "run").packages()
    assert list(packages) == ["mine"]
    assert f"Uses mine {packages['mine']}\n" in invoke("status", "run").stdout
    assert json.loads(invoke("status", "run", "--json").stdout)["packages"] == packages


def test_a_plugin_that_takes_other_values_now_or_is_broken_is_as_one_that_is_gone(
    place: Path, swept: Path
) -> None:
    (swept / "plugins").mkdir()
    file = swept / "plugins" / "mine.py"
    try:
        for text in (PLUGIN.replace("lr: Hyper", "rate: Hyper").replace("self.lr", "self.rate"), "oops("):
            file.write_text(text)
            assert load_run(place / "run", curves=False).trials["arm"].nunique() == 4
    finally:
        file.unlink()
        (swept / "plugins").rmdir()


def test_figures_leave_out_what_cannot_compute_any_more(place: Path) -> None:
    from anncore.evidence.study import Study
    from anncore.report.components import components_of

    built = components_of(Study(load_run(place / "run")))
    assert {kind: list(labels) for kind, labels in built.items()} == {
        "activation": ["relu"],
        "optimizer": ["sgd"],
    }


def test_a_folder_of_before_names_the_file_that_is_gone(place: Path) -> None:
    file = place / "run" / "plan.json"
    plan = json.loads(file.read_text())
    del plan["components"]
    file.write_text(json.dumps(plan))
    unknown = invoke("report", "run")
    assert unknown.exit_code == 2
    assert unknown.stderr.startswith("annx: mine.py is not run, as this folder was made by somebody else")
    assert unknown.stderr.endswith("--plugin FILE.py loads a file that you know.\n")
    file.write_text(json.dumps(sealed(plan)))
    result = invoke("report", "run")
    assert result.exit_code == 2
    assert "mine.py' does not exist" in result.stderr


def test_damage_to_what_is_kept_is_one_line(place: Path) -> None:
    file = place / "run" / "plan.json"
    plan = json.loads(file.read_text())
    plan["components"][0]["form"] = "Loss"
    file.write_text(json.dumps(plan))
    with pytest.raises(StoreError, match=r"plan\.json cannot be read \(its components is damaged\)"):
        load_run(place / "run")


@pytest.mark.parametrize("component", REGISTRY.components, ids=lambda component: component.full_name)
def test_a_stand_in_declares_what_its_component_declares(component: object) -> None:
    """Of all shipped components, whatever their kind: hyperparameters, references and class attributes."""
    stored = json.loads(json.dumps(describe(component)))  # type: ignore[arg-type]
    made = with_stand_ins(Registry((), ()), [stored])
    (other,) = made.components
    assert issubclass(other.cls, StandIn)
    assert declared(other.cls) == declared(component.cls)  # type: ignore[attr-defined]
    assert references(other.cls) == references(component.cls)  # type: ignore[attr-defined]
    for name in ("tasks", "goal", "bounds", "range", "natural_for", "trainable", "floor", "watches"):
        assert getattr(other.cls, name, None) == getattr(component.cls, name, None), name  # type: ignore[attr-defined]
    assert gone(made) == [
        f"{other.dist} {other.version} is not here as it was ({other.kind} {other.name}); shown is what the "
        "folder keeps."
    ]


def test_what_is_kept_of_a_component_has_its_documentation_under_python_oo(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`python -OO` removes docstrings from the code; the source has them still."""
    component = REGISTRY.get("optimizer", "adam")
    monkeypatch.setattr(component.cls, "__doc__", None)
    monkeypatch.setattr("anncore.contract.documentation.REMOVED", True)
    assert describe(component)["documentation"].startswith("Adaptive moment estimation.")
