from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from shipped import REGISTRY

from anncore import build
from anncore.testing import Check, parametrize_with_checks


@parametrize_with_checks(REGISTRY.of_kind("optimizer"))
def test_conformance(check: Check) -> None:
    check()


def path(name: str, grads: list[float], start: float = 1.0, **values: Any) -> list[float]:
    """Return θ after each step, from a start and the gradients met on the way."""
    optimizer = build(REGISTRY.get("optimizer", name).cls, **values)
    theta = np.full((1, 1, 1), start)
    state, visited = optimizer.init(theta), []
    for t, g in enumerate(grads, start=1):
        change, state = optimizer.step(theta, np.full((1, 1, 1), g), state, t)
        theta = theta + change
        visited.append(float(theta[0, 0, 0]))
    return visited


# Worked by hand: θ = 1, then the gradients 2, -1, ...


def test_sgd_by_hand() -> None:
    assert path("sgd", [2, -1], lr=0.1) == pytest.approx([0.8, 0.9], rel=1e-15)


def test_sgd_with_momentum_by_hand() -> None:
    # v = 2, then .5 · 2 - 1 = 0, then 0 + 4
    assert path("sgd", [2, -1, 4], lr=0.1, momentum=0.5) == pytest.approx([0.8, 0.8, 0.4], rel=1e-15)
    # Nesterov: directions 2 + .5 · 2 = 3, -1 + .5 · 0 = -1, 4 + .5 · 4 = 6
    nesterov = path("sgd", [2, -1, 4], lr=0.1, momentum=0.5, nesterov=True)
    assert nesterov == pytest.approx([0.7, 0.8, 0.2], rel=1e-14)


def test_momentum_by_hand() -> None:
    # v = -.2, then .5 · -.2 + .1 = 0, then -.4
    expected = pytest.approx([0.8, 0.8, 0.4], rel=1e-15)
    assert path("momentum", [2, -1, 4], lr=0.1, momentum=0.5) == expected
    assert path("momentum", [2, -1, 4], lr=0.1, momentum=0.5, form="heavy_ball") == expected


@pytest.mark.parametrize(("form", "second"), [("velocity", -0.1 - 0.02), ("heavy_ball", -0.01 - 0.02)])
def test_forms_of_momentum_part_when_the_rate_changes(form: str, second: float) -> None:
    # g = 2 at lr .1, then g = 2 at lr .01, μ = .5: what is left of the first step is -.1 or, rescaled, -.01
    cls = REGISTRY.get("optimizer", "momentum").cls
    theta, g = np.zeros((1, 1, 1)), np.full((1, 1, 1), 2.0)
    first, state = cls(lr=0.1, momentum=0.5, form=form).step(theta, g, cls().init(theta), 1)
    change, _ = cls(lr=0.01, momentum=0.5, form=form).step(theta, g, state, 2)
    assert first.item() == pytest.approx(-0.2)
    assert change.item() == pytest.approx(second)


def test_adagrad_by_hand() -> None:
    # G = 9, then 25: steps lr 3/3 and lr 4/5
    assert path("adagrad", [3, 4], lr=0.1, eps=1e-30) == pytest.approx([0.9, 0.82], rel=1e-14)


@pytest.mark.parametrize(
    ("preset", "lr", "expected"),
    [
        ("seed", 0.01, 0.003 / math.sqrt(9e-6 + 1e-8)),
        ("paper", 0.01, 0.003 / (0.003 + 1e-10)),
        ("torch", 0.01, 0.003 / (0.003 + 1e-10)),
        ("keras", 0.001, 0.003 / math.sqrt(0.1 + 9e-6 + 1e-7)),
        ("optax", 0.01, 0.003 / math.sqrt(0.1 + 9e-6 + 1e-7)),
        ("flux", 0.1, 0.003 / (math.sqrt(1e-8 + 9e-6) + 1e-8)),
    ],
)
def test_adagrads_first_step_by_preset(preset: str, lr: float, expected: float) -> None:
    assert path("adagrad", [0.003], start=0.0, preset=preset) == pytest.approx([-lr * expected], rel=1e-12)


def test_rmsprop_by_hand() -> None:
    # rho = .75, g = 4: E = 4, step lr 4/2; then g = 2: E = 3 + 1 = 4, step lr 2/2
    assert path("rmsprop", [4, 2], lr=0.1, rho=0.75, eps=1e-30) == pytest.approx([0.8, 0.7], rel=1e-14)


def test_centered_rmsprop_by_hand() -> None:
    # rho = .5, g = 2: E = 2, M = 1, step lr 2 / √(2 - 1)
    weights = path("rmsprop", [2], lr=0.1, rho=0.5, eps=1e-30, centered=True)
    assert weights == pytest.approx([0.8], rel=1e-14)


def test_centered_rmsprop_survives_a_constant_gradient() -> None:
    weights = path("rmsprop", [0.1] * 500, centered=True)  # E - M² ends at 0, or below it by rounding
    assert np.isfinite(weights).all()


