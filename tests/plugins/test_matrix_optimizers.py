"""Optimizers that look at whole parameter arrays, or at all parameters of a trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from test_training import as_bytes
from trial_factory import make_part, make_trial

from anncore import Array, ComponentError, build, load_registry
from anncore.training import train_stack
from anncore.trial import Trial
from anncore.types import ParamSpec

REGISTRY = load_registry(environ={"ANNX_PLUGINS": ""})

# Each with settings that go through all of its code within 40 steps, beside its defaults.
SHIPPED: dict[str, list[dict[str, Any]]] = {
    "muon": [{}, {"where": "matrices", "lr": 0.05, "average": "corrected", "weight_decay": 0.1}],
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
    common = {"dtype": dtype, "network": ("mlp", {"hidden": [9, 5]}), "loss": "mse"}
    lrs = (0.7, 1.0, 1.3)
    trials = [
        trial_with(name, {**values, "lr": of(name, **values).lr * lrs[seed]}, seed=seed, **common)
        for seed in range(3)
        for values in SHIPPED[name]
    ]
    trials += [make_trial(REGISTRY, optimizer=("adam", {"lr": 0.01}), seed=seed, **common) for seed in (0, 1)]
    alone = {trial.key: as_bytes(train_stack([trial], REGISTRY)[0]) for trial in trials}
    assert len(set(alone.values())) == len(trials)
    for size in (2, 7):
        for order in (trials, trials[::-1]):
            for start in range(0, len(order), size):
                for result in train_stack(order[start : start + size], REGISTRY):
                    assert as_bytes(result) == alone[result.key]


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


def specs() -> dict[str, ParamSpec]:
    network = REGISTRY.get("network", "mlp").cls(hidden=(4, 3, 2))
    return {spec.name: spec for spec in network.specs(5, 1)}


def test_mlp_says_where_its_arrays_stand() -> None:
    places = {name: spec.place for name, spec in specs().items()}
    assert places["W1"] == places["b1"] == "input"
    assert {places[name] for name in ("W2", "b2", "W3", "b3")} == {"hidden"}
    assert places["W4"] == places["b4"] == "output"
    (only, _) = REGISTRY.get("network", "mlp").cls(hidden=()).specs(5, 1)
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
    with pytest.raises(ComponentError, match="muon finds nothing to update itself here"):
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
    one, other = (walk(of("muon", scale=each), np.zeros_like(grad), [grad])[0] for each in (scale, "none"))
    np.testing.assert_allclose(one, expected * other, rtol=1e-12)


@settings(deadline=None, max_examples=40)
@given(arrays("float64", (1, 3, 4), elements=st.floats(-1, 1)), st.floats(1e-3, 1e3))
def test_muon_does_not_see_the_size_of_a_gradient(grad: Array, size: float) -> None:
    if np.abs(grad).max() < 1e-3:
        return
    muon = of("muon", eps=1e-30)
    (one,), (other,) = (walk(muon, np.zeros_like(grad), [each]) for each in (grad, size * grad))
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_muons_sum_and_mean_of_gradients_point_the_same_way() -> None:
    rng = np.random.default_rng(2)
    param, grads = rng.normal(size=(1, 4, 3)), rng.normal(size=(9, 1, 4, 3))
    one, other = (walk(of("muon", average=each, eps=1e-30), param, grads) for each in ("sum", "mean"))
    np.testing.assert_allclose(one, other, atol=1e-10)
