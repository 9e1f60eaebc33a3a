"""Modern optimizers: what they include, and steps worked by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from shipped import REGISTRY
from walking import GRADS, START, made, specs_of, walk

from anncore import Array, ComponentError
from anncore.contract.hyperparameters import OneOf, declared
from anncore.engine.nested import fit

STEADY = np.abs(GRADS) * np.sign(START)  # no gradient ever changes its sign

SAME: list[tuple[str, dict[str, Any], str, dict[str, Any], Array]] = [
    ("laprop", {"beta1": 0.0, "lr": 0.1}, "adam", {"beta1": 0.0, "lr": 0.1, "eps": 1e-15}, GRADS),
    ("laprop", {"rate": "inside", "lr": 0.1}, "laprop", {"lr": 0.1}, GRADS),
    ("qhadam", {"nu1": 1.0, "beta1": 0.9}, "adam", {}, GRADS),
    ("qhadam", {"nu1": 0.0, "beta2": 0.9}, "adam", {"beta1": 0.0, "beta2": 0.9}, GRADS),
    ("qhm", {"nu": 0.0}, "sgd", {"lr": 0.1}, GRADS),
    ("qhm", {"momentum": 0.0}, "sgd", {"lr": 0.1}, GRADS),
    ("qhm", {"nu": 1.0, "momentum": 0.9}, "sgd", {"lr": 0.01, "momentum": 0.9}, GRADS),
    (
        "qhm",
        {"nu": 0.9, "momentum": 0.9},
        "sgd",
        {"lr": 0.01, "momentum": 0.9, "nesterov": True},
        GRADS,
    ),
    ("aggmo", {"betas": (0.0,)}, "sgd", {}, GRADS),
    ("aggmo", {"betas": (0.9,)}, "momentum", {"form": "heavy_ball"}, GRADS),
    ("aggmo", {"betas": (0.9, 0.9, 0.9)}, "momentum", {"form": "heavy_ball"}, GRADS),
    ("grams", {"lr": 0.1}, "adam", {"lr": 0.1, "eps": 1e-6}, STEADY),
    (
        "mars",
        {"gamma": 0.0, "where": "all"},
        "adam",
        {"beta1": 0.95, "beta2": 0.99, "lr": 3e-3, "eps_mode": "hat"},
        GRADS,
    ),
    ("adam_mini", {}, "adamw", {"weight_decay": 0.0}, GRADS),  # every unit has one weight here
    ("stable_adamw", {}, "adamw", {"beta2": 0.99, "weight_decay": 0.01}, np.tile(GRADS[0], (25, 1))),
    ("simplified_ademamix", {"lr": 1e-3}, "simplified_ademamix", {"form": "mean", "lr": 0.1}, GRADS),
    ("psgd_kron", {"rate": 1e-13, "momentum": 0.0, "lr": 0.1}, "sgd", {"lr": 0.1}, GRADS),
    ("ftrl", {"beta": 0.0}, "adagrad", {"lr": 0.1, "eps": 1e-30}, GRADS),
    ("ftrl", {"beta": 0.0, "start": "zero"}, "ftrl", {"beta": 0.0}, GRADS),
    ("fista", {"strength": 0.0, "momentum": "none"}, "sgd", {}, GRADS),
    ("gradient_normalization", {"length": 1e-9}, "sgd", {"lr": 1e-30}, GRADS),
    ("barzilai_borwein", {"first": 0.1, "least": 0.1, "most": 0.1}, "sgd", {"lr": 0.1}, GRADS),
    ("swa", {"start": 99}, "sgd", {}, GRADS),
    ("gradient_noise", {"eta": 0.0}, "sgd", {}, GRADS),
    ("l1_penalty", {"strength": 0.0}, "sgd", {}, GRADS),
    ("l2_penalty", {"strength": 0.0}, "sgd", {}, GRADS),
    ("l2_penalty", {"strength": 0.3, "on": "all"}, "sgd", {"weight_decay": 0.3}, GRADS),
    ("l2_penalty", {"strength": 0.15, "half": False}, "sgd", {"weight_decay": 0.3}, GRADS),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "values", "other", "settings", "grads"), SAME, ids=lambda value: str(value)[:40]
)
def test_one_includes_another(
    name: str, values: dict[str, Any], other: str, settings: dict[str, Any], grads: Array
) -> None:
    for one, two in zip(
        walk(made(name, **values), grads, START), walk(made(other, **settings), grads, START), strict=True
    ):
        np.testing.assert_allclose(one, two, rtol=1e-10, atol=1e-8 * (name == "gradient_normalization"))


# Steps worked by hand, each from its paper's formula


def test_laprop_by_hand() -> None:
    # β = (1/2, 3/4), g = 2, 0: v̂ = 4, 12/7; m = 1/2, 1/4 of a direction 1; /(1 - β₁ᵗ): 1, 1/3
    visited, _ = walk(made("laprop", lr=0.1, beta1=0.5, beta2=0.75), [[2], [0]], [1.0])
    assert visited[:, 0] == pytest.approx([0.9, 0.9 - 0.1 / 3], rel=1e-14)


def test_qhm_by_hand() -> None:
    # m = 1, then 1/2 · 1 + 1/2 · 4 = 5/2; steps 1/2 (2 + 1), 1/2 (4 + 5/2)
    visited, _ = walk(made("qhm", lr=1.0, momentum=0.5, nu=0.5), [[2], [4]], [0.0])
    assert visited[:, 0].tolist() == [-1.5, -4.75]


def test_aggmo_by_hand() -> None:
    # v = (2, 2), then (4, 1 + 4 = 5); steps half of their sums
    visited, _ = walk(made("aggmo", lr=1.0, betas=(0.0, 0.5)), [[2], [4]], [0.0])
    assert visited[:, 0].tolist() == [-2, -6.5]


def test_aggmo_wants_a_beta() -> None:
    with pytest.raises(ComponentError, match="aggmo: betas must have at least one number"):
        made("aggmo", betas=())


def test_grams_turns_a_step_that_goes_up_around_by_hand() -> None:
    # β = (1/2, 3/4), g = 2, -1/2: m = 1, 1/4; v̂ = 4, (3/4 + 1/16) / (7/16) = 13/7; m̂ = 1/4 / (3/4) > 0, g < 0
    visited, _ = walk(made("grams", lr=0.1, beta1=0.5, beta2=0.75, eps=1e-30), [[2], [-0.5]], [1.0])
    assert visited[:, 0] == pytest.approx([0.9, 0.9 + 0.1 / 3 / math.sqrt(13 / 7)], rel=1e-14)


def test_schedule_free_sgd_by_hand() -> None:
    # β = 1/2, γ = 1, equal weights: z = -2, -3; x = -2, -5/2; y = x / 2 + z / 2
    visited, at = walk(made("schedule_free_sgd", lr=1.0, beta=0.5), [[2], [1]], [0.0])
    assert visited[:, 0] == pytest.approx([-2, -2.75], rel=1e-14)
    assert at[:, 0] == pytest.approx([-2, -2.5], rel=1e-14)


def test_dog_by_hand() -> None:
    # r = 2, G = 25: rate 2/5 on (3, 4), a way of 2; G = 25 + 144 = 13²: rate 2/13 on (0, 12)
    visited, _ = walk(made("dog", start="distance", first=2.0, eps=1e-30), [[3, 4], [0, 12]], [0.0, 0.0])
    np.testing.assert_allclose(visited, [[-1.2, -1.6], [-1.2, -1.6 - 24 / 13]], rtol=1e-14)


def test_dowg_by_hand() -> None:
    # r² = 4, v = 4 · 25 = 100: rate 4/10 on (3, 4), |θ|² = 4; v = 100 + 4 · 144 = 26²: rate 4/26 on (0, 12)
    visited, _ = walk(made("dowg", first=4.0, eps=1e-30), [[3, 4], [0, 12]], [0.0, 0.0])
    np.testing.assert_allclose(visited, [[-1.2, -1.6], [-1.2, -1.6 - 24 / 13]], rtol=1e-14)


def test_ftrl_by_hand() -> None:
    # α = 1, β = 1, λ₁ = 1/2, λ₂ = 1, from 0: z = 3, n = 9: -(3 - 1/2) / (1 + 3 + 1) = -1/2;
    # g = 4: σ = 5 - 3 = 2, z = 3 + 4 + 2/2 = 8: -(8 - 1/2) / (1 + 5 + 1); g = 0.1 alone stays below λ₁
    ftrl = made("ftrl", lr=1.0, l1=0.5, l2=1.0, preset="paper")
    visited, _ = walk(ftrl, [[3, 0.1], [4, 0.0]], [0.0, 0.0])
    np.testing.assert_allclose(visited, [[-0.5, 0], [-7.5 / 7, 0]], rtol=1e-14)


def test_ftrl_keeps_what_it_is_given_until_a_gradient_comes() -> None:
    values: dict[str, Any]
    for values in ({}, {"l1": 0.3, "l2": 0.2}, {"beta": 0.0}, {"initial": 0.1, "power": 0.7}):
        visited, _ = walk(made("ftrl", **values), [np.zeros(6)], START)
        np.testing.assert_allclose(visited[0], START, rtol=1e-14)


def test_acprop_by_hand() -> None:
    # β = (1/2, 3/4): s = 1/4, then 3/16; /(1 - β₂ᵗ⁻¹): 1, 3/7
    visited, _ = walk(made("acprop", lr=0.1, beta1=0.5, beta2=0.75), [[2], [1], [4]], [1.0])
    assert visited[:, 0] == pytest.approx([0.8, 0.7, 0.7 - 0.4 * math.sqrt(7 / 3)], rel=1e-12)


def test_cocob_by_hand() -> None:
    # L = 3, G = 3, 4, 6, C = -3, -2, -4, R = 0, 0, 1/3; 4 L is above G + L
    visited, _ = walk(made("cocob", alpha=4.0), [[3], [-1], [2]], [1.0])
    assert visited[:, 0] == pytest.approx([1 - 1 / 4, 1 - 2 / 12, 1 - 4 / 36 * (3 + 1 / 3)], rel=1e-12)


def test_cocob_is_the_same_in_every_unit_of_the_loss() -> None:
    one, _ = walk(made("cocob"), GRADS, START)
    for unit in (1e-6, 1e150):
        np.testing.assert_allclose(walk(made("cocob", eps=1e-300), GRADS * unit, START)[0], one, rtol=1e-5)


def test_adam_mini_by_hand() -> None:
    # Blocks are columns, with root mean squares 5 and 2; as one array √(58 / 4)
    sizes: dict[str, Any] = {"lr": 1.0, "beta1": 0.0, "beta2": 0.0, "eps": 1e-30}
    visited, _ = walk(made("adam_mini", **sizes), [[1, 2, 7, 2]], np.zeros(4), specs_of((2, 2)))
    np.testing.assert_allclose(visited[0], [-1 / 5, -1, -7 / 5, -1], rtol=1e-14)
    whole, _ = walk(
        made("adam_mini", blocks="arrays", **sizes), [[1, 2, 7, 2]], np.zeros(4), specs_of((2, 2))
    )
    np.testing.assert_allclose(whole[0], -np.array([1, 2, 7, 2]) / math.sqrt(58 / 4), rtol=1e-14)
    bias, _ = walk(made("adam_mini", **sizes), [[3, 4]], np.zeros(2), specs_of((1, 2), roles="b"))
    np.testing.assert_allclose(bias[0], -np.array([3, 4]) / math.sqrt(25 / 2), rtol=1e-14)


def test_stable_adamw_does_not_lengthen_its_step_for_a_spike() -> None:
    # β₂ = 3/4: v = 1, 67/7 and RMS = 1, 4 / √(67/7): the step of a gradient four times as long is lr too
    values: dict[str, Any] = {"lr": 0.1, "beta1": 0.0, "beta2": 0.75, "eps": 1e-30, "weight_decay": 0.0}
    visited, _ = walk(made("stable_adamw", **values), [[1], [4]], [1.0])
    assert visited[:, 0] == pytest.approx([0.9, 0.8], rel=1e-14)


def test_simplified_ademamix_by_hand() -> None:
    # β = (1/2, 0), α = 1: m = 2, 5; steps (2 + 2) / 2 and (5 + 4) / 4
    values: dict[str, Any] = {"lr": 0.1, "beta1": 0.5, "beta2": 0.0, "alpha": 1.0, "eps": 1e-30}
    visited, _ = walk(made("simplified_ademamix", **values), [[2], [4]], [1.0])
    assert visited[:, 0] == pytest.approx([0.8, 0.575], rel=1e-14)


def test_psgd_makes_steps_of_one_size_of_gradients_of_several() -> None:
    scales = np.array([1, 1e-2, 1e-3, 1, 1e-2, 1e-3])
    grads = np.random.default_rng(3).normal(size=(600, 6)) * scales
    psgd = made("psgd_kron", momentum=0.0, lr=1e-6, rate=0.5)
    visited, _ = walk(psgd, grads, np.zeros(6), specs_of((2, 3)))
    steps = np.diff(visited, axis=0)[-200:] / 1e-6
    sizes = np.sqrt((steps**2).mean(axis=0))
    assert sizes.max() / sizes.min() < 3  # of gradients it is 1000


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_psgd_bears_a_unit_without_a_gradient(dtype: str) -> None:
    grads = np.random.default_rng(3).normal(size=(1500, 1, 2, 3)).astype(dtype)
    grads[:, :, :, 1] = 0
    psgd = fit(made("psgd_kron", rate=0.5), specs_of((2, 3)))
    weight = np.zeros((1, 1, 6), dtype)
    state = psgd.init(weight)
    for t, grad in enumerate(grads, start=1):
        change, state = psgd.step(weight, grad.reshape(1, 1, 6), state, t)
        weight = weight + change
        assert np.isfinite(weight).all()


@pytest.mark.parametrize("name", ["adam", "adamw", "amsgrad", "nadam", "radam"])
def test_without_eps_a_weight_without_gradients_stays(name: str) -> None:
    visited, _ = walk(made(name, eps=0.0, weight_decay=0.0), [[1, 0]] * 9, [0.0, 3.0])
    assert (visited[:, 1] == 3).all()
    assert (np.diff(visited[:, 0]) < 0).all()


def test_mars_by_hand() -> None:
    # β₁ = 1/2, γ = 1: C = g + (g - g₋) = (6, 8) / 10, then (0, 1/2) + (-3, -7/2) = (-3, -3) / √18
    mars = made("mars", lr=1.0, beta1=0.5, gamma=1.0, form="lion", where="all")
    visited, _ = walk(mars, [[3, 4], [0, 0.5]], [0.0, 0.0])
    # M = (.3, .4), then (.15 - .354, .2 - .354): both turn
    assert visited.tolist() == [[-1, -1], [0, 0]]


def test_mars_leaves_biases_to_the_rest() -> None:
    mars = made("mars", made("sgd", lr=1.0), form="lion", lr=0.5)
    visited, _ = walk(mars, [[2, -3, 4, -5]], np.zeros(4), specs_of((2, 1), (1, 2), roles="wb"))
    assert visited[0].tolist() == [-0.5, 0.5, -4, 5]


def test_scion_by_hand() -> None:
    # Signs over two inputs, times radius 3; a bias (3, 4) over its RMS √12.5
    scion = made("scion", lr=0.1, momentum=0.0, radius=3.0, inner="sign", eps=1e-30)
    visited, _ = walk(scion, [[5, -7, 3, 4]], np.zeros(4), specs_of((2, 1), (1, 2), roles="wb"))
    np.testing.assert_allclose(visited[0], [-0.15, 0.15, *(-0.3 * np.array([3, 4]) / math.sqrt(12.5))])


def test_scion_holds_the_output_layer_by_another_norm() -> None:
    [spec] = specs_of((2, 2))
    scion = made("scion", lr=0.1, momentum=0.0, output_radius=7.0)
    visited, _ = walk(scion, [[5, -7, 3, 4]], np.zeros(4), [spec._replace(place="output")])
    np.testing.assert_allclose(visited[0], np.array([-1, 1, -1, -1]) * 0.35, rtol=1e-14)


def test_constrained_scion_ends_in_its_ball() -> None:
    scion = made("scion", lr=0.1, radius=2.0, inner="sign", constrained=True)
    visited, _ = walk(scion, np.random.default_rng(5).normal(size=(200, 6)), 50 * START, specs_of((3, 2)))
    assert np.abs(visited[-1]).max() <= 2 / 3 * (1 + 1e-6)


def test_a_step_of_adamuon_is_as_long_as_adamws() -> None:
    for signs, nesterov in product((False, True), repeat=2):
        adamuon = made("adamuon", lr=0.5, signs=signs, nesterov=nesterov, where="matrices")
        visited, _ = walk(adamuon, GRADS, START, specs_of((2, 3)))
        changes = np.diff(visited, axis=0, prepend=START[None])
        rms = np.sqrt((changes**2).mean(axis=1))
        np.testing.assert_allclose(rms, 0.5 * 0.2, rtol=1e-6)


def test_splus_by_hand() -> None:
    # Step 1 by signs, 2/(2 + 2) of lr; with G = diag(3, -1) again and again the basis is the axes
    splus = made("splus", lr=1.0, every=1, ema_rate=0.5)
    visited, at = walk(splus, [[3, 0, 0, -1]] * 2, np.zeros(4), specs_of((2, 2)))
    np.testing.assert_allclose(visited, [[-0.5, 0, 0, 0.5], [-1, 0, 0, 1]], atol=1e-12)
    # mean (1/2 θ₁ + 1/4 θ₁ ...): θ₁ at first, then (θ₁ / 4 + θ₂ / 2) / (3/4)
    np.testing.assert_allclose(at[:, 0], [-0.5, -(0.125 + 0.5) / 0.75], rtol=1e-12)
    bias, _ = walk(made("splus", lr=1.0, small=0.01), [[3, -2]], [0.0, 0.0])
    np.testing.assert_allclose(bias, [[-0.01, 0.01]], rtol=1e-14)


def _with_a_rate() -> list[tuple[str, dict[str, Any]]]:
    """Return all optimizers that have lr, each with each value of its modes."""
    forms: list[tuple[str, dict[str, Any]]] = []
    for component in REGISTRY.of_kind("optimizer"):
        declarations = declared(component.cls)
        if "lr" in declarations:
            modes = {
                key: one.domain.values for key, one in declarations.items() if isinstance(one.domain, OneOf)
            }
            forms += [
                (component.name, {}),
                *((component.name, {key: value}) for key in modes for value in modes[key]),
            ]
    return forms


class Line:
    """Answers about a loss that is a line; any sampled gradient is as good as another."""

    def __init__(self, slope: Array) -> None:
        self.slope = slope

    def __call__(self, at: Array) -> tuple[Array, Array]:
        return (at * self.slope).sum(-1, keepdims=True), self.slope

    def sampled_gradient(self, at: Array) -> Array:
        return self.slope + 1


@pytest.mark.parametrize(("name", "values"), _with_a_rate(), ids=lambda value: str(value)[:40])
def test_a_schedule_may_begin_at_0(name: str, values: dict[str, Any]) -> None:
    # As `linear` with start = 0, `warmup` with start = 0 and `triangular` with low = 0 do
    plain = made(name, **values)
    optimizer = replace(plain, lr=np.full((1, 1, 1), plain.lr))
    theta, slope = START.reshape(1, 1, -1), GRADS[0].reshape(1, 1, -1)
    fitted = fit(optimizer, specs_of((2, 3)), lambda: Line(slope))
    full, state = optimizer.lr.copy(), fitted.init(theta)
    for t, factor in enumerate((0, 0, 0.5, 1), start=1):
        np.multiply(full, factor, out=optimizer.lr)
        change, state = fitted.step(theta, slope, state, t)
        assert np.isfinite(change).all()
        theta = theta + change
        assert np.isfinite(fitted.evaluated(theta, state)).all()
        if factor == 0 and name != "madgrad":  # it adds eps to lr, as its authors do
            np.testing.assert_allclose(theta.ravel(), START, rtol=1e-15)
    assert (theta.ravel() != START).any()


def test_ftrl_ignores_a_step_without_a_rate() -> None:
    # Once lr is 1, the steps of test_ftrl_by_hand follow
    optimizer = replace(made("ftrl", lr=1.0, l1=0.5, l2=1.0, preset="paper"), lr=np.zeros((1, 1, 1)))
    theta = np.zeros((1, 1, 1))
    state = optimizer.init(theta)
    for rate, grad, after in ((0, 7, 0), (1, 3, -0.5), (0, 9, -0.5), (1, 4, -7.5 / 7)):
        optimizer.lr[...] = rate
        change, state = optimizer.step(theta, np.full((1, 1, 1), float(grad)), state, 1)
        theta = theta + change
        assert theta.item() == pytest.approx(after, rel=1e-14)


def test_dog_waits_for_the_first_gradient() -> None:
    # Nothing has moved after a gradient of 0, so the next one gets the rate `first` too: 0.1 · (3, 4), a way
    # of 1/2, and then 1/2 / √(25 + 144) on (0, 12)
    dog = made("dog", start="rate", first=0.1, eps=1e-30)
    visited, _ = walk(dog, [[0, 0], [3, 4], [0, 12]], [0.0, 0.0])
    np.testing.assert_allclose(visited, [[0, 0], [-0.3, -0.4], [-0.3, -0.4 - 6 / 13]], rtol=1e-14)


@np.errstate(over="ignore")
def test_qhadam_without_its_own_squares_is_adam_where_squares_overflow() -> None:
    huge = np.full((1, 6), 1e200)
    qhadam, adam = made("qhadam", nu1=1.0, nu2=1.0, beta1=0.9), made("adam")
    np.testing.assert_array_equal(walk(qhadam, huge, START), walk(adam, huge, START))
