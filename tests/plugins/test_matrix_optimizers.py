"""Optimizers that look at whole parameter arrays, or at all parameters of a trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays
from sameness import as_bytes, by_key, trained_the_same
from shipped import REGISTRY
from trial_factory import make_part, make_trial

from anncore import Array, ComponentError, build
from anncore.contract.kinds import WeightSpec
from anncore.contract.trial import Stop, Trial
from anncore.engine.network import PlacedNetwork
from anncore.engine.training import train_stack

# Each with settings that go through all of its code within 24 steps, beside its defaults.
SHIPPED: dict[str, list[dict[str, Any]]] = {
    "muon": [{}, {"where": "matrices", "lr": 0.05, "average": "corrected", "weight_decay": 0.1}],
    "shampoo": [
        {},
        {"statistics": "mean", "graft": "adagrad", "every": 3, "momentum": 0.9, "power": 1.0, "max_dim": 5},
    ],
    "soap": [
        {},
        {"every": 1, "first_step": "take", "rotate_vectors": True, "weight_decay": 0.1},
        {"every": 3, "refresh": "eigh", "max_dim": 5},
    ],
    "lamb": [{}, {"lr": 0.05, "weight_decay": 0.1, "bias_correction": False, "trust": "capped", "cap": 1.0}],
    "prodigy": [{}, {"d0": 0.01, "bias_correction": True, "safeguard_warmup": True, "weight_decay": 0.1}],
}


def of(name: str, **values: Any) -> Any:
    return build(REGISTRY.get("optimizer", name).cls, **values)


def walk(optimizer: Any, param: Array, grads: Any) -> list[Array]:
    """Return the change of each step."""
    state, changes = optimizer.init(param), []
    for t, grad in enumerate(grads, start=1):
        change, state = optimizer.step(param, grad, state, t)
        param = param + change
        changes.append(change)
    return changes


def trial_with(name: str, values: Mapping[str, Any], **common: Any) -> Trial:
    """Return a trial whose optimizer sends what is not its own to Adam, where it sends anything."""
    refs = {"rest": (make_part(REGISTRY, "optimizer", ("adam", {"lr": 0.01})),)} if name == "muon" else {}
    trial = make_trial(REGISTRY, **common)
    part = make_part(REGISTRY, "optimizer", (name, values), **refs)
    return replace(trial, parts={**trial.parts, "optimizer": part})


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", SHIPPED)
def test_a_trial_is_the_same_alone_and_in_stacks_with_others(name: str, dtype: str) -> None:
    common = {"dtype": dtype, "network": ("mlp", {"hidden": [9, 5]}), "loss": "mse", "steps": 24}
    lrs = (0.7, 1.0, 1.3)
    trials = [
        trial_with(name, {**values, "lr": of(name, **values).lr * lrs[seed]}, seed=seed, **common)
        for seed in range(3)
        for values in SHIPPED[name]
    ]
    trials += [make_trial(REGISTRY, optimizer=("adam", {"lr": 0.01}), seed=seed, **common) for seed in (0, 1)]
    results = trained_the_same(trials, REGISTRY)
    assert len(by_key(results)) == len(set(by_key(results).values())) == len(trials)


@pytest.mark.parametrize("name", SHIPPED)
def test_states_survive_when_others_leave_the_stack(name: str) -> None:
    def trials(**more: Any) -> list[Trial]:
        common = {"network": ("mlp", {"hidden": [9, 5]}), "eval_every": 5, **more}
        return [
            trial_with(name, values, seed=seed, **common) for values in SHIPPED[name] for seed in range(3)
        ]

    losses = [result.curves["train_loss"][4] for result in train_stack(trials(), REGISTRY)]
    early = trials(stop=Stop(loss=float(np.median(losses))))
    results = train_stack(early, REGISTRY)
    assert len({result.steps_done for result in results}) > 1
    for trial, result in zip(early, results, strict=True):
        assert as_bytes(result) == as_bytes(train_stack([trial], REGISTRY)[0])


@pytest.mark.parametrize("name", SHIPPED)
def test_a_sick_trial_raises_nothing_and_leaves_its_neighbours_alone(name: str) -> None:
    rng = np.random.default_rng(3)
    param, grads = rng.normal(size=(3, 5, 4)), rng.normal(size=(12, 3, 5, 4))
    grads[0, 0], grads[4, 1, 2, 2] = np.nan, np.inf  # one trial from the start, one in the middle
    for values in SHIPPED[name]:
        optimizer = of(name, **values)
        with np.errstate(all="ignore"):
            changes = walk(optimizer, param, grads)
        healthy = walk(optimizer, param[2:], grads[:, 2:])
        for change, expected in zip(changes, healthy, strict=True):
            assert change[2:].tobytes() == expected.tobytes()
        assert not np.isfinite(changes[-1][0]).any()
        assert not np.isfinite(changes[-1][1]).all()


def specs() -> dict[str, WeightSpec]:
    return {spec.name: spec for spec in mlp_specs(4, 3, 2)}


def mlp_specs(*hidden: int) -> list[WeightSpec]:
    relu = REGISTRY.get("activation", "relu").cls()
    network = REGISTRY.get("network", "mlp").cls(hidden=hidden, activation=(relu,))
    return PlacedNetwork(network, 5, 1, None).specs


def test_mlp_says_where_its_arrays_stand() -> None:
    places = {name: spec.place for name, spec in specs().items()}
    assert places["W1"] == places["b1"] == "input"
    assert {places[name] for name in ("W2", "b2", "W3", "b3")} == {"hidden"}
    assert places["W4"] == places["b4"] == "output"
    (only, _) = mlp_specs()
    assert only.place == "output"


@pytest.mark.parametrize(("where", "own"), [("hidden", {"W2", "W3"}), ("matrices", {"W1", "W2", "W3", "W4"})])
def test_muon_takes_the_weights_it_is_meant_for(where: str, own: set[str]) -> None:
    muon = of("muon", where=where)
    assert {name for name, spec in specs().items() if muon.route(spec) == ""} == own


def test_muon_leaves_the_rest_to_another_optimizer() -> None:
    # With a step of its own too small to be seen, and none by the other, nothing moves.
    network = ("mlp", {"hidden": [8, 8]})
    still = make_part(REGISTRY, "optimizer", ("sgd", {"lr": 1e-30}))
    for lr, moves in ((1e-30, False), (0.02, True)):
        trial = make_trial(REGISTRY, network=network, dtype="float64")
        part = make_part(REGISTRY, "optimizer", ("muon", {"lr": lr}), rest=(still,))
        [result] = train_stack([replace(trial, parts={**trial.parts, "optimizer": part})], REGISTRY)
        assert (result.curves["train_loss"][0] != result.curves["train_loss"][-1]) == moves


def test_muon_without_a_hidden_matrix_says_so() -> None:
    with pytest.raises(ComponentError, match="muon has nothing to update itself here"):
        train_stack([trial_with("muon", {}, network=("mlp", {"hidden": [8]}))], REGISTRY)


def test_muon_wants_three_coefficients() -> None:
    with pytest.raises(ComponentError, match="muon: coefficients must be three numbers, got 2"):
        of("muon", coefficients=[1.0, 2.0])


def polynomial(x: Array) -> Array:
    """Return what five of Jordan's iterations make of singular values."""
    for _ in range(5):
        x = 3.4445 * x - 4.775 * x**3 + 2.0315 * x**5
    return x


