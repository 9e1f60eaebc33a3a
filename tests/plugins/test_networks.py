from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from shipped import REGISTRY
from trial_factory import make_trial

from anncore import ComponentError, build
from anncore.contract.trial import Split, Trial
from anncore.engine.batches import load
from anncore.engine.network import PlacedNetwork
from anncore.engine.network_stack import Stack
from anncore.testing import Check, parametrize_with_checks


@parametrize_with_checks(REGISTRY.of_kind("network"))
def test_conformance(check: Check) -> None:
    check()


def mlp(**values: Any) -> Any:
    return build(REGISTRY.get("network", "mlp").cls, **values)


def body(network: Any, inputs: int, outputs: int) -> PlacedNetwork:
    """The network as training has it, with its activations in their places."""
    return PlacedNetwork(network, inputs, outputs, None)


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
    weights = {"W1": np.array([[[2.0], [3.0]]]), "b1": np.array([[[1.0]]])}
    z = mlp(hidden=[], activation=()).forward(weights, np.array([[[1.0, 10.0]]]))
    assert z.tolist() == [[[33.0]]]


def test_mlp_by_hand() -> None:
    # x = (1, 2); z₁ = (1, -1) + (0.5, 0); a = (1.5, 0); z₂ = 1.5 · 2 + 0 · 3 + 1 = 4
    weights = {
        "W1": np.array([[[1.0, 1.0], [0.0, -1.0]]]),
        "b1": np.array([[[0.5, 0.0]]]),
        "W2": np.array([[[2.0], [3.0]]]),
        "b2": np.array([[[1.0]]]),
    }
    network = body(mlp(hidden=[2], activation=(relu(),)), 2, 1)
    z, tape = network.forward(weights, np.array([[[1.0, 2.0]]]), training=True)
    assert z.item() == 4
    # from ∂L/∂z₂ = 10: δ₁ = (20, 0), as the second unit is off
    grads = {name: np.empty_like(value) for name, value in weights.items()}
    network.backward(weights, tape, np.array([[[10.0]]]), grads)
    assert {name: value.tolist() for name, value in grads.items()} == {
        "W1": [[[20.0, 0.0], [40.0, 0.0]]],
        "b1": [[[20.0, 0.0]]],
        "W2": [[[15.0], [0.0]]],
        "b2": [[[10.0]]],
    }


def in_places(name: str, inputs: int, outputs: int, activation: Any = None, **values: Any) -> PlacedNetwork:
    """A network of the catalogue with an activation, tanh where none is given, in all of its places."""
    activation = activation or REGISTRY.get("activation", "tanh").cls()
    return body(build(REGISTRY.get("network", name).cls, activation=(activation,), **values), inputs, outputs)


def test_mlp_says_what_stands_where() -> None:
    specs = in_places("mlp", 5, 2, hidden=[4, 3], norm="batch").specs
    assert {spec.name: spec.place for spec in specs if spec.role == "weight"} == {
        "W1": "input",
        "W2": "hidden",
        "W3": "output",
    }
    assert {spec.name: spec.initial for spec in specs if spec.role in ("gain", "state")} == {
        "gain1": 1,
        "mean1": 0,
        "variance1": 1,
        "gain2": 1,
        "mean2": 0,
        "variance2": 1,
    }


def test_mlp_has_modes_only_where_training_differs_from_evaluation() -> None:
    assert not mlp().modes
    assert not mlp(norm="layer").modes
    assert mlp(norm="batch").modes
    assert mlp(dropout=0.1).modes
    cls = REGISTRY.get("network", "mlp").cls
    assert cls(dropout=np.array([[[0.0]], [[0.1]]])).modes
    assert not cls(dropout=np.zeros((2, 1, 1))).modes


class Numbers:
    """A source of random numbers that hands out given ones."""

    def __init__(self, **given: Any) -> None:
        self.given = given

    def of(self, name: str, trials: slice, draw: Any) -> np.ndarray:
        return np.broadcast_to(self.given[name], (1, *draw(np.random.default_rng(0)).shape))


