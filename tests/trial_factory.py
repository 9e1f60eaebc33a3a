"""Trials for tests, built from component names as the planner builds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice, product
from typing import Any

import numpy as np

from anncore.contract.hyperparameters import references, resolve
from anncore.contract.registry import Registry
from anncore.contract.trial import Part, Split, Stop, Train, Trial
from anncore.engine.datasets import Prepared

Spec = str | tuple[str, Mapping[str, Any]]


def make_part(registry: Registry, kind: str, spec: Spec, **refs: tuple[Part, ...]) -> Part:
    """Return a part from a name or (name, hyperparameters)."""
    name, values = spec if isinstance(spec, tuple) else (spec, {})
    component = registry.get(kind, name)
    assert set(refs) == set(references(component.cls))
    params = {
        key: list(v) if isinstance(v, tuple) else v for key, v in resolve(component.cls, values).items()
    }
    return Part(kind, component.full_name, component.code, params, refs)


def make_trial(
    registry: Registry,
    *,
    dataset: Spec = "two_moons",
    network: Spec = ("mlp", {"hidden": [8, 8]}),
    activation: Spec | Sequence[Spec] = "relu",
    output: Spec = "sigmoid",
    loss: Spec = "binary_cross_entropy",
    optimizer: Spec | Part = ("adam", {"lr": 0.01}),
    schedule: Spec = "constant",
    initializer: Spec = "glorot_uniform",
    seed: int = 0,
    sweep_seed: int = 0,
    test: bool = True,
    stop: Stop | None = None,
    split: Split | None = None,
    **train: Any,
) -> Trial:
    """Return a trial; keyword arguments that are no component are training settings."""
    several = activation if isinstance(activation, list) else [activation]
    refs = {
        "activation": tuple(make_part(registry, "activation", name) for name in several),
        "output": (make_part(registry, "activation", output),),
    }
    cls = registry.get("network", network if isinstance(network, str) else network[0]).cls
    parts = {
        "dataset": _dataset(registry, dataset),
        "network": make_part(registry, "network", network, **{key: refs[key] for key in references(cls)}),
        **{
            kind: spec if isinstance(spec, Part) else make_part(registry, kind, spec)
            for kind, spec in {
                "loss": loss,
                "optimizer": optimizer,
                "schedule": schedule,
                "initializer": initializer,
            }.items()
        },
    }
    if "epochs" in train:
        train.setdefault("steps", None)
    settings = Train(**{"steps": 40, "eval_every": 10, **train, "stop": stop or Stop()})
    return Trial(
        parts, settings, split or Split(), sweep_seed=sweep_seed, seed=seed, test=test, problem="p", arm="a"
    )


def _dataset(registry: Registry, spec: Spec) -> Part:
    """Return a data set's part; one inside another is set as in a file, by {"dataset": name}."""
    name, values = spec if isinstance(spec, tuple) else (spec, {})
    names = references(registry.get("dataset", name).cls)
    inner = {
        key: (make_part(registry, "dataset", values.get(key, reference.default)),)
        for key, reference in names.items()
    }
    own = {key: value for key, value in values.items() if key not in names}
    return make_part(registry, "dataset", (name, own), **inner)


def mixture(registry: Registry, **common: Any) -> list[Trial]:
    """Trials of equal shapes that differ in every component that may differ within a stack."""
    optimizers = [
        ("sgd", {"lr": 0.1}),
        ("momentum", {"lr": 0.05}),
        ("adagrad", {"lr": 0.1}),
        ("rmsprop", {"lr": 0.01}),
        ("adam", {"lr": 0.01}),
        ("adam", {"lr": 0.003, "beta1": 0.8}),
        ("adam", {"lr": 0.01, "preset": "seed"}),
    ]
    activations = ["relu", "tanh", "sigmoid", ("leaky_relu", {"slope": 0.1})]
    losses = ["binary_cross_entropy", "mse", "focal"]
    schedules = ["constant", "cosine"]
    rows = islice(product(optimizers, activations, losses, schedules), 0, None, 5)
    return [
        make_trial(
            registry,
            optimizer=optimizer,
            activation=activation,
            loss=loss,
            schedule=schedule,
            seed=i % 3,
            **common,
        )
        for i, (optimizer, activation, loss, schedule) in enumerate(rows)
    ]


def make_objective_trial(
    registry: Registry,
    *,
    objective: Spec = "rosenbrock",
    optimizer: Spec | Part = ("adam", {"lr": 0.01}),
    schedule: Spec = "constant",
    seed: int = 0,
    sweep_seed: int = 0,
    test: bool = True,
    stop: Stop | None = None,
    **train: Any,
) -> Trial:
    """Return a trial on an objective; keyword arguments that are no component are training settings."""
    specs: dict[str, Spec | Part] = {"objective": objective, "optimizer": optimizer, "schedule": schedule}
    settings = Train(**{"steps": 40, "eval_every": 10, "batch_size": "full", **train, "stop": stop or Stop()})
    parts = {
        kind: spec if isinstance(spec, Part) else make_part(registry, kind, spec)
        for kind, spec in specs.items()
    }
    return Trial(parts, settings, Split(), sweep_seed=sweep_seed, seed=seed, test=test, problem="p", arm="a")


def given_data(x: Any, y: Any, dtype: str = "float64") -> Prepared:
    """Return prepared data whose three splits are all the given x (N, D) and y (N, K), unscaled."""
    x, y = np.asarray(x, dtype), np.asarray(y, dtype)
    zero, one = np.zeros(y.shape[1], dtype), np.ones(y.shape[1], dtype)
    return Prepared(
        task="binary",
        classes=("0", "1"),
        features=tuple(f"x{i}" for i in range(x.shape[1])),
        x_train=x,
        x_valid=x,
        x_test=x,
        y_train=y,
        y_valid=y,
        y_test=y,
        x_scale=np.ones(x.shape[1]),
        x_shift=np.zeros(x.shape[1]),
        y_scale=one,
        y_shift=zero,
    )
