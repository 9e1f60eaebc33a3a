"""The objectives of the catalogue against what is published of them, by hand, and by other solvers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import sklearn
from shipped import REGISTRY
from sklearn.linear_model import LogisticRegression
from trial_factory import make_objective_trial

from anncore import ComponentError, build
from anncore.engine.training import train_stack

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "objectives.json").read_text())["catalogue"]
PUBLISHED = sorted(set(GOLDEN) - {"source"})


def objective(name: str, **values: Any) -> Any:
    return build(REGISTRY.get("objective", name).cls, **values)


def at(point: Any) -> np.ndarray:
    return np.asarray(point, float).reshape(1, 1, -1)


def value(function: Any, point: Any) -> float:
    return float(function.value(at(point))[0])


def slope(function: Any, point: Any) -> np.ndarray:
    x = at(point)
    return function.grad(x, np.zeros_like(x))[0, 0] if function.noisy else function.grad(x)[0, 0]


def curvatures(function: Any, point: Any) -> np.ndarray:
    moves = 1e-6 * np.eye(len(point))
    rows = [(slope(function, point + move) - slope(function, point - move)) / 2e-6 for move in moves]
    return np.linalg.eigvalsh(np.array(rows))


def trained(name: str, optimizer: Any, steps: int = 200, eval_every: int = 50, **values: Any) -> Any:
    """Return the result of a trial in float64 that keeps its path."""
    trial = make_objective_trial(
        REGISTRY,
        objective=(name, values),
        optimizer=optimizer,
        steps=steps,
        eval_every=eval_every,
        dtype="float64",
        paths=True,
    )
    return train_stack([trial], REGISTRY)[0]


def place(result: Any) -> np.ndarray:
    size = sum(name.startswith("x.") for name in result.curves)
    return np.array([result.curves[f"x.{i}"][-1] for i in range(1, size + 1)])


# Functions of two numbers


@pytest.mark.parametrize("name", PUBLISHED)
def test_start_minima_and_curvature_are_the_published_ones(name: str) -> None:
    function, golden = objective(name), GOLDEN[name]
    np.testing.assert_allclose(function.start(np.random.default_rng(0)), golden["start"], rtol=1e-15)
    assert value(function, golden["start"]) == pytest.approx(golden["f_start"], rel=1e-13)
    if not golden["minima"]:
        assert function.minimum is None
        return
    np.testing.assert_allclose(np.atleast_2d(function.minimum), golden["minima"], atol=5e-9)
    for minimum in np.atleast_2d(function.minimum):
        assert value(function, minimum) == pytest.approx(golden["f_min"], abs=2e-14)
        np.testing.assert_allclose(slope(function, minimum), 0, atol=2e-14)
    if "hess_eig" in golden:
        np.testing.assert_allclose(
            curvatures(function, np.atleast_2d(function.minimum)[0]), golden["hess_eig"], rtol=1e-6
        )


@pytest.mark.parametrize(
    ("name", "point", "height"),
    [
        # Other hollows: Goldstein & Price 1971; Dixon & Szegö 1978
        ("goldstein_price", (-0.6, -0.4), 30.0),
        ("goldstein_price", (1.8, 0.2), 84.0),
        ("goldstein_price", (1.2, 0.8), 840.0),
        ("six_hump_camel", (1.70360671, -0.79608357), -0.21546382),
        ("six_hump_camel", (1.60710475, 0.56865145), 2.10425031),
        ("styblinski_tang", (2.74680277, 2.74680277), -50.05889331),
        ("mccormick", (0.5 + 2 * np.pi / 3, -0.5 + 2 * np.pi / 3), 2 * np.pi / 3 - np.sqrt(0.75)),
    ],
)
def test_other_hollows_are_where_they_are_published(
    name: str, point: tuple[float, ...], height: float
) -> None:
    function = objective(name)
    assert value(function, point) == pytest.approx(height, abs=1e-8)
    np.testing.assert_allclose(slope(function, point), 0, atol=1e-5)
    assert curvatures(function, np.array(point)).min() > 0


@pytest.mark.parametrize("size", [1, 3, 7])
@pytest.mark.parametrize("name", ["sphere", "styblinski_tang", "rastrigin", "ackley", "griewank", "levy"])
def test_any_dimension_has_its_start_and_its_minimum(name: str, size: int) -> None:
    function = objective(name, dimensions=size)
    assert (
        function.dimensions == len(function.start(np.random.default_rng(0))) == len(function.minimum) == size
    )
    lowest = -39.16616570377142 * size if name == "styblinski_tang" else 0.0
    assert value(function, function.minimum) == pytest.approx(lowest, abs=1e-12)
    np.testing.assert_allclose(slope(function, function.minimum), 0, atol=1e-13)


@pytest.mark.parametrize("name", ["sphere", "styblinski_tang", "rastrigin"])
def test_separable_functions_are_sums_over_their_arguments(name: str) -> None:
    point = np.array([0.3, -2.2, 1.7, 4.0])
    alone = sum(value(objective(name, dimensions=1), number) for number in point)
    assert value(objective(name, dimensions=4), point) == pytest.approx(alone, rel=1e-14)


def test_ackley_keeps_its_digits_near_the_tip_and_its_range_far_out() -> None:
    """Near 0 f = 20 · 0.2 r - O(r²), r = √(mean x²); far out f = 20 + e - exp(mean cos 2πx)."""
    function = objective("ackley")
    assert value(function, (1e-12, 1e-12)) == pytest.approx(4e-12, rel=1e-10)
    np.testing.assert_allclose(slope(function, (3e-200, 4e-200)), 4 * np.array([3, 4]) / 5 / np.sqrt(2))
    assert value(function, (1e200, -1e200)) == pytest.approx(
        20 + np.e - np.exp(np.cos(2 * np.pi * 1e200)), rel=1e-12
    )


@pytest.mark.parametrize("name", ["booth", "branin", "goldstein_price", "styblinski_tang", "mccormick"])
def test_trials_count_from_the_minimum_and_none_diverges_for_being_below_0(name: str) -> None:
    result = trained(name, ("adam", {"lr": 0.05}), steps=1500, eval_every=500)
    function = objective(name)
    assert result.status == "ok"
    above = value(function, function.start(np.random.default_rng(0))) - GOLDEN[name]["f_min"]
    assert result.curves["train_loss"][0] == pytest.approx(above, rel=1e-13)
    if name != "goldstein_price":  # which has another hollow on the way
        assert abs(result.metrics["test_loss"]) <= function.floor


@pytest.mark.parametrize("name", ["mccormick", "reddi"])
def test_what_leaves_the_bounds_comes_back_to_their_edge(name: str) -> None:
    """A rate so large that every step leaves the box ends at an edge."""
    result = trained(name, ("sgd", {"lr": 50.0}), steps=20, eval_every=1)
    low, high = (np.atleast_1d(edge) for edge in REGISTRY.get("objective", name).cls.bounds)
    path = np.array([result.curves[f"x.{i}"] for i in range(1, len(low) + 1)])
    assert (path >= low[:, None]).all()
    assert (path <= high[:, None]).all()
    at_edge = (path[:, 1:] == low[:, None]) | (path[:, 1:] == high[:, None])
    assert at_edge.any(axis=0).all()


def test_bounds_of_one_trial_do_not_touch_another() -> None:
    trials = [
        make_objective_trial(
            REGISTRY, objective=name, optimizer=("sgd", {"lr": 0.3}), steps=5, eval_every=1, dtype="float64"
        )
        for name in ("mccormick", "booth", "branin")
    ]
    together = train_stack(trials, REGISTRY)
    for trial, result in zip(trials, together, strict=True):
        assert train_stack([trial], REGISTRY)[0].curves == result.curves
    assert max(np.abs(together[1].curves["x.1"])) > 4


# Saddles


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.3])
def test_descent_leaves_the_saddle_by_its_curvature(rate: float) -> None:
    """x₁ ← (1 - 2 lr) x₁, x₂ ← (1 + 2 lr) x₂: by hand."""
    result = trained("saddle", ("sgd", {"lr": rate}), steps=10, eval_every=1)
    t = np.arange(11)
    np.testing.assert_allclose(result.curves["x.1"], (1 - 2 * rate) ** t, rtol=1e-12)
    np.testing.assert_allclose(result.curves["x.2"], 1e-3 * (1 + 2 * rate) ** t, rtol=1e-12)


@pytest.mark.parametrize("wall", [0.1, 0.5, 2.0])
def test_a_wall_gives_saddles_the_minima_computed_by_hand(wall: float) -> None:
    """d/dx₂ (-x₂² + w x₂⁴) = 0 at x₂² = 1 / (2w); along 180° d/dr (-r³ + w r⁴) = 0 at r = 3 / (4w)."""
    saddle, monkey = objective("saddle", wall=wall), objective("monkey_saddle", wall=wall)
    for function, lowest in ((saddle, -1 / (4 * wall)), (monkey, -27 / (256 * wall**3))):
        for minimum in function.minimum:
            assert value(function, minimum) == pytest.approx(lowest, rel=1e-12)
            np.testing.assert_allclose(slope(function, minimum), 0, atol=1e-12 / wall**2)
            assert curvatures(function, minimum).min() > 0
    np.testing.assert_allclose(np.hypot(*monkey.minimum.T), 0.75 / wall)
    assert trained("saddle", ("adam", {"lr": 0.05}), 400, wall=wall).metrics["test_loss"] < 1e-3 / wall


@pytest.mark.parametrize("name", ["saddle", "monkey_saddle"])
def test_a_saddle_without_a_wall_counts_from_itself_and_can_be_left(name: str) -> None:
    result = trained(name, ("adam", {"lr": 0.05}), steps=60, eval_every=10)
    assert result.curves["train_loss"][0] == pytest.approx(1, abs=1e-5)
    assert result.metrics["test_loss"] < 0


# Reddi, Kale & Kumar 2018


@pytest.mark.parametrize(("optimizer", "end"), [("adam", 1.0), ("amsgrad", -0.993)])
def test_adam_goes_up_reddi_s_slope_and_amsgrad_down(optimizer: str, end: float) -> None:
    """Theorem 1's sequence, 3 x once in three steps and -x else, with β₁ = 0; the ends by another loop."""
    values = {"period": 3, "steep": 3.0, "gentle": 1.0}
    result = trained("reddi", (optimizer, {"lr": 0.01, "beta1": 0.0, "beta2": 0.1}), 3000, 1000, **values)
    x, v, largest = 0.0, 0.0, 0.0
    for t in range(1, 3001):
        g = 3.0 if t % 3 == 1 else -1.0
        v = 0.1 * v + 0.9 * g * g
        largest = max(largest, v if optimizer == "amsgrad" else 0.0)
        mean = (largest if optimizer == "amsgrad" else v) / (1 - 0.1**t)
        x = min(1.0, max(-1.0, x - 0.01 * g / (np.sqrt(mean) + 1e-8)))
    assert result.curves["x.1"][-1] == pytest.approx(x, abs=1e-9)
    assert x == pytest.approx(end, abs=1e-3)