@pytest.mark.parametrize("shape", [(6, 6), (6, 3), (3, 6)])
def test_muon_keeps_singular_vectors_and_evens_out_singular_values(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    grad = rng.normal(size=shape)
    muon = of("muon", lr=1.0, scale="none", eps=1e-30)
    (change,) = walk(muon, np.zeros((1, *shape)), [grad[None]])
    u, sigma, vt = np.linalg.svd(grad, full_matrices=False)
    np.testing.assert_allclose(
        -change[0], (u * polynomial(sigma / np.sqrt((sigma**2).sum()))) @ vt, atol=1e-12
    )
    evened = np.linalg.svd(change[0], compute_uv=False)
    assert sigma.max() / sigma.min() > 3
    assert 0.65 < evened.min() < evened.max() < 1.25


def test_muons_iterations_bring_all_but_tiny_singular_values_near_one() -> None:
    evened = polynomial(np.linspace(0.01, 1, 10_000))
    assert 0.68 < evened.min() < evened.max() < 1.21


@pytest.mark.parametrize(
    ("scale", "shape", "expected"),
    [
        ("original", (3, 12), 2),  # √(12 / 3)
        ("original", (12, 3), 1),
        ("match_rms_adamw", (3, 16), 0.8),  # 0.2 √16
        ("match_rms_adamw", (16, 3), 0.8),
    ],
)
def test_muons_scales_by_hand(scale: str, shape: tuple[int, int], expected: float) -> None:
    grad = np.random.default_rng(1).normal(size=(1, *shape))
    one, other = (walk(of("muon", scale=rule), np.zeros_like(grad), [grad])[0] for rule in (scale, "none"))
    np.testing.assert_allclose(one, expected * other, rtol=1e-12)


@settings(deadline=None, max_examples=40)
@given(arrays("float64", (1, 3, 4), elements=st.floats(-1, 1)), st.floats(1e-3, 1e3))
def test_muon_does_not_see_the_size_of_a_gradient(grad: Array, size: float) -> None:
    if np.abs(grad).max() < 1e-3:
        return
    muon = of("muon", eps=1e-30)
    (one,), (other,) = (walk(muon, np.zeros_like(grad), [gradient]) for gradient in (grad, size * grad))
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_muons_sum_and_mean_of_gradients_point_the_same_way() -> None:
    rng = np.random.default_rng(2)
    param, grads = rng.normal(size=(1, 4, 3)), rng.normal(size=(9, 1, 4, 3))
    one, other = (walk(of("muon", average=form, eps=1e-30), param, grads) for form in ("sum", "mean"))
    np.testing.assert_allclose(one, other, atol=1e-10)


def rotation(n: int, seed: int) -> Array:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))[0]


