"""The optimizers that PyTorch, Keras and optax ship: which contain which, and steps worked by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from shipped import REGISTRY

from anncore import Array, build
from anncore.testing.kit import Subject

GRADS = np.random.default_rng(5).normal(size=(40, 1, 3, 4)) * np.array([1, 0.1, 1e-2, 1e-3])
START = np.random.default_rng(6).normal(size=(1, 3, 4))


def walked(name: str, grads: Array = GRADS, start: Array = START, **values: Any) -> Array:
    """Return the trained weights after each step from a start, with given gradients."""
    optimizer: Any = build(REGISTRY.get("optimizer", name).cls, **values)
    theta, state, visited = start.copy(), optimizer.init(start), []
    for t, grad in enumerate(grads, start=1):
        change, state = optimizer.step(theta, grad, state, t)
        theta = theta + change
        visited.append(theta)
    return np.array(visited)


def stacked(name: str, *rows: dict[str, Any]) -> Any:
    """Return an optimizer as training uses it in float32, with the given values of each trial."""
    subject = Subject(REGISTRY.get("optimizer", name).cls, "optimizer", {})
    return subject.stack([dict(subject.variants()[0].values) | row for row in rows], "float32")


def path(name: str, grads: list[float], start: float = 1.0, **values: Any) -> list[float]:
    """Return one weight after each step."""
    return (
        walked(name, np.reshape(grads, (-1, 1, 1, 1)), np.full((1, 1, 1), start), **values).ravel().tolist()
    )


def evaluated(name: str, slope: Any, steps: int, **values: Any) -> list[float]:
    """Return one weight, from 1, as it is evaluated after each step down a slope."""
    optimizer: Any = build(REGISTRY.get("optimizer", name).cls, **values)
    theta = np.ones((1, 1, 1))
    state, visited = optimizer.init(theta), []
    for t in range(1, steps + 1):
        change, state = optimizer.step(theta, slope(theta), state, t)
        theta = theta + change
        visited.append(optimizer.evaluated(theta, state).item())
    return visited


TINY, HUGE = 1e-300, 1e300
INCLUSIONS: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("momentum", {"momentum": 0.0}, "sgd", {}),
    ("momentum", {"momentum": 0.0, "form": "heavy_ball"}, "sgd", {}),
    ("nesterov", {"momentum": 0.0}, "sgd", {}),
    ("nag", {"momentum": 0.0}, "sgd", {}),
    ("nag", {"weight_decay": 0.1}, "nesterov", {"weight_decay": 0.1}),  # trained at the same points
    ("asgd", {"lambd": 0.0}, "sgd", {}),
    ("asgd", {"alpha": 0.0, "lambd": 0.1}, "sgd", {"weight_decay": 0.1}),
    ("rmsprop", {"rho": 0.0, "eps": TINY}, "signsgd", {"lr": 1e-3}),
    ("rmsprop", {"momentum": 0.9, "form": "heavy_ball"}, "rmsprop", {"momentum": 0.9, "form": "velocity"}),
    ("adam", {"beta1": 0.0, "beta2": 0.0, "eps": 0.0}, "signsgd", {"lr": 1e-3}),
    ("signum", {"momentum": 0.0}, "signsgd", {}),
    ("lion", {"lr": 1e-3, "beta1": 0.9, "beta2": 0.9}, "signum", {}),
    ("nadam", {"beta1": 0.0}, "adam", {"beta1": 0.0, "lr": 2e-3}),
    ("nadam", {"momentum": "constant", "lr": 1e-3}, "optimistic_adam", {"beta": 0.0, "nesterov": True}),
    ("optimistic_adam", {"beta": 0.0}, "adam", {}),
    ("optimistic_adam", {"beta1": 0.0, "beta2": 0.0, "beta": 0.0}, "adam", {"beta1": 0.0, "beta2": 0.0}),
    ("adamax", {"beta2": 0.0, "eps_mode": "outside"}, "adam", {"beta2": 0.0, "lr": 2e-3}),
    ("adan", {"beta1": 0.9, "beta2": 0.0, "beta3": 0.999}, "adam", {}),
    ("adan", {"beta2": 0.0, "weight_decay": 0.0}, "adan", {"beta2": 0.0, "decay_mode": "decoupled"}),
    ("ademamix", {"alpha": 0.0, "weight_decay": 0.1}, "adamw", {"weight_decay": 0.1}),
    ("ademamix", {"alpha": 0.0, "warmup": 10}, "adam", {}),
    ("adabound", {"gamma": TINY}, "adam", {"eps_mode": "hat"}),
    ("amsbound", {"gamma": TINY}, "amsgrad", {"eps_mode": "hat"}),
    ("adabound", {"gamma": HUGE}, "momentum", {"lr": 0.01, "form": "heavy_ball"}),
    ("amsbound", {"gamma": HUGE}, "momentum", {"lr": 0.01, "form": "heavy_ball"}),
    ("lars", {"momentum": 0.0, "weight_decay": 0.0}, "lars", {"momentum": 0.0, "norms": "together"}),
    ("lars", {"form": "heavy_ball"}, "lars", {"form": "velocity"}),
]


@pytest.mark.parametrize(("one", "mine", "other", "theirs"), INCLUSIONS, ids=lambda value: str(value))
def test_one_optimizer_is_another_at_the_end_of_its_domain(
    one: str, mine: dict[str, Any], other: str, theirs: dict[str, Any]
) -> None:
    np.testing.assert_allclose(walked(one, **mine), walked(other, **theirs), rtol=1e-9, atol=1e-13)


def test_sm3_of_a_bias_is_adagrad() -> None:
    grads, start = GRADS[:, :, :1], START[:, :1]
    mine = walked("sm3", grads, start, lr=0.1, momentum=0.0)
    np.testing.assert_allclose(mine, walked("adagrad", grads, start, lr=0.1, eps=TINY), rtol=1e-12)


@pytest.mark.parametrize("eps_mode", ["added", "floor"])
def test_adafactors_factors_are_exact_where_the_squares_are_a_product(eps_mode: str) -> None:
    pattern = np.array([[[1.0], [-2], [0.5]]]) * np.array([[[1.0, 0.3, -2, 4]]])
    grads = np.random.default_rng(7).normal(size=(20, 1, 1, 1)) * pattern
    values = {"eps1": 1e-30, "eps_mode": eps_mode}
    factored, full = (walked("adafactor", grads, min_factored=size, **values) for size in (2, 5))
    np.testing.assert_allclose(factored, full, rtol=1e-12)


def test_adafactor_with_decay_one_divides_by_the_mean_square_of_all_gradients() -> None:
    # V = (9 + 16) / 2 after g = 3, 4; the first step divides 3 by 3
    values = {"lr": 0.1, "decay": 1.0, "clip": 100.0, "relative_step": False, "scale_parameter": False}
    expected = [0.9, 0.9 - 0.1 * 4 / math.sqrt(12.5)]
    assert path("adafactor", [3, 4], **values) == pytest.approx(expected, rel=1e-14)


def test_adafactor_limits_its_direction_and_scales_it_by_the_weight() -> None:
    # decay = 1: V = (1 + 9) / 2, rms(U) = 3 / √5 = 1.34 is limited to 1, and rms(θ) = 0.5 is lr's unit
    first, second = path("adafactor", [1, 3], start=0.5, lr=0.1, decay=1.0)
    assert first == pytest.approx(0.5 - 0.1 * 0.5)
    assert second == pytest.approx(first - 0.1 * first, rel=1e-12)
    # A weight of 0 moves by eps2, and after 10,000 steps the rate is at most 1/100
    assert path("adafactor", [1], start=0.0, eps2=0.25) == pytest.approx([-0.01 * 0.25])
    cls: Any = REGISTRY.get("optimizer", "adafactor").cls
    one, rate = np.ones((1, 1, 1)), build(cls, lr=0.5)
    assert rate.step(one, one, rate.init(one), 10_000)[0].item() == pytest.approx(-0.01, rel=1e-9)


def test_dampening_makes_the_velocity_a_mean() -> None:
    # v = 2, then .5 · 2 + .5 · -1 = .5, then .25 + 2 = 2.25: PyTorch's first gradient counts in full
    values = {"lr": 0.1, "momentum": 0.5, "dampening": 0.5}
    for form in ("heavy_ball", "velocity"):
        weights = path("momentum", [2, -1, 4], form=form, **values)
        assert weights == pytest.approx([0.8, 0.75, 0.525], rel=1e-14)
    # All of it: after the first gradient only the old direction is left
    weights = path("momentum", [2, -1, 4], lr=0.1, momentum=0.5, dampening=1.0)
    assert weights == pytest.approx([0.8, 0.7, 0.65], rel=1e-14)


def test_adagrads_rate_decays_and_its_penalty_is_divided() -> None:
    # G = 9, then 25; rates .1 and .1 / 1.5
    weights = path("adagrad", [3, 4], lr=0.1, lr_decay=0.5, eps=1e-30)
    assert weights == pytest.approx([0.9, 0.9 - 0.1 / 1.5 * 0.8], rel=1e-14)
    # g + wd θ = 1 + 2 = 3 is divided by its own size; decoupled, the decay stands beside the step
    assert path("adagrad", [1], lr=0.1, weight_decay=2.0, eps=1e-30) == pytest.approx([0.9])
    values = {"lr": 0.1, "weight_decay": 2.0, "decay_mode": "decoupled", "eps": 1e-30}
    assert path("adagrad", [1], **values) == pytest.approx([1 - 0.1 - 0.2])


def test_rmsprops_momentum_and_first_mean_by_hand() -> None:
    # rho = .75, E = 16 at first: g = 4 leaves it at 16, u = 1; g = 0: E = 12, u = 0, v = .5
    values = {"lr": 0.1, "rho": 0.75, "eps": 1e-30, "initial": 16.0, "momentum": 0.5}
    for form in ("velocity", "heavy_ball"):
        assert path("rmsprop", [4, 0], form=form, **values) == pytest.approx([0.9, 0.85], rel=1e-14)


@pytest.mark.parametrize("name", ["adam", "adamw"])
@pytest.mark.parametrize("eps_mode", ["outside", "inside", "hat"])
def test_without_epsilon_a_gradient_of_zero_leaves_the_weight(name: str, eps_mode: str) -> None:
    # The first gradient that is not 0 then makes a step of lr c₂^½ / c₁, here that of g = 0, 5
    values = {"lr": 0.1, "beta1": 0.5, "beta2": 0.75, "eps": 0.0, "eps_mode": eps_mode}
    given = values | ({"weight_decay": 0.0} if name == "adamw" else {})
    with np.errstate(all="raise"):
        weights = path(name, [0.0, -0.0, 5.0], **given)
    size = (0.5 * 5 / (1 - 0.5**3)) / math.sqrt(0.25 * 25 / (1 - 0.75**3))
    assert weights == pytest.approx([1, 1, 1 - 0.1 * size], rel=1e-14)
    with np.errstate(all="ignore"):
        assert math.isnan(path(name, [0.0, math.nan], **given)[-1])


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_with_and_without_epsilon_side_by_side(name: str) -> None:
    grads = GRADS.astype("float32") * np.array([0, 1, 1, 1e-25], "float32")
    weight = np.repeat(START.astype("float32"), 2, axis=0)
    together = stacked(name, {"eps": 0.0}, {"eps": 1e-8})
    alone = [stacked(name, {"eps": eps}) for eps in (0.0, 1e-8)]
    states = [together.init(weight), *(one.init(weight[:1]) for one in alone)]
    for t, grad in enumerate(grads, start=1):
        both = np.repeat(grad, 2, axis=0)
        change, states[0] = together.step(weight, both, states[0], t)
        for i, one in enumerate(alone):
            expected, states[i + 1] = one.step(weight[:1], grad, states[i + 1], t)
            assert np.array_equal(change[i], expected[0])
        assert np.isfinite(change).all()


def test_nag_with_rising_momentum_is_the_papers_path() -> None:
    # Sutskever et al., equations 3 to 5, on f = 3 θ² / 2; μ is 1/2, from t = 250 on 3/4, but at most 0.7
    expected, theta, v = [], 1.0, 0.0
    for t in range(1, 261):
        mu = min(1 - 2.0 ** (-1 - math.log2(t // 250 + 1)), 0.7)
        v = mu * v - 0.001 * 3 * (theta + mu * v)
        theta += v
        expected.append(theta)
    values = {"lr": 0.001, "momentum": 0.7, "momentum_form": "rising"}
    visited = evaluated("nag", lambda theta: 3 * theta, 260, **values)
    np.testing.assert_allclose(visited, expected, rtol=1e-12)
    # The first step of rising momentum is already at 1/2, whatever the limit
    assert evaluated("nag", lambda theta: theta, 1, momentum_form="rising", lr=0.1) == pytest.approx([0.9])


def test_asgd_is_evaluated_at_the_mean_of_its_weights() -> None:
    # Down a slope of 1 by 0.1: 0.9, 0.8, 0.7, 0.6; the mean begins with the second, as PyTorch's does
    values = {"lr": 0.1, "lambd": 0.0}
    visited = evaluated("asgd", np.ones_like, 4, **values)
    assert visited == pytest.approx([0.9, 0.8, 0.75, 0.7], rel=1e-14)
    late = evaluated("asgd", np.ones_like, 6, t0=2, **values)
    assert late == pytest.approx([0.9, 0.8, 0.7, 0.6, 0.55, 0.5], rel=1e-14)
    # lambd = 1, alpha = 1: η = 0.1, then 0.1 / 1.1
    weights = path("asgd", [0, 0], lr=0.1, lambd=1.0, alpha=1.0)
    assert weights == pytest.approx([0.9, 0.9 * (1 - 0.1 / 1.1)], rel=1e-14)


def test_rprop_by_hand() -> None:
    # s = 1, 1.5, 0.75 and no step, 0.75 as the product is 0, then 1.125
    values = {"lr": 1.0, "eta_minus": 0.5, "eta_plus": 1.5}
    weights = path("rprop", [1, 3, -1e-200, -2, -1e-200], start=0.0, **values)
    assert weights == pytest.approx([-1, -2.5, -2.5, -1.75, -0.625], rel=1e-14)
    assert path("rprop", [1, 1, 1], start=0.0, **values, max_step=1.2) == pytest.approx([-1, -2.2, -3.4])
    assert path("rprop", [1, -1, -1, 1], start=0.0, **values, min_step=0.9) == pytest.approx(
        [-1, -1, -0.1, -0.1]
    )
    assert path("rprop", [0.0, 1], start=0.0, **values) == pytest.approx([0, -1])


@pytest.mark.parametrize(("name", "values"), [("rprop", {}), ("adabound", {"gamma": HUGE})])
def test_a_schedule_scales_steps_whose_length_is_not_lr(name: str, values: dict[str, Any]) -> None:
    one, changes = np.ones((1, 1, 1)), []
    for factor in (1.0, 0.25):
        optimizer: Any = REGISTRY.get("optimizer", name).cls(lr=np.full((1, 1, 1), 0.5), **values)
        np.multiply(optimizer.lr, factor, out=optimizer.lr)  # as the engine does
        changes.append(optimizer.step(one, one, optimizer.init(one), 1)[0].item())
    assert changes[1] == pytest.approx(0.25 * changes[0], rel=1e-14)


def test_ademamix_warms_up_by_half_lives() -> None:
    # Halfway, 1 / ln β is the mean of 1 / ln .9 and 1 / ln .99, and α is half of alpha
    optimizer: Any = build(REGISTRY.get("optimizer", "ademamix").cls, beta3=0.99, warmup=10, alpha=4.0)
    one = np.ones((1, 1, 1))
    _, state = optimizer.step(one, one, optimizer.init(one), 5)
    beta = math.exp(2 / (1 / math.log(0.9) + 1 / math.log(0.99)))
    assert state.slow.item() == pytest.approx(1 - beta, rel=1e-12)
    for beta1, t, expected in ((0.9, 10, 0.99), (0.9, 999, 0.99), (0.0, 5, 0.99**2)):
        optimizer = build(REGISTRY.get("optimizer", "ademamix").cls, beta1=beta1, beta3=0.99, warmup=10)
        with np.errstate(all="raise"):
            _, state = optimizer.step(one, one, optimizer.init(one), t)
        assert state.slow.item() == pytest.approx(1 - expected, rel=1e-12)


def test_adopt_divides_by_the_gradients_before() -> None:
    # beta1 = beta2 = 0: no first step, then 1 / 2, limited to 1; then 6 / 1, limited to 2^¼
    values = {"lr": 0.1, "beta1": 0.0, "beta2": 0.0}
    weights = path("adopt", [2, 1, 6], start=0.0, **values)
    assert weights == pytest.approx([0, -0.05, -0.05 - 0.1 * 2**0.25], rel=1e-14)
    assert path("adopt", [2, 1, 6], start=0.0, clip=False, **values) == pytest.approx(
        [0, -0.05, -0.65], rel=1e-14
    )
    # After gradients of 0, eps divides; the limit keeps the step
    assert path("adopt", [0, 5], start=0.0, **values) == pytest.approx([0, -0.1])


def test_yogi_forgets_more_slowly_than_adam() -> None:
    # β = (0, .75): g = 4: v = 4; g = 1: v - g² > 0, so v = 4 - .25, where Adam's falls to 3.25
    values = {"lr": 0.1, "beta1": 0.0, "beta2": 0.75, "eps": 1e-30}
    steps = [4 / 2, 1 / math.sqrt(3.75), 0]
    assert path("yogi", [4, 1, 0], start=0.0, **values) == pytest.approx(np.cumsum(steps) * -0.1, rel=1e-13)
    assert path("yogi", [2], start=0.0, initial=4.0, **values) == pytest.approx([-0.1], rel=1e-14)


def test_adamax_by_hand() -> None:
    # β = (.5, .5): m = 2, 1; m̂ = 4, 4/3; u = 4, then max(2, 0)
    values = {"lr": 0.1, "beta1": 0.5, "beta2": 0.5, "eps": 1e-30}
    assert path("adamax", [4, 0], **values) == pytest.approx([0.9, 0.9 - 0.1 * (4 / 3) / 2], rel=1e-14)


def test_adadelta_by_hand() -> None:
    # rho = 0, eps = 1: Δ = 3 / √10; then √(Δ² + 1) / √(g² + 1) g = √1.9 / √2
    first = 3 / math.sqrt(10)
    expected = [1 - first, 1 - first - math.sqrt(1.9 / 2)]
    assert path("adadelta", [3, 1], rho=0.0, eps=1.0) == pytest.approx(expected, rel=1e-14)


def test_adabeliefs_steps_grow_while_gradients_keep_their_direction() -> None:
    # β = (.5, .75), g = 2: m = 1, s = .25 · 1, m̂ / √ŝ = 2 / 1; g = 2: m = 1.5, s = .1875 + .25 · .25 = .25
    weights = path("adabelief", [2, 2], start=0.0, lr=0.1, beta1=0.5, beta2=0.75, eps=1e-30)
    second = 2 / math.sqrt(0.25 / 0.4375)
    assert weights == pytest.approx([-0.2, -0.2 - 0.1 * second], rel=1e-13)


def test_adan_by_hand() -> None:
    # β = (0, .5, 0): m̂ = g, d = 0, then 2; v̂ = 0, then 1 / .75; n = g², then (3 + .5 · 2)²
    weights = path("adan", [1, 3], start=0.0, lr=0.1, beta1=0.0, beta2=0.5, beta3=0.0, eps=1e-30)
    assert weights == pytest.approx([-0.1, -0.1 - 0.1 * (3 + 0.5 / 0.75) / 4], rel=1e-14)
    decayed = path("adan", [1], lr=0.1, weight_decay=2.0, eps=1e-30)
    assert decayed == pytest.approx([0.9 / 1.2], rel=1e-14)


def test_lars_moves_each_array_in_proportion_to_its_norm() -> None:
    # |θ| = 5, |g| = 10: λ = .01 · 5 / 10
    theta, grad = np.array([[[3.0, 4.0]]]), np.array([[[[6.0, -8.0]]]])
    values = {"lr": 2.0, "trust": 0.01, "momentum": 0.0}
    np.testing.assert_allclose(
        walked("lars", grad, theta, **values)[0], theta - 2 * 0.005 * grad[0], rtol=1e-14
    )
    # Decay .5: apart 10 + 2.5, together |(7.5, -6)|
    direction = grad[0] + 0.5 * theta
    for norms, length in (("apart", 12.5), ("together", math.hypot(7.5, 6))):
        moved = walked("lars", grad, theta, weight_decay=0.5, norms=norms, **values)[0]
        np.testing.assert_allclose(moved, theta - 2 * 0.01 * 5 / length * direction, rtol=1e-14)
    # A bias that starts at 0 moves as by gradient descent
    zero = walked("lars", grad, 0 * theta, **values)[0]
    np.testing.assert_allclose(zero, -2 * grad[0], rtol=1e-14)


def test_novograd_divides_by_the_norm_of_the_array() -> None:
    # |g| = 5; then |g|² = 100 and v = .75 · 25 + .25 · 100 = 43.75; m is a sum
    theta, grads = np.zeros((1, 1, 2)), np.array([[[[3.0, 4.0]]], [[[6.0, 8.0]]]])
    moved = walked("novograd", grads, theta, lr=0.1, beta1=0.5, beta2=0.75, eps=1e-30)
    first = np.array([0.6, 0.8])
    second = 0.5 * first + np.array([6.0, 8.0]) / math.sqrt(43.75)
    np.testing.assert_allclose(moved[:, 0, 0], [-0.1 * first, -0.1 * (first + second)], rtol=1e-14)


def test_sm3_by_hand() -> None:
    # ν = ((1, 4), (0, 0)), so rows (4, 0) and columns (1, 4); then ν = ((1 + 1, 4), (0 + 9, 0))
    grads = np.array([[[[1.0, 2.0], [0.0, 0.0]]], [[[1.0, 0.0], [3.0, 0.0]]]])
    moved = walked("sm3", grads, np.zeros((1, 2, 2)), lr=1.0, momentum=0.0)
    np.testing.assert_allclose(moved[0, 0], [[-1, -1], [0, 0]], rtol=1e-14)
    np.testing.assert_allclose(moved[1, 0], [[-1 - 1 / math.sqrt(2), -1], [-1, 0]], rtol=1e-14)


def test_madgrad_by_hand() -> None:
    # λ = lr √t: s = 8, v = 64 (g = 8, lr = 1): z = 1 - 8 / 4; then λ = √2, g = 0: nothing new
    weights = path("madgrad", [8, 0], lr=1.0, momentum=0.5, eps=1e-30)
    assert weights == pytest.approx([0.0, -0.5], abs=1e-14)


def test_fromage_keeps_the_norm_at_right_angles() -> None:
    theta, grad = np.array([[[3.0, 4.0]]]), np.array([[[[-4.0, 3.0]]]])
    moved = walked("fromage", grad * 7, theta, lr=0.5)[0]
    assert np.linalg.norm(moved) == pytest.approx(5, rel=1e-14)
    np.testing.assert_allclose(moved, (theta - 0.5 * grad[0]) / math.sqrt(1.25), rtol=1e-14)
    # θ = 0 moves by lr g; with a smallest norm of 2 by lr · 2 / 35 g
    zero, shrunk = 0 * theta, math.sqrt(1.25)
    np.testing.assert_allclose(
        walked("fromage", grad * 7, zero, lr=0.5)[0], -3.5 * grad[0] / shrunk, rtol=1e-14
    )
    floored = walked("fromage", grad * 7, zero, lr=0.5, min_norm=2.0)[0]
    np.testing.assert_allclose(floored, -0.5 * 2 / 35 * 7 * grad[0] / shrunk, rtol=1e-14)


def test_optimistic_adam_finds_the_equilibrium_that_adam_circles() -> None:
    # p(x, y) = x y from (1, 1): gradients (y, -x) for the two players
    distances = {}
    for name in ("adam", "optimistic_adam"):
        optimizer: Any = build(REGISTRY.get("optimizer", name).cls, lr=0.01, beta1=0.0, beta2=0.9)
        place = np.ones((1, 1, 2))
        state = optimizer.init(place)
        for t in range(1, 3001):
            grad = place[..., ::-1] * np.array([1.0, -1.0])
            change, state = optimizer.step(place, grad, state, t)
            place = place + change
        distances[name] = float(np.linalg.norm(place))
    assert distances["optimistic_adam"] < 0.5 * distances["adam"]


MINE = [
    "adamax",
    "adadelta",
    "adabelief",
    "adan",
    "ademamix",
    "adopt",
    "yogi",
    "adabound",
    "amsbound",
    "adafactor",
    "nag",
    "signsgd",
    "signum",
    "rprop",
    "lars",
    "optimistic_adam",
    "novograd",
    "sm3",
    "asgd",
    "madgrad",
    "fromage",
]


@pytest.mark.parametrize("name", MINE)
def test_steps_stay_finite_from_tiny_to_large_gradients(name: str) -> None:
    # In float32, where squares of 1e-25 vanish
    grads = np.concatenate([GRADS[:5] * scale for scale in (1e-25, 1e15, 0.0, -0.0, 1e-25, 1.0)])
    optimizer, theta = stacked(name, {}), START.astype("float32")
    state = optimizer.init(theta)
    with np.errstate(invalid="raise", divide="raise", over="raise"):
        for t, grad in enumerate(grads.astype("float32"), start=1):
            change, state = optimizer.step(theta, grad, state, t)
            theta = theta + change
            assert np.isfinite(optimizer.evaluated(theta, state)).all()
    assert theta.dtype == np.float32


@pytest.mark.parametrize("name", MINE)
def test_its_docstring_tells_when_to_choose_it(name: str) -> None:
    text = REGISTRY.get("optimizer", name).cls.__doc__ or ""
    assert "\n    Choose it" in text