def test_dropout_by_hand() -> None:
    # A rate of 0.2: of a = (1, 2) the unit that drew 0.1 is dropped, the other one is 2 / 0.8 = 2.5.
    network = PlacedNetwork(
        mlp(hidden=[2], dropout=0.2, activation=(relu(),)), 2, 1, Numbers(dropout1=[0.1, 0.2])
    )
    weights = {
        "W1": np.eye(2)[None],
        "b1": np.zeros((1, 1, 2)),
        "W2": np.ones((1, 2, 1)),
        "b2": np.zeros((1, 1, 1)),
    }
    z, tape = network.forward(weights, np.array([[[1.0, 2.0]]]), training=True)
    assert z.item() == 2.5
    grads = {name: np.empty_like(value) for name, value in weights.items()}
    network.backward(weights, tape, np.ones((1, 1, 1)), grads)
    assert grads["W2"].ravel().tolist() == [0, 2.5]
    assert grads["b1"].ravel().tolist() == [0, 1.25]
    assert network.forward(weights, np.array([[[1.0, 2.0]]]))[0].item() == 3  # in evaluation


def test_batch_norm_of_a_single_example_is_its_shift() -> None:
    network = in_places("mlp", 2, 1, REGISTRY.get("activation", "identity").cls(), hidden=[1], norm="batch")
    weights = {spec.name: np.full((1, *spec.shape), 0.5) for spec in network.specs}
    network.forward(weights, np.array([[[7.0, 8.0]]]), training=True)
    # z = 8, whose mean is 8 and variance 0; the running ones move a tenth of the way from 0.5
    assert weights["mean1"].item() == pytest.approx(0.45 + 0.8)
    assert weights["variance1"].item() == pytest.approx(0.45)


def test_mlp_refuses_activations_that_do_not_fit_its_layers() -> None:
    with pytest.raises(ComponentError, match="one per hidden layer"):
        mlp(hidden=[4, 3], activation=["relu", "tanh", "relu"])


# elman


def test_elman_by_hand() -> None:
    # Wx = 1, Wh = 10, b = 0, f = relu: of (1, 2, 3) the hidden unit makes 1, 12 and 123; Wy = 2, c = 1.
    weights = {
        name: np.full((1, 1, 1), value)
        for name, value in zip(("Wx", "Wh", "b", "Wy", "c"), (1.0, 10.0, 0.0, 2.0, 1.0), strict=True)
    }
    x = np.array([[[1.0, 2.0, 3.0]]])
    last = in_places("elman", 3, 1, relu(), hidden=1)
    z, tape = last.forward(weights, x)
    assert z.tolist() == [[[247.0]]]
    # From ∂L/∂z = 1: δ = (200, 20, 2), so Σ xδ = 246, Σ aₛ₋₁ δₛ = 1 · 20 + 12 · 2
    grads = {name: np.empty_like(value) for name, value in weights.items()}
    last.backward(weights, tape, np.ones((1, 1, 1)), grads)
    gradients = {name: value.item() for name, value in grads.items()}
    assert gradients == {"Wx": 246.0, "Wh": 44.0, "b": 222.0, "Wy": 123.0, "c": 1.0}
    every = in_places("elman", 3, 3, relu(), hidden=1, read="every")
    assert every.forward(weights, x)[0].tolist() == [[[3.0, 25.0, 247.0]]]


@pytest.mark.parametrize(
    ("values", "sizes", "message"),
    [
        ({"features": 2}, (5, 1), r"elman: inputs must be a multiple of features, 2, got 5"),
        ({"read": "every"}, (4, 2), r"elman: with read \"every\" outputs must be a multiple of the 4 steps"),
    ],
)
def test_elman_refuses_windows_that_are_no_steps(
    values: dict[str, Any], sizes: tuple[int, int], message: str
) -> None:
    with pytest.raises(ComponentError, match=message):
        in_places("elman", *sizes, **values)


def trained(trials: list[Trial], steps: int) -> Stack:
    stack = Stack(trials, REGISTRY, load(trials, REGISTRY))
    stack.initialize()
    for t in range(1, steps + 1):
        stack.step(t, steps)
    return stack