def test_reddi_s_steep_slope_comes_once_in_a_period_and_the_mean_is_the_gradient() -> None:
    function, rng = objective("reddi"), np.random.default_rng(0)
    slopes = [float(function.grad(at(0.5), at(function.draw_at(rng, t)))[0, 0, 0]) for t in range(1, 203)]
    assert [t for t, g in enumerate(slopes, start=1) if g > 0] == [1, 102]
    np.testing.assert_allclose(np.unique(np.round(slopes, 9)), [-10, 1010])
    assert np.mean(slopes) == pytest.approx(slope(function, 0.5)[0]) == pytest.approx(10 / 101)
    chance = objective("reddi", order="random", period=4)
    steep = np.mean([function.draw_at(rng, 1)[0] > 0 for function in [chance] * 4000])
    assert abs(steep - 1 / 4) < 5 * np.sqrt(3 / 16 / 4000)
    assert objective("reddi", steep=1.0).minimum == [1.0]  # the slope points the other way


# Wilson, Roelofs, Stern, Srebro & Recht 2017


@pytest.mark.parametrize(
    ("optimizer", "right"), [(("sgd", {"lr": 0.02}), True), (("adagrad", {"lr": 0.1}), False)]
)
def test_descent_finds_the_shortest_solution_and_adagrad_one_of_equal_numbers(
    optimizer: Any, right: bool
) -> None:
    """A new example is (y, 1, 1) and columns that were never seen: its sign is that of y x₁ + x₂ + x₃."""
    result = trained("wilson", optimizer, 3000, 1000)
    x = place(result)
    assert result.metrics["test_loss"] < 1e-12
    assert [y * x[0] + x[1] + x[2] > 0 for y in (1, -1)] == [True, not right]
    if right:
        np.testing.assert_allclose(x, objective("wilson").minimum, atol=1e-9)
    else:
        np.testing.assert_allclose(np.unique(np.round(np.abs(x), 6)), [0, 0.25])


