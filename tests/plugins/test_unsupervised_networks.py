"""Networks without a target: outcomes known by hand, by enumeration, from scikit-learn or from PyTorch."""

from __future__ import annotations

import dataclasses
import itertools
import math
import sys
import tracemalloc
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from shipped import REGISTRY
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from trial_factory import make_trial

from anncore import ComponentError
from anncore.contract.hyperparameters import build
from anncore.contract.trial import Split, TrialResult
from anncore.engine.network import PlacedNetwork
from anncore.engine.training import make_stack, train_stack
from anncore.testing.networks import Given

RAW = dataclasses.replace(Split(), standardize=False)
STEP_OF_ONE = ("sgd", {"lr": 1.0})


def trained(*seeds: int, **options: Any) -> list[TrialResult]:
    common = {"output": "identity", "loss": "mse", "optimizer": STEP_OF_ONE, "batch_size": "full"}
    trials = [make_trial(REGISTRY, **{**common, **options}, seed=seed) for seed in seeds]
    return train_stack(trials, REGISTRY)


def rule(name: str, inputs: int = 2, **values: Any) -> PlacedNetwork:
    """Return a network of one trial, as the engine holds it."""
    from anncore.engine.activations import Activations

    cls = REGISTRY.get("network", name).cls
    network = build(cls, **values)
    if hasattr(network, "activation"):
        activation = REGISTRY.get("activation", "tanh").cls()
        object.__setattr__(network, "activation", (Activations.alone(activation),))
    noise = Given()
    noise.begin(np.full((1, 1), 0.5))
    return PlacedNetwork(network, inputs, inputs, noise)


def changes(network: PlacedNetwork, weights: dict[str, Any], x: Any, now: tuple[int, int] = (1, 1)) -> Any:
    grads = {name: np.full_like(value, np.nan) for name, value in weights.items()}
    network.learn(weights, x, x, grads, now=now)
    return grads


# Competitive layer


def test_full_batches_at_rate_1_are_the_k_means_of_scikit_learn() -> None:
    options = {"dataset": "gaussian_ring", "network": ("competitive", {"units": 5}), "dtype": "float64"}
    stack, _, _ = make_stack(
        [
            make_trial(
                REGISTRY, output="identity", loss="mse", optimizer=STEP_OF_ONE, batch_size="full", **options
            )
        ],
        REGISTRY,
    )
    stack.initialize()
    # k-means of scikit-learn moves a centre that wins nothing, so every unit begins at an example.
    stack.weights["w"][0] = stack.data[0].x_train[:5]
    start = stack.weights["w"][0].copy()
    for t in range(1, 4):
        stack.step(t, 3)
    means = KMeans(5, init=start, n_init=1, max_iter=3, tol=0, algorithm="lloyd")
    means.fit(stack.data[0].x_train)
    np.testing.assert_allclose(stack.weights["w"][0], means.cluster_centers_, atol=1e-12)


def test_only_winners_learn_and_of_equally_near_units_the_first_wins() -> None:
    weights = {"w": np.array([[[0.0, 0.0], [2.0, 0.0], [9.0, 9.0]]])}
    x = np.array(
        [[[1.0, 0.0], [2.5, 0.0], [3.0, 1.0]]]
    )  # the first lies in the middle of the first two units
    network = rule("competitive", units=3)
    np.testing.assert_allclose(-changes(network, weights, x)["w"], [[[1, 0], [0.75, 0.5], [0, 0]]])
    np.testing.assert_array_equal(network.forward(weights, x)[0], [[[0, 0], [2, 0], [2, 0]]])
    assert network.measures(weights, x) == {"idle_prototypes": 1 / 3}


# Self-organising map