def test_in_a_stream_of_xor_elmans_error_falls_only_on_every_third_bit() -> None:
    """Elman 1990, figure 3: two bits of three are coins, whose squared error is 1/4 at best.

    A reference run of 60 epochs with 5 hidden units has .272, .280 and .104 on bits that were not trained on.
    """
    trials = [
        make_trial(
            REGISTRY,
            dataset=("temporal_xor", {"window": 11, "n": 250, "predict": "every"}),
            network=("elman", {"hidden": 5, "read": "every"}),
            activation="sigmoid",
            output="sigmoid",
            loss="mse",
            optimizer=("adam", {"lr": 0.02}),
            batch_size=10,
            split=Split(standardize=False),
            seed=seed,
        )
        for seed in range(6)
    ]
    stack = trained(trials, steps=60 * 15)
    x, y = (np.stack([getattr(data, f"{what}_valid") for data in stack.data]) for what in "xy")
    error = (stack.output.predict(stack.network.forward(stack.weights, x)[0]) - y) ** 2
    by_bit = [error[:, :, bit::3].mean() for bit in (2, 0, 1)]  # the first target is a triple's second bit
    assert by_bit[0] == pytest.approx(0.272, abs=0.025)
    assert by_bit[1] == pytest.approx(0.280, abs=0.025)
    assert by_bit[2] < 0.104


# cnn


def test_cnn_by_hand() -> None:
    # A kernel that sees a pixel and its right neighbour, on a square of four pixels, of which the largest is
    # taken.
    network = in_places("cnn", 4, 1, relu(), filters=1)
    weights = {spec.name: np.zeros((1, *spec.shape)) for spec in network.specs}
    weights["W"][0, 4:6, 0] = 1, 10
    weights["V"][...], weights["d"][...] = 2, 1
    z, tape = network.forward(weights, np.array([[[1.0, 2.0, 3.0, 4.0]]]))
    assert z.item() == 2 * (3 + 10 * 4) + 1
    grads = {name: np.empty_like(value) for name, value in weights.items()}
    network.backward(weights, tape, np.ones((1, 1, 1)), grads)
    # Seen from the pixel 3: above it 1, above to the right 2, itself, to the right 4, nothing else
    assert grads["W"].ravel().tolist() == [0, 2, 4, 0, 6, 8, 0, 0, 0]


def test_cnn_takes_square_images_only() -> None:
    with pytest.raises(ComponentError, match=r"cnn: inputs must be a square image.* got 5"):
        in_places("cnn", 5, 2)
    with pytest.raises(ComponentError, match="cnn: pool must be at most the image's side, 2, got 3"):
        in_places("cnn", 4, 2, pool=3)


def test_cnn_on_a_line_by_hand() -> None:
    # A kernel that sees a place and its right neighbour, on a line of five places. In windows of two, the
    # fifth place is left out: max(1 + 20, 2 + 30) and max(3 + 40, 4 + 50).
    network = in_places("cnn", 5, 1, relu(), filters=1, layout="line")
    weights = {spec.name: np.zeros((1, *spec.shape)) for spec in network.specs}
    assert weights["W"].shape == (1, 3, 1)
    assert weights["V"].shape == (1, 2, 1)
    weights["W"][0, 1:, 0] = 1, 10
    weights["V"][0, :, 0], weights["d"][...] = (1, 100), 0.5
    z, _ = network.forward(weights, np.arange(1.0, 6.0)[None, None])
    assert z.item() == 32 + 54 * 100 + 0.5
    with pytest.raises(ComponentError, match="cnn: pool must be at most the line's length, 5, got 6"):
        in_places("cnn", 5, 2, pool=6, layout="line")


# sparse


def mask(below: int, units: int, seed: int = 0, **values: Any) -> np.ndarray:
    network = in_places("sparse", below, 1, hidden=[units], **values)
    (spec,) = [spec for spec in network.specs if spec.role == "state"]
    return network.component.draw(np.random.default_rng(seed), spec)


@pytest.mark.parametrize("how", ["random", "near", "far"])
@pytest.mark.parametrize(("density", "ones"), [(0.01, 1), (0.3, 6), (1.0, 20)])
def test_every_unit_sees_equally_many_of_those_below(how: str, density: float, ones: int) -> None:
    assert mask(20, 7, density=density, range=how).sum(axis=0).tolist() == [ones] * 7


def test_a_sparser_network_has_some_of_the_connections_of_a_denser_one() -> None:
    for how in ("random", "near", "far"):
        few, many = (mask(20, 7, density=density, range=how) for density in (0.2, 0.5))
        assert (few <= many).all()