def test_shampoo_of_a_bias_divides_by_the_root_of_its_full_matrix() -> None:
    # R = g gᵀ, whose root takes g = (3, 4) to g / 5; then R = 2 g gᵀ
    first, second = walk(of("shampoo", lr=1.0, eps=1e-9), np.zeros((1, 1, 2)), [np.array([[[3.0, 4.0]]])] * 2)
    np.testing.assert_allclose(first, [[[-0.6, -0.8]]], rtol=1e-8)
    np.testing.assert_allclose(second, np.array([[[-0.6, -0.8]]]) / np.sqrt(2), rtol=1e-8)


@pytest.mark.parametrize(
    ("values", "steps"),
    [
        # G = diag(4, 1): L = R = diag(16, 1), then twice that; fourth roots diag(2, 1), then 2^¼ times that
        ({}, [(1, 1), (0.5**0.5, 0.5**0.5)]),
        ({"every": 2}, [(1, 1), (1, 1), (3**-0.5, 3**-0.5)]),
        ({"statistics": "mean"}, [(1, 1), (1, 1)]),
        ({"power": 1.0}, [(1 / 4, 1), (1 / 8, 1 / 2)]),
        ({"momentum": 0.5, "statistics": "mean"}, [(1, 1), (1.5, 1.5)]),
        ({"graft": "sgd"}, [(8.5**0.5, 8.5**0.5)] * 2),  # |G| = √17, shared by two equal numbers
        ({"graft": "adagrad"}, [(1, 1), (0.5**0.5, 0.5**0.5)]),
        ({"weight_decay": 0.5, "decay_mode": "decoupled"}, [(1, 1), (0.5**0.5 - 0.5, 0.5**0.5 - 0.5)]),
        ({"max_dim": 1}, [(4, 1), (4, 1)]),
    ],
)
def test_shampoo_by_hand(values: dict[str, Any], steps: list[tuple[float, float]]) -> None:
    grads = [np.diag([4.0, 1.0])[None]] * len(steps)
    changes = walk(of("shampoo", lr=1.0, eps=1e-12, **values), np.zeros((1, 2, 2)), grads)
    for change, step in zip(changes, steps, strict=True):
        np.testing.assert_allclose(change[0], -np.diag(step), atol=1e-9)


