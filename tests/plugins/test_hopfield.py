"""Hopfield networks: what theory says of their storage, their retrieval and their energy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from shipped import REGISTRY

from anncore import ComponentError, build


def hopfield(**values: Any) -> Any:
    return build(REGISTRY.get("network", "hopfield").cls, **values)


def stored(network: Any, patterns: np.ndarray) -> dict[str, np.ndarray]:
    """Return the weights that one step of descent with rate 1 gives, from patterns (T, P, D)."""
    size = patterns.shape[2]
    weights, grads = ({"W": np.zeros((len(patterns), size, size))} for _ in range(2))
    network.learn(weights, patterns, patterns, grads)
    return {"W": weights["W"] - grads["W"]}


def random_patterns(count: int, size: int, trials: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).choice([-1.0, 1.0], (trials, count, size))


def retrieved(network: Any, weights: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    return np.sign(network.forward(weights, x)[0])


def flipped(patterns: np.ndarray, share: float, seed: int = 1) -> np.ndarray:
    turned = np.random.default_rng(seed).random(patterns.shape) < share
    return np.where(turned, -patterns, patterns)


# the rules


def test_the_pseudo_inverse_by_hand() -> None:
    """ξ₁ = (1, 1, -1) and ξ₂ = (1, -1, -1) span all (a, b, -a): the projection is [[½, 0, -½], ...]."""
    y = np.array([[[1.0, 1, -1], [1, -1, -1], [1, 1, -1]]])
    weights = stored(hopfield(rule="pseudo_inverse"), y)
    np.testing.assert_allclose(weights["W"][0], [[0, 0, -0.5], [0, 0, 0], [-0.5, 0, 0]], atol=1e-15)


def test_the_projection_is_numpys_pseudo_inverse_in_every_trial_of_a_stack() -> None:
    y = random_patterns(7, 12, trials=3)
    weights = stored(hopfield(rule="pseudo_inverse"), np.concatenate([y, y[:, :4]], axis=1))
    for row in range(3):
        projection = np.linalg.pinv(y[row]) @ y[row]
        np.testing.assert_allclose(weights["W"][row], projection - np.diag(np.diag(projection)), atol=1e-14)


def test_a_second_step_of_the_pseudo_inverse_changes_nothing() -> None:
    network, y = hopfield(rule="pseudo_inverse"), random_patterns(5, 20)
    weights = stored(network, y)
    grads = {"W": np.empty_like(weights["W"])}
    network.learn(weights, y, y, grads)
    np.testing.assert_allclose(grads["W"], 0, atol=1e-14)


@pytest.mark.parametrize("count", [10, 50, 99])
def test_the_pseudo_inverse_keeps_any_patterns_fewer_than_units_and_hebb_does_not(count: int) -> None:
    """Personnaz, Guyon & Dreyfus 1986: W ξ = ξ; without the diagonal z = (1 - P) ξ, of the same signs."""
    y = random_patterns(count, 100)
    kept, broken = (
        (retrieved(network, stored(network, y), y) == y).all(axis=2)
        for network in (hopfield(rule="pseudo_inverse"), hopfield())
    )
    assert kept.all()
    if count >= 50:  # 100 bits with an error of erfc(1) / 2 = 8 % each
        assert not broken.any()


def test_patterns_that_resemble_each_other_are_kept_apart_by_the_pseudo_inverse_alone() -> None:
    """All patterns share three quarters of a prototype, which Hebb's rule brings back for each of them."""
    rng = np.random.default_rng(2)
    prototype = rng.choice([-1.0, 1.0], 60)
    y = np.where(rng.random((1, 8, 60)) < 0.12, -prototype, prototype)
    exact, mixed = (
        retrieved(network, stored(network, y), y) for network in (hopfield(rule="pseudo_inverse"), hopfield())
    )
    np.testing.assert_array_equal(exact, y)
    assert (mixed == prototype).mean() > 0.98


# retrieval


def test_synchronous_units_may_swap_for_ever_and_asynchronous_ones_come_to_rest() -> None:
    """Two units that want to differ: (1, 1) ↔ (-1, -1) at once; one after the other (-1, 1) stays."""
    weights = {"W": np.array([[[0.0, -1], [-1, 0]]])}
    x = np.ones((1, 1, 2))
    for steps, state in ((1, -1), (2, 1), (3, -1)):
        np.testing.assert_array_equal(retrieved(hopfield(steps=steps), weights, x), state * x)
    for steps in (1, 2):
        network = hopfield(update="asynchronous", steps=steps)
        np.testing.assert_array_equal(retrieved(network, weights, x), [[[-1, 1]]])
    assert network.energy(weights, x).item() == 1
    assert network.energy(weights, retrieved(network, weights, x)).item() == -1