def test_a_map_unfolds_over_the_unit_square() -> None:
    """Quantization near the 0.0478 of ideal square cells, and no fold: figures of Kohonen 1982."""
    results = trained(0, 1, 2, dataset=("unit_square", {"n": 2000}), network="som", steps=100, eval_every=100)
    ideal = (math.sqrt(2) + math.log(1 + math.sqrt(2))) / 6 / 8
    assert ideal == pytest.approx(0.0478, abs=5e-5)
    for result in results:
        assert result.metrics["test_topographic_error"] <= 0.0025  # one of 400
        # Of points that did not train it: the 1200 that did pull the cells a little out of shape.
        assert 0.97 * ideal < result.metrics["test_quantization_error"] < 1.07 * ideal


def test_without_neighbours_units_are_no_map() -> None:
    network = ("som", {"neighbourhood": "none"})
    for result in trained(0, 1, dataset="unit_square", network=network, steps=50, eval_every=50):
        assert result.metrics["test_topographic_error"] > 0.5


@pytest.mark.parametrize(
    ("values", "step", "near"),
    [
        (
            {"shrink": "linear", "radius": 3.0, "end_radius": 1.0},
            1,
            math.exp(-1 / 8),
        ),  # σ = 2 at half the way
        ({"shrink": "exponential", "radius": 4.0, "end_radius": 1.0}, 1, math.exp(-1 / 8)),
        ({"shrink": "linear", "radius": 3.0, "end_radius": 1.0}, 2, math.exp(-1 / 2)),
        ({"neighbourhood": "bubble", "radius": 1.0, "end_radius": 1.0}, 1, 1),
        ({"neighbourhood": "bubble", "radius": 0.9, "end_radius": 0.9}, 1, 0),
        ({"neighbourhood": "none"}, 1, 0),
    ],
)
def test_one_example_pulls_the_winner_and_its_neighbour_as_kohonen_s_rule(
    values: dict[str, Any], step: int, near: float
) -> None:
    weights = {"w": np.array([[[0.0, 0.0], [1.0, 1.0]]])}
    x = np.array([[[0.2, 0.0]]])
    change = -changes(rule("som", rows=1, columns=2, **values), weights, x, (step, 2))["w"]
    np.testing.assert_allclose(change, [[[0.2, 0.0], [-0.8 * near, -1.0 * near]]])


def test_a_full_batch_at_rate_1_is_the_batch_map() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.random((1, 50, 2)), rng.random((1, 6, 2))
    network = rule("som", rows=2, columns=3, radius=1.0, end_radius=1.0)
    change = changes(network, {"w": w}, x)["w"]
    nearest = np.linalg.norm(x[0, :, None] - w[0], axis=2).argmin(axis=1)
    grid = np.array([(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)])
    near = np.exp(-((grid[:, None] - grid) ** 2).sum(axis=2) / 2)[nearest]
    np.testing.assert_allclose((w - change)[0], near.T @ x[0] / near.sum(axis=0)[:, None], rtol=1e-12)


def test_topographic_error_counts_winners_that_are_not_adjacent() -> None:
    """A line of four units, folded: units 0 and 3 lie side by side in the plane, not on the map."""
    weights = {"w": np.array([[[0.0, 0], [1, 0], [1, 1], [0, 1]]])}
    x = np.array([[[0.5, -0.1], [-0.1, 0.5], [1.1, 0.5]]])  # nearest 0 and 1, 0 and 3, 1 and 2
    measured = rule("som", rows=1, columns=4).measures(weights, x)
    assert measured == {"topographic_error": pytest.approx(1 / 3), "idle_prototypes": pytest.approx(0.5)}


# Restricted Boltzmann machine


