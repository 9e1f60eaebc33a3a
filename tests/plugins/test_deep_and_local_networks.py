"""Networks that are deep or see locally: residual_mlp, locally_connected."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from placed_networks import drawn, output, placed
from shipped import REGISTRY
from trial_factory import make_trial

from anncore import ComponentError, build
from anncore.engine.training import train_stack

# residual_mlp


def test_a_block_that_adds_nothing_lets_everything_pass() -> None:
    """He et al. 2016, equations 3 to 5: signal and gradient go through identities unchanged."""
    x, grad = (np.random.default_rng(seed).normal(size=(6, size)) for seed, size in ((0, 3), (1, 2)))
    for skip in (True, False):
        network = placed("residual_mlp", 3, 2, blocks=20, skip=skip, norm="none")
        weights = drawn(network)
        for i in range(1, 21):
            weights[f"B{i}"][...] = weights[f"b{i}"][...] = 0
        z, tape = network.forward(weights, x[None], training=True)
        grads = {name: np.full_like(values, np.nan) for name, values in weights.items()}
        network.backward(weights, tape, grad[None], grads)
        past = (x @ weights["E"][0] + weights["e"][0]) if skip else 0
        expected = past @ weights["V"][0] if skip else np.zeros((6, 2))
        np.testing.assert_allclose(z[0], expected + weights["d"][0], rtol=1e-12, atol=1e-12)
        by_input = x.T @ grad @ weights["V"][0].T if skip else np.zeros((3, 16))
        np.testing.assert_allclose(grads["E"][0], by_input, rtol=1e-12, atol=1e-12)


def test_normalized_units_have_mean_0_and_variance_1_whatever_the_scale() -> None:
    network = placed("residual_mlp", 3, 2, blocks=1)
    weights = drawn(network)
    for name in ("B1", "b1", "e"):
        weights[name][...] = 0
    x = np.random.default_rng(2).normal(size=(4, 3))
    # Without bias the stream scales with the input, which the last normalization takes away.
    np.testing.assert_allclose(
        output(network, weights, 50 * x), output(network, weights, 5000 * x), rtol=1e-6
    )


def test_a_list_of_activations_must_fit_the_blocks() -> None:
    with pytest.raises(
        ComponentError, match=r"residual_mlp: activation must be .* one per block \(3\), got 2"
    ):
        build(REGISTRY.get("network", "residual_mlp").cls, activation=["tanh", "relu"])


# locally_connected


def test_local_fields_with_one_filter_for_all_are_a_convolution() -> None:
    cnn = placed("cnn", 36, 2, filters=4, pool=1)
    weights = drawn(cnn)
    local = placed("locally_connected", 36, 2, filters=4, stride=1)
    shared = {**weights, "W": np.tile(weights["W"], (1, 36, 1)), "b": np.tile(weights["b"], (1, 1, 36))}
    x = np.random.default_rng(3).normal(size=(5, 36))
    np.testing.assert_allclose(output(local, shared, x), output(cnn, weights, x), rtol=1e-12)


def test_a_field_sees_its_own_pixels_only() -> None:
    network = placed("locally_connected", 81, 9, "identity", filters=1, stride=3)
    weights = {**drawn(network), "V": np.eye(9)[None]}
    x = np.random.default_rng(4).normal(size=(1, 81))
    before = output(network, weights, x)
    for row, column in ((0, 0), (4, 8), (7, 3)):
        moved = x.copy()
        moved[0, 9 * row + column] += 1
        changed = (output(network, weights, moved) != before)[0].reshape(3, 3)
        assert np.argwhere(changed).tolist() == [[row // 3, column // 3]]


@pytest.mark.parametrize(
    ("inputs", "values", "message"),
    [
        (5, {}, "inputs must be a square image, a square number of columns, got 5"),
        (4, {"stride": 3}, "stride must be at most the image's side, 2, got 3"),
    ],
)
def test_images_that_do_not_fit_are_refused(inputs: int, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ComponentError, match=f"locally_connected: {message}"):
        placed("locally_connected", inputs, 2, **values)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statistics", "noise", "better"), [("same", 0.5, "cnn"), ("local", 1.0, "locally_connected")]
)
def test_shared_filters_suit_images_that_are_the_same_everywhere(
    statistics: str, noise: float, better: str
) -> None:
    """LeCun 1989: weights are shared where a feature is as likely at every place."""
    networks = {"cnn": {"filters": 4, "pool": 3}, "locally_connected": {"filters": 4, "stride": 3}}
    accuracy = {}
    for name, values in networks.items():
        trials = [
            make_trial(
                REGISTRY,
                dataset=("bars", {"n": 500, "noise": noise, "statistics": statistics}),
                network=(name, values),
                optimizer=("adam", {"lr": 0.01}),
                batch_size=32,
                steps=400,
                eval_every=400,
                seed=seed,
            )
            for seed in range(3)
        ]
        accuracy[name] = np.mean(
            [result.metrics["test_accuracy"] for result in train_stack(trials, REGISTRY)]
        )
    worse = next(name for name in networks if name != better)
    assert accuracy[better] > 0.95
    assert accuracy[worse] < accuracy[better] - 0.03