@pytest.mark.parametrize(
    ("preset", "lr", "expected"),
    [
        ("seed", 0.001, 0.003 / math.sqrt(0.1 * 9e-6 + 1e-8)),
        ("paper", 0.001, 0.003 / (math.sqrt(0.1 * 9e-6) + 1e-8)),
        ("torch", 0.01, 0.003 / (math.sqrt(0.01 * 9e-6) + 1e-8)),
        ("keras", 0.001, 0.003 / math.sqrt(0.1 * 9e-6 + 1e-7)),
        ("optax", 0.001, 0.003 / math.sqrt(0.1 * 9e-6 + 1e-8)),
        ("flux", 0.001, 0.003 / (math.sqrt(0.1 * 9e-6) + 1e-8)),
    ],
)
def test_rmsprops_first_step_by_preset(preset: str, lr: float, expected: float) -> None:
    assert path("rmsprop", [0.003], start=0.0, preset=preset) == pytest.approx([-lr * expected], rel=1e-12)


def test_adam_by_hand() -> None:
    # β = (.5, .75), g = 2, then 0: m = 1, .5; v = 1, .75
    # m̂ = 1 / .5 = 2, .5 / .75 = 2/3; v̂ = 1 / .25 = 4, .75 / .4375 = 12/7
    weights = path("adam", [2, 0], lr=0.1, beta1=0.5, beta2=0.75, eps=1e-30)
    second = 0.1 * (2 / 3) / math.sqrt(12 / 7)
    assert weights == pytest.approx([0.9, 0.9 - second], rel=1e-14)


def test_adams_first_step_is_lr_whatever_the_gradient() -> None:
    for g in (1e-4, 1.0, -1e4):
        assert path("adam", [g], start=0.0, lr=0.5, eps=1e-30) == pytest.approx([-math.copysign(0.5, g)])


@pytest.mark.parametrize(
    ("eps_mode", "shares"),
    [
        # First step over lr for the constant gradients 1e-4, 1e-5, 1e-6 with ε = 1e-8, to three digits
        ("inside", [0.707, 0.0995, 0.010]),
        ("outside", [1.00, 0.999, 0.990]),
        ("hat", [0.997, 0.969, 0.760]),
    ],
)
def test_where_adam_adds_epsilon(eps_mode: str, shares: list[float]) -> None:
    for g, share in zip((1e-4, 1e-5, 1e-6), shares, strict=True):
        (weight,) = path("adam", [g], start=0.0, lr=1.0, eps=1e-8, eps_mode=eps_mode)
        assert -weight == pytest.approx(share, abs=5.1e-4)


def test_adams_first_step_by_preset() -> None:
    g = 1e-6
    expected = {
        "seed": 1e-3 * g / math.sqrt(g * g + 1e-8),
        "paper": 1e-3 * g / (g + 1e-8),
        "torch": 1e-3 * g / (g + 1e-8),
        "keras": 1e-3 * g * math.sqrt(1e-3) / (math.sqrt(1e-3) * g + 1e-7),
        "optax": 1e-3 * g / (g + 1e-8),
        "flux": 1e-3 * g / (g + 1e-8),
    }
    assert set(expected) == set(REGISTRY.get("optimizer", "adam").cls.presets)
    for preset, step in expected.items():
        assert path("adam", [g], start=0.0, preset=preset) == pytest.approx([-step], rel=1e-12)


def test_the_seeds_formulas_over_many_steps() -> None:
    # The seed document's own formulas, written out with Python's floats.
    grads = np.random.default_rng(0).normal(scale=1e-3, size=25).tolist()
    velocity = total = square = m = v = 0.0
    expected: dict[str, list[float]] = {"momentum": [], "adagrad": [], "rmsprop": [], "adam": []}
    theta = dict.fromkeys(expected, 1.0)
    for t, g in enumerate(grads, start=1):
        velocity = 0.9 * velocity - 0.01 * g
        total += g**2
        square = 0.9 * square + 0.1 * g**2
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
        theta["momentum"] += velocity
        theta["adagrad"] -= 0.01 / math.sqrt(total + 1e-8) * g
        theta["rmsprop"] -= 0.001 / math.sqrt(square + 1e-8) * g
        theta["adam"] -= 0.001 / math.sqrt(v_hat + 1e-8) * m_hat
        for name, visited in expected.items():
            visited.append(theta[name])
    for name, visited in expected.items():
        np.testing.assert_allclose(path(name, grads, preset="seed"), visited, rtol=1e-12)


def test_nesterov_by_hand() -> None:
    # As sgd's: directions 2 + .5 · 2 = 3, -1 + .5 · 0 = -1, 4 + .5 · 4 = 6
    for form in ("velocity", "heavy_ball"):
        weights = path("nesterov", [2, -1, 4], lr=0.1, momentum=0.5, form=form)
        assert weights == pytest.approx([0.7, 0.8, 0.2], rel=1e-14)