def machine(visible: int, hidden: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = {"W": (visible, hidden), "b": (1, visible), "c": (1, hidden)}
    return {name: rng.normal(size=(1, *shape)) for name, shape in shapes.items()}


def enumerated(weights: dict[str, np.ndarray], x: np.ndarray) -> float:
    """Return the mean log-likelihood by the definition: the sum over all states of both sides."""
    w, b, c = (weights[name][0] for name in "Wbc")
    sides = [np.array(list(itertools.product((0, 1), repeat=size))) for size in w.shape]
    table = np.exp(sides[0] @ w @ sides[1].T + sides[0] @ b.T + c @ sides[1].T)
    row = {tuple(state): i for i, state in enumerate(sides[0])}
    return float(np.mean([math.log(table[row[tuple(v)]].sum() / table.sum()) for v in x.astype(int)]))


@pytest.mark.parametrize(("visible", "hidden"), [(4, 3), (3, 5), (3, 3)])
def test_the_log_likelihood_is_that_of_all_states(visible: int, hidden: int) -> None:
    weights = machine(visible, hidden)
    x = np.random.default_rng(1).integers(2, size=(1, 20, visible)).astype(float)
    measured = rule("boltzmann", visible, hidden=hidden).measures(weights, x)["log_likelihood"]
    assert measured[0] == pytest.approx(enumerated(weights, x[0]), rel=1e-12)


@pytest.mark.parametrize(("visible", "hidden"), [(4, 3), (3, 5)])
def test_the_exact_rule_is_the_gradient_of_the_log_likelihood(visible: int, hidden: int) -> None:
    weights = machine(visible, hidden)
    x = np.random.default_rng(2).integers(2, size=(1, 9, visible)).astype(float)
    grads = changes(rule("boltzmann", visible, hidden=hidden, rule="exact"), weights, x)
    for name, value in weights.items():
        for place in np.ndindex(value.shape):
            ends = []
            for shift in (1e-6, -1e-6):
                moved = {**weights, name: value.copy()}
                moved[name][place] += shift
                ends.append(enumerated(moved, x[0]))
            assert grads[name][place] == pytest.approx(-(ends[0] - ends[1]) / 2e-6, abs=1e-8)


def test_contrastive_divergence_goes_to_the_exact_direction_with_k() -> None:
    weights = {name: 2 * value for name, value in machine(4, 3).items()}
    x = np.tile([1.0, 0, 1, 0], (1, 4000, 1))  # far from what the machine makes
    exact = changes(rule("boltzmann", 4, hidden=3, rule="exact"), weights, x)["W"]
    apart = {}
    for k in (1, 25):
        sampled = changes(rule("boltzmann", 4, hidden=3, k=k), weights, x)["W"]
        apart[k] = np.abs(sampled - exact).max()
    assert apart[25] < 0.03  # 4000 samples: standard deviation of a mean of 0 and 1 below 0.008
    assert apart[1] > 0.05


def test_bars_and_stripes_are_learned_towards_their_entropy() -> None:
    """12 pictures have probability 1/16, the empty and the full one 2/16: 2.599 nats."""
    entropy = 12 / 16 * math.log(16) + 2 * 2 / 16 * math.log(8)
    assert entropy == pytest.approx(2.5993, abs=1e-4)
    (result,) = trained(
        0,
        dataset=("bars_and_stripes", {"n": 2000}),
        network=("boltzmann", {"rule": "exact"}),
        split=RAW,
        output="sigmoid",
        optimizer=("adam", {"lr": 0.1}),
        initializer=("normal", {"std": 0.1}),
        steps=400,
        eval_every=200,
    )
    start, middle, end = result.curves["valid_log_likelihood"]
    assert start == pytest.approx(-9 * math.log(2), abs=0.1)  # all 512 pictures are about equally likely
    assert start < middle < end
    assert -entropy - 0.1 < result.metrics["test_log_likelihood"] < -entropy + 0.1


def test_a_machine_that_cannot_be_enumerated_is_nan_or_refused() -> None:
    x = np.zeros((1, 3, 15))
    measured = rule("boltzmann", 15, hidden=15).measures(machine(15, 15), x)
    assert math.isnan(measured["log_likelihood"][0])
    with pytest.raises(ComponentError, match="the exact rule enumerates the smaller side, which may have 14"):
        rule("boltzmann", 15, hidden=15, rule="exact")


# Autoencoder


def test_a_linear_autoencoder_reaches_the_error_of_principal_components() -> None:
    trial = make_trial(
        REGISTRY,
        dataset=("unlabelled", {"dataset": "wine"}),
        network=("autoencoder", {"hidden": [], "code": 3}),
        output="identity",
        loss="mse",
        optimizer=("adam", {"lr": 0.02}),
        batch_size="full",
        steps=1000,
        eval_every=1000,
        dtype="float64",
    )
    (result,) = train_stack([trial], REGISTRY)
    stack, _, _ = make_stack([trial], REGISTRY)
    x = stack.data[0].x_train
    pca = PCA(3).fit(x)
    error = ((pca.inverse_transform(pca.transform(x)) - x) ** 2).mean()
    assert error <= result.metrics["train_loss"] < 1.0001 * error


# Generative adversarial network


def game(samples: int = 8) -> tuple[PlacedNetwork, dict[str, np.ndarray]]:
    network, rng = rule("gan", 2, hidden=3, samples=samples), np.random.default_rng(6)
    return network, {spec.name: rng.normal(size=(1, *spec.shape)) for spec in network.specs}


def test_coverage_is_1_for_the_data_themselves_and_a_part_for_a_lost_mode() -> None:
    network, weights = game(samples=1)
    data = np.concatenate([np.random.default_rng(8).normal(m, 0.1, size=(1, 20, 2)) for m in (-5, 5)], axis=1)
    weights["A2"][...] = 0
    weights["a2"][...] = 5.0  # the generator makes the middle of the second cloud alone
    assert 0 < network.measures(weights, data)["coverage"][0] <= 0.5
    weights["a2"][...] = 50.0
    assert network.measures(weights, data)["coverage"][0] == 0


def test_clusters_are_counted_in_which_something_is_made() -> None:
    network, weights = game(samples=1)
    ring = np.array([(2 * np.cos(t), 2 * np.sin(t)) for t in 2 * np.pi * np.arange(8) / 8])
    rng = np.random.default_rng(8)
    data = np.concatenate([rng.normal(middle, 0.1, size=(1, 20, 2)) for middle in ring], axis=1)
    weights["A2"][...] = 0
    made_at = {(0, 2): 1, (2, 0): 1, (0, 1.4): 0, (9, 9): 0}  # 1.4 is six standard deviations off
    for place, modes in made_at.items():
        weights["a2"][...] = place
        assert network.measures(weights, data)["modes_covered"] == modes
    with patch.object(type(network.component), "_made", lambda self, weights: ring[None]):
        assert network.measures(weights, data)["modes_covered"] == 8
        assert network.measures(weights, data[:, :60])["modes_covered"] == 3  # three clouds are there


def test_clusters_are_those_of_scipys_single_linkage() -> None:
    hierarchy = pytest.importorskip("scipy.cluster.hierarchy")
    clusters = sys.modules[REGISTRY.get("network", "gan").cls.__module__]._clusters
    rng = np.random.default_rng(2)
    for sizes in ((5, 9, 1, 20), (3, 3), (40, 2, 2)):
        middles = 10 * rng.permutation(len(sizes))
        x = np.concatenate([rng.normal(m, 0.3, (n, 2)) for m, n in zip(middles, sizes, strict=True)])
        theirs = hierarchy.fcluster(hierarchy.linkage(x, "single"), 5.0, "distance")
        mine = clusters(x)
        assert mine.max() + 1 == len(sizes)
        assert (np.equal.outer(mine, mine) == np.equal.outer(theirs, theirs)).all()


def test_the_generator_answers_the_discriminator_that_has_just_learned() -> None:
    """One step of sgd by algorithm 1 of Goodfellow et al. with k = 1, against two steps written out."""
    rate = 0.1
    made = {}
    for updates in ("alternating", "simultaneous"):
        trial = make_trial(
            REGISTRY,
            dataset="gaussian_ring",
            network=("gan", {"hidden": 3, "samples": 2, "updates": updates}),
            activation="tanh",
            loss="mse",
            output="identity",
            optimizer=("sgd", {"lr": rate}),
            batch_size=8,
            dtype="float64",
        )
        stack, _, _ = make_stack([trial], REGISTRY)
        stack.initialize()
        before = {name: array.copy() for name, array in stack.weights.items()}
        stack.step(1, 10)
        x, y = stack.batch
        by_turn = []
        weights: dict[str, Any] = before
        for turn in (0, 1) if updates == "alternating" else (None,):
            grads = {spec.name: np.zeros((1, *spec.shape)) for spec in stack.specs}
            stack.network.learn(weights, x, y, grads, now=(1, 10), turn=turn)
            weights = {name: array - rate * grads.get(name, 0) for name, array in weights.items()}
            by_turn.append(grads)
        if updates == "alternating":
            assert not by_turn[0]["A1"].any()  # only the discriminator's in the first turn
            assert not by_turn[1]["B1"].any()
        for name in grads:
            np.testing.assert_allclose(stack.weights[name], weights[name], rtol=0, atol=1e-15)
        made[updates] = weights
    np.testing.assert_array_equal(made["alternating"]["B1"], made["simultaneous"]["B1"])
    assert (made["alternating"]["A1"] != made["simultaneous"]["A1"]).all()


@pytest.mark.parametrize("optimizer", ["adam", "schedule_free_adamw", "extragradient"])
def test_players_that_take_turns_stop_and_go_on_alone_as_together(optimizer: str) -> None:
    def trial(seed: int, steps: int) -> Any:
        return make_trial(
            REGISTRY,
            dataset=("gaussian_ring", {"n": 60}),
            network=("gan", {"hidden": 3, "samples": 4}),
            loss="mse",
            output="identity",
            optimizer=(optimizer, {"lr": 0.05}),
            batch_size=8,
            seed=seed,
            **{"steps": steps, "eval_every": 3},
        )

    together = train_stack([trial(1, 9), trial(2, 9)], REGISTRY)
    alone = [train_stack([trial(seed, 9)], REGISTRY)[0] for seed in (1, 2)]
    for first, second in zip(together, alone, strict=True):
        assert first.status == "ok"
        assert first.metrics == second.metrics
        assert first.curves == second.curves


def test_turns_must_name_every_weight_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REGISTRY.get("network", "gan").cls, "turns", lambda self: (["B1"], ["A1", "A2"]))
    with pytest.raises(ComponentError, match=r"gan: turns must name each of its weights once \(A1, A2, B1"):
        game()


