"""Whole networks: gradients against finite differences, and the worked examples of the seed document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trial_factory import given_data, make_trial

from anncore.contract.loading import load_registry
from anncore.contract.registry import Registry
from anncore.contract.trial import Trial
from anncore.engine.batches import load
from anncore.engine.network_stack import Stack

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry()


@pytest.mark.parametrize(
    ("dataset", "output", "loss", "activation", "hidden"),
    [
        ("two_moons", "sigmoid", "binary_cross_entropy", "tanh", [5, 4]),
        ("two_moons", "sigmoid", "mse", "sigmoid", [5]),
        ("two_moons", "softmax", "mse", "tanh", []),
        ("circles", "sigmoid", "focal", ["tanh", "sigmoid", "softmax"], [5, 4, 3]),
        ("iris", "softmax", "categorical_cross_entropy", "sigmoid", [6]),
        ("iris", "sigmoid", "mse", "softmax", [4]),
        ("iris", "softmax", "kl_divergence", "tanh", [4]),
        ("friedman", "identity", "huber", ("leaky_relu", {"slope": 0.3}), [6, 6]),
        ("friedman", "tanh", "mse", "relu", [6]),
    ],
)
def test_the_networks_gradient_equals_finite_differences(
    registry: Registry, dataset: str, output: str, loss: str, activation: Any, hidden: list[int]
) -> None:
    trials = [
        make_trial(
            registry,
            dataset=dataset,
            output=output,
            loss=loss,
            activation=activation,
            network=("mlp", {"hidden": hidden}),
            batch_size=16,
            dtype="float64",
            seed=seed,
        )
        for seed in range(2)
    ]
    stack = Stack(trials, registry, load(trials, registry))
    stack.initialize()
    stack.theta[...] += 0.1 * np.random.default_rng(0).standard_normal(
        stack.theta.shape
    )  # biases off zero too
    x, y = stack.batches.take()

    def loss_of(theta: np.ndarray) -> np.ndarray:
        stack.theta[...] = theta
        return stack.output.value(stack.network.forward(stack.weights, x)[0], y)

    theta = stack.theta.copy()
    z, tape = stack.network.forward(stack.weights, x)
    stack.network.backward(stack.weights, tape, stack.output.grad(z, y), stack.grad_views)
    analytic, h = stack.grads.copy(), 1e-6
    numeric = np.empty_like(analytic)
    for i in range(theta.shape[1]):
        shift = np.zeros(theta.shape[1])
        shift[i] = h
        numeric[:, i] = (loss_of(theta + shift) - loss_of(theta - shift)) / (2 * h)
    np.testing.assert_allclose(analytic, numeric, rtol=2e-6, atol=2e-9)


def golden_stack(
    registry: Registry, x: Any, y: Any, hidden: int, activation: str, **optimizer: float
) -> Stack:
    trial: Trial = make_trial(
        registry,
        network=("mlp", {"hidden": [hidden]}),
        activation=activation,
        optimizer=("sgd", optimizer),
        batch_size="full",
        dtype="float64",
    )
    return Stack([trial], registry, [given_data(x, y)])


def set_weights(stack: Stack, **values: Any) -> None:
    for name, value in values.items():
        stack.weights[name][0] = np.asarray(value)
    for optimizer in stack.optimizers:
        optimizer.initialize()


@pytest.mark.parametrize("case", ["both_active", "one_dead"])
def test_worked_example_2_2_1(registry: Registry, case: str) -> None:
    """The exercise that the seed document leaves without numbers, solved outside (golden file a)."""
    golden = json.loads((GOLDEN / "a_worked_2_2_1.json").read_text())
    want = golden["cases"][case]
    stack = golden_stack(registry, [want["x"]], [[want["y"]]], 2, "relu", lr=golden["eta"])
    set_weights(
        stack, W1=np.transpose(golden["W1"]), b1=golden["b1"], W2=np.transpose(golden["W2"]), b2=golden["b2"]
    )
    x, y = stack.batches.take()
    z, _ = stack.network.forward(stack.weights, x)
    np.testing.assert_allclose(z[0, 0], want["z2"], atol=1e-12, rtol=0)
    np.testing.assert_allclose(stack.output.predict(z)[0, 0], want["a2"], atol=1e-12, rtol=0)
    np.testing.assert_allclose(stack.output.value(z, y), want["J"], atol=1e-12, rtol=0)
    np.testing.assert_allclose(stack.output.grad(z, y)[0, 0], want["delta2"], atol=1e-12, rtol=0)
    stack.step(1, 1)
    for name in ("W1", "W2"):
        np.testing.assert_allclose(stack.grad_views[name][0].T, want[f"d{name}"], atol=1e-12, rtol=0)
        np.testing.assert_allclose(stack.weights[name][0].T, want[f"{name}_new"], atol=1e-12, rtol=0)
    for name in ("b1", "b2"):
        np.testing.assert_allclose(stack.grad_views[name][0, 0], want[f"d{name}"], atol=1e-12, rtol=0)
        np.testing.assert_allclose(stack.weights[name][0, 0], want[f"{name}_new"], atol=1e-12, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("run", ["as_written", "lr_1", "lr_1_std1"])
def test_worked_example_2_3_1(registry: Registry, run: str) -> None:
    """The seed document's Julia network, as written and in two variants that learn (golden file b)."""
    golden = json.loads((GOLDEN / "b_julia_2_3_1.json").read_text())
    want = golden[run]
    scale = want.get("W_scale", 1)
    stack = golden_stack(
        registry, np.transpose(golden["X"]), np.transpose(golden["y"]), 3, "sigmoid", lr=want["lr"]
    )
    set_weights(
        stack,
        W1=scale * np.transpose(golden["W1_init"]),
        b1=golden["b1_init"],
        W2=scale * np.transpose(golden["W2_init"]),
        b2=golden["b2_init"],
    )
    x, y = stack.batches.take()
    for epoch in range(1, want["epochs"] + 1):
        before = stack.output.value(stack.network.forward(stack.weights, x)[0], y)
        stack.step(epoch, want["epochs"])
        if epoch == 1:
            np.testing.assert_allclose(before, want["first_step"]["loss"], atol=1e-12, rtol=0)
            for name in ("W1", "W2"):
                np.testing.assert_allclose(
                    stack.grad_views[name][0].T, want["first_step"][f"d{name}"], atol=1e-12, rtol=0
                )
        if str(epoch) in want["loss_printed"]:  # the seed prints the loss before the update
            np.testing.assert_allclose(before, want["loss_printed"][str(epoch)], atol=1e-12, rtol=0)
    z, _ = stack.network.forward(stack.weights, x)
    a2 = stack.output.predict(z)[0, :, 0]
    np.testing.assert_allclose(stack.output.value(z, y), want["final"]["loss_after_last_update"], atol=1e-12)
    np.testing.assert_allclose(a2, want["final"]["a2"][0], atol=1e-12, rtol=0)
    # Weights of a saturating run grow to 15, where 1e-12 relative is what float64 keeps over 5000 steps.
    for name in ("W1", "W2"):
        np.testing.assert_allclose(stack.weights[name][0].T, want["final"][name], atol=1e-12, rtol=1e-12)
    accuracy = float(np.mean((a2 > 0.5) == (y[0, :, 0] > 0.5)))
    assert accuracy == want["final"]["accuracy"]