def test_a_unit_that_feels_nothing_stays_as_it_is() -> None:
    network = hopfield(update="asynchronous", steps=2)
    x = np.array([[[1.0, -1, -1]]])
    *_, (z, state) = network.retrieval({"W": np.zeros((1, 3, 3))}, x)
    np.testing.assert_array_equal(z, 0)
    np.testing.assert_array_equal(state, x)


def test_a_step_of_asynchronous_retrieval_is_unit_after_unit() -> None:
    weights = stored(hopfield(), random_patterns(6, 16, trials=2))  # of 16 units, so that sums are exact
    x = random_patterns(4, 16, trials=2, seed=3)
    state = x.copy()
    for trial, example, unit in np.ndindex(x.shape):
        felt = sum(state[trial, example, k] * weights["W"][trial, k, unit] for k in range(16))
        state[trial, example, unit] = np.sign(felt) or state[trial, example, unit]
    [(_, after)] = hopfield(update="asynchronous").retrieval(weights, x)
    np.testing.assert_array_equal(after, state)


@given(st.integers(0, 2**32), st.integers(2, 12), st.sampled_from(["hebb", "pseudo_inverse", "any"]))
@settings(max_examples=60, deadline=None)
def test_energy_never_rises_when_units_change_one_by_one(seed: int, size: int, rule: str) -> None:
    """Hopfield 1982: for symmetric weights without self-connections, from any state."""
    rng = np.random.default_rng(seed)
    network = hopfield(update="asynchronous", steps=4 * size)
    if rule == "any":
        half = np.triu(rng.normal(size=(1, size, size)), k=1)
        weights = {"W": half + half.swapaxes(1, 2)}
    else:
        patterns = random_patterns(max(1, size // 3), size, seed=seed)
        weights = stored(hopfield(rule=rule), patterns)
    x = rng.choice([-1.0, 1.0], (1, 5, size))
    energies = [network.energy(weights, x)]
    states = [x]
    for _, state in network.retrieval(weights, x):
        energies.append(network.energy(weights, state))
        states.append(state)
    assert (np.diff(energies, axis=0) <= 1e-12).all()
    changed = (np.diff(states, axis=0) != 0).any(axis=(1, 2, 3))
    assert not changed[changed.argmin() :].any()  # at rest it stays


@pytest.mark.parametrize("rule", ["hebb", "pseudo_inverse"])
def test_a_fifth_of_the_bits_flipped_is_mended(rule: str) -> None:
    y = random_patterns(5, 100, trials=3)
    network = hopfield(rule=rule, update="asynchronous", steps=5)
    x = flipped(y, 0.2)
    assert 0.15 < (x != y).mean() < 0.25
    assert (retrieved(network, stored(network, y), x) != y).mean() < 0.01


def test_retrieval_breaks_down_beyond_0_138_patterns_for_each_unit() -> None:
    """Amit, Gutfreund & Sompolinsky 1985: the overlap falls from .967 to about .35 at P = 0.138 D."""
    network = hopfield(update="asynchronous", steps=15)
    overlaps = {}
    for load in (0.1, 0.2):
        y = random_patterns(round(400 * load), 400, trials=2)
        overlaps[load] = (retrieved(network, stored(network, y), y) * y).mean()
    assert overlaps[0.1] > 0.97
    assert overlaps[0.2] < 0.6


def test_without_its_diagonal_the_pseudo_inverse_mends_patterns_beyond_half_the_units() -> None:
    """Kanter & Sompolinsky 1987: self-connections hold a state where it is; without them bits are mended."""
    y = random_patterns(60, 100, trials=3)
    x = flipped(y, 0.02)
    network = hopfield(rule="pseudo_inverse", update="asynchronous", steps=10)
    weights = stored(network, y)
    with_diagonal = {"W": np.stack([np.linalg.pinv(patterns) @ patterns for patterns in y])}
    wrong = (retrieved(network, weights, x) != y).mean()
    assert wrong < 0.5 * (retrieved(network, with_diagonal, x) != y).mean()


def test_hopfield_refuses_a_rule_that_it_does_not_have() -> None:
    with pytest.raises(ComponentError, match="hopfield: rule must be one of 'hebb', 'pseudo_inverse'"):
        hopfield(rule="storkey")
