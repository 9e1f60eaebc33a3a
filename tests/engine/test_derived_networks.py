"""Gradients that the core derives from a network's forward pass, against PyTorch's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from forward_only import (
    GRU,
    LSTM,
    Attention,
    BatchNorm,
    Convolution,
    Dense,
    Embedding,
    Placed,
    Residual,
    Tied,
    TwoConvolutions,
)
from shipped import REGISTRY

from anncore.contract.kinds import Array
from anncore.engine.network import PlacedNetwork

RECORDED = Path(__file__).parents[1] / "golden" / "derived_networks.json"  # by PyTorch 2.13.0
TRIALS, EXAMPLES = 2, 7


class Numbers:
    """Random numbers that are remembered by name."""

    def __init__(self) -> None:
        self.drawn: dict[str, Array] = {}

    def of(self, name: str, trials: slice, draw: Callable[[np.random.Generator], Array]) -> Array:
        numbers = [draw(np.random.default_rng([crc32(name.encode()), row])) for row in range(TRIALS)[trials]]
        self.drawn[name] = np.stack(numbers)
        return self.drawn[name]

    def renew(self) -> None:
        self.drawn.clear()


def activation(name: str) -> tuple[Any, ...]:
    return (REGISTRY.get("activation", name).cls(),)


CASES: dict[str, tuple[Any, int, int]] = {
    "dense": (Dense(), 3, 2),
    "gru": (GRU(), 8, 2),
    "gru, every step": (GRU(every=True), 8, 2),
    "lstm": (LSTM(), 8, 2),
    "residual": (Residual(activation=activation("relu")), 3, 2),
    "batch norm": (BatchNorm(), 3, 2),
    "batch norm and dropout": (BatchNorm(dropout=0.3), 3, 2),
    "attention": (Attention(), 8, 2),
    "attention by einsum": (Attention(einsum=True), 8, 2),
    "convolution by windows": (Convolution(), 6, 2),
    "convolution by slices": (Convolution(slices=True), 6, 2),
    "two convolutions": (TwoConvolutions(), 3, 2),
    "embedding": (Embedding(), 3, 2),
    "embedding, one-hot": (Embedding(one_hot=True), 3, 2),
    "tied": (Tied(), 4, 4),
    **{f"{name} in places": (Placed(activation=activation(name)), 3, 2) for name in ("prelu", "rrelu")},
    **{f"{name} in places": (Placed(activation=activation(name)), 3, 2) for name in ("glu", "swiglu")},
}


class Pass:
    """A network's pass in training, with its gradients."""

    def __init__(self, case: str, dtype: str = "float64") -> None:
        self.network, inputs, outputs = CASES[case]
        self.numbers = Numbers()
        placed = PlacedNetwork(self.network, inputs, outputs, self.numbers)
        rng = np.random.default_rng(7)
        self.specs = placed.specs
        self.before = {
            spec.name: (spec.initial + 0.4 * rng.normal(size=(TRIALS, *spec.shape)) * (spec.role != "state"))
            for spec in self.specs
        }
        self.weights = {name: value.astype(dtype) for name, value in self.before.items()}
        self.x = rng.normal(size=(TRIALS, EXAMPLES, inputs)).astype(dtype)
        self.grad = rng.normal(size=(TRIALS, EXAMPLES, outputs)).astype(dtype)
        trained = [spec for spec in self.specs if spec.role != "state"]
        self.grads = {spec.name: np.full((TRIALS, *spec.shape), np.nan, dtype) for spec in trained}
        placed.begin_step()
        self.z, tape = placed.forward(self.weights, self.x, training=True)
        placed.backward(self.weights, tape, self.grad, self.grads)

    def results(self) -> dict[str, Array]:
        """Return z, the gradients, and the state after the pass."""
        state = {spec.name: self.weights[spec.name] for spec in self.specs if spec.role == "state"}
        return {"z": self.z, **self.grads, **state}


def by_torch(one: Pass) -> dict[str, Array]:
    torch = pytest.importorskip("torch")
    rows = []
    for trial in range(TRIALS):
        leaves = {
            spec.name: torch.tensor(one.before[spec.name][trial], requires_grad=spec.role != "state")
            for spec in one.specs
        }
        drawn = {f"drawn {name}": torch.tensor(numbers[trial]) for name, numbers in one.numbers.drawn.items()}
        z = one.network.of_torch(torch, {**leaves, **drawn}, torch.tensor(one.x[trial]), one.network)
        (z * torch.tensor(one.grad[trial])).sum().backward()
        row = {"z": z.detach().numpy()}
        for name, leaf in leaves.items():
            untouched = leaf.requires_grad and leaf.grad is None
            row[name] = np.zeros(leaf.shape) if untouched else leaf.detach().numpy()
            if leaf.grad is not None:
                row[name] = leaf.grad.numpy()
        rows.append(row)
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def summary(results: dict[str, Array]) -> dict[str, list[float]]:
    """Return two weighted sums of every array, which stand for it in the record."""
    sums = {}
    for name, values in results.items():
        rng = np.random.default_rng(crc32(name.encode()))
        sums[name] = [float((values * rng.normal(size=values.shape)).sum()) for _ in range(2)]
    return sums


@pytest.mark.parametrize("case", CASES)
def test_derived_gradients_are_those_of_pytorch(case: str) -> None:
    one = Pass(case)
    theirs = by_torch(one)
    for name, values in one.results().items():
        np.testing.assert_allclose(values, theirs[name], rtol=1e-12, atol=1e-12, err_msg=name)
    recorded = json.loads(RECORDED.read_text())
    for name, sums in summary(theirs).items():
        np.testing.assert_allclose(sums, recorded[case][name], rtol=1e-10, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("case", CASES)
def test_derived_gradients_are_those_that_pytorch_gave(case: str) -> None:
    recorded = json.loads(RECORDED.read_text())[case]
    for name, sums in summary(Pass(case).results()).items():
        np.testing.assert_allclose(sums, recorded[name], rtol=1e-11, atol=1e-11, err_msg=name)


if __name__ == "__main__":
    figures = {case: summary(by_torch(Pass(case))) for case in CASES}
    RECORDED.write_text(json.dumps(figures, indent=1) + "\n")
