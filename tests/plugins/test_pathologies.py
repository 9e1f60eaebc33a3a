"""The suite of pathologies: known outcomes of known optimizers, and limits for each problem."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from shipped import REGISTRY

from anncore.contract.trial import Trial
from anncore.engine.training import train_stack
from anncore.experiment.plan import make_plan
from anncore.experiment.protocols import Protocol, arms_of, read_protocol

FIELD = Path(__file__).parents[2] / "reports" / "field" / "optimizer"
TUNED, PLAIN, OF_DATA, OF_DATA_PLAIN = (
    read_protocol(FIELD / f"pathologies{name}.toml")
    for name in ("", "_at_defaults", "_of_data", "_of_data_at_defaults")
)


def test_every_pathology_has_a_limit_below_its_start() -> None:
    suite = REGISTRY.get("suite", "pathologies").cls()
    names = [problem.name for problem in suite.problems()]
    assert list(TUNED.limits) == list(PLAIN.limits) == names
    assert TUNED.limits == PLAIN.limits
    assert len(names) >= 30


def test_on_data_nobody_reaches_a_limit_who_calls_the_smaller_class_wrong() -> None:
    """Such an example costs at least log 2, so that all of them cost log 2 times the share of their class."""
    suite = REGISTRY.get("suite", "pathologies_of_data").cls()
    tables = suite.sections()["dataset"]
    assert [problem.name for problem in suite.problems()] == list(OF_DATA.limits) == list(tables)
    assert OF_DATA.limits == OF_DATA_PLAIN.limits
    for name, limit in OF_DATA.limits.items():
        assert limit < math.log(2) * (1 - float(str(tables[name]["positives"])))


@pytest.mark.parametrize("name", ["wilson", "wilson_rare"])
@pytest.mark.parametrize(
    ("arm", "stands"),
    [("sgd", True), ("momentum", True), ("adam", False), ("adagrad", False), ("adamw", False)],
)
def test_adaptive_methods_fall_into_wilsons_trap(name: str, arm: str, stands: bool) -> None:
    """Wilson et al. 2017, section 3.3: gradient descent is right on all new examples, they on one class."""
    assert any(outcomes(name, arm, OF_DATA)) == stands


def outcomes(name: str, arm: str, protocol: Protocol = TUNED, start: int = 100) -> list[bool]:
    """Tell by rate whether an arm succeeds on one start of a pathology."""
    experiment = protocol.experiment(arms_of("optimizer", REGISTRY, [arm]), REGISTRY, [name])
    trials: list[Trial] = [trial for trial in make_plan(experiment).report() if trial.seed == start]
    results = train_stack(trials, REGISTRY)
    limit = protocol.limits[name]
    return [result.status == "ok" and result.metrics["test_loss"] <= limit for result in results]


@pytest.mark.parametrize(
    ("name", "stands", "fails"),
    [
        ("reddi", "amsgrad", "adam"),  # Reddi, Kale & Kumar 2018
        ("ravine_1e4", "momentum", "sgd"),  # Polyak 1964
        ("rotation_of_a_game", "extragradient", "sgd"),  # Daskalakis et al. 2018, Korpelevich 1976
        ("vanishing_chain", "adam", "sgd"),  # Shamir 2019
        ("squares_underflow", "signsgd", "adam"),  # g² is 0 in float32, and ε is far larger than g
    ],
)
def test_known_optimizers_end_as_is_known_at_their_best_rate(name: str, stands: str, fails: str) -> None:
    assert any(outcomes(name, stands))
    assert not any(outcomes(name, fails))
