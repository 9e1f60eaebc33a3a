"""Modern optimizers and wrappers: what they include, steps worked by hand, and nests."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from sameness import by_key
from shipped import REGISTRY
from trial_factory import make_objective_trial, make_part, make_trial

from anncore import Array, ComponentError, WeightSpec, build
from anncore.contract.hyperparameters import OneOf, declared, references
from anncore.contract.trial import Part, Trial
from anncore.engine.nested import fit
from anncore.engine.training import train_stack


def made(name: str, inside: Any = None, /, **values: Any) -> Any:
    """Return an optimizer, hyperparameters as plain numbers, around another or around its default one."""
    cls: Any = REGISTRY.get("optimizer", name).cls
    refs = {key: (inside or made(reference.default),) for key, reference in references(cls).items()}
    return build(cls, **(refs | values))


def specs_of(*shapes: tuple[int, int], roles: str = "") -> list[WeightSpec]:
    """Return specs of arrays; roles: a letter for each, w for weights and b for biases, w by default."""
    letters = roles.ljust(len(shapes), "w")
    return [
        WeightSpec(f"W{i}", shape, *shape, {"w": "weight", "b": "bias"}[letter], place="hidden")
        for i, (shape, letter) in enumerate(zip(shapes, letters, strict=True))
    ]


def walk(optimizer: Any, grads: Any, start: Any, specs: Any = None, loss: Any = None) -> tuple[Array, Array]:
    """Return θ after each step, and where it is evaluated, both (steps, P).

    grads: (steps, P), or a function of θ, with `loss` for those that ask.
    """
    theta = np.array(start, float).reshape(1, 1, -1)
    slope = grads if callable(grads) else None
    fitted = fit(
        optimizer,
        specs or specs_of((1, theta.size)),
        lambda: lambda at: (np.reshape(loss(at), (-1, 1, 1)), slope(at)),
    )
    state, visited, seen = fitted.init(theta), [], []
    steps = 3 if slope else len(grads)
    for t in range(1, steps + 1):
        grad = slope(theta) if slope else np.array(grads[t - 1], float).reshape(1, 1, -1)
        change, state = fitted.step(theta, grad, state, t)
        theta = theta + change
        visited.append(theta[0, 0])
        seen.append(fitted.evaluated(theta, state)[0, 0])
    return np.array(visited), np.array(seen)


RNG = np.random.default_rng(5)
START, GRADS = RNG.normal(size=6), RNG.normal(size=(25, 6)) * 0.1
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


def test_momo_by_hand() -> None:
    # L = θ²/2 at 2, β = 1/2: h = 2, ‖m‖² = 4; then m = 3/2, f = 5/4, c = 5/2, h = 1/4
    slope, loss = bowl(np.ones((1, 1, 1)))
    visited, _ = walk(made("momo", beta=0.5), slope, [2.0], loss=loss)
    assert visited[:2, 0] == pytest.approx([1, 1 - 1.5 / 9], rel=1e-14)


def test_momo_without_momentum_is_polyaks_step() -> None:
    slope, loss = bowl(np.array([[[1.0, 4.0]]]))
    for least, most in ((0.0, 1.0), (0.3, 0.05)):
        one, _ = walk(made("momo", beta=0.0, lr=most, least=least), slope, [3.0, 1.0], loss=loss)
        other, _ = walk(made("polyak", most=most, least=least), slope, [3.0, 1.0], loss=loss)
        np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize("form", ["adamw", "lion"])
def test_exact_mars_without_correction_is_mars(form: str) -> None:
    slope, loss = bowl(np.array([[[1.0, 4.0]]]))
    one, _ = walk(made("mars_exact", gamma=0.0, form=form), slope, [3.0, 1.0], loss=loss)
    other, _ = walk(made("mars", gamma=0.0, form=form, where="all"), slope, [3.0, 1.0], loss=loss)
    np.testing.assert_array_equal(one, other)


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
    visited, _ = walk(scion, RNG.normal(size=(200, 6)), 50 * START, specs_of((3, 2)))
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


def bowl(curvature: Array) -> tuple[Any, Any]:
    """Return the gradient and the loss of Σ c θ² / 2."""
    return (lambda at: curvature * at), (lambda at: (curvature * at * at).sum(axis=2) / 2)


def test_polyak_by_hand() -> None:
    # L = θ²/2 at 2: γ = 2 / 4 = 1/2 → 1 → 1/2 → 1/4; with most = 1/4: 3/2
    slope, loss = bowl(np.ones((1, 1, 1)))
    assert walk(made("polyak"), slope, [2.0], loss=loss)[0][:, 0].tolist() == [1, 0.5, 0.25]
    assert walk(made("polyak", most=0.25), slope, [2.0], loss=loss)[0][0, 0] == 1.5
    # Above a least of 3/2 it has 1/2 to go: γ = 1/8; it stays where the loss is below
    assert walk(made("polyak", least=1.5), slope, [2.0], loss=loss)[0][0, 0] == 1.75
    assert walk(made("polyak", least=2.5), slope, [2.0], loss=loss)[0][0, 0] == 2
    assert walk(made("polyak"), slope, [0.0], loss=loss)[0][0, 0] == 0  # at the minimum, where g = 0


def test_barzilai_borwein_by_hand() -> None:
    # On θ₁²/2 + θ₂² from (4, 2) by 1/4: g = (4, 4) → (3, 1); s = (-1, -1), y = (-1, -2):
    # long 2/3: g = (3, 2) → (1, -1/3); short 3/5 → (6/5, -1/5)
    slope, _ = bowl(np.array([[[1.0, 2.0]]]))
    long, _ = walk(made("barzilai_borwein", first=0.25), slope, [4.0, 2.0])
    short, _ = walk(made("barzilai_borwein", first=0.25, form="short"), slope, [4.0, 2.0])
    np.testing.assert_allclose(long[:2], [[3, 1], [1, -1 / 3]], rtol=1e-14)
    np.testing.assert_allclose(short[:2], [[3, 1], [1.2, -0.2]], rtol=1e-14)


def test_barzilai_borwein_keeps_its_rate_where_the_loss_curves_downwards() -> None:
    slope, _ = bowl(np.array([[[-1.0]]]))
    visited, _ = walk(made("barzilai_borwein", first=0.5), slope, [1.0])
    np.testing.assert_allclose(visited[:, 0], [1.5, 2.25, 3.375], rtol=1e-14)


def test_barzilai_borwein_sees_tiny_and_huge_gradients() -> None:
    for size in (1e-200, 1e200):
        slope, _ = bowl(np.array([[[1.0, 4.0]]]))
        visited, _ = walk(made("barzilai_borwein"), slope, [size, size])
        unit, _ = walk(made("barzilai_borwein"), slope, [1.0, 1.0])
        np.testing.assert_allclose(visited / size, unit, rtol=1e-12)


@pytest.mark.parametrize("form", ["polak_ribiere", "fletcher_reeves"])
def test_conjugate_gradients_by_hand(form: str) -> None:
    # On θ₁²/2 + θ₂² from (4, 1): g = (4, 2), t = 20 / 24 → (2/3, -2/3), then at the minimum
    slope, loss = bowl(np.array([[[1.0, 2.0]]]))
    visited, _ = walk(made("conjugate_gradients", form=form, longest=99.0), slope, [4.0, 1.0], loss=loss)
    np.testing.assert_allclose(visited, [[2 / 3, -2 / 3], [0, 0], [0, 0]], atol=1e-9)


def test_conjugate_gradients_are_those_of_scipys_linear_method() -> None:
    matrix = np.diag([1.0, 2, 3, 5, 8, 13]) + 0.1
    seen: list[Array] = []
    from scipy.sparse.linalg import cg

    cg(matrix, np.ones(6), rtol=1e-14, maxiter=3, callback=lambda x: seen.append(x.copy()))

    def loss(at: Array) -> Array:
        return (at * (at @ matrix) / 2 - at).sum(axis=2)

    linear = made("conjugate_gradients", longest=99.0)
    visited, _ = walk(linear, lambda at: at @ matrix - 1, np.zeros(6), loss=loss)
    np.testing.assert_allclose(visited, seen, rtol=1e-8, atol=1e-12)


def test_conjugate_gradients_leave_a_maximum_by_the_longest_step() -> None:
    slope, loss = bowl(np.array([[[-1.0]]]))
    visited, _ = walk(made("conjugate_gradients", longest=0.5), slope, [1.0], loss=loss)
    np.testing.assert_allclose(visited[:, 0], [1.5, 2, 2.5], rtol=1e-12)


def test_sophia_by_hand() -> None:
    # With curvatures on the axes any signs give them, to rounding: h = c (1 - β₂) = (1, 4) / 2;
    # m = g / 2 = (1/2, 2), ratio m / h = 1, bounded by 3/4 in one case
    slope, loss = bowl(np.array([[[1.0, 4.0]]]))
    values: dict[str, Any] = {"lr": 0.1, "beta1": 0.5, "beta2": 0.5, "gamma": 1.0}
    visited, _ = walk(made("sophia", **values), slope, [1.0, 1.0], loss=loss)
    np.testing.assert_allclose(visited[0], [0.9, 0.9], rtol=1e-9)
    bounded, _ = walk(made("sophia", bound=0.75, **values), slope, [1.0, 1.0], loss=loss)
    np.testing.assert_allclose(bounded[0], [0.925, 0.925], rtol=1e-9)


def test_sophia_moves_by_signs_where_the_loss_curves_downwards() -> None:
    slope, loss = bowl(np.array([[[-1.0, 0.0]]]))
    visited, _ = walk(made("sophia", lr=0.1), slope, [2.0, 2.0], loss=loss)
    np.testing.assert_allclose(visited[0], [2.1, 2.0], rtol=1e-12)


class Sampled:
    """Answers with given sampled gradients, one after the other; loss and gradient are never asked."""

    def __init__(self, gradients: Array) -> None:
        self.left = list(gradients)

    def __call__(self) -> Any:
        return self

    def sampled_gradient(self, weight: Array) -> Array:
        return self.left.pop(0).reshape(weight.shape)


def test_sophia_g_is_the_authors_code_once_it_has_an_estimate() -> None:
    """sophia.py of https://github.com/Liuhong99/Sophia (2023), written again in NumPy; 50 steps.

    There a running mean of squares of mini-batch gradients at sampled labels is multiplied by the number of
    labels, n, and first estimated after 10 steps: here the first estimate is 0.
    """
    rng = np.random.default_rng(8)
    grads, sampled, n = rng.normal(size=(50, 6)), rng.normal(size=(5, 6)), 64
    sampled[0] = 0
    values: dict[str, Any] = {"lr": 0.02, "beta1": 0.965, "beta2": 0.99, "gamma": 0.04, "weight_decay": 0.1}
    sophia = made("sophia", estimator="gauss_newton_bartlett", **values)
    ask = Sampled(sampled * np.sqrt(n))
    fitted, theta = fit(sophia, specs_of((1, 6)), ask), np.ones((1, 1, 6))
    theirs, m, h, state = np.ones(6), np.zeros(6), np.zeros(6), fitted.init(theta)
    for t, grad in enumerate(grads, start=1):
        change, state = fitted.step(theta, grad.reshape(1, 1, 6), state, t)
        theta = theta + change
        if t % 10 == 1 and t > 1:  # after step t - 1
            h = 0.99 * h + 0.01 * sampled[t // 10] ** 2
        m = 0.965 * m + 0.035 * grad
        theirs = theirs * (1 - 0.02 * 0.1)
        theirs = theirs - 0.02 * np.sign(m) * np.minimum(np.abs(m) / (0.04 * n * h + 1e-15), 1)
        np.testing.assert_allclose(theta[0, 0], theirs, rtol=1e-9)
    assert not ask.left
    assert (np.abs(m) < 0.04 * n * h).any()  # not by signs alone


def lasso_problem() -> tuple[Array, Array]:
    rows = np.sin(np.arange(1, 41)).reshape(10, 4)
    return rows, rows @ [1.5, 0, -0.8, 0.05] + 0.1 * np.cos(np.arange(10))


@pytest.mark.slow
def test_fista_solves_the_lasso() -> None:
    linear_model: Any = pytest.importorskip("sklearn.linear_model")
    x, y = lasso_problem()
    lasso = linear_model.Lasso(0.1, fit_intercept=False, tol=1e-14, max_iter=100_000).fit(x, y)
    for momentum in ("fista", "none"):
        at = solved(momentum)
        np.testing.assert_allclose(at, lasso.coef_, atol=1e-7)
        assert (at == 0).tolist() == (lasso.coef_ == 0).tolist()


def solved(momentum: str) -> Array:
    x, y = lasso_problem()
    fitted = fit(made("fista", lr=0.5, strength=0.1, momentum=momentum), specs_of((4, 1)))
    theta = np.zeros((1, 1, 4))
    state = fitted.init(theta)
    for t in range(1, 2001):
        grad = (x.T @ (x @ theta[0, 0] - y) / len(x)).reshape(1, 1, -1)
        change, state = fitted.step(theta, grad, state, t)
        theta = theta + change
    return fitted.evaluated(theta, state)[0, 0]


def test_fista_meets_the_conditions_of_the_lassos_minimum() -> None:
    # Tibshirani (1996): the slope of the loss is -strength sign θ where θ is not 0, and no larger where it is
    x, y = lasso_problem()
    theta = solved("fista")
    slope = x.T @ (x @ theta - y) / len(x)
    assert 0 < np.count_nonzero(theta) < 4
    np.testing.assert_allclose(slope[theta != 0], -0.1 * np.sign(theta[theta != 0]), atol=1e-10)
    assert np.abs(slope[theta == 0]).max() <= 0.1


def test_fista_spares_biases() -> None:
    fista = made("fista", lr=1.0, strength=0.5)
    specs = specs_of((1, 2), (1, 2), roles="wb")
    assert walk(fista, [np.zeros(4)], [0.3, 2, 0.3, 2], specs)[1][0].tolist() == [0, 1.5, 0.3, 2]


# Wrappers


def test_penalties_by_hand() -> None:
    specs = specs_of((1, 3), (1, 1), roles="wb")
    sgd = made("sgd", lr=1.0)
    start = [2.0, -3, 0, 4]
    for name, values, weights, bias in (
        ("l1_penalty", {}, [1.5, -2.5, 0], 4),
        ("l1_penalty", {"on": "all"}, [1.5, -2.5, 0], 3.5),
        ("l2_penalty", {}, [1, -1.5, 0], 4),
        ("l2_penalty", {"half": False}, [0, 0, 0], 4),
        ("l2_penalty", {"on": "all"}, [1, -1.5, 0], 2),
    ):
        visited, _ = walk(made(name, sgd, strength=0.5, **values), [np.zeros(4)], start, specs)
        assert visited[0].tolist() == [*weights, bias], (name, values)


def test_two_penalties_are_the_elastic_net() -> None:
    both = made("l1_penalty", made("l2_penalty", made("sgd", lr=1.0), strength=0.5), strength=0.25)
    assert walk(both, [[0, 0]], [2.0, -3])[0][0].tolist() == [0.75, -1.25]


@pytest.mark.parametrize("name", ["l1_penalty", "l2_penalty", "gradient_noise"])
@pytest.mark.parametrize("on", ["weights", "all"])
def test_what_asks_inside_sees_the_loss_whose_gradient_it_gets(name: str, on: str) -> None:
    values = {"eta": 0.3} if name == "gradient_noise" else {"strength": 0.3, "on": on}
    wrapper = made(name, **values).fitted_to(specs_of((2, 2), (1, 2), roles="wb"))
    slope, loss = bowl(np.ones((1, 1, 6)))
    inside = wrapper.evaluate_inside(lambda at: (loss(at)[:, :, None], slope(at)), (), 3)
    at = RNG.normal(size=(1, 1, 6))
    ahead, behind = (at + side * 1e-6 * np.eye(6)[:, None, :] for side in (1, -1))
    rises = [
        (inside(one[None])[0] - inside(other[None])[0]).item() / 2e-6
        for one, other in zip(ahead, behind, strict=True)
    ]
    np.testing.assert_allclose(inside(at)[1][0, 0], rises, rtol=1e-6, atol=1e-8)


def test_penalties_nest_around_a_line_search() -> None:
    slope, loss = bowl(np.ones((1, 1, 2)))
    at, _ = walk(made("l2_penalty", made("lbfgs"), strength=1.0), lambda at: slope(at - 1), [5.0, -5], None,
                 lambda at: loss(at - 1))  # fmt: skip
    np.testing.assert_allclose(at[-1], [0.5, 0.5], rtol=1e-8)  # the minimum of (θ - 1)² / 2 + θ² / 2


def test_gradient_centralization_by_hand() -> None:
    # Columns (1, 5) and (2, 4), means 3 and 3; the bias and the matrix of one input are as they are
    specs = specs_of((2, 2), (1, 2), (1, 1), roles="wbw")
    wrapper = made("gradient_centralization", made("sgd", lr=1.0))
    visited, _ = walk(wrapper, [[1, 2, 5, 4, 7, 8, 9]], np.zeros(7), specs)
    assert visited[0].tolist() == [2, 1, -2, -1, -7, -8, -9]


def test_centralized_gradients_keep_the_sum_of_a_units_weights() -> None:
    wrapper = made("gradient_centralization", made("sgd", lr=0.1, momentum=0.9))
    visited, _ = walk(wrapper, GRADS, START, specs_of((3, 2)))
    sums = visited.reshape(-1, 3, 2).sum(axis=1)
    np.testing.assert_allclose(sums, np.broadcast_to(START.reshape(3, 2).sum(axis=0), sums.shape), rtol=1e-12)


def test_grokfast_by_hand() -> None:
    # m = 1, then (1 + 3) / 2 = 2: steps of 1 + 2 and 3 + 4
    sgd = made("sgd", lr=1.0)
    visited, _ = walk(made("grokfast", sgd, alpha=0.5, strength=2.0), [[1], [3]], [0.0])
    assert visited[:, 0].tolist() == [-3, -10]
    same, plain = walk(made("grokfast", sgd, strength=0.0), GRADS, START), walk(sgd, GRADS, START)
    np.testing.assert_array_equal(same, plain)


def test_adaptive_clipping_by_hand() -> None:
    # The columns of W are (3, 4) and (0, 0), a tenth of their lengths 0.5 and, by eps, 0.1; (6, 8) and (0, 2)
    # are longer, and (0.3, 0.4) is not
    sgd, specs, start = made("sgd", lr=1.0), specs_of((2, 2)), [3.0, 0, 4, 0]
    clip = made("clip_adaptive", sgd, clipping=0.1, eps=1.0)
    visited, _ = walk(clip, [[6, 0, 8, 2]], start, specs)
    np.testing.assert_allclose(visited[0] - start, [-0.3, 0, -0.4, -0.1], rtol=1e-14, atol=1e-14)
    visited, _ = walk(clip, [[0.3, 0, 0.4, 0]], start, specs)
    np.testing.assert_allclose(visited[0] - start, [-0.3, 0, -0.4, 0], rtol=1e-14, atol=1e-14)
    # Of a bias the norm is that of the row: 5, and a tenth of it
    visited, _ = walk(clip, [[0.0, 6, 8]], [0.0, 3, 4], specs_of((1, 3)))
    np.testing.assert_allclose(visited[0], [0, 2.7, 3.6], rtol=1e-14)


def test_adaptive_clipping_leaves_the_last_layer_on_request() -> None:
    specs = [WeightSpec("W1", (1, 1), 1, 1, place="input"), WeightSpec("W2", (1, 1), 1, 1, place="output")]
    clip = made("clip_adaptive", made("sgd", lr=1.0), preset="paper")
    visited, _ = walk(clip, [[5, 5]], [1.0, 1], specs)
    np.testing.assert_allclose(visited[0], [0.99, -4], rtol=1e-14)


def test_gradient_normalization_by_hand() -> None:
    # ‖(3, 4)‖ = 5, ‖12‖ = 12, of both 13
    specs = specs_of((1, 2), (1, 1))
    sgd = made("sgd", lr=1.0)
    for per, expected in (("trial", [-3 / 13, -4 / 13, -12 / 13]), ("array", [-0.6, -0.8, -1])):
        wrapper = made("gradient_normalization", sgd, per=per, eps=1e-30)
        visited, _ = walk(wrapper, [[3, 4, 12]], np.zeros(3), specs)
        np.testing.assert_allclose(visited[0], expected, rtol=1e-14)


@pytest.mark.parametrize("size", [1e-200, 1e200, 0.0])
def test_gradient_normalization_sees_tiny_and_huge_gradients(size: float) -> None:
    wrapper = made("gradient_normalization", made("sgd", lr=1.0), eps=1e-300)
    visited, _ = walk(wrapper, [[3 * size, 4 * size]], np.zeros(2))
    np.testing.assert_allclose(visited[0], [-0.6, -0.8] if size else [0, 0], rtol=1e-12)


def test_swa_by_hand() -> None:
    # θ = 8, 7, 5, 1; from step 2 on, every second step: 7, and (7 + 1) / 2; before that θ itself
    swa = made("swa", made("sgd", lr=1.0), start=2, every=2)
    visited, at = walk(swa, [[2], [1], [2], [4]], [10.0])
    assert visited[:, 0].tolist() == [8, 7, 5, 1]
    assert at[:, 0].tolist() == [8, 7, 7, 4]


def test_swa_averages_where_the_optimizer_inside_is_evaluated() -> None:
    inner = made("ema", made("sgd", lr=1.0), decay=0.5, start="initial")  # 0, then -1, -5/2 for θ = -2, -4
    assert walk(made("swa", inner), [[2], [2]], [0.0])[1][:, 0].tolist() == [-1, -1.75]


def noise(eta: float = 1.0, gamma: float = 0.0, seeds: Any = None, size: int = 4000, t: int = 1) -> Array:
    wrapper = made("gradient_noise", eta=eta, gamma=gamma)
    wrapper = wrapper if seeds is None else wrapper.seeded(np.array(seeds, np.uint64).reshape(-1, 1, 1))
    zeros = np.zeros((1 if seeds is None else len(seeds), 1, size))
    return wrapper.gradient(zeros, zeros, (), t)


def test_gradient_noise_has_the_variance_of_its_step() -> None:
    for eta, gamma, t in ((1.0, 0.0, 7), (0.3, 0.55, 1), (0.3, 0.55, 9)):
        draws = noise(eta, gamma, t=t, size=40_000) / math.sqrt(eta / t**gamma)
        assert abs(draws.mean()) < 4 / 200
        assert abs(draws.var() - 1) < 4 * math.sqrt(2) / 200
        assert abs((draws**4).mean() - 3) < 4 * math.sqrt(96) / 200


def test_gradient_noise_depends_on_seed_and_step_alone() -> None:
    together = noise(seeds=[1, 2, 1])
    assert together[0].tobytes() == together[2].tobytes() == noise(seeds=[1])[0].tobytes()
    assert abs(np.corrcoef(together[0, 0], together[1, 0])[0, 1]) < 0.07
    assert abs(np.corrcoef(together[0, 0], noise(seeds=[1], t=2)[0, 0])[0, 1]) < 0.07


def test_seeds_of_a_study_get_noise_of_their_own_and_arms_the_same() -> None:
    """On an objective every seed starts at the same place, so that only the noise tells them apart."""

    def ends(seed: int, eta: float, depth: int = 1) -> float:
        part = make_part(REGISTRY, "optimizer", ("sgd", {"lr": 1e-4}))
        for _ in range(depth):
            part = make_part(REGISTRY, "optimizer", ("gradient_noise", {"eta": eta}), optimizer=(part,))
        trial = make_objective_trial(REGISTRY, objective="rosenbrock", seed=seed, steps=5, optimizer=part)
        return train_stack([trial], REGISTRY)[0].metrics["test_loss"]

    assert ends(0, 0.0) == ends(1, 0.0)
    assert ends(0, 0.01) != ends(1, 0.01)
    assert ends(0, 0.01) == ends(0, 0.01)
    assert ends(0, 0.01, depth=2) != ends(0, 0.02)  # two draws of their own, not one twice


# Nests: each goes around and inside each other

NEW: dict[str, dict[str, Any]] = {
    "l1_penalty": {"strength": 0.05},
    "l2_penalty": {"strength": 0.05},
    "gradient_centralization": {},
    "gradient_normalization": {},
    "gradient_noise": {"eta": 0.1},
    "swa": {"start": 2},
    "mechanic": {"first": 0.01},
}
OLD: dict[str, dict[str, Any]] = {
    "clip_norm": {"max_norm": 0.05},
    "clip_value": {"max_value": 0.01},
    "ema": {"decay": 0.8},
    "lookahead": {"k": 2},
    "accumulate": {"k": 2},
    "cautious": {},
    "sam": {"rho": 0.2},
}
BASES: dict[str, dict[str, Any]] = {
    "sgd": {"lr": 0.3, "momentum": 0.9},
    "schedule_free_sgd": {"lr": 0.5},
    "splus": {"every": 2},
    "polyak": {},
    "sophia": {"lr": 0.05},
}


def part(*names: str) -> Part:
    """Return an optimizer around another, the outermost first."""
    name, *inner = names
    values = {**NEW, **OLD, **BASES}.get(name, {})
    fields = list(references(REGISTRY.get("optimizer", name).cls))
    refs = {fields[0]: (part(*inner),)} if inner else {}
    return make_part(REGISTRY, "optimizer", (name, values), **refs)


def nest(*names: str, seed: int = 0) -> Trial:
    network = ("mlp", {"hidden": [4]})
    return make_trial(REGISTRY, optimizer=part(*names), seed=seed, steps=4, network=network, eval_every=2)


PAIRS = [
    *((one, other, "sgd") for one, other in product(NEW, [*NEW, *OLD])),
    *((one, other, "sgd") for one, other in product(OLD, NEW)),
    *((wrapper, base) for wrapper, base in product([*NEW, "lookahead", "ema"], BASES) if base != "sgd"),
]


@pytest.mark.slow
def test_wrappers_nest_around_everything_the_same_alone_and_stacked() -> None:
    trials, alone, refused = [], [], []
    for i, names in enumerate(PAIRS):
        trial = nest(*names, seed=i % 2)
        try:
            alone += train_stack([trial], REGISTRY)
            trials.append(trial)
        except ComponentError as error:
            refused.append((names, str(error)))
    assert by_key(train_stack(trials, REGISTRY)) == by_key(alone)
    assert {result.status for result in alone} == {"ok"}
    # cautious works array by array, and these need the whole trial; accumulate has no gradient to ask for
    assert {names[0] for names, _ in refused} <= {"cautious", "accumulate"}
    assert all(
        "needs all weights of a trial at once" in why for names, why in refused if names[0] == "cautious"
    )
    assert len(trials) > len(PAIRS) - 12


@pytest.mark.parametrize(
    "name", [*NEW, "aggmo", "laprop", "ftrl", "fista", "sophia", "splus", "scion", "dog"]
)
def test_a_sick_trial_leaves_its_neighbours_alone(name: str) -> None:
    specs = specs_of((3, 2), (1, 2), roles="wb")
    optimizer = made(name, **{**NEW, **BASES}.get(name, {}))
    grads = RNG.normal(size=(6, 3, 1, 8))
    grads[0, 0], grads[3, 1, 0, 2] = np.nan, np.inf  # one trial from the start, one in the middle

    def changes(rows: slice) -> list[Array]:
        now: list[Array] = []
        fitted = fit(optimizer, specs, lambda: lambda at: (at[:, :, :1] * 0, now[-1] + at))
        theta = np.ones((3, 1, 8))[rows]
        state, made_so_far = fitted.init(theta), []
        for t, grad in enumerate(grads[:, rows], start=1):
            now.append(grad)
            change, state = fitted.step(theta, grad, state, t)
            theta = theta + change
            made_so_far.append(change)
        return made_so_far

    with np.errstate(all="ignore"):
        for together, alone in zip(changes(slice(0, 3)), changes(slice(2, 3)), strict=True):
            assert together[2:].tobytes() == alone.tobytes()


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