class GivenOrder:
    """Batches of ten of the seed's hundred examples, in the order of the golden file."""

    weights = None  # all examples count alike

    def __init__(self, x: Any, y: Any, orders: Any) -> None:
        self._parts = [(x[rows], y[rows]) for order in orders for rows in np.reshape(order, (10, 10))]
        self._at = 0

    def take(self) -> tuple[Any, Any]:
        x, y = self._parts[self._at]
        self._at += 1
        return x[None], y[None]


@pytest.mark.parametrize(
    ("run", "loss"),
    [
        *(
            (f"{labels}_noshuffle_{eps}", "")
            for labels in ("random", "quadrant")
            for eps in ("epsout", "epsin")
        ),
        *((f"{labels}_shuffle_epsout", "") for labels in ("random", "quadrant")),
        ("trap_crossentropy_1unit_random", "one_sided_cross_entropy"),
    ],
)
def test_worked_example_2_10_1(registry: Registry, run: str, loss: str) -> None:
    """The seed document's Flux network with Adam, and with the loss that it takes (golden file c)."""
    golden = json.loads((GOLDEN / "c_flux_2_10_1.json").read_text())
    want = golden["runs"][run]
    trial = make_trial(
        registry,
        network=("mlp", {"hidden": [10]}),
        optimizer=("adam", {"lr": 0.01, "preset": "seed" if run.endswith("epsin") else "paper"}),
        loss=loss or "binary_cross_entropy",
        batch_size=10,
        shuffle=False,
        dtype="float64",
    )
    labels = "quadrant" if run.startswith("quadrant") else "random"
    x, y = np.array(golden["X"]), np.array(golden[f"y_{labels}"])[:, None]
    stack = Stack([trial], registry, [given_data(x, y)])
    if "_shuffle_" in run:
        stack.batches = GivenOrder(x, y, golden["perms"])  # type: ignore[assignment]
    set_weights(stack, W1=np.transpose(golden["W1_init"]), W2=np.transpose(golden["W2_init"]))
    step = 0
    for epoch in range(101):
        z, _ = stack.network.forward(stack.weights, x[None])
        if str(epoch) in want["loss_acc_by_epoch"]:
            value, accuracy = want["loss_acc_by_epoch"][str(epoch)]
            np.testing.assert_allclose(stack.output.value(z, y[None]), value, atol=1e-10, rtol=0)
            assert np.mean((z > 0) == (y > 0.5)) == accuracy
        if epoch == 100:
            assert np.mean(z > 0) == want["final"]["frac_positive_pred"]  # of the trap all
            np.testing.assert_allclose(stack.weights["W1"][0].T, want["final"]["W1"], atol=1e-9, rtol=0)
            break
        for _ in range(10):
            step += 1
            stack.step(step, 1000)