@pytest.mark.parametrize(("form", "second"), [("velocity", -0.06 - 0.02), ("heavy_ball", -0.01 * (2 + 1.5))])
def test_forms_of_nesterov_part_when_the_rate_changes(form: str, second: float) -> None:
    # g = 2 at lr .1, then at lr .01, μ = .5. velocity: v = -.2, then -.12; heavy_ball: v = 2, then 3
    cls = REGISTRY.get("optimizer", "nesterov").cls
    theta, g = np.zeros((1, 1, 1)), np.full((1, 1, 1), 2.0)
    first, state = cls(lr=0.1, momentum=0.5, form=form).step(theta, g, cls().init(theta), 1)
    change, _ = cls(lr=0.01, momentum=0.5, form=form).step(theta, g, state, 2)
    assert first.item() == pytest.approx(-0.3)
    assert change.item() == pytest.approx(second)


def test_nesterov_is_a_step_ahead_of_the_papers_path() -> None:
    # Sutskever et al., equations 3 and 4, on f = 3 θ² / 2: the gradient is taken at θ + μ v
    lr, mu, theta, v = 0.1, 0.9, 1.0, 0.0
    optimizer = build(REGISTRY.get("optimizer", "nesterov").cls, lr=lr, momentum=mu)
    ahead = np.full((1, 1, 1), theta)
    state = optimizer.init(ahead)
    for t in range(1, 31):
        change, state = optimizer.step(ahead, 3 * ahead, state, t)
        ahead = ahead + change
        v = mu * v - lr * 3 * (theta + mu * v)
        theta += v
        assert ahead.item() == pytest.approx(theta + mu * v, rel=1e-12)


def test_adamw_by_hand() -> None:
    # β = (.5, .75), g = 2: m̂ / √v̂ = 1, beside weight_decay θ = .5, times lr or not
    values = {"lr": 0.1, "beta1": 0.5, "beta2": 0.75, "eps": 1e-30, "weight_decay": 0.5}
    assert path("adamw", [2], **values) == pytest.approx([1 - 0.1 - 0.05], rel=1e-14)
    weights = path("adamw", [2], **values, decay_mode="independent")
    assert weights == pytest.approx([1 - 0.1 - 0.5], rel=1e-14)


def test_adamw_without_decay_is_adam() -> None:
    grads = np.random.default_rng(2).normal(size=20).tolist()
    for eps_mode in ("outside", "inside", "hat"):
        weights = path("adamw", grads, weight_decay=0.0, eps_mode=eps_mode)
        assert weights == path("adam", grads, eps_mode=eps_mode)


def test_a_penalty_is_divided_by_the_gradients_size_in_adam_but_not_in_adamw() -> None:
    # At the first step Adam moves by lr, whatever the gradient and its penalty
    values = {"lr": 0.1, "eps": 1e-30, "weight_decay": 0.5}
    assert path("adam", [2], **values) == pytest.approx([0.9])
    assert path("adam", [2], **values, decay_mode="decoupled") == pytest.approx([0.85])


@pytest.mark.parametrize(
    ("values", "steps"),
    [
        # β = (0, .5), g = 4, then 1: v = 8, then 4.5; corrected 16, then 4.5 / .75 = 6
        ({"max_over": "raw"}, [4 / 4, 1 / math.sqrt(8 / 0.75)]),
        ({"max_over": "corrected"}, [4 / 4, 1 / 4]),
        ({"bias_correction": False}, [4 / math.sqrt(8), 1 / math.sqrt(8)]),
        # p starts at 100 and stays the largest
        ({"bias_correction": False, "initial": 100.0}, [4 / 10, 1 / 10]),
    ],
)
def test_amsgrad_by_hand(values: dict[str, Any], steps: list[float]) -> None:
    weights = path("amsgrad", [4, 1], start=0.0, lr=0.1, beta1=0, beta2=0.5, eps=1e-30, **values)
    assert weights == pytest.approx([-0.1 * steps[0], -0.1 * sum(steps)], rel=1e-14)


def test_amsgrad_converges_where_adam_goes_to_the_worst_point() -> None:
    # Reddi, Kale & Kumar, theorem 1: f(x) = C x once in three steps, else -x, on [-1, 1]; the best is -1.
    ends = {}
    for name in ("adam", "amsgrad"):
        cls = REGISTRY.get("optimizer", name).cls
        x = np.zeros((1, 1, 1))
        state = cls().init(x)
        for t in range(1, 3001):
            optimizer = cls(lr=0.5 / math.sqrt(t), beta1=0, beta2=1 / 17, eps=1e-30)  # C = 4
            change, state = optimizer.step(x, np.full_like(x, 4 if t % 3 == 1 else -1), state, t)
            x = np.clip(x + change, -1, 1)
        ends[name] = float(x.item())
    assert ends["adam"] == 1
    assert ends["amsgrad"] < -0.99


def test_lion_by_hand() -> None:
    # β = (.5, .75). g = 2: c = 1, m = .5; g = -1: c = -.25, m = .125; g = -.1: c = .0125, m's sign wins
    weights = path("lion", [2, -1, -0.1], lr=0.1, beta1=0.5, beta2=0.75)
    assert weights == pytest.approx([0.9, 1.0, 0.9], rel=1e-14)
    assert path("lion", [2], lr=0.1, weight_decay=0.5) == pytest.approx([1 - 0.1 - 0.05], rel=1e-14)
    assert path("lion", [0], lr=0.1) == [1]  # sign 0 = 0
