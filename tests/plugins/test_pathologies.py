"""The suite of pathologies: known outcomes of known optimizers, and limits for each problem."""

from __future__ import annotations

from pathlib import Path

import pytest
from shipped import REGISTRY

from anncore.contract.trial import Trial
from anncore.engine.training import train_stack
from anncore.experiment.plan import make_plan
from anncore.experiment.protocols import Protocol, arms_of, read_protocol

FIELD = Path(__file__).parents[2] / "reports" / "field" / "optimizer"
TUNED, PLAIN = (read_protocol(FIELD / f"pathologies{name}.toml") for name in ("", "_at_defaults"))


def test_every_pathology_has_a_limit_below_its_start() -> None:
    suite = REGISTRY.get("suite", "pathologies").cls()
    names = [problem.name for problem in suite.problems()]
    assert list(TUNED.limits) == list(PLAIN.limits) == names
    assert TUNED.limits == PLAIN.limits
    assert len(names) >= 30


def outcomes(name: str, arm: str, protocol: Protocol = TUNED, start: int = 100) -> list[bool]:
    """Tell by rate whether an arm succeeds on one start of a pathology."""
    experiment = protocol.experiment(arms_of("optimizer", REGISTRY, [arm]), REGISTRY, [name])
    trials: list[Trial] = [trial for trial in make_plan(experiment).report() if trial.seed == start]
    results = train_stack(trials, REGISTRY)
    limit = TUNED.limits[name]
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