def test_wilson_needs_more_positives_than_negatives() -> None:
    with pytest.raises(ComponentError, match="wilson: positives must be above negatives, 5, got 5"):
        objective("wilson", positives=5, negatives=5)


# DeepOBS


def test_the_deep_quadratic_is_that_of_deepobs() -> None:
    """Its own code, run with RandomState(42), gives ½ 0.6² tr Q, ½ 1ᵀ Q 1 and the largest eigenvalue."""
    function = objective("deep_quadratic")
    assert value(function, np.zeros(100)) == pytest.approx(85.9702103271025, rel=1e-13)
    assert value(function, np.ones(100)) == pytest.approx(85.9702103271025 + 267.5293429540361, rel=1e-12)
    steepest = np.linalg.eigvalsh(function.grad(np.eye(100)[:, None], np.zeros((100, 1, 100)))[:, 0])
    assert steepest.max() == pytest.approx(53.12901539863683, rel=1e-12)
    assert ((steepest < 1).sum(), (steepest > 30).sum()) == (90, 10)


@pytest.mark.parametrize(("rate", "status"), [(0.036, "ok"), (0.04, "diverged")])
def test_descent_on_the_deep_quadratic_is_stable_below_2_over_the_largest_curvature(
    rate: float, status: str
) -> None:
    assert trained("deep_quadratic", ("sgd", {"lr": rate}), 300, 100).status == status