def test_shampoo_gives_a_lone_side_the_whole_exponent() -> None:
    # G is 2 x 3 with orthogonal rows of lengths 2 and 1: (G Gᵀ)^(-1/2) makes them unit rows
    grad = np.array([[[2.0, 0, 0], [0, 0.6, 0.8]]])
    (change,) = walk(of("shampoo", lr=1.0, eps=1e-12, max_dim=2), np.zeros_like(grad), [grad])
    np.testing.assert_allclose(change, [[[-1, 0, 0], [0, -0.6, -0.8]]], atol=1e-9)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("shampoo", {}),
        ("shampoo", {"statistics": "mean", "graft": "sgd", "momentum": 0.9, "every": 3}),
        ("soap", {"every": 1}),
        ("soap", {"every": 2, "first_step": "take"}),
        ("soap", {"every": 2, "refresh": "eigh"}),
        ("muon", {}),
    ],
)
def test_what_a_matrix_preconditioner_does_turns_with_the_gradients(
    name: str, values: dict[str, Any]
) -> None:
    # Adam's step would not: it depends on the axes.
    rng = np.random.default_rng(4)
    p, q = rotation(4, seed=5), rotation(3, seed=6)
    grads = rng.normal(size=(12, 1, 4, 3))
    optimizer = of(name, **values)
    changes = walk(optimizer, np.zeros((1, 4, 3)), grads)
    for change, turned in zip(changes, walk(optimizer, np.zeros((1, 4, 3)), p @ grads @ q), strict=True):
        np.testing.assert_allclose(turned, p @ change @ q, atol=1e-7)


@pytest.mark.parametrize("every", [1, 4])
def test_soap_on_a_diagonal_problem_is_adam(every: int) -> None:
    # The eigenvectors are the axes, in an order that changes, and with signs: neither reaches Adam's step.
    rng = np.random.default_rng(7)
    grads = [np.diag(row)[None] for row in rng.normal(size=(30, 4))]
    settings = {"lr": 0.01, "beta1": 0.9, "beta2": 0.99, "eps": 1e-6}
    soap = of("soap", **settings, every=every, first_step="take")
    adam = of("adam", **settings, eps_mode="hat")
    for mine, other in zip(
        *(walk(optimizer, np.zeros((1, 4, 4)), grads) for optimizer in (soap, adam)), strict=True
    ):
        np.testing.assert_allclose(mine, other, atol=1e-11)


def test_soap_leaves_a_bias_to_adam() -> None:
    rng = np.random.default_rng(8)
    param, grads = rng.normal(size=(1, 1, 5)), rng.normal(size=(9, 1, 1, 5))
    settings = {"lr": 0.01, "beta1": 0.9, "beta2": 0.99}
    soap, adam = of("soap", **settings, first_step="take"), of("adam", **settings, eps_mode="hat")
    np.testing.assert_allclose(walk(soap, param, grads), walk(adam, param, grads), rtol=1e-12)


def test_soap_spends_the_first_gradient_on_its_bases_or_steps_by_its_polar_factor() -> None:
    # In its own singular basis G is Σ, of which Adam's first step makes signs: U Σ Vᵀ becomes U Vᵀ.
    grad = np.random.default_rng(9).normal(size=(1, 4, 4))
    (skipped,), (taken,) = (
        walk(of("soap", lr=0.1, first_step=form, eps=1e-12, weight_decay=0.1), np.zeros_like(grad), [grad])
        for form in ("skip", "take")
    )
    u, _, vt = np.linalg.svd(grad)
    assert not skipped.any()
    np.testing.assert_allclose(taken, -0.1 * u @ vt, atol=1e-3)


def test_lambs_step_has_a_fixed_share_of_the_arrays_length() -> None:
    rng = np.random.default_rng(10)
    param, grads = (
        rng.normal(size=(2, 4, 3)),
        rng.normal(size=(8, 2, 4, 3)) * 10.0 ** rng.integers(-3, 4, (8, 2, 1, 1)),
    )
    state = (lamb := of("lamb", lr=0.03, weight_decay=0.1)).init(param)
    for t, grad in enumerate(grads, start=1):
        change, state = lamb.step(param, grad, state, t)
        lengths = [np.sqrt((array**2).sum(axis=(1, 2))) for array in (change, param)]
        np.testing.assert_allclose(lengths[0], 0.03 * lengths[1], rtol=1e-12)
        param = param + change


