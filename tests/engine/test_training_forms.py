"""Networks and activations that learn, draw, gate, remember: bit for bit the same alone and in any stack."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from forward_only import GRU, BatchNorm, Placed
from sameness import as_bytes, by_key, trained_the_same
from shipped import REGISTRY
from trial_factory import make_trial

from anncore.contract.errors import ComponentError
from anncore.contract.handed_over import with_components
from anncore.contract.registry import Registry
from anncore.contract.trial import Split, Trial
from anncore.engine.training import train_stack

TEMPORAL = ("temporal_xor", {"window": 8, "n": 90})
OPTIMIZERS = [("sgd", {"lr": 0.1}), ("adam", {"lr": 0.01}), ("momentum", {"lr": 0.05})]

# By family, all of whose trials have arrays of equal shapes: what differs between neighbours in a stack.
FAMILIES: dict[str, list[dict[str, Any]]] = {
    "activations that learn": [
        {"activation": activation}
        for activation in ("prelu", ("prelu", {"init": 0.0}), ("prelu", {"init": 0.5}))
    ],
    "a layer that learns": [
        {"activation": [("prelu", {"preset": "torch"}), other]} for other in ("tanh", "relu", "rrelu")
    ],
    "activations that draw": [
        {"activation": activation}
        for activation in ("rrelu", "relu", ("rrelu", {"low": 0.0, "high": 0.9}), ["tanh", "rrelu"], "tanh")
    ],
    "activations that gate": [
        {"activation": activation}
        for activation in ("glu", "swiglu", ("swiglu", {"beta": 2.0}), ["glu", "swiglu"])
    ],
    "dropout": [
        {"network": ("mlp", {"hidden": [8, 8], "dropout": rate}), "activation": activation}
        for rate, activation in ((0.0, "relu"), (0.2, "tanh"), (0.5, "rrelu"), (0.2, "relu"))
    ],
    "batch norm": [
        {"network": ("mlp", {"hidden": [8, 8], "norm": "batch", **values}), "activation": activation}
        for values, activation in (
            ({}, "relu"),
            ({"norm_momentum": 0.5}, "tanh"),
            ({"norm_eps": 1e-3, "dropout": 0.3}, "relu"),
        )
    ],
    "layer norm": [
        {"network": ("mlp", {"hidden": [8, 8], "norm": "layer", **values}), "activation": activation}
        for values, activation in (({}, "relu"), ({"norm_eps": 1e-3}, "rrelu"), ({"dropout": 0.3}, "relu"))
    ],
}

REGRESSION = {"output": "identity", "loss": "mse"}
FAMILIES |= {
    "elman": [
        {"network": ("elman", {"hidden": 5}), "activation": activation, "dataset": TEMPORAL}
        for activation in ("tanh", "rrelu", "sigmoid")
    ],
    "elman that learns": [
        {"network": ("elman", {"hidden": 5, "features": 4}), "activation": activation, "dataset": TEMPORAL}
        for activation in ("prelu", ("prelu", {"init": 0.1}))
    ],
    "elman after every step": [
        {
            "network": ("elman", {"hidden": 4, "read": "every"}),
            "activation": activation,
            "dataset": ("temporal_xor", {"window": 5, "predict": "every", "n": 90}),
            **REGRESSION,
        }
        for activation in ("glu", "swiglu")
    ],
    "cnn": [
        {
            "network": ("cnn", {"filters": 3}),
            "activation": activation,
            "dataset": "digits",
            "output": "softmax",
            "loss": "categorical_cross_entropy",
        }
        for activation in ("relu", "rrelu")
    ],
    "sparse": [
        {"network": ("sparse", {"hidden": [8, 8], "density": density}), "activation": activation}
        for density, activation in ((0.1, "relu"), (0.5, "rrelu"), (0.9, "tanh"), (0.5, "relu"))
    ],
    "derived: in places": [
        {"network": "placed", "activation": [("prelu", {"init": init}), other]}
        for init, other in ((0.25, "rrelu"), (0.0, "relu"), (0.5, "rrelu"))
    ],
    "derived: batch norm and dropout": [
        {"network": ("batch_norm", {"dropout": rate, "momentum": momentum})}
        for rate, momentum in ((0.2, 0.1), (0.5, 0.3))
    ],
    "derived: gru": [
        {"network": ("gru", {"hidden": 3}), "dataset": TEMPORAL},
    ],
    "hopfield": [
        {
            "network": "hopfield",
            "dataset": ("stored_patterns", {"patterns": 5, "size": 12, "noise": 0.2}),
            **REGRESSION,
            "split": Split(standardize=standardize),
        }
        for standardize in (False, True)
    ],
    "hopfield step by step": [
        {
            "network": ("hopfield", {"rule": "pseudo_inverse", "update": "asynchronous", "steps": 2}),
            "dataset": ("stored_patterns", {"patterns": patterns, "copies": 20 // patterns, "size": 12}),
            **REGRESSION,
            "split": Split(standardize=False),
        }
        for patterns in (2, 10)
    ],
    "sparse that regrows": [
        {
            "network": ("sparse", {"hidden": [8, 8], "range": "small_world", "regrow_every": 3, **values}),
            "activation": activation,
        }
        for values, activation in (
            ({"density": 0.3}, "relu"),
            ({"density": 0.5, "zeta": 0.5, "rewire": 0.5}, "rrelu"),
        )
    ],
    "lateral": [
        {"network": ("lateral", {"hidden": 5, "steps": 2}), "activation": activation}
        for activation in ("tanh", "rrelu")
    ],
    "maxnet": [
        {
            "network": ("maxnet", {"eps": eps}),
            "dataset": ("largest", {"n": 90}),
            "output": "softmax",
            "loss": "categorical_cross_entropy",
        }
        for eps in (0.05, 0.1)
    ],
    "lattice": [
        {
            "network": ("lattice", {"steps": 3, "rate": rate, "border": border}),
            "dataset": ("pixel_shapes", {"n": 40, "side": 5}),
            **REGRESSION,
        }
        for rate, border in ((0.5, -1.0), (0.3, 0.0))
    ],
}


@pytest.fixture(scope="module")
def registry() -> Registry:
    return with_components(REGISTRY, [GRU, BatchNorm, Placed])


@pytest.fixture(autouse=True)
def fused_in_the_middle_of_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anncore.engine.steps.OFTEN", 5)


def family(registry: Registry, name: str, **common: Any) -> list[Trial]:
    """Return the trials of a family; neighbours differ, and equal ones do not lie together.

    Of at least six trials the first four have seeds of their own, and the fifth shares the first one's.
    """
    rows = list(itertools.product(OPTIMIZERS, FAMILIES[name]))
    rows *= 2 if len(rows) < 6 else 1
    settings = {"steps": 12, "eval_every": 5, **common}
    return [
        make_trial(registry, **{"optimizer": optimizer, "seed": place % 4, **row, **settings})
        for place, (optimizer, row) in enumerate(rows)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [7, "full"])
@pytest.mark.parametrize("name", FAMILIES)
def test_a_trial_is_the_same_alone_and_in_any_stack(
    registry: Registry, name: str, batch_size: int | str
) -> None:
    trials = family(registry, name, batch_size=batch_size)
    results = trained_the_same(trials, registry)
    assert len(by_key(results)) == len(trials)


# Inputs that a data set of the family must have, for a network that does not take any.
INPUTS = {"elman": 8, "elman that learns": 8, "elman after every step": 5, "cnn": 64, "derived: gru": 8}


# Networks with as many outputs as inputs cannot have that data set.
SQUARE = {"hopfield", "hopfield step by step", "maxnet", "lattice"}


@pytest.mark.parametrize("name", [name for name in FAMILIES if name not in SQUARE])
def test_those_left_when_others_diverge_go_on_as_if_alone(registry: Registry, name: str) -> None:
    """A stack is narrowed once half of it is done: streams, state and own parameters must come along."""
    regression = ("linear_regression", {"n": 90, "features": INPUTS.get(name, 6), "informative": 4})
    common = {"steps": 12, "eval_every": 3, **REGRESSION}
    if name != "elman after every step":
        common["dataset"] = regression
    calm = family(registry, name, **common, optimizer=("sgd", {"lr": 0.01}))[:4]
    wild = family(registry, name, **common, optimizer=("sgd", {"lr": 1e30}))[:4]
    results = train_stack([trial for pair in zip(wild, calm, strict=True) for trial in pair], registry)
    assert {result.status for result in results[::2]} == {"diverged"}
    assert max(result.steps_done for result in results[::2]) < 12
    for trial, result in zip(calm, results[1::2], strict=True):
        assert result.status == "ok"
        assert as_bytes(result) == as_bytes(train_stack([trial], registry)[0])


def test_an_output_activation_that_needs_a_place_is_refused(registry: Registry) -> None:
    with pytest.raises(ComponentError, match="prelu cannot be the output activation"):
        train_stack([make_trial(registry, output="prelu", loss="mse")], registry)