def test_the_noise_of_a_batch_has_the_covariance_of_its_mean() -> None:
    """g - Q x = -Q mean of a, with covariance 0.36 / batch Q²: its trace by Monte Carlo."""
    function, rng = objective("deep_quadratic", batch=9.0), np.random.default_rng(1)
    draws = np.array([function.draw(rng) for _ in range(2000)])[:, None]
    noise = function.grad(np.zeros_like(draws), draws)[:, 0]
    curved = function.grad(np.eye(100)[:, None], np.zeros((100, 1, 100)))[:, 0]
    assert (noise**2).sum(axis=1).mean() == pytest.approx(0.36 / 9 * np.trace(curved @ curved), rel=0.05)


# Problems with data


@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_the_best_factorization_leaves_the_smaller_singular_values(width: int) -> None:
    """Eckart & Young 1936: ½ Σ σ² over those left out; σ = 1, 0.1, 0.01."""
    function = objective("matrix_factorization", condition=100.0, width=width)
    left_out = np.array([1, 0.1, 0.01])[width:]
    assert value(function, function.minimum) == pytest.approx((left_out**2).sum() / 2, abs=1e-15)
    np.testing.assert_allclose(slope(function, function.minimum), 0, atol=1e-14)
    assert value(function, np.zeros(14 * width)) == pytest.approx((1 + 0.1**2 + 0.01**2) / 2)
    np.testing.assert_array_equal(slope(function, np.zeros(14 * width)), 0)


@pytest.mark.parametrize("values", [{}, {"l2": 1.0}, {"l2": 0.0}, {"dimensions": 3, "examples": 50}])
def test_logistic_regression_has_the_minimum_that_scipy_finds(values: dict[str, float]) -> None:
    function = objective("logistic_regression", **values)
    size = function.dimensions
    theirs = scipy.optimize.minimize(
        lambda x: value(function, x), np.zeros(size), jac=lambda x: slope(function, x), tol=1e-12
    )
    np.testing.assert_allclose(function.minimum, theirs.x, atol=1e-6)
    np.testing.assert_allclose(slope(function, function.minimum), 0, atol=1e-14)


