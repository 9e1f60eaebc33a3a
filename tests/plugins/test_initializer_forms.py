"""Initializers that look at data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sameness import trained_the_same
from shipped import REGISTRY
from trial_factory import Spec, make_part, make_trial

from anncore import load_registry
from anncore.contract.errors import ComponentError
from anncore.contract.registry import Registry
from anncore.contract.trial import Trial
from anncore.engine.batches import load
from anncore.engine.network_stack import INITIALIZER_EXAMPLES, Stack
from anncore.engine.split import spread_over
from anncore.engine.training import train_stack


def trial(
    values: dict[str, Any], start: Spec = "orthogonal", registry: Registry = REGISTRY, **settings: Any
) -> Trial:
    made = make_trial(registry, **settings)
    part = make_part(
        registry, "initializer", ("lsuv", values), start=(make_part(registry, "initializer", start),)
    )
    object.__setattr__(made, "parts", {**made.parts, "initializer": part})
    return made


def initialized(trials: list[Trial]) -> tuple[Stack, np.ndarray]:
    stack = Stack(trials, REGISTRY, load(trials, REGISTRY))
    stack.initialize()
    rows = spread_over(len(stack.data[0].x_train), INITIALIZER_EXAMPLES)
    return stack, np.stack([data.x_train[rows] for data in stack.data])


DEEP = ("mlp", {"hidden": [12, 9, 7]})


@pytest.mark.parametrize(
    ("start", "activation"), [("orthogonal", "tanh"), (("normal", {"std": 3.0}), "relu")]
)
def test_every_layer_gives_unit_variance(start: Spec, activation: str) -> None:
    values = {"tol": 0.02}
    stack, x = initialized([trial(values, start, network=DEEP, activation=activation, dtype="float64")])
    layers = stack.network.layers(stack.network.forward(stack.weights, x)[1])
    assert len(layers) == 4
    for layer in layers:
        assert abs(layer.z.var() - 1) < 0.02


def by_the_paper(weights: list[np.ndarray], x: np.ndarray, tol: float, most: int) -> list[np.ndarray]:
    """Algorithm 1 of the paper, for one network with ReLU and no biases."""
    scaled: list[np.ndarray] = []
    for w in weights:
        for _ in range(most):
            variance = np.var(x @ w)
            if abs(variance - 1) < tol:
                break
            w = w / np.sqrt(variance)
        scaled.append(w)
        x = np.maximum(x @ w, 0)
    return scaled


@pytest.mark.parametrize("attempts", [0, 1, 10])
def test_weights_are_those_of_the_papers_algorithm(attempts: int) -> None:
    settings = {"network": DEEP, "dtype": "float64", "seed": 3}
    stack, x = initialized([trial({"attempts": attempts}, **settings)])
    drawn, _ = initialized([make_trial(REGISTRY, initializer="orthogonal", **settings)])
    names = ["W1", "W2", "W3", "W4"]
    expected = by_the_paper([drawn.weights[name][0] for name in names], x[0], 0.1, attempts)
    for name, weight in zip(names, expected, strict=True):
        np.testing.assert_allclose(stack.weights[name][0], weight, rtol=1e-12)


def test_a_layer_that_gives_nothing_is_left_alone() -> None:
    stack, _ = initialized([trial({}, "zeros", network=DEEP)])
    assert not any(stack.weights[name].any() for name in ("W1", "W2", "W3", "W4"))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch_size", [7, "full"])
def test_lsuv_trains_the_same_alone_and_in_any_stack(dtype: str, batch_size: int | str) -> None:
    settings: dict[str, Any] = {"network": DEEP, "dtype": dtype, "batch_size": batch_size, "steps": 20}
    trials = [
        trial(values, start, activation=activation, seed=seed, **settings)
        for values, start in (
            ({}, "orthogonal"),
            ({"tol": 0.001}, "orthogonal"),
            ({"attempts": 1}, ("normal", {"std": 2.0})),
        )
        for seed, activation in ((0, "relu"), (1, "tanh"), (2, "selu"))
    ]
    trials += [make_trial(REGISTRY, initializer="he_normal", seed=seed, **settings) for seed in (0, 1)]
    assert all(result.status == "ok" for result in trained_the_same(trials, REGISTRY))


def test_a_network_that_does_not_show_its_layers_is_told(tmp_path: Any) -> None:
    (tmp_path / "shy.py").write_text(SHY)
    registry = load_registry([tmp_path / "shy.py"], environ={"ANNX_PLUGINS": ""})
    with pytest.raises(ComponentError, match="linear does not show its layers"):
        train_stack([trial({}, registry=registry, network="linear")], registry)


SHY = '''
from dataclasses import dataclass
from typing import Any, ClassVar
import numpy as np
from anncore import WeightSpec, hookimpl, ref, Network

@dataclass(frozen=True)
class Linear(Network):
    """A linear map."""
    name: ClassVar[str] = "linear"
    activation: Any = ref("activation", "relu")
    output: Any = ref("activation", "auto")
    def specs(self, inputs, outputs): return [WeightSpec("W", (inputs, outputs), inputs, outputs)]
    def forward(self, weights, x): return x @ weights["W"], x
    def backward(self, weights, tape, grad, grads): grads["W"][...] = tape.swapaxes(1, 2) @ grad

@hookimpl
def annx_networks(): return [Linear]
'''
