"""Gradients that the core derives from a network's forward pass, against PyTorch's."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from zlib import crc32

import numpy as np
import pytest
from forward_only import (
    GRU,
    LSTM,
    STEPS,
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
from trial_factory import make_part, make_trial

from anncore import ComponentError
from anncore.contract.handed_over import with_components
from anncore.contract.kinds import Array
from anncore.engine.batches import load
from anncore.engine.network import PlacedNetwork, rehearse
from anncore.engine.network_stack import Stack
from anncore.engine.training import train_stack

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
        self.placed = placed = PlacedNetwork(self.network, inputs, outputs, self.numbers)
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
        self.again()

    def again(self) -> None:
        """Go through it, in training."""
        self.placed.begin_step()
        self.z, tape = self.placed.forward(self.weights, self.x, training=True)
        self.placed.backward(self.weights, tape, self.grad, self.grads)

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


@pytest.mark.parametrize("case", ["gru", "lstm", "residual", "batch norm and dropout", "rrelu in places"])
def test_fused_steps_give_the_bits_of_the_plain_ones(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = []
    for calls in (1, 10**9):  # fused from the second call on, or never
        monkeypatch.setattr("anncore.engine.steps.OFTEN", calls)
        one = Pass(case, "float32")
        for _ in range(2):
            one.again()
        kinds.append({name: values.tobytes() for name, values in one.results().items()})
    assert kinds[0] == kinds[1]


@pytest.mark.parametrize("case", ["dense", "batch norm"])
def test_evaluation_has_gradients_too(case: str) -> None:
    """Without first, a batch is used again, as by lbfgs; in evaluation running statistics take part."""
    one = Pass(case)
    z, tape = one.placed.forward(one.weights, one.x)
    grads = {name: np.full_like(values, np.nan) for name, values in one.grads.items()}
    one.placed.backward(one.weights, tape, one.grad, grads)
    for name in grads:
        moved = one.weights[name].copy()
        moved[1, 0, 1] += 1e-6
        after, _ = one.placed.forward({**one.weights, name: moved}, one.x)
        slope = ((after - z) * one.grad).sum() / 1e-6
        assert grads[name][1, 0, 1] == pytest.approx(slope, rel=1e-4, abs=1e-5)


# Layers


def mlp_by_hand(values: dict[str, Any], weights: dict[str, Array], x: Array) -> list[tuple[Array, ...]]:
    """Return z, a and f' of the hidden layers of an mlp in evaluation, with tanh and then prelu."""
    layers, a = [], x
    for i in (1, 2):
        z = pre = a @ weights[f"W{i}"] + weights.get(f"b{i}", 0)
        if "norm" in values:
            mean, variance = z.mean(axis=2, keepdims=True), z.var(axis=2, keepdims=True)
            if values["norm"] == "batch":
                mean, variance = weights[f"mean{i}"], weights[f"variance{i}"]
            pre = weights[f"gain{i}"] * (z - mean) / np.sqrt(variance + 1e-5) + weights[f"shift{i}"]
        flat = weights["activation2.slope"]
        a = np.tanh(pre) if i == 1 else np.where(pre > 0, pre, flat * pre)
        layers.append((z, a, 1 - a * a if i == 1 else np.where(pre > 0, 1, flat)))
    return layers