@pytest.mark.parametrize("l1", [0.02, 0.1])
def test_with_an_l1_penalty_it_has_the_sparse_minimum_that_scikit_learn_finds(l1: float) -> None:
    """scikit-learn sums the losses of n examples: C = 1 / (n l1)."""
    import inspect

    function = objective("logistic_regression", l1=l1, l2=0.0)
    module: Any = inspect.getmodule(type(function))
    data = module.signed(0, 200, 10, np.dtype("float64"))
    labels = np.where(np.arange(200) % 2, 1, -1)  # any labels: the examples are multiplied by them
    # Since 1.8 scikit-learn says by l1_ratio which penalty it takes, and warns of the older word.
    newer = tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 8)
    penalty: dict[str, Any] = {"l1_ratio": 1.0} if newer else {"penalty": "l1"}
    theirs = LogisticRegression(
        **penalty, C=1 / (200 * l1), fit_intercept=False, solver="liblinear", tol=1e-8, max_iter=10_000
    ).fit(labels[:, None] * data, labels)
    np.testing.assert_allclose(function.minimum, theirs.coef_[0], atol=1e-6)
    assert ((function.minimum == 0) == (np.abs(theirs.coef_[0]) < 1e-9)).all()
    np.testing.assert_allclose(slope(function, function.minimum), 0, atol=1e-14)


def test_without_a_penalty_separable_classes_have_no_minimum() -> None:
    assert objective("logistic_regression", examples=5, dimensions=20, l2=0.0).minimum is None
    none = objective("logistic_regression", l1=10.0).minimum  # the loss's slope at 0 is below 10 everywhere
    np.testing.assert_array_equal(none, np.zeros(10))


@pytest.mark.parametrize(
    "values", [{}, {"noise": 1.0}, {"examples": 4}, {"density": 0.2, "ratio": 100.0, "noise": 0.1}]
)
def test_least_squares_solves_the_normal_equations(values: dict[str, float]) -> None:
    function = objective("least_squares", **values)
    np.testing.assert_allclose(slope(function, function.minimum), 0, atol=1e-13)
    if values.get("noise"):
        assert value(function, function.minimum) > 1e-4
    else:
        assert value(function, function.minimum) < 1e-25
    eigenvalues = curvatures(function, np.zeros(10))
    if "ratio" in values:
        assert 1e3 < eigenvalues.max() / eigenvalues.min() < 1e6  # about the square of the ratio, 1e4


def test_rare_features_are_what_adagrad_is_made_for() -> None:
    """Duchi, Hazan & Singer 2011: it undoes the sizes of features, which hold descent up."""
    ends = {
        name: trained("least_squares", (name, {"lr": lr}), 500, 500, ratio=100.0).metrics["test_loss"]
        for name, lr in (("sgd", 0.5), ("adagrad", 1.0))
    }
    assert ends["adagrad"] < ends["sgd"] / 10


def test_phase_retrieval_does_not_know_the_sign() -> None:
    function = objective("phase_retrieval")
    signal, mirrored = function.minimum
    np.testing.assert_array_equal(signal, -mirrored)
    assert np.linalg.norm(signal) == pytest.approx(1)
    assert value(function, signal) == value(function, mirrored) == 0
    point = np.linspace(-1, 1, 10)
    assert value(function, point) == value(function, -point)
    assert curvatures(function, np.zeros(10)).max() < 0  # 0 is a hilltop
    np.testing.assert_array_equal(slope(function, np.zeros(10)), 0)


def test_many_measurements_give_the_landscape_of_their_mean() -> None:
    """E f = (3 |x|⁴ + 3 - 2 |x|² - 4 (x·s)²) / 4 of normal directions; its saddles are as documented."""
    function = objective("phase_retrieval", dimensions=3, measurements=200_000)
    signal = function.minimum[0]
    across = np.cross(signal, [1.0, 0, 0])
    across /= np.linalg.norm(across)
    for x in (0.5 * signal, across / np.sqrt(3), np.array([0.3, -0.2, 0.9])):
        mean = (3 * (x @ x) ** 2 + 3 - 2 * x @ x - 4 * (x @ signal) ** 2) / 4
        assert value(function, x) == pytest.approx(mean, rel=0.02)
    np.testing.assert_allclose(slope(function, across / np.sqrt(3)), 0, atol=0.03)


