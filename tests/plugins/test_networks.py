from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from anncore import ComponentError, build, load_registry
from anncore.body import Wired
from anncore.testing import Check, parametrize_with_checks

REGISTRY = load_registry(environ={"ANNX_PLUGINS": ""})


@parametrize_with_checks(REGISTRY.of_kind("network"))
def test_conformance(check: Check) -> None:
    check()


def mlp(**values: Any) -> Any:
    return build(REGISTRY.get("network", "mlp").cls, **values)


def body(network: Any, inputs: int, outputs: int) -> Wired:
    """The network as training has it, with its activations in their places."""
    return Wired(network, inputs, outputs, None)


def relu() -> Any:
    return REGISTRY.get("activation", "relu").cls()


def test_mlp_has_a_weight_and_a_bias_for_each_layer() -> None:
    specs = body(mlp(hidden=[4, 3], activation=(relu(),)), 5, 2).specs
    assert [(spec.name, spec.shape) for spec in specs] == [
        ("W1", (5, 4)),
        ("b1", (1, 4)),
        ("W2", (4, 3)),
        ("b2", (1, 3)),
        ("W3", (3, 2)),
        ("b3", (1, 2)),
    ]
    assert {spec.role for spec in specs if spec.name.startswith("b")} == {"bias"}
    assert [spec.name for spec in mlp(hidden=[], bias=False).specs(5, 2)] == ["W1"]


def test_mlp_without_hidden_layers_is_linear() -> None:
    params = {"W1": np.array([[[2.0], [3.0]]]), "b1": np.array([[[1.0]]])}
    z, _ = mlp(hidden=[], activation=()).forward(params, np.array([[[1.0, 10.0]]]))
    assert z.tolist() == [[[33.0]]]


def test_mlp_by_hand() -> None:
    # x = (1, 2); z₁ = (1, -1) + (0.5, 0); a = (1.5, 0); z₂ = 1.5 · 2 + 0 · 3 + 1 = 4
    params = {
        "W1": np.array([[[1.0, 1.0], [0.0, -1.0]]]),
        "b1": np.array([[[0.5, 0.0]]]),
        "W2": np.array([[[2.0], [3.0]]]),
        "b2": np.array([[[1.0]]]),
    }
    network = mlp(hidden=[2], activation=(relu(),))
    z, tape = network.forward(params, np.array([[[1.0, 2.0]]]))
    assert z.item() == 4
    # from ∂L/∂z₂ = 10: δ₁ = (20, 0), as the second unit is off
    grads = {name: np.empty_like(value) for name, value in params.items()}
    network.backward(params, tape, np.array([[[10.0]]]), grads)
    assert {name: value.tolist() for name, value in grads.items()} == {
        "W1": [[[20.0, 0.0], [40.0, 0.0]]],
        "b1": [[[20.0, 0.0]]],
        "W2": [[[15.0], [0.0]]],
        "b2": [[[10.0]]],
    }


def test_mlp_refuses_activations_that_do_not_fit_its_layers() -> None:
    with pytest.raises(ComponentError, match="one per hidden layer"):
        mlp(hidden=[4, 3], activation=["relu", "tanh", "relu"])