def test_connections_are_near_or_far_on_a_ring() -> None:
    # Eight units above eight, three connections each: the unit itself and both neighbours; or its opposite.
    near, far = (mask(8, 8, density=3 / 8, range=how) for how in ("near", "far"))
    ring = np.abs(np.arange(8)[:, None] - np.arange(8))
    ring = np.minimum(ring, 8 - ring)
    np.testing.assert_array_equal(near, ring <= 1)
    np.testing.assert_array_equal(far, ring >= 3)


def test_random_connections_are_as_likely_everywhere() -> None:
    often = sum(mask(10, 4, seed, density=0.3) for seed in range(400)) / 400
    assert np.abs(often - 0.3).max() < 5 * np.sqrt(0.3 * 0.7 / 400)


def test_trials_of_one_seed_and_other_densities_train_on_nested_masks() -> None:
    trials = [
        make_trial(REGISTRY, network=("sparse", {"hidden": [6], "density": density}), seed=seed)
        for density in (0.5, 1.0)
        for seed in range(2)
    ]
    stack = trained(trials, steps=1)
    assert stack.weights["M1"].sum(axis=(1, 2)).tolist() == [6, 6, 12, 12]
    assert not np.array_equal(stack.weights["M1"][0], stack.weights["M1"][1])


# hopfield


def stored(patterns: int, size: int, seeds: int, noise: float = 0.0, **values: Any) -> Stack:
    """Return networks after one step that stores the patterns, on the full batch by sgd with lr 1."""
    trials = [
        make_trial(
            REGISTRY,
            dataset=("stored_patterns", {"patterns": patterns, "size": size, "noise": noise, "copies": 10}),
            network="hopfield",
            output="identity",
            loss="mse",
            optimizer=("sgd", {"lr": 1.0}),
            batch_size="full",
            split=Split(standardize=False),
            seed=seed,
            **values,
        )
        for seed in range(seeds)
    ]
    return trained(trials, steps=1)


def test_hebbs_rule_by_hand() -> None:
    # ξ₁ = (1, 1, -1) twice and ξ₂ = (1, -1, -1): Σ ξξᵀ / 3 without its diagonal
    network = REGISTRY.get("network", "hopfield").cls()
    y = np.array([[[1.0, 1, -1], [1, -1, -1], [1, 1, -1]]])
    grads = {"W": np.empty((1, 3, 3))}
    network.learn({}, y, y, grads)
    np.testing.assert_allclose(-grads["W"][0] * 3, [[0, 0, -2], [0, 0, 0], [-2, 0, 0]], atol=1e-15)


@pytest.mark.parametrize(("patterns", "theory"), [(21, 0.00101), (37, 0.0100), (74, 0.0501)])
def test_of_a_stored_pattern_as_many_bits_flip_as_theory_says(patterns: int, theory: float) -> None:
    """Half of erfc(√(D / 2P)), for P / D = .105, .185 and .37; Hertz, Krogh & Palmer 1991, section 2.2."""
    stack = stored(patterns, size=200, seeds=12)
    y = np.stack([data.y_train for data in stack.data])
    z, _ = stack.network.forward(stack.weights, y)
    wrong = (np.sign(z) != y).mean()
    deviation = np.sqrt(theory / (12 * patterns * 200))
    assert wrong == pytest.approx(theory, rel=0.1, abs=4 * deviation)


def test_a_few_patterns_are_found_again_from_damaged_copies() -> None:
    stack = stored(5, size=100, seeds=4, noise=0.2)
    x, y = (np.stack([getattr(data, f"{what}_test") for data in stack.data]) for what in "xy")
    z, _ = stack.network.forward(stack.weights, x)
    assert (x != y).mean() == pytest.approx(0.2, abs=0.02)
    assert (np.sign(z) != y).mean() < 0.02


def test_hopfield_starts_empty_whatever_the_initializer_and_wants_patterns() -> None:
    stack = stored(5, size=20, seeds=1, initializer="he_normal")
    weights = stack.weights["W"][0]
    np.testing.assert_allclose(
        weights, weights.T, rtol=1e-6
    )  # float32; some BLAS kernels round each half apart
    np.testing.assert_array_equal(np.diag(weights), 0)
    trial = make_trial(REGISTRY, network="hopfield")
    data = load([trial], REGISTRY)
    with pytest.raises(ComponentError, match=r"hopfield: .* as many outputs as inputs, got 2 inputs"):
        Stack([trial], REGISTRY, data)