def test_lamb_by_hand() -> None:
    # θ = (3, 4), g = (1, -1): u = (1, -1), |θ| / |u| = 5 / √2; with decay .5 u = (2.5, 1), |u| = √7.25
    theta, g = np.array([[[3.0, 4.0]]]), np.array([[[1.0, -1.0]]])
    expected = {
        (): np.array([1, -1]) * 5 / 2**0.5,
        (("weight_decay", 0.5),): np.array([2.5, 1]) * 5 / 7.25**0.5,
        (("trust", "capped"), ("cap", 2.0)): np.array([1, -1]) * 2 / 2**0.5,
    }
    for values, step in expected.items():
        (change,) = walk(of("lamb", lr=0.1, eps=1e-15, **dict(values)), theta, [g])
        np.testing.assert_allclose(change[0, 0], -0.1 * step, rtol=1e-12)


def test_lamb_moves_an_array_of_zeros_as_adam_does() -> None:
    grad = np.random.default_rng(11).normal(size=(1, 1, 6))
    lamb, adam = of("lamb", lr=0.1, eps=1e-8), of("adam", lr=0.1, eps=1e-8)
    (mine,), (other,) = (walk(optimizer, np.zeros_like(grad), [grad]) for optimizer in (lamb, adam))
    np.testing.assert_allclose(mine, other, rtol=1e-12)


def test_lambs_ratio_undoes_bias_correction() -> None:
    rng = np.random.default_rng(12)
    param, grads = rng.normal(size=(1, 4, 3)), rng.normal(size=(9, 1, 4, 3))
    one, other = (
        walk(of("lamb", bias_correction=corrected, eps=1e-15), param, grads) for corrected in (True, False)
    )
    np.testing.assert_allclose(one, other, rtol=1e-9)


@pytest.mark.parametrize("distance", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("bias_correction", [False, True])
def test_prodigy_finds_its_step_on_the_absolute_value(distance: float, bias_correction: bool) -> None:
    # Convexity keeps the estimate below the distance, as ⟨g, x₀ - x⟩ ≤ ⟨g, x₀⟩ ≤ |g| distance.
    prodigy = of("prodigy", bias_correction=bias_correction)
    x = np.full((1, 1, 1), distance)
    state, estimates, visited = prodigy.init(x), [], []
    for t in range(1, 1001):
        change, state = prodigy.step(x, np.sign(x), state, t)
        x = x + change
        estimates.append(state.d.item())
        visited.append(abs(x.item()))
    assert (np.diff(estimates) >= 0).all()
    assert distance / 4 < estimates[-1] <= distance
    assert min(visited) < 0.01 * distance
    assert visited[-1] < 0.2 * distance


def test_prodigys_estimate_never_falls_whatever_the_gradients() -> None:
    rng = np.random.default_rng(13)
    param, state = rng.normal(size=(3, 1, 20)), None
    prodigy = of("prodigy", d0=0.01)
    state = prodigy.init(param)
    for t in range(1, 200):
        grad = param + 10 * rng.normal(size=param.shape) * (t > 50)
        change, after = prodigy.step(param, grad, state, t)
        assert (after.d >= state.d).all()
        param, state = param + change, after
    assert (state.d > 0.02).all()


def test_prodigys_estimate_is_one_for_all_arrays_of_a_trial() -> None:
    trial = trial_with("muon", {}, network=("mlp", {"hidden": [8, 8]}))
    rest = make_part(REGISTRY, "optimizer", "prodigy")
    part = make_part(REGISTRY, "optimizer", "muon", rest=(rest,))
    with pytest.raises(ComponentError, match="prodigy needs all weights of a trial at once"):
        train_stack([replace(trial, parts={**trial.parts, "optimizer": part})], REGISTRY)


@pytest.mark.parametrize("name", ["muon", "shampoo", "soap", "lamb", "prodigy"])
def test_each_trains_a_network_well(name: str) -> None:
    lr = {"muon": 0.02, "shampoo": 0.1, "soap": 0.01, "lamb": 0.01, "prodigy": 1.0}[name]
    network = ("mlp", {"hidden": [16, 16]})
    trial = trial_with(name, {"lr": lr}, network=network, dataset="two_moons", steps=300, eval_every=300)
    [result] = train_stack([trial], REGISTRY)
    assert result.metrics["valid_loss"] < 0.3  # a linear model stays at 0.3 or above
