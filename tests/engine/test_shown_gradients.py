"""Gradients of networks as lines: what `annx show` prints, beside back-propagation as textbooks write it."""

from __future__ import annotations

from typing import Any

import pytest
from engine.test_derived_networks import CASES, Unwrapped, activation
from shipped import REGISTRY

from anncore import ComponentError
from anncore.engine.shown_gradients import backward_lines


def of_shipped(name: str, inputs: int = 3, outputs: int = 2, **values: Any) -> list[str]:
    cls = REGISTRY.get("network", name).cls
    return backward_lines(cls(activation=activation("relu"), **values), inputs, outputs)


def test_of_an_mlp_it_is_back_propagation() -> None:
    assert of_shipped("mlp", hidden=(4, 5)) == [
        "z1 = x W1 + b1",
        "a1 = relu(z1)",
        "z2 = a1 W2 + b2",
        "a2 = relu(z2)",
        "z3 = a2 W3 + b3",
        "δ3 = ∂L/∂z3, which the loss gives",
        "∂L/∂b3 = Σ over N(δ3)",
        "∂L/∂W3 = a2ᵀ δ3",
        "δ2 = (δ3 W3ᵀ) ∘ relu'(z2)",
        "∂L/∂b2 = Σ over N(δ2)",
        "∂L/∂W2 = a1ᵀ δ2",
        "δ1 = (δ2 W2ᵀ) ∘ relu'(z1)",
        "∂L/∂b1 = Σ over N(δ1)",
        "∂L/∂W1 = xᵀ δ1",
    ]


def test_of_a_linear_model_it_is_one_product() -> None:
    assert of_shipped("mlp", hidden=(), bias=False) == [
        "z1 = x W1",
        "δ1 = ∂L/∂z1, which the loss gives",
        "∂L/∂W1 = xᵀ δ1",
    ]


def test_a_mask_is_on_the_weight_and_on_its_gradient() -> None:
    lines = of_shipped("sparse", hidden=(4,))
    assert lines[0] == "z1 = x (W1 ∘ M1) + b1"
    assert lines[-1] == "∂L/∂W1 = M1 ∘ (xᵀ δ1)"


def test_a_weight_of_both_ways_has_a_gradient_of_two_terms() -> None:
    network, inputs, outputs = CASES["tied"]
    assert backward_lines(network, inputs, outputs) == [
        "z1 = x W",
        "z = tanh(z1) Wᵀ",
        "δ = ∂L/∂z, which the loss gives",
        "δ1 = (δ W) ∘ (1 - tanh(z1)²)",
        "∂L/∂W = (tanh(z1)ᵀ δ)ᵀ + xᵀ δ1",
    ]


@pytest.mark.parametrize("case", CASES)
def test_any_network_has_readable_lines_or_one_that_says_why_not(case: str) -> None:
    network, inputs, outputs = CASES[case]
    lines = backward_lines(network, inputs, outputs)
    assert all(0 < len(line) <= 130 for line in lines)
    assert len(lines) <= 40
    if case in ("gru", "lstm"):
        [line] = lines
        assert "through all steps; too long to print" in line
    if len(lines) > 1:
        left = [line.partition(" = ")[0] for line in lines]
        assert {f"∂L/∂{spec.name}" for spec in network.specs(inputs, outputs) if spec.role != "state"} <= {
            *left,
            "∂L/∂idle",  # of a weight that forward does not use
        }


def test_a_gradient_by_hand_has_no_lines() -> None:
    assert of_shipped("elman", inputs=4) == []


def test_what_cannot_be_derived_names_the_line() -> None:
    with pytest.raises(ComponentError, match=r"np\.unwrap has no known derivative \(test_derived"):
        backward_lines(Unwrapped(), 3, 2)