@pytest.mark.parametrize(
    "values", [{}, {"norm": "batch"}, {"norm": "layer"}, {"dropout": 0.3}, {"bias": False}], ids=str
)
def test_recognized_layers_are_those_of_an_mlp(values: dict[str, Any]) -> None:
    mlp = REGISTRY.get("network", "mlp").cls
    activations = activation("tanh") + activation("prelu")
    network = PlacedNetwork(mlp(hidden=(6, 5), activation=activations, **values), 3, 2, Numbers())
    rng = np.random.default_rng(3)
    weights = {spec.name: 0.5 - rng.random((TRIALS, *spec.shape)) for spec in network.specs}
    weights |= {name: values + 1 for name, values in weights.items() if name.startswith("variance")}
    x = rng.normal(size=(TRIALS, EXAMPLES, 3))
    z, tape = network.forward(weights, x)
    *hidden, last = network.layers(tape)
    assert (last.weight, last.a, last.slope) == ("W3", None, None)
    np.testing.assert_array_equal(last.z, z)
    assert [layer.weight for layer in hidden] == ["W1", "W2"]
    for layer, right in zip(hidden, mlp_by_hand(values, weights, x), strict=True):
        for ours, theirs in zip((layer.z, layer.a, layer.slope()), right, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


def test_time_steps_are_one_layer_and_gates_without_an_activation_show_their_sums() -> None:
    one = Pass("gru")
    layers = one.placed.layers(one.placed.forward(one.weights, one.x)[1])
    assert [layer.weight for layer in layers] == ["W", "U", "V"]
    steps = one.x.reshape(TRIALS, EXAMPLES, STEPS, 2)
    sums = [steps[:, :, step] @ one.weights["W"] + one.weights["b"] for step in range(STEPS)]
    np.testing.assert_allclose(layers[0].z, np.concatenate(sums, axis=1), rtol=1e-12)
    assert all(layer.a is None for layer in layers)


@pytest.mark.parametrize("name", ["residual", "gru"])
def test_what_looks_at_layers_works_without_further_code(name: str) -> None:
    registry = with_components(REGISTRY, [GRU, Residual])
    metrics = {"dead_units", "layer_health"} & {metric.name for metric in registry.of_kind("metric")}
    lsuv = make_part(
        registry, "initializer", ("lsuv", {}), start=(make_part(registry, "initializer", "orthogonal"),)
    )
    dataset = ("temporal_xor", {"window": 8, "n": 90})
    trial = make_trial(registry, network=name, dataset=dataset, watch=tuple(metrics), steps=3)
    object.__setattr__(trial, "parts", {**trial.parts, "initializer": lsuv})
    stack = Stack([trial], registry, load([trial], registry))
    stack.initialize()
    x = np.stack([data.x_train for data in stack.data])
    for layer in stack.network.layers(stack.network.forward(stack.weights, x)[1]):
        assert abs(layer.z.var() - 1) < 0.11
    (result,) = train_stack([trial], registry)
    assert result.status == "ok"


# What the core cannot follow


@dataclass(frozen=True)
class Unwrapped(Dense):
    """Calls what has no derivative."""

    def forward(self, weights: Any, x: Array) -> Array:
        return super().forward(weights, np.unwrap(x))


@dataclass(frozen=True)
class TrialsAligned(Dense):
    """Adds (T, N) to (T, N, D)."""

    def forward(self, weights: Any, x: Array) -> Array:
        return super().forward(weights, x + x[:, :, 0])


@dataclass(frozen=True)
class FirstTrial(Dense):
    """Takes the first trial's inputs for all."""

    def forward(self, weights: Any, x: Array) -> Array:
        return super().forward(weights, x[:1] + 0 * x)


@dataclass(frozen=True)
class PartlyWritten(Dense):
    """Fills an array part by part."""

    def forward(self, weights: Any, x: Array) -> Array:
        hidden = x * 1
        hidden[:, :, 0] = 0.0
        return super().forward(weights, hidden)


@pytest.mark.parametrize(
    ("cls", "because"),
    [
        (Unwrapped, "np.unwrap has no known derivative"),
        (TrialsAligned, "+ of arrays (2, 7, 3) and (2, 7) needs equally many axes"),
        (FirstTrial, "an index of axis 0 takes trials apart"),
        (PartlyWritten, "assignment to a part of an array cannot be followed: use np.where"),
    ],
)
def test_what_cannot_be_followed_is_one_line_with_the_formulas(cls: Any, because: str) -> None:
    network = PlacedNetwork(cls(), 3, 2, Numbers())
    weights = {spec.name: np.ones((TRIALS, *spec.shape)) for spec in network.specs}
    with pytest.raises(ComponentError) as caught:
        network.forward(weights, np.ones((TRIALS, EXAMPLES, 3)), training=True)
    message = str(caught.value)
    assert message.startswith("two_layers: ")
    assert because in message
    assert "(test_derived_networks.py, line " in message
    assert message.endswith("; write backward, or the formula without it")
    assert "\n" not in message


@dataclass(frozen=True)
class Mismatched(Dense):
    """Fails by itself."""

    name: ClassVar[str] = "mismatched"

    def forward(self, weights: Any, x: Array) -> Array:
        return super().forward(weights, x[:, :, :1])


def test_a_plan_names_what_the_core_cannot_derive() -> None:
    registry = with_components(REGISTRY, [Unwrapped, Mismatched, GRU, BatchNorm])

    def rehearsed(name: str) -> None:
        part = make_trial(registry, network=name).parts["network"]
        rehearse(part, registry, 4, 2)

    with pytest.raises(
        ComponentError, match=r"two_layers: np\.unwrap has no known derivative \(test_derived"
    ):
        rehearsed("two_layers")
    for name in ("gru", "batch_norm", "mlp", "sparse"):
        rehearsed(name)
    with pytest.raises(ComponentError, match=r"mismatched: .*: 1 columns meet 4 rows \(forward_only.*\)$"):
        rehearsed("mismatched")  # a mistake by itself: no gradient written by hand would help


if __name__ == "__main__":
    figures = {case: summary(by_torch(Pass(case))) for case in CASES}
    RECORDED.write_text(json.dumps(figures, indent=1) + "\n")