# Networks that measure wrongly


@pytest.mark.parametrize(
    ("values", "got"), [({}, "nothing"), ({"idle_prototypes": np.zeros((1, 2))}, r"shape \(1, 2\)")]
)
def test_a_network_that_measures_wrongly_fails_with_a_line(
    monkeypatch: pytest.MonkeyPatch, values: Any, got: str
) -> None:
    competitive = REGISTRY.get("network", "competitive").cls
    monkeypatch.setattr(competitive, "measures", lambda self, weights, x: values)
    message = f"competitive: measures must return 'idle_prototypes' with .* of 1 trials, got {got}"
    with pytest.raises(ComponentError, match=message):
        trained(1, dataset="unit_square", network="competitive", steps=1)


# Memory


def test_what_a_generator_covers_is_measured_without_all_differences_at_once() -> None:
    # Of 800 examples with 64 features all differences would be 330 MB.
    network = rule("gan", 64, hidden=2, samples=64)
    rng = np.random.default_rng(3)
    weights = {spec.name: rng.normal(size=(1, *spec.shape)) for spec in network.specs}
    x = rng.normal(size=(1, 800, 64))
    tracemalloc.start()
    try:
        coverage = network.measures(weights, x)["coverage"]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100e6
    made = network.component._made(weights)
    nearest = NearestNeighbors(n_neighbors=6).fit(x[0]).kneighbors(x[0])[0][:, 5]
    closest = NearestNeighbors(n_neighbors=1).fit(made[0]).kneighbors(x[0])[0][:, 0]
    assert coverage == pytest.approx(np.mean(closest <= nearest), abs=1e-12)