# Pathologies by themselves


@pytest.mark.parametrize(
    ("distance", "steepness"), [(1.0, 0.60653066), (3.0, 0.03332699), (6.0, 9.1379788e-8)]
)
def test_the_slope_of_a_well_vanishes_with_the_distance(distance: float, steepness: float) -> None:
    """r exp(-r²/2), by hand."""
    function = objective("gaussian_well", distance=distance)
    start = function.start(np.random.default_rng(0))
    assert np.linalg.norm(start) == pytest.approx(distance)
    assert np.linalg.norm(slope(function, start)) == pytest.approx(steepness, rel=1e-6)
    assert value(function, [0.0, 0.0]) == 0.0


def test_the_slopes_of_a_deep_chain_vanish_or_explode() -> None:
    """x₂ ... x₁₀ (x₁ ... x₁₀ - 1), by hand; the balanced minimum has one curved direction, of size D."""
    for begin, steepness in ((0.3, 0.3**9 * (0.3**10 - 1)), (2.0, 2.0**9 * (2.0**10 - 1))):
        chain = objective("deep_chain", begin=begin)
        np.testing.assert_allclose(slope(chain, chain.start(np.random.default_rng(0))), steepness, rtol=1e-12)
    assert curvatures(objective("deep_chain", dimensions=4), np.ones(4)) == pytest.approx(
        [0, 0, 0, 4], abs=1e-4
    )


def test_a_recurrent_unit_has_a_wall_between_its_two_states() -> None:
    """σ(0.5) and σ(w σ(0.5) + b) by hand; f is 0.49 where the unit is off and 0.09 where it is on."""
    hand = 1 / (1 + np.exp(-(2.0 * 0.6224593312 - 1.0)))
    assert value(objective("recurrent_wall", length=1), [2.0, -1.0]) == pytest.approx((hand - 0.7) ** 2)
    wall = objective("recurrent_wall")
    assert value(wall, [6.0, -9.0]) == pytest.approx(0.7**2, abs=1e-3)
    assert value(wall, [9.0, 1.0]) == pytest.approx(0.3**2, abs=1e-3)
    off, on = -3.25, -3.0
    assert value(wall, [6.0, off]) > 0.4
    assert value(wall, [6.0, on]) < 0.1
    for _ in range(30):
        middle = (off + on) / 2
        off, on = (middle, on) if value(wall, [6.0, middle]) > 0.3 else (off, middle)
    assert np.abs(slope(wall, [6.0, off])).max() > 1e4 * np.abs(slope(wall, [6.0, -3.25])).max()


def test_units_scale_values_and_move_the_minimum() -> None:
    """s = (10, 1/10) for a ratio of 100: f(0) = ½ scale (1 + 1), slopes -scale s, minimum at 1 / s."""
    function = objective("units", scale=1e-6, ratio=100.0)
    assert value(function, [0.0, 0.0]) == pytest.approx(1e-6)
    np.testing.assert_allclose(slope(function, [0.0, 0.0]), [-1e-5, -1e-7])
    np.testing.assert_allclose(function.minimum, [0.1, 10.0])
    assert value(function, function.minimum) < 1e-35


def test_heavy_tails_are_student_s() -> None:
    """With one degree of freedom half of all numbers lie beyond ±1 (Cauchy), with many 0.3173 (normal)."""
    rng = np.random.default_rng(0)
    for tails, share in ((1.0, 0.5), (1e6, 0.3173)):
        drawn = objective("student_noise", tails=tails, dimensions=40_000).draw(rng)
        assert np.mean(np.abs(drawn) > 1) == pytest.approx(share, abs=0.01)
    small = objective("student_noise", dimensions=2, size=3.0)
    assert small.grad(at([1.0, 2.0]), at([1.0, -1.0]))[0, 0].tolist() == [4.0, -1.0]
